"""Measure a trained SSGAN: the classifier on the test split, the discriminator, the generator.

    python -m ssgan_tf.evaluate --run_dir runs/ssgan_tf/mnist-fast-1

Prints the test error with the averaged weights and with the last ones, the accuracy of each class, how well
D tells generated images from real ones, FID beside its floor, and whether generated images are copies; adds
them to the run's summary.json and MODEL_CARD.md.  Draws confusion.png; mistakes.png, the test images that it
is most confidently wrong about; copies.png, the generated images that are closest to a training image.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_common import cli, data
from gan_common.cli.evaluate import command, measure
from gan_common.runs import Run
from ssgan_tf.config import Config

MISTAKES = 36  # in the image of mistakes


def main(argv: Sequence[str] | None = None) -> None:
    """Measure a trained run against real images."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    command(argv, __doc__, Config, _restore, evaluate)


def _restore(*given: Any) -> Any:
    from ssgan_tf import models

    return models.restore(*given)


def evaluate(run: Run, gan: Any, dataset: data.Dataset) -> dict[str, float]:
    """Measure `gan` on the test split, print it, draw it, add the numbers to the run's summary."""
    from gan_common import sampling
    from gan_common.metrics import scores

    measured = classification(run, gan, dataset)
    run.summarize(**measured)
    if not gan.config.baseline:
        fake, _ = sampling.draw(gan, scores.fake_count(dataset), seed=gan.config.seed + 1)
        measured |= detection(gan, dataset.x_test, fake[: len(dataset.x_test)])
        measured |= measure(run, dataset, fake)
    run.summarize(**measured)
    return measured


def classification(run: Any, gan: Any, dataset: data.Dataset) -> dict[str, float]:
    """Test error, with averaged and with live weights, and each class's accuracy; draws both images."""
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
    worst = confident_mistakes(class_logits, y, MISTAKES)
    if len(worst):
        texts = [f"{names[y[i]][:8]}→{names[predicted[i]][:8]}" for i in worst]
        plotting.save_grid(run.folder / "mistakes.png", x[worst], labels=texts)
    return measured


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


def detection(gan: Any, real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
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
