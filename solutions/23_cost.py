"""Solutions of the exercises of chapter 23. Try them first."""

from s2i_lib.exercises import check


# 1. Operations of one layer
def operations(batch, inputs, outputs, kernel, height, width):
    return 2 * batch * inputs * outputs * kernel**2 * height * width


assert check("23.1", operations)

# 2. Half the side
answer = (256 / 128) ** 2
assert check("23.2", answer)

# 3. Memory that no batch size changes
answer = 10 * 4 * (1 + 1 + 2)
assert check("23.3", answer)
