"""How good are generated pictures?  Measures over arrays of features and of class probabilities.

Features come from `gan_common.metrics.features`: a small classifier trained on the same data.  Values
therefore compare with each other and with the real-versus-real floor that `report` puts beside
them, and with no number computed over other features.  Nothing is cached: the same arrays give the
same numbers.
"""

import math

import numpy as np
from scipy import special

_CHUNK_ELEMENTS = 4_000_000  # of the N×M matrices, held at a time: 32 MB of float64


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """‖μ_r − μ_f‖² + Tr(Σ_r + Σ_f − 2 (Σ_r Σ_f)^½), Heusel et al. 2017 (1706.08500) eq. 6.

    Covariances divide by N − 1.  Centred samples X = Q R have Σ = RᵀR / (N − 1), and the trace of
    the root is the sum of the singular values of R_r R_fᵀ / √((N − 1)(M − 1)).  No product of
    covariances and no matrix root is formed, so singular covariances (fewer samples than features)
    are no special case.  The estimate is biased upwards, the more the fewer the samples: compare
    equal numbers only.

    Args:
      real: (N, features), N ≥ 2.
      fake: (M, features), M ≥ 2.

    Returns:
      A distance ≥ 0, in squared units of the features; lower is better.

    Raises:
      ValueError: for wrong shapes, too few samples, NaN or infinity.
    """
    real, fake = _check_pair(real, fake)
    mean_distance = np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2)
    r = np.linalg.qr(real - real.mean(axis=0), mode="r") / math.sqrt(len(real) - 1)
    f = np.linalg.qr(fake - fake.mean(axis=0), mode="r") / math.sqrt(len(fake) - 1)
    trace_of_root = np.linalg.svd(r @ f.T, compute_uv=False).sum()
    distance = mean_distance + np.sum(r**2) + np.sum(f**2) - 2 * trace_of_root
    return max(0.0, float(distance))  # rounding may leave −1e-13


def kernel_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """KID: the unbiased MMD² with k(x, y) = (x·y / d + 1)³, Bińkowski et al. 2018 (1801.01401) §4.

    Taken over all pairs of samples, not averaged over random blocks.  Unbiased means that it is 0
    on average, and negative half of the time, when both sets come from the same distribution.

    Args:
      real: (N, features), N ≥ 2.
      fake: (M, features), M ≥ 2.

    Returns:
      The estimate, lower is better.  (Some papers print it times 1000.)

    Raises:
      ValueError: for wrong shapes, too few samples, NaN or infinity.
    """
    real, fake = _check_pair(real, fake)
    n, m = len(real), len(fake)
    within_real = (_kernel_sum(real, real) - _kernel_trace(real)) / (n * (n - 1))
    within_fake = (_kernel_sum(fake, fake) - _kernel_trace(fake)) / (m * (m - 1))
    return float(within_real + within_fake - 2 * _kernel_sum(real, fake) / (n * m))


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> tuple[float, float]:
    """Kynkäänniemi et al. 2019 (1904.06991) eqs. 1–2 and algorithm 1.

    A set's manifold is the union of closed balls, one around each sample, that reach to its k-th
    nearest other sample.  Precision is the share of fakes inside the real manifold (are the
    pictures good?), recall the share of reals inside the fake one (is everything covered?).

    Args:
      real: (N, features), N > k.
      fake: (M, features), M > k.
      k: neighbours.

    Returns:
      precision and recall, each in [0, 1]; higher is better.

    Raises:
      ValueError: for wrong shapes, k < 1, too few samples, NaN or infinity.
    """
    real, fake = _check_neighbours(real, fake, k)
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
      k: neighbours.

    Returns:
      density ≥ 0, about 1 when both sets come from the same distribution, and coverage in [0, 1];
      higher is better.

    Raises:
      ValueError: for wrong shapes, k < 1, too few samples, NaN or infinity.
    """
    real, fake = _check_neighbours(real, fake, k, fakes_at_least=1)
    balls_around_fake, fakes_in_ball = _count_inside(
        real, _squared_radii(real, k), fake, closed=False
    )
    return float(balls_around_fake.mean() / k), float(np.mean(fakes_in_ball > 0))


def nearest(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of `points` (N, d) the row of its nearest among `others` (M, d), and the distance to it.

    Of pictures, flattened: whether a generator copies what it was trained on.  Compare the distances with
    those of held-out pictures, which cannot be copies.

    Raises:
      ValueError: for wrong shapes, no rows, NaN or infinity.
    """
    points, others = _check_features("points", points, 1), _check_features("others", others, 1)
    if points.shape[1] != others.shape[1]:
        raise ValueError(
            "points and others must have as many columns. "
            f"Received: shapes {points.shape} and {others.shape}"
        )
    rows, distances = np.empty(len(points), int), np.empty(len(points))
    for chunk in _row_chunks(points, others):
        squared = _squared_distances(points[chunk], others)
        rows[chunk] = squared.argmin(axis=1)
        distances[chunk] = np.sqrt(squared.min(axis=1))
    return rows, distances


