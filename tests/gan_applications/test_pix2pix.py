"""pix2pix: its losses written out, what D sees, tricks, pairs of a few examples learned by heart."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_applications import pairs, pix2pix
from gan_applications.players import Player, normal
from gan_common import catalogue
from gan_common.catalogue import APPLICATIONS, TRICKS
from gan_common.errors import UserError
from tests.gan_applications.oracles import Judge, Maker, captured, ran, slope_of, softplus
from tests.gan_common.test_catalogue import resolve
from tests.test_tricks_act import codes

SIZE, DONE, SEED = 16, tf.constant(0, tf.int64), tf.constant([1, 0], tf.int64)


def small(**changes):
    given = {"dataset": "openmoji:lines", "image_size": SIZE, "width": 2, "batch_size": 2}
    return pix2pix.Pix2Pix(pix2pix.Config(**{**given, **changes}), (SIZE, SIZE, 3))


def batch(channels=1):
    draw = np.random.default_rng(0)
    return [tf.constant(draw.uniform(-1, 1, (2, SIZE, SIZE, c)), tf.float32) for c in (channels, 3)]


def stubbed(**changes):
    """A system whose networks are so simple that its losses can be written out."""
    system = small(**changes)
    system.generator, system.discriminator = Maker(1), Judge(3 + system.config.conditional)
    networks = {"generator": system.generator, "discriminator": system.discriminator}
    for name in system.players:
        system.players[name] = Player(networks.get(name) or Maker(1))
    return system


def test_a_step_is_the_papers_losses_and_their_gradients():
    system, (x, y) = stubbed(game_weight=0.7, l1_weight=3.0), batch()
    a, b = x.numpy().astype(float), y.numpy().astype(float)
    g, d = (system.players[name].trainable[0].numpy() for name in ("generator", "discriminator"))

    def made(weight):
        return np.tanh(a @ weight)

    def logits(weight, other):
        return np.concatenate([a, other], axis=-1) @ weight

    def d_loss(weight):  # −½ (E log D(x, y) + E log(1 − D(x, G(x)))), section 3.3
        return (softplus(-logits(weight, b)).mean() + softplus(logits(weight, made(g))).mean()) / 2

    def g_loss(weight):  # −0.7 E log D(x, G(x)) + 3 E|y − G(x)|, equation 4
        game = softplus(-logits(d, made(weight))).mean()
        return 0.7 * game + 3 * np.abs(b - made(weight)).mean()

    with captured(system.players) as gradients:
        told = system.learn(x, y, SEED, DONE)
    np.testing.assert_allclose(told["d_loss"] / 2, d_loss(d), rtol=1e-5)
    np.testing.assert_allclose(told["l1"], np.abs(b - made(g)).mean(), rtol=1e-5)
    np.testing.assert_allclose(
        gradients["discriminator"], slope_of(d_loss, d), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(gradients["generator"], slope_of(g_loss, g), rtol=1e-3, atol=1e-5)
    alone = system.players["l1_alone"].trainable[0].numpy()
    of_alone = slope_of(lambda weight: 3 * np.abs(b - made(weight)).mean(), alone)
    np.testing.assert_allclose(gradients["l1_alone"], of_alone, rtol=1e-3, atol=1e-5)


def test_d_sees_the_input_beside_the_truth_and_beside_what_g_made():
    system, (x, y) = stubbed(), batch()
    made = system.generator(x)
    system.learn(x, y, SEED, DONE)
    real, fake = system.discriminator.seen
    np.testing.assert_array_equal(real, tf.concat([x, y], axis=-1))
    np.testing.assert_allclose(fake, tf.concat([x, made], axis=-1), atol=1e-6)
    alone = stubbed(conditional=False)
    alone.learn(x, y, SEED, DONE)
    np.testing.assert_array_equal(alone.discriminator.seen[0], y)


def test_of_a_hole_only_the_inside_is_drawn():
    x, made = tf.ones((1, 4, 4, 4)), tf.fill((1, 4, 4, 3), -0.5)
    inside = tf.concat([tf.ones((1, 4, 2, 1)), -tf.ones((1, 4, 2, 1))], axis=2)
    filled = pix2pix.filled(tf.concat([x[..., :3], inside], axis=-1), made).numpy()
    np.testing.assert_array_equal(filled[0, 0, :, 0], [-0.5, -0.5, 1, 1])
    np.testing.assert_array_equal(pix2pix.filled(x[..., :1], made), made)


def test_both_of_a_pair_are_moved_alike():
    x, y = batch(3)[1], batch(3)[1]
    for seed in range(4):
        moved = pix2pix.jitter(x, y, tf.constant([seed, 3], tf.int64))
        np.testing.assert_array_equal(*moved)
    assert np.any(moved[0] != x)


def test_a_few_pairs_are_learned_by_heart():
    keras.utils.set_random_seed(1)
    system, (x, _) = small(width=8), batch()
    y = tf.concat([x, -x, tf.abs(x)], axis=-1)
    for name in ("generator", "l1_alone"):
        system.players[name].optimizer.learning_rate.assign(5e-3)
    step = tf.function(lambda: system.learn(x, y, SEED, DONE))
    first, *_, last = [step() for _ in range(100)]
    assert last["l1"] < 0.4 * first["l1"]
    assert last["l1_alone"] < 0.4 * first["l1_alone"]


def test_what_the_catalogue_names_is_what_a_step_runs():
    names, (x, y) = catalogue.names(APPLICATIONS), batch()
    with_all = ran(lambda: small(tricks=names).learn(x, y, SEED, DONE))
    without = ran(lambda: small().learn(x, y, SEED, DONE))
    for name in names:
        acts = codes(resolve(TRICKS[name].acts))
        assert acts & with_all, name
        # With label smoothing the same function is given another label.
        assert name == "label_smoothing" or not acts & without, name
    assert small(tricks=("label_smoothing",)).real_label == 0.9


def test_a_size_that_cannot_be_halved_is_refused():
    with pytest.raises(UserError, match=r"--image_size 48: .* power of 2"):
        pix2pix.Pix2Pix(pix2pix.Config(image_size=48), (48, 48, 3))


def test_baselines_by_hand():
    white, black = np.full((2, 8, 8, 1), 255, np.uint8), np.zeros((2, 8, 8, 1), np.uint8)
    red = np.zeros((2, 8, 8, 3), np.uint8)
    red[..., 0] = 200
    given = pairs.Pairs(black, red, np.concatenate([white[:1], black[:1]]), red, ("a", "b"))
    colored = pix2pix.mean_color(given)
    assert (colored[0, 0, 0].tolist(), colored[1, 0, 0].tolist()) == ([200, 0, 0], [0, 0, 0])
    known = np.concatenate([white[:1], black[:1]])
    np.testing.assert_array_equal(pix2pix.nearest(black, known), [1, 1])


def test_kernels_begin_about_zero_as_narrow_as_the_papers():
    kernel = np.asarray(normal()((3, 3, 64, 64)))
    assert abs(kernel.mean()) < 1e-3
    np.testing.assert_allclose(kernel.std(), 0.02, rtol=0.05)
