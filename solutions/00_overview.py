"""Solutions of the exercises of chapter 00. Try them first."""

import math

from s2i_lib.exercises import check

# 1. At the equilibrium
# D = 1/2 everywhere, so both expectations are log 1/2.
answer = 2 * math.log(0.5)
assert check("00.1", answer)


# 2. The best discriminator
# a / D = b / (1 - D)  gives  a - a D = b D.
def best_discriminator(a, b):
    return a / (a + b)


assert check("00.2", best_discriminator)

# 3. The flat end
# |d/dl -log s(l)| = 1 - s(l), |d/dl log(1 - s(l))| = s(l); their ratio is e^(-l): it grows without bound as D gets surer.
answer = math.exp(4)
assert check("00.3", answer)
