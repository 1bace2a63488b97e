"""Image to image, on images whose right answer is known."""

import numpy as np
import pytest

from gan_common.lessons import translation

SQUARES = np.full((64, 8, 8, 1), -1, np.float32)
for _i, _square in enumerate(SQUARES):
    _square[_i % 5 : _i % 5 + 3, _i % 4 : _i % 4 + 3] = 1.0


def test_pairs_learn_what_comes_out_with_and_without_the_game():
    for adversarial in (0.0, 0.05):
        network, rows = translation.pairs(SQUARES, -SQUARES, 25, adversarial, seed=2)
        first = np.abs(translation.generator(1, 1)(SQUARES) + SQUARES).mean()
        assert np.abs(network(SQUARES) + SQUARES).mean() < 0.6 * first
        assert (rows[-1]["d_loss"] > 0) == bool(adversarial)


def test_the_seed_fixes_the_training():
    one, two = (
        translation.pairs(SQUARES, -SQUARES, 3, 0.0, seed=5)[0].get_weights() for _ in range(2)
    )
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_cycle_comes_back():
    to_second, to_first, rows = translation.cycle(SQUARES, -SQUARES, 15, seed=1)
    assert rows[-1]["there_and_back"] < 0.8 * rows[0]["there_and_back"]
    back = to_first(to_second(SQUARES)).numpy()
    assert back.shape == SQUARES.shape
    assert np.abs(back - SQUARES).mean() < 0.8


def test_coarsening_keeps_the_mean_of_each_square():
    image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    coarse = translation.coarsen(image, 2)[0, :, :, 0]
    np.testing.assert_array_equal(coarse[:2, :2], np.full((2, 2), (0 + 1 + 4 + 5) / 4))
    assert coarse.mean() == image.mean()
    with pytest.raises(ValueError, match="factor=3"):
        translation.coarsen(image, 3)


def test_a_clip_is_its_picture_in_the_middle_and_moves_evenly():
    picture = np.full((20, 12, 12, 1), -1, np.float32)
    picture[:, 6, 6] = 1.0
    clips = translation.moving(picture, 3, seed=4)
    np.testing.assert_array_equal(clips[..., 1], picture[..., 0])
    for clip in clips:
        places = np.array([np.argwhere(clip[..., t] == 1)[0] for t in range(3)])
        np.testing.assert_array_equal(places[1] - places[0], places[2] - places[1])
        assert np.abs(places[1] - places[0]).max() <= 2
    assert len({tuple(np.argwhere(clip[..., 2] == 1)[0]) for clip in clips}) > 5


def test_sharpness_of_stripes():
    stripes = np.tile(np.array([-1.0, 1.0]), (1, 4, 2))[..., None]  # across: steps of 2; down: 0
    assert translation.sharpness(stripes) == 1.0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="agree in all but the channels"):
        translation.pairs(SQUARES, SQUARES[:3], 1)
    with pytest.raises(ValueError, match="adversarial=-1"):
        translation.pairs(SQUARES, SQUARES, 1, adversarial=-1)
