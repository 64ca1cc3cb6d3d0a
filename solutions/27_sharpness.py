"""Solutions of the exercises of chapter 27. Try them first."""

from s2i_lib.exercises import check

# 1. The price of a penalty
answer = (200 + 240 / 4) / (200 + 240 / 16)
assert check("27.1", answer)

# 2. How large is a patch
width = 1
for kernel, stride in ((1, 1), (3, 1), (4, 2), (3, 1)):
    width = (width - 1) * stride + kernel
answer = 2 * width
assert check("27.2", answer)

# 3. R1 of a paraboloid
answer = 0.1 / 2 * 3**2 * (1**2 + 2**2)
assert check("27.3", answer)
