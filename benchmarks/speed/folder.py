"""A folder of 100,000 images: how long its index takes, how soon training can start, what memory.

    python -m benchmarks.speed.folder

Draws that many small images into a temporary folder, then starts new processes that load it: one
that builds the index, one that finds it, one that reads into memory without an index.  Each reports
the time to its first batch, from the start of the process on, and its memory (Linux).
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.experiments import running
from gan_common import cli, data, files
from gan_common.cli import flag

CLASSES = 10
BATCH = 64
SAMPLED_EVERY = 0.02  # seconds: how often memory is looked at


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    pictures: int = flag(100_000, "in the folder", lower=1_000)
    side: int = flag(48, "height and width of the files in pixels", lower=8)
    image_size: int = flag(32, "height and width that they are decoded to", lower=8)
    batches: int = flag(500, "that are drawn after the first, 64 images each", lower=1)
    json: str = flag("results/folder.json", "file for the numbers")
    worker: str | None = flag(None, "for the command's own processes: the folder to load")
    index: bool = flag(True, "for the command's own processes: by way of the index")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    if options.worker:
        print(files.as_json(_load(options)))
        return
    running.needs_linux()
    result = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "pictures"
        print(f"drawing {options.pictures:,} images of {options.side}×{options.side}", flush=True)
        _draw(folder, options.pictures, options.side)
        for way in ("builds the index", "finds the index", "without an index"):
            found = _measure(options, folder, Path(temporary) / "cache", way != "without an index")
            result[way] = found
            print(
                f"{way:<18} first batch after {found['first_batch_seconds']:5.1f} s, then "
                f"{found['images_per_second']:9,.0f} images/s; memory {found['own_mb']:6,.0f} MB, "
                f"of which {found['imports_mb']:,.0f} are TensorFlow's; {found['file_mb']:,.0f} MB "
                "of files that the system can drop",
                flush=True,
            )
    given = {
        name: value
        for name, value in dataclasses.asdict(options).items()
        if name not in ("json", "worker", "index") and value != getattr(Options(), name)
    }
    command = " ".join(
        ["python -m benchmarks.speed.folder", *(f"--{k}={v}" for k, v in given.items())]
    )
    files.write_json(
        Path(options.json),
        {
            "command": command,
            "pictures": options.pictures,
            "decoded_mb": options.pictures * options.image_size**2 * 3 / 1e6,
            **result,
        },
    )
    print(options.json)


def _draw(folder: Path, count: int, side: int) -> None:
    """`count` PNGs of smooth random colors, in CLASSES class folders."""
    rng = np.random.default_rng(0)
    for label in range(CLASSES):
        (folder / f"{label}").mkdir(parents=True)
    for number in range(count):
        coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((side, side), Image.Resampling.BILINEAR)
        picture.save(folder / f"{number % CLASSES}" / f"{number}.png", compress_level=1)


def _measure(options: Options, folder: Path, cache: Path, index: bool) -> dict:
    """What a new process that loads `folder` reports, its times counted from its start."""
    command = [
        *(
            sys.executable,
            "-m",
            "benchmarks.speed.folder",
            f"--worker={folder}",
            f"--index={index}",
        ),
        *(f"--image_size={options.image_size}", f"--batches={options.batches}"),
    ]
    environment = os.environ | {"GAN_CACHE_DIR": str(cache)}
    began = time.time()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return {"first_batch_seconds": found.pop("first_batch_at") - began, **found}


def _load(options: Options) -> dict:
    """Load the folder and draw batches, as a training does."""
    import gan_common.quiet  # noqa: F401

    imports = _tensorflow_mb()
    peaks, done = [_memory()], threading.Event()

    def watch():
        while not done.wait(SAMPLED_EVERY):
            peaks.append(_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    dataset = data.load(
        f"folder:{options.worker}",
        image_size=options.image_size,
        indexed_from=1 if options.index else np.inf,
    )
    load_seconds = time.perf_counter() - began
    batches = iter(data.stream((dataset.x_train, dataset.y_train), BATCH, seed=1))
    next(batches)
    first_batch_at, began = time.time(), time.perf_counter()
    for _ in range(options.batches):
        next(batches)
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    own, file = np.max(peaks, axis=0)
    return {
        "first_batch_at": first_batch_at,
        "load_seconds": load_seconds,
        "images_per_second": options.batches * BATCH / seconds,
        "own_mb": float(own),
        "imports_mb": imports,
        "file_mb": float(file),
    }


def _tensorflow_mb() -> float:
    """MB that this process takes with TensorFlow at work, before there are any data."""
    import tensorflow as tf

    tf.zeros(1).numpy()
    return _memory()[0]


def _memory() -> tuple[float, float]:
    """MB of this process that are its own, and that are files' (libraries', the index's)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return tuple(int(status[name].split()[0]) / 1e3 for name in ("RssAnon", "RssFile"))


if __name__ == "__main__":
    main()
