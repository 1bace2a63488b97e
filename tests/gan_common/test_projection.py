"""The latent of an image that the generator drew is found again; of one that it cannot draw, that is seen."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf

from gan_common import projection, tricks


class Toy:
    """tanh of a linear map of four numbers, in 6×6 pixels; each class has a pattern of its own."""

    image_shape, num_classes = (6, 6, 1), 3

    def __init__(self, conditional=False, latent="normal"):
        rng = np.random.default_rng(0)
        self.conditional, self.latent = conditional, latent
        self.weights = tf.constant(rng.normal(size=(4, 36)) * 0.3, tf.float32)
        self.patterns = tf.constant(rng.normal(size=(3, 36)), tf.float32)

    def images_of(self, latents, labels):
        x = tf.convert_to_tensor(latents) @ self.weights
        if self.conditional:
            x += tf.gather(self.patterns, labels)
        return tf.reshape(tf.tanh(x), (-1, *self.image_shape))

    def features_of(self, images, labels):
        return tf.reshape(images, (-1, 36))[:, ::5]

    def pictures(self, latents, labels):
        return tricks.unscale_images(self.images_of(latents, labels).numpy())

    def draw_latents(self, count, seed):
        return tricks.sample_latent(count, 4, self.latent, seed)

    def averaged(self):
        return contextlib.nullcontext()


@pytest.mark.parametrize("latent", ["normal", "uniform", "sphere"])
def test_an_image_of_its_own_is_found_again(latent):
    toy = Toy(latent=latent)
    true = toy.draw_latents(1, 99).numpy()
    target = toy.pictures(true, [0])[0]
    found = projection.project(toy, target, steps=120, samples=100, starts=3)
    np.testing.assert_allclose(found.latent, true[0], atol=0.05)
    assert found.distance < 1 < found.sample_distance < found.between_samples
    np.testing.assert_array_equal(found.image, toy.pictures(found.latent[None], [0])[0])


def test_the_class_is_found_by_trying_all_unless_it_is_given():
    toy = Toy(conditional=True)
    target = toy.pictures(toy.draw_latents(1, 99), [1])[0]
    found = projection.project(toy, target, steps=80, samples=90, starts=2)
    assert found.label == 1
    assert found.distance < 2
    other = projection.project(toy, target, 2, steps=80, samples=90, starts=2)
    assert other.label == 2
    assert other.distance > 20


def test_what_cannot_be_drawn_stays_far():
    toy = Toy()
    board = np.indices((6, 6)).sum(axis=0)[..., None] % 2 * 255
    found = projection.project(toy, board.astype(np.uint8), steps=50, samples=50)
    assert found.distance > 0.7 * found.sample_distance > 20
    assert f"the nearest of 50 random samples: {found.sample_distance:.1f}" in str(found)


def test_distances_by_hand():
    """The nearest of the random samples, and the median distance of pairs, in gray levels."""
    toy = Toy()
    target = np.full((6, 6, 1), 90, np.uint8)
    found = projection.project(toy, target, steps=1, samples=40)
    images = toy.pictures(toy.draw_latents(40, 0), None).astype(float)
    to_target = np.sqrt(np.mean((images - target) ** 2, axis=(1, 2, 3)))
    assert found.sample_distance == pytest.approx(to_target.min(), rel=1e-5)
    apart = np.sqrt(np.mean((images[:20] - images[20:]) ** 2, axis=(1, 2, 3)))
    assert found.between_samples == pytest.approx(np.median(apart), rel=1e-5)
    assert found.distance <= found.sample_distance


def test_latents_are_kept_where_the_generator_knows_them():
    far = tf.constant([[3.0, 0.0, 0.0, 0.0], [0.1, -9.0, 0.0, 0.0]])
    cube = projection.onto_support(far, "uniform").numpy()
    np.testing.assert_allclose(cube, [[1, 0, 0, 0], [0.1, -1, 0, 0]])
    norms = np.linalg.norm(projection.onto_support(far, "sphere"), axis=1)
    np.testing.assert_allclose(norms, 1, rtol=1e-6)
    norms = np.linalg.norm(projection.onto_support(far, "normal"), axis=1)
    np.testing.assert_allclose(norms, [3, 4], rtol=1e-6)  # √4 + 2


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"must be uint8 \(6, 6, 1\). Received: uint8 \(6, 6, 3\)"):
        projection.project(Toy(), np.zeros((6, 6, 3), np.uint8))
    with pytest.raises(ValueError, match="Received: 0 starts"):
        projection.project(Toy(), np.zeros((6, 6, 1), np.uint8), starts=0)
