"""The patients, and what is done to each: data alone, nothing is trained here."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_common.catalogue import TRICKS as CATALOGUE

UNTREATED = "untreated"


@dataclasses.dataclass(frozen=True)
class Row:
    """What is done to a patient.

    Attributes:
        section: of the chapter.
        flags: of `keras_dcgan`.
        variants: names of functions in `variants`: of a part, of the networks, or a rule.
    """

    section: str = ""
    flags: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    variants: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Patient:
    """A training, and what may be done to it.

    Attributes:
        says: what is wrong, in a sentence.
        steps: of every row.
        rows: name → what is done; `UNTREATED` is added.
        untreated: what makes it ill.
        dataset: name, and height and width in pixels.
        data: a function in this module that spoils the images; None leaves them as they are.
        measure: "fid" or "checkerboard"; less is better.
    """

    says: str
    steps: int
    rows: Mapping[str, Row]
    untreated: Row = Row()
    dataset: tuple[str, int | None] = ("mnist5k", None)
    data: str | None = None
    measure: str = "fid"


def _tricks(names: str) -> dict[str, Row]:
    rows = {}
    for name in names.split():
        first = name.split("+")[0]
        rows[name.replace("+", ", ")] = Row(
            CATALOGUE[first].section, {"tricks": tuple(name.split("+"))}
        )
    return rows


TRICKS = _tricks(
    "feature_matching minibatch historical_averaging label_smoothing label_noise virtual_batch_norm "
    "instance_norm weight_norm spectral_norm r1+spectral_norm pixel_shuffle sgd_discriminator "
    "instance_noise dropout_noise packing replay augment spherical_latent unrolled"
)
AGAINST = {
    "no batch norm": Row("2.4.6", {"break_": "no_bn"}),
    "no weight average": Row("2.4.3", {"weight_average": 0.0}),
    "minimax loss": Row("2.3.1", {"loss": "minimax"}),
    "labels 0.9 and 0.1": Row("2.4.4", {}, ("both_sides_smoothed",)),
    "sigmoid, images in [0, 1]": Row("2.4.5", {}, ("sigmoid",)),
    "mixed batches": Row("2.4.6", {}, ("mixed_batches",)),
    "ReLU in D": Row("2.4.7", {}, ("rectified",)),
    "max pooling in D": Row("2.4.7", {}, ("pooled",)),
    "max pooling and ReLU in D": Row("2.4.7", {}, ("pooled", "rectified")),
    "kernels of 3 in G": Row("2.4.7", {}, ("kernels_of_3",)),
    "whoever is behind": Row("2.4.9", {}, ("whoever_is_behind",)),
    "D twice as often": Row("2.4.9", {}, ("d_more_often",)),
    "G first": Row("2.3.1", {}, ("generator_first",)),
}


def _some(names: str) -> dict[str, Row]:
    return {name: TRICKS[name] for name in names.split()}


PATIENTS: dict[str, Patient] = {
    "vanishing": Patient(
        "the minimax loss and a G that lags behind: where D is sure, G has no gradient",
        1000,
        {"non-saturating loss": Row("2.3.1", {"loss": "non_saturating"}),
         "equal rates": Row("2.3.1", {"generator_lr": 2e-3})}
        | _some("label_smoothing label_noise instance_noise spectral_norm sgd_discriminator"),
        Row("2.3.1", {"break_": "strong_d"}),
    ),
    "collapse": Patient(
        "no batch norm in G, and a D that hardly moves: G's images become alike",
        1000,
        {"equal rates": Row("2.3.2", {"discriminator_lr": 2e-3})}
        | _some("minibatch packing feature_matching unrolled historical_averaging replay "
                "spectral_norm instance_noise"),
        Row("2.3.2", {"break_": "collapse"}),
    ),
    "sure": Patient(
        "200 images: D knows them by heart, and is sure",
        2000,
        _some("augment label_smoothing label_noise instance_noise spectral_norm "
              "sgd_discriminator dropout_noise replay"),
        data="few",
    ),
    "small batches": Patient(
        "8 images in a batch: what batch norm makes of an image hangs on seven others",
        4000,
        _some("virtual_batch_norm instance_norm weight_norm spectral_norm"),
        Row("2.4.6", {"batch_size": 8}),
    ),
    "wrong images": Patient(
        "a tenth of the images called real are noise",
        2000,
        _some("label_smoothing label_noise feature_matching historical_averaging minibatch "
              "spectral_norm instance_noise"),
        data="noisy",
    ),
    "checkerboards": Patient(
        "G's kernels of 3 do not divide by the stride of 2; drawn discs, on gray",
        1000,
        {"kernels of 4": Row("2.4.7"), "pixel_shuffle": TRICKS["pixel_shuffle"]},
        Row("2.4.7", {}, ("kernels_of_3",)),
        ("shapes:count", None),
        measure="checkerboard",
    ),
    "mixed batches": Patient(
        "D's batch norm sees real and generated images in one batch",
        1000,
        {"apart": Row("2.4.6")}
        | {name: dataclasses.replace(TRICKS[name], variants=("mixed_batches",))
           for name in ("virtual_batch_norm", "instance_norm", "weight_norm", "spectral_norm")},
        Row("2.4.6", {}, ("mixed_batches",)),
    ),
    "healthy digits": Patient("nothing is wrong", 4000, TRICKS | AGAINST),
    "healthy emoji": Patient(
        "nothing is wrong; color, 16×16 pixels", 3000, TRICKS, dataset=("openmoji", 16)
    ),
}  # fmt: skip


def few(dataset: Any) -> Any:
    """The first 200 of the images."""
    return dataclasses.replace(
        dataset, x_train=dataset.x_train[:200], y_train=dataset.y_train[:200]
    )


def noisy(dataset: Any) -> Any:
    """Every tenth image is uniform noise."""
    images = dataset.x_train.copy()
    rng = np.random.default_rng(0)
    images[::10] = rng.integers(0, 256, images[::10].shape, np.uint8)
    return dataclasses.replace(dataset, x_train=images)


SPOILED: dict[str, Callable[[Any], Any]] = {"few": few, "noisy": noisy}
