"""Result records, manifests and the tables built from them. Nothing in a table is ever typed.

A chapter opens a ``Run``, adds measurements to it and hands it to ``save``, which writes one tidy CSV of records and one
JSON manifest. Tables are made from all records found in a results folder.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch

from s2i_lib.config import ROOT, Config

COLUMNS = ["dataset", "profile", "recipe", "seed", "chapter", "split", "method", "metric", "value", "standard_error", "n",
           "config", "seconds"]
PACKAGES = ("torch", "torchaudio", "torchvision", "numpy", "scipy", "hibari-tts", "efficientnet-lite-pytorch", "papermill",
            "snakemake")
STATUSES = ("match", "differs", "not comparable", "not run")


@dataclass
class Run:
    """The measurements of one chapter under one configuration; ``shared`` runs belong to no recipe (or to no seed)."""

    config: Config
    chapter: str
    shared: bool = False
    started: float = field(default_factory=time.monotonic)
    records: list[dict] = field(default_factory=list)

    def add(self, method: str, metric: str, value: float, n: int, split: str = "test", standard_error: float | None = None,
            recipe: str | None = None, seconds: float | None = None) -> None:
        """Note one measured number.

        Args:
            method: what was measured, for example ``ours`` or ``real test images``.
            metric: name with its protocol, for example ``fid_lite0_n2000``.
            n: number of samples behind the value.
            recipe: recipe of a row in a run that is shared by recipes; default the run's.
        """
        recipe = recipe if recipe is not None else ("" if self.shared else self.config.recipe)
        self.records.append({
            "dataset": self.config.dataset, "profile": self.config.profile, "recipe": recipe, "seed": self.config.seed,
            "chapter": self.chapter, "split": split, "method": method, "metric": metric, "value": float(value),
            "standard_error": standard_error, "n": int(n), "config": self.config.fingerprint(), "seconds": seconds})

    @property
    def name(self) -> str:
        """File name of the run's records."""
        recipe = "" if self.shared else f"-{self.config.recipe}"
        return f"{self.config.dataset}-{self.config.profile}-s{self.config.seed}{recipe}-{self.chapter}"


