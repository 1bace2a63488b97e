"""next_frames: its losses written out, what each D sees, the videos, and ways to go on without learning."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_applications import moving_digits, next_frames
from gan_applications.moving_digits import ASKED, SEEN
from gan_applications.players import Player
from tests.gan_applications.oracles import Judge, captured, slope_of, softplus

DONE, SEED = tf.constant(0, tf.int64), tf.constant([1, 0], tf.int64)


def small(**changes):
    config = next_frames.Config(**{"width": 4, "blocks": 1, "batch_size": 2, **changes})
    return next_frames.NextFrames(config, (64, 64, 1))


class Stub(keras.Model):
    """G(x) = tanh(x A), at half the size and at the whole."""

    def __init__(self):
        super().__init__()
        self.layer = keras.layers.Dense(ASKED, use_bias=False)
        self(np.zeros((1, 4, 4, SEEN), np.float32))

    def call(self, x):
        return [tf.tanh(self.layer(next_frames.shrunk(x, size))) for size in (2, 4)]


@pytest.mark.parametrize("power", [1, 2])
def test_a_step_is_the_papers_losses_and_their_gradients(power):
    keras.utils.set_random_seed(2)
    system = small(power=power, distance_weight=0.7, gradient_weight=0.4, game_weight=0.3)
    system.generator, system.judges = Stub(), [Judge(SEEN + ASKED) for _ in range(2)]
    d, g = Player(*system.judges), Player(system.generator)
    system.players = {"discriminator": d, "generator": g}
    system.average = next_frames.tricks.WeightAverage(system.generator.variables, 0.9)
    x, y = np.random.default_rng(0).uniform(-1, 1, (2, 2, 4, 4, SEEN)).astype(np.float32)
    halves = [of.reshape(2, 2, 2, 2, 2, SEEN).mean(axis=(2, 4)) for of in (x, y)]
    at_scales = [halves, (x, y)]
    a, *b = (v.numpy().astype(float) for v in (*g.trainable, *d.trainable))

    def logits(first, scale, images):
        return np.concatenate([at_scales[scale][0], images], axis=-1) @ (b[1] if scale else first)

    def d_loss(first):  # −E log D(X, Y) − E log(1 − D(X, G(X))), over both scales' logits
        real = [
            softplus(-logits(first, scale, y)).ravel() for scale, (_, y) in enumerate(at_scales)
        ]
        fake = [softplus(logits(first, scale, np.tanh(x @ a))).ravel()
                for scale, (x, _) in enumerate(at_scales)]  # fmt: skip
        return np.concatenate(real).mean() + np.concatenate(fake).mean()

    def g_loss(weight):  # section 2.4
        total, game = 0.0, []
        for scale, (x, y) in enumerate(at_scales):
            made = np.tanh(x @ weight)
            total += 0.7 * (np.abs(y - made) ** power).mean() / 2
            for axis in (1, 2):
                edges = [np.abs(np.diff(of, axis=axis)) for of in (y, made)]
                total += 0.4 * np.abs(edges[0] - edges[1]).mean() / 2
            game.append(softplus(-logits(b[0], scale, made)).ravel())
        return total + 0.3 * np.concatenate(game).mean()

    with captured(system.players) as gradients:
        told = system.learn(tf.constant(x), tf.constant(y), SEED, DONE)
    np.testing.assert_allclose(told["d_loss"], d_loss(b[0]), rtol=1e-5)
    np.testing.assert_allclose(gradients["discriminator"], slope_of(d_loss, b[0]), 2e-3, 1e-5)
    np.testing.assert_allclose(gradients["generator"], slope_of(g_loss, a), 2e-3, 1e-5)
    for judge, (x_k, y_k), made in zip(
        system.judges, at_scales, [np.tanh(of[0] @ a) for of in at_scales], strict=True
    ):  # each D sees frames of its scale beside what comes next
        for seen, truth in zip(judge.seen, (y_k, made), strict=True):
            np.testing.assert_allclose(seen, np.concatenate([x_k, truth], -1), atol=1e-5)


@pytest.fixture(scope="module")
def clips():
    digit = np.zeros((1, 28, 28, 1), np.uint8)
    digit[0, 4:24, 8:20] = 200
    return moving_digits.draw(digit, 6, np.random.default_rng(1))


def test_a_video_is_learned_by_heart(clips):
    keras.utils.set_random_seed(1)
    system = small(width=8, game_weight=0, scales=1)
    system.players["generator"].optimizer.learning_rate.assign(4e-3)
    x, y = tf.split(next_frames.tricks.scale_images(tf.constant(clips[:2])), 2, axis=-1)
    first, *_, last = [system.learn(x, y, SEED, DONE) for _ in range(25)]
    assert last["distance"] < 0.8 * first["distance"]
    before = [v.numpy() for v in system.generator.variables]
    assert system.predict(clips[:2, ..., :SEEN]).shape == (2, 64, 64, ASKED)
    for kept, now in zip(before, system.generator.variables, strict=True):
        np.testing.assert_array_equal(kept, now)


def test_the_pyramid_has_a_net_for_each_scale():
    assert [of.shape[1:] for of in small().generator.outputs] == [
        (size, size, ASKED) for size in (16, 32, 64)
    ]


def test_what_is_measured(clips):
    given = moving_digits.Clips(clips, np.maximum(clips, np.roll(clips, 1, axis=0)))
    system = small()
    system.predict = lambda seen: given.x_test[: len(seen), ..., SEEN:]
    found = system.measure(given)
    json.dumps({name: one._asdict() for name, one in found.items()})
    assert (found["mse"].value, found["ssim"].value, found["edge_error"].value) == (0, 1, 0)
    errors = found["mse"].baselines
    assert errors["blobs shifted"] < errors["last frame"]
    assert found["edge_error"].baselines["last frame"] > 0.5
    assert {len(of) for of in system.figure(given).values()} == {6}


def test_errors_by_hand():
    black, white = (np.full((1, 64, 64, ASKED), level, np.uint8) for level in (0, 255))
    assert next_frames.frame_error(black, white) == 64 * 64
    half = white.copy()
    half[:, :, 32:] = 0
    assert float(next_frames.gradient_difference(tf.zeros((1, 2, 4, 1)), tf.constant(
        [[[[0.0], [0], [1], [1]], [[0], [0], [1], [1]]]]))) == pytest.approx(1 / 3)  # fmt: skip
    assert next_frames.edge_error(black, half) == 1


def test_a_blob_goes_on_and_comes_back():
    seen = np.zeros((1, 64, 64, SEEN), np.uint8)
    for at in range(SEEN):  # a square that goes 3 pixels a frame to the right, and one that rests
        seen[0, 10:18, 20 + 3 * at : 28 + 3 * at, at] = 200
        seen[0, 40:48, 5:13, at] = 200
    made = moving_digits.shifted(seen, apart=True)[0]
    for at in range(ASKED):
        left = 47 + 3 * (at + 1)
        left = 56 - abs(left - 56)
        columns = np.flatnonzero(made[14, :, at])
        assert (columns[0], columns[-1]) == (left, left + 7)
        assert made[44, 5:13, at].all()
    one = moving_digits.shifted(seen[..., :8], apart=False)
    assert one.shape == (1, 64, 64, ASKED)
    np.testing.assert_array_equal(moving_digits.copied(seen)[..., 9], seen[..., -1])


def test_digits_bounce_and_are_never_cut(clips):
    assert len(set(clips.sum(axis=(1, 2)).ravel().tolist())) == 1
    turned = next_frames.turned(tf.constant(clips), SEED).numpy()
    assert np.any(turned != clips)
    np.testing.assert_array_equal(turned.sum(axis=(1, 2)), clips.sum(axis=(1, 2)))
