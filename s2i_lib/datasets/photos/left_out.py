"""Photographs that a data set is used without, because they or their recordings cannot be read.

``python -m s2i_lib data verify --leave-out`` writes ``data/<name>/left_out.csv``, which says which ones and why; whoever
deletes the file uses them again.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos.parts import Photo
from s2i_lib.files import save_text

LEFT_OUT_FILE = "left_out.csv"


def key(photo: Photo) -> str:
    """What names a photo in the file: its name and, where one photo was described aloud several times, the recording's."""
    return f"{photo.name} {photo.recordings[0].name}" if photo.recordings else photo.name


def left_out(folder: Path) -> dict[str, str]:
    """Key -> reason of the photos that a data set is used without.

    Raises:
        DatasetError: the file is damaged.
    """
    path = folder / LEFT_OUT_FILE
    if not path.exists():
        return {}
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return {row["photo"]: row["reason"] for row in csv.DictReader(file)}
    except (KeyError, ValueError, csv.Error):
        raise DatasetError(f"{path} is damaged: remove it and run python -m s2i_lib data verify --leave-out again") from None


def without_left_out(photos: Iterable[Photo], folder: Path) -> list[Photo]:
    """The photos that a data set is used with.

    Raises:
        DatasetError: see ``left_out``, or no photo of a split is left.
    """
    dropped, all_photos = left_out(folder), list(photos)
    kept = [photo for photo in all_photos if key(photo) not in dropped]
    if {photo.split for photo in kept} != {photo.split for photo in all_photos}:
        raise DatasetError(f"{folder / LEFT_OUT_FILE} leaves out every photo of a split: remove it and get the data set again")
    return kept


def leave_out(folder: Path, reasons: dict[str, str]) -> Path:
    """Write the file, keeping what it names already; returns its path."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["photo", "reason"])
    table.writerows(sorted((left_out(folder) | reasons).items()))
    save_text(folder / LEFT_OUT_FILE, text.getvalue())
    return folder / LEFT_OUT_FILE
