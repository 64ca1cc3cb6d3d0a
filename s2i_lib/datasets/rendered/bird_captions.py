"""Captions of rendered birds, in the manner of people who describe CUB birds.

Wing colour and wing bars, say, make one statement ("black wings with white bars"), and so do the colour and the length of the
bill.
"""

import numpy as np

from s2i_lib.datasets.rendered.captions import (
    ALL_CLAUSE_FORMS,
    CLAUSE_FORMS,
    LIST_FORMS,
    SPLIT_FORMS,
    UNREMARKABLE,
    FormGroups,
    Forms,
    Statement,
    colour_word,
    of_fitting_length,
    one_of,
    random_count,
    random_forms,
    sentence,
    with_article,
)

COLOUR_ATTRIBUTES: tuple[str, ...] = ("crown", "back", "wing", "breast", "tail")

# Each part's names in the singular or the plural; the first is the usual one.
_PART_WORDS = {
    "crown": ("crown", "head", "cap", "top of the head"),
    "back": ("back", "back", "mantle", "upper back"),
    "wing": ("wings", "wings", "wing feathers"),
    "breast": ("breast", "belly", "chest", "underside"),
    "tail": ("tail", "tail", "tail feathers"),
    "bill": ("bill", "beak"),
}
_SIZE_WORDS = {"small": ("small", "small", "little", "tiny"), "large": ("large", "large", "big")}
_COMPOUNDS = {
    "crown": ("headed", "crowned", "capped"),
    "back": ("backed",),
    "wing": ("winged",),
    "breast": ("breasted", "bellied", "chested"),
    "tail": ("tailed",),
    "bill": ("billed", "beaked"),
}

# Forms in which {size}, a word for the size, is not among the adjectives.
_SIZE_FORMS = (
    "this bird is {size} with {all}",
    "the bird is {size} and has {all}",
    "this bird is {size} and it has {all}",
    "a bird that is {size} with {all}",
    "this bird is {size} and shows {all}",
    "it is a {size} one with {all}",
)
_FORM_GROUPS: FormGroups = ((LIST_FORMS, 0.5), (SPLIT_FORMS, 0.14), (CLAUSE_FORMS, 0.24), (ALL_CLAUSE_FORMS, 0.12))


