"""What a table keeps of one row beside its records: the score of every sentence, and a few pictures.

So the rows of a table can be trained on different days or machines.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s2i_lib.config import Config
from s2i_lib.files import save_atomically, save_text
from s2i_lib.identity import identity
from s2i_lib.results.records import Run, earlier_records, record_folders

FOLDER = "rows"  # beside ``records``


@dataclass
class Row:
    """What one recipe has in a table, by method or by what was scored.

    Attributes:
        scores: (n,) of every sentence, in the order of the chapter; NaN where a sentence has none.
        pictures: (k, side, side, 3) uint8, the first of them all of one size.
    """

    scores: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    pictures: dict[str, NDArray[np.uint8]] = field(default_factory=dict)


def save_row(config: Config, chapter: str, row: Row) -> None:
    """Write ``rows/<run>.json``, and ``.png`` if there are pictures, into the results folder of a recipe and seed."""
    path = _path(config.results_dir, config, chapter)
    numbers = {
        name: [None if math.isnan(value) else round(float(value), 6) for value in values] for name, values in row.scores.items()
    }
    made = {"config": config.fingerprint(), **identity(config)._asdict()}
    if row.pictures:
        grid = np.concatenate([np.concatenate(list(pictures), axis=1) for pictures in row.pictures.values()])
        save_atomically(path.with_suffix(".png"), lambda file: Image.fromarray(grid).save(file, "png", optimize=True))
    counts = {name: len(each) for name, each in row.pictures.items()}
    save_text(path, json.dumps({**made, "pictures": counts, "scores": numbers}) + "\n")


def earlier_row(config: Config, chapter: str) -> Row | None:
    """The row of a recipe and seed that was saved under today's settings, here or elsewhere; None if there is none."""
    paths = [_path(folder, config, chapter) for folder in record_folders(config)]
    found = [(path, json.loads(path.read_text())) for path in paths if path.exists()]
    today = {"config": config.fingerprint(), **identity(config)._asdict()}
    same = [(path, kept) for path, kept in found if all(kept[name] == value for name, value in today.items())]
    if not same:
        return None
    path, kept = same[-1]
    scores = {name: np.array(values, dtype=float) for name, values in kept["scores"].items()}
    return Row(scores, _pictures(path.with_suffix(".png"), kept["pictures"]))


def _pictures(path: Path, counts: Mapping[str, int]) -> dict[str, NDArray[np.uint8]]:
    """Cut a grid, a line for each name, into its pictures."""
    if not counts:
        return {}
    with Image.open(path) as image:
        lines = np.split(np.asarray(image.convert("RGB")), len(counts))
    return {name: np.stack(np.split(line, count, axis=1)) for line, (name, count) in zip(lines, counts.items(), strict=True)}


def _path(folder: Path, config: Config, chapter: str) -> Path:
    return folder / FOLDER / f"{Run(config, chapter).name}.json"


def recorded_row(run: Run, config: Config) -> Row:
    """The row of a recipe that is not trained here, as the chapter of `run` measured it before under today's settings; its
    records are added to the run. An empty one where there is none. Says which.
    """
    row, recipe = earlier_row(config, run.chapter), config.recipe
    print(f"{config.dataset}, seed {config.seed}: {recipe} {'as recorded' if row else 'not run'}")
    if row is None:
        return Row()
    known = earlier_records(run.config, run.chapter)
    known = known[(known.recipe == recipe) & (known.config == run.config.fingerprint())]
    for one in known.to_dict("records"):
        error, seconds = (None if math.isnan(one[name]) else one[name] for name in ("standard_error", "seconds"))
        run.add(one["method"], one["metric"], one["value"], one["n"], one["split"], error, recipe, seconds)
    return row
