"""Keras's Adam and SGD, with the update of a variable as one pass over it instead of a dozen.

The formulas are Keras's and so are the variables; TensorFlow's fused kernels compute them.  What comes out
is the same to rounding.  `differentiable` is their update rule as a function that gradients pass.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

register = keras.saving.register_keras_serializable(package="gan_common")


def moments(optimizer: keras.optimizers.Optimizer, variables: Sequence) -> list[list]:
    """The moments that a built Adam or SGD keeps of each variable; empty lists for SGD without momentum.

    Args:
        optimizer: its variables are the iteration, the learning rate unless that is a schedule, and then each
            variable's moments.
        variables: those that it was built for, in their order.

    Raises:
        ValueError: it was built for others.
    """
    first = 1 + isinstance(optimizer.learning_rate, keras.Variable)
    kept = list(optimizer.variables[first:])
    if not kept:
        return [[] for _ in variables]
    each = 1 if isinstance(optimizer, keras.optimizers.SGD) else 2
    expected = [tuple(variable.shape) for variable in variables for _ in range(each)]
    if [tuple(moment.shape) for moment in kept] != expected:
        raise ValueError(
            "the optimizer was built for other variables. "
            f"Received: variables with {', '.join(variable.name for variable in variables)}"
        )
    return [kept[i : i + each] for i in range(0, len(kept), each)]


class _ByVariable:
    """The moments of variables, by all that an update may be given: Keras's, TensorFlow's, a replica's."""

    def __init__(self, optimizer: keras.optimizers.Optimizer, variables: Sequence) -> None:
        # Kept, so that no other object gets the number of one of them.
        self._variables = list(variables)
        replicas = tf.distribute.get_strategy().experimental_local_results
        self._found: dict[int, list] = {}
        for variable, each in zip(variables, moments(optimizer, variables), strict=True):
            value = variable.value if isinstance(variable, keras.Variable) else variable
            names = (variable, value, *replicas(value))
            self._found |= dict.fromkeys(map(id, names), each)

    def __getitem__(self, variable: Any) -> list:
        return self._found[id(variable)]


def _handle(variable: Any) -> tf.Tensor:
    variable = variable.value if isinstance(variable, keras.Variable) else variable
    return variable.handle


def _dense(gradient: Any, dtype: Any) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(gradient), dtype)  # an embedding's comes as slices


@register
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` (Kingma and Ba 2015, algorithm 1 in the form of its section 2).

    Raises:
        ValueError: with `amsgrad`, which the fused kernel does not know.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.amsgrad:
            raise ValueError("amsgrad is keras.optimizers.Adam's alone. Received: amsgrad=True")

    def build(self, variables: Sequence) -> None:
        """Make the moments of the variables."""
        if not self.built:
            super().build(variables)
            self._of = _ByVariable(self, variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable and its two moments."""
        dtype = variable.dtype
        momentum, velocity = self._of[variable]
        step = tf.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(momentum),
            v=_handle(velocity),
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

    def build(self, variables: Sequence) -> None:
        """Make the momentum of the variables."""
        if not self.built:
            super().build(variables)
            self._of = _ByVariable(self, variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable and its momentum."""
        rate, gradient = tf.cast(learning_rate, variable.dtype), _dense(gradient, variable.dtype)
        if not self.momentum:
            tf.raw_ops.ResourceApplyGradientDescent(
                var=_handle(variable), alpha=rate, delta=gradient
            )
            return
        (momentum,) = self._of[variable]
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=_handle(variable),
            accum=_handle(momentum),
            lr=rate,
            grad=gradient,
            momentum=tf.constant(self.momentum, variable.dtype),
            use_nesterov=self.nesterov,
        )


def differentiable(
    optimizer: keras.optimizers.Optimizer, variables: Sequence
) -> tuple[list[list[tf.Tensor]], Callable]:
    """The update rule of a Keras optimizer as a pure function, and the moments that it stands at.

    Args:
        optimizer: a `keras.optimizers.SGD` or `Adam`.
        variables: those that it was built for, in their order; or it is not built yet.

    Returns:
        moments: for each variable the list of its moments, as tensors.
        step: (parameter, its moments, gradient, k) -> (parameter, moments), for the k-th step from now.

    Raises:
        ValueError: another optimizer, one with an option that is not known here, or of other variables.
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

    of_each = moments(optimizer, variables) if optimizer.built else [[] for _ in variables]
    count = 1 if isinstance(optimizer, keras.optimizers.SGD) else 2
    start = [
        [tf.convert_to_tensor(moment) for moment in kept] or [tf.zeros(v.shape)] * count
        for v, kept in zip(variables, of_each, strict=True)
    ]

    def sgd(parameter: Any, moments: list, gradient: Any, k: int) -> tuple[Any, list]:
        (velocity,) = moments
        velocity = optimizer.momentum * velocity - rate * gradient
        if optimizer.nesterov:
            return parameter + optimizer.momentum * velocity - rate * gradient, [velocity]
        return parameter + velocity, [velocity]

    def adam(parameter: Any, moments: list, gradient: Any, k: int) -> tuple[Any, list]:
        mean, square = moments
        mean += (gradient - mean) * (1.0 - optimizer.beta_1)
        square += (tf.square(gradient) - square) * (1.0 - optimizer.beta_2)
        t = now + (k + 1.0)
        scale = rate * tf.sqrt(1.0 - optimizer.beta_2**t) / (1.0 - optimizer.beta_1**t)
        # The bound changes no step, but keeps the square root's gradient finite at zero.
        root = tf.sqrt(tf.maximum(square, 1e-30))
        return parameter - scale * mean / (root + optimizer.epsilon), [mean, square]

    return start, sgd if isinstance(optimizer, keras.optimizers.SGD) else adam