def inception_score(probabilities: np.ndarray) -> float:
    """exp(E_x KL(p(y | x) ‖ p(y))), Salimans et al. 2016 (1606.03498) §4, over all samples at once.

    Args:
      probabilities: (N, classes), rows sum to 1.

    Returns:
      From 1 (every picture looks the same to the classifier, or it never decides) to the number of
      classes (always sure, all classes equally often); higher is better.

    Raises:
      ValueError: if the rows are no probabilities.
    """
    probabilities = _check_probabilities(probabilities)
    marginal = probabilities.mean(axis=0)
    return float(np.exp(special.rel_entr(probabilities, marginal).sum(axis=1).mean()))


def class_histogram(probabilities: np.ndarray) -> np.ndarray:
    """(N, classes) probabilities → (classes,) shares, by the most probable class of each sample.

    Raises:
      ValueError: if the rows are no probabilities.
    """
    probabilities = _check_probabilities(probabilities)
    counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    return counts / len(probabilities)


def class_kl(generated_histogram: np.ndarray, data_histogram: np.ndarray) -> float:
    """KL(generated ‖ data) = Σ_c g_c log(g_c / d_c) between two class histograms.

    Args:
      generated_histogram: (classes,) shares of generated samples, sum 1.
      data_histogram: (classes,) shares of real samples, sum 1.

    Returns:
      Nats ≥ 0, lower is better; infinite if a class was generated that the data does not have.

    Raises:
      ValueError: if they are not two histograms of the same classes.
    """
    generated = _check_probabilities([generated_histogram], "generated_histogram")[0]
    data = _check_probabilities([data_histogram], "data_histogram")[0]
    if len(generated) != len(data):
        raise ValueError(
            "both histograms must have the same classes. "
            f"Received: shapes {generated.shape} and {data.shape}"
        )
    return max(0.0, float(special.rel_entr(generated, data).sum()))


def report(
    reference: tuple[np.ndarray, np.ndarray],
    held_out: tuple[np.ndarray, np.ndarray],
    generated: tuple[np.ndarray, np.ndarray],
    *,
    max_samples: int = 10_000,
    seed: int = 0,
) -> dict[str, float]:
    """Every measure of `generated` against `reference`, each beside its floor.

    The floor is what real pictures score: `held_out` against the same `reference`.  The Fréchet
    distance falls with the number of samples, whatever their quality.  So `generated` and
    `held_out` are both cut to the same number, the smaller of the two and at most `max_samples`;
    `reference` is cut to `max_samples`.  The cut is a random choice without replacement, fixed by
    `seed`.

    Args:
      reference: features (N, d) and probabilities (N, classes) of the real training pictures.
      held_out: the same of real pictures that are not among `reference`.
      generated: the same of generated pictures.
      max_samples: bounds time and memory, which grow with its square.
      seed: of the random choice.

    Returns:
      `fid`, `kid`, `precision`, `recall`, `density`, `coverage`, `inception_score`, `class_kl`
      (from the reference's histogram, by the classifier), `min_class_share` (the rarest class),
      `confident_share` (pictures with a class of probability ≥ 0.9); for each NAME also
      NAME`_floor`; and the numbers compared, `samples` and `reference_samples`.  All are plain
      Python numbers.

    Raises:
      ValueError: for wrong shapes, too few samples, NaN or infinity.
    """
    sets = {"reference": reference, "held_out": held_out, "generated": generated}
    for name, (features, probabilities) in sets.items():
        if len(features) != len(probabilities):
            raise ValueError(
                f"{name} must have as many features as probabilities. "
                f"Received: {len(features)} and {len(probabilities)}"
            )
    samples = min(len(held_out[0]), len(generated[0]), max_samples)
    reference_samples = min(len(reference[0]), max_samples)
    rng = np.random.default_rng(seed)
    reference = _choose(reference, reference_samples, rng)
    values = _measure(reference, _choose(generated, samples, rng))
    floors = _measure(reference, _choose(held_out, samples, rng))
    beside = {}
    for name, value in values.items():
        beside[name] = value
        beside[f"{name}_floor"] = floors[name]
    return {**beside, "samples": samples, "reference_samples": reference_samples}


