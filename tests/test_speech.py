"""The synthetic voice and the unseen synthesizer. Each sentence takes about a second, so there are few of them."""

import numpy as np
import pytest
import torch

from s2i_lib import audio, recognition, speech, synthesizers

SENTENCE = "a red bird."


def test_equal_arguments_give_equal_speech():
    first = speech.synthesize(SENTENCE, seed=3)
    assert first.dtype == np.float32 and first.ndim == 1
    assert np.array_equal(first, speech.synthesize(SENTENCE, seed=3))
    assert not np.array_equal(first, speech.synthesize(SENTENCE, seed=4))


def test_speech_has_the_rate_and_the_level_of_the_front_end():
    waveform = speech.synthesize(SENTENCE)
    assert 0.5 < len(waveform) / audio.SAMPLE_RATE < 3  # three words
    assert np.sqrt(np.mean(np.square(waveform))) == pytest.approx(audio.LEVEL, rel=1e-3)


@pytest.mark.parametrize("text", ["", "   ", "?!", "—"])
def test_text_without_letters_is_refused(text):
    with pytest.raises(ValueError, match="nothing to speak"):
        speech.synthesize(text)


def test_an_unknown_voice_is_refused():
    with pytest.raises(ValueError, match="unknown voice 'peter'.*heart"):
        speech.synthesize(SENTENCE, voice="peter")


# --- voices of other synthesizers ---


def test_voices_for_tests_are_apart_from_those_of_training():
    assert not set(speech.TRAINING_VOICES) & set(speech.TEST_VOICES)
    assert set(speech.TRAINING_VOICES) | set(speech.TEST_VOICES) == set(speech.VOICES)
    training, test = ([speech.VOICES[name] for name in names] for names in (speech.TRAINING_VOICES, speech.TEST_VOICES))
    assert sum(voice.synthesizer == "espeak" for voice in training) >= 12
    assert sum(voice.synthesizer == "kokoro" for voice in test) == 5
    assert not any(voice.synthesizer == "kokoro" for voice in training)


@pytest.mark.slow
def test_examples_are_said_by_voices_that_the_model_does_not_know():
    """Whoever hears an example of a model of many voices hears it cope with a stranger."""
    known = set(speech.TRAINING_VOICES)
    strangers = speech.example_voices("many_voices", 7)
    assert len(strangers) == 7 and len(set(strangers)) == 5 and not known & set(strangers)
    assert speech.example_voices("recorded", 2) == [speech.VOICE] * 2


@pytest.mark.parametrize("voice", speech.VOICES)
def test_every_voice_says_words_that_a_recognizer_finds(voice):
    """Not all of them: formant synthesizers are hard to understand.

    What a recognizer makes of them hangs on the last digits of the samples, which machines compute differently. So it hears
    the sentence four times, each time with a little noise.
    """
    sentence = "a small bird with a red crown, a long yellow tail and white wing bars."
    waveform = speech.synthesize(sentence, voice=voice)
    assert waveform.dtype == np.float32 and np.sqrt(np.mean(np.square(waveform))) == pytest.approx(audio.LEVEL, rel=1e-3)
    again = speech.synthesize(sentence, voice=voice)
    assert 2 < len(waveform) / audio.SAMPLE_RATE < 8 and len(again) == len(waveform)
    assert np.corrcoef(waveform, again)[0, 1] > 0.99  # breath in some variants of eSpeak NG is noise
    noise = torch.randn(4, len(waveform), generator=torch.Generator().manual_seed(0)) * 1e-4  # 54 dB below the voice
    said = set(recognition.plain_words(sentence).split())
    found = [said & set(recognition.recognize(heard).split()) for heard in torch.from_numpy(waveform) + noise]
    assert max(map(len, found)) >= 7  # of 13 different ones


def test_phonemes_of_a_sentence_end_with_it():
    assert synthesizers._espeak("a red bird, it has a black tail.", "en-us", "--phonemes").decode() == (
        "ɐ ɹˈɛd bˈɜːd, ɪt hɐz ɐ blˈæk tˈeɪl."  # noqa: RUF001  (these letters are meant)
    )


