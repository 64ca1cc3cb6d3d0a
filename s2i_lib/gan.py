"""Conditional GANs with one interface: the paper's StackGAN-v2, a recommended modulated generator, and StackGAN-v1.

A generator maps (B, noise_dim) noise and (B, D) speech embeddings to a list of (B, 3, s, s) images in [-1, 1], smallest
scale first. `build_gan` makes the pair that a configuration asks for.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class GLU(nn.Module):
    """Half of the channels gate the other half."""

    def forward(self, x):
        values, gates = x.chunk(2, dim=1)
        return values * torch.sigmoid(gates)


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=1, bias=False)


class _ConditionedConv(nn.Conv2d):
    """A 3x3 convolution of (B, inputs, s, s) features that have a (B, D) condition beside them at every position.

    Gives the numbers of joining the features and a map that repeats the condition, as StackGAN does, for less: what a map
    of equal values adds depends on the borders alone, so three positions a side tell it for any s of at least 2. The
    features' share serves any number of conditions.
    """

    def __init__(self, inputs: int, condition_dim: int, outputs: int):
        super().__init__(inputs + condition_dim, outputs, 3, padding=1, bias=False)
        self.shares = (inputs, condition_dim)

    def forward(self, features, *conditions):
        """A list of (B, outputs, s, s) maps, one for each condition."""
        for_features, for_condition = self.weight.split(self.shares, dim=1)
        drawn = F.conv2d(features, for_features, padding=1)
        nines = [F.conv2d(condition[:, :, None, None].expand(-1, -1, 3, 3), for_condition, padding=1)
                 for condition in conditions]
        return [drawn + _stretch(_stretch(nine, drawn.shape[2], 2), drawn.shape[3], 3) for nine in nines]


def _stretch(x, size: int, dim: int):
    """Repeat the middle one of three rows or columns until there are `size`."""
    first, middle, last = x.split(1, dim)
    return torch.cat([first, *[middle] * (size - 2), last], dim)


def _gated(inputs: int, outputs: int) -> list[nn.Module]:
    return [_conv(inputs, 2 * outputs), *_gate(outputs)]


def _gate(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(2 * channels), GLU()]


def _upsample(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), *_gated(inputs, outputs))


class _GatedResidual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(*_gated(channels, channels), _conv(channels, channels), nn.BatchNorm2d(channels))

    def forward(self, x):
        return x + self.body(x)


class ConditioningAugmentation(nn.Module):
    """Draw the condition from N(mean(embedding), variance(embedding)) (StackGAN; the paper does not mention it).

    (B, D) embeddings to (condition, mean, log_variance), (B, C) each. With ``augment=False`` the condition is the mean.
    """

    def __init__(self, embedding_dim: int, condition_dim: int, augment: bool = True):
        super().__init__()
        self.augment = augment
        self.project = nn.Sequential(nn.Linear(embedding_dim, 4 * condition_dim), GLU())

    def forward(self, embedding, noise=None):
        mean, log_variance = self.project(embedding).float().chunk(2, dim=1)
        if not self.augment:
            return mean, mean, log_variance
        noise = torch.randn_like(mean) if noise is None else noise
        return mean + noise * (0.5 * log_variance).exp(), mean, log_variance


class _FirstStage(nn.Module):
    """Condition and noise to the features of the smallest scale."""

    def __init__(self, inputs: int, width: int, size: int):
        super().__init__()
        levels = int(math.log2(size // 4))
        self.channels = width * 2**levels
        self.project = nn.Sequential(nn.Linear(inputs, self.channels * 32, bias=False),
                                     nn.BatchNorm1d(self.channels * 32), GLU())
        self.ups = nn.Sequential(*[_upsample(self.channels >> i, self.channels >> (i + 1)) for i in range(levels)])

    def forward(self, condition, noise):
        return self.ups(self.project(torch.cat([condition, noise], dim=1)).view(len(noise), self.channels, 4, 4))


class _NextStage(nn.Module):
    """Features of one scale and the condition to features of twice the size (two residual blocks, Section III-C)."""

    def __init__(self, channels: int, condition_dim: int):
        super().__init__()
        self.join = _ConditionedConv(channels, condition_dim, 2 * channels)
        self.body = nn.Sequential(*_gate(channels), _GatedResidual(channels), _GatedResidual(channels),
                                  _upsample(channels, channels // 2))

    def forward(self, features, condition):
        return self.body(*self.join(features, condition))


def _initialise(module: nn.Module) -> None:
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

    def __init__(self, embedding_dim: int, noise_dim: int = 100, condition_dim: int = 128, width: int = 64,
                 base_size: int = 64, num_scales: int = 3, augment_condition: bool = True):
        super().__init__()
        self.noise_dim = noise_dim
        self.augmentation = ConditioningAugmentation(embedding_dim, condition_dim, augment_condition)
        self.first = _FirstStage(condition_dim + noise_dim, width, base_size)
        widths = [width >> scale for scale in range(num_scales)]
        self.stages = nn.ModuleList([_NextStage(channels, condition_dim) for channels in widths[:-1]])
        self.to_rgb = nn.ModuleList([nn.Sequential(_conv(channels, 3), nn.Tanh()) for channels in widths])
        self.apply(_initialise)

    def forward(self, noise: torch.Tensor, embedding: torch.Tensor) -> list[torch.Tensor]:
        """(B, noise_dim) and (B, D) to images (B, 3, s, s) in [-1, 1], smallest scale first."""
        return self.draw(noise, embedding)[0]

    def draw(self, noise, embedding):
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
        for level, (inputs, outputs) in enumerate(zip(channels, channels[1:])):
            norm = [nn.BatchNorm2d(outputs)] if level else []
            layers += [_conv(inputs, outputs, 4, 2), *norm, nn.LeakyReLU(0.2)]
        last = channels[-1]
        while last != 8 * width:  # larger scales come back to 8 width, smaller ones grow to it
            target = last // 2 if last > 8 * width else 8 * width
            layers += [_conv(last, target), nn.BatchNorm2d(target), nn.LeakyReLU(0.2)]
            last = target
        self.features = nn.Sequential(*layers)
        self.join = _ConditionedConv(last, condition_dim, last)
        self.joint = nn.Sequential(nn.BatchNorm2d(last), nn.LeakyReLU(0.2))
        self.conditional, self.unconditional = nn.Conv2d(last, 1, 4), nn.Conv2d(last, 1, 4)
        self.apply(_initialise)

    def forward(self, images: torch.Tensor, condition: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Conditional and unconditional logits."""
        features = self.features(images)
        return *self.judge(features, condition), self.unconditional(features).flatten().float()

    def judge(self, features: torch.Tensor, *conditions: torch.Tensor) -> list[torch.Tensor]:
        """Conditional (B,) logits from (B, 8 width, 4, 4) features for each of the (B, C) conditions."""
        return [self.conditional(self.joint(joined)).flatten().float() for joined in self.join(features, *conditions)]


