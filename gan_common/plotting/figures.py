"""Figures that a notebook shows: images, curves, points, bars.  Each has a title and shows itself.

A `Figure` is a PNG that Jupyter displays and that GitHub shows from the saved notebook; its title is also
its text, for a reader who cannot see it.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_common.plotting import canvas
from gan_common.plotting.grids import tile

_DPI = 160  # twice what a page has: sharp on any screen
_WIDTH = 8.0  # inches of a figure at most: what a notebook's column holds
_LEAST_COLUMNS = 10  # images that a named row has room for, so that few are not blown up


class Figure:
    """An image with a title.

    Args:
        png: the file's bytes.
        title: what it shows, in one line; also its `repr`.
    """

    def __init__(self, png: bytes, title: str) -> None:
        self.png, self.title = png, title

    def __repr__(self) -> str:
        return self.title

    def _repr_png_(self) -> bytes:
        return self.png

    def save(self, path: Path | str) -> None:
        """Write the PNG."""
        Path(path).write_bytes(self.png)


@canvas.plain
def pictures(
    images: np.ndarray | Mapping[str, np.ndarray],
    title: str,
    columns: int | None = None,
    labels: Sequence[object] | None = None,
) -> Figure:
    """Images in a grid; of a mapping, a row of images for each name.

    Args:
        images: (N, height, width, channels), uint8 or floats in [−1, 1]; or name → such an array.
        title: above.
        columns: images in a row; by default ⌈√N⌉, or all of a mapping's.
        labels: N short texts, one under each image; not of a mapping.
    """
    if labels is not None:
        return _labelled(
            np.asarray(images), title, columns or math.ceil(math.sqrt(len(images))), labels
        )
    if not isinstance(images, Mapping):
        grid = _gray(tile(images, columns))
        height, width = grid.shape[:2]
        inches = min(_WIDTH, max(3.0, width / 34))
        figure, (ax,) = new(title, inches, 0.5 + inches * height / width)
        _show(ax, grid)
        return finish(figure, title)
    grids = [_gray(tile(row, columns or len(row))) for row in images.values()]
    cell = next(iter(images.values())).shape[2] + 1
    width = max(_LEAST_COLUMNS * cell - 1, *(grid.shape[1] for grid in grids))
    heights = [grid.shape[0] / width for grid in grids]
    ratios = {"width_ratios": [1.5, 6.3], "height_ratios": heights}
    height = 0.5 + 6.3 * sum(heights) + 0.08 * len(grids)
    figure, axes = new(title, _WIDTH, height, len(grids), 2, **ratios)
    for (left, right), name, grid in zip(axes.reshape(-1, 2), images, grids, strict=True):
        left.set_axis_off()
        left.text(1.0, 0.5, name, ha="right", va="center", fontsize=9, wrap=True)
        missing = [(0, 0), (0, width - grid.shape[1])] + [(0, 0)] * (grid.ndim - 2)
        _show(right, np.pad(grid, missing, constant_values=255))
    return finish(figure, title)


def _labelled(images: np.ndarray, title: str, columns: int, labels: Sequence[object]) -> Figure:
    """Images in a grid, each with a text under it."""
    if len(labels) != len(images):
        raise ValueError(f"labels must be {len(images)}, one an image. Received: {len(labels)}")
    columns, rows = min(columns, len(images)), math.ceil(len(images) / columns)
    side = min(1.6, _WIDTH / columns)
    width = max(3.0, side * columns)
    figure, axes = new(title, width, 0.5 + (side + 0.2) * rows, rows, columns)
    for ax in axes:
        ax.set_axis_off()
    for ax, image, label in zip(axes, images, labels, strict=False):
        _show(ax, _gray(tile(image[None])))
        ax.text(0.5, -0.04, str(label), transform=ax.transAxes, ha="center", va="top", fontsize=8)
    return finish(figure, title)


def framed(images: np.ndarray, boxes: Sequence[Sequence[tuple]], scale: int = 3) -> np.ndarray:
    """Images enlarged, with red frames around places in them.

    Args:
        images: uint8 (N, height, width, 3).
        boxes: for each image its (x0, y0, x1, y1): columns x0 to x1 − 1, rows y0 to y1 − 1.
        scale: how many times as large.
    """
    large = np.asarray(images).repeat(scale, axis=1).repeat(scale, axis=2)
    for image, places in zip(large, boxes, strict=True):
        for x0, y0, x1, y1 in np.multiply(list(places), scale).reshape(-1, 4).astype(int):
            part = image[y0:y1, x0:x1]
            for edge in (part[:2], part[-2:], part[:, :2], part[:, -2:]):
                edge[:] = (230, 20, 20)
    return large


@canvas.plain
def lines(
    panels: Mapping[str, Mapping[str, tuple]],
    title: str,
    x: str | Sequence[str],
    y: str | Sequence[str] = "",
    levels: Mapping[str, float] | None = None,
    columns: int = 2,
    bands: Sequence[tuple[float, float, str]] = (),
    decades: Sequence[str] = (),
) -> Figure:
    """Curves, in one panel or several.

    Args:
        panels: heading → name → (x values, y values); a name that begins with "_" is not in the legend.
        title: above all.
        x, y: what the axes are; either may be one text a panel.
        levels: name → height of a dashed horizontal line, in every panel.
        columns: panels side by side.
        bands: (first, last, label): stretches of x to shade.
        decades: headings of the panels whose y axis is logarithmic.
    """
    count = len(panels)
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    figure, axes = new(title, _WIDTH, 0.6 + rows * (2.9 if count == 1 else 2.5), rows, columns)
    x, y = ([text] * count if isinstance(text, str) else text for text in (x, y))
    for ax, (heading, curves), across, up in zip(axes, panels.items(), x, y, strict=False):
        for number, (name, (xs, ys)) in enumerate(curves.items()):
            ax.plot(xs, ys, color=f"C{number}", label=name, linewidth=1.5)
        for number, (name, height) in enumerate((levels or {}).items()):
            style = {"color": "0.35", "linestyle": ("--", ":")[number % 2]}
            ax.axhline(height, **style, label=f"{name}: {height:.3g}")
        canvas.shade(ax, bands, in_legend=True)
        ax.set(title=heading, xlabel=across, ylabel=up)
        if heading in decades:
            ax.set_yscale("log")
        canvas.frame(ax)
    for ax in axes[count:]:
        ax.set_axis_off()
    _legends(figure, axes[:count])
    return finish(figure, title)


def _legends(figure: Any, axes: np.ndarray) -> None:
    """A legend in each panel, or one below all of them where they show the same things."""
    named = [ax.get_legend_handles_labels() for ax in axes]
    if len(axes) > 1 and all(labels == named[0][1] for _, labels in named) and named[0][1]:
        place = {"loc": "outside lower center", "ncols": len(named[0][1])}
        figure.legend(*named[0], fontsize=8, frameon=False, **place)
        return
    for ax, (_, labels) in zip(axes, named, strict=True):
        if labels:
            ax.legend(fontsize=8, framealpha=0.8)


@canvas.plain
def points(
    panels: Mapping[str, np.ndarray],
    title: str,
    targets: np.ndarray | None = None,
    limit: float | None = None,
    columns: int = 4,
) -> Figure:
    """Generated points in the plane, a panel each.

    Args:
        panels: heading → (N, 2).
        title: above all.
        targets: (K, 2), the modes, drawn as crosses.
        limit: the axes go from −limit to limit; by default to hold the targets.
        columns: panels side by side.
    """
    if limit is None:
        reach = targets if targets is not None else np.concatenate(list(panels.values()))
        limit = 1.4 * float(np.abs(reach).max())
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    side = min(3.0, _WIDTH / columns)
    figure, axes = new(title, side * columns, 0.5 + (side + 0.2) * rows, rows, columns)
    for ax, (heading, found) in zip(axes, panels.items(), strict=False):
        if targets is not None:
            ax.plot(*targets.T, "x", color="C3", markersize=8, markeredgewidth=1.5)
        ax.plot(*np.asarray(found)[:1000].T, ".", color="C0", markersize=2, alpha=0.5)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
        ax.set_title(heading, fontsize=9)
        ax.set(xticks=[], yticks=[])
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    return finish(figure, title)


@canvas.plain
def surface(
    values: np.ndarray,
    line: np.ndarray,
    found: np.ndarray,
    targets: np.ndarray,
    title: str,
) -> Figure:
    """D's verdict over the plane, with the modes on it, and points in black under these.

    Args:
        values: (M, M) in [0, 1]; rows go up the plane, columns across.
        line: (M,), where rows and columns are.
        found: (N, 2) generated points.
        targets: (K, 2) the modes, drawn as circles.
        title: above.
    """
    figure, (ax,) = new(title, 6.0, 5.2)
    reach = (line[0], line[-1])
    shown = ax.imshow(
        values, "coolwarm", vmin=0, vmax=1, extent=(*reach, *reach), origin="lower", aspect="equal"
    )
    ax.plot(*np.asarray(found).T, ".", color="black", markersize=3)
    # On top, and open: a mode that all points lie in is still to be seen.
    style = {"markerfacecolor": "none", "markeredgecolor": "black", "linestyle": "none"}
    ax.plot(*targets.T, marker="o", markersize=13, markeredgewidth=1.5, **style)
    ax.set(xlim=reach, ylim=reach)
    figure.colorbar(shown, ax=ax, label="D's probability of real")
    return finish(figure, title)


@canvas.plain
def bars(
    values: Mapping[str, Sequence[float]], title: str, unit: str, floor: float | None = None
) -> Figure:
    """A bar for the mean of each name, with a dot for each seed, if there are several.

    Args:
        values: name → one number a seed.
        title, unit: above, and at the axis.
        floor: what real data score, drawn as a line.
    """
    names, means = list(values), [float(np.mean(v)) for v in values.values()]
    figure, (ax,) = new(title, _WIDTH, 1.2 + 0.45 * len(names))
    ax.barh(names, means, color="C0", height=0.6, alpha=0.6)
    for row, name in enumerate(names):
        if len(values[name]) > 1:
            ax.plot(values[name], [row] * len(values[name]), "o", color="black", markersize=4)
        reach = max(0.0, *values[name])
        ax.annotate(
            f"{means[row]:.3g}",
            (reach, row),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
        )
    ax.invert_yaxis()
    ax.margins(x=0.15)
    canvas.frame(ax)
    ax.grid(visible=False, axis="y")
    several = any(len(each) > 1 for each in values.values())
    ax.set_xlabel(unit + ("   (bar: mean, dots: one a seed)" if several else ""))
    if floor is not None:
        ax.axvline(floor, color="C3", linestyle="--", label=f"real data: {floor:.3g}")
        ax.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
    return finish(figure, title)


@canvas.plain
def columns(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    names: Sequence[object],
    title: str,
    x: str,
    y: str,
) -> Figure:
    """Upright bars side by side, for what is counted off rather than measured: classes, say.

    Args:
        panels: heading → series → a number for each name; all panels share one scale.
        names: under the bars.
        title, x, y: above, and at the axes.
    """
    figure, axes = new(title, _WIDTH, 3.2, 1, len(panels))
    places = np.arange(len(names))
    for number, (ax, (heading, series)) in enumerate(zip(axes, panels.items(), strict=True)):
        width = 0.8 / len(series)
        for i, (name, values) in enumerate(series.items()):
            shift = (i - (len(series) - 1) / 2) * width
            ax.bar(places + shift, values, width, color=f"C{i}", label=name)
        ax.set_title(heading, fontsize=10)
        ax.set_xticks(places, [str(name) for name in names])
        ax.set(xlabel=x, ylabel="" if number else y)
        ax.sharey(axes[0])
        canvas.frame(ax)
        ax.grid(visible=False, axis="x")
        if len(series) > 1:
            ax.legend(fontsize=8, framealpha=0.8)
    return finish(figure, title)


def new(
    title: str, width: float, height: float, rows: int = 1, columns: int = 1, **ratios: Any
) -> tuple[Any, np.ndarray]:
    """A figure at a notebook's resolution, and its axes; see `canvas.new`."""
    figure, axes = canvas.new(width, height, title, rows, columns, dpi=_DPI, framed=False, **ratios)
    return figure, axes


def _show(ax: Any, picture: np.ndarray) -> None:
    gray = {"cmap": "gray", "vmin": 0, "vmax": 255} if picture.ndim == 2 else {}
    ax.imshow(picture, interpolation="nearest", **gray)
    ax.set_axis_off()


def _gray(picture: np.ndarray) -> np.ndarray:
    return picture[..., 0] if picture.shape[-1] == 1 else picture


def finish(figure: Any, title: str) -> Figure:
    """The drawn figure as one that shows itself."""
    return Figure(canvas.to_png(figure, colors=128), title)
