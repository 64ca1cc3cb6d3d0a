"""The parts of a bird, from legs and tail, which are behind, to bill and eye."""

import numpy as np

from s2i_lib.datasets.rendered.bird_drawing import PARTS, BirdDrawing
from s2i_lib.datasets.rendered.bird_plumage import draw_breast_pattern, draw_coverts, draw_wing_bars, scallops
from s2i_lib.datasets.rendered.bird_pose import (
    BACK,
    BILL_LENGTH,
    BODY,
    CHIN,
    EYE,
    HEAD,
    HIPS,
    WING,
    bill_outlines,
    crest_feathers,
    feet,
    tail_feathers,
)
from s2i_lib.datasets.rendered.canvas import Mask
from s2i_lib.datasets.rendered.colours import darker, ink, jittered, luminance
from s2i_lib.datasets.rendered.shapes import ellipse, ribbon, spline

_WING_TIP = (-0.385, 0.22)
# the long feathers of the wing: where each begins, and how far it sags on its way to the tip
_PRIMARIES = (
    ((-0.03, -0.02), 0.0),
    ((-0.02, 0.03), 0.012),
    ((-0.01, 0.08), 0.022),
    ((0.0, 0.125), 0.026),
    ((0.02, 0.165), 0.024),
)


def draw_body(drawing: BirdDrawing) -> None:
    """Draw the whole bird, one part over the other."""
    _draw_legs(drawing)
    _draw_tail(drawing)
    body = _draw_trunk(drawing)
    draw_breast_pattern(drawing, body)
    _draw_back(drawing, body)
    _draw_wing(drawing, body)
    _draw_crest(drawing)
    _draw_head(drawing, body)
    _draw_bill(drawing)
    _draw_eye(drawing)


def _draw_legs(drawing: BirdDrawing) -> None:
    scale = drawing.pose.scale
    tone = np.array((0.33, 0.25, 0.21))
    shapes = []
    for hip, foot in zip(HIPS, feet(drawing.pose)):
        top = drawing.pose.place(hip) - (0, 0.02 * scale)
        shapes.append(ribbon([top, (top + foot) / 2, foot], 0.030 * scale, 0.020 * scale))
        for reach in (-0.045, 0.03, 0.06):
            toe = foot + (reach * scale * drawing.pose.mirror, 0.014 * scale)
            shapes.append(ribbon([foot, (foot + toe) / 2 - (0, 0.008 * scale), toe], 0.020 * scale, 0.010 * scale))
    drawing.canvas.fill(drawing.canvas.mask(*shapes), tone)


def _draw_tail(drawing: BirdDrawing) -> None:
    colour = drawing.colour["tail"]
    for feather in tail_feathers(drawing.spread):
        polygon = drawing.pose.place(feather)
        mask = drawing.canvas.mask(polygon)
        drawing.plumage(mask, colour, "tail", 0.03, 0.55)
        half = len(polygon) // 2
        shaft = (polygon[:half] + polygon[: half - 1 : -1]) / 2
        drawing.lines([shaft], ink(colour), 0.009, 0.5, mask)
        drawing.outline(polygon, colour, 0.010)


def _draw_trunk(drawing: BirdDrawing) -> Mask:
    """Breast and belly; returns the mask of the whole body."""
    polygon = drawing.pose.place(spline(BODY))
    mask = drawing.canvas.mask(polygon)
    drawing.plumage(mask, drawing.colour["breast"], "breast", 0.07)
    drawing.outline(polygon, drawing.colour["breast"])
    return mask


def _draw_back(drawing: BirdDrawing, body: Mask) -> None:
    colour = drawing.colour["back"]
    size = drawing.canvas.size
    polygon = drawing.pose.place(spline(BACK))
    mask = drawing.canvas.mask(polygon, blur=0.008 * drawing.pose.scale).within(body, size)
    drawing.plumage(mask, colour, "back", 0.05, 0.7)
    edges = [drawing.pose.place(arc) for arc in scallops()]
    drawing.lines(edges, ink(colour), 0.015, 0.9, mask)
    contour = drawing.pose.place(spline(BODY))
    edge = drawing.canvas.mask(ribbon(contour, *(0.016 * drawing.pose.scale,) * 2))
    drawing.canvas.fill(edge.within(mask, size), ink(colour), 0.8)


