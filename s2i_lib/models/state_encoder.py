"""The student on a frozen speech encoder's states (recipe `whisper`, beyond the paper)."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from s2i_lib.models.speech_encoder import frame_mask


class AttentivePooling(nn.Module):
    """Weighted means over time, whose weights each head learns: (B, T, C) states to (B, heads * C).

    Args:
        channels: C.
        heads: how many means.
    """

    def __init__(self, channels: int, heads: int = 4):
        super().__init__()
        self.scores = nn.Sequential(nn.Linear(channels, channels // 2), nn.Tanh(), nn.Linear(channels // 2, heads))

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, T, C) states and their (B, T) mask, True on speech, to (B, heads * C)."""
        scores = self.scores(states).float().masked_fill(~mask[..., None], float("-inf"))
        return torch.einsum("bth,btc->bhc", scores.softmax(dim=1), states.float()).flatten(1)


class StateEncoder(nn.Module):
    """States of a frozen encoder to sentence embedding, with the interface of ``SpeechEncoder``.

    A learned sum of the layers (Yang et al., 2021, "SUPERB") if there are several, layer normalisation, a linear map, a
    convolution, a bidirectional GRU, attentive pooling and a linear map. Padding is masked everywhere.

    Args:
        embedding_dim: D.
        state_dim: channels of one layer of the frozen encoder.
        layers: how many of its layers come in.
        width: channels of the linear map, and of the two directions of the GRU together.
        dropout: share of the values that training sets to zero before the GRU and after the pooling.
    """

    def __init__(
        self, embedding_dim: int = 1024, state_dim: int = 384, layers: int = 1, width: int = 256, dropout: float = 0.1
    ):
        super().__init__()
        self.embedding_dim, self.layers = embedding_dim, layers
        self.layer_weights = nn.Parameter(torch.zeros(layers))
        self.input_norm = nn.LayerNorm(state_dim)
        self.input = nn.Linear(state_dim, width)
        self.convolution = nn.Conv1d(width, width, 3, padding=1)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.rnn = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        self.pooling = AttentivePooling(width)
        self.project = nn.Linear(4 * width, embedding_dim)

    def forward(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(B, layers * state_dim, T) states and (B,) lengths to (B, D) float32 embeddings."""
        mask = frame_mask(lengths.to(states.device), states.shape[2])
        layers = F.layer_norm(states.unflatten(1, (self.layers, -1)).permute(0, 3, 1, 2), self.input_norm.normalized_shape)
        x = torch.einsum("btlc,l->btc", layers, self.layer_weights.softmax(0)) if self.layers > 1 else layers[:, :, 0]
        x = self.input(self.input_norm(x)) * mask[..., None]
        x = x + F.gelu(self.convolution(x.transpose(1, 2))).transpose(1, 2)
        x = self.dropout(self.norm(x))
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        x, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return self.project(self.dropout(self.pooling(x, mask))).float()
