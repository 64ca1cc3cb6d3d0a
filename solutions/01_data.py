"""Solutions of the exercises of chapter 01. Try them first."""

from collections import Counter

import numpy as np

from s2i_lib.exercises import check

# 1. How many birds
answer = 10**5 * 3 * 2**5
# 150 classes are 0.0016 % of them, so a new combination is almost always one that nobody has seen.
assert check("01.1", answer)

# 2. Is one sentence enough
# The described class fits; each of the other 49 does with probability 1/10 * 1/10.
answer = 1 + 49 / 100
assert check("01.2", answer)


# 3. Are two columns independent
def entropy(column):
    shares = np.array(list(Counter(column).values())) / len(column)
    return -(shares * np.log2(shares)).sum()


# With few rows, chance alone makes some pairs more frequent than others: compare with a shuffled column.
def mutual_information(first, second):
    return entropy(first) + entropy(second) - entropy(list(zip(first, second)))


assert check("01.3", mutual_information)
