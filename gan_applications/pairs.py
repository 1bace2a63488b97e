"""Pairs of images, input and what should come of it: drawn ones that need no download, or a person's own.

    openmoji:lines   the black strokes of an emoji, gray → the emoji in color
    openmoji:edges   edges of its brightness, gray → the emoji
    openmoji:hole    an emoji with a square cut out, RGB and the square's mask → the emoji
    openmoji:skin    a hand or person of light skin → the same of dark skin
    pairs            --inputs FOLDER --targets FOLDER: files of equal names are a pair

Emoji are held out with all of their variants (`gan_common.data.openmoji.splits`), of a person's pairs every
tenth by a hash of its name.  For systems that need no pairs the same flags name two heaps: `heaps`.
"""

import dataclasses
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from gan_applications import running
from gan_common.cli import flag
from gan_common.data import Listing, found, openmoji
from gan_common.errors import UserError

KINDS = ("openmoji:lines", "openmoji:edges", "openmoji:hole", "openmoji:skin")
CHANNELS = {"openmoji:lines": 1, "openmoji:edges": 1, "openmoji:hole": 4}  # of inputs; else 3
FROM, TO = "1F3FB", "1F3FF"  # Unicode's modifiers for light and dark skin
INK = 128  # what is darker in all channels is part of a stroke
COLORLESS = 2.0  # gray levels between the channels on average: nothing to color
HELD_OUT = 10  # every tenth of a person's pairs
LEAST = 10  # pairs
GRAY = 16  # gray levels between the channels that a drawing may have


