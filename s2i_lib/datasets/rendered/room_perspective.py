"""Drawing rooms in perspective: a camera, a few kinds of solid, walls and floors, a window, and light.

Lengths are metres: x runs to the right along the back wall, y upwards from
the floor, z from the back wall towards the viewer.  A piece of furniture is
drawn around its own origin, on a copy of the interior that is moved and
turned (:meth:`Interior.at`).  Things hide what was drawn before them, so that
a room is drawn from the back to the front.
"""

import copy

import numpy as np
from scipy.spatial import ConvexHull

from s2i_lib.datasets.rendered.canvas import (
    Canvas,
    Mask,
    blurred,
    ellipse,
    ink,
    luminance,
    noise,
    relief,
    ribbon,
    shaded,
    spline,
)

HALF_WIDTH, HEIGHT, DEPTH = 2.08, 2.5, 3.4  # of the room, as far as it can be seen

_LIGHT = np.array((0.42, 0.70, 0.58))  # unit vector towards the light, in the room
LIGHT_ON_PAPER = np.array((0.55, -0.83), np.float32)  # the same in the picture, y downwards
_LINE = 0.0042  # width of a contour

# The faces of a box by their normals; corners are numbered 4 x + 2 y + z, each 0 or 1,
# and run anticlockwise as seen from outside.
_FACES = {
    (0, 0, 1): (1, 5, 7, 3),
    (0, 0, -1): (4, 0, 2, 6),
    (1, 0, 0): (5, 4, 6, 7),
    (-1, 0, 0): (0, 1, 3, 2),
    (0, 1, 0): (3, 7, 6, 2),
    (0, -1, 0): (0, 4, 5, 1),
}


def tone(*channels: float) -> np.ndarray:
    """A colour, ``(3,)`` float32 in [0, 1]."""
    return np.array(channels, np.float32)


METAL, CREAM, CHARCOAL = tone(0.72, 0.74, 0.77), tone(0.96, 0.92, 0.82), tone(0.20, 0.20, 0.23)
WOODS = (tone(0.66, 0.45, 0.27), tone(0.50, 0.32, 0.19), tone(0.78, 0.61, 0.41))


