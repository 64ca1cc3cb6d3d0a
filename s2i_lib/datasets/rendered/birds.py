"""Rendered birds: a stand-in for CUB-200 whose every attribute is known.

A class is a combination of eleven attributes (``ATTRIBUTES``), and ``draw`` draws one specimen of it: a bird in its own pose,
light and surroundings, in the manner of a field guide; ``describe`` says a sentence about it. Training and test classes are
disjoint, as in zero-shot text-to-image work: ``class_table`` gives the test classes combinations that no training class has.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from s2i_lib.datasets.rendered.backgrounds import GROUNDS, LANDSCAPES, background
from s2i_lib.datasets.rendered.bird_body import draw_body
from s2i_lib.datasets.rendered.bird_captions import COLOUR_ATTRIBUTES, compose_caption
from s2i_lib.datasets.rendered.bird_drawing import BirdDrawing
from s2i_lib.datasets.rendered.bird_perches import PERCH_SHARES, PERCHES
from s2i_lib.datasets.rendered.canvas import Canvas, finished
from s2i_lib.datasets.rendered.class_tables import (
    BalancedTable,
    Codes,
    LargerTable,
    Rows,
    check_attributes,
    check_drawing,
    has_value,
)
from s2i_lib.datasets.rendered.colours import PALETTE
from s2i_lib.datasets.rendered.foreground import draw_foreground
from s2i_lib.datasets.spec import RenderedSpec

_COLOURS = tuple(name for name in PALETTE if name != "pink")

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(COLOUR_ATTRIBUTES, _COLOURS),
    "wing_bars": ("none", "white"),
    "breast_pattern": ("plain", "streaked", "spotted"),
    "crest": ("none", "crested"),
    "bill_length": ("short", "long"),
    "bill_colour": ("black", "orange"),
    "size": ("small", "large"),
}
NUM_CLASSES, NUM_TRAIN_CLASSES = 200, 150
_OCCLUSION_SHARE = 0.35


def _bars_invisible(codes: Codes) -> Rows:
    """Which classes have white bars on a white wing, where nobody would see them."""
    return has_value(codes, ATTRIBUTES, "wing", "white") & has_value(codes, ATTRIBUTES, "wing_bars", "white")


class_table = BalancedTable(ATTRIBUTES, NUM_CLASSES, NUM_TRAIN_CLASSES, _bars_invisible)


def draw(attributes: dict[str, str], rng: np.random.Generator, size: int = 256) -> NDArray[np.uint8]:
    """Draw one bird with the given attributes.

    Pose, perch, background, light, colour jitter and what grows in front of the bird are drawn from `rng`, whatever the
    attributes; some of it is then placed around the bird's outline. The same state of `rng` gives the same picture.

    Args:
        attributes: a value for every name in ``ATTRIBUTES``.
        rng: source of all that varies between pictures of a class.
        size: side of the picture in pixels, 32 or more.

    Returns:
        (size, size, 3) uint8 RGB.

    Raises:
        ValueError: an attribute is missing, unknown or has an unknown value, or `size` is below 32.
    """
    check_drawing(attributes, ATTRIBUTES, size)
    perch = rng.choice(list(PERCHES), p=PERCH_SHARES)
    canvas = Canvas(background(rng, size, GROUNDS if perch == "ground" else LANDSCAPES))
    stance = 0.4 if perch == "reed" else 1.0
    drawing = BirdDrawing(attributes, stance, canvas, rng)
    PERCHES[perch](drawing)
    draw_body(drawing)
    if rng.random() < _OCCLUSION_SHARE:
        draw_foreground(canvas, rng, drawing.light)
    return finished(canvas, rng)


def describe(attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """One caption of a bird, and exactly the attributes that it states.

    Args:
        attributes: a value for every name in ``ATTRIBUTES``.
        rng: source of the choice of attributes, words and sentence form.

    Returns:
        The caption, 6 to 18 lower-case words with commas and a final full stop, and two to five attributes with their values.

    Raises:
        ValueError: an attribute is missing, unknown or has an unknown value.
    """
    check_attributes(attributes, ATTRIBUTES)
    return compose_caption(attributes, rng)


SPEC = RenderedSpec(
    name="birds",
    noun="bird",
    attributes=ATTRIBUTES,
    colour_attributes=COLOUR_ATTRIBUTES,
    num_classes=NUM_CLASSES,
    num_train_classes=NUM_TRAIN_CLASSES,
    split="classes",
    captions_per_image=10,
    quarter_turns=False,  # crown and breast are told apart by where they are
    published_as="CUB-200",
    draw=draw,
    describe=describe,
    class_table=class_table,
)

# Birds of ten times as many training classes, a few pictures of each: what the released models learn from. The test classes are
# those of `birds`.
_MORE_TRAIN_CLASSES = 10 * NUM_TRAIN_CLASSES
_MORE_CLASSES = _MORE_TRAIN_CLASSES + NUM_CLASSES - NUM_TRAIN_CLASSES
MORE = replace(
    SPEC,
    name="more_birds",
    title="more_birds",
    num_classes=_MORE_CLASSES,
    num_train_classes=_MORE_TRAIN_CLASSES,
    published_as="",
    class_table=LargerTable(class_table, _MORE_CLASSES, _MORE_TRAIN_CLASSES),
    profiles={
        "small": {"data": {"images_per_train_class": 3, "renditions": 1}},
        "large": {"data": {"images_per_train_class": 6}},
    },
    recipes={"whisper_many_voices": {"encoder": {"epochs": 20}}},  # every caption is spoken once
)
