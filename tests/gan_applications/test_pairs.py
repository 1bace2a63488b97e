"""Pairs of emoji, and of a person's folders; an image against its truth."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gan_applications import fidelity, pairs
from gan_common.data import openmoji
from gan_common.errors import UserError


def load(**given):
    return pairs.load(pairs.Config(**{"image_size": 32, **given}))


def test_strokes_stay_and_colors_go():
    image = np.full((1, 16, 16, 3), 255, np.uint8)
    image[:, 4:8], image[:, 8:12] = (10, 20, 0), (250, 30, 30)
    column = pairs.lines(image)[0, :, 0, 0]
    assert column[[0, 4, 8, 12]].tolist() == [255, 39, 255, 255]
    steep = pairs.edges(image)[0, :, 0, 0]
    assert (steep[0], steep[15], steep[3:5].max()) == (255, 255, 0)


def test_a_hole_hides_what_its_mask_says():
    images = np.random.default_rng(0).integers(0, 100, (5, 32, 32, 3), np.uint8)
    holed = pairs.hole(images)
    inside = holed[..., 3] == 255
    assert inside.sum(axis=(1, 2)).tolist() == [144] * 5
    assert np.all(holed[..., :3][inside] == 128)
    np.testing.assert_array_equal(holed[..., :3][~inside], images[~inside])
    np.testing.assert_array_equal(pairs.hole(images), holed)  # always at the same place


@pytest.fixture(scope="module")
def drawn():
    return {name: load(dataset=name) for name in pairs.KINDS}


def test_held_out_emoji_are_no_variants_of_those_that_are_trained_on(drawn):
    emoji, images = openmoji.catalogue(), openmoji.draw(32)
    for name, given in drawn.items():
        rows = {image.tobytes(): emoji[row].base for row, image in enumerate(images)}
        bases = [{rows[one.tobytes()] for one in part} for part in (given.x_train, given.x_test)]
        assert not {image.tobytes() for image in given.x_train} & {
            image.tobytes() for image in given.x_test
        }
        if name == "openmoji:skin":
            assert not bases[0] & bases[1]
        assert len(given.names) == len(given.test_inputs) == len(given.x_test) > 50
        assert given.inputs.shape[-1] == pairs.input_channels(name)


def test_skin_changes_and_all_else_stays(drawn):
    given = drawn["openmoji:skin"]
    before, after = given.test_inputs.astype(int), given.x_test.astype(int)
    assert (before - after).mean(axis=(1, 2, 3)).min() > 0.5
    assert np.mean(np.all(before == after, axis=-1)) > 0.7
    assert all("light" in name for name in given.names)


def test_own_pairs_are_files_of_equal_names(tmp_path, capsys):
    for number in range(12):
        for folder, gray in (("a", 10 * number), ("b/deep" if number else "b", 200)):
            path = tmp_path / folder
            path.mkdir(parents=True, exist_ok=True)
            Image.new("L", (20, 20), gray).save(path / f"{number}.{'png' if gray else 'bmp'}")
    two = {"dataset": "pairs", "inputs": str(tmp_path / "a"), "targets": str(tmp_path / "b")}
    with pytest.raises(UserError, match="1 names in common of 12 and 12; 10 pairs"):
        load(**two)
    for path in (tmp_path / "b" / "deep").iterdir():
        path.rename(tmp_path / "b" / path.name)
    (tmp_path / "a" / "11.png").write_text("no image")
    given = load(**two)
    assert (len(given.inputs), len(given.test_inputs)) == (10, 1)
    assert given.image_shape == (32, 32, 3)
    np.testing.assert_array_equal(np.unique(given.inputs) % 10, 0)
    assert np.all(given.x_train == 200)
    parts = pairs.heaps(two["inputs"], two["targets"], 16)
    assert [len(part) for part in parts] == [10, 1, 11, 1]
    assert "left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"dataset": "emoji"}, "unknown data set 'emoji'; known: openmoji:lines, .*, pairs"),
        ({"dataset": "pairs", "inputs": "x"}, "--targets is missing"),
        ({"inputs": "x"}, "--inputs belongs to --dataset pairs, not to openmoji:lines"),
        ({"dataset": "pairs", "inputs": "no", "targets": "no"}, "folder 'no' is not there"),
    ],
)
def test_what_names_no_pairs_is_refused(given, told):
    with pytest.raises(UserError, match=told):
        load(**given)


def test_a_drawing_goes_in_as_it_is_and_a_picture_is_drawn_first():
    gray, red = np.full((2, 4, 4, 3), 90, np.uint8), np.full((1, 4, 4, 3), (250, 0, 0), np.uint8)
    made = pairs.as_inputs(np.concatenate([gray, red]), "openmoji:lines")
    assert made[:, 0, 0, 0].tolist() == [90, 90, 255]
    assert pairs.as_inputs(gray, "pairs") is gray


def test_fidelity_by_hand():
    truth = np.zeros((2, 16, 16, 3), np.uint8)
    made = truth.copy()
    made[0] = 51
    assert fidelity.l1(made, truth) == pytest.approx(0.1)
    # 20 log10(255 / 51) is 13.98 dB; the other is as near as is counted
    assert fidelity.psnr(made, truth) == pytest.approx((13.979 + 68.13) / 2, abs=0.01)
    a, b = [tf.constant([[[[3.0, 4.0]]]])], [tf.constant([[[[0.0, 2.0]]]])]
    assert fidelity.map_distance(a, b).numpy() == pytest.approx([0.6**2 + 0.2**2], rel=1e-4)
    names = ("l1", "ssim", "feature_distance", "fid")
    assert "fid" not in fidelity.measures(names, truth, truth, {}, "cifar10")  # of two images
    truth = np.zeros((fidelity.LEAST_FID, 16, 16, 3), np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, truth.shape, np.uint8)
    told = fidelity.measures(names, truth, truth, {"noise": noise}, "cifar10")
    assert set(names) <= set(told)
    for name in set(told) - {"ssim"}:
        assert told[name].value == pytest.approx(0, abs=1e-5)
        assert told[name].baselines["noise"] > 0.05
    assert told["ssim"].value == pytest.approx(1)
