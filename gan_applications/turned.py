"""Two kinds of things, turned by a known angle, and the rulers that read the angle back.

    box      in parallel projection, turned about its vertical axis (`gan_common.shapes`): by its side faces
    figure   of a body, a head and four limbs, leaning to a side: by its long axis

Angles are in degrees, from −`MOST` to `MOST`; images are 32×32.
"""

from typing import Any

import numpy as np

from gan_common import shapes
from gan_common.shapes import ruler, worlds

MOST = 30.0
KINDS = ("red box", "blue box", "figure")
PALE = np.array([0.96, 0.96, 0.93])
COLORS = {"red box": (0.95, 0.25, 0.2), "blue box": (0.25, 0.35, 0.95)}
CLOTHES = {
    "head": (0.85, 0.6, 0.42),
    "left leg": (0.25, 0.25, 0.45),
    "right leg": (0.25, 0.25, 0.45),
}
SHIRT = (0.2, 0.65, 0.3)
BOX_WIDTH, FIGURE_SCALE, SHIFT = (13.5, 14.5), (0.92, 0.98), 0.7  # pixels, share, pixels at most
LEAST_CONTRAST = 40.0  # gray levels of the strongest pixels: below it nothing is seen
LONG = 1.2  # a figure's axis is so many times as long as wide, or more


def draw(kind: str, degrees: Any, rng: np.random.Generator) -> np.ndarray:
    """uint8 (N, 32, 32, 3): the kind, one of `KINDS`, turned by each of the angles (N,)."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}. Received: kind={kind!r}")
    degrees = np.asarray(degrees, float)
    n = len(degrees)
    centre = worlds.SIZE / 2 + rng.uniform(-SHIFT, SHIFT, (n, 2))
    canvas = np.tile(PALE, (n, worlds.SIZE, worlds.SIZE, 1))
    if kind == "figure":
        scale = rng.uniform(*FIGURE_SCALE, n)
        for name, (segment, radius) in shapes.FIGURE.items():
            placed = scale[:, None] * _leaned(segment, degrees) + np.tile(centre, 2)
            inside = shapes.coverage(shapes.capsule_distance(placed, scale * radius))
            canvas = _painted(canvas, inside, np.array(CLOTHES.get(name, SHIRT)))
    else:
        hull, right, top = shapes.box_coverage(degrees, rng.uniform(*BOX_WIDTH, n), centre)
        light = shapes.face_brightness(degrees)[:, :, None] * np.array(COLORS[kind])  # (N, face, 3)
        box = np.broadcast_to(light[:, None, None, 1], canvas.shape)
        for inside, face in ((right, 2), (top, 0)):
            box = _painted(box, inside, light[:, None, None, face])
        canvas = _painted(canvas, hull, box)
    return np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8)


def read(images: np.ndarray, kind: str) -> np.ndarray:
    """The angle that each of the uint8 images (N, 32, 32, 3) shows; NaN where none is to be seen."""
    if kind == "figure":
        return _axis(images.astype(np.float32))
    views = ruler.measure_each(images, "perspective")
    return np.array([view.degrees if view.readable else np.nan for view in views], float)


def _leaned(segment: tuple[float, ...], degrees: np.ndarray) -> np.ndarray:
    """A segment (x0, y0, x1, y1) about the origin, turned clockwise by each angle: (N, 4)."""
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    parts = [(x * cosine - y * sine, x * sine + y * cosine) for x, y in (segment[:2], segment[2:])]
    return np.stack([*parts[0], *parts[1]], axis=1)


def _painted(canvas: np.ndarray, inside: np.ndarray, color: np.ndarray) -> np.ndarray:
    return canvas + inside[..., None] * (color - canvas)


def _axis(images: np.ndarray) -> np.ndarray:
    """The lean of the longest axis of what differs from the background, by second moments."""
    edge = np.ones(images.shape[1:3], bool)
    edge[1:-1, 1:-1] = False
    away = np.linalg.norm(images - np.median(images[:, edge], axis=1)[:, None, None], axis=-1)
    strongest = np.quantile(away, 0.98, axis=(1, 2))
    weight = np.clip(
        away / np.maximum(strongest, 1)[:, None, None] - 0.3, 0, 0.3
    )  # solid: all alike
    total = np.maximum(weight.sum(axis=(1, 2)), 1e-6)
    mean = [(weight * grid).sum(axis=(1, 2)) / total for grid in (worlds.X, worlds.Y)]
    x, y = (grid - m[:, None, None] for grid, m in zip((worlds.X, worlds.Y), mean, strict=True))
    xx, yy, xy = ((weight * of).sum(axis=(1, 2)) / total for of in (x * x, y * y, x * y))
    spread = np.hypot(yy - xx, 2 * xy)  # difference of the two principal variances
    long = (xx + yy + spread) >= LONG**2 * (xx + yy - spread)
    lean = -np.rad2deg(np.arctan2(2 * xy, yy - xx)) / 2
    return np.where(long & (strongest >= LEAST_CONTRAST), lean, np.nan)
