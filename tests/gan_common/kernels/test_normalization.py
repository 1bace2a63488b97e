"""The fused batch normalization is Keras's: outputs, statistics, gradients, and what a file needs."""

import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_common import tricks
from gan_common.kernels.normalization import BatchNormalization
from gan_common.portable import portable

RNG = np.random.default_rng(3)


def pair(shape, **given):
    """Our layer and Keras's with the same weights."""
    made = [kind(**given) for kind in (BatchNormalization, keras.layers.BatchNormalization)]
    weights = None
    for layer in made:
        layer.build((None, *shape[1:]))
        weights = weights or [RNG.uniform(0.5, 2, v.shape) for v in layer.weights]
        layer.set_weights(weights)
    return made


def both(layers, x, training=True):
    """Outputs, gradients of a weighted sum of them, and moving statistics of each layer."""
    weights = tf.constant(RNG.normal(size=x.shape), tf.float32)

    @tf.function
    def run(layer, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.cast(layer(x, training=training), tf.float32)
            total = tf.reduce_sum(weights * y)
        return y, tape.gradient(total, [x, layer.gamma.value, layer.beta.value])

    found = []
    for layer in layers:
        y, gradients = run(layer, x)
        kept = [layer.moving_mean.numpy(), layer.moving_variance.numpy()]
        found.append([y, *gradients, *kept])
    return found


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(6, 5, 4, 3), (2, 1, 1, 3), (7, 3)])
def test_equal_to_keras(shape, training):
    x = tf.constant(2 + 3 * RNG.normal(size=shape), tf.float32)
    ours, theirs = both(pair(shape, momentum=0.8), x, training)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


def test_bfloat16_is_normalized_in_float32():
    x = tf.cast(100 + RNG.normal(size=(16, 8, 8, 4)), tf.bfloat16)
    layers = pair(x.shape, dtype="mixed_bfloat16")
    assert layers[0](x, training=True).dtype == tf.bfloat16
    layers = pair(x.shape, dtype="mixed_bfloat16")
    ours, theirs = both(layers, x)
    for a, b in zip(ours, theirs, strict=True):
        a, b = (np.asarray(tf.cast(v, tf.float32)) for v in (a, b))
        np.testing.assert_allclose(a, b, rtol=0.02, atol=0.02 * np.abs(b).max())
    np.testing.assert_allclose(ours[-1], theirs[-1], rtol=1e-4)


def test_second_derivatives_are_there_for_gradient_penalties():
    x = tf.constant(RNG.normal(size=(4, 3, 3, 2)), tf.float32)
    penalties = []
    for layer in pair(x.shape):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(tf.tanh(layer(x, training=True)))
            penalty = tf.reduce_sum(tf.square(inner.gradient(y, x)))
        penalties.append(outer.gradient(penalty, layer.gamma.value))
    np.testing.assert_allclose(*penalties, rtol=1e-3, atol=1e-4)


def test_a_frozen_layer_keeps_its_statistics_and_uses_them():
    x = tf.constant(RNG.normal(size=(4, 3, 3, 2)), tf.float32)
    layer, _ = pair(x.shape)
    layer.trainable = False
    before = [v.numpy() for v in layer.weights]
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))
    for was, now in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(was, now)


def test_without_moving_variables_outside_of_a_stateless_call():
    x = tf.constant(RNG.normal(size=(4, 3, 3, 2)), tf.float32)
    model = keras.Sequential([keras.layers.Input(x.shape[1:]), BatchNormalization()])
    before = [v.numpy() for v in model.non_trainable_variables]
    y, after = model.stateless_call(
        model.trainable_variables, model.non_trainable_variables, x, training=True
    )
    np.testing.assert_allclose(np.mean(y, (0, 1, 2)), 0, atol=1e-5)
    for was, still, new in zip(before, model.non_trainable_variables, after, strict=True):
        np.testing.assert_array_equal(was, still)
        assert not np.array_equal(was, new)


def test_a_saved_model_needs_keras_alone(tmp_path):
    inputs = keras.Input((8,))
    x = keras.layers.Reshape((2, 2, 2))(inputs)
    x = keras.layers.Conv2DTranspose(3, 4, 2, "same")(x)
    x = keras.layers.ReLU()(BatchNormalization(momentum=0.7)(x))
    model = keras.Model(inputs, x, name="generator")
    latents = tricks.sample_latent(4, 8, "normal", (0, 1))
    model(latents, training=True)
    portable(model).save(tmp_path / "g.keras")
    with zipfile.ZipFile(tmp_path / "g.keras") as file:
        config = json.loads(file.read("config.json"))
    assert "gan_chapter" not in json.dumps(config)
    loaded = keras.models.load_model(tmp_path / "g.keras")
    np.testing.assert_allclose(loaded(latents), model(latents), atol=1e-6)
    assert loaded.layers[3].momentum == 0.7
    other = keras.Sequential([keras.layers.Dense(2)])
    assert portable(other) is other


@pytest.mark.parametrize("shape", [(16, 4, 4, 3), (16, 3)], ids=["images", "vectors"])
def test_statistics_that_are_not_kept_stay_while_the_batchs_normalize(shape):
    layer = BatchNormalization()
    x = 5 + np.random.default_rng(0).normal(size=shape).astype(np.float32)
    layer.build(shape)
    y = tf.function(lambda x: layer(x, training=True, keep_statistics=False))(x)
    axes = tuple(range(len(shape) - 1))
    np.testing.assert_allclose(np.mean(y, axis=axes), 0, atol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean, 0)
    np.testing.assert_array_equal(layer.moving_variance, 1)
    assert layer.momentum == 0.99
    layer(x, training=True)
    assert np.all(layer.moving_mean != 0)
