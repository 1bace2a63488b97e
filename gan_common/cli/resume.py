"""How a training command goes on with a run, or begins a new one with the weights of another."""

import dataclasses
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

from gan_common.cli.flags import flag_name
from gan_common.cli.saved import saved
from gan_common.cli.training import RunConfig, TrainingConfig
from gan_common.errors import UserError
from gan_common.runs.recorder import Recorder
from gan_common.runs.run import Run

C = TypeVar("C", bound=RunConfig)

# They say something of a run that is over, too.
NOT_OF_TRAINING = ("resume", "data_dir", "dataset", "evaluate", "json")


def source_of(config: TrainingConfig, restore: Callable[..., Any]) -> Any:
    """The networks of the run that --from names; None where the weights come from somewhere else.

    Args:
        config: of a new run, or of one that is resumed: only before its first checkpoint it begins anew.
        restore: (run, configuration, image shape, number of classes) → networks, `models.restore`.

    Raises:
        UserError: there is no run of this package, or no sound checkpoint in it.
    """
    if config.from_ is None:
        return None
    if config.resume and any(Path(config.resume).glob("checkpoints/step-*")):
        return None
    begun = saved(type(config), config.from_, "--from")
    run = Run(Path(config.from_))
    shape, names = run.dataset_facts()
    return restore(run, begun, shape, len(names))


def go_on(run: Run, recorder: Recorder, config: C, typed: Collection[str] = ()) -> C:
    """Say where a resumed run stands, and write down what was typed: it holds from now on.

    A time limit that is spent gives way to a length that was typed.

    Args:
        run: the run.
        recorder: restored.
        config: of the run, with what was typed beside --resume.
        typed: the names of these fields.

    Returns:
        The configuration that holds from now on.

    Raises:
        UserError: something was typed that only a training has a use for, and nothing is left to train;
            nothing is written then.
    """
    if recorder.out_of_time and {"epochs", "steps"} & set(typed) and "max_minutes" not in typed:
        recorder.max_seconds = None
        config = dataclasses.replace(config, max_minutes=None)
    if recorder.finished:
        why = _over(recorder, config)
        if set(typed) - set(NOT_OF_TRAINING):
            raise UserError(f"--resume {run.folder}: {why}")
        print(why)
    else:
        print(f"going on after step {recorder.step}")
    _write(run, config)
    return config


def _over(recorder: Recorder, config: RunConfig) -> str:
    """Why there is nothing left to train, and what to type for more."""
    minutes, done = recorder.seconds / 60, recorder.step / recorder.steps_per_epoch
    stands = f"the run has {recorder.step:,} steps, {done:.4g} epochs, in {minutes:.2f} minutes"
    if recorder.step < recorder.total_steps:
        epochs = "--epochs, " if hasattr(config, "epochs") else ""
        return (
            f"{stands}, and --max_minutes {config.max_minutes:g} are over; to train on, add {epochs}--steps, "
            "or --max_minutes above that: all of them count from the run's beginning"
        )
    name, least = ("steps", recorder.step) if config.steps else ("epochs", int(done))
    return (
        f"{stands}, and all of its {name} are done; to train on, add --{name} above {least}: they count "
        "from the run's beginning"
    )


def _write(run: Run, config: Any) -> None:
    """Have config.json say what holds from now on, and tell what is another than before."""
    now = dataclasses.replace(config, resume=None)
    before = saved(type(config), str(run.folder), "--resume")
    changed = [
        f"--{flag_name(field)} {getattr(now, field.name)} (before: {getattr(before, field.name)})"
        for field in dataclasses.fields(now)
        if getattr(now, field.name) != getattr(before, field.name)
    ]
    if changed:
        print("from now on " + ", ".join(changed))
        run.write_config(dataclasses.asdict(now))
