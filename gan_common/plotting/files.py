"""Every picture the project writes: sample grids, GIFs, curves.  The only import of matplotlib.

Figures are drawn by matplotlib's object-oriented interface with the Agg renderer, so no display is
needed and no global state is touched; grids and GIFs are Pillow's alone.  A file appears under its
name only when it is complete, and pictures are kept small enough for a repository.
"""

import io
import math
import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from gan_common import files
from gan_common.errors import UserError

_BACKGROUND = 216  # light grey: sets off black pictures and white ones
_LABEL_HEIGHT = 14  # pixels under each picture
_MAX_PICTURE_BYTES = 200_000
_SMALL_GIF = 300  # pixels: the width to fall back to when a GIF gets too large


def tile(
    images: np.ndarray,
    columns: int | None = None,
    padding: int = 1,
    labels: Sequence[object] | None = None,
    scale: int = 1,
) -> np.ndarray:
    """Lays pictures out in a grid, row by row, on light grey.

    Args:
      images: (N, height, width, channels), N ≥ 1; uint8, or floats in [−1, 1].  1 channel is grey,
        3 are RGB, 4 are RGBA.  Of any other number each channel is shown as a grey picture of its
        own, side by side, so that nothing is left out.
      columns: pictures in a row; by default ⌈√N⌉.  Cells that are left over stay grey.
      padding: grey pixels between two pictures.
      labels: N short texts (or numbers), one under each picture.
      scale: enlarges pictures and padding, not the text: a pixel becomes scale × scale pixels.

    Returns:
      One uint8 picture, (height, width, 1, 3 or 4).

    Raises:
      ValueError: for a wrong shape, type or range, or a number of labels other than N.
    """
    images = _to_uint8(images)
    count, _, _, channels = images.shape
    columns = math.ceil(math.sqrt(count)) if columns is None else columns
    for name, value, least in (
        ("columns", columns, 1),
        ("padding", padding, 0),
        ("scale", scale, 1),
    ):
        if not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name} must be an integer ≥ {least}. Received: {name}={value!r}")
    if labels is not None and len(labels) != count:
        raise ValueError(f"labels must be {count}, one per image. Received: {len(labels)}")
    if channels not in (1, 3, 4):
        images = np.concatenate(np.split(images, channels, axis=-1), axis=2)  # (N, H, C·W, 1)
    images, padding = images.repeat(scale, axis=1).repeat(scale, axis=2), padding * scale
    _, height, width, channels = images.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    row_height = height + (_LABEL_HEIGHT if labels is not None else 0) + padding
    grid = np.full(
        (rows * row_height - padding, columns * (width + padding) - padding, channels),
        _BACKGROUND,
        np.uint8,
    )
    corners = [(i // columns * row_height, i % columns * (width + padding)) for i in range(count)]
    for (top, left), image in zip(corners, images, strict=True):
        grid[top : top + height, left : left + width] = image
    if labels is None:
        return grid
    canvas = Image.fromarray(grid.squeeze(-1) if channels == 1 else grid)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=11)
    for (top, left), label in zip(corners, labels, strict=True):
        draw.text(
            (left + width / 2, top + height + _LABEL_HEIGHT / 2),
            str(label),
            fill={1: 0, 3: (0, 0, 0), 4: (0, 0, 0, 255)}[channels],
            font=font,
            anchor="mm",
        )
    return np.asarray(canvas).reshape(grid.shape)


def save_grid(
    path: str | os.PathLike,
    images: np.ndarray,
    columns: int | None = None,
    padding: int = 1,
    labels: Sequence[object] | None = None,
    width: int = 600,
) -> None:
    """Writes `tile(images, …)` as a PNG, enlarged by the whole number that brings it near `width`.

    A grid that would take more than 200 kB is reduced to 256 colours; if that does not do, shrunk.

    Args:
      path: the file; its folder is made if need be.
      images, columns, padding, labels: as for `tile`.
      width: pixels, aimed at; small pictures are enlarged at most 8 times.

    Raises:
      ValueError: as `tile`.
      UserError: if the file cannot be written.
    """
    images = _to_uint8(images)
    grid_width = tile(images, columns, padding=0).shape[1]
    scale = min(8, max(1, round(width / grid_width)))
    picture = _to_pillow(tile(images, columns, padding, labels, scale))
    data = _encode(picture, "PNG", optimize=True)
    shrink = 1
    while len(data) > _MAX_PICTURE_BYTES:
        data = _encode(picture.reduce(shrink).quantize(256), "PNG", optimize=True)
        shrink += 1
    files.write_whole(Path(path), lambda temporary: temporary.write_bytes(data))


def save_gif(
    path: str | os.PathLike,
    frames: Sequence[np.ndarray | str | os.PathLike],
    milliseconds: int = 200,
    max_frames: int = 40,
    max_width: int = 540,
    max_bytes: int = 1_000_000,
) -> None:
    """Writes an endless GIF whose last frame stays for two seconds longer.

    Args:
      path: the file; its folder is made if need be.
      frames: the pictures in order, each as an array (height, width, channels), uint8 or floats in
        [−1, 1] (a result of `tile`, say), or as the path of a picture file.  All of one shape;
        smaller ones are enlarged to the size of the largest.
      milliseconds: that a frame stays.
      max_frames: if there are more, this many are shown, evenly spaced, first and last included.
      max_width: pixels; frames are enlarged by a whole number, or shrunk, to come near it.
      max_bytes: while the file is larger, first the pictures are made smaller, then frames dropped.

    Raises:
      ValueError: without frames, for frames of different shapes, wrong types or ranges, or a number
        that is too small.
      UserError: if a picture cannot be read or the file cannot be written.
    """
    frames = list(frames)
    if not frames:
        raise ValueError("frames must hold at least one picture. Received: 0")
    for name, value, least in (
        ("milliseconds", milliseconds, 20),
        ("max_frames", max_frames, 2),
        ("max_width", max_width, 1),
    ):
        if value < least:
            raise ValueError(f"{name} must be ≥ {least}. Received: {name}={value}")
    pictures = [_load_frame(frame, max_width) for frame in spread(frames, max_frames)]
    pictures, width = _to_one_size(pictures), max_width
    while len(data := _encode_gif(pictures, width, milliseconds)) > max_bytes:
        if width > _SMALL_GIF:
            width = _SMALL_GIF
        elif len(pictures) > 2:
            pictures = spread(pictures, max(2, len(pictures) * 3 // 4))
        else:
            break
    files.write_whole(Path(path), lambda temporary: temporary.write_bytes(data))


def loss_curves(
    path: str | os.PathLike,
    rows: Sequence[Mapping[str, object]],
    bands: Sequence[tuple[float, float, str]] = (),
    title: str = "Training",
) -> None:
    """Draws a run's `metrics.csv`: the losses above, the discriminator's accuracies below.

    Columns are told by their names: `…loss` go to the first panel, `…accuracy` and `…error` to the
    second, `…gradient_norm` to a third (logarithmic), which is left out if there are none.  More
    than 200 points are also drawn as a moving average, with the points themselves pale behind it.

    Args:
      path: the PNG; its folder is made if need be.
      rows: one mapping per logged step: `step`, and numbers or the texts that a CSV holds of them.
        Missing, empty and non-finite values leave a gap.
      bands: (first step, last step, label): stretches to shade, each label in its own colour and strip.
      title: above the figure.

    Raises:
      ValueError: without rows, a step, or anything to draw.
      UserError: if the file cannot be written.
    """
    rows = list(rows)
    if not rows or "step" not in rows[0]:
        raise ValueError(f"rows must hold at least one row with a step. Received: {rows[:1]}")
    steps = np.array([_to_float(row["step"]) for row in rows])
    order = np.argsort(steps, kind="stable")
    names = list(dict.fromkeys(name for row in rows for name in row))
    panels = []  # heading, unit, columns
    for heading, unit, endings in (
        ("losses", "loss", ("loss",)),
        ("accuracy", "share", ("accuracy", "error")),
        ("size of the gradients", "norm", ("gradient_norm",)),
    ):
        if columns := [name for name in names if name.endswith(endings)]:
            panels.append((heading, unit, columns))
    if not panels:
        raise ValueError(f"rows must have a loss or an accuracy. Received: columns {names}")
    figure, axes = _figure(8, 1 + 2.4 * len(panels), rows=len(panels), title=title)
    for ax, (heading, unit, columns) in zip(axes, panels, strict=True):
        for index, name in enumerate(columns):
            values = np.array([_to_float(row.get(name)) for row in rows])
            _curve(ax, steps[order], values[order], _READABLE.get(name, name), f"C{index}")
        _shade(ax, bands, in_legend=ax is axes[0])
        ax.set(title=heading, ylabel=unit)
        if unit == "share":
            ax.set_ylim(-0.03, 1.03)
        if unit == "norm":
            ax.set_yscale("log")
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    axes[-1].set_xlabel("step")
    save_figure(path, figure)


_READABLE = {
    "d_loss": "discriminator",
    "g_loss": "generator",
    "d_real_accuracy": "discriminator on real",
    "d_fake_accuracy": "discriminator on generated",
    "d_gradient_norm": "discriminator",
    "g_gradient_norm": "generator",
}


def error_curves(
    path: str | os.PathLike,
    curves: Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]],
    title: str,
    x_label: str = "step",
    y_label: str = "error, %",
) -> None:
    """Draws errors over training, logarithmic: one colour a name, one line a run.

    Args:
      path: the PNG; its folder is made if need be.
      curves: name, for the legend → runs, each (positions, errors), errors above 0; other values leave
        a gap.
      title: above the figure.
      x_label, y_label: what the numbers are.

    Raises:
      ValueError: without a run.
      UserError: if the file cannot be written.
    """
    if not any(curves.values()):
        raise ValueError(f"curves must hold at least one run. Received: {dict(curves)}")
    from matplotlib.ticker import LogLocator

    figure, (ax,) = _figure(8, 4, title=title)
    for index, (name, runs) in enumerate(curves.items()):
        for number, (positions, errors) in enumerate(runs):
            errors = np.array(errors, float)
            errors[~(errors > 0)] = np.nan
            label = name if number == 0 else None
            style = "o" if len(errors) == 1 else "-"  # a point alone makes no line
            ax.plot(positions, errors, style, color=f"C{index}", linewidth=1, label=label)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")
    ax.set(xlabel=x_label, ylabel=y_label)
    ax.legend(loc="best", frameon=False)
    save_figure(path, figure)


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
      floor: what real pictures score, drawn as a line.

    Raises:
      ValueError: without values, or for NaN or infinity.
      UserError: if the file cannot be written.
    """
    if not values or not np.isfinite(list(values.values())).all():
        raise ValueError(f"values must be one or more finite numbers. Received: {dict(values)}")
    names = list(values)
    spreads = spreads or {}
    figure, (ax,) = _figure(8, 1.3 + 0.4 * len(names), title=title)
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
        ax.axvline(floor, color="C3", linestyle="--", label=f"real pictures: {floor:.4g}")
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    save_figure(path, figure)


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
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for _, values, _ in panels for name in values))
    figure = Figure(figsize=(2.2 + 2.6 * len(panels), 1.4 + 0.25 * len(names)), dpi=100)
    figure.set_layout_engine("constrained")
    figure.suptitle(title, fontweight="bold")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
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
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.3)
        ax.set_axisbelow(True)
    axes[0].invert_yaxis()
    save_figure(path, figure)


def confusion_matrix(
    path: str | os.PathLike,
    matrix: np.ndarray,
    class_names: Sequence[str],
    title: str = "Confusion matrix",
) -> None:
    """Draws counts, coloured by their share of the true class.

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
    side = 2.2 + 0.5 * size
    figure, (ax,) = _figure(side, side, title=f"{title}: {accuracy:.2%} right")
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
    save_figure(path, figure)


def marked_pictures(
    path: str | os.PathLike,
    rows: Sequence[tuple[str, np.ndarray, Sequence, Sequence[str]]],
    title: str,
) -> None:
    """Draws rows of pictures, with what is wrong framed and said.

    Args:
      path: the PNG; its folder is made if need be.
      rows: (heading, images, boxes, captions): images are (N, H, W, C) as for `tile`, N ≥ 0; boxes
        are N lists of (x0, y0, x1, y1), each framing the pixels of columns x0 to x1 − 1 and rows y0
        to y1 − 1, or nothing at all; captions are N texts, or nothing at all.
      title: above the figure.

    Raises:
      ValueError: without any picture, or for a number of boxes or captions other than N.
      UserError: if the file cannot be written.
    """
    columns = max((len(images) for _, images, _, _ in rows), default=0)
    if not columns:
        raise ValueError("rows must hold at least one picture. Received: none")
    for heading, images, boxes, captions in rows:
        for name, items in (("boxes", boxes), ("captions", captions)):
            if len(items) not in (0, len(images)):
                raise ValueError(
                    f"{name} of {heading!r} must be {len(images)} or none. Received: {len(items)}"
                )
    from matplotlib.figure import Figure

    heights = [1.65 if len(captions) else 1.25 for *_, captions in rows]  # inches
    figure = Figure(figsize=(1.05 * columns, sum(heights) + 0.4), dpi=100)
    figure.set_layout_engine("constrained", h_pad=0.02, w_pad=0.02)
    figure.suptitle(title, fontweight="bold")
    parts = np.atleast_1d(figure.subfigures(len(rows), 1, height_ratios=heights))
    for part, (heading, images, boxes, captions) in zip(parts, rows, strict=True):
        part.suptitle(heading, x=0.01, ha="left", fontsize=9)
        for number, ax in enumerate(part.subplots(1, columns, squeeze=False)[0]):
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            if number >= len(images):
                continue
            picture = _to_uint8(images[number : number + 1])[0]
            grey = {"cmap": "gray", "vmin": 0, "vmax": 255} if picture.shape[-1] == 1 else {}
            ax.imshow(picture.squeeze(), **grey)
            for x0, y0, x1, y1 in boxes[number] if len(boxes) else ():
                # imshow has the middle of the first pixel at 0.
                x, y = np.array([[x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0]]) - 0.5
                ax.plot(x, y, color="white", linewidth=3, clip_on=False)
                ax.plot(x, y, color="red", linewidth=1.3, clip_on=False)
            if len(captions):
                text = textwrap.shorten(captions[number], 36, placeholder=" …")
                ax.set_xlabel(textwrap.fill(text, 17), fontsize=7)
    save_figure(path, figure, true_colours=True)  # or speckles of wrong ones would look like faults


def _to_uint8(images):
    """(N, H, W, C), uint8 or floats in [−1, 1] → uint8."""
    images = np.asarray(images)
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            f"images must be (number, height, width, channels). Received: shape={images.shape}"
        )
    if images.dtype == np.uint8:
        return images
    if images.dtype.name not in ("float16", "bfloat16", "float32", "float64"):
        raise ValueError(
            f"images must be uint8, or floats in [−1, 1]. Received: dtype={images.dtype}"
        )
    images = images.astype(np.float32)
    if not np.abs(images).max() <= 1.01:  # also refuses NaN
        raise ValueError(
            "images of floats must lie in [−1, 1]. "
            f"Received: from {images.min():.4g} to {images.max():.4g}"
        )
    return np.rint((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)


def _to_pillow(picture):
    """(H, W, 1, 3 or 4) uint8 → Pillow picture."""
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def _load_frame(frame, max_width):
    """Array or path → Pillow picture in grey or RGB, and at most twice `max_width` wide."""
    if isinstance(frame, str | os.PathLike):
        try:
            with Image.open(frame) as file:
                picture = file.convert("L" if file.mode in ("1", "L") else "RGBA")
        except (OSError, UnidentifiedImageError) as error:
            raise UserError(
                f"cannot read the picture {frame} ({error}): delete it or put it back"
            ) from error
    else:
        picture = _to_pillow(tile(np.asarray(frame)[None]))
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    return picture.reduce(max(1, picture.width // (2 * max_width)))


def _to_one_size(pictures):
    """Undoes earlier enlargement, which keeps pixels sharp, and brings all to the largest size."""
    sizes = sorted({picture.size for picture in pictures})
    width, height = sizes[-1]
    if any(abs(w * height - h * width) > 0.02 * width * height for w, h in sizes):
        raise ValueError(f"all frames must have one shape. Received: {sizes}")
    mode = "L" if all(picture.mode == "L" for picture in pictures) else "RGB"
    pictures = [picture.reduce(_enlargement(np.asarray(picture))) for picture in pictures]
    size = max(picture.size for picture in pictures)
    return [picture.convert(mode).resize(size, Image.Resampling.NEAREST) for picture in pictures]


def _enlargement(pixels):
    """The largest number up to 8 by which every pixel was repeated, down and across."""
    height, width = pixels.shape[:2]
    for factor in range(8, 1, -1):
        if height % factor == 0 and width % factor == 0:
            small = pixels[::factor, ::factor]
            if np.array_equal(small.repeat(factor, axis=0).repeat(factor, axis=1), pixels):
                return factor
    return 1


def _encode_gif(pictures, width, milliseconds):
    """Enlarges by a whole number, or shrinks, to come near the width; few colours; last one stays."""
    original_width, original_height = pictures[0].size
    if original_width > width:
        size, how = (width, round(original_height * width / original_width)), Image.Resampling.BOX
    else:
        scale = min(8, width // original_width)
        size, how = (original_width * scale, original_height * scale), Image.Resampling.NEAREST
    frames = [picture.resize((size[0], max(1, size[1])), how) for picture in pictures]
    if frames[0].mode == "L":  # 16 greys halve the file, and nobody sees it
        frames = [frame.point([round(v / 17) * 17 for v in range(256)]) for frame in frames]
    else:
        frames = [frame.quantize(128, dither=Image.Dither.NONE) for frame in frames]
    durations = [milliseconds] * (len(frames) - 1) + [milliseconds + 2000]
    return _encode(
        frames[0], "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
    )


def spread(items, most):
    """At most `most` of the items, evenly spaced, first and last included."""
    if len(items) <= most:
        return items
    return [items[i] for i in np.rint(np.linspace(0, len(items) - 1, most)).astype(int)]


def _encode(picture, file_format, **options):
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def _figure(width, height, rows=1, title=""):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    figure.suptitle(title, fontweight="bold")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.3)
        ax.set_axisbelow(True)
    return figure, axes


def save_figure(path, figure, true_colours=False):
    """As a PNG of 256 colours, a third of the size; of all its colours if asked and not too large."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    picture = Image.open(buffer).convert("RGB")
    data = _encode(picture, "PNG", optimize=True) if true_colours else b""
    if not 0 < len(data) <= _MAX_PICTURE_BYTES:
        data = _encode(picture.quantize(256, dither=Image.Dither.NONE), "PNG", optimize=True)
    files.write_whole(Path(path), lambda temporary: temporary.write_bytes(data))


def _curve(ax, steps, values, label, colour):
    finite = np.isfinite(values)
    if finite.sum() <= 200:
        ax.plot(steps, values, color=colour, label=label, marker="." if len(steps) < 30 else None)
        return
    window = max(5, finite.sum() // 50)
    ax.plot(steps, values, color=colour, alpha=0.25, linewidth=0.5)
    kernel = np.ones(window)
    # Near the ends and at gaps the mean is over the points that there are.
    total = np.convolve(np.where(finite, values, 0), kernel, mode="same")
    count = np.convolve(finite.astype(float), kernel, mode="same")
    mean = np.divide(total, count, out=np.full(len(values), np.nan), where=finite)
    ax.plot(steps, mean, color=colour, label=label)


def _shade(ax, bands, in_legend):
    """Each label has a colour and a strip of the height of its own, so that none hides another."""
    labels, shown = list(dict.fromkeys(label for *_, label in bands)), set()
    for first, last, label in bands:
        place, text = labels.index(label), label if in_legend and label not in shown else None
        shown.add(label)
        strip = {"ymin": 1 - (place + 1) / len(labels), "ymax": 1 - place / len(labels)}
        ax.axvspan(first, last, **strip, color=f"C{3 + place}", alpha=0.2, linewidth=0, label=text)


def _to_float(value):
    """A number, or the text of one, → float; anything that is missing or not finite → NaN."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan
