"""The plan of a run: which executed notebook with which parameters needs which others.

``workflow/Snakefile`` hands it to Snakemake.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from s2i_lib.config import differs_from_paper, load_config
from s2i_lib.datasets import DATASETS, get_spec
from s2i_lib.recipes import RECIPES, TRAINED_BY_DEFAULT
from s2i_lib.run.chapters import CHAPTERS, PLACES, TABLE_3, Chapter, Scope, new_classes
from s2i_lib.run.execute import is_exercise


def encoder_chapter(recipe: str) -> str:
    """The chapter that trains the encoder which `recipe` uses.

    Raises:
        ValueError: no chapter does.
    """
    encoder = RECIPES[recipe].encoder
    for chapter in CHAPTERS.values():
        if chapter.trains == "encoder" and encoder in (chapter.encoders or chapter.recipes):
            return chapter.name
    raise ValueError(f"no chapter trains the encoder of recipe {encoder!r}")


@dataclass(frozen=True)
class Selection:
    """What a run is asked for: `recipes` of some data sets, for `seeds` and, where Table IV is, for `more_seeds`."""

    profile: str = "small"
    datasets: tuple[str, ...] = ("birds",)
    seeds: tuple[int, ...] = (0,)
    more_seeds: tuple[int, ...] = ()
    recipes: tuple[str, ...] = TRAINED_BY_DEFAULT

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Selection":
        """From lists with commas between, as Snakemake's ``--config`` has them; a list of one number comes as a number."""
        words = {name: str(value if value is not None else "").split(",") for name, value in config.items()}
        return cls(
            profile=str(config.get("profile", "small")),
            datasets=tuple(words.get("datasets", cls.datasets)),
            seeds=tuple(int(seed) for seed in words.get("seeds", cls.seeds)),
            more_seeds=tuple(int(seed) for seed in words.get("more_seeds", ()) if seed),
            recipes=tuple(words.get("recipes", cls.recipes)),
        )

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds, and the further ones if every recipe that is trained with them is there."""
        complete = all(name in self.recipes for name, recipe in RECIPES.items() if recipe.further_seeds)
        return tuple(dict.fromkeys(self.seeds + (self.more_seeds if complete else ())))

    def seeds_of(self, chapter: Chapter) -> tuple[int, ...]:
        """The seeds that `chapter` compares, if it compares any."""
        return self.all_seeds if chapter.further_seeds else self.seeds


@dataclass(frozen=True)
class Job:
    """One execution of a chapter. What its scope does not run once for is empty."""

    chapter: str
    dataset: str = ""
    seed: int | None = None
    recipe: str = ""

    @classmethod
    def of(cls, chapter: str, wildcards: Mapping[str, str]) -> "Job":
        """From the wildcards of an executed notebook's path."""
        seed = wildcards.get("seed")
        return cls(chapter, wildcards.get("dataset", ""), None if seed is None else int(seed), wildcards.get("recipe", ""))

    def output(self, profile: str) -> str:
        """Path of the executed notebook, relative to the project's folder."""
        folder = PLACES[CHAPTERS[self.chapter].scope].folder
        folder = folder.format(profile=profile, dataset=self.dataset, seed=self.seed, recipe=self.recipe)
        return f"{folder}/chapters/{self.chapter}.ipynb"


def jobs_of(
    chapter: Chapter,
    selection: Selection,
    datasets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    recipes: Sequence[str] | None = None,
) -> list[Job]:
    """Every execution of `chapter` that the selection asks for; none if it leaves out a recipe that the chapter compares.

    Args:
        datasets, seeds, recipes: in place of those of the selection, its further seeds included.
    """
    datasets = selection.datasets if datasets is None else datasets
    seeds = selection.all_seeds if seeds is None else seeds
    recipes = selection.recipes if recipes is None else recipes
    own = [recipe for recipe in recipes if recipe in chapter.recipes]
    if chapter.compares and set(own) != set(chapter.recipes):
        return []
    found = {
        _job(chapter, dataset, seed, recipe): None
        for dataset in chapter.of_interest(datasets)
        for seed in seeds
        for recipe in (own if chapter.recipes else recipes)
        if _is_wanted(chapter, selection, dataset, seed, recipe)
    }
    return sorted(found, key=lambda job: job.output(selection.profile))


def _job(chapter: Chapter, dataset: str, seed: int, recipe: str) -> Job:
    folder, job = PLACES[chapter.scope].folder, Job(chapter.name)
    if "{dataset}" in folder:
        job = replace(job, dataset=dataset)
    if "{seed}" in folder:
        job = replace(job, seed=seed)
    return replace(job, recipe=recipe) if "{recipe}" in folder else job


