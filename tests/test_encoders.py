"""The student ignores padding and its batch; the teachers stay frozen."""

from urllib.error import URLError

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from s2i_lib.encoders import (ImageClassifier, MaskedBatchNorm, SpeechEncoder, Teacher, TextEncoder, encode_characters,
                              frame_mask, load_teacher, resize)

LENGTHS = torch.tensor([64, 130, 301])


@pytest.fixture(params=["mean", "all_slots", "last"])
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


def test_an_utterance_shorter_than_one_slot_is_refused(encoder, log_mel):
    with pytest.raises(ValueError, match="63 frames.*at least 64"):
        encoder(log_mel, torch.tensor([63, 130, 301]))


def test_the_released_form_has_the_released_size():
    with torch.device("meta"):
        encoder = SpeechEncoder(embedding_dim=1024, width=64)
    assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(11.67, abs=0.005)


def test_time_is_shortened_64_times(encoder, log_mel):
    slots, lengths = encoder.convolve(log_mel, LENGTHS)
    assert slots.shape == (3, 64, 5) and lengths.tolist() == [1, 3, 5]
    assert (slots[0, :, 1:] == 0).all() and (slots[1, :, 3:] == 0).all()


@pytest.mark.parametrize("rnn_dim", [None, 8])
def test_the_gradient_reaches_every_parameter(log_mel, rnn_dim):
    torch.manual_seed(0)
    encoder = SpeechEncoder(12, 4, rnn_dim)
    encoder(log_mel, LENGTHS).square().sum().backward()
    dead = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert dead == []


def test_the_mean_over_all_slots_grows_with_the_utterance(log_mel):
    torch.manual_seed(0)
    encoder = SpeechEncoder(12, 4).eval()
    mean = encoder(log_mel, LENGTHS)
    encoder.pooling = "all_slots"
    torch.testing.assert_close(encoder(log_mel, LENGTHS), mean * torch.tensor([1, 3, 5])[:, None] / 32)


def test_the_last_state_is_that_of_either_direction(log_mel):
    torch.manual_seed(0)
    encoder = SpeechEncoder(12, 4, pooling="last").eval()
    slots, _ = encoder.convolve(log_mel[2:], LENGTHS[2:])
    states, _ = encoder.rnn(slots.transpose(1, 2))
    torch.testing.assert_close(encoder(log_mel[2:], LENGTHS[2:])[0], torch.cat([states[0, -1, :6], states[0, 0, 6:]]))


def test_masked_normalisation_without_padding_is_batch_normalisation():
    x = torch.randn(3, 5, 11)
    masked, plain = MaskedBatchNorm(5), nn.BatchNorm1d(5)
    everything = torch.ones(3, 11, dtype=torch.bool)
    for _ in range(2):
        torch.testing.assert_close(masked(x, everything), plain(x))
    torch.testing.assert_close(masked.running_var, plain.running_var)
    torch.testing.assert_close(masked.eval()(x, everything), plain.eval()(x))


def test_masked_normalisation_learns_nothing_from_padding():
    lengths = torch.tensor([4, 9])
    mask, x = frame_mask(lengths, 11), torch.randn(2, 5, 11)
    clean, dirty = MaskedBatchNorm(5), MaskedBatchNorm(5)
    outputs = clean(x, mask), dirty(torch.where(mask[:, None], x, 1000.0), mask)
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(clean.running_mean, dirty.running_mean)
    assert (outputs[0].transpose(1, 2)[~mask] == 0).all()


# --- teachers ---


# --- text ---


def test_a_text_encoder_ignores_padding_and_its_batch():
    torch.manual_seed(0)
    reader = TextEncoder(6, width=4, rnn_dim=8).eval()
    rows = [encode_characters(text) for text in ("a red bird", "a blue bird with a tail", "x")]
    batch, lengths = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor([len(row) for row in rows])
    together = reader(batch, lengths)
    assert together.shape == (3, 6)
    torch.testing.assert_close(reader(F.pad(batch, (0, 13)), lengths), together, atol=1e-5, rtol=1e-4)
    for row, length, expected in zip(rows, lengths, together):
        torch.testing.assert_close(reader(row[None], length[None])[0], expected, atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="a sentence is empty"):
        reader(batch, torch.tensor([3, 0, 1]))


def test_characters_have_their_own_numbers_and_case_does_not_matter():
    assert torch.equal(encode_characters("Red"), encode_characters("red"))
    assert len(set(encode_characters("abc xyz.").tolist())) == 8 and encode_characters("ü").tolist() == [0]


def test_a_teacher_is_frozen_and_stays_in_evaluation_mode():
    teacher = Teacher("toy", nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)), 4, [0.5] * 3, [0.5] * 3, 8)
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


@pytest.fixture
def googlenet_file(tmp_path):
    torch.manual_seed(0)
    network = torchvision.models.googlenet(weights=None, aux_logits=True, init_weights=False)
    torch.save(network.state_dict(), tmp_path / "googlenet.pth")
    return tmp_path / "googlenet.pth", network.eval()


def test_googlenet_reads_a_given_file(googlenet_file):
    path, network = googlenet_file
    teacher, images = load_teacher("googlenet", 64, weights=str(path)), torch.rand(2, 3, 64, 64)
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    network.fc = nn.Identity()
    torch.testing.assert_close(teacher(images), network((images - mean) / std).detach(), atol=1e-4, rtol=1e-3)
    assert teacher.dim == 1024


def _no_network(*_, **__):
    raise URLError("no route to host")


def test_googlenet_without_a_network_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", _no_network)
    with pytest.raises(FileNotFoundError, match="no route to host.*pass the path.*efficientnet_lite0"):
        load_teacher("googlenet")


def test_googlenet_with_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="pass the path"):
        load_teacher("googlenet", weights=str(tmp_path / "nothing.pth"))


def test_an_unknown_teacher_is_refused():
    with pytest.raises(ValueError, match="choose efficientnet_lite0 or googlenet"):
        load_teacher("resnet50")


def test_resize_keeps_the_mean_and_removes_what_it_cannot_show():
    checkerboard = torch.ones(1, 3, 64, 64)
    checkerboard[..., ::2, 1::2] = checkerboard[..., 1::2, ::2] = 0
    torch.testing.assert_close(resize(checkerboard, 16)[..., 2:-2, 2:-2], torch.full((1, 3, 12, 12), 0.5), atol=0.02, rtol=0)
    assert resize(checkerboard, 64) is checkerboard


# --- judges ---


@pytest.mark.parametrize("size", [8, 16, 64])
def test_a_judge_has_one_head_per_question(size):
    judge = ImageClassifier({"crown": ("red", "blue", "black"), "crest": ("none", "crested")}, size, 4).eval()
    answers = judge(torch.rand(2, 3, 32, 32))
    assert {question: tuple(logits.shape) for question, logits in answers.items()} == {"crown": (2, 3), "crest": (2, 2)}
