"""A large folder's images, decoded once into one file that later runs read in place.

The file lies in the cache: raw uint8 images, one after the other, beside a JSON of which could not
be read.  Its name follows from every image's name, size and time of change, so that a folder that
has changed is read anew.  Reading in place takes no memory that the system could not take back.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gan_common.files import cache_dir, whole

VERSION = 1  # of how images are decoded: another one makes every index anew
ROOM_LEFT = 2**28  # bytes that an index must leave on the disk

# What decodes images: it calls `put(picture)` for each good one, and returns which those were and
# what there is to say of the others.
Decode = Callable[[Callable[[np.ndarray], object]], tuple[list[int], list[str]]]


def through_index(root: Path, names: Sequence[str], size: int, decode: Decode) -> tuple | None:
    """Images of a folder from its index, which is built first where there is none.

    Args:
        root: the folder.
        names: the images' names relative to it, in their order.
        size: height and width of the decoded images.
        decode: see `Decode`; called when there is no index, its exceptions are passed on.

    Returns:
        A read-only `np.memmap`, uint8 (number of good ones, size, size, 3), and what `decode`
        returned when the index was built.  None, with a line on stderr, where an index cannot be
        kept.
    """
    folder = cache_dir() / "folders"
    place = hashlib.sha256(f"{os.path.realpath(root)} {size}".encode(errors="surrogateescape"))
    stem = place.hexdigest()[:12]
    pixels = folder / f"{stem}-{_listing(root, names)}.uint8"
    found = _open(pixels, len(names), size)
    if found is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(folder, len(names) * size * size * 3)
        _build(pixels, len(names), decode)
        for old in folder.glob(f"{stem}-*"):  # of the folder as it was
            if old.stem != pixels.stem:
                old.unlink(missing_ok=True)
    except OSError as error:
        print(
            f"{str(folder)!r}: the images' index cannot be kept there ({error.strerror or error}), "
            "so they are read into memory, now and each time; let $GAN_CACHE_DIR name a folder that "
            "can be written to",
            file=sys.stderr,
            flush=True,
        )
        return None
    return _open(pixels, len(names), size)


def _listing(root: Path, names: Sequence[str]) -> str:
    """A digest of every image's name, size and time of change."""
    digest = hashlib.sha256(f"{VERSION}".encode())
    for name in names:
        try:
            known = os.stat(root / name)
            state = f"{known.st_size} {known.st_mtime_ns}"
        except OSError:
            state = "gone"
        digest.update(b"\0" + os.fsencode(name) + b"\0" + state.encode())
    return digest.hexdigest()[:20]


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed + ROOM_LEFT > free:
        raise OSError(f"it takes {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free")


def _build(pixels: Path, total: int, decode: Decode) -> None:
    """Write both files, then rename them: the JSON last, it vouches for the other."""
    with whole(pixels.with_suffix(".json")) as facts:
        with whole(pixels) as temporary, open(temporary, "wb") as file:
            good, bad = decode(lambda picture: file.write(np.ascontiguousarray(picture).data))
        skipped = sorted(set(range(total)) - set(good))
        facts.write_text(json.dumps({"skipped": skipped, "bad": bad}), encoding="utf-8")


def _open(pixels: Path, total: int, size: int) -> tuple | None:
    """What an index holds, or None where there is no sound one."""
    try:
        facts = json.loads(pixels.with_suffix(".json").read_text(encoding="utf-8"))
        skipped, bad = set(facts["skipped"]), list(facts["bad"])
        good = [index for index in range(total) if index not in skipped]
        if not good or pixels.stat().st_size != len(good) * size * size * 3:
            return None
        return np.memmap(pixels, np.uint8, "r", shape=(len(good), size, size, 3)), good, bad
    except (OSError, ValueError, KeyError, TypeError):
        return None
