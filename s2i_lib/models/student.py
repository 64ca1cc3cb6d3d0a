"""The student (Section III-D1): a speech or text encoder with the space that it is taught in and the loss that teaches it."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from s2i_lib import losses
from s2i_lib.config import Config
from s2i_lib.models.speech_encoder import SpeechEncoder
from s2i_lib.models.state_encoder import StateEncoder
from s2i_lib.models.text_encoder import TextEncoder
from s2i_lib.sections import EncoderConfig


class TargetSpace(nn.Module):
    """A fixed linear map of the teacher's features to the space that the student is taught in.

    Raw pooled features are positive, of very different size and strongly correlated, so that a few directions decide every
    distance, and most of what they show (pose, light, background) no sentence tells. With `target_dim` the map is a linear
    discriminant analysis: what varies within the training classes is whitened away, then the directions in which the class
    means differ most are kept, by default each with deviation 1 over the class means. Without it every coordinate is
    standardised.

    Args:
        teacher_dim: dimension of the teacher's features.
        target_dim: number of discriminant directions, below the number of training classes, or None.
        whitening: 1 for class means of the same variance along all directions, 0 for the variance that they have where
            pictures of one class have variance 1; in between, a power of it.
    """

    def __init__(self, teacher_dim: int, target_dim: int | None = None, whitening: float = 1.0):
        super().__init__()
        self.target_dim, self.whitening = target_dim, whitening
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
        values, vectors = values[-self.target_dim :].flip(0).clamp_min(1e-9), vectors[:, -self.target_dim :].flip(1)
        self.map = (whiten @ (vectors / values.sqrt() ** self.whitening)).float() / std[:, None]
        return self

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(..., teacher_dim) features to (..., target_dim)."""
        return (features - self.mean) @ self.map


Encoder = SpeechEncoder | StateEncoder | TextEncoder


def build_encoder(settings: EncoderConfig, embedding_dim: int) -> Encoder:
    """The network that a configuration names: for spectrograms, for states of a frozen encoder, or for text."""
    if settings.input == "text":
        return TextEncoder(embedding_dim, settings.width, settings.rnn_dim)
    if settings.front_end == "whisper":
        layers = 5 if settings.layers == "all" else 1
        return StateEncoder(
            embedding_dim,
            layers=layers,
            width=8 * settings.width,
            convolutions=settings.convolutions,
            growth=settings.growth,
        )
    return SpeechEncoder(embedding_dim, settings.width, settings.rnn_dim, pooling=settings.pooling)


class SpeechModel(nn.Module):
    """The student with the space it is taught in: ``encoder``, ``targets`` and what its loss learns beside it."""

    def __init__(self, config: Config, teacher_dim: int):
        super().__init__()
        self.config = config.encoder
        settings = config.encoder
        self.encoder = build_encoder(settings, settings.target_dim or teacher_dim)
        self.targets = TargetSpace(teacher_dim, settings.target_dim, settings.target_whitening)
        self.log_temperature = nn.Parameter(torch.tensor(float(np.log(0.07))))
        if settings.loss == "classifier":
            self.head = nn.Linear(self.encoder.embedding_dim, config.data.num_train_classes)
        self.weights: torch.Tensor
        self.register_buffer("weights", torch.tensor([losses.PAPER_WEIGHTS[name] for name in ("jel", "norm", "kdl")]))

    def embed(self, batch: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """A padded batch and its (B,) lengths to (B, D) embeddings, the condition of the generator.

        They have the length sqrt(D), unless the configuration leaves them as they are (``EncoderConfig.normalise``).

        The losses leave embeddings of very different length (Eq. 8 shrinks what it is unsure of), and a generator hardly
        responds to a small condition. Only the direction is kept, which is all that a cosine sees.
        """
        embedding = self.encoder(batch, lengths)
        if not self.config.normalise:
            return embedding
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
        return losses.teacher_student_loss(
            speech, image, labels, {name: weights[name] for name in losses.TERMS[self.config.loss]}
        )
