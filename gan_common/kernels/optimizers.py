"""Keras's Adam and SGD, with the update of a variable as one pass over it instead of a dozen.

The formulas are Keras's and so are the variables; TensorFlow's fused kernels compute them.  What comes out
is the same to rounding.
"""

import keras
import tensorflow as tf

register = keras.saving.register_keras_serializable(package="gan_chapter")


def _handle(variable) -> tf.Tensor:
    variable = variable.value if isinstance(variable, keras.Variable) else variable
    return variable.handle


def _dense(gradient, dtype) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(gradient), dtype)  # an embedding's comes as slices


@register
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` (Kingma and Ba 2015, algorithm 1 in the form of its section 2).

    Raises:
        ValueError: with `amsgrad`, which the fused kernel does not know.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.amsgrad:
            raise ValueError("amsgrad is keras.optimizers.Adam's alone. Received: amsgrad=True")

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable and its two moments."""
        dtype = variable.dtype
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.constant(self.beta_1, dtype) ** step,
            beta2_power=tf.constant(self.beta_2, dtype) ** step,
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.constant(self.beta_1, dtype),
            beta2=tf.constant(self.beta_2, dtype),
            epsilon=tf.constant(self.epsilon, dtype),
            grad=_dense(gradient, dtype),
        )


@register
class SGD(keras.optimizers.SGD):
    """`keras.optimizers.SGD`, with its momentum and Nesterov's."""

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable and its momentum."""
        rate, gradient = tf.cast(learning_rate, variable.dtype), _dense(gradient, variable.dtype)
        if not self.momentum:
            tf.raw_ops.ResourceApplyGradientDescent(
                var=_handle(variable), alpha=rate, delta=gradient
            )
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=_handle(variable),
            accum=_handle(self.momentums[self._get_variable_index(variable)]),
            lr=rate,
            grad=gradient,
            momentum=tf.constant(self.momentum, variable.dtype),
            use_nesterov=self.nesterov,
        )
