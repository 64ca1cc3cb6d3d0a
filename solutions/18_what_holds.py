"""Solutions of the exercises of chapter 18. Try them first."""

import math

import numpy as np

from s2i_lib.exercises import check

# 1. Three runs
answer = 4.303 * np.std([0.10, 0.12, 0.14], ddof=1) / math.sqrt(3)
assert check("18.1", answer)


# 2. A verdict
def verdict(low, high):
    return "holds" if low > 0 else "does not hold" if high < 0 else "undecided"


assert check("18.2", verdict)

# 3. By chance alone
# So a list of thirty verdicts needs a correction, or modesty.
answer = 1 - 0.95**30
assert check("18.3", answer)
