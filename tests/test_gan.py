"""Shapes, sizes and independence of the batch, for every model."""

import pytest
import torch
from torch.nn import functional as F

from s2i_lib.models.gan import build_gan
from s2i_lib.models.modulated import ModulatedGenerator, ProjectionDiscriminator
from s2i_lib.models.stackgan import ConditionedConvolution, ConditioningAugmentation, Discriminator, Generator
from s2i_lib.models.stackgan_v1 import StackGANv1
from s2i_lib.sections import GanConfig

EMBEDDING, NOISE = 10, 7
SMALL = {"noise_dim": NOISE, "condition_dim": 6, "generator_width": 8, "discriminator_width": 4}


def _settings(model: str, **changes) -> GanConfig:
    return GanConfig(**{**SMALL, "model": model, "base_size": 8, "num_scales": 3, **changes})


def _inputs(count: int = 5):
    torch.manual_seed(1)
    return torch.randn(count, NOISE), torch.randn(count, EMBEDDING)


def _built(settings: GanConfig):
    torch.manual_seed(0)
    return build_gan(settings, EMBEDDING)


def _millions(module) -> float:
    return sum(p.numel() for p in module.parameters()) / 1e6


@pytest.mark.parametrize("base_size, num_scales", [(4, 2), (8, 1), (8, 3), (16, 2), (64, 1)])
def test_stackgan_draws_and_discriminates_every_scale(base_size, num_scales):
    generator, discriminators = _built(_settings("stackgan_v2", base_size=base_size, num_scales=num_scales))
    noise, embedding = _inputs(2)
    images, mean, log_variance = generator.generate(noise, embedding)
    assert [tuple(image.shape) for image in images] == [(2, 3, base_size << k, base_size << k) for k in range(num_scales)]
    assert mean.shape == log_variance.shape == (2, 6)
    for discriminator, image in zip(discriminators, images, strict=True):
        assert [tuple(logits.shape) for logits in discriminator(image, mean)] == [(2,), (2,)]


@pytest.mark.parametrize("size", [8, 16, 64])
def test_the_modulated_model_draws_and_discriminates_one_scale(size):
    generator, discriminators = _built(_settings("modulated", base_size=size, num_scales=1))
    noise, embedding = _inputs(2)
    images = generator(noise, embedding)
    assert [tuple(image.shape) for image in images] == [(2, 3, size, size)]
    assert len(discriminators) == 1 and discriminators[0](images[0], embedding).shape == (2,)


def test_stackgan_v1_draws_twice_and_its_second_stage_leaves_the_first_alone():
    generator, discriminators = _built(_settings("stackgan_v1", augment_condition=False))
    noise, embedding = _inputs(3)
    images = generator(noise, embedding)
    assert [image.shape[-1] for image in images] == [8, 32]
    for stage, (discriminator, size) in enumerate(zip(discriminators, (8, 32), strict=True)):
        image, mean, _ = generator.generate_stage(noise, embedding, stage)
        assert image.shape[-1] == size and discriminator(image, mean)[0].shape == (3,)
    before = {name: value.clone() for name, value in generator.stage_one.state_dict().items()}
    generator.generate_stage(noise, embedding, 1)[0].square().sum().backward()
    assert all(parameter.grad is None for parameter in generator.stage_one.parameters())
    assert all(torch.equal(value, before[name]) for name, value in generator.stage_one.state_dict().items())
    with pytest.raises(ValueError, match="three scales"):
        _built(_settings("stackgan_v1", num_scales=2))


def test_a_modulated_generator_too_small_is_refused():
    with pytest.raises(ValueError, match="8 pixels or more"):
        ModulatedGenerator(EMBEDDING, NOISE, 8, 4)


def test_the_modulated_generator_mirrors_its_picture_with_the_sign_of_the_first_noise():
    torch.manual_seed(0)
    generator, (noise, embedding) = ModulatedGenerator(EMBEDDING, NOISE, 8, 16), _inputs(6)
    with torch.no_grad():
        generator.project.weight[:, 0] = 0  # an untrained modulation does nothing: so the number has no other say
        one = generator(noise, embedding)[0]
        other = generator(torch.cat([-noise[:, :1], noise[:, 1:]], dim=1), embedding)[0]
    assert torch.equal(one, other.flip(-1)) and not torch.equal(one, other)


