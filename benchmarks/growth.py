"""How cost grows with resolution, batch size and the size of the data set."""

import statistics

import numpy as np
import torch
from measure import apart, copy_rate, first_call, machine, seconds
from networks import count_flops, gan_batch, on_gpu, our_step, precision_of
from tqdm.auto import tqdm

from s2i_lib import metrics
from s2i_lib.config import load_config
from s2i_lib.devices import pick_device
from s2i_lib.training.gan import GanData

KEYS = ["benchmark", "varied", "size", "device", "threads"]
SHOWN = ["benchmark", "varied", "size", "milliseconds", "images_per_second", "gflop", "peak_mib"]
REPEATS = 3


def gan_row(varied: str, profile: str, gan: dict, size: int) -> dict:
    """One training step of the paper's GAN: milliseconds, rate, operations and memory."""
    config = load_config(profile, recipe="paper", overrides={"gan": gan})
    step = our_step(config, gan_batch(config))
    flops, (_, peak) = count_flops(step), first_call(step)
    taken = statistics.median(seconds(step) for _ in range(REPEATS))
    return {
        "benchmark": f"GAN step, networks of {profile}",
        "varied": varied,
        "size": size,
        "milliseconds": 1000 * taken,
        "images_per_second": config.gan.batch_size / taken,
        "gflop": flops / 1e9,
        "peak_mib": peak,
        "precision": precision_of(config),
        "batch": config.gan.batch_size,
        **machine(),
    }


def data_row(count: int) -> dict:
    """A training batch of 32 out of `count` images that lie in memory."""
    device, rng = pick_device(), np.random.default_rng(0)
    data = GanData(
        torch.zeros(count, 3, 64, 64, dtype=torch.uint8), torch.zeros(count, dtype=torch.int64), torch.zeros(count, 2, 128)
    ).to(device)
    taken = statistics.median(
        seconds(lambda: data.batch(32, rng)) for _ in range(500)
    )  # memory is mapped by the first hundreds
    return {
        "benchmark": "training batch, 64 px",
        "varied": "data set",
        "size": count,
        "milliseconds": 1000 * taken,
        "images_per_second": 32 / taken,
        "peak_mib": data.images.nbytes / 2**20,
        "precision": "float32",
        "batch": 32,
        **machine(),
    }


def score_row(count: int) -> dict:
    """Mean and covariance of `count` features of 1280 numbers."""
    part = np.random.default_rng(0).normal(size=(250, 1280)).astype(np.float32)

    def run() -> None:
        kept = metrics.FeatureStatistics(1280)
        for _ in range(count // len(part)):
            kept.update(part)

    metrics.FeatureStatistics(1280).update(part)  # threads start
    taken, peak = first_call(run)
    return {
        "benchmark": "statistics of features",
        "varied": "images",
        "size": count,
        "milliseconds": 1000 * taken,
        "images_per_second": count / taken,
        "peak_mib": peak,
        "precision": "float64",
        "batch": 250,
        **machine(),
    }


def measure_all(threads: int) -> list[dict]:
    """Resolution and batch with the networks of `small`, on a GPU also with the paper's; data set size; scored images."""
    profiles = ("small", "large") if on_gpu() else ("small",)
    jobs = [
        (gan_row, ("resolution", profile, {"base_size": size // 4, "batch_size": 8}, size))
        for profile in profiles
        for size in (32, 64, 128, 256)
    ]
    jobs += [(gan_row, ("batch", profile, {"batch_size": size}, size)) for profile in profiles for size in (8, 16, 32, 64)]
    jobs += [(data_row, (count,)) for count in (1000, 4000, 16_000)]
    jobs += [(score_row, (count,)) for count in (1000, 4000, 16_000)]
    rows = [apart(job, *arguments, threads=threads) for job, arguments in tqdm(jobs, desc="growth", unit="row")]
    bandwidth = copy_rate() / 1e9
    return [{**row, "copy_gb_per_second": bandwidth} for row in rows]
