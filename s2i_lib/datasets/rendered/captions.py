"""What the captions of all rendered data sets are made of.

A caption is composed in three steps: choose which attributes to mention, turn them into statements about parts of the subject
(``Statement``), and arrange the statements in a sentence form, each statement either as a noun phrase ("black wings with white
bars") or as a clause ("its wings are black with white bars"). Every sentence states the mentioned attributes, all of them, and
nothing else. ``TemplateCaptions`` takes all three steps where each attribute makes a statement of its own.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from s2i_lib.datasets.rendered.class_tables import Attributes, check_attributes

_Choice = TypeVar("_Choice")

MIN_WORDS, MAX_WORDS = 6, 18

# Values that people leave out: nobody says that a bird has no crest.
UNREMARKABLE = {"none", "plain", "single"}

_COUNT_SHARES = {2: 0.16, 3: 0.34, 4: 0.34, 5: 0.16}
_SYNONYM_SHARE = 0.15
_ATTEMPTS = 1000  # to find a sentence of fitting length

_COLOUR_WORDS = {
    "black": ("jet black", "ebony"),
    "white": ("snowy white", "pure white"),
    "grey": ("ash grey", "slate grey"),
    "brown": ("rusty brown", "chestnut brown", "chocolate brown"),
    "red": ("scarlet", "crimson", "bright red"),
    "orange": ("bright orange", "deep orange"),
    "yellow": ("golden", "golden yellow", "bright yellow"),
    "green": ("emerald green", "leaf green", "bright green"),
    "blue": ("bright blue", "royal blue", "deep blue"),
    "purple": ("violet", "deep purple"),
    "pink": ("bright pink", "soft pink"),
}

# Sentence forms. {noun} is what is described, with or without adjectives, and {a_noun} the same with its article; {all} lists
# all statements as noun phrases, {some} and {rest} are the two halves of that list, {clauses} is the second half as clauses and
# {all_clauses} are all statements as clauses.
LIST_FORMS = (
    "{a_noun} with {all}",
    "{a_noun} that has {all}",
    "{a_noun} which has {all}",
    "this {noun} has {all}",
    "the {noun} has {all}",
    "this is {a_noun} with {all}",
    "this is {a_noun} that has {all}",
    "there is {a_noun} with {all}",
    "here is {a_noun} with {all}",
    "it is {a_noun} with {all}",
    "we see {a_noun} with {all}",
    "i can see {a_noun} with {all}",
    "a picture of {a_noun} with {all}",
    "{a_noun} showing {all}",
    "this {noun} shows {all}",
    "{a_noun} featuring {all}",
    "look at the {noun} with {all}",
    "you can tell this {noun} by {all}",
    "the {noun} in the picture has {all}",
)
SPLIT_FORMS = (
    "{a_noun} with {some}, and it has {rest}",
    "this {noun} has {some}, and also {rest}",
    "with {some}, this {noun} also has {rest}",
    "the {noun} has {some} as well as {rest}",
    "this {noun} has {some} along with {rest}",
    "besides {some}, this {noun} has {rest}",
)
CLAUSE_FORMS = (
    "{a_noun} with {some}, {clauses}",
    "this {noun} has {some}, {clauses}",
    "this {noun} has {some} while {clauses}",
    "the {noun} has {some}, and {clauses}",
    "a picture of {a_noun} with {some}, {clauses}",
    "{a_noun} that has {some}, {clauses}",
)
ALL_CLAUSE_FORMS = (
    "on this {noun}, {all_clauses}",
    "as for this {noun}, {all_clauses}",
    "on the {noun} we see, {all_clauses}",
    "this {noun} is easy to spot, {all_clauses}",
    "this is {a_noun} and {all_clauses}",
)


Forms = tuple[str, ...]
FormGroups = tuple[tuple[Forms, float], ...]  # forms, and the share of sentences that have one of them


@dataclass(frozen=True)
class Statement:
    """What is said of one part, or of parts that share a colour.

    Attributes:
        phrase: a noun phrase with its article.
        clause: a main clause.
        shared: does it join two parts by an "and" of its own?
    """

    phrase: str
    clause: str
    shared: bool = False


def one_of(rng: np.random.Generator, words: Sequence[_Choice]) -> _Choice:
    """Any of the words (or of other things), all equally likely."""
    return words[int(rng.integers(len(words)))]


def colour_word(colour: str, rng: np.random.Generator) -> str:
    """The colour's own name or, now and then, a synonym."""
    if rng.random() < _SYNONYM_SHARE:
        return one_of(rng, _COLOUR_WORDS[colour])
    return colour


def with_article(words: str) -> str:
    """Put "a" or "an" in front."""
    return ("an " if _vowel_first(words) else "a ") + words


