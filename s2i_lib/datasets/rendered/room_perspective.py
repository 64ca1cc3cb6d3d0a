"""Drawing rooms in perspective: a camera, flat things, and a few kinds of solid.

Lengths are metres: x runs to the right along the back wall, y upwards from the floor, z from the back wall towards the viewer.
A piece of furniture is drawn around its own origin, on a copy of the interior that is moved and turned (``Interior.at``).
Things hide what was drawn before them, so that a room is drawn from the back to the front.
"""

import copy
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from s2i_lib.datasets.rendered.canvas import Canvas, Mask, relief, shaded
from s2i_lib.datasets.rendered.shapes import Floats, Points, ellipse, ribbon

Bounds = tuple[float, float]
Place = tuple[float, float, float]
Block = tuple[Bounds, Bounds, Bounds]  # in x, y and z

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


def tone(*channels: float) -> Floats:
    """A colour, (3,) float32 in [0, 1]."""
    return np.array(channels, np.float32)


METAL, CREAM, CHARCOAL = tone(0.72, 0.74, 0.77), tone(0.96, 0.92, 0.82), tone(0.20, 0.20, 0.23)
WOODS = (tone(0.66, 0.45, 0.27), tone(0.50, 0.32, 0.19), tone(0.78, 0.61, 0.41))


