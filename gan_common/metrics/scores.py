"""Generated images against a data set's real ones: all measures for a run, two of them for a notebook."""

from typing import Any

import numpy as np

from gan_common.data import Dataset
from gan_common.errors import UserError
from gan_common.metrics import features
from gan_common.metrics.classes import class_histogram, class_kl
from gan_common.metrics.distances import frechet_distance
from gan_common.metrics.memorization import COMPARED, Copies, find_copies, pixels
from gan_common.metrics.report import needs_classes, report


def compare(dataset: Dataset, fake: Any, fakes: int | None = None) -> dict[str, float]:
    """Every measure of generated images against a data set, each beside what real images score.

    The reference is the training images; the floor is the test split's, which no network has seen.
    Give as many generated images as `sample_count` says: FID depends on the number.

    Args:
        dataset: real images.
        fake: generated ones, uint8 (N, H, W, C), an array or what is sliced like one.
        fakes: how many of them, from the first on; None for all.

    Returns:
        `report`, without the measures of classes where the data has none.
    """
    model = features.classifier(dataset)
    count = sample_count(dataset)
    parts = ((dataset.x_train, features.MAX_PICTURES), (dataset.x_test, count), (fake, fakes))
    told = report(*(features.extract(model, *part) for part in parts))
    if features.has_classes(dataset):
        return told
    return {name: value for name, value in told.items() if not needs_classes(name)}


def copies(dataset: Dataset, fake: Any, in_features: bool = True) -> Copies:
    """Whether generated images repeat a data set's training images, in pixels and in features.

    Args:
        dataset: real images, two of them held out or more.
        fake: generated ones, uint8 (N, H, W, C); give `fake_count` of them.
        in_features: whether also in those of the classifier.
    """
    describe = {"pixels": pixels}
    if in_features:
        model = features.classifier(dataset)
        describe["features"] = lambda images: features.extract(model, images)[0]
    return find_copies(dataset, fake, describe)


def fake_count(dataset: Dataset) -> int:
    """How many images are generated for `copies`: few held-out images are no reason for few of these."""
    return int(np.clip(len(dataset.x_test), COMPARED, features.MAX_PICTURES))


def sample_count(dataset: Dataset) -> int:
    """How many images are generated and compared: as many as the test split has, 10,000 at most.

    Raises:
        UserError: when there are too few to say anything.
    """
    if len(dataset.x_test) < features.MIN_PICTURES:
        raise UserError(
            f"{dataset.name}: too few held-out images to measure ({len(dataset.x_test)}); "
            f"it takes {features.MIN_PICTURES}, which is a tenth of a folder"
        )
    return min(len(dataset.x_test), features.MAX_PICTURES)


class PictureScores:
    """Measures generated images against a data set, with what that needs of real ones computed once.

    Args:
        dataset: whose classifier gives the features (see `gan_common.metrics.features`).
        steps: of the classifier's training; None for the usual number.
        count: generated images that a measurement takes.

    Attributes:
        floor: what held-out real images score, by measure.
    """

    def __init__(self, dataset: Dataset, steps: int | None = None, count: int = 1000) -> None:
        self.count = count
        self._model = features.classifier(dataset, steps)
        self._features, probabilities = features.extract(self._model, dataset.x_train)
        self._classes = np.maximum(
            np.bincount(dataset.y_train, minlength=probabilities.shape[1]), 1
        )
        self.floor = self(dataset.x_test[:count])

    def __call__(self, pictures: np.ndarray) -> dict[str, float]:
        """`FID`, and `class KL` in nats, of uint8 images (N, H, W, C)."""
        found, probabilities = features.extract(self._model, pictures)
        histogram = class_histogram(probabilities)
        return {
            "FID": frechet_distance(self._features, found),
            "class KL": class_kl(histogram, self._classes / self._classes.sum()),
        }
