"""Rendered birds: a stand-in for CUB-200 whose every attribute is known.

A class is a combination of eleven attributes (:data:`ATTRIBUTES`), and
:func:`draw` paints one specimen of it: a bird in its own pose, light and
surroundings, in the manner of a field guide; :func:`describe` says a sentence
about it.  Training and test classes are
disjoint, as in zero-shot text-to-image work: :func:`class_table` gives the
test classes combinations that no training class has.
"""

from dataclasses import dataclass, replace

import numpy as np

from s2i_lib.datasets.rendered.bird_captions import COLOUR_ATTRIBUTES, compose_caption
from s2i_lib.datasets.rendered.class_tables import balanced_table, check_attributes, check_drawing, has_value
from s2i_lib.datasets.rendered.canvas import (
    GROUNDS,
    LANDSCAPES,
    PALETTE,
    Canvas,
    Mask,
    background,
    darker,
    ellipse,
    finished,
    ink,
    jittered,
    leaf_colour,
    luminance,
    noise,
    paint_foreground,
    paint_leaf,
    random_light,
    relief,
    ribbon,
    rotation,
    shaded,
    spline,
)

NOUN = "bird"

_COLOURS = tuple(name for name in PALETTE if name != "pink")

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    **{part: _COLOURS for part in COLOUR_ATTRIBUTES},
    "wing_bars": ("none", "white"),
    "breast_pattern": ("plain", "streaked", "spotted"),
    "crest": ("none", "crested"),
    "bill_length": ("short", "long"),
    "bill_colour": ("black", "orange"),
    "size": ("small", "large"),
}

NUM_CLASSES, NUM_TRAIN_CLASSES = 200, 150
SPLIT, CAPTIONS_PER_IMAGE = "classes", 10
QUARTER_TURNS = False  # crown and breast are told apart by where they are


# -------------------------------------------------------------- class table


def class_table(num_classes: int = NUM_CLASSES, num_train: int = NUM_TRAIN_CLASSES, seed: int = 0) -> list[dict[str, str]]:
    """The attributes of each class; labels below ``num_train`` are for training.

    Within the training and within the test classes every value of an
    attribute is about equally frequent, so that ten training classes suffice
    for all values to occur in training.  Any two classes differ in at least
    three attributes, and no white wing has (invisible) white bars.

    Raises ``ValueError`` unless ``0 < num_train <= num_classes``, and if no
    such table was found, which happens only for tables of many thousands.
    """
    return balanced_table(ATTRIBUTES, num_classes, num_train, seed, _bars_invisible)


def _bars_invisible(codes: np.ndarray) -> np.ndarray:
    """Which classes have white bars on a white wing."""
    return has_value(codes, ATTRIBUTES, "wing", "white") & has_value(codes, ATTRIBUTES, "wing_bars", "white")


# --------------------------------------------------------------------- pose

# Outlines of a bird that looks to the right, in units of its length from bill
# base to tail tip; the origin is the middle of the body, y points down.
_BODY = (
    (0.13, -0.31),
    (0.00, -0.265),
    (-0.16, -0.165),
    (-0.31, 0.01),
    (-0.31, 0.13),
    (-0.19, 0.26),
    (0.00, 0.335),
    (0.18, 0.285),
    (0.305, 0.12),
    (0.34, -0.07),
    (0.31, -0.24),
)
_BACK = (
    (0.215, -0.50),
    (0.185, -0.20),
    (0.15, -0.06),
    (0.08, 0.03),
    (-0.10, 0.10),
    (-0.26, 0.17),
    (-0.50, 0.12),
    (-0.40, -0.30),
)
_WING = (
    (0.155, 0.045),
    (0.115, -0.035),
    (0.02, -0.055),
    (-0.12, 0.005),
    (-0.26, 0.105),
    (-0.42, 0.235),
    (-0.29, 0.27),
    (-0.14, 0.275),
    (0.01, 0.25),
    (0.115, 0.15),
)
_HEAD = (
    (0.245, -0.465),
    (0.335, -0.44),
    (0.395, -0.355),
    (0.40, -0.275),
    (0.365, -0.19),
    (0.27, -0.125),
    (0.12, -0.11),
    (0.03, -0.185),
    (0.08, -0.335),
    (0.15, -0.435),
)
_CHIN = ((0.43, -0.245), (0.345, -0.235), (0.275, -0.175), (0.22, -0.10), (0.40, -0.10))
_NECK = np.array((0.22, -0.22))
_EYE = np.array((0.315, -0.335))
_BILL_BASE = np.array((0.385, -0.285))
_HIPS = ((0.045, 0.285), (-0.055, 0.295))

