"""Train an SSGAN: one network that tells real from generated and names the class, from a few labels.

    python -m ssgan_tf.train --dataset mnist --labels 100 --max_minutes 30
    python -m ssgan_tf.train --dataset mnist --labels 100 --baseline --steps 20000
    python -m ssgan_tf.train --sweep labels=50,100,1000 --seeds 3 --max_minutes 10

Makes a run folder with checkpoints, curves and samples; ends with the error on the test split, which is
looked at once.  The error during training is that of held-out training pictures, and their labels serve
for nothing else.

With --epochs or --steps the learning rates follow the steps, and the same flags give the same numbers.
With --max_minutes they also follow the clock, so that they have fallen when the time is up; two such runs
are not bit for bit the same.

On several machines, start the same command on each, with --distribute multiworker, a TF_CONFIG of its own
and a --run_dir on a shared disk.
"""

import dataclasses
import json
import os
import signal
from pathlib import Path

import numpy as np

from gan_common import cli, data, files, runs
from gan_common.errors import UserError
from ssgan_tf.config import (
    DEFAULT_LABELS,
    NOT_OF_BASELINE,
    TRICKS,
    Config,
    Flags,
    parse_sweep,
    resolve,
    resumed,
)

# TensorFlow takes seconds to import, so the modules that need it are imported inside functions:
# a mistyped flag, or data that are not there, are reported at once.

FIRST_BATCH = 500  # pictures of the data-dependent initialisation
LEAST_INTERVAL = 500  # steps between checkpoints, where an epoch is shorter


def main(argv=None) -> None:
    """The command `ssgan-tf`."""
    cli.run(_main, argv)


def _main(argv) -> int:
    given = cli.parse(Flags, argv, __doc__)
    if given.get("tricks") == ("help",):
        return cli.tell_tricks(TRICKS)
    numbers, seeds = given.pop("sweep", None), given.pop("seeds", None)
    if numbers is not None:
        return sweep(given, parse_sweep(numbers), seeds or 1)
    if seeds is not None:
        raise UserError("--seeds belongs to --sweep; one run has one --seed")
    return train(resumed(given) if "resume" in given else resolve(given))


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """What a run takes of a data set.  Pictures are uint8 (N, H, W, C), labels int32 (N,).

    Attributes:
        labelled: indices into the training pictures of those whose label may be seen.
        x_labelled, y_labelled: these.
        x_unlabelled: the pool, labelled pictures among it, without any label.
        x_held, y_held: training pictures that nothing is learnt from.
    """

    labelled: np.ndarray
    x_labelled: np.ndarray | data.Rows
    y_labelled: np.ndarray
    x_unlabelled: np.ndarray | data.Rows
    x_held: np.ndarray
    y_held: np.ndarray


