"""Configurations: mistakes are explained, every value knows its layer, the hash covers everything, runs leave results alone."""

import json
import math
from typing import Literal, get_args, get_origin

import numpy as np
import pytest
import torch
from pydantic import BaseModel, ValidationError

from s2i_lib.config import (
    OVERRIDES_FILE,
    PROFILE_NAMES,
    Config,
    ConfigError,
    differs_from_paper,
    explain,
    layers,
    load_config,
)
from s2i_lib.datasets import DATASETS, PHOTOS, RENDERED, get_spec
from s2i_lib.files import project_root, repository
from s2i_lib.models.gan import build_gan
from s2i_lib.models.pretrained import LAST_DIM
from s2i_lib.models.student import build_encoder
from s2i_lib.profiles import PROFILES
from s2i_lib.recipes import RECIPES, recipes_of


@pytest.mark.parametrize(
    "overrides, key, suggestion",
    [
        ({"gan": {"stpes": 5}}, "gan.stpes", "steps"),
        ({"gann": {"steps": 5}}, "gann", "gan"),
        ({"encoder": {"weigth": "paper"}}, "encoder.weigth", "weights"),
        ({"sead": 5}, "sead", "seed"),
    ],
)
def test_an_unknown_key_names_the_nearest_one(overrides, key, suggestion):
    with pytest.raises(ConfigError) as error:
        load_config(overrides=overrides)
    assert f"'{key}' is unknown" in str(error.value) and f"did you mean '{suggestion}'" in str(error.value)


def test_a_key_like_no_other_gets_no_suggestion():
    with pytest.raises(ConfigError, match="unknown$"):
        load_config(overrides={"gan": {"xyzzy": 5}})


@pytest.mark.parametrize(
    "arguments, suggestion",
    [
        ({"profile": "smal"}, "did you mean 'small'"),
        ({"recipe": "papr"}, "did you mean 'paper'"),
        ({"profile": "huge-xyz"}, "choose from smoke, small, large, paper"),
    ],
)
def test_an_unknown_profile_or_recipe_is_refused(arguments, suggestion):
    with pytest.raises(ConfigError, match=suggestion):
        load_config(**arguments)


@pytest.mark.parametrize(
    "overrides, key",
    [
        ({"gan": {"steps": "many"}}, "gan.steps"),
        ({"gan": {"steps": 1.5}}, "gan.steps"),
        ({"teacher": {"name": "resnet"}}, "teacher.name"),
        ({"precision": "float8"}, "precision"),
        ({"gan": 3}, "gan"),
        ({"gan": {"steps": "500"}}, "gan.steps"),
        ({"gan": {"steps": True}}, "gan.steps"),
        ({"gan": {"steps": 0}}, "gan.steps"),
        ({"gan": {"steps": 10**400}}, "gan.steps"),
        ({"gan": {"base_size": 24}}, "gan.base_size: it has to be a power of two"),
        ({"gan": {"num_scales": 9}}, "gan.num_scales"),
        ({"gan": {"generator_learning_rate": math.nan}}, "gan.generator_learning_rate"),
        ({"gan": {"generator_learning_rate": -1e-4}}, "gan.generator_learning_rate"),
        ({"gan": {"kl_weight": math.inf}}, "gan.kl_weight"),
        ({"gan": {"ema_decay": 1.0}}, "gan.ema_decay"),
        ({"gan": {"batch_size": 4, "mismatched": 4}}, "gan: a batch of 4 has no 4 wrong sentences"),
        ({"encoder": {"batch_size": 1}}, "encoder.batch_size"),
        ({"encoder": {"epochs": -3}}, "encoder.epochs"),
        ({"encoder": {"clipping": -1.0}}, "encoder.clipping"),
        ({"data": {"num_train_classes": 201}}, "data: num_train_classes, 201, cannot be more than num_classes, 200"),
        ({"data": {"image_size": 0}}, "data.image_size"),
        ({"data": {"seed": -1}}, "data.seed"),
        ({"data": {"validation_share": 0.7}}, "data.validation_share"),
        ({"teacher": {"power": 0.0}}, "teacher.power"),
        ({"scores": {"captions": 0}}, "scores.captions"),
        ({"classifier": {"images": 1e3}}, "classifier.images"),
    ],
)
def test_a_wrong_value_is_refused_by_name(overrides, key):
    with pytest.raises(ConfigError, match=f"configuration value {key}"):
        load_config(overrides=overrides)


