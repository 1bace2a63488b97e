"""Train an SSGAN: one network that tells real from generated and names the class, from a few labels.

    python -m ssgan_tf.train --dataset mnist --labels 100 --max_minutes 30
    python -m ssgan_tf.train --dataset mnist --labels 100 --baseline --steps 20000
    python -m ssgan_tf.train --sweep labels=50,100,1000 --seeds 3 --max_minutes 10

Makes a run folder with checkpoints, curves and samples; ends with the error on the test split, which is
looked at once.  What is shown during training is the validation error: of training images that are kept
apart and whose labels serve for nothing else.

With --epochs or --steps the learning rates follow the steps, and the same flags give the same numbers.
With --max_minutes they also follow the clock, so that they have fallen when the time is up; two such runs
are not bit for bit the same.

On several machines, start the same command on each, with --distribute multiworker, a TF_CONFIG of its own
and a --run_dir on a shared disk.
"""

import dataclasses
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gan_common import catalogue, cli, data, runs
from gan_common.cli import effects, images, length
from gan_common.errors import UserError
from gan_common.runs.distribute import follower, keeps_the_folder, make_strategy, train_together
from ssgan_tf import presets
from ssgan_tf.config import LEAST_INTERVAL, Config, Flags, parse_sweep, resolve, resumed
from ssgan_tf.expectations import expected
from ssgan_tf.parts import (
    FIRST_BATCH,
    Parts,
    divide,
    keep_labelled,
    label_shares,
    stream,
    tell_shares,
)

# TensorFlow takes seconds to import, so the modules that need it are imported inside functions:
# a mistyped flag, or data that are not there, are reported at once.

BATCHES = ("batch_size", "labelled_batch", "game_batch")  # flags of what is shared out to replicas
# A step of the game for one of labels alone, `fast`: 3.1 on mnist5k, 3.6 on CIFAR-10 (results/ssgan_*.json).
GAME_COST = 3.5


