"""The exercises of the chapters: no starter passes, every solution does, and ``check`` gives nothing away."""

import ast
import runpy
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from s2i_lib import exercises
from s2i_lib.exercises import check
from s2i_lib.exercises.kinds import Choice, Code, Number, digest
from s2i_lib.exercises.table import EXERCISES
from s2i_lib.run.chapters import CHAPTERS
from s2i_lib.run.execute import is_exercise

ROOT = Path(__file__).resolve().parents[1]
WITH_EXERCISES = sorted({name for name in CHAPTERS for exercise in EXERCISES if name.startswith(exercise[:2])})


@pytest.fixture
def verdicts(monkeypatch):
    """What every call of ``check`` said, by exercise."""
    said = {}

    def recorded(exercise, answer):
        assert exercise not in said, f"{exercise} is checked twice"
        said[exercise] = check(exercise, answer)
        return said[exercise]

    monkeypatch.setattr(exercises, "check", recorded)
    return said


def asked(name):
    return {exercise for exercise in EXERCISES if exercise.startswith(f"{name[:2]}.")}


def section(name):
    """The cells after the last heading "Exercises", which is the last heading of its level."""
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
    start = max(place for place, cell in enumerate(cells) if cell.source.startswith("## Exercises\n"))
    return cells[start:]


def test_every_chapter_has_three_on_average():
    assert sorted(CHAPTERS) == WITH_EXERCISES
    assert len(EXERCISES) >= 3 * len(CHAPTERS)


@pytest.mark.parametrize("name", WITH_EXERCISES)
def test_no_starter_passes(name, verdicts):
    code = [cell for cell in section(name) if cell.cell_type == "code"]
    assert all(is_exercise(cell) and not cell.outputs for cell in code)  # the last section, and nobody's answers
    namespace = {}
    for cell in code:
        exec(cell.source, namespace)
    assert verdicts.keys() == asked(name) and not any(verdicts.values())
    assert not [verdict for verdict in verdicts.values() if "raises" in verdict.fault]


@pytest.mark.parametrize("name", WITH_EXERCISES)
def test_every_solution_passes(name, verdicts):
    runpy.run_path(str(ROOT / "solutions" / f"{name}.py"))
    assert verdicts.keys() == asked(name) and all(verdicts.values())


def test_a_solution_is_of_a_chapter():
    assert [path.stem for path in sorted((ROOT / "solutions").glob("*.py"))] == WITH_EXERCISES


@pytest.mark.parametrize("name", WITH_EXERCISES)
def test_a_hint_is_folded_and_the_solutions_are_a_click_away(name):
    title, *rest = [cell.source for cell in section(name) if cell.cell_type == "markdown"]
    assert f"(../solutions/{name}.py)" in title
    questions = [source for source in rest if source.startswith("**")]
    assert len(questions) == len(asked(name))
    assert all("<details><summary>Hint</summary>\n\n" in source and source.endswith("</details>") for source in questions)


def test_verdicts_are_sentences_and_conditions():
    assert repr(check("00.1", None)) == "00.1: no answer yet." and not check("00.1", None)
    right = check("00.1", -1.386)
    assert right and repr(right) == "00.1: right."
    with pytest.raises(KeyError, match=r"no exercise '0\.1'"):
        check("0.1", 1)


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), "one", [1.0], np.ones(2), object()])
def test_what_is_no_number_is_refused(answer):
    assert "one finite number" in check("00.1", answer).fault


def test_numbers_may_be_rounded_but_whole_ones_are_exact():
    fuzzy = Number(digest("x", 2.7183, 0.01), 0.01)
    assert not any(fuzzy.fault("x", value) for value in (2.72, 2.71, 2.718, np.float32(2.718), torch.tensor(2.718)))
    assert fuzzy.fault("x", 2.75) and fuzzy.fault("x", 2.69) and fuzzy.fault("y", 2.7183)
    whole = Number(digest("x", 57))
    assert not whole.fault("x", 57) and not whole.fault("x", 57.0) and whole.fault("x", 56) and whole.fault("x", 58)


def test_a_likely_mistake_gets_its_own_words():
    assert "order" in check("05.3", 0.1308).fault and check("05.3", 0.5).fault == "not right yet."


def test_a_choice_is_a_letter():
    choice = Choice(digest("x", "B"))
    assert (
        not choice.fault("x", "b ")
        and choice.fault("x", "A") == "not right yet."
        and "one of the letters" in choice.fault("x", 2)
    )


def test_a_function_is_called_on_copies_and_its_faults_are_told_without_the_answer():
    code = Code(lambda x: 2 * x, lambda: [(np.ones(3),)])
    assert not code.fault("x", lambda x: x + 1)
    assert (
        code.fault("x", lambda x: np.ones(2))
        == "not right yet: for (array (3,)) the result has the shape (2,) instead of (3,)."
    )
    assert "the numbers are others" in code.fault("x", lambda x: 3 * x)
    assert "no array of numbers" in code.fault("x", lambda x: "six")
    assert "returns nothing" in code.fault("x", lambda x: None)
    assert "raises ZeroDivisionError" in code.fault("x", lambda x: 1 / 0)
    assert "its name" in code.fault("x", 3)

    def changes_its_input(x):
        x *= 2
        return x

    assert not code.fault("x", changes_its_input)


def test_answers_are_not_in_the_clear():
    """Numbers and letters stand in the table as hashes only."""
    source = (ROOT / "s2i_lib" / "exercises" / "table.py").read_text(encoding="utf-8")
    kinds = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.func.id in ("Number", "Choice")
    ]
    assert kinds and all(len(call.args[0].value) == 8 for call in kinds)
