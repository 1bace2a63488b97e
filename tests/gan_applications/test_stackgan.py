"""StackGAN: both stages' losses written out, what each stage is told, sentences learned by heart."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_applications import applying, fidelity, running, sentences, stackgan
from gan_applications.players import Player
from gan_common.errors import UserError
from gan_common.shapes import scenes
from tests.gan_applications.oracles import Stub, captured, judged, slope_of, softplus

DONE, SEED = tf.constant(0, tf.int64), tf.constant([1, 0], tf.int64)
TABLE = np.array([[1.0, 0.5], [-0.5, 1.0], [0.3, -1.0], [0.2, 0.7]], np.float32)  # φ of sentences


def drawn(inputs, weight):
    """One color, tanh([start, c] A), of z's first two numbers or of an image's means."""
    start, c = inputs
    start = start[:, :2] if len(start.shape) == 2 else tf.reduce_mean(start, [1, 2])
    return tf.tile(tf.tanh(tf.concat([start, c], -1) @ weight)[:, None, None], (1, 4, 4, 1))


def small(**changes):
    config = stackgan.Config(**{"width": 2, "batch_size": 4, **changes})
    return stackgan.StackGAN(config, (32, 32, 3), scenes.vocabulary())


@pytest.fixture(scope="module")
def stubs():
    """A system whose networks are one matrix each, so that its losses can be written out; c has 2 numbers."""
    keras.utils.set_random_seed(3)
    system = small(kl_weight=0.6)
    system.encoder = lambda tokens, training=False: tf.constant(TABLE)
    for number, stage in enumerate(system.stages):
        stage.conditioning = Stub((2, 4), lambda phi, w: ((phi @ w)[:, :2], (phi @ w)[:, 2:]), 0.5)
        stage.generator = Stub((4 if number == 0 else 5, 3), drawn, 0.5)
        stage.trunk = Stub((1,), lambda images, _: images, 0.5)
        stage.head = Stub((5, 1), judged, 0.5)
        stage.average = stackgan.tricks.WeightAverage([stage.generator.matrix], 0.9)
    first, second = system.stages
    system.players = {
        "discriminator": Player(first.head),
        "generator": Player(first.generator, first.conditioning),
        "discriminator_two": Player(second.head),
        "generator_two": Player(second.generator, second.conditioning),
    }
    return system


@pytest.mark.parametrize("number", [0, 1])
def test_a_step_is_the_papers_losses_and_their_gradients(number, stubs, monkeypatch):
    monkeypatch.setattr(stackgan, "EMBEDDING", 2)
    draw = np.random.default_rng(number)
    x = draw.uniform(-1, 1, (4, 4, 4, 3)).astype(np.float32)
    noise = draw.normal(size=(4, stackgan.LATENT + 4)).astype(np.float32)
    ids = np.array([0, 1, 1, 2])  # the third image shows the scene of the second
    stages = [[stage.generator.matrix.numpy(), stage.conditioning.matrix.numpy(),
               stage.head.matrix.numpy()] for stage in stubs.stages]  # fmt: skip

    def colors(a, b, start, of_c):
        mean, log_variance = np.split(TABLE @ b, 2, axis=1)
        c = mean + np.exp(log_variance / 2) * of_c
        kl = (mean**2 + np.exp(log_variance) - log_variance - 1).mean() / 2  # equation 2
        return np.tanh(np.concatenate([start, c], axis=-1) @ a), kl

    of_c = np.split(noise[:, -4:], 2, axis=1)
    start = noise[:, :2]
    if number:  # stage II starts from stage I's images
        start = colors(*stages[0][:2], start, of_c[0])[0]
    a, b, w = stages[number]

    def logits(weight, seen, phi):
        return np.concatenate([seen, phi], axis=-1) @ weight

    def d_loss(weight):  # equations 3 and 5, with wrong sentences beside real images
        real = softplus(-logits(weight, x.mean(axis=(1, 2)), TABLE)).mean()
        fake = softplus(logits(weight, colors(a, b, start, of_c[number])[0], TABLE)).mean()
        wrong = softplus(logits(weight, x.mean(axis=(1, 2)), np.roll(TABLE, 1, axis=0)))
        wrong[2] = 0
        return real + (wrong.mean() + fake) / 2

    def g_loss(weight):  # equations 4 and 6
        made, kl = colors(weight, b, start, of_c[number])
        return softplus(-logits(w, made, TABLE)).mean() + 0.6 * kl

    before = [one.numpy() for player in stubs.players.values() for one in player.trainable]
    with captured(stubs.players) as gradients:
        told = stubs.learn(number, x, tf.zeros((4, 1)), tf.constant(ids), noise, SEED, DONE)
    name = "_two" * number
    np.testing.assert_allclose(told["kl"], colors(a, b, start, of_c[number])[1], rtol=1e-5)
    np.testing.assert_allclose(gradients[f"discriminator{name}"], slope_of(d_loss, w), 1e-3, 1e-5)
    np.testing.assert_allclose(gradients[f"generator{name}"], slope_of(g_loss, a), 1e-3, 1e-5)
    after = [one.numpy() for player in stubs.players.values() for one in player.trainable]
    changed = [bool(np.any(a != b)) for a, b in zip(before, after, strict=True)]
    assert changed == ([True] * 3 + [False] * 3 if number == 0 else [False] * 3 + [True] * 3)


def test_what_is_not_told_makes_no_difference():
    keras.utils.set_random_seed(1)
    said, other = ["a red disc", "two blue discs"], ["four green squares", "a red box"]
    deaf, hearing = small(told="first"), small()
    deaf.on_second.assign(True)
    hearing.on_second.assign(True)
    for system, same in ((deaf, True), (hearing, False)):
        images = [system.draw(said, other=other)[1] for other in (None, other)]
        assert np.array_equal(*images) == same
    with pytest.raises(UserError, match="--small_size 24: give 16 or 32"):
        small(small_size=24)


def test_two_sentences_are_learned_by_heart_and_stage_two_goes_on_with_stage_one_as_it_is():
    keras.utils.set_random_seed(1)
    system, said = small(first_share=0.5, width=4), ["a red disc", "a blue disc"] * 2
    for stage in system.stages:
        stage.average.decay = 0.9
    colors = np.array([[255, 0, 0], [0, 0, 255]] * 2, np.uint8)
    batch = (
        tf.constant(np.tile(colors[:, None, None], (1, 32, 32, 1))),
        tf.constant(sentences.numbers_of(said, system.names)),
        tf.constant([0, 1] * 2),
    )
    assert system.samples(Told(said)).shape == (4, 32, 32, 3)  # stage I's, enlarged

    def right(images):
        red, blue = images[:2, ..., ::2].mean(axis=(1, 2))  # means of red and blue
        return red[0] > red[1] + 50 and blue[1] > blue[0] + 50

    for player, rate in zip(system.players.values(), (1e-2, 1e-2, 4e-3, 4e-3), strict=True):
        player.rate = rate
    for done in range(40):
        system.step(batch, tf.constant(done, tf.int64), tf.constant(0.0))
    assert right(system.draw(said)[0])
    system.step(batch, DONE, tf.constant(0.5))
    kept = [v.numpy() for v in system.stages[0].average.live]
    for average, now in zip(system.stages[0].average.averages, kept, strict=True):
        np.testing.assert_array_equal(average, now)
    for done in range(40):
        system.step(batch, tf.constant(done, tf.int64), tf.constant(0.5))
    for before, now in zip(kept, system.stages[0].average.live, strict=True):
        np.testing.assert_array_equal(before, now)
    assert right(system.draw(said)[1])
    # It does not go back, and what a checkpoint holds is all that draws.
    system.step(batch, DONE, tf.constant(0.1))
    for before, now in zip(kept, system.stages[0].average.live, strict=True):
        np.testing.assert_array_equal(before, now)
    other = small(first_share=0.5, width=4)
    for name, variables in running.variables_of(system).items():
        for old, new in zip(variables, running.variables_of(other)[name], strict=True):
            new.assign(old)
    for mine, its in zip(system.draw(said), other.draw(said), strict=True):
        np.testing.assert_array_equal(mine, its)


class Told:
    """Of `sentences.Told` what samples need."""

    def __init__(self, said):
        self.said_test = said


@pytest.fixture(scope="module")
def given():
    with pytest.MonkeyPatch.context() as patch:
        whole = scenes.dataset
        patch.setattr(scenes, "dataset", lambda *_, **more: whole(40, 8, **more))
        yield sentences.load(32)


def test_what_is_measured(given, monkeypatch):
    monkeypatch.setattr(fidelity, "LEAST_FID", 2)
    system = small()
    system.on_second.assign(True)
    found = system.measure(given)
    json.dumps({name: one._asdict() for name, one in found.items()})
    beside = {"stage I, enlarged", "stage II told another sentence", "nearest training sentence"}
    beside |= {"data of stage I's size, enlarged", "data"}
    assert set(found["right_seen"].baselines) == set(found["fid"].baselines) == beside
    assert found["retrieval"].baselines["data"] == 1
    assert found["fid"].baselines["data"] == pytest.approx(0, abs=1e-6)
    assert {len(images) for images in system.figure(given).values()} == {8}
    assert not any(scenes.held_out(scenes.parse(text)) for text in given.said)


@pytest.mark.parametrize(
    ("text", "told"), [("a purple disc", "unknown word 'purple'"), ("...", "not 0")]
)
def test_what_cannot_be_said_is_one_line(text, told, tmp_path, monkeypatch):
    system, out = small(), tmp_path / "said.png"
    monkeypatch.setattr(applying, "restored", lambda *_: system)
    with pytest.raises(UserError, match=told) as caught:
        applying.use({"say": text, "run_dir": tmp_path, "out": str(out)}, system.config, None)
    assert "\n" not in str(caught.value)
    assert not out.exists()