_BODY_SPAN = {"small": (0.62, 0.66), "large": (0.80, 0.84)}  # of the frame, without bill
_BILL_LENGTH = {"short": 0.10, "long": 0.21}
# Small birds have relatively larger heads; it also keeps their parts legible.
_HEAD_SCALE = {"small": 1.14, "large": 1.0}

_PARTS = {name: number for number, name in enumerate((*COLOUR_ATTRIBUTES, "wing_bars", "crest", "bill"), start=1)}


@dataclass(frozen=True)
class _Pose:
    """Where the bird is and how it holds itself: bird units to picture units."""

    scale: float
    mirror: float  # 1 looks to the right, -1 to the left
    tilt: float
    nod: float
    head_scale: float
    stance: float  # how far apart the feet are, 1 for an even perch
    origin: np.ndarray

    def place(self, points) -> np.ndarray:
        """Position in the picture of points of the body, ``(..., 2)``."""
        turned = np.asarray(points, float) @ rotation(self.tilt).T
        return turned * (self.scale * self.mirror, self.scale) + self.origin

    def place_head(self, points) -> np.ndarray:
        """The same for points of the head, which turns about the neck."""
        turned = (np.asarray(points, float) - _NECK) @ rotation(self.nod).T
        return self.place(turned * self.head_scale + _NECK)


