"""Simulated degraded speech: clean utterances as a telephone or a laptop in a room might pick them up (beyond the paper).

Nobody recorded this. A shifted voice is the one synthetic voice with another pitch and other formants, not a person; noises
and rooms are made from random numbers. Every waveform here is a (samples,) float32 tensor at 16 kHz, and whatever is drawn
comes from a ``numpy`` generator, so that equal seeds give equal recordings.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchaudio import functional as AF

from s2i_lib.audio import SAMPLE_RATE, load_audio, save_audio, set_level
from s2i_lib.voices import RATES, change_rate, check_waveform, shift_voice
from s2i_lib.workers import write_missing_files

# pitch and formants of each shifted voice, as ratios to the synthetic voice
SHIFTED_VOICES = {"plain": (1.0, 1.0), "deep": (0.72, 0.88), "low": (0.85, 0.95), "bright": (1.15, 1.06), "high": (1.35, 1.14)}
NOISES = ("pink", "babble", "hum", "room")
BANDS = {"full": None, "laptop": (120.0, 7000.0), "telephone": (300.0, 3400.0)}  # hertz that a microphone lets through
LONGEST_RT60 = 3.0  # seconds; a church
DIRECT_TO_REVERBERANT = 3.0  # decibels: somebody who speaks at arm's length from the microphone
BABBLE = (3, 6)  # utterances that babble is mixed from: at least, at most
# values of the robustness study, each factor on its own
SWEEPS = {
    "voice": tuple(SHIFTED_VOICES),
    "rate": (0.7, 0.85, 1.0, 1.2, 1.5),
    "snr_db": (math.inf, 20.0, 10.0, 5.0, 0.0, -5.0),
    "noise": NOISES,
    "rt60": (0.0, 0.3, 0.6, 1.0),
    "band": tuple(BANDS),
}

# what training never includes, so that tests can ask for it
UNSEEN_VOICE, UNSEEN_NOISE = "high", "babble"


@dataclass(frozen=True)
class Conditions:
    """How an utterance is spoken and recorded; the defaults are clean.

    Attributes:
        speaker: the synthetic voice that speaks, one of ``speech.VOICES``; nothing here looks at it.
        voice: that voice with pitch and formants shifted, one of ``SHIFTED_VOICES``.
        rate: speaking rate relative to the synthetic voice, 0.5 to 2.
        snr_db: power of speech over power of noise at the microphone, in decibels; infinity for no noise.
        noise: one of ``NOISES``; without meaning at infinite `snr_db`.
        rt60: seconds in which the room's reverberation falls by 60 dB, 0 (no room) to 3.
        band: what the microphone lets through, one of ``BANDS``.

    Raises:
        ValueError: a name that is unknown or a number out of its range.
    """

    speaker: str = "heart"
    voice: str = "plain"
    rate: float = 1.0
    snr_db: float = math.inf
    noise: str = "pink"
    rt60: float = 0.0
    band: str = "full"

    def __post_init__(self) -> None:
        for name, known in (("voice", SHIFTED_VOICES), ("noise", NOISES), ("band", BANDS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} {getattr(self, name)!r} is unknown; choose from {', '.join(known)}")
        for name, (lowest, highest) in (("rate", RATES), ("rt60", (0.0, LONGEST_RT60)), ("snr_db", (-50.0, math.inf))):
            if not lowest <= getattr(self, name) <= highest:
                raise ValueError(f"{name} is {getattr(self, name)}; choose a number from {lowest:g} to {highest:g}")

    @property
    def slug(self) -> str:
        """What differs from clean, as the name of a folder: ``snr_db=5,noise=babble``."""
        changed = {name: value for name, value in asdict(self).items() if value != getattr(CLEAN, name)}
        parts = (f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in changed.items())
        return ",".join(parts).replace(" ", "_")


CLEAN = Conditions()


def random_conditions(
    rng: np.random.Generator, voices: Sequence[str] = tuple(SHIFTED_VOICES), noises: Sequence[str] = NOISES
) -> Conditions:
    """Draw the conditions of one recording: 0 to 25 dB, 0.15 to 0.8 s of reverberation, any microphone.

    Args:
        voices, noises: what to choose from, so that some can be kept unseen for testing.
    """
    return Conditions(
        voice=str(rng.choice(voices)),
        rate=float(np.exp(rng.uniform(np.log(0.8), np.log(1.3)))),
        snr_db=float(rng.uniform(0, 25)),
        noise=str(rng.choice(noises)),
        rt60=float(rng.uniform(0.15, 0.8)),
        band=str(rng.choice(list(BANDS))),
    )


def everyday_conditions(rng: np.random.Generator, voices: Sequence[str], noises: Sequence[str]) -> Conditions:
    """Draw the conditions of one recording in which each factor may also be clean, for training on many voices.

    Args:
        voices, noises: what to choose from, so that some can be kept unseen for testing.
    """
    return Conditions(
        voice=str(rng.choice(voices)),
        rate=float(np.exp(rng.uniform(np.log(0.75), np.log(1.35)))) if rng.random() < 0.6 else 1.0,
        snr_db=float(rng.uniform(0, 25)) if rng.random() < 0.6 else math.inf,
        noise=str(rng.choice(noises)),
        rt60=float(rng.uniform(0.15, 0.9)) if rng.random() < 0.5 else 0.0,
        band=str(rng.choice(list(BANDS), p=(0.5, 0.2, 0.3))),
    )


def draw_conditions(count: int, split: str, seed: int = 0) -> list[Conditions]:
    """Random conditions for every recording of a split; those of ``train`` leave out ``UNSEEN_VOICE`` and ``UNSEEN_NOISE``."""
    rng, training = np.random.default_rng([seed, split == "train"]), split == "train"
    voices = [voice for voice in SHIFTED_VOICES if not (training and voice == UNSEEN_VOICE)]
    noises = [noise for noise in NOISES if not (training and noise == UNSEEN_NOISE)]
    return [random_conditions(rng, voices, noises) for _ in range(count)]


def sweep(factor: str, base: Conditions = CLEAN) -> list[Conditions]:
    """`base` with one factor at each of its values in ``SWEEPS``, for the robustness study.

    Kinds of noise can only be told apart in a base that has noise: ``sweep("noise", Conditions(snr_db=5))``.

    Raises:
        ValueError: unknown factor.
    """
    if factor not in SWEEPS:
        raise ValueError(f"factor {factor!r} is unknown; choose from {', '.join(SWEEPS)}")
    values: Sequence[Any] = SWEEPS[factor]
    return [replace(base, **{factor: value}) for value in values]


# --- noise ---


def make_noise(kind: str, samples: int, rng: np.random.Generator, others: Sequence[torch.Tensor] = ()) -> torch.Tensor:
    """Noise of one kind.

    Args:
        kind: ``pink`` (equal power per octave), ``room`` (a ventilated room: power falls with the square of the frequency),
            ``hum`` (20 harmonics of 50 or 60 Hz mains) or ``babble`` (several others who talk at once).
        samples: length.
        others: waveforms that babble is mixed from, at least 3; 6 are drawn if there are more.

    Returns:
        (samples,) float32 waveform with root mean square 1.

    Raises:
        ValueError: unknown kind, no length, or babble without others.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}; noise needs at least one sample")
    if kind == "babble":
        return set_level(_babble(samples, rng, others), 1.0)
    if kind == "hum":
        harmonics = np.arange(1, 21)[:, None]
        turns = harmonics * rng.choice((50, 60)) * np.arange(samples) / SAMPLE_RATE + rng.random((20, 1))
        noise = (np.sin(2 * np.pi * turns) / harmonics).sum(0)
    elif kind in NOISES:
        noise = _coloured(samples, {"pink": 1.0, "room": 2.0}[kind], rng)
    else:
        raise ValueError(f"noise {kind!r} is unknown; choose from {', '.join(NOISES)}")
    return set_level(torch.as_tensor(noise, dtype=torch.float32), 1.0)