def test_the_pixels_of_a_place_begin_as_equals():
    torch.manual_seed(0)
    generator = ModulatedGenerator(EMBEDDING, NOISE, 8, 32)
    _, widen, shuffle, *_ = generator.to_rgb
    details = shuffle(widen(torch.randn(2, 8, 16, 16)))
    assert details.shape == (2, 8, 32, 32) and details.std() > 0.1
    assert torch.equal(details, details[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_a_patch_of_twenty_pixels_is_scored_by_these_alone():
    torch.manual_seed(0)
    discriminator = ProjectionDiscriminator(EMBEDDING, 64, 8)
    images = torch.randn(1, 3, 64, 64, requires_grad=True)
    features, patches = discriminator.features_and_patches(images)
    assert torch.equal(features, discriminator.features(images)) and patches.shape == (1, 16 * 16)
    for number in (0, 100, 255):
        (seen,) = torch.autograd.grad(patches[0, number], images, retain_graph=True)
        rows, columns = seen[0].abs().amax(0).nonzero(as_tuple=True)
        assert max(int(rows.max() - rows.min()), int(columns.max() - columns.min())) < 20
        assert abs(rows.float().mean() / 4 - number // 16) < 3 and abs(columns.float().mean() / 4 - number % 16) < 3


def test_all_models_draw_at_the_size_of_the_configuration():
    for model in ("stackgan_v2", "stackgan_v1", "modulated"):
        settings = _settings(model)
        assert _built(settings)[0](*_inputs(2))[-1].shape[-1] == settings.image_size == 32


def test_the_released_networks_have_the_released_sizes():
    with torch.device("meta"):
        generator, discriminators = build_gan(
            GanConfig(base_size=64, num_scales=3, generator_width=64, discriminator_width=64), embedding_dim=1024
        )
    assert _millions(generator) == pytest.approx(21.2, abs=0.05)
    assert [_millions(d) for d in discriminators] == pytest.approx([5.7, 18.8, 71.3], abs=0.05)


@pytest.mark.parametrize("model", ["stackgan_v2", "stackgan_v1", "modulated"])
def test_images_stay_in_range(model):
    generator, _ = _built(_settings(model))
    noise, embedding = _inputs()
    for image in generator(100 * noise, 100 * embedding):
        assert image.min() >= -1 and image.max() <= 1


@pytest.mark.parametrize("model", ["stackgan_v2", "stackgan_v1", "modulated"])
def test_an_image_does_not_depend_on_its_batch(model):
    generator, _ = _built(_settings(model, augment_condition=False))
    noise, embedding = _inputs()
    generator(noise, embedding)  # running statistics of one training step
    generator.eval()
    for alone, together in zip(generator(noise[1:2], embedding[1:2]), generator(noise, embedding)):
        torch.testing.assert_close(alone[0], together[1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("model", ["stackgan_v2", "stackgan_v1", "modulated"])
def test_noise_and_sentence_both_change_the_image(model):
    generator, _ = _built(_settings(model, augment_condition=False))
    if model == "modulated":  # its modulations start at zero: give them weights
        for parameter in generator.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    generator.eval()
    noise, embedding = _inputs(2)
    image = generator(noise[:1], embedding[:1])[-1]
    assert not torch.allclose(image, generator(noise[1:], embedding[:1])[-1], atol=1e-4)
    assert not torch.allclose(image, generator(noise[:1], embedding[1:])[-1], atol=1e-4)


def test_without_augmentation_the_condition_is_its_mean():
    augmentation = ConditioningAugmentation(EMBEDDING, 6, augment=False)
    embedding = _inputs()[1]
    condition, mean, _ = augmentation(embedding)
    assert torch.equal(condition, mean) and torch.equal(condition, augmentation(embedding)[0])


def test_augmentation_draws_from_the_predicted_gaussian():
    torch.manual_seed(0)
    augmentation = ConditioningAugmentation(EMBEDDING, 6)
    embedding = _inputs(1)[1].expand(20_000, -1)
    condition, mean, log_variance = (part.detach() for part in augmentation(embedding))
    torch.testing.assert_close(condition.mean(0), mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(condition.var(0), log_variance[0].exp(), atol=0, rtol=0.05)


def test_augmentation_makes_images_differ_only_when_it_is_on():
    noise, embedding = _inputs(2)
    for augment in (True, False):
        generator, _ = _built(_settings("stackgan_v2", augment_condition=augment))
        generator.eval()
        same = torch.equal(generator(noise, embedding)[0], generator(noise, embedding)[0])
        assert same == (not augment)


def test_the_parts_of_a_discriminator_give_its_logits():
    torch.manual_seed(0)
    images, one, other = torch.randn(3, 3, 32, 32), torch.randn(3, 6), torch.randn(3, 6)
    stacked, projection = Discriminator(32, 6, 4).eval(), ProjectionDiscriminator(6, 32, 4)
    torch.testing.assert_close(
        stacked.conditional_logits(stacked.features(images), one, other),
        [stacked(images, condition)[0] for condition in (one, other)],
    )
    torch.testing.assert_close(
        projection.conditional_logits(projection.features(images), one, other),
        [projection(images, condition) for condition in (one, other)],
    )


@pytest.mark.parametrize("size", [2, 3, 4, 16])
def test_joining_a_condition_is_the_convolution_of_features_and_a_map_that_repeats_it(size):
    torch.manual_seed(0)
    join = ConditionedConvolution(5, 7, 6).double()
    features, *conditions = (torch.randn(2, 5, size, size).double(), *torch.randn(2, 2, 7).double())
    maps = [condition[:, :, None, None].expand(-1, -1, size, size) for condition in conditions]
    torch.testing.assert_close(
        join(features, *conditions),
        [F.conv2d(torch.cat([features, spread], dim=1), join.joined.weight, padding=1) for spread in maps],
    )


def test_only_the_conditional_logit_depends_on_the_sentence():
    torch.manual_seed(0)
    discriminator, images = Discriminator(16, 6, 4).eval(), torch.randn(3, 3, 16, 16)
    one, other = discriminator(images, torch.zeros(3, 6)), discriminator(images, torch.ones(3, 6))
    assert torch.equal(one[1], other[1]) and not torch.allclose(one[0], other[0])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Generator(EMBEDDING, NOISE, 6, 8, 8, 3),
        lambda: ModulatedGenerator(EMBEDDING, NOISE, 8, 16),
        lambda: StackGANv1(EMBEDDING, NOISE, 6, 8, 8),
    ],
    ids=["stackgan_v2", "modulated", "stackgan_v1"],
)
def test_the_gradient_reaches_every_parameter(make):
    torch.manual_seed(0)
    generator = make()
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    sum(image.square().sum() for image in generator(*_inputs())).backward()
    assert [name for name, p in generator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
