"""What can be played: a setting as the page's switches hold it, one flag or trick at a time."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from gan_common import catalogue, modes
from gan_common.errors import UserError
from gan_common.modes.config import LOSSES, MODERN_LOSSES, PRESET_TRICKS, PRESETS

WORLDS = {"ring": "ring of 8", "grid": "grid of 25", "line": "line of 7", "drawn": "drawn"}
PRESET, MODERN = "quick", "modern"
RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
MOST_POINTS = 40
DRAWN_SIGMA = LINE_SIGMA = 0.04
# Steps a second that can be asked for; None is as fast as it goes.
SPEEDS: dict[str, float | None] = {
    "full speed": None,
    "100 steps a second": 100.0,
    "10 steps a second": 10.0,
    "1 step a second": 1.0,
}
# A switch of its own, not one among the tricks.
LOSS = ("minimax", "non_saturating")
# Of which trick a number is, and between what a page lets it be chosen.
NUMBERS: dict[str, tuple[str, str, Sequence[float]]] = {
    "unrolled": ("unrolled_steps", "k, D's steps ahead", (1, 2, 3, 5, 8)),
    "packing": ("pack", "m, samples in a pack", (2, 4, 8)),
    "label_smoothing": ("alpha", "α, real data's label is 1 − α", (0.05, 0.1, 0.2, 0.3, 0.5)),
    "fake_smoothing": ("beta", "β, generated data's label", (0.05, 0.1, 0.2, 0.3, 0.5)),
    "r1": ("r1", "γ of R1", (0.01, 0.03, 0.1, 0.3, 1.0)),
}


def tricks() -> list[str]:
    """The tricks that have a switch."""
    return [name for name in catalogue.names(catalogue.MODES) if name not in LOSS]


def presets() -> list[str]:
    """The networks that can be chosen."""
    return [PRESET, *(name for name in PRESETS if name != PRESET)]


@dataclasses.dataclass(frozen=True)
class Setting:
    """One state of all switches.

    Attributes:
        world: a name in `WORLDS`.
        preset: networks and hyper-parameters.
        tricks: names, on.
        values: other flags of `gan_common.modes`, by name; those of a trick hold while it is on.
        seed: of networks, data, latents.
        points: (x, y) of the centres that were drawn, in the plane.
    """

    world: str = "ring"
    preset: str = PRESET
    tricks: tuple[str, ...] = ()
    values: Mapping[str, object] = dataclasses.field(default_factory=dict)
    seed: int = 1
    points: tuple[tuple[float, float], ...] = ()

    def with_(self, **values: object) -> "Setting":
        """Other values of some flags; None is the preset's."""
        merged = {**self.values, **values}
        kept = {name: value for name, value in merged.items() if value is not None}
        return dataclasses.replace(self, values=kept)

    @property
    def fixed(self) -> tuple[str, ...]:
        """The tricks that its networks always have."""
        return PRESET_TRICKS.get(self.preset, ())

    def turned(self, trick: str, on: bool | None = None) -> "Setting":
        """A trick on, off, or the other way.

        Raises:
            UserError: its networks always have it.
        """
        on = trick not in self.tricks if on is None else on
        if trick in self.fixed and not on:
            raise UserError(
                f"the networks {self.preset} always have {trick}: choose other networks"
            )
        others = tuple(name for name in self.tricks if name != trick)
        return dataclasses.replace(self, tricks=(*others, trick) if on else others)

    def given(self) -> dict:
        """The flags of `gan_common.modes`."""
        on = {*self.tricks, *self.fixed}
        idle = {flag for trick, (flag, *_) in NUMBERS.items() if trick not in on}
        idle = idle - {"r1"} if self.preset == MODERN else idle | {"r2"}
        told = {name: value for name, value in self.values.items() if name not in idle}
        task = self.world if self.world in modes.TASKS else "ring"
        chosen = {"tricks": self.tricks} if self.tricks else {}
        return {"task": task, "preset": self.preset, **chosen, **told, "seed": self.seed}

    def options(self) -> modes.Options:
        """The resolved options.

        Raises:
            UserError: for tricks or values that do not go together, or a drawn world without points.
        """
        if self.world == "drawn" and not self.points:
            raise UserError("Draw at least one point first: click into the plane.")
        return modes.resolve(self.given())

    def centres(self) -> tuple[np.ndarray, float] | None:
        """(modes, 2) and σ of a world that is no task of the command."""
        if self.world == "line":
            x = np.linspace(-1.2, 1.2, 7)
            return np.stack([x, np.zeros(7)], axis=1), LINE_SIGMA
        if self.world == "drawn":
            return np.array(self.points, float).reshape(-1, 2), DRAWN_SIGMA
        return None

    def key(self) -> str:
        """The same for settings of the same game, whatever the seed."""
        options = dataclasses.replace(self.options(), seed=0)
        return repr((options, self.world, self.points if self.world == "drawn" else ()))


def losses(preset: str) -> tuple[str, ...]:
    """The losses that can be chosen; that of pairs is `MODERN`'s alone."""
    return MODERN_LOSSES if preset == MODERN else LOSSES[:-1]


def besides(setting: Setting) -> dict[str, str]:
    """What can be changed for the game beside: choice → its title."""
    modern = setting.preset == MODERN  # which takes no tricks but its own
    chosen = {
        name: f"{'without' if name in setting.tricks else 'with'} {name}"
        for name in (() if modern else tricks())
        if name not in setting.fixed
    }
    if modern:
        chosen = {"r2": "without R2" if setting.values.get("r2", True) else "with R2"}
    rates = {"equal rates": "with equal rates", "other seed": "with the next seed"}
    kinds = {f"loss {kind}": f"with the {kind} loss" for kind in losses(setting.preset)}
    return chosen | kinds | rates


def beside(setting: Setting, choice: str) -> Setting:
    """The setting with one thing changed.

    Raises:
        UserError: an unknown choice.
    """
    if choice not in besides(setting):
        raise UserError(f"beside: {choice!r} is no choice")
    if choice.startswith("loss "):
        return setting.with_(loss=choice.removeprefix("loss "))
    if choice == "equal rates":
        return setting.with_(discriminator_lr=1e-3, generator_lr=1e-3)
    if choice == "other seed":
        return dataclasses.replace(setting, seed=setting.seed + 1)
    if choice == "r2":
        return setting.with_(r2=not setting.values.get("r2", True))
    return setting.turned(choice)
