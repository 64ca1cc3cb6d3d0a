"""Speech in, pictures out: a trained encoder and a trained generator behind one call (Eq. 15), on any device."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from s2i_lib.audio import SAMPLE_RATE, log_mel_spectrogram, set_level
from s2i_lib.config import Config
from s2i_lib.devices import mixed_precision, pick_device
from s2i_lib.features import LogMels, Sentences, to_pixels
from s2i_lib.files import project_root
from s2i_lib.models.checkpoint import DESCRIPTION_FILE, load_generator, load_speech_model
from s2i_lib.models.gan import AnyGenerator
from s2i_lib.models.student import SpeechModel
from s2i_lib.models.whisper import WhisperEncoder, load_whisper, whisper_states
from s2i_lib.novelty import REFERENCE_FILE, Familiarity, SpeechReference, load_reference
from s2i_lib.recordings import Recording, Sentence, find_sentences, read_recording
from s2i_lib.released import DEFAULT, drawing_folder, models_folder, read_config


def default_folder() -> Path:
    """The model that is used when none is named: the released one of the birds; where none came along, the run of profile
    `small` and recipe `recommended`.
    """
    released = models_folder() / DEFAULT
    return released if released.exists() else project_root() / "runs" / "birds-small-s0" / "recommended"


@torch.no_grad()
def embed_inputs(model: SpeechModel, inputs: LogMels | Sentences, config: Config, batch_size: int = 64) -> NDArray[np.float32]:
    """(U, D) float32 embeddings (``SpeechModel.embed``) of every utterance or sentence; similar lengths share a batch."""
    device, order = next(model.parameters()).device, np.argsort(-inputs.lengths, kind="stable")
    embeddings = np.empty((len(inputs), model.encoder.embedding_dim), dtype=np.float32)
    model.eval()
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch, lengths = inputs.batch(rows)
        with mixed_precision(config):
            embeddings[rows] = model.embed(batch.to(device), lengths).cpu().numpy()
    return embeddings


@torch.no_grad()
def generate(
    generator: nn.Module, embeddings: torch.Tensor, config: Config, seed: int = 0, batch_size: int = 64
) -> torch.Tensor:
    """One image per (U, D) embedding: (U, 3, s, s) floats in [-1, 1] at the largest scale, the noise drawn from `seed`.

    The noise of an image depends on `seed` and on its place, not on how many follow it. Any number of threads may draw at
    once. The generator must be in evaluation mode: with batch statistics, eight copies of a sentence would erase the sentence.

    Args:
        batch_size: images drawn at a time. Processors sum a batch in an order of their own, so that images of batches of
            another size may differ by a grey level; those drawn one by one never do.

    Raises:
        ValueError: the generator is in training mode.
    """
    if generator.training:
        raise ValueError("the generator is in training mode; call generator.eval() first")
    device, parts = next(generator.parameters()).device, []
    noise = noise_rows(len(embeddings), config.gan.noise_dim, seed)
    with mixed_precision(config), _conditions_drawn_alone(config):
        for number, (z, e) in enumerate(zip(noise.split(batch_size), embeddings.split(batch_size), strict=True)):
            if config.gan.draws_conditions:
                torch.manual_seed((1_000_003 * seed + number) % 2**64)
            parts.append(generator(z.to(device), e.to(device))[-1].float().cpu())
    return torch.cat(parts)


def noise_rows(count: int, dim: int, seed: int) -> torch.Tensor:
    """(count, dim) standard normal noise; a row depends on `seed` and its number, not on `count`.

    One call for all rows would draw the last numbers of an odd length anew, which are those of another row for another count.

    Raises:
        ValueError: the seed has more than 64 bits.
    """
    if not -(2**63) <= seed < 2**63:
        raise ValueError(f"seed {seed} is too large; choose a whole number of up to 18 digits")
    source = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(dim, generator=source) for _ in range(count)])


_GLOBAL_NUMBERS = threading.Lock()  # for networks that draw random numbers of their own, of which a process has one stream


@contextmanager
def _conditions_drawn_alone(config: Config) -> Iterator[None]:
    if not config.gan.draws_conditions:
        yield
        return
    with _GLOBAL_NUMBERS, torch.random.fork_rng():
        yield


class UnlikeTaughtError(ValueError):
    """A sentence unlike any that the encoder was taught; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Drawing:
    """One sentence of a recording and its pictures.

    Attributes:
        sentence: where it is in the recording, and its sound.
        images: (num_images, size, size, 3) uint8; none (num_images is 0) of a sentence that is unlike any that was taught,
            unless it was asked for.
        familiarity: how like the sentences that were taught it is; None for a run without reference.
        milliseconds: of ``front_end``, ``encoder`` and, if it was drawn, ``generator``.
    """

    sentence: Sentence
    images: NDArray[np.uint8]
    familiarity: Familiarity | None
    milliseconds: dict[str, float]


