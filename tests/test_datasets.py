"""Rendered birds and flowers: classes, pictures and sentences; and the files that the chapters hand to each other."""

import re

import numpy as np
import pytest
import torch
from caption_words import COLOUR_WORDS
from conftest import tiny_config
from hypothesis import given, settings
from hypothesis import strategies as st

from s2i_lib import audio
from s2i_lib.datasets import load_dataset
from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.rendered import RENDERED
from s2i_lib.datasets.rendered.captions import TemplateCaptions
from s2i_lib.datasets.rendered.class_tables import BalancedTable
from s2i_lib.datasets.spec import DatasetSpec, RenderedSpec
from s2i_lib.features import load_images, load_log_mels, load_teacher_features, teacher_path
from s2i_lib.files import save_atomically
from s2i_lib.preparation import features
from s2i_lib.preparation.features import write_log_mels, write_teacher_features

birds, flowers = SPECS = RENDERED["birds"], RENDERED["flowers"]  # whose classes are split; test_rooms.py is about the other
TABLES = {spec: spec.class_table() for spec in SPECS}
both = pytest.mark.parametrize("spec", SPECS, ids=("birds", "flowers"))


def _random_attributes(spec, rng) -> dict[str, str]:
    return {name: str(rng.choice(values)) for name, values in spec.attributes.items()}


# --- classes ---


@both
@pytest.mark.parametrize("num_classes, num_train", [(200, 150), (102, 82), (20, 15), (10, 8), (6, 4)])
def test_any_two_classes_differ_in_three_attributes(spec, num_classes, num_train):
    table = spec.class_table(num_classes, num_train)
    assert len(table) == num_classes
    rows = np.array([list(row.values()) for row in table])
    distances = (rows[:, None] != rows[None]).sum(-1)
    assert distances[~np.eye(num_classes, dtype=bool)].min() >= 3


@both
def test_every_value_occurs_in_a_training_class(spec):
    for table in (TABLES[spec][: spec.num_train_classes], spec.class_table(12, 10)[:10]):
        for name, values in spec.attributes.items():
            assert {row[name] for row in table} == set(values)


@both
def test_the_values_of_an_attribute_are_about_equally_frequent(spec):
    table, num_train = TABLES[spec], spec.num_train_classes
    assert len(table) == spec.num_classes
    for name, values in spec.attributes.items():
        for block in (table[:num_train], table[num_train:]):
            counts = [sum(row[name] == value for row in block) for value in values]
            assert max(counts) - min(counts) <= 1


def test_more_birds_are_tested_on_the_classes_of_birds():
    more = RENDERED["more_birds"]
    table, taught = more.class_table(), birds.num_train_classes
    assert len(table) == more.num_classes and more.draw is birds.draw
    assert table[more.num_train_classes :] == TABLES[birds][taught:], "other test classes"
    assert table[:taught] == TABLES[birds][:taught]
    rows = np.array([list(row.values()) for row in table])
    assert min((rows[:number] != row).sum(1).min() for number, row in enumerate(rows) if number) >= 3
    for name, values in more.attributes.items():
        if name in ("wing", "wing_bars"):  # white bars on white wings are left out
            continue
        shares = [np.mean([row[name] == value for row in table[taught : more.num_train_classes]]) for value in values]
        assert max(shares) - min(shares) < 0.02, name
    assert more.class_table(20, 15) == birds.class_table(20, 15), "no further ones are asked for"
    with pytest.raises(ValueError, match="ask for fewer"):
        BalancedTable(FISH, 12, 10).further(BalancedTable(FISH, 12, 10)(), 60)


def test_no_white_wing_has_white_bars():
    assert [row for row in TABLES[birds] if row["wing"] == "white" and row["wing_bars"] == "white"] == []


@pytest.mark.parametrize("seed", range(5))
def test_no_flower_has_a_pattern_in_the_colour_of_its_petals(seed):
    assert [row for row in flowers.class_table(seed=seed) if row["petal"] == row["second"]] == []


@both
def test_the_table_follows_its_seed(spec):
    assert spec.class_table(seed=0) == TABLES[spec] != spec.class_table(seed=1)


