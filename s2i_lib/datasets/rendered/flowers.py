"""Rendered flowers: a stand-in for Oxford-102 whose every attribute is known.

A class is a combination of nine attributes (:data:`ATTRIBUTES`), and
:func:`draw` paints one specimen of it: a flower seen from the front, in its
own position, light and surroundings, in the manner of a field guide;
:func:`describe` says a sentence about it.  Every flower has a pattern, in a
second colour, so that all attributes can be seen in all pictures.  Training
and test classes are disjoint, as in zero-shot text-to-image work:
:func:`class_table` gives the test classes combinations that no training class
has.
"""

from dataclasses import dataclass

import numpy as np

from s2i_lib.datasets.rendered.class_tables import balanced_table, check_attributes, check_drawing
from s2i_lib.datasets.rendered.canvas import (
    GARDENS,
    Canvas,
    Mask,
    background,
    blurred,
    ellipse,
    finished,
    ink,
    jittered,
    noise,
    paint_foreground,
    random_light,
    relief,
    ribbon,
    rotation,
    shaded,
    spline,
)
from s2i_lib.datasets.rendered.flower_captions import COLOUR_ATTRIBUTES, compose_caption

NOUN = "flower"

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
SPLIT, CAPTIONS_PER_IMAGE = "classes", 10

# A flower has no upper side: a picture turned by quarters shows the same attributes.
QUARTER_TURNS = True


# -------------------------------------------------------------- class table


def class_table(num_classes: int = NUM_CLASSES, num_train: int = NUM_TRAIN_CLASSES, seed: int = 0) -> list[dict[str, str]]:
    """The attributes of each class; labels below ``num_train`` are for training.

    Within the training and within the test classes every value of an
    attribute is about equally frequent, so that nine training classes suffice
    for all values to occur in training.  Any two classes differ in at least
    three attributes, and no flower has a pattern in the colour of its petals.

    Raises ``ValueError`` unless ``0 < num_train <= num_classes``, and if no
    such table was found, which happens only for tables of many thousands.
    """
    return balanced_table(ATTRIBUTES, num_classes, num_train, seed, _pattern_invisible)


def _pattern_invisible(codes: np.ndarray) -> np.ndarray:
    """Which classes have a pattern in the colour of their petals (both list the same colours)."""
    petal, second = (list(ATTRIBUTES).index(name) for name in ("petal", "second"))
    return codes[:, petal] == codes[:, second]


# --------------------------------------------------------------------- pose

# Half the outline of a petal, from its base to its tip, along and across it,
# in units of its length and of half its width.
_HALF_PETALS = {
    "round": ((0.0, 0.16), (0.24, 0.46), (0.48, 0.84), (0.70, 1.0), (0.89, 0.82), (0.98, 0.42), (1.0, 0.0)),
    "pointed": ((0.0, 0.30), (0.18, 0.70), (0.35, 0.98), (0.48, 1.0), (0.68, 0.64), (0.86, 0.22), (1.0, 0.0)),
    "notched": ((0.0, 0.13), (0.25, 0.38), (0.52, 0.76), (0.75, 1.0), (0.93, 0.92), (1.0, 0.56), (0.96, 0.20), (0.86, 0.0)),
}
_PETAL_COUNTS = {"four": (4, 4), "five": (5, 5), "eight": (8, 8), "many": (13, 15)}
_HALF_WIDTHS = {
    shape: dict(zip(_PETAL_COUNTS, widths))
    for shape, widths in (
        ("round", (0.58, 0.48, 0.31, 0.185)),
        ("pointed", (0.36, 0.31, 0.22, 0.15)),
        ("notched", (0.55, 0.46, 0.30, 0.18)),
    )
}
_INNER_LENGTH = 0.76  # of the inner layer of a double flower
_CENTRE_RADIUS = 0.31
_LEAF_GREENS = ((0.30, 0.52, 0.20), (0.22, 0.44, 0.24), (0.44, 0.56, 0.22))

