"""The paper's own data, on small files of exactly the published formats; downloads come from a server on this machine."""

import hashlib
import io
import json
import pickle
import re
import tarfile
import threading
import zipfile
from dataclasses import replace
from http.server import ThreadingHTTPServer

import numpy as np
import pytest
import soundfile
from conftest import tiny_config
from hypothesis import given
from hypothesis import strategies as st
from miniatures import CUB_NAMES, MINIATURES, SIZES, Handler, captions, cub_files, oxford_files, put, recording, tar
from PIL import Image
from scipy.io import savemat

from s2i_lib.__main__ import main
from s2i_lib.audio import load_audio
from s2i_lib.datasets import PHOTOS, DatasetError, load_dataset, photo_spec, photos
from s2i_lib.datasets.photos import cub, downloads, oxford, places
from s2i_lib.datasets.photos.availability import missing_parts
from s2i_lib.datasets.photos.reading import crop_window, read_pixels
from s2i_lib.datasets.photos.stackgan_lists import read_pickled_list
from s2i_lib.features import load_images
from s2i_lib.preparation.images import write_images
from s2i_lib.preparation.speech import write_speech

# images per class as the publishers list them (class 1, 2, ...; CUB's other classes have 60)
# fmt: off
CUB_SMALLER_CLASSES = {
    3: 58, 5: 44, 6: 41, 7: 53, 8: 48, 9: 59, 12: 56, 15: 58, 16: 58, 17: 57, 18: 45, 19: 59, 20: 59, 22: 56, 23: 59, 24: 52,
    28: 59, 32: 53, 33: 59, 34: 59, 37: 59, 39: 59, 43: 59, 58: 58, 60: 59, 65: 50, 75: 57, 78: 59, 84: 53, 97: 59, 101: 50,
    105: 49, 107: 59, 113: 50, 115: 59, 117: 59, 119: 59, 124: 59, 125: 59, 126: 59, 135: 59, 141: 58, 149: 59, 151: 51,
    153: 59, 157: 59, 160: 59, 166: 59, 168: 59, 169: 59, 178: 56, 179: 59, 181: 59, 187: 50, 190: 58, 196: 59}
