"""What the chapter recommends against, or leaves open, and no flag of `keras_dcgan` names: as small changes.

A change of a part is a function of the GAN, for `keras_dcgan.train.trial(change=)`; a change of a network is
one of both networks, for its `networks=`; a rule says who moves in a step.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan_common import losses
from gan_common.doctor.treatment import GO_ON
from gan_common.kernels.convolutions import Conv2D, Conv2DTranspose

# Of a step's number and what it told: whether D moves in the next one, and whether G does.
Rule = Callable[[int, Mapping[str, float]], tuple[bool, bool]]


def mixed_batches(gan: Any) -> None:
    """D's batch norm sees real and generated images in one batch, against section 2.4.6."""

    def step(real: Any, fake: Any, labels: Any, seeds: Mapping[str, Any]) -> tuple:
        with tf.GradientTape() as tape:
            both = tf.concat([real, tf.stop_gradient(fake)], axis=0)
            logits = tf.split(gan.judge(both, tf.tile(labels, [2]), training=True), 2)
            loss = losses.discriminator_loss(gan.config.loss, *logits, gan.config.real_label)
        return loss, tape.gradient(loss, gan.discriminator.trainable_variables), logits

    gan.discriminator_step = step


def both_sides_smoothed(gan: Any, real: float = 0.9, fake: float = 0.1) -> None:
    """D's target for generated images is not 0 either, against section 2.4.4."""

    def loss(real_logits: Any, fake_logits: Any, seed: Any) -> Any:
        of = tf.nn.sigmoid_cross_entropy_with_logits
        return sum(
            tf.reduce_mean(of(tf.fill(tf.shape(logits), target), logits))
            for logits, target in ((real_logits, real), (fake_logits, fake))
        )

    gan.discriminator_loss = loss


def rectified(gan: Any) -> None:
    """ReLU in D where DCGAN has LeakyReLU, against section 2.4.7."""
    for layer in gan.discriminator.layers:
        if isinstance(layer, layers.LeakyReLU):
            layer.negative_slope = 0.0


def sigmoid(gan: Any) -> None:
    """G ends in a sigmoid, for images in [0, 1], against section 2.4.5."""
    gan.generator.layers[-1].activation = keras.activations.sigmoid


def pooled(generator: keras.Model, discriminator: keras.Model) -> tuple[keras.Model, keras.Model]:
    """D halves by max pooling where DCGAN has strides, against section 2.4.7."""

    def halved(layer: keras.layers.Layer) -> keras.layers.Layer:
        if not isinstance(layer, Conv2D) or layer.strides == (1, 1):
            return layer.__class__.from_config(layer.get_config())
        convolution = Conv2D.from_config(layer.get_config() | {"strides": (1, 1)})
        return keras.Sequential([convolution, layers.MaxPooling2D(2, padding="same")])

    return generator, keras.models.clone_model(discriminator, clone_function=halved)


def kernels_of(side: int) -> Callable[[keras.Model, keras.Model], tuple]:
    """G's transposed convolutions with kernels of another side: 3 is not divisible by the stride of 2."""

    def networks(generator: keras.Model, discriminator: keras.Model) -> tuple:
        def other(layer: keras.layers.Layer) -> keras.layers.Layer:
            changed = {"kernel_size": side} if isinstance(layer, Conv2DTranspose) else {}
            return layer.__class__.from_config(layer.get_config() | changed)

        return keras.models.clone_model(generator, clone_function=other), discriminator

    return networks


def whoever_is_behind(step: int, told: Mapping[str, float]) -> tuple[bool, bool]:
    """Who has the larger loss moves: the rule that section 2.4.9 warns of."""
    d_is_behind = told["d_loss"] / 2 > told["g_loss"]
    return d_is_behind, not d_is_behind


def d_more_often(step: int, told: Mapping[str, float]) -> tuple[bool, bool]:
    """D moves in every step, G in every second one."""
    return True, step % 2 == 0


def generator_first(steps: int) -> Rule:
    """In the first tenth of a training D moves in every fifth step only."""
    return lambda step, told: (step >= steps / 10 or step % 5 == 0, True)


class _Ruled:
    """Stands where the doctor stands: after a step it lets either net move in the next, or not."""

    rates = (1.0, 1.0)

    def __init__(self, rule: Rule, gan: Any) -> None:
        self.rule, self.gan = rule, gan

    def start(self) -> str:
        return GO_ON

    def after_step(self, step: int, told: Mapping[str, float]) -> str:
        d_moves, g_moves = self.rule(step, told)
        self.rates = (float(d_moves), float(g_moves))
        self.gan.set_rates(*self.rates)
        return GO_ON


class Together:
    """Variants as `keras_dcgan.train.trial` takes them.

    Args:
        names: of this module's functions; `kernels_of_3` for `kernels_of(3)`.
        steps: of the training.
    """

    def __init__(self, names: Sequence[str], steps: int) -> None:
        self.names = names
        rules = {
            "whoever_is_behind": whoever_is_behind,
            "d_more_often": d_more_often,
            "generator_first": generator_first(steps),
        }
        networks = {"pooled": pooled, "kernels_of_3": kernels_of(3)}
        parts = {
            "mixed_batches": mixed_batches,
            "both_sides_smoothed": both_sides_smoothed,
            "rectified": rectified,
            "sigmoid": sigmoid,
        }
        if unknown := [name for name in names if name not in rules | networks | parts]:
            raise ValueError(f"names must be variants. Received: {unknown}")
        self._parts = [parts[name] for name in names if name in parts]
        self._rule = next((rules[name] for name in names if name in rules), None)
        self.networks = next((networks[name] for name in names if name in networks), None)

    def change(self, gan: Any) -> None:
        """Put the parts in their places."""
        for part in self._parts:
            part(gan)

    def treat(self, gan: Any) -> Any:
        """Who obeys the rule; None without one."""
        return _Ruled(self._rule, gan) if self._rule else None

    def images(self, dataset: Any) -> Any:
        """The data set as the networks are to see it: with a sigmoid, black is 0 to them and not −1."""
        if "sigmoid" not in self.names:
            return dataset
        # `scale_images` divides by 127.5 and subtracts 1.
        return dataclasses.replace(dataset, x_train=dataset.x_train / np.float32(2) + 127.5)

    def pictures(self, pictures: np.ndarray) -> np.ndarray:
        """The generated images, uint8, in the range of the data again."""
        if "sigmoid" not in self.names:
            return pictures
        return np.clip((pictures.astype(np.float32) - 127.5) * 2, 0, 255).round().astype(np.uint8)


def checkerboard(pictures: np.ndarray) -> float:
    """The share of power at a period of two pixels in either direction, of uint8 images (N, H, W, C).

    Source: Odena et al. 2016, "Deconvolution and checkerboard artifacts".
    """
    images = pictures.astype(np.float64).mean(axis=-1) / 127.5 - 1
    power = np.abs(np.fft.fft2(images)) ** 2
    power[:, 0, 0] = 0  # the mean is no pattern
    rows, columns = (side // 2 for side in images.shape[1:])
    finest = power[:, rows].sum(1) + power[:, :, columns].sum(1) - power[:, rows, columns]
    return float(np.mean(finest / np.maximum(power.sum((1, 2)), 1e-12)))
