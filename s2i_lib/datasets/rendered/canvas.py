"""Tools for drawing small naturalistic scenes with NumPy and Pillow.

A drawing is a :class:`Canvas` of floating point pixels on which shapes are
laid one over the other.  Shapes are polygons, most often sampled from a smooth
curve (:func:`spline`) or from a tapered stroke (:func:`ribbon`); they are
rasterised four times finer than the picture and reduced, which is what makes
their edges smooth.  All coordinates are fractions of the picture's side, with
x to the right and y downwards, so that a drawing does not depend on its size.

The module also holds what is common to all subjects: nameable colours,
out-of-focus backgrounds, foreground plants that hide a little of the subject,
and the final touch of light, blur and grain.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

_OVERSAMPLING = 4

# Chosen to stay apart in lightness or hue after shading and jitter: brown is
# dark enough not to be a shaded orange, grey is half-way between the others.
PALETTE: dict[str, tuple[float, float, float]] = {
    "black": (0.09, 0.09, 0.11),
    "white": (0.97, 0.97, 0.95),
    "grey": (0.55, 0.56, 0.58),
    "brown": (0.43, 0.25, 0.12),
    "red": (0.83, 0.09, 0.12),
    "orange": (0.97, 0.51, 0.07),
    "yellow": (0.99, 0.86, 0.16),
    "green": (0.15, 0.57, 0.21),
    "blue": (0.12, 0.35, 0.84),
    "purple": (0.53, 0.19, 0.65),
    "pink": (0.97, 0.55, 0.72),
}


@dataclass(frozen=True)
class Mask:
    """Coverage of a shape inside its bounding box.

    ``alpha`` is ``(height, width)`` float32 in [0, 1]; its upper left pixel is
    at column ``left`` and row ``top`` of the picture.
    """

    alpha: np.ndarray
    left: int
    top: int

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the picture that the mask covers."""
        height, width = self.alpha.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def full(self, size: int) -> np.ndarray:
        """The coverage on the whole picture, ``(size, size)`` float32."""
        whole = np.zeros((size, size), np.float32)
        whole[self.box] = self.alpha
        return whole

    def within(self, other: Mask, size: int) -> Mask:
        """The part of this mask that lies inside ``other``."""
        return Mask(self.alpha * other.full(size)[self.box], self.left, self.top)


