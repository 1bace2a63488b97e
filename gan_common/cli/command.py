"""What every command does alike: what went wrong becomes one line and an exit status.

Nothing here imports TensorFlow.
"""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from gan_common import outside
from gan_common.errors import UserError
from gan_common.files import FULL

# What an operating system refuses for reasons that are no defect of a program.
OUTSIDE = FULL | {
    getattr(errno, name)
    for name in (
        "EACCES",
        "EPERM",
        "EROFS",
        "ENAMETOOLONG",
        "EMFILE",
        "ENFILE",
        "EIO",
        "ESTALE",
        "ENOTDIR",
    )
    if hasattr(errno, name)
}


class Terminated(KeyboardInterrupt):
    """SIGTERM outside the training loop, which has a handler of its own."""


def _terminate(_number: int, _frame: Any) -> None:
    raise Terminated


@contextlib.contextmanager
def when_interrupted(advice: str) -> Iterator[None]:
    """Have `run` say how to go on when what is inside is interrupted."""
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.add_note(advice)
        raise


def _one_line(text: str) -> str:
    """The text on one line; what would move a terminal's cursor is spelt out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(text.split()))


def _told(error: Exception) -> str | None:
    """In one line what the operating system refused, if that is no defect of ours."""
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return f"{error} Set $HOME, or write paths without ~"
    if not isinstance(error, OSError):
        return None
    if error.errno in FULL and error.filename is None:
        return f"{error.strerror}; make room"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"{error.strerror}; allow more of them: ulimit -n 1024"
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):
        return f"{error.strerror or error}; let $TMPDIR name a folder that can be written to"
    if error.errno not in OUTSIDE or error.filename is None:
        return None
    return f"{os.fsdecode(error.filename)}: {error.strerror}; mend that, or name another place"


def _last_words(line: str) -> None:
    """Say it, if it can be said: the log may be on the disk that is full."""
    for stream, words in ((sys.stdout, ""), (sys.stderr, f"{line}\n")):
        try:
            print(words, end="", file=stream, flush=True)
        except OSError:
            _silence(stream)  # or Python tries once more at its end, and that is status 120


def _silence(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run(main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None) -> None:
    """Call a command's main; say what a person can mend in one line, status 2.

    Status 0 is done, 2 what the person can mend, 1 (with a traceback) a defect of ours; 130 and 143
    mean interrupted and terminated.
    """
    argv = sys.argv if argv is None else argv
    name = Path(argv[0]).stem
    if hasattr(sys.stdout, "reconfigure"):  # a name that is no text is printed, not stumbled over
        sys.stdout.reconfigure(errors="backslashreplace")
    outside.forgive_warnings()
    before = signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(ValueError):  # only the main thread may
        signal.signal(signal.SIGTERM, _terminate)
    try:
        status = main(argv) or 0
        print(end="", flush=True)  # what cannot be written is told here, and not at Python's end
    except UserError as error:
        _last_words(f"{name}: {_one_line(str(error))}")
        status = 2
    except KeyboardInterrupt as stop:
        what = "terminated" if isinstance(stop, Terminated) else "interrupted"
        _last_words("; ".join([what, *getattr(stop, "__notes__", [])]))
        status = 143 if isinstance(stop, Terminated) else 130
    except BrokenPipeError:
        # The reader went away (`| head`); there is nobody left to tell.
        _silence(sys.stdout)
        status = 141
    except Exception as error:
        told = _told(error)
        if told is None and type(error).__name__ not in (
            "MemoryError",
            "ResourceExhaustedError",
            "_ArrayMemoryError",
        ):
            raise
        told = told or (
            f"not enough memory ({_one_line(str(error))[:200]}); give a smaller --batch_size, "
            "--image_size or --width"
        )
        _last_words(f"{name}: {_one_line(told)}")
        status = 2
    finally:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)
    sys.exit(status)
