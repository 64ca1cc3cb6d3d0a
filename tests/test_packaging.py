"""One set of versions everywhere, and shell scripts that explain themselves."""

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from s2i_lib.config import PROFILE_NAMES
from s2i_lib.datasets import DATASETS
from s2i_lib.recipes import RECIPES
from s2i_lib.run import command, options
from s2i_lib.run.options import OptionError, Options, parse

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
BASE = [Requirement(line) for line in PROJECT["dependencies"]]
GROUPS = {
    name: [Requirement(line) for line in lines] for name, lines in PROJECT["optional-dependencies"].items() if name != "all"
}
DIRECT = [*BASE, *chain.from_iterable(GROUPS.values())]
LOCK = (ROOT / "requirements.lock").read_text().splitlines()
LOCK_LINES = [line for line in LOCK if not line.startswith("#")]
PYTHON_VERSIONS = [f"3.{minor}" for minor in range(8, 20) if f"3.{minor}" in SpecifierSet(PROJECT["requires-python"])]
SCRIPTS = ["run_all.sh", "run_tests.sh", ".ci/run", "workflow/environment.sh"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def bash(*command):
    # The Python of the tests comes first: with its packages, help texts name the data sets.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path}
    return subprocess.run(
        ["bash", *command], cwd=ROOT, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )


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
    header = " ".join(line for line in LOCK if line.startswith("#"))
    assert "uv pip compile pyproject.toml --all-extras" in header


def test_lock_names_no_index_and_no_host():
    assert not re.search(
        r"https?:|file:|/tmp|/home|--(extra-)?index-url|--find|--trusted|\.(org|com|io|net)\b", "\n".join(LOCK)
    )


@pytest.mark.parametrize("python_version", ["3.11.2", "3.11.9", "3.12.4", "3.13.0"])
def test_direct_dependencies_are_locked_at_the_same_version(python_version):
    versions = locked(python_version)
    for dependency in DIRECT:
        assert str(dependency.specifier) == f"=={versions[canonicalize_name(dependency.name)]}", dependency


def test_every_dependency_stands_in_one_group_and_all_is_all_of_them():
    names = [canonicalize_name(dependency.name) for dependency in DIRECT]
    assert len(names) == len(set(names))
    assert {"speech", "notebooks", "workflow", "test", "dev"} <= set(GROUPS)
    (everything,) = map(Requirement, PROJECT["optional-dependencies"]["all"])
    assert everything.name == PROJECT["name"] and everything.extras == set(GROUPS)


def test_every_dependency_says_what_uses_it():
    lines = [line for line in (ROOT / "pyproject.toml").read_text().splitlines() if re.match(r'\s+"[^"]+==[^"]+",', line)]
    assert len(lines) == len(DIRECT)
    for line in lines:
        assert re.search(r"  # \w", line), line


IMPORTED_BY_INFERENCE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in %r:
            raise ImportError(f"{name} is no dependency of the inference group")

sys.meta_path.insert(0, Refuse())
import s2i_lib.__main__, s2i_lib.inference
assert not [name for name in sys.modules if name.startswith("s2i_lib.training")]
"""


def test_inference_imports_what_the_first_group_installs():
    imports = {"hibari-tts": "hibari", "efficientnet-lite-pytorch": "efficientnet_lite_pytorch", "py-cpuinfo": "cpuinfo"}
    others = {imports.get(r.name, r.name.replace("-", "_")) for r in chain.from_iterable(GROUPS.values())}
    others -= {"packaging"}  # torch imports it where it is installed
    run = subprocess.run(
        [sys.executable, "-c", IMPORTED_BY_INFERENCE % others], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_types_and_tables_are_shipped():
    assert (ROOT / "s2i_lib" / "py.typed").read_text() == ""
    assert PYPROJECT["tool"]["setuptools"]["package-data"] == {
        "s2i_lib": [
            "py.typed",
            "model_card.md",
            "widgets/recorder.js",
            "results/findings.md",
            "results/report.md",
            "datasets/photos/oxford_species.csv",
        ]
    }
    for name in PYPROJECT["tool"]["setuptools"]["package-data"]["s2i_lib"]:
        assert (ROOT / "s2i_lib" / name).is_file()


def test_the_type_checker_makes_no_exceptions():
    settings = PYPROJECT["tool"]["mypy"]
    assert settings["disallow_untyped_defs"] and settings["check_untyped_defs"] and settings["warn_unused_ignores"]
    for exception in settings["overrides"]:
        assert set(exception) == {"module", "ignore_missing_imports"}  # packages without types, by name
        assert not [name for name in exception["module"] if name.startswith(("s2i_lib", "*"))]


def test_python_versions_agree():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    python = next(line for line in conda["dependencies"] if str(line).startswith("python="))
    assert python.removeprefix("python=") in PYTHON_VERSIONS
    assert {"pip": ["-r requirements.lock"]} in conda["dependencies"]
    first, last = (f"(3, {version.removeprefix('3.')})" for version in (PYTHON_VERSIONS[0], PYTHON_VERSIONS[-1]))
    environment = (ROOT / "workflow" / "environment.sh").read_text()
    assert environment.count(f"{first} <= sys.version_info[:2] <= {last}") == 2
    assert all(f"python{version}" in environment for version in PYTHON_VERSIONS)
    assert PYPROJECT["tool"]["mypy"]["python_version"] == PYTHON_VERSIONS[0]
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py" + PYTHON_VERSIONS[0].replace(".", "")


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_hosted_workflows_are_bounded_and_may_only_read(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is True
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 300
        for step in job["steps"]:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v0"))


def test_hosted_tests_are_those_of_the_readme():
    tests, nightly = (
        yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text()) for name in ("tests.yml", "nightly.yml")
    )
    (job,) = tests["jobs"].values()
    every_night = nightly["jobs"]["all"]
    assert "pip-audit --requirement requirements.lock" in commands(nightly["jobs"]["audit"])[0]
    assert job["strategy"]["matrix"]["python"] == PYTHON_VERSIONS
    assert commands(job) == ["./run_tests.sh"] and commands(every_night) == ["./run_tests.sh --all"]
    assert set(tests[True]) == {"push", "pull_request"} and "schedule" in nightly[True]  # YAML reads the key `on` as true
    assert re.search(r"^\./run_tests\.sh\b", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    assert "exec ./run_tests.sh" in (ROOT / ".ci" / "run").read_text()


def test_pre_commit_downloads_nothing():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    assert {"ruff-check", "ruff-format", "mypy", "notebooks"} == {hook["id"] for hook in repository["hooks"]}


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
    assert parse([]) == Options(more_seeds=(1, 2))
    assert parse([]).recipes == tuple(name for name, recipe in RECIPES.items() if recipe.kind != "release")
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


def test_a_comparing_chapter_as_a_target_wants_all_its_recipes():
    target = "runs/tables-smoke/chapters/16_table_5.ipynb"
    with pytest.raises(ValueError, match=f"{target} compares recipes that this run leaves out; add one_scale,two_scales to"):
        command.run(["--profile", "smoke", "--recipes", "paper", target])


def test_run_tests_says_what_its_tiers_are():
    assert bash("run_tests.sh", "--fast").returncode == 2
    usage = bash("run_tests.sh", "--help")
    assert usage.returncode == 0 and "--all" in usage.stdout and "not slow" in usage.stdout


def test_reading_the_environment_twice_changes_nothing():
    show = "source workflow/environment.sh; source workflow/environment.sh; echo $PYTHONPATH"
    once = subprocess.run(["bash", "-c", show.partition(";")[2]], cwd=ROOT, capture_output=True, text=True)
    twice = subprocess.run(["bash", "-c", show], cwd=ROOT, capture_output=True, text=True)
    assert twice.returncode == once.returncode == 0 and twice.stdout == once.stdout
