"""Does speed buy quality?  Fast and plain paths, trained for the same number of steps, with three seeds each.

    python -m benchmarks.quality --data_dir DATA          writes results/quality.json

Only what changes numbers beyond rounding is compared: products in bfloat16 with float32 (FID of keras_dcgan's
`reference`), and noise from a table with noise drawn anew (test error of ssgan_tf's `improved`).  A command
that was interrupted goes on where it stopped.
"""

import dataclasses
import statistics
from pathlib import Path

from gan_common import cli
from gan_common.cli import flag

PATHS = {
    "dcgan bfloat16": ("keras_dcgan", {"preset": "reference", "precision": "bfloat16"}, "fid"),
    "dcgan float32": ("keras_dcgan", {"preset": "reference", "precision": "float32"}, "fid"),
    "ssgan table": ("ssgan_tf", {"preset": "improved", "noise": "table"}, "test_error"),
    "ssgan drawn": ("ssgan_tf", {"preset": "improved", "noise": "drawn"}, "test_error"),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    dataset: str = flag("mnist5k", "what is trained on")
    data_dir: str | None = flag(None, "folder with the publisher's files")
    epochs: int = flag(10, "of each training", lower=1)
    seeds: int = flag(3, "trainings of each path", lower=1)
    runs: str = flag("runs/benchmarks/quality", "folder for the runs")
    json: str = flag("results/quality.json", "file for the numbers")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    from benchmarks import running

    values: dict[str, list[float]] = {name: [] for name in PATHS}
    common = {"dataset": options.dataset, "data_dir": options.data_dir, "epochs": options.epochs}
    for seed in range(1, options.seeds + 1):
        for name, (package, flags, measured) in PATHS.items():
            folder = Path(options.runs) / f"{name.replace(' ', '-')}-{options.epochs}-seed-{seed}"
            flags = {**common, **flags, "seed": seed}
            values[name].append(running.train(package, folder, flags, measured)[measured])
            cli.write_json(Path(options.json), summary(options, values))
    for name, row in summary(options, values)["paths"].items():
        print(f"{name:<18}{row['measure']:<12}{row['mean']:>9.4f} ± {row['spread']:.4f}")


def summary(options: Options, values: dict[str, list[float]]) -> dict:
    """Mean, standard deviation and every value of each path, and whether the pairs overlap."""
    paths = {
        name: {
            "measure": PATHS[name][2],
            "mean": statistics.fmean(found),
            "spread": statistics.stdev(found) if len(found) > 1 else 0.0,
            "values": found,
        }
        for name, found in values.items()
        if found
    }
    command = f"python -m benchmarks.quality --dataset {options.dataset} --epochs {options.epochs}"
    return {"command": f"{command} --seeds {options.seeds}", "paths": paths}


if __name__ == "__main__":
    main()
