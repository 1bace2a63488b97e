"""`dcgan` against `reference` on full MNIST: the same time, the same seed, the same measures.

    python -m benchmarks.experiments.dcgan_mnist --data_dir DATA --minutes 30

Trains both presets one after the other on the cores of this machine, then writes
results/dcgan_mnist.json, and each preset's samples as results/dcgan_mnist_PRESET.png.  A run that is
interrupted goes on where it stopped when the command is given again.
"""

import dataclasses
import os
import shutil
from pathlib import Path

from benchmarks.experiments import running
from gan_common import cli, files
from gan_common.cli import flag

PRESETS = ("reference", "dcgan")
MEASURES = (
    *("fid", "class_kl", "precision", "recall", "density", "coverage", "confident_share"),
    *("min_class_share", "inception_score"),
)
# What `dcgan` is meant to reach; the table says of each whether it does.
GOALS = {
    "fid at most a third of reference's": lambda d, r: d["fid"] <= r["fid"] / 3,
    "class_kl at most 0.02": lambda d, r: d["class_kl"] <= 0.02,
    "classifier at least 90% sure of 90%": lambda d, r: d["confident_share"] >= 0.9,
    "no class under 5%": lambda d, r: d["min_class_share"] >= 0.05,
}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    data_dir: str | None = flag(None, "folder with mnist.npz (else $GAN_DATA_DIR)")
    minutes: float = flag(30, "of training, for each preset", lower=0)
    seed: int = flag(1, "of both trainings", lower=0)
    runs: str = flag("runs/benchmarks", "folder for the runs")
    results: str = flag("results", "folder for the table and the images")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))

    measured = {preset: _train(preset, options) for preset in PRESETS}
    results = Path(options.results)
    for preset in PRESETS:
        samples = sorted((_folder(preset, options) / "samples").glob("*.png"))[-1]
        files.write_whole(
            results / f"dcgan_mnist_{preset}.png", lambda path, s=samples: shutil.copy(s, path)
        )
    goals = {
        text: bool(test(measured["dcgan"], measured["reference"])) for text, test in GOALS.items()
    }
    flags = f"--minutes {options.minutes:g} --seed {options.seed}"
    command = f"python -m benchmarks.experiments.dcgan_mnist {flags}"
    files.write_json(
        results / "dcgan_mnist.json",
        {"command": command, "cores": os.cpu_count(), **measured, "goals_met": goals},
    )
    print(f"{'':<18}" + "".join(f"{name:>12}" for name in (*PRESETS, "real")))
    for name in MEASURES:
        row = [measured[preset][name] for preset in PRESETS] + [measured["dcgan"][f"{name}_floor"]]
        print(f"{name:<18}" + "".join(f"{value:>12.4f}" for value in row))
    for text, met in goals.items():
        print(f"{'met' if met else 'not met':<8} {text}")
    print(results / "dcgan_mnist.json")


def _folder(preset: str, options: Options) -> Path:
    return Path(options.runs) / f"mnist-{preset}-{options.minutes:g}min-seed{options.seed}"


def _train(preset: str, options: Options) -> dict[str, float]:
    flags = {
        "preset": preset,
        "dataset": "mnist",
        "seed": options.seed,
        "epochs": 10_000,
        "data_dir": options.data_dir,
        "max_minutes": options.minutes,
    }
    return running.train("keras_dcgan", _folder(preset, options), flags, measured="fid")


if __name__ == "__main__":
    main()
