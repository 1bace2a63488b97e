"""Labels that the classifier asks for, against as many at random: the test error while they come in.

    python -m benchmarks.experiments.label_choice

Writes results/label_choice.json and results/label_choice.png.  A training on mnist5k begins with two labels
of each class; then, every so many steps, ten images more are labeled and the training goes on: the ten that
`ssgan_tf.predict --most_unsure` would name, or ten at random.  Both ways have the same first labels, seeds,
steps and unlabelled pool; the labels are of the training part, and the 1,000 test images are looked at after
each round, by which nothing is chosen.  Two classifiers: the SSGAN, and the same network on the labels alone.

What is done is in the JSON file and is not done again; with --minutes a command ends after that many, and
the same command, given again, goes on.
"""

import dataclasses
import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.experiments import running
from gan_common import cli, data, files
from gan_common.cli import flag
from gan_common.metrics import significance

FIRST, MORE, LAST = 20, 10, 100  # labels
WAYS = ("at random", "most unsure")
KINDS = {"SSGAN": False, "labels alone": True}  # whether it is --baseline
FIRST_STEPS, ROUND_STEPS = 400, 150
ALONE_STEPS = 100  # of the first, before the game
BATCH = 250  # images at a time that are asked about
# Half of fast's width and batches; constant rates and a short average, since it is looked at all the time.
FLAGS: dict[str, Any] = {
    "dataset": "mnist5k",
    "width": 16,
    "batch_size": 16,
    "game_batch": 8,
    "labelled_batch": 16,
    "labels": str(FIRST),
    "validation_size": 0,
    "constant_share": 1.0,
    "weight_average": 0.99,
    "precision": "float32",
    "steps": FIRST_STEPS,
}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag((), f"classifiers: {', '.join(KINDS)} (default: both)")
    seeds: int = flag(3, "trainings of each kind and way", lower=1)
    minutes: float | None = flag(None, "end after the training during which they are over", lower=0)
    json: str = flag("results/label_choice.json", "file for the numbers; the figure goes beside it")


class Asked:
    """A training's classifier as `unsure` asks it."""

    fit = "crop"

    def __init__(self, gan: Any, dataset: data.Dataset) -> None:
        self._gan = gan
        self.image_shape, self.class_names = dataset.image_shape, list(dataset.class_names)

    def probabilities(self, images: np.ndarray) -> tuple[np.ndarray, None]:
        """uint8 (N, H, W, C) → (N, K)."""
        from gan_common.metrics import calibration

        return calibration.probabilities(self._gan.logits(images)[:, :-1]), None


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.check_only(options.only, KINDS)
    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import machine

    path = Path(options.json)
    table = running.table(path, "runs")
    table["command"] = "python -m benchmarks.experiments.label_choice"
    table["processor"] = machine.description()
    dataset, began = data.load("mnist5k"), time.monotonic()
    kinds = options.only or tuple(KINDS)
    wanted = list(itertools.product(range(1, options.seeds + 1), kinds, WAYS))
    for seed, kind, way in wanted:
        runs = table["runs"].setdefault(f"{kind}, {way}", {})
        if str(seed) in runs:
            continue
        start = time.perf_counter()
        rounds = list(labelled_rounds(dataset, seed, KINDS[kind], way))
        labels, errors, classes = (list(each) for each in zip(*rounds, strict=True))
        runs[str(seed)] = {
            "labels": labels,
            "test_error_percent": errors,
            "labels_by_class": classes[-1],
            "seconds": time.perf_counter() - start,
        }
        files.write_json(path, table)
        told = "  ".join(f"{error:.1f}" for error in errors)
        print(f"{kind}, {way}, seed {seed}: {told}", flush=True)
        if options.minutes is not None and time.monotonic() - began > 60 * options.minutes:
            break
    if all(str(seed) in table["runs"].get(f"{kind}, {way}", {}) for seed, kind, way in wanted):
        report(table, kinds, path)


