"""Solutions of the exercises of chapter 06. Try them first."""

import math

from torch.nn import functional as F

from s2i_lib.exercises import check

# 1. An uninformed discriminator
answer = 3 * 2 * math.log(2)
assert check("06.1", answer)


# 2. The hinge loss
def hinge(real, generated, mismatched):
    return F.relu(1 - real).mean() + (F.relu(1 + generated).mean() + F.relu(1 + mismatched).mean()) / 2


assert check("06.2", hinge)

# 3. Memory of an average
answer = math.log(0.5) / math.log(0.999)
assert check("06.3", answer)
