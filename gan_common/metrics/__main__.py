"""Measure a folder of generated images against a folder of real ones.

    python -m gan_common.metrics REAL_FOLDER GENERATED_FOLDER --image_size 64 --json FILE

REAL_FOLDER is read like a training's folder:PATH: a tenth is held out, and gives each measure the floor that
real images score; the rest is the reference, which generated images are held against, and which the
classifier is trained on that gives the features.  All images of GENERATED_FOLDER are measured, whatever its
folders are called.  Prints FID, KID, precision, recall, density, coverage, and whether the images are copies.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan_common import cli, data, files
from gan_common.cli import flag
from gan_common.errors import UserError


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of the command."""

    real: str | None = flag(None, "folder of real images")
    generated: str | None = flag(None, "folder of generated images")
    image_size: int | None = flag(
        None, "pixels that images are compared at (default: 32)", lower=8, upper=1024
    )
    json: str | None = flag(None, "file that the numbers are also written to")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure a folder of generated images against a folder of real ones."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    options = Options(**cli.parse(Options, argv, __doc__, places=("real", "generated")))
    for title, value in (("REAL_FOLDER", options.real), ("GENERATED_FOLDER", options.generated)):
        if value is None:
            raise UserError(
                f"{title} is missing: python -m gan_common.metrics REAL_FOLDER GENERATED_FOLDER"
            )
    real, generated = (
        data.load(f"folder:{folder}", image_size=options.image_size)
        for folder in (options.real, options.generated)
    )

    import gan_common.quiet  # noqa: F401
    from gan_common import metrics
    from gan_common.metrics import features, scores

    scores.sample_count(real)
    fake = some_of(generated, features.MAX_PICTURES)
    if len(fake) < features.MIN_PICTURES:
        raise UserError(
            f"{options.generated!r}: too few images to measure ({len(fake)}); it takes "
            f"{features.MIN_PICTURES}"
        )
    if real.image_shape != fake.shape[1:]:  # one of them is gray
        real, fake = in_color(real), colored(fake)
    height, width, _ = real.image_shape
    print(f"compared at {height}×{width} pixels", flush=True)
    measured = scores.compare(real, fake)
    print(metrics.format_report(measured))
    copies = scores.copies(real, fake)
    print(copies)
    if options.json:
        files.write_json(Path(options.json), {**measured, **copies.numbers()})


def some_of(dataset: data.Dataset, count: int) -> np.ndarray:
    """Images of a folder, whatever part of it they are in: all, or so many at random."""
    parts = [dataset.x_train, dataset.x_test, dataset.x_unlabelled]
    every = data.Rows(*((part, np.arange(len(part))) for part in parts if part is not None))
    return every[np.sort(np.random.default_rng(0).permutation(len(every))[:count])]


def in_color(dataset: data.Dataset) -> data.Dataset:
    """A data set with three channels."""
    x_train, x_test = colored(dataset.x_train), colored(dataset.x_test)
    unlabelled = dataset.x_unlabelled
    return dataclasses.replace(
        dataset,
        x_train=x_train,
        x_test=x_test,
        x_unlabelled=None if unlabelled is None else colored(unlabelled),
        image_shape=x_train.shape[1:],
    )


def colored(images: np.ndarray) -> np.ndarray:
    """(N, H, W, 1 or 3) → (N, H, W, 3)."""
    return images if images.shape[-1] == 3 else images.repeat(3, axis=-1)


if __name__ == "__main__":
    main()
