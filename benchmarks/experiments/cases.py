"""For each remedy of mode collapse the case in which it decides: the ring without it and with it.

    python -m benchmarks.experiments.cases

Each case follows from what its paper says the remedy is for; its rates were chosen by `experiments.rates` on
seeds from 31 on.  Trains both on seeds that were not looked at, 1 to 5, writes results/cases.json, and
results/cases.png: the samples of the first seed.  A training that is in the file is not made again.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.experiments import rates, running
from gan_common import cli, files, modes
from gan_common.cli import flag
from gan_common.metrics import significance

# What is told: the measure, its name, how many of its units are 1.
MEASURES = (("modes", "captured", 1), ("filled", "filled", 1), ("high_quality", "% good", 100))
POINTS = 150  # samples of the first seed that are kept for the figure


@dataclasses.dataclass(frozen=True)
class Case:
    """A setting with an illness, and the remedy for it.

    Attributes:
        trick: the remedy, of the catalogue.
        because: what is wrong in the setting, and why the remedy should help.
        flags: of the setting, beside those of `rates.BASE`.
        more: of the remedy.
    """

    trick: str
    because: str
    flags: Mapping[str, Any]
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)


_SLOW, _FAST = {"discriminator_lr": 3e-4}, {"discriminator_lr": 1e-2}  # G's is 1e-3
CASES: dict[str, Case] = {
    "minibatch": Case(
        "minibatch",
        "G runs ahead of a slow D and puts all samples in one heap; a D that sees how close the samples of a "
        "batch are tells a heap at once (Salimans et al. 2016, section 3.2)",
        _SLOW,
    ),
    "unrolled": Case(
        "unrolled",
        "G answers the D of the moment, which is slow; one that answers the D to come does not go where that "
        "will have turned it away (Metz et al. 2017)",
        _SLOW,
    ),
    "packing": Case(
        "packing",
        "where all samples are in one heap, a D that sees pairs finds both near to each other, which real "
        "ones seldom are (Lin et al. 2018)",
        _SLOW,
    ),
    "feature matching": Case(
        "feature_matching",
        "the mean of D's features over a batch is matched by samples as spread as the data alone, wherever "
        "the maximum of a slow D is (Salimans et al. 2016, section 3.1)",
        _SLOW,
    ),
    "packing (fast D)": Case(
        "packing",
        "a fast D walls in the mode that G found; of pairs it sees that both are of one mode",
        _FAST,
    ),
    "feature matching (fast D)": Case(
        "feature_matching",
        "against a fast D the direction to its maximum is that to one mode, to its mean features it is not",
        _FAST,
    ),
    "R1": Case(
        "r1",
        "a fast D becomes a cliff around each mode; with a gentle slope there are directions to all of them "
        "(Mescheder et al. 2018)",
        _FAST,
        {"r1": 0.03},
    ),
    "G first": Case(
        "generator_first",
        "where G stands when a fast D has become sure decides which modes it reaches; G's head start lets it "
        "spread over the ring before",
        _FAST,
    ),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag((), "cases, separated by commas (default: all)")
    seed: int = flag(1, "of the first training of each", lower=0)
    seeds: int = flag(5, "trainings of each case without the remedy, and with it", lower=1)
    results: str = flag("results", "folder for the table and the figure")


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.check_only(options.only, CASES)

    import gan_common.quiet  # noqa: F401

    path = Path(options.results) / "cases.json"
    for name in options.only or CASES:
        row = running.table(path, "cases")["cases"].get(name, {})
        for part in ("without", "with"):
            row = train(name, part, row, path, options)
        print(f"{name}: " + told(row["without"]["runs"], row["with"]["runs"]), flush=True)
    draw(running.table(path, "cases")["cases"], path.with_suffix(".png"))
    print(path)


def settings(case: Case) -> dict[str, modes.Options]:
    """The case `without` its remedy, and `with` it."""
    given = rates.BASE | case.flags
    return {
        "without": modes.resolve(given),
        "with": modes.resolve(given | {"tricks": (case.trick,)} | case.more),
    }


def train(name: str, part: str, row: dict, path: Path, options: Options) -> dict:
    """Train a part of a case with the seeds that the file lacks; each is written as it ends.

    Returns:
        The case's row of the table.
    """
    from gan_common.modes.game import Game
    from gan_common.modes.tasks import Points

    setting = settings(CASES[name])[part]
    described = modes.describe(setting) | {"tricks": list(setting.tricks)}
    # Several cases have the same setting without their remedies: it is trained once.
    others = (each.get(part, {}) for each in running.table(path, "cases")["cases"].values())
    alike = [known for known in (row.get(part, {}), *others) if described.items() <= known.items()]
    known = max(alike, key=lambda each: len(each["runs"]), default={})
    runs = list(known.get("runs", []))
    game = None
    for seed in range(options.seed, options.seed + options.seeds):
        if seed in {run["seed"] for run in runs}:
            continue
        game = game or Game(setting, Points("ring"))
        runs.append(rates.run(game, seed, setting.discriminator_lr))
        points = known.get("points") or game.samples(POINTS).round(3).tolist()
        known = described | modes.summary(runs) | {"points": points}
        row = write(name, row | {part: known}, path, options)
        now = f"{runs[-1]['filled']} filled, {runs[-1]['high_quality']:.1%} good"
        print(f"{name}, {part} it, seed {seed}: {now}", flush=True)
    return write(name, row | {part: known}, path, options)


def write(name: str, row: dict, path: Path, options: Options) -> dict:
    """Put a case's row into the table; the row."""
    from gan_common.kernels import machine

    row = {"trick": CASES[name].trick, "because": CASES[name].because} | row
    table = running.table(path, "cases")
    cases = table["cases"] | {name: row}
    table["cases"] = {each: cases[each] for each in CASES if each in cases}
    table["command"] = f"python -m benchmarks.experiments.cases --seeds {options.seeds}"
    files.write_json(path, table | {"processor": machine.description()})
    return row


def told(without: Sequence[dict], found: Sequence[dict]) -> str:
    """What a case comes to without and with its remedy: the means, and the differences over the seeds."""
    parts = []
    for measure, text, factor in MEASURES:
        before, after = ([factor * run[measure] for run in runs] for runs in (without, found))
        change = significance.difference(before, after, paired=True)
        mean = [sum(each) / len(each) for each in (before, after)]
        parts.append(
            f"{mean[0]:.1f} → {mean[1]:.1f} {text} ({change.low:+.1f} to {change.high:+.1f})"
        )
    return ", ".join(parts)


def draw(cases: Mapping[str, Any], path: Path) -> None:
    """The samples of the first seed, a column for each case: without the remedy above, with it below."""
    from gan_common.modes.points import REACH
    from gan_common.plotting import planes

    columns = {
        name: {
            f"{part}: {mean['modes']:.1f} / {mean['filled']:.1f} / {mean['high_quality']:.0%}": points
            for part in ("without", "with")
            for mean, points in [(row[part]["mean"], row[part]["points"])]
        }
        for name, row in cases.items()
        if "with" in row
    }
    if columns:
        title = (
            "Seed 1 without a remedy and with it; captured / filled modes / good samples (means)"
        )
        planes.columns(path, columns, modes.centres("ring"), REACH["ring"], title)


if __name__ == "__main__":
    main()
