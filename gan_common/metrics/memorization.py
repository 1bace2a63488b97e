"""Does a generator repeat its training images?

Nearest distances of generated images to training images say nothing by themselves: digits lie near each
other.  They are held against those of held-out images, which cannot be copies.

A generator is said to have **memorized** when all three hold:

1. more than `MEMORIZED_SHARE` of its images lie nearer to a training image than the nearest 1% of the
   held-out images do;
2. chance makes so many with a probability below `SIGNIFICANCE`, were generated and held-out images of one
   distribution.  The threshold is an order statistic of the held-out distances, so the number below it is
   beta-binomial; few held-out images make it wide, as they should;
3. such an image is near to *one* training image: in the median its distance to the nearest is below
   `DISTINCT` of that to the fifth nearest.  Bland images, and those of a generator that draws one mode over
   and over, lie near to many.

A small folder holds out a handful of images.  Below `ENOUGH` the training images help out, each by its
distance to the nearest other one, which is that of a held-out image to one training image fewer.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_common.data import Dataset, Rows
from gan_common.metrics.checks import check_features
from gan_common.metrics.neighbors import nearest, nearest_few
from gan_common.progress import Progress

PERCENTILE = 1  # of the held-out distances: nearer than that is as near as a copy
MEMORIZED_SHARE = 0.1
SIGNIFICANCE = 0.001
DISTINCT = 0.7
NEIGHBORS = 5
ENOUGH = 100
COMPARED = 2_000  # generated and held-out images at most; of training images, all
CHUNK, CHUNK_BYTES = 1_000, 2**26  # images at a time, and at most so much of them as float32
SMALL = 64  # sides from here on are averaged down to 32 to 63 pixels
TOLD = (1, 10, 50, 90)  # percentiles of the distances


def copies(train: np.ndarray, held_out: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """How much nearer generated rows lie to training rows than held-out ones do.

    Args:
      train: (N, features), what the generator was trained on.
      held_out: (K, features), of the same kind, which it never saw.
      fake: (M, features), generated.

    Returns:
      `copied_share`, the share of generated rows that are nearer to a training row than the nearest 1% of
      the held-out rows are: .01 of a generator that draws from the distribution, 1 of one that copies.
      `distance_ratio`, the median nearest distance of generated rows over that of held-out rows: about 1,
      or 0.  If the held-out rows' is 0, they are in the training set: then 1 or infinity.

    Raises:
      ValueError: for wrong shapes, no rows, NaN or infinity.
    """
    (_, held), (_, generated) = (nearest(rows, train) for rows in (held_out, fake))
    return {
        "copied_share": float(np.mean(generated < np.percentile(held, PERCENTILE))),
        "distance_ratio": _ratio(float(np.median(generated)), float(np.median(held))),
    }


def _ratio(value: float, beside: float) -> float:
    if beside == 0:
        return 1.0 if value == 0 else float("inf")
    return value / beside


@dataclasses.dataclass(frozen=True)
class Nearness:
    """How near generated and held-out images lie to training images, in pixels or in features.

    Attributes:
        fake, held_out: distance of each to its nearest training image, (M,) and (K,).
        rows: which training image that is of each generated one, (M,).
        beside: the nearest distance over that to the fifth nearest, in [0, 1], of each generated one, (M,).
        trained: how many of `held_out`, at its end, are training images that helped out.
    """

    fake: np.ndarray
    held_out: np.ndarray
    rows: np.ndarray
    beside: np.ndarray
    trained: int = 0

    @property
    def threshold(self) -> float:
        """Nearer than this is as near as a copy."""
        return float(np.percentile(self.held_out, PERCENTILE))

    @property
    def copied(self) -> np.ndarray:
        """Which generated images are nearer than the threshold, (M,)."""
        return self.fake < self.threshold

    @property
    def copied_share(self) -> float:
        """The share of generated images that are nearer than the threshold."""
        return float(np.mean(self.copied))

    @property
    def p_value(self) -> float:
        """The probability of as many copies or more, were they and held-out images of one distribution."""
        from scipy.stats import betabinom

        rank = int(np.sum(self.held_out < self.threshold)) + 1
        count = int(np.sum(self.copied))
        others = len(self.held_out) - rank + 1
        return float(betabinom.sf(count - 1, len(self.fake), rank, others)) if count else 1.0

    @property
    def distinct(self) -> bool:
        """Whether those that are near are near to one training image, not to several alike."""
        return bool(self.copied.any() and np.median(self.beside[self.copied]) < DISTINCT)

    @property
    def memorized(self) -> bool:
        """By the rule at the top of this module."""
        many = self.copied_share > MEMORIZED_SHARE
        return many and self.p_value < SIGNIFICANCE and self.distinct

    def numbers(self, suffix: str = "") -> dict[str, float]:
        """For a report: `copied_share`, `distance_ratio`, percentiles, each beside its floor."""
        told = {
            "copied_share": (self.copied_share, float(np.mean(self.held_out < self.threshold))),
            "distance_ratio": (
                _ratio(float(np.median(self.fake)), float(np.median(self.held_out))),
                1.0,
            ),
        }
        for percentile in TOLD:
            found = (float(np.percentile(each, percentile)) for each in (self.fake, self.held_out))
            told[f"nearest_p{percentile}"] = (next(found), next(found))
        return {
            f"{name}{suffix}{of}": value
            for name, values in told.items()
            for of, value in zip(("", "_floor"), values, strict=True)
        }

    def sentence(self) -> str:
        """What is to be said of it, in one sentence."""
        helped = f" and {self.trained:,} training images among each other" if self.trained else ""
        share = (
            f"{self.copied_share:.1%} of {len(self.fake):,} generated images are nearer to a training image "
            f"than the nearest 1% of {len(self.held_out) - self.trained:,} held-out ones{helped} are"
        )
        if self.threshold == 0:
            return "cannot be told: held-out images were trained on as well; remove what is there twice"
        if self.memorized:
            return f"memorized: {share}, each near to one of them"
        if self.copied_share <= MEMORIZED_SHARE:
            return f"not memorized: {share}"
        if self.p_value >= SIGNIFICANCE:
            return f"cannot be told with so few images: {share}, which may be chance"
        return (
            f"not memorized: {share}, but about as near to several: they are bland, or much alike"
        )


def look(
    train: Any,
    held_out: Any,
    fake: Any,
    describe: Callable[[np.ndarray], np.ndarray],
) -> Nearness:
    """Search all training images for those that are nearest to held-out and to generated ones.

    They are described chunk by chunk, so that memory does not grow with their number.

    Args:
        train: images (N, H, W, C), an array, a memmap or `data.Rows`.
        held_out, fake: images (K, H, W, C), (M, H, W, C), likewise.
        describe: images → (rows, features).

    Raises:
        ValueError: as `nearest`.
    """
    size = int(np.clip(CHUNK_BYTES // (4 * np.prod(train.shape[1:])), 1, CHUNK))

    def described(images: Any) -> np.ndarray:
        parts = [describe(images[start : start + size]) for start in range(0, len(images), size)]
        return np.concatenate(parts)

    few = len(held_out) < ENOUGH and len(train) > 1
    own = np.arange(min(len(train), ENOUGH) if few else 0)
    sets = [held_out, fake, *([train[: len(own)]] if few else [])]
    points = check_features("images", np.concatenate([described(each) for each in sets]), 2)
    count = min(NEIGHBORS + 1, len(train))
    rows, distances = np.zeros((len(points), 0), int), np.zeros((len(points), 0))
    progress = Progress(len(train), "training images searched for copies")
    for start in range(0, len(train), size):
        others = describe(train[start : start + size])
        found, near = nearest_few(points, others, min(count, len(others)))
        rows = np.concatenate([rows, found + start], axis=1)
        distances = np.concatenate([distances, near], axis=1)
        order = np.argsort(distances, axis=1, kind="stable")[:, :count]
        rows, distances = (np.take_along_axis(each, order, axis=1) for each in (rows, distances))
        progress(start + len(others))
    first, last = distances[:, 0], distances[:, min(NEIGHBORS, count) - 1]
    beside = np.divide(first, last, out=np.ones_like(first), where=last > 0)
    held, end = len(held_out), len(held_out) + len(fake)
    reference = first[:held]
    if few:
        mine = rows[end:] == own[:, None]
        nearest_other = np.where(mine, np.inf, distances[end:]).min(axis=1)
        reference = np.concatenate([reference, nearest_other])
    return Nearness(first[held:end], reference, rows[held:end, 0], beside[held:end], len(own))


def pixels(images: np.ndarray) -> np.ndarray:
    """uint8 images (N, H, W, C) → gray levels (N, values) such that distances are root mean squares.

    Images of 64 pixels and more are averaged over blocks to sides of 32 to 63 first: a copy is seen there.
    """
    images = np.asarray(images)
    block = max(1, min(images.shape[1:3]) // (SMALL // 2)) if min(images.shape[1:3]) >= SMALL else 1
    count, height, width, channels = images.shape
    height, width = height // block, width // block
    x = images[:, : height * block, : width * block].astype(np.float32)
    x = x.reshape(count, height, block, width, block, channels).mean(axis=(2, 4))
    return x.reshape(count, -1) / np.sqrt(height * width * channels)


@dataclasses.dataclass(frozen=True)
class Copies:
    """What was found of one generator.

    Attributes:
        by: "pixels", and "features" → how near the images are.
        fake: the generated images that were compared.
        train: the training images.
    """

    by: dict[str, Nearness]
    fake: Any
    train: Any

    def numbers(self) -> dict[str, float]:
        """For a report: of pixels as `Nearness.numbers` names them, of features with _features in the name.

        And `memorized`, 1 or 0.
        """
        told: dict[str, float] = {}
        for name, nearness in self.by.items():
            told |= nearness.numbers("" if name == "pixels" else f"_{name}")
        told["memorized"] = float(any(each.memorized for each in self.by.values()))
        return told

    def verdict(self) -> str:
        """A sentence: memorized if pixels or features say so, else what pixels say."""
        name = next((name for name, each in self.by.items() if each.memorized), next(iter(self.by)))
        return f"{self.by[name].sentence()}, in {name}"

    def __str__(self) -> str:
        """A text table of the distances, and a sentence for each way of measuring them."""
        lines = [f"{'distance to the nearest training image':<42}{'generated':>12}{'held-out':>12}"]
        for name, nearness in self.by.items():
            for percentile in TOLD:
                pair = (
                    np.percentile(each, percentile) for each in (nearness.fake, nearness.held_out)
                )
                title = (
                    f"  in {name}, {'nearest 1%' if percentile == 1 else f'nearest {percentile}%'}"
                )
                lines.append(f"{title:<42}" + "".join(f"{value:>12.3f}" for value in pair))
        lines += [f"copies in {name}: {each.sentence()}" for name, each in self.by.items()]
        return "\n".join(lines)

    def pairs(self, count: int = 8) -> tuple[np.ndarray, list[str]]:
        """The closest pairs, for a figure, each of another training image.

        Args:
            count: of pairs, by each way of measuring.

        Returns:
            A generated image, its nearest training image, and so on, uint8 (N, H, W, C); under each a short
            text: what it was measured in, and the distance.
        """
        images, texts = [], []
        for name, nearness in self.by.items():
            order = np.argsort(nearness.fake, kind="stable")
            _, first = np.unique(nearness.rows[order], return_index=True)
            for number in order[np.sort(first)[:count]]:
                row = nearness.rows[number]
                pair = (self.fake[number : number + 1], self.train[row : row + 1])
                images += [np.asarray(each)[0] for each in pair]
                texts += [f"in {name}", f"{nearness.fake[number]:.2f}"]
        return np.stack(images), texts


def find_copies(
    dataset: Dataset, fake: Any, describe: Mapping[str, Callable[[np.ndarray], np.ndarray]]
) -> Copies:
    """Hold generated images against all training images of a data set, by each way of describing them.

    Args:
        dataset: with two held-out images or more.
        fake: uint8 images (M, H, W, C), an array or what `Rows` can read.
        describe: name → (images → rows of features).
    """
    train: Any = dataset.x_train
    if dataset.x_unlabelled is not None:
        both = (dataset.x_train, dataset.x_unlabelled)
        train = Rows(*((images, np.arange(len(images))) for images in both))
    rng = np.random.default_rng(0)
    held_out, fake = (
        Rows((images, np.sort(rng.choice(len(images), min(len(images), COMPARED), replace=False))))
        for images in (dataset.x_test, fake)
    )
    by = {name: look(train, held_out, fake, how) for name, how in describe.items()}
    return Copies(by, fake, train)
