"""One record type for every data set, and the reader of what chapter 01 has written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from s2i_lib.files import load_array


@dataclass(frozen=True)
class Caption:
    """One sentence and what it says: attribute -> value, exactly the attributes that the sentence mentions.

    What people say of a photo is not taken apart: `mentioned` is empty.
    """

    text: str
    mentioned: dict[str, str]


@dataclass(frozen=True)
class Utterance:
    """One spoken caption of one image.

    Attributes:
        image: index of the image in its split.
        caption: what is said.
        recording: the sound file; it exists once chapter 02 has run, or since somebody has recorded it.
        label: class index of the image.
    """

    image: int
    caption: Caption
    recording: Path
    label: int


@dataclass(frozen=True)
class Record:
    """One image with its captions.

    Attributes:
        name: unique in the data set; that of a photo is the published one, without suffix.
        label: class index; if training and test classes differ, the training classes come first.
        attributes: ground truth of a rendered image, attribute -> value; empty for a photo.
        captions: ten sentences, or one where an image was described once.
        speech: one path per spoken caption, in the order of `captions`; recordings, or files that exist once chapter 02 has
            run.
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
    def image(self) -> NDArray[np.uint8]:
        """(size, size, 3) uint8 pixels."""
        return np.array(_open_shard(self.shard)[self.row])


@lru_cache(maxsize=512)
def _open_shard(path: Path) -> NDArray[np.uint8]:
    shard: NDArray[np.uint8] = load_array(path, in_memory=False)
    return shard


class SpokenImages(Sequence[Record]):
    """The records of one split, in class order."""

    def __init__(self, name: str, split: str, root: Path, records: list[Record]):
        self.name, self.split, self.root, self.records = name, split, root, records
        self.labels = np.array([record.label for record in records])

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Record | list[Record]:
        return self.records[index]

    def __repr__(self) -> str:
        return f"{self.name} {self.split}: {len(self)} images of {len(set(self.labels))} classes in {self.root.name}"

    @cached_property
    def utterances(self) -> list[Utterance]:
        """Every spoken caption, image by image: the row order of everything made from speech."""
        return [
            Utterance(image, caption, recording, record.label)
            for image, record in enumerate(self.records)
            for caption, recording in zip(record.captions, record.speech, strict=False)  # only the first few are spoken
        ]

    @cached_property
    def image_of(self) -> NDArray[np.int64]:
        """(utterances,) index of the image of every utterance."""
        return np.array([utterance.image for utterance in self.utterances], dtype=np.int64)

    @cached_property
    def class_attributes(self) -> dict[int, dict[str, str]]:
        """Label -> what all its images have in common: every attribute of a bird, no more than its type of a room."""
        common: dict[int, dict[str, str]] = {}
        for record in self.records:
            shared = common.setdefault(record.label, dict(record.attributes))
            common[record.label] = {name: value for name, value in shared.items() if record.attributes.get(name) == value}
        return common


def read_record(item: dict[str, Any], root: Path) -> Record:
    """One entry of ``items.json``, which chapter 01 writes, as a record; `root` is the folder of the data set."""
    folder = f"{item['label']:03d}"
    speech = tuple(root / "speech" / folder / f"{item['row']:03d}_{k}.wav" for k in range(item["spoken"]))
    if "recordings" in item:
        speech = tuple(root / recording for recording in item["recordings"])
    return Record(
        item.get("name", f"{folder}/{item['row']:03d}"),
        item["label"],
        item["split"],
        item["attributes"],
        tuple(Caption(**caption) for caption in item["captions"]),
        speech,
        root / "images" / f"{folder}.npy",
        item["row"],
        "recordings" in item,
    )


def read_records(index: Path, split: str) -> list[Record]:
    """The records of one split from ``items.json``."""
    return [read_record(item, index.parent) for item in json.loads(index.read_text()) if item["split"] == split]
