"""Trained weights on disk: where they are, and how they are read and written."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from s2i_lib.config import Config
from s2i_lib.files import save_atomically
from s2i_lib.identity import network_fingerprint
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
        ValueError: the file is damaged, or holds the weights of another network.
    """
    return _fill(module, read_tensors(path), path)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file by name.

    Raises:
        FileNotFoundError: no such file; the message names the chapter to run.
        ValueError: it is empty, cut short or something else.
    """
    if not path.exists():
        raise FileNotFoundError(f"no model at {path}: run the chapter that trains it first (./run_all.sh)")
    content = path.read_bytes()
    try:
        return load(content)
    except (SafetensorError, ValueError, KeyError):
        raise ValueError(f"{path} {_instead_of_weights(content)}") from None


def _instead_of_weights(content: bytes) -> str:
    """What a file holds that is no safetensors file, and what to do."""
    if not content:
        return "is empty: get it again, or train it again"
    if content.startswith(b"version https://git-lfs"):
        return "stands for a file that git keeps elsewhere: run git lfs pull"
    if content.lstrip()[:1] == b"<":
        return "is a web page and no weights: download the file itself"
    return "is cut short, or no safetensors file: get it again, or train it again"


def _fill(module: Module, tensors: dict[str, torch.Tensor], path: Path) -> Module:
    _check_fits(module, tensors, path)
    module.load_state_dict(tensors)
    return module.eval()


def _check_fits(module: nn.Module, tensors: dict[str, torch.Tensor], path: Path) -> None:
    own = {name: value.shape for name, value in module.state_dict().items()}
    wrong = [name for name in own if name not in tensors or tensors[name].shape != own[name]]
    if wrong or len(own) != len(tensors):
        unknown = next((name for name in tensors if name not in own), None)
        example = f"{wrong[0]} is missing or has another size" if wrong else f"nothing here is called {unknown}"
        raise ValueError(
            f"{path} holds the weights of another network ({example}): give the folder of one run, or train it again"
        )
    for name, value in module.state_dict().items():
        kinds = value.is_floating_point(), tensors[name].is_floating_point()
        if kinds[0] != kinds[1] or (kinds[1] and not tensors[name].float().isfinite().all()):
            raise ValueError(f"{path} holds values that are no numbers, in {name}: get it again, or train it again")


def _build_and_fill(build: Callable[[], Module], tensors: dict[str, torch.Tensor], path: Path) -> Module:
    """A network of the sizes that a description asks for, which comes from a stranger: first without memory, to compare it with
    the weights, so that it takes no more than they do.

    Raises:
        ValueError: no network has such sizes, or the weights are of another one.
    """
    try:
        with torch.device("meta"):
            outline = build()
    except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{path.with_name(DESCRIPTION_FILE)} describes no network ({reason}): get it again, or train the model again"
        ) from None
    _check_fits(outline, tensors, path)
    return _fill(build(), tensors, path)


def encoder_path(config: Config, folder: Path | None = None) -> Path:
    """Where a trained encoder is kept."""
    return (folder or config.encoder_dir) / f"{config.encoder.input}_encoder.safetensors"


def generator_path(config: Config, folder: Path | None = None) -> Path:
    """Where a trained generator is kept."""
    return (folder or config.run_dir) / "generator.safetensors"


def classifier_path(config: Config, kind: str) -> Path:
    """Where a classifier is kept: one per data set, size, configuration and identity, shared by seeds and recipes."""
    name = f"{kind}_{config.classifier_size}_{network_fingerprint(config, 'classifier')}.safetensors"
    return config.data_dir / "classifiers" / name


def load_speech_model(config: Config, folder: Path | None = None) -> SpeechModel:
    """The trained student of a run, in evaluation mode; `folder` is the run's, if it was moved.

    Raises:
        FileNotFoundError: the run has no trained student yet.
        ValueError: its file is damaged, or holds the weights of another network.
    """
    path = encoder_path(config, folder)
    tensors = read_tensors(path)
    features = len(tensors["targets.mean"]) if tensors.get("targets.mean", torch.zeros(())).ndim == 1 else 1
    return _build_and_fill(lambda: SpeechModel(config, features), tensors, path)


def load_generator(config: Config, embedding_dim: int, folder: Path | None = None) -> AnyGenerator:
    """The trained generator of a run, in evaluation mode; `folder` is the run's, if it was moved.

    Raises:
        FileNotFoundError: the run has no trained generator yet.
    """
    path = generator_path(config, folder)
    return _build_and_fill(lambda: build_gan(config.gan, embedding_dim)[0], read_tensors(path), path)


def load_classifier(config: Config, kind: str) -> Classifier:
    """The trained classifier of ``attributes`` or ``classes``, in evaluation mode.

    Raises:
        FileNotFoundError: chapter 04 has not trained it yet.
    """
    return load_weights(build_classifier(config, kind), classifier_path(config, kind))
