"""What an SSGAN training can be told, in groups, and how a configuration is made of what was typed."""

import dataclasses

from gan_common import catalogue, cli
from gan_common.cli import by_preset, flag, length
from gan_common.errors import UserError
from ssgan_tf.presets import COLOR, COLOR_NETWORKS, PRESETS

DEFAULT_LABELS = "100"
# What published work on semi-supervised learning takes of these; of a person's own images all.
LABELS = {"cifar10": "4000", "svhn": "1000", "fashion_mnist": "1000"}
# Where the preset's epochs take hours on two cores, this is the length when none is typed.
MINUTES = {"cifar10": 45.0, "svhn": 45.0, "mnist": 30.0, "fashion_mnist": 30.0}
AUGMENTATIONS = ("shift", "flip", "affine", "color", "cutout")
# Steps from one grid, or checkpoint, to the next where an epoch is shorter.
LEAST_INTERVAL = 500


@dataclasses.dataclass(frozen=True)
class Batches:
    """What a step sees, which labels it may, and how long the training is."""

    epochs: int = by_preset(
        "passes over the unlabelled pool; with --max_minutes alone the time ends the run; with neither "
        f"{', '.join(f'{name} {minutes:.0f}' for name, minutes in MINUTES.items())} minutes",
        lower=1,
        upper=10**9,
        on_resume=True,
    )
    batch_size: int = by_preset("unlabelled images in a step", lower=2)
    game_batch: int | None = flag(
        None, "real and generated images each that D tells apart in a step (default: --batch_size)",
        lower=2,
    )  # fmt: skip
    labelled_batch: int = by_preset("labelled images in a step", lower=2)

    labels: str | None = flag(
        None, "how many training labels are used, the same number of each class, or all (default: "
        f"{', '.join(f'{name} {labels}' for name, labels in LABELS.items())}; folder: all; "
        f"others {DEFAULT_LABELS})",
    )  # fmt: skip
    label_shares: str = flag(
        "equal",
        "how --labels divides them among the classes: the same number of each, or by the classes' shares",
        choices=("equal", "data"),
        since="0.2",
    )
    validation_size: int | None = flag(
        None, "training images kept for validation; the error shown during training is theirs "
        "(default: a tenth, 5000 at most)", lower=0,
    )  # fmt: skip
    baseline: bool = flag(False, "train the classifier alone, on the labelled images")
    augment: tuple[str, ...] = by_preset(
        "what is done to images at random: shift, flip, affine, color, cutout, or none"
    )
    labelled_augment: tuple[str, ...] | None = flag(
        None, "… to labelled images (default: as --augment, or by preset)"
    )


@dataclasses.dataclass(frozen=True)
class Networks:
    """The two networks, and what they are given at random."""

    noise: str | None = flag(
        None, "where the normal noise in D comes from (improved, gray images): random windows of a "
        "table, or drawn anew (default: table)", choices=("table", "drawn"),
    )  # fmt: skip
    width: int | None = flag(
        None, "filters of D's first block (fast; default: 32)", lower=1, upper=1024
    )
    latent_dim: int = by_preset("numbers in a latent", lower=1, upper=10_000)
    latent: str = by_preset("where latents are drawn from", ("normal", "uniform", "sphere"))
    norm: str = flag("batch", "normalization (reference)", ("batch", "instance"))
    upsample: str = flag(
        "bilinear", "how G enlarges (reference)", ("bilinear", "nearest", "transpose")
    )


