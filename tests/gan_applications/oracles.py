"""What the tests of a system's step are written with: networks of one matrix, slopes by differences."""

import contextlib
import sys

import keras
import numpy as np
import tensorflow as tf


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


class Stub(keras.Model):
    """One matrix, and a function of it and of the inputs."""

    def __init__(self, shape, function, stddev=0.05):
        super().__init__()
        start = keras.initializers.RandomNormal(0.0, stddev)
        self.matrix = self.add_weight(shape=shape, initializer=start)
        self.function, self.built = function, True

    def call(self, inputs):
        return self.function(inputs, tf.convert_to_tensor(self.matrix))


def judged(inputs, weight):
    """The means of an image's channels and φ, weighted."""
    return tf.concat([tf.reduce_mean(inputs[0], [1, 2]), inputs[1]], -1) @ weight


class _OneMatrix(keras.Model):
    """A network that is one matrix over the channels, and remembers what it was given."""

    def __init__(self, channels, filters, activation=None):
        super().__init__()
        self.layer = keras.layers.Dense(filters, activation, use_bias=False)
        self.seen = []
        self(np.zeros((1, 1, 1, channels), np.float32))
        self.seen.clear()

    def call(self, inputs):
        self.seen.append(inputs)
        return self.layer(inputs)


class Maker(_OneMatrix):
    """G(x) = tanh(x A)."""

    def __init__(self, channels):
        super().__init__(channels, 3, "tanh")


class Judge(_OneMatrix):
    """D(x) = x b, a logit for each pixel."""

    def __init__(self, channels):
        super().__init__(channels, 1)


@contextlib.contextmanager
def captured(players):
    """Player's name → the gradient of its first variable, where a step would apply it."""
    found, learn = {}, {}
    for name, player in players.items():

        def keep(gradients, name=name, player=player):
            found[name] = gradients[0].numpy()
            return learn[name](gradients)

        learn[name], player.learn = player.learn, keep
    yield found


def slope_of(loss, weight, step=1e-6):
    """The gradient of a loss, written in NumPy, by central differences in float64."""
    slope = np.zeros(weight.shape)
    for place in np.ndindex(weight.shape):
        moved = np.zeros(weight.shape)
        moved[place] = step
        slope[place] = (loss(weight + moved) - loss(weight - moved)) / (2 * step)
    return slope


def ran(function):
    """The code that was run while it was called."""
    found = set()
    sys.setprofile(lambda frame, event, _: found.add(frame.f_code) if event == "call" else None)
    try:
        function()
    finally:
        sys.setprofile(None)
    return found
