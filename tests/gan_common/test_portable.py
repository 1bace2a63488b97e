"""A network saved without this project's layers computes the same."""

import zipfile

import keras
import numpy as np
import pytest

import keras_dcgan.config
import keras_dcgan.models
import ssgan_tf.config
import ssgan_tf.export
import ssgan_tf.models
from gan_common import tricks
from gan_common.kernels.convolutions import Conv2D, Conv2DTranspose
from gan_common.kernels.machine import computing_in
from gan_common.kernels.normalization import BatchNormalization
from gan_common.kernels.upsampling import UpsampleConv2D
from gan_common.portable import foreign_layers, merged, portable
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


def disturb(network, rng):
    """Give the network other weights than those it begins with, and batch norm other statistics."""
    for variable in network.variables:
        if variable.dtype == "float32":
            values = np.array(variable.numpy())
            if "variance" in variable.path:
                variable.assign(values * rng.uniform(0.3, 3, values.shape))
            else:
                variable.assign(values + rng.normal(0, 0.05, values.shape))


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
    merged(portable(model)).save(tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as file:
        assert "gan_common" not in file.read("config.json").decode()
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-4, atol=1e-5)
    assert foreign_layers(loaded) == []
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_that_have_no_equal_are_named():
    class Ours(layers.Layer):
        def call(self, inputs):
            return inputs

    assert foreign_layers(portable(chain(Ours(), Conv2D(2, 3)))) == ["Ours"]


def test_it_computes_in_float32_whatever_the_training_did(tmp_path):
    with computing_in("bfloat16"):
        model = chain(
            Conv2D(2, 3), BatchNormalization(), layers.Activation("tanh", dtype="float32")
        )
    portable(model).save(tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as file:
        assert "bfloat16" not in file.read("config.json").decode()


def test_dropout_noise_is_off_when_asked_and_on_in_training():
    model = portable(chain(tricks.DropoutNoise(0.5)))
    x = np.ones((2, 4, 4, 3), np.float32)
    np.testing.assert_array_equal(model(x), x)
    assert (model(x, training=True).numpy() == 0).any()


def test_batch_norm_is_merged_where_only_a_linear_layer_stands_before_it():
    def left(*parts):
        model = merged(portable(shaken(chain(*parts))))
        return sum(isinstance(layer, layers.BatchNormalization) for layer in model.layers)

    assert left(Conv2D(2, 3, use_bias=False), BatchNormalization()) == 0
    assert left(Conv2DTranspose(2, 4, 2), BatchNormalization(scale=False)) == 0
    flat = layers.Flatten(), layers.Dense(8), layers.Reshape((2, 2, 2)), BatchNormalization()
    assert left(*flat) == 0
    assert left(Conv2D(2, 3), layers.ReLU(), BatchNormalization()) == 1
    assert left(Conv2D(2, 3, activation="relu"), BatchNormalization()) == 1
    assert left(Conv2D(2, 3), layers.MaxPooling2D(2), BatchNormalization()) == 1


def test_a_layer_whose_output_is_used_twice_keeps_its_batch_norm_apart():
    inputs = keras.Input((4, 4, 3))
    x = Conv2D(3, 1)(inputs)
    model = shaken(keras.Model(inputs, layers.Add()([x, BatchNormalization()(x)])))
    images = np.random.default_rng(1).normal(size=(2, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(merged(portable(model))(images), model(images), atol=1e-6)


# ------------------------------------------------------------------ the networks of all presets

GRAY, COLOR = (16, 16, 1), (16, 16, 3)
DCGAN = [
    *(("cgan", COLOR), ("reference", GRAY), ("modern", COLOR)),
    ("dcgan", GRAY, "virtual_batch_norm", "pixel_shuffle", "minibatch", "instance_noise", "spectral_norm"),
]  # fmt: skip
SSGAN = [
    *(
        ("fast", COLOR),
        ("improved", GRAY),
        ("reference", COLOR, "nearest"),
        ("reference", GRAY, "bilinear"),
    ),
]


def same(network, *inputs):
    """Whether the network is, of Keras's layers, the same to 1e-4."""
    given = list(inputs) if len(inputs) > 1 else inputs[0]
    found = merged(portable(network))
    assert foreign_layers(found) == []
    np.testing.assert_allclose(found(given), network(given, training=False), atol=1e-4)


@pytest.mark.parametrize(("preset", "shape", "tricks"), [(p, s, t) for p, s, *t in DCGAN])
def test_the_networks_of_keras_dcgan(preset, shape, tricks):
    given = {"preset": preset, "tricks": tuple(tricks), "width": 4, "batch_size": 8}
    config = keras_dcgan.config.resolve({**given, "precision": "float32"})
    gan = keras_dcgan.models.build(config, shape, 3)
    rng, classes = np.random.default_rng(0), [np.arange(3, dtype=np.int32)] * gan.conditional
    for network in (gan.generator, gan.discriminator):
        disturb(network, rng)
    same(gan.generator, rng.normal(size=(3, config.latent_dim)).astype(np.float32), *classes)
    size = gan.discriminator.inputs[0].shape[1:]
    same(gan.discriminator, rng.uniform(-1, 1, (3, *size)).astype(np.float32), *classes)


@pytest.mark.parametrize(("preset", "shape", "upsample"), [(p, s, u) for p, s, *u in SSGAN])
def test_the_networks_of_ssgan_tf(preset, shape, upsample):
    given = {"preset": preset, "precision": "float32"} | (
        {"upsample": upsample[0]} if upsample else {}
    )
    config = ssgan_tf.config.resolve(given, shape[-1] == 1)
    gan = ssgan_tf.models.build(config, shape, 3)
    rng = np.random.default_rng(0)
    for network in (gan.generator, gan.discriminator):
        disturb(network, rng)
    same(gan.generator, rng.normal(size=(3, config.latent_dim)).astype(np.float32))
    inputs = keras.Input(shape)
    classifier = keras.Model(inputs, ssgan_tf.export.class_logits(gan, inputs))
    images = rng.uniform(-1, 1, (3, *shape)).astype(np.float32)
    same(classifier, images)
    np.testing.assert_allclose(classifier(images), gan.discriminator(images)[1], atol=1e-5)
