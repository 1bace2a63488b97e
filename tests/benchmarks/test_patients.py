"""Patients and tricks: rows that can be trained, variants that do what they say, effects by hand."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.experiments.patients import __main__ as command
from benchmarks.experiments.patients import effects, training, variants
from benchmarks.experiments.patients.cases import AGAINST, PATIENTS, TRICKS, UNTREATED, Row
from gan_common import catalogue
from gan_common.data import Dataset
from keras_dcgan import config, models
from keras_dcgan.train import resolve

SHAPE = (16, 16, 1)


def every_row():
    for name, patient in PATIENTS.items():
        for row, treated in {UNTREATED: patient.untreated, **patient.rows}.items():
            flags = treated.flags if row == UNTREATED else patient.untreated.flags | treated.flags
            yield pytest.param(flags, treated.variants, id=f"{name}: {row}")


@pytest.mark.parametrize(("flags", "names"), list(every_row()))
def test_every_row_is_one_that_can_be_trained(flags, names):
    assert resolve({"precision": "float32", "steps": 2, "width": 8, **flags})
    variants.Together(names, 2)


def test_every_trick_of_the_package_is_tried_and_all_that_the_chapter_leaves_open():
    tried = {trick for row in TRICKS.values() for trick in row.flags["tricks"]}
    known = set(catalogue.names("keras_dcgan"))
    assert known - tried <= {"gradient_penalty", "adaptive_augment", "weight_average"}
    assert {row.section for row in AGAINST.values()} >= {
        "2.4.4",
        "2.4.5",
        "2.4.6",
        "2.4.7",
        "2.4.9",
    }


def built(names=(), **flags):
    together = variants.Together(names, 10)
    chosen = config.resolve(
        {"width": 2, "steps": 1, "precision": "float32", "batch_size": 4, **flags}
    )
    gan = models.build(chosen, SHAPE, 3, np.zeros((4, *SHAPE), np.uint8), together.networks)
    together.change(gan)
    return gan


def images(seed):
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, (4, *SHAPE)), tf.float32)


def test_a_mixed_batch_is_judged_by_the_statistics_of_both_kinds():
    gan, plain = built(["mixed_batches"]), built()
    real, fake, labels = images(1), images(2) - 1.0, tf.zeros(4, tf.int32)
    seeds = dict.fromkeys(("flips", "lines", "real", "fake"), tf.constant([1, 1], tf.int64))
    _, gradients, mixed = gan.discriminator_step(real, fake, labels, seeds)
    apart = plain.discriminator_step(real, fake, labels, seeds)[2]
    both = gan.discriminator(tf.concat([real, fake], 0), training=True)
    np.testing.assert_allclose(tf.concat(mixed, 0), both, atol=1e-6)
    assert np.abs(np.subtract(mixed, apart)).max() > 1e-4
    assert len(gradients) == len(gan.discriminator.trainable_variables)


def test_both_sides_are_smoothed_as_written_out():
    found = built(["both_sides_smoothed"]).discriminator_loss(
        tf.constant([[1.0]]), tf.constant([[-2.0]]), None
    )
    sure = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    by_hand = -0.9 * np.log(sure(1)) - 0.1 * np.log(1 - sure(1))
    by_hand += -0.1 * np.log(sure(-2)) - 0.9 * np.log(1 - sure(-2))
    np.testing.assert_allclose(found, by_hand, rtol=1e-5)


def test_relu_pooling_and_kernels_are_put_in_place():
    d = built(["pooled", "rectified"]).discriminator
    assert d(images(1)).shape == (4, 1)
    slopes = [
        layer.negative_slope for layer in d.layers if isinstance(layer, keras.layers.LeakyReLU)
    ]
    assert slopes
    assert not any(slopes)
    pools = [part for layer in d.layers for part in getattr(layer, "layers", ())]
    assert sum(isinstance(part, keras.layers.MaxPooling2D) for part in pools) == 2
    g = built(["kernels_of_3"]).generator
    sides = {layer.kernel_size for layer in g.layers if hasattr(layer, "kernel_size")}
    assert sides == {(3, 3)}
    assert g(tf.zeros((2, 100))).shape == (2, *SHAPE)


def test_with_a_sigmoid_the_images_are_in_0_to_1_and_come_back():
    together = variants.Together(["sigmoid"], 1)
    given = np.arange(0, 256, 5, np.uint8).reshape(1, 4, 13, 1)
    seen = together.images(
        Dataset(
            given, np.zeros(1, np.int32), given, np.zeros(1, np.int32), 1, (4, 13, 1), ("x",), "a"
        )
    )
    scaled = seen.x_train / 127.5 - 1
    np.testing.assert_allclose(scaled, given / 255, atol=1e-6)
    drawn = np.round((scaled + 1) * 127.5).astype(
        np.uint8
    )  # as a gan writes what its networks put out
    assert np.abs(together.pictures(drawn).astype(int) - given).max() <= 1
    assert built(["sigmoid"]).generator.layers[-1].activation is keras.activations.sigmoid


def test_rules_say_who_moves():
    assert variants.whoever_is_behind(3, {"d_loss": 2.0, "g_loss": 0.5}) == (True, False)
    assert variants.whoever_is_behind(3, {"d_loss": 0.2, "g_loss": 0.5}) == (False, True)
    assert [variants.d_more_often(step, {})[1] for step in (1, 2, 3, 4)] == [
        False,
        True,
        False,
        True,
    ]
    first = variants.generator_first(100)
    assert [first(step, {})[0] for step in (1, 5, 9, 10, 11)] == [False, True, False, True, True]
    gan = built()
    ruled = variants.Together(["d_more_often"], 4).treat(gan)
    ruled.after_step(1, {})
    assert ruled.rates == (1.0, 0.0)
    assert float(gan.generator_optimizer.learning_rate) == 0.0


def test_a_checkerboard_is_seen_and_a_slope_is_none():
    board = np.indices((16, 16)).sum(0) % 2 * 255
    slope = np.tile(np.arange(16) * 15, (16, 1))
    found = [
        variants.checkerboard(each.astype(np.uint8)[None, ..., None]) for each in (board, slope)
    ]
    assert found[0] > 0.99
    assert found[1] < 0.02


def test_effects_are_ratios_to_the_same_seed_and_corrected_together():
    patient = PATIENTS["mixed batches"]
    runs = lambda *fids: [{"seed": seed, "fid": fid} for seed, fid in enumerate(fids, 1)]  # noqa: E731
    rows = effects.compared(
        patient,
        {UNTREATED: runs(4.0, 8.0, 6.0), "apart": runs(1.0, 2.1, 1.5), "instance_norm": runs(4.4)},
    )
    assert rows["apart"]["effect"]["ratio"] == pytest.approx(0.25, rel=0.03)
    assert rows["apart"]["effect"]["told"] == "helped"
    assert rows["apart"]["effect"]["better"] == 3
    assert rows["instance_norm"]["effect"]["low"] is None
    assert rows["instance_norm"]["effect"]["told"] == "unclear"
    assert rows["apart"]["worst"] == 2.1
    told = effects.told("mixed batches", {"says": "s", "steps": 5, "rows": rows})
    assert "0.25 times" in told
    assert "better for 3 of 3, worst 2.1" in told


def test_what_is_done_is_kept_and_seeds_are_added(tmp_path, monkeypatch, capsys):
    trained = []

    def train(cells):
        for cell in cells:
            trained.append(cell[:3])
            number = 1.0 + cell[2] / 10 + (cell[1] != UNTREATED)
            training.files.write_json(training.path_of(*cell), {"seed": cell[2], "fid": number})
            yield cell

    monkeypatch.setattr(command.training, "trained", train)
    monkeypatch.setitem(
        PATIENTS, "sure", command.PATIENTS["sure"].__class__("s", 7, {"b": Row("2")})
    )
    flags = ["--only=sure", f"--runs={tmp_path / 'runs'}", f"--json={tmp_path / 'patients.json'}"]
    for seeds in (1, 3):
        with pytest.raises(SystemExit) as end:
            command.main(["patients", *flags, f"--seeds={seeds}"])
        assert end.value.code == 0
    assert trained == [("sure", row, seed) for seed in (1, 2, 3) for row in (UNTREATED, "b")]
    rows = json.loads((tmp_path / "patients.json").read_text())["patients"]["sure"]["rows"]
    assert [run["seed"] for run in rows["b"]["runs"]] == [1, 2, 3]
    assert rows["b"]["effect"]["told"] == "harmed"
    assert (tmp_path / "patients_sick.png").exists()
    assert "harmed" in capsys.readouterr().out
