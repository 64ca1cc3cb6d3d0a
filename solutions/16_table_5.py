"""Solutions of the exercises of chapter 16. Try them first."""

from s2i_lib.exercises import check


# 1. Smaller pictures
def shrink(picture, factor):
    height, width, channels = picture.shape
    return picture.reshape(height // factor, factor, width // factor, factor, channels).mean((1, 3))


assert check("16.1", shrink)

# 2. Which reading
# 700 to 400 against full size, but 200 to 400 against pictures of the same size. A table that does not say which one it
# means cannot be read.
assert check("16.2", "B")

# 3. Where the work is
answer = 64**2 / (16**2 + 32**2 + 64**2)
assert check("16.3", answer)
