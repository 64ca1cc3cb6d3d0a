"""The lists of splits that StackGAN's authors pickled, read without running what a pickle may hold."""

import pickle
import pickletools
from pathlib import Path, PurePosixPath
from typing import Any

from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos.parts import Photo

_IGNORED = ("PROTO", "FRAME")
_REMEMBER, _RECALL = ("PUT", "BINPUT", "LONG_BINPUT"), ("GET", "BINGET", "LONG_BINGET")
_VALUES = (
    "INT",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG",
    "LONG1",
    "LONG4",
    "STRING",
    "BINSTRING",
    "SHORT_BINSTRING",
    "UNICODE",
    "BINUNICODE",
    "SHORT_BINUNICODE",
)


def _plain_value(data: bytes) -> Any:
    """Interpret a pickle of lists, texts and whole numbers, opcode by opcode.

    A pickle that asks for any class or function is refused before it runs, and no number in it reserves memory.

    Raises:
        pickle.UnpicklingError: another opcode.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}
    for opcode, argument, _ in pickletools.genops(data):
        name = opcode.name
        if name in _VALUES:
            stack.append(argument)
        elif name == "MARK":
            marks.append(len(stack))
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "LIST":
            start = marks.pop()
            stack[start:] = [stack[start:]]
        elif name == "APPEND":
            last = stack.pop()
            stack[-1].append(last)
        elif name == "APPENDS":
            start = marks.pop()
            items, stack[start:] = stack[start:], []
            stack[-1].extend(items)
        elif name in _REMEMBER:
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in _RECALL:
            stack.append(memo[argument])
        elif name == "STOP":
            return stack.pop()
        elif name not in _IGNORED:
            wanted = " ".join(map(str, stack[-2:])) if name == "STACK_GLOBAL" else argument or name
            raise pickle.UnpicklingError(f"it asks for {wanted}")
    raise pickle.UnpicklingError("it has no end")


def read_pickled_list(path: Path, kind: type) -> list[Any]:
    """A list of texts or of numbers from a pickle of StackGAN's data (``filenames.pickle``, ``class_info.pickle``).

    Raises:
        DatasetError: the pickle wants to run code, is damaged or holds something else.
    """
    try:
        values = _plain_value(path.read_bytes())
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing: unpack StackGAN's archive again") from None
    except Exception as error:  # a damaged pickle can fail in any way
        raise DatasetError(f"{path} is not a plain list and was not read ({error}): do not use this file") from None
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise DatasetError(f"{path} is not a list of {kind.__name__} values: do not use this file")
    return values


def check_stackgan_lists(folder: Path, photos: list[Photo]) -> None:
    """Compare our splits with those that StackGAN's authors pickled, ``<split>/filenames.pickle`` and ``class_info.pickle``.

    Raises:
        DatasetError: a list cannot be read safely, or is of another split; the message names the first image that differs.
    """
    for split in ("train", "test"):
        names = read_pickled_list(folder / split / "filenames.pickle", str)
        classes = read_pickled_list(folder / split / "class_info.pickle", int)
        if len(names) != len(classes):
            raise DatasetError(f"{folder / split} lists {len(names)} images but {len(classes)} classes: unpack it again")
        theirs = {PurePosixPath(name).name for name in names}
        ours = {PurePosixPath(photo.name).name for photo in photos if photo.split == split}
        if theirs != ours:
            raise DatasetError(
                f"{folder / split / 'filenames.pickle'} is of another split than Table I, see "
                f"{min(theirs ^ ours)}: remove {folder} to go on without it"
            )
