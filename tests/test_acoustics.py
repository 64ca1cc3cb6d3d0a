"""Simulated degraded speech: every effect is measured on its result, not believed."""

import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import numpy as np
import pytest
import scipy.signal
import torch
from conftest import tiny_config, tone
from hypothesis import given, settings
from hypothesis import strategies as st

from s2i_lib import acoustics, audio, recognition, speech, voices, workers
from s2i_lib.acoustics import CLEAN, Conditions
from s2i_lib.datasets import DatasetError, load_dataset
from s2i_lib.features import load_log_mels, load_speech_data
from s2i_lib.preparation.features import (
    voice_log_mels,
    write_inputs,
)
from s2i_lib.preparation.speech import (
    SHARES,
    clean_recording,
    degradation_seed,
    load_conditions,
    plan_many_voices,
    write_condition,
    write_many_voices,
    write_speech,
    write_transcripts,
    write_voice,
)

RATE = audio.SAMPLE_RATE
NOISY = Conditions(voice="low", rate=1.2, snr_db=10.0, noise="pink", rt60=0.4, band="telephone")


def rng(seed=0):
    return np.random.default_rng(seed)


def vowel(pitch: float, formant: float, seconds: float = 1.0) -> torch.Tensor:
    """Pulses at `pitch` hertz through one resonance at `formant` hertz."""
    pulses = (np.diff(np.floor(np.arange(round(seconds * RATE) + 1) * pitch / RATE)) > 0).astype(float)
    radius = np.exp(-np.pi * 150 / RATE)
    resonance = [1, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2]
    return audio.set_level(torch.from_numpy(scipy.signal.lfilter([1], resonance, pulses)).float())


def white(samples=RATE, seed=0) -> torch.Tensor:
    return torch.from_numpy(rng(seed).normal(size=samples)).float()


def pitch_of(waveform: torch.Tensor) -> float:
    """Hertz of the first peak of the autocorrelation between 60 and 400 Hz."""
    middle = waveform[len(waveform) // 4 : -len(waveform) // 4].double().numpy()
    correlation = scipy.signal.correlate(middle, middle)[len(middle) - 1 :]
    shortest, longest = RATE // 400, RATE // 60
    lags = shortest + scipy.signal.find_peaks(correlation[shortest:longest])[0]
    return RATE / lags[np.flatnonzero(correlation[lags] > 0.85 * correlation[lags].max())[0]]


def formant_of(waveform: torch.Tensor, pitch: float) -> float:
    """Hertz where the spectrum, smoothed over two harmonics, is highest above 500 Hz."""
    frequencies, power = scipy.signal.welch(waveform.double().numpy(), RATE, nperseg=4096)
    smooth = np.convolve(power, scipy.signal.windows.hann(round(4 * pitch / frequencies[1])), "same")
    return frequencies[np.argmax(smooth * (frequencies > 500))]


def power_between(waveform: torch.Tensor, low: float, high: float) -> float:
    frequencies, power = scipy.signal.welch(waveform.double().numpy(), RATE, nperseg=4096)
    return power[(frequencies >= low) & (frequencies < high)].sum()


def level_of(waveform: torch.Tensor) -> float:
    return float(waveform.double().square().mean().sqrt())


# --- conditions ---


@pytest.mark.parametrize(
    "values, named",
    [
        ({"voice": "peter"}, "choose from plain, deep"),
        ({"noise": "rain"}, "choose from pink, babble"),
        ({"band": "radio"}, "choose from full, laptop, telephone"),
        ({"rate": 0.2}, "from 0.5 to 2"),
        ({"rt60": -1.0}, "from 0 to 3"),
        ({"snr_db": math.nan}, "snr_db is nan"),
        ({"snr_db": -math.inf}, "snr_db is -inf"),
    ],
)
def test_impossible_conditions_are_refused(values, named):
    with pytest.raises(ValueError, match=named):
        Conditions(**values)


def test_random_conditions_follow_from_the_generator_and_spread():
    drawn = [acoustics.random_conditions(rng(seed)) for seed in range(200)]
    assert drawn == [acoustics.random_conditions(rng(seed)) for seed in range(200)]
    assert {one.voice for one in drawn} == set(acoustics.SHIFTED_VOICES)
    assert {one.noise for one in drawn} == set(acoustics.NOISES)
    assert {one.band for one in drawn} == set(acoustics.BANDS)
    assert min(one.snr_db for one in drawn) < 2 and max(one.snr_db for one in drawn) > 23
    assert min(one.rate for one in drawn) < 0.85 and max(one.rate for one in drawn) > 1.25


def test_voices_and_noises_can_be_kept_unseen():
    drawn = [acoustics.random_conditions(rng(seed), voices=["plain", "low"], noises=["hum"]) for seed in range(50)]
    assert {one.voice for one in drawn} == {"plain", "low"} and {one.noise for one in drawn} == {"hum"}


@pytest.mark.parametrize("factor", acoustics.SWEEPS)
def test_a_sweep_changes_one_factor(factor):
    base = Conditions(snr_db=5.0)
    swept = acoustics.sweep(factor, base)
    assert [asdict(one)[factor] for one in swept] == list(acoustics.SWEEPS[factor])
    assert {replace(one, **{factor: getattr(base, factor)}) for one in swept} == {base}


def test_an_unknown_factor_is_refused():
    with pytest.raises(ValueError, match="choose from voice, rate, snr_db"):
        acoustics.sweep("weather")


# --- the speaker ---


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.0, 1.25, 1.7, 2.0])
def test_the_rate_changes_the_duration_and_not_the_pitch(rate):
    spoken = voices.change_rate(vowel(140, 1200), rate)
    assert len(spoken) == round(RATE / rate) and spoken.dtype == torch.float32
    assert pitch_of(spoken) == pytest.approx(140, rel=0.02)
    assert formant_of(spoken, 140) == pytest.approx(1200, rel=0.06)


