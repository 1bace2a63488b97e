"""The layers are Keras's, whatever forms they have been given."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_common.kernels import forms
from gan_common.kernels.convolutions import Conv2D, Conv2DTranspose
from gan_common.kernels.forms import PLAIN, Forms, Geometry, Work
from gan_common.kernels.upsampling import UpsampleConv2D
from gan_common.portable import portable
from gan_common.tricks import WeightNormalization

RNG = np.random.default_rng(3)
# Each form of each operation, the others Keras's; and all of them other than Keras's.
ALL = [
    *(Forms(forward=name) for name in forms.FORWARD),
    *(Forms(to_input=name) for name in forms.TO_INPUT if name != forms.LIBRARY),
    *(Forms(to_kernel=name) for name in forms.TO_KERNEL if name != forms.LIBRARY),
    Forms("blocks", "taps", "columns"),
]
PAIRS = [
    (Conv2D, keras.layers.Conv2D, {"padding": "same", "strides": 2, "activation": "tanh"}),
    (Conv2D, keras.layers.Conv2D, {"padding": "valid", "use_bias": False}),
    (Conv2DTranspose, keras.layers.Conv2DTranspose, {"padding": "same", "strides": 2}),
    (Conv2DTranspose, keras.layers.Conv2DTranspose, {"padding": "valid", "activation": "relu"}),
]
OTHERS = [
    (Conv2D, keras.layers.Conv2D, {"dilation_rate": 2}),
    (Conv2D, keras.layers.Conv2D, {"groups": 2}),
    (Conv2DTranspose, keras.layers.Conv2DTranspose, {"strides": 2, "output_padding": 1}),
]
FAST = Forms("blocks", "taps", "columns")


def images(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def twins(ours, plain, options, x, **dtype):
    """The same layer in this project's class and in Keras's, with the same weights."""
    pair = [made(4, 4, **options, **dtype) for made in (ours, plain)]
    for layer in pair:
        layer.build(x.shape)
    pair[1].set_weights([w + 0.1 for w in pair[0].get_weights()])
    pair[0].set_weights(pair[1].get_weights())
    return pair


@pytest.mark.parametrize("eager", [True, False], ids=["eager", "graph"])
@pytest.mark.parametrize(("ours", "plain", "options"), PAIRS)
def test_a_layer_and_its_gradients_are_kerass(ours, plain, options, eager):
    x = images(3, 8, 6, 2)
    layer, twin = twins(ours, plain, options, x)
    found = []
    for each, chosen in [(twin, None), *((layer, chosen) for chosen in ALL)]:
        if chosen:
            each.forms = chosen

        def step(each=each):
            with tf.GradientTape() as tape:
                y = each(x)
                loss = tf.reduce_sum(tf.sin(y))
            return [y, *tape.gradient(loss, each.trainable_variables)]

        found.append((step if eager else tf.function(step))())
    for got in found[1:]:
        for a, b in zip(got, found[0], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())


@pytest.mark.parametrize(("ours", "plain", "options"), PAIRS)
def test_with_kerass_form_it_is_keras_to_the_bit(ours, plain, options):
    x = images(3, 8, 6, 2)
    layer, twin = twins(ours, plain, options, x)
    assert layer.forms == PLAIN
    np.testing.assert_array_equal(layer(x), twin(x))


@pytest.mark.parametrize(("ours", "plain", "options"), OTHERS)
def test_what_has_but_kerass_form_takes_it(ours, plain, options):
    x = images(3, 9, 9, 2)
    layer, twin = twins(ours, plain, options, x)
    layer.forms = FAST
    assert layer.work(3) is None
    np.testing.assert_array_equal(layer(x), twin(x))


def test_in_bfloat16_it_computes_as_its_policy_says():
    x = images(3, 8, 8, 4)
    for ours, plain, options in PAIRS:
        layer, twin = twins(ours, plain, options, x, dtype="mixed_bfloat16")
        layer.forms = FAST
        y = layer(x)
        assert y.dtype == tf.bfloat16
        np.testing.assert_allclose(
            tf.cast(y, tf.float32), tf.cast(twin(x), tf.float32), atol=0.05, rtol=0.05
        )


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("made", [Conv2D, Conv2DTranspose])
def test_weight_normalization_reaches_the_kernel(made, dtype):
    x = images(2, 8, 8, 4)
    layer = WeightNormalization(made(8, 4, 2, "same", dtype=dtype))
    before = tf.cast(layer(x), tf.float32)
    layer.layer.forms = FAST
    layer.g.assign(2 * layer.g)
    np.testing.assert_allclose(tf.cast(layer(x), tf.float32), 2 * before, rtol=0.02, atol=0.02)


def test_upsampling_takes_its_forms_too():
    x = images(2, 5, 5, 3)
    layer = UpsampleConv2D(4, 5)
    expected = layer(x)
    assert layer.work(2) == Work((2, 5, 5, 3), 16, Geometry(3, 1, "same"), "float32")
    for chosen in ALL:
        layer.forms = chosen
        np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)
    odd = UpsampleConv2D(4, 3)
    odd.build(x.shape)
    assert odd.work(2) is None


def test_a_model_is_saved_and_loaded_with_them_and_as_kerass_own(tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = Conv2DTranspose(4, 4, 2, "same")(Conv2D(5, 4, 2, "same", name="first")(inputs))
    model = keras.Model(inputs, x)
    model.get_layer("first").forms = FAST
    x = images(2, 8, 8, 3)
    model.save(tmp_path / "own.keras")
    portable(model).save(tmp_path / "plain.keras")
    for name, kind in (("own", Conv2D), ("plain", keras.layers.Conv2D)):
        loaded = keras.models.load_model(tmp_path / f"{name}.keras")
        assert type(loaded.get_layer("first")) is kind
        np.testing.assert_allclose(loaded(x), model(x), rtol=1e-4, atol=1e-6)
