"""Run one chapter with papermill.

    python -m s2i_lib.run.execute notebooks/06_gan.ipynb runs/.../06_gan.ipynb --parameters profile=small seed=0

The executed notebook appears only when every cell has run. That of a failed run is kept beside it as NAME.failed.ipynb.
Cells tagged `rendered` draw, or need all that a picture shows; cells tagged `attributes` need what sentences mention. They are
left out for photographs, of which that is not known. Cells tagged `exercise` are the reader's and no run executes them.
The run ends with the process that started it, however that ends.
"""

import argparse
import json
import logging
import os
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from s2i_lib.files import save_text
from s2i_lib.run.processes import die_with_parent

# Names of ``progress``, which is not imported: tqdm would take longer to load than a chapter to fail.
FILE_VARIABLE, FOLDER_VARIABLE = "S2I_PROGRESS", "S2I_PROGRESS_FOLDER"
Parameters = Mapping[str, str | int]

# Jupyter looks for free ports before the kernel takes them; of two kernels that start together, one may find them taken.
START_ATTEMPTS, NOT_STARTED = 3, "Kernel died before replying to kernel_info"


def declared_parameters(notebook: Path) -> dict[str, Any]:
    """What the parameters cell of a notebook declares, by name, as papermill describes it."""
    # jsonschema would load this package to check URIs, of which notebooks have none; loading it takes longer than all the rest
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import papermill

    return dict(papermill.inspect_notebook(_literal(notebook)))


def execute(notebook: Path, output: Path, parameters: Parameters) -> None:
    """The execution engine: run `notebook` and write it with its outputs to `output`, even when a cell fails."""
    known = declared_parameters(notebook)
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise ValueError(f"{notebook} has no parameter {unknown[0]!r}; its parameters cell declares {', '.join(known)}")
    texts = {name for name in parameters if known[name]["inferred_type_name"] == "str"}  # seeds="0" is a list of one
    parameters = {name: str(value) if name in texts else value for name, value in parameters.items()}
    left_out = tags_left_out(parameters) | {EXERCISE}
    source = output.with_name(f".{output.stem}.source.ipynb")
    source.write_text(json.dumps(without(left_out, json.loads(notebook.read_text(encoding="utf-8")))), encoding="utf-8")
    try:
        _execute(source, output, parameters, notebook.parent)
    finally:
        source.unlink()