def _bill_outlines(length: float) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower mandible in bird units."""
    x, y = _BILL_BASE
    tip = (x + length, y + 0.035 + 0.10 * length)
    upper = [(x - 0.03, y - 0.058), (x + 0.45 * length, y - 0.036), tip, (x - 0.03, y + 0.014)]
    lower = [
        (x - 0.03, y + 0.010),
        (x + 0.5 * length, y + 0.022),
        (tip[0] - 0.02, tip[1] + 0.004),
        (x + 0.4 * length, y + 0.060),
        (x - 0.03, y + 0.052),
    ]
    return (
        spline(upper[:3], closed=False, steps=5).tolist() + [upper[3]],
        lower[:3] + spline(lower[2:], closed=False, steps=5).tolist(),
    )


def _crest_feathers() -> list[np.ndarray]:
    """A fan of pointed feathers on the head, in bird units."""
    feathers = []
    for root, tip, width in (
        ((0.29, -0.40), (0.20, -0.665), 0.105),
        ((0.25, -0.40), (0.10, -0.655), 0.115),
        ((0.20, -0.38), (0.00, -0.595), 0.115),
        ((0.16, -0.34), (-0.06, -0.500), 0.105),
    ):
        bend = (np.add(root, tip) / 2 + (0.035, -0.03)).tolist()
        feathers.append(ribbon(spline([root, bend, tip], closed=False), width, 0.004))
    return feathers


def _tail_feathers(spread: float) -> list[np.ndarray]:
    """Overlapping straight feathers from the rump, in bird units."""
    feathers = []
    for angle in np.linspace(-spread, spread, 5):
        direction = rotation(angle) @ (-0.86, 0.51)
        side = np.array((0.51, 0.86)) * angle * 0.2
        root = np.array((-0.20, 0.085)) + side
        tip = root + direction * (0.55 - 0.12 * abs(angle))
        feathers.append(ribbon(spline([root, (root + tip) / 2, tip], closed=False, steps=5), 0.135, 0.12))
    return feathers


def _random_pose(attributes: dict[str, str], stance: float, rng: np.random.Generator) -> _Pose:
    """A pose in which the whole bird, with bill and crest, is in the picture."""
    size = attributes["size"]
    pose = _Pose(
        1.0, rng.choice((-1.0, 1.0)), rng.uniform(-0.16, 0.20), rng.uniform(-0.22, 0.20), _HEAD_SCALE[size], stance, np.zeros(2)
    )
    body = np.concatenate([pose.place(p) for p in (_BODY, *_tail_feathers(0.2))] + [pose.place_head(_HEAD)])
    scale = rng.uniform(*_BODY_SPAN[size]) / np.ptp(body[:, 0])
    extras = list(_bill_outlines(_BILL_LENGTH[attributes["bill_length"]]))
    if attributes["crest"] == "crested":
        extras += _crest_feathers()
    points = np.concatenate([body] + [pose.place_head(p) for p in extras]) * scale
    low, high = points.min(0), points.max(0)
    room = np.maximum(0.97 - (high - low) - (0.0, 0.12), 0)
    corner = (0.015, 0.02) + room * rng.uniform(0.25, 0.75, 2)
    return replace(pose, scale=scale, origin=corner - low)


# ------------------------------------------------------------------ painting


class _Painter:
    """The state that the painting functions share: one bird on one canvas."""

    def __init__(self, attributes: dict[str, str], stance: float, canvas: Canvas, rng: np.random.Generator):
        self.attributes = attributes
        self.canvas = canvas
        self.rng = rng
        self.pose = _random_pose(attributes, stance, rng)
        self.light = random_light(rng)
        self.colour = {part: jittered(attributes[part], rng) for part in COLOUR_ATTRIBUTES}
        self.spread = rng.uniform(0.10, 0.24)
        self.unit = self.pose.scale * canvas.size  # pixels in one bird unit

    def plumage(self, mask: Mask, colour: np.ndarray, part: str, softness: float, strength: float = 0.9) -> None:
        """Paint a feathered surface: rounded, lit, with a fine downy texture."""
        shade = relief(mask.alpha, self.light, softness * self.unit)
        rows, columns = mask.alpha.shape
        down = noise(self.rng, (rows, columns), (max(rows // 3, 2), max(columns // 6, 2)))
        shade = shade * strength + 0.13 * down
        self.canvas.paint(mask, shaded(colour, shade), part=_PARTS[part])

    def outline(self, polygon: np.ndarray, colour: np.ndarray, width: float = 0.011, fading: Mask | None = None) -> None:
        """A thin darker contour along a closed polygon in picture units.

        It nearly vanishes over ``fading``, where one plumage passes into another.
        """
        ring = np.concatenate([polygon, polygon[:1]])
        width *= self.pose.scale
        line = self.canvas.mask(ribbon(ring, width, width))
        if fading is not None:
            line = Mask(line.alpha - 0.7 * line.within(fading, self.canvas.size).alpha, line.left, line.top)
        self.canvas.paint(line, ink(colour), 0.75)

    def lines(self, paths: list[np.ndarray], colour: np.ndarray, width: float, opacity: float, inside: Mask) -> None:
        """Fine feather lines, in picture units, clipped to a surface."""
        strokes = [ribbon(path, width * self.pose.scale, 0.5 * width * self.pose.scale) for path in paths]
        mask = self.canvas.mask(*strokes).within(inside, self.canvas.size)
        self.canvas.paint(mask, colour, opacity)


def _draw_tail(painter: _Painter) -> None:
    colour = painter.colour["tail"]
    for feather in _tail_feathers(painter.spread):
        polygon = painter.pose.place(feather)
        mask = painter.canvas.mask(polygon)
        painter.plumage(mask, colour, "tail", 0.03, 0.55)
        half = len(polygon) // 2
        shaft = (polygon[:half] + polygon[: half - 1 : -1]) / 2
        painter.lines([shaft], ink(colour), 0.009, 0.5, mask)
        painter.outline(polygon, colour, 0.010)


def _draw_body(painter: _Painter) -> Mask:
    """Breast and belly; returns the mask of the whole body."""
    polygon = painter.pose.place(spline(_BODY))
    mask = painter.canvas.mask(polygon)
    painter.plumage(mask, painter.colour["breast"], "breast", 0.07)
    painter.outline(polygon, painter.colour["breast"])
    return mask


def _draw_breast_pattern(painter: _Painter, body: Mask) -> None:
    """Bold streaks or round spots in a colour that contrasts with the breast."""
    kind = painter.attributes["breast_pattern"]
    if kind == "plain":
        return
    marks = _streaks(painter) if kind == "streaked" else _spots(painter)
    dark = luminance(PALETTE[painter.attributes["breast"]]) < 0.45
    tone = np.array((0.96, 0.94, 0.86) if dark else (0.16, 0.11, 0.09))
    mask = painter.canvas.mask(*[painter.pose.place(mark) for mark in marks])
    painter.canvas.paint(mask.within(body, painter.canvas.size), tone, 0.92)


def _mark_scale(painter: _Painter) -> float:
    """Marks of small birds are relatively larger, else they would blur away."""
    return 1.25 if painter.attributes["size"] == "small" else 1.0


def _streaks(painter: _Painter) -> list[np.ndarray]:
    """Long dashes that run down the breast and along the flank."""
    scale = _mark_scale(painter)
    streaks = []
    for start in np.arange(0.025, 0.16, 0.052 * scale):
        # each streak follows the contour of the breast at its own depth
        path = spline(
            np.array(((0.315, -0.12), (0.285, 0.09), (0.17, 0.24), (0.00, 0.285), (-0.16, 0.235)))
            - start * np.array((1.0, 0.62)),
            closed=False,
        )
        first = painter.rng.integers(-12, 0)
        for begin in range(first, len(path) - 3, 14):
            dash = path[max(begin, 0) : begin + 13]
            if len(dash) > 2:
                streaks.append(ribbon(dash, 0.014 * scale, 0.006 * scale, swell=0.014 * scale))
    return streaks


def _spots(painter: _Painter) -> list[np.ndarray]:
    """Staggered round spots."""
    scale = _mark_scale(painter)
    step = 0.108 * scale
    spots = []
    for row, y in enumerate(np.arange(-0.07, 0.30, 0.8 * step)):
        for x in np.arange(-0.2 + (row % 2) * step / 2, 0.33, step):
            centre = np.array((x, y)) + painter.rng.uniform(-0.006, 0.006, 2)
            spots.append(ellipse(centre, np.array((0.033, 0.031)) * scale, steps=12))
    return spots


def _scallops() -> list[np.ndarray]:
    """Rows of feather edges, in bird units; they tell a back from a breast of the same colour."""
    along, across = np.array((-0.080, 0.058)), np.array((0.036, 0.050))  # down the back, into it
    arcs = []
    for row in range(-1, 6):
        for step in range(-2, 8):
            corner = np.array((0.16, -0.24)) + row * across + (step + 0.5 * (row % 2)) * along
            arcs.append(
                spline(
                    [corner, corner + 0.3 * along + 0.75 * across, corner + 0.7 * along + 0.75 * across, corner + along],
                    closed=False,
                )
            )
    return arcs


def _draw_back(painter: _Painter, body: Mask) -> None:
    colour = painter.colour["back"]
    size = painter.canvas.size
    polygon = painter.pose.place(spline(_BACK))
    mask = painter.canvas.mask(polygon, blur=0.008 * painter.pose.scale).within(body, size)
    painter.plumage(mask, colour, "back", 0.05, 0.7)
    scallops = [painter.pose.place(arc) for arc in _scallops()]
    painter.lines(scallops, ink(colour), 0.015, 0.9, mask)
    contour = painter.pose.place(spline(_BODY))
    edge = painter.canvas.mask(ribbon(contour, *(0.016 * painter.pose.scale,) * 2))
    painter.canvas.paint(edge.within(mask, size), ink(colour), 0.8)


def _draw_wing(painter: _Painter, body: Mask) -> None:
    colour, pose, canvas = painter.colour["wing"], painter.pose, painter.canvas
    polygon = pose.place(spline(_WING))
    shadow = canvas.mask(polygon + (0, 0.022 * pose.scale), blur=0.014 * pose.scale)
    canvas.darken(shadow.within(body, canvas.size), 0.42)
    mask = canvas.mask(polygon)
    painter.plumage(mask, colour, "wing", 0.04, 0.8)
    tip = np.array((-0.385, 0.22))
    primaries = [
        pose.place(spline([root, ((root[0] + tip[0]) / 2, (root[1] + tip[1]) / 2 + sag), tip + (0.02 * i, 0.0)], closed=False))
        for i, (root, sag) in enumerate(
            (
                ((-0.03, -0.02), 0.0),
                ((-0.02, 0.03), 0.012),
                ((-0.01, 0.08), 0.022),
                ((0.0, 0.125), 0.026),
                ((0.02, 0.165), 0.024),
            )
        )
    ]
    painter.lines(primaries, ink(colour), 0.022, 0.9, mask)
    _draw_coverts(painter, mask)
    _draw_wing_bars(painter, mask)
    painter.outline(polygon, colour, 0.014)


def _draw_coverts(painter: _Painter, wing: Mask) -> None:
    """The small overlapping feathers of the shoulder, as a few arcs."""
    arcs = []
    for x, y in ((0.10, -0.02), (0.09, 0.045), (0.07, 0.105), (0.04, -0.045), (0.03, 0.02), (0.01, 0.085)):
        arcs.append(painter.pose.place(spline([(x + 0.02, y - 0.03), (x - 0.02, y), (x + 0.005, y + 0.035)], closed=False)))
    painter.lines(arcs, ink(painter.colour["wing"]), 0.011, 0.4, wing)


def _draw_wing_bars(painter: _Painter, wing: Mask) -> None:
    if painter.attributes["wing_bars"] == "none":
        return
    pose, canvas = painter.pose, painter.canvas
    bars = [
        spline([(-0.005, -0.12), (0.005, 0.0), (0.045, 0.10), (0.10, 0.19)], closed=False),
        spline([(-0.125, -0.06), (-0.115, 0.06), (-0.075, 0.16), (-0.02, 0.25)], closed=False),
    ]
    for width, colour, part in (
        (0.072, darker(painter.colour["wing"], 0.6), None),
        (0.046, np.array((0.96, 0.96, 0.94)), _PARTS["wing_bars"]),
    ):
        width *= pose.scale
        mask = canvas.mask(*[ribbon(pose.place(bar), width, width) for bar in bars])
        canvas.paint(mask.within(wing, canvas.size), colour, 0.95, part)


def _draw_crest(painter: _Painter) -> None:
    if painter.attributes["crest"] == "none":
        return
    colour = painter.colour["crown"]
    for feather in reversed(_crest_feathers()):
        polygon = painter.pose.place_head(feather)
        painter.plumage(painter.canvas.mask(polygon), colour, "crest", 0.03, 0.6)
        painter.outline(polygon, colour, 0.010)


def _draw_head(painter: _Painter, body: Mask) -> None:
    """The hood in the crown's colour, and a chin in that of the breast."""
    colour, pose, canvas = painter.colour["crown"], painter.pose, painter.canvas
    polygon = pose.place_head(spline(_HEAD))
    mask = canvas.mask(polygon)
    canvas.darken(canvas.mask(polygon, blur=0.02 * pose.scale).within(body, canvas.size), 0.3)
    painter.plumage(mask, colour, "crown", 0.055)
    painter.outline(polygon, colour, fading=body)
    chin = canvas.mask(pose.place_head(spline(_CHIN)), blur=0.01 * pose.scale)
    canvas.paint(chin.within(mask, canvas.size), darker(painter.colour["breast"], 0.06), part=_PARTS["breast"])


