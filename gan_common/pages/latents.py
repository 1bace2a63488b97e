"""What can be asked of a trained generator, without a page: directions, walks, sums, the nearest images.

Everything here is of arrays: latents (N, d) float32, labels (N,), uint8 images (N, H, W, C).
"""

import io
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_common import plotting, projection, sampling, tricks
from gan_common.data import Dataset, Rows
from gan_common.metrics import memorization
from gan_common.metrics.neighbors import nearest_few

DIRECTIONS = 6  # sliders
AT = 8  # latents that the derivative is averaged over,
REACH = 0.5  # by differences so far to both sides, in units of a latent's root mean square
FRAMES = 24  # of a walk
SHOWN = 6  # nearest training images
HELD_OUT = 500  # held-out images that tell how near is as near as a copy
# A picture that is dropped: descents of each class, their steps, random samples that they begin from.
STARTS, STEPS, SAMPLES = 4, 120, 500


def principal_directions(
    gan: sampling.Generator, count: int = DIRECTIONS, seed: int = 0
) -> np.ndarray:
    """The unit steps of a latent that move the image most, on average over random latents.

    Principal axes of E[JᵀJ], J the derivative of the image by the latent, from differences of images whose
    latents are 2·`REACH` apart: at one latent `sampling.directions` takes the derivative itself, which is
    too slow to wait for at several.

    Args:
        gan: trained.
        count: how many.
        seed: of the latents.

    Returns:
        (count, d), a row each, the strongest first; of two opposite ones that whose largest number is
        positive.
    """
    latents = sampling.draw_latents(gan, AT, seed)
    size = latents.shape[1]
    reach = REACH * float(np.sqrt(np.mean(np.square(latents))))
    total = np.zeros((size, size))
    for latent, label in zip(latents, sampling.labels_for(gan, AT), strict=True):
        shifted = np.concatenate([latent + reach * np.eye(size), latent - reach * np.eye(size)])
        labels = np.full(2 * size, label, np.int32)
        images = gan.pictures(shifted.astype(np.float32), labels).reshape(2 * size, -1)
        slopes = images[:size].astype(np.float32) - images[size:]
        total += slopes @ slopes.T
    _, axes = np.linalg.eigh(total)
    found = axes[:, ::-1].T[:count].astype(np.float32)
    largest = np.take_along_axis(found, np.abs(found).argmax(axis=1)[:, None], axis=1)
    return found * np.sign(largest)


def moved(
    latent: np.ndarray, directions: np.ndarray, amounts: np.ndarray, distribution: str
) -> np.ndarray:
    """A latent (d,) moved along directions (K, d), brought back to where its distribution has latents.

    Args:
        latent: where to start from.
        directions: unit steps.
        amounts: (K,), in steps; all 0 leave the latent as it is.
        distribution: "normal", "uniform" or "sphere".
    """
    if not np.any(amounts):
        return latent
    steps = np.asarray(amounts, np.float32) @ directions
    # A sphere of radius 1 and a cube have room for a fraction of what the normal distribution has.
    scale = {"normal": 1.0, "uniform": 0.5, "sphere": 1 / 4}[distribution]
    return projection.onto_support((latent + scale * steps)[None], distribution).numpy()[0]


def between(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """The latent at t ∈ [0, 1] of the great circle from a to b (White 2016), (d,)."""
    return np.asarray(tricks.slerp(a, b, np.float32(t)), np.float32)


def walk(gan: sampling.Generator, a: np.ndarray, b: np.ndarray, label: int) -> sampling.Drawn:
    """`FRAMES` images from latent a to b, (FRAMES, H, W, C), with their latents and labels."""
    latents = np.stack([between(a, b, t) for t in np.linspace(0, 1, FRAMES)])
    labels = np.full(FRAMES, label, np.int32)
    return sampling.Drawn(gan.pictures(latents, labels), latents, labels)


def gif(images: np.ndarray) -> bytes:
    """Images (N, H, W, C) as a GIF that goes there and back."""
    frames = [*images, *images[-2:0:-1]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.gif"
        plotting.save_gif(path, frames, milliseconds=80, max_frames=len(frames), max_width=280)
        return path.read_bytes()


def npz(drawn: sampling.Drawn) -> bytes:
    """`images`, `latents` and `labels` as `generate --format npz` writes them."""
    file = io.BytesIO()
    np.savez_compressed(file, images=drawn.images, latents=drawn.latents, labels=drawn.labels)
    return file.getvalue()


def invert(gan: Any, target: np.ndarray, label: int | None = None) -> projection.Projection:
    """The latent whose image is nearest to uint8 (H, W, C), by fewer steps than `generate --project`.

    Args:
        gan: a `projection.Invertible`.
        target: the image.
        label: the class to search in; None tries all.
    """
    return projection.project(gan, target, label, starts=STARTS, steps=STEPS, samples=SAMPLES)


class Nearest(NamedTuple):
    """The training images that are nearest to one image.

    Attributes:
        images: (N, H, W, C), nearest first.
        labels: (N,), or None of images without one.
        distances: (N,), root mean squares in gray levels.
        threshold: the nearest 1% of held-out images are nearer to theirs than this.
    """

    images: np.ndarray
    labels: np.ndarray | None
    distances: np.ndarray
    threshold: float

    def sentence(self) -> str:
        """Whether the image is a copy."""
        told = (
            f"the nearest training picture is {self.distances[0]:.1f} gray levels away (root mean square); "
            "of held-out pictures, which cannot be copies, the nearest 1% are within"
            f" {self.threshold:.1f}"
        )
        if self.distances[0] < self.threshold:
            return f"As near as a copy: {told}."
        return f"Not a copy: {told}."


class TrainingImages:
    """A run's training images, to hold generated ones against.

    Args:
        dataset: that the run was trained on.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._labels: np.ndarray | None = dataset.y_train
        self._train: Any = dataset.x_train
        if dataset.x_unlabelled is not None:
            both = (dataset.x_train, dataset.x_unlabelled)
            self._train = Rows(*((images, np.arange(len(images))) for images in both))
            self._labels = None
        held_out = Rows((dataset.x_test, np.arange(min(len(dataset.x_test), HELD_OUT))))
        describe = memorization.pixels
        some = held_out[:1] if len(held_out) else self._train[:1]
        self._threshold = memorization.look(
            self._train, held_out if len(held_out) else some, some, describe
        ).threshold

    def nearest(self, image: np.ndarray, count: int = SHOWN) -> Nearest:
        """The training images nearest in pixels to uint8 (H, W, C)."""
        point = memorization.pixels(image[None])
        rows, distances = np.zeros(0, int), np.zeros(0)
        for start in range(0, len(self._train), memorization.CHUNK):
            others = memorization.pixels(self._train[start : start + memorization.CHUNK])
            found, near = nearest_few(point, others, min(count, len(others)))
            rows, distances = (
                np.concatenate([rows, found[0] + start]),
                np.concatenate([distances, near[0]]),
            )
            order = np.argsort(distances, kind="stable")[:count]
            rows, distances = rows[order], distances[order]
        images = np.stack([self._train[row : row + 1][0] for row in rows])
        labels = None if self._labels is None else self._labels[rows]
        return Nearest(images, labels, distances, self._threshold)
