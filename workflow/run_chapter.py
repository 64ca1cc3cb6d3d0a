"""Run one chapter with papermill.

    python workflow/run_chapter.py notebooks/06_gan.ipynb runs/.../06_gan.ipynb --parameters profile=small seed=0

The executed notebook appears only when every cell has run. That of a failed run is kept beside it as NAME.failed.ipynb.
Cells tagged `attributes` need to know what every picture shows; they are left out for photographs, of which nobody knows it.
The run ends with the process that started it, however that ends.
"""

import argparse
import ctypes
import hashlib
import json
import logging
import os
import re
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # s2i_lib, also where it is not installed


def code_digest(path) -> str:
    """Twelve hexadecimal digits of a SHA-256 over the code cells; outputs, text and metadata do not count."""
    cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()[:12]


def die_with_parent() -> None:
    """Ask Linux to kill this process with its parent, so that nothing goes on training after `kill -9`."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def execute(notebook: Path, output: Path, parameters: dict) -> None:
    """The execution engine: run `notebook` and write it with its outputs to `output`, even when a cell fails."""
    # jsonschema would load this package to check URIs, of which notebooks have none; loading it takes longer than all the rest
    sys.modules.setdefault("rfc3987_syntax", None)
    import papermill

    known = papermill.inspect_notebook(str(notebook))
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise ValueError(f"{notebook} has no parameter {unknown[0]!r}; its parameters cell declares {', '.join(known)}")
    texts = {name for name in parameters if known[name]["inferred_type_name"] == "str"}  # seeds="0" is a list of one
    parameters = {name: str(value) if name in texts else value for name, value in parameters.items()}
    source = notebook
    if not has_attributes(parameters):
        source = output.with_name(f".{output.stem}.source.ipynb")
        source.write_text(json.dumps(without_attributes(json.loads(notebook.read_text(encoding="utf-8")))), encoding="utf-8")
    # Kernels get the folder that Jupyter and nbval give them, and the name that all environments have.
    try:
        papermill.execute_notebook(str(source), str(output), parameters, kernel_name="python3", cwd=str(notebook.parent),
                                   progress_bar=False, log_output=True)
    finally:
        if source != notebook:
            source.unlink()


def has_attributes(parameters: dict) -> bool:
    """Does anybody know what the pictures of the chapter's data sets show? A chapter about no data set has them all."""
    from s2i_lib.datasets import get_spec

    names = parameters.get("dataset", parameters.get("datasets", "")).split(",")
    return all(get_spec(name).knows_attributes for name in names if name)


def without_attributes(notebook: dict) -> dict:
    """A notebook whose cells tagged `attributes` are left out; their places stay, so that cells count as in the source."""
    cells = []
    for cell in notebook["cells"]:
        if "attributes" in cell["metadata"].get("tags", []):
            note = "*Left out: nobody knows what a photograph shows.*" if cell["cell_type"] == "code" else ""
            cell = {"cell_type": "markdown", "id": cell["id"], "metadata": {}, "source": note}
        cells.append(cell)
    return {**notebook, "cells": cells}


def explain(error: Exception, name: str, injected: int) -> str:
    """One paragraph: chapter, cell and exception, and the cure where it is known. Cells count as in the source."""
    if type(error).__name__ == "PapermillExecutionError":
        return f"{name}: cell {error.cell_index + 1 - injected} raised {error.ename}: {error.evalue}"
    if type(error).__name__ == "DeadKernelError":
        return (f"{name}: the kernel died without an exception, most likely for lack of memory; close other programs or "
                "choose a smaller --profile.")
    return f"{name}: {error}"


def run(notebook: Path, output: Path, parameters: dict) -> None:
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
            os.replace(partial, failed)
        raise
    os.replace(partial, output)


def parse_parameter(word: str) -> tuple[str, str | int]:
    """``seed=0`` is a number, ``profile=small`` a text."""
    name, separator, value = word.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{word!r} is not NAME=VALUE")
    return name, int(value) if value.isdecimal() else value


def last_lines(log: Path) -> list[str]:
    """The end of a log, without IPython's colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8")).splitlines()[-12:]


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def main() -> int:
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
    say(f"{name}: started")
    start = time.monotonic()
    try:
        run(options.notebook, options.output, dict(options.parameters))
    except Exception as error:
        logging.exception("the chapter failed")
        say(f"error: {explain(error, name, injected=bool(options.parameters))}")
        if options.log:
            print(*last_lines(options.log), f"The whole log: {options.log}", sep="\n", flush=True)
        return 1
    minutes, seconds = divmod(round(time.monotonic() - start), 60)
    say(f"{name}: finished in {minutes} min {seconds} s")
    return 0


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main())
