"""Sound files and the log-mel front end (Section III-F of the paper)."""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio
from numpy.typing import ArrayLike

SAMPLE_RATE = 16_000
NUM_MELS = 40
WINDOW = 400  # 25 ms
HOP = 160  # 10 ms
PRE_EMPHASIS = 0.97
LOW_FREQUENCY = 20.0
ENERGY_FLOOR = 1e-7  # about 64 dB below the loudest speech at LEVEL: keeps silence finite
LEVEL = 0.05  # root mean square that every recording is brought to
SHORTEST = 0.2  # seconds
SILENCE = 1e-4  # peak below which a recording is called silent


class AudioError(ValueError):
    """A sound file that cannot be used; the message is one sentence that says why."""


def load_audio(path: str | Path, sample_rate: int = SAMPLE_RATE) -> torch.Tensor:
    """Read a recording as mono speech at one rate and one level.

    Args:
        path: wav, flac or ogg file; any rate, any number of channels.
        sample_rate: rate of the result in hertz.

    Returns:
        (samples,) float32 waveform with root mean square 0.05.

    Raises:
        AudioError: missing, empty, truncated, silent, too short or not a sound file.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: the file is empty")
    try:
        with soundfile.SoundFile(path) as file:
            whole = file.subtype == "PCM_16"  # 16-bit samples as they are: libsndfile's own division is slow
            samples, rate = file.read(dtype="int16" if whole else "float32", always_2d=True), file.samplerate
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError(f"{path}: not a readable sound file ({str(error).rstrip('.').rpartition(': ')[2]})") from None
    _check_complete(path, samples)
    waveform = torch.from_numpy(samples).float()
    waveform = waveform / 32768 if whole else waveform
    waveform = waveform.mean(dim=1) if waveform.shape[1] > 1 else waveform[:, 0]
    if len(waveform) < SHORTEST * rate:
        raise AudioError(f"{path}: {len(waveform) / rate:.2f} s of sound is too short to hold a description")
    peak = waveform.abs().max()  # not a number if any sample is none
    if not torch.isfinite(peak):
        raise AudioError(f"{path}: the recording holds values that are not numbers")
    if peak < SILENCE:
        raise AudioError(f"{path}: the recording is silent")
    return set_level(torchaudio.functional.resample(waveform, rate, sample_rate))


def _check_complete(path: Path, samples: np.ndarray) -> None:
    """A wav file that was cut short still opens; its header then promises more bytes than the file has."""
    if len(samples) == 0:
        raise AudioError(f"{path}: the file holds no samples")
    with open(path, "rb") as file:
        header = file.read(12)
    promised = int.from_bytes(header[4:8], "little") + 8
    streamed = promised >= 0xFFFFFFFF  # recorders that write to a pipe do not know the length
    if header[:4] == b"RIFF" and not streamed and promised > path.stat().st_size + 1:
        raise AudioError(f"{path}: the file is truncated ({path.stat().st_size} of {promised} bytes)")


def save_audio(path: str | Path, waveform: ArrayLike, sample_rate: int = SAMPLE_RATE) -> None:
    """Write a (samples,) waveform in [-1, 1] as 16-bit wav or flac, by the suffix of `path`.

    Raises:
        AudioError: the folder does not exist, or the suffix names no such format.
    """
    try:
        soundfile.write(path, np.asarray(waveform), sample_rate, subtype="PCM_16")
    except (TypeError, ValueError, soundfile.LibsndfileError):
        raise AudioError(f"{path}: cannot be written; give an existing folder and a name that ends in .wav or .flac") from None


def save_whole_audio(path: Path, waveform: ArrayLike) -> None:
    """Write beside `path` and rename, so that a killed worker leaves no half recording; see ``save_audio``."""
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    save_audio(part, waveform)
    os.replace(part, path)


def set_level(waveform: torch.Tensor, level: float = LEVEL) -> torch.Tensor:
    """Scale a (samples,) waveform to root mean square `level`, so that the distance to the microphone is no feature."""
    return waveform * (level / waveform.square().mean().sqrt().clamp_min(1e-8))


@lru_cache(maxsize=4)
def _mel_filters(sample_rate: int, dtype: torch.dtype) -> torch.Tensor:
    """(402, 40) filters: every frequency twice, for the square of its real and of its imaginary part."""
    return (
        torchaudio.functional.melscale_fbanks(
            WINDOW // 2 + 1, LOW_FREQUENCY, sample_rate / 2, NUM_MELS, sample_rate, norm="slaney", mel_scale="slaney"
        )
        .to(dtype)
        .repeat_interleave(2, dim=0)
    )


def log_mel_spectrogram(waveform: torch.Tensor, sample_rate: int = SAMPLE_RATE) -> torch.Tensor:
    """Log energies in 40 mel bands (Section III-F).

    Mean removal, pre-emphasis 0.97, 25 ms Hamming window every 10 ms, squared magnitude, 40 mel filters from 20 Hz to
    half the sample rate, natural logarithm of the energy plus 1e-7. The paper does not state the lowest frequency, the
    filter shape or the floor: these are DAVEnet's filters with a fixed floor.

    Args:
        waveform: (samples,) or (batch, samples) waveform, at least 200 samples.
        sample_rate: in hertz. Other rates than 16 kHz are refused, since the encoder was trained on that one.

    Returns:
        (40, frames) or (batch, 40, frames) tensor of the waveform's dtype, frames = 1 + samples // 160, centred.

    Raises:
        ValueError: another sample rate, or fewer than 200 samples.
    """
    if sample_rate != SAMPLE_RATE:
        raise ValueError(f"sample_rate is {sample_rate}; resample to {SAMPLE_RATE} first (load_audio does)")
    if waveform.shape[-1] <= WINDOW // 2:
        raise ValueError(f"{waveform.shape[-1]} samples are too few: one window needs more than {WINDOW // 2}")
    if waveform.ndim > 1:  # one after the other, since what fits the cache is several times as fast
        return torch.stack([log_mel_spectrogram(row, sample_rate) for row in waveform])
    waveform = waveform - waveform.mean(dim=-1, keepdim=True)
    first, rest = waveform[..., :1], waveform[..., 1:] - PRE_EMPHASIS * waveform[..., :-1]
    padded = torch.nn.functional.pad(torch.cat([first, rest], dim=-1), (WINDOW // 2, WINDOW // 2))
    window = torch.hamming_window(WINDOW, periodic=True, dtype=waveform.dtype)
    spectrum = torch.fft.rfft(padded.unfold(-1, WINDOW, HOP) * window)  # twice as fast as torch.stft here
    squares = torch.view_as_real(spectrum).flatten(-2).square_()  # real and imaginary parts take turns; the filters add them
    mel = torch.matmul(squares, _mel_filters(sample_rate, waveform.dtype)).transpose(-1, -2)
    return torch.log(mel + ENERGY_FLOOR)


def collate_log_mels(
    log_mels: list[torch.Tensor], padding: float = float(np.log(ENERGY_FLOOR))
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad utterances of different length into one batch.

    Args:
        log_mels: (40, frames_i) tensors, or (C, frames_i) of another front end.
        padding: what is put behind their ends; the default is silence.

    Returns:
        (B, 40, longest) float32 padded batch, and (B,) int64 lengths in frames.
    """
    lengths = torch.tensor([log_mel.shape[1] for log_mel in log_mels])
    batch = torch.full((len(log_mels), len(log_mels[0]), int(lengths.max())), padding)
    for row, log_mel in zip(batch, log_mels):
        row[:, : log_mel.shape[1]] = log_mel
    return batch, lengths
