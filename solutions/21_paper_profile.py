"""Solutions of the exercises of chapter 21. Try them first."""

from s2i_lib.exercises import check

# 1. Pictures per class
answer = 1155 / 20
assert check("21.1", answer)

# 2. A singular matrix
# Its 894 other eigenvalues are zero whatever the pictures show, which a Fréchet distance takes for a property of the pictures.
answer = 1155 - 1
assert check("21.2", answer)

# 3. What nobody can search
answer = 3**10 * 4 / 365.25
assert check("21.3", answer)
