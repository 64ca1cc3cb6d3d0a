"""The workflow on tiny chapters: it follows the plan, runs a chapter again when it has to, and ends when it is stopped."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from nbformat.v4 import new_output
from stub_chapters import ROOT, edit, tree, write_notebook  # noqa: F401
from test_chapters import DATA, executions

from s2i_lib.run.command import ENVIRONMENT, environment, settle_times

OURS = "recipes=paper,recommended"


def snakemake(tree, *options):  # noqa: F811
    """Run Snakemake as run_all.sh does."""
    words = ["--snakefile", "workflow/Snakefile", "--cores", "1", "--nolock", "--scheduler", "greedy"]
    words += ["--rerun-triggers", "params", "input", "mtime"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *options, *words],
        cwd=tree,
        env=os.environ | {"S2I_ROOT": str(tree)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def planned(tree, *options):  # noqa: F811
    """What a dry run would start: (chapter, parameters), in order."""
    text = snakemake(tree, *options, "--dry-run", "--printshellcmds")
    commands = re.findall(r"run\.execute \S*?(\w+)\.ipynb \S+ --log \S+\s+--parameters (.*)", text)
    return [(chapter, tuple(parameters.split())) for chapter, parameters in commands]


@pytest.mark.parametrize(
    "words, options",
    [
        (["seeds=0,1", OURS], {"seeds": (0, 1), "recipes": ("paper", "recommended")}),
        (["datasets=birds,flowers,rooms", "more_seeds=1,2"], {"datasets": ("birds", "flowers", "rooms"), "more_seeds": (1, 2)}),
        (["profile=paper", "datasets=cub,places"], {"profile": "paper", "datasets": ("cub", "places")}),
    ],
)
def test_snakemake_follows_the_plan(tree, words, options):  # noqa: F811
    found = planned(tree, "--config", *words)
    expected = executions(**options)
    assert len(found) == len(expected) and set(found) == set(expected)
    order = [name for name, parameters in found if "seed=1" not in parameters and "seed=2" not in parameters]
    assert order.index("01_data") < order.index("04_teacher") < order.index("05_speech_encoder") < order.index("07_scores")


@pytest.mark.slow
def test_a_chapter_runs_again_when_its_code_changes_and_not_when_its_outputs_do(tree):  # noqa: F811
    target = "data/birds-small/chapters/01_data.ipynb"
    snakemake(tree, target)
    assert "small 0" in (tree / target).read_text()
    assert planned(tree, target) == []
    assert planned(tree, target, "--config", "seeds=1", "recipes=paper") == []  # data is shared by seeds and recipes

    def show(notebook):
        notebook.cells[2].outputs = [new_output("stream", text="seen")]

    def change(notebook):
        notebook.cells[2].source += "  # changed"

    edit(tree / "notebooks" / "01_data.ipynb", show)
    assert planned(tree, target) == []
    edit(tree / "notebooks" / "01_data.ipynb", change)
    assert planned(tree, target) == [("01_data", tuple(DATA))]


def test_a_chapter_runs_again_when_values_of_ones_own_change(tree):  # noqa: F811
    target = "data/birds-small/chapters/01_data.ipynb"
    snakemake(tree, target)
    (tree / "overrides.json").write_text('{"gan": {"steps": 3}}')
    assert planned(tree, target) == []
    (tree / "overrides.json").write_text('{"data": {"seed": 3}}')
    assert planned(tree, target) == [("01_data", tuple(DATA))]


# --- run_all.sh ---

TARGET = "data/birds-small/chapters/01_data.ipynb"


def heed_signals():
    """Tests that run in the background, or under `nohup`, ignore some signals; what they start must not inherit that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Project:
    """A tree that ./run_all.sh can be started in."""

    def __init__(self, root):
        self.root, self.started = root, []
        for name in ("run_all.sh", "requirements.lock", ".gitignore"):
            shutil.copy(ROOT / name, root / name)

    def start(self, *options, **environment):
        cores = [] if {"--cores", "--publish"} & set(options) else ["--cores", "1"]  # as kernels of run_tests.sh are forked for
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        process = subprocess.Popen(
            ["bash", "run_all.sh", *options, *cores],
            cwd=self.root,
            env=os.environ | {"PATH": path, "VIRTUAL_ENV": sys.prefix, "S2I_ROOT": str(self.root)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=heed_signals,  # noqa: PLW1509  no threads here
        )
        self.started.append(process)
        return process

    def run(self, *options, **environment):
        process = self.start(*options, **environment)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def write(self, chapter, *code):
        write_notebook(self.root / "notebooks" / f"{chapter}.ipynb", *code)


@pytest.fixture
def project(tree):  # noqa: F811
    project = Project(tree)
    yield project
    for process in project.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


SLEEPING = """
import os, time
from pathlib import Path
from s2i_lib.progress import bar
root = Path(os.environ["S2I_ROOT"])
for second in bar(range(600), desc="sleeping", unit="second"):
    with open(root / "alive", "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(0.1 if not (root / "quick").exists() else 0)
"""


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_run_says_what_it_does_and_where_to_look(project):
    done = project.run(TARGET, "data/birds-small/chapters/02_speech.ipynb", "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [re.sub(r"^\[[0-9:]{8}\] ", "", line) for line in done.stdout.splitlines()]
    assert lines[0].startswith("Chapters to run: 2")
    first = "chapter 1 of 2: 01_data profile=small dataset=birds"
    assert lines[1] == f"{first}: started" and lines[2].startswith(f"{first}: finished in ")
    assert lines[3] == "chapter 2 of 2: 02_speech profile=small dataset=birds: started" and len(lines) == 5
    again = project.run(TARGET)
    assert again.returncode == 0 and "chapter" not in again.stdout


def test_kernels_of_smoke_chapters_have_the_libraries_already_and_their_server_ends_with_the_run(project, monkeypatch):
    project.write("01_data", "import sys", "assert 'torch' in sys.modules", "import os; print(os.environ['S2I_KERNEL_SERVER'])")
    target = "data/birds-smoke/chapters/01_data.ipynb"
    for name in ("S2I_KERNEL_SERVER", "JUPYTER_PATH"):  # of the tests themselves
        monkeypatch.delenv(name, raising=False)
    done = project.run("--profile", "smoke", "--dataset", "birds", target)
    assert done.returncode == 0, done.stdout + done.stderr
    server = re.search(r'"(/\S+)/server', (project.root / target).read_text())
    assert server and not Path(server[1]).exists()


def test_a_failure_names_chapter_and_cell_and_shows_the_end_of_the_log(project):
    project.write("01_data", "print('before')", "raise ValueError('no such bird')")
    done = project.run(TARGET)
    assert done.returncode not in (0, 2, 3)
    assert "error: 01_data profile=small dataset=birds: cell 4 raised ValueError: no such bird" in done.stdout
    assert "The whole log: data/birds-small/logs/01_data.log" in done.stdout
    assert "chapter 1 of 1: 01_data profile=small dataset=birds: failed after" in done.stdout
    assert (project.root / TARGET).with_suffix(".failed.ipynb").exists() and not (project.root / TARGET).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_nothing_trains_on_after_a_signal_and_the_next_start_goes_on(project, number):
    project.write("01_data", SLEEPING)
    alive = project.root / "alive"
    process = project.start(TARGET)
    wait_for(alive.exists)
    if number == signal.SIGTERM:
        busy = project.run(TARGET)
        assert busy.returncode == 2 and busy.stderr.count("\n") == 1
        assert busy.stderr.startswith("error: another ./run_all.sh is at work")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == -9 if number == signal.SIGKILL else process.returncode > 0, out + err
    kernel = Path(f"/proc/{alive.read_text().split()[0]}")
    wait_for(lambda: not kernel.exists() or "State:\tZ" in (kernel / "status").read_text(), 30)
    assert not (project.root / TARGET).exists()
    if number in (signal.SIGTERM, signal.SIGKILL):
        (project.root / "quick").touch()
        done = project.run(TARGET)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (project.root / TARGET).exists()


def test_a_signal_that_is_ignored_stays_ignored(project):
    project.write("01_data", SLEEPING)
    (project.root / "run_all.sh").write_text("trap '' HUP\n" + (project.root / "run_all.sh").read_text())
    process = project.start(TARGET)
    wait_for((project.root / "alive").exists)
    process.send_signal(signal.SIGHUP)
    (project.root / "quick").touch()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err


def test_a_log_keeps_the_last_state_of_every_bar(project):
    project.write("01_data", SLEEPING)
    (project.root / "quick").touch()
    assert project.run(TARGET).returncode == 0
    log = (project.root / "data/birds-small/logs/01_data.log").read_text()
    assert log.count("sleeping: 600/600 second") == 1 and "\r" not in log and "█" not in log


def test_a_run_leaves_the_checkout_clean(project):
    """A stub of what chapters write: records, a manifest, a table and a figure."""
    (project.root / "results" / "records").mkdir(parents=True)
    (project.root / "results" / "records" / "birds-small-s0-01_data.csv").write_text("committed\n")
    project.write(
        "01_data",
        """
from s2i_lib.config import load_config
from s2i_lib.files import save_text
config = load_config(profile, dataset)
save_text(config.results_dir / "records" / "birds-small-s0-01_data.csv", "own\\n")
save_text(config.results_dir / "manifests" / "birds-small-s0-01_data.json", '{"longest_seconds": 9.0}')
save_text(config.results_dir / "table_2_small.csv", "own\\n")
save_text(config.figures_dir / "01_data.png", "own\\n")
""",
    )
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-C", str(project.root)]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *words], check=True, capture_output=True)

    def status():
        return subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True, text=True).stdout

    done = project.run(TARGET)
    assert done.returncode == 0, done.stdout + done.stderr
    assert status() == "" and (project.root / "runs" / "results" / "table_2_small.csv").exists()
    done = project.run("--publish")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "results/records/birds-small-s0-01_data.csv: replaced" in done.stdout
        and "figures/birds/01_data.png: new" in done.stdout
    )
    changed = {line[3:] for line in status().splitlines()}
    assert changed == {
        "figures/",
        "notebooks/01_data.ipynb",
        "results/manifests/",
        "results/records/birds-small-s0-01_data.csv",
        "results/table_2_small.csv",
    }
    assert (project.root / "results" / "records" / "birds-small-s0-01_data.csv").read_text() == "own\n"


