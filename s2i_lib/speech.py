"""Text to speech, offline: the paper used a cloud voice, we use a small model that ships inside a Python package.

The voice is synthetic and clean. It stands for the paper's "synthesized speech", not for people.
"""

import hashlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torchaudio
from tqdm.auto import tqdm

from s2i_lib.audio import SAMPLE_RATE, save_audio, set_level

VOICE = "heart"


@lru_cache(maxsize=1)
def _engine():
    from hibari import Hibari  # imported here: its dictionaries take a second to load

    return Hibari(VOICE, threads=1)  # more threads change the samples


def synthesize(text: str, seed: int = 0) -> np.ndarray:
    """Speak a sentence.

    Args:
        text: English sentence.
        seed: fixes the noise component, so that equal arguments give equal samples on equal hardware.

    Returns:
        (samples,) float32 waveform at 16 kHz with root mean square 0.05.

    Raises:
        ValueError: `text` holds nothing that can be spoken.
    """
    if not any(character.isalnum() for character in text):
        raise ValueError(f"nothing to speak in {text!r}")
    engine = _engine()
    audio = torch.from_numpy(np.asarray(engine(text, seed=seed), dtype=np.float32))
    return set_level(torchaudio.functional.resample(audio, engine.sample_rate, SAMPLE_RATE)).numpy()


def _speak_to_file(job: tuple[str, Path]) -> None:
    text, path = job
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")
    partial = path.with_name(f"{path.stem}.part{path.suffix}")
    save_audio(partial, synthesize(text, seed))
    os.replace(partial, path)


def speak_captions(jobs: list[tuple[str, Path]], processes: int | None = None) -> int:
    """Speak sentences into files, several processes at a time; files that exist are kept, so it resumes.

    Args:
        jobs: (sentence, path of the wav or flac file) pairs.
        processes: worker processes; default one per available core.

    Returns:
        The number of files written now.
    """
    missing = [(text, Path(path)) for text, path in jobs if not Path(path).exists()]
    for folder in {path.parent for _, path in missing}:
        folder.mkdir(parents=True, exist_ok=True)
    if not missing:
        return 0
    processes = processes or len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")  # a forked onnxruntime hangs
    with ProcessPoolExecutor(processes, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        done = pool.map(_speak_to_file, missing, chunksize=8)
        for _ in tqdm(done, total=len(missing), desc="speaking", unit="caption"):
            pass
    return len(missing)
