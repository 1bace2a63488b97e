"""Each trick of section 2.4, on and off: does it help here?

    make ablation
    python -m benchmarks.experiments.ablation --seeds 1 --ring_seeds 2 --steps 620 --ring_steps 500

Two tasks.  `ring`: eight Gaussians, by `gan_common.modes` (preset quick), modes captured.  `mnist5k`: the
preset dcgan of `keras_dcgan`, FID, KL of the class histogram, steps/s, and what the doctor found.  The other
side of a trick that is on by default is the run without it.  Budgets are in steps, so that the numbers do not
depend on what else the machine does: 6,000 steps are three minutes on two Zen 5 cores, six on one Zen 4.

A cell that is done is kept, so the same command goes on where it stopped.  Writes results/ablation.json and
results/ablation.png.
"""

import dataclasses
import json
import os
import statistics
from collections.abc import Mapping
from pathlib import Path

from benchmarks.experiments import running
from gan_common import cli, files
from gan_common.cli import flag
from gan_common.metrics import significance

STEPS_PER_EPOCH = 62  # of mnist5k in batches of 64
PLAIN = "plain"


@dataclasses.dataclass(frozen=True)
class Row:
    """A trick, or the lack of one.

    Attributes:
        section: of the chapter.
        mnist: flags of `keras_dcgan.train`; None where it has no place.
        ring: tricks of `gan_common.modes`; None where it has no place.
    """

    section: str
    mnist: Mapping[str, object] | None
    ring: tuple[str, ...] | None


def _trick(section: str, name: str, ring: bool = True) -> Row:
    return Row(section, {"tricks": name}, (name,) if ring else None)


ROWS: dict[str, Row] = {
    PLAIN: Row("", {}, ()),
    "feature_matching": _trick("2.4.1", "feature_matching"),
    "minibatch": _trick("2.4.2", "minibatch"),
    "historical_averaging": _trick("2.4.3", "historical_averaging"),
    "weight_average": Row("2.4.3", None, ("weight_average",)),
    "no weight_average": Row("2.4.3", {"weight_average": 0}, None),
    "label_smoothing": _trick("2.4.4", "label_smoothing"),
    "fake_smoothing": Row("2.4.4", None, ("fake_smoothing",)),
    "label_noise": _trick("2.4.4", "label_noise", ring=False),
    "no batch norm": Row("2.4.6", {"break": "no_bn"}, None),
    "virtual_batch_norm": _trick("2.4.6", "virtual_batch_norm"),
    "instance_norm": _trick("2.4.6", "instance_norm", ring=False),
    "weight_norm": _trick("2.4.6", "weight_norm", ring=False),
    "spectral_norm": _trick("2.4.6", "spectral_norm", ring=False),
    "pixel_shuffle": _trick("2.4.7", "pixel_shuffle", ring=False),
    "sgd_discriminator": _trick("2.4.8", "sgd_discriminator", ring=False),
    "instance_noise": _trick("2.4.8", "instance_noise"),
    "dropout_noise": _trick("2.4.9", "dropout_noise", ring=False),
    "spherical_latent": _trick("2.4", "spherical_latent", ring=False),
    "replay": _trick("2.4", "replay"),
}
# Measure → whether more of it is better.
MEASURES = {"modes": True, "fid": False, "class_kl": False}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag((), "rows of the table, separated by commas (default: all)")
    seeds: int = flag(3, "trainings on mnist5k of each row", lower=1)
    ring_seeds: int = flag(10, "trainings on ring of each row", lower=1)
    steps: int = flag(6000, "on mnist5k", lower=STEPS_PER_EPOCH)
    ring_steps: int = flag(5000, "on ring", lower=1)
    runs: str = flag("runs/benchmarks/experiments/ablation", "folder for the runs")
    json: str = flag("results/ablation.json", "file for the table; the figure goes beside it")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.check_only(options.only, ROWS)
    chosen = {
        name: ROWS[name] for name in ROWS if name in (*options.only, PLAIN) or not options.only
    }

    import gan_common.quiet  # noqa: F401

    table: dict[str, dict] = {name: {"section": row.section} for name, row in chosen.items()}
    for seed in range(1, options.ring_seeds + 1):
        for name, row in chosen.items():
            if row.ring is not None:
                table[name].setdefault("ring", []).append(_ring(name, row.ring, seed, options))
        print(f"ring: seed {seed} of {options.ring_seeds} is done", flush=True)
    for seed in range(1, options.seeds + 1):
        for name, row in chosen.items():
            if row.mnist is not None:
                table[name].setdefault("mnist5k", []).append(_mnist(name, row.mnist, seed, options))
        print(f"mnist5k: seed {seed} of {options.seeds} is done", flush=True)
    table = {name: summarized(cells) for name, cells in table.items()}
    for name, cells in table.items():
        cells["effect"] = effects(cells, table[PLAIN]) if name != PLAIN else {}
    unhelpful = [
        name for name in table if name != PLAIN and "helps" not in table[name]["effect"].values()
    ]
    path = Path(options.json)
    files.write_json(
        path,
        {
            "command": _command(options),
            "cores": os.cpu_count(),
            "steps": {"ring": options.ring_steps, "mnist5k": epochs(options) * STEPS_PER_EPOCH},
            "rows": table,
            "did not help": unhelpful,
        },
    )
    _draw(path.with_suffix(".png"), table)
    _tell(table, unhelpful)
    print(path, path.with_suffix(".png"), sep="\n")


def epochs(options: Options) -> int:
    """Whole epochs of mnist5k nearest to --steps."""
    return max(1, round(options.steps / STEPS_PER_EPOCH))