def main(argv: Sequence[str] | None = None) -> None:
    """Train a semi-supervised GAN, or a table of them."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> int:
    given = cli.parse(Flags, argv, __doc__)
    if given.get("tricks") == ("help",):
        return catalogue.tell(catalogue.SSGAN)
    numbers, seeds = given.pop("sweep", None), given.pop("seeds", None)
    if numbers is not None:
        from ssgan_tf import sweep

        return sweep.sweep(given, parse_sweep(numbers), seeds or 1)
    if seeds is not None:
        raise UserError("--seeds belongs to --sweep; one run has one --seed")
    if "resume" in given:
        return train(resumed(given), typed=given)
    return train(_resolved(given), given=given)


def _resolved(given: dict) -> Config:
    """The configuration before the images are looked at: what suits gray ones may suit a folder."""
    try:
        return resolve(given)
    except UserError:
        if not given.get("dataset", "").startswith("folder:"):
            raise
        return resolve(given, gray=True)


def train(
    config: Config, typed: Collection[str] = (), given: Mapping[str, Any] | None = None
) -> int:
    """Train by `config` and measure the result.

    Args:
        config: resolved, or of a run that is resumed.
        typed: names of the fields that were typed beside --resume.
        given: what a new run's was made of; a folder turns out to be gray or in color only when it is read,
            and the presets have other values for gray images.

    Returns:
        The exit status: 0 when all steps are done or the time is up, 130 or 143 when interrupted.
    """
    is_first = keeps_the_folder(config.distribute)
    line = expected(config)
    if line and is_first and not config.resume:
        print(line, flush=True)
    dataset = images.load(config)
    if given is not None and dataset.listing is not None:
        config = resolve(dict(given), gray=dataset.image_shape[-1] == 1)
    parts = divide(dataset, config)
    shares = label_shares(parts, dataset)
    steps_per_epoch = data.steps_per_epoch(len(parts.x_unlabelled), config.batch_size)
    total_steps = length.total_steps(config, steps_per_epoch)
    if given is not None and is_first:  # here, so that an error is the one line that is said
        effects.tell(config, given, presets.effects(dataset.image_shape[-1] == 1), catalogue.SSGAN)

    import gan_common.quiet  # noqa: F401
    from gan_common.cli import finish, resume
    from gan_common.kernels import choice, footprint, machine
    from gan_common.runs import warm_start
    from gan_common.runs.recorder import Recorder
    from ssgan_tf import evaluate, models

    # The nets for gray images are so small that casting costs more than bfloat16 products save.
    gray = dataset.image_shape[-1] == 1 and config.precision == "auto"
    precision = "float32" if gray else machine.choose_precision(config.precision)
    config = dataclasses.replace(config, precision=precision)
    batches = {name: getattr(config, name) for name in BATCHES}
    strategy = make_strategy(config.distribute, batches)  # before any other work of TensorFlow's
    footprint.check(config, dataset.image_shape, dataset.num_classes, models.size_of)
    source = resume.source_of(config, models.restore)
    with strategy.scope():
        gan = models.build(
            config,
            dataset.image_shape,
            dataset.num_classes,
            parts.x_unlabelled[:FIRST_BATCH],
            shares,
        )
        if source is not None:
            warm_start.take_over(gan, source, str(config.from_))
    if not is_first:
        return follow(gan, parts, config, strategy, total_steps)
    if config.resume:
        run = runs.Run(Path(config.resume))
    else:
        run = runs.Run.create(dataclasses.asdict(config), config.run_dir, "ssgan_tf", dataset)
    keep_labelled(run.folder / "labelled.npy", parts.labelled)
    kind = "baseline" if config.baseline else config.preset
    print(
        f"{run.folder}: {kind} on {len(parts.labelled)} labelled and {len(parts.x_unlabelled)} "
        f"unlabelled images of {dataset.name}, {len(parts.x_validation)} for validation"
    )
    if config.baseline:
        print(
            "--baseline: the unlabelled images count the epochs, and nothing is learned from them"
        )
    if untold := data.without(parts.y_validation, dataset.class_names):
        print(f"too few images for one in validation: {untold}")
    if shares is not None:
        unequal = len(set(np.bincount(parts.y_labelled))) > 1
        print(tell_shares(shares, dataset.class_names, unequal))
    length.tell(config, len(parts.x_unlabelled), steps_per_epoch)
    if config.distribute == "none":
        choice.choose(gan.networks, config.batch_size, run.folder / choice.FILE)

    validation_error = partial(gan.error, parts.x_validation, parts.y_validation)
    recorder = Recorder(
        run,
        gan.checkpoint_variables(),
        gan.fixed_samples,
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
        batch_size=config.batch_size,
        sample_every=length.interval(config.sample_every, steps_per_epoch, LEAST_INTERVAL),
        save_every=length.interval(config.save_every, steps_per_epoch, LEAST_INTERVAL),
        max_minutes=config.max_minutes,
        quality=validation_error if len(parts.x_validation) else None,
        treatment=watch(gan, parts, config),
        phases=phases(config, total_steps),
    )
    if config.resume:
        recorder.restore()
        images.keep(run, dataset, config)
    with recorder:
        if config.resume:
            config = resume.go_on(run, recorder, config, typed)
        if source is not None:
            recorder.save()  # the run that they come from may go on, or away
        fit(gan, parts, config, recorder, strategy)
    if not recorder.finished:  # another worker was told to stop
        recorder.save()
    if recorder.interrupted or not recorder.finished:
        return finish.stopped(run, recorder, recorder.interrupted or signal.SIGTERM)
    summary: dict[str, float] = {"seed": config.seed, "labels": len(parts.labelled)}
    if len(parts.x_validation):
        summary["validation_error"] = gan.error(parts.x_validation, parts.y_validation)
    return finish.finish(
        run,
        recorder,
        "ssgan_tf",
        summary=summary,
        # The only look at the test split.
        measure=(lambda: evaluate.evaluate(run, gan, dataset)) if config.evaluate else None,
        told="test error {test_error:.2%}",
        json=config.json,
    )


def phases(config: Config, total_steps: int) -> tuple[tuple[int, float], ...]:
    """From which step on a step costs how much: labels alone, then the game."""
    begin = round(config.labels_first * total_steps)
    if config.baseline or not 0 < begin < total_steps:
        return ((0, 1.0),)
    return (0, 1.0), (begin, GAME_COST)


def watch(gan: Any, parts: Parts, config: Config) -> Any:
    """The doctor of a training, and what --on_failure lets it do.

    Over several replicas images are left out: their batch statistics are those of all replicas together.
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