class Interior:
    """A room under construction: solids in perspective on a canvas.

    The camera looks a little down at the back wall, from a place that `rng` chooses; upright lines stay upright, as architects
    draw them. Of a copy that is moved (``at``), all lengths are about the piece that stands there.

    Attributes:
        canvas: on which it is drawn.
        rng: source of what varies within the room, see ``own``.
        wood: (3,) colour of all that is of wood.
        glows: lamps: (2,) place in the picture, and strength.
    """

    def __init__(self, canvas: Canvas, rng: np.random.Generator) -> None:
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
        self.glows: list[tuple[Points, float]] = []

    def own(self, number: int) -> Self:
        """The same room with random numbers of its own: one part that takes more of them does not change the others."""
        part = copy.copy(self)
        part.rng = np.random.default_rng([self.seed, number])
        return part

    def at(self, x: float, z: float, angle: float = 0.0) -> Self:
        """The same room as seen by a piece that stands at a place and is turned to face right (positive) or left."""
        moved = copy.copy(self)
        turn = np.array(((np.cos(angle), 0, np.sin(angle)), (0, 1, 0), (-np.sin(angle), 0, np.cos(angle))))
        moved.origin = self.origin + self.turn @ (x, 0, z)
        moved.turn = self.turn @ turn
        return moved

    def _rays(self, points: ArrayLike) -> Points:
        """From the camera to points of the piece, (..., 3)."""
        return np.asarray(points, np.float64) @ self.turn.T + self.origin - self.eye

    def place(self, points: ArrayLike) -> Points:
        """Where points (..., 3) are in the picture, (..., 2)."""
        rays = self._rays(points)
        scale = self.focal / (rays @ self.ahead)
        return np.stack([rays @ self.right * scale, -rays[..., 1] * scale], -1) + self.centre

    def scale(self, point: ArrayLike) -> float:
        """How long one metre at a point is in the picture."""
        return float(self.focal / (self._rays(point) @ self.ahead))

    # --- flat things ---

    def fill(self, mask: Mask, colour: Floats, shade: float = 0.0, fade: float = 0.08, line: float = 0.55) -> None:
        """Lay a colour over a mask: a little lighter at its top than at its bottom, with a contour along its edge."""
        rows = np.linspace(fade, -fade, len(mask.alpha), dtype=np.float32)[:, None]
        self.canvas.fill(mask, shaded(colour, np.broadcast_to(shade + rows, mask.alpha.shape)))
        if line:
            self.contour(mask, colour, line)

    def contour(self, mask: Mask, colour: Floats, opacity: float = 0.55) -> None:
        """A thin line along the inner side of a mask's edge."""
        self.canvas.contour(mask, colour, _LINE * self.canvas.size, opacity)

    def panel(self, points: ArrayLike, colour: Floats, shade: float = 0.0, fade: float = 0.08, line: float = 0.55) -> Mask:
        """A flat polygon, (n, 3), see ``fill``; returns its mask."""
        mask = self.canvas.mask(self.place(points))
        self.fill(mask, colour, shade, fade, line)
        return mask

    def sheet(
        self, x: Bounds, y: Bounds, z: float, colour: Floats, shade: float = 0.0, fade: float = 0.08, line: float = 0.55
    ) -> Mask:
        """An upright rectangle that faces the viewer, between two x and two y; see ``fill``, and returns its mask."""
        corners = [(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)]
        return self.panel(corners, colour, shade, fade, line)

    def lines(
        self,
        paths: Iterable[Sequence[Place] | Points],
        colour: Floats,
        width: float = 0.012,
        opacity: float = 1.0,
        within: Mask | None = None,
    ) -> None:
        """Thin strokes along paths (n, 3), `width` metres wide, and only `within` some surface."""
        strokes = [ribbon(self.place(path), width * self.scale(path[0]), width * self.scale(path[-1])) for path in paths]
        mask = self.canvas.mask(*strokes)
        self.canvas.fill(mask.within(within, self.canvas.size) if within else mask, colour, opacity)

    def shadow(self, points: ArrayLike, amount: float = 0.35, blur: float = 0.012) -> None:
        """Darken the surroundings of a polygon (n, 3), as a thing does that stands there."""
        self.canvas.darken(self.canvas.mask(self.place(points), blur=blur), amount)

    def footprint(self, x: Bounds, z: Bounds, amount: float = 0.45, spread: float = 0.04) -> None:
        """The shadow of a thing on the floor, between two x and two z."""
        (x0, x1), (z0, z1) = x, z
        self.shadow(
            [(x0 - 2 * spread, 0, z0), (x1 + spread, 0, z0), (x1 + spread, 0, z1 + spread), (x0 - 2 * spread, 0, z1 + spread)],
            amount,
        )

    # --- solids ---

    def box(self, x: Bounds, y: Bounds, z: Bounds, colour: Floats, line: float = 0.55) -> None:
        """A box between two x, two y and two z, each face in its own light."""
        corners = np.array([(a, b, c) for a in x for b in y for c in z])
        flat = self.place(corners)
        for normal, face in _FACES.items():
            if _area(flat[list(face)]) < 0:
                self.panel(corners[list(face)], colour, self._shade(normal), line=line)

    def boxes(self, blocks: Iterable[Block], colour: Floats) -> None:
        """Several boxes of one colour, the farthest first."""
        for x, y, z in sorted(blocks, key=self.distance, reverse=True):
            self.box(x, y, z, colour)

    def distance(self, block: Block) -> float:
        """How far from the camera the middle of a box is."""
        x, _, z = block
        return float(self._rays((float(np.mean(x)), 0.0, float(np.mean(z)))) @ self.ahead)

    def _shade(self, normal: tuple[int, int, int]) -> float:
        """Light on a surface, 0 on one that faces the viewer."""
        return float(np.clip(1.1 * (self.turn @ normal @ _LIGHT - _LIGHT[2]), -0.6, 0.4))

    def cushion(self, x: Bounds, y: Bounds, z: Bounds, colour: Floats, radius: float = 0.05) -> None:
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
        self.canvas.fill(mask, shaded(colour, shade))
        self.contour(mask, colour)

    def turned(self, x: float, z: float, profile: Sequence[tuple[float, float]], colour: Floats, line: float = 0.55) -> None:
        """A body of revolution about an upright axis: `profile` lists (height, radius) from the bottom to the top."""
        rings = [self.place(_ring(x, y, z, radius)) for y, radius in profile]
        mask = self.canvas.mask(*[_hull(np.concatenate(pair)) for pair in pairwise(rings)])
        width = max(radius for _, radius in profile) * self.scale((x, profile[0][0], z)) * self.canvas.size
        self.canvas.solid(mask, colour, np.array((0.9, -0.2), np.float32), 0.5 * width, 1.2)
        self.contour(mask, colour, line)
        if profile[-1][0] < self.eye[1] and profile[-1][1] > 0.02:
            self.fill(self.canvas.mask(rings[-1]), colour, 0.3, line=0.4 * line)

    def rounded(self, x: Bounds, y: Bounds, z: Bounds, colour: Floats, radius: float) -> Mask:
        """An upright board whose upper corners are round, with a thickness towards the back; returns the mask of its front."""
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
        self.fill(body, colour, -0.35)
        return self.panel(front, colour)


def _area(polygon: Points) -> float:
    """Signed area of a polygon (n, 2); negative if its corners run anticlockwise in the picture."""
    x, y = polygon.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _hull(points: Points) -> Points:
    """The outermost of points (n, 2), in order."""
    from scipy.spatial import ConvexHull  # imported here: who draws no rooms needs no scipy

    return points[ConvexHull(points).vertices]


def _ring(x: float, y: float, z: float, radius: float) -> Points:
    """A level circle, (24, 3)."""
    circle = ellipse((x, z), (radius, radius))
    return np.column_stack([circle[:, 0], np.full(len(circle), y), circle[:, 1]])


def _arc(centre: tuple[float, float], radius: float, start: float, stop: float) -> Points:
    """Six points on a circle, from one angle to another in radians."""
    angles = np.linspace(start, stop, 6)
    return np.stack([np.cos(angles), np.sin(angles)], 1) * radius + centre
