"""What the chapters found, in sentences whose numbers are looked up in the records (``findings.md`` beside this file)."""

import math
import re
from functools import lru_cache
from pathlib import Path

import pandas as pd

from s2i_lib.config import load_config
from s2i_lib.results.claims import paired_effect
from s2i_lib.results.records import load_records
from s2i_lib.results.tables import full_name

NOT_MEASURED = "(not measured yet)"
FIELDS = ("dataset", "chapter", "method", "recipe", "metric")
PLACE = re.compile(r"\{([^{}|]*(?:\|[^{}|]*){4,5})\}")
PAIRED = "paired_"
ORDER = re.compile(r"\s*<!-- (.*?) > (.*?) -->")


class Findings(str):
    """Markdown that a notebook shows as such."""

    def _repr_markdown_(self) -> str:
        return str(self)


def findings(chapter: str, profile: str = "small") -> Findings:
    """The sentences of a chapter with the mean over seeds of every number that they name.

    A number is written ``{dataset|chapter|method|recipe|metric|format}``; of a metric whose name ends with a sample count,
    the start is enough. Where several splits have it, it is that of the test. What nobody has recorded reads ``NOT_MEASURED``.

    Raises:
        KeyError: the chapter has no sentences.
    """
    text, records = ORDER.sub("", sections()[chapter]), _records_of(chapter, profile)

    def written(found: re.Match[str]) -> str:
        *names, form = found.group(1).split("|")
        value = _mean(records, names)
        return NOT_MEASURED if value is None else format(value, form)

    return Findings(PLACE.sub(written, text))


def orders(chapter: str, profile: str = "small") -> list[tuple[str, float, float]]:
    """What the sentences of a chapter say about the order of their numbers, from the comments behind them: each as it is
    written, and the two values, of which the first has to be the larger one. Those that nobody has recorded are left out.
    """
    records, found = _records_of(chapter, profile), []
    for sides in ORDER.findall(sections()[chapter]):
        larger, smaller = (_difference(records, side) for side in sides)
        if larger is not None and smaller is not None:
            found.append((" > ".join(sides), larger, smaller))
    return found


@lru_cache
def sections() -> dict[str, str]:
    """Chapter -> its sentences, as they are written down."""
    text = Path(__file__).with_name("findings.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (\w+)\n", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def _records_of(chapter: str, profile: str) -> pd.DataFrame:
    """The records of all data sets that a chapter's sentences are about."""
    datasets = sorted({found.group(1).split("|")[0] for found in PLACE.finditer(sections()[chapter])})
    records = load_records(*(load_config(profile, dataset) for dataset in datasets)) if datasets else pd.DataFrame()
    return records[records.profile == profile] if len(records) else records


def _difference(records: pd.DataFrame, side: str) -> float | None:
    """The value of ``{place}``, of a number, or of one minus others; None if one of them is not recorded."""
    values = []
    for part in side.split(" - "):
        found = PLACE.fullmatch(part)
        values.append(_mean(records, found.group(1).split("|")) if found else float(part))
    known = [value for value in values if value is not None]
    return known[0] - sum(known[1:]) if len(known) == len(values) else None


def _mean(records: pd.DataFrame, names: list[str]) -> float | None:
    """The mean over seeds of one number, see ``findings``; None if there is none. A paired difference and the ends of its
    interval join the seeds as tables and verdicts do: the mean of several intervals would be none.
    """
    part = records
    for field, name in zip(FIELDS[:-1], names):
        part = part[part[field] == name] if len(part) else part
    if not len(part):
        return None
    if names[-1].startswith(PAIRED):
        found = float(paired_effect(part, names[2])[names[-1].removeprefix(PAIRED).replace("difference", "value")])
        return None if math.isnan(found) else found
    part = part[part.metric == full_name(part, names[-1])]
    part = part[part.split == "test"] if (part.split == "test").any() else part
    return float(part.value.mean()) if len(part) else None
