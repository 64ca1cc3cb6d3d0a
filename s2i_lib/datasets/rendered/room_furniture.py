"""What stands in rendered rooms: furniture, lamps, a plant, and what hangs on the wall.

Each piece is drawn around its own origin, the middle of its front at floor
level, and faces the viewer; :meth:`Interior.at` moves and turns it.  ``colour``
is the colour of the room's main furniture, and pieces that are not part of
that have colours of their own.
"""

import numpy as np

from s2i_lib.datasets.rendered.canvas import ellipse, paint_leaf, ribbon, spline
from s2i_lib.datasets.rendered.room_perspective import CHARCOAL, CREAM, LIGHT_ON_PAPER, METAL, Interior, tone

_LINEN = tone(0.97, 0.96, 0.93)
_BOOKS = (
    tone(0.70, 0.22, 0.20),
    tone(0.20, 0.38, 0.58),
    tone(0.86, 0.68, 0.30),
    tone(0.26, 0.46, 0.34),
    tone(0.55, 0.36, 0.52),
    tone(0.90, 0.86, 0.78),
)


# ---------------------------------------------------------------------- to sleep


def draw_double_bed(room: Interior, colour: np.ndarray) -> None:
    """A wide bed with a wooden head and a coloured cover."""
    room.footprint((-0.82, 0.82), (-2.0, 0.0))
    room.rounded((-0.86, 0.86), (0, 1.14), (-2.0, -1.9), room.wood, 0.16)
    _draw_bedding(room, colour, 0.82, (-0.4, 0.4))


def draw_single_bed(room: Interior, colour: np.ndarray) -> None:
    """A narrow bed without a head of its own."""
    room.footprint((-0.44, 0.44), (-1.9, 0.0))
    _draw_bedding(room, colour, 0.43, (0.0,))


def _draw_bedding(room: Interior, colour: np.ndarray, half: float, pillows) -> None:
    room.box((-half, half), (0.07, 0.3), (-1.9, -0.03), room.wood)
    room.cushion((-half, half), (0.26, 0.54), (-1.9, -0.8), _LINEN, 0.05)
    for x in pillows:
        room.cushion((x - 0.34, x + 0.34), (0.50, 0.74), (-1.86, -1.42), _LINEN, 0.1)
    room.cushion((-half - 0.03, half + 0.03), (0.18, 0.62), (-1.28, 0.02), colour, 0.06)
    room.cushion((-half - 0.035, half + 0.035), (0.4, 0.635), (-1.34, -1.1), colour + 0.6 * (1 - colour), 0.05)


def draw_nightstand(room: Interior, colour: np.ndarray) -> None:
    """A small wooden chest with a book on it."""
    room.footprint((-0.2, 0.2), (-0.4, 0.0))
    room.box((-0.2, 0.2), (0, 0.55), (-0.4, 0.0), room.wood)
    for y in (0.1, 0.32):
        room.sheet((-0.16, 0.16), (y, y + 0.18), 0.0, room.wood, shade=0.14)
    room.box((-0.12, 0.1), (0.55, 0.6), (-0.3, -0.1), _BOOKS[0])
    room.box((-0.1, 0.08), (0.6, 0.64), (-0.28, -0.12), _BOOKS[2])


def draw_shared_head(room: Interior, colour: np.ndarray) -> None:
    """The padded panel behind two hotel beds, with a reading lamp over each of them."""
    leather, edges = tone(0.47, 0.37, 0.31), np.linspace(-1.22, 1.22, 9)
    room.box((-1.24, 1.24), (0.2, 1.22), (-0.09, -0.02), leather * 0.8)
    for x0, x1 in zip(edges, edges[1:]):
        room.cushion((x0, x1), (0.22, 1.2), (-0.04, 0.02), leather, 0.02)
    for x in (-0.63, 0.63):
        room.box((x - 0.03, x + 0.03), (1.36, 1.42), (-0.1, 0.0), METAL)
        room.turned(x, 0.04, [(1.36, 0.15), (1.60, 0.10)], tone(1.0, 0.90, 0.62))
        room.glows.append((room.place((x, 1.46, 0.04)), 0.45))


