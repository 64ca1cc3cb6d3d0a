"""``python -m s2i_lib run``, which ``./run_all.sh`` starts, and ``python -m s2i_lib config``."""

import argparse
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from s2i_lib.files import remove_unfinished
from s2i_lib.run.options import RENDERED_BY_DEFAULT, Options, parse
from s2i_lib.run.processes import die_with_parent, hold_lock

USER_ERROR, DATA_MISSING = 2, 3
SNAKEFILE = Path("workflow/Snakefile")
KERNEL_SERVER = "S2I_KERNEL_SERVER"  # of workflow/preloaded_kernel.py
STATE = Path(".snakemake")  # Snakemake's own folder, also of the lock and of the progress of the chapters
REPOSITORY = Path(__file__).resolve().parents[2]
# Those of workflow/environment.sh, for whoever starts Python without it.
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "MPLBACKEND": "agg",
    "MATPLOTLIBRC": str(REPOSITORY / "workflow" / "matplotlibrc"),
    "IPYTHONDIR": str(REPOSITORY / ".snakemake" / "ipython"),
    "JUPYTER_CONFIG_DIR": str(REPOSITORY / ".snakemake" / "jupyter"),
    "JUPYTER_PREFER_ENV_PATH": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
}
# The user's own settings, which are not for the chapters, and those that are for them; as in workflow/environment.sh.
FOREIGN = ("SNAKEMAKE_", "JUPYTER_CONFIG", "JUPYTER_PATH", "IPYTHON", "MPLSTYLE", "GIT_DIR", "GIT_WORK_TREE", "PYTHON")
KEPT = ("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONUTF8")


def environment() -> dict[str, str]:
    """The variables that a run gets: those of this process without the user's own settings, and those of ``ENVIRONMENT``."""
    own = {name: value for name, value in os.environ.items() if name in KEPT or not name.startswith(FOREIGN)}
    return own | ENVIRONMENT


STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_parser(commands: Any) -> None:
    """Add the command ``run`` to the subparsers of a command line."""
    # No character starts an option: all words are left to ``options.parse``, which knows those that are for Snakemake.
    parser = commands.add_parser("run", help="run the chapters (./run_all.sh)", add_help=False, prefix_chars="\0")
    parser.add_argument("arguments", nargs="*")
    parser.set_defaults(command=lambda options: run(options.arguments))


def add_config_parser(commands: Any) -> None:
    """Add the command ``config`` to the subparsers of a command line."""
    parser = commands.add_parser("config", help="print every value of a configuration and where it comes from")
    for name, default in (("profile", "small"), ("dataset", "birds"), ("recipe", "recommended")):
        parser.add_argument(f"--{name}", default=default, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="training seed (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="as one JSON object: key -> value and layer")
    parser.set_defaults(command=print_config)


def print_config(options: argparse.Namespace) -> None:
    """Print every value of a configuration and the name of the layer that it comes from.

    Raises:
        ConfigError, DatasetError: see ``config.load_config``.
    """
    from s2i_lib.config import explain

    rows = explain(options.profile, options.dataset, options.recipe, options.seed)
    if options.json:
        print(json.dumps({key: {"value": value, "layer": layer} for key, value, layer in rows}, indent=1))
        return
    table = [(key, json.dumps(value), layer) for key, value, layer in rows]
    widths = [max(len(row[column]) for row in table) for column in (0, 1)]
    print(*(f"{key:{widths[0]}}  {value:{widths[1]}}  {layer}" for key, value, layer in table), sep="\n")


def run(arguments: list[str]) -> int:
    """Run the chapters, or publish what they have made; returns an exit code, 3 if data are missing.

    Raises:
        ValueError: options or data sets that cannot be used, or another run is at work in this folder.
    """
    options = parse(arguments)
    if not SNAKEFILE.exists():
        raise ValueError(f"there is no {SNAKEFILE} here; start it in the project's folder.")
    if options.publish:
        return _publish(options)
    options = replace(options, datasets=options.datasets or _datasets_of(options.profile))
    _check_targets(options)
    # Is everything there that cannot be made here? A dry run says what is missing and goes on to the plan.
    code = _check_data(options)
    if code and not (options.dry_run and code == DATA_MISSING):
        return code
    command = _snakemake(options)
    if options.dry_run and options.profile == "paper":
        _data_command("forecast", options)
    if options.dry_run:
        sys.stdout.flush()
        os.execvpe(command[0], command, environment())
    lock = _lock()
    for folder in (Path("data"), Path("runs")):  # nobody else writes there while the lock is held
        remove_unfinished(folder)
        settle_times(folder)
    if options.profile == "smoke":
        with _preloaded_kernels() as variables:
            code, failed = _watch(command, lock, variables)
    else:
        _draw_galleries()
        code, failed = _watch(command, lock)
    if code == 1 and not failed:  # the chapters say what they fail of; of itself, Snakemake is told to say nothing
        raise ValueError(f"Snakemake stopped and no chapter has failed: {_reason(options)}.")
    return code


def settle_times(folder: Path) -> None:
    """Executed chapters that were written before the clock was put back are of now: Snakemake would find whatever is made from
    them older than them, and stop.
    """
    now = time.time()
    # where ``chapters.PLACES`` has them, without a walk through all recordings and pictures
    for path in [*folder.glob("*/chapters/*.ipynb"), *folder.glob("*/*/chapters/*.ipynb")]:
        if path.stat().st_mtime > now:
            os.utime(path, (now, now))


def _reason(options: Options) -> str:
    """Why Snakemake does not even plan a run, in its own words."""
    words = _snakemake(replace(options, dry_run=True))
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, errors="replace", check=False)
    found = re.findall(r"(\w+(?:Error|Exception)):\s*([^\n\\]+)", done.stderr + done.stdout)
    return ": ".join(found[-1]).strip(" .'") if found else "its log is in .snakemake/log"


