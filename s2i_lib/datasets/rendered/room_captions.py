"""Captions of rendered rooms, in the manner of people who describe a photograph aloud.

They are longer and looser than those of birds and flowers: one or two sentences, places ("next to the bed"), now and then a
thing that is in every room of its type ("a stove") or an opinion ("a tidy room"). None of these says anything about an
attribute; where things stand relative to each other is true of every picture because ``room_layouts`` always puts them there.
"""

import re

import numpy as np

from s2i_lib.datasets.rendered.captions import colour_word, listed, of_fitting_length, one_of, random_count

COLOUR_ATTRIBUTES: tuple[str, ...] = ("wall", "furniture", "curtain", "rug")
MIN_WORDS, MAX_WORDS = 10, 30

# How often people mention what, relative to each other; the room type is apart.
_SHARES = {
    "wall": 3.0,
    "furniture": 3.5,
    "curtain": 2.2,
    "rug": 2.2,
    "floor": 1.2,
    "lamp": 1.0,
    "decoration": 1.2,
    "plant": 1.0,
    "time": 1.2,
}
_NAMED_SHARE, _OPINION_SHARE, _EXTRA_SHARE = 0.85, 0.35, 0.35

_ROOM_WORDS = {
    "bedroom": ("bedroom", "bedroom", "bed room"),
    "dinette": ("dinette", "dinette", "breakfast nook"),
    "dining room": ("dining room", "dining room", "dining area"),
    "home office": ("home office", "home office", "study"),
    "hotel room": ("hotel room",),
    "kitchenette": ("kitchenette", "kitchenette", "small kitchen"),
    "living room": ("living room", "living room", "sitting room"),
}
_OPINIONS = ("nice", "tidy", "cosy", "simple", "modern", "comfortable")

# {c} is the colour, {window} where the window is and {near} where the rug lies.
_WINDOW_PLACES = {
    "bedroom": "next to the bed",
    "dinette": "behind the table",
    "dining room": "behind the table",
    "home office": "next to the desk",
    "hotel room": "next to the beds",
    "kitchenette": "next to the counter",
    "living room": "behind the sofa",
}
_RUG_PLACES = {
    "bedroom": "next to the bed",
    "dinette": "under the table",
    "dining room": "under the table",
    "home office": "in front of the desk",
    "hotel room": "next to the beds",
    "kitchenette": "in front of the counter",
    "living room": "in front of the sofa",
}

# What is said of the main furniture and of things in every room of the type, as
# noun phrases, which may follow "with" and "there is", and as clauses.
_FURNITURE_PHRASES = {
    "bedroom": ("a {c} bed", "a bed with a {c} cover", "a big bed with a {c} blanket", "a bed covered in {c}"),
    "dinette": ("two {c} chairs", "a small round table with two {c} chairs", "a round table and two {c} chairs"),
    "dining room": ("{c} chairs around a long table", "a long table with {c} chairs", "many {c} chairs at a table"),
    "home office": ("a {c} desk", "a {c} desk with a computer on it", "a computer on a {c} desk"),
    "hotel room": ("two {c} beds", "twin beds with {c} covers", "two beds with {c} blankets", "two beds covered in {c}"),
    "kitchenette": ("{c} cupboards", "{c} cabinets", "a counter with {c} cupboards", "{c} kitchen cabinets"),
    "living room": ("a {c} sofa", "a {c} couch", "a big {c} sofa", "a {c} sofa and a low table in front of it"),
}
_FURNITURE_CLAUSES = {
    "bedroom": ("the bed is {c}", "the cover of the bed is {c}"),
    "dinette": ("the two chairs are {c}",),
    "dining room": ("the chairs are {c}", "the chairs around the table are {c}"),
    "home office": ("the desk is {c}", "somebody put a computer on a {c} desk"),
    "hotel room": ("the beds are {c}", "both beds have {c} covers"),
    "kitchenette": ("the cupboards are {c}", "the cabinets are {c}"),
    "living room": ("the sofa is {c}", "the couch is {c}"),
}
_EXTRAS = {
    "bedroom": ("two pillows", "a small night stand"),
    "dinette": ("a tall fridge", "a bowl of fruit on the table"),
    "dining room": ("plates on the table", "flowers in a vase"),
    "home office": ("a shelf full of books", "a swivel chair"),
    "hotel room": ("a suitcase on a stand", "a long headboard"),
    "kitchenette": ("a stove and a sink", "a pot on the stove"),
    "living room": ("a television", "a tv on a stand"),
}