class Interior:
    """A room under construction: solids in perspective on a canvas.

    The camera looks a little down at the back wall, from a place that ``rng``
    chooses; upright lines stay upright, as architects draw them.
    """

    def __init__(self, canvas: Canvas, rng: np.random.Generator):
        self.canvas, self.seed = canvas, int(rng.integers(2**63))
        self.rng = np.random.default_rng(self.seed)
        self.wood = WOODS[rng.integers(len(WOODS))] * rng.uniform(0.95, 1.05)
        turn, distance = rng.uniform(-0.16, 0.16), rng.uniform(4.7, 5.1)
        self.eye = np.array((distance * np.sin(turn), rng.uniform(1.68, 1.86), 0.7 + distance * np.cos(turn)))
        self.right = np.array((np.cos(turn), 0.0, -np.sin(turn)))
        self.ahead = np.array((-np.sin(turn), 0.0, -np.cos(turn)))
        self.focal = distance * rng.uniform(0.266, 0.29)
        self.centre = 0.5 + rng.uniform(-0.02, 0.02), rng.uniform(0.19, 0.23)
        self.turn, self.origin = np.eye(3), np.zeros(3)
        self.glows: list[tuple[np.ndarray, float]] = []  # lamps: place in the picture and strength

    def own(self, number: int) -> Interior:
        """The same room with random numbers of its own: one part that takes more of them does not change the others."""
        part = copy.copy(self)
        part.rng = np.random.default_rng([self.seed, number])
        return part

    def at(self, x: float, z: float, angle: float = 0.0) -> Interior:
        """The same room as seen by a piece that stands at a place and is turned to face right (positive) or left."""
        moved = copy.copy(self)
        turn = np.array(((np.cos(angle), 0, np.sin(angle)), (0, 1, 0), (-np.sin(angle), 0, np.cos(angle))))
        moved.origin = self.origin + self.turn @ (x, 0, z)
        moved.turn = self.turn @ turn
        return moved

    def _rays(self, points) -> np.ndarray:
        """From the camera to points of the piece, ``(..., 3)``."""
        return np.asarray(points, float) @ self.turn.T + self.origin - self.eye

    def place(self, points) -> np.ndarray:
        """Where points ``(..., 3)`` are in the picture, ``(..., 2)``."""
        rays = self._rays(points)
        scale = self.focal / (rays @ self.ahead)
        return np.stack([rays @ self.right * scale, -rays[..., 1] * scale], -1) + self.centre

    def scale(self, point) -> float:
        """How long one metre at a point is in the picture."""
        return float(self.focal / (self._rays(point) @ self.ahead))

    # ------------------------------------------------------------- flat things

    def paint(self, mask: Mask, colour, shade: float = 0.0, fade: float = 0.08, line: float = 0.55) -> None:
        """Lay a colour over a mask: a little lighter at its top than at its bottom, with a contour along its edge."""
        rows = np.linspace(fade, -fade, len(mask.alpha), dtype=np.float32)[:, None]
        self.canvas.paint(mask, shaded(colour, np.broadcast_to(shade + rows, mask.alpha.shape)))
        if line:
            self.contour(mask, colour, line)

    def contour(self, mask: Mask, colour, opacity: float = 0.55) -> None:
        """A thin line along the inner side of a mask's edge."""
        inside = blurred(mask.alpha, _LINE * self.canvas.size)
        line = np.clip(2.4 * mask.alpha * (1 - inside), 0, 1)
        self.canvas.paint(Mask(line, mask.left, mask.top), ink(colour), opacity)

    def panel(self, points, colour, shade: float = 0.0, fade: float = 0.08, line: float = 0.55) -> Mask:
        """A flat polygon, ``(n, 3)``; returns its mask."""
        mask = self.canvas.mask(self.place(points))
        self.paint(mask, colour, shade, fade, line)
        return mask

    def sheet(self, x, y, z: float, colour, **how) -> Mask:
        """An upright rectangle that faces the viewer, between two x and two y."""
        return self.panel([(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)], colour, **how)

    def lines(self, paths, colour, width: float = 0.012, opacity: float = 1.0, within: Mask | None = None) -> None:
        """Thin strokes along paths ``(n, 3)``, ``width`` metres wide."""
        strokes = [ribbon(self.place(path), width * self.scale(path[0]), width * self.scale(path[-1])) for path in paths]
        mask = self.canvas.mask(*strokes)
        self.canvas.paint(mask.within(within, self.canvas.size) if within else mask, colour, opacity)

    def shadow(self, points, amount: float = 0.35, blur: float = 0.012) -> None:
        """Darken the surroundings of a polygon ``(n, 3)``, as a thing does that stands there."""
        self.canvas.darken(self.canvas.mask(self.place(points), blur=blur), amount)

    def footprint(self, x, z, amount: float = 0.45, spread: float = 0.04) -> None:
        """The shadow of a thing on the floor, between two x and two z."""
        (x0, x1), (z0, z1) = x, z
        self.shadow(
            [(x0 - 2 * spread, 0, z0), (x1 + spread, 0, z0), (x1 + spread, 0, z1 + spread), (x0 - 2 * spread, 0, z1 + spread)],
            amount,
        )

    # ------------------------------------------------------------------ solids

    def box(self, x, y, z, colour, line: float = 0.55) -> None:
        """A box between two x, two y and two z, each face in its own light."""
        corners = np.array([(a, b, c) for a in x for b in y for c in z])
        flat = self.place(corners)
        for normal, face in _FACES.items():
            if _area(flat[list(face)]) < 0:
                self.panel(corners[list(face)], colour, self._shade(normal), line=line)

    def boxes(self, parts, colour) -> None:
        """Several boxes ``(x, y, z)`` of one colour, the farthest first."""
        for x, y, z in sorted(parts, key=self.distance, reverse=True):
            self.box(x, y, z, colour)

    def distance(self, part) -> float:
        """How far from the camera the middle of a part ``(x, y, z)`` is, each a pair of bounds."""
        return float(self._rays((np.mean(part[0]), 0.0, np.mean(part[2]))) @ self.ahead)

    def _shade(self, normal) -> float:
        """Light on a surface, 0 on one that faces the viewer."""
        return float(np.clip(1.1 * (self.turn @ normal @ _LIGHT - _LIGHT[2]), -0.6, 0.4))

    def cushion(self, x, y, z, colour, radius: float = 0.05) -> None:
        """A box of cloth: rounded at its edges, lighter on top."""
        inner = np.array(
            [
                (a, b, c)
                for a in (x[0] + radius, x[1] - radius)
                for b in (y[0] + radius, y[1] - radius)
                for c in (z[0] + radius, z[1] - radius)
            ]
        )
        discs = [
            ellipse(point, (radius * self.scale(corner),) * 2, steps=16) for point, corner in zip(self.place(inner), inner)
        ]
        mask = self.canvas.mask(_hull(np.concatenate(discs)))
        size, soft = self.canvas.size, 0.25 * radius * self.scale(inner[0])
        shade = 0.7 * relief(mask.alpha, LIGHT_ON_PAPER, 0.8 * radius * self.scale(inner[0]) * size + 1)
        corners = np.array([(a, b, c) for a in x for b in y for c in z])
        for normal, face in _FACES.items():
            polygon = self.place(corners[list(face)])
            if normal[2] != 1 and _area(polygon) < 0:
                shade += self._shade(normal) * self.canvas.mask(polygon, blur=soft).within(mask, size).full(size)[mask.box]
        self.canvas.paint(mask, shaded(colour, shade))
        self.contour(mask, colour)

    def turned(self, x: float, z: float, profile, colour, line: float = 0.55) -> None:
        """A body of revolution about an upright axis: ``profile`` lists (height, radius) from the bottom to the top."""
        rings = [self.place(_ring(x, y, z, radius)) for y, radius in profile]
        mask = self.canvas.mask(*[_hull(np.concatenate(pair)) for pair in zip(rings, rings[1:])])
        width = max(radius for _, radius in profile) * self.scale((x, profile[0][0], z)) * self.canvas.size
        self.canvas.paint(mask, shaded(colour, 1.2 * relief(mask.alpha, np.array((0.9, -0.2), np.float32), 0.5 * width)))
        self.contour(mask, colour, line)
        if profile[-1][0] < self.eye[1] and profile[-1][1] > 0.02:
            self.paint(self.canvas.mask(rings[-1]), colour, 0.3, line=0.4 * line)

    def rounded(self, x, y, z, colour, radius: float) -> Mask:
        """An upright board whose upper corners are round, with a thickness towards the back."""
        outline = np.concatenate(
            [
                [(x[0], y[0])],
                _arc((x[0] + radius, y[1] - radius), radius, np.pi, np.pi / 2),
                _arc((x[1] - radius, y[1] - radius), radius, np.pi / 2, 0),
                [(x[1], y[0])],
            ]
        )
        back, front = (np.column_stack([outline, np.full(len(outline), depth)]) for depth in z)
        body = self.canvas.mask(_hull(self.place(np.concatenate([back, front]))))
        self.paint(body, colour, -0.35)
        return self.panel(front, colour)


