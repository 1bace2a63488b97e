"""The procedural images against geometry done another way, and the measures against the truth."""

import colorsys

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from gan_common import shapes
from gan_common.shapes import ruler, worlds

N = 1000


def noisy(images, rng):
    return np.clip(images + rng.normal(0, 10, images.shape), 0, 255).round().astype(np.uint8)


def blurred(images, rng):
    return ndimage.gaussian_filter(images.astype(float), (0, 0.6, 0.6, 0)).round().astype(np.uint8)


def shifted(images, rng):
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    offsets = rng.integers(0, 5, (len(images), 2))
    return np.stack(
        [one[y : y + 32, x : x + 32] for one, (y, x) in zip(padded, offsets, strict=True)]
    )


def tinted(images, rng):
    """Smooth changes of each channel by a few percent."""
    field = ndimage.gaussian_filter(rng.normal(size=images.shape), (0, 6, 6, 0))
    return np.clip(images * (1 + 0.03 * field / field.std()), 0, 255).round().astype(np.uint8)


def all_of_it(images, rng):
    return noisy(blurred(shifted(tinted(images, rng), rng), rng), rng)


DISTORTIONS = {
    "clean": lambda images, rng: images,
    "noise": noisy,
    "blur": blurred,
    "shift": shifted,
    "tint": tinted,
    "all": all_of_it,
}


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def draw(family, n, rng, fault=None):
    """Images of a family and what is to be read from them."""
    if family == "count":
        counts = rng.integers(2 if fault else 1, 5, n)
        return shapes.draw_count(counts, rng, fault=fault), counts.tolist()
    if family == "perspective":
        index = rng.integers(0, 5, n)
        return shapes.draw_box(index, rng, fault=fault), np.array(shapes.ANGLES)[index].tolist()
    return shapes.draw_figure(rng, n, fault=fault), [dict.fromkeys(shapes.PARTS, "in place")] * n


def reading(found):
    for name in ("count", "angle", "parts"):
        if hasattr(found, name):
            return getattr(found, name)
    raise TypeError(type(found))


# The geometry


def test_capsule_covers_its_area():
    inside = shapes.coverage(
        shapes.capsule_distance(np.array([[16.0, 16, 16, 16], [9, 12, 21, 17]]), np.array([5.0, 3]))
    )
    # π·5², and π·3² + 2·3·13 for a segment of length 13
    np.testing.assert_allclose(inside.sum((1, 2)), [25 * np.pi, 9 * np.pi + 78], rtol=0.005)


def test_capsule_at_infinity_covers_nothing():
    distance = shapes.capsule_distance(np.full((1, 4), np.inf), np.array([3.0]))
    assert shapes.coverage(distance).sum() == 0


def project(points, degrees):
    """3-D points (x right, y to the viewer, z up) turned about z, seen from 30° above: (x, y down)."""
    turn = np.deg2rad(degrees)
    x = points[:, 0] * np.cos(turn) - points[:, 1] * np.sin(turn)
    y = points[:, 0] * np.sin(turn) + points[:, 1] * np.cos(turn)
    return np.stack([x, y * np.sin(np.pi / 6) - points[:, 2] * np.cos(np.pi / 6)], axis=-1)


@pytest.mark.parametrize("degrees", [-40.0, -30.0, -7.0, 0.0, 15.0, 30.0])
def test_box_is_the_projection_of_a_turned_cuboid(degrees):
    width, factor = 14.0, 32
    half, high = width / 2, shapes.BOX_HEIGHT * width / 2
    corner = {
        (a, b, c): project(np.array([[a * half, b * half, c * high]]), degrees + 45)[0]
        for a in (-1, 1)
        for b in (-1, 1)
        for c in (-1, 1)
    }
    # Turned by 45°, the edge at (1, 1) faces the viewer, side b = 1 is left of it and a = 1 right.
    faces = {
        "top": [(-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)],
        "left": [(-1, 1, 1), (1, 1, 1), (1, 1, -1), (-1, 1, -1)],
        "right": [(1, -1, 1), (1, 1, 1), (1, 1, -1), (1, -1, -1)],
    }
    drawn = []
    for corners in faces.values():
        picture = Image.new("L", (32 * factor, 32 * factor))
        outline = [tuple((corner[key] + 16) * factor) for key in corners]
        ImageDraw.Draw(picture).polygon(outline, fill=1)
        fine = np.asarray(picture, float).reshape(32, factor, 32, factor)
        drawn.append(fine.mean((1, 3)))

    hull, right, top = shapes.box_coverage(
        np.array([degrees]), np.array([width]), np.array([[16.0, 16.0]])
    )
    covered = (hull * top, hull * (1 - top) * (1 - right), hull * (1 - top) * right)
    for ours, theirs in zip(covered, drawn, strict=True):
        assert np.abs(ours[0] - theirs).mean() < 0.004  # of 1024 pixels, some 70 on edges
        assert ours.sum() == pytest.approx(theirs.sum(), abs=0.6)


