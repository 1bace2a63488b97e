"""GIFs of images over time, by Pillow alone."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from gan_common import files
from gan_common.errors import UserError
from gan_common.plotting.grids import ENLARGED, encode, tile, to_pillow

_SMALL_GIF = 300  # pixels: the width to fall back to when a GIF gets too large


def save_gif(
    path: str | os.PathLike,
    frames: Sequence[np.ndarray | str | os.PathLike],
    milliseconds: int = 200,
    max_frames: int = 40,
    max_width: int = 540,
    max_bytes: int = 1_000_000,
) -> None:
    """Writes an endless GIF whose last frame stays for two seconds longer.

    Args:
      path: the file; its folder is made if need be.
      frames: the images in order, each as an array (height, width, channels), uint8 or floats in
        [−1, 1] (a result of `tile`, say), or as the path of an image file.  All of one shape;
        smaller ones are enlarged to the size of the largest.
      milliseconds: that a frame stays.
      max_frames: if there are more, this many are shown, evenly spaced, first and last included.
      max_width: pixels; frames are enlarged by a whole number, or shrunk, to come near it.
      max_bytes: while the file is larger, first the images are made smaller, then frames dropped.

    Raises:
      ValueError: without frames, for frames of different shapes, wrong types or ranges, or a number
        that is too small.
      UserError: if an image cannot be read or the file cannot be written.
    """
    frames = list(frames)
    if not frames:
        raise ValueError("frames must hold at least one image. Received: 0")
    for name, value, least in (
        ("milliseconds", milliseconds, 20),
        ("max_frames", max_frames, 2),
        ("max_width", max_width, 1),
    ):
        if value < least:
            raise ValueError(f"{name} must be ≥ {least}. Received: {name}={value}")
    pictures = [_load_frame(frame, max_width) for frame in spread(frames, max_frames)]
    pictures, width = _to_one_size(pictures), max_width
    while len(data := _encode_gif(pictures, width, milliseconds)) > max_bytes:
        if width > _SMALL_GIF:
            width = _SMALL_GIF
        elif len(pictures) > 2:
            pictures = list(spread(pictures, max(2, len(pictures) * 3 // 4)))
        else:
            break
    files.write_whole(Path(path), lambda temporary: temporary.write_bytes(data))


def _load_frame(frame: Any, max_width: int) -> Image.Image:
    """Array or path → Pillow image in gray or RGB, and at most twice `max_width` wide."""
    if isinstance(frame, str | os.PathLike):
        try:
            with Image.open(frame) as file:
                times = int(file.info.get(ENLARGED, 1))
                picture = file.convert("L" if file.mode in ("1", "L") else "RGBA")
        except (OSError, ValueError, UnidentifiedImageError) as error:
            raise UserError(
                f"cannot read the image {frame} ({error}): delete it or put it back"
            ) from error
    else:
        times, picture = 1, to_pillow(tile(np.asarray(frame)[None]))
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    # As it was before it was enlarged, so that its pixels stay sharp.
    return picture.reduce(max(1, min(times, 8), picture.width // (2 * max_width)))


def _to_one_size(pictures: list) -> list[Image.Image]:
    """Brings all to the largest size."""
    sizes = sorted({picture.size for picture in pictures})
    width, height = sizes[-1]
    if any(abs(w * height - h * width) > 0.02 * width * height for w, h in sizes):
        raise ValueError(f"all frames must have one shape. Received: {sizes}")
    mode = "L" if all(picture.mode == "L" for picture in pictures) else "RGB"
    size = sizes[-1]
    return [picture.convert(mode).resize(size, Image.Resampling.NEAREST) for picture in pictures]


def _encode_gif(pictures: list, width: int, milliseconds: int) -> bytes:
    """Enlarges by a whole number, or shrinks, to come near the width; few colors; last one stays."""
    original_width, original_height = pictures[0].size
    if original_width > width:
        size, how = (width, round(original_height * width / original_width)), Image.Resampling.BOX
    else:
        scale = min(8, width // original_width)
        size, how = (original_width * scale, original_height * scale), Image.Resampling.NEAREST
    frames = [picture.resize((size[0], max(1, size[1])), how) for picture in pictures]
    if frames[0].mode == "L":  # 16 grays halve the file, and nobody sees it
        frames = [frame.point([round(v / 17) * 17 for v in range(256)]) for frame in frames]
    else:
        frames = [frame.quantize(128, dither=Image.Dither.NONE) for frame in frames]
    durations = [milliseconds] * (len(frames) - 1) + [milliseconds + 2000]
    return encode(
        frames[0], "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
    )


def spread(items: Sequence, most: int) -> Sequence:
    """At most `most` of the items, evenly spaced, first and last included."""
    if len(items) <= most:
        return items
    return [items[i] for i in np.rint(np.linspace(0, len(items) - 1, most)).astype(int)]
