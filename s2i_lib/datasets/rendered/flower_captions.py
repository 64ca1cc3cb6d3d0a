"""Captions of rendered flowers, in the manner of people who describe Oxford flowers.

Everything about the petals makes one statement ("five round pink petals with white edges"). The second colour is always told
together with the pattern that it colours.
"""

import numpy as np

from s2i_lib.datasets.rendered.captions import (
    ALL_CLAUSE_FORMS,
    CLAUSE_FORMS,
    LIST_FORMS,
    SPLIT_FORMS,
    UNREMARKABLE,
    FormGroups,
    Statement,
    colour_word,
    listed,
    of_fitting_length,
    one_of,
    random_count,
    random_forms,
    sentence,
    with_article,
)

COLOUR_ATTRIBUTES: tuple[str, ...] = ("petal", "second", "centre")

# How often people mention what, relative to each other.
_SHARES = {
    ("petal",): 4.0,
    ("second", "pattern"): 3.5,
    ("centre",): 3.0,
    ("number",): 1.0,
    ("shape",): 1.0,
    ("layers",): 1.0,
    ("stamens",): 1.0,
    ("leaves",): 1.0,
}

# What follows the petals, with the second colour; those that start with "with"
# are things that petals have, the others are what they are.
_PATTERN_WORDS = {
    "edged": ("with {} edges", "with {} edges", "with {} borders", "with {} rims", "edged with {}", "bordered with {}"),
    "striped": ("with {} stripes", "with {} stripes", "with {} lines", "striped with {}", "streaked with {}"),
    "spotted": ("with {} spots", "with {} spots", "with {} dots", "spotted with {}", "dotted with {}"),
    "ringed": ("with {} bases", "with {} inner parts", "with an inner ring of {}", "ringed with {}", "ringed inside with {}"),
}
_NUMBER_WORDS = {"four": ("four",), "five": ("five",), "eight": ("eight",), "many": ("many", "many", "numerous")}
_SHAPE_WORDS = {
    "round": ("round", "round", "rounded"),
    "pointed": ("pointed", "pointed", "pointy", "sharp"),
    "notched": ("notched", "heart shaped"),
}
_LEAF_WORDS = {"broad": ("broad", "broad", "wide"), "narrow": ("narrow", "narrow", "thin")}
_DOUBLE_PHRASES = ("two layers of petals", "a double layer of petals", "two rows of petals", "petals in two layers")
_DOUBLE_CLAUSES = ("there are two layers of petals", "it has two layers of petals", "it has two rows of petals")
_STAMEN_PHRASES = ("long stamens", "long stamens", "tall stamens", "stamens that are long")
_STAMEN_CLAUSES = ("its stamens are long", "it has long stamens", "the stamens are tall")

# Forms whose first clause is about "the petals of this flower".
_PETAL_FORMS = ("{all_clauses}", "{all_clauses}", "we can see that {all_clauses}", "in this picture, {all_clauses}")
_FORM_GROUPS: FormGroups = (
    (LIST_FORMS, 0.42),
    (SPLIT_FORMS, 0.12),
    (CLAUSE_FORMS, 0.20),
    (ALL_CLAUSE_FORMS, 0.10),
    (_PETAL_FORMS, 0.16),
)


