"""A replica of a distributed step and the others.

What is random is drawn for the whole batch, and each replica takes its rows: so any number of replicas
computes what one would, to rounding.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


def replica_count() -> int:
    """How many replicas compute this step together."""
    return tf.distribute.get_replica_context().num_replicas_in_sync


def share(rows: tf.Tensor) -> tf.Tensor:
    """This replica's rows of a whole batch."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return rows
    size = tf.shape(rows)[0] // context.num_replicas_in_sync
    start = tf.cast(context.replica_id_in_sync_group, tf.int32) * size
    return rows[start : start + size]


def whole_shape(part: tf.Tensor) -> tf.Tensor:
    """The shape that a replica's share has in the whole batch."""
    if part.shape.is_fully_defined():
        return tf.constant([part.shape[0] * replica_count(), *part.shape[1:]])
    return tf.concat([[tf.shape(part)[0] * replica_count()], tf.shape(part)[1:]], axis=0)


def over_replicas(value: Any, mean: bool = True) -> Any:
    """Mean or sum over the replicas; gradients flow back to all of them."""
    if replica_count() == 1:
        return value
    operation = tf.distribute.ReduceOp.MEAN if mean else tf.distribute.ReduceOp.SUM
    return tf.distribute.get_replica_context().all_reduce(operation, value)


def apply_summed(
    optimizer: keras.optimizers.Optimizer, gradients: Sequence[tf.Tensor], weights: Sequence
) -> None:
    """Apply gradients that are the sum over the replicas already."""
    if replica_count() > 1:
        # Keras sums over the replicas too, so each gives its part of what is now the sum.
        gradients = [gradient / replica_count() for gradient in gradients]
    optimizer.apply(gradients, weights)
