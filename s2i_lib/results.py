"""Result records, manifests and the tables built from them. Nothing in a table is ever typed.

A chapter opens a ``Run``, adds measurements to it and hands it to ``save``, which writes one tidy CSV of records and one
JSON manifest. Tables are made from all records found in a results folder.
"""

import fnmatch
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import resource
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from s2i_lib import metrics
from s2i_lib.config import ROOT, Config
from s2i_lib.datasets import PUBLISHED, has_new_classes
from s2i_lib.files import save_atomically

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

    A chapter that is executed again replaces its records and its manifest. One that finds its work done is quick, so
    ``longest_seconds`` remembers the longest execution under the same configuration: what it takes from nothing.
    """
    frame = pd.DataFrame(run.records, columns=COLUMNS)
    folder = run.config.results_dir
    table = frame.to_csv(index=False, float_format="%.6g")
    save_atomically(folder / "records" / f"{run.name}.csv", lambda file: file.write(table.encode()))
    path, seconds = folder / "manifests" / f"{run.name}.json", round(time.monotonic() - run.started, 1)
    before = json.loads(path.read_text()) if path.exists() else {}
    longest = before.get("longest_seconds", before.get("seconds", 0)) if before.get("fingerprint") == run.config.fingerprint() else 0
    manifest = {
        "run": run.name, "config": run.config.model_dump(), "fingerprint": run.config.fingerprint(), "commit": _commit(),
        "packages": {name: _version(name) for name in PACKAGES}, "python": platform.python_version(),
        "hardware": hardware(), "seconds": seconds, "longest_seconds": max(seconds, longest),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "inputs": _checksums(inputs), "outputs": _checksums(outputs)}
    save_atomically(path, lambda file: file.write((json.dumps(manifest, indent=1) + "\n").encode()))
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
    may_be_empty = dict.fromkeys(("value", "standard_error", "seconds"), "")
    frames = [pd.read_csv(path, keep_default_na=False, na_values=may_be_empty, dtype={"config": str}) for path in files]
    frames = [frame for frame in frames if len(frame)]  # a chapter that measures nothing would turn numbers into objects
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)


def earlier_records(config: Config, chapter: str) -> pd.DataFrame:
    """What a chapter about all recipes recorded of one data set and seed, under today's settings; empty if it did not.

    So the seeds of a table can be trained one after the other, on different days or machines.
    """
    known = load_records(config.results_dir)
    same = (known.dataset == config.dataset) & (known.profile == config.profile) & (known.seed == config.seed)
    return known[same & (known.chapter == chapter) & (known.config == config.fingerprint())]


def earlier_manifest(config: Config, chapter: str) -> dict:
    """The manifest beside ``earlier_records``: commit, packages, hardware and more, see ``save``."""
    return json.loads((config.results_dir / "manifests" / f"{Run(config, chapter, shared=True).name}.json").read_text())


def score_table(records: pd.DataFrame, metrics: list[str], digits: int = 3) -> pd.DataFrame:
    """Methods and recipes as rows, metrics as columns; mean over seeds, with the standard error where there are several."""
    chosen = records[records.metric.isin(metrics)]
    if chosen.empty:
        return pd.DataFrame(columns=["method", "recipe", *metrics])
    by_seed = chosen.groupby(["method", "recipe", "metric", "seed"], sort=False).value.mean()  # a ruler is recorded twice
    grouped = by_seed.groupby(["method", "recipe", "metric"], sort=False).agg(["mean", "sem"]).reset_index()
    grouped["text"] = [f"{mean:.{digits}f}" + (f" ± {error:.{digits}f}" if error > 0 else "")  # of one seed it is not a number
                       for mean, error in zip(grouped["mean"], grouped["sem"])]
    order = pd.MultiIndex.from_frame(grouped[["method", "recipe"]].drop_duplicates())
    table = grouped.pivot(index=["method", "recipe"], columns="metric", values="text").reindex(order)
    return table.reindex(columns=metrics).astype(object).fillna("").reset_index()


# What the paper calls each recipe in Table II.
METHODS = {"paper": "ours", "recommended": "ours", "classifier": "classifier-based", "text": "StackGAN-v2",
           "text_v1": "StackGAN-v1"}
# Rows of Table II: published method, what goes in, and method and recipe of our records.
TABLE_2 = (("StackGAN-v1", "text", "StackGAN-v1", "text_v1"), ("StackGAN-v2", "text", "StackGAN-v2", "text"),
           ("two-stage", "speech", "two-stage, pocketsphinx", "text"),
           ("two-stage", "speech", "two-stage, whisper_tiny_en", "text"),
           ("classifier-based", "speech", "classifier-based", "classifier"),
           ("ours", "speech", "ours", "paper"), ("ours", "speech", "ours", "recommended"))
# Rows of Table III. The published method, what goes in, and method and recipe of our records.
TABLE_3 = tuple(row for row in TABLE_2 if row[1] == "speech")
# the paper's name of a published data set, or of the one whose shape a rendered data set has
PUBLISHED_AS = {"birds": "CUB-200", "flowers": "Oxford-102", "scenes": "Places-Subset", "cub": "CUB-200", "oxford": "Oxford-102",
                "places": "Places-Subset"}
# Columns of the tables: heading, and how the metric's name begins. A score has the network's name in it: judge and Lite0 look at
# rendered pictures, Inception at photographs. A table has the columns that something was recorded for.
DISTANCES = {"FID": "fid_inception_n", "FID-lite0": "fid_lite0_n", "KID": "kid_inception_n", "KID-lite0": "kid_lite0_n"}
INCEPTION_SCORES = {"IS": "is_inception_n", "IS (judge)": "is_judge_n"}
NETWORKS = {"IS": tuple(INCEPTION_SCORES.values()), "FID": (DISTANCES["FID"], DISTANCES["FID-lite0"])}  # the paper's first
PICTURES = {"room as said": "semantic_room", "colours as said": "semantic_colours", "class as said": "class_seen"}
TABLE_2_COLUMNS = {**INCEPTION_SCORES, **DISTANCES, **PICTURES, "retrieval mAP": "map", "training (min)": "training_minutes"}
TABLE_3_COLUMNS = {**DISTANCES, **PICTURES, "retrieval mAP": "map", "training (min)": "training_minutes"}


def training_minutes(config: Config) -> float:
    """Training time of encoder and generator of a run as their chapters recorded it, in minutes."""
    known = load_records(config.results_dir)
    known = known[(known.dataset == config.dataset) & (known.profile == config.profile) & (known.seed == config.seed)]
    encoder = known[(known.metric == "encoder_seconds") & (known.recipe == config.encoder_dir.name)].value.sum()
    return float(encoder + known[(known.metric == "training_seconds") & (known.recipe == config.recipe)].value.sum()) / 60


def class_metric(dataset: str) -> str:
    """Name of the share of sentences whose class is found: zero-shot only where the classes of the test are new."""
    return "zero_shot_accuracy" if has_new_classes(dataset) else "class_accuracy"


def full_name(records: pd.DataFrame, start: str) -> str:
    """The metric in `records` whose name begins with `start` up to its sample count; `start` if there is none."""
    return next((m for m in records.metric if m == start or (start.endswith("_n") and m.startswith(start))), start)


def recorded(records: pd.DataFrame, columns: dict[str, str]) -> dict[str, str]:
    """Full name of a metric -> heading, for those of `columns` (heading -> how the name begins) that something was recorded for."""
    names = {full_name(records, start): heading for heading, start in columns.items()}
    return {name: heading for name, heading in names.items() if (records.metric == name).any()}


def table_2(records: pd.DataFrame, dataset: str, profile: str) -> pd.DataFrame:
    """Table II for one data set: a row per method, our scores, and the paper's IS and FID with their status.

    Only the records of chapter 13 count, so that all rows were painted and read in the same way; n is the number of seeds.
    """
    return _method_table(records[records.chapter == "13_table_2"], dataset, profile, "II", TABLE_2, TABLE_2_COLUMNS)


def table_3(records: pd.DataFrame, dataset: str, profile: str) -> pd.DataFrame:
    """Table III for one data set, from the records of chapter 19; see ``table_2``. The paper has no IS there."""
    return _method_table(records[records.chapter == "19_table_3"], dataset, profile, "III", TABLE_3, TABLE_3_COLUMNS)


def _method_table(chosen: pd.DataFrame, dataset: str, profile: str, table: str, methods: tuple, columns: dict) -> pd.DataFrame:
    chosen = chosen[(chosen.dataset == dataset) & (chosen.profile == profile)]
    names = recorded(chosen, columns)
    scores = score_table(chosen, list(names)).set_index(["method", "recipe"]).rename(columns=names)
    paper = published().query(f"table == {table!r} and dataset == {PUBLISHED_AS.get(dataset)!r}")
    rows = []
    for theirs, heard, method, recipe in methods:
        known = scores.loc[(method, recipe)].to_dict() if (method, recipe) in scores.index else dict.fromkeys(names.values(), "")
        mine = chosen[(chosen.method == method) & (chosen.recipe == recipe)]
        printed = paper[paper.method == theirs]
        values = {f"paper's {row.metric}": "" if pd.isna(row.value) else f"{row.value:.2f}" for row in printed.itertuples()}
        rows.append({"method": method if method != "ours" else f"ours, {recipe}", "input": heard, "n": mine.seed.nunique(),
                     **known, **values, "status": status(printed, mine, dataset, recipe != "recommended" and "two-stage" not in method)})
    return pd.DataFrame(rows)


def published_scores(records: pd.DataFrame, theirs: str) -> dict[tuple[str, str], float]:
    """(published method, ``IS`` or ``FID``) -> mean of the records of one method of ours, by the paper's networks or else by ours."""
    found = {(theirs, metric): _of_any_network(records, metric) for metric in NETWORKS}
    return {key: part.value.mean() for key, part in found.items() if len(part)}