def _coloured(samples: int, exponent: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian noise whose power falls with the frequency to the power of `exponent`, from 20 Hz on."""
    length = max(samples, SAMPLE_RATE)  # the spectrum of fewer samples has no low frequencies to shape
    amplitude = np.fft.rfftfreq(length, 1 / SAMPLE_RATE).clip(min=20.0) ** (-exponent / 2)
    amplitude[0] = 0
    return np.fft.irfft(amplitude * np.fft.rfft(rng.normal(size=length)), length)[:samples]


def _babble(samples: int, rng: np.random.Generator, others: Sequence[torch.Tensor]) -> torch.Tensor:
    """Some of the others, repeated to the length, each starting anywhere."""
    fewest, most = BABBLE
    if len(others) < fewest:
        raise ValueError(
            f"babble is mixed from at least {fewest} other utterances; pass them as `others` ({len(others)} given)"
        )
    talkers = [set_level(others[i]) for i in rng.permutation(len(others))[:most]]
    starts = [int(rng.integers(len(talker))) for talker in talkers]
    parts = [talker.roll(-start).repeat(1 + samples // len(talker))[:samples] for talker, start in zip(talkers, starts)]
    return sum(parts[1:], start=parts[0])


def add_noise(waveform: torch.Tensor, noise: torch.Tensor, snr_db: float) -> torch.Tensor:
    """Add noise at an exact signal-to-noise ratio, taken over the whole utterance with its pauses.

    Args:
        waveform, noise: (samples,) each.
        snr_db: power of `waveform` over power of the added noise, in decibels.

    Returns:
        (samples,) sum; `waveform` is not scaled.

    Raises:
        ValueError: different lengths, silent speech or noise (their ratio means nothing), or `snr_db` is not a finite number.
    """
    check_waveform(waveform)
    check_waveform(noise)
    if len(waveform) != len(noise):
        raise ValueError(f"{len(waveform)} samples of speech and {len(noise)} of noise; make both of one length")
    if not math.isfinite(snr_db):
        raise ValueError(f"snr_db is {snr_db}; choose a finite number of decibels, or add no noise")
    for name, sound in (("speech", waveform), ("noise", noise)):
        if not sound.square().sum() > 0:
            raise ValueError(f"the {name} is silent, so there is no signal-to-noise ratio; use a part that is not")
    return AF.add_noise(waveform, noise, torch.tensor(float(snr_db)))


# --- the room and the microphone ---


def room_response(rt60: float, rng: np.random.Generator) -> torch.Tensor:
    """What a room makes of a click: the click, then Gaussian noise that decays by 60 dB in `rt60` seconds.

    The direct sound has 3 dB more energy than all that follows. Polack's model of a diffuse room: no single echoes.

    Returns:
        (1 + round(16000 rt60),) float32 impulse response that starts with 1.

    Raises:
        ValueError: `rt60` not above 0 or beyond 3 seconds.
    """
    if not 0 < rt60 <= LONGEST_RT60:
        raise ValueError(f"rt60 is {rt60}; choose a number of seconds above 0 and up to {LONGEST_RT60:g}")
    time = np.arange(1, 1 + max(round(rt60 * SAMPLE_RATE), 1)) / SAMPLE_RATE
    tail = rng.normal(size=len(time)) * 10 ** (-3 * time / rt60)
    tail *= 10 ** (-DIRECT_TO_REVERBERANT / 20) / np.linalg.norm(tail)
    return torch.from_numpy(np.concatenate([[1.0], tail])).float()


def reverberate(waveform: torch.Tensor, rt60: float, rng: np.random.Generator) -> torch.Tensor:
    """Put an utterance into a random room with reverberation time `rt60`, see ``room_response``.

    Returns:
        (samples,) waveform: the recording ends with the utterance, not with the reverberation.

    Raises:
        ValueError: see ``room_response``, or no usable waveform.
    """
    check_waveform(waveform)
    return AF.fftconvolve(waveform, room_response(rt60, rng))[: len(waveform)]


def band_limit(waveform: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """What a microphone lets through: a Butterworth band-pass with 36 dB per octave on both sides.

    Args:
        waveform: (samples,) sound.
        low, high: edges in hertz where 3 dB are lost, 0 < low < high < 8000; see ``BANDS``.

    Raises:
        ValueError: edges out of order or range, or no usable waveform.
    """
    check_waveform(waveform)
    if not 0 < low < high < SAMPLE_RATE / 2:
        raise ValueError(f"the band {low} to {high} Hz is none; choose 0 < low < high < {SAMPLE_RATE // 2}")
    from scipy.signal import butter, sosfilt  # imported here: it takes long, and few need it

    sections = butter(6, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")
    return torch.from_numpy(sosfilt(sections, waveform.double().numpy())).float()


# --- all of it ---


def degrade(
    waveform: torch.Tensor, conditions: Conditions, rng: np.random.Generator, others: Sequence[torch.Tensor] = ()
) -> torch.Tensor:
    """A clean utterance as it would be recorded under `conditions`: voice, rate, room, noise, microphone, level.

    Args:
        waveform: (samples,) clean speech.
        conditions: see ``Conditions``; ``CLEAN`` changes nothing but the level.
        rng: draws the room and the noise.
        others: further utterances, needed for babble.

    Returns:
        (round(samples / rate),) waveform with root mean square 0.05, as ``audio.load_audio`` gives.

    Raises:
        ValueError: no usable waveform, silence with noise, or babble without others.
    """
    check_waveform(waveform)
    degraded = change_rate(shift_voice(waveform, *SHIFTED_VOICES[conditions.voice]), conditions.rate)
    if conditions.rt60 > 0:
        degraded = reverberate(degraded, conditions.rt60, rng)
    if conditions.snr_db < math.inf:
        degraded = add_noise(degraded, make_noise(conditions.noise, len(degraded), rng, others), conditions.snr_db)
    band = BANDS[conditions.band]
    if band:
        degraded = band_limit(degraded, *band)
    return set_level(degraded)


def record(paths: list[Path], row: int, conditions: Conditions, seed: int = 0) -> torch.Tensor:
    """Read a clean recording and degrade it; babble comes from other recordings of the list.

    Args:
        paths: clean recordings.
        row: which of them.
        conditions: of this recording.
        seed: with `row` it fixes the noise and the room.

    Raises:
        ValueError: see ``degrade``.
        AudioError: see ``audio.load_audio``.
    """
    rng, others = np.random.default_rng([seed, row]), []
    if conditions.noise == "babble" and conditions.snr_db < math.inf:
        chosen = [i for i in rng.permutation(len(paths))[: BABBLE[1] + 1] if i != row][: BABBLE[1]]
        others = [load_audio(paths[i]) for i in chosen]
    return degrade(load_audio(paths[row]), conditions, rng, others)


def write_degraded_speech(
    paths: list[Path], targets: list[Path], conditions: list[Conditions], seed: int = 0, processes: int | None = None
) -> int:
    """Write a simulated degraded version of every clean recording; files that exist are kept, so it resumes.

    Args:
        paths: clean recordings.
        targets: wav or flac files to write, one per clean recording.
        conditions: one per recording.
        seed: see ``record``.
        processes: worker processes; default one per available core.

    Returns:
        The number of files written now.

    Raises:
        ValueError: lists of different length.
    """
    if not len(paths) == len(targets) == len(conditions):
        raise ValueError(f"{len(paths)} recordings, {len(targets)} targets and {len(conditions)} conditions; give equally many")
    jobs = [(row, condition, Path(target)) for row, (condition, target) in enumerate(zip(conditions, targets))]
    return write_missing_files(partial(_record_to_file, paths, seed), jobs, "degrading", "recording", 64, processes)


def _record_to_file(paths: list[Path], seed: int, job: tuple[int, Conditions, Path]) -> None:
    row, conditions, target = job
    save_audio(target, record(paths, row, conditions, seed))
