"""The student ignores padding and its batch; the teachers stay frozen."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
from pytorch_fid import inception as fid_inception
from torch import nn
from torch.nn import functional as F

from s2i_lib import metrics
from s2i_lib.datasets import DatasetError
from s2i_lib.datasets.photos import weights
from s2i_lib.features import cached_features, extract_features
from s2i_lib.models.checkpoint import load_weights, save_weights
from s2i_lib.models.classifiers import FrozenClassifier, ImageClassifier, InceptionClassifier, predict_with_features
from s2i_lib.models.pretrained import EfficientNetStages, FidInception
from s2i_lib.models.speech_encoder import MaskedBatchNorm, SpeechEncoder, frame_mask
from s2i_lib.models.teacher import Teacher, load_teacher, resize, teacher_views
from s2i_lib.models.text_encoder import TextEncoder, encode_characters

LENGTHS = torch.tensor([64, 130, 301])


@pytest.fixture(params=["mean", "all_steps", "last"])
def encoder(request):
    torch.manual_seed(0)
    return SpeechEncoder(embedding_dim=12, width=4, rnn_dim=8, pooling=request.param).eval()


@pytest.fixture
def log_mel():
    torch.manual_seed(1)
    return torch.randn(3, 40, 301)


def _with_padding(log_mel: torch.Tensor, frames: int) -> torch.Tensor:
    """A longer batch whose padding holds nonsense."""
    padded = 50 * torch.randn(3, 40, frames)
    for row, source, length in zip(padded, log_mel, LENGTHS):
        row[:, :length] = source[:, :length]
    return padded


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("frames", [301, 400])
def test_padding_changes_nothing(encoder, log_mel, training, frames):
    encoder.train(training)
    padded = _with_padding(log_mel, frames)
    torch.testing.assert_close(encoder(padded, LENGTHS), encoder(log_mel, LENGTHS), atol=1e-5, rtol=1e-4)


def test_a_batch_of_one_equals_a_batch_of_many(encoder, log_mel):
    together = encoder(log_mel, LENGTHS)
    for row, source, length in zip(together, log_mel, LENGTHS):
        torch.testing.assert_close(encoder(source[None, :, :length], length[None])[0], row, atol=1e-5, rtol=1e-4)


def test_the_order_of_the_batch_is_kept(encoder, log_mel):
    order = [2, 0, 1]
    shuffled = encoder(log_mel[order], LENGTHS[order])
    torch.testing.assert_close(shuffled, encoder(log_mel, LENGTHS)[order], atol=1e-5, rtol=1e-4)


def test_an_utterance_shorter_than_one_time_step_is_refused(encoder, log_mel):
    with pytest.raises(ValueError, match="63 frames.*at least 64"):
        encoder(log_mel, torch.tensor([63, 130, 301]))


def test_the_released_form_has_the_released_size():
    with torch.device("meta"):
        encoder = SpeechEncoder(embedding_dim=1024, width=64)
    assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(11.67, abs=0.005)


def test_time_is_downsampled_64_times(encoder, log_mel):
    steps, lengths = encoder.convolve(log_mel, LENGTHS)
    assert steps.shape == (3, 64, 5) and lengths.tolist() == [1, 3, 5]
    assert (steps[0, :, 1:] == 0).all() and (steps[1, :, 3:] == 0).all()


@pytest.mark.parametrize("rnn_dim", [None, 8])
def test_the_gradient_reaches_every_parameter(log_mel, rnn_dim):
    torch.manual_seed(0)
    encoder = SpeechEncoder(12, 4, rnn_dim)
    encoder(log_mel, LENGTHS).square().sum().backward()
    dead = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert dead == []


def test_the_mean_over_all_steps_grows_with_the_utterance(log_mel):
    torch.manual_seed(0)
    encoder = SpeechEncoder(12, 4).eval()
    mean = encoder(log_mel, LENGTHS)
    encoder.pooling = "all_steps"
    torch.testing.assert_close(encoder(log_mel, LENGTHS), mean * torch.tensor([1, 3, 5])[:, None] / 32)


def test_the_last_state_is_that_of_either_direction(log_mel):
    torch.manual_seed(0)
    encoder = SpeechEncoder(12, 4, pooling="last").eval()
    steps, _ = encoder.convolve(log_mel[2:], LENGTHS[2:])
    states, _ = encoder.rnn(steps.transpose(1, 2))
    torch.testing.assert_close(encoder(log_mel[2:], LENGTHS[2:])[0], torch.cat([states[0, -1, :6], states[0, 0, 6:]]))


def test_masked_normalisation_without_padding_is_batch_normalisation():
    x = torch.randn(3, 5, 11)
    masked, plain = MaskedBatchNorm(5), nn.BatchNorm1d(5)
    everything = torch.ones(3, 11, dtype=torch.bool)
    for _ in range(2):
        torch.testing.assert_close(masked(x, everything), plain(x))
    torch.testing.assert_close(masked.norm.running_var, plain.running_var)
    torch.testing.assert_close(masked.eval()(x, everything), plain.eval()(x))


def test_masked_normalisation_learns_nothing_from_padding():
    lengths = torch.tensor([4, 9])
    mask, x = frame_mask(lengths, 11), torch.randn(2, 5, 11)
    clean, dirty = MaskedBatchNorm(5), MaskedBatchNorm(5)
    outputs = clean(x, mask), dirty(torch.where(mask[:, None], x, 1000.0), mask)
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(clean.norm.running_mean, dirty.norm.running_mean)
    assert (outputs[0].transpose(1, 2)[~mask] == 0).all()


# --- text ---


def test_a_text_encoder_ignores_padding_and_its_batch():
    torch.manual_seed(0)
    encoder = TextEncoder(6, width=4, rnn_dim=8).eval()
    rows = [encode_characters(text) for text in ("a red bird", "a blue bird with a tail", "x")]
    batch, lengths = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor([len(row) for row in rows])
    together = encoder(batch, lengths)
    assert together.shape == (3, 6)
    torch.testing.assert_close(encoder(F.pad(batch, (0, 13)), lengths), together, atol=1e-5, rtol=1e-4)
    for row, length, expected in zip(rows, lengths, together):
        torch.testing.assert_close(encoder(row[None], length[None])[0], expected, atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="a sentence is empty"):
        encoder(batch, torch.tensor([3, 0, 1]))


def test_characters_have_their_own_numbers_and_case_does_not_matter():
    assert torch.equal(encode_characters("Red"), encode_characters("red"))
    assert len(set(encode_characters("abc xyz.").tolist())) == 8 and encode_characters("ü").tolist() == [0]


# --- teachers ---


def test_a_teacher_is_frozen_and_stays_in_evaluation_mode():
    class Toy(nn.Sequential):
        def forward(self, images):
            return [super().forward(images)]

    teacher = Teacher("toy", Toy(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)), 4, [0.5] * 3, [0.5] * 3, 8)
    nn.Sequential(teacher).train()
    assert not any(module.training for module in teacher.modules())
    assert not any(p.requires_grad for p in teacher.parameters())
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(teacher(images), teacher(images))


def test_the_small_teacher_comes_with_its_weights():
    teacher, images = load_teacher("efficientnet_lite0", 64), torch.rand(2, 3, 64, 64)
    features = teacher(images)
    assert features.shape == (2, teacher.dim) == (2, 1280)
    torch.testing.assert_close(teacher(images[1:])[0], features[1], atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_stages_are_pooled_by_sign_and_both_are_the_last_and_then_all():
    images = torch.rand(2, 3, 64, 64)
    last, every, both = (load_teacher("efficientnet_lite0", 64, power=3.0, stages=name) for name in ("last", "all", "both"))
    features = both(images)
    assert (last.dim, every.dim, both.dim) == (1280, 1488, 2768) and features.shape == (2, 2768)
    torch.testing.assert_close(features[:, :1280], last(images))
    torch.testing.assert_close(features[:, 1280:], every(images))
    network, grid = last.trunk.network, (images - last.mean) / last.std
    grid = network._swish(network._bn0(network._conv_stem(grid)))
    for block in network._blocks[:5]:  # the first of the five stages, by hand
        grid = block(grid)
    for part, found in zip((grid, -grid), features[:, 1280 : 1280 + 80].split(40, dim=1)):
        torch.testing.assert_close(found, part.clamp_min(0).pow(3).mean((2, 3)).pow(1 / 3), atol=1e-4, rtol=1e-3)


@pytest.fixture
def googlenet_file(tmp_path):
    torch.manual_seed(0)
    network = torchvision.models.googlenet(weights=None, aux_logits=True, init_weights=False)
    torch.save(network.state_dict(), tmp_path / "googlenet.pth")
    return tmp_path / "googlenet.pth", network.eval()


def test_googlenet_reads_a_given_file(googlenet_file):
    path, network = googlenet_file
    teacher, images = load_teacher("googlenet", 64, path=path), torch.rand(2, 3, 64, 64)
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    network.fc, network.transform_input = nn.Identity(), True  # as torchvision uses its pretrained weights
    torch.testing.assert_close(teacher(images), network((images - mean) / std).detach(), atol=1e-4, rtol=1e-3)
    assert teacher.dim == 1024
    both = load_teacher("googlenet", 64, path=path, stages="both")
    features = both(images)
    assert features.shape == (2, both.dim) == (2, 1024 + 192 + 480 + 832 + 1024)
    assert torch.equal(features[:, :1024], features[:, -1024:])  # the last of all stages is the last grid


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    """An empty project; what torchvision may have downloaded on this machine is hidden."""
    monkeypatch.setenv("S2I_ROOT", str(tmp_path))
    for part in weights.PARTS:
        monkeypatch.setattr(
            weights,
            {"g": "GOOGLENET", "i": "INCEPTION", "p": "FID_INCEPTION"}[part.archive[0]],
            replace(part, unpacked=part.unpacked[:1]),
        )
    return tmp_path / "data" / "weights"


def test_googlenet_is_found_where_it_belongs(googlenet_file, no_weights):
    no_weights.mkdir(parents=True)
    shutil.copy(googlenet_file[0], no_weights / weights.GOOGLENET.archive)
    images = torch.rand(1, 3, 64, 64)
    given = load_teacher("googlenet", 64, path=googlenet_file[0])
    torch.testing.assert_close(load_teacher("googlenet", 64)(images), given(images))


@pytest.mark.parametrize(
    "load, name",
    [(lambda: load_teacher("googlenet"), "googlenet-1378be20.pth"), (FidInception, "pt_inception-2015-12-05-6726825d.pth")],
)
def test_missing_weights_are_named_with_the_cure(no_weights, load, name):
    with pytest.raises(DatasetError, match=f"{name}.*is missing: run python -m s2i_lib data status --dataset weights"):
        load()


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory):
    """A state dict of pytorch-fid's Inception with random weights, and the network as the package itself makes it."""
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.Module, "load_state_dict", lambda self, state: None)
        patch.setattr(fid_inception, "load_state_dict_from_url", lambda *_, **__: {})
        network = fid_inception.fid_inception_v3()
    path = tmp_path_factory.mktemp("weights") / "fid.pth"
    torch.save(network.state_dict(), path)
    return path, network


