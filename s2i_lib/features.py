"""What chapters 01 to 05 have left on disk, as networks read it: pictures, spectrograms, sentences, teacher features,
embeddings.
"""

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from s2i_lib import audio
from s2i_lib.config import Config
from s2i_lib.datasets import Caption, Record, SpokenImages, load_dataset
from s2i_lib.files import load_array, save_array
from s2i_lib.models.pretrained import FidInception
from s2i_lib.models.teacher import Teacher
from s2i_lib.models.text_encoder import encode_characters
from s2i_lib.recognition import TAUGHT_BY, plain_words

Floats = NDArray[np.float32]


@dataclass
class LogMels:
    """Spectrograms of different length in one array: ``log_mels[i]`` is a (40, frames) float32 tensor.

    States of a frozen encoder are kept in the same way, as C channels instead of 40 bands, see ``States``.
    """

    frames: NDArray[np.float16]  # (total frames, 40) float16
    offsets: NDArray[np.int64]  # (utterances + 1,) int64
    padding: ClassVar[float] = float(np.log(audio.ENERGY_FLOOR))  # silence

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> torch.Tensor:
        start, stop = self.offsets[index], self.offsets[index + 1]
        return torch.from_numpy(self.frames[start:stop].astype(np.float32)).T

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(utterances,) lengths in frames."""
        return np.diff(self.offsets)

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Some utterances as one padded batch, see ``audio.collate_log_mels``."""
        return audio.collate_log_mels([self[i] for i in indices], self.padding)

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Some utterances, in the given order."""
        return self.join([self.frames[self.offsets[row] : self.offsets[row + 1]] for row in rows])

    @classmethod
    def join(cls, parts: Sequence[NDArray[np.float16]]) -> Self:
        """Utterances of (frames, C) each, in one array."""
        return cls(np.concatenate(parts), np.cumsum([0] + [len(frames) for frames in parts]))


class States(LogMels):
    """States of a frozen speech encoder (``models.whisper``): (total steps, C) float16, 80 ms a step."""

    padding = 0.0


@dataclass
class Sentences:
    """What a text encoder reads, with the interface of ``LogMels``: U sentences of different length."""

    texts: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(sentences,) lengths in characters."""
        return np.array([len(text) for text in self.texts])

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Some sentences as (B, longest) characters, 0 where they have ended, and (B,) lengths."""
        encoded = [encode_characters(self.texts[i] or " ") for i in indices]  # a recognizer may have found no words
        return torch.nn.utils.rnn.pad_sequence(encoded, batch_first=True), torch.tensor([len(row) for row in encoded])

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Some sentences, in the given order."""
        return type(self)([self.texts[row] for row in rows])


def transcripts_path(config: Config, recognizer: str, split: str = "test", conditions: str = "") -> Path:
    """Where the transcripts of a split by a recognizer are kept, by the number of the utterance; of speech under other
    `conditions` (``acoustics.Conditions.slug``) apart.
    """
    name = "_".join(part for part in ("transcripts", recognizer, split if split != "test" else "", conditions) if part)
    return config.data_dir / f"{name}.json"


def load_sentences(dataset: SpokenImages) -> Sentences:
    """The spoken captions of a split as plain words, in the row order of ``SpokenImages.utterances``."""
    return Sentences([plain_words(utterance.caption.text) for utterance in dataset.utterances])


def many_voices_captions(config: Config, dataset: SpokenImages) -> list[tuple[int, Caption]]:
    """Which caption of its picture every recording in many voices says: its number, and itself.

    Every rendition has one recording for each utterance of the training split, in their order, but says further captions of
    the same picture; when there are none left, it starts again.
    """
    spoken, found = config.data.spoken_captions, []
    for rendition in range(config.data.renditions):
        for row, utterance in enumerate(dataset.utterances):
            captions = dataset[utterance.image].captions
            number = (rendition * spoken + row % spoken) % len(captions)
            found.append((number, captions[number]))
    return found


