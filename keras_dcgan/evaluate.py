"""Measure a trained generator against real images.

    python -m keras_dcgan.evaluate --run_dir runs/keras_dcgan/mnist5k-dcgan-1

Prints FID, KID, precision, recall, density, coverage, inception score and class balance, each beside what
real images score, and whether the images are copies of training images; adds all to the run's summary.json
and MODEL_CARD.md.  Draws copies.png: the generated images that are closest to a training image, beside it.
"""

from collections.abc import Sequence
from typing import Any

from gan_common import cli, data
from gan_common.cli.evaluate import command, measure
from gan_common.runs import Run
from keras_dcgan.config import Config


def main(argv: Sequence[str] | None = None) -> None:
    """Measure a trained run against real images."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    command(argv, __doc__, Config, _restore, evaluate)


def _restore(*given: Any) -> Any:
    from keras_dcgan import models

    return models.restore(*given)


def evaluate(run: Run, gan: Any, dataset: data.Dataset) -> dict[str, float]:
    """Measure `gan` against `dataset`, print what is found, add it to the run's summary."""
    from gan_common import sampling
    from gan_common.metrics import scores

    fake = sampling.to_measure(gan, scores.fake_count(dataset), gan.config.seed + 1)
    return measure(run, dataset, fake)


if __name__ == "__main__":
    main()