def save(run: Run, inputs: list[Path] = (), outputs: list[Path] = ()) -> pd.DataFrame:
    """Write ``records/<run>.csv`` and ``manifests/<run>.json`` into the results folder and return the records.

    A chapter that is executed again replaces its records; its manifest keeps the duration of this execution.
    """
    frame = pd.DataFrame(run.records, columns=COLUMNS)
    folder = run.config.results_dir
    for sub in ("records", "manifests"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "records" / f"{run.name}.csv", index=False, float_format="%.6g")
    manifest = {
        "run": run.name, "config": run.config.model_dump(), "fingerprint": run.config.fingerprint(), "commit": _commit(),
        "packages": {name: _version(name) for name in PACKAGES}, "python": platform.python_version(),
        "hardware": hardware(), "seconds": round(time.monotonic() - run.started, 1),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "inputs": _checksums(inputs), "outputs": _checksums(outputs)}
    (folder / "manifests" / f"{run.name}.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return frame


def hardware() -> dict:
    """Processor, cores, memory and accelerator of this machine."""
    return {"processor": _processor(), "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            "amx": torch.cpu._is_amx_tile_supported()}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    result = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return result.stdout.strip() or None


def _checksums(paths) -> dict[str, str]:
    """SHA-256 by path relative to the project."""
    sums = {}
    for path in map(Path, paths):
        with open(path, "rb") as file:
            sums[os.path.relpath(path, ROOT)] = hashlib.file_digest(file, "sha256").hexdigest()
    return sums


def load_records(folder: Path) -> pd.DataFrame:
    """All records of a results folder, one row per measured number; empty when nothing was run."""
    files = sorted((Path(folder) / "records").glob("*.csv"))
    frames = [pd.read_csv(path, keep_default_na=False, na_values={"standard_error": "", "seconds": ""}) for path in files]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)


def score_table(records: pd.DataFrame, metrics: list[str], digits: int = 3) -> pd.DataFrame:
    """Methods and recipes as rows, metrics as columns; mean over seeds, with the standard error where there are several."""
    chosen = records[records.metric.isin(metrics)]
    if chosen.empty:
        return pd.DataFrame(columns=["method", "recipe", *metrics])
    by_seed = chosen.groupby(["method", "recipe", "metric", "seed"], sort=False).value.mean()  # a ruler is recorded twice
    grouped = by_seed.groupby(["method", "recipe", "metric"], sort=False).agg(["mean", "sem", "count"]).reset_index()
    grouped["text"] = [f"{m:.{digits}f}" + (f" ± {s:.{digits}f}" if c > 1 else "")
                       for m, s, c in zip(grouped["mean"], grouped["sem"], grouped["count"])]
    order = pd.MultiIndex.from_frame(grouped[["method", "recipe"]].drop_duplicates())
    table = grouped.pivot(index=["method", "recipe"], columns="metric", values="text").reindex(order)
    return table.reindex(columns=metrics).astype(object).fillna("").reset_index()


# Columns of the README's table: heading, and how the metric's name begins.
README_COLUMNS = {"class from one sentence": "zero_shot_accuracy", "class from all sentences": "class_mean_accuracy",
                  "retrieval mAP": "map", "colours as said": "semantic_colours", "FID-lite0": "fid_lite0_n",
                  "KID-lite0": "kid_lite0_n", "IS (judge)": "is_judge_n"}


def readme_table(records: pd.DataFrame, dataset: str, profile: str) -> str:
    """The README's results table in Markdown, from the records of one data set and profile."""
    chosen = records[(records.dataset == dataset) & (records.profile == profile)].copy()
    names = [next((m for m in chosen.metric if m == start or (start.endswith("_n") and m.startswith(start))), start)
             for start in README_COLUMNS.values()]
    table = score_table(chosen, names).rename(columns=dict(zip(names, README_COLUMNS)))
    table = table[(table[list(README_COLUMNS)] != "").any(axis=1)]
    counts = ", ".join(f"{heading}: {name}" for heading, name in zip(README_COLUMNS, names) if name.endswith(tuple("0123456789")))
    seeds = chosen[chosen.recipe != ""].seed.nunique()
    return f"{markdown(table)}\n\nProfile `{profile}`, data `{dataset}`, seeds: {seeds}. Metrics in full: {counts}."


def published() -> pd.DataFrame:
    """The numbers of the paper, one row each: table, dataset, method, input, metric, value, std, source, note."""
    return pd.read_csv(ROOT / "results" / "published.csv")


def compare(rows: pd.DataFrame, ours: dict[tuple[str, str], float], comparable: bool, tolerance: float = 0.05) -> pd.DataFrame:
    """Published numbers beside ours.

    Args:
        rows: rows of ``published()``.
        ours: (method, metric) of the published row -> our value.
        comparable: same data, network and protocol as the paper. Rendered data never are.
        tolerance: relative difference that still counts as ``match``.

    Returns:
        method, metric, published, ours, difference and status: ``match``, ``differs``, ``not comparable`` or ``not run``.
    """
    table = rows[["method", "metric", "value"]].rename(columns={"value": "published"}).reset_index(drop=True)
    table["ours"] = [ours.get((row.method, row.metric)) for row in table.itertuples()]
    table["ours"] = table["ours"].astype(float)
    table["difference"] = table.ours - table.published
    close = table.difference.abs() <= tolerance * table.published.abs()
    table["status"] = ["not run" if pd.isna(value) else "not comparable" if not comparable else "match" if near else "differs"
                       for value, near in zip(table.ours, close)]
    return table


def markdown(table: pd.DataFrame) -> str:
    """A data frame as a Markdown table."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    return "\n".join(lines + ["| " + " | ".join(str(value) for value in row) + " |" for row in table.itertuples(index=False)])


def replace_section(path: Path, name: str, text: str) -> None:
    """Put `text` between ``<!-- name -->`` and ``<!-- /name -->`` of a Markdown file.

    Raises:
        ValueError: the markers are missing.
    """
    start, end, content = f"<!-- {name} -->", f"<!-- /{name} -->", path.read_text()
    if start not in content or end not in content:
        raise ValueError(f"{path.name} has no section {start} ... {end}")
    head, tail = content.partition(start)[0], content.partition(end)[2]
    path.write_text(f"{head}{start}\n{text}\n{end}{tail}")
