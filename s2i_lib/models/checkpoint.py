"""Trained weights on disk: where they are, and how they are read and written."""

from pathlib import Path
from typing import TypeVar

from safetensors.torch import load_file, save
from torch import nn

from s2i_lib.config import Config
from s2i_lib.files import save_atomically
from s2i_lib.models.classifiers import Classifier, build_classifier
from s2i_lib.models.gan import AnyGenerator, build_gan
from s2i_lib.models.student import SpeechModel

Module = TypeVar("Module", bound=nn.Module)
DESCRIPTION_FILE = "model.json"  # the configuration of a run, beside its weights
CLASSIFIER_FILE = "attribute_classifier.safetensors"  # in a released model


def save_weights(module: nn.Module, path: Path) -> None:
    """Write the weights of a module as safetensors."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    save_atomically(path, lambda file: file.write(save(tensors)))


def load_weights(module: Module, path: Path) -> Module:
    """Read weights written by ``save_weights`` into `module`, in evaluation mode.

    Raises:
        FileNotFoundError: no such file; the message names the chapter to run.
    """
    _require(path)
    module.load_state_dict(load_file(path))
    return module.eval()


def _require(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"no model at {path}: run the chapter that trains it first (./run_all.sh)")


def encoder_path(config: Config, folder: Path | None = None) -> Path:
    """Where a trained encoder is kept."""
    return (folder or config.encoder_dir) / f"{config.encoder.input}_encoder.safetensors"


def generator_path(config: Config, folder: Path | None = None) -> Path:
    """Where a trained generator is kept."""
    return (folder or config.run_dir) / "generator.safetensors"


def classifier_path(config: Config, kind: str) -> Path:
    """Where a classifier is kept: one per data set, size and configuration, shared by seeds and recipes."""
    return config.data_dir / "classifiers" / f"{kind}_{config.classifier_size}_{config.fingerprint('classifier')}.safetensors"


def load_speech_model(config: Config, folder: Path | None = None) -> SpeechModel:
    """The trained student of a run, in evaluation mode; `folder` is the run's, if it was moved.

    Raises:
        FileNotFoundError: the run has no trained student yet.
    """
    path = encoder_path(config, folder)
    _require(path)
    state = load_file(path)
    model = SpeechModel(config, len(state["targets.mean"]))
    model.load_state_dict(state)
    return model.eval()


def load_generator(config: Config, embedding_dim: int, folder: Path | None = None) -> AnyGenerator:
    """The trained generator of a run, in evaluation mode; `folder` is the run's, if it was moved.

    Raises:
        FileNotFoundError: the run has no trained generator yet.
    """
    return load_weights(build_gan(config.gan, embedding_dim)[0], generator_path(config, folder))


def load_classifier(config: Config, kind: str) -> Classifier:
    """The trained classifier of ``attributes`` or ``classes``, in evaluation mode.

    Raises:
        FileNotFoundError: chapter 04 has not trained it yet.
    """
    return load_weights(build_classifier(config, kind), classifier_path(config, kind))
