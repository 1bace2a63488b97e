"""The local classifier: learns, is cached, never sees the test split; and the machine's facts."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from gan_common import data
from gan_common.data import Dataset
from gan_common.errors import UserError
from gan_common.kernels import machine
from gan_common.metrics import features, scores

RNG = np.random.default_rng(5)


def quadrants(count, seed, classes):
    """Noise with one bright quadrant: the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % classes
    images = rng.integers(0, 60, (count, 16, 16, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] += 180
    return images, labels


def dataset(classes=4):
    x, y = quadrants(256, 1, classes)
    x_test, y_test = quadrants(64, 2, classes)
    names = tuple(map(str, range(classes)))
    return Dataset(x, y, x_test, y_test, classes, (16, 16, 1), names, f"quadrants {classes}")


def right(model, toy):
    _, probabilities = features.extract(model, toy.x_test)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    return np.mean(probabilities.argmax(axis=1) == toy.y_test)


@pytest.mark.integration
def test_it_learns_is_kept_and_is_found_again(tmp_path, capsys):
    toy = dataset()
    model = features.classifier(toy, steps=60, cache=tmp_path)
    assert right(model, toy) > 0.95
    assert "held-out training images" in capsys.readouterr().out
    again = features.classifier(toy, steps=60, cache=tmp_path)
    assert capsys.readouterr().out == ""
    for a, b in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)

    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    features.classifier(toy, steps=3, cache=tmp_path)  # another name: other steps
    assert len(list(tmp_path.iterdir())) == 2
    capsys.readouterr()
    assert right(features.classifier(toy, steps=60, cache=tmp_path), toy) > 0.95
    assert "damaged" in capsys.readouterr().err


def test_the_same_data_give_the_same_classifier(tmp_path):
    first, second = (features.classifier(dataset(), 5, tmp_path / name) for name in "ab")
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_looks_at_no_test_picture(tmp_path):
    toy = dataset()
    toy.x_test[:] = 255
    seen = features.classifier(toy, 5, tmp_path / "a")
    for a, b in zip(
        seen.weights, features.classifier(dataset(), 5, tmp_path / "b").weights, strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(tmp_path, capsys):
    (tmp_path / "file").touch()
    features.classifier(dataset(), steps=60, cache=tmp_path / "file" / "cache")
    assert "cannot be written" in capsys.readouterr().err


def test_real_pictures_beat_noise_and_reach_their_floor(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(features, "STEPS_FEW", 60)
    toy = dataset()
    report = scores.compare(toy, toy.x_test)
    assert report["fid"] == pytest.approx(report["fid_floor"])
    assert report["class_kl"] == pytest.approx(report["class_kl_floor"])
    noise = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 1), dtype=np.uint8)
    assert scores.compare(toy, noise)["fid"] > 10 * report["fid_floor"]


def test_without_classes_the_features_tell_rotations_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(features, "STEPS_FEW", 60)
    toy = dataset(classes=1)
    model = features.classifier(toy)
    assert model.output_shape[1] == (None, 4)
    report = scores.compare(toy, toy.x_test)
    assert {"fid", "kid", "precision", "recall"} <= set(report)
    assert not {"class_kl", "inception_score", "confident_share"} & set(report)


def test_mnist5k_is_measured_at_once_by_what_comes_with_the_package(tmp_path, capsys):
    digits = data.load("mnist5k")
    model = features.classifier(digits, cache=tmp_path)
    assert capsys.readouterr().out == ""
    assert not list(tmp_path.iterdir())
    assert right(model, digits) > 0.98


def test_what_comes_with_the_package_is_small_and_serves_no_other_images():
    files = list(features.SHIPPED.glob("*.npz"))
    assert all(file.stat().st_size < 250_000 for file in files)
    digits, (file,) = data.load("mnist5k"), [f for f in files if f.stem == "mnist5k"]
    model = features.network(digits)
    again = np.clip(digits.x_train.astype(int) + RNG.integers(-3, 4, digits.x_train.shape), 0, 255)
    others = {
        "as it is": (digits, True),
        "compressed again": (dataclasses.replace(digits, x_train=again.astype(np.uint8)), True),
        "inverted": (dataclasses.replace(digits, x_train=255 - digits.x_train), False),
        "another order": (dataclasses.replace(digits, y_train=digits.y_train[::-1]), False),
        "fewer": (dataclasses.replace(digits, y_train=digits.y_train[1:]), False),
    }
    assert {k: features.unpack(model, d, file) for k, (d, _) in others.items()} == {
        k: fits for k, (_, fits) in others.items()
    }


