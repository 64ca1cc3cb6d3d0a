"""What the captions of all rendered data sets are made of.

A caption is composed in three steps: choose which attributes to mention, turn
them into statements about parts of the subject (:class:`Statement`), and
arrange the statements in a sentence form, each statement either as a noun
phrase ("black wings with white bars") or as a clause ("its wings are black
with white bars").  Every sentence states the mentioned attributes, all of
them, and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MIN_WORDS, MAX_WORDS = 6, 18

# Values that people leave out: nobody says that a bird has no crest.
UNREMARKABLE = {"none", "plain", "single"}

_COUNT_SHARES = {2: 0.16, 3: 0.34, 4: 0.34, 5: 0.16}
_SYNONYM_SHARE = 0.15

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

# Sentence forms.  {noun} is what is described, with or without adjectives, and
# {a_noun} the same with its article; {all} lists all statements as noun
# phrases, {some} and {rest} are the two halves of that list, {clauses} is the
# second half as clauses and {all_clauses} are all statements as clauses.
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


@dataclass(frozen=True)
class Statement:
    """What is said of one part, or of parts that share a colour.

    ``phrase`` is a noun phrase with its article, ``clause`` a main clause;
    a ``shared`` statement joins two parts by an "and" of its own.
    """

    phrase: str
    clause: str
    shared: bool = False


def one_of(rng: np.random.Generator, words) -> str:
    """Any of the words, all equally likely."""
    return words[rng.integers(len(words))]


def colour_word(colour: str, rng: np.random.Generator) -> str:
    """The colour's own name or, now and then, a synonym."""
    if rng.random() < _SYNONYM_SHARE:
        return one_of(rng, _COLOUR_WORDS[colour])
    return colour


def with_article(words: str) -> str:
    """Put "a" or "an" in front."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def listed(items: list[str]) -> str:
    """Join with commas and a final "and"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def random_count(rng: np.random.Generator) -> int:
    """How many attributes to mention, two to five."""
    return rng.choice(list(_COUNT_SHARES), p=list(_COUNT_SHARES.values()))


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

    A form that is too long for some attributes gives way to another one, since
    ``compose`` chooses anew each time.
    """
    while True:
        caption = compose()
        if shortest <= len(caption.split()) <= longest:
            return caption
