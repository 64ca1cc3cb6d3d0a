"""StackGAN-v2 (Eqs. 5 and 10-14): the paper's generator and its discriminators, and the blocks that StackGAN-v1 shares."""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


class GLU(nn.Module):
    """Half of the channels gate the other half."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 2 C, ...) to (B, C, ...)."""
        values, gates = x.chunk(2, dim=1)
        return values * torch.sigmoid(gates)


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution of images without bias, padded by one."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=1, bias=False)


class ConditionedConvolution(nn.Module):
    """A 3x3 convolution of (B, inputs, s, s) features that have a (B, D) condition beside them at every position.

    Gives the numbers of joining the features and a map that repeats the condition, as StackGAN does, for less: what a map
    of equal values adds depends on the borders alone, so three positions a side tell it for any s of at least 2. The
    features' share serves any number of conditions.
    """

    def __init__(self, inputs: int, condition_dim: int, outputs: int):
        super().__init__()
        self.joined = convolution(inputs + condition_dim, outputs)
        self.shares = (inputs, condition_dim)

    def forward(self, features: torch.Tensor, *conditions: torch.Tensor) -> list[torch.Tensor]:
        """A list of (B, outputs, s, s) maps, one for each condition."""
        for_features, for_condition = self.joined.weight.split(self.shares, dim=1)
        drawn = F.conv2d(features, for_features, padding=1)
        nines = [
            F.conv2d(condition[:, :, None, None].expand(-1, -1, 3, 3), for_condition, padding=1) for condition in conditions
        ]
        return [drawn + _stretch(_stretch(nine, drawn.shape[2], 2), drawn.shape[3], 3) for nine in nines]


def _stretch(x: torch.Tensor, size: int, dim: int) -> torch.Tensor:
    """Repeat the middle one of three rows or columns until there are `size`."""
    first, middle, last = x.split(1, dim)
    return torch.cat([first, *[middle] * (size - 2), last], dim)


def gated(inputs: int, outputs: int) -> list[nn.Module]:
    """Convolution, batch normalisation and GLU."""
    return [convolution(inputs, 2 * outputs), *gate(outputs)]


def gate(channels: int) -> list[nn.Module]:
    """Batch normalisation and GLU, from 2 `channels` to `channels`."""
    return [nn.BatchNorm2d(2 * channels), GLU()]


def upsample(inputs: int, outputs: int) -> nn.Sequential:
    """Twice the size by repetition, then ``gated``."""
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), *gated(inputs, outputs))


class GatedResidual(nn.Module):
    """Two convolutions beside a shortcut: (B, channels, s, s) to the same."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(*gated(channels, channels), convolution(channels, channels), nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, s, s) to the same."""
        return x + self.body(x)


class ConditioningAugmentation(nn.Module):
    """Draw the condition from N(mean(embedding), variance(embedding)) (StackGAN; the paper does not mention it).

    (B, D) embeddings to (condition, mean, log_variance), (B, C) each. With ``augment=False`` the condition is the mean.
    """

    def __init__(self, embedding_dim: int, condition_dim: int, augment: bool = True):
        super().__init__()
        self.augment = augment
        self.project = nn.Sequential(nn.Linear(embedding_dim, 4 * condition_dim), GLU())

    def forward(
        self, embedding: torch.Tensor, noise: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B, D) embeddings to the condition, its mean and its log-variance; `noise`, (B, C), is drawn if it is not given."""
        mean, log_variance = self.project(embedding).float().chunk(2, dim=1)
        if not self.augment:
            return mean, mean, log_variance
        noise = torch.randn_like(mean) if noise is None else noise
        return mean + noise * (0.5 * log_variance).exp(), mean, log_variance


class FirstStage(nn.Module):
    """Condition and noise to the features of the smallest scale."""

    def __init__(self, inputs: int, width: int, size: int):
        super().__init__()
        levels = int(math.log2(size // 4))
        self.channels = width * 2**levels
        self.project = nn.Sequential(
            nn.Linear(inputs, self.channels * 32, bias=False), nn.BatchNorm1d(self.channels * 32), GLU()
        )
        self.ups = nn.Sequential(*[upsample(self.channels >> i, self.channels >> (i + 1)) for i in range(levels)])

    def forward(self, condition: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """(B, C) and (B, noise_dim) to (B, width, size, size)."""
        return self.ups(self.project(torch.cat([condition, noise], dim=1)).view(len(noise), self.channels, 4, 4))


class NextStage(nn.Module):
    """Features of one scale and the condition to features of twice the size (two residual blocks, Section III-C)."""

    def __init__(self, channels: int, condition_dim: int):
        super().__init__()
        self.join = ConditionedConvolution(channels, condition_dim, 2 * channels)
        self.body = nn.Sequential(
            *gate(channels), GatedResidual(channels), GatedResidual(channels), upsample(channels, channels // 2)
        )

    def forward(self, features: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """(B, channels, s, s) and (B, C) to (B, channels / 2, 2 s, 2 s)."""
        return self.body(*self.join(features, condition))


def initialise(module: nn.Module) -> None:
    """Orthogonal weights, as released; for ``Module.apply``."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.orthogonal_(module.weight)


