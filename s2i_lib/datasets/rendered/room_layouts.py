"""Where things stand in each type of room."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from s2i_lib.datasets.rendered import room_furniture as furniture
from s2i_lib.datasets.rendered import room_kitchen as kitchen
from s2i_lib.datasets.rendered.room_perspective import Bounds, Interior
from s2i_lib.datasets.rendered.shapes import Floats

Piece = tuple[Callable[[Interior, Floats], None], float, float, float]  # what draws it, x, z and how far it is turned


@dataclass(frozen=True)
class Layout:
    """Where things stand in a room, in metres, see ``room_perspective``.

    Attributes:
        pieces: the room's own furniture.
        window: x of its middle.
        rug: its bounds in x and in z.
        decoration: x and y on the back wall.
        standing, hanging, plant: x and z of the lamps and of the plant, which are near the window in every room.
        sill: height of the window's lower edge.
    """

    pieces: tuple[Piece, ...]
    window: float
    rug: tuple[Bounds, Bounds]
    decoration: tuple[float, float]
    standing: tuple[float, float]
    hanging: tuple[float, float]
    plant: tuple[float, float]
    sill: float = 0.9


LAYOUTS = {
    "bedroom": Layout(
        ((furniture.draw_nightstand, -1.57, 0.5, 0.0), (furniture.draw_double_bed, -0.42, 2.05, 0.0)),
        window=1.2,
        rug=((0.0, 1.5), (1.25, 2.45)),
        decoration=(-0.42, 1.75),
        standing=(0.66, 0.35),
        hanging=(0.75, 1.2),
        plant=(1.5, 0.7),
    ),
    "dinette": Layout(
        (
            (kitchen.draw_fridge, -1.76, 0.62, 0.0),
            (kitchen.draw_kitchen_corner, -0.98, 0.52, 0.0),
            (furniture.draw_chair, -0.48, 1.5, 1.15),
            (furniture.draw_round_table, 0.22, 1.5, 0.0),
            (furniture.draw_chair, 0.92, 1.5, -1.15),
        ),
        window=1.22,
        rug=((-0.8, 1.25), (0.85, 2.35)),
        decoration=(-0.12, 1.75),
        standing=(0.4, 0.3),
        hanging=(0.5, 1.4),
        plant=(1.62, 0.6),
    ),
    "dining room": Layout(
        (
            (furniture.draw_sideboard, -0.95, 0.45, 0.0),
            *((furniture.draw_chair, x, 0.75, 0.0) for x in (-0.8, -0.12, 0.56)),
            (furniture.draw_chair, -1.36, 1.35, 1.5),
            (furniture.draw_chair, 1.12, 1.35, -1.5),
            (furniture.draw_long_table, -0.12, 1.36, 0.0),
            *((furniture.draw_chair, x, 2.0, np.pi) for x in (-0.52, 0.28)),
        ),
        window=0.95,
        rug=((-1.2, 0.95), (0.85, 2.2)),
        decoration=(-0.9, 1.75),
        standing=(1.8, 0.3),
        hanging=(0.0, 1.35),
        plant=(1.68, 0.62),
    ),
    "home office": Layout(
        (
            (furniture.draw_bookshelf, -1.45, 0.34, 0.0),
            (furniture.draw_desk, -0.22, 0.76, 0.0),
            (furniture.draw_office_chair, 0.55, 1.5, 2.3),
        ),
        window=1.2,
        rug=((-0.9, 0.9), (0.95, 2.35)),
        decoration=(-0.25, 1.85),
        standing=(0.75, 0.35),
        hanging=(0.85, 1.2),
        plant=(1.5, 0.7),
    ),
    "hotel room": Layout(
        (
            (furniture.draw_shared_head, -0.42, 0.08, 0.0),
            (furniture.draw_nightstand, -0.42, 0.45, 0.0),
            (furniture.draw_single_bed, -1.05, 2.0, 0.0),
            (furniture.draw_single_bed, 0.21, 2.0, 0.0),
            (furniture.draw_luggage, 1.18, 1.25, -0.35),
        ),
        window=1.3,
        rug=((0.45, 1.55), (1.5, 2.5)),
        decoration=(-0.42, 1.85),
        standing=(0.92, 0.3),
        hanging=(0.8, 1.2),
        plant=(1.72, 0.55),
    ),
    "kitchenette": Layout(
        ((kitchen.draw_fridge, -1.74, 0.62, 0.0), (kitchen.draw_kitchen, -0.46, 0.62, 0.0)),
        window=1.38,
        rug=((-1.0, 0.9), (1.15, 2.2)),
        decoration=(0.14, 1.87),
        standing=(0.85, 0.35),
        hanging=(0.95, 1.3),
        plant=(1.5, 0.7),
    ),
    "living room": Layout(
        (
            (furniture.draw_television, -1.32, 0.48, 0.0),
            (furniture.draw_sofa, 0.6, 1.05, 0.0),
            (furniture.draw_low_table, 0.35, 1.8, 0.0),
        ),
        window=0.6,
        rug=((-0.6, 1.35), (1.2, 2.45)),
        decoration=(-1.3, 1.75),
        standing=(1.72, 0.35),
        hanging=(-0.25, 1.3),
        plant=(-0.55, 0.4),
        sill=1.0,
    ),
}
