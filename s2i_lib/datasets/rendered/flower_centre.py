"""The middle of a flower: a disc of florets, and stamens."""

import numpy as np

from s2i_lib.datasets.rendered.colours import ink
from s2i_lib.datasets.rendered.flower_drawing import PARTS, FlowerDrawing
from s2i_lib.datasets.rendered.shapes import ellipse, ribbon, rotation, spline

_CENTRE_RADIUS = 0.31


def draw_centre(drawing: FlowerDrawing) -> None:
    """A domed disc of many florets, which spiral outwards as in a sunflower."""
    canvas, colour, rng = drawing.canvas, drawing.colour["centre"], drawing.rng
    radius = _CENTRE_RADIUS * rng.uniform(0.95, 1.05)
    turns = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    bumps = radius * (1 + 0.03 * np.cos(22 * turns))
    polygon = drawing.pose.place(np.stack([np.cos(turns), np.sin(turns)], 1) * bumps[:, None])
    drawing.shadow(polygon, 0.55, 0.07)
    mask = canvas.mask(polygon)
    canvas.solid(mask, colour, drawing.light, 0.11 * drawing.unit, part=PARTS["centre"])
    florets = np.arange(6, 75)
    distance = 0.94 * radius * np.sqrt(florets / 75)
    spiral = np.stack([np.cos(2.39996 * florets), np.sin(2.39996 * florets)], 1)  # golden angle
    for shift, tone, opacity in ((0.0, ink(colour), 0.55), (-0.010, colour, 0.9)):
        dot = ellipse((shift, shift), (0.022, 0.022), steps=8)
        dots = drawing.pose.place((spiral * distance[:, None])[:, None] + dot)
        canvas.fill(canvas.mask(*dots).within(mask, canvas.size), tone, opacity)
    drawing.outline(mask, colour, 0.018)


def draw_stamens(drawing: FlowerDrawing) -> None:
    """Pale filaments that reach far over the petals, with dark anthers at their tips."""
    if drawing.attributes["stamens"] == "none":
        return
    rng, canvas, pose = drawing.rng, drawing.canvas, drawing.pose
    filaments, anthers = [], []
    for angle in np.arange(9) * 2 * np.pi / 9 + rng.uniform(0, 2 * np.pi):
        reach, bend = rng.uniform(0.54, 0.62), rng.uniform(-0.05, 0.05)
        turn = rotation(angle + rng.uniform(-0.12, 0.12)).T
        path = spline(np.array(((0.16, 0.0), (0.6 * reach, bend), (reach, 0.0))) @ turn, closed=False)
        filaments.append(pose.place(ribbon(path, 0.034, 0.026)))
        anthers.append(pose.place(ellipse(path[-1], (0.040, 0.062), angle)))
    for polygons, tone in ((filaments, np.array((0.95, 0.93, 0.76))), (anthers, np.array((0.42, 0.24, 0.09)))):
        mask = canvas.mask(*polygons)
        canvas.darken(
            canvas.mask(*[polygon - 0.02 * pose.scale * drawing.light for polygon in polygons], blur=0.02 * pose.scale), 0.5
        )
        canvas.fill(mask, tone, part=PARTS["stamens"])
        drawing.outline(mask, tone, 0.008, 0.7)
