"""The sides of a game: networks with their optimizer and learning rate; what a step tells of them."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import keras
import tensorflow as tf

from gan_common.kernels import optimizers

CONSTANT_SHARE = (
    0.5  # of a run; then the learning rate falls to 0, as in CycleGAN's and pix2pix's code
)


def normal() -> keras.initializers.Initializer:
    """What kernels begin with in most of these papers, as in DCGAN's: deviation 0.02 about 0."""
    return keras.initializers.RandomNormal(mean=0.0, stddev=0.02)


class Player:
    """One side of a game: networks that learn together.

    Args:
        networks: built.
        rate: learning rate at the beginning; in the second half of a run it falls to 0.
        beta_1: of Adam, Kingma and Ba 2015.

    Attributes:
        networks: as given.
        trainable: their trainable variables.
        share: of the learning rate that the doctor leaves; 0 is a pause.
    """

    def __init__(self, *networks: keras.Model, rate: float = 2e-4, beta_1: float = 0.5) -> None:
        self.networks = networks
        self.trainable = [v for network in networks for v in network.trainable_variables]
        self.optimizer = optimizers.Adam(rate, beta_1=beta_1)
        self.optimizer.build(self.trainable)
        self.rate, self.share = rate, 1.0

    def schedule(self, fraction: float) -> None:
        """Set the learning rate for a step of a run of which `fraction` is done."""
        left = min(1.0, (1.0 - fraction) / (1.0 - CONSTANT_SHARE))
        self.optimizer.learning_rate.assign(self.rate * self.share * left)

    def learn(self, gradients: Sequence[Any]) -> tf.Tensor:
        """Apply the gradients of a loss by `trainable`; their global norm."""
        self.optimizer.apply(gradients, self.trainable)
        return tf.linalg.global_norm(gradients)

    def variables(self) -> dict[str, list]:
        """For a checkpoint: weights, statistics and seeds of the networks; the optimizer's state."""
        return {
            "networks": [v for network in self.networks for v in network.variables],
            "optimizer": self.optimizer.variables,
        }


def told(
    d_loss: Any, g_loss: Any, real: Any, fake: Any, d_norm: Any, g_norm: Any, boundary: float = 0.0
) -> dict[str, Any]:
    """A step's numbers by the names that the recorder and the doctor know.

    Args:
        d_loss, g_loss: of the game alone, as `gan_common.losses` has them.
        real, fake: D's logits, of any shape.
        d_norm, g_norm: of the gradients.
        boundary: logits above it say "real"; ½ for least squares.
    """
    right = [tf.cast(logits, tf.float32) > boundary for logits in (real, fake)]
    return {
        "d_loss": d_loss,
        "g_loss": g_loss,
        "d_real_accuracy": tf.reduce_mean(tf.cast(right[0], tf.float32)),
        "d_fake_accuracy": 1.0 - tf.reduce_mean(tf.cast(right[1], tf.float32)),
        "d_gradient_norm": d_norm,
        "g_gradient_norm": g_norm,
    }


def judging(chosen: Collection[str]) -> Callable[[keras.layers.Layer], keras.layers.Layer]:
    """What each layer with weights of a D goes through: --tricks spectral_norm bounds its slope.

    Source: Miyato et al. 2018 (1802.05957).
    """
    if "spectral_norm" in chosen:
        return keras.layers.SpectralNormalization
    return lambda layer: layer
