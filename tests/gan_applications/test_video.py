"""VGAN: its losses written out, the streams, the videos and the ruler that finds what moves."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_applications import moving, video
from gan_applications.players import Player
from tests.gan_applications.oracles import Judge, captured, slope_of, softplus

DONE, SEED = tf.constant(0, tf.int64), tf.constant([1, 0], tf.int64)


class Stub(keras.Model):
    """G(z): a video of one pixel, tanh of z A's first three columns, and its mask, σ of the fourth."""

    def __init__(self):
        super().__init__()
        self.layer = keras.layers.Dense(4, use_bias=False)
        self(np.zeros((1, video.CODE), np.float32))

    def call(self, z):
        y = self.layer(z)[:, None, None, None]
        return tf.tanh(y[..., :3]), tf.sigmoid(y[..., 3:])


def small(**changes):
    return video.VGAN(video.Config(**{"width": 2, "batch_size": 4, **changes}), (32, 32, 3))


def test_a_step_is_the_papers_losses_and_their_gradients():
    keras.utils.set_random_seed(2)
    system = small(mask_weight=0.4, batch_size=3)
    system.generator, system.discriminator = Stub(), Judge(3)
    d, g = Player(system.discriminator), Player(system.generator)
    system.players = {"discriminator": d, "generator": g}
    system.average = video.tricks.WeightAverage(system.generator.variables, 0.9)
    draw = np.random.default_rng(0)
    real = draw.uniform(-1, 1, (3, 1, 1, 1, 3)).astype(np.float32)
    z = draw.normal(size=(3, video.CODE)).astype(np.float32)
    a, b = (player.trainable[0].numpy().astype(float) for player in (g, d))

    def made(weight):
        return np.tanh(z @ weight[:, :3])

    def d_loss(weight):  # −E log D(x) − E log(1 − D(G(z))), equation 1
        return softplus(-real.reshape(3, 3) @ weight).mean() + softplus(made(a) @ weight).mean()

    def g_loss(weight):  # −E log D(G(z)) + λ E m, section 2.2
        mask = 1 / (1 + np.exp(-z @ weight[:, 3]))
        return softplus(-made(weight) @ b).mean() + 0.4 * mask.mean()

    with captured(system.players) as gradients:
        told = system.learn(tf.constant(real), tf.constant(z), SEED, DONE)
    np.testing.assert_allclose(told["d_loss"], d_loss(b), rtol=1e-5)
    of_d, of_g = slope_of(d_loss, b), slope_of(g_loss, a)
    np.testing.assert_allclose(gradients["discriminator"], of_d, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(gradients["generator"], of_g, rtol=1e-3, atol=1e-5)
    # D sees videos alone: the drawn ones, and what G made of z.
    seen_real, seen_fake = system.discriminator.seen
    np.testing.assert_array_equal(seen_real, real)
    np.testing.assert_allclose(seen_fake[:, 0, 0, 0], made(a), atol=1e-6)


def test_what_the_mask_does_not_cover_stays_still():
    keras.utils.set_random_seed(1)
    network = video.generator(2, True)
    z = tf.random.stateless_normal((2, video.CODE), (1, 2))
    videos, masks = network(z, training=True)
    assert videos.shape == (2, 16, 32, 32, 3)
    assert masks.shape == (2, 16, 32, 32, 1)
    assert np.ptp(videos, axis=1).max() > 0
    last = [one for one in network.layers if isinstance(one, video.UpsampleConv3D)][-1]
    last.bias.assign([0.0, 0.0, 0.0, -100.0])
    assert np.ptp(network(z, training=True)[0], axis=1).max() == 0
    assert np.min(video.generator(2, False)(z)[1]) == 1  # one stream is all foreground


def test_upsampling_and_a_convolution_in_one():
    x = tf.random.stateless_normal((2, 3, 4, 2, 5), (1, 2))
    layer = video.UpsampleConv3D(3)
    y = layer(x)
    plain = keras.layers.Conv3D(3, 3, padding="same")
    up = keras.layers.UpSampling3D(2)(x)
    plain.build(up.shape)
    turned = np.transpose(np.asarray(layer.kernel)[::-1, ::-1, ::-1], (0, 1, 2, 4, 3))
    plain.set_weights([turned, np.zeros(3, np.float32)])
    np.testing.assert_allclose(y, plain(up), atol=1e-5)


def test_all_frames_that_d_is_shown_are_changed_alike():
    x = tf.tile(tf.random.stateless_uniform((2, 1, 32, 32, 3), (1, 2), -1, 1), (1, 16, 1, 1, 1))
    system = small(tricks=("augment",))
    shown = system.shown(x, SEED, DONE)
    assert np.abs(shown - x).max() > 0.1
    np.testing.assert_allclose(np.ptp(shown, axis=1), 0, atol=1e-5)
    assert small().shown(x, SEED, DONE) is x


@pytest.fixture(scope="module")
def videos():
    y, x = np.mgrid[:28, :28] - 13.5
    zero = (np.abs(np.hypot(x, y) - 8) < 2)[None, ..., None] * np.uint8(255)
    digits = np.repeat(zero, 3, axis=0)
    rng = np.random.default_rng(1)
    return moving.draw(moving.movers(digits, 12, rng), rng)


def test_the_ruler_finds_what_moves(videos):
    images, masks = videos
    found = moving.foreground(images)
    assert moving.overlap(found, masks) > 0.7
    assert moving.restlessness(images, masks | found) < 1.5
    np.testing.assert_allclose(moving.speeds(masks), moving.speeds(found), atol=1)
    still = np.repeat(images[:, :1], 16, axis=1)
    assert not moving.foreground(still).any()
    np.testing.assert_array_equal(moving.speeds(masks[:, :1].repeat(16, axis=1)), 0)


def test_paths_go_straight_and_come_back():
    paths = moving.bouncing(50, 16, 18.0, (2.0, 3.0), np.random.default_rng(0))
    assert paths.min() >= 0
    assert paths.max() <= 18
    steps = np.hypot(*np.moveaxis(np.diff(paths, axis=1), -1, 0))
    assert steps.max() <= 3 + 1e-6
    assert np.median(steps) == pytest.approx(2.5, abs=0.3)


def test_overlap_by_hand():
    first = np.array([[True, True, False, False], [True, False, False, False]])
    second = np.array([[False, True, True, False], [True, False, False, False]])
    assert moving.overlap(first, second) == pytest.approx((1 / 3 + 1) / 2)


def test_measures_of_drawn_videos_beside_themselves(videos):
    system, (images, masks) = small(), videos
    given = moving.Videos(images, images, masks)
    system.drawn = lambda count: (images[:count], masks[:count])
    found = system.measure(given)
    json.dumps({name: one._asdict() for name, one in found.items()})
    assert found["mask_iou"].value == found["mask_iou"].baselines["the ruler on drawn videos"]
    assert found["mask_iou"].baselines["the whole frame"] < 0.3
    assert found["frame_fid"].value == pytest.approx(0, abs=1e-3)
    assert found["frame_fid"].baselines["their grounds alone"] > 0.01
    assert found["speed_distance"].value == 0
    assert found["speed_distance"].baselines["nothing moves"] > 1
    assert found["ground_change"].value == found["ground_change"].baselines["drawn videos"]


def test_a_color_is_approached():
    keras.utils.set_random_seed(1)
    system = small()
    color = np.array([0.8, -0.6, 0.1], np.float32)
    real = tf.constant(np.broadcast_to(color, (4, 16, 32, 32, 3)))
    for player in system.players.values():
        player.optimizer.learning_rate.assign(1e-2)
    z = tf.random.stateless_normal((4, video.CODE), (1, 2))
    before = np.abs(system.generator(z, training=True)[0] - color).mean()
    for _ in range(15):
        system.learn(real, z, SEED, DONE)
    after = np.abs(system.generator(z, training=True)[0] - color).mean()
    assert after < 0.8 * before
