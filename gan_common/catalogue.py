"""Each trick of sections 2.3 and 2.4, once: its use, what acts, who takes it, what it excludes and why.

`--tricks` of every command goes by this list, in this order.  Nothing here imports TensorFlow, so that a
combination that makes no sense is refused at once.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from gan_common.errors import UserError

# Whose --tricks: the packages', and those of `gan_common.modes`.
DCGAN, SSGAN, MODES, APPLICATIONS = "keras_dcgan", "ssgan_tf", "modes", "gan_applications"
BOTH, EVERYWHERE = (DCGAN, SSGAN), (DCGAN, SSGAN, MODES)


@dataclasses.dataclass(frozen=True)
class Trick:
    """One trick.

    Attributes:
        section: of the chapter.
        acts: what a training with the trick runs: a name in gan_common, or in keras.
        effect: one line.
        takes: those whose `--tricks` has it.
        values: how much of it, where the trick is turned on.
        sets: who → the flags that the trick sets.
        no_place: who, or who and which networks ("keras_dcgan gan") → why they have no place for it.
    """

    section: str
    acts: str
    effect: str
    takes: tuple[str, ...]
    values: Mapping[str, float] = dataclasses.field(default_factory=dict)
    sets: Mapping[str, Mapping[str, object]] = dataclasses.field(default_factory=dict)
    no_place: Mapping[str, str] = dataclasses.field(default_factory=dict)


REAL_LABEL = 0.9  # of one-sided label smoothing: Salimans et al. 2016, section 3.4
_AVERAGED, _SPHERE = {"weight_average": 0.999}, {"latent": "sphere"}
_PENALTY_NO_PLACE = {
    "ssgan_tf fast color": "it is per image, and D's batch norm mixes them",
    "ssgan_tf reference": "it is per image, and D's batch norm mixes them",
    "modes stacked": "batch norm in D makes a sample's gradient depend on the others",
}

TRICKS: dict[str, Trick] = {
    "gradient_penalty": Trick(
        "2.3.1",
        "modern.gradient_penalty",
        "keeps D's slope near 1 between real and generated samples",
        EVERYWHERE,
        {"weight": 10.0},  # λ, Gulrajani et al. 2017, section 4
        no_place=_PENALTY_NO_PLACE,
    ),
    "r1": Trick(
        "2.3.1",
        "modern.r1_penalty",
        "keeps D flat around real samples, so that G settles there",
        (*EVERYWHERE, APPLICATIONS),
        {"weight": 1.0},  # γ; Mescheder et al. 2018 use 10 on images of 256×256
        no_place=_PENALTY_NO_PLACE,
    ),
    "augment": Trick(
        "2.3.1",
        "modern.differentiable_augment",
        "shows D only transformed images, so that it cannot learn a small data set by heart",
        (*BOTH, APPLICATIONS),
    ),
    "adaptive_augment": Trick(
        "2.3.1",
        "modern.AdaptiveAugment",
        "augments as many of D's images as its overfitting asks for",
        (DCGAN,),
        no_place={"ssgan_tf": "D's labels, too, would have to be learned from what it is shown"},
    ),
    "lr_decay": Trick(
        "2.3.1",
        "keras.optimizers.schedules.CosineDecay",
        "both learning rates fall to 0 over the run",
        (MODES,),
    ),
    "packing": Trick(
        "2.3.2",
        "tricks.pack",
        "D judges several samples together and sees when they are all alike",
        (DCGAN, MODES),
        {"samples": 2},  # m, Lin et al. 2018
        no_place={
            "ssgan_tf": "a pack of images has no one class",
            "keras_dcgan cgan": "the images of a pack may have different classes",
        },
    ),
    "unrolled": Trick(
        "2.3.2",
        "tricks.unrolled_gradients",
        "G plays against D as it will be some steps later",
        (DCGAN, MODES),
        {"steps": 5},  # k, Metz et al. 2017, section 3
        no_place={"ssgan_tf": "D also learns from labels, which G's look ahead would leave out"},
    ),
    "minimax": Trick(
        "2.3.2",
        "losses.generator_loss",
        "G minimizes log(1 − D), the game's own loss",
        (MODES,),
        sets={MODES: {"loss": "minimax"}},
    ),
    "non_saturating": Trick(
        "2.3.2",
        "losses.generator_loss",
        "G maximizes log D; the default",
        (MODES,),
        sets={MODES: {"loss": "non_saturating"}},
    ),
    "fake_smoothing": Trick(
        "2.3.2",
        "losses.discriminator_loss_parts",
        "D's target for generated data is β, not 0: the chapter warns of it",
        (MODES,),
    ),
    "generator_first": Trick(
        "2.3.2",
        "modes.game.Game.step",
        "D moves only every fifth step in the first tenth of the run",
        (MODES,),
    ),
    "conditional": Trick(
        "2.3.2",
        "modes.game.Game.judge",
        "both networks are given the mode (CGAN)",
        (MODES,),
        no_place={
            "modes stacked": "a label for each of 1,000 modes is more than there are samples in a batch"
        },
    ),
    "residual": Trick(
        "2.3.2",
        "modes.game.Game.generate",
        "G adds what is missing to a Gaussian as wide as the data (LAPGAN's idea)",
        (MODES,),
        no_place={"modes stacked": "no Gaussian is near images of digits"},
    ),
    "feature_matching": Trick(
        "2.4.1",
        "tricks.feature_matching_loss",
        "G matches the mean features of real data in D",
        EVERYWHERE,
        sets={SSGAN: {"generator_loss": "feature_matching"}},
    ),
    "minibatch": Trick(
        "2.4.2",
        "tricks.MinibatchDiscrimination",
        "D sees how close a sample is to the others of its batch",
        (DCGAN, MODES),
        {"kernels": 32, "kernel_dim": 8},  # B and C, Salimans et al. 2016, section 3.2
        no_place={"ssgan_tf": "an image's class would depend on the other images of its batch"},
    ),
    "historical_averaging": Trick(
        "2.4.3",
        "tricks.HistoricalAverage",
        "damps cycles by pulling weights towards their past mean",
        EVERYWHERE,
        {"weight": 1e-3},
    ),
    "weight_average": Trick(
        "2.4.3",
        "tricks.WeightAverage",
        "samples and tests use a moving average of the weights",
        EVERYWHERE,
        sets={DCGAN: _AVERAGED, SSGAN: _AVERAGED},
    ),
    "label_smoothing": Trick(
        "2.4.4",
        "losses.discriminator_loss_parts",
        f"D's target for real data is {REAL_LABEL}, which curbs its confidence",
        (*EVERYWHERE, APPLICATIONS),
        sets={DCGAN: {"real_label": REAL_LABEL}, SSGAN: {"real_label": REAL_LABEL}},
    ),
    "label_noise": Trick(
        "2.4.4",
        "tricks.flip_logits",
        "flips a few of D's labels at random",
        (*BOTH, APPLICATIONS),
        {"share": 0.05},
    ),
    "virtual_batch_norm": Trick(
        "2.4.6",
        "tricks.VirtualBatchNormalization",
        "normalizes each sample by a fixed reference batch",
        EVERYWHERE,
        no_place={
            "keras_dcgan modern": "its networks have no batch norm to replace",
            "keras_dcgan gan": "its networks have no batch norm to replace",
            "keras_dcgan cgan": "the reference batch has no classes",
            "modes stacked": "its networks are published with batch norm",
        },
    ),
    "instance_norm": Trick(
        "2.4.6",
        "keras.layers.GroupNormalization",
        "normalizes each sample by itself, where batches cannot be kept apart",
        BOTH,
        sets={SSGAN: {"norm": "instance"}},
        no_place={
            "keras_dcgan modern": "its networks have no batch norm to replace",
            "keras_dcgan gan": "its networks have no batch norm to replace",
            "keras_dcgan reference": "its batch norm follows a dense layer, where there are no positions",
            **dict.fromkeys(
                (
                    *("ssgan_tf fast", "ssgan_tf fast color"),
                    *("ssgan_tf improved", "ssgan_tf improved color"),
                ),
                "the other D's normalize their weights",
            ),
        },
    ),
    "weight_norm": Trick(
        "2.4.6",
        "tricks.WeightNormalization",
        "learns each unit's weight length apart from its direction",
        BOTH,
        no_place={
            "keras_dcgan modern": "R1 and R2 are what keeps its D flat",
            **dict.fromkeys(
                ("ssgan_tf fast color", "ssgan_tf reference"),
                "its D is normalized by batch or instance",
            ),
        },
    ),
    "spectral_norm": Trick(
        "2.4.6",
        "keras.layers.SpectralNormalization",
        "bounds the slope of each of D's layers",
        (DCGAN, APPLICATIONS),
        no_place={"ssgan_tf": "D's weights are normalized by their length: weight_norm"},
    ),
    "pixel_shuffle": Trick(
        "2.4.7",
        "tricks.PixelShuffle",
        "G upsamples by moving channels to pixels, without zeros to fill",
        BOTH,
        no_place={
            "keras_dcgan modern": "its generator repeats pixels, and convolves after that",
            "keras_dcgan gan": "its generator has no upsampling",
            "keras_dcgan reference": "its upsampling is part of what it reproduces",
            "ssgan_tf improved": "its generator is dense for gray",
        },
    ),
    "sgd_discriminator": Trick(
        "2.4.8",
        "kernels.optimizers.SGD",
        "SGD for D, Adam for G",
        BOTH,
        # Adam's rate would hardly move D.  Of keras_dcgan on mnist5k 500 steps came to FID 4.3 with 0.05,
        # 2.4 with 0.2, 2.7 with 1; with 0.01 D had learnt nothing after 1,488.
        sets={
            DCGAN: {"discriminator_lr": 0.2},
            SSGAN: {"discriminator_lr": 0.02, "beta_1": 0.5},
        },
    ),
    "instance_noise": Trick(
        "2.4.8",
        "tricks.instance_noise",
        "decaying noise on D's inputs lets real and generated overlap",
        (*EVERYWHERE, APPLICATIONS),
        {"stddev": 0.2, "steps": 2000},  # of the range [-1, 1] at the start; until it is gone
    ),
    "dropout_noise": Trick(
        "2.4.8",
        "tricks.DropoutNoise",
        "dropout in G as a source of noise, at test time too",
        BOTH,
        {"rate": 0.3},
        no_place={
            "keras_dcgan modern": "its blocks add to each other what noise would be left in",
        },
    ),
    "spherical_latent": Trick(
        "appendix",
        "tricks.sample_latent",
        "latents on the unit sphere, interpolated along great circles",
        BOTH,
        sets={DCGAN: _SPHERE, SSGAN: _SPHERE},
    ),
    "replay": Trick(
        "appendix",
        "tricks.ReplayBuffer",
        "shows D old generated samples again, so that it keeps them out",
        EVERYWHERE,
        {"batches": 16},
        no_place={"keras_dcgan cgan": "the buffer keeps images without their classes"},
    ),
}

_GRADIENT = "each replaces the gradient that G follows"
_THIRD = "unrolling would need the penalty's third derivatives"
_OTHERS = "the penalty is per sample, and D would see the others"
# Tricks that exclude each other, and why; and for whom.
EXCLUSIVE: tuple[tuple[tuple[str, str], str, tuple[str, ...]], ...] = (
    (
        ("weight_norm", "spectral_norm"),
        "each replaces the other's normalization of D's weights",
        (DCGAN,),
    ),
    (("weight_norm", "instance_norm"), "each replaces D's batch norm", (DCGAN,)),
    (("spectral_norm", "instance_norm"), "each replaces D's batch norm", (DCGAN,)),
    (("virtual_batch_norm", "instance_norm"), "each replaces G's batch norm", BOTH),
    (("feature_matching", "unrolled"), _GRADIENT, (DCGAN, MODES)),
    (("gradient_penalty", "unrolled"), _THIRD, (DCGAN, MODES)),
    (("r1", "unrolled"), _THIRD, (DCGAN, MODES)),
    (("gradient_penalty", "minibatch"), _OTHERS, (DCGAN, MODES)),
    (("r1", "minibatch"), _OTHERS, (DCGAN, MODES)),
    (("gradient_penalty", "packing"), "the penalty is per sample, and D would see packs", (DCGAN,)),
    (("r1", "packing"), "the penalty is per sample, and D would see packs", (DCGAN,)),
    (("augment", "adaptive_augment"), "each says what of the images D is shown", (DCGAN,)),
    (("minimax", "non_saturating"), "each is the loss that G minimizes", (MODES,)),
    (
        ("feature_matching", "minimax"),
        "feature matching replaces the loss that G minimizes",
        (MODES,),
    ),
    (("conditional", "replay"), "the buffer keeps samples without their modes", (MODES,)),
)


def names(who: str) -> tuple[str, ...]:
    """What `--tricks` of "keras_dcgan", "ssgan_tf", "modes" or "gan_applications" takes."""
    return tuple(name for name, trick in TRICKS.items() if who in trick.takes)


def sets(who: str, chosen: Iterable[str]) -> dict[str, object]:
    """The flags that the chosen tricks set, by name; a later trick's value holds."""
    values: dict[str, object] = {}
    for name in chosen:
        values |= TRICKS[name].sets.get(who, {})
    return values


