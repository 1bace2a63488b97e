"""A run that is over, asked: --apply to a person's images, --say with a sentence."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gan_applications.running import built, variables_of
from gan_common import files, plotting
from gan_common.cli.writers import is_folder
from gan_common.data.found import find_images
from gan_common.errors import UserError
from gan_common.plotting.grids import encode, to_pillow
from gan_common.runs import Run, checkpoints


def restored(run_dir: str | Path, config: Any, make: Callable) -> Any:
    """The system of a run with its newest weights.

    Raises:
        UserError: there is no run, or no sound checkpoint in it.
    """
    run = Run(Path(run_dir))
    shape, names = run.dataset_facts()
    system = built(config, shape, names, make)
    checkpoints.load(run, variables_of(system))
    return system


def use(given: Mapping[str, Any], config: Any, make: Callable) -> int:
    """Apply a trained run to a person's images, or have it draw a sentence; the exit status.

    The system's `apply` takes paths of images and yields (path, uint8 image) of those that can be read; `say`
    takes a sentence and returns uint8 images (N, H, W, C).
    """
    names = find_images([given["apply"]])[0] if "apply" in given else []
    run_dir = Path(given["run_dir"])
    default = run_dir / ("applied" if names else "said.png")
    out = Path(given.get("out") or default)
    if "out" in given and is_folder(str(out)) != bool(names):
        what = "images go into a folder" if names else "one grid is drawn: name a .png file"
        raise UserError(f"--out {str(out)!r}: {what}")
    system = restored(run_dir, config, make)
    if names:
        count = write_images(out, system.apply(names))
        print(f"{out}: {count} {'image' if count == 1 else 'images'}")
    else:
        plotting.save_grid(out, system.say(given["say"]))
        print(out)
    return 0


def write_images(folder: Path, images: Iterable[tuple[str, np.ndarray]]) -> int:
    """Write each (path of its input, uint8 image) as FOLDER/NAME.png; how many these are.

    Names are such that every system has them, and as different ones.
    """
    written: set[str] = set()
    for path, image in images:
        stem = files.portable(Path(path).stem)
        name = next(n for n in _numbered(stem) if files.plain(n) not in written)
        written.add(files.plain(name))
        png = encode(to_pillow(image), "PNG")
        files.write_whole(folder / f"{name}.png", partial(Path.write_bytes, data=png))
    return len(written)


def _numbered(stem: str) -> Iterator[str]:
    """The name, and for others of that name in other folders NAME-2 and on."""
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1
