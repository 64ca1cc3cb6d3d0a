"""What a borrowed machine brings home, and that it stops in time."""

import subprocess
import sys
import time

import borrowed_gpu
import pandas as pd
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
