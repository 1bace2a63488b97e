"""What the measures ask of their arrays: shapes, enough samples, finite numbers, probabilities."""

from typing import Any

import numpy as np


def check_features(name: str, features: Any, at_least: int) -> np.ndarray:
    """(samples, features), float64, finite, at least so many."""
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


def check_pair(
    real: Any, fake: Any, reals_at_least: int = 2, fakes_at_least: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Two such arrays with the same number of features."""
    real = check_features("real", real, reals_at_least)
    fake = check_features("fake", fake, fakes_at_least)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            "real and fake must have the same number of features. "
            f"Received: shapes {real.shape} and {fake.shape}"
        )
    return real, fake


def check_probabilities(probabilities: Any, name: str = "probabilities") -> np.ndarray:
    """Validated and normalized to a sum of exactly 1, in float64."""
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
