"""SRGAN: both steps' losses written out, what D sees, the copy at the beginning of the game, enlarging."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_applications import srgan
from gan_applications.players import Player
from gan_common.errors import UserError
from tests.gan_applications.oracles import Judge, Maker, captured, slope_of, softplus

SIZE, DONE, SEED = 32, tf.constant(0, tf.int64), tf.constant([1, 0], tf.int64)


def small(**changes):
    given = {"width": 4, "blocks": 1, "batch_size": 2, **changes}
    return srgan.SRGAN(srgan.Config(**given), (SIZE, SIZE, 3))


def stubbed(**changes):
    """A system whose networks keep the size, and are so simple that its losses can be written out."""
    system = small(**changes)
    system.discriminator = Judge(3)
    networks = {"discriminator": system.discriminator, "generator": Maker(3), "mse_net": Maker(3)}
    system.players = {name: Player(network) for name, network in networks.items()}
    return system


def batch():
    draw = np.random.default_rng(0)
    return [tf.constant(draw.uniform(-1, 1, (2, 8, 8, 3)), tf.float32) for _ in range(2)]


def test_steps_are_the_papers_losses_and_their_gradients():
    system, (x, y) = stubbed(content="pixels", game_weight=0.3), batch()
    a, b = x.numpy().astype(float), y.numpy().astype(float)
    d, g, m = (player.trainable[0].numpy() for player in system.players.values())

    def mse(weight):  # equation 4
        return ((b - np.tanh(a @ weight)) ** 2).mean()

    def d_loss(weight):  # equation 2
        return softplus(-(b @ weight)).mean() + softplus(np.tanh(a @ g) @ weight).mean()

    def g_loss(weight):  # equations 3 and 6
        return mse(weight) + 0.3 * softplus(-(np.tanh(a @ weight) @ d)).mean()

    with captured(system.players) as gradients:
        told = system.learn(x, y, SEED, DONE)
        by_pixels = system.learn_pixels(x, y)
    np.testing.assert_allclose(told["d_loss"], d_loss(d), rtol=1e-5)
    np.testing.assert_allclose([told["mse"], by_pixels["mse"]], [mse(g), mse(m)], rtol=1e-5)
    for name, loss, weight in (
        ("discriminator", d_loss, d),
        ("generator", g_loss, g),
        ("mse_net", mse, m),
    ):
        np.testing.assert_allclose(gradients[name], slope_of(loss, weight), rtol=1e-3, atol=1e-5)


def test_d_sees_large_images_alone_and_features_are_another_networks():
    system, (x, y) = stubbed(), batch()
    made = system.players["generator"].networks[0](x)
    system.learn(x, y, SEED, DONE)
    real, fake = system.discriminator.seen
    np.testing.assert_array_equal(real, y)
    np.testing.assert_allclose(fake, made, atol=1e-6)
    assert system.maps.name == "maps_of_cifar10"
    assert small(dataset="cifar10").maps.name == "maps_of_openmoji"


def test_the_content_is_a_share_of_the_features_squares():
    def maps(images):
        return [images, images[:, ::2]]

    made, truth = tf.zeros((1, 2, 2, 3)), tf.ones((1, 2, 2, 3))  # 127.5 and 255
    assert float(srgan.content_loss(maps, made, truth)) == pytest.approx(0.25)
    assert float(srgan.content_loss(maps, truth, truth)) == 0


def test_a_few_images_are_learned_by_heart_and_the_game_goes_on_with_a_copy():
    keras.utils.set_random_seed(1)
    system = small(width=8, mse_share=0.5, game_weight=0)
    large = np.random.default_rng(0).integers(0, 2, (2, 8, 8, 3), np.uint8) * 255
    large = large.repeat(4, axis=1).repeat(4, axis=2)
    pair = srgan.shrunk(large), large
    bicubic = np.mean((srgan.resized(pair[0], SIZE) / 127.5 - large / 127.5) ** 2)
    told = [system.step(pair, DONE, tf.constant(0.0)) for _ in range(80)]
    assert told[-1]["mse"] < 0.5 * bicubic
    assert told[-1]["g_loss"] == 0
    kept = system.players["mse_net"].networks[0].get_weights()
    began = system.step(pair, DONE, tf.constant(0.5))
    np.testing.assert_allclose(began["mse"], told[-1]["mse"], atol=0.02)  # a copy
    ended = [system.step(pair, DONE, tf.constant(0.6)) for _ in range(20)][-1]
    assert ended["content"] < began["content"]
    for before, after in zip(
        kept, system.players["mse_net"].networks[0].get_weights(), strict=True
    ):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(system.enlarge(pair[0])[:1], system.enlarge(pair[0][:1]))
    assert system.enlarge(pair[0][:, :5, :7]).shape == (2, 20, 28, 3)


def test_sizes():
    image = np.zeros((1, 8, 8, 3), np.uint8)
    image[:, :, 4:] = 200
    assert srgan.shrunk(image)[0, 0, :, 0].tolist() == [
        pytest.approx(0, abs=20),
        pytest.approx(200, abs=20),
    ]
    with pytest.raises(UserError, match=r"36×36×3.* multiple of 8"):
        srgan.SRGAN(srgan.Config(), (36, 36, 3))
    with pytest.raises(UserError, match="in color"):
        srgan.SRGAN(srgan.Config(), (32, 32, 1))