class Canvas:
    """A picture under construction, with a record of what is seen where.

    ``pixels`` is ``(size, size, 3)`` float32 in [0, 1]; ``owner`` is
    ``(size, size)`` uint8 and holds the number of the part last painted on
    each pixel, 0 for the surroundings.
    """

    def __init__(self, background: np.ndarray):
        self.pixels = background.astype(np.float32)
        self.size = background.shape[0]
        self.owner = np.zeros(background.shape[:2], np.uint8)

    def mask(self, *polygons: np.ndarray, blur: float = 0.0) -> Mask:
        """Rasterise the union of polygons, each ``(points, 2)`` in [0, 1].

        ``blur`` is the radius, again in [0, 1], by which edges are softened.
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

    def paint(self, mask: Mask, colour: np.ndarray, opacity: float = 1.0, part: int | None = None) -> None:
        """Lay a colour, ``(3,)`` or ``(height, width, 3)``, over the pixels.

        With ``part`` the well-covered pixels are recorded as that part's.
        """
        region = self.pixels[mask.box]
        region += (opacity * mask.alpha)[..., None] * (colour - region)
        if part is not None:
            self.owner[mask.box][mask.alpha > 0.5] = part

    def darken(self, mask: Mask, amount: float) -> None:
        """Multiply the pixels under the mask by ``1 - amount``."""
        self.pixels[mask.box] *= 1 - amount * mask.alpha[..., None]


def spline(points, closed: bool = True, steps: int = 8) -> np.ndarray:
    """Sample a smooth (Catmull-Rom) curve through ``(n, 2)`` points.

    Returns ``(n * steps, 2)`` float64 for a closed curve and
    ``((n - 1) * steps + 1, 2)`` for an open one, whose ends are kept.
    """
    points = np.asarray(points, float)
    if closed:
        knots = np.concatenate([points[-1:], points, points[:2]])
    else:
        knots = np.concatenate([points[:1], points, points[-1:]])
    t = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = (knots[i : len(knots) - 3 + i, None] for i in range(4))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def ribbon(path: np.ndarray, start_width: float, end_width: float, swell: float = 0.0) -> np.ndarray:
    """Outline of a stroke along ``path`` whose width runs between two values.

    ``swell`` is added at mid-length, which makes blades and leaves.  Returns
    ``(2 * len(path), 2)``.
    """
    path = np.asarray(path, float)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    t = np.linspace(0, 1, len(path))
    width = start_width + (end_width - start_width) * t + swell * np.sin(np.pi * t) ** 0.8
    aside = along[:, ::-1] * (-1, 1) * width[:, None] / 2
    return np.concatenate([path + aside, (path - aside)[::-1]])


def ellipse(centre, radii, angle: float = 0.0, steps: int = 24) -> np.ndarray:
    """Outline ``(steps, 2)`` of an ellipse turned by ``angle`` radians."""
    t = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    points = np.stack([np.cos(t), np.sin(t)], 1) * radii
    return points @ rotation(angle).T + centre


def rotation(angle: float) -> np.ndarray:
    """The 2 x 2 matrix that turns column vectors by ``angle`` radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def blurred(array: np.ndarray, radius: float) -> np.ndarray:
    """Gaussian blur of a ``(height, width)`` array in [0, 1] (8-bit precision)."""
    image = Image.fromarray((array * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(float(radius))), np.float32) / 255


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """Smooth noise of ``shape`` in about [-1, 1], with ``cells`` (rows, columns)."""
    grid = rng.uniform(-1, 1, cells).astype(np.float32)
    image = Image.fromarray(grid).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(image)


def jittered(name: str, rng: np.random.Generator) -> np.ndarray:
    """A specimen's own version of a palette colour, ``(3,)`` in [0, 1].

    The lightness varies by 6 % and each channel by 2 %: little enough for
    every colour to keep its name.
    """
    colour = np.array(PALETTE[name]) * rng.uniform(0.94, 1.06)
    return np.clip(colour * rng.uniform(0.98, 1.02, 3) + rng.uniform(-0.012, 0.012, 3), 0.02, 0.99)


def darker(colour: np.ndarray, amount: float = 0.45) -> np.ndarray:
    """The colour of an outline or a fold on a surface of the given colour."""
    return np.asarray(colour) * (1 - amount)


def ink(colour: np.ndarray) -> np.ndarray:
    """Colour of contours and fine lines on a surface: darker, or lighter on black."""
    if luminance(colour) < 0.16:
        return np.asarray(colour) + 0.20
    return darker(colour, 0.48)


def luminance(colour: np.ndarray) -> float:
    """Perceived lightness of an RGB colour, in [0, 1]."""
    return float(np.dot(colour, (0.3, 0.59, 0.11)))


def relief(alpha: np.ndarray, light: np.ndarray, radius: float) -> np.ndarray:
    """Shade of a soft body with the given outline, in [-1, 1], 0 when flat.

    The blurred outline is taken as a height; slopes that face ``light`` (a
    unit vector towards the light) are positive, the others negative.
    """
    height = blurred(np.pad(alpha, 1), radius)
    rows, columns = np.gradient(height)
    slope = -(columns * light[0] + rows * light[1]) * radius * 2.4
    return np.clip(slope, -1, 1)[1:-1, 1:-1]


