"""The three operations of a convolution, each in several forms: the same numbers from other products.

A convolution and its gradients are sums over taps, the positions of the kernel.  What computes them fastest
depends on the shape and on the processor; `gan_common.kernels.choice` measures that.

Notation: images (N, H, W, C), a kernel (k, k, C, F), a result (N, h, w, F), stride s.  The images are cut
into blocks of s × s pixels, whose pixels become channels, (N, ·, ·, s²·C), and the kernel likewise into
t × t taps of blocks, t = ⌈k / s⌉.  That makes every convolution one with stride 1.

Source of the blocks: Shi et al. 2016 (1609.05158), section 2.2, read backwards.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class Geometry(NamedTuple):
    """A convolution with a square kernel and equal strides."""

    kernel: int  # k
    stride: int
    padding: str  # "same" or "valid", as TensorFlow pads

    @property
    def taps(self) -> int:
        """t: how many blocks the kernel spans along an axis."""
        return -(-self.kernel // self.stride)

    def axis(self, size: int) -> tuple[int, int]:
        """Of an axis of the images: the result's size, and the zeros before the images."""
        if self.padding == "valid":
            return (size - self.kernel) // self.stride + 1, 0
        result = -(-size // self.stride)
        return result, max((result - 1) * self.stride + self.kernel - size, 0) // 2


class Work(NamedTuple):
    """What a convolution computes in a step: its time is measured for this, and kept under its text."""

    images: tuple[int, int, int, int]
    filters: int
    geometry: Geometry
    dtype: str

    def __str__(self) -> str:
        images = "x".join(map(str, self.images))
        k, s, padding = self.geometry
        return f"{images} to {self.filters}, {k}x{k}, stride {s}, {padding}, {self.dtype}"

    @property
    def result(self) -> tuple[int, int, int, int]:
        """(N, h, w, F)."""
        count, height, width, _ = self.images
        axis = self.geometry.axis
        return count, axis(height)[0], axis(width)[0], self.filters

    @property
    def products(self) -> int:
        """Multiplications of one operation."""
        count, height, width, filters = self.result
        return count * height * width * filters * self.geometry.kernel**2 * self.images[-1]


def _sizes(x: tf.Tensor) -> tuple[int, int]:
    """Height and width, which have to be known."""
    return x.shape[1], x.shape[2]


def _rows(x: tf.Tensor) -> tf.Tensor:
    """(N, h, w, channels) → (N·h·w, channels)."""
    return tf.reshape(x, (-1, x.shape[-1]))


def _blocks(images: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """(N, H, W, C) → (N, h + t − 1, w + t − 1, s²·C), the zeros around the images included."""
    read, padding = [], []
    for size in _sizes(images):
        result, before = geometry.axis(size)
        whole = (result + geometry.taps - 1) * geometry.stride - before
        read.append(min(size, whole))  # a "valid" result may leave rows at the end unread
        padding.append((before, whole - read[-1]))
    if tuple(read) != _sizes(images):
        images = tf.slice(images, [0, 0, 0, 0], [-1, *read, -1])
    if any(map(any, padding)):
        images = tf.pad(images, [(0, 0), *padding, (0, 0)])
    return images if geometry.stride == 1 else tf.nn.space_to_depth(images, geometry.stride)


def _unblocks(blocks: tf.Tensor, geometry: Geometry, size: tuple[int, int]) -> tf.Tensor:
    """The transpose of `_blocks`: back to images (N, *size, C)."""
    images = blocks if geometry.stride == 1 else tf.nn.depth_to_space(blocks, geometry.stride)
    before = [geometry.axis(side)[1] for side in size]
    lacking = [
        max(0, side + start - given)
        for side, start, given in zip(size, before, _sizes(images), strict=True)
    ]
    if any(lacking):
        images = tf.pad(images, [(0, 0), *((0, rows) for rows in lacking), (0, 0)])
    if (*before, *size) != (0, 0, *_sizes(images)):
        images = tf.slice(images, [0, *before, 0], [-1, *size, -1])
    return images


def _kernel_blocks(kernel: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """(k, k, C, F) → (t, t, s²·C, F), with zeros where a block reaches beyond the kernel."""
    (k, s, _), t = geometry, geometry.taps
    if s == 1:
        return kernel
    *_, channels, filters = kernel.shape
    if t * s > k:
        kernel = tf.pad(kernel, [(0, t * s - k)] * 2 + [(0, 0)] * 2)
    kernel = tf.reshape(kernel, (t, s, t, s, channels, filters))
    return tf.reshape(tf.transpose(kernel, (0, 2, 1, 3, 4, 5)), (t, t, -1, filters))


def _kernel_unblocks(blocks: tf.Tensor, geometry: Geometry, channels: int) -> tf.Tensor:
    """The transpose of `_kernel_blocks`: t²·s²·C rows of F → (k, k, C, F)."""
    (k, s, _), t = geometry, geometry.taps
    kernel = tf.reshape(blocks, (t, t, s, s, channels, -1))
    kernel = tf.reshape(tf.transpose(kernel, (0, 2, 1, 3, 4, 5)), (t * s, t * s, channels, -1))
    return kernel if t * s == k else tf.slice(kernel, [0, 0, 0, 0], [k, k, -1, -1])


# -------------------------------------------------------- forward: images, kernel → result


def _forward_library(images: tf.Tensor, kernel: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    return tf.nn.conv2d(images, kernel, geometry.stride, geometry.padding.upper())


def _forward_blocks(images: tf.Tensor, kernel: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """A convolution with stride 1 of the blocks."""
    return tf.nn.conv2d(_blocks(images, geometry), _kernel_blocks(kernel, geometry), 1, "VALID")


# ------------------------------ to_input: kernel, the result's gradient, H and W → the images' gradient


def _input_library(
    kernel: tf.Tensor, gradient: tf.Tensor, size: tuple[int, int], geometry: Geometry
) -> tf.Tensor:
    count = gradient.shape[0] or tf.shape(gradient)[0]
    return tf.compat.v1.nn.conv2d_backprop_input(
        (count, *size, kernel.shape[2]),
        kernel,
        gradient,
        [1, geometry.stride, geometry.stride, 1],
        geometry.padding.upper(),
    )


def _input_blocks(
    kernel: tf.Tensor, gradient: tf.Tensor, size: tuple[int, int], geometry: Geometry
) -> tf.Tensor:
    """A convolution of the gradient by the mirrored kernel; its filters are a block's pixels."""
    around = (geometry.taps - 1,) * 2
    padded = tf.pad(gradient, [(0, 0), around, around, (0, 0)])
    mirrored = tf.transpose(tf.reverse(_kernel_blocks(kernel, geometry), [0, 1]), (0, 1, 3, 2))
    return _unblocks(tf.nn.conv2d(padded, mirrored, 1, "VALID"), geometry, size)


def _input_taps(
    kernel: tf.Tensor, gradient: tf.Tensor, size: tuple[int, int], geometry: Geometry
) -> tf.Tensor:
    """One matrix product for each tap; their sum, each shifted by its tap."""
    blocks, rows = _kernel_blocks(kernel, geometry), _rows(gradient)
    parts = [
        tf.reshape(tf.matmul(rows, tap, transpose_b=True), (-1, *_sizes(gradient), blocks.shape[2]))
        for tap in tf.unstack(tf.reshape(blocks, (-1, *blocks.shape[2:])))
    ]
    return _unblocks(_shifted_sum(parts, geometry, axis=1), geometry, size)


def _input_product(
    kernel: tf.Tensor, gradient: tf.Tensor, size: tuple[int, int], geometry: Geometry
) -> tf.Tensor:
    """One matrix product of all taps, channels first; the sum of its parts, each shifted by its tap."""
    blocks, t = _kernel_blocks(kernel, geometry), geometry.taps
    product = tf.matmul(_rows(blocks), _rows(gradient), transpose_b=True)
    count = gradient.shape[0] or tf.shape(gradient)[0]
    product = tf.reshape(product, (t * t, blocks.shape[2], count, *_sizes(gradient)))
    summed = _shifted_sum(tf.unstack(product), geometry, axis=2)
    return _unblocks(tf.transpose(summed, (1, 2, 3, 0)), geometry, size)


def _shifted_sum(parts: list[tf.Tensor], geometry: Geometry, axis: int) -> tf.Tensor:
    """Each tap's part at its place along `axis` and the next, added up; of many parts in float32."""
    t, dtype = geometry.taps, parts[0].dtype
    placed = []
    for number, part in enumerate(parts):
        row, column = divmod(number, t)
        padding = [(0, 0)] * 4
        padding[axis : axis + 2] = (row, t - 1 - row), (column, t - 1 - column)
        placed.append(tf.pad(tf.cast(part, tf.float32) if t > 2 else part, padding))
    return tf.cast(tf.add_n(placed), dtype)


# ---------------------------------- to_kernel: images, the result's gradient → the kernel's gradient


def _kernel_library(images: tf.Tensor, gradient: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    return tf.compat.v1.nn.conv2d_backprop_filter(
        images,
        (geometry.kernel, geometry.kernel, images.shape[-1], gradient.shape[-1]),
        gradient,
        [1, geometry.stride, geometry.stride, 1],
        geometry.padding.upper(),
    )


def _shifts(images: tf.Tensor, gradient: tf.Tensor, geometry: Geometry) -> list[tf.Tensor]:
    """For each tap the blocks that it reads, (N, h, w, s²·C)."""
    blocks, t = _blocks(images, geometry), geometry.taps
    size = [-1, *_sizes(gradient), -1]
    return [tf.slice(blocks, [0, row, column, 0], size) for row in range(t) for column in range(t)]


def _kernel_taps(images: tf.Tensor, gradient: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """One matrix product for each tap: the blocks that it reads, transposed, by the gradient."""
    products = [
        tf.matmul(_rows(shift), _rows(gradient), transpose_a=True)
        for shift in _shifts(images, gradient, geometry)
    ]
    return _kernel_unblocks(tf.stack(products), geometry, images.shape[-1])


def _kernel_columns(images: tf.Tensor, gradient: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """One matrix product: the blocks of all taps side by side, transposed, by the gradient."""
    columns = _rows(tf.concat(_shifts(images, gradient, geometry), -1))
    product = tf.matmul(columns, _rows(gradient), transpose_a=True)
    return _kernel_unblocks(product, geometry, images.shape[-1])


LIBRARY = "library"
FORWARD: dict[str, Callable] = {LIBRARY: _forward_library, "blocks": _forward_blocks}
TO_INPUT: dict[str, Callable] = {
    LIBRARY: _input_library, "blocks": _input_blocks, "taps": _input_taps, "product": _input_product,
}  # fmt: skip
TO_KERNEL: dict[str, Callable] = {
    LIBRARY: _kernel_library, "taps": _kernel_taps, "columns": _kernel_columns,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Forms:
    """The form of each operation of a convolution: a key of FORWARD, TO_INPUT and TO_KERNEL."""

    forward: str = LIBRARY
    to_input: str = LIBRARY
    to_kernel: str = LIBRARY


PLAIN = Forms()


def convolution(
    images: tf.Tensor, kernel: tf.Tensor, geometry: Geometry, forms: Forms = PLAIN
) -> tf.Tensor:
    """`tf.nn.conv2d(images, kernel, stride, padding)`, itself and its gradients in these forms.

    Args:
        images: (N, H, W, C), H and W known.
        kernel: (k, k, C, F), of the same type.
        geometry, forms: of the convolution.

    Returns:
        (N, h, w, F).
    """

    @tf.custom_gradient
    def convolve(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            of_images = TO_INPUT[forms.to_input](kernel, upstream, _sizes(images), geometry)
            return of_images, TO_KERNEL[forms.to_kernel](images, upstream, geometry)

        return FORWARD[forms.forward](images, kernel, geometry), gradients

    return convolve(images, kernel)


def transposed_convolution(
    small: tf.Tensor,
    kernel: tf.Tensor,
    size: tuple[int, int],
    geometry: Geometry,
    forms: Forms = PLAIN,
) -> tf.Tensor:
    """`tf.nn.conv2d_transpose`, itself and its gradients in these forms.

    It is `to_input` of the convolution that leads from its result to `small`, run forwards.

    Args:
        small: (N, h, w, F).
        kernel: (k, k, C, F), of the same type.
        size: height and width of the result.
        geometry, forms: of that convolution.

    Returns:
        (N, *size, C).
    """

    @tf.custom_gradient
    def enlarge(small: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            of_small = FORWARD[forms.forward](upstream, kernel, geometry)
            return of_small, TO_KERNEL[forms.to_kernel](upstream, small, geometry)

        return TO_INPUT[forms.to_input](kernel, small, size, geometry), gradients

    return enlarge(small, kernel)
