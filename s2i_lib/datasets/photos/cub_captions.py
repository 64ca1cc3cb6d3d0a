"""Sentences about photographs of CUB-200-2011, composed from what its annotators saw (``cub_attributes``).

They stand in where the captions of Reed et al. (2016) are not at hand, and are always called what they are (``data.captions``
is ``attributes``): no person wrote them. They name no species, and what they mention is known.
"""

import numpy as np

from s2i_lib.datasets.photos.cub_attributes import COLOUR_ATTRIBUTES
from s2i_lib.datasets.rendered.captions import (
    ALL_CLAUSE_FORMS,
    CLAUSE_FORMS,
    LIST_FORMS,
    SPLIT_FORMS,
    FormGroups,
    Statement,
    listed,
    of_fitting_length,
    one_of,
    random_forms,
    sentence,
    with_article,
)

MIN_WORDS, MAX_WORDS = 6, 26
_COUNTS, _COUNT_SHARES = (3, 4, 5, 6), (0.25, 0.35, 0.25, 0.15)
_FORM_GROUPS: FormGroups = ((LIST_FORMS, 0.5), (SPLIT_FORMS, 0.16), (CLAUSE_FORMS, 0.22), (ALL_CLAUSE_FORMS, 0.12))

Words = dict[str, tuple[str, ...]]  # value or part -> what it is called, the usual word more often

# Values that nobody remarks on.
UNREMARKABLE = {"solid", "multi-colored", "all-purpose", "plain", "medium"}

_COLOUR_WORDS: Words = {
    "grey": ("grey", "grey", "dark grey", "light grey"),
    "brown": ("brown", "brown", "dark brown"),
    "buff": ("tan", "tan", "buff", "sandy"),
    "rufous": ("reddish brown", "rusty", "rufous"),
    "olive": ("olive", "olive green"),
    "yellow": ("yellow", "yellow", "bright yellow"),
    "red": ("red", "red", "bright red"),
    "blue": ("blue", "blue", "bright blue"),
    "iridescent": ("shiny", "iridescent"),
}
_PATTERN_WORDS: Words = {"striped": ("striped", "streaked"), "spotted": ("spotted", "speckled")}
_PARTS: Words = {
    "crown": ("crown", "crown", "cap", "top of the head"),
    "nape": ("nape", "neck"),
    "throat": ("throat", "throat", "chin"),
    "breast": ("breast", "breast", "chest"),
    "belly": ("belly", "belly", "abdomen"),
    "back": ("back",),
    "wing": ("wings", "wings", "wing feathers"),
    "tail": ("tail", "tail", "tail feathers"),
    "leg": ("legs", "legs", "feet"),
    "bill": ("bill", "beak", "bill"),
}
_PLURAL = {"wings", "wing feathers", "tail feathers", "legs", "feet"}
_BILL_SHAPES: Words = {
    "cone": ("cone shaped", "stubby"),
    "dagger": ("pointed", "dagger like"),
    "hooked": ("hooked",),
    "hooked at the tip": ("hooked",),
    "curved": ("curved",),
    "needle": ("needle like", "thin"),
    "spatulate": ("flat", "spoon shaped"),
}
_BILL_LENGTHS: Words = {"short": ("short", "short", "small"), "long": ("long",)}
_WORDS: dict[str, Words] = {"bill_length": _BILL_LENGTHS, "bill_shape": _BILL_SHAPES}
_SIZES: Words = {
    "very small": ("very small", "tiny"),
    "small": ("small", "small", "little"),
    "large": ("large", "big"),
    "very large": ("very large", "huge"),
}
_SHAPES = {
    "perching": "perching bird",
    "upright perching water": "upright water bird",
    "tree clinging": "tree clinging bird",
    "long legged": "long legged bird",
    "upland ground": "ground bird",
    "chicken like marsh": "marsh bird",
    "duck": "duck like bird",
    "gull": "gull like bird",
    "hawk": "hawk like bird",
    "hummingbird": "hummingbird like bird",
    "owl": "owl like bird",
    "pigeon": "pigeon like bird",
    "sandpiper": "sandpiper like bird",
    "swallow": "swallow like bird",
}
_HEADS = {
    "capped": ("a cap of another color", "its head has a cap of another color"),
    "crested": ("a crest", "it has a crest on its head"),
    "eyebrow": ("a stripe above the eye", "there is a stripe above its eye"),
    "eyeline": ("a line through the eye", "a line runs through its eye"),
    "eyering": ("a ring around the eye", "there is a ring around its eye"),
    "malar": ("a stripe below the cheek", "there is a stripe below its cheek"),
    "masked": ("a mask across the face", "its face has a mask"),
    "spotted": ("a spotted head", "its head is spotted"),
    "striped": ("a striped head", "its head is striped"),
}


