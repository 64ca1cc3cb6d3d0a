"""What widgets show for the values of their controls; no browser is needed."""

import io
import math
from types import SimpleNamespace

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from matplotlib.text import Text
from PIL import Image

from s2i_lib import acoustics, audio, figures, results, widgets
from s2i_lib.datasets import DATASETS, rendered_spec
from s2i_lib.novelty import SCORES, SpeechReference, unit_length
from s2i_lib.widgets import panel, with_model, without_model

SAID = widgets.SENTENCE.format(**widgets.START)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    assert not plt.get_fignums() or not plt.close("all")


def words_of(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def sound_of(shown: widgets.Panel) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(shown.sound.value), dtype="float32")
    assert rate == audio.SAMPLE_RATE
    return samples


def tone(seconds: float = 1.0) -> torch.Tensor:
    return audio.set_level(torch.sin(torch.arange(int(seconds * audio.SAMPLE_RATE)) * 0.2))


# --- the panel ---


def test_a_panel_shows_what_its_controls_say_and_leaves_no_figure_open():
    def show(width: int) -> widgets.Shown:
        figure, axis = plt.subplots(figsize=(width, 2))
        axis.plot([0, width])
        return widgets.Shown(figure, f"<b>{width}</b>", tone())

    before = plt.get_fignums()  # of other tests
    shown = widgets.Panel(show, {"width": ipywidgets.IntSlider(3)})
    assert Image.open(io.BytesIO(shown.picture.value)).width == 2 * panel.PIXELS_PER_INCH * 3
    shown.controls["width"].value = 4
    assert Image.open(io.BytesIO(shown.picture.value)).width == 2 * panel.PIXELS_PER_INCH * 4
    assert shown.words.value == "<b>4</b>" and shown.picture.layout.max_width == "384px"
    assert np.abs(sound_of(shown) - tone().numpy()).max() < 1e-4
    assert plt.get_fignums() == before


def test_an_error_is_words_and_goes_away():
    def show(value: int) -> widgets.Shown:
        if value < 0:
            raise ValueError("<below> zero")
        return widgets.Shown(plt.figure())

    shown = widgets.Panel(show, {"value": ipywidgets.IntText(-1)})
    assert "&lt;below&gt; zero" in shown.words.value and shown.picture.layout.display == "none"
    shown.controls["value"].value = 1
    assert not shown.words.value and shown.picture.layout.display is None


def test_a_mistake_of_ours_is_not_hidden():
    with pytest.raises(KeyError):
        widgets.Panel(lambda: {}["no"], {})


# --- without a model ---


@pytest.mark.parametrize("dataset", [name for name, spec in DATASETS.items() if spec.rendered])
def test_built_pictures_follow_the_menus(dataset, monkeypatch):
    spec = rendered_spec(dataset)
    start = spec.class_table()[0] if spec.class_table else spec.image_table(0, 1)[0]
    asked = []
    monkeypatch.setattr(without_model, "spoken", lambda sentence: asked.append(sentence) or tone())
    shown = widgets.build_example(dataset, start)
    first, part = shown.picture.value, spec.colour_attributes[0]
    assert {name: shown.controls[name].value for name in start} == start and not asked
    shown.controls[part].value = next(value for value in spec.attributes[part] if value not in start.values())
    assert shown.picture.value != first
    shown.listen.click()
    chosen = {name: shown.controls[name].value for name in start}
    assert asked == [spec.describe(chosen, np.random.default_rng(0))[0]] and len(sound_of(shown)) == len(tone())
    shown.controls[part].value = start[part]
    assert shown.picture.value == first and shown.sound.value == b"", "the sound was that of another sentence"


def test_an_example_says_what_its_sentence_mentions():
    spec = rendered_spec("birds")
    figure, sentence = widgets.draw_example("birds", spec.class_table()[0], number=3)
    mentioned = spec.describe(spec.class_table()[0], np.random.default_rng(3))[1]
    bold = {text.get_text() for text in figure.findobj(Text) if text.get_weight() == "bold" and text.get_text()}
    assert bold == {f"{name.replace('_', ' ')}: {value}" for name, value in mentioned.items()}
    assert sentence in words_of(figure).replace("\n", " ")


