"""Solutions of the exercises of chapter 31. Try them first."""

import math

from s2i_lib.exercises import check

# 1. What a batch can show
answer = math.log(256) - 1.2
assert check("31.1", answer)


# 2. The best denoiser
# -s times the slope of -(x - a m)^2 / (2 (a^2 d^2 + s^2)). The starter forgets that the number itself varies.
def best_noise(x, a, s, mean, deviation):
    return s * (x - a * mean) / ((a * deviation) ** 2 + s**2)


assert check("31.2", best_noise)

# 3. Which numbers may stand side by side
# Number, crop and network all change a Fréchet distance. Even C says nothing about the sentences.
assert check("31.3", "C")
