"""Run a command whose Jupyter kernels start with torch, pandas and Matplotlib already imported.

    OMP_NUM_THREADS=1 python workflow/preloaded_kernel.py ./run_all.sh --profile smoke --cores 2

Importing them takes most of a short chapter's time. So this process imports them once, and while the command runs, every kernel
`python3` is a fork of it: papermill, nbval and Jupyter find the kernel specification in `preloaded/` through JUPYTER_PATH. It
starts this file with a connection file; that process asks for a fork, passes signals on to it and ends when it ends.

The project's own code is not imported here: every kernel imports it afresh. A kernel starts the ordinary way where forking is
impossible (outside Linux), unsafe (a library has started threads) or not the same (another number of threads, say).
"""

import contextlib
import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

SERVER = "S2I_KERNEL_SERVER"  # environment variable: path of the socket
PACKAGES = (
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "matplotlib.pyplot",
    "numpy",
    "pandas",
    "pandas.io.formats.style",
    "PIL.Image",
    "pydantic",
    "safetensors.torch",
    "scipy.special",
    "soundfile",
    "torch",
    "torchaudio",
    "torchvision",
    "tqdm.auto",
)
# Beginnings of the names of environment variables that Python or a library reads only once.
READ_ONCE = (
    "ATEN_",
    "DNNL_",
    "GOMP_",
    "LD_",
    "MALLOC_",
    "MKL_",
    "MPLCONFIGDIR",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
    "PYTHON",
    "PYTORCH_",
    "TORCH_",
)
MESSAGE = 16  # bytes of an answer, a number: first the fork's process number, later its exit code


