"""The networks of the chapter's four presets.

Images are NHWC in [-1, 1]; a generator takes latents (N, latent_dim), a discriminator returns one
logit an image (N, 1).  The conditional pair takes the class (N,) int32 as a second input.  A
discriminator's layer named `features` is what feature matching compares.
"""

import math
from typing import Any

import keras
from keras import layers

from gan_common import tricks
from gan_common.arguments import ImageShape
from gan_common.catalogue import TRICKS
from gan_common.errors import UserError
from gan_common.kernels.convolutions import Conv2D, Conv2DTranspose
from gan_common.kernels.normalization import BatchNormalization
from keras_dcgan.config import PACKED, Config

# Radford et al. 2015, section 4: weights from N(0, 0.02²), LeakyReLU with slope 0.2.
INITIAL_STDDEV = 0.02
BAD_INITIAL_STDDEV = 0.5  # of --break bad_init
LEAK = 0.2
LOOKS = 3  # of D in a step: at real images, at generated ones, and at these again for G


def _weights() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=INITIAL_STDDEV)


# ------------------------------------------------------------------------- dcgan, cgan


def dcgan_generator(config: Config, image_shape: ImageShape, num_classes: int = 0) -> keras.Model:
    """Radford et al. 2015: a projected and reshaped latent, then fractionally-strided convolutions.

    Every layer but the last is followed by batch norm and ReLU; the last ends in tanh.  With
    `num_classes`, the class joins the latent as a one-hot vector (Mirza & Osindero 2014, section 3.1).
    """
    times, side = halvings(config, image_shape)
    inputs, x = generator_input(config, num_classes)
    filters = 2 * config.width * 2 ** (times - 1)  # twice as wide as D, as in their figure 1
    x = layers.Dense(side * side * filters, use_bias=False, kernel_initializer=_weights())(x)
    x = layers.Reshape((side, side, filters))(x)
    x = _rectified(config, _generator_norm(config, x))
    for _ in range(times - 1):  # (side, side, filters) → (2·side, 2·side, filters / 2)
        filters //= 2
        x = _rectified(config, _generator_norm(config, _upsampled(config, x, filters)))
    x = _upsampled(config, x, image_shape[-1], use_bias=True)
    x = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, x, name="generator")


def dcgan_discriminator(
    config: Config, image_shape: ImageShape, num_classes: int = 0
) -> keras.Model:
    """Radford et al. 2015: strided convolutions with LeakyReLU, batch norm in all but the first.

    It ends in average pooling and one logit: no deep fully-connected layers.  With `num_classes` the
    class is mapped to one more plane of the image.  Kernels of side k make a feature after n layers
    see 1 + (k − 1)(2ⁿ − 1) pixels across: 22 with n = 3 and k = 4, 36 with k = 6.
    """
    halvings(config, image_shape)
    inputs, x = discriminator_input(config, image_shape, num_classes)
    filters, side = config.width, config.discriminator_kernel
    x = _weighted(config, Conv2D(filters, side, 2, "same", kernel_initializer=_weights()))(x)
    x = layers.LeakyReLU(LEAK)(x)
    while x.shape[1] > 4:  # (height, width, filters) → (⌈height / 2⌉, ⌈width / 2⌉, 2·filters)
        filters *= 2
        convolution = Conv2D(
            filters, side, 2, "same", use_bias=not _has_norm(config), kernel_initializer=_weights()
        )
        x = _discriminator_norm(config, _weighted(config, convolution)(x))
        x = layers.LeakyReLU(LEAK)(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(inputs, _logit(config, x), name="discriminator")


def halvings(config: Config, image_shape: ImageShape) -> tuple[int, int]:
    """How often a side is halved until it is 4 to 7, and what is left: 28 → (2, 7), 64 → (4, 4)."""
    _check_size(config, image_shape)
    side, times = image_shape[0], 0
    while side >= 8 and side % 2 == 0:
        side, times = side // 2, times + 1
    return times, side


def _check_size(config: Config, image_shape: ImageShape) -> None:
    height, width, _ = image_shape
    if height != width or height % 4 or height < 8:
        raise UserError(
            f"--preset {config.preset} needs square images whose side is a multiple of 4, 8 at "
            f"least, not {height}×{width}; choose --image_size 32, say"
        )


# --------------------------------------------------------------------------- reference


def reference_generator(
    config: Config, image_shape: ImageShape, num_classes: int = 0
) -> keras.Model:
    """The generator of jacobgil/keras-dcgan: tanh everywhere, upsampling, then convolution."""
    _check_size(config, image_shape)
    inputs, x = generator_input(config, num_classes)
    side = image_shape[0] // 4
    x = _noisy(config, layers.Dense(1024, activation="tanh")(x))
    x = _generator_norm(config, layers.Dense(side * side * 128)(x))
    x = _noisy(config, layers.Activation("tanh")(x))
    x = layers.Reshape((side, side, 128))(x)
    # UpsampleConv2D is upsampling by 2, then a 5×5 convolution, at a fraction of the products.
    x = _noisy(config, layers.Activation("tanh")(tricks.UpsampleConv2D(64, 5, scale=2)(x)))
    x = tricks.UpsampleConv2D(image_shape[-1], 5, scale=2)(x)
    x = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, x, name="generator")


