"""Files from strangers, damaged at random: each door says what it makes of one, or refuses it in one sentence, in bounded time
and memory. ``./run_tests.sh --all`` tries 10,000 of each kind.
"""

import csv
import io
import json
import pickle
import resource
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import tone
from miniatures import cub_answers, cub_excerpt_files, cub_files, cub_shares, picture, places_files, put, tar
from safetensors.torch import save
from scipy.io import savemat
from test_recordings import encode

from s2i_lib.audio import AudioError, load_audio, save_audio
from s2i_lib.config import load_config
from s2i_lib.datasets import DatasetError
from s2i_lib.datasets.photos import cub, downloads, oxford, places
from s2i_lib.datasets.photos.cub_attributes import read_shares
from s2i_lib.datasets.photos.parts import Photo
from s2i_lib.datasets.photos.reading import read_captions, read_pixels
from s2i_lib.datasets.photos.stackgan_lists import read_pickled_list
from s2i_lib.models.checkpoint import read_tensors
from s2i_lib.novelty import load_reference, write_reference
from s2i_lib.recordings import read_recording
from s2i_lib.released import drawing_folder, read_config

SECONDS, MEBIBYTES = 2.0, 500
Door = Callable[[Path], object]


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """A copy with some bytes changed, cut, repeated, moved or filled with a telling value, more often near its beginning."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        near = rng.random() < 0.5
        place = int(rng.integers(min(len(data), 128) if near else max(len(data), 1))) if data else 0
        length = int(rng.integers(1, 17))
        kind = rng.integers(7)
        if kind == 0:
            data[place : place + length] = rng.bytes(length)
        elif kind == 1:
            del data[place : place + length * int(rng.integers(1, 40))]
        elif kind == 2:
            data[place:place] = data[place : place + length * 8]
        elif kind == 3:
            data[place : place + length] = bytes([int(rng.choice([0, 0x7F, 0x80, 0xFF]))]) * length
        elif kind == 4 and data:
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == 5:
            del data[place:]
        else:
            other = int(rng.integers(len(data) + 1))
            data[place : place + length] = data[other : other + length]
    return bytes(data)


def sound(suffix: str, codec: str = "", rate: int = 16_000, subtype: str = "") -> Callable[[Path], bytes]:
    def make(folder: Path) -> bytes:
        path, waveform = folder / f"made{suffix}", 0.1 * tone(440, 1.0, rate).astype(np.float32)
        if codec:
            encode(path, waveform, codec, rate)
        elif subtype:
            import soundfile

            soundfile.write(path, waveform, rate, subtype=subtype)
        else:
            save_audio(path, waveform, rate)
        return path.read_bytes()

    return make


def read_sound(path: Path) -> None:
    assert torch.isfinite(read_recording(path).waveform).all()
    assert torch.isfinite(load_audio(path)).all()


def csv_of_shares(folder: Path) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([["cub_class", *cub_answers()], [2, *cub_shares(2)]])
    return text.getvalue().encode()


def reference(folder: Path) -> bytes:
    rows = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    write_reference(folder, rows, ["a bird"] * 6, rows[:3])
    return (folder / "speech_reference.safetensors").read_bytes()


def zipped(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("birds/text/a.txt", "a bird " * 50)
    return content.getvalue()


def matlab(folder: Path) -> bytes:
    content = io.BytesIO()
    savemat(content, {"labels": np.array([[77, 77, 3, 21]], np.uint8)})
    return content.getvalue()


def metadata(path: Path) -> None:
    put(path.parent / "metadata", {"train.json": path.read_bytes(), "val.json": b'{"data": []}'})
    places.read_pairs(path.parent / "metadata")


def description(path: Path) -> None:
    drawing_folder(path.parent)
    read_config(path.parent)


def boxes(path: Path) -> None:
    for row in cub._table(path, 4).values():
        cub._box(row, path.parent)


def excerpt(path: Path) -> None:
    put(path.parent, {name: content for name, content in cub_excerpt_files().items() if not name.endswith("classes.csv")})
    (path.parent / "cub100" / "classes.csv").write_bytes(path.read_bytes())
    cub.excerpt(path.parent)


CUB, PLACES = cub_files(), places_files()
WAV, NAMES = "PlacesAudio_400k_distro/metadata/train.json", "CUB_200_2011/bounding_boxes.txt"
# kind -> name of the file, a whole one, the door, and how it refuses
KINDS: dict[str, tuple[str, Callable[[Path], bytes], Door, type[Exception]]] = {
    "wav": ("a.wav", sound(".wav"), read_sound, AudioError),
    "wav of floats": ("a.wav", sound(".wav", subtype="FLOAT"), read_sound, AudioError),
    "flac": ("a.flac", sound(".flac"), read_sound, AudioError),
    "ogg": ("a.ogg", sound(".ogg", subtype="VORBIS"), read_sound, AudioError),
    "mp3": ("a.mp3", sound(".mp3", subtype="MPEG_LAYER_III"), read_sound, AudioError),
    "m4a": ("a.m4a", sound(".m4a", "aac", 44_100), read_sound, AudioError),
    "webm": ("a.webm", sound(".webm", "libopus", 48_000), read_sound, AudioError),
    "amr": ("a.amr", sound(".amr", "amr_nb", 8000), read_sound, AudioError),
    "3gp": ("a.3gp", sound(".3gp", "aac", 16_000), read_sound, AudioError),
    "jpeg": ("a.jpg", lambda _: picture(1), lambda path: read_pixels(Photo("a", 0, "train", path), 16), DatasetError),
    "captions": ("a.txt", lambda _: b"a small bird .\n" * 10, read_captions, DatasetError),
    "table": (
        "a.txt",
        lambda _: CUB[NAMES],
        lambda path: [cub._box(row, path) for row in cub._table(path, 4).values()],
        DatasetError,
    ),
    "shares": ("class_attributes.csv", csv_of_shares, lambda path: read_shares(path.parent), DatasetError),
    "classes": ("a.csv", lambda _: cub_excerpt_files()["cub100/classes.csv"], excerpt, DatasetError),
    "metadata": ("a.json", lambda _: PLACES[WAV], metadata, DatasetError),
    "pickle": ("a.pickle", lambda _: pickle.dumps(["a", "b"], 2), lambda path: read_pickled_list(path, str), DatasetError),
    "matlab": ("a.mat", matlab, oxford._read_classes, DatasetError),
    "tar": ("a.tar.gz", lambda _: tar({"text/a.txt": b"a bird " * 50}), None, DatasetError),  # type: ignore[dict-item]
    "zip": ("a.zip", zipped, None, DatasetError),  # type: ignore[dict-item]
    "weights": ("a.safetensors", lambda _: save({"x": torch.arange(64.0)}), read_tensors, ValueError),
    "description": (
        "model.json",
        lambda _: json.dumps({"config": load_config("smoke").model_dump()}).encode(),
        description,
        ValueError,
    ),
    "reference": ("speech_reference.safetensors", reference, lambda path: load_reference(path.parent), ValueError),
}


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_refused(kind, tmp_path, request):
    name, make, door, refusal = KINDS[kind]
    door = door or (lambda path: downloads.unpack(path, path.parent / "out", ("text", "birds/text")))
    content, rng = make(tmp_path), np.random.default_rng(list(kind.encode()))
    path = tmp_path / name
    path.write_bytes(content)
    door(path)  # as it is, it can be read
    before, refused = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
    for number in range(10_000 if request.config.getoption("--complete") else 40):
        path.write_bytes(mutated(content, rng))
        started = time.monotonic()
        try:
            door(path)
        except refusal as error:
            refused += 1
            assert "\n" not in str(error) and str(tmp_path) in str(error), f"mutation {number}: {error}"
        assert time.monotonic() - started < SECONDS, f"mutation {number} took too long"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEBIBYTES and refused, f"{grown:.0f} MiB, {refused} refused"
