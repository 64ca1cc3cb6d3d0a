"""CUB-200-2011: photographs of 200 bird species (Wah et al., 2011) with ten captions each (Reed et al., 2016).

The classes of the two splits are disjoint (Table I): Reed's 100 training and 50 validation classes, and 50 test classes.
"""

from pathlib import Path

from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos.parts import Part, Photo, inside, part_folder
from s2i_lib.datasets.photos.reading import labels_and_splits, read_captions
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
    ("CUB_200_2011", "birds/CUB_200_2011"),
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


def read(folder: Path) -> list[Photo]:
    """Every photo of CUB-200 with its captions and bounding box, in class order; with the authors' recordings if they are
    there.

    Args:
        folder: holds the archives as they unpack, see ``PARTS``.

    Raises:
        DatasetError: a part or a caption is missing, or a table is damaged; the message names the file.
    """
    images, texts, speech = part_folder(IMAGES, folder), part_folder(CAPTIONS, folder), SPEECH.find(folder)
    names, classes = _table(images / "images.txt", 1), _table(images / "image_class_labels.txt", 1)
    boxes = _table(images / "bounding_boxes.txt", 4)
    for other in ("image_class_labels.txt", "bounding_boxes.txt"):
        if set(names) != set(classes if other.startswith("image") else boxes):
            raise DatasetError(f"{images / other} and images.txt list different images: unpack the images again")
    classes_of = labels_and_splits(TRAIN_CLASSES, TEST_CLASSES)
    photos = []
    for image, (name,) in names.items():
        path, number = inside(images / "images", name, images / "images.txt"), classes[image][0]
        if not number.isdigit() or int(number) not in classes_of or not name.startswith(f"{int(number):03d}."):
            raise DatasetError(f"{images / 'image_class_labels.txt'} puts {name} into class {number}: unpack the images again")
        stem, (label, split) = str(Path(name).with_suffix("")), classes_of[int(number)]
        said = read_captions(texts / f"{stem}.txt")
        recordings = tuple(speech / f"{stem}_{k}.wav" for k in range(len(said))) if speech else ()
        photos.append(Photo(stem, label, split, path, said, _box(boxes[image], images), recordings))
    return sorted(photos, key=lambda photo: photo.label)


def _table(path: Path, columns: int) -> dict[str, list[str]]:
    """A text table as image id -> the other columns."""
    if not path.is_file():
        raise DatasetError(f"{path} is missing: unpack the images again")
    rows = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        image, *values = line.split()
        if len(values) != columns or image in rows:
            raise DatasetError(f"line {number} of {path} is damaged: unpack the images again")
        rows[image] = values
    return rows


def _box(values: list[str], images: Path) -> tuple[float, float, float, float]:
    try:
        left, top, width, height = map(float, values)
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
    captions_per_image=10,
    published_as="CUB-200",
    parts=PARTS,
    split_sizes=SPLIT_SIZES,
    read=read,
)
