"""What a DCGAN training can be told, and the presets: values that belong together."""

import dataclasses

from gan_common import cli
from gan_common.cli import flag
from gan_common.errors import UserError


@dataclasses.dataclass(frozen=True)
class Config(cli.TrainingConfig):
    """One training of `keras_dcgan`.  A field that is None takes the preset's value in `resolve`."""

    preset: str = flag(
        "dcgan", "networks and hyper-parameters", ("dcgan", "reference", "gan", "cgan")
    )
    batch_size: int = flag(None, "pictures in a step (default: by preset)", lower=2)
    loss: str = flag(
        None,
        "the two players' loss (default: non_saturating)",
        ("non_saturating", "minimax", "least_squares", "wasserstein", "hinge"),
    )
    updates: str = flag(
        "alternating",
        "whether G answers D's new weights, or both move at once by the weights before (faster: D looks at "
        "generated pictures once a step instead of twice)",
        ("alternating", "simultaneous"),
    )
    latent_dim: int = flag(None, "numbers in a latent (default: by preset)", lower=1, upper=10_000)
    latent: str = flag(
        None, "where latents are drawn from (default: by preset)", ("normal", "uniform", "sphere")
    )
    width: int = flag(
        32, "filters of D's first layer; G has twice as many (dcgan, cgan)", lower=1, upper=1024
    )
    discriminator_kernel: int = flag(
        4,
        "side of the kernels of D's convolutions (dcgan, cgan): the larger, the more each feature "
        "sees at once; in a picture of 32 pixels 22 across with 4, 36 with 6",
        lower=2,
        upper=16,
    )
    optimizer: str = flag(None, "of both nets (default: by preset)", ("adam", "sgd"))
    generator_lr: float = flag(None, "G's learning rate (default: by preset)", lower=0)
    discriminator_lr: float = flag(None, "D's learning rate (default: by preset)", lower=0)
    beta_1: float = flag(
        None, "Adam's β1, or SGD's momentum (default: by preset)", lower=0, upper=1
    )
    beta_2: float = flag(0.999, "Adam's β2", lower=0, upper=1)
    real_label: float = flag(
        None, "one-sided smoothing: D's target on real pictures", lower=0, upper=1
    )
    weight_average: float = flag(
        None,
        "decay of the average of G's weights that samples are drawn from; 0 is off",
        lower=0,
        upper=1,
    )
    break_: str | None = flag(
        None,
        "make the training fail in a way that section 2.3 describes, to see what it looks like",
        ("bad_init", "strong_d", "no_bn", "high_lr", "collapse"),
    )
    sample_every: float = flag(1.0, "epochs from one sample grid to the next", lower=0)
    save_every: float = flag(1.0, "epochs from one checkpoint to the next", lower=0)
    evaluate: bool = flag(True, "measure FID and the rest when the training ends")
    json: str | None = flag(None, "file that the run's summary is also written to")


PRESETS: dict[str, dict] = {
    # Radford et al. 2015, section 4, with a learning rate for minutes instead of hours: ten times
    # theirs reached a lower FID in every comparison of two and a half minutes.
    "dcgan": {
        "batch_size": 64,
        "loss": "non_saturating",
        "latent_dim": 100,
        "latent": "normal",
        "optimizer": "adam",
        "generator_lr": 2e-3,
        "discriminator_lr": 2e-3,
        "beta_1": 0.5,
        "real_label": 1.0,
        "weight_average": 0.999,
    },
    # The nets, optimiser, latents and batch of jacobgil/keras-dcgan.
    "reference": {
        "batch_size": 128,
        "loss": "non_saturating",
        "latent_dim": 100,
        "latent": "uniform",
        "optimizer": "sgd",
        "generator_lr": 5e-4,
        "discriminator_lr": 5e-4,
        "beta_1": 0.9,
        "real_label": 1.0,
        "weight_average": 0.0,
    },
}
# Goodfellow et al. 2014: dense nets, with Adam for their momentum that takes far longer.
PRESETS["gan"] = {
    **PRESETS["dcgan"],
    "latent": "uniform",
    "generator_lr": 2e-4,
    "discriminator_lr": 2e-4,
}
# Mirza & Osindero 2014: both nets are given the class.
PRESETS["cgan"] = PRESETS["dcgan"]

# What --break changes of a preset's values; the networks do the rest.
BROKEN: dict[str, dict] = {
    # The start-up failures of 2.3.1 are those of the minimax loss: where D is sure, G has no gradient left.
    # With the non-saturating one G still learns from a D that is never wrong.
    "bad_init": {"loss": "minimax"},  # and first weights 25 times as large
    "no_bn": {},  # no normalisation between the layers
    "strong_d": {"loss": "minimax", "generator_lr": 5e-5, "discriminator_lr": 2e-3},
    "high_lr": {"generator_lr": 0.1, "discriminator_lr": 0.1},
    # G hurries after a D that hardly moves; no batch norm keeps its pictures apart, or shows D that they are
    # alike.
    "collapse": {"generator_lr": 2e-3, "discriminator_lr": 1e-4},
}
BREAKABLE = ("dcgan", "cgan")
# They take the place of what a failure takes away.
MENDS = {
    "no_bn": ("virtual_batch_norm", "instance_norm", "weight_norm", "spectral_norm"),
    "collapse": ("virtual_batch_norm", "instance_norm"),
}

