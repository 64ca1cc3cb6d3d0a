"""The synthetic voice. Each sentence takes about a second, so there are few of them."""

import numpy as np
import pytest

from s2i_lib import audio, speech

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


def test_captions_that_were_spoken_are_kept(tmp_path):
    old, new = tmp_path / "000" / "000_0.flac", tmp_path / "001" / "000_0.flac"
    old.parent.mkdir()
    old.write_bytes(b"spoken before")
    jobs = [("a blue bird.", old), (SENTENCE, new)]
    assert speech.speak_captions(jobs, processes=1) == 1
    assert old.read_bytes() == b"spoken before"
    assert len(audio.load_audio(new)) > 0.5 * audio.SAMPLE_RATE
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["000_0.flac"] * 2
    assert speech.speak_captions(jobs) == 0