@pytest.mark.parametrize("degrees", shapes.ANGLES)
def test_faces_follow_lamberts_law(degrees):
    def direction(azimuth, elevation):  # 0 azimuth is towards the viewer, to the right is positive
        azimuth, elevation = np.deg2rad([azimuth, elevation])
        flat = np.array([np.sin(azimuth), np.cos(azimuth)]) * np.cos(elevation)
        return np.array([*flat, np.sin(elevation)])

    lamp = direction(-60, 60)
    normals = [direction(0, 90), direction(-45 - degrees, 0), direction(45 - degrees, 0)]
    expected = [0.28 + 0.8 * max(0.0, normal @ lamp) for normal in normals]
    np.testing.assert_allclose(shapes.face_brightness(np.array([degrees]))[0], expected)
    assert expected[0] > expected[1] > expected[2]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_discs_are_equal_and_apart(count, rng):
    for image in shapes.draw_count(np.full(40, count), rng).astype(float):
        away = np.linalg.norm(image - image[0, 0], axis=-1)
        amount = away / away.max()
        labels, number = ndimage.label(amount > 0.1, np.ones((3, 3)))
        assert number == count
        area = ndimage.sum_labels(amount, labels, np.arange(count) + 1)
        assert area.max() / area.min() < 1.06
        assert np.pi * 3.0**2 * 0.97 < area.min() < np.pi * 3.8**2 * 1.03


# The data set


def test_dataset_is_seeded_and_balanced():
    x, y, x_test, y_test, names = shapes.dataset(200, 50, seed=3)
    assert names == (
        *("1 disc", "2 discs", "3 discs", "4 discs"),
        *("box at -30°", "box at -15°", "box at 0°", "box at 15°", "box at 30°"),
        "figure",
    )
    assert np.bincount(y).tolist() == [20] * 10
    assert np.bincount(y_test).tolist() == [5] * 10
    assert (x.dtype, y.dtype, x.shape) == (np.uint8, np.int32, (200, 32, 32, 3))
    again = shapes.dataset(200, 50, seed=3)
    longer = shapes.dataset(300, 50, seed=3)
    other = shapes.dataset(200, 50, seed=4)
    np.testing.assert_array_equal(again[0], x)
    np.testing.assert_array_equal(again[1], y)
    np.testing.assert_array_equal(longer[2], x_test)
    np.testing.assert_array_equal(longer[3], y_test)
    assert not np.array_equal(other[0], x)
    assert len(np.unique(np.concatenate([x, x_test]), axis=0)) == 250


