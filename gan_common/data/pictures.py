"""A person's own folder of images, of any size and kind, as arrays of one size.

A folder can hold anything, so an image that cannot be read is skipped and counted; only when more
than 1% are bad does reading stop.  Names are shown quoted, so that each message stays on one line.
"""

import hashlib
import itertools
import os
import stat
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gan_common.data import index
from gan_common.errors import UserError, one_line

EXTENSIONS = (".png", ".jpg", ".jpeg")
# By content, not by name: what the web serves as .jpg is often one of these.  A closed list, since
# some of Pillow's other formats start programs.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
MAX_BAD_SHARE = 0.01
PROGRESS_EVERY = 2_000
INDEXED_FROM = 2_000  # images: so many are decoded once, into an index, and not at every start


class PictureFolder(NamedTuple):
    """What `read_folder` returns: uint8 (N, size, size, 3), int32 (N,), names, remarks."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    x_unlabelled: np.ndarray | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


def _to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit gray to 8 bits; Pillow's own conversion would clip at 255."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))


def read_picture(path: str | Path, size: int) -> np.ndarray:
    """One image as uint8 (size, size, 3) RGB.

    EXIF orientation is applied, the largest centred square is taken and resized by Lanczos's
    filter, transparency is laid on white; 16-bit gray is scaled, an animation is its first frame.

    Raises:
        UserError: with the reason on one line, without the path.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UserError("not a regular file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Raised by the size in the header, before anything is decoded.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as file:
                file.draft(None, (2 * size, 2 * size))  # a JPEG decodes at a fraction of its size
                file.load()
                image = _upright(_to_8_bit(file))
                transparent = image.has_transparency_data
                image = image.convert("RGBA" if transparent else "RGB")
                image = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
                if transparent:
                    white = Image.new("RGBA", image.size, "white")
                    image = Image.alpha_composite(white, image).convert("RGB")
                return np.asarray(image)
    except UserError:
        raise
    except UnidentifiedImageError as error:
        raise UserError("not an image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"{(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} million pixels"
        raise UserError(f"more than {limit}, shrink it first") from error
    except FileNotFoundError as error:
        raise UserError("no such file, or a link to none") from error
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) and error.errno else one_line(error)
        raise UserError(reason) from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image  # a broken EXIF block says nothing about the pixels


def _scan(folder: Path) -> tuple[list[str], list[str], int]:
    """Names of the images and of the folders in `folder`, and how many other files there are."""
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise UserError(f"folder {str(folder)!r} cannot be read: {error.strerror}") from error
    folders = [name for name in names if os.path.isdir(folder / name)]
    files = sorted(set(names) - set(folders))
    pictures = [name for name in files if name.lower().endswith(EXTENSIONS)]
    return pictures, folders, len(files) - len(pictures)


def _list(root: Path) -> tuple[dict[str, list[str]], int]:
    """Class name → relative image names; a flat folder is the one class "all"."""
    if not root.is_dir():
        what = "is not a folder" if os.path.lexists(root) else "does not exist"
        raise UserError(f"image folder {str(root)!r} {what}; give folder:PATH an existing folder")
    pictures, folders, others = _scan(root)
    classes = {}
    for name in folders:
        inside, _, other = _scan(root / name)
        classes[name] = [f"{name}/{picture}" for picture in inside]
        others += other
    kinds = ", ".join(f"*{extension}" for extension in EXTENSIONS)
    if pictures:
        mixed = [name for name in folders if classes[name]]
        if mixed:
            raise UserError(
                f"{str(root)!r} holds images ({pictures[0]!r}) beside folders of images "
                f"({mixed[0]!r}); move the images into a class folder of their own"
            )
        return {"all": pictures}, others
    empty = [name for name in folders if not classes[name]]
    if not folders or len(empty) == len(folders):
        raise UserError(f"{str(root)!r} holds no images ({kinds}), nor do its folders; add some")
    if empty:
        raise UserError(
            f"class folder {empty[0]!r} in {str(root)!r} holds no images ({kinds}); "
            "add some, or remove the folder"
        )
    return classes, others


def _order(name: str) -> bytes:
    return hashlib.sha256(os.fsencode(name)).digest()


def new_images(count: int, size: int, channels: int) -> np.ndarray:
    """Room for uint8 (count, size, size, channels), if this computer has it.

    Raises:
        UserError: it needs more than the physical memory.
    """
    needed = count * size * size * channels
    known = hasattr(os, "sysconf")  # Windows has none
    if known and needed > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
        raise UserError(
            f"{count:,} images of {size}×{size} need {needed / 1e9:.0f} GB of memory, more than "
            "there is; give a smaller --image_size or fewer images"
        )
    return np.empty((count, size, size, channels), np.uint8)


def _decode(
    root: Path, names: list[str], size: int, put: Callable[[np.ndarray], object]
) -> tuple[list[int], list[str]]:
    """Call `put` with each image (size, size, 3) that can be read; which, and what of the others.

    Raises:
        UserError: more than 1% bad images.
    """
    good, bad = [], []
    for number, name in enumerate(names):
        try:
            picture = read_picture(root / name, size)
        except UserError as error:
            bad.append(f"{name!r} ({error})")
            if len(bad) > MAX_BAD_SHARE * len(names):
                raise UserError(
                    f"{str(root)!r}: more than {MAX_BAD_SHARE:.0%} of its {len(names):,} images "
                    f"are bad, mend or remove them: {', '.join(bad[:3])}"
                ) from error
        else:
            put(picture)
            good.append(number)
        if len(names) > PROGRESS_EVERY and (number + 1) % PROGRESS_EVERY == 0:
            done = f"{number + 1:,} of {len(names):,} images read"
            print(f"{str(root)!r}: {done}, {len(bad)} skipped", file=sys.stderr, flush=True)
    return good, bad


def read_folder(
    path: str | Path, size: int = 32, indexed_from: float = INDEXED_FROM
) -> PictureFolder:
    """Read PATH/<class>/*.png|jpg|jpeg, or PATH/*.png|jpg|jpeg as the one class "all".

    A tenth of each class, at least one image if it has two, is the test part.  Parts and order
    follow from a hash of each image's name relative to PATH: the same on every machine.
    A folder `unlabelled` beside class folders is no class: its images become `x_unlabelled`.

    A folder of `indexed_from` images or more goes through an index (`gan_common.data.index`): its arrays
    are `np.memmap`s of it, read in place and read-only.

    Args:
        path: the folder.
        size: height and width of the result, in pixels.
        indexed_from: how many images are worth an index; infinity makes none.

    Raises:
        UserError: no folder, no images, an empty class, or more than 1% bad images.
    """
    root = Path(path).expanduser()
    classes, others = _list(root)
    unlabelled = classes.pop("unlabelled", []) if len(classes) > 1 else []
    train, test = [], []
    for label, names in enumerate(classes.values()):
        names = sorted(names, key=_order)
        held_out = max(1, (len(names) + 5) // 10) if len(names) > 1 else 0
        test += [(name, label) for name in names[:held_out]]
        train += [(name, label) for name in names[held_out:]]
    train, test = (sorted(part, key=lambda item: _order(item[0])) for part in (train, test))
    files = train + test + [(name, -1) for name in sorted(unlabelled, key=_order)]

    names = [name for name, _ in files]
    found = None
    if len(files) >= indexed_from:
        found = index.through_index(root, names, size, lambda put: _decode(root, names, size, put))
    if found is None:
        images, filled = new_images(len(files), size, 3), itertools.count()
        good, bad = _decode(root, names, size, lambda one: images.__setitem__(next(filled), one))
    else:
        images, good, bad = found

    labels = np.array([files[number][1] for number in good], np.int32)
    a, b = np.searchsorted(good, [len(train), len(train) + len(test)])
    class_names = tuple(os.fsencode(name).decode("utf-8", "replace") for name in classes)
    for label, name in enumerate(class_names):
        if not (labels[:a] == label).any():
            raise UserError(
                f"class folder {name!r} in {str(root)!r} holds no readable image to train on; "
                "add some, or remove the folder"
            )
    notes = []
    if bad:
        listed = ", ".join(bad[:5]) + (", ..." if len(bad) > 5 else "")
        notes.append(f"{len(bad):,} of {len(files):,} images were skipped: {listed}")
        print(f"{str(root)!r}: {notes[0]}", file=sys.stderr, flush=True)
    if others:
        kinds = ", ".join(EXTENSIONS)
        notes.append(f"{others:,} files that are not {kinds} were left out")
    return PictureFolder(
        images[:a],
        labels[:a],
        images[a:b],
        labels[a:b],
        images[b : len(good)] if unlabelled else None,
        class_names,
        tuple(notes),
    )


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 (N, H, W, 1 or 3) → (N, size, size, same): centred square, Lanczos's filter."""
    resized = new_images(len(images), size, images.shape[-1])
    for row, image in zip(resized, images, strict=True):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        picture = ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)
        row[:] = np.asarray(picture).reshape(row.shape)
    return resized
