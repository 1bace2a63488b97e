"""When a flag has an effect: what was typed in vain is told.

Nothing here imports TensorFlow.
"""

import dataclasses
import sys
from collections.abc import Callable, Collection, Iterable
from typing import Any

from gan_common import catalogue
from gan_common.cli.flags import flag_name

# These are looked for in a folder; the others come with a package, are drawn, or are named by a path.
FROM_FILES = ("mnist", "fashion_mnist", "cifar10", "svhn")


@dataclasses.dataclass(frozen=True)
class Effect:
    """When some flags have an effect.

    Attributes:
        fields: of the configuration.
        acts: (configuration, names of the fields that were typed) → whether they have one.
        otherwise: completes "--flag has no effect …".
    """

    fields: tuple[str, ...]
    acts: Callable[[Any, Collection[str]], bool]
    otherwise: str


# What both trainings have.
COMMON = (
    Effect(
        ("fit",),
        lambda config, typed: config.dataset.startswith("folder:"),
        "on a data set whose images are square; folder: may have others",
    ),
    Effect(
        ("data_dir",),
        lambda config, typed: config.dataset.partition(":")[0] in FROM_FILES,
        f"on this data set; it is where the files of {', '.join(FROM_FILES)} lie",
    ),
    Effect(
        ("least_steps",),
        lambda config, typed: not {"steps", "epochs"} & set(typed),
        "beside --steps or --epochs",
    ),
)
# A trick that is more than the flags that it sets.
MORE_THAN_FLAGS = ("sgd_discriminator",)


def in_vain(config: Any, typed: Collection[str], effects: Iterable[Effect], who: str) -> list[str]:
    """A line for each flag, and each trick, that was typed and changes nothing.

    Args:
        config: resolved.
        typed: names of the fields that were.
        effects: of this package, beside `COMMON`.
        who: as in `catalogue.TRICKS`.
    """
    fields = {field.name: flag_name(field) for field in dataclasses.fields(config)}
    lines = [
        f"--{fields[name]} has no effect {effect.otherwise}"
        for effect in (*COMMON, *effects)
        for name in effect.fields
        if name in typed and not effect.acts(config, typed)
    ]
    for trick in config.tricks if "tricks" in typed else ():
        wanted = catalogue.TRICKS[trick].sets.get(who, {})
        other = [name for name, value in wanted.items() if getattr(config, name) != value]
        if wanted and len(other) == len(wanted) and trick not in MORE_THAN_FLAGS:
            flags = " and ".join(f"--{fields[name]} {getattr(config, name)}" for name in other)
            lines.append(f"--tricks {trick} has no effect beside {flags}")
    return lines


def tell(config: Any, typed: Collection[str], effects: Iterable[Effect], who: str) -> None:
    """Say on stderr what `in_vain` finds."""
    for line in in_vain(config, typed, effects, who):
        print(line, file=sys.stderr, flush=True)
