"""Tables II and III, the README's tables, and published numbers beside ours."""

import math
from pathlib import Path

import pandas as pd

from s2i_lib.config import Config
from s2i_lib.datasets import get_spec
from s2i_lib.files import repository
from s2i_lib.recipes import RECIPES
from s2i_lib.results.records import load_records

STATUSES = ("match", "differs", "not comparable", "not run")
# Rows of Table II: published method, what goes in, and method and recipe of our records.
TABLE_2 = (
    ("StackGAN-v1", "text", "StackGAN-v1", "text_v1"),
    ("StackGAN-v2", "text", "StackGAN-v2", "text"),
    ("two-stage", "speech", "two-stage, pocketsphinx", "text"),
    ("two-stage", "speech", "two-stage, whisper_tiny_en", "text"),
    ("two-stage", "speech", "two-stage, whisper_tiny_en", "text_transcripts"),
    ("classifier-based", "speech", "classifier-based", "classifier"),
    ("ours", "speech", "ours", "paper"),
    ("ours", "speech", "ours", "recommended"),
)
# Rows of Table III. The published method, what goes in, and method and recipe of our records.
TABLE_3 = tuple(row for row in TABLE_2 if row[1] == "speech")
# Columns of the tables: heading, and how the metric's name begins. A score has the network's name in it: Inception looks at
# photographs, the attribute classifier at rendered pictures. A table has the columns that something was recorded for.
# EfficientNet-Lite0's distances (``fid_lite0``) are in the records only: they hardly tell generated pictures apart, and the
# teacher of `recommended` is that network.
DISTANCES = {
    "FID": "fid_inception_n",
    "KID": "kid_inception_n",
    "Fréchet distance (classifier)": "frechet_classifier_n",
    "kernel distance (classifier)": "kernel_classifier_n",
}
NEIGHBOURS = {name: f"{name}_classifier_n" for name in ("precision", "recall", "density", "coverage")}
INCEPTION_SCORES = {"IS": "is_inception_n", "IS (classifier)": "is_classifier_n"}
NETWORKS = {"IS": tuple(INCEPTION_SCORES.values()), "FID": ("fid_inception_n", "frechet_classifier_n")}  # the paper's first
PICTURES = {
    "room accuracy": "attribute_accuracy_room",
    "colour attribute accuracy": "colour_attribute_accuracy",
    "class accuracy": "class_correct",
}
LAST_COLUMNS = {**PICTURES, "retrieval mAP": "map", "training (min)": "training_minutes"}
TABLE_2_COLUMNS = {**INCEPTION_SCORES, **DISTANCES, **NEIGHBOURS, **LAST_COLUMNS}
TABLE_3_COLUMNS = {**DISTANCES, **NEIGHBOURS, **LAST_COLUMNS}
# Columns of the tables in results/README.md: heading, and how the metric's name begins; the README has the first ones.
ENCODER_COLUMNS = {"zero-shot top-1": "zero_shot_accuracy", "class mean": "class_mean_accuracy", "retrieval mAP": "map"}
ALL_COLUMNS = {**ENCODER_COLUMNS, **PICTURES, **DISTANCES, **NEIGHBOURS, **INCEPTION_SCORES}
SHORT_COLUMNS = {
    "zero-shot top-1": "zero_shot_accuracy",
    "room": "attribute_accuracy_room",
    "colours": "colour_attribute_accuracy",
    "class": "class_correct",
    "FID": "fid_inception_n",
    "Fréchet distance": "frechet_classifier_n",
    "recall": "recall_classifier_n",
    "coverage": "coverage_classifier_n",
}
# The chapters that score whole methods; the variants of chapters 14 to 16 have tables of their own.
SCORING_CHAPTERS = ("05_speech_encoder", "07_scores", "11_text_to_image", "12_two_stage", "13_table_2", "19_table_3")


def score_table(records: pd.DataFrame, metrics: list[str], digits: int = 3) -> pd.DataFrame:
    """Methods and recipes as rows, metrics as columns; mean over seeds, with the standard error where there are several."""
    chosen = records[records.metric.isin(metrics)]
    if chosen.empty:
        return pd.DataFrame(columns=["method", "recipe", *metrics])
    by_seed = chosen.groupby(["method", "recipe", "metric", "seed"], sort=False).value.mean()  # a reference is recorded twice
    grouped = by_seed.groupby(["method", "recipe", "metric"], sort=False).agg(["mean", "sem"]).reset_index()
    grouped["text"] = [
        f"{mean:.{digits}f}" + (f" ± {error:.{digits}f}" if error > 0 else "")  # of one seed it is not a number
        for mean, error in zip(grouped["mean"], grouped["sem"])
    ]
    order = pd.MultiIndex.from_frame(grouped[["method", "recipe"]].drop_duplicates())
    table = grouped.pivot(index=["method", "recipe"], columns="metric", values="text").reindex(order)
    return table.reindex(columns=metrics).astype(object).fillna("").reset_index()


