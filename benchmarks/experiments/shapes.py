"""Counts, perspective, structure (sections 2.3.3 to 2.3.5): how often a DCGAN gets them wrong.

    python -m benchmarks.experiments.shapes

Trains a DCGAN on each family of `gan_common.shapes`, then again with each of four remedies, measures
what its images show, and writes results/shapes.json with a figure of typical mistakes beside it.
What is trained already is not trained again when the command is given once more.
"""

import dataclasses
import shlex
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from gan_common import cli, data, files, shapes
from gan_common.cli import flag
from gan_common.errors import UserError
from gan_common.metrics import significance
from gan_common.shapes import ruler
from keras_dcgan import train
from keras_dcgan.config import Config, resolve

# What is tried, as flags of `keras_dcgan.train`.
SETTINGS = {
    "plain": {},
    "conditioned": {"preset": "cgan"},
    "minibatch": {"tricks": ("minibatch",)},
    "wide_kernels": {"discriminator_kernel": 6},
    "spectral_norm": {"tricks": ("spectral_norm",)},
}
# Passes over the 10,000 training images: until faults stand out from mere blur.
EPOCHS = {"count": 20, "perspective": 8, "structure": 10}
SHARES = ("right", "wrong", "unreadable")  # they add up to 1
SHOWN = 6  # images in a row of the figure


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    families: tuple[str, ...] = flag(shapes.FAMILIES, "which families, separated by commas")
    settings: tuple[str, ...] = flag(tuple(SETTINGS), "which settings, separated by commas")
    epochs: int | None = flag(
        None, f"passes over the 10,000 training images (default: {EPOCHS})", lower=1
    )
    seeds: int = flag(1, "trainings of each setting, with seeds 1, 2, ...", lower=1)
    width: int = flag(16, "filters of D's first layer", lower=1)
    samples: int = flag(2_000, "generated images that are measured", lower=10, upper=100_000)
    runs: str = flag("runs/benchmarks", "folder for the runs")
    json: str = flag("results/shapes.json", "file for the table; the figure goes beside it")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    for name, known in (("families", shapes.FAMILIES), ("settings", SETTINGS)):
        for value in getattr(options, name):
            if value not in known:
                raise UserError(f"--{name} {value}: unknown; there are {', '.join(known)}")

    table, rows = {}, []
    for family in options.families:
        dataset = data.load(f"shapes:{family}")
        table[family] = {"real": shares(dataset.x_test, dataset.y_test, family)}
        print(f"{family:<30}" + "".join(f"{name:>12}" for name in SHARES))
        print(_line("real images", table[family]["real"]), flush=True)
        for setting in options.settings:
            cells = []
            for seed in range(1, options.seeds + 1):
                pictures, labels, speed = _generated(family, setting, seed, options)
                cells.append(shares(pictures, labels, family) | {"images_per_second": speed})
                print(_line(f"{setting}, seed {seed}", cells[-1]), flush=True)
                if (setting, seed) == (options.settings[0], 1):
                    rows += examples(dataset.x_test, pictures, family)
            table[family][setting] = summarize(cells)

    from gan_common import plotting

    path = Path(options.json)
    plotting.marked_pictures(path.with_suffix(".png"), rows, "What a DCGAN gets wrong")
    files.write_json(
        path,
        {
            "command": _command(options),
            "epochs": {family: options.epochs or EPOCHS[family] for family in options.families},
            "shares": table,
        },
    )
    print(path, path.with_suffix(".png"), sep="\n")


def shares(pictures: np.ndarray, labels: np.ndarray, family: str) -> dict:
    """What images show, as shares of all of them.

    Args:
        pictures: uint8 (N, 32, 32, 3).
        labels: the classes (N,) that they should be of.
        family: one of `shapes.FAMILIES`.

    Returns:
        "right"; "wrong": can be read, but has a count that never occurs in the data, inconsistent
        views, or a broken structure; "unreadable": no count, no box, no figure can be made out.
        They add up to 1.
        "as_asked": right, and with its label's count or angle (where labels are of that kind).
        "kinds" and "values": see `ruler.measure`.
    """
    measured = ruler.measure(pictures, family)
    result = {
        "right": 1 - measured["wrong"],
        "wrong": measured["wrong"] - measured["unreadable"],
        "unreadable": measured["unreadable"],
    }
    asked = {"count": shapes.COUNTS, "perspective": shapes.ANGLES}.get(family)
    if asked:
        found = ruler.measure_each(pictures, family)
        shown = [one.count if family == "count" else one.angle for one in found]
        as_asked = [
            one.ok and value == asked[label]
            for one, value, label in zip(found, shown, labels, strict=True)
        ]
        result["as_asked"] = float(np.mean(as_asked))
    return result | {name: measured[name] for name in ("kinds", "values", "pictures")}


