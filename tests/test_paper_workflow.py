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

from s2i_lib import config
from s2i_lib.__main__ import main
from s2i_lib.datasets import dataset_module, downloads, weights

ROOT = Path(__file__).resolve().parents[1]
TINY = {
    "precision": "float32", "data": {"image_size": 32, "spoken_captions": 2},
    "teacher": {"name": "efficientnet_lite0", "image_size": 64},
    "encoder": {"width": 2, "rnn_dim": 8, "epochs": 2, "batch_size": 8},
    "gan": {"base_size": 8, "generator_width": 4, "discriminator_width": 4, "noise_dim": 6, "condition_dim": 6, "steps": 10,
            "batch_size": 6},
    "judge": {"network": "residual", "width": 2, "epochs": 1, "batch_size": 8},
    "scores": {"network": "lite0", "captions": 12, "gallery_sentences": 2, "gallery_samples": 2, "inception_splits": 2}}
# three training and two test classes of each, more pictures of the miniatures of test_paper_data.py
NAMES = CUB_NAMES + tuple(f"{species}_{k:04d}_{k}" for species in (
    "001.Black_footed_Albatross/Black_Footed_Albatross", "002.Laysan_Albatross/Laysan_Albatross",
    "003.Sooty_Albatross/Sooty_Albatross", "004.Groove_billed_Ani/Groove_Billed_Ani",
    "005.Crested_Auklet/Crested_Auklet") for k in range(10, 13))
FILES = {"cub": cub_files(NAMES), "oxford": oxford_files((77, 77, 3, 21, 77, 3, 3, 7, 7, 7, 21, 21, 3, 7, 80, 80, 80)),
         "places": places_files(3, seconds=1.2)}
SIZES = {"cub": {"train": 11, "test": 8}, "oxford": {"train": 9, "test": 8}, "places": {"train": 14, "test": 7}}


def archives(name: str) -> dict[str, bytes]:
    """The published archives of a data set by file name."""
    packed = {}
    for part in dataset_module(name).PARTS:
        content = {path: data for path, data in FILES[name].items() if path.startswith(tuple(p.partition("/")[0] for p in part.unpacked))}
        if not part.optional:
            packed[part.archive] = content[part.archive] if part.archive in content else tar(content)
    return packed


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A project with the real chapters and workflow, and with miniatures that were fetched, unpacked and verified."""
    root = tmp_path_factory.mktemp("paper")
    for name in ("workflow", "notebooks"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    (root / "s2i_lib").symlink_to(ROOT / "s2i_lib")
    put(root, {f"results/{name}": (ROOT / "results" / name).read_bytes() for name in ("published.csv", "hyperparameters.csv")})
    (root / "tiny.json").write_text(json.dumps(TINY))
    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.files, web.mood, web.asked = {}, [], []
    thread = threading.Thread(target=web.serve_forever, args=(0.01,))
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "ROOT", root)
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
    module, packed = dataset_module(name), archives(name)
    web.files |= {part.archive: packed[part.archive] for part in module.PARTS if part.url}
    parts = tuple(replace(part, url=f"http://127.0.0.1:{web.server_port}/{part.archive}",
                          checksum=hashlib.md5(packed[part.archive]).hexdigest()) if part.url else part for part in module.PARTS)
    for attribute in [key for key, value in vars(module).items() if value in module.PARTS]:
        patch.setattr(module, attribute, parts[module.PARTS.index(getattr(module, attribute))])
    patch.setattr(module, "PARTS", parts)
    patch.setattr(module, "SPLIT_SIZES", SIZES[name])  # the only place that knows how many pictures are published
    assert main(["data", "fetch", "--dataset", name]) == 0
    put(root / "data" / name, {part.archive: packed[part.archive] for part in parts if not part.url and not part.optional})
    assert main(["data", "fetch", "--dataset", name]) == 0
    assert main(["data", "verify", "--dataset", name]) == 0


def snakemake(tree: Path, dataset: str, *options: str) -> subprocess.Popen:
    """Start the workflow as run_all.sh does."""
    environment = os.environ | {"S2I_ROOT": str(tree), "S2I_OVERRIDES": str(tree / "tiny.json"), "PYTHONPATH": str(ROOT),
                                "JUPYTER_PREFER_ENV_PATH": "1", "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "snakemake", *options, "--snakefile", "workflow/Snakefile", "--cores", "1", "--nolock",
               "--rerun-triggers", "params", "input", "mtime", "--scheduler", "greedy", "--quiet", "all", "--config", "profile=paper",
               f"datasets={dataset}", "recipes=paper,recommended,text"]
    return subprocess.Popen(command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            stdin=subprocess.DEVNULL)
