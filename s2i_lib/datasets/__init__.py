"""Spoken-description data sets with one record type.

A rendered data set is a module with ``NOUN`` (what is drawn), ``ATTRIBUTES``, ``COLOUR_ATTRIBUTES``, ``NUM_CLASSES``,
``NUM_TRAIN_CLASSES``, ``SPLIT``, ``CAPTIONS_PER_IMAGE``, ``QUARTER_TURNS``, ``draw`` and ``describe``; any combination of values
can be drawn and described. ``SPLIT`` says how training and test differ: by ``classes``, whose attributes ``class_table`` gives to
all their images, or by ``images`` of the same classes, each of which has its own attributes from ``image_table``.
``write_images`` turns it into files and ``load_dataset`` reads them back.

A published data set, one of the paper's own, has the same names, no attributes, and ``TITLE``, ``PARTS``, ``SPLIT_SIZES`` and
``read`` in place of ``class_table``, ``draw`` and ``describe``: nobody knows what its captions mention. ``write_images`` turns
it into the same files.
"""

import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np

from s2i_lib.config import ROOT

RENDERED = ("birds", "flowers", "scenes")
PUBLISHED = ("cub", "oxford", "places")
SPLITS = ("train", "test", "judge")


class DatasetError(ValueError):
    """A data set that is unknown, missing or incomplete; the message says how to get it."""


@dataclass(frozen=True)
class Caption:
    """One sentence and what it says: attribute -> value, exactly the attributes that the sentence mentions.

    What people say of a photo is not taken apart: `mentioned` is empty.
    """

    text: str
    mentioned: dict[str, str]


@dataclass(frozen=True)
class Record:
    """One image with its captions.

    Attributes:
        name: unique in the data set; that of a photo is the published one, without suffix.
        label: class index; if training and test classes differ, the training classes come first.
        attributes: ground truth of a rendered image, attribute -> value; empty for a photo.
        captions: ten sentences, or one where an image was described once.
        speech: one path per spoken caption, in the order of `captions`; recordings, or files that exist once chapter 02 has run.
        recorded: is `speech` what somebody recorded?
    """

    name: str
    label: int
    split: str
    attributes: dict[str, str]
    captions: tuple[Caption, ...]
    speech: tuple[Path, ...]
    shard: Path
    row: int
    recorded: bool = False

    @property
    def image(self) -> np.ndarray:
        """(size, size, 3) uint8 pixels."""
        return np.array(_open_shard(self.shard)[self.row])


@lru_cache(maxsize=512)
def _open_shard(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r")


class SpokenImages(Sequence):
    """The records of one split, in class order."""

    def __init__(self, name: str, split: str, root: Path, records: list[Record]):
        self.name, self.split, self.root, self.records = name, split, root, records
        self.labels = np.array([record.label for record in records])

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index):
        return self.records[index]

    def __repr__(self) -> str:
        return f"{self.name} {self.split}: {len(self)} images of {len(set(self.labels))} classes in {self.root.name}"

    @cached_property
    def utterances(self) -> list[tuple[int, int]]:
        """(image index, caption index) of every spoken caption, the row order of everything made from speech."""
        return [(i, k) for i, record in enumerate(self.records) for k in range(len(record.speech))]

    @cached_property
    def class_attributes(self) -> dict[int, dict[str, str]]:
        """Label -> what all its images have in common: every attribute of a bird, no more than its type of a room."""
        common: dict[int, dict[str, str]] = {}
        for record in self.records:
            shared = common.setdefault(record.label, dict(record.attributes))
            common[record.label] = {name: value for name, value in shared.items() if record.attributes.get(name) == value}
        return common

    def caption(self, utterance: int) -> Caption:
        """The caption behind one row of ``utterances``."""
        image, caption = self.utterances[utterance]
        return self.records[image].captions[caption]


def dataset_module(name: str) -> ModuleType:
    """The module that renders or reads `name`.

    Raises:
        DatasetError: no such data set.
    """
    if name not in RENDERED + PUBLISHED:
        raise DatasetError(f"data set {name!r} is unknown; choose from {', '.join(RENDERED + PUBLISHED)}")
    return importlib.import_module(f"s2i_lib.datasets.{name}")


def has_new_classes(name: str) -> bool:
    """Whether the test split has classes of its own, so that finding them is zero-shot, or unseen images of the same classes.

    Raises:
        DatasetError: no such data set.
    """
    module = dataset_module(name)
    return module.NUM_TRAIN_CLASSES < module.NUM_CLASSES


def load_dataset(name: str, split: str, root: str | Path | None = None) -> SpokenImages:
    """Read one split of a data set that chapter 01 has written.

    Args:
        name: data set name.
        split: ``train``, ``test`` (unseen classes, or unseen images of the same classes) or, of a rendered data set, ``judge``
            (further images of the test classes, without speech).
        root: its folder; default ``data/<name>-small`` of the project, ``data/<name>-paper`` for a published data set.

    Raises:
        DatasetError: unknown name or split, or the folder holds no complete data set.
    """
    dataset_module(name)
    splits = SPLITS if name in RENDERED else SPLITS[:2]
    if split not in splits:
        raise DatasetError(f"split {split!r} of {name} is unknown; choose from {', '.join(splits)}")
    root = Path(root) if root is not None else ROOT / "data" / f"{name}-{'small' if name in RENDERED else 'paper'}"
    index = root / "items.json"
    if not index.is_file():
        raise DatasetError(f"no data set in {root}: run chapter 01 (notebooks/01_data.ipynb) first")
    records = [_read_record(item, root) for item in json.loads(index.read_text()) if item["split"] == split]
    return SpokenImages(name, split, root, records)


def _read_record(item: dict, root: Path) -> Record:
    folder = f"{item['label']:03d}"
    speech = tuple(root / "speech" / folder / f"{item['row']:03d}_{k}.wav" for k in range(item["spoken"]))
    if "recordings" in item:
        speech = tuple(root / recording for recording in item["recordings"])
    return Record(item.get("name", f"{folder}/{item['row']:03d}"), item["label"], item["split"], item["attributes"],
                  tuple(Caption(**caption) for caption in item["captions"]), speech,
                  root / "images" / f"{folder}.npy", item["row"], "recordings" in item)
