"""What a system does besides its idea: flags, a run's folder, going on, measuring, being applied.

A system's file hands over a configuration, a function that loads its data and one that makes its networks:

    def main(argv=None):
        running.run(Config, load, Pix2Pix, __doc__, argv)

Importing this module imports no TensorFlow: a mistyped flag is answered at once (`answer_at_once`).
"""

import dataclasses
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np

from gan_common import catalogue, cli, data, files, plotting
from gan_common.catalogue import APPLICATIONS
from gan_common.cli import effects, flag, length
from gan_common.cli.effects import Effect
from gan_common.errors import UserError
from gan_common.runs.run import Described, Run

if TYPE_CHECKING:
    from gan_applications.players import Player

MINUTES = 30.0  # of training, where neither --max_minutes nor --steps is typed
LEAST_SAMPLE, LEAST_SAVE = 100, 500  # steps from one grid, or checkpoint, to the next
# What a run that is over is asked with, and what may be typed beside.
USES = ("apply", "say")
BESIDE_USE = ("run_dir", "out", "side")


@dataclasses.dataclass(frozen=True)
class Config(cli.RunConfig):
    """The flags that all systems have.

    A system's own configuration says whose runs it goes on with: PACKAGE = "gan_applications.pix2pix".

    Attributes:
        EFFECTS: when its flags have one, where that is not always.
    """

    EFFECTS: ClassVar[tuple[Effect, ...]] = ()

    steps: int | None = flag(
        None, "training steps, instead of --max_minutes", lower=1, upper=10**12, on_resume=True
    )
    max_minutes: float | None = flag(
        None,
        f"stop after so many minutes of training, over all parts of a run that is resumed (default: "
        f"{MINUTES:g}, unless --steps is given)",
        lower=0.001,
        on_resume=True,
    )
    json: str | None = flag(None, "file for the measures", on_resume=True)
    evaluate: bool = flag(
        True, "measure, and draw the figure, when the training ends", on_resume=True
    )


@dataclasses.dataclass(frozen=True)
class Applied(Config):
    """Those of a system that turns an image into another."""

    apply: str | None = flag(
        None, "with --run_dir: an image, or a folder, that a trained run is applied to"
    )
    out: str | None = flag(
        None, "of --apply: folder for the results (default: RUN/applied)", folder=True
    )


class Measure(NamedTuple):
    """A number, which way is better, and what trivial or lesser ways score."""

    value: float
    better: str  # "higher" or "lower"
    baselines: Mapping[str, float]


class System(Protocol):
    """What a system's class brings; it is made by (configuration, image shape, names) of a run's data.

    Attributes:
        players: by name, "discriminator" and "generator" among them.  A checkpoint holds them.
        loss: of D, one of `gan_common.losses.KINDS`.
    """

    players: "Mapping[str, Player]"
    loss: str

    def batches(self, given: Any, start: int) -> Iterable[tuple]:
        """Endless batches of the data, from the one after `start` others on (`data.stream`)."""

    def step(self, batch: tuple, done: Any, fraction: Any) -> Mapping[str, Any]:
        """One step, after `done` others (an int64 tensor) and a share of the run (float32): its numbers.

        Among them `d_loss`, `g_loss`, `d_real_accuracy`, `d_fake_accuracy` and the gradients' norms
        (`players.told`).
        """

    def extra_variables(self) -> Mapping[str, list]:
        """What a checkpoint holds besides the players."""

    def samples(self, given: Any) -> np.ndarray:
        """uint8 (N, H, W, C): what comes of a fixed set of held-out inputs, for the run's grids."""

    def measure(self, given: Any) -> Mapping[str, Measure]:
        """How good it is on held-out data, beside its baselines."""

    def figure(self, given: Any) -> Mapping[str, np.ndarray]:
        """Columns of the figure: name → uint8 (N, H, W, C), row by row the same example."""


def answer_at_once(config_class: type[Config], usage: str) -> None:
    """Refuse what is mistyped, or print --help, before the file that is run imports TensorFlow.

    To be called `if __name__ == "__main__"`, between the configuration and the other imports.
    """
    try:
        _read(config_class, sys.argv, usage)
    except UserError:
        cli.run(lambda argv: _read(config_class, argv, usage) and None)
    import gan_common.quiet  # noqa: F401


