"""Training of the generator and its discriminators (Section III-D2)."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from s2i_lib import metrics
from s2i_lib.config import Config
from s2i_lib.datasets import SpokenImages, load_dataset
from s2i_lib.devices import channels_last, configure_gpu, mixed_precision, pick_device, to_device
from s2i_lib.features import embeddings_path, load_images, positive_labels, set_aside
from s2i_lib.files import load_array, save_text
from s2i_lib.identity import network_fingerprint
from s2i_lib.inference import generate
from s2i_lib.models.checkpoint import DESCRIPTION_FILE, generator_path, load_classifier, save_weights
from s2i_lib.models.classifiers import predict_attributes
from s2i_lib.models.gan import build_gan
from s2i_lib.models.stackgan import Discriminator, Generator
from s2i_lib.models.teacher import load_teacher
from s2i_lib.preparation.images import redraw
from s2i_lib.progress import bar
from s2i_lib.recipes import RECIPES
from s2i_lib.results.records import machine_in_words
from s2i_lib.training import distributed
from s2i_lib.training.common import STUDENT_SECTIONS, Checkpoint, adam, augment, averaged, seed_step
from s2i_lib.training.consistency import SIZE, TeacherConsistency
from s2i_lib.training.gan_steps import GAN_STEPS, Batch, Networks


@dataclass
class GanData:
    """Training images with the embeddings of their spoken captions, all on one device: batches are made where they are used.

    Attributes:
        images: (N, 3, s, s) uint8, or several times N where they are drawn again, in the same order each time.
        labels: (N,), equal for images that one sentence fits.
        embeddings: (N, K, D), K spoken captions per image.
    """

    images: torch.Tensor
    labels: torch.Tensor
    embeddings: torch.Tensor

    def to(self, device: torch.device) -> "GanData":
        """The same data on `device`."""
        return GanData(self.images.to(device), self.labels.to(device), self.embeddings.to(device))

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """Random images in [-1, 1], the embedding of one of their captions, and their labels."""
        rows = to_device(distributed.shard(rng.integers(len(self.images), size=size)), self.images.device)
        captions = to_device(distributed.shard(rng.integers(self.embeddings.shape[1], size=size)), self.images.device)
        described = rows % len(self.labels)
        return Batch(augment(self.images[rows], rng), self.embeddings[described, captions], self.labels[described])


def load_gan_data(config: Config) -> GanData:
    """What is learned from: training images at the generator's size and the embeddings that chapter 05 wrote."""
    dataset, recipe = load_dataset(config.dataset, "train", config.data_dir), RECIPES[config.recipe]
    encoders = [config.model_copy(update={"recipe": name}) for name in recipe.encoders]
    embeddings = [caption_embeddings(load_array(embeddings_path(encoder, "train")), dataset) for encoder in encoders]
    taught = np.flatnonzero(~set_aside(config, dataset))
    records = [dataset[row] for row in taught]
    images = load_images(records, config.gan.image_size)
    if config.times_redrawn:
        images = torch.cat([images, *redraw(config, records)])
    return GanData(
        images,
        torch.from_numpy(positive_labels(config, dataset)[taught]),
        torch.cat(embeddings, dim=1)[taught],
    )


def caption_embeddings(embeddings: NDArray[np.float32], dataset: SpokenImages) -> torch.Tensor:
    """(N, K, D) embeddings of the K spoken captions of N images, from (U, D) in the row order of ``SpeechData``.

    Where captions are spoken several times, U counts all utterances of all images once, then all of them again.
    """
    images, captions = len(dataset), len(dataset.utterances) // len(dataset)
    passes = torch.from_numpy(embeddings).view(-1, images, captions, embeddings.shape[1])
    return passes.transpose(0, 1).flatten(1, 2)


def compile_networks(networks: Networks) -> None:
    """Fuse the layers of a StackGAN-v2 by ``torch.compile``, where the configuration asks for it (``gan.compile``).

    It takes a minute and pays on a GPU; weights and their names stay as they are. The gradient penalty of the modulated
    networks needs a second derivative, which compiled layers do not have.
    """
    if networks.settings.compile and networks.settings.model == "stackgan_v2":
        generator = cast(Generator, networks.generator)
        parts: list[nn.Module] = [generator.first, *generator.stages, *generator.to_rgb]
        for discriminator in (cast(Discriminator, network) for network in networks.discriminators):
            parts += [discriminator.features, discriminator.join, discriminator.joint]
        for part in parts:
            part.compile()