def summarized(cells: dict) -> dict:
    """Means and standard deviations (None for one seed) over the seeds of each task, and the cells."""
    result = dict(cells)
    for task in ("ring", "mnist5k"):
        numbers: dict[str, list] = {}
        for cell in cells.get(task, ()):
            for name, value in cell.items():
                if isinstance(value, int | float):
                    numbers.setdefault(name, []).append(value)
        if not numbers:
            continue
        result[f"{task}_mean"] = {
            name: statistics.fmean(values) for name, values in numbers.items()
        }
        result[f"{task}_std"] = {
            name: statistics.stdev(values) if len(values) > 1 else None
            for name, values in numbers.items()
        }
    if "mnist5k" in cells:
        result["verdict"] = verdict([cell["findings"] for cell in cells["mnist5k"]])
    return result


def verdict(findings: list[list[str]]) -> str:
    """What the doctor found, with the share of the seeds: "healthy", or "strong_d 2/3, collapse 1/3"."""
    names = dict.fromkeys(name for one in findings for name in one)
    shares = [f"{name} {sum(name in one for one in findings)}/{len(findings)}" for name in names]
    return ", ".join(shares) or "healthy"


def effects(row: dict, plain: dict) -> dict[str, str]:
    """For each measure whether a row "helps", "harms", or shows "no clear difference" to the plain runs.

    A difference is clear by the t-test of `gan_common.lessons.compare`.
    """
    found = {}
    for measure, more_is_better in MEASURES.items():
        task = "ring" if measure == "modes" else "mnist5k"
        if task not in row or task not in plain:
            continue
        without, values = ([cell[measure] for cell in cells[task]] for cells in (plain, row))
        sign = significance.clear_sign(without, values)
        told = {0: "no clear difference", 1 if more_is_better else -1: "helps"}
        found[measure] = told.get(sign, "harms")
    return found


def _ring(name: str, tricks: tuple[str, ...], seed: int, options: Options) -> dict:
    """Modes, share of good samples and steps/s of one training on ring; trained unless it is done."""
    path = Path(options.runs) / f"ring-{_plain(name)}-{options.ring_steps}-seed{seed}.json"
    if not path.exists():
        from gan_common import modes
        from gan_common.modes import play

        given = {"task": "ring", "preset": "quick", "steps": options.ring_steps, "tricks": tricks}
        (measured,) = play.play(modes.resolve(given), [seed])
        cell = {key: measured[key] for key in ("modes", "high_quality", "steps_per_second")}
        files.write_json(path, {"seed": seed, **cell})
    return json.loads(path.read_text(encoding="utf-8"))


def _mnist(name: str, flags: Mapping, seed: int, options: Options) -> dict:
    """FID and the rest of one training on mnist5k; trained unless it is done."""
    folder = Path(options.runs) / f"mnist5k-{_plain(name)}-{epochs(options)}epochs-seed{seed}"
    common = {"dataset": "mnist5k", "epochs": epochs(options), "seed": seed}
    common |= {"sample_every": epochs(options), "save_every": max(1, epochs(options) // 4)}
    summary = running.train("keras_dcgan", folder, {**common, **flags}, "fid")
    findings = json.loads((folder / "doctor.json").read_text(encoding="utf-8"))["findings"]
    return {
        "seed": seed,
        "fid": summary["fid"],
        "fid_floor": summary["fid_floor"],
        "class_kl": summary["class_kl"],
        "steps_per_second": summary["steps"] / summary["seconds"],
        "findings": list(dict.fromkeys(f["name"] for f in findings if f["began"])),
    }


def _plain(name: str) -> str:
    return name.replace(" ", "-")


def _command(options: Options) -> str:
    words = [
        f"--{name} {','.join(value) if isinstance(value, tuple) else value}"
        for name, value in dataclasses.asdict(options).items()
        if name not in ("runs", "json") and value != getattr(Options(), name)
    ]
    return " ".join(["python -m benchmarks.experiments.ablation", *words])


def _draw(path: Path, table: dict) -> None:
    from gan_common import plotting

    panels = []
    for title, task, measure in (
        ("ring: modes of 8", "ring", "modes"),
        ("mnist5k: FID", "mnist5k", "fid"),
        ("mnist5k: KL of classes, nats", "mnist5k", "class_kl"),
    ):
        cells = {name: row for name, row in table.items() if f"{task}_mean" in row}
        if cells:
            values = {name: row[f"{task}_mean"][measure] for name, row in cells.items()}
            spreads = {name: row[f"{task}_std"][measure] or 0.0 for name, row in cells.items()}
            panels.append((title, values, spreads))
    plotting.comparisons(path, panels, "The tricks of section 2.4, one at a time", PLAIN)


def _tell(table: dict, unhelpful: list[str]) -> None:
    print(
        f"{'':<22}{'section':<9}{'modes':>12}{'FID':>17}{'class KL':>16}{'steps/s':>9}  the doctor"
    )
    for name, row in table.items():
        cells = "".join(
            f"{_shown(row, task, measure, digits):>{width}}"
            for task, measure, digits, width in (
                ("ring", "modes", 1, 12),
                ("mnist5k", "fid", 2, 17),
                ("mnist5k", "class_kl", 4, 16),
                ("mnist5k", "steps_per_second", 1, 9),
            )
        )
        print(f"{name:<22}{row['section']:<9}{cells}  {row.get('verdict', '')}")
    print(f"did not help: {', '.join(unhelpful) or 'none of them'}")


def _shown(row: dict, task: str, measure: str, digits: int) -> str:
    if f"{task}_mean" not in row:
        return "–"
    spread = row[f"{task}_std"][measure]
    text = f"{row[f'{task}_mean'][measure]:.{digits}f}"
    return (
        text if spread is None or measure == "steps_per_second" else f"{text} ± {spread:.{digits}f}"
    )


if __name__ == "__main__":
    main()
