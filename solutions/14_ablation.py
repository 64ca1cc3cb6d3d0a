"""Solutions of the exercises of chapter 14. Try them first."""

import math

from s2i_lib.exercises import check

# 1. Add or remove
# Removing A costs 0.18, adding it to nothing brings 0.10: A needs B. One table cannot show both.
answer = 0.70 - 0.52
assert check("14.1", answer)


# 2. What differs
def changed(ours, theirs, prefix=""):
    found = set()
    for name, value in ours.items():
        if isinstance(value, dict):
            found |= changed(value, theirs[name], f"{prefix}{name}.")
        elif value != theirs[name]:
            found.add(prefix + name)
    return found


assert check("14.2", changed)

# 3. Or was it the seed
answer = math.erfc(0.03 / (0.02 * math.sqrt(2)) / math.sqrt(2))
assert check("14.3", answer)
