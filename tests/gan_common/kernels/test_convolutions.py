"""Where the images' gradient comes from makes no difference to it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_common.kernels.convolutions import PictureConv2D, picture_convolution

RNG = np.random.default_rng(8)


def normal(*shape):
    return tf.constant(RNG.normal(size=shape), tf.float32)


@pytest.mark.parametrize(
    ("rows", "columns", "channels"), [(5, 5, 1), (3, 4, 2), (4, 5, 3), (1, 2, 1)]
)
def test_output_and_gradients_are_those_of_the_plain_convolution(rows, columns, channels):
    pictures, kernel = normal(2, 7, 6, channels), normal(rows, columns, channels, 8)
    weights = normal(2, 7, 6, 8)
    results = []
    for convolve in (picture_convolution, lambda x, w: tf.nn.conv2d(x, w, 1, "SAME")):
        with tf.GradientTape() as outer:
            outer.watch([pictures, kernel])
            with tf.GradientTape() as tape:
                tape.watch([pictures, kernel])
                y = convolve(pictures, kernel)
                loss = tf.reduce_sum(weights * tf.tanh(y))
            gradients = tape.gradient(loss, [pictures, kernel])
            size = sum(tf.reduce_sum(g**2) for g in gradients)
        results.append([y, *gradients, *outer.gradient(size, [pictures, kernel])])
    for ours, plain in zip(*results, strict=True):  # second derivatives: the penalties need them
        np.testing.assert_allclose(ours, plain, rtol=1e-3, atol=1e-3)


def test_by_hand_one_pixel_spreads_the_mirrored_kernel():
    picture = tf.zeros((1, 3, 3, 1))
    kernel = tf.reshape(tf.range(1.0, 10.0), (3, 3, 1, 1))
    upstream = np.zeros((1, 3, 3, 1), np.float32)
    upstream[0, 1, 1, 0] = 2.0
    with tf.GradientTape() as tape:
        tape.watch(picture)
        loss = tf.reduce_sum(upstream * picture_convolution(picture, kernel))
    expected = 2.0 * np.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    np.testing.assert_array_equal(tape.gradient(loss, picture), expected)


def test_the_layer_is_a_convolution_that_knows_no_strides():
    layer, plain = PictureConv2D(4, 5), keras.layers.Conv2D(4, 5, padding="same")
    images = normal(2, 8, 8, 1)
    layer(images), plain(images)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(images), plain(images), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="strides"):
        PictureConv2D(4, 5, strides=2)