@pytest.mark.parametrize("pitch", [0.7, 0.85, 1.0, 1.2, 1.4])
@pytest.mark.parametrize("formants", [0.85, 1.0, 1.2])
def test_pitch_and_formants_move_on_their_own(pitch, formants):
    shifted = voices.shift_voice(vowel(140, 1500), pitch, formants)
    assert len(shifted) == RATE and shifted.dtype == torch.float32
    assert pitch_of(shifted) == pytest.approx(140 * pitch, rel=0.02)
    assert formant_of(shifted, 140 * pitch) == pytest.approx(1500 * formants, rel=0.05)


def test_a_voice_shifted_by_nothing_is_the_voice():
    assert torch.equal(voices.shift_voice(vowel(140, 1500), 1.0, 1.0), vowel(140, 1500))


@pytest.mark.parametrize("pitch, formants, named", [(0.1, 1.0, "pitch is 0.1"), (1.0, 3.0, "formants is 3.0")])
def test_a_voice_too_far_away_is_refused(pitch, formants, named):
    with pytest.raises(ValueError, match=named):
        voices.shift_voice(white(), pitch, formants)


@pytest.mark.parametrize("rate", [0.0, -1.0, 2.5, math.nan])
def test_an_impossible_rate_is_refused(rate):
    with pytest.raises(ValueError, match="from 0.5 to 2"):
        voices.change_rate(white(), rate)


# --- noise ---


@settings(max_examples=30, deadline=None)
@given(st.floats(-20, 40), st.integers(2, 5000), st.sampled_from(["pink", "hum", "room"]), st.floats(1e-3, 10))
def test_the_signal_to_noise_ratio_is_exact(snr_db, samples, kind, loudness):
    speech, noise = loudness * white(samples), acoustics.make_noise(kind, samples, rng(1))
    added = (acoustics.add_noise(speech, noise, snr_db) - speech).double()
    measured = 10 * math.log10(speech.double().square().sum() / added.square().sum())
    assert measured == pytest.approx(snr_db, abs=0.02 + 1e-6 * 10 ** (snr_db / 10))  # float32 rounds what is added far below