def _of_any_network(records: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The records of a metric; ``IS`` and ``FID`` by the paper's network where there are some, else by ours."""
    for start in NETWORKS.get(metric, (metric,)):
        part = records[records.metric == full_name(records, start)]
        if len(part):
            break
    return part


def status(printed: pd.DataFrame, mine: pd.DataFrame, dataset: str, same_method: bool = True) -> str:
    """One of ``STATUSES`` for the records of one method beside its rows of ``published()``.

    Args:
        same_method: False for a method or a recogniser that the paper does not have, though it stands in the row of one.
    """
    if mine.empty:
        return "not run"
    networks = {name.rstrip("0123456789") for name in mine.metric}
    comparable = same_method and dataset in PUBLISHED and {"fid_inception_n", "is_inception_n"} <= networks
    found = {key: value for theirs in printed.method.unique() for key, value in published_scores(mine, theirs).items()}
    statuses = set(compare(printed, found, comparable).status)
    return next((one for one in ("differs", "match") if one in statuses), "not comparable")


# Columns of the README's table: heading, and how the metric's name begins.
README_COLUMNS = {"class from one sentence": "zero_shot_accuracy", "class from all sentences": "class_mean_accuracy",
                  "retrieval mAP": "map", **PICTURES, **DISTANCES, **INCEPTION_SCORES}


# The chapters that score whole methods; the variants of chapters 14 to 16 have tables of their own.
README_CHAPTERS = ("05_speech_encoder", "07_scores", "11_text_to_image", "12_two_stage", "13_table_2", "19_table_3")


def readme_tables(records: pd.DataFrame, profile: str) -> str:
    """The README's results in Markdown: a table for every data set that was scored in one profile.

    A seed counts if chapter 07 scored it: with the further seeds of Table IV only some methods are trained.
    """
    chosen = records[(records.profile == profile) & records.chapter.isin(README_CHAPTERS)]
    scored = {dataset: part.seed.unique() for dataset, part in chosen[chosen.chapter == "07_scores"].groupby("dataset")}
    return "\n\n".join(_readme_table(chosen[(chosen.dataset == dataset) & chosen.seed.isin(seeds)], dataset, profile)
                       for dataset, seeds in sorted(scored.items()))


def _readme_table(chosen: pd.DataFrame, dataset: str, profile: str) -> str:
    starts = [class_metric(dataset) if start == "zero_shot_accuracy" else start for start in README_COLUMNS.values()]
    names = recorded(chosen, dict(zip(README_COLUMNS, starts)))
    table = score_table(chosen, list(names)).rename(columns=names)
    table = table[(table[list(names.values())] != "").any(axis=1)]
    counts = ", ".join(f"{heading}: {name}" for name, heading in names.items() if name.endswith(tuple("0123456789")))
    seeds = chosen[chosen.recipe != ""].seed.nunique()
    seeds = "1" if seeds == 1 else f"up to {seeds} (± is the standard error where a row has several)"
    return f"Data `{dataset}`, profile `{profile}`, seeds: {seeds}. Metrics in full: {counts}.\n\n{markdown(table)}"


def published() -> pd.DataFrame:
    """The numbers of the paper, one row each: table, dataset, method, input, metric, value, std, source, note."""
    return pd.read_csv(ROOT / "results" / "published.csv")


VERDICTS = ("holds", "does not hold", "undecided", "one run", "not run", "not testable")


def claims() -> pd.DataFrame:
    """What the paper says and which records test it: a row per claim of ``results/claims.csv``, empty fields as ``""``.

    Columns: section, claim, data (a data set, the paper's name of one, or ``both`` for birds and flowers), then the record that
    tests it (chapter, method with ``*`` for anything, recipe, metric; ``paired`` stands for the records of a paired difference,
    ``IS`` and ``FID`` for those of whatever network looked), the record or number that it is compared with (than_method,
    than_recipe, than), sense (``>``, ``<`` or ``within`` a margin), spread (``sentences``: one run
    has an interval; ``seeds``: only several runs have one) and a note.
    """
    return pd.read_csv(ROOT / "results" / "claims.csv", keep_default_na=False)


def effect(records: pd.DataFrame, claim) -> dict[str, float]:
    """The measured size of what a claim is about, less what it is compared with.

    Args:
        records: records of one data set and profile.
        claim: a row of ``claims()``.

    Returns:
        ``value``, ``low`` and ``high`` (95 % interval, nan where nothing gives one), ``seeds`` (0: not run), ``n``, the number
        of samples behind one run, and ``errors``, those that the interval joins: ``sentences``, ``seeds``, both, ``borrowed`` or
        none. It joins the error within a run, if the claim's spread has one, and the one between runs. Scores of whole sets of
        pictures that a single run has borrow the latter: ``luck_of_training``.
    """
    chosen = records[records.chapter == claim.chapter]
    if claim.metric == "paired":
        return paired_effect(chosen, claim.method)
    own = _by_seed(chosen, claim.method, claim.recipe, claim.metric)
    if claim.than_method:
        other = _by_seed(chosen, claim.than_method, claim.than_recipe, claim.metric).reindex(own.index)
        values, errors = own.value - other.value, (own.standard_error**2 + other.standard_error**2) ** 0.5
    else:
        values, errors = own.value - float(claim.than or 0), own.standard_error
    values = values.dropna()
    widths = {}
    if claim.spread == "sentences" and errors.notna().any():
        widths["sentences"] = 1.96 * math.sqrt((errors**2).mean())
    if len(values) > 1:
        widths["seeds"] = metrics.half_width(values.sem(), len(values) - 1)
    elif len(values) == 1 and claim.metric in NETWORKS:
        luck, freedom = luck_of_training(records, claim.metric)
        if freedom:
            widths["borrowed"] = metrics.half_width(luck * math.sqrt(2 if claim.than_method else 1), freedom)
    margin = math.hypot(*widths.values()) if widths else math.nan
    return {"value": values.mean(), "low": values.mean() - margin, "high": values.mean() + margin, "seeds": len(values),
            "n": int(own.n.max()) if len(own) else 0, "errors": ", ".join(widths)}


def paired_effect(records: pd.DataFrame, method: str) -> dict[str, float]:
    """An ``effect`` that was recorded as the paired difference `method`, of one seed or of several: ``metrics.mean_over_runs``."""
    own = records[(records.method == method) & records.metric.str.startswith("paired_")]
    if own.empty:
        return {"value": math.nan, "low": math.nan, "high": math.nan, "seeds": 0, "n": 0, "errors": ""}
    parts = own.pivot(index="seed", columns="metric", values="value")
    value, low, high = metrics.mean_over_runs(*(parts[f"paired_{name}"].to_numpy() for name in ("difference", "low", "high")))
    seeds = int(parts.paired_seeds.sum())
    return {"value": value, "low": low, "high": high, "seeds": seeds, "n": int(own.n.max()),
            "errors": "sentences" if seeds == 1 else "sentences, seeds"}


def luck_of_training(records: pd.DataFrame, metric: str) -> tuple[float, int]:
    """Standard deviation of a score between training runs that differ in their seed alone, and its degrees of freedom.

    Pooled over what has several seeds: the rows of Table IV and the recipes that chapter 07 scored; NaN and 0 where nothing has.

    Args:
        records: records of one data set and profile.
        metric: ``FID`` or ``IS``, by whatever network.
    """
    chosen = records[(records.chapter == "15_table_4") | (records.chapter == "07_scores") & (records.method == "ours")]
    rows = _of_any_network(chosen, metric).drop_duplicates(["recipe", "seed"]).groupby("recipe").value  # `paper` is scored in both
    freedom = rows.count().sub(1).clip(lower=0)
    total = int(freedom.sum())
    return (math.sqrt((rows.var() * freedom).sum() / total) if total else math.nan), total


def _by_seed(records: pd.DataFrame, method: str, recipe: str, metric: str) -> pd.DataFrame:
    """value, standard_error and n by seed."""
    named = [fnmatch.fnmatchcase(name, method) for name in records.method]  # a list: map() on no rows gives no booleans
    same = (records.recipe == recipe) & np.array(named, dtype=bool)
    part = _of_any_network(records[same], metric)
    return part.drop_duplicates("seed").set_index("seed")[["value", "standard_error", "n"]].astype(float)


def verdict(found: dict[str, float], sense: str) -> str:
    """One of ``VERDICTS`` for an ``effect``: *holds* or *does not hold* only if the whole interval is on one side.

    Raises:
        ValueError: a sense other than ``>``, ``<``, ``within MARGIN`` or, for what cannot be tested, none.
    """
    if not sense:
        return "not testable"
    if not found["seeds"]:
        return "not run"
    low, high = found["low"], found["high"]
    if math.isnan(low):
        return "one run"
    if sense == ">":
        return "holds" if low > 0 else "does not hold" if high < 0 else "undecided"
    if sense == "<":
        return "holds" if high < 0 else "does not hold" if low > 0 else "undecided"
    if not sense.startswith("within "):
        raise ValueError(f"sense {sense!r} is unknown; use '>', '<' or 'within 0.05'")
    margin = float(sense.removeprefix("within "))
    return "holds" if -margin < low and high < margin else "does not hold" if low > margin or high < -margin else "undecided"


def compare(rows: pd.DataFrame, ours: dict[tuple[str, str], float], comparable: bool, tolerance: float = 0.05) -> pd.DataFrame:
    """Published numbers beside ours.

    Args:
        rows: rows of ``published()``.
        ours: (method, metric) of the published row -> our value.
        comparable: same data, network and protocol as the paper. Rendered data never are, and nothing is to a number that is
            missing.
        tolerance: relative difference that still counts as ``match``.

    Returns:
        method, metric, published, ours, difference and status: ``match``, ``differs``, ``not comparable`` or ``not run``.
    """
    table = rows[["method", "metric", "value"]].rename(columns={"value": "published"}).reset_index(drop=True)
    table["ours"] = [ours.get((row.method, row.metric)) for row in table.itertuples()]
    table["ours"] = table["ours"].astype(float)
    table["difference"] = table.ours - table.published
    close = table.difference.abs() <= tolerance * table.published.abs()
    table["status"] = ["not run" if pd.isna(value) else "not comparable" if not comparable or pd.isna(theirs)
                       else "match" if near else "differs"
                       for value, theirs, near in zip(table.ours, table.published, close)]
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
