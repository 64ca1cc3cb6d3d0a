"""Solutions of the exercises of chapter 19. Try them first."""

import math

from s2i_lib.exercises import check

# 1. Twice the noise
answer = 10 * math.log10(2)
assert check("19.1", answer)

# 2. The end of a word
# A fifth of a second is as long as a syllable, so vowels cover the consonants that follow.
answer = 0.8 * 15 / 60
assert check("19.2", answer)

# 3. One word out of seven
answer = 0.9 + 0.1 / 7
assert check("19.3", answer)
