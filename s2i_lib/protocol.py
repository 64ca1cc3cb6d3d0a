"""Every hyper-parameter of the paper beside ours: what it says, where, and what we chose where it is silent.

The words are in ``results/hyperparameters.csv``; our values are never written down but read from the code that uses them.
"""

import inspect
from typing import Any

import pandas as pd
import torch

from s2i_lib import audio, config, encoders, losses, speech, training
from s2i_lib.config import Config
from s2i_lib.datasets import cub, oxford, places, published

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
    table = pd.read_csv(config.ROOT / "results" / "hyperparameters.csv", keep_default_na=False)
    table = table[table.dataset.isin(["", settings.dataset])].reset_index(drop=True)
    with torch.device("meta"):  # only the structure is read
        network = encoders.SpeechEncoder(settings.encoder.target_dim or 1024, settings.encoder.width, settings.encoder.rnn_dim)
    rooms = {"config": settings, "network": network, "audio": audio, "encoders": encoders, "losses": losses, "speech": speech,
             "training": training, "published": published, "cub": cub, "oxford": oxford, "places": places}
    values = [_read(key, rooms) for key in table.key]
    table["ours"] = ["none" if value is None else str(value) for value in values]
    table["status"] = [_status(paper, value) for paper, value in zip(table.paper, values)]
    return table[["part", "name", "key", "paper", "source", "ours", "status", "reason"]]


def _read(key: str, rooms: dict[str, Any]) -> Any:
    """The value behind a dotted name; the last part may be an argument of a function, which stands for its default."""
    first, *rest = key.split(".")
    value = rooms.get(first)
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
