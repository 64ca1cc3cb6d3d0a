"""The classifiers that score images: what reads attributes or classes off a picture, real or generated."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from s2i_lib.config import Config
from s2i_lib.datasets import get_spec
from s2i_lib.datasets.photos import weights
from s2i_lib.models.pretrained import EfficientNetStages
from s2i_lib.models.teacher import resize

Heads = Mapping[str, tuple[str, ...]]  # question -> its possible answers


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(F.avg_pool2d(self.body(x) + self.skip(x), 2))


class Classifier(nn.Module):
    """What all classifiers of pictures have in common: feature maps, and one softmax head per question on them.

    Attributes:
        answers: question -> its possible answers, for example ``{"crown": ("black", "white"), ...}``.
        image_size: side in pixels that every picture is brought to.
        heads: question -> the last layer, on what ``pooled`` gives.
    """

    answers: dict[str, tuple[str, ...]]
    image_size: int
    heads: nn.ModuleDict

    def grid(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) images in [-1, 1] to (B, C, h, w) feature maps; their mean is what distances are taken in."""
        raise NotImplementedError

    def pooled(self, grid: torch.Tensor) -> torch.Tensor:
        """The feature maps of ``grid`` to the (B, D) float32 features that the heads read."""
        return grid.flatten(1).float()

    def answer(self, grid: torch.Tensor) -> dict[str, torch.Tensor]:
        """The feature maps of ``grid`` to question -> (B, answers) logits."""
        features = self.pooled(grid)
        return {question: head(features) for question, head in self.heads.items()}

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """(B, 3, H, W) images in [-1, 1] to question -> (B, answers) logits."""
        return self.answer(self.grid(images))


def _head_for_each(answers: dict[str, tuple[str, ...]], features: int) -> nn.ModuleDict:
    return nn.ModuleDict({question: nn.Linear(features, len(known)) for question, known in answers.items()})


