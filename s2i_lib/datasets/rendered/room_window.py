"""The window of a room with its curtains, what is seen through it, and the light of the time of day."""

from collections.abc import Iterable

import numpy as np

from s2i_lib.datasets.rendered.canvas import Mask, shaded
from s2i_lib.datasets.rendered.room_perspective import CREAM, Bounds, Interior, tone
from s2i_lib.datasets.rendered.shapes import Floats, Points, ellipse, spline

_SKIES = {
    "day": (tone(0.45, 0.70, 0.96), tone(0.84, 0.93, 0.98), tone(0.44, 0.66, 0.34)),
    "evening": (tone(0.93, 0.42, 0.30), tone(1.00, 0.80, 0.40), tone(0.42, 0.24, 0.26)),
    "night": (tone(0.03, 0.05, 0.20), tone(0.09, 0.13, 0.36), tone(0.03, 0.06, 0.10)),
}


def draw_window(room: Interior, x: float, y: Bounds, time: str, curtain: Floats) -> None:
    """A window about `x` between two heights, what is seen through it, and curtains down to the floor."""
    half, (low, high) = 0.54, y
    room.box((x - half - 0.1, x + half + 0.1), (low - 0.09, low), (0, 0.1), CREAM)
    room.sheet((x - half - 0.06, x + half + 0.06), (low, high + 0.06), 0.01, CREAM)
    glass = room.canvas.mask(room.place([(x - half, low, 0), (x + half, low, 0), (x + half, high, 0), (x - half, high, 0)]))
    _draw_view(room, glass, time)
    room.contour(glass, CREAM)
    for bar in ((x - 0.025, x + 0.025), (low, high)), ((x - half, x + half), (0.42 * low + 0.58 * high,) * 2):
        across, up = bar
        room.sheet(across, up if up[0] < up[1] else (up[0], up[0] + 0.04), 0.03, CREAM, line=0.3)
    for side in (-1, 1):
        _draw_curtain(room, x + side * 0.34, x + side * 0.78, (0.06, high + 0.16), curtain)
    room.lines([[(x - 0.9, high + 0.18, 0.14), (x + 0.9, high + 0.18, 0.14)]], room.wood * 0.6, 0.035)
    for end in (x - 0.9, x + 0.9):
        finial = ellipse(room.place((end, high + 0.18, 0.14)), (0.035 * room.scale((end, high, 0)),) * 2)
        room.fill(room.canvas.mask(finial), room.wood * 0.6, line=0.4)


def _draw_view(room: Interior, glass: Mask, time: str) -> None:
    """Sky with a cloud, the low sun, or the moon and stars, over a line of hills; all inside the mask of the glass."""
    top, bottom, hills = _SKIES[time]
    canvas, rng, (rows, columns) = room.canvas, room.rng, glass.alpha.shape
    t = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    canvas.fill(glass, top + t * (bottom - top) + np.zeros((rows, columns, 3), np.float32))
    corner, span = np.array((glass.left, glass.top)) / canvas.size, np.array((columns, rows)) / canvas.size

    def lay(polygons: Iterable[Points], colour: Floats, opacity: float = 1.0, blur: float = 0.0) -> None:
        """Fill polygons whose unit is the box of the glass."""
        canvas.fill(
            canvas.mask(*[corner + polygon * span for polygon in polygons], blur=blur).within(glass, canvas.size),
            colour,
            opacity,
        )

    u = rng.uniform(0.38, 0.62)
    if time == "day":
        lay([ellipse((u + a, 0.3 + b), (0.13, 0.07)) for a, b in ((-0.12, 0.02), (0, -0.02), (0.12, 0.02))], tone(1, 1, 1), 0.9)
    elif time == "evening":
        lay([ellipse((u, 0.66), (0.17, 0.15))], tone(1.0, 0.93, 0.62), blur=0.004)
    else:
        lay(
            [ellipse(point, (0.016, 0.013), steps=8) for point in rng.uniform((0.2, 0.05), (0.8, 0.6), (14, 2))],
            tone(0.95, 0.95, 1.0),
            0.9,
        )
        lay([ellipse((u, 0.27), (0.10, 0.085))], tone(0.99, 0.96, 0.80))
    ridge = [
        (0, 1.05),
        (0, 0.8),
        (0.2, rng.uniform(0.68, 0.76)),
        (0.45, 0.82),
        (0.7, rng.uniform(0.7, 0.78)),
        (1, 0.84),
        (1, 1.05),
    ]
    lay([spline(ridge)], hills)


def _draw_curtain(room: Interior, inner: float, outer: float, y: Bounds, colour: Floats) -> None:
    """One side of a pair of curtains in soft upright folds, a little wider at its hem."""
    low, high = y
    folds = np.linspace(0, 1, 33)
    across = inner + (outer - inner) * folds
    hem = low + 0.012 * np.cos(12 * np.pi * folds)
    spread = (across - outer) * 1.12 + outer + 0.03 * np.sign(outer - inner)
    outline = np.concatenate([np.column_stack([across, np.full(33, high)]), np.column_stack([spread, hem])[::-1]])
    points = np.column_stack([outline, np.full(66, 0.12)])
    room.shadow(points + (-0.05, 0, -0.1), 0.28, 0.012)
    mask = room.canvas.mask(room.place(points))
    waves = np.linspace(0, 1, mask.alpha.shape[1], dtype=np.float32)
    shade = 0.42 * np.sin(2 * np.pi * 4.5 * waves + room.rng.uniform(0, 6)) - 0.08
    room.canvas.fill(mask, shaded(colour, np.broadcast_to(shade, mask.alpha.shape)))
    room.contour(mask, colour)


# --- light ---

_AMBIENT = {"day": tone(1.03, 1.02, 1.0), "evening": tone(1.02, 0.93, 0.84), "night": tone(0.81, 0.79, 0.83)}
_LAMP_GLOW = {"day": 0.05, "evening": 0.16, "night": 0.34}


def light_up(room: Interior, time: str) -> None:
    """The light of the time of day on everything, and the glow of the lamps."""
    size = room.canvas.size
    light = np.broadcast_to(_AMBIENT[time], (size, size, 3)).copy()
    rows, columns = np.mgrid[:size, :size].astype(np.float32) / size
    for (x, y), strength in room.glows:
        near = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 0.09)
        light += strength * _LAMP_GLOW[time] * near[..., None] * tone(1.0, 0.86, 0.58)
    room.canvas.pixels *= light