def test_publishing_nothing_is_one_sentence(project):
    done = project.run("--publish")
    assert done.returncode == 2 and done.stderr.startswith("error: no chapter has been run") and done.stderr.count("\n") == 1
    assert project.run("--publish", "--profile", "smoke").returncode == 2


def test_a_run_without_the_shell_script_has_the_same_environment():
    lines = (ROOT / "workflow" / "environment.sh").read_text().splitlines()
    exported = [line.partition("export ")[2].partition("  #")[0] for line in lines if "export " in line.partition("  #")[0]]
    values = dict(word.split("=", 1) for line in exported for word in line.split())
    values = {name: value.replace("$PWD", str(ROOT)) for name, value in values.items()}
    assert values.pop("PYTHONPATH") and values == ENVIRONMENT


def test_what_a_user_has_set_for_other_programs_stays_out(monkeypatch):
    theirs = {
        "PIP_USER": "1",
        "PIP_TARGET": "/nowhere",
        "PYTHONSTARTUP": "/nowhere.py",
        "PYTHONOPTIMIZE": "1",
        "SNAKEMAKE_PROFILE": "mine",
        "IPYTHONDIR": "/nowhere",
        "JUPYTER_CONFIG_PATH": "/nowhere",
        "MATPLOTLIBRC": "/nowhere",
        "CDPATH": "/",
    }
    kept = {
        "PIP_INDEX_URL": "https://example.org/simple",
        "PIP_CACHE_DIR": "/tmp/pip",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    for name, value in (theirs | kept).items():
        monkeypatch.setenv(name, value)
    shown = subprocess.run(
        ["bash", "-c", "source workflow/environment.sh; env -0"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = dict(entry.split("=", 1) for entry in shown.stdout.split("\0") if entry)
    assert not [name for name, value in theirs.items() if found.get(name) == value]
    assert {name: found.get(name) for name in kept} == kept
    own = environment()
    assert not [
        name for name, value in theirs.items() if own.get(name) == value and not name.startswith("PIP") and name != "CDPATH"
    ]


def test_a_matplotlibrc_of_the_user_changes_no_figure(tmp_path):
    (tmp_path / ".config" / "matplotlib").mkdir(parents=True)
    (tmp_path / ".config" / "matplotlib" / "matplotlibrc").write_text("figure.dpi: 7\n")
    show = "source workflow/environment.sh; $PYTHON -c 'import matplotlib; print(matplotlib.rcParams[\"figure.dpi\"])'"
    variables = {name: value for name, value in os.environ.items() if name not in ("MATPLOTLIBRC", "MPLCONFIGDIR")}
    variables |= {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")}
    shown = subprocess.run(["bash", "-c", show], cwd=ROOT, env=variables, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "100.0"


def small_wheel(folder, name="small_package"):
    """A package with one empty module, as pip installs it."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
    return path


@pytest.mark.parametrize("elsewhere", [None, "prefix", "root", "target", "user"])
def test_packages_are_installed_into_the_environment_whatever_a_pip_configuration_says(tmp_path, elsewhere):
    pip = pytest.importorskip("pip")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    configuration = tmp_path / "pip.conf"
    value = "true" if elsewhere == "user" else tmp_path / "elsewhere"
    configuration.write_text(f"[install]\n{elsewhere} = {value}\n" if elsewhere else "")
    # pip of this environment, so that no second one need be installed
    variables = os.environ | {"PIP_CONFIG_FILE": str(configuration), "PYTHONPATH": str(Path(pip.__file__).parents[1])}
    install = 'source workflow/environment.sh; install_into "$1" --no-index --no-deps "$2"'
    subprocess.run(
        ["bash", "-euc", install, "bash", tmp_path / "env", small_wheel(tmp_path)], cwd=ROOT, env=variables, check=True
    )
    [module] = tmp_path.rglob("small_package.py")
    assert module.is_relative_to(tmp_path / "env") and not (tmp_path / "elsewhere").exists()
    subprocess.run([tmp_path / "env" / "bin" / "python", "-c", "import small_package"], check=True)
    assert not (ROOT / "lib").exists() and not (ROOT / "bin").exists()


def test_a_link_to_the_script_and_a_search_path_for_folders_do_no_harm(tmp_path):
    link = tmp_path / "everything.sh"
    link.symlink_to(ROOT / "run_all.sh")
    (tmp_path / "other").mkdir()
    shown = subprocess.run(
        [link, "--help"], cwd=tmp_path / "other", env=os.environ | {"CDPATH": "/:."}, capture_output=True, text=True
    )
    assert shown.returncode == 0 and shown.stdout.startswith("usage: ./run_all.sh")


def test_chapters_of_tomorrow_become_chapters_of_today(tmp_path):
    """As after a clock that was put back: what is made from them would be older than they are, for which Snakemake stops."""
    old, new = (tmp_path / "runs" / "recommended" / "chapters" / f"{name}.ipynb" for name in ("old", "new"))
    old.parent.mkdir(parents=True)
    for path, when in ((old, time.time() - 86_400), (new, time.time() + 86_400)):
        path.write_text("{}")
        os.utime(path, (when, when))
    before = old.stat().st_mtime
    settle_times(tmp_path / "runs")
    assert old.stat().st_mtime == before and old.stat().st_mtime < new.stat().st_mtime <= time.time()
