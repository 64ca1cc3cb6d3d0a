"""Rendered flowers: a stand-in for Oxford-102 whose every attribute is known.

A class is a combination of nine attributes (``ATTRIBUTES``), and ``draw`` draws one specimen of it: a flower seen from the
front, in its own position, light and surroundings, in the manner of a field guide; ``describe`` says a sentence about it. Every
flower has a pattern, in a second colour, so that all attributes can be seen in all pictures. Training and test classes are
disjoint, as in zero-shot text-to-image work: ``class_table`` gives the test classes combinations that no training class has.
"""

import numpy as np
from numpy.typing import NDArray

from s2i_lib.datasets.rendered.backgrounds import GARDENS, background
from s2i_lib.datasets.rendered.canvas import Canvas, finished
from s2i_lib.datasets.rendered.class_tables import BalancedTable, Codes, Rows, check_attributes, check_drawing
from s2i_lib.datasets.rendered.flower_captions import COLOUR_ATTRIBUTES, compose_caption
from s2i_lib.datasets.rendered.flower_centre import draw_centre, draw_stamens
from s2i_lib.datasets.rendered.flower_drawing import FlowerDrawing
from s2i_lib.datasets.rendered.flower_leaves import draw_leaves, draw_stem
from s2i_lib.datasets.rendered.flower_petals import draw_petals
from s2i_lib.datasets.rendered.foreground import draw_foreground
from s2i_lib.datasets.spec import RenderedSpec

# Green petals would pass for leaves, and grey ones for shaded white.
_PETAL_COLOURS = ("white", "yellow", "orange", "red", "pink", "purple", "blue", "brown", "black")

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "petal": _PETAL_COLOURS,
    "second": _PETAL_COLOURS,
    "centre": ("white", "yellow", "orange", "red", "pink", "purple", "green", "brown", "black"),
    "pattern": ("edged", "striped", "spotted", "ringed"),
    "number": ("four", "five", "eight", "many"),
    "shape": ("round", "pointed", "notched"),
    "layers": ("single", "double"),
    "stamens": ("none", "long"),
    "leaves": ("none", "broad", "narrow"),
}
NUM_CLASSES, NUM_TRAIN_CLASSES = 102, 82
_OCCLUSION_SHARE = 0.3


def _pattern_invisible(codes: Codes) -> Rows:
    """Which classes have a pattern in the colour of their petals (both list the same colours)."""
    petal, second = (list(ATTRIBUTES).index(name) for name in ("petal", "second"))
    return codes[:, petal] == codes[:, second]


class_table = BalancedTable(ATTRIBUTES, NUM_CLASSES, NUM_TRAIN_CLASSES, _pattern_invisible)


def draw(attributes: dict[str, str], rng: np.random.Generator, size: int = 256) -> NDArray[np.uint8]:
    """Draw one flower with the given attributes.

    Position, tilt, background, light, colour jitter and what grows in front of the flower are drawn from `rng`, whatever the
    attributes. The same state of `rng` gives the same picture.

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
    canvas = Canvas(background(rng, size, GARDENS))
    drawing = FlowerDrawing(attributes, canvas, rng)
    draw_stem(drawing)
    draw_leaves(drawing)
    draw_petals(drawing)
    draw_centre(drawing)
    draw_stamens(drawing)
    if rng.random() < _OCCLUSION_SHARE:
        draw_foreground(canvas, rng, drawing.light)
    return finished(canvas, rng)


def describe(attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """One caption of a flower, and exactly the attributes that it states.

    Args:
        attributes: a value for every name in ``ATTRIBUTES``.
        rng: source of the choice of attributes, words and sentence form.

    Returns:
        The caption, 6 to 18 lower-case words with commas and a final full stop, and two to five attributes with their values;
        the second colour and the pattern together or neither.

    Raises:
        ValueError: an attribute is missing, unknown or has an unknown value.
    """
    check_attributes(attributes, ATTRIBUTES)
    return compose_caption(attributes, rng)


SPEC = RenderedSpec(
    name="flowers",
    noun="flower",
    attributes=ATTRIBUTES,
    colour_attributes=COLOUR_ATTRIBUTES,
    num_classes=NUM_CLASSES,
    num_train_classes=NUM_TRAIN_CLASSES,
    split="classes",
    captions_per_image=10,
    quarter_turns=True,  # a flower has no upper side
    published_as="Oxford-102",
    profiles={
        # As many pictures as of birds, in Oxford's 82 + 20 classes; after twelve epochs the attribute classifier of flowers
        # still missed every fifth second colour.
        "small": {
            "data": {
                "images_per_train_class": 55,
                "images_per_test_class": 50,
                "images_for_classifier": 100,
            },
            "classifier": {"epochs": 36},
        },
        "large": {
            "data": {
                "images_per_train_class": 86,
                "images_per_test_class": 58,
            },
            "scores": {"captions": 11_600},
        },
    },
    draw=draw,
    describe=describe,
    class_table=class_table,
)