def summarize(cells: list[dict]) -> dict:
    """The mean of every number over the seeds, its standard deviation, and the cells themselves."""
    names = [name for name, value in cells[0].items() if isinstance(value, float)]
    result = {name: float(np.mean([cell[name] for cell in cells])) for name in names}
    if len(cells) > 1:
        result |= {
            f"{name}_std": significance.spread([cell[name] for cell in cells]) for name in names
        }
    return result | {"seeds": cells}


def examples(real: np.ndarray, generated: np.ndarray, family: str) -> list[tuple]:
    """Rows for `plotting.marked_pictures`: real, generated and right, generated and wrong.

    They are the first of their sort; of the wrong ones the first of each kind, the frequent kinds
    before the rare ones, then the second of each, and so on.
    """
    found = ruler.measure_each(generated, family)
    right = [number for number, one in enumerate(found) if one.ok][:SHOWN]
    frequency = Counter(one.reason for one in found)
    seen, wrong = Counter(), []
    for number, one in enumerate(found):
        if not one.ok:
            wrong.append((seen[one.reason], -frequency[one.reason], number))
            seen[one.reason] += 1
    wrong = [number for *_, number in sorted(wrong)[:SHOWN]]
    return [
        (f"{family}: real", real[:SHOWN], [], []),
        ("generated, right", generated[right], [], []),
        (
            "generated, wrong",
            generated[wrong],
            [[violation.box for violation in found[number].violations] for number in wrong],
            [found[number].reason for number in wrong],
        ),
    ]


def _line(what: str, cell: dict) -> str:
    return f"{what:<30}" + "".join(f"{cell[name]:>12.1%}" for name in SHARES)


def _command(options: Options) -> str:
    given = {
        name: ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in dataclasses.asdict(options).items()
        if name not in ("runs", "json") and value != getattr(Options(), name)
    }
    flags = [f"--{name}={value}" for name, value in given.items()]
    return shlex.join(["python", "-m", "benchmarks.experiments.shapes", *flags])


def _generated(family: str, setting: str, seed: int, options: Options):
    """Images of one training, their labels, and its images/s; trained first unless it is."""
    epochs = options.epochs or EPOCHS[family]
    name = f"shapes-{family}-{setting}-width{options.width}-{epochs}epochs-seed{seed}"
    folder = Path(options.runs) / name
    kept = folder / f"generated-{options.samples}.npz"
    if not kept.exists():
        _train(
            folder,
            SETTINGS[setting]
            | {"dataset": f"shapes:{family}", "epochs": epochs, "seed": seed}
            | {"width": options.width, "evaluate": False, "sample_every": 5.0, "save_every": 5.0},
        )

        from gan_common import runs, sampling
        from keras_dcgan import models

        run, config = runs.Run(folder), cli.saved(Config, folder)
        image_shape, class_names = run.dataset_facts()
        gan = models.restore(run, config, image_shape, len(class_names))
        pictures, _ = sampling.draw(gan, options.samples, seed=0)
        labels = sampling.labels_for(gan, options.samples)
        speed = run.summary()["images_per_second"]
        files.write_whole(
            kept,
            lambda path: _save(path, pictures=pictures, labels=labels, images_per_second=speed),
        )
    with np.load(kept) as arrays:
        return arrays["pictures"], arrays["labels"], float(arrays["images_per_second"])


def _save(path: Path, **arrays) -> None:
    with open(path, "wb") as file:  # given a name, NumPy would add .npz to it
        np.savez_compressed(file, **arrays)


def _train(folder: Path, values: dict) -> None:
    """Train, or go on with a training that was interrupted."""
    if (folder / "config.json").exists():
        config = cli.resumed(Config, {"resume": str(folder)})
    else:
        config = resolve(values | {"run_dir": str(folder)})
    status = train.train(config)
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()
