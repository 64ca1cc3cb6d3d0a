"""Solutions of the exercises of chapter 09. Try them first."""

import itertools

from s2i_lib.exercises import check


# 1. How far apart are two classes
def smallest_distance(classes):
    return min(sum(a[name] != b[name] for name in a) for a, b in itertools.combinations(classes, 2))


assert check("09.1", smallest_distance)

# 2. Other names
# Only B makes two labels equal: then one picture is no longer a wrong answer for the other's sentence.
assert check("09.2", "B")


# 3. Twenty classes or fifty
def above_chance(accuracy, classes):
    return (accuracy - 1 / classes) / (1 - 1 / classes)


# The lower accuracy can be the better one: it is nearly even here (0.3684 and 0.3673).
answer = above_chance(0.40, 20) - above_chance(0.38, 50)
assert check("09.3", answer)
