"""What a DCGAN training can be told, and how a configuration is made of what was typed."""

import dataclasses

from gan_common import catalogue, cli
from gan_common.cli import by_preset, flag
from gan_common.errors import UserError
from keras_dcgan.presets import BREAKABLE, BROKEN, MENDS, PRESETS


@dataclasses.dataclass(frozen=True)
class Config(cli.TrainingConfig):
    """One training of `keras_dcgan`, made by `resolve`."""

    preset: str = flag(
        "dcgan", "networks and hyper-parameters", ("dcgan", "reference", "gan", "cgan", "modern")
    )
    batch_size: int = by_preset("images in a step", lower=2)
    loss: str = by_preset(
        "the two players' loss",
        ("non_saturating", "minimax", "least_squares", "wasserstein", "hinge", "relativistic"),
    )
    gamma: float = by_preset(
        "γ of R1 and R2: how flat D is kept around real and generated images; 0 leaves both out",
        lower=0,
        since="0.2",
    )
    gamma_steps: int = by_preset(
        "steps in which γ falls to a tenth, where it stays; 0 leaves it as it is",
        lower=0,
        since="0.2",
    )
    penalty_images: int = by_preset(
        "so many real and so many generated images of a batch are taken for R1 and R2",
        lower=1,
        since="0.2",
    )
    latent_dim: int = by_preset("numbers in a latent", lower=1, upper=10_000)
    latent: str = by_preset("where latents are drawn from", ("normal", "uniform", "sphere"))
    width: int = flag(
        32,
        "filters of D's first layer; G has twice as many (dcgan, cgan), or as many (modern)",
        lower=1,
        upper=1024,
    )
    discriminator_kernel: int = flag(
        4,
        "side of the kernels of D's convolutions (dcgan, cgan): the larger, the more each feature "
        "sees at once; in an image of 32 pixels 22 across with 4, 36 with 6",
        lower=2,
        upper=16,
        since="0.2",
    )
    optimizer: str = by_preset("of both nets", ("adam", "sgd"))
    generator_lr: float = by_preset("G's learning rate", lower=0)
    discriminator_lr: float = by_preset("D's learning rate", lower=0)
    beta_1: float = by_preset("Adam's β1, or SGD's momentum", lower=0, upper=1)
    beta_2: float = flag(0.999, "Adam's β2", lower=0, upper=1)
    real_label: float = by_preset(
        "one-sided smoothing: D's target on real images", lower=0, upper=1
    )
    weight_average: float = by_preset(
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
    evaluate: bool = flag(True, "measure FID and the rest when the training ends", on_resume=True)
    json: str | None = flag(None, "file that the run's summary is also written to", on_resume=True)


PACKED = int(catalogue.TRICKS["packing"].values["samples"])  # images in a pack


def resolve(given: dict) -> Config:
    """The configuration of what was typed: explicit values, then tricks, the preset, the defaults.

    Raises:
        UserError: on a combination that makes no sense.
    """
    preset, chosen = given.get("preset", "dcgan"), given.get("tricks", ())
    values = dict(PRESETS[preset])
    values |= catalogue.sets(catalogue.DCGAN, chosen)
    if given.get("break_"):
        _check_break(given["break_"], preset, chosen)
        values |= BROKEN[given["break_"]]
    config = Config(**{**values, **given})
    _check_tricks(config)
    if config.loss in ("wasserstein", "hinge", "relativistic") and config.real_label != 1:
        raise UserError(
            f"--real_label {config.real_label}: the {config.loss} loss has no labels to smooth; "
            "leave smoothing out, or choose --loss non_saturating"
        )
    if config.gamma and config.penalty_images > config.batch_size:
        raise UserError(
            f"--penalty_images {config.penalty_images}: a batch has {config.batch_size}; give at most that"
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


def _check_tricks(config: Config) -> None:
    preset, chosen = config.preset, set(config.tricks)
    catalogue.check(catalogue.DCGAN, config.tricks, preset, f"--preset {preset}")
    if config.loss == "relativistic" and "unrolled" in chosen:
        raise UserError(
            "--tricks unrolled with --loss relativistic: G's look ahead knows no pairs; choose "
            "--loss non_saturating"
        )
    per_image = [name for name in ("gradient_penalty", "r1") if name in chosen]
    if config.gamma:
        for name in ("r1", "minibatch", "packing", "unrolled"):
            if name in chosen:
                raise UserError(
                    f"--tricks {name} with --gamma {config.gamma:g}: R1 and R2 are per image, and "
                    "there once; leave the trick out, or give --gamma 0"
                )
    without_batch_norm = {"weight_norm", "spectral_norm", "instance_norm"} & chosen
    if preset in ("dcgan", "cgan") and not without_batch_norm and (per_image or config.gamma):
        what = f"--tricks {per_image[0]}" if per_image else f"--gamma {config.gamma:g}"
        raise UserError(
            f"{what}: the penalty is per image, and D's batch norm mixes them; add spectral_norm, "
            "weight_norm or instance_norm to --tricks"
        )
