"""Speech recognition: what two recognizers make of the synthetic voice, and errors made on purpose."""

import numpy as np
import pytest
import torch

from s2i_lib import audio, recognition, speech


@pytest.mark.parametrize("recognizer", recognition.RECOGNIZERS)
def test_a_recognizer_understands_the_voice(recognizer):
    recognized = recognition.recognize(speech.synthesize("this bird has a red crown and a yellow tail."), recognizer)
    assert {"bird", "yellow", "tail"} <= set(recognized.split()), recognized


@pytest.mark.parametrize("recognizer", recognition.RECOGNIZERS)
def test_a_recognizer_finds_few_words_in_nearly_nothing(recognizer):
    noise = 1e-4 * np.random.default_rng(0).normal(size=audio.SAMPLE_RATE).astype(np.float32)
    assert len(recognition.recognize(noise, recognizer).split()) <= 3


def test_words_are_found_where_they_are_said():
    parts = [speech.synthesize(text) for text in ("a red crown", "and black wings")]
    begins = len(parts[0]) / audio.SAMPLE_RATE
    found = recognition.word_times(np.concatenate(parts), "A red crown, and black wings.")
    assert [word for word, _, _ in found] == ["a", "red", "crown", "and", "black", "wings"]
    assert all(begin < end for _, begin, end in found) and found[-1][2] <= sum(map(len, parts)) / audio.SAMPLE_RATE
    assert found[2][2] <= begins + 0.1 and found[3][1] >= begins - 0.1


@pytest.mark.parametrize("text", ["a qwrtzx crown", "the weather will be fine in all parts of the country tomorrow afternoon"])
def test_words_that_cannot_be_aligned_are_none_and_leave_the_recognizer_as_it_was(text):
    spoken = speech.synthesize("this bird has a red crown")
    before = recognition.recognize(spoken, "pocketsphinx")
    assert recognition.word_times(spoken, text) == []
    assert recognition.recognize(spoken, "pocketsphinx") == before


def test_an_unknown_recognizer_is_refused():
    with pytest.raises(ValueError, match="choose from pocketsphinx, whisper_tiny_en"):
        recognition.recognize(np.zeros(16_000), "deepspeech")


def test_plain_words_have_one_spelling():
    words = recognition.plain_words("A GRAY bird, with it's  centers-coloured tail.")
    assert words == "a grey bird with it's centres coloured tail"


def test_word_errors_and_their_kinds():
    spoken, recognized = ["a red bird sings", "a blue bird"], ["a bed bird sings", "a bird bird"]
    rate, kinds, confusions = recognition.recognition_errors(spoken, recognized)
    assert rate == pytest.approx(2 / 7) and kinds == {"substitute": 1.0, "delete": 0.0, "insert": 0.0}
    assert confusions == {"red": ["bed"], "blue": ["bird"]}


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_mistakes_on_purpose_have_the_rate_that_was_asked_for(rate):
    kinds, confusions = {"substitute": 0.7, "delete": 0.2, "insert": 0.1}, {"red": ["bed", "read"], "bird": ["bid"]}
    text = " ".join(["this", "red", "bird", "has", "a", "tail"] * 200)
    recognized = recognition.corrupt_words(text, rate, kinds, confusions, np.random.default_rng(0))
    assert recognition.recognition_errors([text], [recognized])[0] == pytest.approx(
        rate, abs=0.1
    )  # an edit path may be shorter


def test_without_errors_there_is_nothing_to_imitate():
    with pytest.raises(ValueError, match="none to imitate"):
        none = {"substitute": 0.0, "delete": 0.0, "insert": 0.0}
        recognition.corrupt_words("a bird", 0.5, none, {}, np.random.default_rng(0))


@pytest.mark.slow
@pytest.mark.parametrize("name", recognition.RECOGNIZERS)
def test_an_empty_utterance_leaves_the_recognizer_as_it_was(name):
    spoken = torch.from_numpy(speech.synthesize("this bird has a red crown and black wings."))
    before = recognition.recognize(spoken, name)
    assert recognition.recognize(torch.zeros(0), name) == ""
    assert recognition.recognize(spoken, name) == before
