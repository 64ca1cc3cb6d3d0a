"""Profile `paper` from the first download to the scores, on miniatures of the published archives and with tiny networks."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from miniatures import CUB_NAMES, Handler, cub_files, oxford_files, places_files, put, tar

from s2i_lib.__main__ import main
from s2i_lib.datasets import photo_spec, photos
from s2i_lib.datasets.photos import downloads, weights
from s2i_lib.recipes import RECIPES, recipes_of

pytestmark = pytest.mark.photographs
ROOT = Path(__file__).resolve().parents[1]
ENCODER = "paper/chapters/05_speech_encoder.ipynb"
TINY = {
    "precision": "float32",
    "data": {"image_size": 32, "spoken_captions": 2},
    "teacher": {"name": "efficientnet_lite0", "image_size": 64},
    "encoder": {"width": 2, "rnn_dim": 8, "epochs": 2, "batch_size": 8},
    "gan": {
        "base_size": 8,
        "generator_width": 4,
        "discriminator_width": 4,
        "noise_dim": 6,
        "condition_dim": 6,
        "steps": 10,
        "batch_size": 6,
    },
    "classifier": {"network": "residual", "width": 4, "epochs": 4, "batch_size": 4, "learning_rate": 2e-3},
    "scores": {"network": "lite0", "captions": 12, "gallery_sentences": 2, "gallery_samples": 2, "inception_splits": 2},
}
# three training and two test classes of each, more pictures of the miniatures of test_paper_data.py
NAMES = CUB_NAMES + tuple(
    f"{species}_{k:04d}_{k}"
    for species in (
        "001.Black_footed_Albatross/Black_Footed_Albatross",
        "002.Laysan_Albatross/Laysan_Albatross",
        "003.Sooty_Albatross/Sooty_Albatross",
        "004.Groove_billed_Ani/Groove_Billed_Ani",
        "005.Crested_Auklet/Crested_Auklet",
    )
    for k in range(10, 13)
)
FILES = {
    "cub": cub_files(NAMES),
    "oxford": oxford_files((77, 77, 3, 21, 77, 3, 3, 7, 7, 7, 21, 21, 3, 7, 80, 80, 80)),
    "places": places_files(6, seconds=1.2),
}
SIZES = {"cub": {"train": 11, "test": 8}, "oxford": {"train": 9, "test": 8}, "places": {"train": 32, "test": 10}}


def archives(name: str) -> dict[str, bytes]:
    """The published archives of a data set by file name."""
    packed = {}
    for part in (part for part in photo_spec(name).parts if not part.optional):
        folders = tuple(path.partition("/")[0] for path in part.unpacked)
        content = {path: data for path, data in FILES[name].items() if path.startswith(folders)}
        packed[part.archive] = content.get(part.archive) or tar(content)
    return packed


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A project with the real chapters and workflow, and with miniatures that were fetched, unpacked and verified."""
    root = tmp_path_factory.mktemp("paper")
    for name in ("workflow", "notebooks"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    (root / "s2i_lib").symlink_to(ROOT / "s2i_lib")
    names = ("published.csv", "hyperparameters.csv", "benchmarks.csv", "claims.csv")
    put(root, {f"results/{name}": (ROOT / "results" / name).read_bytes() for name in names})
    (root / "overrides.json").write_text(json.dumps(TINY))
    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.files, web.mood, web.asked = {}, [], []
    thread = threading.Thread(target=web.serve_forever, args=(0.01,))
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2I_ROOT", str(root))
        patch.setattr(downloads, "PAUSE_SECONDS", 0.0)
        patch.setenv("no_proxy", "127.0.0.1")
        for name in FILES:
            fetch_and_verify(name, root, web, patch)
    web.shutdown()
    thread.join()
    web.server_close()
    return root


def fetch_and_verify(name: str, root: Path, web: ThreadingHTTPServer, patch: pytest.MonkeyPatch) -> None:
    """What a user does: fetch what is open, put the rest into its place by hand, fetch again, verify."""
    spec, packed = photo_spec(name), archives(name)
    web.files |= {part.archive: packed[part.archive] for part in spec.parts if part.url}
    parts = tuple(
        replace(
            part,
            url=f"http://127.0.0.1:{web.server_port}/{part.archive}",
            checksum="md5:" + hashlib.md5(packed[part.archive]).hexdigest(),
        )
        if part.url
        else part
        for part in spec.parts
    )
    patch.setitem(photos.PHOTOS, name, replace(spec, parts=parts))
    for split, size in SIZES[name].items():  # the only place that knows how many pictures are published
        patch.setitem(spec.split_sizes, split, size)
    assert main(["data", "fetch", "--dataset", name]) == 0
    put(root / "data" / name, {part.archive: packed[part.archive] for part in parts if not part.url and not part.optional})
    assert main(["data", "fetch", "--dataset", name]) == 0
    assert main(["data", "verify", "--dataset", name]) == 0


def snakemake(tree: Path, dataset: str, recipes: str, *targets: str) -> None:
    """Run the workflow as run_all.sh does, two chapters side by side."""
    environment = os.environ | {
        "S2I_ROOT": str(tree),
        "PYTHONPATH": str(ROOT),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
    }
    command = [
        sys.executable,
        "-m",
        "snakemake",
        *targets,
        "--snakefile",
        "workflow/Snakefile",
        "--cores",
        "2",
        "--nolock",
        "--set-threads",
        *(f"{scope}_chapter=1" for scope in ("data", "recipe", "seed", "tables")),
        "--rerun-triggers",
        "params",
        "input",
        "mtime",
        "--scheduler",
        "greedy",
        "--quiet",
        "all",
        "--config",
        "profile=paper",
        f"datasets={dataset}",
        f"recipes={recipes}",
    ]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def executed(tree, pytestconfig):
    """Table II of cub, the speech encoders of oxford and places; with ``--complete`` all tables of cub, Table III of places."""
    complete = pytestconfig.getoption("complete")
    snakemake(tree, "oxford", "paper", f"runs/oxford-paper-s0/{ENCODER}")
    places = [",".join(recipes_of(table="III"))] if complete else ["paper", f"runs/places-paper-s0/{ENCODER}"]
    snakemake(tree, "places", *places)
    snakemake(tree, "cub", ",".join(RECIPES if complete else recipes_of(table="II")))
    return tree


@pytest.mark.slow
def test_every_chapter_runs_on_photographs(executed, pytestconfig):
    folders = [*executed.glob("data/cub-paper/chapters/*"), *executed.glob("runs/**/chapters/*")]
    expected = {f"{number:02d}" for number in range(1, 23)} - {"09", "20"}  # flowers and birds alone
    ablations = {"14", "15", "16", "18", "19"}
    expected = expected | {"25", "26", "28"} if pytestconfig.getoption("complete") else expected - ablations
    assert {path.stem[:2] for path in folders} == expected
    assert (executed / f"runs/places-paper-s0/{ENCODER}").exists()
    assert not any("failed" in path.stem for path in folders)


@pytest.mark.slow
@pytest.mark.parametrize("number, rows", [("2", 8), ("3", 6), ("4", 3), ("5", 3)])
def test_every_table_is_made_of_photographs(executed, number, rows, pytestconfig):
    if number != "2" and not pytestconfig.getoption("complete"):
        pytest.skip("Table III and ablations are trained with --complete")
    table = pd.read_csv(executed / "runs" / "results" / f"table_{number}_paper.csv")
    statuses = table[[name for name in table if name.startswith("status")]].to_numpy().ravel()
    seeds = table[[name for name in table if name.split()[0] == "n"]]
    assert len(table) == rows and seeds.size and (seeds == 1).all(axis=None)
    assert set(statuses) == {"not comparable"}  # tiny networks, another classifier
    assert "colour attribute accuracy" not in table and any(
        name.startswith(("Fréchet distance", "frechet_classifier")) for name in table
    )


@pytest.mark.slow
def test_photographs_are_scored_without_attributes_and_by_named_networks(executed):
    records = pd.concat([pd.read_csv(path) for path in executed.glob("runs/results/records/cub-paper-s0*.csv")])
    scores = set(records[records.chapter == "07_scores"].metric)
    assert {"fid_lite0_n12", "kid_lite0_n12", "is_classifier_n12", "class_correct"} <= scores
    assert not any(name.startswith(("attribute_accuracy", "colour_attribute")) for name in scores)
    methods = set(records[records.chapter == "12_two_stage"].method)
    assert {"two-stage, pocketsphinx", "two-stage, whisper_tiny_en", "StackGAN-v2"} <= methods


@pytest.mark.slow
def test_captions_are_spoken_and_recordings_are_kept(executed):
    folder = executed / "data"
    assert len(list(folder.glob("cub-paper/speech/*/*.wav"))) == 2 * len(NAMES)
    assert not (folder / "places-paper" / "speech").exists()
    items = json.loads((folder / "places-paper" / "items.json").read_text())
    assert all((folder / "places-paper" / item["recordings"][0]).is_file() for item in items) and len(items) == 42


@pytest.mark.slow
def test_cells_about_attributes_left_their_place(executed):
    paths = executed / "data/cub-paper/chapters/01_data.ipynb", ROOT / "notebooks/01_data.ipynb"
    done, source = (nbformat.read(path, as_version=4) for path in paths)
    tagged = {cell.id for cell in source.cells if "attributes" in cell.metadata.get("tags", [])}
    assert tagged and all(cell.cell_type == "markdown" for cell in done.cells if cell.id in tagged)


# --- run_all.sh ---


def run_all(root: Path, *options: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"S2I_ROOT": str(root), "TORCH_HOME": str(root / "torch")}
    return subprocess.run(
        ["bash", "run_all.sh", *options], cwd=ROOT, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def test_a_dry_run_without_data_prints_the_plan_and_what_is_missing(tmp_path):
    done = run_all(tmp_path, "--profile", "paper", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("cub", "oxford", "places", "weights"):
        assert f"put it into {tmp_path / 'data' / name} " in done.stdout
    for part in weights.PARTS:
        assert done.stdout.count(part.archive + ",") == 1 and part.url in done.stdout
    for chapter in ("01_data", "07_scores", "12_two_stage", "14_ablation", "21_paper_profile", "22_inception"):
        assert f"{chapter}.ipynb" in done.stdout + done.stderr
    assert not (tmp_path / "data").exists()


def test_a_run_without_data_stops_at_once_with_the_same_list(tmp_path):
    dry, real = (
        run_all(tmp_path, "--profile=paper", "--dataset=oxford", "-n"),
        run_all(tmp_path, "--profile=paper", "--dataset=oxford"),
    )
    assert real.returncode == 3 and real.stdout and dry.stdout.startswith(real.stdout)
    assert "102flowers.tgz" in real.stdout and "googlenet" in real.stdout and "CUB_200" not in real.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "profile, dataset", [("small", "places"), ("paper", "birds"), ("smoke", "birds,places"), ("paper", "cubs")]
)
def test_profiles_and_data_sets_that_do_not_belong_together(tmp_path, profile, dataset):
    done = run_all(tmp_path, "--profile", profile, "--dataset", dataset, "--dry-run")
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert dataset.split(",")[-1] in done.stderr


@pytest.mark.slow
def test_nothing_is_missing_once_everything_is_there(tree, monkeypatch, capsys):
    monkeypatch.setenv("S2I_ROOT", str(tree))
    assert main(["data", "check"]) == 0 and not capsys.readouterr().out
