"""Pseudo-labels: the class that an unlabelled image shows by one view is the target of another view.

FixMatch (Sohn et al. 2020, 2001.07685) with the word of an EMA teacher, whose classes are made as frequent as
the labels are (Berthelot et al. 2020, 1911.09785).
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from gan_common import tricks

SHARES_DECAY = 0.99  # of the classes' mean shares: the last hundred steps or so


class Teacher:
    """A discriminator with the exponential moving average of D's weights (EMA teacher).

    Args:
        network: a network like D, built.
        num_classes: K.
        label_shares: (K,) of the labelled images, where they are unequal: what a batch of them tells is then
            known in advance.

    Attributes:
        network: as given.
        class_shares: (2, K), the classes' mean shares lately: by the labels, and by the teacher.
    """

    def __init__(self, network: keras.Model, num_classes: int, label_shares: Any = None) -> None:
        self.network, self.num_classes = network, num_classes
        self.label_shares = None
        start = tf.fill((num_classes,), 1.0 / num_classes)
        if label_shares is not None:
            self.label_shares = start = tf.constant(label_shares, tf.float32)
        self.class_shares = tf.Variable(
            tf.stack([start, start]),
            trainable=False,
            name="class_shares",
            aggregation=tf.VariableAggregation.MEAN,
        )

    def follow(self, averages: Sequence[tf.Variable]) -> None:
        """Take the averaged weights of D, which come first among `averages`."""
        variables = tricks.floating(self.network.variables)
        for variable, average in zip(variables, averages[: len(variables)], strict=True):
            variable.assign(tf.convert_to_tensor(average))

    def targets(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The classes' probabilities by the teacher, made as frequent as the labels are.

        Left alone, a class that D overlooks is learnt as another one, and overlooked more.

        Args:
            images: (U, H, W, C) in [-1, 1], without labels.
            labels: (L,) of the labelled images.

        Returns:
            (U, K), each row sums to 1.

        Source: Berthelot et al. 2020 (1911.09785), section 3.1.
        """
        _, logits = self.network(images, training=False)
        p = tf.nn.softmax(logits)
        told = self.label_shares
        if told is None:
            told = tf.reduce_mean(tf.one_hot(labels, self.num_classes), axis=0)
        batch = tf.stack([told, tf.reduce_mean(p, axis=0)])
        self.class_shares.assign(SHARES_DECAY * self.class_shares + (1 - SHARES_DECAY) * batch)
        by_label, by_teacher = tf.unstack(tf.convert_to_tensor(self.class_shares))
        p *= by_label / by_teacher
        return p / tf.reduce_sum(p, axis=1, keepdims=True)


def consistency_loss(
    target: tf.Tensor, logits: tf.Tensor, threshold: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross-entropy of one view with the class that D is sure of on another view of the same image.

    Args:
        target: probabilities (N, K) of the classes; no gradient flows back to them.
        logits: (N, K+1) of the other view.
        threshold: confidence threshold, in [0, 1].

    Returns:
        The mean over the batch, where images with no class above `threshold` count 0; and the share of
        those with one.

    Source: Sohn et al. 2020 (2001.07685), equation 4.
    """
    probabilities = tf.stop_gradient(target)
    sure = tf.cast(tf.reduce_max(probabilities, axis=1) >= threshold, tf.float32)
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.argmax(probabilities, axis=1), logits=logits[:, :-1]
    )
    return tf.reduce_mean(sure * cross_entropy), tf.reduce_mean(sure)
