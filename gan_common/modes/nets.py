"""The small networks of `gan_common.modes`: each a pure function of one flat vector of weights.

One vector, because networks this small spend as long on bookkeeping as on arithmetic: an optimizer step, an
average or an unrolled step is then a dozen operations in all, not a dozen for each of six variables.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from gan_common import tricks

ACTIVATIONS = {"tanh": tf.tanh, "relu": tf.nn.relu, "leaky_relu": tf.nn.leaky_relu}
LEAKY_SLOPE = 0.2  # TensorFlow's own
ORTHOGONAL_GAIN = 0.8  # Metz et al. 2017, appendix A


def he_normal(shape: Sequence[int], fan: float, seed: Any, gain: float | None = None) -> tf.Tensor:
    """He et al. 2015, for leaky ReLU of slope 0.2: normal, of variance gain / fan.

    Args:
        shape: of the array.
        fan: products that one number of the layer's output is a sum of.
        seed: an integer.
        gain: 2 / (1 + slope²) unless it is given.
    """
    variance = (2.0 / (1.0 + LEAKY_SLOPE**2) if gain is None else gain) / fan
    return tf.random.stateless_normal(shape, (seed, 0), stddev=variance**0.5)


class Net:
    """What both kinds of networks share: shapes, their places in the vector, the first weights."""

    def __init__(self, shapes: Sequence[tuple[int, ...]]) -> None:
        self.shapes = [tuple(shape) for shape in shapes]
        self._sizes = [math.prod(shape) for shape in self.shapes]
        self.size = sum(self._sizes)

    def weights(self, flat: Any) -> list[tf.Tensor]:
        """The vector (size,) cut into the network's arrays."""
        parts = tf.split(tf.convert_to_tensor(flat), self._sizes)
        return [tf.reshape(part, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def initial(self, seed: int) -> tf.Tensor:
        """The vector to start from: matrices and kernels by `_matrix`, the rest 0."""
        parts = []
        for number, shape in enumerate(self.shapes):
            value = self._matrix(shape, seed * 100 + number) if len(shape) > 1 else tf.zeros(shape)
            parts.append(tf.reshape(tf.convert_to_tensor(value), [-1]))
        return tf.concat(parts, axis=0)

    def _matrix(self, shape: Sequence[int], seed: Any) -> Any:
        return keras.initializers.Orthogonal(ORTHOGONAL_GAIN, seed)(shape)


class DenseNet(Net):
    """Fully connected layers with one activation, and a linear last one.

    Args:
        widths: of the input, the hidden layers, the output.
        activation: a name in `ACTIVATIONS`.
        minibatch: (kernels, their dimension) of minibatch discrimination before the last layer, or None.
        reference: (rows, widths[0]): hidden layers get virtual batch norm with this reference batch.
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation: str,
        minibatch: tuple[int, int] | None = None,
        reference: Any = None,
    ) -> None:
        self._activation = ACTIVATIONS[activation]
        self._layers = len(widths) - 1
        last = widths[-2] + (minibatch[0] if minibatch else 0)
        inputs = [*widths[:-2], last]
        shapes = [
            shape
            for i, o in zip(inputs, widths[1:], strict=True)
            for shape in ((i, o), (o,))
        ]  # fmt: skip
        self.minibatch = self.norms = None
        if minibatch:
            self.minibatch = tricks.MinibatchDiscrimination(*minibatch)
            self.minibatch.build((None, widths[-2]))
            shapes.append((widths[-2], math.prod(minibatch)))
        if reference is not None:
            self.reference = tf.convert_to_tensor(reference)
            self.norms = []
            for width in widths[1:-1]:
                norm = tricks.VirtualBatchNormalization(len(reference))
                norm.build((None, width))
                self.norms.append(norm)
                shapes += [(width,), (width,)]
        super().__init__(shapes)

    def __call__(self, flat: Any, x: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """(batch, widths[0]) → the output (batch, widths[-1]) and the last hidden layer."""
        weights = self.weights(flat)
        norms = weights[2 * self._layers :]
        rows = 0
        if self.norms is not None:
            rows = self.reference.shape[0]
            x = tf.concat([self.reference, x], axis=0)
        for layer in range(self._layers - 1):
            x = tf.nn.bias_add(tf.matmul(x, weights[2 * layer]), weights[2 * layer + 1])
            if self.norms is not None:
                gamma, beta = norms[2 * layer] + 1.0, norms[2 * layer + 1]
                x = self.norms[layer].stateless_call([gamma, beta], [], x)[0]
            x = self._activation(x)
        features = x[rows:] if rows else x
        x = features
        if self.minibatch is not None:
            kernel = tf.reshape(norms[0], self.minibatch.kernel.shape)
            x = self.minibatch.stateless_call([kernel], [], x)[0]
        kernel, bias = weights[2 * self._layers - 2 : 2 * self._layers]
        return tf.nn.bias_add(tf.matmul(x, kernel), bias), features


def _batch_norm(x: Any, gamma: Any, beta: Any) -> Any:
    """By the batch's own statistics, always; gamma is stored less 1."""
    return tf.compat.v1.nn.fused_batch_norm(x, gamma + 1.0, beta, is_training=True)[0]


class PictureNet(Net):
    """What the two convolutional networks share: the start of their kernels."""

    def _matrix(self, shape: Sequence[int], seed: Any) -> Any:
        return keras.initializers.RandomNormal(stddev=0.05, seed=seed)(shape)


class PictureGenerator(PictureNet):
    """Latents to 28×28 images of three channels; Metz et al. 2017, appendix C.

    A dense layer to 4×4×64, transposed 3×3 convolutions with stride 2 to 32, 16 and 8 channels, each with
    batch norm and ReLU, and a convolution with tanh.
    """

    CHANNELS, SIDES = (64, 32, 16, 8), (4, 7, 14, 28)

    def __init__(self, latent_dim: int) -> None:
        first = 4 * 4 * 64
        shapes = [(latent_dim, first), (64,), (64,)]
        for before, after in itertools.pairwise(self.CHANNELS):
            shapes += [(3, 3, after, before), (after,), (after,)]
        super().__init__([*shapes, (3, 3, 8, 3), (3,)])

    def __call__(self, flat: Any, z: Any) -> Any:
        """(batch, latent_dim) → images (batch, 28, 28, 3) in [−1, 1], and None."""
        weights = self.weights(flat)
        batch = tf.shape(z)[0]
        x = tf.reshape(z @ weights[0], (batch, 4, 4, 64))
        x = tf.nn.relu(_batch_norm(x, *weights[1:3]))
        for i, (channels, side) in enumerate(zip(self.CHANNELS[1:], self.SIDES[1:], strict=True)):
            kernel, gamma, beta = weights[3 + 3 * i : 6 + 3 * i]
            x = tf.nn.conv2d_transpose(x, kernel, (batch, side, side, channels), 2, "SAME")
            x = tf.nn.relu(_batch_norm(x, gamma, beta))
        return tf.tanh(tf.nn.bias_add(tf.nn.conv2d(x, weights[-2], 1, "SAME"), weights[-1])), None


class PictureDiscriminator(PictureNet):
    """28×28 images to a logit; Metz et al. 2017, appendix C.

    Three 3×3 convolutions with stride 2, to 8, 16 and 32 channels times `width`, leaky ReLU, batch norm
    from the second on, and a dense layer.

    Args:
        channels: of the images: 3, or 3 times the images in a pack.
        width: the paper's tables have 1/4 and 1/2.
        minibatch: as for `DenseNet`.
    """

    def __init__(
        self, channels: int, width: float, minibatch: tuple[int, int] | None = None
    ) -> None:
        widths = [channels, *(int(width * n) for n in (8, 16, 32))]
        shapes = [(3, 3, *widths[:2]), (widths[1],)]
        for before, after in itertools.pairwise(widths[1:]):
            shapes += [(3, 3, before, after), (after,), (after,)]
        self.minibatch, flat = None, 4 * 4 * widths[-1]
        if minibatch:
            self.minibatch = tricks.MinibatchDiscrimination(*minibatch)
            self.minibatch.build((None, flat))
        last = flat + (minibatch[0] if minibatch else 0)
        more = [(flat, math.prod(minibatch))] if minibatch else []
        super().__init__([*shapes, (last, 1), (1,), *more])

    def __call__(self, flat: Any, x: Any) -> Any:
        """(batch, 28, 28, channels) → logits (batch, 1) and the features (batch, 4·4·last width)."""
        weights = self.weights(flat)
        x = tf.nn.leaky_relu(tf.nn.bias_add(tf.nn.conv2d(x, weights[0], 2, "SAME"), weights[1]))
        for kernel, gamma, beta in (weights[2:5], weights[5:8]):
            x = tf.nn.leaky_relu(_batch_norm(tf.nn.conv2d(x, kernel, 2, "SAME"), gamma, beta))
        features = x = tf.reshape(x, (tf.shape(x)[0], 4 * 4 * x.shape[-1]))
        if self.minibatch is not None:
            kernel = tf.reshape(weights[10], self.minibatch.kernel.shape)
            x = self.minibatch.stateless_call([kernel], [], x)[0]
        return tf.nn.bias_add(x @ weights[8], weights[9]), features