def _draw_eye(painter: _Painter) -> None:
    pose, canvas = painter.pose, painter.canvas
    head = painter.colour["crown"]
    ring = head + 0.45 * (1 - head) if luminance(head) < 0.5 else darker(head, 0.35)
    for radius, shift, colour in (
        (0.044, (0, 0), ring),
        (0.034, (0, 0), np.full(3, 0.05)),
        (0.011, (0.010, -0.012), np.full(3, 0.98)),
    ):
        disc = ellipse(_EYE + shift, (radius, radius))
        canvas.paint(canvas.mask(pose.place_head(disc)), colour)


def _draw_bill(painter: _Painter) -> None:
    colour = jittered(painter.attributes["bill_colour"], painter.rng)
    length = _BILL_LENGTH[painter.attributes["bill_length"]]
    upper, lower = (painter.pose.place_head(outline) for outline in _bill_outlines(length))
    for polygon, tone in ((lower, darker(colour, 0.2)), (upper, colour)):
        mask = painter.canvas.mask(polygon)
        shade = relief(mask.alpha, painter.light, 0.02 * painter.unit)
        painter.canvas.paint(mask, shaded(tone, shade, 0.6), part=_PARTS["bill"])
        painter.outline(polygon, colour, 0.008)


def _feet(pose: _Pose) -> list[np.ndarray]:
    """Where the two feet hold the perch, in picture units."""
    middle = pose.place(np.mean(_HIPS, axis=0)) + (0.01 * pose.mirror, 0.115 * pose.scale)
    apart = 0.048 * pose.scale * pose.mirror * pose.stance
    return [middle + (apart, 0), middle - (apart, 0)]


