"""The semi-supervised GAN against the same classifier without it: the test error of few labels.

    python -m benchmarks.experiments.ssgan --only mnist100 --data_dir DATA

Each row below is a task: some kinds of training over some seeds, each a run of its own.  A run that is in
results/ssgan_ROW.json with the same configuration, the preset's values included, is done (remove the file to
do them all again), and one that was interrupted goes on, so the same command takes the table up again.
Writes that file after every run, and results/ssgan_ROW.png: the error on validation images over
training.  The errors of the table are those of the test split, looked at once, with the last (averaged)
weights.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.experiments import running
from gan_common import cli, files
from gan_common.cli import flag
from gan_common.errors import UserError
from gan_common.metrics import significance
from ssgan_tf.config import Config, resolve

# Of a run's configuration: where its files are, and what the machine chose.
NOT_COMPARED = ("run_dir", "data_dir", "resume", "json", "precision")
SAME_STEPS = "as many steps as"
BASELINE = {"baseline": True, SAME_STEPS: "SSGAN"}
# What each part of D's loss is worth: the classifier, with one of the other two parts, with both.
PARTS = {
    "labels alone": BASELINE,
    "labels, consistency": {"unsupervised_weight": 0},
    "labels, GAN": {"consistency_weight": 0},
    "SSGAN": {},
}
# The same where SSGAN's length is a time: as many steps, and the consistency term for the time as well.
TIMED_PARTS = {
    name: flags if name == "SSGAN" else {**flags, SAME_STEPS: "SSGAN"}
    for name, flags in PARTS.items()
} | {"labels, consistency, equal time": {"unsupervised_weight": 0}}
# Kinds whose difference is the game's own share: without it, with it.
SHARES = (("labels alone", "labels, GAN"), ("labels, consistency", "SSGAN"))
# What else a generator may do (`ssgan_tf.alternatives`), beside the game as it is.
BAD = {"pull_away_weight": 0.8, "entropy_weight": 0.1}
GENERATED = {
    "labels, consistency": {"unsupervised_weight": 0},
    "SSGAN": {},
    "bad GAN": BAD,
    "generated as labelled": {"class_weight": 0.1},
    "third player": {"pair_weight": 0.1, "class_weight": 0.1},
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One task of the table.

    Attributes:
        title: for the figure.
        flags: of every run.
        kinds: name → further flags.  A kind may take its steps from another of the same seed.
        seeds: how many, from 1 on.
        required: error in percent that the mean of SSGAN must not exceed.
        timed: error in percent; printed is when it is reached.
    """

    title: str
    flags: Mapping[str, object]
    kinds: Mapping[str, Mapping[str, object]]
    seeds: int
    required: float | None = None
    timed: float | None = None


def _mnist(labels: int, **flags) -> dict:
    return {"dataset": "mnist", "labels": str(labels), **flags}