_PARTS = {name: number for number, name in enumerate((*COLOUR_ATTRIBUTES, "stamens", "leaves"), start=1)}


@dataclass(frozen=True)
class _Pose:
    """Where the flower is and how it is turned: flower units to picture units.

    A flower unit is the radius of the flower; the origin is its centre.
    """

    scale: float
    turn: np.ndarray  # rotation and foreshortening, (2, 2)
    origin: np.ndarray

    def place(self, points) -> np.ndarray:
        """Position in the picture of points of the flower, ``(..., 2)``."""
        return np.asarray(points, float) @ self.turn.T * self.scale + self.origin


def _random_pose(rng: np.random.Generator) -> _Pose:
    """A pose in which the whole flower is in the picture, a little above its middle."""
    direction, spin = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
    foreshortened = np.diag((1.0, rng.uniform(0.82, 1.0)))
    turn = rotation(direction) @ foreshortened @ rotation(spin - direction)
    scale = rng.uniform(0.37, 0.425)
    room = 0.48 - scale
    return _Pose(scale, turn, 0.5 + rng.uniform(-room, room, 2) * (1.0, 0.6) - (0, 0.4 * room))


def _petal_outline(shape: str, length: float, width: float) -> np.ndarray:
    """A petal that grows from the origin along x, ``width`` to either side."""
    half = spline(_HALF_PETALS[shape], closed=False, steps=5) * (length, width)
    return np.concatenate([half, half[::-1] * (1, -1)])


# ------------------------------------------------------------------- pattern
# Marks are polygons in the units of the flower, on a petal along x.


def _inner_part(shape: str, length: float, width: float) -> list[np.ndarray]:
    """What the coloured edge of a petal leaves free."""
    band = 0.045 + 0.07 * width
    return [_petal_outline(shape, length - 1.5 * band, width - band)]


def _stripes(shape: str, length: float, width: float) -> list[np.ndarray]:
    """Bold stripes that fan out along the petal: one on a narrow petal, more on a broad one."""
    count = max(round(width / 0.15), 1)
    stripes = []
    for place in (np.arange(count) - (count - 1) / 2) / count:
        path = spline(
            [(0.1, 0.4 * width * place), (0.5 * length, 1.15 * width * place), (0.94 * length, 1.4 * width * place)],
            closed=False,
        )
        stripes.append(ribbon(path, 0.05, 0.03, swell=0.06))
    return stripes


def _spots(shape: str, length: float, width: float) -> list[np.ndarray]:
    """Staggered round spots."""
    step = 0.215
    spots = []
    for row, along in enumerate(np.arange(0.40, 0.9 * length, 0.8 * step)):
        for across in np.arange(-3.5 + row % 2 / 2, 4) * step:
            spots.append(ellipse((along, across), (0.063, 0.063), steps=12))
    return spots


def _base(shape: str, length: float, width: float) -> list[np.ndarray]:
    """The inner part of the petal; those of all petals make a ring around the centre."""
    return [ellipse((0.0, 0.0), (0.22 + 0.36 * length,) * 2, steps=48)]


_MARKS = {"edged": _inner_part, "striped": _stripes, "spotted": _spots, "ringed": _base}


def _veins(length: float, width: float) -> list[np.ndarray]:
    """Fine lines that fan out from the base of the petal."""
    veins = []
    for place in (-0.62, -0.31, 0.0, 0.31, 0.62):
        path = spline(
            [(0.15, 0.2 * width * place), (0.5 * length, 0.85 * width * place), (0.88 * length, width * place)],
            closed=False,
            steps=5,
        )
        veins.append(ribbon(path, 0.014, 0.004))
    return veins


def _petal(attributes: dict[str, str], length: float, width: float) -> list[list[np.ndarray]]:
    """Contour, marks and veins of a petal along x."""
    shape = attributes["shape"]
    return [[_petal_outline(shape, length, width)], _MARKS[attributes["pattern"]](shape, length, width), _veins(length, width)]