def test_with_the_librarys_numbers_the_spectrogram_is_the_librarys():
    waveform = audio.set_level(torch.randn(20_000, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(without_model.mel_spectrogram(waveform)[0], audio.log_mel_spectrogram(waveform), atol=1e-3)


@pytest.mark.parametrize(("bands", "window", "hop"), [(10, 5, 5), (80, 50, 10), (120, 200, 40)])
def test_other_numbers_give_as_many_bands_and_frames(bands, window, hop):
    log_mel, filters = without_model.mel_spectrogram(tone(), bands, window, hop)
    assert log_mel.shape == (bands, 1 + 1000 // hop) and filters.shape == (8 * window + 1, bands)


def test_more_bands_than_bins_are_counted_as_empty():
    assert "40 filters\n" in words_of(widgets.draw_mel(tone(), 40, 25)) + "\n"
    empty = int((without_model.mel_spectrogram(tone(), 120, 10)[1].max(0) == 0).sum())
    assert empty > 0 and f"120 filters, {empty} of them empty" in words_of(widgets.draw_mel(tone(), 120, 10))


def test_example_sounds_look_as_predicted():
    sounds = without_model.example_sounds(tone(2))
    assert all(
        len(sound) == len(tone(2)) and abs(sound.square().mean().sqrt() - audio.LEVEL) < 1e-4 for sound in sounds.values()
    )
    loudest = audio.log_mel_spectrogram(sounds["a rising tone"]).argmax(0)[5:-5]
    assert (loudest.diff() >= 0).all() and loudest[-1] - loudest[0] > 25
    short = without_model.mel_spectrogram(sounds["five clicks a second"], window_ms=5)[0].mean(0)
    assert int(((short[1:-1] > short[:-2]) & (short[1:-1] > short[2:])).sum()) >= 8


def test_mel_sliders_redraw_and_play_the_chosen_sound():
    shown = widgets.mel_sliders(tone())
    first, heard = shown.picture.value, sound_of(shown)
    shown.controls["bands"].value = 20
    assert shown.picture.value != first and np.array_equal(sound_of(shown), heard)
    shown.controls["sound"].value = "pink noise"
    assert not np.array_equal(sound_of(shown), heard)


def test_degraded_speech_is_that_of_the_library():
    clean, others = tone(), [tone(0.5)] * 3
    shown = widgets.degrade(clean, others)
    shown.controls["noise"].value, shown.controls["snr_db"].value, shown.controls["rt60"].value = "babble", 0, 0.0
    expected = acoustics.degrade(clean, acoustics.Conditions(snr_db=0, noise="babble"), np.random.default_rng(0), others)
    assert np.abs(sound_of(shown) - expected.numpy()).max() < 1e-4
    shown.controls["snr_db"].value = without_model.NO_NOISE
    assert np.abs(sound_of(shown) - audio.set_level(clean).numpy()).max() < 1e-4, "the right end stands for no noise"
    assert "babble" not in widgets.degrade(clean).controls["noise"].options


def test_an_uninformed_discriminator_loses_log_2_per_term():
    terms = without_model.logit_terms(0, 0, 0)
    assert np.allclose(terms["cross entropy"], math.log(2)) and terms["hinge"].tolist() == [1, 0.5, 0.5, 0]
    assert f"discriminator {3 * math.log(2):.2f}" in words_of(widgets.draw_logits(0, 0, 0))


def test_each_logit_moves_its_own_terms():
    start, moved = without_model.logit_terms(1, -1, -1), without_model.logit_terms(1, 2, -1)
    assert (start["cross entropy"] != moved["cross entropy"]).tolist() == [False, True, False, True]
    assert moved["cross entropy"][1] == pytest.approx(math.log1p(math.exp(2))), "-log(1 - D)"
    assert moved["cross entropy"][3] == pytest.approx(math.log1p(math.exp(-2))), "-log D"
    assert moved["hinge"].tolist() == [0, 1.5, 0, -2]
    shown = widgets.logits_to_losses()
    before = shown.picture.value
    shown.controls["generated"].value = 3
    assert shown.picture.value != before


def test_a_verdict_follows_the_threshold():
    effects = pd.DataFrame(
        [{"claim": "A beats B", "data": "birds", "sense": ">", "value": 0.2, "low": 0.1, "high": 0.3, "seeds": 1}]
    )
    for threshold, verdict in ((0, "holds"), (0.2, "undecided"), (0.4, "does not hold")):
        assert f"  {verdict}\n" in words_of(widgets.draw_threshold(effects, "A beats B", threshold)) + "\n"
    shown = widgets.threshold(effects)
    before = shown.picture.value
    shown.controls["number"].value = 0.4
    assert shown.picture.value != before
    assert "no result" in widgets.threshold(effects[:0]).words.value.lower()


def test_effects_are_those_of_the_verdicts():
    claim = next(
        results.claims().query("method == 'ours' and metric == 'colour_attribute_accuracy' and than_method != ''").itertuples()
    )
    row = {"chapter": claim.chapter, "metric": claim.metric, "standard_error": 0.01, "n": 100}
    ours = row | {"method": claim.method, "recipe": claim.recipe}
    theirs = row | {"method": claim.than_method, "recipe": claim.than_recipe, "value": 0.1}
    values = {("birds", 0): 0.6, ("birds", 1): 0.5, ("rooms", 0): 0.6}  # the claim is not about rooms
    records = pd.DataFrame(
        [
            one | {"dataset": dataset, "seed": seed}
            for (dataset, seed), value in values.items()
            for one in (ours | {"value": value}, theirs)
        ]
    )
    effects = widgets.measured_effects(records)
    (found,) = effects[effects.claim == claim.claim].itertuples()
    assert (found.data, found.seeds) == ("birds", 2) and found.value == pytest.approx(0.45)
    expected = results.effect(records[records.dataset == "birds"], claim)
    assert (found.low, found.high) == (expected["low"], expected["high"]) and found.low < 0.4 < 0.5 < found.high


# --- with a model ---


@pytest.fixture(scope="module")
def released():
    figures.use_style()
    return widgets.released_model()


@pytest.fixture(scope="module")
def recording():
    return panel.wav(widgets.spoken(SAID))


def test_only_the_sentence_changes_between_the_rows(released, monkeypatch):
    model, drawn = released[0], []
    voices = {SAID: widgets.spoken(SAID), SAID.replace("red", "blue"): widgets.spoken(SAID.replace("red", "blue"))}
    monkeypatch.setattr(with_model, "spoken", voices.__getitem__)
    monkeypatch.setattr(with_model, "draw_words", lambda model, sentences, seed: drawn.append(list(sentences)) or plt.figure())
    shown = widgets.change_a_word(model)
    shown.controls["crown"].value = "blue"
    shown.controls["seed"].value = 7
    blue = SAID.replace("red", "blue")
    assert drawn == [[SAID], [SAID, blue], [SAID, blue]]
    shown.listen.click()
    assert np.abs(sound_of(shown) - voices[blue].numpy()).max() < 1e-4


def test_the_rows_are_the_models_pictures(released):
    model = released[0]
    figure = widgets.draw_words(model, [SAID], seed=3)
    expected = model.translate(widgets.spoken(SAID), with_model.PICTURES, 3)
    assert all(np.array_equal(axis.images[0].get_array(), picture) for axis, picture in zip(figure.axes, expected, strict=True))


def test_a_walk_begins_and_ends_at_its_sentences(released):
    model, other = released[0], SAID.replace("red", "blue")
    start, middle, end = (
        axis.images[0].get_array() for axis in widgets.draw_walk(model, SAID, other, (0, 0.5, 1), seed=2).axes
    )
    assert np.array_equal(start, model.translate(widgets.spoken(SAID), 1, 2)[0])
    assert np.array_equal(end, model.translate(widgets.spoken(other), 1, 2)[0])
    assert not np.array_equal(middle, start) and not np.array_equal(middle, end)


def test_a_walk_to_nowhere_says_so(released):
    shown = widgets.walk(released[0], SAID, SAID)
    shown.controls["second"].value = "!?"
    assert "nothing to speak" in shown.words.value
    shown.controls["second"].value = SAID
    assert not shown.words.value and shown.picture.layout.display is None


def test_a_recording_is_drawn_as_the_library_draws_it(released, recording, tmp_path):
    (tmp_path / "said.wav").write_bytes(recording)
    expected = released[0].translate_recording(tmp_path / "said.wav", with_model.PICTURES).drawings[0]
    figure = widgets.draw_recording(widgets.translate_bytes(released[0], recording), released[1])
    drawn = [axis.images[0].get_array() for axis in figure.axes if axis.images and axis.images[0].get_array().ndim == 3]
    assert all(np.array_equal(one, other) for one, other in zip(drawn, expected.images, strict=True))
    seen = with_model.seen_in(released[1], expected)
    colour, pictures = seen["crown"]
    assert colour == "red" and pictures > with_model.PICTURES / 2, "the model and the classifier that come along agree"
    assert seen["wing"][0] == "black"
    assert f"crown red ({pictures})" in words_of(figure)


def test_whoever_speaks_is_heard_and_drawn(released, recording):
    shown = widgets.speak(*released)
    assert SAID in shown.words.value and shown.picture.layout.display == "none"
    shown.controls["recording"].value = recording
    assert not shown.words.value and shown.picture.layout.display is None and len(sound_of(shown)) > audio.SAMPLE_RATE


def test_a_file_can_be_uploaded(released, recording):
    shown = widgets.speak(*released)
    upload = next(each for each in shown.children[0].children if isinstance(each, ipywidgets.FileUpload))
    file = {"name": "said.wav", "type": "audio/wav", "size": len(recording), "last_modified": 0}  # as the browser sends it
    upload.set_state({"value": [file | {"content": memoryview(recording)}]})
    assert shown.controls["recording"].value == recording and shown.picture.layout.display is None


@pytest.mark.parametrize(
    ("content", "words"),
    [(panel.wav(torch.zeros(16_000)), "your recording: the recording is silent"), (b"no sound", "your recording")],
)
def test_an_unusable_recording_is_explained_without_paths_or_options(released, content, words):
    shown = widgets.speak(released[0])
    shown.controls["recording"].value = content
    assert words in shown.words.value and "/tmp" not in shown.words.value and shown.picture.layout.display == "none"


def test_noise_is_drawn_anyway_only(released):
    shown = widgets.speak(*released)
    noise = acoustics.make_noise("pink", 32_000, np.random.default_rng(0))
    shown.controls["recording"].value = panel.wav(0.1 * noise)
    assert "no speech was found" in shown.words.value and "--anyway" not in shown.words.value
    shown.controls["anyway"].value = True
    assert not shown.words.value and shown.picture.layout.display is None


def test_a_microphone_that_is_refused_is_explained(released):
    shown = widgets.speak(released[0])
    shown.controls["recording"].refused = "The browser may not use the microphone."
    assert "may not use the microphone" in shown.words.value


def test_nearest_sentences_and_score_are_shown_where_there_is_a_reference(released, recording, monkeypatch):
    model, embedding = released[0], released[0].embed(widgets.spoken(SAID)).numpy()
    others = unit_length(np.random.default_rng(0).normal(size=(9, embedding.shape[1])))
    rows, captions = np.concatenate([unit_length(embedding), others]), ["taught", *"abcdefghi"]
    for threshold, is_drawn in ((-1.0, True), (2.0, False)):
        known = SpeechReference(rows, captions, dict.fromkeys(SCORES, threshold))
        monkeypatch.setattr(model, "reference", known)
        translation = widgets.translate_bytes(model, recording)
        words = words_of(widgets.draw_recording(translation, released[1]))
        assert "“taught” (0.9" in words or "“taught” (1.0" in words
        assert f"(threshold {threshold:.2f})" in words and ("crown red" in words) is is_drawn
        assert bool(with_model._remarks(translation)) is not is_drawn


def test_a_recording_at_full_scale_is_called_too_loud():
    loud = SimpleNamespace(recording=SimpleNamespace(clipped=True), drawings=[])
    assert "too loudly" in with_model._remarks(loud)
