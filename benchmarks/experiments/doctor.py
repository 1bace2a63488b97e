"""Does the doctor name what is wrong, keep quiet when nothing is, and does its treatment help?

    python -m benchmarks.experiments.doctor

Trains on mnist5k: healthy runs over several seeds, which should raise no alarm; each --break, which should
be diagnosed by its name within 200 steps; and the failures of section 2.3.1 under each --on_failure that
treats them, for FID with and without treatment.  A run that is done is kept, so the same command takes it up
again.  Writes results/doctor.json, results/doctor.png (images with and without treatment) and
results/doctor_curves.png (the losses of a treated run, what was found and done shaded).
"""

import dataclasses
import json
import os
import shutil
import statistics
from pathlib import Path

from benchmarks.experiments import running
from gan_common import cli, files
from gan_common.cli import flag
from keras_dcgan.presets import BROKEN

WITHIN = 200  # steps
TREATED = ("strong_d", "bad_init")
POLICIES = ("warn", "pause", "lower_lr")
LONG, SHORT = 17, 4  # epochs of 62 steps: 1,054 and 248 steps
SHOWN = 12  # images of each run


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    seeds: int = flag(5, "healthy runs", lower=1)
    treated_seeds: int = flag(3, "runs of each failure under each treatment", lower=1)
    seed: int = flag(1, "of the broken runs, and the first of the others", lower=0)
    epochs: int = flag(LONG, "of the healthy and the treated runs, 62 steps each", lower=1)
    runs: str = flag("runs/benchmarks/experiments/doctor", "folder for the runs")
    results: str = flag("results", "folder for the table and the images")
    json: str | None = flag(None, "file that the table is also written to")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))

    import gan_common.quiet  # noqa: F401

    healthy = {
        seed: _train(f"healthy-{seed}", {"seed": seed}, options)
        for seed in range(options.seed, options.seed + options.seeds)
    }
    broken = {
        name: diagnosed(name, _train_broken(name, "warn", options.seed, options)["findings"])
        for name in BROKEN
    }
    treated = {
        name: {
            policy: [
                _train_broken(name, policy, seed, options)
                for seed in range(options.seed, options.seed + options.treated_seeds)
            ]
            for policy in POLICIES
        }
        for name in TREATED
    }
    table = {
        "command": f"python -m benchmarks.experiments.doctor --seeds {options.seeds} "
        f"--treated_seeds {options.treated_seeds} --epochs {options.epochs}",
        "cores": os.cpu_count(),
        "steps": options.epochs * 62,
        "healthy": {
            seed: {"alarms": names_of(cell["findings"]), "fid": cell["fid"]}
            for seed, cell in healthy.items()
        },
        "broken": broken,
        "treated": {
            name: {
                policy: {
                    "fid": statistics.fmean(run["fid"] for run in cells),
                    "fids": [run["fid"] for run in cells],
                    "d_rate": statistics.fmean(run["d_rate"] for run in cells),
                }
                for policy, cells in policies.items()
            }
            for name, policies in treated.items()
        },
    }
    table["goals_met"] = goals(table)
    results = Path(options.results)
    for path in (results / "doctor.json", *([Path(options.json)] if options.json else [])):
        files.write_json(path, table)
    _draw(options, table, results)
    _tell(table)


def diagnosed(name: str, findings: list[dict]) -> dict:
    """Whether the first thing found was what is broken, at which step, and everything that was found."""
    began = [(finding["name"], finding["step"]) for finding in findings if finding["began"]]
    first, step = began[0] if began else (None, None)
    right = first == name and step <= WITHIN
    return {"first": first, "step": step, "right": right, "found": names_of(findings)}


def names_of(findings: list[dict]) -> list[str]:
    """What began, each once, in order."""
    return list(dict.fromkeys(finding["name"] for finding in findings if finding["began"]))