def step_function(gan: Any, config: Config, strategy: Any) -> Callable:
    """The step as a graph: (labelled, labels, unlabelled, fraction) → its losses, accuracies and norms."""
    import tensorflow as tf

    # Traced once more when the game begins, and when D is paused for the first time.  No branch depends on a
    # tensor, and to look for one in all that a step calls is a quarter of what tracing takes.
    @tf.function(autograph=False)
    def step(
        labelled: Any,
        labels: Any,
        unlabelled: Any,
        fraction: Any,
        d_learns: bool = True,
        game: bool = True,
    ) -> Any:
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


def fit(gan: Any, parts: Parts, config: Config, recorder: Any, strategy: Any) -> None:
    """Step after step, from the one that the recorder stands at to the last one."""
    import tensorflow as tf

    graph = step_function(gan, config, strategy)

    def step(batch: Any, done: int, time_share: float) -> dict:
        (labelled, labels), (unlabelled,) = batch
        if len(parts.x_validation) and done and done % config.test_every == 0:
            gan.validation_error.assign(gan.error(parts.x_validation, parts.y_validation))
        fraction = tf.constant(min(1.0, max(done / recorder.total_steps, time_share)), tf.float32)
        game = float(fraction) >= config.labels_first
        values = graph(labelled, labels, unlabelled, fraction, gan.d_learns, game)
        values = {name: value.numpy() for name, value in values.items()}
        if len(parts.x_validation):
            values["validation_error"] = float(gan.validation_error.numpy())
        return values

    several = config.distribute == "multiworker"
    train_together(recorder, partial(stream, parts, config), step, strategy, several)


def trial(
    dataset: data.Dataset,
    steps: int,
    *,
    sample_every: int | None = None,
    on_sample: Callable | None = None,
    **flags: Any,
) -> tuple:
    """Train in memory, without a run's folder: for notebooks, and for comparing one thing with another.

    Args:
        dataset: the images.
        steps: training steps.
        sample_every, on_sample: see `gan_common.runs.history.History`.
        flags: as `resolve` takes them, `labels`, `baseline` and `seed` for example.

    Returns:
        The SSGAN, its `History`, and the `Parts` of the data that it was given.
    """
    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import choice
    from gan_common.runs.history import History
    from ssgan_tf import models

    config = resolve({"precision": "float32", "steps": steps, **flags})
    parts = divide(dataset, config)
    gan = models.build(
        config,
        dataset.image_shape,
        dataset.num_classes,
        parts.x_unlabelled[:FIRST_BATCH],
        label_shares(parts, dataset),
    )
    choice.choose(gan.networks, config.batch_size, say=lambda line: None)
    history = History(
        steps,
        draw_samples=gan.fixed_samples,
        sample_every=sample_every,
        on_sample=on_sample,
    )
    fit(gan, parts, config, history, make_strategy("none"))
    return gan, history, parts


def follow(gan: Any, parts: Parts, config: Config, strategy: Any, total_steps: int) -> int:
    """The training of a worker other than the first, which keeps the run's folder."""
    parts = dataclasses.replace(parts, x_validation=parts.x_validation[:0])
    with follower(config.resume, gan.checkpoint_variables(), total_steps) as counting:
        fit(gan, parts, config, counting, strategy)
    return 128 + counting.interrupted if counting.interrupted else 0


if __name__ == "__main__":
    main()