@both
@pytest.mark.parametrize("num_classes, num_train", [(10, 0), (10, 11)])
def test_an_impossible_split_is_refused(spec, num_classes, num_train):
    with pytest.raises(ValueError, match="num_train"):
        spec.class_table(num_classes, num_train)


# --- pictures ---


@both
@pytest.mark.parametrize("size", [32, 96])
def test_a_picture_follows_its_seed(spec, size):
    attributes = TABLES[spec][0]
    picture = spec.draw(attributes, np.random.default_rng(5), size)
    assert picture.shape == (size, size, 3) and picture.dtype == np.uint8
    assert np.array_equal(picture, spec.draw(attributes, np.random.default_rng(5), size))
    assert not np.array_equal(picture, spec.draw(attributes, np.random.default_rng(6), size))


@pytest.mark.parametrize("spec, name", [(spec, name) for spec in SPECS for name in spec.attributes])
def test_every_attribute_shows_in_the_picture(spec, name):
    start = {**TABLES[spec][0], **({"wing": "black"} if spec is birds else {})}
    pictures = [spec.draw({**start, name: value}, np.random.default_rng(2), 96).tobytes() for value in spec.attributes[name]]
    assert len(set(pictures)) == len(spec.attributes[name])


@pytest.mark.parametrize("part", flowers.colour_attributes)
@pytest.mark.parametrize("pattern", flowers.attributes["pattern"])
def test_every_colour_of_a_flower_covers_much_of_it(part, pattern):
    attributes = {**TABLES[flowers][0], "pattern": pattern, "stamens": "none"}
    one, other = (
        flowers.draw({**attributes, part: colour}, np.random.default_rng(3), 96).astype(int) for colour in ("white", "red")
    )
    assert (np.abs(one - other).max(-1) > 60).mean() > 0.04


def test_a_pattern_shows_even_in_the_colour_of_the_petals():
    flower = {**TABLES[flowers][0], "petal": "orange", "second": "orange"}
    pictures = [
        flowers.draw({**flower, "pattern": pattern}, np.random.default_rng(1), 96).tobytes()
        for pattern in flowers.attributes["pattern"]
    ]
    assert len(set(pictures)) == 4


@pytest.mark.parametrize(
    "spec, change, reason",
    [
        (birds, {"crown": "pink"}, "unknown value 'pink' of crown"),
        (birds, {"beard": "long"}, "unknown attribute 'beard'"),
        (flowers, {"petal": "green"}, "unknown value 'green' of petal"),
        (flowers, {"crown": "red"}, "unknown attribute 'crown'"),
    ],
)
def test_unknown_attributes_are_neither_drawn_nor_described(spec, change, reason):
    for function in (spec.draw, spec.describe):
        with pytest.raises(ValueError, match=reason):
            function({**TABLES[spec][0], **change}, np.random.default_rng(0))


@both
def test_a_missing_attribute_and_a_tiny_picture_are_refused(spec):
    *others, last = TABLES[spec][0]
    with pytest.raises(ValueError, match=f"missing attributes: {last}"):
        spec.draw({name: TABLES[spec][0][name] for name in others}, np.random.default_rng(0))
    with pytest.raises(ValueError, match="32 or more"):
        spec.draw(TABLES[spec][0], np.random.default_rng(0), 16)


# --- sentences ---

ATTRIBUTE_WORDS = {
    birds: {
        "crown": "crown|head|cap|crowned|headed|capped",
        "back": "back|mantle|backed",
        "wing": "wings|wing feathers|winged",
        "breast": "breast|belly|chest|underside|breasted|bellied|chested",
        "tail": "tail|tail feathers|tailed",
        "wing_bars": "bars|barred",
        "breast_pattern": "streaks|streaked|spots|spotted",
        "crest": "crest",
        "bill_length": "(short|long)[a-z ,]* (bill|beak|billed|beaked)|(bill|beak) is (short|long)"
        "|(short|long) (billed|beaked)",
        "bill_colour": "(black|orange) (bill|beak)|(bill|beak) is (short and |long and )?(black|orange)",
        "size": "small|little|tiny|large|big",
    },
    flowers: {
        "petal": "petals|flower",
        "second": "petals",
        "centre": "centre|middle",
        "number": "four|five|eight|many|numerous",
        "pattern": "edges|borders|rims|edged|bordered|stripes|lines|striped|streaked|spots|dots|spotted|dotted|bases|inner|"
        "ringed",
        "shape": "round|rounded|pointed|pointy|sharp|notched|heart shaped",
        "layers": "layers?|rows|layered",
        "stamens": "stamens",
        "leaves": "leaves",
    },
}
# "a spotted breast" says no colour; nor does the word "petals"
NAMED_BY_OTHERS = {birds: {"breast", "wing", "bill_length", "bill_colour"}, flowers: {"petal", "second"}}
COLOURED = {birds: (*birds.colour_attributes, "bill_colour"), flowers: flowers.colour_attributes}


