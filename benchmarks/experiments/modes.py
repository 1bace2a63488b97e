"""What each trick does to mode collapse: a table and figures for each task.

    python -m benchmarks.experiments.modes --task ring --seeds 10

Trains every setting with every seed and writes results/modes_TASK.json; for ring and grid also the figures
modes_TASK_training.png (points over training), modes_TASK_surface.png (what D takes for real), and a GIF
of the collapse and one of its cure.  A training that is in the file already is not made again: an
interrupted table goes on where it stopped.
"""

import dataclasses
import json
from pathlib import Path

from benchmarks.experiments import running
from gan_common import cli, files, modes
from gan_common.cli import flag
from gan_common.errors import UserError

QUICK = {"preset": "quick"}
UNROLLED_GAN = {"preset": "unrolled_gan"}
# Twenty times the steps, falling rates and averaged weights: what can be told apart also becomes sharp.
LONG = QUICK | {"steps": 100_000}
LONG_TRICKS = ("lr_decay", "weight_average")
# With D's rate that of G the plain GAN keeps its modes: here labels have something to harm.
EQUAL = QUICK | {"discriminator_lr": 1e-3}
# Without labels, and the same without two of its parts.
MODERN = {"preset": "modern"}
BOTH_SMOOTHED = ("label_smoothing", "fake_smoothing")
# With the published number of samples.  A step of unrolling costs that of eight others: a fifth of LONG's.
FALLING = EQUAL | {"steps": 20_000, "batch_size": 512}
# name → what is typed after `python -m gan_common.modes`.
POINT_SETTINGS: dict[str, dict] = {
    "plain": QUICK,
    "minimax": QUICK | {"tricks": ("minimax",)},
    "unrolled, k = 5": QUICK | {"tricks": ("unrolled",)},
    "minibatch": QUICK | {"tricks": ("minibatch",)},
    "feature_matching": QUICK | {"tricks": ("feature_matching",)},
    "historical_averaging": QUICK | {"tricks": ("historical_averaging",)},
    "packing, m = 2": QUICK | {"tricks": ("packing",)},
    "virtual_batch_norm": QUICK | {"tricks": ("virtual_batch_norm",)},
    "generator_first": QUICK | {"tricks": ("generator_first",)},
    "conditional": QUICK | {"tricks": ("conditional",)},
    "residual": QUICK | {"tricks": ("residual",)},
    "instance_noise": QUICK | {"tricks": ("instance_noise",)},
    "replay": QUICK | {"tricks": ("replay",)},
    "r1": QUICK | {"tricks": ("r1",)},
    "equal rates": EQUAL,
    "equal rates, labels 0.9 and 0": EQUAL | {"tricks": ("label_smoothing",)},
    "equal rates, labels 0.9 and 0.1": EQUAL | {"tricks": BOTH_SMOOTHED},
    "equal rates, labels 0.9 and 0.3": EQUAL | {"tricks": BOTH_SMOOTHED, "beta": 0.3},
    "long": LONG | {"tricks": LONG_TRICKS},
    "long, packing": LONG | {"tricks": (*LONG_TRICKS, "packing")},
    "cured": {"preset": "cured"},
    "modern": MODERN,
    "modern, one wide latent": MODERN | {"codes": 0},
    "modern, without waves": MODERN | {"waves": 0},
    "plain, published": UNROLLED_GAN,
}
# Of the grid alone; on the ring unrolling reaches its published row without.
GRID_SETTINGS: dict[str, dict] = {
    "falling": FALLING | {"tricks": LONG_TRICKS},
    "falling, unrolled": FALLING | {"tricks": (*LONG_TRICKS, "unrolled")},
    "falling, labels 0.9 and 0.1": FALLING | {"tricks": (*LONG_TRICKS, *BOTH_SMOOTHED)},
    "falling, labels 0.9 and 0.1, unrolled": FALLING
    | {"tricks": (*LONG_TRICKS, "unrolled", *BOTH_SMOOTHED)},
}
PICTURE_SETTINGS: dict[str, dict] = {
    "plain": {"batch_size": 64, "steps": 3000},
    "packing, m = 2": {"batch_size": 64, "steps": 3000, "tricks": ("packing",)},
    "modern": MODERN,
    # The same networks and penalty without pairs and without R2: a GAN with R1.
    "modern, R1 alone": MODERN | {"loss": "non_saturating", "r2": False},
}
# task → the rows of its table.
SETTINGS: dict[str, dict[str, dict]] = {
    "ring": POINT_SETTINGS,
    "grid": POINT_SETTINGS | GRID_SETTINGS,
    "stacked": PICTURE_SETTINGS,
}
SHOWN = ("plain", "packing, m = 2", "cured")  # in the figures
GIFS = {"plain": "collapse", "cured": "cure"}
COLUMNS = 6


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    task: str = flag("ring", "which table", modes.TASKS)
    seeds: int = flag(10, "trainings of each setting", lower=1)
    settings: tuple[str, ...] = flag((), "numbers of the settings, from 0 (default: all)")
    data_dir: str | None = flag(None, "folder with mnist.npz, for stacked; without it mnist5k")
    figures: bool = flag(True, "draw the figures")
    results: str = flag("results", "folder for the table and the figures")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    settings = SETTINGS[options.task]
    if options.settings:
        numbers = {str(i): name for i, name in enumerate(settings)}
        for number in options.settings:
            if number not in numbers:
                known = ", ".join(f"{i} {name}" for i, name in numbers.items())
                raise UserError(f"--settings {number}: the settings are {known}")
        settings = {numbers[n]: settings[numbers[n]] for n in options.settings}

    import gan_common.quiet  # noqa: F401

    for name, given in settings.items():
        print(f"{options.task}, {name}", flush=True)
        measure(name, _resolved(given, options), options)
    if options.figures and options.task != "stacked":
        draw(options)
    known = table(options)
    for name, row in known["settings"].items():
        print(modes.table_line(name, row["mean"], row["spread"]))
    print(_table(options))


