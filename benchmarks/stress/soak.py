"""Kill trainings at random moments, go on, and compare the end with a training that was left alone.

    python -m benchmarks.stress.soak --kills 20 --json results/soak.json

For each package: one training that nothing happens to, then others of the same seed that are killed by
SIGKILL five times each, in a step, while a checkpoint or while a sample is written, and resumed each time.
Weights, optimizers, averages, rows and samples at the end have to be the same, bit for bit.  What is done
is kept in the folder of the runs: the same command, given again, goes on there.
"""

import dataclasses
import json
import multiprocessing
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import numpy as np

from gan_common import cli, files
from gan_common.cli import flag
from gan_common.errors import UserError

PACKAGES = ("keras_dcgan", "ssgan_tf")
MOMENTS = ("step", "checkpoint", "sample")
KILLS_PER_RUN = 5
# A row every 20 steps, so a sample every 20 and a checkpoint every 10.
STEPS_PER_EPOCH, EPOCHS = 20, 12
FLAGS = {
    "dataset": "mnist",
    "image_size": 12,
    "width": 4,
    "latent_dim": 4,
    "batch_size": 8,
    "epochs": EPOCHS,
    "sample_every": 1,
    "save_every": 0.5,
    "precision": "float32",
    "noevaluate": None,
}
MORE_FLAGS = {
    "keras_dcgan": {},
    "ssgan_tf": {"labels": 20, "labelled_batch": 4, "validation_size": 20},
}
TIMED = ("seconds", "images_per_second")  # columns that no two runs share
PATIENCE = 300  # seconds for one process


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    kills: int = flag(20, "for each package", lower=1, upper=1000)
    package: str | None = flag(None, "only this one", PACKAGES)
    seed: int = flag(1, "of the moments", lower=0)
    runs: str = flag("runs/soak", "folder for the runs")
    json: str | None = flag(None, "file that the tally is written to")


def make_data(folder: Path) -> None:
    """160 images of noise to train on, in MNIST's layout; 20 more that `ssgan_tf` holds out."""
    rng = np.random.default_rng(1)
    for package in PACKAGES:
        count = STEPS_PER_EPOCH * FLAGS["batch_size"] + MORE_FLAGS[package].get(
            "validation_size", 0
        )
        x = rng.integers(0, 256, (count + 20, 28, 28), np.uint8)
        y = np.arange(count + 20, dtype=np.uint8) % 10
        arrays = {"x_train": x[:count], "y_train": y[:count]}
        (folder / package).mkdir(parents=True, exist_ok=True)
        np.savez(folder / package / "mnist.npz", **arrays, x_test=x[count:], y_test=y[count:])


# ------------------------------------------------------------------------------- processes


def train(package: str, argv: list[str], log: str) -> None:
    """What a training process does: the command, with its output in a file."""
    with open(log, "ab", buffering=0) as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the fork server ignores it
    from importlib import import_module

    try:
        import_module(f"{package}.train").main([f"{package}.train", *argv])
    except Exception:
        traceback.print_exc()
        sys.exit(1)


class Trainings:
    """Starts trainings, each a process of its own, forked from one that has imported TensorFlow.

    Args:
        folder: of their data.
        flags: in place of, or besides, `FLAGS`.

    Raises:
        UserError: on Windows, which cannot fork.

    Attributes:
        target: what a process does, with a package, its flags, and the file of its output.
    """

    target = staticmethod(train)

    def __init__(self, folder: Path, **flags: object):
        self.folder, self.flags = Path(folder), FLAGS | flags
        make_data(self.folder / "data")
        if "forkserver" not in multiprocessing.get_all_start_methods():
            raise UserError(
                "trainings are forked here, which Windows cannot; run this on Linux or macOS"
            )
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(
            ["gan_common.quiet", *(f"{package}.models" for package in PACKAGES)]
        )

    def start(self, package: str, run: Path, resume: bool = False):
        """A training in the folder `run`, begun or resumed; a `multiprocessing.Process`."""
        if resume:
            flags = {"resume": run}
        else:
            data = {"data_dir": self.folder / "data" / package, "run_dir": run}
            flags = {**self.flags, **MORE_FLAGS[package], **data}
        argv = [f"--{k}" if v is None else f"--{k}={v}" for k, v in flags.items()]
        log = run.with_suffix(".log")
        process = self._context.Process(
            target=self.target, args=(package, argv, str(log)), name=run.name, daemon=True
        )
        process.start()
        return process

    def finish(self, process, run: Path) -> int:
        """Wait for the end of a process; its exit status, −9 for one that was killed."""
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            raise UserError(
                f"{run}: still running after {PATIENCE} s; see {run.with_suffix('.log')}"
            )
        return process.exitcode


# --------------------------------------------------------------------------------- moments


def wait_for(moment: str, process, run: Path, chance: random.Random) -> bool:
    """Return in the middle of one of those moments, whichever chance has it; False if none came.

    A step: some time after some row.  A checkpoint: when its temporary folder is seen, or a little later.
    A sample: when the row before it is seen, or a little later.
    """
    nth = chance.randrange(1, 4)
    later = chance.random()
    seen, last = 0, None
    until = time.monotonic() + PATIENCE
    while process.exitcode is None and time.monotonic() < until:
        now = _unfinished(run) if moment == "checkpoint" else _table_size(run)
        if now != last and now:
            seen += 1
            if seen > nth:
                time.sleep(later * (0.3 if moment == "step" else 0.03))
                return process.exitcode is None
        last = now
        time.sleep(0.0005)
    return False


def _unfinished(run: Path) -> str | None:
    """The checkpoint that is being written."""
    try:
        with os.scandir(run / "checkpoints") as entries:
            return next((e.name for e in entries if files.UNFINISHED.fullmatch(e.name)), None)
    except FileNotFoundError:
        return None


