"""One image file of a person, of any size and kind, as an array of one size.

What a file is follows from its first bytes, not from its name.
"""

import io
import os
import stat
import struct
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError, features

from gan_common.errors import UserError, one_line

# A closed list, since some of Pillow's other formats start programs.  Pillow has AVIF since 11.3.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
HAS_AVIF = "avif" in features.modules and bool(features.check("avif"))
READ = ", ".join(FORMATS if HAS_AVIF else FORMATS[:-1])
EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
# TIFF by content, but what Pillow finds in them is a thumbnail.
RAW_EXTENSIONS = (".arw", ".cr2", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2", ".srw")
FITS = ("crop", "pad", "stretch")
GRAY_TOLERANCE = 2  # levels between channels; lossy formats do not give gray back exactly
DEPTHS = (8, 10, 12, 14, 16)  # bits of a sample that cameras and scanners have
HEAD = 64  # bytes that tell what a file is
MOST_BYTES = 2**29  # of a PNG that is read without its texts

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # bytes, of each version of its header
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND")  # what pixels depend on


class OtherKindError(UserError):
    """An intact file of a kind that is not read; the text is the kind and what to do."""


def kind_of(head: bytes) -> str | None:
    """What a file's first bytes say that it is: one of `FORMATS`, "HEIC", or None for no image."""
    if head.startswith(_PNG):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(_TIFF):
        return "TIFF"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[4:8] == b"ftyp":
        length = int.from_bytes(head[:4], "big")
        brands = {head[i : i + 4] for i in (8, *range(16, min(length, len(head)), 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & {*_HEIC, b"mif1", b"msf1"}:
            return "HEIC"
    return None


def kind_of_file(path: str | Path) -> str | None:
    """`kind_of` a regular file.

    Raises:
        UserError: no regular file, or one that cannot be read: the reason, without the path.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UserError("not a regular file")
        with open(path, "rb") as file:
            return kind_of(file.read(HEAD))
    except FileNotFoundError as error:
        raise UserError("no such file, or a link to none") from error
    except OSError as error:
        raise UserError(error.strerror or one_line(error)) from error


def bits_of(samples: np.ndarray) -> int:
    """The fewest of `DEPTHS` that hold every sample of a 16-bit image."""
    largest = int(samples.max(initial=0))
    return next(bits for bits in DEPTHS if largest < 2**bits)


def read_picture(
    path: str | Path,
    size: int,
    fit: str = "crop",
    depth: Callable[[np.ndarray], int] = bits_of,
) -> np.ndarray:
    """One image as uint8 (size, size, 3) RGB.

    EXIF orientation is applied, transparency is laid on white, an animation is its first frame, and
    resizing is by Lanczos's filter.

    Args:
        path: of the file.
        size: height and width of the result, in pixels.
        fit: what becomes of an image that is not square: "crop" takes the largest centred square, "pad"
            adds bars in the mean color of the edges that they adjoin, "stretch" changes its shape.
        depth: 16-bit samples → how many bits they have; the largest value of so many becomes 255.

    Raises:
        UserError: with the reason on one line, without the path; `OtherKindError` where the file is
            intact.
    """
    kind = kind_of_file(path)
    if str(path).lower().endswith(RAW_EXTENSIONS):
        raise OtherKindError("camera raw: export as JPEG or PNG first")
    if kind == "HEIC" or (kind == "AVIF" and not HAS_AVIF):
        newer = "" if kind == "HEIC" else ", or install Pillow 11.3 or later"
        raise OtherKindError(f"{kind}: convert to JPEG or PNG first{newer}")
    if kind is None:
        raise UserError("not an image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Raised by the size in the header, before anything is decoded.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            try:
                return _read(path, kind, size, fit, depth)
            except UserError:
                raise
            except ValueError:
                # Pillow's limits on texts and color profiles, which are not needed here.
                if kind != "PNG":
                    raise
                return _read(_without_texts(path), kind, size, fit, depth)
    except UserError:
        raise
    except UnidentifiedImageError as error:
        raise UserError("damaged: its header cannot be read") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"{(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} million pixels"
        raise UserError(f"more than {limit}, shrink it first") from error
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) and error.errno else one_line(error)
        raise UserError(reason) from error


def _read(
    source: str | Path | IO[bytes],
    kind: str,
    size: int,
    fit: str,
    depth: Callable[[np.ndarray], int],
) -> np.ndarray:
    with Image.open(source, formats=(kind,)) as file:
        file.draft(None, (2 * size, 2 * size))  # a JPEG decodes at a fraction of its size
        image = _upright(_in_8_bits(file, source, kind, depth))
        transparent = image.has_transparency_data
        image = image.convert("RGBA" if transparent else "RGB")
        image = _scaled(image, size, fit)
        if transparent:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image).convert("RGB")
        return _padded(np.asarray(image), size)


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image  # a broken EXIF block says nothing about the pixels


def _scaled(image: Image.Image, size: int, fit: str) -> Image.Image:
    """The image resized to a square, or for "pad" to what fits into one."""
    if fit == "crop":
        return ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    width, height = size, size
    if fit == "pad":
        width, height = (max(1, round(size * n / max(image.size))) for n in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _padded(pixels: np.ndarray, size: int) -> np.ndarray:
    """uint8 (size or less, size or less, 3) → (size, size, 3): bars in the mean of the edges beside them."""
    height, width, channels = pixels.shape
    if height == width == size:
        return pixels
    edges = pixels[:, [0, -1]] if width < size else pixels[[0, -1]]
    padded = np.empty((size, size, channels), np.uint8)
    padded[:] = np.rint(edges.reshape(-1, channels).mean(axis=0))
    top, left = (size - height) // 2, (size - width) // 2
    padded[top : top + height, left : left + width] = pixels
    return padded


def gray_of(pixels: np.ndarray) -> np.ndarray | None:
    """uint8 (H, W, 3) → (H, W, 1), or None where the image is in color."""
    if int((pixels.max(axis=-1) - pixels.min(axis=-1)).max(initial=0)) > GRAY_TOLERANCE:
        return None
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]


# --------------------------------------------------------------------------- 16 bits


def _in_8_bits(
    file: Image.Image, source: Any, kind: str, depth: Callable[[np.ndarray], int]
) -> Image.Image:
    """The image loaded; 16-bit samples are scaled, of which Pillow's own conversion clips or cuts."""
    wide = _samples(file, source, kind)
    if wide is None:
        return file
    top = 2 ** depth(wide) - 1
    levels = np.minimum((wide.astype(np.uint32) * 255 + top // 2) // top, 255).astype(np.uint8)
    image = Image.fromarray(levels)
    if file.mode == "RGBA":
        image.putalpha(file.getchannel("A"))
    image.info = dict(file.info)  # the orientation is in there
    image.info.pop("transparency", None)  # in 16 bits
    return image


def _samples(file: Image.Image, source: Any, kind: str) -> np.ndarray | None:
    """Load the image; its 16-bit samples, uint16 (H, W) or (H, W, 3), or None where it has 8 bits."""
    swapped = _swapped(file)
    file.load()
    if file.mode == "F":
        raise OtherKindError("numbers with a fraction: save with 8 or 16 bits first")
    if file.mode.startswith("I"):
        samples = np.asarray(file)
        if samples.min(initial=0) < 0 or samples.max(initial=0) >= 2**16:
            raise OtherKindError("samples of 32 bits: save with 8 or 16 bits first")
        return samples.astype(np.uint16)
    if swapped is None:
        return None
    high = np.asarray(file)[..., :3]
    if bits_of(high.astype(np.uint16) * 256) == DEPTHS[-1]:
        return None  # all 16 bits, of which Pillow has kept the upper 8
    if hasattr(source, "seek"):
        source.seek(0)
    with Image.open(source, formats=(kind,)) as again:
        again.tile = swapped  # type: ignore[attr-defined]
        again.load()
        return high.astype(np.uint16) * 256 + np.asarray(again)[..., :3]


# Which byte of each sample is kept: for Pillow the upper one, and the other one instead.
_OTHER_BYTE = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}


def _swapped(file: Image.Image) -> list | None:
    """How Pillow would decode the lower bytes of an image in color with 16 bits; None for any other."""
    found = []
    for codec, box, offset, arguments in getattr(file, "tile", []):
        listed = arguments if isinstance(arguments, tuple) else (arguments,)
        mode, _, order = str(listed[0]).partition(";") if listed else ("", "", "")
        if mode not in ("RGB", "RGBA") or order not in _OTHER_BYTE:
            return None
        other = (f"{mode};{_OTHER_BYTE[order]}", *listed[1:])
        found.append((codec, box, offset, other if isinstance(arguments, tuple) else other[0]))
    return found or None


def largest_depth(paths: Any) -> int:
    """How many bits the 16-bit samples of all these files need together, in one look at each.

    Args:
        paths: of image files; what cannot be read is passed over.
    """
    bits = DEPTHS[0]
    for path in paths:
        try:
            kind = kind_of_file(path)
            if kind not in ("PNG", "TIFF"):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(path, formats=(kind,)) as file:
                    if not file.mode.startswith("I") and _swapped(file) is None:
                        continue
                    samples = _samples(file, path, kind)
        except Exception:
            continue
        bits = max(bits, DEPTHS[-1] if samples is None else bits_of(samples))
        if bits == DEPTHS[-1]:
            break
    return bits


# --------------------------------------------------------------------------- texts


def _without_texts(path: str | Path) -> IO[bytes]:
    """A PNG without what its pixels do not depend on: texts, color profile, thumbnails.

    Raises:
        UserError: the rest is larger than `MOST_BYTES`.
        ValueError: no PNG, or one that is cut off.
    """
    kept = io.BytesIO()
    with open(path, "rb") as file:
        kept.write(file.read(len(_PNG)))
        while len(header := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", header)
            if name not in _PNG_CHUNKS:
                file.seek(length + 4, os.SEEK_CUR)  # the checksum too
                continue
            if kept.tell() + length > MOST_BYTES:
                raise UserError(f"more than {MOST_BYTES >> 20} MB")
            kept.write(header + file.read(length + 4))
            if name == b"IEND":
                break
    kept.seek(0)
    return kept
