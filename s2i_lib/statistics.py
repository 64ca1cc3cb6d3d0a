"""How sure is a difference? Intervals over classes and over training runs."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def paired_difference(
    ours: Floats,
    other: Floats,
    groups: NDArray[np.int64],
    runs: NDArray[np.int64] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Mean difference of two methods on the same sentences, with a 95 % interval of a bootstrap over groups.

    Whole groups (classes) are drawn, since the sentences of one class are no independent trials.

    Args:
        ours, other: (n,) scores of the same n sentences; rows where either is NaN are left out.
        groups: (n,) class of each sentence.
        runs: (n,) training run, such as the seed, of each score, whose differences are joined by ``mean_over_runs``; None for a
            single run.

    Returns:
        The mean difference and the ends of its interval.
    """
    if runs is not None:
        each = [
            paired_difference(ours[runs == run], other[runs == run], groups[runs == run], None, draws, seed)
            for run in np.unique(runs)
        ]
        return mean_over_runs(*map(np.array, zip(*each)))
    kept = ~np.isnan(ours - other)
    difference, codes = (ours - other)[kept], np.unique(groups[kept], return_inverse=True)[1]
    sums, counts = np.bincount(codes, difference), np.bincount(codes)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(draws, len(sums)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975])
    return float(difference.mean()), float(low), float(high)


def mean_over_runs(values: Floats, lows: Floats, highs: Floats) -> tuple[float, float, float]:
    """Mean of what several training runs measured on the same classes, with a 95 % interval.

    The interval within a run tells which classes were asked for. All runs were asked for the same, so it does not shrink with
    their number. Where there are several, it is widened by ``ci_half_width`` between them, both as independent errors; one run
    cannot tell the deviation between runs.

    Args:
        values, lows, highs: (k,) value of each run and the ends of its interval.

    Returns:
        The mean value and the ends of its interval.
    """
    mean, count = values.mean(), len(values)
    between = ci_half_width(np.std(values, ddof=1) / np.sqrt(count), count - 1) if count > 1 else 0.0
    below, above = (np.hypot(np.sqrt(((values - ends) ** 2).mean()), between) for ends in (lows, highs))
    return float(mean), float(mean - below), float(mean + above)


def ci_half_width(standard_error: float, degrees_of_freedom: int) -> float:
    """Half-width of a 95 % confidence interval by Student's t, for a standard error that was estimated with so many degrees of
    freedom.

    With three runs (2) it is 4.3 errors to either side, not 1.96: three runs know little.
    """
    from scipy import stats  # imported here: it takes half a second, and few need it

    return float(stats.t.ppf(0.975, degrees_of_freedom) * standard_error)
