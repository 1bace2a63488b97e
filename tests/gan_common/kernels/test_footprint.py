"""What networks take of memory is told by shapes alone, and no weight is made for it."""

import resource

import keras
import pytest
from keras import layers

from gan_common.kernels import footprint
from gan_common.kernels.footprint import Size
from keras_dcgan import config as dcgan_config
from keras_dcgan import models as dcgan_models
from ssgan_tf import config as ssgan_config
from ssgan_tf import models as ssgan_models


def test_a_network_by_hand():
    def make():
        x = keras.Input((3,))
        network = keras.Model(x, layers.Dense(2)(layers.Dense(4)(x)))
        chain = network.layers[1:]
        return footprint.of_layers(network), footprint.of_chain(network, chain, (None, 3))

    # 3·4 + 4 weights and 4·2 + 2; 3 numbers of the input, 4 and 2.
    assert footprint.sizes(make) == (Size(26, 9), Size(26, 6))


def test_a_step_by_hand():
    told = footprint.footprint((Size(100, 6), Size(10, 5)), (2, 1), (True, False), "float32")
    # G: weight, two of Adam, average; D: weight, momentum; gradients of the larger.
    assert told.weights == 110
    assert told.state == 4 * (4 * 100 + 2 * 10 + 100)
    assert told.per_image == 4 * (6 + 2 * 5) / 2  # half of what the layers put out, D's twice
    assert told.bytes(3) == told.state + 3 * told.per_image
    half = footprint.footprint((Size(100, 6), Size(10, 5)), (2, 1), (True, False), "bfloat16")
    assert (half.state, half.per_image) == (told.state, told.per_image / 2)


DCGAN = [(dcgan_config, dcgan_models, name) for name in ("dcgan", "cgan", "reference", "gan")]
SSGAN = [(ssgan_config, ssgan_models, name) for name in ("fast", "improved", "reference")]


@pytest.mark.parametrize(("config", "models", "preset"), DCGAN + SSGAN)
def test_its_weights_are_those_of_the_networks(config, models, preset):
    resolved = config.resolve({"preset": preset, "precision": "float32"})
    told = models.size_of(resolved, (16, 16, 3), 5)
    built = models.build(resolved, (16, 16, 3), 5)
    networks = (built.generator, built.discriminator)
    assert told.weights == sum(network.count_params() for network in networks)


def test_nothing_is_made_and_no_name_is_taken():
    before = layers.Dense(1).name.rpartition("_")
    config = dcgan_config.resolve({"precision": "float32"})
    told = dcgan_models.size_of(config, (1024, 1024, 3), 1)
    assert told.weights == 728_959_747 + 178_984_225
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert peak < told.state / 2
    after = layers.Dense(1).name.rpartition("_")
    assert int(after[2]) == (int(before[2]) if before[2].isdigit() else 0) + 1
