"""Reads counts, views and parts of `gan_common.shapes` back from the pixels alone.

Each measure says what it sees, and lists every violation of the family's rule with the place of it.
All start from the background, the median color of the image's edge, and from how much each pixel
differs from it.  They forgive what leaves the content alone: soft edges, noise, other colors, a
place or a size that is a little off.  They are strict about the content.

Each also says whether an image can be read at all, so that a clean image of something wrong is
told from one that is no image of anything.
"""

import functools
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from gan_common.shapes import worlds
from gan_common.shapes.worlds import ANGLES, COUNTS, FAMILIES, FIGURE, PARTS, SIZE

EVERYWHERE = (0, 0, SIZE, SIZE)
MIN_CONTRAST = 0.15  # RGB distance of the strongest pixels: below it nothing is there
SPECK = 4  # pixels: a blob must be larger than this to be something wrong

DISC_AREA = (0.6, 1.5)  # tolerated area: a share of the smallest, of the largest disc's in the data
EQUAL_AREA = 0.62  # least ratio of two equal discs' areas
ROUND = 1.5  # largest ratio of a disc's variances along its two axes: 1 is a circle

VIEWS = np.arange(-40, 41, 10)  # degrees: the views a fit starts from
MIN_BOX_AREA = 60  # pixels
GAUSS_NEWTON_STEPS = 3
# A box is described by degrees, area, centre x and y, softness: differences for the slopes, limits.
POSE_STEP = np.array([2.0, 6.0, 0.2, 0.2, 0.2])
POSE_LIMITS = np.array([[-42, MIN_BOX_AREA, 0, 0, 0.7], [42, SIZE**2, SIZE, SIZE, 4.5]])
SHADING = 0.2  # tolerated error of a face's color, as a share of the box's own
EDGE = 0.4  # what moving an edge by so many pixels explains is tolerated,
VIEW = 0.095  # and so is this rest, as a share of the box's own color
EXPLAINED = 0.9  # share of an image that one view must explain for a box to be seen at all

SCALES = np.arange(0.8, 1.11, 0.05)  # the figures that an image is compared with
SHIFTS = np.arange(-6.0, 6.1, 0.5)  # pixels
SWINGS = np.deg2rad(np.arange(-20, 21, 5))  # of a limb about its joint
SOLID = 0.6  # from this share of the strongest contrast on, a pixel is wholly part of the figure
FILLED = 0.6  # and a part is where it should be if all of its axis is at least so solid
RECOGNIZED = 4  # parts that must be there, in whole or in part, for a figure to be seen at all
STRANGE = 0.2  # share of what is drawn that may be none of them
SLACK = dict.fromkeys(PARTS, 1.7) | {"body": 1.1, "head": 1.1}  # pixels a part may be too thick


class Violation(NamedTuple):
    """What is wrong, and where: the pixels of columns x0 to x1 − 1 and rows y0 to y1 − 1."""

    kind: str
    box: tuple[int, int, int, int]  # x0, y0, x1, y1


@dataclass(frozen=True)
class _Measured:
    violations: tuple[Violation, ...]

    @property
    def ok(self) -> bool:
        """True if the image keeps the rule of its family."""
        return not self.violations

    @property
    def reason(self) -> str:
        """The kinds of violation in words; empty if there is none."""
        return ", ".join(dict.fromkeys(violation.kind for violation in self.violations))


@dataclass(frozen=True)
class DiscCount(_Measured):
    """`count` discs; None where merged, unequal, cut or misshapen ones leave the count unclear."""

    count: int | None

    @property
    def readable(self) -> bool:
        """True if the image shows equal discs, apart, whatever their number."""
        return self.count is not None


@dataclass(frozen=True)
class BoxView(_Measured):
    """`degrees`, the angle that explains the image best, and the nearest one of `worlds.ANGLES`.

    Both are None if there is no box.  `explained` is how much of what differs from the background
    that view explains, 0 to 1, each face in a color of its own.
    """

    angle: int | None
    degrees: float | None
    explained: float = 0.0

    @property
    def readable(self) -> bool:
        """True if the image shows a box, whether or not all of it agrees."""
        return self.explained >= EXPLAINED

    @property
    def consistent(self) -> bool:
        """True if one view of one box under one lamp explains the whole image."""
        return self.ok


