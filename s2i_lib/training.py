"""One readable loop per model. Every loop checkpoints itself and goes on from its last checkpoint.

All randomness of a step comes from ``seed_step(seed, step)``, so a checkpoint needs no generator states and a run that was
killed ends with the same numbers as one that was not. Nothing is selected by a test score: the last weights are used.
"""

import contextlib
import copy
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from s2i_lib import losses, metrics, parallel
from s2i_lib.artefacts import (LogMels, Sentences, load_images, load_log_mels, load_sentences, load_teacher_features,
                               to_signed, write_judge_images)
from s2i_lib.audio import collate_log_mels
from s2i_lib.config import Config
from s2i_lib.datasets import PUBLISHED, SpokenImages, dataset_module, load_dataset, weights
from s2i_lib.encoders import ImageClassifier, InceptionClassifier, SpeechEncoder, TextEncoder
from s2i_lib.files import save_atomically
from s2i_lib.gan import build_gan

CHECKPOINT_SECONDS = 30.0
# what a trained student depends on; a checkpoint made under other values is refused
STUDENT_SECTIONS = ("dataset", "profile", "recipe", "seed", "precision", "data", "teacher", "encoder")


def pick_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision(config: Config) -> contextlib.AbstractContextManager:
    """bfloat16 matrix products where the hardware has them (GPU, or a CPU with AMX tiles); ``precision`` overrules.

    Losses, normalisation statistics and the optimiser stay in float32. On a GPU what is left of float32 matrix products may
    then be rounded to TF32, and the fastest convolution is searched for; ``float32`` means float32 throughout.
    """
    device = pick_device().type
    fast = torch.cuda.is_bf16_supported() if device == "cuda" else torch.cpu._is_amx_tile_supported()
    wanted = fast if config.precision == "auto" else config.precision == "bfloat16"
    if device == "cuda":
        torch.set_float32_matmul_precision("high" if wanted else "highest")
        torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = wanted
    return torch.autocast(device, torch.bfloat16, enabled=wanted)


def adam(module: nn.Module, rate: float, betas: tuple[float, float] = (0.9, 0.999), **options) -> torch.optim.Adam:
    """Adam over the parameters of a module; on a GPU in one kernel. Checkpoints of either kind fit the other."""
    return torch.optim.Adam(module.parameters(), rate, betas, fused=True if pick_device().type == "cuda" else None, **options)