def compose_caption(attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """A sentence of 6 to 18 words about a flower with valid attributes, and what it mentions; see ``flowers.describe``."""
    mentioned = _choose(attributes, rng)
    return of_fitting_length(lambda: _compose(mentioned, rng)), mentioned


def _choose(attributes: dict[str, str], rng: np.random.Generator) -> dict[str, str]:
    """Two to five attributes, mostly colours, in the order of the table."""
    remarkable = [names for names in _SHARES if attributes[names[0]] not in UNREMARKABLE]
    shares = np.array([_SHARES[names] for names in remarkable])
    order = rng.choice(len(remarkable), len(remarkable), replace=False, p=shares / shares.sum())
    count = random_count(rng)
    chosen: set[str] = set()
    for index in order:
        if len(chosen) + len(remarkable[index]) <= count:
            chosen.update(remarkable[index])
    return {name: value for name, value in attributes.items() if name in chosen}


# --- statements ---


def _about_petals(left: dict[str, str], owner: str, rng: np.random.Generator) -> Statement:
    """All that is said of the petals; `owner` is " of this flower" or nothing."""
    number = one_of(rng, _NUMBER_WORDS[left["number"]]) if "number" in left else ""
    adjectives = [one_of(rng, _SHAPE_WORDS[left["shape"]])] if "shape" in left else []
    if "layers" in left:
        adjectives.append("layered")
    if "petal" in left:
        adjectives.append(colour_word(left["petal"], rng))
    pattern = _pattern_words(left, bool(number or adjectives), rng)
    phrase = " ".join(filter(None, [number, *adjectives, "petals", pattern]))
    if not adjectives and not pattern:
        return Statement(phrase, f"there are {phrase}{owner}" if owner else f"it has {phrase}")
    subject = " ".join(filter(None, ["the" if owner else one_of(rng, ("its", "its", "the")), number, "petals"])) + owner
    if not pattern.startswith("with "):
        return Statement(phrase, f"{subject} are {listed([*adjectives, *filter(None, [pattern])])}")
    if not adjectives:
        return Statement(phrase, f"{subject} have {pattern.removeprefix('with ')}")
    return Statement(phrase, f"{subject} are {listed(adjectives)} {pattern}")


def _pattern_words(left: dict[str, str], described: bool, rng: np.random.Generator) -> str:
    """What follows the petals; not "with", unless they are described by more than that."""
    if "pattern" not in left:
        return ""
    words = [words for words in _PATTERN_WORDS[left["pattern"]] if described or not words.startswith("with ")]
    return one_of(rng, words).format(colour_word(left["second"], rng))


def _about_centre(colour: str, rng: np.random.Generator) -> Statement:
    noun, word = one_of(rng, ("centre", "centre", "middle")), colour_word(colour, rng)
    clause = f"{one_of(rng, ('its', 'the'))} {noun} is {word}"
    return Statement(with_article(f"{word} {noun}"), clause)


def _about_leaves(kind: str, rng: np.random.Generator) -> Statement:
    word = one_of(rng, _LEAF_WORDS[kind])
    return Statement(f"{word} leaves", f"{one_of(rng, ('its', 'the'))} leaves are {word}")


def _statements(left: dict[str, str], owner: str, rng: np.random.Generator) -> list[Statement]:
    """Statements of everything in `left`, in random order.

    With an `owner` the petals come first, for they introduce the flower.
    """
    left, result = dict(left), []
    of_petals = {"petal", "second", "number", "shape"} & left.keys()
    # "five layered petals", not "five petals and two layers of petals"
    if "layers" in left and of_petals != {"number"} and (not of_petals or rng.random() < 0.6):
        del left["layers"]
        result.append(Statement(one_of(rng, _DOUBLE_PHRASES), one_of(rng, _DOUBLE_CLAUSES)))
    if "centre" in left:
        result.append(_about_centre(left["centre"], rng))
    if "stamens" in left:
        result.append(Statement(one_of(rng, _STAMEN_PHRASES), one_of(rng, _STAMEN_CLAUSES)))
    if "leaves" in left:
        result.append(_about_leaves(left["leaves"], rng))
    result = [result[index] for index in rng.permutation(len(result))]
    if of_petals:
        place = 0 if owner else rng.integers(len(result) + 1)
        result.insert(place, _about_petals(left, owner, rng))
    return result


# --- sentences ---


def _take_adjective(left: dict[str, str], rng: np.random.Generator) -> tuple[str, str]:
    """What the flower as a whole can be called, and the attribute that it states."""
    candidates = [name for name in ("petal", "number") if name in left]
    if not candidates:
        return "", ""
    name = one_of(rng, candidates)
    if name == "number":
        return f"{left[name]} petalled", name
    return colour_word(left[name], rng), name


def _compose(mentioned: dict[str, str], rng: np.random.Generator) -> str:
    """One sentence that states all of `mentioned`, of any length."""
    left, noun = dict(mentioned), "flower"
    forms = random_forms(_FORM_GROUPS, rng)
    if len(left) > 2 and forms is not _PETAL_FORMS and rng.random() < 0.25:
        adjective, name = _take_adjective(left, rng)
        if adjective:
            noun = f"{adjective} flower"
            left.pop(name)
    owner = " of this flower" if forms is _PETAL_FORMS else ""
    statements = _statements(left, owner, rng)
    if len(statements) < 2:
        forms = LIST_FORMS  # the others need a second statement
    return sentence(one_of(rng, forms), noun, statements, rng)
