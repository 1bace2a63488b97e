"""A person's own folder of images, of any size and kind, as arrays of one size.

A folder can hold anything, so an image that cannot be read is left out and told; only when too many are
bad does reading stop.  Names are shown quoted, so that each message stays on one line.
"""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from gan_common.data import index, layout
from gan_common.data.decode import EXTENSIONS, FITS, read_picture
from gan_common.data.decoder import PROGRESS_EVERY, Decoder, Memory, named, new_images
from gan_common.data.splits import without
from gan_common.errors import UserError

__all__ = [
    "EXTENSIONS", "FITS", "INDEXED_FROM", "PROGRESS_EVERY", "Listing", "PictureFolder", "read_folder",
    "read_picture", "resize",
]  # fmt: skip

INDEXED_FROM = 2_000  # images: so many are decoded once, into an index, and not at every start


class Listing(NamedTuple):
    """Which images of a folder a run has, by names relative to it, and how they were decoded.

    Attributes:
        train, test: in the arrays' order; None where that is not known.
        began: how many of the first training images the run began with.
        channels: 1 or 3.
        bits: of 16-bit samples; None where there were none.
    """

    train: tuple[str, ...] | None
    test: tuple[str, ...] | None
    began: int
    channels: int
    bits: int | None


class PictureFolder(NamedTuple):
    """What `read_folder` returns: uint8 (N, size, size, 1 or 3), int32 (N,), names, remarks."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    x_unlabelled: np.ndarray | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    listing: Listing


def _order(name: str) -> bytes:
    return hashlib.sha256(os.fsencode(name)).digest()


class _Parts(NamedTuple):
    """(name, label) of each image, in the arrays' order."""

    train: list[tuple[str, int]]
    test: list[tuple[str, int]]


