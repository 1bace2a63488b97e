"""Images of games in two dimensions: generated points over training, D's surface, what tricks do."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gan_common.plotting import canvas

SIDE = 60  # of the lattice on which D's surface is taken


def lattice(reach: float, side: int = SIDE) -> np.ndarray:
    """(side², 2) points that cover [−reach, reach]², row by row from below."""
    line = np.linspace(-reach, reach, side, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _panel(
    ax: Any,
    points: np.ndarray,
    centres: np.ndarray,
    reach: float,
    surface: np.ndarray | None = None,
) -> None:
    """One look: D's surface if given, the centres, the generated points."""
    if surface is not None:
        ax.imshow(
            np.reshape(surface, (SIDE, SIDE)), origin="lower", extent=(-reach, reach) * 2,
            cmap="RdBu", vmin=0, vmax=1, alpha=0.6, interpolation="bilinear",
        )  # fmt: skip
    ax.scatter(*np.transpose(centres), s=50, facecolors="none", edgecolors="0.45", linewidths=0.8)
    ax.scatter(*np.transpose(points), s=3, color="black", alpha=0.5, linewidths=0)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")


def _grid(rows: int, columns: int, side: float, title: str) -> tuple[Any, np.ndarray]:
    width, height = side * columns + 0.4, side * rows + 0.5
    figure, axes = canvas.new(width, height, title, rows, columns, dpi=90, framed=False)
    return figure, axes.reshape(rows, columns)


@canvas.plain
def over_training(
    path: str | os.PathLike,
    rows: Mapping[str, Sequence[tuple[int, np.ndarray]]],
    centres: np.ndarray,
    reach: float,
    title: str = "Generated points over training; circles are the modes",
) -> None:
    """Draws one row for each setting, one column for each step looked at.

    Args:
        path: the PNG.
        rows: name → (step, points (n, 2)), each with as many looks.
        centres: (modes, 2).
        reach: the image covers [−reach, reach]².
        title: above the figure.

    Raises:
        ValueError: without rows, or rows of different lengths.
        UserError: if the file cannot be written.
    """
    lengths = {len(looks) for looks in rows.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"rows must have the same number of looks. Received: {sorted(lengths)}")
    (columns,) = lengths
    figure, axes = _grid(len(rows), columns, 1.35, title)
    for row, (name, looks) in zip(axes, rows.items(), strict=True):
        for ax, (step, points) in zip(row, looks, strict=True):
            _panel(ax, points, centres, reach)
            ax.set_title(f"step {step:,}", fontsize=8)
        row[0].set_ylabel(name, fontsize=9)
    canvas.save(path, figure)


@canvas.plain
def surfaces(
    path: str | os.PathLike,
    panels: Mapping[str, tuple[np.ndarray, np.ndarray]],
    centres: np.ndarray,
    reach: float,
    title: str = "What D takes for real (blue) and for generated (red), and the generated points",
) -> None:
    """Draws D's decision surface with the generated points, one panel for each setting.

    Args:
        path: the PNG.
        panels: name → points (n, 2), D's probabilities on `lattice(reach)`.
        centres, reach, title: as for `over_training`.

    Raises:
        UserError: if the file cannot be written.
    """
    figure, axes = _grid(1, len(panels), 2.6, title)
    for ax, (name, (points, surface)) in zip(axes[0], panels.items(), strict=True):
        _panel(ax, points, centres, reach, surface)
        ax.set_title(name, fontsize=10)
    canvas.save(path, figure)


@canvas.plain
def columns(
    path: str | os.PathLike,
    panels: Mapping[str, Mapping[str, Any]],
    centres: np.ndarray,
    reach: float,
    title: str,
) -> None:
    """Draws points one below the other, a column for each setting.

    Args:
        path: the PNG.
        panels: the column's name → heading → points (n, 2), each column with as many.
        centres, reach: as for `over_training`.
        title: above the figure.

    Raises:
        UserError: if the file cannot be written.
    """
    rows = len(next(iter(panels.values())))
    figure, axes = _grid(rows, len(panels), 1.5, title)
    for column, (name, found) in zip(axes.T, panels.items(), strict=True):
        for row, (ax, (heading, points)) in enumerate(zip(column, found.items(), strict=True)):
            _panel(ax, points, centres, reach)
            ax.set_title(f"{name}\n{heading}" if row == 0 else heading, fontsize=8)
    canvas.save(path, figure)