def reference_discriminator(
    config: Config, image_shape: ImageShape, num_classes: int = 0
) -> keras.Model:
    """The discriminator of jacobgil/keras-dcgan: tanh, max pooling, a dense layer of 1024."""
    inputs, x = discriminator_input(config, image_shape, num_classes)
    # tanh after pooling is the same as before, for it is monotonic, on a quarter of the numbers.
    x = _weighted(config, Conv2D(64, 5, padding="same"))(x)
    x = layers.Activation("tanh")(layers.MaxPooling2D()(x))
    x = _weighted(config, Conv2D(128, 5))(x)
    x = layers.Activation("tanh")(layers.MaxPooling2D()(x))
    x = layers.Flatten()(x)
    x = _weighted(config, layers.Dense(1024, activation="tanh"))(x)
    x = layers.Identity(name="features")(x)
    return keras.Model(inputs, _logit(config, x, "glorot_uniform"), name="discriminator")


# --------------------------------------------------------------------------------- gan


def dense_generator(config: Config, image_shape: ImageShape, num_classes: int = 0) -> keras.Model:
    """Goodfellow et al. 2014, section 5: rectifier layers; tanh here, as images are in [-1, 1]."""
    inputs, x = generator_input(config, num_classes)
    for _ in range(2):
        x = _rectified(config, layers.Dense(1200)(x))
    x = layers.Dense(image_shape[0] * image_shape[1] * image_shape[2])(x)
    x = layers.Reshape(image_shape)(x)
    x = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, x, name="generator")


def dense_discriminator(
    config: Config, image_shape: ImageShape, num_classes: int = 0
) -> keras.Model:
    """Goodfellow et al. 2014, section 5: two maxout layers (240 units of 5 pieces) with dropout."""
    inputs, x = discriminator_input(config, image_shape, num_classes)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = _weighted(config, layers.Dense(240 * 5))(x)
        x = layers.Reshape((240, 5, 1))(x)
        x = layers.MaxPooling2D((1, 5))(x)  # maxout: the largest of 5 pieces
        x = layers.Flatten()(x)
        x = layers.Dropout(0.3)(x)
    x = layers.Identity(name="features")(x)
    return keras.Model(inputs, _logit(config, x), name="discriminator")


# ------------------------------------------------------- common parts, and where tricks come in


def generator_input(config: Config, num_classes: int) -> tuple[Any, Any]:
    """A generator's inputs, and what its first layer takes: the latent, and the class if there are some."""
    latents = keras.Input((config.latent_dim,), name="latents")
    if not num_classes:
        return latents, latents
    label = keras.Input((), dtype="int32", name="label")
    one_hot = layers.CategoryEncoding(num_classes, output_mode="one_hot")(label)
    return [latents, label], layers.Concatenate()([latents, one_hot])


def discriminator_input(
    config: Config, image_shape: ImageShape, num_classes: int
) -> tuple[Any, Any]:
    """A discriminator's inputs, and what its first layer takes: an image or pack, a plane for the class."""
    *side, channels = image_shape
    packed = channels * (PACKED if "packing" in config.tricks else 1)
    x = images = keras.Input((*side, packed), name="images")
    if "instance_noise" in config.tricks:
        noise = TRICKS["instance_noise"].values
        x = tricks.InstanceNoise(noise["stddev"], LOOKS * int(noise["steps"]))(x)
    if not num_classes:
        return images, x
    label = keras.Input((), dtype="int32", name="label")
    plane = layers.Embedding(num_classes, side[0] * side[1])(label)
    plane = layers.Reshape((*side, 1))(plane)
    return [images, label], layers.Concatenate()([x, plane])


