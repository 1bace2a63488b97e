"""One setting of the games of modes: its flags, the presets, and which tricks go together."""

import dataclasses

from gan_common import catalogue
from gan_common.cli import flag
from gan_common.errors import UserError

TASKS = ("ring", "grid", "stacked")
MODERN_LOSSES = ("relativistic", "non_saturating")
# `losses.KINDS`, which would import TensorFlow here, and that of pairs, which `--preset modern` has alone.
LOSSES = ("non_saturating", "minimax", "least_squares", "wasserstein", "hinge", "relativistic")

# ----------------------------------------------------------------------------------------- the protocol


# ------------------------------------------------------------------------------------------- the command


@dataclasses.dataclass(frozen=True)
class Config:
    """One setting, as the command takes it.  A field that is None takes the preset's value."""

    task: str = flag("ring", "what to learn", TASKS)
    preset: str = flag(
        "unrolled_gan",
        "networks and hyper-parameters",
        ("unrolled_gan", "quick", "cured", "modern"),
    )
    tricks: tuple[str, ...] = flag((), "names separated by commas; --tricks help lists them")
    loss: str = flag(None, "the two players' loss (default: non_saturating)", LOSSES)
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
    unrolled_steps: int = flag(
        int(catalogue.TRICKS["unrolled"].values["steps"]),
        "k: D's steps that unrolled looks ahead",
        lower=1,
    )
    pack: int = flag(
        int(catalogue.TRICKS["packing"].values["samples"]),
        "m: samples that packing shows D together",
        lower=2,
    )
    alpha: float = flag(
        round(1 - catalogue.REAL_LABEL, 6),
        "label_smoothing's α: the label of real data is 1 − α",
        lower=0,
        upper=1,
    )
    beta: float = flag(
        0.1, "fake_smoothing's β: the label of generated data is β", lower=0, upper=1
    )
    r1: float = flag(None, "r1's γ (default: by preset); of modern the first, and R2's", lower=0)
    r2: bool = flag(True, "modern: the slope of D is held at generated samples too")
    codes: int = flag(
        None, "narrow Gaussians that modern's latents come from; 0: one wide one", lower=0
    )
    waves: int = flag(None, "sines and cosines beside what modern's networks are given", lower=0)
    dataset: str = flag("mnist5k", "digits of stacked", ("mnist5k", "mnist"))
    data_dir: str | None = flag(None, "folder with mnist.npz (else $GAN_DATA_DIR)")


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """The flags of the command: a setting's, and how often it is trained and what is written."""

    seed: int = flag(1, "of the first training; fixes it", lower=0, upper=2**31 - 1)
    seeds: int = flag(1, "trainings: --seed and on", lower=1)
    run_dir: str | None = flag(None, "folder for images of the first training and result.json")
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
        "codes": 0,
        "waves": 0,
    },
}
# For tables of many tricks, a twentieth of the time: ReLU networks of the same size on standardized data, the
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
# Without labels, see `modern.py`.
PRESETS["modern"] = PRESETS["cured"] | {
    "loss": "relativistic",
    "steps": 40_000,
    "generator_lr": 2e-3,
    "discriminator_lr": 3e-3,
    "r1": 0.1,
    "codes": 256,
    "waves": 32,
}
# Tricks that a preset always has.
PRESET_TRICKS = {
    "modern": ("weight_average", "lr_decay"),
    "cured": ("conditional", "packing", "r1", "weight_average", "lr_decay"),
}
# What stacked MNIST changes: Metz et al. 2017, appendix C, but for D's rate.  With a tenth of G's, as for
# points, G had found one mode of the thousand after 4,000 steps; with the same rate 60 after 1,500.
STACKED = {"standardise": False, "generator_lr": 1e-3, "discriminator_lr": 1e-3, "latent_dim": 256}
STACKED_MODERN = {
    "standardise": False,
    "steps": 20_000,
    "batch_size": 64,
    "latent_dim": 64,
    "generator_lr": 5e-4,
    "discriminator_lr": 5e-4,
    "r1": 2.0,
    "width": 1.0,
    "codes": 0,
    "waves": 0,
}

WITHOUT_LABELS = ("wasserstein", "hinge")


def resolve(given: dict) -> Options:
    """The options of what was typed: explicit values, then tricks, the preset, the defaults.

    Raises:
        UserError: on a combination that makes no sense.
    """
    task, preset = given.get("task", "ring"), given.get("preset", "unrolled_gan")
    if preset == "cured" and task == "stacked":
        raise UserError("--preset cured: its networks are for points; stacked has --preset modern")
    chosen = tuple(dict.fromkeys((*PRESET_TRICKS.get(preset, ()), *given.get("tricks", ()))))
    stacked = STACKED_MODERN if preset == "modern" else STACKED
    values = PRESETS[preset] | (stacked if task == "stacked" else {})
    catalogue.check(catalogue.MODES, chosen, task, f"--task {task}")
    values |= catalogue.sets(catalogue.MODES, chosen)
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
        if name in ("minimax", "non_saturating") and given.get("loss", name) != name:
            raise UserError(f"--tricks {name} --loss {given['loss']}: name one loss")
        if name in ("label_smoothing", "fake_smoothing") and options.loss in WITHOUT_LABELS:
            raise UserError(f"--tricks {name}: the {options.loss} loss has no labels to change")
    if options.preset == "modern":
        if others := [name for name in chosen if name not in PRESET_TRICKS["modern"]]:
            raise UserError(f"--tricks {others[0]}: --preset modern takes none but its own")
        for name in ("activation", "standardise"):
            if name in given:
                raise UserError(f"--{name}: --preset modern has its own")
        if options.loss not in MODERN_LOSSES:
            raise UserError(
                f"--loss {options.loss}: --preset modern has {', '.join(MODERN_LOSSES)}"
            )
    for name in ("r2", "codes", "waves"):
        if name in given and options.preset != "modern":
            raise UserError(f"--{name}: has no effect without --preset modern")
    owners = {
        "unrolled_steps": ("unrolled",),
        "pack": ("packing",),
        "alpha": ("label_smoothing",),
        "beta": ("fake_smoothing",),
        "r1": ("r1",),
    }
    for name, (owner,) in owners.items():
        if name in given and owner not in chosen and (name, options.preset) != ("r1", "modern"):
            raise UserError(f"--{name}: has no effect without --tricks {owner}")
    if options.loss == "relativistic" and options.preset != "modern":
        raise UserError("--loss relativistic: needs --preset modern")
    if "waves" in given and options.task == "stacked":
        raise UserError("--waves: the networks of stacked see pixels")
    for name in ("width", "dataset", "data_dir"):
        if name in given and options.task != "stacked":
            raise UserError(f"--{name}: has no effect without --task stacked")
    if "activation" in given and options.task == "stacked":
        raise UserError(
            "--activation: has no effect with --task stacked, whose networks are published"
        )
