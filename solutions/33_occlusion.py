"""Solutions of the exercises of chapter 33. Try them first."""

import numpy as np

from s2i_lib.exercises import check

# 1. How many windows?
# The last one begins at 3.8 s.
answer = (4.0 - 0.2) / 0.05 + 1
assert check("33.1", answer)


# 2. The distance
def distance(one, other):
    return 1 - one @ other / (np.linalg.norm(one) * np.linalg.norm(other))


assert check("33.2", distance)

# 3. What does it show?
# A weight says how much a step enters the mean, not that only this step carries what it carries.
answer = "B"
assert check("33.3", answer)
