"""Draw pictures from a trained generator.

    python -m keras_dcgan.generate --run_dir RUN                       a grid of 64 pictures
    python -m keras_dcgan.generate --run_dir RUN --nice                the best 5% by the discriminator
    python -m keras_dcgan.generate --run_dir RUN --interpolate         walks from latent to latent
    python -m keras_dcgan.generate --run_dir RUN --arithmetic "3,17,25 - 4,9,11 + 8,20,31"
    python -m keras_dcgan.generate --run_dir RUN --label 7             one class (preset cgan)
    python -m keras_dcgan.generate --run_dir RUN --format npz          the numbers: pictures and latents
    python -m keras_dcgan.generate --run_dir RUN --format keras        the generator as one file

The pictures of a grid are numbered from 0, row by row; --arithmetic takes these numbers, for the same --seed.
"""

from pathlib import Path

from gan_common import cli
from gan_common.cli import generate
from keras_dcgan.config import Config


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = generate.parse(argv, __doc__)
    config = cli.saved(Config, options.run_dir)

    import gan_common.quiet  # noqa: F401
    from gan_common import runs
    from keras_dcgan import models

    run = runs.Run(Path(options.run_dir))
    image_shape, class_names = run.dataset_facts()
    gan = models.restore(run, config, image_shape, len(class_names), options.checkpoint)
    for path in generate.write(options, gan, class_names, run.folder):
        print(path)


if __name__ == "__main__":
    main()
