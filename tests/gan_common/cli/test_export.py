"""Each format by its own runtime, where this project cannot be imported, against Keras."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_common import tricks
from gan_common.cli import export
from gan_common.errors import UserError
from gan_common.kernels.convolutions import Conv2D
from gan_common.kernels.normalization import BatchNormalization
from gan_common.portable import merged, portable

layers = keras.layers


@pytest.fixture(scope="module")
def network():
    """A conditional generator with what the presets' have between them; inputs, and its output for them."""
    latents, label = keras.Input((5,), name="latents"), keras.Input((), dtype="int32", name="label")
    x = layers.Concatenate()([latents, layers.CategoryEncoding(3, output_mode="one_hot")(label)])
    x = layers.Reshape((2, 2, 8))(layers.Dense(32)(x))
    x = layers.ReLU()(BatchNormalization()(x))
    x = layers.UpSampling2D(2)(Conv2D(8, 1)(x))
    x = layers.LeakyReLU(0.2)(BatchNormalization()(layers.Conv2DTranspose(8, 4, 2, "same")(x)))
    x = tricks.PixelShuffle(2)(tricks.WeightNormalization(Conv2D(8, 3, padding="same"))(x))
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.Activation("tanh")(tricks.UpsampleConv2D(3, 5, scale=2)(x))
    model, rng = keras.Model([latents, label], x, name="generator"), np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(np.abs(variable.numpy()) * rng.uniform(0.5, 1, variable.shape))
    inputs = [rng.normal(size=(4, 5)).astype(np.float32), np.arange(4, dtype=np.int32) % 3]
    return merged(portable(model)), inputs, model(inputs, training=False).numpy()


# Keras and TensorFlow in a process that lacks this project; argv: the .keras file, the SavedModel, the data.
BARE = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("gan_common", "keras_dcgan", "ssgan_tf"):
            raise ImportError(name)
sys.meta_path.insert(0, Nothing())
import keras, numpy as np, tensorflow as tf
data = np.load(sys.argv[3])
inputs = [data["latents"], data["label"]]
found = keras.saving.load_model(sys.argv[1])(inputs)
graph = tf.saved_model.load(sys.argv[2])
for images in (found, graph.serve(*inputs)):
    assert np.abs(images - data["images"]).max() < 1e-4
print("the same")
"""


@pytest.mark.integration
def test_keras_and_tensorflow_load_it_without_this_project(network, tmp_path):
    model, (latents, label), images = network
    export.write(model, "keras", tmp_path / "g.keras")
    export.write(model, "saved_model", tmp_path / "graph")
    np.savez(tmp_path / "data.npz", latents=latents, label=label, images=images)
    files = [str(tmp_path / name) for name in ("g.keras", "graph", "data.npz")]
    done = subprocess.run(
        [sys.executable, "-c", BARE, *files], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "the same\n", done.stderr[-2000:]


def test_onnxruntime_runs_it(network, tmp_path):
    for name in export.ONNX:
        pytest.importorskip(name)
    onnxruntime = pytest.importorskip("onnxruntime")
    model, inputs, images = network
    export.write(model, "onnx", tmp_path / "g.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "g.onnx", providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == ["latents", "label"]
    (found,) = session.run(None, dict(zip(("latents", "label"), inputs, strict=True)))
    np.testing.assert_allclose(found, images, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_the_tflite_interpreter_runs_it(network, tmp_path):
    model, (latents, label), images = network
    export.write(model, "tflite", tmp_path / "g.tflite")
    serve = tf.lite.Interpreter(str(tmp_path / "g.tflite")).get_signature_runner("serve")
    (found,) = serve(latents=latents, label=label).values()
    np.testing.assert_allclose(found, images, atol=1e-4)


def test_a_layer_that_keras_lacks_is_refused(tmp_path):
    class Ours(layers.Layer):
        def call(self, inputs):
            return inputs

    inputs = keras.Input((2,))
    with pytest.raises(UserError, match="Ours is this project's own"):
        export.write(keras.Model(inputs, Ours()(inputs)), "keras", tmp_path / "x.keras")
    assert list(tmp_path.iterdir()) == []
