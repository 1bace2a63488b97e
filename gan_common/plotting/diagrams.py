"""Diagrams of a game: who gives what to whom, and which way the gradients come back."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gan_common.plotting import canvas
from gan_common.plotting.figures import Figure, finish, new

_COLORS = {"data": "#d9ead3", "noise": "#eeeeee", "network": "#cfe2f3", "loss": "#f9d9d2"}
_STEP = (1.75, 1.15)  # inches of a step of the lattice
_HALF = (0.63, 0.24)  # inches of half a box


class Box(NamedTuple):
    """A thing of the game.

    Attributes:
        text: what stands in it.
        kind: "data", "noise", "network" or "loss".
        x, y: its place on a lattice, from the left and from the top, in steps; fractions are fine.
    """

    text: str
    kind: str
    x: float
    y: float


class Arrow(NamedTuple):
    """What flows from a box to another.

    Attributes:
        start, end: names of boxes.
        text: beside it.
        gradient: a gradient, drawn red and dashed.
        bend: how far it curves, as a share of its length: to the left of its direction, or, below 0, to the
            right; 0 is straight.
    """

    start: str
    end: str
    text: str = ""
    gradient: bool = False
    bend: float = 0.0


@canvas.plain
def diagram(boxes: Mapping[str, Box], arrows: Sequence[Arrow], title: str) -> Figure:
    """Boxes and arrows between them.

    Args:
        boxes: name → box.
        arrows: drawn in this order.
        title: above; also the figure's text.

    Raises:
        ValueError: for an unknown kind, or an arrow whose start or end is no box.
    """
    wrong = [box.kind for box in boxes.values() if box.kind not in _COLORS]
    wrong += [name for arrow in arrows for name in arrow[:2] if name not in boxes]
    if wrong:
        raise ValueError(
            f"kinds must be of {list(_COLORS)}, ends of {list(boxes)}. Received: {wrong}"
        )
    across = max(box.x for box in boxes.values()) + 1
    down = max(box.y for box in boxes.values()) + 1
    figure, (ax,) = new(title, max(4.0, _STEP[0] * across), 0.4 + _STEP[1] * down)
    # From here on in inches, y upward.
    ax.set(xlim=(-_STEP[0] / 2, _STEP[0] * (across - 0.5)), aspect="equal")
    ax.set(ylim=(_STEP[1] * (0.5 - down), _STEP[1] / 2))
    ax.set_axis_off()
    for box in boxes.values():
        _draw_box(ax, box)
    for arrow in arrows:
        _draw_arrow(ax, _middle(boxes[arrow.start]), _middle(boxes[arrow.end]), arrow)
    return finish(figure, title)


def _middle(box: Box) -> tuple[float, float]:
    return _STEP[0] * box.x, -_STEP[1] * box.y


def _draw_box(ax: Any, box: Box) -> None:
    x, y = _middle(box)
    style = "round,pad=0,rounding_size=0.15" if box.kind == "network" else "square,pad=0"
    patch = canvas.patches().FancyBboxPatch(
        (x - _HALF[0], y - _HALF[1]),
        2 * _HALF[0],
        2 * _HALF[1],
        boxstyle=style,
        facecolor=_COLORS[box.kind],
        edgecolor="#555555",
    )
    ax.add_patch(patch)
    ax.text(x, y, box.text, ha="center", va="center", fontsize=9)


def _edge(middle: tuple[float, float], toward: tuple[float, float]) -> tuple[float, float]:
    """Where the line from a box's middle to a point leaves the box."""
    dx, dy = toward[0] - middle[0], toward[1] - middle[1]
    reach = min(half / abs(d) for half, d in zip(_HALF, (dx, dy), strict=True) if d)
    return middle[0] + reach * dx, middle[1] + reach * dy


def _draw_arrow(
    ax: Any, start: tuple[float, float], end: tuple[float, float], arrow: Arrow
) -> None:
    # The curve's control point: the ends aim at it.
    dx, dy = end[0] - start[0], end[1] - start[1]
    control = (
        (start[0] + end[0]) / 2 - arrow.bend * dy,
        (start[1] + end[1]) / 2 + arrow.bend * dx,
    )
    first, last = _edge(start, control), _edge(end, control)
    color = "#c00000" if arrow.gradient else "#333333"
    middle = ((first[0] + last[0]) / 2, (first[1] + last[1]) / 2)
    length = (last[0] - first[0]) ** 2 + (last[1] - first[1]) ** 2
    aside = (control[0] - middle[0]) * (first[1] - last[1])
    aside += (control[1] - middle[1]) * (last[0] - first[0])
    properties = {
        "arrowstyle": "-|>",
        "color": color,
        "linestyle": "--" if arrow.gradient else "-",
        "linewidth": 1.3,
        "shrinkA": 1,
        "shrinkB": 1,
        "connectionstyle": f"arc3,rad={-aside / length:.4f}",
    }
    ax.annotate("", last, first, arrowprops=properties)
    if arrow.text:
        place = tuple((f + 2 * c + e) / 4 for f, c, e in zip(first, control, last, strict=True))
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.9}
        ax.text(*place, arrow.text, ha="center", va="center", fontsize=8, color=color, bbox=box)


@canvas.plain
def layers(networks: Mapping[str, Sequence[tuple[str, tuple[int, ...]]]], title: str) -> Figure:
    """The tensors that go through networks, one network a row: the larger an image, the taller its block.

    Args:
        networks: name → (what makes it, shape without the batch) of each tensor, in their order; a shape is
            (height, width, channels), or (units,).
        title: above; also the figure's text.
    """
    longest = max(map(len, networks.values()))
    figure, axes = new(title, max(6.0, 1.5 * longest), 0.4 + 2.1 * len(networks), len(networks))
    for ax, (name, tensors) in zip(axes, networks.items(), strict=True):
        ax.set(xlim=(-0.6, longest - 0.4), ylim=(-1.25, 1.1))
        ax.set_axis_off()
        ax.set_title(name, loc="left", fontsize=10)
        tallest = max(shape[0] for _, shape in tensors if len(shape) == 3)
        for place, (made_by, shape) in enumerate(tensors):
            _draw_block(ax, place, shape, tallest)
            ax.text(place, -1.05, " × ".join(map(str, shape)), ha="center", fontsize=8)
            if place:
                ax.annotate(
                    "", (place - 0.3, 0), (place - 0.7, 0), arrowprops={"arrowstyle": "-|>"}
                )
            ax.text(place - 0.5, 0.92, made_by, ha="center", va="center", fontsize=7.5)
    return finish(figure, title)


def _draw_block(ax: Any, place: int, shape: tuple[int, ...], tallest: int) -> None:
    """A block as tall as the image's side, and wider with more channels."""
    height = 1.4 * shape[0] / tallest if len(shape) == 3 else 0.12
    width = min(0.08 + 0.04 * math.log2(shape[-1]), 0.5)
    corner = (place - width / 2, -height / 2)
    ax.add_patch(
        canvas.patches().Rectangle(
            corner, width, height, facecolor=_COLORS["network"], edgecolor="#555555"
        )
    )
