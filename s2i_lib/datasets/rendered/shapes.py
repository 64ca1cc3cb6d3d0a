"""Outlines of things: smooth curves, tapered strokes and ellipses, as polygons.

A polygon is an (n, 2) float64 array of corners, x to the right and y downwards. Its unit is whatever its drawing says: the side
of the picture, or the size of a bird that is turned and moved into the picture later.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating]  # float32 or float64
Points = NDArray[np.float64]  # (..., 2) or (..., 3) places


def spline(points: ArrayLike, closed: bool = True, steps: int = 8) -> Points:
    """Sample a smooth (Catmull-Rom) curve.

    Args:
        points: (n, 2) places that the curve passes through.
        closed: does the curve return to its first point?
        steps: samples from one point to the next.

    Returns:
        (n * steps, 2) for a closed curve and ((n - 1) * steps + 1, 2) for an open one, whose ends are kept.
    """
    points = np.asarray(points, np.float64)
    before, after = (points[-1:], points[:2]) if closed else (points[:1], points[-1:])
    knots = np.concatenate([before, points, after])
    t = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = (knots[i : len(knots) - 3 + i, None] for i in range(4))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def ribbon(path: ArrayLike, start_width: float, end_width: float, swell: float = 0.0) -> Points:
    """Outline (2 * n, 2) of a stroke along an (n, 2) path whose width runs from one value to another.

    `swell` is added to the width at mid-length, which makes blades and leaves.
    """
    path = np.asarray(path, np.float64)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    t = np.linspace(0, 1, len(path))
    width = start_width + (end_width - start_width) * t + swell * np.sin(np.pi * t) ** 0.8
    aside = along[:, ::-1] * (-1, 1) * width[:, None] / 2
    return np.concatenate([path + aside, (path - aside)[::-1]])


def ellipse(centre: ArrayLike, radii: ArrayLike, angle: float = 0.0, steps: int = 24) -> Points:
    """Outline (steps, 2) of an ellipse whose two radii are along x and y before it is turned by `angle` radians."""
    t = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    points = np.stack([np.cos(t), np.sin(t)], 1) * np.asarray(radii)
    return points @ rotation(angle).T + np.asarray(centre)


def rotation(angle: float) -> Points:
    """The (2, 2) matrix that turns column vectors by `angle` radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
