"""The furniture of rendered rooms, except for kitchens.

Each piece is drawn around its own origin, the middle of its front at floor level, and faces the viewer; ``Interior.at`` moves
and turns it. `colour` is the colour of the room's main furniture, and pieces that are not part of that have colours of their
own.
"""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from s2i_lib.datasets.rendered.room_perspective import CHARCOAL, METAL, Interior, tone
from s2i_lib.datasets.rendered.shapes import Floats, ellipse, ribbon

_LINEN = tone(0.97, 0.96, 0.93)
_BOOKS = (
    tone(0.70, 0.22, 0.20),
    tone(0.20, 0.38, 0.58),
    tone(0.86, 0.68, 0.30),
    tone(0.26, 0.46, 0.34),
    tone(0.55, 0.36, 0.52),
    tone(0.90, 0.86, 0.78),
)


# --- to sleep ---


def draw_double_bed(room: Interior, colour: Floats) -> None:
    """A wide bed with a wooden head and a coloured cover."""
    room.footprint((-0.82, 0.82), (-2.0, 0.0))
    room.rounded((-0.86, 0.86), (0, 1.14), (-2.0, -1.9), room.wood, 0.16)
    _draw_bedding(room, colour, 0.82, (-0.4, 0.4))


def draw_single_bed(room: Interior, colour: Floats) -> None:
    """A narrow bed without a head of its own."""
    room.footprint((-0.44, 0.44), (-1.9, 0.0))
    _draw_bedding(room, colour, 0.43, (0.0,))


def _draw_bedding(room: Interior, colour: Floats, half: float, pillows: Iterable[float]) -> None:
    room.box((-half, half), (0.07, 0.3), (-1.9, -0.03), room.wood)
    room.cushion((-half, half), (0.26, 0.54), (-1.9, -0.8), _LINEN, 0.05)
    for x in pillows:
        room.cushion((x - 0.34, x + 0.34), (0.50, 0.74), (-1.86, -1.42), _LINEN, 0.1)
    room.cushion((-half - 0.03, half + 0.03), (0.18, 0.62), (-1.28, 0.02), colour, 0.06)
    room.cushion((-half - 0.035, half + 0.035), (0.4, 0.635), (-1.34, -1.1), colour + 0.6 * (1 - colour), 0.05)


def draw_nightstand(room: Interior, colour: Floats) -> None:
    """A small wooden chest with a book on it."""
    room.footprint((-0.2, 0.2), (-0.4, 0.0))
    room.box((-0.2, 0.2), (0, 0.55), (-0.4, 0.0), room.wood)
    for y in (0.1, 0.32):
        room.sheet((-0.16, 0.16), (y, y + 0.18), 0.0, room.wood, shade=0.14)
    room.box((-0.12, 0.1), (0.55, 0.6), (-0.3, -0.1), _BOOKS[0])
    room.box((-0.1, 0.08), (0.6, 0.64), (-0.28, -0.12), _BOOKS[2])


def draw_shared_head(room: Interior, colour: Floats) -> None:
    """The padded panel behind two hotel beds, with a reading lamp over each of them."""
    leather, edges = tone(0.47, 0.37, 0.31), np.linspace(-1.22, 1.22, 9)
    room.box((-1.24, 1.24), (0.2, 1.22), (-0.09, -0.02), leather * 0.8)
    for x0, x1 in pairwise(edges):
        room.cushion((x0, x1), (0.22, 1.2), (-0.04, 0.02), leather, 0.02)
    for x in (-0.63, 0.63):
        room.box((x - 0.03, x + 0.03), (1.36, 1.42), (-0.1, 0.0), METAL)
        room.turned(x, 0.04, [(1.36, 0.15), (1.60, 0.10)], tone(1.0, 0.90, 0.62))
        room.glows.append((room.place((x, 1.46, 0.04)), 0.45))


def draw_luggage(room: Interior, colour: Floats) -> None:
    """A suitcase on a folding stand."""
    room.footprint((-0.3, 0.3), (-0.2, 0.2), 0.35)
    for z in (-0.17, 0.17):
        room.lines([[(-0.27, 0, z), (0.27, 0.46, z)], [(0.27, 0, z), (-0.27, 0.46, z)]], room.wood * 0.7, 0.04)
    leather = tone(0.63, 0.38, 0.19)
    room.box((-0.33, 0.33), (0.46, 0.74), (-0.22, 0.22), leather)
    for x in (-0.2, 0.16):
        room.box((x, x + 0.05), (0.455, 0.748), (-0.225, 0.225), leather * 0.5, line=0.3)
    room.lines([[(-0.09, 0.60, 0.24), (-0.09, 0.66, 0.24), (0.09, 0.66, 0.24), (0.09, 0.60, 0.24)]], leather * 0.4, 0.03)


