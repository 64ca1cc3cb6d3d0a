"""What birds sit on: a branch, a wire, a reed, or the ground.

Perches have the same thickness for all birds: they show how large a bird is.
"""

from collections.abc import Callable

import numpy as np

from s2i_lib.datasets.rendered.bird_drawing import BirdDrawing
from s2i_lib.datasets.rendered.bird_pose import feet
from s2i_lib.datasets.rendered.canvas import noise, relief, shaded
from s2i_lib.datasets.rendered.colours import darker
from s2i_lib.datasets.rendered.foreground import draw_leaf, leaf_colour
from s2i_lib.datasets.rendered.shapes import Points, ellipse, ribbon, spline

_FROM_ABOVE = np.array((0.0, -1.0))


def _draw_branch(drawing: BirdDrawing) -> None:
    rng, canvas = drawing.rng, drawing.canvas
    middle = np.mean(feet(drawing.pose), axis=0) + (0, 0.026)
    slope = rng.uniform(-0.16, 0.16)
    xs = np.linspace(-0.1, 1.1, 6)
    ys = middle[1] + slope * (xs - middle[0]) + rng.uniform(-0.012, 0.012, 6)
    ys += middle[1] - np.interp(middle[0], xs, ys)
    path = spline(np.stack([xs, ys], 1), closed=False)
    widths = (0.066, 0.042) if rng.random() < 0.5 else (0.042, 0.066)
    mask = canvas.mask(ribbon(path, *widths))
    colour = np.array((0.44, 0.36, 0.29)) * rng.uniform(0.75, 1.15)
    shade = relief(mask.alpha, _FROM_ABOVE, 0.02 * canvas.size)
    bark = noise(rng, mask.alpha.shape, (10, 28))
    for x in rng.permutation(np.linspace(0.08, 0.92, 7))[: rng.integers(2, 5)]:
        _draw_twig_leaf(drawing, np.array((x, np.interp(x, path[:, 0], path[:, 1]))))
    canvas.fill(mask, shaded(colour, shade + 0.35 * bark))


def _draw_twig_leaf(drawing: BirdDrawing, base: Points) -> None:
    """A leaf of fixed size that grows up or down from the branch."""
    rng = drawing.rng
    angle = rng.uniform(0.5, 1.1) * rng.choice((-1, 1)) + (np.pi if rng.random() < 0.5 else 0)
    tip = base + 0.115 * np.array((np.cos(angle), np.sin(angle)))
    draw_leaf(drawing.canvas, base, tip, 0.042, leaf_colour(rng), drawing.light)


def _draw_wire(drawing: BirdDrawing) -> None:
    middle = np.mean(feet(drawing.pose), axis=0) + (0, 0.008)
    slope = drawing.rng.uniform(-0.06, 0.06)
    xs = np.array((-0.05, 0.5, 1.05))
    path = spline(np.stack([xs, middle[1] + slope * (xs - middle[0])], 1), closed=False)
    wire = drawing.canvas.mask(ribbon(path, 0.017, 0.017))
    drawing.canvas.solid(wire, np.array((0.26, 0.26, 0.28)), _FROM_ABOVE, 0.006 * drawing.canvas.size)


def _draw_reed(drawing: BirdDrawing) -> None:
    rng, canvas = drawing.rng, drawing.canvas
    colour = np.array((0.62, 0.60, 0.36)) * rng.uniform(0.8, 1.1)
    middle = np.mean(feet(drawing.pose), axis=0) + (0, 0.012)
    lean = rng.choice((-1, 1)) * rng.uniform(0.35, 0.75)
    stems = [(middle, 0.034)] + [((rng.uniform(0, 1), 0.6), 0.026) for _ in range(2)]
    for centre, width in stems[::-1]:
        ys = np.array((1.1, centre[1], -0.1))
        path = spline(np.stack([centre[0] + lean * (centre[1] - ys), ys], 1), closed=False)
        mask = canvas.mask(ribbon(path, width, 0.6 * width))
        canvas.solid(mask, colour * rng.uniform(0.9, 1.1), drawing.light, 0.012 * canvas.size)
    for drop, side in ((0.05, -1), (0.12, 1)):
        root = middle + (-lean * drop, drop)
        reach = side * rng.uniform(0.10, 0.20)
        blade = spline([root, root + (0.4 * reach, -0.16), root + (reach, -0.26), root + (1.5 * reach, -0.30)], closed=False)
        mask = canvas.mask(ribbon(blade, 0.014, 0.002, swell=0.016))
        canvas.solid(mask, darker(colour, 0.12), drawing.light, 0.01 * canvas.size)


def _draw_ground(drawing: BirdDrawing) -> None:
    rng, canvas = drawing.rng, drawing.canvas
    middle = np.mean(feet(drawing.pose), axis=0)
    shadow = ellipse(middle + (-0.06 * drawing.light[0], 0.012), (0.34 * drawing.pose.scale, 0.035))
    canvas.darken(canvas.mask(shadow, blur=0.014), 0.45)
    for _ in range(rng.integers(3, 8)):
        centre = np.array((rng.uniform(0, 1), rng.uniform(min(middle[1], 0.98) - 0.02, 1.0)))
        stone = canvas.mask(ellipse(centre, rng.uniform(0.6, 1, 2) * (0.030, 0.020)))
        tone = np.array((0.60, 0.57, 0.53)) * rng.uniform(0.7, 1.15)
        canvas.solid(stone, tone, drawing.light, 0.01 * canvas.size)


PERCHES: dict[str, Callable[[BirdDrawing], None]] = {
    "branch": _draw_branch,
    "wire": _draw_wire,
    "reed": _draw_reed,
    "ground": _draw_ground,
}
PERCH_SHARES = (0.4, 0.15, 0.2, 0.25)