def _is_wanted(chapter: Chapter, selection: Selection, dataset: str, seed: int, recipe: str) -> bool:
    """Does `chapter` have an execution for these?"""
    zero_shot, chosen = new_classes(get_spec(dataset)), RECIPES[recipe]
    if chapter.recipes and chosen.datasets and dataset not in chosen.datasets:
        return False
    if chapter.recipes and not zero_shot and chosen.kind in ("method", "ablation") and recipe not in TABLE_3:
        return False  # Table III compares fewer methods
    if seed not in selection.seeds and not (zero_shot and chosen.further_seeds and chapter.runs_for_further_seeds):
        return False
    return chosen.kind != "ablation" or differs_from_paper(selection.profile, dataset, recipe)


def all_jobs(selection: Selection) -> list[Job]:
    """Every execution that the selection asks for, chapter by chapter."""
    return [job for chapter in CHAPTERS.values() for job in jobs_of(chapter, selection)]


def needs(job: Job, selection: Selection) -> list[Job]:
    """The executions that `job` reads the work of."""
    chapter = CHAPTERS[job.chapter]
    datasets = [job.dataset] if job.dataset else chapter.of_interest(selection.datasets)
    if chapter.needs_all_datasets:
        datasets = list(selection.datasets)
    seeds = selection.seeds_of(chapter) if job.seed is None else (job.seed,)
    recipes = (job.recipe,) if job.recipe else chapter.recipes or selection.recipes
    wanted = [(name, recipes) for name in chapter.needs]
    if chapter.needs_encoder:
        for encoder in RECIPES[job.recipe].encoders:
            trainer = encoder_chapter(encoder)
            if (trainer, encoder) != (job.chapter, job.recipe):  # it does not wait for itself
                wanted.append((trainer, (encoder,)))
    found: list[Job] = []
    for name, own in wanted:
        found += jobs_of(CHAPTERS[name], selection, datasets, seeds, [recipe for recipe in own if recipe in selection.recipes])
    if chapter.needs_class_classifier:
        photos = [name for name in datasets if not DATASETS[name].rendered]
        for one in CHAPTERS.values():
            found += jobs_of(one, selection, photos) if one.trains == "class classifier" else []
    return found


def parameters(job: Job, selection: Selection) -> dict[str, str | int]:
    """The parameters that the chapter gets, by name."""
    chapter = CHAPTERS[job.chapter]
    values: dict[str, str | int] = {
        "profile": selection.profile,
        "dataset": job.dataset,
        "seed": selection.seeds[0] if job.seed is None else job.seed,
        "recipe": job.recipe,
        "recipes": ",".join(recipe for recipe in selection.recipes if recipe in chapter.recipes),
        "datasets": ",".join(chapter.of_interest(selection.datasets)),
        "seeds": ",".join(map(str, selection.seeds_of(chapter))),
    }
    return {name: values[name] for name in PLACES[chapter.scope].parameters}


def code_digest(notebook: Path) -> str:
    """Twelve hexadecimal digits of a SHA-256 over the code cells; outputs, text, metadata and exercises do not count."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code" and not is_exercise(cell)]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()[:12]


def digest(job: Job, selection: Selection, notebooks: Path) -> str:
    """Changes when the chapter's code or its configuration does. Outputs and dates of notebooks do not count."""
    chapter, values = CHAPTERS[job.chapter], parameters(job, selection)
    compared = tuple(str(values["recipes"]).split(",")) if values.get("recipes") else chapter.recipes or ("recommended",)
    recipes = (job.recipe,) if job.recipe else compared
    configs = [
        load_config(selection.profile, dataset, recipe, int(seed))
        for dataset in str(values.get("datasets", job.dataset)).split(",")
        for recipe in recipes
        for seed in str(values.get("seeds", values.get("seed", 0))).split(",")
    ]
    fingerprints = [config.fingerprint(*chapter.sections) for config in configs]
    if not chapter.sections or "precision" in chapter.sections:  # no fingerprint has it
        fingerprints += sorted({config.precision for config in configs} - {"auto"})
    return " ".join([code_digest(notebooks / f"{chapter.name}.ipynb"), *fingerprints])


def pattern(*scopes: Scope) -> str:
    """Regular expression of the chapters of these scopes."""
    return "|".join(chapter.name for chapter in CHAPTERS.values() if chapter.scope in scopes)


def where_to_look(selection: Selection) -> str:
    """The closing lines of a run."""
    jobs = all_jobs(selection)
    outputs = [Path(job.output(selection.profile)) for job in jobs]
    runs = sorted({(job.seed, path.parts[1]) for job, path in zip(jobs, outputs, strict=True) if job.seed is not None})
    if selection.profile == "smoke":
        results = [f"runs/{run}/results/" for _, run in runs]
    else:
        results = ["runs/results/", *(f"runs/figures/{dataset}/" for dataset in selection.datasets)]
        results += [f"runs/{run}/figures/" for seed, run in runs if seed]
    folders = sorted({f"{path.parent}/" for path in outputs})
    return "\n  ".join([f"Every chapter of profile {selection.profile} is done. Look at:", *results, *folders])
