"""What the paper claims, and what our records say about it: effects with intervals, and verdicts."""

import fnmatch
import math
import re
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from s2i_lib import statistics
from s2i_lib.datasets import get_spec
from s2i_lib.files import repository, sha256
from s2i_lib.results.records import Run
from s2i_lib.results.tables import NETWORKS, of_any_network
from s2i_lib.statistics import Estimate

VERDICTS = ("holds", "does not hold", "undecided", "one run", "not run", "not testable")
SUBSTITUTE = "on a substitute: "  # before the verdict of a claim that is about something else than what was measured
LEVEL = 0.05


def claims() -> pd.DataFrame:
    """What the paper says and which records test it: a row per claim of ``results/claims.csv``, empty fields as ``""``.

    Columns: section, claim, data (a data set, the paper's name of one, or ``both`` for birds and flowers), then the record that
    tests it (chapter, method with ``*`` for anything, recipe, metric; ``paired`` stands for the records of a paired difference,
    ``IS`` and ``FID`` for those of whatever network looked), the record or number that it is compared with (than_method,
    than_recipe, than), sense (see ``bounds``), spread (``sentences``: one run has an interval; ``seeds``: only several runs
    have one), substitute (what is measured in place of what the claim is about; empty where it is the thing itself) and a note.
    """
    return pd.read_csv(_claims_path(), keep_default_na=False)


def is_about(claim: Any, dataset: str) -> bool:
    """Does the paper say this of such data?

    Args:
        claim: a row of ``claims``; its `data` may be a data set, the paper's name of one, or ``both``: birds and flowers.
        dataset: one of ours.
    """
    published = get_spec(dataset).published_as
    return claim.data in (dataset, published) or (claim.data == "both" and published in ("CUB-200", "Oxford-102"))


def _claims_path() -> Path:
    return repository() / "results" / "claims.csv"


def frozen_claims() -> pd.DataFrame:
    """Date, sha256 and reason of every version of ``results/claims.csv`` that was fixed before results were looked at.

    Raises:
        ValueError: it has been changed since; whoever changes it has to say when and why.
    """
    frozen, path = pd.read_csv(repository() / "results" / "claims_frozen.csv"), _claims_path()
    if frozen.sha256.iloc[-1] != sha256(path):
        raise ValueError(f"{path.name} is not what was frozen on {frozen.date.iloc[-1]}: add a line to claims_frozen.csv")
    return frozen


