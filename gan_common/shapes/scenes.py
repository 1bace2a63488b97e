"""Scenes with a sentence each: three small red discs on a pale ground; a figure with raised arms.

A `Scene` says what is to be seen, `sentence` says it in English and `parse` understands it again, `draw`
draws it, and `gan_common.shapes.reading` reads it back from the pixels.  So a picture can be held against a
sentence exactly, also where no picture of that combination was ever shown to a network (`held_out`).

    from one to four equal discs, squares or triangles of one color, on a pale or a dark ground;
        one alone has a place
    a box, as in `worlds`, seen from the left, from the right, or from its corner
    a figure, as in `worlds`, with raised, spread or lowered arms

Lengths are in units of which an image has 32, whatever its size in pixels.
"""

import dataclasses
import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_common.shapes import worlds
from gan_common.shapes.worlds import FIGURE, FIGURE_RISE, FIGURE_SCALE, SHIRTS

KINDS = ("disc", "square", "triangle", "box", "figure")
THINGS = KINDS[:3]
COLORS = SHIRTS  # hue i/6 of the full circle
COUNTS = (1, 2, 3, 4)
# What a part of a scene can be, beside kind, color and count.
SIZES = ("small", "large")
GROUNDS = ("pale", "dark")
PLACES = ("left", "right", "top", "bottom", "middle")
VIEWS = ("left", "right", "corner")
ARMS = ("raised", "spread", "lowered")

KIND_SHARES = (0.22, 0.22, 0.22, 0.17, 0.17)  # of the pictures
SIZE_RADIUS = {"small": (2.6, 3.0), "large": (4.1, 4.5)}  # of a disc
# Of things of radius 1: a square's half side (it has a disc's area), a triangle's circumradius, and the
# radius that both stay within.
HALF_SIDE, CIRCUMRADIUS, REACH = float(np.sqrt(np.pi) / 2), 1.3, 1.3
PLACE_MARGIN = 1.5  # least distance to the edge of one thing at its place
ASIDE = 3.0  # and how far from the middle it may be across
DEGREES = {"left": (-34, -22), "right": (22, 34), "corner": (-5, 5)}
ARM = {  # the right arm, from the body's centre; the left one is its mirror image
    "raised": (2.6, -3.4, 7.4, -9.6),
    "spread": (2.6, -3.4, 8.6, -3.4),
    "lowered": (2.6, -3.4, 6.4, 2.8),
}
NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4}
AT = {"left": "on the left", "right": "on the right", "top": "at the top",
      "bottom": "at the bottom", "middle": "in the middle"}  # fmt: skip
SEEN = {view: f"seen from {'its' if view == 'corner' else 'the'} {view}" for view in VIEWS}


