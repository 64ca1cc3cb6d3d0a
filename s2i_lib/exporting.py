"""A trained model as two ONNX graphs, for programs without torch: a sentence's sound to its embedding, and that to a picture.

``page`` puts them into a web page. Weights are stored in half precision, as in ``models/``, or in eight bits, and computed with
in single precision: every graph begins with the casts, which a runtime does once.
"""

import tempfile
import warnings
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import torch
import torchaudio
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional as F

from s2i_lib import audio
from s2i_lib.features import to_pixels
from s2i_lib.inference import SpeechToImage
from s2i_lib.models import whisper
from s2i_lib.models.gan import AnyGenerator
from s2i_lib.models.speech_encoder import ALL_STEPS, ConvolutionBlock, SpeechEncoder
from s2i_lib.models.state_encoder import StateEncoder
from s2i_lib.novelty import NEAREST, SpeechReference, whitening
from s2i_lib.recordings import LONGEST_SENTENCE

OPSET = 17
SMALLEST = 1024  # values; what is smaller is left in single precision
# Values from which on a matrix of the frozen encoder is stored in eight bits: those of its perceptrons, four times as large as
# the others. That saves 4.7 MB of Whisper tiny.en, and embeddings keep a cosine of 0.9997 to the exact ones; with the others
# it would be 7 MB and 0.9993.
EIGHT_BIT = 384 * 1536
EIGHT_BIT_KERNELS = 96 * 96 * 9  # a generator of 128 px then errs by a fifth of a grey level


def export_encoder(model: SpeechToImage) -> onnx.ModelProto:
    """Everything between the sound of one sentence and what is known of it.

    Its input is ``waveform``, (samples,) float32 at 16 kHz with root mean square 0.05, 0.64 to 20 s. Its outputs, all float32,
    are ``embedding``, (1, D); ``frames``, what the encoder or the frozen encoder receives, (bands, frames); and where the model
    has a reference, ``cosines``, (N,), to each of its sentences, and ``score``, (1,), that of
    ``novelty.negative_nearest_mahalanobis``.

    Args:
        model: on the CPU, with an encoder of log-mel spectrograms or of the states of a frozen encoder.
    """
    front: nn.Module
    if model.whisper is None:
        front = _LogMel()
        network: nn.Module = _OnLogMels(_of(SpeechEncoder, model.speech_model.encoder))
    else:
        front = _WhisperLogMel(model.whisper.num_mels)
        head = _of(StateEncoder, model.speech_model.encoder)
        network = _OnStates(model.whisper, head, model.config.encoder.layers == "all")
    sentence = _Sentence(front, network, model.config.encoder.normalise, model.reference)
    outputs = ["embedding", "frames", *(["cosines", "score"] if model.reference else [])]
    waveform = audio.set_level(torch.randn(audio.SAMPLE_RATE, generator=torch.Generator().manual_seed(0)))
    graph = _export(sentence, (waveform,), ["waveform"], outputs, {"waveform": {0: "samples"}})
    return _with_smaller_weights(graph, eight_bit=model.whisper is not None, spared=("front.", "whitening"))


def export_generator(model: SpeechToImage) -> onnx.ModelProto:
    """One picture: ``noise``, (1, noise_dim) float32, and ``embedding``, (1, D) float32, to ``pixels``, (size, size, 3) uint8.

    Args:
        model: on the CPU.

    Raises:
        ValueError: its generator draws random numbers of its own, so that a graph would draw one sentence in one way only.
    """
    if model.config.gan.draws_conditions:
        raise ValueError(f"the generator of {model.config.recipe} augments its condition: give a model that does not")
    inputs = (torch.zeros(1, model.config.gan.noise_dim), torch.zeros(1, model.speech_model.encoder.embedding_dim))
    graph = _export(_Picture(model.generator), inputs, ["noise", "embedding"], ["pixels"], {})
    return _with_smaller_weights(graph, eight_bit=True)


Kind = TypeVar("Kind", bound=nn.Module)


def _of(kind: type[Kind], encoder: nn.Module) -> Kind:
    if not isinstance(encoder, kind):
        raise ValueError(f"an encoder of the kind {type(encoder).__name__} cannot be exported")
    return encoder


# --- one sentence, without padding: what batches need and what ONNX has no word for is left out ---


