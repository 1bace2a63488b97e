"""Keras's convolutions, whose operations take the form that is fastest on the processor at hand.

They are Keras's layers: arguments, weights, and to rounding the numbers.  `forms` says which form each
operation takes; it is Keras's own until `gan_common.kernels.choice` has set it.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from gan_common.kernels.forms import PLAIN, Geometry, Work, convolution, transposed_convolution

register = keras.saving.register_keras_serializable(package="gan_common")


def _geometry(layer: keras.layers.Layer, inputs: Any) -> Geometry | None:
    """The layer's geometry; None where Keras's form is the only one."""
    rows, columns = layer.kernel_size
    simple = rows == columns and len({*layer.strides}) == 1 and {*layer.dilation_rate} == {1}
    simple &= layer.data_format == "channels_last" and layer.padding in ("same", "valid")
    simple &= getattr(layer, "groups", 1) == 1 and not getattr(layer, "output_padding", None)
    if not simple or None in inputs.shape[1:]:
        return None
    return Geometry(rows, layer.strides[0], layer.padding)


def _work(layer: keras.layers.Layer, count: int) -> Work | None:
    """What a call with `count` images computes; None where Keras's form is the only one."""
    geometry = _geometry(layer, layer.images)
    if geometry is None:
        return None
    images = (count, *layer.images.shape[1:])
    return Work(images, layer.kernel.shape[-1], geometry, layer.compute_dtype)


@register
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`.

    Attributes:
        forms: see `gan_common.kernels.forms`.
        images: the shape that it was built for.
    """

    forms = PLAIN

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights."""
        super().build(input_shape)
        self.images = keras.KerasTensor(input_shape)

    def work(self, count: int) -> Work | None:
        """What a call with `count` images computes; None where Keras's form is the only one."""
        return _work(self, count)

    def convolution_op(self, inputs: Any, kernel: Any) -> tf.Tensor:
        """As Keras's, in these forms."""
        geometry = _geometry(self, inputs)
        if self.forms == PLAIN or geometry is None:
            return super().convolution_op(inputs, kernel)
        kernel = tf.cast(tf.convert_to_tensor(kernel), inputs.dtype)
        return convolution(inputs, kernel, geometry, self.forms)


@register
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`.

    Attributes:
        forms: those of the convolution that leads from its result to its input.
        images: the shape of its result.
    """

    forms = PLAIN

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights."""
        super().build(input_shape)
        self.images = keras.KerasTensor(self.compute_output_shape(input_shape))

    def work(self, count: int) -> Work | None:
        """What a call with `count` inputs computes; None where Keras's form is the only one."""
        return _work(self, count)

    def call(self, inputs: Any) -> tf.Tensor:
        """As Keras's, in these forms."""
        geometry = _geometry(self, inputs)
        if self.forms == PLAIN or geometry is None:
            return super().call(inputs)
        kernel = tf.cast(tf.convert_to_tensor(self.kernel), inputs.dtype)
        size = self.compute_output_shape(inputs.shape)[1:3]
        outputs = transposed_convolution(inputs, kernel, size, geometry, self.forms)
        if self.use_bias:
            outputs += tf.cast(tf.convert_to_tensor(self.bias), outputs.dtype)
        return self.activation(outputs)