@canvas.plain
def frame(
    title: str,
    points: np.ndarray,
    centres: np.ndarray,
    reach: float,
    surface: np.ndarray | None = None,
) -> np.ndarray:
    """One look as an image for a GIF, (height, width, 3) uint8."""
    figure, axes = _grid(1, 1, 2.9, "")
    _panel(axes[0, 0], points, centres, reach, surface)
    axes[0, 0].set_title(title, fontsize=8)
    return canvas.pixels(figure)


class Scene(NamedTuple):
    """A moment of a game.

    Attributes:
        points: (n, 2), generated.
        surface: (SIDE²,), D's logits on `lattice(reach)`.
        places, steps: (m, 2) each: places, and where G's loss sends a sample that is there.
    """

    points: np.ndarray
    surface: np.ndarray
    places: np.ndarray
    steps: np.ndarray


@canvas.plain
def hopping(
    path: str | os.PathLike,
    looks: Mapping[int, np.ndarray],
    course: Sequence[tuple[int, int, bool]],
    scenes: Mapping[int, Scene],
    centres: np.ndarray,
    reach: float,
) -> None:
    """Draws a collapse that goes from mode to mode: looks, the whole course, and one hop with its reason.

    Args:
        path: the PNG.
        looks: step → points (n, 2), drawn in the first row.
        course: (step, the mode that the samples are nearest to, whether they sit on it).
        scenes: step → a moment of a hop, drawn in the last row.
        centres: (modes, 2).
        reach: panels cover [−reach, reach]².

    Raises:
        UserError: if the file cannot be written.
    """
    heights = (1.75, 1.9, 2.35)
    figure, parts = canvas.parts(12.0, heights, "All samples on one mode, then on another; and why")
    for ax, (step, points) in zip(_row(parts[0], len(looks)), looks.items(), strict=True):
        _panel(ax, points, centres, reach)
        ax.set_title(f"step {step:,}", fontsize=9)
    ax = parts[1].subplots()
    canvas.frame(ax)
    steps, places, sits = map(np.array, zip(*course, strict=True))
    ax.scatter(steps[~sits], places[~sits] + 1, s=6, color="0.75", label="on the way")
    ax.scatter(steps[sits], places[sits] + 1, s=12, color="C0", label="at the mode")
    ax.set(
        xlabel="training step", ylabel="nearest mode", yticks=range(1, len(centres) + 1),
        xlim=(0, steps[-1]), ylim=(0.5, len(centres) + 0.5),
    )  # fmt: skip
    canvas.beside(ax)
    why = "blue: where D finds a place more real than most; arrows: where G's loss sends a sample"
    parts[2].suptitle(why, fontsize=10)
    for ax, (step, scene) in zip(_row(parts[2], len(scenes)), scenes.items(), strict=True):
        _scene(ax, scene, centres, reach)
        ax.set_title(f"step {step:,}", fontsize=9)
    canvas.save(path, figure)


def _row(figure: Any, count: int) -> np.ndarray:
    """Axes side by side."""
    axes: np.ndarray = figure.subplots(1, count, squeeze=False)[0]
    return axes


def _scene(ax: Any, scene: Scene, centres: np.ndarray, reach: float) -> None:
    """D's logits about their median on the plane, and the direction of G's loss at places."""
    surface = scene.surface - np.median(scene.surface)
    scale = np.abs(surface).max()
    _panel(ax, scene.points, centres, reach, 0.5 + 0.5 * surface / max(scale, 1e-9))
    length = np.linalg.norm(scene.steps, axis=1, keepdims=True)
    arrows = scene.steps / np.maximum(length, 1e-12)
    ax.quiver(*scene.places.T, *arrows.T, angles="xy", scale=22, width=0.006, color="0.25")