class StageOne(nn.Module):
    """Stage I of StackGAN-v1: (B, noise_dim) and (B, D) to a (B, 3, size, size) image, with the condition's mean and
    log-variance."""

    def __init__(self, embedding_dim: int, noise_dim: int, condition_dim: int, width: int, size: int, augment: bool):
        super().__init__()
        self.augmentation = ConditioningAugmentation(embedding_dim, condition_dim, augment)
        self.first = _FirstStage(condition_dim + noise_dim, width, size)
        self.to_rgb = nn.Sequential(_conv(width, 3), nn.Tanh())

    def forward(self, noise, embedding):
        condition, mean, log_variance = self.augmentation(embedding)
        return self.to_rgb(self.first(condition, noise)).float(), mean, log_variance


class StageTwo(nn.Module):
    """Stage II of StackGAN-v1: a (B, 3, size, size) picture is read again beside the sentence and repainted four times as large.

    It is read down to 16x16, as in the original with its 64 px, and never below: at 4x4 little of a small picture is left.
    """

    def __init__(self, embedding_dim: int, condition_dim: int, width: int, size: int, augment: bool):
        super().__init__()
        self.augmentation = ConditioningAugmentation(embedding_dim, condition_dim, augment)
        halvings = int(math.log2(max(size, 16) // 16))
        widths = [width * 2**min(level, 2) for level in range(halvings + 1)]
        read = [_conv(3, width), nn.ReLU()]
        for inputs, outputs in zip(widths, widths[1:]):
            read += [_conv(inputs, outputs, 4, 2), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.read = nn.Sequential(*read)
        last = widths[-1]
        self.join = _ConditionedConv(last, condition_dim, 8 * width)
        self.joint = nn.Sequential(*_gate(4 * width), *[_GatedResidual(4 * width) for _ in range(4)])
        widths = [4 * width // 2**level for level in range(halvings + 3)]
        self.ups = nn.Sequential(*[_upsample(a, b) for a, b in zip(widths, widths[1:])])
        self.to_rgb = nn.Sequential(_conv(widths[-1], 3), nn.Tanh())

    def forward(self, image, embedding):
        condition, mean, log_variance = self.augmentation(embedding)
        joined, = self.join(self.read(image), condition)
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

    def __init__(self, embedding_dim: int, noise_dim: int = 100, condition_dim: int = 128, width: int = 64,
                 base_size: int = 64, augment_condition: bool = True):
        super().__init__()
        self.noise_dim = noise_dim
        self.stage_one = StageOne(embedding_dim, noise_dim, condition_dim, width, base_size, augment_condition)
        self.stage_two = StageTwo(embedding_dim, condition_dim, width, base_size, augment_condition)
        self.apply(_initialise)

    def forward(self, noise: torch.Tensor, embedding: torch.Tensor) -> list[torch.Tensor]:
        """(B, noise_dim) and (B, D) to two image batches in [-1, 1], smallest first."""
        small = self.stage_one(noise, embedding)[0]
        return [small, self.stage_two(small, embedding)[0]]

    def draw(self, noise, embedding, stage: int):
        """The images of stage 0 or 1 with the mean and log-variance of its condition; stage 1 leaves stage 0 as it is."""
        if stage == 0:
            return self.stage_one(noise, embedding)
        with torch.no_grad():
            small = self.stage_one.eval()(noise, embedding)[0]
        return self.stage_two(small, embedding)


class _Modulation(nn.Module):
    """Scale and shift every channel by functions of the condition."""

    def __init__(self, condition_dim: int, channels: int):
        super().__init__()
        self.scale_shift = nn.Sequential(nn.Linear(condition_dim, 128), nn.ReLU(), nn.Linear(128, 2 * channels))
        nn.init.zeros_(self.scale_shift[-1].weight)
        nn.init.zeros_(self.scale_shift[-1].bias)

    def forward(self, x, condition):
        scale, shift = self.scale_shift(condition)[:, :, None, None].to(x.dtype).chunk(2, dim=1)
        return x * (1 + scale) + shift


class _ModulatedBlock(nn.Module):
    """Upsample, then two modulated convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, condition_dim: int):
        super().__init__()
        self.modulate1, self.conv1 = _Modulation(condition_dim, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulate2, self.conv2 = _Modulation(condition_dim, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, condition):
        y = F.leaky_relu(self.modulate1(x, condition), 0.2)
        y = self.conv1(F.interpolate(y, scale_factor=2, mode="nearest"))
        y = self.conv2(F.leaky_relu(self.modulate2(y, condition), 0.2))
        return F.interpolate(self.skip(x), scale_factor=2, mode="nearest") + y


PATCH = 2  # the blocks of the modulated networks end at half the resolution, which saves three quarters of the work


class ModulatedGenerator(nn.Module):
    """The recommended generator: the condition modulates every residual block (the DF-GAN family, Tao et al., 2022).

    Same inputs and outputs as `Generator`, with a single scale. It has no normalisation layers, so an image never depends
    on its batch. The last layer alone works at the full resolution.

    Args:
        embedding_dim: D of the speech embedding.
        noise_dim: length of the noise vector z.
        width: channels at the largest feature map; they double towards 4x4, up to 4 times as many.
        size: side of the image, 8 times a power of two.

    Raises:
        ValueError: `size` below 8.
    """

    def __init__(self, embedding_dim: int, noise_dim: int = 100, width: int = 32, size: int = 64):
        super().__init__()
        self.noise_dim = noise_dim
        if size < 4 * PATCH:
            raise ValueError(f"size is {size}; the modulated generator draws {4 * PATCH} pixels or more")
        levels = int(math.log2(size // PATCH // 4))
        channels = [width * min(2 ** (levels - level), 4) for level in range(levels + 1)]
        self.embed = nn.Linear(embedding_dim, 256)
        self.project = nn.Linear(noise_dim, channels[0] * 16)
        self.blocks = nn.ModuleList([_ModulatedBlock(a, b, 256 + noise_dim) for a, b in zip(channels, channels[1:])])
        self.to_rgb = nn.Sequential(nn.LeakyReLU(0.2), nn.Upsample(scale_factor=PATCH, mode="nearest"),
                                    nn.Conv2d(channels[-1], 3, 5, padding=2), nn.Tanh())

    def forward(self, noise: torch.Tensor, embedding: torch.Tensor) -> list[torch.Tensor]:
        """(B, noise_dim) and (B, D) to a list with one (B, 3, size, size) image batch in [-1, 1]."""
        condition = torch.cat([self.embed(embedding), noise], dim=1)
        x = self.project(noise).view(len(noise), -1, 4, 4)
        for block in self.blocks:
            x = block(x, condition)
        return [self.to_rgb(x).float()]


class _DownBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
                                  nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.LeakyReLU(0.2))
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.gain = nn.Parameter(torch.full((1,), 0.3))

    def forward(self, x):
        return self.skip(F.avg_pool2d(x, 2)) + self.gain * self.body(x)


class ProjectionDiscriminator(nn.Module):
    """One discriminator: residual blocks to 4x4, then "is it real?" plus "does the look fit the sentence?".

    (B, 3, size, size) images and (B, D) embeddings to (B,) logits. The second part is an inner product of two 256-d
    vectors, the look of the image and the sentence (Miyato and Koyama, 2018).
    """

    def __init__(self, embedding_dim: int, size: int = 64, width: int = 32):
        super().__init__()
        levels = int(math.log2(size // PATCH // 4))
        channels = [width * min(2**level, 4) for level in range(levels + 1)]
        self.from_rgb = nn.Sequential(nn.PixelUnshuffle(PATCH), nn.Conv2d(3 * PATCH**2, channels[0], 3, padding=1))
        self.blocks = nn.Sequential(*[_DownBlock(a, b) for a, b in zip(channels, channels[1:])])
        self.realism = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(channels[-1] * 16, 1))
        self.look = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(channels[-1] * 16, 256))
        self.sentence = nn.Linear(embedding_dim, 256)

    def forward(self, images: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        return self.judge(self.features(images), embedding)[0]

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C) features of (B, 3, size, size) images."""
        return self.blocks(self.from_rgb(images)).flatten(1)

    def judge(self, features: torch.Tensor, *embeddings: torch.Tensor) -> list[torch.Tensor]:
        """(B,) logits from (B, C) features for each of the (B, D) embeddings."""
        look, realism = self.look(features), self.realism(features).float()[:, 0]
        return [realism + (look * self.sentence(embedding)).float().sum(dim=1) / 16 for embedding in embeddings]


def build_gan(gan, embedding_dim: int) -> tuple[nn.Module, nn.ModuleList]:
    """The generator and the list of discriminators (smallest scale first) of a ``config.GanConfig``."""
    if gan.model == "modulated":
        return (ModulatedGenerator(embedding_dim, gan.noise_dim, gan.generator_width, gan.image_size),
                nn.ModuleList([ProjectionDiscriminator(embedding_dim, gan.image_size, gan.discriminator_width)]))
    if gan.model == "stackgan_v1":
        if gan.num_scales != 3:
            raise ValueError(f"StackGAN-v1 repaints four times as large, which is three scales, not {gan.num_scales}")
        generator = StackGANv1(embedding_dim, gan.noise_dim, gan.condition_dim, gan.generator_width, gan.base_size,
                               gan.augment_condition)
        return generator, nn.ModuleList([Discriminator(size, gan.condition_dim, gan.discriminator_width)
                                         for size in (gan.base_size, 4 * gan.base_size)])
    generator = Generator(embedding_dim, gan.noise_dim, gan.condition_dim, gan.generator_width, gan.base_size,
                          gan.num_scales, gan.augment_condition)
    return generator, nn.ModuleList([Discriminator(gan.base_size << scale, gan.condition_dim, gan.discriminator_width)
                                     for scale in range(gan.num_scales)])
