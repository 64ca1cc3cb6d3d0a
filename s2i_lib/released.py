"""Trained models that come with the project: one folder of ``models/`` each, ready to draw without data, runs or training.

A folder holds what run folders hold, in half precision: ``model.json`` (the configuration), ``speech_encoder.safetensors``,
``generator.safetensors``, the sentences that the encoder knows, and the classifier that scored the pictures. Beside them stand
``checksums.json`` and a model card. ``releasing`` makes them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from s2i_lib.config import Config, first_problem
from s2i_lib.files import repository, sha256
from s2i_lib.models.checkpoint import DESCRIPTION_FILE

DEFAULT = "birds"
CHECKSUMS_FILE, CARD_FILE = "checksums.json", "README.md"


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
    try:
        expected = read_json(folder / CHECKSUMS_FILE)
    except ValueError:
        return Release(folder.name, folder, None, sum(path.stat().st_size for path in folder.iterdir()), [CHECKSUMS_FILE])
    damaged = [name for name, digest in expected.items() if not (folder / name).is_file() or sha256(folder / name) != digest]
    try:
        config, other = read_config(folder), drawing_folder(folder)
    except (OSError, ValueError):
        config, other = None, folder
        damaged = sorted({*damaged, DESCRIPTION_FILE})
    if other != folder and not (other / CHECKSUMS_FILE).exists():
        damaged.append(f"generator of {other.name}")
    return Release(folder.name, folder, config, sum(path.stat().st_size for path in folder.iterdir()), damaged)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        ValueError: the file is cut short, no JSON, or JSON of another kind.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds no JSON object, or is cut short: get it again, or train the model again")
    return values


def drawing_folder(folder: Path) -> Path:
    """Where the generator of a model lies: in its own folder, unless ``model.json`` names another release that has it.

    Raises:
        ValueError: ``model.json`` is damaged, or names something else than a folder beside this one.
    """
    path = folder / DESCRIPTION_FILE
    other = read_json(path).get("drawn_by", "")
    if not isinstance(other, str) or Path(other).name != other:
        raise ValueError(f"{path} names {other!r} as the release that draws, which is no folder beside it: get it again")
    return folder.with_name(other) if other else folder


def read_config(folder: Path) -> Config:
    """The configuration of a model in a folder.

    Raises:
        ValueError: ``model.json`` is damaged, or was written by another version of this project.
    """
    path = folder / DESCRIPTION_FILE
    try:
        return Config.model_validate(read_json(path).get("config"))
    except ValidationError as error:
        (where, said), kind = first_problem(error), error.errors()[0]["type"]
    if not where or kind in ("missing", "extra_forbidden"):
        raise ValueError(f"{path} was written by another version of this project: train the model again")
    raise ValueError(f"{path} describes no model of this project ({where}: {said}): get it again, or train the model again")