def test_a_configuration_cannot_be_changed():
    with pytest.raises(ValidationError):
        load_config().seed = 3


def test_overrides_leave_their_neighbours_alone():
    changed, plain = load_config("smoke", overrides={"gan": {"steps": 7}}), load_config("smoke")
    assert changed.gan.steps == 7 and changed.gan.base_size == plain.gan.base_size and changed.data == plain.data


def test_overrides_never_change_the_profile_itself():
    load_config("smoke", overrides={"gan": {"steps": 7}})
    assert load_config("smoke").gan.steps != 7


def test_directions_follow_the_classes_that_are_learned_from():
    """Also those of one's own values."""
    sizes = {share: load_config("small", "birds", overrides={"data": {"validation_share": share}}) for share in (0.0, 0.2, 0.5)}
    assert [one.data.taught_classes for one in sizes.values()] == [150, 120, 75]
    assert [one.encoder.target_dim for one in sizes.values()] == [128, 100, 62]


def test_what_is_set_aside_is_not_counted_as_taught(monkeypatch, tmp_path):
    monkeypatch.setenv("S2I_ROOT", str(tmp_path))  # an excerpt of the photographs may lie in this project
    assert load_config("small", "birds").taught == (125, 125 * 30)
    rooms = load_config("small", "rooms")
    assert rooms.taught == (7, 7 * rooms.data.images_per_train_class * 5 // 6 + 1)  # every sixth picture of all
    assert load_config("paper", "cub").taught[0] == 150


@pytest.mark.parametrize("profile", PROFILE_NAMES)
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("dataset", RENDERED)
def test_every_profile_fits_every_recipe_and_data_set(profile, recipe, dataset):
    settings = load_config(profile, dataset, recipe)
    data = settings.data
    taught = data.num_train_classes - (data.num_train_classes // data.validation_every if data.validation_every else 0)
    assert settings.encoder.target_dim is None or settings.encoder.target_dim < taught
    assert settings.data.image_size % settings.gan.image_size == 0
    assert 0 < settings.data.num_train_classes <= settings.data.num_classes
    assert (settings.data.num_train_classes == settings.data.num_classes) == (get_spec(dataset).split == "images")


def _leaves(model: type[BaseModel], path=()):
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _leaves(kind, (*path, name))
        else:
            yield (*path, name), kind


def _another(value, kind):
    if get_origin(kind) is Literal:
        return next(option for option in get_args(kind) if option != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return value / 2 + 0.01
    return value + "x" if isinstance(value, str) else (value or 0) + 1


@pytest.mark.parametrize(
    "path, kind",
    [
        pytest.param(*leaf, id=".".join(leaf[0]))
        for leaf in _leaves(Config)
        if leaf[0] not in (("gan", "compile"), ("precision",))
    ],
)
def test_every_value_changes_the_fingerprint(path, kind):
    plain = load_config().model_dump()
    changed = load_config().model_dump()
    section = changed
    for name in path[:-1]:
        section = section[name]
    section[path[-1]] = 32 if path[-1] == "base_size" else _another(section[path[-1]], kind)  # a power of two
    assert Config.model_validate(changed).fingerprint() != Config.model_validate(plain).fingerprint()


def test_compiled_layers_give_the_same_result_and_so_the_same_fingerprint():
    compiled = load_config(overrides={"gan": {"compile": True}})
    assert compiled.gan.compile and not load_config().gan.compile
    assert compiled.fingerprint() == load_config().fingerprint()
    assert compiled.fingerprint("gan") == load_config().fingerprint("gan")


def test_equal_values_have_equal_fingerprints():
    assert load_config("large", seed=4).fingerprint() == load_config("large", seed=4).fingerprint()


def test_a_fingerprint_can_cover_some_sections_only():
    plain, changed = load_config(), load_config(overrides={"gan": {"steps": 7}})
    assert plain.fingerprint("data", "encoder") == changed.fingerprint("data", "encoder") != plain.fingerprint()
    assert plain.fingerprint("data", "gan") != changed.fingerprint("data", "gan")


def test_no_run_writes_into_the_committed_results_and_a_smoke_run_keeps_its_own():
    smoke, small = load_config("smoke"), load_config("small")
    for kind, folder in {"results": "results", "figures": "figures/birds"}.items():
        assert getattr(smoke, f"{kind}_dir") == smoke.seed_dir / folder
        assert getattr(small, f"{kind}_dir") == project_root() / "runs" / folder
        for run in (smoke, small):
            assert repository() / kind not in [getattr(run, f"{kind}_dir"), *getattr(run, f"{kind}_dir").parents]


def test_the_project_folder_is_looked_up_at_every_call(tmp_path, monkeypatch):
    run = load_config()
    assert run.data_dir == repository() / "data" / "birds-small"
    monkeypatch.setenv("S2I_ROOT", str(tmp_path))
    assert run.data_dir == tmp_path / "data" / "birds-small"


def test_a_further_seed_does_not_draw_over_the_figures_of_the_first():
    further = load_config("small", seed=1)
    assert further.results_dir == project_root() / "runs" / "results"  # records carry their seed
    assert further.figures_dir == further.seed_dir / "figures" / "birds"


def test_seeds_and_recipes_share_data_but_not_runs():
    one, other, recipe = load_config(seed=1), load_config(seed=2), load_config(seed=1, recipe="paper")
    assert one.data_dir == other.data_dir == recipe.data_dir
    assert len({one.run_dir, other.run_dir, recipe.run_dir}) == 3
    assert one.seed_dir == recipe.seed_dir != other.seed_dir


def test_both_generators_from_text_share_one_text_encoder():
    text = load_config(recipe="text")
    assert load_config(recipe="text_v1").encoder_dir == text.encoder_dir == text.run_dir
    assert all(load_config(recipe=name).encoder_dir == load_config(recipe=name).run_dir for name in ("paper", "classifier"))


def sizes(profile: str, dataset: str) -> list[int]:
    """Parameters of the encoder without its last layer, of the generator and of the discriminators of recipe `paper`."""
    config = load_config(profile, dataset, "paper")
    dim = config.encoder.target_dim or LAST_DIM[config.teacher.name]
    with torch.device("meta"):
        networks = [build_encoder(config.encoder, dim), *build_gan(config.gan, dim)]
    counts = [sum(parameter.numel() for parameter in network.parameters()) for network in networks]
    return [counts[0] - (dim + 1) * (config.encoder.rnn_dim or 0), *counts[1:]]


def test_large_and_paper_have_the_sizes_of_the_paper_and_small_is_smaller():
    released = [11_670_000, 21_200_000, 95_800_000]
    np.testing.assert_allclose(sizes("paper", "cub"), released, rtol=0.005)
    np.testing.assert_allclose(sizes("large", "birds"), released, rtol=0.025)  # its sentences are shorter vectors
    assert all(2 * small < full for small, full in zip(sizes("small", "birds"), released))


@pytest.mark.parametrize("profile", PROFILE_NAMES)
@pytest.mark.parametrize("recipe", recipes_of("crossed"))
def test_a_crossed_recipe_hears_with_one_and_draws_with_another(profile, recipe):
    crossed, hears = load_config(profile, recipe=recipe), load_config(profile, recipe=RECIPES[recipe].encoder)
    assert crossed.encoder_dir == hears.run_dir != crossed.run_dir
    assert (crossed.encoder, crossed.teacher, crossed.data) == (hears.encoder, hears.teacher, hears.data)
    drawers = {name: load_config(profile, recipe=name).gan for name in ("paper", "recommended")}
    assert crossed.gan == drawers["paper" if recipe.endswith("stackgan") else "recommended"]
    assert crossed.encoder != load_config(profile, recipe="paper").encoder or crossed.gan != drawers["paper"]


def _leaves_of(values: dict, path: str = "") -> dict:
    flat = {}
    for name, value in values.items():
        flat |= _leaves_of(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value}
    return flat


@pytest.mark.parametrize("profile", ["smoke", "small", "large"])
@pytest.mark.parametrize("recipe", recipes_of("ablation"))
def test_an_ablation_differs_from_the_paper_in_one_thing(profile, recipe):
    paper, variant = load_config(profile, recipe="paper"), load_config(profile, recipe=recipe)
    before, after = _leaves_of(paper.model_dump()), _leaves_of(variant.model_dump())
    different = {name for name in before if before[name] != after[name]} - {"recipe"}
    of_ours = {"weights", "target_dim", "masking", "clipping", "normalise"}
    assert len(different) == 1 or (
        recipe == "as_printed" and different == {f"encoder.{name}" for name in of_ours} | {"gan.mismatched"}
    )
    assert (variant.encoder_dir == paper.run_dir) == ("encoder" not in RECIPES[recipe].overrides)


FROZEN = {"front_end": "whisper", "convolutions": 5, "growth": 2}


@pytest.mark.parametrize("profile", ["smoke", "small", "large"])
@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        ("many_voices", {"speech": "many_voices"}),
        ("whisper", FROZEN),
        ("whisper_all_layers", {**FROZEN, "layers": "all"}),
        ("whisper_many_voices", {**FROZEN, "speech": "many_voices"}),
    ],
)
def test_recipes_that_hear_anyone_differ_from_the_recommended_one_in_what_they_hear(profile, recipe, changes):
    recommended, other = load_config(profile, recipe="recommended"), load_config(profile, recipe=recipe)
    if profile == "small":  # as many steps, which cost about as many seconds
        passes = other.encoder.epochs * (other.data.renditions if "speech" in changes else 1)
        assert passes == recommended.encoder.epochs
        changes = {**changes, "epochs": other.encoder.epochs}
    assert other == recommended.model_copy(update={"recipe": recipe, "encoder": recommended.encoder.model_copy(update=changes)})


def test_a_newer_field_at_its_default_leaves_fingerprints_as_they_were():
    config = load_config("small", recipe="paper")
    known = {
        path.stem: json.loads(path.read_text())
        for path in (repository() / "results" / "manifests").glob("birds-small-s0-paper-*")
    }
    assert {manifest["fingerprint"] for manifest in known.values()} == {config.fingerprint()}
    for section, name, value in (
        ("data", "renditions", 5),
        ("teacher", "stages", "all"),
        ("encoder", "front_end", "whisper"),
        ("encoder", "layers", "all"),
        ("data", "validation_share", 0.25),
    ):
        other = load_config("small", recipe="paper", overrides={section: {name: value}})
        assert other.fingerprint() != config.fingerprint() != other.fingerprint(section)


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_each_stage_of_stackgan_v1_has_as_many_steps_as_stackgan_v2(profile):
    first, second = (load_config(profile, recipe=name).gan for name in ("text_v1", "text"))
    assert first.total_steps == 2 * second.total_steps == 2 * second.steps


def test_classifiers_see_the_largest_size_whatever_is_drawn():
    sizes = {recipe: load_config(recipe=recipe) for recipe in ("one_scale", "two_scales", "paper")}
    assert [each.gan.image_size for each in sizes.values()] == [16, 32, 64]
    assert {each.classifier_size for each in sizes.values()} == {64}


def test_baselines_differ_from_the_paper_in_their_input_and_in_how_long_the_classifier_learns():
    paper, classifier, text = (load_config(recipe=name) for name in ("paper", "classifier", "text"))
    assert paper.gan == classifier.gan == text.gan and paper.teacher == classifier.teacher == text.teacher
    longer = {
        "epochs": 12,
        "ema_decay": 0.0,
    }  # cross entropy learns slowly; the network, its input and its targets are the same
    assert paper.encoder.model_copy(update={"loss": "classifier"} | longer) == classifier.encoder
    assert paper.encoder.model_copy(update={"input": "text"}) == text.encoder


# --- where a value comes from ---


@pytest.fixture
def own_overrides(tmp_path, monkeypatch):
    """A function that writes the overrides of a project of its own."""
    monkeypatch.setenv("S2I_ROOT", str(tmp_path))
    return lambda text: (tmp_path / OVERRIDES_FILE).write_text(text if isinstance(text, str) else json.dumps(text))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("dataset", DATASETS)
def test_every_value_has_a_layer_that_holds_it(recipe, dataset):
    profile = "paper" if dataset in PHOTOS else "small"
    run, found = load_config(profile, dataset, recipe), {layer.name: layer for layer in layers(profile, dataset, recipe)}
    rows = explain(profile, dataset, recipe)
    assert {key: value for key, value, _ in rows} == _leaves_of(run.model_dump())
    default = _leaves_of(Config(profile=profile, dataset=dataset, recipe=recipe).model_dump())
    for key, value, source in rows:
        if source == "default":
            assert value == default[key]
        elif source == "arguments":
            assert key in ("profile", "dataset", "recipe", "seed")
        else:
            assert _leaves_of(found[source].values)[key] == value


def test_of_two_layers_the_later_one_wins(own_overrides):
    own = {"encoder": {"batch_size": 7}, "gan": {"steps": 8, "batch_size": 9}}
    own_overrides(own)
    given = {"gan": {"batch_size": 10}}
    names = [layer.name for layer in layers("small", "rooms", "recommended", given)]
    assert names == [
        "data set rooms",
        "profile small",
        "data set rooms in profile small",
        "recipe recommended",
        "recipe recommended in profile small",
        "recipe recommended for data set rooms",
        OVERRIDES_FILE,
        "arguments",
    ]
    rows = {key: (value, source) for key, value, source in explain("small", "rooms", "recommended", overrides=given)}
    assert rows["gan.batch_size"] == (10, "arguments") and rows["gan.steps"] == (8, OVERRIDES_FILE)
    assert rows["encoder.batch_size"] == (7, OVERRIDES_FILE)
    assert rows["encoder.positives"] == ("image", "recipe recommended for data set rooms")
    assert PROFILES["small"]["encoder"]["ema_decay"] == 0.995
    assert rows["encoder.ema_decay"] == (0.0, "recipe recommended in profile small")
    assert rows["gan.beta1"] == (0.0, "recipe recommended") and rows["gan.condition_dim"] == (128, "default")
    assert rows["data.num_classes"] == (7, "data set rooms")
    assert rows["gan.augment_condition"] == (False, "profile small")
    ranks = {name: rank for rank, name in enumerate(["default", *names])}
    for layer in layers("small", "rooms", "recommended", given):
        assert all(ranks[rows[key][1]] >= ranks[layer.name] for key in _leaves_of(layer.values))


def test_overrides_of_a_project_hold_for_every_run_there(own_overrides):
    own_overrides({"gan": {"steps": 7}, "precision": "float32"})
    for recipe in ("paper", "recommended"):
        run = load_config("small", recipe=recipe)
        assert run.gan.steps == 7 and run.precision == "float32"
        assert run.gan.model == load_config("large", recipe=recipe).gan.model
    assert load_config(overrides={"gan": {"steps": 8}}).gan.steps == 8


@pytest.mark.parametrize("text", ["", "{", '{"gan": {"steps": 7}', "[1, 2]", "7", '"small"', "null"])
def test_overrides_that_are_no_json_object_are_refused_by_name(own_overrides, tmp_path, text):
    own_overrides(text)
    for call in (load_config, lambda: explain("small", "birds", "paper")):
        with pytest.raises(ConfigError, match="mend or remove it") as error:
            call()
        assert str(tmp_path / OVERRIDES_FILE) in str(error.value)


@pytest.mark.parametrize(
    "values, words",
    [
        ({"gan": {"stpes": 7}}, ["'gan.stpes' is unknown", "'steps'"]),
        ({"gan": {"steps": "many"}}, ["gan.steps"]),
        ({"gan": 7}, ["gan"]),
        ({"gan": None}, ["gan"]),
    ],
)
def test_overrides_of_unknown_or_wrong_values_are_refused(own_overrides, values, words):
    own_overrides(values)
    for overrides in (None, {"gan": {"batch_size": 8}}):
        with pytest.raises(ConfigError) as error:
            load_config(overrides=overrides)
        assert all(word in str(error.value) for word in words)


def test_what_a_run_is_called_is_said_by_the_arguments_alone(own_overrides):
    own_overrides({"seed": 5, "recipe": "norm"})
    rows = {key: (value, source) for key, value, source in explain("small", "birds", "paper", seed=3)}
    assert rows["seed"] == (3, "arguments") and rows["recipe"] == ("paper", "arguments")


def test_only_the_paper_s_own_recipe_is_the_paper_s_model():
    assert not differs_from_paper("small", "birds", "paper") and differs_from_paper("small", "birds", "recommended")
    assert differs_from_paper("small", "birds", "printed") and not differs_from_paper("paper", "cub", "printed")
    assert differs_from_paper("paper", "cub", "two_scales") and not differs_from_paper("paper", "places", "two_scales")