# What --tricks takes; gan_common.tricks.TRICKS says of each what it does and where the chapter has it.
TRICKS = (
    *("gradient_penalty", "r1", "augment", "packing", "unrolled", "feature_matching", "minibatch"),
    *("historical_averaging", "weight_average", "label_smoothing", "label_noise"),
    *("virtual_batch_norm", "instance_norm", "weight_norm", "spectral_norm", "pixel_shuffle"),
    *("sgd_discriminator", "instance_noise", "dropout_noise", "spherical_latent", "replay"),
)
PACKED = 2  # pictures in a pack, Lin et al. 2018

# Tricks that exclude each other, and why.
EXCLUSIVE = (
    (("weight_norm", "spectral_norm"), "each replaces the other's normalisation of D's weights"),
    (("weight_norm", "instance_norm"), "each replaces D's batch norm"),
    (("spectral_norm", "instance_norm"), "each replaces D's batch norm"),
    (("virtual_batch_norm", "instance_norm"), "each replaces G's batch norm"),
    (("feature_matching", "unrolled"), "each replaces the gradient that G follows"),
    (("gradient_penalty", "unrolled"), "unrolling would need the penalty's third derivatives"),
    (("r1", "unrolled"), "unrolling would need the penalty's third derivatives"),
    (("gradient_penalty", "minibatch"), "the penalty is per picture, and D would see the others"),
    (("r1", "minibatch"), "the penalty is per picture, and D would see the others"),
    (("gradient_penalty", "packing"), "the penalty is per picture, and D would see packs"),
    (("r1", "packing"), "the penalty is per picture, and D would see packs"),
)
# Tricks that a preset's networks have no place for, and why.
NO_PLACE = {
    "gan": dict.fromkeys(
        ("virtual_batch_norm", "instance_norm"), "its networks have no batch norm to replace"
    )
    | {"pixel_shuffle": "its generator has no upsampling"},
    "reference": {
        "pixel_shuffle": "its upsampling is part of what it reproduces",
        "instance_norm": "its batch norm follows a dense layer, where there are no positions",
    },
    "cgan": {
        "packing": "the pictures of a pack may have different classes",
        "replay": "the buffer keeps pictures without their classes",
        "virtual_batch_norm": "the reference batch has no classes",
    },
}


def resolve(given: dict) -> Config:
    """The configuration of what was typed: explicit values, then tricks, the preset, the defaults.

    Raises:
        UserError: on a combination that makes no sense.
    """
    preset, chosen = given.get("preset", "dcgan"), given.get("tricks", ())
    values = dict(PRESETS[preset])
    _check_tricks(preset, chosen)
    if "label_smoothing" in chosen:
        values["real_label"] = 0.9  # Salimans et al. 2016, section 3.4
    if "spherical_latent" in chosen:
        values["latent"] = "sphere"
    if "weight_average" in chosen:
        values["weight_average"] = 0.999
    if "sgd_discriminator" in chosen:
        # Adam's rate would hardly move D.  On mnist5k 500 steps came to FID 4.3 with 0.05, 2.4 with 0.2, 2.7
        # with 1; with 0.01 D had learnt nothing after 1,488.
        values["discriminator_lr"] = 0.2
    if given.get("break_"):
        _check_break(given["break_"], preset, chosen)
        values |= BROKEN[given["break_"]]
    config = Config(**{**values, **given})
    if config.loss in ("wasserstein", "hinge") and config.real_label != 1:
        raise UserError(
            f"--real_label {config.real_label}: the {config.loss} loss has no labels to smooth; "
            "leave smoothing out, or choose --loss non_saturating"
        )
    for trick in ("unrolled", "feature_matching", "replay"):
        if config.updates == "simultaneous" and trick in chosen:
            raise UserError(
                f"--updates simultaneous with --tricks {trick}: one look of D serves both players, and "
                f"{trick} needs another; leave one of them out"
            )
    if config.weight_average == 1:
        raise UserError("--weight_average 1: an average that never moves; choose one below 1")
    if "packing" in chosen and config.batch_size % PACKED:
        raise UserError(
            f"--batch_size {config.batch_size}: --tricks packing needs a multiple of {PACKED}"
        )
    return config


def _check_break(name: str, preset: str, chosen: tuple[str, ...]) -> None:
    if preset not in BREAKABLE:
        raise UserError(
            f"--break {name} with --preset {preset}: choose one of {', '.join(BREAKABLE)}"
        )
    for trick in MENDS.get(name, ()):
        if trick in chosen:
            raise UserError(f"--break {name} with --tricks {trick}: it mends what is to be broken")


def _check_tricks(preset: str, chosen: tuple[str, ...]) -> None:
    for name in chosen:
        if name not in TRICKS:
            raise UserError(f"--tricks {name}: unknown; the tricks are {', '.join(TRICKS)}")
        if name in NO_PLACE.get(preset, {}):
            raise UserError(f"--tricks {name} with --preset {preset}: {NO_PLACE[preset][name]}")
    for pair, reason in EXCLUSIVE:
        if set(pair) <= set(chosen):
            raise UserError(f"--tricks {','.join(pair)}: {reason}; leave one of them out")
    per_picture = {"gradient_penalty", "r1"} & set(chosen)
    without_batch_norm = {"weight_norm", "spectral_norm", "instance_norm"} & set(chosen)
    if per_picture and preset in ("dcgan", "cgan") and not without_batch_norm:
        raise UserError(
            f"--tricks {per_picture.pop()}: the penalty is per picture, and D's batch norm mixes "
            "them; add spectral_norm, weight_norm or instance_norm"
        )
