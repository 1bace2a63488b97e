"""What every command does alike: what went wrong becomes one line and an exit status.

Nothing here imports TensorFlow.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gan_common import outside
from gan_common.cli import ending
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
OUT_OF_MEMORY = ("MemoryError", "ResourceExhaustedError", "_ArrayMemoryError")


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


def run(main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None) -> None:
    """Call a command's main; say what a person can mend in one line, status 2.

    Status 0 is done, 2 what the person can mend, 1 (with a traceback) a defect of ours; 130 and 143
    mean interrupted and terminated.
    """
    argv = sys.argv if argv is None else argv
    ending.open_streams()
    outside.forgive_warnings()
    with ending.Interruptions() as interruptions:
        try:
            status = main(argv) or 0
            sys.stdout.flush()
            interruptions.over()
        except KeyboardInterrupt as stop:
            interruptions.over()
            terminated = isinstance(stop, ending.Terminated)
            what = "terminated" if terminated else "interrupted"
            ending.say("; ".join([what, *getattr(stop, "__notes__", [])]))
            status = 143 if terminated else 130
        except Exception as error:
            interruptions.over()
            status = _failed(Path(argv[0]).stem, error)
    ending.flush(sys.stdout)
    sys.exit(status)


def _failed(name: str, error: Exception) -> int:
    """Say in one line why a command ends; the status that it ends with.

    Raises:
        Exception: the error itself, where it may be a defect of ours.
    """
    if isinstance(error, BrokenPipeError):
        # The reader went away (`| head`); there is nobody left to tell.
        ending.silence(sys.stdout)
        return 141
    told = str(error) if isinstance(error, UserError) else _told(error)
    if told is None and type(error).__name__ in OUT_OF_MEMORY:
        told = (
            f"not enough memory ({_one_line(str(error))[:200]}); give a smaller --batch_size, "
            "--image_size or --width"
        )
    if told is None:
        raise error
    ending.say(f"{name}: {_one_line(told)}")
    return 2
