"""Test error against the number of labels: a table of trainings, with and without the GAN."""

from pathlib import Path

import numpy as np

from gan_common import files, plotting, runs
from gan_common.errors import UserError
from gan_common.metrics import significance
from ssgan_tf import train
from ssgan_tf.config import NOT_OF_BASELINE, resolve, resumed


def sweep(given: dict, numbers: tuple[str, ...], seeds: int) -> int:
    """Train SSGAN and baseline for each number of labels and each seed, then draw and print the table.

    Each run has a folder of its own; those that are done are kept, and one that was interrupted goes on, so
    the same command takes a sweep up again.  A baseline takes as many steps as the SSGAN beside it.

    Args:
        given: the flags of every run; `run_dir` is the folder of the sweep.
        numbers: of labels.
        seeds: how many, from the given one on.

    Returns:
        The exit status of the first run that was interrupted, or 0.

    Raises:
        UserError: for flags that contradict a sweep, or any run's own.
    """
    for name in ("labels", "baseline", "resume"):
        if name in given:
            raise UserError(f"--{name} and --sweep exclude each other; the sweep sets it")
    given = dict(given)
    folder = Path(given.pop("run_dir", None) or "runs/ssgan_tf/sweep")
    out, first = given.pop("json", None), given.get("seed", 1)
    errors: dict[str, list[float]] = {}
    for number in numbers:
        for seed in range(first, first + seeds):
            flags = {**given, "labels": number, "seed": seed}
            name = f"labels-{number}-seed-{seed}"
            status = _run_once(folder / f"ssgan-{name}", flags)
            if status:
                return status
            ours = runs.read_summary(folder / f"ssgan-{name}")
            flags = {k: v for k, v in flags.items() if k not in ("epochs", "max_minutes")}
            flags = {k: v for k, v in flags.items() if k not in NOT_OF_BASELINE}
            flags |= {"baseline": True, "steps": ours["steps"]}
            status = _run_once(folder / f"baseline-{name}", flags)
            if status:
                return status
            for kind, found in (
                ("SSGAN", ours),
                ("baseline", runs.read_summary(folder / f"baseline-{name}")),
            ):
                errors.setdefault(f"{kind}, {number} labels", []).append(100 * found["test_error"])
    means = {name: float(np.mean(values)) for name, values in errors.items()}
    spreads = {name: significance.spread(values) for name, values in errors.items()}

    picture = folder / "errors.png"
    plotting.comparison(
        picture, means, f"Test error, {seeds} seeds", "%", spreads if seeds > 1 else None
    )
    for name, values in errors.items():
        each = "  ".join(f"{value:.2f}" for value in values)
        print(f"{name:<24} {means[name]:6.2f}% ± {spreads[name]:.2f}   ({each})")
    print(f"drawn      {picture}")
    files.write_json(folder / "sweep.json", {"test_error_percent": errors})
    if out:
        files.write_json(Path(out), {"test_error_percent": errors})
    return 0


def _run_once(folder: Path, flags: dict) -> int:
    """One run of a sweep: from the start, or from where it stood, or not at all if it is done."""
    if "test_error" in runs.read_summary(folder):
        return 0
    started = any(folder.glob("checkpoints/step-*"))
    if started:
        return train.train(resumed({"resume": str(folder)}))
    flags = {**flags, "run_dir": str(folder)}
    return train.train(resolve(flags), given=flags)