def training_minutes(config: Config) -> float:
    """Training time of encoder and generator of a run as their chapters recorded it, in minutes."""
    known = load_records(config)
    known = known[(known.dataset == config.dataset) & (known.profile == config.profile) & (known.seed == config.seed)]
    encoder = known[(known.metric == "encoder_seconds") & (known.recipe == RECIPES[config.recipe].encoder)].value.sum()
    return float(encoder + known[(known.metric == "training_seconds") & (known.recipe == config.recipe)].value.sum()) / 60


def class_metric(dataset: str) -> str:
    """Name of the share of sentences whose class is found: zero-shot only where the classes of the test are new."""
    return "zero_shot_accuracy" if get_spec(dataset).has_new_classes else "class_accuracy"


def full_name(records: pd.DataFrame, start: str) -> str:
    """The metric in `records` whose name begins with `start` up to its sample count; `start` if there is none."""
    return next((m for m in records.metric if m == start or (start.endswith("_n") and m.startswith(start))), start)


def recorded(records: pd.DataFrame, columns: dict[str, str]) -> dict[str, str]:
    """Full name of a metric -> heading, for those of `columns` (heading -> how the name begins) that something was recorded
    for.
    """
    names = {full_name(records, start): heading for heading, start in columns.items()}
    return {name: heading for name, heading in names.items() if (records.metric == name).any()}


def table_2(records: pd.DataFrame, dataset: str, profile: str) -> pd.DataFrame:
    """Table II for one data set: a row per method, our scores, and the paper's IS and FID with their status.

    Only the records of chapter 13 count, so that all rows were generated and scored in the same way; n is the number of seeds.
    """
    return _method_table(records[records.chapter == "13_table_2"], dataset, profile, "II", TABLE_2, TABLE_2_COLUMNS)


def table_3(records: pd.DataFrame, dataset: str, profile: str) -> pd.DataFrame:
    """Table III for one data set, from the records of chapter 19; see ``table_2``. The paper has no IS there."""
    return _method_table(records[records.chapter == "19_table_3"], dataset, profile, "III", TABLE_3, TABLE_3_COLUMNS)


def _method_table(
    chosen: pd.DataFrame,
    dataset: str,
    profile: str,
    table: str,
    methods: tuple[tuple[str, str, str, str], ...],
    columns: dict[str, str],
) -> pd.DataFrame:
    chosen = chosen[(chosen.dataset == dataset) & (chosen.profile == profile)]
    names = recorded(chosen, columns)
    scores = score_table(chosen, list(names)).set_index(["method", "recipe"]).rename(columns=names).to_dict("index")
    paper = published().query(f"table == {table!r} and dataset == {get_spec(dataset).published_as!r}")
    rows = []
    for theirs, source, method, recipe in methods:
        known = {str(name): score for name, score in scores.get((method, recipe), dict.fromkeys(names.values(), "")).items()}
        mine = chosen[(chosen.method == method) & (chosen.recipe == recipe)]
        printed = paper[paper.method == theirs]
        printed_values = {
            f"paper's {metric}": "" if math.isnan(value) else f"{value:.2f}"
            for metric, value in zip(printed.metric.astype(str).tolist(), printed.value.astype(float).tolist())
        }
        rows.append(
            {
                "method": row_name(method, recipe),
                "input": source,
                "n": mine.seed.nunique(),
                **known,
                **printed_values,
                "status": status(printed, mine, dataset, recipe != "recommended" and "two-stage" not in method),
            }
        )
    return pd.DataFrame(rows)


def row_name(method: str, recipe: str) -> str:
    """What a row of a table of methods is called, where several recipes have one method."""
    if method == "ours":
        return f"ours, {recipe}"
    own = RECIPES.get(recipe)
    return f"{method}, {own.label}" if own and own.label and own.method == method else method


def published_scores(records: pd.DataFrame, theirs: str) -> dict[tuple[str, str], float]:
    """(published method, ``IS`` or ``FID``) -> mean of the records of one method of ours, by the paper's networks or else by
    ours.
    """
    found = {(theirs, metric): of_any_network(records, metric) for metric in NETWORKS}
    return {key: part.value.mean() for key, part in found.items() if len(part)}