def check(who: str, chosen: Sequence[str], networks: str = "", preset: str = "") -> None:
    """Refuse tricks that are unknown, have no place in the networks, or exclude each other.

    Args:
        who: "keras_dcgan", "ssgan_tf", "modes" or "gan_applications".
        chosen: names of tricks.
        networks: as in `Trick.no_place`, without `who`.
        preset: flags that say which networks these are, for the message: "--preset gan".

    Raises:
        UserError: says which trick, and why.
    """
    for name in chosen:
        trick = TRICKS.get(name)
        if trick is not None and who in trick.no_place:
            others = " and ".join(other for other in trick.takes if other in BOTH)
            raise UserError(f"--tricks {name}: {trick.no_place[who]}; {others} takes it")
        if trick is None or who not in trick.takes:
            raise UserError(f"--tricks {name}: unknown; the tricks are {', '.join(names(who))}")
        reason = trick.no_place.get(f"{who} {networks}")
        if reason is not None:
            raise UserError(f"--tricks {name} with {preset}: {reason}; leave the trick out")
    for pair, reason, whose in EXCLUSIVE:
        if who in whose and set(pair) <= set(chosen):
            raise UserError(f"--tricks {','.join(pair)}: {reason}; leave one of them out")


def tell(who: str) -> int:
    """Print what `--tricks help` shows; the exit status, 0."""
    for name in names(who):
        print(f"  {name:<22}{TRICKS[name].section:<10}{TRICKS[name].effect}")
    print("Several are separated by commas; the number is the section of the chapter.")
    return 0
