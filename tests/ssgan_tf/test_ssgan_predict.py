"""The classifier in use: named images, calibrated, exported, and what to label next."""

import csv
import dataclasses
import functools
import importlib.util
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import special

from gan_common import cli, data, files, runs
from gan_common.errors import UserError
from ssgan_tf import calibration, evaluate, export, models, predict, train, unsure
from ssgan_tf.config import Config

TINY = [
    *("--image_size=12", "--width=4", "--latent_dim=4", "--batch_size=8", "--labelled_batch=4"),
    *("--labels=20", "--validation_size=50", "--precision=float32", "--noevaluate"),
    *("--labels_first=1", "--consistency_weight=0"),  # the cheapest steps to trace
]


@pytest.fixture(scope="module", autouse=True)
def small_data():
    """mnist5k at 12×12, loaded once."""
    before, data.load = data.load, functools.lru_cache(data.load)
    yield
    data.load = before


def status(main, *args):
    with pytest.raises(SystemExit) as end:
        main(["command", *map(str, args)])
    return end.value.code


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """The folder of a run of six steps."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert status(train.main, *TINY, "--steps=6", f"--run_dir={folder}") == 0
    return folder


@pytest.fixture(scope="module")
def baseline(run_dir, tmp_path_factory):
    """The same weights, said to be a baseline's."""
    folder = shutil.copytree(run_dir, tmp_path_factory.mktemp("runs") / "baseline")
    config = json.loads((folder / "config.json").read_text())
    files.write_json(folder / "config.json", {**config, "baseline": True})
    return folder


@pytest.fixture(scope="module")
def digits():
    """Fifteen test images (15, 12, 12, 1)."""
    return data.load("mnist5k", None, 12).x_test[:15]


@pytest.fixture(scope="module")
def pool(tmp_path_factory, digits):
    """The digits as PNGs, 0.png and on, in a folder."""
    folder = tmp_path_factory.mktemp("pool")
    for number, digit in enumerate(digits):
        Image.fromarray(digit[..., 0]).save(folder / f"{number:02}.png")
    return folder


def restored(folder):
    run = runs.Run(folder)
    shape, names = run.dataset_facts()
    return run, models.restore(run, cli.saved(Config, str(folder)), shape, len(names))


@pytest.fixture(scope="module")
def logits(run_dir, digits):
    """What the run says of the digits, (15, K+1)."""
    return restored(run_dir)[1].logits(digits)


# -------------------------------------------------------------------------------- predict


def test_predictions_are_the_runs_own(run_dir, pool, logits, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)  # from any directory, and without the data
    monkeypatch.setattr(data, "load", None)
    args = ["--run_dir", run_dir, pool, "--csv", "a.csv", "--top", "3", "--json", "a.json"]
    assert status(predict.main, *args) == 0
    told = json.loads((tmp_path / "a.json").read_text())
    p = special.softmax(logits[:, :-1].astype(float), axis=1)
    assert [each["path"] for each in told] == [str(pool / f"{i:02}.png") for i in range(15)]
    assert [each["class"] for each in told] == [str(k) for k in p.argmax(axis=1)]
    np.testing.assert_allclose([each["probability"] for each in told], p.max(axis=1), rtol=1e-5)
    generated = special.softmax(logits.astype(float), axis=1)[:, -1]
    np.testing.assert_allclose([each["generated"] for each in told], generated, rtol=1e-5)
    for each, row in zip(told, p, strict=True):
        best = np.argsort(-row)[:3]
        assert [top["class"] for top in each["top"]] == [str(k) for k in best]
        np.testing.assert_allclose([t["probability"] for t in each["top"]], row[best], rtol=1e-5)
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["class_3"] for row in rows] == [each["top"][2]["class"] for each in told]
    assert float(rows[0]["probability"]) == told[0]["probability"]
    first, *others = capsys.readouterr().out.splitlines()
    assert len(others) == 14
    assert first.startswith(f"{pool / '00.png'}  {told[0]['class']} {p[0].max():.1%}, ")
    assert first.endswith(f"generated {generated[0]:.1%}")


