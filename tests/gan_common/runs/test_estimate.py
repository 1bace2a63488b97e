"""The time left, by hand."""

import pytest

from gan_common.runs.estimate import Estimate


def test_of_equal_steps():
    estimate = Estimate(10)
    estimate.begin(0, 0.0)
    assert estimate.left() is None
    estimate.after_step(1, 5.0)  # the first one is tracing
    assert estimate.left() is None
    estimate.after_step(2, 6.0)
    estimate.after_step(3, 7.0)
    assert estimate.left() == pytest.approx(7.0)
    estimate.after_step(10, 14.0)
    assert estimate.left() == 0


def test_cheap_steps_know_of_the_dear_ones_to_come():
    estimate = Estimate(20, ((0, 1.0), (10, 4.0)))
    estimate.begin(0, 0.0)
    estimate.after_step(1, 9.0)
    estimate.after_step(5, 13.0)  # one second a step: 5 more, then 10 of four seconds
    assert estimate.left() == pytest.approx(45.0)
    estimate.after_step(10, 18.0)
    assert estimate.left() == pytest.approx(40.0)
    # The game takes three seconds a step, and not the four that were thought; its first one is tracing.
    estimate.after_step(11, 60.0)
    assert estimate.left() is None
    estimate.after_step(13, 66.0)
    assert estimate.left() == pytest.approx(21.0)


def test_of_a_training_that_is_taken_up_or_goes_back():
    estimate = Estimate(20, ((0, 1.0), (10, 4.0)))
    estimate.begin(15, 100.0)
    estimate.after_step(16, 105.0)
    estimate.after_step(17, 107.0)
    assert estimate.left() == pytest.approx(6.0)
    estimate.after_step(3, 108.0)  # back to a checkpoint
    estimate.after_step(4, 109.0)
    assert estimate.left() == pytest.approx(6 + 10 * 4)


@pytest.mark.parametrize("phases", [(), ((1, 1.0),), ((0, 0.0),)])
def test_wrong_phases_are_echoed(phases):
    with pytest.raises(ValueError, match="phases must begin"):
        Estimate(5, phases)
