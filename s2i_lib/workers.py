"""Worker processes for drawing, speaking and speech recognition; threads for spectrograms."""

import multiprocessing
import os
import pickle
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from s2i_lib import progress

LONGEST_FOLDER = 70  # bytes; of the 107 that the name of a socket may have, multiprocessing adds 33

Job = TypeVar("Job")
Result = TypeVar("Result")


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # not on macOS


def default_count() -> int:
    """As many processes as this one may have threads: OMP_NUM_THREADS where it is set, else one per available core."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return int(threads) if threads.isdecimal() and int(threads) else available_cores()


def worker_processes(count: int | None = None) -> Executor:
    """Processes with one thread each, by default ``default_count`` of them, which end with their parent.

    They are no forks of this process, because a forked onnxruntime hangs. On Linux they are forks of a process that has only
    imported the libraries, so that the second pool starts at once; elsewhere, and where the folder of temporary files has too
    long a name for the socket of that process, each is a new process.
    """
    forks = sys.platform == "linux" and len(os.fsencode(tempfile.gettempdir())) <= LONGEST_FOLDER
    context = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        context.set_forkserver_preload(["torch", "torchaudio", "pandas", "soundfile", "tqdm.auto"])
    return ProcessPoolExecutor(count or default_count(), mp_context=context, initializer=_start)


def parallel_map(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    desc: str,
    unit: str,
    chunksize: int = 1,
    processes: int | None = None,
) -> Iterator[Result]:
    """``map`` by several processes at a time, under a progress bar; by this one where a single one would do all jobs.

    Args:
        function: picklable, as are jobs and results.
        jobs: what it is called with.
        desc, unit: of the progress bar.
        chunksize: jobs that a process takes at once.
        processes: see ``default_count``.

    Yields:
        The results, in the order of the jobs.

    Raises:
        Exception: the first one that `function` raised; the jobs after it may not have run.
    """
    if not jobs:
        return
    if len(jobs) <= chunksize or (processes or default_count()) == 1:
        yield from progress.bar(map(function, jobs), total=len(jobs), desc=desc, unit=unit)
        return
    with worker_processes(processes) as pool:
        results = pool.map(function, jobs, chunksize=chunksize)
        yield from progress.bar(results, total=len(jobs), desc=desc, unit=unit)


class Portable:
    """A function that a notebook defines, for worker processes: they get its definition and whatever it refers to.

    Args:
        function: of one argument.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        import cloudpickle

        self.content: bytes = cloudpickle.dumps(function)

    def __call__(self, job: Any) -> Any:
        """Call the function; a process unpacks it once."""
        return _unpacked(self.content)(job)


@cache
def _unpacked(content: bytes) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = pickle.loads(content)
    return function


def write_missing_files(
    write: Callable[[Any], object],
    jobs: Sequence[tuple[Any, ...]],
    desc: str,
    unit: str,
    chunksize: int = 8,
    processes: int | None = None,
) -> int:
    """Call ``write(job)`` for every job whose last entry, a path, is no file yet, several processes at a time; so it resumes.

    Args:
        write: writes the file as a whole or not at all.
        desc, unit, chunksize, processes: see ``parallel_map``.

    Returns:
        The number of files written now.
    """
    missing = [job for job in jobs if not _path(job).exists()]
    for folder in {_path(job).parent for job in missing}:
        folder.mkdir(parents=True, exist_ok=True)
    for _ in parallel_map(write, missing, desc, unit, chunksize, processes):
        pass
    return len(missing)


def _path(job: tuple[Any, ...]) -> Path:
    return Path(job[-1])


def _start() -> None:
    import torch

    torch.set_num_threads(1)
    os.environ.pop(progress.FILE_VARIABLE, None)  # the bar is the parent's
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next task for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
