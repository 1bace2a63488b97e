"""Every figure the project draws, for files and for notebooks.

canvas   the one place where matplotlib makes figures, and PNGs of them
fonts    which font has a text's characters, and what is written where none has
grids    images in a grid
gifs     images over time
curves   losses and errors over a training
charts   results beside each other
planes   generated points in the plane, what D makes of it
figures  what a notebook shows
"""

from gan_common.plotting.canvas import save as save_figure
from gan_common.plotting.charts import (
    comparison,
    comparisons,
    confusion_matrix,
    intervals,
    marked_pictures,
    reliability,
)
from gan_common.plotting.curves import courses, error_curves, loss_curves
from gan_common.plotting.gifs import save_gif, spread
from gan_common.plotting.grids import save_columns, save_grid, tile

__all__ = [
    "comparison", "comparisons", "confusion_matrix", "courses", "error_curves", "intervals",
    "loss_curves", "marked_pictures", "reliability", "save_columns", "save_figure", "save_gif",
    "save_grid", "spread", "tile",
]  # fmt: skip
