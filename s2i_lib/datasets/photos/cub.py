"""CUB-200-2011: photographs of 200 bird species (Wah et al., 2011) with ten captions each.

The captions are those of Reed et al. (2016), or composed from what the annotators saw (``cub_captions``), for
which its archive is enough. The splits share no class (Table I): Reed's 100 training and 50 validation classes,
and 50 test classes. An excerpt of complete classes, laid in one folder with a list of them, is read in the same way.
"""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos.cub_attributes import (
    ATTRIBUTES,
    COLOUR_ATTRIBUTES,
    photo_values,
    read_seen,
    read_shares,
    species_values,
)
from s2i_lib.datasets.photos.cub_captions import compose_caption
from s2i_lib.datasets.photos.parts import Excerpt, Part, Photo, inside, part_folder
from s2i_lib.datasets.photos.reading import CAPTIONS_PER_PHOTO, composed_captions, decoded, labels_and_splits, read_captions
from s2i_lib.datasets.spec import PhotoSpec

# class ids as published, 1 to 200
TEST_CLASSES = (
    1,
    4,
    6,
    8,
    9,
    14,
    23,
    29,
    31,
    33,
    34,
    35,
    36,
    37,
    38,
    43,
    49,
    51,
    53,
    66,
    72,
    79,
    83,
    84,
    86,
    91,
    95,
    96,
    98,
    101,
    102,
    103,
    112,
    114,
    119,
    121,
    130,
    135,
    138,
    147,
    156,
    163,
    165,
    166,
    180,
    183,
    185,
    186,
    187,
    197,
)
TRAIN_CLASSES = tuple(sorted(set(range(1, 201)) - set(TEST_CLASSES)))
NUM_CLASSES, NUM_TRAIN_CLASSES = 200, 150
SPLIT_SIZES = {"train": 8855, "test": 2933}

IMAGES = Part(
    "photographs, classes and bounding boxes",
    "CUB_200_2011.tgz",
    ("CUB_200_2011", "birds/CUB_200_2011", "cub100"),
    "https://www.vision.caltech.edu/datasets/cub_200_2011/",
    "none in the archive; the photographs belong to their Flickr authors, the data are meant for research",
    1_150_585_339,
    "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
    "md5:97eceeb196236b17998738112f37df78",
)
CAPTIONS = Part(
    "ten captions per image",
    "cvpr2016_cub.tar.gz",
    ("cvpr2016_cub/text_c10", "text_c10", "birds/text"),
    "https://drive.google.com/file/d/0B0ywwgffWnLLZW9uVHNjb2JmNlE/view?resourcekey=0-8y2UVmBHAlG26HafWYNoFQ "
    "(linked from https://github.com/reedscot/cvpr2016)",
    "none stated for the captions",
    captions="reed",
)
STACKGAN = Part(
    "StackGAN's lists of the splits",
    "birds.zip",
    ("birds/train",),
    "https://github.com/hanzhanggit/StackGAN-v2",
    "MIT for the code, none stated for the lists",
    optional=True,
    lists_splits=True,
)
SPEECH = Part(
    "the paper's own synthetic speech for the captions, in place of ours",
    "CUB_200_2011_audio.zip",
    ("CUB_200_2011_audio/audio/0", "birds/CUB_200_2011_audio/audio/0"),
    "https://drive.google.com/file/d/1BHJ7XO2KfYR-VaC7WcfAHu1-6U6ziuJL (linked from the paper's project page)",
    "none stated",
    optional=True,
)
PARTS = (IMAGES, CAPTIONS, SPEECH, STACKGAN)


def read(folder: Path, captions: str = "reed") -> list[Photo]:
    """Every photo of CUB-200 with its captions, in class order; with the authors' recordings of Reed's if they are there.

    Args:
        folder: holds the archives as they unpack, see ``PARTS``, or an excerpt, see ``excerpt``.
        captions: ``reed``, or ``attributes`` for sentences composed from the annotations of each photo or, where an excerpt has
            none, of its species.

    Raises:
        DatasetError: a part or a caption is missing, or a table is damaged; the message names the file.
    """
    images = part_folder(IMAGES, folder)
    if captions == "reed" and _is_excerpt(images):
        raise DatasetError(f"{images} is an excerpt without the captions of Reed et al.: choose captions from attributes")
    photos = _from_excerpt(images) if _is_excerpt(images) else _from_archive(images)
    if captions == "attributes":
        for photo in photos:
            if not photo.attributes:
                raise DatasetError(f"nothing is known of {photo.path}, so that nothing can be said: unpack the images again")
        found = [
            replace(photo, captions=composed_captions(compose_caption, photo.attributes, (2011, index)))
            for index, photo in enumerate(photos)
        ]
    elif captions == "reed":
        texts, speech = part_folder(CAPTIONS, folder), SPEECH.find(folder)
        found = [_with_captions_by_people(photo, texts, speech) for photo in photos]
    else:
        raise DatasetError(f"CUB-200 has no captions of the kind {captions!r}: choose reed or attributes")
    return sorted(found, key=lambda photo: photo.label)


def excerpt(folder: Path) -> Excerpt | None:
    """How much there is of CUB-200, if it is an excerpt of complete classes.

    It is a folder ``cub100`` with ``images/<class>/``, photographs already cropped to the birds, ``classes.csv`` with the
    published number, the name and the count of photographs of each class, and ``class_attributes.csv`` with the percentages of
    annotators for every answer.

    Raises:
        DatasetError: the list of classes is damaged.
    """
    images = IMAGES.find(folder)
    if images is None or not _is_excerpt(images):
        return None
    counts = {number: count for number, _, count in _classes_of(images)}
    train, test = _by_split(counts)
    sizes = {split: sum(counts[number] for number in numbers) for split, numbers in (("train", train), ("test", test))}
    return Excerpt(len(counts), len(train), sizes)