# ------------------------------------------------------------------ painting


class _Painter:
    """The state that the painting functions share: one flower on one canvas."""

    def __init__(self, attributes: dict[str, str], canvas: Canvas, rng: np.random.Generator):
        self.attributes = attributes
        self.canvas = canvas
        # a generator of its own: how a flower is exposed does not depend on how many petals it has
        self.rng = np.random.default_rng(rng.integers(2**63))
        self.pose = _random_pose(rng)
        self.light = random_light(rng).astype(np.float32)  # halves the time of shading
        self.colour = {part: jittered(attributes[part], rng).astype(np.float32) for part in COLOUR_ATTRIBUTES}
        self.green = np.array(_LEAF_GREENS[rng.integers(3)]) * rng.uniform(0.9, 1.1)
        self.unit = self.pose.scale * canvas.size  # pixels in one flower unit

    def outline(self, mask: Mask, colour: np.ndarray, width: float, opacity: float = 0.85) -> None:
        """A thin contour along the inner side of a shape's edge."""
        inside = blurred(mask.alpha, width * self.unit)  # a half at the edge
        line = np.clip(2.4 * mask.alpha * (1 - inside), 0, 1)
        self.canvas.paint(Mask(line, mask.left, mask.top), ink(colour), opacity)

    def shadow(self, polygon: np.ndarray, amount: float, blur: float) -> None:
        """Darken what lies below a shape, on the side away from the light."""
        fallen = polygon - 0.5 * blur * self.pose.scale * self.light
        self.canvas.darken(self.canvas.mask(fallen, blur=blur * self.pose.scale), amount)

    def depth(self, mask: Mask) -> np.ndarray:
        """How far towards the flower's centre the pixels of a mask are, 0 to 1."""
        rows, columns = np.ogrid[mask.box]
        x, y = self.pose.origin * self.canvas.size
        distance = np.hypot(columns - x, rows - y).astype(np.float32) / np.float32(self.unit)
        return np.clip(1.9 - 3 * distance, 0, 1)


def _draw_layer(painter: _Painter, count: int, length: float, start: float) -> None:
    """One whorl of petals, each a little different."""
    rng, attributes = painter.rng, painter.attributes
    width = _HALF_WIDTHS[attributes["shape"]][attributes["number"]]
    petal = _petal(attributes, length, width * length**0.5)
    for angle in start + 2 * np.pi * np.arange(count) / count:
        angle += rng.uniform(-0.12, 0.12) * width
        turn = rotation(angle) * rng.uniform((0.95, 0.94), (1.0, 1.03))  # longer, broader
        _draw_petal(painter, [[painter.pose.place(polygon @ turn.T) for polygon in polygons] for polygons in petal])


def _draw_petal(painter: _Painter, petal: list[list[np.ndarray]]) -> None:
    """A petal in picture units, shaded and over what lies below it."""
    (contour,), marks, veins = petal
    canvas, colour, size = painter.canvas, painter.colour, painter.canvas.size
    painter.shadow(contour, 0.35, 0.05)
    mask = canvas.mask(contour)
    shade = 1.1 * relief(mask.alpha, painter.light, 0.07 * painter.unit)
    shade += 0.1 * noise(painter.rng, mask.alpha.shape, (6, 6)) - 0.5 * painter.depth(mask)
    canvas.paint(mask, shaded(colour["petal"], shade), part=_PARTS["petal"])
    marked = mask.within(canvas.mask(*marks), size)
    if painter.attributes["pattern"] == "edged":
        marked = Mask(mask.alpha - marked.alpha, mask.left, mask.top)
    canvas.paint(marked, shaded(colour["second"], shade), part=_PARTS["second"])
    painter.outline(marked, colour["second"], 0.012)
    canvas.paint(canvas.mask(*veins).within(mask, size), ink(colour["petal"]), 0.3)
    painter.outline(mask, colour["petal"], 0.014)