def shaded(colour: np.ndarray, shade: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """Apply a shade in [-1, 1] to a colour: ``(height, width, 3)``.

    Light colours darken less, for a shaded white must not become grey.
    """
    low = colour * (0.58 + 0.22 * luminance(colour))
    high = colour + (1 - colour) * (0.17 + 0.15 * luminance(colour))
    shade = np.clip(shade * strength, -1, 1)[..., None]
    return colour + np.maximum(shade, 0) * (high - colour) + np.minimum(shade, 0) * (colour - low)


# ---------------------------------------------------------------- backgrounds


def _gradient(top, bottom, side: int) -> np.ndarray:
    t = np.linspace(0, 1, side)[:, None, None]
    return np.broadcast_to((1 - t) * np.array(top) + t * np.array(bottom), (side, side, 3)).copy()


def _below(horizon: float, softness: float, side: int) -> np.ndarray:
    """Weight ``(side, 1, 1)`` that passes from 0 to 1 at the horizon."""
    rows = np.linspace(0, 1, side)
    return np.clip((rows - horizon) / softness + 0.5, 0, 1)[:, None, None]


def _tinted(colour, rng: np.random.Generator, spread: float = 0.04) -> np.ndarray:
    return np.clip(np.array(colour) + rng.uniform(-spread, spread, 3), 0, 1)


def _pick(rng: np.random.Generator, *choices):
    return choices[rng.integers(len(choices))]


def _discs(
    picture: np.ndarray, colours, count: int, rng: np.random.Generator, smallest: float = 0.03, largest: float = 0.13
) -> np.ndarray:
    """Scatter translucent discs of light, as a lens renders far highlights."""
    side = len(picture)
    image = Image.fromarray((picture.clip(0, 1) * 255).astype(np.uint8))
    pen = ImageDraw.Draw(image, "RGBA")
    for _ in range(count):
        x, y = rng.uniform(-0.05, 1.05, 2) * side
        radius = rng.uniform(smallest, largest) * side
        colour = _tinted(_pick(rng, *colours), rng, 0.05) * 255
        pen.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=(*colour.astype(int).tolist(), int(rng.integers(35, 120)))
        )
    return np.asarray(image, np.float32) / 255


def _foliage(rng: np.random.Generator, side: int) -> np.ndarray:
    top, bottom, lights = _pick(
        rng,
        ((0.56, 0.66, 0.42), (0.30, 0.42, 0.24), ((0.72, 0.78, 0.52), (0.42, 0.55, 0.32))),
        ((0.30, 0.38, 0.30), (0.20, 0.28, 0.22), ((0.46, 0.56, 0.42), (0.58, 0.62, 0.44))),
        ((0.72, 0.72, 0.56), (0.50, 0.52, 0.36), ((0.85, 0.82, 0.62), (0.56, 0.60, 0.40))),
        ((0.64, 0.55, 0.42), (0.42, 0.36, 0.27), ((0.78, 0.67, 0.46), (0.58, 0.50, 0.34))),
        ((0.66, 0.74, 0.72), (0.42, 0.52, 0.50), ((0.80, 0.86, 0.82), (0.54, 0.64, 0.60))),
    )
    picture = _gradient(_tinted(top, rng), _tinted(bottom, rng), side)
    picture += 0.07 * noise(rng, (side, side), (5, 5))[..., None]
    return _discs(picture, lights, int(rng.integers(14, 30)), rng)


def _sky(rng: np.random.Generator, side: int) -> np.ndarray:
    top, bottom = _pick(
        rng,
        ((0.42, 0.60, 0.80), (0.78, 0.87, 0.93)),
        ((0.62, 0.69, 0.78), (0.88, 0.88, 0.88)),
        ((0.58, 0.63, 0.78), (0.95, 0.83, 0.72)),
    )
    picture = _gradient(_tinted(top, rng), _tinted(bottom, rng), side)
    cloud = noise(rng, (side, side), (4, 3)) + 0.4 * noise(rng, (side, side), (12, 7))
    return picture + 0.7 * np.clip(cloud, 0, 1)[..., None] * (0.95 - picture)


