"""Keras's batch normalization, with the normalization of a training batch as one pass over it.

The formula is Keras's and so are the variables; TensorFlow's fused kernel computes it, in a third to a sixth
of the time.  What comes out is the same to rounding.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="gan_common")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` (Ioffe and Szegedy 2015, algorithm 1).

    Images (N, H, W, C) take the fused kernel in training.  All else is Keras's own: vectors, inference,
    statistics over replicas, a mask, another axis.

    Call arguments:
        inputs, training, mask: as Keras's.
        keep_statistics: False leaves the moving statistics as they are, in training too: for a network that
            sees batches of several kinds, and will be asked about one kind.
    """

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = None,
        mask: tf.Tensor | None = None,
        keep_statistics: bool = True,
    ) -> tf.Tensor:
        if not (training and self._fuses(inputs, mask)):
            if keep_statistics or not training:
                return super().call(inputs, training=training, mask=mask)
            moving = (self.moving_mean, self.moving_variance)
            before = [tf.identity(tf.convert_to_tensor(variable)) for variable in moving]
            y = super().call(inputs, training=True, mask=mask)
            for variable, value in zip(moving, before, strict=True):
                variable.assign(value)
            return y
        x = tf.cast(inputs, self.compute_dtype)  # its statistics are float32 for bfloat16 too
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        if not keep_statistics:
            return y
        # The kernel tells the unbiased variance, Keras keeps the biased one.
        count = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
        variance *= (count - 1) / count
        for kept, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            kept.assign(kept * self.momentum + tf.stop_gradient(new) * (1.0 - self.momentum))
        return y

    def _fuses(self, inputs: tf.Tensor, mask: tf.Tensor | None) -> bool:
        if (
            mask is not None
            or self.synchronized
            or getattr(self, "renorm", False)
            or not self.trainable
        ):
            return False
        last = self.axis in (-1, 3)
        return len(inputs.shape) == 4 and last and self.scale and self.center
