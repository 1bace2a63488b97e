"""Trained runs that notebooks open on, so that their pictures are good: each is trained once, and kept.

    python -m notebooks.checkpoints            all of them, 20 minutes on two cores
    python -m notebooks.checkpoints digits     those that are named

A notebook that is opened without one trains it first, and says how long that takes.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from gan_common import cli, runs
from gan_common.cli.saved import saved
from gan_common.errors import UserError
from gan_common.lessons import lesson

FOLDER = Path(__file__).resolve().parent.parent / "runs" / "notebooks"


class Training(NamedTuple):
    """What makes a run.

    Attributes:
        package: that trains it.
        flags: of its command.
        minutes: on two cores, about.
    """

    package: str
    flags: dict[str, Any]
    minutes: float


_DIGITS = {"dataset": "mnist5k", "epochs": 40, "noevaluate": None}
RUNS = {
    # Goodfellow et al. 2014, whose dense networks take more epochs; Radford et al. 2015; Mirza and Osindero 2014
    "gan": Training("keras_dcgan", {**_DIGITS, "preset": "gan", "epochs": 170}, 5),
    "dcgan": Training("keras_dcgan", {**_DIGITS, "preset": "dcgan", "width": 32}, 4),
    "cgan": Training("keras_dcgan", {**_DIGITS, "preset": "cgan", "width": 16}, 2),
}
_QUICK = {"epochs": None, "steps": 3, "width": 4, "batch_size": 8}


def folder(name: str) -> Path:
    """The folder of a run, trained now if it is not there; in the quick form a training of three steps.

    Args:
        name: one of `RUNS`.

    Raises:
        subprocess.CalledProcessError: the training failed; what it said stands above.
    """
    if lesson.QUICK:
        made = Path(tempfile.mkdtemp()) / name
        _train(name, made, _QUICK)
        return made
    made = FOLDER / name
    if not (made / "summary.json").exists():
        print(
            f"training {name}, once: about {RUNS[name].minutes:g} minutes on two cores", flush=True
        )
        _train(name, made, {})
    return made


def load(name: str) -> Any:
    """The networks of a run with their averaged weights, to draw from; see `folder`."""
    from importlib import import_module

    package = RUNS[name].package
    run = runs.Run(folder(name))
    config = saved(import_module(f"{package}.config").Config, str(run.folder))
    shape, classes = run.dataset_facts()
    return import_module(f"{package}.models").restore(run, config, shape, len(classes))


def _train(name: str, run_dir: Path, other: dict[str, Any]) -> None:
    package, flags, _ = RUNS[name]
    begun = (run_dir / "config.json").exists()
    flags = {**flags, **other} if not begun else {}
    flags = {k: v for k, v in flags.items() if v is not None or k.startswith("no")}
    where = {"resume" if begun else "run_dir": run_dir}
    argv = [f"--{k}" if v is None else f"--{k}={v}" for k, v in {**flags, **where}.items()]
    command = [sys.executable, "-m", f"{package}.train", *argv]
    done = subprocess.run(command, check=False, capture_output=lesson.QUICK, text=True)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)


def _main(argv: list[str]) -> None:
    unknown = sorted(set(argv[1:]) - set(RUNS))
    if unknown:
        raise UserError(f"no such run: {', '.join(unknown)}; there are {', '.join(RUNS)}")
    for name in argv[1:] or RUNS:
        print(f"{name}: {folder(name)}", flush=True)


if __name__ == "__main__":
    cli.run(_main, sys.argv)
