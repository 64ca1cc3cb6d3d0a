"""Bars that leave their state in a file, and what a terminal shows of a run."""

import io
import json
import os
import subprocess
import sys
import time

import pytest
from stub_chapters import ROOT

from s2i_lib import progress
from s2i_lib.run import watch
from s2i_lib.run.timing import PLAN_FILE, Planned
from s2i_lib.run.watch import Bar, Board, Execution, Reporter, Screen


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A function that reads what a bar has left."""
    path = tmp_path / "chapter.bar"
    monkeypatch.setenv(progress.FILE_VARIABLE, str(path))
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_WRITES", 0.0)
    return lambda: json.loads(path.read_text())


def test_a_bar_leaves_its_state(state, capsys):
    bar = progress.bar(total=10, desc="GAN (paper)", unit="step", initial=4, mininterval=0)
    assert state() == {**state(), "description": "GAN (paper)", "done": 4, "total": 10, "unit": "step", "initial": 4}
    bar.set_postfix(loss=0.5, refresh=False)
    bar.update(2)
    assert (state()["done"], state()["postfix"]) == (6, "loss=0.5")
    assert abs(state()["started"] - time.time()) < 60 and state()["updated"] >= state()["started"]
    bar.update(4)
    bar.close()
    bar.close()
    assert state()["done"] == 10
    shown = capsys.readouterr()
    assert shown.err.splitlines() == ["GAN (paper): 10/10 step, 00:00, loss=0.5"] and not shown.out


def test_a_bar_goes_around_what_it_counts(state, capsys):
    assert list(progress.bar(iter("abc"), total=3, desc="letters", unit="letter")) == ["a", "b", "c"]
    assert state()["done"] == 3 and capsys.readouterr().err.startswith("letters: 3/3 letter")
    assert list(progress.bar(iter("ab"))) == ["a", "b"]
    assert state()["total"] is None and capsys.readouterr().err.startswith("2 it")


def test_the_file_is_written_about_twice_a_second(state, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_WRITES", 60.0)
    bar = progress.bar(total=1000, mininterval=0)
    for _ in range(999):
        bar.update()
    assert state()["done"] == 0
    bar.update()
    bar.close()
    assert state()["done"] == 1000


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv(progress.FILE_VARIABLE, str(tmp_path / "file" / "chapter.bar"))
    assert list(progress.bar(range(3))) == [0, 1, 2]


def test_without_the_variable_it_is_the_bar_of_tqdm(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv(progress.FILE_VARIABLE, raising=False)
    assert list(progress.bar(range(3), desc="work", unit="step")) == [0, 1, 2]
    assert "3/3" in capsys.readouterr().err and not list(tmp_path.iterdir())


# --- the board ---

PLAN = (Planned("a.ipynb", 100.0), Planned("b.ipynb", 600.0), Planned("c.ipynb", 60.0, here=True), Planned("d.ipynb"))
FIRST = Execution("a.ipynb", "01_data dataset=birds", 1000.0, 1200.0)  # twice as slow as recorded
SECOND = Execution("b.ipynb", "06_gan recipe=paper", 1200.0, bar=Bar("GAN (paper)", 500, 2000, "step", 1210.0, 400, "loss=1"))


def test_the_time_left_is_recorded_and_scaled_by_this_machines_speed():
    assert Board(PLAN).speed() is None and Board(PLAN).seconds_left(0) == 760
    assert Board(PLAN).left(0) == "about 12 min 40 s left"
    board = Board(PLAN[:3], [FIRST])
    assert board.speed() == 2.0 and board.seconds_left(1200) == 2 * 600 + 60
    assert board.left(1200) == "21 min 0 s left"
    assert Board(PLAN, [FIRST]).left(1200) == "about 24 min 20 s left"  # never timed: as long as the first
    assert Board([Planned("d.ipynb")]).left(0) == "" and Board([Planned("c.ipynb", 60.0, True)]).left(0) == "1 min 0 s left"


def test_a_running_chapter_counts_what_its_record_or_its_bar_still_asks_for():
    without = Execution("b.ipynb", "06_gan", 1200.0)
    assert Board(PLAN, [FIRST, without]).seconds_left(1300) == 1200 - 100 + 60 + 200
    assert Board(PLAN, [FIRST, without]).seconds_left(9000) == 60 + 200  # longer than recorded
    assert SECOND.bar.seconds_left(1310) == 1500 and Board(PLAN, [FIRST, SECOND]).seconds_left(1310) == 1500 + 60 + 200
    failed = Execution("a.ipynb", "01_data", 1000.0, 1001.0, failed=True)
    assert Board(PLAN, [failed]).speed() is None
    side_by_side = [without, Execution("c.ipynb", "07_scores", 1200.0)]
    assert Board(PLAN[1:], side_by_side).seconds_left(1200) == (600 + 60) / 2


def test_a_chapter_that_was_sent_again_is_counted_once():
    board = Board(PLAN[:1], [FIRST])
    assert board.count == 1 and board.number(FIRST) == 1
    assert Board([], [FIRST]).count == 1


def test_a_board_is_read_from_the_files_of_a_run(tmp_path):
    assert watch.read_board(tmp_path) == Board([], [])
    (tmp_path / PLAN_FILE).write_text(json.dumps([{"output": "a.ipynb", "seconds": 100.0, "here": False}]))
    values = {"output": "a.ipynb", "name": "01_data", "started": 5.0, "finished": None, "failed": False}
    (tmp_path / "a.ipynb.json").write_text(json.dumps(values))
    (tmp_path / "b.ipynb.json").write_text('{"half')
    bar = {"description": "work", "done": 1, "total": None, "unit": "it", "started": 5.0, "initial": 0, "postfix": ""}
    (tmp_path / "a.ipynb.bar").write_text(json.dumps(bar | {"updated": 6.0}))
    board = watch.read_board(tmp_path)
    assert board.planned == [Planned("a.ipynb", 100.0)]
    assert board.executions == [Execution("a.ipynb", "01_data", 5.0, bar=Bar("work", 1, None, "it", 5.0))]


def test_the_terminal_shows_chapter_bar_and_time():
    lines = watch.terminal_lines(Board(PLAN[:3], [FIRST, SECOND]), 1310.0, 1000.0, 120)
    assert lines == [
        "[2/3] 06_gan recipe=paper  1 min 50 s",
        "    GAN (paper) " + "█" * 6 + "░" * 18 + "  25% 500/2000 step, loss=1",
        "elapsed 5 min 10 s, 26 min 0 s left",
    ]
    assert watch.terminal_lines(Board(PLAN, [FIRST]), 1310.0, 1000.0, 120) == []
    assert all(len(line) < 20 for line in watch.terminal_lines(Board(PLAN, [SECOND]), 1310.0, 1000.0, 20))


def test_plain_lines_tell_of_starts_ends_and_every_ten_minutes_of_bars():
    reporter, plain = Reporter(), []

    def tell(executions, now):
        plain.extend(line[11:] for line in reporter.lines(Board(PLAN[:3], executions), now))

    tell([Execution("a.ipynb", "01_data dataset=birds", 1000.0)], 1001.0)
    tell([FIRST], 1200.0)
    for now in (1300.0, 1700.0, 1801.0, 1900.0, 2402.0):
        tell([FIRST, SECOND], now)
    assert plain == [
        "chapter 1 of 3: 01_data dataset=birds: started",
        "chapter 1 of 3: 01_data dataset=birds: finished in 3 min 20 s; 21 min 0 s left",
        "chapter 2 of 3: 06_gan recipe=paper: started",
        "chapter 2 of 3: 06_gan recipe=paper: GAN (paper)  25% 500/2000 step, loss=1; 2 h 28 min left",
        "chapter 2 of 3: 06_gan recipe=paper: GAN (paper)  25% 500/2000 step, loss=1; 4 h 59 min left",
    ]
    failed = [FIRST, Execution("b.ipynb", "06_gan", 1200.0, 1230.0, failed=True)]
    assert "failed after 30 s" in list(Reporter().lines(Board(PLAN, failed), 1300.0))[-1]
    silent = Reporter(bars=False)
    assert len(list(silent.lines(Board(PLAN, [SECOND]), 1201.0))) == 1 and not list(silent.lines(Board(PLAN, [SECOND]), 9999.0))


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Closed(Terminal):
    def write(self, text):
        raise BrokenPipeError


def test_lines_scroll_above_those_that_are_drawn_again():
    screen = Screen(Terminal())
    screen.draw(["one", "two"])
    screen.print(["news"])
    screen.draw(["three"])
    screen.draw([])
    assert screen.stream.getvalue() == "one\ntwo\n\x1b[2F\x1b[Jnews\nthree\n\x1b[1F\x1b[J"
    plain = Screen(io.StringIO())
    plain.draw(["one"])
    plain.print(["news"])
    assert plain.stream.getvalue() == "news\n"


def test_nobody_who_reads_stops_nothing():
    screen = Screen(Closed())
    screen.print(["news"])
    screen.draw(["one"])


@pytest.mark.parametrize(
    "seconds, text", [(0.4, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3599.6, "1 h 0 min"), (7500, "2 h 5 min")]
)
def test_durations_read_well(seconds, text):
    assert watch.duration(seconds) == text


def test_the_configuration_is_printed_with_the_layer_of_every_value(tmp_path):
    (tmp_path / "overrides.json").write_text('{"gan": {"batch_size": 7}}')

    def show(*options):
        command = [sys.executable, "-m", "s2i_lib", "config", *options]
        values = {"S2I_ROOT": str(tmp_path), "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, env=os.environ | values, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = show("--profile", "small", "--recipe", "recommended", "--json")
    values = json.loads(done.stdout)
    assert values["gan.batch_size"] == {"value": 7, "layer": "overrides.json"}
    assert values["gan.steps"] == {"value": 4800, "layer": "recipe recommended in profile small"}
    assert values["gan.model"] == {"value": "modulated", "layer": "recipe recommended"}
    assert values["encoder.learning_rate"] == {"value": 1.5e-3, "layer": "profile small"}
    assert values["data.num_classes"]["layer"] == "data set birds" and values["data.seed"]["layer"] == "default"
    assert values["recipe"]["layer"] == "arguments"
    lines = show("--recipe", "recommended").stdout.splitlines()
    assert len(lines) == len(values) and "overrides.json" in next(line for line in lines if line.startswith("gan.batch_size "))
    assert len({line.index(values[line.split()[0]]["layer"], 20) for line in lines}) == 1  # aligned
    wrong = show("--recipe", "best")
    assert wrong.returncode == 2 and wrong.stderr.startswith("error: ") and wrong.stderr.count("\n") == 1
