"""Generated images on the disk: a folder of PNGs, a table of numbers, a grid."""

import csv
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_common import files, plotting, sampling
from gan_common.errors import UserError
from gan_common.plotting.grids import encode, to_pillow
from gan_common.progress import Progress
from gan_common.sampling import Drawn

# The name of a file says what a person wants in it; what we cannot write is refused, not made a folder.
OTHER_FILES = (".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".npz", ".keras", ".csv")
LABELS = "labels.csv"


def is_folder(out: str) -> bool:
    """Whether images go into a folder of this name, one file each, rather than into a grid.

    Raises:
        UserError: it is neither; or a folder that holds something.
    """
    path = Path(out)
    if path.is_dir():
        inside = next((each.name for each in path.iterdir()), None)
        if inside is not None:
            raise UserError(
                f"--out {out!r}: is a folder that holds other files ({inside!r}); name a new folder, or an "
                "empty one"
            )
        return True
    if path.suffix.lower() in OTHER_FILES:
        raise UserError(
            f"--out {out!r}: images are written as PNG; name a .png file for a grid, or a folder (for "
            "numbers add --format npz)"
        )
    return path.suffix.lower() != ".png"


def check_grid(count: int, image_shape: Sequence[int]) -> None:
    """Refuse a grid that no viewer opens.

    Raises:
        UserError: it would have more pixels than Pillow, for one, reads without a warning.
    """
    height, width, _ = image_shape
    if count * height * width > (Image.MAX_IMAGE_PIXELS or np.inf):
        raise UserError(
            f"--count {count}: a grid of so many images of {height}×{width} is too large for one file; name "
            "a folder by --out"
        )


def write_folder(
    folder: Path, batches: Iterable[Drawn], count: int, class_names: Sequence[str]
) -> Path:
    """One PNG an image at its own size, 00000.png and on, beside labels.csv where classes are known.

    The folder appears when it is complete; memory does not grow with the number of images.

    Args:
        folder: a new one, or an empty one.
        batches: images, latents, labels; a label of −1 is none.
        count: of the images.
        class_names: by label.

    Returns:
        The folder.

    Raises:
        UserError: it cannot be written, or holds something by now.
    """
    digits = max(5, len(str(count - 1)))

    def write(temporary: Path) -> None:
        temporary.mkdir()
        rows = []
        for number, (image, label) in enumerate(_told(batches, count)):
            name = f"{number:0{digits}d}.png"
            (temporary / name).write_bytes(encode(to_pillow(image), "PNG"))
            if label >= 0:
                rows.append((name, class_names[label]))
        if rows:
            with open(temporary / LABELS, "w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("file", "label"), *rows])

    files.write_whole(folder.resolve(), write, new=True)
    return folder


def _told(batches: Iterable[Drawn], count: int) -> Iterator[tuple[np.ndarray, int]]:
    """Each image and its label, with progress."""
    progress, done = Progress(count, "images"), 0
    for images, _, labels in batches:
        for image, label in zip(images, labels, strict=True):
            yield image, int(label)
            done += 1
            progress(done)


def write_arrays(
    path: Path, batches: Iterable[Drawn], count: int, image_shape: Sequence[int]
) -> Path:
    """An npz of `images` (count, H, W, C) uint8, `latents` (count, latent_dim), `labels` (count,) int32.

    A label is −1 where there is none.  Images are written as they come.

    Raises:
        UserError: it cannot be written.
    """

    def write(temporary: Path) -> None:
        latents, labels, done = [], [], 0
        progress = Progress(count, "images")
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("images.npy", "w", force_zip64=True) as entry:
                header = {"descr": "|u1", "fortran_order": False, "shape": (count, *image_shape)}
                np.lib.format.write_array_header_1_0(entry, header)
                for batch in batches:
                    entry.write(np.ascontiguousarray(batch.images).data.cast("B"))
                    latents.append(batch.latents)
                    labels.append(batch.labels)
                    done += len(batch.images)
                    progress(done)
            arrays: dict[str, Any] = {"latents": latents, "labels": labels}
            for name, parts in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.concatenate(parts), allow_pickle=False)

    files.write_whole(path, write)
    return path


def write_walks(path: Path, images: np.ndarray) -> list[Path]:
    """The walks of `sampling.walks`, as a grid and as a GIF that goes there and back."""
    plotting.save_grid(path, images, columns=sampling.FRAMES)
    frames = images.reshape(sampling.WALKS, sampling.FRAMES, *images.shape[1:]).swapaxes(0, 1)
    there_and_back = [plotting.tile(frame) for frame in [*frames, *frames[-2:0:-1]]]
    plotting.save_gif(path.with_suffix(".gif"), there_and_back)
    return [path, path.with_suffix(".gif")]
