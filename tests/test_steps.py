"""The training steps give what the same update gives when it is written down literally, and never wait for a GPU."""

import copy

import numpy as np
import pytest
import torch
from conftest import EMBEDDING_DIM, tiny_config
from torch.nn import functional as F

from s2i_lib import losses
from s2i_lib.models.gan import build_gan
from s2i_lib.models.teacher import load_teacher
from s2i_lib.training.common import adam
from s2i_lib.training.consistency import SIZE, TeacherConsistency, mixed_sentences, random_part
from s2i_lib.training.gan import compile_networks
from s2i_lib.training.gan_steps import GAN_STEPS, Batch, Networks, _apply, shifted_and_cut, stackgan_step

LABELS = torch.tensor([0, 1, 1, 2, 3, 3])


def untrained(recipe, **settings):
    torch.manual_seed(0)
    gan = tiny_config(recipe=recipe, gan={"num_scales": 3, **settings}).gan
    generator, discriminators = build_gan(gan, EMBEDDING_DIM)
    # plain gradient steps: Adam's first ones are the signs of the gradients, which rounding can turn
    optimizers = {
        "generator": torch.optim.SGD(generator.parameters(), 0.02),
        "discriminators": torch.optim.SGD(discriminators.parameters(), 0.02),
    }
    return Networks(generator, discriminators, optimizers, gan)


def modules(networks):
    return networks.generator, networks.discriminators


def random_batch(gan):
    return Batch(torch.rand(6, 3, gan.image_size, gan.image_size) * 2 - 1, torch.randn(6, EMBEDDING_DIM), LABELS)


def literal_stackgan_step(networks, batch):
    """Eqs. 10 to 14 pair by pair: a pass through the discriminator for every kind of pair, selection instead of masks."""
    bce, one, zero = F.binary_cross_entropy_with_logits, torch.ones(6), torch.zeros(6)
    (generator, discriminators), optimizers, gan = modules(networks), networks.optimizers, networks.settings
    images, embedding, labels = batch.images, batch.embedding, batch.labels
    noise = torch.randn(len(images), gan.noise_dim)
    fakes, mean, log_variance = generator.generate(noise, embedding)
    condition = mean.detach()
    for discriminator, fake in zip(discriminators, fakes):
        real = F.interpolate(images, size=fake.shape[-1], mode="area")
        matching, alone = discriminator(real, condition)
        fake_matching, fake_alone = discriminator(fake.detach(), condition)
        mismatched = []
        for shift in (1, 2, 3):
            logits, _ = discriminator(real, condition.roll(-shift, 0))
            mismatched += [logit for logit, label, other in zip(logits, labels, labels.roll(-shift)) if label != other]
        mismatched = torch.stack(mismatched)
        loss = (
            bce(matching, one)
            + bce(fake_matching, zero)
            + bce(alone, one)
            + bce(fake_alone, zero)
            + bce(mismatched, torch.zeros_like(mismatched))
        )
        optimizers["discriminators"].zero_grad()
        loss.backward()
        optimizers["discriminators"].step()
    loss = gan.kl_weight * losses.conditioning_kl(mean, log_variance)
    for discriminator, fake in zip(discriminators, fakes):
        fake_matching, fake_alone = discriminator(fake, mean)
        loss = loss + bce(fake_matching, one) + bce(fake_alone, one)
    optimizers["generator"].zero_grad()
    loss.backward()
    optimizers["generator"].step()


def test_the_stackgan_step_is_the_literal_one():
    """In float32, since images leave the generator in it: what two updates moved agrees to a thousandth of the movement."""
    ours, plain, start = (untrained("paper") for _ in range(3))
    for step in range(2):
        torch.manual_seed(step)
        batch = random_batch(ours.settings)
        torch.manual_seed(step + 10)
        stackgan_step(ours, batch, step)
        torch.manual_seed(step + 10)
        literal_stackgan_step(plain, batch)
    for one, other, before in zip(modules(ours), modules(plain), modules(start)):
        for a, b, c in zip(one.parameters(), other.parameters(), before.parameters()):
            moved, apart = (a - c).norm().item(), (a - b).norm().item()
            assert moved > 0 and apart < 1e-3 * moved + 1e-7


