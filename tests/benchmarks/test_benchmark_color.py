"""The table of color: rows that a training takes, few images that stay the same, one measure for all."""

import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.experiments import color, running
from gan_common import data, runs
from keras_dcgan.config import resolve


def test_each_row_is_a_training_that_is_not_refused():
    for name, row in color.ROWS.items():
        given = {key: value for key, value in row.flags.items() if value is not None}
        if "tricks" in given:
            given["tricks"] = (given["tricks"],)
        config = resolve({"dataset": row.dataset, **given})
        assert config.preset in name or row.few


def test_rows_are_chosen_by_what_their_names_begin_with():
    assert color._chosen(("few100", "mnist_cgan")) == [
        *("mnist_cgan", "few100_plain", "few100_augment", "few100_adaptive_augment"),
    ]
    assert color._chosen(()) == list(color.ROWS)
    with pytest.raises(SystemExit) as ended:
        color.main(["color", "--only", "magic"])
    assert ended.value.code == 2


def test_few_images_are_the_same_ones_each_time(tmp_path, monkeypatch):
    images = np.arange(5 * 4 * 4 * 3, dtype=np.uint8).reshape(5, 4, 4, 3)
    labels = np.zeros(5, np.int32)
    whole = data.Dataset(images, labels, images, labels, 1, (4, 4, 3), ("x",), "openmoji")
    monkeypatch.setattr(color.data, "load", lambda name: whole)
    folder = color._few(tmp_path, 3)
    found = [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())]
    np.testing.assert_array_equal(found, images[:3])
    monkeypatch.setattr(color.data, "load", lambda name: pytest.fail("read again"))
    assert color._few(tmp_path, 3) == folder


def test_a_row_is_trained_measured_once_and_kept(tmp_path, monkeypatch):
    trained, measured = [], []

    def train(package, folder, flags, known):
        trained.append(flags)
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / "samples" / "1.png")
        runs.Run(folder).summarize(steps=7, seconds=3.0, images_per_second=5.0)
        return runs.read_summary(folder)

    def measure(folder, row, data_dir):
        measured.append(folder)
        return {"fid": float(len(measured)), "fid_floor": 0.5}

    monkeypatch.setattr(running, "train", train)
    monkeypatch.setattr(color, "measure", measure)
    path = tmp_path / "color.json"
    words = ["--only", "openmoji32_modern", "--runs", str(tmp_path / "runs"), "--json", str(path)]
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            color.main(["color", *words])
        assert not ended.value.code
    row = json.loads(path.read_text())["rows"]["openmoji32_modern"]
    assert (row["mean"], row["runs"]["2"]["fid"], len(measured)) == (1.5, 2.0, 2)
    assert trained[0]["preset"] == "modern"
    assert trained[0]["max_minutes"] == 20
    with Image.open(tmp_path / "color_openmoji32_modern.png") as grid:
        assert "OpenMoji" in grid.text["Copyright"]
