"""What changes over a run: learning rates and the weight of the reconstruction, by the share that is done."""

import tensorflow as tf


def rate_factor(fraction: tf.Tensor, constant_share: float) -> float | tf.Tensor:
    """Of the learning rates: 1 for a share of the run, then linearly to 0 (Salimans et al. 2016, their code).

    Args:
        fraction: of the run that is done, in [0, 1].
        constant_share: in [0, 1].
    """
    if constant_share == 1:
        return 1.0
    return tf.clip_by_value((1 - fraction) / (1 - constant_share), 0, 1)


def reconstruction_weight(fraction: tf.Tensor, at_start: float) -> tf.Tensor:
    """Of G's distance to real images: falls linearly to 0 by the middle of the run."""
    return at_start * tf.maximum(1 - 2 * fraction, 0)
