"""Oxford-102: photographs of 102 kinds of flowers (Nilsback and Zisserman, 2008) with ten captions each.

The captions are those of Reed et al. (2016), or are composed from a table of the species (``oxford_captions``).

The classes of the two splits are disjoint (Table I): the first 20 classes are for the test. The split that the archive's
``setid.mat`` proposes shares its classes and is not used.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos.matlab import read_array
from s2i_lib.datasets.photos.oxford_captions import ATTRIBUTES, COLOUR_ATTRIBUTES, compose_caption, species_attributes
from s2i_lib.datasets.photos.parts import Part, Photo, part_folder
from s2i_lib.datasets.photos.reading import CAPTIONS_PER_PHOTO, composed_captions, labels_and_splits, read_captions
from s2i_lib.datasets.spec import PhotoSpec

# class ids as published, 1 to 102
TEST_CLASSES = tuple(range(1, 21))
TRAIN_CLASSES = tuple(range(21, 103))
NUM_CLASSES, NUM_TRAIN_CLASSES = 102, 82
SPLIT_SIZES = {"train": 7034, "test": 1155}

_PAGE = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
_LICENCE = "none stated; the photographs belong to their authors, the data are meant for research"
IMAGES = Part(
    "photographs",
    "102flowers.tgz",
    ("jpg", "102flowers/jpg", "flowers-102/jpg"),
    _PAGE,
    _LICENCE,
    344_862_509,
    _PAGE + "102flowers.tgz",
    "md5:52808999861908f626f3c1f4e79d11fa",
)
LABELS = Part(
    "classes",
    "imagelabels.mat",
    ("imagelabels.mat", "102flowers/imagelabels.mat", "flowers-102/imagelabels.mat"),
    _PAGE,
    _LICENCE,
    502,
    _PAGE + "imagelabels.mat",
    "md5:e0620be6f572b9609742df49c70aed4d",
)
CAPTIONS = Part(
    "ten captions per image",
    "cvpr2016_flowers.tar.gz",
    ("cvpr2016_flowers/text_c10", "text_c10", "flowers/text_c10"),
    "https://drive.google.com/file/d/0B0ywwgffWnLLcms2WWJQRFNSWXM/view?resourcekey=0-Av8zFbeDDvNcF1sSjDR32w "
    "(linked from https://github.com/reedscot/cvpr2016)",
    "none stated for the captions",
    captions="reed",
)
STACKGAN = Part(
    "StackGAN's lists of the splits",
    "flowers.zip",
    ("flowers/train",),
    "https://github.com/hanzhanggit/StackGAN",
    "MIT for the code, none stated for the lists",
    optional=True,
    lists_splits=True,
)
PARTS = (IMAGES, LABELS, CAPTIONS, STACKGAN)


def read(folder: Path, captions: str = "reed") -> list[Photo]:
    """Every photo of Oxford-102 with its captions, in class order.

    Args:
        folder: holds the archives as they unpack, see ``PARTS``.
        captions: ``reed``, or ``attributes`` for sentences composed from the table of species.

    Raises:
        DatasetError: other captions, a part or a caption is missing, or the classes are damaged; the message names the file.
    """
    if captions not in ("reed", "attributes"):
        raise DatasetError(f"Oxford-102 has no captions of the kind {captions!r}: choose reed or attributes")
    images, texts = part_folder(IMAGES, folder), part_folder(CAPTIONS, folder) if captions == "reed" else None
    classes_of = labels_and_splits(TRAIN_CLASSES, TEST_CLASSES)
    photos = []
    for image, number in enumerate(_read_classes(part_folder(LABELS, folder)), 1):
        name, (label, split) = f"image_{image:05d}", classes_of[number]
        photo, values = Photo(name, label, split, images / f"{name}.jpg"), species_attributes()[number]
        if texts is None:
            said = composed_captions(compose_caption, values, (102, image))
            photos.append(replace(photo, captions=said, attributes=values))
        else:
            photos.append(replace(photo, captions=read_captions(texts / f"class_{number:05d}" / f"{name}.txt")))
    return sorted(photos, key=lambda photo: photo.label)


def _read_classes(path: Path) -> list[int]:
    """Class id of image 1, 2, ..."""
    try:
        numbers = read_array(path, "labels")
    except ValueError as error:
        raise DatasetError(f"{path} cannot be read ({error}): fetch it again") from None
    if not np.isin(numbers, TRAIN_CLASSES + TEST_CLASSES).all():
        raise DatasetError(f"{path} holds other classes than 1 to {NUM_CLASSES}: fetch it again")
    return [int(number) for number in numbers]


SPEC = PhotoSpec(
    name="oxford",
    noun="flower",
    title="Oxford 102 Category Flowers",
    num_classes=NUM_CLASSES,
    num_train_classes=NUM_TRAIN_CLASSES,
    attributes=ATTRIBUTES,
    colour_attributes=COLOUR_ATTRIBUTES,
    split="classes",
    captions_per_image=CAPTIONS_PER_PHOTO,
    published_as="Oxford-102",
    profiles={
        "paper": {
            "data": {"captions": "reed"},
            "gan": {"steps": 100_000},
            "scores": {"captions": 11_550},
        }
    },
    parts=PARTS,
    split_sizes=SPLIT_SIZES,
    read=read,
)
