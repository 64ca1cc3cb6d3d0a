"""What the chapters found, in sentences whose numbers are looked up in the records (``findings.md`` beside this file)."""

import re
from functools import lru_cache
from pathlib import Path

import pandas as pd

from s2i_lib.config import load_config
from s2i_lib.results.records import load_records
from s2i_lib.results.tables import full_name

NOT_MEASURED = "(not measured yet)"
FIELDS = ("dataset", "chapter", "method", "recipe", "metric")
PLACE = re.compile(r"\{([^{}|]*(?:\|[^{}|]*){5})\}")


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
    text = sections()[chapter]
    datasets = sorted({found.group(1).split("|")[0] for found in PLACE.finditer(text)})
    records = load_records(*(load_config(profile, dataset) for dataset in datasets)) if datasets else pd.DataFrame()
    return Findings(PLACE.sub(lambda found: _number(records, found.group(1).split("|"), profile), text))


@lru_cache
def sections() -> dict[str, str]:
    """Chapter -> its sentences, as they are written down."""
    text = Path(__file__).with_name("findings.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (\w+)\n", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def _number(records: pd.DataFrame, place: list[str], profile: str) -> str:
    *names, form = place
    part = records[records.profile == profile]
    for field, name in zip(FIELDS[:-1], names):
        part = part[part[field] == name]
    part = part[part.metric == full_name(part, names[-1])]
    part = part[part.split == "test"] if (part.split == "test").any() else part
    return format(float(part.value.mean()), form) if len(part) else NOT_MEASURED