def _says(words: str, sentence: str) -> bool:
    return re.search(rf"\b({words})\b", sentence) is not None


@both
@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_a_sentence_says_exactly_the_colours_it_reports(spec, seed):
    rng = np.random.default_rng(seed)
    sentence, mentioned = spec.describe(_random_attributes(spec, rng), rng)
    reported = {value for name, value in mentioned.items() if name in COLOURED[spec]}
    reported |= {"white"} if "wing_bars" in mentioned else set()
    assert {colour for colour, words in COLOUR_WORDS.items() if _says(words, sentence)} == reported, sentence


@both
@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_a_sentence_names_every_part_it_reports(spec, seed):
    rng = np.random.default_rng(seed)
    attributes = _random_attributes(spec, rng)
    sentence, mentioned = spec.describe(attributes, rng)
    assert 2 <= len(mentioned) <= 5 and mentioned.items() <= attributes.items()
    words = ATTRIBUTE_WORDS[spec]
    assert [name for name in mentioned if not _says(words[name], sentence)] == [], sentence
    for name in set(spec.attributes) - set(mentioned) - NAMED_BY_OTHERS[spec]:
        assert not _says(words[name], sentence), f"{name}: {sentence}"


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**31))
def test_the_colours_of_a_flower_go_to_their_parts(seed):
    rng = np.random.default_rng(seed)
    flower = {**_random_attributes(flowers, rng), "petal": "blue", "second": "red", "centre": "yellow"}
    sentence, mentioned = flowers.describe(flower, rng)
    assert ("second" in mentioned) == ("pattern" in mentioned)
    assert set(mentioned.values()).isdisjoint({"none", "single"})
    colour = {name: f"({COLOUR_WORDS[flower[name]]})" for name in flowers.colour_attributes}
    pattern = ATTRIBUTE_WORDS[flowers]["pattern"]
    said = {
        "petal": f"{colour['petal']} (petals|flower)|petals[a-z ]* are [a-z ,]*{colour['petal']}",
        "second": f"{colour['second']} (inner parts|{pattern})|inner ring of [a-z ]*{colour['second']}|"
        f"({pattern}) (inside )?(with|of) [a-z ]*{colour['second']}",
        "centre": f"{colour['centre']} (centre|middle)|(centre|middle) is [a-z ]*{colour['centre']}",
    }
    assert [name for name in said if name in mentioned and not _says(said[name], sentence)] == [], sentence


@both
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_a_sentence_is_one_plain_sentence(spec, seed):
    attributes = TABLES[spec][seed % spec.num_classes]
    sentence, _ = spec.describe(attributes, np.random.default_rng(seed))
    assert re.fullmatch(r"[a-z]+(,? [a-z]+){5,17}\.", sentence), sentence
    assert not re.search(r"\ba [aeiou]|\ban [^aeiou]|\b(\w+) \1\b", sentence), sentence
    assert sentence == spec.describe(attributes, np.random.default_rng(seed))[0]


# --- specifications ---


def test_each_rendered_data_set_is_in_the_table_under_its_name():
    assert {"birds", "flowers", "rooms"} <= set(RENDERED)
    assert [spec.name for spec in RENDERED.values()] == [spec.title for spec in RENDERED.values()] == list(RENDERED)


@pytest.mark.parametrize("spec", RENDERED.values(), ids=RENDERED)
def test_a_specification_says_what_a_data_set_is(spec):
    assert spec.rendered and spec.knows_attributes and set(spec.colour_attributes) < set(spec.attributes)
    assert spec.has_new_classes == (spec.split == "classes") == (spec.class_table is not None) == (spec.image_table is None)
    for values in (values for layer in (spec.profiles, spec.recipes) for values in layer.values()):
        assert values.get("data", {}).get("num_classes", spec.num_classes) == spec.num_classes
        assert values.get("data", {}).get("num_train_classes", spec.num_train_classes) == spec.num_train_classes


