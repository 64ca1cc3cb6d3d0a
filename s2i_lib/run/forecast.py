"""What a run on photographs will take: disk, memory and, per card, days of the generator (``python -m s2i_lib data forecast``).

All of it is arithmetic over the configuration, nothing is measured. What it assumes: utterances of ``SECONDS``; a step takes
the time of its multiplications at ``SHARE_OF_RATE`` of a card's rate and, after them, of its bytes at ``SHARE_OF_BANDWIDTH``;
a backward pass costs two forward ones, so that a step is three passes of the generator and eight of the discriminators
(chapter 23); each layer's output is written once and read once in every pass.
"""

import csv
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from s2i_lib import audio
from s2i_lib.config import Config
from s2i_lib.datasets import photo_spec
from s2i_lib.files import repository
from s2i_lib.models.gan import build_gan
from s2i_lib.models.pretrained import LAST_DIM
from s2i_lib.sections import GanConfig

SECONDS = 4.0  # of an utterance
SHARE_OF_RATE, SHARE_OF_BANDWIDTH = 0.35, 0.8
PROCESS = 2e9  # bytes: Python with its libraries
OF_A_WEIGHT = 16  # bytes: itself, its gradient and Adam's two moments


class Card(NamedTuple):
    """A GPU by its data sheet: multiplications and additions per second without sparsity, bytes per second, bytes."""

    name: str
    rate: float
    bandwidth: float
    memory: float
    precision: str


CARDS = (
    Card("T4", 8.1e12, 320e9, 16e9, "float32"),  # it has no bfloat16
    Card("L4", 121e12, 300e9, 24e9, "bfloat16"),
    Card("A100", 312e12, 1555e9, 40e9, "bfloat16"),
    Card("H100", 989e12, 3350e9, 80e9, "bfloat16"),
)


class Step(NamedTuple):
    """One training step: operations, elements that its layers write, weights, and elements kept for the backward pass."""

    operations: float
    elements: float
    weights: int
    kept: float

    def seconds(self, card: Card) -> float:
        """What it takes on a card."""
        moved = 2 * _bytes_of(card) * self.elements
        return self.operations / (SHARE_OF_RATE * card.rate) + moved / (SHARE_OF_BANDWIDTH * card.bandwidth)

    def memory(self, card: Card) -> float:
        """Bytes that it needs on a card, without the pictures."""
        return OF_A_WEIGHT * self.weights + _bytes_of(card) * self.kept


def _bytes_of(card: Card) -> int:
    return 2 if card.precision == "bfloat16" else 4


def _embedding_dim(config: Config) -> int:
    return config.encoder.target_dim or LAST_DIM[config.teacher.name]


@lru_cache
def gan_step(gan: GanConfig, embedding_dim: int) -> Step:
    """One step of a StackGAN-v2, counted on PyTorch's `meta` device: shapes without numbers."""
    written = 0

    def count(layer: nn.Module, inputs: object, output: object) -> None:
        nonlocal written
        written += output.numel() if isinstance(output, torch.Tensor) else 0

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        generator, discriminators = build_gan(gan, embedding_dim)
        for layer in [*generator.modules(), *discriminators.modules()]:
            if not list(layer.children()):
                layer.register_forward_hook(count)
        images = generator(torch.empty(gan.batch_size, gan.noise_dim), torch.empty(gan.batch_size, embedding_dim))
        operations, of_generator = counter.get_total_flops(), written
        for discriminator, image in zip(discriminators, images):
            discriminator(image, torch.empty(gan.batch_size, gan.condition_dim))
    weights = sum(weight.numel() for part in (generator, discriminators) for weight in part.parameters())
    of_discriminators = written - of_generator
    return Step(
        3 * operations + 8 * (counter.get_total_flops() - operations),
        3 * of_generator + 8 * of_discriminators,
        weights,
        of_generator + 2 * of_discriminators,  # of real and of generated pictures
    )


def disk(config: Config) -> dict[str, float]:
    """Bytes of everything large that a run writes, for one recipe and seed."""
    spec = photo_spec(config.dataset)
    images = sum(spec.split_sizes.values())
    utterances = images * config.data.spoken_captions
    dim = _embedding_dim(config)
    spoken = config.data.captions != "transcripts"  # else people have recorded them
    return {
        "pictures": images * 3 * config.data.image_size**2,
        "speech": utterances * 2 * SECONDS * audio.SAMPLE_RATE if spoken else 0.0,
        "spectrograms": utterances * 2 * audio.NUM_MELS * SECONDS * audio.SAMPLE_RATE / audio.HOP,
        "embeddings": utterances * 4 * dim,
        "checkpoints": OF_A_WEIGHT * gan_step(config.gan, dim).weights,
    }


def memory(config: Config) -> float:
    """Bytes that the training of a generator takes beside a GPU: its pictures and their embeddings."""
    images = photo_spec(config.dataset).split_sizes["train"]
    dim = _embedding_dim(config)
    return PROCESS + images * (3 * config.gan.image_size**2 + 4 * dim * config.data.spoken_captions)


def sentences_per_second(path: Path | None = None) -> float | None:
    """How fast sentences were spoken where ``results/benchmarks.csv`` was measured last; None if nowhere."""
    path = path or repository() / "results" / "benchmarks.csv"
    if not path.exists():
        return None
    with open(path, newline="", encoding="utf-8") as file:
        rates = [float(row["ours"]) for row in csv.DictReader(file) if row["benchmark"] == "text to speech"]
    return rates[-1] if rates else None


def _time(hours: float) -> str:
    return f"{hours / 24:.1f} days" if hours >= 36 else f"{hours:.1f} hours"


def forecast(config: Config) -> list[str]:
    """Lines for a person about one photo data set."""
    parts, dim = disk(config), _embedding_dim(config)
    step = gan_step(config.gan, dim)
    sizes = ", ".join(f"{name} {size / 1e9:.1f}" for name, size in parts.items() if size)
    lines = [f"{config.dataset}: {sum(parts.values()) / 1e9:.0f} GB of disk ({sizes}), {memory(config) / 1e9:.1f} GB of memory"]
    if parts["speech"] and (rate := sentences_per_second()):
        utterances = sum(photo_spec(config.dataset).split_sizes.values()) * config.data.spoken_captions
        lines.append(f"  speaking {utterances:,} sentences: {utterances / rate / 3600:.1f} hours at {rate:.0f} a second")
    for card in CARDS:
        hours = step.seconds(card) * config.gan.steps / 3600
        needed, there = step.memory(card) / 1e9, card.memory / 1e9
        lines.append(
            f"  generator on one {card.name} ({card.precision}): {_time(hours)} for {config.gan.steps:,} steps, "
            f"{needed:.0f} of {there:.0f} GB{'' if needed < there else ', too much: halve gan.batch_size'}"
        )
    return lines
