"""Training over several devices or machines: `tf.distribute`, and what the workers agree on."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_common.errors import UserError
from gan_common.runs.contract import StepRecorder
from gan_common.runs.signals import StopSignals


def cluster() -> dict:
    """What $TF_CONFIG says of this process and the others.

    Raises:
        UserError: absent, or not as TensorFlow wants it.
    """
    example = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
    try:
        found = json.loads(os.environ.get("TF_CONFIG") or "null")
        workers, task = found["cluster"]["worker"], found["task"]
        if set(found["cluster"]) != {"worker"} or task["type"] != "worker":
            raise ValueError("every process must be a worker")
        if not isinstance(workers, list) or not all(isinstance(each, str) for each in workers):
            raise ValueError("the workers are a list of addresses")
        if not isinstance(task["index"], int) or not 0 <= task["index"] < len(workers):
            raise ValueError(f"there is no worker {task['index']} among {len(workers)}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"--distribute multiworker needs $TF_CONFIG on each machine ({error!r}); "
            f"the first one's reads {example}"
        ) from error
    return found


def keeps_the_folder(distribute: str) -> bool:
    """Whether this process writes the run's folder: of several workers the first one does.

    Raises:
        UserError: as `cluster`.
    """
    return distribute != "multiworker" or cluster()["task"]["index"] == 0


def make_strategy(distribute: str, batches: Mapping[str, int | None] | None = None) -> Any:
    """The `tf.distribute` strategy of --distribute.

    Args:
        distribute: "none", "mirrored" or "multiworker".
        batches: flag → images of a step, or None.

    Raises:
        UserError: batches that do not divide by the replicas.
    """
    import tensorflow as tf

    if distribute == "none":
        return tf.distribute.get_strategy()
    if distribute == "mirrored":
        # TensorFlow would look for the machines that it names, and fail.
        if os.environ.pop("TF_CONFIG", None):
            print("$TF_CONFIG is left aside: mirrored is of this machine alone", file=sys.stderr)
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        devices = [device.name for device in tf.config.list_logical_devices(kind)]
        strategy = tf.distribute.MirroredStrategy(devices)
    else:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    replicas = strategy.num_replicas_in_sync
    for name, size in (batches or {}).items():
        if (size or 0) % replicas:
            raise UserError(
                f"--{name} {size} does not divide by the {replicas} replicas; give a multiple of "
                f"{replicas}"
            )
    return strategy


def agreement(strategy: Any, several: bool) -> Callable[[float, bool], tuple[float, bool]]:
    """(share of the time, stop) of each worker → what all of them go by: the sums.

    So the clock of the first one, and a signal to any of them, hold for all.
    """
    if not several:
        return lambda time_share, stop: (time_share, stop)
    import tensorflow as tf

    local = len(strategy.extended.worker_devices)

    def total(told: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(told))

    @tf.function(autograph=False)
    def agree(told: tf.Tensor) -> tf.Tensor:
        return strategy.experimental_local_results(strategy.run(total, (told,)))[0]

    def agreed(time_share: float, stop: bool) -> tuple[float, bool]:
        told = agree(tf.constant([time_share / local, float(stop)])).numpy()
        return float(told[0]), told[1] > 0

    return agreed


def train_together(
    recorder: StepRecorder,
    stream: Callable[[int], Iterable],
    step: Callable[[Any, int, float], Mapping[str, float]],
    strategy: Any,
    several: bool,
) -> None:
    """Step after step, from the one that the recorder stands at to the last one, as all workers agree.

    Args:
        recorder: of this process.
        stream: steps done → the batches from there on, endless.
        step: (batch, steps done, share of the time that is over) → the step's numbers.
        strategy: as `make_strategy` gives it.
        several: whether there are other workers.

    Raises:
        UserError: another worker is gone.
    """
    import tensorflow as tf

    agree = agreement(strategy, several)
    try:
        while True:
            for batch in stream(recorder.step):
                time_share, stop = agree(share_of_time(recorder), recorder.finished)
                if stop:
                    return
                done = recorder.step
                recorder.after_step(done + 1, step(batch, done, time_share))
                if recorder.step != done + 1:  # gone back to a checkpoint
                    break
    except tf.errors.OpError as error:
        if not several:
            raise
        raise UserError(
            f"another worker is gone, or cannot be reached, after step {recorder.step} "
            f"({type(error).__name__}); start all workers again with --resume"
        ) from error


def share_of_time(recorder: StepRecorder) -> float:
    """How much of --max_minutes is over; 0 without a limit."""
    return recorder.seconds / recorder.max_seconds if recorder.max_seconds else 0.0


def follower(resume: str | None, variables: Mapping[str, Sequence], total_steps: int) -> "Follower":
    """What a worker other than the first has in a recorder's place, at the step that a run stands at.

    Args:
        resume: the run's folder, whose newest checkpoint is restored; None begins a run.
        variables: see `checkpoints.Checkpoints`.
        total_steps: of the training.
    """
    from gan_common.runs import Run, checkpoints

    state = checkpoints.Checkpoints(Run(Path(resume)), variables).restore() if resume else None
    return Follower(state["step"] if state else 0, total_steps)


class Follower:
    """What a worker other than the first has in a recorder's place: it counts, and listens to signals."""

    seconds: float = 0.0
    max_seconds: float | None = None

    def __init__(self, step: int, total_steps: int) -> None:
        self.step, self.total_steps = step, total_steps
        self.interrupted: int | None = None

    @property
    def finished(self) -> bool:
        """Whether there is a reason to take no further step."""
        return self.step >= self.total_steps or self.interrupted is not None

    def after_step(self, step: int, values: Mapping[str, float]) -> bool:
        self.step = step
        return self.finished

    def __enter__(self) -> "Follower":
        self._signals = StopSignals(self._on_stop).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._signals.__exit__()

    def _on_stop(self, number: int) -> None:
        self.interrupted = number
