"""Curves over a training: losses, accuracies, errors."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gan_common.plotting import canvas


@canvas.plain
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
      bands: (first step, last step, label): stretches to shade, each label in its own color and strip.
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
        ("gradient norms", "norm", ("gradient_norm",)),
    ):
        if columns := [name for name in names if name.endswith(endings)]:
            panels.append((heading, unit, columns))
    if not panels:
        raise ValueError(f"rows must have a loss or an accuracy. Received: columns {names}")
    figure, axes = canvas.new(8, 1 + 2.4 * len(panels), title, rows=len(panels), sharex=True)
    for ax, (heading, unit, columns) in zip(axes, panels, strict=True):
        for index, name in enumerate(columns):
            values = np.array([_to_float(row.get(name)) for row in rows])
            _curve(ax, steps[order], values[order], _READABLE.get(name, name), f"C{index}")
        canvas.shade(ax, bands, in_legend=ax is axes[0])
        ax.set(title=heading, ylabel=unit)
        if unit == "share":
            ax.set_ylim(-0.03, 1.03)
        if unit == "norm":
            ax.set_yscale("log")
        canvas.beside(ax)
    axes[-1].set_xlabel("step")
    canvas.save(path, figure)


_READABLE = {
    "d_loss": "discriminator",
    "g_loss": "generator",
    "d_real_accuracy": "discriminator on real",
    "d_fake_accuracy": "discriminator on generated",
    "d_gradient_norm": "discriminator",
    "g_gradient_norm": "generator",
}


@canvas.plain
def error_curves(
    path: str | os.PathLike,
    curves: Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]],
    title: str,
    x_label: str = "step",
    y_label: str = "error, %",
) -> None:
    """Draws errors over training, logarithmic: one color a name, one line a run.

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
    figure, (ax,) = canvas.new(8, 4, title)
    for index, (name, runs) in enumerate(curves.items()):
        for number, (positions, errors) in enumerate(runs):
            positive = np.array(errors, float)
            positive[~(positive > 0)] = np.nan
            label = name if number == 0 else None
            style = "o" if len(errors) == 1 else "-"  # a point alone makes no line
            ax.plot(positions, positive, style, color=f"C{index}", linewidth=1, label=label)
    canvas.decades(ax)
    ax.set(xlabel=x_label, ylabel=y_label)
    ax.legend(loc="best", frameon=False)
    canvas.save(path, figure)


def _curve(ax: Any, steps: np.ndarray, values: np.ndarray, label: str, color: str) -> None:
    finite = np.isfinite(values)
    if finite.sum() <= 200:
        ax.plot(steps, values, color=color, label=label, marker="." if len(steps) < 30 else None)
        return
    window = max(5, finite.sum() // 50)
    ax.plot(steps, values, color=color, alpha=0.25, linewidth=0.5)
    kernel = np.ones(window)
    # Near the ends and at gaps the mean is over the points that there are.
    total = np.convolve(np.where(finite, values, 0), kernel, mode="same")
    count = np.convolve(finite.astype(float), kernel, mode="same")
    mean = np.divide(total, count, out=np.full(len(values), np.nan), where=finite)
    ax.plot(steps, mean, color=color, label=label)


def _to_float(value: Any) -> float:
    """A number, or the text of one, → float; anything that is missing or not finite → NaN."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan


@canvas.plain
def courses(
    path: str | os.PathLike,
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float, float, float]]]],
    baseline: str,
    title: str,
    across: str,
) -> None:
    """Draws measures against a setting, a column for each thing that was tried, the baseline gray in all.

    Args:
        path: the PNG.
        panels: name → measure, a row of panels → (setting > 0, mean, least, most), the last two as a band.
        baseline: the name that has no column of its own.
        title: above the figure.
        across: what the setting is, drawn on a logarithmic axis.

    Raises:
        ValueError: without the baseline, or anything beside it.
        UserError: if the file cannot be written.
    """
    names = [name for name in panels if name != baseline]
    if baseline not in panels or not names:
        raise ValueError(f"panels must hold {baseline!r} and more. Received: {list(panels)}")
    measures = list(panels[baseline])
    figure, axes = canvas.new(
        0.9 + 1.75 * len(names), 0.9 + 1.75 * len(measures), title, len(measures), len(names),
        sharex=True, sharey="row",
    )  # fmt: skip
    for number, ax in enumerate(axes):
        measure, name = measures[number // len(names)], names[number % len(names)]
        for shown, color in ((baseline, "0.55"), (name, "C0")):
            course = panels[shown].get(measure, ())
            if course:
                settings, mean, least, most = zip(*course, strict=True)
                ax.plot(settings, mean, "o-", color=color, markersize=3, linewidth=1.5)
                ax.fill_between(settings, least, most, color=color, alpha=0.2, linewidth=0)
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter("{x:g}")
        if number < len(names):
            ax.set_title(name, fontsize=10)
        if number % len(names) == 0:
            ax.set_ylabel(measure)
    for ax in axes[:: len(names)]:  # of each row, when all is drawn
        ax.set_ylim(bottom=0)
    figure.supxlabel(across, fontsize=10)
    canvas.save(path, figure)
