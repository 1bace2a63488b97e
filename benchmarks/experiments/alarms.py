"""Does the doctor keep quiet on healthy trainings of every kind, and name failures in color and in bfloat16?

    python -m benchmarks.experiments.alarms                           all
    python -m benchmarks.experiments.alarms --only color,pix2pix      some kinds

Healthy: color (openmoji of 32 pixels), `modern` on digits and in color, and each application; five seeds, 300
steps; an alarm is anything that is found.  Broken: each --break on digits and in color, in float32 and in
bfloat16, 200 steps; its own name has to be found first.  Writes results/alarms.json; a training that is in
the file is not made again.  `experiments.doctor` has the healthy digits, and what treatment is worth.
"""

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.experiments import doctor, running
from gan_common import cli, files
from gan_common.cli import flag
from keras_dcgan.presets import BROKEN

# kind → flags of keras_dcgan; networks of half the default width, for time.
COLOR = {"dataset": "openmoji", "image_size": 32, "width": 16}
DIGITS = {"dataset": "mnist5k", "width": 16}
DRAWN: dict[str, dict[str, Any]] = {
    "color": COLOR | {"preset": "dcgan"},
    "modern": DIGITS | {"preset": "modern"},
    "color modern": COLOR | {"preset": "modern"},
}
# kind → the function of its module that loads data, and its class.
SYSTEMS = {
    "pix2pix": ("pairs.load", "Pix2Pix"),
    "cyclegan": ("domains.loader", "CycleGAN"),
    "discogan": ("domains.loader", "DiscoGAN"),
    "srgan": ("load", "SRGAN"),
    "text_to_image": ("load", "TextToImage"),
    "stackgan": ("load", "StackGAN"),
    "video": ("moving.load", "VGAN"),
    "next_frames": ("load", "NextFrames"),
}
BREAKABLE = {
    "digits": DIGITS | {"preset": "dcgan"},
    "color": DRAWN["color"],
}
PRECISIONS = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag((), "kinds, separated by commas (default: all)")
    seed: int = flag(1, "of the first training of a kind", lower=0)
    seeds: int = flag(5, "healthy trainings of each kind", lower=1)
    steps: int = flag(300, "of the healthy trainings", lower=1)
    broken: bool = flag(True, "the broken ones, too")
    json: str = flag("results/alarms.json", "file for the table")


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.check_only(options.only, dict.fromkeys([*DRAWN, *SYSTEMS, *BREAKABLE]))

    import gan_common.quiet  # noqa: F401

    for name, train in trainings(options).items():
        done(name, train, options)
    table = running.table(Path(options.json), "trainings")
    for text, met in goals(table["trainings"]).items():
        print(f"{'met' if met else 'not met':<8} {text}")


def trainings(options: Options) -> dict[str, Callable[[], list]]:
    """Name → a function that trains, and gives what was found."""
    made: dict[str, Callable[[], list]] = {}
    seeds = range(options.seed, options.seed + options.seeds)
    for kind in [kind for kind in (*DRAWN, *SYSTEMS) if not options.only or kind in options.only]:
        for seed in seeds:
            if kind in DRAWN:
                flags = DRAWN[kind] | {"seed": seed}
                made[f"{kind}, seed {seed}"] = lambda f=flags: drawn(f, options.steps)
            else:
                made[f"{kind}, seed {seed}"] = lambda k=kind, s=seed: applied(k, s, options.steps)
    for kind, given in BREAKABLE.items() if options.broken else ():
        for failure in BROKEN:
            for precision in PRECISIONS if not options.only or kind in options.only else ():
                flags = given | {"break_": failure, "precision": precision, "seed": options.seed}
                flags["on_failure"] = "stop"  # what is found first is all that counts
                name = f"--break {failure}, {kind}, {precision}"
                made[name] = lambda f=flags: drawn(f, doctor.WITHIN)
    return made


def done(name: str, train: Callable[[], list], options: Options) -> None:
    """A training, unless the file has it; it is written as it ends."""
    from gan_common.kernels import machine

    path = Path(options.json)
    steps = doctor.WITHIN if name.startswith("--break") else options.steps
    if running.table(path, "trainings")["trainings"].get(name, {}).get("steps") == steps:
        return
    found = [dataclasses.asdict(finding) for finding in train()]
    row: dict[str, Any] = {"steps": steps, "findings": found}
    if name.startswith("--break"):
        row |= doctor.diagnosed(name.split()[1].rstrip(","), found)
        told = f"first found: {row['first']} at step {row['step']}"
    else:
        told = f"alarms: {', '.join(doctor.names_of(found)) or 'none'}"
    print(f"{name:<40}{told}", flush=True)
    table = {
        "command": "python -m benchmarks.experiments.alarms",
        **running.table(path, "trainings"),
        "processor": machine.description(),
    }
    known = table["trainings"] | {name: row}
    order = trainings(Options(seed=options.seed, seeds=max(options.seeds, 5)))
    table["trainings"] = {n: known[n] for n in (*order, *known) if n in known}
    files.write_json(path, table)


def goals(trained: Mapping[str, Mapping[str, Any]]) -> dict[str, bool]:
    """What the doctor is meant to reach, of the trainings that there are."""
    healthy = {name: row for name, row in trained.items() if "right" not in row}
    broken = {name: row for name, row in trained.items() if "right" in row}
    quiet = sum(not row["findings"] for row in healthy.values())
    named = sum(row["right"] for row in broken.values())
    return {
        f"{quiet} of {len(healthy)} healthy trainings raise no alarm": quiet == len(healthy),
        f"{named} of {len(broken)} failures are named within {doctor.WITHIN} steps": named
        == len(broken),
    }


# ------------------------------------------------------------------------------- one training


def drawn(flags: Mapping[str, Any], steps: int) -> list:
    """What the doctor finds in a training of keras_dcgan."""
    import keras

    from gan_common import data
    from keras_dcgan.train import trial

    given = dict(flags)
    dataset = data.load(given.pop("dataset"), None, given.pop("image_size", None))
    _, history = trial(dataset, steps, say=lambda sentence: None, **given)
    keras.backend.clear_session()
    return history.treatment.findings


def applied(kind: str, seed: int, steps: int) -> list:
    """What the doctor finds in a training of an application, with its own defaults."""
    import keras

    from gan_applications import running as applications
    from gan_common.runs.history import History

    module: Any = importlib.import_module(f"gan_applications.{kind}")
    config = module.Config(seed=seed, steps=steps)
    given, make = loader(module, SYSTEMS[kind][0])(config), getattr(module, SYSTEMS[kind][1])
    system = applications.built(config, given.image_shape, given.class_names, make)
    treatment = applications.watch(system, given, config)
    treatment.say = lambda sentence: None
    applications.fit(system, given, History(steps, treatment=treatment))
    keras.backend.clear_session()
    return treatment.findings


def loader(module: Any, name: str) -> Callable:
    """The function of a system's module that loads its data."""
    found = module
    for part in name.split("."):
        found = getattr(found, part)
    return found(module.KINDS) if name == "domains.loader" else found


if __name__ == "__main__":
    main()
