"""Solutions of the exercises of chapter 25. Try them first."""

from torch.nn import functional as F

from s2i_lib.exercises import check

# 1. More or fewer numbers
answer = (384 / 0.08) / (40 / 0.01)
assert check("25.1", answer)


# 2. A learned sum of layers
def weighted_layers(states, logits):
    return (logits.softmax(0)[:, None, None] * F.layer_norm(states, states.shape[-1:])).sum(0)


assert check("25.2", weighted_layers)

# 3. Thirty seconds of silence
answer = (30 / 4) ** 2
assert check("25.3", answer)
