"""One step of each GAN: an update of the discriminators, then one of the generator (Section III-D2, Eqs. 10-14).

Every step returns its losses as tensors, which nobody reads before they are wanted: reading a number makes the processor wait
for the GPU.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

from s2i_lib import losses
from s2i_lib.models.modulated import ModulatedGenerator, ProjectionDiscriminator
from s2i_lib.models.stackgan import Discriminator, Generator
from s2i_lib.models.stackgan_v1 import StackGANv1
from s2i_lib.sections import GanConfig
from s2i_lib.training import distributed
from s2i_lib.training.consistency import TeacherConsistency, mixed_sentences

Losses = dict[str, torch.Tensor]
CONSISTENCY_STARTS = 1600  # steps, by which there is something in the pictures to identify


@dataclass
class Networks:
    """What a step updates.

    Attributes:
        generator, discriminators: see ``models.gan.build_gan``; the smallest scale first.
        optimizers: ``generator`` and ``discriminators``.
        settings: of the run.
        consistency: of the frozen teacher with a generated picture, if it has a say.
    """

    generator: nn.Module
    discriminators: nn.ModuleList
    optimizers: Mapping[str, torch.optim.Optimizer]
    settings: GanConfig
    consistency: TeacherConsistency | None = None


@dataclass
class Batch:
    """What a step learns from.

    Attributes:
        images: (B, 3, s, s) in [-1, 1].  embedding: (B, D) of one spoken caption each.
        labels: (B,), equal for images that one sentence fits.
    """

    images: torch.Tensor
    embedding: torch.Tensor
    labels: torch.Tensor

    def noise(self, dim: int) -> torch.Tensor:
        """(B, dim) standard normal noise."""
        return torch.randn(len(self.images), dim, device=self.images.device)


def image_pyramid(images: torch.Tensor, scales: int) -> list[torch.Tensor]:
    """(B, 3, s, s) images averaged to s / 2^(scales-1), ..., s / 2, s."""
    return [F.avg_pool2d(images, 2**level) if level else images for level in reversed(range(scales))]


def shifted_and_cut(images: torch.Tensor) -> torch.Tensor:
    """(B, 3, s, s) images, each shifted by up to an eighth of the side and with a square of half the side blanked somewhere.

    Differentiable augmentation (Zhao et al., 2020) without its colours, since sentences are about these: what a discriminator
    sees of real pictures and of generated ones alike.
    """
    device, side, most = images.device, images.shape[-1], images.shape[-1] // 8
    places, batch = torch.arange(side, device=device), torch.arange(len(images), device=device)[:, None, None]
    down, right = (torch.randint(2 * most + 1, (len(images), 1), device=device) + places for _ in range(2))
    padded = F.pad(images, (most,) * 4, mode="reflect").permute(0, 2, 3, 1)
    shifted = padded[batch, down[:, :, None], right[:, None, :]].permute(0, 3, 1, 2)
    rows, columns = ((places - torch.randint(side, (len(images), 1), device=device)).abs() < side // 4 for _ in range(2))
    return shifted * ~(rows[:, :, None] & columns[:, None, :])[:, None]


def _apply(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """One update. Only the gradients that it uses are computed: the generator's loss passes through the discriminators."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    optimizer.zero_grad(set_to_none=True)
    loss.backward(inputs=parameters)
    distributed.all_reduce_gradients(parameters)
    optimizer.step()
    torch.clear_autocast_cache()  # else bfloat16 copies of the old weights serve until the step is over


def _detached(values: Losses) -> Losses:
    return {name: value.detach() for name, value in values.items()}


