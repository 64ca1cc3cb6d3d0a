"""The sounds of the invented language, and how each synthesizer is asked for them.

A sentence is a string with one character per phoneme, spaces between words, commas between clauses, ``ˈ`` before the vowel of
the stressed syllable, and a final full stop. It is no spelling: nothing reads it but synthesizers.

All phonemes occur in English, since two of the four synthesizers have learned English only; how they are put together does not.
"""

from typing import NamedTuple

STRESS = "ˈ"


class Phoneme(NamedTuple):
    """What a phoneme is called by hibari and Kokoro, which share an alphabet, by Piper (in the International Phonetic
    Alphabet), and by eSpeak NG.
    """

    kokoro: str
    ipa: str
    espeak: str


_VOWELS = {
    "ɑ": Phoneme("ɑ", "ɑː", "A:"),
    "ɛ": Phoneme("ɛ", "ɛ", "E"),
    "i": Phoneme("i", "iː", "i:"),
    "o": Phoneme("O", "oʊ", "oU"),
    "u": Phoneme("u", "uː", "u:"),
}
_ESPEAK = {"ɡ": "g", "ŋ": "N", "ʃ": "S", "ʒ": "Z", "ɹ": "r"}
_CONSONANTS = {sound: Phoneme(sound, sound, _ESPEAK.get(sound, sound)) for sound in "pbtdkɡmnŋvszʃʒlɹw"}
PHONEMES: dict[str, Phoneme] = _VOWELS | _CONSONANTS
VOWELS = tuple(_VOWELS)


def for_kokoro(sentence: str) -> str:
    """A sentence in the alphabet of hibari and Kokoro."""
    return "".join(PHONEMES[sound].kokoro if sound in PHONEMES else sound for sound in sentence)


def for_piper(sentence: str) -> str:
    """A sentence in the International Phonetic Alphabet, as Piper's voices expect it."""
    return "".join(PHONEMES[sound].ipa if sound in PHONEMES else sound for sound in sentence)


def for_espeak(sentence: str) -> str:
    """A sentence for eSpeak NG, which speaks what stands in double brackets as phonemes; punctuation stays outside of them."""
    clauses = []
    for clause in sentence.rstrip(".").split(", "):
        sounds = (PHONEMES[sound].espeak if sound in PHONEMES else sound.replace(STRESS, "'") for sound in clause)
        clauses.append(f"[[{''.join(sounds)}]]")
    return ", ".join(clauses) + "."
