"""One function per numbered equation of the paper, the released code's variant, and the recommended losses.

Speech embeddings `speech` and image embeddings `image` are (B, D) float tensors, `labels` (B,) class indices. Discriminator
outputs are logits. All losses are scalars to be minimised, means over the batch.
"""

import torch
from torch import nn
from torch.nn import functional as F

MARGIN_DIFFERENT, MARGIN_SAME = 1.0, 0.1  # m_diff and m_same, Section III-F
PAPER_WEIGHTS = {"jel": 1.0, "norm": 5.0, "kdl": 1000.0}  # Section III-F; JEL's weight is Eq. 6's implicit 1


def norm_loss(speech: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """L1 distance of paired embeddings, summed over the coordinates (Eq. 8)."""
    return (speech - image).abs().sum(dim=1).mean()


def joint_embedding_loss(
    speech: torch.Tensor,
    image: torch.Tensor,
    labels: torch.Tensor,
    alpha: float = 1.0,
    beta: float = 1.0,
    margin_different: float = MARGIN_DIFFERENT,
    margin_same: float = MARGIN_SAME,
) -> torch.Tensor:
    """Hinge on dot products: the paired image must beat every other image of the batch by a margin (Eq. 7).

    The expectations are means over the pairs (i, j) of the batch with different and with the same class label. The paper
    gives no values for alpha and beta. A pair (i, i) contributes the constant `margin_same` and is kept, as printed.
    """
    scores = speech @ image.T
    violation = scores - scores.diagonal()[:, None]
    same = labels[:, None] == labels[None, :]
    between = F.relu(violation + margin_different)[~same]
    within = F.relu(violation + margin_same)[same]
    return alpha * (between.mean() if len(between) else scores.new_zeros(())) + beta * within.mean()


def distillation_loss(speech: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """KL(softmax(speech) || softmax(image)), no temperature (Eq. 9 in the printed order of its arguments)."""
    log_student, log_teacher = F.log_softmax(speech, dim=1), F.log_softmax(image, dim=1)
    return (log_student.exp() * (log_student - log_teacher)).sum(dim=1).mean()


def teacher_student_terms(speech: torch.Tensor, image: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """The three unweighted terms of Eq. 6 by name: ``jel`` (Eq. 7), ``norm`` (Eq. 8) and ``kdl`` (Eq. 9)."""
    return {
        "jel": joint_embedding_loss(speech, image, labels),
        "norm": norm_loss(speech, image),
        "kdl": distillation_loss(speech, image),
    }


# The terms of Eq. 6 that each row of Table IV trains with.
TERMS = {"norm": ("norm",), "norm_jel": ("jel", "norm"), "teacher_student": ("jel", "norm", "kdl")}


def teacher_student_loss(
    speech: torch.Tensor, image: torch.Tensor, labels: torch.Tensor, weights: dict[str, float] = PAPER_WEIGHTS
) -> torch.Tensor:
    """L_JEL + lambda_norm L_norm + lambda_KDL L_KDL (Eq. 6), or fewer terms (Table IV): those that `weights` names."""
    terms = teacher_student_terms(speech, image, labels)
    weighted = [weights[name] * terms[name] for name in weights]
    return sum(weighted[1:], start=weighted[0])


def gradient_magnitudes(terms: dict[str, torch.Tensor], speech: torch.Tensor) -> dict[str, float]:
    """Mean absolute gradient of each term with respect to the (B, D) speech embeddings (Section III-D1)."""
    gradients = {name: torch.autograd.grad(term, speech, retain_graph=True)[0] for name, term in terms.items()}
    return {name: float(gradient.abs().mean()) for name, gradient in gradients.items()}


def balanced_weights(sizes: dict[str, float]) -> dict[str, float]:
    """Weights that give every term the gradient magnitude of the first one, the paper's recipe for its lambdas."""
    reference = next(iter(sizes.values()))
    return {name: reference / max(size, 1e-12) for name, size in sizes.items()}


def released_teacher_student_loss(speech: torch.Tensor, image: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """What the released code minimises instead of Eq. 6.

    Margins 1 and 0 with weights 1 and 0.1, hinges summed over B^2; L1 as a mean between batch matrices divided by their
    Frobenius norms; KL from the teacher at temperature 2 to the student at temperature 1, divided by B D.
    """
    scores = speech @ image.T
    violation = scores - scores.diagonal()[:, None]
    same = labels[:, None] == labels[None, :]
    jel = (F.relu(violation + 1.0)[~same].sum() + 0.1 * F.relu(violation)[same].sum()) / len(labels) ** 2
    norm = F.l1_loss(speech / speech.norm(), image / image.norm())
    kdl = F.kl_div(F.log_softmax(speech, dim=1), F.softmax(image / 2, dim=1), reduction="sum") / speech.numel()
    return jel + 5.0 * norm + 1000.0 * kdl


def contrastive_loss(
    speech: torch.Tensor, image: torch.Tensor, labels: torch.Tensor, temperature: torch.Tensor | float = 0.07
) -> torch.Tensor:
    """The recommended embedding loss: symmetric cross entropy over cosine similarities, same-class pairs left out.

    Another image of the same bird class is no negative, so such pairs are taken out of the denominators.

    Args:
        temperature: positive scalar, usually learned.
    """
    logits = F.normalize(speech, dim=1) @ F.normalize(image, dim=1).T / temperature
    same = (labels[:, None] == labels[None, :]) & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    logits = logits.masked_fill(same, float("-inf"))
    target = torch.arange(len(labels), device=labels.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def classification_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross entropy of (B, classes) logits: what the classifier-based baseline minimises (Section IV-B, method [11])."""
    return F.cross_entropy(logits, labels)


def _mean(values: torch.Tensor, counted: torch.Tensor | None = None) -> torch.Tensor:
    """Mean over the (n,) values, or over those that the (n,) mask `counted` leaves; 0 if none is left."""
    if counted is None and len(values):
        return values.mean()
    counted = values.new_ones(len(values)) if counted is None else counted.to(values.dtype)
    return (values * counted).sum() / counted.sum().clamp_min(1)


def _bce(logits: torch.Tensor, target: float, counted: torch.Tensor | None = None) -> torch.Tensor:
    targets = torch.full_like(logits, target)
    if counted is None and len(logits):
        return F.binary_cross_entropy_with_logits(logits, targets)
    return _mean(F.binary_cross_entropy_with_logits(logits, targets, reduction="none"), counted)


def discriminator_conditional_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Eq. 11 as binary cross entropy: (B,) conditional logits of real and of generated images with their sentence."""
    return _bce(real, 1.0) + _bce(fake, 0.0)


def discriminator_unconditional_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Eq. 12 as binary cross entropy: (B,) unconditional logits of real and of generated images."""
    return _bce(real, 1.0) + _bce(fake, 0.0)


def discriminator_mismatch_loss(mismatched: torch.Tensor, counted: torch.Tensor | None = None) -> torch.Tensor:
    """Eq. 13 as binary cross entropy: (B,) conditional logits of real images with a sentence of another class.

    `counted`, a (B,) mask, leaves out pairs that are not mismatched; a batch of one class has none, and the loss is 0. The
    losses of mismatched pairs below have it as well.
    """
    return _bce(mismatched, 0.0, counted)


def generator_loss(conditional: torch.Tensor, unconditional: torch.Tensor) -> torch.Tensor:
    """One scale of Eq. 14 as binary cross entropy: (B,) logits of generated images, with and without the sentence."""
    return _bce(conditional, 1.0) + _bce(unconditional, 1.0)


def stackgan_v1_discriminator_loss(
    real: torch.Tensor, fake: torch.Tensor, mismatched: torch.Tensor, counted: torch.Tensor | None = None
) -> torch.Tensor:
    """One stage of StackGAN-v1: (B,) conditional logits; generated and mismatched pairs share one weight."""
    return _bce(real, 1.0) + (_bce(fake, 0.0) + _bce(mismatched, 0.0, counted)) / 2


def stackgan_v1_generator_loss(fake: torch.Tensor) -> torch.Tensor:
    """One stage of StackGAN-v1: (B,) conditional logits of generated images."""
    return _bce(fake, 1.0)


def conditioning_kl(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """KL(N(mean, variance) || N(0, 1)) of conditioning augmentation, (B, C) each, mean over both (StackGAN)."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).mean()


def hinge_discriminator_loss(
    real: torch.Tensor, fake: torch.Tensor, mismatched: torch.Tensor | None = None, counted: torch.Tensor | None = None
) -> torch.Tensor:
    """Hinge loss over logits of any shape of real, generated and mismatched pairs; the latter two, if there are both, share
    one weight.
    """
    loss, wrong = F.relu(1 - real).mean(), F.relu(1 + fake).mean()
    return loss + (wrong if mismatched is None else (wrong + _mean(F.relu(1 + mismatched), counted)) / 2)


def hinge_generator_loss(fake: torch.Tensor) -> torch.Tensor:
    """Minus the mean of the logits of generated pairs, of any shape."""
    return -fake.mean()


def r1_penalty(discriminator: nn.Module, images: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
    """R1: mean squared norm of the logit's gradient with respect to real images (Mescheder et al., 2018, Eq. 9).

    It makes the discriminator flat around real pictures, which is where the generator should end. It needs a second derivative.
    """
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(images, condition).sum(), images, create_graph=True)
    return gradient.float().square().flatten(1).sum(dim=1).mean()