@pytest.mark.parametrize(
    "speech, noise, snr_db, named",
    [
        (torch.zeros(100), white(100), 10.0, "the speech is silent"),
        (white(100), torch.zeros(100), 10.0, "the noise is silent"),
        (white(100), white(90), 10.0, "100 samples of speech and 90 of noise"),
        (white(100), white(100), math.inf, "finite number"),
        (white(0), white(0), 10.0, "at least one"),
        (white(100) * math.nan, white(100), 10.0, "finite numbers"),
    ],
)
def test_noise_that_cannot_be_added_is_refused(speech, noise, snr_db, named):
    with pytest.raises(ValueError, match=named):
        acoustics.add_noise(speech, noise, snr_db)


@pytest.mark.parametrize("kind, per_octave", [("pink", 0.0), ("room", -3.0)])
def test_coloured_noise_falls_as_it_should(kind, per_octave):
    noise = acoustics.make_noise(kind, 20 * RATE, rng())
    octaves = [10 * math.log10(power_between(noise, low, 2 * low)) for low in (200, 400, 800, 1600, 3200)]
    np.testing.assert_allclose(np.diff(octaves), per_octave, atol=0.6)


def test_hum_lies_on_the_harmonics_of_the_mains():
    for seed in range(4):
        hum = acoustics.make_noise("hum", RATE, rng(seed))  # one second: bins of one hertz
        power = np.abs(np.fft.rfft(hum.double().numpy())) ** 2
        mains = int(power.argmax())
        assert mains in (50, 60) and power[mains::mains][:20].sum() > 0.999 * power.sum()


def test_babble_is_made_of_the_others():
    others = [torch.from_numpy(tone(300.0 * k, 0.3 + 0.2 * k)).float() for k in range(1, 5)]
    babble = acoustics.make_noise("babble", 2 * RATE, rng(), others)
    shares = [power_between(babble, 300 * k - 20, 300 * k + 20) for k in range(1, 5)]
    assert min(shares) > 0.5 * max(shares)  # every talker is equally loud
    assert level_of(babble[: RATE // 4]) > 0.5  # and talks from the start


@pytest.mark.parametrize("kind", acoustics.NOISES)
def test_noise_has_its_length_and_level_and_follows_from_the_generator(kind):
    others = [white(seed=seed) for seed in range(8)]
    for samples in (1, 17, 4000, 40_000):
        noise = acoustics.make_noise(kind, samples, rng(5), others)
        assert noise.shape == (samples,) and noise.dtype == torch.float32 and level_of(noise) == pytest.approx(1, rel=1e-4)
        assert torch.equal(noise, acoustics.make_noise(kind, samples, rng(5), others))
    assert not torch.equal(noise, acoustics.make_noise(kind, samples, rng(6), others))


@pytest.mark.parametrize(
    "kind, samples, named",
    [("rain", 100, "choose from pink"), ("pink", 0, "at least one sample"), ("babble", 100, "pass them as `others`")],
)
def test_noise_that_cannot_be_made_is_refused(kind, samples, named):
    with pytest.raises(ValueError, match=named):
        acoustics.make_noise(kind, samples, rng())


# --- the room and the microphone ---


def reverberation_time(response: np.ndarray) -> float:
    """Schroeder's backward integration: the line through the decay between -8 and -28 dB, down to -60 dB."""
    decay = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] / np.sum(response**2) + 1e-30)
    chosen = np.flatnonzero((decay < -8) & (decay > -28))
    return -60 / np.polyfit(chosen / RATE, decay[chosen], 1)[0]


@pytest.mark.parametrize("rt60", [0.15, 0.3, 0.6, 1.2])
def test_a_room_has_the_reverberation_time_that_was_asked_for(rt60):
    for seed in range(3):
        click = torch.zeros(round((rt60 + 0.1) * RATE))
        click[100] = 1.0
        response = acoustics.reverberate(click, rt60, rng(seed)).double().numpy()[100:]
        assert reverberation_time(response) == pytest.approx(rt60, rel=0.1)
        assert 10 * math.log10(response[0] ** 2 / np.sum(response[1:] ** 2)) == pytest.approx(3, abs=0.01)  # direct sound


