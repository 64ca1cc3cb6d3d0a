"""Drawing, loading and scoring pictures."""

import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
from measure import Comparison
from networks import count_flops, on_gpu
from PIL import Image
from torch.nn import functional as F

from s2i_lib import metrics
from s2i_lib.config import load_config
from s2i_lib.datasets.rendered import birds
from s2i_lib.devices import pick_device
from s2i_lib.evaluation import FEATURE_SIZE
from s2i_lib.features import extract_features, shrink
from s2i_lib.models.teacher import load_teacher
from s2i_lib.training.gan import GanData
from s2i_lib.workers import worker_processes

DRAWN = 16
FEATURES = 2048  # of Inception, which published Fréchet distances are of
COUNT = 30_000  # pictures that the paper scores


def draw(number: int, size: int = 256) -> np.ndarray:
    """One bird of random attributes."""
    rng = np.random.default_rng(number)
    return birds.SPEC.draw({name: str(rng.choice(values)) for name, values in birds.SPEC.attributes.items()}, rng, size)


def rendering(folder: Path) -> Comparison:
    """Birds of 256 px by worker processes, as chapter 01 draws them, and one after the other in one process."""
    pool = worker_processes()
    list(pool.map(draw, range(DRAWN)))
    return Comparison(
        "rendering, 256 px",
        "images/s",
        DRAWN,
        lambda: list(pool.map(draw, range(DRAWN), chunksize=4)),
        {"one process": lambda: [draw(number) for number in range(DRAWN)]},
        note="worker processes were started before",
    )


# --- training batches ---


def loading(folder: Path, count: int = 256, size: int = 64) -> Comparison:
    """A training batch from pictures that lie in memory, as chapter 06 has them, and from loose PNG files."""
    config = load_config("small", recipe="paper")
    batch_size, device = config.gan.batch_size, pick_device()
    pixels = np.stack([draw(number) for number in range(8)])[np.arange(count) % 8]
    paths = [folder / f"{number:03d}.png" for number in range(count)]
    for path, image in zip(paths, pixels):
        Image.fromarray(image).save(path, compress_level=1)
    small = shrink(torch.from_numpy(pixels).permute(0, 3, 1, 2), size)
    data = GanData(small, torch.arange(count), torch.randn(count, 2, 128)).to(device)
    rng = np.random.default_rng(0)

    def loose() -> None:
        rows = rng.integers(count, size=batch_size)
        images = [Image.open(paths[row]).convert("RGB").resize((size, size), Image.Resampling.BOX) for row in rows]
        images = [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image for image in images]
        torch.stack([torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1 for image in images]).to(device)

    return Comparison(
        "training batch, 64 px",
        "images/s",
        batch_size,
        lambda: data.batch(batch_size, rng),
        {"loose PNG files of 256 px": loose},
        moved=batch_size * 3 * size**2 * 5,
    )  # a byte in, four out


# --- scores ---


