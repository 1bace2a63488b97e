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
_SHAPES = {"preset": "dcgan", "width": 16, "noevaluate": None}
_COUNT = {**_SHAPES, "dataset": "shapes:count", "epochs": 20}
_PERSPECTIVE = {**_SHAPES, "dataset": "shapes:perspective", "epochs": 8}
_STRUCTURE = {**_SHAPES, "dataset": "shapes:structure", "epochs": 10}
RUNS = {
    # Goodfellow et al. 2014, whose dense networks take more epochs; Radford et al. 2015; Mirza and Osindero 2014
    "gan": Training("keras_dcgan", {**_DIGITS, "preset": "gan", "epochs": 170}, 5),
    "dcgan": Training("keras_dcgan", {**_DIGITS, "preset": "dcgan", "width": 32}, 4),
    "cgan": Training("keras_dcgan", {**_DIGITS, "preset": "cgan", "width": 16}, 2),
    # As long as in `make shapes`: until what is wrong is more than blur.
    "shapes_count": Training("keras_dcgan", _COUNT, 3),
    "shapes_perspective": Training("keras_dcgan", _PERSPECTIVE, 1),
    "shapes_perspective_told": Training("keras_dcgan", {**_PERSPECTIVE, "preset": "cgan"}, 1),
    "shapes_structure": Training("keras_dcgan", _STRUCTURE, 1.5),
    "shapes_structure_wide": Training(
        "keras_dcgan", {**_STRUCTURE, "discriminator_kernel": 6}, 2.5
    ),
}
_OF_COMMAND = ("dataset", "epochs", "noevaluate")  # flags that training in memory has no use for
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
    """The networks of a run with their averaged weights, to draw from; see `folder`.

    In the quick form they are trained for three steps in this process, without a run's folder.
    """
    from importlib import import_module

    from gan_common import data

    package, flags, _ = RUNS[name]
    if lesson.QUICK:
        trial = import_module(f"{package}.train").trial
        small = {"width": _QUICK["width"], "batch_size": _QUICK["batch_size"]}
        known = {k: v for k, v in flags.items() if k not in _OF_COMMAND}
        return trial(data.load(flags["dataset"]), _QUICK["steps"], **known | small)[0]
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
