"""Whatever its form, an operation of a convolution gives the numbers of TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf

from gan_common.kernels import forms
from gan_common.kernels.forms import Forms, Geometry, Work

RNG = np.random.default_rng(8)
# Each form of each operation, the others Keras's; and all of them other than Keras's.
ALL = [
    *(Forms(forward=name) for name in forms.FORWARD),
    *(Forms(to_input=name) for name in forms.TO_INPUT if name != forms.LIBRARY),
    *(Forms(to_kernel=name) for name in forms.TO_KERNEL if name != forms.LIBRARY),
    Forms("blocks", "taps", "columns"),
]
# kernel, stride, padding, height, width, channels, filters: even and odd sides, kernels that no stride
# divides, strides beyond the kernel, sides that a "valid" convolution does not use up
SHAPES = [
    (4, 2, "same", 8, 6, 1, 5),
    (4, 2, "same", 7, 5, 3, 2),
    (5, 2, "same", 8, 7, 2, 3),
    (6, 2, "same", 6, 6, 2, 2),
    (3, 3, "same", 10, 8, 2, 2),
    (1, 2, "same", 5, 6, 2, 2),
    (5, 1, "same", 7, 6, 1, 4),
    (2, 1, "same", 5, 4, 2, 2),
    (5, 1, "valid", 9, 7, 2, 3),
    (4, 2, "valid", 7, 8, 2, 3),
]


def normal(*shape):
    return tf.constant(RNG.normal(size=shape), tf.float32)


def derivatives(function, x, kernel, weights):
    """A value, its first and, as penalties on gradients need them, its second derivatives."""
    with tf.GradientTape() as outer:
        outer.watch([x, kernel])
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = function(x, kernel)
            loss = tf.reduce_sum(weights * tf.tanh(y))
        gradients = tape.gradient(loss, [x, kernel])
        size = sum(tf.reduce_sum(g**2) for g in gradients)
    return [y, *gradients, *outer.gradient(size, [x, kernel])]


def assert_equal(ours, plain):
    for got, expected in zip(ours, plain, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_form_is_the_convolution_and_its_derivatives(shape):
    k, s, padding, height, width, channels, filters = shape
    geometry = Geometry(k, s, padding)
    x, kernel = normal(3, height, width, channels), normal(k, k, channels, filters)
    work = Work(tuple(x.shape), filters, geometry, "float32")
    weights = normal(*work.result)

    def plain(x, kernel):
        return tf.nn.conv2d(x, kernel, s, padding.upper())

    expected = derivatives(plain, x, kernel, weights)
    for chosen in ALL:

        def ours(x, kernel, chosen=chosen):
            return forms.convolution(x, kernel, geometry, chosen)

        assert_equal(derivatives(ours, x, kernel, weights), expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_form_is_the_transposed_convolution_and_its_derivatives(shape):
    k, s, padding, height, width, channels, filters = shape
    geometry = Geometry(k, s, padding)
    work = Work((3, height, width, channels), filters, geometry, "float32")
    small, kernel, weights = (
        normal(*work.result),
        normal(k, k, channels, filters),
        normal(*work.images),
    )

    def plain(small, kernel):
        return tf.nn.conv2d_transpose(small, kernel, work.images, s, padding.upper())

    expected = derivatives(plain, small, kernel, weights)
    for chosen in ALL:

        def ours(small, kernel, chosen=chosen):
            size = (height, width)
            return forms.transposed_convolution(small, kernel, size, geometry, chosen)

        assert_equal(derivatives(ours, small, kernel, weights), expected)


@pytest.mark.parametrize("chosen", ALL, ids=str)
def test_in_bfloat16_no_form_is_further_from_the_truth_than_its_format(chosen):
    geometry, x, kernel = Geometry(4, 2, "same"), normal(4, 8, 8, 8), normal(4, 4, 8, 16)
    weights = normal(4, 4, 4, 16)
    results = []
    for dtype in (tf.float32, tf.bfloat16):
        a, b, w = (tf.cast(tf.cast(v, tf.bfloat16), dtype) for v in (x, kernel, weights))
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            y = forms.convolution(a, b, geometry, chosen)
            loss = tf.reduce_sum(tf.cast(y * w, tf.float32))
        results.append([tf.cast(v, tf.float32) for v in (y, *tape.gradient(loss, [a, b]))])
    for exact, got in zip(
        *results, strict=True
    ):  # 8 bits of mantissa, rounded in each of a few sums
        np.testing.assert_allclose(got, exact, atol=2**-6 * np.abs(exact).max())


def test_a_batch_of_unknown_size_is_no_hindrance():
    geometry, kernel, small = Geometry(4, 2, "same"), normal(4, 4, 2, 3), normal(5, 4, 4, 3)
    expected = tf.nn.conv2d_transpose(small, kernel, (5, 8, 8, 2), 2)
    for chosen in ALL:
        function = tf.function(
            lambda x, c=chosen: forms.transposed_convolution(x, kernel, (8, 8), geometry, c),
            input_signature=[tf.TensorSpec((None, 4, 4, 3))],
        )
        np.testing.assert_allclose(function(small), expected, rtol=1e-4, atol=1e-4)


def test_by_hand_one_pixel_spreads_the_mirrored_kernel():
    geometry = Geometry(3, 1, "same")
    kernel = tf.reshape(tf.range(1.0, 10.0), (3, 3, 1, 1))
    upstream = np.zeros((1, 3, 3, 1), np.float32)
    upstream[0, 1, 1, 0] = 2.0
    expected = 2.0 * np.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    for form in forms.TO_INPUT.values():
        np.testing.assert_array_equal(
            form(kernel, tf.constant(upstream), (3, 3), geometry), expected
        )


def test_what_a_convolution_costs_by_hand():
    work = Work((64, 7, 7, 64), 128, Geometry(4, 2, "same"), "float32")
    assert work.result == (64, 4, 4, 128)
    assert work.products == 64 * 4 * 4 * 128 * 16 * 64
    assert str(work) == "64x7x7x64 to 128, 4x4, stride 2, same, float32"
