"""The other uses of generated images: each against its paper's formula in NumPy, and in a step."""

import numpy as np
import pytest
import tensorflow as tf

from gan_common.errors import UserError
from ssgan_tf import alternatives, models
from ssgan_tf.config import resolve

RNG = np.random.default_rng(9)
FEATURES = RNG.normal(size=(5, 3))
IMAGES = RNG.integers(0, 256, (12, 12, 12, 1), np.uint8)
LABELS = (np.arange(12) % 3).astype(np.int32)
TINY = {"width": 4, "latent_dim": 4, "batch_size": 8, "labelled_batch": 4, "precision": "float32"}


def test_pull_away_is_the_mean_over_pairs_of_different_images():
    cosines = [
        (a @ b / np.linalg.norm(a) / np.linalg.norm(b)) ** 2
        for i, a in enumerate(FEATURES)
        for j, b in enumerate(FEATURES)
        if i != j
    ]
    found = alternatives.pull_away(tf.constant(FEATURES, tf.float32))
    assert float(found) == pytest.approx(np.mean(cosines), rel=1e-5)
    one_way = tf.constant([[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0]])
    assert float(alternatives.pull_away(one_way)) == pytest.approx(1, rel=1e-5)
    assert float(alternatives.pull_away(tf.eye(3))) == pytest.approx(0, abs=1e-6)


def test_an_image_is_meant_to_be_of_the_class_of_its_largest_latent():
    latents = tf.constant([[0.1, 0.3, -2.0, 9.0], [-1.0, -3.0, -0.5, 0.0]])
    assert alternatives.intended(latents, 3).numpy().tolist() == [1, 2]
    drawn = tf.random.stateless_normal((3000, 4), (1, 2))
    counts = np.bincount(alternatives.intended(drawn, 3))
    assert abs(counts - 1000).max() < 100  # the deviation of a count is 26
    with pytest.raises(UserError, match="read from the first 5 latents"):
        alternatives.intended(latents, 5)


def test_the_game_of_pairs_is_the_papers():
    """Every pair by itself, log D and log (1 − D) as they stand in equation 3."""
    real, unlabelled, fake = (RNG.normal(size=(n, 3)) for n in (4, 5, 6))
    y, y_fake = np.array([0, 2, 1, 1]), np.array([2, 0, 1, 0, 2, 2])
    p = RNG.dirichlet(np.ones(3), 5)

    def d(s):
        return 1 / (1 + np.exp(-s))

    log_real = np.mean([np.log(d(s[k])) for s, k in zip(real, y, strict=True)])
    log_not_c = np.mean(
        [
            sum(q[k] * np.log(1 - d(s[k])) for k in range(3))
            for s, q in zip(unlabelled, p, strict=True)
        ]
    )
    log_not_g = np.mean([np.log(1 - d(s[k])) for s, k in zip(fake, y_fake, strict=True)])
    log_g = np.mean([np.log(d(s[k])) for s, k in zip(fake, y_fake, strict=True)])
    expected = -log_real - 0.3 * log_not_c - 0.7 * log_not_g, 0.3 * log_not_c, -0.7 * log_g

    s, q = tf.constant(unlabelled, tf.float32), tf.constant(p, tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([s, q])
        found = alternatives.pair_losses(
            (tf.constant(real, tf.float32), y), (s, q), (tf.constant(fake, tf.float32), y_fake), 0.3
        )
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert tape.gradient(found.discriminator, q) is None
    assert tape.gradient(found.classifier, s) is None
    # The classifier is drawn to classes whose pair is taken for real.
    toward = tape.gradient(found.classifier, q).numpy()
    assert (np.argmin(toward, axis=1) == np.argmax(unlabelled, axis=1)).all()


def first_step(**given):
    gan = models.build(resolve({**TINY, **given}), (12, 12, 1), 3, IMAGES)
    before = [v.numpy() for v in gan.discriminator.trainable_variables]
    gan.set_schedule(tf.constant(0.0))
    values = gan.train_step(IMAGES[:4], LABELS[:4], IMAGES[4:])
    after = [v.numpy() for v in gan.discriminator.trainable_variables]
    moved = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    return gan, moved, {name: float(value) for name, value in values.items()}


def test_each_adds_its_part_to_the_players_that_it_is_of():
    plain = first_step()[2]
    both = first_step(pull_away_weight=0.5, class_weight=0.1)[2]
    of_class = both["d_loss"] - plain["d_loss"]  # a cross-entropy among three classes, times 0.1
    assert 0.02 < of_class < 1
    assert 0 < both["g_loss"] - plain["g_loss"] - of_class <= 0.5
    assert both["supervised_loss"] == plain["supervised_loss"]


def test_a_third_player_learns_in_the_game_and_rests_before_it():
    gan, moved, values = first_step(pair_weight=0.5)
    assert all(moved)
    assert all(np.isfinite(value) for value in values.values())
    pairs = [v.numpy() for v in gan.discriminator.pairs.trainable_variables]
    assert pairs[0].shape[1] == 3
    gan.baseline_step(IMAGES[:4], LABELS[:4])
    # Adam's mean still carries it: without a gradient it goes on by less than a step.
    assert all(
        np.abs(a - b.numpy()).max() < 2e-3
        for a, b in zip(pairs, gan.discriminator.pairs.trainable_variables, strict=True)
    )


def test_a_baseline_and_further_updates_of_g_have_none_of_them():
    with pytest.raises(UserError, match="--pair_weight needs --update_ratio 1, not 2"):
        resolve({"preset": "reference", "pair_weight": 0.1})
    for name in ("pull_away_weight", "class_weight", "pair_weight"):
        with pytest.raises(UserError, match=f"no --{name}"):
            resolve({"baseline": True, name: 0.1})