def _by_split(numbers: Iterable[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Published numbers of classes for training, and for the test."""
    train: list[int] = []
    test: list[int] = []
    for number in numbers:
        (test if number in TEST_CLASSES else train).append(number)
    return tuple(train), tuple(test)


def _is_excerpt(images: Path) -> bool:
    return (images / "classes.csv").is_file()


def _classes_of(images: Path) -> list[tuple[int, str, int]]:
    """Published number, name and count of photographs of the classes of an excerpt."""
    path = images / "classes.csv"
    try:
        table = csv.DictReader(decoded(path).splitlines())
        rows = [(int(row["cub_class"]), str(row["name"]), int(row["photographs"])) for row in table]
    except (KeyError, TypeError, ValueError, csv.Error):
        rows = []
    numbers = [number for number, *_ in rows]
    if not rows or len(set(numbers)) < len(rows) or not set(numbers) <= set(range(1, NUM_CLASSES + 1)):
        raise DatasetError(f"{path} is damaged: copy the excerpt again")
    return sorted(rows)


def _from_excerpt(images: Path) -> list[Photo]:
    """The photos of an excerpt, without captions; their annotations are those of their species."""
    rows, shares, photos = _classes_of(images), read_shares(images), []
    of = labels_and_splits(*_by_split(number for number, *_ in rows))
    for number, name, count in rows:
        folder = inside(images / "images", f"{number:03d}.{name}", images / "classes.csv")
        paths = sorted(folder.glob("*.jpg"))
        if len(paths) != count:
            raise DatasetError(f"{folder} holds {len(paths)} photographs instead of {count}: copy the excerpt again")
        if number not in shares:
            raise DatasetError(f"{images / 'class_attributes.csv'} does not know class {number}: copy the excerpt again")
        values = species_values(shares[number])
        photos += [Photo(f"{folder.name}/{path.stem}", *of[number], path, attributes=values) for path in paths]
    return photos


def _from_archive(images: Path) -> list[Photo]:
    """The photos of the archive, without captions, with their own annotations where these are there."""
    names, classes = _table(images / "images.txt", 1), _table(images / "image_class_labels.txt", 1)
    boxes = _table(images / "bounding_boxes.txt", 4)
    for other in ("image_class_labels.txt", "bounding_boxes.txt"):
        if set(names) != set(classes if other.startswith("image") else boxes):
            raise DatasetError(f"{images / other} and images.txt list different images: unpack the images again")
    of, annotated = labels_and_splits(TRAIN_CLASSES, TEST_CLASSES), (images / "attributes").is_dir()
    shares, seen = (read_shares(images), read_seen(images)) if annotated else ({}, None)
    photos = []
    for image, (name,) in names.items():
        path, number = inside(images / "images", name, images / "images.txt"), classes[image][0]
        if not number.isdecimal() or int(number) not in of or not name.startswith(f"{int(number):03d}."):
            raise DatasetError(f"{images / 'image_class_labels.txt'} puts {name} into class {number}: unpack the images again")
        values: Mapping[str, str] = {}
        if annotated:
            own = None if seen is None else seen.get(image)
            values = species_values(shares[int(number)]) if own is None else photo_values(own, shares[int(number)])
        photos.append(
            Photo(str(Path(name).with_suffix("")), *of[int(number)], path, box=_box(boxes[image], images), attributes=values)
        )
    return photos


def _with_captions_by_people(photo: Photo, texts: Path, speech: Path | None) -> Photo:
    said = read_captions(texts / f"{photo.name}.txt")
    recordings = tuple(speech / f"{photo.name}_{k}.wav" for k in range(len(said))) if speech else ()
    return replace(photo, captions=said, recordings=recordings)


def _table(path: Path, columns: int) -> dict[str, list[str]]:
    """A text table as image id -> the other columns."""
    if not path.is_file():
        raise DatasetError(f"{path} is missing: unpack the images again")
    rows = {}
    for number, line in enumerate(decoded(path).splitlines(), 1):
        if not line.strip():
            continue
        image, *values = line.split()
        if len(values) != columns or image in rows:
            raise DatasetError(f"line {number} of {path} is damaged: unpack the images again")
        rows[image] = values
    return rows


def _box(values: list[str], images: Path) -> tuple[float, float, float, float]:
    try:
        left, top, width, height = map(float, values)
        if not all(map(math.isfinite, (left, top, width, height))):
            raise ValueError
        return left, top, width, height
    except ValueError:
        raise DatasetError(f"{images / 'bounding_boxes.txt'} holds a box {' '.join(values)}: unpack the images again") from None


SPEC = PhotoSpec(
    name="cub",
    noun="bird",
    title="Caltech-UCSD Birds-200-2011",
    num_classes=NUM_CLASSES,
    num_train_classes=NUM_TRAIN_CLASSES,
    split="classes",
    attributes=ATTRIBUTES,
    colour_attributes=COLOUR_ATTRIBUTES,
    captions_per_image=CAPTIONS_PER_PHOTO,
    published_as="CUB-200",
    profiles={"paper": {"data": {"captions": "reed"}}, "small": {"encoder": {"target_whitening": 0.5}}},  # results/choices.csv
    parts=PARTS,
    split_sizes=SPLIT_SIZES,
    read=read,
    excerpt=excerpt,
)
