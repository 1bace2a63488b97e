"""Train the classifiers that come with the package, by which FID and the like are measured.

    python -m benchmarks.experiments.classifiers --data_dir DATA     writes gan_common/metrics/weights/*.npz
    python -m benchmarks.experiments.classifiers --only mnist5k

Prints, and writes to results/classifiers.json, how well each does on the test split, which it has not seen.
A data set that is not there is left out, and said.
"""

import dataclasses
from pathlib import Path

import numpy as np

from benchmarks.experiments import running
from gan_common import cli, data, files
from gan_common.cli import flag
from gan_common.errors import UserError

DATASETS = ("mnist5k", "openmoji", "mnist", "cifar10", "fashion_mnist")


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag(DATASETS, "data sets")
    data_dir: str | None = flag(None, "folder with the publishers' files")
    out: str | None = flag(None, "folder for the weights (default: where the package has them)")
    json: str = flag("results/classifiers.json", "file for the numbers")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.check_only(options.only, DATASETS)
    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import machine
    from gan_common.metrics import features

    folder = Path(options.out or features.SHIPPED)
    folder.mkdir(parents=True, exist_ok=True)
    table = running.table(Path(options.json), "classifiers")
    table["command"] = "python -m benchmarks.experiments.classifiers --data_dir DATA"
    for name in options.only:
        try:
            dataset = data.load(name, options.data_dir)
        except UserError as error:
            print(f"{name}: left out; {error}")
            continue
        model, steps = features.network(dataset), features.steps_for(dataset)
        features.train(model, dataset, steps)
        file = folder / f"{dataset.name}.npz"
        features.pack(model, dataset, file)
        features.unpack(model, dataset, file)  # what is measured is what was written
        _, probabilities = features.extract(model, dataset.x_test)
        right = float(np.mean(probabilities.argmax(1) == dataset.y_test))
        table["classifiers"][name] = {
            "file": file.name,
            "bytes": file.stat().st_size,
            "steps": steps,
            "test_accuracy": right,
            "processor": machine.description(),
        }
        print(f"{name}: right on {right:.2%} of the test split   {file}", flush=True)
        files.write_json(Path(options.json), table)


if __name__ == "__main__":
    main()
