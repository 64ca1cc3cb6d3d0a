"""Recordings of people: any file that a telephone writes, any channel, level and pause; and whatever else is in a file."""

import os
import resource
import struct
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from conftest import tone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.signal import butter, freqz, sosfilt

from s2i_lib import audio, decoding, recordings
from s2i_lib.audio import AudioError, load_audio, log_mel_spectrogram, set_level
from s2i_lib.decoding import decode, mix
from s2i_lib.recordings import NoSpeechError, find_sentences, read_recording, speech_stretches
from s2i_lib.speech import UNSEEN_SYNTHESIZER, synthesize

RATE = 16_000
WORDS = ("the bird has a red crown and black wings.", "it is small.", "a blue bird with a white breast and pink feet.")


@pytest.fixture(scope="module")
def spoken():
    """Three sentences by eSpeak NG: (samples,) float32 at 16 kHz, which begin and end with the first and last sound."""
    return [synthesize(words, voice=UNSEEN_SYNTHESIZER) for words in WORDS]


def silence(seconds: float) -> np.ndarray:
    """(samples,) of what a quiet room leaves, 50 dB below the speech."""
    return 1e-4 * np.random.default_rng(0).normal(size=round(seconds * RATE)).astype(np.float32)


def write(path: Path, *parts: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, np.concatenate(parts), rate, subtype=subtype)
    return path


