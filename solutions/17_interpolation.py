"""Solutions of the exercises of chapter 17. Try them first."""

import math

import numpy as np

from s2i_lib.exercises import check

# 1. How short is the middle
answer = math.cos(math.radians(30))
assert check("17.1", answer)


# 2. Along the sphere
def slerp(first, second, share):
    angle = np.arccos(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
    return (np.sin((1 - share) * angle) * first + np.sin(share * angle) * second) / np.sin(angle)


assert check("17.2", slerp)

# 3. One large step
steps = np.array([1, 1, 1, 5])
answer = steps.std() / steps.mean()
assert check("17.3", answer)