def draw_luggage(room: Interior, colour: np.ndarray) -> None:
    """A suitcase on a folding stand."""
    room.footprint((-0.3, 0.3), (-0.2, 0.2), 0.35)
    for z in (-0.17, 0.17):
        room.lines([[(-0.27, 0, z), (0.27, 0.46, z)], [(0.27, 0, z), (-0.27, 0.46, z)]], room.wood * 0.7, 0.04)
    leather = tone(0.63, 0.38, 0.19)
    room.box((-0.33, 0.33), (0.46, 0.74), (-0.22, 0.22), leather)
    for x in (-0.2, 0.16):
        room.box((x, x + 0.05), (0.455, 0.748), (-0.225, 0.225), leather * 0.5, line=0.3)
    room.lines([[(-0.09, 0.60, 0.24), (-0.09, 0.66, 0.24), (0.09, 0.66, 0.24), (0.09, 0.60, 0.24)]], leather * 0.4, 0.03)


# ------------------------------------------------------------------ to sit and eat


def draw_chair(room: Interior, colour: np.ndarray) -> None:
    """A padded chair; its origin is the middle of its seat."""
    room.footprint((-0.2, 0.2), (-0.2, 0.2), 0.3)
    room.boxes([((x, x + 0.05), (0, 0.44), (z, z + 0.05)) for x in (-0.21, 0.16) for z in (-0.21, 0.16)], colour * 0.6)
    seat, back = ((-0.24, 0.24), (0.40, 0.50), (-0.23, 0.24)), ((-0.23, 0.23), (0.48, 1.0), (-0.27, -0.19))
    for part in sorted((seat, back), key=room.distance, reverse=True):
        room.cushion(*part, colour, 0.035)


def draw_round_table(room: Interior, colour: np.ndarray) -> None:
    """A small table on one leg, laid for two, with a bowl of fruit; its origin is its middle."""
    room.footprint((-0.4, 0.4), (-0.4, 0.4), 0.35)
    room.turned(0, 0, [(0, 0.26), (0.04, 0.24)], room.wood * 0.8)
    room.turned(0, 0, [(0.04, 0.05), (0.72, 0.05)], room.wood * 0.8)
    room.turned(0, 0, [(0.71, 0.54), (0.75, 0.54)], room.wood)
    for x in (-0.33, 0.33):
        room.turned(x, 0.0, [(0.75, 0.12), (0.765, 0.14)], _LINEN)
        room.turned(x, 0.0, [(0.765, 0.05), (0.85, 0.06)], _LINEN)
    room.turned(0, -0.05, [(0.75, 0.08), (0.83, 0.17)], tone(0.42, 0.58, 0.68))
    for x, z, fruit in (
        (-0.07, -0.1, tone(0.88, 0.30, 0.20)),
        (0.07, -0.08, tone(0.93, 0.62, 0.15)),
        (0.0, 0.0, tone(0.60, 0.72, 0.22)),
    ):
        room.turned(x, z, [(0.80, 0.05), (0.86, 0.075), (0.92, 0.03)], fruit, line=0.4)


def draw_long_table(room: Interior, colour: np.ndarray) -> None:
    """A table laid for many, with a vase of flowers; its origin is its middle."""
    room.footprint((-1.0, 1.0), (-0.4, 0.4), 0.35)
    room.boxes([((x, x + 0.08), (0, 0.72), (z, z + 0.08)) for x in (-0.98, 0.9) for z in (-0.4, 0.32)], room.wood * 0.85)
    room.box((-1.05, 1.05), (0.70, 0.76), (-0.45, 0.45), room.wood)
    room.panel([(x, 0.761, z) for x, z in ((-0.8, -0.13), (0.8, -0.13), (0.8, 0.13), (-0.8, 0.13))], _LINEN, shade=0.1)
    for z in (-0.29, 0.29):
        for x in (-0.66, 0.0, 0.66):
            room.turned(x, z, [(0.76, 0.1), (0.775, 0.13)], _LINEN)
    for x in (-0.4, 0.4):
        room.turned(x, 0, [(0.76, 0.07), (0.78, 0.07)], METAL)
        room.turned(x, 0, [(0.78, 0.025), (1.02, 0.025)], tone(0.97, 0.95, 0.86))
    room.turned(0, 0, [(0.76, 0.06), (0.86, 0.10), (0.96, 0.04), (1.0, 0.06)], tone(0.55, 0.68, 0.76))
    _draw_bouquet(room, (0, 1.0, 0))


