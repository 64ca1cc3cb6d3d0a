"""Pictures and captions on disk (chapter 01), and what the attribute classifier learns from (chapter 04)."""

import hashlib
import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from s2i_lib.config import Config
from s2i_lib.datasets import DatasetError, RenderedSpec, get_spec, photo_spec, rendered_spec
from s2i_lib.datasets.photos.left_out import without_left_out
from s2i_lib.datasets.photos.parts import Photo, raw_folder
from s2i_lib.datasets.photos.reading import read_pixels
from s2i_lib.datasets.records import Record
from s2i_lib.features import shrink
from s2i_lib.files import load_array, save_array, save_text
from s2i_lib.identity import DATA_STAMP
from s2i_lib.progress import bar
from s2i_lib.workers import parallel_map

Plan = list[list[tuple[str, dict[str, str]]]]  # split and attributes of every image, class by class


def write_images(config: Config) -> None:
    """Draw every image of a rendered data set, or crop every photo of a photo data set, and write its captions (chapter 01).

    Writes ``images/<class>.npy`` (images, size, size, 3) uint8, one file per class, and ``items.json`` last.

    Raises:
        DatasetError: the folder holds pictures of another configuration or of another version of the drawing, or the files
            of a photo data set are missing or damaged.
    """
    if not get_spec(config.dataset).rendered:
        _write_photos(config)
        return
    plan = _plan(config)
    _write_data_stamp(config, _specimens(config, plan))
    drawn = parallel_map(partial(_draw_class, config), list(enumerate(plan)), desc="drawing", unit="class")
    save_text(config.data_dir / "items.json", json.dumps([item for per_class in drawn for item in per_class]))


def _plan(config: Config) -> Plan:
    """Split and attributes of every image, class by class."""
    spec, data = rendered_spec(config.dataset), config.data
    for_training = ["train"] * data.images_per_train_class
    for_testing = ["test"] * data.images_per_test_class + ["classifier"] * data.images_for_classifier
    if spec.image_table:
        splits = for_training + for_testing
        return [list(zip(splits, spec.image_table(label, len(splits), data.seed))) for label in range(data.num_classes)]
    assert spec.class_table is not None  # a rendered data set has one of the two tables
    table = spec.class_table(data.num_classes, data.num_train_classes, data.seed)
    return [
        [(split, attributes) for split in (for_training if label < data.num_train_classes else for_testing)]
        for label, attributes in enumerate(table)
    ]


def attributes_of_test_images(config: Config) -> list[dict[str, str]]:
    """The attributes of every test image of a rendered data set, class by class."""
    return [attributes for per_class in _plan(config) for split, attributes in per_class if split == "test"]