@pytest.mark.parametrize("rt60", [0.0, -0.5, 9.0, math.nan])
def test_an_impossible_room_is_refused(rt60):
    with pytest.raises(ValueError, match="rt60"):
        acoustics.reverberate(white(), rt60, rng())


@pytest.mark.parametrize("band", ["telephone", "laptop"])
def test_a_microphone_lets_through_its_band(band):
    low, high = acoustics.BANDS[band]
    before, after = white(10 * RATE), acoustics.band_limit(white(10 * RATE), low, high)

    def loss(start, stop):
        return 10 * math.log10(power_between(after, start, stop) / power_between(before, start, stop))

    assert loss(1.2 * low, 0.9 * high) == pytest.approx(0, abs=0.3)
    assert loss(0, low / 2) < -30
    assert high > 4000 or loss(2 * high, 8000) < -30
    assert loss(7900, 8000) < -30


@pytest.mark.parametrize("low, high", [(0.0, 1000.0), (2000.0, 1000.0), (100.0, 8000.0)])
def test_an_impossible_band_is_refused(low, high):
    with pytest.raises(ValueError, match="0 < low < high < 8000"):
        acoustics.band_limit(white(), low, high)


# --- all of it ---


def test_clean_conditions_change_only_the_level():
    speech = 3 * vowel(150, 900)
    torch.testing.assert_close(acoustics.degrade(speech, CLEAN, rng()), audio.set_level(speech))


@pytest.mark.parametrize("noise", acoustics.NOISES)
def test_degraded_speech_follows_from_the_generator(noise):
    speech, others = vowel(200, 900), [vowel(170 + 10 * k, 1000) for k in range(4)]
    conditions, before = replace(NOISY, noise=noise), speech.clone()
    degraded = acoustics.degrade(speech, conditions, rng(3), others)
    assert torch.equal(degraded, acoustics.degrade(speech, conditions, rng(3), others))
    assert not torch.equal(degraded, acoustics.degrade(speech, conditions, rng(4), others))
    assert torch.equal(speech, before)
    assert degraded.dtype == torch.float32 and len(degraded) == round(RATE / 1.2)
    assert level_of(degraded) == pytest.approx(0.05, rel=1e-4)


def test_noise_passes_through_the_microphone_too():
    speech = vowel(200, 900)
    degraded = acoustics.degrade(speech, Conditions(snr_db=-20.0, band="telephone"), rng())
    assert power_between(degraded, 5500, 8000) < 1e-3 * power_between(degraded, 1000, 3000)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3000), st.integers(0, 2**32 - 1), st.booleans())
