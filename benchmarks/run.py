"""Compare the project's work with the obvious other ways to do it, on this machine.

    python benchmarks/run.py                              # everything that this machine does in about six minutes
    python benchmarks/run.py gan log_mel --repeats 9      # some of it
    python benchmarks/run.py --growth                     # how cost grows with resolution, batch and data set
    python benchmarks/run.py --write                      # keep the rows in results/benchmarks.csv

The variants take turns, so that a busy machine slows all of them down. Reported is the median of the ratios within a round,
with the smallest and the largest one. A GPU is used where there is one.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the library needs no installation

import growth
import networks
import pictures
import sound
from measure import COLUMNS, apart, copy_rate, machine, matmul_rate, measure

from s2i_lib import results
from s2i_lib.files import repository
from s2i_lib.results.tables import replace_section

# Each takes an empty folder for its files and gives a Comparison.
BENCHMARKS = {
    "gan": networks.gan,
    "modulated": networks.modulated,
    "encoder": networks.encoder,
    "log_mel": sound.log_mel,
    "speaking": sound.speaking,
    "latency": networks.latency,
    "rendering": pictures.rendering,
    "loading": pictures.loading,
    "reading": pictures.reading,
    "kernel": pictures.kernel,
    "statistics": pictures.statistics,
    "frechet": pictures.frechet,
}
README = Path(__file__).with_name("README.md")
GPU_BENCHMARKS = {"gan_256": networks.gan_256, "modulated_256": networks.modulated_256}  # minutes on a processor
KEYS = ["benchmark", "alternative", "device", "threads"]  # one row each in the records
SHOWN = [
    "benchmark",
    "unit",
    "alternative",
    "ours",
    "other",
    "ratio",
    "ratio_min",
    "ratio_max",
    "share_of_limit",
    "limit",
    "peak_mib",
    "other_peak_mib",
]


def run_benchmark(name: str, repeats: int) -> list[dict]:
    """The rows of one benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        return measure({**BENCHMARKS, **GPU_BENCHMARKS}[name](Path(folder)), repeats)


def run_benchmarks(names: list[str], repeats: int, threads: int) -> list[dict]:
    """The rows of some benchmarks, each in a process of its own, so that none remembers another one's memory or threads.

    One that needs a package that is not here is left out, and said so.
    """
    rows = []
    for name in names:
        start = time.monotonic()
        try:
            rows += apart(run_benchmark, name, repeats, threads=threads)
            print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
        except ModuleNotFoundError as error:
            print(f"{name}: not run, the package {error.name} is missing", file=sys.stderr)
    return rows


def write(rows: pd.DataFrame, path: Path, keys: list[str]) -> None:
    """Add rows to a table of records; those of the same work on the same machine are replaced."""
    before = pd.read_csv(path, keep_default_na=False, na_values={"ratio": ""}) if path.exists() else pd.DataFrame()
    if set(keys) <= set(before):
        new = set(rows[keys].astype(str).itertuples(index=False, name=None))
        before = before[[key not in new for key in before[keys].astype(str).itertuples(index=False, name=None)]]
        rows = pd.concat([before, rows], ignore_index=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_csv(path, index=False, float_format="%.4g")


def kept_rows() -> pd.DataFrame:
    """The rows of ``results/benchmarks.csv``."""
    path = repository() / "results" / "benchmarks.csv"
    return pd.read_csv(path, keep_default_na=False, na_values={"ratio": "", "share_of_limit": ""})


# Columns of the table of machines: heading -> benchmark and alternative.
OF_MACHINES = {
    "StackGAN-v2, images/s": ("GAN step, 64 px", "literal StackGAN-v2 step"),
    "recommended, images/s": ("recommended GAN step, 64 px", "the same in float32"),
    "encoder, utterances/s": ("speech encoder step", "padded to 2,048 frames, float32"),
    "log-mel, utterances/s": ("log-mel from wav", "librosa"),
    "Fréchet, distances/s": ("Fréchet distance, 2048-d", "torch-fidelity"),
}


def machines(rows: pd.DataFrame) -> str:
    """A row of Markdown for each machine that was measured: its rates and, in brackets, how many times the alternative's."""
    table = []
    for (device, threads), measured in rows.groupby(["device", "threads"], sort=False):
        steps = measured[measured.benchmark == "GAN step, 64 px"]
        if steps.empty:  # something else was measured with so many threads
            continue
        row = {"machine": f"{device}, {threads} threads"}
        for heading, (benchmark, alternative) in OF_MACHINES.items():
            found = measured[(measured.benchmark == benchmark) & (measured.alternative == alternative)]
            rates = [f"{float(one.ours):,.{0 if one.ours > 9 else 2}f} ({one.ratio:.1f})" for one in found.itertuples()]
            row[heading] = rates[-1] if rates else ""
        row |= {"share of the limit": f"{steps.share_of_limit.iloc[-1]:.0%}", "precision": steps.precision.iloc[-1]}
        table.append(row)
    return results.markdown(pd.DataFrame(table))


def main() -> None:
    """Run what was asked for, print a table and, if asked, keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join([*BENCHMARKS, *GPU_BENCHMARKS])}")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: all available cores")
    parser.add_argument("--repeats", type=int, default=5, help="rounds, fewer where a round takes long (default: %(default)s)")
    parser.add_argument("--growth", action="store_true", help="how cost grows, instead of comparisons")
    parser.add_argument("--write", action="store_true", help="add the rows to results/benchmarks.csv or benchmarks_growth.csv")
    parser.add_argument("--out", type=Path, default=repository() / "results", help="folder of those files (default: results)")
    options = parser.parse_args()
    if options.threads < 1 or options.repeats < 1:
        parser.error("--threads and --repeats must be at least 1")
    unknown = [name for name in options.names if name not in {**BENCHMARKS, **GPU_BENCHMARKS}]
    if unknown:
        parser.error(f"benchmark {unknown[0]!r} is unknown; choose from {', '.join([*BENCHMARKS, *GPU_BENCHMARKS])}")
    torch.set_num_threads(options.threads)
    here, precision = machine(), networks.precision_of(networks.load_config("small", recipe="paper"))
    print(
        f"{here['device']}, {here['threads']} threads, torch {here['torch']}; a large {precision} matrix product runs at "
        f"{matmul_rate(precision) / 1e12:.3g} TFLOP/s, in float32 {matmul_rate('float32') / 1e12:.3g} TFLOP/s, "
        f"a copy at {copy_rate() / 1e9:.3g} GB/s"
    )
    if options.growth:
        table, keys, name = pd.DataFrame(growth.measure_all(options.threads)), growth.KEYS, "benchmarks_growth.csv"
        print(results.markdown(table[growth.SHOWN].round(3)))
    else:
        names = options.names or [*BENCHMARKS, *(GPU_BENCHMARKS if networks.on_gpu() else ())]
        table = pd.DataFrame(run_benchmarks(names, options.repeats, options.threads)).reindex(columns=COLUMNS)
        keys, name = KEYS, "benchmarks.csv"
        print(results.markdown(table[SHOWN].round(2).astype(object).where(table[SHOWN].notna(), "")))
    if options.write:
        write(table, options.out / name, keys)
        if not options.growth and options.out == repository() / "results":
            replace_section(README, "machines", machines(kept_rows()))


if __name__ == "__main__":
    main()