def test_a_baseline_says_nothing_of_generated_images(baseline, pool, tmp_path, capsys):
    out = tmp_path / "a.json"
    assert status(predict.main, f"--run_dir={baseline}", pool / "03.png", f"--json={out}") == 0
    (told,) = json.loads(out.read_text())
    assert told["generated"] is None
    assert 0.1 <= told["probability"] <= 1
    assert "generated" not in capsys.readouterr().out


def test_a_damaged_image_is_told_and_the_others_are_predicted(run_dir, pool, tmp_path, capsys):
    shutil.copy(pool / "00.png", tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    assert status(predict.main, f"--run_dir={run_dir}", tmp_path) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 1
    assert "bad.png': not an image" in told.err
    assert "left out, files that are no images: 1" in told.err
    assert status(predict.main, f"--run_dir={run_dir}", tmp_path / "bad.png") == 2
    assert "none of the 1 images could be read" in capsys.readouterr().err


def test_what_a_person_can_mend(run_dir, pool, tmp_path, capsys):
    flags, full = f"--run_dir={run_dir}", tmp_path / "full.csv"
    full.write_text("file,label\na.png,cat\n")
    for args, word in (
        ([pool], "--run_dir is missing"),
        ([flags], "no images: name"),
        ([flags, tmp_path / "nowhere.png"], "no such file or folder"),
        ([flags, pool, "--csv", tmp_path], "is a folder; name a file"),
        ([flags, pool, "--top=0"], "top"),
        ([flags, pool / "00.png", "--most_unsure=2"], "takes one folder"),
        ([flags, pool, "--most_unsure=2", "--top=2"], "no --top"),
        ([flags, pool, "--most_unsure=2", "--csv", full], "labels in it may be"),
    ):
        assert status(predict.main, *args) == 2, args
        error = capsys.readouterr().err
        assert word in error
        assert len(error.splitlines()) == 1
    assert full.read_text().endswith("a.png,cat\n")


# ------------------------------------------------------------------------------ calibrate


@pytest.fixture
def copy(run_dir, tmp_path):
    return shutil.copytree(run_dir, tmp_path / "copy")


def test_calibration_is_fitted_on_validation_images_and_used(
    copy, pool, logits, tmp_path, capsys, monkeypatch
):
    run, gan = restored(copy)
    dataset = data.load("mnist5k", None, 12)
    parts = train.divide(dataset, gan.config)
    held = gan.logits(parts.x_validation)[:, :-1].astype(float)
    # Six steps teach next to nothing, so what is right is decided here: three of four predictions.
    y = (held.argmax(axis=1) + (np.arange(50) % 4 == 0)) % 10
    parts = dataclasses.replace(parts, y_validation=y)
    monkeypatch.setattr(calibration, "divide", lambda *_: parts)
    calibration.calibrate(run, gan, dataset, gan.config)
    temperature = json.loads((copy / "calibration.json").read_text())["temperature"]

    def loss(t):
        return -special.log_softmax(held / t, axis=1)[np.arange(50), y].mean()

    assert loss(temperature) <= min(loss(temperature * 0.99), loss(temperature * 1.01)) < loss(1.0)

    out = tmp_path / "a.json"
    assert status(predict.main, f"--run_dir={copy}", pool, f"--json={out}") == 0
    told = [each["probability"] for each in json.loads(out.read_text())]
    p = special.softmax(logits[:, :-1] / temperature, axis=1)
    np.testing.assert_allclose(told, p.max(axis=1), rtol=1e-5)

    capsys.readouterr()
    measured = evaluate.classification(run, gan, dataset)
    assert measured["temperature"] == temperature
    assert 0 <= measured["ece_calibrated"] != measured["ece"] <= 1
    assert f"(temperature {temperature:.3f})" in capsys.readouterr().out
    assert (copy / "reliability.png").stat().st_size > 0


def test_the_temperature_of_other_weights_is_not_used(copy, capsys):
    run, gan = restored(copy)
    assert calibration.temperature_of(run, gan) is None
    files.write_json(copy / "calibration.json", {"temperature": 2.0, "step": 6})
    assert calibration.temperature_of(run, gan) == 2.0
    files.write_json(copy / "calibration.json", {"temperature": 2.0, "step": 5})
    assert calibration.temperature_of(run, gan) is None
    assert "is of step 5, and the weights are of step 6" in capsys.readouterr().err
    (copy / "calibration.json").write_text('{"temperature": -1, "step": 6}')
    with pytest.raises(UserError, match=r"calibration\.json: damaged"):
        calibration.temperature_of(run, gan)


def test_without_validation_images_there_is_no_calibration(copy):
    config = json.loads((copy / "config.json").read_text())
    files.write_json(copy / "config.json", {**config, "validation_size": 0})
    run, gan = restored(copy)
    with pytest.raises(UserError, match="no validation images"):
        calibration.calibrate(run, gan, data.load("mnist5k", None, 12), gan.config)
    assert evaluate.Options().calibrate is False


# --------------------------------------------------------------------------------- export


def exported(folder, what, format, out):
    args = [f"--run_dir={folder}", f"--what={what}", f"--format={format}", f"--out={out}"]
    assert status(export.main, *args) == 0
    return out


def test_the_classifier_as_a_keras_file_agrees_with_the_run(copy, digits, logits, tmp_path):
    files.write_json(copy / "calibration.json", {"temperature": 2.0, "step": 6})
    out = exported(copy, "classifier", "keras", tmp_path / "c.keras")
    model = keras.saving.load_model(out)  # safe mode
    p = special.softmax(logits[:, :-1] / 2.0, axis=1)
    for images in (digits, digits.astype(np.float32)):
        np.testing.assert_allclose(model.predict(images, verbose=0), p, atol=1e-6)
    kinds = {type(layer).__module__.split(".")[0] for layer in model.layers}
    assert kinds == {"keras"}
    assert (tmp_path / "c.MODEL_CARD.md").read_text().startswith("# ssgan_tf: fast on mnist5k")


def test_the_classifier_as_a_graph_agrees_with_the_run(run_dir, digits, logits, tmp_path, capsys):
    p = special.softmax(logits[:, :-1], axis=1)
    out = exported(run_dir, "classifier", "saved_model", tmp_path / "graph")
    graph = tf.saved_model.load(str(out))
    np.testing.assert_allclose(graph.serve(digits.astype(np.float32)), p, atol=1e-6)
    np.testing.assert_allclose(graph.serve_uint8(digits), p, atol=1e-6)
    assert "takes  images uint8 or float32 (N, 12, 12, 1) in [0, 255]" in capsys.readouterr().out
    args = [f"--run_dir={run_dir}", "--what=classifier", "--format=saved_model", f"--out={out}"]
    assert status(export.main, *args) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_the_classifier_for_small_devices_agrees_with_the_run(run_dir, digits, logits, tmp_path):
    out = exported(run_dir, "classifier", "tflite", tmp_path / "c.tflite")
    interpreter = tf.lite.Interpreter(str(out))
    serve = interpreter.get_signature_runner("serve")
    (found,) = serve(images=digits.astype(np.float32)).values()
    np.testing.assert_allclose(found, special.softmax(logits[:, :-1], axis=1), atol=1e-5)


def test_both_nets_agree_with_the_run(run_dir, digits, logits, tmp_path):
    _, gan = restored(run_dir)
    discriminator = keras.saving.load_model(
        exported(run_dir, "discriminator", "keras", tmp_path / "d.keras")
    )
    found = discriminator.predict(digits / 127.5 - 1, verbose=0)
    np.testing.assert_allclose(found, logits, atol=1e-5)
    assert (found[:, -1] == 0).all()
    generator = keras.saving.load_model(
        exported(run_dir, "generator", "keras", tmp_path / "g.keras")
    )
    latents = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    images = np.round((generator.predict(latents, verbose=0) + 1) * 127.5)
    assert np.abs(images - gan.pictures(latents)).max() <= 1


def test_what_cannot_be_exported(run_dir, baseline, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for folder, args, word in (
        (baseline, ["--what=generator"], "a baseline has a classifier alone"),
        (run_dir, ["--what=generator", "--format=onnx"], "pip install tf2onnx onnx"),
        (run_dir, ["--what=classifier", f"--out={tmp_path / 'x.h5'}"], "ends in .keras"),
    ):
        assert status(export.main, f"--run_dir={folder}", *args) == 2
        error = capsys.readouterr().err
        assert word in error
        assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_baselines_classifier_is_exported(baseline, tmp_path):
    out = exported(baseline, "classifier", "keras", tmp_path / "c.keras")
    np.testing.assert_allclose(
        keras.saving.load_model(out).predict(np.zeros((1, 12, 12, 1)), verbose=0).sum(),
        1,
        atol=1e-6,
    )


# ------------------------------------------------------------------------ what to label next


class Told:
    """A classifier that reads its probability of the first class off the first pixel, in percent."""

    image_shape = (8, 8, 1)
    class_names = ("cat", "dog")
    fit = "crop"

    def probabilities(self, images):
        p = images[:, 0, 0, 0] / 100
        return np.stack([p, 1 - p], axis=1), None


@pytest.fixture
def told(tmp_path):
    """Images whose first pixels are these percents; the second is nearly the first."""
    folder = tmp_path / "told"
    folder.mkdir()
    for number, percent in enumerate((52, 49, 90, 30, 60)):
        pixels = np.full((8, 8), 0 if number < 2 else 50 * number, np.uint8)
        pixels[0, 0] = percent
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_the_smallest_margins_come_first_and_near_ones_last(told):
    names = [str(told / f"{i}.png") for i in range(5)]
    found = unsure.most_unsure(Told(), names, 4)
    # 49 to 51 is the nearest, 52 to 48 nearly the same image, then 60 to 40, 30 to 70 and 90 to 10.
    assert [name[-5] for name, *_ in found] == ["1", "4", "3", "2"]
    assert [margin for _, margin, *_ in found] == pytest.approx([0.02, 0.2, 0.4, 0.8])
    assert [classes for _, _, *classes in found[:2]] == [["dog", "cat"], ["cat", "dog"]]
    assert [name[-5] for name, *_ in unsure.most_unsure(Told(), names, 9)] == list("14320")


def test_near_images_by_hand():
    images = np.array([0, 7, 8, 30], np.uint8).reshape(4, 1, 1, 1)
    assert unsure.apart(images, 4) == [0, 2, 3, 1]  # 7 is less than 8 gray levels from 0
    assert unsure.apart(images, 2) == [0, 2]
    assert unsure.apart(images, 2, near=0) == [0, 1]


def test_the_csv_is_to_be_filled_in_and_keeps_what_is(told, capsys):
    names = [str(told / f"{i}.png") for i in range(5)]
    unsure.propose(Told(), str(told), names, 2, None)
    assert capsys.readouterr().out == "file,label\n1.png,\n4.png,\n"
    out = told / "labels.csv"
    out.write_text("file,label\n1.png,cat\n4.png,\n")
    unsure.check([str(told)], str(out), None, 1)
    unsure.propose(Told(), str(told), names, 2, str(out))
    assert out.read_text() == "file,label\n1.png,cat\n0.png,\n4.png,\n"
    assert "2 images to label, 1 labels that were there kept" in capsys.readouterr().err
    out.write_text("name,class\n")
    with pytest.raises(UserError, match="not with the line file,label"):
        unsure.propose(Told(), str(told), names, 2, str(out))
    # As a spreadsheet saves it, and with a line that would be lost.
    out.write_text("file;label\n1.png;cat\n")
    unsure.propose(Told(), str(told), names, 1, str(out))
    assert out.read_text() == "file,label\n1.png,cat\n0.png,\n"
    out.write_text("file,label\n1.png,cat\ngone.png,dog\n")
    with pytest.raises(UserError, match=r"1 of its files, 'gone\.png' first"):
        unsure.propose(Told(), str(told), names, 1, str(out))
    out.write_text("file,label\n" + "".join(f"{i}.png,cat\n" for i in range(5)))
    with pytest.raises(UserError, match="each image has a label"):
        unsure.propose(Told(), str(told), names, 2, str(out))


def test_the_command_names_as_many_as_it_is_asked(run_dir, pool, logits, tmp_path):
    out = tmp_path / "next.csv"
    args = [f"--run_dir={run_dir}", "--most_unsure=4", pool, f"--csv={out}"]
    assert status(predict.main, *args) == 0
    header, *rows = out.read_text().splitlines()
    assert header == "file,label"
    assert len(rows) == 4
    ordered = np.sort(special.softmax(logits[:, :-1], axis=1), axis=1)
    first = int(np.argmin(ordered[:, -1] - ordered[:, -2]))
    assert rows[0] == f"{first:02}.png,"
