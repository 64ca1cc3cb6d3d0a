"""What is there of a photo data set or of the pretrained networks, what is missing, and whether it is complete."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from s2i_lib.audio import SAMPLE_RATE, AudioError, load_audio
from s2i_lib.datasets import photo_spec
from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos import weights
from s2i_lib.datasets.photos.left_out import key, without_left_out
from s2i_lib.datasets.photos.parts import Part, Photo, part_folder, raw_folder
from s2i_lib.datasets.photos.reading import read_pixels
from s2i_lib.datasets.photos.stackgan_lists import check_stackgan_lists
from s2i_lib.progress import bar
from s2i_lib.recordings import SHORTEST_SENTENCE
from s2i_lib.speech import why_unspeakable


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


@dataclass(frozen=True)
class Verified:
    """What reading every file of a data set has found.

    Attributes:
        counts: split -> images that can be used.
        problems: photo, see ``left_out.key`` -> what is wrong with it, its recordings or its captions.
        left_out: how many photos the data set is used without.
    """

    counts: dict[str, int]
    problems: dict[str, str]
    left_out: int


def verify(name: str) -> Verified:
    """Read every file of a data set, as the chapters do.

    Raises:
        DatasetError: what keeps the data set from being read at all, by file name: a missing part, a damaged table, a wrong
            count, a missing caption.
    """
    spec, folder = photo_spec(name), raw_folder(name)
    for part in missing_parts(name):
        part_folder(part, folder)
    everything, excerpt = spec.read(folder, captions_at_hand(name)), spec.excerpt(folder)
    counts = Counter(photo.split for photo in everything)
    for split, expected in (excerpt.split_sizes if excerpt else spec.split_sizes).items():
        if counts[split] != expected:
            raise DatasetError(
                f"{folder} holds {counts[split]} {split} images of {name} instead of {expected}"
                f"{'' if excerpt else ' (Table I)'}: unpack it again"
            )
    for part in spec.parts:
        lists = part.find(folder) if part.lists_splits else None
        if lists is not None:
            check_stackgan_lists(lists.parent, everything)
    used, problems = without_left_out(everything, folder), {}
    for photo in bar(used, desc=f"reading {name}", unit="image"):
        if reason := _what_is_wrong(photo):
            problems[key(photo)] = reason
    sizes = Counter(photo.split for photo in used if key(photo) not in problems)
    return Verified({split: sizes[split] for split in spec.split_sizes}, problems, len(everything) - len(used))


def _what_is_wrong(photo: Photo) -> str:
    """Why a photo cannot be used; empty if it can."""
    try:
        read_pixels(photo, 32)
        for recording in photo.recordings:
            seconds = len(load_audio(recording)) / SAMPLE_RATE
            if seconds < SHORTEST_SENTENCE:
                return f"recording {recording} lasts {seconds:.2f} s and has to last {SHORTEST_SENTENCE} s"
    except (DatasetError, AudioError) as error:
        return str(error)
    unspeakable = "" if photo.recordings else next(filter(None, (why_unspeakable(one.text) for one in photo.captions)), "")
    return f"caption of {photo.path}: {unspeakable}" if unspeakable else ""
