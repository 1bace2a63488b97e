"""Preset modern: networks without normalization, pairs, R1 and R2 every few steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_common import modern, tricks
from gan_common.errors import UserError
from keras_dcgan import models
from keras_dcgan.config import resolve

SMALL = {"preset": "modern", "width": 4, "latent_dim": 6, "batch_size": 8, "precision": "float32"}
IMAGES = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
LABELS = np.zeros(8, np.int32)


def build(shape=(16, 16, 3), **given):
    return models.build(resolve({**SMALL, **given}), shape, 1)


def kernels(gan):
    return [w.numpy().copy() for w in gan.discriminator.trainable_variables]


@pytest.mark.parametrize("side", [12, 28, 32, 64])
def test_an_image_has_its_side_and_a_logit(side):
    gan = build((side, side, 3))
    images = gan(gan.draw_latents(2, 1))
    assert images.shape == (2, side, side, 3)
    assert np.abs(images).max() <= 1
    assert gan.judge(images, None, True).shape == (2, 1)


def test_no_image_bears_on_the_logit_of_another():
    gan = build()
    images = tf.random.stateless_uniform((4, 16, 16, 3), (1, 2), -1, 1)
    alone = gan.judge(images[:1], None, True)
    np.testing.assert_allclose(gan.judge(images, None, True)[:1], alone, rtol=1e-5)


def test_a_block_adds_nothing_at_first():
    gan = build()
    for network in gan.networks:
        sums = [layer for layer in network.layers if isinstance(layer, keras.layers.Add)]
        assert len(sums) == 2  # 8, 4
        for layer in sums:
            before, added = layer.input
            inputs = (
                gan.draw_latents(2, 1) if network is gan.generator else tricks.scale_images(IMAGES)
            )
            values = keras.Model(network.input, [before, added, layer.output])(inputs)
            np.testing.assert_array_equal(values[1], np.zeros_like(values[1]))
            np.testing.assert_array_equal(values[2], values[0])


def gradients_of(gan, real, fake, gamma):
    """D's by hand: those of the loss of pairs, and of γ/2 (R1 + R2) at every fourth of each."""

    def critic(samples):
        return gan.judge(samples, LABELS, True)

    with tf.GradientTape() as tape:
        loss = modern.relativistic_loss(critic(real), critic(fake))[0]
        slopes = modern.r1_penalty(critic, real[::4]) + modern.r1_penalty(critic, fake[::4])
        loss += gamma / 2 * slopes
    return tape.gradient(loss, gan.discriminator.trainable_variables)


@pytest.mark.parametrize(("step", "gamma"), [(0, 3.0), (8, 3.0 * 10**-0.4), (20, 0.3), (40, 0.3)])
def test_the_penalty_is_of_some_images_and_falls(step, gamma):
    gan = build(gamma=3.0, gamma_steps=20, penalty_images=2)
    gan.steps_done.assign(step)
    real = tricks.scale_images(IMAGES)
    fake = gan.draw_fakes(LABELS, [1, 2])
    seeds = {key: [1, 2] for key in ("real", "fake", "lines", "flips")}
    _, found, _ = gan.discriminator_step(real, fake, LABELS, seeds)
    for mine, theirs in zip(found, gradients_of(gan, real, fake, gamma), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


def test_g_learns_from_the_new_d_and_a_graph_does_what_eager_code_does():
    eager, graph = build(), build()
    told = [eager.train_step((IMAGES, LABELS)), tf.function(graph.train_step)((IMAGES, LABELS))]
    for name in told[0]:
        np.testing.assert_allclose(told[0][name], told[1][name], rtol=1e-3, atol=1e-5)
    for a, b in zip(eager.generator.weights, graph.generator.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    assert told[0]["d_real_accuracy"] == told[0]["d_fake_accuracy"]  # of pairs


def test_adaptive_augmentation_is_kept_in_a_checkpoint_and_told():
    gan = build(tricks=("adaptive_augment",))
    told = gan.train_step((IMAGES, LABELS))
    (probability,) = gan.checkpoint_variables()["adaptive"]
    assert told["augment_probability"] == probability
    for _ in range(3):
        before = kernels(gan)
        gan.train_step((IMAGES, LABELS))
    assert any(np.any(a != b) for a, b in zip(before, kernels(gan), strict=True))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tricks": ("r1",)}, "--tricks r1 with --gamma 0.5: .* there once"),
        ({"tricks": ("minibatch",)}, "--tricks minibatch with --gamma"),
        ({"tricks": ("unrolled",), "gamma": 0.0}, "--loss relativistic: G's look ahead"),
        ({"preset": "dcgan", "gamma": 1.0}, "--gamma 1: .*D's batch norm mixes them"),
        ({"penalty_images": 3}, "--penalty_images 3 does not divide --batch_size 8"),
        ({"real_label": 0.9}, "the relativistic loss has no labels to smooth"),
        ({"tricks": ("augment", "adaptive_augment")}, "leave one of them out"),
    ],
)
def test_what_makes_no_sense_is_refused(given, told):
    with pytest.raises(UserError, match=told):
        resolve({**SMALL, **given})
