"""Worker processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from s2i_lib.workers import Portable, default_count, parallel_map, worker_processes, write_missing_files

PARENT = """
import os, time
from s2i_lib.workers import worker_processes
if __name__ == "__main__":
    pool = worker_processes(1)
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(60)
"""


def test_a_worker_has_one_thread_and_ends_with_the_pool():
    with worker_processes(1) as pool:
        worker = pool.submit(os.getpid).result()
        assert pool.submit(torch.get_num_threads).result() == 1
    assert not _runs(worker)


def test_no_worker_outlives_a_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment)
    worker = int(parent.stdout.readline())
    assert _runs(worker)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 20
    while _runs(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(worker)


def test_results_come_in_the_order_of_the_jobs_under_a_bar_of_the_parent(tmp_path, monkeypatch, capsys):
    path = tmp_path / "chapter.bar"
    monkeypatch.setenv("S2I_PROGRESS", str(path))
    results = list(parallel_map(_slowest_first, range(6), "working", "job", chunksize=2, processes=2))
    assert [number for number, _ in results] == list(range(6)) and {bar for _, bar in results} == {None}
    assert '"done": 6' in path.read_text() and capsys.readouterr().err.startswith("working: 6/6 job")
    assert list(parallel_map(_slowest_first, [], "working", "job")) == []


def test_what_one_process_would_do_alone_is_done_in_this_one(monkeypatch):
    def run(**options):
        return set(parallel_map(_process, range(4), "working", "job", **options))

    assert run(chunksize=4, processes=2) == run(processes=1) == {os.getpid()}
    assert os.getpid() not in run(processes=2)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert run() == {os.getpid()} and default_count() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert default_count() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert default_count() == len(os.sched_getaffinity(0))


def test_a_function_of_a_notebook_reaches_the_workers():
    def there(job):
        return job * factor, os.getpid()

    factor = 3
    found = list(parallel_map(Portable(there), [1, 2], "tripling", "number", processes=2))
    assert [value for value, _ in found] == [3, 6]
    assert os.getpid() not in {process for _, process in found}


def test_an_error_in_a_worker_arrives():
    with pytest.raises(ZeroDivisionError):
        list(parallel_map(_divide, [1, 0], "working", "job", processes=2))


def test_only_missing_files_are_written(tmp_path):
    jobs = [(text, tmp_path / "folder" / f"{text}.txt") for text in "abc"]
    jobs[1][1].parent.mkdir()
    jobs[1][1].write_text("before")
    assert write_missing_files(_write, jobs, "writing", "file", processes=1) == 2
    assert [path.read_text() for _, path in jobs] == ["a", "before", "c"]
    assert write_missing_files(_write, jobs, "writing", "file") == 0


def _slowest_first(number: int) -> tuple[int, str | None]:
    time.sleep(0.1 if number == 0 else 0)
    return number, os.environ.get("S2I_PROGRESS")


def _process(_: int) -> int:
    return os.getpid()


def _divide(number: int) -> float:
    return 1 / number


def _write(job: tuple[str, Path]) -> None:
    job[1].write_text(job[0])


def _runs(process: int) -> bool:
    """Whether a process exists and is no zombie."""
    status = Path(f"/proc/{process}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
