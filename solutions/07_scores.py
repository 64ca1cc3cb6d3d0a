"""Solutions of the exercises of chapter 07. Try them first."""

import math

from s2i_lib.exercises import check


# 1. In one dimension
# s1^2 + s2^2 - 2 s1 s2 = (s1 - s2)^2
def frechet_1d(mean1, deviation1, mean2, deviation2):
    return (mean1 - mean2) ** 2 + (deviation1 - deviation2) ** 2


assert check("07.1", frechet_1d)

# 2. Two classes
# KL(one-hot | p(y)) = -log p(y), whose mean is the entropy of p(y).
answer = math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
assert check("07.2", answer)

# 3. Without the bias
b = (0.8 - 0.6) / (1 / 1000 - 1 / 2000)
answer = 0.8 - b / 1000
assert check("07.3", answer)
