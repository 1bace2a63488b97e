"""Two heaps of images that are no pairs: drawn ones that need no download, or a person's own.

    boxes:figures     red boxes turned by an angle ↔ figures leaning by one
    boxes:colors      red boxes ↔ blue boxes
    openmoji:lines    the strokes of emoji ↔ emoji in color; of other emoji, so that there are no pairs at all
    mnist5k:patches   digits on black ↔ other digits blended over patches of emoji, as MNIST-M's are
    mnist:patches     the same of all of MNIST
    folders           --inputs FOLDER --targets FOLDER

What is held out does come in pairs, where the truth is known, so that it can be measured: nothing that trains
reads it.
"""

import dataclasses
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from scipy import ndimage

from gan_applications import pairs, running, turned
from gan_common import data
from gan_common.cli import flag
from gan_common.data import Listing, openmoji
from gan_common.errors import UserError

COUNT, HELD_OUT = 4000, 500  # boxes and figures
COPIES = 4  # of a digit, over other patches
PATCH_SOURCE = 64  # pixels, the size of the emoji that patches are cut from
BLUR = 2.0  # pixels: an emoji's strokes are as wide as a digit's, and no eye could tell them apart
OTHER_HEAP = 7919  # added to the seed of the second heap's order


@dataclasses.dataclass(frozen=True)
class Config(running.Applied):
    """The flags of systems that learn from two heaps."""

    side: str = flag(
        "b", "with --apply: into which kind, a (inputs) or b (targets)", choices=("a", "b")
    )
    inputs: str | None = flag(None, "your own images: folder of the first kind", on_resume=True)
    targets: str | None = flag(None, "and of the second kind", on_resume=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Heaps:
    """Images of two kinds, uint8 (N, H, W, 3).

    Attributes:
        inputs, x_train: of kind a and of kind b, to train on; row by row nothing in common.
        test_inputs, x_test: held out.
        truth: held-out row by row the same thing, in both kinds.
        labels: of the held-out rows of a and of b: angles, or digits; else none.
        kinds: what a and b are called.
    """

    inputs: np.ndarray
    x_train: np.ndarray
    test_inputs: np.ndarray
    x_test: np.ndarray
    truth: bool = False
    labels: tuple[np.ndarray, ...] = ()
    kinds: tuple[str, str] = ("a", "b")
    class_names: tuple[str, ...] = ("all",)
    listing: Listing | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.x_train.shape[1:]
        return height, width, channels


def loader(known: Iterable[str]) -> Callable[[Any], Heaps]:
    """The function that loads what a configuration names, of the data sets that its system knows."""
    return partial(load, known=(*known, "folders"))


def load(config: Any, known: tuple[str, ...]) -> Heaps:
    """The heaps that a configuration names.

    Raises:
        UserError: an unknown name, flags that do not go together, no folder, or too few images.
    """
    name, size = config.dataset, config.image_size
    if name not in known:
        raise UserError(f"unknown data set {name!r}; known: {', '.join(known)}")
    own = {"--inputs": config.inputs, "--targets": config.targets}
    if name == "folders":
        if missing := [flag for flag, path in own.items() if path is None]:
            raise UserError(f"--dataset folders needs two folders: {missing[0]} is missing")
        first, first_test, second, second_test = pairs.heaps(
            config.inputs, config.targets, size or 64
        )
        return Heaps(first, second, first_test, second_test)
    if given := [flag for flag, path in own.items() if path is not None]:
        raise UserError(f"{given[0]} belongs to --dataset folders, not to {name}")
    if name.startswith("boxes"):
        _check_size(name, size, 32)
        return of_turned("red box", "figure" if name == "boxes:figures" else "blue box")
    if name == "openmoji:lines":
        return of_emoji(size or 64)
    _check_size(name, size, 28)
    return of_digits(data.load(name.partition(":")[0], getattr(config, "data_dir", None)))


def _check_size(name: str, size: int | None, only: int) -> None:
    if size not in (None, only):
        raise UserError(f"--image_size {size}: {name} has images of {only} pixels")


def of_turned(first: str, second: str, count: int = COUNT, held_out: int = HELD_OUT) -> Heaps:
    """Things of two kinds, each turned by an angle of its own."""
    rngs = np.random.default_rng(0).spawn(4)
    parts, angles = [], []
    for kind, n, rng in zip(
        (first, second) * 2, (count, count, held_out, held_out), rngs, strict=True
    ):
        angles.append(rng.uniform(-turned.MOST, turned.MOST, n))
        parts.append(turned.draw(kind, angles[-1], rng))
    return Heaps(
        parts[0], parts[1], parts[2], parts[3],
        labels=(angles[2], angles[3]), kinds=(first, second),
    )  # fmt: skip


def of_emoji(size: int) -> Heaps:
    """Strokes of one half of the emoji, the other half in color."""
    given = pairs.load(pairs.Config(dataset="openmoji:lines", image_size=size))
    # Some differ in nothing but color, as squares and hearts do: they stay in one half.
    flat = given.inputs.reshape(len(given.inputs), -1)
    alike = np.unique(flat, axis=0, return_inverse=True)[1].ravel()
    first = np.random.default_rng(0).permutation(alike.max() + 1)[alike] % 2 == 0
    rgb = partial(np.repeat, repeats=3, axis=-1)
    return Heaps(
        rgb(given.inputs[first]), given.x_train[~first], rgb(given.test_inputs),
        given.x_test, truth=True, kinds=("lines", "emoji"),
    )  # fmt: skip


def of_digits(digits: Any) -> Heaps:
    """One half of the digits as they are, the other half blended over patches; all test digits as both."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(digits.x_train))
    first, second = np.array_split(order, 2)
    train, test = openmoji.splits()
    emoji = ndimage.gaussian_filter(openmoji.draw(PATCH_SOURCE), (0, BLUR, BLUR, 0))
    plain, others = digits.x_train[first], np.tile(digits.x_train[second], (COPIES, 1, 1, 1))
    blended = [
        blend(of, patches(emoji[rows], len(of), of.shape[1], rng))
        for of, rows in ((others, train), (digits.x_test, test))
    ]
    rgb = partial(np.repeat, repeats=3, axis=-1)
    return Heaps(
        rgb(plain), blended[0], rgb(digits.x_test), blended[1],
        truth=True, labels=(digits.y_test, digits.y_test), kinds=("digit", "blended"),
    )  # fmt: skip


def patches(images: np.ndarray, count: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 (count, side, side, 3): squares out of the middle of images, where something is drawn."""
    size = images.shape[1]
    corners = rng.integers(size // 8, size - side - size // 8 + 1, (count, 2))
    rows = rng.integers(len(images), size=count)
    cut = [images[row, top : top + side, left : left + side]
           for row, (top, left) in zip(rows, corners, strict=True)]  # fmt: skip
    return np.stack(cut)


def blend(digits: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """|patch − digit|, uint8 (N, H, W, 3) of digits (N, H, W, 1): a digit inverts what is under it.

    Source: MNIST-M, Ganin et al. 2016 (1505.07818), section 5.2.4.
    """
    return np.abs(patches.astype(np.int16) - digits).astype(np.uint8)