def divide(dataset: data.Dataset, config: Config) -> Parts:
    """Choose by `config.seed` which pictures are held out, and which labels are seen.

    Raises:
        UserError: labels that are not there, or not divisible by the classes.
    """
    x, y = dataset.x_train, dataset.y_train
    count = min(5000, len(y) // 10) if config.held_out is None else config.held_out
    if count >= len(y):
        raise UserError(f"--held_out {count}: the data has only {len(y)} training pictures")
    kept, held = np.arange(len(y)), np.arange(0)
    if count:
        kept, held = data.held_out(y, count, config.seed)
    pool = dataset.x_unlabelled
    labels = config.labels or (DEFAULT_LABELS if pool is None else "all")
    labelled = kept[data.label_split(y[kept], labels, config.seed)[0]]
    if isinstance(x, np.memmap):  # so large that nothing but a batch is to be copied
        pools = [(x, kept)] if pool is None else [(pool, np.arange(len(pool))), (x, kept)]
        seen, pool = data.Rows((x, labelled)), data.Rows(*pools)
    else:
        seen = x[labelled]
        pool = x[kept] if pool is None else np.concatenate([pool, x[kept]])
    return Parts(labelled, seen, y[labelled], pool, x[held], y[held])


def keep_labelled(path: Path, labelled: np.ndarray) -> None:
    """Save which pictures' labels are seen, or check that a resumed run sees those it began with."""
    if path.exists():
        try:
            same = np.array_equal(np.load(path, allow_pickle=False), labelled)
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{path}: damaged ({error}); remove it") from error
        if not same:
            raise UserError(
                f"{path}: other pictures are labelled now; put the data back as they were"
            )
        return

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:  # given a name, NumPy would add .npy to it
            np.save(file, labelled)

    files.write_whole(path, write)


def train(config: Config) -> int:
    """Train by `config` and measure the result.

    Returns:
        The exit status: 0 when all steps are done or the time is up, 130 or 143 when interrupted.
    """
    dataset = data.load(config.dataset, config.data_dir, config.image_size)
    parts = divide(dataset, config)
    steps_per_epoch = data.steps_per_epoch(len(parts.x_unlabelled), config.batch_size)
    total_steps = config.steps or config.epochs * steps_per_epoch
    is_first = config.distribute != "multiworker" or cluster()["task"]["index"] == 0

    import gan_common.quiet  # noqa: F401
    from gan_common import runs
    from gan_common.kernels import machine
    from gan_common.runs.recorder import Recorder
    from ssgan_tf import evaluate, models

    # The nets for grey pictures are so small that casting costs more than bfloat16 products save.
    grey = dataset.image_shape[-1] == 1 and config.precision == "auto"
    precision = "float32" if grey else machine.choose_precision(config.precision)
    config = dataclasses.replace(config, precision=precision)
    strategy = make_strategy(config)
    with strategy.scope():
        gan = models.build(
            config, dataset.image_shape, dataset.num_classes, parts.x_unlabelled[:FIRST_BATCH]
        )
    if not is_first:
        return follow(gan, parts, config, strategy, total_steps)
    if config.resume:
        run = runs.Run(Path(config.resume))
        run.check_dataset(dataset)
    else:
        run = runs.Run.create(dataclasses.asdict(config), config.run_dir, "ssgan_tf", dataset)
    keep_labelled(run.folder / "labelled.npy", parts.labelled)
    kind = "baseline" if config.baseline else config.preset
    print(
        f"{run.folder}: {kind} on {len(parts.labelled)} labelled and {len(parts.x_unlabelled)} "
        f"unlabelled pictures of {dataset.name}, {len(parts.x_held)} held out"
    )

    def interval(epochs: float | None) -> int:
        if epochs is None:
            return max(LEAST_INTERVAL, steps_per_epoch)
        return max(1, round(epochs * steps_per_epoch))

    recorder = Recorder(
        run,
        gan.checkpoint_variables(),
        gan.fixed_samples,
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
        batch_size=config.batch_size,
        sample_every=interval(config.sample_every),
        save_every=interval(config.save_every),
        max_minutes=config.max_minutes,
        quality=(lambda: gan.error(parts.x_held, parts.y_held)) if len(parts.x_held) else None,
        treatment=watch(gan, parts, config),
    )
    if config.resume:
        print(f"going on after step {recorder.restore()}")
    with recorder:
        fit(gan, parts, config, recorder, strategy)
    if not recorder.finished:  # another worker was told to stop
        recorder.save()
    if recorder.interrupted or not recorder.finished:
        print(f"stopped at step {recorder.step}; go on with --resume {run.folder}")
        return 128 + (recorder.interrupted or signal.SIGTERM)

    run.summarise(**recorder.totals(), seed=config.seed, labels=len(parts.labelled))
    gif, curves = recorder.draw_pictures()
    if len(parts.x_held):
        run.summarise(held_out_error=gan.error(parts.x_held, parts.y_held))
    measured = {}
    if config.evaluate:  # the only look at the test split
        try:
            with cli.when_interrupted(f"the run is saved; --resume {run.folder} measures it"):
                measured = evaluate.evaluate(run, gan, dataset)
        except UserError as error:  # the training itself is done and saved
            print(f"not measured: {error}")
    if config.json:
        files.write_json(Path(config.json), run.summary())
    print(f"run        {run.folder}")
    print(f"samples    {run.sample_files()[-1]}")
    print(f"over time  {gif}")
    print(f"curves     {curves}")
    print(f"more       python -m ssgan_tf.generate --run_dir {run.folder} --nice")
    if measured:
        print("test error {test_error:.2%}".format(**measured))
    return 0


def watch(gan, parts: Parts, config: Config):
    """The doctor of a training, and what --on_failure lets it do.

    Over several replicas pictures are left out: their batch statistics are those of all replicas together.
    """
    from gan_common import doctor
    from gan_common.doctor.treatment import Treatment

    kind = config.generator_loss
    watching = doctor.Doctor(
        doctor.look_at_data(parts.x_unlabelled, config.seed),
        None if config.baseline else doctor.GUESSING["non_saturating"],
        doctor.least_loss("non_saturating", config.real_label),
        needs_verdict=kind != "feature_matching",
    )
    alone = config.distribute == "none" and not config.baseline
    return Treatment(watching, config.on_failure, gan.set_rates, gan.look if alone else None)


def step_function(gan, config: Config, strategy):
    """The step as a graph: (labelled, labels, unlabelled, fraction) → its losses, accuracies and norms."""
    import tensorflow as tf

    # Traced once more when the game begins, and when D is paused for the first time.  No branch depends on a
    # tensor, and to look for one in all that a step calls is a quarter of what tracing takes.
    @tf.function(autograph=False)
    def step(labelled, labels, unlabelled, fraction, d_learns: bool = True, game: bool = True):
        gan.set_schedule(fraction)
        if config.baseline or not game:
            values = strategy.run(gan.baseline_step, (labelled, labels))
            if not config.baseline:
                values |= dict.fromkeys(gan.of_the_game, tf.constant(0.0))
                values["supervised_loss"] = values["d_loss"]
        else:
            values = strategy.run(gan.train_step, (labelled, labels, unlabelled, d_learns))
        gan.end_step()
        # Each replica has the values of the whole batch.
        return {k: strategy.experimental_local_results(v)[0] for k, v in values.items()}

    return step


def fit(gan, parts: Parts, config: Config, recorder, strategy) -> None:
    """Step after step, from the one that the recorder stands at to the last one."""
    import tensorflow as tf

    step = step_function(gan, config, strategy)
    agree = agreement(strategy, several=config.distribute == "multiworker")
    try:
        while True:
            for (labelled, labels), (unlabelled,) in stream(parts, config, recorder.step):
                time_share, stop = agree(share_of_time(recorder), recorder.finished)
                if stop:
                    return
                done = recorder.step
                fraction = min(1.0, max(done / recorder.total_steps, time_share))
                if len(parts.x_held) and done and done % config.test_every == 0:
                    gan.held_out_error.assign(gan.error(parts.x_held, parts.y_held))
                fraction = tf.constant(fraction, tf.float32)
                game = float(fraction) >= config.labels_first
                values = step(labelled, labels, unlabelled, fraction, gan.d_learns, game)
                values = {name: value.numpy() for name, value in values.items()}
                if len(parts.x_held):
                    values["held_out_error"] = float(gan.held_out_error.numpy())
                recorder.after_step(done + 1, values)
                if recorder.step != done + 1:  # gone back to a checkpoint
                    break
    except tf.errors.OpError as error:
        if config.distribute != "multiworker":
            raise
        raise UserError(
            f"another worker is gone, or cannot be reached, after step {recorder.step} "
            f"({type(error).__name__}); start all workers again with --resume"
        ) from error


def share_of_time(recorder) -> float:
    """How much of --max_minutes is over; 0 without a limit."""
    return recorder.seconds / recorder.max_seconds if recorder.max_seconds else 0.0


def stream(parts: Parts, config: Config, start_step: int):
    """Endless ((pictures, labels), (pictures,)): a labelled batch and one without any label."""
    import tensorflow as tf

    labelled = data.stream(
        (parts.x_labelled, parts.y_labelled),
        min(config.labelled_batch, len(parts.y_labelled)),
        config.seed,
        start_step,
    )
    unlabelled = data.stream((parts.x_unlabelled,), config.batch_size, config.seed + 1, start_step)
    return tf.data.Dataset.zip((labelled, unlabelled))


def trial(dataset: data.Dataset, steps: int, *, sample_every=None, on_sample=None, **flags):
    """Train in memory, without a run's folder: for notebooks, and for comparing one thing with another.

    Args:
        dataset: the pictures.
        steps: training steps.
        sample_every, on_sample: see `gan_common.runs.history.History`.
        flags: as `resolve` takes them, `labels`, `baseline` and `seed` for example.

    Returns:
        The SSGAN, its `History`, and the `Parts` of the data that it was given.
    """
    import gan_common.quiet  # noqa: F401
    from gan_common.runs.history import History
    from ssgan_tf import models

    config = resolve({"precision": "float32", "steps": steps, **flags})
    parts = divide(dataset, config)
    gan = models.build(
        config, dataset.image_shape, dataset.num_classes, parts.x_unlabelled[:FIRST_BATCH]
    )
    history = History(
        steps,
        steps_per_epoch=data.steps_per_epoch(len(parts.x_unlabelled), config.batch_size),
        draw_samples=gan.fixed_samples,
        sample_every=sample_every,
        on_sample=on_sample,
    )
    fit(gan, parts, config, history, make_strategy(config))
    return gan, history, parts


# ------------------------------------------------------------------------------- sweep


def sweep(given: dict, numbers: tuple[str, ...], seeds: int) -> int:
    """Train SSGAN and baseline for each number of labels and each seed, then draw and print the table.

    Each run has a folder of its own; those that are done are kept, and one that was interrupted goes on, so
    the same command takes a sweep up again.  A baseline takes as many steps as the SSGAN beside it.

    Args:
        given: the flags of every run; `run_dir` is the folder of the sweep.
        numbers: of labels.
        seeds: how many, from the given one on.

    Returns:
        The exit status of the first run that was interrupted, or 0.

    Raises:
        UserError: for flags that contradict a sweep, or any run's own.
    """
    for name in ("labels", "baseline", "resume"):
        if name in given:
            raise UserError(f"--{name} and --sweep exclude each other; the sweep sets it")
    given = dict(given)
    folder = Path(given.pop("run_dir", None) or "runs/ssgan_tf/sweep")
    out, first = given.pop("json", None), given.get("seed", 1)
    errors: dict[str, list[float]] = {}
    for number in numbers:
        for seed in range(first, first + seeds):
            flags = {**given, "labels": number, "seed": seed}
            name = f"labels-{number}-seed-{seed}"
            status = _run_once(folder / f"ssgan-{name}", flags)
            if status:
                return status
            ours = runs.read_summary(folder / f"ssgan-{name}")
            flags = {k: v for k, v in flags.items() if k not in ("epochs", "max_minutes")}
            flags = {k: v for k, v in flags.items() if k not in NOT_OF_BASELINE}
            flags |= {"baseline": True, "steps": ours["steps"]}
            status = _run_once(folder / f"baseline-{name}", flags)
            if status:
                return status
            for kind, found in (
                ("SSGAN", ours),
                ("baseline", runs.read_summary(folder / f"baseline-{name}")),
            ):
                errors.setdefault(f"{kind}, {number} labels", []).append(100 * found["test_error"])
    means = {name: float(np.mean(values)) for name, values in errors.items()}
    spreads = {name: float(np.std(values)) for name, values in errors.items()}

    from gan_common import plotting

    picture = folder / "errors.png"
    plotting.comparison(
        picture, means, f"Test error, {seeds} seeds", "%", spreads if seeds > 1 else None
    )
    for name, values in errors.items():
        each = "  ".join(f"{value:.2f}" for value in values)
        print(f"{name:<24} {means[name]:6.2f}% ± {spreads[name]:.2f}   ({each})")
    print(f"drawn      {picture}")
    files.write_json(folder / "sweep.json", {"test_error_percent": errors})
    if out:
        files.write_json(Path(out), {"test_error_percent": errors})
    return 0


def _run_once(folder: Path, flags: dict) -> int:
    """One run of a sweep: from the start, or from where it stood, or not at all if it is done."""
    if "test_error" in runs.read_summary(folder):
        return 0
    started = any(folder.glob("checkpoints/step-*"))
    if started:
        return train(resumed({"resume": str(folder)}))
    return train(resolve({**flags, "run_dir": str(folder)}))


# ------------------------------------------------------------------------- distribution


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


def make_strategy(config: Config):
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


def agreement(strategy, several: bool):
    """(share of the time, stop) of each worker → what all of them go by: the sums.

    So the clock of the first one, and a signal to any of them, hold for all.
    """
    if not several:
        return lambda time_share, stop: (time_share, stop)
    import tensorflow as tf

    local = len(strategy.extended.worker_devices)

    def total(told):
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(told))

    @tf.function
    def agree(told):
        return strategy.experimental_local_results(strategy.run(total, (told,)))[0]

    def agreed(time_share: float, stop: bool):
        told = agree(tf.constant([time_share / local, float(stop)])).numpy()
        return float(told[0]), told[1] > 0

    return agreed


