"""One image file: every kind is read right, and every bad one gives its reason."""

import os
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from gan_common.data import decode
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
    assert_centred_square_of_ramps(decode.read_picture(path, 16), *shape)


def test_a_picture_of_the_right_size_is_left_alone(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(
        decode.read_picture(save(tmp_path / "a.PNG", image, format="PNG"), 32), image
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
    read = decode.read_picture(save(tmp_path / "a.png", image, exif=exif), 8)
    np.testing.assert_array_equal(read, turned(image))


def test_a_large_jpeg_with_orientation_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x112] = 6  # the camera's left is up
    path = save(tmp_path / "a.jpg", halves(RED, BLUE, 1024), exif=exif, quality=95)
    read = decode.read_picture(path, 16).astype(int)
    np.testing.assert_allclose(read[:7], np.full((7, 16, 3), RED), atol=8)
    np.testing.assert_allclose(read[9:], np.full((7, 16, 3), BLUE), atol=8)


def test_a_broken_exif_block_does_not_cost_the_picture(tmp_path):
    path = save(tmp_path / "a.png", RED, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode.read_picture(path, 4), np.full((4, 4, 3), RED))


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.zeros((4, 4, 4), np.uint8)  # black ...
    rgba[..., 3] = np.array([0, 51, 204, 255])[:, None]  # ... of opacity 0, 0.2, 0.8, 1 by row
    read = decode.read_picture(save(tmp_path / "a.png", rgba), 4)
    np.testing.assert_array_equal(read[:, 0, 0], [255, 204, 51, 0])
    gray_alpha = save(tmp_path / "b.png", rgba[..., 2:])
    np.testing.assert_array_equal(decode.read_picture(gray_alpha, 4), read)


def test_palettes_with_and_without_a_transparent_entry(tmp_path):
    image = Image.fromarray(halves(RED, BLUE)).quantize(2)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(decode.read_picture(tmp_path / "a.png", 8), halves(RED, BLUE))
    image.save(tmp_path / "b.png", transparency=image.getpixel((0, 0)))
    read = decode.read_picture(tmp_path / "b.png", 8)
    np.testing.assert_array_equal(read[:, [0, 7]], halves(WHITE, BLUE)[:, [0, 7]])


def test_16_bit_gray_is_scaled_not_clipped(tmp_path):
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(levels * 257).save(tmp_path / "a.png")
    read = decode.read_picture(tmp_path / "a.png", 16)
    np.testing.assert_array_equal(read, np.repeat(levels[..., None], 3, axis=-1))


def test_gray_and_black_and_white(tmp_path):
    gray = np.arange(16, dtype=np.uint8).reshape(4, 4)
    read = decode.read_picture(save(tmp_path / "a.png", gray), 4)
    np.testing.assert_array_equal(read, np.repeat(gray[..., None], 3, axis=-1))
    Image.fromarray(gray > 7).save(tmp_path / "b.png")
    read = decode.read_picture(tmp_path / "b.png", 4)
    np.testing.assert_array_equal(read[..., 1], np.where(gray > 7, 255, 0))


def test_cmyk_jpeg(tmp_path):
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    cmyk.save(tmp_path / "a.jpeg", quality=95)
    read = decode.read_picture(tmp_path / "a.jpeg", 8).astype(int)
    np.testing.assert_allclose(read, np.full((8, 8, 3), RED), atol=6)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_the_first_frame_of_an_animation(tmp_path, kind):
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, BLUE)]
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(
        tmp_path / "a.png", kind, save_all=True, append_images=frames[1:], duration=9, **options
    )
    read = decode.read_picture(tmp_path / "a.png", 8)
    np.testing.assert_array_equal(read, np.full((8, 8, 3), RED))


def test_one_pixel_becomes_a_plain_picture(tmp_path):
    read = decode.read_picture(save(tmp_path / "a.png", np.full((1, 1, 3), RED)), 32)
    np.testing.assert_array_equal(read, np.full((32, 32, 3), RED))


@pytest.mark.parametrize("size", [(20_000, 20_000), (10_000, 10_000), (2**31 - 1, 1)])
def test_bombs_are_refused_by_their_header(tmp_path, size):
    (tmp_path / "a.png").write_bytes(png_header(*size))
    start = time.perf_counter()
    with pytest.raises(UserError, match="more than 89 million pixels"):
        decode.read_picture(tmp_path / "a.png", 32)
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
            decode.read_picture(tmp_path / name, 8)
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_unreadable_picture(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "open", denied)  # root may read any file, so chmod would not do
    with pytest.raises(UserError, match=r"^Permission denied$"):
        decode.read_picture(tmp_path / "a.png", 8)


