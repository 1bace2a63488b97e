"""The K+1-class losses against NumPy in float64, and the argument that one logit is superfluous."""

import numpy as np
import pytest
import tensorflow as tf

from ssgan_tf import losses

RNG = np.random.default_rng(3)
REAL = RNG.normal(scale=2, size=(6, 5))  # K = 4
FAKE = RNG.normal(scale=2, size=(3, 5))
LABELS = np.array([0, 3, 1, 2, 2, 0], np.int32)


def softmax(logits):
    shares = np.exp(logits)
    return shares / shares.sum(axis=1, keepdims=True)


def every_loss(labelled, labels, real, fake):
    return (
        losses.supervised_loss(labelled, labels),
        losses.unsupervised_loss(real, fake),
        losses.generator_loss(fake),
    )


def test_equal_to_the_papers_formulas_in_float64():
    p_real, p_fake = softmax(REAL), softmax(FAKE)
    given_real = p_real[:, :4] / p_real[:, :4].sum(axis=1, keepdims=True)  # p(y | x, y ≤ K)
    expected = (
        -np.mean(np.log(given_real[np.arange(6), LABELS])),
        -np.mean(np.log(1 - p_real[:, 4])) - np.mean(np.log(p_fake[:, 4])),
        -np.mean(np.log(1 - p_fake[:, 4])),
    )
    np.testing.assert_allclose(every_loss(REAL, LABELS, REAL, FAKE), expected, rtol=1e-6)


def test_by_hand_when_all_classes_are_equally_probable():
    """K = 3: the class is one in three, "generated" one in four."""
    zeros, labels = np.zeros((2, 4)), np.array([0, 2])
    expected = np.log(3), -np.log(3 / 4) - np.log(1 / 4), -np.log(3 / 4)
    np.testing.assert_allclose(every_loss(zeros, labels, zeros, zeros), expected, rtol=1e-6)
    np.testing.assert_allclose(losses.real_fake_logit(zeros), np.log([3, 3]), rtol=1e-6)


def test_k_logits_and_an_appended_zero_give_the_same_losses_and_gradients():
    """Subtracting the last logit from all leaves every loss as it is; the rest learns the same."""
    real, fake = tf.constant(REAL, tf.float32), tf.constant(FAKE, tf.float32)
    k_real, k_fake = real[:, :4] - real[:, 4:], fake[:, :4] - fake[:, 4:]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake, k_real, k_fake])
        full = every_loss(real, LABELS, real, fake)
        padded = losses.append_fake_logit(k_real), losses.append_fake_logit(k_fake)
        short = every_loss(padded[0], LABELS, *padded)
    np.testing.assert_allclose(full, short, rtol=1e-5)
    for loss, k_loss in zip(full, short, strict=True):
        for logits, k_logits in ((real, k_real), (fake, k_fake)):
            gradient, k_gradient = tape.gradient(loss, logits), tape.gradient(k_loss, k_logits)
            assert (gradient is None) == (k_gradient is None)
            if gradient is not None:
                np.testing.assert_allclose(gradient[:, :4], k_gradient, atol=1e-6)
                # One direction is flat: adding the same to every logit changes nothing.
                np.testing.assert_allclose(np.sum(gradient, axis=1), 0, atol=1e-6)


def test_the_classifier_is_not_taught_by_the_generated_column():
    logits = tf.constant(REAL, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = losses.supervised_loss(logits, LABELS)
    np.testing.assert_array_equal(tape.gradient(loss, logits)[:, 4], 0)


def test_gradients_of_the_game_equal_the_derivatives_by_hand():
    """With q = p(K+1 | ·) and p the true classes' softmax: slope −q p_k on reals, (1 − q) p_k on fakes."""
    real, fake = tf.constant(REAL, tf.float32), tf.constant(FAKE, tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        d_loss, g_loss = losses.unsupervised_loss(real, fake), losses.generator_loss(fake)
    q_real, q_fake = softmax(REAL)[:, 4:], softmax(FAKE)[:, 4:]
    p_real, p_fake = softmax(REAL[:, :4]), softmax(FAKE[:, :4])
    d_real, d_fake = tape.gradient(d_loss, [real, fake])
    np.testing.assert_allclose(d_real[:, :4], -q_real * p_real / 6, atol=1e-6)
    np.testing.assert_allclose(d_fake[:, :4], (1 - q_fake) * p_fake / 3, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(g_loss, fake)[:, :4], -q_fake * p_fake / 3, atol=1e-6)


@pytest.mark.parametrize("generated", [-1000.0, 1000.0])
@pytest.mark.parametrize("classes", [-1000.0, 1000.0])
def test_safe_at_a_thousand(generated, classes):
    row = [classes, -1000.0, generated]  # K = 2; the label is the first class
    logits = tf.constant([row] * 2)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        values = every_loss(logits, np.array([0, 0]), logits, logits)
    tied = np.log(2) if classes == -1000.0 else 0.0
    logit = max(classes, -1000.0) + tied - generated  # real against generated
    expected = tied, max(-logit, 0) + max(logit, 0), max(-logit, 0)
    if abs(logit) < 1:  # a true class ties with "generated"
        expected = tied, np.logaddexp(0, -logit) + np.logaddexp(0, logit), np.logaddexp(0, -logit)
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    for value in values:
        assert np.isfinite(tape.gradient(value, logits)).all()


def test_half_precision_logits_are_computed_in_float32():
    half = tf.cast(REAL, tf.bfloat16)
    exact = tf.cast(half, tf.float32)
    computed = every_loss(half, LABELS, half, half)
    assert [value.dtype for value in computed] == [tf.float32] * 3
    expected = every_loss(exact, LABELS, exact, exact)
    assert [float(value) for value in computed] == [float(value) for value in expected]
    appended = losses.append_fake_logit(half)
    assert appended.dtype == tf.bfloat16
    np.testing.assert_array_equal(tf.cast(appended, tf.float32)[:, 5], 0)


def test_eager_and_graph_agree():
    graph = tf.function(every_loss)(
        tf.constant(REAL), tf.constant(LABELS), tf.constant(REAL), tf.constant(FAKE)
    )
    np.testing.assert_allclose(every_loss(REAL, LABELS, REAL, FAKE), graph, rtol=1e-6)


def test_classify_ignores_the_generated_column():
    logits = np.array([[1.0, 3.0, 2.0, 9.0], [0.0, -1.0, 4.0, 5.0], [2.0, 1.0, 0.0, -9.0]])
    np.testing.assert_array_equal(losses.classify(logits), [1, 2, 0])


def test_the_real_fake_logit_is_the_log_odds():
    q = softmax(REAL)[:, 4]
    np.testing.assert_allclose(losses.real_fake_logit(REAL), np.log((1 - q) / q), rtol=1e-5)


def test_a_label_outside_the_true_classes_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="4"):
        losses.supervised_loss(REAL, np.array([0, 3, 1, 2, 2, 4], np.int32))


@pytest.mark.parametrize("shape", [(5,), (3, 1), (2, 3, 4)])
def test_logits_that_are_not_k_plus_one_columns_are_refused(shape):
    logits = np.zeros(shape)
    for call in (losses.classify, losses.generator_loss, losses.real_fake_logit):
        with pytest.raises(ValueError, match=rf"K\+1.*Received: shape=\({shape[0]},"):
            call(logits)