def _draw_legs(painter: _Painter) -> None:
    scale = painter.pose.scale
    tone = np.array((0.33, 0.25, 0.21))
    shapes = []
    for hip, foot in zip(_HIPS, _feet(painter.pose)):
        top = painter.pose.place(hip) - (0, 0.02 * scale)
        shapes.append(ribbon([top, (top + foot) / 2, foot], 0.030 * scale, 0.020 * scale))
        for reach in (-0.045, 0.03, 0.06):
            toe = foot + (reach * scale * painter.pose.mirror, 0.014 * scale)
            shapes.append(ribbon([foot, (foot + toe) / 2 - (0, 0.008 * scale), toe], 0.020 * scale, 0.010 * scale))
    painter.canvas.paint(painter.canvas.mask(*shapes), tone)


# ------------------------------------------------------------------- perches
# Perches have the same thickness for all birds: they show how large a bird is.


def _perch_branch(painter: _Painter) -> None:
    rng, canvas = painter.rng, painter.canvas
    middle = np.mean(_feet(painter.pose), axis=0) + (0, 0.026)
    slope = rng.uniform(-0.16, 0.16)
    xs = np.linspace(-0.1, 1.1, 6)
    ys = middle[1] + slope * (xs - middle[0]) + rng.uniform(-0.012, 0.012, 6)
    ys += middle[1] - np.interp(middle[0], xs, ys)
    path = spline(np.stack([xs, ys], 1), closed=False)
    widths = (0.066, 0.042) if rng.random() < 0.5 else (0.042, 0.066)
    mask = canvas.mask(ribbon(path, *widths))
    colour = np.array((0.44, 0.36, 0.29)) * rng.uniform(0.75, 1.15)
    shade = relief(mask.alpha, np.array((0.0, -1.0)), 0.02 * canvas.size)
    bark = noise(rng, mask.alpha.shape, (10, 28))
    for x in rng.permutation(np.linspace(0.08, 0.92, 7))[: rng.integers(2, 5)]:
        _paint_twig_leaf(painter, np.array((x, np.interp(x, path[:, 0], path[:, 1]))))
    canvas.paint(mask, shaded(colour, shade + 0.35 * bark))


