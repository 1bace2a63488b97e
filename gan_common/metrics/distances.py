"""Distances between the distributions of two sets of features: Fréchet (FID) and kernel (KID)."""

import math
from typing import Any

import numpy as np

from gan_common.metrics.checks import check_pair

CHUNK = 4_000_000  # numbers of the N×M matrices that are held at a time: 32 MB of float64


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
    real, fake = check_pair(real, fake)
    mean_distance = np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2)
    r, f = _root(real), _root(fake)
    trace_of_root = np.linalg.svd(r @ f.T, compute_uv=False).sum()
    distance = mean_distance + np.sum(r**2) + np.sum(f**2) - 2 * trace_of_root
    return max(0.0, float(distance))  # rounding may leave −1e-13


def _root(features: np.ndarray) -> np.ndarray:
    """R (min(N, D), D) with RᵀR the covariance of features (N, D), by their QR factors."""
    triangle: Any = np.linalg.qr(features - features.mean(axis=0), mode="r")
    return triangle / math.sqrt(len(features) - 1)


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
    real, fake = check_pair(real, fake)
    n, m = len(real), len(fake)
    within_real = (_kernel_sum(real, real) - _kernel_trace(real)) / (n * (n - 1))
    within_fake = (_kernel_sum(fake, fake) - _kernel_trace(fake)) / (m * (m - 1))
    return float(within_real + within_fake - 2 * _kernel_sum(real, fake) / (n * m))


def _kernel_sum(x: np.ndarray, y: np.ndarray) -> float:
    """Σ_ij k(x_i, y_j)."""
    dimension, size = x.shape[1], max(1, CHUNK // len(y))
    parts = (x[start : start + size] for start in range(0, len(x), size))
    return sum(np.sum((part @ y.T / dimension + 1) ** 3) for part in parts)


def _kernel_trace(x: np.ndarray) -> float:
    """Σ_i k(x_i, x_i)."""
    return np.sum((np.sum(x**2, axis=1) / x.shape[1] + 1) ** 3)
