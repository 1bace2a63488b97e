"""The latent whose image is nearest to a given one.

Gradient descent from several random latents (Creswell & Bharath 2016, "Inverting the generator of a GAN",
1611.05644), on pixels and on features of a network (Abdal et al. 2019, "Image2StyleGAN", 1904.03189), here D.
Both distances are in units of what two random samples differ by, so that neither outweighs the other.
After each step latents are brought back to where the generator knows them from, `onto_support`.

What comes out is judged beside two others: the nearest of many random samples, which took no descent, and
what two random samples differ by.  A generator that cannot draw the image hardly comes nearer than the first.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf

from gan_common import sampling, tricks
from gan_common.progress import Progress

STARTS, STEPS = 8, 300
SAMPLES = 1000  # random ones, that starts are chosen from and the result is compared with
STEP_SIZE = 0.1  # Adam's, in units of a random latent's root mean square; falls to 0 by a cosine


class Invertible(sampling.Generator, Protocol):
    """A generator and its discriminator that gradients go through."""

    def images_of(self, latents: Any, labels: Any) -> Any:
        """Latents (N, latent_dim), labels (N,) → images (N, H, W, C) in [-1, 1]."""

    def features_of(self, images: Any, labels: Any) -> Any:
        """Images in [-1, 1], labels (N,) → features (N, features)."""

    def averaged(self) -> AbstractContextManager:
        """A context in which the networks have their averaged weights."""


class Projection(NamedTuple):
    """The nearest image that was found.  Distances are root mean squares over pixels, in gray levels.

    Attributes:
        latent: (latent_dim,) float32.
        label: its class; 0 where there is none.
        image: (H, W, C) uint8.
        distance: to the target.
        nearest_sample: the nearest of `samples` random images.
        sample_distance: of that one to the target.
        between_samples: of two random images, the median.
        samples: how many random images there were.
    """

    latent: np.ndarray
    label: int
    image: np.ndarray
    distance: float
    nearest_sample: np.ndarray
    sample_distance: float
    between_samples: float
    samples: int

    def __str__(self) -> str:
        return (
            f"distance {self.distance:.1f} gray levels (root mean square); the nearest of {self.samples:,} "
            f"random samples: {self.sample_distance:.1f}; two random samples: {self.between_samples:.1f}"
        )


def project(
    gan: Invertible,
    target: np.ndarray,
    label: int | None = None,
    *,
    starts: int = STARTS,
    steps: int = STEPS,
    seed: int = 0,
    samples: int = SAMPLES,
) -> Projection:
    """Find the latent whose image is nearest to `target`.

    Args:
        gan: trained.
        target: (H, W, C) uint8, as the generator draws them.
        label: the class; None tries all of them, where the generator is told one.
        starts: descents of each class, from the nearest of its random samples.
        steps: of a descent.
        seed: of the random samples.
        samples: random images, one of each class at least.

    Raises:
        ValueError: a target of another shape or type, or a number below 1.
    """
    if target.dtype != np.uint8 or target.shape != tuple(gan.image_shape):
        raise ValueError(
            f"target must be uint8 {tuple(gan.image_shape)}. Received: {target.dtype} {target.shape}"
        )
    if min(starts, steps, samples) < 1:
        raise ValueError(
            f"give 1 or more. Received: {starts} starts, {steps} steps, {samples} samples"
        )
    classes: Sequence[int] = [label] if label is not None else [0]
    if gan.conditional and label is None:
        classes = range(gan.num_classes)
    with gan.averaged():
        search = _Search(gan, target, label, max(samples, 2, len(classes)), seed)
        best = search.nearest
        for number, each in enumerate(classes, start=1):
            told = f", class {number} of {len(classes)}" if len(classes) > 1 else ""
            found = search.descend(each, starts, Progress(steps, f"steps of the descent{told}"))
            best = min(best, found, key=lambda one: one.distance)
    return Projection(
        best.latent,
        best.label,
        best.image,
        best.distance,
        search.nearest.image,
        search.nearest.distance,
        search.between,
        search.samples,
    )


class _Found(NamedTuple):
    latent: np.ndarray
    label: int
    image: np.ndarray
    distance: float


class _Search:
    """Random samples around a target, and descents from them."""

    def __init__(
        self, gan: Invertible, target: np.ndarray, label: int | None, samples: int, seed: int
    ) -> None:
        self.gan, self.samples = gan, samples
        self.target = tf.constant(target[None])
        self.target_pixels = tricks.scale_images(self.target)
        latents = sampling.draw_latents(gan, samples, seed)
        labels = sampling.labels_for(gan, samples, label)
        self.latents, self.labels = latents, np.asarray(labels, np.int32)
        self.scale = float(np.sqrt(np.mean(np.square(latents))))

        size = max(2, sampling.chunk_size(gan.image_shape))
        between, apart, losses = [], [], []
        nearest: _Found | None = None
        progress = Progress(samples, "random samples")
        for start in range(0, samples, size):
            part = slice(start, start + size)
            images = gan.pictures(latents[part], self.labels[part])
            distances = rms(images, target)
            closest = int(np.argmin(distances))
            found = self._found(latents[part], self.labels[part], images, distances, closest)
            nearest = found if nearest is None or found.distance < nearest.distance else nearest
            pixels = tricks.scale_images(tf.constant(images))
            features = self._features(pixels, self.labels[part])
            half = len(images) // 2
            between.append(rms(images[:half], images[half : 2 * half]))
            apart.append(_squares(features[:half], features[half : 2 * half]).numpy())
            losses.append(self._squares(pixels, features, self.labels[part]))
            progress(start + len(images))
        assert nearest is not None  # there are two samples or more
        self.nearest = nearest
        self.between = float(np.median(np.concatenate(between)))
        # What two random samples differ by, squared; of a collapsed generator, which draws one image, 1.
        self.pixel_unit = (self.between / 127.5) ** 2 or 1.0
        self.feature_unit = float(np.median(np.concatenate(apart))) or 1.0
        in_pixels, in_features = (np.concatenate(each) for each in zip(*losses, strict=True))
        self.losses = in_pixels / self.pixel_unit + in_features / self.feature_unit

    def _features(self, images: tf.Tensor, labels: Any) -> tf.Tensor:
        features = tf.cast(self.gan.features_of(images, tf.constant(labels)), tf.float32)
        return tf.reshape(features, (tf.shape(features)[0], -1))

    def _squares(self, images: tf.Tensor, features: tf.Tensor, labels: Any) -> tuple:
        """Mean squared distances to the target: in pixels, and in features."""
        targets = tf.repeat(self.target_pixels, len(labels), axis=0)
        return _squares(images, targets), _squares(features, self._features(targets, labels))

    @staticmethod
    def _found(latents: Any, labels: Any, images: Any, distances: Any, row: int) -> _Found:
        return _Found(latents[row], int(labels[row]), images[row], float(distances[row]))

    def descend(self, label: int, starts: int, progress: Progress) -> _Found:
        """The nearest image of a class that Adam finds from the nearest random samples of the class."""
        of_class = np.arange(self.samples)
        if self.gan.conditional:
            of_class = np.flatnonzero(self.labels == label)
        rows = of_class[np.argsort(self.losses[of_class], kind="stable")[:starts]]
        labels = np.full(len(rows), label, np.int32)
        latents = keras.Variable(self.latents[rows], name="latents")
        targets = tf.repeat(self.target_pixels, len(rows), axis=0)
        target_features = self._features(targets, labels)
        optimizer = keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(STEP_SIZE * self.scale, progress.total)
        )
        optimizer.build([latents])

        @tf.function
        def step() -> tuple[tf.Tensor, tf.Tensor]:
            with tf.GradientTape() as tape:
                images = self.gan.images_of(latents, tf.constant(labels))
                features = self._features(images, labels)
                each = _squares(images, targets) / self.pixel_unit
                each += _squares(features, target_features) / self.feature_unit
                loss = tf.reduce_sum(each)
            before = tf.identity(latents)
            optimizer.apply([tape.gradient(loss, latents)], [latents])
            latents.assign(onto_support(latents, self.gan.latent))
            return each, before

        least = np.full(len(rows), np.inf)
        best = self.latents[rows].copy()
        for number in range(1, progress.total + 1):
            each, before = (tensor.numpy() for tensor in step())
            better = each < least
            least[better], best[better] = each[better], before[better]
            progress(number)
        images = self.gan.pictures(best, labels)
        distances = rms(images, self.target.numpy()[0])
        return self._found(best, labels, images, distances, int(np.argmin(distances)))


def onto_support(latents: tf.Tensor, distribution: str) -> tf.Tensor:
    """Latents (N, d) at the nearest place where the distribution has them.

    The cube [−1, 1]^d of uniform ones, the sphere of radius 1.  Normal ones lie near a sphere of radius √d,
    and are kept within √d + 2, which one in two hundred or fewer exceed.
    """
    if distribution == "uniform":
        return tf.clip_by_value(latents, -1.0, 1.0)
    if distribution == "sphere":
        return tf.math.l2_normalize(latents, axis=1)
    return tf.clip_by_norm(latents, np.sqrt(latents.shape[1]) + 2.0, axes=[1])


def rms(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Root mean square differences of uint8 images (N, H, W, C) to others, in gray levels: (N,)."""
    differences = images.astype(np.float32) - others.astype(np.float32)
    return np.sqrt(np.mean(np.square(differences), axis=(1, 2, 3)))


def _squares(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Mean squared differences of rows, (N,)."""
    return tf.reduce_mean(tf.math.squared_difference(x, y), axis=list(range(1, len(x.shape))))
