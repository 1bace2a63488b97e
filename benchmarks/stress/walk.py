"""A random walk of faults over both trainings, in alternation: nothing may be lost.

    python -m benchmarks.stress.walk --faults 500 --json results/walk.json

Each run of the walk is a training that meets five faults and is resumed after each: killed in a step, a
checkpoint or a sample; signals in bursts; a disk that is full; half a checkpoint gone; a row cut off; a
clock that jumps; a second training in the same folder.  Then it goes on to its end, and has to have the
weights, optimizers, averages, rows and samples of a training that was left alone, bit for bit.  Every end
on the way has to be one of those that are promised, without a traceback.

Which faults and when follows from --seed.  What is done is kept in the folder of the runs: the same command,
given again, goes on there.  The disk is full by a limit on the size of files, and the clock that jumps is
Python's, and the files' times; TensorFlow's own clock is left alone.
"""

import contextlib
import dataclasses
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.experiments import running
from benchmarks.stress import soak
from gan_common import cli, files
from gan_common.cli import flag
from gan_common.errors import UserError
from gan_common.progress import Progress
from gan_common.runs.run import by_step

PER_RUN = 5
DAY = 86_400
# What a training may end with: done, a mistake that can be mended, and the signals; killed by those that came
# before it listened.
DONE, REFUSED = 0, 2
STOPPED = {128 + number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
UNHEARD = {-signal.SIGKILL, -signal.SIGHUP, -signal.SIGTERM}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    faults: int = flag(500, "over both trainings", lower=1, upper=100_000)
    seed: int = flag(1, "of the kinds and moments", lower=0)
    runs: str = flag("runs/walk", "folder for the runs")
    json: str | None = flag(None, "file that the tally is written to")


class Lost(Exception):
    """A fault that the training did not come through; the message says how."""


class Walk:
    """One training on its way through faults.

    Args:
        trainings: starts them.
        package: whose.
        run: its folder.
        chance: what is drawn.
    """

    def __init__(
        self, trainings: soak.Trainings, package: str, run: Path, chance: random.Random
    ) -> None:
        self.trainings, self.package, self.run, self.chance = trainings, package, run, chance
        self.process = trainings.start(package, run)

    def until(self, moment: str) -> bool:
        """Wait for one of these moments; False where the training is over before."""
        return soak.wait_for(moment, self.process, self.run, self.chance)

    def end(self, allowed: set[int]) -> int:
        """Wait for the process to end; its status.

        Raises:
            Lost: it is none that is allowed, or there was a traceback.
        """
        status = self.trainings.finish(self.process, self.run)
        if status not in allowed | {DONE}:
            raise Lost(f"ended with status {status}")
        if "Traceback (most recent call last)" in _log(self.run):
            raise Lost("a traceback")
        return status

    def resume(self) -> None:
        """Start it again; one that was ended before it had a configuration begins anew."""
        known = (self.run / "config.json").exists()
        self.process = self.trainings.start(self.package, self.run, resume=known)


def _log(run: Path) -> str:
    return run.with_suffix(".log").read_text(encoding="utf-8", errors="replace")


# ---------------------------------------------------------------------------------- faults


def kill(walk: Walk) -> bool:
    """SIGKILL in a step, or while a checkpoint or a sample is written."""
    if not walk.until(walk.chance.choice(soak.MOMENTS)):
        return False
    walk.process.kill()
    walk.end(UNHEARD)
    return True


def burst(walk: Walk) -> bool:
    """Two to six signals that ask to stop, some milliseconds apart."""
    if not walk.until(walk.chance.choice(soak.MOMENTS)):
        return False
    for _ in range(walk.chance.randrange(2, 7)):
        number = walk.chance.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        with contextlib.suppress(ProcessLookupError):  # it may end between two of them
            os.kill(walk.process.pid, number)
        time.sleep(0.02 * walk.chance.random())
    walk.end(STOPPED | UNHEARD)
    return True


def full_disk(walk: Walk) -> bool:
    """No file may grow beyond some kilobytes any more."""
    import resource

    if not walk.until("step"):
        return False
    most = walk.chance.randrange(0, 2**14)
    try:
        resource.prlimit(walk.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    except ProcessLookupError:
        return False
    walk.end({REFUSED})
    return True


def half_a_checkpoint(walk: Walk) -> bool:
    """Killed; then a file of the newest checkpoint is gone, cut off, or has another bit."""
    if not kill(walk):
        return False
    found = by_step((walk.run / "checkpoints").glob("step-*"))
    if len(found) < 2:  # there is none to go back to
        return True
    file = walk.chance.choice(sorted(found[-1].iterdir()))
    damage(file, walk.chance)
    return True


def damage(file: Path, chance: random.Random) -> None:
    """Remove a file, cut it off, or turn one of its bits."""
    content = bytearray(file.read_bytes())
    kind = chance.choice(("gone", "cut", "bit"))
    if kind == "gone" or not content:
        file.unlink()
        return
    place = chance.randrange(len(content))
    if kind == "cut":
        content = content[:place]
    else:
        content[place] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def row_cut_off(walk: Walk) -> bool:
    """Killed; then the table ends in half a row, as after a loss of power."""
    if not kill(walk):
        return False
    table = walk.run / "metrics.csv"
    if table.exists():
        row = table.read_bytes().splitlines()[-1]
        with table.open("ab") as end:
            end.write(row[: walk.chance.randrange(1, max(2, len(row)))])
    return True


def clock(walk: Walk) -> bool:
    """Killed; then the files are days old, or of days to come, and the clock goes back and forth."""
    if not kill(walk):
        return False
    for path in walk.run.rglob("*"):
        then = time.time() + DAY * walk.chance.uniform(-400, 400)
        os.utime(path, (then, then))
    return True


def second(walk: Walk) -> bool:
    """Another training in the same folder is refused; the first one goes on, and is killed then."""
    if not walk.until("step"):
        return False
    other = walk.trainings.start(walk.package, walk.run, resume=True)
    if walk.trainings.finish(other, walk.run) not in (DONE, REFUSED):
        raise Lost("a second training in the same folder was not refused")
    if walk.process.exitcode is None:
        walk.process.kill()
    walk.end(UNHEARD)
    return True


FAULTS: dict[str, Callable[[Walk], bool]] = {
    "kill": kill,
    "burst of signals": burst,
    "full disk": full_disk,
    "half a checkpoint": half_a_checkpoint,
    "row cut off": row_cut_off,
    "clock": clock,
    "second training": second,
}


# --------------------------------------------------------------------------------- command


def walk_through(walk: Walk, kinds: Sequence[str], reference: Path) -> tuple[list[str], list[str]]:
    """Meet these faults one after the other, and go on to the end.

    Returns:
        The faults that were met, for a training may be over before; and what is wrong, if anything is.
    """
    met: list[str] = []
    try:
        for kind in kinds:
            if not FAULTS[kind](walk):
                break
            met.append(kind)
            walk.resume()
        if (status := walk.end(set())) != DONE:
            raise Lost(f"ended with status {status}")
    except (Lost, UserError) as lost:
        walk.process.kill()
        after = f" after {', '.join(met)}" if met else ""
        return met, [f"{lost}{after}; see {walk.run.with_suffix('.log').name}"]
    return met, soak.differences(walk.run, reference)


def jumping_clock(chance: random.Random) -> Callable[[], float]:
    """The time of day, as a clock tells it that is set back and forth by up to a year."""
    tell = time.time
    return lambda: tell() + DAY * chance.uniform(-365, 365)


def _train(package: str, argv: list[str], log: str) -> None:
    time.time = jumping_clock(random.Random(log))
    soak.train(package, argv, log)


class Trainings(soak.Trainings):
    """Of these the time of day jumps."""

    target = staticmethod(_train)


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> int:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.needs_linux()
    folder = Path(options.runs).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"done-{options.seed}.json"
    done = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    trainings = Trainings(folder)
    for package in soak.PACKAGES:
        soak.left_alone(trainings, package)
    progress = Progress(options.faults, "faults")
    while (total := sum(len(each["met"]) for each in done)) < options.faults:
        number = len(done)
        package = soak.PACKAGES[number % 2]
        chance = random.Random(f"{options.seed} {number}")
        kinds = chance.choices(list(FAULTS), k=min(PER_RUN, options.faults - total))
        run = folder / f"{package}-{options.seed}-{number}-{os.getpid()}"
        walk = Walk(trainings, package, run, chance)
        met, wrong = walk_through(walk, kinds, folder / f"{package}-whole")
        done.append({"package": package, "met": met, "wrong": [f"{run.name}: {w}" for w in wrong]})
        files.write_json(kept, done)
        for each in done[-1]["wrong"]:
            print(each, flush=True)
        if not wrong:
            shutil.rmtree(run)
            run.with_suffix(".log").unlink()
        progress(total + len(met), f"{len(done)} runs")
    result = tally(done)
    command = f"python -m benchmarks.stress.walk --faults {options.faults} --seed {options.seed}"
    for kind in FAULTS:
        counts = [result[package]["faults"][kind] for package in soak.PACKAGES]
        print(f"{kind:<20}" + "".join(f"{count:>6}" for count in counts))
    for package in soak.PACKAGES:
        runs, bad = result[package]["runs"], result[package]["bad"]
        print(f"{package:<14}{runs} runs, {len(bad)} with a difference")
    if options.json:
        files.write_json(Path(options.json), {"command": command, **result})
    return 1 if any(result[package]["bad"] for package in soak.PACKAGES) else 0


def tally(done: Sequence[dict]) -> dict[str, dict]:
    """Of each package: runs, faults by kind, and what went wrong."""
    found = {}
    for package in soak.PACKAGES:
        own = [each for each in done if each["package"] == package]
        met = [kind for each in own for kind in each["met"]]
        found[package] = {
            "runs": len(own),
            "faults": {kind: met.count(kind) for kind in FAULTS},
            "bad": [wrong for each in own for wrong in each["wrong"]],
        }
    return found


if __name__ == "__main__":
    main()
