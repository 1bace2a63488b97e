"""What is done already: a training as a process of its own, and a table that grows over several commands."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from gan_common import runs
from gan_common.errors import UserError


def train(
    package: str,
    folder: Path,
    flags: Mapping[str, object],
    measured: str,
    going_on: Mapping[str, object] | None = None,
) -> dict:
    """Train with `python -m PACKAGE.train`, unless that is done; what the run's summary says.

    Args:
        package: `keras_dcgan` or `ssgan_tf`; or a system of its own, `gan_applications.NAME`.
        folder: of the run.  One that was interrupted goes on where it stopped.
        flags: of a new run, name → value; None is left out, True is given without a value.
        measured: the entry of the summary by which a finished run is known.
        going_on: flags of a run that goes on, beside --resume.

    Raises:
        UserError: when the training does not end well; it has said why.
    """
    if measured not in runs.read_summary(folder):
        started = any(folder.glob("checkpoints/step-*"))
        flags = {"resume": folder, **(going_on or {})} if started else {"run_dir": folder, **flags}
        if not started and (folder / "config.json").exists():
            shutil.rmtree(folder)  # a run that ended before its first checkpoint
        words = [
            f"--{name}" if value is True else f"--{name}={value}"
            for name, value in flags.items()
            if value is not None
        ]
        module = package if "." in package else f"{package}.train"
        if subprocess.run([sys.executable, "-m", module, *words]).returncode:
            raise UserError(f"{folder}: the training did not end; its message is above")
    return {k: v for k, v in runs.read_summary(folder).items() if k != "versions"}


def check_only(names: Iterable[str], known: Iterable[str]) -> None:
    """Refuse names that --only gives and that are not known.

    Raises:
        UserError: names the first of them, and those that are known.
    """
    known = list(known)
    for name in names:
        if name not in known:
            raise UserError(f"--only {name}: unknown; there are {', '.join(known)}")


def table(path: Path, part: str) -> dict:
    """What an earlier command wrote into its table; without one, an object whose `part` is empty.

    Args:
        path: of the JSON file.
        part: the entry that grows, an object of objects.

    Raises:
        UserError: the file is damaged, or something else.
    """
    if not path.exists():
        return {part: {}}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(row, dict) for row in found[part].values()):
            raise TypeError(f"{part} is damaged")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path, error) from error
    return found


def damaged(path: Path, error: Exception) -> UserError:
    """What to say of a table that cannot be gone on with."""
    return UserError(f"{path}: is no table of this command ({error}); remove it")


def needs_linux() -> None:
    """Refuse another system, in one line, before anything is measured.

    Raises:
        UserError: cores are chosen, memory is read, or limits are set as Linux alone allows.
    """
    if sys.platform != "linux":
        raise UserError("this is measured by what Linux alone has; run it there")
