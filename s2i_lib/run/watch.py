"""The progress of a run in the terminal: which chapters run, the bar of what runs inside them, and how long the rest takes.

Chapters leave their state in a folder (see ``run.execute`` and ``progress``), Snakemake the plan (``run.timing``). Here they
are read and shown: redrawn in place in a terminal, as plain lines elsewhere.
"""

import json
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from s2i_lib.run.timing import PLAN_FILE, Planned

SECONDS_BETWEEN_LINES = 600.0  # of a bar, where there is no terminal
BAR_WIDTH = 24


@dataclass(frozen=True)
class Bar:
    """The state of a bar, as ``progress`` writes it; times are seconds since 1970."""

    description: str
    done: float
    total: float | None
    unit: str
    started: float
    initial: float = 0
    postfix: str = ""

    def seconds_left(self, now: float) -> float | None:
        """At the mean rate so far; None before the first unit is done."""
        advanced = self.done - self.initial
        if self.total is None or advanced <= 0:
            return None
        return (now - self.started) / advanced * max(self.total - self.done, 0)

    def text(self, width: int = 0) -> str:
        """Description, a bar of `width` characters (0: none), count and details."""
        count = f"{self.done:g}" if self.total is None else f"{self.done:g}/{self.total:g}"
        parts = [self.description] if self.description else []
        if self.total:
            share = min(self.done / self.total, 1.0)
            filled = int(share * width)
            parts += ["█" * filled + "░" * (width - filled)] if width else []
            parts += [f"{share:4.0%}"]
        return " ".join([*parts, count, self.unit]) + (f", {self.postfix}" if self.postfix else "")


@dataclass(frozen=True)
class Execution:
    """A chapter that has started; `finished` is None while it runs."""

    output: str
    name: str
    started: float
    finished: float | None = None
    failed: bool = False
    bar: Bar | None = None

    @property
    def runs(self) -> bool:
        """Is it running?"""
        return self.finished is None


@dataclass(frozen=True)
class Board:
    """A run at one moment: the chapters that it consists of, and those that have started, in this order."""

    planned: Sequence[Planned] = ()
    executions: Sequence[Execution] = ()

    @property
    def count(self) -> int:
        """Number of chapters of the run; more have started than were planned if Snakemake sent one again."""
        return max(len(self.planned), len(self.executions))

    @property
    def running(self) -> list[Execution]:
        """The chapters that run now."""
        return [execution for execution in self.executions if execution.runs]

    def number(self, execution: Execution) -> int:
        """1 for the chapter that started first."""
        return 1 + [one.output for one in self.executions].index(execution.output)

    def speed(self) -> float | None:
        """Seconds here for each second on the machine that made ``results/``, over the chapters that have finished."""
        known = {one.output: one.seconds for one in self.planned if one.seconds and not one.here}
        done = [one for one in self.executions if one.finished is not None and not one.failed and one.output in known]
        recorded = sum(known[one.output] or 0.0 for one in done)
        return sum((one.finished or 0.0) - one.started for one in done) / recorded if recorded else None

    def seconds_left(self, now: float) -> float | None:
        """Of all chapters that have not finished, as recorded and at the speed so far; None if nothing tells it.

        A chapter that was never timed is taken to last as long as those that have finished, on average.
        """
        speed, started = self.speed() or 1.0, {one.output: one for one in self.executions}
        lasted = [one.finished - one.started for one in self.executions if one.finished is not None and not one.failed]
        typical = sum(lasted) / len(lasted) if lasted else None
        parts: list[float] = []
        for chapter in self.planned:
            execution = started.get(chapter.output)
            if execution is not None and not execution.runs:
                continue
            expected = typical if chapter.seconds is None else chapter.seconds * (1.0 if chapter.here else speed)
            if execution is not None:
                bar = execution.bar.seconds_left(now) if execution.bar else None
                rest = None if expected is None else expected - (now - execution.started)
                expected = max((part for part in (rest, bar, 0.0) if part is not None), default=None)
            parts += [expected] if expected is not None else []
        return sum(parts) / max(len(self.running), 1) if parts else None

    def is_certain(self) -> bool:
        """Was every chapter that is still to come timed, and does a finished one tell this machine's speed?"""
        done = {one.output for one in self.executions if not one.runs}
        rest = [one for one in self.planned if one.output not in done]
        return all(one.seconds is not None for one in rest) and (self.speed() is not None or all(one.here for one in rest))

    def left(self, now: float) -> str:
        """The time left in words; empty if nothing tells it."""
        seconds = self.seconds_left(now)
        if seconds is None:
            return ""
        return f"{'' if self.is_certain() else 'about '}{duration(seconds)} left"