def load_log_mels(config: Config, source: str) -> LogMels:
    """The spectrograms of one source of speech, see ``speech_source``, in the row order of ``SpokenImages.utterances``."""
    return LogMels(*_load_frames(config.data_dir / f"log_mel_{source}.npy"))


def load_states(config: Config, source: str) -> States:
    """The states of the frozen speech encoder that a recipe's encoder reads, see ``load_log_mels``."""
    return States(*_load_frames(states_path(config, source)))


def states_path(config: Config, source: str) -> Path:
    """Where the states of the last layer, or of all layers, are kept."""
    return config.data_dir / f"whisper_{config.encoder.layers}_{source}.npy"


def _load_frames(path: Path) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    return load_array(path, in_memory=False), load_array(path.with_name(f"{path.stem}_offsets.npy"))


def speech_source(config: Config, split: str) -> str:
    """What an encoder hears of a split: the recordings, or what its recipe asks for (``EncoderConfig.speech``). Other voices
    are for training only; another language is for both splits.
    """
    speech = config.encoder.speech
    return split if speech == "recorded" or (split == "test" and speech != "invented") else f"{speech}_{split}"


# --- pictures ---


def image_shards(records: Iterable[Record]) -> Iterator[torch.Tensor]:
    """The (n, 3, size, size) uint8 images of a split, or of some of its records in their order, one class at a time."""
    for shard, together in itertools.groupby(records, key=lambda record: record.shard):
        rows = [record.row for record in together]
        yield torch.from_numpy(load_array(shard)[rows]).permute(0, 3, 1, 2)


def load_images(records: Sequence[Record], size: int) -> torch.Tensor:
    """Every image of a split, or of some of its records in their order, area-averaged down to (N, 3, size, size) uint8.

    Raises:
        ValueError: `size` does not divide the stored size.
    """
    images, start = torch.empty(len(records), 3, size, size, dtype=torch.uint8), 0
    for pixels in image_shards(records):  # into their places: a second copy of all would not fit everywhere
        images[start : start + len(pixels)] = shrink(pixels, size)
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


