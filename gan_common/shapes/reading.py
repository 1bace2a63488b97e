"""Reads the scenes of `gan_common.shapes.scenes` back from the pixels alone.

Larger images are averaged down to 32 pixels first.  What differs from the ground falls into blobs.  Each blob
is compared with a disc, a square and a triangle of its area, in several softnesses; one that is none of
these may be a box, which `ruler` finds, or a figure, which is compared with figures in each pose of the arms
at many places.  What is unclear, or differs from one thing to the next, is None.
"""

import functools
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from gan_common.shapes import ruler, scenes, worlds
from gan_common.shapes.scenes import ARMS, COLORS, THINGS, Scene
from gan_common.shapes.worlds import SIZE

BLOB = 0.3  # of the strongest contrast: from there on a pixel belongs to something
SOFTNESS = (1.0, 1.7, 2.5)  # pixels of an edge
MISSHAPEN = (
    0.12  # squared differences from the best shape that are tolerated, as a share of its squares
)
LARGEST = 160.0  # area in pixels of a thing; boxes and figures have more
SMALL = 3.5  # radius: below it, a thing is small
ASIDE = 4.5  # pixels: a thing that is farther from the middle is aside
COLORFUL = 0.3  # least saturation that has a color's name
EXPLAINED = 0.75  # share of a figure's squares that one pose must explain
SCALES = (0.82, 0.88, 0.94, 1.0)
SHIFTS = np.arange(-5.0, 5.1, 1.0)
VIEW = 13.5  # degrees from the corner: beyond, a box is seen from a side
# Area of each kind of thing of radius 1.
UNIT_AREA = {
    "disc": np.pi,
    "square": 4 * scenes.HALF_SIDE**2,
    "triangle": 0.75 * np.sqrt(3) * scenes.CIRCUMRADIUS**2,
}


def read(images: np.ndarray) -> list[Scene]:
    """What each image shows.

    Args:
        images: uint8 (N, size, size, 3), size a multiple of 32.

    Raises:
        ValueError: another type or shape.
    """
    images = np.asarray(images)
    size = images.shape[1] if images.ndim == 4 else 0
    if images.dtype != np.uint8 or not size or size % SIZE or images.shape[2:] != (size, 3):
        raise ValueError(
            f"images must be uint8 (N, size, size, 3), size a multiple of {SIZE}. "
            f"Received: {images.dtype} of shape {images.shape}"
        )
    f = size // SIZE
    found: list[Scene] = []
    for start in range(0, len(images), 256):  # blocks that fit the cache
        block = images[start : start + 256].astype(np.float32) / 255
        found += _read(block.reshape(-1, SIZE, f, SIZE, f, 3).mean(axis=(2, 4)))
    return found


def _read(images: np.ndarray) -> list[Scene]:
    ground, amount = ruler.foreground(images)
    labels, blobs = ruler.connected(amount > BLOB)
    large = [(label, *blob) for label, blob in enumerate(blobs, 1) if blob[2] > ruler.SPECK]
    picture = np.array([blob[1] for blob in large], int)
    # What a blob's edge, and the pixels beside it, are covered by it.
    masks = np.array([labels[blob[1]] == blob[0] for blob in large]).reshape(-1, SIZE, SIZE)
    beside = ndimage.binary_dilation(masks, np.ones((1, 3, 3), bool))
    values = amount[picture] * beside
    kinds, radii, centres = _shapes(values, beside)
    hues = _hues(images[picture], values)
    scenes_of = [
        _things(kinds[of], radii[of], centres[of], hues[of], ground[row])
        for row in range(len(images))
        for of in [np.flatnonzero(picture == row)]
    ]
    alone = np.array([row for row, scene in enumerate(scenes_of) if scene.kind is None], int)
    if len(alone):
        for row, scene in zip(alone, _boxes_and_figures(images[alone], amount[alone]), strict=True):
            if scene.kind is not None:
                scenes_of[row] = scene
    return scenes_of


def _things(
    kinds: np.ndarray, radii: np.ndarray, centres: np.ndarray, hues: np.ndarray, ground: np.ndarray
) -> Scene:
    """The scene of an image from its blobs: index of the kind or −1, radius, place and hue of each."""
    lit = "pale" if ground.mean() > 0.55 else "dark"
    if not len(kinds):
        return Scene(count=0, ground=lit)
    kind = THINGS[kinds[0]] if kinds[0] >= 0 and len(set(kinds.tolist())) == 1 else None
    sizes = {"small" if radius < SMALL else "large" for radius in radii}
    size = sizes.pop() if len(sizes) == 1 else None
    place = _place(*(centres[0] - SIZE / 2)) if len(kinds) == 1 else None
    return Scene(kind, _color(hues), len(kinds), size, lit, place)


def _place(across: float, down: float) -> str:
    if max(abs(across), abs(down)) < ASIDE:
        return "middle"
    if abs(across) > abs(down):
        return "left" if across < 0 else "right"
    return "top" if down < 0 else "bottom"


