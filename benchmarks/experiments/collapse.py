"""Mode collapse as the chapter draws it: all samples on one mode, then on another, and the reason.

    python -m benchmarks.experiments.collapse

Trains the plain GAN on the ring, G thirty times as fast as D and latents of 64, looks at it every 25 steps,
and writes results/collapse.json: how long the samples sit on one mode, how often they hop, how many modes are
visited.  Draws results/collapse.png of seed 1: looks at equal distances, which mode the samples are at
over the whole training, and D's surface with the direction in which it sends G's samples during one hop.
A seed that is in the file is not trained again, except for the figure.
"""

import dataclasses
import itertools
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.experiments import running
from gan_common import cli, files, modes
from gan_common.cli import flag

# What it takes: G so much faster than D that it comes to rest before D has moved.  Chosen on seed 31 among
# rates of both from 3e-5 to 3e-2, latents of 2 to 256 numbers, losses and activations.
HOPPING: dict[str, Any] = {
    "task": "ring",
    "preset": "quick",
    "steps": 4000,
    "latent_dim": 64,
    "generator_lr": 3e-3,
    "discriminator_lr": 1e-4,
}
# name → what else is changed.
SETTINGS: dict[str, dict[str, Any]] = {
    "one mode after another": {},
    "latents of 2 numbers": {"latent_dim": 2},
    "D as fast as G": {"discriminator_lr": 3e-3},
    "D ten times as fast as G": {"generator_lr": 3e-4, "discriminator_lr": 3e-3},
}
EVERY = 25  # steps from one look to the next
SAMPLES = 500
TOGETHER = 0.95  # share of the samples whose nearest mode is the same
AT_MODE = 0.15  # of the ring's radius from the samples' mean to the mode; modes are 0.77 apart
SHOWN_FROM, SHOWN_EVERY, SHOWN = 2000, 200, 8  # the looks of the figure's first row
SCENES, SCENE_EVERY = 6, 10  # of the last row, from the last look before a hop on; steps
ARROWS = 15  # along each side of the plane


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    seeds: int = flag(5, "trainings of each setting", lower=1)
    steps: int = flag(HOPPING["steps"], "of each training", lower=EVERY)
    figures: bool = flag(True, "draw the figure")
    results: str = flag("results", "folder for the table and the figure")


@dataclasses.dataclass(frozen=True)
class Look:
    """The samples at one moment.

    Attributes:
        step: steps done.
        mode: that most samples are nearest to.
        together: whether nearly all are.
        sits: whether they are, and their mean is at that mode.
        spread: root mean square distance from their mean.
    """

    step: int
    mode: int
    together: bool
    sits: bool
    spread: float


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))

    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import machine
    from gan_common.modes.game import Game
    from gan_common.modes.tasks import Points

    path = Path(options.results) / "collapse.json"
    for name, changed in SETTINGS.items():
        given = HOPPING | changed | {"steps": options.steps}
        setting, game = modes.resolve(given), None
        described = modes.describe(setting) | {"tricks": list(setting.tricks)}
        row = running.table(path, "settings")["settings"].get(name, {})
        runs = row.get("runs", []) if described.items() <= row.items() else []
        for seed in range(1, options.seeds + 1):
            if seed in {run["seed"] for run in runs}:
                continue
            game = game or Game(setting, Points("ring"))
            found = told(looks_of(game, seed))
            runs.append({"seed": seed, **found, **game.data.measure(game.samples(2500))})
            table = {
                "command": f"python -m benchmarks.experiments.collapse --seeds {options.seeds}"
            }
            table |= running.table(path, "settings") | {"processor": machine.description()}
            rows = table["settings"] | {name: described | modes.summary(runs)}
            table["settings"] = {each: rows[each] for each in SETTINGS if each in rows}
            files.write_json(path, table)
            print(f"{name:<28}seed {seed}  {sentence(runs[-1])}", flush=True)
    if options.figures:
        draw(Game(modes.resolve(HOPPING | {"steps": options.steps}), Points("ring")), options)
    print(path)


