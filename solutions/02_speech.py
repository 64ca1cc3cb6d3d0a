"""Solutions of the exercises of chapter 02. Try them first."""

import numpy as np

from s2i_lib.exercises import check

# 1. Edits
# bird -> word (S), a is missing (D), and was added (I): three edits for six spoken words.
answer = (1 + 1 + 1) / 6
assert check("02.1", answer)


# 2. Noise at an exact level
def noise_gain(speech, noise, snr_db):
    return np.sqrt((speech**2).mean() / (noise**2).mean() / 10 ** (snr_db / 10))


assert check("02.2", noise_gain)

# 3. A tone that was not there
# Above half the sample rate frequencies fold back: 8000 - 5000. So a telephone filters first, and the hiss of an s is lost.
answer = 8000 - 5000
assert check("02.3", answer)
