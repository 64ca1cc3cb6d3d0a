"""Text to speech, offline: the paper used a cloud service, we use small models that ship inside Python packages.

The voice is synthetic and clean. It stands for the paper's "synthesized speech", not for people. A second synthesizer is kept
for
tests: nothing is ever trained with it.
"""

import hashlib
import io
import subprocess
import sys
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import torchaudio

from s2i_lib import espeak
from s2i_lib.audio import SAMPLE_RATE, save_whole_audio, set_level
from s2i_lib.workers import write_missing_files

VOICE = "heart"
UNSEEN_SYNTHESIZER = "espeak"


@lru_cache(maxsize=2)
def _engine(voice: str) -> Any:
    from hibari import Hibari  # imported here: its dictionaries take a second to load

    return Hibari(voice, threads=1)  # more threads change the samples


def synthesize(text: str, seed: int = 0, voice: str = VOICE) -> np.ndarray:
    """Speak a sentence.

    Args:
        text: English sentence.
        seed: fixes the noise component, so that equal arguments give equal samples on equal hardware; ``espeak`` has none.
        voice: ``heart`` is in the package; ``emma``, ``fenrir``, ``fable`` and ``kore`` (8 MB each) are downloaded on first
            use. ``espeak`` is eSpeak NG, a formant synthesizer with its own pace and melody.

    Returns:
        (samples,) float32 waveform at 16 kHz with root mean square 0.05.

    Raises:
        ValueError: `text` holds nothing that can be spoken, or the voice is unknown.
        RuntimeError: the voice has to be downloaded and cannot be; the message says where to put the file. Or eSpeak NG cannot
            be loaded.
    """
    if not any(character.isalnum() for character in text):
        raise ValueError(f"nothing to speak in {text!r}")
    if voice == UNSEEN_SYNTHESIZER:
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
        raise RuntimeError(
            f"eSpeak NG cannot speak ({reason}); install the package espeakng-loader as requirements.lock has it"
        )
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
