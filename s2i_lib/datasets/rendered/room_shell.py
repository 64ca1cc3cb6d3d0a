"""What all rooms have around and below them: walls, a ceiling, a floor, and perhaps a rug."""

from itertools import pairwise

import numpy as np

from s2i_lib.datasets.rendered.canvas import Mask, noise, shaded
from s2i_lib.datasets.rendered.colours import ink, luminance
from s2i_lib.datasets.rendered.room_perspective import CREAM, DEPTH, HALF_WIDTH, HEIGHT, Bounds, Interior, tone
from s2i_lib.datasets.rendered.shapes import Floats, Points


def draw_walls(room: Interior, colour: Floats) -> None:
    """Back wall, two side walls, ceiling and skirting; the light comes from the right."""
    w, h, d = HALF_WIDTH, HEIGHT, DEPTH
    room.canvas.pixels[:] = tone(0.93, 0.92, 0.89)  # the ceiling
    for side, shade in ((-1, -0.1), (1, -0.45)):
        corners = [(side * w, 0, 0), (side * w, h, 0), (side * w, h, d), (side * w, 0, d)]
        room.panel(corners, colour, shade, fade=0.05, line=0)
        room.panel([(side * w, 0, 0), (side * w, 0.1, 0), (side * w, 0.1, d), (side * w, 0, d)], CREAM, shade, line=0.3)
    back = room.sheet((-w, w), (0, h), 0, colour, fade=0.12, line=0)
    across = np.linspace(-0.16, 0.14, back.alpha.shape[1], dtype=np.float32)
    room.canvas.fill(back, shaded(colour, np.broadcast_to(across, back.alpha.shape)), 0.5)
    room.sheet((-w, w), (h - 0.07, h), 0.01, CREAM, line=0.3)
    room.sheet((-w, w), (0, 0.1), 0.01, CREAM, line=0.3)
    for x in (-w, w):  # corners are dark
        room.shadow([(x - 0.03, 0, 0), (x + 0.03, 0, 0), (x + 0.03, h, 0), (x - 0.03, h, 0)], 0.16, 0.02)


def draw_floor(room: Interior, kind: str) -> None:
    """A floor of "wooden" planks, "tiled" like a chess board, or "carpeted"."""
    colour = {"wooden": tone(0.60, 0.38, 0.20), "tiled": tone(0.91, 0.90, 0.86), "carpeted": tone(0.74, 0.69, 0.62)}[kind]
    mask = room.canvas.mask(room.place(_on_floor((-HALF_WIDTH, HALF_WIDTH), (0, DEPTH))))
    size, shape = room.canvas.size, mask.alpha.shape
    near = np.broadcast_to(np.linspace(-0.14, 0.14, shape[0], dtype=np.float32)[:, None], shape)
    room.canvas.fill(mask, shaded(colour, near))
    if kind == "wooden":
        _draw_planks(room, colour, mask)
    elif kind == "tiled":
        step = 0.46
        dark = [
            room.place(_on_floor((x, x + step), (z, z + step)))
            for i, x in enumerate(np.arange(-5, 5) * step)
            for k, z in enumerate(np.arange(0, 8) * step)
            if (i + k) % 2
        ]
        room.canvas.fill(room.canvas.mask(*dark).within(mask, size), tone(0.40, 0.45, 0.50), 0.9)
    else:
        pile = noise(room.rng, shape, (shape[0] // 2 + 1, shape[1] // 2 + 1))
        room.canvas.fill(mask, shaded(colour, 0.22 * pile), 0.5)
    room.shadow(_on_floor((-HALF_WIDTH, HALF_WIDTH), (-0.05, 0.1)), 0.25)


def _on_floor(x: Bounds, z: Bounds) -> list[tuple[float, float, float]]:
    (x0, x1), (z0, z1) = x, z
    return [(x0, 0, z0), (x1, 0, z0), (x1, 0, z1), (x0, 0, z1)]


def _draw_planks(room: Interior, colour: Floats, floor: Mask) -> None:
    """Boards that run towards the viewer, no two of quite the same colour."""
    edges = np.linspace(-HALF_WIDTH, HALF_WIDTH, 19)
    boards: list[list[Points]] = [[], [], []]  # dark, as they are, light
    for x0, x1 in pairwise(edges):
        ends = np.concatenate([[0], np.cumsum(room.rng.uniform(0.8, 1.6, 4))]) - room.rng.uniform(0, 0.6)
        for z0, z1 in zip(ends.clip(0, DEPTH), ends[1:].clip(0, DEPTH)):
            boards[room.rng.integers(3)].append(room.place(_on_floor((x0, x1), (z0, z1))))
    for polygons, shade in zip(boards, (-0.22, 0.0, 0.2)):
        mask = room.canvas.mask(*polygons).within(floor, room.canvas.size)
        room.canvas.fill(mask, shaded(colour, np.full(mask.alpha.shape, shade)), 0.55)
    room.lines([[(x, 0, 0), (x, 0, DEPTH)] for x in edges], ink(colour), 0.014, 0.5, floor)


def draw_rug(room: Interior, x: Bounds, z: Bounds, colour: Floats) -> None:
    """A rug with a light border line and fringes at both ends."""
    (x0, x1), (z0, z1) = x, z
    fringes = [[(x0 - 0.05, 0, t), (x0, 0, t)] for t in np.arange(z0, z1, 0.06)]
    fringes += [[(x1, 0, t), (x1 + 0.05, 0, t)] for t in np.arange(z0, z1, 0.06)]
    room.shadow(_on_floor((x0 - 0.03, x1 + 0.03), (z0, z1 + 0.03)), 0.3, 0.006)
    room.lines(fringes, CREAM, 0.03, 0.9)
    mask = room.panel(_on_floor(x, z), colour, fade=0.05)
    light = colour + 0.5 * (1 - colour) if luminance(colour) < 0.75 else 0.72 * colour
    for inset in (0.10, 0.16):
        corners = _on_floor((x0 + inset, x1 - inset), (z0 + inset, z1 - inset))
        room.lines([[a, b] for a, b in zip(corners, corners[1:] + corners[:1])], light, 0.022, 0.8, mask)