def _water(rng: np.random.Generator, side: int) -> np.ndarray:
    far, near = _pick(
        rng,
        ((0.66, 0.76, 0.80), (0.32, 0.47, 0.55)),
        ((0.68, 0.74, 0.68), (0.34, 0.44, 0.40)),
        ((0.80, 0.76, 0.72), (0.46, 0.49, 0.56)),
    )
    picture = _gradient(_tinted(far, rng), _tinted(near, rng), side)
    ripples = noise(rng, (side, side), (26, 5)) + noise(rng, (side, side), (14, 3))
    depth = np.linspace(0.03, 0.085, side)[:, None]
    return picture + (depth * ripples)[..., None]


def _plain(rng: np.random.Generator, side: int, ground, near, sky, far) -> np.ndarray:
    """Ground that recedes to a blurred line of trees or dunes under a sky."""
    horizon = rng.uniform(0.25, 0.45)
    picture = _gradient(_tinted(sky, rng), _tinted(np.array(sky) * 0.6 + 0.38, rng, 0.02), side)
    ridge = 0.05 * noise(rng, (1, side), (1, 6))[0] + 0.02 * noise(rng, (1, side), (1, 24))[0]
    rows = np.linspace(0, 1, side)[:, None]
    trees = np.clip((rows - horizon + 0.08 + ridge) / 0.06, 0, 1)[..., None]
    picture += trees * (_tinted(far, rng) - picture)
    land = _gradient(_tinted(ground, rng), _tinted(near, rng), side)
    land += 0.05 * noise(rng, (side, side), (16, 5))[..., None]
    return picture + _below(horizon + 0.05, 0.07, side) * (land - picture)


def _sand(rng: np.random.Generator, side: int) -> np.ndarray:
    return _plain(rng, side, (0.80, 0.72, 0.58), (0.70, 0.60, 0.46), (0.66, 0.76, 0.84), (0.62, 0.62, 0.58))


def _snow(rng: np.random.Generator, side: int) -> np.ndarray:
    return _plain(rng, side, (0.80, 0.84, 0.89), (0.70, 0.76, 0.84), (0.70, 0.76, 0.83), (0.47, 0.54, 0.60))


def _meadow(rng: np.random.Generator, side: int) -> np.ndarray:
    picture = _plain(rng, side, (0.60, 0.67, 0.40), (0.38, 0.49, 0.25), (0.70, 0.80, 0.87), (0.36, 0.46, 0.36))
    flowers = _discs(
        picture,
        ((0.86, 0.84, 0.70), (0.76, 0.78, 0.52), (0.78, 0.68, 0.72)),
        int(rng.integers(8, 22)),
        rng,
        smallest=0.012,
        largest=0.04,
    )
    return picture + _below(0.5, 0.1, side) * (flowers - picture)


GROUNDS = (_sand, _snow, _meadow)  # plains on which something can stand
# Foliage is listed thrice because it is the most varied of them.
LANDSCAPES = (_foliage, _foliage, _foliage, _sky, _water, *GROUNDS)
GARDENS = (_foliage, _foliage, _foliage, _meadow, _sky)


