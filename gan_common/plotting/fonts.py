"""Texts in figures: a font that has all of their characters, or Latin letters in place of what none has.

A font draws an empty box for a character that it lacks, and class names come from people's folders: they
are Chinese, Arabic, emoji.  matplotlib brings DejaVu Sans, which has the alphabets; what else there is
depends on the computer.
"""

import functools
import io
import unicodedata
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from PIL import ImageFont, features

# Fonts whose characters are bitmaps or colors: matplotlib draws outlines alone.
PICTURES = {"CBDT", "sbix", "COLR", "SVG "}
# Nothing is drawn for these, whatever the font: joiners, variants, marks of direction.
UNSEEN = {"Cf", "Mn", "Cc"}
# What is written from right to left.
LEFTWARD = {"R", "AL"}


@functools.cache
def standard() -> tuple[str, ...]:
    """The files of the font that matplotlib brings, regular and bold."""
    from matplotlib import font_manager

    family = "DejaVu Sans"
    properties = [font_manager.FontProperties(family=family, weight=w) for w in ("normal", "bold")]
    return tuple(str(font_manager.findfont(each)) for each in properties)


@functools.cache
def characters_of(font: str | None) -> frozenset[int]:
    """The characters that a font's file has outlines of; of None, Pillow's own font."""
    from fontTools.ttLib import TTFont, TTLibError

    file: Any = font
    if font is None:
        own: Any = ImageFont.load_default(size=11)
        file = io.BytesIO(own.font_bytes)
    try:
        with TTFont(file, lazy=True, fontNumber=0) as opened:
            return frozenset() if PICTURES & set(opened.keys()) else frozenset(opened.getBestCmap())
    except (TTLibError, OSError, TypeError, KeyError, AssertionError):  # none that can be read
        return frozenset()


def _installed() -> list[str]:
    from matplotlib import font_manager

    return sorted(font_manager.findSystemFonts())


@functools.cache
def _others(missing: frozenset[int]) -> tuple[str, ...]:
    """Installed fonts that together have what of these characters there is, those with most first."""
    found: list[str] = []
    left = set(missing)
    counts = {font: len(left & characters_of(font)) for font in _installed()} if left else {}
    for font in sorted(counts, key=lambda font: -counts[font]):
        if gained := left & characters_of(font):
            found.append(font)
            left -= gained
    return tuple(found)


def families(texts: Iterable[str]) -> list[str]:
    """Files of the fonts that the texts need besides the standard one."""
    texts = [text for text in texts if not _is_plain(text)]
    return list(_others(_wanted(texts) - _drawn(standard()))) if texts else []


def for_label(text: str) -> Any:
    """A Pillow font of a small label that has the text's characters, or most of them.

    Returns:
        The font, and the text as it can be drawn with it.
    """
    wanted = _wanted([text])
    if wanted <= characters_of(None):
        return ImageFont.load_default(size=11), text
    fonts = [standard()[0], *_others(wanted - characters_of(standard()[0]))]
    font = max(fonts, key=lambda font: len(wanted & characters_of(font)))
    return ImageFont.truetype(font, 10), legible(text, [font])


def legible(text: str, fonts: Iterable[str] | None = None) -> str:
    """The text, in Latin letters where no font has a character.

    Args:
        text: what is to be drawn.
        fonts: files; by default the standard font and what `families` finds.
    """
    if fonts is None and _is_plain(text):
        return text
    known = _drawn(standard()) if fonts is None else frozenset()
    for font in families([text]) if fonts is None else fonts:
        known |= characters_of(font)
    joined = _figures_join() if fonts is None else features.check("raqm")

    def drawn(c: str) -> bool:
        return c.isascii() or (
            ord(c) in known and (joined or unicodedata.bidirectional(c) not in LEFTWARD)
        )

    return "".join(c if drawn(c) else _latin(c) for c in text)


@functools.cache
def _figures_join() -> bool:
    """Whether matplotlib joins letters, and sets from right to left what is written so."""
    return tuple(map(int, metadata.version("matplotlib").split(".")[:2])) >= (3, 11)


def _latin(character: str) -> str:
    from anyascii import anyascii

    if unicodedata.category(character) in UNSEEN:
        return ""
    return anyascii(character) or f"U+{ord(character):04X}"


def _is_plain(text: str) -> bool:
    """Whether it has only what ours has for sure: Latin letters, dashes, arrows, mathematics."""
    return text.isascii() or all(
        code < 0x250 or 0x2010 <= code <= 0x2027 or 0x2190 <= code <= 0x22FF
        for code in map(ord, text)
    )


def _wanted(texts: Iterable[str]) -> frozenset[int]:
    return frozenset(
        ord(c)
        for text in texts
        for c in text
        if not c.isascii() and unicodedata.category(c) not in UNSEEN
    )


def _drawn(fonts: Iterable[str]) -> frozenset[int]:
    """What all of these fonts have."""
    return frozenset.intersection(*(characters_of(font) for font in fonts))
