"""Every picture the project draws, for files and for notebooks."""

from gan_common.plotting.files import (
    comparison,
    comparisons,
    confusion_matrix,
    error_curves,
    loss_curves,
    marked_pictures,
    save_figure,
    save_gif,
    save_grid,
    spread,
    tile,
)  # fmt: skip

__all__ = [
    "comparison", "comparisons", "confusion_matrix", "error_curves", "loss_curves",
    "marked_pictures", "save_figure", "save_gif", "save_grid", "spread", "tile",
]  # fmt: skip
