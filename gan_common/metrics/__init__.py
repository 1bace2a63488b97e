"""How good are generated pictures?  Measures of arrays, the features they use, significance."""

from gan_common.metrics.measures import (
    class_histogram,
    class_kl,
    density_coverage,
    format_report,
    frechet_distance,
    inception_score,
    kernel_distance,
    nearest,
    needs_classes,
    precision_recall,
    report,
)  # fmt: skip

__all__ = [
    "class_histogram", "class_kl", "density_coverage", "format_report", "frechet_distance",
    "inception_score", "kernel_distance", "nearest", "needs_classes", "precision_recall", "report",
]  # fmt: skip
