"""What a table keeps of its rows, so that they can be trained on different days or machines."""

import json

import numpy as np
import pytest
from conftest import tiny_config

from s2i_lib import results
from s2i_lib.devices import uses_bfloat16
from s2i_lib.results.rows import earlier_row

CHAPTER = "13_table_2"


@pytest.fixture
def row():
    rng = np.random.default_rng(0)
    scores = {"ours": np.array([0.5, np.nan, 1 / 3]), "two-stage": np.array([1.0, 0.0, np.nan])}
    return results.Row(scores, {name: rng.integers(0, 256, (5, 8, 8, 3), np.uint8) for name in scores})


def test_a_row_comes_back_as_it_was_saved(project, row):
    results.save_row(tiny_config(), CHAPTER, row)
    found = earlier_row(tiny_config(), CHAPTER)
    assert list(found.scores) == list(row.scores) == list(found.pictures)
    for name in row.scores:
        assert found.scores[name] == pytest.approx(row.scores[name], abs=1e-6, nan_ok=True)
        assert (found.pictures[name] == row.pictures[name]).all()
    assert earlier_row(tiny_config(), "15_table_4") is None
    assert earlier_row(tiny_config(seed=1), CHAPTER) is None


def test_a_row_without_pictures_is_one_file(project, row):
    results.save_row(tiny_config(), CHAPTER, results.Row(row.scores))
    assert earlier_row(tiny_config(), CHAPTER).pictures == {}
    assert len(list((tiny_config().results_dir / "rows").iterdir())) == 1


def test_a_row_of_other_networks_is_not_read(project, row):
    config = tiny_config()
    results.save_row(config, CHAPTER, row)
    other = "float32" if uses_bfloat16(config) else "bfloat16"
    assert earlier_row(config.model_copy(update={"precision": other}), CHAPTER) is None
    assert earlier_row(tiny_config(gan={"steps": 7}), CHAPTER) is None
    (path,) = (config.results_dir / "rows").glob("*.json")
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "code": kept["code"] - 1}))
    assert earlier_row(config, CHAPTER) is None


def test_a_row_that_was_measured_before_brings_its_records(project, row, capsys):
    before = results.Run(tiny_config(), CHAPTER, shared=True)
    before.add("ours", "map", 0.25, n=7, recipe="paper", standard_error=0.5)
    before.add("StackGAN-v2", "map", 0.75, n=7, recipe="text", seconds=3.0)
    results.save_run(before)
    results.save_row(tiny_config(recipe="text"), CHAPTER, row)
    run = results.Run(tiny_config(), CHAPTER, shared=True)
    run.add("real test images", "map", 1.0, n=7, recipe="")
    assert list(results.recorded_row(run, tiny_config(recipe="text")).scores) == list(row.scores)
    assert results.recorded_row(run, tiny_config(recipe="paper")).scores == {}  # records alone are no row
    assert run.records[1:] == before.records[1:]
    assert capsys.readouterr().out == "birds, seed 0: text as recorded\nbirds, seed 0: paper not run\n"