# fmt: on
# the classes of the images that S2IGAN is scored on; counts alone cannot tell two classes of 60 apart
CUB_TEST_NUMBERS = (
    "1 4 6 8 9 14 23 29 31 33 34 35 36 37 38 43 49 51 53 66 72 79 83 84 86 91 95 96 98 101 102 103 112 114 119 121 130 135 "
    "138 147 156 163 165 166 180 183 185 186 187 197"
)
CUB_TEST_CLASSES = {int(number) for number in CUB_TEST_NUMBERS.split()}
OXFORD_TEST_SIZES = (40, 60, 40, 56, 65, 45, 40, 85, 46, 45, 87, 87, 49, 48, 49, 41, 85, 82, 49, 56)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty project that expects miniatures."""
    monkeypatch.setenv("S2I_ROOT", str(tmp_path))
    for name, sizes in SIZES.items():
        expect_sizes(monkeypatch, name, sizes)
    return tmp_path


def expect_sizes(monkeypatch, name: str, sizes: dict[str, int]) -> None:
    for split, size in sizes.items():
        monkeypatch.setitem(photo_spec(name).split_sizes, split, size)


@pytest.fixture
def data(root):
    """The same project with all three data sets unpacked: its folder ``data``."""
    for name, files in MINIATURES.items():
        put(root / "data" / name, files())
    return root / "data"


CAPTIONS = {"cub": "reed", "oxford": "reed", "places": "transcripts"}


def paper_config(name: str):
    data = {"image_size": 16, "spoken_captions": 10, "captions": CAPTIONS[name]}
    return tiny_config(data=data).model_copy(update={"dataset": name, "profile": "paper"})


def command(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main(["data", *arguments])
    captured = capsys.readouterr()
    sentences = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert len(sentences) == (code == 2)
    return code, captured.out, "".join(sentences)


# --- the splits of Table I ---


def test_the_splits_of_cub_have_the_sizes_of_table_1():
    sizes = {number: CUB_SMALLER_CLASSES.get(number, 60) for number in range(1, 201)}
    assert len(cub.TRAIN_CLASSES) == cub.SPEC.num_train_classes == 150 and len(cub.TEST_CLASSES) == 50
    assert set(cub.TEST_CLASSES) == CUB_TEST_CLASSES and set(cub.TRAIN_CLASSES) == set(sizes) - CUB_TEST_CLASSES
    assert (
        {"train": sum(sizes[number] for number in cub.TRAIN_CLASSES), "test": sum(sizes[number] for number in cub.TEST_CLASSES)}
        == cub.SPEC.split_sizes
        == {"train": 8855, "test": 2933}
    )


def test_the_splits_of_oxford_have_the_sizes_of_table_1():
    assert tuple(range(1, 21)) == oxford.TEST_CLASSES and len(oxford.TRAIN_CLASSES) == oxford.SPEC.num_train_classes == 82
    assert set(oxford.TRAIN_CLASSES) | set(oxford.TEST_CLASSES) == set(range(1, 103))
    assert oxford.SPEC.split_sizes == {"train": 8189 - sum(OXFORD_TEST_SIZES), "test": sum(OXFORD_TEST_SIZES)}
    assert oxford.SPEC.split_sizes == {"train": 7034, "test": 1155}


def test_the_splits_of_places_are_those_of_the_paper():
    sizes = places.SPEC.split_sizes
    assert sizes["test"] == 2870 and sum(sizes.values()) == 13_803 and len(places.CLASSES) == 7


# --- reading ---


def test_cub_is_read(data):
    photos = cub.read(data / "cub")
    assert [photo.name for photo in photos] == [CUB_NAMES[k] for k in (1, 2, 0, 3)]
    assert [photo.label for photo in photos] == [0, 0, 150, 151]  # classes 2, 1 and 4
    assert [photo.split for photo in photos] == ["train", "train", "test", "test"]
    assert photos[0].box == (10, 5, 8, 6) and photos[0].captions[9].text == "picture 1 shows something , sentence 9 ."


def test_odd_bytes_of_captions_are_dropped(data):
    said = [one.text for one in next(photo for photo in cub.read(data / "cub") if photo.name == CUB_NAMES[0]).captions]
    assert len(said) == 10 and said[2] == "a small bird number 0"
    assert said[:2] == ["this bird has a 6 tail and a red crown .", "a bird with a café brown back"]


def test_oxford_is_read(data):
    photos = oxford.read(data / "oxford")
    assert [(photo.name, photo.label, photo.split) for photo in photos] == [
        ("image_00004", 0, "train"),
        ("image_00001", 56, "train"),
        ("image_00002", 56, "train"),
        ("image_00003", 84, "test"),
    ]
    assert photos[3].captions[0].text == "picture 3 shows something , sentence 0 ." and photos[3].path.is_file()


def test_places_is_read(data):
    photos = places.read(data / "places")
    assert len(photos) == 14 and not any("abbey" in photo.name for photo in photos)
    for photo in photos:
        assert photo.path.is_file() and photo.recordings[0].is_file() and f"/{places.CLASSES[photo.label]}/" in photo.name
        assert [one.text for one in photo.captions] == [f"there is a room {photo.recordings[0].stem[3:]}"]


@pytest.mark.parametrize("name", PHOTOS)
def test_load_dataset_gives_the_usual_records(data, name):
    settings = paper_config(name)
    write_images(settings)
    photos = {
        photo.recordings[0] if photo.recordings else photo.name: photo
        for photo in photo_spec(name).read(data / name, CAPTIONS[name])
    }
    for split, size in SIZES[name].items():
        dataset = load_dataset(name, split, settings.data_dir)
        assert len(dataset) == size and list(dataset.labels) == sorted(dataset.labels)
        assert len(dataset.utterances) == (size if name == "places" else 10 * size)
        for record in dataset:
            photo = photos[record.speech[0].resolve() if name == "places" else record.name]
            assert (record.name, record.label, record.split) == (photo.name, photo.label, photo.split) and not record.attributes
            assert record.captions == photo.captions and not any(caption.mentioned for caption in record.captions)
            assert np.array_equal(record.image, read_pixels(photo, 16)) and record.image.shape == (16, 16, 3)
    assert load_images(load_dataset(name, "train", settings.data_dir), 8).shape == (SIZES[name]["train"], 3, 8, 8)
    assert len(
        {path for split in SIZES[name] for record in load_dataset(name, split, settings.data_dir) for path in record.speech}
    ) == sum(SIZES[name].values()) * (1 if name == "places" else 10)


def test_the_papers_own_speech_is_used_where_it_is_there(data, capsys):
    speech = {f"CUB_200_2011_audio/audio/0/{name}_{k}.wav": recording(1.0, k) for name in CUB_NAMES for k in range(10)}
    put(data / "cub", speech)
    settings = paper_config("cub")
    write_images(settings)
    write_speech(settings)  # nothing is spoken
    record = load_dataset("cub", "test", settings.data_dir)[1]
    assert record.recorded and [path.resolve() for path in record.speech] == [
        data / "cub" / f"CUB_200_2011_audio/audio/0/{CUB_NAMES[3]}_{k}.wav" for k in range(10)
    ]
    assert not (settings.data_dir / "speech").exists() and command(capsys, "verify", "--dataset", "cub")[0] == 0
    record.speech[9].unlink()
    code, _, sentence = command(capsys, "verify", "--dataset", "cub")
    assert code == 2 and f"{CUB_NAMES[3]}_9.wav" in sentence
    with pytest.raises(DatasetError, match=f"{CUB_NAMES[3]}_9.wav is missing"):
        write_speech(settings)


def test_grey_images_become_rgb(data):
    grey = next(photo for photo in cub.read(data / "cub") if photo.name == CUB_NAMES[1])
    assert Image.open(grey.path).mode == "L"
    pixels = read_pixels(grey, 16)
    assert pixels.shape == (16, 16, 3) and np.ptp(pixels, axis=2).max() == 0


def test_photos_of_another_size_are_not_mixed(data):
    write_images(paper_config("oxford"))
    settings = paper_config("oxford")
    other = settings.model_copy(update={"data": settings.data.model_copy(update={"image_size": 32})})
    with pytest.raises(DatasetError, match="remove that folder"):
        write_images(other)


def test_a_photo_set_has_no_classifier_split_and_names_its_folder(data):
    with pytest.raises(DatasetError, match="choose from train, test"):
        load_dataset("cub", "classifier", data)
    with pytest.raises(DatasetError, match="cub-paper: run chapter 01"):
        load_dataset("cub", "train", data / "cub-paper")


# --- crops ---


@st.composite
def boxes(draw):
    width, height = draw(st.integers(20, 500)), draw(st.integers(20, 500))
    left, top = draw(st.floats(0, width - 2)), draw(st.floats(0, height - 2))
    return (left, top, draw(st.floats(1, width - left)), draw(st.floats(1, height - top))), width, height


@given(boxes(), st.sampled_from([0.5, 2 / 3, 0.75, 1.0]))
def test_an_object_fills_its_crop_and_is_not_cut(case, ratio):
    (x, y, across, down), width, height = case
    left, top, right, bottom = crop_window((x, y, across, down), width, height, ratio)
    assert 0 <= left <= x and x + across <= right <= width and 0 <= top <= y and y + down <= bottom <= height
    pixels = max(np.ceil(x + across) - np.floor(x), np.ceil(y + down) - np.floor(y))  # the box in whole pixels
    assert pixels / max(right - left, bottom - top) >= ratio
    side = int(pixels / ratio)
    assert right - left == min(side, width) and bottom - top == min(side, height)


def test_a_crop_is_centred_unless_the_picture_ends():
    assert crop_window((100, 100, 60, 30), 300, 300) == (90, 75, 170, 155)
    assert crop_window((280, 0, 20, 30), 300, 300) == (260, 0, 300, 40)
    assert crop_window((0, 10, 400, 50), 500, 80) == (0, 0, 500, 80)


@pytest.mark.parametrize("box", [(10, 10, 0, 5), (500, 0, 20, 20), (-30, 0, 20, 20)])
def test_a_box_outside_its_picture_is_refused(box):
    with pytest.raises(ValueError, match="300 x 200"):
        crop_window(box, 300, 200)


def test_the_bird_is_cropped_and_the_flower_is_not(data):
    bird = next(photo for photo in cub.read(data / "cub") if photo.name == CUB_NAMES[2])
    with Image.open(bird.path) as image:
        expected = image.crop((14, 0, 40, 26)).resize((16, 16), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(read_pixels(bird, 16), expected, atol=1)
    flower = oxford.read(data / "oxford")[0]
    with Image.open(flower.path) as image:
        expected = image.crop((0, 7, 30, 37)).resize((16, 16), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(read_pixels(flower, 16), expected, atol=1)


# --- the choice of Places ---


def many_pairs(count: int = 40) -> dict[str, dict]:
    images = [k // 2 if k < 10 else k for k in range(count)]
    return {f"wavs/{k}.wav": {"wav": f"wavs/{k}.wav", "image": f"b/bedroom/{image}.jpg"} for k, image in enumerate(images)}


def test_the_places_are_drawn_by_seed(root):
    chosen, again = places.choose_subset(many_pairs()), places.choose_subset(dict(reversed(many_pairs().items())))
    assert chosen == again != places.choose_subset(many_pairs(), seed=1)
    assert {split: len(wavs) for split, wavs in chosen.items()} == SIZES["places"]


@given(seed=st.integers(0, 1000))
def test_no_photo_of_places_is_in_both_splits(seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "SPLIT_SIZES", {"train": 26, "test": 9})
        chosen, pairs = places.choose_subset(many_pairs(), seed), many_pairs()
    images = [{pairs[wav]["image"] for wav in chosen[split]} for split in ("train", "test")]
    assert not images[0] & images[1] and len({*chosen["train"], *chosen["test"]}) == 35


def test_the_choice_of_places_is_written_down_and_kept(data):
    first = places.read(data / "places")
    path = data / "places" / "places_subset.json"
    written = json.loads(path.read_text())
    assert written["seed"] == 0 and {split: len(written[split]) for split in ("train", "test")} == SIZES["places"]
    written["train"], written["test"] = written["train"][1:], written["test"]  # somebody else's choice
    path.write_text(json.dumps(written))
    assert len(places.read(data / "places")) == len(first) - 1


def test_too_few_pairs_of_places_are_refused(data, monkeypatch, capsys):
    monkeypatch.setattr(places, "SPLIT_SIZES", {"train": 100, "test": 4})
    code, _, sentence = command(capsys, "verify", "--dataset", "places")
    assert code == 2 and "15 pairs" in sentence and not (data / "places" / "places_subset.json").exists()


# --- verify ---


@pytest.mark.parametrize("name", PHOTOS)
def test_complete_data_are_verified(data, name, capsys):
    train, test = SIZES[name].values()
    code, out, _ = command(capsys, "verify", "--dataset", name)
    assert (code, out) == (0, f"{name}: complete, {train} train images and {test} test images, captions: {CAPTIONS[name]}\n")


def test_verify_checks_what_is_complete(data, capsys):
    (data / "oxford" / "imagelabels.mat").unlink()
    code, out, _ = command(capsys, "verify")
    assert code == 0 and "oxford: not checked" in out and "cub: complete" in out and "places: complete" in out


def cut(path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])


DAMAGES = {
    "truncated image": ("cub", f"CUB_200_2011/images/{CUB_NAMES[3]}.jpg", lambda path: cut(path, -300)),
    "no image": ("oxford", "jpg/image_00002.jpg", lambda path: path.unlink()),
    "empty image": (
        "places",
        "data/vision/torralba/deeplearning/images256/k/kitchenette/gsun_0001.jpg",
        lambda path: path.write_bytes(b""),
    ),
    "no caption file": ("oxford", "cvpr2016_flowers/text_c10/class_00077/image_00002.txt", lambda path: path.unlink()),
    "nine captions": (
        "cub",
        f"cvpr2016_cub/text_c10/{CUB_NAMES[1]}.txt",
        lambda path: path.write_bytes(b"".join(captions(1).splitlines(True)[:9]) + b"\n\n"),
    ),
    "no boxes": ("cub", "CUB_200_2011/bounding_boxes.txt", lambda path: path.unlink()),
    "no number": ("cub", "CUB_200_2011/bounding_boxes.txt", lambda path: path.write_text(path.read_text().replace("8.0", "x"))),
    "box outside": ("cub", f"{CUB_NAMES[2]}.jpg", None),
    "missing line": (
        "cub",
        "CUB_200_2011/image_class_labels.txt",
        lambda path: path.write_text("".join(path.read_text().splitlines(True)[:3])),
    ),
    "damaged line": ("cub", "CUB_200_2011/images.txt", lambda path: path.write_text(path.read_text() + "5\n")),
    "wrong class": (
        "cub",
        "CUB_200_2011/image_class_labels.txt",
        lambda path: path.write_text(path.read_text().replace("4 4", "4 5")),
    ),
    "path outside": (
        "cub",
        "CUB_200_2011/images.txt",
        lambda path: path.write_text(path.read_text().replace("1 001.Black_footed", "1 001.B/../../../x")),
    ),
    "text as classes": ("oxford", "imagelabels.mat", lambda path: path.write_bytes(b"<html>moved</html>")),
    "class 103": ("oxford", "imagelabels.mat", lambda path: savemat(path, {"labels": np.array([[103, 77, 3, 21]])})),
    "no metadata": ("places", "PlacesAudio_400k_distro/metadata/val.json", lambda path: path.unlink()),
    "half metadata": ("places", "PlacesAudio_400k_distro/metadata/train.json", lambda path: cut(path, 99)),
    "no entries": ("places", "PlacesAudio_400k_distro/metadata/train.json", lambda path: path.write_text('{"data": ["a"]}')),
    "no recording": ("places", "PlacesAudio_400k_distro/wavs/0/utt0.wav", lambda path: path.unlink()),
    "empty recording": ("places", "PlacesAudio_400k_distro/wavs/0/utt0.wav", lambda path: path.write_bytes(b"RIFF")),
    "choice in both splits": (
        "places",
        "places_subset.json",
        lambda path: path.write_text(json.dumps({"train": ["wavs/3/utt3.wav"], "test": ["wavs/14/utt14.wav"]})),
    ),
    "choice of unknown": ("places", "places_subset.json", lambda path: path.write_text('{"train": ["x.wav"], "test": []}')),
    "half choice": ("places", "places_subset.json", lambda path: path.write_text('{"train": [')),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_first_broken_file_is_named(data, capsys, damage):
    name, path, harm = DAMAGES[damage]
    if name == "places":  # every pair is used, so that the broken one is
        pairs = sorted(f"wavs/{k}/utt{k}.wav" for k in range(14))
        (data / name / "places_subset.json").write_text(json.dumps({"train": pairs[:10], "test": pairs[10:]}))
    if harm is None:
        boxes = data / name / "CUB_200_2011" / "bounding_boxes.txt"
        boxes.write_text(boxes.read_text().replace("32.0", "320.0"))
    else:
        harm(data / name / path)
    code, out, sentence = command(capsys, "verify", "--dataset", name)
    assert code == 2 and path in sentence and re.search(r": [a-z].*$", sentence), sentence
    assert len(out.splitlines()) <= 1 and "more, see above" not in sentence


@pytest.mark.parametrize("name", PHOTOS)
def test_wrong_counts_are_refused(data, name, monkeypatch, capsys):
    photo_spec(name).read(data / name)  # the choice of Places is written down
    expect_sizes(monkeypatch, name, {"test": 2933})
    code, _, sentence = command(capsys, "verify", "--dataset", name)
    assert code == 2 and "instead of 2933" in sentence and str(data / name) in sentence


def test_a_recording_outside_its_folder_is_refused(data, capsys):
    path = data / "places" / "PlacesAudio_400k_distro" / "metadata" / "val.json"
    path.write_text(path.read_text().replace("wavs/0/utt0.wav", "../../secret.wav"))
    pairs = ["../../secret.wav", *(f"wavs/{k}/utt{k}.wav" for k in range(1, 14))]
    (data / "places" / "places_subset.json").write_text(json.dumps({"train": pairs[:10], "test": pairs[10:]}))
    code, _, sentence = command(capsys, "verify", "--dataset", "places")
    assert code == 2 and "../../secret.wav" in sentence and "leads out" in sentence


# --- what cannot be used is left out ---


def test_everything_that_cannot_be_used_is_listed_and_can_be_left_out(data, capsys):
    base = data / "places" / "PlacesAudio_400k_distro"
    pairs = sorted(f"wavs/{k}/utt{k}.wav" for k in range(14))
    (data / "places" / "places_subset.json").write_text(json.dumps({"train": pairs[:10], "test": pairs[10:]}))
    samples = np.random.default_rng(0).normal(0, 0.1, 16_000)
    broken = {
        0: lambda path: path.write_bytes(path.read_bytes()[:3000]),  # cut
        1: lambda path: soundfile.write(path, np.full(16_000, np.nan), 16_000, subtype="FLOAT"),
        2: lambda path: soundfile.write(path, np.zeros(16_000), 16_000),
        3: lambda path: soundfile.write(path, samples[:1600], 16_000),  # 0.1 s
        4: lambda path: soundfile.write(path, samples[:8000], 16_000),  # long enough for nothing but load_audio
    }
    for number, harm in broken.items():
        harm(base / f"wavs/{number}/utt{number}.wav")
    good = np.stack([samples, -samples], axis=1)
    soundfile.write(base / "wavs/5/utt5.wav", good, 16_000)  # channels that cancel each other out are no problem
    code, out, sentence = command(capsys, "verify", "--dataset", "places")
    assert code == 2 and len(out.splitlines()) == 5 and "and 4 more, see above" in sentence and "--leave-out" in sentence
    for number in broken:
        assert f"wavs/{number}/utt{number}.wav" in out
    code, out, _ = command(capsys, "verify", "--dataset", "places", "--leave-out")
    path = data / "places" / "left_out.csv"
    assert code == 0 and "5 photographs are left out" in out and str(path) in out and len(path.read_text().splitlines()) == 6
    code, out, _ = command(capsys, "verify", "--dataset", "places")
    assert code == 0 and "places: complete, " in out and "without 5 that cannot be used" in out
    settings = paper_config("places")
    write_images(settings)
    kept = [record for split in SIZES["places"] for record in load_dataset("places", split, settings.data_dir)]
    assert len(kept) == 9
    for record in kept:
        assert len(load_audio(record.speech[0])) >= 0.64 * 16_000


def test_a_caption_that_cannot_be_spoken_is_found_before_the_work_starts(data, capsys):
    path = data / "cub" / "cvpr2016_cub" / "text_c10" / f"{CUB_NAMES[0]}.txt"
    path.write_text("\n".join(["this bird is red .", "这只鸟是红色的", *["a small bird ."] * 8]), encoding="utf-8")
    code, _, sentence = command(capsys, "verify", "--dataset", "cub")
    assert code == 2 and CUB_NAMES[0] in sentence and "cannot say '这'" in sentence
    settings = paper_config("cub")
    write_images(settings)
    with pytest.raises(DatasetError, match="cannot be spoken"):
        write_speech(settings)
    assert not (settings.data_dir / "speech").exists()


def test_leaving_out_a_whole_split_is_refused(data):
    put(data / "cub", {"left_out.csv": "\n".join(["photo,reason", *(f"{name},x" for name in CUB_NAMES)]).encode()})
    with pytest.raises(DatasetError, match="every photo of a split"):
        write_images(paper_config("cub"))
    (data / "cub" / "left_out.csv").write_bytes(b"name\nx\n")
    with pytest.raises(DatasetError, match="left_out.csv is damaged"):
        write_images(paper_config("cub"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_captions_with_a_byte_order_mark_are_read(data, encoding):
    path = data / "cub" / "cvpr2016_cub" / "text_c10" / f"{CUB_NAMES[0]}.txt"
    path.write_text("\n".join(f"a bird number {k}" for k in range(10)), encoding=encoding)
    photo = next(photo for photo in cub.read(data / "cub") if photo.name == CUB_NAMES[0])
    assert photo.captions[0].text == "a bird number 0"
    path.write_bytes(path.read_text(encoding=encoding).encode("utf-16-le"))  # without its mark
    with pytest.raises(DatasetError, match=f"{CUB_NAMES[0]}.txt is no text in UTF-8"):
        cub.read(data / "cub")


def test_a_blank_line_in_a_table_is_harmless_and_an_endless_box_is_not(data):
    boxes = data / "cub" / "CUB_200_2011" / "bounding_boxes.txt"
    boxes.write_text(boxes.read_text().replace("\n", "\n\n") + "\n")
    assert len(cub.read(data / "cub")) == 4
    boxes.write_text(boxes.read_text().replace("32.0", "inf"))
    with pytest.raises(DatasetError, match=r"bounding_boxes.txt holds a box inf 2.0"):
        cub.read(data / "cub")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace('"there is a  room 3"', '["there", "is"]'),
            "transcript that is no text, of 'wavs/3/utt3.wav'",
        ),
        (lambda text: text.replace("wavs/4/utt4.wav", "wavs/3/utt3.wav"), "two entries about 'wavs/3/utt3.wav'"),
        (lambda text: "[" * 100_000, "is not the metadata"),
        (lambda text: text.replace('"wav"', '"sound"'), "is not the metadata"),
    ],
)
def test_odd_metadata_of_places_are_named(data, change, message):
    path = data / "places" / "PlacesAudio_400k_distro" / "metadata" / "train.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(DatasetError, match="train.json") as caught:
        places.read(data / "places")
    assert message in str(caught.value)


# --- StackGAN's pickles ---


def stackgan_files(**changes) -> dict[str, bytes]:
    lists = {
        "train/filenames": list(CUB_NAMES[1:3]),
        "train/class_info": [2, 2],
        "test/filenames": [CUB_NAMES[0], CUB_NAMES[3]],
        "test/class_info": [1, 4],
    }
    return {
        f"birds/{name}.pickle": content if isinstance(content, bytes) else pickle.dumps(content, protocol=2)
        for name, content in (lists | changes).items()
    }


# as Python 2 wrote it: protocol 0, a list of byte strings
PYTHON_2 = b"(lp0\n" + b"".join(b"S'%s'\np%d\na" % (name.encode(), k) for k, name in enumerate(CUB_NAMES[1:3], 1)) + b"."


@pytest.mark.parametrize("changes", [{}, {"train/filenames": PYTHON_2}], ids=["protocol 2", "Python 2"])
def test_the_lists_of_stackgan_agree(data, capsys, changes):
    put(data / "cub", stackgan_files(**changes))
    assert command(capsys, "verify", "--dataset", "cub")[0] == 0


class _Code:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(data, tmp_path, capsys, protocol):
    victim = tmp_path / "victim"
    put(data / "cub", stackgan_files(**{"train/filenames": pickle.dumps([_Code(victim)], protocol=protocol)}))
    code, _, sentence = command(capsys, "verify", "--dataset", "cub")
    assert code == 2 and "birds/train/filenames.pickle" in sentence and "open" in sentence and not victim.exists()


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"train/filenames": list(CUB_NAMES[:2])}, CUB_NAMES[0].rpartition("/")[2]),
        ({"test/class_info": [1]}, "birds/test"),
        ({"test/class_info": ["1", "4"]}, "class_info.pickle"),
        ({"train/filenames": {"a": 1}}, "filenames.pickle"),
        ({"train/filenames": b"\x80\x02]q\x00(X"}, "filenames.pickle"),
        ({"train/filenames": b""}, "filenames.pickle"),
        ({"train/filenames": b"Nr\xff\xff\xff\x7f."}, "filenames.pickle"),
    ],
    ids=["another split", "fewer classes", "texts", "no list", "cut off", "empty", "asks for gigabytes"],
)
def test_lists_that_do_not_fit_are_refused(data, capsys, changes, named):
    put(data / "cub", stackgan_files(**changes))
    code, _, sentence = command(capsys, "verify", "--dataset", "cub")
    assert code == 2 and named in sentence


@given(st.binary(max_size=60))
def test_no_bytes_make_the_pickle_reader_fail_otherwise(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.pickle"
    path.write_bytes(content)
    try:
        assert isinstance(read_pickled_list(path, str), list)
    except DatasetError as error:
        assert "any.pickle" in str(error)


# --- status ---


def test_status_tells_how_to_get_what_is_missing(root, capsys):
    code, out, _ = command(capsys, "status")
    assert code == 0
    for name in PHOTOS:
        for part in photo_spec(name).parts:
            assert all(word in out for word in (part.archive, part.licence, part.url or part.source))
        assert str(root / "data" / name) in out
    assert "1.15GB" in out and not (root / "data").exists()


def test_status_tells_what_is_there(data, capsys):
    (data / "oxford" / "imagelabels.mat").unlink()
    code, out, _ = command(capsys, "status", "--dataset", "oxford")
    assert code == 0 and "incomplete" in out
    assert "there    photographs: jpg" in out and "missing  classes: imagelabels.mat" in out
    assert [part.what for part in missing_parts("oxford")] == ["classes"]


@pytest.mark.parametrize("name, action", [("birds", "status"), ("cubs", "fetch"), ("flowers", "verify")])
def test_other_data_sets_are_not_downloaded(root, capsys, name, action):
    code, _, sentence = command(capsys, action, "--dataset", name)
    assert code == 2 and "cub, oxford, places" in sentence


@pytest.mark.parametrize("name", PHOTOS)
def test_verify_names_what_is_missing(root, capsys, name):
    code, _, sentence = command(capsys, "verify", "--dataset", name)
    assert code == 2 and str(root / "data" / name) in sentence and "data status" in sentence


# --- fetch ---


@pytest.fixture
def server(root, monkeypatch):
    """Serves the archives of Oxford-102 as a real one would; the specification has its addresses and checksums."""
    files, archives = oxford_files(), {}
    archives["102flowers.tgz"] = tar({name: content for name, content in files.items() if name.startswith("jpg/")})
    archives["imagelabels.mat"] = files["imagelabels.mat"]
    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.files, web.mood, web.asked = archives, [], []
    web.address = f"http://127.0.0.1:{web.server_port}"
    parts = [
        replace(part, url=f"{web.address}/{part.archive}", checksum="md5:" + hashlib.md5(content).hexdigest())
        for part, content in zip(oxford.SPEC.parts[:2], archives.values())
    ]
    monkeypatch.setattr(oxford, "IMAGES", parts[0])
    monkeypatch.setitem(photos.PHOTOS, "oxford", replace(oxford.SPEC, parts=(*parts, *oxford.SPEC.parts[2:])))
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    thread = threading.Thread(target=web.serve_forever, args=(0.01,))
    thread.start()
    yield web
    web.shutdown()
    thread.join()
    web.server_close()


def leftovers(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_fetch_downloads_what_is_open_and_asks_for_the_rest(server, root, capsys):
    folder = root / "data" / "oxford"
    code, out, _ = command(capsys, "fetch", "--dataset", "oxford")
    assert code == 0 and "must be got by hand: get cvpr2016_flowers.tar.gz" in out and server.asked == [None, None]
    for name, content in oxford_files().items():
        assert name.startswith("cvpr2016") or (folder / name).read_bytes() == content
    texts = {name: content for name, content in oxford_files().items() if name.startswith("cvpr2016")}
    (folder / "cvpr2016_flowers.tar.gz").write_bytes(tar(texts))
    assert command(capsys, "fetch", "--dataset", "oxford")[0] == 0
    assert len(server.asked) == 2 and not leftovers(folder)  # what is there is not fetched again
    assert command(capsys, "verify", "--dataset", "oxford")[0] == 0


@pytest.mark.parametrize(
    "mood, asked",
    [
        (["breaks off"], [None, 500]),
        (["breaks off", "busy", "breaks off"], [None, 500, 500, 1000]),
        (["breaks off", "no ranges"], [None, 500]),
        (["breaks off", "other piece"], [None, 500, None]),
    ],
)
def test_a_broken_connection_is_taken_up_again(server, root, capsys, mood, asked):
    server.mood = list(mood)
    assert command(capsys, "fetch", "--dataset", "oxford")[0] == 0
    assert server.asked == [*(start and f"bytes={start}-" for start in asked), None]  # the last is imagelabels.mat
    assert (root / "data" / "oxford" / "102flowers.tgz").read_bytes() == server.files["102flowers.tgz"]


def test_a_later_fetch_goes_on_where_the_first_stopped(server, root, capsys, monkeypatch):
    monkeypatch.setattr(downloads, "ATTEMPTS", 1)
    server.mood, folder = ["breaks off"], root / "data" / "oxford"
    code, _, sentence = command(capsys, "fetch", "--dataset", "oxford")
    assert code == 2 and "goes on where it stopped" in sentence
    assert leftovers(folder) == [".102flowers.tgz.part"] and len(list(folder.iterdir())) == 1
    assert command(capsys, "fetch", "--dataset", "oxford")[0] == 0
    assert server.asked[:2] == [None, "bytes=500-"] and not leftovers(folder)


def test_a_download_that_was_complete_is_only_checked(server, root, capsys):
    folder = root / "data" / "oxford"
    put(folder, {".102flowers.tgz.part": server.files["102flowers.tgz"]})
    assert command(capsys, "fetch", "--dataset", "oxford")[0] == 0
    assert (folder / "jpg" / "image_00001.jpg").is_file() and server.asked[0] == f"bytes={len(server.files['102flowers.tgz'])}-"


@pytest.mark.parametrize("kind, digits", [("md5", 32), ("sha256", 64), ("sha256", 8)])
def test_a_checksum_says_of_which_kind_it_is_and_may_be_the_first_digits(server, tmp_path, kind, digits):
    url, path = f"{server.address}/imagelabels.mat", tmp_path / "imagelabels.mat"
    expected = hashlib.new(kind, server.files["imagelabels.mat"]).hexdigest()[:digits]
    with pytest.raises(DatasetError, match="has the checksum"):
        downloads.download(url, path, f"{kind}:{expected[:-1]}{'0' if expected[-1] != '0' else '1'}")
    assert not path.exists() and not leftovers(tmp_path)
    downloads.download(url, path, f"{kind}:{expected}")
    assert path.read_bytes() == server.files["imagelabels.mat"]


def test_a_wrong_checksum_is_refused(server, root, capsys):
    server.files["102flowers.tgz"] = tar({"jpg/image_00001.jpg": b"another picture"})
    code, _, sentence = command(capsys, "fetch", "--dataset", "oxford")
    assert code == 2 and "checksum" in sentence and "102flowers.tgz" in sentence
    assert not list((root / "data" / "oxford").iterdir())


def test_an_address_that_has_moved_is_explained(server, root, capsys):
    del server.files["102flowers.tgz"]
    code, _, sentence = command(capsys, "fetch", "--dataset", "oxford")
    assert code == 2 and "404" in sentence and "by hand" in sentence and len(server.asked) == 1
    assert not list((root / "data" / "oxford").iterdir())


def test_a_server_that_is_away_is_explained(server, root, capsys):
    server.mood = ["busy"] * 10
    code, _, sentence = command(capsys, "fetch", "--dataset", "oxford")
    assert code == 2 and "check the network" in sentence and len(server.asked) == downloads.ATTEMPTS


# --- archives ---


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


TEXTS = {name: content for name, content in cub_files().items() if name.startswith("cvpr2016")}
BAD_ARCHIVES = {
    "leads up": tar({**TEXTS, "cvpr2016_cub/../../../outside.txt": b"x"}),
    "absolute": tar({**TEXTS, "/tmp/outside.txt": b"x"}),
    "symbolic link": tar(TEXTS, link("cvpr2016_cub", "/tmp")),
    "hard link": tar(TEXTS, link("a", "/etc/passwd", tarfile.LNKTYPE)),
    "device": tar(TEXTS, link("pipe", "", tarfile.FIFOTYPE)),
    "cut off": tar(TEXTS)[:-200],
    "empty": b"",
    "no archive": b"<html>not found</html>",
    "zip that leads up": zipped({**TEXTS, "../outside.txt": b"x"}),
    "cut zip": zipped(TEXTS)[:-30],
    "backslashes": zipped({"..\\outside.txt": b"x"}),
    "something else": tar({"README": b"x"}),
}


@pytest.mark.parametrize("kind", BAD_ARCHIVES)
def test_a_bad_archive_is_refused_and_leaves_nothing(root, capsys, kind):
    folder = root / "data" / "cub"
    put(folder, {"cvpr2016_cub.tar.gz": BAD_ARCHIVES[kind], "CUB_200_2011/images.txt": b""})
    code, _, sentence = command(capsys, "fetch", "--dataset", "cub")
    assert code == 2 and "cvpr2016_cub.tar.gz" in sentence
    assert sorted(path.name for path in folder.iterdir()) == ["CUB_200_2011", "cvpr2016_cub.tar.gz"]
    assert not list(root.rglob("outside.txt"))


def test_an_archive_does_not_overwrite_a_file(root, capsys):
    folder, (path, content) = root / "data" / "cub", next(iter(TEXTS.items()))
    downloads.unpack(archive_at(folder / "one.tar.gz", {path: content, "other.txt": b"1"}), folder, (path,))
    downloads.unpack(archive_at(folder / "same.tar.gz", {path: content, "new.txt": b"2"}), folder, (path,))
    assert (folder / "new.txt").read_bytes() == b"2"
    with pytest.raises(DatasetError, match="other.txt would be overwritten by two.tar.gz: move it away"):
        downloads.unpack(
            archive_at(folder / "two.tar.gz", {path: content, "other.txt": b"3", "third.txt": b""}), folder, (path,)
        )
    assert (folder / "other.txt").read_bytes() == b"1" and not (folder / "third.txt").exists()


def archive_at(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tar(files))
    return path


def test_what_macos_adds_to_archives_is_left_out(tmp_path):
    archive = tmp_path / "birds.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("birds/text/a.txt", "__MACOSX/birds/text/._a.txt", "birds/.DS_Store"):
            file.writestr(name, name)
    downloads.unpack(archive, tmp_path / "out", ("birds/text",))
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["a.txt"]


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_FILES"])
def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(downloads, limit, 3)
    archive = archive_at(tmp_path / "bomb.tar.gz", {f"a/{k}": b"12" for k in range(4)})
    with pytest.raises(DatasetError, match="more than any of these data sets"):
        downloads.unpack(archive, tmp_path / "out", ("a",))
    assert not list((tmp_path / "out").iterdir())


def test_an_interrupted_unpacking_starts_again(root, capsys):
    folder = root / "data" / "cub"
    put(
        folder,
        {
            "cvpr2016_cub.tar.gz": tar(TEXTS, link("./", "", tarfile.DIRTYPE)),
            "CUB_200_2011/images.txt": b"",
            ".cvpr2016_cub.tar.gz.unpacking/cvpr2016_cub/half.txt": b"half",
        },
    )
    put(folder, {"birds.zip": zipped(stackgan_files())})
    assert command(capsys, "fetch", "--dataset", "cub")[0] == 0
    assert not leftovers(folder) and not (folder / "cvpr2016_cub" / "half.txt").exists()
    assert all((folder / name).read_bytes() == content for name, content in {**TEXTS, **stackgan_files()}.items())
