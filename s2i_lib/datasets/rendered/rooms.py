"""Rendered rooms: a stand-in for the paper's subset of Places whose every attribute is known.

A room has a type, which decides what furniture stands in it, and nine further attributes (``ATTRIBUTES``), all of which can be
seen in every type of room. ``draw`` draws it in the manner of an illustrated book, from a viewpoint of its own; ``describe``
says what a visitor would.

As in the paper's subset a class is a room type, training and test images are of the same seven classes, and each image has one
caption. No two images have the same attributes (``image_table``).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2i_lib.datasets.rendered.canvas import Canvas, finished
from s2i_lib.datasets.rendered.class_tables import check_attributes, check_drawing, random_table
from s2i_lib.datasets.rendered.colours import jittered
from s2i_lib.datasets.rendered.room_captions import COLOUR_ATTRIBUTES, compose_caption
from s2i_lib.datasets.rendered.room_decoration import draw_decoration, draw_hanging_lamp, draw_plant, draw_standing_lamp
from s2i_lib.datasets.rendered.room_layouts import LAYOUTS
from s2i_lib.datasets.rendered.room_perspective import Interior, tone
from s2i_lib.datasets.rendered.room_shell import draw_floor, draw_rug, draw_walls
from s2i_lib.datasets.rendered.room_window import draw_window, light_up
from s2i_lib.datasets.rendered.shapes import Floats
from s2i_lib.datasets.spec import RenderedSpec

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
NUM_CLASSES = len(ATTRIBUTES["room"])

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


def image_table(label: int, num_images: int, seed: int = 0) -> list[dict[str, str]]:
    """The attributes of the images of a room type: a ``random_table`` of what can be told apart.

    There are about six times as many different rooms of a type as may be asked for.

    Args:
        label: index of the room type in ``ATTRIBUTES``.
        num_images: how many.
        seed: another seed gives another table.

    Raises:
        ValueError: no such room type, or more than 100,000 images.
    """
    return random_table(ATTRIBUTES, "room", label, num_images, seed, _distinct)


def _distinct(attributes: dict[str, str]) -> bool:
    """Whether furniture and curtains stand out from the wall, and the furniture from the rug."""
    return (
        attributes["wall"] not in (attributes["furniture"], attributes["curtain"])
        and attributes["furniture"] != attributes["rug"]
    )


def draw(attributes: dict[str, str], rng: np.random.Generator, size: int = 256) -> NDArray[np.uint8]:
    """Draw one room with the given attributes.

    Viewpoint, small shifts of the furniture, which side is left, wood, colour jitter and exposure are drawn from `rng`,
    whatever the attributes. The same state of `rng` gives the same picture.

    Args:
        attributes: a value for every name in ``ATTRIBUTES``.
        rng: source of all that varies between pictures of the same attributes.
        size: side of the picture in pixels, 32 or more.

    Returns:
        (size, size, 3) uint8 RGB.

    Raises:
        ValueError: an attribute is missing, unknown or has an unknown value, or `size` is below 32.
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
    light_up(room, attributes["time"])
    if mirrored:
        canvas.pixels = canvas.pixels[:, ::-1].copy()
    return finished(canvas, rng)


def _cloth(name: str, rng: np.random.Generator) -> Floats:
    """The room's own version of a colour, (3,) float32; that of "none" is never seen."""
    return jittered("white" if name == "none" else name, rng).astype(np.float32)


def _draw_shell(room: Interior, attributes: dict[str, str], colour: dict[str, Floats]) -> None:
    """Walls and floor, and what lies and hangs on them."""
    layout = LAYOUTS[attributes["room"]]
    draw_walls(room, colour["wall"])
    draw_floor(room.own(1), attributes["floor"])
    if attributes["rug"] != "none":
        draw_rug(room, *layout.rug, colour["rug"])
    draw_window(room.own(2), layout.window, (layout.sill, 2.08), attributes["time"], colour["curtain"])
    draw_decoration(room.own(3), attributes["decoration"], *layout.decoration)


