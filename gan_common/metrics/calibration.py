"""Whether a classifier is right as often as it is sure: temperature, and the error of calibration.

Guo et al. 2017, On Calibration of Modern Neural Networks (1706.04599).
"""

import numpy as np
from scipy import optimize, special

BINS = 15
COOLEST, HOTTEST = 0.05, 20.0


def probabilities(class_logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """softmax(logits / T), (N, K) float64; T > 1 makes every row less sure, none changes its class.

    Raises:
        ValueError: logits that are not (N, K) of finite numbers, or T that is not positive.
    """
    logits = np.asarray(class_logits, np.float64)
    if logits.ndim != 2 or not logits.size or not np.isfinite(logits).all():
        raise ValueError(f"class_logits must be finite, (N, K). Received: shape={logits.shape}")
    if not temperature > 0:
        raise ValueError(f"temperature must be positive. Received: temperature={temperature}")
    return special.softmax(logits / temperature, axis=1)


def likelihood_loss(class_logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """Mean −log p(y | x) in nats, of logits (N, K) divided by T and labels (N,)."""
    log_p = special.log_softmax(np.asarray(class_logits, np.float64) / temperature, axis=1)
    return float(-log_p[np.arange(len(labels)), labels].mean())


def fit_temperature(class_logits: np.ndarray, labels: np.ndarray) -> float | None:
    """The temperature that makes the labels most likely (Guo et al. 2017, section 4.2).

    Args:
        class_logits: (N, K), of images that nothing was learnt from.
        labels: (N,) their classes.

    Returns:
        T in [0.05, 20]; or None where every image is right: the labels then are the likelier the lower
        T is, without end.
    """
    labels = np.asarray(labels)
    if (probabilities(class_logits).argmax(axis=1) == labels).all():
        return None
    found = optimize.minimize_scalar(
        lambda log_t: likelihood_loss(class_logits, labels, float(np.exp(log_t))),
        bounds=(np.log(COOLEST), np.log(HOTTEST)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def reliability(
    class_probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How often the predicted class is right, by how sure it is: ibid., section 2.

    Args:
        class_probabilities: (N, K), rows that sum to 1.
        labels: (N,).
        bins: of equal width, ((i − 1) / bins, i / bins].

    Returns:
        Of each bin: the number of images, their mean confidence, the share that is right; (bins,) each,
        the last two NaN where a bin is empty.
    """
    p = np.asarray(class_probabilities)
    if p.ndim != 2 or p.shape[:1] != np.shape(labels) or not np.isfinite(p).all():
        raise ValueError(
            f"class_probabilities must be finite, (N, K) for N labels. Received: shape={p.shape} "
            f"and {np.shape(labels)}"
        )
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    safe = np.where(counts, counts, np.nan)
    return (
        counts,
        np.bincount(place, confidence, bins) / safe,
        np.bincount(place, right, bins) / safe,
    )


def expected_calibration_error(
    class_probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> float:
    """Mean distance of confidence and accuracy over the bins, by their images: ibid., equation 3.

    Args:
        class_probabilities, labels, bins: as of `reliability`.

    Returns:
        A share in [0, 1]; 0 is perfect.
    """
    counts, confidence, accuracy = reliability(class_probabilities, labels, bins)
    filled = counts > 0
    gaps = np.abs(confidence - accuracy)[filled]
    return float((gaps * counts[filled]).sum() / counts.sum())
