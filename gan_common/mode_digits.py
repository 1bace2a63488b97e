"""Stacked MNIST: three digits, one in each colour of a picture, and so a thousand modes."""

import functools

import numpy as np
import tensorflow as tf

from gan_common import data, features, tricks

WAYS = 1000  # triples of digits


class Stacked:
    """Real data of `stacked`, drawn in the graph: each colour is a training digit of an even choice.

    Attributes:
        shape: of a sample, (28, 28, 3), floats in [−1, 1].
        labels: number of modes.
        std: of the pixels.

    Source: Metz et al. 2017 (1611.02163), section 3.3.1; Srivastava et al. 2017 (1705.07761).
    """

    shape, labels = (28, 28, 3), WAYS

    def __init__(self, dataset: str, data_dir: str | None = None):
        self.dataset = data.load(dataset, data_dir)
        self._digits = tf.constant(self.dataset.x_train[..., 0])  # (N, 28, 28) uint8
        self._names = tf.constant(self.dataset.y_train, tf.int32)
        self.std = float(tricks.scale_images(self.dataset.x_train).std())

    def draw(self, n: int, seed_of) -> tuple[tf.Tensor, tf.Tensor]:
        """(n, 28, 28, 3) pictures and the numbers from 0 to 999 that they show."""
        count = self._digits.shape[0]
        which = tf.random.stateless_uniform((n, 3), seed_of(0), 0, count, tf.int32)
        digits = tf.transpose(tf.gather(self._digits, which), (0, 2, 3, 1))
        names = tf.reduce_sum(tf.gather(self._names, which) * [100, 10, 1], axis=1)
        return tricks.scale_images(digits), names

    @functools.cached_property
    def _classifier(self):
        return features.classifier(self.dataset)

    def measure(self, samples: np.ndarray) -> dict[str, float]:
        """Captured modes, and KL(generated ‖ even), by a classifier that names each colour's digit."""
        named = []
        for part in np.array_split(samples, -(-len(samples) // 2000)):
            digits = np.moveaxis(tricks.unscale_images(part), -1, 1).reshape(-1, 28, 28, 1)
            probabilities = features.extract(self._classifier, digits)[1]
            named.append(probabilities.argmax(axis=1).reshape(-1, 3) @ [100, 10, 1])
        return triples(np.concatenate(named))


def triples(named: np.ndarray) -> dict[str, float]:
    """Numbers from 0 to 999, one a sample → how many occur, and KL(their shares ‖ 1/1000) in nats.

    Raises:
        ValueError: no numbers, or one out of range.
    """
    named = np.asarray(named)
    if not named.size or named.min() < 0 or named.max() >= WAYS:
        raise ValueError(f"named must hold numbers from 0 to 999. Received: {named}")
    share = np.bincount(named, minlength=WAYS) / named.size
    share = share[share > 0]
    return {"modes": len(share), "kl": float(np.sum(share * np.log(share * WAYS)))}
