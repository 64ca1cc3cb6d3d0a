"""The words of the invented language: forms drawn from a seed, and what they mean.

A word is a root that may have a prefix and suffixes. Here it is a tuple of glosses, ``("crown:", "red", "-with")``: a prefix
ends with a colon and a suffix begins with a hyphen, and side by side they are read as "crown:red-with". ``WORDS`` has the
sounds of each.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from s2i_lib.invented.sounds import STRESS, VOWELS

Word = tuple[str, ...]

SEED = 1
# Words for what birds.ATTRIBUTES names. The first of several is the usual one; there are as many as English captions have.
PARTS: Mapping[str, tuple[Word, ...]] = {
    "crown": (("crown",), ("head",), ("cap",), ("scalp",)),
    "back": (("back",), ("back",), ("mantle",), ("back", "-upper")),
    "wing": (("wing",), ("wing",), ("wing", "-feathers")),
    "breast": (("breast",), ("belly",), ("chest",), ("underside",)),
    "tail": (("tail",), ("tail",), ("tail", "-feathers")),
    "bill": (("bill",), ("beak",)),
}
COLOURS: Mapping[str, tuple[Word, ...]] = {  # the word itself, then what is said now and then instead
    "black": (("black",), ("black", "-deep"), ("ebony",)),
    "white": (("white",), ("white", "-bright"), ("white", "-pure")),
    "grey": (("grey",), ("grey", "-pale"), ("grey", "-deep")),
    "brown": (("brown",), ("brown", "-pale"), ("brown", "-bright"), ("brown", "-deep")),
    "red": (("red",), ("scarlet",), ("crimson",), ("red", "-bright")),
    "orange": (("orange",), ("orange", "-bright"), ("orange", "-deep")),
    "yellow": (("yellow",), ("golden",), ("golden", "-bright"), ("yellow", "-bright")),
    "green": (("green",), ("green", "-pure"), ("green", "-deep"), ("green", "-bright")),
    "blue": (("blue",), ("blue", "-bright"), ("blue", "-pure"), ("blue", "-deep")),
    "purple": (("purple",), ("violet",), ("purple", "-deep")),
}
SIZES: Mapping[str, tuple[Word, ...]] = {
    "small": (("small",), ("small",), ("little",), ("tiny",)),
    "large": (("large",), ("large",), ("big",)),
}
PATTERNS, LENGTHS = ("streaked", "spotted"), ("short", "long")
_OTHER_ROOTS = (
    *("bird", "crest", "tall", "pointed", "bar", "picture", "here", "also", "have", "show", "exist", "see", "look", "know"),
)
_CASES = ("-with", "-object", "-in", "-and", "-is", "-this", "-about", "-I", "-you")

# --- sounds of words ---

ONSETS = (*"pbtdkɡmnŋvszʃʒlɹ", "vl", "zm", "zl", "ʃk", "ʃn", "ŋw")  # ŋ, ʒ and these clusters begin hardly any English word
CODAS, PLOSIVES = ("ŋ", "ʃ", "l"), "pbtdkɡ"  # codas stand before plosives within a root; every word ends with a vowel
_CODA_SHARE, _ONE_SYLLABLE_SHARE = 0.5, 0.25
_LEAST_DIFFERENCE = 2  # in phonemes, between any two roots


def make_words(seed: int = SEED) -> dict[str, str]:
    """Gloss -> phonemes of every root, prefix and suffix of a language.

    No root or prefix begins with another one, and all suffixes have the same length, so that a word can be taken apart in one
    way only. Roots differ in at least two phonemes, and no two words are the same.

    Args:
        seed: another one gives another language with the same meanings.
    """
    rng = np.random.default_rng(seed)
    short = [onset + vowel for onset in ONSETS if len(onset) == 1 for vowel in VOWELS]
    prefixes, suffixes, roots = [f"{part}:" for part in PARTS], _suffixes(), _roots()
    drawn = [str(form) for form in rng.choice(short, len(prefixes) + len(suffixes), replace=False)]
    words = dict(zip([*prefixes, *suffixes], drawn, strict=True))
    taken = drawn[: len(prefixes)]
    for root in roots:
        form = _root_form(rng)
        while form in drawn or not _is_new(form, taken):
            form = _root_form(rng)
        words[root] = form
        taken.append(form)
    return words


def _suffixes() -> list[str]:
    """All suffixes, without repetition: cases and the like, and those that make a word of another one."""
    synonyms = [*PARTS.values(), *COLOURS.values()]
    made = [gloss for words in synonyms for word in words for gloss in word if gloss.startswith("-")]
    return list(dict.fromkeys([*_CASES, *made]))


def _roots() -> list[str]:
    """All roots, without repetition."""
    synonyms = [*PARTS.values(), *COLOURS.values(), *SIZES.values()]
    roots = [word[0] for words in synonyms for word in words]
    return list(dict.fromkeys([*roots, *PATTERNS, *LENGTHS, *_OTHER_ROOTS]))


def _root_form(rng: np.random.Generator) -> str:
    """One or two open syllables; between them there may be a coda."""
    first, second = (str(rng.choice(ONSETS)) + str(rng.choice(VOWELS)) for _ in range(2))
    if rng.random() < _ONE_SYLLABLE_SHARE:
        return second
    coda = str(rng.choice(CODAS)) if second[0] in PLOSIVES and rng.random() < _CODA_SHARE else ""
    return first + coda + second


def _is_new(form: str, taken: Iterable[str]) -> bool:
    return all(
        not form.startswith(other) and not other.startswith(form) and distance(form, other) >= _LEAST_DIFFERENCE
        for other in taken
    )


def distance(one: str, other: str) -> int:
    """How many phonemes have to be changed, added or left out to make one form of the other."""
    row = list(range(len(other) + 1))
    for i, sound in enumerate(one, 1):
        previous, row[0] = row[0], i
        for j, heard in enumerate(other, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (sound != heard))
    return row[-1]


WORDS: Mapping[str, str] = make_words()


def pronounce(word: Word, words: Mapping[str, str] = WORDS) -> str:
    """The phonemes of a word, its last syllable stressed."""
    sounds = "".join(words[gloss] for gloss in word)
    last = max(sounds.rfind(vowel) for vowel in VOWELS)
    return sounds[:last] + STRESS + sounds[last:]
