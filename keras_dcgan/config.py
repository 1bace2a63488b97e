"""What a DCGAN training can be told, and how a configuration is made of what was typed."""

import dataclasses
from collections.abc import Collection

from gan_common import catalogue, cli
from gan_common.cli import by_preset, flag, length
from gan_common.errors import UserError
from keras_dcgan.presets import BREAKABLE, BROKEN, MENDS, PRESETS

# Steps from one grid, or checkpoint, to the next where an epoch is shorter.
LEAST_SAMPLE, LEAST_SAVE = 50, 250


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
    generator_lr: float = by_preset("G's learning rate", lower=0, on_resume=True)
    discriminator_lr: float = by_preset("D's learning rate", lower=0, on_resume=True)
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
    sample_every: float | None = flag(
        None,
        f"epochs from one sample grid to the next (default: 1, but at least {LEAST_SAMPLE} steps)",
        lower=0,
        on_resume=True,
    )
    save_every: float | None = flag(
        None,
        f"epochs from one checkpoint to the next (default: 1, but at least {LEAST_SAVE} steps)",
        lower=0,
        on_resume=True,
    )
    evaluate: bool = flag(True, "measure FID and the rest when the training ends", on_resume=True)
    json: str | None = flag(None, "file that the run's summary is also written to", on_resume=True)


# The tricks that keep no state, and draw nothing at random, that is one process's own.
DISTRIBUTED = (
    "feature_matching", "historical_averaging", "label_smoothing", "instance_norm", "weight_norm", "r1",
    "sgd_discriminator", "pixel_shuffle", "spherical_latent", "weight_average",
)  # fmt: skip
# Of a folder with fewer training images D sees augmented ones, unless --tricks is typed.
FEW_IMAGES = 2000
AUGMENTATIONS = ("augment", "adaptive_augment")
PACKED = int(catalogue.TRICKS["packing"].values["samples"])  # images in a pack
# The flags that the networks are made by; a run that begins with another's weights takes them from it.
OF_NETWORKS = (
    "preset", "tricks", "latent_dim", "latent", "width", "discriminator_kernel", "image_size",
)  # fmt: skip


def resolve(given: dict) -> Config:
    """The configuration of what was typed: explicit values, then tricks, the preset, the defaults.

    Raises:
        UserError: on a combination that makes no sense, or when --from names no run.
    """
    given = cli.started_from(Config, given, OF_NETWORKS)
    preset, chosen = given.get("preset", "dcgan"), given.get("tricks", ())
    # The documented runs of mnist5k go by 20 epochs, 1,240 steps, which it is large enough for.
    least = 0 if given.get("dataset", Config.dataset) == "mnist5k" else length.LEAST_STEPS
    values = {**PRESETS[preset], **length.defaults(given, least)}
    catalogue.check(catalogue.DCGAN, chosen, preset, f"--preset {preset}")
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
    if config.gamma and config.batch_size % config.penalty_images:
        raise UserError(
            f"--penalty_images {config.penalty_images} does not divide --batch_size {config.batch_size}; "
            "give one that does"
        )
    if config.weight_average == 1:
        raise UserError("--weight_average 1: an average that never moves; choose one below 1")
    if "packing" in chosen and config.batch_size % PACKED:
        raise UserError(
            f"--batch_size {config.batch_size}: --tricks packing needs a multiple of {PACKED}"
        )
    _check_distributed(config)
    return config


def for_few(config: Config, typed: Collection[str], images: int) -> Config:
    """A new run's configuration by the number of its training images: few of a folder are augmented.

    D knows some hundred images by heart after a few epochs, and G learns nothing more from it (Zhao et al.
    2020, figure 1).

    Args:
        config: resolved.
        typed: names of the fields that were typed: with --tricks, or --break, nothing is added.
        images: to train on.

    Returns:
        With `augment` among its tricks, where that has a place: augmentation is one process's own.
    """
    if not config.dataset.startswith("folder:") or images >= FEW_IMAGES:
        return config
    own = {"tricks", "break_"} & set(typed) or set(AUGMENTATIONS) & set(config.tricks)
    if own or config.distribute != "none":
        return config
    return dataclasses.replace(config, tricks=(*config.tricks, "augment"))


def resumed(given: dict) -> Config:
    """The configuration of the run in `given["resume"]`, with what may change on resuming.

    Raises:
        UserError: when a flag contradicts the run, or there is no run.
    """
    config = length.changed(cli.resumed(Config, given), given)
    _check_distributed(config)
    return config


def _check_distributed(config: Config) -> None:
    """Refuse what several replicas would compute otherwise than one does."""
    if config.distribute == "none":
        return
    for trick in config.tricks:
        if trick not in DISTRIBUTED:
            raise UserError(f"--tricks {trick} works in one process; leave out --distribute")
    if config.preset == "gan":
        raise UserError(
            "--preset gan has dropout, which is one process's own; leave out --distribute, or choose "
            "--preset dcgan"
        )
    if config.on_failure in ("pause", "lower_lr"):
        raise UserError(
            f"--on_failure {config.on_failure} works in one process; with --distribute "
            f"{config.distribute} choose warn or stop"
        )


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