def read_once(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that must be those of the server, because a fork cannot change them any more.

    Snakemake repeats OMP_NUM_THREADS for every other library; they read that one anyway. A fork can follow another PYTHONPATH.
    """
    threads = environment.get("OMP_NUM_THREADS")
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(READ_ONCE)
        and name != "PYTHONPATH"
        and (name == "OMP_NUM_THREADS" or not name.endswith("_NUM_THREADS") or value != threads)
    }


# --- the server ---


def preload() -> None:
    """Import the libraries.

    Raises:
        RuntimeError: if one of them has started a thread, which forks would not have.
    """
    for package in PACKAGES:
        __import__(package)
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("a library has started threads; OMP_NUM_THREADS=1 prevents it")
    gc.collect()
    gc.freeze()  # forks need not look at all these objects again, which takes a second when they end


def run(command: list[str]) -> int | dict:
    """Run `command` with preloaded kernels.

    Returns:
        The command's exit code; in every fork, the request for its kernel.
    """
    environment, me = dict(os.environ), os.getpid()
    os.environ.pop("MPLBACKEND", None)  # each kernel has its own
    try:
        preload()
    except (ImportError, OSError, RuntimeError) as error:
        print(f"kernels start the ordinary way: {error}", file=sys.stderr)
        return subprocess.run(command, env=environment).returncode
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    folder, listening = tempfile.mkdtemp(), socket.socket(socket.AF_UNIX)
    listening.bind(f"{folder}/server")
    listening.listen()
    specification = Path(__file__).resolve().parent / "preloaded"
    path = os.pathsep.join(filter(None, [str(specification), environment.get("JUPYTER_PATH")]))
    process = subprocess.Popen(command, env=environment | {SERVER: f"{folder}/server", "JUPYTER_PATH": path})
    try:
        request = serve(listening, process, read_once(environment))
    finally:
        if os.getpid() == me:
            process.terminate()  # unless it has ended
            shutil.rmtree(folder)
    return process.returncode if request is None else request


def serve(listening: socket.socket, process: subprocess.Popen, mine: dict[str, str]) -> dict | None:
    """Fork a kernel for everybody who asks and has the same variables as `mine`, until `process` ends.

    Returns:
        None; in every fork, the request for its kernel.
    """
    kernels: dict[int, socket.socket] = {}
    listening.settimeout(0.05)
    while process.poll() is None:
        for pid in list(kernels):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                with kernels.pop(pid) as connection:
                    answer(connection, os.waitstatus_to_exitcode(status))
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            continue
        request = receive(connection)
        different = dict(read_once(request["environment"]).items() ^ mine.items()) if request else {}
        if different:  # said here, too: whoever asks may have no terminal
            print("a kernel starts the ordinary way because of", *sorted(different), file=sys.stderr, flush=True)
        if request and not different:
            pid = os.fork()
            if pid == 0:
                for inherited in (listening, *kernels.values()):
                    inherited.close()
                return request | {"connection": connection}
            answer(connection, pid)
            kernels[pid] = connection
        else:
            connection.close()
        for stream in request["streams"] if request else ():
            os.close(stream)
    return None


def receive(connection: socket.socket) -> dict | None:
    """What somebody asks for, with three open file descriptors as `streams`; None if they went away."""
    connection.settimeout(10)
    try:
        text, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
        while text and not text.endswith(b"\n"):
            text += connection.recv(1 << 16) or b"\n"
        return json.loads(text) | {"streams": streams}
    except (OSError, ValueError):
        return None


def answer(connection: socket.socket, number: int) -> None:
    """Send a number; nobody may be there to take it."""
    with contextlib.suppress(OSError):
        connection.sendall(str(number).encode().ljust(MESSAGE))


# --- a fork ---


def become_kernel(request: dict) -> None:
    """Go on as `python -m ipykernel_launcher` would with the folder, the environment and the streams of the request."""
    os.setsid()  # kernels are groups of processes
    for number, stream in enumerate(request["streams"]):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    inherited = search_path(os.environ)
    sys.path[:] = search_path(request["environment"]) + [folder for folder in sys.path if folder not in inherited]
    os.environ.clear()
    os.environ.update(request["environment"], JPY_PARENT_PID=str(os.getppid()))  # ipykernel ends with this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=end_with, args=(request["connection"],), daemon=True).start()

    import ipykernel_launcher
    import matplotlib
    import numpy
    import torch
    from ipykernel import kernelapp

    numpy.random.seed()  # noqa: NPY002  as in a new process; Python's own generator does so by itself
    torch.default_generator.seed()
    matplotlib.rcParams["backend"] = os.environ.get("MPLBACKEND") or "module://matplotlib_inline.backend_inline"
    sys.argv = [ipykernel_launcher.__file__, *request["arguments"]]
    # The class took its parent from the environment when it was imported.
    kernelapp.launch_new_instance(parent_handle=os.getppid())


def search_path(environment: Mapping[str, str]) -> list[str]:
    """The folders of PYTHONPATH."""
    return [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]


def end_with(connection: socket.socket) -> None:
    """Kill this kernel and what it has started when nobody waits for it any more."""
    connection.settimeout(None)
    with contextlib.suppress(OSError):
        connection.recv(1)
    os.killpg(0, signal.SIGKILL)


# --- the process that Jupyter takes for the kernel ---


def stand_for_kernel(arguments: list[str]) -> int:
    """Ask for a kernel with these command line arguments, wait for its end and return its exit code.

    Where none is given, this process becomes an ordinary kernel.
    """
    request = {"arguments": arguments, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    text, pid, connection = json.dumps(request).encode() + b"\n", b"", socket.socket(socket.AF_UNIX)
    with contextlib.suppress(KeyError, OSError):
        connection.connect(os.environ[SERVER])
        connection.sendall(text[socket.send_fds(connection, [text], [0, 1, 2]) :])
        pid = connection.recv(MESSAGE)
    if not pid:
        print("this kernel starts the ordinary way", file=sys.stderr, flush=True)
        os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", *arguments])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.killpg(int(pid), number))
    parent = os.getppid()
    connection.settimeout(1)
    while os.getppid() == parent:
        try:
            code = int(connection.recv(MESSAGE) or 1)
        except TimeoutError:
            continue
        return code if code >= 0 else 128 - code
    return 1


def main() -> int:
    """Serve kernels to a command, or be one of them."""
    if sys.argv[1:2] == ["-f"]:
        return stand_for_kernel(sys.argv[1:])
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 2
    del sys.path[0]  # this folder, which kernels do not look into
    outcome = run(sys.argv[1:])
    if isinstance(outcome, int):
        return outcome
    become_kernel(outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
