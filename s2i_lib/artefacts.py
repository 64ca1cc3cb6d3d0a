"""What the chapters hand to each other: one artefact per arrow of the flow, written by one chapter, read by the next.

    images, captions (01) -> speech (02) -> log-mel (03) -> embeddings (05) -> generator (06) -> scores (07)
            `-> teacher features (04) ----------^

Every writer keeps what is complete, so that a killed run goes on where it stopped, and replaces files atomically.
"""

import hashlib
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F
from tqdm.auto import tqdm

from s2i_lib import audio, field, speech
from s2i_lib.config import Config
from s2i_lib.datasets import PUBLISHED, DatasetError, SpokenImages, dataset_module, load_dataset
from s2i_lib.datasets.published import Photo, raw_folder, read_pixels
from s2i_lib.encoders import Teacher, encode_characters, teacher_views
from s2i_lib.field import Conditions
from s2i_lib.files import save_atomically
from s2i_lib.workers import worker_processes


def write_images(config: Config) -> None:
    """Draw every image of a rendered data set, or crop every photo of a published one, and write its captions (chapter 01).

    Writes ``images/<class>.npy`` (images, size, size, 3) uint8, one file per class, and ``items.json`` last.

    Raises:
        DatasetError: the folder holds pictures of another configuration or of another version of the drawing, or published
            files are missing or damaged.
    """
    if config.dataset in PUBLISHED:
        _write_photos(config)
        return
    plan = _plan(config)
    _claim(config, _specimens(config, plan))
    jobs = list(enumerate(plan))
    with worker_processes() as pool:
        done = pool.map(partial(_draw_class, config), jobs)
        items = [item for per_class in tqdm(done, total=len(jobs), desc="drawing", unit="class") for item in per_class]
    save_atomically(config.data_dir / "items.json", lambda file: file.write(json.dumps(items).encode()))


def _plan(config: Config) -> list[list[tuple[str, dict]]]:
    """Split and attributes of every image, class by class."""
    module, data = dataset_module(config.dataset), config.data
    for_training = ["train"] * data.images_per_train_class
    for_testing = ["test"] * data.images_per_test_class + ["judge"] * data.images_for_judge
    if module.SPLIT == "images":
        splits = for_training + for_testing
        return [list(zip(splits, module.image_table(label, len(splits), data.seed))) for label in range(data.num_classes)]
    table = module.class_table(data.num_classes, data.num_train_classes, data.seed)
    return [[(split, attributes) for split in (for_training if label < data.num_train_classes else for_testing)]
            for label, attributes in enumerate(table)]


def _specimens(config: Config, plan: list[list[tuple[str, dict]]]) -> bytes:
    """Pictures and captions, which change with the drawing: one bird stands for all, a bedroom for no kitchen."""
    module, rng, drawn = dataset_module(config.dataset), np.random.default_rng(0), b""
    for (_, specimen), *_ in plan if module.SPLIT == "images" else plan[:1]:
        drawn += module.draw(specimen, rng, 64).tobytes() + module.describe(specimen, rng)[0].encode()
    return drawn


def _write_photos(config: Config) -> None:
    """What ``write_images`` does for a published data set: read, crop and scale instead of draw."""
    photos, size = dataset_module(config.dataset).read(raw_folder(config.dataset)), config.data.image_size
    _claim(config, json.dumps([(photo.name, photo.label, photo.split, len(photo.recordings)) for photo in photos]).encode())
    items, classes = [], itertools.groupby(photos, key=lambda photo: photo.label)
    for label, members in tqdm(classes, total=len({photo.label for photo in photos}), desc="cropping", unit="class"):
        members, path = list(members), config.data_dir / "images" / f"{label:03d}.npy"
        if not path.exists():
            pixels = np.stack([read_pixels(photo, size) for photo in members])
            save_atomically(path, lambda file: np.save(file, pixels))
        items += [_photo_item(config, photo, row) for row, photo in enumerate(members)]
    save_atomically(config.data_dir / "items.json", lambda file: file.write(json.dumps(items).encode()))


def _photo_item(config: Config, photo: Photo, row: int) -> dict:
    item = {"name": photo.name, "label": photo.label, "row": row, "split": photo.split, "attributes": {},
            "spoken": min(config.data.spoken_captions, len(photo.captions)),
            "captions": [{"text": text, "mentioned": {}} for text in photo.captions]}
    if photo.recordings:  # relative, so that the project can be moved
        recordings = photo.recordings[:item["spoken"]]
        item["recordings"] = [os.path.relpath(recording, config.data_dir) for recording in recordings]
    return item