def example_captions(config: Config, count: int) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Pictures and captions of a rendered data set's test split, made here and now.

    Args:
        config: of a rendered data set.
        count: how many; each is of another class, as far as there are so many.

    Returns:
        `count` (128, 128, 3) uint8 pictures and their captions.
    """
    spec, rng = rendered_spec(config.dataset), np.random.default_rng([config.data.seed, 4])
    attributes = attributes_of_test_images(config)
    chosen = [attributes[row] for row in np.linspace(0, len(attributes) - 1, count).round().astype(int)]
    return [spec.draw(each, rng, 128) for each in chosen], [spec.describe(each, rng)[0] for each in chosen]


def _specimens(config: Config, plan: Plan) -> bytes:
    """Pictures and captions, which change with the drawing: one bird stands for all, a bedroom for no kitchen."""
    spec, rng, drawn = rendered_spec(config.dataset), np.random.default_rng(0), b""
    for (_, specimen), *_ in plan if spec.split == "images" else plan[:1]:
        drawn += spec.draw(specimen, rng, 64).tobytes() + spec.describe(specimen, rng)[0].encode()
    return drawn


def _write_photos(config: Config) -> None:
    """What ``write_images`` does for a photo data set: read, crop and scale instead of draw."""
    folder, size = raw_folder(config.dataset), config.data.image_size
    photos = without_left_out(photo_spec(config.dataset).read(folder, config.data.captions), folder)
    content = [
        (photo.name, photo.label, photo.split, len(photo.recordings), [caption.text for caption in photo.captions])
        for photo in photos
    ]
    _write_data_stamp(config, json.dumps(content).encode())
    items, classes = [], itertools.groupby(photos, key=lambda photo: photo.label)
    for label, group in bar(classes, total=len({photo.label for photo in photos}), desc="cropping", unit="class"):
        members, path = list(group), config.data_dir / "images" / f"{label:03d}.npy"
        if not path.exists():
            pixels = np.stack([read_pixels(photo, size) for photo in members])
            save_array(path, pixels)
        items += [_photo_item(config, photo, row) for row, photo in enumerate(members)]
    save_text(config.data_dir / "items.json", json.dumps(items))


def _photo_item(config: Config, photo: Photo, row: int) -> dict[str, Any]:
    item: dict[str, Any] = {
        "name": photo.name,
        "label": photo.label,
        "row": row,
        "split": photo.split,
        "attributes": dict(photo.attributes),
        "spoken": min(config.data.spoken_captions, len(photo.captions)),
        "captions": [asdict(caption) for caption in photo.captions],
    }
    if photo.recordings:  # relative, so that the project can be moved
        recordings = photo.recordings[: item["spoken"]]
        item["recordings"] = [os.path.relpath(recording, config.data_dir) for recording in recordings]
    return item


def _write_data_stamp(config: Config, content: bytes) -> None:
    """Mark the data folder with what is written into it, so that old and new pictures are never mixed."""
    drawn = hashlib.sha256(content).hexdigest()[:12]
    mark, path = f"{config.fingerprint('dataset', 'data')} {drawn}\n", config.data_dir / DATA_STAMP
    if (config.data_dir / "images").exists() and (not path.exists() or path.read_text() != mark):
        raise DatasetError(
            f"{config.data_dir} was drawn with other settings or by another version: remove that folder to draw it again"
        )
    save_text(path, mark)


def _draw_class(config: Config, job: tuple[int, list[tuple[str, dict[str, str]]]]) -> list[dict[str, Any]]:
    label, plan = job
    spec, data = rendered_spec(config.dataset), config.data
    path = config.data_dir / "images" / f"{label:03d}.npy"
    if not path.exists():
        images = [
            spec.draw(attributes, np.random.default_rng([data.seed, label, row]), data.image_size)
            for row, (_, attributes) in enumerate(plan)
        ]
        save_array(path, np.stack(images))
    return [
        {
            "label": label,
            "row": row,
            "split": split,
            "attributes": attributes,
            "spoken": 0 if split == "classifier" else data.spoken_captions,
            "captions": _describe(spec, attributes, [data.seed, label, row, 1]),
        }
        for row, (split, attributes) in enumerate(plan)
    ]


def redraw(config: Config, records: Sequence[Record]) -> torch.Tensor:
    """Training pictures of a rendered data set, class by class, each drawn ``gan.redrawn`` times more: of the same attributes,
    in another pose and place. They are kept in ``redrawn/``, a file per class.

    Returns:
        (redrawn, len(records), 3, s, s) uint8, s the size of the generator.
    """
    classes = [list(group) for _, group in itertools.groupby(records, key=lambda record: record.label)]
    paths = parallel_map(partial(_redraw_class, config), classes, desc="drawing again", unit="class")
    return torch.from_numpy(np.concatenate([load_array(path) for path in paths])).transpose(0, 1)


def _redraw_class(config: Config, records: list[Record]) -> Path:
    """(images, redrawn, 3, s, s) pictures of one class in a file."""
    spec, data, count, size = rendered_spec(config.dataset), config.data, config.times_redrawn, config.gan.image_size
    path = config.data_dir / "redrawn" / f"{records[0].label:03d}_{size}px_{count}.npy"
    if not path.exists():
        seeds = [[data.seed, record.label, record.row, 2, number] for record in records for number in range(count)]
        attributes = [record.attributes for record in records for _ in range(count)]
        pixels = [spec.draw(each, np.random.default_rng(seed), data.image_size) for each, seed in zip(attributes, seeds)]
        small = shrink(torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2), size)
        save_array(path, small.unflatten(0, (len(records), count)).numpy())
    return path


def _describe(spec: RenderedSpec, attributes: dict[str, str], seed: list[int]) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return [
        dict(zip(("text", "mentioned"), spec.describe(attributes, rng), strict=True)) for _ in range(spec.captions_per_image)
    ]


def write_classifier_images(config: Config) -> None:
    """Draw pictures of random attribute combinations, which the attribute classifier learns from (chapter 04).

    A classifier that learns from the training classes learns their combinations, 150 of birds, by heart and fails on new ones.
    Writes ``classifiers/images_<size>.npy`` (n, 3, size, size) uint8 and ``classifiers/attributes.json``.
    """
    path = config.data_dir / "classifiers" / f"images_{config.classifier_size}.npy"
    if path.exists():
        return
    jobs = range(config.classifier.images)
    drawn = parallel_map(partial(_draw_random, config), jobs, desc="drawing for the classifier", unit="image", chunksize=16)
    images, attributes = zip(*drawn, strict=True)
    save_text(path.with_name("attributes.json"), json.dumps(attributes))
    save_array(path, np.concatenate(images))


def _draw_random(config: Config, index: int) -> tuple[NDArray[np.uint8], dict[str, str]]:
    spec, rng = rendered_spec(config.dataset), np.random.default_rng([config.data.seed, 1_000_000, index])
    if spec.image_table:  # not every combination is an image; the seed of this one draws no image of the data set
        attributes = spec.image_table(index % spec.num_classes, 1, seed=1_000_000 * (config.data.seed + 1) + index)[0]
    else:
        attributes = {name: str(rng.choice(values)) for name, values in spec.attributes.items()}
    pixels = spec.draw(attributes, rng, config.data.image_size)
    return shrink(torch.tensor(pixels).permute(2, 0, 1)[None], config.classifier_size).numpy(), attributes
