"""Truncation by its distribution; what is drawn in parts is what is drawn at once."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from gan_common import sampling, tricks
from gan_common.errors import UserError


class Toy:
    """Latents of six numbers are images of 2×3 gray levels; D finds bright ones real."""

    conditional, num_classes, image_shape, latent = True, 3, (2, 3, 1), "normal"

    def draw_latents(self, count, seed):
        return tricks.sample_latent(count, 6, self.latent, seed)

    def pictures(self, latents, labels):
        bright = np.asarray(latents) * 10 + np.asarray(labels)[:, None] + 100
        return np.clip(np.rint(bright), 0, 255).astype(np.uint8).reshape(-1, 2, 3, 1)

    def scores(self, pictures, labels):
        return np.asarray(pictures, float).sum(axis=(1, 2, 3))

    def classes_of(self, pictures, labels):
        return np.asarray(labels)


def test_truncated_normal_latents_are_as_if_drawn_again():
    latents = np.random.default_rng(0).normal(size=(4000, 5)).astype(np.float32)
    moved = sampling.truncate(latents, "normal", 0.8)
    assert np.abs(moved).max() <= 0.8
    drawn_again = latents[np.abs(latents) <= 0.8]
    assert scipy.stats.ks_2samp(moved.ravel(), drawn_again).pvalue > 0.01
    assert scipy.stats.kstest(moved.ravel(), scipy.stats.truncnorm(-0.8, 0.8).cdf).pvalue > 0.01
    assert np.corrcoef(moved.ravel(), latents.ravel())[0, 1] > 0.95  # the same images, nearer


def test_truncation_by_hand():
    """The upper quartile, z = .6745, goes to that of N(0, 1) within ±1: Φ⁻¹(½ + ¼ · .6827) = .4418."""
    moved = sampling.truncate(np.array([[0.67448975, 0.0, -40.0]], np.float32), "normal", 1.0)
    np.testing.assert_allclose(moved, [[0.44177, 0, -1]], atol=1e-4)
    wide = np.array([[-2.5, 0.3, 3.0]], np.float32)
    np.testing.assert_allclose(sampling.truncate(wide, "normal", 20.0), wide, rtol=1e-5)
    np.testing.assert_allclose(sampling.truncate(wide / 3, "uniform", 0.5), wide / 6, rtol=1e-6)


@pytest.mark.parametrize(
    ("distribution", "threshold", "says"),
    [("sphere", 0.5, "all equally far out"), ("uniform", 1.0, "give a number below 1")],
)
def test_truncation_without_a_meaning_is_refused(distribution, threshold, says):
    with pytest.raises(UserError, match=says):
        sampling.truncate(np.zeros((1, 2), np.float32), distribution, threshold)
    sampling.check_truncation(distribution, None)


@pytest.mark.parametrize("truncation", [None, 0.5])
def test_parts_are_what_is_drawn_at_once(monkeypatch, truncation):
    toy = Toy()
    images, latents = sampling.draw(toy, 10, 3, truncation=truncation)
    monkeypatch.setattr(sampling, "CHUNK", 4)
    parts = list(sampling.batches(toy, 10, 3, truncation=truncation))
    assert [len(part.images) for part in parts] == [4, 4, 2]
    for each, expected in zip(zip(*parts, strict=True), (images, latents), strict=False):
        np.testing.assert_array_equal(np.concatenate(each), expected)
    labels = np.concatenate([part.labels for part in parts])
    assert labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]


def test_an_image_has_its_number_whatever_the_count():
    for distribution in ("normal", "uniform", "sphere"):
        few, many = (tricks.sample_latent(n, 7, distribution, 5).numpy() for n in (9, 1001))
        np.testing.assert_array_equal(few, many[:9])


def test_a_chunk_of_large_images_is_small():
    assert sampling.chunk_size((28, 28, 1)) == sampling.CHUNK
    assert sampling.chunk_size((1024, 1024, 3)) == sampling.CHUNK_BYTES // (4 * 3 * 2**20) == 5


def test_the_nicest_come_first_whatever_is_held_at_a_time(monkeypatch):
    toy = Toy()
    everything, latents = sampling.draw(toy, 100, 2)
    order = np.argsort(-toy.scores(everything, None), kind="stable")[:5]
    nicest = sampling.joined(sampling.nicest(toy, 5, 2))
    np.testing.assert_array_equal(nicest.images, everything[order])
    np.testing.assert_array_equal(nicest.latents, latents[order])
    np.testing.assert_array_equal(nicest.labels, order % 3)
    monkeypatch.setattr(sampling, "CANDIDATES", 30)
    parts = sampling.joined(sampling.nicest(toy, 5, 2))
    scores = toy.scores(parts.images, None)
    assert len(scores) == 5
    assert (np.diff(scores) <= 0).all()
    first = toy.scores(everything[:30], None)
    assert scores[0] >= first.max()


def test_walks_and_sums_know_their_labels():
    toy = Toy()
    walks = sampling.walks(toy, 0)
    assert walks.labels.reshape(8, 12)[:, 0].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert (np.ptp(walks.labels.reshape(8, 12), axis=1) == 0).all()
    assert sampling.sums(toy, [(1, [0]), (-1, [1])], 4, 0, label=2).labels.tolist() == [2] * 6
    assert tf.is_tensor(toy.draw_latents(2, 0))


def test_what_is_measured_is_an_array_or_is_drawn_again_when_it_is_large(monkeypatch):
    toy = Toy()
    images, _ = sampling.draw(toy, 10, 3)
    assert isinstance(sampling.to_measure(toy, 10, 3), np.ndarray)
    monkeypatch.setattr(sampling, "HELD_BYTES", 10 * 6 - 1)
    again = sampling.to_measure(toy, 10, 3)
    assert (len(again), again.shape, again.dtype) == (10, (10, 2, 3, 1), np.uint8)
    np.testing.assert_array_equal(again[2:7], images[2:7])
    np.testing.assert_array_equal(again[np.array([8, 1])], images[[8, 1]])