# --- kinds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("name", ["a", "a.txt", "a.png"])
def test_a_file_is_what_its_first_bytes_say(tmp_path, kind, name):
    if kind == "AVIF" and not decode.HAS_AVIF:
        pytest.skip("this Pillow has no AVIF")
    path = tmp_path / name
    Image.new("RGB", (16, 16), RED).save(path, kind)
    assert decode.kind_of_file(path) == kind
    read = decode.read_picture(path, 8).astype(int)
    np.testing.assert_allclose(read, np.full((8, 8, 3), RED), atol=4)


def box(brand, *compatible):
    content = b"ftyp" + brand + bytes(4) + b"".join(compatible)
    return struct.pack(">I", 4 + len(content)) + content


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (box(b"heic", b"mif1", b"heic"), "HEIC"),
        (box(b"mif1", b"mif1", b"heic"), "HEIC"),
        (box(b"msf1"), "HEIC"),
        (box(b"mif1", b"miaf", b"avif"), "AVIF"),
        (box(b"avis"), "AVIF"),
        (box(b"isom", b"mp42"), None),  # a film
        (box(b"qt  ") + b"heic", None),
        (b"BM is how this text begins", None),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"%!PS-Adobe-3.0 EPSF-3.0", None),
        (b"\x89PN", None),
        (b"", None),
    ],
)
def test_what_first_bytes_say(head, kind):
    assert decode.kind_of(head) == kind


def test_kinds_that_are_not_read_are_explained(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(box(b"heic", b"heic"))
    (tmp_path / "b.png").write_bytes(box(b"avif"))
    save(tmp_path / "c.tif").rename(tmp_path / "c.NEF")
    Image.new("F", (4, 4)).save(tmp_path / "d.tif")
    Image.fromarray(np.full((4, 4), 70_000, np.int32)).save(tmp_path / "e.tif")
    monkeypatch.setattr(decode, "HAS_AVIF", False)
    for name, says in (
        ("a.jpg", "HEIC: convert to JPEG or PNG first"),
        ("b.png", "AVIF: convert to JPEG or PNG first, or install Pillow 11.3 or later"),
        ("c.NEF", "camera raw: export as JPEG or PNG first"),
        ("d.tif", "numbers with a fraction: save with 8 or 16 bits first"),
        ("e.tif", "samples of 32 bits: save with 8 or 16 bits first"),
    ):
        with pytest.raises(decode.OtherKindError) as caught:
            decode.read_picture(tmp_path / name, 8)
        assert str(caught.value) == says


# --- fit -----------------------------------------------------------------------------------------


def test_pad_adds_bars_in_the_mean_of_the_edges_beside_them(tmp_path):
    image = np.zeros((4, 8, 3), np.uint8)
    image[0], image[-1] = (10, 20, 30), (30, 40, 51)  # top and bottom, beside which the bars are
    path = save(tmp_path / "a.png", image)
    read = decode.read_picture(path, 8, "pad")
    np.testing.assert_array_equal(read[2:6], image)
    np.testing.assert_array_equal(read[[0, 1, 6, 7]], np.full((4, 8, 3), (20, 30, 40)))
    turned = save(tmp_path / "b.png", image.swapaxes(0, 1))
    np.testing.assert_array_equal(decode.read_picture(turned, 8, "pad"), read.swapaxes(0, 1))


def test_a_transparent_image_is_padded_in_white(tmp_path):
    path = save(tmp_path / "a.png", np.zeros((4, 8, 4), np.uint8))
    np.testing.assert_array_equal(decode.read_picture(path, 8, "pad"), np.full((8, 8, 3), 255))


def test_stretch_keeps_all_of_an_image(tmp_path):
    image = np.repeat(halves(RED, BLUE, 8), 4, axis=1)  # 8 high, 32 wide
    read = decode.read_picture(save(tmp_path / "a.png", image), 8, "stretch")
    np.testing.assert_array_equal(read[:, [0, 7]], halves(RED, BLUE)[:, [0, 7]])


@pytest.mark.parametrize("fit", decode.FITS)
@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (7, 7)])
def test_every_shape_fits(tmp_path, fit, shape):
    path = save(tmp_path / "a.png", np.full((*shape, 3), RED))
    np.testing.assert_array_equal(decode.read_picture(path, 8, fit), np.full((8, 8, 3), RED))


# --- gray ----------------------------------------------------------------------------------------


def test_gray_is_what_has_equal_channels():
    levels = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    image = np.repeat(levels, 3, axis=-1)
    np.testing.assert_array_equal(decode.gray_of(image), levels)
    image[2, 3, 0] += 2  # as lossy formats give it back
    np.testing.assert_allclose(decode.gray_of(image)[2, 3], [12], atol=1)
    image[2, 3, 0] += 1
    assert decode.gray_of(image) is None


