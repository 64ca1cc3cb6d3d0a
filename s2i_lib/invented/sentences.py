"""The sentences of the invented language: what an English caption says about a bird, said in another way.

The verb comes last and an adjective after its noun; there are no articles. Suffixes on the last word of a phrase say what it
does in the sentence, and "and" is one of them. What is said of a part of the body is said in one of two ways: by its noun and
an adjective, "crown red", or by an adjective with the part as its prefix, "crown:red", which is one word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from s2i_lib.invented.words import COLOURS, LENGTHS, PARTS, PATTERNS, SIZES, WORDS, Word, pronounce

_Choice = TypeVar("_Choice")
Phrase = list[Word]

_COLOUR_PARTS = ("crown", "back", "wing", "breast", "tail")
_PREFIX_SHARE, _SYNONYM_SHARE, _USUAL_SHARE, _SHARED_SHARE, _SIZE_SHARE = 0.3, 0.15, 0.4, 0.8, 0.25

# Sentence forms: glosses, and in capitals what is put in. ALL are all phrases, SOME and REST the two halves of them; a suffix
# behind them goes to each phrase.
_LIST_FORMS = (
    "BIRD ALL-with",
    "BIRD ALL-with exist",
    "BIRD ALL-object have",
    "BIRD-this ALL-object have",
    "BIRD-this ALL-object show",
    "BIRD-this ALL-with exist",
    "BIRD ALL-with see-I",
    "BIRD ALL-with look-you",
    "ALL-with BIRD-this know-you",
    "picture-in BIRD ALL-with exist",
    "picture-in BIRD ALL-object have",
    "here BIRD ALL-with exist",
)
_SPLIT_FORMS = (
    "BIRD SOME-with exist , REST-object also have",
    "BIRD-this SOME-object have , REST-object also have",
    "SOME-with BIRD-this REST-object also show",
)
_CLAUSE_FORMS = (
    "BIRD SOME-with exist , REST-is",
    "BIRD SOME-with see-I , REST-is",
    "BIRD-this SOME-object have , REST-is",
    "picture-in BIRD SOME-with exist , REST-is",
)
_ALL_CLAUSE_FORMS = ("BIRD-this-about ALL-is", "BIRD see-I , ALL-is", "picture-in BIRD exist , ALL-is")
_SIZE_FORMS = ("BIRD-this SIZE-is , ALL-object have", "BIRD SIZE-is ALL-with exist", "picture-in BIRD SIZE-is , ALL-with exist")
_FORM_GROUPS = (_LIST_FORMS, _SPLIT_FORMS, _CLAUSE_FORMS, _ALL_CLAUSE_FORMS)
_FORM_SHARES = (0.5, 0.14, 0.24, 0.12)  # those of the English captions


@dataclass(frozen=True)
class Sentence:
    """A sentence as clauses of words, see ``words``."""

    clauses: tuple[tuple[Word, ...], ...]

    @property
    def gloss(self) -> str:
        """What each word means: "bird crown red-with see-I"."""
        return ", ".join(" ".join("".join(word) for word in clause) for clause in self.clauses)

    @property
    def phonemes(self) -> str:
        """What synthesizers are given, see ``sounds``."""
        return self.pronounced()

    def pronounced(self, words: Mapping[str, str] = WORDS) -> str:
        """Its phonemes in the language with these words."""
        return ", ".join(" ".join(pronounce(word, words) for word in clause) for clause in self.clauses) + "."


def describe(mentioned: Mapping[str, str], rng: np.random.Generator) -> str:
    """The phonemes of one sentence that says exactly these attributes of a bird, see ``compose``."""
    return compose(mentioned, rng).phonemes


def compose(mentioned: Mapping[str, str], rng: np.random.Generator) -> Sentence:
    """One sentence that says exactly these attributes of a bird.

    Args:
        mentioned: attribute -> value as in ``Caption.mentioned`` of rendered birds, at least one.
        rng: source of the choice of words, their order and the sentence form.

    Raises:
        ValueError: nothing is mentioned, or an attribute or a value for which there is no word.
    """
    _check(mentioned)
    phrases = _phrases(mentioned, rng)
    size = _one_of(rng, SIZES[mentioned["size"]]) if "size" in mentioned else None
    if size and phrases and rng.random() < _SIZE_SHARE:
        form, size_of_noun = _one_of(rng, _SIZE_FORMS), []
    else:
        group = _FORM_GROUPS[int(rng.choice(len(_FORM_GROUPS), p=_FORM_SHARES))] if len(phrases) > 1 else _LIST_FORMS
        form, size_of_noun = _one_of(rng, group), [size] if size else []
    half = int(rng.integers(1, max(len(phrases), 2)))
    slots = {"BIRD": [[("bird",), *size_of_noun]], "ALL": phrases, "SOME": phrases[:half], "REST": phrases[half:]}
    if size:
        slots["SIZE"] = [[size]]
    return _fill(form if phrases else "BIRD exist", slots)


def _check(mentioned: Mapping[str, str]) -> None:
    allowed = {
        **dict.fromkeys(_COLOUR_PARTS, tuple(COLOURS)),
        "wing_bars": ("white",),
        "breast_pattern": PATTERNS,
        "crest": ("crested",),
        "bill_length": LENGTHS,
        "bill_colour": ("black", "orange"),
        "size": tuple(SIZES),
    }
    unknown = {name: value for name, value in mentioned.items() if value not in allowed.get(name, ())}
    if unknown or not mentioned:
        raise ValueError(f"there are no words for {unknown}" if unknown else "nothing is mentioned")


def _fill(form: str, slots: Mapping[str, list[Phrase]]) -> Sentence:
    clauses: list[tuple[Word, ...]] = []
    for clause in form.split(" , "):
        words: list[Word] = []
        for token in clause.split():
            name, *suffixes = token.split("-")
            words += _listed(slots.get(name, [[(name,)]]), [f"-{suffix}" for suffix in suffixes])
        clauses.append(tuple(words))
    return Sentence(tuple(clauses))


def _listed(phrases: list[Phrase], suffixes: list[str]) -> Phrase:
    """Phrases side by side: suffixes on the last word of each, and "and" on that of the last one."""
    words: Phrase = []
    for number, phrase in enumerate(phrases, 1):
        joined = ["-and"] if number == len(phrases) > 1 else []
        words += [*phrase[:-1], (*phrase[-1], *suffixes, *joined)]
    return words


# --- phrases ---


def _phrases(mentioned: Mapping[str, str], rng: np.random.Generator) -> list[Phrase]:
    """Phrases of everything in `mentioned` but the size, in random order; one of two parts that share a colour comes last."""
    left = dict(mentioned)
    shared = _shared_parts(left, rng)
    together = [[*_joined_nouns(shared), _colour(left[shared[0]], rng)]] if shared else []
    left = {name: value for name, value in left.items() if name not in shared}
    adjectives = {part: [_colour(left[part], rng)] for part in _COLOUR_PARTS if part in left}
    for part, names in {"breast": ("breast_pattern",), "bill": ("bill_length", "bill_colour")}.items():
        words: Phrase = adjectives.pop(part, []) + [(left[name],) for name in names if name in left]
        adjectives |= {part: _shuffled(words, rng)} if words else {}
    about = {part: _about(part, words, rng) for part, words in adjectives.items()}
    if "wing_bars" in left:  # they follow what is said of the wing
        bars: Phrase = [_one_of(rng, (("bar",), ("wing:", "bar"))), (left["wing_bars"],)]
        about["wing"] = about.get("wing", []) + bars
    found = list(about.values())
    if "crest" in left:
        found.append([("crest",), *_one_of(rng, ([], [], [("tall",)], [("pointed",)]))])
    return _shuffled(found, rng) + together


def _about(part: str, adjectives: Phrase, rng: np.random.Generator) -> Phrase:
    """A part and its adjectives: as a noun before them, or as the prefix of each."""
    if rng.random() < _PREFIX_SHARE:
        return [(f"{part}:", *word) for word in adjectives]
    noun = PARTS[part][0] if rng.random() < _USUAL_SHARE else _one_of(rng, PARTS[part])
    return [noun, *adjectives]


def _joined_nouns(parts: list[str]) -> Phrase:
    first, second = (PARTS[part][0] for part in parts)
    return [first, (*second, "-and")]


def _shared_parts(mentioned: Mapping[str, str], rng: np.random.Generator) -> list[str]:
    """Two parts mentioned by colour alone that have the same one, or none."""
    with_more = {"wing": "wing_bars", "breast": "breast_pattern"}
    plain = [part for part in _COLOUR_PARTS if part in mentioned and with_more.get(part) not in mentioned]
    pairs = [[one, two] for k, one in enumerate(plain) for two in plain[k + 1 :] if mentioned[one] == mentioned[two]]
    return next((pair for pair in pairs if rng.random() < _SHARED_SHARE), [])


def _colour(value: str, rng: np.random.Generator) -> Word:
    """The usual word of a colour or, now and then, another one."""
    usual, *others = COLOURS[value]
    return _one_of(rng, others) if rng.random() < _SYNONYM_SHARE else usual


def _one_of(rng: np.random.Generator, choices: Sequence[_Choice]) -> _Choice:
    return choices[int(rng.integers(len(choices)))]


def _shuffled(items: list[_Choice], rng: np.random.Generator) -> list[_Choice]:
    return [items[index] for index in rng.permutation(len(items))]