def _draw_wing(drawing: BirdDrawing, body: Mask) -> None:
    colour, pose, canvas = drawing.colour["wing"], drawing.pose, drawing.canvas
    polygon = pose.place(spline(WING))
    shadow = canvas.mask(polygon + (0, 0.022 * pose.scale), blur=0.014 * pose.scale)
    canvas.darken(shadow.within(body, canvas.size), 0.42)
    mask = canvas.mask(polygon)
    drawing.plumage(mask, colour, "wing", 0.04, 0.8)
    tip = np.array(_WING_TIP)
    primaries = [
        pose.place(spline(np.stack([root, (root + tip) / 2 + (0.0, sag), tip + (0.02 * i, 0.0)]), closed=False))
        for i, (root, sag) in enumerate((np.array(root), sag) for root, sag in _PRIMARIES)
    ]
    drawing.lines(primaries, ink(colour), 0.022, 0.9, mask)
    draw_coverts(drawing, mask)
    draw_wing_bars(drawing, mask)
    drawing.outline(polygon, colour, 0.014)


def _draw_crest(drawing: BirdDrawing) -> None:
    if drawing.attributes["crest"] == "none":
        return
    colour = drawing.colour["crown"]
    for feather in reversed(crest_feathers()):
        polygon = drawing.pose.place_head(feather)
        drawing.plumage(drawing.canvas.mask(polygon), colour, "crest", 0.03, 0.6)
        drawing.outline(polygon, colour, 0.010)


def _draw_head(drawing: BirdDrawing, body: Mask) -> None:
    """The hood in the crown's colour, and a chin in that of the breast."""
    colour, pose, canvas = drawing.colour["crown"], drawing.pose, drawing.canvas
    polygon = pose.place_head(spline(HEAD))
    mask = canvas.mask(polygon)
    canvas.darken(canvas.mask(polygon, blur=0.02 * pose.scale).within(body, canvas.size), 0.3)
    drawing.plumage(mask, colour, "crown", 0.055)
    drawing.outline(polygon, colour, fading=body)
    chin = canvas.mask(pose.place_head(spline(CHIN)), blur=0.01 * pose.scale)
    canvas.fill(chin.within(mask, canvas.size), darker(drawing.colour["breast"], 0.06), part=PARTS["breast"])


def _draw_bill(drawing: BirdDrawing) -> None:
    colour = jittered(drawing.attributes["bill_colour"], drawing.rng)
    length = BILL_LENGTH[drawing.attributes["bill_length"]]
    upper, lower = (drawing.pose.place_head(outline) for outline in bill_outlines(length))
    for polygon, tone in ((lower, darker(colour, 0.2)), (upper, colour)):
        mask = drawing.canvas.mask(polygon)
        drawing.canvas.solid(mask, tone, drawing.light, 0.02 * drawing.unit, 0.6, PARTS["bill"])
        drawing.outline(polygon, colour, 0.008)


def _draw_eye(drawing: BirdDrawing) -> None:
    pose, canvas = drawing.pose, drawing.canvas
    head = drawing.colour["crown"]
    ring = head + 0.45 * (1 - head) if luminance(head) < 0.5 else darker(head, 0.35)
    for radius, shift, colour in (
        (0.044, (0, 0), ring),
        (0.034, (0, 0), np.full(3, 0.05)),
        (0.011, (0.010, -0.012), np.full(3, 0.98)),
    ):
        disc = ellipse(EYE + shift, (radius, radius))
        canvas.fill(canvas.mask(pose.place_head(disc)), colour)
