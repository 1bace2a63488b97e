"""Steps of the small games: what each trick moves, reads and leaves alone."""

import numpy as np
import pytest
import tensorflow as tf

from gan_common import catalogue, losses, modern, modes
from gan_common.modes import modern as modes_modern
from gan_common.modes import nets
from gan_common.modes.game import Game
from gan_common.modes.tasks import Points

SMALL = {"preset": "quick", "batch_size": 8, "latent_dim": 4, "steps": 40}


def game(*chosen, **given):
    options = modes.resolve({**SMALL, "tricks": chosen, **given})
    return Game(options, Points(options.task))


def after(played, steps, seed=1):
    played.reset(seed)
    played.train(steps)
    return played.g.numpy(), played.d.numpy()


def test_a_dense_net_is_what_it_says():
    net = nets.DenseNet((2, 3, 1), "tanh")
    flat = tf.random.stateless_normal((net.size,), (1, 2))
    w1, b1, w2, b2 = (w.numpy() for w in net.weights(flat))
    x = np.array([[0.5, -1.0], [2.0, 0.25]], np.float32)
    hidden = np.tanh(x @ w1 + b1)
    output, features = net(flat, x)
    np.testing.assert_allclose(output, hidden @ w2 + b2, atol=1e-5)
    np.testing.assert_allclose(features, hidden, atol=1e-5)
    kernels = net.weights(net.initial(1))
    np.testing.assert_allclose(kernels[0] @ tf.transpose(kernels[0]), 0.64 * np.eye(2), atol=1e-5)
    assert not np.any(kernels[1])


@pytest.mark.parametrize(
    "chosen",
    [
        *([name] for name in catalogue.names("modes")),
        ["unrolled", "virtual_batch_norm", "fake_smoothing"],
        ["conditional", "packing", "residual", "instance_noise"],
    ],
    ids=",".join,
)
def test_one_step_of_each_trick_moves_both_players(chosen):
    played = game(*chosen, unrolled_steps=2) if "unrolled" in chosen else game(*chosen)
    before = played.g.numpy(), played.d.numpy()
    played.step(tf.constant(0, tf.int64), tf.random.stateless_normal((4096,), (1, 1)))
    for old, new in zip(before, (played.g.numpy(), played.d.numpy()), strict=True):
        assert np.isfinite(new).all()
        assert not np.array_equal(old, new)


def eagerly(played, steps):
    for i in range(steps):
        pool = tf.random.stateless_normal((4096,), (1, 1))
        played.step(tf.constant(i, tf.int64), pool)
    return played.g.numpy(), played.d.numpy()


@pytest.fixture(scope="module")
def plain():
    return eagerly(game(), 3)


@pytest.mark.parametrize(
    "name",
    sorted(
        {*catalogue.names("modes")} - {"non_saturating", "weight_average", "packing", "minibatch"}
    ),
)
def test_no_trick_is_without_effect(name, plain):
    """After three steps from the same seed something differs; the others change D's shape, or nothing."""
    now = eagerly(game(name, unrolled_steps=1) if name == "unrolled" else game(name), 3)
    assert any(
        a.shape != b.shape or not np.array_equal(a, b) for a, b in zip(plain, now, strict=True)
    )


def test_the_plain_step_is_both_gradients_from_the_same_weights():
    """Against gradients written out here, through Adam's first step."""
    played = game(standardise=False)
    g, d = played.g.numpy(), played.d.numpy()
    seen = {}
    draw, generate = played.data.draw, played.generate
    played.data.draw = lambda *a: seen.setdefault("real", draw(*a))
    played.generate = lambda w, z, labels: (seen.setdefault("z", z), generate(w, z, labels))[1]
    played.step(tf.constant(0, tf.int64), tf.random.stateless_normal((4096,), (1, 1)))
    with tf.GradientTape(persistent=True) as tape:
        weights = tf.constant(g), tf.constant(d)
        tape.watch(weights)
        fake = played.generator(weights[0], seen["z"])[0]
        real_logits = played.discriminator(weights[1], seen["real"][0])[0]
        fake_logits = played.discriminator(weights[1], fake)[0]
        d_loss = -tf.reduce_mean(tf.math.log_sigmoid(real_logits))
        d_loss -= tf.reduce_mean(tf.math.log_sigmoid(-fake_logits))
        g_loss = -tf.reduce_mean(tf.math.log_sigmoid(fake_logits))
    for loss, start, now, rate, which in (
        (g_loss, g, played.g, 1e-3, 0),
        (d_loss, d, played.d, 1e-4, 1),
    ):
        gradient = tape.gradient(loss, weights[which]).numpy()
        assert np.mean(np.abs(gradient) > 1e-4) > 0.05
        # Adam's epsilon of 1e-7 stands beside a root that is √(1 − β2) of the gradient.
        expected = -rate * gradient / (np.abs(gradient) + 1e-7 / np.sqrt(1e-3))
        moved, clear = now.numpy() - start, np.abs(gradient) > 1e-4
        np.testing.assert_allclose(moved[clear], expected[clear], atol=2e-5)


