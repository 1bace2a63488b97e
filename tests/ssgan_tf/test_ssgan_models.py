"""The networks, the step that trains them, and the random views they are shown."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_common import catalogue, tricks
from gan_common.errors import UserError
from ssgan_tf import losses, models, networks, noise, pseudo_labels
from ssgan_tf.augment import augment
from ssgan_tf.config import resolve

RNG = np.random.default_rng(5)
SEED = tf.constant([3, 1], tf.int64)
GRAY = RNG.integers(0, 256, (12, 12, 12, 1), np.uint8)
COLORED = RNG.integers(0, 256, (12, 16, 16, 3), np.uint8)
LABELS = (np.arange(12) % 3).astype(np.int32)
TINY = {"width": 4, "latent_dim": 4, "batch_size": 8, "labelled_batch": 4, "precision": "float32"}


def build(image_shape=(12, 12, 1), first=GRAY, **given):
    preset = given.get("preset", "fast")
    tiny = {k: v for k, v in TINY.items() if preset == "fast" or k != "width"}
    return models.build(resolve({**tiny, **given}), image_shape, 3, first)


def step(gan, images=GRAY):
    return gan.train_step(images[:4], LABELS[:4], images[4:])


def numbers(variables):
    return [np.array(v) for v in variables]


def changed(before, after):
    return [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]


# ---------------------------------------------------------------------------------- views


def test_shifts_move_whole_pixels_and_repeat_the_edge():
    views = augment(GRAY, ("shift",), SEED).numpy()
    padded = np.pad(tricks.scale_images(GRAY), ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    for view, picture in zip(views, padded, strict=True):
        places = [picture[i : i + 12, j : j + 12] for i in range(5) for j in range(5)]
        assert any(np.allclose(view, place) for place in places)


def test_flips_give_the_picture_or_its_mirror_image():
    views = augment(GRAY, ("flip",), SEED).numpy()
    plain = tricks.scale_images(GRAY)
    kept = [np.allclose(a, b) for a, b in zip(views, plain, strict=True)]
    mirrored = [np.allclose(a, b[:, ::-1]) for a, b in zip(views, plain, strict=True)]
    assert all(np.logical_xor(kept, mirrored))
    assert 0 < sum(kept) < len(views)


def test_affine_views_keep_the_range_and_follow_the_seed():
    views = augment(GRAY, ("shift", "affine"), SEED).numpy()
    assert np.abs(views).max() <= 1
    np.testing.assert_array_equal(views, augment(GRAY, ("shift", "affine"), SEED))
    assert not np.allclose(views, augment(GRAY, ("shift", "affine"), SEED + 1))
    # An image of one color has only one view.
    flat = np.full((5, 12, 12, 1), 51, np.uint8)
    np.testing.assert_allclose(augment(flat, ("affine",), SEED), -0.6, atol=1e-5)


def test_cutout_blanks_a_box_of_half_the_side_at_most():
    white = np.full((20, 12, 12, 3), 255, np.uint8)
    views = augment(white, ("cutout",), SEED).numpy()
    blank = (views == 0).all(axis=3)
    assert set(np.unique(views)) == {0, 1}
    assert all(1 <= count <= 36 for count in blank.sum(axis=(1, 2)))
    assert blank.any(axis=2).sum(axis=1).max() == 6
    # What is done to colors goes before what moves the image.
    moved = augment(white, ("cutout", "flip"), SEED).numpy()
    kept = [
        np.array_equal(a, b) or np.array_equal(a, b[:, ::-1])
        for a, b in zip(moved, views, strict=True)
    ]
    assert all(kept)


def test_without_names_only_the_range_changes():
    np.testing.assert_array_equal(augment(GRAY, (), SEED), tricks.scale_images(GRAY))


def test_noise_layers_need_a_seed_and_have_the_moments_they_should():
    x = tf.ones((200, 50))
    gaussian, dropout = noise.SeededGaussianNoise(0.5), noise.SeededDropout(0.3)
    np.testing.assert_array_equal(gaussian(x), x)
    np.testing.assert_array_equal(dropout(x), x)
    noisy, dropped = gaussian(x, seed=SEED).numpy(), dropout(x, seed=SEED).numpy()
    assert noisy.mean() == pytest.approx(1, abs=0.02)
    assert noisy.std() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / (1 - 77 / 256)], rtol=1e-6)
    assert dropped.mean() == pytest.approx(1, abs=0.02)
    assert (dropped == 0).mean() == pytest.approx(0.3, abs=0.02)
    for layer, wrong in ((noise.SeededGaussianNoise, -1), (noise.SeededDropout, 1)):
        with pytest.raises(ValueError, match=f"Received.*{wrong}"):
            layer(wrong)


# ------------------------------------------------------------------------------- networks


def test_noise_of_a_table_is_normal_and_another_one_for_each_seed():
    layer = noise.SeededGaussianNoise(0.5, table=True)
    zeros = tf.zeros((100, 784))
    drawn = layer(zeros, SEED).numpy()
    assert abs(drawn.mean()) < 0.01
    assert drawn.std() == pytest.approx(0.5, abs=0.01)
    z = drawn / drawn.std()
    assert (z**4).mean() == pytest.approx(3, abs=0.1)
    np.testing.assert_array_equal(drawn, layer(zeros, SEED))
    others = [layer(zeros, SEED + i).numpy() for i in range(1, 6)]
    for other in others:  # of 78,400 pairs the correlation has a spread of 0.0036
        assert abs(np.corrcoef(drawn.ravel(), other.ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.02
    np.testing.assert_array_equal(layer(zeros), zeros)
    # More than half the table is drawn.
    large = layer(tf.zeros((1000, 784)), SEED).numpy()
    assert large.std() == pytest.approx(0.5, abs=0.01)


def test_every_unit_starts_with_mean_0_and_variance_1_on_the_first_batch():
    gan = build(preset="fast")
    x = tf.constant(tricks.scale_images(GRAY))
    for layer in [*gan.discriminator.body, *gan.discriminator.head]:
        x = layer(x)
        if isinstance(layer, tricks.WeightNormalization):
            axes = tuple(range(x.ndim - 1))
            np.testing.assert_allclose(np.mean(x, axes), 0, atol=1e-4)
            np.testing.assert_allclose(np.var(x, axes), 1, atol=1e-2)


def test_improved_keeps_the_scale_of_all_but_the_last_layer():
    gan = build(preset="improved")
    normed = [
        layer for layer in gan.discriminator.body if isinstance(layer, tricks.WeightNormalization)
    ]
    assert [layer.layer.units for layer in normed] == [1000, 500, 250, 250, 250]
    trained = {id(v) for v in gan.discriminator.trainable_variables}
    assert not any(id(layer.g) in trained for layer in normed)
    assert id(gan.discriminator.head[-1].g) in trained


@pytest.mark.parametrize(
    ("side", "channels", "given"),
    [
        (12, 1, {"preset": "improved"}),
        (16, 3, {"preset": "improved", "dataset": "cifar10"}),
        (16, 3, {"preset": "fast", "dataset": "cifar10"}),
        (12, 1, {"preset": "reference"}),
        (16, 3, {"preset": "reference", "norm": "instance", "upsample": "transpose"}),
        (12, 1, {"preset": "reference", "upsample": "nearest", "reconstruction_weight": 0.1}),
    ],
)
def test_one_step_of_each_preset_moves_every_trained_weight(side, channels, given):
    images = RNG.integers(0, 256, (12, side, side, channels), np.uint8)
    gan = build((side, side, channels), images, **given)
    trained = gan.discriminator.trainable_variables + gan.generator.trainable_variables
    before = numbers(trained)
    gan.set_schedule(tf.constant(0.0))
    values = step(gan, images)
    still = [
        v.path for v, c in zip(trained, changed(before, numbers(trained)), strict=True) if not c
    ]
    assert still == []
    assert all(np.isfinite(value) for value in values.values())
    pictures = gan.pictures(gan.draw_latents(3, 0))
    assert pictures.shape == (3, side, side, channels)
    assert pictures.std() > 0
    assert (gan.logits(images)[:, -1] == 0).all()


@pytest.mark.parametrize(
    ("preset", "views", "kept"),
    [
        ("fast", ("labelled", "real", "strong", "fake"), "real"),
        ("reference", ("labelled", "real", "fake"), "real"),
        ("fast", ("labelled",), "labelled"),  # the baseline's only one
    ],
)
def test_the_statistics_that_d_keeps_are_those_of_real_pictures_alone(preset, views, kept):
    gan = build((16, 16, 3), COLORED, dataset="cifar10", preset=preset)
    shown = {view: tf.constant(RNG.uniform(-1, 1, (4, 16, 16, 3)), tf.float32) for view in views}
    layers = gan.discriminator.body
    place = next(i for i, layer in enumerate(layers) if "batch_norm" in layer.name)
    before = numbers([layers[place].moving_mean, layers[place].moving_variance])
    gan._judge_each(shown, SEED)
    x, seed = shown[kept], tf.random.fold_in(SEED, models.VIEWS.index(kept))
    passing = networks._Passing(training=True, seed=seed)
    for layer in layers[:place]:
        x = passing(layer, x)
    norm = layers[place]
    for was, now, batch in zip(
        before,
        (norm.moving_mean, norm.moving_variance),
        (np.mean(x, (0, 1, 2)), np.var(x, (0, 1, 2))),
        strict=True,
    ):
        expected = norm.momentum * was + (1 - norm.momentum) * batch
        np.testing.assert_allclose(now, expected, rtol=1e-4, atol=1e-6)


def test_the_color_discriminator_of_fast_halves_the_side_three_times():
    gan = models.build(resolve({"dataset": "cifar10"}), (32, 32, 3), 10)
    convolutions, sides, x = [], [], tf.zeros((1, 32, 32, 3))
    for layer in gan.discriminator.body[:-1]:
        x = networks._Passing(training=False, seed=None)(layer, x)
        if isinstance(layer, keras.layers.Conv2D):
            convolutions.append((layer.filters, layer.kernel_size[0]))
        if isinstance(layer, keras.layers.MaxPooling2D):
            sides.append(x.shape[1])
    assert convolutions == [(24, 2), (32, 3), (32, 3), *[(128, 3)] * 4]
    assert sides == [16, 8, 4]
    assert x.shape == (1, 4, 4, 128)


@pytest.mark.parametrize(
    "layer", [noise.SeededGaussianNoise(0.5, table=True), noise.SeededDropout(0.3)]
)
def test_noise_layers_come_back_from_their_configuration(layer):
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    x = tf.constant(RNG.normal(size=(6, 50)), tf.float32)
    np.testing.assert_array_equal(again(x, SEED), layer(x, SEED))


def test_a_reference_batch_is_the_generators_alone():
    gan = build((16, 16, 3), COLORED, preset="reference", tricks=("virtual_batch_norm",))
    kinds = {type(layer).__name__ for layer in gan.discriminator.body}
    assert "BatchNormalization" in kinds
    assert "VirtualBatchNormalization" not in kinds


@pytest.mark.parametrize("trick", catalogue.names("ssgan_tf"))
def test_every_trick_takes_a_step_and_draws(trick):
    preset = {"instance_norm": "reference"}.get(trick, "fast")
    gan = build(tricks=(trick,), preset=preset)
    trained = gan.discriminator.trainable_variables + gan.generator.trainable_variables
    before = numbers(trained)
    for _ in range(2):
        values = step(gan)
        gan.end_step()
    assert all(np.isfinite(value) for value in values.values())
    still = [
        v.path for v, c in zip(trained, changed(before, numbers(trained)), strict=True) if not c
    ]
    assert still == []
    assert gan.pictures(gan.draw_latents(3, 0)).shape == (3, 12, 12, 1)


def test_tricks_change_what_they_say():
    plain = build()
    base = {k: float(v) for k, v in step(plain).items()}

    def first_step(*names):
        gan = build(tricks=names)
        return {k: float(v) for k, v in step(gan).items()}, gan

    _, gan = first_step("replay")
    assert int(gan.terms.replay.size) == 8
    assert "replay" in gan.checkpoint_variables()
    _, gan = first_step("sgd_discriminator")
    assert isinstance(gan.discriminator_optimizer, keras.optimizers.SGD)
    assert isinstance(gan.generator_optimizer, keras.optimizers.Adam)
    for trick in ("augment", "instance_noise", "r1", "gradient_penalty", "label_smoothing"):
        logs, _ = first_step(trick)
        assert logs["supervised_loss"] == pytest.approx(base["supervised_loss"], rel=1e-5), trick
        assert logs["d_loss"] != base["d_loss"], trick
    kinds = {type(layer).__name__ for layer in first_step("dropout_noise")[1].generator.layers}
    assert "DropoutNoise" in kinds
    generator = first_step("virtual_batch_norm")[1].generator
    assert isinstance(generator, tricks.WithReference)


def test_pictures_that_do_not_halve_are_refused():
    with pytest.raises(UserError, match=r"multiple of 4.*14×14"):
        build((14, 14, 1))


def test_sides_are_halved_as_long_as_enough_is_left():
    assert [networks._halvings(n) for n in (28, 32, 64)] == [(2, 7), (3, 4), (4, 4)]
    assert networks._halvings(32, smallest=6) == (2, 8)


# ---------------------------------------------------------------------------------- terms


def test_consistency_by_hand():
    """The first target is sure of class 1, the second is not sure; "generated" takes no part."""
    target = tf.nn.softmax(tf.constant([[0.0, 9.0], [1.0, 1.0]]))
    logits = tf.constant([[0.0, 0.0, 9.0], [5.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch([target, logits])
        loss, share = pseudo_labels.consistency_loss(target, logits, threshold=0.95)
    np.testing.assert_allclose([loss, share], [np.log(2) / 2, 0.5], rtol=1e-6)
    to_target, to_logits = tape.gradient(loss, [target, logits])
    assert to_target is None
    np.testing.assert_allclose(to_logits, [[0.25, -0.25, 0], [0, 0, 0]], atol=1e-6)
    assert pseudo_labels.consistency_loss(target, logits, threshold=0.5)[1] == 1


def test_entropy_by_hand():
    logits = tf.constant([[0.0, 0.0, 5.0], [np.log(3.0), 0.0, -5.0]])
    halves, quarters = np.log(2), -0.75 * np.log(0.75) - 0.25 * np.log(0.25)
    np.testing.assert_allclose(losses.class_entropy(logits), (halves + quarters) / 2, rtol=1e-5)


def test_each_generated_picture_is_compared_with_the_nearest_real_one():
    real, fake = RNG.normal(size=(2, 6, 4, 4, 1)).astype(np.float32)
    distances = ((fake[:, None] - real[None]) ** 2).sum(axis=(2, 3, 4))
    expected = np.abs(fake - real[distances.argmin(axis=1)]).mean()
    np.testing.assert_allclose(losses.distance_to_nearest(real, fake), expected, rtol=1e-5)


# ----------------------------------------------------------------------------------- step


def test_the_step_takes_the_gradients_of_the_written_losses():
    """Both norms against one tape through everything, at the weights before the step."""
    gan = build(consistency_weight=0.0, augment=("none",), unsupervised_weight=0.7)
    g_variables, d_variables = (
        gan.generator.trainable_variables,
        gan.discriminator.trainable_variables,
    )
    latents = gan.draw_latents(8, gan._seeds().latents)
    with tf.GradientTape(persistent=True) as tape:
        fake = gan.generator(latents, training=True)
        (_, labelled), (real_features, real), (fake_features, generated) = (
            gan.discriminator(x)
            for x in (tricks.scale_images(GRAY[:4]), tricks.scale_images(GRAY[4:]), fake)
        )
        real, generated = (tf.reduce_logsumexp(x, axis=1) for x in (real, generated))
        d_loss = losses.supervised_loss(losses.append_fake_logit(labelled), LABELS[:4])
        d_loss += 0.7 * tf.reduce_mean(tf.nn.softplus(-real))
        d_loss += 0.7 * tf.reduce_mean(tf.nn.softplus(generated))
        g_loss = tf.reduce_mean(
            tf.abs(tf.reduce_mean(real_features, 0) - tf.reduce_mean(fake_features, 0))
        )
    expected = {
        "d_loss": d_loss,
        "g_loss": g_loss,
        "d_gradient_norm": tf.linalg.global_norm(tape.gradient(d_loss, d_variables)),
        "g_gradient_norm": tf.linalg.global_norm(tape.gradient(g_loss, g_variables)),
    }
    values = step(gan)
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=1e-4, err_msg=name)


def test_the_teacher_is_d_with_its_averaged_weights_and_learns_from_nobody():
    given = {"dataset": "cifar10", "consistency_target": "average", "consistency_threshold": 0.0}
    gan = build((16, 16, 3), COLORED, **given)
    for _ in range(3):
        gan.set_schedule(tf.constant(0.0))
        step(gan, COLORED)
        gan.end_step()
    gan.set_schedule(tf.constant(0.0))  # as at the beginning of the next step
    judged = np.array(gan.teacher.network(tricks.scale_images(COLORED))[1])
    np.testing.assert_allclose(judged, gan.logits(COLORED)[:, :-1], atol=1e-5)
    assert not np.allclose(judged, gan.logits(COLORED, averaged=False)[:, :-1], atol=1e-3)
    before = numbers(gan.teacher.network.variables)
    values = step(gan, COLORED)
    assert values["sure_share"] == 1
    assert not any(changed(before, numbers(gan.teacher.network.variables)))
    kept = {id(v) for group in gan.checkpoint_variables().values() for v in group}
    assert not kept & {id(v) for v in gan.teacher.network.variables}  # the average is kept
    assert build((16, 16, 3), COLORED, dataset="cifar10", baseline=True).teacher is None


def test_what_is_taught_has_the_classes_as_often_as_the_labels_by_hand():
    gan = build((16, 16, 3), COLORED, dataset="cifar10")
    p = np.array([[0.7, 0.2, 0.1], [0.5, 0.1, 0.4]], np.float32)
    gan.teacher.network = lambda images, training: (None, tf.math.log(p))
    taught = gan.teacher.targets(None, np.array([0, 1, 1, 2]))
    by_label = 0.99 / 3 + 0.01 * np.array([0.25, 0.5, 0.25])
    by_teacher = 0.99 / 3 + 0.01 * p.mean(axis=0)
    expected = p * by_label / by_teacher
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(taught, expected, rtol=1e-5)
    np.testing.assert_allclose(gan.teacher.class_shares, [by_label, by_teacher], rtol=1e-6)


def test_where_labels_are_unequal_their_true_shares_are_what_counts():
    shares = np.array([0.6, 0.3, 0.1], np.float32)
    tiny = {"dataset": "cifar10", "width": 4, "batch_size": 4, "precision": "float32"}
    gan = models.build(resolve(tiny), (16, 16, 3), 3, COLORED, shares)
    p = np.array([[0.7, 0.2, 0.1], [0.5, 0.1, 0.4]], np.float32)
    gan.teacher.network = lambda images, training: (None, tf.math.log(p))
    for labels in ([0, 1, 1, 2], [2, 2]):  # whichever come
        gan.teacher.targets(None, np.array(labels))
        np.testing.assert_allclose(gan.teacher.class_shares[0], shares, rtol=1e-6)
    by_teacher = 0.99**2 * shares + (1 - 0.99**2) * p.mean(axis=0)
    np.testing.assert_allclose(gan.teacher.class_shares[1], by_teacher, rtol=1e-6)


def test_the_game_may_have_fewer_pictures_than_a_step_sees():
    gan = build((16, 16, 3), COLORED, dataset="cifar10", game_batch=2)
    seen = {}
    judge = gan._judge_each
    gan._judge_each = lambda views, *more: seen.update(views) or judge(views, *more)
    step(gan, COLORED)
    sizes = {name: len(view) for name, view in seen.items()}
    assert sizes == {"labelled": 4, "real": 2, "fake": 2, "strong": 8}


def test_eager_and_graph_take_the_same_step():
    results = []
    for wrap in (lambda f: f, tf.function):
        gan = build()

        def whole_step(gan=gan):
            gan.set_schedule(tf.constant(0.1))
            values = step(gan)
            gan.end_step()
            return values

        values = wrap(whole_step)()
        weights = numbers(gan.discriminator.variables + gan.generator.variables)
        results.append((values, weights, numbers(gan.average.averages)))
    for name, value in results[0][0].items():
        np.testing.assert_allclose(value, results[1][0][name], rtol=1e-4, atol=1e-6, err_msg=name)
    for eager, graph in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(eager, graph, rtol=1e-4, atol=1e-5)
    # Debiased: after one update the averages are the weights.
    for weight, average in zip(results[0][1], results[0][2], strict=True):
        np.testing.assert_allclose(weight, average, rtol=1e-6)


def test_the_baseline_step_leaves_the_generator_alone():
    gan = build(baseline=True)
    before = numbers(gan.generator.variables), numbers(gan.discriminator.trainable_variables)
    gan.set_schedule(tf.constant(0.0))
    gan.baseline_step(GRAY[:4], LABELS[:4])
    assert not any(changed(before[0], numbers(gan.generator.variables)))
    assert all(changed(before[1], numbers(gan.discriminator.trainable_variables)))


def test_baseline_and_ssgan_start_from_the_same_classifier():
    ours, baseline = build(), build(baseline=True)
    pairs = zip(ours.discriminator.variables, baseline.discriminator.variables, strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_update_ratio_counts_updates_of_the_generator():
    gan = build(update_ratio=3)
    step(gan)
    assert int(gan.generator_optimizer.iterations) == 3
    assert int(gan.discriminator_optimizer.iterations) == 1


def test_clipping_bounds_the_update():
    gan = build(clip_norm=1e-3, epsilon=1.0, beta_1=0.0)
    before = numbers(gan.generator.trainable_variables)
    step(gan)
    moves = [a - b for a, b in zip(numbers(gan.generator.trainable_variables), before, strict=True)]
    # With ε = 1 Adam's first step is the learning rate times √(1 − β₂) times the gradient.
    size = np.sqrt(sum((move**2).sum() for move in moves))
    assert size == pytest.approx(2e-3 * np.sqrt(1 - 0.999) * 1e-3, rel=0.05)


def test_rates_stay_and_then_fall_to_zero():
    gan = build(constant_share=0.5, reconstruction_weight=4.0)
    found = []
    for fraction in (0.0, 0.25, 0.5, 0.75, 1.0):
        gan.set_schedule(tf.constant(fraction))
        rate = float(gan.discriminator_optimizer.learning_rate)
        found.append((rate, float(gan.reconstruction.numpy())))
    np.testing.assert_allclose(
        found, [(2e-3, 4), (2e-3, 2), (2e-3, 0), (1e-3, 0), (0, 0)], atol=1e-9
    )


def test_errors_use_the_averages_unless_told_otherwise():
    gan = build()
    for average in gan.average.averages:
        average.assign(tf.zeros_like(average))
    # With all weights zero every class is as likely, and the first one is taken.
    assert gan.error(GRAY, LABELS) == pytest.approx(2 / 3)
    logits = gan.discriminator(tricks.scale_images(GRAY))[1].numpy()
    expected = np.mean(logits.argmax(axis=1) != LABELS)
    assert gan.error(GRAY, LABELS, averaged=False) == pytest.approx(expected)
    odds = np.log(np.exp(gan.logits(GRAY, averaged=True)[:, :-1]).sum(axis=1))
    np.testing.assert_allclose(gan.scores(GRAY), odds, rtol=1e-5)
