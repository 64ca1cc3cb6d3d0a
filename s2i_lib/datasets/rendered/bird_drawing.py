"""One bird on one canvas, and the ways in which its surfaces are drawn."""

import numpy as np

from s2i_lib.datasets.rendered.bird_captions import COLOUR_ATTRIBUTES
from s2i_lib.datasets.rendered.bird_pose import random_pose
from s2i_lib.datasets.rendered.canvas import Canvas, Mask, noise, random_light, relief, shaded
from s2i_lib.datasets.rendered.colours import ink, jittered
from s2i_lib.datasets.rendered.shapes import Floats, Points, ribbon

# numbers of the parts, of which a plant in front of the bird hides little
PARTS = {name: number for number, name in enumerate((*COLOUR_ATTRIBUTES, "wing_bars", "crest", "bill"), start=1)}


class BirdDrawing:
    """The state that the functions of ``bird_body``, ``bird_plumage`` and ``bird_perches`` share.

    Attributes:
        attributes: of the bird.
        canvas: on which it is drawn.
        rng: source of all that varies.
        pose: where it is.
        light: (2,) unit vector towards the light.
        colour: colour attribute -> (3,) this bird's own colour.
        spread: how far its tail is fanned, in radians.
        unit: pixels in one bird unit.
    """

    def __init__(self, attributes: dict[str, str], stance: float, canvas: Canvas, rng: np.random.Generator) -> None:
        self.attributes = attributes
        self.canvas = canvas
        self.rng = rng
        self.pose = random_pose(attributes, stance, rng)
        self.light = random_light(rng)
        self.colour = {part: jittered(attributes[part], rng) for part in COLOUR_ATTRIBUTES}
        self.spread = rng.uniform(0.10, 0.24)
        self.unit = self.pose.scale * canvas.size

    def plumage(self, mask: Mask, colour: Floats, part: str, softness: float, strength: float = 0.9) -> None:
        """Draw a feathered surface: rounded, lit, with a fine downy texture."""
        shade = relief(mask.alpha, self.light, softness * self.unit)
        rows, columns = mask.alpha.shape
        down = noise(self.rng, (rows, columns), (max(rows // 3, 2), max(columns // 6, 2)))
        shade = shade * strength + 0.13 * down
        self.canvas.fill(mask, shaded(colour, shade), part=PARTS[part])

    def outline(self, polygon: Points, colour: Floats, width: float = 0.011, fading: Mask | None = None) -> None:
        """A thin darker contour along a closed polygon in picture units.

        It nearly vanishes over `fading`, where one plumage passes into another.
        """
        ring = np.concatenate([polygon, polygon[:1]])
        width *= self.pose.scale
        line = self.canvas.mask(ribbon(ring, width, width))
        if fading is not None:
            line = Mask(line.alpha - 0.7 * line.within(fading, self.canvas.size).alpha, line.left, line.top)
        self.canvas.fill(line, ink(colour), 0.75)

    def lines(self, paths: list[Points], colour: Floats, width: float, opacity: float, inside: Mask) -> None:
        """Fine feather lines, in picture units, clipped to a surface."""
        strokes = [ribbon(path, width * self.pose.scale, 0.5 * width * self.pose.scale) for path in paths]
        mask = self.canvas.mask(*strokes).within(inside, self.canvas.size)
        self.canvas.fill(mask, colour, opacity)