def encode(path: Path, waveform: np.ndarray, codec: str, rate: int = 48_000, layout: str = "mono") -> Path:
    """Write a (samples,) waveform as FFmpeg does, by the suffix of the path; channels are equal."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = 64_000 if rate > 8000 else 12_200
        frame = av.AudioFrame.from_ndarray(waveform[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = rate
        fifo = av.AudioFifo()
        fifo.write(frame)
        size = stream.codec_context.frame_size or 1024
        for part in [*fifo.read_many(size), fifo.read(0, partial=True)]:
            container.mux(stream.encode(part)) if part else None
        container.mux(stream.encode(None))
    return path


# --- decoding ---


@pytest.mark.parametrize("channels", [1, 2, 8, 9, 33, 64])
def test_any_number_of_channels_is_read_by_ffmpeg_too(tmp_path, channels):
    """PyAV reads beyond the planes of more than eight channels, which ended Python."""
    samples = np.linspace(-0.5, 0.5, 4000 * channels, dtype=np.float32).reshape(-1, channels)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    blocks = [block.samples for block in decoding._blocks_of_ffmpeg(tmp_path / "a.wav", f"file:{tmp_path / 'a.wav'}")]
    assert np.array_equal(np.concatenate(blocks), samples)


@pytest.mark.parametrize("rate", [16_000, 24_000])
@pytest.mark.parametrize("name, subtype", [("a.wav", "PCM_16"), ("a.flac", "PCM_16"), ("a.wav", "FLOAT"), ("a.flac", "PCM_24")])
def test_what_the_chapters_write_is_read_to_the_last_bit_as_ever(tmp_path, spoken, rate, name, subtype):
    """Twenty seconds, so that there are several blocks."""
    path = write(tmp_path / name, np.tile(spoken[0], 9)[: 20 * rate], rate=rate, subtype=subtype)
    samples, _ = soundfile.read(path, dtype="float32")
    expected = set_level(torchaudio.functional.resample(torch.from_numpy(samples), rate, RATE))
    assert torch.equal(load_audio(path), expected)


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 44_099, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("read", [load_audio, lambda path: read_recording(path).waveform])
def test_any_rate_gives_the_same_sound_at_once(tmp_path, rate, read):
    path = write(tmp_path / "tone.wav", tone(1000, 2.0, rate), rate=rate)
    started = time.process_time()
    waveform = read(path).numpy()
    assert time.process_time() - started < 2
    assert waveform.dtype == np.float32 and abs(len(waveform) - 2 * RATE) <= 1
    spectrum = np.abs(np.fft.rfft(waveform[:RATE]))
    assert spectrum.argmax() == 1000 and spectrum[1000] > 50 * np.delete(spectrum, range(995, 1006)).max()


TELEPHONE = [
    ("a.m4a", "aac", 48_000),
    ("a.m4a", "alac", 44_100),
    ("a.aac", "aac", 44_100),
    ("a.webm", "libopus", 48_000),
    ("a.opus", "libopus", 48_000),
    ("a.3gp", "aac", 16_000),
    ("a.3gp", "amr_nb", 8000),
    ("a.amr", "amr_nb", 8000),
    ("a.wma", "wmav2", 44_100),
]


@pytest.mark.parametrize("name, codec, rate", TELEPHONE)
def test_what_telephones_and_browsers_record_is_read(tmp_path, name, codec, rate):
    path = encode(tmp_path / name, tone(1000, 2.0, rate), codec, rate)
    recording = read_recording(path)
    assert (recording.sample_rate, recording.channels) == (rate, 1) and 1.9 < recording.seconds < 2.2
    assert np.abs(np.fft.rfft(recording.waveform[8000:24_000].numpy())).argmax() == 1000
    assert load_audio(path).square().mean().sqrt() == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg", "a.aiff", "a.raw", "no_suffix", "wrong.txt", "\udce4.wav"])
def test_the_content_decides_and_not_the_name(tmp_path, name):
    """The last name is the byte E4, a letter in Latin-1 and nothing in UTF-8."""
    suffix = Path(name).suffix if name.startswith("a.") and name != "a.raw" else ".wav"
    written = tmp_path / f"written{suffix}"
    soundfile.write(written, tone(1000, 1.0), RATE)
    written.rename(tmp_path / name)
    recording = read_recording(tmp_path / name)
    assert recording.sample_rate == RATE and abs(recording.seconds - 1) < 0.1
    assert np.abs(np.fft.rfft(recording.waveform[:RATE].numpy())).argmax() == 1000


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"])
def test_any_encoding_of_a_wav_file_is_read(tmp_path, subtype):
    path = write(tmp_path / "a.wav", tone(1000, 1.0), subtype=subtype)
    waveform = read_recording(path).waveform
    assert np.abs(np.fft.rfft(waveform[:RATE].numpy())).argmax() == 1000


def test_a_pipe_is_read_to_its_end(tmp_path):
    content = write(tmp_path / "a.wav", tone(1000, 1.0)).read_bytes()
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(content))
    writer.start()
    recording = read_recording(tmp_path / "pipe")
    writer.join()
    assert torch.equal(recording.waveform, read_recording(tmp_path / "a.wav").waveform)


UNKNOWN = [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000024, 0x7FFFF024]
LENGTHS = [(riff, data) for riff in UNKNOWN for data in UNKNOWN] + [(16_044, 16_000), (16_044, 16_008), (36, 0), (16_036, 0)]


@pytest.mark.parametrize("riff, data", LENGTHS)
def test_what_is_there_is_read_whatever_the_header_says(tmp_path, riff, data):
    path = write(tmp_path / "streamed.wav", tone(500, 0.5), subtype="PCM_16")
    content, whole = bytearray(path.read_bytes()), decode(path).samples
    assert (len(content), content[36:40]) == (16_044, b"data")
    content[4:8], content[40:44] = struct.pack("<I", riff), struct.pack("<I", data)
    path.write_bytes(content)
    assert np.array_equal(decode(path).samples, whole)


def test_a_playlist_cannot_make_us_open_other_files(tmp_path):
    soundfile.write(tmp_path / "secret.wav", tone(500, 1.0), RATE)
    for name, text in {
        "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        "list.ffconcat": "ffconcat version 1.0\nfile {}\n",
    }.items():
        (tmp_path / name).write_text(text.format(tmp_path / "secret.wav"))
        with pytest.raises(AudioError, match="not a readable sound file"):
            decode(tmp_path / name)


def test_a_video_without_sound_says_so(tmp_path):
    with av.open(tmp_path / "mute.mp4", "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match=r"mute.mp4: not a readable sound file \(it holds no sound\)"):
        read_recording(tmp_path / "mute.mp4")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(tmp_path, value):
    sound = tone(500, 20.0)
    sound[-1] = value  # in the last block
    with pytest.raises(AudioError, match="not numbers"):
        read_recording(write(tmp_path / "nan.wav", sound))


def test_channels_that_change_in_the_middle_are_refused(tmp_path):
    parts = []
    for layout, name in (("mono", "mono.aac"), ("stereo", "stereo.aac")):
        encode(tmp_path / name, tone(500, 1.0, 48_000), "aac", layout=layout)
        parts.append((tmp_path / name).read_bytes())
    (tmp_path / "both.aac").write_bytes(b"".join(parts))
    with pytest.raises(AudioError, match="both.aac: the sample rate or the number of channels changes"):
        read_recording(tmp_path / "both.aac")


@pytest.mark.parametrize("rate", [3999, 192_001, 2**31 - 1])
def test_an_impossible_rate_is_refused(tmp_path, rate):
    with pytest.raises(AudioError, match=f"rate of {rate} Hz"):
        read_recording(write(tmp_path / "odd.wav", tone(500, 1.0), rate=rate, subtype="PCM_16"))


# --- channels, offset, rumble, clipping ---


def test_channels_that_cancel_out_leave_the_loudest(tmp_path):
    one = tone(500, 1.0)
    path = write(tmp_path / "antiphase.wav", np.stack([0.5 * one, -0.51 * one + 0.3], axis=1))
    expected = read_recording(write(tmp_path / "louder.wav", -0.51 * one + 0.3)).waveform
    assert read_recording(path).channels == 2
    torch.testing.assert_close(read_recording(path).waveform, expected)
    torch.testing.assert_close(load_audio(path), load_audio(tmp_path / "louder.wav"))


def test_channels_are_averaged_otherwise():
    samples = np.random.default_rng(0).normal(size=(1000, 6)).astype(np.float32)
    assert np.allclose(mix(samples), samples.mean(axis=1))
    assert np.array_equal(mix(samples[:, :1]), samples[:, 0])


def test_an_offset_of_ten_times_the_speech_changes_nothing(tmp_path, spoken):
    plain = read_recording(write(tmp_path / "plain.wav", silence(0.5), spoken[0], silence(0.5)))
    shifted = read_recording(write(tmp_path / "offset.wav", *(part + 0.5 for part in (silence(0.5), spoken[0], silence(0.5)))))
    torch.testing.assert_close(shifted.waveform, plain.waveform, atol=2e-5, rtol=0)
    (one,), (other,) = find_sentences(plain), find_sentences(shifted)
    assert (one.start, one.end) == (other.start, other.end)
    assert one.waveform.square().mean().sqrt() == pytest.approx(0.05, rel=1e-4)


def test_a_mere_offset_is_silence(tmp_path):
    with pytest.raises(AudioError, match="offset.wav: the recording is silent"):
        read_recording(write(tmp_path / "offset.wav", np.full(RATE, 0.3)))


def test_rumble_is_removed_as_a_butterworth_filter_of_fourth_order_does(tmp_path):
    impulse = np.zeros(RATE)
    impulse[0] = 0.9
    waveform = read_recording(write(tmp_path / "impulse.wav", impulse)).waveform.numpy()
    frequencies = np.array([20, 50, 60, 70, 85, 100, 300, 1000, 4000])
    response = np.abs(np.fft.rfft(waveform / 0.9))[frequencies]
    _, expected = freqz(*butter(4, 70, "highpass", fs=RATE), worN=frequencies, fs=RATE)
    np.testing.assert_allclose(response[1:], np.abs(expected)[1:], rtol=0.02)
    assert response[0] < 0.02


def test_a_hum_moves_what_the_encoder_receives_little(tmp_path, spoken):
    """Mains hum as loud as the speech: three quarters of the difference that it makes to the log-mel energies are gone."""
    time_axis = np.arange(len(spoken[0])) / RATE
    humming = spoken[0] + 0.05 * np.sqrt(2) * np.sin(2 * np.pi * 50 * time_axis)
    clean = log_mel_spectrogram(torch.from_numpy(spoken[0]))
    untreated = (log_mel_spectrogram(set_level(torch.from_numpy(humming).float())) - clean).abs().mean()
    waveform = read_recording(write(tmp_path / "hum.wav", humming)).waveform
    assert (log_mel_spectrogram(set_level(waveform)) - clean).abs().mean() < 0.25 * untreated


@pytest.mark.parametrize("gain, clipped", [(0.3, False), (1.0, False), (6.0, True)])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "FLOAT"])
def test_clipping_is_told_and_still_heard(tmp_path, spoken, gain, clipped, subtype):
    loud = np.clip(gain * spoken[0] / np.abs(spoken[0]).max(), -1, 1)
    recording = read_recording(write(tmp_path / "loud.wav", loud, subtype=subtype))
    assert recording.clipped == clipped and recording.full_scale == pytest.approx(
        (np.abs(loud) >= 0.99).mean(), rel=0.1, abs=1e-4
    )
    assert len(find_sentences(recording)) == 1


# --- sentences ---


def test_silence_is_trimmed_to_its_margins(tmp_path, spoken):
    path = write(tmp_path / "late.wav", silence(2), spoken[0], silence(3))
    (sentence,) = find_sentences(read_recording(path))
    seconds = len(spoken[0]) / RATE
    assert sentence.start == pytest.approx(2 - 0.1, abs=0.08) and sentence.end == pytest.approx(2 + seconds + 0.1, abs=0.2)
    assert len(sentence.waveform) == round((sentence.end - sentence.start) * RATE)
    assert sentence.waveform.dtype == torch.float32 and sentence.waveform.square().mean().sqrt() == pytest.approx(
        0.05, rel=1e-4
    )


def test_a_short_silence_at_the_end_is_trimmed_too(tmp_path, spoken):
    (sentence,) = find_sentences(read_recording(write(tmp_path / "a.wav", silence(0.4), spoken[0], silence(0.5))))
    assert sentence.start == pytest.approx(0.3, abs=0.08)
    assert sentence.end == pytest.approx(0.5 + len(spoken[0]) / RATE, abs=0.2)


@pytest.mark.parametrize("pause, count", [(0.25, 1), (1.0, 3), (2.0, 3)])
def test_sentences_are_parted_by_pauses(tmp_path, spoken, pause, count):
    gap = silence(pause)
    path = write(tmp_path / "several.wav", gap, spoken[0], gap, spoken[1], gap, spoken[2], gap)
    sentences = find_sentences(read_recording(path))
    assert len(sentences) == count
    if count == 3:
        starts = np.cumsum([pause, *(len(one) / RATE + pause for one in spoken[:2])])
        np.testing.assert_allclose([one.start for one in sentences], starts - 0.1, atol=0.1)
    assert all(one.end <= other.start for one, other in pairwise(sentences))


@pytest.mark.parametrize("gain", [0.002, 0.05, 5.0])
def test_the_level_does_not_move_a_sentence(tmp_path, spoken, gain):
    parts = silence(1), spoken[0], silence(1)
    (loud,) = find_sentences(read_recording(write(tmp_path / "loud.wav", *parts)))
    (other,) = find_sentences(read_recording(write(tmp_path / "other.wav", *(gain * part for part in parts))))
    assert (other.start, other.end) == (loud.start, loud.end)
    torch.testing.assert_close(other.waveform, loud.waveform, atol=1e-3, rtol=0)


def test_a_short_word_is_followed_by_silence(tmp_path):
    word = synthesize("bird", voice=UNSEEN_SYNTHESIZER)
    (sentence,) = find_sentences(read_recording(write(tmp_path / "word.wav", word)))
    assert len(word) < 0.64 * RATE == len(sentence.waveform)
    assert torch.all(sentence.waveform[len(word) :] == 0) and log_mel_spectrogram(sentence.waveform).shape[1] >= 64


def noises() -> dict[str, np.ndarray]:
    """Four seconds of what nobody says, at 16 kHz."""
    rng, seconds = np.random.default_rng(0), np.arange(4 * RATE) / RATE
    notes = [262, 294, 330, 349, 392, 440, 494, 523]
    half, clicks = np.arange(RATE // 2) / RATE, np.zeros(4 * RATE)
    clicks[rng.integers(0, 4 * RATE, 8)] = 0.9
    return {
        "white": 0.1 * rng.normal(size=4 * RATE),
        "tone": tone(440, 4.0),
        "chord": 0.1 * sum(np.sin(2 * np.pi * note * seconds) for note in notes[::2]),
        "melody": np.concatenate(
            [sum(0.1 / k * np.sin(2 * np.pi * k * note * half) for k in (1, 2, 3)) * np.exp(-4 * half) for note in notes]
        ),
        "clicks": clicks + 1e-3 * rng.normal(size=4 * RATE),
        "hum": 0.2 * sum(np.sin(2 * np.pi * 50 * k * seconds) / k for k in range(1, 8)),
    }


@pytest.mark.parametrize("kind", noises())
def test_a_recording_in_which_nobody_speaks_is_refused(tmp_path, kind):
    recording = read_recording(write(tmp_path / f"{kind}.wav", noises()[kind]))
    with pytest.raises(NoSpeechError, match=f"{kind}.wav: no speech was found.*--anyway"):
        find_sentences(recording)
    (whole,) = find_sentences(recording, anyway=True)
    assert (whole.start, whole.end) == (0, 4) and len(whole.waveform) == 4 * RATE


def test_speech_in_noise_is_found(tmp_path, spoken):
    noise = 0.05 * 10 ** (-5 / 20) * np.random.default_rng(1).normal(size=len(spoken[0]) + 2 * RATE)  # 5 dB below
    path = write(tmp_path / "noisy.wav", np.concatenate([silence(1), spoken[0], silence(1)]) + noise)
    (sentence,) = find_sentences(read_recording(path))
    assert sentence.start == pytest.approx(0.9, abs=0.2) and sentence.end == pytest.approx(1.1 + len(spoken[0]) / RATE, abs=0.3)


def test_a_sentence_without_end_is_refused(tmp_path, spoken):
    endless = np.tile(spoken[0], int(21 * RATE / len(spoken[0])) + 1)
    with pytest.raises(AudioError, match=r"endless.wav: 2\d s without a pause from 0.0 s on.*up to 20 s"):
        find_sentences(read_recording(write(tmp_path / "endless.wav", endless)))
    with pytest.raises(AudioError, match="without a pause"):
        find_sentences(read_recording(write(tmp_path / "noise.wav", tone(440, 21.0))), anyway=True)


def test_too_many_sentences_are_refused(tmp_path, spoken):
    parts = [part for _ in range(21) for part in (spoken[1], silence(1))]
    with pytest.raises(AudioError, match="many.wav: 21 sentences are too many; at most 20"):
        find_sentences(read_recording(write(tmp_path / "many.wav", *parts)))
    assert len(find_sentences(read_recording(write(tmp_path / "just.wav", *parts[:40])))) == 20


def test_the_detector_leaves_the_number_of_threads_alone():
    program = (
        "import torch; torch.set_num_threads(2); from s2i_lib.recordings import speech_stretches;"
        "assert speech_stretches(torch.zeros(16000)) == [] and torch.get_num_threads() == 2"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- hostile and long files ---


@pytest.mark.parametrize("name", ["hour.flac", "hour.m4a"])
def test_an_hour_is_refused_before_it_fills_the_memory(tmp_path, name):
    """An hour of stereo at 48 kHz would be 1.4 GB of float32."""
    path = tmp_path / name
    if name.endswith("flac"):
        with soundfile.SoundFile(path, "w", 48_000, 2, "PCM_16") as file:
            for _ in range(60):
                file.write(np.zeros((60 * 48_000, 2), dtype=np.int16))
    else:
        encode(path, np.zeros(601 * 8000), "aac", rate=8000)
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    for read in (read_recording, load_audio):
        with pytest.raises(AudioError, match=f"{name}: the recording is longer than 10 minutes"):
            read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
    assert time.process_time() - started < 10


@pytest.mark.slow
def test_ten_minutes_take_little_memory(tmp_path, spoken):
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 48_000, 2, "PCM_16") as file:
        for _ in range(60):
            file.write(np.random.default_rng(0).normal(scale=0.01, size=(10 * 48_000, 2)))
    program = (
        "import resource, sys; from s2i_lib.recordings import read_recording, speech_stretches;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; recording = read_recording(sys.argv[1]);"
        "assert recording.seconds == 600, recording.seconds; assert speech_stretches(recording.waveform) == [];"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", program, path], cwd=root, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 450_000  # kB, the detector included


def test_a_long_recording_is_filtered_as_a_whole_would_be():
    waveform = 0.1 * torch.randn(150 * RATE, generator=torch.Generator().manual_seed(0)) + 0.2
    filtered = recordings._without_rumble(waveform)
    expected = sosfilt(butter(4, 70, "highpass", fs=RATE, output="sos"), waveform.double().numpy())
    np.testing.assert_allclose(filtered.numpy(), expected, atol=1e-4)


def _usable_or_refused(path: Path) -> None:
    started = time.process_time()
    for read in (lambda: read_recording(path).waveform, lambda: load_audio(path)):
        try:
            waveform = read()
        except AudioError as error:
            message = str(error)
            assert message.startswith(f"{path}: ") and "\n" not in message
        else:
            assert waveform.dtype == torch.float32 and waveform.ndim == 1 and torch.isfinite(waveform).all()
            assert 0 < len(waveform) <= (decoding.LONGEST + 1) * RATE
    assert time.process_time() - started < 5


FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(
    content=st.binary(max_size=400),
    start=st.sampled_from([b"", b"RIFF", b"fLaC", b"OggS", b"ID3", b"\x1aE\xdf\xa3", b"#!AMR\n"]),
)
def test_any_bytes_are_a_waveform_or_one_sentence(tmp_path, content, start):
    path = tmp_path / "bytes"
    path.write_bytes(start + content)
    _usable_or_refused(path)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """The content of one small file of each kind."""
    folder, sound = tmp_path_factory.mktemp("originals"), tone(500, 0.5, 48_000)
    for name in ("a.wav", "a.flac", "a.ogg", "a.mp3"):
        soundfile.write(folder / name, sound, 48_000)
    for name, codec in (("a.m4a", "aac"), ("a.webm", "libopus"), ("b.aac", "aac")):
        encode(folder / name, sound, codec)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@FUZZ
@given(data=st.data())
def test_a_mutated_file_is_a_waveform_or_one_sentence(tmp_path, originals, data):
    content = bytearray(data.draw(st.sampled_from(originals)))
    places = st.one_of(st.integers(0, 63), st.integers(0, len(content) - 1))  # half of them in the header
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=20)):
        content[place] = value
    path = tmp_path / "mutated"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)) | st.just(len(content)))])
    _usable_or_refused(path)


def test_silence_finds_no_stretch():
    assert speech_stretches(torch.zeros(3 * RATE)) == [] and recordings.PAUSE * RATE < audio.SAMPLE_RATE
