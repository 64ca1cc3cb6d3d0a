"""The table of chapters: what each is run for and what it reads. The only place that knows their order."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from s2i_lib.datasets import DatasetSpec, get_spec
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


def new_classes(spec: DatasetSpec) -> bool:
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
        encoders: those of its recipes whose encoders it trains, where it only reads the others; none: all.
        further_seeds: do the further seeds of Table IV count in it, or is it run for them?
        shown_on: the data set whose execution is published, if there is one; empty: the one that is asked for.
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
    encoders: tuple[str, ...] = ()
    further_seeds: bool = False
    shown_on: str = ""

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


METHODS, ABLATIONS, RELEASED = recipes_of("method"), recipes_of("ablation"), recipes_of("release")
CROSSED = recipes_of("crossed")
TABLE_3, TABLE_5 = recipes_of(table="III"), recipes_of(table="V")
OURS = _chosen("method", lambda recipe: recipe.method == "ours")
CLASSIFIERS = _chosen("method", _classifies)
TEXT = _chosen("method", lambda recipe: _reads_text(recipe) and not recipe.encoder_from)
LANGUAGES = _chosen("extension", lambda recipe: recipe.overrides["encoder"].get("speech") in ("invented", "several_voices"))
STUDENTS = _chosen("method", lambda recipe: not (_reads_text(recipe) or _classifies(recipe) or recipe.encoder_from))
HEARING = _chosen("extension", lambda recipe: not _reads_text(recipe) and recipe.name not in LANGUAGES)
READING = _chosen("extension", _reads_text)
VARIANTS = _chosen("ablation", lambda recipe: not recipe.encoder_from)  # with an encoder of their own
DATA = ("dataset", "data")
STUDENT = (*DATA, "recipe", "seed", "precision", "teacher", "encoder")
GAN = (*STUDENT, "classifier", "gan")

_TABLE: tuple[Chapter, ...] = (
    Chapter("00_overview", "overview", sections=DATA, applies=_only("birds")),
    Chapter("01_data", "data", sections=DATA),
    Chapter("02_speech", "data", needs=("01_data",), sections=DATA),
    Chapter("03_log_mel", "data", needs=("02_speech",), sections=DATA),
    Chapter("04_teacher", "data", needs=("01_data",), sections=(*DATA, "precision", "teacher", "classifier")),
    Chapter("05_speech_encoder", "recipe", ("03_log_mel", "04_teacher"), STUDENT, STUDENTS, trains="encoder"),
    Chapter("06_gan", "recipe", sections=GAN, recipes=(*METHODS, *RELEASED), needs_encoder=True),
    Chapter("07_scores", "seed", needs=("06_gan",), recipes=OURS, needs_class_classifier=True),
    Chapter("08_gallery", "seed", needs=("06_gan",), recipes=OURS),
    Chapter("09_flowers", "data", needs=("04_teacher",), sections=DATA, applies=_only("flowers"), needs_all_datasets=True),
    Chapter("10_classifier", "recipe", ("03_log_mel", "04_teacher"), STUDENT, CLASSIFIERS, trains="encoder"),
    Chapter("11_text_to_image", "recipe", ("02_speech", "04_teacher"), STUDENT, (*TEXT, *READING), trains="encoder"),
    Chapter("12_two_stage", "comparison", needs=("06_gan",), recipes=(*OURS, *TEXT), needs_class_classifier=True),
    Chapter("13_table_2", "tables", ("06_gan", "07_scores", "12_two_stage"), recipes=METHODS, applies=new_classes),
    Chapter(
        "14_ablation",
        "recipe",
        needs=("03_log_mel", "04_teacher"),
        sections=(*GAN, "scores"),
        recipes=(*ABLATIONS, *CROSSED),
        applies=new_classes,
        needs_encoder=True,
        needs_class_classifier=True,
        trains="encoder",
    ),
    Chapter(
        "15_table_4",
        "tables",
        needs=("05_speech_encoder", "06_gan", "14_ablation"),
        recipes=(*OURS, *VARIANTS),
        applies=new_classes,
        further_seeds=True,
    ),
    Chapter("16_table_5", "tables", needs=("06_gan", "14_ablation"), recipes=TABLE_5, applies=new_classes),
    Chapter(
        "17_interpolation",
        "comparison",
        needs=("06_gan",),
        recipes=(*OURS, "text"),
        applies=new_classes,
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
        applies=new_classes,
        further_seeds=True,
    ),
    Chapter("19_table_3", "tables", ("06_gan", "07_scores", "12_two_stage"), recipes=TABLE_3, applies=_same_classes),
    Chapter(
        "20_robustness",
        "tables",
        needs=("05_speech_encoder", "06_gan", "11_text_to_image", "26_hearing"),
        recipes=("recommended", *HEARING, *READING),
        applies=_only("birds"),
    ),
    Chapter("21_paper_profile", "tables"),
    Chapter(
        "22_inception",
        "data",
        needs=("04_teacher",),
        sections=(*DATA, "precision", "classifier", "scores"),
        applies=lambda spec: spec.name == "birds" or not spec.rendered,
        trains="class classifier",
    ),
    Chapter("23_cost", "tables", needs=("06_gan",), applies=lambda spec: spec.rendered and new_classes(spec)),
    Chapter(
        "24_unwritten_language",
        "comparison",
        needs=("05_speech_encoder", "06_gan", "11_text_to_image", "12_two_stage", "26_hearing"),
        recipes=(*OURS, *TEXT, "whisper", *LANGUAGES),  # with all of chapter 12
        applies=_only("birds"),
        trains="encoder",
        encoders=LANGUAGES,
    ),
    Chapter("25_many_voices", "data", ("03_log_mel",), (*DATA, "encoder"), HEARING),
    Chapter("26_hearing", "recipe", ("03_log_mel", "04_teacher", "25_many_voices"), STUDENT, HEARING, trains="encoder"),
    # about `recommended` alone, but two hours: with all methods, not in the hour for two
    Chapter("27_sharpness", "comparison", needs=("05_speech_encoder",), recipes=METHODS, applies=_only("birds")),
    Chapter(
        "28_photographs",
        "comparison",
        needs=("04_teacher", "06_gan", "26_hearing"),
        recipes=(*OURS, "whisper"),
        applies=lambda spec: spec.name in RECIPES["whisper"].datasets,
        shown_on="cub",
    ),
    Chapter("29_crossed", "tables", ("07_scores", "14_ablation"), recipes=(*OURS, *CROSSED), applies=_only("birds")),
    Chapter("30_primer", "overview", sections=("dataset",), applies=_only("birds")),
    Chapter("31_after_2020", "overview", sections=("dataset",), applies=_only("birds")),
    Chapter("32_data_ethics", "overview", sections=("dataset",), applies=_only("birds")),
    Chapter("33_occlusion", "overview", sections=("dataset",), applies=_only("birds")),
)

CHAPTERS: Mapping[str, Chapter] = {chapter.name: chapter for chapter in _TABLE}
