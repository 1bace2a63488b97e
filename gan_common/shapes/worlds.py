"""Images whose counts, views and parts are known, so that a generator's mistakes can be counted.

Three families of 32×32 color images, one for each failure of the chapter's sections 2.3.3 to 2.3.5:

- ``count``: 1 to 4 equal discs that keep apart.
- ``perspective``: a box turned about its vertical axis by one of five angles, seen from above in
  parallel projection, its faces lit by one lamp (Lambert's cosine law).
- ``structure``: a figure of a body, a head, two arms and two legs, joined in a fixed way.

The classes of a family are what there is to be known of its images: the count, the angle, and, as
figures differ in nothing else that has a name, the color of the shirt.

`gan_common.shapes.ruler` reads all of this back from the pixels.  Every drawing function can also
draw the image wrong on purpose (`FAULTS`), which is what the measures are tested on.

Edges are anti-aliased: a pixel's coverage is ½ − d, clipped to [0, 1], with d the signed distance in
pixels from its centre to the outline.  Coordinates are in pixels, x to the right, y down, and the
centre of the top left pixel is (½, ½).
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

SIZE = 32
FAMILIES = ("count", "perspective", "structure")
COUNTS = (1, 2, 3, 4)
ANGLES = (-30, -15, 0, 15, 30)  # degrees about the vertical axis; 0 shows both sides equally wide
PARTS = ("left leg", "right leg", "left arm", "right arm", "body", "head")  # in painting order
FAULTS = {
    "count": ("merged", "unequal"),
    "perspective": ("swapped shading", "flat shading", "two views"),
    "structure": ("missing", "detached", "misplaced", "two heads"),
}
SHIRTS = ("red", "yellow", "green", "cyan", "blue", "magenta")  # hue i/6 of the full circle
CLASS_NAMES = {
    "count": tuple(f"{n} disc{'s' * (n > 1)}" for n in COUNTS),
    "perspective": tuple(f"box at {angle}°" for angle in ANGLES),
    "structure": tuple(f"figure in {shirt}" for shirt in SHIRTS),
}

DISC_RADIUS = (3.0, 3.8)  # one radius per image
DISC_GAP = 2.5  # least distance between two outlines: blur must not join them
DISC_MARGIN = 3.0  # least distance between an outline and the image's edge
MAX_DISCS = 6

BOX_WIDTH = (12.5, 15.0)  # of the square base; the box is BOX_HEIGHT times as high
BOX_HEIGHT = 0.9
CAMERA_ELEVATION = np.deg2rad(30.0)
LAMP_ELEVATION, LAMP_AZIMUTH = np.deg2rad(60.0), np.deg2rad(-60.0)  # from above, left of the viewer
AMBIENT, DIFFUSE = 0.28, 0.80

FIGURE_SCALE = (0.86, 1.0)
FIGURE_SHIFT = (
    4.0,
    2.5,
)  # pixels at most, across and down: no part has a place that is always its own
FIGURE_RISE = 0.6  # the body's centre is above the image's, so that head and feet are equally far
# Every part is a capsule: a line segment (x0, y0, x1, y1) from the body's centre, and a radius.
FIGURE = {
    "left leg": ((-1.5, 4.0, -3.6, 10.4), 1.5),
    "right leg": ((1.5, 4.0, 3.6, 10.4), 1.5),
    "left arm": ((-2.6, -3.4, -8.0, 0.6), 1.3),
    "right arm": ((2.6, -3.4, 8.0, 0.6), 1.3),
    "body": ((0.0, -2.2, 0.0, 2.2), 3.0),
    "head": ((0.0, -7.8, 0.0, -7.8), 3.0),
}
MISPLACED = {
    "left leg": (-2.6, 2.6, -9.4, 4.4),  # out of the hip, sideways
    "right leg": (2.6, 2.6, 9.4, 4.4),
    "left arm": (-2.6, -8.4, -8.4, -10.4),  # out of the head
    "right arm": (2.6, -8.4, 8.4, -10.4),
    "head": (6.6, -6.6, 6.6, -6.6),  # on the shoulder
}
TWO_HEADS = 3.7  # how far each of two heads is from the neck's axis


@functools.cache
def pixel_centres(size: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y (size, size) of the pixels' centres of an image that is `SIZE` units wide."""
    y, x = ((np.mgrid[:size, :size] + 0.5) * (SIZE / size)).astype(np.float32)
    return x, y


