"""The list of tricks: complete, in the chapter's order, and each entry is what a training runs."""

import importlib

import keras
import pytest

from gan_common import catalogue, tricks
from gan_common.catalogue import BOTH, EXCLUSIVE, TRICKS
from gan_common.errors import UserError


def resolve(name):
    """What `Trick.acts` names."""
    if name.startswith("keras."):
        owner, parts = keras, name.split(".")[1:]
    else:
        module, *parts = name.split(".")
        owner = importlib.import_module(f"gan_common.{module}")
        while isinstance(parts[0], str) and not hasattr(owner, parts[0]):
            owner = importlib.import_module(f"{owner.__name__}.{parts.pop(0)}")
    for part in parts:
        owner = getattr(owner, part)
    return owner


def test_every_trick_names_something_that_exists():
    sections = []
    for name, trick in TRICKS.items():
        assert callable(resolve(trick.acts)), name
        assert "\n" not in trick.effect
        sections.append(trick.section)
    assert sections == sorted(sections)  # "appendix" comes after the numbers
    assert sum(bool(set(BOTH) & set(trick.takes)) for trick in TRICKS.values()) == 22


def test_what_has_no_place_is_told_of_those_who_take_it_or_of_a_whole_package():
    for name, trick in TRICKS.items():
        for where in trick.no_place:
            who, _, networks = where.partition(" ")
            assert (who in trick.takes) == bool(networks), (name, where)
    for pair, reason, whose in EXCLUSIVE:
        assert set(pair) <= set(TRICKS)
        assert reason
        assert all(who in TRICKS[name].takes for who in whose for name in pair)


@pytest.mark.parametrize(
    ("who", "chosen", "networks", "told"),
    [
        ("keras_dcgan", ("magic",), "dcgan", "magic: unknown; the tricks are gradient_penalty, r1"),
        ("keras_dcgan", ("minimax",), "dcgan", "minimax: unknown"),
        ("keras_dcgan", ("packing",), "cgan", "packing with --preset cgan: the images of a pack"),
        ("keras_dcgan", ("r1", "minibatch"), "dcgan", "r1,minibatch: the penalty is per sample"),
        (
            "ssgan_tf",
            ("minibatch",),
            "fast",
            "minibatch: an image's class .*; keras_dcgan takes it",
        ),
        ("modes", ("residual",), "stacked", "residual with --preset stacked: no Gaussian"),
        ("modes", ("minimax", "non_saturating"), "ring", "each is the loss that G minimizes"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(who, chosen, networks, told):
    with pytest.raises(UserError, match=told):
        catalogue.check(who, chosen, networks, f"--preset {networks}")


def test_pairs_that_exclude_each_other_for_one_may_go_together_for_another():
    catalogue.check("modes", ("packing", "r1"), "ring")
    with pytest.raises(UserError, match="D would see packs"):
        catalogue.check("keras_dcgan", ("packing", "r1"), "dcgan")


def test_a_trick_sets_flags_and_a_later_one_holds():
    assert catalogue.sets("keras_dcgan", ("label_smoothing", "spherical_latent")) == {
        "real_label": 0.9,
        "latent": "sphere",
    }
    assert catalogue.sets("ssgan_tf", ("sgd_discriminator",)) == {
        "discriminator_lr": 0.02,
        "beta_1": 0.5,
    }
    assert catalogue.sets("modes", ("non_saturating", "minimax")) == {"loss": "minimax"}


def test_the_table_of_the_list_is_complete_and_its_flags_are_known():
    table = tricks.__doc__[tricks.__doc__.index("==  ===") :]
    entries = [int(line[:2]) for line in table.splitlines() if line[:2].strip().isdigit()]
    assert entries == list(range(1, 18))
    shared = [name for name, trick in TRICKS.items() if set(BOTH) & set(trick.takes)]
    mentioned = [name for name in shared if name in table]
    # The list does not have the others.
    assert set(shared) - set(mentioned) == {
        "gradient_penalty",
        "r1",
        "augment",
        "adaptive_augment",
        "packing",
        "feature_matching",
        "historical_averaging",
        "weight_average",
        "weight_norm",
        "spectral_norm",
    }