def _draw_bouquet(room: Interior, root) -> None:
    """A few flowers of mixed colours in a vase."""
    foot, scale = room.place(root), room.scale(root)
    for angle in np.linspace(-1.0, 1.0, 7):
        tip = foot + scale * room.rng.uniform(0.16, 0.24) * np.array((np.sin(angle), -np.cos(angle)))
        room.canvas.paint(room.canvas.mask(ribbon(np.array((foot, tip)), 0.004, 0.003)), tone(0.24, 0.42, 0.20))
        bloom = room.canvas.mask(ellipse(tip, (0.045 * scale,) * 2, steps=12))
        room.paint(bloom, _BOOKS[room.rng.integers(5)] * 0.6 + 0.4, line=0.4)


def draw_sideboard(room: Interior, colour: np.ndarray) -> None:
    """A low wooden cupboard with three doors."""
    room.footprint((-0.65, 0.65), (-0.4, 0))
    room.box((-0.65, 0.65), (0.06, 0.84), (-0.4, 0), room.wood)
    for x in (-0.6, -0.19, 0.22):
        room.sheet((x, x + 0.38), (0.12, 0.78), 0.0, room.wood, shade=0.12)
    for x, height in ((-0.42, 0.16), (0.44, 0.24)):
        room.turned(x, -0.2, [(0.84, 0.06), (0.84 + height / 2, 0.1), (0.84 + height, 0.05)], tone(0.82, 0.80, 0.74))


# ------------------------------------------------------------------------- to cook


def draw_fridge(room: Interior, colour: np.ndarray) -> None:
    """A tall refrigerator of brushed metal."""
    room.footprint((-0.31, 0.31), (-0.6, 0))
    room.box((-0.31, 0.31), (0.03, 1.75), (-0.6, 0), METAL)
    for y in ((0.06, 1.12), (1.15, 1.72)):
        room.sheet((-0.29, 0.29), y, 0.0, METAL, shade=0.1)
    for y in ((0.75, 1.05), (1.22, 1.45)):
        room.box((0.19, 0.23), y, (0, 0.05), CHARCOAL)


def _draw_doors(room: Interior, edges, y, colour: np.ndarray, knob: float) -> None:
    """Cupboard doors side by side, each with a raised frame and a knob at height ``knob``."""
    for x0, x1 in zip(edges, edges[1:]):
        room.sheet((x0 + 0.012, x1 - 0.012), y, 0.0, colour, line=0.8)
        room.sheet((x0 + 0.07, x1 - 0.07), (y[0] + 0.07, y[1] - 0.07), 0.002, colour, shade=0.1, line=0.35)
        room.box((x1 - 0.055, x1 - 0.03), (knob, knob + 0.07), (0, 0.03), METAL, line=0.3)


def draw_kitchen(room: Interior, colour: np.ndarray) -> None:
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


def _draw_stove(room: Interior, x) -> None:
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


def draw_kitchen_corner(room: Interior, colour: np.ndarray) -> None:
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


# ------------------------------------------------------------------------- to work


def draw_desk(room: Interior, colour: np.ndarray) -> None:
    """A desk with two sets of drawers and a computer, 1.5 m wide."""
    room.footprint((-0.75, 0.75), (-0.7, 0), 0.4)
    room.sheet((-0.4, 0.4), (0.0, 0.72), -0.5, colour, shade=-0.5)
    for x in ((-0.74, -0.34), (0.34, 0.74)):
        room.box(x, (0, 0.72), (-0.68, -0.03), colour)
        for y in (0.05, 0.28, 0.5):
            room.sheet((x[0] + 0.03, x[1] - 0.03), (y, y + 0.19), -0.03, colour, shade=0.1, line=0.8)
            room.box((x[0] + 0.14, x[1] - 0.14), (y + 0.1, y + 0.125), (-0.03, 0.0), METAL, line=0.3)
    room.box((-0.78, 0.78), (0.72, 0.78), (-0.7, 0), colour)
    room.box((-0.08, 0.08), (0.78, 0.90), (-0.5, -0.46), CHARCOAL)
    room.box((-0.17, 0.17), (0.78, 0.80), (-0.55, -0.4), CHARCOAL)
    room.box((-0.40, 0.40), (0.88, 1.38), (-0.50, -0.44), CHARCOAL)
    room.sheet((-0.365, 0.365), (0.92, 1.345), -0.439, tone(0.36, 0.66, 0.90), fade=0.25)
    room.sheet((-0.30, 0.02), (1.02, 1.28), -0.438, tone(0.95, 0.97, 0.98), line=0.3)
    room.lines([[(-0.26, y, -0.436), (-0.04, y, -0.436)] for y in (1.23, 1.18, 1.13, 1.08)], METAL * 0.7, 0.014)
    room.box((-0.24, 0.2), (0.78, 0.795), (-0.28, -0.14), tone(0.88, 0.88, 0.86))
    room.turned(0.55, -0.3, [(0.78, 0.05), (0.90, 0.05)], tone(0.86, 0.84, 0.78))


