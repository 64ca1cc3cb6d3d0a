"""What any room can have besides furniture: a lamp, a plant, and something on the wall."""

import numpy as np

from s2i_lib.datasets.rendered.foreground import draw_leaf
from s2i_lib.datasets.rendered.room_perspective import CHARCOAL, LIGHT_ON_PAPER, Interior, tone
from s2i_lib.datasets.rendered.shapes import Floats, Points, ellipse, spline

# --- on the floor or the ceiling ---


def draw_standing_lamp(room: Interior, colour: Floats) -> None:
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
    room.canvas.fill(mask, tone(1.0, 0.93, 0.62))
    room.turned(0, 0, [(1.94, 0.33), (2.08, 0.26), (2.20, 0.12), (2.27, 0.05)], tone(0.16, 0.20, 0.24))
    room.glows.append((bulb, 1.0))


def draw_plant(room: Interior, colour: Floats) -> None:
    """Large leaves in a terracotta pot."""
    rng = room.rng
    room.footprint((-0.2, 0.2), (-0.2, 0.2))
    room.turned(0, 0, [(0, 0.14), (0.30, 0.2), (0.36, 0.2)], tone(0.78, 0.42, 0.27))
    green, scale = tone(0.16, 0.45, 0.20) * rng.uniform(0.9, 1.15), room.scale((0, 0.5, 0))
    root = room.place((0, 0.36, 0))
    for angle in rng.permutation(np.linspace(-1.25, 1.25, 9)):
        length = rng.uniform(0.72, 0.92) * (1 - 0.2 * abs(angle))
        tip = root + np.array((np.sin(angle), -np.cos(angle))) * length * scale
        draw_leaf(room.canvas, root, tip, 0.21 * scale, green * rng.uniform(0.85, 1.2), LIGHT_ON_PAPER)


# --- on the wall ---


def draw_decoration(room: Interior, kind: str, x: float, y: float) -> None:
    """A painting, a clock or a mirror on the back wall, about a point; nothing if `kind` is "none"."""
    if kind == "painting":
        _draw_painting(room, x, y)
    elif kind == "clock":
        _draw_clock(room, x, y)
    elif kind == "mirror":
        _draw_mirror(room, x, y)


def _disc(room: Interior, x: float, y: float, radii: tuple[float, float], z: float = 0.03) -> Points:
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
        room.canvas.fill(room.canvas.mask(hill).within(mask, size), colour)
    sun = _disc(room, x + rng.uniform(-0.18, 0.18), y + 0.12, (0.05, 0.05), 0.045)
    room.canvas.fill(room.canvas.mask(sun).within(mask, size), tone(0.98, 0.86, 0.50))


def _draw_clock(room: Interior, x: float, y: float) -> None:
    room.canvas.darken(room.canvas.mask(_disc(room, x - 0.03, y - 0.04, (0.29, 0.29)), blur=0.008), 0.3)
    room.fill(room.canvas.mask(_disc(room, x, y, (0.28, 0.28))), CHARCOAL)
    room.fill(room.canvas.mask(_disc(room, x, y, (0.225, 0.225))), tone(0.98, 0.97, 0.94))
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
    room.fill(room.canvas.mask(_disc(room, x, y, (0.28, 0.40))), tone(0.80, 0.62, 0.26))
    mask = room.canvas.mask(_disc(room, x, y, (0.23, 0.35)))
    room.fill(mask, tone(0.72, 0.84, 0.90), fade=0.4)
    gleam = [
        room.place(
            [(x + a, y - 0.5, 0.03), (x + a + b, y - 0.5, 0.03), (x + a + b + 0.5, y + 0.5, 0.03), (x + a + 0.5, y + 0.5, 0.03)]
        )
        for a, b in ((-0.34, 0.10), (-0.18, 0.04))
    ]
    room.canvas.fill(room.canvas.mask(*gleam).within(mask, room.canvas.size), tone(1, 1, 1), 0.65)
