"""Kernels that are forks of a process with the libraries: they are told from ordinary ones by their start only."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import preloaded_kernel
import pytest
from jupyter_client.manager import KernelManager
from stub_chapters import ROOT, run_script, write_notebook

SCRIPT = ROOT / "workflow" / "preloaded_kernel.py"
VARIABLES = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "MPLBACKEND": "agg", "JUPYTER_PREFER_ENV_PATH": "1"}
# Says where the server is, ends with its standard input.
COMMAND = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.exit(int(sys.stdin.readline()))"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")


@pytest.fixture(scope="module")
def server():
    """The environment of a command with preloaded kernels; the server's process number is in it."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), sys.executable, "-c", COMMAND],
        env=os.environ | VARIABLES,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    environment = json.loads(process.stdout.readline())
    yield environment | {"server": str(process.pid)}
    process.communicate("7\n", timeout=60)
    assert process.returncode == 7, "the exit code is that of the command"
    assert not Path(environment[preloaded_kernel.SERVER]).parent.exists()


@contextlib.contextmanager
def kernel(monkeypatch, environment, **others):
    """A kernel `python3` as papermill and nbval start it.

    Yields:
        Its manager, and a function that runs code and returns what it prints or, when it fails, the message about it.
    """
    monkeypatch.setenv("JUPYTER_PATH", environment["JUPYTER_PATH"])  # read by this process
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**environment, **others})
    client = manager.client()
    client.start_channels()
    said = []

    def run(code):
        del said[:]
        reply = client.execute_interactive(code, timeout=120, allow_stdin=False, output_hook=said.append)
        texts = [message["content"].get("text", "") for message in said]
        return reply["content"] if reply["content"]["status"] == "error" else "".join(texts)

    try:
        client.wait_for_ready(timeout=120)
        yield manager, run
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def gone(pid, seconds=20):
    """Does this process end within some seconds? One that nobody waited for has ended too."""
    for _ in range(int(20 * seconds)):
        status = Path(f"/proc/{pid}/status")
        try:
            if "State:\tZ" in status.read_text():
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


ABOUT = """import json, os, sys
loaded = [name for name in ("torch", "pandas", "s2i_lib", "onnxruntime") if name in sys.modules]
import numpy, torch
print(json.dumps({"pid": os.getpid(), "parent": os.getppid(), "loaded": loaded, "folder": os.getcwd(),
    "word": os.environ.get("WORD"),
    "path": sys.path, "program": sys.argv[0], "hash": hash("bird"), "random": [numpy.random.rand(), torch.rand(1).item()]}))
"""


