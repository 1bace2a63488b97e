"""Does a training grow with time?  Memory, open files and file sizes after 500 and after 5,000 steps.

    python -m benchmarks.stress.long_run --json results/long_run.json

Trains each package's small networks of `soak` with a sample and a checkpoint every hundred steps, and looks
at the process from outside: resident memory and open files, from /proc.
"""

import dataclasses
import time
from pathlib import Path

from benchmarks.experiments import running
from benchmarks.stress import soak
from gan_common import cli, files
from gan_common.cli import flag
from gan_common.errors import UserError

WITHIN = 0.05  # how much more memory there may be
EARLY, LOOKS = 500, 5  # steps; looks at the process from there on, one a row


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    steps: int = flag(5000, "of each training", lower=1000)
    package: str | None = flag(None, "only this one", soak.PACKAGES)
    runs: str = flag("runs/long_run", "folder for the runs")
    json: str | None = flag(None, "file that the numbers are written to")


def look(pid: int) -> dict[str, float]:
    """Resident memory in MB and open files of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return {"megabytes": int(resident.split()[1]) / 1024, "open_files": files}


def last_step(run: Path) -> int:
    """The step of the last row, 0 before there is one."""
    try:
        last = (run / "metrics.csv").read_text().splitlines()[-1].partition(",")[0]
    except (FileNotFoundError, IndexError):
        return 0
    return int(last) if last.isdecimal() else 0


def watch(process, run: Path, steps: int) -> dict[str, dict[str, float]]:
    """Look at a training after EARLY steps, and shortly before the end; means over LOOKS rows each."""
    found = {}
    for name, first in (("early", EARLY), ("late", steps)):
        looks, seen = [], 0
        while len(looks) < LOOKS and process.exitcode is None:
            step = last_step(run)
            if step >= first and step > seen:
                looks.append(look(process.pid))
                seen = step
            time.sleep(0.002)
        if not looks:
            raise UserError(f"{run}: ended before step {first}; see {run.with_suffix('.log')}")
        found[name] = {key: sum(each[key] for each in looks) / len(looks) for key in looks[0]}
        found[name]["tensorboard_bytes"] = _size(run / "tensorboard")
    return found


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> int:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.needs_linux()
    folder = Path(options.runs).absolute() / str(time.time_ns())
    folder.mkdir(parents=True)
    # Some hundred steps more than are asked for, so that the last looks are at a training that goes on.
    epochs = (options.steps + 400) // soak.STEPS_PER_EPOCH
    trainings = soak.Trainings(folder, epochs=epochs, sample_every=5, save_every=5)
    result = {"command": f"python -m benchmarks.stress.long_run --steps {options.steps}"}
    grown = []
    for package in soak.PACKAGES if options.package is None else (options.package,):
        run = folder / package
        process = trainings.start(package, run)
        found = watch(process, run, options.steps)
        if status := trainings.finish(process, run):
            raise UserError(f"{run}: ended with status {status}; see {run.with_suffix('.log')}")
        growth = found["late"]["megabytes"] / found["early"]["megabytes"] - 1
        found["memory_growth"] = growth
        found["gif_bytes"] = (run / "samples.gif").stat().st_size
        found["checkpoints_kept"] = len(list((run / "checkpoints").iterdir()))
        result[package] = found
        more_files = found["late"]["open_files"] - found["early"]["open_files"]
        if growth > WITHIN or more_files > 0:
            grown.append(package)
        print(
            f"{package}: {found['early']['megabytes']:.0f} MB after {EARLY} steps, "
            f"{found['late']['megabytes']:.0f} MB after {options.steps} ({growth:+.1%}); "
            f"{found['early']['open_files']:.0f} and {found['late']['open_files']:.0f} open files; "
            f"TensorBoard {found['late']['tensorboard_bytes']:,} bytes, GIF {found['gif_bytes']:,}",
            flush=True,
        )
    result["grown"] = grown
    if options.json:
        files.write_json(Path(options.json), result)
    return 1 if grown else 0


if __name__ == "__main__":
    main()
