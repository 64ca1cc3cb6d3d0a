"""One validated configuration per run: a profile (how much), a data set, a recipe (which method) and a seed.

``load_config("small", recipe="paper")`` is the only way to make one. It lays values over each other, see ``layers``;
``explain`` says from which layer each value comes (``python -m s2i_lib config`` prints it).
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from s2i_lib.datasets import DatasetSpec, class_counts, get_spec
from s2i_lib.files import project_root
from s2i_lib.profiles import PROFILES
from s2i_lib.recipes import RECIPES
from s2i_lib.sections import (
    NEWER,
    ClassifierConfig,
    DataConfig,
    EncoderConfig,
    GanConfig,
    ScoreConfig,
    Section,
    Seed,
    TeacherConfig,
)

OVERRIDES_FILE = "overrides.json"  # in the project's folder: values of one's own for every run there


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key and the cure."""


class Config(Section):
    """Everything that a run depends on. Frozen; its hash names the run in every result record."""

    profile: str
    dataset: str
    recipe: str
    seed: Seed = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    data: DataConfig = DataConfig()
    teacher: TeacherConfig = TeacherConfig()
    encoder: EncoderConfig = EncoderConfig()
    gan: GanConfig = GanConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    scores: ScoreConfig = ScoreConfig()

    @property
    def spec(self) -> DatasetSpec:
        """The specification of the data set; without attributes where nobody knows which of them the captions mention."""
        spec = get_spec(self.dataset)
        return spec if self.data.captions == "attributes" else replace(spec, attributes={}, colour_attributes=())

    @property
    def taught(self) -> tuple[int, int]:
        """How many classes and pictures of a rendered data set are learned from: those that are not set aside."""
        data = self.data
        if self.spec.has_new_classes:
            return data.taught_classes, data.taught_classes * data.images_per_train_class
        return data.num_train_classes, data.taught_of(data.num_train_classes * data.images_per_train_class)

    @property
    def times_redrawn(self) -> int:
        """How often each training picture is drawn again: photographs never are."""
        return self.gan.redrawn if self.spec.rendered else 0

    @property
    def data_dir(self) -> Path:
        """Images, captions, speech, spectrograms and teacher features: shared by seeds and recipes."""
        return project_root() / "data" / f"{self.dataset}-{self.profile}"

    @property
    def seed_dir(self) -> Path:
        """What one seed shares between recipes: the scores and the executed chapters."""
        return project_root() / "runs" / f"{self.dataset}-{self.profile}-s{self.seed}"

    @property
    def run_dir(self) -> Path:
        """What one seed of one recipe trains: the speech encoder and the generator."""
        return self.seed_dir / self.recipe

    @property
    def encoder_dir(self) -> Path:
        """Where the encoder and its embeddings are: recipes that differ in the generator only share an encoder."""
        return self.seed_dir / RECIPES[self.recipe].encoder

    @property
    def classifier_size(self) -> int:
        """Side in pixels of what the classifiers see: the largest of three scales, whichever of them a recipe draws."""
        return 4 * self.gan.base_size

    @property
    def results_dir(self) -> Path:
        """Where a run writes records and manifests, below ``runs/``: what is committed changes only by ``--publish``. Those of
        `smoke` stay with their run: they are no results.
        """
        return (self.seed_dir if self.profile == "smoke" else project_root() / "runs") / "results"

    @property
    def figures_dir(self) -> Path:
        """Where a run draws figures, below ``runs/``: those of the default seed beside the results, since a figure's name has
        no seed; others with their run.
        """
        own = self.profile == "smoke" or self.seed
        return (self.seed_dir if own else project_root() / "runs") / "figures" / self.dataset

    def fingerprint(self, *sections: str) -> str:
        """Twelve hexadecimal digits of a SHA-256 over every value that can change a result, or over those of some sections.

        A field of ``NEWER`` counts only where it differs from its default: what was recorded before it existed had that. The
        precision does not count: what `auto` means is another thing on another machine, see ``identity``.
        """
        settings = self.model_copy(update={"precision": "auto"})
        values = settings.model_dump(include=set(sections) or None, exclude={"gan": {"compile"}})
        for section, names in NEWER.items():
            default = type(getattr(self, section))()
            for name in names:
                if section in values and values[section][name] == getattr(default, name):
                    del values[section][name]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


PROFILE_NAMES = tuple(PROFILES)


class Layer(NamedTuple):
    """Values by section, and where they come from."""

    name: str
    values: Mapping[str, Any]


def layers(profile: str, dataset: str, recipe: str, overrides: Mapping[str, Any] | None = None) -> list[Layer]:
    """What is laid over the default values of the sections, in this order.

    Raises:
        ConfigError: unknown profile or recipe (the message names the nearest one), or a file of overrides that is no JSON
        object.
        DatasetError: unknown data set.
    """
    chosen = RECIPES[_choose("recipe", recipe, RECIPES)]
    values, spec = PROFILES[_choose("profile", profile, PROFILES)], get_spec(dataset)
    classes = dict(zip(("num_classes", "num_train_classes"), class_counts(dataset), strict=True))
    found = [
        Layer(f"data set {dataset}", {"data": classes}),
        Layer(f"profile {profile}", values),
        Layer(f"photographs of {dataset}", {} if spec.rendered else {"data": classes}),  # no profile makes fewer of them
        Layer(f"data set {dataset} in profile {profile}", spec.profiles.get(profile, {})),
        Layer(f"recipe {recipe}", chosen.overrides),
        Layer(f"recipe {recipe} in profile {profile}", chosen.profiles.get(profile, {})),
        Layer(f"recipe {recipe} for data set {dataset}", spec.recipes.get(recipe, {})),
        Layer(OVERRIDES_FILE, _own_overrides()),
        Layer("arguments", overrides or {}),
    ]
    data: Mapping[str, Any] = reduce(lambda known, layer: known | layer.values.get("data", {}), found, {})
    found[0] = Layer(found[0].name, {"data": classes, **_directions(spec, data)})
    return [layer for layer in found if layer.values]