def draw_office_chair(room: Interior, colour: np.ndarray) -> None:
    """A dark swivel chair on castors; its origin is the middle of its seat."""
    room.footprint((-0.25, 0.25), (-0.25, 0.25), 0.35)
    for angle in np.arange(5) * 2 * np.pi / 5 + 0.3:
        foot = (0.28 * np.cos(angle), 0.04, 0.28 * np.sin(angle))
        room.lines([[(0, 0.1, 0), foot]], CHARCOAL, 0.05)
        room.canvas.paint(room.canvas.mask(ellipse(room.place(foot), (0.035 * room.scale(foot),) * 2)), CHARCOAL * 0.7)
    room.turned(0, 0, [(0.08, 0.03), (0.42, 0.03)], METAL)
    seat, back = ((-0.25, 0.25), (0.42, 0.52), (-0.24, 0.25)), ((-0.22, 0.22), (0.60, 1.12), (-0.30, -0.22))
    for part in sorted((seat, back), key=room.distance, reverse=True):
        room.cushion(*part, tone(0.25, 0.26, 0.29), 0.04)


def draw_bookshelf(room: Interior, colour: np.ndarray) -> None:
    """A tall wooden shelf full of books, 0.8 m wide."""
    room.footprint((-0.4, 0.4), (-0.3, 0))
    room.box((-0.4, 0.4), (0, 2.0), (-0.3, 0), room.wood)
    for y in (0.08, 0.46, 0.84, 1.22, 1.60):
        room.sheet((-0.36, 0.36), (y, y + 0.34), 0.0, room.wood * 0.45, line=0.8)
        x, end = -0.35, 0.35 - room.rng.uniform(0.0, 0.22)
        while x < end:
            width = min(room.rng.uniform(0.05, 0.085), 0.355 - x)
            room.sheet((x, x + width), (y, y + room.rng.uniform(0.22, 0.32)), 0.0, _BOOKS[room.rng.integers(6)], line=0.35)
            x += width


# ------------------------------------------------------------------------- to rest


def draw_sofa(room: Interior, colour: np.ndarray) -> None:
    """A sofa with two seats and two cream cushions, 1.8 m wide."""
    room.footprint((-0.9, 0.9), (-0.85, 0))
    for x in (-0.82, 0.74):
        room.box((x, x + 0.08), (0, 0.12), (-0.1, -0.02), room.wood * 0.6)
    room.cushion((-0.86, 0.86), (0.3, 0.92), (-0.88, -0.6), colour, 0.1)
    room.cushion((-0.8, 0.8), (0.1, 0.36), (-0.85, -0.02), colour, 0.05)
    for x in (-0.37, 0.37):
        room.cushion((x - 0.365, x + 0.365), (0.34, 0.5), (-0.66, 0.0), colour, 0.06)
    for x in (-0.5, 0.5):
        room.cushion((x - 0.19, x + 0.19), (0.48, 0.82), (-0.6, -0.48), tone(0.93, 0.88, 0.76), 0.06)
    for x in (-0.95, 0.73):
        room.cushion((x, x + 0.22), (0.1, 0.64), (-0.86, 0.02), colour, 0.08)


