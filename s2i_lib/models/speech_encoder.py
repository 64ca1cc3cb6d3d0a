"""The speech encoder (Eq. 2): a CNN over the log-mel spectrogram, then a recurrent layer, then one vector."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

DOWNSAMPLING_FACTOR = 64  # frames per time step of the recurrent layer
ALL_STEPS = 32  # what the released code pads every utterance to: 20.48 s


def frame_mask(lengths: torch.Tensor, frames: int) -> torch.Tensor:
    """(B,) lengths to a (B, frames) boolean mask that is True on speech and False on padding."""
    return torch.arange(frames, device=lengths.device) < lengths[:, None]


class MaskedBatchNorm(nn.Module):
    """Batch normalisation over the valid frames only: (B, C, T) and its (B, T) mask to (B, C, T), zero on padding."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """See the class."""
        frames = x.transpose(1, 2)
        normalised = torch.zeros_like(frames, dtype=torch.float32)
        normalised[mask] = self.norm(frames[mask].float())
        return normalised.transpose(1, 2)


class ConvolutionBlock(nn.Module):
    """Convolution over time, masked batch normalisation and ReLU; ``stride=2`` halves the time."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1):
        super().__init__()
        self.stride = stride
        self.convolution = nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = MaskedBatchNorm(outputs)
        nn.init.normal_(self.convolution.weight, std=(2 / (outputs * kernel)) ** 0.5)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, inputs, T) features and (B,) lengths to (B, outputs, ceil(T / stride)) and their lengths."""
        lengths = (lengths + self.stride - 1) // self.stride
        x = self.convolution(x)
        return F.relu(self.norm(x, frame_mask(lengths, x.shape[2]))), lengths


class MaxPoolBlock(nn.Module):
    """Maximum over three frames, every second time; zero on padding."""

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, C, T) features and (B,) lengths to (B, C, ceil(T / 2)) and their lengths."""
        lengths = (lengths + 1) // 2
        return F.max_pool1d(x, 3, 2, 1) * frame_mask(lengths, (x.shape[2] + 1) // 2)[:, None], lengths


class SpeechEncoder(nn.Module):
    """Log-mel spectrogram to sentence embedding: CNN, then a bidirectional LSTM, then the mean over time (Eq. 2).

    The first layer normalises each of the 40 mel bands (Section III-A). The CNN, the released network seen as 1-d convolutions,
    downsamples time 64 times; its first convolution spans all bands. With ``embedding_dim=1024, width=64`` it has the 11.67
    million parameters of the released network. Unlike that one it masks padding everywhere, so an embedding does not depend on
    its batch.

    Args:
        embedding_dim: D, even; the dimension of the teacher.
        width: channels of the first layer; the last has 16 times as many.
        rnn_dim: size of the LSTM's two directions together. By default D, as released; a smaller one, for small machines,
            is followed by a linear map to D.
        pooling: what becomes of the LSTM's states. ``mean``: their mean over the time steps that hold speech. ``all_steps``, as
            released: their sum over 32, however few steps hold speech, so that long utterances get long vectors. ``last``:
            the last state of either direction.
    """

    def __init__(
        self, embedding_dim: int = 1024, width: int = 64, rnn_dim: int | None = None, num_mels: int = 40, pooling: str = "mean"
    ):
        super().__init__()
        self.embedding_dim, self.width, self.pooling = embedding_dim, width, pooling
        self.input_norm = MaskedBatchNorm(num_mels)
        self.blocks = nn.ModuleList(
            [
                ConvolutionBlock(num_mels, width, kernel=1),
                ConvolutionBlock(width, width, kernel=3),
                MaxPoolBlock(),
                ConvolutionBlock(width, 2 * width, kernel=17, stride=2),
                ConvolutionBlock(2 * width, 4 * width, kernel=13, stride=2),
                ConvolutionBlock(4 * width, 4 * width, kernel=3),
                ConvolutionBlock(4 * width, 8 * width, kernel=9, stride=2),
                MaxPoolBlock(),
                ConvolutionBlock(8 * width, 8 * width, kernel=3),
                ConvolutionBlock(8 * width, 16 * width, kernel=5, stride=2),
            ]
        )
        self.rnn = nn.LSTM(16 * width, (rnn_dim or embedding_dim) // 2, batch_first=True, bidirectional=True)
        self.project = nn.Linear(rnn_dim, embedding_dim) if rnn_dim else nn.Identity()

    def forward(self, log_mel: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(B, 40, T) log-mel batch and (B,) lengths in frames to (B, D) float32 embeddings.

        Raises:
            ValueError: an utterance of fewer than 64 frames (0.64 s), the shortest that fills one time step.
        """
        if int(lengths.min()) < DOWNSAMPLING_FACTOR:
            raise ValueError(
                f"an utterance has {int(lengths.min())} frames; the encoder downsamples time {DOWNSAMPLING_FACTOR} times "
                f"and needs at least {DOWNSAMPLING_FACTOR} (0.64 s): pad it with silence"
            )
        steps, lengths = self.convolve(log_mel, lengths)
        packed = pack_padded_sequence(steps.transpose(1, 2), lengths.cpu(), batch_first=True, enforce_sorted=False)
        packed_states, (last, _) = self.rnn(packed)
        if self.pooling == "last":
            return self.project(torch.cat(list(last.float()), dim=1)).float()
        states, _ = pad_packed_sequence(packed_states, batch_first=True)
        counts = lengths.clamp_min(ALL_STEPS) if self.pooling == "all_steps" else lengths
        return self.project(states.float().sum(dim=1) / counts[:, None]).float()

    def convolve(self, log_mel: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, 40, T) and (B,) to (B, 16 width, ceil(T / 64)) and the (B,) lengths in time steps."""
        lengths = lengths.to(log_mel.device)
        x = self.input_norm(log_mel, frame_mask(lengths, log_mel.shape[2]))
        for block in self.blocks:
            x, lengths = block(x, lengths)
        return x, lengths
