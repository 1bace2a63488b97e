"""Results beside each other: bars, dots with whiskers, confusion, reliability, images with faults framed."""

import os
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np

from gan_common.plotting import canvas
from gan_common.plotting.grids import to_uint8


@canvas.plain
def comparison(
    path: str | os.PathLike,
    values: Mapping[str, float],
    title: str,
    unit: str,
    spreads: Mapping[str, float] | None = None,
    floor: float | None = None,
) -> None:
    """Draws one horizontal bar per result, its number at its end.

    Args:
      path: the PNG; its folder is made if need be.
      values: name → result, drawn from top to bottom.
      title: above the figure.
      unit: what the numbers are, at the axis.
      spreads: name → standard deviation, drawn as a whisker.
      floor: what real images score, drawn as a line.

    Raises:
      ValueError: without values, or for NaN or infinity.
      UserError: if the file cannot be written.
    """
    if not values or not np.isfinite(list(values.values())).all():
        raise ValueError(f"values must be one or more finite numbers. Received: {dict(values)}")
    names = list(values)
    spreads = spreads or {}
    figure, (ax,) = canvas.new(8, 1.3 + 0.4 * len(names), title)
    bars = ax.barh(
        names,
        [values[name] for name in names],
        xerr=[spreads.get(name, 0) for name in names] if spreads else None,
        color="C0",
        height=0.6,
    )
    texts = [
        f"{values[name]:.4g}" + (f" ± {spreads[name]:.2g}" if name in spreads else "")
        for name in names
    ]
    ax.bar_label(bars, texts, padding=4)
    ax.invert_yaxis()
    ax.margins(x=0.15)
    ax.set_xlabel(unit)
    ax.grid(visible=False, axis="y")
    if floor is not None:
        ax.axvline(floor, color="C3", linestyle="--", label=f"real images: {floor:.4g}")
        canvas.beside(ax)
    canvas.save(path, figure)


@canvas.plain
def comparisons(
    path: str | os.PathLike,
    panels: Sequence[tuple[str, Mapping[str, float], Mapping[str, float]]],
    title: str,
    baseline: str,
) -> None:
    """Draws several measures of the same things side by side, a dot with a whisker for each result.

    Args:
      path: the PNG; its folder is made if need be.
      panels: (heading, name → result, name → standard deviation); a name that a panel lacks leaves its line
        empty there.  Results that are all positive and span a power of ten or more are drawn on a
        logarithmic axis.
      title: above the figure.
      baseline: the name whose result is drawn as a line through its panel.

    Raises:
      ValueError: without panels, for one without results, or for NaN or infinity.
      UserError: if the file cannot be written.
    """
    if not panels or any(
        not values or not np.isfinite(list(values.values())).all() for _, values, _ in panels
    ):
        raise ValueError(f"panels must hold one or more finite numbers each. Received: {panels}")
    names = list(dict.fromkeys(name for _, values, _ in panels for name in values))
    width, height = 2.2 + 2.6 * len(panels), 1.4 + 0.25 * len(names)
    figure, axes = canvas.new(width, height, title, columns=len(panels), sharey=True)
    for ax, (heading, values, spreads) in zip(axes, panels, strict=True):
        rows = [names.index(name) for name in values]
        whiskers = [spreads.get(name, 0) for name in values]
        ax.errorbar(list(values.values()), rows, xerr=whiskers, fmt="o", color="C0", capsize=2)
        if baseline in values:
            ax.axvline(values[baseline], color="C3", linestyle="--", linewidth=1)
        if min(values.values()) > 0 and max(values.values()) >= 10 * min(values.values()):
            ax.set_xscale("log")
        ax.set_title(heading, fontsize=10)
        ax.set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    canvas.save(path, figure)


# How a trick's effect is drawn: color, and whether its dot is full.
EFFECTS = {"helped": ("C2", True), "not visible": ("0.5", False), "did harm": ("C3", True)}


