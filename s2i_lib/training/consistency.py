"""Teacher consistency: a picture has to show what its sentence says, also where no training picture does.

A discriminator knows the training classes only, and with them as few combinations of parts and colours. What a generator draws
for a new combination is left to chance. The frozen teacher knows more: a linear map of its features, fitted on the training
pictures, says which sentence a picture fits. So sentences that lie between two of the training set are drawn too, and the
teacher has to identify each in its picture (after the teacher-aware matching of GALIP, Tao et al., 2023).
"""

import torch
from torch import nn
from torch.nn import functional as F

from s2i_lib import losses
from s2i_lib.features import to_signed
from s2i_lib.models.teacher import Teacher, resize

SIZE = 64  # pixels that the teacher sees: a quarter of the cost of 128, and enough to tell combinations apart
CUT = 0.2  # share of the side that is cut off at most
RIDGE = 300.0  # of several tried on validation classes, where 30 and 3,000 were a little worse


class TeacherConsistency(nn.Module):
    """A frozen teacher and a linear map of its features to the space of the sentences.

    Args:
        teacher: with features of all stages, seeing pictures of `SIZE`.
        images: (N, 3, s, s) uint8 training pictures.
        embeddings: (N, K, D) of K spoken captions each.
        labels: (N,), equal for images that one sentence fits; these share their target, the mean of their embeddings.
    """

    def __init__(self, teacher: Teacher, images: torch.Tensor, embeddings: torch.Tensor, labels: torch.Tensor):
        super().__init__()
        self.teacher = teacher
        with torch.no_grad():
            features = torch.cat([self.features(to_signed(batch)) for batch in images.split(64)])
        self.mean, self.std = features.mean(0), features.std(0) + 1e-6
        self.map = _ridge(self._inputs(features), _class_means(embeddings.mean(1), labels))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, s, s) images in [-1, 1] to (B, C) features of all stages, with a gradient also where a channel is silent."""
        teacher, images = self.teacher, resize((images + 1) / 2, SIZE)
        grids = teacher.trunk(((images - teacher.mean) / teacher.std).contiguous(memory_format=torch.channels_last))
        pooled = [(grid.float() + 1e-4).pow(teacher.power).mean((2, 3)).pow(1 / teacher.power) for grid in grids]
        return torch.cat(pooled, dim=1)

    def _inputs(self, features: torch.Tensor) -> torch.Tensor:
        return F.pad((features - self.mean) / self.std, (0, 1), value=1.0)

    def forward(self, images: torch.Tensor, sentences: torch.Tensor) -> torch.Tensor:
        """The contrastive loss of (B, 3, s, s) pictures in [-1, 1] with the (B, D) sentences that they were drawn for.

        Each call shows the teacher another part of them.
        """
        identified = self._inputs(self.features(random_part(images))) @ self.map
        labels = torch.arange(len(images), device=images.device)
        return losses.contrastive_loss(identified, sentences.float(), labels, temperature=0.1)


def random_part(images: torch.Tensor) -> torch.Tensor:
    """A random square of (B, 3, s, s) images with at least four fifths of their side, scaled to the size of the whole.

    If the teacher always saw the same pixels, the generator would learn patterns of dots that only the teacher understands.
    """
    size = images.shape[-1]
    side = size - int(torch.randint(int(CUT * size) + 1, ()))
    top, left = (int(torch.randint(size - side + 1, ())) for _ in range(2))
    part = images[..., top : top + side, left : left + side].float()
    return F.interpolate(part, size=size, mode="bicubic", align_corners=False)


def _class_means(values: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(N, D) values to the mean over those that share their label, (N, D)."""
    _, codes = labels.unique(return_inverse=True)
    counts = codes.bincount().to(values)
    sums = torch.zeros(len(counts), values.shape[1], device=values.device).index_add_(0, codes, values)
    return (sums / counts[:, None])[codes]


def _ridge(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The (C, D) map with the least squared error, and `RIDGE` times its own squared size, from (N, C) to (N, D)."""
    inputs = inputs.double()
    gram = inputs.T @ inputs + RIDGE * torch.eye(inputs.shape[1], dtype=inputs.dtype, device=inputs.device)
    return torch.linalg.solve(gram, inputs.T @ targets.double()).float()


def mixed_sentences(sentences: torch.Tensor, count: int) -> torch.Tensor:
    """(B, D) sentences to (count, D) that lie a tenth to three tenths of the way from one of them to another, equally long.

    Half-way between a bird with a crest and one without there is no bird: crests then become vague.
    """
    share = 0.1 + 0.2 * torch.rand(count, 1, device=sentences.device)
    others = torch.randperm(len(sentences), device=sentences.device)[:count]
    between = torch.lerp(sentences[:count], sentences[others], share)
    return F.normalize(between, dim=1) * sentences.shape[1] ** 0.5