def test_short_and_partly_silent_speech_stays_finite(samples, seed, pause):
    speech = white(samples, seed % 100)
    if pause:
        speech[: samples // 2] = 0
    conditions = acoustics.random_conditions(rng(seed))
    degraded = acoustics.degrade(speech, conditions, rng(seed), [white(50, other) for other in range(3)])
    assert len(degraded) == max(round(samples / conditions.rate), 1) and torch.isfinite(degraded).all()


def test_silence_stays_silent_and_takes_no_noise():
    silence = torch.zeros(4000)
    assert acoustics.degrade(silence, replace(NOISY, snr_db=math.inf), rng()).abs().max() < 1e-6
    with pytest.raises(ValueError, match="the speech is silent"):
        acoustics.degrade(silence, NOISY, rng())


@pytest.mark.parametrize("waveform", [torch.zeros(0), torch.zeros(2, 100), torch.full((100,), math.inf)])
def test_what_is_no_waveform_is_refused(waveform):
    for effect in (
        lambda: acoustics.degrade(waveform, NOISY, rng()),
        lambda: voices.change_rate(waveform, 1.0),
        lambda: voices.shift_voice(waveform, 1.0, 1.0),
        lambda: acoustics.reverberate(waveform, 0.5, rng()),
        lambda: acoustics.band_limit(waveform, 300, 3400),
    ):
        with pytest.raises(ValueError, match="at least one"):
            effect()


@pytest.mark.parametrize("voice", ["deep", "high"])
def test_the_farthest_shifted_voices_are_understood_in_a_room(voice):
    spoken = torch.from_numpy(speech.synthesize("this bird has a red crown and a yellow tail."))
    text = recognition.recognize(acoustics.degrade(spoken, Conditions(voice=voice, snr_db=20.0, rt60=0.3), rng()))
    assert {"bird", "yellow", "tail"} <= set(text.split()), text


# --- files ---


@pytest.fixture(scope="module")
def clean_files(tmp_path_factory):
    """Five clean recordings."""
    paths = [tmp_path_factory.mktemp("clean") / f"{row}.wav" for row in range(5)]
    for row, path in enumerate(paths):
        audio.save_audio(path, vowel(120 + 20 * row, 900, 0.5))
    return paths


@pytest.fixture
def in_this_process(monkeypatch):
    """No worker processes, which take seconds to start."""
    monkeypatch.setattr(workers, "worker_processes", lambda processes=None: ThreadPoolExecutor(1))


def test_a_recording_does_not_babble_with_itself(clean_files, monkeypatch):
    opened = []
    monkeypatch.setattr(acoustics, "load_audio", lambda path: opened.append(path) or audio.load_audio(path))
    conditions = Conditions(snr_db=0.0, noise="babble")
    first = acoustics.record(clean_files, 2, conditions, seed=1)
    assert opened.count(clean_files[2]) == 1 and set(opened) == set(clean_files)
    assert torch.equal(first, acoustics.record(clean_files, 2, conditions, seed=1))
    assert not torch.equal(first, acoustics.record(clean_files, 2, conditions, seed=2))


def test_degraded_recordings_that_exist_are_kept(clean_files, tmp_path):
    targets = [tmp_path / "degraded" / path.name for path in clean_files[:2]]
    targets[0].parent.mkdir()
    targets[0].write_bytes(b"recorded before")
    arguments = (clean_files[:2], targets, [NOISY, NOISY])
    assert acoustics.write_degraded_speech(*arguments, processes=1) == 1
    assert targets[0].read_bytes() == b"recorded before"
    torch.testing.assert_close(audio.load_audio(targets[1]), acoustics.record(clean_files, 1, NOISY), atol=1e-4, rtol=0)
    assert sorted(path.name for path in targets[0].parent.iterdir()) == ["0.wav", "1.wav"]
    assert acoustics.write_degraded_speech(*arguments) == 0


def test_lists_of_different_length_are_refused(clean_files, tmp_path):
    with pytest.raises(ValueError, match="give equally many"):
        acoustics.write_degraded_speech(clean_files, [tmp_path / "a.wav"], [NOISY])


# --- the recordings of a data set ---


def test_training_never_includes_what_is_kept_for_the_test():
    train, test = (acoustics.draw_conditions(400, split) for split in ("train", "test"))
    assert {c.voice for c in train} == set(acoustics.SHIFTED_VOICES) - {acoustics.UNSEEN_VOICE}
    assert {c.noise for c in train} == set(acoustics.NOISES) - {acoustics.UNSEEN_NOISE}
    assert {c.voice for c in test} == set(acoustics.SHIFTED_VOICES) and {c.noise for c in test} == set(acoustics.NOISES)
    assert train == acoustics.draw_conditions(400, "train") != acoustics.draw_conditions(400, "train", seed=1)


@pytest.fixture
def spoken(project, monkeypatch, in_this_process):
    """A data set that asks for degraded speech, whose voice is a vowel, and whose unseen synthesizer a higher one."""
    settings = tiny_config(data={"speech": "degraded"})
    shutil.rmtree(settings.data_dir / "speech")
    monkeypatch.setattr(
        speech,
        "speak_captions",
        lambda jobs, voice=speech.VOICE: [
            path.parent.mkdir(parents=True, exist_ok=True)
            or audio.save_audio(path, vowel((100 if voice == speech.VOICE else 210) + 5 * row, 900, 0.7))
            for row, (_, path) in enumerate(jobs)
            if not path.exists()
        ],
    )
    return settings


def test_the_speech_of_a_data_set_is_degraded_and_its_conditions_are_kept(spoken):
    write_speech(spoken)
    for split in ("train", "test"):
        dataset, table = load_dataset("birds", split, spoken.data_dir), load_conditions(spoken, split)
        paths = [utterance.recording for utterance in dataset.utterances]
        assert [Conditions(**row) for row in table.to_dict("records")] == acoustics.draw_conditions(len(paths), split)
        clean = [clean_recording(spoken, path) for path in paths]
        expected = acoustics.record(clean, 3, Conditions(**table.iloc[3]), degradation_seed(spoken, split))
        torch.testing.assert_close(audio.load_audio(paths[3]), expected, atol=1e-3, rtol=0)
        assert not torch.equal(audio.load_audio(paths[3]), audio.load_audio(clean[3]))
    written = paths[0].stat().st_mtime_ns
    write_speech(spoken)
    assert paths[0].stat().st_mtime_ns == written


def test_the_unseen_synthesizer_gets_the_conditions_of_the_voice(spoken):
    write_speech(spoken)
    test, rows = load_dataset("birds", "test", spoken.data_dir), np.array([3, 1])
    log_mels, paths = voice_log_mels(spoken, rows), write_voice(spoken, rows)
    recordings = [clean_recording(spoken, utterance.recording) for utterance in test.utterances]
    recordings[3], recordings[1] = paths
    assert len(log_mels) == 2 and len({*paths, *recordings}) == len(recordings)
    for number, row in enumerate(rows):
        drawn = Conditions(**load_conditions(spoken, "test").iloc[row])
        expected = acoustics.record(recordings, row, drawn, degradation_seed(spoken, "test"))
        torch.testing.assert_close(log_mels[number], audio.log_mel_spectrogram(expected), atol=0.02, rtol=0)  # kept as float16
        of_the_voice = audio.log_mel_spectrogram(audio.load_audio(test.utterances[row].recording))
        assert (log_mels[number] - of_the_voice).abs().mean() > 0.2


def test_where_speech_is_clean_the_unseen_synthesizer_is_clean(spoken):
    clean, rows = tiny_config(), np.array([0, 2])
    log_mels, paths = voice_log_mels(clean, rows), write_voice(clean, rows)
    for number, path in enumerate(paths):
        torch.testing.assert_close(log_mels[number], audio.log_mel_spectrogram(audio.load_audio(path)), atol=0.02, rtol=0)
    assert all(path.is_relative_to(clean.data_dir / "voices" / "espeak_en-us") for path in paths)


def test_clean_recordings_have_no_conditions(project):
    settings = tiny_config()
    path = load_dataset("birds", "test", settings.data_dir)[0].speech[0]
    assert clean_recording(settings, path) == path
    with pytest.raises(DatasetError, match="clean speech has none"):
        load_conditions(settings, "test")


# --- the robustness study ---


def test_conditions_name_what_differs_from_clean():
    assert CLEAN.slug == ""
    assert replace(CLEAN, snr_db=5.0, noise="babble").slug == "snr_db=5,noise=babble"
    assert Conditions(speaker="jf_alpha", rate=0.85).slug == "speaker=jf_alpha,rate=0.85"


def test_utterances_under_some_conditions_are_simulated_once(spoken):
    clean, rows = tiny_config(), np.array([3, 1])
    write_speech(clean)
    test = load_dataset("birds", "test", clean.data_dir)
    recordings = [test.utterances[row].recording for row in rows]
    assert write_condition(clean, rows, CLEAN) == recordings
    conditions = replace(CLEAN, snr_db=0.0)
    degraded = write_condition(clean, rows, conditions)
    seed = degradation_seed(clean, "test")
    for number, path in enumerate(degraded):
        assert path.is_relative_to(clean.data_dir / "conditions" / "snr_db=0")
        expected = acoustics.record(recordings, number, conditions, seed)
        torch.testing.assert_close(audio.load_audio(path), expected, atol=1e-3, rtol=0)
    written = degraded[0].stat().st_mtime_ns
    assert write_condition(clean, rows, conditions)[0].stat().st_mtime_ns == written
    other = write_condition(clean, rows, replace(conditions, speaker=speech.UNSEEN_SYNTHESIZER))
    voices_ = write_voice(clean, rows, speech.UNSEEN_SYNTHESIZER)
    expected = acoustics.record(voices_, 1, replace(conditions, speaker=speech.UNSEEN_SYNTHESIZER), seed)
    torch.testing.assert_close(audio.load_audio(other[1]), expected, atol=1e-3, rtol=0)
    assert write_condition(clean, rows, Conditions(speaker=speech.UNSEEN_SYNTHESIZER)) == voices_


def test_a_recognizer_writes_what_it_hears_under_some_conditions(spoken, monkeypatch):
    clean, rows, heard = tiny_config(), np.array([3, 1]), []
    write_speech(clean)
    monkeypatch.setattr(recognition, "recognize", lambda waveform, name: heard.append(len(waveform)) or f"words {len(heard)}")
    quiet, noisy = (write_transcripts(clean, "whisper_tiny_en", rows, each) for each in (CLEAN, replace(CLEAN, snr_db=0.0)))
    assert quiet == ["words 1", "words 2"] and noisy == ["words 3", "words 4"]
    assert write_transcripts(clean, "whisper_tiny_en", rows, replace(CLEAN, snr_db=0.0)) == noisy and len(heard) == 4


# --- many voices ---


def test_many_voices_leave_out_what_is_kept_for_the_test():
    plan = plan_many_voices(tiny_config(data={"renditions": 4}), 300)
    assert len(plan) == 1200 and set(plan.speaker) == set(speech.TRAINING_VOICES)
    assert not set(plan.speaker) & set(speech.TEST_VOICES) and len(speech.TEST_VOICES) == 8
    assert set(plan.voice) == set(acoustics.SHIFTED_VOICES) - {acoustics.UNSEEN_VOICE}
    assert set(plan.noise) == set(acoustics.NOISES) - {acoustics.UNSEEN_NOISE}
    espeak = plan.speaker.str.startswith("espeak")
    assert set(plan[espeak].voice) == {"plain"} and abs(espeak.mean() - SHARES["espeak"]) < 0.05
    assert plan[espeak].speaker.nunique() >= 12 + 3  # variants and accents
    for clean in (plan.snr_db == math.inf, plan.rt60 == 0, plan.band == "full", plan.rate == 1):
        assert 0.3 < clean.mean() < 0.6
    assert plan.equals(plan_many_voices(tiny_config(data={"renditions": 4}), 300))


def test_only_training_hears_many_voices(project, monkeypatch, in_this_process):
    settings = tiny_config(recipe="many_voices", encoder={"loss": "contrastive"}, data={"renditions": 2})
    spoken = []
    monkeypatch.setattr(
        speech, "synthesize", lambda text, seed, voice: spoken.append((voice, text)) or vowel(150, 900, 0.7).numpy()
    )
    write_inputs(settings)
    train, test = (load_speech_data(settings, split) for split in ("train", "test"))
    plan, utterances = plan_many_voices(settings, 24), train.dataset.utterances
    texts = [[caption.text for caption in record.captions] for record in train.dataset]
    said = [texts[image][2 * r + k] for r in (0, 1) for image in range(12) for k in (0, 1)]  # further ones each time
    assert spoken == list(zip(plan.speaker, said)) and len(utterances) == 24
    reading = load_speech_data(tiny_config(encoder={"input": "text", "speech": "many_voices"}, data={"renditions": 2}), "train")
    assert reading.inputs.texts == [recognition.plain_words(text) for text in said] and len(reading.image_of) == 48
    assert len(train.inputs) == 48 and np.array_equal(train.image_of, np.tile(train.dataset.image_of, 2))
    assert np.array_equal(test.inputs.frames, load_log_mels(settings, "test").frames)
    lengths = [1 + round(0.7 * RATE / rate) // audio.HOP for rate in plan.rate]
    assert np.abs(train.inputs.lengths - lengths).max() <= 1
    paths = write_many_voices(settings)
    assert len(spoken) == 48  # nothing again
    paths[7].unlink()
    write_many_voices(settings)
    assert spoken[48:] == [(plan.speaker[7], said[7])]