def _resolved(given: dict, options: Options) -> modes.Options:
    given = given | {"task": options.task}
    if options.task == "stacked" and options.data_dir:
        given |= {"dataset": "mnist", "data_dir": options.data_dir}
    return modes.resolve(given)


def _table(options: Options) -> Path:
    return Path(options.results) / f"modes_{options.task}.json"


def table(options: Options) -> dict:
    """What the file holds, or an empty table."""
    command = (
        f"python -m benchmarks.experiments.modes --task {options.task} --seeds {options.seeds}"
    )
    return {"command": command} | running.table(_table(options), "settings")


def measure(name: str, setting: modes.Options, options: Options) -> None:
    """Train a setting with the seeds that the file lacks, and write each into the file as it ends."""
    from gan_common.modes import play

    described = json.loads(json.dumps(modes.describe(setting)))
    row = table(options)["settings"].get(name, {})
    runs = row.get("runs", []) if described.items() <= row.items() else []
    missing = [s for s in range(1, options.seeds + 1) if s not in {run["seed"] for run in runs}]

    def finished(run: dict) -> None:
        runs.append(run)
        content = table(options)
        content["settings"][name] = described | modes.summary(runs)
        if options.task != "stacked":
            content["real"] = _real(options.task)
        found = content["settings"]
        content["settings"] = {k: found[k] for k in SETTINGS[options.task] if k in found}
        files.write_json(_table(options), content)

    if missing:
        play.play(setting, missing, finished)


def _real(task: str) -> dict:
    """What as many real samples score."""
    samples = modes.sample(task, modes.SAMPLES[task], seed=0)
    return modes.coverage(samples, modes.centres(task), modes.SIGMA[task])


def draw(options: Options) -> None:
    """Train the shown settings once more, with seed 1, looking at them on the way."""
    from gan_common import plotting
    from gan_common.modes import watch as watching
    from gan_common.modes.game import Game
    from gan_common.modes.tasks import data_of
    from gan_common.plotting import planes

    results, rows, panels = Path(options.results), {}, {}
    for name in SHOWN:
        setting = _resolved(POINT_SETTINGS[name], options)
        game = Game(setting, data_of(setting))
        watch = watching.play(game, 1)
        rows[name] = watch.spread(COLUMNS)
        panels[name] = (watch.points[-1], watch.surfaces[-1])
        if name in GIFS:
            target = results / f"modes_{options.task}_{GIFS[name]}.gif"
            plotting.save_gif(target, watch.frames(name), max_width=300, max_bytes=190_000)
    look = game.data.centres, watch.reach
    planes.over_training(results / f"modes_{options.task}_training.png", rows, *look)
    planes.surfaces(results / f"modes_{options.task}_surface.png", panels, *look)


if __name__ == "__main__":
    main()
