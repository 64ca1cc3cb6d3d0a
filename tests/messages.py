"""A pytest plugin that writes down every sentence with which a command refuses its user, as the tests provoke them.

``PYTHONPATH=tests python -m pytest -p messages --messages docs/messages.md tests`` does it.
"""

import contextlib
import io
import re
import sys
from pathlib import Path

import s2i_lib.__main__ as program

HEAD = """\
# What a command says when it cannot do what it was asked for

One sentence on standard error, exit code 2, and nothing half-written. The sentences below were collected from the tests
(`tests/messages.py` says how); folders are left out, names and numbers are those of the tests.

"""
_original, _found = program.main, set()


def _main(arguments: list[str] | None = None) -> int:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            code = _original(arguments)
    finally:
        sys.stderr.write(said.getvalue())
    _found.update(line.removeprefix("error: ") for line in said.getvalue().splitlines() if line.startswith("error: "))
    return code


def pytest_addoption(parser) -> None:
    parser.addoption("--messages", type=Path, help="Markdown file to write the collected sentences to")


def pytest_configure(config) -> None:
    program.main = _main


def pytest_sessionfinish(session) -> None:
    target = session.config.getoption("--messages")
    if target is None:
        return
    plain = {re.sub(r"(?<![\w.:/'])/([^\s/:,;()']+/)+|(?<=')/([^\s/:,;()']+/)+", "", line) for line in _found}
    shorter = {re.sub(r"test_[a-z0-9_]+/", "", re.sub(r"\b[0-9a-f]{32,}\b", "…", line)) for line in plain}
    shorter = {re.sub(r"http://127\.0\.0\.1:\d+", "https://example.org", line) for line in shorter}
    kinds = {re.sub(r"\d+(\.\d+)?", "0", line): line for line in sorted(shorter)}
    target.parent.mkdir(exist_ok=True)
    target.write_text(HEAD + "".join(f"- {line}\n" for line in sorted(kinds.values(), key=str.lower)), encoding="utf-8")