def _upsampled(config: Config, x: Any, filters: int, use_bias: bool = False) -> Any:
    """Twice the height and width: by a fractionally-strided convolution, or by pixel shuffle."""
    common = {"padding": "same", "use_bias": use_bias, "kernel_initializer": _weights()}
    if "pixel_shuffle" in config.tricks:
        return tricks.PixelShuffle(2)(Conv2D(4 * filters, 3, **common)(x))
    return Conv2DTranspose(filters, 4, 2, **common)(x)


def _generator_norm(config: Config, x: Any) -> Any:
    if config.break_ in ("no_bn", "collapse"):
        return x
    if "virtual_batch_norm" in config.tricks:
        return tricks.VirtualBatchNormalization(config.batch_size)(x)
    if "instance_norm" in config.tricks:
        return layers.GroupNormalization(groups=-1)(x)
    return _batch_norm(config)(x)


def _batch_norm(config: Config) -> BatchNormalization:
    """Batch norm; over several replicas its statistics are those of the whole batch."""
    return BatchNormalization(synchronized=config.distribute != "none")


def _rectified(config: Config, x: Any) -> Any:
    return _noisy(config, layers.ReLU()(x))


def _noisy(config: Config, x: Any) -> Any:
    if "dropout_noise" not in config.tricks:
        return x
    return tricks.DropoutNoise(TRICKS["dropout_noise"].values["rate"])(x)


def _has_norm(config: Config) -> bool:
    """Whether D normalizes activations; normalizing weights takes its place."""
    broken = config.break_ in ("no_bn", "collapse")
    return not broken and not {"weight_norm", "spectral_norm"} & set(config.tricks)


def _discriminator_norm(config: Config, x: Any) -> Any:
    if not _has_norm(config):
        return x
    if "instance_norm" in config.tricks:
        return layers.GroupNormalization(groups=-1)(x)
    return _batch_norm(config)(x)


def _weighted(config: Config, layer: keras.layers.Layer) -> keras.layers.Layer:
    """A layer of D, with its weights normalized if a trick says so."""
    if "weight_norm" in config.tricks:
        return tricks.WeightNormalization(layer)
    if "spectral_norm" in config.tricks:
        return layers.SpectralNormalization(layer)
    return layer


def _logit(config: Config, x: Any, initializer: Any = None) -> Any:
    """One number an image, computed in float32 whatever the precision of the rest."""
    if "minibatch" in config.tricks:
        size = TRICKS["minibatch"].values
        x = tricks.MinibatchDiscrimination(int(size["kernels"]), int(size["kernel_dim"]))(x)
    dense = layers.Dense(1, kernel_initializer=initializer or _weights(), dtype="float32")
    return dense(x)


def break_weights(config: Config, generator: keras.Model, discriminator: keras.Model) -> None:
    """What --break does to the first weights, which are N(0, 0.02²)."""
    if config.break_ == "bad_init":
        for kernel in _kernels(generator) + _kernels(discriminator):
            kernel.assign(BAD_INITIAL_STDDEV / INITIAL_STDDEV * kernel)
    if config.break_ == "collapse":  # a good start without batch norm: He et al. 2015, equation 10
        for kernel in _kernels(generator):
            *side, _, inputs = kernel.shape if len(kernel.shape) > 2 else kernel.shape[::-1]
            # Of a transposed convolution with stride 2 each output sees a quarter of the kernel.
            seen = inputs * (math.prod(side) / 4 if side else 1)
            kernel.assign(math.sqrt(2 / seen) / INITIAL_STDDEV * kernel)


def _kernels(network: keras.Model) -> list:
    return [w for w in network.trainable_variables if w.path.endswith("kernel")]


CHAPTER = {
    "dcgan": (dcgan_generator, dcgan_discriminator),
    "cgan": (dcgan_generator, dcgan_discriminator),
    "reference": (reference_generator, reference_discriminator),
    "gan": (dense_generator, dense_discriminator),
}
