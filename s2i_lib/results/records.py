"""Records and manifests: what a run measured, under which configuration, on which machine.

A chapter opens a ``Run``, adds measurements to it and hands it to ``save``, which writes one tidy CSV of records and one
JSON manifest below ``runs/``. Whoever compares reads them beside the committed ones, see ``load_records``.
"""

import importlib.metadata
import json
import math
import os
import platform
import resource
import subprocess
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from s2i_lib.config import Config
from s2i_lib.devices import instruction_set
from s2i_lib.files import project_root, repository, save_text, sha256
from s2i_lib.identity import Identity, identity
from s2i_lib.workers import available_cores

COLUMNS = [
    "dataset",
    "profile",
    "recipe",
    "seed",
    "chapter",
    "split",
    "method",
    "metric",
    "value",
    "standard_error",
    "n",
    "config",
    "seconds",
    *Identity._fields,
]
PACKAGES = (
    "torch",
    "torchaudio",
    "torchvision",
    "numpy",
    "scipy",
    "hibari-tts",
    "efficientnet-lite-pytorch",
    "papermill",
    "snakemake",
)


@dataclass
class Run:
    """The measurements of one chapter under one configuration; ``shared`` runs belong to no recipe (or to no seed)."""

    config: Config
    chapter: str
    shared: bool = False
    started: float = field(default_factory=time.monotonic)
    records: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        method: str,
        metric: str,
        value: float,
        n: int,
        split: str = "test",
        standard_error: float | None = None,
        recipe: str | None = None,
        seconds: float | None = None,
    ) -> None:
        """Note one measured number.

        Args:
            method: what was measured, for example ``ours`` or ``real test images``.
            metric: name with its protocol, for example ``fid_lite0_n2000``.
            n: number of samples behind the value.
            recipe: recipe of a row in a run that is shared by recipes; default the run's.

        Raises:
            ValueError: the value is not a number. Profile ``smoke``, whose numbers mean nothing, may have too little data.
        """
        if math.isnan(value) and self.config.profile != "smoke":
            raise ValueError(f"{method}, {metric}: nothing was measured")
        recipe = recipe if recipe is not None else ("" if self.shared else self.config.recipe)
        self.records.append(
            {
                "dataset": self.config.dataset,
                "profile": self.config.profile,
                "recipe": recipe,
                "seed": self.config.seed,
                "chapter": self.chapter,
                "split": split,
                "method": method,
                "metric": metric,
                "value": float(value),
                "standard_error": standard_error,
                "n": int(n),
                "config": self.config.fingerprint(),
                "seconds": seconds,
            }
        )

    @property
    def name(self) -> str:
        """File name of the run's records."""
        recipe = "" if self.shared else f"-{self.config.recipe}"
        return f"{self.config.dataset}-{self.config.profile}-s{self.config.seed}{recipe}-{self.chapter}"


def save_run(run: Run, inputs: Iterable[Path] = (), outputs: Iterable[Path] = ()) -> pd.DataFrame:
    """Write ``records/<run>.csv`` and ``manifests/<run>.json`` into the run's results folder and return the records.

    A chapter that is executed again replaces its records and its manifest. One that finds its work done is quick, so
    ``longest_seconds`` remembers the longest execution under the same configuration: what it takes from nothing.
    """
    frame = pd.DataFrame(run.records, columns=COLUMNS).assign(**identity(run.config)._asdict())
    folder = run.config.results_dir
    table = frame.to_csv(index=False, float_format="%.6g")
    save_text(folder / "records" / f"{run.name}.csv", table)
    path, seconds = folder / "manifests" / f"{run.name}.json", round(time.monotonic() - run.started, 1)
    before = json.loads(path.read_text()) if path.exists() else {}
    longest = (
        before.get("longest_seconds", before.get("seconds", 0)) if before.get("fingerprint") == run.config.fingerprint() else 0
    )
    manifest = {
        "run": run.name,
        "config": run.config.model_dump(),
        "fingerprint": run.config.fingerprint(),
        "commit": _commit(),
        "packages": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "hardware": hardware(),
        "seconds": seconds,
        "longest_seconds": max(seconds, longest),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "inputs": _checksums(inputs),
        "outputs": _checksums(outputs),
    }
    save_text(path, json.dumps(manifest, indent=1) + "\n")
    return frame


def hardware() -> dict[str, Any]:
    """Processor, its instructions for matrices, cores, memory and accelerator of this machine."""
    return {
        "processor": _processor(),
        "cores": available_cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "instructions": instruction_set(),
    }


def machine_in_words() -> str:
    """This machine in a few words, for the card of a model."""
    machine = hardware()
    cores = f"{machine['cores']} core" + ("s" if machine["cores"] > 1 else "")
    return f"{machine['processor']}, {cores}, {machine['accelerator'] or 'no GPU'}"


@lru_cache
def _processor() -> str:
    import cpuinfo  # imported here: asking the processor takes a second

    return str(cpuinfo.get_cpu_info().get("brand_raw", platform.processor()))


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Of the code; None where it is unknown, outside a checkout or without git."""
    try:
        result = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=repository(), capture_output=True, text=True)
    except OSError:
        return None
    return result.stdout.strip() or None


def _checksums(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 by path relative to the project."""
    return {os.path.relpath(path, project_root()): sha256(Path(path)) for path in paths}


