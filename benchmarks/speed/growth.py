"""How images/s grow with the batch, the data, the images' size and a second core; peak memory beside each.

    python -m benchmarks.speed.growth          writes results/growth.json

Each cell is a process of its own: the preset `reference` of keras_dcgan for batches and data, `dcgan` for
sizes, the preset `fast` of ssgan_tf for replicas, of which each computes with one thread and has a batch of
its own.  Where a cell is in the file already it is not measured again.
"""

import dataclasses
import statistics
from pathlib import Path

from benchmarks.experiments import running
from gan_common import cli, files
from gan_common.cli import flag

BATCHES = (32, 64, 128, 256, 512, 1024)
COUNTS = (2_000, 10_000, 60_000)
SIDES = (28, 32, 64, 128)


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    rounds: int = flag(3, "turns of each cell; the median counts", lower=1)
    seconds: float = flag(3, "of each turn", lower=0)
    json: str = flag("results/growth.json", "file for the numbers; finished cells are kept")


def cells() -> dict[str, tuple[str, dict]]:
    """Name → (maker in `benchmarks.speed.contenders`, its arguments)."""
    batches = {f"batch {n}": ("keras_dcgan", {"batch_size": n}) for n in BATCHES}
    counts = {f"images {n}": ("keras_dcgan", {"count": n}) for n in COUNTS}
    sides = {
        f"side {n}": ("keras_dcgan", {"preset": "dcgan", "image_shape": (n, n, 1)}) for n in SIDES
    }
    # Each replica has the same work; labels alone are not the step to measure.
    replicas = {
        f"replicas {n}": (
            "ssgan",
            {"preset": "fast", "replicas": n, "labels_first": 0.0}
            | {"batch_size": 32 * n, "labelled_batch": 16 * n, "game_batch": 16 * n},
        )
        for n in (1, 2)
    }
    return {**batches, **counts, **sides, **replicas}


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    path = Path(options.json)
    found = {"command": "python -m benchmarks.speed.growth"} | running.table(path, "cells")
    for name, (maker, arguments) in cells().items():
        if name not in found["cells"]:
            found["cells"][name] = measure(maker, arguments, options.rounds, options.seconds)
            files.write_json(path, _with_ratio(found))
        row = found["cells"][name]
        print(
            f"{name:<16}{row['images_per_second']:>9.0f} images/s{row['peak_memory_mb']:>9.0f} MB",
            flush=True,
        )
    print(f"two replicas over one: {_with_ratio(found)['two_replicas_over_one']:.2f}   {path}")


def measure(maker: str, arguments: dict, rounds: int, seconds: float) -> dict[str, float]:
    """Median images per second of a contender, and the most memory that it had."""
    from benchmarks.speed.contender import Contender

    contender = Contender(maker, **arguments)
    try:
        turns = [contender.run(seconds) for _ in range(rounds)]
    finally:
        contender.close()
    return {
        "images_per_second": statistics.median(rate for rate, _ in turns),
        "peak_memory_mb": max(memory for _, memory in turns),
    }


def _with_ratio(found: dict) -> dict:
    rates = {n: found["cells"].get(f"replicas {n}", {}).get("images_per_second") for n in (1, 2)}
    ratio = {"two_replicas_over_one": rates[2] / rates[1]} if all(rates.values()) else {}
    return {**found, **ratio}


if __name__ == "__main__":
    main()