def of_any_network(records: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The records of a metric; ``IS`` and ``FID`` by the paper's network where there are some, else by ours."""
    for start in NETWORKS.get(metric, (metric,)):
        part = records[records.metric == full_name(records, start)]
        if len(part):
            break
    return part


def status(printed: pd.DataFrame, mine: pd.DataFrame, dataset: str, same_method: bool = True) -> str:
    """One of ``STATUSES`` for the records of one method beside its rows of ``published()``.

    Args:
        same_method: False for a method or a recognizer that the paper does not have, though it stands in the row of one.
    """
    if mine.empty:
        return "not run"
    networks = {name.rstrip("0123456789") for name in mine.metric}
    comparable = same_method and not get_spec(dataset).rendered and {"fid_inception_n", "is_inception_n"} <= networks
    found = {key: value for theirs in printed.method.unique() for key, value in published_scores(mine, theirs).items()}
    statuses = set(compare(printed, found, comparable).status)
    return next((one for one in ("differs", "match") if one in statuses), "not comparable")


def readme_tables(records: pd.DataFrame, profile: str) -> str:
    """The README's results in Markdown: the most telling scores of every data set that was scored in one profile."""
    return "\n\n".join(
        f"**{dataset.capitalize()}**, mean of {_seeds(chosen)}.\n\n{_markdown_of(chosen, dataset, SHORT_COLUMNS, 2)}"
        for dataset, chosen in _scored(records, profile)
    )


def full_tables(records: pd.DataFrame, profile: str) -> str:
    """All scores of every data set that was scored in one profile, in Markdown."""
    return "\n\n".join(
        f"## {dataset.capitalize()}, profile `{profile}`\n\nMean of {_seeds(chosen)}; ± is the standard error where a row has"
        f" several. {_made_with(chosen)}\n\n{_markdown_of(chosen, dataset, ALL_COLUMNS, 3)}"
        for dataset, chosen in _scored(records, profile)
    )


def _scored(records: pd.DataFrame, profile: str) -> list[tuple[str, pd.DataFrame]]:
    """The records of methods by data set. A seed counts if chapter 07 scored it: with the further seeds of Table IV only some
    methods are trained. Recipes that are no method of Table II, such as the text encoder of chapter 20, have no name there.
    """
    chosen = records[(records.profile == profile) & records.chapter.isin(SCORING_CHAPTERS) & (records.method != "")]
    scored = {str(dataset): part.seed.unique() for dataset, part in chosen[chosen.chapter == "07_scores"].groupby("dataset")}
    return [
        (dataset, chosen[(chosen.dataset == dataset) & chosen.seed.isin(seeds)]) for dataset, seeds in sorted(scored.items())
    ]


def _seeds(chosen: pd.DataFrame) -> str:
    """How many training runs the rows are about."""
    counts = chosen[chosen.recipe != ""].groupby("recipe").seed.nunique()
    least, most = int(counts.min()), int(counts.max())
    return f"{most} training run{'s' if most > 1 else ''}" if least == most else f"{least} to {most} training runs"


def _made_with(chosen: pd.DataFrame) -> str:
    """The identity of the records, and the sample counts in the names of the metrics."""
    made = f"code version {chosen.code.iloc[0]} in {chosen.precision.iloc[0] or 'unknown precision'}"  # of all, see ``records``
    counts = sorted({int(name.rpartition("_n")[2]) for name in chosen.metric if name.rpartition("_n")[2].isdigit()})
    return f"Made with {made}; sets of pictures of {' and '.join(map(str, counts))}."


def _markdown_of(chosen: pd.DataFrame, dataset: str, columns: dict[str, str], digits: int) -> str:
    starts = [class_metric(dataset) if start == "zero_shot_accuracy" else start for start in columns.values()]
    headings = [
        "class" if start == "class_accuracy" and heading == "zero-shot top-1" else heading
        for heading, start in zip(columns, starts)
    ]
    names = recorded(chosen, dict(zip(headings, starts)))
    table = score_table(chosen, list(names), digits).rename(columns=names)
    table = table[(table[list(names.values())] != "").any(axis=1)]
    table.insert(0, "row", [row_name(method, recipe) for method, recipe in zip(table.method, table.recipe)])
    table.loc[table.duplicated("row", keep=False) & (table.recipe != ""), "row"] += ", " + table.recipe
    return markdown(table.drop(columns=["method", "recipe"]).rename(columns={"row": "method"}))


def published() -> pd.DataFrame:
    """The numbers of the paper, one row each: table, dataset, method, input, metric, value, std, source, note."""
    return pd.read_csv(repository() / "results" / "published.csv")


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
    table["ours"] = [ours.get(key) for key in zip(table.method, table.metric)]
    table["ours"] = table["ours"].astype(float)
    table["difference"] = table.ours - table.published
    close = table.difference.abs() <= tolerance * table.published.abs()
    table["status"] = [
        "not run"
        if pd.isna(value)
        else "not comparable"
        if not comparable or pd.isna(theirs)
        else "match"
        if near
        else "differs"
        for value, theirs, near in zip(table.ours, table.published, close)
    ]
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