def gaussian(seed: int, dim: int = FEATURES, count: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of correlated positive features, as pooled network outputs are."""
    rng = np.random.default_rng(seed)
    features = np.maximum(
        rng.normal(size=(count, dim // 8)) @ rng.normal(size=(dim // 8, dim)) / dim**0.5
        + 0.3
        + 0.3 * rng.normal(size=(count, dim)),
        0,
    )
    return features.mean(0), np.cov(features, rowvar=False)


def frechet(folder: Path) -> Comparison:
    """Fréchet distance of 2048-d features from their means and covariances."""
    from pytorch_fid.fid_score import calculate_frechet_distance
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    warnings.filterwarnings("ignore", "The `disp` argument is deprecated")
    first, second = gaussian(1), gaussian(2)
    statistics = [dict(zip(("mu", "sigma"), one)) for one in (first, second)]

    def fidelity() -> float:
        return fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]

    small = gaussian(1, 256), gaussian(2, 256)
    ours, other = metrics.frechet_distance(*small[0], *small[1]), calculate_frechet_distance(*small[0], *small[1])
    if abs(ours - other) > 1e-6 * other:
        raise AssertionError(f"Fréchet distances differ: {ours} and {other}")
    return Comparison(
        "Fréchet distance, 2048-d",
        "distances/s",
        1,
        lambda: metrics.frechet_distance(*first, *second),
        {"pytorch-fid": lambda: calculate_frechet_distance(*first, *second), "torch-fidelity": fidelity},
        precision="float64",
        repeats=2,
        note="equal to 1e-6; checked on 256-d features before",
    )


def kernel(folder: Path, count: int = 2000, dim: int = 1280) -> Comparison:
    """Kernel distance of two sets of features."""
    from torch_fidelity.metric_kid import kid_features_to_metric

    rng = np.random.default_rng(0)
    first, second = (rng.normal(shift, 1, (count, dim)).astype(np.float32) for shift in (0, 0.1))

    def fidelity() -> dict:
        return kid_features_to_metric(
            torch.from_numpy(first), torch.from_numpy(second), kid_subsets=50, kid_subset_size=500, rng_seed=0, verbose=False
        )

    return Comparison(
        "kernel distance, 50 subsets of 500",
        "distances/s",
        1,
        lambda: metrics.kernel_distance(first, second),
        {"torch-fidelity": fidelity},
        precision="float64",
        repeats=3,
        note="torch-fidelity works in float32",
    )


def reading(folder: Path, count: int = 32) -> Comparison:
    """Generated pictures of 64 px to the features of FID-lite0, beside the Inception network at its own 299 px."""
    from torchvision.models import inception_v3

    device = pick_device()
    network = load_teacher("efficientnet_lite0", FEATURE_SIZE).to(device)
    inception = inception_v3(weights=None, init_weights=False).eval().to(device)
    pixels = torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8)

    @torch.no_grad()
    def classical() -> None:
        for part in pixels.split(32):
            inception(F.interpolate(part.to(device).float() / 127.5 - 1, (299, 299), mode="bilinear"))

    ours = partial(extract_features, network, pixels)
    return Comparison(
        "features of generated images",
        "images/s",
        count,
        ours,
        {"Inception-v3 at 299 px": classical},
        flops=count_flops(ours),
        repeats=3,
        note="another and smaller network; Inception without its weights, which cost nothing",
    )


class Projection(torch.nn.Module):
    """A stand-in for the feature network that costs next to nothing: 1280 random sums of pixels."""

    def __init__(self):
        super().__init__()
        self.register_buffer("weights", torch.randn(3 * 8 * 8, 1280, generator=torch.Generator().manual_seed(0)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, 1280)."""
        return F.adaptive_avg_pool2d(images.to(self.weights.device), 8).flatten(1) @ self.weights


def statistics(folder: Path) -> Comparison:
    """Scoring memory: 30,000 pictures pass by, their features go into running sums, and a bounded sample is kept for KID.

    The alternative keeps all features. Of both, what counts is `peak_mib`; the networks are replaced by cheap ones.
    """
    network, part = Projection(), torch.randint(0, 256, (256, 3, 64, 64), dtype=torch.uint8)

    def batches():
        for start in range(0, COUNT, len(part)):
            yield extract_features(network, part[: min(len(part), COUNT - start)], batch_size=len(part))

    def ours() -> None:
        kept = metrics.FeatureSample(1280)
        for features in batches():
            kept.update(features)
        metrics.kernel_distance(kept.rows, kept.rows[::-1])
        assert kept.statistics.covariance.shape == (1280, 1280)

    def everything() -> None:
        features = np.concatenate(list(batches()))
        features.mean(0, dtype=np.float64), np.cov(features, rowvar=False)
        metrics.kernel_distance(features, features[::-1])

    return Comparison(
        "statistics of 30,000 images",
        "images/s",
        COUNT,
        ours,
        {"all features at once": everything},
        repeats=3,
        note="cheap stand-in for the feature network" + (", features on the GPU" if on_gpu() else ""),
    )
