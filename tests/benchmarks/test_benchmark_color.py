"""The table of color: rows that a training takes, few images that stay the same, one measure for all."""

import json
import types

import numpy as np
import pytest
from PIL import Image

from benchmarks.experiments import color, running
from gan_common import data, runs
from keras_dcgan.config import resolve


def test_each_row_is_a_training_that_is_not_refused():
    for name, row in color.ROWS.items():
        given = dict(row.flags)
        if "tricks" in given:
            given["tricks"] = tuple(filter(None, given["tricks"].split(",")))
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


@pytest.fixture
def trainings(tmp_path, monkeypatch):
    """What the command asks of trainings, which take no time here: (folder, flags, flags of going on)."""
    asked = []

    def train(package, folder, flags, known, going_on):
        asked.append((folder.name, flags, going_on))
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        (folder / "checkpoints" / "step-00000007").mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
        Image.fromarray(noise).save(folder / "samples" / "1.png")
        seconds = 60 * going_on["max_minutes"]
        runs.Run(folder).summarize(steps=7, seconds=seconds, images_per_second=5.0)
        return runs.read_summary(folder)

    monkeypatch.setattr(running, "train", train)
    monkeypatch.setattr(
        color, "measure", lambda folder, row, data_dir: {"fid": 3.0, "fid_floor": 0.5}
    )

    def command(*words):
        path = tmp_path / "color.json"
        with pytest.raises(SystemExit) as ended:
            color.main(["color", "--runs", str(tmp_path / "runs"), "--json", str(path), *words])
        assert not ended.value.code
        return json.loads(path.read_text())["rows"] if path.exists() else {}

    return asked, command


def test_a_row_is_trained_measured_once_and_kept(trainings, tmp_path, capsys):
    asked, command = trainings
    for _ in range(2):
        rows = command("--only", "openmoji32")
    row = rows["openmoji32_modern"]
    assert (row["mean"], row["runs"]["2"]["fid"], len(asked)) == (3.0, 3.0, 4)
    assert [name for name, *_ in asked[:2]] == ["openmoji32_dcgan-1", "openmoji32_modern-1"]
    assert asked[1][1]["preset"] == "modern"
    assert asked[1][1]["max_minutes"] == 20
    with Image.open(tmp_path / "color_openmoji32_modern.png") as grid:
        assert "OpenMoji" in grid.text["Copyright"]
    assert (tmp_path / "color_openmoji32_modern.png").stat().st_size <= 200_000
    assert (
        "| openmoji32_modern | 20, 2 | 7, 7 | 0, 0 | 3, 3 | 1.00 | 0.5 |" in capsys.readouterr().out
    )
    assert (tmp_path / "color.png").exists()


def test_a_training_is_done_in_pieces(trainings, monkeypatch):
    asked, command = trainings
    clock = iter([0.0, 60.0, 0.0, 0.0])
    monkeypatch.setattr(color, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    # Of 20 minutes one has gone by when the training of 20 begins: it is given 19.
    assert not command("--only", "openmoji32_dcgan", "--seeds", "1", "--minutes", "20")
    assert asked[0][2] == {"max_minutes": 19.0}
    rows = command("--only", "openmoji32_dcgan", "--seeds", "1", "--minutes", "20")
    assert asked[1][2] == {"max_minutes": 20.0}
    assert rows["openmoji32_dcgan"]["runs"]["1"]["processor_seconds"] >= 0