@pytest.mark.parametrize("family", shapes.FAMILIES)
def test_labels_are_what_is_measured(family):
    _, _, x, y, names = shapes.dataset(0, 100, seed=1, family=family)
    assert names == shapes.CLASS_NAMES[family]
    found = ruler.measure_each(x, family)
    assert all(one.ok for one in found)
    if family == "count":
        assert [f"{one.count} disc{'s' * (one.count > 1)}" for one in found] == [
            names[i] for i in y
        ]
    elif family == "perspective":
        assert [f"box at {one.angle}°" for one in found] == [names[i] for i in y]
    else:  # the color in the middle of the figure, which is the body's
        middles = []
        for image in x:
            there = np.nonzero(np.abs(image - image[0, 0].astype(int)).sum(-1) > 60)
            rows, columns = ((axis.min() + axis.max()) // 2 for axis in there)
            middles.append(image[rows, columns])
        hues = [colorsys.rgb_to_hsv(*middle.tolist())[0] for middle in middles]
        shirts = [shapes.SHIRTS[round(6 * hue) % 6] for hue in hues]
        assert [f"figure in {shirt}" for shirt in shirts] == [names[i] for i in y]


def test_shapes_follow_the_arguments(rng):
    assert shapes.draw_count(3, rng).shape == (32, 32, 3)
    assert shapes.draw_box([[0, 1, 4]], rng).shape == (1, 3, 32, 32, 3)
    assert shapes.draw_figure(rng).shape == (32, 32, 3)
    assert shapes.draw_figure(rng, (2, 5)).shape == (2, 5, 32, 32, 3)
    assert shapes.draw_count([], rng).shape == (0, 32, 32, 3)
    assert len(np.unique(shapes.draw_count(0, rng).reshape(-1, 3), axis=0)) == 1


@pytest.mark.parametrize(
    ("call", "received"),
    [
        (lambda rng: shapes.draw_count(7, rng), "counts=7"),
        (lambda rng: shapes.draw_count([1, -1], rng), r"counts=\[1, -1\]"),
        (lambda rng: shapes.draw_count(2.5, rng), "counts=2.5"),
        (lambda rng: shapes.draw_count(1, rng, fault="merged"), "counts=1"),
        (lambda rng: shapes.draw_count(2, rng, fault="missing"), "fault='missing'"),
        (lambda rng: shapes.draw_box(5, rng), "angle_indices=5"),
        (lambda rng: shapes.draw_box(0, rng, fault="x"), "fault='x'"),
        (lambda rng: shapes.draw_figure(rng, fault="x"), "fault='x'"),
        (lambda rng: shapes.draw_figure(rng, fault="missing", part="tail"), "part='tail'"),
        (lambda rng: shapes.draw_figure(rng, fault="detached", part="head"), "part='head'"),
        (lambda rng: shapes.draw_figure(rng, 1, shirts=[6]), r"shirts=\[6\]"),
        (lambda rng: shapes.dataset(family="box"), "family='box'"),
        (lambda rng: shapes.dataset(n_test=-1), "n_test=-1"),
        (lambda rng: ruler.measure_each(np.zeros((1, 32, 32, 3)), "count"), "float64"),
        (lambda rng: ruler.measure_count(np.zeros((28, 28, 3), np.uint8)), r"28, 28, 3\)"),
        (lambda rng: ruler.measure(shapes.draw_figure(rng, 1), "figure"), "'figure'"),
        (lambda rng: ruler.measure(shapes.draw_figure(rng, 0), "structure"), "N=0"),
    ],
)
def test_wrong_arguments_are_echoed(call, received, rng):
    with pytest.raises(ValueError, match=rf"Received: .*{received}"):
        call(rng)


# The measures against the truth


@pytest.mark.parametrize("distortion", DISTORTIONS)
@pytest.mark.parametrize("family", shapes.FAMILIES)
def test_right_pictures_are_read_right(family, distortion, rng):
    images, truth = draw(family, N, rng)
    found = ruler.measure_each(DISTORTIONS[distortion](images, rng), family)
    right = [one.ok and reading(one) == value for one, value in zip(found, truth, strict=True)]
    assert np.mean(right) >= 0.99


@pytest.mark.parametrize(
    ("family", "fault"),
    [("count", "too many")]
    + [(f, fault) for f, faults in shapes.FAULTS.items() for fault in faults],
)
def test_wrong_pictures_are_recognized(family, fault, rng):
    if fault == "too many":
        images = shapes.draw_count(np.full(N, 5), rng)
    else:
        images, _ = draw(family, N, rng, fault)
    for part in (images[:400], blurred(images[400:700], rng), all_of_it(images[700:], rng)):
        found = ruler.measure_each(part, family)
        assert np.mean([not one.ok for one in found]) >= 0.99
        expected = {
            "too many": "5 discs, never in the data",
            "merged": "merged or misshapen",
            "swapped shading": "shading",
            "flat shading": "shading",
            "two views": "another view",
            "misplaced": "something extra",
            "two heads": "something extra",
        }.get(fault, "")
        assert np.mean([expected in one.reason for one in found]) >= 0.98


@pytest.mark.parametrize(
    ("family", "fault"),
    [(family, fault) for family in shapes.FAMILIES for fault in (None, *shapes.FAULTS[family])],
)
def test_wrong_pictures_of_the_kind_can_be_read(family, fault, rng):
    """Except that discs which merge, or are not equal, leave the count open."""
    images, _ = draw(family, 300, rng, fault)
    found = ruler.measure_each(all_of_it(images, rng), family)
    expected = 0 if (family, fault is None) == ("count", False) else 1
    assert np.mean([one.readable for one in found]) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("part", shapes.MISPLACED)
def test_the_missing_part_is_named_and_located(part, rng, monkeypatch):
    monkeypatch.setattr(worlds, "FIGURE_SHIFT", (1.0, 1.0))
    (x0, y0, x1, y1), _ = shapes.FIGURE[part]
    middle = 16 + (x0 + x1) / 2, 16 - shapes.FIGURE_RISE + (y0 + y1) / 2
    images = shapes.draw_figure(rng, 100, fault="missing", part=part)
    for found in ruler.measure_each(images, "structure"):
        assert [name for name in shapes.PARTS if found.parts[name] != "in place"] == [part]
        (violation,) = found.violations
        left, top, right, bottom = violation.box
        # The figure is scaled by at most 14% and moved by at most 1 pixel.
        assert abs((left + right) / 2 - middle[0]) < 2.5
        assert abs((top + bottom) / 2 - middle[1]) < 2.5


@pytest.mark.parametrize("degrees", [-37.0, -21.0, 8.0, 26.0])
def test_a_view_between_the_angles_is_consistent(degrees):
    hull, right, top = shapes.box_coverage(
        np.array([degrees]), np.array([14.0]), np.array([[15.3, 16.8]])
    )
    light = shapes.face_brightness(np.array([degrees]))[0]
    side = light[1] + right[0] * (light[2] - light[1])
    face = side + top[0] * (light[0] - side)
    color = np.multiply.outer(face, [0.9, 0.3, 0.2])
    image = 0.95 + hull[0, ..., None] * (color - 0.95)
    found = ruler.measure_box(np.round(image * 255).astype(np.uint8))
    assert found.consistent
    assert found.degrees == pytest.approx(degrees, abs=0.5)
    assert found.angle == min(shapes.ANGLES, key=lambda angle: abs(angle - degrees))


@pytest.mark.parametrize("family", ["perspective", "structure"])
def test_violations_are_located(family, rng):
    """A square painted on a right image is found where it is."""
    images, _ = draw(family, 50, rng)
    corner = images[:, 0, 0].copy()
    images[:, 1:6, 26:31] = 255 - corner[:, None, None]
    for found in ruler.measure_each(images, family):
        assert not found.ok
        boxes = np.array([violation.box for violation in found.violations])
        assert np.abs(boxes - [26, 1, 31, 6]).max(axis=1).min() <= 1


def test_swapped_faces_are_marked(rng):
    images = shapes.draw_box(np.full(50, 2), rng, fault="flat shading")
    for found in ruler.measure_each(images, "perspective"):
        # The right face is the most wrong one: it is in the right half and below the middle.
        boxes = [violation.box for violation in found.violations]
        assert any(x0 >= 14 and y0 >= 8 for x0, y0, _, _ in boxes)


# The rules of counting


def disc(image, x, y, radius, color=(200, 30, 40)):
    """Paints one more disc on an image."""
    inside = shapes.coverage(shapes.capsule_distance(np.array([[x, y, x, y]]), np.array([radius])))
    inside = inside[0, ..., None]
    return np.round(image + inside * (np.array(color) - image)).astype(np.uint8)


@pytest.fixture
def paper():
    return np.full((32, 32, 3), 240, np.uint8)


def test_counting_rules(paper):
    one = disc(paper, 8, 9, 3.4)
    assert ruler.measure_count(one) == ruler.DiscCount((), 1)
    other_color = disc(one, 22, 20, 3.4, (30, 60, 200))
    assert ruler.measure_count(other_color).count == 2
    speck = disc(one, 22, 20, 0.9)
    assert ruler.measure_count(speck).count == 1

    unequal = ruler.measure_count(disc(disc(paper, 8, 9, 3.9), 22, 20, 2.9))
    assert (unequal.count, unequal.reason) == (None, "unequal")
    assert unequal.violations[0].box in {(4, 5, 12, 13), (19, 17, 25, 23)}
    merged = ruler.measure_count(disc(one, 12, 11, 3.4))
    assert (merged.count, merged.reason) == (None, "merged or misshapen")
    (x0, y0, x1, y1) = merged.violations[0].box
    assert (x0, y0) == (4, 5)
    assert (x1, y1) == (16, 15)
    assert ruler.measure_count(disc(paper, 1, 16, 3.4)).reason == "cut off"
    assert ruler.measure_count(disc(paper, 16, 16, 6.0)).reason == "too large"
    faint = disc(one, 22, 20, 3.4, (222, 160, 163))  # about 0.4 of the contrast
    assert ruler.measure_count(faint).reason == "too small or faint"


@pytest.mark.parametrize("family", shapes.FAMILIES)
def test_nothing_and_noise_are_wrong(family, paper, rng):
    blank = ruler.measure_each(paper[None], family)[0]
    assert blank.violations[0].box == (0, 0, 32, 32)
    assert blank.reason in {"0 discs, never in the data", "no box", "no figure"}
    static = rng.normal(size=(50, 32, 32, 3))
    for width in (0, 1, 4):
        smooth = ndimage.gaussian_filter(static, (0, width, width, 0))
        images = np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)
        for found in ruler.measure_each(images, family):
            assert not found.ok
            assert not found.readable
            for x0, y0, x1, y1 in (violation.box for violation in found.violations):
                assert 0 <= x0 < x1 <= 32
                assert 0 <= y0 < y1 <= 32


