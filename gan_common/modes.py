"""Mode collapse, made to happen, measured and cured (section 2.3.2).

    python -m gan_common.modes --task ring                                  the plain GAN collapses
    python -m gan_common.modes --task ring --tricks unrolled --seeds 5      and what a trick does
    python -m gan_common.modes --task grid --preset cured --run_dir runs/modes/grid

Trains small GANs on data whose modes can be counted: `ring`, eight Gaussians; `grid`, twenty-five;
`stacked`, three digits one upon the other in the colours of a picture, a thousand.  Counts the modes that
2,500 samples (stacked: 26,000) capture and how many samples are good, over several seeds.
"""

import dataclasses
import statistics
from pathlib import Path

import numpy as np

from gan_common import cli
from gan_common.cli import flag
from gan_common.errors import UserError

TASKS = ("ring", "grid", "stacked")
SIGMA = {"ring": 0.01, "grid": 0.05}
SAMPLES = {"ring": 2500, "grid": 2500, "stacked": 26_000}
MODES = {"ring": 8, "grid": 25, "stacked": 1000}
HIGH_QUALITY = 3.0  # within this many σ of the nearest centre

# ----------------------------------------------------------------------------------------- the protocol


def _check_task(task: str) -> None:
    if task not in SIGMA:
        raise ValueError(f'task must be "ring" or "grid". Received: task={task!r}')


