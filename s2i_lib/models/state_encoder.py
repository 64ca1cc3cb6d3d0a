"""The student on a frozen speech encoder's states (recipe `whisper`, beyond the paper)."""

import torch
from torch import nn
from torch.nn import functional as F

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


class ResidualConvolution(nn.Module):
    """Layer normalisation, convolution over three states that lie `dilation` steps apart and GELU, added to what came in."""

    def __init__(self, width: int, dropout: float, dilation: int = 1):
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.convolution = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, T, C) states and their (B, T) mask, True on speech, to (B, T, C)."""
        inner = (self.norm(x) * mask[..., None]).transpose(1, 2)
        return x + self.dropout(F.gelu(self.convolution(inner)).transpose(1, 2))


class StateEncoder(nn.Module):
    """States of a frozen encoder to sentence embedding, with the interface of ``SpeechEncoder``.

    A learned sum of the layers (Yang et al., 2021, "SUPERB") if there are several, a linear map, convolutions, attentive
    pooling and a linear map. Padding is masked everywhere.

    The first convolution looks at 0.24 s, each further one `growth` times as far as the one before: which part a colour
    belongs to may be said a second later.

    Args:
        embedding_dim: D.
        state_dim: channels of one layer of the frozen encoder.
        layers: how many of its layers come in.
        width: channels between the linear maps.
        convolutions: how many.
        growth: how much farther each convolution looks than the one before.
        dropout: share of the values that training sets to zero after each convolution and after the pooling.
    """

    def __init__(
        self,
        embedding_dim: int = 1024,
        state_dim: int = 384,
        layers: int = 1,
        width: int = 256,
        convolutions: int = 2,
        growth: int = 1,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.embedding_dim, self.layers = embedding_dim, layers
        self.layer_weights = nn.Parameter(torch.zeros(layers))
        self.input_norm = nn.LayerNorm(state_dim)
        self.input = nn.Linear(state_dim, width)
        self.blocks = nn.ModuleList(ResidualConvolution(width, dropout, growth**place) for place in range(convolutions))
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.pooling = AttentivePooling(width)
        self.project = nn.Linear(4 * width, embedding_dim)

    def forward(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(B, layers * state_dim, T) states and (B,) lengths to (B, D) float32 embeddings."""
        mask = frame_mask(lengths.to(states.device), states.shape[2])
        layers = self.input_norm(states.unflatten(1, (self.layers, -1)).permute(0, 3, 1, 2))
        weights = self.layer_weights.softmax(0).to(layers.dtype)
        x = self.input(torch.einsum("btlc,l->btc", layers, weights))
        for block in self.blocks:
            x = block(x, mask)
        return self.project(self.dropout(self.pooling(self.norm(x), mask))).float()
