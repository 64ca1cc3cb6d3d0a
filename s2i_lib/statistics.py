"""How sure is a difference? Intervals over classes and over training runs."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def paired_difference(
    ours: Floats, other: Floats, groups: NDArray[np.int64], runs: NDArray[np.int64] | None = None
) -> tuple[float, float, float]:
    """Mean difference of two methods on the same sentences, with a 95 % interval over groups (classes) and training runs.

    The sentences of one class are no independent trials, and another training run would have given other numbers for all
    classes: see ``crossed_interval``, whose cells are the classes of every run, weighted by their sentences. A single run
    cannot tell the deviation between runs.

    Args:
        ours, other: (n,) scores of the same n sentences; rows where either is NaN are left out.
        groups: (n,) class of each sentence.
        runs: (n,) training run, such as the seed, of each score; None for a single run.

    Returns:
        The mean over runs of the mean difference, and the ends of its interval.
    """
    kept = ~np.isnan(ours - other)
    difference, codes = (ours - other)[kept], np.unique(groups[kept], return_inverse=True)[1]
    of_run = np.unique(runs[kept], return_inverse=True)[1] if runs is not None else np.zeros(len(codes), dtype=int)
    shape = of_run.max() + 1, codes.max() + 1
    sums, counts = (np.zeros(shape) for _ in range(2))
    np.add.at(sums, (of_run, codes), difference)
    np.add.at(counts, (of_run, codes), 1)
    totals = counts.sum(1, keepdims=True)
    means = sums.sum(1, keepdims=True) / totals
    # what each class adds to the mean of its run: as many times its deviation as it has more sentences than others
    return crossed_interval(means + (sums - means * counts) * shape[1] / totals)


def crossed_interval(cells: Floats) -> tuple[float, float, float]:
    """Mean of what R runs measured on the same C classes, with a 95 % interval for other runs and other classes.

    Runs and classes are crossed random effects (a mixed model without replicates, whose residual is the interaction). From the
    mean squares of classes, runs and interaction follows the variance of the mean,

        (MS_classes + MS_runs - MS_interaction) / (R C),

    never taken below that of the classes alone, and its degrees of freedom (Satterthwaite, 1946). A test simulates how often
    the interval holds the truth.

    Args:
        cells: (R, C) numbers; R may be 1.

    Returns:
        The mean and the ends of its interval; NaN ends for a single class.
    """
    from scipy import stats  # imported here: it takes half a second, and few need it

    runs, classes = cells.shape
    mean = float(cells.mean())
    if classes < 2:
        return mean, np.nan, np.nan
    of_runs, of_classes = cells.mean(1) - mean, cells.mean(0) - mean
    squares = between_classes = runs * float((of_classes**2).sum()) / (classes - 1)
    freedom = float(classes - 1)
    if runs > 1 and squares > 0:
        between_runs = classes * float((of_runs**2).sum()) / (runs - 1)
        residual = float(((cells - mean - of_runs[:, None] - of_classes) ** 2).sum()) / ((runs - 1) * (classes - 1))
        if between_runs > residual:
            squares += between_runs - residual
            spread = between_classes**2 / (classes - 1) + between_runs**2 / (runs - 1)
            freedom = squares**2 / (spread + residual**2 / ((runs - 1) * (classes - 1)))
    margin = float(stats.t.ppf(0.975, freedom)) * np.sqrt(squares / (runs * classes))
    return mean, mean - margin, mean + margin


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