def to_pixels(images: torch.Tensor) -> torch.Tensor:
    """Floats in [-1, 1], the range of the generators, to uint8 pixels."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


# --- the teacher's view of them ---


@torch.no_grad()
def extract_features(teacher: torch.nn.Module, images: torch.Tensor, batch_size: int = 32) -> Floats:
    """(N, 3, H, W) uint8 images to (N, D) float32 teacher features, a batch at a time."""
    return np.concatenate([teacher(batch.float() / 255).float().cpu().numpy() for batch in images.split(batch_size)])


def cached_features(teacher: Teacher | FidInception, images: torch.Tensor, folder: Path) -> Floats:
    """``extract_features``, kept in `folder` under a hash of the pixels and of the network: real pictures are read once.

    A picture or a weight that changes makes another hash, so that nothing old is ever taken for new.
    """
    digest = hashlib.sha256(f"{teacher.name} {teacher.image_size} {teacher.power} {teacher.mean.device.type}".encode())
    for tensor in [*teacher.state_dict().values(), *images]:
        digest.update(tensor.cpu().contiguous().numpy().data)
    path = folder / f"{teacher.name}_{digest.hexdigest()[:16]}.npy"
    if not path.exists():
        features = np.concatenate([extract_features(teacher, part) for part in images.split(256)])
        save_array(path, features)
    return load_array(path)


def teacher_path(config: Config, split: str, stages: str = "") -> Path:
    """Where the teacher features of a split are kept: those of the configuration, or of other `stages` of its teacher."""
    if stages:
        config = config.model_copy(update={"teacher": config.teacher.model_copy(update={"stages": stages})})
    return config.data_dir / f"{config.teacher.name}_{config.fingerprint('teacher')}_{split}.npy"


def load_teacher_features(config: Config, split: str) -> Floats:
    """(N, V, D) float32 teacher features of a split, one row per view; the first is the image as it is."""
    return load_array(teacher_path(config, split))


# --- speech beside pictures ---


@dataclass
class SpeechData:
    """One split as an encoder sees it. U utterances of N images.

    Attributes:
        inputs: U spectrograms, U sentences for a text encoder, or the states of U utterances in a frozen encoder. Where every
            caption is spoken several times, U counts them all.  image_of: (U,) image index of each utterance.
        labels: (N,) classes.  positives: (N,) equal for images that one sentence describes equally well.  features: (N, 2, D)
            teacher features of the image and of its mirror image.
    """

    dataset: SpokenImages
    inputs: LogMels | States | Sentences
    image_of: NDArray[np.int64]
    labels: NDArray[np.int64]
    positives: NDArray[np.int64]
    features: torch.Tensor

    def of_images(self, kept: NDArray[np.bool_]) -> "SpeechData":
        """Some of the images, by an (N,) mask, and what is said of them.

        Raises:
            ValueError: there are none.
        """
        if not kept.any():
            raise ValueError(f"nothing is left of {self.dataset}")
        rows, number = np.flatnonzero(kept[self.image_of]), np.cumsum(kept) - 1
        part = self.dataset
        records = [record for record, keep in zip(part.records, kept, strict=True) if keep]
        return SpeechData(
            SpokenImages(part.name, part.split, part.root, records),
            self.inputs.take(rows),
            number[self.image_of[rows]],
            self.labels[kept],
            self.positives[kept],
            self.features[torch.from_numpy(kept)],
        )


def set_aside(config: Config, dataset: SpokenImages) -> NDArray[np.bool_]:
    """(N,) Which images of the training split are for validation: learning curves and choices are about them, and no encoder
    and no generator learns from them. They are every sixth class or so (``DataConfig.validation_share``), or every sixth image
    where the test has no new classes.
    """
    every, numbers = config.data.validation_every, dataset.labels if config.spec.has_new_classes else np.arange(len(dataset))
    return numbers % every == every - 1 if every else np.zeros(len(dataset), dtype=bool)


def load_speech_data(config: Config, split: str) -> SpeechData:
    """Everything that chapters 01-04 wrote about one split; tests use the recordings."""
    dataset = load_dataset(config.dataset, split, config.data_dir)
    inputs = load_inputs(config, split, dataset)
    return SpeechData(
        dataset,
        inputs,
        np.tile(dataset.image_of, len(inputs) // len(dataset.image_of)),
        dataset.labels,
        positive_labels(config, dataset),
        torch.from_numpy(load_teacher_features(config, split)),
    )


def load_inputs(config: Config, split: str, dataset: SpokenImages) -> LogMels | States | Sentences:
    """What the encoder of a recipe reads of a split."""
    if config.encoder.input == "text":
        if config.encoder.speech == "many_voices" and split == "train":
            return Sentences([plain_words(caption.text) for _, caption in many_voices_captions(config, dataset)])
        if config.encoder.text == "transcripts":
            known = json.loads(transcripts_path(config, TAUGHT_BY, split).read_text())
            return Sentences([known[str(row)] for row in range(len(dataset.utterances))])
        return load_sentences(dataset)
    load = load_states if config.encoder.front_end == "whisper" else load_log_mels
    return load(config, speech_source(config, split))


def positive_labels(config: Config, dataset: SpokenImages) -> NDArray[np.int64]:
    """(N,) equal numbers for images that one sentence describes equally well, see ``EncoderConfig.positives``."""
    return dataset.labels if config.encoder.positives == "class" else np.arange(len(dataset))


def embeddings_path(config: Config, split: str) -> Path:
    """Where the chapter that trains the encoder leaves the (U, D) embeddings of a split."""
    return config.encoder_dir / f"embeddings_{split}.npy"
