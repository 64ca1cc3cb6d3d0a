"""Speech in, pictures out, from Python and from the command line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from conftest import EMBEDDING_DIM, tone
from PIL import Image
from test_audio import BAD_FILES, write_bad_file

from s2i_lib.__main__ import main
from s2i_lib.audio import AudioError, load_audio
from s2i_lib.inference import SpeechToImage, UnlikeTaughtError
from s2i_lib.novelty import REFERENCE_FILE, load_reference, unit_length, write_reference
from s2i_lib.recordings import NoSpeechError, find_sentences, read_recording
from s2i_lib.speech import UNSEEN_SYNTHESIZER, synthesize

FRAME = 512  # samples of the voice activity detector


@pytest.fixture
def model(finished_run):
    return SpeechToImage.load(finished_run.run_dir)


@pytest.fixture(scope="module")
def spoken():
    """(samples,) of a sentence at 16 kHz, by eSpeak NG."""
    return synthesize("the bird has a red crown and black wings.", voice=UNSEEN_SYNTHESIZER)


@pytest.fixture
def recording(tmp_path, spoken):
    soundfile.write(tmp_path / "speech.wav", spoken, 16_000)
    return tmp_path / "speech.wav"


@pytest.fixture
def three_sentences(tmp_path, spoken):
    """Three times the sentence, a second of silence around each; of whole frames, so that all are cut at the same samples."""
    pause, whole = np.zeros(32 * FRAME, dtype=np.float32), np.pad(spoken, (0, -len(spoken) % FRAME))
    soundfile.write(tmp_path / "three.wav", np.concatenate([pause, *[whole, pause] * 3]), 16_000)
    return tmp_path / "three.wav"


@pytest.fixture
def no_speech(tmp_path):
    soundfile.write(tmp_path / "tone.wav", tone(700, 1.2), 16_000)
    return tmp_path / "tone.wav"


def keep_reference(run, model, recording, like: bool) -> None:
    """A reference in which the sentence of a recording is one of those that were taught, or the opposite of all."""
    taught = (1 if like else -1) * model.embed(recording).numpy().repeat(3, axis=0)
    held_out = taught + np.abs(taught).max() * np.eye(3)  # directions some way off
    write_reference(run.run_dir, taught, ["a red bird", "a red bird", "a big bird"], held_out)


def distance_in(run, model, recording) -> float:
    """Minus the Mahalanobis distance of a recording to a reference, whose rows are all the same: its spread is the least."""
    offset = unit_length(model.embed(recording, anyway=True)) - load_reference(run.run_dir).embeddings[:1]
    return -float(np.linalg.norm(offset)) / np.sqrt(offset.size * 1e-12)


def test_translate_draws_pictures(model, recording):
    images = model.translate(recording, num_images=3)
    assert images.shape == (3, 16, 16, 3) and images.dtype == np.uint8
    assert not np.array_equal(images[0], images[1])


def test_the_seed_decides(model, recording):
    assert np.array_equal(model.translate(recording, 2, seed=1), model.translate(recording, 2, seed=1))
    assert not np.array_equal(model.translate(recording, 2, seed=1), model.translate(recording, 2, seed=2))


def test_a_waveform_is_drawn_as_it_is(model, recording, spoken):
    (sentence,) = find_sentences(read_recording(recording))
    assert np.array_equal(model.translate(sentence.waveform), model.translate(recording))
    assert model.translate(load_audio(recording)).shape == (1, 16, 16, 3)
    with pytest.raises(ValueError, match="at least 64"):
        model.translate(torch.from_numpy(spoken[:8000]))


def test_how_a_sentence_was_recorded_moves_its_embedding_little(model, tmp_path, spoken):
    """Another rate, two channels, an offset, another level, more silence around it."""
    soundfile.write(tmp_path / "one.wav", np.pad(spoken, (20 * FRAME, 30 * FRAME)), 16_000)
    longer = torch.from_numpy(np.pad(spoken, (50 * FRAME, 90 * FRAME)))
    quiet = 0.1 * torchaudio.functional.resample(longer, 16_000, 48_000).numpy() + 0.05
    soundfile.write(tmp_path / "other.flac", np.stack([quiet, quiet], axis=1), 48_000, subtype="PCM_24")
    one, other, unlike = (model.embed(source) for source in (tmp_path / "one.wav", tmp_path / "other.flac", longer))
    assert (one - other).norm() < 0.02 * one.norm() < (one - unlike).norm()


@pytest.mark.parametrize("rate, channels", [(8000, 1), (22_050, 2), (44_100, 1), (48_000, 2)])
def test_any_rate_and_channel_count_will_do(model, tmp_path, spoken, rate, channels):
    sound = torchaudio.functional.resample(torch.from_numpy(spoken), 16_000, rate).numpy()
    soundfile.write(tmp_path / "any.wav", np.stack([sound] * channels, axis=1), rate)
    assert model.translate(tmp_path / "any.wav").shape == (1, 16, 16, 3)


def test_a_tone_is_drawn_only_if_asked_for(model, no_speech):
    for refused in (model.translate, model.embed, model.translate_recording):
        with pytest.raises(NoSpeechError, match="tone.wav: no speech was found"):
            refused(no_speech)
    assert model.translate(no_speech, num_images=2, anyway=True).shape == (2, 16, 16, 3)
    assert model.embed(no_speech, anyway=True).shape == (1, EMBEDDING_DIM)


def test_every_sentence_of_a_recording_is_drawn(model, three_sentences, recording):
    translation = model.translate_recording(three_sentences, num_images=2, seed=3)
    assert len(translation.drawings) == 3 and all(drawing.images.shape == (2, 16, 16, 3) for drawing in translation.drawings)
    sentences = find_sentences(read_recording(three_sentences))
    for drawing, sentence in zip(translation.drawings, sentences):
        assert (drawing.sentence.start, drawing.sentence.end) == (sentence.start, sentence.end)
        assert np.array_equal(drawing.images, model.translate(sentence.waveform, 2, seed=3)) and drawing.familiarity is None
        assert set(drawing.milliseconds) == {"front_end", "encoder", "generator"} and min(drawing.milliseconds.values()) > 0
    assert set(translation.milliseconds) == {"decode", "speech_detection"}
    for only_one in (model.translate, model.embed):
        with pytest.raises(ValueError, match="three.wav: 3 sentences.*translate_recording"):
            only_one(three_sentences)


def test_a_sentence_unlike_those_taught_is_drawn_only_if_asked_for(finished_run, model, recording):
    keep_reference(finished_run, model, recording, like=False)
    model = SpeechToImage.load(finished_run.run_dir)
    with pytest.raises(UnlikeTaughtError, match="speech.wav: unlike any sentence"):
        model.translate(recording)
    (drawing,) = model.translate_recording(recording).drawings
    assert drawing.images.shape == (0, 16, 16, 3) and drawing.familiarity.unlike and "generator" not in drawing.milliseconds
    assert drawing.familiarity.score == pytest.approx(distance_in(finished_run, model, recording), rel=1e-3)
    assert np.array_equal(model.translate(recording, anyway=True), SpeechToImage.translate(model, load_sentence(recording)))


def load_sentence(path) -> torch.Tensor:
    return find_sentences(read_recording(path))[0].waveform


def test_a_sentence_that_was_taught_is_drawn(finished_run, model, recording):
    keep_reference(finished_run, model, recording, like=True)
    (drawing,) = SpeechToImage.load(finished_run.run_dir).translate_recording(recording).drawings
    assert len(drawing.images) == 1 and not drawing.familiarity.unlike
    nearest = dict(drawing.familiarity.nearest)
    assert set(nearest) == {"a red bird", "a big bird"} and list(nearest.values()) == pytest.approx([1, 1], abs=1e-3)


def test_the_reference_of_another_encoder_is_refused(finished_run):
    write_reference(finished_run.run_dir, np.eye(EMBEDDING_DIM + 1), ["a"] * (EMBEDDING_DIM + 1), np.eye(EMBEDDING_DIM + 1))
    with pytest.raises(ValueError, match=f"{REFERENCE_FILE} is of another encoder"):
        SpeechToImage.load(finished_run.run_dir)


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused(model, tmp_path, kind):
    with pytest.raises(AudioError):
        model.translate(write_bad_file(kind, tmp_path))


def test_no_picture_is_refused(model, recording):
    with pytest.raises(ValueError, match="at least one image"):
        model.translate(recording, num_images=0)


@pytest.mark.parametrize("missing", ["model.json", "speech_encoder.safetensors", "generator.safetensors"])
def test_an_unfinished_run_says_how_to_finish_it(finished_run, missing):
    (finished_run.run_dir / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"{missing} is missing.*run_all.sh"):
        SpeechToImage.load(finished_run.run_dir)


def test_a_run_of_another_version_says_so(finished_run):
    path = finished_run.run_dir / "model.json"
    path.write_text(path.read_text().replace('"kl_weight"', '"old_name"'))
    with pytest.raises(ValueError, match="another version of this project"):
        SpeechToImage.load(finished_run.run_dir)


def test_loaded_networks_are_in_evaluation_mode(model):
    assert not any(module.training for part in (model.speech_model, model.generator) for module in part.modules())


# --- the command line ---


def _translate(run, recording, out, *more) -> int:
    return main(["translate", str(recording), "--run", str(run.run_dir), "--out", str(out), *more])


def test_the_command_writes_a_row_of_pictures(finished_run, model, recording, tmp_path, capsys):
    out = tmp_path / "birds.png"
    assert _translate(finished_run, recording, out, "--num-images", "3", "--seed", "5") == 0
    row = np.concatenate(model.translate(recording, 3, seed=5), axis=1)
    assert np.array_equal(np.asarray(Image.open(out)), row)
    (sentence,) = find_sentences(read_recording(recording))
    captured = capsys.readouterr()
    assert captured.out == f"{out}: 3 images of 16 x 16 pixels\n  {sentence.start:.1f} to {sentence.end:.1f} s\n"
    assert captured.err == ""


def test_the_command_writes_a_row_for_every_sentence(finished_run, model, three_sentences, tmp_path, capsys):
    out = tmp_path / "birds.png"
    assert _translate(finished_run, three_sentences, out, "--num-images", "2") == 0
    rows = [np.concatenate(drawing.images, axis=1) for drawing in model.translate_recording(three_sentences, 2).drawings]
    assert np.array_equal(np.asarray(Image.open(out)), np.concatenate(rows))
    assert capsys.readouterr().out.count("\n") == 4


def test_the_command_prints_one_json_object(finished_run, model, three_sentences, tmp_path, capsys):
    keep_reference(finished_run, model, load_sentence(three_sentences), like=True)
    out = tmp_path / "birds.png"
    assert _translate(finished_run, three_sentences, out, "--json", "--num-images", "2") == 0
    printed = json.loads(capsys.readouterr().out)
    expected = {"recording": str(three_sentences), "sample_rate": 16_000, "channels": 1, "clipped": False, "out": str(out)}
    assert {name: printed[name] for name in expected} == expected and out.exists()
    assert printed["seconds"] == pytest.approx(soundfile.info(three_sentences).duration, abs=1e-3)
    assert set(printed["milliseconds"]) == {"decode", "speech_detection"}
    assert len(printed["sentences"]) == 3
    for shown, sentence in zip(printed["sentences"], find_sentences(read_recording(three_sentences))):
        assert (shown["start"], shown["end"]) == (
            pytest.approx(sentence.start, abs=1e-3),
            pytest.approx(sentence.end, abs=1e-3),
        )
        assert set(shown["milliseconds"]) == {"front_end", "encoder", "generator"} and shown["images"] == 2
        assert shown["threshold"] < shown["score"] <= 0 and shown["unlike"] is False
        assert {one["sentence"] for one in shown["nearest"]} == {"a red bird", "a big bird"}


def test_without_a_reference_nothing_is_said_about_likeness(finished_run, recording, tmp_path, capsys):
    assert _translate(finished_run, recording, tmp_path / "birds.png", "--json") == 0
    (sentence,) = json.loads(capsys.readouterr().out)["sentences"]
    assert set(sentence) == {"start", "end", "images", "milliseconds"}


def test_the_command_refuses_a_tone_and_draws_it_anyway(finished_run, no_speech, tmp_path, capsys):
    out = tmp_path / "out.png"
    assert _translate(finished_run, no_speech, out) == 2
    _assert_one_sentence(capsys, "tone.wav: no speech was found", "--anyway")
    assert not out.exists()
    assert _translate(finished_run, no_speech, out, "--anyway") == 0 and Image.open(out).size == (8 * 16, 16)


def test_the_command_warns_of_a_sentence_unlike_those_taught(finished_run, model, recording, tmp_path, capsys):
    keep_reference(finished_run, model, recording, like=False)
    out = tmp_path / "out.png"
    assert _translate(finished_run, recording, out) == 2
    _assert_one_sentence(capsys, "speech.wav: unlike any sentence", "--anyway")
    assert not out.exists()
    assert _translate(finished_run, recording, out, "--anyway") == 0 and out.exists()
    captured = capsys.readouterr()
    assert captured.err.startswith(f"warning: {recording}: the sentence at 0.0 s is unlike") and captured.err.count("\n") == 1
    (shown,) = re.findall(r", score (-\d+\.\d\d), ", captured.out)
    assert float(shown) == pytest.approx(distance_in(finished_run, model, recording), rel=1e-3)
    assert 'nearest "a ' in captured.out


def test_what_is_unlike_is_left_out_beside_what_is_not(finished_run, model, tmp_path, spoken, capsys):
    """Two sentences; the reference knows the first one only."""
    other = synthesize("nobody knows why the server stopped answering.", voice=UNSEEN_SYNTHESIZER)
    soundfile.write(tmp_path / "two.wav", np.concatenate([spoken, np.zeros(16_000), other]), 16_000)
    first, second = (model.embed(one.waveform).numpy() for one in find_sentences(read_recording(tmp_path / "two.wav")))
    write_reference(finished_run.run_dir, first, ["a red bird"], (first + second) / 2)
    assert _translate(finished_run, tmp_path / "two.wav", tmp_path / "out.png", "--num-images", "2") == 0
    assert Image.open(tmp_path / "out.png").size == (2 * 16, 16)
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and "not drawn (--anyway draws it)" in captured.err and captured.out.count("\n") == 2


@pytest.mark.parametrize("gain, rate, words", [(50, 16_000, "recorded too loudly"), (1, 8000, "8000 Hz are telephone quality")])
def test_the_command_warns_of_a_poor_recording(finished_run, tmp_path, spoken, capsys, gain, rate, words):
    sound = torchaudio.functional.resample(torch.from_numpy(spoken), 16_000, rate).numpy()
    soundfile.write(tmp_path / "poor.wav", np.clip(gain * sound, -1, 1), rate)
    assert _translate(finished_run, tmp_path / "poor.wav", tmp_path / "out.png") == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("warning: ") and words in captured.err and captured.err.count("\n") == 1


def _assert_one_sentence(capsys, *words) -> None:
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error: ") and captured.err.count("\n") == 1
    assert all(word in captured.err for word in words)


@pytest.mark.parametrize("kind", BAD_FILES)
def test_the_command_explains_a_bad_file(finished_run, tmp_path, capsys, kind):
    path = write_bad_file(kind, tmp_path)
    assert _translate(finished_run, path, tmp_path / "out.png") == 2
    _assert_one_sentence(capsys, path.name)
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("out", ["no/such/folder/out.png", "out.notaformat", "folder.png"])
def test_the_command_explains_where_it_cannot_write(finished_run, recording, tmp_path, capsys, out):
    (tmp_path / "folder.png").mkdir()
    before = set(tmp_path.rglob("*"))
    assert _translate(finished_run, recording, tmp_path / out) == 2
    _assert_one_sentence(capsys, out, ".png")
    assert set(tmp_path.rglob("*")) == before
    assert not (tmp_path / "no").exists()


def test_a_disk_that_is_full_leaves_nothing(finished_run, recording, tmp_path, monkeypatch, capsys):
    def full(picture, file, form):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    before = set(tmp_path.rglob("*"))
    assert _translate(finished_run, recording, tmp_path / "out.png") == 2
    _assert_one_sentence(capsys, "No space left")
    assert set(tmp_path.rglob("*")) == before


def test_the_command_explains_a_missing_run(recording, tmp_path, capsys):
    assert main(["translate", str(recording), "--run", str(tmp_path / "nothing")]) == 2
    _assert_one_sentence(capsys, "nothing", "run_all.sh")


def test_the_command_refuses_to_draw_nothing(finished_run, recording, tmp_path, capsys):
    assert _translate(finished_run, recording, tmp_path / "out.png", "--num-images", "0") == 2
    _assert_one_sentence(capsys, "at least one")


@pytest.mark.parametrize("arguments", [[], ["tranlsate"], ["translate"], ["translate", "a.wav", "--seed", "x"]])
def test_a_misspelt_command_shows_the_usage(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2 and "usage: python -m s2i_lib" in capsys.readouterr().err


def test_the_command_speaks(tmp_path, capsys):
    assert main(["speak", "a red bird.", "--out", str(tmp_path / "red.wav")]) == 0
    assert soundfile.info(tmp_path / "red.wav").samplerate == 16_000


@pytest.mark.parametrize("text, out", [("?!", "speech.wav"), ("a bird", "speech.txt"), ("a bird", "no/folder/speech.wav")])
def test_the_command_explains_what_it_cannot_speak(tmp_path, capsys, text, out):
    assert main(["speak", text, "--out", str(tmp_path / out)]) == 2
    _assert_one_sentence(capsys)


def test_the_module_runs_as_a_program(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "s2i_lib", "--help"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        cwd=tmp_path,
    )
    assert done.returncode == 0 and "translate" in done.stdout and "speak" in done.stdout


def test_images_keep_the_sentence_when_they_share_it(model):
    """Copies of one sentence in a batch must not be normalised against each other."""
    embedding = torch.randn(1, EMBEDDING_DIM, generator=torch.Generator().manual_seed(0))
    one, other = (model.generator(torch.zeros(4, 6), (sign * embedding).expand(4, -1))[-1] for sign in (10, -10))
    assert not torch.allclose(one, other, atol=1e-3)
