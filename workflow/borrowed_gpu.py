"""The essential part of profile `large` on a GPU that is lent for an hour: benchmarks first, then method after method.

    python workflow/borrowed_gpu.py --minutes 50 --out borrowed --wheels wheels    # on the borrowed machine
    python workflow/borrowed_gpu.py --merge borrowed                               # at home: its results into runs/

It needs a Python with torch for CUDA, no network and no data: pictures are drawn and sentences spoken there. Packages of
requirements.lock that are missing may lie as wheels in a folder (pydantic, hibari-tts, soundfile, efficientnet-lite-pytorch and
what they need). Everything goes into the folder `out`; started again with the same one it goes on where it stopped. The network
sizes are those of `large`; sentences, epochs and steps are fewer, by the options, and stand in every manifest.
"""

import argparse
import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from s2i_lib.config import Config

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


def prepare(config: "Config") -> None:
    """Chapters 01 to 04: pictures, speech, spectrograms, teacher features and classifiers. What is there is kept."""
    from s2i_lib.devices import mixed_precision
    from s2i_lib.preparation.features import write_log_mels, write_teacher_features
    from s2i_lib.preparation.images import write_images
    from s2i_lib.preparation.speech import write_speech
    from s2i_lib.training.classifiers import train_classifier

    say(f"drawing and speaking {config.data_dir.name}")
    write_images(config)
    write_speech(config)
    write_log_mels(config)
    with mixed_precision(config):
        write_teacher_features(config)
    for kind in ("attributes", "classes"):
        train_classifier(config, kind)


def train(config: "Config") -> "pd.DataFrame":
    """Chapters 05 and 06 for one recipe: what is missing of encoder, embeddings and generator; the history of the generator."""
    from s2i_lib.devices import pick_device
    from s2i_lib.features import embeddings_path, load_speech_data
    from s2i_lib.models.checkpoint import load_speech_model
    from s2i_lib.training.encoder import train_encoder, write_embeddings
    from s2i_lib.training.gan import train_gan

    if not embeddings_path(config, "train").exists():
        say(f"{config.recipe}: encoder")
        train_encoder(config)
        model = load_speech_model(config).to(pick_device())
        for split in ("test", "train"):  # the last one says that both are there
            write_embeddings(config, model, split, load_speech_data(config, split))
    say(f"{config.recipe}: generator")
    return train_gan(config)


def score(config: "Config", history: "pd.DataFrame") -> None:
    """Chapter 07 for one recipe: records, a manifest, a figure, and the generator in half precision to bring home."""
    import numpy as np
    import torch

    from s2i_lib import figures, results
    from s2i_lib.evaluation import Evaluator, sample_images
    from s2i_lib.features import embeddings_path
    from s2i_lib.models.checkpoint import generator_path, load_generator, save_weights

    say(f"{config.recipe}: scores")
    run = results.Run(config, chapter="borrowed_gpu")
    evaluator, embeddings = Evaluator(config), np.load(embeddings_path(config, "test"))
    generator = load_generator(config, embeddings.shape[1])
    chosen = embeddings[evaluator.rows]
    evaluator.score(run, "ours", evaluator.predict_generated(config, generator, chosen), config.recipe)
    run.add("ours", "training_seconds", history.seconds.iloc[-1], n=config.gan.steps)
    pictures = next(sample_images(config, generator, torch.from_numpy(chosen[:12])))
    figures.use_style()
    figures.save_figure(figures.image_grid(figures.to_arrays(pictures), 6), config, f"borrowed_gpu_{config.recipe}")
    save_weights(generator.half(), config.run_dir / "generator_half.safetensors")
    results.save_run(run, outputs=[generator_path(config)])


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


def work(options: argparse.Namespace) -> None:
    """Everything that is not done yet, in the order of importance."""
    out = options.out.resolve()
    (out / "done").mkdir(parents=True, exist_ok=True)
    os.environ["S2I_ROOT"] = str(out)
    if options.wheels:
        install(options.wheels, out / "site")
    sys.path.insert(0, str(REPOSITORY))
    from s2i_lib.config import load_config

    overrides = (
        {
            "data": {"spoken_captions": options.captions},
            "encoder": {"epochs": options.epochs},
            "gan": {"steps": options.steps},
            "scores": {"captions": 2000},
        }
        if options.profile == "large"
        else {}
    )
    if options.profile == "large":
        run_benchmarks(out)
    prepare(load_config(options.profile, options.dataset, "paper", overrides=overrides))
    for recipe in options.recipes.split(","):
        config = load_config(options.profile, options.dataset, recipe, overrides=overrides)
        manifest = f"{config.dataset}-{config.profile}-s0-{recipe}-borrowed_gpu.json"  # written after the records
        if not (config.results_dir / "manifests" / manifest).exists():
            score(config, train(config))
    say("everything is done")


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
        work(options)
        return
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
