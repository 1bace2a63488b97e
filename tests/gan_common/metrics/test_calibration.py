"""Temperature and expected calibration error, by hand and by what defines them."""

import numpy as np
import pytest

from gan_common import plotting
from gan_common.metrics import calibration


def test_probabilities_by_hand():
    logits = np.log([[1.0, 3.0], [2.0, 2.0]])
    np.testing.assert_allclose(calibration.probabilities(logits), [[0.25, 0.75], [0.5, 0.5]])
    # At T = 1/2 the odds are squared: 1 to 9.
    np.testing.assert_allclose(calibration.probabilities(logits, 0.5)[0], [0.1, 0.9])
    assert calibration.likelihood_loss(logits, np.array([0, 1]), 1.0) == pytest.approx(
        (np.log(4) + np.log(2)) / 2
    )


def test_the_temperature_is_the_one_that_makes_the_labels_most_likely():
    # Logits (x, 0) say σ(x); of ten such images eight are right, so the best T has σ(x / T) = 0.8.
    logits = np.tile([6.0, 0.0], (10, 1))
    labels = np.array([0] * 8 + [1] * 2)
    expected = 6 / np.log(4)  # σ(ln 4) = 0.8
    assert calibration.fit_temperature(logits, labels) == pytest.approx(expected, rel=1e-4)
    # Not sure enough: T below 1.
    found = calibration.fit_temperature(logits / 12, labels)
    assert found == pytest.approx(expected / 12, rel=1e-4)


def test_where_all_is_right_there_is_no_best_temperature():
    assert calibration.fit_temperature(np.eye(3), np.arange(3)) is None


def test_expected_calibration_error_by_hand():
    # Two bins: three images at 0.6, 0.7 and 0.8 of which one is right, one at 1.0 that is right;
    # with 2 bins all four lie in (½, 1]: |0.775 − 0.5|.
    p = np.array([[0.6, 0.4], [0.3, 0.7], [0.8, 0.2], [1.0, 0.0]])
    labels = np.array([0, 0, 1, 0])
    assert calibration.expected_calibration_error(p, labels, bins=2) == pytest.approx(0.275)
    # Of ten bins (0.5, 0.6], (0.6, 0.7], (0.7, 0.8] and (0.9, 1] have one each: 0.4, 0.7, 0.8 and 0 apart.
    counts, confidence, right = calibration.reliability(p, labels, bins=10)
    np.testing.assert_array_equal(counts, [0, 0, 0, 0, 0, 1, 1, 1, 0, 1])
    np.testing.assert_allclose(confidence[counts > 0], [0.6, 0.7, 0.8, 1.0])
    np.testing.assert_array_equal(right[counts > 0], [1, 0, 0, 1])
    assert np.isnan(right[counts == 0]).all()
    error = calibration.expected_calibration_error(p, labels, bins=10)
    assert error == pytest.approx((0.4 + 0.7 + 0.8 + 0.0) / 4)


def test_a_fitted_temperature_mends_what_it_was_fitted_for():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(4000, 5)) * 2
    p = calibration.probabilities(truth)
    labels = np.array([rng.choice(5, p=row) for row in p])
    sure = 3 * truth  # three times as sure as it should be
    assert calibration.fit_temperature(sure, labels) == pytest.approx(3, rel=0.05)
    before, after = (
        calibration.expected_calibration_error(calibration.probabilities(sure, t), labels)
        for t in (1.0, 3.0)
    )
    assert before > 0.1
    assert after < 0.03


@pytest.mark.parametrize(
    ("call", "echo"),
    [
        (lambda: calibration.probabilities(np.zeros(3)), r"shape=\(3,\)"),
        (lambda: calibration.probabilities(np.full((2, 2), np.nan)), "finite"),
        (lambda: calibration.probabilities(np.zeros((1, 2)), 0.0), "temperature=0.0"),
        (lambda: calibration.reliability(np.zeros((3, 2)), np.zeros(2)), r"\(3, 2\) and \(2,\)"),
        (lambda: plotting.reliability("x.png", {}, ""), "must have images"),
    ],
)
def test_wrong_arguments_are_echoed(call, echo):
    with pytest.raises(ValueError, match=echo):
        call()


def test_the_figure_is_drawn(tmp_path):
    p, labels = np.array([[0.6, 0.4], [0.3, 0.7]]), np.array([0, 0])
    curves = {"as trained": calibration.reliability(p, labels)}
    plotting.reliability(tmp_path / "r.png", curves, "Test split")
    assert (tmp_path / "r.png").stat().st_size > 5_000
