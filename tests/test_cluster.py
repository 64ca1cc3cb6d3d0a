"""The cluster profiles, with a stand-in for the queue: jobs ask for what they need, and a failed one is sent again."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from stub_chapters import ROOT, edit, tree  # noqa: F401

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


def test_training_chapters_ask_for_one_gpu():
    rule = SNAKEFILE[SNAKEFILE.index("as recipe_chapter with") :]
    assert re.search(r"resources: gpu=1\n", rule[: rule.index("use rule recipe_chapter")])


@pytest.mark.slow
def test_chapters_run_through_a_queue_and_a_failed_one_is_sent_again(tree):  # noqa: F811
    queue = tree / "queue.sh"
    queue.write_text(QUEUE)
    queue.chmod(0o755)
    profile = yaml.safe_load((PROFILES / "cluster" / "config.yaml").read_text())
    submit = profile["cluster-generic-submit-cmd"].replace("qsub", str(queue))
    shutil.rmtree(tree / "workflow" / "profiles")
    (tree / "workflow" / "profiles" / "cluster").mkdir(parents=True)
    del profile["set-threads"]  # this machine has fewer
    profile |= {"cluster-generic-submit-cmd": submit, "latency-wait": 5, "seconds-between-status-checks": 1}
    (tree / "workflow" / "profiles" / "cluster" / "config.yaml").write_text(yaml.safe_dump(profile))
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
    assert sum("gpu=1" in line for line in asked) == 2 and sum("gpu=0" in line for line in asked) == 4
