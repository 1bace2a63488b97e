"""Videos whose foreground is known: a figure or a digit moves over a still, textured ground.

16 frames of 32×32 pixels, drawn from a seed.  What moves goes straight and bounces off the edges.  A ruler
finds it in any video, without being told: it is what differs from the video's own ground.
"""

import dataclasses
from typing import Any

import numpy as np
from scipy import ndimage

from gan_applications import turned
from gan_common import data
from gan_common.data import Listing

FRAMES, SIZE, MOVER = 16, 32, 14  # pixels
SPEED = (1.5, 3.0)  # pixels a frame
BRIGHTNESS, CONTRAST, GRAIN = 0.6, 0.1, 2.5  # of the grounds: mean, deviation, blur in pixels
APART = 50.0  # gray levels from its ground, summed over the channels, that make a pixel foreground
COUNT, HELD_OUT = 1600, 200


@dataclasses.dataclass(frozen=True, eq=False)
class Videos:
    """Videos uint8 (N, 16, 32, 32, 3).

    Attributes:
        x_train, x_test: to train on, and held out.
        masks: what moves in the latter, bool (N, 16, 32, 32).
    """

    x_train: np.ndarray
    x_test: np.ndarray
    masks: np.ndarray
    class_names: tuple[str, ...] = ("all",)
    listing: Listing | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Of a frame."""
        height, width, channels = self.x_train.shape[2:]
        return height, width, channels


def load(config: Any, count: int = COUNT, held_out: int = HELD_OUT) -> Videos:
    """The videos; half of them show figures, half digits.

    Args:
        config: a run's; there is nothing to choose.
        count, held_out: how many videos to train on, and held out, of digits that the others do not show.
    """
    digits = data.load("mnist5k")
    train, test = np.random.default_rng(0).spawn(2)
    x_train, _ = draw(movers(digits.x_train, count, train), train)
    return Videos(x_train, *draw(movers(digits.x_test, held_out, test), test))


def movers(digits: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """By turns a figure and a digit: float32 (count, 14, 14, 4), color in [0, 1] and how solid a pixel is.

    Args:
        digits: uint8 (N, 28, 28, 1).
        count: how many.
        rng: where the angles, digits and colors come from.
    """
    figures = turned.draw("figure", rng.uniform(-15, 15, count), rng).astype(np.float32)
    figures = figures.reshape(count, 16, 2, 16, 2, 3).mean(axis=(2, 4))[:, 1:-1, 1:-1] / 255
    away = figures - turned.PALE  # without the pale ground that they were drawn on
    solid = np.minimum(np.abs(away).sum(axis=-1, keepdims=True), 1)
    figures = np.clip(turned.PALE + away / np.maximum(solid, 0.1), 0, 1)
    small = digits[rng.integers(len(digits), size=count)].astype(np.float32)
    small = small.reshape(count, MOVER, 2, MOVER, 2).mean(axis=(2, 4))[..., None] / 255
    color = rng.dirichlet(np.full(3, 0.5), count).astype(np.float32)
    color = (color / color.max(axis=1, keepdims=True))[:, None, None]
    found = np.concatenate([figures, solid], axis=-1).astype(np.float32)
    drawn = np.broadcast_to(color, (*small.shape[:3], 3))
    found[1::2] = np.concatenate([drawn, np.minimum(small * 2, 1)], axis=-1)[1::2]
    return found


def draw(things: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Videos uint8 (N, 16, 32, 32, 3) of things (N, 14, 14, 4), and where these are, bool (N, 16, 32, 32)."""
    count = len(things)
    light, tint = (
        rng.normal(size=(count, SIZE, SIZE, channels)).astype(np.float32) for channels in (1, 3)
    )
    grounds = light + 0.6 * tint
    grounds = ndimage.gaussian_filter(grounds, (0, GRAIN, GRAIN, 0), mode="wrap")
    grounds *= CONTRAST / grounds.std(axis=(1, 2, 3), keepdims=True)
    grounds = np.clip(grounds + BRIGHTNESS, 0, 1)
    videos = np.empty((count, FRAMES, SIZE, SIZE, 3), np.uint8)
    masks = np.zeros(videos.shape[:-1], bool)
    paths = bouncing(count, FRAMES, SIZE - MOVER, SPEED, rng)
    for row, (thing, ground) in enumerate(zip(things, grounds, strict=True)):
        color, solid = thing[..., :3], thing[..., 3:]
        for at, (top, left) in enumerate(np.rint(paths[row]).astype(int)):
            frame, part = ground.copy(), np.s_[top : top + MOVER, left : left + MOVER]
            frame[part] += solid * (color - frame[part])
            videos[row, at] = np.rint(frame * 255)
            masks[row, at][part] = solid[..., 0] > 0.5
    return videos, masks


def bouncing(
    count: int, frames: int, room: float, speed: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Places (count, frames, 2) in [0, room]: straight on, at a speed and in a direction by lot, and back.

    Args:
        count, frames: of paths, and of places of each.
        room: pixels between the walls.
        speed: least and most pixels a frame.
        rng: where all comes from.
    """
    angle, pace = rng.uniform(0, 2 * np.pi, count), rng.uniform(*speed, count)
    step = pace[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    path = rng.uniform(0, room, (count, 1, 2)) + np.arange(frames)[:, None] * step[:, None]
    return room - np.abs(path % (2 * room) - room)


# -------------------------------------------------------------------------------------- rulers


def foreground(videos: np.ndarray) -> np.ndarray:
    """What moves: what differs from a video's median frame.

    Args:
        videos: uint8 (N, frames, H, W, 3).

    Returns:
        bool (N, frames, H, W).
    """
    found = np.empty(videos.shape[:-1], bool)
    for row, video in zip(found, videos.astype(np.float32), strict=True):
        row[:] = np.abs(video - np.median(video, axis=0)).sum(axis=-1) > APART
    return found


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two masks (N, …), of each video, and the mean of these."""
    axes = tuple(range(1, first.ndim))
    both, either = (first & second).sum(axis=axes), (first | second).sum(axis=axes)
    return float(np.mean(both / np.maximum(either, 1)))


def speeds(masks: np.ndarray) -> np.ndarray:
    """Pixels a frame (N,) that the center of what moves goes, on average, of masks (N, frames, H, W).

    0 for a video in which nothing is to be seen in two frames that follow each other.
    """
    total = masks.sum(axis=(2, 3))
    places = [
        (masks * np.arange(masks.shape[axis]).reshape(shape)).sum(axis=(2, 3))
        / np.maximum(total, 1)
        for axis, shape in ((2, (-1, 1)), (3, (1, -1)))
    ]
    steps = np.hypot(*(np.diff(place, axis=1) for place in places))
    seen = (total[:, 1:] > 0) & (total[:, :-1] > 0)
    return (steps * seen).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)


def restlessness(videos: np.ndarray, masks: np.ndarray) -> float:
    """How much the ground changes: gray levels from a frame to the next, where neither has foreground.

    255 where all is foreground.
    """
    total, pixels = 0.0, 0
    for video, mask in zip(videos.astype(np.float32), masks, strict=True):
        still = ~(mask[1:] | mask[:-1])
        total += float(np.abs(np.diff(video, axis=0)).mean(axis=-1)[still].sum())
        pixels += int(still.sum())
    return total / pixels if pixels else 255.0
