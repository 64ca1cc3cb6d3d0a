"""The table of hyper-parameters says what the code does, and leaves nothing out."""

import pandas as pd
import pytest

from s2i_lib import protocol
from s2i_lib.config import load_config
from s2i_lib.datasets import PHOTOS, get_spec
from s2i_lib.protocol import STATUSES, hyperparameters

# what profile `paper` on photographs, with the paper's own recipe, never reads
UNUSED = {
    "data.images_per_train_class",
    "data.images_per_test_class",
    "data.images_for_classifier",
    "data.renditions",
    "data.seed",
    "gan.diff_augment",
    "encoder.layers",
    "encoder.text",
    "encoder.whisper_weights",
    "encoder.convolutions",
    "encoder.growth",
    "encoder.target_whitening",
    "classifier.images",
    "classifier.width",
    "gan.consistency_weight",
    "gan.patch_weight",
    "gan.penalty_weight",
    "gan.penalty_every",
    "gan.matching_weight",
    "gan.redrawn",
    "teacher.batch_size",
    "teacher.stages",
    "scores.gallery_sentences",
    "scores.gallery_samples",
    "gan.compile",
    "profile",
    "dataset",
    "recipe",
}


@pytest.fixture(autouse=True)
def no_excerpt(tmp_path, monkeypatch):
    """A project without photographs: of an excerpt, fewer classes would be counted than the paper has."""
    monkeypatch.setenv("S2I_ROOT", str(tmp_path))


@pytest.fixture(params=PHOTOS)
def table(request):
    return hyperparameters(load_config("paper", request.param, "paper"))


def leaves(values: dict, path: str = "") -> set[str]:
    names = set()
    for name, value in values.items():
        names |= leaves(value, f"{path}{name}.") if isinstance(value, dict) else {path + name}
    return names


def test_every_value_of_the_configuration_is_explained_or_unused(table):
    named = {key.removeprefix("config.") for key in table.key if key.startswith("config.")}
    known = leaves(load_config("paper", "cub", "paper").model_dump())
    assert known - named == UNUSED and named - known <= {"gan.image_size"}


def test_every_row_has_a_source_or_a_reason(table):
    assert set(table.status) <= set(STATUSES) and not table.duplicated(["part", "name"]).any()
    for row in table.itertuples():
        assert row.source if row.paper else row.reason and not row.source, row.name
        assert row.status != "differs" or row.reason, f"{row.name} differs without a reason"


def test_only_the_voice_differs_from_what_the_paper_states(table):
    assert set(table.name[table.status == "differs"]) <= {"voice"}


def test_our_values_are_read_from_the_configuration():
    changed = load_config("paper", "cub", "paper", overrides={"encoder": {"epochs": 7}, "gan": {"kl_weight": 3.0}})
    rows = hyperparameters(changed).set_index("key")
    assert rows.ours["config.encoder.epochs"] == "7" and rows.status["config.encoder.epochs"] == "differs"
    assert rows.ours["config.gan.kl_weight"] == "3.0" and rows.status["config.gan.kl_weight"] == "silent"


@pytest.mark.parametrize(
    "key", ["config.gan.stpes", "losses.joint_embedding_loss.gamma", "cub.split_sizes.val", "nothing.here"]
)
def test_a_key_that_leads_nowhere_is_named(tmp_path, monkeypatch, key):
    row = {"part": "x", "name": "x", "dataset": "", "key": key, "paper": "", "source": "", "reason": "none"}
    (tmp_path / "results").mkdir()
    pd.DataFrame([row]).to_csv(tmp_path / "results" / "hyperparameters.csv", index=False)
    monkeypatch.setattr(protocol, "repository", lambda: tmp_path)
    with pytest.raises(ValueError, match=key):
        hyperparameters(load_config("paper", "cub", "paper"))


@pytest.mark.parametrize("name", PHOTOS)
def test_one_picture_is_drawn_per_caption(name):
    settings = load_config("paper", name, "paper")
    assert settings.scores.captions == settings.data.spoken_captions * get_spec(name).split_sizes["test"]
