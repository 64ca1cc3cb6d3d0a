"""Solutions of the exercises of chapter 32. Try them first."""

import math

import numpy as np

from s2i_lib.exercises import check

# 1. Hidden in the mean
# The table says "better".
answer = 0.96 * (0.09 - 0.10) + 0.04 * (0.50 - 0.30)
assert check("32.1", answer)

# 2. Speakers or sentences
answer = 0.15 / math.sqrt(20)
assert check("32.2", answer)


# 3. By group
def by_group(errors, groups):
    return np.array([errors[groups == group].mean() for group in np.unique(groups)])


assert check("32.3", by_group)
