"""StackGAN-v1 (Zhang et al., 2017), a baseline of Section IV-B."""

import math
from itertools import pairwise

import torch
from torch import nn

from s2i_lib.models.stackgan import (
    ConditionedConvolution,
    ConditioningAugmentation,
    FirstStage,
    GatedResidual,
    convolution,
    gate,
    initialise,
    upsample,
)


class StageOne(nn.Module):
    """Stage I of StackGAN-v1: (B, noise_dim) and (B, D) to a (B, 3, size, size) image, with the condition's mean and
    log-variance.
    """

    def __init__(self, embedding_dim: int, noise_dim: int, condition_dim: int, width: int, size: int, augment: bool):
        super().__init__()
        self.augmentation = ConditioningAugmentation(embedding_dim, condition_dim, augment)
        self.first = FirstStage(condition_dim + noise_dim, width, size)
        self.to_rgb = nn.Sequential(convolution(width, 3), nn.Tanh())

    def forward(self, noise: torch.Tensor, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B, noise_dim) and (B, D) to the image, and mean and log-variance of its condition."""
        condition, mean, log_variance = self.augmentation(embedding)
        return self.to_rgb(self.first(condition, noise)).float(), mean, log_variance


class StageTwo(nn.Module):
    """Stage II of StackGAN-v1: a (B, 3, size, size) picture is encoded again beside the sentence and drawn anew, four times as
    large.

    It is read down to 16x16, as in the original with its 64 px, and never below: at 4x4 little of a small picture is left.
    """

    def __init__(self, embedding_dim: int, condition_dim: int, width: int, size: int, augment: bool):
        super().__init__()
        self.augmentation = ConditioningAugmentation(embedding_dim, condition_dim, augment)
        halvings = int(math.log2(max(size, 16) // 16))
        widths = [width * 2 ** min(level, 2) for level in range(halvings + 1)]
        read = [convolution(3, width), nn.ReLU()]
        for inputs, outputs in pairwise(widths):
            read += [convolution(inputs, outputs, 4, 2), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.read = nn.Sequential(*read)
        last = widths[-1]
        self.join = ConditionedConvolution(last, condition_dim, 8 * width)
        self.joint = nn.Sequential(*gate(4 * width), *[GatedResidual(4 * width) for _ in range(4)])
        widths = [4 * width // 2**level for level in range(halvings + 3)]
        self.ups = nn.Sequential(*[upsample(a, b) for a, b in pairwise(widths)])
        self.to_rgb = nn.Sequential(convolution(widths[-1], 3), nn.Tanh())

    def forward(self, image: torch.Tensor, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B, 3, size, size) and (B, D) to a (B, 3, 4 size, 4 size) image, and mean and log-variance of its condition."""
        condition, mean, log_variance = self.augmentation(embedding)
        (joined,) = self.join(self.read(image), condition)
        return self.to_rgb(self.ups(self.joint(joined))).float(), mean, log_variance


class StackGANv1(nn.Module):
    """StackGAN-v1 (Zhang et al., 2017): two stages that are trained one after the other, each with its own condition.

    Same inputs and outputs as `Generator`, with two scales: `base_size` and four times that.

    Args:
        embedding_dim: D of the sentence embedding.
        noise_dim: length of the noise vector z.
        condition_dim: length of the augmented condition.
        width: channels of the first stage at its last layer, at least 4.
        base_size: side of the first stage's image, 4 times a power of two.
        augment_condition: sample the condition or take its mean.
    """

    def __init__(
        self,
        embedding_dim: int,
        noise_dim: int = 100,
        condition_dim: int = 128,
        width: int = 64,
        base_size: int = 64,
        augment_condition: bool = True,
    ):
        super().__init__()
        self.noise_dim = noise_dim
        self.stage_one = StageOne(embedding_dim, noise_dim, condition_dim, width, base_size, augment_condition)
        self.stage_two = StageTwo(embedding_dim, condition_dim, width, base_size, augment_condition)
        self.apply(initialise)

    def forward(self, noise: torch.Tensor, embedding: torch.Tensor) -> list[torch.Tensor]:
        """(B, noise_dim) and (B, D) to two image batches in [-1, 1], smallest first."""
        small = self.stage_one(noise, embedding)[0]
        return [small, self.stage_two(small, embedding)[0]]

    def generate_stage(
        self, noise: torch.Tensor, embedding: torch.Tensor, stage: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The images of stage 0 or 1 with the mean and log-variance of its condition; stage 1 leaves stage 0 as it is."""
        if stage == 0:
            return self.stage_one(noise, embedding)
        with torch.no_grad():
            small = self.stage_one.eval()(noise, embedding)[0]
        return self.stage_two(small, embedding)
