"""Measures by a classifier's probabilities: inception score, and how often each class comes."""

import numpy as np
from scipy import special

from gan_common.metrics.checks import check_probabilities


def inception_score(probabilities: np.ndarray) -> float:
    """exp(E_x KL(p(y | x) ‖ p(y))), Salimans et al. 2016 (1606.03498) §4, over all samples at once.

    Args:
      probabilities: (N, classes), rows sum to 1.

    Returns:
      From 1 (every image looks the same to the classifier, or it never decides) to the number of
      classes (always sure, all classes equally often); higher is better.

    Raises:
      ValueError: if the rows are no probabilities.
    """
    probabilities = check_probabilities(probabilities)
    marginal = probabilities.mean(axis=0)
    return float(np.exp(special.rel_entr(probabilities, marginal).sum(axis=1).mean()))


def class_histogram(probabilities: np.ndarray) -> np.ndarray:
    """(N, classes) probabilities → (classes,) shares, by the most probable class of each sample.

    Raises:
      ValueError: if the rows are no probabilities.
    """
    probabilities = check_probabilities(probabilities)
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
    generated = check_probabilities([generated_histogram], "generated_histogram")[0]
    data = check_probabilities([data_histogram], "data_histogram")[0]
    if len(generated) != len(data):
        raise ValueError(
            "both histograms must have the same classes. "
            f"Received: shapes {generated.shape} and {data.shape}"
        )
    return max(0.0, float(special.rel_entr(generated, data).sum()))
