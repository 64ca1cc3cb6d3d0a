"""Solutions of the exercises of chapter 13. Try them first."""

import math

import numpy as np

from s2i_lib.exercises import check

# 1. The same sentences
answer = math.sqrt((0.3**2 + 0.3**2) / (0.3**2 + 0.3**2 - 2 * 0.8 * 0.3**2))
assert check("13.1", answer)


# 2. Do two scores order alike
def rank_correlation(first, second):
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return np.corrcoef(*ranks)[0, 1]


assert check("13.2", rank_correlation)

# 3. How many sentences really
answer = 1000 / (1 + 19 * 0.1)
assert check("13.3", answer)
