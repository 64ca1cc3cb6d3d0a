"""A project whose chapters do nothing, for tests of what runs them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from s2i_lib.run.chapters import CHAPTERS

ROOT = Path(__file__).resolve().parents[1]
PARAMETERS = """\
profile: str = "smoke"
dataset: str = "birds"
seed: int = 0
recipe: str = "recommended"
recipes: str = "paper,recommended"
datasets: str = "birds"
seeds: str = "0"
"""


def write_notebook(path, *code):
    """A chapter with these code cells after its parameters."""
    cells = [
        new_markdown_cell("# Title"),
        new_code_cell(PARAMETERS.strip(), metadata={"tags": ["parameters"]}),
        *map(new_code_cell, code),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), path)
    return path


def edit(path, change):
    """Rewrite a notebook after ``change(notebook)``."""
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


@pytest.fixture
def tree(tmp_path):
    """A copy of the repository whose chapters do nothing."""
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "s2i_lib").symlink_to(ROOT / "s2i_lib")
    (tmp_path / "notebooks").mkdir()
    for name in CHAPTERS:
        write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", f"print('{name}', profile, seed)")
    return tmp_path


def run_script(*arguments, **environment):
    values = {"PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1"} | environment
    command = [sys.executable, "-m", "s2i_lib.run.execute", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=os.environ | values, check=False
    )
