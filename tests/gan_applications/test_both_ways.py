"""DiscoGAN and CycleGAN: their data, their losses written out, what D sees, what is learned by heart."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gan_applications import cyclegan, discogan, domains, turned
from gan_applications.players import Player
from gan_common.errors import UserError
from tests.gan_applications.oracles import Judge, Maker, captured, slope_of, softplus
from tests.gan_applications.test_running import command

DONE, SEED = tf.constant(0, tf.int64), tf.constant([1, 0], tf.int64)


def disco(**changes):
    config = discogan.Config(**{"width": 4, "batch_size": 4, **changes})
    return discogan.DiscoGAN(config, (16, 16, 3))


def cycle(**changes):
    config = cyclegan.Config(**{"width": 4, "blocks": 0, "batch_size": 4, **changes})
    return cyclegan.CycleGAN(config, (16, 16, 3))


def stubbed(system):
    """With networks so simple that the losses can be written out: to_a, to_b, judge_a, judge_b."""
    keras.utils.set_random_seed(3)
    system.to_a, system.to_b = Maker(3), Maker(3)
    system.judge_a, system.judge_b = Judge(3), Judge(3)
    system.players["discriminator"] = Player(system.judge_a, system.judge_b)
    system.players["generator"] = Player(system.to_a, system.to_b)
    return system


def batch(seed=0, count=2):
    draw = np.random.default_rng(seed)
    return [tf.constant(draw.uniform(-1, 1, (count, 16, 16, 3)), tf.float32) for _ in "ab"]


def matrices(system):
    networks = (system.to_a, system.to_b, system.judge_a, system.judge_b)
    return [network.trainable_variables[0].numpy().astype(float) for network in networks]


def check_slopes(system, a, b, d_loss, g_loss):
    """The gradients by judge_a's and to_a's matrix are those of the losses."""
    to_a, _, judge_a, _ = matrices(system)
    with captured(system.players) as gradients:
        told = system.learn(a, b, SEED, DONE)
    for name, loss, weight in (("discriminator", d_loss, judge_a), ("generator", g_loss, to_a)):
        np.testing.assert_allclose(gradients[name], slope_of(loss, weight), rtol=1e-3, atol=1e-5)
    return told


@pytest.mark.parametrize("reconstruction", ["both", "one", "none"])
def test_discogan_is_the_papers_losses_and_their_gradients(reconstruction):
    system = stubbed(disco(weight=3.0, reconstruction=reconstruction))
    a, b = batch()
    x, y = a.numpy().astype(float), b.numpy().astype(float)
    to_a, to_b, judge_a, judge_b = matrices(system)
    made_b, made_a = np.tanh(x @ to_b), np.tanh(y @ to_a)

    def d_loss(weight):  # equation 7, the part of A: −E log D_A(a) − E log(1 − D_A(G_BA(b)))
        return softplus(-x @ weight).mean() + softplus(made_a @ weight).mean()

    def g_loss(weight):  # equations 3 to 6, what depends on G_BA
        of_a = np.mean((np.tanh(made_b @ weight) - x) ** 2)
        of_b = np.mean((np.tanh(np.tanh(y @ weight) @ to_b) - y) ** 2)
        game = softplus(-np.tanh(y @ weight) @ judge_a).mean()
        weights = {"both": (3, 3), "one": (3, 0), "none": (0, 0)}[reconstruction]
        return game + weights[0] * of_a + weights[1] * of_b

    told = check_slopes(system, a, b, d_loss, g_loss)
    np.testing.assert_allclose(
        told["reconstruction_a"], np.mean((np.tanh(made_b @ to_a) - x) ** 2), rtol=1e-5
    )
    games = softplus(-y @ judge_b).mean() + softplus(made_b @ judge_b).mean() + d_loss(judge_a)
    np.testing.assert_allclose(told["d_loss"], games / 2, rtol=1e-5)


def test_cyclegan_is_the_papers_losses_and_their_gradients():
    system = stubbed(cycle(cycle_weight=7.0, identity_weight=0.3))
    a, b = batch()
    x, y = a.numpy().astype(float), b.numpy().astype(float)
    to_a, to_b, judge_a, _ = matrices(system)
    made_b, made_a = np.tanh(x @ to_b), np.tanh(y @ to_a)

    def d_loss(
        weight,
    ):  # equation 1 by least squares, halved (section 4); the first step has no old images
        return (np.mean((x @ weight - 1) ** 2) + np.mean((made_a @ weight) ** 2)) / 2

    def g_loss(weight):  # equations 1 to 3, section 5.2, what depends on F: B → A
        made = np.tanh(y @ weight)
        again = np.abs(np.tanh(made_b @ weight) - x).mean()
        again += np.abs(np.tanh(made @ to_b) - y).mean()
        same = np.abs(np.tanh(x @ weight) - x).mean()
        return np.mean((made @ judge_a - 1) ** 2) + 7 * again + 3 * same

    check_slopes(system, a, b, d_loss, g_loss)


def test_d_sees_one_image_at_a_time_and_cyclegans_d_old_ones_too():
    system = stubbed(cycle())
    (a, b), (c, d) = batch(), batch(1)
    first = system.to_a(b)
    system.learn(a, b, SEED, DONE)
    real, new, old = system.judge_a.seen
    np.testing.assert_array_equal(real, a)
    np.testing.assert_allclose(new, first, atol=1e-6)
    np.testing.assert_allclose(old, first, atol=1e-6)
    system.judge_a.seen.clear()
    second = system.to_a(d)
    system.learn(c, d, SEED, DONE)
    _, new, old = system.judge_a.seen
    np.testing.assert_allclose(new, second, atol=1e-6)  # what G is judged by
    np.testing.assert_allclose(old[:1], second[:1], atol=1e-6)
    assert min(np.abs(old[1] - one).max() for one in first) < 1e-6
    without = stubbed(cycle(replay=False))
    without.learn(a, b, SEED, DONE)
    assert [len(judge.seen) for judge in (without.judge_a, without.judge_b)] == [2, 2]


def test_the_orders_of_both_kinds_have_nothing_to_do_with_each_other():
    rows = np.arange(200, dtype=np.uint8).reshape(-1, 1, 1, 1)
    given = domains.Heaps(rows, rows, rows[:0], rows[:0])
    system = object.__new__(cyclegan.CycleGAN)
    system.config = cyclegan.Config(batch_size=4)
    batches = iter(system.batches(given, 0))
    taken = [next(batches) for _ in range(100)]  # two epochs
    a, b = (np.concatenate([pair[side] for pair in taken]).ravel().astype(int) for side in (0, 1))
    assert sorted(a[:200]) == sorted(b[200:]) == list(range(200))
    assert np.sum(a == b) < 12  # 2 of 400 by chance
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.2
    assert not np.array_equal(a[:200], a[200:])
    resumed = next(iter(system.batches(given, 7)))
    np.testing.assert_array_equal(resumed, taken[7])


@pytest.mark.parametrize("make", [disco, cycle])
def test_a_few_images_are_learned_by_heart(make):
    keras.utils.set_random_seed(1)
    heaps = domains.of_turned("red box", "blue box", 2, 1)
    a, b = (
        tf.constant(images[:, ::2, ::2] / 127.5 - 1, tf.float32)
        for images in (heaps.inputs, heaps.x_train)
    )
    system = make()
    for player in system.players.values():
        player.optimizer.learning_rate.assign(4e-3)
    step = tf.function(lambda: system.learn(a, b, SEED, DONE))
    first, *_, last = [step() for _ in range(40)]
    names = [name for name in first if name in ("cycle", "reconstruction_a", "reconstruction_b")]
    for name in names:
        assert last[name] < 0.5 * first[name], name


@pytest.mark.parametrize("kind", turned.KINDS)
def test_the_ruler_reads_the_angle_that_was_drawn(kind):
    rng = np.random.default_rng(5)
    degrees = rng.uniform(-turned.MOST, turned.MOST, 60)
    images = turned.draw(kind, degrees, rng)
    read = turned.read(images, kind)
    assert np.abs(read - degrees).max() < 3
    np.testing.assert_array_equal(np.isnan(turned.read(np.full_like(images[:2], 240), kind)), True)


def test_agreement_by_hand():
    x = np.array([-20.0, 0.0, 20.0])
    assert discogan.agreement(x, x) == pytest.approx((1, 0, 1, 1))
    mirrored = discogan.agreement(x, np.array([10.0, 0.0, -10.0]))
    assert mirrored == pytest.approx((1, np.sqrt(200 / 3), 0.5, 1))
    assert discogan.agreement(x, np.array([np.nan, 5.0, 5.0])) == (0, 60, 0, pytest.approx(2 / 3))


def test_no_digit_is_in_both_heaps_and_none_of_them_is_held_out():
    draw = np.random.default_rng(0)
    digits = type("Digits", (), {})()
    digits.x_train, digits.x_test = (
        draw.integers(0, 256, (n, 28, 28, 1), np.uint8) for n in (20, 6)
    )
    digits.y_test = np.arange(6)
    given = domains.of_digits(digits)
    assert [len(images) for images in (given.inputs, given.x_train, given.x_test)] == [10, 40, 6]
    plain = {image[..., 0].tobytes() for image in given.inputs}
    known = {image[..., 0].tobytes() for image in digits.x_train}
    assert len(plain) == 10
    assert plain < known
    np.testing.assert_array_equal(given.test_inputs[..., :1], digits.x_test)
    patch = np.full((1, 2, 2, 3), (200, 100, 0), np.uint8)
    digit = np.array([[0, 255], [100, 50]], np.uint8).reshape(1, 2, 2, 1)
    blended = domains.blend(digit, patch)[0].reshape(4, 3).tolist()
    assert blended == [[200, 100, 0], [55, 155, 255], [100, 0, 100], [150, 50, 50]]


def test_emoji_in_lines_are_others_than_those_in_color():
    given = domains.of_emoji(16)
    everything = domains.pairs.load(domains.pairs.Config(dataset="openmoji:lines", image_size=16))
    row = {image.tobytes(): number for number, image in enumerate(everything.x_train)}
    colored = {row[image.tobytes()] for image in given.x_train}
    drawn = {image[..., :1].tobytes() for image in given.inputs}
    strokes = [everything.inputs[number].tobytes() for number in colored]
    assert len(given.inputs) + len(given.x_train) == len(everything.x_train)
    assert not any(one in drawn for one in strokes)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two folders, and a run on them."""
    root = tmp_path_factory.mktemp("heaps")
    draw = np.random.default_rng(0)
    for folder, count in (("a", 12), ("b", 14)):
        (root / folder).mkdir()
        for number in range(count):
            pixels = draw.integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{folder}{number}.png")
    words = ["--dataset=folders", f"--inputs={root / 'a'}", f"--targets={root / 'b'}"]
    words += ["--image_size=16", "--width=2", "--batch_size=4", "--steps=2"]
    assert command(discogan, *words, f"--run_dir={root / 'discogan'}") == 0
    return root


