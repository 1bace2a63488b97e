"""Nearest upsampling and a convolution in one, at a fraction of the multiplications."""

import numbers
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from gan_common.arguments import check_positive_int
from gan_common.kernels.forms import PLAIN, Geometry, Work, convolution


class _Fold(NamedTuple):
    """How a kernel acts, along one axis, on the image before nearest upsampling."""

    taps: np.ndarray  # (size, scale, k) of 0 and 1: which kernel rows meet in tap d of phase r
    crop: int  # leading output rows to drop
    padding: tuple[int, int]  # zero rows before and after the small image


def _fold(k: int, scale: int) -> _Fold:
    """With "same" padding, output row p is Σ_t K[t] · U[p + t − before], where U[q] = X[⌊q / scale⌋].

    So all t with the same ⌊(p + t − before) / scale⌋ read one row of X, and their weights can be added
    up beforehand.  Which ones they are depends on p modulo scale, the phase.  Zeros outside of U are
    zeros outside of X, so the borders are exact.

    A convolution gives all phases of a block at once, hence they share a window of X.  Blocks that start
    at p = 0 need one row more than blocks that start where a tap group starts; then the blocks start
    `crop` rows early, and there is one more of them.
    """
    before = (k - 1) // 2  # TensorFlow puts the odd row of padding behind

    def window(offset: int) -> int:
        return (scale + k - 2 + offset) // scale + 1

    # `offset`: where in its group of `scale` rows of U the first tap of a block's first row falls.
    offset = -before % scale
    if window(0) < window(offset):
        offset = 0
    crop = (-before - offset) % scale
    size = window(offset)
    taps = np.zeros((size, scale, k), np.float32)
    for phase in range(scale):
        for t in range(k):
            taps[(phase + t + offset) // scale, phase, t] = 1.0
    leading = (crop + before + offset) // scale
    return _Fold(taps, crop, (leading, size - 1 - leading + (crop > 0)))


@tf.custom_gradient
def _add_bias(images: Any, bias: Any) -> tuple[tf.Tensor, Callable]:
    """`tf.nn.bias_add`, whose own gradient stops growing in bfloat16: there it sums 50,000 halves to 256."""

    def gradient(upstream: Any) -> Any:
        total = tf.reduce_sum(tf.cast(upstream, tf.float32), axis=(0, 1, 2))
        return upstream, tf.cast(total, bias.dtype)

    return tf.nn.bias_add(images, bias), gradient


@keras.saving.register_keras_serializable(package="gan_common")
class UpsampleConv2D(keras.layers.Layer):
    """Nearest upsampling and a "same" convolution in one, at a fraction of the multiplications.

    Equals `UpSampling2D(scale, interpolation="nearest")` followed by
    `Conv2D(filters, kernel_size, padding="same")` to rounding, borders included.  Upsampled pixels are
    copies, so the kernel acts on the small image as scale² smaller kernels, one for each position in a
    block of scale × scale pixels: a 5×5 kernel at scale 2 is four 3×3 kernels.  These are one convolution
    with scale² · filters outputs, followed by depth to space.

    Multiplications per upsampled pixel, out of kernel_size²: 4 of 9, 9 of 16 and 9 of 25 for kernels 3, 4
    and 5 at scale 2; 4, 4 and 9 at scale 3.  For kernels 3 at scale 2, and 3 and 4 at scale 3, the
    convolution has one more row and column than the input.

    Args:
        filters: output channels.
        kernel_size: an integer, or a pair for height and width.
        scale: the factor for height and width.
        activation, use_bias, kernel_initializer, bias_initializer: as in `Conv2D`.

    Attributes:
        kernel: (kernel height, kernel width, channels, filters): the kernel of the `Conv2D`.
        bias: (filters,), or None.
        forms: of the convolution on the small image, see `gan_common.kernels.forms`.

    Call arguments:
        inputs: (batch, height, width, channels).

    Returns:
        (batch, scale · height, scale · width, filters).

    Raises:
        ValueError: sizes that are not positive integers, or inputs that are not four-dimensional.

    Source: Shi et al. 2016 (1609.05158), section 2.2, for the sub-pixel form.
    """

    forms = PLAIN

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        scale: int = 2,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = check_positive_int("filters", filters)
        pair = (kernel_size,) * 2 if isinstance(kernel_size, numbers.Integral) else kernel_size
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(
                f"kernel_size must be an integer or a pair. Received: kernel_size={kernel_size}"
            )
        self.kernel_size = tuple(check_positive_int("kernel_size", k) for k in pair)
        self.scale = check_positive_int("scale", scale)
        self.activation = keras.activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: Sequence[int | None]) -> None:
        if len(input_shape) != 4 or input_shape[-1] is None:
            raise ValueError(
                "UpsampleConv2D takes (batch, height, width, channels) with known channels. "
                f"Received: input_shape={input_shape}"
            )
        self.kernel = self.add_weight(
            (*self.kernel_size, input_shape[-1], self.filters),
            initializer=self.kernel_initializer,
            autocast=False,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,), initializer=self.bias_initializer, name="bias"
            )
        self._images = keras.KerasTensor(input_shape)
        self._folds = tuple(_fold(k, self.scale) for k in self.kernel_size)

    def _geometry(self) -> Geometry | None:
        """Of the convolution on the small image, if it is a plain "same" one; None if not."""
        rows, columns = self._folds
        sizes = {len(rows.taps), len(columns.taps)}
        plain = rows.padding == columns.padding == (1, 1) and sizes == {3}
        return Geometry(3, 1, "same") if plain else None

    def work(self, count: int) -> Work | None:
        """What a call with `count` inputs computes; None where the library's form is the only one."""
        geometry, images = self._geometry(), self._images.shape[1:]
        if geometry is None or None in images:
            return None
        return Work((count, *images), self.scale**2 * self.filters, geometry, self.compute_dtype)

    def _folded_kernel(self) -> tf.Tensor:
        """(size, size, channels, scale² · filters), one matrix product away from the kernel."""
        rows, columns = (fold.taps for fold in self._folds)
        height, width, channels, filters = self.kernel.shape
        matrix = np.einsum("dat,ebu->deabtu", rows, columns).reshape(-1, height * width)
        kernel = tf.reshape(self.kernel, (height * width, channels * filters))
        folded = tf.reshape(
            matrix @ kernel,
            (len(rows), len(columns), self.scale, self.scale, channels, filters),
        )
        folded = tf.transpose(folded, (0, 1, 4, 2, 3, 5))  # channels before the two phases
        return tf.reshape(folded, (len(rows), len(columns), channels, self.scale**2 * filters))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        rows, columns = self._folds
        kernel = tf.cast(self._folded_kernel(), inputs.dtype)
        if geometry := self._geometry():
            outputs = convolution(inputs, kernel, geometry, self.forms)
        else:
            # Given these paddings, conv2d would in bfloat16 take a hundred times as long for its gradient.
            padded = tf.pad(inputs, [(0, 0), rows.padding, columns.padding, (0, 0)])
            outputs = tf.nn.conv2d(padded, kernel, 1, "VALID")
        if self.scale > 1:
            outputs = tf.nn.depth_to_space(outputs, self.scale)
        if rows.crop or columns.crop:
            # tf.slice, because the gradient of [:, a:b] takes about as long as the convolution.
            height, width = (
                self.scale * (inputs.shape[axis] or tf.shape(inputs)[axis]) for axis in (1, 2)
            )
            outputs = tf.slice(outputs, [0, rows.crop, columns.crop, 0], [-1, height, width, -1])
        if self.bias is not None:
            outputs = _add_bias(outputs, tf.convert_to_tensor(self.bias))
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape
        return (
            batch,
            None if height is None else height * self.scale,
            None if width is None else width * self.scale,
            self.filters,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "scale": self.scale,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