def test_families_are_told_apart(rng):
    """The measure of one family accepts no image of another."""
    for family in shapes.FAMILIES:
        images, _ = draw(family, 100, rng)
        for other in set(shapes.FAMILIES) - {family}:
            assert not any(one.ok for one in ruler.measure_each(images, other))


@pytest.mark.parametrize("family", shapes.FAMILIES)
def test_mirrored_colors_change_no_count_and_no_part(family, rng):
    """Only the box has to do with brightness: in a negative its shading is wrong, not its view."""
    images, truth = draw(family, 100, rng)
    found = ruler.measure_each(255 - images, family)
    if family == "perspective":
        assert all("shading" in one.reason for one in found)
        assert np.mean([one.angle == angle for one, angle in zip(found, truth, strict=True)]) > 0.95
    else:
        assert [reading(one) for one in found] == truth


def test_a_batch_is_measured_as_its_pictures_are(rng):
    """Blobs do not join across images, and blocks of images do not matter."""
    measures = (
        ruler.measure_count,
        ruler.measure_box,
        ruler.measure_figure,
    )
    for family, one_by_one in zip(shapes.FAMILIES, measures, strict=True):
        images = np.concatenate([draw(family, 5, rng)[0], draw(family, 130, rng, None)[0]])
        images[::3] = draw(family, 45, rng, shapes.FAULTS[family][0])[0]
        together = ruler.measure_each(images, family)
        for image, found in zip(images[::9], together[::9], strict=True):
            alone = one_by_one(image)
            assert alone.violations == found.violations
            assert reading(alone) == reading(found)


def test_shares_by_hand(rng):
    images = np.concatenate(
        [
            shapes.draw_count([1, 3, 3, 5], rng),
            shapes.draw_count([2], rng, fault="merged"),
        ]
    )
    assert ruler.measure(images, "count") == {
        "pictures": 5,
        "wrong": 0.4,
        "unreadable": 0.2,
        "kinds": {"5 discs, never in the data": 0.2, "merged or misshapen": 0.2},
        "values": {1: 0.2, 3: 0.4, 5: 0.2, None: 0.2},
    }
    headless = shapes.draw_figure(rng, 2, fault="missing", part="head")
    shares = ruler.measure(np.concatenate([shapes.draw_figure(rng, 2), headless]), "structure")
    assert (shares["wrong"], shares["unreadable"]) == (0.5, 0.0)
    assert shares["kinds"] == {"head missing": 0.5}
    assert shares["values"] == dict.fromkeys(shapes.PARTS, 1.0) | {"head": 0.5}