@canvas.plain
def intervals(
    path: str | os.PathLike,
    panels: Sequence[tuple[str, bool, Mapping[str, tuple[float, float, float, str]]]],
    title: str,
) -> None:
    """Draws mean effects with their confidence intervals, several measures of the same things side by side.

    Args:
      path: the PNG; its folder is made if need be.
      panels: (heading, whether these are ratios, name → mean, low, high, one of `EFFECTS`).  A line marks no
        effect: 0, or 1 of ratios, which are drawn on a logarithmic axis.  A name that a panel lacks leaves
        its line empty there.
      title: above the figure.

    Raises:
      ValueError: without panels, for one without effects, or for what is not finite.
      UserError: if the file cannot be written.
    """
    if not panels or any(
        not effects or not np.isfinite([each[:3] for each in effects.values()]).all()
        for *_, effects in panels
    ):
        raise ValueError(f"panels must hold one or more finite effects each. Received: {panels}")
    names = list(dict.fromkeys(name for *_, effects in panels for name in effects))
    width, height = 2.6 + 2.9 * len(panels), 1.7 + 0.27 * len(names)
    figure, axes = canvas.new(width, height, title, columns=len(panels), sharey=True)
    for ax, (heading, ratio, effects) in zip(axes, panels, strict=True):
        for told, (color, full) in EFFECTS.items():
            chosen = [(names.index(n), e) for n, e in effects.items() if e[3] == told]
            rows = [row for row, _ in chosen]
            means = [mean for _, (mean, *_) in chosen]
            whiskers = [[mean - low, high - mean] for _, (mean, low, high, _) in chosen]
            fill = color if full else "white"
            xerr = np.reshape(whiskers, (-1, 2)).T
            ax.errorbar(
                means, rows, xerr=xerr, fmt="o", color=color, mfc=fill, capsize=2, label=told
            )
        ax.axvline(1.0 if ratio else 0.0, color="black", linestyle="--", linewidth=1)
        if ratio:
            ax.set_xscale("log")
            ax.xaxis.set_major_formatter("{x:g}")
        ax.set_title(textwrap.fill(heading, 30), fontsize=10)
        ax.set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    canvas.beside(axes[-1])
    canvas.save(path, figure)


@canvas.plain
def confusion_matrix(
    path: str | os.PathLike,
    matrix: np.ndarray,
    class_names: Sequence[str],
    title: str = "Confusion matrix",
) -> None:
    """Draws counts, colored by their share of the true class.

    Args:
      path: the PNG; its folder is made if need be.
      matrix: (K, K) counts, row: true class, column: predicted class.
      class_names: K names.
      title: above the figure; the accuracy is added.

    Raises:
      ValueError: for a matrix that is not K × K counts.
      UserError: if the file cannot be written.
    """
    matrix = np.asarray(matrix)
    size = len(class_names)
    if matrix.shape != (size, size) or size == 0 or not (matrix >= 0).all():
        raise ValueError(
            f"matrix must be ({size}, {size}) counts ≥ 0. Received: shape={matrix.shape}"
        )
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    accuracy = np.trace(matrix) / max(matrix.sum(), 1)
    side = 2.2 + 0.5 * size + 0.07 * max(0, min(canvas.LONGEST, max(map(len, class_names))) - 10)
    figure, (ax,) = canvas.new(side, side, f"{title}: {accuracy:.2%} right")
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ax.set_xticks(range(size), class_names, rotation=45 if max(map(len, class_names)) > 2 else 0)
    ax.set_yticks(range(size), class_names)
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.grid(visible=False)
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            dark = shares[row, column] > 0.5
            ax.text(column, row, f"{count:g}", ha="center", va="center", fontsize=8,
                    color="white" if dark else "black")  # fmt: skip
    canvas.save(path, figure)