def build_networks(config: Config, embedding_dim: int, device: torch.device) -> Networks:
    """The untrained networks of a run on `device`, seeded, with their optimisers."""
    settings = config.gan
    torch.manual_seed(config.seed)
    generator, discriminators = build_gan(settings, embedding_dim)
    generator, discriminators = channels_last(generator, device), channels_last(discriminators, device)
    betas = (settings.beta1, 0.999 if settings.beta1 else 0.9)
    optimizers = {
        "generator": adam(generator, settings.generator_learning_rate, betas),
        "discriminators": adam(discriminators, settings.discriminator_learning_rate, betas),
    }
    return Networks(generator, discriminators, optimizers, settings)


def build_consistency(config: Config, data: GanData) -> TeacherConsistency:
    """The teacher that identifies sentences in generated pictures, fitted on the training set."""
    settings = config.teacher
    teacher = load_teacher(settings.name, SIZE, power=settings.power, stages="all").to(data.images.device)
    with mixed_precision(config):
        return TeacherConsistency(teacher, data.images[: len(data.labels)], data.embeddings, data.labels)


def train_gan(config: Config) -> pd.DataFrame:
    """Train the generator of a run on real images and speech embeddings; write ``generator.safetensors``.

    The file holds the exponential moving average of the weights; ``model.json`` beside it holds the configuration, from which
    ``inference.SpeechToImage.load`` rebuilds the networks. Sentences about what was set aside are scored along the way for the
    learning curve; the test split is not read.

    Returns:
        One row per hundredth of the run: ``step``, ``seconds``, losses, and now and then ``attribute_accuracy`` where somebody
        knows what the sentences mention.
    """
    settings, device = config.gan, pick_device()
    configure_gpu(config)
    data = load_gan_data(config).to(device)
    networks = build_networks(config, data.embeddings.shape[-1], device)
    if settings.consistency_weight:
        networks.consistency = build_consistency(config, data)
    average = averaged(networks.generator, settings.ema_decay)
    checkpoint = Checkpoint(
        config.run_dir / "gan.ckpt",
        network_fingerprint(config, *STUDENT_SECTIONS, "gan"),
        generator=networks.generator,
        discriminators=networks.discriminators,
        average=average,
        **{f"{name}_optimizer": optimizer for name, optimizer in networks.optimizers.items()},
    )
    distributed.barrier()  # until all have read it: none may go ahead and write the next one
    compile_networks(networks)
    run_step, score = GAN_STEPS[settings.model], _attribute_probe(config, average.module)
    total = settings.total_steps
    every, started = max(1, total // 100), time.monotonic()
    seconds = checkpoint.history[-1]["seconds"] if checkpoint.history else 0.0
    with bar(total=total, initial=checkpoint.position, desc=f"GAN ({config.recipe})", unit="step") as shown:
        while checkpoint.position < total:
            step = checkpoint.position
            batch = data.batch(settings.batch_size, seed_step(config.seed, step))
            with mixed_precision(config):
                values = run_step(networks, batch, step)
            average.update_parameters(networks.generator)
            if (step + 1) % every == 0:
                row = {"step": step + 1, "seconds": seconds + time.monotonic() - started}
                row |= {name: value.item() for name, value in values.items()}
                if score and (step + 1) % (every * 10) == 0:
                    row["attribute_accuracy"] = score()
                    shown.set_postfix(attribute_accuracy=f"{row['attribute_accuracy']:.2f}")
                checkpoint.history.append(row)
            checkpoint.save(step + 1, force=step + 1 == total)
            shown.update()
    if distributed.rank() == 0:
        save_weights(average.module, generator_path(config))
        trained = {"minutes": round(checkpoint.history[-1]["seconds"] / 60, 1), "machine": machine_in_words()}
        save_text(config.run_dir / DESCRIPTION_FILE, json.dumps({"config": config.model_dump(), "trained": trained}, indent=1))
    return pd.DataFrame(checkpoint.history)


def _attribute_probe(config: Config, generator: nn.Module, sentences: int = 200) -> Callable[[], float] | None:
    """A function that scores the mentioned colours of images for some fixed sentences about images that were set aside; None
    where nobody knows what they mention, or none were set aside.
    """
    spec, dataset = config.spec, load_dataset(config.dataset, "train", config.data_dir)
    unseen = np.flatnonzero(set_aside(config, dataset)[dataset.image_of])
    if not spec.knows_attributes or not len(unseen):
        return None
    embeddings = torch.from_numpy(load_array(embeddings_path(config, "train")))  # in one voice, or the first rendition
    rows = np.random.default_rng(0).permutation(unseen)[:sentences]
    mentioned = [dataset.utterances[row].caption.mentioned for row in rows]
    classifier, colours = load_classifier(config, "attributes"), spec.colour_attributes

    def score() -> float:
        predicted = predict_attributes(classifier, generate(generator, embeddings[rows], config))
        scores = metrics.attribute_accuracy(predicted, mentioned)
        return float(np.mean([scores[colour][0] for colour in colours if colour in scores]))

    return score
