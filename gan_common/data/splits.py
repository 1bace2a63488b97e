"""Which rows of a data set serve for what: labelled or not, validation or training."""

import numpy as np

from gan_common.errors import UserError


def _random_order(n: int, seed: int, purpose: int) -> np.ndarray:
    """A seeded permutation of range(n), int64.

    It sorts raw PCG64 output, which NumPy promises never to change; its `permutation` may change
    with a new version.  Different purposes get independent orders from one seed.
    """
    if seed < 0:
        raise ValueError(f"seed must not be negative. Received: seed={seed}")
    return np.argsort(np.random.PCG64([purpose, seed]).random_raw(n), kind="stable")


def _first_of_each_class(y: np.ndarray, counts: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Mask (N,): the first `counts[i]` rows, in the given order, of the i-th smallest label."""
    chosen = np.zeros(len(y), bool)
    for label, count in zip(np.unique(y), counts, strict=True):
        chosen[order[y[order] == label][:count]] = True
    return chosen


def label_split(y: np.ndarray, labels: int | str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose which training labels a semi-supervised run may see: the same number of each class.

    For one seed, a larger budget includes a smaller one.

    Args:
        y: all training labels, (N,).
        labels: how many, or "all".
        seed: which ones.

    Returns:
        (labelled, unlabelled): sorted int64 indices that together are range(N).

    Raises:
        UserError: not divisible by the number of classes, fewer than one of each, or more than
            there are.
    """
    classes, sizes = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise UserError(
            f"labels tell classes apart, so the data need two or more. Received: {len(classes)}"
        )
    if labels == "all":
        return np.arange(len(y)), np.arange(0)
    try:
        number = int(str(labels))
    except ValueError:
        number = 0
    if number < 1 or number % len(classes):
        raise UserError(
            f'labels must be "all", or a positive multiple of the {len(classes)} classes. '
            f"Received: labels={labels!r}"
        )
    per_class = number // len(classes)
    if per_class > sizes.min():
        raise UserError(
            f"labels={number} means {per_class} of each class, but class "
            f"{classes[sizes.argmin()]} has {sizes.min()}; give at most "
            f'{sizes.min() * len(classes)}, or "all"'
        )
    order = _random_order(len(y), seed, purpose=0)
    chosen = _first_of_each_class(y, np.full(len(classes), per_class), order)
    return np.flatnonzero(chosen), np.flatnonzero(~chosen)


def validation_split(y: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hold a validation part out of the training part, each class by its share.

    Each class keeps a row at least.

    Args:
        y: labels, (N,).
        count: size of the validation part, 1 to N - 1.
        seed: which ones.

    Returns:
        (kept, held): sorted int64 indices that together are range(N); `held` has `count` of them.

    Raises:
        ValueError: `count` out of range.
        UserError: so many would leave a class without a label.
    """
    if not 0 < count < len(y):
        raise ValueError(f"count must be from 1 to {len(y) - 1}. Received: count={count}")
    classes, sizes = np.unique(y, return_counts=True)
    most = len(y) - len(classes)
    if count > most:
        raise UserError(
            f"a validation part of {count:,} leaves one of the {len(classes):,} classes without a label, "
            f"class {classes[sizes.argmin()]} of {sizes.min()} first; give at most {most}"
        )
    counts, remainders = np.divmod(sizes * count, len(y))
    # Largest remainder: the rows that rounding down left over go to the classes that lost most.
    order = np.argsort(-remainders, kind="stable")
    while left := count - counts.sum():
        with_room = order[counts[order] < sizes[order] - 1]
        counts[with_room[:left]] += 1
    chosen = _first_of_each_class(y, counts, _random_order(len(y), seed, purpose=1))
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
