"""A person's images wherever they lie: found by path, prepared as a training's are, a batch at a time."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gan_common.data import label_list
from gan_common.data.decode import FORMATS, read_picture
from gan_common.data.decoder import PROGRESS_EVERY
from gan_common.data.layout import is_image, is_run
from gan_common.errors import UserError

BATCH = 500  # images at most,
BATCH_BYTES = 2**22  # and bytes of them


def find_images(paths: Sequence[str]) -> tuple[list[str], int]:
    """The images that the paths name.

    A folder is walked, linked folders too, in the order of names; of its files those count that are images by
    name or by content.  A file that is named is taken for one.  Names that begin with a dot are passed over,
    and runs in the folder.

    Args:
        paths: of files and folders.

    Returns:
        Each image once, as a path that begins as the given one; and how many other files the folders hold,
        lists of labels aside.

    Raises:
        UserError: a path that is not there, a folder that cannot be read, or no image at all.
    """
    found: dict[str, None] = {}
    others = 0
    for path in paths:
        if os.path.isdir(path):
            for name in _walk(path):
                if is_image(Path(name)):
                    found[name] = None
                elif os.path.basename(name) != label_list.NAME:
                    others += 1
        elif os.path.lexists(path):
            found[path] = None
        else:
            raise UserError(f"{path!r}: no such file or folder; name images, or folders of images")
    if not found:
        kinds = ", ".join(FORMATS)
        raise UserError(f"no images ({kinds}) in {', '.join(map(repr, paths))}; name others")
    return list(found), others


def _walk(root: str) -> Iterator[str]:
    """Every file below the folder, once, though a link may lead in a circle."""

    def refuse(error: OSError) -> None:
        raise UserError(f"folder {str(error.filename)!r} cannot be read: {error.strerror}")

    seen = set()
    for folder, inside, names in os.walk(root, onerror=refuse, followlinks=True):
        state = os.stat(folder)
        if (state.st_dev, state.st_ino) in seen:
            inside.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        if folder != root and is_run([*inside, *names]):  # its samples are nobody's pictures
            inside.clear()
            continue
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield from (os.path.join(folder, name) for name in sorted(names) if name[0] != ".")


def prepare(picture: np.ndarray, channels: int) -> np.ndarray:
    """RGB uint8 (size, size, 3) → (size, size, channels): as it is, or gray by ITU-R 601 luma."""
    return (
        picture if channels == 3 else np.asarray(Image.fromarray(picture).convert("L"))[..., None]
    )


def read_batches(
    names: Sequence[str], image_shape: Sequence[int], fit: str = "crop"
) -> Iterator[tuple[list[str], np.ndarray]]:
    """The images as a run's own are: size, channels, upright, transparency on white.

    One that cannot be read is told on stderr, with the reason, and left out; so is how far it is, now and
    then.

    Args:
        names: paths of images.
        image_shape: (height, width, channels) of the run: square, 1 or 3 channels.
        fit: of the run, see `read_picture`.

    Yields:
        The names of at most `BATCH` images, and these: uint8 (N, height, width, channels).

    Raises:
        UserError: not a single image could be read; or a shape that no image file can be brought to.
    """
    height, width, channels = image_shape
    if height != width or channels not in (1, 3):
        raise UserError(
            f"the run's images are {height}×{width} with {channels} channels: image files are "
            "prepared for square gray or RGB ones only"
        )
    size = max(1, min(BATCH, BATCH_BYTES // (height * width * channels)))
    kept: list[str] = []
    images: list[np.ndarray] = []
    bad, last = 0, ""
    for number, name in enumerate(names, start=1):
        try:
            images.append(prepare(read_picture(name, height, fit), channels))
            kept.append(name)
        except UserError as error:
            bad, last = bad + 1, f"{name!r}: {error}"
            print(f"left out {last}", file=sys.stderr, flush=True)
        if images and (len(images) == size or number == len(names)):
            yield kept, np.stack(images)
            kept, images = [], []
        if number % PROGRESS_EVERY == 0 and number < len(names):
            print(f"{number:,} of {len(names):,} images", file=sys.stderr, flush=True)
    if bad == len(names):
        raise UserError(f"none of the {bad:,} images could be read: {last}")
    if bad:
        print(f"{bad:,} of {len(names):,} images could not be read", file=sys.stderr, flush=True)
