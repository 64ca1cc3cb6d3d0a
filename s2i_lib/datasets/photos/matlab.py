"""One numeric array out of a MATLAB file (level 5). scipy reads these too, but brings the process down on some damaged ones."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_NUMBERS = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
_MATRIX, _COMPRESSED = 14, 15
_LARGEST = 1 << 24  # bytes that an array may unpack to


def read_array(path: Path, name: str) -> NDArray[np.float64]:
    """The values of a numeric array as one vector, in MATLAB's order.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is damaged, of another kind, or holds no such array.
    """
    content = path.read_bytes()
    if content[126:128] != b"IM":
        raise ValueError("it is no MATLAB file of level 5")
    try:
        for kind, data in _elements(content[128:]):
            if kind == _COMPRESSED:
                ((kind, data),) = _elements(_unpacked(data))
            if kind != _MATRIX:
                continue
            parts = list(_elements(data))
            if parts[2][1].decode("latin-1") == name:
                stored, values = parts[3]
                return np.frombuffer(values, _NUMBERS[stored]).astype(np.float64)
    except (struct.error, zlib.error, IndexError, KeyError, ValueError) as error:
        raise ValueError(f"it is damaged: {error}") from None
    raise ValueError(f"it holds no array {name!r}")


def _unpacked(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    found = stream.decompress(data, _LARGEST)
    if not stream.eof:
        raise ValueError("an array is cut short or far too large")
    return found


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of one element after the other; short ones stand in their own tag."""
    position = 0
    while position < len(data):
        kind, size = struct.unpack_from("<II", data, position)
        start, short = position + 8, kind >> 16
        if short:
            kind, size, start = kind & 0xFFFF, short, position + 4
        if start + size > len(data):
            raise ValueError("an element is cut short")
        yield kind, data[start : start + size]
        end = position + 8 if short else start + size
        position = end if kind == _COMPRESSED else end + -end % 8