def _claim(config: Config, content: bytes) -> None:
    """Mark the data folder with what is written into it, so that old and new pictures are never mixed."""
    drawn = hashlib.sha256(content).hexdigest()[:12]
    mark, path = f"{config.fingerprint('dataset', 'data')} {drawn}\n", config.data_dir / "drawn_by.txt"
    if (config.data_dir / "images").exists() and (not path.exists() or path.read_text() != mark):
        raise DatasetError(f"{config.data_dir} was drawn with other settings or by another version: remove that folder "
                           "to draw it again")
    save_atomically(path, lambda file: file.write(mark.encode()))


def _draw_class(config: Config, job: tuple[int, list[tuple[str, dict]]]) -> list[dict]:
    label, plan = job
    module, data = dataset_module(config.dataset), config.data
    path = config.data_dir / "images" / f"{label:03d}.npy"
    if not path.exists():
        images = [module.draw(attributes, np.random.default_rng([data.seed, label, row]), data.image_size)
                  for row, (_, attributes) in enumerate(plan)]
        save_atomically(path, lambda file: np.save(file, np.stack(images)))
    return [{"label": label, "row": row, "split": split, "attributes": attributes,
             "spoken": 0 if split == "judge" else data.spoken_captions,
             "captions": _describe(module, attributes, [data.seed, label, row, 1])}
            for row, (split, attributes) in enumerate(plan)]


def write_judge_images(config: Config) -> None:
    """Draw pictures of random attribute combinations, which the attribute judge learns from (chapter 04).

    A judge that learns from the training classes learns their combinations, 150 of birds, by heart and fails on new ones.
    Writes ``judges/images_<size>.npy`` (n, 3, size, size) uint8 and ``judges/attributes.json``.
    """
    path = config.data_dir / "judges" / f"images_{config.judge_size}.npy"
    if path.exists():
        return
    with worker_processes() as pool:
        done = pool.map(partial(_draw_random, config), range(config.judge.images), chunksize=16)
        images, attributes = zip(*tqdm(done, total=config.judge.images, desc="drawing for the judge", unit="image"))
    save_atomically(path.with_name("attributes.json"), lambda file: file.write(json.dumps(attributes).encode()))
    save_atomically(path, lambda file: np.save(file, np.concatenate(images)))


def _draw_random(config: Config, index: int) -> tuple[np.ndarray, dict]:
    module, rng = dataset_module(config.dataset), np.random.default_rng([config.data.seed, 1_000_000, index])
    if module.SPLIT == "images":  # not every combination is an image; the seed of this one draws no image of the data set
        attributes = module.image_table(index % module.NUM_CLASSES, 1, seed=1_000_000 * (config.data.seed + 1) + index)[0]
    else:
        attributes = {name: str(rng.choice(values)) for name, values in module.ATTRIBUTES.items()}
    pixels = module.draw(attributes, rng, config.data.image_size)
    return shrink(torch.tensor(pixels).permute(2, 0, 1)[None], config.judge_size).numpy(), attributes


def _describe(module, attributes: dict, seed: list[int]) -> list[dict]:
    rng = np.random.default_rng(seed)
    return [dict(zip(("text", "mentioned"), module.describe(attributes, rng))) for _ in range(module.CAPTIONS_PER_IMAGE)]


def write_speech(config: Config) -> None:
    """Speak the captions of both splits into ``speech/<class>/<image>_<caption>.wav`` (chapter 02).

    Where the data set asks for field speech, these are simulated field recordings; the voice itself is in ``clean/``, and the
    conditions of every recording are in ``field_<split>.csv``, see ``load_conditions``. Captions that people have recorded are
    left alone.

    Raises:
        DatasetError: such a recording is missing.
    """
    datasets = {split: load_dataset(config.dataset, split, config.data_dir) for split in ("train", "test")}
    for path in (path for dataset in datasets.values() for record in dataset if record.recorded for path in record.speech):
        if not path.exists():
            raise DatasetError(f"recording {path} is missing: unpack the recordings again")
    jobs = [(dataset[i].captions[k].text, dataset[i].speech[k]) for dataset in datasets.values()
            for i, k in dataset.utterances if not dataset[i].recorded]
    if config.data.speech == "clean":
        speech.speak_captions(jobs)
        return
    speech.speak_captions([(text, clean_recording(config, path)) for text, path in jobs])
    for split, dataset in datasets.items():
        recordings = [dataset[i].speech[k] for i, k in dataset.utterances]
        conditions = field.draw_conditions(len(recordings), split, config.data.seed)
        field.write_field_speech([clean_recording(config, path) for path in recordings], recordings, conditions,
                                 seed=field_seed(config, split))
        table = pd.DataFrame(map(asdict, conditions)).to_csv(index_label="utterance")
        save_atomically(config.data_dir / f"field_{split}.csv", lambda file: file.write(table.encode()))