def labelled_rounds(
    dataset: data.Dataset, seed: int, baseline: bool, way: str
) -> Iterator[tuple[int, float, list[int]]]:
    """A training whose labels come in round after round.

    Args:
        dataset: whose training labels are told when they are asked for.
        seed: of the first labels, the training, and the choice at random.
        baseline: train on the labels alone.
        way: one of `WAYS`.

    Yields:
        After each round the labels so far, the test error in percent, and the labels by class.
    """
    import tensorflow as tf

    from gan_common.kernels import choice
    from ssgan_tf import models, parts, train, unsure
    from ssgan_tf.config import resolve

    given = {**FLAGS, "seed": seed} | ({"baseline": True} if baseline else {})
    if baseline:
        del given["game_batch"]
    config = resolve(given)
    first = parts.divide(dataset, config)
    pool = dataset.x_train
    gan = models.build(config, dataset.image_shape, dataset.num_classes, pool[:500])
    choice.choose(gan.networks, config.batch_size, say=lambda line: None)
    step = train.step_function(gan, config, tf.distribute.get_strategy())
    asked, labelled = Asked(gan, dataset), list(first.labelled)
    chance, done = np.random.default_rng((seed, 1)), 0
    while True:
        seen = dataclasses.replace(
            first, x_labelled=pool[labelled], y_labelled=dataset.y_train[labelled]
        )
        until = done + (ROUND_STEPS if done else FIRST_STEPS)
        for (x, y), (unlabelled,) in parts.stream(seen, config, done):
            step(x, y, unlabelled, tf.constant(0.0), True, done >= ALONE_STEPS)
            done += 1
            if done == until:
                break
        error = round(100 * gan.error(dataset.x_test, dataset.y_test), 4)
        counts = np.bincount(dataset.y_train[labelled], minlength=dataset.num_classes)
        yield len(labelled), error, counts.tolist()
        if len(labelled) >= LAST:
            return
        left = np.setdiff1d(np.arange(len(pool)), labelled)
        if way == "at random":
            labelled += chance.choice(left, MORE, replace=False).tolist()
            continue
        rows = (left[i : i + BATCH] for i in range(0, len(left), BATCH))
        batches = ((list(map(str, some)), pool[some]) for some in rows)
        chosen = unsure.most_unsure_of(asked, batches, MORE)
        labelled += [int(name) for name, *_ in chosen]


def report(table: dict, kinds: Sequence[str], path: Path) -> None:
    """Draw the errors against the labels; print and keep how the two ways differ, seed by seed.

    Args:
        table: of the runs; of each kind both ways with the same seeds, or those that both have are compared.
        kinds: some of `KINDS`.
        path: of the JSON file.
    """
    from gan_common import plotting

    runs = table["runs"]
    table["most_unsure_less_random_percent"] = differences = {}
    for kind in kinds:
        random, unsure = (runs[f"{kind}, {way}"] for way in WAYS)
        seeds = sorted(set(random) & set(unsure), key=int)
        for name, of in {
            "mean of all rounds": lambda run: float(np.mean(run["test_error_percent"][1:])),
            f"with {LAST} labels": lambda run: run["test_error_percent"][-1],
        }.items():
            pair = [[of(each[seed]) for seed in seeds] for each in (random, unsure)]
            told = significance.difference(*pair, paired=True)
            differences[f"{kind}, {name}"] = {
                "at random": pair[0],
                "most unsure": pair[1],
                "difference": told.mean,
                "interval": [told.low, told.high] if told.seeds > 1 else None,
                "p": told.p,
            }
            print(
                f"{kind}, {name}: {np.mean(pair[0]):.2f}% at random, {np.mean(pair[1]):.2f}% most "
                f"unsure, {told.mean:+.2f} [{told.low:+.2f}, {told.high:+.2f}]"
            )
    files.write_json(path, table)
    curves = {
        name: [(run["labels"], run["test_error_percent"]) for run in runs[name].values()]
        for name in (f"{kind}, {way}" for kind in kinds for way in WAYS)
    }
    figure = path.with_suffix(".png")
    plotting.error_curves(
        figure, curves, "mnist5k: labels asked for, or at random", "labels", "test error, %"
    )
    print(figure)


if __name__ == "__main__":
    main()
