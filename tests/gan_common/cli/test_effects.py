"""What is typed in vain is told; the tables of flags say what the networks and configurations do."""

import dataclasses

import numpy as np
import pytest

import keras_dcgan.presets
import ssgan_tf.config
import ssgan_tf.presets
from gan_common import catalogue, data
from gan_common.cli import effects
from gan_common.errors import UserError
from gan_common.modes import config as modes
from keras_dcgan import config as dcgan


def told(package, given, gray=True):
    if package == "keras_dcgan":
        config, table = dcgan.resolve(given), keras_dcgan.presets.EFFECTS
    else:
        config, table = ssgan_tf.config.resolve(given, gray), ssgan_tf.presets.effects(gray)
    return effects.in_vain(config, given, table, package)


@pytest.mark.parametrize(
    ("package", "given", "flag"),
    [
        ("keras_dcgan", {"preset": "reference", "width": 16}, "--width"),
        ("keras_dcgan", {"preset": "modern", "discriminator_kernel": 6}, "--discriminator_kernel"),
        ("keras_dcgan", {"gamma_steps": 10}, "--gamma_steps"),
        ("keras_dcgan", {"penalty_images": 4}, "--penalty_images"),
        ("keras_dcgan", {"preset": "reference", "beta_2": 0.9}, "--beta_2"),
        ("keras_dcgan", {"fit": "pad"}, "--fit"),
        ("keras_dcgan", {"data_dir": "data"}, "--data_dir"),
        ("keras_dcgan", {"steps": 5, "least_steps": 9}, "--least_steps"),
        ("keras_dcgan", {"tricks": ("label_smoothing",), "real_label": 1.0}, "--tricks label_smoothing"),
        ("keras_dcgan", {"tricks": ("spherical_latent",), "latent": "normal"}, "--tricks spherical_latent"),
        ("ssgan_tf", {"noise": "drawn"}, "--noise"),
        ("ssgan_tf", {"labels": "all", "label_shares": "data"}, "--label_shares"),
        ("ssgan_tf", {"preset": "improved", "consistency_threshold": 0.9}, "--consistency_threshold"),
        ("ssgan_tf", {"unsupervised_weight": 0.0, "real_label": 0.9}, "--real_label"),
        ("ssgan_tf", {"validation_size": 0, "test_every": 5}, "--test_every"),
        ("ssgan_tf", {"baseline": True, "latent_dim": 5}, "--latent_dim"),
    ],
)  # fmt: skip
def test_a_flag_that_was_typed_in_vain_is_told(package, given, flag):
    (line,) = told(package, given)
    assert line.startswith(f"{flag} has no effect ")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("package", "given"),
    [
        ("keras_dcgan", {"preset": "modern", "width": 8, "gamma_steps": 10, "penalty_images": 4}),
        ("keras_dcgan", {"dataset": "folder:mine", "fit": "pad", "discriminator_kernel": 6}),
        ("keras_dcgan", {"dataset": "cifar10", "data_dir": "data", "beta_2": 0.9}),
        ("keras_dcgan", {"tricks": ("label_smoothing", "sgd_discriminator"), "discriminator_lr": 0.1}),
        ("ssgan_tf", {"preset": "improved", "noise": "drawn", "latent_dim": 9, "test_every": 5}),
        ("ssgan_tf", {"consistency_threshold": 0.9, "label_shares": "data", "real_label": 0.9}),
    ],
)  # fmt: skip
def test_a_flag_that_acts_is_not(package, given):
    assert told(package, given) == []


def test_every_table_names_fields_of_its_configuration():
    for config, tables in (
        (dcgan.Config, (effects.COMMON, keras_dcgan.presets.EFFECTS)),
        (ssgan_tf.config.Config, (effects.COMMON, ssgan_tf.presets.effects(True))),
    ):
        fields = {field.name for field in dataclasses.fields(config)}
        assert {name for table in tables for effect in table for name in effect.fields} <= fields
    assert set(effects.MORE_THAN_FLAGS) <= set(catalogue.TRICKS)


@pytest.mark.parametrize("preset", ["dcgan", "cgan", "reference", "gan", "modern"])
def test_the_networks_are_as_the_table_says(preset):
    from keras_dcgan import models

    def sizes(**given):
        config = dcgan.resolve({"preset": preset, "batch_size": 8, **given})
        g, d = models.NETWORKS[preset]
        pair = g(config, (16, 16, 1), 0), d(config, (16, 16, 1), 0)
        return [tuple(variable.shape) for network in pair for variable in network.variables]

    for name, value in (("width", 8), ("discriminator_kernel", 5)):
        acts = not told("keras_dcgan", {"preset": preset, name: value})
        assert (sizes() != sizes(**{name: value})) == acts


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"width": 1.0}, "--width: has no effect without --task stacked"),
        (
            {"task": "stacked", "activation": "relu"},
            "--activation: has no effect with --task stacked",
        ),
    ],
)
def test_modes_refuses_what_has_no_effect(given, says):
    with pytest.raises(UserError, match=says):
        modes.resolve(given)


def test_classes_that_a_part_lacks_are_named():
    names = ("a", "b", "c")
    assert data.without(np.array([0, 2, 2]), names) == "'b'"
    assert data.without(np.array([0, 1, 2]), names) == ""
    assert data.without(np.array([], int), names) == ""
