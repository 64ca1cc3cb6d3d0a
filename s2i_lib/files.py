"""Files that are written as a whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO


def save_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call ``write(file)`` on a temporary binary file beside `path`, then rename it, so that no half file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    with open(temporary, "wb") as file:
        write(file)
    os.replace(temporary, path)
