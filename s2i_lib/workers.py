"""Worker processes for drawing, speaking and listening."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

import torch
from tqdm.auto import tqdm


def worker_processes(count: int | None = None) -> ProcessPoolExecutor:
    """Processes with one thread each, by default one per available core. They are spawned: a forked onnxruntime hangs."""
    return ProcessPoolExecutor(count or len(os.sched_getaffinity(0)), mp_context=multiprocessing.get_context("spawn"),
                               initializer=_start)


def write_missing_files(write: Callable[[tuple], None], jobs: Sequence[tuple], description: str, unit: str, chunksize: int = 8,
                        processes: int | None = None) -> int:
    """Call ``write(job)`` for every job whose last entry, a path, is no file yet, several processes at a time; so it resumes.

    Args:
        write: writes the file as a whole or not at all.
        description, unit: of the progress bar.
        processes: worker processes; default one per available core.

    Returns:
        The number of files written now.
    """
    missing = [job for job in jobs if not job[-1].exists()]
    for folder in {job[-1].parent for job in missing}:
        folder.mkdir(parents=True, exist_ok=True)
    if missing:
        with worker_processes(processes) as pool:
            for _ in tqdm(pool.map(write, missing, chunksize=chunksize), total=len(missing), desc=description, unit=unit):
                pass
    return len(missing)


def _start() -> None:
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next task for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)
