"""A convolution of images whose gradient towards the images is cheap."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


@tf.custom_gradient
def picture_convolution(pictures: Any, kernel: Any) -> tuple[tf.Tensor, Callable]:
    """`tf.nn.conv2d(pictures, kernel, 1, "SAME")`, with another way to the gradient of the images.

    oneDNN computes that gradient as if there were 16 channels, however few there are.  Here it is one matrix
    product, kernel · gradient, whose rows (one for each tap and channel) are added up, each shifted by
    its tap.  The sums are in float32.

    Args:
        pictures: (N, H, W, C) with few channels.
        kernel: (k, l, C, filters).

    Returns:
        (N, H, W, filters).
    """
    rows, columns, channels, filters = kernel.shape

    def gradient(upstream: Any) -> Any:
        of_kernel = tf.compat.v1.nn.conv2d_backprop_filter(
            pictures, kernel.shape, upstream, [1, 1, 1, 1], "SAME"
        )
        n, height, width = tf.unstack(tf.shape(pictures)[:3])
        taps = tf.matmul(
            tf.reshape(kernel, (-1, filters)), tf.reshape(upstream, (-1, filters)), transpose_b=True
        )
        taps = tf.reshape(tf.cast(taps, tf.float32), (rows, columns, channels, n, height, width))
        around = [(0, 0), (0, 0), (rows - 1,) * 2, (columns - 1,) * 2]
        shifted = [
            tf.slice(
                tf.pad(taps[i, j], around),
                [0, 0, rows - 1 + (rows - 1) // 2 - i, columns - 1 + (columns - 1) // 2 - j],
                [channels, n, height, width],
            )
            for i in range(rows)
            for j in range(columns)
        ]
        of_pictures = tf.transpose(tf.add_n(shifted), (1, 2, 3, 0))
        return tf.cast(of_pictures, pictures.dtype), of_kernel

    return tf.nn.conv2d(pictures, kernel, 1, "SAME"), gradient


@keras.saving.register_keras_serializable(package="gan_common")
class PictureConv2D(keras.layers.Conv2D):
    """`Conv2D` with stride 1 and "same" padding, for a network's first layer: see `picture_convolution`."""

    def __init__(self, filters: int, kernel_size: Any, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, **{**kwargs, "padding": "same"})
        if self.strides != (1, 1) or self.dilation_rate != (1, 1) or self.groups != 1:
            raise ValueError(
                "PictureConv2D knows no strides, dilation or groups. "
                f"Received: strides={self.strides}"
            )

    def convolution_op(self, inputs: Any, kernel: Any) -> tf.Tensor:
        """As `Conv2D` does, with another gradient."""
        return picture_convolution(inputs, tf.convert_to_tensor(kernel))
