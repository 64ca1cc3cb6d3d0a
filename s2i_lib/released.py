"""Trained models that come with the project: one folder of ``models/`` each, ready to draw without data, runs or training.

A folder holds what a run folder holds, in half precision: ``model.json`` (the configuration), ``speech_encoder.safetensors``,
``generator.safetensors`` and the sentences that the encoder knows. Beside them stand ``checksums.json`` and a model card.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file, save

from s2i_lib.config import Config
from s2i_lib.files import repository, save_atomically, save_text, sha256
from s2i_lib.models.checkpoint import DESCRIPTION_FILE, encoder_path, generator_path
from s2i_lib.novelty import REFERENCE_FILE

DEFAULT = "birds"
CHECKSUMS_FILE, CARD_FILE = "checksums.json", "README.md"
LARGEST, LARGEST_OF_ALL = 10 * 2**20, 40 * 2**20  # bytes, of a file and of all together


@dataclass(frozen=True)
class Release:
    """A released model.

    Attributes:
        name: of its folder.  folder: where it lies.  config: of the run that trained it, unless its file is damaged.
        size: in bytes.  damaged: files that are missing or do not have their checksum.
    """

    name: str
    folder: Path
    config: Config | None
    size: int
    damaged: list[str]


def models_folder() -> Path:
    """Where released models lie."""
    return repository() / "models"


def release_folder(name: str) -> Path:
    """The folder of a released model.

    Raises:
        FileNotFoundError: there is none of this name; the message lists those that there are.
    """
    folders = {folder.name: folder for folder in _folders()}
    if name not in folders:
        raise FileNotFoundError(f"there is no released model {name!r}; released: {', '.join(folders) or 'none'}")
    return folders[name]


def list_releases() -> list[Release]:
    """All released models by name, every file read and compared with its checksum."""
    return [_read(folder) for folder in _folders()]


def _folders() -> list[Path]:
    return sorted(path.parent for path in models_folder().glob(f"[!.]*/{CHECKSUMS_FILE}"))


def _read(folder: Path) -> Release:
    expected = json.loads((folder / CHECKSUMS_FILE).read_text())
    damaged = [name for name, digest in expected.items() if not (folder / name).exists() or sha256(folder / name) != digest]
    config = None if DESCRIPTION_FILE in damaged else _config(folder)
    return Release(folder.name, folder, config, sum(path.stat().st_size for path in folder.iterdir()), damaged)


def _config(folder: Path) -> Config:
    return Config.model_validate(json.loads((folder / DESCRIPTION_FILE).read_text())["config"])


def release(run_folder: Path, name: str, card: str) -> Path:
    """Make a released model of a finished run: weights in half precision, configuration, card and checksums.

    Args:
        run_folder: of a finished run whose recipe hears speech.
        name: of the release; one of the same name is replaced as a whole.
        card: text of the model card.

    Returns:
        Its folder.

    Raises:
        FileNotFoundError: the run is not finished.
        ValueError: a file would be larger than 10 MiB, or all releases together than 40 MiB.
    """
    target = models_folder() / name
    prepared = models_folder() / f".{name}.part"
    shutil.rmtree(prepared, ignore_errors=True)
    try:
        config = _config(run_folder)
        for weights in (encoder_path(config, run_folder), generator_path(config, run_folder)):
            _halve(weights, prepared / weights.name)
        shutil.copyfile(run_folder / DESCRIPTION_FILE, prepared / DESCRIPTION_FILE)
        if (run_folder / REFERENCE_FILE).exists():
            shutil.copyfile(run_folder / REFERENCE_FILE, prepared / REFERENCE_FILE)
        save_text(prepared / CARD_FILE, card)
        _check_sizes(prepared, replaced=target)
        digests = {path.name: sha256(path) for path in sorted(prepared.iterdir())}
        save_text(prepared / CHECKSUMS_FILE, json.dumps(digests, indent=1) + "\n")
        shutil.rmtree(target, ignore_errors=True)
        prepared.rename(target)
    finally:
        shutil.rmtree(prepared, ignore_errors=True)
    return target


def _halve(source: Path, target: Path) -> None:
    halves = {key: value.half() if value.is_floating_point() else value for key, value in load_file(source).items()}
    save_atomically(target, lambda file: file.write(save(halves)))


def _check_sizes(prepared: Path, replaced: Path) -> None:
    for path in prepared.iterdir():
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path.name} has {path.stat().st_size / 2**20:.1f} MiB; a released file may have 10")
    others = [path for path in models_folder().rglob("*") if path.is_file() and not path.is_relative_to(replaced)]
    total = sum(path.stat().st_size for path in others)
    if total > LARGEST_OF_ALL:
        raise ValueError(f"all released models together would have {total / 2**20:.1f} MiB; they may have 40")
