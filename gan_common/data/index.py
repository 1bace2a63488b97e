"""A large folder's images, decoded once into one file that later runs read in place.

The file lies in the cache: raw uint8 images, one after the other, beside a JSON of which could not
be read.  Its name follows from every image's name, size and time of change, so that a folder that
has changed is read anew.  Reading in place takes no memory that the system could not take back.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from gan_common.files import as_json, cache_dir, whole

VERSION = 2  # of how images are decoded: another one makes every index anew
ROOM_LEFT = 2**28  # bytes that an index must leave on the disk


class Store(Protocol):
    """Where decoded images go, one after the other."""

    def start(self, channels: int) -> None:
        """Begin with images of so many channels, or begin anew."""

    def put(self, image: np.ndarray) -> None:
        """Append uint8 (size, size, channels)."""


# What decodes images: it puts each good one into the store, and returns which those were and what there is
# to say of all of them, as JSON.
Decode = Callable[[Store], tuple[list[int], dict[str, Any]]]


def through_index(
    root: Path,
    names: Sequence[str],
    size: int,
    how: str,
    decode: Decode,
    usable: Callable[[dict[str, Any]], bool] = lambda facts: True,
) -> tuple[np.ndarray, list[int], dict[str, Any]] | None:
    """Images of a folder from its index, which is built first where there is none.

    Args:
        root: the folder.
        names: the images' names relative to it, in their order.
        size: height and width of the decoded images.
        how: what else their pixels depend on; each value has an index of its own.
        decode: see `Decode`; called when there is no index, its exceptions are passed on.
        usable: whether an index with these facts will do.

    Returns:
        A read-only `np.memmap`, uint8 (number of good ones, size, size, 1 where all are gray, else 3), and
        what `decode` returned when the index was built.  None, with a line on stderr, where an index
        cannot be kept.
    """
    folder = cache_dir() / "folders"
    place = f"{os.path.realpath(root)} {size} {how}".encode(errors="surrogateescape")
    stem = hashlib.sha256(place).hexdigest()[:12]
    pixels = folder / f"{stem}-{_listing(root, names)}.uint8"
    found = _open(pixels, len(names), size)
    if found is not None and usable(found[2]):
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(folder, len(names) * size * size * 3)
        _build(pixels, len(names), decode)
        for old in folder.glob(f"{stem}-*"):  # of the folder as it was
            if old.stem != pixels.stem:
                with contextlib.suppress(OSError):  # gone, or, on Windows, open elsewhere
                    old.unlink()
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


class _File:
    """A `Store` in an open file."""

    def __init__(self, file: IO[bytes]) -> None:
        self.channels, self._file = 0, file

    def start(self, channels: int) -> None:
        self.channels = channels
        self._file.seek(0)
        self._file.truncate()

    def put(self, image: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(image).data)


def _build(pixels: Path, total: int, decode: Decode) -> None:
    """Write both files, then rename them: the JSON last, it vouches for the other."""
    with whole(pixels.with_suffix(".json")) as about:
        with whole(pixels) as temporary, open(temporary, "wb") as file:
            good, facts = decode(store := _File(file))
        skipped = sorted(set(range(total)) - set(good))
        written = {"skipped": skipped, "channels": store.channels, "facts": facts}
        about.write_text(as_json(written), encoding="utf-8")


def _open(
    pixels: Path, total: int, size: int
) -> tuple[np.ndarray, list[int], dict[str, Any]] | None:
    """What an index holds, or None where there is no sound one."""
    try:
        about = json.loads(pixels.with_suffix(".json").read_text(encoding="utf-8"))
        skipped, channels, facts = set(about["skipped"]), int(about["channels"]), about["facts"]
        good = [index for index in range(total) if index not in skipped]
        shape = (len(good), size, size, channels)
        if not good or not isinstance(facts, dict) or pixels.stat().st_size != np.prod(shape):
            return None
        return np.memmap(pixels, np.uint8, "r", shape=shape), good, facts
    except (OSError, ValueError, KeyError, TypeError):
        return None
