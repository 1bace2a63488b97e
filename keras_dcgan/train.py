"""Train a DCGAN, or one of its relatives, with Keras.

    python -m keras_dcgan.train --dataset mnist5k --preset dcgan --epochs 20

Makes a run folder with checkpoints, curves and samples; ends with FID beside its floor.

On several machines, start the same command on each, with --distribute multiworker, a TF_CONFIG of its own
and a --run_dir on a shared disk.
"""

import dataclasses
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gan_common import catalogue, cli, data
from gan_common.cli import effects, images, length
from gan_common.runs.distribute import follower, keeps_the_folder, make_strategy, train_together
from keras_dcgan.config import LEAST_SAMPLE, LEAST_SAVE, Config, for_few, resolve, resumed
from keras_dcgan.presets import EFFECTS

# TensorFlow takes seconds to import, so the modules that need it are imported inside functions:
# a mistyped flag, or data that are not there, are reported at once.


def main(argv: Sequence[str] | None = None) -> None:
    """Train a DCGAN, or one of its relatives."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> int:
    given = cli.parse(Config, argv, __doc__)
    if given.get("tricks") == ("help",):
        return catalogue.tell(catalogue.DCGAN)
    if "resume" in given:
        return train(resumed(given), typed=given)
    return train(resolve(given), given=given)


def train(
    config: Config, typed: Collection[str] = (), given: Mapping[str, Any] | None = None
) -> int:
    """Train by `config` and measure the result.

    Args:
        config: resolved, or of a run that is resumed.
        typed: names of the fields that were typed beside --resume.
        given: of a new run, what was typed; what of it has no effect is told.

    Returns:
        The exit status: 0 when all steps are done or the time is up, 130 or 143 when interrupted.
    """
    dataset = images.load(config)
    chosen = config.tricks
    if given is not None:
        config = for_few(config, given, len(dataset.x_train))
    steps_per_epoch = data.steps_per_epoch(len(dataset.x_train), config.batch_size)
    total_steps = length.total_steps(config, steps_per_epoch)
    is_first = keeps_the_folder(config.distribute)
    if given is not None and is_first:  # here, so that an error is the one line that is said
        effects.tell(config, given, EFFECTS, catalogue.DCGAN)

    import gan_common.quiet  # noqa: F401
    from gan_common import runs
    from gan_common.cli import finish, resume
    from gan_common.kernels import choice, footprint, machine
    from gan_common.runs import warm_start
    from gan_common.runs.recorder import Recorder
    from keras_dcgan import evaluate, models

    config = dataclasses.replace(config, precision=machine.choose_precision(config.precision))
    # A strategy comes before any other work of TensorFlow's.
    batches = ["batch_size", *(["penalty_images"] if config.gamma else [])]
    strategy = make_strategy(config.distribute, {name: getattr(config, name) for name in batches})
    footprint.check(config, dataset.image_shape, dataset.num_classes, models.size_of)
    source = resume.source_of(config, models.restore)
    with strategy.scope():
        gan = models.build(
            config, dataset.image_shape, dataset.num_classes, dataset.x_train[: config.batch_size]
        )
        if source is not None:
            warm_start.take_over(gan, source, str(config.from_))
    if not is_first:  # the first worker keeps the run's folder
        with follower(config.resume, gan.checkpoint_variables(), total_steps) as counting:
            fit_replicas(gan, dataset, config, counting, strategy)
        return 128 + counting.interrupted if counting.interrupted else 0
    if config.resume:
        run = runs.Run(Path(config.resume))
    else:
        run = runs.Run.create(dataclasses.asdict(config), config.run_dir, "keras_dcgan", dataset)
    print(f"{run.folder}: {config.preset} on {len(dataset.x_train)} images of {dataset.name}")
    length.tell(config, len(dataset.x_train), steps_per_epoch)
    if config.tricks != chosen:
        print("these are few: D sees them augmented (--tricks augment); --tricks= leaves that out")
    if config.distribute == "none":
        choice.choose(gan.networks, config.batch_size, run.folder / choice.FILE)

    recorder = Recorder(
        run,
        gan.checkpoint_variables(),
        gan.fixed_samples,
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
        batch_size=config.batch_size,
        sample_every=length.interval(config.sample_every, steps_per_epoch, LEAST_SAMPLE),
        save_every=length.interval(config.save_every, steps_per_epoch, LEAST_SAVE),
        max_minutes=config.max_minutes,
        quality=lambda: gan.thumbnail_distance(dataset.x_train),
        treatment=watch(gan, dataset, config),
    )
    if config.resume:
        recorder.restore()
        images.keep(run, dataset, config)
    with recorder:
        if config.resume:
            config = resume.go_on(run, recorder, config, typed)
        if source is not None:
            recorder.save()  # the run that they come from may go on, or away
        if config.distribute == "none":
            fit(gan, dataset, config, recorder)
        else:
            fit_replicas(gan, dataset, config, recorder, strategy)
    if not recorder.finished:  # another worker was told to stop
        recorder.save()
    if recorder.interrupted or not recorder.finished:
        return finish.stopped(run, recorder, recorder.interrupted or signal.SIGTERM)
    return finish.finish(
        run,
        recorder,
        "keras_dcgan",
        summary={"seed": config.seed},
        measure=(lambda: evaluate.evaluate(run, gan, dataset)) if config.evaluate else None,
        told="FID        {fid:.2f} (real images: {fid_floor:.2f})",
        json=config.json,
    )


def watch(gan: Any, dataset: data.Dataset, config: Config) -> Any:
    """The doctor of a training, and what --on_failure lets it do.

    Over several replicas images are left out: their batch statistics are those of all replicas together.
    """
    from gan_common import doctor
    from gan_common.doctor.treatment import Treatment

    watching = doctor.Doctor(
        doctor.look_at_data(dataset.x_train, config.seed),
        doctor.GUESSING[config.loss],
        doctor.least_loss(config.loss, config.real_label),
        needs_verdict="feature_matching" not in config.tricks,
    )
    look = gan.look if config.distribute == "none" else None
    return Treatment(watching, config.on_failure, gan.set_rates, look)


def fit(gan: Any, dataset: data.Dataset, config: Config, recorder: Any) -> None:
    """`Model.fit` from the step that the recorder stands at to the last one."""
    from gan_common.runs.callback import AfterStep

    arrays = (dataset.x_train, dataset.y_train)
    while not recorder.finished:
        gan.fit(
            data.stream(arrays, config.batch_size, config.seed, start_step=recorder.step),
            # One epoch to Keras: where the images begin anew is the stream's business.
            steps_per_epoch=recorder.total_steps - recorder.step,
            callbacks=[AfterStep(recorder)],
            shuffle=False,  # the stream is shuffled
            verbose=0,
        )


def fit_replicas(
    gan: Any, dataset: data.Dataset, config: Config, recorder: Any, strategy: Any
) -> None:
    """`fit` over several replicas, in a loop of its own: Keras 3's does not work over several machines.

    Source: keras-team/keras issue 20585.
    """
    import tensorflow as tf

    @tf.function
    def graph(images: Any, labels: Any) -> Any:
        values = strategy.run(gan.replica_step, (images, labels))
        gan.end_step()
        # Each replica has the values of the whole batch.
        return {k: strategy.experimental_local_results(v)[0] for k, v in values.items()}

    def step(batch: Any, _done: int, _time_share: float) -> dict:
        return {name: value.numpy() for name, value in graph(*batch).items()}

    arrays = (dataset.x_train, dataset.y_train)
    batches = partial(data.stream, arrays, config.batch_size, config.seed)
    several = config.distribute == "multiworker"
    train_together(recorder, batches, step, strategy, several)


def trial(
    dataset: data.Dataset,
    steps: int,
    *,
    sample_every: int | None = None,
    on_sample: Callable | None = None,
    say: Callable[[str], None] | None = None,
    change: Callable[[Any], None] | None = None,
    networks: Callable[[Any, Any], tuple] | None = None,
    treat: Callable[[Any], Any] | None = None,
    **flags: Any,
) -> tuple:
    """Train in memory, without a run's folder: for notebooks, and for comparing one thing with another.

    Args:
        dataset: the images.
        steps: training steps.
        sample_every, on_sample: see `gan_common.runs.history.History`.
        say: is given each sentence of the doctor, who acts by `on_failure`; None leaves the doctor out.
        change: is given the GAN before its first step, to put another part in a part's place: a step that no
            flag names.
        networks: see `keras_dcgan.models.build`.
        treat: is given the GAN, and makes what stands in the doctor's place (`doctor.treatment.Treatment`).
        flags: as `resolve` takes them, `tricks` and `seed` for example; `precision` is float32 unless
            it is given.

    Returns:
        The GAN and its `History`.
    """
    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import choice, machine
    from gan_common.runs.history import History
    from keras_dcgan import models

    config = resolve({"precision": "float32", "steps": steps, **flags})
    config = dataclasses.replace(config, precision=machine.choose_precision(config.precision))
    first = dataset.x_train[: config.batch_size]
    gan = models.build(config, dataset.image_shape, dataset.num_classes, first, networks)
    choice.choose(gan.networks, config.batch_size, say=lambda line: None)
    if change is not None:
        change(gan)
    treatment = treat(gan) if treat is not None else None
    if say is not None:
        treatment = watch(gan, dataset, config)
        treatment.say = say
    history = History(
        steps,
        draw_samples=gan.fixed_samples,
        sample_every=sample_every,
        on_sample=on_sample,
        treatment=treatment,
    )
    fit(gan, dataset, config, history)
    return gan, history


if __name__ == "__main__":
    main()
