"""How good are generated images?  Measures over arrays of features and of class probabilities.

Features come from `features`: a small classifier trained on the same data.  Values therefore compare with
each other and with the real-versus-real floor that `report` puts beside them, and with no number computed
over other features.  Nothing is cached: the same arrays give the same numbers.

    distances     Fréchet (FID), kernel (KID)
    neighbors     precision and recall, density and coverage, nearest images
    memorization  does the generator repeat its training images?
    classes       inception score, class histogram
    calibration   temperature, expected calibration error
    report        all of them, each beside its floor
    features      the local classifier (TensorFlow)
    scores        a data set's real images against generated ones (TensorFlow)
    __main__      two folders of images against each other: python -m gan_common.metrics
    significance  what may be said of differences between runs
"""

from gan_common.metrics.classes import class_histogram, class_kl, inception_score
from gan_common.metrics.distances import frechet_distance, kernel_distance
from gan_common.metrics.memorization import copies
from gan_common.metrics.neighbors import density_coverage, nearest, precision_recall
from gan_common.metrics.report import format_report, needs_classes, report

__all__ = [
    "class_histogram", "class_kl", "copies", "density_coverage", "format_report", "frechet_distance",
    "inception_score", "kernel_distance", "nearest", "needs_classes", "precision_recall", "report",
]  # fmt: skip
