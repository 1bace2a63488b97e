"""What may be said of a difference between trainings: intervals, tests, and a family of tests corrected.

A difference between two runs says little: two seeds of one and the same training differ as well.  All
deviations are the sample's (divided by N − 1).
"""

import dataclasses
import warnings
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
        p: two-sided p-value; 1 of a single seed.  Without any spread, 0 or, of equal means, 1.
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
    varies = np.ptp(second - first) > 0 if paired else np.ptp(first) + np.ptp(second) > 0
    if seeds < 2:
        low, high, p = -np.inf, np.inf, 1.0
    elif not varies:
        low, high, p = mean, mean, float(mean == 0)
    else:
        with warnings.catch_warnings():
            # SciPy warns of a group whose values are all the same, which here only has no spread.
            warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
            if paired:
                test = stats.ttest_rel(second, first)
            else:
                test = stats.ttest_ind(second, first, equal_var=False)
        low, high = map(float, test.confidence_interval(level))
        p = float(test.pvalue)
    if logarithms:
        mean, low, high = (float(np.exp(value)) for value in (mean, low, high))
    return Difference(mean, low, high, p, seeds)


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """The p-values of a family of tests, adjusted by Benjamini and Hochberg (1995)."""
    return [float(p) for p in stats.false_discovery_control(p_values)] if len(p_values) else []


def p_value(without: Sequence[float], found: Sequence[float]) -> float:
    """How often seeds by themselves make two trainings differ by as much as here: `difference`, unpaired."""
    return difference(without, found, paired=False).p


def clear_sign(without: Sequence[float], found: Sequence[float]) -> int:
    """1 or -1 where `found` is larger or smaller by more than the seeds by themselves make; else 0."""
    clear = p_value(without, found) < SIGNIFICANCE
    return int(np.sign(np.mean(found) - np.mean(without))) if clear else 0
