"""Solutions of the exercises of chapter 28. Try them first."""

import numpy as np

from s2i_lib.exercises import check

# 1. Through a classifier that errs
answer = (0.42 - 0.1) / (0.5 - 0.1)
assert check("28.1", answer)


# 2. What a class explains
def explained_share(features, classes):
    means = np.stack([features[classes == c].mean(0) for c in classes])
    return ((means - features.mean(0)) ** 2).sum() / ((features - features.mean(0)) ** 2).sum()


assert check("28.2", explained_share)

# 3. Nearer to the ceiling
answer = 0.83 / 0.94 - 0.60 / 0.82
assert check("28.3", answer)