@dataclass(frozen=True)
class FigureParts(_Measured):
    """`parts`: each of `worlds.PARTS` is "in place", there "in part" (detached), or "missing".

    `strange` is the share of what is drawn that belongs to no part.
    """

    parts: dict[str, str]
    strange: float = 1.0

    @property
    def readable(self) -> bool:
        """True if the image shows a figure: enough of its parts, and little else."""
        there = sum(state != "missing" for state in self.parts.values())
        return there >= RECOGNIZED and self.strange <= STRANGE


def measure_count(image: np.ndarray) -> DiscCount:
    """Counts the discs of one uint8 image (32, 32, 3)."""
    return measure_each(np.asarray(image)[None], "count")[0]


def measure_box(image: np.ndarray) -> BoxView:
    """Finds the angle of the box in one uint8 image (32, 32, 3), and whether all of it agrees."""
    return measure_each(np.asarray(image)[None], "perspective")[0]


def measure_figure(image: np.ndarray) -> FigureParts:
    """Finds the parts of the figure in one uint8 image (32, 32, 3)."""
    return measure_each(np.asarray(image)[None], "structure")[0]


def measure_each(images: np.ndarray, family: str) -> list[Any]:
    """Measures uint8 images (N, 32, 32, 3) by the rule of one of `worlds.FAMILIES`.

    Raises:
        ValueError: an unknown family, or images of another shape or type.
    """
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {FAMILIES}. Received: family={family!r}")
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (SIZE, SIZE, 3):
        raise ValueError(
            f"images must be uint8 of shape (N, {SIZE}, {SIZE}, 3). "
            f"Received: {images.dtype} of shape {images.shape}"
        )
    rule: Any = dict(zip(FAMILIES, (_count_discs, _view_boxes, _find_parts), strict=True))[family]
    found: list[DiscCount | BoxView | FigureParts] = []
    for start in range(0, len(images), 128):  # blocks that fit the cache
        found += rule(images[start : start + 128].astype(np.float32) / 255)
    return found


def measure(images: np.ndarray, family: str) -> dict:
    """How often images break the rule of their family.

    Args:
        images: uint8 (N, 32, 32, 3), N at least 1.
        family: one of `worlds.FAMILIES`.

    Returns:
        "images": N.  "wrong": the share of images with any violation, that is, with a count that
        is unclear or never occurs in the data, an inconsistent view, or a broken structure.
        "unreadable": the share, part of "wrong", of those that show no such thing at all.
        "kinds": for each kind of violation the share of images that have it.  "values": for each
        count (None: unclear) or angle its share, for each part the share that have it in place.

    Raises:
        ValueError: as `measure_each`, and for no images at all.
    """
    found = measure_each(images, family)
    if not found:
        raise ValueError(f"at least one image is needed. Received: N={len(found)}")
    kinds = Counter(kind for one in found for kind in {v.kind for v in one.violations})
    if family == "structure":
        values = Counter(part for one in found for part in PARTS if one.parts[part] == "in place")
    else:
        values = Counter(one.count if family == "count" else one.angle for one in found)
    shares = [
        {key: counter[key] / len(found) for key in sorted(counter, key=str)}
        for counter in (kinds, values)
    ]
    wrong = sum(not one.ok for one in found) / len(found)
    unreadable = sum(not one.readable for one in found) / len(found)
    return {
        "pictures": len(found),
        "wrong": wrong,
        "unreadable": unreadable,
        "kinds": shares[0],
        "values": shares[1],
    }


