"""The networks of the three presets.

Images are NHWC in [-1, 1].  A generator takes latents (N, latent_dim).  A discriminator returns the
features that are matched (N, F) and K class logits (N, K); the logit of "generated" is an appended 0.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from gan_common import tricks
from gan_common.arguments import ImageShape
from gan_common.catalogue import TRICKS
from gan_common.errors import UserError
from gan_common.kernels.convolutions import Conv2D, Conv2DTranspose
from gan_common.kernels.normalization import BatchNormalization
from gan_common.tricks import WeightNormalization
from ssgan_tf.config import Config
from ssgan_tf.noise import SeededDropout, SeededGaussianNoise

LEAK = 0.2


# ------------------------------------------------------------------------ discriminator


class Discriminator(keras.Model):
    """A chain of layers that ends in features, and a dense layer of K logits on top.

    Args:
        body: layers up to the features; noise layers among them are given a seed in training.
        head: layers from the features to the logits; the last has K outputs.

    Call arguments:
        images: (N, height, width, channels) in [-1, 1].
        training: batch norm uses the batch's statistics.
        seed: (2,) int64; switches the noise layers on.
        keep_statistics: False leaves batch norm's moving statistics as they are.
        kernels: what `normalized` returned; by default each layer normalizes its weights in each call.

    Returns:
        Features (N, F) and logits (N, K), float32.

    Attributes:
        pairs: what tells pairs of image and class apart by the features, or None; not called here.
    """

    def __init__(self, body: Iterable[layers.Layer], head: Iterable[layers.Layer]) -> None:
        super().__init__(name="discriminator")
        self.body, self.head = list(body), list(head)
        self.pairs: layers.Layer | None = None

    def build(self, input_shape: Sequence[int | None]) -> None:
        shape = tuple(input_shape)
        for layer in [*self.body, *self.head]:
            if not layer.built:
                layer.build(shape)
            shape = layer.compute_output_shape(shape)
            if layer is self.body[-1] and self.pairs is not None:
                self.pairs.build(shape)

    def normalized(self) -> "Kernels":
        """The normalized weights of all layers that have such: for a step that shows D several batches."""
        return Kernels([*self.body, *self.head])

    def call(
        self,
        images: tf.Tensor,
        training: bool = False,
        seed: tf.Tensor | None = None,
        keep_statistics: bool = True,
        kernels: "Kernels | None" = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        passing = _Passing(training, seed, keep_statistics, kernels)
        x = images
        for layer in self.body:
            x = passing(layer, x)
        features = x
        for layer in self.head:
            x = passing(layer, x)
        return tf.cast(features, tf.float32), tf.cast(x, tf.float32)

    def initialize_from(self, images: tf.Tensor, seed: tf.Tensor) -> None:
        """Data-dependent initialization of every weight-normalized layer, from the input on.

        Args:
            images: (N, height, width, channels) in [-1, 1], real ones.
            seed: of the noise layers.

        Source: Salimans and Kingma 2016 (1602.07868), section 3.
        """
        passing, x = _Passing(training=True, seed=seed), images
        for layer in [*self.body, *self.head]:
            normed = isinstance(layer, WeightNormalization)
            x = layer.initialize_from(x) if normed else passing(layer, x)


class Kernels:
    """The normalized weights of some layers, computed once for several calls of these."""

    def __init__(self, chain: Iterable[layers.Layer]) -> None:
        normed = (layer for layer in chain if isinstance(layer, WeightNormalization))
        self._by_layer = {id(layer): layer.normalized_kernel() for layer in normed}

    def of(self, layer: layers.Layer) -> tf.Tensor:
        """The normalized weights of a layer."""
        return self._by_layer[id(layer)]


class _Passing:
    """One batch on its way through a chain of layers; each noise layer has its own random stream."""

    def __init__(
        self,
        training: bool,
        seed: tf.Tensor | None,
        keep_statistics: bool = True,
        kernels: Kernels | None = None,
    ) -> None:
        self.training, self.seed = training, seed
        self.keep_statistics, self.kernels = keep_statistics, kernels
        self._numbers = itertools.count()

    def __call__(self, layer: layers.Layer, x: tf.Tensor) -> tf.Tensor:
        if isinstance(layer, SeededGaussianNoise | SeededDropout):
            number = next(self._numbers)
            return layer(x, None if self.seed is None else tf.random.fold_in(self.seed, number))
        if isinstance(layer, BatchNormalization):
            return layer(x, training=self.training, keep_statistics=self.keep_statistics)
        if isinstance(layer, WeightNormalization) and self.kernels is not None:
            return layer(x, kernel=self.kernels.of(layer))
        return layer(x)


def fast_discriminator(config: Config, image_shape: ImageShape, num_classes: int) -> Discriminator:
    """This project's own: few, small convolutions and average pooling at the end.

    Gray images: weights of normalized length; the first layer halves the size, where a convolution costs
    least for its width.  Color ones: see `_color_body`.
    """
    _check_size(config, image_shape, 4)
    width = config.width or 32
    body = _gray_body(width) if image_shape[-1] == 1 else _color_body(config, width)
    return Discriminator([*body, layers.GlobalAveragePooling2D()], [_logits(num_classes)])


def _gray_body(width: int) -> list:
    """(28, 28, 1) → (7, 7, 4·width)."""

    def conv(filters: int, kernel: Any, stride: int = 1) -> list:
        convolution = Conv2D(filters, kernel, stride, "same", kernel_initializer="he_normal")
        return [WeightNormalization(convolution), layers.LeakyReLU(LEAK)]

    return [
        *conv(width, 5, 2),
        *conv(width, 3),
        *conv(2 * width, 3, 2),
        *conv(2 * width, 3),
        *conv(4 * width, 1),
    ]


def _color_body(config: Config, width: int) -> list:
    """(32, 32, 3) → (4, 4, 4·width): batch norm, maxima over 2×2 in the first convolution of each block.

    Source: the network of Jordan 2024 (2404.00498), section 3, at half its width.  Its first layer, which
    is 2×2, keeps the size: sides of 32, 16, 8, 4 take two thirds of the time of 31, 15, 7, 3.  Means over
    2×2, whose gradients are not sparse (section 2.4.7), were worse: 31.8% validation error and not
    27.8 after 9 minutes of CIFAR-10 with 4,000 labels (seed 3).
    """

    def conv(filters: int, *pool: Any) -> list:
        convolution = Conv2D(
            filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
        )
        return [convolution, *pool, _batch_norm(config, momentum=0.9), layers.LeakyReLU(LEAK)]

    body = [
        Conv2D(max(1, 3 * width // 4), 2, padding="same", kernel_initializer="he_normal"),
        layers.LeakyReLU(LEAK),
    ]
    for filters in (width, 4 * width, 4 * width):
        body += [*conv(filters, layers.MaxPooling2D(2)), *conv(filters)]
    return body


def improved_discriminator(
    config: Config, image_shape: ImageShape, num_classes: int
) -> Discriminator:
    """Salimans et al. 2016, section 5: dense for gray images, convolutions for color."""

    def normed(layer: keras.layers.Layer) -> WeightNormalization:
        return WeightNormalization(layer, trainable_scale=False)  # in all but the last layer

    if image_shape[-1] == 1:
        table = config.noise == "table"
        body = [
            layers.Flatten(),
            layers.Rescaling(0.5, 0.5),
            SeededGaussianNoise(0.3, table),
        ]  # to [0, 1]
        for units in (1000, 500, 250, 250):
            body += [
                normed(layers.Dense(units, activation="relu")),
                SeededGaussianNoise(0.5, table),
            ]
        body += [normed(layers.Dense(250, activation="relu"))]
        return Discriminator(body, [SeededGaussianNoise(0.5, table), _logits(num_classes)])

    def conv(filters: int, kernel: Any = 3, stride: int = 1, padding: str = "same") -> list:
        convolution = Conv2D(filters, kernel, stride, padding)
        return [normed(convolution), layers.LeakyReLU(LEAK)]

    _check_size(config, image_shape, 4)
    body = [
        SeededDropout(0.2),
        *(layer for stride in (1, 1, 2) for layer in conv(96, 3, stride)),
        SeededDropout(0.5),
        *(layer for stride in (1, 1, 2) for layer in conv(192, 3, stride)),
        SeededDropout(0.5),
        *conv(192, padding="valid"),
        *conv(192, 1),
        *conv(192, 1),
        layers.GlobalAveragePooling2D(),
    ]
    return Discriminator(body, [_logits(num_classes)])


def reference_discriminator(
    config: Config, image_shape: ImageShape, num_classes: int
) -> Discriminator:
    """gitlimlab/SSGAN-Tensorflow: strided convolutions of 32 … 512 filters down to 1×1.

    Normalization comes before the activation, the last map is flattened, not squeezed.
    """
    body: list[keras.layers.Layer] = []
    size, filters = image_shape[0], 32
    while size > 1:  # (size, size, ·) → (⌈size / 2⌉, ⌈size / 2⌉, filters)
        # As in DCGAN none next to the image; and an instance of one position has no variance.
        normed = bool(body) and (config.norm == "batch" or size > 2)
        kernel = 5 if size > 4 else 3
        body += [Conv2D(filters, kernel, 2, "same", use_bias=not normed)]
        body += [_norm(config, _batch_norm)] if normed else []
        body += [layers.LeakyReLU(LEAK), SeededDropout(0.5)]
        size, filters = -(-size // 2), min(2 * filters, 512)
    return Discriminator([*body, layers.Flatten()], [layers.Dense(num_classes, dtype="float32")])


def _logits(num_classes: int) -> WeightNormalization:
    return WeightNormalization(layers.Dense(num_classes, dtype="float32"))


# ---------------------------------------------------------------------------- generator


def fast_generator(config: Config, image_shape: ImageShape) -> keras.Model:
    """A dense layer to a small map, then transposed convolutions with batch norm and ReLU."""
    _check_size(config, image_shape, 4)
    filters = 128 if image_shape[-1] > 1 else 64
    return _transposed(config, image_shape, filters, 4, weight_norm=False)


def improved_generator(config: Config, image_shape: ImageShape) -> keras.Model:
    """Salimans et al. 2016, section 5: dense with softplus for gray images, else transposed 5×5."""
    if image_shape[-1] > 1:
        _check_size(config, image_shape, 8)
        return _transposed(config, image_shape, 512, 5, weight_norm=True, smallest=4)
    inputs = x = keras.Input((config.latent_dim,), name="latents")
    for _ in range(2):
        x = layers.Dense(500, use_bias=False)(x)
        x = _generator_norm(config)(x)
        x = _activated(config, x, "softplus")
    x = WeightNormalization(layers.Dense(image_shape[0] * image_shape[1]))(x)
    x = layers.Reshape(image_shape)(x)
    x = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(inputs, layers.Rescaling(2, -1, dtype="float32")(x), name="generator")


def reference_generator(config: Config, image_shape: ImageShape) -> keras.Model:
    """gitlimlab/SSGAN-Tensorflow: a dense layer of 1024, then blocks that enlarge and halve the filters."""
    _check_size(config, image_shape, 4)
    times, side = _halvings(image_shape[0])
    inputs = x = keras.Input((config.latent_dim,), name="latents")
    x = layers.Dense(1024, use_bias=False)(x)
    x = _activated(config, _norm(config, _generator_norm, of_vectors=True)(x))
    filters = 256
    x = layers.Dense(side * side * filters, use_bias=False)(x)
    x = layers.Reshape((side, side, filters))(x)
    x = _activated(config, _norm(config, _generator_norm)(x))
    for block in range(times):
        last = block == times - 1
        filters //= 2
        x = _enlarge(config, image_shape[-1] if last else filters, use_bias=last)(x)
        if not last:
            x = _activated(config, _norm(config, _generator_norm)(x))
    x = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, x, name="generator")


def _enlarge(config: Config, filters: int, use_bias: bool) -> keras.layers.Layer:
    """Twice the size, then a 5×5 convolution; or a transposed convolution that does both."""
    if config.upsample == "nearest":
        return tricks.UpsampleConv2D(filters, 5, scale=2, use_bias=use_bias)
    if config.upsample == "transpose" or "pixel_shuffle" in config.tricks:
        return _doubled(config, filters, 5, use_bias)
    return keras.Sequential(
        [
            layers.UpSampling2D(2, interpolation="bilinear"),
            Conv2D(filters, 5, padding="same", use_bias=use_bias),
        ]
    )


def _transposed(
    config: Any,
    image_shape: ImageShape,
    filters: int,
    kernel: Any,
    weight_norm: bool,
    smallest: int = 6,
) -> keras.Model:
    times, side = _halvings(image_shape[0], smallest)
    inputs = x = keras.Input((config.latent_dim,), name="latents")
    x = layers.Dense(side * side * filters, use_bias=False)(x)
    x = _activated(config, _generator_norm(config)(x))
    x = layers.Reshape((side, side, filters))(x)
    for _ in range(times - 1):  # (side, side, filters) → (2·side, 2·side, filters / 2)
        filters //= 2
        x = _doubled(config, filters, kernel, use_bias=False)(x)
        x = _activated(config, _generator_norm(config)(x))
    last = _doubled(config, image_shape[-1], kernel, use_bias=True)
    normalized = weight_norm and "pixel_shuffle" not in config.tricks
    x = WeightNormalization(last)(x) if normalized else last(x)
    x = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, x, name="generator")


# ------------------------------------------------------------------------- common parts


def _batch_norm(config: Config, momentum: float = 0.99) -> Any:
    """Batch norm; over several replicas its statistics are those of the whole batch."""
    return BatchNormalization(momentum=momentum, synchronized=config.distribute != "none")


def _generator_norm(config: Config) -> Any:
    """Batch norm, or the trick that takes its place in G."""
    if "virtual_batch_norm" in config.tricks:
        return tricks.VirtualBatchNormalization(config.batch_size)
    return _batch_norm(config)


def _activated(config: Config, x: Any, activation: str = "relu") -> Any:
    x = layers.Activation(activation)(x)
    if "dropout_noise" not in config.tricks:
        return x
    return tricks.DropoutNoise(TRICKS["dropout_noise"].values["rate"])(x)


def _doubled(config: Config, filters: int, kernel: int, use_bias: bool) -> keras.layers.Layer:
    """Twice the height and width: by a transposed convolution, or by pixel shuffle."""
    if "pixel_shuffle" in config.tricks:
        convolution = Conv2D(4 * filters, 3, padding="same", use_bias=use_bias)
        return keras.Sequential([convolution, tricks.PixelShuffle(2)])
    return Conv2DTranspose(filters, kernel, 2, "same", use_bias=use_bias)


def _norm(config: Config, batch_norm: Callable, of_vectors: bool = False) -> keras.layers.Layer:
    """The normalization of the preset `reference`; `batch_norm` makes a layer of the one by batches."""
    if config.norm == "batch":
        return batch_norm(config)
    # A vector has no positions to take an instance's statistics over: layer norm is what is left.
    return layers.GroupNormalization(groups=1 if of_vectors else -1)


def _halvings(size: int, smallest: int = 4) -> tuple[int, int]:
    """How often a side is halved, and what is left: 28 → (2, 7); 32 → (3, 4), or (2, 8) from 6 on."""
    times = 0
    while size % 2 == 0 and size // 2 >= smallest:
        size, times = size // 2, times + 1
    return times, size


def _check_size(config: Config, image_shape: ImageShape, multiple: int) -> None:
    height, width, _ = image_shape
    if height != width or height % multiple or height < 12:
        raise UserError(
            f"--preset {config.preset} needs square images whose side is a multiple of {multiple} "
            f"and at least 12, not {height}×{width}; choose --image_size 32, say"
        )


NETWORKS = {
    "fast": (fast_generator, fast_discriminator),
    "improved": (improved_generator, improved_discriminator),
    "reference": (reference_generator, reference_discriminator),
}
