"""Rendered rooms: a stand-in for the paper's subset of Places whose every attribute is known.

A room has a type, which decides what furniture stands in it, and nine further
attributes (:data:`ATTRIBUTES`), all of which can be seen in every type of
room.  :func:`draw` paints it in the manner of an illustrated book, from a
viewpoint of its own; :func:`describe` says what a visitor would.

As in the paper's subset a class is a room type, training and test images are
of the same seven classes, and each image has one caption.  No two images have
the same attributes (:func:`image_table`).
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from s2i_lib.datasets.rendered import room_furniture as furniture, room_perspective as interiors
from s2i_lib.datasets.rendered.class_tables import check_attributes, check_drawing
from s2i_lib.datasets.rendered.canvas import Canvas, finished, jittered
from s2i_lib.datasets.rendered.room_perspective import Interior, tone
from s2i_lib.datasets.rendered.room_captions import COLOUR_ATTRIBUTES, compose_caption

NOUN = "room"

# 'furniture' is the colour of the bed or beds, the chairs, the desk, the cupboards or the sofa.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "room": ("bedroom", "dinette", "dining room", "home office", "hotel room", "kitchenette", "living room"),
    "wall": ("white", "grey", "yellow", "orange", "green", "blue", "pink", "purple"),
    "furniture": ("white", "black", "brown", "red", "orange", "yellow", "green", "blue", "purple"),
    "curtain": ("white", "red", "orange", "yellow", "green", "blue", "purple", "pink"),
    "rug": ("none", "white", "black", "red", "yellow", "green", "blue", "pink"),
    "floor": ("wooden", "tiled", "carpeted"),
    "lamp": ("none", "hanging", "standing"),
    "decoration": ("none", "painting", "clock", "mirror"),
    "plant": ("none", "potted"),
    "time": ("day", "evening", "night"),
}

NUM_CLASSES = NUM_TRAIN_CLASSES = len(ATTRIBUTES["room"])
SPLIT, CAPTIONS_PER_IMAGE = "images", 1
QUARTER_TURNS = False


# -------------------------------------------------------------- image table

_MAX_IMAGES = 100_000  # of a room type; there are about six times as many different rooms


def image_table(label: int, num_images: int, seed: int = 0) -> list[dict[str, str]]:
    """The attributes of the images of a room type, in random order and no two alike.

    Each is drawn at random from the combinations in which walls, curtains,
    furniture and rug can be told apart.  Any part of the table is therefore a
    random sample, and the first images can be those for training.

    Args:
        label: index of the room type in :data:`ATTRIBUTES`.
        num_images: how many.
        seed: another seed gives another table.

    Raises:
        ValueError: if there is no such room type, or if more than 100,000
            images are asked for.
    """
    if label not in range(NUM_CLASSES):
        raise ValueError(f"there are {NUM_CLASSES} room types, so there is none with label {label}")
    if num_images > _MAX_IMAGES:
        raise ValueError(f"{num_images} different rooms of a type are too many; ask for {_MAX_IMAGES} or fewer")
    rng, table = np.random.default_rng([seed, label]), {}
    while len(table) < num_images:
        attributes = {name: values[rng.integers(len(values))] for name, values in ATTRIBUTES.items()}
        attributes["room"] = ATTRIBUTES["room"][label]
        if _distinct(attributes):
            table.setdefault(tuple(attributes.values()), attributes)
    return list(table.values())


def _distinct(attributes: dict[str, str]) -> bool:
    """Whether furniture and curtains stand out from the wall, and the furniture from the rug."""
    return (
        attributes["wall"] not in (attributes["furniture"], attributes["curtain"])
        and attributes["furniture"] != attributes["rug"]
    )


# --------------------------------------------------------------------- layout


@dataclass(frozen=True)
class _Layout:
    """Where things stand in a room, in metres; places on the floor are (x, z).

    ``pieces`` are the room's own furniture, each with x, z and how far it is
    turned; the standing lamp and the plant are near the window in every room.
    """

    pieces: tuple[tuple, ...]
    window: float
    rug: tuple[tuple[float, float], tuple[float, float]]
    decoration: tuple[float, float]
    standing: tuple[float, float]
    hanging: tuple[float, float]
    plant: tuple[float, float]
    sill: float = 0.9


_LAYOUTS = {
    "bedroom": _Layout(
        ((furniture.draw_nightstand, -1.57, 0.5, 0.0), (furniture.draw_double_bed, -0.42, 2.05, 0.0)),
        window=1.2,
        rug=((0.0, 1.5), (1.25, 2.45)),
        decoration=(-0.42, 1.75),
        standing=(0.66, 0.35),
        hanging=(0.75, 1.2),
        plant=(1.5, 0.7),
    ),
    "dinette": _Layout(
        (
            (furniture.draw_fridge, -1.76, 0.62, 0.0),
            (furniture.draw_kitchen_corner, -0.98, 0.52, 0.0),
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
    "dining room": _Layout(
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
    "home office": _Layout(
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
    "hotel room": _Layout(
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
    "kitchenette": _Layout(
        ((furniture.draw_fridge, -1.74, 0.62, 0.0), (furniture.draw_kitchen, -0.46, 0.62, 0.0)),
        window=1.38,
        rug=((-1.0, 0.9), (1.15, 2.2)),
        decoration=(0.14, 1.87),
        standing=(0.85, 0.35),
        hanging=(0.95, 1.3),
        plant=(1.5, 0.7),
    ),
    "living room": _Layout(
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


# ------------------------------------------------------------------- painting

_WALL_TONES = {
    "white": tone(0.93, 0.92, 0.89),
    "grey": tone(0.60, 0.61, 0.63),
    "yellow": tone(0.96, 0.85, 0.46),
    "orange": tone(0.93, 0.62, 0.35),
    "green": tone(0.52, 0.76, 0.46),
    "blue": tone(0.48, 0.67, 0.89),
    "pink": tone(0.95, 0.68, 0.76),
    "purple": tone(0.66, 0.52, 0.80),
}


def draw(attributes: dict[str, str], rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """Paint one room with the given attributes.

    Viewpoint, small shifts of the furniture, which side is left, wood, colour
    jitter and exposure are drawn from ``rng``, whatever the attributes.  The
    same state of ``rng`` gives the same picture.

    Args:
        attributes: a value for every name in :data:`ATTRIBUTES`.
        rng: source of all that varies between pictures of the same attributes.
        size: side of the picture in pixels, 32 or more.

    Returns:
        The picture, ``(size, size, 3)`` uint8 RGB.

    Raises:
        ValueError: if an attribute is missing, unknown or has an unknown
            value, or if ``size`` is below 32.
    """
    check_drawing(attributes, ATTRIBUTES, size)
    canvas = Canvas(np.zeros((size, size, 3)))
    room = Interior(canvas, rng)
    colour = {
        "wall": _WALL_TONES[attributes["wall"]] * rng.uniform(0.97, 1.03),
        **{name: _cloth(attributes[name], rng) for name in ("furniture", "curtain", "rug")},
    }
    mirrored = rng.random() < 0.5
    _draw_shell(room, attributes, colour)
    _draw_pieces(room, attributes, colour["furniture"])
    interiors.light_up(room, attributes["time"])
    if mirrored:
        canvas.pixels = canvas.pixels[:, ::-1].copy()
    return finished(canvas, rng)


def _cloth(name: str, rng: np.random.Generator) -> np.ndarray:
    """The room's own version of a colour, ``(3,)``; for ``none`` it is never seen."""
    return jittered("white" if name == "none" else name, rng).astype(np.float32)


