"""Sentences about photographs of Oxford-102, composed from a table of its species (``oxford_species.csv``).

Nobody has annotated these photographs. The table says, from general knowledge of the flowers and without a look at any
photograph, what a species usually looks like; what varies between its plants is left open. So a sentence can be wrong about a
photograph, which sentences about birds, composed from annotations, rarely are.
"""

import csv
from functools import lru_cache
from importlib import resources

from s2i_lib.datasets.rendered.captions import TemplateCaptions

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "petal": ("none", "white", "yellow", "orange", "red", "pink", "purple", "blue"),
    "mark": ("none", "spotted", "striped", "veined", "edged", "ringed", "checked"),
    "centre": ("none", "yellow", "white", "orange", "brown", "black", "purple", "blue"),
    "form": (
        *("daisy", "cup", "bell", "trumpet", "funnel", "star", "lily", "orchid", "iris", "ball", "spike", "thistle", "rose"),
        *("ruffled", "cluster", "pincushion", "butterfly", "pansy", "hood", "beak", "heart", "pinwheel"),
    ),
    "petals": ("none", "one", "four", "five", "six", "many"),
}
COLOUR_ATTRIBUTES = ("petal", "centre")

compose_caption = TemplateCaptions(
    "flower",
    ATTRIBUTES,
    {
        "petal": ("{} petals", "its petals are {}"),
        "centre": ("a {} centre", "its centre is {}"),
        "one": ("a single petal", "it has a single petal"),
        "petals": ("{} petals in a ring", "the petals are {} in number"),
        "many": ("many petals", "it has many petals"),
        "spotted": ("spots on the petals", "there are spots on its petals"),
        "striped": ("stripes on the petals", "there are stripes on its petals"),
        "veined": ("veins in the petals", "there are fine veins in its petals"),
        "edged": ("edges of another color", "its petals have edges of another color"),
        "ringed": ("a ring of another color", "there is a ring of another color around its middle"),
        "checked": ("a checked pattern", "its petals are checked"),
        "daisy": ("the form of a daisy", "it looks like a daisy"),
        "cup": ("the form of a cup", "it looks like a cup"),
        "bell": ("the form of a bell", "it looks like a bell"),
        "trumpet": ("the form of a trumpet", "it looks like a trumpet"),
        "funnel": ("the form of a funnel", "it looks like a funnel"),
        "star": ("the form of a star", "it looks like a star"),
        "lily": ("petals that bend back", "its petals bend back"),
        "orchid": ("a lip below two wide petals", "two wide petals are above its lip"),
        "iris": ("petals that stand up and hang down", "some of its petals stand up and some hang down"),
        "ball": ("the form of a ball", "it is round like a ball"),
        "spike": ("many blossoms along the stem", "its blossoms grow along the stem"),
        "thistle": ("a spiny head", "its head is spiny"),
        "rose": ("petals in layers", "its petals lie in layers"),
        "ruffled": ("ruffled petals", "its petals are ruffled"),
        "cluster": ("small blossoms in a cluster", "its small blossoms grow in a cluster"),
        "pincushion": ("a middle like a pincushion", "its middle looks like a pincushion"),
        "butterfly": ("petals like a butterfly", "its petals look like a butterfly"),
        "pansy": ("the face of a pansy", "it has the face of a pansy"),
        "hood": ("a petal like a hood", "one petal looks like a hood"),
        "beak": ("the form of a beak", "it looks like the beak of a bird"),
        "heart": ("the form of a heart", "it looks like a heart"),
        "pinwheel": ("petals like a pinwheel", "its petals turn like a pinwheel"),
    },
)


@lru_cache
def species_attributes() -> dict[int, dict[str, str]]:
    """Class id as published, 1 to 102 -> attribute -> its usual value, ``none`` where it has none or it varies."""
    text = resources.files(__package__).joinpath("oxford_species.csv").read_text(encoding="utf-8")
    return {int(row["number"]): {name: row[name] for name in ATTRIBUTES} for row in csv.DictReader(text.splitlines())}
