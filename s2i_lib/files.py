"""Where files lie, and how they are written: as a whole or not at all."""

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

UNFINISHED = ".tmp"  # ends the hidden names of files that are being written; a killed process leaves them


def repository() -> Path:
    """The folder that this package lies in: of a checkout, the one with ``notebooks/`` and the committed ``results/``."""
    return Path(__file__).resolve().parents[1]


def project_root() -> Path:
    """The folder of ``data/`` and ``runs/``: the environment variable ``S2I_ROOT``, else the repository.

    It is looked up at every call, so that a test or a borrowed machine can work elsewhere.
    """
    return Path(os.environ.get("S2I_ROOT") or repository())


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call ``write(file)`` on a temporary binary file beside `path`, then rename it, so that no half file is ever seen.

    Where either fails, nothing is left behind. Several processes may write one path: the last to finish wins.

    Raises:
        OSError: it cannot be written; the error names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}{UNFINISHED}")  # short: `path` may have the longest name there is
    try:
        with open(temporary, "wb") as file:
            write(file)
        os.replace(temporary, path)
    except OSError as error:  # that of a write to a full disk names no file
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:  # it is gone where all went well
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes have left of ``save_atomically`` below a folder that nobody else writes to."""
    for path in folder.rglob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def save_text(path: Path, text: str) -> None:
    """``save_atomically`` for a text, in UTF-8."""
    save_atomically(path, lambda file: file.write(text.encode()))


def load_array(path: Path, in_memory: bool = True) -> NDArray[Any]:
    """What ``save_array`` wrote, or without `in_memory` a view of the file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is cut short or no array; the message says what to do.
    """
    try:
        values: NDArray[Any] = np.load(path, mmap_mode=None if in_memory else "r")
    except (ValueError, EOFError):
        raise ValueError(f"{path} is cut short, or no array: remove it and start again, what it held is made anew") from None
    return values


def save_array(path: Path, values: NDArray[Any]) -> None:
    """``save_atomically`` for an array, as ``.npy``."""
    # Into a file, numpy writes past Python, and what it raises on a full disk does not say why.
    save_atomically(path, lambda file: np.save(SimpleNamespace(write=file.write), values))
