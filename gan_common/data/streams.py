"""The endless shuffled stream of batches, which can be taken up at any step."""

from typing import Any

import numpy as np

from gan_common.errors import UserError

# TensorFlow copies an array twice to gather from it; beyond this NumPy gathers, a little slower.
LARGE_BYTES = 2**29


class Rows:
    """Some rows of arrays, one after the other, that are copied only when they are asked for.

    For `np.memmap`s, of which a copy might not fit into memory.

    Args:
        parts: (array, row numbers) pairs, the arrays' rows of one shape and type.
    """

    def __init__(self, *parts: tuple[np.ndarray, np.ndarray]) -> None:
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

    def __getitem__(self, rows: Any) -> np.ndarray:
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


def stream(arrays: Any, batch_size: int, seed: int, start_step: int = 0) -> Any:
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

    def row_numbers(epoch: Any) -> Any:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(n, dtype=tf.int64),
            seed=tf.stack([tf.constant(seed, tf.int64), epoch]),
            alg="philox",
        )
        return tf.data.Dataset.from_tensor_slices(
            tf.reshape(order[: steps * batch_size], (steps, batch_size))
        )

    def source(array: Any) -> Any:
        if not isinstance(array, Rows):
            array = np.asanyarray(array)
        if isinstance(array, np.memmap | Rows) or array.nbytes > LARGE_BYTES:
            return array
        # `rows` captures it as a tensor; written into its graph it would be limited to 2 GB.
        with tf.device("CPU:0"):
            return tf.convert_to_tensor(array)

    sources = [source(array) for array in arrays]

    def rows(numbers: Any) -> Any:
        return tuple(_gather(source, numbers) for source in sources)

    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
    batches = epochs.flat_map(row_numbers).skip(within).map(rows)
    return batches.prefetch(2).with_options(options)


def _gather(source: Any, numbers: Any) -> Any:
    import tensorflow as tf

    if tf.is_tensor(source):
        return tf.gather(source, numbers)
    batch = tf.numpy_function(lambda i: np.asarray(source[i]), [numbers], source.dtype)
    return tf.ensure_shape(batch, (*numbers.shape, *source.shape[1:]))
