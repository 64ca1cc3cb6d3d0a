"""Released models: made of a run, listed, verified, drawn with."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from s2i_lib import gallery, released, releasing
from s2i_lib.__main__ import main
from s2i_lib.datasets import load_dataset
from s2i_lib.inference import SpeechToImage, default_folder
from s2i_lib.models.checkpoint import CLASSIFIER_FILE, DESCRIPTION_FILE, classifier_path, encoder_path, save_weights
from s2i_lib.models.classifiers import build_classifier
from s2i_lib.preparation.images import attributes_of_test_images
from s2i_lib.released import list_releases, release_folder
from s2i_lib.releasing import release
from s2i_lib.run.options import parse

SCORES = pd.DataFrame(
    [
        ("ours", "zero_shot_accuracy", 0.8, 0.01, 2000),
        ("other voices", "zero_shot_accuracy", 0.6, 0.05, 320),
        ("ours", "colour_attribute_accuracy", 0.75, 0.01, 1234),
        ("real test images", "colour_attribute_accuracy", 0.99, 0.01, 1234),
        ("ours", "frechet_classifier_n1000", 4.5, np.nan, 1000),
        ("ours", "something_else", 1.0, np.nan, 1),
    ],
    columns=["method", "metric", "value", "standard_error", "n"],
)


@pytest.fixture
def models(tmp_path, monkeypatch):
    """An empty folder of released models."""
    monkeypatch.setattr(released, "models_folder", lambda: tmp_path / "models")
    for module in ("inference", "releasing"):
        monkeypatch.setattr(f"s2i_lib.{module}.models_folder", lambda: tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def finished(finished_run):
    """A finished run with its attribute classifier."""
    save_weights(build_classifier(finished_run, "attributes"), classifier_path(finished_run, "attributes"))
    return finished_run


def test_a_release_draws_what_its_run_draws_but_for_rounding(models, finished):
    folder = release("birds", finished, finished, SCORES)
    assert folder == models / "birds" == default_folder()
    run, ours = SpeechToImage.load(finished.run_dir), SpeechToImage.load()
    waveform = torch.sin(torch.arange(16_000) * 0.2)
    difference = run.translate(waveform, 2).astype(int) - ours.translate(waveform, 2)
    assert np.abs(difference).max() <= 2, "half precision must not show"
    halves, whole = (load_file(path / "generator.safetensors") for path in (folder, finished.run_dir))
    assert all(value.dtype == torch.float16 for value in halves.values() if value.is_floating_point())
    assert halves.keys() == whole.keys()


def test_releases_are_listed_and_what_is_damaged_is_named(models, finished, capsys):
    assert main(["models"]) == 0 and "no model" in capsys.readouterr().out
    release("birds", finished, finished, SCORES)
    assert main(["models"]) == 0
    assert "birds" in (line := capsys.readouterr().out) and finished.recipe in line and "complete" in line
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


def test_a_release_that_is_not_there_is_named_with_those_that_are(models, finished, capsys, tmp_path):
    release("birds", finished, finished, SCORES)
    with pytest.raises(FileNotFoundError, match="no released model 'fish'; released: birds"):
        release_folder("fish")
    assert main(["translate", str(tmp_path / "my.wav"), "--model", "fish", "--out", str(tmp_path / "a.png")]) == 2
    assert "no released model 'fish'" in capsys.readouterr().err


def test_a_release_replaces_the_former_as_a_whole_or_not_at_all(models, finished, tmp_path):
    release("birds", finished, finished, SCORES)
    (models / "birds" / "of_the_first").touch()
    release("birds", finished, finished, SCORES.assign(value=0.123))
    assert not (models / "birds" / "of_the_first").exists() and "0.123" in (models / "birds" / "README.md").read_text()
    with pytest.raises(FileNotFoundError):
        release("birds", finished.model_copy(update={"seed": 7}), finished, SCORES)
    assert [path.name for path in models.iterdir()] == ["birds"], "nothing half-made is left"
    assert not list_releases()[0].damaged


def test_the_card_says_what_was_measured_and_how_to_train_it_again(models, finished):
    card = (release("birds", finished, finished, SCORES) / "README.md").read_text()
    assert "| mentioned colours right | 0.750 ± 0.020 | 0.990 | 1,234 |" in card
    assert "| Fréchet distance, classifier features | 4.500 |  | 1,000 |" in card
    assert "| class from one sentence | 0.800 ± 0.020 |  | 2,000 |" in card
    voices = "8 voices that no training hears, 3 of them variants of eSpeak NG"
    assert f"| class from one sentence, {voices} | 0.600 ± 0.098 |  | 320 |" in card
    assert "| encoder trained for | unknown |" in card and "| generator trained for | unknown |" in card
    assert "something_else" not in card and "{" not in card and "breast pattern" not in card.split("## Limits")[0]
    assert "without text" in card and "Whisper" not in card, "it hears log-mel spectrograms"
    words = next(line for line in card.splitlines() if "--release" in line).split()
    assert words[words.index("--encoder") + 1] == words[words.index("--generator") + 1] == finished.recipe
    frozen = finished.model_copy(update={"encoder": finished.encoder.model_copy(update={"front_end": "whisper"})})
    assert "learned from transcripts" in releasing.model_card("birds", frozen, finished, SCORES)
    again = finished.model_copy(update={"gan": finished.gan.model_copy(update={"redrawn": 3})})
    assert "each training picture drawn 3 times more |" in releasing.model_card("birds", finished, again, SCORES)
    assert "times more" not in card
    described = json.loads((finished.run_dir / DESCRIPTION_FILE).read_text())
    described["trained"] = {"minutes": 150.2, "machine": "a big machine"}
    (finished.run_dir / DESCRIPTION_FILE).write_text(json.dumps(described))
    torch.save({"history": [{"seconds": 1200.0}], "machine": "a small one"}, encoder_path(finished).with_suffix(".ckpt"))
    card = releasing.model_card("birds", finished, finished, SCORES)
    assert "| generator trained for | 2.5 hours on a big machine |" in card
    assert "| encoder trained for | 20 minutes on a small one |" in card


@pytest.mark.parametrize("found", list_releases(), ids=lambda found: found.name)
def test_a_run_can_be_asked_for_what_a_card_names(found):
    command = next(line for line in (found.folder / "README.md").read_text().splitlines() if "./run_all.sh" in line)
    assert parse(command.split()[1:]).recipes[-1].endswith("_long"), "the generator"


def test_releases_with_one_generator_keep_it_once(models, finished):
    first, second = (release(name, finished, finished, SCORES) for name in ("birds", "other"))
    assert (first / CLASSIFIER_FILE).exists() and not (second / CLASSIFIER_FILE).exists()
    assert (
        not (second / "generator.safetensors").exists() and "lies in [birds](../birds/)" in (second / "README.md").read_text()
    )
    waveform = torch.sin(torch.arange(16_000) * 0.2)
    assert np.array_equal(*(SpeechToImage.load(folder).translate(waveform, 2) for folder in (first, second)))
    shutil.rmtree(first)
    assert list_releases()[0].damaged == ["generator of birds"]
    with pytest.raises(FileNotFoundError, match="generator.safetensors is missing"):
        SpeechToImage.load(second)


def test_a_release_of_runs_that_do_not_belong_together_is_refused(models, finished):
    other_teacher = finished.model_copy(update={"teacher": finished.teacher.model_copy(update={"stages": "all"})})
    other_length = finished.model_copy(update={"encoder": finished.encoder.model_copy(update={"target_dim": 7})})
    for other, reason in ((other_teacher, "have not the same teacher"), (other_length, "embeddings of different length")):
        with pytest.raises(ValueError, match=f"{reason}: choose runs that belong together"):
            release("birds", finished, other, SCORES)
    assert not list_releases()


@pytest.mark.parametrize(("limit", "message"), [("LARGEST", "a released file may have"), ("LARGEST_OF_ALL", "all released")])
def test_a_release_that_is_too_large_is_refused(models, finished, monkeypatch, limit, message):
    monkeypatch.setattr(releasing, limit, 100)
    with pytest.raises(ValueError, match=message):
        release("birds", finished, finished, SCORES)
    assert not list_releases()


def test_the_models_of_this_checkout_are_whole_and_fit():
    releases = list_releases()
    assert not any(found.damaged for found in releases)
    assert sum(found.size for found in releases) <= releasing.LARGEST_OF_ALL
    for found in releases:
        assert json.loads((found.folder / "model.json").read_text())["config"]["recipe"] == found.config.recipe


def test_every_complete_release_draws_a_gallery_without_data(models, finished, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "gallery_folder", lambda: tmp_path / "gallery")
    assert main(["gallery"]) == 0 and "no model came" in capsys.readouterr().out
    release("birds", finished, finished, SCORES)
    release("torn", finished, finished, SCORES)
    (models / "torn" / "README.md").unlink()
    monkeypatch.setenv("S2I_ROOT", str(tmp_path / "a checkout without data"))
    assert main(["gallery"]) == 0
    path = tmp_path / "gallery" / "birds.png"
    assert capsys.readouterr().out.startswith(f"{path}: ") and [file.name for file in path.parent.iterdir()] == ["birds.png"]
    with Image.open(path) as picture:
        assert picture.width > 800 and picture.height > 500 and picture.convert("L").entropy() > 1, "the sheet is blank"


@pytest.fixture
def of_photographs(finished, monkeypatch):
    """The same weights as a finished run of photographs."""
    config = finished.model_copy(update={"dataset": "cub"})
    shutil.copytree(finished.run_dir, config.run_dir)
    save_weights(build_classifier(config, "attributes"), classifier_path(config, "attributes"))
    monkeypatch.setattr(releasing, "load_dataset", lambda _, split, __: load_dataset("birds", split, finished.data_dir))
    yield config
    shutil.rmtree(config.seed_dir)
    shutil.rmtree(config.data_dir)


def test_a_release_of_photographs_carries_sentences_in_place_of_pictures(models, of_photographs, tmp_path, monkeypatch):
    folder = release("photos", of_photographs, of_photographs, SCORES)
    examples = json.loads((folder / "model.json").read_text())["examples"]
    test = releasing.load_dataset("cub", "test", tmp_path)
    assert len(examples) == 5 and set(examples) <= {record.captions[0].text for record in test}
    card = " ".join((folder / "README.md").read_text().split())
    assert "photographs of birds from Caltech-UCSD Birds-200-2011, which are not passed on" in card and "drawings" not in card
    assert f"{len(releasing.load_dataset('cub', 'train', tmp_path)):,} training pictures" in card
    monkeypatch.setattr(gallery, "gallery_folder", lambda: tmp_path / "gallery")
    (path,) = gallery.draw_galleries()
    with Image.open(path) as picture:
        assert picture.width > 800 and picture.convert("L").entropy() > 1


@pytest.mark.parametrize("found", list_releases(), ids=lambda found: found.name)
def test_committed_pictures_are_drawn_by_the_models_that_come_along(found):
    if not gallery.published(found).exists():
        pytest.skip("no picture of this model is shown")
    with Image.open(gallery.published(found)) as picture:
        assert picture.info["comment"].decode() == gallery.signature(found), "python -m s2i_lib gallery --publish"


def test_the_sentences_of_a_gallery_are_about_classes_of_the_test_split(finished):
    pictures, captions = gallery.example_captions(finished, count=3)
    assert len(pictures) == len(captions) == 3
    shown, taught = (
        [record.attributes for record in load_dataset("birds", split, finished.data_dir)] for split in ("test", "train")
    )
    assert attributes_of_test_images(finished) == shown and not any(attributes in taught for attributes in shown)