@canvas.plain
def reliability(
    path: str | os.PathLike,
    curves: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    title: str,
) -> None:
    """Draws how often a classifier is right against how sure it is, and how many images each bin has.

    Args:
      path: the PNG; its folder is made if need be.
      curves: name → (counts, mean confidence, share right), (bins,) each; empty bins are left out.
      title: above the figure.

    Raises:
      ValueError: without curves, or for one without images.
      UserError: if the file cannot be written.
    """
    if not curves or any(not np.sum(counts) for counts, _, _ in curves.values()):
        raise ValueError(f"curves must have images. Received: {list(curves)}")
    figure, (above, below) = canvas.new(
        6, 6, title, rows=2, sharex=True, gridspec_kw={"height_ratios": [3, 1]}
    )
    above.plot([0, 1], [0, 1], color="gray", linestyle="--", linewidth=1)
    for number, (name, (counts, confidence, right)) in enumerate(curves.items()):
        filled = np.asarray(counts) > 0
        above.plot(confidence[filled], right[filled], "o-", color=f"C{number}", label=name)
        shares = counts / np.sum(counts)
        places = (np.arange(len(counts)) + 0.3 + 0.4 * number) / len(counts)
        below.bar(places, 100 * shares, 0.35 / len(counts), color=f"C{number}")
    above.set(ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.02))
    above.legend(loc="upper left", frameon=False)
    below.set(xlabel="probability of the predicted class", ylabel="% of images")
    canvas.save(path, figure)


@canvas.plain
def marked_pictures(
    path: str | os.PathLike,
    rows: Sequence[tuple[str, np.ndarray, Sequence, Sequence[str]]],
    title: str,
) -> None:
    """Draws rows of images, with what is wrong framed and said.

    Args:
      path: the PNG; its folder is made if need be.
      rows: (heading, images, boxes, captions): images are (N, H, W, C) as for `tile`, N ≥ 0; boxes
        are N lists of (x0, y0, x1, y1), each framing the pixels of columns x0 to x1 − 1 and rows y0
        to y1 − 1, or nothing at all; captions are N texts, or nothing at all.
      title: above the figure.

    Raises:
      ValueError: without any image, or for a number of boxes or captions other than N.
      UserError: if the file cannot be written.
    """
    columns = max((len(images) for _, images, _, _ in rows), default=0)
    if not columns:
        raise ValueError("rows must hold at least one image. Received: none")
    for heading, images, boxes, captions in rows:
        for name, items in (("boxes", boxes), ("captions", captions)):
            if len(items) not in (0, len(images)):
                raise ValueError(
                    f"{name} of {heading!r} must be {len(images)} or none. Received: {len(items)}"
                )
    heights = [1.65 if len(captions) else 1.25 for *_, captions in rows]  # inches
    figure, below = canvas.parts(1.05 * columns, heights, title)
    for part, (heading, images, boxes, captions) in zip(below, rows, strict=True):
        part.suptitle(heading, x=0.01, ha="left", fontsize=9)
        for number, ax in enumerate(part.subplots(1, columns, squeeze=False)[0]):
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            if number >= len(images):
                continue
            picture = to_uint8(images[number : number + 1])[0]
            gray = {"cmap": "gray", "vmin": 0, "vmax": 255} if picture.shape[-1] == 1 else {}
            ax.imshow(picture.squeeze(), **gray)
            for x0, y0, x1, y1 in boxes[number] if len(boxes) else ():
                # imshow has the middle of the first pixel at 0.
                x, y = np.array([[x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0]]) - 0.5
                ax.plot(x, y, color="white", linewidth=3, clip_on=False)
                ax.plot(x, y, color="red", linewidth=1.3, clip_on=False)
            if len(captions):
                text = textwrap.shorten(captions[number], 36, placeholder=" …")
                ax.set_xlabel(textwrap.fill(text, 17), fontsize=7)
    canvas.save(path, figure, true_colors=True)  # or speckles of wrong ones would look like faults