BOTH = {"SSGAN": {}, "baseline": BASELINE}
# 5,000 validation images take as long as ten steps.
CIFAR = {"dataset": "cifar10", "labels": "4000", "test_every": 500}
ROWS: dict[str, Row] = {
    "mnist100": Row("MNIST, 100 labels", _mnist(100, steps=15_000), BOTH, 3, 1.2, 1.5),
    "mnist100_parts": Row("MNIST, 100 labels, 4,000 steps", _mnist(100, steps=4000), PARTS, 3),
    "mnist100_5min": Row("MNIST, 100 labels, 5 minutes", _mnist(100, max_minutes=5), BOTH, 3, 1.5),
    "mnist100_improved": Row(
        "MNIST, 100 labels, Improved GAN, 100 epochs",
        _mnist(100, preset="improved", epochs=100),
        {"SSGAN": {}},
        1,
        2.0,
    ),
    # 25 is not the same number of each class; 20 is the harder task.
    "mnist20": Row("MNIST, 20 labels", _mnist(20, max_minutes=10), BOTH, 2),
    "mnist20_parts": Row("MNIST, 20 labels, 4,000 steps", _mnist(20, steps=4000), PARTS, 3),
    "mnist50": Row("MNIST, 50 labels", _mnist(50, max_minutes=10), BOTH, 2),
    "mnist1000": Row("MNIST, 1,000 labels", _mnist(1000, max_minutes=10), BOTH, 2),
    "cifar4000": Row(
        "CIFAR-10, 4,000 labels, 45 minutes",
        {**CIFAR, "max_minutes": 45},
        {**BOTH, "baseline, equal time": {"baseline": True}},
        2,
        35.0,
    ),
    "cifar4000_parts": Row(
        "CIFAR-10, 4,000 labels, 20 minutes", {**CIFAR, "max_minutes": 20}, TIMED_PARTS, 3
    ),
    "cifar250_parts": Row(
        "CIFAR-10, 250 labels, 20 minutes",
        {**CIFAR, "labels": "250", "max_minutes": 20},
        TIMED_PARTS,
        2,
    ),
    "cifar4000_reference": Row(
        "CIFAR-10, 4,000 labels, reference, 20 minutes",
        {**CIFAR, "preset": "reference", "max_minutes": 20},
        {"SSGAN": {}},
        1,
    ),
    "mnist5k": Row(
        "mnist5k, 100 labels, 3 minutes",
        {"dataset": "mnist5k", "labels": "100", "max_minutes": 3},
        BOTH,
        3,
    ),
    "mnist5k20_generators": Row(
        "mnist5k, 20 labels, 2,500 steps",
        {"dataset": "mnist5k", "labels": "20", "steps": 2500},
        GENERATED,
        3,
    ),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag((), f"rows, separated by commas: {', '.join(ROWS)} (default: all)")
    seeds: int | None = flag(None, "how many (default: as many as the row asks for)", lower=1)
    data_dir: str | None = flag(None, "folder with the data sets (else $GAN_DATA_DIR)")
    runs: str = flag("runs/benchmarks", "folder for the runs")
    results: str = flag("results", "folder for the tables and the figures")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.check_only(options.only, ROWS)

    import gan_common.quiet  # noqa: F401

    for name in options.only or ROWS:
        measure(name, ROWS[name], options)


def measure(name: str, row: Row, options: Options) -> dict:
    """Train what is not trained yet of a row; print, draw and write what came out."""
    results = Path(options.results)
    path = results / f"ssgan_{name}.json"
    found = _done(path, row)
    for seed in range(1, (options.seeds or row.seeds) + 1):
        # A kind that takes its steps from another comes after it.
        for kind in sorted(row.kinds, key=lambda kind: SAME_STEPS in row.kinds[kind]):
            summaries = {other: of.get(str(seed)) for other, of in found.items()}
            flags = {**flags_of(row, kind, summaries), "seed": seed}
            config = configuration(flags)
            known = found[kind].get(str(seed))
            if known and not differences(known["config"], config):
                continue
            folder = Path(options.runs) / f"ssgan-{name}" / f"{kind.replace(', ', '-')}-{seed}"
            _check_folder(folder, config)
            given = {**flags, "data_dir": options.data_dir}
            summary = running.train("ssgan_tf", folder, given, measured="test_error")
            found[kind][str(seed)] = summary | {"config": config, "validation": _validation(folder)}
            files.write_json(path, _content(name, row, found))
    content = _content(name, row, found)
    _report(name, row, content, found, results)
    return content


def _done(path: Path, row: Row) -> dict[str, dict[str, dict]]:
    """The runs of an earlier command: kind → seed → its summary, configuration and validation errors."""
    runs = running.table(path, "runs")["runs"]
    found = {kind: dict(runs.get(kind, {})) for kind in row.kinds}
    for one in (one for of in found.values() for one in of.values()):
        if not isinstance(one, dict) or not isinstance(one.get("config"), dict):
            raise running.damaged(path, TypeError("a run without its configuration"))
    return found


def configuration(flags: Mapping[str, object]) -> dict:
    """All that decides what a run of these flags comes to, the preset's values too, as JSON has it."""
    return _as_json(resolve(dict(flags)))


def _as_json(config: Config) -> dict:
    known = {k: v for k, v in dataclasses.asdict(config).items() if k not in NOT_COMPARED}
    return json.loads(json.dumps(known))


def differences(known: Mapping[str, object], config: Mapping[str, object]) -> list[str]:
    """Names of a run's values that are others now.  A flag that is new since, at its default, is none."""
    return [k for k, v in known.items() if config.get(k) != v]


def _check_folder(folder: Path, config: Mapping[str, object]) -> None:
    """Refuse a run's folder that another configuration was trained in."""
    if not (folder / "config.json").exists():
        return
    if other := differences(_as_json(cli.saved(Config, str(folder), "--runs")), config):
        raise UserError(
            f"{folder}: was trained with other values of {', '.join(other)}; move it away, or name "
            "another folder by --runs"
        )


def _content(name: str, row: Row, found: Mapping[str, Mapping[str, dict]]) -> dict:
    """What is written of a row."""
    table = {}
    for kind, runs in found.items():
        errors = [100 * runs[seed]["test_error"] for seed in sorted(runs, key=int)]
        if errors:
            std = significance.spread(errors)
            table[kind] = {"mean": float(np.mean(errors)), "std": std, "each": errors}
    content = {
        "command": f"python -m benchmarks.experiments.ssgan --only {name}",
        "title": row.title,
        "cores": os.cpu_count(),
        "test_error_percent": table,
        "runs": found,
    }
    if row.required is not None:
        content["required_percent"] = row.required
    if shares := game_shares(found):
        content["game_share_percent"] = shares
    return content


def game_shares(found: Mapping[str, Mapping[str, dict]]) -> dict[str, dict]:
    """What the game takes off the test error, in points, paired by seed: each of `SHARES` that is done.

    Returns:
        "SSGAN less labels, consistency" → the mean difference, below 0 where the game helps, its 95%
        interval, or None of a single seed, and the seeds.
    """
    shares = {}
    for without, with_game in SHARES:
        runs = [found.get(kind, {}) for kind in (without, with_game)]
        if seeds := sorted(set(runs[0]) & set(runs[1]), key=int):
            pair = [[100 * of[seed]["test_error"] for seed in seeds] for of in runs]
            told = significance.difference(*pair, paired=True)
            shares[f"{with_game} less {without}"] = {
                "difference": told.mean,
                "interval": [told.low, told.high] if told.seeds > 1 else None,
                "seeds": told.seeds,
            }
    return shares


def flags_of(row: Row, kind: str, summaries: Mapping[str, dict | None]) -> dict:
    """The flags of one run of a row.

    Args:
        row: the task.
        kind: of training.
        summaries: kind → the summary of the run of the same seed, for those that are done.
    """
    extra = dict(row.kinds[kind])
    same_steps = extra.pop(SAME_STEPS, None)
    flags = dict(row.flags)
    if same_steps:
        for length in ("epochs", "steps", "max_minutes"):
            flags.pop(length, None)
        flags["steps"] = summaries[same_steps]["steps"]
    return {**flags, **extra}


def _validation(folder: Path) -> dict[str, list]:
    """Wherever validation images were looked at anew: steps, seconds of training, and the error."""
    from gan_common import runs

    found: dict[str, list] = {"steps": [], "seconds": [], "errors": []}
    for row in runs.Run(folder).rows():
        error = row["validation_error"]
        if error < 1 and (not found["errors"] or error != found["errors"][-1]):  # 1: not looked yet
            for name, value in zip(found, (int(row["step"]), row["seconds"], error), strict=True):
                found[name].append(value)
    return found


def time_to(validation: Mapping[str, list], error: float) -> float | None:
    """Seconds of training after which the validation error stayed below this; None: not to the end."""
    above = [i for i, value in enumerate(validation["errors"]) if value >= error]
    first = above[-1] + 1 if above else 0
    return validation["seconds"][first] if first < len(validation["errors"]) else None


def _report(name: str, row: Row, content: Mapping, found, results: Path) -> None:
    from gan_common import plotting

    table = content["test_error_percent"]
    print(row.title)
    for kind, told in table.items():
        each = "  ".join(f"{value:.2f}" for value in told["each"])
        print(f"  {kind:<22}{told['mean']:6.2f}% ± {told['std']:.2f}   ({each})")
    for told, share in content.get("game_share_percent", {}).items():
        low, high = share["interval"] or (float("-inf"), float("inf"))
        print(f"  {told}: {share['difference']:+.2f} [{low:+.2f}, {high:+.2f}] points")
    if row.required is not None:
        met = table["SSGAN"]["mean"] <= row.required
        print(f"  {'met' if met else 'not met'}: at most {row.required:g}%")
    if row.timed is not None:
        for seed, one in found["SSGAN"].items():
            seconds = time_to(one["validation"], row.timed / 100)
            told = "never" if seconds is None else f"after {seconds / 60:.1f} minutes"
            print(f"  seed {seed}, validation error below {row.timed:g}% for good: {told}")
    labelled = {
        f"{kind} (test error {told['mean']:.2f}%)": [
            (one["validation"]["steps"], [100 * error for error in one["validation"]["errors"]])
            for one in found[kind].values()
        ]
        for kind, told in table.items()
    }
    figure = results / f"ssgan_{name}.png"
    plotting.error_curves(figure, labelled, f"{row.title}: error on validation images")
    print(f"  {figure}")


if __name__ == "__main__":
    main()
