"""The report on the whole reproduction (``results/report.md``): its text is a template, its numbers come from the records."""

import json
from pathlib import Path
from string import Template

import pandas as pd

from s2i_lib.datasets import DATASETS
from s2i_lib.results.claims import claims, frozen_claims
from s2i_lib.results.records import read_records
from s2i_lib.results.tables import markdown

UNTRIED = ("not run", "not testable")


def report(folder: Path, profile: str = "small") -> str:
    """The report in Markdown.

    Args:
        folder: of results, with ``records/``, ``manifests/`` and the verdicts of chapter 18.
        profile: whose results are reported.

    Raises:
        FileNotFoundError: chapter 18 has not been run.
    """
    records, verdicts = read_records(folder), pd.read_csv(folder / f"what_holds_{profile}.csv", keep_default_na=False)
    settings = pd.read_csv(folder / "paper_profile.csv", keep_default_na=False).query("dataset == 'cub'")
    used = records[(records.profile == profile) & (records.chapter != "release")]  # released models have cards
    return Template(Path(__file__).with_name("report.md").read_text(encoding="utf-8")).substitute(
        claims=len(claims()),
        tried=verdicts[~verdicts.verdict.isin(UNTRIED)].claim.nunique(),
        frozen=frozen_claims().date.iloc[-1],
        stated=int((settings.paper != "").sum()),
        stated_of=len(settings),
        data=", ".join(f"{DATASETS[name].title}" for name in sorted(used.dataset.unique()) if DATASETS[name].rendered),
        hours=f"{_training_hours(used).sum():.0f}",
        machines=_machines(folder, profile),
        verdicts=_counts(verdicts),
        sentences="\n".join(f"- {_sentence(row)}" for row in verdicts.itertuples()),
        changes=_changes(folder, verdicts, profile),
        cost=markdown(_cost(used)),
    )


def _training_hours(records: pd.DataFrame) -> pd.Series:
    """Hours of training of encoders and generators, by data set."""
    trained = records[records.metric.isin(["encoder_seconds", "training_seconds"])]
    return trained.drop_duplicates(["dataset", "recipe", "seed", "metric"]).groupby("dataset").value.sum() / 3600


def _cost(records: pd.DataFrame) -> pd.DataFrame:
    """Hours of training by data set, and which version of the code made its records, in which precision."""
    made = records.groupby("dataset")[["code", "precision"]].first()  # one of each, see ``records``
    made = made.rename(columns={"code": "code version"}).replace({"precision": {"": "unknown"}})
    return made.join(_training_hours(records).round(1).rename("hours of training")).reset_index()


def _machines(folder: Path, profile: str) -> str:
    found = [json.loads(path.read_text())["hardware"] for path in sorted((folder / "manifests").glob(f"*-{profile}-s*.json"))]
    named = set()
    for one in found:
        cores = "1 core" if one["cores"] == 1 else f"{one['cores']} cores"
        named.add(f"{one['processor']} ({cores}, {one['accelerator'] or 'no GPU'})")
    return "; ".join(sorted(named))


def _counts(verdicts: pd.DataFrame) -> str:
    """How often there is which verdict, in words."""
    counts = verdicts.verdict.value_counts()
    return f"Of {len(verdicts)} pairs of a claim and a data set: " + ", ".join(
        f"{verdict} {count}" for verdict, count in counts.items()
    )


def _sentence(row) -> str:  # type: ignore[no-untyped-def]
    """One claim as a sentence that can be repeated."""
    where = f" ({row.data})" if row.data != "-" else ""
    runs = f", {row.seeds} run{'s' if int(row.seeds) > 1 else ''}, chapter {row.chapter}" if row.effect else ""
    measured = f": {row.effect}{runs}" if row.effect else ""
    instead = f"; measured instead: {row.substitute}" if getattr(row, "substitute", "") else ""
    return f"**{row.claim}**{where}, Section {row.section}: *{row.verdict}*{measured}{instead}."


def _changes(folder: Path, verdicts: pd.DataFrame, profile: str) -> str:
    """The verdicts that are others than those of code version 1, and what is different."""
    former = pd.read_csv(folder / f"what_holds_{profile}_version_1.csv", keep_default_na=False)
    both = verdicts.merge(former, on=["section", "claim", "data"], suffixes=("", "_before"))
    changed = both[both.verdict != both.verdict_before]
    if changed.empty:
        return "None."
    rows = [
        {"claim": f"{row.claim} ({row.data})", "before": row.verdict_before, "now": row.verdict, "because": _because(row)}
        for row in changed.itertuples()
    ]
    return markdown(pd.DataFrame(rows))


def _because(row) -> str:  # type: ignore[no-untyped-def]
    """What differs between two verdicts on a claim."""
    reasons = []
    if getattr(row, "substitute", ""):
        reasons.append(f"it is about a substitute: {row.substitute}")
    if row.sense != row.sense_before:
        reasons.append(f"the claim is {row.sense} instead of {row.sense_before}")
    if str(row.seeds) != str(row.seeds_before):
        reasons.append(f"{row.seeds} instead of {row.seeds_before} runs")
    if getattr(row, "alone", row.verdict) not in (row.verdict, "") and row.verdict == "undecided":
        reasons.append(f"the correction for the number of claims (alone: {row.alone})")
    if row.effect != row.effect_before:
        reasons.append(f"{row.effect or 'nothing'} instead of {row.effect_before or 'nothing'}")
    return "; ".join(reasons)
