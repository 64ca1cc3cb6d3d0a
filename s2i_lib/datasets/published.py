"""What the paper's own data sets have in common: where they come from, how their files are read and when they are refused.

Nobody may pass these files on, so each user fetches them: ``python -m s2i_lib data status`` says what is missing and where to
get it. A data set unpacks into ``data/<name>`` and stays as it was published. Chapter 01 turns it into the files that it also
writes for rendered pictures (``artefacts.write_images``), and nothing after it knows the difference.
"""

import importlib
import io
import pickle
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from s2i_lib import config
from s2i_lib.config import Config
from s2i_lib.datasets import PUBLISHED, DatasetError, dataset_module

CAPTIONS_PER_PHOTO = 10
OBJECT_RATIO = 0.75  # Section IV-A; the released code cuts squares of 1.5 times the box, a ratio of 2/3
_BROKEN_IMAGE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


@dataclass(frozen=True)
class Part:
    """One published file and what it unpacks to.

    Attributes:
        archive: file name to look for in ``data/<name>``.
        unpacked: paths below ``data/<name>``, any of which holds the content; people unpack in different ways.
        source: address of the page on which a person gets it.
        size: bytes to download, None where the publisher does not say.
        url, checksum: of the file where it is openly downloadable, else empty; see ``downloads.download``.
        optional: nothing needs it; if it is there, it is checked.
    """

    what: str
    archive: str
    unpacked: tuple[str, ...]
    source: str
    licence: str
    size: int | None = None
    url: str = ""
    checksum: str = ""
    optional: bool = False

    def find(self, folder: Path) -> Path | None:
        """Where its content is below `folder`, None if it is not there."""
        return next((folder / path for path in self.unpacked if (folder / path).exists()), None)


@dataclass(frozen=True)
class Photo:
    """One image of a published data set and what is said about it.

    Attributes:
        name: as published, without suffix.
        label: class index; where classes are not shared between the splits, the training classes come first.
        captions: sentences without line ends or undecodable bytes.
        box: left, top, width and height in pixels of what is described, None if it fills the picture.
        recordings: one per caption that somebody has spoken already, in their order; none where chapter 02 lets a voice speak.
    """

    name: str
    label: int
    split: str
    path: Path
    captions: tuple[str, ...]
    box: tuple[float, float, float, float] | None = None
    recordings: tuple[Path, ...] = ()


def raw_folder(name: str) -> Path:
    """Where the published files of a data set belong."""
    return config.ROOT / "data" / name


def published_module(name: str) -> ModuleType:
    """The module of a published data set.

    Raises:
        DatasetError: no such data set, or one that is drawn instead of downloaded.
    """
    if name == "weights":  # no data set, but got in the same way
        return importlib.import_module("s2i_lib.datasets.weights")
    if name not in PUBLISHED:
        raise DatasetError(f"{name!r} is not a data set to download; choose from {', '.join(PUBLISHED)}")
    return dataset_module(name)


# --- reading ---


def labels_and_splits(train: tuple[int, ...], test: tuple[int, ...]) -> dict[int, tuple[int, str]]:
    """Published class id -> label and split, where the splits share no class: the training classes come first."""
    splits = ["train"] * len(train) + ["test"] * len(test)
    return {number: (label, split) for label, (number, split) in enumerate(zip(train + test, splits))}


def part_folder(part: Part, folder: Path) -> Path:
    """Where the content of a part is.

    Raises:
        DatasetError: it is not there; the message says how to get it.
    """
    found = part.find(folder)
    if found is None:
        raise DatasetError(f"{folder / part.unpacked[0]} ({part.what}) is missing: run python -m s2i_lib data status --dataset "
                           f"{folder.name} to see where to get it")
    return found


def inside(folder: Path, relative: str, source: Path | None = None) -> Path:
    """``folder / relative`` for a path that a published file names.

    Args:
        source: the file that names it, for the message.

    Raises:
        DatasetError: the path is absolute or leads out of `folder`.
    """
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts or "\\" in relative or "\0" in relative or not path.parts:
        raise DatasetError(f"{source or folder} names a file {relative!r}, which leads out of its folder: do not use these data")
    return folder / path


def read_captions(path: Path, count: int = CAPTIONS_PER_PHOTO) -> tuple[str, ...]:
    """The first `count` captions of a text file of Reed et al. (2016), one per line.

    Some lines hold bytes that are not UTF-8, or the replacement characters that an earlier conversion left for them; they
    stand for quotation marks, degree signs and the like and are dropped. Empty lines are skipped.

    Raises:
        DatasetError: no such file, or fewer captions than that.
    """
    if not path.is_file():
        raise DatasetError(f"caption file {path} is missing: unpack the captions again")
    text = path.read_bytes().decode("utf-8", errors="replace").replace("\ufffd", " ")
    lines = [" ".join(line.split()) for line in re.split(r"[\r\n]+", text)]
    captions = [line for line in lines if any(character.isalnum() for character in line)]
    if len(captions) < count:
        raise DatasetError(f"caption file {path} holds {len(captions)} captions instead of {count}: unpack the captions again")
    return tuple(captions[:count])