def _table_size(run: Path) -> int:
    try:
        return (run / "metrics.csv").stat().st_size
    except FileNotFoundError:
        return 0


def found_in(run: Path) -> str:
    """By what a killed training left behind, which moment it died in."""
    if _unfinished(run):
        return "checkpoint"
    rows = (run / "metrics.csv").read_text().splitlines()[1:] if _table_size(run) else []
    step = int(rows[-1].partition(",")[0]) if rows else 0
    if any((run / "samples").glob(".*")) or not (run / "samples" / f"step-{step:08d}.png").exists():
        return "sample"
    return "step"


# ------------------------------------------------------------------------------ comparison


def differences(run: Path, reference: Path) -> list[str]:
    """What two finished runs differ in; empty when they are bit for bit the same."""
    found = []
    ends = [sorted((folder / "checkpoints").glob("step-*"))[-1] for folder in (run, reference)]
    manifests = [json.loads((end / "manifest.json").read_text()) for end in ends]
    if ends[0].name != ends[1].name:
        found.append(f"the last checkpoint is {ends[0].name}, not {ends[1].name}")
    for name in ("sha256", "quality", "of", "shapes"):
        if manifests[0][name] != manifests[1][name]:
            found.append(f"the last checkpoint's {name}")
    states = [{k: v for k, v in m["state"].items() if k != "seconds"} for m in manifests]
    sums = [{k: v for k, v in s["sums"].items() if k not in TIMED} for s in states]
    if sums[0] != sums[1] or states[0]["step"] != states[1]["step"]:
        found.append("where the training stood")
    tables = [_rows(folder) for folder in (run, reference)]
    if tables[0] != tables[1]:
        found.append("rows of metrics.csv")
    pictures = [
        {path.name: path.read_bytes() for path in (folder / "samples").iterdir()}
        for folder in (run, reference)
    ]
    if pictures[0] != pictures[1]:
        found.append("samples")
    labelled = [folder / "labelled.npy" for folder in (run, reference)]
    if labelled[0].exists() and labelled[0].read_bytes() != labelled[1].read_bytes():
        found.append("which images are labelled")
    return found


def _rows(run: Path) -> list[dict]:
    import csv

    with open(run / "metrics.csv", newline="", encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k not in TIMED} for row in csv.DictReader(file)]


# --------------------------------------------------------------------------------- command


def left_alone(trainings: Trainings, package: str) -> Path:
    """The folder of a training that nothing happens to, once it is over."""
    reference = trainings.folder / f"{package}-whole"
    if not (reference / "summary.json").exists():
        status = trainings.finish(trainings.start(package, reference), reference)
        if status:
            raise UserError(f"{reference}: ended with status {status}; remove it and try again")
    return reference


def killed_run(trainings: Trainings, package: str, run: Path, moments, chance) -> list[str]:
    """Begin a run, kill it at each of `moments` and resume it, let it end; where it really was."""
    found = []
    process = trainings.start(package, run)
    for moment in moments:
        if wait_for(moment, process, run, chance):
            process.kill()
        status = trainings.finish(process, run)
        if status == -signal.SIGKILL:
            found.append(found_in(run))
        elif status:
            raise UserError(f"{run}: ended with status {status}; see {run.with_suffix('.log')}")
        else:
            return found  # it was over before the moment came
        process = trainings.start(package, run, resume=True)
    if status := trainings.finish(process, run):
        raise UserError(f"{run}: ended with status {status}; see {run.with_suffix('.log')}")
    return found


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> int:
    options = Options(**cli.parse(Options, argv, __doc__))
    folder = Path(options.runs).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    done_file = folder / "done.json"
    done = json.loads(done_file.read_text()) if done_file.exists() else {}
    trainings = Trainings(folder)
    start = time.monotonic()
    for package in PACKAGES if options.package is None else (options.package,):
        tally = done.setdefault(package, {"runs": 0, "kills": dict.fromkeys(MOMENTS, 0), "bad": []})
        reference = left_alone(trainings, package)
        while (total := sum(tally["kills"].values())) < options.kills:
            number = tally["runs"]
            run = folder / f"{package}-{number}-{os.getpid()}"
            chance = random.Random(f"{options.seed} {package} {number}")
            # Five kills of changing kinds, then one training that goes on to its end.
            moments = [MOMENTS[(total + i) % 3] for i in range(KILLS_PER_RUN)]
            moments = moments[: options.kills - total]
            found = killed_run(trainings, package, run, moments, chance)
            tally["runs"] += 1
            for moment in found:
                tally["kills"][moment] += 1
            tally["bad"] += [f"{run.name}: {what}" for what in differences(run, reference)]
            files.write_json(done_file, done)
            print(
                f"{package}: {sum(tally['kills'].values())}/{options.kills} kills in "
                f"{tally['runs']} runs, {len(tally['bad'])} differences, "
                f"{time.monotonic() - start:.0f} s",
                flush=True,
            )
    result = {
        "command": f"python -m benchmarks.stress.soak --kills {options.kills} --seed {options.seed}"
    }
    result |= {package: done[package] for package in PACKAGES if package in done}
    print(
        f"{'':<14}{'runs':>6}"
        + "".join(f"{moment:>12}" for moment in MOMENTS)
        + f"{'different':>12}"
    )
    for package in PACKAGES:
        if package in done:
            numbers = [done[package]["kills"][moment] for moment in MOMENTS]
            numbers.append(len(done[package]["bad"]))
            print(f"{package:<14}{done[package]['runs']:>6}" + "".join(f"{n:>12}" for n in numbers))
    if options.json:
        files.write_json(Path(options.json), result)
    return 1 if any(done[package]["bad"] for package in done) else 0


if __name__ == "__main__":
    main()