def test_unrolling_leaves_ds_own_step_as_it_is():
    plain, unrolled = eagerly(game(), 1), eagerly(game("unrolled", unrolled_steps=2), 1)
    np.testing.assert_allclose(plain[1], unrolled[1], atol=1e-6)
    assert np.abs(plain[0] - unrolled[0]).max() > 1e-5


def test_a_pack_is_judged_as_one():
    packed = game("packing", pack=4)
    assert packed.discriminator.shapes[0] == (8, 128)
    samples = tf.random.stateless_normal((8, 2), (1, 1))
    labels = tf.zeros(8, tf.int32)
    with tf.GradientTape() as tape:
        tape.watch(samples)
        logits, _ = packed.judge(packed.d, samples, labels)
        first = logits[0, 0]
    assert logits.shape == (2, 1)
    gradient = tape.gradient(first, samples).numpy()
    assert np.all(np.abs(gradient[:4]).sum(axis=1) > 0)
    assert not np.any(gradient[4:])


def test_labels_of_generated_data():
    """With β = ½ D's loss on generated data is least at logit 0, with β = 0 at −∞."""
    both, plain = game("fake_smoothing", beta=0.5), game()
    far = tf.fill((4, 1), 50.0)
    losses = [float(both.discriminator_loss(far, tf.fill((4, 1), x))) for x in (-2.0, 0.0, 2.0)]
    assert losses[0] == pytest.approx(losses[2])
    assert losses[1] == pytest.approx(np.log(2), abs=1e-5)
    assert losses[1] < losses[0]
    assert float(plain.discriminator_loss(far, tf.fill((4, 1), -2.0))) == pytest.approx(
        np.log1p(np.exp(-2)), abs=1e-5
    )


def test_generator_first_lets_d_move_every_fifth_step_of_the_first_tenth():
    played = game("generator_first", steps=100)
    played.reset(1)
    moved = []
    for _ in range(12):
        before = played.d.numpy()
        played.train(1)
        moved.append(not np.array_equal(before, played.d.numpy()))
    assert moved == [True, *[False] * 4, True, *[False] * 4, True, True]


def test_the_residual_generator_starts_as_wide_as_the_data():
    played = game("residual", task="grid")
    played.g.assign(tf.zeros_like(played.g))
    points = played.samples(4000)
    np.testing.assert_allclose(points.std(axis=0), np.sqrt(8.0), rtol=0.06)  # mean of 0, 4, 16: 8


def test_a_conditional_generator_is_told_its_mode():
    played = game("conditional")
    z = tf.zeros((8, 4))
    points = played.generate(played.g, z, tf.range(8)).numpy()
    assert len(np.unique(points.round(5), axis=0)) == 8
    near = np.zeros((3, 2), np.float32)
    logits = [played.judge(played.d, near, tf.fill(3, k))[0][:, 0] for k in range(8)]
    np.testing.assert_allclose(played.surface(near), tf.sigmoid(np.max(logits, axis=0)), rtol=1e-5)
    assert game("minibatch").surface(near) is None


def test_instance_noise_is_gone_at_half_time():
    played = game("instance_noise", steps=8)
    played.reset(1)
    played.train(4)
    assert int(played.noise.step) == 8 == played.noise.decay_steps


def test_rates_that_fall_end_at_zero():
    played = game("lr_decay", steps=20)
    played.reset(1)
    played.train(20)
    assert float(played.g_optimizer.learning_rate) == pytest.approx(0, abs=1e-9)


def test_samples_are_drawn_by_the_averaged_weights():
    played = game("weight_average")
    played.reset(1)
    played.train(5)
    played.g.assign(tf.zeros_like(played.g))
    assert np.abs(played.samples(10)).max() > 0


@pytest.mark.parametrize("chosen", [(), ("replay", "instance_noise", "historical_averaging")])
def test_a_seed_does_not_depend_on_the_seeds_beside_it_nor_on_how_steps_are_cut(chosen):
    played = game(*chosen)
    after(played, 7, seed=1)
    second = after(played, 6, seed=2)
    alone = game(*chosen)
    alone.reset(2)
    for steps in (1, 3, 2):
        alone.train(steps)
    np.testing.assert_array_equal(second[0], alone.g.numpy())
    np.testing.assert_array_equal(second[1], alone.d.numpy())
    first = after(played, 6, seed=1)
    assert not np.array_equal(first[0], second[0])


def test_real_points_of_the_graph_are_those_of_the_protocol():
    points = Points("ring")
    samples, labels = points.draw(4000, lambda stream: tf.constant([5, stream], tf.int64))
    offset = samples.numpy() - modes.centres("ring")[labels.numpy()]
    np.testing.assert_allclose(offset.std(axis=0), 0.01, rtol=0.05)
    assert set(labels.numpy()) == set(range(8))


class Noise:
    """Pictures as `Stacked` draws them, without digits."""

    shape, labels, std = (28, 28, 3), 1000, 0.5

    def draw(self, n, seed_of):
        drawn = tf.random.stateless_uniform((n, 28, 28, 3), seed_of(0), -1, 1)
        return drawn, tf.zeros(n, tf.int32)