def crop_window(box: tuple[float, float, float, float], width: int, height: int,
                ratio: float = OBJECT_RATIO) -> tuple[int, int, int, int]:
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


def read_pixels(photo: Photo, size: int) -> np.ndarray:
    """A photo as (size, size, 3) uint8 RGB: cropped to its box, or else to the square in its middle, and scaled.

    Raises:
        DatasetError: no such file, or no complete picture in it.
    """
    try:
        with Image.open(photo.path) as file:
            image = file.convert("RGB")  # some are grey-scale
        if photo.box is not None:
            window = crop_window(photo.box, *image.size)
        else:
            side = min(image.size)
            x, y = (image.width - side) // 2, (image.height - side) // 2
            window = (x, y, x + side, y + side)
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=window))
    except _BROKEN_IMAGE as error:
        raise DatasetError(f"image {photo.path} cannot be read ({error}): unpack the images again") from None


class _PlainUnpickler(pickle._Unpickler):
    """Reads lists, texts and numbers; a pickle that asks for any class or function is refused before it runs.

    The base class is the one written in Python: a few bytes make the one written in C reserve any amount of memory.
    """

    def find_class(self, module: str, name: str):
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def read_pickled_list(path: Path, kind: type) -> list:
    """A list of texts or of numbers from a pickle of StackGAN's data (``filenames.pickle``, ``class_info.pickle``).

    Raises:
        DatasetError: the pickle wants to run code, is damaged or holds something else.
    """
    try:
        values = _PlainUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
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
            raise DatasetError(f"{folder / split / 'filenames.pickle'} is of another split than Table I, see "
                               f"{min(theirs ^ ours)}: remove {folder} to go on without it")


# --- what is there ---


def missing_parts(name: str) -> list[Part]:
    """The parts of a data set that are needed and not there."""
    return [part for part in published_module(name).PARTS if not part.optional and part.find(raw_folder(name)) is None]


def status(name: str, parts: Sequence[Part] | None = None) -> list[str]:
    """What is there of a data set (or of some `parts` of it) and what is not, where to get it and where to put it, as lines of
    text."""
    module, folder = published_module(name), raw_folder(name)
    ready = "complete" if not missing_parts(name) else "incomplete"
    lines = [f"{name}: {module.TITLE}, {ready}, in {folder}"]
    for part in module.PARTS if parts is None else parts:
        found, need = part.find(folder), " (optional)" if part.optional else ""
        if found is not None:
            lines.append(f"  there    {part.what}{need}: {found.relative_to(folder) if found.is_relative_to(folder) else found}")
            continue
        size = tqdm.format_sizeof(part.size, "B") if part.size else "size not stated"
        fetched = "python -m s2i_lib data fetch does this" if part.url else "by hand, then run python -m s2i_lib data fetch"
        lines += [f"  missing  {part.what}{need}: {part.archive}, {size}", f"           get it from {part.url or part.source}",
                  f"           put it into {folder} ({fetched})" + _unpacked(part),
                  f"           licence: {part.licence}"]
    return lines


def _unpacked(part: Part) -> str:
    """What an archive unpacks to; other files are used as they are."""
    return "" if part.archive in part.unpacked else f"; unpacked: {' or '.join(part.unpacked)}"


def missing(configs: list[Config]) -> list[str]:
    """What runs on published data sets still lack of data and of pretrained networks, in the lines of ``status``."""
    from s2i_lib.datasets import weights

    lines = [line for config in configs if missing_parts(config.dataset) for line in status(config.dataset)]
    networks = dict.fromkeys(part for config in configs for part in weights.needed(config))
    lacking = [part for part in networks if part.find(raw_folder("weights")) is None]
    return lines + (status("weights", lacking) if lacking else [])


def verify(name: str) -> dict[str, int]:
    """Read every file of a data set.

    Returns:
        How many images each split has.

    Raises:
        DatasetError: the first thing that is wrong, by file name: a missing part, a wrong count, a missing caption, an image or
            recording that is not complete.
    """
    module, folder = published_module(name), raw_folder(name)
    for part in missing_parts(name):
        part_folder(part, folder)
    photos = module.read(folder)
    counts = dict(Counter(photo.split for photo in photos))
    for split, expected in module.SPLIT_SIZES.items():
        if counts.get(split, 0) != expected:
            raise DatasetError(f"{folder} holds {counts.get(split, 0)} {split} images of {name} instead of {expected} (Table I): "
                               "unpack it again")
    for part in module.PARTS:
        if part is getattr(module, "STACKGAN", None) and part.find(folder) is not None:
            check_stackgan_lists(part.find(folder).parent, photos)
    for photo in tqdm(photos, desc=f"reading {name}", unit="image"):
        read_pixels(photo, 32)
        for recording in photo.recordings:
            _check_recording(recording)
    return {split: counts[split] for split in module.SPLIT_SIZES}


def _check_recording(path: Path) -> None:
    import soundfile

    try:
        frames = len(soundfile.read(path)[0])
    except (OSError, RuntimeError):
        frames = 0
    if not frames:
        raise DatasetError(f"recording {path} cannot be read: unpack the recordings again")