class ImageClassifier(Classifier):
    """A small residual network with one softmax head per question.

    Args:
        heads: question -> its possible answers, for example ``{"crown": ("black", "white"), ...}``.
        image_size: side in pixels of the images it reads, a multiple of 8.
        width: channels of the first layer.
    """

    def __init__(self, heads: Heads, image_size: int, width: int = 32):
        super().__init__()
        self.answers, self.image_size, self.width = {q: tuple(a) for q, a in heads.items()}, image_size, width
        depth = int(np.log2(image_size // 8))
        channels = [width * min(2**level, 4) for level in range(depth + 1)]
        self.stem = nn.Conv2d(3, channels[0], 6, stride=2, padding=2)
        self.blocks = nn.Sequential(*[_Residual(a, b) for a, b in pairwise(channels)])
        self.dropout = nn.Dropout(0.2)
        self.heads = _head_for_each(self.answers, channels[-1] * 16)

    def grid(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) images in [-1, 1] to the last (B, C, h, w) feature maps; their mean is what distances are taken in."""
        return self.blocks(F.relu(self.stem(resize(images, self.image_size))))

    def pooled(self, grid: torch.Tensor) -> torch.Tensor:
        """Its means over 4 x 4 parts of the picture."""
        return self.dropout(F.adaptive_avg_pool2d(grid, 4).flatten(1).float())


class FrozenClassifier(Classifier):
    """One softmax head per question on the frozen features of EfficientNet-Lite1, for photographs.

    The few species of training are too few to learn seeing from: on species that it has not seen, an ``ImageClassifier`` is
    right about as often as one who always says the commonest answer.

    Args:
        heads: question -> its possible answers.
    """

    WIDTH = 64

    def __init__(self, heads: Heads):
        super().__init__()
        self.answers, self.image_size = {q: tuple(a) for q, a in heads.items()}, EfficientNetStages.image_size
        self.stages = EfficientNetStages()
        self.dropout = nn.Dropout(0.8)
        self.reduce = nn.Sequential(
            nn.BatchNorm2d(self.stages.dim),
            nn.Dropout2d(0.2),
            nn.Conv2d(self.stages.dim, self.WIDTH, 1),
            nn.BatchNorm2d(self.WIDTH),
        )
        self.heads = _head_for_each(self.answers, self.WIDTH * self.stages.side**2)

    @torch.no_grad()
    def frozen(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) images in [-1, 1] to the (B, 784, 4, 4) features of the frozen network."""
        return self.stages(resize(images, self.image_size))

    def reduced(self, frozen: torch.Tensor) -> torch.Tensor:
        """What ``frozen`` gives to (B, 64, 4, 4) feature maps."""
        return F.relu(self.reduce(frozen))

    def grid(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) images in [-1, 1] to (B, 64, 4, 4) feature maps; their mean is what distances are taken in."""
        return self.reduced(self.frozen(images))

    def pooled(self, grid: torch.Tensor) -> torch.Tensor:
        """All of it."""
        return self.dropout(grid.flatten(1).float())


class InceptionClassifier(Classifier):
    """Inception-v3 with one softmax head per question, to be fine-tuned from torchvision's ImageNet weights (Section IV-A).

    It has the interface of ``ImageClassifier`` and sees every picture at 299 px, in the range of its weights.

    Args:
        heads: question -> its possible answers.
        path: torchvision's state dict to start from; None for a network whose weights are loaded afterwards.
    """

    def __init__(self, heads: Heads, path: str | Path | None = None):
        super().__init__()
        from torchvision.models import inception_v3

        self.answers, self.image_size = {q: tuple(a) for q, a in heads.items()}, 299
        self.network = inception_v3(weights=None, init_weights=False, aux_logits=False, transform_input=False)
        if path is not None:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.network.load_state_dict({key: value for key, value in state.items() if not key.startswith("Aux")})
        self.network.fc = nn.Identity()
        self.heads = _head_for_each(self.answers, 2048)

    def grid(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) images in [-1, 1] to (B, 2048, 1, 1) features, already averaged over the picture."""
        return self.network(resize(images, self.image_size))[:, :, None, None]


def classifier_heads(config: Config, kind: str) -> dict[str, tuple[str, ...]]:
    """Questions and answers of a classifier: ``attributes`` (one question per attribute) or ``classes`` (the test classes,
    which are all classes if there are no new ones to test).
    """
    if kind == "attributes":
        return dict(config.spec.attributes)
    new = range(config.data.num_train_classes, config.data.num_classes)
    return {"class": tuple(str(label) for label in new or range(config.data.num_classes))}


def build_classifier(config: Config, kind: str, pretrained: bool = False) -> Classifier:
    """The untrained network of a classifier; `pretrained`: an Inception starts from its ImageNet weights, which must be
    there.
    """
    heads = classifier_heads(config, kind)
    if kind == "classes" and config.classifier.network == "inception":
        return InceptionClassifier(heads, weights.find(weights.INCEPTION) if pretrained else None)
    if kind == "attributes" and not get_spec(config.dataset).rendered:
        return FrozenClassifier(heads)
    return ImageClassifier(heads, config.classifier_size, config.classifier.width)


Answers = dict[str, NDArray[np.float32]]


@torch.no_grad()
def predict_with_features(
    classifier: Classifier, images: torch.Tensor, batch_size: int = 128
) -> tuple[Answers, NDArray[np.float32]]:
    """``predict``, and the (N, C) features behind the answers: the last feature maps, averaged over the picture."""
    device = next(classifier.parameters()).device
    parts, features = [], []
    for batch in images.split(batch_size):
        grid = classifier.grid(batch.to(device))
        parts.append({q: F.softmax(logits, 1).cpu().numpy() for q, logits in classifier.answer(grid).items()})
        features.append(grid.mean((2, 3)).float().cpu().numpy())
    return {question: np.concatenate([part[question] for part in parts]) for question in parts[0]}, np.concatenate(features)


def predict(classifier: Classifier, images: torch.Tensor, batch_size: int = 128) -> Answers:
    """Probabilities that a classifier gives (N, 3, H, W) images in [-1, 1]: question -> (N, answers)."""
    return predict_with_features(classifier, images, batch_size)[0]


def most_probable(classifier: Classifier, probabilities: Answers) -> dict[str, NDArray[np.str_]]:
    """The most probable answer to each question: question -> (N,) strings."""
    return {question: np.array(classifier.answers[question])[part.argmax(1)] for question, part in probabilities.items()}


def predict_attributes(classifier: Classifier, images: torch.Tensor) -> dict[str, NDArray[np.str_]]:
    """Most probable answer of a classifier to each of its questions: question -> (N,) strings."""
    return most_probable(classifier, predict(classifier, images))
