"""One set of versions everywhere, and shell scripts that explain themselves."""

import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from s2i_lib.config import PROFILE_NAMES
from s2i_lib.datasets import DATASETS
from s2i_lib.recipes import RECIPES
from s2i_lib.run import options
from s2i_lib.run.options import OptionError, Options, parse

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK_LINES = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
SCRIPTS = ["run_all.sh", "run_tests.sh", ".ci/run", "workflow/environment.sh"]


def bash(*command):
    return subprocess.run(["bash", *command], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def locked(python_version):
    """What the lock installs on Linux x86-64: canonical name -> version."""
    environment = {
        "python_version": python_version.rpartition(".")[0],
        "python_full_version": python_version,
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
    }
    requirements = [Requirement(line) for line in LOCK_LINES]
    return {
        canonicalize_name(r.name): str(r.specifier).removeprefix("==")
        for r in requirements
        if r.marker is None or r.marker.evaluate(environment)
    }


def test_lock_holds_exact_versions_and_nothing_else():
    for line in LOCK_LINES:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[^ *]+( ; .+)?", line), line
    header = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if line.startswith("#")]
    assert "uv pip compile pyproject.toml" in " ".join(header)
    assert not re.search(r"https?:|file:|/tmp|/home|--index|--find", " ".join([*header, *LOCK_LINES]))


@pytest.mark.parametrize("python_version", ["3.11.2", "3.11.9", "3.12.4"])
def test_direct_dependencies_are_locked_at_the_same_version(python_version):
    versions = locked(python_version)
    for dependency in map(Requirement, PROJECT["dependencies"]):
        assert str(dependency.specifier) == f"=={versions[canonicalize_name(dependency.name)]}", dependency


def test_python_versions_agree():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    python = next(line for line in conda["dependencies"] if str(line).startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert {"pip": ["-r requirements.lock"]} in conda["dependencies"]
    assert PROJECT["requires-python"] == ">=3.11,<3.13"
    assert "(3, 11) <= sys.version_info[:2] <= (3, 12)" in (ROOT / "workflow" / "environment.sh").read_text()


def test_citation_names_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["references"][0]["doi"] == "10.1109/JSTSP.2020.2987417"
    assert citation["license"] == PROJECT["license"] == "MIT"


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_parse(script):
    check = bash("-n", script)
    assert check.returncode == 0, check.stderr


def test_help_names_every_option_profile_and_recipe():
    usage = bash("run_all.sh", "--help")
    assert usage.returncode == 0
    handled = {f"--{field.name.replace('_', '-')}" for field in fields(Options)} - {"--datasets", "--snakemake"}
    assert {"--profile", "--seeds", "--more-seeds", "--recipes", "--dry-run", "--cores", "--publish", "--recipe"} == handled
    for word in [*handled, "--dataset", "--seed", "--help", *PROFILE_NAMES, *RECIPES, *DATASETS]:
        assert word in usage.stdout, word
    for recipe in RECIPES.values():
        assert " ".join(recipe.description.split()) in " ".join(usage.stdout.split()), recipe.name
    assert tuple(options.PROFILES) == PROFILE_NAMES


def test_help_needs_no_packages():
    """Nor does a wrong option: both are answered before an environment is made."""
    command = [sys.executable, "-S", "-m", "s2i_lib.run.options"]  # -S: without site-packages
    usage = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert usage.returncode == 0 and all(name in usage.stdout for name in RECIPES)
    wrong = subprocess.run([*command, "--profile", "tiny"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and wrong.stdout.startswith("error: profile 'tiny' is unknown")
    right = subprocess.run([*command, "--profile", "smoke"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (right.returncode, right.stdout) == (0, "")


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--profile", "tiny"], PROFILE_NAMES),
        (["--profile=tiny"], PROFILE_NAMES),
        (["--recipes", "best"], RECIPES),
        (["--recipes", "text_v1"], ["text_v1 uses the encoder of text; ask for both"]),
        (["--recipes=one_scale,norm"], ["one_scale uses the encoder of paper; ask for both"]),
        (["--recipe", "best"], RECIPES),
        (["--seeds", "one"], ["0,1,2"]),
        (["--seed", "-1"], ["0,1,2"]),
        (["--more-seeds", "1,"], ["1,2"]),
        (["--cores", "0"], ["all"]),
        (["--cores=x"], ["all"]),
        (["--profile"], ["--help"]),
        (["--more-seeds"], ["--help"]),
    ],
)
def test_a_wrong_option_is_one_sentence_and_exit_code_2(arguments, named):
    attempt = bash("run_all.sh", *arguments)
    assert attempt.returncode == 2
    assert attempt.stderr.startswith("error: ") and attempt.stderr.count("\n") == 1
    assert all(name in attempt.stderr for name in named)


def test_options_have_the_defaults_that_suit_the_profile():
    assert parse([]) == Options(more_seeds=(1, 2)) and parse([]).recipes == tuple(RECIPES)
    assert parse(["--profile", "smoke"]).more_seeds == () and parse(["--more-seeds", ""]).more_seeds == ()
    given = parse(["--profile=large", "--dataset=birds,rooms", "--seeds=0,3", "--more-seeds=4", "--recipes=paper", "--cores=2"])
    assert given == Options("large", ("birds", "rooms"), (0, 3), (4,), ("paper",), "2")
    assert parse(["--seed", "3", "-n"]).seeds == (3,) and parse(["-n"]).dry_run and not parse([]).dry_run
    assert parse(["--publish", "--recipe=paper"]).publish


def test_everything_else_goes_to_snakemake_as_it_is():
    words = ["--forceall", "--executor", "slurm", "-np", "a/b.ipynb", "--set-threads", "recipe_chapter=1", "-j4", "--rec"]
    assert parse([*words[:3], "--profile", "smoke", *words[3:]]).snakemake == tuple(words)
    with pytest.raises(OptionError, match="profile"):
        parse(["--profile", "--forceall"])


def test_run_tests_takes_no_options():
    assert bash("run_tests.sh", "--fast").returncode == 2
    assert bash("run_tests.sh", "--help").returncode == 0
