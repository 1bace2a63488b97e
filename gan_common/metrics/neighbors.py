"""Measures by nearest neighbors: precision and recall, density and coverage, nearest images."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gan_common.metrics.checks import check_features, check_pair

WORKING_MEMORY = 32  # MiB of distances that are held at a time


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> tuple[float, float]:
    """Kynkäänniemi et al. 2019 (1904.06991) eqs. 1–2 and algorithm 1.

    A set's manifold is the union of closed balls, one around each sample, that reach to its k-th
    nearest other sample.  Precision is the share of fakes inside the real manifold (are the
    images good?), recall the share of reals inside the fake one (is everything covered?).

    Args:
      real: (N, features), N > k.
      fake: (M, features), M > k.
      k: neighbors.

    Returns:
      precision and recall, each in [0, 1]; higher is better.

    Raises:
      ValueError: for wrong shapes, k < 1, too few samples, NaN or infinity.
    """
    real, fake = _check_neighbors(real, fake, k)
    fakes_inside, _ = _count_inside(real, _squared_radii(real, k), fake, closed=True)
    reals_inside, _ = _count_inside(fake, _squared_radii(fake, k), real, closed=True)
    return float(np.mean(fakes_inside > 0)), float(np.mean(reals_inside > 0))


def density_coverage(real: np.ndarray, fake: np.ndarray, k: int = 5) -> tuple[float, float]:
    """Naeem et al. 2020 (2002.09797) §3: precision and recall that one outlier cannot inflate.

    Density is the number of real balls (as in `precision_recall`) that a fake lies in, on average
    and divided by k; coverage is the share of real balls that hold a fake.  As in the authors' code
    the balls are open (a sample on the edge is outside), so a set has density 1 against itself.

    Args:
      real: (N, features), N > k.
      fake: (M, features), M ≥ 1.
      k: neighbors.

    Returns:
      density ≥ 0, about 1 when both sets come from the same distribution, and coverage in [0, 1];
      higher is better.

    Raises:
      ValueError: for wrong shapes, k < 1, too few samples, NaN or infinity.
    """
    real, fake = _check_neighbors(real, fake, k, fakes_at_least=1)
    balls_around_fake, fakes_in_ball = _count_inside(
        real, _squared_radii(real, k), fake, closed=False
    )
    return float(balls_around_fake.mean() / k), float(np.mean(fakes_in_ball > 0))


def nearest(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of `points` (N, d) the row of its nearest among `others` (M, d), and the distance to it.

    Of images, flattened: whether a generator copies what it was trained on.  Compare the distances with
    those of held-out images, which cannot be copies: `gan_common.metrics.copies`.

    Raises:
      ValueError: for wrong shapes, no rows, NaN or infinity.
    """
    rows, distances = nearest_few(points, others, 1)
    return rows[:, 0], distances[:, 0]


def nearest_few(
    points: np.ndarray, others: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The `count` nearest of each point, nearest first: rows (N, count), and distances (N, count).

    Distances are exact: 0 to a row that is the same.

    Raises:
      ValueError: as `nearest`, or fewer than `count` others.
    """
    points, others = check_features("points", points, 1), check_features("others", others, count)
    if points.shape[1] != others.shape[1]:
        raise ValueError(
            "points and others must have as many columns. "
            f"Received: shapes {points.shape} and {others.shape}"
        )

    def least(squares: np.ndarray, start: int) -> np.ndarray:
        return np.argpartition(squares, count - 1, axis=1)[:, :count]

    rows = np.concatenate(_in_chunks(points, others, least))
    # The chunks' squares are rounded to 1e-15 of the squared norms, which a copy's distance is below.
    distances = np.empty(rows.shape)
    size = max(1, WORKING_MEMORY * 2**20 // (8 * points.shape[1]))
    for start in range(0, len(points), size):
        part = slice(start, start + size)
        for column, each in enumerate(rows[part].T):
            distances[part, column] = np.linalg.norm(points[part] - others[each], axis=1)
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1)


def _in_chunks(x: np.ndarray, y: np.ndarray, reduce: Callable[[np.ndarray, int], Any]) -> list[Any]:
    """`reduce(squared distances of some rows of x to all of y, the first one's number)`, chunk by chunk."""
    from sklearn.metrics import pairwise_distances_chunked  # takes a second to import

    chunks = pairwise_distances_chunked(
        x, y, metric="euclidean", squared=True, reduce_func=reduce, working_memory=WORKING_MEMORY
    )
    return list(chunks)


def _squared_radii(x: np.ndarray, k: int) -> np.ndarray:
    """(N,) squared distance of each row to its k-th nearest other row."""

    def kth(distances: np.ndarray, start: int) -> np.ndarray:
        rows = np.arange(len(distances))
        distances[rows, start + rows] = np.inf  # a row is not its own neighbor
        return np.partition(distances, k - 1, axis=1)[:, k - 1]

    return np.concatenate(_in_chunks(x, x, kth))


def _count_inside(
    centers: np.ndarray, squared_radii: np.ndarray, points: np.ndarray, closed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Balls around each point (M,), and points in each ball (N,).

    Distances are rounded to about 1e-15 of the squared norms.  A point within 1e-12 of them from a
    ball's edge counts as on the edge: inside if the balls are closed, outside if not.
    """
    inside = np.zeros(len(centers), int)
    edge = 1e-12 if closed else -1e-12
    squared_norms = np.sum(centers**2, axis=1)

    def count(distances: np.ndarray, start: int) -> np.ndarray:
        chunk = points[start : start + len(distances)]
        reach = squared_radii + edge * (squared_norms + np.sum(chunk**2, axis=1)[:, None])
        hits = distances <= reach  # (chunk, N)
        inside[:] += hits.sum(axis=0)
        return hits.sum(axis=1)

    return np.concatenate(_in_chunks(points, centers, count)), inside


def _check_neighbors(
    real: Any, fake: Any, k: int, fakes_at_least: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"k must be an integer of at least 1. Received: k={k!r}")
    real, fake = check_pair(real, fake, k + 1, fakes_at_least or k + 1)
    centre = real.mean(axis=0)  # squared norms near those of the distances lose fewer digits
    return real - centre, fake - centre