def goals(table: dict) -> dict[str, bool]:
    """What the doctor is meant to reach."""
    met = {
        "no healthy run raises an alarm": not any(
            cell["alarms"] for cell in table["healthy"].values()
        ),
        f"each failure is named within {WITHIN} steps": all(
            cell["right"] for cell in table["broken"].values()
        ),
    }
    for name, cells in table["treated"].items():
        helped = min(cells[policy]["fid"] for policy in POLICIES[1:]) < cells["warn"]["fid"] / 2
        met[f"a treatment at least halves the mean FID of {name}"] = helped
    return met


def _folder(name: str, options: Options) -> Path:
    return Path(options.runs) / name


def _train(name: str, flags: dict, options: Options) -> dict:
    """A run, trained unless it is done: its summary, findings, and the mean of D's rate."""
    from gan_common import runs

    folder = _folder(name, options)
    long = "break" not in flags or flags["break"] in TREATED
    # The average of G's weights over a run this short would show how it began, not how it ended.
    common = {
        "dataset": "mnist5k",
        "weight_average": 0,
        "epochs": options.epochs if long else SHORT,
    }
    common |= {"save_every": common["epochs"], "sample_every": common["epochs"]}
    summary = running.train("keras_dcgan", folder, common | flags, "fid")
    rates = [row["d_rate"] for row in runs.Run(folder).rows()]
    findings = json.loads((folder / "doctor.json").read_text(encoding="utf-8"))["findings"]
    return summary | {"findings": findings, "d_rate": sum(rates) / len(rates)}


def _train_broken(name: str, policy: str, seed: int, options: Options) -> dict:
    """`_train` with a failure that is made, and treated by a policy."""
    flags = {"break": name, "on_failure": policy, "seed": seed}
    return _train(f"{name}-{policy}-{seed}", flags, options)


def _draw(options: Options, table: dict, results: Path) -> None:
    """Images of healthy, broken and treated runs; the curves of the one that a treatment helped most."""
    from gan_common import plotting

    rows = []
    fid = table["healthy"][options.seed]["fid"]
    rows.append((f"healthy: FID {fid:.1f}", _samples(f"healthy-{options.seed}", options), [], []))
    for name, cells in table["treated"].items():
        for policy, cell in cells.items():
            heading = f"--break {name} --on_failure {policy}: FID {cell['fids'][0]:.1f}"
            rows.append((heading, _samples(f"{name}-{policy}-{options.seed}", options), [], []))
    title = f"After {table['steps']:,} steps on mnist5k"
    plotting.marked_pictures(results / "doctor.png", rows, title)
    cells = table["treated"]["strong_d"]
    best = min(POLICIES[1:], key=lambda policy: cells[policy]["fid"])
    curves = _folder(f"strong_d-{best}-{options.seed}", options) / "curves.png"
    files.write_whole(results / "doctor_curves.png", lambda path: shutil.copy(curves, path))


def _samples(name: str, options: Options):
    """The first images that a run's generator draws."""
    from gan_common import runs, sampling
    from keras_dcgan import models
    from keras_dcgan.config import Config

    folder = _folder(name, options)
    run = runs.Run(folder)
    shape, class_names = run.dataset_facts()
    gan = models.restore(run, cli.saved(Config, str(folder)), shape, len(class_names))
    return sampling.draw(gan, SHOWN, seed=0)[0]


def _tell(table: dict) -> None:
    for seed, cell in table["healthy"].items():
        print(
            f"healthy, seed {seed:<10} FID {cell['fid']:8.2f}  alarms: {cell['alarms'] or 'none'}"
        )
    for name, cell in table["broken"].items():
        print(f"--break {name:<15} first found: {cell['first']} at step {cell['step']}")
    for name, cells in table["treated"].items():
        for policy, cell in cells.items():
            each = "  ".join(f"{fid:.1f}" for fid in cell["fids"])
            print(
                f"{name}, {policy:<13} FID {cell['fid']:8.2f} ({each})  "
                f"D's mean rate {cell['d_rate']:.2f}"
            )
    for text, met in table["goals_met"].items():
        print(f"{'met' if met else 'not met':<8} {text}")


if __name__ == "__main__":
    main()
