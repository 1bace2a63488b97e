"""One training at a time in a run's folder.

The lock is the operating system's (on the file `.lock`): it is gone with the process that held it, however
that ended.  The file's content says who holds it, or held it and did not come to let go.
"""

import contextlib
import errno
import json
import os
import socket
from pathlib import Path

from gan_common import files
from gan_common.errors import UserError

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]
try:
    import msvcrt
except ImportError:  # and what it has instead, others have not
    msvcrt = None  # type: ignore[assignment]

NAME = ".lock"
PLACE = 2**30  # of the byte that Windows locks: far behind the content, which others are to read


class Lock:
    """The lock of a run's folder.

    Attributes:
        stale: after `acquire`, "process 123 on host" of a process that ended without letting go: it was
            killed, or the machine went down.  Else None.
    """

    def __init__(self, folder: Path) -> None:
        self.path = Path(folder) / NAME
        self.stale: str | None = None
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; nothing happens when this object has it already.

        Raises:
            UserError: another process has it, which is named; or the folder cannot be written.
        """
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written: {error.strerror}; a training needs to write there"
            ) from error
        try:
            locked = _lock(descriptor)
            os.lseek(descriptor, 0, os.SEEK_SET)
            holder = _holder(os.read(descriptor, 1000))
            if locked is None:  # this file system has no locks: go by the name alone
                locked = holder is None or not _lives(*holder)
            who = f"process {holder[1]} on {holder[0]}" if holder else "another process"
            if not locked:
                raise UserError(
                    f"{self.path.parent}: {who} is training in it; stop that one first, or name "
                    f"another folder (if it is gone, remove {self.path})"
                )
            self.stale = who if holder else None
            content = {"host": socket.gethostname(), "pid": os.getpid()}
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, json.dumps(content).encode())
        except OSError as error:
            os.close(descriptor)
            raise UserError(f"{self.path}: cannot be written: {error.strerror}") from error
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go, and leave no name behind."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "Lock":
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_held(folder: Path) -> bool:
    """Whether a process holds the lock of a run's folder; nothing is written.

    Where there are no locks, the name in the file is believed if that process may be there.
    """
    try:
        descriptor = os.open(Path(folder) / NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        free = _lock(descriptor)
        if free is None:
            os.lseek(descriptor, 0, os.SEEK_SET)
            found = _holder(os.read(descriptor, 1000))
            return found is not None and _lives(*found)
        return not free
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Whether the lock could be had; None where there are no locks."""
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            os.lseek(descriptor, PLACE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            return None
    except OSError as error:
        # What another process holds; anything else is said by a file system that has no locks.
        taken = {errno.EAGAIN, errno.EACCES, getattr(errno, "EDEADLK", errno.EACCES)}
        return False if error.errno in taken else None
    return True


def _holder(content: bytes) -> tuple[str, int] | None:
    """(host, process id) that the file names, if any."""
    try:
        found = json.loads(content)
        host, pid = str(found["host"]), int(found["pid"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (host, pid) if 0 < pid < 2**31 else None


def _lives(host: str, pid: int) -> bool:
    """Whether that process may still be there; one of another host may."""
    if host != socket.gethostname() or files.WINDOWS:
        return True  # on Windows `os.kill` would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
