"""The benchmarks run: each once, the training steps at their smallest."""

import sys

import pytest

from s2i_lib.config import load_config
from s2i_lib.files import repository

sys.path.insert(0, str(repository() / "benchmarks"))

import networks
import run
from measure import measure


def test_the_literal_training_step_runs_beside_ours():
    comparison = networks.gan_comparison(load_config("smoke", recipe="paper"), "GAN step", steps=1)
    (row,) = measure(comparison, repeats=1)
    assert row["ours"] > 0 and row["other"] > 0 and row["ratio"] > 0
    assert comparison.flops > 0 and row["device"] and row["threads"] >= 1


def test_the_table_of_machines_is_that_of_the_records():
    table = run.machines(run.kept_rows())
    assert f"<!-- machines -->\n{table}\n<!-- /machines -->" in run.README.read_text()
    rows = run.kept_rows().query("benchmark == 'GAN step, 64 px'")
    assert table.count("\n") == 1 + rows.device.nunique() and f"({rows.ratio.iloc[-1]:.1f})" in table


@pytest.mark.slow
@pytest.mark.parametrize("name", run.BENCHMARKS)
def test_every_benchmark_runs(name):
    rows = run.run_benchmark(name, repeats=1)
    assert rows and all(row["ours"] > 0 for row in rows)