class Follower:
    """What a worker other than the first has in a recorder's place: it counts, and listens to signals."""

    seconds, max_seconds = 0.0, None

    def __init__(self, step: int, total_steps: int):
        self.step, self.total_steps = step, total_steps
        self.interrupted: int | None = None

    @property
    def finished(self) -> bool:
        return self.step >= self.total_steps or self.interrupted is not None

    def after_step(self, step: int, values) -> None:
        self.step = step

    def __enter__(self):
        from gan_common.runs.signals import StopSignals

        self._signals = StopSignals(self._on_stop).__enter__()
        return self

    def __exit__(self, *_):
        self._signals.__exit__()

    def _on_stop(self, number: int) -> None:
        self.interrupted = number


def follow(gan, parts: Parts, config: Config, strategy, total_steps: int) -> int:
    """The training of a worker other than the first, which keeps the run's folder."""
    from gan_common import runs
    from gan_common.runs import checkpoints

    start = 0
    if config.resume:
        state = checkpoints.Checkpoints(
            runs.Run(Path(config.resume)), gan.checkpoint_variables()
        ).restore()
        start = state["step"] if state else 0
    parts = dataclasses.replace(parts, x_held=parts.x_held[:0])
    with Follower(start, total_steps) as follower:
        fit(gan, parts, config, follower, strategy)
    return 128 + follower.interrupted if follower.interrupted else 0


if __name__ == "__main__":
    main()
