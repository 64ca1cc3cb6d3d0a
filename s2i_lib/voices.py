"""Another pace and other voices out of one recording: pitch- and formant-shifted voices, which are no people."""

import math
from fractions import Fraction

import torch
from torchaudio import functional as AF

RATES = (0.5, 2.0)  # beyond these the phase vocoder no longer sounds like speech
_FFT, _HOP = 512, 128  # 32 ms: long enough to tell harmonics apart, short enough not to smear consonants
_LIFTER = 40  # 2.5 ms of the cepstrum: the formants, without the pitch of any voice below 400 Hz


def check_waveform(waveform: torch.Tensor) -> None:
    """Refuse what is no (samples,) sound.

    Raises:
        ValueError: another shape, no samples, or values that are not finite.
    """
    if waveform.ndim != 1 or len(waveform) == 0 or not torch.isfinite(waveform).all():
        raise ValueError(f"sound of shape {tuple(waveform.shape)} cannot be used; give (samples,) finite numbers, at least one")


def change_rate(waveform: torch.Tensor, rate: float) -> torch.Tensor:
    """Speak faster (`rate` above 1) or slower at the same pitch, by a phase vocoder.

    Returns:
        (round(samples / rate),) waveform, at least one sample.

    Raises:
        ValueError: `rate` not between 0.5 and 2, or no usable waveform.
    """
    check_waveform(waveform)
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"rate is {rate}; choose a number from {RATES[0]:g} to {RATES[1]:g}")
    if rate == 1:
        return waveform
    advance = torch.linspace(0, math.pi * _HOP, _FFT // 2 + 1)[:, None]  # radians per hop at each frequency
    return _waveform(AF.phase_vocoder(_spectrum(waveform), rate, advance), max(round(len(waveform) / rate), 1))


def shift_voice(waveform: torch.Tensor, pitch: float, formants: float) -> torch.Tensor:
    """Another voice out of the same recording, with pitch and formants shifted; never a person.

    Stretching and resampling move pitch and formants together; the spectral envelope is then moved back to where the
    formants belong. A lowered voice has nothing above `pitch` times 8 kHz, since there was nothing to move there.

    Args:
        waveform: (samples,) speech.
        pitch, formants: ratios to the original, 0.5 to 2 each; `pitch` is met to one part in a thousand.

    Returns:
        (samples,) waveform.

    Raises:
        ValueError: a ratio out of range, or no usable waveform.
    """
    check_waveform(waveform)
    for name, ratio in (("pitch", pitch), ("formants", formants)):
        if not 0.5 <= ratio <= 2:
            raise ValueError(f"{name} is {ratio}; choose a ratio from 0.5 to 2")
    fraction = Fraction(pitch).limit_denominator(40)  # resampling is cheap between small whole numbers
    moved = AF.resample(change_rate(waveform, float(1 / fraction)), fraction.numerator, fraction.denominator)
    moved = torch.nn.functional.pad(moved, (0, max(len(waveform) - len(moved), 0)))[: len(waveform)]
    return _move_envelope(moved, formants / pitch)


def _move_envelope(waveform: torch.Tensor, ratio: float) -> torch.Tensor:
    """Multiply the frequencies of all formants by `ratio`; the harmonics stay where they are."""
    if ratio == 1:
        return waveform
    spectrum = _spectrum(waveform)
    cepstrum = torch.fft.irfft(torch.log(spectrum.abs() + 1e-4), dim=0)
    cepstrum[_LIFTER : 1 - _LIFTER] = 0
    envelope = torch.fft.rfft(cepstrum, dim=0).real  # (257, frames) natural logarithm
    source = (torch.arange(len(envelope)) / ratio).clamp(max=len(envelope) - 1)
    below, above = envelope[source.floor().long()], envelope[source.ceil().long()]
    wanted = torch.lerp(below, above, source.frac()[:, None])
    gain = (wanted - envelope).clamp(-4, 4)  # 35 dB: what is empty need not be filled
    return _waveform(spectrum * gain.exp(), len(waveform))


def _spectrum(waveform: torch.Tensor) -> torch.Tensor:
    return torch.stft(waveform, _FFT, _HOP, window=torch.hann_window(_FFT), pad_mode="constant", return_complex=True)


def _waveform(spectrum: torch.Tensor, samples: int) -> torch.Tensor:
    return torch.istft(spectrum, _FFT, _HOP, window=torch.hann_window(_FFT), length=samples)
