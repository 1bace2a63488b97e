"""Does speed buy quality?  Fast and plain paths, trained for the same number of steps, with three seeds each.

    python -m benchmarks.experiments.quality --data_dir DATA          writes results/quality.json

Only what changes numbers beyond rounding is compared: bfloat16 products with float32 ones (FID of
keras_dcgan's `reference` and `dcgan`); noise from a table with noise drawn anew (test error of ssgan_tf's
`improved`).  A command that was interrupted goes on where it stopped.
"""

import dataclasses
import statistics
from pathlib import Path

from gan_common import cli, files
from gan_common.cli import flag

DCGAN, SSGAN = ("keras_dcgan", "fid"), ("ssgan_tf", "test_error")
# name → (package and what is measured, flags)
PATHS = {
    **{
        f"{preset}, {name}": (DCGAN, {"preset": preset, **flags})
        for preset in ("reference", "dcgan")
        for name, flags in (
            ("float32", {"precision": "float32"}),
            ("bfloat16", {"precision": "bfloat16"}),
        )
    },
    "improved, noise drawn": (SSGAN, {"preset": "improved", "noise": "drawn"}),
    "improved, noise from a table": (SSGAN, {"preset": "improved", "noise": "table"}),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    dataset: str = flag("mnist5k", "what is trained on")
    data_dir: str | None = flag(None, "folder with the publisher's files")
    epochs: int = flag(10, "of each training", lower=1)
    seeds: int = flag(3, "trainings of each path", lower=1)
    runs: str = flag("runs/benchmarks/experiments/quality", "folder for the runs")
    json: str = flag("results/quality.json", "file for the numbers")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    from benchmarks.experiments import running

    values: dict[str, list[float]] = {name: [] for name in PATHS}
    common = {"dataset": options.dataset, "data_dir": options.data_dir, "epochs": options.epochs}
    for seed in range(1, options.seeds + 1):
        for name, ((package, measured), flags) in PATHS.items():
            words = name.replace(",", "").replace(" ", "-")
            folder = Path(options.runs) / f"{words}-{options.epochs}-seed-{seed}"
            flags = {**common, **flags, "seed": seed}
            values[name].append(running.train(package, folder, flags, measured)[measured])
            files.write_json(Path(options.json), summary(options, values))
    for name, row in summary(options, values)["paths"].items():
        print(f"{name:<36}{row['measure']:<12}{row['mean']:>9.4f} ± {row['spread']:.4f}")


def summary(options: Options, values: dict[str, list[float]]) -> dict:
    """Mean, standard deviation and every value of each path."""
    paths = {
        name: {
            "measure": PATHS[name][0][1],
            "mean": statistics.fmean(found),
            "spread": statistics.stdev(found) if len(found) > 1 else 0.0,
            "values": found,
        }
        for name, found in values.items()
        if found
    }
    flags = f"--dataset {options.dataset} --epochs {options.epochs} --seeds {options.seeds}"
    return {"command": f"python -m benchmarks.experiments.quality {flags}", "paths": paths}


if __name__ == "__main__":
    main()
