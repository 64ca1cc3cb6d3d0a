"""Colours with a name, and what becomes of them on a specimen: (3,) RGB in [0, 1]."""

import numpy as np
from numpy.typing import ArrayLike

from s2i_lib.datasets.rendered.shapes import Floats

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


def jittered(name: str, rng: np.random.Generator) -> Floats:
    """A specimen's own version of a palette colour.

    The lightness varies by 6 % and each channel by 2 %: little enough for every colour to keep its name.
    """
    colour = np.array(PALETTE[name]) * rng.uniform(0.94, 1.06)
    return np.clip(colour * rng.uniform(0.98, 1.02, 3) + rng.uniform(-0.012, 0.012, 3), 0.02, 0.99)


def tinted(colour: ArrayLike, rng: np.random.Generator, spread: float = 0.04) -> Floats:
    """A colour of the surroundings with each channel moved by up to `spread`."""
    return np.clip(np.array(colour) + rng.uniform(-spread, spread, 3), 0, 1)


def luminance(colour: ArrayLike) -> float:
    """Perceived lightness of a colour, in [0, 1]."""
    return float(np.dot(colour, (0.3, 0.59, 0.11)))


def darker(colour: Floats, amount: float = 0.45) -> Floats:
    """The colour of an outline or a fold on a surface of the given colour."""
    return np.asarray(colour) * (1 - amount)


def ink(colour: Floats) -> Floats:
    """Colour of contours and fine lines on a surface: darker, or lighter on black."""
    if luminance(colour) < 0.16:
        return np.asarray(colour) + 0.20
    return darker(colour, 0.48)
