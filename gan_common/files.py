"""Files that are there whole or not at all, and the folder where what is made once is kept."""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from gan_common.errors import UserError


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


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write(temporary)` make a file, then rename it to `path`: it is there whole or not at all.

    Raises:
        UserError: when the folder cannot be written or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        sync(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_json(path: Path, content: dict) -> None:
    """Write a JSON file, whole or not at all."""
    text = json.dumps(content, indent=2) + "\n"
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
