"""The networks of preset modern: residual blocks without normalization, after the chapter.

As in Huang et al. 2024 (2501.05441), but small: their blocks' wide grouped convolutions are slow without a
GPU, so the convolution in the middle of a block is a narrow one here.  Images and inputs are as in
`keras_dcgan.networks`.
"""

from typing import Any

import keras
from keras import layers

from gan_common import tricks
from gan_common.arguments import ImageShape
from gan_common.kernels.convolutions import Conv2D
from keras_dcgan.config import Config
from keras_dcgan.networks import LEAK, discriminator_input, generator_input, halvings

WIDEST = 8  # of a stage's filters over those of the first: no stage is wider
NARROW = 2  # a block's filters over those of the convolution in its middle
GAIN = 2 / (1 + LEAK**2)  # He et al. 2015, equation 15: keeps variance through leaky rectifiers


def modern_generator(config: Config, image_shape: ImageShape, num_classes: int = 0) -> keras.Model:
    """A latent, projected and reshaped, then stages of twice the side: a block each.

    Between them a 1×1 convolution and nearest upsampling, which leaves no checkerboard; nor does the last
    layer, which leads from half the side to the image in the same way.
    """
    stages, side = _stages(config, image_shape)
    inputs, x = generator_input(config, num_classes)
    x = layers.Dense(side * side * stages[-1], kernel_initializer=_he(1))(x)
    x = layers.Reshape((side, side, stages[-1]))(x)
    x = _block(x, len(stages))
    for filters in reversed(stages[:-1]):  # (n, n, …) → (2n, 2n, filters)
        x = layers.UpSampling2D(2)(_resampled(x, filters))
        x = _block(x, len(stages))
    x = layers.LeakyReLU(LEAK)(x)
    x = tricks.UpsampleConv2D(image_shape[-1], 5, scale=2, kernel_initializer=_he(1))(x)
    x = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, x, name="generator")


def modern_discriminator(
    config: Config, image_shape: ImageShape, num_classes: int = 0
) -> keras.Model:
    """Half the side at once, then stages of half the side, a block each; a logit of the last.

    No normalization: an image's logit, and its slope, are its own, as R1 and R2 ask for.
    """
    stages, _ = _stages(config, image_shape)
    inputs, x = discriminator_input(config, image_shape, num_classes)
    x = Conv2D(stages[0], 4, 2, "same", kernel_initializer=_he(1))(x)
    x = _block(x, len(stages))
    for filters in stages[1:]:  # (n, n, …) → (n / 2, n / 2, filters)
        x = _resampled(layers.AveragePooling2D(2)(x), filters)
        x = _block(x, len(stages))
    x = layers.LeakyReLU(LEAK)(x)
    x = layers.DepthwiseConv2D(x.shape[1:3])(x)  # (n, n, filters) → (1, 1, filters)
    x = layers.Flatten(name="features")(x)
    return keras.Model(inputs, layers.Dense(1, dtype="float32")(x), name="discriminator")


def _stages(config: Config, image_shape: ImageShape) -> tuple[list[int], int]:
    """Filters of each stage, that of half the image's side first; and the side of the last."""
    times, side = halvings(config, image_shape)
    return [config.width * min(2**stage, WIDEST) for stage in range(times)], side


def _resampled(x: Any, filters: int) -> Any:
    return Conv2D(filters, 1, use_bias=False, kernel_initializer=_he(1))(x)


def _block(x: Any, count: int) -> Any:
    """x plus what a 1×1, a 3×3 and a 1×1 convolution make of it, rectifiers before each.

    At first that is nothing (Zhang et al. 2019, 1901.09321): a network of `count` blocks starts as a linear
    one whose variance neither grows nor vanishes, which is what normalization is for elsewhere.
    """
    filters = x.shape[-1]
    inner = filters // NARROW
    y = layers.LeakyReLU(LEAK)(x)
    y = Conv2D(inner, 1, kernel_initializer=_he(count))(y)
    y = layers.LeakyReLU(LEAK)(y)
    y = Conv2D(inner, 3, padding="same", kernel_initializer=_he(count))(y)
    y = layers.LeakyReLU(LEAK)(y)
    y = Conv2D(filters, 1, use_bias=False, kernel_initializer="zeros")(y)
    return layers.Add()([x, y])


def _he(count: int) -> keras.initializers.Initializer:
    """He et al. 2015, smaller where `count` blocks of three convolutions add up: 1901.09321, section 3."""
    return keras.initializers.VarianceScaling(GAIN / count**0.5)
