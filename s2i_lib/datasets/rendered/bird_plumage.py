"""What is drawn on the surfaces of a bird: streaks and spots, the edges of feathers, and wing bars."""

import numpy as np

from s2i_lib.datasets.rendered.bird_drawing import PARTS, BirdDrawing
from s2i_lib.datasets.rendered.canvas import Mask
from s2i_lib.datasets.rendered.colours import PALETTE, darker, ink, luminance
from s2i_lib.datasets.rendered.shapes import Points, ellipse, ribbon, spline

# --- on the breast ---


def draw_breast_pattern(drawing: BirdDrawing, body: Mask) -> None:
    """Bold streaks or round spots in a colour that contrasts with the breast."""
    kind = drawing.attributes["breast_pattern"]
    if kind == "plain":
        return
    marks = _streaks(drawing) if kind == "streaked" else _spots(drawing)
    dark = luminance(PALETTE[drawing.attributes["breast"]]) < 0.45
    tone = np.array((0.96, 0.94, 0.86) if dark else (0.16, 0.11, 0.09))
    mask = drawing.canvas.mask(*[drawing.pose.place(mark) for mark in marks])
    drawing.canvas.fill(mask.within(body, drawing.canvas.size), tone, 0.92)


def _mark_scale(drawing: BirdDrawing) -> float:
    """Marks of small birds are relatively larger, else they would blur away."""
    return 1.25 if drawing.attributes["size"] == "small" else 1.0


def _streaks(drawing: BirdDrawing) -> list[Points]:
    """Long dashes that run down the breast and along the flank."""
    scale = _mark_scale(drawing)
    streaks = []
    for start in np.arange(0.025, 0.16, 0.052 * scale):
        # each streak follows the contour of the breast at its own depth
        path = spline(
            np.array(((0.315, -0.12), (0.285, 0.09), (0.17, 0.24), (0.00, 0.285), (-0.16, 0.235)))
            - start * np.array((1.0, 0.62)),
            closed=False,
        )
        first = drawing.rng.integers(-12, 0)
        for begin in range(first, len(path) - 3, 14):
            dash = path[max(begin, 0) : begin + 13]
            if len(dash) > 2:
                streaks.append(ribbon(dash, 0.014 * scale, 0.006 * scale, swell=0.014 * scale))
    return streaks


def _spots(drawing: BirdDrawing) -> list[Points]:
    """Staggered round spots."""
    scale = _mark_scale(drawing)
    step = 0.108 * scale
    spots = []
    for row, y in enumerate(np.arange(-0.07, 0.30, 0.8 * step)):
        for x in np.arange(-0.2 + (row % 2) * step / 2, 0.33, step):
            centre = np.array((x, y)) + drawing.rng.uniform(-0.006, 0.006, 2)
            spots.append(ellipse(centre, np.array((0.033, 0.031)) * scale, steps=12))
    return spots


# --- on the back ---


def scallops() -> list[Points]:
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


# --- on the wing ---


def draw_coverts(drawing: BirdDrawing, wing: Mask) -> None:
    """The small overlapping feathers of the shoulder, as a few arcs."""
    arcs = []
    for x, y in ((0.10, -0.02), (0.09, 0.045), (0.07, 0.105), (0.04, -0.045), (0.03, 0.02), (0.01, 0.085)):
        arcs.append(drawing.pose.place(spline([(x + 0.02, y - 0.03), (x - 0.02, y), (x + 0.005, y + 0.035)], closed=False)))
    drawing.lines(arcs, ink(drawing.colour["wing"]), 0.011, 0.4, wing)


def draw_wing_bars(drawing: BirdDrawing, wing: Mask) -> None:
    """Two white bars across the wing, on darker ones that make them stand out from any colour; nothing without wing bars."""
    if drawing.attributes["wing_bars"] == "none":
        return
    pose, canvas = drawing.pose, drawing.canvas
    bars = [
        spline([(-0.005, -0.12), (0.005, 0.0), (0.045, 0.10), (0.10, 0.19)], closed=False),
        spline([(-0.125, -0.06), (-0.115, 0.06), (-0.075, 0.16), (-0.02, 0.25)], closed=False),
    ]
    for width, colour, part in (
        (0.072, darker(drawing.colour["wing"], 0.6), None),
        (0.046, np.array((0.96, 0.96, 0.94)), PARTS["wing_bars"]),
    ):
        width *= pose.scale
        mask = canvas.mask(*[ribbon(pose.place(bar), width, width) for bar in bars])
        canvas.fill(mask.within(wing, canvas.size), colour, 0.95, part)