def send(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """An array as a tensor on `device`; a GPU gets it from pinned memory, so that nobody waits for its other work."""
    tensor = torch.from_numpy(np.asarray(values))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def seed_step(seed: int, step: int) -> np.random.Generator:
    """Seed torch for one step and return the NumPy generator of that step.

    Processes that train together agree on the rows of a batch, from NumPy, and differ in the noise, from torch.
    """
    torch.manual_seed((seed * 1_000_003 + step + parallel.rank() * 2**40) % 2**63)
    return np.random.default_rng([seed, step])


def epoch_batches(num_items: int, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """A seeded permutation of the items cut into full batches; a short last batch is dropped unless it is the only one."""
    order = np.random.default_rng([seed, epoch]).permutation(num_items)
    count = max(1, num_items // batch_size)
    return [order[i * batch_size:(i + 1) * batch_size] for i in range(count)]


class Checkpoint:
    """Everything a loop needs to go on: modules, optimisers, position and history, in one file replaced atomically.

    Raises:
        ValueError: the file was written under another configuration.
    """

    def __init__(self, path: Path, fingerprint: str, **parts):
        self.path, self.parts, self.position, self.history = path, parts, 0, []
        self.fingerprint, self._saved = fingerprint, time.monotonic()
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["fingerprint"] != self.fingerprint:
            raise ValueError(f"{path} was written under another configuration: remove it to train again")
        self.position, self.history = state["position"], state["history"]
        for name, part in parts.items():
            part.load_state_dict(state[name])

    def save(self, position: int, force: bool = False) -> None:
        """Note that `position` steps are done; write to disk when the last write is half a minute old."""
        self.position = position
        if parallel.rank() or not force and time.monotonic() - self._saved < CHECKPOINT_SECONDS:
            return
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {"position": position, "history": self.history, "fingerprint": self.fingerprint}
        save_atomically(self.path, lambda file: torch.save(state, file))
        self._saved = time.monotonic()


def rate_schedule(optimizer: torch.optim.Optimizer, total: int,
                  constant: bool = False) -> torch.optim.lr_scheduler.LRScheduler:
    """Half a cosine from the given rate to zero, or the constant rate, after a warm-up of 2 % of the steps."""
    warmup = max(1, total // 50)

    def factor(step: int) -> float:
        return min((step + 1) / warmup, 1.0 if constant else 0.5 * (1 + math.cos(math.pi * min(step / total, 1.0))))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def update_average(average: nn.Module, module: nn.Module, decay: float, step: int | None = None) -> None:
    """Move the averaged copy towards the trained module: weights and normalisation statistics. Never the other way.

    Early in a run, at a `step` counted from 0, the decay is lower, or the untrained weights would stay for long.
    """
    decay = decay if step is None else min(decay, (step + 1) / (step + 10))
    pairs = list(zip(average.state_dict().values(), module.state_dict().values()))
    with torch.no_grad():
        means, values = zip(*[pair for pair in pairs if pair[0].is_floating_point()])
        torch._foreach_lerp_(means, values, 1 - decay)  # a few kernels on a GPU, not one per tensor
        for count, value in pairs:
            if not count.is_floating_point():
                count.copy_(value)


def save_model(module: nn.Module, path: Path) -> None:
    """Write the weights of a module as safetensors; of several processes that train together only the first one does."""
    if parallel.rank():
        return
    tensors = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    save_atomically(path, lambda file: file.write(save(tensors)))


def load_model(module: nn.Module, path: Path) -> nn.Module:
    """Read weights written by ``save_model`` into `module`, in evaluation mode.

    Raises:
        FileNotFoundError: no such file; the message names the chapter to run.
    """
    _require(path)
    module.load_state_dict(load_file(path))
    return module.eval()


def _require(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"no model at {path}: run the chapter that trains it first (./run_all.sh)")


# --- speech encoder (Section III-D1) ---------------------------------------------------------------------------------


class TargetSpace(nn.Module):
    """A fixed linear map of the teacher's features to the space that the student is taught in.

    Raw pooled features are positive, of very different size and strongly correlated, so that a few directions decide every
    distance, and most of what they show (pose, light, background) no sentence tells. With `target_dim` the map is a linear
    discriminant analysis: what varies within the training classes is whitened away, then the directions in which the class
    means differ most are kept, each with deviation 1 over the class means. Without it every coordinate is standardised.

    Args:
        teacher_dim: dimension of the teacher's features.
        target_dim: number of discriminant directions, below the number of training classes, or None.
    """

    def __init__(self, teacher_dim: int, target_dim: int | None = None):
        super().__init__()
        self.target_dim = target_dim
        self.register_buffer("mean", torch.zeros(teacher_dim))
        self.register_buffer("map", torch.zeros(teacher_dim, target_dim or teacher_dim))

    def fit(self, features: torch.Tensor, labels: np.ndarray) -> "TargetSpace":
        """Take the map from (N, V, teacher_dim) features of V views of the training images and their (N,) labels.

        Raises:
            ValueError: `target_dim` is not below the number of classes.
        """
        labels, features = np.repeat(labels, features.shape[1]), features.flatten(0, 1)
        self.mean, std = features.mean(0), features.std(0)
        std = std.clamp_min(0.05 * float(std.median()))  # a coordinate that hardly varies is not blown up
        if self.target_dim is None:
            self.map = torch.diag(1 / std)
            return self
        classes, codes = np.unique(labels, return_inverse=True)
        if len(classes) <= self.target_dim:
            raise ValueError(f"{len(classes)} classes differ in fewer than {self.target_dim} directions; lower target_dim")
        features = ((features - self.mean) / std).double()
        means = torch.stack([features[codes == code].mean(0) for code in range(len(classes))])
        within = torch.cov((features - means[codes]).T)
        within += within.diagonal().mean() * torch.eye(len(within))  # shrinkage: few images for so many directions
        values, vectors = torch.linalg.eigh(within)
        whiten = vectors / values.sqrt()
        values, vectors = torch.linalg.eigh(torch.cov((means @ whiten).T))
        values, vectors = values[-self.target_dim:].flip(0).clamp_min(1e-9), vectors[:, -self.target_dim:].flip(1)
        self.map = (whiten @ (vectors / values.sqrt())).float() / std[:, None]
        return self

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return (features - self.mean) @ self.map


@dataclass
class SpeechData:
    """One split as an encoder sees it. U utterances of N images.

    Attributes:
        inputs: U spectrograms or, for a text encoder, U sentences.  image_of: (U,) image index of each utterance.
        labels: (N,) classes.  alike: (N,) equal for images that one sentence describes equally well.  features: (N, 2, D) teacher features of the image and of its mirror image.
    """

    dataset: SpokenImages
    inputs: LogMels | Sentences
    image_of: np.ndarray
    labels: np.ndarray
    alike: np.ndarray
    features: torch.Tensor


def load_speech_data(config: Config, split: str) -> SpeechData:
    """Everything that chapters 01-04 wrote about one split; field speech is for training, tests hear the recordings."""
    dataset = load_dataset(config.dataset, split, config.data_dir)
    image_of = np.array([image for image, _ in dataset.utterances])
    heard = "field_train" if config.encoder.speech == "field" and split == "train" else split
    inputs = load_sentences(dataset) if config.encoder.input == "text" else load_log_mels(config, heard)
    return SpeechData(dataset, inputs, image_of, dataset.labels, alike_images(config, dataset),
                      torch.from_numpy(load_teacher_features(config, split)))


def alike_images(config: Config, dataset: SpokenImages) -> np.ndarray:
    """(N,) equal numbers for images that one sentence describes equally well, see ``EncoderConfig.alike``."""
    return dataset.labels if config.encoder.alike == "class" else np.arange(len(dataset))


class SpeechModel(nn.Module):
    """The student with the space it is taught in: ``encoder``, ``targets`` and what its loss learns beside it."""

    def __init__(self, config: Config, teacher_dim: int):
        super().__init__()
        self.config = config.encoder
        settings = config.encoder
        sizes = settings.target_dim or teacher_dim, settings.width, settings.rnn_dim
        self.encoder = TextEncoder(*sizes) if settings.input == "text" else SpeechEncoder(*sizes, pooling=settings.pooling)
        self.targets = TargetSpace(teacher_dim, settings.target_dim)
        self.log_temperature = nn.Parameter(torch.tensor(float(np.log(0.07))))
        if settings.loss == "classifier":
            self.head = nn.Linear(self.encoder.embedding_dim, config.data.num_train_classes)
        self.register_buffer("weights", torch.tensor([losses.PAPER_WEIGHTS[name] for name in ("jel", "norm", "kdl")]))

    def embed(self, batch: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """A padded batch and its (B,) lengths to (B, D) embeddings of length sqrt(D), the condition of the generator.

        The losses leave embeddings of very different length (Eq. 8 shrinks what it is unsure of), and a generator hardly
        hears a small condition. Only the direction is kept, which is all that a cosine sees.
        """
        embedding = self.encoder(batch, lengths)
        return F.normalize(embedding, dim=1) * embedding.shape[1] ** 0.5

    def loss(self, speech: torch.Tensor, image: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss that the configuration names, for (B, D) embeddings."""
        if self.config.loss == "classifier":
            return losses.classification_loss(self.head(speech), labels)
        if self.config.loss == "contrastive":
            return losses.contrastive_loss(speech, image, labels, self.log_temperature.exp())
        if self.config.loss == "released":
            return losses.released_teacher_student_loss(speech, image, labels)
        weights = dict(zip(("jel", "norm", "kdl"), self.weights))
        return losses.teacher_student_loss(speech, image, labels, {name: weights[name] for name in losses.TERMS[self.config.loss]})


def class_features(data: SpeechData) -> torch.Tensor:
    """(N, 2, D) teacher features in which every image has the mean of its class, or of whatever else is ``alike``.

    No sentence tells the pose or the background; averaging over the class takes them out of what the student aims at.
    """
    features = data.features.clone()
    for label in np.unique(data.alike):
        features[data.alike == label] = data.features[data.alike == label].mean(dim=(0, 1))
    return features


def mask_time(log_mel: torch.Tensor, lengths: torch.Tensor, masks: int = 2, width: int = 20) -> torch.Tensor:
    """Silence `masks` random stretches of up to `width` frames in each utterance of a (B, 40, T) batch (SpecAugment)."""
    log_mel, silence = log_mel.clone(), log_mel.amin()
    for row, length in zip(log_mel, lengths.tolist()):
        for _ in range(masks):
            start = int(torch.randint(0, length, ()))
            row[:, start:start + int(torch.randint(0, width + 1, ()))] = silence
    return log_mel


def splice_speech(log_mel: torch.Tensor, lengths: torch.Tensor, features: torch.Tensor):
    """Cut a (B, 40, T) batch: the beginning of each utterance, the end of its neighbour, and both (B, D) features mixed.

    The training classes are few combinations, and a network learns them by heart: it hears three colours and adds the
    rest of the one bird that has them. A sentence that is half of one bird and half of another has to be heard as it is.

    Returns:
        Spectrograms, lengths and features of the spliced utterances.
    """
    share, spliced = 0.3 + 0.4 * float(torch.rand(())), []
    for row, length, other, other_length in zip(log_mel, lengths.tolist(), log_mel.roll(1, 0), lengths.roll(1).tolist()):
        spliced.append(torch.cat([row[:, :int(share * length)], other[:, int(share * other_length):other_length]], dim=1))
    log_mel, lengths = collate_log_mels(spliced)
    return log_mel, lengths, share * features + (1 - share) * features.roll(1, 0)


def _encoder_batches(data: SpeechData, config: Config, epoch: int) -> Iterator[tuple]:
    """Inputs, lengths, teacher features of a random view and labels, for every batch of one epoch."""
    for step, rows in enumerate(epoch_batches(len(data.image_of), config.encoder.batch_size, config.seed, epoch)):
        rng, rows = seed_step(config.seed, epoch * 100_000 + step), parallel.share(rows)
        images = data.image_of[rows]
        inputs, lengths = data.inputs.batch(rows)
        features = data.features[images, rng.integers(0, data.features.shape[1], len(rows))]
        labels = torch.from_numpy(data.alike[images])
        if config.encoder.input == "speech":
            inputs = mask_time(inputs, lengths)
        if config.encoder.splice and step % 2:
            inputs, lengths, features = splice_speech(inputs, lengths, features)
            labels = torch.arange(len(rows))  # every spliced sentence is a class of its own
        yield inputs, lengths, features, labels


def train_encoder(config: Config) -> pd.DataFrame:
    """Train the speech (or text) encoder of a run and write ``<input>_encoder.safetensors`` into its folder.

    Unseen classes are scored along the way for the learning curve only. What is scored and kept is the running average of
    the weights where the configuration asks for one (``average``), else the last weights.

    Returns:
        One row per epoch: ``epoch``, ``loss``, ``seconds`` and, now and then, ``zero_shot``, ``class_mean`` and, for the
        terms of Eq. 6, their unweighted gradient sizes ``gradient_jel``, ``gradient_norm`` and ``gradient_kdl``.
    """
    settings, device = config.encoder, pick_device()
    data, unseen = load_speech_data(config, "train"), load_speech_data(config, "test")
    torch.manual_seed(config.seed)
    model = SpeechModel(config, data.features.shape[-1])
    model.targets.fit(data.features, data.labels)
    if settings.class_targets:
        data.features = class_features(data)
    model = model.to(device)
    if settings.loss in losses.TERMS and settings.weights == "balanced":
        model.weights = parallel.agree(measure_weights(model, data, config))
    average = copy.deepcopy(model).eval()
    optimizer = adam(model, settings.learning_rate, weight_decay=settings.weight_decay)
    per_epoch = max(1, len(data.image_of) // settings.batch_size)
    schedule = rate_schedule(optimizer, settings.epochs * per_epoch, constant=settings.average > 0)
    checkpoint = Checkpoint(encoder_path(config).with_suffix(".ckpt"), config.fingerprint(*STUDENT_SECTIONS),
                            model=model, average=average, optimizer=optimizer, schedule=schedule)
    parallel.wait()  # until all have read it: none may go ahead and write the next one
    bar = tqdm(total=settings.epochs, initial=checkpoint.position, desc=f"{settings.input} encoder ({config.recipe})",
               unit="epoch")
    while checkpoint.position < settings.epochs:
        started, total, epoch = time.monotonic(), torch.zeros((), dtype=torch.float64, device=device), checkpoint.position
        model.train()
        for step, (inputs, lengths, features, labels) in enumerate(_encoder_batches(data, config, epoch), epoch * per_epoch):
            with mixed_precision(config):
                speech = model.encoder(inputs.to(device), lengths)
            loss = model.loss(speech, model.targets(features.to(device)), labels.to(device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            parallel.average_gradients(model.parameters())
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            update_average(average, model, settings.average, step)
            total += loss.detach()  # read once per epoch: a GPU is not made to wait
        row = {"epoch": epoch + 1, "loss": total.item() / per_epoch, "seconds": time.monotonic() - started}
        if (epoch + 1) % max(1, settings.epochs // 8) == 0 or epoch + 1 == settings.epochs:
            row |= score_unseen(average, unseen, config)
            if settings.loss in losses.TERMS:
                row |= {f"gradient_{name}": size for name, size in gradient_sizes(model, data, config, batches=2).items()}
            bar.set_postfix({key: f"{value:.2f}" for key, value in row.items() if key != "epoch"})
        checkpoint.history.append(row)
        checkpoint.save(epoch + 1, force=epoch + 1 == settings.epochs)
        bar.update()
    bar.close()
    save_model(average, encoder_path(config))
    return pd.DataFrame(checkpoint.history)


def measure_weights(model: SpeechModel, data: SpeechData, config: Config, batches: int = 8) -> torch.Tensor:
    """Loss weights by the paper's recipe: equal gradient sizes of the three terms on f_s, over the first batches.

    Returns:
        (3,) weights of JEL, norm and KDL; JEL's is 1.
    """
    sizes = gradient_sizes(model, data, config, batches)
    return torch.tensor(list(losses.balanced_weights(sizes).values()), device=next(model.parameters()).device)


def gradient_sizes(model: SpeechModel, data: SpeechData, config: Config, batches: int = 8) -> dict[str, float]:
    """Mean absolute gradient of each term of Eq. 6 with respect to the speech embeddings, over some batches."""
    device, collected = next(model.parameters()).device, []
    state = copy.deepcopy(model.state_dict())  # a forward pass moves the running statistics of the normalisation
    model.train()
    for _, (inputs, lengths, features, labels) in zip(range(batches), _encoder_batches(data, config, epoch=0)):
        speech = model.encoder(inputs.to(device), lengths)
        terms = losses.teacher_student_terms(speech, model.targets(features.to(device)), labels.to(device))
        collected.append(losses.gradient_sizes(terms, speech))
    model.load_state_dict(state)
    return {name: float(np.mean([sizes[name] for sizes in collected])) for name in collected[0]}


@torch.no_grad()
def embed_inputs(model: SpeechModel, inputs: LogMels | Sentences, config: Config, batch_size: int = 64) -> np.ndarray:
    """(U, D) float32 embeddings (``SpeechModel.embed``) of every utterance or sentence; similar lengths share a batch."""
    device, order = next(model.parameters()).device, np.argsort(-inputs.lengths, kind="stable")
    embeddings = np.empty((len(inputs), model.encoder.embedding_dim), dtype=np.float32)
    model.eval()
    for start in range(0, len(order), batch_size):
        rows = order[start:start + batch_size]
        batch, lengths = inputs.batch(rows)
        with mixed_precision(config):
            embeddings[rows] = model.embed(batch.to(device), lengths).cpu().numpy()
    return embeddings


def score_unseen(model: SpeechModel, unseen: SpeechData, config: Config) -> dict[str, float]:
    """Zero-shot class accuracy per sentence and by class mean on the unseen classes.

    A classifier has no place in the teacher's space, so there is nothing to score.
    """
    if config.encoder.loss == "classifier":
        return {}
    speech = embed_inputs(model, unseen.inputs, config)
    with torch.no_grad():
        image = model.targets(unseen.features[:, 0].to(next(model.parameters()).device)).cpu().numpy()
    arguments = speech, unseen.labels[unseen.image_of], image, unseen.labels
    return {"zero_shot": metrics.zero_shot_accuracy(*arguments), "class_mean": metrics.class_mean_accuracy(*arguments)}


def write_embeddings(config: Config, model: SpeechModel, split: str, data: SpeechData) -> np.ndarray:
    """Embed every utterance of a split, write ``embeddings_<split>.npy`` and return the (U, D) embeddings."""
    embeddings = embed_inputs(model, data.inputs, config)
    save_atomically(embeddings_path(config, split), lambda file: np.save(file, embeddings))
    return embeddings


def encoder_path(config: Config, folder: Path | None = None) -> Path:
    """Where a trained encoder is kept."""
    return (folder or config.encoder_dir) / f"{config.encoder.input}_encoder.safetensors"


def load_speech_model(config: Config, folder: Path | None = None) -> SpeechModel:
    """The trained student of a run, in evaluation mode; `folder` is the run's, if it was moved.

    Raises:
        FileNotFoundError: the run has no trained student yet.
    """
    path = encoder_path(config, folder)
    _require(path)
    state = load_file(path)
    model = SpeechModel(config, len(state["targets.mean"]))
    model.load_state_dict(state)
    return model.eval()


def embeddings_path(config: Config, split: str) -> Path:
    """Where the chapter that trains the encoder leaves the (U, D) embeddings of a split."""
    return config.encoder_dir / f"embeddings_{split}.npy"


# --- judges: the classifiers that score images ------------------------------------------------------------------------


def judge_heads(config: Config, kind: str) -> dict[str, tuple[str, ...]]:
    """Questions and answers of a judge: ``attributes`` (one question per attribute) or ``classes`` (the test classes, which are
    all classes if there are no new ones to test)."""
    if kind == "attributes":
        return dict(dataset_module(config.dataset).ATTRIBUTES)
    new = range(config.data.num_train_classes, config.data.num_classes)
    return {"class": tuple(str(label) for label in new or range(config.data.num_classes))}


def _judge_lessons(config: Config, kind: str) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Images and the right answers that a judge learns from.

    There are no further photos of the test classes: the class judge of a published data set learns from four fifths of the test
    images themselves, as the network behind the published inception scores did from them, and is examined on the rest.
    """
    heads = judge_heads(config, kind)
    if kind == "attributes":
        write_judge_images(config)
        folder = config.data_dir / "judges"
        images = torch.from_numpy(np.load(folder / f"images_{config.judge_size}.npy"))
        answers = json.loads((folder / "attributes.json").read_text())
    else:
        photos = config.dataset in PUBLISHED
        dataset = load_dataset(config.dataset, "test" if photos else "judge", config.data_dir)
        rows = np.flatnonzero(~held_out(dataset)) if photos else np.arange(len(dataset))
        images, answers = load_images(dataset, config.judge_size)[rows], [{"class": str(dataset[i].label)} for i in rows]
    return images, {q: torch.tensor([options.index(answer[q]) for answer in answers]) for q, options in heads.items()}


def held_out(dataset: SpokenImages) -> np.ndarray:
    """(N,) True for every fifth test image, on which a class judge that learned from the others is examined."""
    return np.arange(len(dataset)) % 5 == 4


def build_judge(config: Config, kind: str, pretrained: bool = False) -> nn.Module:
    """The untrained network of a judge; `pretrained`: an Inception starts from its ImageNet weights, which must be there."""
    heads = judge_heads(config, kind)
    if kind == "classes" and config.judge.network == "inception":
        return InceptionClassifier(heads, weights.find(weights.INCEPTION) if pretrained else None)
    return ImageClassifier(heads, config.judge_size, config.judge.width)


def judge_path(config: Config, kind: str) -> Path:
    """Judges are instruments: one per data set, size and judge's configuration, shared by seeds and recipes."""
    return config.data_dir / "judges" / f"{kind}_{config.judge_size}_{config.fingerprint('judge')}.safetensors"


def load_judge(config: Config, kind: str) -> nn.Module:
    """The trained judge ``attributes`` or ``classes``, in evaluation mode."""
    return load_model(build_judge(config, kind), judge_path(config, kind))


def train_judge(config: Config, kind: str) -> pd.DataFrame:
    """Train a judge on real images only: ``attributes`` on random combinations, ``classes`` on the judge split.

    The class judge is, or stands for, the Inception network fine-tuned on the test classes behind the paper's inception score.

    Returns:
        Accuracy on the real test images that it has not learned from: ``question``, ``accuracy``, ``n``.
    """
    settings, device, path = config.judge, pick_device(), judge_path(config, kind)
    heads, turns = judge_heads(config, kind), dataset_module(config.dataset).QUARTER_TURNS
    if not path.exists():
        images, targets = _judge_lessons(config, kind)
        torch.manual_seed(0)
        judge = build_judge(config, kind, pretrained=True).to(device, memory_format=torch.channels_last).train()
        optimizer = torch.optim.AdamW(judge.parameters(), settings.learning_rate, weight_decay=1e-2)
        schedule = rate_schedule(optimizer, settings.epochs * max(1, len(images) // settings.batch_size))
        for epoch in tqdm(range(settings.epochs), desc=f"judge of {kind}", unit="epoch"):
            for step, rows in enumerate(epoch_batches(len(images), settings.batch_size, 0, epoch)):
                rng = seed_step(0, epoch * 100_000 + step)
                with mixed_precision(config):
                    logits = judge(augment(images[rows], rng, turns).to(device))
                loss = sum(F.cross_entropy(logits[q], targets[q][rows].to(device)) for q in heads)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                schedule.step()
        save_model(judge, path)
    test = load_dataset(config.dataset, "test", config.data_dir)
    new = held_out(test) if config.dataset in PUBLISHED else np.full(len(test), True)
    judge = load_judge(config, kind).to(device)
    judged = metrics.read_attributes(judge, to_signed(load_images(test, config.judge_size)[np.flatnonzero(new)]))
    truth = [{"class": str(test[i].label), **test[i].attributes} for i in np.flatnonzero(new)]
    return pd.DataFrame([{"question": q, "accuracy": np.mean([a == t[q] for a, t in zip(judged[q], truth)]), "n": len(truth)}
                         for q in heads])


def augment(images: torch.Tensor, rng: np.random.Generator, turns: bool = False) -> torch.Tensor:
    """Mirror a random half of (B, 3, H, W) uint8 images, turn them by random quarters if asked, and scale them to [-1, 1],
    channels last."""
    if turns:
        images = torch.stack([image.rot90(int(k), (1, 2)) for image, k in zip(images, rng.integers(4, size=len(images)))])
    mirrored = send(rng.random(len(images)) < 0.5, images.device)
    images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    return to_signed(images).contiguous(memory_format=torch.channels_last)


# --- generator (Section III-D2) -------------------------------------------------------------------------------------


@dataclass
class GanData:
    """Training images with the embeddings of their spoken captions, all on one device: batches are made where they are used.

    Attributes:
        images: (N, 3, s, s) uint8.  labels: (N,), equal for images that one sentence fits.  embeddings: (N, K, D), K spoken captions per image.
    """

    images: torch.Tensor
    labels: torch.Tensor
    embeddings: torch.Tensor

    def to(self, device: torch.device) -> "GanData":
        """The same data on `device`."""
        return GanData(self.images.to(device), self.labels.to(device), self.embeddings.to(device))

    def batch(self, size: int, rng: np.random.Generator):
        """Random images in [-1, 1], the embedding of one of their captions, and their labels."""
        rows = send(parallel.share(rng.integers(len(self.images), size=size)), self.images.device)
        captions = send(parallel.share(rng.integers(self.embeddings.shape[1], size=size)), self.images.device)
        return augment(self.images[rows], rng), self.embeddings[rows, captions], self.labels[rows]


def load_gan_data(config: Config) -> GanData:
    """Training images at the generator's size and the embeddings that chapter 05 wrote."""
    dataset = load_dataset(config.dataset, "train", config.data_dir)
    embeddings = torch.from_numpy(np.load(embeddings_path(config, "train")))
    return GanData(load_images(dataset, config.gan.image_size), torch.from_numpy(alike_images(config, dataset)),
                   embeddings.view(len(dataset), -1, embeddings.shape[1]))


def image_pyramid(images: torch.Tensor, scales: int) -> list[torch.Tensor]:
    """(B, 3, s, s) images averaged to s / 2^(scales-1), ..., s / 2, s."""
    return [F.avg_pool2d(images, 2**level) if level else images for level in reversed(range(scales))]


def _apply(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """One update. Only the gradients that it uses are computed: the generator's loss passes through the discriminators."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    optimizer.zero_grad(set_to_none=True)
    loss.backward(inputs=parameters)
    parallel.average_gradients(parameters)
    optimizer.step()
    torch.clear_autocast_cache()  # else bfloat16 copies of the old weights serve until the step is over


def judge_pairs(discriminator, features, condition, labels, per_image: int = 3) -> tuple[torch.Tensor, ...]:
    """Conditional logits of the real pairs and of the wrong ones of Eq. 13: every image with its own sentence, and with those
    of its next neighbours in the batch.

    The features of the images are at hand, so several sentences per image cost little and tell more about the mean over
    all wrong sentences that Eq. 13 asks for.

    Returns:
        (B,) logits of the real pairs, (B per_image,) of the wrong ones, and which of these count: neighbours of the same
        class do not. A mask and no selection, since its length would have to be known before the GPU has come so far.
    """
    shifts = range(1, per_image + 1)
    right, *wrong = discriminator.judge(features, condition, *[condition.roll(-shift, 0) for shift in shifts])
    return right, torch.cat(wrong), torch.cat([labels != labels.roll(-shift) for shift in shifts])


# Every step below updates all networks once and returns its losses as tensors, which nobody reads before they are wanted:
# reading a number makes the processor wait for the GPU.


def stackgan_step(generator, discriminators, optimizers, images, embedding, labels, settings, step) -> dict[str, torch.Tensor]:
    """One update of every discriminator (Eqs. 10-13), then one of the generator (Eq. 14 and the KL of the condition)."""
    noise = torch.randn(len(images), settings.noise_dim, device=images.device)
    fakes, mean, log_variance = generator.draw(noise, embedding)
    condition, discriminator_losses = mean.detach(), []
    for discriminator, real, fake in zip(discriminators, image_pyramid(images, settings.num_scales), fakes):
        features = discriminator.features(real)
        right, *wrong = judge_pairs(discriminator, features, condition, labels)
        fake_right, fake_alone = discriminator(fake.detach(), condition)
        alone = discriminator.unconditional(features).flatten().float()
        loss = (losses.discriminator_conditional_loss(right, fake_right)
                + losses.discriminator_unconditional_loss(alone, fake_alone)
                + losses.discriminator_wrong_loss(*wrong))
        _apply(optimizers["discriminators"], loss)
        discriminator_losses.append(loss.detach().double())
    loss = sum(losses.generator_loss(*discriminator(fake, mean)) for discriminator, fake in zip(discriminators, fakes))
    kl = _conditioning_kl(mean, log_variance, settings)
    _apply(optimizers["generator"], loss + settings.kl_weight * sum(kl.values()))
    values = {"discriminator": sum(discriminator_losses), "generator": loss, **kl}
    return {name: value.detach() for name, value in values.items()}


def _conditioning_kl(mean, log_variance, settings) -> dict[str, torch.Tensor]:
    """The KL term by name, or nothing where the condition is not drawn but is its mean."""
    return {"kl": losses.conditioning_kl(mean, log_variance)} if settings.augment_condition else {}


def stackgan_v1_step(generator, discriminators, optimizers, images, embedding, labels, settings,
                     step) -> dict[str, torch.Tensor]:
    """StackGAN-v1: the first half of the steps trains stage I, the second half stage II on pictures of the finished first.

    Its discriminators know no unconditional term; generated and mismatched pairs share the weight of "fake".
    """
    stage = int(step >= settings.steps // 2)
    noise = torch.randn(len(images), settings.noise_dim, device=images.device)
    fake, mean, log_variance = generator.draw(noise, embedding, stage)
    discriminator, condition = discriminators[stage], mean.detach()
    features = discriminator.features(F.avg_pool2d(images, images.shape[-1] // fake.shape[-1]))
    right, *wrong = judge_pairs(discriminator, features, condition, labels)
    fake_right, _ = discriminator(fake.detach(), condition)
    discriminator_loss = losses.stackgan_v1_discriminator_loss(right, fake_right, *wrong)
    _apply(optimizers["discriminators"], discriminator_loss)
    loss = losses.stackgan_v1_generator_loss(discriminator(fake, mean)[0])
    kl = _conditioning_kl(mean, log_variance, settings)
    _apply(optimizers["generator"], loss + settings.kl_weight * sum(kl.values()))
    values = {"discriminator": discriminator_loss, "generator": loss, **kl}
    return {name: value.detach() for name, value in values.items()}


def modulated_step(generator, discriminators, optimizers, images, embedding, labels, settings, step) -> dict[str, torch.Tensor]:
    """One hinge update of the discriminator with wrong pairs and the matching-aware gradient penalty, then the generator.

    Both also have to tell which sentence of the batch belongs to which image (the contrastive loss of the recommended
    encoder again, as in XMC-GAN): one wrong pair per image teaches colours slowly. The penalty, which needs a second
    derivative, is taken every few steps with a weight to match, and in float32.
    """
    discriminator, different = discriminators[0], labels != labels.roll(-1)
    noise = torch.randn(len(images), settings.noise_dim, device=images.device)
    fake = generator(noise, embedding)[0]
    real_features, fake_features = discriminator.features(torch.cat([images, fake.detach()])).chunk(2)
    right, wrong = discriminator.judge(real_features, embedding, embedding.roll(-1, 0))
    hinge = losses.hinge_discriminator_loss(right, *discriminator.judge(fake_features, embedding), wrong, different)
    matching = _matching_loss(discriminator, real_features, embedding, labels)
    total, values = hinge + settings.matching_weight * matching, {}
    if (step + 1) % settings.penalty_every == 0:
        with torch.autocast(images.device.type, enabled=False):
            penalty = losses.matching_aware_gradient_penalty(discriminator, images, embedding)
        total = total + settings.penalty_weight * settings.penalty_every * penalty
        values["penalty"] = penalty
    _apply(optimizers["discriminators"], total)
    features = discriminator.features(fake)
    generator_loss = losses.hinge_generator_loss(*discriminator.judge(features, embedding))
    generator_matching = _matching_loss(discriminator, features, embedding, labels)
    _apply(optimizers["generator"], generator_loss + settings.matching_weight * generator_matching)
    values |= {"discriminator": hinge, "generator": generator_loss, "matching_real": matching,
               "matching_fake": generator_matching}
    return {name: value.detach() for name, value in values.items()}


def _matching_loss(discriminator, features, embedding, labels) -> torch.Tensor:
    return losses.contrastive_loss(discriminator.look(features).float(), discriminator.sentence(embedding).float(), labels,
                                   temperature=0.1)


def compile_networks(generator: nn.Module, discriminators: nn.ModuleList, config: Config) -> None:
    """Fuse the layers of a StackGAN-v2 by ``torch.compile``, where the environment asks for it with ``S2I_COMPILE=1``.

    It takes a minute and pays on a GPU; weights and their names stay as they are. The gradient penalty of the modulated
    networks needs a second derivative, which compiled layers do not have.
    """
    if os.environ.get("S2I_COMPILE") == "1" and config.gan.model == "stackgan_v2":
        parts = [generator.first, *generator.stages, *generator.to_rgb]
        for part in parts + [part for discriminator in discriminators for part in (discriminator.features, discriminator.joint)]:
            part.compile()


GAN_STEPS: dict[str, Callable] = {"stackgan_v2": stackgan_step, "stackgan_v1": stackgan_v1_step, "modulated": modulated_step}


def train_gan(config: Config) -> pd.DataFrame:
    """Train the generator of a run on real images and speech embeddings; write ``generator.safetensors``.

    The file holds the running average of the weights; ``model.json`` beside it holds the configuration, from which
    ``pipeline.SpeechToImage.load`` rebuilds the networks. Unseen sentences are scored along the way for the learning curve.

    Returns:
        One row per hundredth of the run: ``step``, ``seconds``, losses, and now and then ``semantic`` accuracy where somebody
        knows what the sentences mention.
    """
    settings, device = config.gan, pick_device()
    data = load_gan_data(config).to(device)
    torch.manual_seed(config.seed)
    generator, discriminators = build_gan(settings, data.embeddings.shape[-1])
    generator = generator.to(device, memory_format=torch.channels_last)
    discriminators = discriminators.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(generator).eval()
    betas = (settings.beta1, 0.999 if settings.beta1 else 0.9)
    optimizers = {"generator": adam(generator, settings.generator_learning_rate, betas),
                  "discriminators": adam(discriminators, settings.discriminator_learning_rate, betas)}
    checkpoint = Checkpoint(config.run_dir / "gan.ckpt", config.fingerprint(*STUDENT_SECTIONS, "gan"), generator=generator,
                            discriminators=discriminators, average=average,
                            **{f"{name}_optimizer": o for name, o in optimizers.items()})
    parallel.wait()  # see train_encoder
    compile_networks(generator, discriminators, config)
    step_function, score = GAN_STEPS[settings.model], _semantic_probe(config, average)
    every, started, seconds = max(1, settings.steps // 100), time.monotonic(), 0.0
    if checkpoint.history:
        seconds = checkpoint.history[-1]["seconds"]
    bar = tqdm(total=settings.steps, initial=checkpoint.position, desc=f"GAN ({config.recipe})", unit="step")
    while checkpoint.position < settings.steps:
        step = checkpoint.position
        images, embedding, labels = data.batch(settings.batch_size, seed_step(config.seed, step))
        with mixed_precision(config):
            values = step_function(generator, discriminators, optimizers, images, embedding, labels, settings, step)
        update_average(average, generator, settings.ema_decay, step)
        if (step + 1) % every == 0:
            row = {"step": step + 1, "seconds": seconds + time.monotonic() - started,
                   **{name: value.item() for name, value in values.items()}}
            if score and (step + 1) % (every * 10) == 0:
                row["semantic"] = score()
                bar.set_postfix(semantic=f"{row['semantic']:.2f}")
            checkpoint.history.append(row)
        checkpoint.save(step + 1, force=step + 1 == settings.steps)
        bar.update()
    bar.close()
    save_model(average, config.run_dir / "generator.safetensors")
    description = json.dumps({"config": config.model_dump()}, indent=1)
    if parallel.rank() == 0:
        save_atomically(config.run_dir / "model.json", lambda file: file.write(description.encode()))
    return pd.DataFrame(checkpoint.history)


@torch.no_grad()
def generate(generator: nn.Module, embeddings: torch.Tensor, config: Config, seed: int = 0,
             batch_size: int = 64) -> torch.Tensor:
    """One image per (U, D) embedding: (U, 3, s, s) floats in [-1, 1] at the largest scale, the noise drawn from `seed`.

    The generator must be in evaluation mode: with batch statistics, eight copies of one sentence would erase the sentence.

    Raises:
        ValueError: the generator is in training mode.
    """
    if generator.training:
        raise ValueError("the generator is in training mode; call generator.eval() first")
    device = next(generator.parameters()).device
    with mixed_precision(config), torch.random.fork_rng():
        torch.manual_seed(seed)
        noise = torch.randn(len(embeddings), generator.noise_dim)  # conditioning augmentation draws what follows
        parts = [generator(z.to(device), e.to(device))[-1].float().cpu()
                 for z, e in zip(noise.split(batch_size), embeddings.split(batch_size))]
    return torch.cat(parts)


def load_generator(config: Config, embedding_dim: int) -> nn.Module:
    """The trained generator of a run, in evaluation mode."""
    return load_model(build_gan(config.gan, embedding_dim)[0], config.run_dir / "generator.safetensors")


def _semantic_probe(config: Config, generator: nn.Module, sentences: int = 200) -> Callable[[], float] | None:
    """A function that scores the mentioned colours of images for some fixed unseen sentences; None for photos."""
    if not dataset_module(config.dataset).ATTRIBUTES:
        return None
    dataset = load_dataset(config.dataset, "test", config.data_dir)
    embeddings = torch.from_numpy(np.load(embeddings_path(config, "test")))
    rows = np.random.default_rng(0).permutation(len(embeddings))[:sentences]
    mentioned = [dataset.caption(row).mentioned for row in rows]
    judge, colours = load_judge(config, "attributes"), dataset_module(config.dataset).COLOUR_ATTRIBUTES

    def score() -> float:
        judged = metrics.read_attributes(judge, generate(generator, embeddings[rows], config))
        scores = metrics.semantic_accuracy(judged, mentioned)
        return float(np.mean([scores[colour][0] for colour in colours if colour in scores]))

    return score