X, Y = pixel_centres(SIZE)


def draw_count(counts: Any, rng: np.random.Generator, *, fault: str | None = None) -> np.ndarray:
    """Draws `counts` equal discs that touch neither each other nor the image's edge.

    Args:
        counts: an integer or an array of them, 0 to `MAX_DISCS`; the data set has `COUNTS`.
        rng: where the places, the radius and the colors come from.
        fault: "merged" lets two discs overlap, "unequal" shrinks one to 0.6 of its radius; both
            need two discs at least.

    Returns:
        uint8 images, shape `np.shape(counts) + (32, 32, 3)`.

    Raises:
        ValueError: a count out of range or too small for the fault, or an unknown fault.
    """
    _check_choice("fault", fault, FAULTS["count"])
    n = _integers("counts", counts, 2 if fault else 0, MAX_DISCS)
    radius = rng.uniform(*DISC_RADIUS, n.size)
    radii = np.repeat(radius[:, None], MAX_DISCS, axis=1)  # (N, discs)
    centres = np.full((n.size, MAX_DISCS, 2), np.inf)  # a disc at infinity is not there
    for count in range(1, n.max(initial=0) + 1):
        rows = np.flatnonzero(n == count)
        centres[rows, :count] = spread(count, radius[rows], rng)
    if fault == "unequal":
        radii[:, 0] *= 0.6
    if fault == "merged":  # the second disc moves onto the first, from the side of the centre
        inwards = SIZE / 2 - centres[:, 0]
        turn = np.arctan2(inwards[:, 1], inwards[:, 0]) + rng.uniform(-0.8, 0.8, n.size)
        step = radius * rng.uniform(0.9, 1.7, n.size)
        centres[:, 1] = centres[:, 0] + step[:, None] * np.stack([np.cos(turn), np.sin(turn)], -1)
    distance = np.full((n.size, SIZE, SIZE), np.inf, np.float32)
    for disc in range(n.max(initial=0)):
        rows = np.flatnonzero(n > disc)
        away = capsule_distance(np.tile(centres[rows, disc], 2), radii[rows, disc])
        distance[rows] = np.minimum(distance[rows], away)
    canvas = _background(n.size, rng)
    paint(canvas, coverage(distance), hsv(rng.random(n.size), 0.8, 0.9))
    return _to_uint8(canvas, np.shape(counts))


def draw_box(
    angle_indices: Any, rng: np.random.Generator, *, fault: str | None = None
) -> np.ndarray:
    """Draws a box turned by `ANGLES[index]`, lit from above and from the left.

    Args:
        angle_indices: an index into `ANGLES`, or an array of them.
        rng: where the size, the place and the colors come from.
        fault: "swapped shading" exchanges the brightness of two faces, "flat shading" gives all
            three the same, "two views" shows the left half as seen from the angle asked for and the
            right half as seen from another, 40° to 50° away.

    Returns:
        uint8 images, shape `np.shape(angle_indices) + (32, 32, 3)`.

    Raises:
        ValueError: an index out of range, or an unknown fault.
    """
    _check_choice("fault", fault, FAULTS["perspective"])
    degrees = np.array(ANGLES)[_integers("angle_indices", angle_indices, 0, len(ANGLES) - 1)]
    n = degrees.size
    width = rng.uniform(*BOX_WIDTH, n)
    centre = SIZE / 2 + rng.uniform(-1.0, 1.0, (n, 2))
    albedo = hsv(rng.random(n), 0.78, 1.0)
    canvas = _background(n, rng)
    order = np.tile([0, 1, 2], (n, 1))
    if fault == "swapped shading":  # the left face's with the top's, or with the right face's
        order = np.array([[1, 0, 2], [0, 2, 1]])[rng.integers(2, size=n)]

    def view(degrees: Any) -> Any:
        light = np.take_along_axis(face_brightness(degrees), order, axis=1)  # (N, 3 faces)
        if fault == "flat shading":
            light[:] = light.mean(axis=1, keepdims=True)
        hull, right, top = box_coverage(degrees, width, centre)
        # The left face is under the other two, so that no background shows between them.
        picture = np.empty_like(canvas)
        picture[:] = (light[:, 1:2] * albedo)[:, None, None]
        paint(picture, right, light[:, 2:] * albedo)
        paint(picture, top, light[:, :1] * albedo)
        return canvas + hull[..., None] * (picture - canvas)

    pictures = view(degrees)
    if fault == "two views":  # the other one is turned the other way, at most 40° from the middle
        side = np.where(degrees == 0, rng.choice([-1, 1], n), -np.sign(degrees))
        other = degrees + side * rng.uniform(40, np.where(degrees == 0, 40, 50))
        on_the_right = (centre[:, :1, None] < X)[..., None]
        pictures = np.where(on_the_right, view(other), pictures)
    return _to_uint8(pictures, np.shape(angle_indices))


