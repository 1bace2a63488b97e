"""Files and folders that are there whole or not at all, and where what is made once is kept."""

import contextlib
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_common.errors import UserError

# What a process that was killed while it wrote leaves behind; see `whole`.
UNFINISHED = re.compile(r"\.\d+-.+")


def cache_dir() -> Path:
    """Where what is made once is kept: $GAN_CACHE_DIR, or ~/.cache/gan-chapter."""
    return Path(os.environ.get("GAN_CACHE_DIR") or Path.home() / ".cache" / "gan-chapter")


def sync(path: Path) -> None:
    """Have the operating system put a file, or a folder's list of names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def whole(path: Path, new: bool = False) -> Iterator[Path]:
    """A temporary name beside `path`, for a file or a folder that is renamed to `path` when it is complete.

    It is put on the disk first.  When the block raises, or the process dies, `path` is as it was.

    Args:
        path: the file or folder.
        new: of a folder whose many files can be made again: the disk is not waited for, and a folder that is
            there is replaced only if it is empty.

    Raises:
        OSError: it cannot be written, or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if temporary.is_dir() and new:
            with contextlib.suppress(OSError):
                path.rmdir()  # which removes no other than an empty one
            os.replace(temporary, path)
        elif temporary.is_dir():
            for part in (*temporary.iterdir(), temporary):
                sync(part)
            shutil.rmtree(path, ignore_errors=True)
            os.replace(temporary, path)
            sync(path.parent)
        else:
            sync(temporary)
            os.replace(temporary, path)
    finally:
        _remove(temporary)


def drop_unfinished(folder: Path) -> None:
    """Remove what processes that were killed while they wrote into the folder left behind."""
    for path in Path(folder).iterdir():
        if UNFINISHED.fullmatch(path.name):
            _remove(path)


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink()


def write_whole(path: Path, write: Callable[[Path], Any], new: bool = False) -> None:
    """Have `write(temporary)` make a file, or a folder, that appears as `path` whole or not at all.

    Args:
        path, new: as of `whole`.
        write: makes it.

    Raises:
        UserError: when the folder cannot be written or the disk is full.
    """
    try:
        with whole(path, new) as temporary:
            write(temporary)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written: {error.strerror or error}; make room there, or name another folder"
        ) from error


def finite(content: Any) -> Any:
    """The content with None in place of numbers that are not finite: JSON (RFC 8259) has none."""
    if isinstance(content, Mapping):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def as_json(content: Any, indent: int | None = None) -> str:
    """JSON that every reader takes; a number that is not finite is null in it."""
    return json.dumps(finite(content), indent=indent, allow_nan=False)


def write_json(path: Path, content: Mapping | Sequence) -> None:
    """Write a JSON file, whole or not at all; see `as_json`."""
    text = as_json(content, indent=2) + "\n"
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def same(a: str | os.PathLike, b: str | os.PathLike) -> bool:
    """Whether two names are of one file or folder, be it there or not."""
    try:
        return os.path.samefile(a, b)
    except OSError:
        return os.path.normcase(os.path.realpath(a)) == os.path.normcase(os.path.realpath(b))