def test_a_specification_needs_the_table_of_its_split():
    same = {
        "name": "fish",
        "noun": "fish",
        "num_classes": 4,
        "num_train_classes": 3,
        "captions_per_image": 1,
        "split": "classes",
    }
    functions = {"draw": birds.draw, "describe": birds.describe}
    assert not DatasetSpec(**same).rendered and not DatasetSpec(**same).knows_attributes
    with pytest.raises(ValueError, match="split by classes"):
        RenderedSpec(**same, **functions)
    with pytest.raises(ValueError, match="split by classes"):
        RenderedSpec(**same, **functions, class_table=birds.class_table, image_table=RENDERED["rooms"].image_table)


FISH = {
    "body": ("red", "orange", "blue"),
    "fin": ("red", "orange", "blue"),
    "tail": ("red", "orange", "blue"),
    "pattern": ("plain", "striped"),
    "size": ("small", "large"),
}
TEMPLATES = {
    "body": ("a {} body", "its body is {}"),
    "fin": ("a {} fin", "its fin is {}"),
    "tail": ("a {} tail", "its tail is {}"),
    "striped": ("dark stripes", "it has stripes"),
    "size": ("a {} size", "its size is {}"),
}


def test_a_new_data_set_may_have_any_combination():
    table = BalancedTable({**FISH, "eye": ("black", "white"), "belly": ("red", "orange", "blue")}, 9, 6)
    assert len(table()) == 9 and table() != table(seed=1) and len(table(6, 4)) == 6
    with pytest.raises(ValueError, match="ask for fewer"):
        BalancedTable(FISH, 14, 10)()


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_captions_from_templates_say_what_they_report(seed):
    rng = np.random.default_rng(seed)
    attributes = {name: str(rng.choice(values)) for name, values in FISH.items()}
    sentence, mentioned = TemplateCaptions("fish", FISH, TEMPLATES)(attributes, rng)
    assert re.fullmatch(r"[a-z]+(,? [a-z]+){5,17}\.", sentence) and not re.search(r"\ba [aeiou]|\ban [^aeiou]", sentence), (
        sentence
    )
    assert 2 <= len(mentioned) <= 5 and mentioned.items() <= attributes.items() and "plain" not in mentioned.values()
    words = {"body": "body", "fin": "fin", "tail": "tail", "pattern": "stripes", "size": "small|large"}
    assert {name for name in FISH if _says(words[name], sentence)} == set(mentioned), sentence


def test_templates_without_a_sentence_of_fitting_length_are_refused():
    describe = TemplateCaptions("fish", FISH, dict.fromkeys([*FISH, "striped"], ("very " * 10 + "{}", "very " * 10 + "{}")))
    with pytest.raises(ValueError, match="change its templates"):
        describe({name: values[0] for name, values in FISH.items()}, np.random.default_rng(0))
    with pytest.raises(ValueError, match="missing attributes"):
        describe({}, np.random.default_rng(0))


# --- files ---


def test_the_splits_have_disjoint_classes(project):
    run = tiny_config()
    splits = {split: load_dataset("birds", split, run.data_dir) for split in ("train", "test", "classifier")}
    assert {split: len(dataset) for split, dataset in splits.items()} == {"train": 12, "test": 4, "classifier": 4}
    assert set(splits["train"].labels) == {0, 1, 2, 3} and set(splits["test"].labels) == set(splits["classifier"].labels) == {
        4,
        5,
    }
    rows = [{(record.label, record.row) for record in splits[split]} for split in ("test", "classifier")]
    assert rows[0].isdisjoint(rows[1])


def test_a_record_is_the_picture_that_was_drawn(project):
    run = tiny_config()
    record = load_dataset("birds", "train", run.data_dir)[4]
    drawn = birds.draw(record.attributes, np.random.default_rng([run.data.seed, record.label, record.row]), 32)
    assert np.array_equal(record.image, drawn)
    assert len(record.captions) == 10 and record.captions[0].mentioned.items() <= record.attributes.items()


