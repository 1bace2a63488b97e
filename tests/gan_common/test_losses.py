"""The five pairs of losses against NumPy in float64, by hand, and at the edges."""

import numpy as np
import pytest
import tensorflow as tf

from gan_common import losses

REAL = np.array([[-3.0], [-0.4], [0.0], [0.7], [2.5]])
FAKE = np.array([[-2.0], [0.3], [1.6]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def oracle(kind, r, f, a):
    """The formulas as the papers write them: real part, fake part, generator."""
    if kind in ("minimax", "non_saturating"):
        real = -np.mean(a * np.log(sigmoid(r)) + (1 - a) * np.log(1 - sigmoid(r)))
        fake = -np.mean(np.log(1 - sigmoid(f)))
        log = np.log(1 - sigmoid(f)) if kind == "minimax" else -np.log(sigmoid(f))
        return real, fake, np.mean(log)
    if kind == "least_squares":
        return np.mean((r - a) ** 2) / 2, np.mean(f**2) / 2, np.mean((f - 1) ** 2) / 2
    if kind == "wasserstein":
        return -np.mean(r), np.mean(f), -np.mean(f)
    return np.mean(np.maximum(0, 1 - r)), np.mean(np.maximum(0, 1 + f)), -np.mean(f)


def oracle_gradients(kind, r, f, a):
    """Derivatives of the three formulas, by hand."""
    if kind in ("minimax", "non_saturating"):
        generator = -sigmoid(f) if kind == "minimax" else sigmoid(f) - 1
        slopes = sigmoid(r) - a, sigmoid(f), generator
    elif kind == "least_squares":
        slopes = r - a, f, f - 1
    elif kind == "wasserstein":
        slopes = -np.ones_like(r), np.ones_like(f), -np.ones_like(f)
    else:
        slopes = -np.where(r < 1, 1.0, 0.0), np.where(f > -1, 1.0, 0.0), -np.ones_like(f)
    return slopes[0] / r.size, slopes[1] / f.size, slopes[2] / f.size


def labels_of(kind):
    return (1.0,) if kind in ("wasserstein", "hinge") else (1.0, 0.9, 0.25)


CASES = [(kind, label) for kind in losses.KINDS for label in labels_of(kind)]


def value_and_gradients(kind, real, fake, label=1.0):
    """Discriminator and generator loss, and their gradients with respect to the logits."""
    real, fake = tf.cast(real, tf.float32), tf.cast(fake, tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        d_loss = losses.discriminator_loss(kind, real, fake, label)
        g_loss = losses.generator_loss(kind, fake)
    return d_loss, g_loss, *tape.gradient(d_loss, [real, fake]), tape.gradient(g_loss, fake)


def test_the_kinds_are_the_five_of_the_literature():
    assert losses.KINDS == ("minimax", "non_saturating", "least_squares", "wasserstein", "hinge")


@pytest.mark.parametrize(("kind", "label"), CASES)
def test_equal_to_the_papers_formulas_in_float64(kind, label):
    real, fake, generator = oracle(kind, REAL, FAKE, label)
    parts = losses.discriminator_loss_parts(kind, REAL, FAKE, label)
    np.testing.assert_allclose([float(part) for part in parts], [real, fake], rtol=2e-6)
    d_loss = losses.discriminator_loss(kind, REAL, FAKE, label)
    np.testing.assert_allclose(float(d_loss), real + fake, rtol=2e-6)
    np.testing.assert_allclose(float(losses.generator_loss(kind, FAKE)), generator, rtol=2e-6)


@pytest.mark.parametrize(("kind", "label"), CASES)
def test_gradients_equal_the_derivatives_by_hand(kind, label):
    got = value_and_gradients(kind, REAL, FAKE, label)[2:]
    for gradient, expected in zip(got, oracle_gradients(kind, REAL, FAKE, label), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("kind", "d_loss", "g_loss"),
    [
        ("minimax", 2 * np.log(2), -np.log(2)),  # D says one half everywhere: −V = log 4
        ("non_saturating", 2 * np.log(2), np.log(2)),
        ("least_squares", 0.5, 0.5),
        ("wasserstein", 0, 0),
        ("hinge", 2, 0),
    ],
)
def test_by_hand_at_logits_of_zero(kind, d_loss, g_loss):
    zeros = np.zeros((7, 1))
    assert float(losses.discriminator_loss(kind, zeros, zeros)) == pytest.approx(d_loss)
    assert float(losses.generator_loss(kind, zeros)) == pytest.approx(g_loss)


@pytest.mark.parametrize("kind", losses.KINDS)
@pytest.mark.parametrize("real_logit", [-1000.0, 1000.0])
@pytest.mark.parametrize("fake_logit", [-1000.0, 1000.0])
def test_safe_at_a_thousand(kind, real_logit, fake_logit):
    r, f = np.full((2, 1), real_logit), np.full((2, 1), fake_logit)
    d_loss, g_loss, d_real, d_fake, g_fake = value_and_gradients(kind, r, f)
    log_one_minus = -max(f[0, 0], 0)  # log(1 − σ(±1000)) to float64 precision
    expected = {
        "minimax": (max(-real_logit, 0) - log_one_minus, log_one_minus),
        "non_saturating": (max(-real_logit, 0) - log_one_minus, max(-fake_logit, 0)),
    }.get(kind)
    if expected is None:
        real_part, fake_part, generator = oracle(kind, r, f, 1.0)
        expected = real_part + fake_part, generator
    np.testing.assert_allclose([float(d_loss), float(g_loss)], expected, rtol=1e-6)
    for gradient in (d_real, d_fake, g_fake):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("kind", ["minimax", "non_saturating"])
@pytest.mark.parametrize("logit", [-1000.0, 0.5, 1000.0])
def test_the_curvature_that_unrolling_needs_is_finite(kind, logit):
    f = tf.constant(logit)
    with tf.GradientTape() as outer:
        outer.watch(f)
        with tf.GradientTape() as inner:
            inner.watch(f)
            loss = losses.generator_loss(kind, f)
        slope = inner.gradient(loss, f)
    curvature = np.exp(-np.logaddexp(0, logit) - np.logaddexp(0, -logit))  # σ(f) (1 − σ(f))
    expected = -curvature if kind == "minimax" else curvature
    np.testing.assert_allclose(outer.gradient(slope, f), expected, rtol=1e-5)


def test_minimax_gives_no_gradient_where_d_is_sure_and_non_saturating_the_most():
    sure = np.array(-30.0)
    assert abs(float(value_and_gradients("minimax", sure, sure)[4])) < 1e-12
    assert float(value_and_gradients("non_saturating", sure, sure)[4]) == pytest.approx(-1)


@pytest.mark.parametrize("label", [0.6, 0.9])
@pytest.mark.parametrize("kind", ["minimax", "non_saturating"])
def test_smoothing_puts_the_optimum_on_real_samples_at_the_label(kind, label):
    """The gradient vanishes exactly at σ(r) = a: smoothing bounds D's logits."""
    r = np.full((3, 1), np.log(label / (1 - label)))
    np.testing.assert_allclose(value_and_gradients(kind, r, FAKE, label)[2], 0, atol=1e-7)


@pytest.mark.parametrize("kind", losses.KINDS)
def test_half_precision_logits_are_computed_in_float32(kind):
    real = np.linspace(-4, 4, 1000)[:, None]
    half = tf.cast(real, tf.bfloat16)
    exact = tf.cast(half, tf.float32)
    for computed, expected in (
        (
            losses.discriminator_loss(kind, half, half),
            losses.discriminator_loss(kind, exact, exact),
        ),
        (losses.generator_loss(kind, half), losses.generator_loss(kind, exact)),
    ):
        assert computed.dtype == tf.float32
        assert float(computed) == float(expected)


@pytest.mark.parametrize(("kind", "label"), CASES)
def test_eager_and_graph_agree(kind, label):
    eager = value_and_gradients(kind, REAL, FAKE, label)
    graph = tf.function(value_and_gradients)(kind, REAL, FAKE, label)
    for one, other in zip(eager, graph, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_an_unknown_kind_is_refused_with_the_known_ones():
    known = "minimax, non_saturating, least_squares, wasserstein, hinge.*Received: kind='bce'"
    with pytest.raises(ValueError, match=known):
        losses.discriminator_loss("bce", REAL, FAKE)
    with pytest.raises(ValueError, match=known):
        losses.generator_loss("bce", FAKE)


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("wasserstein", 0.9),
        ("hinge", 0.9),
        ("minimax", 1.1),
        ("non_saturating", -0.1),
        ("least_squares", float("nan")),
        ("least_squares", "one"),
    ],
)
def test_a_label_that_makes_no_sense_is_refused(kind, label):
    with pytest.raises(ValueError, match=rf"Received: real_label='?{label}"):
        losses.discriminator_loss(kind, REAL, FAKE, label)
