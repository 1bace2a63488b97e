"""What can be drawn from a trained generator: samples, the nicest of them, walks, latent arithmetic."""

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gan_common.errors import UserError, one_line

NICE_SHARE = 0.05  # of the candidates that --nice keeps, as jacobgil/keras-dcgan does
MAX_GENERATOR_BYTES = 2**32
WALKS, FRAMES = 8, 12  # rows of --interpolate, and images from one end to the other


class Generator(Protocol):
    """A trained generator and its discriminator, as both packages have them.

    Attributes:
        conditional: whether labels matter.
        num_classes: how many classes there are.
    """

    conditional: bool
    num_classes: int

    def draw_latents(self, count: int, seed: Any) -> Any:
        """A (count, latent_dim) tensor."""

    def pictures(self, latents: Any, labels: Any) -> np.ndarray:
        """Latents and labels → uint8 images (N, height, width, channels)."""

    def scores(self, pictures: Any, labels: Any) -> np.ndarray:
        """How real the discriminator finds images, (N,)."""

    def save_generator(self, path: Path) -> None:
        """Write one `.keras` file."""


def load_generator(path: str | Path) -> Any:
    """The generator that --format keras wrote, from a file that need not be trusted.

    Nothing that the file brings is run: no Lambda with code of its own, no class from outside Keras and
    this project.

    Returns:
        A `keras.Model` from latents (N, latent_dim) to images (N, H, W, C) in [−1, 1].

    Raises:
        UserError: it is no such file, is damaged, or asks for what is not allowed.
    """
    import keras

    from gan_common import tricks  # noqa: F401  (its layers have to be registered)

    if not zipfile.is_zipfile(path):
        raise UserError(f"{str(path)!r} is no .keras file; write one by --format keras")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > MAX_GENERATOR_BYTES:
                raise ValueError(f"it unpacks to {unpacked:,} bytes")
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever Keras makes of a file that is not what it says
        raise UserError(
            f"{str(path)!r} cannot be loaded safely ({one_line(error)}); write it again by "
            "--format keras"
        ) from error


def labels_for(generator: Generator, count: int, label: int | None = None) -> np.ndarray:
    """`count` labels: all `label`, or every class in turn."""
    return np.arange(count) % generator.num_classes if label is None else np.full(count, label)


def draw(
    generator: Generator, count: int, seed: int, label: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """`count` images (count, H, W, C) uint8 and their latents (count, latent_dim) float32."""
    latents = generator.draw_latents(count, seed).numpy()
    return generator.pictures(latents, labels_for(generator, count, label)), latents


def nice(
    generator: Generator, count: int, seed: int, label: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The `count` images that D finds most real among 20 times as many, best first."""
    candidates = round(count / NICE_SHARE)
    pictures, latents = draw(generator, candidates, seed, label)
    scores = generator.scores(pictures, labels_for(generator, candidates, label))
    best = np.argsort(-scores, kind="stable")[:count]
    return pictures[best], latents[best]


def interpolate(
    generator: Generator, seed: int, label: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """`WALKS` walks of `FRAMES` images each, along great circles (White 2016)."""
    from gan_common import tricks

    ends = generator.draw_latents(2 * WALKS, seed).numpy()
    latents = np.concatenate(
        [
            np.asarray(tricks.slerp(a, b, t))[None]
            for a, b in zip(ends[:WALKS], ends[WALKS:], strict=True)
            for t in np.linspace(0, 1, FRAMES, dtype=np.float32)
        ]
    )
    # A walk keeps one class, so that only the latent changes along it.
    labels = np.repeat(labels_for(generator, WALKS, label), FRAMES)
    return generator.pictures(latents, labels), latents


def directions(network: Any, latent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How a generator's image moves with its latent: the derivative's singular values and directions.

    Args:
        network: a Keras model from latents (N, d) to images.
        latent: (d,), where the derivative is taken.

    Returns:
        How far a unit step moves the image, (d,), strongest first; and the unit steps, (d, d), a row each.
    """
    import tensorflow as tf

    size = len(latent)
    repeated = tf.constant(np.repeat(latent[None], size, axis=0))
    with tf.autodiff.ForwardAccumulator(repeated, tf.eye(size)) as along:
        picture = network(repeated, training=False)
    jacobian = along.jvp(picture).numpy().reshape(size, -1)  # a row for each number of the latent
    steps, strengths, _ = np.linalg.svd(jacobian, full_matrices=False)
    return strengths, steps.T


def parse_arithmetic(text: str, count: int) -> list[tuple[int, list[int]]]:
    """`"3,17 - 4 + 8"` → [(+1, [3, 17]), (-1, [4]), (+1, [8])].

    Raises:
        UserError: when it does not read like that, or a number is not of the grid.
    """
    form = r"\s*(\d+(\s*,\s*\d+)*)(\s*[-+−]\s*\d+(\s*,\s*\d+)*)*\s*"
    if not re.fullmatch(form, text):
        raise UserError(
            f'--arithmetic {text!r}: write grid numbers as in "3,17,25 - 4,9,11 + 8,20,31"'
        )
    signed = re.findall(r"([-+−]?)\s*(\d+(?:\s*,\s*\d+)*)", text)
    terms = [(1 if sign in ("", "+") else -1, [int(i) for i in t.split(",")]) for sign, t in signed]
    largest = max(i for _, term in terms for i in term)
    if largest >= count:
        raise UserError(f"--arithmetic: there is no image {largest}; the grid has 0 to {count - 1}")
    return terms


def arithmetic(
    generator: Generator,
    terms: Sequence[tuple[int, list[int]]],
    count: int,
    seed: int,
    label: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Radford et al. 2015, section 6.3.2: sum and difference of mean latents.

    Returns:
        Images and latents of a grid: a row for each term, its images then its mean's; in the last
        row the result, then the result with uniform noise of ±0.25 added, as in their figure 7.
    """
    grid = generator.draw_latents(count, seed).numpy()
    means = [grid[term].mean(axis=0) for _, term in terms]
    result = sum(sign * mean for (sign, _), mean in zip(terms, means, strict=True))
    columns = max(len(term) for _, term in terms) + 1
    noise = np.random.default_rng(seed).uniform(-0.25, 0.25, (columns, len(result)))
    noise[0] = 0
    rows = [
        [*grid[term], *[mean] * (columns - len(term))]
        for (_, term), mean in zip(terms, means, strict=True)
    ]
    latents = np.concatenate([*rows, result + noise]).astype(np.float32)
    labels = np.full(len(latents), 0 if label is None else label)
    return generator.pictures(latents, labels), latents