def _shapes(values: np.ndarray, beside: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kind (B,), −1 if it is none, radius (B,) and centre (B, 2) of blobs (B, 32, 32)."""
    area = values.sum((1, 2))
    centre = np.stack([(values * grid).sum((1, 2)) for grid in (worlds.X, worlds.Y)], -1)
    centre /= np.maximum(area, 1e-6)[:, None]
    radii = np.stack([np.sqrt(area / UNIT_AREA[kind]) for kind in THINGS], -1)  # (B, kinds)
    rest = np.empty((len(values), len(THINGS)))
    for number, kind in enumerate(THINGS):
        distance = scenes.thing_distance(kind, centre, radii[:, number])
        apart = [
            ((values - beside * worlds.coverage(distance / soft)) ** 2).sum((1, 2))
            for soft in SOFTNESS
        ]
        rest[:, number] = np.min(apart, axis=0)
    rest /= np.maximum((values**2).sum((1, 2)), 1e-6)[:, None]
    best = rest.argmin(axis=1)
    rows = np.arange(len(values))
    is_thing = (rest[rows, best] < MISSHAPEN) & (area < LARGEST)
    return np.where(is_thing, best, -1), radii[rows, best], centre


def _hues(images: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Hues (B,) in [0, 1) of images (B, 32, 32, 3) where weights (B, 32, 32) are largest; NaN for a gray."""
    inside = (weights >= 0.8 * weights.max(axis=(1, 2), keepdims=True)) & (weights > 0)
    total = np.maximum(inside.sum((1, 2)), 1)[:, None]
    r, g, b = ((images * inside[..., None]).sum((1, 2)) / total).T
    high, low = np.maximum(np.maximum(r, g), b), np.minimum(np.minimum(r, g), b)
    spread = np.maximum(high - low, 1e-6)
    hue = np.where(
        high == r, (g - b) / spread, np.where(high == g, 2 + (b - r) / spread, 4 + (r - g) / spread)
    )
    return np.where(high - low >= COLORFUL * high, hue / 6 % 1, np.nan)


def _color(hues: np.ndarray) -> str | None:
    """The color's name that all hues share."""
    if np.isnan(hues).any():
        return None
    index = set((np.round(hues * len(COLORS)).astype(int) % len(COLORS)).tolist())
    return COLORS[index.pop()] if len(index) == 1 else None


def _boxes_and_figures(images: np.ndarray, amount: np.ndarray) -> list[Scene]:
    """Boxes and figures among images that show nothing else."""
    boxes = ruler.measure_each(np.round(images * 255).astype(np.uint8), "perspective")
    pose, explained, shirts = _figures(amount)
    shirt_hues, box_hues = _hues(images, shirts), _hues(images, amount)
    found = []
    for row, box in enumerate(boxes):
        if explained[row] >= EXPLAINED:
            color = _color(shirt_hues[row : row + 1])
            found.append(Scene("figure", color, 1, arms=ARMS[pose[row]]))
        elif box.readable:
            view = "corner" if abs(box.degrees) < VIEW else "left" if box.degrees < 0 else "right"
            found.append(Scene("box", _color(box_hues[row : row + 1]), 1, view=view))
        else:
            found.append(Scene())
    return found


@functools.cache
def _templates() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Figures (T, 1024), the pose of each (T,), and their bodies (T, 1024), in each pose at many places."""
    middle = SIZE / 2 + SHIFTS
    grid = np.meshgrid(SCALES, middle, middle - worlds.FIGURE_RISE, indexing="ij")
    scale, *centre = (axis.ravel() for axis in grid)
    at = np.tile(np.stack(centre, -1), 2)
    drawn, bodies = [], []
    for arms in ARMS:
        nearest = np.full((len(scale), SIZE, SIZE), np.inf, np.float32)
        for name, (segment, radius) in scenes.figure_segments(arms).items():
            away = worlds.capsule_distance(scale[:, None] * segment + at, scale * radius)
            nearest = np.minimum(nearest, away)
            if name == "body":
                bodies.append(worlds.coverage(away).reshape(len(scale), -1))
        drawn.append(worlds.coverage(nearest).reshape(len(scale), -1))
    return np.concatenate(drawn), np.arange(len(ARMS)).repeat(len(scale)), np.concatenate(bodies)


def _figures(amount: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The nearest figure: its pose (N,), the share that it explains (N,), where its shirt is (N, 32, 32)."""
    solid = np.minimum(amount / ruler.SOLID, 1.0).reshape(len(amount), -1)
    templates, poses, bodies = _templates()
    score = 2 * solid @ templates.T - (templates**2).sum(axis=1)
    best = score.argmax(axis=1)
    explained = score[np.arange(len(solid)), best] / np.maximum((solid**2).sum(axis=1), 1e-6)
    return poses[best], explained, bodies[best].reshape(amount.shape)


def shares(said: Sequence[Scene], seen: Sequence[Scene]) -> dict[str, float]:
    """How often images show what their sentences say.

    Args:
        said: what the sentences say, one at least.
        seen: what the images show, as `read` has it.

    Returns:
        "all": the share of images that are right in every part.  And for each part the share that are right
        in it, among those whose sentence says something of it.
    """
    agree = [one.agreement(other) for one, other in zip(said, seen, strict=True)]
    found = {"all": float(np.mean([all(each.values()) for each in agree]))}
    for part in vars(Scene()):
        if values := [each[part] for each in agree if part in each]:
            found[part] = float(np.mean(values))
    return found
