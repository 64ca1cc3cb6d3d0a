"""Rendered rooms: which rooms there are, pictures, sentences, and the split by images."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from caption_words import COLOUR_WORDS
from hypothesis import given, settings
from hypothesis import strategies as st

from s2i_lib import workers
from s2i_lib.config import PROFILE_NAMES, load_config
from s2i_lib.datasets import load_dataset
from s2i_lib.datasets.errors import DatasetError
from s2i_lib.datasets.records import Caption, Record, SpokenImages
from s2i_lib.datasets.rendered import RENDERED, room_layouts
from s2i_lib.evaluation import dependent_groups
from s2i_lib.preparation.images import _draw_random, write_images

rooms = RENDERED["rooms"]
ROOMS = rooms.attributes["room"]
PLAIN = {
    "wall": "grey",
    "furniture": "red",
    "curtain": "green",
    "rug": "blue",
    "floor": "wooden",
    "lamp": "none",
    "decoration": "none",
    "plant": "none",
    "time": "day",
}
every_room = pytest.mark.parametrize("room", ROOMS)


def _picture(size=64, seed=1, **attributes) -> np.ndarray:
    return rooms.draw({"room": "living room", **PLAIN, **attributes}, np.random.default_rng(seed), size).astype(int)


def _changed(one: np.ndarray, other: np.ndarray, by: int = 40) -> np.ndarray:
    return np.abs(one - other).max(-1) > by


# --- which rooms there are ---


@pytest.fixture(scope="module")
def tables():
    data = rooms.profiles["small"]["data"]
    train, test = data["images_per_train_class"], data["images_per_test_class"]
    return train, [rooms.image_table(label, train + test) for label in range(7)]


def test_no_two_rooms_are_alike(tables):
    rows = [tuple(row.values()) for table in tables[1] for row in table]
    assert len(set(rows)) == len(rows) == 7 * (643 + 171)
    assert [{row["room"] for row in table} for table in tables[1]] == [{room} for room in ROOMS]


def test_every_value_occurs_in_training_and_test(tables):
    train, images = tables
    for table in images:
        for part in (table[:train], table[train:]):
            for name, values in rooms.attributes.items():
                assert name == "room" or {row[name] for row in part} == set(values)


def test_training_and_test_are_equally_frequent_samples(tables):
    train, images = tables
    for name in ("floor", "time", "plant"):
        for value in rooms.attributes[name]:
            shares = [
                np.mean([row[name] == value for table in images for row in table[part]])
                for part in (slice(train), slice(train, None))
            ]
            assert shares[0] == pytest.approx(shares[1], abs=0.05)


def test_what_must_be_told_apart_has_different_colours(tables):
    for row in (row for table in tables[1] for row in table):
        assert row["wall"] not in (row["furniture"], row["curtain"]) and row["furniture"] != row["rug"]


def test_the_table_follows_its_seed():
    one, same, other = (rooms.image_table(3, 20, seed=seed) for seed in (1, 1, 2))
    assert one == same != other
    assert rooms.image_table(3, 20) == rooms.image_table(3, 50)[:20]


@pytest.mark.parametrize("label, num_images, reason", [(7, 3, "none with label 7"), (0, 10**6, "100000 or fewer")])
def test_an_impossible_table_is_refused(label, num_images, reason):
    with pytest.raises(ValueError, match=reason):
        rooms.image_table(label, num_images)


# --- pictures ---


@every_room
def test_a_picture_follows_its_seed(room):
    attributes = {"room": room, **PLAIN, "lamp": "hanging", "decoration": "painting", "plant": "potted"}
    picture = rooms.draw(attributes, np.random.default_rng(5), 48)
    assert picture.shape == (48, 48, 3) and picture.dtype == np.uint8
    assert np.array_equal(picture, rooms.draw(attributes, np.random.default_rng(5), 48))
    assert not np.array_equal(picture, rooms.draw(attributes, np.random.default_rng(6), 48))


@pytest.mark.parametrize("name", rooms.attributes)
def test_every_value_gives_another_picture(name):
    pictures = {_picture(**{name: value}).tobytes() for value in rooms.attributes[name]}
    assert len(pictures) == len(rooms.attributes[name])


# the least share of the picture that each attribute must change in every room
SHARES = {
    "wall": ("grey", "yellow", 0.12),
    "furniture": ("red", "white", 0.06),
    "curtain": ("green", "pink", 0.06),
    "rug": ("blue", "white", 0.05),
    "floor": ("wooden", "tiled", 0.03),
    "lamp": ("none", "standing", 0.006),
    "decoration": ("none", "clock", 0.008),
    "plant": ("none", "potted", 0.006),
    "time": ("day", "evening", 0.03),
}


@every_room
@pytest.mark.parametrize("name", SHARES)
def test_every_attribute_shows_in_every_room_at_64_pixels(room, name):
    before, after, share = SHARES[name]
    assert _changed(*(_picture(room=room, **{name: value}) for value in (before, after))).mean() > share


@every_room
@pytest.mark.parametrize(
    "name, value, least",
    [
        ("wall", "yellow", 0.3),
        ("furniture", "white", 0.6),
        ("curtain", "pink", 0.6),
        ("rug", "none", 0.6),
        ("decoration", "mirror", 0.85),
        ("plant", "potted", 0.8),
    ],
)
def test_an_attribute_leaves_the_rest_of_the_room_alone(room, name, value, least):
    one, other = (_picture(room=room, **changed) for changed in ({}, {name: value}))
    assert np.mean((one == other).all(-1)) > least


def test_another_floor_leaves_the_books_on_the_shelf():
    one, other = (_picture(room="home office", floor=floor) for floor in ("wooden", "tiled"))
    assert np.array_equal(one[:28], other[:28]) and not np.array_equal(one[44:], other[44:])


@pytest.mark.parametrize("name", rooms.colour_attributes)
@pytest.mark.parametrize("time", rooms.attributes["time"])
def test_a_coloured_thing_has_its_colour_at_any_time(name, time):
    other = {"wall": "white", "furniture": "black", "curtain": "white", "rug": "black"}
    blank = _picture(time=time, **other)
    for colour, strong, weak in (("blue", [2], [0]), ("yellow", [0, 1], [2]), ("green", [1], [0])):
        picture = _picture(time=time, **{**other, name: colour})
        red_green_blue = picture[_changed(blank, picture)].mean(0)
        assert red_green_blue[strong].min() > 1.15 * red_green_blue[weak].max(), colour


def test_the_types_of_rooms_are_told_apart_by_their_furniture():
    mean = {room: np.mean([_picture(32, seed, room=room) for seed in range(4)], axis=0) for room in ROOMS}
    for one in ROOMS:
        for other in ROOMS:
            assert one == other or _changed(mean[one], mean[other]).mean() > 0.1, (one, other)


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"room": "cellar"}, "unknown value 'cellar' of room"),
        ({"wall": "red"}, "unknown value 'red' of wall"),
        ({"ceiling": "white"}, "unknown attribute 'ceiling'"),
    ],
)
def test_unknown_attributes_are_neither_drawn_nor_described(change, reason):
    for function in (rooms.draw, rooms.describe):
        with pytest.raises(ValueError, match=reason):
            function({"room": "bedroom", **PLAIN, **change}, np.random.default_rng(0))


def test_a_missing_attribute_and_a_tiny_picture_are_refused():
    with pytest.raises(ValueError, match="missing attributes: room"):
        rooms.draw(PLAIN, np.random.default_rng(0))
    with pytest.raises(ValueError, match="32 or more"):
        _picture(16)


# --- sentences ---

ROOM_WORDS = {
    "bedroom": "bedroom|bed room",
    "dinette": "dinette|breakfast nook",
    "dining room": "dining room|dining area",
    "home office": "home office|study",
    "hotel room": "hotel room",
    "kitchenette": "kitchenette|small kitchen",
    "living room": "living room|sitting room",
}
VALUE_WORDS = {
    "wooden": "wooden|hardwood|wood",
    "tiled": "tiled|checkered|tiles",
    "carpeted": "carpeted|carpet",
    "hanging": "hanging lamp|lamp hanging|lamp that hangs|lamp hangs",
    "standing": "floor lamp|standing lamp|tall lamp",
    "painting": "painting|picture hanging",
    "clock": "clock",
    "mirror": "mirror",
    "potted": "plant",
    "day": "day|daylight|daytime|cloud",
    "evening": "sunset|setting|evening|going down",
    "night": "moon|night sky|night outside|dark",
}
# how a thing is said to have the colour C
SAID_OF = {
    "wall": "C walls|walls painted C|walls are (painted )?C",
    "curtain": "C (curtains|drapes)|curtains (at the window )?are C",
    "rug": r"C rug|rug ((next to|under|in front of) the \w+ )?is C",
    "bedroom": "C bed|bed with an? C (cover|blanket)|bed (covered in|is) C",
    "dinette": "C chairs|two chairs are C",
    "dining room": "C chairs|chairs (around the table )?are C",
    "home office": "C desk|desk is C",
    "hotel room": "C beds|beds (with|have) C (covers|blankets)|beds (covered in|are) C",
    "kitchenette": "C (kitchen )?(cupboards|cabinets)|(cupboards|cabinets) are C",
    "living room": "C (sofa|couch)|(sofa|couch) is C",
}
THINGS = {"wall": "walls", "curtain": "curtains|drapes", "rug": "rug"}
SHADES = (
    "night (?=stand)|golden (?=yellow)|"
    "(bright|deep|soft|jet|snowy|pure|ash|slate|rusty|chestnut|chocolate|emerald|leaf|royal) (?=[a-z])"
)


def _described(seed: int) -> tuple[str, dict[str, str], dict[str, str]]:
    """A sentence without the words for shades, what it reports, and what is true."""
    rng = np.random.default_rng(seed)
    attributes = {name: str(rng.choice(values)) for name, values in rooms.attributes.items()}
    sentence, mentioned = rooms.describe(attributes, rng)
    return re.sub(rf"\b({SHADES})", "", sentence), mentioned, attributes


def _says(words: str, sentence: str) -> bool:
    return re.search(rf"\b({words})\b", sentence) is not None


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**31))
def test_a_sentence_reports_two_to_five_true_attributes_and_mostly_the_room(seed):
    _, mentioned, attributes = _described(seed)
    assert mentioned.items() <= attributes.items() and "none" not in mentioned.values()
    assert 2 <= len(mentioned.keys() - {"room"}) <= 5
    assert list(mentioned) == [name for name in rooms.attributes if name in mentioned]


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**31))
def test_a_sentence_says_exactly_what_it_reports(seed):
    sentence, mentioned, _attributes = _described(seed)
    colours = {mentioned[name] for name in rooms.colour_attributes if name in mentioned}
    assert {colour for colour, words in COLOUR_WORDS.items() if _says(words, sentence)} == colours, sentence
    for room, words in ROOM_WORDS.items():
        assert _says(words, sentence) == (mentioned.get("room") == room), sentence
    for name in ("floor", "lamp", "decoration", "plant", "time"):
        for value in rooms.attributes[name]:
            if value != "none":
                assert _says(VALUE_WORDS[value], sentence) == (mentioned.get(name) == value), f"{value}: {sentence}"


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**31))
def test_every_colour_goes_to_its_thing(seed):
    sentence, mentioned, attributes = _described(seed)
    for name in rooms.colour_attributes:
        if name in mentioned:
            said = SAID_OF[attributes["room"] if name == "furniture" else name]
            said = re.sub(r"\bC\b", "(COLOUR)", said).replace("COLOUR", COLOUR_WORDS[mentioned[name]])
            assert _says(said, sentence), f"{name}: {sentence}"
        elif name != "furniture":
            assert not _says(THINGS[name], sentence), f"{name}: {sentence}"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**31))
def test_a_caption_is_one_or_two_plain_sentences(seed):
    rng = np.random.default_rng(seed)
    attributes = {name: str(rng.choice(values)) for name, values in rooms.attributes.items()}
    caption, mentioned = rooms.describe(attributes, np.random.default_rng(seed))
    assert re.fullmatch(r"[a-z]+(?:[,.]? [a-z]+)+\.", caption) and caption.count(".") <= 2, caption
    assert 10 <= len(caption.split()) <= 30, caption
    assert not re.search(r"\ba [aeiou]|\ban [^aeiou]|\b(\w+) \1\b", caption), caption
    assert (caption, mentioned) == rooms.describe(attributes, np.random.default_rng(seed))


def test_captions_are_varied_and_most_name_the_room():
    described = [_described(seed) for seed in range(600)]
    assert 0.78 < np.mean(["room" in mentioned for _, mentioned, _ in described]) < 0.92
    words = {word.strip(",.") for sentence, _, _ in described for word in sentence.split()}
    assert 130 < len(words) < 250
    assert len({sentence for sentence, _, _ in described}) > 590
    assert {name for _, mentioned, _ in described for name in mentioned} == set(rooms.attributes)
    assert 18 < np.mean([len(sentence.split()) for sentence, _, _ in described]) < 27


# --- files ---


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The configuration of a tiny data set of rooms, drawn at 32 px."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2I_ROOT", str(tmp_path_factory.mktemp("rooms")))
        patch.setattr(workers, "worker_processes", lambda processes=None: ThreadPoolExecutor(1))
        sizes = {"images_per_train_class": 3, "images_per_test_class": 2, "images_for_classifier": 1, "image_size": 32}
        run = load_config("smoke", "rooms", overrides={"data": sizes})
        write_images(run)
        yield run


def test_the_splits_share_their_classes_but_no_image(written):
    splits = {split: load_dataset("rooms", split, written.data_dir) for split in ("train", "test", "classifier")}
    assert {split: len(dataset) for split, dataset in splits.items()} == {"train": 21, "test": 14, "classifier": 7}
    records = [record for dataset in splits.values() for record in dataset]
    assert all(set(dataset.labels) == set(range(7)) for dataset in splits.values())
    assert len({record.name for record in records}) == len({tuple(record.attributes.values()) for record in records}) == 42
    assert all(record.attributes["room"] == ROOMS[record.label] for record in records)


def test_a_room_is_spoken_of_once(written):
    train, classifier = (load_dataset("rooms", split, written.data_dir) for split in ("train", "classifier"))
    assert [utterance.image for utterance in train.utterances] == list(range(21)) and classifier.utterances == []
    for record in train:
        (caption,) = record.captions
        assert caption.mentioned.items() <= record.attributes.items()


def test_a_record_is_the_room_that_was_drawn(written):
    record = load_dataset("rooms", "test", written.data_dir)[5]
    drawn = rooms.draw(record.attributes, np.random.default_rng([written.data.seed, record.label, record.row]), 32)
    assert np.array_equal(record.image, drawn)


def test_a_change_to_any_type_of_room_is_noticed(written, monkeypatch):
    write_images(written)
    layout = room_layouts.LAYOUTS["kitchenette"]
    monkeypatch.setitem(room_layouts.LAYOUTS, "kitchenette", replace(layout, pieces=layout.pieces[:1]))
    with pytest.raises(DatasetError, match="another version"):
        write_images(written)


# --- where a data set is divided by images ---


def test_the_attribute_classifier_learns_from_rooms_that_could_be_in_the_data_set():
    smoke = load_config("smoke", "rooms", overrides={"data": {"image_size": 64}})
    drawn = [_draw_random(smoke, index)[1] for index in range(70)]
    assert [attributes["room"] for attributes in drawn] == [*ROOMS] * 10
    assert all(attributes["wall"] not in (attributes["furniture"], attributes["curtain"]) for attributes in drawn)
    assert len({tuple(attributes.values()) for attributes in drawn}) == 70


@pytest.mark.parametrize(
    "recipe, positives", [("recommended", "image"), ("paper", "class"), ("classifier", "class"), ("text", "class")]
)
def test_a_sentence_fits_one_room_only_in_the_recommended_recipe(recipe, positives):
    assert load_config("small", "rooms", recipe).encoder.positives == positives
    assert load_config("small", "birds", recipe).encoder.positives == "class"


def test_rooms_are_heard_as_degraded_speech_and_birds_are_not():
    for profile in PROFILE_NAMES:
        assert load_config(profile, "rooms").data.speech == "degraded"
        assert load_config(profile, "birds").data.speech == "clean"


def _record(label, **attributes):
    return Record(f"{label}", label, "test", attributes, (), (), None, 0)


def test_a_class_has_what_all_its_images_share():
    records = [
        _record(0, room="bedroom", wall="red"),
        _record(0, room="bedroom", wall="blue"),
        _record(1, room="dinette", wall="red"),
    ]
    spoken = SpokenImages("rooms", "test", None, records)
    assert spoken.class_attributes == {0: {"room": "bedroom"}, 1: {"room": "dinette", "wall": "red"}}


def test_sentences_about_one_bird_depend_on_each_other_and_those_about_one_room_type_do_not():
    captions, recordings = (Caption("", {}),) * 2, (None,) * 2
    records = [Record(str(i), i // 2, "test", {}, captions, recordings, None, 0) for i in range(4)]
    rows = np.array([0, 1, 2, 7])
    assert dependent_groups(SpokenImages("birds", "test", None, records), rows).tolist() == [0, 0, 0, 1]
    assert dependent_groups(SpokenImages("rooms", "test", None, records), rows).tolist() == [0, 0, 1, 3]