def clean_recording(config: Config, recording: Path) -> Path:
    """The voice before the field: where chapter 02 keeps what `recording` was made from; the recording itself if it is clean."""
    if config.data.speech == "clean":
        return recording
    return config.data_dir / "clean" / recording.relative_to(config.data_dir / "speech").with_suffix(".flac")


def field_seed(config: Config, split: str) -> int:
    """The seed of the rooms and noises of a split; no two splits of a data set share one."""
    return 2 * config.data.seed + (split == "test")


def load_conditions(config: Config, split: str) -> pd.DataFrame:
    """How every recording of a field data set was made: the fields of ``field.Conditions``, rows as ``SpokenImages.utterances``.

    Raises:
        DatasetError: the recordings are clean, or chapter 02 has not written them yet.
    """
    path = config.data_dir / f"field_{split}.csv"
    if not path.exists():
        raise DatasetError(f"no field recordings in {config.data_dir}: clean speech has none, else run chapter 02 first")
    return pd.read_csv(path, index_col="utterance")


def write_second_voice(config: Config, rows: np.ndarray) -> list[Path]:
    """Let a synthesiser of another make say some utterances of the test split: a voice that no training has met.

    Writes clean recordings ``espeak/<class>/<image>_<caption>.flac``, see ``speech.synthesize``, and gives their paths in the
    order of `rows`. Recordings that exist are kept.
    """
    dataset, jobs = load_dataset(config.dataset, "test", config.data_dir), []
    for image, k in (dataset.utterances[row] for row in rows):
        place = dataset[image].speech[k].relative_to(config.data_dir / "speech").with_suffix(".flac")
        jobs.append((dataset[image].captions[k].text, config.data_dir / "espeak" / place))
    speech.speak_captions(jobs, voice=speech.SECOND_VOICE)
    return [path for _, path in jobs]


def write_transcripts(config: Config, recogniser: str, rows: np.ndarray) -> list[str]:
    """What a recogniser hears in some utterances of the test split, in the order of `rows` (chapter 12).

    Kept in ``transcripts_<recogniser>.json``, written every 64 utterances, so that a killed run goes on where it stopped.
    """
    dataset, path = load_dataset(config.dataset, "test", config.data_dir), config.data_dir / f"transcripts_{recogniser}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    files = {int(row): dataset[image].speech[k] for row in rows for image, k in [dataset.utterances[row]]}
    missing = [row for row in files if str(row) not in known]
    with worker_processes() as pool, tqdm(total=len(missing), desc=recogniser, unit="utterance") as bar:
        for start in range(0, len(missing), 64):
            part = missing[start:start + 64]
            heard = pool.map(partial(_listen, recogniser), [files[row] for row in part], chunksize=4)
            known |= {str(row): text for row, text in zip(part, heard)}
            save_atomically(path, lambda file: file.write(json.dumps(known).encode()))
            bar.update(len(part))
    return [known[str(int(row))] for row in rows]


def _listen(recogniser: str, path: Path) -> str:
    return speech.recognize(audio.load_audio(path), recogniser)


@dataclass
class LogMels:
    """Spectrograms of different length in one array: ``log_mels[i]`` is a (40, frames) float32 tensor."""

    frames: np.ndarray  # (total frames, 40) float16
    offsets: np.ndarray  # (utterances + 1,) int64

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> torch.Tensor:
        start, stop = self.offsets[index], self.offsets[index + 1]
        return torch.from_numpy(self.frames[start:stop].astype(np.float32)).T

    @property
    def lengths(self) -> np.ndarray:
        """(utterances,) lengths in frames."""
        return np.diff(self.offsets)

    def batch(self, indices) -> tuple[torch.Tensor, torch.Tensor]:
        """Some utterances as one padded batch, see ``audio.collate_log_mels``."""
        return audio.collate_log_mels([self[i] for i in indices])


@dataclass
class Sentences:
    """What a text encoder reads, with the interface of ``LogMels``: U sentences of different length."""

    texts: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lengths(self) -> np.ndarray:
        """(sentences,) lengths in characters."""
        return np.array([len(text) for text in self.texts])

    def batch(self, indices) -> tuple[torch.Tensor, torch.Tensor]:
        """Some sentences as (B, longest) characters, 0 where they have ended, and (B,) lengths."""
        rows = [encode_characters(self.texts[i] or " ") for i in indices]  # a recogniser may have heard nothing
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor([len(row) for row in rows])


