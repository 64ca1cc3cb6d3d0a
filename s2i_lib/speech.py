"""Text to speech, offline: the paper used a cloud service, we use small models that ship inside Python packages.

All voices are synthetic. They stand for the paper's "synthesized speech", not for people. The paper's recipes hear one of them;
those of many voices are taught by several, and some are kept for tests only: nothing is ever trained with them.
"""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from s2i_lib import synthesizers
from s2i_lib.audio import SAMPLE_RATE, save_audio, set_level
from s2i_lib.files import project_root
from s2i_lib.invented import sounds
from s2i_lib.workers import write_missing_files

VOICE = "heart"


@dataclass(frozen=True)
class Voice:
    """A synthetic voice.

    Attributes:
        synthesizer: which program speaks.
        variant: what the voice is called there.
        for_training: may recipes be taught by it? Others are heard in tests only.
    """

    synthesizer: Literal["hibari", "piper", "espeak", "kokoro"]
    variant: str = ""
    for_training: bool = True


def _espeak(variants: Sequence[str], for_training: bool = True) -> dict[str, Voice]:
    return {f"espeak {variant}": Voice("espeak", variant, for_training) for variant in variants}


# eSpeak NG: accents of English, and variants of its American voice; one accent and two variants are for tests.
_ACCENTS = ("en-us", "en-us-nyc", "en", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029")
_VARIANTS = ("f1", "f2", "f3", "f4", "m1", "m2", "m3", "m4", "m5", "m7", "klatt", "klatt4", "steph", "adam", "linda", "michael")
VOICES: Mapping[str, Voice] = {
    VOICE: Voice("hibari", "heart"),
    "joe": Voice("piper", "joe"),
    **_espeak([*_ACCENTS, *(f"en-us+{variant}" for variant in _VARIANTS)]),
    **_espeak(["en-gb-scotland", "en-us+f5", "en-us+m6"], for_training=False),
    # Heard in no training, but no unrelated synthesizer: `heart` was distilled from another voice of Kokoro.
    **{name: Voice("kokoro", name, for_training=False) for name in synthesizers.KOKORO_VOICES},
}
TRAINING_VOICES = tuple(name for name, voice in VOICES.items() if voice.for_training)
TEST_VOICES = tuple(name for name, voice in VOICES.items() if not voice.for_training)
UNSEEN_SYNTHESIZER = "espeak en-us"  # to the recipes that one voice has taught


def synthesize(text: str, seed: int = 0, voice: str = VOICE) -> NDArray[np.float32]:
    """Speak a sentence.

    Args:
        text: English sentence.
        seed: fixes the noise component of ``heart``, so that equal arguments give equal samples on equal hardware; the others
            have none.
        voice: one of ``VOICES``. hibari's other voices (``emma``, ``fenrir``, ``fable`` and ``kore``, 8 MB each) are downloaded
            on first use.

    Returns:
        (samples,) float32 waveform at 16 kHz with root mean square 0.05.

    Raises:
        ValueError: `text` holds nothing that can be spoken, or letters of another script; or the voice is unknown.
        RuntimeError: the voice has to be downloaded and cannot be; the message says where to put the file. Or a synthesizer
            cannot be loaded; the message names its package.
    """
    _check(text)
    chosen = VOICES.get(voice, Voice("hibari", voice))
    if chosen.synthesizer == "espeak":
        return _finished(synthesizers.speak_with_espeak(text, chosen.variant))
    if chosen.synthesizer == "piper":
        return _finished(synthesizers.speak_with_piper(text))
    if chosen.synthesizer == "kokoro":
        return _finished(synthesizers.speak_with_kokoro(text, chosen.variant, _kokoro_folder()))
    return _finished(synthesizers.speak_with_hibari(text, chosen.variant, seed))


def synthesize_phonemes(phonemes: str, seed: int = 0, voice: str = VOICE) -> NDArray[np.float32]:
    """Speak a sentence of the invented language, which has no spelling.

    Args:
        phonemes: see ``invented.sounds``.
        seed, voice: see ``synthesize``.

    Returns:
        (samples,) float32 waveform at 16 kHz with root mean square 0.05.

    Raises:
        ValueError, RuntimeError: see ``synthesize``.
    """
    if not any(character.isalnum() for character in phonemes):
        raise ValueError(f"nothing to speak in {phonemes!r}")
    chosen = VOICES.get(voice, Voice("hibari", voice))
    if chosen.synthesizer == "espeak":
        return _finished(synthesizers.speak_with_espeak(sounds.for_espeak(phonemes), chosen.variant))
    if chosen.synthesizer == "piper":
        return _finished(synthesizers.piper_from_phonemes(sounds.for_piper(phonemes)))
    letters = sounds.for_kokoro(phonemes)
    if chosen.synthesizer == "kokoro":
        return _finished(synthesizers.kokoro_from_phonemes(letters, chosen.variant, _kokoro_folder()))
    return _finished(synthesizers.hibari_from_phonemes(letters, chosen.variant, seed))


def example_voices(taught_by: str, count: int) -> list[str]:
    """Who speaks the examples of a model: the first voice, or where many have taught it, voices of a synthesizer unknown to it.

    Args:
        taught_by: the speech that its encoder learned from (``encoder.speech`` of its configuration).
        count: of the examples.
    """
    voices = synthesizers.KOKORO_VOICES if taught_by == "many_voices" else (VOICE,)
    return [voices[number % len(voices)] for number in range(count)]


def why_unspeakable(sentence: str) -> str:
    """What keeps the English voices from saying a sentence; empty if nothing does.

    They say Latin letters, with or without accents, and digits; letters of other scripts they would pass over in silence.
    """
    letters = [character for character in sentence if character.isalnum()]
    foreign = [one for one in letters if not unicodedata.normalize("NFKD", one)[0].isascii()]
    if foreign:
        return f"the voices speak English and cannot say {foreign[0]!r} in {shortened(sentence)!r}"
    return "" if letters else f"nothing to speak in {shortened(sentence)!r}"


def shortened(sentence: str, longest: int = 80) -> str:
    """A sentence for a message."""
    return sentence if len(sentence) <= longest else f"{sentence[:longest]} ..."


def _check(sentence: str) -> None:
    if reason := why_unspeakable(sentence):
        raise ValueError(reason)


def _kokoro_folder() -> Path:
    return project_root() / "data" / "voices"


def _finished(sound: synthesizers.Sound) -> NDArray[np.float32]:
    """At our rate and level."""
    samples, rate = sound
    return set_level(torchaudio.functional.resample(torch.from_numpy(samples), rate, SAMPLE_RATE)).numpy()


def seed_of(text: str) -> int:
    """The seed that a sentence is spoken with: the same in every file."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def _speak_to_file(voice: str, job: tuple[str, Path]) -> None:
    text, path = job
    save_audio(path, synthesize(text, seed_of(text), voice))


def speak_captions(jobs: list[tuple[str, Path]], processes: int | None = None, voice: str = VOICE) -> int:
    """Speak sentences into files, several processes at a time; files that exist are kept, so it resumes.

    Args:
        jobs: (sentence, path of the wav or flac file) pairs.
        processes: worker processes; default one per available core.
        voice: see ``synthesize``.

    Returns:
        The number of files written now.
    """
    jobs = [(text, Path(path)) for text, path in jobs]
    return write_missing_files(partial(_speak_to_file, voice), jobs, "speaking", "caption", processes=processes)
