"""Grids of images, by Pillow alone; a file is kept small enough for a repository where that is asked for."""

import io
import math
import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from gan_common import files
from gan_common.plotting import fonts

ENLARGED = "enlarged"  # a grid's PNG says how many times each pixel is repeated
_BACKGROUND = 216  # light gray: sets off black images and white ones
_LABEL_HEIGHT = 14  # pixels under each image
MAX_PICTURE_BYTES = 200_000


def tile(
    images: np.ndarray,
    columns: int | None = None,
    padding: int = 1,
    labels: Sequence[object] | None = None,
    scale: int = 1,
) -> np.ndarray:
    """Lays images out in a grid, row by row, on light gray.

    Args:
      images: (N, height, width, channels), N ≥ 1; uint8, or floats in [−1, 1].  1 channel is gray,
        3 are RGB, 4 are RGBA.  Of any other number each channel is shown as a gray image of its
        own, side by side, so that nothing is left out.
      columns: images in a row; by default ⌈√N⌉.  Cells that are left over stay gray.
      padding: gray pixels between two images.
      labels: N short texts (or numbers), one under each image.
      scale: enlarges images and padding, not the text: a pixel becomes scale × scale pixels.

    Returns:
      One uint8 image, (height, width, 1, 3 or 4).

    Raises:
      ValueError: for a wrong shape, type or range, or a number of labels other than N.
    """
    images = to_uint8(images)
    count, _, _, channels = images.shape
    columns = math.ceil(math.sqrt(count)) if columns is None else columns
    for name, value, least in (
        ("columns", columns, 1),
        ("padding", padding, 0),
        ("scale", scale, 1),
    ):
        if not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name} must be an integer ≥ {least}. Received: {name}={value!r}")
    if labels is not None and len(labels) != count:
        raise ValueError(f"labels must be {count}, one per image. Received: {len(labels)}")
    if channels not in (1, 3, 4):
        images = np.concatenate(np.split(images, channels, axis=-1), axis=2)  # (N, H, C·W, 1)
    images, padding = images.repeat(scale, axis=1).repeat(scale, axis=2), padding * scale
    _, height, width, channels = images.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    row_height = height + (_LABEL_HEIGHT if labels is not None else 0) + padding
    grid = np.full(
        (rows * row_height - padding, columns * (width + padding) - padding, channels),
        _BACKGROUND,
        np.uint8,
    )
    corners = [(i // columns * row_height, i % columns * (width + padding)) for i in range(count)]
    for (top, left), image in zip(corners, images, strict=True):
        grid[top : top + height, left : left + width] = image
    if labels is None:
        return grid
    canvas = Image.fromarray(grid.squeeze(-1) if channels == 1 else grid)
    black: dict[int, Any] = {1: 0, 3: (0, 0, 0), 4: (0, 0, 0, 255)}
    draw = ImageDraw.Draw(canvas)
    for (top, left), label in zip(corners, labels, strict=True):
        font, text = fonts.for_label(str(label))
        draw.text(
            (left + width / 2, top + height + _LABEL_HEIGHT / 2),
            text,
            fill=black[channels],
            font=font,
            anchor="mm",
        )
    return np.asarray(canvas).reshape(grid.shape)


def save_grid(
    path: str | os.PathLike,
    images: np.ndarray,
    columns: int | None = None,
    padding: int = 1,
    labels: Sequence[object] | None = None,
    width: int = 600,
    max_bytes: int | None = None,
    shrink: bool = True,
) -> None:
    """Writes `tile(images, …)` as a PNG, enlarged by the whole number that brings it near `width`.

    Images keep their size and their colors, unless `max_bytes` is given: a grid that takes more is enlarged
    less, then reduced to 256 colors, then shrunk.

    Args:
      path: the file; its folder is made if need be.
      images, columns, padding, labels: as for `tile`.
      width: pixels, aimed at; small images are enlarged at most 8 times, large ones not shrunk.
      max_bytes: of the file.
      shrink: whether that may make images smaller than they are; if not, the file may be larger.

    Raises:
      ValueError: as `tile`.
      UserError: if the file cannot be written.
    """
    images = to_uint8(images)
    grid_width = tile(images, columns, padding=0).shape[1]
    scale = min(8, max(1, round(width / grid_width)))

    def grid(scale: int) -> Image.Image:
        return to_pillow(tile(images, columns, padding, labels, scale))

    def png(picture: Image.Image, scale: int | None) -> bytes:
        told = PngInfo()
        if scale is not None:
            told.add_text(ENLARGED, str(scale))  # for a GIF of such grids
        # Optimized a file of full color is 1% smaller, in 9 times the time.
        return encode(picture, "PNG", optimize=picture.mode == "P", pnginfo=told)

    data = png(grid(scale), scale)
    if max_bytes is not None and len(data) > max_bytes:
        data = _small(grid, png, scale, max_bytes, shrink)
    files.write_whole(Path(path), lambda temporary: temporary.write_bytes(data))


def save_columns(
    path: str | os.PathLike,
    columns: Mapping[str, np.ndarray],
    width: int = 900,
    max_bytes: int = MAX_PICTURE_BYTES,
) -> None:
    """Writes images side by side as a PNG, a column for each name, which stands above it.

    Args:
      path: the file; its folder is made if need be.
      columns: name → (N, height, width, channels), all of one N and size, uint8 or floats in [−1, 1]; gray
        ones may stand beside RGB.
      width: pixels, aimed at, by repeating each pixel.
      max_bytes: of the file: it is enlarged less, or has fewer colors, if it would be larger.

    Raises:
      ValueError: without columns, or for columns of different sizes.
      UserError: if the file cannot be written.
    """
    parts = [to_uint8(images) for images in columns.values()]
    if len({part.shape[:3] for part in parts}) != 1:
        raise ValueError(
            "columns must be one or more, of one number and size of images. "
            f"Received: {[part.shape for part in parts]}"
        )
    if len({part.shape[-1] for part in parts}) > 1:
        parts = [np.broadcast_to(part, (*part.shape[:3], 3)) for part in parts]
    rows = np.stack(parts, axis=1).reshape(-1, *parts[0].shape[1:])
    headings = [fonts.for_label(name) for name in columns]
    scale = max(1, round(width / (len(parts) * parts[0].shape[2])))

    def png(scale: int, colors: int | None) -> bytes:
        body = to_pillow(tile(rows, len(parts), 2, scale=scale)).convert("RGB")
        side = (parts[0].shape[2] + 2) * scale
        names = [textwrap.wrap(text, max(8, side // 7)) or [""] for _, text in headings]
        top = 16 * max(map(len, names)) + 4
        sheet = Image.new("RGB", (body.width, top + body.height), "white")
        sheet.paste(body, (0, top))
        draw = ImageDraw.Draw(sheet)
        for number, (lines, (font, _)) in enumerate(zip(names, headings, strict=True)):
            place = (number * side + side / 2, top - 4)
            draw.text(place, "\n".join(lines), "black", font, anchor="md", align="center")
        if colors is not None:
            sheet = sheet.quantize(colors, dither=Image.Dither.NONE)
        return encode(sheet, "PNG", optimize=True)

    tries = [(scale, None), (scale, 256), *((s, 256) for s in range(scale - 1, 0, -1))]
    for enlarged, colors in tries:
        data = png(enlarged, colors)
        if len(data) <= max_bytes:
            break
    files.write_whole(Path(path), lambda temporary: temporary.write_bytes(data))


def _small(
    grid: Callable[[int], Image.Image],
    png: Callable[[Image.Image, int | None], bytes],
    scale: int,
    max_bytes: int,
    shrink: bool,
) -> bytes:
    """The first PNG that is small enough: enlarged less, of fewer colors, shrunk."""
    for smaller in range(scale - 1, 0, -1):
        if len(data := png(grid(smaller), smaller)) <= max_bytes:
            return data
    picture, factor = grid(1), 1
    data = png(picture.quantize(256), 1)
    while shrink and len(data) > max_bytes:
        factor += 1
        data = png(picture.reduce(factor).quantize(256), None)
    return data


def to_uint8(images: Any) -> np.ndarray:
    """(N, H, W, C), uint8 or floats in [−1, 1] → uint8."""
    images = np.asarray(images)
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            f"images must be (number, height, width, channels). Received: shape={images.shape}"
        )
    if images.dtype == np.uint8:
        return images
    if images.dtype.name not in ("float16", "bfloat16", "float32", "float64"):
        raise ValueError(
            f"images must be uint8, or floats in [−1, 1]. Received: dtype={images.dtype}"
        )
    images = images.astype(np.float32)
    if not np.abs(images).max() <= 1.01:  # also refuses NaN
        raise ValueError(
            "images of floats must lie in [−1, 1]. "
            f"Received: from {images.min():.4g} to {images.max():.4g}"
        )
    return np.rint((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)


def to_pillow(picture: Any) -> Image.Image:
    """(H, W, 1, 3 or 4) uint8 → Pillow image."""
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def encode(picture: Any, file_format: str, **options: Any) -> bytes:
    """A Pillow image as the bytes of a file of this format; a PNG says that its colors are sRGB."""
    if file_format == "PNG":
        told = options.setdefault("pnginfo", PngInfo())
        told.add(b"sRGB", b"\0")  # PNG, third edition, 11.3.2.5: rendering intent "perceptual"
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()
