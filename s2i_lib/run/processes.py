"""Processes that end together, and a lock that the kernel frees."""

import ctypes
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>


def die_with_parent() -> None:
    """Ask Linux to kill this process with its parent, so that nothing goes on training after ``kill -9``."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def hold_lock(path: Path, timeout: float) -> int | None:
    """Lock a file, or wait for its lock at most `timeout` seconds.

    Returns:
        The open file descriptor, which a child may inherit; the lock is free when the last of them has ended, however it ends.
        None if somebody else holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.1)