# --- 16 bits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", decode.DEPTHS)
def test_the_largest_value_of_so_many_bits_is_white(tmp_path, bits):
    top = 2**bits - 1
    samples = np.array([[0, top // 2], [top, top // 4]], np.uint16)
    for name in ("a.png", "a.tif"):
        Image.fromarray(samples).save(tmp_path / name)
        read = decode.read_picture(tmp_path / name, 2)
        np.testing.assert_array_equal(read[..., 0], np.rint(samples * (255 / top)))
        assert decode.largest_depth([tmp_path / name]) == bits


def test_a_depth_that_is_given_holds_for_dark_images_too(tmp_path):
    Image.fromarray(np.array([[0, 255, 4095, 65535]], np.uint16)).save(tmp_path / "a.png")
    read = decode.read_picture(tmp_path / "a.png", 4, "stretch", lambda samples: 12)
    np.testing.assert_array_equal(read[0, :, 0], [0, 16, 255, 255])


def chunk(kind, content):
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(samples, color_type, *more):
    """A PNG of 16-bit samples (H, W, C), which Pillow does not write."""
    height, width, _ = samples.shape
    header = struct.pack(">2I5B", width, height, 16, color_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    body = [*more, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(body)


def tiff(samples, order):
    """An uncompressed TIFF of 16-bit samples (H, W, 3), little or big endian."""
    height, width, _ = samples.shape
    pixels = samples.astype(order + "u2").tobytes()
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, 8 + len(pixels)),  # where 16, 16, 16 stand
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, len(pixels)),
    ]
    table = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        table += struct.pack(order + "2HI", tag, kind, count)
        short = kind == 3 and count == 1
        table += struct.pack(order + ("HH" if short else "I"), *((value, 0) if short else (value,)))
    start = struct.pack(order + "HI", 42, 8 + len(pixels) + 6)
    mark = b"II" if order == "<" else b"MM"
    return mark + start + pixels + struct.pack(order + "3H", 16, 16, 16) + table + bytes(4)


@pytest.mark.parametrize(
    "make", [lambda s: png(s, 2), lambda s: tiff(s, "<"), lambda s: tiff(s, ">")]
)
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_color_of_16_bits_keeps_its_contrast(tmp_path, make, bits):
    top = 2**bits - 1
    samples = np.array([[[0, top, top // 2], [top // 3, 1, top]]] * 2, np.uint16)
    (tmp_path / "a.png").write_bytes(make(samples))
    read = decode.read_picture(tmp_path / "a.png", 2)
    np.testing.assert_allclose(read, samples * (255 / top), atol=1)
    assert decode.largest_depth([tmp_path / "a.png"]) == bits


def test_16_bit_color_with_opacity(tmp_path):
    samples = np.array([[[4095, 0, 0, 65535], [4095, 0, 0, 0]]] * 2, np.uint16)
    (tmp_path / "a.png").write_bytes(png(samples, 6))
    read = decode.read_picture(tmp_path / "a.png", 2)
    np.testing.assert_array_equal(read[0], [RED, WHITE])


def test_16_bit_gray_is_turned_upright_too(tmp_path):
    exif = Image.Exif()
    exif[0x112] = 3
    samples = np.array([[0, 65535], [0, 65535]], np.uint16)
    Image.fromarray(samples).save(tmp_path / "a.png", exif=exif)
    read = decode.read_picture(tmp_path / "a.png", 2)
    np.testing.assert_array_equal(read[..., 0], [[255, 0], [255, 0]])


# --- texts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(2**21)))],
        [chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(2**21)))],
        [chunk(b"iTXt", b"comment\0\1\0\0\0" + zlib.compress(bytes(2**21)))],
        [chunk(b"tEXt", b"comment\0" + bytes(2**20))] * 66,  # of 64 MB that Pillow allows
    ],
)
def test_a_png_with_much_text_is_a_png(tmp_path, chunks):
    samples = np.full((4, 4, 3), (65535, 0, 0), np.uint16)
    (tmp_path / "a.png").write_bytes(png(samples, 2, *chunks))
    with pytest.raises(ValueError, match=r"(?i)too large|too much"):
        Image.open(tmp_path / "a.png").load()
    read = decode.read_picture(tmp_path / "a.png", 4)
    np.testing.assert_array_equal(read, np.full((4, 4, 3), RED))


def test_pixels_that_would_not_fit_are_not_kept(tmp_path, monkeypatch):
    profile = chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(2**21)))
    noise = np.random.default_rng(0).integers(0, 2**16, (32, 32, 3), np.uint16)
    (tmp_path / "a.png").write_bytes(png(noise, 2, profile))
    monkeypatch.setattr(decode, "MOST_BYTES", 2**12)
    with pytest.raises(UserError, match=r"^more than 0 MB$"):
        decode.read_picture(tmp_path / "a.png", 4)
