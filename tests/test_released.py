"""Released models: made of a run, listed, verified, drawn with."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from s2i_lib import gallery, released
from s2i_lib.__main__ import main
from s2i_lib.datasets import load_dataset
from s2i_lib.inference import SpeechToImage, default_folder
from s2i_lib.preparation.images import attributes_of_test_images
from s2i_lib.released import list_releases, release, release_folder


@pytest.fixture
def models(tmp_path, monkeypatch):
    """An empty folder of released models."""
    monkeypatch.setattr(released, "models_folder", lambda: tmp_path / "models")
    monkeypatch.setattr("s2i_lib.inference.models_folder", lambda: tmp_path / "models")
    return tmp_path / "models"


def test_a_release_draws_what_its_run_draws_but_for_rounding(models, finished_run):
    folder = release(finished_run.run_dir, "birds", "# a card\n")
    assert folder == models / "birds" == default_folder() and (folder / "README.md").read_text() == "# a card\n"
    run, ours = SpeechToImage.load(finished_run.run_dir), SpeechToImage.load()
    waveform = torch.sin(torch.arange(16_000) * 0.2)
    difference = run.translate(waveform, 2).astype(int) - ours.translate(waveform, 2)
    assert np.abs(difference).max() <= 2, "half precision must not show"
    halves, whole = (load_file(path / "generator.safetensors") for path in (folder, finished_run.run_dir))
    assert all(value.dtype == torch.float16 for value in halves.values() if value.is_floating_point())
    assert halves.keys() == whole.keys()


def test_releases_are_listed_and_what_is_damaged_is_named(models, finished_run, capsys):
    assert main(["models"]) == 0 and "no model" in capsys.readouterr().out
    release(finished_run.run_dir, "birds", "# a card\n")
    assert main(["models"]) == 0
    assert "birds" in (line := capsys.readouterr().out) and finished_run.recipe in line and "complete" in line
    path = models / "birds" / "generator.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    (models / "birds" / "README.md").unlink()
    assert [sorted(found.damaged) for found in list_releases()] == [["README.md", "generator.safetensors"]]
    assert main(["models"]) == 2
    assert "damaged: README.md, generator.safetensors" in capsys.readouterr().out
    (models / "birds" / "model.json").write_text("{")
    assert main(["models"]) == 2
    assert "damaged: README.md, generator.safetensors, model.json" in capsys.readouterr().out


def test_a_release_that_is_not_there_is_named_with_those_that_are(models, finished_run, capsys, tmp_path):
    release(finished_run.run_dir, "birds", "# a card\n")
    with pytest.raises(FileNotFoundError, match="no released model 'fish'; released: birds"):
        release_folder("fish")
    assert main(["translate", str(tmp_path / "my.wav"), "--model", "fish", "--out", str(tmp_path / "a.png")]) == 2
    assert "no released model 'fish'" in capsys.readouterr().err


def test_a_release_replaces_the_former_as_a_whole_or_not_at_all(models, finished_run, tmp_path):
    release(finished_run.run_dir, "birds", "first\n")
    (models / "birds" / "of_the_first").touch()
    release(finished_run.run_dir, "birds", "second\n")
    assert not (models / "birds" / "of_the_first").exists() and (models / "birds" / "README.md").read_text() == "second\n"
    with pytest.raises(FileNotFoundError):
        release(tmp_path, "birds", "of no run\n")
    assert [path.name for path in models.iterdir()] == ["birds"], "nothing half-made is left"
    assert not list_releases()[0].damaged


@pytest.mark.parametrize(("limit", "message"), [("LARGEST", "a released file may have"), ("LARGEST_OF_ALL", "all released")])
def test_a_release_that_is_too_large_is_refused(models, finished_run, monkeypatch, limit, message):
    monkeypatch.setattr(released, limit, 100)
    with pytest.raises(ValueError, match=message):
        release(finished_run.run_dir, "birds", "# a card\n")
    assert not list_releases()


def test_the_models_of_this_checkout_are_whole_and_fit():
    releases = list_releases()
    assert not any(found.damaged for found in releases)
    assert sum(found.size for found in releases) <= released.LARGEST_OF_ALL
    for found in releases:
        assert json.loads((found.folder / "model.json").read_text())["config"]["recipe"] == found.config.recipe


def test_every_complete_release_draws_a_gallery_without_data(models, finished_run, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "gallery_folder", lambda: tmp_path / "gallery")
    assert main(["gallery"]) == 0 and "no model came" in capsys.readouterr().out
    release(finished_run.run_dir, "birds", "# a card\n")
    release(finished_run.run_dir, "torn", "# a card\n")
    (models / "torn" / "README.md").unlink()
    monkeypatch.setenv("S2I_ROOT", str(tmp_path / "a checkout without data"))
    assert main(["gallery"]) == 0
    path = tmp_path / "gallery" / "birds.png"
    assert capsys.readouterr().out.startswith(f"{path}: ") and [file.name for file in path.parent.iterdir()] == ["birds.png"]
    with Image.open(path) as picture:
        assert picture.width > 800 and picture.height > 500 and picture.convert("L").entropy() > 1, "the sheet is blank"


def test_the_sentences_of_a_gallery_are_about_classes_of_the_test_split(finished_run):
    pictures, captions = gallery.example_captions(finished_run, count=3)
    assert len(pictures) == len(captions) == 3
    shown, taught = (
        [record.attributes for record in load_dataset("birds", split, finished_run.data_dir)] for split in ("test", "train")
    )
    assert attributes_of_test_images(finished_run) == shown and not any(attributes in taught for attributes in shown)
