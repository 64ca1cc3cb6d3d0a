"""How the files of the photo data sets are read, and when they are refused."""

import codecs
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos.parts import Photo
from s2i_lib.datasets.records import Caption
from s2i_lib.datasets.spec import Describe

CAPTIONS_PER_PHOTO = 10
OBJECT_RATIO = 0.75  # Section IV-A; the released code cuts squares of 1.5 times the box, a ratio of 2/3
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")  # no others: to read EPS, Pillow starts Ghostscript
MOST_PIXELS = 40_000_000  # in RGB 120 MB, and again while they are converted
_BROKEN_IMAGE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def labels_and_splits(train: tuple[int, ...], test: tuple[int, ...]) -> dict[int, tuple[int, str]]:
    """Published class id -> label and split, where the splits share no class: the training classes come first."""
    splits = ["train"] * len(train) + ["test"] * len(test)
    return {number: (label, split) for label, (number, split) in enumerate(zip(train + test, splits))}


def read_captions(path: Path, count: int = CAPTIONS_PER_PHOTO) -> tuple[Caption, ...]:
    """The first `count` captions of a text file of Reed et al. (2016), one per line.

    Some lines hold bytes that are not UTF-8, or the replacement characters that an earlier conversion left for them; they
    stand for quotation marks, degree signs and the like and are dropped. Empty lines are skipped. What is mentioned is unknown.

    Raises:
        DatasetError: no such file, no text, or fewer captions than that.
    """
    if not path.is_file():
        raise DatasetError(f"caption file {path} is missing: unpack the captions again")
    text = decoded(path).replace("\ufffd", " ")
    lines = [" ".join(line.split()) for line in re.split(r"[\r\n]+", text)]
    captions = [line for line in lines if any(character.isalnum() for character in line)]
    if len(captions) < count:
        raise DatasetError(f"caption file {path} holds {len(captions)} captions instead of {count}: unpack the captions again")
    return tuple(Caption(text, {}) for text in captions[:count])


def decoded(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 if it begins with its byte order mark; bytes that are neither are replaced.

    Raises:
        DatasetError: it holds zero bytes, so that it is no text, or UTF-16 or 32 without a mark.
    """
    content = path.read_bytes()
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    if b"\0" in content:
        raise DatasetError(f"{path} is no text in UTF-8: unpack it again")
    return content.decode("utf-8", errors="replace")


def composed_captions(describe: Describe, attributes: Mapping[str, str], seed: Sequence[int]) -> tuple[Caption, ...]:
    """Ten sentences about a photo, composed from its attributes: the same ones in every run, and what each mentions."""
    rng = np.random.default_rng(list(seed))
    made = [describe(dict(attributes), rng) for _ in range(CAPTIONS_PER_PHOTO)]
    return tuple(Caption(text, mentioned) for text, mentioned in made)


def crop_window(
    box: tuple[float, float, float, float], width: int, height: int, ratio: float = OBJECT_RATIO
) -> tuple[int, int, int, int]:
    """The square around an object of which the object's longer side takes at least `ratio` (Section IV-A).

    The square is moved into the picture. Where it is larger than the picture, the picture's whole width or height is taken and
    the window is no square; the object is never cut.

    Args:
        box: left, top, width and height of the object in pixels.
        width, height: of the picture.

    Returns:
        left, top, right, bottom in pixels.

    Raises:
        ValueError: the box is empty or outside the picture, or `ratio` is not in (0, 1].
    """
    if not 0 < ratio <= 1:
        raise ValueError(f"an object cannot take {ratio} of its picture: choose a ratio above 0 and up to 1")
    left, top = max(int(np.floor(box[0])), 0), max(int(np.floor(box[1])), 0)
    right, bottom = min(int(np.ceil(box[0] + box[2])), width), min(int(np.ceil(box[1] + box[3])), height)
    if left >= right or top >= bottom:
        raise ValueError(f"the bounding box {tuple(map(float, box))} is not in a picture of {width} x {height} pixels")
    side = int(max(right - left, bottom - top) / ratio)
    window = []
    for start, stop, length in ((left, right, width), (top, bottom, height)):
        extent = min(side, length)
        window.append((min(max((start + stop - extent) // 2, 0), length - extent), extent))
    (x, across), (y, down) = window
    return x, y, x + across, y + down


def _in_rgb(image: Image.Image) -> Image.Image:
    """A picture of any kind, some are grey-scale, in RGB.

    Raises:
        ValueError: it is too large, or nobody knows which of its values is white.
    """
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"{image.width} x {image.height} pixels are too many")
    if image.mode.startswith("I;16"):  # Pillow would make everything above 255 white
        image = Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"its pixels are numbers of 32 bits (mode {image.mode}), of which none is known to be white")
    return image.convert("RGB")


def read_pixels(photo: Photo, size: int) -> NDArray[np.uint8]:
    """A photo as (size, size, 3) uint8 RGB: cropped to its box, or else to the square in its middle, and scaled.

    Raises:
        DatasetError: no such file, or no complete picture in it.
    """
    try:
        with Image.open(photo.path, formats=FORMATS) as file:
            image = _in_rgb(file)
        if photo.box is not None:
            window = crop_window(photo.box, *image.size)
        else:
            side = min(image.size)
            x, y = (image.width - side) // 2, (image.height - side) // 2
            window = (x, y, x + side, y + side)
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=window))
    except _BROKEN_IMAGE as error:
        raise DatasetError(f"image {photo.path} cannot be read ({error}): unpack the images again") from None
