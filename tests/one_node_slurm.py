"""A Slurm of one node on this machine, private to whoever starts it: own files, own ports, own key, no root needed.

    python tests/one_node_slurm.py FOLDER    # prints how to use it, and runs until it is interrupted

Needs Debian's packages slurmctld, slurmd, slurm-client and munge (22.05 was tried).
"""

import contextlib
import getpass
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue")
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
# Real numbers of cores and memory are not looked at, and the GPU is one in name only: what is tried is the queue.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
JobRequeue=1
ReturnToService=2
NodeName={host} CPUs=16 RealMemory=64000 Gres=gpu:1 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """The programs that are not installed."""
    return [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def running(folder: Path, seconds: float = 120) -> Iterator[dict[str, str]]:
    """Start it; yields the environment in which ``sbatch`` and the others find it, and ends it with all its jobs.

    Raises:
        RuntimeError: it is not ready in time; the message ends with its logs.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o600)
    host = socket.gethostname().split(".")[0]
    values = {"host": host, "user": getpass.getuser(), "folder": folder, "controller": _free_port(), "node": _free_port()}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**values))
    (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File=/dev/null\n")
    environment = os.environ | {"PATH": PATH, "SLURM_CONF": str(folder / "slurm.conf")}
    munge = [f"--{name}={folder}/munge.{name}" for name in ("socket", "pid-file", "log-file", "seed-file")]
    commands = (
        ["munged", "--foreground", "--force", f"--key-file={folder}/munge.key", *munge],
        ["slurmctld", "-D", "-i"],
        ["slurmd", "-D"],
    )
    daemons = []
    try:
        for command in commands:
            with open(folder / f"{command[0]}.out", "wb") as log:
                daemons.append(subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
            time.sleep(0.5)
        deadline = time.monotonic() + seconds
        while "IDLE" not in (state := _output(["scontrol", "show", "node", host], environment)):
            if time.monotonic() > deadline:
                logs = [path.read_text()[-2000:] for path in folder.glob("*.out")]
                raise RuntimeError("\n".join(["Slurm does not start:", state, *logs]))
            time.sleep(0.5)
        yield environment
    finally:
        _output(["scancel", "--user", getpass.getuser()], environment)
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            daemon.wait(timeout=60)


def _output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


if __name__ == "__main__":
    if missing():
        sys.exit(f"not installed: {', '.join(missing())}")
    with running(Path(sys.argv[1]).absolute()) as environment, contextlib.suppress(KeyboardInterrupt):
        print(f"export SLURM_CONF={environment['SLURM_CONF']}", flush=True)
        time.sleep(10**9)
