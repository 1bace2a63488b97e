"""Keras's Adam and SGD, with the update of a variable as one pass over it instead of a dozen.

The formulas are Keras's and so are the variables; TensorFlow's fused kernels compute them.  What comes out
is the same to rounding.
"""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

register = keras.saving.register_keras_serializable(package="gan_common")


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


def differentiable(optimizer, variables: Sequence) -> tuple[list, Callable]:
    """The update rule of a Keras optimiser as a pure function, and the moments that it stands at.

    Returns:
        moments: for each variable the list of its moments, as tensors.
        step: (parameter, its moments, gradient, k) -> (parameter, moments), for the k-th step from now.
    """
    known = isinstance(optimizer, keras.optimizers.SGD | keras.optimizers.Adam)
    if not known or isinstance(optimizer, keras.optimizers.AdamW):
        raise ValueError(
            "optimizer must be a keras.optimizers.SGD or Adam. "
            f"Received: optimizer={type(optimizer).__name__}"
        )
    unknown = "amsgrad weight_decay clipnorm clipvalue global_clipnorm"
    for option in f"{unknown} gradient_accumulation_steps loss_scale_factor".split():
        if getattr(optimizer, option, None):
            raise ValueError(
                f"unrolling does not know the optimizer's {option}. "
                f"Received: {option}={getattr(optimizer, option)}"
            )
    rate = tf.cast(optimizer.learning_rate, tf.float32)
    now = tf.cast(optimizer.iterations, tf.float32)

    def moment(name: str, variable) -> tf.Tensor:
        if not optimizer.built or not getattr(optimizer, name):  # SGD without momentum keeps none
            return tf.zeros(variable.shape)
        try:
            return tf.convert_to_tensor(
                getattr(optimizer, name)[optimizer._get_variable_index(variable)]
            )
        except KeyError as error:
            raise ValueError(
                "the optimizer was built for other variables. "
                f"Received: discriminator_variables with {variable.name}"
            ) from error

    def sgd(parameter, moments, gradient, k):
        (velocity,) = moments
        velocity = optimizer.momentum * velocity - rate * gradient
        if optimizer.nesterov:
            return parameter + optimizer.momentum * velocity - rate * gradient, [velocity]
        return parameter + velocity, [velocity]

    def adam(parameter, moments, gradient, k):
        mean, square = moments
        mean += (gradient - mean) * (1.0 - optimizer.beta_1)
        square += (tf.square(gradient) - square) * (1.0 - optimizer.beta_2)
        t = now + (k + 1.0)
        scale = rate * tf.sqrt(1.0 - optimizer.beta_2**t) / (1.0 - optimizer.beta_1**t)
        # The bound changes no step, but keeps the square root's gradient finite at zero.
        root = tf.sqrt(tf.maximum(square, 1e-30))
        return parameter - scale * mean / (root + optimizer.epsilon), [mean, square]

    if isinstance(optimizer, keras.optimizers.SGD):
        return [[moment("momentums", v)] for v in variables], sgd
    return [[moment("_momentums", v), moment("_velocities", v)] for v in variables], adam
