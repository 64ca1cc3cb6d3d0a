"""Spoken-description data sets with one record type.

A rendered data set draws and describes any combination of its attributes; a photo data set is one of the paper's own. Each has
a specification; adding one is a file with a ``SPEC`` and its line in ``rendered`` or ``photos``. ``preparation.images`` turns
both kinds into the same files, and ``load_dataset`` reads them back.
"""

from collections.abc import Mapping
from pathlib import Path

from s2i_lib.datasets import photos, rendered
from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos.parts import raw_folder
from s2i_lib.datasets.records import Caption, Record, SpokenImages, Utterance, read_records
from s2i_lib.datasets.spec import DatasetSpec, PhotoSpec, RenderedSpec
from s2i_lib.files import project_root

__all__ = [
    "DATASETS",
    "PHOTOS",
    "RENDERED",
    "SPLITS",
    "Caption",
    "DatasetError",
    "DatasetSpec",
    "PhotoSpec",
    "Record",
    "RenderedSpec",
    "SpokenImages",
    "Utterance",
    "class_counts",
    "get_spec",
    "load_dataset",
    "photo_spec",
    "rendered_spec",
]

DATASETS: Mapping[str, DatasetSpec] = {**rendered.RENDERED, **photos.PHOTOS}
RENDERED, PHOTOS = tuple(rendered.RENDERED), tuple(photos.PHOTOS)
SPLITS = ("train", "test", "classifier")


def get_spec(name: str) -> DatasetSpec:
    """The specification of a data set.

    Raises:
        DatasetError: no such data set.
    """
    if name not in DATASETS:
        raise DatasetError(f"data set {name!r} is unknown; choose from {', '.join(DATASETS)}")
    return DATASETS[name]


def class_counts(name: str) -> tuple[int, int]:
    """How many classes a data set has here, and how many of them have training images: fewer of an excerpt of photographs.

    Raises:
        DatasetError: no such data set, or a damaged excerpt.
    """
    spec = get_spec(name)
    found = None if spec.rendered else photos.PHOTOS[name].excerpt(raw_folder(name))
    return (found.num_classes, found.num_train_classes) if found else (spec.num_classes, spec.num_train_classes)


def rendered_spec(name: str) -> RenderedSpec:
    """The specification of a data set that is drawn.

    Raises:
        DatasetError: no such data set, or photographs.
    """
    if not get_spec(name).rendered:
        raise DatasetError(f"{name} holds photographs and cannot be drawn; choose from {', '.join(RENDERED)}")
    return rendered.RENDERED[name]


def photo_spec(name: str) -> PhotoSpec:
    """The specification of a photo data set.

    Raises:
        DatasetError: no such data set, or one that is drawn instead of downloaded.
    """
    if name not in PHOTOS:
        raise DatasetError(f"{name!r} is not a data set to download; choose from {', '.join(PHOTOS)}")
    return photos.PHOTOS[name]


def load_dataset(name: str, split: str, root: str | Path | None = None) -> SpokenImages:
    """Read one split of a data set that chapter 01 has written.

    Args:
        name: data set name.
        split: ``train``, ``test`` (unseen classes, or unseen images of the same classes) or, of a rendered data set,
            ``classifier`` (further images of the test classes, without speech).
        root: its folder; default ``data/<name>-small`` of the project, ``data/<name>-paper`` for a photo data set.

    Raises:
        DatasetError: unknown name or split, or the folder holds no complete data set.
    """
    rendered = get_spec(name).rendered
    splits = SPLITS if rendered else SPLITS[:2]
    if split not in splits:
        raise DatasetError(f"split {split!r} of {name} is unknown; choose from {', '.join(splits)}")
    folder = Path(root) if root is not None else project_root() / "data" / f"{name}-{'small' if rendered else 'paper'}"
    index = folder / "items.json"
    if not index.is_file():
        raise DatasetError(f"no data set in {folder}: run chapter 01 (notebooks/01_data.ipynb) first")
    return SpokenImages(name, split, folder, read_records(index, split))
