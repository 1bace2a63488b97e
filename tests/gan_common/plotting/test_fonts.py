"""Names of any script in figures: no boxes, no mathematics, no two alike, whatever fonts there are."""

import sys

import numpy as np
import pytest

from gan_common import plotting
from gan_common.outside import import_matplotlib
from gan_common.plotting import canvas, figures, fonts

HINDI = "\u0939\u093f\u0928\u094d\u0926\u0940"
NAMES = ["猫", "ネコ", "قطة", "🦖", "кот", "$5 and $6", "貓", HINDI, "dog", "d" * 90]


@pytest.fixture
def no_fonts(monkeypatch):
    """A computer that has no font but those that come along."""
    monkeypatch.setattr(fonts, "_installed", list)
    fonts._others.cache_clear()
    yield
    fonts._others.cache_clear()


@pytest.fixture
def a_font(monkeypatch):
    """One that has a font for every character; the file is none, and never opened."""
    every = frozenset(range(0x30000))
    known = fonts.characters_of
    monkeypatch.setattr(fonts, "_installed", lambda: ["every.ttf"])
    monkeypatch.setattr(fonts, "characters_of", lambda f: every if f == "every.ttf" else known(f))
    fonts._others.cache_clear()
    yield
    fonts._others.cache_clear()


def drawn(figure_of):
    """All texts of a figure that a function draws, and their fonts' names."""
    import_matplotlib()
    text_of_figures = sys.modules["matplotlib.text"].Text
    seen = []

    @canvas.plain
    def draw(names):
        figure, (ax,) = canvas.new(4, 4, "")
        ax.set_yticks(range(len(names)), names)
        canvas.pixels(figure)
        seen.extend(each.get_text() for each in figure.findobj(text_of_figures))
        return ax.yaxis.get_ticklabels()[0].get_fontfamily()

    return draw(figure_of), seen


def test_what_no_font_has_is_written_in_latin_letters(no_fonts):
    assert fonts.legible("猫 cat ネコ") == "Mao cat neko"
    assert fonts.legible("한국 ×−→ café кот") == "HanGug ×−→ café кот"
    assert fonts.legible("🦖") == ":t_rex:"
    assert fonts.legible("\U000e0fff") == "U+E0FFF"  # that nobody has


def test_what_a_font_has_stays(a_font):
    assert fonts.legible("猫 cat") == "猫 cat"
    assert fonts.families(["猫"]) == ["every.ttf"]
    assert fonts.families(["кот", "cat × 2"]) == []  # the font that comes along has these


def test_where_letters_are_not_joined_they_are_latin(a_font, monkeypatch):
    """Arabic from left to right, letter by letter, cannot be read."""
    monkeypatch.setattr(fonts, "_figures_join", lambda: False)
    assert fonts.legible("قطة") == "qth"
    monkeypatch.setattr(fonts, "_figures_join", lambda: True)
    assert fonts.legible("قطة") == "قطة"


def test_figures_of_any_names_are_drawn_without_a_warning(no_fonts, tmp_path):
    """Missing glyphs, broken mathematics and axes that have no room left are warnings, and so errors here."""
    matrix = np.eye(len(NAMES), dtype=int)
    plotting.confusion_matrix(tmp_path / "confusion.png", matrix, NAMES, "Confusion of 猫")
    plotting.comparison(tmp_path / "bars.png", dict.fromkeys(NAMES, 1.0), "of $x", "猫")
    images = np.zeros((len(NAMES), 8, 8, 3), np.uint8)
    figures.pictures(images, "猫 🐱", labels=NAMES)
    plotting.save_grid(tmp_path / "grid.png", images, labels=NAMES)
    shown = drawn(NAMES)[1]
    for text in ("Mao", "Mao (2)", "neko", ":t_rex:", "кот", r"\$5 and \$6", "dog", "d" * 39 + "…"):
        assert text in shown


def test_labels_of_grids_are_no_boxes(no_fonts):
    """Two characters that the font lacks look the same; their names in Latin letters do not."""
    images = np.zeros((1, 8, 60, 1), np.uint8)
    one, other = (plotting.tile(images, labels=[name]) for name in ("猫", "犬"))
    assert (one != other).any()
    np.testing.assert_array_equal(plotting.tile(images, labels=["Mao"]).shape, one.shape)
    font, text = fonts.for_label("кот 猫")
    assert (font.getname()[0], text) == ("DejaVu Sans", "кот Mao")


def test_names_are_told_apart_and_nothing_else_is_changed():
    given = (["a", "a", "b"], {"x$": (1, [2.5, None])}, np.ones(2))
    made = canvas._legible(given)
    assert made[0] == ["a", "a", "b"]  # one name twice is one name
    assert made[1] == {r"x\$": (1, [2.5, None])}
    assert made[2] is given[2]
    assert canvas._told_apart(["m", "m", "m", "k"], ["1", "2", "1", "3"]) == [
        "m",
        "m (2)",
        "m",
        "k",
    ]


def test_a_callers_settings_of_matplotlib_come_back(tmp_path):
    matplotlib = import_matplotlib()
    with matplotlib.rc_context({"font.size": 33, "text.usetex": True}):
        plotting.comparison(tmp_path / "a.png", {"a": 1.0}, "title", "unit")
        assert (matplotlib.rcParams["font.size"], matplotlib.rcParams["text.usetex"]) == (33, True)
