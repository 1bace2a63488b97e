"""text_to_image: the paper's losses written out, what training never shows, sentences learned by heart."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_applications import applying, sentences, text_to_image
from gan_applications.players import Player
from gan_common.errors import UserError
from gan_common.shapes import scenes
from gan_common.shapes.scenes import Scene
from tests.gan_applications.oracles import Stub, captured, judged, slope_of, softplus

DONE, SEED = tf.constant(0, tf.int64), tf.constant([1, 0], tf.int64)
TABLE = np.array(
    [[1.0, 0.5], [-0.5, 1.0], [0.3, -1.0], [0.2, 0.7]], np.float32
)  # φ of four classes
Z = tf.zeros((6, text_to_image.LATENT))


def drawn(inputs, weight):
    """One color, tanh(φ A)."""
    return tf.tile(tf.tanh(inputs[1] @ weight)[:, None, None], (1, 4, 4, 1))


def small(names=None, **changes):
    config = text_to_image.Config(width=2, batch_size=4, **changes)
    return text_to_image.TextToImage(config, (32, 32, 3), names or scenes.vocabulary())


@pytest.mark.parametrize("matching", [True, False])
@pytest.mark.parametrize("interpolated", [True, False])
def test_a_step_is_the_papers_losses_and_their_gradients(matching, interpolated):
    keras.utils.set_random_seed(3)
    system = small(matching=matching, interpolated=interpolated)
    system.encoder = lambda tokens, training: tf.constant(TABLE)
    system.trunk = lambda images, training=True: images
    system.head, system.generator = Stub((5, 1), judged), Stub((2, 3), drawn)
    system.players = {
        "discriminator": Player(system.head),
        "generator": Player(system.generator),
    }
    x = np.random.default_rng(0).uniform(-1, 1, (4, 4, 4, 3)).astype(np.float32)
    w, a = system.head.matrix.numpy(), system.generator.matrix.numpy()
    ids = np.array([0, 1, 1, 2])  # the third image shows the scene of the second
    between = (TABLE[:2] + TABLE[2:]) / 2

    def logits(weight, colors, phi):
        return np.concatenate([colors, phi], axis=-1) @ weight

    def d_loss(weight):  # −log s_r − ½ (log(1 − s_w) + log(1 − s_f)), algorithm 1
        colors = x.mean(axis=(1, 2))
        real = softplus(-logits(weight, colors, TABLE)).mean()
        fake = softplus(logits(weight, np.tanh(TABLE @ a), TABLE)).mean()
        wrong = softplus(logits(weight, colors, np.roll(TABLE, 1, axis=0)))
        wrong[2] = 0
        return real + (wrong.mean() + fake) / 2 if matching else real + fake

    def g_loss(weight):  # −log s_f, and equation 5
        told = softplus(-logits(w, np.tanh(TABLE @ weight), TABLE)).mean()
        more = softplus(-logits(w, np.tanh(between @ weight), between)).mean()
        return told + more * interpolated

    with captured(system.players) as gradients:
        system.learn(tf.constant(x), tf.zeros((4, 1)), tf.constant(ids), Z, SEED, DONE)
    np.testing.assert_allclose(gradients["discriminator"], slope_of(d_loss, w), 1e-3, 1e-5)
    np.testing.assert_allclose(gradients["generator"], slope_of(g_loss, a), 1e-3, 1e-5)


@pytest.fixture(scope="module")
def given():
    with pytest.MonkeyPatch.context() as patch:
        whole = scenes.dataset
        patch.setattr(scenes, "dataset", lambda *_, **more: whole(60, 40, **more))
        yield sentences.load(32)


def test_training_never_sees_what_is_held_out(given):
    assert not any(scenes.held_out(scenes.parse(text)) for text in given.said)
    assert given.unseen.sum() == 20
    back = [" ".join(given.class_names[i - 1] for i in row if i) for row in given.tokens]
    assert back == [" ".join(scenes.words(text)) for text in given.said]
    for _, tokens, ids in small().batches(given, 0).take(3):
        for row, number in zip(tokens.numpy(), ids.numpy(), strict=True):
            said = " ".join(given.class_names[i - 1] for i in row if i)
            assert scenes.parse(said) == scenes.everything()[number]
            assert not scenes.held_out(scenes.parse(said))


def test_measures_know_right_from_wrong(given):
    told = sentences.measures(given, given.x_test, {"other": np.roll(given.x_test, 1, axis=0)})
    for name in ("right_seen", "right_unseen", "kind_seen", "retrieval"):
        assert told[name].value >= 0.99
        assert told[name].baselines["other"] < 0.6
    near = sentences.nearest(["three small red discs"], ["a red box", "red discs, small, three"])
    assert near == [1]
    nothing = [Scene()] * 2
    said = [scenes.parse(text) for text in given.said_test[:2]]
    assert sentences.retrieved(said, nothing) == 0.5


def test_two_sentences_are_learned_by_heart():
    keras.utils.set_random_seed(1)
    system, said = small(), ["a red disc", "a blue disc"] * 2
    system.average.decay = 0.9
    for player in system.players.values():
        player.optimizer.learning_rate.assign(3e-3)
    flat = np.array([[1, -1, -1], [-1, -1, 1]] * 2, np.float32)
    x = tf.constant(np.tile(flat[:, None, None], (1, 32, 32, 1)))
    tokens = tf.constant(sentences.numbers_of(said, system.names))
    step = tf.function(lambda z: system.learn(x, tokens, tf.constant([0, 1] * 2), z, SEED, DONE))
    for number in range(120):
        step(tf.random.stateless_normal((6, text_to_image.LATENT), [number, 0]))
    red, blue = system.draw(said[:2])[..., ::2].mean(axis=(1, 2))  # means of red and blue
    assert red[0] > red[1] + 50
    assert blue[1] > blue[0] + 50


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a purple disc", "unknown word 'purple'; the words are a, and, arms, at, blue"),
        ("...", "1 to 12 words, not 0"),
        ("red " * 13, "not 13"),
    ],
)
def test_what_cannot_be_said_is_one_line(text, told, tmp_path, monkeypatch):
    system = small()
    monkeypatch.setattr(applying, "restored", lambda *_: system)
    out = tmp_path / "said.png"
    with pytest.raises(UserError, match=told) as caught:
        applying.use({"say": text, "run_dir": tmp_path, "out": str(out)}, system.config, None)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    if text == "...":
        applying.use({"say": "a disc", "run_dir": tmp_path, "out": str(out)}, system.config, None)
        assert out.exists()


def test_a_class_is_a_whole_sentence():
    names = tuple(map(scenes.sentence, scenes.everything()))
    system = small(names, told="class")
    first, second = (scenes.sentence(scenes.everything()[5], form) for form in (0, 1))
    np.testing.assert_array_equal(system.draw([first]), system.draw([second]))
    with pytest.raises(UserError, match="none of the 612 classes"):
        system.draw(["a red disc"])
