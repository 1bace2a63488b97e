"""Draw images from a trained generator.

    python -m ssgan_tf.generate --run_dir RUN                           a grid of 64 images
    python -m ssgan_tf.generate --run_dir RUN --out FOLDER --count 500  one PNG an image, and labels.csv
    python -m ssgan_tf.generate --run_dir RUN --truncation 1            more typical images, less varied
    python -m ssgan_tf.generate --run_dir RUN --project IMAGE           the latent that comes nearest
    python -m ssgan_tf.generate --run_dir RUN --nice                    the best 5% by the discriminator
    python -m ssgan_tf.generate --run_dir RUN --interpolate             walks from latent to latent
    python -m ssgan_tf.generate --run_dir RUN --arithmetic "3,17,25 - 4,9,11 + 8,20,31"
    python -m ssgan_tf.generate --run_dir RUN --format npz              the numbers: images, latents, …
    python -m ssgan_tf.generate --run_dir RUN --format keras            the generator as one file

The images of a grid are numbered from 0, row by row; --arithmetic takes these numbers, for the same --seed.
"""

from collections.abc import Sequence
from typing import Any

from gan_common import cli
from gan_common.cli import generate
from gan_common.errors import UserError
from ssgan_tf.config import Config


def main(argv: Sequence[str] | None = None) -> None:
    """Draw images from a trained generator."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    generate.command(argv, __doc__, Config, _restore, _check)


def _restore(*given: Any) -> Any:
    from ssgan_tf import models

    return models.restore(*given)


def _check(config: Config) -> None:
    if config.baseline:
        raise UserError("--run_dir: a baseline has no trained generator; name a run with a GAN")


if __name__ == "__main__":
    main()
