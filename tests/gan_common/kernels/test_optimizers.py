"""The fused optimizers are Keras's, to rounding."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_common.kernels import optimizers

RNG = np.random.default_rng(3)
START = [RNG.normal(size=shape).astype(np.float32) for shape in ((7, 5), (5,), (3, 3, 2, 4))]
GRADIENTS = [[RNG.normal(size=w.shape).astype(np.float32) for w in START] for _ in range(5)]


def after(optimizer, wrap=lambda f: f):
    """Weights and optimizer variables after five steps."""
    variables = [keras.Variable(w) for w in START]
    optimizer.build(variables)
    apply = wrap(lambda gradients: optimizer.apply(gradients, variables))
    for step, gradients in enumerate(GRADIENTS):
        optimizer.learning_rate.assign(0.1 / (step + 1))  # schedules assign it
        apply([tf.constant(g) for g in gradients])
    return [np.array(v) for v in [*variables, *optimizer.variables]]


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "graph"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("Adam", {"beta_1": 0.5}),
        ("Adam", {"epsilon": 1e-4, "beta_2": 0.99}),
        ("SGD", {}),
        ("SGD", {"momentum": 0.9}),
        ("SGD", {"momentum": 0.9, "nesterov": True}),
    ],
)
def test_five_steps_are_those_of_keras(name, settings, wrap):
    ours = after(getattr(optimizers, name)(0.1, **settings), wrap)
    theirs = after(getattr(keras.optimizers, name)(0.1, **settings))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5)


def test_the_first_step_of_adam_is_the_rate_in_the_direction_of_the_sign():
    weight = keras.Variable([1.0, 1.0])
    optimizer = optimizers.Adam(0.25, epsilon=1e-12)
    optimizer.build([weight])
    optimizer.apply([tf.constant([3.0, -0.002])], [weight])
    np.testing.assert_allclose(weight, [0.75, 1.25], rtol=1e-4)


@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_slices_of_an_embedding_are_summed(name):
    table = keras.Variable(np.zeros((4, 2), np.float32))
    optimizer = getattr(optimizers, name)(0.5)
    optimizer.build([table])
    slices = tf.IndexedSlices(tf.ones((2, 2)), tf.constant([1, 1]), tf.constant([4, 2]))
    optimizer.apply([slices], [table])
    moved = -1.0 if name == "SGD" else -0.5
    np.testing.assert_allclose(table, [[0, 0], [moved] * 2, [0, 0], [0, 0]], rtol=1e-4)


def test_amsgrad_is_refused_and_the_configuration_survives():
    with pytest.raises(ValueError, match="amsgrad=True"):
        optimizers.Adam(0.1, amsgrad=True)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizers.SGD(0.5, 0.75)))
    assert isinstance(again, optimizers.SGD)
    assert again.momentum == 0.75