def _draw_petals(painter: _Painter) -> None:
    """One layer of petals, or a second, smaller one in front of its gaps."""
    low, high = _PETAL_COUNTS[painter.attributes["number"]]
    count = painter.rng.integers(low, high + 1)
    _draw_layer(painter, count, 1.0, 0.0)
    if painter.attributes["layers"] == "double":
        painter.shadow(painter.pose.place(ellipse((0, 0), (0.6, 0.6))), 0.4, 0.15)
        _draw_layer(painter, count, _INNER_LENGTH, np.pi / count)


def _draw_centre(painter: _Painter) -> None:
    """A domed disc of many florets, which spiral outwards as in a sunflower."""
    canvas, colour, rng = painter.canvas, painter.colour["centre"], painter.rng
    radius = _CENTRE_RADIUS * rng.uniform(0.95, 1.05)
    turns = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    bumps = radius * (1 + 0.03 * np.cos(22 * turns))
    polygon = painter.pose.place(np.stack([np.cos(turns), np.sin(turns)], 1) * bumps[:, None])
    painter.shadow(polygon, 0.55, 0.07)
    mask = canvas.mask(polygon)
    shade = relief(mask.alpha, painter.light, 0.11 * painter.unit)
    canvas.paint(mask, shaded(colour, shade), part=_PARTS["centre"])
    florets = np.arange(6, 75)
    distance = 0.94 * radius * np.sqrt(florets / 75)
    spiral = np.stack([np.cos(2.39996 * florets), np.sin(2.39996 * florets)], 1)  # golden angle
    for shift, tone, opacity in ((0.0, ink(colour), 0.55), (-0.010, colour, 0.9)):
        dot = ellipse((shift, shift), (0.022, 0.022), steps=8)
        dots = painter.pose.place((spiral * distance[:, None])[:, None] + dot)
        canvas.paint(canvas.mask(*dots).within(mask, canvas.size), tone, opacity)
    painter.outline(mask, colour, 0.018)


def _draw_stamens(painter: _Painter) -> None:
    """Pale filaments that reach far over the petals, with dark anthers at their tips."""
    if painter.attributes["stamens"] == "none":
        return
    rng, canvas, pose = painter.rng, painter.canvas, painter.pose
    filaments, anthers = [], []
    for angle in np.arange(9) * 2 * np.pi / 9 + rng.uniform(0, 2 * np.pi):
        reach, bend = rng.uniform(0.54, 0.62), rng.uniform(-0.05, 0.05)
        turn = rotation(angle + rng.uniform(-0.12, 0.12)).T
        path = spline(np.array(((0.16, 0.0), (0.6 * reach, bend), (reach, 0.0))) @ turn, closed=False)
        filaments.append(pose.place(ribbon(path, 0.034, 0.026)))
        anthers.append(pose.place(ellipse(path[-1], (0.040, 0.062), angle)))
    for polygons, tone in ((filaments, np.array((0.95, 0.93, 0.76))), (anthers, np.array((0.42, 0.24, 0.09)))):
        mask = canvas.mask(*polygons)
        canvas.darken(
            canvas.mask(*[polygon - 0.02 * pose.scale * painter.light for polygon in polygons], blur=0.02 * pose.scale), 0.5
        )
        canvas.paint(mask, tone, part=_PARTS["stamens"])
        painter.outline(mask, tone, 0.008, 0.7)


# ------------------------------------------------------------ stem and leaves


def _draw_stem(painter: _Painter) -> None:
    rng, canvas = painter.rng, painter.canvas
    foot = np.array((painter.pose.origin[0] + rng.uniform(-0.15, 0.15), 1.08))
    bend = (painter.pose.origin + foot) / 2 + (rng.uniform(-0.04, 0.04), 0)
    path = spline([painter.pose.origin, bend, foot], closed=False)
    mask = canvas.mask(ribbon(path, 0.030, 0.042))
    shade = relief(mask.alpha, painter.light, 0.015 * canvas.size)
    canvas.paint(mask, shaded(painter.green, shade))


