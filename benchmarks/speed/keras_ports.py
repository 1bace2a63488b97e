"""What a person would write instead, with Keras's own layers, as plainly as it can be done.

`reference` is jacobgil/keras-dcgan in Keras 3, with `UpSampling2D` and `Conv2D` where the preset has
`UpsampleConv2D`; `dcgan` is Radford et al. 2015 at the preset's width.  Both steps compute in float32.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

LATENT_DIM = 100


WIDTH = 32  # filters of the first layer of `dcgan`'s D


def reference_generator(image_shape=(28, 28, 1)) -> keras.Sequential:
    """Latents (N, 100) → images in [-1, 1]."""
    height, width, channels = image_shape
    return keras.Sequential(
        [
            keras.Input((LATENT_DIM,)),
            layers.Dense(1024, activation="tanh"),
            layers.Dense(height // 4 * (width // 4) * 128),
            layers.BatchNormalization(),
            layers.Activation("tanh"),
            layers.Reshape((height // 4, width // 4, 128)),
            layers.UpSampling2D(2),
            layers.Conv2D(64, 5, padding="same", activation="tanh"),
            layers.UpSampling2D(2),
            layers.Conv2D(channels, 5, padding="same", activation="tanh"),
        ]
    )


def reference_discriminator(image_shape=(28, 28, 1), activation=None) -> keras.Sequential:
    """Images → one logit, or with `activation="sigmoid"` one probability."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(64, 5, padding="same", activation="tanh"),
            layers.MaxPooling2D(),
            layers.Conv2D(128, 5, activation="tanh"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(1024, activation="tanh"),
            layers.Dense(1, activation=activation),
        ]
    )


def halvings(side: int) -> tuple[int, int]:
    """How often a side is halved until it is 4 to 7, and what is left."""
    times = 0
    while side >= 8 and side % 2 == 0:
        side, times = side // 2, times + 1
    return times, side


def dcgan_generator(image_shape=(28, 28, 1)) -> keras.Sequential:
    """Latents (N, 100) → images in [-1, 1]."""
    times, side = halvings(image_shape[0])
    filters = 2 * WIDTH * 2 ** (times - 1)
    stack = [layers.Dense(side * side * filters, use_bias=False)]
    stack += [layers.Reshape((side, side, filters)), layers.BatchNormalization(), layers.ReLU()]
    for _ in range(times - 1):
        filters //= 2
        stack += [layers.Conv2DTranspose(filters, 4, 2, "same", use_bias=False)]
        stack += [layers.BatchNormalization(), layers.ReLU()]
    last = layers.Conv2DTranspose(image_shape[-1], 4, 2, "same", activation="tanh")
    return keras.Sequential([keras.Input((LATENT_DIM,)), *stack, last])


def dcgan_discriminator(image_shape=(28, 28, 1), activation=None) -> keras.Sequential:
    """Images → one logit, or with `activation="sigmoid"` one probability."""
    filters, side = WIDTH, -(-image_shape[0] // 2)
    stack = [layers.Conv2D(filters, 4, 2, "same"), layers.LeakyReLU(0.2)]
    while side > 4:
        filters, side = 2 * filters, -(-side // 2)
        stack += [layers.Conv2D(filters, 4, 2, "same", use_bias=False)]
        stack += [layers.BatchNormalization(), layers.LeakyReLU(0.2)]
    stack += [layers.GlobalAveragePooling2D(), layers.Dense(1, activation=activation)]
    return keras.Sequential([keras.Input(image_shape), *stack])


def _sgd():
    return keras.optimizers.SGD(5e-4, momentum=0.9, nesterov=True)


def _adam():
    return keras.optimizers.Adam(2e-4, beta_1=0.5)


NETWORKS = {
    "reference": (reference_generator, reference_discriminator, _sgd),
    "dcgan": (dcgan_generator, dcgan_discriminator, _adam),
}


class PlainLoop:
    """The repository's loop: `predict`, `train_on_batch` on the mixed batch, and through the frozen D.

    Args:
        pictures: uint8 (N, H, W, C).
        batch_size: real images in a step.
        networks: a key of NETWORKS.
    """

    def __init__(self, pictures, batch_size: int = 128, networks: str = "reference"):
        self.pictures = pictures.astype(np.float32) / 127.5 - 1
        self.batch_size, self.next_row = batch_size, 0
        shape = pictures.shape[1:]
        generator, discriminator, optimizer = NETWORKS[networks]
        self.generator, self.discriminator = generator(shape), discriminator(shape, "sigmoid")
        self.discriminator.compile(optimizer(), "binary_crossentropy")
        self.stacked = keras.Sequential([self.generator, self.discriminator])
        self.stacked.compile(optimizer(), "binary_crossentropy")

    def step(self) -> tuple[float, float]:
        """One step of D and one of G; their losses."""
        size = self.batch_size
        if self.next_row + size > len(self.pictures):
            self.next_row = 0
        real = self.pictures[self.next_row : self.next_row + size]
        self.next_row += size
        noise = np.random.uniform(-1, 1, (size, LATENT_DIM))
        fake = self.generator.predict(noise, verbose=0)
        images = np.concatenate([real, fake])
        labels = np.array([[1.0]] * size + [[0.0]] * size)
        # Each model keeps the variables that are trainable when its first step is traced.
        self.discriminator.trainable = True
        d_loss = self.discriminator.train_on_batch(images, labels)
        noise = np.random.uniform(-1, 1, (size, LATENT_DIM))
        self.discriminator.trainable = False
        g_loss = self.stacked.train_on_batch(noise, np.ones((size, 1)))
        return float(d_loss), float(g_loss)


class TutorialStep:
    """The step of TensorFlow's DCGAN tutorial: a `tf.function`, one tape for each net, on these nets.

    Args:
        pictures: uint8 (N, H, W, C).
        batch_size: real images in a step.
        networks: a key of NETWORKS.
    """

    def __init__(self, pictures, batch_size: int = 128, networks: str = "reference"):
        shape = pictures.shape[1:]
        self.batch_size = batch_size
        generator, discriminator, optimizer = NETWORKS[networks]
        self.generator, self.discriminator = generator(shape), discriminator(shape)
        self.g_optimizer, self.d_optimizer = optimizer(), optimizer()
        self.cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        scaled = pictures.astype(np.float32) / 127.5 - 1
        batches = tf.data.Dataset.from_tensor_slices(scaled).shuffle(len(scaled)).repeat()
        self.batches = iter(batches.batch(batch_size).prefetch(2))

    def step(self):
        """One step of both nets."""
        return self._step(next(self.batches))

    @tf.function
    def _step(self, images):
        noise = tf.random.normal([self.batch_size, LATENT_DIM])
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            fake = self.generator(noise, training=True)
            real_output = self.discriminator(images, training=True)
            fake_output = self.discriminator(fake, training=True)
            g_loss = self.cross_entropy(tf.ones_like(fake_output), fake_output)
            d_loss = self.cross_entropy(tf.ones_like(real_output), real_output)
            d_loss += self.cross_entropy(tf.zeros_like(fake_output), fake_output)
        g_variables = self.generator.trainable_variables
        d_variables = self.discriminator.trainable_variables
        self.g_optimizer.apply_gradients(
            zip(g_tape.gradient(g_loss, g_variables), g_variables, strict=True)
        )
        self.d_optimizer.apply_gradients(
            zip(d_tape.gradient(d_loss, d_variables), d_variables, strict=True)
        )
        return d_loss, g_loss