def test_utterances_come_in_the_order_of_the_images(project):
    dataset = load_dataset("birds", "train", tiny_config().data_dir)
    order = [(image, caption) for image in range(12) for caption in range(2)]
    assert len(dataset.utterances) == len(order)
    for utterance, (image, caption) in zip(dataset.utterances, order, strict=True):
        assert utterance.image == image and utterance.label == dataset[image].label
        assert utterance.caption is dataset[image].captions[caption]
        assert utterance.recording == dataset[image].speech[caption] and utterance.recording.is_file()
    assert np.array_equal(dataset.image_of, [image for image, _ in order])
    assert len({path for record in dataset for path in record.speech}) == 24


def test_classifier_images_are_not_spoken(project):
    assert load_dataset("birds", "classifier", tiny_config().data_dir).utterances == []


def test_a_missing_data_set_names_the_chapter(tmp_path):
    with pytest.raises(DatasetError, match="run chapter 01"):
        load_dataset("birds", "train", tmp_path)


@pytest.mark.parametrize(
    "name, split, reason", [("bird", "train", "choose from birds, flowers"), ("birds", "val", "train, test, classifier")]
)
def test_an_unknown_data_set_or_split_is_refused(project, name, split, reason):
    with pytest.raises(DatasetError, match=reason):
        load_dataset(name, split, tiny_config().data_dir)


def test_spectrograms_come_in_the_order_of_the_utterances(project):
    run = tiny_config()
    dataset, log_mels = load_dataset("birds", "test", run.data_dir), load_log_mels(run, "test")
    assert len(log_mels) == len(dataset.utterances) == 8
    for row, utterance in enumerate(dataset.utterances):
        expected = audio.log_mel_spectrogram(audio.load_audio(utterance.recording))
        torch.testing.assert_close(log_mels[row], expected, atol=1e-2, rtol=1e-3)  # kept as float16


def test_finished_spectrograms_are_kept(project):
    run = tiny_config()
    path = run.data_dir / "log_mel_train.npy"
    before = path.stat().st_mtime_ns
    write_log_mels(run)
    assert path.stat().st_mtime_ns == before


def test_images_are_averaged_down(project):
    dataset = load_dataset("birds", "test", tiny_config().data_dir)
    images = load_images(dataset, 8)
    assert images.shape == (4, 3, 8, 8) and images.dtype == torch.uint8
    assert images[1, 2, 0, 3] == pytest.approx(dataset[1].image[:4, 12:16, 2].mean(), abs=0.51)
    with pytest.raises(ValueError, match="does not divide"):
        load_images(dataset, 20)


class CornerAndMean(torch.nn.Module):
    """A teacher whose last stage tells what is in the corner; all stages together tell the opposite."""

    def forward(self, images):
        last = images.mean(dim=(2, 3))[:, :2] + images[:, :2, 0, 0]
        return torch.cat([last, -last], dim=1)


def test_teacher_features_hold_both_views_and_all_stages_in_order(project, monkeypatch):
    run = tiny_config(teacher={"image_size": 32})
    monkeypatch.setitem(features.LAST_DIM, "efficientnet_lite0", 2)
    monkeypatch.setattr(features, "load_teacher", lambda *_, **__: CornerAndMean())
    write_teacher_features(run)
    dataset, last = load_dataset("birds", "test", run.data_dir), load_teacher_features(run, "test")
    every = np.load(teacher_path(run, "test", "all"))
    assert last.shape == every.shape == (4, 2, 2)
    np.testing.assert_array_equal(every, -last)
    for record, (plain, mirrored) in zip(dataset, last):
        pixels = record.image[..., :2] / 255
        np.testing.assert_allclose(plain, pixels.mean((0, 1)) + pixels[0, 0], rtol=1e-4)
        np.testing.assert_allclose(mirrored, pixels.mean((0, 1)) + pixels[0, -1], rtol=1e-4)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.bin"
    save_atomically(path, lambda file: file.write(b"old"))

    def fail(file):
        file.write(b"ne")
        raise OSError("disk full")

    with pytest.raises(OSError):
        save_atomically(path, fail)
    assert path.read_bytes() == b"old"