def save_table(config: Config, name: str, table: pd.DataFrame, float_format: str | None = None) -> Path:
    """Write ``<name>.csv`` into the run's results folder, numbers as `float_format` says; returns its path."""
    path = config.results_dir / f"{name}.csv"
    save_text(path, table.to_csv(index=False, float_format=float_format))
    return path


def record_folders(config: Config) -> list[Path]:
    """Where the records that a run may compare with lie: the committed ones, then the project's own, which replace them. Those
    of `smoke` stand alone.
    """
    own = config.results_dir
    return [own] if config.profile == "smoke" else [repository() / "results", own]


def load_records(*configs: Config) -> pd.DataFrame:
    """All records that runs of these configurations may compare with, one row per measured number; empty when nothing was
    run.
    """
    return read_records(*dict.fromkeys(folder for config in configs for folder in record_folders(config)))


def load_manifests(pattern: str, *configs: Config) -> dict[str, dict[str, Any]]:
    """Name -> manifest, for the runs whose name fits a shell pattern such as ``birds-small-s*``; see ``load_records``."""
    folders = dict.fromkeys(folder for config in configs for folder in record_folders(config))
    files = {path.stem: path for folder in folders for path in sorted((folder / "manifests").glob(f"{pattern}.json"))}
    return {name: json.loads(files[name].read_text()) for name in sorted(files)}


def read_records(*folders: Path) -> pd.DataFrame:
    """All records of some results folders that may stand in one table. Of two files of one name, that of the later folder
    counts.

    What was recorded of a data set and profile by another version of the code, in another precision or from other pictures
    (``identity``) than the records of the last folder is left out, with a warning.
    """
    files = {path.name: path for folder in folders for path in sorted((Path(folder) / "records").glob("*.csv"))}
    may_be_empty = dict.fromkeys(("value", "standard_error", "seconds"), "")
    frames = [
        pd.read_csv(files[name], keep_default_na=False, na_values=may_be_empty, dtype={"config": str, "drawing": str})
        for name in sorted(files)
    ]
    own = [files[name].parent.parent == Path(folders[-1]) for name in sorted(files)]
    frames = [frame.assign(own=mine) for frame, mine in zip(frames, own, strict=True) if len(frame)]  # empty: no numbers
    if not frames:
        return pd.DataFrame(columns=COLUMNS)
    return _of_one_identity(pd.concat(frames, ignore_index=True).reindex(columns=[*COLUMNS, "own"]))


def _of_one_identity(records: pd.DataFrame) -> pd.DataFrame:
    """The records of one ``identity`` for each data set and profile: that of one's own, where there are several the newest."""
    unknown = {"code": 1, "precision": "", "drawing": "unknown"}  # before they were kept
    records = records.astype({"precision": object, "drawing": object}).fillna(unknown).astype({"code": int})
    kept = []
    for (dataset, profile), part in records.groupby(["dataset", "profile"], sort=False, dropna=False):
        made = part[part.drawing != ""]  # nothing that is on disk was looked at for the others
        counted = (made[made.own] if made.own.any() else made).groupby(list(Identity._fields)).size()
        if len(counted):
            chosen = Identity(*max(counted.index, key=lambda index: (index[0], counted[index])))
            same = (part[["code", "precision"]] == [chosen.code, chosen.precision]).all(axis=1)
            same &= part.drawing.isin([chosen.drawing, ""])
            if not same.all():
                warnings.warn(
                    f"{dataset}, {profile}: {(~same).sum()} records are left out, made by another version, in another precision"
                    f" or of other pictures than {', '.join(map(str, chosen))}",
                    stacklevel=4,
                )
            part = part[same]
        kept.append(part)
    return pd.concat(kept).sort_index().drop(columns="own").reset_index(drop=True)


def earlier_records(config: Config, chapter: str) -> pd.DataFrame:
    """What a chapter about all recipes recorded of one data set and seed, under today's settings; empty if it did not.

    So the seeds of a table can be trained one after the other, on different days or machines. What was recorded under earlier
    settings, or in another precision, is returned with a warning if there is nothing else, and no table may mix both.
    """
    known = load_records(config)
    same = (known.dataset == config.dataset) & (known.profile == config.profile) & (known.seed == config.seed)
    found = known[same & (known.chapter == chapter)]
    here = identity(config)
    today = found[(found.config == config.fingerprint()) & (found.code == here.code) & (found.precision == here.precision)]
    if len(found) and today.empty:
        warnings.warn(f"{config.dataset}, seed {config.seed}: {chapter} was recorded under earlier settings", stacklevel=2)
        return found
    return today


def earlier_manifest(config: Config, chapter: str) -> dict[str, Any]:
    """The manifest beside ``earlier_records``: commit, packages, hardware and more, see ``save``.

    Raises:
        FileNotFoundError: the chapter has recorded nothing under today's settings.
    """
    name = f"{Run(config, chapter, shared=True).name}.json"
    found = [path for folder in record_folders(config) if (path := folder / "manifests" / name).exists()]
    if not found:
        raise FileNotFoundError(f"no manifest {name}: chapter {chapter} has recorded nothing under these settings")
    manifest: dict[str, Any] = json.loads(found[-1].read_text())
    return manifest