def draw_figure(
    rng: np.random.Generator,
    size: int | tuple[int, ...] = (),
    *,
    fault: str | None = None,
    part: str | None = None,
    shirts: Any = None,
) -> np.ndarray:
    """Draws figures: body, head, arms and legs as `FIGURE` has them, limbs swung by a few degrees.

    Args:
        rng: where the scale, the place, the pose and the colors come from.
        size: how many, as in NumPy's random functions; () is a single image.
        fault: for one part, "missing" leaves it out, "detached" leaves a gap between it and the body
            (not the head: there is no room), "misplaced" joins it where it does not belong; "two
            heads" puts two where the one should be.
        part: which part has one of the first three faults, a key of `MISPLACED`; None: by lot.
        shirts: indices into `SHIRTS`, an array of as many; None: any color at all.

    Returns:
        uint8 images, shape `size + (32, 32, 3)`.

    Raises:
        ValueError: an unknown fault, a part that cannot have it, or a shirt out of range.
    """
    _check_choice("fault", fault, FAULTS["structure"])
    candidates = [name for name in MISPLACED if (name, fault) != ("head", "detached")]
    _check_choice("part", part, candidates)
    shape = np.broadcast_shapes(size)
    n = int(np.prod(shape))
    broken = rng.choice(candidates if part is None else [part], n)
    scale = rng.uniform(*FIGURE_SCALE, n)
    shift = rng.uniform(-1.0, 1.0, (n, 2)) * FIGURE_SHIFT
    centre = SIZE / 2 + shift - [0.0, FIGURE_RISE]
    hue = rng.random(n)
    if shirts is not None:  # within ±18° of the name's hue; the names are 60° apart
        hue = (_integers("shirts", shirts, 0, len(SHIRTS) - 1) + 0.6 * (hue - 0.5)) / len(SHIRTS)
    shirt = hsv(hue, 0.8, 0.9)
    trousers = hsv(hue + rng.uniform(0.35, 0.65, n), 0.75, 0.55)
    skin = hsv(rng.uniform(0.03, 0.08, n), 0.65, rng.uniform(0.7, 0.9, n))
    canvas = _background(n, rng)
    for name, (segment, radius) in FIGURE.items():
        segments = np.tile(segment, (n, 1))  # (N, 4)
        if name not in ("body", "head"):
            segments[:, 2:] += rng.uniform(-0.6, 0.6, (n, 2))
        chosen = broken == name
        if fault == "missing":
            segments[chosen] = np.inf
        if fault == "misplaced" and name in MISPLACED:
            segments[chosen] = MISPLACED[name]
        if fault == "detached":
            joint, along = segments[chosen, :2], segments[chosen, 2:] - segments[chosen, :2]
            segments[chosen] = np.hstack([joint + 0.7 * along, joint + 1.2 * along])
        color = {"head": skin, "left leg": trousers, "right leg": trousers}.get(name, shirt)
        for offset in (-TWO_HEADS, TWO_HEADS) if (name, fault) == ("head", "two heads") else (0,):
            moved = segments + np.array([offset, 0, offset, 0])
            placed = scale[:, None] * moved + np.tile(centre, 2)
            paint(canvas, coverage(capsule_distance(placed, scale * radius)), color)
    return _to_uint8(canvas, shape)