def _draw_galleries() -> None:
    """Begin with what needs no training: pictures by the released models. A run does not depend on them."""
    if any(Path("models").glob("*/checksums.json")):
        subprocess.run([sys.executable, "-m", "s2i_lib", "gallery"], env=environment(), check=False)


def _datasets_of(profile: str) -> tuple[str, ...]:
    """The data sets of a run that names none."""
    from s2i_lib.datasets import DATASETS

    if profile != "paper":
        return RENDERED_BY_DEFAULT
    return tuple(name for name, spec in DATASETS.items() if not spec.rendered)


def _check_targets(options: Options) -> None:
    """A comparing chapter that is named as a target wants all its recipes.

    Raises:
        ValueError: the run leaves some of them out.
    """
    from s2i_lib.run.chapters import CHAPTERS

    for word in options.snakemake:
        chapter = CHAPTERS.get(Path(word).stem) if word.endswith(".ipynb") else None
        missing = [name for name in chapter.recipes if name not in options.recipes] if chapter and chapter.compares else []
        if missing:
            raise ValueError(f"{word} compares recipes that this run leaves out; add {','.join(missing)} to --recipes.")


def _check_data(options: Options) -> int:
    """``python -m s2i_lib data check``, in a process of its own: what it imports would stay in memory for the whole run."""
    return _data_command("check", options)


def _data_command(action: str, options: Options) -> int:
    words = ["data", action, "--profile", options.profile, "--dataset", ",".join(options.datasets)]
    code = subprocess.run([sys.executable, "-m", "s2i_lib", *words], check=False).returncode
    if code not in (0, USER_ERROR, DATA_MISSING):
        how = f"signal {-code}, most likely for lack of memory" if code < 0 else f"exit code {code}"
        raise ValueError(f"python -m s2i_lib {' '.join(words)} ended with {how}; close other programs and start again.")
    return code


def _lock() -> int:
    """The lock of the run: a file descriptor that Snakemake gets too.

    It does what Snakemake's own lock does, which has to be removed by hand after a kill. The wait covers the moment in which a
    killed run is still going away.
    """
    descriptor = hold_lock(STATE / "run_all.lock", timeout=5.0)
    if descriptor is None:
        raise ValueError("another ./run_all.sh is at work in this folder; wait for it to finish or stop it.")
    return descriptor


def _snakemake(options: Options) -> list[str]:
    lists = {
        "datasets": options.datasets,
        "seeds": options.seeds,
        "more_seeds": options.more_seeds,
        "recipes": options.recipes,
    }
    values = [f"{name}={','.join(map(str, values))}" for name, values in lists.items()]
    return [
        *(sys.executable, "-m", "snakemake", *options.snakemake),
        *(("--dry-run",) if options.dry_run else ("--quiet", "all")),
        *("--snakefile", str(SNAKEFILE), "--cores", options.cores, "--nolock", "--rerun-incomplete"),
        *("--rerun-triggers", "params", "input", "mtime", "--scheduler", "greedy"),
        *("--config", f"profile={options.profile}", *values),
    ]


