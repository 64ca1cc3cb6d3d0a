"""Captions of photographs that are composed from what annotators saw, and excerpts of complete classes."""

import csv
import os
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from conftest import tiny_config
from hypothesis import given, settings
from hypothesis import strategies as st
from miniatures import (
    CUB_NAMES,
    cub_annotations,
    cub_answers,
    cub_excerpt_files,
    cub_files,
    cub_shares,
    oxford_files,
    put,
)
from test_paper_data import CUB_SMALLER_CLASSES
from torch.nn import functional as F

from s2i_lib.__main__ import main
from s2i_lib.config import load_config
from s2i_lib.datasets import DatasetError, class_counts, load_dataset
from s2i_lib.datasets.photos import cub, oxford
from s2i_lib.datasets.photos.cub_attributes import ATTRIBUTES, QUESTIONS, photo_values, species_values
from s2i_lib.datasets.photos.cub_captions import MAX_WORDS, MIN_WORDS, UNREMARKABLE, compose_caption
from s2i_lib.datasets.photos.oxford_captions import species_attributes
from s2i_lib.files import repository
from s2i_lib.preparation.images import write_images
from s2i_lib.training.classifiers import UNKNOWN, sum_of_answers

ROOT = repository()
some_birds = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in ATTRIBUTES.items()}).filter(
    lambda bird: any(value not in UNREMARKABLE for value in bird.values())
)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The folder ``data`` of an empty project."""
    monkeypatch.setenv("S2I_ROOT", str(tmp_path))
    return tmp_path / "data"


def verify(capsys, name: str = "cub") -> tuple[int, str]:
    code = main(["data", "verify", "--dataset", name])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


# --- sentences ---


@settings(max_examples=300, deadline=None)
@given(some_birds, st.integers(0, 2**31))
def test_a_sentence_states_what_it_mentions_and_nothing_else(bird, seed):
    text, mentioned = compose_caption(bird, np.random.default_rng(seed))
    assert MIN_WORDS <= len(text.split()) <= MAX_WORDS and text == text.lower() and text.endswith(".")
    assert 1 <= len(mentioned) <= 6 and mentioned.items() <= bird.items()
    assert not UNREMARKABLE & set(mentioned.values())
    words = set(re.findall(r"[a-z]+", text))
    plain = {colour: {colour} for colour in ("black", "white", "orange", "purple", "pink")}
    for colour, names in plain.items():
        said = colour in mentioned.values()
        assert bool(names & words) == said, f"{colour}: {text} {mentioned}"
    assert not re.search(r"\ba [aeiou]|\ban [^aeiou]|  |,,", text), text


def test_the_same_sentences_in_every_process():
    code = (
        "import numpy as np; from s2i_lib.datasets.photos.cub_captions import compose_caption;"
        "bird = dict(crown='red', throat='red', belly='white', breast='white', back='brown', wing='brown', size='small');"
        "rng = np.random.default_rng(0); print([compose_caption(bird, rng)[0] for _ in range(40)])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_nothing_can_be_said_of_a_bird_without_remarkable_parts():
    with pytest.raises(ValueError, match="nothing remarkable"):
        compose_caption({"breast_pattern": "solid", "size": "medium"}, np.random.default_rng(0))


# --- annotations ---


def test_a_species_has_what_most_annotators_saw():
    shares = dict.fromkeys(cub_answers(), 0.0) | {
        "has_crown_color::red": 55.0,
        "has_crown_color::black": 45.0,
        "has_wing_color::brown": 39.0,  # too few
        "has_size::small_(5_-_9_in)": 90.0,
    }
    assert species_values(shares) == {"crown": "red", "size": "small"}


def test_of_several_answers_about_a_photo_the_one_that_fits_its_species_counts():
    shares = dict.fromkeys(cub_answers(), 0.0) | {"has_crown_color::red": 55.0, "has_crown_color::black": 45.0}
    assert photo_values(["has_crown_color::black", "has_crown_color::red"], shares) == {"crown": "red"}
    assert photo_values(["has_crown_color::black"], shares) == {"crown": "black"}
    assert photo_values(["has_eye_color::black"], shares) == {}  # no question of ours


def test_the_archive_alone_is_enough(data, capsys):
    files = {name: content for name, content in (cub_files() | cub_annotations()).items() if not name.startswith("cvpr2016")}
    put(data / "cub", files)
    photos = {photo.name: photo for photo in cub.read(data / "cub", "attributes")}
    for name in CUB_NAMES:
        shares = dict(zip(cub_answers(), cub_shares(int(name[:3]))))
        assert dict(photos[name].attributes) == species_values(shares) and len(photos[name].captions) == 10
        assert all(caption.mentioned.items() <= photos[name].attributes.items() for caption in photos[name].captions)
    assert photos[CUB_NAMES[1]].captions != photos[CUB_NAMES[2]].captions  # of one class, but other sentences
    assert cub.read(data / "cub", "attributes")[0].captions == cub.read(data / "cub", "attributes")[0].captions
    with pytest.raises(DatasetError, match="text_c10"):
        cub.read(data / "cub", "reed")
    assert main(["data", "check", "--profile", "small", "--dataset", "cub"]) == 0
    assert main(["data", "check", "--profile", "paper", "--dataset", "cub"]) == 3  # people's captions are missing
    assert "only for captions by people" in capsys.readouterr().out


def test_what_an_annotator_only_guessed_does_not_count(data):
    put(data / "cub", cub_files() | cub_annotations())
    path = data / "cub" / "CUB_200_2011" / "attributes" / "image_attribute_labels.txt"
    lines = path.read_text().splitlines()
    number = next(k for k, line in enumerate(lines) if line.startswith("1 ") and line.split()[2] == "1")
    image, answer, *_ = lines[number].split()
    name = next(name for name, (question, _) in QUESTIONS.items() if cub_answers()[int(answer) - 1].startswith(f"{question}::"))
    before = next(photo for photo in cub.read(data / "cub", "attributes") if photo.name == CUB_NAMES[0])
    lines[number] = f"{image} {answer} 1 2 2.5"
    path.write_text("\n".join(lines))
    after = next(photo for photo in cub.read(data / "cub", "attributes") if photo.name == CUB_NAMES[0])
    assert set(before.attributes) - set(after.attributes) == {name}


def test_a_damaged_annotation_is_named(data):
    put(data / "cub", cub_files() | cub_annotations())
    path = data / "cub" / "CUB_200_2011" / "attributes" / "image_attribute_labels.txt"
    path.write_text(path.read_text() + "1 999 1 4 2.5\n")
    with pytest.raises(DatasetError, match=r"line \d+ of .*image_attribute_labels.txt is damaged"):
        cub.read(data / "cub", "attributes")
    (data / "cub" / "CUB_200_2011" / "attributes" / "class_attribute_labels_continuous.txt").write_text("1 2 3\n")
    with pytest.raises(DatasetError, match="class_attribute_labels_continuous.txt is missing or damaged"):
        cub.read(data / "cub", "attributes")
    (data / "cub" / "attributes.txt").unlink()
    with pytest.raises(DatasetError, match="attributes.txt is missing"):
        cub.read(data / "cub", "attributes")


def test_flowers_are_described_by_their_species(data):
    put(data / "oxford", {name: content for name, content in oxford_files().items() if not name.startswith("cvpr2016")})
    photos = oxford.read(data / "oxford", "attributes")
    assert [dict(photo.attributes) for photo in photos] == [species_attributes()[number] for number in (21, 77, 77, 3)]
    assert all(caption.mentioned.items() <= photo.attributes.items() for photo in photos for caption in photo.captions)
    assert len({caption.text for photo in photos for caption in photo.captions}) > 20
    assert load_config("small", "oxford").spec.knows_attributes and not load_config("paper", "oxford").spec.knows_attributes


def test_the_table_of_flowers_is_whole():
    table = species_attributes()
    assert list(table) == list(range(1, 103))
    assert all(value in oxford.SPEC.attributes[name] for values in table.values() for name, value in values.items())
    assert all(sum(value != "none" for value in values.values()) >= 1 for values in table.values())


# --- excerpts ---


def test_an_excerpt_is_read_with_the_splits_of_the_paper(data, capsys):
    put(data / "cub", cub_excerpt_files())
    photos = cub.read(data / "cub", "attributes")
    assert [(photo.label, photo.split) for photo in photos] == [(0, "train")] * 2 + [(1, "train")] * 3 + [(2, "test")]
    assert class_counts("cub") == (3, 2)
    config = load_config("small", "cub")
    assert (config.data.num_classes, config.data.num_train_classes, config.data.captions) == (3, 2, "attributes")
    assert load_config("smoke", "cub").data.num_classes == 3  # no profile makes fewer photographs
    code, said = verify(capsys)
    assert (
        code == 0 and "cub: complete, 5 train images and 1 test images of 3 classes (an excerpt), captions: attributes" in said
    )
    with pytest.raises(DatasetError, match="excerpt without the captions"):
        cub.read(data / "cub", "reed")


def test_an_excerpt_becomes_the_usual_records(data):
    put(data / "cub", cub_excerpt_files())
    config = tiny_config(data={"image_size": 16, "spoken_captions": 2}).model_copy(
        update={"dataset": "cub", "profile": "small"}
    )
    write_images(config)
    train, test = (load_dataset("cub", split, config.data_dir) for split in ("train", "test"))
    assert Counter(train.labels) == {0: 2, 1: 3} and Counter(test.labels) == {2: 1} and len(train.utterances) == 10
    assert all(record.attributes and len(record.captions) == 10 for record in train)
    assert train.class_attributes[0] == species_values(dict(zip(cub_answers(), cub_shares(2))))


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("cub100/images/042.Vermilion_Flycatcher/0001.jpg", None, "2 photographs instead of 3"),
        ("cub100/classes.csv", "cub_class,name,photographs\n2,Laysan_Albatross,many\n", "classes.csv is damaged"),
        ("cub100/classes.csv", "cub_class,name,photographs\n999,Laysan_Albatross,2\n", "classes.csv is damaged"),
        ("cub100/classes.csv", "cub_class,name,photographs\n2,../../../etc,2\n", "leads out of its folder"),
        ("cub100/class_attributes.csv", "cub_class,has_crown_color::red\n2,50\n", "does not know has_"),
        ("cub100/images/002.Laysan_Albatross/0000.jpg", "no picture", "0000.jpg cannot be read"),
    ],
)
def test_a_damaged_excerpt_is_named(data, capsys, path, content, message):
    put(data / "cub", cub_excerpt_files())
    if content is None:
        (data / "cub" / path).unlink()
    else:
        (data / "cub" / path).write_text(content)
    code, said = verify(capsys)
    assert code == 2 and message in said and "Traceback" not in said


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / "data" / "cub" / "cub100").exists(), reason="needs the photographs of an excerpt")
def test_every_photograph_of_an_excerpt_at_hand_can_be_read(monkeypatch, capsys):
    monkeypatch.setenv("S2I_ROOT", str(ROOT))
    code, said = verify(capsys)
    with open(ROOT / "data" / "cub" / "cub100" / "classes.csv", newline="") as file:
        counts = {int(row["cub_class"]): int(row["photographs"]) for row in csv.DictReader(file)}
    assert counts == {number: CUB_SMALLER_CLASSES.get(number, 60) for number in counts}, "a species is not complete"
    test = sum(count for number, count in counts.items() if number in cub.TEST_CLASSES)
    assert code == 0 and f"{sum(counts.values()) - test} train images and {test} test images of {len(counts)} classes" in said


# --- the attribute classifier ---


def test_unknown_answers_teach_nothing():
    logits = {"crown": torch.randn(4, 3, requires_grad=True), "wing": torch.randn(4, 2, requires_grad=True)}
    targets = {"crown": torch.tensor([0, UNKNOWN, 2, UNKNOWN]), "wing": torch.full((4,), UNKNOWN)}
    loss = sum_of_answers(logits, targets)
    expected = (
        F.cross_entropy(logits["crown"][:1], torch.tensor([0])) + F.cross_entropy(logits["crown"][2:3], torch.tensor([2]))
    ) / 2
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    loss.backward()
    assert not logits["crown"].grad[[1, 3]].any() and not logits["wing"].grad.any()