def dataset(
    n_train: int = 6000, n_test: int = 1000, seed: int = 0, family: str | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Draws a training and a test set, the classes equally frequent and in random order.

    Args:
        n_train, n_test: how many images.
        seed: the same seed gives the same images; the test set does not depend on `n_train`.
        family: one of `FAMILIES`, with `CLASS_NAMES`, or None for ten classes of all three, of
            which every figure is one.

    Returns:
        (x_train, y_train, x_test, y_test, class_names): uint8 (N, 32, 32, 3), int32 (N,).

    Raises:
        ValueError: an unknown family, or a negative size.
    """
    _check_choice("family", family, FAMILIES)
    for name, value in (("n_train", n_train), ("n_test", n_test)):
        if value < 0:
            raise ValueError(f"{name} must not be negative. Received: {name}={value}")
    names = {**CLASS_NAMES, "structure": ("figure",)}
    if family is not None:
        names = {family: CLASS_NAMES[family]}
    train, test = np.random.default_rng(seed).spawn(2)
    return *_split(n_train, names, train), *_split(n_test, names, test), sum(names.values(), ())


def _split(n: int, names: dict[str, tuple[str, ...]], rng: np.random.Generator) -> tuple:
    """`n` images of these families with these classes, and their class numbers."""
    y = rng.permutation(np.arange(n) % sum(map(len, names.values())))
    x = np.empty((n, SIZE, SIZE, 3), np.uint8)
    first = 0
    for family, classes in names.items():
        last = first + len(classes)
        rows = np.flatnonzero((y >= first) & (y < last))
        for block in np.array_split(rows, len(rows) // 256 + 1):  # blocks that fit the cache
            kind = y[block] - first
            if family == "count":
                x[block] = draw_count(np.array(COUNTS)[kind], rng)
            elif family == "perspective":
                x[block] = draw_box(kind, rng)
            else:
                x[block] = draw_figure(rng, len(block), shirts=kind if len(classes) > 1 else None)
        first = last
    return x, y.astype(np.int32)


def spread(
    count: int, radius: np.ndarray, rng: np.random.Generator, edge: float = DISC_MARGIN
) -> np.ndarray:
    """Centres (N, count, 2) for discs of radii (N,), `edge` from the edge: random, then pushed apart."""
    margin = (radius + edge)[:, None, None]
    room = SIZE - 2 * margin
    centres = margin + rng.random((radius.size, count, 2)) * room
    rows = np.arange(radius.size)
    attempt = 0
    while True:
        attempt += 1
        away = centres[rows, :, None] - centres[rows, None]  # (rows, count, count, 2)
        apart = np.linalg.norm(away, axis=-1)
        apart[:, range(count), range(count)] = np.inf
        missing = 2 * radius[rows, None, None] + DISC_GAP - apart
        crowded = (missing > 0).any(axis=(1, 2))
        if not crowded.any():
            return centres
        rows, away, apart, missing = (a[crowded] for a in (rows, away, apart, missing))
        push = (0.6 * np.maximum(missing, 0) / np.maximum(apart, 1e-6))[..., None] * away
        moved = np.clip(centres[rows] + push.sum(axis=2), margin[rows], SIZE - margin[rows])
        # What is stuck after 30 pushes starts anew.
        again = margin[rows] + rng.random((rows.size, count, 2)) * room[rows]
        centres[rows] = moved if attempt % 30 else again


def coverage(distance: np.ndarray) -> np.ndarray:
    """Share of a pixel inside an outline that is `distance` pixels away (negative inside)."""
    return np.clip(0.5 - distance, 0.0, 1.0)


def capsule_distance(segments: np.ndarray, radii: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Signed distance (N, size, size) of every pixel to capsules around segments (N, 4), radii (N,).

    A segment is x0, y0, x1, y1; with both ends in one place it makes a disc, at infinity nothing.
    All are in units of which the image has 32.
    """
    grid_x, grid_y = pixel_centres(size)
    there = np.isfinite(segments).all(axis=1)
    segments = np.where(there[:, None], segments, 0.0)
    radii = np.where(there, radii, -np.inf)
    x0, y0, x1, y1, radius = np.array([*segments.T, radii], np.float32)[:, :, None, None]
    dx, dy = x1 - x0, y1 - y0
    x, y = grid_x - x0, grid_y - y0
    t = np.clip((x * dx + y * dy) / np.maximum(dx**2 + dy**2, 1e-6), 0.0, 1.0)
    return np.hypot(x - t * dx, y - t * dy) - radius


def box_coverage(
    degrees: Any, width: Any, centre: Any, softness: Any = 1.0, size: int = SIZE
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much of every pixel a turned box covers.

    Args:
        degrees: (N,) angles about the vertical axis, between −45 and 45.
        width: (N,) side of the square base, in pixels.
        centre: (N, 2) centre (x, y) of the silhouette, in pixels.
        softness: how many pixels wide an edge is, a number or (N,); 1 is as sharp as pixels allow.
        size: pixels of the image's side; lengths stay in units of which it has 32.

    Returns:
        (hull, right, top), each (N, size, size): the silhouette; right of the front edge; above the top
        face's two front edges.  The top face is hull·top, the right one hull·(1 − top)·right, the
        left one what remains.
    """
    turned = np.deg2rad(45.0 + np.asarray(degrees))
    rise = np.sin(CAMERA_ELEVATION)
    # Screen widths of the left and right face, slopes of their edges, length of a vertical edge.
    left, right = width * np.cos(turned), width * np.sin(turned)
    slope_left, slope_right = rise * right / left, rise * left / right
    height = BOX_HEIGHT * width * np.cos(CAMERA_ELEVATION)
    # The origin is the foot of the front edge.
    x0 = centre[:, 0] + (left - right) / 2
    y0 = centre[:, 1] + ((left + right) * rise + height) / 2
    softness = np.broadcast_to(softness, len(turned))
    left, right, slope_left, slope_right, height, x0, y0, softness = np.array(
        [left, right, slope_left, slope_right, height, x0, y0, softness], np.float32
    )[:, :, None, None]
    grid_x, grid_y = pixel_centres(size)
    x, y = grid_x - x0, grid_y - y0
    norm_left, norm_right = np.hypot(1, slope_left), np.hypot(1, slope_right)
    u = (y - slope_left * x) / norm_left  # distance below the left face's lower edge
    v = (y + slope_right * x) / norm_right  # distance below the right face's
    u_back = (height + (slope_left + slope_right) * right) / norm_left
    v_back = (height + (slope_left + slope_right) * left) / norm_right
    hull = np.maximum(np.maximum(u, -u_back - u), np.maximum(v, -v_back - v))
    hull = np.maximum(hull, np.maximum(-left - x, x - right))
    top = np.maximum(u + height / norm_left, v + height / norm_right)
    return coverage(hull / softness), coverage(-x / softness), coverage(top / softness)


def face_brightness(degrees: Any) -> np.ndarray:
    """Brightness (N, 3) of the top, left and right face: ambient + diffuse · max(0, n·l)."""
    turned = np.deg2rad(45.0 + np.asarray(degrees, dtype=float))
    top = np.full(turned.shape, np.sin(LAMP_ELEVATION))
    left = np.cos(LAMP_ELEVATION) * np.cos(-turned - LAMP_AZIMUTH)
    right = np.cos(LAMP_ELEVATION) * np.cos(np.pi / 2 - turned - LAMP_AZIMUTH)
    return AMBIENT + DIFFUSE * np.maximum(0.0, np.stack([top, left, right], axis=-1))


def _background(n: int, rng: np.random.Generator) -> np.ndarray:
    """Pale plain images (N, 32, 32, 3)."""
    color = hsv(rng.random(n), rng.uniform(0.03, 0.12, n), rng.uniform(0.92, 1.0, n))
    return np.tile(color.astype(np.float32)[:, None, None], (1, SIZE, SIZE, 1))


def paint(canvas: np.ndarray, inside: np.ndarray, color: np.ndarray) -> None:
    """Lays `color` (N, 3) over `canvas` where `inside` (N, size, size) says how much, in place."""
    canvas += inside[..., None] * (color.astype(np.float32)[:, None, None] - canvas)


def hsv(hue: Any, saturation: Any, value: Any) -> np.ndarray:
    """RGB in [0, 1], shape (N, 3), of hues (N,), and saturations and values, (N,) or one number."""
    pure = np.clip(np.abs((hue[:, None] * 6 + [0, 4, 2]) % 6 - 3) - 1, 0, 1)
    return np.reshape(value, (-1, 1)) * (1 - np.reshape(saturation, (-1, 1)) * (1 - pure))


def _to_uint8(canvas: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.round(canvas * 255).astype(np.uint8).reshape(*shape, SIZE, SIZE, 3)


def _integers(name: str, values: Any, least: int, most: int) -> np.ndarray:
    """`values` as a flat array, refused unless they are integers from `least` to `most`."""
    array = np.asarray(values, dtype=int if np.size(values) == 0 else None).reshape(-1)
    if array.dtype.kind not in "iu" or not ((least <= array) & (array <= most)).all():
        raise ValueError(
            f"{name} must be integers from {least} to {most}. Received: {name}={values}"
        )
    return array


def _check_choice(name: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise ValueError(
            f"{name} must be one of {tuple(known)} or None. Received: {name}={value!r}"
        )