@pytest.mark.parametrize("recipe", ["paper", "recommended", "text_v1"])
def test_no_step_reads_a_number_back(recipe, monkeypatch):
    """`item`, `tolist`, `bool` and selections by a mask make the processor wait for a GPU."""
    networks = untrained(recipe)
    gan = networks.settings
    batch = random_batch(gan)

    def forbidden(*_):
        raise AssertionError("a step reads a number back")

    index = torch.Tensor.__getitem__

    def select(tensor, key):
        if torch.is_tensor(key) and key.dtype == torch.bool:
            forbidden()
        return index(tensor, key)

    with monkeypatch.context() as patch:
        for name in ("item", "tolist", "__bool__", "__float__", "__int__", "nonzero"):
            patch.setattr(torch.Tensor, name, forbidden)
        patch.setattr(torch.Tensor, "__getitem__", select)
        values = GAN_STEPS[gan.model](networks, batch, gan.penalty_every - 1)
    assert all(torch.is_tensor(value) and not value.requires_grad for value in values.values())


def test_the_update_of_the_generator_leaves_no_gradient_in_the_discriminators():
    networks = untrained("paper")
    (generator, discriminators), gan = modules(networks), networks.settings
    loss = sum(
        losses.generator_loss(*d(image, torch.randn(6, gan.condition_dim)))
        for d, image in zip(discriminators, generator(torch.randn(6, gan.noise_dim), torch.randn(6, EMBEDDING_DIM)))
    )
    full = torch.autograd.grad(loss, list(generator.first.parameters()), retain_graph=True)
    _apply(torch.optim.SGD(generator.parameters(), 0.0), loss)
    assert all(parameter.grad is None for parameter in discriminators.parameters())
    assert all(torch.equal(a, b.grad) for a, b in zip(full, generator.first.parameters()))


@pytest.mark.parametrize("counted", [[True] * 5, [True, False, True, True, False], [False] * 5])
@pytest.mark.parametrize(
    "loss",
    [
        losses.discriminator_mismatch_loss,
        lambda logits, *mask: losses.stackgan_v1_discriminator_loss(torch.ones(3), torch.ones(3), logits, *mask),
        lambda logits, *mask: losses.hinge_discriminator_loss(torch.ones(3), torch.ones(3), logits, *mask),
    ],
)
def test_a_mask_is_a_selection(loss, counted):
    mask = torch.tensor(counted)
    masked, chosen = torch.randn(2, 5).unbind()
    masked, chosen = masked.requires_grad_(), masked.detach().clone().requires_grad_()
    first, second = loss(masked, mask), loss(chosen[mask])
    assert first.item() == pytest.approx(second.item(), rel=1e-6)
    gradients = [torch.autograd.grad(value, x, allow_unused=True)[0] for value, x in ((first, masked), (second, chosen))]
    np.testing.assert_allclose(gradients[0], 0 if gradients[1] is None else gradients[1], rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_compiled_networks_keep_their_weights_names_and_numbers(monkeypatch):
    """Compiled by the eager backend, which needs no C++ compiler: what is compiled, not how fast."""
    compiler = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda part: compiler(part, backend="eager"))
    ours, plain = untrained("paper", compile=True), untrained("paper")
    names = [list(part.state_dict()) for part in modules(ours)]
    for networks in (ours, plain):
        compile_networks(networks)
    assert ours.generator.first._compiled_call_impl is not None and plain.generator.first._compiled_call_impl is None
    assert [list(part.state_dict()) for part in modules(ours)] == names
    batch = random_batch(ours.settings)
    for networks in (ours, plain):
        torch.manual_seed(0)
        stackgan_step(networks, batch, 0)
    for one, other in zip(modules(ours), modules(plain)):
        for a, b in zip(one.state_dict().values(), other.state_dict().values()):
            torch.testing.assert_close(a, b)