@pytest.mark.slow
def test_a_kernel_is_a_fork_and_otherwise_an_ordinary_kernel(server, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folders = {"PYTHONPATH": str(tmp_path)}  # of its own
    with (
        kernel(monkeypatch, server, WORD="one", **folders) as (_, run),
        kernel(monkeypatch, server, WORD="two") as (_, run_other),
    ):
        first, second = json.loads(run(ABOUT)), json.loads(run_other(ABOUT))
    with kernel(monkeypatch, {**server, "JUPYTER_PATH": ""}, WORD="three", **folders) as (_, run):
        ordinary = json.loads(run(ABOUT))
    assert first["parent"] == second["parent"] == int(server["server"]) and first["loaded"] == ["torch", "pandas"]
    assert (first["word"], second["word"]) == ("one", "two") and first["pid"] != second["pid"]
    assert not {*first["random"]} & {*second["random"]}, "each has its own randomness"
    assert ordinary["loaded"] == []
    for same in ("folder", "path", "program", "hash"):
        assert first[same] == ordinary[same], same


FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint(plt.get_backend())"


@pytest.mark.slow
def test_figures_are_kept_unless_another_backend_is_asked_for(server, monkeypatch):
    with kernel(monkeypatch, server) as (_, run):
        assert run(FIGURE) == "agg\n"
    with kernel(monkeypatch, {name: value for name, value in server.items() if name != "MPLBACKEND"}) as (_, run):
        assert "inline" in run(FIGURE)


@pytest.mark.slow
def test_a_kernel_computes_with_threads_and_starts_processes(server, monkeypatch):
    with kernel(monkeypatch, server, PYTHONPATH=server.get("PYTHONPATH", "")) as (_, run):
        assert run("import torch\ntorch.set_num_threads(2)\na = torch.ones(9, 9)\nprint((a @ a).sum().item())") == "729.0\n"
        assert (
            run("import multiprocessing\nwith multiprocessing.get_context('spawn').Pool(1) as pool: print(pool.map(abs, [-3]))")
            == "[3]\n"
        )


@pytest.mark.slow
def test_an_interrupt_reaches_the_fork(server, monkeypatch):
    with kernel(monkeypatch, server) as (manager, run):
        threading.Timer(1, manager.interrupt_kernel).start()
        assert run("import time\ntime.sleep(60)")["ename"] == "KeyboardInterrupt"
        assert run("print(1)") == "1\n"


@pytest.mark.slow
def test_a_killed_kernel_takes_its_processes_with_it(server, monkeypatch):
    with kernel(monkeypatch, server) as (manager, run):
        pids = run("import os, subprocess\nprint(os.getpid(), subprocess.Popen(['sleep', '600']).pid)").split()
        os.kill(manager.provisioner.pid, signal.SIGKILL)
        assert all(map(gone, pids))


@pytest.mark.slow
def test_another_environment_gets_an_ordinary_kernel(server, monkeypatch):
    for others in ({"OMP_NUM_THREADS": "2"}, {preloaded_kernel.SERVER: "/nowhere"}):
        with kernel(monkeypatch, server, **others) as (manager, run):
            assert json.loads(run(ABOUT))["loaded"] == [] and int(run("print(os.getpid())")) == manager.provisioner.pid


@pytest.mark.slow
def test_a_chapter_fails_in_the_same_words(server, tmp_path):
    broken = write_notebook(tmp_path / "broken.ipynb", "raise ValueError('no such bird')")
    dead = write_notebook(tmp_path / "dead.ipynb", "import os\nos._exit(1)")
    done = run_script(broken, tmp_path / "out.ipynb", "--log", tmp_path / "log", "--parameters", "seed=0", **server)
    assert done.returncode == 1 and "error: broken seed=0: cell 3 raised ValueError: no such bird" in done.stdout
    done = run_script(dead, tmp_path / "out.ipynb", **server)
    assert done.returncode == 1 and "memory" in done.stdout


@pytest.mark.slow
def test_a_chapter_ends_with_the_process_that_started_it(server, tmp_path):
    pid = tmp_path / "pid"
    code = f"import os, pathlib, time\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(600)"
    chapter = write_notebook(tmp_path / "chapter.ipynb", code)
    command = [sys.executable, "-m", "s2i_lib.run.execute", str(chapter), str(tmp_path / "out.ipynb")]
    process = subprocess.Popen(command, env=os.environ | server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (pid.exists() and pid.read_text()):
        time.sleep(0.1)
        assert process.poll() is None
    process.kill()
    process.wait()
    assert gone(int(pid.read_text()))


def test_only_variables_that_libraries_read_once_have_to_agree():
    mine = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    same = preloaded_kernel.read_once(mine)
    set_by_libraries = {"OPENBLAS_NUM_THREADS": "1", "KMP_DUPLICATE_LIB_OK": "b", "TORCHINDUCTOR_CACHE_DIR": "c"}
    assert preloaded_kernel.read_once(mine | set_by_libraries) == same
    for others in (
        {"OPENBLAS_NUM_THREADS": "2"},
        {"OMP_NUM_THREADS": "2"},
        {"PYTHONHASHSEED": "1"},
        {"MALLOC_TRIM_THRESHOLD_": "1"},
    ):
        assert preloaded_kernel.read_once(mine | others) != same
    assert preloaded_kernel.read_once({"PYTHONHASHSEED": "0"}) != same
    assert preloaded_kernel.read_once(mine | {"PYTHONPATH": "b"}) == same, "a fork can follow another one"


def test_a_library_with_threads_is_not_forked(monkeypatch):
    monkeypatch.setattr(preloaded_kernel, "PACKAGES", ())
    stop = threading.Event()
    threading.Thread(target=stop.wait).start()
    with pytest.raises(RuntimeError, match="OMP_NUM_THREADS=1"):
        preloaded_kernel.preload()
    stop.set()


def test_without_a_command_it_explains_itself():
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 2 and "preloaded_kernel.py ./run_all.sh" in done.stdout
