"""The game on a line, against what is known of it on paper."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.integrate import trapezoid

from gan_common.lessons import game

X = np.linspace(-12, 12, 4001)
P, Q = game.DATA.density(X), game.FORGERY.density(X)


def test_a_mixture_has_the_mean_and_variance_of_its_parts():
    assert trapezoid(P, X) == pytest.approx(1, abs=1e-6)
    mean = 0.4 * -2 + 0.6 * 2
    variance = 0.4 * (0.5**2 + 4) + 0.6 * (0.8**2 + 4) - mean**2
    assert trapezoid(P * X, X) == pytest.approx(mean, abs=1e-6)
    sample = game.DATA.sample(200_000, tf.constant([1, 2])).numpy()
    assert sample.shape == (200_000, 1)
    assert sample.mean() == pytest.approx(mean, abs=0.02)
    assert sample.var() == pytest.approx(variance, rel=0.02)


def test_the_best_detective_says_a_half_of_a_perfect_forgery():
    np.testing.assert_array_equal(
        game.optimal_discriminator([0.2, 1.0, 0.0], [0.2, 3.0, 0.0]), [0.5, 0.25, 0.5]
    )


def test_the_best_detectives_value_is_twice_js_minus_log_4():
    best = game.optimal_discriminator(P, Q)
    expected = 2 * game.jensen_shannon(P, Q, X) - np.log(4)
    assert game.value(P, Q, best, X) == pytest.approx(expected, abs=1e-9)
    for other in (np.clip(best + 0.05, 0, 1), np.clip(best - 0.05, 0, 1), np.full(len(X), 0.5)):
        assert game.value(P, Q, other, X) < expected


def test_js_is_zero_for_equal_densities_and_log_2_for_disjoint_ones():
    assert game.jensen_shannon(P, P, X) == 0
    far = (
        game.Mixture((-9.0,), (0.1,), (1.0,)).density(X),
        game.Mixture((9.0,), (0.1,), (1.0,)).density(X),
    )
    assert game.jensen_shannon(*far, X) == pytest.approx(np.log(2), abs=1e-6)


def test_the_density_of_a_shift_is_the_shifted_normal():
    generator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    generator.layers[0].set_weights([np.array([[0.7]]), np.array([1.0])])  # G(z) = 0.7 z + 1
    expected = game.Mixture((1.0,), (0.7,), (1.0,)).density(game.GRID)
    np.testing.assert_allclose(game.density(generator), expected, atol=0.005)


def test_learning_brings_the_forgery_nearer_and_the_seed_fixes_it():
    states, generator, _ = game.play(60, seed=3, moments=2)
    again, other, _ = game.play(60, seed=3, moments=2)
    p = game.DATA.density(game.GRID)
    first, last = (game.jensen_shannon(p, s.q, game.GRID) for s in states)
    assert last < first / 2
    assert [s.step for s in states] == [0, 60]
    for a, b in zip(generator.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(states[-1].d, again[-1].d)


def test_a_detective_that_waits_does_not_move():
    """Every loss of D is under this threshold, so D keeps the weights that it was born with."""
    *_, discriminator = game.play(5, seed=3, threshold=1e9)
    for a, b in zip(
        discriminator.get_weights(), game.network(1003, "fresh").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_the_smallest_game_runs_away_and_its_past_holds_it():
    """Simultaneous steps multiply the distance by sqrt(1 + rate²) each; the starting one is 1."""
    plain = np.hypot(*game.orbit(100, 0.0).T)
    np.testing.assert_allclose(plain, 1.01 ** (np.arange(101) / 2), rtol=1e-4)
    assert np.hypot(*game.orbit(100, 0.5)[-1]) < 0.7
    alternating = np.hypot(*game.orbit(100, 0.0, alternate=True).T)
    assert alternating.max() < 1.2
