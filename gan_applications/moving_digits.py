"""Moving MNIST: two digits in a frame of 64×64 pixels go straight and bounce; ways to go on without learning.

Drawn as published: digits of 28×28 start anywhere, go 3.6 pixels a frame in any direction, and the brighter
of both is seen where they cross.  The digits are those of mnist5k, so that nothing has to be downloaded.

Source: Srivastava et al. 2015 (1502.04681), section 4.
"""

import dataclasses

import numpy as np
from scipy import ndimage

from gan_applications.moving import bouncing
from gan_common import data
from gan_common.data import Listing

SEEN, ASKED, SIZE, DIGIT = 10, 10, 64, 28  # frames, frames, pixels, pixels
SPEED = 3.6  # pixels a frame
COUNT, HELD_OUT = 2000, 300
APART = 3  # frames between those that a shift is told by
REACH = int(np.ceil(APART * SPEED))  # pixels that a digit can have gone in them
VISIBLE = 64  # gray level from which on a pixel belongs to something


@dataclasses.dataclass(frozen=True, eq=False)
class Clips:
    """Videos.

    Attributes:
        x_train: uint8 (N, 64, 64, 20), of one digit each: two of them make one to train on.
        x_test: of two digits, held out.
    """

    x_train: np.ndarray
    x_test: np.ndarray
    image_shape: tuple[int, int, int] = (SIZE, SIZE, 1)
    class_names: tuple[str, ...] = ("all",)
    listing: Listing | None = None


def load(name: str = "mnist5k", count: int = COUNT, held_out: int = HELD_OUT) -> Clips:
    """The videos, whose held-out ones show digits that the others do not.

    Args:
        name: of the data set with the digits.
        count, held_out: how many videos.
    """
    digits = data.load(name)
    train, test = np.random.default_rng(0).spawn(2)
    one, other = (draw(digits.x_test, held_out, test) for _ in range(2))
    return Clips(draw(digits.x_train, count, train), np.maximum(one, other))


def draw(digits: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 (count, 64, 64, 20): videos of one of the digits (N, 28, 28, 1) each, a frame a channel."""
    paths = np.rint(bouncing(count, SEEN + ASKED, SIZE - DIGIT, (SPEED, SPEED), rng)).astype(int)
    chosen = digits[rng.integers(len(digits), size=count)]
    videos = np.zeros((count, SIZE, SIZE, SEEN + ASKED), np.uint8)
    for video, digit, path in zip(videos, chosen, paths, strict=True):
        for at, (top, left) in enumerate(path):
            video[top : top + DIGIT, left : left + DIGIT, at] = digit[..., 0]
    return videos


def copied(seen: np.ndarray) -> np.ndarray:
    """The last of the frames (N, 64, 64, 10), ten times."""
    return np.repeat(seen[..., -1:], ASKED, axis=-1)


def shifted(seen: np.ndarray, apart: bool) -> np.ndarray:
    """The last frame goes on as it went in the last frames, and bounces: uint8 (N, 64, 64, 10).

    Args:
        seen: frames (N, 64, 64, 10).
        apart: each blob by its own shift; else the whole frame by one.
    """
    made = np.zeros((*seen.shape[:3], ASKED), np.uint8)
    for video, out in zip(seen, made, strict=True):
        now, before = video[..., -1], video[..., -1 - APART]
        labels, count = ndimage.label(now >= VISIBLE, np.ones((3, 3)))
        if not apart:
            labels, count = np.ones_like(labels), 1
        for label in range(1, count + 1):
            # What is fainter than visible goes with the blob that it lies beside.
            near = ndimage.binary_dilation(labels == label, iterations=2) if apart else labels == 1
            blob = np.where(near, now, 0)
            rows, columns = (np.flatnonzero(blob.any(axis=axis)) for axis in (1, 0))
            if not len(rows):
                continue
            thing = blob[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            start = np.array([rows[0], columns[0]])
            room = SIZE - np.array(thing.shape)
            step = (start - _place_in(before, thing, start)) / APART
            for frame in range(ASKED):
                place = (start + (frame + 1) * step) % np.maximum(2 * room, 1)
                top, left = np.rint(room - np.abs(place - room)).astype(int)
                part = out[top : top + thing.shape[0], left : left + thing.shape[1], frame]
                np.maximum(part, thing, out=part)
    return made


def _place_in(frame: np.ndarray, thing: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Where a frame is most like a thing, no farther than `REACH` from where this starts: (2,)."""
    target, best, found = thing.astype(np.float32), np.inf, start
    height, width = thing.shape
    for top in range(max(0, start[0] - REACH), min(SIZE - height, start[0] + REACH) + 1):
        for left in range(max(0, start[1] - REACH), min(SIZE - width, start[1] + REACH) + 1):
            part = frame[top : top + height, left : left + width]
            error = float(np.square(part - target).sum())
            if error < best:
                best, found = error, np.array([top, left])
    return found
