"""Every equation against loops over the batch in float64, and what must hold for any batch."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from s2i_lib import losses

BATCH, DIM = 5, 4
LABELS = torch.tensor([0, 1, 0, 2, 1])
few = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**31)


def _pair(seed: int = 0, scale: float = 1.0):
    torch.manual_seed(seed)
    return scale * torch.randn(BATCH, DIM, dtype=torch.float64), scale * torch.randn(BATCH, DIM, dtype=torch.float64)


def _dot(a, b):
    return sum(float(x) * float(y) for x, y in zip(a, b))


def _softmax(row, temperature=1.0):
    weights = [math.exp(float(x) / temperature) for x in row]
    return [weight / sum(weights) for weight in weights]


def _mean(values):
    values = list(values)
    return sum(values) / len(values)


# --- embedding losses, Eqs. 6-9 ---


def test_norm_loss_is_equation_8():
    speech, image = _pair()
    expected = _mean(sum(abs(float(s) - float(v)) for s, v in zip(*rows)) for rows in zip(speech, image))
    assert losses.norm_loss(speech, image).item() == pytest.approx(expected)


def test_joint_embedding_loss_is_equation_7():
    speech, image = _pair()
    between, within = [], []
    for i in range(BATCH):
        for j in range(BATCH):
            lead = _dot(speech[i], image[j]) - _dot(speech[i], image[i])
            if LABELS[i] != LABELS[j]:
                between.append(max(0.0, lead + 1.0))
            else:
                within.append(max(0.0, lead + 0.1))
    expected = 0.7 * _mean(between) + 0.3 * _mean(within)
    assert losses.joint_embedding_loss(speech, image, LABELS, alpha=0.7, beta=0.3).item() == pytest.approx(expected)


def test_joint_embedding_loss_of_one_class_has_no_between_term():
    speech, image = _pair()
    one_class = torch.zeros(BATCH, dtype=torch.long)
    assert losses.joint_embedding_loss(speech, image, one_class, beta=0.0).item() == 0.0


def test_distillation_loss_is_equation_9():
    speech, image = _pair()
    expected = _mean(sum(p * math.log(p / q) for p, q in zip(_softmax(s), _softmax(v))) for s, v in zip(speech, image))
    assert losses.distillation_loss(speech, image).item() == pytest.approx(expected)


@pytest.mark.parametrize("row, terms", losses.TERMS.items())
def test_a_row_of_table_4_trains_with_its_terms_only(row, terms):
    speech, image = torch.randn(2, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    values = {
        "jel": losses.joint_embedding_loss(speech, image, LABELS),
        "norm": losses.norm_loss(speech, image),
        "kdl": losses.distillation_loss(speech, image),
    }
    weights = {name: losses.PAPER_WEIGHTS[name] for name in terms}
    expected = sum(weights[name] * values[name] for name in terms)
    assert losses.teacher_student_loss(speech, image, LABELS, weights).item() == pytest.approx(expected.item())


def test_teacher_student_loss_is_equation_6():
    speech, image = _pair()
    expected = (
        losses.joint_embedding_loss(speech, image, LABELS)
        + 5 * losses.norm_loss(speech, image)
        + 1000 * losses.distillation_loss(speech, image)
    )
    assert losses.teacher_student_loss(speech, image, LABELS).item() == pytest.approx(expected.item())


def test_the_released_loss_is_what_its_description_says():
    speech, image = _pair()
    hinges = 0.0
    for i in range(BATCH):
        for j in range(BATCH):
            lead = _dot(speech[i], image[j]) - _dot(speech[i], image[i])
            hinges += max(0.0, lead + 1.0) if LABELS[i] != LABELS[j] else 0.1 * max(0.0, lead)
    size_s, size_v = (math.sqrt(sum(float(x) ** 2 for x in matrix.flatten())) for matrix in (speech, image))
    distance = _mean(abs(float(s) / size_s - float(v) / size_v) for s, v in zip(speech.flatten(), image.flatten()))
    divergence = sum(q * math.log(q / p) for s, v in zip(speech, image) for p, q in zip(_softmax(s), _softmax(v, 2.0)))
    expected = hinges / BATCH**2 + 5 * distance + 1000 * divergence / (BATCH * DIM)
    assert losses.released_teacher_student_loss(speech, image, LABELS).item() == pytest.approx(expected)


def test_balanced_weights_give_every_term_the_same_gradient():
    speech, image = _pair()
    speech.requires_grad_()
    sizes = losses.gradient_magnitudes(losses.teacher_student_terms(speech, image, LABELS), speech)
    weights = losses.balanced_weights(sizes)
    assert weights["jel"] == 1.0
    for name, weight in weights.items():
        (gradient,) = torch.autograd.grad(weight * losses.teacher_student_terms(speech, image, LABELS)[name], speech)
        assert gradient.abs().mean().item() == pytest.approx(sizes["jel"])


@few
@given(seeds)
def test_norm_loss_is_zero_only_for_equal_embeddings(seed):
    speech, image = _pair(seed)
    assert losses.norm_loss(speech, speech).item() == 0.0
    assert losses.norm_loss(speech, image).item() > 0.0


@few
@given(seeds, st.floats(0.01, 30.0))
def test_distillation_loss_is_never_negative(seed, scale):
    speech, image = _pair(seed, scale)
    assert losses.distillation_loss(speech, image).item() >= -1e-12
    assert losses.distillation_loss(speech, speech).item() == pytest.approx(0.0, abs=1e-12)


@few
@given(seeds, st.permutations(range(BATCH)))
def test_the_order_of_the_batch_does_not_matter(seed, order):
    speech, image = _pair(seed)
    for loss in (losses.joint_embedding_loss, losses.contrastive_loss, losses.released_teacher_student_loss):
        assert loss(speech[order], image[order], LABELS[order]).item() == pytest.approx(loss(speech, image, LABELS).item())


# --- contrastive loss ---


def test_contrastive_loss_is_a_symmetric_cross_entropy_without_same_class_pairs():
    speech, image = _pair()
    cosine = [[_dot(s, v) / math.sqrt(_dot(s, s) * _dot(v, v)) / 0.2 for v in image] for s in speech]
    others = {i: [j for j in range(BATCH) if j == i or LABELS[i] != LABELS[j]] for i in range(BATCH)}
    forward = _mean(math.log(sum(math.exp(cosine[i][j]) for j in others[i])) - cosine[i][i] for i in range(BATCH))
    backward = _mean(math.log(sum(math.exp(cosine[j][i]) for j in others[i])) - cosine[i][i] for i in range(BATCH))
    assert losses.contrastive_loss(speech, image, LABELS, 0.2).item() == pytest.approx((forward + backward) / 2)


def test_another_image_of_the_same_class_has_no_influence_on_an_utterance():
    speech, image = (part.requires_grad_() for part in _pair())
    labels = torch.tensor([0, 0, 1, 2, 3])
    loss = losses.contrastive_loss(speech[:2], image[:2], labels[:2])
    assert loss.item() == 0.0  # a batch of one class leaves nothing to contrast
    loss.backward()
    assert image.grad.abs().sum() == 0.0


@few
@given(seeds, st.floats(0.1, 50.0), st.floats(0.1, 50.0))
def test_contrastive_loss_ignores_the_length_of_the_embeddings(seed, a, b):
    speech, image = _pair(seed)
    scaled = losses.contrastive_loss(a * speech, b * image, LABELS).item()
    assert scaled == pytest.approx(losses.contrastive_loss(speech, image, LABELS).item())


# --- GAN losses, Eqs. 10-14 ---


def _log_sigmoid(x):
    return -math.log(1 + math.exp(-float(x)))


@pytest.mark.parametrize("loss", [losses.discriminator_conditional_loss, losses.discriminator_unconditional_loss])
def test_discriminator_losses_are_equations_11_and_12(loss):
    real, fake = _pair()[0][:, 0], _pair()[1][:, 0]
    expected = -_mean(map(_log_sigmoid, real)) - _mean(_log_sigmoid(-x) for x in fake)
    assert loss(real, fake).item() == pytest.approx(expected)


def test_mismatched_pairs_are_equation_13():
    logits = _pair()[0][:, 0]
    assert losses.discriminator_mismatch_loss(logits).item() == pytest.approx(-_mean(_log_sigmoid(-x) for x in logits))


def test_generator_loss_is_equation_14():
    conditional, unconditional = _pair()[0][:, 0], _pair()[1][:, 0]
    expected = -_mean(map(_log_sigmoid, conditional)) - _mean(map(_log_sigmoid, unconditional))
    assert losses.generator_loss(conditional, unconditional).item() == pytest.approx(expected)


def test_conditioning_kl_is_the_divergence_of_the_two_gaussians():
    mean, log_variance = _pair()
    divergence = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (log_variance / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    ).mean()
    assert losses.conditioning_kl(mean, log_variance).item() == pytest.approx(divergence.item())


@few
@given(seeds, st.floats(0.0, 3.0))
def test_conditioning_kl_is_never_negative(seed, scale):
    assert losses.conditioning_kl(*_pair(seed, scale)).item() >= -1e-12


def test_hinge_losses_are_means_over_loops():
    real, fake, mismatched = torch.randn(3, BATCH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = _mean(max(0.0, 1 - float(x)) for x in real) + 0.5 * (
        _mean(max(0.0, 1 + float(x)) for x in fake) + _mean(max(0.0, 1 + float(x)) for x in mismatched)
    )
    assert losses.hinge_discriminator_loss(real, fake, mismatched).item() == pytest.approx(expected)
    alone = _mean(max(0.0, 1 - float(r)) for r in real) + _mean(max(0.0, 1 + float(f)) for f in fake)
    assert losses.hinge_discriminator_loss(real, fake).item() == pytest.approx(alone)
    assert losses.hinge_generator_loss(fake).item() == pytest.approx(-_mean(map(float, fake)))


def test_a_batch_without_mismatched_pairs_still_has_a_loss():
    real, fake, nothing = torch.ones(3), torch.zeros(3), torch.zeros(0)
    assert losses.discriminator_mismatch_loss(nothing).item() == 0.0
    assert losses.hinge_discriminator_loss(real, fake, nothing).item() == pytest.approx(0.5)


class _Linear(nn.Module):
    """logit = scale (a . image + b . condition): its gradient is the same everywhere."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Parameter(torch.randn(12)), nn.Parameter(torch.randn(4))

    def forward(self, images, condition):
        return images.flatten(1) @ self.a + condition @ self.b