def draw_low_table(room: Interior, colour: np.ndarray) -> None:
    """A low wooden table with books and a cup; its origin is its middle."""
    room.footprint((-0.45, 0.45), (-0.25, 0.25), 0.4)
    room.boxes([((x, x + 0.06), (0, 0.38), (z, z + 0.06)) for x in (-0.44, 0.38) for z in (-0.25, 0.19)], room.wood * 0.8)
    room.box((-0.48, 0.48), (0.36, 0.42), (-0.28, 0.28), room.wood)
    room.box((-0.3, 0.0), (0.42, 0.46), (-0.12, 0.1), _BOOKS[1])
    room.box((-0.27, -0.03), (0.46, 0.49), (-0.1, 0.08), _BOOKS[0])
    room.turned(0.22, 0.0, [(0.42, 0.05), (0.52, 0.06)], _LINEN)


def draw_television(room: Interior, colour: np.ndarray) -> None:
    """A television on a low wooden stand, 1.1 m wide."""
    room.footprint((-0.55, 0.55), (-0.4, 0))
    room.box((-0.55, 0.55), (0.05, 0.46), (-0.4, 0), room.wood)
    for x in (-0.51, 0.015):
        room.sheet((x, x + 0.495), (0.1, 0.42), 0.0, room.wood, shade=0.14)
    room.box((-0.2, 0.2), (0.46, 0.49), (-0.3, -0.12), CHARCOAL)
    room.box((-0.06, 0.06), (0.49, 0.56), (-0.23, -0.2), CHARCOAL)
    room.box((-0.52, 0.52), (0.55, 1.17), (-0.24, -0.18), tone(0.07, 0.07, 0.09))
    screen = room.sheet((-0.49, 0.49), (0.58, 1.14), -0.179, tone(0.13, 0.16, 0.22), fade=0.2, line=0)
    gleam = room.canvas.mask(room.place([(-0.2, 0.5, -0.178), (0.1, 0.5, -0.178), (0.6, 1.2, -0.178), (0.3, 1.2, -0.178)]))
    room.canvas.paint(gleam.within(screen, room.canvas.size), tone(0.60, 0.70, 0.82), 0.35)


# ----------------------------------------------------- things that any room can have


def draw_standing_lamp(room: Interior) -> None:
    """A floor lamp with a cream shade."""
    room.footprint((-0.16, 0.16), (-0.16, 0.16), 0.3)
    room.turned(0, 0, [(0, 0.16), (0.03, 0.15)], CHARCOAL)
    room.turned(0, 0, [(0.03, 0.018), (1.34, 0.018)], CHARCOAL)
    room.turned(0, 0, [(1.28, 0.27), (1.66, 0.17)], tone(0.99, 0.88, 0.58))
    room.glows.append((room.place((0, 1.45, 0)), 1.0))


def draw_hanging_lamp(room: Interior) -> None:
    """A dark metal shade on a cord, with a bulb that shows below it."""
    room.lines([[(0, 2.25, 0), (0, 3.2, 0)]], CHARCOAL, 0.02)
    bulb = room.place((0, 1.93, 0))
    mask = room.canvas.mask(ellipse(bulb, (0.09 * room.scale((0, 1.9, 0)),) * 2))
    room.canvas.paint(mask, tone(1.0, 0.93, 0.62))
    room.turned(0, 0, [(1.94, 0.33), (2.08, 0.26), (2.20, 0.12), (2.27, 0.05)], tone(0.16, 0.20, 0.24))
    room.glows.append((bulb, 1.0))


def draw_plant(room: Interior) -> None:
    """Large leaves in a terracotta pot."""
    rng = room.rng
    room.footprint((-0.2, 0.2), (-0.2, 0.2))
    room.turned(0, 0, [(0, 0.14), (0.30, 0.2), (0.36, 0.2)], tone(0.78, 0.42, 0.27))
    green, scale = tone(0.16, 0.45, 0.20) * rng.uniform(0.9, 1.15), room.scale((0, 0.5, 0))
    root = room.place((0, 0.36, 0))
    for angle in rng.permutation(np.linspace(-1.25, 1.25, 9)):
        length = rng.uniform(0.72, 0.92) * (1 - 0.2 * abs(angle))
        tip = root + np.array((np.sin(angle), -np.cos(angle))) * length * scale
        paint_leaf(room.canvas, root, tip, 0.21 * scale, green * rng.uniform(0.85, 1.2), LIGHT_ON_PAPER)