@dataclass(frozen=True)
class Translation:
    """What was drawn for a recording.

    Attributes:
        recording: the decoded file.
        drawings: one per sentence, in order.
        milliseconds: of ``decode`` and ``speech_detection``.
    """

    recording: Recording
    drawings: list[Drawing]
    milliseconds: dict[str, float]


@dataclass
class _Stopwatch:
    milliseconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.milliseconds[name] = 1000 * (time.perf_counter() - started)


class SpeechToImage:
    """A speech encoder and a generator.

    Args:
        config, speech_model, generator: of one run.
        reference: of the sentences that the encoder was taught, if the run has one.

    >>> model = SpeechToImage.load("runs/birds-small-s0/recommended")  # doctest: +SKIP
    >>> images = model.translate("my.wav", num_images=8)  # doctest: +SKIP
    """

    def __init__(
        self, config: Config, speech_model: SpeechModel, generator: AnyGenerator, reference: SpeechReference | None = None
    ):
        self.config, self.speech_model, self.generator = config, speech_model.eval(), generator.eval()
        self.reference = reference
        self.whisper: WhisperEncoder | None = None
        if config.encoder.front_end == "whisper":
            self.whisper = load_whisper(config.encoder.whisper_weights or None).to(self.device)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.speech_model.parameters()).device

    @classmethod
    def load(cls, path: str | Path | None = None, device: torch.device | str | None = None) -> "SpeechToImage":
        """Read a released model, or the models that chapters 05 and 06 left in a run folder.

        Args:
            path: the folder; default ``default_folder()``.
            device: where to compute; default the GPU if there is one.

        Raises:
            FileNotFoundError: the folder holds no finished run; the message says how to make one.
            ValueError: a file is damaged or of another version, or the run encodes text.
        """
        folder = Path(path) if path is not None else default_folder()
        needed = [folder / DESCRIPTION_FILE, folder / "speech_encoder.safetensors"]
        if needed[0].exists():
            needed.append(drawing_folder(folder) / "generator.safetensors")
        missing = [path for path in needed if not path.exists()]
        if missing or len(needed) < 3:
            raise FileNotFoundError(f"no trained model in {folder} ({missing[0].name} is missing): ./run_all.sh trains one")
        config = read_config(folder)
        if config.encoder.input != "speech":
            raise ValueError(f"{folder} holds a model that encodes text; give the run of a recipe that encodes speech")
        speech_model = load_speech_model(config, folder)
        generator = load_generator(config, speech_model.encoder.embedding_dim, drawing_folder(folder))
        chosen = device if device is not None else pick_device()
        reference = load_reference(folder)
        if reference is not None and reference.embeddings.shape[1] != speech_model.encoder.embedding_dim:
            raise ValueError(f"{folder / REFERENCE_FILE} is of another encoder; delete it, or train the encoder again")
        return cls(config, speech_model.to(chosen), generator.to(chosen), reference)

    @torch.no_grad()
    def embed(self, recording: str | Path | torch.Tensor, anyway: bool = False) -> torch.Tensor:
        """A sound file of one sentence, or a (samples,) waveform at 16 kHz as it is, to its (1, D) embedding.

        Raises:
            AudioError: the file is no usable recording, or holds no speech and is not to be embedded `anyway`.
            ValueError: several sentences, or a waveform shorter than 64 frames (0.64 s).
        """
        if isinstance(recording, torch.Tensor):
            waveform = set_level(recording)
        else:
            waveform = _only_sentence(read_recording(recording), anyway).waveform
        return self._encode(self._front_end(waveform))

    def _front_end(self, waveform: torch.Tensor) -> torch.Tensor:
        """What the encoder reads of a (samples,) waveform: (C, frames), log energies or states of the frozen encoder."""
        if self.whisper is None:
            return log_mel_spectrogram(waveform, SAMPLE_RATE)
        return whisper_states(self.whisper, [waveform], self.config.encoder.layers == "all")[0].T

    def _encode(self, frames: torch.Tensor) -> torch.Tensor:
        return self.speech_model.embed(frames[None].to(self.device), torch.tensor([frames.shape[1]]))

    def _generate(self, embedding: torch.Tensor, num_images: int, seed: int) -> NDArray[np.uint8]:
        images = to_pixels(generate(self.generator, embedding.expand(num_images, -1), self.config, seed, batch_size=1))
        pixels: NDArray[np.uint8] = images.permute(0, 2, 3, 1).numpy()
        return pixels

    def translate(
        self, wav: str | Path | torch.Tensor, num_images: int = 1, seed: int = 0, anyway: bool = False
    ) -> NDArray[np.uint8]:
        """Draw one spoken description (Eq. 15).

        Args:
            wav: sound file of one sentence (``translate_recording`` draws several), or a (samples,) waveform at 16 kHz, which
                is encoded as it is.
            num_images: how many noises.
            seed: of the noise.
            anyway: draw a file although nobody speaks in it, or the sentence is unlike any that was taught.

        Returns:
            (num_images, size, size, 3) uint8.

        Raises:
            AudioError: the file is no usable recording, or holds no speech.
            UnlikeTaughtError: the sentence of the file is unlike any that was taught.
            ValueError: `num_images` below one, several sentences, or a waveform shorter than 0.64 s.
        """
        _check_count(num_images)
        if isinstance(wav, torch.Tensor):
            return self._generate(self.embed(wav), num_images, seed)
        drawing = self._draw(_only_sentence(read_recording(wav), anyway), num_images, seed, anyway)
        if not len(drawing.images):
            raise UnlikeTaughtError(unlike_taught(wav))
        return drawing.images

    def translate_recording(self, path: str | Path, num_images: int = 1, seed: int = 0, anyway: bool = False) -> Translation:
        """Draw every sentence of a recording, each from the same noises.

        Args:
            path: sound file, see ``recordings.read_recording``; sentences are parted by pauses of 0.6 s or more.
            num_images: how many noises.
            seed: of the noise.
            anyway: draw although nobody speaks, and sentences although they are unlike any that was taught.

        Raises:
            AudioError: the file is no usable recording, holds no speech, too many sentences or one that is too long.
            ValueError: `num_images` below one.
        """
        _check_count(num_images)
        stopwatch = _Stopwatch()
        with stopwatch.measure("decode"):
            recording = read_recording(path)
        with stopwatch.measure("speech_detection"):
            sentences = find_sentences(recording, anyway)
        drawings = [self._draw(sentence, num_images, seed, anyway) for sentence in sentences]
        return Translation(recording, drawings, stopwatch.milliseconds)

    @torch.no_grad()
    def _draw(self, sentence: Sentence, num_images: int, seed: int, anyway: bool) -> Drawing:
        stopwatch = _Stopwatch()
        with stopwatch.measure("front_end"):
            frames = self._front_end(sentence.waveform)
        with stopwatch.measure("encoder"):
            embedding = self._encode(frames).float().cpu()  # waits for the GPU
        familiarity = self.reference.familiarity(embedding.numpy()) if self.reference else None
        if familiarity and familiarity.unlike and not anyway:
            size = self.config.gan.image_size
            return Drawing(sentence, np.zeros((0, size, size, 3), np.uint8), familiarity, stopwatch.milliseconds)
        with stopwatch.measure("generator"):
            images = self._generate(embedding, num_images, seed)
        return Drawing(sentence, images, familiarity, stopwatch.milliseconds)


def _check_count(num_images: int) -> None:
    if num_images < 1:
        raise ValueError(f"num_images is {num_images}; at least one image can be drawn")


def _only_sentence(recording: Recording, anyway: bool = False) -> Sentence:
    sentences = find_sentences(recording, anyway)
    if len(sentences) > 1:
        raise ValueError(
            f"{recording.path}: {len(sentences)} sentences with pauses between them; translate_recording draws each of them"
        )
    return sentences[0]


def unlike_taught(path: str | Path) -> str:
    """What to say about a recording of which no sentence was drawn."""
    return f"{path}: unlike any sentence that the model was taught, so that a picture would mean nothing; --anyway draws it"
