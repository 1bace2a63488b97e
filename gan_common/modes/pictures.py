"""The convolutional pair of `--preset modern`: chains of convolutions, without normalization.

Those of `nets`, by Metz et al. 2017, are a quarter as wide as is usual, so that they fail.  These are large
enough for a thousand modes, and start by He et al. 2015.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from gan_common.modes import nets

KERNEL, STRIDE = 4, 2  # the one divides the other: every pixel is a sum of equally many products
SIDES = (4, 7, 14, 28)
GENERATOR, DISCRIMINATOR = (128, 64, 32, 16), (32, 64, 128)  # channels; D's times `width`


class Generator(nets.Net):
    """Latents to 28×28 images: a dense layer to 4×4, transposed convolutions, a convolution with tanh.

    Args:
        latent_dim: numbers in a latent.
        colors: channels of the images.
    """

    def __init__(self, latent_dim: int, colors: int) -> None:
        first = SIDES[0] ** 2 * GENERATOR[0]
        shapes: list[tuple[int, ...]] = [(latent_dim, first), (first,)]
        for before, after in itertools.pairwise(GENERATOR):
            shapes += [(KERNEL, KERNEL, after, before), (after,)]
        super().__init__([*shapes, (3, 3, GENERATOR[-1], colors), (colors,)])

    def _matrix(self, shape: Sequence[int], seed: Any) -> Any:
        if len(shape) == 2:
            return nets.he_normal(shape, shape[0], seed)
        if shape == self.shapes[-2]:
            return nets.he_normal(shape, 9 * shape[2], seed, 0.5)
        return nets.he_normal(shape, (KERNEL // STRIDE) ** 2 * shape[3], seed)

    def __call__(self, flat: Any, z: Any) -> tuple[tf.Tensor, None]:
        """(batch, latent_dim) → images (batch, 28, 28, colors) in [−1, 1], and None."""
        weights = self.weights(flat)
        batch = tf.shape(z)[0]
        x = tf.nn.leaky_relu(z @ weights[0] + weights[1])
        x = tf.reshape(x, (batch, SIDES[0], SIDES[0], GENERATOR[0]))
        for i, (channels, side) in enumerate(zip(GENERATOR[1:], SIDES[1:], strict=True)):
            kernel, bias = weights[2 + 2 * i : 4 + 2 * i]
            x = tf.nn.conv2d_transpose(x, kernel, (batch, side, side, channels), STRIDE, "SAME")
            x = tf.nn.leaky_relu(tf.nn.bias_add(x, bias))
        return tf.tanh(tf.nn.bias_add(tf.nn.conv2d(x, weights[-2], 1, "SAME"), weights[-1])), None


class Discriminator(nets.Net):
    """28×28 images to a logit: three convolutions with stride 2, and a dense layer.

    Args:
        colors: channels of the images.
        width: of each layer, over `DISCRIMINATOR`.
    """

    minibatch = None

    def __init__(self, colors: int, width: float) -> None:
        widths = [colors, *(int(width * n) for n in DISCRIMINATOR)]
        shapes: list[tuple[int, ...]] = []
        for before, after in itertools.pairwise(widths):
            shapes += [(KERNEL, KERNEL, before, after), (after,)]
        super().__init__([*shapes, (SIDES[0] ** 2 * widths[-1], 1), (1,)])

    def _matrix(self, shape: Sequence[int], seed: Any) -> Any:
        if len(shape) == 2:
            return nets.he_normal(shape, shape[0], seed, 0.5)
        return nets.he_normal(shape, KERNEL**2 * shape[2], seed)

    def __call__(self, flat: Any, x: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """(batch, 28, 28, colors) → logits (batch, 1), and the features (batch, 16 · last width)."""
        weights = self.weights(flat)
        for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            x = tf.nn.bias_add(tf.nn.conv2d(x, kernel, STRIDE, "SAME"), bias)
            x = tf.nn.leaky_relu(x)
        features = tf.reshape(x, (tf.shape(x)[0], SIDES[0] ** 2 * x.shape[-1]))
        return tf.nn.bias_add(features @ weights[-2], weights[-1]), features