def pair_logits(
    discriminator: Discriminator, features: torch.Tensor, condition: torch.Tensor, labels: torch.Tensor, per_image: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Conditional logits of the matching pairs and of the mismatched ones of Eq. 13: every image with its own sentence, and
    with those of its next neighbours in the batch.

    The features of the images are at hand, so several sentences per image cost little and tell more about the mean over
    all mismatched sentences that Eq. 13 asks for.

    Returns:
        (B,) logits of the matching pairs, (B per_image,) of the mismatched ones, and which of these count: neighbours of the
        same class do not. A mask and no selection, since its length would have to be known before the GPU has come so far.
    """
    shifts = range(1, per_image + 1)
    matching, *mismatched = discriminator.conditional_logits(
        features, condition, *[condition.roll(-shift, 0) for shift in shifts]
    )
    return matching, torch.cat(mismatched), torch.cat([labels != labels.roll(-shift) for shift in shifts])


def stackgan_step(networks: Networks, batch: Batch, step: int) -> Losses:
    """One update of every discriminator (Eqs. 10-13), then one of the generator (Eq. 14 and the KL of the condition)."""
    settings, generator = networks.settings, cast(Generator, networks.generator)
    discriminators = [cast(Discriminator, network) for network in networks.discriminators]
    fakes, mean, log_variance = generator.generate(batch.noise(settings.noise_dim), batch.embedding)
    condition, discriminator_losses = mean.detach(), []
    for discriminator, real, fake in zip(discriminators, image_pyramid(batch.images, settings.num_scales), fakes, strict=True):
        features = discriminator.features(real)
        matching, mismatched, counted = pair_logits(discriminator, features, condition, batch.labels, settings.mismatched)
        fake_conditional, fake_unconditional = discriminator(fake.detach(), condition)
        unconditional = discriminator.unconditional(features).flatten().float()
        loss = (
            losses.discriminator_conditional_loss(matching, fake_conditional)
            + losses.discriminator_unconditional_loss(unconditional, fake_unconditional)
            + losses.discriminator_mismatch_loss(mismatched, counted)
        )
        _apply(networks.optimizers["discriminators"], loss)
        discriminator_losses.append(loss.detach().double())
    per_scale = [losses.generator_loss(*network(fake, mean)) for network, fake in zip(discriminators, fakes, strict=True)]
    return _generator_update(networks, sum(per_scale[1:], per_scale[0]), mean, log_variance) | {
        "discriminator": sum(discriminator_losses[1:], discriminator_losses[0])
    }


def _generator_update(networks: Networks, loss: torch.Tensor, mean: torch.Tensor, log_variance: torch.Tensor) -> Losses:
    """Update a StackGAN's generator with its loss and, where the condition is drawn and not its mean, the KL of the
    condition.
    """
    settings, kl = networks.settings, {}
    if settings.augment_condition:
        kl["kl"] = losses.conditioning_kl(mean, log_variance)
    _apply(networks.optimizers["generator"], loss + settings.kl_weight * sum(kl.values()))
    return _detached({"generator": loss, **kl})


def stackgan_v1_step(networks: Networks, batch: Batch, step: int) -> Losses:
    """StackGAN-v1: the first `steps` train stage I, as many more stage II on pictures of the finished first.

    Its discriminators know no unconditional term; generated and mismatched pairs share the weight of "fake".
    """
    settings, generator = networks.settings, cast(StackGANv1, networks.generator)
    stage = int(step >= settings.steps)
    fake, mean, log_variance = generator.generate_stage(batch.noise(settings.noise_dim), batch.embedding, stage)
    discriminator, condition = cast(Discriminator, networks.discriminators[stage]), mean.detach()
    features = discriminator.features(F.avg_pool2d(batch.images, batch.images.shape[-1] // fake.shape[-1]))
    matching, mismatched, counted = pair_logits(discriminator, features, condition, batch.labels, settings.mismatched)
    fake_conditional, _ = discriminator(fake.detach(), condition)
    discriminator_loss = losses.stackgan_v1_discriminator_loss(matching, fake_conditional, mismatched, counted)
    _apply(networks.optimizers["discriminators"], discriminator_loss)
    loss = losses.stackgan_v1_generator_loss(discriminator(fake, mean)[0])
    return _generator_update(networks, loss, mean, log_variance) | {"discriminator": discriminator_loss.detach()}


def modulated_step(networks: Networks, batch: Batch, step: int) -> Losses:
    """One hinge update of the discriminator with mismatched pairs and the R1 penalty, then the generator.

    Both also have to tell which sentence of the batch belongs to which image (a contrastive matching loss, as in XMC-GAN): one
    mismatched pair per image teaches colours slowly. The penalty, which costs as much as a step, is taken every few steps
    with a weight to match (Karras et al., 2020).

    After a third of the run, or 1,600 steps, half of the pictures are drawn for sentences between two of the training set,
    where the configuration asks for that (``consistency_weight``). The frozen teacher has to identify the sentence in each of
    these; the discriminator is not taught with them, since no real picture has such a sentence.

    Every patch of a picture has to look real for itself, too (``patch_weight``).
    """
    settings, generator = networks.settings, cast(ModulatedGenerator, networks.generator)
    discriminator = cast(ProjectionDiscriminator, networks.discriminators[0])
    consistency = networks.consistency if step >= min(CONSISTENCY_STARTS, settings.steps // 3) else None
    drawn, taught = (batch, len(batch.images)) if consistency is None else _with_mixed_sentences(batch)
    fake = generator(drawn.noise(settings.noise_dim), drawn.embedding)[0]
    values = _update_modulated_discriminator(networks, batch, fake[:taught].detach(), drawn.embedding[:taught], step)
    features, patches = discriminator.features_and_patches(_shown(fake, settings))
    generator_loss = losses.hinge_generator_loss(*discriminator.conditional_logits(features, drawn.embedding))
    generator_contrast = _matching_loss(discriminator, features, drawn.embedding, drawn.labels)
    total = generator_loss + settings.matching_weight * generator_contrast
    if settings.patch_weight:
        total = total + settings.patch_weight * losses.hinge_generator_loss(patches)
    if consistency is not None:
        values["consistency"] = consistency(fake[taught:], drawn.embedding[taught:])
        total = total + settings.consistency_weight * values["consistency"]
    _apply(networks.optimizers["generator"], total)
    return _detached(values | {"generator": generator_loss, "matching_fake": generator_contrast})


def _with_mixed_sentences(batch: Batch) -> tuple[Batch, int]:
    """A batch whose second half has sentences between two of its own, each a class of its own, and the length of its first."""
    taught = len(batch.images) // 2
    mixed = mixed_sentences(batch.embedding, len(batch.images) - taught)
    new = -1 - torch.arange(len(mixed), device=mixed.device)  # no label of the data set
    embedding, labels = torch.cat([batch.embedding[:taught], mixed]), torch.cat([batch.labels[:taught], new])
    return Batch(batch.images, embedding, labels), taught


def _shown(images: torch.Tensor, settings: GanConfig) -> torch.Tensor:
    """What a discriminator sees of (B, 3, s, s) images."""
    return shifted_and_cut(images) if settings.diff_augment else images


def _update_modulated_discriminator(
    networks: Networks, batch: Batch, fake: torch.Tensor, told: torch.Tensor, step: int
) -> Losses:
    """One update with all real pictures and with generated ones and the sentences that these were told."""
    settings, discriminator = networks.settings, cast(ProjectionDiscriminator, networks.discriminators[0])
    images, embedding, labels = batch.images, batch.embedding, batch.labels
    features, patches = discriminator.features_and_patches(_shown(torch.cat([images, fake]), settings))
    (real_features, fake_features), (real_patches, fake_patches) = (
        part.split([len(images), len(fake)]) for part in (features, patches)
    )
    matching, mismatched = discriminator.conditional_logits(real_features, embedding, embedding.roll(-1, 0))
    (fake_logits,) = discriminator.conditional_logits(fake_features, told)
    hinge = losses.hinge_discriminator_loss(matching, fake_logits, mismatched, labels != labels.roll(-1))
    contrast = _matching_loss(discriminator, real_features, embedding, labels)
    total, values = hinge + settings.matching_weight * contrast, {"discriminator": hinge, "matching_real": contrast}
    if settings.patch_weight:
        values["patches"] = losses.hinge_discriminator_loss(real_patches, fake_patches)
        total = total + settings.patch_weight * values["patches"]
    if (step + 1) % settings.penalty_every == 0:
        values["penalty"] = losses.r1_penalty(discriminator, _shown(images, settings), embedding)
        total = total + settings.penalty_weight * settings.penalty_every * values["penalty"]
    _apply(networks.optimizers["discriminators"], total)
    return values


def _matching_loss(
    discriminator: ProjectionDiscriminator, features: torch.Tensor, embedding: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    return losses.contrastive_loss(
        discriminator.look(features).float(), discriminator.sentence(embedding).float(), labels, temperature=0.1
    )


GAN_STEPS: dict[str, Callable[[Networks, Batch, int], Losses]] = {
    "stackgan_v2": stackgan_step,
    "stackgan_v1": stackgan_v1_step,
    "modulated": modulated_step,
}
