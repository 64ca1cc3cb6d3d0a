"""Sound files and the log-mel front end (Section III-F of the paper)."""

import io
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
import torchaudio
from numpy.typing import ArrayLike

from s2i_lib.decoding import AudioError as AudioError
from s2i_lib.decoding import decode, mix
from s2i_lib.files import save_atomically

SAMPLE_RATE = 16_000
NUM_MELS = 40
WINDOW = 400  # 25 ms
HOP = 160  # 10 ms
PRE_EMPHASIS = 0.97
LOW_FREQUENCY = 20.0
ENERGY_FLOOR = 1e-7  # about 64 dB below the loudest speech at LEVEL: keeps silence finite
LEVEL = 0.05  # root mean square that every recording is brought to
SHORTEST = 0.2  # seconds
LARGEST_RATIO = 1000  # of two sample rates, in whole numbers: 44.1 kHz to 16 kHz is 441 to 160
SILENCE = 1e-4  # peak below which a recording is called silent


def load_audio(path: str | Path, sample_rate: int = SAMPLE_RATE) -> torch.Tensor:
    """Read a recording as mono speech at one rate and one level.

    Args:
        path: any file that ``decoding.decode_blocks`` reads.
        sample_rate: rate of the result in hertz.

    Returns:
        (samples,) float32 waveform with root mean square 0.05.

    Raises:
        AudioError: missing, empty, truncated, silent, too short, too long or not a sound file.
    """
    samples, rate = decode(path)
    waveform = torch.from_numpy(mix(samples))
    if len(waveform) < SHORTEST * rate:
        raise AudioError(f"{path}: {len(waveform) / rate:.2f} s of sound is too short; say a whole sentence")
    lowest, highest = waveform.aminmax()
    if max(-lowest, highest) < SILENCE:
        raise AudioError(f"{path}: the recording is silent; record it again")
    return set_level(_resample(waveform, rate, sample_rate))


def _resample(waveform: torch.Tensor, rate: int, sample_rate: int) -> torch.Tensor:
    """Filters of torchaudio grow with the ratio: two coprime rates would take gigabytes, which soxr does without."""
    if max(rate, sample_rate) > LARGEST_RATIO * math.gcd(rate, sample_rate):
        return torch.from_numpy(soxr.resample(waveform.numpy(), rate, sample_rate))
    return torchaudio.functional.resample(waveform, rate, sample_rate)


def save_audio(path: str | Path, waveform: ArrayLike, sample_rate: int = SAMPLE_RATE) -> None:
    """Write a (samples,) waveform in [-1, 1] as 16-bit wav or flac, by the suffix of `path`, as a whole or not at all.

    Raises:
        AudioError: the folder does not exist, the suffix names no such format, or the file cannot be written.
    """
    path, content = Path(path), io.BytesIO()
    if path.suffix.lower() not in (".wav", ".flac") or not path.parent.is_dir() or path.is_dir():
        raise AudioError(f"{path}: cannot be written; give an existing folder and a name that ends in .wav or .flac")
    soundfile.write(content, np.asarray(waveform), sample_rate, subtype="PCM_16", format=path.suffix[1:].upper())
    try:
        save_atomically(path, lambda file: file.write(content.getvalue()))
    except OSError as error:
        raise AudioError(f"{path}: cannot be written ({error.strerror or error})") from None


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


@lru_cache(maxsize=4)
def _window(dtype: torch.dtype) -> torch.Tensor:
    return torch.hamming_window(WINDOW, periodic=True, dtype=dtype)


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
    centred, start = waveform - waveform.mean(), WINDOW // 2
    padded = waveform.new_zeros(len(waveform) + WINDOW)
    torch.mul(centred[:-1], -PRE_EMPHASIS, out=padded[start + 1 : -start])
    padded[start:-start] += centred
    spectrum = torch.fft.rfft(padded.unfold(-1, WINDOW, HOP) * _window(waveform.dtype))  # twice as fast as torch.stft here
    squares = torch.view_as_real(spectrum).flatten(-2).square_()  # real and imaginary parts take turns; the filters add them
    return torch.mm(squares, _mel_filters(sample_rate, waveform.dtype)).add_(ENERGY_FLOOR).log_().T


def collate_log_mels(
    log_mels: list[torch.Tensor], padding: float = float(np.log(ENERGY_FLOOR))
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad utterances of different length into one batch.

    Args:
        log_mels: (40, frames_i) tensors, (C, frames_i) of another front end, or (characters_i,) of sentences.
        padding: what is put behind their ends; the default is silence.

    Returns:
        (B, 40, longest) padded batch of their dtype, and (B,) int64 lengths in frames.
    """
    lengths = torch.tensor([log_mel.shape[-1] for log_mel in log_mels])
    batch = log_mels[0].new_full((len(log_mels), *log_mels[0].shape[:-1], int(lengths.max())), padding)
    for row, log_mel in zip(batch, log_mels):
        row[..., : log_mel.shape[-1]] = log_mel
    return batch, lengths
