"""Speech in, pictures out: a trained encoder and a trained generator behind one call (Eq. 15)."""

import json
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError

from s2i_lib import training
from s2i_lib.audio import SAMPLE_RATE, load_audio, log_mel_spectrogram, set_level
from s2i_lib.config import ROOT, Config
from s2i_lib.gan import build_gan

DEFAULT_RUN = ROOT / "runs" / "birds-small-s0" / "recommended"


class SpeechToImage:
    """A speech encoder and a generator.

    >>> model = SpeechToImage.load("runs/birds-small-s0/recommended")    # doctest: +SKIP
    >>> images = model.translate("my.wav", num_images=8)                 # doctest: +SKIP
    """

    def __init__(self, config: Config, speech_model: training.SpeechModel, generator: torch.nn.Module):
        self.config, self.speech_model, self.generator = config, speech_model.eval(), generator.eval()

    @classmethod
    def load(cls, path: str | Path = DEFAULT_RUN) -> "SpeechToImage":
        """Read the models that chapters 05 and 06 left in a run folder.

        Raises:
            FileNotFoundError: the folder holds no finished run; the message says how to make one.
            ValueError: the run was trained by a version with other settings.
        """
        path = Path(path)
        missing = [name for name in ("model.json", "speech_encoder.safetensors", "generator.safetensors")
                   if not (path / name).exists()]
        if missing:
            raise FileNotFoundError(f"no trained model in {path} ({missing[0]} is missing): ./run_all.sh trains one")
        described = json.loads((path / "model.json").read_text())
        try:
            config = Config.model_validate(described["config"])
        except ValidationError:
            raise ValueError(f"{path} was trained by another version of this project: train it again") from None
        if config.encoder.input != "speech":
            raise ValueError(f"{path} holds a model that reads text; give the run of a recipe that listens")
        speech_model = training.load_speech_model(config, path)
        generator = build_gan(config.gan, speech_model.encoder.embedding_dim)[0]
        return cls(config, speech_model, training.load_model(generator, path / "generator.safetensors"))

    @torch.no_grad()
    def embed(self, recording: str | Path | torch.Tensor) -> torch.Tensor:
        """A sound file, or a (samples,) waveform at 16 kHz, to its (1, D) embedding.

        Raises:
            AudioError: the file is no usable recording.
            ValueError: shorter than 64 frames (0.64 s).
        """
        waveform = set_level(recording) if torch.is_tensor(recording) else load_audio(recording)
        log_mel = log_mel_spectrogram(waveform, SAMPLE_RATE)
        return self.speech_model.embed(log_mel[None], torch.tensor([log_mel.shape[1]]))

    def translate(self, wav: str | Path | torch.Tensor, num_images: int = 1, seed: int = 0) -> np.ndarray:
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
        images = training.generate(self.generator, embeddings, self.config, seed)
        return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