def _draw_leaves(painter: _Painter) -> None:
    """Leaves that stick out from behind the flower, all around it."""
    kind, rng = painter.attributes["leaves"], painter.rng
    if kind == "none":
        return
    count, width = {"broad": (5, 0.62), "narrow": (11, 0.11)}[kind]
    for angle in rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(count) / count:
        direction = rotation(angle + rng.uniform(-0.15, 0.15)) @ (1, 0)
        _draw_leaf(painter, direction * rng.uniform(1.35, 1.5), width, painter.green * rng.uniform(0.88, 1.12))


def _draw_leaf(painter: _Painter, tip: np.ndarray, width: float, colour: np.ndarray) -> None:
    """A leaf with its ribs, from behind the flower to ``tip`` in flower units."""
    canvas, aside = painter.canvas, tip[::-1] * (-1, 1)
    path = spline([0.45 * tip, 0.8 * tip + painter.rng.uniform(-0.08, 0.08) * aside, tip], closed=False)
    polygon = painter.pose.place(ribbon(path, 0.05, 0.0, swell=width))
    mask = canvas.mask(polygon)
    painter.shadow(polygon, 0.3, 0.05)
    shade = relief(mask.alpha, painter.light, 0.3 * min(width, 0.3) * painter.unit)
    canvas.paint(mask, shaded(colour, shade), part=_PARTS["leaves"])
    ribs = [ribbon(path, 0.03, 0.006)]
    for start in path[3:-3:2] if width > 0.3 else ():
        for side in (-0.3, 0.3):
            end = start + 0.2 * tip + side * aside
            ribs.append(ribbon(spline([start, (start + end) / 2 - 0.02 * tip, end], closed=False), 0.014, 0.006))
    lines = canvas.mask(*[painter.pose.place(rib) for rib in ribs])
    canvas.paint(lines.within(mask, canvas.size), colour + 0.3 * (1 - colour), 0.6)
    painter.outline(mask, colour, 0.012)


_OCCLUSION_SHARE = 0.3


def draw(attributes: dict[str, str], rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """Paint one flower with the given attributes.

    Position, tilt, background, light, colour jitter and what grows in front of
    the flower are drawn from ``rng``, whatever the attributes.  The same state
    of ``rng`` gives the same picture.

    Args:
        attributes: a value for every name in :data:`ATTRIBUTES`.
        rng: source of all that varies between pictures of a class.
        size: side of the picture in pixels, 32 or more.

    Returns:
        The picture, ``(size, size, 3)`` uint8 RGB.

    Raises:
        ValueError: if an attribute is missing, unknown or has an unknown
            value, or if ``size`` is below 32.
    """
    check_drawing(attributes, ATTRIBUTES, size)
    canvas = Canvas(background(rng, size, GARDENS))
    painter = _Painter(attributes, canvas, rng)
    _draw_stem(painter)
    _draw_leaves(painter)
    _draw_petals(painter)
    _draw_centre(painter)
    _draw_stamens(painter)
    if rng.random() < _OCCLUSION_SHARE:
        paint_foreground(canvas, rng, painter.light)
    return finished(canvas, rng)


def describe(attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """One caption of a flower, and exactly the attributes it states.

    Args:
        attributes: a value for every name in :data:`ATTRIBUTES`.
        rng: source of the choice of attributes, words and sentence form.

    Returns:
        ``(caption, mentioned)``.  The caption has 6 to 18 lower-case words
        with commas and a final full stop; ``mentioned`` maps two to five
        attribute names to their values, and has the second colour and the
        pattern together or neither.

    Raises:
        ValueError: if an attribute is missing, unknown or has an unknown
            value.
    """
    check_attributes(attributes, ATTRIBUTES)
    return compose_caption(attributes, rng)