_OF_CLASSES = ("inception_score", "class_kl", "min_class_share", "confident_share")


def needs_classes(name: str) -> bool:
    """Whether this entry of a `report` says nothing if the classifier's classes are not the data's.

    So it is with a folder of pictures without labels.  Leave those entries out of the report.
    """
    return name.removesuffix("_floor") in _OF_CLASSES


_ROWS = {  # name in a report: what a reader calls it, which direction is better
    "fid": ("Fréchet distance (FID)", "lower"),
    "kid": ("kernel distance (KID)", "lower"),
    "precision": ("precision", "higher"),
    "recall": ("recall", "higher"),
    "density": ("density", "higher"),
    "coverage": ("coverage", "higher"),
    "inception_score": ("inception score", "higher"),
    "class_kl": ("KL of class histogram, nats", "lower"),
    "min_class_share": ("share of the rarest class", "higher"),
    "confident_share": ("classifier at least 90% sure", "higher"),
}


def format_report(report: dict[str, float]) -> str:
    """A `report` as a text table: each value, its floor, and which direction is better.

    Measures that the report lacks are left out.
    """
    lines = [
        f"{report['samples']} generated pictures, and as many real ones, "
        f"against {report['reference_samples']} others",
        f"{'':<30}{'generated':>12}{'real':>12}  better",
    ]
    for name, (title, better) in _ROWS.items():
        if name not in report:
            continue
        value, floor = _number(report[name]), _number(report[f"{name}_floor"])
        lines.append(f"{title:<30}{value:>12}{floor:>12}  {better}")
    lines.append("Features are this project's own: compare with the real column, not with papers.")
    return "\n".join(lines)


def _number(value):
    if 0 < abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"


def _choose(arrays, size, rng):
    """The same `size` random rows of features and probabilities."""
    rows = np.sort(rng.choice(len(arrays[0]), size, replace=False))
    return tuple(np.asarray(array)[rows] for array in arrays)


def _measure(reference, candidate):
    (real, real_probabilities), (fake, probabilities) = reference, candidate
    precision, recall = precision_recall(real, fake)
    density, coverage = density_coverage(real, fake)
    histogram = class_histogram(probabilities)
    return {
        "fid": frechet_distance(real, fake),
        "kid": kernel_distance(real, fake),
        "precision": precision,
        "recall": recall,
        "density": density,
        "coverage": coverage,
        "inception_score": inception_score(probabilities),
        "class_kl": class_kl(histogram, class_histogram(real_probabilities)),
        "min_class_share": float(histogram.min()),
        "confident_share": float(np.mean(np.max(probabilities, axis=1) >= 0.9)),
    }


def _kernel_sum(x, y):
    """Σ_ij k(x_i, y_j)"""
    dimension = x.shape[1]
    return sum(np.sum((x[rows] @ y.T / dimension + 1) ** 3) for rows in _row_chunks(x, y))


