"""What both packages' pairs of networks draw alike: latents, samples, and the generator as a file."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from gan_common import sampling, tricks
from gan_common.arguments import ImageShape
from gan_common.doctor import LOOKED_AT
from gan_common.portable import portable

FIXED = 64  # latents of the sample grids
# Images that go through a network at a time hold at most so much as float32; its activations are a multiple.
CHUNK_BYTES = 2**24


class LatentConfig(Protocol):
    """What a configuration says of latents, and of the reference batch of virtual batch norm."""

    @property
    def seed(self) -> int: ...
    @property
    def latent_dim(self) -> int: ...
    @property
    def latent(self) -> str: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def tricks(self) -> tuple[str, ...]: ...


def draw_latents(config: LatentConfig, count: int | tf.Tensor, seed: Any) -> tf.Tensor:
    """`count` latents (count, latent_dim) of the configured distribution; `seed` an int or a pair."""
    return tricks.sample_latent(count, config.latent_dim, config.latent, seed)


def behind_reference(generator: keras.Model, config: LatentConfig) -> keras.Model:
    """The generator, with virtual batch norm behind its reference batch of latents."""
    if "virtual_batch_norm" not in config.tricks:
        return generator
    # Seed −1 is no step's: the reference stays apart from what the training draws.
    reference = draw_latents(config, config.batch_size, [config.seed, -1])
    generator = tricks.with_reference(generator, reference)
    generator.build((None, config.latent_dim))
    return generator


def chunks(*arrays: Any, size: int) -> Iterator[tuple[tf.Tensor, ...]]:
    """Slices of arrays of one length, small enough for the networks' activations to fit in memory."""
    for i in range(0, len(arrays[0]), size):
        yield tuple(tf.constant(array[i : i + size]) for array in arrays)


def most(image_shape: Sequence[int], size: int) -> int:
    """How many images of this shape, of `size` at most, go through a network at a time: an even number."""
    fit = CHUNK_BYTES // (4 * int(np.prod(image_shape)))
    return max(2, min(size, fit - fit % 2))  # even, for packs of two


def drawn_by(
    draw: Callable[..., tf.Tensor], arrays: Sequence[Any], image_shape: Sequence[int], size: int
) -> np.ndarray:
    """uint8 images (N, H, W, C) of what `draw` makes of chunks of the arrays, in [-1, 1].

    Of the floats no more than a chunk is held.
    """
    found = np.empty((len(arrays[0]), *image_shape), np.uint8)
    start = 0
    for chunk in chunks(*arrays, size=most(image_shape, size)):
        part = found[start : start + len(chunk[0])]
        part[:] = tricks.unscale_images(draw(*chunk).numpy())
        start += len(part)
    return found


class Drawing:
    """What can be drawn from a pair with a `generator`, a `config`, and an `average` of weights or None."""

    generator: keras.Model
    average: tricks.WeightAverage | None
    config: Any
    conditional: bool
    num_classes: int
    image_shape: ImageShape

    @property
    def latent(self) -> str:
        """The distribution of latents: "normal", "uniform" or "sphere"."""
        return self.config.latent

    def draw_latents(self, count: int | tf.Tensor, seed: Any) -> tf.Tensor:
        """`count` latents (count, latent_dim) of the configured distribution; `seed` an int or a pair."""
        return draw_latents(self.config, count, seed)

    def generator_inputs(self, latents: tf.Tensor, labels: tf.Tensor | None) -> Any:
        """What the generator takes: latents, and classes if it is conditional."""
        return [latents, labels] if self.conditional else latents

    def averaged(self) -> contextlib.AbstractContextManager:
        """A context in which the networks have their averaged weights."""
        return contextlib.nullcontext() if self.average is None else self.average.swap()

    def pictures(self, latents: Any, labels: Any) -> np.ndarray:
        """Latents (N, latent_dim), labels (N,) → uint8 images (N, H, W, C), averaged weights."""
        raise NotImplementedError

    def scores(self, pictures: Any, labels: Any) -> np.ndarray:
        """uint8 images (N, H, W, C), labels (N,) → how real D finds each: logits (N,)."""
        raise NotImplementedError

    def classes_of(self, pictures: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The class of each image that was drawn by these labels, (N,); −1 where nobody knows."""
        return np.asarray(labels) if self.conditional else np.full(len(pictures), -1)

    def images_of(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Latents (N, latent_dim), labels (N,) → images (N, H, W, C) in [-1, 1], with a gradient."""
        return self.generator(self.generator_inputs(latents, labels), training=False)

    def features_of(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Images (N, H, W, C) in [-1, 1], labels (N,) → D's features (N, features), with a gradient."""
        raise NotImplementedError

    def fixed_samples(self) -> np.ndarray:
        """Images of the same 64 latents every time: what the run's sample grids show."""
        return sampling.draw(self, FIXED, self.config.seed)[0]

    def look(self, count: int = LOOKED_AT) -> np.ndarray:
        """Images (count, H, W, C) in [-1, 1] as a training step makes them now; looking moves nothing."""
        latents = self.draw_latents(count, [self.config.seed, -2])  # seed −2 is no step's
        images, _ = self.generator.stateless_call(
            self.generator.trainable_variables,
            self.generator.non_trainable_variables,
            self.generator_inputs(latents, tf.range(count) % self.num_classes),
            training=True,
        )
        return images.numpy()

    def save_generator(self, path: str | Path) -> None:
        """Write the generator, with its averaged weights, as one `.keras` file."""
        with self.averaged():
            portable(self.generator).save(path)


def variables_of(*owners: Any) -> list[tf.Variable]:
    """All variables of those that are there."""
    return [variable for owner in owners if owner is not None for variable in owner.variables]