def test_a_checkpoint_of_one_kind_of_adam_fits_the_other():
    module = torch.nn.Linear(3, 2)

    def train(optimizer):
        optimizer.zero_grad()
        module(torch.ones(1, 3)).sum().backward()
        optimizer.step()

    for fused in (True, None):
        first = torch.optim.Adam(module.parameters(), 1e-2, fused=fused)
        train(first)
        other = adam(copy.deepcopy(module), 1e-2) if fused else torch.optim.Adam(module.parameters(), 1e-2, fused=True)
        other.load_state_dict(first.state_dict())
        train(other)


# --- teacher consistency ---


@pytest.fixture(scope="module")
def consistency():
    """The teacher that has seen twelve flat colours, six pictures each, with sentences that are random but of their colour."""
    torch.manual_seed(0)
    labels = torch.arange(12).repeat_interleave(6)
    colours, sentences = torch.rand(12, 3), F.normalize(torch.randn(12, EMBEDDING_DIM), dim=1) * EMBEDDING_DIM**0.5
    pixels = (colours[labels] * 255).to(torch.uint8)[:, :, None, None].expand(-1, 3, 16, 16).contiguous()
    embeddings = sentences[labels][:, None] + 0.1 * torch.randn(len(labels), 2, EMBEDDING_DIM)
    teacher = load_teacher("efficientnet_lite0", SIZE, power=3.0, stages="all")
    return TeacherConsistency(teacher, pixels, embeddings, labels), colours * 2 - 1, sentences


def test_the_teacher_recognises_the_sentence_of_a_picture(consistency):
    network, colours, sentences = consistency
    pictures = colours[:, :, None, None].expand(-1, 3, 16, 16)
    right, wrong = network(pictures, sentences), network(pictures, sentences.roll(1, 0))
    assert right + 1 < np.log(12) < wrong


@pytest.mark.parametrize("value", [-1.0, 0.3])
def test_the_gradient_of_the_teacher_exists_where_its_channels_are_silent(consistency, value):
    network, _, sentences = consistency
    pictures = torch.full((4, 3, 16, 16), value, requires_grad=True)
    network(pictures, sentences[:4]).backward()
    assert pictures.grad.isfinite().all() and pictures.grad.abs().max() > 0


def test_the_teacher_sees_another_part_each_time():
    torch.manual_seed(0)
    ramp = torch.linspace(-1, 1, 20).expand(1, 3, 20, 20)
    parts = [random_part(ramp) for _ in range(40)]
    assert {part.shape for part in parts} == {ramp.shape}
    slopes = [float((part[0, 0, 0, -5] - part[0, 0, 0, 5]) / (ramp[0, 0, 0, -5] - ramp[0, 0, 0, 5])) for part in parts]
    assert 0.78 < min(slopes) < 0.85 and max(slopes) == pytest.approx(1) and len({round(slope, 3) for slope in slopes}) == 5
    assert len({round(float(part[0, 0, 0, 10]), 4) for part in parts}) > 8  # at other places, too
    images = torch.randn(2, 3, 20, 20, requires_grad=True)
    random_part(images).sum().backward()
    assert images.grad.abs().sum() > 0


def test_mixed_sentences_lie_between_two_and_are_as_long():
    torch.manual_seed(0)
    sentences = F.normalize(torch.randn(64, 32), dim=1) * 32**0.5
    mixed = mixed_sentences(sentences, 24)
    assert mixed.shape == (24, 32) and torch.allclose(mixed.norm(dim=1), torch.tensor(32**0.5), atol=1e-4)
    nearest = F.cosine_similarity(mixed[:, None], sentences[None], dim=2).sort(dim=1, descending=True).values
    assert nearest[:, 0].min() > 0.65, "a parent is near"
    assert (nearest[:, 0] < 0.99).sum() > 20, "few are a sentence itself"


