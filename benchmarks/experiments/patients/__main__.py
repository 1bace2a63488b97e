"""Each trick on the patient it was made for, and on a healthy one: does it cure, does it do harm?

    make ablation
    python -m benchmarks.experiments.patients --only collapse,sure --seeds 5

A patient is a training of the preset dcgan that is ill in one way; its rows are what may cure it (`cases`).
The healthy ones get every trick, and what the chapter recommends against. All rows of a patient have its
steps and its seeds, are compared with the untreated runs of the same seeds, and are told as a ratio of FIDs
with its 95% interval; the p-values of a patient's rows are corrected together (Benjamini and Hochberg
1995).

A training that is done is kept, so the same command goes on where it stopped; what has been trained so far is
written after every seed.  Writes results/patients.json and two figures beside it.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.experiments import running
from benchmarks.experiments.patients import effects, training
from benchmarks.experiments.patients.cases import PATIENTS, UNTREATED
from gan_common import cli, files
from gan_common.cli import flag
from gan_common.progress import Progress


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag((), "patients, separated by commas (default: all)")
    seeds: int = flag(5, "trainings of each row", lower=1)
    steps: int | None = flag(None, "of every training (default: each patient's own)", lower=1)
    runs: str = flag("runs/benchmarks/experiments/patients", "folder for what is done")
    json: str = flag("results/patients.json", "file for the numbers; the figures go beside it")


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.check_only(options.only, PATIENTS)
    chosen = options.only or tuple(PATIENTS)
    path = Path(options.json)
    table = running.table(path, "patients")
    table["command"] = "python -m benchmarks.experiments.patients"
    cells = [
        (patient, row, seed, options.steps or PATIENTS[patient].steps, options.runs)
        for seed in range(1, options.seeds + 1)
        for patient in chosen
        for row in (UNTREATED, *PATIENTS[patient].rows)
    ]
    missing = [cell for cell in cells if not training.path_of(*cell).exists()]
    progress = Progress(len(missing), "trainings")
    for done, (patient, row, seed, *_) in enumerate(training.trained(missing), 1):
        progress(done, f"seed {seed} of {patient}: {row}")
        if done < len(missing) and (missing[done][0], missing[done][2]) != (patient, seed):
            _write(path, table, chosen, options)
    _write(path, table, chosen, options)
    for name in chosen:
        if name in table["patients"]:
            print(effects.told(name, table["patients"][name]))
    print(path)


def _write(path: Path, table: dict, chosen: Sequence[str], options: Options) -> None:
    """The table of what has been trained so far, and the figures."""
    from gan_common.kernels import machine

    for name in chosen:
        patient = PATIENTS[name]
        steps = options.steps or patient.steps
        cells = {
            row: [
                json.loads(found.read_text(encoding="utf-8"))
                for seed in range(1, options.seeds + 1)
                if (found := training.path_of(name, row, seed, steps, options.runs)).exists()
            ]
            for row in (UNTREATED, *patient.rows)
        }
        if cells[UNTREATED]:
            table["patients"][name] = {
                "says": patient.says,
                "steps": steps,
                "dataset": patient.dataset[0],
                "measure": patient.measure,
                "machine": machine.processor(),
                "rows": effects.compared(
                    patient, {row: runs for row, runs in cells.items() if runs}
                ),
            }
    files.write_json(path, table)
    effects.draw(path, table["patients"])


if __name__ == "__main__":
    main()
