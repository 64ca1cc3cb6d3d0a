"""Pixels: a canvas on which shapes are laid one over the other, their smooth edges, their shading, and the finished picture.

Shapes are rasterised four times finer than the picture and reduced, which makes their edges smooth. All coordinates are
fractions of the picture's side, with x to the right and y downwards, so that a drawing does not depend on its size; only the
radii of shading are in pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from s2i_lib.datasets.rendered.colours import ink, luminance
from s2i_lib.datasets.rendered.shapes import Floats, Points

_OVERSAMPLING = 4


@dataclass(frozen=True)
class Mask:
    """Coverage of a shape inside its bounding box.

    Attributes:
        alpha: (height, width) coverage in [0, 1].
        left, top: column and row of the picture at which its upper left pixel is.
    """

    alpha: Floats
    left: int
    top: int

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the picture that the mask covers."""
        height, width = self.alpha.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def full(self, size: int) -> NDArray[np.float32]:
        """The coverage on the whole picture, (size, size) float32."""
        whole = np.zeros((size, size), np.float32)
        whole[self.box] = self.alpha
        return whole

    def within(self, other: "Mask", size: int) -> "Mask":
        """The part of this mask that lies inside `other`, on a picture of `size` pixels."""
        return Mask(self.alpha * other.full(size)[self.box], self.left, self.top)


class Canvas:
    """A picture under construction, with a record of what is seen where.

    Attributes:
        size: side in pixels.
        pixels: (size, size, 3) float32 in [0, 1].
        owner: (size, size) uint8, the number of the part last drawn on each pixel, 0 for the surroundings.
    """

    def __init__(self, background: Floats) -> None:
        self.pixels = background.astype(np.float32)
        self.size = background.shape[0]
        self.owner = np.zeros(background.shape[:2], np.uint8)

    def mask(self, *polygons: Points, blur: float = 0.0) -> Mask:
        """Rasterise the union of polygons, each (points, 2) in [0, 1].

        `blur` is the radius, again a fraction of the side, by which edges are softened.
        """
        size = self.size
        margin = 2 + int(2.5 * blur * size)
        points = np.concatenate(polygons) * size
        left, top = np.clip(np.floor(points.min(0)).astype(int) - margin, 0, size - 1)
        right, bottom = np.clip(np.ceil(points.max(0)).astype(int) + margin, 1, size)
        width, height = max(right - left, 1), max(bottom - top, 1)
        fine = Image.new("L", (width * _OVERSAMPLING, height * _OVERSAMPLING))
        pen = ImageDraw.Draw(fine)
        for polygon in polygons:
            corners = (polygon * size - (left, top)) * _OVERSAMPLING - 0.5
            pen.polygon(corners.ravel().tolist(), fill=255)
        alpha = np.asarray(fine.reduce(_OVERSAMPLING), np.float32) / 255
        return Mask(blurred(alpha, blur * size) if blur else alpha, int(left), int(top))

    def fill(self, mask: Mask, colour: Floats, opacity: float = 1.0, part: int | None = None) -> None:
        """Lay a colour, (3,) or (height, width, 3), over the pixels under a mask.

        With `part`, 1 to 255, the well-covered pixels are recorded as that part's.
        """
        region = self.pixels[mask.box]
        region += (opacity * mask.alpha)[..., None] * (colour - region)
        if part is not None:
            self.owner[mask.box][mask.alpha > 0.5] = part

    def solid(
        self, mask: Mask, colour: Floats, light: Floats, radius: float, strength: float = 1.0, part: int | None = None
    ) -> None:
        """Fill a mask as a rounded body that is lit: see ``relief`` for `light` and `radius`, ``shaded`` for `strength`."""
        self.fill(mask, shaded(colour, relief(mask.alpha, light, radius), strength), part=part)

    def contour(self, mask: Mask, colour: Floats, radius: float, opacity: float) -> None:
        """Draw a thin line, about `radius` pixels wide, along the inner side of the edge of a surface of some colour."""
        inside = blurred(mask.alpha, radius)  # a half at the edge
        line = np.clip(2.4 * mask.alpha * (1 - inside), 0, 1)
        self.fill(Mask(line, mask.left, mask.top), ink(colour), opacity)

    def darken(self, mask: Mask, amount: float) -> None:
        """Multiply the pixels under the mask by ``1 - amount``."""
        self.pixels[mask.box] *= 1 - amount * mask.alpha[..., None]


# --- shading ---


def blurred(array: Floats, radius: float) -> Floats:
    """Gaussian blur of a (height, width) array in [0, 1], float32 with 8-bit precision; `radius` in pixels."""
    image = Image.fromarray((array * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(float(radius))), np.float32) / 255


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> NDArray[np.float32]:
    """Smooth noise of a (height, width) `shape` in about [-1, 1], with `cells` (rows, columns)."""
    grid = rng.uniform(-1, 1, cells).astype(np.float32)
    image = Image.fromarray(grid).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(image)


def relief(alpha: Floats, light: Floats, radius: float) -> Floats:
    """Shade of a soft body with the given outline: (height, width) in [-1, 1], 0 where it is flat.

    The blurred outline is taken as a height; slopes that face the light are positive, the others negative.

    Args:
        alpha: (height, width) coverage in [0, 1].
        light: (2,) unit vector towards the light.
        radius: how far from its edge the body is rounded, in pixels.
    """
    height = blurred(np.pad(alpha, 1), radius)
    rows, columns = np.gradient(height)
    slope = -(columns * light[0] + rows * light[1]) * radius * 2.4
    return np.clip(slope, -1, 1)[1:-1, 1:-1]


def shaded(colour: Floats, shade: Floats, strength: float = 1.0) -> Floats:
    """Apply a (height, width) shade in [-1, 1], times `strength`, to a (3,) colour: (height, width, 3).

    Light colours darken less, for a shaded white must not become grey.
    """
    low = colour * (0.58 + 0.22 * luminance(colour))
    high = colour + (1 - colour) * (0.17 + 0.15 * luminance(colour))
    shade = np.clip(shade * strength, -1, 1)[..., None]
    return colour + np.maximum(shade, 0) * (high - colour) + np.minimum(shade, 0) * (colour - low)


def random_light(rng: np.random.Generator) -> Points:
    """(2,) unit vector towards the light, from somewhere above."""
    angle = rng.uniform(-2.5, -0.64)
    return np.array([np.cos(angle), np.sin(angle)])


# --- the finished picture ---


def finished(canvas: Canvas, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Expose and develop the canvas: (size, size, 3) uint8.

    Adds a mild cast of colour and exposure, a vignette, a slight blur and a fine grain.
    """
    size = canvas.size
    offset = np.linspace(-1, 1, size) ** 2
    vignette = 1 - rng.uniform(0, 0.09) * (offset[:, None] + offset)
    gain = rng.uniform(0.95, 1.05) * rng.uniform(0.975, 1.025, 3)
    pixels = canvas.pixels * vignette[..., None].astype(np.float32) * gain.astype(np.float32)
    pixels += (0.008 * rng.standard_normal((size, size), np.float32))[..., None]
    image = Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.0, 0.0025)) * size))
    return np.asarray(image)
