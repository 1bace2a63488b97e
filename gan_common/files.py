"""Files and folders that are there whole or not at all, and where what is made once is kept."""

import contextlib
import errno
import functools
import json
import math
import os
import re
import shutil
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_common.errors import UserError

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

WINDOWS = os.name == "nt"
# What a process that was killed while it wrote leaves behind; see `whole`.
UNFINISHED = re.compile(r"\.\d+-.+")
LONGEST_NAME = 240  # bytes of a name that has room for more before it: file systems allow 255
# Why a disk does not write; and why it cannot be told to: network shares, virtual machines' folders.
FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
UNABLE = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.ENOTTY}
# What Windows takes for a device, whatever comes behind a dot; and letters that its names have not.
DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in "0123456789"
}
LETTERS = set('<>:"|?*\\') | {chr(code) for code in range(32)}
PAUSES = (
    0.05,
    0.1,
    0.2,
    0.4,
    0.8,
)  # seconds, on Windows, until what another program reads is let go


def cache_dir() -> Path:
    """Where what is made once is kept: $GAN_CACHE_DIR, or ~/.cache/gan-chapter.

    Where there is no home, as in some containers, it is a folder for temporary files.
    """
    if given := os.environ.get("GAN_CACHE_DIR"):
        return Path(given)
    try:
        return Path.home() / ".cache" / "gan-chapter"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "gan-chapter"


def not_on_windows(name: str) -> str | None:
    """Why Windows has no file or folder of this name, to complete "… is"; None where it has."""
    if name.partition(".")[0].rstrip(" ").casefold() in DEVICES:
        return "a device on Windows"
    if name.endswith((" ", ".")) and name not in (".", ".."):
        return "no name on Windows, which drops dots and blanks at the end"
    if odd := sorted(LETTERS & set(name)):
        return f"no name on Windows, which has no {odd[0]!r} in names"
    return None


def portable(name: str) -> str:
    """The name, or one that it becomes to be a file's on Windows too: `a:b` is `a_b`, `aux` is `aux_`."""
    name = "".join("_" if letter in LETTERS else letter for letter in name).rstrip(" .") or "_"
    device, dot, rest = name.partition(".")
    return f"{device}_{dot}{rest}" if not_on_windows(name) else name


def plain(name: str | os.PathLike) -> str:
    """What a disk may take two names for one by: letters' case aside, and how accents are written."""
    return unicodedata.normalize("NFC", os.fspath(name)).casefold()


def check_name(title: str, path: str | os.PathLike) -> None:
    """Tell of a path that is to be made and that Windows would make another, or none: there, refuse it.

    Args:
        title: what asks for it, as in "--out 'a:b'".
        path: the file or folder.

    Raises:
        UserError: on Windows.
    """
    path = Path(path)
    for part in (path, *path.parents):
        why = not_on_windows(part.name)
        if why is None or os.path.lexists(part):
            continue
        if WINDOWS:
            raise UserError(f"{title}: {part.name!r} is {why}; give another one")
        print(f"{title}: {part.name!r} is {why}; rename it before it goes there", file=sys.stderr)


def sync(path: Path) -> None:
    """Have the operating system put a file, or a folder's list of names, on the disk.

    A disk that cannot be told to is named once on stderr, and no reason to stop.

    Raises:
        OSError: the file is not there, or the disk fails.
    """
    folder = os.path.isdir(path)
    if folder and WINDOWS:
        return  # which opens no folders; its file system keeps a journal of names
    try:
        # Windows flushes only what may be written.
        descriptor = os.open(path, os.O_RDWR if WINDOWS else os.O_RDONLY)
        try:
            _flush(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        unable = UNABLE | {errno.EACCES, errno.EPERM, errno.EISDIR} if folder else UNABLE
        if error.errno not in unable:
            raise
        _warn(error.strerror)


def _flush(descriptor: int) -> None:
    """As `os.fsync`; on macOS that leaves it to the drive when to write, and F_FULLFSYNC does not."""
    if hasattr(fcntl, "F_FULLFSYNC"):
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
        except OSError:  # a drive that does not know it
            pass
    os.fsync(descriptor)


@functools.cache  # once for each reason
def _warn(reason: str) -> None:
    print(
        f"this disk cannot be told to write at once ({reason}): when the machine loses power, what was "
        "written in the last minutes may be lost",
        file=sys.stderr,
    )


def _replace(temporary: Path, path: Path) -> None:
    """`os.replace`; Windows refuses that for the moment in which a virus scanner reads one of the two."""
    for pause in PAUSES if WINDOWS else ():
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            time.sleep(pause)
    os.replace(temporary, path)


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
    name = path.name if len(os.fsencode(path.name)) <= LONGEST_NAME else path.name[-50:]
    temporary = path.with_name(f".{os.getpid()}-{name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if temporary.is_dir() and new:
            with contextlib.suppress(OSError):
                path.rmdir()  # which removes no other than an empty one
            _replace(temporary, path)
        elif temporary.is_dir():
            for part in (*temporary.iterdir(), temporary):
                sync(part)
            shutil.rmtree(path, ignore_errors=True)
            _replace(temporary, path)
            sync(path.parent)
        else:
            sync(temporary)
            _replace(temporary, path)
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
            f"{path}: cannot be written: {error.strerror or error}; {remedy(error)}"
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


def remedy(error: OSError) -> str:
    """What a person can do about a file that could not be written."""
    if error.errno in FULL:
        return "make room there, or name another folder"
    if error.errno == errno.ENAMETOOLONG:
        return "give a shorter name"
    if WINDOWS and isinstance(error, PermissionError):
        return "close it where else it is open, or name another"
    return "name another folder"


def write_json(path: Path, content: Mapping | Sequence) -> None:
    """Write a JSON file, whole or not at all; see `as_json`."""
    text = as_json(content, indent=2) + "\n"
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def alike(a: str | os.PathLike, b: str | os.PathLike) -> bool:
    """Whether two names may be of one file on some disk; see `plain`."""
    return plain(os.path.realpath(a)) == plain(os.path.realpath(b)) or same(a, b)


def same(a: str | os.PathLike, b: str | os.PathLike) -> bool:
    """Whether two names are of one file or folder, be it there or not."""
    try:
        return os.path.samefile(a, b)
    except OSError:
        return os.path.normcase(os.path.realpath(a)) == os.path.normcase(os.path.realpath(b))
