"""A person's folder of images: every kind is read right, every bad one is named and skipped."""

import os
import shutil
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from gan_common import data
from gan_common.data import pictures
from gan_common.errors import UserError


def save(path, array=(9, 99, 199), **options):
    """Save an array, or one color as 4×4 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.asarray(array, np.uint8)
    Image.fromarray(np.full((4, 4, 3), array) if array.ndim == 1 else array).save(path, **options)
    return path


def halves(left, right, size=8):
    """An image of two colors side by side."""
    image = np.zeros((size, size, 3), np.uint8)
    image[:, : size // 2], image[:, size // 2 :] = left, right
    return image


RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def png_header(width, height):
    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    )


# --- one image -----------------------------------------------------------------------------------


def ramps(height, width):
    """Red is the row number, green the column number."""
    rows, columns = np.indices((height, width))
    return np.stack([rows, columns, 0 * rows], axis=-1).astype(np.uint8)


def assert_centred_square_of_ramps(resized, height, width):
    # Pixel i covers [i, i + 1] · side / size of the square; a filter that sums to 1 leaves a ramp
    # what it is, but for rounding, away from the image's edges.
    size = len(resized)
    side = min(height, width)
    middles = (np.arange(size) + 0.5) * side / size - 0.5
    rows, columns = (height - side) / 2 + middles, (width - side) / 2 + middles
    inner = slice(2, -2)
    resized = resized[inner, inner].astype(float)
    np.testing.assert_allclose(resized[..., 0], rows[inner, None] + 0 * columns[inner], atol=0.6)
    np.testing.assert_allclose(resized[..., 1], columns[inner] + 0 * rows[inner, None], atol=0.6)


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (41, 96), (20, 30)])
def test_the_centred_square_is_taken(tmp_path, shape):
    path = save(tmp_path / "a.png", ramps(*shape))
    assert_centred_square_of_ramps(pictures.read_picture(path, 16), *shape)


def test_a_picture_of_the_right_size_is_left_alone(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(
        pictures.read_picture(save(tmp_path / "a.PNG", image, format="PNG"), 32), image
    )


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.swapaxes(0, 1)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a.swapaxes(0, 1)[::-1, ::-1]),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
def test_exif_orientation_is_applied(tmp_path, orientation, turned):
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    exif = Image.Exif()
    exif[0x112] = orientation
    read = pictures.read_picture(save(tmp_path / "a.png", image, exif=exif), 8)
    np.testing.assert_array_equal(read, turned(image))


def test_a_large_jpeg_with_orientation_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x112] = 6  # the camera's left is up
    path = save(tmp_path / "a.jpg", halves(RED, BLUE, 1024), exif=exif, quality=95)
    read = pictures.read_picture(path, 16).astype(int)
    np.testing.assert_allclose(read[:7], np.full((7, 16, 3), RED), atol=8)
    np.testing.assert_allclose(read[9:], np.full((7, 16, 3), BLUE), atol=8)


def test_a_broken_exif_block_does_not_cost_the_picture(tmp_path):
    path = save(tmp_path / "a.png", RED, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    np.testing.assert_array_equal(pictures.read_picture(path, 4), np.full((4, 4, 3), RED))


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.zeros((4, 4, 4), np.uint8)  # black ...
    rgba[..., 3] = np.array([0, 51, 204, 255])[:, None]  # ... of opacity 0, 0.2, 0.8, 1 by row
    read = pictures.read_picture(save(tmp_path / "a.png", rgba), 4)
    np.testing.assert_array_equal(read[:, 0, 0], [255, 204, 51, 0])
    gray_alpha = save(tmp_path / "b.png", rgba[..., 2:])
    np.testing.assert_array_equal(pictures.read_picture(gray_alpha, 4), read)


def test_palettes_with_and_without_a_transparent_entry(tmp_path):
    image = Image.fromarray(halves(RED, BLUE)).quantize(2)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(pictures.read_picture(tmp_path / "a.png", 8), halves(RED, BLUE))
    image.save(tmp_path / "b.png", transparency=image.getpixel((0, 0)))
    read = pictures.read_picture(tmp_path / "b.png", 8)
    np.testing.assert_array_equal(read[:, [0, 7]], halves(WHITE, BLUE)[:, [0, 7]])


def test_16_bit_gray_is_scaled_not_clipped(tmp_path):
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(levels * 257).save(tmp_path / "a.png")
    read = pictures.read_picture(tmp_path / "a.png", 16)
    np.testing.assert_array_equal(read, np.repeat(levels[..., None], 3, axis=-1))


def test_gray_and_black_and_white(tmp_path):
    gray = np.arange(16, dtype=np.uint8).reshape(4, 4)
    read = pictures.read_picture(save(tmp_path / "a.png", gray), 4)
    np.testing.assert_array_equal(read, np.repeat(gray[..., None], 3, axis=-1))
    Image.fromarray(gray > 7).save(tmp_path / "b.png")
    read = pictures.read_picture(tmp_path / "b.png", 4)
    np.testing.assert_array_equal(read[..., 1], np.where(gray > 7, 255, 0))


def test_cmyk_jpeg(tmp_path):
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    cmyk.save(tmp_path / "a.jpeg", quality=95)
    read = pictures.read_picture(tmp_path / "a.jpeg", 8).astype(int)
    np.testing.assert_allclose(read, np.full((8, 8, 3), RED), atol=6)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_the_first_frame_of_an_animation(tmp_path, kind):
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, BLUE)]
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(
        tmp_path / "a.png", kind, save_all=True, append_images=frames[1:], duration=9, **options
    )
    read = pictures.read_picture(tmp_path / "a.png", 8)
    np.testing.assert_array_equal(read, np.full((8, 8, 3), RED))


def test_one_pixel_becomes_a_plain_picture(tmp_path):
    read = pictures.read_picture(save(tmp_path / "a.png", np.full((1, 1, 3), RED)), 32)
    np.testing.assert_array_equal(read, np.full((32, 32, 3), RED))


@pytest.mark.parametrize("size", [(20_000, 20_000), (10_000, 10_000), (2**31 - 1, 1)])
def test_bombs_are_refused_by_their_header(tmp_path, size):
    (tmp_path / "a.png").write_bytes(png_header(*size))
    start = time.perf_counter()
    with pytest.raises(UserError, match="more than 89 million pixels"):
        pictures.read_picture(tmp_path / "a.png", 32)
    assert time.perf_counter() - start < 1


def bad_pictures(folder):
    """Name → what is said of it."""
    whole = save(
        folder / "x.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3))
    ).read_bytes()
    (folder / "x.png").unlink()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    jpeg = save(folder / "truncated.jpg", halves(RED, BLUE, 256)).read_bytes()
    (folder / "truncated.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("<html>not found</html>")
    (folder / "postscript.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (folder / "dangling.png").symlink_to(folder / "nowhere")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "two\nlines.png").write_text("no")
    (folder / "bomb.png").write_bytes(png_header(20_000, 20_000))
    return {
        "truncated.png": "",
        "truncated.jpg": "truncated",
        "empty.png": "not an image",
        "text.jpg": "not an image",
        "postscript.png": "not an image",
        "dangling.png": "a link to none",
        "loop.png": "symbolic links",
        "pipe.png": "not a regular file",
        "two\nlines.png": "not an image",
        "bomb.png": "89 million",
    }


def test_every_kind_of_bad_picture_is_a_user_error_on_one_line(tmp_path):
    for name, reason in bad_pictures(tmp_path).items():
        with pytest.raises(UserError) as caught:
            pictures.read_picture(tmp_path / name, 8)
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_unreadable_picture(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "open", denied)  # root may read any file, so chmod would not do
    with pytest.raises(UserError, match=r"^Permission denied$"):
        pictures.read_picture(tmp_path / "a.png", 8)


# --- folders ---------------------------------------------------------------------------------------


def color_folder(folder, count, classes=("cats", "dogs & co", "été\n2")):
    """`count` images in each class, each of a color of its own."""
    for label, name in enumerate(classes):
        for i in range(count):
            save(folder / name / f"{i}.png", (label, i % 256, i // 256))
    return folder


def assert_same(a, b):
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_class_folders(tmp_path):
    loaded = data.load(f"folder:{color_folder(tmp_path, 20)}", image_size=4)
    assert loaded.class_names == ("cats", "dogs & co", "été\n2")
    assert (loaded.num_classes, loaded.image_shape) == (3, (4, 4, 3))
    assert loaded.x_unlabelled is None
    # The red channel holds the label, the green one the number of the image.
    np.testing.assert_array_equal(loaded.x_train[:, 0, 0, 0], loaded.y_train)
    np.testing.assert_array_equal(loaded.x_test[:, 3, 3, 0], loaded.y_test)
    np.testing.assert_array_equal(np.bincount(loaded.y_train), [18, 18, 18])
    np.testing.assert_array_equal(np.bincount(loaded.y_test), [2, 2, 2])
    for label in range(3):
        train = loaded.x_train[loaded.y_train == label][:, 0, 0, 1]
        test = loaded.x_test[loaded.y_test == label][:, 0, 0, 1]
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(20))
    # Not sorted by class: whoever takes the first rows gets some of each.
    assert len(set(loaded.y_train[:18])) == 3


def test_parts_follow_from_the_names_alone(tmp_path):
    first = data.load(f"folder:{color_folder(tmp_path / 'a', 12)}", image_size=4)
    shutil.copytree(tmp_path / "a", tmp_path / "elsewhere")
    assert_same(first, data.load(f"folder:{tmp_path / 'elsewhere'}", image_size=4))


@pytest.mark.parametrize(
    ("count", "held_out"), [(1, 0), (2, 1), (3, 1), (14, 1), (15, 2), (100, 10)]
)
def test_size_of_the_test_part(tmp_path, count, held_out):
    loaded = data.load(f"folder:{color_folder(tmp_path, count, ('a', 'b'))}", image_size=4)
    assert loaded.x_test.shape == (2 * held_out, 4, 4, 3)
    assert loaded.x_train.shape == (2 * (count - held_out), 4, 4, 3)


def test_a_flat_folder_is_one_class_of_32_by_32(tmp_path):
    for name in ("a.png", "b.JPG", "c.Jpeg", ".hidden.png", "notes.txt"):
        format = "PNG" if name.endswith("png") else "JPEG"
        if name != "notes.txt":
            save(tmp_path / name, format=format)
    (tmp_path / "notes.txt").write_text("n")
    (tmp_path / ".thumbnails").mkdir()
    loaded = data.load(f"folder:{tmp_path}")
    assert loaded.class_names == ("all",)
    assert loaded.image_shape == (32, 32, 3)
    assert len(loaded.x_train) + len(loaded.x_test) == 3
    assert loaded.notes == ("1 files that are not .png, .jpg, .jpeg were left out",)


def test_unlabelled_pictures_beside_classes(tmp_path):
    color_folder(tmp_path, 5, ("a", "unlabelled", "z"))
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    assert loaded.class_names == ("a", "z")
    assert set(loaded.x_train[:, 0, 0, 0]) == {0, 2}
    np.testing.assert_array_equal(np.sort(loaded.x_unlabelled[:, 0, 0, 1]), np.arange(5))
    assert set(loaded.x_unlabelled[:, 0, 0, 0]) == {1}


def test_one_bad_picture_in_a_hundred_is_skipped_and_named(tmp_path, capsys):
    color_folder(tmp_path, 50, ("a", "b"))
    (tmp_path / "a" / "7.png").write_text("no")
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    assert len(loaded.x_train) + len(loaded.x_test) == 99
    kept = np.concatenate([loaded.x_train[loaded.y_train == 0], loaded.x_test[loaded.y_test == 0]])
    assert set(kept[:, 0, 0, 1]) == set(range(50)) - {7}
    np.testing.assert_array_equal(loaded.x_train[:, 0, 0, 0], loaded.y_train)
    np.testing.assert_array_equal(loaded.x_test[:, 0, 0, 0], loaded.y_test)
    assert loaded.notes == ("1 of 100 images were skipped: 'a/7.png' (not an image)",)
    assert loaded.notes[0] in capsys.readouterr().err


def test_more_than_one_in_a_hundred_stops(tmp_path, capsys):
    color_folder(tmp_path, 50, ("a", "b"))
    (tmp_path / "a" / "7.png").write_text("no")
    (tmp_path / "b" / "two\nlines.png").write_text("no")
    with pytest.raises(UserError) as caught:
        data.load(f"folder:{tmp_path}", image_size=4)
    message = str(caught.value)
    assert "more than 1% of its 101 images are bad" in message
    assert "'a/7.png' (not an image)" in message
    assert r"'b/two\nlines.png' (not an image)" in message
    assert "\n" not in message
    assert capsys.readouterr().err == ""


def test_a_class_whose_every_picture_is_bad(tmp_path):
    color_folder(tmp_path, 150, ("a", "b"))
    for i in range(1, 150):
        (tmp_path / "b" / f"{i}.png").unlink()
    (tmp_path / "b" / "0.png").write_text("no")
    with pytest.raises(UserError, match=r"class folder 'b' .* no readable image"):
        data.load(f"folder:{tmp_path}", image_size=4)


def test_names_that_are_no_text(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    save(tmp_path / "x.png").rename(os.fsdecode(folder + b"/\xff.png"))
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    assert loaded.class_names == ("caf\ufffd",)
    loaded.class_names[0].encode()


def test_progress_has_numbers(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pictures, "PROGRESS_EVERY", 4)
    pictures.read_folder(color_folder(tmp_path, 9, ("a",)), 4)
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == [
        "4 of 9 images read, 0 skipped",
        "8 of 9 images read, 0 skipped",
    ]


def refused(tmp_path, match, name=None, **options):
    with pytest.raises(UserError, match=match) as caught:
        data.load(name or f"folder:{tmp_path}", **options)
    assert "\n" not in str(caught.value)


def test_folders_that_cannot_be_used(tmp_path):
    refused(tmp_path, "holds no images")
    refused(tmp_path, "does not exist", f"folder:{tmp_path}/two\nlines")
    (tmp_path / "file").write_text("")
    refused(tmp_path, "is not a folder", f"folder:{tmp_path}/file")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    refused(tmp_path, "is not a folder", f"folder:{tmp_path}/link")
    (tmp_path / "a").mkdir()
    refused(tmp_path, "holds no images")
    save(tmp_path / "b" / "0.png")
    refused(tmp_path, r"class folder 'a' .* \(\*\.png, \*\.jpg, \*\.jpeg\); add some, or remove")
    shutil.rmtree(tmp_path / "a")
    save(tmp_path / "top.png")
    refused(tmp_path, "'top.png'.* beside folders of images .*'b'")


def test_more_pixels_than_memory(tmp_path):
    save(tmp_path / "a.png")
    refused(tmp_path, "--image_size", image_size=1_000_000)


# --- arrays ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [12, 16, 32])
def test_resize(size):
    images = np.stack([ramps(24, 24), np.full((24, 24, 3), 7, np.uint8)])
    resized = pictures.resize(images, size)
    assert_centred_square_of_ramps(resized[0], 24, 24)
    np.testing.assert_array_equal(resized[1], np.full((size, size, 3), 7))
    # One channel is resized like each of three.
    np.testing.assert_array_equal(pictures.resize(images[..., :1], size), resized[..., :1])
