"""One training of the table, in memory; and many of them, each kept as it is done."""

import functools
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.experiments.patients.cases import PATIENTS, SPOILED, UNTREATED, Patient
from gan_common import files

WIDTH = 8  # filters of D's first layer: the rows are many
PICTURES = 1000  # that are generated and measured
CELLS = 10  # trainings of a process: TensorFlow keeps the memory of every graph that it has built


def trained(cells: Sequence[tuple]) -> Iterator[tuple]:
    """The cells, as they are done, each in a process that has done few before it."""
    if not cells:
        return
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=CELLS) as pool:
        yield from pool.imap(_train, cells)


def path_of(patient: str, row: str, seed: int, steps: int, runs: str) -> Path:
    """Where the numbers of one training are kept."""
    plain = "".join(c if c.isalnum() else "-" for c in row)
    return Path(runs) / f"{patient.replace(' ', '-')}-{steps}" / f"{plain}-{seed}.json"


def _train(cell: tuple) -> tuple:
    """Train one row with one seed and write what it came to."""
    name, row, seed, steps, _ = cell
    files.write_json(path_of(*cell), measured(PATIENTS[name], row, seed, steps))
    return cell


@functools.cache
def _images(name: str, side: int | None) -> Any:
    from gan_common import data

    return data.load(name, image_size=side) if side else data.load(name)


@functools.cache
def _scores(name: str, side: int | None) -> Any:
    """What measures: the features of the real images are extracted once in a process."""
    from gan_common.metrics.scores import PictureScores

    return PictureScores(_images(name, side), count=PICTURES)


def measured(patient: Patient, row: str, seed: int, steps: int) -> dict[str, Any]:
    """One training in memory: FID, KL of the classes, and the share that is checkerboard."""
    import gan_common.quiet  # noqa: F401
    from benchmarks.experiments.patients import variants
    from gan_common import sampling
    from keras_dcgan import train

    clean = _images(*patient.dataset)
    given = SPOILED[patient.data](clean) if patient.data else clean
    treated = patient.untreated if row == UNTREATED else patient.rows[row]
    # What cures a broken training is typed beside what breaks it; another variant takes its place.
    flags = {**patient.untreated.flags, **treated.flags}
    with_variants = variants.Together(treated.variants, steps)
    start = time.perf_counter()
    gan, history = train.trial(
        with_variants.images(given),
        steps,
        seed=seed,
        width=WIDTH,
        change=with_variants.change,
        networks=with_variants.networks,
        treat=with_variants.treat,
        **flags,
    )
    pictures = with_variants.pictures(sampling.draw(gan, PICTURES, seed)[0])
    found = _scores(*patient.dataset)(pictures) if patient.measure == "fid" else {}
    return {
        "seed": seed,
        **{key.lower().replace(" ", "_"): value for key, value in found.items()},
        "checkerboard": variants.checkerboard(pictures),
        "d_is_right": (history.last("d_real_accuracy") + history.last("d_fake_accuracy")) / 2,
        "seconds": time.perf_counter() - start,
    }