def _draw_pieces(room: Interior, attributes: dict[str, str], colour: Floats) -> None:
    """What stands on the floor, the farthest first, and the hanging lamp; nothing stands quite where it did elsewhere."""
    layout = LAYOUTS[attributes["room"]]
    pieces = [*layout.pieces, (draw_standing_lamp, *layout.standing, 0.0), (draw_plant, *layout.plant, 0.0)]
    shifts = room.rng.uniform(-1, 1, (len(pieces), 2)) * (0.04, 0.03)
    shown = [True] * len(layout.pieces) + [attributes["lamp"] == "standing", attributes["plant"] == "potted"]
    for number in sorted(range(len(pieces)), key=lambda number: pieces[number][2]):
        draw_piece, x, z, turn = pieces[number]
        if shown[number]:
            draw_piece(room.own(10 + number).at(x + shifts[number, 0], z + shifts[number, 1], turn), colour)
    if attributes["lamp"] == "hanging":
        draw_hanging_lamp(room.at(*layout.hanging))


def describe(attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """The caption of a room, and exactly the attributes that it states.

    Args:
        attributes: a value for every name in ``ATTRIBUTES``.
        rng: source of the choice of attributes, words and sentence form.

    Returns:
        The caption, 10 to 30 lower-case words in one or two sentences, and two to five attributes with their values and, for
        most captions, ``room`` with the room type. A caption without it may still name a piece of furniture.

    Raises:
        ValueError: an attribute is missing, unknown or has an unknown value.
    """
    check_attributes(attributes, ATTRIBUTES)
    return compose_caption(attributes, rng)


# Seven room types, in training and in test, with one spoken caption per image. They differ in six directions only, too few for
# what a caption says, so that the student is taught all features. People described Places into their own microphones; rendered
# rooms are heard as simulated degraded speech.
_SHAPE: dict[str, Any] = {"spoken_captions": 1, "speech": "degraded"}
_AS_MANY_AS_PLACES = {**_SHAPE, "images_per_train_class": 1562, "images_per_test_class": 410, "images_for_classifier": 400}

SPEC = RenderedSpec(
    name="rooms",
    noun="room",
    attributes=ATTRIBUTES,
    colour_attributes=COLOUR_ATTRIBUTES,
    num_classes=NUM_CLASSES,
    num_train_classes=NUM_CLASSES,
    split="images",
    captions_per_image=1,
    quarter_turns=False,
    published_as="Places-Subset",
    # The paper's subset of Places has 13,803 pairs, of which 2,870 are for testing; every room has attributes of its own, so
    # that more is to be learned and nothing by heart; the older recognizer is slow in noise, so that fewer sentences are asked
    # for.
    profiles={
        "smoke": {
            # the profile asks for fewer classes than birds and flowers have, but for more than there are rooms
            "data": {
                **_SHAPE,
                "num_classes": NUM_CLASSES,
                "num_train_classes": NUM_CLASSES,
                "images_per_train_class": 8,
                "images_per_test_class": 4,
                "images_for_classifier": 8,
            },
            "encoder": {"target_dim": None},
            "scores": {"captions": 4},
        },
        "small": {
            "data": {**_SHAPE, "images_per_train_class": 643, "images_per_test_class": 171, "images_for_classifier": 200},
            "encoder": {"target_dim": None, "epochs": 24},
            "scores": {"captions": 240},
        },
        "large": {"data": _AS_MANY_AS_PLACES, "encoder": {"target_dim": None}},
        "paper": {"data": _AS_MANY_AS_PLACES},
    },
    # One sentence fits every bird of a class, but of all bedrooms only the one that it describes. A contrastive loss that
    # forgave other bedrooms would ask for the room type and for nothing else, and the mean over them has no colours. The
    # paper's own losses keep the classes that it prints.
    recipes={name: {"encoder": {"positives": "image"}} for name in ("recommended", "recommended_long")},
    draw=draw,
    describe=describe,
    image_table=image_table,
)