def load_sentences(dataset: SpokenImages) -> Sentences:
    """The spoken captions of a split as plain words, in the row order of ``SpokenImages.utterances``."""
    return Sentences([speech.plain_words(dataset[i].captions[k].text) for i, k in dataset.utterances])


def write_log_mels(config: Config) -> None:
    """Compute the spectrogram of every utterance (chapter 03): ``log_mel_<split>.npy`` and ``..._offsets.npy``."""
    for split in ("train", "test"):
        path = config.data_dir / f"log_mel_{split}.npy"
        if path.exists():
            continue
        dataset = load_dataset(config.dataset, split, config.data_dir)
        paths = [dataset[i].speech[k] for i, k in dataset.utterances]
        spectrograms = [log_mel_frames(path) for path in tqdm(paths, desc=f"log-mel {split}", unit="utterance")]
        _save_log_mels(path, _join_frames(spectrograms))


def write_field_log_mels(config: Config) -> None:
    """Compute the spectrograms of simulated field recordings of the training utterances (chapter 20).

    Each is recorded once, under random conditions (``field.draw_conditions``), and kept as the split ``field_train``.
    """
    path = config.data_dir / "log_mel_field_train.npy"
    if path.exists():
        return
    dataset = load_dataset(config.dataset, "train", config.data_dir)
    paths = [dataset[i].speech[k] for i, k in dataset.utterances]
    conditions = field.draw_conditions(len(paths), "train", config.data.seed)
    _save_log_mels(path, field_log_mels(paths, conditions, field_seed(config, "train")))


def _join_frames(spectrograms: list[np.ndarray]) -> "LogMels":
    return LogMels(np.concatenate(spectrograms), np.cumsum([0] + [len(frames) for frames in spectrograms]))


def _save_log_mels(path: Path, log_mels: "LogMels") -> None:
    offsets = path.with_name(f"{path.stem}_offsets.npy")
    save_atomically(offsets, lambda file: np.save(file, log_mels.offsets))
    save_atomically(path, lambda file: np.save(file, log_mels.frames))


def log_mel_frames(path: Path) -> np.ndarray:
    """The spectrogram of a sound file as (frames, 40) float16, the form in which it is kept."""
    return audio.log_mel_spectrogram(audio.load_audio(path)).T.half().numpy()


def load_log_mels(config: Config, split: str) -> LogMels:
    """The spectrograms of one split (or of ``field_train``) in the row order of ``SpokenImages.utterances``."""
    path = config.data_dir / f"log_mel_{split}.npy"
    return LogMels(np.load(path, mmap_mode="r"), np.load(path.with_name(f"log_mel_{split}_offsets.npy")))


def field_log_mels(paths: list[Path], conditions: list[Conditions], seed: int = 0) -> LogMels:
    """The spectrograms of clean recordings as the simulated field would have them, see ``field.record``.

    Args:
        paths: clean recordings, for example ``[dataset[i].speech[k] for i, k in dataset.utterances]``.
        conditions: one per recording.
        seed: equal seeds give equal rooms and noises, whatever the other conditions are.
    """
    return _join_frames(_simulate(paths, list(range(len(paths))), conditions, seed))


def sweep_log_mels(paths: list[Path], conditions: list[Conditions], seed: int = 0) -> list[LogMels]:
    """The spectrograms of all recordings under each of some conditions, one ``LogMels`` per condition.

    A recording meets the same room and the same noise in all of them; see ``field_log_mels``.
    """
    rows = list(range(len(paths))) * len(conditions)
    frames = _simulate(paths, rows, [each for each in conditions for _ in paths], seed)
    return [_join_frames(frames[start:start + len(paths)]) for start in range(0, len(frames), len(paths))]


def second_voice_log_mels(config: Config, rows: np.ndarray) -> LogMels:
    """The spectrograms of some test utterances in the voice of ``write_second_voice``, in the order of `rows`.

    Where the data set asks for field speech, they go through the simulated field under the conditions, and with the room, that
    chapter 02 drew for the same utterance in the first voice.
    """
    paths = write_second_voice(config, rows)
    if config.data.speech == "clean":
        return _join_frames([log_mel_frames(path) for path in paths])
    dataset, table = load_dataset(config.dataset, "test", config.data_dir), load_conditions(config, "test")
    recordings = [clean_recording(config, dataset[i].speech[k]) for i, k in dataset.utterances]  # babble is mixed from them
    for row, path in zip(rows, paths):
        recordings[row] = path
    conditions = [Conditions(**drawn) for drawn in table.iloc[rows].to_dict("records")]
    return _join_frames(_simulate(recordings, [int(row) for row in rows], conditions, field_seed(config, "test")))


