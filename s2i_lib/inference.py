"""Speech in, pictures out: a trained encoder and a trained generator behind one call (Eq. 15), on any device."""

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import nn

from s2i_lib.audio import SAMPLE_RATE, load_audio, log_mel_spectrogram, set_level
from s2i_lib.config import Config
from s2i_lib.devices import mixed_precision, pick_device
from s2i_lib.features import LogMels, Sentences, to_pixels
from s2i_lib.files import project_root
from s2i_lib.models.checkpoint import load_generator, load_speech_model
from s2i_lib.models.gan import AnyGenerator
from s2i_lib.models.student import SpeechModel
from s2i_lib.models.whisper import WhisperEncoder, load_whisper, whisper_states

DESCRIPTION_FILE = "model.json"  # the configuration of a run, beside its weights


def default_run() -> Path:
    """The run folder that is used when none is named: profile `small`, recipe `recommended`, birds."""
    return project_root() / "runs" / "birds-small-s0" / "recommended"


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

    The generator must be in evaluation mode: with batch statistics, eight copies of one sentence would erase the sentence.

    Raises:
        ValueError: the generator is in training mode.
    """
    if generator.training:
        raise ValueError("the generator is in training mode; call generator.eval() first")
    device = next(generator.parameters()).device
    with mixed_precision(config), torch.random.fork_rng():
        torch.manual_seed(seed)
        noise = torch.randn(len(embeddings), config.gan.noise_dim)  # conditioning augmentation draws what follows
        parts = [
            generator(z.to(device), e.to(device))[-1].float().cpu()
            for z, e in zip(noise.split(batch_size), embeddings.split(batch_size), strict=True)
        ]
    return torch.cat(parts)


class SpeechToImage:
    """A speech encoder and a generator.

    >>> model = SpeechToImage.load("runs/birds-small-s0/recommended")  # doctest: +SKIP
    >>> images = model.translate("my.wav", num_images=8)  # doctest: +SKIP
    """

    def __init__(self, config: Config, speech_model: SpeechModel, generator: AnyGenerator):
        self.config, self.speech_model, self.generator = config, speech_model.eval(), generator.eval()
        self.whisper: WhisperEncoder | None = None
        if config.encoder.front_end == "whisper":
            self.whisper = load_whisper(config.encoder.whisper_weights or None).to(self.device)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.speech_model.parameters()).device

    @classmethod
    def load(cls, path: str | Path | None = None, device: torch.device | str | None = None) -> "SpeechToImage":
        """Read the models that chapters 05 and 06 left in a run folder.

        Args:
            path: the run folder; default ``default_run()``.
            device: where to compute; default the GPU if there is one.

        Raises:
            FileNotFoundError: the folder holds no finished run; the message says how to make one.
            ValueError: the run was trained by a version with other settings, or encodes text.
        """
        folder = Path(path) if path is not None else default_run()
        needed = (DESCRIPTION_FILE, "speech_encoder.safetensors", "generator.safetensors")
        missing = [name for name in needed if not (folder / name).exists()]
        if missing:
            raise FileNotFoundError(f"no trained model in {folder} ({missing[0]} is missing): ./run_all.sh trains one")
        described = json.loads((folder / DESCRIPTION_FILE).read_text())
        try:
            config = Config.model_validate(described["config"])
        except ValidationError:
            raise ValueError(f"{folder} was trained by another version of this project: train it again") from None
        if config.encoder.input != "speech":
            raise ValueError(f"{folder} holds a model that encodes text; give the run of a recipe that encodes speech")
        speech_model = load_speech_model(config, folder)
        generator = load_generator(config, speech_model.encoder.embedding_dim, folder)
        chosen = device if device is not None else pick_device()
        return cls(config, speech_model.to(chosen), generator.to(chosen))

    @torch.no_grad()
    def embed(self, recording: str | Path | torch.Tensor) -> torch.Tensor:
        """A sound file, or a (samples,) waveform at 16 kHz, to its (1, D) embedding.

        Raises:
            AudioError: the file is no usable recording.
            ValueError: shorter than 64 frames (0.64 s).
        """
        waveform = set_level(recording) if isinstance(recording, torch.Tensor) else load_audio(recording)
        frames = self._front_end(waveform)
        return self.speech_model.embed(frames[None].to(self.device), torch.tensor([frames.shape[1]]))

    def _front_end(self, waveform: torch.Tensor) -> torch.Tensor:
        """What the encoder reads of a (samples,) waveform: (C, frames), log energies or states of the frozen encoder."""
        if self.whisper is None:
            return log_mel_spectrogram(waveform, SAMPLE_RATE)
        return whisper_states(self.whisper, [waveform], self.config.encoder.layers == "all")[0].T

    def translate(self, wav: str | Path | torch.Tensor, num_images: int = 1, seed: int = 0) -> NDArray[np.uint8]:
        """Draw a spoken description (Eq. 15).

        Args:
            wav: sound file of any rate and channel count, or a (samples,) waveform at 16 kHz.
            num_images: how many noises.
            seed: of the noise.

        Returns:
            (num_images, size, size, 3) uint8.

        Raises:
            AudioError: the file is no usable recording.
            ValueError: `num_images` below one, or speech shorter than 0.64 s.
        """
        if num_images < 1:
            raise ValueError(f"num_images is {num_images}; at least one image can be drawn")
        embeddings = self.embed(wav).expand(num_images, -1)
        images = to_pixels(generate(self.generator, embeddings, self.config, seed))
        pixels: NDArray[np.uint8] = images.permute(0, 2, 3, 1).numpy()
        return pixels
