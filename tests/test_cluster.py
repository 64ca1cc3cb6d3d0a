"""The cluster profiles, with a stand-in for the queue and with SLURM: jobs get what they need, and failed ones run again."""

import os
import re
import subprocess
import sys
import time

import one_node_slurm
import pytest
import yaml
from stub_chapters import ROOT, edit, tree, write_notebook  # noqa: F401

from s2i_lib.config import load_config
from s2i_lib.run import forecast
from s2i_lib.run.drill import Project

PROFILES = ROOT / "workflow" / "profiles"
SNAKEFILE = (ROOT / "workflow" / "Snakefile").read_text()
RULES = set(re.findall(r"^(?:use rule \w+ as |rule )(\w+)", SNAKEFILE, re.MULTILINE)) - {"all"}
QUEUE = """#!/usr/bin/env bash
# Takes a script as a queue does: notes what was asked for, runs the script, prints a number.
for script; do :; done
echo "$@" >> "$(dirname "$0")/queue.log"
bash "$script" > "$script.out" 2>&1 < /dev/null
echo 1
"""


@pytest.mark.parametrize("name", ["slurm", "cluster"])
def test_a_profile_names_rules_that_exist(name):
    profile = yaml.safe_load((PROFILES / name / "config.yaml").read_text())
    assert {*profile["set-threads"], *profile.get("set-resources", {})} <= RULES
    assert profile["retries"] >= 1 and profile["jobs"] > 1


@pytest.mark.parametrize("name", ["slurm", "cluster"])
@pytest.mark.parametrize("dataset", ["cub", "oxford", "places"])
def test_the_papers_schedule_fits_into_the_limits(name, dataset):
    profile = yaml.safe_load((PROFILES / name / "config.yaml").read_text())
    minutes = (profile["retries"] + 1) * profile["set-resources"]["recipe_chapter"]["runtime"]
    config = load_config("paper", dataset, "paper")
    slowest = forecast.gan_step(config.gan, 1024).seconds(forecast.CARDS[0]) * config.gan.steps / 60
    assert minutes > 1.5 * slowest
    assert 1e6 * profile["default-resources"]["mem_mb"] > forecast.memory(config)


def test_training_chapters_ask_for_one_gpu():
    rule = SNAKEFILE[SNAKEFILE.index("as recipe_chapter with") :]
    assert re.search(r"resources: gpu=1\n", rule[: rule.index("use rule recipe_chapter")])


def cluster_profile(folder, submit="sbatch", **changes):
    """Write the cluster profile with changes into a project; threads are those of the rules, since this machine has fewer."""
    profile = yaml.safe_load((PROFILES / "cluster" / "config.yaml").read_text())
    command = profile["cluster-generic-submit-cmd"].replace("sbatch", submit)
    del profile["set-threads"]
    profile |= {"cluster-generic-submit-cmd": command, "latency-wait": 5, "seconds-between-status-checks": 1, **changes}
    path = folder / "workflow" / "profiles" / "cluster" / "config.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in profile.items() if value is not None}))


@pytest.mark.slow
def test_chapters_run_through_a_queue_and_a_failed_one_is_sent_again(tree):  # noqa: F811
    queue = tree / "queue.sh"
    queue.write_text(QUEUE)
    queue.chmod(0o755)
    cluster_profile(tree, str(queue), **{"cluster-generic-status-cmd": None, "cluster-generic-cancel-cmd": None})
    once = "from pathlib import Path\nfirst = Path('once').exists()\nPath('once').touch()\nassert first, 'the node went away'"
    edit(tree / "notebooks" / "05_speech_encoder.ipynb", lambda notebook: notebook.cells[2].update(source=once))
    target = "runs/birds-small-s0/paper/chapters/05_speech_encoder.ipynb"
    words = [target, "--snakefile", "workflow/Snakefile", "--cores", "2", "--workflow-profile", "workflow/profiles/cluster"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words],
        cwd=tree,
        env=os.environ | {"S2I_ROOT": str(tree)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tree / target).exists()
    asked = (tree / "queue.log").read_text().splitlines()
    assert sum("gpu:1" in line for line in asked) == 2 and sum("gpu:0" in line for line in asked) == 4


def words(environment, *command):
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.split()