def test_r1_penalty_of_a_linear_discriminator_is_the_square_of_its_slope_in_the_image():
    discriminator = _Linear()
    penalty = losses.r1_penalty(discriminator, torch.randn(3, 3, 2, 2), torch.randn(3, 4))
    assert penalty.item() == pytest.approx(discriminator.a.square().sum().item(), rel=1e-5)


def test_r1_penalty_is_the_mean_over_images_of_a_finite_difference():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    images, step, expected = torch.randn(3, 3, 2, 2, dtype=torch.float64), 1e-6, 0.0
    for image in images:
        for place in np.ndindex(*image.shape):
            moved = image.clone()
            moved[place] += step
            expected += ((network(moved[None]) - network(image[None])) / step).item() ** 2 / len(images)
    penalty = losses.r1_penalty(lambda x, _: network(x)[:, 0], images, torch.zeros(3, 4))
    assert penalty.item() == pytest.approx(expected, rel=1e-4)


def test_r1_penalty_can_be_minimised():
    discriminator = _Linear()
    losses.r1_penalty(discriminator, torch.randn(3, 3, 2, 2), torch.randn(3, 4)).backward()
    torch.testing.assert_close(discriminator.a.grad, 2 * discriminator.a.detach())


@pytest.mark.parametrize(
    "loss",
    [
        losses.norm_loss,
        losses.distillation_loss,
        lambda s, v: losses.joint_embedding_loss(s, v, LABELS),
        lambda s, v: losses.contrastive_loss(s, v, LABELS, 0.5),
        losses.conditioning_kl,
        lambda s, v: losses.released_teacher_student_loss(s, v, LABELS),
    ],
    ids=["norm", "distillation", "joint embedding", "contrastive", "conditioning", "released"],
)
def test_gradients_equal_finite_differences(loss):
    assert torch.autograd.gradcheck(loss, [part.requires_grad_() for part in _pair()])
