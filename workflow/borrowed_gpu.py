"""The essential part of profile `large` on a GPU that is lent for an hour: benchmarks first, then method after method.

    python workflow/borrowed_gpu.py --minutes 50 --out borrowed --wheels wheels    # on the borrowed machine
    python workflow/borrowed_gpu.py --merge borrowed                               # at home: its results into runs/

It needs a Python with torch for CUDA, no network and no data: pictures are drawn and sentences spoken there. Packages of
requirements.lock that are missing may lie as wheels in a folder. The chapters do the work, as in ./run_all.sh, recipe after
recipe; sentences, epochs and steps are fewer than those of `large`, by the options, and stand in every manifest. Everything
goes into the folder `out`; started again with the same one it goes on where it stopped.
"""

import argparse
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
BENCHMARKS = ("gan_256", "gan", "modulated_256", "encoder", "reading")
PRIORITY = ("paper", "recommended", "one_scale", "two_scales", "text", "classifier", "norm", "norm_jel")  # Tables II, V, IV


def say(text: str, since: float = time.monotonic()) -> None:
    """Print a line with the minutes since the start."""
    print(f"[{(time.monotonic() - since) / 60:5.1f} min] {text}", flush=True)


def install(wheels: Path, folder: Path) -> None:
    """Unpack wheels into a folder of their own and let this process and its children find them."""
    files = sorted(map(str, wheels.glob("*.whl")))
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--upgrade",
        "--target",
        str(folder),
    ]
    subprocess.run([*command, *files], check=True)
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


def run_benchmarks(out: Path) -> None:
    """The GPU's rows of results/benchmarks.csv, one process per benchmark, and the growth of the cost."""
    for options in [[name] for name in BENCHMARKS] + [["--growth"]]:
        done = out / "done" / f"benchmark_{options[0].strip('-')}"
        if not done.exists():
            script = str(REPOSITORY / "benchmarks" / "run.py")
            if subprocess.run([sys.executable, script, *options, "--write", "--out", str(out / "results")]).returncode == 0:
                done.touch()


def goals(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Recipe after recipe: those so far, as ``--recipes`` has them, and the chapter that scores the new one, or trains it."""
    from s2i_lib.run.chapters import CHAPTERS
    from s2i_lib.run.plan import Job

    recipes = options.recipes.split(",")
    for number, recipe in enumerate(recipes, start=1):
        chapter = next(one for one in ("07_scores", "14_ablation", "06_gan") if recipe in CHAPTERS[one].recipes)
        own = recipe if CHAPTERS[chapter].scope == "recipe" else ""
        yield ",".join(recipes[:number]), Job(chapter, options.dataset, 0, own).output(options.profile)


def merge(out: Path) -> None:
    """Copy records, manifests and figures of a borrowed folder into the own results; benchmark rows replace their own kind."""
    import pandas as pd

    sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "benchmarks")]
    benchmarks = importlib.import_module("run")  # benchmarks/run.py

    for folder in ("runs/results/records", "runs/results/manifests", "runs/figures"):
        if (out / folder).exists():
            shutil.copytree(out / folder, REPOSITORY / folder, dirs_exist_ok=True)
    for name, keys in (("benchmarks.csv", benchmarks.KEYS), ("benchmarks_growth.csv", benchmarks.growth.KEYS)):
        if (out / "results" / name).exists():
            benchmarks.write(pd.read_csv(out / "results" / name, keep_default_na=False), REPOSITORY / "results" / name, keys)


def work(options: argparse.Namespace) -> int:
    """Everything that is not done yet, in the order of importance; returns 1 if something failed."""
    out = options.out.resolve()
    (out / "done").mkdir(parents=True, exist_ok=True)
    os.environ["S2I_ROOT"] = str(out)
    if options.wheels:
        install(options.wheels, out / "site")
    sys.path.insert(0, str(REPOSITORY))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    for name in ("workflow", "notebooks", "s2i_lib"):  # the project is here, its data and runs are in `out`
        if not (out / name).exists():
            (out / name).symlink_to(REPOSITORY / name)
    if options.profile == "large":
        overrides = {
            "data": {"spoken_captions": options.captions},
            "encoder": {"epochs": options.epochs},
            "gan": {"steps": options.steps},
            "scores": {"captions": 2000},
        }
        (out / "overrides.json").write_text(json.dumps(overrides))
        run_benchmarks(out)
    command = [sys.executable, "-m", "s2i_lib", "run", "--profile", options.profile, "--dataset", options.dataset]
    failed = []
    for recipes, chapter in goals(options):
        say(chapter)
        if subprocess.run([*command, "--recipes", recipes, chapter], cwd=out, check=False).returncode:
            failed.append(chapter)
    say(f"failed: {', '.join(failed)}" if failed else "everything is done")
    return int(bool(failed))


def main() -> None:
    """Do as much as the minutes allow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=50, help="stop after so many (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("borrowed"), help="folder for everything (default: %(default)s)")
    parser.add_argument("--wheels", type=Path, help="folder of wheels to install first")
    parser.add_argument(
        "--merge",
        type=Path,
        metavar="OUT",
        help="copy the results of a borrowed folder into runs/, the benchmarks into results/, and stop",
    )
    parser.add_argument("--profile", default="large", help="smoke tries the script on a processor (default: %(default)s)")
    parser.add_argument("--dataset", default="birds")
    parser.add_argument("--captions", type=int, default=2, help="sentences spoken per picture (default: %(default)s of 10)")
    parser.add_argument("--epochs", type=int, default=30, help="of the encoder (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20_000, help="of the generator (default: %(default)s)")
    parser.add_argument("--recipes", default=",".join(PRIORITY), help="in the order of importance (default: %(default)s)")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.merge:
        merge(options.merge)
        return
    if options.worker:
        sys.exit(work(options))
    # The work is a process of its own, which can be ended at any moment: trainings have checkpoints.
    worker = subprocess.Popen([sys.executable, __file__, *sys.argv[1:], "--worker"], start_new_session=True)
    try:
        sys.exit(worker.wait(60 * options.minutes))
    except subprocess.TimeoutExpired:
        say("time is up; start again with the same folder to go on")
    finally:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)  # and the processes that it started


if __name__ == "__main__":
    main()
