"""Solutions of the exercises of chapter 29. Try them first."""

from s2i_lib.exercises import check

# 1. Due to the encoder
answer = ((0.66 - 0.50) + (0.86 - 0.62)) / 2
assert check("29.1", answer)

# 2. More than the sum
# Positive: each is worth more beside the other. What a generator cannot draw, no encoder can make it show.
answer = 0.86 - 0.66 - 0.62 + 0.50
assert check("29.2", answer)


# 3. A table of four
def effects(scores):
    encoder, generator = scores[1] - scores[0], scores[:, 1] - scores[:, 0]
    return encoder.mean(), generator.mean(), encoder[1] - encoder[0]


assert check("29.3", effects)
