"""All images of a folder, decoded one after the other: what is gray stays gray, what is bad is counted."""

import collections
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_common.data.decode import OtherKindError, gray_of, largest_depth, read_picture
from gan_common.data.index import Store
from gan_common.errors import UserError

# Of a small folder a tenth may be bad, three at most; of a large one 1%.
MAX_BAD_SHARE, MAX_BAD_SHARE_OF_FEW, MAX_BAD_OF_FEW = 0.01, 0.1, 3
NAMED = 12  # bad images, in a message
SMALL = 2_000  # images: in so many all bad ones are looked for before reading stops
PROGRESS_EVERY = 2_000


def new_images(count: int, size: int, channels: int) -> np.ndarray:
    """Room for uint8 (count, size, size, channels), if this computer has it.

    Raises:
        UserError: it needs more than the physical memory.
    """
    needed = count * size * size * channels
    try:
        there_is = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has none, others not these
        there_is = needed
    if needed > there_is:
        raise UserError(
            f"{count:,} images of {size}×{size} need {needed / 1e9:.0f} GB of memory, more than "
            "there is; give a smaller --image_size or fewer images"
        )
    return np.empty((count, size, size, channels), np.uint8)


class Memory:
    """A `gan_common.data.index.Store` in memory."""

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size = count, size

    def start(self, channels: int) -> None:
        self.images, self.filled = new_images(self.count, self.size, channels), 0

    def put(self, image: np.ndarray) -> None:
        self.images[self.filled] = image
        self.filled += 1


def bad_allowed(count: int) -> int:
    """How many of so many images may be bad."""
    few = min(MAX_BAD_OF_FEW, int(MAX_BAD_SHARE_OF_FEW * count))
    return max(few, int(MAX_BAD_SHARE * count))


def named(bad: Sequence[str]) -> str:
    """The first dozen, and how many more there are."""
    more = len(bad) - NAMED
    return ", ".join(bad[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


class Decoder:
    """The images of a folder, decoded into a store: as gray ones until the first one in color.

    Args:
        root: the folder.
        names: of its images.
        size, fit: see `read_picture`.
        bits: of 16-bit samples; None to find out.
    """

    def __init__(
        self, root: Path, names: Sequence[str], size: int, fit: str, bits: int | None
    ) -> None:
        self.root, self.names, self.size, self.fit = root, names, size, fit
        self._bits = bits

    def __call__(self, store: Store) -> tuple[list[int], dict[str, Any]]:
        """Decode all images.

        Returns:
            Which could be read, and what there is to say of all: "bad", each with the reason; "kinds" that
            are not read, with their number; "colored", how many, and "first_colored"; "bits" of 16-bit
            samples.

        Raises:
            UserError: more bad images than `bad_allowed`.
        """
        for channels in (1, 3):
            store.start(channels)
            if (found := self._decode(store, channels)) is not None:
                return found
        raise AssertionError("images in color have three channels")

    def _depth(self, _: np.ndarray) -> int:
        if self._bits is None:
            self._bits = largest_depth(self.root / name for name in self.names)
        return self._bits

    def _decode(self, store: Store, channels: int) -> tuple[list[int], dict[str, Any]] | None:
        """One pass over the images; None where one after the first is in color and there is one channel."""
        good: list[int] = []
        bad: list[str] = []
        colored: list[str] = []
        kinds: collections.Counter = collections.Counter()
        count, allowed = len(self.names), bad_allowed(len(self.names))
        for number, name in enumerate(self.names):
            try:
                image = read_picture(self.root / name, self.size, self.fit, self._depth)
            except OtherKindError as error:
                kinds[str(error)] += 1
            except UserError as error:
                bad.append(f"{name!r} ({error})")
                if len(bad) > allowed and count > SMALL:
                    raise self._too_many(bad, f"more than {MAX_BAD_SHARE:.0%}") from error
            else:
                gray = gray_of(image)
                if gray is None and channels == 1:
                    if good:
                        return None
                    channels = 3
                    store.start(channels)
                if gray is None:
                    colored.append(name)
                store.put(image if channels == 3 or gray is None else gray)
                good.append(number)
            if count > PROGRESS_EVERY and (number + 1) % PROGRESS_EVERY == 0:
                left_out = len(bad) + sum(kinds.values())
                print(
                    f"{str(self.root)!r}: {number + 1:,} of {count:,} images read, {left_out} left out",
                    file=sys.stderr,
                    flush=True,
                )
        if len(bad) > allowed:
            raise self._too_many(bad, f"{len(bad):,}")
        facts = {"bad": bad, "kinds": dict(kinds), "colored": len(colored), "bits": self._bits}
        return good, {**facts, "first_colored": colored[0] if colored else None}

    def _too_many(self, bad: Sequence[str], how_many: str) -> UserError:
        return UserError(
            f"{str(self.root)!r}: {how_many} of its {len(self.names):,} images are bad, mend or remove them: "
            f"{named(bad)}"
        )
