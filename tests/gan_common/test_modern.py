"""What came after the chapter: the loss of pairs, R2, adaptive augmentation.  (R1: with the tricks.)"""

import math

import numpy as np
import pytest
import tensorflow as tf

from gan_common import modern


def softplus(x):
    return math.log1p(math.exp(x))


def test_relativistic_loss_compares_each_pair():
    real, fake = tf.constant([[1.0], [0.0]]), tf.constant([[-1.0], [3.0]])
    d_loss, g_loss = modern.relativistic_loss(real, fake)
    np.testing.assert_allclose(d_loss, (softplus(-2) + softplus(3)) / 2, rtol=1e-6)
    np.testing.assert_allclose(g_loss, (softplus(2) + softplus(-3)) / 2, rtol=1e-6)


def test_only_differences_count_and_guessing_costs_ln_2():
    logits = tf.constant([[0.3], [-2.0]])
    for level in (0.0, 7.0, -1000.0):
        for loss in modern.relativistic_loss(logits + level, logits + level):
            np.testing.assert_allclose(loss, math.log(2), rtol=1e-6)


def test_g_is_pulled_hardest_where_its_sample_is_furthest_behind():
    real, fake = tf.constant([[2.0], [2.0]]), tf.constant([[-2.0], [2.0]])
    with tf.GradientTape() as tape:
        tape.watch(fake)
        loss = modern.relativistic_loss(real, fake)[1]
    sigmoid = 1 / (1 + np.exp(-4.0))
    np.testing.assert_allclose(tape.gradient(loss, fake), [[-sigmoid / 2], [-0.25]], rtol=1e-6)


def test_pairs_need_one_shape():
    with pytest.raises(ValueError, match=r"\(2, 1\) and \(3, 1\)"):
        modern.relativistic_loss(tf.zeros((2, 1)), tf.zeros((3, 1)))


def test_r2_is_r1_at_generated_samples_and_leaves_g_alone():
    scale = tf.Variable(3.0)

    def critic(x):
        return tf.reduce_sum(x**2, axis=1)

    with tf.GradientTape() as tape:
        fake = scale * tf.constant([[1.0, 2.0]])
        penalty = modern.r2_penalty(critic, fake)
    np.testing.assert_allclose(penalty, 4 * (9 + 36))  # ‖2x‖²
    assert tape.gradient(penalty, scale) is None


def test_augmentation_grows_while_d_is_sure_and_falls_while_it_is_not():
    augment = modern.AdaptiveAugment(target=0.5, images=1000)
    for expected in (0.1, 0.2):
        augment.update(tf.ones((100, 1)))
        np.testing.assert_allclose(augment.probability, expected, rtol=1e-6)
    augment.update(tf.constant([[1.0]] * 70 + [[-1.0]] * 30))  # mean sign 0.4
    np.testing.assert_allclose(augment.probability, 0.1, rtol=1e-6)
    for _ in range(20):
        augment.update(tf.ones((100, 1)))
    np.testing.assert_allclose(augment.probability, modern.AdaptiveAugment.MOST)
    for _ in range(20):
        augment.update(-tf.ones((100, 1)))
    assert augment.probability == 0


def test_without_overfitting_images_stay_as_they_are():
    images = tf.random.stateless_uniform((4, 8, 8, 3), (1, 2), -1, 1)
    np.testing.assert_array_equal(modern.AdaptiveAugment()(images, seed=1), images)


def test_each_image_is_transformed_with_the_probability():
    augment = modern.AdaptiveAugment("cutout")
    augment.probability.assign(0.3)
    shown = augment(tf.ones((2000, 4, 4, 1)), seed=3)
    share = np.mean(np.any(shown.numpy() == 0, axis=(1, 2, 3)))
    assert abs(share - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 2000)


def test_gradients_pass_through_it():
    augment = modern.AdaptiveAugment("color")
    augment.probability.assign(0.8)
    images = tf.Variable(tf.random.stateless_uniform((6, 4, 4, 3), (1, 2)))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(augment(images, seed=1) ** 2)
    assert np.all(np.any(tape.gradient(total, images).numpy() != 0, axis=(1, 2, 3)))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"policy": "rotation"}, "unknown names"),
        ({"target": 1.5}, "target must be in"),
        ({"images": 0}, "images must be an integer of at least 1"),
    ],
)
def test_wrong_arguments_are_echoed(arguments, told):
    with pytest.raises(ValueError, match=told):
        modern.AdaptiveAugment(**arguments)
