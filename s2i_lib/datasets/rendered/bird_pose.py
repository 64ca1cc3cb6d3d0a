"""The shape of a bird and how it holds itself: outlines in its own units, and its place in the picture."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from s2i_lib.datasets.rendered.shapes import Floats, Points, ribbon, rotation, spline

# Outlines of a bird that looks to the right, in units of its length from bill
# base to tail tip; the origin is the middle of the body, y points down.
BODY = (
    (0.13, -0.31),
    (0.00, -0.265),
    (-0.16, -0.165),
    (-0.31, 0.01),
    (-0.31, 0.13),
    (-0.19, 0.26),
    (0.00, 0.335),
    (0.18, 0.285),
    (0.305, 0.12),
    (0.34, -0.07),
    (0.31, -0.24),
)
BACK = (
    (0.215, -0.50),
    (0.185, -0.20),
    (0.15, -0.06),
    (0.08, 0.03),
    (-0.10, 0.10),
    (-0.26, 0.17),
    (-0.50, 0.12),
    (-0.40, -0.30),
)
WING = (
    (0.155, 0.045),
    (0.115, -0.035),
    (0.02, -0.055),
    (-0.12, 0.005),
    (-0.26, 0.105),
    (-0.42, 0.235),
    (-0.29, 0.27),
    (-0.14, 0.275),
    (0.01, 0.25),
    (0.115, 0.15),
)
HEAD = (
    (0.245, -0.465),
    (0.335, -0.44),
    (0.395, -0.355),
    (0.40, -0.275),
    (0.365, -0.19),
    (0.27, -0.125),
    (0.12, -0.11),
    (0.03, -0.185),
    (0.08, -0.335),
    (0.15, -0.435),
)
CHIN = ((0.43, -0.245), (0.345, -0.235), (0.275, -0.175), (0.22, -0.10), (0.40, -0.10))
_NECK = np.array((0.22, -0.22))
EYE = np.array((0.315, -0.335))
_BILL_BASE = np.array((0.385, -0.285))
HIPS = ((0.045, 0.285), (-0.055, 0.295))

_BODY_SPAN = {"small": (0.62, 0.66), "large": (0.80, 0.84)}  # of the frame, without bill
BILL_LENGTH = {"short": 0.10, "long": 0.21}
# Small birds have relatively larger heads; it also keeps their parts legible.
_HEAD_SCALE = {"small": 1.14, "large": 1.0}


@dataclass(frozen=True)
class Pose:
    """Where the bird is and how it holds itself: bird units to picture units.

    Attributes:
        scale: picture units in one bird unit.
        mirror: 1 if it looks to the right, -1 to the left.
        tilt, nod: turn of the body, and further turn of the head, in radians.
        head_scale: size of the head, 1 for that of a large bird.
        stance: how far apart the feet are, 1 for an even perch.
        origin: (2,) place of the middle of the body.
    """

    scale: float
    mirror: float
    tilt: float
    nod: float
    head_scale: float
    stance: float
    origin: Floats

    def place(self, points: ArrayLike) -> Points:
        """Position in the picture of points of the body, (..., 2)."""
        turned = np.asarray(points, np.float64) @ rotation(self.tilt).T
        return turned * (self.scale * self.mirror, self.scale) + self.origin

    def place_head(self, points: ArrayLike) -> Points:
        """The same for points of the head, which turns about the neck."""
        turned = (np.asarray(points, np.float64) - _NECK) @ rotation(self.nod).T
        return self.place(turned * self.head_scale + _NECK)


def random_pose(attributes: dict[str, str], stance: float, rng: np.random.Generator) -> Pose:
    """A pose in which the whole bird, with bill and crest, is in the picture."""
    size = attributes["size"]
    pose = Pose(
        1.0, rng.choice((-1.0, 1.0)), rng.uniform(-0.16, 0.20), rng.uniform(-0.22, 0.20), _HEAD_SCALE[size], stance, np.zeros(2)
    )
    body = np.concatenate([pose.place(BODY), *map(pose.place, tail_feathers(0.2))] + [pose.place_head(HEAD)])
    scale = rng.uniform(*_BODY_SPAN[size]) / np.ptp(body[:, 0])
    extras = list(bill_outlines(BILL_LENGTH[attributes["bill_length"]]))
    if attributes["crest"] == "crested":
        extras += crest_feathers()
    points = np.concatenate([body] + [pose.place_head(p) for p in extras]) * scale
    low, high = points.min(0), points.max(0)
    room = np.maximum(0.97 - (high - low) - (0.0, 0.12), 0)
    corner = (0.015, 0.02) + room * rng.uniform(0.25, 0.75, 2)
    return replace(pose, scale=scale, origin=corner - low)


def bill_outlines(length: float) -> tuple[Points, Points]:
    """Upper and lower mandible in bird units."""
    x, y = _BILL_BASE
    tip = (x + length, y + 0.035 + 0.10 * length)
    upper = [(x - 0.03, y - 0.058), (x + 0.45 * length, y - 0.036), tip, (x - 0.03, y + 0.014)]
    lower = [
        (x - 0.03, y + 0.010),
        (x + 0.5 * length, y + 0.022),
        (tip[0] - 0.02, tip[1] + 0.004),
        (x + 0.4 * length, y + 0.060),
        (x - 0.03, y + 0.052),
    ]
    return (
        np.array(spline(upper[:3], closed=False, steps=5).tolist() + [upper[3]]),
        np.array(lower[:3] + spline(lower[2:], closed=False, steps=5).tolist()),
    )


def crest_feathers() -> list[Points]:
    """A fan of pointed feathers on the head, in bird units."""
    feathers = []
    for root, tip, width in (
        ((0.29, -0.40), (0.20, -0.665), 0.105),
        ((0.25, -0.40), (0.10, -0.655), 0.115),
        ((0.20, -0.38), (0.00, -0.595), 0.115),
        ((0.16, -0.34), (-0.06, -0.500), 0.105),
    ):
        bend = (np.add(root, tip) / 2 + (0.035, -0.03)).tolist()
        feathers.append(ribbon(spline([root, bend, tip], closed=False), width, 0.004))
    return feathers


def tail_feathers(spread: float) -> list[Points]:
    """Overlapping straight feathers from the rump, in bird units."""
    feathers = []
    for angle in np.linspace(-spread, spread, 5):
        direction = rotation(angle) @ (-0.86, 0.51)
        side = np.array((0.51, 0.86)) * angle * 0.2
        root = np.array((-0.20, 0.085)) + side
        tip = root + direction * (0.55 - 0.12 * abs(angle))
        feathers.append(ribbon(spline([root, (root + tip) / 2, tip], closed=False, steps=5), 0.135, 0.12))
    return feathers


def feet(pose: Pose) -> list[Points]:
    """Where the two feet hold the perch, in picture units."""
    middle = pose.place(np.mean(HIPS, axis=0)) + (0.01 * pose.mirror, 0.115 * pose.scale)
    apart = 0.048 * pose.scale * pose.mirror * pose.stance
    return [middle + (apart, 0), middle - (apart, 0)]
