"""Leaves, and the plants in front of a subject that hide a little of it."""

import numpy as np
from numpy.typing import ArrayLike

from s2i_lib.datasets.rendered.canvas import Canvas, relief, shaded
from s2i_lib.datasets.rendered.colours import tinted
from s2i_lib.datasets.rendered.shapes import Floats, Points, ribbon, spline

_LEAF_COLOURS = ((0.36, 0.50, 0.24), (0.28, 0.42, 0.26), (0.50, 0.56, 0.28), (0.44, 0.50, 0.36), (0.58, 0.50, 0.34))


def draw_leaf(canvas: Canvas, base: ArrayLike, tip: ArrayLike, width: float, colour: Floats, light: Floats) -> None:
    """Draw one leaf with a midrib between two points of the picture; `light` as in ``relief``."""
    base, tip = np.asarray(base, np.float64), np.asarray(tip, np.float64)
    aside = (tip - base)[::-1] * (-1, 1)
    path = spline([base, (base + tip) / 2 + 0.12 * aside, tip], closed=False)
    mask = canvas.mask(ribbon(path, 0.004, 0.001, swell=width))
    canvas.solid(mask, colour, light, 3 + width * 0.2 * canvas.size)
    rib = canvas.mask(ribbon(path, 0.006, 0.002))
    canvas.fill(rib.within(mask, canvas.size), colour + 0.25 * (1 - colour), 0.5)


def leaf_colour(rng: np.random.Generator) -> Floats:
    """A muted leaf colour: green, olive, yellowish or dry."""
    return tinted(_LEAF_COLOURS[rng.integers(len(_LEAF_COLOURS))], rng)


def _leaf_ahead(target: Points, rng: np.random.Generator) -> list[Points]:
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.16, 0.26)
    step = length * np.array([np.cos(angle), np.sin(angle)])
    path = spline([target, target + step / 2 + 0.12 * step[::-1] * (-1, 1), target + step], closed=False)
    return [ribbon(path, 0.004, 0.002, swell=0.4 * length)]


def _twig_ahead(target: Points, rng: np.random.Generator) -> list[Points]:
    angle = rng.uniform(0, 2 * np.pi)
    step = np.array([np.cos(angle), np.sin(angle)])
    start, end = target - 0.15 * step, target + 1.2 * step
    bend = (start + end) / 2 + rng.uniform(-0.08, 0.08, 2)
    return [ribbon(spline([start, bend, end], closed=False), 0.008, 0.024)]


def _grass_ahead(target: Points, rng: np.random.Generator) -> list[Points]:
    blades = []
    for _ in range(rng.integers(2, 5)):
        tip = target + rng.uniform(-0.1, 0.1, 2)
        root = np.array([tip[0] + rng.uniform(-0.15, 0.15), 1.05])
        bend = (tip + root) / 2 + (rng.uniform(-0.05, 0.05), 0)
        blades.append(ribbon(spline([root, bend, tip], closed=False), 0.026, 0.002))
    return blades


_PLANTS = (_leaf_ahead, _twig_ahead, _grass_ahead)


def draw_foreground(canvas: Canvas, rng: np.random.Generator, light: Floats, limit: float = 0.22, attempts: int = 5) -> None:
    """Let a blurred leaf, twig or some grass hide a little of the subject.

    Args:
        canvas: holds a subject with recorded parts, see ``Canvas.fill``.
        light: (2,) unit vector towards the light.
        limit: a placement that would cover more than this share of any part is refused.
        attempts: after so many refusals nothing is drawn.
    """
    areas = np.maximum(np.bincount(canvas.owner.ravel(), minlength=256), 1)
    rows, columns = np.nonzero(canvas.owner)
    for _ in range(attempts):
        pixel = rng.integers(len(rows))
        target = np.array([columns[pixel], rows[pixel]]) / canvas.size
        shapes = _PLANTS[rng.integers(len(_PLANTS))](target, rng)
        mask = canvas.mask(*shapes, blur=0.005)
        hidden = canvas.owner[mask.box][mask.alpha > 0.3]
        share = (np.bincount(hidden, minlength=256) / areas)[1:]
        if share.max() <= limit:
            colour = leaf_colour(rng)
            canvas.fill(mask, shaded(colour, relief(mask.alpha, light, 0.012 * canvas.size)), 0.96)
            return