def compose_caption(attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """One sentence about a bird, and exactly the attributes that it states.

    Args:
        attributes: what is known of it, see ``cub_attributes.ATTRIBUTES``; not every attribute need be.
        rng: source of the choice of attributes, words and sentence form.

    Returns:
        A lower-case sentence of 6 to 26 words that states three to six attributes (fewer, if fewer are remarkable), and these.

    Raises:
        ValueError: nothing remarkable is known.
    """
    remarkable = [name for name, value in attributes.items() if value not in UNREMARKABLE]
    if not remarkable:
        raise ValueError("nothing remarkable is known of this bird, so that nothing can be said about it")
    count = min(int(rng.choice(_COUNTS, p=_COUNT_SHARES)), len(remarkable))
    chosen = set(rng.choice(remarkable, count, replace=False))
    mentioned = {name: value for name, value in attributes.items() if name in chosen}
    return of_fitting_length(lambda: _compose(mentioned, rng), MIN_WORDS, MAX_WORDS), mentioned


def _compose(mentioned: dict[str, str], rng: np.random.Generator) -> str:
    left = dict(mentioned)
    adjectives = [one_of(rng, _SIZES[left.pop("size")])] if "size" in left else []
    if "primary" in left:
        adjectives.append(_word("primary", left.pop("primary"), rng))
    noun = " ".join([*adjectives, _SHAPES[left.pop("shape")] if "shape" in left else "bird"])
    statements = _statements(left, rng)
    if not statements:
        return f"{one_of(rng, ('this is', 'here is', 'a picture of', 'we see'))} {with_article(noun)} in the photo."
    forms = random_forms(_FORM_GROUPS, rng) if len(statements) > 1 else LIST_FORMS
    return sentence(one_of(rng, forms), noun, statements, rng)


def _statements(left: dict[str, str], rng: np.random.Generator) -> list[Statement]:
    """What is said of each part, in any order; now and then, parts of one colour in one statement."""
    result, told = [], set()
    plain = [name for name in COLOUR_ATTRIBUTES if name in left and name in _PARTS and f"{name}_pattern" not in left]
    for colour in dict.fromkeys(left[name] for name in plain):  # a set differs by process
        alike = [name for name in plain if left[name] == colour]
        if len(alike) > 1 and rng.random() < 0.6:
            parts = listed([_PARTS[name][0] for name in alike])
            word = _word(alike[0], colour, rng)
            phrase = f"{word} {parts}"
            first_plural = _PARTS[alike[0]][0] in _PLURAL
            result.append(Statement(phrase if first_plural else with_article(phrase), f"its {parts} are {word}", shared=True))
            told.update(alike)
    for part in _PARTS:
        named = {"bill": ("bill_length", "bill_colour", "bill_shape")}.get(part, (f"{part}_pattern", part))
        words = [_word(name, left[name], rng) for name in named if name in left and name not in told]
        if words:
            result.append(_about_part(one_of(rng, _PARTS[part]), words, rng))
    if "head_pattern" in left:
        result.append(Statement(*_HEADS[left["head_pattern"]]))
    return [result[index] for index in rng.permutation(len(result))]


def _word(name: str, value: str, rng: np.random.Generator) -> str:
    return one_of(rng, _WORDS.get(name, _PATTERN_WORDS if name.endswith("_pattern") else _COLOUR_WORDS).get(value, (value,)))


def _about_part(noun: str, words: list[str], rng: np.random.Generator) -> Statement:
    verb = "are" if noun in _PLURAL else "is"
    clause = f"{one_of(rng, ('its', 'its', 'the'))} {noun} {verb} {' and '.join(words)}"
    if noun == "top of the head":
        return Statement(f"{' '.join(words)} feathers on top of the head", clause)
    phrase = f"{' '.join(words)} {noun}"
    return Statement(phrase if noun in _PLURAL else with_article(phrase), clause)
