"""The recommended generator, whose blocks the sentence modulates, and its discriminator."""

import math
from itertools import pairwise
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

PATCH = 2  # the blocks of the modulated networks end at half the resolution, which saves three quarters of the work


class _Modulation(nn.Module):
    """Scale and shift every channel by functions of the condition."""

    def __init__(self, condition_dim: int, channels: int):
        super().__init__()
        first, last = nn.Linear(condition_dim, 128), nn.Linear(128, 2 * channels)
        self.scale_shift = nn.Sequential(first, nn.ReLU(), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        scale, shift = self.scale_shift(condition)[:, :, None, None].to(x.dtype).chunk(2, dim=1)
        return x * (1 + scale) + shift


class ModulatedBlock(nn.Module):
    """Upsample, then two modulated convolutions beside a shortcut."""

    resampling = "nearest"  # bilinear: chapter 27

    def __init__(self, inputs: int, outputs: int, condition_dim: int):
        super().__init__()
        self.modulate1, self.conv1 = _Modulation(condition_dim, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulate2, self.conv2 = _Modulation(condition_dim, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """(B, inputs, s, s) features and (B, C) conditions to (B, outputs, 2s, 2s) features."""
        y = F.leaky_relu(self.modulate1(x, condition), 0.2)
        y = self.conv1(F.interpolate(y, scale_factor=2, mode=self.resampling))
        y = self.conv2(F.leaky_relu(self.modulate2(y, condition), 0.2))
        return F.interpolate(self.skip(x), scale_factor=2, mode=self.resampling) + y


class ModulatedGenerator(nn.Module):
    """The recommended generator: the condition modulates every residual block (the DF-GAN family, Tao et al., 2022).

    Same inputs and outputs as `Generator`, with a single scale. It has no normalisation layers, so an image never depends
    on its batch. Two small convolutions end it, the first of which draws four pixels for each of its places: with a single one,
    every contour is a row of dots (chapter 27).

    Training pictures are mirrored at random, so both sides are equally likely. The generator need not learn that: it mirrors
    its picture where the first number of the noise is positive, and learns to draw one side.

    Args:
        embedding_dim: D of the speech embedding.
        noise_dim: length of the noise vector z.
        width: channels at the largest feature map; they double towards 4x4, up to 4 times as many.
        size: side of the image, 8 times a power of two.

    Raises:
        ValueError: `size` below 8.
    """

    block = ModulatedBlock

    def __init__(self, embedding_dim: int, noise_dim: int = 100, width: int = 32, size: int = 64):
        super().__init__()
        self.noise_dim = noise_dim
        if size < 4 * PATCH:
            raise ValueError(f"size is {size}; the modulated generator draws {4 * PATCH} pixels or more")
        levels = int(math.log2(size // PATCH // 4))
        channels = [width * min(2 ** (levels - level), 4) for level in range(levels + 1)]
        self.embed = nn.Linear(embedding_dim, 256)
        self.project = nn.Linear(noise_dim, channels[0] * 16)
        self.blocks = nn.ModuleList([self.block(a, b, 256 + noise_dim) for a, b in pairwise(channels)])
        details = max(channels[-1] // 2, 8)
        self.to_rgb = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels[-1], details * PATCH**2, 3, padding=1),
            nn.PixelShuffle(PATCH),
            nn.LeakyReLU(0.2),
            nn.Conv2d(details, 3, 3, padding=1),
            nn.Tanh(),
        )
        widen = cast(nn.Conv2d, self.to_rgb[1])  # at first, the pixels of a place are equals: no pattern to be unlearned
        for parameter in widen.parameters():
            parameter.data = parameter.data[:: PATCH**2].repeat_interleave(PATCH**2, dim=0)

    def forward(self, noise: torch.Tensor, embedding: torch.Tensor) -> list[torch.Tensor]:
        """(B, noise_dim) and (B, D) to a list with one (B, 3, size, size) image batch in [-1, 1]."""
        condition = torch.cat([self.embed(embedding), noise], dim=1)
        x = self.project(noise).view(len(noise), -1, 4, 4)
        for block in self.blocks:
            x = block(x, condition)
        images = self.to_rgb(x).float()
        return [torch.where(noise[:, :1, None, None] > 0, images.flip(-1), images)]


class _DownBlock(nn.Module):
    """Two convolutions, the first of which halves the side, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.LeakyReLU(0.2),
        )
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.gain = nn.Parameter(torch.full((1,), 0.3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.skip(F.avg_pool2d(x, 2)) + self.gain * self.body(x)


class ProjectionDiscriminator(nn.Module):
    """One discriminator: residual blocks to 4x4, then "is it real?" plus "does the look fit the sentence?".

    (B, 3, size, size) images and (B, D) embeddings to (B,) logits. The second part is an inner product of two 256-d
    vectors, the look of the image and the sentence (Miyato and Koyama, 2018). Beside it, every patch of 20 x 20 pixels is
    scored for itself (as in PatchGAN, Isola et al., 2017): the few training classes are soon known by heart, their contours and
    feathers are not.
    """

    def __init__(self, embedding_dim: int, size: int = 64, width: int = 32):
        super().__init__()
        levels = int(math.log2(size // PATCH // 4))
        channels = [width * min(2**level, 4) for level in range(levels + 1)]
        self.from_rgb = nn.Sequential(nn.PixelUnshuffle(PATCH), nn.Conv2d(3 * PATCH**2, channels[0], 3, padding=1))
        self.blocks = nn.Sequential(*[_DownBlock(a, b) for a, b in pairwise(channels)])
        self.realism = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(channels[-1] * 16, 1))
        self.look = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(channels[-1] * 16, 256))
        self.sentence = nn.Linear(embedding_dim, 256)
        self.patch = nn.Sequential(nn.LeakyReLU(0.2), nn.Conv2d(channels[min(1, levels)], 1, 1))

    def forward(self, images: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """(B,) logits: is it real, and does it show what the sentence says?"""
        return self.conditional_logits(self.features(images), embedding)[0]

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C) features of (B, 3, size, size) images."""
        return self.features_and_patches(images)[0]

    def features_and_patches(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The features of (B, 3, size, size) images and the (B, P) logits of their P overlapping patches: is each real?"""
        x = self.blocks[:1](self.from_rgb(images))
        return self.blocks[1:](x).flatten(1), self.patch(x).float().flatten(1)

    def conditional_logits(self, features: torch.Tensor, *embeddings: torch.Tensor) -> list[torch.Tensor]:
        """(B,) logits from (B, C) features for each of the (B, D) embeddings."""
        look, realism = self.look(features), self.realism(features).float()[:, 0]
        return [realism + (look * self.sentence(embedding)).float().sum(dim=1) / 16 for embedding in embeddings]