def test_captions_that_were_spoken_are_kept(tmp_path):
    old, new = tmp_path / "000" / "000_0.wav", tmp_path / "001" / "000_0.wav"
    old.parent.mkdir()
    old.write_bytes(b"spoken before")
    jobs = [("a blue bird.", old), (SENTENCE, new)]
    assert speech.speak_captions(jobs, processes=1) == 1
    assert old.read_bytes() == b"spoken before"
    assert len(audio.load_audio(new)) > 0.5 * audio.SAMPLE_RATE
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["000_0.wav"] * 2
    assert speech.speak_captions(jobs) == 0


# --- the unseen synthesizer ---


def test_the_unseen_synthesizer_has_the_rate_and_the_level_of_the_voice():
    waveform = speech.synthesize(SENTENCE, voice=speech.UNSEEN_SYNTHESIZER)
    assert waveform.dtype == np.float32 and waveform.ndim == 1
    assert 0.5 < len(waveform) / audio.SAMPLE_RATE < 3
    assert np.sqrt(np.mean(np.square(waveform))) == pytest.approx(audio.LEVEL, rel=1e-3)


def test_the_unseen_synthesizer_says_the_same_words_the_same_way_whatever_it_said_before():
    first = speech.synthesize(SENTENCE, voice=speech.UNSEEN_SYNTHESIZER)
    longer = speech.synthesize("a blue bird with a long yellow tail.", voice=speech.UNSEEN_SYNTHESIZER)
    again = speech.synthesize(SENTENCE, voice=speech.UNSEEN_SYNTHESIZER)  # every sentence is spoken by a process of its own
    assert np.array_equal(first, again) and len(longer) > 1.2 * len(first)


def test_the_unseen_synthesizer_has_another_voice():
    """Mean log-mel spectra: what is left of a voice when the words are gone."""
    text = "this bird has a red crown and a yellow tail."
    heart, espeak = (
        audio.log_mel_spectrogram(torch.from_numpy(speech.synthesize(text, voice=voice))).mean(1)
        for voice in (speech.VOICE, speech.UNSEEN_SYNTHESIZER)
    )
    other = audio.log_mel_spectrogram(torch.from_numpy(speech.synthesize(text, seed=1))).mean(1)
    assert (heart - espeak).abs().mean() > 5 * (heart - other).abs().mean()


@pytest.mark.parametrize(
    "package",
    [
        "raise ImportError('no package')",
        "get_library_path = lambda: '/nowhere/libespeak-ng.so'",
        "get_library_path = lambda: None\ndef get_data_path(): raise RuntimeError('no data')",  # None: this program itself
    ],
    ids=["no package", "no library", "no data"],
)
def test_without_the_library_the_unseen_synthesizer_says_what_to_install(package, tmp_path, monkeypatch):
    (tmp_path / "espeakng_loader.py").write_text(package)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # ahead of what is installed
    with pytest.raises(RuntimeError, match=r"eSpeak NG cannot speak \(.+\); install the package espeakng-loader"):
        speech.synthesize(SENTENCE, voice=speech.UNSEEN_SYNTHESIZER)


def test_the_unseen_synthesizer_speaks_into_files_too(tmp_path):
    path = tmp_path / "000" / "000_0.flac"
    assert speech.speak_captions([(SENTENCE, path)], processes=1, voice=speech.UNSEEN_SYNTHESIZER) == 1
    spoken = torch.from_numpy(speech.synthesize(SENTENCE, voice=speech.UNSEEN_SYNTHESIZER))
    assert torch.allclose(audio.load_audio(path), spoken, atol=1e-3)  # 16 bits


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("一只红色的鸟", "cannot say '一'"),
        ("a red bird 鸟", "cannot say '鸟'"),
        ("красная птица", "cannot say"),
        ("🐦 !", "nothing to speak"),
    ],
)
def test_what_the_voices_cannot_say_is_named(text, reason):
    assert reason in speech.why_unspeakable(text)
    with pytest.raises(ValueError, match=reason):
        speech.synthesize(text)


def test_accents_digits_and_punctuation_can_be_said():
    for text in ("a café brown back.", "2 wing bars", "naïve: “grey”, 50 % white"):
        assert speech.why_unspeakable(text) == ""
    assert "..." in speech.why_unspeakable("鸟" * 500) and len(speech.why_unspeakable("鸟" * 500)) < 200
