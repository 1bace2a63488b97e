"""Every measure of generated images at once, each beside its floor: what real images score."""

import numpy as np

from gan_common.metrics.classes import class_histogram, class_kl, inception_score
from gan_common.metrics.distances import frechet_distance, kernel_distance
from gan_common.metrics.neighbors import density_coverage, precision_recall


def report(
    reference: tuple[np.ndarray, np.ndarray],
    held_out: tuple[np.ndarray, np.ndarray],
    generated: tuple[np.ndarray, np.ndarray],
    *,
    max_samples: int = 10_000,
    seed: int = 0,
) -> dict[str, float]:
    """Every measure of `generated` against `reference`, each beside its floor.

    The floor is what real images score: `held_out` against the same `reference`.  The Fréchet
    distance falls with the number of samples, whatever their quality.  So `generated` and
    `held_out` are both cut to the same number, the smaller of the two and at most `max_samples`;
    `reference` is cut to `max_samples`.  The cut is a random choice without replacement, fixed by
    `seed`.

    Args:
      reference: features (N, d) and probabilities (N, classes) of the real training images.
      held_out: the same of real images that are not among `reference`.
      generated: the same of generated images.
      max_samples: bounds time and memory, which grow with its square.
      seed: of the random choice.

    Returns:
      `fid`, `kid`, `precision`, `recall`, `density`, `coverage`, `inception_score`, `class_kl`
      (from the reference's histogram, by the classifier), `min_class_share` (the rarest class),
      `confident_share` (images with a class of probability ≥ 0.9); for each NAME also
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

    So it is with a folder of images without labels.  Leave those entries out of the report.
    """
    return name.removesuffix("_floor") in _OF_CLASSES


MEASURES = {  # name in a report: what a reader calls it, which direction is better
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
        f"{report['samples']} generated images, and as many real ones, "
        f"against {report['reference_samples']} others",
        f"{'':<30}{'generated':>12}{'real':>12}  better",
    ]
    for name, (title, better) in MEASURES.items():
        if name not in report:
            continue
        value, floor = _number(report[name]), _number(report[f"{name}_floor"])
        lines.append(f"{title:<30}{value:>12}{floor:>12}  {better}")
    lines.append("Compare with the real column: the features are not those of papers.")
    return "\n".join(lines)


def _number(value: float) -> str:
    if 0 < abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"


def _choose(
    arrays: tuple[np.ndarray, np.ndarray], size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The same `size` random rows of features and probabilities."""
    rows = np.sort(rng.choice(len(arrays[0]), size, replace=False))
    first, second = (np.asarray(array)[rows] for array in arrays)
    return first, second


def _measure(
    reference: tuple[np.ndarray, np.ndarray], candidate: tuple[np.ndarray, np.ndarray]
) -> dict[str, float]:
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
