"""The table of chapters, and the plan of a run: which executed notebook with which parameters needs which others.

The only place that knows the order of the chapters. ``workflow/Snakefile`` hands the plan to Snakemake.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from s2i_lib.config import differs_from_paper, load_config
from s2i_lib.datasets import DATASETS, DatasetSpec, get_spec
from s2i_lib.recipes import RECIPES, Recipe, recipes_of

Scope = Literal["overview", "data", "recipe", "seed", "comparison", "tables"]


class Place(NamedTuple):
    """Folder of the executed notebooks of a scope, and the parameters that they get."""

    folder: str
    parameters: tuple[str, ...]


PLACES: Mapping[Scope, Place] = {
    "overview": Place("data/{dataset}-{profile}", ("profile", "dataset", "seed")),
    "data": Place("data/{dataset}-{profile}", ("profile", "dataset")),
    "recipe": Place("runs/{dataset}-{profile}-s{seed}/{recipe}", ("profile", "dataset", "seed", "recipe")),
    "seed": Place("runs/{dataset}-{profile}-s{seed}", ("profile", "dataset", "seed", "recipes")),
    "comparison": Place("runs/{dataset}-{profile}-s{seed}", ("profile", "dataset", "seed")),
    "tables": Place("runs/tables-{profile}", ("profile", "datasets", "seeds")),
}


def _every(spec: DatasetSpec) -> bool:
    return True


def _new_classes(spec: DatasetSpec) -> bool:
    """Tables II, IV and V are about data sets whose test classes are new; Table III about the others."""
    return spec.split == "classes"


def _same_classes(spec: DatasetSpec) -> bool:
    return spec.split == "images"


def _only(name: str) -> Callable[[DatasetSpec], bool]:
    return lambda spec: spec.name == name


@dataclass(frozen=True)
class Chapter:
    """What a chapter is run for and what it reads.

    Attributes:
        name: of the notebook, without suffix.
        scope: what it runs once for, a key of ``PLACES``; a ``comparison`` or ``tables`` want all the recipes.
        needs: chapters whose work it reads, of its own data set, seed and recipe or, where it has none, of all.
        sections: fields of the configuration that it depends on; none: all of them.
        recipes: those that it is run for, or compares; none: it is about no recipe.
        applies: is it run for this data set?
        needs_encoder: does it read the trained encoder of its recipe, or of the recipe that lends one?
        needs_class_classifier: does it score pictures of photo data sets, whose class classifier is trained in a chapter?
        needs_all_datasets: does it show the other data sets beside its own?
        trains: what others need from it that is found by recipe or data set instead of by name.
        further_seeds: do the further seeds of Table IV count in it, or is it run for them?
    """

    name: str
    scope: Scope
    needs: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    applies: Callable[[DatasetSpec], bool] = _every
    needs_encoder: bool = False
    needs_class_classifier: bool = False
    needs_all_datasets: bool = False
    trains: Literal["", "encoder", "class classifier"] = ""
    further_seeds: bool = False

    @property
    def compares(self) -> bool:
        """Is it left out unless all its recipes are trained?"""
        return self.scope in ("comparison", "tables")

    @property
    def runs_for_further_seeds(self) -> bool:
        """Has it an execution for each of the further seeds?"""
        return self.scope == "recipe" or (self.scope == "comparison" and self.further_seeds)

    def of_interest(self, datasets: Iterable[str]) -> list[str]:
        """Those of the data sets that it is run for."""
        return [name for name in datasets if self.applies(get_spec(name))]


def _reads_text(recipe: Recipe) -> bool:
    return recipe.overrides.get("encoder", {}).get("input") == "text"


def _classifies(recipe: Recipe) -> bool:
    return recipe.overrides.get("encoder", {}).get("loss") == "classifier"


def _chosen(kind: str, condition: Callable[[Recipe], bool]) -> tuple[str, ...]:
    return tuple(name for name in recipes_of(kind) if condition(RECIPES[name]))


METHODS, ABLATIONS = recipes_of("method"), recipes_of("ablation")
TABLE_3, TABLE_5 = recipes_of(table="III"), recipes_of(table="V")
OURS = _chosen("method", lambda recipe: recipe.method == "ours")
CLASSIFIERS = _chosen("method", _classifies)
TEXT = _chosen("method", lambda recipe: _reads_text(recipe) and not recipe.encoder_from)
LANGUAGES = _chosen("extension", lambda recipe: recipe.overrides["encoder"].get("speech") in ("invented", "several_voices"))
ROBUST = tuple(name for name in recipes_of("extension") if name not in LANGUAGES)
STUDENTS = _chosen("method", lambda recipe: not (_reads_text(recipe) or _classifies(recipe) or recipe.encoder_from))
VARIANTS = _chosen("ablation", lambda recipe: not recipe.encoder_from)  # with an encoder of their own
DATA = ("dataset", "data")
STUDENT = (*DATA, "recipe", "seed", "precision", "teacher", "encoder")
GAN = (*STUDENT, "classifier", "gan")

_TABLE: tuple[Chapter, ...] = (
    Chapter("00_overview", "overview", sections=DATA, applies=_only("birds")),
    Chapter("01_data", "data", sections=DATA),
    Chapter("02_speech", "data", needs=("01_data",), sections=DATA),
    Chapter("03_log_mel", "data", needs=("02_speech",), sections=DATA),
    Chapter("04_teacher", "data", needs=("01_data",), sections=(*DATA, "teacher", "classifier")),
    Chapter("05_speech_encoder", "recipe", ("03_log_mel", "04_teacher"), STUDENT, STUDENTS, trains="encoder"),
    Chapter("06_gan", "recipe", sections=GAN, recipes=METHODS, needs_encoder=True),
    Chapter("07_scores", "seed", needs=("06_gan",), recipes=OURS, needs_class_classifier=True),
    Chapter("08_gallery", "seed", needs=("06_gan",), recipes=OURS),
    Chapter("09_flowers", "data", needs=("04_teacher",), sections=DATA, applies=_only("flowers"), needs_all_datasets=True),
    Chapter("10_classifier", "recipe", ("03_log_mel", "04_teacher"), STUDENT, CLASSIFIERS, trains="encoder"),
    Chapter("11_text_to_image", "recipe", ("02_speech", "04_teacher"), STUDENT, TEXT, trains="encoder"),
    Chapter("12_two_stage", "comparison", needs=("06_gan",), recipes=(*OURS, *TEXT), needs_class_classifier=True),
    Chapter("13_table_2", "tables", ("06_gan", "07_scores", "12_two_stage"), recipes=METHODS, applies=_new_classes),
    Chapter(
        "14_ablation",
        "recipe",
        needs=("03_log_mel", "04_teacher"),
        sections=(*GAN, "scores"),
        recipes=ABLATIONS,
        applies=_new_classes,
        needs_encoder=True,
        needs_class_classifier=True,
        trains="encoder",
    ),
    Chapter(
        "15_table_4",
        "tables",
        needs=("05_speech_encoder", "06_gan", "14_ablation"),
        recipes=(*OURS, *VARIANTS),
        applies=_new_classes,
        further_seeds=True,
    ),
    Chapter("16_table_5", "tables", needs=("06_gan", "14_ablation"), recipes=TABLE_5, applies=_new_classes),
    Chapter(
        "17_interpolation",
        "comparison",
        needs=("06_gan",),
        recipes=(*OURS, *TEXT),
        applies=_new_classes,
        further_seeds=True,
    ),
    Chapter(
        "18_what_holds",
        "tables",
        needs=(
            *("05_speech_encoder", "07_scores", "08_gallery", "12_two_stage"),
            *("13_table_2", "15_table_4", "16_table_5", "17_interpolation"),
        ),
        recipes=(*METHODS, *ABLATIONS),
        applies=_new_classes,
        further_seeds=True,
    ),
    Chapter("19_table_3", "tables", ("06_gan", "07_scores", "12_two_stage"), recipes=TABLE_3, applies=_same_classes),
    Chapter("20_robustness", "comparison", ("06_gan",), recipes=(*OURS, *ROBUST), applies=_only("birds")),
    Chapter("21_paper_profile", "tables"),
    Chapter(
        "22_inception",
        "data",
        needs=("04_teacher",),
        sections=(*DATA, "classifier", "scores"),
        applies=lambda spec: spec.name == "birds" or not spec.rendered,
        trains="class classifier",
    ),
    Chapter("23_cost", "tables", needs=("06_gan",), applies=lambda spec: spec.rendered and _new_classes(spec)),
    Chapter(
        "24_unwritten_language",
        "comparison",
        needs=("06_gan", "12_two_stage", "20_robustness"),
        recipes=(*OURS, *TEXT, *recipes_of("extension")),  # with all of the chapters that it needs
        applies=_only("birds"),
    ),
)

CHAPTERS: Mapping[str, Chapter] = {chapter.name: chapter for chapter in _TABLE}


def encoder_chapter(recipe: str) -> str:
    """The chapter that trains the encoder which `recipe` uses.

    Raises:
        ValueError: no chapter does.
    """
    encoder = RECIPES[recipe].encoder
    for chapter in _TABLE:
        if chapter.trains == "encoder" and encoder in chapter.recipes:
            return chapter.name
    raise ValueError(f"no chapter trains the encoder of recipe {encoder!r}")


@dataclass(frozen=True)
class Selection:
    """What a run is asked for: `recipes` of some data sets, for `seeds` and, where Table IV is, for `more_seeds`."""

    profile: str = "small"
    datasets: tuple[str, ...] = ("birds",)
    seeds: tuple[int, ...] = (0,)
    more_seeds: tuple[int, ...] = ()
    recipes: tuple[str, ...] = tuple(RECIPES)

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
    new_classes, chosen = _new_classes(get_spec(dataset)), RECIPES[recipe]
    if chapter.recipes and not new_classes and recipe not in TABLE_3:
        return False  # Table III compares fewer methods
    if seed not in selection.seeds and not (new_classes and chosen.further_seeds and chapter.runs_for_further_seeds):
        return False
    return chosen.kind != "ablation" or differs_from_paper(selection.profile, dataset, recipe)


def all_jobs(selection: Selection) -> list[Job]:
    """Every execution that the selection asks for, chapter by chapter."""
    return [job for chapter in _TABLE for job in jobs_of(chapter, selection)]


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
        encoder = RECIPES[job.recipe].encoder
        trainer = encoder_chapter(encoder)
        if (trainer, encoder) != (job.chapter, job.recipe):  # it does not wait for itself
            wanted.append((trainer, (encoder,)))
    found: list[Job] = []
    for name, own in wanted:
        found += jobs_of(CHAPTERS[name], selection, datasets, seeds, [recipe for recipe in own if recipe in selection.recipes])
    if chapter.needs_class_classifier:
        photos = [name for name in datasets if not DATASETS[name].rendered]
        for one in _TABLE:
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
    """Twelve hexadecimal digits of a SHA-256 over the code cells; outputs, text and metadata do not count."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
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
    return " ".join([code_digest(notebooks / f"{chapter.name}.ipynb"), *fingerprints])


def pattern(*scopes: Scope) -> str:
    """Regular expression of the chapters of these scopes."""
    return "|".join(chapter.name for chapter in _TABLE if chapter.scope in scopes)


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
