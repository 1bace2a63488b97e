"""The one place where figures are made, for files and for notebooks alike.

Figures are drawn by matplotlib's object-oriented interface with the Agg renderer, so no display is
needed and no global state is touched.  They are kept small enough for a repository.
"""

import functools
import inspect
import io
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from PIL import Image

from gan_common import files
from gan_common.outside import import_matplotlib
from gan_common.plotting import fonts
from gan_common.plotting.grids import MAX_PICTURE_BYTES, encode

P = ParamSpec("P")
R = TypeVar("R")
LONGEST = 40  # characters of a name in a figure


def plain(draw: Callable[P, R]) -> Callable[P, R]:
    """Have a function draw as it is written, whatever a person's matplotlibrc or style says.

    Its texts are drawn as they are, not as mathematics, and with fonts that have their characters; what no
    font here has is written in Latin letters.  Names that become equal by that are numbered.
    """
    signature = inspect.signature(draw)

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        matplotlib = import_matplotlib()
        given = signature.bind(*args, **kwargs)
        texts = [
            text
            for name, each in given.arguments.items()
            if name != "path"
            for text in _texts(each)
        ]
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams["font.family"] = ["DejaVu Sans", *_families(texts)]
            for name, each in given.arguments.items():
                if name != "path":
                    given.arguments[name] = _legible(each)
            return draw(*given.args, **given.kwargs)

    return drawn


def _texts(given: Any) -> Iterator[str]:
    """All texts in what a function was given."""
    if isinstance(given, str):
        yield given
    elif isinstance(given, Mapping):
        for name, each in given.items():
            yield from _texts(name)
            yield from _texts(each)
    elif isinstance(given, list | tuple):
        for each in given:
            yield from _texts(each)


def _legible(given: Any) -> Any:
    """The same with all texts as they can be drawn."""
    if isinstance(given, str):
        return fonts.legible(given).replace("$", r"\$")
    if isinstance(given, Mapping):
        names = _legible(list(given))
        return dict(zip(names, map(_legible, given.values()), strict=True))
    if isinstance(given, list) and all(isinstance(each, str) for each in given):
        return _told_apart([_legible(_short(each)) for each in given], given)
    if isinstance(given, list | tuple):
        made = [_legible(each) for each in given]
        if hasattr(given, "_fields"):  # a named tuple
            return type(given)(*made)
        return tuple(made) if isinstance(given, tuple) else made
    return given


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _told_apart(drawn: Sequence[str], names: Sequence[str]) -> list[str]:
    """Texts of different names, numbered where they are equal."""
    told: dict[str, str] = {}
    for text, name in zip(drawn, names, strict=True):
        if name not in told:
            number = sum(other == text or other.startswith(f"{text} (") for other in told.values())
            told[name] = f"{text} ({number + 1})" if number else text
    return [told[name] for name in names]


def _families(texts: Sequence[str]) -> list[str]:
    """The names of the fonts that the texts need, made known to matplotlib."""
    from matplotlib import font_manager

    names = []
    for file in fonts.families(texts):
        name = font_manager.FontProperties(fname=file).get_name()
        if name not in font_manager.get_font_names():
            font_manager.fontManager.addfont(file)
        names.append(name)
    return names


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


def patches() -> Any:
    """matplotlib's module of filled shapes."""
    from matplotlib import patches as found

    return found


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
