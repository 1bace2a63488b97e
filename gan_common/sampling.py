"""What can be drawn from a trained generator: samples, the nicest of them, walks, latent arithmetic."""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from gan_common.errors import UserError, one_line
from gan_common.progress import Progress

NICE_SHARE = 0.05  # of the candidates that --nice keeps, as jacobgil/keras-dcgan does
MAX_GENERATOR_BYTES = 2**32
WALKS, FRAMES = 8, 12  # rows of --interpolate, and images from one end to the other
CHUNK, CHUNK_BYTES = (
    250,
    2**26,
)  # images that are held at a time, and at most so much of them as float32
CANDIDATES = 20_000  # latents of --nice that are held at a time
HELD_BYTES = 2**28  # of images that are measured; more are drawn again when they are needed


class Generator(Protocol):
    """A trained generator and its discriminator, as both packages have them.

    Attributes:
        conditional: whether labels matter.
        num_classes: how many classes there are.
        image_shape: (height, width, channels).
        latent: the distribution of latents, "normal", "uniform" or "sphere".
    """

    conditional: bool
    num_classes: int

    @property
    def image_shape(self) -> Sequence[int]: ...
    @property
    def latent(self) -> str: ...

    def draw_latents(self, count: int, seed: Any) -> Any:
        """A (count, latent_dim) tensor."""

    def pictures(self, latents: Any, labels: Any) -> np.ndarray:
        """Latents and labels → uint8 images (N, height, width, channels)."""

    def scores(self, pictures: Any, labels: Any) -> np.ndarray:
        """How real the discriminator finds images, (N,)."""

    def classes_of(self, pictures: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The class of each image that was drawn by these labels, (N,); −1 where nobody knows."""

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


class Drawn(NamedTuple):
    """Images (N, H, W, C) uint8, their latents (N, latent_dim) float32, their labels (N,) int32."""

    images: np.ndarray
    latents: np.ndarray
    labels: np.ndarray


def check_truncation(distribution: str, threshold: float | None) -> None:
    """Refuse a truncation that has no meaning for latents of this distribution.

    Raises:
        UserError: on the sphere, where every latent is as far out as any other; or a threshold that cuts
            nothing off a uniform latent.
    """
    if threshold is None:
        return
    if distribution == "sphere":
        raise UserError(
            f"--truncation {threshold}: latents on a sphere are all equally far out; leave it out"
        )
    if distribution == "uniform" and threshold >= 1:
        raise UserError(
            f"--truncation {threshold}: uniform latents lie in [-1, 1]; give a number below 1"
        )


def truncate(latents: np.ndarray, distribution: str, threshold: float) -> np.ndarray:
    """Latents with the distribution that drawing each number again until it is within ±threshold gives.

    Brock et al. 2018, "Large scale GAN training" (1809.11096), section 3.1: the truncation trick.  Images
    become more typical, and less varied.  Instead of drawing again, each number goes to the same quantile of
    the truncated distribution, z ↦ Φ⁻¹(½ + (Φ(z) − ½)(2Φ(threshold) − 1)) of a normal latent and
    z ↦ threshold · z of a uniform one.  So a seed's image stays the same image, nearer to the typical one.

    Args:
        latents: (N, latent_dim).
        distribution: that they come from.
        threshold: above 0.

    Returns:
        (N, latent_dim), float32.

    Raises:
        UserError: as `check_truncation`.
    """
    check_truncation(distribution, threshold)
    if distribution == "uniform":
        return np.float32(threshold) * latents
    from scipy.special import erf, erfinv

    inside = erf(threshold / np.sqrt(2))
    moved = np.sqrt(2) * erfinv(inside * erf(latents.astype(np.float64) / np.sqrt(2)))
    return np.clip(moved, -threshold, threshold).astype(np.float32)


def draw_latents(
    generator: Generator, count: int, seed: Any, truncation: float | None = None
) -> np.ndarray:
    """`count` latents (count, latent_dim) float32; the first ones are the same whatever the count."""
    latents = generator.draw_latents(count, seed).numpy()
    return latents if truncation is None else truncate(latents, generator.latent, truncation)


def draw(
    generator: Generator,
    count: int,
    seed: int,
    label: int | None = None,
    truncation: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """`count` images (count, H, W, C) uint8 and their latents (count, latent_dim) float32."""
    latents = draw_latents(generator, count, seed, truncation)
    return generator.pictures(latents, labels_for(generator, count, label)), latents


def chunk_size(image_shape: Sequence[int]) -> int:
    """How many images of this shape are held at a time."""
    return int(np.clip(CHUNK_BYTES // (4 * np.prod(image_shape)), 1, CHUNK))


def batches(
    generator: Generator,
    count: int,
    seed: int,
    label: int | None = None,
    truncation: float | None = None,
) -> Iterator[Drawn]:
    """What `draw` draws, with labels, some images at a time: memory does not grow with their number."""
    latents = draw_latents(generator, count, seed, truncation)
    return _in_parts(generator, latents, labels_for(generator, count, label))


def _in_parts(generator: Generator, latents: np.ndarray, labels: np.ndarray) -> Iterator[Drawn]:
    size = chunk_size(generator.image_shape)
    for start in range(0, len(latents), size):
        part = slice(start, start + size)
        yield _drawn(generator, latents[part], labels[part])


def joined(parts: Iterable[Drawn]) -> Drawn:
    """All images, latents and labels of some parts; it holds the images twice."""
    return Drawn(*map(np.concatenate, zip(*parts, strict=True)))


class Redrawn:
    """Images (N, H, W, C) uint8 that are drawn whenever they are asked for, like an array that is read.

    For more of them than should be held.

    Args:
        generator: draws them.
        count, seed: as of `draw`.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, generator: Generator, count: int, seed: int) -> None:
        self._generator = generator
        self._latents = draw_latents(generator, count, seed)
        self._labels = labels_for(generator, count)
        self.shape = (count, *generator.image_shape)

    def __len__(self) -> int:
        return len(self._latents)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """The images of a slice, or of an array of numbers."""
        return self._generator.pictures(self._latents[rows], self._labels[rows])


