"""Which images a run is trained on: what it began with, and whether it may go on with what is there now."""

import json
from typing import Any

from gan_common import files
from gan_common.data import Dataset, Listing
from gan_common.data.decode import DEPTHS
from gan_common.data.layout import counted
from gan_common.errors import UserError
from gan_common.runs.run import IMAGES, Run


def write_listing(run: Run, listing: Listing) -> None:
    """Write anew which images of a folder the run has."""
    files.write_json(run.folder / IMAGES, listing._asdict())


def read_listing(run: Run) -> Listing:
    """Which images of a folder the run has; of a run that has no images.json its channels alone.

    Raises:
        UserError: images.json or dataset.json is damaged.
    """
    path = run.folder / IMAGES
    channels = run.dataset_facts()[0][2]
    if not path.exists():
        return Listing(None, None, 0, channels, DEPTHS[-1])
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        train, test = (tuple(map(str, facts[part])) for part in ("train", "test"))
        began, bits = facts["began"], facts["bits"]
        if not isinstance(began, int) or not 0 < began <= len(train):
            raise ValueError(f"began is {began!r}")
        if bits is not None and bits not in DEPTHS:
            raise ValueError(f"bits is {bits!r}")
        return Listing(train, test, began, channels, bits)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({error}); restore it, or start a new run") from error


def check_kind(run: Run, dataset: Dataset) -> None:
    """Refuse images of another kind than the run's networks are for.

    Raises:
        UserError: another size, another number of channels, or other classes.
    """
    shape, names = run.dataset_facts()
    _check(run, "images of", shape, dataset.image_shape)
    _check(run, "the classes", tuple(names), dataset.class_names)


def check(run: Run, dataset: Dataset) -> None:
    """Refuse to go on with other images than the run began with; say how many a folder has got since.

    Raises:
        UserError: as `check_kind`; another number of training images, or images of a folder that are gone.
    """
    check_kind(run, dataset)
    before = read_listing(run)
    if dataset.listing is None or before.train is None:
        began = json.loads((run.folder / "dataset.json").read_text(encoding="utf-8"))
        if (count := began.get("pictures")) is not None:
            _check(run, "a number of training images of", count, len(dataset.x_train))
        return
    now = {*(dataset.listing.train or ()), *(dataset.listing.test or ())}
    known = [*before.train, *(before.test or ())]
    if gone := [name for name in known if name not in now]:
        listed = ", ".join(map(repr, gone[:3])) + (", ..." if len(gone) > 3 else "")
        raise UserError(
            f"--resume {run.folder}: {len(gone):,} of the {len(known):,} images that it began with are not "
            f"in {dataset.name!r}: {listed}; put them back, or start a new run"
        )
    if more := len(now) - len(known):
        print(f"{counted(more, 'image')} more than before")


def _check(run: Run, what: str, then: Any, now: Any) -> None:
    if then != now:
        raise UserError(
            f"{run.folder}: the run began with {what} {then}, the data now have {now}; put the data back, or "
            "start a new run"
        )


def write_place(run: Run, **place: str | None) -> None:
    """Write into the run's configuration where its data lie, and say so where that is new.

    Args:
        run: the run.
        place: entries of config.json.
    """
    path = run.folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    if {**config, **place} != config:
        files.write_json(path, {**config, **place})
        told = ", ".join(f"--{name} {value}" for name, value in place.items() if value is not None)
        print(f"from now on {told}")
