"""Which rows of a data set serve for what: labelled or not, validation or training."""

from collections.abc import Sequence

import numpy as np

from gan_common.data.decoder import named
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


def label_split(
    y: np.ndarray,
    labels: int | str,
    seed: int,
    *,
    equal: bool = True,
    class_names: Sequence[str] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose which training labels a semi-supervised run may see: the same number of each class.

    For one seed, a larger budget includes a smaller one.

    Args:
        y: all training labels, (N,).
        labels: how many, or "all".
        seed: which ones.
        equal: False takes one of each class, and the others by the classes' shares.
        class_names: by which an error calls a class; its number by default.

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
    if not equal and len(classes) <= number <= len(y):
        counts = 1 + _by_share(sizes - 1, number - len(classes))
        return _chosen(y, counts, seed)
    if not equal:
        raise UserError(
            f'labels must be "all", or from {len(classes)}, one of each class, to {len(y)}. '
            f"Received: labels={labels!r}"
        )
    if number < 1 or number % len(classes):
        raise UserError(
            f'labels must be "all", or a positive multiple of the {len(classes)} classes. '
            f"Received: labels={labels!r}"
        )
    per_class = number // len(classes)
    if per_class > sizes.min():
        rarest = classes[sizes.argmin()]
        called = rarest if class_names is None else repr(class_names[rarest])
        raise UserError(
            f"labels={number} means {per_class} of each class, but class {called} has {sizes.min()}; "
            f'give at most {sizes.min() * len(classes)}, or "all"'
        )
    return _chosen(y, np.full(len(classes), per_class), seed)


def _chosen(y: np.ndarray, counts: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    chosen = _first_of_each_class(y, counts, _random_order(len(y), seed, purpose=0))
    return np.flatnonzero(chosen), np.flatnonzero(~chosen)


def _by_share(sizes: np.ndarray, count: int) -> np.ndarray:
    """`count` divided by the sizes, no more than these: rounded down, the rest by largest remainder."""
    counts, remainders = np.divmod(sizes * count, max(sizes.sum(), 1))
    counts[np.argsort(-remainders, kind="stable")[: count - counts.sum()]] += 1
    return counts


def without(y: np.ndarray, class_names: Sequence[str]) -> str:
    """The classes that a part has no row of, by name; "" where it has one of each, or no row at all.

    Args:
        y: the part's labels, (N,).
        class_names: by label.
    """
    lacking = [repr(name) for label, name in enumerate(class_names) if not (y == label).any()]
    return named(lacking) if len(y) else ""


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
    counts = np.minimum(_by_share(sizes, count), sizes - 1)
    while missing := count - counts.sum():
        able = np.flatnonzero(counts < sizes - 1)
        lacking = (sizes * count / len(y) - counts)[able]
        counts[able[np.argsort(-lacking, kind="stable")[:missing]]] += 1
    chosen = _first_of_each_class(y, counts, _random_order(len(y), seed, purpose=1))
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