def listed(items: Sequence[str]) -> str:
    """Join with commas and a final "and"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def random_count(rng: np.random.Generator) -> int:
    """How many attributes to mention, two to five."""
    return int(rng.choice(list(_COUNT_SHARES), p=list(_COUNT_SHARES.values())))


def random_forms(groups: FormGroups, rng: np.random.Generator) -> Forms:
    """One group of sentence forms, as often as its share says."""
    return groups[int(rng.choice(len(groups), p=[share for _, share in groups]))][0]


def sentence(form: str, noun: str, statements: list[Statement], rng: np.random.Generator, **words: str) -> str:
    """Fill a form with statements, and with further words that it asks for."""
    half = rng.integers(1, max(len(statements), 2))
    phrases = [statement.phrase for statement in statements]
    clauses = [statement.clause for statement in statements]
    return (
        form.format(
            noun=noun,
            a_noun=with_article(noun),
            all=listed(phrases),
            some=listed(phrases[:half]),
            rest=listed(phrases[half:]),
            clauses=listed(clauses[half:]),
            all_clauses=listed(clauses),
            **words,
        )
        + "."
    )


def of_fitting_length(compose: Callable[[], str], shortest: int = MIN_WORDS, longest: int = MAX_WORDS) -> str:
    """Compose until the sentence is neither too short nor too long, in words.

    A form that is too long for some attributes gives way to another one, since `compose` chooses anew each time.
    """
    while True:
        caption = compose()
        if shortest <= len(caption.split()) <= longest:
            return caption


@dataclass(frozen=True)
class TemplateCaptions:
    """Composes captions in which each mentioned attribute makes a statement of its own.

    Attributes:
        noun: what is described.
        values: the attributes that it has, and their values.
        templates: attribute, or one of its values -> a noun phrase and a main clause. ``{}`` in them becomes the value, or a
            synonym if that is a colour: ``"tail": ("a {} tail", "its tail is {}")``, ``"striped": ("stripes", "it has
            stripes")``.
    """

    noun: str
    values: Attributes
    templates: Mapping[str, tuple[str, str]]

    def __call__(self, attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
        """A sentence of 6 to 18 words, and the two to five attributes that it mentions.

        Raises:
            ValueError: an attribute is missing, unknown or has an unknown value; or no sentence of that length was found,
                because the templates are too short or too long.
        """
        check_attributes(attributes, self.values)
        remarkable = [name for name, value in attributes.items() if value not in UNREMARKABLE]
        for _ in range(_ATTEMPTS):
            chosen = rng.choice(remarkable, min(random_count(rng), len(remarkable)), replace=False)
            statements = [self._statement(str(name), attributes[name], rng) for name in chosen]
            forms = one_of(rng, (LIST_FORMS, SPLIT_FORMS, CLAUSE_FORMS, ALL_CLAUSE_FORMS)) if len(chosen) > 1 else LIST_FORMS
            caption = re.sub(r"\ba (?=[aeiou])", "an ", sentence(one_of(rng, forms), self.noun, statements, rng))
            if MIN_WORDS <= len(caption.split()) <= MAX_WORDS:
                return caption, {name: value for name, value in attributes.items() if name in chosen}
        raise ValueError(f"no sentence of {MIN_WORDS} to {MAX_WORDS} words about this {self.noun}: change its templates")

    def _statement(self, name: str, value: str, rng: np.random.Generator) -> Statement:
        phrase, clause = self.templates[value if value in self.templates else name]
        word = colour_word(value, rng) if value in _COLOUR_WORDS else value
        return Statement(phrase.format(word), clause.format(word))


def one_word_changes(
    captions: Iterable[tuple[str, Mapping[str, str]]], colours: Attributes, count: int
) -> list[tuple[str, str, str, str, tuple[str, ...]]]:
    """Captions in which one word can be replaced so that one part has another colour, at most one for each part.

    Args:
        captions: text, and attribute -> value of what it mentions.
        colours: the attributes that are colours of a part, and their values.
        count: how many are wanted.

    Returns:
        Up to `count` of: part, its colour, another colour that the caption does not mention and that has the same article, the
        text with ``{}`` in place of the colour, and the other parts whose colour the caption mentions.

    Raises:
        ValueError: there is no such caption.
    """
    found: dict[str, tuple[str, str, str, str, tuple[str, ...]]] = {}
    for text, mentioned in captions:
        for part in [name for name in colours if name in mentioned and name not in found]:
            before, stated = mentioned[part], list(mentioned.values())
            new = [value for value in colours[part] if value not in {*stated, *UNREMARKABLE}]
            others = [value for value in new if _vowel_first(value) == _vowel_first(before)]
            gap, replaced = re.subn(rf"\b{before}\b", "{}", text)
            if others and replaced == stated.count(before) == 1:
                kept = tuple(name for name in colours if name in mentioned and name != part)
                found[part] = part, before, others[len(others) // 2], gap, kept
                break
        if len(found) == count:
            break
    if not found:
        raise ValueError("no caption names a colour that can be replaced")
    return list(found.values())


def _vowel_first(word: str) -> bool:
    return word[0] in "aeiou"
