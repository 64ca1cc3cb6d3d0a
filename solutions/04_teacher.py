"""Solutions of the exercises of chapter 04. Try them first."""

import numpy as np

from s2i_lib.exercises import check

# 1. A small red wing
# (1/49)^(1/3) over 1/49: few strong positions count more.
answer = (1 / 49) ** (1 / 3) / (1 / 49)
assert check("04.1", answer)


# 2. A linear probe
def ridge(x, y, penalty):
    return np.linalg.solve(x.T @ x + penalty * len(x) * np.eye(x.shape[1]), x.T @ y)


assert check("04.2", ridge)

# 3. Which direction separates
# 8/4 = 2 against 6/1 = 6. A principal component analysis looks at the total, 12 against 7, and would keep the other one.
answer = 6 / 1
assert check("04.3", answer)
