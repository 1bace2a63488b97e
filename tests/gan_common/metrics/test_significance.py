"""Intervals, tests and the correction of a family, against SciPy's own words and by hand."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from gan_common.metrics import significance
from gan_common.metrics.significance import difference, false_discovery, spread

A, B = [1.0, 2.0, 4.0, 5.0], [2.0, 2.5, 5.5, 6.0]


def test_a_paired_difference_by_hand():
    found = difference(A, B, paired=True)
    each = np.subtract(B, A)  # 1, 0.5, 1.5, 1
    half = stats.t.ppf(0.975, 3) * each.std(ddof=1) / 2
    assert found.mean == pytest.approx(1.0)
    assert (found.low, found.high) == pytest.approx((1 - half, 1 + half))
    assert found.p == pytest.approx(stats.ttest_rel(B, A).pvalue)
    assert found.seeds == 4


def test_without_pairs_it_is_welchs_and_wider_here():
    found = difference(A, B, paired=False)
    assert found.p == pytest.approx(stats.ttest_ind(B, A, equal_var=False).pvalue)
    assert found.p == significance.p_value(A, B)
    assert found.low < 0 < found.high
    assert difference(A, B, paired=True).low > 0
    assert difference(A, B[:2], paired=False).seeds == 2


def test_logarithms_give_a_ratio():
    found = difference([1.0, 2.0, 4.0], [2.0, 4.0, 8.5], paired=True, logarithms=True)
    assert found.mean == pytest.approx(np.exp(np.mean(np.log([2, 2, 2.125]))))
    assert found.low < found.mean < found.high
    with pytest.raises(ValueError, match="positive"):
        difference([0.0, 1.0], [1.0, 1.0], paired=True, logarithms=True)


@pytest.mark.parametrize("paired", [True, False])
def test_of_a_single_seed_nothing_is_claimed(paired):
    found = difference([1.0], [2.0], paired=paired)
    assert (found.mean, found.low, found.high, found.p) == (1.0, -np.inf, np.inf, 1.0)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("other", "p"), [(1.0, 1.0), (8.0, 0.0)])
def test_seeds_that_all_agree_leave_no_doubt(paired, other, p):
    found = difference([1.0, 1.0, 1.0], [other] * 3, paired=paired)
    assert (found.low, found.high, found.p) == (other - 1, other - 1, p)
    assert significance.clear_sign([1.0] * 3, [other] * 3) == (other > 1)


def test_one_group_may_agree_while_the_other_does_not():
    found = difference([0.0, 0.0, 0.0], [1.0, 2.0, 3.0], paired=False)
    # Welch's statistic by hand: 2 / sqrt(1/3), of 2 degrees of freedom
    assert found.p == pytest.approx(2 * stats.t.sf(2 * 3**0.5, 2))


def test_pairs_of_different_number_are_refused():
    with pytest.raises(ValueError, match="Received: 4 and 3"):
        difference(A, B[:3], paired=True)


def test_a_family_is_corrected_as_benjamini_and_hochberg_say():
    assert false_discovery([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert false_discovery([]) == []


def test_the_deviation_is_the_samples():
    assert spread([1.0, 3.0]) == pytest.approx(np.sqrt(2))
    assert spread([5.0]) == 0.0


def test_it_needs_no_tensorflow():
    code = "import sys, gan_common.metrics.significance; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
