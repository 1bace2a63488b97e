"""The one place where figures are made, for files and for notebooks alike: the only import of matplotlib.

Figures are drawn by matplotlib's object-oriented interface with the Agg renderer, so no display is
needed and no global state is touched.  They are kept small enough for a repository.
"""

import io
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_common import files
from gan_common.plotting.grids import MAX_PICTURE_BYTES, encode


def new(
    width: float,
    height: float,
    title: str = "",
    rows: int = 1,
    columns: int = 1,
    *,
    dpi: int = 100,
    framed: bool = True,
    **more: Any,
) -> tuple[Any, np.ndarray]:
    """A figure with a bold title, and its axes.

    Args:
        width, height: in inches.
        title: above all, wrapped to the width.
        rows, columns: of axes.
        dpi: dots per inch.
        framed: axes of curves: two spines, a pale grid.
        more: for matplotlib's `subplots`.

    Returns:
        The figure, and the axes (rows · columns,) row by row.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
    figure.suptitle(textwrap.fill(title, round(width * 10.5)), fontweight="bold")
    axes = figure.subplots(rows, columns, squeeze=False, **more).ravel()
    for ax in axes if framed else ():
        frame(ax)
    return figure, axes


def parts(width: float, heights: Sequence[float], title: str) -> tuple[Any, np.ndarray]:
    """A figure of parts one below the other, each with axes of its own; heights in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, sum(heights) + 0.4), dpi=100)
    figure.set_layout_engine("constrained", h_pad=0.02, w_pad=0.02)
    figure.suptitle(title, fontweight="bold")
    made: Any = figure.subfigures(len(heights), 1, height_ratios=heights)
    return figure, np.atleast_1d(made)


def frame(ax: Any) -> None:
    """Axes of curves: two spines and a pale grid behind what is drawn."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.3)
    ax.set_axisbelow(True)


def beside(ax: Any) -> None:
    """A legend to the right of the axes, off the curves."""
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def decades(ax: Any) -> None:
    """A logarithmic y axis with plain numbers at 1, 2 and 5."""
    from matplotlib.ticker import LogLocator

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")


def shade(ax: Any, bands: Sequence[tuple[float, float, str]], in_legend: bool) -> None:
    """Stretches of the x axis; each label has a color and a strip of the height of its own."""
    labels, shown = list(dict.fromkeys(label for *_, label in bands)), set()
    for first, last, label in bands:
        place, text = labels.index(label), label if in_legend and label not in shown else None
        shown.add(label)
        strip = {"ymin": 1 - (place + 1) / len(labels), "ymax": 1 - place / len(labels)}
        ax.axvspan(first, last, **strip, color=f"C{3 + place}", alpha=0.2, linewidth=0, label=text)


def pixels(figure: Any) -> np.ndarray:
    """The figure as (height, width, 3) uint8."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGB"))


def to_png(figure: Any, colors: int = 256, true_colors: bool = False) -> bytes:
    """The figure as a PNG of so many colors, a third of the size; of all if asked and not too large."""
    picture = Image.fromarray(pixels(figure))
    data = encode(picture, "PNG", optimize=True) if true_colors else b""
    if not 0 < len(data) <= MAX_PICTURE_BYTES:
        few = picture.quantize(colors, dither=Image.Dither.NONE)
        data = encode(few, "PNG", optimize=True)
    return data


def save(path: str | os.PathLike, figure: Any, true_colors: bool = False) -> None:
    """Write the figure as a PNG that appears whole or not at all.

    Raises:
        UserError: if the file cannot be written.
    """
    data = to_png(figure, true_colors=true_colors)
    files.write_whole(Path(path), lambda temporary: temporary.write_bytes(data))
