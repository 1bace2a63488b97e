"""Training over several devices or machines: `tf.distribute`, and what the workers agree on."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from gan_common.errors import UserError
from gan_common.runs.signals import StopSignals
from ssgan_tf.config import Config


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
        if not isinstance(task["index"], int) or not 0 <= task["index"] < len(workers):
            raise ValueError(f"there is no worker {task['index']} among {len(workers)}")
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"--distribute multiworker needs $TF_CONFIG on each machine ({error!r}); "
            f"the first one's reads {example}"
        ) from error
    return found


def make_strategy(config: Config) -> Any:
    """The `tf.distribute` strategy of --distribute.

    Raises:
        UserError: batches that do not divide by the replicas.
    """
    import tensorflow as tf

    if config.distribute == "none":
        return tf.distribute.get_strategy()
    if config.distribute == "mirrored":
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        devices = [device.name for device in tf.config.list_logical_devices(kind)]
        strategy = tf.distribute.MirroredStrategy(devices)
    else:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    replicas = strategy.num_replicas_in_sync
    for name in ("batch_size", "labelled_batch", "game_batch"):
        if (getattr(config, name) or 0) % replicas:
            raise UserError(
                f"--{name} {getattr(config, name)} does not divide by the {replicas} replicas; "
                f"give a multiple of {replicas}"
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

    @tf.function
    def agree(told: tf.Tensor) -> tf.Tensor:
        return strategy.experimental_local_results(strategy.run(total, (told,)))[0]

    def agreed(time_share: float, stop: bool) -> tuple[float, bool]:
        told = agree(tf.constant([time_share / local, float(stop)])).numpy()
        return float(told[0]), told[1] > 0

    return agreed


class Follower:
    """What a worker other than the first has in a recorder's place: it counts, and listens to signals."""

    seconds, max_seconds = 0.0, None

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
