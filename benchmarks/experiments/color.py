"""Color, few images, and what helps: trainings of equal time, measured with one feature set.

    python -m benchmarks.experiments.color --only openmoji32             writes results/color.json and grids
    python -m benchmarks.experiments.color --data_dir DATA --seeds 3     all rows: some twenty hours

Each row is a data set, a time and a preset.  FID is that of 5,000 generated images against all training
images of the data set, also where only a few of them were trained on (as Zhao et al. 2020 do); the floor is
the test split's.  A command that was interrupted goes on where it stopped.
"""

import dataclasses
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.experiments import running
from gan_common import cli, data, files, runs
from gan_common.cli import flag
from gan_common.metrics import significance

GENERATED = 5000


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
    for few in (100, 500, 2000):
        for tricks in (None, "augment", "adaptive_augment"):
            flags = {"preset": "dcgan", "tricks": tricks}
            rows[f"few{few}_{tricks or 'plain'}"] = Row("openmoji", 15, 1, flags, few)
    return rows


ROWS = _rows()


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag((), "rows, or what their names begin with (default: all)")
    seeds: int = flag(2, "trainings of each", lower=1)
    minutes: float | None = flag(None, "of training, for all rows (default: each row's)", lower=0)
    data_dir: str | None = flag(None, "folder with the publishers' files")
    runs: str = flag("runs/color", "folder for the runs")
    json: str = flag("results/color.json", "file for the numbers; grids go beside it")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.needs_linux()
    running.check_only([name for name in options.only if not _chosen((name,))], ROWS)
    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import machine

    path = Path(options.json)
    table = running.table(path, "rows")
    table["command"] = "python -m benchmarks.experiments.color --data_dir DATA"
    for name in _chosen(options.only):
        row = ROWS[name]
        if options.minutes is not None:
            row = dataclasses.replace(row, minutes=options.minutes)
        found = {str(seed): _run(name, row, seed, options) for seed in range(1, options.seeds + 1)}
        fids = [run["fid"] for run in found.values()]
        table["rows"][name] = {
            **dataclasses.asdict(row),
            "processor": machine.description(),
            "mean": float(np.mean(fids)),
            "deviation": significance.spread(fids),
            "runs": found,
        }
        files.write_json(path, table)
        each = ", ".join(f"{fid:.2f}" for fid in fids)
        print(
            f"{name:<24} FID {np.mean(fids):.2f} ({each}), real {found['1']['fid_floor']:.2f}",
            flush=True,
        )


def _chosen(only: tuple[str, ...]) -> list[str]:
    return [name for name in ROWS if not only or any(name.startswith(word) for word in only)]


def _run(name: str, row: Row, seed: int, options: Options) -> dict[str, Any]:
    """One training of a row, unless it is done, and its measures."""
    folder = Path(options.runs) / f"{name}-{seed}"
    source = row.dataset
    if row.few is not None:
        source = f"folder:{_few(Path(options.runs), row.few)}"
    flags = {
        **row.flags,
        "dataset": source,
        "data_dir": options.data_dir,
        "seed": seed,
        "max_minutes": row.minutes,
        "precision": "float32",
        "noevaluate": True,
    }
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[: row.cores])
    try:
        summary = running.train("keras_dcgan", folder, flags, "steps")
    finally:
        os.sched_setaffinity(0, cores)
    if "fid" not in summary:
        runs.Run(folder).summarize(**measure(folder, row, options.data_dir))
        summary = runs.read_summary(folder)
    if seed == 1:
        _keep_grid(folder, Path(options.json).with_name(f"color_{name}.png"), row.dataset)
    kept = ("fid", "fid_floor", "steps", "seconds", "images_per_second")
    return {key: summary[key] for key in kept}


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
    from gan_common.metrics import features, frechet_distance
    from keras_dcgan import models
    from keras_dcgan.config import Config

    size = row.flags.get("image_size")
    dataset = data.load(row.dataset, data_dir, None if size is None else int(str(size)))
    run, config = runs.Run(folder), cli.saved(Config, str(folder))
    shape, names = run.dataset_facts()
    gan = models.restore(run, config, shape, len(names))
    classifier = features.classifier(dataset)
    fake = sampling.draw(gan, GENERATED, seed=config.seed + 1)[0]
    real, test, drawn = (
        features.extract(classifier, images)[0]
        for images in (dataset.x_train, dataset.x_test, fake)
    )
    return {"fid": frechet_distance(real, drawn), "fid_floor": frechet_distance(real, test)}


def _keep_grid(folder: Path, path: Path, dataset: str) -> None:
    """The run's last grid, with the credit that its data ask for."""
    from PIL.PngImagePlugin import PngInfo

    from gan_common.data import openmoji
    from gan_common.plotting.grids import encode

    last = max((folder / "samples").glob("*.png"))
    with files.whole(path) as temporary:
        if dataset != "openmoji":
            shutil.copyfile(last, temporary)
            return
        told = PngInfo()
        told.add_text("Copyright", openmoji.CREDIT)
        with Image.open(last) as grid:
            temporary.write_bytes(encode(grid, "PNG", optimize=True, pnginfo=told))


if __name__ == "__main__":
    main()
