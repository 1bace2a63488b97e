"""A network saved without this project's layers computes the same."""

import json
import zipfile

import keras
import numpy as np
import pytest

from gan_common import tricks
from gan_common.kernels.convolutions import Conv2D, Conv2DTranspose
from gan_common.kernels.normalization import BatchNormalization
from gan_common.kernels.portable import all_layers, foreign_layers, portable
from gan_common.kernels.upsampling import UpsampleConv2D
from gan_common.tricks import WeightNormalization

layers = keras.layers


def chain(*parts, name="net"):
    x = inputs = keras.Input((4, 4, 3))
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x, name=name)


def shaken(model):
    """The model with other weights than those it was made with."""
    rng = np.random.default_rng(0)
    model.set_weights(
        [values + rng.uniform(0.1, 0.5, values.shape) for values in model.get_weights()]
    )
    return model


NETS = {
    "weight norm": lambda: chain(
        WeightNormalization(Conv2D(4, 3, name="inner")),
        WeightNormalization(Conv2D(4, 1, use_bias=False)),
        layers.Flatten(),
        WeightNormalization(layers.Dense(2), trainable_scale=False),
    ),
    "weight norm, transposed": lambda: chain(WeightNormalization(Conv2DTranspose(2, 4, 2, "same"))),
    "nested": lambda: chain(
        keras.Sequential([layers.UpSampling2D(2), Conv2D(5, 3)]), BatchNormalization()
    ),
    "upsampling": lambda: chain(
        UpsampleConv2D(4, 5, scale=2, activation="tanh"), UpsampleConv2D(2, 3, use_bias=False)
    ),
    "spectral norm": lambda: chain(layers.SpectralNormalization(Conv2D(4, 3))),
}


@pytest.mark.parametrize("name", NETS)
def test_it_computes_the_same_and_names_no_layer_of_ours(name, tmp_path):
    model = shaken(NETS[name]())
    x = np.random.default_rng(1).normal(size=(3, 4, 4, 3)).astype(np.float32)
    before = model.get_weights()
    portable(model).save(tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as file:
        assert "gan_common" not in file.read("config.json").decode()
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-4, atol=1e-5)
    assert foreign_layers(loaded) == []
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_that_have_no_equal_are_named():
    model = chain(tricks.PixelShuffle(1), Conv2D(2, 3), tricks.DropoutNoise(0.1))
    assert foreign_layers(portable(model)) == ["DropoutNoise", "PixelShuffle"]
    config = json.dumps(keras.saving.serialize_keras_object(portable(model)))
    assert "Conv2D" in config
    assert len(list(all_layers(model))) == 4