def _draw_shell(room: Interior, attributes: dict[str, str], colour: dict[str, np.ndarray]) -> None:
    """Walls and floor, and what lies and hangs on them."""
    layout = _LAYOUTS[attributes["room"]]
    interiors.draw_walls(room, colour["wall"])
    interiors.draw_floor(room.own(1), attributes["floor"])
    if attributes["rug"] != "none":
        interiors.draw_rug(room, *layout.rug, colour["rug"])
    interiors.draw_window(room.own(2), layout.window, (layout.sill, 2.08), attributes["time"], colour["curtain"])
    furniture.draw_decoration(room.own(3), attributes["decoration"], *layout.decoration)


def _draw_pieces(room: Interior, attributes: dict[str, str], colour: np.ndarray) -> None:
    """What stands on the floor, the farthest first, and the hanging lamp; nothing stands quite where it did elsewhere."""
    layout = _LAYOUTS[attributes["room"]]
    pieces = [(partial(draw_piece, colour=colour), *place) for draw_piece, *place in layout.pieces]
    shifts = room.rng.uniform(-1, 1, (len(pieces) + 2, 2)) * (0.04, 0.03)
    shown = [True] * len(pieces) + [attributes["lamp"] == "standing", attributes["plant"] == "potted"]
    pieces += [(furniture.draw_standing_lamp, *layout.standing, 0.0), (furniture.draw_plant, *layout.plant, 0.0)]
    for number in sorted(range(len(pieces)), key=lambda number: pieces[number][2]):
        draw_piece, x, z, turn = pieces[number]
        if shown[number]:
            draw_piece(room.own(10 + number).at(x + shifts[number, 0], z + shifts[number, 1], turn))
    if attributes["lamp"] == "hanging":
        furniture.draw_hanging_lamp(room.at(*layout.hanging))


def describe(attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """The caption of a room, and exactly the attributes it states.

    Args:
        attributes: a value for every name in :data:`ATTRIBUTES`.
        rng: source of the choice of attributes, words and sentence form.

    Returns:
        ``(caption, mentioned)``.  The caption has 10 to 30 lower-case words
        in one or two sentences; ``mentioned`` maps two to five attribute
        names to their values and, for most captions, ``room`` to the room
        type.  A caption without it may still name a piece of furniture.

    Raises:
        ValueError: if an attribute is missing, unknown or has an unknown
            value.
    """
    check_attributes(attributes, ATTRIBUTES)
    return compose_caption(attributes, rng)
