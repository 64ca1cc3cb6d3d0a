"""Out-of-focus surroundings of a subject: foliage, sky, water, and plains on which something can stand.

Each kind is a function of a random generator and a side in pixels that returns a (side, side, 3) picture.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFilter

from s2i_lib.datasets.rendered.canvas import noise
from s2i_lib.datasets.rendered.colours import tinted
from s2i_lib.datasets.rendered.shapes import Floats

Kind = Callable[[np.random.Generator, int], Floats]
_Choice = TypeVar("_Choice")


def _pick(rng: np.random.Generator, choices: Sequence[_Choice]) -> _Choice:
    return choices[int(rng.integers(len(choices)))]


def _gradient(top: ArrayLike, bottom: ArrayLike, side: int) -> Floats:
    """From one colour at the top to another at the bottom."""
    t = np.linspace(0, 1, side)[:, None, None]
    return np.broadcast_to((1 - t) * np.array(top) + t * np.array(bottom), (side, side, 3)).copy()


def _below(horizon: float, softness: float, side: int) -> Floats:
    """Weight (side, 1, 1) that passes from 0 to 1 at the horizon."""
    rows = np.linspace(0, 1, side)
    return np.clip((rows - horizon) / softness + 0.5, 0, 1)[:, None, None]


def _discs(
    picture: Floats,
    colours: Sequence[ArrayLike],
    count: int,
    rng: np.random.Generator,
    smallest: float = 0.03,
    largest: float = 0.13,
) -> Floats:
    """Scatter translucent discs of light, as a lens renders far highlights."""
    side = len(picture)
    image = Image.fromarray((picture.clip(0, 1) * 255).astype(np.uint8))
    pen = ImageDraw.Draw(image, "RGBA")
    for _ in range(count):
        x, y = rng.uniform(-0.05, 1.05, 2) * side
        radius = rng.uniform(smallest, largest) * side
        colour = tinted(_pick(rng, colours), rng, 0.05) * 255
        pen.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=(*colour.astype(int).tolist(), int(rng.integers(35, 120)))
        )
    return np.asarray(image, np.float32) / 255


def _foliage(rng: np.random.Generator, side: int) -> Floats:
    top, bottom, lights = _pick(
        rng,
        (
            ((0.56, 0.66, 0.42), (0.30, 0.42, 0.24), ((0.72, 0.78, 0.52), (0.42, 0.55, 0.32))),
            ((0.30, 0.38, 0.30), (0.20, 0.28, 0.22), ((0.46, 0.56, 0.42), (0.58, 0.62, 0.44))),
            ((0.72, 0.72, 0.56), (0.50, 0.52, 0.36), ((0.85, 0.82, 0.62), (0.56, 0.60, 0.40))),
            ((0.64, 0.55, 0.42), (0.42, 0.36, 0.27), ((0.78, 0.67, 0.46), (0.58, 0.50, 0.34))),
            ((0.66, 0.74, 0.72), (0.42, 0.52, 0.50), ((0.80, 0.86, 0.82), (0.54, 0.64, 0.60))),
        ),
    )
    picture = _gradient(tinted(top, rng), tinted(bottom, rng), side)
    picture += 0.07 * noise(rng, (side, side), (5, 5))[..., None]
    return _discs(picture, lights, int(rng.integers(14, 30)), rng)


def _sky(rng: np.random.Generator, side: int) -> Floats:
    top, bottom = _pick(
        rng,
        (
            ((0.42, 0.60, 0.80), (0.78, 0.87, 0.93)),
            ((0.62, 0.69, 0.78), (0.88, 0.88, 0.88)),
            ((0.58, 0.63, 0.78), (0.95, 0.83, 0.72)),
        ),
    )
    picture = _gradient(tinted(top, rng), tinted(bottom, rng), side)
    cloud = noise(rng, (side, side), (4, 3)) + 0.4 * noise(rng, (side, side), (12, 7))
    return picture + 0.7 * np.clip(cloud, 0, 1)[..., None] * (0.95 - picture)


def _water(rng: np.random.Generator, side: int) -> Floats:
    far, near = _pick(
        rng,
        (
            ((0.66, 0.76, 0.80), (0.32, 0.47, 0.55)),
            ((0.68, 0.74, 0.68), (0.34, 0.44, 0.40)),
            ((0.80, 0.76, 0.72), (0.46, 0.49, 0.56)),
        ),
    )
    picture = _gradient(tinted(far, rng), tinted(near, rng), side)
    ripples = noise(rng, (side, side), (26, 5)) + noise(rng, (side, side), (14, 3))
    depth = np.linspace(0.03, 0.085, side)[:, None]
    return picture + (depth * ripples)[..., None]


def _plain(rng: np.random.Generator, side: int, ground: ArrayLike, near: ArrayLike, sky: ArrayLike, far: ArrayLike) -> Floats:
    """Ground that recedes to a blurred line of trees or dunes under a sky."""
    horizon = rng.uniform(0.25, 0.45)
    picture = _gradient(tinted(sky, rng), tinted(np.array(sky) * 0.6 + 0.38, rng, 0.02), side)
    ridge = 0.05 * noise(rng, (1, side), (1, 6))[0] + 0.02 * noise(rng, (1, side), (1, 24))[0]
    rows = np.linspace(0, 1, side)[:, None]
    trees = np.clip((rows - horizon + 0.08 + ridge) / 0.06, 0, 1)[..., None]
    picture += trees * (tinted(far, rng) - picture)
    land = _gradient(tinted(ground, rng), tinted(near, rng), side)
    land += 0.05 * noise(rng, (side, side), (16, 5))[..., None]
    return picture + _below(horizon + 0.05, 0.07, side) * (land - picture)


def _sand(rng: np.random.Generator, side: int) -> Floats:
    return _plain(rng, side, (0.80, 0.72, 0.58), (0.70, 0.60, 0.46), (0.66, 0.76, 0.84), (0.62, 0.62, 0.58))


def _snow(rng: np.random.Generator, side: int) -> Floats:
    return _plain(rng, side, (0.80, 0.84, 0.89), (0.70, 0.76, 0.84), (0.70, 0.76, 0.83), (0.47, 0.54, 0.60))


def _meadow(rng: np.random.Generator, side: int) -> Floats:
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


GROUNDS: tuple[Kind, ...] = (_sand, _snow, _meadow)  # plains on which something can stand
# Foliage is listed thrice because it is the most varied of them.
LANDSCAPES: tuple[Kind, ...] = (_foliage, _foliage, _foliage, _sky, _water, *GROUNDS)
GARDENS: tuple[Kind, ...] = (_foliage, _foliage, _foliage, _meadow, _sky)


def background(rng: np.random.Generator, size: int, kinds: Sequence[Kind]) -> Floats:
    """An out-of-focus landscape in muted colours, so that the subject stands out.

    Args:
        rng: source of its kind and of everything in it.
        size: side in pixels.
        kinds: ``GROUNDS``, ``LANDSCAPES``, ``GARDENS`` or functions of your own.

    Returns:
        (size, size, 3) float32 in [0, 1].
    """
    landscape = _pick(rng, kinds)
    side = 128  # coarse on purpose: enlarging it gives the blur for nothing
    coarse = (landscape(rng, side).clip(0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(coarse).filter(ImageFilter.GaussianBlur(float(rng.uniform(0.8, 2.2))))
    image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32) / 255
