"""From sentences to sound and from sound to spectrograms."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import threadpoolctl
import torch
import torchaudio
from measure import Comparison

from s2i_lib import audio, speech
from s2i_lib.preparation.features import log_mel_frames, recorded_log_mels
from s2i_lib.workers import worker_processes

UTTERANCES = 64
SENTENCES = 16


def write_utterances(folder: Path) -> list[Path]:
    """Wav files of 3 to 6 seconds at 16 kHz; noise, since the content costs nothing."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{number:02d}.wav" for number in range(UTTERANCES)]
    for path in paths:
        samples = np.convolve(rng.normal(size=int(rng.uniform(3, 6) * audio.SAMPLE_RATE)), np.exp(-np.arange(40) / 8), "same")
        audio.save_audio(path, 0.1 * samples / samples.std())
    return paths


def librosa_log_mel(path: Path) -> np.ndarray:
    """The same features by librosa."""
    import librosa

    waveform, _ = librosa.load(path, sr=audio.SAMPLE_RATE)
    waveform = waveform * (audio.LEVEL / np.sqrt(np.mean(waveform**2)))
    waveform = librosa.effects.preemphasis(waveform - waveform.mean(), coef=audio.PRE_EMPHASIS, zi=[0.0])
    mel = librosa.feature.melspectrogram(
        y=waveform,
        sr=audio.SAMPLE_RATE,
        n_fft=audio.WINDOW,
        hop_length=audio.HOP,
        window="hamming",
        center=True,
        pad_mode="constant",
        power=2.0,
        n_mels=audio.NUM_MELS,
        fmin=audio.LOW_FREQUENCY,
        fmax=audio.SAMPLE_RATE / 2,
    )
    return np.log(mel + audio.ENERGY_FLOOR)


@lru_cache
def _torchaudio_mel() -> torchaudio.transforms.MelSpectrogram:
    return torchaudio.transforms.MelSpectrogram(
        audio.SAMPLE_RATE,
        n_fft=audio.WINDOW,
        hop_length=audio.HOP,
        f_min=audio.LOW_FREQUENCY,
        n_mels=audio.NUM_MELS,
        window_fn=torch.hamming_window,
        power=2.0,
        center=True,
        pad_mode="constant",
        norm="slaney",
        mel_scale="slaney",
    )


def torchaudio_log_mel(path: Path) -> np.ndarray:
    """The same features by torchaudio's transform; its own loader needs a codec library, so the file is read as above."""
    waveform = torch.from_numpy(soundfile.read(path, dtype="float32")[0])
    waveform = waveform * (audio.LEVEL / waveform.square().mean().sqrt())
    waveform = waveform - waveform.mean()
    waveform = torch.cat([waveform[:1], waveform[1:] - audio.PRE_EMPHASIS * waveform[:-1]])
    return torch.log(_torchaudio_mel()(waveform) + audio.ENERGY_FLOOR).numpy()


def log_mel(folder: Path) -> Comparison:
    """Sixty-four wav files to spectrograms as chapter 03 does it, and librosa's and torchaudio's way, file by file.

    numpy's BLAS gets one thread: librosa is as fast with it, and its idle second thread would spin through our turn.
    """
    threadpoolctl.threadpool_limits(1, "blas")
    paths = write_utterances(folder)
    ours = log_mel_frames(paths[0]).T
    for other in (librosa_log_mel, torchaudio_log_mel):
        if not np.allclose(ours, other(paths[0]), atol=2e-2):
            raise AssertionError(f"{other.__name__} gives different features")
    samples = sum(soundfile.info(path).frames for path in paths)
    moved = 2 * samples + 2 * audio.NUM_MELS * samples / audio.HOP  # 16 bits in, 16 bits out
    return Comparison(
        "log-mel from wav",
        "utterances/s",
        UTTERANCES,
        lambda: recorded_log_mels(paths),
        {
            "librosa": lambda: [librosa_log_mel(path) for path in paths],
            "torchaudio": lambda: [torchaudio_log_mel(path) for path in paths],
        },
        moved=moved,
    )


def speaking(folder: Path) -> Comparison:
    """Sentences to sound by worker processes, as chapter 02 does it, and one after the other in one process."""
    sentences = [
        f"this bird has a {a} crown and {b} wings with a {c} bill"
        for a in ("red", "black")
        for b in ("white", "blue", "grey", "brown")
        for c in ("short", "long")
    ]
    pool = worker_processes()
    list(pool.map(speech.synthesize, sentences))  # starts the workers and loads the voice
    return Comparison(
        "text to speech",
        "sentences/s",
        len(sentences),
        lambda: list(pool.map(speech.synthesize, sentences)),
        {"one process": lambda: [speech.synthesize(sentence) for sentence in sentences]},
        repeats=3,
        note="worker processes were started before",
    )
