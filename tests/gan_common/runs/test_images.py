"""Which images a run is trained on, and with which it may go on."""

import json

import numpy as np
import pytest
from PIL import Image

from gan_common import data
from gan_common.errors import UserError
from gan_common.runs import Run, images


def make(folder, count, classes=("a", "b")):
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.new("RGB", (4, 4), (label, i, 200)).save(folder / name / f"{i}.png")
    return folder


def load(folder, known=None, size=4):
    return data.load(f"folder:{folder}", image_size=size, known=known)


CONFIG = {"dataset": "folder:x", "data_dir": None, "preset": "p"}


@pytest.fixture
def run(tmp_path):
    dataset = load(make(tmp_path / "x", 10))
    return Run.create(CONFIG, str(tmp_path / "run"), "pack", dataset)


def test_the_images_of_a_run_are_kept(run, tmp_path):
    dataset = load(tmp_path / "x")
    assert images.read_listing(run) == dataset.listing
    assert len(dataset.listing.train) == dataset.listing.began == 18


def test_the_same_images_at_another_place_pass(run, tmp_path, capsys):
    (tmp_path / "x").rename(tmp_path / "y")
    images.check(run, load(tmp_path / "y", images.read_listing(run)))
    assert capsys.readouterr().out == ""


def test_more_images_are_said_and_kept(run, tmp_path, capsys):
    make(tmp_path / "x", 16)
    dataset = load(tmp_path / "x", images.read_listing(run))
    images.check(run, dataset)
    assert capsys.readouterr().out == "12 images more than before\n"
    images.write_listing(run, dataset.listing)
    again = load(tmp_path / "x", images.read_listing(run))
    images.check(run, again)
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(again.x_train, dataset.x_train)
    assert again.listing.began == 18


def test_images_that_are_gone_are_named(run, tmp_path):
    (tmp_path / "x" / "a" / "3.png").unlink()
    make(tmp_path / "x", 12, ("b",))
    says = r"1 of the 20 images that it began with are not in 'folder:.*': 'a/3.png'; put them back"
    with pytest.raises(UserError, match=says):
        images.check(run, load(tmp_path / "x", images.read_listing(run)))


def test_images_of_another_kind_are_refused_with_the_difference(run, tmp_path):
    with pytest.raises(UserError, match=r"images of \(4, 4, 3\), the data now have \(8, 8, 3\)"):
        images.check_kind(run, load(tmp_path / "x", size=8))
    make(tmp_path / "x", 10, ("c",))
    with pytest.raises(UserError, match=r"the classes \('a', 'b'\), .* \('a', 'b', 'c'\)"):
        images.check_kind(run, load(tmp_path / "x"))
    for i in range(20):
        (tmp_path / "gray").mkdir(exist_ok=True)
        Image.new("L", (4, 4), i).save(tmp_path / "gray" / f"{i}.png")
    gray = Run.create(CONFIG, str(tmp_path / "of gray"), "pack", load(tmp_path / "gray"))
    Image.new("RGB", (4, 4), "red").save(tmp_path / "gray" / "red.png")
    with pytest.raises(UserError, match=r"images of \(4, 4, 1\), the data now have \(4, 4, 3\)"):
        images.check(gray, load(tmp_path / "gray", images.read_listing(gray)))


def test_a_run_without_a_list_goes_by_the_number_of_images(run, tmp_path):
    (run.folder / images.IMAGES).unlink()
    known = images.read_listing(run)
    assert known == (None, None, 0, 3, 16)
    images.check(run, load(tmp_path / "x", known))
    make(tmp_path / "x", 12)
    with pytest.raises(UserError, match="training images of 18, the data now have 22"):
        images.check(run, load(tmp_path / "x", known))


@pytest.mark.parametrize(
    "changes", [{"train": 3}, {"began": 0}, {"began": 10**6}, {"began": "1"}, {"bits": 11}]
)
def test_a_damaged_list_is_named(run, changes):
    path = run.folder / images.IMAGES
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=r"images.json: damaged \("):
        images.read_listing(run)
    path.write_text("{")
    with pytest.raises(UserError, match=r"images.json: damaged \("):
        images.read_listing(run)


def test_a_new_place_is_written_down_and_said(run, capsys):
    images.write_place(run, dataset="folder:x", data_dir=None)
    assert capsys.readouterr().out == ""
    images.write_place(run, dataset="folder:y", data_dir=None)
    assert capsys.readouterr().out == "from now on --dataset folder:y\n"
    saved = json.loads((run.folder / "config.json").read_text())
    assert saved == {"package": "pack", **CONFIG, "dataset": "folder:y"}
