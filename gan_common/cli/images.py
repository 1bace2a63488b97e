"""A run's images: read as it began with them, wherever they lie now."""

import dataclasses
from pathlib import Path
from typing import TypeVar

from gan_common import data
from gan_common.cli.training import RunConfig, TrainingConfig
from gan_common.data.publishers import check_folder
from gan_common.errors import UserError
from gan_common.runs.images import (
    check,
    check_kind,
    read_listing,
    write_listing,
    write_place,
)
from gan_common.runs.run import Run

T = TypeVar("T", bound=RunConfig)
FOLDER = "folder:"


def load(config: TrainingConfig) -> data.Dataset:
    """The data set of a training, which may go on with what a run began with.

    Raises:
        UserError: as `data.load`, and as `gan_common.runs.images.check`.
    """
    if config.resume is None:
        return _load(config, None)
    run = Run(Path(config.resume))
    dataset = _load(config, read_listing(run))
    check(run, dataset)
    return dataset


def load_of(run: Run, config: TrainingConfig) -> data.Dataset:
    """The data set of a run, to measure it by: its images keep their parts.

    Raises:
        UserError: as `data.load`, and as `gan_common.runs.images.check_kind`.
    """
    dataset = _load(config, read_listing(run))
    check_kind(run, dataset)
    return dataset


def _load(config: TrainingConfig, known: data.Listing | None) -> data.Dataset:
    path = config.dataset.removeprefix(FOLDER)
    if known is not None and path != config.dataset and not Path(path).expanduser().is_dir():
        raise UserError(
            f"the run's image folder {path!r} is not there; name the place it has now by --dataset "
            "folder:NEW"
        )
    return data.load(
        config.dataset, config.data_dir, config.image_size, fit=config.fit, known=known
    )


def keep(run: Run, dataset: data.Dataset, config: TrainingConfig) -> None:
    """Write down where a resumed run's data lie now, and which images they are."""
    write_place(run, dataset=config.dataset, data_dir=config.data_dir)
    if dataset.listing is not None and dataset.listing != read_listing(run):
        write_listing(run, dataset.listing)


def moved(config: T, run_dir: str, dataset: str | None, data_dir: str | None) -> T:
    """A run's configuration with the place that its images lie at now.

    Args:
        config: as it was saved.
        run_dir: of the run.
        dataset: --dataset as typed: a folder of images may be another one.
        data_dir: --data_dir as typed.  Of a folder of images it is the folder, or the one that it lies in.

    Raises:
        UserError: another data set, or no folder.
    """
    if dataset is None and data_dir is None:
        return config
    known = config.dataset
    if dataset is not None and dataset != known:
        if not (known.startswith(FOLDER) and dataset.startswith(FOLDER)):
            raise UserError(
                f"{run_dir}: the run has dataset={known!r}, not {dataset!r}; leave --dataset out, or start "
                "a new run"
            )
        return dataclasses.replace(config, dataset=dataset, data_dir=data_dir)
    if data_dir is None:
        return config
    if not known.startswith(FOLDER):
        return dataclasses.replace(config, data_dir=data_dir)
    check_folder("--data_dir", data_dir)
    inside = Path(data_dir).expanduser() / Path(known.removeprefix(FOLDER)).name
    place = inside if inside.is_dir() else Path(data_dir)
    return dataclasses.replace(config, dataset=f"{FOLDER}{place}", data_dir=None)