def _paint_twig_leaf(painter: _Painter, base: np.ndarray) -> None:
    """A leaf of fixed size that grows up or down from the branch."""
    rng = painter.rng
    angle = rng.uniform(0.5, 1.1) * rng.choice((-1, 1)) + (np.pi if rng.random() < 0.5 else 0)
    tip = base + 0.115 * np.array((np.cos(angle), np.sin(angle)))
    paint_leaf(painter.canvas, base, tip, 0.042, leaf_colour(rng), painter.light)


def _perch_wire(painter: _Painter) -> None:
    middle = np.mean(_feet(painter.pose), axis=0) + (0, 0.008)
    slope = painter.rng.uniform(-0.06, 0.06)
    xs = np.array((-0.05, 0.5, 1.05))
    path = spline(np.stack([xs, middle[1] + slope * (xs - middle[0])], 1), closed=False)
    wire = painter.canvas.mask(ribbon(path, 0.017, 0.017))
    shade = relief(wire.alpha, np.array((0.0, -1.0)), 0.006 * painter.canvas.size)
    painter.canvas.paint(wire, shaded(np.array((0.26, 0.26, 0.28)), shade))


def _perch_reed(painter: _Painter) -> None:
    rng, canvas = painter.rng, painter.canvas
    colour = np.array((0.62, 0.60, 0.36)) * rng.uniform(0.8, 1.1)
    middle = np.mean(_feet(painter.pose), axis=0) + (0, 0.012)
    lean = rng.choice((-1, 1)) * rng.uniform(0.35, 0.75)
    stems = [(middle, 0.034)] + [((rng.uniform(0, 1), 0.6), 0.026) for _ in range(2)]
    for centre, width in stems[::-1]:
        ys = np.array((1.1, centre[1], -0.1))
        path = spline(np.stack([centre[0] + lean * (centre[1] - ys), ys], 1), closed=False)
        mask = canvas.mask(ribbon(path, width, 0.6 * width))
        shade = relief(mask.alpha, painter.light, 0.012 * canvas.size)
        canvas.paint(mask, shaded(colour * rng.uniform(0.9, 1.1), shade))
    for drop, side in ((0.05, -1), (0.12, 1)):
        root = middle + (-lean * drop, drop)
        reach = side * rng.uniform(0.10, 0.20)
        blade = spline([root, root + (0.4 * reach, -0.16), root + (reach, -0.26), root + (1.5 * reach, -0.30)], closed=False)
        mask = canvas.mask(ribbon(blade, 0.014, 0.002, swell=0.016))
        shade = relief(mask.alpha, painter.light, 0.01 * canvas.size)
        canvas.paint(mask, shaded(darker(colour, 0.12), shade))


