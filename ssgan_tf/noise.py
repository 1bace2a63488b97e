"""Noise layers that are told their seed: nothing random is kept between calls, so a run can be resumed."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from gan_common.replicas import share, whole_shape


@keras.saving.register_keras_serializable(package="gan_common")
class SeededGaussianNoise(layers.Layer):
    """Adds N(0, stddev²) in training.  The caller gives the seed, a pair: nothing is kept between calls.

    Args:
        stddev: of the noise.
        table: take a window of a fixed table of 2²⁰ normal numbers, at a place that the seed says, instead
            of drawing that many: a tenth of the time, and of a whole step of preset `improved` on two Zen 4
            cores a seventh (30 ms for 34).  Within a call the numbers are as independent as drawn
            ones; two calls share most of them, in other places.  A call that needs more than half the
            table draws.
    """

    def __init__(self, stddev: float, table: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not stddev >= 0:
            raise ValueError(f"stddev must not be negative. Received: stddev={stddev}")
        self.stddev, self.table = stddev, table

    def call(self, inputs: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        if seed is None:
            return inputs
        shape = whole_shape(inputs)

        def drawn() -> tf.Tensor:
            noise = tf.random.stateless_normal(shape, seed, alg="philox")
            return tf.cast(self.stddev * noise, inputs.dtype)

        def window() -> tf.Tensor:
            return _window(shape, seed, float(self.stddev), inputs.dtype)

        if not self.table:
            return inputs + share(drawn())
        small = tf.reduce_prod(shape) <= TABLE // 2
        known = tf.get_static_value(small)
        noise = tf.cond(small, window, drawn) if known is None else (window if known else drawn)()
        return inputs + share(tf.ensure_shape(noise, (None, *inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "table": self.table}


TABLE = 2**20


@functools.cache
def _table(stddev: float, dtype: tf.DType) -> tf.Tensor:
    """`TABLE` numbers from N(0, stddev²), always the same."""
    with tf.init_scope():
        numbers = tf.random.stateless_normal((TABLE,), (0, 20), alg="philox")
        return tf.cast(stddev * numbers, dtype)


def _window(shape: tf.Tensor, seed: tf.Tensor, stddev: float, dtype: Any) -> tf.Tensor:
    """As many successive numbers of the table as the shape has, from a random place on."""
    size = tf.reduce_prod(shape)
    start = tf.random.stateless_uniform((), seed, 0, TABLE - size + 1, tf.int32, alg="philox")
    return tf.reshape(tf.slice(_table(stddev, tf.as_dtype(dtype)), [start], [size]), shape)


@keras.saving.register_keras_serializable(package="gan_common")
class SeededDropout(layers.Layer):
    """Sets a share `rate` of the values to 0 in training and divides the others by 1 − rate.

    A byte decides on a value, a quarter of what drawing a float32 for it costs.

    Args:
        rate: in [0, 1); taken to the nearest 1/256.
    """

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be in [0, 1). Received: rate={rate}")
        self.rate = rate

    def call(self, inputs: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        if seed is None:
            return inputs
        dropped = min(round(256 * self.rate), 255)  # of a byte's 256 values
        kept = share(_random_bytes(whole_shape(inputs), seed)) >= dropped
        return inputs * (tf.cast(kept, inputs.dtype) * (256 / (256 - dropped)))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


def _random_bytes(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """uint8 numbers of this shape, each of the 256 values as often."""
    size = tf.reduce_prod(shape)
    words = [(size + 3) // 4]
    words = tf.random.stateless_uniform(words, seed, None, None, tf.uint32, alg="philox")
    return tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:size], shape)
