"""The systems of section 2.2.1: each one's headline with several seeds, its ablations with one.

    python -m benchmarks.experiments.applications                     all: some forty hours on one core
    python -m benchmarks.experiments.applications --only pix2pix      one system
    python -m benchmarks.experiments.applications --only srgan:cifar10 --data_dir DATA

Writes results/applications.json and a figure of each headline beside it.  A training is half an hour on one
core unless --minutes says otherwise.  A command that was interrupted goes on where it stopped; what needs a
publisher's files is left out, and said, where these are not there.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmarks.experiments import running
from gan_common import cli, data, files
from gan_common.cli import flag
from gan_common.data import openmoji
from gan_common.errors import UserError
from gan_common.metrics import significance


@dataclasses.dataclass(frozen=True)
class Row:
    """A training of a system.

    Attributes:
        system: its file in gan_applications.
        flags: of it.
        headline: trained with several seeds, and a figure is kept; an ablation with one seed.
        needs: a data set that has to be found first.
    """

    system: str
    flags: Mapping[str, object] = dataclasses.field(default_factory=dict)
    headline: bool = False
    needs: str | None = None


def _ablations(system: str, parts: Mapping[str, Mapping[str, object]]) -> dict[str, Row]:
    return {f"{system}: {name}": Row(system, flags) for name, flags in parts.items()}


# SYSTEM is its headline, SYSTEM:DATA one on other data, "SYSTEM: part" an ablation.
ROWS = {
    "pix2pix": Row("pix2pix", {"dataset": "openmoji:lines"}, True),
    "pix2pix:hole": Row("pix2pix", {"dataset": "openmoji:hole"}, True),
    "pix2pix:skin": Row("pix2pix", {"dataset": "openmoji:skin"}, True),
    "pix2pix:edges": Row("pix2pix", {"dataset": "openmoji:edges"}, True),
    **_ablations(
        "pix2pix",
        {
            "the game alone": {"l1_weight": 0},
            "D does not see the input": {"noconditional": True},
            "no skip connections": {"noskips": True},
            "spectral norm": {"tricks": "spectral_norm"},
            "R1": {"tricks": "r1"},
            "label smoothing": {"tricks": "label_smoothing"},
        },
    ),
    "discogan": Row("discogan", {"dataset": "boxes:figures"}, True),
    "discogan:colors": Row("discogan", {"dataset": "boxes:colors"}, True),
    **_ablations(
        "discogan",
        {
            "the game alone": {"reconstruction": "none"},
            "one reconstruction": {"reconstruction": "one"},
        },
    ),
    "cyclegan": Row("cyclegan", {"dataset": "openmoji:lines"}, True),
    "cyclegan:digits": Row("cyclegan", {"dataset": "mnist5k:patches"}, True),
    **_ablations(
        "cyclegan",
        {
            "no cycle": {"cycle_weight": 0},
            "no identity": {"identity_weight": 0},
            "no old images": {"noreplay": True},
            "digits, no cycle": {"dataset": "mnist5k:patches", "cycle_weight": 0},
            "digits, no identity": {"dataset": "mnist5k:patches", "identity_weight": 0},
        },
    ),
    "srgan": Row("srgan", {"dataset": "openmoji"}, True),
    "srgan:cifar10": Row("srgan", {"dataset": "cifar10"}, True, needs="cifar10"),
    **_ablations(
        "srgan",
        {
            "features without the game": {"game_weight": 0},
            "no pixels beside the features": {"pixel_weight": 0},
            "pixels and the game": {"content": "pixels"},
            "spectral norm": {"tricks": "spectral_norm"},
            "R1": {"tricks": "r1"},
        },
    ),
    "text_to_image": Row("text_to_image", {"dataset": "shapes:scenes"}, True),
    **_ablations(
        "text_to_image",
        {
            "told the class": {"told": "class"},
            "no wrong sentences": {"nomatching": True},
            "no interpolated sentences": {"nointerpolated": True},
            "neither": {"nomatching": True, "nointerpolated": True},
            "spectral norm": {"tricks": "spectral_norm"},
            "R1": {"tricks": "r1"},
        },
    ),
    "stackgan": Row("stackgan", {"dataset": "shapes:scenes"}, True),
    **_ablations(
        "stackgan",
        {
            "stage II is not told the sentence": {"told": "first"},
            "no conditioning augmentation": {"noaugmentation": True},
            "no divergence": {"kl_weight": 0},
            "the paper's divergence": {"kl_weight": 1},
            "stage I of 32 pixels": {"small_size": 32},
        },
    ),
    "video": Row("video", {"dataset": "moving"}, True),
    **_ablations(
        "video",
        {
            "one stream": {"notwo_streams": True},
            "no sparsity": {"mask_weight": 0},
            "R1": {"tricks": "r1"},
        },
    ),
    "next_frames": Row("next_frames", {"dataset": "mnist5k"}, True),
    **_ablations(
        "next_frames",
        {
            "L1 alone": {"gradient_weight": 0, "game_weight": 0},
            "squared error alone": {"gradient_weight": 0, "game_weight": 0, "power": 2},
            "L1 and gradients": {"game_weight": 0},
            "L1 and the game": {"gradient_weight": 0},
            "one scale": {"scales": 1},
        },
    ),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag((), "rows, or what their names begin with (default: all)")
    seeds: int = flag(3, "trainings of each headline", lower=1)
    ablations: bool = flag(True, "the ablations, too")
    minutes: float | None = flag(None, "of each training (default: each system's own)", lower=0.001)
    steps: int | None = flag(None, "of each training, instead of --minutes", lower=1)
    data_dir: str | None = flag(None, "folder with the publishers' files")
    runs: str = flag("runs/benchmarks/applications", "folder for the runs")
    json: str = flag("results/applications.json", "file for the numbers; figures go beside it")


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.check_only([word for word in options.only if not _chosen((word,), True)], ROWS)
    path = Path(options.json)
    table = running.table(path, "rows")
    table["command"] = "python -m benchmarks.experiments.applications --data_dir DATA"
    for name in _chosen(options.only, options.ablations):
        row = ROWS[name]
        if row.needs is not None:
            try:
                data.load(row.needs, options.data_dir)
            except UserError as error:
                print(f"{name:<40}left out: {error}", flush=True)
                continue
        seeds = range(1, (options.seeds if row.headline else 1) + 1)
        found = {str(seed): _run(name, row, seed, options) for seed in seeds}
        table["rows"][name] = summary(row, found)
        files.write_json(path, table)
        if row.headline:
            _keep_figure(_folder(name, 1, options) / "figure.png", figure_of(path, name), row)
        print(f"{name}\n{told(table['rows'][name]['measures'])}", flush=True)


def _chosen(only: Sequence[str], ablations: bool) -> list[str]:
    return [
        name
        for name, row in ROWS.items()
        if (not only or any(name.startswith(word) for word in only)) and (ablations or row.headline)
    ]


def _folder(name: str, seed: int, options: Options) -> Path:
    words = "".join(c if c.isalnum() else "-" for c in name.replace(": ", "--"))
    return Path(options.runs) / f"{words}-{seed}"


def _run(name: str, row: Row, seed: int, options: Options) -> dict[str, Any]:
    """One training, on one core, unless it is done; its measures."""
    flags = {
        **row.flags,
        "seed": seed,
        "data_dir": options.data_dir,
        "max_minutes": options.minutes,
        "steps": options.steps,
    }
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[-1:])
    try:
        module = f"gan_applications.{row.system}"
        found = running.train(module, _folder(name, seed, options), flags, "measures")
    finally:
        os.sched_setaffinity(0, cores)
    return {key: found[key] for key in ("seconds", "steps", "measures", "machine")}


def summary(row: Row, found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Of each measure the mean and the deviation over the seeds, beside the baselines'."""
    runs = [run["measures"] for run in found.values()]
    measures = {}
    for name, first in runs[0].items():
        values = [run[name]["value"] for run in runs]
        beside = {of: [run[name]["baselines"][of] for run in runs] for of in first["baselines"]}
        sign = 1 if first["better"] == "higher" else -1
        measures[name] = {
            "value": float(np.mean(values)),
            "deviation": significance.spread(values),
            "better": first["better"],
            "baselines": {of: float(np.mean(each)) for of, each in beside.items()},
            # In every seed.
            "beats": [
                of
                for of, each in beside.items()
                if all(sign * (v - b) > 0 for v, b in zip(values, each, strict=True))
            ],
        }
    return {**dataclasses.asdict(row), "measures": measures, "runs": dict(found)}


def told(measures: Mapping[str, Mapping[str, Any]]) -> str:
    """A line for each measure."""
    lines = []
    for name, one in measures.items():
        beside = ", ".join(f"{of} {value:.4g}" for of, value in one["baselines"].items())
        number = f"{one['value']:.4g} ± {one['deviation']:.2g}"
        lines.append(f"  {name:<20}{number:<20}({one['better']} is better; {beside})")
    return "\n".join(lines)


def figure_of(path: Path, name: str) -> Path:
    """Where a headline's figure goes: applications_pix2pix_hole.png."""
    return path.with_name(f"{path.stem}_{name.replace(':', '_')}.png")


def _keep_figure(figure: Path, path: Path, row: Row) -> None:
    """The first seed's figure, with the credit that its data ask for."""
    about = PngInfo()
    about.add(b"sRGB", b"\0")
    dataset = str(row.flags.get("dataset", ""))
    if dataset.startswith("openmoji") or dataset.endswith(":patches"):
        about.add_text("Copyright", openmoji.CREDIT)
    with files.whole(path) as temporary, Image.open(figure) as image:
        image.save(temporary, "PNG", optimize=True, pnginfo=about)


if __name__ == "__main__":
    main()
