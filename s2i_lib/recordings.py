"""Recordings of people: any sound file to the sentences that were spoken in it, each as the encoder expects it."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from torchaudio import functional as AF

from s2i_lib.audio import SAMPLE_RATE, SHORTEST, SILENCE, set_level
from s2i_lib.decoding import AudioError, decode_blocks, mix

# A Butterworth filter of fourth order: 50 Hz falls by 12 dB, the lowest voices (85 Hz) by 1 dB. Notches at the harmonics of a
# hum would change the log-mel energies of clean speech by 0.2 on average, as a hum 15 dB below the speech does: there are none.
HIGH_PASS = 70.0  # hertz
QUALITIES = (0.5412, 1.3066)
_PART = 60 * SAMPLE_RATE  # samples filtered at a time

PAUSE = 0.6  # seconds without speech that end a sentence
MARGIN = 0.1  # seconds kept before and after the speech of a sentence
SHORTEST_SPEECH = 0.25  # seconds; what is shorter is a cough
SHORTEST_SENTENCE = 0.64  # seconds, the 64 frames that the encoder needs; shorter sentences are followed by silence
LONGEST_SENTENCE = 20.0  # seconds
MOST_SENTENCES = 20
FULL_SCALE = 0.99  # of the largest sample a format has: what reaches it may have been more
LARGEST_SAMPLES = (1.0, 2.0**15, 2.0**31)  # as is usual; of whole numbers that somebody has written as floats
CLIPPED = 1e-3  # share of samples at full scale above which a recording is called clipped


class NoSpeechError(AudioError):
    """A recording in which nobody speaks."""


@dataclass(frozen=True)
class Recording:
    """A decoded sound file.

    Attributes:
        path: of the file.
        waveform: (samples,) float32 at 16 kHz: channels mixed, offset and rumble removed, as loud as it was recorded.
        sample_rate: of the file, in hertz.
        channels: of the file.
        full_scale: share of the file's samples that reach full scale, 0 to 1.
    """

    path: Path
    waveform: torch.Tensor
    sample_rate: int
    channels: int
    full_scale: float

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return len(self.waveform) / SAMPLE_RATE

    @property
    def clipped(self) -> bool:
        """Whether it was recorded too loudly, so that the tops of the waves are cut off."""
        return bool(self.full_scale > CLIPPED)


@dataclass(frozen=True)
class Sentence:
    """A stretch of speech between two pauses.

    Attributes:
        start, end: in seconds of the recording, with margins of 0.1 s.
        waveform: (samples,) float32 at 16 kHz with root mean square 0.05; sentences below 0.64 s are followed by silence.
    """

    start: float
    end: float
    waveform: torch.Tensor


def read_recording(path: str | Path) -> Recording:
    """Decode a recording and free it from what is no speech below 70 Hz.

    The file is decoded and resampled block by block, so that ten minutes in stereo take some 300 MB at any rate.

    Args:
        path: wav, flac, ogg, mp3, m4a, aac, webm, amr, 3gp and more; 4 to 192 kHz, any number of channels, 0.2 s to ten
            minutes.

    Raises:
        AudioError: missing, empty, truncated, silent, too short, too long or not a sound file.
    """
    path, blocks = Path(path), decode_blocks(path)
    first = next(blocks)
    channels = first.samples.shape[1]
    resampler = soxr.ResampleStream(first.rate, SAMPLE_RATE, channels, dtype="float32")
    parts, at_full_scale, loudest, count = [], np.zeros(len(LARGEST_SAMPLES), np.int64), 0.0, 0
    for samples, _ in chain([first], blocks):
        parts.append(resampler.resample_chunk(samples))
        sizes = np.abs(samples)
        loudest, count = max(loudest, float(sizes.max())), count + samples.size
        at_full_scale += [int((sizes >= FULL_SCALE * largest).sum()) for largest in LARGEST_SAMPLES]
    parts.append(resampler.resample_chunk(np.zeros((0, channels), dtype=np.float32), last=True))
    waveform = torch.from_numpy(mix(np.concatenate(parts)))
    if len(waveform) < SHORTEST * SAMPLE_RATE:
        raise AudioError(f"{path}: {len(waveform) / SAMPLE_RATE:.2f} s of sound is too short; say a whole sentence")
    waveform = _without_rumble(waveform - waveform.mean())
    if waveform.abs().max() < SILENCE:
        raise AudioError(f"{path}: the recording is silent; record it again")
    scale = sum(loudest > 100 * largest for largest in LARGEST_SAMPLES[:-1])  # filters and codecs go beyond, but not so far
    return Recording(path, waveform, first.rate, channels, at_full_scale[scale] / count)


def _without_rumble(waveform: torch.Tensor) -> torch.Tensor:
    """High-pass filter a (samples,) waveform, in parts because torchaudio takes ten times the memory of what it filters."""
    room, parts = 4 * waveform.abs().max().clamp_min(1e-8), []  # torchaudio cuts off what goes beyond 1
    for start in range(0, len(waveform), _PART):
        run_in = min(start, SAMPLE_RATE)  # a second, after which the filter has forgotten where it began
        part = waveform[start - run_in : start + _PART] / room
        for quality in QUALITIES:
            part = AF.highpass_biquad(part, SAMPLE_RATE, HIGH_PASS, quality)
        parts.append(room * part[run_in:])
    return torch.cat(parts)


def find_sentences(recording: Recording, anyway: bool = False) -> list[Sentence]:
    """The sentences of a recording: stretches of speech between pauses of 0.6 s or more.

    Args:
        recording: see ``read_recording``.
        anyway: take the whole recording for one sentence if nobody speaks.

    Returns:
        At least one sentence, at most 20.

    Raises:
        NoSpeechError: nobody speaks.
        AudioError: more than 20 sentences, or one that goes on for more than 20 seconds.
    """
    path, stretches = recording.path, speech_stretches(recording.waveform)
    if not stretches and not anyway:
        raise NoSpeechError(f"{path}: no speech was found; speak closer to the microphone, or draw it with --anyway")
    stretches = stretches or [(0, len(recording.waveform))]
    if len(stretches) > MOST_SENTENCES:
        raise AudioError(f"{path}: {len(stretches)} sentences are too many; at most {MOST_SENTENCES} are drawn at a time")
    for start, end in stretches:
        if end - start > LONGEST_SENTENCE * SAMPLE_RATE:
            raise AudioError(
                f"{path}: {(end - start) / SAMPLE_RATE:.0f} s without a pause from {start / SAMPLE_RATE:.1f} s on are too long "
                f"for a sentence; pause between sentences, each of up to {LONGEST_SENTENCE:.0f} s"
            )
    return [_sentence(recording.waveform, start, end) for start, end in stretches]


def _sentence(waveform: torch.Tensor, start: int, end: int) -> Sentence:
    spoken = set_level(waveform[start:end])
    missing = max(0, int(SHORTEST_SENTENCE * SAMPLE_RATE) - len(spoken))
    return Sentence(start / SAMPLE_RATE, end / SAMPLE_RATE, torch.nn.functional.pad(spoken, (0, missing)))


def speech_stretches(waveform: torch.Tensor) -> list[tuple[int, int]]:
    """First and last samples of every stretch of speech in a (samples,) waveform at 16 kHz, found by Silero VAD."""
    detector = _voice_activity_detector()
    from silero_vad import get_speech_timestamps_sequence

    # Followed by a pause, so that the silence at the end is seen as one; the detector was trained on samples in [-1, 1].
    padded = torch.nn.functional.pad(set_level(waveform).clamp(-1, 1), (0, int((PAUSE + MARGIN) * SAMPLE_RATE)))
    found: list[dict[str, int]] = get_speech_timestamps_sequence(
        padded.numpy(),
        detector,
        min_speech_duration_ms=int(1000 * SHORTEST_SPEECH),
        min_silence_duration_ms=int(1000 * PAUSE),
        speech_pad_ms=int(1000 * MARGIN),
    )
    return [(one["start"], min(one["end"], len(waveform))) for one in found]


@lru_cache(maxsize=1)
def _voice_activity_detector() -> Any:
    """Silero VAD on onnxruntime, many frames at a time: the same package's TorchScript model takes six times as long."""
    threads = torch.get_num_threads()
    from silero_vad import load_silero_vad

    torch.set_num_threads(threads)  # importing the package sets one for the whole process
    return load_silero_vad(sequence=True)