def duration(seconds: float) -> str:
    """``2 h 5 min``, ``12 min 3 s`` or ``3 s``."""
    whole = max(round(seconds), 0)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def read_board(folder: Path) -> Board:
    """What the files in a run's folder say. One that is not there yet, or from another version, says nothing."""
    planned = [Planned(**row) for row in _read(folder / PLAN_FILE, [])]
    executions = []
    for path in folder.glob("*.json"):
        values = _read(path, None)
        if path.name == PLAN_FILE or values is None:
            continue
        bar = _read(path.with_suffix(".bar"), None)
        executions.append(Execution(**values, bar=_bar(bar) if bar and values["finished"] is None else None))
    return Board(planned, sorted(executions, key=lambda one: (one.started, one.output)))


def _bar(values: dict[str, Any]) -> Bar:
    return Bar(**{name: value for name, value in values.items() if name != "updated"})


def _read(path: Path, missing: Any) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return missing


def terminal_lines(board: Board, now: float, began: float, columns: int) -> list[str]:
    """What a terminal shows below the lines that have scrolled: each running chapter with its bar, and the time."""
    lines = []
    for execution in board.running:
        head = f"[{board.number(execution)}/{board.count}] {execution.name}"
        lines.append(f"{head}  {duration(now - execution.started)}")
        if execution.bar:
            lines.append(f"    {execution.bar.text(BAR_WIDTH)}")
    if lines:
        parts = [f"elapsed {duration(now - began)}", board.left(now)]
        lines.append(", ".join(part for part in parts if part))
    return [line if len(line) < columns else line[: max(columns - 2, 1)] + "…" for line in lines]


@dataclass
class Reporter:
    """Says what has changed since the last time, as plain lines.

    Attributes:
        bars: also tell of bars, every ten minutes; for places where nothing is redrawn.
    """

    bars: bool = True
    _started: set[tuple[str, float]] = field(default_factory=set)
    _finished: set[tuple[str, float]] = field(default_factory=set)
    _told: dict[str, float] = field(default_factory=dict)

    def lines(self, board: Board, now: float) -> Iterator[str]:
        """A line for each chapter that has started or finished, and for each bar of which nothing was said for long."""
        for execution in board.executions:
            key = (execution.output, execution.started)
            head = f"chapter {board.number(execution)} of {board.count}: {execution.name}"
            if key not in self._started:
                self._started.add(key)
                self._told[execution.output] = execution.started
                yield _line(execution.started, f"{head}: started")
            if execution.finished is not None and key not in self._finished:
                self._finished.add(key)
                took, left = duration(execution.finished - execution.started), board.left(now)
                what = "failed after" if execution.failed else "finished in"
                yield _line(execution.finished, f"{head}: {what} {took}" + (f"; {left}" if left else ""))
            if self.bars and execution.bar and now - self._told[execution.output] >= SECONDS_BETWEEN_LINES:
                self._told[execution.output] = now
                yield _line(now, f"{head}: {execution.bar.text()}; {board.left(now) or 'time left unknown'}")


def _line(when: float, text: str) -> str:
    return f"[{time.strftime('%H:%M:%S', time.localtime(when))}] {text}"


class Screen:
    """Lines that scroll, and below them lines that are drawn again and again; only the former where there is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.is_terminal, self._drawn = stream, stream.isatty(), 0

    def print(self, lines: Iterable[str], stream: TextIO | None = None) -> None:
        """Let lines scroll, by default on the screen's own stream."""
        for line in lines:
            with suppress(OSError):  # whoever read it is gone; the run goes on
                self._erase()
                print(line, file=stream or self.stream, flush=True)

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines in place of those that were drawn before."""
        if not self.is_terminal:
            return
        with suppress(OSError):
            self._erase()
            self.stream.write("".join(f"{line}\n" for line in lines))
            self.stream.flush()
            self._drawn = len(lines)

    def _erase(self) -> None:
        if self._drawn:
            self.stream.write(f"\x1b[{self._drawn}F\x1b[J")  # to the start of the first drawn line, then clear what follows
            self.stream.flush()
        self._drawn = 0


@dataclass
class Watcher:
    """Shows a run from the files in `folder`; call ``update`` now and then, and ``close`` at the end."""

    folder: Path
    screen: Screen
    columns: int = 100
    began: float = field(default_factory=time.time)
    reporter: Reporter = field(init=False)
    _last: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        self.reporter = Reporter(bars=not self.screen.is_terminal)

    def update(self, every: float = 0.5) -> None:
        """Show what is new, unless that was done less than `every` seconds ago."""
        if time.monotonic() - self._last < every:
            return
        self._last, now = time.monotonic(), time.time()
        board = read_board(self.folder)
        self.screen.print(self.reporter.lines(board, now))
        self.screen.draw(terminal_lines(board, now, self.began, self.columns))

    def close(self) -> None:
        """Show the last changes and leave no drawn lines behind."""
        self.update(every=0.0)
        self.screen.draw([])