def test_packed_weights_are_the_models_to_half_precision(tmp_path):
    model, other = features.network(dataset()), features.network(dataset())
    model.layers[-1].bias.assign([1e-9, 1.0, 70_000.0, 1 / 3])
    features.pack(model, dataset(), tmp_path / "a.npz")
    assert features.unpack(other, dataset(), tmp_path / "a.npz")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2**-11 if a.ndim > 1 else 0, atol=6e-8)


def test_each_image_of_four_is_turned_by_its_label():
    images = tf.constant(np.arange(4 * 5 * 5).reshape(-1, 5, 5, 1))
    turned, labels = features._turned(tf.concat([images, images], 0))
    assert labels.numpy().tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    for k in range(4):
        np.testing.assert_array_equal(turned[2 * k], np.rot90(images[k].numpy(), k))


def test_a_classifier_that_learnt_nothing_measures_nothing(tmp_path):
    blank = dataset(classes=1)
    blank.x_train[:] = 7  # no rotation can be told
    with pytest.raises(UserError, match=r"four rotations apart in \d+% .* guessing would in 25%"):
        features.classifier(blank, 3, tmp_path)
    assert not list(tmp_path.iterdir())


def test_large_images_are_seen_at_a_bounded_size_and_in_small_batches(monkeypatch):
    def made(side):
        x, y = np.zeros((2, side, side, 3), np.uint8), np.zeros(2, np.int32)
        return Dataset(x, y, x, y, 2, (side, side, 3), ("a", "b"), "large")

    for side, seen in ((32, 32), (63, 63), (64, 32), (128, 32), (100, 33)):
        model = features.network(made(side))
        first = next(layer for layer in model.layers if isinstance(layer, features.layers.Conv2D))
        assert first.input.shape[1] == seen
    sizes = []
    monkeypatch.setattr(features, "_forward", lambda m: lambda b: sizes.append(len(b)) or m(b))
    model = features.network(made(256))
    images = np.zeros((100, 256, 256, 3), np.uint8)
    assert features.extract(model, images)[0].shape == (100, 64)
    assert max(sizes) * 256 * 256 * 3 * 4 <= features.CHUNK_BYTES


def test_a_classifier_of_large_images_learns_on_averaged_ones(monkeypatch, tmp_path):
    monkeypatch.setattr(features, "LARGE", 16)  # so that these are
    monkeypatch.setattr(features, "CHUNK_BYTES", 2**16)
    seen = []
    affine = features._random_affine
    monkeypatch.setattr(
        features,
        "_random_affine",
        lambda x, seed: seen.append(tuple(x.shape[1:])) or affine(x, seed),
    )
    toy = dataset()
    assert right(features.classifier(toy, steps=120, cache=tmp_path), toy) > 0.95
    assert set(seen) == {(8, 8, 1)}


def test_some_of_what_is_sliced_like_an_array_is_measured():
    toy = dataset()
    model = features.network(toy)
    rows = data.Rows((toy.x_test, np.arange(64)[::-1]))
    expected, _ = features.extract(model, toy.x_test[:-11:-1])
    np.testing.assert_allclose(features.extract(model, rows, 10)[0], expected, atol=1e-5)


def test_what_does_not_fit_is_refused(tmp_path):
    model = features.network(dataset())
    with pytest.raises(ValueError, match=r"float32 \(2, 16, 16, 1\)"):
        features.extract(model, np.zeros((2, 16, 16, 1), np.float32))
    with pytest.raises(ValueError, match=r"uint8 \(2, 8, 8, 1\)"):
        features.extract(model, np.zeros((2, 8, 8, 1), np.uint8))


def test_random_affine_is_each_picture_s_own_and_seeded():
    images = tf.constant(np.repeat(quadrants(1, 0, 4)[0], 3, axis=0))
    once, again = (features._random_affine(images, tf.constant([0, 7])) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once[0], once[1])


def test_too_few_pictures_say_nothing():
    toy = dataset()
    few = Dataset(toy.x_train, toy.y_train, toy.x_test[:9], toy.y_test[:9], 4, (16, 16, 1),
                  toy.class_names, "few")  # fmt: skip
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


@pytest.mark.integration
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
