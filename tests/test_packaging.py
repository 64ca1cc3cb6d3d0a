"""One set of versions everywhere, and shell scripts that explain themselves."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from s2i_lib.config import PROFILE_NAMES, RECIPE_NAMES

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK_LINES = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
SCRIPTS = ["run_all.sh", "run_tests.sh", ".ci/run", "workflow/environment.sh"]


def bash(*command):
    return subprocess.run(["bash", *command], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)


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
    handled = set(
        re.findall(
            r"--[a-z-]+",
            " ".join(
                line for line in (ROOT / "run_all.sh").read_text().splitlines() if re.match(r"\s+(-\w \| )?--[a-z -|]+\)", line)
            ),
        )
    )
    assert {"--profile", "--dataset", "--seed", "--seeds", "--recipes", "--dry-run", "--cores", "--help"} <= handled
    for word in [*handled, *PROFILE_NAMES, *RECIPE_NAMES]:
        assert word in usage.stdout, word


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--profile", "tiny"], PROFILE_NAMES),
        (["--profile=tiny"], PROFILE_NAMES),
        (["--recipes", "best"], RECIPE_NAMES),
        (["--seeds", "one"], ["0,1,2"]),
        (["--cores", "0"], ["all"]),
        (["--profile"], ["--help"]),
    ],
)
def test_a_wrong_option_is_one_sentence_and_exit_code_2(arguments, named):
    attempt = bash("run_all.sh", *arguments)
    assert attempt.returncode == 2
    assert attempt.stderr.startswith("error: ") and attempt.stderr.count("\n") == 1
    assert all(name in attempt.stderr for name in named)


def test_run_tests_takes_no_options():
    assert bash("run_tests.sh", "--fast").returncode == 2
    assert bash("run_tests.sh", "--help").returncode == 0
