"""Solutions of the exercises of chapter 01. Try them first."""

import math
from collections import Counter

import numpy as np

from s2i_lib.exercises import check

# 1. Pairs that share a colour
answer = 10 * math.comb(15, 2)
# Of all math.comb(150, 2) = 11,175 pairs these are 9 %, about one in ten: one colour alone hardly tells which class it is.
assert check("01.1", answer)

# 2. Is one sentence enough
# The described class fits; each of the other 49 does with probability 1/10 * 1/10.
answer = 1 + 49 / 100
# In a table with exactly five classes per colour, only 4 of the other 49 share each colour: 1 + 49 * (4 / 49)**2 = 1.33, fewer.
assert check("01.2", answer)


# 3. Are two columns independent
def entropy(column):
    shares = np.array(list(Counter(column).values())) / len(column)
    return -(shares * np.log2(shares)).sum()


# With few rows, chance alone makes some pairs more frequent than others: compare with a shuffled column.
def mutual_information(first, second):
    return entropy(first) + entropy(second) - entropy(list(zip(first, second)))


assert check("01.3", mutual_information)
