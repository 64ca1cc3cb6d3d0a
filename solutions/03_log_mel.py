"""Solutions of the exercises of chapter 03. Try them first."""

import cmath
import math

import numpy as np

from s2i_lib.exercises import check


# 1. How many frames
def number_of_frames(n):
    return 1 + n // 160


assert check("03.1", number_of_frames)


# 2. The mel scale
def hertz_to_mel(frequency):
    return 3 * frequency / 200 if frequency < 1000 else 15 + 27 * np.log(frequency / 1000) / np.log(6.4)


assert check("03.2", hertz_to_mel)

# 3. What pre-emphasis lifts
gain = {f: abs(1 - 0.97 * cmath.exp(-2j * math.pi * f / 16000)) for f in (100, 8000)}
# 8,000 Hz is nearly doubled, 100 Hz is divided by twenty.
answer = 20 * math.log10(gain[8000] / gain[100])
assert check("03.3", answer)
