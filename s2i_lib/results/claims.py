"""What the paper claims, and what our records say about it: effects with intervals, and verdicts."""

import fnmatch
import math
from typing import Any

import numpy as np
import pandas as pd

from s2i_lib import statistics
from s2i_lib.files import repository
from s2i_lib.results.tables import NETWORKS, of_any_network

VERDICTS = ("holds", "does not hold", "undecided", "one run", "not run", "not testable")


def claims() -> pd.DataFrame:
    """What the paper says and which records test it: a row per claim of ``results/claims.csv``, empty fields as ``""``.

    Columns: section, claim, data (a data set, the paper's name of one, or ``both`` for birds and flowers), then the record that
    tests it (chapter, method with ``*`` for anything, recipe, metric; ``paired`` stands for the records of a paired difference,
    ``IS`` and ``FID`` for those of whatever network looked), the record or number that it is compared with (than_method,
    than_recipe, than), sense (``>``, ``<`` or ``within`` a margin), spread (``sentences``: one run
    has an interval; ``seeds``: only several runs have one) and a note.
    """
    return pd.read_csv(repository() / "results" / "claims.csv", keep_default_na=False)


def effect(records: pd.DataFrame, claim: Any) -> dict[str, Any]:
    """The measured size of what a claim is about, less what it is compared with.

    Args:
        records: records of one data set and profile.
        claim: a row of ``claims()``.

    Returns:
        ``value``, ``low`` and ``high`` (95 % interval, nan where nothing gives one), ``seeds`` (0: not run), ``n``, the number
        of samples behind one run, and ``errors``, those that the interval joins: ``sentences``, ``seeds``, both, ``pooled`` or
        none. It joins the error within a run, if the claim's spread has one, and the one between runs. For scores of whole sets
        of
        pictures that a single run has, the latter is pooled from other rows: ``between_seed_deviation``.
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
        error = float(np.std(values.to_numpy(), ddof=1)) / math.sqrt(len(values))
        widths["seeds"] = statistics.ci_half_width(error, len(values) - 1)
    elif len(values) == 1 and claim.metric in NETWORKS:
        deviation, degrees_of_freedom = between_seed_deviation(records, claim.metric)
        if degrees_of_freedom:
            widths["pooled"] = statistics.ci_half_width(
                deviation * math.sqrt(2 if claim.than_method else 1), degrees_of_freedom
            )
    margin = math.hypot(*widths.values()) if widths else math.nan
    return {
        "value": values.mean(),
        "low": values.mean() - margin,
        "high": values.mean() + margin,
        "seeds": len(values),
        "n": int(own.n.max()) if len(own) else 0,
        "errors": ", ".join(widths),
    }


def paired_effect(records: pd.DataFrame, method: str) -> dict[str, Any]:
    """An ``effect`` that was recorded as the paired difference `method`, of one seed or of several:
    ``statistics.mean_over_runs``.
    """
    own = records[(records.method == method) & records.metric.str.startswith("paired_")]
    if own.empty:
        return {"value": math.nan, "low": math.nan, "high": math.nan, "seeds": 0, "n": 0, "errors": ""}
    parts = own.pivot(index="seed", columns="metric", values="value")
    value, low, high = statistics.mean_over_runs(
        *(parts[f"paired_{name}"].to_numpy() for name in ("difference", "low", "high"))
    )
    seeds = int(parts.paired_seeds.sum())
    return {
        "value": value,
        "low": low,
        "high": high,
        "seeds": seeds,
        "n": int(own.n.max()),
        "errors": "sentences" if seeds == 1 else "sentences, seeds",
    }


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


def verdict(found: dict[str, Any], sense: str) -> str:
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
