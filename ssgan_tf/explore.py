"""Explore a run in the browser: its classifier, its generator, and a training that goes on.

    python -m ssgan_tf.explore --run_dir RUN                       opens a page, at a port that is free
    python -m ssgan_tf.explore --run_dir RUN --labelled FOLDER     where pictures that you label are saved

Draw a picture or drop one: class probabilities, real against generated, the nearest labelled pictures; one
that is wrong can be labelled and saved, for a training on folder:FOLDER.  And of the generator what
`keras_dcgan.explore` has.  The server listens at 127.0.0.1 alone; nothing is fetched from elsewhere.
Needs NiceGUI: pip install 'gan-chapter[pages]'.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_common import cli
from gan_common.errors import UserError
from gan_common.pages import explore
from gan_common.runs import Run
from ssgan_tf.config import Config
from ssgan_tf.parts import read_labelled


def main(argv: Sequence[str] | None = None) -> None:
    """Explore a run in the browser."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    explore.command(argv, __doc__, Config, parts)


def parts(run: Run, config: Config, checkpoint: str) -> explore.Parts:
    """What of a run can be explored: its classifier, and its generator unless it is a baseline."""
    from ssgan_tf.predict import Classifier

    classifier = Classifier(run, config, checkpoint)

    def labelled(dataset: Any) -> np.ndarray:
        path = run.folder / "labelled.npy"
        rows = read_labelled(path)
        if not len(rows) or not 0 <= rows.min() <= rows.max() < len(dataset.y_train):
            raise UserError(f"{path}: it names other images than the data set has")
        return rows

    gan = None if config.baseline else classifier.gan
    return explore.Parts(gan, classifier, labelled)


if __name__ == "__main__":
    main()