def _directions(spec: DatasetSpec, data: Mapping[str, Any]) -> dict[str, Any]:
    """If few classes are learned from, how many directions the student is taught.

    Fewer directions than these classes tell them apart, and the last of them are mostly noise, so that five sixths are
    kept, about as many as of birds. Where the test has the same classes, captions say more than the class, so that all features
    are taught.
    """
    if not spec.has_new_classes:
        return {"encoder": {"target_dim": None}}
    try:
        taught = DataConfig(**data).taught_classes
    except ValidationError:  # whoever reads all layers says what is wrong
        return {}
    return {"encoder": {"target_dim": taught * 5 // 6}} if taught <= (EncoderConfig().target_dim or 0) else {}


def _own_overrides() -> dict[str, Any]:
    path = project_root() / OVERRIDES_FILE
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON ({error}): mend or remove it") from None
    if not isinstance(values, dict):
        raise ConfigError(f'{path} holds no JSON object, such as {{"gan": {{"steps": 500}}}}: mend or remove it')
    return values


def load_config(
    profile: str = "small",
    dataset: str = "birds",
    recipe: str = "recommended",
    seed: int = 0,
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """The configuration of one run.

    Args:
        profile: ``smoke``, ``small``, ``large`` or ``paper``.
        dataset: one of ``datasets.DATASETS``.
        recipe: one of ``recipes.RECIPES``, which describes each.
        seed: training seed; the data set has its own (``data.seed``).
        overrides: nested values laid over all others, for example ``{"gan": {"steps": 500}}``. Values for every run of a
            project belong into ``overrides.json`` in its folder.

    Raises:
        ConfigError: unknown profile, recipe or key (the message names the nearest one), or a value of the wrong type.
        DatasetError: unknown data set.
    """
    values: dict[str, Any] = {}
    for layer in layers(profile, dataset, recipe, overrides):
        values = _merge(values, layer.values)
    try:
        return Config.model_validate({**values, "profile": profile, "dataset": dataset, "recipe": recipe, "seed": seed})
    except ValidationError as error:
        raise ConfigError(_explain_error(error)) from None


def explain(
    profile: str, dataset: str, recipe: str, seed: int = 0, overrides: Mapping[str, Any] | None = None
) -> list[tuple[str, Any, str]]:
    """Every value of ``load_config`` as (dotted key, value, name of the layer that it comes from).

    Raises:
        ConfigError, DatasetError: see ``load_config``.
    """
    config = load_config(profile, dataset, recipe, seed, overrides)
    source: dict[str, str] = {}
    for layer in layers(profile, dataset, recipe, overrides):
        source |= dict.fromkeys((key for key, _ in _flatten(layer.values)), layer.name)
    source |= dict.fromkeys(("profile", "dataset", "recipe", "seed"), "arguments")  # no layer can change these
    return [(key, value, source.get(key, "default")) for key, value in _flatten(config.model_dump())]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested values as dotted keys."""
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        rows += _flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(prefix + key, value)]
    return rows


def _merge(base: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `base` with the nested values of `update` laid over it."""
    merged = dict(base)
    for key, value in update.items():
        below = merged.get(key, {})
        if isinstance(value, Mapping):  # where a layer below has no section but, say, a number, the validation refuses that
            value = _merge(below, value) if isinstance(below, Mapping) else below
        merged[key] = value
    return merged


def _choose(kind: str, name: str, allowed: Iterable[str]) -> str:
    if name not in allowed:
        raise ConfigError(f"{kind} {name!r} is unknown{_nearest(name, allowed)}; choose from {', '.join(allowed)}")
    return name


def _nearest(name: str, allowed: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), list(allowed), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def first_problem(error: ValidationError) -> tuple[str, str]:
    """The dotted key of the first validation problem, and what is wrong with its value."""
    problem = error.errors()[0]
    return ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")


def _explain_error(error: ValidationError) -> str:
    """The first validation problem as one sentence that names the key and the nearest valid one."""
    problem = error.errors()[0]
    *parents, key = problem["loc"]
    path, said = first_problem(error)
    if problem["type"] != "extra_forbidden":
        return f"configuration value {path}: {said}"
    model: Any = Config
    for parent in parents:
        model = model.model_fields[parent].annotation
    return f"configuration key {path!r} is unknown{_nearest(str(key), model.model_fields)}"


def differs_from_paper(profile: str, dataset: str, recipe: str) -> bool:
    """Whether a recipe is another model than ``paper`` there: profile ``paper`` has the printed weights, and Places two
    scales.
    """
    same = load_config(profile, dataset, recipe).model_copy(update={"recipe": "paper"})
    return same != load_config(profile, dataset, "paper")
