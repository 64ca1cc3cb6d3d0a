"""What annotators of CUB-200-2011 saw on its birds (Wah et al., 2011), as attributes with one value each.

The data set asks 28 questions about a bird ("What colour is its crown?"), with 312 possible answers in all. An annotator may
tick several answers to one question; here the likeliest one counts, and none where the annotators did not agree. The files are
part of the archive, so that sentences about the photographs can be composed without anybody's captions (``cub_captions``).
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.photos.reading import decoded

COLOURS = (
    "black",
    "white",
    "grey",
    "brown",
    "buff",
    "yellow",
    "orange",
    "red",
    "rufous",
    "blue",
    "green",
    "olive",
    "purple",
    "pink",
    "iridescent",
)
_PATTERNS = ("solid", "striped", "spotted", "multi-colored")
_COLOUR_QUESTIONS = {
    "primary": "primary",
    "crown": "crown",
    "nape": "nape",
    "throat": "throat",
    "breast": "breast",
    "belly": "belly",
    "back": "back",
    "wing": "wing",
    "tail": "upper_tail",
    "bill_colour": "bill",
    "leg": "leg",
}
# attribute -> the question of the data set, and its answers by our value
QUESTIONS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    **{name: (f"has_{part}_color", {colour: colour for colour in COLOURS}) for name, part in _COLOUR_QUESTIONS.items()},
    **{
        f"{part}_pattern": (f"has_{part}_pattern", {pattern: pattern for pattern in _PATTERNS})
        for part in ("breast", "belly", "back", "wing", "tail")
    },
    "head_pattern": (
        "has_head_pattern",
        {
            name: name
            for name in ("plain", "capped", "crested", "eyebrow", "eyeline", "eyering", "malar", "masked", "spotted", "striped")
        },
    ),
    "bill_shape": (
        "has_bill_shape",
        {
            "all-purpose": "all-purpose",
            "cone": "cone",
            "dagger": "dagger",
            "hooked": "hooked",
            "hooked at the tip": "hooked_seabird",
            "curved": "curved_(up_or_down)",
            "needle": "needle",
            "spatulate": "spatulate",
        },
    ),
    "bill_length": (
        "has_bill_length",
        {"short": "shorter_than_head", "medium": "about_the_same_as_head", "long": "longer_than_head"},
    ),
    "size": (
        "has_size",
        {
            "very small": "very_small_(3_-_5_in)",
            "small": "small_(5_-_9_in)",
            "medium": "medium_(9_-_16_in)",
            "large": "large_(16_-_32_in)",
            "very large": "very_large_(32_-_72_in)",
        },
    ),
    "shape": (
        "has_shape",
        {
            name.removesuffix("-like").replace("-", " ").replace("_", " "): name
            for name in (
                "perching-like",
                "upright-perching_water-like",
                "tree-clinging-like",
                "long-legged-like",
                "upland-ground-like",
                "chicken-like-marsh",
                "duck-like",
                "gull-like",
                "hawk-like",
                "hummingbird-like",
                "owl-like",
                "pigeon-like",
                "sandpiper-like",
                "swallow-like",
            )
        },
    ),
}
ATTRIBUTES = {name: tuple(answers) for name, (_, answers) in QUESTIONS.items()}
COLOUR_ATTRIBUTES = tuple(_COLOUR_QUESTIONS)

MIN_SHARE = 40.0  # per cent of the annotators of a species who have to agree
_PROBABLY = 3  # of the certainties 1 "not visible", 2 "guessing", 3 "probably", 4 "definitely"

Shares = Mapping[str, float]  # answer, such as "has_crown_color::black" -> per cent of the annotators


def species_values(shares: Shares) -> dict[str, str]:
    """Attribute -> the value that most annotators of a species saw, where at least 40 % agree.

    Args:
        shares: answer of the data set -> percentage of annotators.
    """
    found = {}
    for name, (question, answers) in QUESTIONS.items():
        share, value = max((shares[f"{question}::{answer}"], value) for value, answer in answers.items())
        if share >= MIN_SHARE:
            found[name] = value
    return found


def photo_values(seen: Iterable[str], shares: Shares) -> dict[str, str]:
    """Attribute -> what the annotator of one photograph saw; of several answers the one that fits its species best.

    Args:
        seen: answers of the data set that were given at least "probably".
        shares: of the species: answer of the data set -> percentage of annotators.
    """
    ticked, found = set(seen), {}
    for name, (question, answers) in QUESTIONS.items():
        given = [(shares[full], value) for value, answer in answers.items() if (full := f"{question}::{answer}") in ticked]
        if given:
            found[name] = max(given)[1]
    return found


def read_shares(folder: Path) -> dict[int, Shares]:
    """Class id as published -> answer -> percentage of the annotators who saw it.

    Args:
        folder: of the archive (``attributes/class_attribute_labels_continuous.txt``) or of an excerpt
            (``class_attributes.csv``, whose first line names the answers and whose first column the classes).

    Raises:
        DatasetError: the file is missing or damaged.
    """
    if (path := folder / "class_attributes.csv").is_file():
        try:
            rows = list(csv.DictReader(decoded(path).splitlines()))
            found: dict[int, Shares] = {
                int(row.pop("cub_class")): {answer: float(share) for answer, share in row.items()} for row in rows
            }
        except (KeyError, TypeError, ValueError, csv.Error):
            raise DatasetError(f"{path} is damaged: copy the excerpt again") from None
    else:
        path, names = folder / "attributes" / "class_attribute_labels_continuous.txt", _answer_names(folder)
        table = _numbers(path, len(names))
        found = {number: dict(zip(names, map(float, row))) for number, row in enumerate(table, 1)}
    wanted = {f"{question}::{answer}" for question, answers in QUESTIONS.values() for answer in answers.values()}
    if missing := wanted - set(next(iter(found.values()), {})):
        raise DatasetError(f"{path} does not know {min(missing)}: unpack the images again")
    return found


def read_seen(folder: Path) -> dict[str, list[str]] | None:
    """Image id -> the answers that its annotator gave at least "probably"; None where no photograph has its own (an excerpt).

    Raises:
        DatasetError: ``attributes/image_attribute_labels.txt`` is damaged.
    """
    path = folder / "attributes" / "image_attribute_labels.txt"
    if not path.is_file():
        return None
    names = _answer_names(folder)
    seen: dict[str, list[str]] = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            image, answer, present, certainty, *_ = [*line.split(), "", "", "", ""]  # some lines have more columns than five
            seen.setdefault(image, [])
            if present == "1" and certainty.isdecimal() and int(certainty) >= _PROBABLY:
                if not answer.isdecimal() or not 1 <= int(answer) <= len(names):
                    raise DatasetError(f"line {number} of {path} is damaged: unpack the images again")
                seen[image].append(names[int(answer) - 1])
    return seen


def _answer_names(folder: Path) -> list[str]:
    """The answers in the order of their numbers. The archive holds the file beside its folder, some copies inside."""
    for path in (folder.parent / "attributes.txt", folder / "attributes.txt", folder / "attributes" / "attributes.txt"):
        if path.is_file():
            return [line.split()[-1] for line in decoded(path).splitlines() if line.strip()]
    raise DatasetError(f"{folder.parent / 'attributes.txt'} is missing: unpack the images again")


def _numbers(path: Path, columns: int) -> NDArray[np.float64]:
    try:
        table = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError):
        table = np.zeros((0, 0))
    if table.shape[1:] != (columns,) or not len(table):
        raise DatasetError(f"{path} is missing or damaged: unpack the images again")
    return table
