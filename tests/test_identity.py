"""What makes two networks of one configuration different, and that nobody changes numbers without saying so."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_config, write_embeddings

from s2i_lib import identity, metrics, results
from s2i_lib.identity import CODE_VERSION, DATA_STAMP, network_fingerprint
from s2i_lib.models.checkpoint import classifier_path
from s2i_lib.training.encoder import train_encoder
from s2i_lib.training.gan import train_gan

KNOWN = Path(__file__).with_name("known_numbers.json")
ENCODERS = ("paper", "recommended", "classifier", "text")
GANS = ("paper", "recommended", "text_v1")


def measured_numbers() -> dict[str, list[float]]:
    """The first losses of every kind of training, and some scores of fixed samples."""
    found = {}
    for recipe in ENCODERS:
        found[f"encoder {recipe}"] = train_encoder(tiny_config(recipe=recipe, encoder={"epochs": 2})).loss.tolist()
    for recipe in GANS:
        settings = tiny_config(recipe=recipe, gan={"num_scales": 3, "steps": 2, "consistency_weight": 0.0})
        write_embeddings(settings)
        first = train_gan(settings).iloc[0].drop("seconds").dropna()
        found[f"gan {recipe}"] = first.astype(float).tolist()
    rng = np.random.default_rng(0)
    ours, real = rng.normal(size=(60, 5)), rng.normal(0.3, 1.2, size=(60, 5))
    found["scores"] = [metrics.kernel_distance(ours, real)[0], *metrics.neighbour_scores(real, ours).values()]
    return found


def test_numbers_are_those_of_the_code_version(project, request):
    """A change of the code that changes these is a new version, whose records must not stand beside earlier ones."""
    found = measured_numbers()
    if request.config.getoption("--write-numbers"):
        KNOWN.write_text(json.dumps({"code_version": CODE_VERSION, "numbers": found}, indent=1) + "\n")
    known = json.loads(KNOWN.read_text())
    how = (
        f"raise identity.CODE_VERSION and write {KNOWN.name} anew: python -m pytest tests/{Path(__file__).name} --write-numbers"
    )
    assert known["code_version"] == CODE_VERSION, how
    assert known["numbers"].keys() == found.keys(), how
    for name, values in found.items():
        assert values == pytest.approx(known["numbers"][name], rel=5e-3, abs=1e-4), f"{name}: {how}"


def test_what_decides_the_numbers_is_in_a_fingerprint(project, monkeypatch):
    settings = tiny_config()
    known = network_fingerprint(settings, "encoder")
    assert known == network_fingerprint(settings, "encoder") != network_fingerprint(settings, "gan")
    here, other = ("bfloat16", "float32") if identity.uses_bfloat16(settings) else ("float32", "bfloat16")
    precisions = {name: settings.model_copy(update={"precision": name}) for name in (here, other)}
    assert network_fingerprint(precisions[here], "encoder") == known != network_fingerprint(precisions[other], "encoder")
    assert classifier_path(precisions[here], "attributes") == classifier_path(settings, "attributes")
    assert classifier_path(precisions[other], "attributes") != classifier_path(settings, "attributes")
    stamp = settings.data_dir / DATA_STAMP
    before = stamp.read_text()
    stamp.write_text("0123456789ab fedcba987654\n")
    assert network_fingerprint(settings, "encoder") != known
    stamp.write_text(before)
    monkeypatch.setattr(identity, "CODE_VERSION", CODE_VERSION + 1)
    assert network_fingerprint(settings, "encoder") != known


def record(folder, name, **values):
    """A file with one record."""
    row = dict.fromkeys(results.COLUMNS, "") | {"dataset": "birds", "profile": "small", "value": 1.0, "n": 1} | values
    (folder / "records").mkdir(parents=True, exist_ok=True)
    pd.DataFrame([row]).to_csv(folder / "records" / f"{name}.csv", index=False)


OURS = {"code": 2, "precision": "float32", "drawing": "a"}


@pytest.mark.parametrize("other", [{"code": 1}, {"precision": "bfloat16"}, {"drawing": "b"}])
def test_no_table_mixes_what_was_made_differently(tmp_path, other):
    committed, own = tmp_path / "committed", tmp_path / "own"
    record(committed, "a", recipe="paper", **OURS | other)
    record(committed, "b", recipe="text", **OURS | other)
    record(committed, "c", dataset="rooms", recipe="paper", **OURS | other)
    record(own, "d", recipe="recommended", **OURS)
    record(own, "e", recipe="", **OURS | {"drawing": ""})  # no picture was looked at
    with pytest.warns(UserWarning, match="birds, small: 2 records are left out"):
        found = results.read_records(committed, own)
    assert found[["dataset", "recipe"]].to_numpy().tolist() == [["rooms", "paper"], ["birds", "recommended"], ["birds", ""]]


def test_records_of_earlier_versions_may_stand_beside_each_other(tmp_path):
    for name in "ab":
        record(tmp_path, name)
        pd.read_csv(tmp_path / "records" / f"{name}.csv").drop(columns=list(OURS)).to_csv(
            tmp_path / "records" / f"{name}.csv", index=False
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert results.read_records(tmp_path).code.tolist() == [1, 1]


def test_a_run_says_what_it_was_made_with(project):
    settings = tiny_config()
    run = results.Run(settings, chapter="07_scores")
    run.add("ours", "score", 1.0, n=1)
    written = results.save_run(run)
    assert written[["code", "precision", "drawing"]].to_numpy().tolist() == [[*identity.identity(settings)]]
    assert len(written.drawing[0]) == 12 and written.precision[0] == "float32"
