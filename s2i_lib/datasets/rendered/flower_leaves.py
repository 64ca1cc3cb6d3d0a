"""What is behind a flower: its stem and its leaves."""

import numpy as np

from s2i_lib.datasets.rendered.flower_drawing import PARTS, FlowerDrawing
from s2i_lib.datasets.rendered.shapes import Floats, Points, ribbon, rotation, spline


def draw_stem(drawing: FlowerDrawing) -> None:
    """A stem that reaches from the flower to the lower edge of the picture."""
    rng, canvas = drawing.rng, drawing.canvas
    foot = np.array((drawing.pose.origin[0] + rng.uniform(-0.15, 0.15), 1.08))
    bend = (drawing.pose.origin + foot) / 2 + (rng.uniform(-0.04, 0.04), 0)
    path = spline([drawing.pose.origin, bend, foot], closed=False)
    mask = canvas.mask(ribbon(path, 0.030, 0.042))
    canvas.solid(mask, drawing.green, drawing.light, 0.015 * canvas.size)


def draw_leaves(drawing: FlowerDrawing) -> None:
    """Leaves that stick out from behind the flower, all around it."""
    kind, rng = drawing.attributes["leaves"], drawing.rng
    if kind == "none":
        return
    count, width = {"broad": (5, 0.62), "narrow": (11, 0.11)}[kind]
    for angle in rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(count) / count:
        direction = rotation(angle + rng.uniform(-0.15, 0.15)) @ (1, 0)
        _draw_leaf(drawing, direction * rng.uniform(1.35, 1.5), width, drawing.green * rng.uniform(0.88, 1.12))


def _draw_leaf(drawing: FlowerDrawing, tip: Points, width: float, colour: Floats) -> None:
    """A leaf with its ribs, from behind the flower to `tip` in flower units."""
    canvas, aside = drawing.canvas, tip[::-1] * (-1, 1)
    path = spline([0.45 * tip, 0.8 * tip + drawing.rng.uniform(-0.08, 0.08) * aside, tip], closed=False)
    polygon = drawing.pose.place(ribbon(path, 0.05, 0.0, swell=width))
    mask = canvas.mask(polygon)
    drawing.shadow(polygon, 0.3, 0.05)
    canvas.solid(mask, colour, drawing.light, 0.3 * min(width, 0.3) * drawing.unit, part=PARTS["leaves"])
    ribs = [ribbon(path, 0.03, 0.006)]
    for start in path[3:-3:2] if width > 0.3 else ():
        for side in (-0.3, 0.3):
            end = start + 0.2 * tip + side * aside
            ribs.append(ribbon(spline([start, (start + end) / 2 - 0.02 * tip, end], closed=False), 0.014, 0.006))
    lines = canvas.mask(*[drawing.pose.place(rib) for rib in ribs])
    canvas.fill(lines.within(mask, canvas.size), colour + 0.3 * (1 - colour), 0.6)
    drawing.outline(mask, colour, 0.012)