def _literal(path: Path) -> str:
    """The path of a notebook for papermill, which would put values in place of what stands in braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _execute(notebook: Path, output: Path, parameters: Parameters, folder: Path, attempts: int = START_ATTEMPTS) -> None:
    import papermill

    # Kernels get the folder that Jupyter and nbval give them, and the name that all environments have.
    try:
        papermill.execute_notebook(
            _literal(notebook),
            _literal(output),
            parameters,
            kernel_name="python3",
            cwd=str(folder),
            progress_bar=False,
            log_output=True,
            request_save_on_cell_execute=False,  # every 30 s will do, and the end, also of a failure
        )
    except RuntimeError as error:
        if NOT_STARTED not in str(error) or attempts == 1:
            raise
        _execute(notebook, output, parameters, folder, attempts - 1)


EXERCISE = "exercise"
# What libraries say when they get no memory, and when a worker process was killed, as the kernel does when none is left.
LACKS_MEMORY = "MemoryError|BrokenProcessPool|can't allocate memory|failed to map segment|bad_alloc|Cannot allocate memory"
NO_MEMORY = "most likely for lack of memory: close other programs or choose a smaller --profile."
NOTES = {
    EXERCISE: "*Left out: exercises are the reader's.*",
    "rendered": "*Left out: a photograph cannot be drawn.*",
    "attributes": "*Left out: nobody knows what a photograph shows.*",
}


def tags_left_out(parameters: Parameters) -> set[str]:
    """Which cells, by tag, a chapter about these data sets has no use for; a chapter about no data set has them all."""
    from s2i_lib.config import load_config

    names = str(parameters.get("dataset", parameters.get("datasets", ""))).split(",")
    specs = [load_config(str(parameters["profile"]), name).spec for name in names if name]
    possible = {
        "rendered": all(spec.rendered for spec in specs),
        "attributes": all(spec.knows_attributes for spec in specs),
    }
    return {tag for tag, holds in possible.items() if not holds}


def is_exercise(cell: Mapping[str, Any]) -> bool:
    """Does a cell of a notebook belong to the reader?"""
    return EXERCISE in cell["metadata"].get("tags", [])


def without(left_out: set[str], notebook: dict[str, Any]) -> dict[str, Any]:
    """A notebook whose cells with these tags are left out; their places stay, so that cells count as in the source."""
    cells = []
    for cell in notebook["cells"]:
        if tags := sorted(left_out & set(cell["metadata"].get("tags", []))):
            note = NOTES[tags[0]] if cell["cell_type"] == "code" else ""
            cell = {"cell_type": "markdown", "id": cell["id"], "metadata": {}, "source": note}
        cells.append(cell)
    return {**notebook, "cells": cells}


def explain(error: Exception, name: str, injected: int) -> str:
    """One paragraph: chapter, cell and exception, and the cure where it is known. Cells count as in the source."""
    kind, details = type(error).__name__, vars(error)
    if kind == "PapermillExecutionError":
        said = f"{name}: cell {details['cell_index'] + 1 - injected} raised {details['ename']}: {details['evalue']}"
        return f"{said}; {NO_MEMORY}" if re.search(LACKS_MEMORY, f"{details['ename']} {details['evalue']}") else said
    if kind == "DeadKernelError":
        return f"{name}: the kernel died without an exception; {NO_MEMORY}"
    if NOT_STARTED in str(error):
        return f"{name}: the kernel died {START_ATTEMPTS} times before it answered; {NO_MEMORY}"
    return f"{name}: {error}"


def run(notebook: Path, output: Path, parameters: Parameters) -> None:
    """Execute a chapter; `output` is there afterwards if, and only if, every cell has run."""
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.stem}.partial.ipynb")
    failed = output.with_name(f"{output.stem}.failed.ipynb")
    for leftover in (output, partial, failed):
        leftover.unlink(missing_ok=True)
    try:
        execute(notebook, partial, parameters)
    except Exception:
        if partial.exists():
            partial.replace(failed)
        raise
    partial.replace(output)


class State:
    """The progress of a chapter, for ``run.watch``: a file about it, and the one that its bars write.

    Without the environment variable of the folder nobody watches; the bars' file is then a hidden one beside the output.
    """

    def __init__(self, output: Path, name: str) -> None:
        folder = os.environ.get(FOLDER_VARIABLE)
        self.path = Path(folder) / f"{str(output).replace(os.sep, '_')}.json" if folder else None
        bars = self.path.with_suffix(".bar") if self.path else output.with_name(f".{output.stem}.progress")
        self.bars = bars.absolute()  # kernels work in another folder
        self.values = {"output": str(output), "name": name, "started": time.time(), "finished": None, "failed": False}

    @property
    def watched(self) -> bool:
        """Does somebody show when the chapter starts and finishes?"""
        return self.path is not None

    def start(self) -> None:
        """Say that the chapter runs, and tell its kernel where bars belong."""
        self.bars.unlink(missing_ok=True)
        os.environ[FILE_VARIABLE] = str(self.bars)
        self._write()

    def finish(self, failed: bool) -> None:
        """Say that it runs no longer."""
        self.bars.unlink(missing_ok=True)
        self.values |= {"finished": time.time(), "failed": failed}
        self._write()

    def _write(self) -> None:
        if self.path:
            with suppress(OSError):  # a full disk must not stop the work
                save_text(self.path, json.dumps(self.values))


def parse_parameter(word: str) -> tuple[str, str | int]:
    """``seed=0`` is a number, ``profile=small`` a text."""
    name, separator, value = word.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{word!r} is not NAME=VALUE")
    return name, int(value) if value.isdecimal() else value


def last_lines(log: Path) -> list[str]:
    """The end of a log, without IPython's colours. What a killed process left of a character is replaced."""
    return re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace")).splitlines()[-12:]


def say(text: str) -> None:
    """A line with the time of day."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def main() -> int:
    """Run the chapter that the command line names; returns 1 if it fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--parameters", nargs="*", type=parse_parameter, default=[], metavar="NAME=VALUE")
    parser.add_argument("--log", type=Path, help="write what the cells print here instead of to standard error")
    options = parser.parse_args()
    if options.log:  # the file descriptor and not sys.stderr, because the kernel inherits it
        options.log.parent.mkdir(parents=True, exist_ok=True)
        os.dup2(os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 2)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # Under the `agg` backend that the shell scripts set, no figure would be kept in the notebook.
    os.environ.pop("MPLBACKEND", None)

    name = " ".join([options.notebook.stem, *(f"{key}={value}" for key, value in options.parameters)])
    state = State(options.output, name)
    state.start()
    if not state.watched:
        say(f"{name}: started")
    start = time.monotonic()
    try:
        run(options.notebook, options.output, dict(options.parameters))
    except Exception as error:
        state.finish(failed=True)
        logging.exception("the chapter failed")
        say(f"error: {explain(error, name, injected=bool(options.parameters))}")
        if options.log:
            print(*last_lines(options.log), f"The whole log: {options.log}", sep="\n", flush=True)
        return 1
    state.finish(failed=False)
    minutes, seconds = divmod(round(time.monotonic() - start), 60)
    if not state.watched:
        say(f"{name}: finished in {minutes} min {seconds} s")
    return 0


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main())
