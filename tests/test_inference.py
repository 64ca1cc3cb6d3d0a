"""Speech in, pictures out, from Python and from the command line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from conftest import EMBEDDING_DIM, tone
from PIL import Image
from test_audio import BAD_FILES, write_bad_file

from s2i_lib.__main__ import main
from s2i_lib.audio import AudioError, load_audio
from s2i_lib.inference import SpeechToImage


@pytest.fixture
def model(finished_run):
    return SpeechToImage.load(finished_run.run_dir)


@pytest.fixture
def recording(tmp_path):
    soundfile.write(tmp_path / "speech.wav", tone(700, 1.2), 16_000)
    return tmp_path / "speech.wav"


def test_translate_draws_pictures(model, recording):
    images = model.translate(recording, num_images=3)
    assert images.shape == (3, 16, 16, 3) and images.dtype == np.uint8
    assert not np.array_equal(images[0], images[1])


def test_the_seed_decides(model, recording):
    assert np.array_equal(model.translate(recording, 2, seed=1), model.translate(recording, 2, seed=1))
    assert not np.array_equal(model.translate(recording, 2, seed=1), model.translate(recording, 2, seed=2))


def test_a_waveform_serves_as_well_as_its_file(model, recording):
    assert np.array_equal(model.translate(load_audio(recording)), model.translate(recording))


@pytest.mark.parametrize("rate, channels", [(8000, 1), (22_050, 2), (44_100, 1), (48_000, 2)])
def test_any_rate_and_channel_count_will_do(model, tmp_path, rate, channels):
    soundfile.write(tmp_path / "any.wav", np.stack([tone(700, 1.2, rate)] * channels, axis=1), rate)
    assert model.translate(tmp_path / "any.wav").shape == (1, 16, 16, 3)


def test_a_cry_is_too_short(model, tmp_path):
    soundfile.write(tmp_path / "cry.wav", tone(700, 0.5), 16_000)
    with pytest.raises(ValueError, match="at least 64"):
        model.translate(tmp_path / "cry.wav")


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
    assert capsys.readouterr().out == f"{out}: 3 images of 16 x 16 pixels\n"


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
    assert _translate(finished_run, recording, tmp_path / out) == 2
    _assert_one_sentence(capsys)


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
