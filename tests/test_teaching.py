"""The lecturer's pack: links, figures, plans, quizzes and times."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

from s2i_lib.run.chapters import CHAPTERS

ROOT = Path(__file__).resolve().parents[1]
TEACHING = ROOT / "teaching"
PAGES = sorted([*TEACHING.glob("*.md"), *(TEACHING / "slides").glob("*.md")])


def read(name):
    return (TEACHING / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_what_a_page_links_to_is_there(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    local = [link.partition("#")[0] for link in links if not link.startswith("http")]
    assert not [link for link in local if not (page.parent / link).exists()]


def test_every_chapter_has_a_line_and_a_week():
    table = read("chapters.md").partition("## Times")[0]
    in_table = {int(number) for number in re.findall(r"\[(\d\d)\]", table)}
    ranges = [range(int(a), int(b) + 1) for a, b in re.findall(r"\[(\d\d)\]\([^)]*\) to \[(\d\d)\]", table)]
    numbers = {int(name[:2]) for name in CHAPTERS}
    assert numbers <= in_table.union(*ranges)
    term = read("plan_term.md")
    in_term = {int(number) for number in re.findall(r"\[(\d\d)\]", term)}
    ranges = [range(int(a), int(b) + 1) for a, b in re.findall(r"\[(\d\d)\]\([^)]*\) to \[(\d\d)\]", term)]
    assert numbers <= in_term.union(*ranges)


def test_hours_and_shares_add_up():
    projects, term = read("projects.md"), read("plan_term.md")
    assert sum(map(int, re.findall(r"^\| \*\*(\d+)\*\* ", projects, flags=re.MULTILINE))) == 100
    assert sum(map(int, re.findall(r"\| (\d+) % \|", term))) == 100
    weeks = re.findall(r"^\| (\d+) \|", term, flags=re.MULTILINE)
    assert weeks == [str(week) for week in range(1, 15)]
    minutes = re.findall(r"^\| (\d+)-(\d+) \|", read("plan_lecture.md"), flags=re.MULTILINE)
    assert [start for start, _ in minutes[1:]] == [end for _, end in minutes[:-1]] and minutes[-1][1] == "90"


def test_every_question_of_a_quiz_has_an_answer():
    def parts(text, pattern):
        return {
            title: re.findall(pattern, body)
            for title, body in re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", text, flags=re.MULTILINE)
        }

    questions, answers = parts(read("quizzes.md"), r"(?m)^(\d)\. "), parts(read("quiz_key.md"), r"(?:^|\s)(\d)\. ")
    assert questions.keys() == answers.keys() and len(questions) == 7
    for title, numbers in questions.items():
        assert numbers == answers[title] == list("12345678"), title


def test_slides_need_one_tool_in_one_version():
    wanted = json.loads(read("package.json"))["devDependencies"]
    locked = json.loads(read("package-lock.json"))["packages"]
    assert wanted == locked[""]["devDependencies"] and list(wanted) == ["@marp-team/marp-cli"]
    assert locked["node_modules/@marp-team/marp-cli"]["version"] == wanted["@marp-team/marp-cli"]
    assert not [package for package in locked.values() if "resolved" in package]  # packages come from where the user gets them


def test_slides_show_committed_figures_and_no_numbers_of_their_own():
    for deck in (TEACHING / "slides").glob("*.md"):
        text = deck.read_text(encoding="utf-8")
        assert "marp: true" in text and len(text.split("\n---\n")) > 6
        assert not re.search(r"\d\.\d+ ?±|\d %(?! of all)", text.replace("100 %", "")), deck.name


def test_times_are_made_from_the_chapters(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["times.py"])
    runpy.run_path(str(TEACHING / "times.py"), run_name="__main__")
    rows = re.findall(
        r"^\| \[(\d\d)\]\(\S+\) \| [\d,]+ \| \d+ \| \d+ min \| (\d+) min \|", capsys.readouterr().out, flags=re.MULTILINE
    )
    assert [number for number, _ in rows] == [name[:2] for name in CHAPTERS] and all(int(minutes) >= 18 for _, minutes in rows)
    table = read("chapters.md").partition("<!-- times -->")[2]
    assert re.findall(r"^\| \[(\d\d)\]", table, flags=re.MULTILINE) == [name[:2] for name in CHAPTERS]