class Generator(nn.Module):
    """StackGAN-v2 (Eq. 5): a first stage and `num_scales` - 1 refinements, one image per scale.

    With ``width=64, base_size=64, num_scales=3`` it is the released network: 64, 128 and 256 px.

    Args:
        embedding_dim: D of the speech embedding.
        noise_dim: length of the noise vector z.
        condition_dim: length of the augmented condition.
        width: channels at the smallest scale; each further scale has half as many.
        base_size: side of the smallest image, 4 times a power of two.
        num_scales: number of images.
        augment_condition: sample the condition (conditioning augmentation) or take its mean.
    """

    def __init__(
        self,
        embedding_dim: int,
        noise_dim: int = 100,
        condition_dim: int = 128,
        width: int = 64,
        base_size: int = 64,
        num_scales: int = 3,
        augment_condition: bool = True,
    ):
        super().__init__()
        self.noise_dim = noise_dim
        self.augmentation = ConditioningAugmentation(embedding_dim, condition_dim, augment_condition)
        self.first = FirstStage(condition_dim + noise_dim, width, base_size)
        widths = [width >> scale for scale in range(num_scales)]
        self.stages = nn.ModuleList([NextStage(channels, condition_dim) for channels in widths[:-1]])
        self.to_rgb = nn.ModuleList([nn.Sequential(convolution(channels, 3), nn.Tanh()) for channels in widths])
        self.apply(initialise)

    def forward(self, noise: torch.Tensor, embedding: torch.Tensor) -> list[torch.Tensor]:
        """(B, noise_dim) and (B, D) to images (B, 3, s, s) in [-1, 1], smallest scale first."""
        return self.generate(noise, embedding)[0]

    def generate(self, noise: torch.Tensor, embedding: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
        """Like ``forward``, with the mean and log-variance of the condition, (B, condition_dim), that training needs."""
        condition, mean, log_variance = self.augmentation(embedding)
        features = self.first(condition, noise)
        images = [self.to_rgb[0](features)]
        for stage, to_rgb in zip(self.stages, self.to_rgb[1:]):
            features = stage(features, condition)
            images.append(to_rgb(features))
        return [image.float() for image in images], mean, log_variance


class Discriminator(nn.Module):
    """The discriminator of one scale: (B, 3, size, size) images and (B, C) conditions to two (B,) logits.

    Strided convolutions down to 4x4, then one head that sees the condition and one that does not (Eqs. 11-13).
    """

    def __init__(self, size: int, condition_dim: int = 128, width: int = 64):
        super().__init__()
        levels = int(math.log2(size // 4))
        channels = [3] + [width * 2**level for level in range(levels)]
        layers: list[nn.Module] = []
        for level, (inputs, outputs) in enumerate(pairwise(channels)):
            norm = [nn.BatchNorm2d(outputs)] if level else []
            layers += [convolution(inputs, outputs, 4, 2), *norm, nn.LeakyReLU(0.2)]
        last = channels[-1]
        while last != 8 * width:  # larger scales come back to 8 width, smaller ones grow to it
            target = last // 2 if last > 8 * width else 8 * width
            layers += [convolution(last, target), nn.BatchNorm2d(target), nn.LeakyReLU(0.2)]
            last = target
        self.features = nn.Sequential(*layers)
        self.join = ConditionedConvolution(last, condition_dim, last)
        self.joint = nn.Sequential(nn.BatchNorm2d(last), nn.LeakyReLU(0.2))
        self.conditional, self.unconditional = nn.Conv2d(last, 1, 4), nn.Conv2d(last, 1, 4)
        self.apply(initialise)

    def forward(self, images: torch.Tensor, condition: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Conditional and unconditional logits."""
        features = self.features(images)
        return *self.conditional_logits(features, condition), self.unconditional(features).flatten().float()

    def conditional_logits(self, features: torch.Tensor, *conditions: torch.Tensor) -> list[torch.Tensor]:
        """Conditional (B,) logits from (B, 8 width, 4, 4) features for each of the (B, C) conditions."""
        return [self.conditional(self.joint(joined)).flatten().float() for joined in self.join(features, *conditions)]