_PHRASES = {
    "wall": ("{c} walls", "{c} walls", "walls painted {c}"),
    "curtain": (
        "{c} curtains",
        "{c} curtains at the window",
        "a window with {c} curtains",
        "a window with {c} curtains {window}",
        "{c} drapes",
    ),
    "rug": ("a {c} rug", "a {c} rug on the floor", "a {c} rug {near}"),
    "wooden": ("a wooden floor", "a hardwood floor", "a floor made of wood"),
    "tiled": ("a tiled floor", "a checkered floor", "tiles on the floor"),
    "carpeted": ("a carpeted floor", "a soft carpet", "carpet on the whole floor"),
    "hanging": ("a hanging lamp", "a lamp hanging from the ceiling", "a lamp that hangs from the ceiling"),
    "standing": ("a floor lamp", "a standing lamp", "a tall lamp next to the window", "a floor lamp next to the window"),
    "painting": ("a painting on the wall", "a framed painting", "a picture hanging on the wall"),
    "clock": ("a clock on the wall", "a round clock on the wall", "a big wall clock"),
    "mirror": ("a mirror on the wall", "an oval mirror", "a mirror hanging on the wall"),
    "potted": ("a potted plant", "a plant in a pot", "a big plant next to the window", "a house plant"),
    "day": ("daylight outside", "a daytime sky outside the window", "a sunny day outside"),
    "evening": ("a sunset outside", "the sun setting outside the window", "an evening sky outside the window"),
    "night": ("the moon outside", "a night sky outside the window", "the moon and stars outside the window"),
}
_CLAUSES = {
    "wall": ("the walls are {c}", "the walls are painted {c}", "all the walls are {c}"),
    "curtain": ("the curtains are {c}", "the window has {c} curtains", "the curtains at the window are {c}"),
    "rug": ("the rug is {c}", "the rug {near} is {c}", "a {c} rug lies {near}"),
    "wooden": ("the floor is made of wood", "the floor is wooden"),
    "tiled": ("the floor is tiled", "the floor has tiles like a chess board"),
    "carpeted": ("the floor is carpeted", "the floor is covered with carpet"),
    "hanging": ("a lamp hangs from the ceiling",),
    "standing": ("a tall lamp stands next to the window",),
    "painting": ("a painting hangs on the wall",),
    "clock": ("a clock hangs on the wall",),
    "mirror": ("a mirror hangs on the wall",),
    "potted": ("a plant stands next to the window",),
    "day": ("it is day outside", "it is day time", "you can see a cloud in the sky"),
    "evening": ("the sun is going down outside", "it is evening outside"),
    "night": ("it is night outside", "it is dark outside", "you can see the moon outside"),
}

_OPENINGS = (
    "i see {a_room} with {some}",
    "this is {a_room} with {some}",
    "there is {a_room} with {some}",
    "this looks like {a_room} with {some}",
    "it is a picture of {a_room} with {some}",
    "here we have {a_room} with {some}",
    "we are looking at {a_room} with {some}",
    "a photo of {a_room} that has {some}",
    "{a_room} with {some}",
    "what i see is {a_room} with {some}",
    "this seems to be {a_room} with {some}",
    "in this {room} i can see {some}",
    "in this {room} you can see {some}",
    "this {room} has {some}",
    "the {room} in the picture has {some}",
    "so this is {a_room} and it has {some}",
)
_JOINTS = (", and ", ", and ", ". ", ". ", ", ", ". also ")
_INTRODUCTIONS = ("there {is_are} {phrase}", "there {is_are} {phrase}", "you can see {phrase}", "i can see {phrase}")


