"""Two workers: kill one at a random step twenty times, go on, and compare with a training left alone.

    python -m benchmarks.stress.workers --json results/workers.json

Trains `ssgan_tf` by --distribute multiworker in two processes of this machine.  One of them, whichever chance
has it, is killed by SIGKILL at a step of chance; the other has to end by itself with status 2, and both go on
by --resume.  Weights, optimizers, averages, rows and samples at the end have to be those of two workers that
nothing happened to, bit for bit.  Beside that, once: two processes with four logical replicas each have to
come to the weights of a single process, to rounding.

What is done is kept in the folder of the runs: the same command, given again, goes on there; with --minutes a
command ends after that many.
"""

import dataclasses
import json
import os
import random
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.stress import soak
from gan_common import cli, files
from gan_common.cli import flag
from gan_common.errors import UserError

PACKAGE = "ssgan_tf"
WORKERS, REPLICAS = 2, 4
KILLS_PER_RUN = 2  # so that a run is soon over, and a command that goes on loses little
# Steps of the game from the first on, which is traced once: to trace it is most of what a resumed run takes.
FLAGS = {"epochs": 10, "sample_every": 10, "consistency_weight": 0, "labels_first": 0}
FEW_STEPS = 12  # of the training that replicas are compared on
# Batches that divide by all replicas.
LOGICAL = {"labelled_batch": 8, "steps": FEW_STEPS, "labels_first": 0}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    kills: int = flag(20, "of a worker", lower=1, upper=1000)
    seed: int = flag(1, "of the moments", lower=0)
    minutes: float | None = flag(None, "end after the run during which they are over", lower=0)
    runs: str = flag("runs/workers", "folder for the runs")
    json: str | None = flag(None, "file that the tally is written to")


class Workers(soak.Trainings):
    """Starts trainings of several processes, each forked from one that has imported TensorFlow."""

    def together(
        self, run: Path, resume: bool = False, count: int = WORKERS, replicas: int = 1
    ) -> list[Any]:
        """All workers of a training in the folder `run`, begun or resumed.

        Args:
            run: the folder; each worker's output is beside it.
            resume: go on with it.
            count: of the workers; one trains by itself.
            replicas: logical processors of each worker.
        """
        flags = {"resume": run}
        if not resume:
            data = {"data_dir": self.folder / "data" / PACKAGE, "run_dir": run}
            together = {"distribute": "multiworker"} if count > 1 else {}
            flags = {**soak.MORE_FLAGS[PACKAGE], **self.flags, **together, **data}
        argv = [f"--{k}" if v is None else f"--{k}={v}" for k, v in flags.items()]
        hosts = [f"localhost:{port}" for port in _free_ports(count)]
        processes = []
        for index in range(count):
            task = {"type": "worker", "index": index}
            tf_config = json.dumps({"cluster": {"worker": hosts}, "task": task})
            words = (argv, str(_log(run, index)), tf_config, replicas)
            process = self._context.Process(target=work, args=words, daemon=True)
            process.start()
            processes.append(process)
        return processes

    def end(self, processes: Sequence[Any], run: Path) -> list[int]:
        """Wait for the end of all workers; their exit statuses, −9 of one that was killed."""
        until = time.monotonic() + soak.PATIENCE
        for process in processes:
            process.join(max(until - time.monotonic(), 0))
        if any(process.exitcode is None for process in processes):
            for process in processes:
                process.kill()
            raise UserError(f"{run}: still running after {soak.PATIENCE} s; see {_log(run, 0)}")
        return [process.exitcode for process in processes]


def work(argv: list[str], log: str, tf_config: str, replicas: int) -> None:
    """What a worker's process does."""
    os.environ["TF_CONFIG"] = tf_config
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "2"}
    if replicas > 1:
        _several_processors(replicas)
    soak.train(PACKAGE, argv, log)


def _several_processors(count: int) -> None:
    """Make this process one of `count` logical CPUs, which a worker then has as another has GPUs.

    TensorFlow gives a worker without a GPU a single CPU; where it decides so, it is overruled.
    """
    import tensorflow as tf
    from tensorflow.python.distribute import collective_all_reduce_strategy as strategies

    (cpu,) = tf.config.list_physical_devices("CPU")
    logical = [tf.config.LogicalDeviceConfiguration()] * count
    tf.config.set_logical_device_configuration(cpu, logical)

    def devices(self: Any, resolver: Any, worker: str) -> tuple[tuple[str, ...], str]:
        return tuple(f"{worker}/device:CPU:{i}" for i in range(count)), "CPU"

    strategies.CollectiveAllReduceExtended._initialize_local_devices = devices


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _log(run: Path, index: int) -> Path:
    return run.with_name(f"{run.name}-worker-{index}.log")


# ---------------------------------------------------------------------------------- kills


def left_alone(workers: Workers) -> Path:
    """The folder of a training of both that nothing happens to, once it is over."""
    reference = workers.folder / "whole"
    if not (reference / "summary.json").exists():
        _whole(workers, workers.together(reference), reference)
    return reference