@contextmanager
def _preloaded_kernels() -> Iterator[dict[str, str]]:
    """Variables with which kernels are forks of a process that has imported the libraries (``workflow/preloaded_kernel.py``).

    For chapters of `smoke`, whose cells take less time than these imports. None where somebody has begun so already.
    """
    if KERNEL_SERVER in os.environ:
        yield {}
        return
    report = f'echo "${KERNEL_SERVER}"; echo "$JUPYTER_PATH"; exec cat'
    server = subprocess.Popen(
        [sys.executable, "workflow/preloaded_kernel.py", "sh", "-c", report],
        env={**environment(), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # signals are for Snakemake
        preexec_fn=die_with_parent,  # noqa: PLW1509  (no thread runs)
    )
    assert server.stdin and server.stdout
    values = {name: server.stdout.readline().strip() for name in (KERNEL_SERVER, "JUPYTER_PATH")}
    try:
        yield {name: value for name, value in values.items() if value}
    finally:
        server.stdin.close()  # ends `cat`, and with it the server
        server.wait()


def _watch(command: list[str], lock: int, variables: Mapping[str, str] | None = None) -> tuple[int, bool]:
    """Run Snakemake and show its progress.

    Returns:
        Its exit code, or 128 and a signal's number if one stopped the run; and whether a chapter has failed.
    """
    from s2i_lib.progress import FOLDER_VARIABLE
    from s2i_lib.run.watch import Screen, Watcher, read_board

    folder = (STATE / "progress").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    process = _start(command, {**environment(), **(variables or {}), FOLDER_VARIABLE: str(folder)}, lock)
    stopped = _forward_signals(process)
    watcher = Watcher(folder, Screen(sys.stdout), shutil.get_terminal_size().columns)
    _pass_lines(process, watcher)
    failed = any(execution.failed for execution in read_board(folder).executions)
    return process.returncode if process.returncode > 0 or not stopped else 128 + stopped[0], failed


def _start(command: list[str], environment: Mapping[str, str], lock: int) -> "subprocess.Popen[bytes]":
    """Start Snakemake in a process group of its own, which ends with this process, however that ends."""
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[lock],
        process_group=0,
        preexec_fn=die_with_parent,  # noqa: PLW1509  (no thread runs)
    )


def _forward_signals(process: "subprocess.Popen[bytes]") -> list[int]:
    """Hand signals that would end this process to Snakemake and its chapters; a second one kills them.

    A signal that is ignored, as under ``nohup``, stays so.

    Returns:
        A list, of the signals that will have come.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        with suppress(ProcessLookupError):  # it has ended already
            os.killpg(process.pid, signal.SIGKILL if len(received) > 1 else number)

    for number in STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    return received


def _pass_lines(process: "subprocess.Popen[bytes]", watcher: Any) -> None:
    """Pass on what Snakemake prints, and show the progress, until it has ended."""
    rest, ended = {sys.stdout: b"", sys.stderr: b""}, None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, sys.stdout)  # type: ignore[arg-type]
        selector.register(process.stderr, selectors.EVENT_READ, sys.stderr)  # type: ignore[arg-type]
        while selector.get_map():
            for key, _ in selector.select(timeout=0.25):
                data = os.read(key.fd, 65536)
                *lines, rest[key.data] = (rest[key.data] + data).split(b"\n")
                watcher.screen.print([line.decode(errors="replace") for line in lines], key.data)
                if not data:
                    selector.unregister(key.fileobj)
            if process.poll() is not None:
                ended = ended or time.monotonic()
                if time.monotonic() - ended > 2.0:  # a kernel that is still going away holds the pipes
                    break
            watcher.update()
    process.wait()
    for stream, text in rest.items():
        watcher.screen.print([text.decode(errors="replace")] if text else [], stream)
    watcher.close()


def _publish(options: Options) -> int:
    from s2i_lib.run.publish import publish

    lock = _lock()
    try:
        dataset = options.datasets[0] if options.datasets else _datasets_of(options.profile)[0]
        publish(Path.cwd(), options.profile, dataset, options.seeds[0], options.recipe)
    finally:
        os.close(lock)
    return 0