def compose_caption(attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """One or two sentences about a room with valid attributes, 10 to 30 words, and what they mention."""
    mentioned = _choose(attributes, rng)
    return of_fitting_length(lambda: _compose(mentioned, attributes["room"], rng), MIN_WORDS, MAX_WORDS), mentioned


def _choose(attributes: dict[str, str], rng: np.random.Generator) -> dict[str, str]:
    """Two to five attributes and mostly the room, in the order of the table."""
    there = [name for name in _SHARES if attributes[name] != "none"]
    shares = np.array([_SHARES[name] for name in there])
    chosen = {*rng.choice(there, random_count(rng), replace=False, p=shares / shares.sum())}
    if rng.random() < _NAMED_SHARE:
        chosen.add("room")
    return {name: value for name, value in attributes.items() if name in chosen}


# --- statements ---


def _words_for(name: str, value: str, room: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Phrases and clauses that state the value of an attribute."""
    if name == "furniture":
        return _FURNITURE_PHRASES[room], _FURNITURE_CLAUSES[room]
    key = name if name in COLOUR_ATTRIBUTES else value
    return _PHRASES[key], _CLAUSES[key]


def _phrase(name: str, value: str, room: str, rng: np.random.Generator) -> str:
    return _filled(one_of(rng, _words_for(name, value, room)[0]), name, value, room, rng)


def _clause(name: str, value: str, room: str, rng: np.random.Generator) -> str:
    """A main clause: one about this attribute or a phrase that is introduced."""
    if rng.random() < 0.5:
        return _filled(one_of(rng, _words_for(name, value, room)[1]), name, value, room, rng)
    return _introduced(_phrase(name, value, room, rng), rng)


def _filled(words: str, name: str, value: str, room: str, rng: np.random.Generator) -> str:
    colour = colour_word(value, rng) if name in COLOUR_ATTRIBUTES else ""
    return words.format(c=colour, window=_WINDOW_PLACES[room], near=_RUG_PLACES[room])


def _introduced(phrase: str, rng: np.random.Generator) -> str:
    """A phrase as a clause: "there is a red rug"."""
    singular = phrase.split()[0] in ("a", "an", "the", "daylight", "carpet")
    return one_of(rng, _INTRODUCTIONS).format(phrase=phrase, is_are="is" if singular else "are")


# --- sentences ---


def _compose(mentioned: dict[str, str], room: str, rng: np.random.Generator) -> str:
    """One or two sentences that state all of `mentioned`, of any length."""
    noun = one_of(rng, _ROOM_WORDS[room]) if "room" in mentioned else "room"
    if rng.random() < _OPINION_SHARE:
        noun = f"{one_of(rng, _OPINIONS)} {noun}"
    names = [name for name in mentioned if name != "room"]
    names = [names[index] for index in rng.permutation(len(names))]
    names.sort(key=lambda name: name == "time")  # what is outside comes last
    split = rng.integers(1, min(len(names), 3) + 1)
    phrases = [_phrase(name, mentioned[name], room, rng) for name in names[:split]]
    clauses = [_clause(name, mentioned[name], room, rng) for name in names[split:]]
    if rng.random() < _EXTRA_SHARE:
        clauses.insert(rng.integers(len(clauses) + 1), _introduced(one_of(rng, _EXTRAS[room]), rng))
    caption = one_of(rng, _OPENINGS).format(room=noun, a_room=f"a {noun}", some=listed(phrases))
    if clauses:
        caption += one_of(rng, _JOINTS) + one_of(rng, (listed, " and ".join))(clauses)
    return re.sub(r"\ba (?=[aeiou])", "an ", caption) + "."
