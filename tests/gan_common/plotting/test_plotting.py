"""Grids pixel by pixel; GIFs and figures by what a reader of the file finds in it."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gan_common import plotting
from gan_common.errors import UserError
from gan_common.plotting import canvas

GRAY = 216  # between the images


def solid(*values, size=(2, 3), channels=1):
    """One image of a single value for each argument."""
    return np.stack([np.full((*size, channels), value, np.uint8) for value in values])


def noise(n, height=28, width=28, channels=1, seed=0):
    shape = n, height, width, channels
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# tile


def test_tile_by_hand():
    """Three 1×2 images in two columns, one pixel apart: the cell that is left over is gray."""
    grid = plotting.tile(solid(1, 2, 3, size=(1, 2)), columns=2, padding=1)
    expected = [
        [1, 1, GRAY, 2, 2],
        [GRAY] * 5,
        [3, 3, GRAY, GRAY, GRAY],
    ]
    np.testing.assert_array_equal(grid[..., 0], expected)
    assert grid.dtype == np.uint8


def test_tile_without_padding_is_the_pictures_side_by_side():
    images = noise(6, 4, 5, 3)
    grid = plotting.tile(images, columns=3, padding=0)
    np.testing.assert_array_equal(grid[:4], np.concatenate(images[:3], axis=1))
    np.testing.assert_array_equal(grid[4:], np.concatenate(images[3:], axis=1))


def test_floats_from_minus_one_to_one_are_scaled_and_a_hair_more_is_clipped():
    values = np.array([-1.005, -1, 0, 0.5, 1, 1.005], np.float32).reshape(1, 1, 6, 1)
    expected = [0, 0, 128, 191, 255, 255]  # (x + 1) · 127.5, rounded
    np.testing.assert_array_equal(plotting.tile(values)[0, :, 0], expected)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 13, 64])
def test_every_picture_is_found_in_the_grid_whatever_their_number(n):
    images = noise(n, 3, 3)
    grid = plotting.tile(images, padding=2)
    columns = int(np.ceil(np.sqrt(n)))
    for i, image in enumerate(images):
        top, left = 5 * (i // columns), 5 * (i % columns)
        np.testing.assert_array_equal(grid[top : top + 3, left : left + 3], image)
    assert grid.shape[1] == 5 * min(columns, n) - 2


def test_scale_repeats_every_pixel_of_pictures_and_padding():
    images = noise(5, 4, 3, 4)
    small = plotting.tile(images, columns=3, padding=1)
    large = plotting.tile(images, columns=3, padding=1, scale=3)
    np.testing.assert_array_equal(large, small.repeat(3, axis=0).repeat(3, axis=1))


@pytest.mark.parametrize("channels", [2, 5])
def test_other_channels_are_shown_side_by_side_and_none_is_dropped(channels):
    image = noise(1, 4, 4, channels)
    expected = np.concatenate([image[0, :, :, c] for c in range(channels)], axis=1)
    np.testing.assert_array_equal(plotting.tile(image)[..., 0], expected)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_labels_are_written_below_and_leave_the_pictures_alone(channels):
    images = noise(2, 30, 30, channels)
    plain = plotting.tile(images)
    labelled = plotting.tile(images, labels=["a cat", 7])
    np.testing.assert_array_equal(labelled[:30], plain)
    left, right = labelled[30:, :30, 0], labelled[30:, 31:, 0]
    assert left.min() < 100  # dark text
    assert right.min() < 100
    assert (left != right).any()
    assert left.max() == GRAY


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.zeros((28, 28, 1), np.uint8), {}, r"Received: shape=\(28, 28, 1\)"),
        (np.zeros((0, 28, 28, 1), np.uint8), {}, r"Received: shape=\(0, 28, 28, 1\)"),
        (np.zeros((1, 2, 2, 1), np.int64), {}, "Received: dtype=int64"),
        (np.full((1, 2, 2, 1), 255.0), {}, "Received: from 255 to 255"),
        (np.full((1, 2, 2, 1), np.nan), {}, "Received: from nan"),
        (solid(1, 2), {"labels": ["one"]}, "must be 2, one per image. Received: 1"),
        (solid(1, 2), {"columns": 0}, "Received: columns=0"),
        (solid(1, 2), {"padding": -1}, "Received: padding=-1"),
        (solid(1, 2), {"scale": 1.5}, "Received: scale=1.5"),
    ],
)
def test_what_is_no_picture_is_refused(images, options, message):
    with pytest.raises(ValueError, match=message):
        plotting.tile(images, **options)


# save_grid


def test_a_grid_of_digits_is_enlarged_to_about_600_pixels_without_loss(tmp_path):
    images = noise(64) // 200 * 200  # few grays, so that it stays small
    plotting.save_grid(tmp_path / "new" / "grid.png", images)
    picture = np.asarray(Image.open(tmp_path / "new" / "grid.png"))
    np.testing.assert_array_equal(picture, plotting.tile(images, scale=3)[..., 0])
    assert 500 <= picture.shape[1] <= 700


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA"), (2, "L")])
def test_a_grid_is_read_back_as_it_was(tmp_path, channels, mode):
    images = noise(7, 9, 8, channels)
    plotting.save_grid(tmp_path / "grid.png", images, columns=4, labels=range(7))
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.mode == mode
        scale = min(8, round(600 / (4 * 8 * (2 if channels == 2 else 1))))
        expected = plotting.tile(images, columns=4, labels=range(7), scale=scale)
        np.testing.assert_array_equal(np.asarray(picture).reshape(expected.shape), expected)


@pytest.mark.parametrize(("size", "channels"), [(64, 3), (128, 3), (96, 4)])
def test_a_grid_keeps_size_and_colors(tmp_path, size, channels):
    images = noise(64, size, size, channels)
    plotting.save_grid(tmp_path / "grid.png", images)
    with Image.open(tmp_path / "grid.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), plotting.tile(images))


@pytest.mark.parametrize(("size", "channels"), [(32, 3), (64, 3), (96, 4)])
def test_even_noise_is_kept_small_where_that_is_asked_for(tmp_path, size, channels):
    plotting.save_grid(tmp_path / "grid.png", noise(64, size, size, channels), max_bytes=200_000)
    assert (tmp_path / "grid.png").stat().st_size <= 200_000
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.width > 200


def test_a_small_file_is_first_enlarged_less_then_of_fewer_colors_and_never_shrunk_unasked(
    tmp_path,
):
    images = noise(64, 16, 16, 3)  # 49,152 bytes of noise, four times enlarged
    path = tmp_path / "grid.png"
    plotting.save_grid(path, images, max_bytes=70_000, shrink=False)
    with Image.open(path) as picture:
        scale = int(picture.info["enlarged"])
        assert scale < 4
        np.testing.assert_array_equal(np.asarray(picture), plotting.tile(images, scale=scale))
    plotting.save_grid(path, images, max_bytes=1_000, shrink=False)
    with Image.open(path) as picture:
        assert (picture.mode, picture.info["enlarged"]) == ("P", "1")
        assert picture.size == plotting.tile(images).shape[1::-1]
        shown = np.asarray(picture.convert("RGB")).astype(int)
        assert np.abs(shown - plotting.tile(images)).mean() < 30


def test_columns_stand_side_by_side_under_their_names(tmp_path):
    red, gray = np.zeros((2, 8, 8, 3), np.uint8), np.full((2, 8, 8, 1), 90, np.uint8)
    red[..., 0] = 250
    plotting.save_columns(tmp_path / "it.png", {"red": red, "a long name": gray}, width=160)
    with Image.open(tmp_path / "it.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    height, width = pixels.shape[:2]
    assert pixels[height - 20, width // 4].tolist() == [250, 0, 0]
    assert pixels[height - 20, 3 * width // 4].tolist() == [90, 90, 90]
    assert height > width  # the names are above
    with pytest.raises(ValueError, match="one number and size"):
        plotting.save_columns(tmp_path / "it.png", {"red": red, "one": gray[:1]})


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "grid.png"
    plotting.save_grid(path, solid(1))
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match=r"grid\.png: cannot be written: No space left on device"):
        plotting.save_grid(path, solid(2))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["grid.png"]


def test_a_folder_that_is_a_file_is_reported_in_one_line(tmp_path):
    (tmp_path / "samples").write_text("")
    with pytest.raises(UserError, match=r"samples.grid\.png: cannot be written") as caught:
        plotting.save_grid(tmp_path / "samples" / "grid.png", solid(1))
    assert "\n" not in str(caught.value)


# save_gif


def read_gif(path):
    """Frames as RGB arrays, and how long each stays."""
    with Image.open(path) as gif:
        frames, durations = [], []
        for index in range(gif.n_frames):
            gif.seek(index)
            frames.append(np.asarray(gif.convert("RGB")))
            durations.append(gif.info["duration"])
        return frames, durations, gif.info.get("loop")


def test_a_gif_shows_the_frames_in_order_and_rests_on_the_last(tmp_path):
    frames = [plotting.tile(solid(value, size=(8, 8))) for value in (0, 51, 102, 255)]
    plotting.save_gif(tmp_path / "s.gif", frames, milliseconds=120)
    shown, durations, loop = read_gif(tmp_path / "s.gif")
    assert [int(frame.min()) for frame in shown] == [0, 51, 102, 255]
    assert durations == [120, 120, 120, 2120]
    assert loop == 0  # for ever


def test_too_many_frames_are_thinned_evenly_with_first_and_last(tmp_path):
    frames = [np.full((8, 8, 1), 17 * value, np.uint8) for value in range(16)]
    plotting.save_gif(tmp_path / "s.gif", frames, max_frames=4)
    shown, _, _ = read_gif(tmp_path / "s.gif")
    assert [int(frame.min()) // 17 for frame in shown] == [0, 5, 10, 15]


def test_a_gif_of_saved_grids_undoes_their_enlargement_before_its_own(tmp_path):
    """28-pixel digits in a PNG of three times the size: in the GIF twice, every pixel sharp."""
    batches = [noise(64, seed=seed) // 128 * 255 for seed in range(3)]
    for index, batch in enumerate(batches):
        plotting.save_grid(tmp_path / f"{index}.png", batch)
    plotting.save_gif(tmp_path / "s.gif", [tmp_path / f"{index}.png" for index in range(3)])
    shown, _, _ = read_gif(tmp_path / "s.gif")
    for frame, batch in zip(shown, batches, strict=True):
        expected = plotting.tile(batch, scale=2)
        np.testing.assert_array_equal(np.round(frame[..., :1] / 255), np.round(expected / 255))


def test_a_gif_takes_in_grids_of_one_shape_in_different_sizes(tmp_path):
    """The first grid was shrunk to keep its file small, the second is one flat color."""
    last = noise(4, seed=1) // 128 * 255
    frames = [
        plotting.tile(noise(4, 14, 14), padding=0),
        np.full((56, 56, 1), 51, np.uint8),
        plotting.tile(last, padding=0),
    ]
    plotting.save_gif(tmp_path / "s.gif", frames, max_width=56)
    shown, _, _ = read_gif(tmp_path / "s.gif")
    np.testing.assert_array_equal(shown[1], 51)
    np.testing.assert_array_equal(shown[2][..., :1], frames[2])


def test_a_gif_takes_in_gray_frames_among_colored_ones(tmp_path):
    frames = [np.full((8, 8, 1), 51, np.uint8), solid([250, 0, 0], size=(8, 8), channels=3)[0]]
    for name, order in (("one", frames), ("other", frames[::-1])):
        plotting.save_gif(tmp_path / f"{name}.gif", order)
    shown = read_gif(tmp_path / "one.gif")[0] + read_gif(tmp_path / "other.gif")[0][::-1]
    for index, expected in enumerate([[51, 51, 51], [250, 0, 0]] * 2):
        np.testing.assert_allclose(shown[index][3, 3], expected, atol=3)


def test_colors_survive_and_transparency_becomes_white(tmp_path):
    red = np.zeros((8, 8, 4), np.uint8)
    red[:, :4] = 200, 10, 30, 255
    blue = np.zeros((8, 8, 4), np.uint8)
    blue[:, :4] = 10, 30, 200, 255
    plotting.save_gif(tmp_path / "s.gif", [red, blue])
    shown, _, _ = read_gif(tmp_path / "s.gif")
    np.testing.assert_allclose(shown[0][0, 0], [200, 10, 30], atol=3)
    np.testing.assert_allclose(shown[1][0, 0], [10, 30, 200], atol=3)
    np.testing.assert_array_equal(shown[0][0, -1], [255, 255, 255])


def test_a_gif_that_would_be_too_large_loses_size_then_frames_but_not_the_last(tmp_path):
    frames = list(noise(5, 160, 160, 3))
    frames[-1][:] = 255
    for name, limit in (("all", 1_000_000), ("small", 200_000), ("few", 60_000)):
        plotting.save_gif(tmp_path / f"{name}.gif", frames, max_bytes=limit)
        assert (tmp_path / f"{name}.gif").stat().st_size <= limit
    found = [read_gif(tmp_path / f"{name}.gif")[0] for name in ("all", "small", "few")]
    assert [shown[0].shape for shown in found] == [(480, 480, 3), (160, 160, 3), (160, 160, 3)]
    assert [len(shown) for shown in found[:2]] == [5, 5]
    assert 2 <= len(found[2]) < 5
    assert all(shown[-1].min() == 255 for shown in found)


def test_wide_frames_are_shrunk(tmp_path):
    frames = [noise(1, 300, 1800, seed=seed)[0] for seed in range(2)]
    plotting.save_gif(tmp_path / "s.gif", frames, max_width=450)
    assert read_gif(tmp_path / "s.gif")[0][0].shape == (75, 450, 3)


def test_what_makes_no_gif_is_refused(tmp_path):
    path = tmp_path / "s.gif"
    with pytest.raises(ValueError, match="Received: 0"):
        plotting.save_gif(path, [])
    with pytest.raises(ValueError, match=r"Received: \[\(4, 4\), \(8, 4\)\]"):
        plotting.save_gif(path, [np.zeros((4, 4, 1), np.uint8), np.zeros((4, 8, 1), np.uint8)])
    with pytest.raises(ValueError, match="Received: milliseconds=0"):
        plotting.save_gif(path, [np.zeros((4, 4, 1), np.uint8)], milliseconds=0)
    (tmp_path / "broken.png").write_bytes(b"not an image")
    for name in ("broken.png", "missing.png"):
        with pytest.raises(UserError, match=f"cannot read the image .*{name}"):
            plotting.save_gif(path, [tmp_path / name])
    assert not path.exists()


# figures


@pytest.fixture
def drawn(monkeypatch):
    """The matplotlib figures that get saved."""
    figures = []
    save = canvas.save

    def keep(path, figure, **options):
        figures.append(figure)
        save(path, figure, **options)

    monkeypatch.setattr(canvas, "save", keep)
    return figures


def training(n):
    return [
        {
            "step": 10 * i,
            "d_loss": 1 + 0.1 * (i % 2),
            "g_loss": 2.0,
            "d_real_accuracy": 0.75,
            "d_fake_accuracy": 0.5,
            "images_per_second": 100,
        }
        for i in range(n)
    ]


def lines_of(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def test_loss_curves_show_losses_above_and_accuracies_below(tmp_path, drawn):
    plotting.loss_curves(tmp_path / "c.png", training(20), title="mnist5k")
    losses, accuracy = drawn[0].axes
    assert drawn[0].get_suptitle() == "mnist5k"
    assert set(lines_of(losses)) == {"discriminator", "generator"}
    assert set(lines_of(accuracy)) == {"discriminator on real", "discriminator on generated"}
    np.testing.assert_array_equal(lines_of(losses)["generator"].get_xdata(), 10 * np.arange(20))
    np.testing.assert_array_equal(lines_of(losses)["generator"].get_ydata(), 2)
    np.testing.assert_array_equal(lines_of(accuracy)["discriminator on real"].get_ydata(), 0.75)
    assert all(ax.get_title() and ax.get_ylabel() and ax.get_legend() for ax in drawn[0].axes)
    assert accuracy.get_xlabel() == "step"
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.size == (800, 580)


def test_loss_curves_read_the_texts_of_a_csv_and_leave_gaps(tmp_path, drawn):
    rows = [
        {"step": "2", "d_loss": "0.5", "d_gradient_norm": "3"},
        {"step": "1", "d_loss": "", "d_gradient_norm": "4"},
        {"step": "3", "d_loss": "nan", "d_gradient_norm": None},
        {"step": "4", "d_loss": "inf"},
    ]
    plotting.loss_curves(tmp_path / "c.png", rows)
    losses, norms = drawn[0].axes
    line = lines_of(losses)["discriminator"]
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
    np.testing.assert_array_equal(line.get_ydata(), [np.nan, 0.5, np.nan, np.nan])
    assert norms.get_yscale() == "log"


def test_many_points_are_smoothed_by_a_mean_that_is_right_at_the_ends(tmp_path, drawn):
    plotting.loss_curves(tmp_path / "c.png", training(1000))
    smooth = lines_of(drawn[0].axes[0])
    np.testing.assert_allclose(smooth["generator"].get_ydata(), 2, rtol=1e-12)
    np.testing.assert_allclose(smooth["discriminator"].get_ydata(), 1.05, atol=0.01)


def test_bands_are_shaded_where_they_are_and_named_once(tmp_path, drawn):
    bands = [(10, 40, "collapse"), (60, 80, "D too strong"), (100, 120, "collapse")]
    plotting.loss_curves(tmp_path / "c.png", training(20), bands)
    losses, accuracy = drawn[0].axes
    names = [text.get_text() for text in losses.get_legend().get_texts()]
    assert names == ["discriminator", "generator", "collapse", "D too strong"]
    for ax in (losses, accuracy):
        spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches]
        assert spans == [(10, 40), (60, 80), (100, 120)]
        colors = [patch.get_facecolor() for patch in ax.patches]
        assert colors[0] == colors[2] != colors[1]


def test_curves_without_anything_to_draw_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Received: \[\]"):
        plotting.loss_curves(tmp_path / "c.png", [])
    with pytest.raises(ValueError, match=r"Received: columns.*seconds"):
        plotting.loss_curves(tmp_path / "c.png", [{"step": 1, "seconds": 2}])


def test_comparison_writes_each_number_at_its_bar(tmp_path, drawn):
    values = {"reference": 35.25, "dcgan": 9.5}
    plotting.comparison(tmp_path / "b.png", values, "FID", "FID", {"dcgan": 0.5}, floor=0.75)
    (ax,) = drawn[0].axes
    assert [bar.get_width() for bar in ax.patches] == [35.25, 9.5]
    assert [text.get_text() for text in ax.texts] == ["35.25", "9.5 ± 0.5"]
    assert ax.get_legend().get_texts()[0].get_text() == "real images: 0.75"
    with pytest.raises(ValueError, match=r"Received: {'x': nan}"):
        plotting.comparison(tmp_path / "b.png", {"x": float("nan")}, "FID", "FID")


def test_error_curves_have_a_color_a_kind_and_a_line_a_run(tmp_path, drawn):
    curves = {"SSGAN": [([1, 2], [8, 2]), ([1, 2], [9, 0])], "baseline": [([1], [50])]}
    plotting.error_curves(tmp_path / "e.png", curves, "MNIST")
    (ax,) = drawn[0].axes
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [8, 2])
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [9, np.nan])  # no logarithm of 0
    colors = [line.get_color() for line in ax.lines]
    assert colors[0] == colors[1] != colors[2]
    assert [line.get_marker() for line in ax.lines] == ["None", "None", "o"]  # one look is a point
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["SSGAN", "baseline"]
    with pytest.raises(ValueError, match="at least one run"):
        plotting.error_curves(tmp_path / "e.png", {"SSGAN": []}, "MNIST")


def test_confusion_matrix_by_hand(tmp_path, drawn):
    """3 + 1 of 8 are right.  The color is the share of the true class: ¾, ¼ in the first row."""
    matrix = np.array([[3, 1, 0], [2, 1, 1], [0, 0, 0]])
    plotting.confusion_matrix(tmp_path / "m.png", matrix, ["cat", "dog", "emu"])
    (ax,) = drawn[0].axes
    assert drawn[0].get_suptitle() == "Confusion matrix: 50.00% right"
    shares = [[0.75, 0.25, 0], [0.5, 0.25, 0.25], [0, 0, 0]]
    np.testing.assert_allclose(ax.images[0].get_array(), shares)
    texts = {text.get_position(): text.get_text() for text in ax.texts}  # (column, row)
    assert texts == {(0, 0): "3", (1, 0): "1", (0, 1): "2", (1, 1): "1", (2, 1): "1"}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    with pytest.raises(ValueError, match=r"must be \(2, 2\).*Received: shape=\(3, 3\)"):
        plotting.confusion_matrix(tmp_path / "m.png", matrix, ["cat", "dog"])


def test_marked_pictures_frame_the_pixels_that_are_named(tmp_path, drawn):
    wrong = solid(90, 180, size=(8, 8), channels=3)
    boxes = [[(1, 2, 4, 3), (0, 0, 8, 8)], []]
    rows = [
        ("real", solid(10, 20, 30, size=(8, 8), channels=1), [], []),
        (
            "wrong",
            wrong,
            boxes,
            ["five discs", "a text that is far too long for one small image"],
        ),
    ]
    plotting.marked_pictures(tmp_path / "marked.png", rows, title="Faults")
    (figure,) = drawn
    real, marked = figure.subfigs
    assert (figure.get_suptitle(), marked.get_suptitle()) == ("Faults", "wrong")
    assert [len(ax.images) for ax in real.axes] == [1, 1, 1]
    assert [len(ax.images) for ax in marked.axes] == [1, 1, 0]
    np.testing.assert_array_equal(marked.axes[1].images[0].get_array(), wrong[1])
    # Each frame is drawn twice, red on white; pixel 0 reaches from -0.5 to 0.5.
    frames = [(line.get_xdata(), line.get_ydata()) for line in marked.axes[0].lines]
    around = [(min(x), min(y), max(x), max(y)) for x, y in frames]
    assert around == [(0.5, 1.5, 3.5, 2.5)] * 2 + [(-0.5, -0.5, 7.5, 7.5)] * 2
    assert not marked.axes[1].lines
    first, second, nothing = (ax.get_xlabel() for ax in marked.axes)
    assert (first, nothing) == ("five discs", "")
    assert " ".join(second.split()) == "a text that is far too long for …"


def test_marked_pictures_keep_their_colors(tmp_path):
    colors = noise(2, 16, 16, channels=3)  # 512 of them
    plotting.marked_pictures(tmp_path / "marked.png", [("", colors, [], [])], title="")
    with Image.open(tmp_path / "marked.png") as file:
        found = {tuple(pixel) for pixel in np.asarray(file).reshape(-1, 3).tolist()}
    assert {tuple(pixel) for pixel in colors.reshape(-1, 3).tolist()} <= found


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "at least one image"),
        ([("a", solid(1, channels=3)[:0], [], [])], "at least one image"),
        ([("a", solid(1, 2), [[]], [])], "boxes of 'a' must be 2 or none. Received: 1"),
        ([("a", solid(1, 2), [], ["x"])], "captions of 'a' must be 2 or none. Received: 1"),
    ],
)
def test_marks_that_do_not_fit_are_refused(rows, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        plotting.marked_pictures(tmp_path / "marked.png", rows, title="")


def test_matplotlib_is_not_imported_until_a_figure_is_drawn_and_pyplot_never(tmp_path):
    code = (
        "import sys; from gan_common import plotting\n"
        "assert 'matplotlib' not in sys.modules\n"
        f"plotting.loss_curves({str(tmp_path / 'c.png')!r}, [{{'step': 1, 'd_loss': 1}}])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=60)
    assert (tmp_path / "c.png").exists()


def test_a_png_says_that_its_colors_are_srgb(tmp_path):
    plotting.save_grid(tmp_path / "grid.png", noise(4, channels=3))
    with Image.open(tmp_path / "grid.png") as image:
        assert image.info["srgb"] == 0
