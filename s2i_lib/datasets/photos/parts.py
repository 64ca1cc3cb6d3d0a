"""What the photo data sets consist of: files that each user fetches, and where they belong.

Nobody may pass these files on: ``python -m s2i_lib data status`` says what is missing and where to get it. A data set unpacks
into ``data/<name>`` and stays as it was published. Chapter 01 turns it into the files that it also writes for rendered pictures
(``preparation.images``), and nothing after it knows the difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.records import Caption
from s2i_lib.files import project_root


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
        lists_splits: does it hold StackGAN's lists of the splits, to compare ours with?
        captions: is it needed for captions of one source only (``DataConfig.captions``)? Then that source.
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
    lists_splits: bool = False
    captions: str = ""

    def find(self, folder: Path) -> Path | None:
        """Where its content is below `folder`, None if it is not there."""
        return next((folder / path for path in self.unpacked if (folder / path).exists()), None)


@dataclass(frozen=True)
class Photo:
    """One image of a photo data set and what is said about it.

    Attributes:
        name: as published, without suffix.
        label: class index; where classes are not shared between the splits, the training classes come first.
        captions: sentences without line ends or undecodable bytes.
        attributes: attribute -> value, as far as somebody has noted them.
        box: left, top, width and height in pixels of what is described, None if it fills the picture.
        recordings: one per caption that somebody has spoken already, in their order; none where chapter 02 lets a voice speak.
    """

    name: str
    label: int
    split: str
    path: Path
    captions: tuple[Caption, ...] = ()
    box: tuple[float, float, float, float] | None = None
    recordings: tuple[Path, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


class Excerpt(NamedTuple):
    """How much of a photo data set is there, where it is complete classes of it."""

    num_classes: int
    num_train_classes: int
    split_sizes: Mapping[str, int]


def raw_folder(name: str) -> Path:
    """Where the published files of a data set belong."""
    return project_root() / "data" / name


def part_folder(part: Part, folder: Path) -> Path:
    """Where the content of a part is.

    Raises:
        DatasetError: it is not there; the message says how to get it.
    """
    found = part.find(folder)
    if found is None:
        raise DatasetError(
            f"{folder / part.unpacked[0]} ({part.what}) is missing: run python -m s2i_lib data status --dataset "
            f"{folder.name} to see where to get it"
        )
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
        raise DatasetError(
            f"{source or folder} names a file {relative!r}, which leads out of its folder: do not use these data"
        )
    return folder / path