def _simulate(paths: list[Path], rows: list[int], conditions: list[Conditions], seed: int) -> list[np.ndarray]:
    with worker_processes() as pool:
        done = pool.map(partial(_field_frames, paths, seed), rows, conditions, chunksize=64)
        return list(tqdm(done, total=len(rows), desc="log-mel field", unit="utterance"))


def _field_frames(paths: list[Path], seed: int, row: int, conditions: Conditions) -> np.ndarray:
    return audio.log_mel_spectrogram(field.record(paths, row, conditions, seed)).T.half().numpy()


def _shards(dataset: SpokenImages) -> Iterator[torch.Tensor]:
    """The (n, 3, size, size) uint8 images of a split, one class at a time."""
    for shard, records in itertools.groupby(dataset, key=lambda record: record.shard):
        rows = [record.row for record in records]
        yield torch.from_numpy(np.load(shard)[rows]).permute(0, 3, 1, 2)


def load_images(dataset: SpokenImages, size: int) -> torch.Tensor:
    """Every image of a split, area-averaged down to (N, 3, size, size) uint8.

    Raises:
        ValueError: `size` does not divide the stored size.
    """
    images, start = torch.empty(len(dataset), 3, size, size, dtype=torch.uint8), 0
    for pixels in _shards(dataset):  # into their places: a second copy of all would not fit everywhere
        images[start:start + len(pixels)] = shrink(pixels, size)
        start += len(pixels)
    return images


def shrink(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Average (N, 3, S, S) uint8 pixels down to (N, 3, size, size) uint8; `size` must divide S."""
    if pixels.shape[-1] % size:
        raise ValueError(f"size {size} does not divide the stored image size {pixels.shape[-1]}")
    return F.avg_pool2d(pixels.float(), pixels.shape[-1] // size).round().to(torch.uint8)


def to_signed(images: torch.Tensor) -> torch.Tensor:
    """uint8 pixels to floats in [-1, 1], the range of the generators."""
    return images.float() / 127.5 - 1


@torch.no_grad()
def extract_features(teacher: torch.nn.Module, images: torch.Tensor, batch_size: int = 32) -> np.ndarray:
    """(N, 3, H, W) uint8 images to (N, D) float32 teacher features, a batch at a time."""
    return np.concatenate([teacher(batch.float() / 255).float().cpu().numpy() for batch in images.split(batch_size)])


def cached_features(teacher: Teacher, images: torch.Tensor, folder: Path) -> np.ndarray:
    """``extract_features``, kept in `folder` under a hash of the pixels and of the network: real pictures are read once.

    A picture or a weight that changes makes another hash, so that nothing old is ever taken for new.
    """
    digest = hashlib.sha256(f"{teacher.name} {teacher.image_size} {teacher.power} {teacher.mean.device.type}".encode())
    for tensor in [*teacher.state_dict().values(), *images]:
        digest.update(tensor.cpu().contiguous().numpy().data)
    path = folder / f"{teacher.name}_{digest.hexdigest()[:16]}.npy"
    if not path.exists():
        features = np.concatenate([extract_features(teacher, part) for part in images.split(256)])
        save_atomically(path, lambda file: np.save(file, features))
    return np.load(path)


def write_teacher_features(config: Config, teacher: Teacher) -> None:
    """The V views of every image, see ``encoders.teacher_views``, through the teacher (chapter 04).

    Writes ``<teacher>_<split>.npy``, (N, V, D) float32.
    """
    for split in ("train", "test"):
        path = teacher_path(config, split)
        if path.exists():
            continue
        dataset, views = load_dataset(config.dataset, split, config.data_dir), []
        for pixels in tqdm(_shards(dataset), desc=f"teacher {split}", total=len(set(dataset.labels)), unit="class"):
            views.append(np.stack([extract_features(teacher, view, config.teacher.batch_size)
                                   for view in teacher_views(pixels, config.teacher.views)], axis=1))
        save_atomically(path, lambda file: np.save(file, np.concatenate(views)))


def teacher_path(config: Config, split: str) -> Path:
    """Where the teacher features of a split are kept."""
    return config.data_dir / f"{config.teacher.name}_{config.fingerprint('teacher')}_{split}.npy"


def load_teacher_features(config: Config, split: str) -> np.ndarray:
    """(N, V, D) float32 teacher features of a split, one row per view; the first is the image as it is."""
    return np.load(teacher_path(config, split))