def looks_of(game: Any, seed: int, each: Any = lambda look: None) -> list[Look]:
    """Train from the start of a seed to the end; what was seen every `EVERY` steps, and given to `each`."""
    game.reset(seed)
    looks = []
    while game.steps_done < game.options.steps:
        game.train(min(EVERY, game.options.steps - game.steps_done))
        looks.append(look_at(game.steps_done, game.samples(SAMPLES), game.data.centres))
        each(looks[-1])
    return looks


def look_at(step: int, samples: np.ndarray, centres: np.ndarray) -> Look:
    """What samples (n, 2) do about centres (modes, 2)."""
    nearest = np.linalg.norm(samples[:, None] - centres, axis=-1).argmin(axis=1)
    counts = np.bincount(nearest, minlength=len(centres))
    mode, middle = int(counts.argmax()), samples.mean(axis=0)
    together = bool(counts[mode] >= TOGETHER * len(samples))
    near = np.linalg.norm(middle - centres[mode]) <= AT_MODE
    spread = float(np.sqrt(np.mean(np.sum((samples - middle) ** 2, axis=1))))
    return Look(step, mode, together, together and bool(near), spread)


def told(looks: Sequence[Look]) -> dict[str, float]:
    """A training in numbers.

    Returns:
        together: share of the looks at which nearly all samples have one nearest mode.
        sits: share of those at which they are at it.
        hops: from one mode that they sat on to another, per 1,000 steps.
        visited: modes that they sat on.
        spread: median over the looks, where the ring's radius is 1.
    """
    sat = [look.mode for look in looks if look.sits]
    stays = [mode for mode, _ in itertools.groupby(sat)]
    return {
        "together": statistics.fmean(look.together for look in looks),
        "sits": statistics.fmean(look.sits for look in looks),
        "hops": max(0, len(stays) - 1) / looks[-1].step * 1000,
        "visited": len(set(sat)),
        "spread": statistics.median(look.spread for look in looks),
    }


def sentence(run: dict[str, Any]) -> str:
    """One line of a run."""
    return (
        f"together {run['together']:.0%}, at a mode {run['sits']:.0%}, {run['hops']:.1f} hops per 1,000, "
        f"{run['visited']} visited, spread {run['spread']:.3f}; at the end {run['filled']} filled, "
        f"{run['high_quality']:.0%} good"
    )


# ------------------------------------------------------------------------------------- the figure


def draw(game: Any, options: Options) -> None:
    """The figure, of seed 1."""
    from gan_common.modes.field import field
    from gan_common.modes.points import REACH
    from gan_common.plotting import planes

    reach = REACH["ring"]
    places = planes.lattice(reach, ARROWS)
    states, samples = {}, {}

    def keep(look: Look) -> None:
        states[look.step], samples[look.step] = game.save(), game.samples(SAMPLES)

    looks = looks_of(game, 1, keep)
    start = SHOWN_FROM if looks[-1].step >= SHOWN_FROM + SHOWN * SHOWN_EVERY else 0
    shown = [start + SHOWN_EVERY * number for number in range(SHOWN)]
    shown = [step for step in shown if step in samples] or [looks[-1].step]
    before = looks[max(0, hop(looks, start) - 1)].step
    game.restore(states[before])
    scenes = {}
    for step in range(before, before + SCENES * SCENE_EVERY, SCENE_EVERY):
        game.train(step - game.steps_done)
        surface = game.verdicts(planes.lattice(reach)).numpy()
        scenes[step] = planes.Scene(game.samples(SAMPLES), surface, places, field(game, places))
    planes.hopping(
        Path(options.results) / "collapse.png",
        {step: samples[step] for step in shown},
        [(look.step, look.mode, look.sits) for look in looks],
        scenes,
        game.data.centres,
        reach,
    )


def hop(looks: Sequence[Look], start: int) -> int:
    """The number of the first look after `start` steps at which the samples have left a mode.

    The last look's, if they never do.
    """
    for number, (before, now) in enumerate(itertools.pairwise(looks), 1):
        if now.step > start and before.sits and not now.sits:
            return number
    return len(looks) - 1


if __name__ == "__main__":
    main()