def effect(records: pd.DataFrame, claim: Any) -> dict[str, Any]:
    """The measured size of what a claim is about, less what it is compared with.

    Args:
        records: records of one data set and profile.
        claim: a row of ``claims()``.

    Returns:
        ``value``, ``low`` and ``high`` (95 % interval, nan where nothing gives one), ``error`` and ``freedom`` behind it,
        ``seeds`` (0: not run), ``n``, the number of samples behind one run, and ``errors``, those that are joined:
        ``sentences``, ``seeds``, both, ``pooled`` or none. It joins the error within a run, if the claim's spread has one, and
        the one between runs. For scores of whole sets of pictures that a single run has, the latter is pooled from other rows:
        ``between_seed_deviation``.
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
    mean, parts = float(values.mean()), {}
    if claim.spread == "sentences" and errors.notna().any():
        parts["sentences"] = Estimate(mean, math.sqrt((errors**2).mean()), math.inf)
    if len(values) > 1:
        parts["seeds"] = statistics.mean_of_values(values.tolist())
    elif len(values) == 1 and claim.metric in NETWORKS:
        deviation, freedom = between_seed_deviation(records, claim.metric)
        if freedom:
            parts["pooled"] = Estimate(mean, deviation * math.sqrt(2 if claim.than_method else 1), freedom)
    estimate = reduce(Estimate.plus, parts.values()) if parts else Estimate(mean, math.nan, math.nan)
    return _found(estimate, len(values), int(own.n.max()) if len(own) else 0, ", ".join(parts))


def _found(estimate: Estimate, seeds: int, n: int, errors: str) -> dict[str, Any]:
    value, low, high = estimate.interval
    return {
        "value": value,
        "low": low,
        "high": high,
        "error": estimate.error,
        "freedom": estimate.freedom,
        "seeds": seeds,
        "n": n,
        "errors": errors,
    }


def record_paired(run: Run, name: str, estimate: Estimate, seeds: int, n: int, recipe: str | None = None) -> None:
    """Add a paired difference to a run, which ``paired_effect`` reads.

    Args:
        name: of the difference, in the place of a method.
        estimate: of ``statistics.paired_difference``.
        seeds: training runs behind it.
        n: sentences of one run.
    """
    _, low, high = estimate.interval
    numbers = {"difference": estimate.mean, "low": low, "high": high, "freedom": estimate.freedom, "seeds": seeds}
    for part, value in numbers.items():
        error = estimate.error if part == "difference" else None
        run.add(name, f"paired_{part}", value, n=n, recipe=recipe, standard_error=error)


def paired_effect(records: pd.DataFrame, method: str) -> dict[str, Any]:
    """An ``effect`` that was recorded as the paired difference `method` (``record_paired``), once for several seeds or once for
    each: ``statistics.mean_over_runs``.
    """
    own = records[(records.method == method) & records.metric.str.startswith("paired_")]
    if own.empty:
        return _found(Estimate(math.nan, math.nan, math.nan), 0, 0, "")
    parts, error = own.pivot(index="seed", columns="metric", values="value"), own[own.metric == "paired_difference"]
    errors = error.set_index("seed").standard_error.reindex(parts.index)
    if "paired_freedom" not in parts:  # of code version 1, which recorded the ends of the interval alone
        errors, parts["paired_freedom"] = (parts.paired_high - parts.paired_low) / 2 / 1.96, math.inf
    estimates = [Estimate(*row) for row in zip(parts.paired_difference, errors, parts.paired_freedom)]
    seeds = int(parts.paired_seeds.sum())
    joined = "sentences" if seeds == 1 else "sentences, seeds"
    return _found(statistics.mean_over_runs(estimates), seeds, int(own.n.max()), joined)


def between_seed_deviation(records: pd.DataFrame, metric: str) -> tuple[float, int]:
    """Standard deviation of a score between training runs that differ in their seed alone, and its degrees of freedom.

    Pooled over what has several seeds: the rows of Table IV and the recipes that chapter 07 scored; NaN and 0 where nothing
    has.

    Args:
        records: records of one data set and profile.
        metric: ``FID`` or ``IS``, by whatever network.
    """
    chosen = records[(records.chapter == "15_table_4") | (records.chapter == "07_scores") & (records.method == "ours")]
    rows = (
        of_any_network(chosen, metric).drop_duplicates(["recipe", "seed"]).groupby("recipe").value
    )  # `paper` is scored in both
    degrees_of_freedom = rows.count().sub(1).clip(lower=0)
    total = int(degrees_of_freedom.sum())
    return (math.sqrt((rows.var() * degrees_of_freedom).sum() / total) if total else math.nan), total


def _by_seed(records: pd.DataFrame, method: str, recipe: str, metric: str) -> pd.DataFrame:
    """value, standard_error and n by seed."""
    named = [fnmatch.fnmatchcase(name, method) for name in records.method]  # a list: map() on no rows gives no booleans
    same = (records.recipe == recipe) & np.array(named, dtype=bool)
    part = of_any_network(records[same], metric)
    return part.drop_duplicates("seed").set_index("seed")[["value", "standard_error", "n"]].astype(float)


def bounds(sense: str) -> tuple[float, float]:
    """Between which numbers the effect of a claim has to be: ``>`` (above zero), ``<``, ``> 0.05`` (by a margin: "much"),
    ``within 0.05`` of zero ("as good as") or ``between 0 and 0.05`` ("slightly").

    Raises:
        ValueError: another sense.
    """
    number = r"(-?\d+(?:\.\d+)?)"
    if found := re.fullmatch(rf"([<>])(?: {number})?", sense):
        limit = float(found[2] or 0)
        return (limit, math.inf) if found[1] == ">" else (-math.inf, limit)
    if found := re.fullmatch(rf"within {number}", sense):
        return -float(found[1]), float(found[1])
    if found := re.fullmatch(rf"between {number} and {number}", sense):
        return float(found[1]), float(found[2])
    raise ValueError(f"sense {sense!r} is unknown; use '>', '<', '> 0.05', 'within 0.05' or 'between 0 and 0.05'")


def verdict(found: dict[str, Any], sense: str, p_value: float | None = None) -> str:
    """One of ``VERDICTS`` for an ``effect``: *holds* or *does not hold* only if the whole interval is on one side of the
    ``bounds`` of the claim; with a corrected `p_value` (``statistics.corrected_p_values``), only if that is small enough, too.

    Raises:
        ValueError: an unknown sense.
    """
    if not sense:
        return "not testable"
    if not found["seeds"]:
        return "not run"
    low, high = found["low"], found["high"]
    if math.isnan(low):
        return "one run"
    least, most = bounds(sense)
    decided = "holds" if least < low and high < most else "does not hold" if high < least or low > most else "undecided"
    return "undecided" if p_value is not None and not p_value < LEVEL else decided


def p_value(found: dict[str, Any], sense: str) -> float:
    """Of the verdict on an ``effect``: how often would it be as clear or clearer, if the truth were on the edge of the claim?

    A claim with two bounds holds if both are kept, so the larger one counts; it fails at one of them. NaN where nothing gives
    an interval.
    """
    if not sense or math.isnan(found["low"]):
        return math.nan
    estimate, (least, most) = Estimate(found["value"], found["error"], found["freedom"]), bounds(sense)
    if estimate.mean <= least or estimate.mean >= most:
        return estimate.p_value(least if estimate.mean <= least else most)
    return max(estimate.p_value(bound) for bound in (least, most) if math.isfinite(bound))
