"""The text encoder of the baselines that read: the counterpart of the speech encoder."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from s2i_lib.models.speech_encoder import MaskedBatchNorm, frame_mask

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
        self.convolutions = nn.ModuleList([nn.Conv1d(a, b, 5, padding=2, bias=False) for a, b in pairwise(widths)])
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
