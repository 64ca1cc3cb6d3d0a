"""Sound files and the log-mel front end, against librosa and against every kind of bad file."""

import numpy as np
import pytest
import soundfile
import torch
from conftest import tone
from hypothesis import given, settings
from hypothesis import strategies as st

from s2i_lib import audio, decoding
from s2i_lib.audio import AudioError, load_audio, log_mel_spectrogram
from s2i_lib.decoding import decode
from s2i_lib.preparation.features import recorded_log_mels


@pytest.fixture(scope="module")
def speech_like():
    """Two seconds of noise whose energy falls with frequency, float64."""
    rng = np.random.default_rng(0)
    return audio.set_level(torch.from_numpy(np.convolve(rng.normal(size=32_000), np.exp(-np.arange(60) / 12), "same")))


def _librosa_log_mel(waveform: np.ndarray) -> np.ndarray:
    import librosa

    centred = waveform - waveform.mean()
    emphasised = np.concatenate([centred[:1], centred[1:] - 0.97 * centred[:-1]])
    mel = librosa.feature.melspectrogram(
        y=emphasised,
        sr=16_000,
        n_fft=400,
        win_length=400,
        hop_length=160,
        window="hamming",
        center=True,
        pad_mode="constant",
        power=2.0,
        n_mels=40,
        fmin=20.0,
        fmax=8000.0,
        htk=False,
        norm="slaney",
        dtype=np.float64,
    )
    return np.log(mel + 1e-7)


def test_the_front_end_equals_librosa(speech_like):
    ours = log_mel_spectrogram(speech_like).numpy()
    np.testing.assert_allclose(ours, _librosa_log_mel(speech_like.numpy()), atol=2e-4)


def test_the_front_end_in_float32_equals_float64(speech_like):
    torch.testing.assert_close(
        log_mel_spectrogram(speech_like.float()).double(), log_mel_spectrogram(speech_like), atol=2e-3, rtol=0
    )


def test_a_batch_equals_its_members(speech_like):
    batch = torch.stack([speech_like[:16_000], speech_like[16_000:]]).float()
    together = log_mel_spectrogram(batch)
    for row, waveform in zip(together, batch):
        torch.testing.assert_close(row, log_mel_spectrogram(waveform), atol=1e-4, rtol=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(201, 20_000))
def test_frames_follow_from_the_length(samples):
    log_mel = log_mel_spectrogram(torch.randn(samples, generator=torch.Generator().manual_seed(samples)))
    assert log_mel.shape == (40, 1 + samples // 160) and torch.isfinite(log_mel).all()


def test_the_distance_to_the_microphone_is_no_feature(speech_like):
    near, far = (log_mel_spectrogram(audio.set_level(speech_like * gain)) for gain in (8.0, 0.02))
    torch.testing.assert_close(near, far)


def test_a_constant_offset_is_no_feature(speech_like):
    torch.testing.assert_close(log_mel_spectrogram(speech_like + 0.3), log_mel_spectrogram(speech_like))


def test_a_tone_shows_in_its_own_band():
    bands = [int(log_mel_spectrogram(torch.from_numpy(tone(hertz, 1.0))).mean(1).argmax()) for hertz in (300, 1200, 4000)]
    assert bands == sorted(set(bands))


def test_silence_is_finite():
    assert log_mel_spectrogram(torch.zeros(4000)).unique().tolist() == pytest.approx([np.log(1e-7)])


def test_set_level_sets_the_root_mean_square(speech_like):
    assert float(audio.set_level(speech_like, 0.2).square().mean().sqrt()) == pytest.approx(0.2)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100])
def test_another_sample_rate_is_refused(rate):
    with pytest.raises(ValueError, match="resample to 16000"):
        log_mel_spectrogram(torch.zeros(8000), rate)


def test_less_than_one_window_is_refused():
    with pytest.raises(ValueError, match="200 samples are too few"):
        log_mel_spectrogram(torch.zeros(200))


def test_collation_pads_with_silence():
    parts = [torch.rand(40, frames) for frames in (70, 64, 90)]
    batch, lengths = audio.collate_log_mels(parts)
    assert batch.shape == (3, 40, 90) and lengths.tolist() == [70, 64, 90]
    for row, part in zip(batch, parts):
        assert torch.equal(row[:, : part.shape[1]], part)
        assert (row[:, part.shape[1] :] == np.float32(np.log(1e-7))).all()


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_any_rate_and_container_gives_the_same_sound(tmp_path, rate, suffix):
    path = tmp_path / f"sound.{suffix}"
    soundfile.write(path, tone(1000, 1.0, rate), rate)
    waveform = load_audio(path)
    assert waveform.dtype == torch.float32 and len(waveform) == 16_000
    spectrum = np.abs(np.fft.rfft(waveform.numpy()))
    assert spectrum.argmax() == 1000  # one second: bins of one hertz
    assert float(waveform.square().mean().sqrt()) == pytest.approx(0.05, rel=1e-4)


