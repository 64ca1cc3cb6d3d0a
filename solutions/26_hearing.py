"""Solutions of the exercises of chapter 26. Try them first."""

import math

from s2i_lib.exercises import check

# 1. A weight among forty
answer = math.exp(2) / (math.exp(2) + 39)
assert check("26.1", answer)


# 2. Attentive pooling
def attentive_mean(states, projection, query):
    return ((states @ projection.T).tanh() @ query).softmax(0) @ states


assert check("26.2", attentive_mean)

# 3. Who is refused
# 95 of 100 others and 18 of 900 about birds: one refusal in six is a mistake, although the threshold is strict.
answer = 95 / (95 + 18)
assert check("26.3", answer)