def _perch_ground(painter: _Painter) -> None:
    rng, canvas = painter.rng, painter.canvas
    middle = np.mean(_feet(painter.pose), axis=0)
    shadow = ellipse(middle + (-0.06 * painter.light[0], 0.012), (0.34 * painter.pose.scale, 0.035))
    canvas.darken(canvas.mask(shadow, blur=0.014), 0.45)
    for _ in range(rng.integers(3, 8)):
        centre = np.array((rng.uniform(0, 1), rng.uniform(min(middle[1], 0.98) - 0.02, 1.0)))
        stone = canvas.mask(ellipse(centre, rng.uniform(0.6, 1, 2) * (0.030, 0.020)))
        tone = np.array((0.60, 0.57, 0.53)) * rng.uniform(0.7, 1.15)
        canvas.paint(stone, shaded(tone, relief(stone.alpha, painter.light, 0.01 * canvas.size)))


_PERCHES = {"branch": _perch_branch, "wire": _perch_wire, "reed": _perch_reed, "ground": _perch_ground}
_PERCH_SHARES = (0.4, 0.15, 0.2, 0.25)
_OCCLUSION_SHARE = 0.35


def draw(attributes: dict[str, str], rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """Paint one bird with the given attributes.

    Pose, perch, background, light, colour jitter and what grows in front of
    the bird are drawn from ``rng``, whatever the attributes; some of it is then
    placed around the bird's outline.  The same state of ``rng`` gives the same
    picture.

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
    perch = rng.choice(list(_PERCHES), p=_PERCH_SHARES)
    canvas = Canvas(background(rng, size, GROUNDS if perch == "ground" else LANDSCAPES))
    stance = 0.4 if perch == "reed" else 1.0
    painter = _Painter(attributes, stance, canvas, rng)
    _PERCHES[perch](painter)
    _draw_legs(painter)
    _draw_tail(painter)
    body = _draw_body(painter)
    _draw_breast_pattern(painter, body)
    _draw_back(painter, body)
    _draw_wing(painter, body)
    _draw_crest(painter)
    _draw_head(painter, body)
    _draw_bill(painter)
    _draw_eye(painter)
    if rng.random() < _OCCLUSION_SHARE:
        paint_foreground(canvas, rng, painter.light)
    return finished(canvas, rng)


def describe(attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """One caption of a bird, and exactly the attributes it states.

    Args:
        attributes: a value for every name in :data:`ATTRIBUTES`.
        rng: source of the choice of attributes, words and sentence form.

    Returns:
        ``(caption, mentioned)``.  The caption has 6 to 18 lower-case words
        with commas and a final full stop; ``mentioned`` maps two to five
        attribute names to their values.

    Raises:
        ValueError: if an attribute is missing, unknown or has an unknown
            value.
    """
    check_attributes(attributes, ATTRIBUTES)
    return compose_caption(attributes, rng)