def run(
    config_class: type[Config],
    load: Callable[[Any], Described],
    make: Callable[[Any, tuple[int, int, int], tuple[str, ...]], Any],
    usage: str,
    argv: Sequence[str] | None = None,
) -> None:
    """A system's command: train, or go on, or apply; exits as `cli.run` does.

    Args:
        config_class: its flags.
        load: configuration → data: `image_shape`, `class_names`, `x_train` (what G is to draw), and whatever
            the system itself needs.
        make: (configuration, image shape, class names) → the `System`.
        usage: above the flags of --help.
        argv: as typed, the program's name first.
    """

    def main(argv: Sequence[str]) -> int:
        given, config = _read(config_class, argv, usage)
        if given.get("tricks") == ("help",):
            return catalogue.tell(APPLICATIONS)
        if any(name in given for name in USES):
            from gan_applications import applying

            return applying.use(given, config, make)
        if "resume" in given:
            return train(config, load, make, typed=given)

        def load_and_tell(config: Any) -> Described:
            dataset = load(config)  # first, so that an error is the one line that is said
            effects.tell(config, given, config_class.EFFECTS, APPLICATIONS)
            return dataset

        return train(config, load_and_tell, make)

    cli.run(main, argv)


def _read(config_class: type[Config], argv: Sequence[str], usage: str) -> tuple[dict, Any]:
    """What was typed, and the configuration that it comes to."""
    given = cli.parse(config_class, argv, usage)
    if used := [name for name in USES if name in given]:
        if more := set(given) - {*used, *BESIDE_USE}:
            raise UserError(f"--{used[0]} asks a trained run and takes no --{sorted(more)[0]}")
        config = cli.saved(config_class, given.get("run_dir"))
        side = {"side": given["side"]} if "side" in given else {}
        return given, dataclasses.replace(config, **side)
    if "out" in given:
        raise UserError("--out belongs to --apply and --say; a run's folder is --run_dir")
    if "side" in given:
        raise UserError("--side belongs to --apply")
    if "resume" in given:
        return given, cli.resumed(config_class, given)
    if given.get("tricks") != ("help",):
        catalogue.check(APPLICATIONS, given.get("tricks", ()))
    if not {"steps", "max_minutes"} & set(given):
        return given, config_class(**given, max_minutes=MINUTES)
    return given, config_class(**given)


# ------------------------------------------------------------------------------- training


def train(config: Any, load: Callable, make: Callable, typed: Collection[str] = ()) -> int:
    """Train by `config`, measure, draw; the exit status.

    Args:
        config: of a new run, or of one that is resumed.
        load, make: as of `run`.
        typed: names of the fields that were typed beside --resume.
    """
    given = load(config)
    steps_per_epoch = data.steps_per_epoch(len(given.x_train), config.batch_size)

    import gan_common.quiet  # noqa: F401
    from gan_common.cli import finish, resume
    from gan_common.kernels import choice
    from gan_common.runs.recorder import Recorder

    system = built(config, given.image_shape, given.class_names, make)
    if config.resume:
        run = Run(Path(config.resume))
        _check_same(run, given)
    else:
        run = Run.create(dataclasses.asdict(config), config.run_dir, config.PACKAGE, given)
    print(f"{run.folder}: {len(given.x_train):,} examples of {config.dataset}", flush=True)
    networks = [network for player in system.players.values() for network in player.networks]
    choice.choose(networks, config.batch_size, run.folder / choice.FILE)
    recorder = Recorder(
        run,
        variables_of(system),
        lambda: system.samples(given),
        steps_per_epoch=steps_per_epoch,
        total_steps=config.steps or length.TIMED_STEPS,
        batch_size=config.batch_size,
        sample_every=length.interval(None, steps_per_epoch, LEAST_SAMPLE),
        save_every=length.interval(None, steps_per_epoch, LEAST_SAVE),
        max_minutes=config.max_minutes,
        treatment=watch(system, given, config),
    )
    if config.resume:
        recorder.restore()
    with recorder:
        if config.resume:
            config = resume.go_on(run, recorder, config, typed)
        fit(system, given, recorder)
    if recorder.interrupted:
        return finish.stopped(run, recorder, recorder.interrupted)
    _sum_up(run, recorder, system, given, config)
    return 0


def built(config: Any, image_shape: Any, names: Any, make: Callable) -> Any:
    """The system, with the weights that its seed begins with."""
    import keras

    keras.utils.set_random_seed(config.seed)
    return make(config, tuple(image_shape), tuple(names))


def variables_of(system: Any) -> dict[str, list]:
    """All that a checkpoint holds."""
    found = {f"{name}_{part}": variables for name, player in system.players.items()
             for part, variables in player.variables().items()}  # fmt: skip
    return found | dict(system.extra_variables())