def test_a_run_on_folders_is_applied_either_way(place):
    made = {}
    for side in "ab":
        words = [f"--run_dir={place / 'discogan'}", f"--apply={place / 'a'}", f"--side={side}"]
        assert command(discogan, *words, f"--out={place / side}-made") == 0
        made[side] = [
            np.asarray(Image.open(path)) for path in sorted((place / f"{side}-made").iterdir())
        ]
    assert len(made["a"]) == 12
    assert np.any(made["a"][0] != made["b"][0])


BAD = [
    ("--apply={root}/none --run_dir={root}/discogan", "no such file or folder"),
    ("--apply={root}/a --run_dir={root}/discogan --side=c", "side"),
    ("--apply={root}/a --run_dir={root}/discogan --out={root}/x.png", "images go into a folder"),
    ("--dataset=folders --inputs={root}/a", "--targets is missing"),
    ("--dataset=boxes:cats", "known: boxes:figures, boxes:colors, folders"),
    ("--inputs={root}/a", "--inputs belongs to --dataset folders"),
    ("--image_size=64", "boxes:figures has images of 32 pixels"),
    ("--reconstruction=some", "reconstruction"),
]


@pytest.mark.parametrize(("words", "told"), BAD)
def test_what_can_be_mended_is_one_line(words, told, place, capsys):
    assert command(discogan, *words.format(root=place).split()) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    with pytest.raises(UserError, match=told):
        raise UserError(last)


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(UserError, match="power of 2"):
        discogan.DiscoGAN(discogan.Config(), (48, 48, 3))
    with pytest.raises(UserError, match="multiple of 4"):
        cyclegan.CycleGAN(cyclegan.Config(), (30, 30, 3))
