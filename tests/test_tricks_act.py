"""What the catalogue says acts in a training with a trick is what a step of both packages runs."""

import inspect
import sys
import types

import numpy as np
import pytest

import keras_dcgan.config
import keras_dcgan.models
import ssgan_tf.config
import ssgan_tf.models
from gan_common.catalogue import TRICKS
from tests.gan_common.test_catalogue import resolve

PACKAGES = {"keras_dcgan": keras_dcgan, "ssgan_tf": ssgan_tf}
SMALL = {"latent_dim": 4, "batch_size": 8, "precision": "float32"}
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 12, 12, 1), dtype=np.uint8)
LABELS = (np.arange(12) % 2).astype(np.int32)
# What these name runs without them too: the trick is a number that it is given, or the preset has it.
ALWAYS = {
    "keras_dcgan": {"label_smoothing", "spherical_latent", "weight_average"},
    "ssgan_tf": {
        "label_smoothing",
        "spherical_latent",
        "weight_average",
        "weight_norm",
        "feature_matching",
    },
}
# What D needs beside a penalty on its slope in `keras_dcgan`, and networks that take the trick.
BESIDE = {("keras_dcgan", "gradient_penalty"): "weight_norm", ("keras_dcgan", "r1"): "weight_norm"}
PRESET = {("ssgan_tf", "instance_norm"): "reference"}


def ran(package, *chosen, preset=None):
    """The code that was run while a pair was built and took a step."""
    found = set()
    given = {**SMALL, "tricks": chosen, **({"preset": preset} if preset else {"width": 4})}
    if package == "ssgan_tf":
        given["labelled_batch"] = 4
    sys.setprofile(lambda frame, event, _: found.add(frame.f_code) if event == "call" else None)
    try:
        config = PACKAGES[package].config.resolve(given)
        gan = PACKAGES[package].models.build(config, (12, 12, 1), 2, IMAGES)
        if package == "ssgan_tf":
            gan.train_step(IMAGES[:4], LABELS[:4], IMAGES[4:])
        else:
            gan.train_step((IMAGES[:8], LABELS[:8]))
    finally:
        sys.setprofile(None)
    return found


def codes(acts):
    """The code of a function, or of any of a class's own methods."""
    if inspect.isclass(acts):
        functions = [f for f in vars(acts).values() if isinstance(f, types.FunctionType)]
    else:
        functions = [acts]
    return {inspect.unwrap(function).__code__ for function in functions}


@pytest.fixture(scope="module")
def plain():
    return {package: ran(package) for package in PACKAGES}


@pytest.mark.parametrize(
    ("package", "name"),
    [(p, name) for p in PACKAGES for name, trick in TRICKS.items() if p in trick.takes],
)
def test_what_the_catalogue_names_is_what_a_step_runs(package, name, plain):
    acts = codes(resolve(TRICKS[name].acts))
    pair = (package, name)
    chosen = [name, BESIDE[pair]] if pair in BESIDE else [name]
    assert acts & ran(package, *chosen, preset=PRESET.get(pair))
    if name not in ALWAYS[package]:
        assert not acts & plain[package]
