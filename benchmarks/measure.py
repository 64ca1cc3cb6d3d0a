"""Fair comparisons: variants of the same work take turns, and the machine's own limits are measured beside them."""

import gc
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import torch

from s2i_lib import results
from s2i_lib.devices import pick_device

COLUMNS = [
    "benchmark",
    "unit",
    "alternative",
    "ours",
    "other",
    "ratio",
    "ratio_min",
    "ratio_max",
    "repeats",
    "milliseconds",
    "limit",
    "share_of_limit",
    "peak_mib",
    "other_peak_mib",
    "precision",
    "device",
    "threads",
    "torch",
    "note",
]


@dataclass
class Comparison:
    """The same work done by the project and in the obvious other ways.

    Attributes:
        name: what is measured.  unit: of the rates, for example ``images/s``.  items: per call.
        ours: does the work once.  others: the same by other means, by name.
        flops, moved: floating point operations and bytes that one call of `ours` needs at least; 0 where nobody counted.
        precision: of the matrix products of `ours`.
        repeats: measurements per variant where the general number would take too long.
        note: what one has to know to read the numbers.
    """

    name: str
    unit: str
    items: int
    ours: Callable[[], object]
    others: dict[str, Callable[[], object]] = field(default_factory=dict)
    flops: float = 0.0
    moved: float = 0.0
    precision: str = "float32"
    repeats: int | None = None
    note: str = ""


def synchronize() -> None:
    """Wait for the GPU, which works while Python goes on."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(function: Callable) -> float:
    """Wall time of one call, with everything that it started on the GPU."""
    synchronize()
    start = time.perf_counter()
    function()
    synchronize()
    return time.perf_counter() - start


def take_turns(variants: list[Callable], repeats: int) -> list[list[float]]:
    """Seconds of every variant in every round. Each round starts with another variant, so that none always comes first."""
    rounds = []
    for number in range(repeats):
        first = number % len(variants)
        order = [*range(first, len(variants)), *range(first)]
        taken = {place: seconds(variants[place]) for place in order}
        rounds.append([taken[place] for place in range(len(variants))])
    return rounds


def measure(comparison: Comparison, repeats: int) -> list[dict]:
    """One row per alternative (one row without, if there is none): rates, ratios of the same round, share of the limit.

    The first round warms up and shows the memory. Its times count only if no other round is wanted.
    """
    repeats = min(repeats, comparison.repeats or repeats)
    variants = [comparison.ours, *comparison.others.values()]
    first, peaks = zip(*map(first_call, variants))
    rounds = take_turns(variants, repeats) if repeats > 1 else [first]
    ours = statistics.median(row[0] for row in rounds)
    limit, share = share_of_limit(comparison, ours)
    common = {
        "benchmark": comparison.name,
        "unit": comparison.unit,
        "ours": comparison.items / ours,
        "repeats": repeats,
        "milliseconds": 1000 * ours / comparison.items,
        "limit": limit,
        "share_of_limit": share,
        "peak_mib": peaks[0],
        "precision": comparison.precision,
        "note": comparison.note,
        **machine(),
    }
    rows = []
    for place, name in enumerate(comparison.others, start=1):
        ratios = [row[place] / row[0] for row in rounds]
        other = comparison.items / statistics.median(row[place] for row in rounds)
        rows.append(
            {
                **common,
                "alternative": name,
                "other": other,
                "ratio": statistics.median(ratios),
                "ratio_min": min(ratios),
                "ratio_max": max(ratios),
                "other_peak_mib": peaks[place],
            }
        )
    return rows or [{**common, "alternative": ""}]


def machine() -> dict:
    """What the measurements were made on: the GPU where there is one, else the processor."""
    hardware = results.hardware()
    processor = ", ".join(filter(None, (hardware["processor"], hardware["instructions"])))  # one name has several generations
    return {
        "device": hardware["accelerator"] or processor,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


# --- the machine's limits ---


def matmul_rate(precision: str, size: int | None = None) -> float:
    """Floating point operations per second of a large square matrix product, the best of five."""
    device = pick_device()
    size = size or (8192 if device.type == "cuda" else 2048)
    left, right = (torch.randn(size, size, device=device, dtype=getattr(torch, precision)) for _ in range(2))
    left @ right
    return 2 * size**3 / min(seconds(lambda: left @ right) for _ in range(5))


def copy_rate(mebibytes: int = 256) -> float:
    """Bytes per second of a large copy, read and written bytes both counted, the best of five."""
    source = torch.ones(mebibytes * 2**18, device=pick_device())
    target = torch.empty_like(source)
    target.copy_(source)
    return 2 * source.nbytes / min(seconds(lambda: target.copy_(source)) for _ in range(5))


def share_of_limit(comparison: Comparison, taken: float) -> tuple[str, float]:
    """How much of a large matrix product's speed, or of a large copy's, the work reaches."""
    if comparison.flops:
        return "matrix product", comparison.flops / taken / matmul_rate(comparison.precision)
    if comparison.moved:
        return "copy", comparison.moved / taken / copy_rate()
    return "", float("nan")


def apart(function: Callable, *arguments, threads: int):
    """What ``function(*arguments)`` returns in a process of its own, which remembers no other work's memory or threads."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), torch.set_num_threads, (threads,)) as pool:
        return pool.submit(function, *arguments).result()


def first_call(function: Callable) -> tuple[float, float]:
    """Seconds of one call and the largest memory during it, in MiB: of the GPU where there is one, else of this process."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return seconds(function), torch.cuda.max_memory_allocated() / 2**20
    resettable = os.access("/proc/self/clear_refs", os.W_OK)
    if resettable:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # Linux forgets the peak so far
    taken = seconds(function)
    if not resettable:
        return taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with open("/proc/self/status") as file:
        return taken, next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