@dataclasses.dataclass(frozen=True)
class Scene:
    """What is to be seen.  None: of another kind of scene, not said, or not to be read.

    Attributes:
        kind, color, count: of `KINDS`, `COLORS`, `COUNTS`; the color of a figure is its shirt's.
        size, ground: of things, of `SIZES` and `GROUNDS`.
        place: of one thing, of `PLACES`.
        view: of a box, of `VIEWS`.
        arms: of a figure, of `ARMS`.
    """

    kind: str | None = None
    color: str | None = None
    count: int | None = None
    size: str | None = None
    ground: str | None = None
    place: str | None = None
    view: str | None = None
    arms: str | None = None

    def parts(self) -> dict[str, Any]:
        """What is said of the scene, by the names of the parts."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def agreement(self, seen: "Scene") -> dict[str, bool]:
        """For each part that this scene says something of, whether what is seen is that."""
        return {name: getattr(seen, name) == value for name, value in self.parts().items()}


@functools.cache
def everything() -> tuple[Scene, ...]:
    """Each scene that there is, 612."""
    scenes = [
        Scene(kind, color, count, size, ground, place)
        for kind in THINGS
        for color in COLORS
        for count in COUNTS
        for size in SIZES
        for ground in GROUNDS
        for place in (PLACES if count == 1 else (None,))
    ]
    scenes += [Scene("box", color, 1, view=view) for color in COLORS for view in VIEWS]
    scenes += [Scene("figure", color, 1, arms=arms) for color in COLORS for arms in ARMS]
    return tuple(scenes)


def held_out(scene: Scene) -> bool:
    """True for the combinations that no training picture shows, every sixth.

    These are of kind, color and count, of which any two are together in other pictures; for a box of
    color and view, for a figure of color and arms.
    """
    color = COLORS.index(scene.color) if scene.color else 0
    if scene.kind == "box":
        return bool(scene.view) and (color + 2 * VIEWS.index(scene.view or "left")) % 6 == 0
    if scene.kind == "figure":
        return bool(scene.arms) and (color + 2 * ARMS.index(scene.arms or "raised") + 1) % 6 == 0
    if scene.kind is None or scene.count is None:
        return False
    return (color + 2 * KINDS.index(scene.kind) + scene.count) % 6 == 0


def choose(n: int, rng: np.random.Generator, unseen: bool | None = None) -> list[Scene]:
    """`n` scenes by lot: first the kind, by `KIND_SHARES`, then the count, then all else.

    Args:
        unseen: only combinations that are held out, or only others; None: all.
    """
    groups: dict[tuple, list[Scene]] = {}
    for scene in everything():
        if unseen is None or held_out(scene) == unseen:
            groups.setdefault((scene.kind, scene.count), []).append(scene)
    counts = {kind: [of for of in groups if of[0] == kind] for kind in KINDS}
    kinds = rng.choice(len(KINDS), n, p=KIND_SHARES)
    chosen = []
    for kind in kinds:
        among = counts[KINDS[kind]]
        group = groups[among[rng.integers(len(among))]]
        chosen.append(group[rng.integers(len(group))])
    return chosen


# ------------------------------------------------------------------------------ sentences


def sentence(scene: Scene, form: int = 0) -> str:
    """A scene in English, in one of two orders (`form` 0 or 1).

    Raises:
        ValueError: a part is missing.
    """
    need = {"box": ("view",), "figure": ("arms",)}.get(scene.kind or "", ("size", "ground"))
    if missing := [name for name in ("kind", "color", "count", *need) if not getattr(scene, name)]:
        raise ValueError(f"a sentence needs {', '.join(missing)}. Received: {scene}")
    if scene.kind == "box":
        what, more = f"a {scene.color} box", SEEN[scene.view or ""]
        return f"{more}, {what}" if form else f"{what} {more}"
    if scene.kind == "figure":
        both = [f"a {scene.color} shirt", f"{scene.arms} arms"]
        return f"a figure with {' and '.join(reversed(both) if form else both)}"
    number = next(word for word, count in NUMBERS.items() if count == scene.count)
    what = f"{number} {scene.size} {scene.color} {scene.kind}{'s' * (scene.count != 1)}"
    ground = f"a {scene.ground} ground"
    if scene.place is None:
        return f"on {ground}, {what}" if form else f"{what} on {ground}"
    at = AT[scene.place]
    return f"on {ground}, {what} {at}" if form else f"{what} {at} of {ground}"


def words(text: str) -> list[str]:
    """The words of a text, in small letters; what is none is left out."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", text.lower())


@functools.cache
def vocabulary() -> tuple[str, ...]:
    """The words of all sentences, by the alphabet."""
    said = (sentence(scene, form) for scene in everything() for form in (0, 1))
    return tuple(sorted({word for text in said for word in words(text)}))


def parse(text: str) -> Scene:
    """What a sentence says; what it leaves open is None.

    Raises:
        ValueError: a word that no sentence has, two values of one part, or no kind.
    """
    said = words(text)
    if unknown := [word for word in said if word not in vocabulary()]:
        raise ValueError(
            f"unknown word {unknown[0]!r}; the words are {', '.join(vocabulary())}. Received: {text!r}"
        )
    single = [word[:-1] if word[:-1] in THINGS else word for word in said]
    kind = _one_of(text, KINDS, single)
    if kind is None:
        raise ValueError(f"the sentence must name one of {', '.join(KINDS)}. Received: {text!r}")
    color = _one_of(text, COLORS, said)
    if kind == "box":
        return Scene(kind, color, 1, view=_one_of(text, VIEWS, said))
    if kind == "figure":
        return Scene(kind, color, 1, arms=_one_of(text, ARMS, said))
    numbers = [word for word in NUMBERS if word not in ("a", "one")]
    count = NUMBERS.get(_one_of(text, numbers, said) or "", 1)
    size, ground = (_one_of(text, known, said) for known in (SIZES, GROUNDS))
    return Scene(kind, color, count, size, ground, _one_of(text, PLACES, said))


def _one_of(text: str, known: Sequence[str], said: Sequence[str]) -> str | None:
    found = sorted(set(known) & set(said))
    if len(found) > 1:
        raise ValueError(f"the sentence says both {' and '.join(found)}. Received: {text!r}")
    return found[0] if found else None


