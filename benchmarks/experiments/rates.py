"""When does a GAN collapse, and what does each remedy change of that?  D's rate over G's, swept.

    python -m benchmarks.experiments.rates

Trains the ring with `--preset quick`, G's rate 0.001 and batches of 64 for 3,000 steps, without a remedy and
with each; only D's rate changes, from a tenth of G's to thirty times.  Writes results/rates.json, and
results/rates.png: captured and filled modes and the share of good samples against the ratio, a column for
each remedy, the plain GAN in gray.  The seeds are 31 and on, so that what is chosen by the figure can be
tried on others (`experiments.cases`).  A training that is in the file is not made again.
"""

import dataclasses
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.experiments import running
from gan_common import cli, files, modes
from gan_common.cli import flag

RATIOS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
# Half of the preset's batches: minibatch discrimination compares all pairs.
BASE: dict[str, Any] = {
    "task": "ring",
    "preset": "quick",
    "steps": 3000,
    "batch_size": 64,
    "generator_lr": 1e-3,
}
# name → what is typed besides.
REMEDIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "packing": {"tricks": ("packing",)},
    "feature matching": {"tricks": ("feature_matching",)},
    "R1, γ = 0.03": {"tricks": ("r1",), "r1": 0.03},
    "minibatch": {"tricks": ("minibatch",)},
    "unrolled, k = 5": {"tricks": ("unrolled",)},
}
SHOWN = {"modes": "captured modes", "filled": "filled modes", "high_quality": "good samples"}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag((), "remedies, separated by commas (default: all)")
    seed: int = flag(31, "of the first training of each", lower=0)
    seeds: int = flag(2, "trainings of each remedy at each ratio", lower=1)
    steps: int = flag(BASE["steps"], "of each training", lower=1)
    results: str = flag("results", "folder for the table and the figure")


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    short = {name.split(",")[0]: name for name in REMEDIES}
    running.check_only(options.only, short)

    import gan_common.quiet  # noqa: F401

    path = Path(options.results) / "rates.json"
    games: dict[str, Any] = {}
    for seed in range(options.seed, options.seed + options.seeds):
        for name in [short[word] for word in options.only] or REMEDIES:
            for ratio in RATIOS:
                train(name, ratio, seed, games, path, options)
    table = running.table(path, "remedies")
    for name, row in table["remedies"].items():
        cells = [f"{c['mean']['filled']:.1f}/{c['mean']['high_quality']:.0%}" for c in row.values()]
        print(f"{name:<20}" + "".join(f"{cell:>10}" for cell in cells))
    draw(table["remedies"], path.with_suffix(".png"))
    print(path)


def train(
    name: str, ratio: float, seed: int, games: dict[str, Any], path: Path, options: Options
) -> None:
    """Train a remedy at a ratio, unless the file has it; written as it ends.

    Args:
        name: of the remedy.
        ratio: D's rate over G's.
        seed: of the training.
        games: name → a game to go on with, for all ratios: building a graph takes as long as a training.
        path: of the table.
        options: of the command.
    """
    from gan_common.kernels import machine
    from gan_common.modes.game import Game
    from gan_common.modes.tasks import Points

    rate, key = ratio * BASE["generator_lr"], f"{ratio:g}"
    given = BASE | REMEDIES[name] | {"steps": options.steps, "discriminator_lr": rate}
    setting = modes.resolve(given)
    described = modes.describe(setting) | {"tricks": list(setting.tricks)}
    table = running.table(path, "remedies")
    row = table["remedies"].get(name, {}).get(key, {})
    runs = row.get("runs", []) if described.items() <= row.items() else []
    if seed in {known["seed"] for known in runs}:
        return
    game = games[name] = games.get(name) or Game(setting, Points("ring"))
    runs.append(run(game, seed, rate))
    told = f"{runs[-1]['filled']} filled, {runs[-1]['high_quality']:.1%} good"
    print(f"{name}, D's rate {key} of G's, seed {seed}: {told}", flush=True)
    cells = table["remedies"].get(name, {}) | {key: described | modes.summary(runs)}
    found = table["remedies"] | {
        name: {f"{r:g}": cells[f"{r:g}"] for r in RATIOS if f"{r:g}" in cells}
    }
    table["remedies"] = {each: found[each] for each in REMEDIES if each in found}
    table["command"] = f"python -m benchmarks.experiments.rates --seeds {options.seeds}"
    files.write_json(path, table | {"processor": machine.description()})


def run(game: Any, seed: int, discriminator_lr: float) -> dict[str, float]:
    """Train a game from the start of a seed, with another rate of D than it was made with; its measures."""
    game.reset(seed)
    game.d_optimizer.learning_rate = discriminator_lr
    start = time.process_time()
    game.train(game.options.steps)
    found = game.data.measure(game.samples(modes.SAMPLES["ring"]))
    return {"seed": seed, **found, "processor_seconds": round(time.process_time() - start, 2)}


def draw(remedies: dict[str, Any], path: Path) -> None:
    """The figure: mean and extremes of the seeds against the ratio."""
    from gan_common import plotting

    def course(row: dict[str, Any], measure: str) -> list[tuple[float, float, float, float]]:
        found = [
            (float(ratio), [run[measure] for run in cell["runs"]]) for ratio, cell in row.items()
        ]
        return [(ratio, statistics.fmean(v), min(v), max(v)) for ratio, v in found]

    if "plain" not in remedies:
        return
    courses = {
        name: {text: course(row, measure) for measure, text in SHOWN.items()}
        for name, row in remedies.items()
    }
    plotting.courses(
        path,
        courses,
        "plain",
        "Ring: what D's rate over G's does to the plain GAN (gray), and to one with a remedy",
        "D's rate / G's rate",
    )


if __name__ == "__main__":
    main()
