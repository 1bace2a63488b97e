"""What `generate --project IMAGE` reads, writes and says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_common import files, plotting
from gan_common.data.decode import read_picture
from gan_common.data.found import prepare
from gan_common.errors import UserError


def read_target(path: str, image_shape: Sequence[int], fit: str = "crop") -> np.ndarray:
    """An image file, prepared as a training's images are: uint8 (H, W, C).

    Args:
        path: of the file.
        image_shape, fit: of the run.

    Raises:
        UserError: it cannot be read.
    """
    height, _, channels = image_shape
    try:
        return prepare(read_picture(path, height, fit), channels)
    except UserError as error:
        raise UserError(f"--project {path!r}: {error}; name an image file") from error


def write(
    gan: Any,
    target: np.ndarray,
    label: int | None,
    class_names: Sequence[str],
    out: Path,
    seed: int,
    starts: int | None,
    steps: int | None,
) -> list[Path]:
    """Find the latent whose image is nearest, draw both, save it, and say how near.

    Args:
        gan: a `projection.Invertible`.
        target: uint8 (H, W, C).
        label: the class; None tries all.
        class_names: by label.
        out: a PNG of target, projection and the nearest random sample; beside it an npz.
        seed, starts, steps: of `projection.project`; None leaves a default.

    Returns:
        The files.
    """
    from gan_common import projection

    chosen = {"starts": starts, "steps": steps}
    found = projection.project(
        gan, target, label, seed=seed, **{k: v for k, v in chosen.items() if v is not None}
    )
    images = np.stack([target, found.image, found.nearest_sample])
    texts = ("target", "projection", "best random")
    plotting.save_grid(out, images, columns=3, padding=4, labels=texts)
    numbers = out.with_suffix(".npz")
    arrays: dict[str, Any] = {**found._asdict(), "target": target}
    files.write_whole(numbers, lambda path: _save(path, arrays))
    print(found)
    if gan.conditional:
        print(f"class {class_names[found.label]}" + (", given" if label is not None else ""))
    return [out, numbers]


def _save(path: Path, arrays: dict[str, Any]) -> None:
    with open(path, "wb") as file:  # given a name, NumPy would add .npz to it
        np.savez_compressed(file, **arrays)
