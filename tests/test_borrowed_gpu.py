"""What a borrowed machine brings home, and that it stops in time."""

import argparse
import subprocess
import sys
import time

import borrowed_gpu
import pandas as pd
import pytest
from test_workflow import ROOT


def row(benchmark, device, ours):
    return {"benchmark": benchmark, "alternative": "plain", "ours": ours, "ratio": 2.0, "device": device, "threads": 16}


def test_merging_adds_records_and_replaces_only_its_own_benchmarks(tmp_path, monkeypatch):
    home, out = tmp_path / "home", tmp_path / "out"
    (home / "results").mkdir(parents=True)
    (out / "results").mkdir(parents=True)
    for folder in (home, out):
        (folder / "runs" / "results" / "records").mkdir(parents=True)
    (home / "benchmarks").symlink_to(ROOT / "benchmarks")
    monkeypatch.setattr(borrowed_gpu, "REPOSITORY", home)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for folder, rows in (
        (home, [("GAN step", "processor", 1), ("GAN step", "GPU", 5)]),
        (out, [("GAN step", "GPU", 9), ("log-mel", "GPU", 3)]),
    ):
        pd.DataFrame([row(*one) for one in rows]).to_csv(folder / "results" / "benchmarks.csv", index=False)
    (home / "runs" / "results" / "records" / "old.csv").write_text("old")
    (out / "runs" / "results" / "records" / "new.csv").write_text("new")
    borrowed_gpu.merge(out)
    merged = pd.read_csv(home / "results" / "benchmarks.csv")
    assert sorted(merged[["benchmark", "device", "ours"]].itertuples(index=False, name=None)) == [
        ("GAN step", "GPU", 9),
        ("GAN step", "processor", 1),
        ("log-mel", "GPU", 3),
    ]
    assert {path.name for path in (home / "runs" / "results" / "records").iterdir()} == {"old.csv", "new.csv"}


def test_it_stops_when_its_time_is_up(tmp_path):
    start = time.monotonic()
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "workflow" / "borrowed_gpu.py"),
            "--profile",
            "smoke",
            "--minutes",
            "0.01",
            "--out",
            str(tmp_path / "out"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and "time is up" in done.stdout, done.stdout + done.stderr
    assert time.monotonic() - start < 200


def test_recipe_after_recipe_is_scored_by_the_chapter_that_does_so():
    options = argparse.Namespace(recipes="paper,recommended,one_scale,text", dataset="birds", profile="large")
    assert list(borrowed_gpu.goals(options)) == [
        ("paper", "runs/birds-large-s0/chapters/07_scores.ipynb"),
        ("paper,recommended", "runs/birds-large-s0/chapters/07_scores.ipynb"),
        ("paper,recommended,one_scale", "runs/birds-large-s0/one_scale/chapters/14_ablation.ipynb"),
        ("paper,recommended,one_scale,text", "runs/birds-large-s0/text/chapters/06_gan.ipynb"),
    ]


@pytest.mark.slow
def test_the_whole_script_runs_on_a_processor_and_goes_on_where_it_stopped(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, str(ROOT / "workflow" / "borrowed_gpu.py"), "--profile", "smoke", "--recipes", "paper"]
    for minutes in ("0.5", "30"):
        done = subprocess.run([*command, "--minutes", minutes, "--out", str(out)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "everything is done" in done.stdout
    records = list((out / "runs" / "birds-smoke-s0" / "results" / "records").glob("*07_scores*"))
    assert records and (out / "runs" / "birds-smoke-s0" / "paper" / "generator.safetensors").exists()