class _Squares(nn.Module):
    """Squares of the real and of the imaginary part of every frequency, one after the other: (samples,) to (402, frames).

    A Fourier transform of 400 samples is a convolution with 402 windowed waves, which every runtime has.
    """

    def __init__(self, window: torch.Tensor):
        super().__init__()
        angles = 2 * np.pi * np.outer(np.arange(audio.WINDOW // 2 + 1), np.arange(audio.WINDOW)) / audio.WINDOW
        waves = np.stack([np.cos(angles), -np.sin(angles)], axis=1).reshape(-1, 1, audio.WINDOW)
        self.waves: torch.Tensor
        self.register_buffer("waves", torch.from_numpy((waves * window.double().numpy()).astype(np.float32)))

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        return F.conv1d(waveform[None, None], self.waves, stride=audio.HOP)[0].square()


def _mel_filters(low: float, num_mels: int) -> torch.Tensor:
    """(num_mels, 402): every frequency twice, for either part."""
    banks = torchaudio.functional.melscale_fbanks(
        audio.WINDOW // 2 + 1, low, audio.SAMPLE_RATE / 2, num_mels, audio.SAMPLE_RATE, norm="slaney", mel_scale="slaney"
    )
    return banks.repeat_interleave(2, dim=0).T.contiguous()


class _LogMel(nn.Module):
    """``audio.log_mel_spectrogram``: (samples,) to (40, frames)."""

    def __init__(self) -> None:
        super().__init__()
        self.squares = _Squares(torch.hamming_window(audio.WINDOW, periodic=True, dtype=torch.float64))
        self.filters: torch.Tensor
        self.register_buffer("filters", _mel_filters(audio.LOW_FREQUENCY, audio.NUM_MELS))

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        waveform = waveform - waveform.mean()
        waveform = torch.cat([waveform[:1], waveform[1:] - audio.PRE_EMPHASIS * waveform[:-1]])
        squares = self.squares(F.pad(waveform, (audio.WINDOW // 2, audio.WINDOW // 2)))
        return torch.log(self.filters @ squares + audio.ENERGY_FLOOR)


class _WhisperLogMel(nn.Module):
    """``whisper.whisper_log_mel``: (samples,) to (num_mels, frames)."""

    def __init__(self, num_mels: int):
        super().__init__()
        self.squares = _Squares(torch.hann_window(audio.WINDOW, dtype=torch.float64))
        self.filters: torch.Tensor
        self.register_buffer("filters", _mel_filters(0.0, num_mels))

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        padded = F.pad(waveform, (0, round(whisper.MARGIN * audio.SAMPLE_RATE)))
        padded = F.pad(padded[None], (audio.WINDOW // 2, audio.WINDOW // 2), mode="reflect")[0]
        energies = self.filters @ self.squares(padded)[:, :-1]
        log_mel = energies.clamp_min(1e-10).log10()
        return (log_mel.maximum(log_mel.max() - 8.0) + 4.0) / 4.0


class _OnLogMels(nn.Module):
    """A ``SpeechEncoder``: (40, frames) to (1, D)."""

    def __init__(self, encoder: SpeechEncoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        encoder = self.encoder
        x = encoder.input_norm.norm(frames[None])
        for block in encoder.blocks:
            if isinstance(block, ConvolutionBlock):
                x = F.relu(block.norm.norm(block.convolution(x)))
            else:
                x = F.max_pool1d(x, 3, 2, 1)
        states, (last, _) = encoder.rnn(x.transpose(1, 2))
        if encoder.pooling == "last":
            return encoder.project(last.transpose(0, 1).flatten(1))
        if encoder.pooling == "all_steps":
            steps = torch.full((1, 1), states.shape[1]).clamp_min(ALL_STEPS)
            return encoder.project(states.sum(1) / steps)
        return encoder.project(states.mean(1))


class _OnStates(nn.Module):
    """A frozen ``WhisperEncoder`` and a ``StateEncoder`` on its averaged states: (num_mels, frames) to (1, D)."""

    def __init__(self, frozen: whisper.WhisperEncoder, head: StateEncoder, all_layers: bool):
        super().__init__()
        self.frozen, self.head, self.all_layers = frozen, head, all_layers
        seconds = LONGEST_SENTENCE + whisper.MARGIN
        longest = round(seconds * audio.SAMPLE_RATE) // audio.HOP // whisper.FRAMES_PER_STATE
        self.positions: torch.Tensor  # no more than the longest sentence needs
        self.register_buffer("positions", frozen.positional_embedding[: longest + 1])

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        x = F.gelu(self.frozen.conv1(frames[None]))
        x = F.gelu(self.frozen.conv2(x)).transpose(1, 2)
        layers = [x + self.positions[: x.shape[1]]]
        for block in self.frozen.blocks:
            layers.append(block(layers[-1], None))
        layers[-1] = self.frozen.ln_post(layers[-1])
        states = torch.cat(layers if self.all_layers else layers[-1:], dim=2).transpose(1, 2)
        pooled = F.avg_pool1d(states, whisper.POOLED, whisper.POOLED, ceil_mode=True, count_include_pad=False)
        return self.head(pooled, torch.full((1,), pooled.shape[2]))


class _Sentence(nn.Module):
    """The sound of a sentence to embedding, frames, cosines and score; see ``export_encoder``."""

    def __init__(self, front: nn.Module, network: nn.Module, normalise: bool, reference: SpeechReference | None):
        super().__init__()
        self.front, self.network, self.normalise = front, network, normalise
        self.reference: torch.Tensor | None
        self.register_buffer("reference", torch.from_numpy(reference.embeddings) if reference else None)
        self.whitening: torch.Tensor
        matrix = torch.from_numpy(whitening(reference.embeddings)[1]).float() if reference else None
        self.register_buffer("whitening", matrix)

    def forward(self, waveform: torch.Tensor) -> tuple[torch.Tensor, ...]:
        frames = self.front(waveform)
        embedding = self.network(frames)
        if self.normalise:
            embedding = F.normalize(embedding, dim=1) * embedding.shape[1] ** 0.5
        if self.reference is None:
            return embedding, frames
        direction = F.normalize(embedding, dim=1)[0]
        squares = ((self.reference - direction) @ self.whitening.T).square().sum(1)
        nearest = squares.topk(min(NEAREST, len(self.reference)), largest=False).values
        return embedding, frames, self.reference @ direction, -nearest.mean().sqrt()[None]


class _Picture(nn.Module):
    def __init__(self, generator: AnyGenerator):
        super().__init__()
        self.generator = generator

    def forward(self, noise: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        return to_pixels(self.generator(noise, embedding)[-1])[0].permute(1, 2, 0)


def _export(
    module: nn.Module, inputs: tuple[torch.Tensor, ...], names: list[str], outputs: list[str], axes: dict[str, dict[int, str]]
) -> onnx.ModelProto:
    """Through TorchScript: torch's newer exporter fixes the number of an LSTM's time steps."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        path = Path(folder) / "graph.onnx"
        warnings.simplefilter("ignore")  # that exporter is not the newest; that traced numbers are constants, as meant
        torch.onnx.export(
            module.eval(),
            inputs,
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=outputs,
            dynamic_axes=axes,
        )
        return onnx.load_model(path)


# --- weights ---


def _with_smaller_weights(graph: onnx.ModelProto, eight_bit: bool = False, spared: tuple[str, ...] = ()) -> onnx.ModelProto:
    """Store large weights in half precision, or large matrices and kernels in eight bits, with the nodes that bring them back.

    Args:
        graph: with weights in single precision.
        eight_bit: store matrices and kernels in eight bits, with one scale for each of their outputs.
        spared: beginnings of names of weights that stay as they are: the waves of a Fourier transform, whose errors would
            be heard where it is quiet.
    """
    weights = list(graph.graph.initializer)
    nodes: list[onnx.NodeProto] = []
    del graph.graph.initializer[:]
    for weight in weights:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < SMALLEST or weight.name.startswith(spared):
            graph.graph.initializer.append(weight)
        elif eight_bit and (outputs := _outputs(graph, weight.name, values)) is not None:
            _store(graph, nodes, weight.name, *_in_eight_bits(values, outputs))
        else:
            _store(graph, nodes, weight.name, values.astype(np.float16))
    for position, node in enumerate(nodes):
        graph.graph.node.insert(position, node)
    onnx.checker.check_model(graph)
    return graph


def _outputs(graph: onnx.ModelProto, name: str, values: NDArray[np.float32]) -> int | None:
    """The axis of the outputs of what may be stored in eight bits: the matrix of a linear map, (inputs, outputs), and kernels
    of a convolution, (outputs, inputs, ...). None for anything else, and for what is small.
    """
    if values.ndim >= 3 and values.size >= EIGHT_BIT_KERNELS:
        return 0
    multiplied = any(node.op_type == "MatMul" and node.input[1] == name for node in graph.graph.node)
    return 1 if values.ndim == 2 and values.size >= EIGHT_BIT and multiplied else None


def _in_eight_bits(values: NDArray[np.float32], outputs: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers from -127 to 127, and the scale of each output."""
    others = tuple(axis for axis in range(values.ndim) if axis != outputs)
    scales = np.maximum(np.abs(values).max(axis=others, keepdims=True), 1e-12) / 127
    return np.round(values / scales).astype(np.int8), scales.astype(np.float32)


def _store(
    graph: onnx.ModelProto, nodes: list[onnx.NodeProto], name: str, values: NDArray, scales: NDArray[np.float32] | None = None
) -> None:
    graph.graph.initializer.append(numpy_helper.from_array(values, f"{name}.stored"))
    cast = name if scales is None else f"{name}.whole"
    nodes.append(helper.make_node("Cast", [f"{name}.stored"], [cast], to=TensorProto.FLOAT))
    if scales is not None:
        graph.graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scales"))
        nodes.append(helper.make_node("Mul", [cast, f"{name}.scales"], [name]))