def _kernel_trace(x):
    """Σ_i k(x_i, x_i)"""
    return np.sum((np.sum(x**2, axis=1) / x.shape[1] + 1) ** 3)


def _squared_radii(x, k):
    """(N,) squared distance of each row to its k-th nearest other row."""
    radii = np.empty(len(x))
    for rows in _row_chunks(x, x):
        distances = _squared_distances(x[rows], x)  # (chunk, N)
        distances[np.arange(len(distances)), np.arange(len(x))[rows]] = np.inf
        radii[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return radii


def _count_inside(centres, squared_radii, points, closed):
    """Balls around each point (M,), and points in each ball (N,).

    Distances are rounded to about 1e-15 of the squared norms.  A point within 1e-12 of them from a
    ball's edge counts as on the edge: inside if the balls are closed, outside if not.
    """
    balls, inside = np.empty(len(points), int), np.zeros(len(centres), int)
    edge = 1e-12 if closed else -1e-12
    squared_norms = np.sum(centres**2, axis=1)
    for rows in _row_chunks(points, centres):
        chunk = points[rows]
        reach = squared_radii + edge * (squared_norms + np.sum(chunk**2, axis=1)[:, None])
        hits = _squared_distances(chunk, centres) <= reach  # (chunk, N)
        balls[rows] = hits.sum(axis=1)
        inside += hits.sum(axis=0)
    return balls, inside


def _squared_distances(x, y):
    """‖x‖² + ‖y‖² − 2 x·y, all pairs: a matrix product, many times as fast as differences."""
    distances = x @ y.T
    distances *= -2
    distances += np.sum(x**2, axis=1)[:, None]
    distances += np.sum(y**2, axis=1)
    return np.maximum(distances, 0, out=distances)


def _row_chunks(x, y):
    """Slices of x's rows such that a chunk of the (N, M) matrix stays small."""
    size = max(1, _CHUNK_ELEMENTS // len(y))
    return [slice(start, start + size) for start in range(0, len(x), size)]


def _check_features(name, features, at_least):
    features = np.asarray(features)
    if features.ndim != 2 or features.shape[1] == 0:
        raise ValueError(f"{name} must be (samples, features). Received: shape={features.shape}")
    if len(features) < at_least:
        raise ValueError(f"{name} must have at least {at_least} samples. Received: {len(features)}")
    features = features.astype(np.float64)
    bad = int(np.sum(~np.isfinite(features).all(axis=1)))
    if bad:
        raise ValueError(f"{name} must be finite. Received: NaN or infinity in {bad} samples")
    return features


def _check_pair(real, fake, reals_at_least=2, fakes_at_least=2):
    real = _check_features("real", real, reals_at_least)
    fake = _check_features("fake", fake, fakes_at_least)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            "real and fake must have the same number of features. "
            f"Received: shapes {real.shape} and {fake.shape}"
        )
    return real, fake


def _check_neighbours(real, fake, k, fakes_at_least=None):
    if not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"k must be an integer of at least 1. Received: k={k!r}")
    real, fake = _check_pair(real, fake, k + 1, fakes_at_least or k + 1)
    centre = real.mean(axis=0)  # squared norms near those of the distances lose fewer digits
    return real - centre, fake - centre


def _check_probabilities(probabilities, name="probabilities"):
    """Validated and normalised to a sum of exactly 1, in float64."""
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2 or 0 in probabilities.shape:
        raise ValueError(
            f"{name} must be (samples, classes). Received: shape={probabilities.shape}"
        )
    probabilities = probabilities.astype(np.float64)
    if not np.isfinite(probabilities).all():
        raise ValueError(f"{name} must be finite. Received: NaN or infinity")
    if probabilities.min() < 0:
        raise ValueError(f"{name} must not be negative. Received: {probabilities.min():.4g}")
    totals = probabilities.sum(axis=1, keepdims=True)
    if np.abs(totals - 1).max() > 1e-2:
        worst = totals.flat[np.argmax(np.abs(totals - 1))]
        raise ValueError(f"{name} must sum to 1. Received: a sum of {worst:.4g}")
    return probabilities / totals
