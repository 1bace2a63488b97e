"""Do the measures put in order what is in order to the eye?  Pairs of image sets, a better and a worse one.

    python -m benchmarks.experiments.measures --data_dir DATA        writes results/measures.json

On gray digits (mnist5k) and, where they are there, on CIFAR-10's colors: sharp images against blurred ones,
noise in three strengths, all classes against a collapse onto 20 images, another data set, and a training late
against early.  All but the last are made of test images, which no classifier was trained on.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import ndimage

from gan_common import cli, data, files, shapes
from gan_common.cli import flag
from gan_common.data import Dataset
from gan_common.errors import UserError

COUNT = 1000
# Measures by which a set is compared, and whether more is better.
BETTER = {"fid": False, "kid": False}
EARLY, LATE = 60, 600  # training steps


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    data_dir: str | None = flag(None, "folder with CIFAR-10 as its publisher lays it out")
    seed: int = flag(1, "of the trainings and the noise")
    json: str = flag("results/measures.json", "file for the numbers")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    import gan_common.quiet  # noqa: F401

    tables = {}
    for name in ("mnist5k", "cifar10"):
        try:
            dataset = data.load(name, options.data_dir)
        except UserError as error:
            print(f"{name}: left out; {error}")
            continue
        tables[name] = measure(dataset, options.seed)
        wrong = [row["pair"] for row in tables[name] if not row["in_order"]]
        print(f"{name}: {len(tables[name]) - len(wrong)} of {len(tables[name])} pairs in order")
        for pair in wrong:
            print(f"  not in order: {pair}")
        command = "python -m benchmarks.experiments.measures --data_dir DATA"
        files.write_json(Path(options.json), {"command": command, "pairs": tables})


def measure(dataset: Dataset, seed: int) -> list[dict]:
    """Each pair with its measures, and whether these put it in order."""
    from gan_common.metrics import scores

    found = {}
    for name, images in {**degraded(dataset, seed), **trained(dataset, seed)}.items():
        told = scores.compare(dataset, images)
        found[name] = {measure: told[measure] for measure in BETTER}
        print(
            f"{dataset.name}: {name:<28} "
            + "  ".join(f"{k} {v:.4g}" for k, v in found[name].items())
        )
    rows = []
    for better, worse in PAIRS:
        ordered = all(
            (found[better][name] > found[worse][name]) == more for name, more in BETTER.items()
        )
        row = {"pair": f"{better} / {worse}", "better": found[better], "worse": found[worse]}
        rows.append({**row, "in_order": bool(ordered)})
    return rows


PAIRS = (
    ("real", "blurred"),
    ("blurred", "more blurred"),
    ("real", "noise 10"),
    ("noise 10", "noise 25"),
    ("noise 25", "noise 60"),
    ("real", "20 images, repeated"),
    ("real", "another data set"),
    (f"after {LATE} steps", f"after {EARLY} steps"),
)


def degraded(dataset: Dataset, seed: int) -> Mapping[str, np.ndarray]:
    """Test images as they are, and made worse: uint8 (N, H, W, C) by name."""
    rng = np.random.default_rng(seed)
    real = dataset.x_test[:COUNT]
    height, width, channels = dataset.image_shape

    def blurred(sigma: float) -> np.ndarray:
        return ndimage.gaussian_filter(real.astype(np.float32), (0, sigma, sigma, 0)).astype(
            np.uint8
        )

    def noisy(deviation: float) -> np.ndarray:
        noise = rng.normal(0, deviation, real.shape)
        return np.clip(real + noise, 0, 255).astype(np.uint8)

    drawn = shapes.dataset(0, COUNT, seed, "count")[2]
    top, left = (drawn.shape[1] - height) // 2, (drawn.shape[2] - width) // 2
    other = drawn[:, top : top + height, left : left + width]
    return {
        "real": real,
        "blurred": blurred(1.0),
        "more blurred": blurred(2.0),
        "noise 10": noisy(10),
        "noise 25": noisy(25),
        "noise 60": noisy(60),
        "20 images, repeated": np.resize(real[:20], real.shape),
        "another data set": np.repeat(other[..., :1], channels, axis=-1),
    }


def trained(dataset: Dataset, seed: int) -> Mapping[str, np.ndarray]:
    """What a DCGAN draws early and late in its training."""
    from gan_common import sampling
    from keras_dcgan import train

    return {
        f"after {steps} steps": sampling.draw(
            train.trial(dataset, steps, seed=seed, precision="auto")[0], COUNT, seed
        )[0]
        for steps in (EARLY, LATE)
    }


if __name__ == "__main__":
    main()