def _area(polygon: np.ndarray) -> float:
    """Signed area of a polygon ``(n, 2)``; negative if its corners run anticlockwise in the picture."""
    x, y = polygon.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _hull(points: np.ndarray) -> np.ndarray:
    return points[ConvexHull(points).vertices]


def _ring(x: float, y: float, z: float, radius: float) -> np.ndarray:
    """A level circle, ``(24, 3)``."""
    circle = ellipse((x, z), (radius, radius))
    return np.column_stack([circle[:, 0], np.full(len(circle), y), circle[:, 1]])


def _arc(centre, radius: float, start: float, stop: float) -> np.ndarray:
    angles = np.linspace(start, stop, 6)
    return np.stack([np.cos(angles), np.sin(angles)], 1) * radius + centre


# ----------------------------------------------------------------------- shell


def draw_walls(room: Interior, colour: np.ndarray) -> None:
    """Back wall, two side walls, ceiling and skirting; the light comes from the right."""
    w, h, d = HALF_WIDTH, HEIGHT, DEPTH
    room.canvas.pixels[:] = tone(0.93, 0.92, 0.89)  # the ceiling
    for side, shade in ((-1, -0.1), (1, -0.45)):
        corners = [(side * w, 0, 0), (side * w, h, 0), (side * w, h, d), (side * w, 0, d)]
        room.panel(corners, colour, shade, fade=0.05, line=0)
        room.panel([(side * w, 0, 0), (side * w, 0.1, 0), (side * w, 0.1, d), (side * w, 0, d)], CREAM, shade, line=0.3)
    back = room.sheet((-w, w), (0, h), 0, colour, fade=0.12, line=0)
    across = np.linspace(-0.16, 0.14, back.alpha.shape[1], dtype=np.float32)
    room.canvas.paint(back, shaded(colour, np.broadcast_to(across, back.alpha.shape)), 0.5)
    room.sheet((-w, w), (h - 0.07, h), 0.01, CREAM, line=0.3)
    room.sheet((-w, w), (0, 0.1), 0.01, CREAM, line=0.3)
    for side in (-w, w):  # corners are dark
        room.shadow([(side - 0.03, 0, 0), (side + 0.03, 0, 0), (side + 0.03, h, 0), (side - 0.03, h, 0)], 0.16, 0.02)