def compose_caption(attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """A sentence of 6 to 18 words about a bird with valid attributes, and what it mentions; see ``birds.describe``."""
    mentioned = _choose(attributes, rng)
    return of_fitting_length(lambda: _compose(mentioned, rng)), mentioned


def _choose(attributes: dict[str, str], rng: np.random.Generator) -> dict[str, str]:
    """Two to five attributes, mostly colours, in the order of the table."""
    remarkable = [name for name, value in attributes.items() if name not in COLOUR_ATTRIBUTES and value not in UNREMARKABLE]
    count = random_count(rng)
    # of what goes beyond two colours, about half is about something else
    others = min(rng.binomial(count - 2, 0.55) + (rng.random() < 0.06), len(remarkable))
    chosen = {*rng.choice(COLOUR_ATTRIBUTES, count - others, replace=False), *rng.choice(remarkable, others, replace=False)}
    return {name: value for name, value in attributes.items() if name in chosen}


# --- statements ---


def _part_word(part: str, rng: np.random.Generator) -> str:
    words = _PART_WORDS[part]
    return words[0] if rng.random() < 0.4 else one_of(rng, words)


def _is_plural(noun: str) -> bool:
    return noun in ("wings", "wing feathers", "tail feathers")


def _about_part(noun: str, adjectives: str, addition: str, rng: np.random.Generator) -> Statement:
    """A part with its adjectives, and what may follow: "with white bars"."""
    tail = f" {addition}" if addition else ""
    verb = "are" if _is_plural(noun) else "is"
    clause = f"{one_of(rng, ('its', 'its', 'the'))} {noun} {verb} {adjectives}{tail}"
    if noun == "top of the head":
        return Statement(f"{adjectives} on top of the head{tail}", clause)
    phrase = f"{adjectives} {noun}{tail}"
    return Statement(phrase if _is_plural(noun) else with_article(phrase), clause)


def _about_wing(mentioned: dict[str, str], rng: np.random.Generator) -> Statement:
    if "wing_bars" not in mentioned:
        return _about_part(_part_word("wing", rng), colour_word(mentioned["wing"], rng), "", rng)
    if "wing" not in mentioned:
        return Statement(
            one_of(rng, ("white wing bars", "white bars on its wings", "two white wing bars")),
            one_of(rng, ("its wings have white bars", "the wing bars are white")),
        )
    colour = colour_word(mentioned["wing"], rng)
    return _about_part("wings", colour, one_of(rng, ("with white bars", "with white wing bars", "barred with white")), rng)


def _about_breast(mentioned: dict[str, str], rng: np.random.Generator) -> Statement:
    noun, pattern = _part_word("breast", rng), mentioned.get("breast_pattern")
    if pattern is None:
        return _about_part(noun, colour_word(mentioned["breast"], rng), "", rng)
    if "breast" not in mentioned:
        return _about_part(noun, pattern, "", rng)
    colour = colour_word(mentioned["breast"], rng)
    marks = {"streaked": "streaks", "spotted": "spots"}[pattern]
    if rng.random() < 0.5:
        return _about_part(noun, colour, f"with {marks}", rng)
    statement = _about_part(noun, f"{colour} and {pattern}", "", rng)
    return Statement(with_article(f"{pattern} {colour} {noun}"), statement.clause)


def _about_bill(mentioned: dict[str, str], rng: np.random.Generator) -> Statement:
    noun, length = _part_word("bill", rng), mentioned.get("bill_length")
    words = [word for word in (length, mentioned.get("bill_colour")) if word]
    statement = _about_part(noun, " and ".join(words), "", rng)
    return Statement(with_article(f"{' '.join(words)} {noun}"), statement.clause)


def _about_crest(rng: np.random.Generator) -> Statement:
    kind = one_of(rng, ("crest", "crest", "tall crest", "pointed crest"))
    return Statement(with_article(kind), f"it has {with_article(kind)}")


def _about_shared(parts: list[str], colour: str, rng: np.random.Generator) -> Statement:
    """Two parts of one colour: "a blue crown and tail"."""
    first, second = (_PART_WORDS[part][0] for part in parts)
    word = colour_word(colour, rng)
    start = f"{word} {first}" if _is_plural(first) else with_article(f"{word} {first}")
    second_phrase = f"{word} {second}" if _is_plural(second) else second
    return Statement(f"{start} and {second_phrase}", f"its {first} and {second} are {word}", shared=True)


def _shared_parts(mentioned: dict[str, str], rng: np.random.Generator) -> list[str]:
    """Two parts mentioned by colour alone that have the same one, or none."""
    plain = [
        part
        for part in COLOUR_ATTRIBUTES
        if part in mentioned
        and not (part == "wing" and "wing_bars" in mentioned)
        and not (part == "breast" and "breast_pattern" in mentioned)
    ]
    for index, first in enumerate(plain):
        for second in plain[index + 1 :]:
            if mentioned[first] == mentioned[second] and rng.random() < 0.8:
                return [first, second]
    return []


def _statements(mentioned: dict[str, str], rng: np.random.Generator) -> list[Statement]:
    """Statements of everything in `mentioned` but the size, in random order.

    A shared statement comes last: "red wings and a blue crown and tail" is easier to follow than the reverse.
    """
    result, left = [], dict(mentioned)
    shared = _shared_parts(left, rng)
    if shared:
        result.append(_about_shared(shared, left[shared[0]], rng))
        left = {name: value for name, value in left.items() if name not in shared}
    for part in ("crown", "back", "tail"):
        if part in left:
            result.append(_about_part(_part_word(part, rng), colour_word(left[part], rng), "", rng))
    if "wing" in left or "wing_bars" in left:
        result.append(_about_wing(left, rng))
    if "breast" in left or "breast_pattern" in left:
        result.append(_about_breast(left, rng))
    if "bill_length" in left or "bill_colour" in left:
        result.append(_about_bill(left, rng))
    if "crest" in left:
        result.append(_about_crest(rng))
    shuffled = [result[index] for index in rng.permutation(len(result))]
    return sorted(shuffled, key=lambda statement: statement.shared)


# --- sentences ---


def _take_compound(mentioned: dict[str, str], rng: np.random.Generator) -> tuple[str, str]:
    """An adjective such as "red headed", and the attribute that it states."""
    candidates = {
        **{part: (part, mentioned[part]) for part in COLOUR_ATTRIBUTES if part in mentioned},
        **{name: ("bill", mentioned[name]) for name in ("bill_length",) if name in mentioned},
    }
    if "wing_bars" in mentioned:  # the bars would be left without their wings
        candidates.pop("wing", None)
    if "breast_pattern" in mentioned:
        candidates.pop("breast", None)
    if not candidates:
        return "", ""
    name = one_of(rng, list(candidates))
    part, value = candidates[name]
    return f"{value} {one_of(rng, _COMPOUNDS[part])}", name


def _choose_forms(left: dict[str, str], size: str, rng: np.random.Generator) -> Forms:
    """The group of sentence forms to use; that of the size if it is to be told."""
    if size and left and rng.random() < 0.25:
        return _SIZE_FORMS
    return random_forms(_FORM_GROUPS, rng)


def _compose(mentioned: dict[str, str], rng: np.random.Generator) -> str:
    """One sentence that states all of `mentioned`, of any length."""
    left = dict(mentioned)
    size = one_of(rng, _SIZE_WORDS[left.pop("size")]) if "size" in left else ""
    forms = _choose_forms(left, size, rng)
    adjectives = [size] if size and forms is not _SIZE_FORMS else []
    if len(left) > 2 and forms is not _SIZE_FORMS and rng.random() < 0.2:
        compound, name = _take_compound(left, rng)
        if compound:
            adjectives.append(compound)
            left.pop(name)
    statements = _statements(left, rng)
    if len(statements) < 2 and forms is not _SIZE_FORMS:
        forms = LIST_FORMS  # the others need a second statement
    noun = " ".join([*adjectives, "bird"])
    return sentence(one_of(rng, forms), noun, statements, rng, size=size)
