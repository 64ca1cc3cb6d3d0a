"""Configurations: mistakes are explained, the hash covers everything, smoke runs stay away from the results."""

from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError

from s2i_lib.config import Config, ConfigError, PROFILE_NAMES, load_config


@pytest.mark.parametrize("overrides, key, suggestion", [
    ({"gan": {"stpes": 5}}, "gan.stpes", "steps"),
    ({"gann": {"steps": 5}}, "gann", "gan"),
    ({"encoder": {"weigth": "paper"}}, "encoder.weigth", "weights"),
    ({"sead": 5}, "sead", "seed"),
])
def test_an_unknown_key_names_the_nearest_one(overrides, key, suggestion):
    with pytest.raises(ConfigError) as error:
        load_config(overrides=overrides)
    assert f"'{key}' is unknown" in str(error.value) and f"did you mean '{suggestion}'" in str(error.value)


def test_a_key_like_no_other_gets_no_suggestion():
    with pytest.raises(ConfigError, match="unknown$"):
        load_config(overrides={"gan": {"xyzzy": 5}})


@pytest.mark.parametrize("arguments, suggestion", [
    ({"profile": "smal"}, "did you mean 'small'"), ({"recipe": "papr"}, "did you mean 'paper'"),
    ({"profile": "huge-xyz"}, "choose from smoke, small, large, paper")])
def test_an_unknown_profile_or_recipe_is_refused(arguments, suggestion):
    with pytest.raises(ConfigError, match=suggestion):
        load_config(**arguments)


@pytest.mark.parametrize("overrides, key", [
    ({"gan": {"steps": "many"}}, "gan.steps"), ({"gan": {"steps": 1.5}}, "gan.steps"),
    ({"teacher": {"name": "resnet"}}, "teacher.name"), ({"precision": "float8"}, "precision"), ({"gan": 3}, "gan")])
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


@pytest.mark.parametrize("profile", PROFILE_NAMES)
@pytest.mark.parametrize("recipe", config.RECIPE_NAMES)
@pytest.mark.parametrize("dataset", ["birds", "flowers", "rooms"])
def test_every_profile_fits_every_recipe_and_data_set(profile, recipe, dataset):
    settings = load_config(profile, dataset, recipe)
    assert settings.encoder.target_dim is None or settings.encoder.target_dim < settings.data.num_train_classes
    assert settings.data.image_size % settings.gan.image_size == 0
    assert 0 < settings.data.num_train_classes <= settings.data.num_classes
    assert (settings.data.num_train_classes == settings.data.num_classes) == (dataset == "rooms")


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
    return value + "x" if isinstance(value, str) else (value or 0) + 1


@pytest.mark.parametrize("path, kind", [pytest.param(*leaf, id=".".join(leaf[0])) for leaf in _leaves(Config)])
def test_every_value_changes_the_fingerprint(path, kind):
    plain = load_config().model_dump()
    changed = load_config().model_dump()
    section = changed
    for name in path[:-1]:
        section = section[name]
    section[path[-1]] = _another(section[path[-1]], kind)
    assert Config.model_validate(changed).fingerprint() != Config.model_validate(plain).fingerprint()


def test_equal_values_have_equal_fingerprints():
    assert load_config("large", seed=4).fingerprint() == load_config("large", seed=4).fingerprint()


def test_a_fingerprint_can_cover_some_sections_only():
    plain, changed = load_config(), load_config(overrides={"gan": {"steps": 7}})
    assert plain.fingerprint("data", "encoder") == changed.fingerprint("data", "encoder") != plain.fingerprint()
    assert plain.fingerprint("data", "gan") != changed.fingerprint("data", "gan")


def test_smoke_runs_never_write_into_results():
    smoke, small = load_config("smoke"), load_config("small")
    for kind, folder in {"results": "results", "figures": "figures/birds"}.items():
        assert project_root() / kind not in [getattr(smoke, f"{kind}_dir"), *getattr(smoke, f"{kind}_dir").parents]
        assert getattr(small, f"{kind}_dir") == project_root() / folder


def test_a_further_seed_does_not_draw_over_the_figures_of_the_first():
    further = load_config("small", seed=1)
    assert further.results_dir == project_root() / "results"  # records carry their seed
    assert further.figures_dir == further.seed_dir / "figures" / "birds"


def test_seeds_and_recipes_share_data_but_not_runs():
    one, other, recipe = load_config(seed=1), load_config(seed=2), load_config(seed=1, recipe="paper")
    assert one.data_dir == other.data_dir == recipe.data_dir
    assert len({one.run_dir, other.run_dir, recipe.run_dir}) == 3
    assert one.seed_dir == recipe.seed_dir != other.seed_dir


def test_both_painters_from_text_share_one_reader():
    text = load_config(recipe="text")
    assert load_config(recipe="text_v1").encoder_dir == text.encoder_dir == text.run_dir
    assert all(load_config(recipe=name).encoder_dir == load_config(recipe=name).run_dir for name in ("paper", "classifier"))


def _leaves_of(values: dict, path: str = "") -> dict:
    flat = {}
    for name, value in values.items():
        flat |= _leaves_of(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value}
    return flat


@pytest.mark.parametrize("profile", ["smoke", "small", "large"])
@pytest.mark.parametrize("recipe", config.ABLATION_NAMES)
def test_an_ablation_differs_from_the_paper_in_one_thing(profile, recipe):
    paper, variant = load_config(profile, recipe="paper"), load_config(profile, recipe=recipe)
    before, after = _leaves_of(paper.model_dump()), _leaves_of(variant.model_dump())
    assert sum(before[name] != after[name] for name in before) == 2  # that thing and the recipe's name
    assert (variant.encoder_dir == paper.run_dir) == recipe.endswith(("_scale", "_scales"))


@pytest.mark.parametrize("profile", ["smoke", "small", "large"])
def test_the_recipe_of_the_field_differs_from_the_recommended_one_in_what_it_hears(profile):
    recommended, outdoors = (load_config(profile, recipe=name) for name in ("recommended", "field"))
    assert outdoors == recommended.model_copy(update={
        "recipe": "field", "encoder": recommended.encoder.model_copy(update={"speech": "field"})})


def test_judges_read_the_largest_size_whatever_is_drawn():
    sizes = {recipe: load_config(recipe=recipe) for recipe in ("one_scale", "two_scales", "paper")}
    assert [each.gan.image_size for each in sizes.values()] == [16, 32, 64]
    assert {each.classifier_size for each in sizes.values()} == {64}


def test_baselines_differ_from_the_paper_in_what_they_hear_and_in_how_long_the_classifier_learns():
    paper, classifier, text = (load_config(recipe=name) for name in ("paper", "classifier", "text"))
    assert paper.gan == classifier.gan == text.gan and paper.teacher == classifier.teacher == text.teacher
    longer = {"epochs": 12, "ema_decay": 0.0}  # cross entropy learns slowly; the network, its input and its targets are the same
    assert paper.encoder.model_copy(update={"loss": "classifier"} | longer) == classifier.encoder
    assert paper.encoder.model_copy(update={"input": "text"}) == text.encoder
