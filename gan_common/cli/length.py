"""How long a training is, by what was typed and how many images there are; how often it is looked at.

Nothing here imports TensorFlow.
"""

import dataclasses
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from gan_common.errors import UserError

if TYPE_CHECKING:
    from gan_common.cli.training import TrainingConfig

C = TypeVar("C", bound="TrainingConfig")

LEAST_STEPS = 3000  # of a default length: fewer show nothing but noise
FEW_STEPS = 500  # that few are said to be few
# With --max_minutes alone the time ends the run: these are only upper bounds.
TIMED_EPOCHS, TIMED_STEPS = 1000, 10**6


def defaults(given: Mapping[str, Any], least_steps: int = LEAST_STEPS) -> dict[str, Any]:
    """What holds of the length where none of it was typed.

    Args:
        given: what was typed.
        least_steps: that the default epochs come to at least.
    """
    check(given)
    if "epochs" in given or "steps" in given:
        return {}
    if "max_minutes" in given:
        return {"epochs": TIMED_EPOCHS, "least_steps": TIMED_STEPS}
    return {"least_steps": least_steps}


def check(given: Collection[str]) -> None:
    """Refuse two lengths.

    Raises:
        UserError: --steps and --epochs were both typed.
    """
    if "steps" in given and "epochs" in given:
        raise UserError("--steps and --epochs exclude each other; give one of them")


def changed(config: C, given: Collection[str]) -> C:
    """A resumed run's configuration, of which the length that was typed takes the place of any other.

    Raises:
        UserError: as `check`.
    """
    check(given)
    if "epochs" in given:
        return dataclasses.replace(config, steps=None, least_steps=0)
    return config


def total_steps(config: "TrainingConfig", steps_per_epoch: int) -> int:
    """Steps of the whole training; more than a few where it is the time that ends it."""
    return config.steps or max(config.epochs * steps_per_epoch, config.least_steps)


def interval(epochs: float | None, steps_per_epoch: int, least: int) -> int:
    """Steps from one grid, or checkpoint, to the next.

    Args:
        epochs: as typed; None is 1, but at least `least` steps.
    """
    if epochs is None:
        return max(least, steps_per_epoch)
    return max(1, round(epochs * steps_per_epoch))


def tell(config: "TrainingConfig", images: int, steps_per_epoch: int) -> None:
    """Print how long the training is to be, and whether that is too short to show anything."""
    steps = total_steps(config, steps_per_epoch)
    if config.max_minutes is not None and steps >= TIMED_STEPS:
        print(
            f"{images:,} images: {steps_per_epoch:,} steps an epoch, for {config.max_minutes:g} minutes"
        )
        return
    epochs = steps / steps_per_epoch
    limit = "" if config.max_minutes is None else f", {config.max_minutes:g} minutes at most"
    print(f"{images:,} images: {epochs:,.4g} epochs, {steps:,} steps{limit}")
    if steps < FEW_STEPS:
        print(f"so few steps show little but noise; --steps {LEAST_STEPS} is a beginning")
