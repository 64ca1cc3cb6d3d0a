"""How long chapters take: as recorded, here and by those who committed ``results/``."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from s2i_lib.config import load_config
from s2i_lib.files import save_text
from s2i_lib.progress import FOLDER_VARIABLE
from s2i_lib.run.chapters import CHAPTERS, PLACES
from s2i_lib.run.plan import Job, Selection

PLAN_FILE = "plan.json"  # in the folder of ``progress.FOLDER_VARIABLE``


@dataclass(frozen=True)
class Planned:
    """A chapter that will run.

    Attributes:
        output: path of its executed notebook.
        seconds: what it takes from nothing; None if it was never timed.
        here: was it timed here, or on the machine that made ``results/``?
    """

    output: str
    seconds: float | None = None
    here: bool = False


def manifest_pattern(job: Job, profile: str) -> str:
    """File names of the manifests that timed a chapter: of any seed, and of one about several data sets any of them."""
    folder = PLACES[CHAPTERS[job.chapter].scope].folder
    seed = "*" if "{seed}" in folder or not job.dataset else "0"
    recipe = f"-{job.recipe}" if job.recipe else ""
    return f"{job.dataset or '*'}-{profile}-s{seed}{recipe}-{job.chapter}.json"


def recorded_seconds(job: Job, profile: str, folders: Iterable[Path]) -> float | None:
    """The longest execution that the manifests in some folders tell of, in seconds; None if there is none."""
    paths = [path for folder in folders for path in folder.glob(manifest_pattern(job, profile))]
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return max((float(one["longest_seconds"]) for one in manifests if "longest_seconds" in one), default=None)


def plan_of(jobs: Sequence[Job], selection: Selection, repository: Path) -> list[Planned]:
    """What is known about the time of some chapters. What was timed here counts more than what is committed."""
    here = {
        load_config(selection.profile, dataset, seed=seed).results_dir / "manifests"
        for dataset in selection.datasets
        for seed in selection.all_seeds
    }
    planned = []
    for job in jobs:
        own = recorded_seconds(job, selection.profile, here)
        seconds = own if own is not None else recorded_seconds(job, selection.profile, [repository / "results" / "manifests"])
        planned.append(Planned(job.output(selection.profile), seconds, own is not None))
    return planned


def estimate(planned: Sequence[Planned]) -> str:
    """How long these chapters take by what is recorded, as one line."""
    minutes = sum(chapter.seconds or 0.0 for chapter in planned) / 60
    unknown = sum(chapter.seconds is None for chapter in planned)
    where = (
        "here"
        if all(chapter.here for chapter in planned if chapter.seconds is not None)
        else "on the machine that made results/"
    )
    if not planned or unknown == len(planned):
        return f"Chapters to run: {len(planned)}, never timed"
    text = f"Chapters to run: {len(planned)}, about {minutes:.0f} minutes {where}"
    return text + (f", and {unknown} of them were never timed" if unknown else "")


def announce(jobs: Sequence[Job], selection: Selection, repository: Path) -> str:
    """Leave the plan of a run for whoever shows its progress; returns the line that it starts with.

    Args:
        jobs: what Snakemake will execute.
    """
    planned = plan_of(jobs, selection, repository)
    if folder := os.environ.get(FOLDER_VARIABLE):
        save_text(Path(folder) / PLAN_FILE, json.dumps([asdict(chapter) for chapter in planned]))
    return estimate(planned)
