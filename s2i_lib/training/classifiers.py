"""Training of the classifiers that score images. They learn from real images only."""

import json

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from s2i_lib.config import Config
from s2i_lib.datasets import SpokenImages, get_spec, load_dataset
from s2i_lib.devices import channels_last, configure_gpu, mixed_precision, pick_device
from s2i_lib.features import load_images, to_signed
from s2i_lib.files import load_array
from s2i_lib.models.checkpoint import classifier_path, load_classifier, save_weights
from s2i_lib.models.classifiers import FrozenClassifier, build_classifier, classifier_heads, predict_attributes
from s2i_lib.preparation.images import write_classifier_images
from s2i_lib.progress import bar
from s2i_lib.training.common import augment, epoch_batches, rate_schedule, seed_step

UNKNOWN = -1  # in place of the number of an answer that nobody knows


def _classifier_training_set(config: Config, kind: str) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Images and the right answers that a classifier learns from.

    Photos of random combinations cannot be made: the attribute classifier of a photo data set learns from the training
    images, what is not known of one being left out (-1). There are no further photos of the test classes either: the class
    classifier learns from four fifths of the test images themselves, as the network behind the published inception scores did
    from them, and is evaluated on the rest.
    """
    heads, photos = classifier_heads(config, kind), not get_spec(config.dataset).rendered
    if kind == "attributes" and photos:
        dataset = load_dataset(config.dataset, "train", config.data_dir)
        images, answers = load_images(dataset, config.classifier_size), [record.attributes for record in dataset]
    elif kind == "attributes":
        write_classifier_images(config)
        folder = config.data_dir / "classifiers"
        images = torch.from_numpy(load_array(folder / f"images_{config.classifier_size}.npy"))
        answers = json.loads((folder / "attributes.json").read_text())
    else:
        dataset = load_dataset(config.dataset, "test" if photos else "classifier", config.data_dir)
        rows = np.flatnonzero(~held_out(dataset)) if photos else np.arange(len(dataset))
        records = [dataset[row] for row in rows]
        images, answers = load_images(records, config.classifier_size), [{"class": str(record.label)} for record in records]
    number = {q: {option: k for k, option in enumerate(options)} for q, options in heads.items()}
    return images, {q: torch.tensor([number[q].get(answer.get(q, ""), UNKNOWN) for answer in answers]) for q in heads}


def held_out(dataset: SpokenImages) -> NDArray[np.bool_]:
    """(N,) True for every fifth test image, on which a class classifier that learned from the others is evaluated."""
    return np.arange(len(dataset)) % 5 == 4


def train_classifier(config: Config, kind: str) -> pd.DataFrame:
    """Train a classifier on real images only: ``attributes`` on random combinations, ``classes`` on the classifier split.

    The class classifier is, or stands for, the Inception network fine-tuned on the test classes behind the paper's inception
    score.

    Returns:
        Accuracy on the real test images that it has not learned from: ``question``, ``accuracy``, ``n``.
    """
    if not classifier_path(config, kind).exists():
        _fit(config, kind)
    return evaluate_classifier(config, kind)


def _fit(config: Config, kind: str) -> None:
    settings, device, heads = config.classifier, pick_device(), classifier_heads(config, kind)
    configure_gpu(config)
    images, targets = _classifier_training_set(config, kind)
    torch.manual_seed(0)
    classifier = channels_last(build_classifier(config, kind, pretrained=True), device).train()
    frozen = _frozen_views(classifier, images) if isinstance(classifier, FrozenClassifier) else None
    optimizer = torch.optim.AdamW(classifier.parameters(), settings.learning_rate, weight_decay=1e-2)
    schedule = rate_schedule(optimizer, settings.epochs * max(1, len(images) // settings.batch_size))
    turns = get_spec(config.dataset).quarter_turns
    for epoch in bar(range(settings.epochs), desc=f"classifier of {kind}", unit="epoch"):
        for step, rows in enumerate(epoch_batches(len(images), settings.batch_size, 0, epoch)):
            rng = seed_step(0, epoch * 100_000 + step)
            with mixed_precision(config):
                if isinstance(classifier, FrozenClassifier) and frozen is not None:
                    seen = frozen[rng.integers(2, size=len(rows)), rows].float().to(device)
                    logits = classifier.answer(classifier.reduced(seen))
                else:
                    logits = classifier(augment(images[rows], rng, turns).to(device))
                loss = sum_of_answers(logits, {q: targets[q][rows].to(device) for q in heads})
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
    save_weights(classifier, classifier_path(config, kind))


def _frozen_views(classifier: FrozenClassifier, images: torch.Tensor) -> torch.Tensor:
    """(2, N, C, h, w) float16 frozen features of (N, 3, H, W) uint8 images and of their mirror images, computed once."""
    device, views = next(classifier.parameters()).device, []
    for view in (images, images.flip(-1)):
        shown = bar(view.split(64), desc="frozen features", unit="batch")
        views.append(torch.cat([classifier.frozen(to_signed(batch).to(device)).half().cpu() for batch in shown]))
    return torch.stack(views)


def sum_of_answers(logits: dict[str, torch.Tensor], targets: dict[str, torch.Tensor]) -> torch.Tensor:
    """The cross-entropy of each question, averaged over the images whose answer is known, summed over the questions."""
    parts = [
        F.cross_entropy(logits[q], target, ignore_index=UNKNOWN, reduction="sum") / (target != UNKNOWN).sum().clamp(min=1)
        for q, target in targets.items()
    ]
    return torch.stack(parts).sum()


def evaluate_classifier(config: Config, kind: str) -> pd.DataFrame:
    """Accuracy of a trained classifier on the real test images that it has not learned from and whose answer is known:
    ``question``, ``accuracy``, ``n``.
    """
    test = load_dataset(config.dataset, "test", config.data_dir)
    new = held_out(test) if kind == "classes" and not get_spec(config.dataset).rendered else np.full(len(test), True)
    classifier = load_classifier(config, kind).to(pick_device())
    records = [test[row] for row in np.flatnonzero(new)]
    predicted = predict_attributes(classifier, to_signed(load_images(records, config.classifier_size)))
    truth = [{"class": str(record.label), **record.attributes} for record in records]
    rows = []
    for question in classifier_heads(config, kind):
        right = [answer == t[question] for answer, t in zip(predicted[question], truth, strict=True) if question in t]
        if right:
            rows.append({"question": question, "accuracy": np.mean(right), "n": len(right)})
    return pd.DataFrame(rows)
