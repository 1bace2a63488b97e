"""What the functions and layers of the chapter ask of their arguments alike: sizes, shares, seeds."""

import numbers
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

TensorLike: TypeAlias = np.ndarray | tf.Tensor
ImageShape: TypeAlias = tuple[int, int, int]  # height, width, channels
Seed: TypeAlias = int | tf.Tensor | None  # see `gan_common.tricks`


def check_positive_int(name: str, value: Any, minimum: int = 1) -> int:
    """`value` as an int, or a ValueError that echoes it by its name."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < minimum:
        raise ValueError(
            f"{name} must be an integer of at least {minimum}. Received: {name}={value}"
        )
    return int(value)


def check_fraction(name: str, value: float, *, one_allowed: bool = True) -> float:
    """`value` as a float, or a ValueError that echoes it by its name."""
    if not (0 <= value < 1 or (one_allowed and value == 1)):
        interval = "[0, 1]" if one_allowed else "[0, 1)"
        raise ValueError(f"{name} must be in {interval}. Received: {name}={value}")
    return float(value)


def like(given: TensorLike, result: tf.Tensor) -> TensorLike:
    """`result` as NumPy unless `given` is a tensor or a graph is being traced."""
    return result if tf.is_tensor(given) or not tf.executing_eagerly() else result.numpy()


def seed_pair(seed: Seed) -> tf.Tensor:
    """The (2,) tensor that the stateless random functions want."""
    if seed is None:
        return tf.random.uniform((2,), tf.int32.min, tf.int32.max, tf.int32)
    if isinstance(seed, numbers.Integral):
        return tf.constant([seed, 0], tf.int64)
    pair = tf.convert_to_tensor(seed)
    if pair.shape != (2,) or not pair.dtype.is_integer:
        raise ValueError(
            "seed must be None, an int, or an integer tensor of shape (2,). "
            f"Received: seed of shape {pair.shape} and type {pair.dtype.name}"
        )
    return pair
