"""Generators and discriminators by configuration. Every generator has one interface.

A generator maps (B, noise_dim) noise and (B, D) speech embeddings to a list of (B, 3, s, s) images in [-1, 1], smallest scale
first.
"""

from torch import nn

from s2i_lib.models.modulated import ModulatedGenerator, ProjectionDiscriminator
from s2i_lib.models.stackgan import Discriminator, Generator
from s2i_lib.models.stackgan_v1 import StackGANv1
from s2i_lib.sections import GanConfig

AnyGenerator = Generator | StackGANv1 | ModulatedGenerator


def build_gan(gan: GanConfig, embedding_dim: int) -> tuple[AnyGenerator, nn.ModuleList]:
    """The generator and the list of discriminators (smallest scale first) of a configuration.

    Raises:
        ValueError: StackGAN-v1 with another number of scales than three.
    """
    if gan.model == "modulated":
        return (
            ModulatedGenerator(embedding_dim, gan.noise_dim, gan.generator_width, gan.image_size),
            nn.ModuleList([ProjectionDiscriminator(embedding_dim, gan.image_size, gan.discriminator_width)]),
        )
    if gan.model == "stackgan_v1":
        if gan.num_scales != 3:
            raise ValueError(f"StackGAN-v1 draws four times as large, which is three scales, not {gan.num_scales}")
        first = StackGANv1(
            embedding_dim, gan.noise_dim, gan.condition_dim, gan.generator_width, gan.base_size, gan.augment_condition
        )
        return first, nn.ModuleList(
            [Discriminator(size, gan.condition_dim, gan.discriminator_width) for size in (gan.base_size, 4 * gan.base_size)]
        )
    generator = Generator(
        embedding_dim,
        gan.noise_dim,
        gan.condition_dim,
        gan.generator_width,
        gan.base_size,
        gan.num_scales,
        gan.augment_condition,
    )
    return generator, nn.ModuleList(
        [Discriminator(gan.base_size << scale, gan.condition_dim, gan.discriminator_width) for scale in range(gan.num_scales)]
    )
