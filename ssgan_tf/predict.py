"""Name the classes of a person's own images with a trained run.

    python -m ssgan_tf.predict --run_dir RUN photo.jpg folder/
    python -m ssgan_tf.predict --run_dir RUN --top 3 --csv classes.csv --json classes.json folder/
    python -m ssgan_tf.predict --run_dir RUN --most_unsure 20 --csv folder/labels.csv folder/

Each image is prepared as those of the training were: upright, cropped or padded to the run's size, gray or
RGB, transparency on white.  A folder is walked.  For each image: the class and its probability among the
classes, and the probability that the image is generated, which is the K+1-th class (Salimans et al. 2016,
section 5); a baseline has never seen generated ones, and says nothing of it.  The weights are the averaged
ones, in float32; the temperature of `evaluate --calibrate` is taken where there is one.  Needs the run's
folder alone, not the data.

--most_unsure N writes a CSV `file,label` of the N images of one folder that are most worth a label; put it
beside them as labels.csv, fill in the labels, and train on folder:PATH.

An image that cannot be read is told on stderr and left out; the exit status is 2 when none could be read.
"""

import csv
import dataclasses
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_common import cli, files, runs
from gan_common.cli import flag
from gan_common.data import found
from gan_common.errors import UserError
from ssgan_tf import unsure
from ssgan_tf.config import Config

FEATURES_AT_ONCE = 250  # images


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of `predict`, and the paths."""

    run_dir: str | None = flag(None, "the run's folder")
    top: int = flag(1, "how many classes are told of each image, the most probable first", lower=1)
    csv: str | None = flag(None, "file for a table: path, class, probability, generated")
    json: str | None = flag(None, "file for a list of path, class, probability, generated, top")
    most_unsure: int | None = flag(
        None, "name so many images of one folder that are worth labelling next, as a CSV file,label",
        lower=1,
    )  # fmt: skip
    checkpoint: str = flag("last", "which one predicts", ("last", "best"))
    paths: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What the classifier says of one image.

    Attributes:
        path: of the image.
        top: (class, probability) of the most probable ones, the best first; over all classes they sum to 1.
        generated: the probability of the K+1-th class; None of a baseline.
    """

    path: str
    top: tuple[tuple[str, float], ...]
    generated: float | None

    def __str__(self) -> str:
        told = ", ".join(f"{name} {p:.1%}" for name, p in self.top)
        return f"{self.path}  {told}" + (
            "" if self.generated is None else f"  generated {self.generated:.1%}"
        )

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        name, probability = self.top[0]
        return {
            "path": self.path,
            "class": name,
            "probability": probability,
            "generated": self.generated,
            "top": [{"class": name, "probability": p} for name, p in self.top],
        }


def main(argv: Sequence[str] | None = None) -> None:
    """Name the classes of images."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    options = Options(**cli.parse(Options, argv, __doc__, arguments="paths"))
    config = cli.saved(Config, options.run_dir)
    if not options.paths:
        raise UserError("no images: name images or folders of images behind the flags")
    run = runs.Run(Path(str(options.run_dir)))
    _, class_names = run.dataset_facts()
    if options.most_unsure is not None:
        unsure.check(options.paths, options.csv, options.json, options.top)
    names, others = found.find_images(options.paths)
    if others:
        print(f"left out, files that are no images: {others:,}", file=sys.stderr)

    import gan_common.quiet  # noqa: F401

    classifier = Classifier(run, config, options.checkpoint)
    if options.most_unsure is not None:
        unsure.propose(classifier, options.paths[0], names, options.most_unsure, options.csv)
        return
    predictions: Iterable[Prediction]
    predictions = classifier.predictions(names, min(options.top, len(class_names)))
    if (
        options.csv or options.json
    ):  # written before the first line, after which the reader may go away
        predictions = list(predictions)
        if options.csv:
            write_csv(Path(options.csv), predictions)
        if options.json:
            files.write_json(Path(options.json), [each.as_json() for each in predictions])
    for prediction in predictions:
        print(prediction)


class Classifier:
    """A run's classifier with its averaged weights in float32, and its temperature.

    Args:
        run, config: of the training.
        checkpoint: "last" or "best".

    Raises:
        UserError: no sound checkpoint, or a damaged file in the run's folder.

    Attributes:
        image_shape: (height, width, channels) of its images.
        class_names: K names.
        fit: what becomes of an image that is not square.
        gan: the networks, an `SSGAN`.
    """

    def __init__(self, run: runs.Run, config: Config, checkpoint: str = "last") -> None:
        from ssgan_tf import calibration, models

        self.image_shape, self.class_names = run.dataset_facts()
        config = dataclasses.replace(config, precision="float32")
        facts = (self.image_shape, len(self.class_names))
        self.gan: Any = models.restore(run, config, *facts, checkpoint)  # type: ignore[arg-type]
        self._temperature = calibration.temperature_of(run, self.gan) or 1.0
        self._baseline = config.baseline
        self.fit = config.fit

    def probabilities(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """uint8 (N, H, W, C) → (N, K) of the classes, and (N,) of "generated" or None of a baseline."""
        from gan_common.metrics import calibration

        logits = self.gan.logits(images)
        classes = calibration.probabilities(logits[:, :-1], self._temperature)
        if self._baseline:
            return classes, None
        return classes, calibration.probabilities(logits)[:, -1]

    def features(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) → the features (N, F) that the classes are told by."""
        from gan_common import tricks
        from gan_common.drawing import chunks, most

        size = most(self.image_shape, FEATURES_AT_ONCE)
        with self.gan.averaged():
            parts = [
                self.gan.features_of(tricks.scale_images(chunk)).numpy()
                for (chunk,) in chunks(images, size=size)
            ]
        return np.concatenate(parts)

    def predictions(self, names: Sequence[str], top: int = 1) -> Iterator[Prediction]:
        """The `top` best classes of each image that can be read, in the order of names.

        Raises:
            UserError: no image could be read.
        """
        for kept, images in found.read_batches(names, self.image_shape, self.fit):
            classes, generated = self.probabilities(images)
            best = np.argsort(-classes, axis=1, kind="stable")[:, :top]
            for i, name in enumerate(kept):
                told = tuple((self.class_names[k], float(classes[i, k])) for k in best[i])
                yield Prediction(name, told, None if generated is None else float(generated[i]))


def write_csv(path: Path, predictions: Sequence[Prediction]) -> None:
    """A row an image: path, class, probability, generated; then class_2, probability_2 and so on."""
    more = [
        f"{column}_{number}"
        for number in range(2, len(predictions[0].top) + 1)
        for column in ("class", "probability")
    ]

    def write(temporary: Path) -> None:
        with open(temporary, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            table = csv.writer(file)
            table.writerow(["path", "class", "probability", "generated", *more])
            for each in predictions:
                (name, probability), *others = each.top
                row = [each.path, name, probability, each.generated]
                table.writerow([*row, *(value for pair in others for value in pair)])

    files.write_whole(path, write)


if __name__ == "__main__":
    main()
