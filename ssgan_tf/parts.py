"""What a run takes of a data set: labelled images, the pool without labels, and validation images."""

import dataclasses
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_common import data, files
from gan_common.data.streams import LARGE_BYTES
from gan_common.errors import UserError
from ssgan_tf.config import DEFAULT_LABELS, Config

FIRST_BATCH = 500  # images of the data-dependent initialization


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """What a run takes of a data set.  Images are uint8 (N, H, W, C), labels int32 (N,).

    Attributes:
        labelled: indices into the training images of those whose label may be seen.
        x_labelled, y_labelled: these.
        x_unlabelled: the pool, labelled images among it, without any label.
        x_validation, y_validation: training images that nothing is learnt from.
    """

    labelled: np.ndarray
    x_labelled: np.ndarray | data.Rows
    y_labelled: np.ndarray
    x_unlabelled: np.ndarray | data.Rows
    x_validation: np.ndarray
    y_validation: np.ndarray


def divide(dataset: data.Dataset, config: Config) -> Parts:
    """Choose by `config.seed` which images are for validation, and which labels are seen.

    Each class keeps an image to learn from, whatever the size of the validation part.  Images that came to a
    folder after the run began are never for validation; their labels are seen where all are.

    Raises:
        UserError: labels that are not there, or not divisible by the classes; too many validation images.
    """
    x, y = dataset.x_train, dataset.y_train
    listing = dataset.listing
    began = len(y) if listing is None else listing.began
    kept, held = _validation(y[:began], config)
    pool: np.ndarray | data.Rows | None = dataset.x_unlabelled
    # A run that is older than defaults by data set has None: 100, or all where there is a pool.
    labels = config.labels or (DEFAULT_LABELS if pool is None else "all")
    seen_labels, _ = data.label_split(
        y[kept],
        labels,
        config.seed,
        equal=config.label_shares == "equal",
        class_names=dataset.class_names,
    )
    new = np.arange(began, len(y))
    labelled = kept[seen_labels]
    if labels == "all":
        labelled = np.concatenate([labelled, new])
    kept = np.concatenate([kept, new])
    # So large that nothing but a batch is to be copied.
    if isinstance(x, np.memmap) or x.nbytes > LARGE_BYTES:
        pools = [(x, kept)] if pool is None else [(pool, np.arange(len(pool))), (x, kept)]
        seen, pool = data.Rows((x, labelled)), data.Rows(*pools)
    else:
        seen = x[labelled]
        pool = x[kept] if pool is None else np.concatenate([pool, x[kept]])
    return Parts(labelled, seen, y[labelled], pool, x[held], y[held])


def _validation(y: np.ndarray, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers to learn from, and for validation."""
    count = config.validation_size
    if count is not None and count >= len(y):
        raise UserError(f"--validation_size {count}: the data has only {len(y)} training images")
    classes = len(np.unique(y))
    room = len(y) - classes  # when each class keeps one
    if count is None:
        count = min(5000, len(y) // 10, room)
    if count > room:
        raise UserError(
            f"--validation_size {count}: {room} are left when each of the {classes} classes keeps an "
            "image to learn from; give at most that"
        )
    if not count:
        return np.arange(len(y)), np.arange(0)
    return data.validation_split(y, count, config.seed)


def label_shares(parts: Parts, dataset: data.Dataset) -> np.ndarray | None:
    """The classes' shares that are known, (K,) summing to 1; None where they are equal.

    They are those of the labelled images.  Where as many labels of each class are taken of a person's folder
    they are those of all its labels: by them the pool's classes are as frequent as the folder's are.
    """
    counts = np.bincount(parts.y_labelled, minlength=dataset.num_classes)
    if len(set(counts)) == 1 and dataset.listing is not None:
        counts = np.bincount(dataset.y_train, minlength=dataset.num_classes)
    return None if len(set(counts)) == 1 else counts / counts.sum()


def tell_shares(shares: np.ndarray, class_names: Sequence[str], of_labelled: bool = True) -> str:
    """Unequal shares in a line: of each class, or of many the rarest and the most frequent.

    Args:
        shares, class_names: K of each.
        of_labelled: whether the shares are those of the labelled images, or of all the folder's labels.
    """
    order = np.argsort(-shares, kind="stable")
    told = [f"{class_names[i]} {shares[i]:.1%}" for i in order]
    if len(told) > 12:
        told = [*told[:3], f"… {len(told) - 6} more …", *told[-3:]]
    whose = "labelled images" if of_labelled else "taken for the pool: the folder's labels"
    return f"{whose} by class: {', '.join(told)}"


def read_labelled(path: Path) -> np.ndarray:
    """Which images' labels a run sees: indices, one-dimensional.

    Raises:
        UserError: the file is not there, or damaged.
    """
    try:
        rows = np.load(path, allow_pickle=False)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise ValueError(f"it has {rows.dtype} of shape {rows.shape}")
    # NumPy reads the header as Python does: what is no Python is its syntax error.
    except (OSError, ValueError, EOFError, SyntaxError, tokenize.TokenError) as error:
        raise UserError(f"{path}: damaged ({error}); remove it") from error
    return rows


def keep_labelled(path: Path, labelled: np.ndarray) -> None:
    """Save which images' labels are seen, or check that a resumed run sees those it began with.

    Images that came to a folder since have the last indices.
    """
    if path.exists():
        before = read_labelled(path)
        if np.array_equal(before, labelled):
            return
        if not np.array_equal(before, labelled[: len(before)]):
            raise UserError(
                f"{path}: other images are labelled now; put the data back as they were"
            )

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:  # given a name, NumPy would add .npy to it
            np.save(file, labelled)

    files.write_whole(path, write)


def stream(parts: Parts, config: Config, start_step: int) -> Any:
    """Endless ((images, labels), (images,)): a labelled batch and one without any label."""
    import tensorflow as tf

    labelled = data.stream(
        (parts.x_labelled, parts.y_labelled),
        min(config.labelled_batch, len(parts.y_labelled)),
        config.seed,
        start_step,
    )
    unlabelled = data.stream((parts.x_unlabelled,), config.batch_size, config.seed + 1, start_step)
    return tf.data.Dataset.zip((labelled, unlabelled))