@pytest.mark.parametrize("channels, seconds", [(1, 0.5), (2, 0.5), (3, 0.1), (1, 20.0)])
def test_a_usual_wav_file_is_read_as_libsndfile_reads_it(tmp_path, channels, seconds):
    path = tmp_path / "sound.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, (int(16_000 * seconds), channels)), 16_000, subtype="PCM_16")
    samples, rate = decode(path)
    expected, _ = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == 16_000 and samples.dtype == np.float32 and np.array_equal(samples, expected)


@pytest.mark.parametrize("offset, value", [(4, 0), (20, 3), (22, 0), (34, 8), (40, 0), (40, 99)])
def test_a_header_that_contradicts_its_file_is_left_to_libsndfile(tmp_path, offset, value):
    path = tmp_path / "sound.wav"
    audio.save_audio(path, tone(500, 0.5))
    content = bytearray(path.read_bytes())
    content[offset] = value  # one byte of a length, the kind, the channels, the bits
    path.write_bytes(content)
    assert decoding._plain_wav(path) is None


def test_many_files_give_the_spectrogram_of_each(tmp_path):
    paths = [tmp_path / f"{number}.wav" for number in range(5)]
    for number, path in enumerate(paths):
        audio.save_audio(path, tone(300 + 200 * number, 0.3 + 0.1 * number))
    threads = torch.get_num_threads()
    together = recorded_log_mels(paths)
    assert torch.get_num_threads() == threads
    for row, path in enumerate(paths):
        torch.testing.assert_close(together[row], log_mel_spectrogram(load_audio(path)), atol=1e-2, rtol=1e-3)  # as float16


def test_stereo_is_averaged(tmp_path):
    left, right = tone(500, 0.5), tone(900, 0.5)
    soundfile.write(tmp_path / "stereo.wav", np.stack([left, right], axis=1), 16_000, subtype="DOUBLE")
    soundfile.write(tmp_path / "mono.wav", (left + right) / 2, 16_000, subtype="DOUBLE")
    torch.testing.assert_close(load_audio(tmp_path / "stereo.wav"), load_audio(tmp_path / "mono.wav"))


def test_a_saved_sound_comes_back(tmp_path):
    waveform = audio.set_level(torch.from_numpy(tone(700, 0.5))).float()
    for name in ("a.wav", "a.flac"):
        audio.save_audio(tmp_path / name, waveform)
        torch.testing.assert_close(load_audio(tmp_path / name), waveform, atol=1e-4, rtol=0)


BAD_FILES = {
    "missing": "no such file",
    "folder": "no such file",
    "empty": "empty",
    "text": "not a readable",
    "truncated": "truncated",
    "truncated_flac": "truncated|not a readable",
    "header_only": "no samples",
    "silent": "silent",
    "too_short": "too short",
    "nan": "not numbers",
}


def write_bad_file(kind: str, folder):
    """A sound file that cannot be used; ``kind`` is a key of ``BAD_FILES``."""
    path, sound = folder / f"{kind}.wav", tone(500, 1.0)
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("a bird with a red crown")
    elif kind == "truncated":
        soundfile.write(path, sound, 16_000)
        path.write_bytes(path.read_bytes()[:9000])
    elif kind == "truncated_flac":
        path = path.with_suffix(".flac")
        soundfile.write(path, sound, 16_000)
        path.write_bytes(path.read_bytes()[:9000])
    elif kind != "missing":
        sound = {
            "header_only": sound[:0],
            "silent": sound * 0,
            "too_short": sound[:1600],
            "nan": np.where(np.arange(len(sound)) == 99, np.nan, sound),
        }[kind]
        soundfile.write(path, sound, 16_000, subtype="FLOAT")
    return path


@pytest.mark.parametrize("kind, reason", BAD_FILES.items())
def test_a_bad_file_is_refused_in_one_sentence(tmp_path, kind, reason):
    path = write_bad_file(kind, tmp_path)
    with pytest.raises(AudioError, match=reason) as error:
        load_audio(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and "\n" not in message


def test_a_recorder_that_does_not_know_the_length_is_believed(tmp_path):
    path = tmp_path / "piped.wav"
    soundfile.write(path, tone(500, 0.5), 16_000)
    content = bytearray(path.read_bytes())
    content[4:8] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert len(load_audio(path)) == 8000


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("s2i_lib.files.os.replace", full)
    with pytest.raises(AudioError, match=r"speech.wav: cannot be written \(No space left on device\)"):
        audio.save_audio(tmp_path / "speech.wav", tone(440, 1.0))
    assert not list(tmp_path.iterdir())
