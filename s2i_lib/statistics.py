"""How sure is a difference? Estimates over classes and over training runs, with intervals, p-values and their correction."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A mean, its standard error and the degrees of freedom that the error was estimated with (inf: it is known).

    An unknown error is NaN: nothing tells how far another sample would have been.
    """

    mean: float
    error: float
    freedom: float

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval, by Student's t."""
        return _student().ppf(0.975, self.freedom) * self.error if self.error else 0.0

    @property
    def interval(self) -> tuple[float, float, float]:
        """The mean and the ends of its 95 % interval."""
        margin = self.margin
        return self.mean, self.mean - margin, self.mean + margin

    def p_value(self, value: float = 0.0) -> float:
        """Two-sided: how often would a mean at least this far from `value` be found, if `value` were the truth?"""
        if not self.error:
            return float(self.mean == value)
        return float(2 * _student().sf(abs(self.mean - value) / self.error, self.freedom))

    def plus(self, other: "Estimate") -> "Estimate":
        """With a further, independent error and the same mean. Degrees of freedom by Satterthwaite (1946)."""
        parts = [(part.error**2, part.freedom) for part in (self, other)]
        total = sum(variance for variance, _ in parts)
        spread = sum(variance**2 / freedom for variance, freedom in parts)
        return Estimate(self.mean, math.sqrt(total), total**2 / spread if spread else math.inf)


def _student():  # type: ignore[no-untyped-def]
    from scipy import stats  # imported here: it takes half a second, and few need it

    return stats.t


def paired_difference(
    ours: Floats, other: Floats, groups: NDArray[np.int64], runs: NDArray[np.int64] | None = None
) -> Estimate:
    """Mean difference of two methods on the same sentences, whose error is over groups (classes) and training runs.

    The sentences of one class are no independent trials, and another training run would have given other numbers for all
    classes: see ``crossed_estimate``, whose cells are the classes of every run, weighted by their sentences. A single run
    cannot tell the deviation between runs.

    Args:
        ours, other: (n,) scores of the same n sentences; rows where either is NaN are left out.
        groups: (n,) class of each sentence.
        runs: (n,) training run, such as the seed, of each score; None for a single run.

    Returns:
        The mean over runs of the mean difference.
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
    return crossed_estimate(means + (sums - means * counts) * shape[1] / totals)


def crossed_estimate(cells: Floats) -> Estimate:
    """Mean of what R runs measured on the same C classes, with its error for other runs and other classes.

    Runs and classes are crossed random effects (a mixed model without replicates, whose residual is the interaction). From the
    mean squares of classes, runs and interaction follows the variance of the mean,

        (MS_classes + MS_runs - MS_interaction) / (R C),

    never taken below that of the classes alone, and its degrees of freedom (Satterthwaite, 1946), never taken below those of
    the runs. A test simulates how often the interval holds the truth.

    Args:
        cells: (R, C) numbers; R may be 1.

    Returns:
        The mean; of a single class, with an unknown error.
    """
    runs, classes = cells.shape
    mean = float(cells.mean())
    if classes < 2:
        return Estimate(mean, math.nan, math.nan)
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
            freedom = max(freedom, runs - 1.0)  # the difference of mean squares may seem to have fewer than the runs alone
    return Estimate(mean, math.sqrt(squares / (runs * classes)), freedom)


def mean_of_values(values: Sequence[float]) -> Estimate:
    """Mean of one number from each of several training runs; of a single run, with an unknown error.

    With three runs the interval is 4.3 errors to either side, not 1.96: three runs know little.
    """
    count = len(values)
    error = float(np.std(values, ddof=1)) / math.sqrt(count) if count > 1 else math.nan
    return Estimate(float(np.mean(values)), error, count - 1)


def mean_over_runs(estimates: Sequence[Estimate]) -> Estimate:
    """Mean of what several training runs measured on the same classes.

    The error within a run tells which classes were asked for. All runs were asked for the same, so it does not shrink with
    their number. Where there are several, the one between them is added as independent; one run cannot tell it.
    """
    within = math.sqrt(np.mean([one.error**2 for one in estimates]))
    between = mean_of_values([one.mean for one in estimates])
    joint = Estimate(between.mean, within, min(one.freedom for one in estimates))
    return joint.plus(between) if len(estimates) > 1 else joint


def corrected_p_values(p_values: Floats) -> Floats:
    """(m,) p-values to (m,) that control the false discovery rate (Benjamini and Hochberg, 1995); NaN stays, and does not
    count.

    Among all claims that are decided at 0.05 of these, one in twenty is expected to be decided wrongly.
    """
    from scipy import stats  # imported here: it takes half a second, and few need it

    tested, corrected = ~np.isnan(p_values), np.full(len(p_values), np.nan)
    if tested.any():
        corrected[tested] = stats.false_discovery_control(p_values[tested])
    return corrected
