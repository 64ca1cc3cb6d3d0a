"""Accidents on purpose (``python -m s2i_lib drill``): what becomes of a run that is killed, starved, damaged or started twice.

Each drill ends in one of two ways: with the numbers of an undisturbed run, or with one sentence that names the reason, after
which the same numbers are reached. Everything happens in a temporary project, with a few chapters of profile `smoke`.
"""

import csv
import hashlib
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
RUN = Path("runs/birds-smoke-s0")
LAST = RUN / "recommended" / "chapters" / "06_gan.ipynb"  # chapters 01 to 06
KILLS, LONGEST = 20, 900  # seconds that a run may take
TIMED = ("seconds", "config")  # columns of the records that differ from run to run, or say nothing about results
SMALL_MEMORIES = tuple(size * 2**30 for size in (1, 3, 4))  # bytes of addresses, of which libraries take more than of memory
FULL_DISKS = tuple(2**power for power in (11, 14, 17, 19, 21))  # bytes; no file may grow beyond


class DrillError(Exception):
    """A run did not behave as promised; the message says how."""


@dataclass
class Project:
    """A project of its own, whose chapters and code are those of the repository."""

    folder: Path
    options: tuple[str, ...] = ()  # further words of the command line

    @classmethod
    def make(cls, folder: Path, *options: str) -> "Project":
        """An empty one in a folder that does not exist yet."""
        for name in ("workflow", "notebooks"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        (folder / "s2i_lib").symlink_to(REPOSITORY / "s2i_lib")
        (folder / "results").mkdir()
        for table in (REPOSITORY / "results").glob("*.csv"):
            shutil.copyfile(table, folder / "results" / table.name)
        return cls(folder, options)

    def start(self, before: tuple[str, ...] = (), prepare: Callable[[], None] | None = None) -> "subprocess.Popen[str]":
        """Start the run in a session of its own."""
        words = ["run", "--profile", "smoke", "--dataset", "birds", "--recipes", "recommended", str(LAST), *self.options]
        variables = os.environ | {"S2I_ROOT": str(self.folder), "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [*before, sys.executable, "-m", "s2i_lib", *words],
            cwd=self.folder,
            env=variables,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=prepare,  # noqa: PLW1509  (no thread runs)
        )

    def finish(self, before: tuple[str, ...] = (), prepare: Callable[[], None] | None = None) -> tuple[int, str]:
        """Run to the end; exit code and what was printed.

        Raises:
            DrillError: it took too long, and was killed.
        """
        return _ended(self.start(before, prepare))

    def numbers(self) -> dict[str, str]:
        """Every number that the run has ended with: weights by their checksum, records by their value."""
        found = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (self.folder / RUN).rglob("*.safetensors")
        }
        for path in sorted((self.folder / RUN / "results" / "records").glob("*.csv")):
            with open(path, newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    if not any(word in row["metric"] for word in ("second", "real_time")):
                        key = " ".join(value for name, value in row.items() if name not in (*TIMED, "value", "standard_error"))
                        found[f"{path.stem} {key}"] = row["value"]
        return found

    def whole(self, expected: dict[str, str]) -> None:
        """Run to the end and compare.

        Raises:
            DrillError: the run failed, or its numbers are others.
        """
        code, printed = self.finish()
        if code:
            raise DrillError(f"it did not go on: {_last(printed)}")
        found = self.numbers()
        different = [name for name in expected.keys() | found if expected.get(name) != found.get(name)]
        if different:
            raise DrillError(f"{len(different)} numbers are others, such as {min(different)}")

    def refused(self, *words: str, before: tuple[str, ...] = (), prepare: Callable[[], None] | None = None) -> str:
        """Run into the accident; returns the sentence that it was refused with.

        Raises:
            DrillError: it was not refused, or the sentence does not hold these words.
        """
        code, printed = self.finish(before, prepare)
        sentences = _sentences(printed)
        if not code:
            raise DrillError("nobody noticed")
        if not sentences or not all(any(word in sentence for sentence in sentences) for word in words):
            raise DrillError(f"nothing names {' and '.join(words) or 'the reason'}: {_last(printed)}")
        return sentences[0].strip()


def _ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Wait for the end of a run; see ``Project.finish``."""
    try:
        printed, _ = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its chapters end with it
        process.communicate()
        raise DrillError(f"a run took longer than {LONGEST} s: close other programs and start again") from None
    return process.returncode, printed


def _sentences(printed: str) -> list[str]:
    """What a command or a chapter says of an error. A traceback alone is none."""
    return re.findall(r"^(?:\[[\d:]+\] )?(error: .*)$", printed, re.MULTILINE)


def _last(printed: str) -> str:
    return " / ".join(printed.strip().splitlines()[-3:])


def killed(project: Project, expected: dict[str, str]) -> str:
    """Killed (kill -9) twenty times at random moments, alone or with its children, some times after a pause (SIGSTOP)."""
    moments = random.Random(0)
    for number in range(KILLS):
        process = project.start()
        try:
            process.wait(timeout=moments.uniform(0.5, 9.0))
        except subprocess.TimeoutExpired:
            if number % 7 == 3:
                os.killpg(process.pid, signal.SIGSTOP)
                time.sleep(1.0)
                os.killpg(process.pid, signal.SIGCONT)
            (os.kill if number % 2 else os.killpg)(process.pid, signal.SIGKILL)
        process.communicate()
    project.whole(expected)
    return "the same numbers"


def twice(project: Project, expected: dict[str, str]) -> str:
    """Started a second time while it runs."""
    process = project.start()
    time.sleep(3.0)
    sentence = project.refused("another ./run_all.sh is at work")
    _ended(process)
    project.whole(expected)
    return f"the second: {sentence}; the first: the same numbers"


def full_disk(project: Project, expected: dict[str, str]) -> str:
    """No file may grow beyond 2 KB, 16 KB, 128 KB, 512 KB, 2 MB: as on a full disk, one after the other."""
    sentence = ""
    for size in FULL_DISKS:

        def limit(size: int = size) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        code, printed = project.finish(prepare=limit)
        sentences = _sentences(printed)
        if code and not any("File too large" in one for one in sentences):
            raise DrillError(f"with {size} bytes, nothing names the reason: {' / '.join(sentences) or _last(printed)}")
        sentence = sentences[0] if code else sentence
    project.whole(expected)
    return f"{sentence}; then the same numbers"


def little_memory(project: Project, expected: dict[str, str]) -> str:
    """A process may take 1 GiB of memory, in which nothing starts, 3 GiB or 4 GiB, in which some things do."""
    said = []
    for size in SMALL_MEMORIES:

        def limit(size: int = size) -> None:
            resource.setrlimit(resource.RLIMIT_AS, (size, size))

        code, printed = project.finish(prepare=limit)
        sentences = [one for one in _sentences(printed) if "memory" in one]
        if not sentences and (code or size == SMALL_MEMORIES[0]):
            raise DrillError(f"with {size >> 30} GiB, nothing names the memory: {_last(printed)}")
        said += sentences[:1]
    project.whole(expected)
    return f"{'; '.join(said)}; then the same numbers"


def read_only(project: Project, expected: dict[str, str]) -> str:
    """A folder that cannot be written."""
    place = str(project.folder)
    mount = f"mount --bind '{place}' '{place}' && mount -o remount,bind,ro '{place}' && cd '{place}' && exec \"$@\""
    before = ("unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh")
    if shutil.which("unshare") is None or subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        return "not tried: this machine does not let a folder be mounted"
    return project.refused("Read-only file system", before=before)


def moved_clock(project: Project, expected: dict[str, str]) -> str:
    """Everything was written tomorrow, as after a clock that was put back; then a chapter is made again."""
    tomorrow = time.time() + 86_400
    for path in [*(project.folder / "data").rglob("*"), *(project.folder / "runs").rglob("*")]:
        os.utime(path, (tomorrow, tomorrow))
    project.whole(expected)
    (project.folder / LAST).unlink()
    project.whole(expected)
    return "the same numbers"


def cut_files(project: Project, expected: dict[str, str]) -> str:
    """A checkpoint, a cache and trained weights are cut to half of their length."""
    run, data, said = project.folder / RUN / "recommended", project.folder / "data" / "birds-smoke", []
    for broken, made_by in (
        (run / "gan.ckpt", [run / "generator.safetensors", run / "chapters" / "06_gan.ipynb"]),
        (
            min(data.glob("efficientnet_lite0_*_train.npy")),
            [run / "speech_encoder.safetensors", run / "chapters" / "05_speech_encoder.ipynb"],
        ),
    ):
        kept = broken.read_bytes()
        broken.write_bytes(kept[: len(kept) // 2])
        for path in made_by:
            path.unlink()
        said.append(project.refused(broken.name))
        broken.write_bytes(kept)
    project.whole(expected)
    return f"{'; '.join(said)}; then the same numbers"


DRILLS: tuple[Callable[[Project, dict[str, str]], str], ...] = (
    *(killed, twice, full_disk, little_memory, read_only, moved_clock, cut_files),
)


def drill(folder: Path, names: tuple[str, ...] = ()) -> int:
    """Run the drills of these names, or all, and print what came of each.

    Args:
        folder: an empty one, which gets the projects.

    Returns:
        0 if every run behaved as promised, else 1.
    """
    calm = Project.make(folder / "undisturbed")
    started = time.monotonic()
    try:
        code, printed = calm.finish()
    except DrillError as error:
        code, printed = 1, str(error)
    if code:
        print(f"an undisturbed run failed: {_last(printed)}")
        return 1
    expected, failed = calm.numbers(), 0
    print(f"undisturbed: {len(expected)} numbers in {time.monotonic() - started:.0f} s", flush=True)
    for one in DRILLS:
        if names and one.__name__ not in names:
            continue
        started, done = time.monotonic(), (one.__doc__ or "").strip()
        fresh = one in (killed, twice, full_disk, little_memory)
        project = Project.make(folder / one.__name__) if fresh else calm
        try:
            outcome = one(project, expected)
        except DrillError as error:
            failed, outcome = failed + 1, f"NOT AS PROMISED: {error}"
        print(f"{done}\n  {outcome} ({time.monotonic() - started:.0f} s)", flush=True)
    return int(failed > 0)
