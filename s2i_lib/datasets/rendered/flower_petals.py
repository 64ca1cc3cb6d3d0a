"""The petals of a flower: their outline, the pattern on them, and their layers."""

import numpy as np

from s2i_lib.datasets.rendered.canvas import Mask, noise, relief, shaded
from s2i_lib.datasets.rendered.colours import ink
from s2i_lib.datasets.rendered.flower_drawing import PARTS, FlowerDrawing
from s2i_lib.datasets.rendered.shapes import Points, ellipse, ribbon, rotation, spline

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


def draw_petals(drawing: FlowerDrawing) -> None:
    """One layer of petals, or a second, smaller one in front of its gaps."""
    low, high = _PETAL_COUNTS[drawing.attributes["number"]]
    count = int(drawing.rng.integers(low, high + 1))
    _draw_layer(drawing, count, 1.0, 0.0)
    if drawing.attributes["layers"] == "double":
        drawing.shadow(drawing.pose.place(ellipse((0, 0), (0.6, 0.6))), 0.4, 0.15)
        _draw_layer(drawing, count, _INNER_LENGTH, np.pi / count)


def _draw_layer(drawing: FlowerDrawing, count: int, length: float, start: float) -> None:
    """One whorl of petals, each a little different."""
    rng, attributes = drawing.rng, drawing.attributes
    width = _HALF_WIDTHS[attributes["shape"]][attributes["number"]]
    petal = _petal(attributes, length, width * length**0.5)
    for angle in start + 2 * np.pi * np.arange(count) / count:
        angle += rng.uniform(-0.12, 0.12) * width
        turn = rotation(angle) * rng.uniform((0.95, 0.94), (1.0, 1.03))  # longer, broader
        _draw_petal(drawing, [[drawing.pose.place(polygon @ turn.T) for polygon in polygons] for polygons in petal])


def _draw_petal(drawing: FlowerDrawing, petal: list[list[Points]]) -> None:
    """A petal in picture units, shaded and over what lies below it."""
    (contour,), marks, veins = petal
    canvas, colour, size = drawing.canvas, drawing.colour, drawing.canvas.size
    drawing.shadow(contour, 0.35, 0.05)
    mask = canvas.mask(contour)
    shade = 1.1 * relief(mask.alpha, drawing.light, 0.07 * drawing.unit)
    shade += 0.1 * noise(drawing.rng, mask.alpha.shape, (6, 6)) - 0.5 * drawing.depth(mask)
    canvas.fill(mask, shaded(colour["petal"], shade), part=PARTS["petal"])
    marked = mask.within(canvas.mask(*marks), size)
    if drawing.attributes["pattern"] == "edged":
        marked = Mask(mask.alpha - marked.alpha, mask.left, mask.top)
    canvas.fill(marked, shaded(colour["second"], shade), part=PARTS["second"])
    drawing.outline(marked, colour["second"], 0.012)
    canvas.fill(canvas.mask(*veins).within(mask, size), ink(colour["petal"]), 0.3)
    drawing.outline(mask, colour["petal"], 0.014)


# --- one petal along x, in the units of the flower ---


def _petal_outline(shape: str, length: float, width: float) -> Points:
    """A petal that grows from the origin along x, `width` to either side."""
    half = spline(_HALF_PETALS[shape], closed=False, steps=5) * (length, width)
    return np.concatenate([half, half[::-1] * (1, -1)])


def _inner_part(shape: str, length: float, width: float) -> list[Points]:
    """What the coloured edge of a petal leaves free."""
    band = 0.045 + 0.07 * width
    return [_petal_outline(shape, length - 1.5 * band, width - band)]


def _stripes(shape: str, length: float, width: float) -> list[Points]:
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


def _spots(shape: str, length: float, width: float) -> list[Points]:
    """Staggered round spots."""
    step = 0.215
    spots = []
    for row, along in enumerate(np.arange(0.40, 0.9 * length, 0.8 * step)):
        for across in np.arange(-3.5 + row % 2 / 2, 4) * step:
            spots.append(ellipse((along, across), (0.063, 0.063), steps=12))
    return spots


def _base(shape: str, length: float, width: float) -> list[Points]:
    """The inner part of the petal; those of all petals make a ring around the centre."""
    return [ellipse((0.0, 0.0), (0.22 + 0.36 * length,) * 2, steps=48)]


_MARKS = {"edged": _inner_part, "striped": _stripes, "spotted": _spots, "ringed": _base}


def _veins(length: float, width: float) -> list[Points]:
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


def _petal(attributes: dict[str, str], length: float, width: float) -> list[list[Points]]:
    """Contour, marks and veins of a petal along x."""
    shape = attributes["shape"]
    return [[_petal_outline(shape, length, width)], _MARKS[attributes["pattern"]](shape, length, width), _veins(length, width)]
