"""How long the chapters take to read and to run: makes the table of teaching/chapters.md.

python teaching/times.py            # prints it
python teaching/times.py --write    # puts it into chapters.md
"""

import argparse
import json
import math
import re
import statistics
from pathlib import Path

from s2i_lib.results.tables import replace_section
from s2i_lib.run.chapters import CHAPTERS
from s2i_lib.run.execute import is_exercise

ROOT = Path(__file__).resolve().parents[1]
WORDS_A_MINUTE, LINES_A_MINUTE, MINUTES_AN_EXERCISE = 180, 15, 6


def cells_of(name: str) -> list[dict]:
    """The cells of a chapter, with their source as one text."""
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in cells]


def reading(name: str) -> tuple[int, int, int]:
    """Words of text, lines of code and exercises of a chapter; hints and exercises count as neither words nor lines."""
    cells = cells_of(name)
    end = max(place for place, cell in enumerate(cells) if cell["source"].startswith("## Exercises"))
    text = " ".join(cell["source"] for cell in cells[:end] if cell["cell_type"] == "markdown")
    code = [line for cell in cells[:end] if cell["cell_type"] == "code" for line in cell["source"].splitlines() if line.strip()]
    exercises = sum(is_exercise(cell) and "check(" in cell["source"] for cell in cells[end:])
    return len(re.findall(r"\w+", text)), len(code), exercises


def seconds(name: str, profile: str, folder: Path) -> list[float]:
    """What executions of a chapter took, the longest of each data set, seed and recipe."""
    paths = folder.glob(f"*-{profile}-*{name}.json")
    return [json.loads(path.read_text(encoding="utf-8"))["longest_seconds"] for path in paths]


def duration(found: list[float]) -> str:
    """A median and, where they differ by more than half, a range; empty without any."""
    if not found:
        return ""
    words = [
        f"{value:.0f} s" if value < 100 else f"{value / 60:.0f} min"
        for value in (min(found), statistics.median(found), max(found))
    ]
    return words[1] if max(found) < 1.5 * min(found) else f"{words[1]} ({words[0]} to {words[2]})"


def table() -> str:
    """The Markdown table."""
    rows = ["| chapter | words | lines of code | reading | exercises | run, `small` |", "|---|---|---|---|---|---|"]
    total = 0
    for name in CHAPTERS:
        words, lines, exercises = reading(name)
        minutes = math.ceil((words / WORDS_A_MINUTE + lines / LINES_A_MINUTE) / 5) * 5
        total += minutes
        time = duration(seconds(name, "small", ROOT / "results" / "manifests")) or "not recorded"
        link = f"[{name[:2]}](../notebooks/{name}.ipynb)"
        rows.append(f"| {link} | {words:,} | {lines} | {minutes} min | {exercises * MINUTES_AN_EXERCISE} min | {time} |")
    return "\n".join([*rows, f"\nReading all chapters takes about {total / 60:.0f} hours."])


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into teaching/chapters.md")
    if parser.parse_args().write:
        replace_section(ROOT / "teaching" / "chapters.md", "times", table())
    else:
        print(table())


if __name__ == "__main__":
    main()