def draw_floor(room: Interior, kind: str) -> None:
    """A floor of ``wooden`` planks, ``tiled`` like a chess board, or ``carpeted``."""
    colour = {"wooden": tone(0.60, 0.38, 0.20), "tiled": tone(0.91, 0.90, 0.86), "carpeted": tone(0.74, 0.69, 0.62)}[kind]
    mask = room.canvas.mask(room.place(_on_floor((-HALF_WIDTH, HALF_WIDTH), (0, DEPTH))))
    size, shape = room.canvas.size, mask.alpha.shape
    near = np.broadcast_to(np.linspace(-0.14, 0.14, shape[0], dtype=np.float32)[:, None], shape)
    room.canvas.paint(mask, shaded(colour, near))
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
        room.canvas.paint(room.canvas.mask(*dark).within(mask, size), tone(0.40, 0.45, 0.50), 0.9)
    else:
        pile = noise(room.rng, shape, (shape[0] // 2 + 1, shape[1] // 2 + 1))
        room.canvas.paint(mask, shaded(colour, 0.22 * pile), 0.5)
    room.shadow(_on_floor((-HALF_WIDTH, HALF_WIDTH), (-0.05, 0.1)), 0.25)


def _on_floor(x, z) -> list[tuple[float, float, float]]:
    (x0, x1), (z0, z1) = x, z
    return [(x0, 0, z0), (x1, 0, z0), (x1, 0, z1), (x0, 0, z1)]


def _draw_planks(room: Interior, colour: np.ndarray, floor: Mask) -> None:
    """Boards that run towards the viewer, no two of quite the same colour."""
    edges = np.linspace(-HALF_WIDTH, HALF_WIDTH, 19)
    joints = [[], [], []]
    for x0, x1 in zip(edges, edges[1:]):
        ends = np.concatenate([[0], np.cumsum(room.rng.uniform(0.8, 1.6, 4))]) - room.rng.uniform(0, 0.6)
        for z0, z1 in zip(ends.clip(0, DEPTH), ends[1:].clip(0, DEPTH)):
            joints[room.rng.integers(3)].append(room.place(_on_floor((x0, x1), (z0, z1))))
    for polygons, shade in zip(joints, (-0.22, 0.0, 0.2)):
        mask = room.canvas.mask(*polygons).within(floor, room.canvas.size)
        room.canvas.paint(mask, shaded(colour, np.full(mask.alpha.shape, shade)), 0.55)
    room.lines([[(x, 0, 0), (x, 0, DEPTH)] for x in edges], ink(colour), 0.014, 0.5, floor)


def draw_rug(room: Interior, x, z, colour: np.ndarray) -> None:
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


# ---------------------------------------------------------------------- window

_SKIES = {
    "day": (tone(0.45, 0.70, 0.96), tone(0.84, 0.93, 0.98), tone(0.44, 0.66, 0.34)),
    "evening": (tone(0.93, 0.42, 0.30), tone(1.00, 0.80, 0.40), tone(0.42, 0.24, 0.26)),
    "night": (tone(0.03, 0.05, 0.20), tone(0.09, 0.13, 0.36), tone(0.03, 0.06, 0.10)),
}


def draw_window(room: Interior, x: float, y, time: str, curtain: np.ndarray) -> None:
    """A window about ``x`` between two heights, what is seen through it, and curtains down to the floor."""
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
        knob = ellipse(room.place((end, high + 0.18, 0.14)), (0.035 * room.scale((end, high, 0)),) * 2)
        room.paint(room.canvas.mask(knob), room.wood * 0.6, line=0.4)


def _draw_view(room: Interior, glass: Mask, time: str) -> None:
    """Sky with a cloud, the low sun, or the moon and stars, over a line of hills; all inside the mask of the glass."""
    top, bottom, hills = _SKIES[time]
    canvas, rng, (rows, columns) = room.canvas, room.rng, glass.alpha.shape
    t = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    canvas.paint(glass, top + t * (bottom - top) + np.zeros((rows, columns, 3), np.float32))
    corner, span = np.array((glass.left, glass.top)) / canvas.size, np.array((columns, rows)) / canvas.size

    def lay(polygons, colour, opacity=1.0, blur=0.0):
        canvas.paint(
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


def _draw_curtain(room: Interior, inner: float, outer: float, y, colour: np.ndarray) -> None:
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
    room.canvas.paint(mask, shaded(colour, np.broadcast_to(shade, mask.alpha.shape)))
    room.contour(mask, colour)


# ----------------------------------------------------------------------- light

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