@dataclasses.dataclass(frozen=True)
class Config(running.Applied):
    """The flags of systems that learn from pairs, or from two heaps of images."""

    dataset: str = flag(KINDS[0], f"{', '.join(KINDS)}, or pairs (with --inputs and --targets)")
    image_size: int = flag(64, "height and width in pixels", lower=16, upper=512)
    batch_size: int = flag(8, "pairs in a step", lower=2)
    inputs: str | None = flag(None, "your own pairs: folder of the inputs", on_resume=True)
    targets: str | None = flag(
        None, "and of what should come of them, under equal names", on_resume=True
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """Row by row an input and its target, uint8 (N, H, W, C).

    Attributes:
        inputs, x_train: to train on; a target has 3 channels, an input of `openmoji:hole` has the mask of the
            hole (255 inside) as its fourth.
        test_inputs, x_test: held out.
        names: of the held-out ones.
        credit: to be shown with the images, or "".
    """

    inputs: np.ndarray
    x_train: np.ndarray
    test_inputs: np.ndarray
    x_test: np.ndarray
    names: tuple[str, ...]
    credit: str = ""
    class_names: tuple[str, ...] = ("all",)
    listing: Listing | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Of the targets."""
        height, width, channels = self.x_train.shape[1:]
        return height, width, channels


def load(config: Any) -> Pairs:
    """The pairs that a configuration names.

    Raises:
        UserError: an unknown name, flags that do not go together, no folder, or too few pairs.
    """
    own = {"--inputs": config.inputs, "--targets": config.targets}
    if config.dataset == "pairs":
        if missing := [name for name, path in own.items() if path is None]:
            raise UserError(f"--dataset pairs needs two folders: {missing[0]} is missing")
        return _of_folders(config.inputs, config.targets, config.image_size)
    if given := [name for name, path in own.items() if path is not None]:
        raise UserError(f"{given[0]} belongs to --dataset pairs, not to {config.dataset}")
    if config.dataset not in KINDS:
        raise UserError(f"unknown data set {config.dataset!r}; known: {', '.join(KINDS)}, pairs")
    return _of_emoji(config.dataset, config.image_size)


def input_channels(dataset: str) -> int:
    """Channels of the inputs of a data set."""
    return CHANNELS.get(dataset, 3)


# ------------------------------------------------------------------------------- emoji


def _of_emoji(dataset: str, size: int) -> Pairs:
    """Pairs of emoji; one skin tone alone, but for `openmoji:skin`: strokes do not tell it."""
    images, emoji = openmoji.draw(size), openmoji.catalogue()
    train, test = openmoji.splits()
    if dataset == "openmoji:skin":
        rows = {one.code: number for number, one in enumerate(emoji)}
        dark = [
            rows.get(one.code.replace(FROM, TO), -1) if FROM in one.code else -1 for one in emoji
        ]
        chosen = np.array(dark) >= 0
        targets = images[dark]
    else:
        colorful = np.ptp(images.astype(np.int16), axis=-1).mean(axis=(1, 2)) > COLORLESS
        chosen = colorful & np.array([not one.skin_tone for one in emoji])
        targets = images
    train, test = train[chosen[train]], test[chosen[test]]
    names = tuple(emoji[row].name for row in test)
    make = DRAWN.get(dataset, lambda images: images)
    parts = make(images[train]), targets[train], make(images[test]), targets[test]
    return Pairs(*parts, names=names, credit=openmoji.CREDIT)


def lines(images: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, 3) → (N, H, W, 1): black strokes, with their soft borders, on white."""
    brightest = images.max(axis=-1, keepdims=True).astype(np.float32)
    return np.minimum(brightest * (255 / INK), 255).astype(np.uint8)


def edges(images: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, 3) → (N, H, W, 1): the slope of their brightness, the steeper the darker."""
    gray = images.astype(np.float32).mean(axis=-1)
    slopes = [ndimage.gaussian_gradient_magnitude(one, 0.8) for one in gray]
    return (255 - np.minimum(np.stack(slopes) * 4, 255)).astype(np.uint8)[..., None]


def hole(images: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, 3) → (N, H, W, 4): a square of 3/8 of the side is gray, and 255 in the fourth channel.

    It lies somewhere in the middle three quarters, always at the same place of an image.
    """
    count, size = images.shape[:2]
    side, reach = 3 * size // 8, 3 * size // 4
    corners = size // 8 + np.random.default_rng(0).integers(reach - side + 1, size=(count, 2))
    mask = np.zeros((*images.shape[:3], 1), np.uint8)
    for one, (top, left) in zip(mask, corners, strict=True):
        one[top : top + side, left : left + side] = 255
    return np.concatenate([np.where(mask > 0, np.uint8(128), images), mask], axis=-1)


# What makes the inputs of a data set of its targets.
DRAWN = {"openmoji:lines": lines, "openmoji:edges": edges, "openmoji:hole": hole}

# ------------------------------------------------------------------------------- a person's own


def _of_folders(inputs: str, targets: str, size: int) -> Pairs:
    """Files of equal names, whatever they end in, below two folders."""
    first, second = (_by_name(path) for path in (inputs, targets))
    both = sorted(set(first) & set(second))
    if len(both) < LEAST:
        raise UserError(
            f"{inputs!r} and {targets!r} have {len(both)} names in common of {len(first):,} and "
            f"{len(second):,}; {LEAST} pairs at least are needed, each of two files of one name"
        )
    if single := len(first) + len(second) - 2 * len(both):
        print(f"left out, images without a partner: {single:,}", file=sys.stderr, flush=True)
    read = [_read([of[name] for name in both], size) for of in (first, second)]
    both = [name for name in both if first[name] in read[0] and second[name] in read[1]]
    x, y = (
        np.stack([images[of[name]] for name in both])
        for images, of in zip(read, (first, second), strict=True)
    )
    test = _held_out(both)
    return Pairs(x[~test], y[~test], x[test], y[test], tuple(np.array(both)[test].tolist()))


def heaps(first: str, second: str, size: int) -> tuple[np.ndarray, ...]:
    """Two folders of images that are no pairs: (training, held out) of the first, then of the second.

    Raises:
        UserError: no folder, or too few images.
    """
    parts: list[np.ndarray] = []
    for path in (first, second):
        read = _read(found.find_images([path])[0], size)
        if len(read) < LEAST:
            raise UserError(f"{path!r} holds {len(read)} images; {LEAST} at least are needed")
        names = [str(Path(name).relative_to(path)) for name in read]
        images, test = np.stack(list(read.values())), _held_out(names)
        parts += [images[~test], images[test]]
    return tuple(parts)


def _by_name(path: str) -> dict[str, str]:
    """Name relative to the folder, without its ending → the image's path."""
    if not Path(path).is_dir():
        raise UserError(f"folder {path!r} is not there")
    named: dict[str, str] = {}
    for image in found.find_images([path])[0]:
        name = str(Path(image).relative_to(path).with_suffix(""))
        if name in named:
            raise UserError(f"{image!r} and {named[name]!r} have one name; rename one of them")
        named[name] = image
    return named


def _read(names: Sequence[str], size: int) -> dict[str, np.ndarray]:
    """Path → uint8 (size, size, 3), of those that can be read."""
    return {
        name: image
        for kept, images in found.read_batches(names, (size, size, 3))
        for name, image in zip(kept, images, strict=True)
    }


def _held_out(names: Sequence[str]) -> np.ndarray:
    """Which are for testing: a tenth, at least one, by a hash of the name."""
    digests = [hashlib.sha256(name.encode(errors="surrogateescape")).digest() for name in names]
    order = np.array(sorted(range(len(names)), key=digests.__getitem__))
    test = np.zeros(len(names), bool)
    test[order[: max(1, len(names) // HELD_OUT)]] = True
    return test


def as_inputs(images: np.ndarray, dataset: str) -> np.ndarray:
    """A person's images, uint8 (N, H, W, 3), as inputs of a run of this data set.

    Where strokes or edges go in, a gray image is taken for a drawing; one in color is drawn first.
    """
    if dataset not in DRAWN:
        return images
    made = DRAWN[dataset](images)
    if dataset == "openmoji:hole":
        return made
    gray = np.ptp(images.astype(np.int16), axis=-1).max(axis=(1, 2)) <= GRAY
    return np.where(gray[:, None, None, None], images[..., :1], made)