@dataclasses.dataclass(frozen=True)
class Objectives:
    """What D and G minimize: the terms, and their weights."""

    generator_loss: str = by_preset("what G minimizes", ("feature_matching", "non_saturating"))
    feature_norm: str = by_preset("of feature matching", ("l1", "l2"))
    unsupervised_weight: float = by_preset("weight of real against generated in D's loss", lower=0)
    consistency_weight: float = by_preset(
        "weight of agreement on two views of an unlabelled image",
        lower=0,
    )  # fmt: skip
    consistency_threshold: float = flag(
        0.95,
        "how sure D must be of a class for the views to have to agree",
        lower=0,
        upper=1,
        since="0.2",
    )
    consistency_target: str = flag(
        "present",
        "whose word on the first view the second has to agree with: D's, or that of its "
        "averaged weights",
        choices=("present", "average"),
        since="0.2",
    )
    labels_first: float = flag(
        0.0,
        "share of the run in which D learns from labels alone, before the game begins",
        lower=0,
        upper=1,
        since="0.2",
    )
    entropy_weight: float = by_preset("weight of the class entropy on unlabelled images", lower=0)
    real_label: float = by_preset(
        "one-sided smoothing: D's target on real images", lower=0, upper=1
    )
    pull_away_weight: float = flag(
        0.0, "weight, in G's loss, of the likeness of generated images in D's features: with "
        "--entropy_weight a generator of the complement (Dai et al. 2017)", lower=0, since="0.2",
    )  # fmt: skip
    class_weight: float = flag(
        0.0, "weight, in D's and G's losses, of the class that a generated image is meant to be: "
        "generated images as labelled ones", lower=0, since="0.2",
    )  # fmt: skip
    pair_weight: float = flag(
        0.0, "weight of a third player that tells pairs of image and class apart (Triple-GAN)",
        lower=0, since="0.2",
    )  # fmt: skip
    reconstruction_weight: float = by_preset(
        "weight, at the start, of the distance between generated and real images in G's "
        "loss; falls to 0 by the middle of the run", lower=0,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Updates:
    """How a gradient becomes a step."""

    generator_lr: float = by_preset("G's learning rate", lower=0, on_resume=True)
    discriminator_lr: float = by_preset("D's learning rate", lower=0, on_resume=True)
    beta_1: float = by_preset("Adam's β1", lower=0, upper=1)
    beta_2: float = flag(0.999, "Adam's β2", lower=0, upper=1)
    epsilon: float = flag(1e-4, "what Adam's denominator never falls below", lower=0)
    constant_share: float = by_preset(
        "share of the run before the rates fall linearly to 0",
        lower=0, upper=1, on_resume=True,
    )  # fmt: skip
    clip_norm: float = by_preset("largest global norm of a gradient; 0 is off", lower=0)
    update_ratio: int = by_preset("G's updates for one of D", lower=1)
    weight_average: float = by_preset(
        "decay of the average of both nets' weights; 0 is off", lower=0, upper=1
    )


@dataclasses.dataclass(frozen=True)
class Records:
    """What is looked at and kept while it trains."""

    sample_every: float | None = flag(
        None,
        f"epochs from one sample grid to the next (default: 1, but at least {LEAST_INTERVAL} steps)",
        lower=0,
        on_resume=True,
    )
    save_every: float | None = flag(
        None,
        f"epochs from one checkpoint to the next (default: 1, but at least {LEAST_INTERVAL} steps)",
        lower=0,
        on_resume=True,
    )
    test_every: int = flag(
        200, "steps from one look at the validation images to the next", lower=1, on_resume=True
    )
    evaluate: bool = flag(True, "measure FID and the rest when the training ends", on_resume=True)
    json: str | None = flag(None, "file that the run's summary is also written to", on_resume=True)


@dataclasses.dataclass(frozen=True)
class Config(Batches, Networks, Objectives, Updates, Records, cli.TrainingConfig):
    """One training of `ssgan_tf`, made by `resolve`."""

    preset: str = flag(
        "fast", "networks and hyper-parameters", choices=("fast", "improved", "reference")
    )

    @property
    def of_labelled(self) -> tuple[str, ...]:
        """What is done to labelled images."""
        return self.augment if self.labelled_augment is None else self.labelled_augment


@dataclasses.dataclass(frozen=True)
class Flags(Config):
    """The flags of the training command: a run's, and those of a table of runs."""

    sweep: str | None = flag(None, "train for several label numbers: labels=50,100,1000")
    seeds: int | None = flag(None, "runs of each kind in the sweep, --seed and on", lower=1)


# The flags that the networks are made by; a run that begins with another's weights takes them from it.
OF_NETWORKS = (
    "preset", "latent_dim", "latent", "width", "noise", "norm", "upsample", "tricks", "image_size",
)  # fmt: skip

GRAY = ("mnist5k", "mnist", "fashion_mnist")

# These keep a state, or a reference batch, that is one process's own.
NOT_DISTRIBUTED = ("replay", "virtual_batch_norm", "dropout_noise", "gradient_penalty", "augment",
                   "label_noise", "instance_noise")  # fmt: skip

# What a classifier that is trained on labels alone has no use for.
NOT_OF_BASELINE = (
    "unsupervised_weight",
    "consistency_weight",
    "entropy_weight",
    "consistency_threshold",
    "consistency_target",
    "labels_first",
    "pull_away_weight",
    "class_weight",
    "pair_weight",
    "game_batch",
    "generator_loss",
    "feature_norm",
    "generator_lr",
    "reconstruction_weight",
    "update_ratio",
    "real_label",
)


def resolve(given: dict, gray: bool | None = None) -> Config:
    """The configuration of what was typed: explicit values, tricks, the preset's, the defaults.

    Args:
        given: what was typed.
        gray: whether the images are; by default what is known of the data set's name.

    Raises:
        UserError: on a combination that makes no sense, or when --from names no run.
    """
    of_networks = [n for n in OF_NETWORKS if n != "tricks" or not given.get("baseline")]
    begun = cli.started_from(Config, given, of_networks)
    preset, dataset = begun.get("preset", "fast"), given.get("dataset", "mnist5k")
    if gray is None:
        gray = dataset in GRAY
    values = {**PRESETS[preset], **({} if gray else COLOR[preset])}
    all_labels = dataset.startswith("folder:")
    values["labels"] = "all" if all_labels else LABELS.get(dataset, DEFAULT_LABELS)
    timed = dict(given)
    if preset == "fast" and dataset in MINUTES and not {"epochs", "steps"} & {*given}:
        timed.setdefault("max_minutes", MINUTES[dataset])
        values["max_minutes"] = timed["max_minutes"]
    values |= length.defaults(timed)
    if "augment" in given:
        values.pop("labelled_augment", None)
    chosen = begun.get("tricks", ())
    networks = preset if gray else COLOR_NETWORKS.get(preset, preset)
    catalogue.check(
        catalogue.SSGAN, chosen, networks, f"--preset {preset}{'' if gray else ' on color images'}"
    )
    values |= catalogue.sets(catalogue.SSGAN, chosen)
    for trick in chosen:
        _check_trick(trick, given)
    values.setdefault("noise", "table")
    values.update(begun)
    _give_way(values, given)
    for name in ("augment", "labelled_augment"):
        if values.get(name) == ("none",):
            values[name] = ()
    config = Config(**values)
    _check(config, given)
    return config


def _give_way(values: dict, given: dict) -> None:
    """Change values of the preset that would not go with what was typed."""
    if "consistency_target" not in given and not values["weight_average"]:
        values.pop("consistency_target", None)
    if "game_batch" in given or "game_batch" not in values:
        return
    if values["consistency_weight"] and values.get("consistency_target") != "average":
        del values["game_batch"]
    else:
        values["game_batch"] = min(values["game_batch"], values["batch_size"])


def resumed(given: dict) -> Config:
    """The configuration of the run in `given["resume"]`, with what may change on resuming.

    Raises:
        UserError: when a flag contradicts the run, or there is no run.
    """
    config = length.changed(cli.resumed(Config, given), given)
    for trick in config.tricks:
        _check_trick(trick, dataclasses.asdict(config))
    _check(config, given)
    return config


def _check_trick(name: str, given: dict) -> None:
    if name in NOT_DISTRIBUTED and given.get("distribute", "none") != "none":
        raise UserError(f"--tricks {name} works in one process; leave out --distribute")
    if given.get("baseline"):
        raise UserError("--baseline is the classifier alone: no --tricks")


def _check(config: Config, given: dict) -> None:
    def only_for(preset: str, *names: str) -> None:
        for name in names:
            if name in given and config.preset != preset:
                raise UserError(
                    f"--{name} belongs to --preset {preset}, not {config.preset}; leave it out"
                )

    only_for("reference", "norm", "upsample")
    only_for("fast", "width")
    for flag_name in ("augment", "labelled_augment"):
        for name in getattr(config, flag_name) or ():
            if name not in AUGMENTATIONS:
                known = ", ".join(AUGMENTATIONS)
                raise UserError(f"--{flag_name} {name}: known are {known} and none")
    if config.labels not in (None, "all") and not config.labels.isdecimal():
        raise UserError(f"--labels {config.labels}: give a whole number, or all")
    if config.distribute == "multiworker" and config.on_failure in ("pause", "lower_lr"):
        raise UserError(
            f"--on_failure {config.on_failure} works in one process; with --distribute multiworker "
            "choose warn or stop"
        )
    if config.game_batch is not None and config.game_batch > config.batch_size:
        raise UserError(
            f"--game_batch {config.game_batch} is more than the {config.batch_size} unlabelled images "
            "of a step (--batch_size)"
        )
    present = config.consistency_weight and config.consistency_target == "present"
    if config.game_batch is not None and present:
        raise UserError(
            "--game_batch needs --consistency_target average, or --consistency_weight 0"
        )
    if config.consistency_target == "average" and not config.weight_average:
        raise UserError("--consistency_target average needs --weight_average")
    for name in ("class_weight", "pair_weight"):  # which G's further updates do not have
        if getattr(config, name) and config.update_ratio > 1:
            raise UserError(f"--{name} needs --update_ratio 1, not {config.update_ratio}")
    if config.weight_average == 1:
        raise UserError("--weight_average 1: an average that never moves; choose one below 1")
    for name in ("beta_1", "beta_2"):
        if getattr(config, name) == 1:
            raise UserError(f"--{name} 1: a mean that never moves; choose one below 1")
    if config.generator_loss != "feature_matching" and "feature_norm" in given:
        raise UserError("--feature_norm needs --generator_loss feature_matching")
    if config.baseline:
        for name in NOT_OF_BASELINE:
            if name in given:
                raise UserError(f"--baseline has no generator and no unlabelled part: no --{name}")


def parse_sweep(text: str) -> tuple[str, ...]:
    """`"labels=50,100"` → `("50", "100")`.

    Raises:
        UserError: when it does not read like that.
    """
    name, _, values = text.partition("=")
    numbers = tuple(value.strip() for value in values.split(","))
    if name != "labels" or not all(v.isdecimal() or v == "all" for v in numbers):
        raise UserError(f"--sweep {text!r}: write label numbers as in labels=50,100,1000")
    return numbers
