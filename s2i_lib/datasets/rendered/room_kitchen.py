"""The furniture of kitchens, drawn as the other furniture is, see ``room_furniture``."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from s2i_lib.datasets.rendered.room_perspective import CHARCOAL, CREAM, METAL, Bounds, Interior, tone
from s2i_lib.datasets.rendered.shapes import Floats, spline


def draw_fridge(room: Interior, colour: Floats) -> None:
    """A tall refrigerator of brushed metal."""
    room.footprint((-0.31, 0.31), (-0.6, 0))
    room.box((-0.31, 0.31), (0.03, 1.75), (-0.6, 0), METAL)
    for y in ((0.06, 1.12), (1.15, 1.72)):
        room.sheet((-0.29, 0.29), y, 0.0, METAL, shade=0.1)
    for y in ((0.75, 1.05), (1.22, 1.45)):
        room.box((0.19, 0.23), y, (0, 0.05), CHARCOAL)


def _draw_doors(room: Interior, edges: Sequence[float], y: Bounds, colour: Floats, handle: float) -> None:
    """Cupboard doors side by side, each with a raised frame and a handle at height `handle`."""
    for x0, x1 in pairwise(edges):
        room.sheet((x0 + 0.012, x1 - 0.012), y, 0.0, colour, line=0.8)
        room.sheet((x0 + 0.07, x1 - 0.07), (y[0] + 0.07, y[1] - 0.07), 0.002, colour, shade=0.1, line=0.35)
        room.box((x1 - 0.055, x1 - 0.03), (handle, handle + 0.07), (0, 0.03), METAL, line=0.3)


def draw_kitchen(room: Interior, colour: Floats) -> None:
    """A counter with stove and sink, tiles behind it, wall cupboards and a hood: 1.9 m wide."""
    left, right, back = -0.95, 0.95, -0.58
    room.footprint((left, right), (back, 0))
    room.sheet((left, right), (0.9, 1.4), back + 0.005, tone(0.93, 0.94, 0.93))
    grid = [[(x, 0.9, back + 0.01), (x, 1.4, back + 0.01)] for x in np.arange(left, right, 0.125)]
    grid += [[(left, y, back + 0.01), (right, y, back + 0.01)] for y in np.arange(1.025, 1.4, 0.125)]
    room.lines(grid, tone(0.72, 0.76, 0.78), 0.012, 0.8)
    wall = room.at(0, back + 0.32)
    wall.box((left, -0.32), (1.42, 2.18), (-0.32, 0), colour)
    _draw_doors(wall, (left, -0.635, -0.32), (1.43, 2.17), colour, 1.5)
    wall.box((-0.11, 0.11), (1.66, 2.4), (-0.32, -0.1), METAL)
    wall.box((-0.29, 0.29), (1.54, 1.66), (-0.32, 0.08), METAL)
    room.box((left, right), (0.0, 0.1), (back, -0.06), CHARCOAL)
    room.box((left, right), (0.1, 0.86), (back, 0), colour)
    _draw_doors(room, (left, -0.615, -0.28), (0.12, 0.84), colour, 0.68)
    _draw_doors(room, (0.28, 0.615, right), (0.12, 0.84), colour, 0.68)
    room.box((left - 0.02, right + 0.02), (0.86, 0.91), (back, 0.03), tone(0.80, 0.72, 0.62))
    _draw_stove(room, (-0.28, 0.28))
    _draw_sink(room, 0.6, back)


def _draw_sink(room: Interior, x: float, back: float) -> None:
    """A steel basin let into the counter, with a curved tap."""
    basin = [(x - 0.26, -0.5), (x + 0.26, -0.5), (x + 0.26, -0.08), (x - 0.26, -0.08)]
    room.panel([(a, 0.912, z) for a, z in basin], METAL)
    room.panel([(0.85 * (a - x) + x, 0.912, 0.85 * (z + 0.29) - 0.29) for a, z in basin], METAL * 0.55, fade=-0.2)
    room.lines([[(x, 0.91, back + 0.06), (x, 1.2, back + 0.06)]], METAL * 0.75, 0.04)
    room.lines(
        [
            spline([(x, 1.18), (x + 0.03, 1.27), (x + 0.12, 1.27), (x + 0.15, 1.16)], closed=False)
            @ np.array(((1, 0, 0), (0, 1, 0)))
            + (0, 0, back + 0.08)
        ],
        METAL * 0.75,
        0.04,
    )


def _draw_stove(room: Interior, x: Bounds) -> None:
    """An oven with a glass door, four plates and a pot."""
    middle = (x[0] + x[1]) / 2
    room.sheet(x, (0.1, 0.86), 0.004, METAL)
    room.sheet((x[0] + 0.07, x[1] - 0.07), (0.2, 0.58), 0.005, CHARCOAL, fade=0.3)
    room.box((x[0] + 0.06, x[1] - 0.06), (0.64, 0.67), (0, 0.05), METAL * 0.7)
    for step in (-0.17, -0.06, 0.05, 0.16):
        room.box((middle + step - 0.02, middle + step + 0.02), (0.75, 0.80), (0, 0.03), CHARCOAL, line=0.3)
    room.panel([(a, 0.914, z) for a, z in ((x[0], -0.54), (x[1], -0.54), (x[1], -0.02), (x[0], -0.02))], CHARCOAL)
    for a in (-0.13, 0.13):
        for z in (-0.42, -0.16):
            room.turned(middle + a, z, [(0.915, 0.09), (0.92, 0.09)], CHARCOAL * 1.5, line=0.3)
    room.turned(middle - 0.13, -0.3, [(0.92, 0.13), (1.10, 0.13)], tone(0.75, 0.20, 0.16))


def draw_kitchen_corner(room: Interior, colour: Floats) -> None:
    """The end of a kitchen: a cream counter with a kettle under a wall cupboard, 0.9 m wide."""
    room.footprint((-0.45, 0.45), (-0.5, 0))
    wall = room.at(0, -0.2)
    wall.box((-0.45, 0.45), (1.45, 2.1), (-0.3, 0), CREAM)
    _draw_doors(wall, (-0.45, 0.0, 0.45), (1.46, 2.09), CREAM, 1.52)
    room.box((-0.45, 0.45), (0, 0.86), (-0.5, 0), CREAM)
    _draw_doors(room, (-0.45, 0.0, 0.45), (0.1, 0.84), CREAM, 0.68)
    room.box((-0.47, 0.47), (0.86, 0.91), (-0.5, 0.03), room.wood)
    room.turned(-0.2, -0.25, [(0.91, 0.11), (1.06, 0.10), (1.14, 0.04)], METAL)
    room.box((0.05, 0.35), (0.91, 1.1), (-0.35, -0.15), CHARCOAL)
