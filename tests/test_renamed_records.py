"""The records were renamed once, after the first round of the project: names only, no number touched."""

import csv
import io
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BEFORE, AFTER = "790e558", "9033b55"


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def numbers(text: str) -> tuple[str, ...]:
    """Every cell of a CSV file that is a number, as it is written, in reading order; the fingerprints of configurations are
    names.
    """
    rows = list(csv.reader(io.StringIO(text)))
    names = {column for column, name in enumerate(rows[0]) if name == "config"}
    return tuple(cell for row in rows[1:] for column, cell in enumerate(row) if column not in names and is_number(cell))


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("folder", ["results/records", "results/table_", "results/what_holds", "figures"])
def test_no_number_was_touched(folder):
    found = []
    for commit in (BEFORE, AFTER):
        try:
            names = git("ls-tree", "-r", "--name-only", commit).splitlines()
        except subprocess.CalledProcessError:
            pytest.skip(f"commit {commit} is not in this clone")
        chosen = [name for name in names if name.startswith(folder) and name.endswith(".csv")]
        found.append(Counter(numbers(git("show", f"{commit}:{name}")) for name in chosen))
    assert found[0] and found[0] == found[1]
