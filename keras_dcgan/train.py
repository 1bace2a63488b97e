"""Train a DCGAN, or one of its relatives, with Keras.

    python -m keras_dcgan.train --dataset mnist5k --preset dcgan --epochs 20

Makes a run folder with checkpoints, curves and samples; ends with FID beside its floor.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gan_common import catalogue, cli, data
from gan_common.cli import images
from keras_dcgan.config import Config, resolve

# TensorFlow takes seconds to import, so the modules that need it are imported inside functions:
# a mistyped flag, or data that are not there, are reported at once.


def main(argv: Sequence[str] | None = None) -> None:
    """Train a DCGAN, or one of its relatives."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> int:
    given = cli.parse(Config, argv, __doc__)
    if given.get("tricks") == ("help",):
        return catalogue.tell(catalogue.DCGAN)
    return train(cli.resumed(Config, given) if "resume" in given else resolve(given))


def train(config: Config) -> int:
    """Train by `config` and measure the result.

    Returns:
        The exit status: 0 when all epochs are done or the time is up, 130 or 143 when interrupted.
    """
    dataset = images.load(config)
    steps_per_epoch = data.steps_per_epoch(len(dataset.x_train), config.batch_size)

    import gan_common.quiet  # noqa: F401
    from gan_common import runs
    from gan_common.cli import finish
    from gan_common.kernels import choice, machine
    from gan_common.runs.recorder import Recorder
    from keras_dcgan import evaluate, models

    config = dataclasses.replace(config, precision=machine.choose_precision(config.precision))
    gan = models.build(
        config, dataset.image_shape, dataset.num_classes, dataset.x_train[: config.batch_size]
    )
    if config.resume:
        run = runs.Run(Path(config.resume))
    else:
        run = runs.Run.create(dataclasses.asdict(config), config.run_dir, "keras_dcgan", dataset)
    print(f"{run.folder}: {config.preset} on {len(dataset.x_train)} images of {dataset.name}")
    choice.choose(gan.networks, config.batch_size, run.folder / choice.FILE)

    recorder = Recorder(
        run,
        gan.checkpoint_variables(),
        gan.fixed_samples,
        steps_per_epoch=steps_per_epoch,
        total_steps=config.epochs * steps_per_epoch,
        batch_size=config.batch_size,
        sample_every=max(1, round(config.sample_every * steps_per_epoch)),
        save_every=max(1, round(config.save_every * steps_per_epoch)),
        max_minutes=config.max_minutes,
        quality=lambda: gan.thumbnail_distance(dataset.x_train),
        treatment=watch(gan, dataset, config),
    )
    if config.resume:
        print(f"going on after step {recorder.restore()}")
        images.keep(run, dataset, config)
    with recorder:
        fit(gan, dataset, config, recorder)
    if recorder.interrupted:
        return finish.stopped(run, recorder, recorder.interrupted)
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
    """The doctor of a training, and what --on_failure lets it do."""
    from gan_common import doctor
    from gan_common.doctor.treatment import Treatment

    watching = doctor.Doctor(
        doctor.look_at_data(dataset.x_train, config.seed),
        doctor.GUESSING[config.loss],
        doctor.least_loss(config.loss, config.real_label),
        needs_verdict="feature_matching" not in config.tricks,
    )
    return Treatment(watching, config.on_failure, gan.set_rates, gan.look)


def fit(gan: Any, dataset: data.Dataset, config: Config, recorder: Any) -> None:
    """`Model.fit` from the step that the recorder stands at to the last one."""
    from gan_common.runs.callback import AfterStep

    arrays = (dataset.x_train, dataset.y_train)
    steps_per_epoch = recorder.steps_per_epoch
    while not recorder.finished:
        epoch, within = divmod(recorder.step, steps_per_epoch)
        gan.fit(
            data.stream(arrays, config.batch_size, config.seed, start_step=recorder.step),
            initial_epoch=epoch,
            # After an interruption the rest of that epoch comes first, as an epoch of its own.
            epochs=epoch + 1 if within else config.epochs,
            steps_per_epoch=steps_per_epoch - within,
            callbacks=[AfterStep(recorder)],
            shuffle=False,  # the stream is shuffled
            verbose=0,
        )


def trial(
    dataset: data.Dataset,
    steps: int,
    *,
    sample_every: int | None = None,
    on_sample: Callable | None = None,
    say: Callable[[str], None] | None = None,
    **flags: Any,
) -> tuple:
    """Train in memory, without a run's folder: for notebooks, and for comparing one thing with another.

    Args:
        dataset: the images.
        steps: training steps.
        sample_every, on_sample: see `gan_common.runs.history.History`.
        say: is given each sentence of the doctor, who acts by `on_failure`; None leaves the doctor out.
        flags: as `resolve` takes them, `tricks` and `seed` for example; `precision` is float32 unless
            it is given.

    Returns:
        The GAN and its `History`.
    """
    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import choice, machine
    from gan_common.runs.history import History
    from keras_dcgan import models

    config = resolve({"precision": "float32", **flags})
    steps_per_epoch = data.steps_per_epoch(len(dataset.x_train), config.batch_size)
    config = dataclasses.replace(
        config,
        epochs=-(-steps // steps_per_epoch),
        precision=machine.choose_precision(config.precision),
    )
    gan = models.build(
        config, dataset.image_shape, dataset.num_classes, dataset.x_train[: config.batch_size]
    )
    choice.choose(gan.networks, config.batch_size, say=lambda line: None)
    treatment = None
    if say is not None:
        treatment = watch(gan, dataset, config)
        treatment.say = say
    history = History(
        steps,
        steps_per_epoch=steps_per_epoch,
        draw_samples=gan.fixed_samples,
        sample_every=sample_every,
        on_sample=on_sample,
        treatment=treatment,
    )
    fit(gan, dataset, config, history)
    return gan, history


if __name__ == "__main__":
    main()
