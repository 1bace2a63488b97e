"""`python -m gan_common.metrics REAL_FOLDER GENERATED_FOLDER`."""

import json

import numpy as np
import pytest
from PIL import Image

from gan_common import data
from gan_common.metrics import __main__ as folders
from gan_common.metrics import features

MEASURES = {"fid", "kid", "precision", "recall", "density", "coverage", "copied_share", "memorized"}


def disks(folder, count, seed, bright=True):
    """Images of one disk each, turned away from the middle: their rotations can be told apart."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :16]
    for number in range(count):
        centre, radius = rng.uniform(2, 6, 2), rng.uniform(2, 4)
        image = np.where((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2, 220, 30)
        if not bright:
            image = rng.integers(0, 256, (16, 16))
        image = np.stack([image, image // 2, rng.integers(0, 30, (16, 16))], axis=-1)
        Image.fromarray(image.astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def command(*argv):
    with pytest.raises(SystemExit) as end:
        folders.main(["metrics", *map(str, argv)])
    return end.value.code


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return disks(tmp_path_factory.mktemp("real") / "disks", 200, 0)


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(features, "STEPS_FEW", 60)


def test_good_images_are_told_from_bad_ones_and_copies_from_both(real, tmp_path, capsys):
    def measured(generated):
        file = tmp_path / "numbers.json"
        assert command(real, generated, "--image_size", 16, "--json", file) == 0
        out = capsys.readouterr().out
        assert "compared at 16×16 pixels" in out
        assert "Fréchet distance (FID)" in out
        return json.loads(file.read_text()), out

    good, told = measured(disks(tmp_path / "good", 60, 1))
    assert {name for name in MEASURES if f"{name}_floor" in good or name == "memorized"} == MEASURES
    assert good["samples"] == 20
    assert good["memorized"] == 0
    assert "copies in pixels: not memorized" in told
    noise, _ = measured(disks(tmp_path / "noise" / "class", 60, 1, bright=False))
    assert noise["fid"] > 3 * good["fid"]
    copied, told = measured(real)
    assert copied["memorized"] == 1
    assert copied["copied_share"] > 0.85  # a tenth of the folder is held out
    assert "copies in pixels: memorized: " in told


def test_gray_images_are_compared_in_color():
    gray, color = np.ones((2, 4, 4, 1), np.uint8), np.ones((2, 4, 4, 3), np.uint8)
    np.testing.assert_array_equal(folders.colored(gray), color)
    assert folders.colored(color) is color
    labels = np.zeros(2, np.int32)
    dataset = data.Dataset(gray, labels, gray, labels, 1, (4, 4, 1), ("all",), "folder:x")
    assert folders.in_color(dataset).image_shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "REAL_FOLDER is missing: python -m gan_common.metrics REAL_FOLDER GENERATED_FOLDER"),
        (["REAL"], "GENERATED_FOLDER is missing"),
        (["REAL", "few", "many"], "unexpected argument 'many'"),
        (["REAL", "few", "--size", "3"], "unknown flag --size; the flags are: --real"),
        (["REAL", "--real", "few", "x"], "give one of them"),
        (["REAL", "absent"], "does not exist"),
        (["REAL", "few"], "'few': too few images to measure (3); it takes 10"),
        (["few", "REAL"], "too few held-out images to measure (1)"),
    ],
)
def test_one_line_that_says_what_to_do(real, tmp_path, monkeypatch, capsys, argv, says):
    monkeypatch.chdir(tmp_path)
    disks(tmp_path / "few", 3, 0)
    assert command(*[str(real) if word == "REAL" else word for word in argv]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