def foreground(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The background's color (N, 3), and how far each pixel is from it (N, 32, 32).

    The distance is relative to that of the strongest pixels, and 0 where nothing is to be seen.
    """
    edge = np.ones((SIZE, SIZE), bool)
    edge[1:-1, 1:-1] = False
    background = np.median(images[:, edge], axis=1)
    distance = np.linalg.norm(images - background[:, None, None], axis=-1)
    strongest = np.partition(distance.reshape(len(images), -1), -16, axis=1)[:, -16:].mean(axis=1)
    strongest[strongest < MIN_CONTRAST] = np.inf
    return background, np.minimum(distance / strongest[:, None, None], 1.0)


def connected(mask: np.ndarray) -> tuple[np.ndarray, list[tuple[int, tuple, int]]]:
    """Labels (N, 32, 32) of the connected blobs of masks (N, 32, 32), none across two images.

    And for each blob, in the labels' order from 1, its image, the box around it, and its area.
    """
    in_picture = np.zeros((3, 3, 3), bool)
    in_picture[1] = True
    labels, _ = ndimage.label(mask, in_picture)
    areas = np.bincount(labels.ravel())[1:]
    places = ndimage.find_objects(labels)
    return labels, [
        (picture.start, (x.start, y.start, x.stop, y.stop), area)
        for (picture, y, x), area in zip(places, areas.tolist(), strict=True)
    ]


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """The box around what is set in a mask (32, 32); the whole image if nothing is."""
    y, x = np.nonzero(mask)
    if not len(x):
        return EVERYWHERE
    return int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1


def _count_discs(images: np.ndarray) -> list[DiscCount]:
    _, amount = foreground(images)
    labels, blobs = connected(amount > 0.3)
    areas = ndimage.sum_labels(amount > 0.5, labels, np.arange(1, len(blobs) + 1))
    small, large = np.pi * np.square(worlds.DISC_RADIUS) * DISC_AREA
    discs: list[list] = [[] for _ in images]
    for label, ((picture, box, reach), area) in enumerate(zip(blobs, areas, strict=True), start=1):
        if area <= SPECK and reach <= 2 * SPECK:
            continue
        y, x = np.nonzero(labels[picture] == label)
        # A pixel is a square, not a point: it adds 1/12 to the variances.
        short, long = np.linalg.eigvalsh(np.cov(x, y, bias=True) + np.eye(2) / 12)
        if min(box) == 0 or max(box) == SIZE:
            kind: str | None = "cut off"
        elif long > ROUND * short:
            kind = "merged or misshapen"
        elif area > large:
            kind = "too large"
        else:
            kind = "too small or faint" if area < small else None
        discs[picture].append((kind, box, area))
    return [_judge_discs(one) for one in discs]


def _judge_discs(discs: list[tuple]) -> DiscCount:
    """The count of one image, from its discs: kind of violation or None, box, area."""
    wrong = [Violation(kind, box) for kind, box, _ in discs if kind]
    areas = np.array([area for *_, area in discs])
    if discs and not wrong and areas.min() < EQUAL_AREA * areas.max():
        odd = np.argmax(np.abs(np.log(areas / np.median(areas))))
        wrong = [Violation("unequal", discs[odd][1])]
    if wrong:
        return DiscCount(tuple(wrong), None)
    if len(discs) not in COUNTS:
        x0, y0, x1, y1 = np.array([box for _, box, _ in discs] or [EVERYWHERE]).T.tolist()
        around = (min(x0), min(y0), max(x1), max(y1))
        wrong = [Violation(f"{len(discs)} discs, never in the data", around)]
    return DiscCount(tuple(wrong), len(discs))


def _view_boxes(images: np.ndarray) -> list[BoxView]:
    background, amount = foreground(images)
    labels, blobs = connected(amount > 0.35)
    found = [BoxView((Violation("no box", EVERYWHERE),), None, None)] * len(images)
    largest: dict[int, tuple] = {}  # blob of each image: area, label
    for label, (picture, _, area) in enumerate(blobs, start=1):
        if area >= MIN_BOX_AREA:
            largest[picture] = max(largest.get(picture, (0, 0)), (area, label))
    if not largest:
        return found
    rows = np.array(list(largest))
    area, label = np.array(list(largest.values())).T
    images, background = images[rows], background[rows]
    # The silhouette of a box is symmetric about its centre.
    blob = labels[rows] == label[:, None, None]
    centre = np.stack([(blob * grid).sum((1, 2)) / area for grid in (worlds.X, worlds.Y)], axis=-1)

    colors = (images - background[:, None, None]).reshape(len(rows), -1, 3)
    pose = _fit_boxes(colors, area, centre)
    faces = _faces(pose)
    color = _face_colors(faces, colors)

    # One color under one lamp: color_k = brightness_k · albedo, the albedo by least squares.
    light = worlds.face_brightness(pose[:, 0])[..., None]  # (N, 3, 1)
    shown = color + background[:, None]
    albedo = (light * shown).sum(1) / (light**2).sum(1)  # (N, 3)
    strength = np.linalg.norm(albedo, axis=-1)
    unlike = np.linalg.norm(shown - light * albedo[:, None], axis=-1) > SHADING * strength[:, None]

    # One view: nothing is left when the box is taken away.
    model = _compose(faces, color)
    low = ndimage.minimum_filter(model, (1, 3, 3, 1)) - model
    high = ndimage.maximum_filter(model, (1, 3, 3, 1)) - model
    rest = colors.reshape(model.shape) - model
    explained = 1 - (rest**2).sum((1, 2, 3)) / (colors**2).sum((1, 2))
    rest -= np.clip(rest, EDGE * low, EDGE * high)
    # Less than a pixel across is noise, and what changes over many pixels is a matter of color.
    rest = ndimage.gaussian_filter(rest, (0, 0.7, 0.7, 0))
    sudden = rest - ndimage.gaussian_filter(rest, (0, 5, 5, 0))
    excess = np.minimum(np.linalg.norm(rest, axis=-1), np.linalg.norm(sudden, axis=-1))
    _, rests = connected(excess > VIEW * strength[:, None, None])

    wrong: list[list[Violation]] = [[] for _ in rows]
    for one, face in np.argwhere(unlike):
        there = faces[one, face].reshape(SIZE, SIZE) > 0.5
        wrong[one].append(Violation("shading", _bounds(there)))
    for one, box, size in rests:
        if size > SPECK:
            wrong[one].append(Violation("another view", box))
    for one, row in enumerate(rows):
        degrees = float(pose[one, 0])
        nearest = min(ANGLES, key=lambda angle: abs(angle - degrees))
        found[row] = BoxView(tuple(wrong[one]), nearest, degrees, float(explained[one]))
    return found


def _fit_boxes(colors: np.ndarray, area: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Boxes (N, 5) that explain the colors (N, 1024, 3) best: degrees, area, centre, softness.

    The angle is searched for among `VIEWS`, then everything is improved by Gauss-Newton steps.
    """
    n = len(colors)
    poses, explained = [], []
    for degrees in VIEWS:
        poses.append(np.column_stack([np.full(n, degrees), area, centre, np.full(n, 1.5)]))
        faces = _faces(poses[-1])
        sums = faces @ colors  # (N, 3 faces, 3 channels)
        pixels = np.maximum(faces.sum(-1, keepdims=True), 1e-6)
        explained.append((sums**2 / pixels).sum((1, 2)))
    pose = np.array(poses)[np.argmax(explained, axis=0), np.arange(n)]
    for _ in range(GAUSS_NEWTON_STEPS):
        faces = _faces(pose)
        color = _face_colors(faces, colors)
        model = _compose(faces, color)
        steps = np.diag(POSE_STEP)
        slopes = np.stack(
            [_compose(_faces(pose + step), color) - model for step in steps], axis=1
        ).reshape(n, len(POSE_STEP), -1)
        rest = colors.reshape(n, -1, 1) - model.reshape(n, -1, 1)
        normal = slopes @ np.swapaxes(slopes, 1, 2)
        damping = 1e-3 * np.trace(normal, axis1=1, axis2=2) + 1e-6
        normal = normal + damping[:, None, None] * np.eye(len(POSE_STEP))
        move = np.linalg.solve(normal, slopes @ rest)[..., 0]
        pose = np.clip(pose + POSE_STEP * np.clip(move, -2, 2), *POSE_LIMITS)
    return pose


def _faces(pose: np.ndarray) -> np.ndarray:
    """Coverage (N, 3, 1024) of every pixel by the top, left and right face of boxes (N, 5)."""
    degrees, area, centre, softness = pose[:, 0], pose[:, 1], pose[:, 2:4], pose[:, 4]
    # The silhouette's area is the sum of the faces': two sides and the foreshortened top.
    turned, camera = np.deg2rad(45 + degrees), worlds.CAMERA_ELEVATION
    sides = worlds.BOX_HEIGHT * np.cos(camera) * (np.cos(turned) + np.sin(turned))
    width = np.sqrt(area / (sides + np.sin(camera)))
    hull, right, top = worlds.box_coverage(degrees, width, centre, softness)
    side = hull * (1 - top)
    return np.stack([hull * top, side * (1 - right), side * right], 1).reshape(len(pose), 3, -1)


def _face_colors(faces: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """The colors (N, 3, 3) of faces (N, 3, 1024) that explain the pixels (N, 1024, 3) best."""
    normal = faces @ np.swapaxes(faces, 1, 2) + 1e-3 * np.eye(3, dtype=np.float32)
    return np.linalg.solve(normal, faces @ colors)


def _compose(faces: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Images (N, 32, 32, 3) of faces (N, 3, 1024) in these colors (N, 3, 3)."""
    return (np.swapaxes(faces, 1, 2) @ color).reshape(-1, SIZE, SIZE, 3)


@functools.cache
def _whole_figures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whole figures at every place (scale, x, y) that an image is compared with.

    Returns:
        places (T, 3); coverage (T, 1024); pixels beyond the nearest part's SLACK (T, 32, 32).
    """
    middle = SIZE / 2 + SHIFTS
    grid = np.meshgrid(SCALES, middle, middle - worlds.FIGURE_RISE, indexing="ij")
    places = np.stack([axis.ravel() for axis in grid], axis=-1)
    nearest: Any = np.float32(np.inf)
    outside: Any = nearest
    for part in PARTS:
        distance = _part_distance(part, places)
        nearest = np.minimum(nearest, distance)
        outside = np.minimum(outside, distance - np.float32(SLACK[part]))
    return places, worlds.coverage(nearest).reshape(len(places), -1), outside


def _part_distance(part: str, places: np.ndarray) -> np.ndarray:
    """Signed distance (T, 32, 32) of every pixel to a part of figures at places (T, 3)."""
    segment, radius = FIGURE[part]
    scale, centre = places[:, :1], places[:, 1:]
    return worlds.capsule_distance(scale * segment + np.tile(centre, 2), scale[:, 0] * radius)


def _find_parts(images: np.ndarray) -> list[FigureParts]:
    _, amount = foreground(images)
    solid = np.minimum(amount / SOLID, 1.0)
    # The nearest whole figure in the sense of least squares: what is missing moves it little.
    places, templates, outside = _whole_figures()
    score = 2 * solid.reshape(len(images), -1) @ templates.T - (templates**2).sum(axis=1)
    best = score.argmax(axis=1)
    axes = {part: _along_axis(solid, part, places[best]) for part in PARTS}  # (N, points)
    wrong: list[list[Violation]] = [[] for _ in images]
    parts = [dict.fromkeys(PARTS, "in place") for _ in images]
    for part, values in axes.items():
        for one in np.flatnonzero(values.min(axis=1) < FILLED):
            parts[one][part] = "in part" if (values[one] >= FILLED).mean() >= 0.4 else "missing"
            inside = _part_distance(part, places[best[one : one + 1]])[0] < 0
            wrong[one].append(Violation(f"{part} {parts[one][part]}", _bounds(inside)))
    drawn = solid > 0.6
    extra = drawn & (outside[best] > 0)
    strange = extra.sum((1, 2)) / np.maximum(drawn.sum((1, 2)), 1)
    _, extras = connected(extra)
    for picture, box, size in extras:
        if size > SPECK:
            wrong[picture].append(Violation("something extra", box))
    for one in np.flatnonzero(~amount.any(axis=(1, 2))):
        wrong[one] = [Violation("no figure", EVERYWHERE)]
    return [
        FigureParts(tuple(w), p, float(s)) for w, p, s in zip(wrong, parts, strange, strict=True)
    ]


def _along_axis(solid: np.ndarray, part: str, places: np.ndarray) -> np.ndarray:
    """How solid a part is at points along its axis (N, points), a limb at its best swing."""
    x0, y0, x1, y1 = FIGURE[part][0]
    if part == "head":  # its middle, the neck, and a circle
        turn = np.arange(0, 2 * np.pi, np.pi / 4)
        points = np.c_[np.r_[0, 0, 1.8 * np.cos(turn)], np.r_[0, 2.3, 1.8 * np.sin(turn)]]
        points = points[None] + [x0, y0]
    elif part == "body":
        points = np.linspace((x0, y0), (x1, y1), 5)[None]
    else:  # from just outside the body to just before the tip
        along = np.hypot(x1 - x0, y1 - y0) * np.linspace(0.2, 0.88, 8)
        turn = np.arctan2(y1 - y0, x1 - x0) + SWINGS[:, None]
        points = np.stack([x0 + along * np.cos(turn), y0 + along * np.sin(turn)], axis=-1)
    # points is (swings, points, 2)
    scale, centre = places[:, 0, None, None, None], places[:, None, None, 1:]
    x, y = np.moveaxis(scale * points + centre - 0.5, -1, 0)  # (N, swings, points)
    picture = np.broadcast_to(np.arange(len(solid))[:, None, None], x.shape)
    values = ndimage.map_coordinates(solid, [picture, y, x], order=1)
    swing = (values.min(axis=-1) + 0.01 * values.mean(axis=-1)).argmax(axis=-1)
    return values[np.arange(len(solid)), swing]