def test_the_teacher_has_no_say_before_a_third_of_the_run(consistency):
    batch, weights = None, []
    for network, step in ((None, 0), (consistency[0], 0), (consistency[0], 30)):
        networks = untrained("recommended", steps=60, consistency_weight=1.0, penalty_every=100)
        networks.consistency = network
        batch = batch or random_batch(networks.settings)
        torch.manual_seed(5)
        values = GAN_STEPS["modulated"](networks, batch, step)
        assert ("consistency" in values) == (step > 20)
        weights.append([parameter.detach().clone() for part in modules(networks) for parameter in part.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*weights[:2]))
    assert any(not torch.equal(a, b) for a, b in zip(*weights[1:]))


def test_patches_have_a_say_where_they_have_a_weight():
    weights = []
    for weight in (0.0, 1.0):
        networks = untrained("recommended", consistency_weight=0.0, penalty_every=100, patch_weight=weight)
        batch, network = random_batch(networks.settings), networks.discriminators[0]
        patch = [parameter.detach().clone() for parameter in network.patch.parameters()]
        torch.manual_seed(5)
        values = GAN_STEPS["modulated"](networks, batch, 0)
        assert ("patches" in values) == bool(weight)
        assert all(torch.equal(a, b) for a, b in zip(patch, network.patch.parameters())) == (not weight)
        weights.append([parameter.detach().clone() for parameter in networks.generator.parameters()])
    assert any(not torch.equal(a, b) for a, b in zip(*weights))


def test_pictures_are_shifted_by_an_eighth_at_most_and_a_quarter_of_them_is_blank():
    side = 32
    places = torch.stack(torch.meshgrid(*[torch.arange(1.0, side + 1)] * 2, indexing="ij"))  # row and column of every pixel
    images = torch.cat([places, torch.ones(1, side, side)]).expand(64, 3, side, side)
    torch.manual_seed(3)
    seen = shifted_and_cut(images)
    for image in seen:
        kept = image[2] == 1
        blank = side * side - int(kept.sum())
        assert (side // 4) ** 2 <= blank <= (side // 2) ** 2 and not image[:, ~kept].any()
        inner = kept.clone()
        inner[:4] = inner[-4:] = inner[:, :4] = inner[:, -4:] = False  # beside these, the picture is reflected
        shifts = (image[:2] - places)[:, inner].unique(dim=1)
        assert shifts.shape == (2, 1) and shifts.abs().max() <= side // 8, "one shift a picture"
    assert len({tuple(image[:2].flatten().tolist()) for image in seen}) > 32, "not all alike"


def test_a_discriminator_sees_augmented_pictures_where_asked(monkeypatch):
    from s2i_lib.training import gan_steps

    seen = []
    monkeypatch.setattr(gan_steps, "shifted_and_cut", lambda images: seen.append(len(images)) or images)
    for asked in (False, True):
        networks = untrained("recommended", consistency_weight=0.0, penalty_every=1, diff_augment=asked)
        batch = random_batch(networks.settings)
        GAN_STEPS["modulated"](networks, batch, 0)
        size = len(batch.images)
        assert seen == ([2 * size, size, size] if asked else []), "real and generated, the penalty's, the generator's"


def test_the_discriminator_is_not_taught_with_mixed_sentences(consistency):
    networks = untrained("recommended", steps=3, consistency_weight=1.0, penalty_every=100)
    networks.consistency, batch = consistency[0], random_batch(networks.settings)
    told = []
    network = networks.discriminators[0]
    original = network.conditional_logits
    network.conditional_logits = lambda features, *sentences: told.append(sentences) or original(features, *sentences)
    GAN_STEPS["modulated"](networks, batch, 2)
    (own, _), (of_fakes,), (of_generator,) = told
    assert torch.equal(own, batch.embedding) and torch.equal(of_fakes, batch.embedding[:3])
    assert torch.equal(of_generator[:3], batch.embedding[:3]) and not torch.equal(of_generator[3:], batch.embedding[3:])