def _whole(workers: Workers, processes: Sequence[Any], run: Path) -> None:
    if any(statuses := workers.end(processes, run)):
        raise UserError(f"{run}: ended with {statuses}; see {_log(run, 0)}; remove it, try again")


def killed_run(workers: Workers, run: Path, kills: int, chance: random.Random) -> list[dict]:
    """Begin a run, kill a worker `kills` times and resume both, let it end; what happened each time."""
    found: list[dict] = []
    processes = workers.together(run)
    while len(found) < kills:
        victim = chance.randrange(WORKERS)
        came = soak.wait_for("step", processes[0], run, chance)
        if not came:
            break  # it was over before the moment came
        processes[victim].kill()
        processes[victim].join()
        killed = time.monotonic()
        statuses = workers.end(processes, run)
        if statuses[victim] != -signal.SIGKILL:
            break
        survivor = 1 - victim
        said = _log(run, survivor).read_text(errors="replace")
        found.append(
            {
                "worker": victim,
                "after_step": _last_row(run),
                "status_of_the_other": statuses[survivor],
                "it_said_why": "another worker is gone" in said,
                "seconds_until_it_ended": time.monotonic() - killed,
            }
        )
        processes = workers.together(run, resume=True)
    _whole(workers, processes, run)
    return found


def _last_row(run: Path) -> int:
    """The step of the last whole row; 0 without one."""
    rows = (run / "metrics.csv").read_text().rpartition("\n")[0].splitlines()[1:]
    return int(rows[-1].partition(",")[0]) if rows else 0


# ------------------------------------------------------------------------------- replicas


def replicas_agree(workers: Workers) -> dict[str, float]:
    """Train one process, and two of four logical replicas each; how far their weights are apart."""
    one, eight = workers.folder / "one-replica", workers.folder / "eight-replicas"
    if not (one / "summary.json").exists():
        _whole(workers, workers.together(one, count=1), one)
    if not (eight / "summary.json").exists():
        _whole(workers, workers.together(eight, replicas=REPLICAS), eight)
    arrays = [_last_weights(folder) for folder in (one, eight)]
    apart = [np.abs(a - b).max() for a, b in zip(*arrays, strict=True) if a.size]
    return {
        "processes": WORKERS,
        "replicas_of_each": REPLICAS,
        "steps": FEW_STEPS,
        "largest_difference_of_a_weight": float(max(apart)),
        "largest_weight": float(max(np.abs(a).max() for a in arrays[0] if a.size)),
    }


def _last_weights(folder: Path) -> list[np.ndarray]:
    """All that a run's last checkpoint holds, as float64."""
    from gan_common import runs
    from ssgan_tf import models
    from ssgan_tf.config import Config

    run, config = runs.Run(folder), cli.saved(Config, str(folder))
    shape, names = run.dataset_facts()
    gan = models.restore(run, config, shape, len(names))
    return [v.numpy().astype(float) for of in gan.checkpoint_variables().values() for v in of]


# -------------------------------------------------------------------------------- command


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> int:
    options = Options(**cli.parse(Options, argv, __doc__))
    folder = Path(options.runs).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    done_file = folder / "done.json"
    done = json.loads(done_file.read_text()) if done_file.exists() else {"kills": [], "bad": []}
    workers = Workers(folder, **FLAGS)
    start = time.monotonic()
    reference = left_alone(workers)
    while (total := len(done["kills"])) < options.kills:
        if options.minutes is not None and time.monotonic() - start > 60 * options.minutes:
            print(f"{total} of {options.kills} kills: the same command goes on")
            return 0
        run = folder / f"killed-{total}-{os.getpid()}"
        chance = random.Random(f"{options.seed} {total}")
        found = killed_run(workers, run, min(KILLS_PER_RUN, options.kills - total), chance)
        done["kills"] += found
        done["bad"] += [f"{run.name}: {what}" for what in soak.differences(run, reference)]
        files.write_json(done_file, done)
        print(
            f"{len(done['kills'])}/{options.kills} kills, {len(done['bad'])} differences, "
            f"{time.monotonic() - start:.0f} s",
            flush=True,
        )
    if "replicas" not in done:
        few = Workers(folder, **LOGICAL)
        del few.flags["epochs"]
        done["replicas"] = replicas_agree(few)
        files.write_json(done_file, done)
    result = tally(done, options)
    for name, value in result.items():
        print(f"{name:<24}{value}")
    if options.json:
        files.write_json(Path(options.json), result)
    return 1 if done["bad"] or not result["each_time_told"] else 0


def tally(done: dict, options: Options) -> dict:
    """What is published of the kills."""
    kills = done["kills"]
    return {
        "command": f"python -m benchmarks.stress.workers --kills {options.kills} --seed {options.seed}",
        "cores": os.cpu_count(),
        "kills": len(kills),
        "of_the_first_worker": sum(kill["worker"] == 0 for kill in kills),
        "each_time_told": all(
            kill["status_of_the_other"] == 2 and kill["it_said_why"] for kill in kills
        ),
        "longest_until_the_other_ended_s": max(kill["seconds_until_it_ended"] for kill in kills),
        "differences": done["bad"],
        "replicas": done["replicas"],
        "each": kills,
    }


if __name__ == "__main__":
    main()
