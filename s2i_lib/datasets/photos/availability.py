"""What is there of a photo data set or of the pretrained networks, what is missing, and whether it is complete."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import soundfile
from tqdm import tqdm

from s2i_lib.datasets import photo_spec
from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos import weights
from s2i_lib.datasets.photos.parts import Part, part_folder, raw_folder
from s2i_lib.datasets.photos.reading import read_pixels
from s2i_lib.datasets.photos.stackgan_lists import check_stackgan_lists
from s2i_lib.progress import bar


def title_and_parts(name: str) -> tuple[str, Sequence[Part]]:
    """What a photo data set, or ``weights``, is called and consists of.

    Raises:
        DatasetError: no such data set, or one that is drawn instead of downloaded.
    """
    if name == "weights":  # no data set, but got in the same way
        return weights.TITLE, weights.PARTS
    spec = photo_spec(name)
    return spec.title, spec.parts


def missing_parts(name: str, captions: str = "") -> list[Part]:
    """The parts of a data set that are needed and not there.

    Args:
        captions: those that are wanted (``DataConfig.captions``); empty for any that can be had.
    """
    folder = raw_folder(name)
    needed = [part for part in title_and_parts(name)[1] if not part.optional and part.captions in ("", captions)]
    return [part for part in needed if part.find(folder) is None]


def captions_at_hand(name: str) -> str:
    """Which captions of a photo data set can be had: those by people where they are there, else composed ones."""
    spec, folder = photo_spec(name), raw_folder(name)
    by_people = [part.captions for part in spec.parts if part.captions and part.find(folder)]
    if by_people and spec.excerpt(folder) is None:
        return by_people[0]
    return "attributes" if spec.attributes else "transcripts"


def status(name: str, parts: Sequence[Part] | None = None) -> list[str]:
    """What is there of a data set (or of some `parts` of it) and what is not, where to get it and where to put it, as lines of
    text.
    """
    (title, all_parts), folder = title_and_parts(name), raw_folder(name)
    ready = "incomplete" if missing_parts(name) else "complete"
    lines = [f"{name}: {title}, {ready}, in {folder}"]
    for part in all_parts if parts is None else parts:
        found, need = part.find(folder), " (optional)" if part.optional else ""
        if part.captions:
            need = " (only for captions by people, as profile paper has them; others compose captions from attributes)"
        if found is not None:
            lines.append(
                f"  there    {part.what}{need}: {found.relative_to(folder) if found.is_relative_to(folder) else found}"
            )
            continue
        size = tqdm.format_sizeof(part.size, "B") if part.size else "size not stated"
        fetched = "python -m s2i_lib data fetch does this" if part.url else "by hand, then run python -m s2i_lib data fetch"
        lines += [
            f"  missing  {part.what}{need}: {part.archive}, {size}",
            f"           get it from {part.url or part.source}",
            f"           put it into {folder} ({fetched})" + _unpacked(part),
            f"           licence: {part.licence}",
        ]
    return lines


def _unpacked(part: Part) -> str:
    """What an archive unpacks to; other files are used as they are."""
    return "" if part.archive in part.unpacked else f"; unpacked: {' or '.join(part.unpacked)}"


def missing(captions: Mapping[str, str], networks: Sequence[Part]) -> list[str]:
    """What runs on these photo data sets (with captions of these kinds) and pretrained networks lack, in the lines of
    ``status``.
    """
    lines = [line for name, kind in captions.items() if missing_parts(name, kind) for line in status(name)]
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
    spec, folder = photo_spec(name), raw_folder(name)
    for part in missing_parts(name):
        part_folder(part, folder)
    photos, excerpt = spec.read(folder, captions_at_hand(name)), spec.excerpt(folder)
    counts = dict(Counter(photo.split for photo in photos))
    for split, expected in (excerpt.split_sizes if excerpt else spec.split_sizes).items():
        if counts.get(split, 0) != expected:
            raise DatasetError(
                f"{folder} holds {counts.get(split, 0)} {split} images of {name} instead of {expected}"
                f"{'' if excerpt else ' (Table I)'}: unpack it again"
            )
    for part in spec.parts:
        lists = part.find(folder) if part.lists_splits else None
        if lists is not None:
            check_stackgan_lists(lists.parent, photos)
    for photo in bar(photos, desc=f"reading {name}", unit="image"):
        read_pixels(photo, 32)
        for recording in photo.recordings:
            _check_recording(recording)
    return {split: counts.get(split, 0) for split in spec.split_sizes}


def _check_recording(path: Path) -> None:
    try:
        frames = len(soundfile.read(path)[0])
    except (OSError, RuntimeError):
        frames = 0
    if not frames:
        raise DatasetError(f"recording {path} cannot be read: unpack the recordings again")
