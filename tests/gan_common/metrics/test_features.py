"""The local classifier: learns, is cached, never sees the test split; and the machine's facts."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from gan_common.data import Dataset
from gan_common.errors import UserError
from gan_common.kernels import machine
from gan_common.metrics import features, scores


def quadrants(count, seed):
    """Noise with one bright quadrant: the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % 4
    images = rng.integers(0, 60, (count, 16, 16, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] += 180
    return images, labels


def dataset(classes=4):
    x, y = quadrants(256, seed=1)
    x_test, y_test = quadrants(64, seed=2)
    if classes == 1:
        y, y_test = np.zeros_like(y), np.zeros_like(y_test)
    names = tuple(map(str, range(classes)))
    return Dataset(x, y, x_test, y_test, classes, (16, 16, 1), names, f"quadrants {classes}")


def right(model, data):
    _, probabilities = features.extract(model, data.x_test)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    return np.mean(probabilities.argmax(axis=1) == data.y_test)


def test_it_learns_is_kept_and_is_found_again(tmp_path, capsys):
    data = dataset()
    model = features.classifier(data, steps=60, cache=tmp_path)
    assert right(model, data) > 0.95
    assert "held-out training images" in capsys.readouterr().out
    again = features.classifier(data, steps=60, cache=tmp_path)
    assert capsys.readouterr().out == ""
    for a, b in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)

    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    features.classifier(data, steps=3, cache=tmp_path)  # another name: other steps
    assert len(list(tmp_path.iterdir())) == 2
    capsys.readouterr()
    assert right(features.classifier(data, steps=60, cache=tmp_path), data) > 0.95
    assert "damaged" in capsys.readouterr().err


def test_the_same_data_give_the_same_classifier(tmp_path):
    first, second = (features.classifier(dataset(), 5, tmp_path / name) for name in "ab")
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_looks_at_no_test_picture(tmp_path):
    data = dataset()
    data.x_test[:] = 255
    seen = features.classifier(data, 5, tmp_path / "a")
    for a, b in zip(
        seen.weights, features.classifier(dataset(), 5, tmp_path / "b").weights, strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(tmp_path, capsys):
    (tmp_path / "file").touch()
    features.classifier(dataset(), steps=2, cache=tmp_path / "file" / "cache")
    assert "cannot be written" in capsys.readouterr().err


def test_real_pictures_beat_noise_and_reach_their_floor(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(features, "STEPS_FEW", 60)
    data = dataset()
    report = scores.compare(data, data.x_test)
    assert report["fid"] == pytest.approx(report["fid_floor"])
    assert report["class_kl"] == pytest.approx(report["class_kl_floor"])
    noise = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 1), dtype=np.uint8)
    assert scores.compare(data, noise)["fid"] > 10 * report["fid_floor"]


def test_without_classes_the_features_tell_rotations_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(features, "STEPS_FEW", 5)
    data = dataset(classes=1)
    model = features.classifier(data)
    assert model.output_shape[1] == (None, 4)
    report = scores.compare(data, data.x_test)
    assert {"fid", "kid", "precision", "recall"} <= set(report)
    assert not {"class_kl", "inception_score", "confident_share"} & set(report)


def test_what_does_not_fit_is_refused(tmp_path):
    model = features.classifier(dataset(), 1, tmp_path)
    with pytest.raises(ValueError, match=r"float32 \(2, 16, 16, 1\)"):
        features.extract(model, np.zeros((2, 16, 16, 1), np.float32))
    with pytest.raises(ValueError, match=r"uint8 \(2, 8, 8, 1\)"):
        features.extract(model, np.zeros((2, 8, 8, 1), np.uint8))


def test_random_affine_is_each_picture_s_own_and_seeded():
    images = tf.constant(np.repeat(quadrants(1, 0)[0], 3, axis=0))
    once, again = (features._random_affine(images, tf.constant([0, 7])) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once[0], once[1])


def test_too_few_pictures_say_nothing():
    data = dataset()
    few = Dataset(data.x_train, data.y_train, data.x_test[:9], data.y_test[:9], 4, (16, 16, 1),
                  data.class_names, "few")  # fmt: skip
    with pytest.raises(UserError, match=r"few: too few held-out images to measure \(9\)"):
        scores.sample_count(few)


def test_precision_is_what_the_processor_does_well(monkeypatch, tmp_path):
    assert machine.choose_precision("float32") == "float32"
    assert machine.choose_precision("bfloat16") == "bfloat16"
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr(machine, "CPUINFO", cpuinfo)
    monkeypatch.setattr(machine.platform, "machine", lambda: "x86_64")
    cpuinfo.write_text("flags : sse2 avx512_bf16 avx512f")
    assert machine.choose_precision("auto") == "bfloat16"
    cpuinfo.write_text("flags : sse2 avx2 bf16")  # Arm's name for it means nothing here
    assert machine.choose_precision("auto") == "float32"
    cpuinfo.unlink()
    assert machine.choose_precision("auto") == "float32"


def test_tensorflow_starts_without_a_word():
    program = "import gan_common.quiet, tensorflow as tf; tf.random.normal([2])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_failing_import_is_not_kept_quiet():
    program = (
        "import os, sys, types\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'keras':\n"
        "            os.write(2, b'what went wrong\\n')\n"
        "            raise ImportError('no keras')\n"
        "sys.meta_path.insert(0, Finder())\n"
        "import gan_common.quiet\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert "what went wrong" in done.stderr
    assert "no keras" in done.stderr
