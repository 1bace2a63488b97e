"""Where TensorFlow sees a GPU: a training on it, and its numbers beside the processor's.

What is decided by the kind of GPU is tested without one.
"""

import numpy as np
import pytest
import tensorflow as tf

import gan_common.quiet as quiet
from benchmarks.stress import soak
from gan_common import runs
from gan_common.data import Dataset
from gan_common.kernels import machine
from keras_dcgan import train as dcgan
from ssgan_tf import train as ssgan

on_gpu = pytest.mark.skipif(
    not tf.config.list_physical_devices("GPU"), reason="TensorFlow sees no GPU here"
)


@pytest.fixture
def gpus(monkeypatch):
    """Has TensorFlow see GPUs of these compute capabilities; None is of a maker that has no such number."""
    told = {}

    def see(*capabilities):
        known = {f"GPU:{number}": each for number, each in enumerate(capabilities)}
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _=None: list(known))
        monkeypatch.setattr(
            tf.config.experimental,
            "get_device_details",
            lambda gpu: {} if known[gpu] is None else {"compute_capability": known[gpu]},
        )
        monkeypatch.setattr(tf.config.experimental, "set_memory_growth", told.__setitem__)
        return told

    return see


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ([(8, 0)], "bfloat16"),
        ([(9, 0), (8, 6)], "bfloat16"),
        ([(7, 5)], "float32"),
        ([(9, 0), (7, 0)], "float32"),  # all replicas compute alike
        ([None], "float32"),
    ],
)
def test_precision_by_what_the_least_gpu_multiplies(gpus, capabilities, precision):
    gpus(*capabilities)
    assert machine.choose_precision("auto") == precision
    assert machine.choose_precision("float32") == "float32"


def test_memory_is_taken_as_it_is_needed(gpus, monkeypatch):
    told = gpus((8, 0), None)
    quiet._settle()
    assert told == {"GPU:0": True, "GPU:1": True}

    def late(*_):
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", late)
    quiet._settle()


@on_gpu
@pytest.mark.parametrize(("package", "train"), [("keras_dcgan", dcgan), ("ssgan_tf", ssgan)])
def test_a_training_on_it(package, train, tmp_path):
    soak.make_data(tmp_path)
    flags = {**soak.FLAGS, **soak.MORE_FLAGS[package], "precision": "auto", "steps": 20}
    del flags["epochs"]
    flags |= {"data_dir": tmp_path / package, "run_dir": tmp_path / "run"}
    argv = [f"--{k}" if v is None else f"--{k}={v}" for k, v in flags.items()]
    with pytest.raises(SystemExit) as end:
        train.main(["train", *argv])
    assert end.value.code == 0
    (row,) = runs.Run(tmp_path / "run").rows()
    assert np.isfinite(row["d_loss"])


@on_gpu
def test_a_step_gives_the_processors_numbers(tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (32, 28, 28, 1), np.uint8)
    labels = np.arange(32, dtype=np.int32) % 10
    names = tuple("0123456789")
    dataset = Dataset(images, labels, images, labels, 10, (28, 28, 1), names, "noise")
    found = []
    for device in ("CPU:0", "GPU:0"):
        with tf.device(device):
            gan, _ = dcgan.trial(dataset, 2, width=8, batch_size=16)
            found.append([np.array(v) for v in gan.generator.trainable_variables])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-3)
