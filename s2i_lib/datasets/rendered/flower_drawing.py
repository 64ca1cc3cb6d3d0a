"""One flower on one canvas: its place in the picture, and the ways in which its surfaces are drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from s2i_lib.datasets.rendered.canvas import Canvas, Mask, random_light
from s2i_lib.datasets.rendered.colours import jittered
from s2i_lib.datasets.rendered.flower_captions import COLOUR_ATTRIBUTES
from s2i_lib.datasets.rendered.shapes import Floats, Points, rotation

_LEAF_GREENS = ((0.30, 0.52, 0.20), (0.22, 0.44, 0.24), (0.44, 0.56, 0.22))

# numbers of the parts, of which a plant in front of the flower hides little
PARTS = {name: number for number, name in enumerate((*COLOUR_ATTRIBUTES, "stamens", "leaves"), start=1)}


@dataclass(frozen=True)
class Pose:
    """Where the flower is and how it is turned: flower units to picture units.

    A flower unit is the radius of the flower; the origin is its centre.

    Attributes:
        scale: picture units in one flower unit.
        turn: (2, 2) rotation and foreshortening.
        origin: (2,) place of the centre.
    """

    scale: float
    turn: Floats
    origin: Floats

    def place(self, points: ArrayLike) -> Points:
        """Position in the picture of points of the flower, (..., 2)."""
        return np.asarray(points, np.float64) @ self.turn.T * self.scale + self.origin


def _random_pose(rng: np.random.Generator) -> Pose:
    """A pose in which the whole flower is in the picture, a little above its middle."""
    direction, spin = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
    foreshortened = np.diag((1.0, rng.uniform(0.82, 1.0)))
    turn = rotation(direction) @ foreshortened @ rotation(spin - direction)
    scale = rng.uniform(0.37, 0.425)
    room = 0.48 - scale
    return Pose(scale, turn, 0.5 + rng.uniform(-room, room, 2) * (1.0, 0.6) - (0, 0.4 * room))


class FlowerDrawing:
    """The state that the functions of ``flower_leaves``, ``flower_petals`` and ``flower_centre`` share.

    Attributes:
        attributes: of the flower.
        canvas: on which it is drawn.
        rng: source of what varies within the flower.
        pose: where it is.
        light: (2,) float32 unit vector towards the light.
        colour: colour attribute -> (3,) float32, this flower's own colour.
        green: (3,) colour of its stem and leaves.
        unit: pixels in one flower unit.
    """

    def __init__(self, attributes: dict[str, str], canvas: Canvas, rng: np.random.Generator) -> None:
        self.attributes = attributes
        self.canvas = canvas
        # a generator of its own: how a flower is exposed does not depend on how many petals it has
        self.rng = np.random.default_rng(rng.integers(2**63))
        self.pose = _random_pose(rng)
        self.light = random_light(rng).astype(np.float32)  # halves the time of shading
        self.colour = {part: jittered(attributes[part], rng).astype(np.float32) for part in COLOUR_ATTRIBUTES}
        self.green = np.array(_LEAF_GREENS[rng.integers(3)]) * rng.uniform(0.9, 1.1)
        self.unit = self.pose.scale * canvas.size

    def outline(self, mask: Mask, colour: Floats, width: float, opacity: float = 0.85) -> None:
        """A thin contour along the inner side of a shape's edge."""
        self.canvas.contour(mask, colour, width * self.unit, opacity)

    def shadow(self, polygon: Points, amount: float, blur: float) -> None:
        """Darken what lies below a shape, on the side away from the light."""
        fallen = polygon - 0.5 * blur * self.pose.scale * self.light
        self.canvas.darken(self.canvas.mask(fallen, blur=blur * self.pose.scale), amount)

    def depth(self, mask: Mask) -> Floats:
        """How far towards the flower's centre the pixels of a mask are, 0 to 1."""
        rows, columns = np.ogrid[mask.box]
        x, y = self.pose.origin * self.canvas.size
        distance = np.hypot(columns - x, rows - y).astype(np.float32) / np.float32(self.unit)
        return np.clip(1.9 - 3 * distance, 0, 1)
