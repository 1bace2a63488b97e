"""Copies: shares and ratios by hand, and who is called a copier and who is not."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gan_common import metrics
from gan_common.data import Dataset
from gan_common.metrics import memorization
from gan_common.metrics.memorization import find_copies, look, pixels

RNG = np.random.default_rng(7)


def images(count, seed=0, side=8):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 1), dtype=np.uint8)


def dataset(train, test, **more):
    labels = np.zeros(len(train), np.int32)
    return Dataset(
        train, labels, test, labels[: len(test)], 1, train.shape[1:], ("all",), "folder:x", **more
    )


def near(originals, count, seed=1):
    """Copies of some of the images, a little noisy."""
    rng = np.random.default_rng(seed)
    chosen = originals[rng.integers(0, len(originals), count)].astype(int)
    return np.clip(chosen + rng.integers(-9, 10, chosen.shape), 0, 255).astype(np.uint8)


# copies


def test_copies_by_hand():
    """Held-out distances 1, 2 and 4 to a training row have the first percentile 1.02 and the median 2.
    Of the generated distances 0, 1, 1.5, 3 two lie below it; their median is 1.25."""
    train = np.array([[0.0, 0.0], [100.0, 0.0]])
    held_out = np.array([[1.0, 0.0], [102.0, 0.0], [0.0, 4.0]])
    fake = np.array([[100.0, 0.0], [0.0, -1.0], [-1.5, 0.0], [0.0, 3.0]])
    found = metrics.copies(train, held_out, fake)
    assert found == {"copied_share": 0.5, "distance_ratio": pytest.approx(1.25 / 2)}


def test_who_copies_all_and_who_draws_anew():
    train, held_out, fake = (RNG.normal(size=(1000, 6)) for _ in range(3))
    assert metrics.copies(train, held_out, train[:400]) == {
        "copied_share": 1.0,
        "distance_ratio": 0.0,
    }
    found = metrics.copies(train, held_out, held_out)
    assert found["copied_share"] == pytest.approx(0.01)
    assert found["distance_ratio"] == 1
    found = metrics.copies(train, held_out, fake)
    assert found["copied_share"] < 0.04
    assert found["distance_ratio"] == pytest.approx(1, abs=0.1)


def test_held_out_rows_that_were_trained_on_are_no_division_by_zero():
    rows = RNG.normal(size=(20, 3))
    assert metrics.copies(rows, rows, rows) == {"copied_share": 0.0, "distance_ratio": 1.0}
    assert metrics.copies(rows, rows, rows + 1)["distance_ratio"] == np.inf


def test_what_is_no_number_is_refused():
    rows = np.ones((3, 2))
    for place in range(3):
        given = [rows.copy() for _ in range(3)]
        given[place][1, 0] = np.nan
        with pytest.raises(ValueError, match="NaN or infinity in 1 samples"):
            metrics.copies(*given)
    with pytest.raises(ValueError, match="as many columns"):
        metrics.copies(rows, rows, np.ones((3, 4)))


# nearest


def test_the_nearest_few_are_those_of_all_distances():
    points, others = RNG.normal(size=(40, 5)), RNG.normal(size=(70, 5))
    rows, distances = memorization.nearest_few(points, others, 3)
    every = cdist(points, others)
    np.testing.assert_array_equal(rows, np.argsort(every, axis=1)[:, :3])
    np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :3], rtol=1e-12)
    with pytest.raises(ValueError, match="at least 71 samples"):
        memorization.nearest_few(points, others, 71)


def test_a_copy_far_from_the_origin_is_at_distance_zero():
    others = RNG.normal(size=(50, 9)) + 1e6
    assert metrics.nearest(others[3:4], others) == ([3], [0])


# look


def test_chunks_find_what_one_search_finds(monkeypatch):
    train, held_out, fake = images(50), images(20, 1), near(images(50), 30)
    whole = look(train, held_out, fake, pixels)
    monkeypatch.setattr(memorization, "CHUNK", 7)
    parts = look(train, held_out, fake, pixels)
    for a, b in zip(vars(whole).values(), vars(parts).values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    differences = fake[:, None].astype(float) - train[None].astype(float)
    by_hand = np.sqrt(np.mean(differences**2, axis=(2, 3, 4)))  # in gray levels
    np.testing.assert_allclose(whole.fake, by_hand.min(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(whole.rows, by_hand.argmin(axis=1))
    fifth = np.sort(by_hand, axis=1)[:, 4]
    np.testing.assert_allclose(whole.beside, by_hand.min(axis=1) / fifth, rtol=1e-5)


def test_large_images_are_averaged_over_blocks():
    """64×64 in blocks of 2: 32×32 means of four; distances are those of the means."""
    one, other = np.zeros((1, 64, 64, 1), np.uint8), np.zeros((1, 64, 64, 1), np.uint8)
    other[:, ::2] = 200  # every second row: means of 100
    assert pixels(one).shape == (1, 32 * 32)
    assert np.linalg.norm(pixels(one) - pixels(other)) == pytest.approx(100)
    assert pixels(images(1, side=63)).shape == (1, 63 * 63)


# the verdict


def verdict(train, held_out, fake):
    return look(train, held_out, fake, pixels)


def test_a_copier_is_told_from_one_that_draws_anew():
    train, held_out = images(200), images(100, 1)
    copied = verdict(train, held_out, near(train, 300))
    assert copied.memorized
    assert copied.sentence().startswith("memorized: 100.0% of 300 generated images are nearer")
    fresh = verdict(train, held_out, images(300, 5))
    assert not fresh.memorized
    assert fresh.sentence().startswith("not memorized: ")


def test_a_third_of_copies_is_enough_and_a_twentieth_is_not():
    train, held_out = images(200), images(200, 1)
    some = np.concatenate([near(train, 100), images(200, 5)])
    assert verdict(train, held_out, some).memorized
    few = np.concatenate([near(train, 15), images(285, 5)])
    found = verdict(train, held_out, few)
    assert found.copied_share == pytest.approx(0.05, abs=0.03)
    assert not found.memorized


def test_bland_images_are_near_to_all_and_no_copies():
    """The mean image is nearer to noise than noise is, by 1/√2, and as near to one as to another."""
    train, held_out = images(200), images(100, 1)
    found = verdict(train, held_out, np.full((300, 8, 8, 1), 127, np.uint8))
    assert found.copied_share == 1
    assert not found.memorized
    assert "bland, or much alike" in found.sentence()


def test_where_few_images_are_held_out_the_training_images_help_out():
    """Each by its distance to the nearest other one."""
    train, held_out = images(45), images(5, 1)
    some = np.concatenate([near(train, 150), images(350, 5)])
    found = verdict(train, held_out, some)
    apart = cdist(*[train.reshape(45, -1).astype(float)] * 2) / 8  # √64 pixels: root mean squares
    np.fill_diagonal(apart, np.inf)
    np.testing.assert_allclose(found.held_out[5:], apart.min(axis=1), rtol=1e-5)
    assert found.memorized
    assert "of 5 held-out ones and 45 training images among each other are" in found.sentence()
    assert not verdict(train, held_out, images(500, 5)).memorized


def test_a_handful_of_images_makes_a_large_share_no_sign():
    train, held_out = images(5), images(2, 1)
    found = verdict(train, held_out, np.concatenate([near(train, 15), images(35, 5)]))
    assert found.copied_share > 0.25
    assert not found.memorized
    assert "which may be chance" in found.sentence()


def test_the_probability_of_chance_by_hand():
    """One held-out distance, two generated ones below it: all orders are alike, one in three has it last."""
    found = memorization.Nearness(
        np.array([1.0, 2.0]), np.array([3.0]), np.zeros(2, int), np.ones(2)
    )
    assert found.p_value == pytest.approx(1 / 3)
    found = memorization.Nearness(
        np.array([1.0, 4.0]), np.array([3.0]), np.zeros(2, int), np.ones(2)
    )
    assert found.p_value == pytest.approx(2 / 3)  # one or both are below it


def test_a_healthy_generator_is_seldom_accused():
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(200):
        held_out, fake = rng.normal(size=30), rng.normal(size=100)
        p_values.append(
            memorization.Nearness(fake, held_out, np.zeros(100, int), np.ones(100)).p_value
        )
    assert np.mean(np.array(p_values) < 0.05) <= 0.1


def test_held_out_images_that_were_trained_on_are_said():
    train = images(60)
    assert "remove what is there twice" in verdict(train, train[:20], near(train, 50)).sentence()


# all of it


def test_numbers_pairs_and_table_of_a_copier(monkeypatch):
    train, held_out = images(60), images(30, 1)
    fake = np.concatenate([images(40, 5), train[11:12]])
    monkeypatch.setattr(memorization, "COMPARED", 41)
    describe = {"pixels": pixels, "features": lambda x: x.reshape(len(x), -1)[:, :9] / 1.0}
    found = find_copies(dataset(train, held_out), fake, describe)
    numbers = found.numbers()
    assert numbers["copied_share"] == np.mean(found.by["pixels"].copied) >= 1 / 41
    assert numbers["nearest_p50_floor"] == pytest.approx(np.median(found.by["pixels"].held_out))
    assert {"copied_share_features", "distance_ratio_features_floor", "memorized"} <= set(numbers)
    assert numbers["memorized"] == 0
    shown, texts = found.pairs(2)
    assert shown.shape == (8, 8, 8, 1)
    np.testing.assert_array_equal(shown[0], train[11])
    np.testing.assert_array_equal(shown[1], train[11])
    assert texts[:2] == ["in pixels", "0.00"]
    assert texts[4] == "in features"
    text = str(found)
    assert "in pixels, nearest 50%" in text
    assert text.splitlines()[-1].startswith("copies in features: ")


def test_a_training_image_is_shown_once():
    train = images(6)
    fake = np.concatenate([train[[2, 2, 2]], near(train[4:5], 2)])
    shown, _ = find_copies(dataset(train, images(9, 1)), fake, {"pixels": pixels}).pairs()
    np.testing.assert_array_equal(shown[1::2], train[[2, 4]])


def test_a_pool_without_labels_is_searched_too():
    train, pool = images(30), images(30, 2)
    found = find_copies(
        dataset(train, images(10, 1), x_unlabelled=pool), pool[3:5], {"pixels": pixels}
    )
    assert found.by["pixels"].fake.tolist() == [0, 0]
    np.testing.assert_array_equal(found.pairs(1)[0][1], found.pairs(1)[0][0])
