"""Worker processes for drawing, speaking and listening."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor

import torch


def worker_processes(count: int | None = None) -> ProcessPoolExecutor:
    """Processes with one thread each, by default one per available core. They are spawned: a forked onnxruntime hangs."""
    return ProcessPoolExecutor(count or len(os.sched_getaffinity(0)), mp_context=multiprocessing.get_context("spawn"),
                               initializer=_start)


def _start() -> None:
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next task for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)
