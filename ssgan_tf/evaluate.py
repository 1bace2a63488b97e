"""Measure a trained SSGAN: the classifier on the test split, the discriminator, the generator.

    python -m ssgan_tf.evaluate --run_dir runs/ssgan_tf/mnist-fast-1
    python -m ssgan_tf.evaluate --run_dir runs/ssgan_tf/mnist-fast-1 --calibrate

Prints the test error with the averaged weights and with the last ones, the accuracy of each class, how well
D tells generated images from real ones, FID beside its floor, and whether generated images are copies; adds
them to the run's summary.json and MODEL_CARD.md.  Draws confusion.png; mistakes.png: the test images that it
is most confidently wrong about; reliability.png: whether it is right as often as it is sure; copies.png: the
generated images that are closest to a training image.  --calibrate first fits a temperature on the run's
validation images (Guo et al. 2017), which predict and export take from then on.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_common import cli, data
from gan_common.cli import evaluate as shared
from gan_common.cli import flag
from gan_common.runs import Run
from ssgan_tf.calibration import calibrate, temperature_of
from ssgan_tf.config import Config

MISTAKES = 36  # in the image of mistakes


@dataclasses.dataclass(frozen=True)
class Options(shared.Options):
    """The flags of `evaluate`."""

    calibrate: bool = flag(
        False, "first fit the temperature of the class probabilities on the run's validation images"
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure a trained run against real images."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    shared.command(argv, __doc__, Config, _restore, evaluate, Options, _first)


def _restore(*given: Any) -> Any:
    from ssgan_tf import models

    return models.restore(*given)


def _first(options: Options, run: Run, gan: Any, dataset: data.Dataset) -> None:
    if options.calibrate:
        calibrate(run, gan, dataset, gan.config)


def evaluate(run: Run, gan: Any, dataset: data.Dataset) -> dict[str, float]:
    """Measure `gan` on the test split, print it, draw it, add the numbers to the run's summary."""
    from gan_common import sampling
    from gan_common.metrics import scores

    measured = classification(run, gan, dataset)
    run.summarize(**measured)
    if not gan.config.baseline:
        fake = sampling.to_measure(gan, scores.fake_count(dataset), gan.config.seed + 1)
        first = np.arange(min(len(fake), len(dataset.x_test)))
        measured |= detection(gan, dataset.x_test, data.Rows((fake, first)))
        measured |= shared.measure(run, dataset, fake)
    run.summarize(**measured)
    return measured


def classification(run: Any, gan: Any, dataset: data.Dataset) -> dict[str, float]:
    """Test error, with averaged and with live weights, accuracy by class, calibration; all drawn."""
    from gan_common import plotting

    x, y, classes = dataset.x_test, dataset.y_test, dataset.num_classes
    class_logits = gan.logits(x)[:, :-1]
    predicted = class_logits.argmax(axis=1)
    matrix = confusion(y, predicted, classes)
    error = float(np.mean(predicted != y))
    live = gan.error(x, y, averaged=False)
    print(f"test error                    {error:.2%} (last weights: {live:.2%})")
    measured = {"test_error": error, "test_error_live": live}
    for name, row, right in zip(dataset.class_names, matrix, np.diag(matrix), strict=True):
        if row.sum():
            measured[f"accuracy_{name}"] = float(right / row.sum())
            print(f"  right on {name:<20} {right / row.sum():.2%} of {row.sum()}")
    names = [str(name) for name in dataset.class_names]
    plotting.confusion_matrix(run.folder / "confusion.png", matrix, names, "Test split")
    measured |= calibrated(run, gan, class_logits, y)
    worst = confident_mistakes(class_logits, y, MISTAKES)
    if len(worst):
        texts = [f"{names[y[i]][:8]}→{names[predicted[i]][:8]}" for i in worst]
        plotting.save_grid(run.folder / "mistakes.png", x[worst], labels=texts)
    return measured


def calibrated(run: Any, gan: Any, class_logits: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """The expected calibration error of logits (N, K), also with the run's temperature; draws both."""
    from gan_common import plotting
    from gan_common.metrics import calibration

    temperatures = {"ece": 1.0}
    if (fitted := temperature_of(run, gan)) is not None:
        temperatures["ece_calibrated"] = fitted
    measured, curves = {}, {}
    for name, temperature in temperatures.items():
        p = calibration.probabilities(class_logits, temperature)
        measured[name] = calibration.expected_calibration_error(p, true)
        told = "as trained" if name == "ece" else f"temperature {temperature:.2f}"
        curves[f"{told}: {measured[name]:.2%}"] = calibration.reliability(p, true)
    told = " → ".join(f"{value:.2%}" for value in measured.values())
    how = f"temperature {fitted:.3f}" if fitted is not None else "--calibrate fits a temperature"
    print(f"expected calibration error    {told} ({how})")
    title = "Test split: expected calibration error"
    plotting.reliability(run.folder / "reliability.png", curves, title)
    return measured if fitted is None else {**measured, "temperature": fitted}


def confusion(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (K, K): row the true class (N,), column the predicted one."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (true, predicted), 1)
    return matrix


def confident_mistakes(class_logits: np.ndarray, true: np.ndarray, count: int) -> np.ndarray:
    """Rows of logits (N, K) whose class is wrong, those with the largest p(y | x, y ≤ K) first."""
    shifted = class_logits - class_logits.max(axis=1, keepdims=True)
    confidence = 1 / np.exp(shifted).sum(axis=1)
    wrong = np.flatnonzero(class_logits.argmax(axis=1) != true)
    return wrong[np.argsort(-confidence[wrong], kind="stable")][:count]


def detection(gan: Any, real: Any, fake: Any) -> dict[str, float]:
    """Shares of real and of generated uint8 images that D takes for what they are, averaged weights."""
    found = {
        "real_detected": float(np.mean(gan.scores(real) > 0)),
        "fake_detected": float(np.mean(gan.scores(fake) < 0)),
    }
    print("D is right on                 {real_detected:.1%} of the test images".format(**found))
    print("                              {fake_detected:.1%} of generated ones".format(**found))
    return found


if __name__ == "__main__":
    main()