def draw_decoration(room: Interior, kind: str, x: float, y: float) -> None:
    """A ``painting``, a ``clock`` or a ``mirror`` on the back wall, about a point; nothing for ``none``."""
    if kind == "painting":
        _draw_painting(room, x, y)
    elif kind == "clock":
        _draw_clock(room, x, y)
    elif kind == "mirror":
        _draw_mirror(room, x, y)


def _disc(room: Interior, x: float, y: float, radii, z: float = 0.03) -> np.ndarray:
    """Outline in the picture of an upright ellipse on the back wall."""
    return room.place(np.column_stack([ellipse((x, y), radii, steps=40), np.full(40, z)]))


def _draw_painting(room: Interior, x: float, y: float) -> None:
    across, up = (x - 0.40, x + 0.40), (y - 0.28, y + 0.28)
    room.shadow([(a - 0.03, b - 0.03, 0) for a, b in zip(np.repeat(across, 2), (*up, *up[::-1]))], 0.3, 0.008)
    room.box(across, up, (0, 0.04), tone(0.36, 0.22, 0.13))
    mask = room.sheet((x - 0.33, x + 0.33), (y - 0.21, y + 0.21), 0.045, tone(0.66, 0.83, 0.90), fade=0.25)
    rng, size = room.rng, room.canvas.size
    for height, colour in ((0.0, tone(0.42, 0.56, 0.66)), (-0.08, tone(0.52, 0.62, 0.34)), (-0.14, tone(0.86, 0.72, 0.38))):
        ridge = [
            (x - 0.4, y - 0.4),
            (x - 0.36, y + height),
            (x - 0.12, y + height + rng.uniform(0, 0.1)),
            (x + 0.15, y + height - rng.uniform(0, 0.06)),
            (x + 0.36, y + height + 0.04),
            (x + 0.4, y - 0.4),
        ]
        hill = room.place(np.column_stack([spline(ridge), np.full(48, 0.045)]))
        room.canvas.paint(room.canvas.mask(hill).within(mask, size), colour)
    sun = _disc(room, x + rng.uniform(-0.18, 0.18), y + 0.12, (0.05, 0.05), 0.045)
    room.canvas.paint(room.canvas.mask(sun).within(mask, size), tone(0.98, 0.86, 0.50))


def _draw_clock(room: Interior, x: float, y: float) -> None:
    room.canvas.darken(room.canvas.mask(_disc(room, x - 0.03, y - 0.04, (0.29, 0.29)), blur=0.008), 0.3)
    room.paint(room.canvas.mask(_disc(room, x, y, (0.28, 0.28))), CHARCOAL)
    room.paint(room.canvas.mask(_disc(room, x, y, (0.225, 0.225))), tone(0.98, 0.97, 0.94))
    turns = np.arange(12) * np.pi / 6
    ticks = [[(x + r * np.sin(t), y + r * np.cos(t), 0.03) for r in (0.165, 0.2)] for t in turns]
    hour = room.rng.uniform(0, 12)
    hands = [
        [(x, y, 0.03), (x + r * np.sin(t), y + r * np.cos(t), 0.03)]
        for t, r in ((hour * np.pi / 6, 0.11), (hour % 1 * 2 * np.pi, 0.17))
    ]
    room.lines(ticks, CHARCOAL, 0.014)
    room.lines(hands, CHARCOAL, 0.024)


def _draw_mirror(room: Interior, x: float, y: float) -> None:
    room.canvas.darken(room.canvas.mask(_disc(room, x - 0.03, y - 0.04, (0.29, 0.41)), blur=0.008), 0.3)
    room.paint(room.canvas.mask(_disc(room, x, y, (0.28, 0.40))), tone(0.80, 0.62, 0.26))
    mask = room.canvas.mask(_disc(room, x, y, (0.23, 0.35)))
    room.paint(mask, tone(0.72, 0.84, 0.90), fade=0.4)
    gleam = [
        room.place(
            [(x + a, y - 0.5, 0.03), (x + a + b, y - 0.5, 0.03), (x + a + b + 0.5, y + 0.5, 0.03), (x + a + 0.5, y + 0.5, 0.03)]
        )
        for a, b in ((-0.34, 0.10), (-0.18, 0.04))
    ]
    room.canvas.paint(room.canvas.mask(*gleam).within(mask, room.canvas.size), tone(1, 1, 1), 0.65)