def to_measure(generator: Generator, count: int, seed: int) -> Any:
    """`count` images for measuring: an array, or `Redrawn` where it would take more than `HELD_BYTES`."""
    if count * np.prod(generator.image_shape) > HELD_BYTES:
        return Redrawn(generator, count, seed)
    return draw(generator, count, seed)[0]


def _drawn(generator: Generator, latents: np.ndarray, labels: np.ndarray) -> Drawn:
    images = generator.pictures(latents, labels)
    return Drawn(images, latents, generator.classes_of(images, labels).astype(np.int32))


def nicest(
    generator: Generator,
    count: int,
    seed: int,
    label: int | None = None,
    truncation: float | None = None,
) -> Iterator[Drawn]:
    """The `count` images that D finds most real among 20 times as many, best first, some at a time.

    Only the latents of the best are held; their images are drawn again.
    """
    latents, labels = _nicest(generator, count, seed, label, truncation)
    return _in_parts(generator, latents, labels)


def _nicest(
    generator: Generator, count: int, seed: int, label: int | None, truncation: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Latents and labels of `nicest`."""
    candidates = round(count / NICE_SHARE)
    size = max(CANDIDATES, count + count % 2)  # even, for packs of two
    chunk = max(2, chunk_size(generator.image_shape) // 2 * 2)
    best: list[np.ndarray] = []  # latents, labels, scores
    progress = Progress(candidates, "candidates judged")
    for block, start in enumerate(range(0, candidates, size)):
        many = min(size, candidates - start)
        latents = draw_latents(generator, many, [seed, block] if block else seed, truncation)
        labels = labels_for(generator, start + many, label)[start:]
        judged = []
        for first in range(0, many, chunk):
            part = slice(first, first + chunk)
            images = generator.pictures(latents[part], labels[part])
            judged.append(generator.scores(images, labels[part]))
            progress(start + first + len(images))
        fresh = [latents, labels, np.concatenate(judged)]
        if best:
            fresh = [np.concatenate(pair) for pair in zip(best, fresh, strict=True)]
        order = np.argsort(-fresh[2], kind="stable")[:count]
        best = [array[order] for array in fresh]
    return best[0], best[1]


def nice(
    generator: Generator,
    count: int,
    seed: int,
    label: int | None = None,
    truncation: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Images and latents of `nicest`."""
    images, latents, _ = joined(nicest(generator, count, seed, label, truncation))
    return images, latents


def walks(
    generator: Generator, seed: int, label: int | None = None, truncation: float | None = None
) -> Drawn:
    """`WALKS` walks of `FRAMES` images each, along great circles (White 2016)."""
    from gan_common import tricks

    ends = draw_latents(generator, 2 * WALKS, seed, truncation)
    latents = np.concatenate(
        [
            np.asarray(tricks.slerp(a, b, t))[None]
            for a, b in zip(ends[:WALKS], ends[WALKS:], strict=True)
            for t in np.linspace(0, 1, FRAMES, dtype=np.float32)
        ]
    )
    # A walk keeps one class, so that only the latent changes along it.
    return _drawn(generator, latents, np.repeat(labels_for(generator, WALKS, label), FRAMES))


def interpolate(
    generator: Generator, seed: int, label: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Images and latents of `walks`."""
    images, latents, _ = walks(generator, seed, label)
    return images, latents


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


def sums(
    generator: Generator,
    terms: Sequence[tuple[int, list[int]]],
    count: int,
    seed: int,
    label: int | None = None,
    truncation: float | None = None,
) -> Drawn:
    """Radford et al. 2015, section 6.3.2: sum and difference of mean latents.

    Returns:
        A grid: a row for each term, its images then its mean's; in the last row the result, then the
        result with uniform noise of ±0.25 added, as in their figure 7.
    """
    grid = draw_latents(generator, count, seed, truncation)
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
    return _drawn(generator, latents, np.full(len(latents), 0 if label is None else label))


def arithmetic(
    generator: Generator,
    terms: Sequence[tuple[int, list[int]]],
    count: int,
    seed: int,
    label: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Images and latents of `sums`."""
    images, latents, _ = sums(generator, terms, count, seed, label)
    return images, latents