# --- to sit and eat ---


def draw_chair(room: Interior, colour: Floats) -> None:
    """A padded chair; its origin is the middle of its seat."""
    room.footprint((-0.2, 0.2), (-0.2, 0.2), 0.3)
    room.boxes([((x, x + 0.05), (0, 0.44), (z, z + 0.05)) for x in (-0.21, 0.16) for z in (-0.21, 0.16)], colour * 0.6)
    seat, back = ((-0.24, 0.24), (0.40, 0.50), (-0.23, 0.24)), ((-0.23, 0.23), (0.48, 1.0), (-0.27, -0.19))
    for part in sorted((seat, back), key=room.distance, reverse=True):
        room.cushion(*part, colour, 0.035)


def draw_round_table(room: Interior, colour: Floats) -> None:
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


def draw_long_table(room: Interior, colour: Floats) -> None:
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


def _draw_bouquet(room: Interior, root: ArrayLike) -> None:
    """A few flowers of mixed colours in a vase."""
    foot, scale = room.place(root), room.scale(root)
    for angle in np.linspace(-1.0, 1.0, 7):
        tip = foot + scale * room.rng.uniform(0.16, 0.24) * np.array((np.sin(angle), -np.cos(angle)))
        room.canvas.fill(room.canvas.mask(ribbon(np.array((foot, tip)), 0.004, 0.003)), tone(0.24, 0.42, 0.20))
        bloom = room.canvas.mask(ellipse(tip, (0.045 * scale,) * 2, steps=12))
        room.fill(bloom, _BOOKS[room.rng.integers(5)] * 0.6 + 0.4, line=0.4)


def draw_sideboard(room: Interior, colour: Floats) -> None:
    """A low wooden cupboard with three doors."""
    room.footprint((-0.65, 0.65), (-0.4, 0))
    room.box((-0.65, 0.65), (0.06, 0.84), (-0.4, 0), room.wood)
    for x in (-0.6, -0.19, 0.22):
        room.sheet((x, x + 0.38), (0.12, 0.78), 0.0, room.wood, shade=0.12)
    for x, height in ((-0.42, 0.16), (0.44, 0.24)):
        room.turned(x, -0.2, [(0.84, 0.06), (0.84 + height / 2, 0.1), (0.84 + height, 0.05)], tone(0.82, 0.80, 0.74))


# --- to work ---


def draw_desk(room: Interior, colour: Floats) -> None:
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


def draw_office_chair(room: Interior, colour: Floats) -> None:
    """A dark swivel chair on castors; its origin is the middle of its seat."""
    room.footprint((-0.25, 0.25), (-0.25, 0.25), 0.35)
    for angle in np.arange(5) * 2 * np.pi / 5 + 0.3:
        foot = (0.28 * np.cos(angle), 0.04, 0.28 * np.sin(angle))
        room.lines([[(0, 0.1, 0), foot]], CHARCOAL, 0.05)
        room.canvas.fill(room.canvas.mask(ellipse(room.place(foot), (0.035 * room.scale(foot),) * 2)), CHARCOAL * 0.7)
    room.turned(0, 0, [(0.08, 0.03), (0.42, 0.03)], METAL)
    seat, back = ((-0.25, 0.25), (0.42, 0.52), (-0.24, 0.25)), ((-0.22, 0.22), (0.60, 1.12), (-0.30, -0.22))
    for part in sorted((seat, back), key=room.distance, reverse=True):
        room.cushion(*part, tone(0.25, 0.26, 0.29), 0.04)


def draw_bookshelf(room: Interior, colour: Floats) -> None:
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


# --- to rest ---


def draw_sofa(room: Interior, colour: Floats) -> None:
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


def draw_low_table(room: Interior, colour: Floats) -> None:
    """A low wooden table with books and a cup; its origin is its middle."""
    room.footprint((-0.45, 0.45), (-0.25, 0.25), 0.4)
    room.boxes([((x, x + 0.06), (0, 0.38), (z, z + 0.06)) for x in (-0.44, 0.38) for z in (-0.25, 0.19)], room.wood * 0.8)
    room.box((-0.48, 0.48), (0.36, 0.42), (-0.28, 0.28), room.wood)
    room.box((-0.3, 0.0), (0.42, 0.46), (-0.12, 0.1), _BOOKS[1])
    room.box((-0.27, -0.03), (0.46, 0.49), (-0.1, 0.08), _BOOKS[0])
    room.turned(0.22, 0.0, [(0.42, 0.05), (0.52, 0.06)], _LINEN)


def draw_television(room: Interior, colour: Floats) -> None:
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
    room.canvas.fill(gleam.within(screen, room.canvas.size), tone(0.60, 0.70, 0.82), 0.35)
