"""Every hyper-parameter of the paper beside ours: what it says, where, and what we chose where it is silent.

The words are in ``results/hyperparameters.csv``; our values are never written down but read from the code that uses them.
"""

import inspect
from typing import Any

import pandas as pd
import torch

from s2i_lib import audio, losses, speech
from s2i_lib.config import Config
from s2i_lib.datasets import DATASETS, PHOTOS
from s2i_lib.datasets.photos import places, reading
from s2i_lib.files import repository
from s2i_lib.models import speech_encoder

STATUSES = ("match", "differs", "silent")


def hyperparameters(settings: Config) -> pd.DataFrame:
    """The hyper-parameters that hold for a data set.

    Args:
        settings: whose values are ours, for example ``load_config("paper", "cub", "paper")``.

    Returns:
        part, name, key (where our value is read), paper (empty where it is silent), source (section, equation or table), ours,
        status (``STATUSES``) and reason.

    Raises:
        ValueError: a key of the table leads nowhere; the message names it.
    """
    table = pd.read_csv(repository() / "results" / "hyperparameters.csv", keep_default_na=False)
    table = table[table.dataset.isin(["", settings.dataset])].reset_index(drop=True)
    with torch.device("meta"):  # only the structure is read
        network = speech_encoder.SpeechEncoder(
            settings.encoder.target_dim or 1024, settings.encoder.width, settings.encoder.rnn_dim
        )
    sources = {
        "config": settings,
        "network": network,
        "audio": audio,
        "speech_encoder": speech_encoder,
        "losses": losses,
        "speech": speech,
        "reading": reading,
        "subset": places,
        **{name: DATASETS[name] for name in PHOTOS},
    }
    values = [_read(key, sources) for key in table.key]
    table["ours"] = ["none" if value is None else str(value) for value in values]
    table["status"] = [_status(paper, value) for paper, value in zip(table.paper, values)]
    return table[["part", "name", "key", "paper", "source", "ours", "status", "reason"]]


def _read(key: str, sources: dict[str, Any]) -> Any:
    """The value behind a dotted name; the last part may be an argument of a function, which stands for its default."""
    first, *rest = key.split(".")
    value = sources.get(first)
    try:
        for name in rest:
            if isinstance(value, dict):
                value = value[name]
            elif inspect.isfunction(value):
                value = inspect.signature(value).parameters[name].default
            else:
                value = getattr(value, name)
    except (KeyError, AttributeError):
        raise ValueError(f"results/hyperparameters.csv reads {key!r}, which does not exist") from None
    return value


def _status(paper: str, ours: Any) -> str:
    if not paper:
        return "silent"
    try:
        same = float(paper) == float(ours)
    except (TypeError, ValueError):
        same = paper == str(ours)
    return "match" if same else "differs"