# -------------------------------------------------------------------------------- drawing


def draw(scenes: Sequence[Scene], rng: np.random.Generator, size: int = 32) -> np.ndarray:
    """Draws scenes; what a scene leaves open (place, shades, pose within its name) is by lot.

    Args:
        scenes: whole ones, as `everything` has them.
        rng: where all that has no name comes from.
        size: height and width in pixels, a multiple of 32.

    Returns:
        uint8 (N, size, size, 3).

    Raises:
        ValueError: another size.
    """
    if size < worlds.SIZE or size % worlds.SIZE:
        raise ValueError(f"size must be a multiple of {worlds.SIZE}. Received: size={size}")
    images = np.empty((len(scenes), size, size, 3), np.uint8)
    painters = {"box": _boxes, "figure": _figures}
    for kind in KINDS:
        rows = np.array([i for i, scene in enumerate(scenes) if scene.kind == kind], int)
        for block in np.array_split(rows, len(rows) // 256 + 1):  # blocks that fit the cache
            chosen = [scenes[i] for i in block]
            canvas = painters.get(kind, _things)(chosen, rng, size)
            images[block] = np.round(canvas * 255)
    return images


def _hues(scenes: Sequence[Scene], rng: np.random.Generator) -> np.ndarray:
    """Hues (N,) within ±18° of the names'; the names are 60° apart."""
    index = np.array([COLORS.index(scene.color or "") for scene in scenes], float)
    return (index + rng.uniform(-0.3, 0.3, len(scenes))) / len(COLORS)


def _ground(dark: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Plain images (N, size, size, 3), pale, or dark where that is so."""
    n = len(dark)
    value = np.where(dark, rng.uniform(0.1, 0.2, n), rng.uniform(0.92, 1.0, n))
    color = worlds.hsv(rng.random(n), rng.uniform(0.03, 0.12, n), value)
    return np.tile(color.astype(np.float32)[:, None, None], (1, size, size, 1))


def thing_distance(kind: str, centre: np.ndarray, radius: Any, size: int = 32) -> np.ndarray:
    """Signed distance (N, size, size) to things around centres (N, 2) of radii (N,)."""
    x, y = (
        grid - at[:, None, None]
        for grid, at in zip(worlds.pixel_centres(size), centre.T.astype(np.float32), strict=True)
    )
    r = np.asarray(radius, np.float32)[:, None, None]
    if kind == "square":
        return np.maximum(np.abs(x), np.abs(y)) - HALF_SIDE * r
    if kind == "triangle":  # its tip upwards; the inscribed circle is half as large as the other
        slope = np.float32(np.sqrt(0.75))
        return np.maximum(y, slope * np.abs(x) - y / 2) - CIRCUMRADIUS / 2 * r
    return np.hypot(x, y) - r


def _things(scenes: Sequence[Scene], rng: np.random.Generator, size: int) -> np.ndarray:
    n = len(scenes)
    low, high = np.array([SIZE_RADIUS[scene.size or ""] for scene in scenes]).reshape(n, 2).T
    radius = rng.uniform(low, high)
    count = np.array([scene.count for scene in scenes], int)
    centres = np.full((n, max(COUNTS), 2), np.inf, np.float32)  # at infinity there is nothing
    for number in set(count.tolist()) - {1}:
        rows = np.flatnonzero(count == number)
        centres[rows, :number] = worlds.spread(number, REACH * radius[rows], rng, 1.0)
    for row in np.flatnonzero(count == 1).tolist():
        centres[row, 0] = _placed(scenes[row].place or "middle", REACH * radius[row], rng)
    canvas = _ground(np.array([scene.ground == "dark" for scene in scenes]), rng, size)
    color = worlds.hsv(_hues(scenes, rng), 0.8, 0.9)
    for thing in range(max(COUNTS)):
        rows = np.flatnonzero(count > thing)
        if len(rows):
            away = thing_distance(scenes[0].kind or "", centres[rows, thing], radius[rows], size)
            part = canvas[rows]
            worlds.paint(part, worlds.coverage(away * (size / worlds.SIZE)), color[rows])
            canvas[rows] = part
    return canvas


def _placed(place: str, reach: float, rng: np.random.Generator) -> np.ndarray:
    """Where one thing is that is at a place, (2,)."""
    middle = worlds.SIZE / 2
    if place == "middle":
        return middle + rng.uniform(-1.5, 1.5, 2)
    near = rng.uniform(reach + PLACE_MARGIN, 9.0)
    along = near if place in ("left", "top") else worlds.SIZE - near
    across = middle + rng.uniform(-ASIDE, ASIDE)
    return np.array([along, across] if place in ("left", "right") else [across, along])


def _boxes(scenes: Sequence[Scene], rng: np.random.Generator, size: int) -> np.ndarray:
    n = len(scenes)
    degrees = rng.uniform(
        *np.array([DEGREES[scene.view or ""] for scene in scenes]).reshape(n, 2).T
    )
    width, centre = rng.uniform(*worlds.BOX_WIDTH, n), worlds.SIZE / 2 + rng.uniform(-1, 1, (n, 2))
    albedo = worlds.hsv(_hues(scenes, rng), 0.78, 1.0)
    canvas = _ground(np.zeros(n, bool), rng, size)
    light = worlds.face_brightness(degrees)
    softness = worlds.SIZE / size
    hull, right, top = worlds.box_coverage(degrees, width, centre, softness, size)
    box = np.empty_like(canvas)
    box[:] = (light[:, 1:2] * albedo)[:, None, None]
    worlds.paint(box, right, light[:, 2:] * albedo)
    worlds.paint(box, top, light[:, :1] * albedo)
    return canvas + hull[..., None] * (box - canvas)


def figure_segments(arms: str) -> dict[str, tuple[tuple[float, ...], float]]:
    """`worlds.FIGURE` with these arms."""
    x0, y0, x1, y1 = ARM[arms]
    radius = FIGURE["left arm"][1]
    return {
        **FIGURE,
        "left arm": ((-x0, y0, -x1, y1), radius),
        "right arm": (ARM[arms], radius),
    }


def _figures(scenes: Sequence[Scene], rng: np.random.Generator, size: int) -> np.ndarray:
    n = len(scenes)
    scale = rng.uniform(*FIGURE_SCALE, n)
    centre = worlds.SIZE / 2 + rng.uniform(-2.0, 2.0, (n, 2)) - [0.0, FIGURE_RISE]
    hue = _hues(scenes, rng)
    shirt = worlds.hsv(hue, 0.8, 0.9)
    trousers = worlds.hsv(hue + rng.uniform(0.35, 0.65, n), 0.75, 0.55)
    skin = worlds.hsv(rng.uniform(0.03, 0.08, n), 0.65, rng.uniform(0.7, 0.9, n))
    canvas = _ground(np.zeros(n, bool), rng, size)
    poses = [figure_segments(scene.arms or "") for scene in scenes]
    for name in FIGURE:
        segments = np.array([pose[name][0] for pose in poses]).reshape(n, 4)
        if name not in ("body", "head"):
            segments[:, 2:] += rng.uniform(-0.6, 0.6, (n, 2))
        placed = scale[:, None] * segments + np.tile(centre, 2)
        away = worlds.capsule_distance(placed, scale * FIGURE[name][1], size)
        color = {"head": skin, "left leg": trousers, "right leg": trousers}.get(name, shirt)
        worlds.paint(canvas, worlds.coverage(away * (size / worlds.SIZE)), color)
    return canvas


# --------------------------------------------------------------------------------- a data set


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """Images uint8 (N, size, size, 3), the scene of each, and its sentence."""

    images: np.ndarray
    scenes: tuple[Scene, ...]
    sentences: tuple[str, ...]


def dataset(n_train: int, n_test: int, seed: int = 0, size: int = 32) -> tuple[Drawn, Drawn]:
    """A training set without combinations that are `held_out`, and a test set, half of which are such.

    Args:
        n_train, n_test: how many images.
        seed: the same seed gives the same images; the test set does not depend on `n_train`.
        size: height and width in pixels.
    """
    parts = []
    rngs = np.random.default_rng(seed).spawn(2)
    for n, rng, half in zip((n_train, n_test), rngs, (False, True), strict=True):
        scenes = choose(n - n // 2 if half else n, rng, unseen=False)
        if half:
            scenes += choose(n // 2, rng, unseen=True)
            scenes = [scenes[i] for i in rng.permutation(n)]
        said = tuple(sentence(s, f) for s, f in zip(scenes, rng.integers(0, 2, n), strict=True))
        parts.append(Drawn(draw(scenes, rng, size), tuple(scenes), said))
    return parts[0], parts[1]
