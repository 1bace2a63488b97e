"""Measure a trained generator against real pictures.

    python -m keras_dcgan.evaluate --run_dir runs/keras_dcgan/mnist5k-dcgan-1

Prints FID, KID, precision, recall, density, coverage, inception score and class balance, each beside what
real pictures score, and adds them to the run's summary.json.
"""

import dataclasses
from pathlib import Path

from gan_common import cli, data, files
from gan_common.cli import flag
from keras_dcgan.config import Config


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    run_dir: str | None = flag(None, "the run's folder")
    data_dir: str | None = flag(None, "folder with the data set's files, if they have moved")
    checkpoint: str = flag("last", "which one is measured", ("last", "best"))
    json: str | None = flag(None, "file that the numbers are also written to")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    config = cli.saved(Config, options.run_dir)
    dataset = data.load(config.dataset, options.data_dir or config.data_dir, config.image_size)

    import gan_common.quiet  # noqa: F401
    from gan_common import runs
    from keras_dcgan import models

    run = runs.Run(Path(options.run_dir))
    facts = (dataset.image_shape, dataset.num_classes)
    gan = models.restore(run, config, *facts, options.checkpoint)
    measured = evaluate(run, gan, dataset)
    if options.json:
        files.write_json(Path(options.json), measured)


def evaluate(run, gan, dataset: data.Dataset) -> dict[str, float]:
    """Measure `gan` against `dataset`, print the table, add it to the run's summary."""
    from gan_common import metrics, sampling
    from gan_common.metrics import features

    count = features.sample_count(dataset)
    fake, _ = sampling.draw(gan, count, seed=gan.config.seed + 1)
    report = features.compare(dataset, fake)
    print(metrics.format_report(report))
    run.summarise(**report)
    return report


if __name__ == "__main__":
    main()
