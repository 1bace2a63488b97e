"""The data of a task as a game draws them, in its graph, and what is measured of samples."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from gan_common import data, tricks
from gan_common.metrics import features
from gan_common.modes.config import Config
from gan_common.modes.points import SIGMA, centres, coverage, evenness

WAYS = 1000  # triples of digits
# What each step draws, as streams of random numbers of their own.
WINDOW, MODE, REAL, LINES, CODE = range(5)


class Points:
    """Real data of `ring` and `grid`, or of Gaussians elsewhere, drawn in the graph.

    Args:
        task: "ring" or "grid"; any other name for the centres that are given.
        middles: (modes, 2), and
        sigma: of each, instead of a task's.

    Attributes:
        centres: (modes, 2) float32.
        shape: of a sample.
        labels: number of modes.
        std: of the data, per coordinate.

    Raises:
        ValueError: another task, without centres.
    """

    def __init__(
        self, task: str, middles: np.ndarray | None = None, sigma: float | None = None
    ) -> None:
        self.centres = (centres(task) if middles is None else middles).astype(np.float32)
        self.sigma = SIGMA[task] if sigma is None else sigma
        self.shape, self.labels = (2,), len(self.centres)
        self.std = float(np.sqrt(np.mean(self.centres**2))) or self.sigma

    def draw(self, n: int, seed_of: Callable) -> tuple[tf.Tensor, tf.Tensor]:
        """(n, 2) samples and the modes (n,) that they are of; `seed_of` a stream is its seed."""
        label = tf.random.stateless_uniform((n,), seed_of(MODE), 0, self.labels, tf.int32)
        noise = tf.random.stateless_normal((n, 2), seed_of(REAL))
        return tf.gather(self.centres, label) + self.sigma * noise, label

    def measure(self, samples: np.ndarray) -> dict[str, float]:
        """Modes, how evenly they are filled, and the share of high quality: see `coverage`."""
        return coverage(samples, self.centres, self.sigma)


class Stacked:
    """Real data of `stacked`, drawn in the graph: each color is a training digit of an even choice.

    Attributes:
        shape: of a sample, (28, 28, 3), floats in [−1, 1].
        labels: number of modes.
        std: of the pixels.

    Source: Metz et al. 2017 (1611.02163), section 3.3.1; Srivastava et al. 2017 (1705.07761).
    """

    shape, labels = (28, 28, 3), WAYS

    def __init__(self, dataset: str, data_dir: str | None = None) -> None:
        self.dataset = data.load(dataset, data_dir)
        self._digits = tf.constant(self.dataset.x_train[..., 0])  # (N, 28, 28) uint8
        self._names = tf.constant(self.dataset.y_train, tf.int32)
        self.std = float(tricks.scale_images(self.dataset.x_train).std())

    def draw(self, n: int, seed_of: Callable[[int], tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """(n, 28, 28, 3) images and the numbers from 0 to 999 that they show."""
        count = self._digits.shape[0]
        which = tf.random.stateless_uniform((n, 3), seed_of(0), 0, count, tf.int32)
        digits = tf.transpose(tf.gather(self._digits, which), (0, 2, 3, 1))
        names = tf.reduce_sum(tf.gather(self._names, which) * [100, 10, 1], axis=1)
        return tricks.scale_images(digits), names

    @functools.cached_property
    def _classifier(self) -> Any:
        return features.classifier(self.dataset)

    def measure(self, samples: np.ndarray) -> dict[str, float]:
        """Captured modes, and KL(generated ‖ even), by a classifier that names each color's digit."""
        named = []
        for part in np.array_split(samples, -(-len(samples) // 2000)):
            digits = np.moveaxis(tricks.unscale_images(part), -1, 1).reshape(-1, 28, 28, 1)
            probabilities = features.extract(self._classifier, digits)[1]
            named.append(probabilities.argmax(axis=1).reshape(-1, 3) @ [100, 10, 1])
        return triples(np.concatenate(named))


def triples(named: np.ndarray) -> dict[str, float]:
    """Numbers from 0 to 999, one a sample → how many occur and how evenly: see `points.evenness`.

    The floor of `kl` at N even samples is about 999 / 2N nats: 0.019 at 26,000.

    Raises:
        ValueError: no numbers, or one out of range.
    """
    named = np.asarray(named)
    if not named.size or named.min() < 0 or named.max() >= WAYS:
        raise ValueError(f"named must hold numbers from 0 to 999. Received: {named}")
    return evenness(np.bincount(named, minlength=WAYS), named.size)


def data_of(options: Config) -> Points | Stacked:
    """The task's real data."""
    if options.task != "stacked":
        return Points(options.task)
    return Stacked(options.dataset, options.data_dir)
