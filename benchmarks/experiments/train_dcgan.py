"""What `make train-dcgan` leaves, with several seeds: quality on the test split, which nothing was chosen on.

    python -m benchmarks.experiments.train_dcgan            writes results/train_dcgan.json and .png
    python -m benchmarks.experiments.train_dcgan --avx2     in float32, no instruction beyond AVX2, as on most
                                                            laptops; writes results/train_dcgan_avx2.json

The network and its width were chosen on 500 validation images of the training part; 40 epochs are about what
fits into 4 minutes on two older cores.  A command that was interrupted goes on where it stopped.
"""

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np

from benchmarks.experiments import running
from benchmarks.speed.bench import AVX2
from gan_common import cli, files
from gan_common.cli import flag
from gan_common.metrics import significance

# Those of the Makefile's target.
FLAGS = {
    "dataset": "mnist5k",
    "preset": "cgan",
    "width": 16,
    "epochs": 40,
    "max_minutes": 4,
}
MEASURES = (
    "fid",
    "fid_floor",
    "confident_share",
    "confident_share_floor",
    "min_class_share",
    "seconds",
)


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    seeds: int = flag(3, "trainings", lower=1)
    avx2: bool = flag(False, "float32, and libraries kept to AVX2")
    runs: str = flag("runs/train_dcgan", "folder for the runs")
    json: str | None = flag(None, "file for the numbers (default: in results/)")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    flags: dict[str, object] = dict(FLAGS)
    kind = "native"
    if options.avx2:
        os.environ.update(AVX2)
        flags["precision"], kind = "float32", "avx2"
    path = Path(options.json or f"results/train_dcgan{'_avx2' if options.avx2 else ''}.json")
    found: dict[str, dict] = {}
    for seed in range(1, options.seeds + 1):
        folder = Path(options.runs) / f"{kind}-{seed}"
        found[str(seed)] = running.train("keras_dcgan", folder, {**flags, "seed": seed}, "fid")
        if seed == 1 and not options.avx2:
            grid = max((folder / "samples").glob("*.png"))
            with files.whole(path.with_suffix(".png")) as temporary:
                shutil.copyfile(grid, temporary)
    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import machine

    values = {name: [run[name] for run in found.values()] for name in MEASURES}
    content = {
        "command": "python -m benchmarks.experiments.train_dcgan" + " --avx2" * options.avx2,
        "flags": flags,
        "processor": machine.description(),
        "mean": {name: float(np.mean(each)) for name, each in values.items()},
        "deviation": {name: significance.spread(each) for name, each in values.items()},
        "runs": found,
    }
    files.write_json(path, content)
    for name in MEASURES:
        each = "  ".join(f"{value:.4g}" for value in values[name])
        print(
            f"{name:<22} {content['mean'][name]:8.4g} ± {content['deviation'][name]:.2g}   ({each})"
        )


if __name__ == "__main__":
    main()
