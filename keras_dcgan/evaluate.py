"""Measure a trained generator against real images.

    python -m keras_dcgan.evaluate --run_dir runs/keras_dcgan/mnist5k-dcgan-1

Prints FID, KID, precision, recall, density, coverage, inception score and class balance, each beside what
real images score, and adds them to the run's summary.json.
"""

from collections.abc import Sequence
from typing import Any

from gan_common import cli, data
from gan_common.cli.evaluate import command
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
    """Measure `gan` against `dataset`, print the table, add it to the run's summary."""
    from gan_common import metrics, sampling
    from gan_common.metrics import scores

    count = scores.sample_count(dataset)
    fake, _ = sampling.draw(gan, count, seed=gan.config.seed + 1)
    report = scores.compare(dataset, fake)
    print(metrics.format_report(report))
    run.summarize(**report)
    return report


if __name__ == "__main__":
    main()