def background(rng: np.random.Generator, size: int, kinds) -> np.ndarray:
    """An out-of-focus landscape, ``(size, size, 3)`` float32 in [0, 1].

    ``kinds`` is :data:`GROUNDS`, :data:`LANDSCAPES` or :data:`GARDENS`.
    Colours are muted so that the subject stands out.
    """
    paint = _pick(rng, *kinds)
    side = 128  # coarse on purpose: enlarging it gives the blur for nothing
    coarse = (paint(rng, side).clip(0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(coarse).filter(ImageFilter.GaussianBlur(float(rng.uniform(0.8, 2.2))))
    image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32) / 255


# --------------------------------------------------------------------- plants


def paint_leaf(canvas: Canvas, base, tip, width: float, colour: np.ndarray, light: np.ndarray) -> None:
    """Paint one leaf with a midrib between two points."""
    base, tip = np.asarray(base, float), np.asarray(tip, float)
    aside = (tip - base)[::-1] * (-1, 1)
    path = spline([base, (base + tip) / 2 + 0.12 * aside, tip], closed=False)
    mask = canvas.mask(ribbon(path, 0.004, 0.001, swell=width))
    canvas.paint(mask, shaded(colour, relief(mask.alpha, light, 3 + width * 0.2 * canvas.size)))
    rib = canvas.mask(ribbon(path, 0.006, 0.002))
    canvas.paint(rib.within(mask, canvas.size), colour + 0.25 * (1 - colour), 0.5)


def leaf_colour(rng: np.random.Generator) -> np.ndarray:
    """A muted leaf colour: green, olive, yellowish or dry, ``(3,)``."""
    return _tinted(
        _pick(rng, (0.36, 0.50, 0.24), (0.28, 0.42, 0.26), (0.50, 0.56, 0.28), (0.44, 0.50, 0.36), (0.58, 0.50, 0.34)), rng
    )


def _leaf_ahead(target, rng: np.random.Generator) -> list[np.ndarray]:
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.16, 0.26)
    step = length * np.array([np.cos(angle), np.sin(angle)])
    path = spline([target, target + step / 2 + 0.12 * step[::-1] * (-1, 1), target + step], closed=False)
    return [ribbon(path, 0.004, 0.002, swell=0.4 * length)]


def _twig_ahead(target, rng: np.random.Generator) -> list[np.ndarray]:
    angle = rng.uniform(0, 2 * np.pi)
    step = np.array([np.cos(angle), np.sin(angle)])
    start, end = target - 0.15 * step, target + 1.2 * step
    bend = (start + end) / 2 + rng.uniform(-0.08, 0.08, 2)
    return [ribbon(spline([start, bend, end], closed=False), 0.008, 0.024)]


def _grass_ahead(target, rng: np.random.Generator) -> list[np.ndarray]:
    blades = []
    for _ in range(rng.integers(2, 5)):
        tip = target + rng.uniform(-0.1, 0.1, 2)
        root = np.array([tip[0] + rng.uniform(-0.15, 0.15), 1.05])
        bend = (tip + root) / 2 + (rng.uniform(-0.05, 0.05), 0)
        blades.append(ribbon(spline([root, bend, tip], closed=False), 0.026, 0.002))
    return blades


def paint_foreground(
    canvas: Canvas, rng: np.random.Generator, light: np.ndarray, limit: float = 0.22, attempts: int = 5
) -> None:
    """Let a blurred leaf, twig or some grass hide a little of the subject.

    A placement that would cover more than ``limit`` of any recorded part of
    the subject is refused; after ``attempts`` refusals nothing is painted.
    """
    areas = np.maximum(np.bincount(canvas.owner.ravel(), minlength=256), 1)
    rows, columns = np.nonzero(canvas.owner)
    for _ in range(attempts):
        pixel = rng.integers(len(rows))
        target = np.array([columns[pixel], rows[pixel]]) / canvas.size
        shapes = _pick(rng, _leaf_ahead, _twig_ahead, _grass_ahead)(target, rng)
        mask = canvas.mask(*shapes, blur=0.005)
        hidden = canvas.owner[mask.box][mask.alpha > 0.3]
        share = (np.bincount(hidden, minlength=256) / areas)[1:]
        if share.max() <= limit:
            colour = leaf_colour(rng)
            canvas.paint(mask, shaded(colour, relief(mask.alpha, light, 0.012 * canvas.size)), 0.96)
            return


# --------------------------------------------------------------------- finish


def random_light(rng: np.random.Generator) -> np.ndarray:
    """Unit vector towards the light, from somewhere above, ``(2,)``."""
    angle = rng.uniform(-2.5, -0.64)
    return np.array([np.cos(angle), np.sin(angle)])


def finished(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Expose and develop the canvas: ``(size, size, 3)`` uint8.

    Adds a mild cast of colour and exposure, a vignette, a slight blur and a
    fine grain.
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