@pytest.mark.parametrize("chosen", [(), ("packing", "minibatch"), ("unrolled",)])
def test_a_step_of_the_pictures_networks(chosen):
    options = modes.resolve(
        {"task": "stacked", "batch_size": 4, "latent_dim": 8, "steps": 2, "tricks": chosen}
        | ({"unrolled_steps": 1} if chosen == ("unrolled",) else {})
    )

    played = Game(options, Noise())
    before = played.g.numpy(), played.d.numpy()
    now = eagerly(played, 1)
    for old, new in zip(before, now, strict=True):
        assert np.isfinite(new).all()
        assert np.mean(old != new) > 0.9
    pictures = played.samples(3)
    assert pictures.shape == (3, 28, 28, 3)
    assert np.abs(pictures).max() <= 1


# ------------------------------------------------------------------------------------- --preset modern


@pytest.fixture(scope="module")
def modern_game():
    options = modes.resolve({"preset": "modern", "batch_size": 16, "steps": 400, "codes": 16})
    return Game(options, Points("ring"))


@pytest.fixture(scope="module")
def picture_game():
    """As in `GAN with R1 alone`, whose loss is not of pairs."""
    given = {"task": "stacked", "preset": "modern", "loss": "non_saturating", "r2": False}
    return Game(modes.resolve({**given, "batch_size": 4, "latent_dim": 4, "width": 0.25}), Noise())


@pytest.mark.parametrize("which", ["modern_game", "picture_game"])
def test_moderns_gradients_are_those_of_the_plain_form(which, request):
    """One look of D at both batches, and slopes that serve twice, against losses and penalties apart."""
    played = request.getfixturevalue(which)
    played.reset(1)
    real, _ = played.data.draw(4, lambda stream: tf.constant([1, stream]))
    z = tf.random.stateless_normal((4, played.options.latent_dim), (1, 2))
    found = modes_modern.gradients(played, real, z, 0.3)
    unit, options = played.unit, played.options

    def critic(samples):  # of samples as D sees them
        return played.discriminator(played.d, samples)[0]

    with tf.GradientTape(persistent=True) as tape:
        fake = played.generate(played.g, z, None)
        verdicts = critic(real / unit), critic(fake / unit)
        if options.loss == "relativistic":
            d_loss, g_loss = modern.relativistic_loss(*verdicts)
        else:
            d_loss = losses.discriminator_loss(options.loss, *verdicts)
            g_loss = losses.generator_loss(options.loss, verdicts[1])
        penalty = modern.r1_penalty(critic, real / unit)
        if options.r2:
            penalty += modern.r2_penalty(critic, fake / unit)
        total = d_loss + 0.3 / 2 * penalty
    expected = tape.gradient(g_loss, played.g), tape.gradient(total, played.d), d_loss, g_loss
    *gradients, told = found
    for ours, plain in zip([*gradients, told["d_loss"], told["g_loss"]], expected, strict=True):
        np.testing.assert_allclose(ours, plain, atol=2e-6, rtol=2e-4)


def test_the_pair_for_pictures_starts_with_outputs_of_its_own_size(picture_game):
    """He's initialization: as wide at the end as at the beginning, with no normalization between."""
    picture_game.reset(2)
    z = tf.random.stateless_normal((64, 4), (1, 2))
    images = picture_game.generate(picture_game.g, z, None)
    assert images.shape == (64, 28, 28, 3)
    assert 0.1 < np.std(images) < 0.9
    logits, _ = picture_game.discriminator(picture_game.d, images)
    assert 0.02 < np.std(logits) < 2


def test_moderns_gamma_falls_by_a_cosine_of_its_logarithm():
    values = [float(modes_modern.gamma(0.02, step, 100)) for step in (0, 50, 100)]
    np.testing.assert_allclose(values, [0.02, 0.02 / np.sqrt(200), 0.0001], rtol=1e-4)


def test_codes_lie_evenly_and_latents_lie_about_them():
    places = modes_modern.codes(256, 2)
    np.testing.assert_allclose(places.std(axis=0), 1, atol=0.02)
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=0.02)
    apart = np.linalg.norm(places[:, None] - places, axis=-1) + 9 * np.eye(256)
    assert apart.min() > 3 * modes_modern.CODE_STD  # they overlap in their outskirts alone
    z = tf.random.stateless_normal((500, 2), (1, 1))
    latents = modes_modern.placed(z, tf.constant(places), (1, 2)).numpy()
    distance = np.linalg.norm(latents[:, None] - places, axis=-1)
    assert np.mean(distance.min(axis=1) < 3 * modes_modern.CODE_STD) > 0.98
    assert len(np.unique(distance.argmin(axis=1))) > 150


def test_modern_finds_modes_in_a_few_hundred_steps_and_starts_again(modern_game):
    played = modern_game
    first = after(played, 300)
    found = played.data.measure(played.samples(500))
    spread = played.samples(500).std(axis=0)
    np.testing.assert_allclose(spread, played.data.std, rtol=0.25)  # it sits on no single mode
    assert found["modes"] >= 3
    second = after(played, 300)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert played.surface(np.zeros((3, 2), np.float32)).shape == (3,)
