"""Data whose modes can be counted, and the count: the protocol of the published tables (section 2.3.2)."""

from typing import Any

import numpy as np

SIGMA = {"ring": 0.01, "grid": 0.05}
SAMPLES = {"ring": 2500, "grid": 2500, "stacked": 26_000}
HIGH_QUALITY = 3.0  # within this many σ of the nearest centre
FILLED = 0.2  # of an even share: what a mode must hold to be filled
REACH = {"ring": 1.8, "grid": 5.5}  # how far images go from the middle


def _check_task(task: str) -> None:
    if task not in SIGMA:
        raise ValueError(f'task must be "ring" or "grid". Received: task={task!r}')


def centres(task: str) -> np.ndarray:
    """The modes' centres: "ring" (8, 2), on the circle of radius 1; "grid" (25, 2), {−4, −2, 0, 2, 4}².

    Raises:
        ValueError: another task.

    Source: Srivastava et al. 2017 (1705.07761), section 4; Lin et al. 2018 (1712.04086), section 4.
    """
    _check_task(task)
    if task == "grid":
        line = np.linspace(-4.0, 4.0, 5)
        return np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(25, 2)
    # Without the end point, which is the first point again: with it there would be seven modes.
    angle = np.linspace(0.0, 2 * np.pi, 8, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def sample(task: str, n: int, seed: int) -> np.ndarray:
    """Real samples: an even choice of centre, plus Gaussian noise of σ 0.01 (ring) or 0.05 (grid).

    Args:
        task: "ring" or "grid".
        n: how many.
        seed: fixes them.

    Returns:
        (n, 2) float32.

    Raises:
        ValueError: another task, or n below 0.
    """
    _check_task(task)
    if n < 0:
        raise ValueError(f"n must not be negative. Received: n={n}")
    random = np.random.default_rng(seed)
    middle = centres(task)
    chosen = middle[random.integers(len(middle), size=n)]
    return (chosen + SIGMA[task] * random.standard_normal((n, 2))).astype(np.float32)


def evenness(counts: Any, samples: int) -> dict[str, float]:
    """How many modes are there, and how evenly: one sample captures a mode, which flatters.

    Args:
        counts: (modes,), the samples that each mode holds.
        samples: how many there are, of which some may be in no mode; at least 1.

    Returns:
        modes: how many hold a sample.
        filled: how many hold at least a fifth of their due, samples / modes.
        least: what the emptiest holds over its due; 1 where all is even.
        kl: KL(shares ‖ even) in nats of the samples that are in modes; ln(modes), that of one mode alone,
            where none is.

    Raises:
        ValueError: no modes, or counts that are negative or more than the samples.
    """
    counts = np.asarray(counts, np.int64)
    if not counts.size or counts.min() < 0 or not max(1, counts.sum()) <= samples:
        raise ValueError(
            "counts must be at least 0 and at most samples together, which is at least 1. "
            f"Received: {counts} of samples={samples}"
        )
    due = samples / len(counts)
    share = counts[counts > 0] / max(1, counts.sum())
    kl = float(np.sum(share * np.log(share * len(counts)))) if len(share) else np.log(len(counts))
    return {
        "modes": len(share),
        "filled": int(np.sum(counts >= FILLED * due)),
        "least": float(counts.min() / due),
        "kl": max(0.0, float(kl)),
    }


def mode_coverage(samples: Any, centres: np.ndarray, sigma: float) -> tuple[int, float]:
    """How many modes samples capture, and the share of samples that are of high quality: see `coverage`.

    Returns:
        Captured modes, and the share in [0, 1].
    """
    found = coverage(samples, centres, sigma)
    return int(found["modes"]), found["high_quality"]


def coverage(samples: Any, centres: np.ndarray, sigma: float) -> dict[str, float]:
    """What samples make of modes: their number, how evenly they are filled, and the good samples.

    A sample is of high quality within 3σ of its nearest centre; a mode is captured when it is the nearest
    of at least one of these.  Of two-dimensional Gaussians 1 − exp(−9/2) = 98.9% are.  A sample that is
    not finite is of none.

    Args:
        samples: (N, dim), N ≥ 1.
        centres: (modes, dim).
        sigma: of each mode, positive.

    Returns:
        `high_quality`, the share in [0, 1], and what `evenness` says of the samples of high quality.

    Raises:
        ValueError: shapes that do not fit, no samples, or sigma that is not positive.
    """
    counts = mode_counts(samples, centres, sigma)
    return evenness(counts, len(samples)) | {"high_quality": float(counts.sum() / len(samples))}


def mode_counts(samples: Any, centres: np.ndarray, sigma: float) -> np.ndarray:
    """How many samples of high quality each mode has, (modes,) integers; see `coverage`."""
    samples, centres = np.asarray(samples, np.float64), np.asarray(centres, np.float64)
    if samples.ndim != 2 or centres.ndim != 2 or samples.shape[1] != centres.shape[1]:
        raise ValueError(
            "samples and centres must be (number, dim) with one dim. "
            f"Received: shapes {samples.shape} and {centres.shape}"
        )
    if not len(samples) or not len(centres):
        raise ValueError(
            "samples and centres must not be empty. "
            f"Received: {len(samples)} samples, {len(centres)} centres"
        )
    if not sigma > 0:
        raise ValueError(f"sigma must be positive. Received: sigma={sigma}")
    distance = np.linalg.norm(samples[:, None] - centres[None], axis=-1)  # (N, modes)
    good = distance.min(axis=1) <= HIGH_QUALITY * sigma  # False for NaN
    return np.bincount(distance[good].argmin(axis=1), minlength=len(centres))