def centres(task: str) -> np.ndarray:
    """The modes' centres: "ring" (8, 2), on the circle of radius 1; "grid" (25, 2), {−4, −2, 0, 2, 4}².

    Raises:
        ValueError: another task.

    Source: Srivastava et al. 2017 (1705.07761), section 4; Lin et al. 2018 (1712.04086), section 4.
    """
    _check_task(task)
    if task == "grid":
        line = np.linspace(-4.0, 4.0, 5)
        return np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(25, 2)
    # Without the end point, which is the first point again: with it there would be seven modes.
    angle = np.linspace(0.0, 2 * np.pi, 8, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def sample(task: str, n: int, seed: int) -> np.ndarray:
    """Real samples: an even choice of centre, plus Gaussian noise of σ 0.01 (ring) or 0.05 (grid).

    Args:
        task: "ring" or "grid".
        n: how many.
        seed: fixes them.

    Returns:
        (n, 2) float32.

    Raises:
        ValueError: another task, or n below 0.
    """
    _check_task(task)
    if n < 0:
        raise ValueError(f"n must not be negative. Received: n={n}")
    random = np.random.default_rng(seed)
    middle = centres(task)
    chosen = middle[random.integers(len(middle), size=n)]
    return (chosen + SIGMA[task] * random.standard_normal((n, 2))).astype(np.float32)


def mode_coverage(samples, centres, sigma: float) -> tuple[int, float]:
    """How many modes samples capture, and the share of samples that are of high quality.

    A sample is of high quality within 3σ of its nearest centre; a mode is captured when it is the nearest
    of at least one of these.  Of two-dimensional Gaussians 1 − exp(−9/2) = 98.9% are.  A sample that is
    not finite is of none.

    Args:
        samples: (N, dim), N ≥ 1.
        centres: (modes, dim).
        sigma: of each mode, positive.

    Returns:
        Captured modes, and the share in [0, 1].

    Raises:
        ValueError: shapes that do not fit, no samples, or sigma that is not positive.
    """
    samples, centres = np.asarray(samples, np.float64), np.asarray(centres, np.float64)
    if samples.ndim != 2 or centres.ndim != 2 or samples.shape[1] != centres.shape[1]:
        raise ValueError(
            "samples and centres must be (number, dim) with one dim. "
            f"Received: shapes {samples.shape} and {centres.shape}"
        )
    if not len(samples) or not len(centres):
        raise ValueError(
            "samples and centres must not be empty. "
            f"Received: {len(samples)} samples, {len(centres)} centres"
        )
    if not sigma > 0:
        raise ValueError(f"sigma must be positive. Received: sigma={sigma}")
    distance = np.linalg.norm(samples[:, None] - centres[None], axis=-1)  # (N, modes)
    good = distance.min(axis=1) <= HIGH_QUALITY * sigma  # False for NaN
    return len(np.unique(distance[good].argmin(axis=1))), float(good.mean())


# ------------------------------------------------------------------------------------------- the command


@dataclasses.dataclass(frozen=True)
class Config:
    """One setting, as the command takes it.  A field that is None takes the preset's value."""

    task: str = flag("ring", "what to learn", TASKS)
    preset: str = flag(
        "unrolled_gan", "networks and hyper-parameters", ("unrolled_gan", "quick", "cured")
    )
    tricks: tuple[str, ...] = flag((), "names separated by commas; --tricks help lists them")
    loss: str = flag(
        None, "the two players' loss (default: non_saturating)",
        ("non_saturating", "minimax", "least_squares", "wasserstein", "hinge"),
    )  # fmt: skip
    steps: int = flag(None, "training steps (default: by preset)", lower=1)
    batch_size: int = flag(None, "samples in a step (default: by preset)", lower=2)
    latent_dim: int = flag(None, "numbers in a latent (default: by preset)", lower=2)
    generator_lr: float = flag(None, "G's learning rate (default: by preset)", lower=0)
    discriminator_lr: float = flag(None, "D's learning rate (default: by preset)", lower=0)
    activation: str = flag(
        None, "in the dense networks (default: by preset)", ("tanh", "relu", "leaky_relu")
    )
    standardise: bool = flag(None, "networks see data of standard deviation 1 (default: by preset)")
    width: float = flag(None, "of D in stacked: channels over those of the paper", lower=0.125)
    unrolled_steps: int = flag(5, "k: D's steps that unrolled looks ahead", lower=1)
    pack: int = flag(2, "m: samples that packing shows D together", lower=2)
    alpha: float = flag(
        0.1, "label_smoothing's α: the label of real data is 1 − α", lower=0, upper=1
    )
    beta: float = flag(
        0.1, "fake_smoothing's β: the label of generated data is β", lower=0, upper=1
    )
    r1: float = flag(None, "r1's γ (default: by preset)", lower=0)
    dataset: str = flag("mnist5k", "digits of stacked", ("mnist5k", "mnist"))
    data_dir: str | None = flag(None, "folder with mnist.npz (else $GAN_DATA_DIR)")


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """The flags of the command: a setting's, and how often it is trained and what is written."""

    seed: int = flag(1, "of the first training; fixes it", lower=0, upper=2**31 - 1)
    seeds: int = flag(1, "trainings: --seed and on", lower=1)
    run_dir: str | None = flag(None, "folder for pictures of the first training and result.json")
    json: str | None = flag(None, "file that the result is also written to")


# Metz et al. 2017: two hidden layers of 128 tanh units in G and in D.
PRESETS: dict[str, dict] = {
    "unrolled_gan": {
        "loss": "non_saturating",
        "steps": 25_000,
        "batch_size": 512,
        "latent_dim": 256,
        "generator_lr": 1e-3,
        "discriminator_lr": 1e-4,
        "activation": "tanh",
        "standardise": False,
        "width": 0.5,
        "r1": 0.1,
    },
}
# For tables of many tricks, a twentieth of the time: ReLU networks of the same size on standardised data, the
# published rates, fewer latents, samples and steps.
PRESETS["quick"] = PRESETS["unrolled_gan"] | {
    "steps": 5000,
    "batch_size": 128,
    "latent_dim": 8,
    "activation": "relu",
    "standardise": True,
}
PRESETS["cured"] = PRESETS["quick"] | {
    "steps": 6000,
    "latent_dim": 2,
    "discriminator_lr": 1e-3,
    "activation": "leaky_relu",
    "r1": 0.01,
}
# Tricks that a preset always has.
PRESET_TRICKS = {"cured": ("conditional", "packing", "r1", "weight_average", "lr_decay")}
# What stacked MNIST changes: Metz et al. 2017, appendix C, but for D's rate.  With a tenth of G's, as for
# points, G had found one mode of the thousand after 4,000 steps; with the same rate 60 after 1,500.
STACKED = {"standardise": False, "generator_lr": 1e-3, "discriminator_lr": 1e-3, "latent_dim": 256}

# Tricks of gan_common.tricks, and those that are a loss, a label or a schedule.  --tricks help shows both.
SHARED = (
    *("unrolled", "minibatch", "packing", "feature_matching", "historical_averaging"),
    *("label_smoothing", "virtual_batch_norm", "instance_noise", "replay"),
    *("r1", "gradient_penalty", "weight_average"),
)
OWN = {
    "minimax": ("2.3.2", "G minimises log(1 − D), the game's own loss"),
    "non_saturating": ("2.3.2", "G maximises log D; the default"),
    "fake_smoothing": ("2.3.2", "D's target for generated data is β, not 0: it harms"),
    "generator_first": ("2.3.2", "D moves only every fifth step in the first tenth of the run"),
    "conditional": ("2.3.2", "both networks are given the mode (CGAN)"),
    "residual": (
        "2.3.2",
        "G adds what is missing to a Gaussian as wide as the data (LAPGAN's idea)",
    ),
    "lr_decay": ("2.3.1", "both learning rates fall to 0 over the run"),
}
TRICKS = (*SHARED, *OWN)

EXCLUSIVE = (
    (("minimax", "non_saturating"), "each is the loss that G minimises"),
    (("feature_matching", "minimax"), "feature matching replaces the loss that G minimises"),
    (("feature_matching", "unrolled"), "each replaces the gradient that G follows"),
    (("gradient_penalty", "unrolled"), "unrolling would need the penalty's third derivatives"),
    (("r1", "unrolled"), "unrolling would need the penalty's third derivatives"),
    (("gradient_penalty", "minibatch"), "the penalty is per sample, and D would see the others"),
    (("r1", "minibatch"), "the penalty is per sample, and D would see the others"),
    (("conditional", "replay"), "the buffer keeps samples without their modes"),
)
NO_PLACE_IN_STACKED = {
    "conditional": "a label for each of 1,000 modes is more than there are samples in a batch",
    "residual": "no Gaussian is near pictures of digits",
    "virtual_batch_norm": "its networks are published with batch norm",
    "r1": "batch norm in D makes a sample's gradient depend on the others",
    "gradient_penalty": "batch norm in D makes a sample's gradient depend on the others",
}
WITHOUT_LABELS = ("wasserstein", "hinge")


def resolve(given: dict) -> Options:
    """The options of what was typed: explicit values, then tricks, the preset, the defaults.

    Raises:
        UserError: on a combination that makes no sense.
    """
    task, preset = given.get("task", "ring"), given.get("preset", "unrolled_gan")
    if preset == "cured" and task == "stacked":
        raise UserError("--preset cured: its networks are for points; stacked has --tricks packing")
    chosen = tuple(dict.fromkeys((*PRESET_TRICKS.get(preset, ()), *given.get("tricks", ()))))
    values = dict(PRESETS[preset]) | (STACKED if task == "stacked" else {})
    for name in ("minimax", "non_saturating"):
        if name in chosen:
            values["loss"] = name
    options = Options(**{**values, **given, "tricks": chosen})
    _check_tricks(options, given)
    if "packing" in chosen and options.batch_size % options.pack:
        raise UserError(
            f"--batch_size {options.batch_size}: --tricks packing needs a multiple of --pack "
            f"{options.pack}"
        )
    return options


def _check_tricks(options: Options, given: dict) -> None:
    chosen = options.tricks
    for name in chosen:
        if name not in TRICKS:
            raise UserError(f"--tricks {name}: there is no such trick; known: {', '.join(TRICKS)}")
        if options.task == "stacked" and name in NO_PLACE_IN_STACKED:
            raise UserError(f"--tricks {name}: not with stacked: {NO_PLACE_IN_STACKED[name]}")
        if name in ("minimax", "non_saturating") and given.get("loss", name) != name:
            raise UserError(f"--tricks {name} --loss {given['loss']}: name one loss")
        if name in ("label_smoothing", "fake_smoothing") and options.loss in WITHOUT_LABELS:
            raise UserError(f"--tricks {name}: the {options.loss} loss has no labels to change")
    for pair, reason in EXCLUSIVE:
        if set(pair) <= set(chosen):
            raise UserError(f"--tricks {','.join(pair)}: not together: {reason}")
    owners = {
        "unrolled_steps": ("unrolled",),
        "pack": ("packing",),
        "alpha": ("label_smoothing",),
        "beta": ("fake_smoothing",),
        "r1": ("r1",),
    }
    for name, (owner,) in owners.items():
        if name in given and owner not in chosen:
            raise UserError(f"--{name}: has no effect without --tricks {owner}")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> int | None:
    given = cli.parse(Options, argv, __doc__)
    if "help" in given.get("tricks", ()):
        return _tell_tricks()
    options = resolve(given)
    for name, value in (("--json", options.json), ("--run_dir", options.run_dir)):
        if value and Path(value).is_dir() == (name == "--json") and Path(value).exists():
            kind = "a folder, not a file" if name == "--json" else "a file, not a folder"
            raise UserError(f"{name} {value}: is {kind}")

    import gan_common.quiet  # noqa: F401
    from gan_common import mode_games

    runs = mode_games.play(options, range(options.seed, options.seed + options.seeds))
    result = {"command": command(given), **describe(options), **summary(runs)}
    print(table_line("mean", result["mean"], result["spread"]))
    if options.run_dir:
        cli.write_json(Path(options.run_dir) / "result.json", result)
    if options.json:
        cli.write_json(Path(options.json), result)
    return None


def _tell_tricks() -> int:
    for name, (section, effect) in OWN.items():
        print(f"  {name:<22}{section:<10}{effect}")
    return cli.tell_tricks(SHARED)


def command(given: dict) -> str:
    """The command line that makes a result again, without where it is written."""
    shown = {k: v for k, v in given.items() if k not in ("json", "run_dir", "data_dir")}
    words = [f"--{k} {','.join(v) if isinstance(v, tuple) else v}" for k, v in shown.items()]
    return " ".join(["python -m gan_common.modes", *words])


def describe(options: Options) -> dict:
    """What was trained, for the result."""
    names = ("task", "preset", "tricks", "loss", "steps", "batch_size", "latent_dim")
    rates = ("generator_lr", "discriminator_lr")
    return {name: getattr(options, name) for name in (*names, *rates)}


def summary(runs: list[dict]) -> dict:
    """Mean and standard deviation (0 for one) of every number of the runs, and the runs."""
    names = [n for n, v in runs[0].items() if n != "seed" and isinstance(v, int | float)]
    columns = {name: [run[name] for run in runs] for name in names}
    return {
        "mean": {name: statistics.fmean(column) for name, column in columns.items()},
        "spread": {
            name: statistics.stdev(column) if len(column) > 1 else 0.0
            for name, column in columns.items()
        },
        "runs": runs,
    }


def table_line(name: str, mean: dict, spread: dict | None = None, width: int = 24) -> str:
    """One row: modes, quality or divergence, speed, each with its spread if there is one."""

    def cell(key, text, factor=1.0):
        shown = text.format(factor * mean[key])
        return shown + (f" ± {text.format(factor * spread[key])}" if spread else "")

    cells = [f"{cell('modes', '{:.1f}'):>15} modes"]
    if "high_quality" in mean:
        cells.append(f"{cell('high_quality', '{:.1f}', 100):>13}% high quality")
    if "kl" in mean:
        cells.append(f"KL {cell('kl', '{:.2f}')}")
    cells.append(f"{mean['steps_per_second']:>8.0f} steps/s")
    return f"{name:<{width}}" + "  ".join(cells)


if __name__ == "__main__":
    main()
