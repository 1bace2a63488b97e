"""Explore a run in the browser: its generator, and a training that goes on.

    python -m keras_dcgan.explore --run_dir RUN                 opens a page, at a port that is free
    python -m keras_dcgan.explore --run_dir RUN --port 8011     at this one

A grid to pick from, sliders along the directions in which pictures change most, truncation, classes, walks,
A − B + C, the nearest training pictures, downloads; and of a training that runs: samples, curves, the
doctor's words, pause and stop.  The server listens at 127.0.0.1 alone; nothing is fetched from elsewhere.
Needs NiceGUI: pip install 'gan-chapter[pages]'.
"""

import dataclasses
from collections.abc import Sequence

from gan_common import cli
from gan_common.pages import explore
from gan_common.runs import Run
from keras_dcgan.config import Config


def main(argv: Sequence[str] | None = None) -> None:
    """Explore a run in the browser."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    explore.command(argv, __doc__, Config, parts)


def parts(run: Run, config: Config, checkpoint: str) -> explore.Parts:
    """What of a run can be explored: its generator, in float32."""
    from keras_dcgan import models

    image_shape, class_names = run.dataset_facts()
    config = dataclasses.replace(config, precision="float32")
    return explore.Parts(models.restore(run, config, image_shape, len(class_names), checkpoint))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