def _divide(found: layout.Layout, known: Listing | None) -> _Parts:
    """Which images are for the test: the person's own choice, those that were, or a tenth of each class."""
    train, test = [], []
    for label, names in enumerate(found.classes.values()):
        names = sorted(names, key=_order)
        held_out = max(1, (len(names) + 5) // 10) if len(names) > 1 else 0
        if found.test is not None:
            held_out = 0
        test += [(name, label) for name in names[:held_out]]
        train += [(name, label) for name in names[held_out:]]
    for label, name in enumerate(found.classes):
        test += [(image, label) for image in (found.test or {}).get(name, [])]
    train, test = (sorted(part, key=lambda item: _order(item[0])) for part in (train, test))
    if known is None or known.train is None or known.test is None:
        return _Parts(train, test)
    # What was trained on stays so, and in its order; what is new is never for the test.
    labels = dict([*train, *test])
    was_train = [(name, labels[name]) for name in known.train if name in labels]
    was_test = [(name, labels[name]) for name in known.test if name in labels]
    old = {name for name, _ in (*was_train, *was_test)}
    chosen = {name for names in (found.test or {}).values() for name in names}
    new = [item for item in (*train, *test) if item[0] not in old]
    new.sort(key=lambda item: _order(item[0]))
    return _Parts(
        was_train + [item for item in new if item[0] not in chosen],
        was_test + [item for item in new if item[0] in chosen],
    )


def read_folder(
    path: str | Path,
    size: int = 32,
    indexed_from: float = INDEXED_FROM,
    fit: str = "crop",
    known: Listing | None = None,
) -> PictureFolder:
    """Read a folder of images in one of the layouts of `gan_common.data.layout`.

    Where the person has no test folder, a tenth of each class, at least one image if it has two, is the
    test part.  Parts and order follow from a hash of each image's name relative to PATH: the same on
    every machine.  The images have one channel where all of them are gray.

    A folder of `indexed_from` images or more goes through an index (`gan_common.data.index`): its arrays
    are `np.memmap`s of it, read in place and read-only.

    What is left out, and what else is not plain to see, is told on stderr.

    Args:
        path: the folder.
        size: height and width of the result, in pixels.
        indexed_from: how many images are worth an index; infinity makes none.
        fit: see `gan_common.data.decode.read_picture`.
        known: of a run that began with this folder: its images keep their parts and their order, images
            that are new come after them and are trained on, channels and bits stay.

    Raises:
        UserError: no folder, no images, an empty class, a layout that is not plain, or more bad images than
            `bad_allowed`.
    """
    root = Path(path).expanduser()
    found = layout.arrange(root)
    train, test = _divide(found, known)
    pool = sorted(found.pool or [], key=_order)
    labels_of_all = [*(label for _, label in train + test), *(-1 for _ in pool)]
    names = [*(name for name, _ in train + test), *pool]
    bits = None if known is None else known.bits
    decode = Decoder(root, names, size, fit, bits)

    def usable(facts: dict[str, Any]) -> bool:
        return bits is None or facts["bits"] in (None, bits)

    read = None
    if len(names) >= indexed_from:
        read = index.through_index(root, names, size, fit, decode, usable)
    if read is None:
        memory = Memory(len(names), size)
        good, facts = decode(memory)
        images = memory.images[: len(good)]
    else:
        images, good, facts = read
    if known is not None and known.channels > images.shape[-1]:
        images = np.broadcast_to(images, (*images.shape[:-1], known.channels), subok=True)

    labels = np.array([labels_of_all[number] for number in good], np.int32)
    a, b = (int(n) for n in np.searchsorted(good, [len(train), len(train) + len(test)]))
    left_out = _left_out(facts, len(names), found.others)
    class_names = tuple(os.fsencode(name).decode("utf-8", "replace") for name in found.classes)
    for label, name in enumerate(class_names):
        if not (labels[:a] == label).any():
            where = f"{str(root)!r}" if name == "all" else f"class folder {name!r} in {str(root)!r}"
            raise UserError(
                f"{where} holds no readable image to train on{left_out and f' ({left_out})'}; add some, "
                "or remove the folder"
            )
    untested = without(labels[a:b], class_names)
    small = f"too few images for one in the test part: {untested}" if untested else ""
    notes = [*found.notes, *_remarks(facts, len(good), images.shape[-1], known), left_out, small]
    if found.pool is not None:
        pooled = layout.counted(len(good) - b, "image")
        notes.append(f"{pooled} without a label, which only ssgan_tf learns from")
    notes = [note for note in notes if note]
    for note in notes:
        print(f"{str(root)!r}: {note}", file=sys.stderr, flush=True)
    kept = [names[number] for number in good]
    listing = Listing(
        train=tuple(kept[:a]),
        test=tuple(kept[a:b]),
        began=a if known is None or known.train is None else known.began,
        channels=int(images.shape[-1]),
        bits=facts.get("bits"),
    )
    return PictureFolder(
        images[:a],
        labels[:a],
        images[a:b],
        labels[a:b],
        images[b:] if found.pool is not None else None,
        class_names,
        tuple(notes),
        listing,
    )


def _left_out(facts: dict[str, Any], count: int, others: dict[str, int]) -> str:
    """What of the folder is not used, by reasons; "" where all is."""
    parts = []
    if bad := facts["bad"]:
        parts.append(f"{len(bad):,} of {count:,} images, which are bad: {named(bad)}")
    parts += [f"{number:,} {kind}" for kind, number in facts["kinds"].items()]
    if others:
        parts.append(layout.told(others))
    return f"left out: {'; '.join(parts)}" if parts else ""


def _remarks(facts: dict[str, Any], count: int, channels: int, known: Listing | None) -> list[str]:
    """What of the pixels a person might not expect."""
    remarks = []
    colored, bits = facts["colored"], facts["bits"]
    if 0 < colored < count / 2 and (known is None or known.channels == 1):
        remarks.append(
            f"{colored:,} of {count:,} images {'is' if colored == 1 else 'are'} in color "
            f"({facts['first_colored']!r} first), so all have {channels} channels; without "
            f"{'it' if colored == 1 else 'them'} the data set is gray"
        )
    if bits is not None and bits < 16:
        remarks.append(f"the 16-bit files hold {bits} bits: {2**bits - 1:,} is taken for white")
    return remarks


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 (N, H, W, 1 or 3) → (N, size, size, same): centred square, Lanczos's filter."""
    resized = new_images(len(images), size, images.shape[-1])
    for row, image in zip(resized, images, strict=True):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        picture = ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)
        row[:] = np.asarray(picture).reshape(row.shape)
    return resized
