"""Solutions of the exercises of chapter 08. Try them first."""

import math

import numpy as np

from s2i_lib.exercises import check

# 1. Agreement by chance
draws = np.random.default_rng(0).integers(10, size=(50_000, 8))
answer = np.mean([np.bincount(row).max() / 8 for row in draws])
assert check("08.1", answer)

# 2. Forty pairs
answer = next(k for k in range(41) if sum(math.comb(40, j) for j in range(k, 41)) / 2**40 <= 0.05)
assert check("08.2", answer)


# 3. The frame of a picture
def border_change(first, second, width):
    frame = np.ones(first.shape[:2], dtype=bool)
    frame[width:-width, width:-width] = False
    return np.abs(first - second)[frame].mean()


assert check("08.3", border_change)