def wait_for_job(environment, process, seen, seconds=600):
    """The number of a job that runs in SLURM and is none of those seen before."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        if found := set(words(environment, "squeue", "--noheader", "--states=RUNNING", "--format=%i")) - seen:
            return min(found)
        time.sleep(0.2)
    raise AssertionError("no further job was started")


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """The environment of a SLURM of one node."""
    if absent := one_node_slurm.missing():
        pytest.skip(f"SLURM is not installed: {', '.join(absent)}")
    with one_node_slurm.running(tmp_path / "slurm") as environment:
        monkeypatch.setenv("SLURM_CONF", environment["SLURM_CONF"])
        monkeypatch.setenv("PATH", environment["PATH"])
        yield environment


@pytest.mark.slow
def test_slurm_says_what_became_of_a_job(slurm, tmp_path):
    status = ("bash", str(PROFILES / "cluster" / "status.sh"))
    submit = ("sbatch", "--parsable", "--output=/dev/null", "--mem=1")
    good, bad, long = (words(slurm, *submit, f"--wrap={command}")[0] for command in ("true", "false", "sleep 600"))
    deadline = time.monotonic() + 120
    expected = {good: "success", bad: "failed", long: "running", "9999": "failed"}
    while any(words(slurm, *status, job) != [answer] for job, answer in expected.items()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    words(slurm, "scancel", "--signal=KILL", "--full", long)  # with its script, which can leave no message
    while words(slurm, *status, long) != ["failed"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert words(slurm | {"SLURM_CONF": "/nowhere"}, *status, good) == ["running"], "a controller that is away says nothing"


WAITING = """
import os, time
from pathlib import Path
root = Path(os.environ["S2I_ROOT"])
with open(root / "starts", "a") as file:
    file.write(os.environ["SLURM_JOB_ID"] + " " + os.environ.get("SLURM_RESTART_COUNT", "0") + "\\n")
while not (root / "go").exists():
    time.sleep(0.2)
"""


@pytest.mark.slow
def test_a_job_of_slurm_that_is_killed_is_sent_again_and_one_that_is_requeued_starts_again(slurm, tree):  # noqa: F811
    cluster_profile(tree)
    write_notebook(tree / "notebooks" / "01_data.ipynb", WAITING)
    target, starts = "data/birds-small/chapters/01_data.ipynb", tree / "starts"
    options = [target, "--snakefile", "workflow/Snakefile", "--cores", "2", "--workflow-profile", "workflow/profiles/cluster"]
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *options],
        cwd=tree,
        env=slurm | {"S2I_ROOT": str(tree)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def started(count, seconds=900):
        deadline = time.monotonic() + seconds
        while not starts.exists() or len(starts.read_text().splitlines()) < count:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return starts.read_text().split()[-2:]

    first, _ = started(1)
    words(slurm, "scancel", "--signal=KILL", "--full", first)
    second, restarts = started(2)
    assert second != first and restarts == "0"
    words(slurm, "scontrol", "requeue", second)
    words(slurm, "scontrol", "update", f"JobId={second}", "StartTime=now")  # it would wait two minutes
    assert started(3) == [second, "1"]
    (tree / "go").touch()
    printed, _ = process.communicate(timeout=900)
    assert process.returncode == 0 and (tree / target).exists(), printed


@pytest.mark.slow
def test_a_run_in_slurm_whose_jobs_are_killed_and_requeued_ends_with_the_same_numbers(slurm, tmp_path):
    calm = Project.make(tmp_path / "calm")
    code, printed = calm.finish()
    assert code == 0, printed
    project = Project.make(tmp_path / "disturbed", "--workflow-profile", "workflow/profiles/cluster")
    cluster_profile(project.folder)
    process, seen = project.start(), set()
    kill, requeue, nothing = ("scancel", "--signal=KILL", "--full"), ("scontrol", "requeue"), ("true",)
    try:
        for accident in (kill, nothing, requeue, nothing, kill, nothing, requeue, kill):
            job = wait_for_job(slurm, process, seen)
            seen.add(job)
            words(slurm, *accident, job)
            if accident == requeue:  # it would wait two minutes
                words(slurm, "scontrol", "update", f"JobId={job}", "StartTime=now")
        printed, _ = process.communicate(timeout=3000)
    finally:
        process.kill()
    assert process.returncode == 0, printed
    assert project.numbers() == calm.numbers()