def test_the_fid_network_is_that_of_the_package(inception_file, monkeypatch):
    path, network = inception_file
    ours, images = FidInception(path), torch.rand(2, 3, 32, 32)
    monkeypatch.setattr(fid_inception, "load_state_dict_from_url", lambda *_, **__: network.state_dict())
    theirs = fid_inception.InceptionV3([fid_inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()
    features = ours.train()(images)
    assert features.shape == (2, 2048) and not any(p.requires_grad for p in ours.parameters())
    torch.testing.assert_close(features, theirs(images)[0].flatten(1))


def test_the_scores_can_use_the_fid_network(inception_file, tmp_path):
    """What `evaluation.Evaluator` asks of a feature network: its dimension, and features that are kept by content."""
    ours, images = FidInception(inception_file[0]), torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    features = cached_features(ours, images, tmp_path)
    np.testing.assert_array_equal(features, extract_features(ours, images))
    np.testing.assert_array_equal(cached_features(ours, images, tmp_path), features)
    assert metrics.FeatureSample(ours.dim).update(features).rows.shape == (3, 2048) and len(list(tmp_path.iterdir())) == 1


def test_an_inception_classifier_starts_from_its_weights_and_answers_like_the_small_one(tmp_path):
    torch.manual_seed(0)
    network = torchvision.models.inception_v3(weights=None, init_weights=False, aux_logits=True, transform_input=True)
    torch.save(network.state_dict(), tmp_path / "inception.pth")
    classifier = InceptionClassifier({"class": ("150", "151", "152")}, tmp_path / "inception.pth").eval()
    images = torch.rand(1, 3, 299, 299)
    assert classifier(images * 2 - 1)["class"].shape == (1, 3) and classifier.answers == {"class": ("150", "151", "152")}
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    network.fc = nn.Identity()
    theirs = network.eval()((images - mean) / std)
    torch.testing.assert_close(classifier.network(images * 2 - 1), theirs, atol=1e-3, rtol=1e-3)


def test_a_teacher_is_shown_what_its_source_shows():
    pixels = torch.arange(256, dtype=torch.uint8).expand(2, 3, 256, 256).clone()
    pixels[..., :128, :] //= 2
    assert len(teacher_views(pixels, "whole")) == 1 and torch.equal(teacher_views(pixels, "whole")[0], pixels)
    whole, mirror = teacher_views(pixels, "mirror")
    assert torch.equal(mirror, pixels.flip(-1)) and torch.equal(whole, pixels)
    (centre,) = teacher_views(pixels, "centre")
    assert torch.equal(centre, pixels[..., 16:240, 16:240])
    released = teacher_views(pixels, "released")
    assert len(released) == 10 and all(view.shape == (2, 3, 224, 224) and view.dtype == torch.uint8 for view in released)
    assert all(torch.equal(released[k + 5], released[k].flip(2)) for k in range(5))  # upside-down, not mirrored
    assert len({view.float().mean().item() for view in released[:5]}) > 1


def test_an_unknown_teacher_is_refused():
    with pytest.raises(ValueError, match="choose efficientnet_lite0 or googlenet"):
        load_teacher("resnet50")


def test_resize_keeps_the_mean_and_removes_what_it_cannot_show():
    checkerboard = torch.ones(1, 3, 64, 64)
    checkerboard[..., ::2, 1::2] = checkerboard[..., 1::2, ::2] = 0
    torch.testing.assert_close(resize(checkerboard, 16)[..., 2:-2, 2:-2], torch.full((1, 3, 12, 12), 0.5), atol=0.02, rtol=0)
    assert resize(checkerboard, 64) is checkerboard


# --- classifiers ---


@pytest.mark.parametrize("size", [8, 16, 64])
def test_a_classifier_has_one_head_per_question(size):
    classifier = ImageClassifier({"crown": ("red", "blue", "black"), "crest": ("none", "crested")}, size, 4).eval()
    answers = classifier(torch.rand(2, 3, 32, 32))
    assert {question: tuple(logits.shape) for question, logits in answers.items()} == {"crown": (2, 3), "crest": (2, 2)}


def test_a_classifier_of_photographs_keeps_only_what_it_has_learned(tmp_path):
    torch.manual_seed(0)
    classifier = FrozenClassifier({"crown": ("red", "blue"), "size": ("small", "large", "huge")}).train()
    images = torch.rand(4, 3, 64, 64) * 2 - 1
    before = classifier.stages.network._bn0.running_mean.clone()
    classifier(images)["crown"].sum().backward()
    assert torch.equal(classifier.stages.network._bn0.running_mean, before)  # frozen, statistics included
    assert {name.partition(".")[0] for name, weight in classifier.named_parameters() if weight.grad is not None} == {
        "reduce",
        "heads",
    }
    save_weights(classifier, tmp_path / "classifier.safetensors")
    assert (tmp_path / "classifier.safetensors").stat().st_size < 300_000
    other = load_weights(FrozenClassifier(classifier.answers), tmp_path / "classifier.safetensors")
    answers, features = predict_with_features(other, images)
    assert {question: part.shape for question, part in answers.items()} == {"crown": (4, 2), "size": (4, 3)}
    np.testing.assert_allclose(features, other.grid(images).mean((2, 3)).detach(), rtol=1e-5)
    twice = other.answer(other.reduced(other.frozen(images)))  # the two steps of training
    for question, logits in classifier.eval()(images).items():
        torch.testing.assert_close(twice[question], logits)


def test_the_frozen_stages_see_pixels_in_the_range_of_their_training():
    stages, images = EfficientNetStages(), torch.rand(2, 3, 128, 128) * 2 - 1
    pixels = (images + 1) / 2 * 255
    last = []
    hook = stages.network._conv_head.register_forward_pre_hook(lambda _, inputs: last.append(inputs[0]))
    stages.network.extract_features((pixels - 127) / 128)
    hook.remove()
    features = stages(images)
    assert features.shape == (2, stages.dim, 4, 4) == (2, 784, 4, 4)
    torch.testing.assert_close(features[:, -320:], last[0], atol=1e-4, rtol=1e-3)
