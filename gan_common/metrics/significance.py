"""What may be said of a difference between trainings: intervals, tests, and a family of tests corrected.

A difference between two runs says little: two seeds of one and the same training differ as well.  All
deviations are the sample's (divided by N − 1).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import stats

SIGNIFICANCE = 0.05  # such a difference is found about one time in twenty where there is none


@dataclasses.dataclass(frozen=True)
class Difference:
    """A mean difference and its interval.

    Attributes:
        mean: of the second less the first; of their logarithms, the ratio.
        low, high: the confidence interval.
        p: two-sided p-value; 1 where there is nothing to tell a spread by.
        seeds: runs of the smaller group.
    """

    mean: float
    low: float
    high: float
    p: float
    seeds: int


def spread(values: Sequence[float]) -> float:
    """The sample deviation; 0 of a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def difference(
    without: Sequence[float],
    found: Sequence[float],
    *,
    paired: bool,
    logarithms: bool = False,
    level: float = 1 - SIGNIFICANCE,
) -> Difference:
    """How much larger `found` is than `without`, with a confidence interval (Student's t).

    Args:
        without, found: one number a seed.
        paired: whether the design pairs them (the same seed, the same labels): then a paired test; else
            Welch's.
        logarithms: compare logarithms, as of FIDs; the result is a ratio.
        level: of the interval.

    Raises:
        ValueError: pairs of different number, nothing to compare, or logarithms of what is not positive.
    """
    first, second = np.asarray(without, float), np.asarray(found, float)
    if not len(first) or not len(second) or (paired and len(first) != len(second)):
        raise ValueError(
            "without and found must have values, as many of each if they are paired. "
            f"Received: {len(first)} and {len(second)}"
        )
    if logarithms:
        if min(first.min(), second.min()) <= 0:
            raise ValueError(f"logarithms need positive values. Received: {without}, {found}")
        first, second = np.log(first), np.log(second)
    seeds = min(len(first), len(second))
    mean = float(second.mean() - first.mean())
    low, high, p = -np.inf, np.inf, 1.0
    if seeds > 1 and not (np.ptp(first) == np.ptp(second) == 0):
        test = (
            stats.ttest_rel(second, first)
            if paired
            else stats.ttest_ind(second, first, equal_var=False)
        )
        interval = test.confidence_interval(level)
        if np.isfinite(test.pvalue):
            low, high, p = float(interval.low), float(interval.high), float(test.pvalue)
    if logarithms:
        mean, low, high = (float(np.exp(value)) for value in (mean, low, high))
    return Difference(mean, low, high, p, seeds)


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """The p-values of a family of tests, adjusted by Benjamini and Hochberg (1995)."""
    return [float(p) for p in stats.false_discovery_control(p_values)] if len(p_values) else []


def p_value(without: Sequence[float], found: Sequence[float]) -> float:
    """How often seeds by themselves make the means of two trainings differ by as much as here.

    Welch's t-test, two-sided; 1 where a training has a single seed, which has no spread to compare with.

    Args:
        without, found: a number for each seed of one and of the other training.
    """
    if min(len(without), len(found)) < 2:
        return 1.0
    told = [(np.mean(values), spread(values), len(values)) for values in (without, found)]
    p = stats.ttest_ind_from_stats(*told[0], *told[1], equal_var=False).pvalue
    return 1.0 if np.isnan(p) else float(p)  # not a number: all the same, in both


def clear_sign(without: Sequence[float], found: Sequence[float]) -> int:
    """1 or -1 where `found` is larger or smaller by more than the seeds by themselves make; else 0."""
    clear = p_value(without, found) < SIGNIFICANCE
    return int(np.sign(np.mean(found) - np.mean(without))) if clear else 0