def fit(system: Any, given: Any, recorder: Any) -> None:
    """Step after step, from the one that the recorder stands at to the last one."""
    import tensorflow as tf

    from gan_common.runs.distribute import make_strategy, train_together

    def step(batch: tuple, done: int, time_share: float) -> dict[str, float]:
        fraction = min(1.0, max(done / recorder.total_steps, time_share))
        for player in system.players.values():
            player.schedule(fraction)
        told = system.step(batch, tf.constant(done, tf.int64), tf.constant(fraction, tf.float32))
        return {name: float(value) for name, value in told.items()}

    train_together(recorder, partial(system.batches, given), step, make_strategy("none"), False)


def trial(
    system: Any,
    given: Any,
    steps: int,
    look: Callable[[int], None] | None = None,
    every: int = 100,
) -> list[dict[str, float]]:
    """Train for so many steps in memory: no folder, no checkpoint, no doctor; the numbers of each step.

    Args:
        system: of `built`.
        given: its data.
        steps: of the whole run, over which the learning rates fall.
        look: called with the number of steps that are done, before the first, after the last, and in between.
        every: how many steps lie between two looks.
    """
    import tensorflow as tf

    rows = []
    for done, batch in zip(range(steps), system.batches(given, 0), strict=False):
        if look is not None and done % every == 0:
            look(done)
        fraction = done / steps
        for player in system.players.values():
            player.schedule(fraction)
        told = system.step(batch, tf.constant(done, tf.int64), tf.constant(fraction, tf.float32))
        rows.append({name: float(value) for name, value in told.items()})
    if look is not None:
        look(steps)
    return rows


def watch(system: Any, given: Any, config: Any) -> Any:
    """The doctor of a training, and what --on_failure lets it do.

    He looks at no images: what comes of an input is as varied as the inputs are.
    """
    from gan_common import doctor
    from gan_common.catalogue import REAL_LABEL
    from gan_common.doctor.treatment import Treatment

    def set_rates(of_discriminator: float, of_generator: float) -> None:
        for name, player in system.players.items():
            player.share = of_discriminator if name.startswith("discriminator") else of_generator

    real_label = REAL_LABEL if "label_smoothing" in config.tricks else 1.0
    least = doctor.least_loss(system.loss, real_label)
    watching = doctor.Doctor(None, doctor.GUESSING[system.loss], least)
    return Treatment(watching, config.on_failure, set_rates)


def _check_same(run: Run, given: Described) -> None:
    """Refuse to go on with other data than the run began with."""
    shape, names = run.dataset_facts()
    now = (tuple(given.image_shape), list(given.class_names), len(given.x_train))
    if now != (shape, names, run.pictures()):
        raise UserError(
            f"--resume {run.folder}: the run began with {run.pictures():,} images of "
            f"{'×'.join(map(str, shape))}, the data now have {len(given.x_train):,} of "
            f"{'×'.join(map(str, given.image_shape))}; put the data back, or start a new run"
        )


def _sum_up(run: Run, recorder: Any, system: Any, given: Any, config: Any) -> None:
    """Measure, draw, write summary.json and --json, and say where everything lies."""
    from gan_common.cli.command import when_interrupted
    from gan_common.kernels import machine
    from gan_common.runs import card

    run.summarize(**recorder.totals(), seed=config.seed, machine=machine.description())
    gif, curves = recorder.draw_pictures()
    lines = {
        "run": run.folder,
        "samples": run.sample_files()[-1],
        "over time": gif,
        "curves": curves,
    }
    if config.evaluate:
        with when_interrupted(f"the run is saved; --resume {run.folder} measures it"):
            found = system.measure(given)
            lines["figure"] = run.folder / "figure.png"
            plotting.save_columns(lines["figure"], system.figure(given))
        measures = {name: one._asdict() for name, one in found.items()}
        run.summarize(measures=measures)
        for name, one in found.items():
            beside = ", ".join(f"{of} {value:.4g}" for of, value in one.baselines.items())
            print(f"{name:<22}{one.value:.4g}   ({one.better} is better; {beside})")
        if config.json:
            files.write_json(Path(config.json), report(config, run.summary()))
    lines["card"] = card.write(run)
    for name, path in lines.items():
        print(f"{name:<11}{path}")


def report(config: Any, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What --json holds."""
    named = {
        "system": config.PACKAGE.rpartition(".")[2],
        "dataset": config.dataset,
        "seed": config.seed,
    }
    return named | {name: summary[name] for name in ("seconds", "steps", "measures", "machine")}
