"""The functions of gan_common.tricks: labels, latents, images, penalties, augmentation, unrolling."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_common import losses, tricks


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# ------------------------------------------------------------------------------------------ feature matching


def test_feature_matching_compares_batch_means():
    real = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)  # means 2, 3
    fake = np.array([[0.0, 6.0], [2.0, 6.0], [1.0, 6.0]], np.float32)  # means 1, 6
    assert float(tricks.feature_matching_loss(real, fake)) == pytest.approx((1 + 9) / 2)
    assert float(tricks.feature_matching_loss(real, fake, norm="l1")) == pytest.approx((1 + 3) / 2)
    # Samples that differ one by one, but not on average, match.
    assert float(tricks.feature_matching_loss(real, real[::-1])) == 0


@pytest.mark.parametrize(("norm", "power"), [("l2", 2), ("l1", 1)])
def test_feature_matching_of_maps_equals_numpy_in_low_precision_too(norm, power):
    real, fake = normal(6, 3, 4, 2), normal(5, 3, 4, 2, seed=1)
    expected = np.mean(np.abs(real.mean(0) - fake.mean(0)) ** power)
    graph = tf.function(tricks.feature_matching_loss)
    np.testing.assert_allclose(graph(real, fake, norm), expected, rtol=1e-5)
    low = tricks.feature_matching_loss(tf.cast(real, tf.bfloat16), tf.cast(fake, tf.bfloat16), norm)
    assert low.dtype == tf.float32
    np.testing.assert_allclose(low, expected, rtol=0.02)


def test_feature_matching_refuses_other_norms_and_shapes():
    with pytest.raises(ValueError, match="norm='l3'"):
        tricks.feature_matching_loss(normal(2, 3), normal(2, 3), norm="l3")
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 4\)"):
        tricks.feature_matching_loss(normal(2, 3), normal(2, 4))


# ----------------------------------------------------------------------------------------------------- labels


def test_smoothing_touches_only_real_labels():
    labels = np.array([[1, 0], [0, 1], [1, 1]])
    smooth = tricks.smooth_labels(labels)
    assert isinstance(smooth, np.ndarray)
    np.testing.assert_array_equal(smooth, np.float32([[0.9, 0], [0, 0.9], [0.9, 0.9]]))
    np.testing.assert_array_equal(labels, [[1, 0], [0, 1], [1, 1]])
    assert tf.is_tensor(tricks.smooth_labels(tf.ones(3)))
    np.testing.assert_array_equal(
        tf.function(tricks.smooth_labels)(tf.ones(3), 0.8), np.float32([0.8] * 3)
    )
    with pytest.raises(ValueError, match=r"real=1\.1"):
        tricks.smooth_labels(labels, real=1.1)


@pytest.mark.parametrize("seed", [7, tf.constant([3, 4])])
def test_label_noise_flips_a_share_that_comes_from_the_seed(seed):
    labels = np.repeat([1.0, 0.0], 10000).astype(np.float32)
    noisy = tricks.noisy_labels(labels, 0.1, seed)
    assert isinstance(noisy, np.ndarray)
    flipped = noisy != labels
    np.testing.assert_array_equal(noisy[flipped], 1 - labels[flipped])
    assert np.mean(flipped[:10000]) == pytest.approx(0.1, abs=0.01)
    assert np.mean(flipped[10000:]) == pytest.approx(0.1, abs=0.01)
    np.testing.assert_array_equal(tf.function(tricks.noisy_labels)(labels, 0.1, seed), noisy)
    assert not np.array_equal(tricks.noisy_labels(labels, 0.1, 8), noisy)


def test_label_noise_at_its_ends():
    labels = np.array([0, 1, 1])
    np.testing.assert_array_equal(tricks.noisy_labels(labels, 0.0, seed=0), labels)
    np.testing.assert_array_equal(tricks.noisy_labels(labels, 1.0, seed=0), [1, 0, 0])
    assert tricks.noisy_labels(np.float32([0.9]), 1.0, seed=0)[0] == pytest.approx(0.1)
    with pytest.raises(ValueError, match=r"flip_probability=-0\.1"):
        tricks.noisy_labels(labels, -0.1, seed=0)


# -------------------------------------------------------------------------------------------- pixels, packing


@pytest.mark.parametrize("kind", [np.asarray, tf.constant])
def test_all_256_pixel_values_survive_scaling(kind):
    pixels = kind(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1))
    scaled = tricks.scale_images(pixels)
    assert type(scaled) is type(pixels)
    np.testing.assert_allclose(np.ravel(scaled)[[0, 51, 255]], [-1, -0.6, 1], atol=1e-6)
    back = tricks.unscale_images(scaled)
    assert type(back) is type(pixels)
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, pixels)


def test_unscaling_rounds_and_clips():
    values = np.array([-3.0, -1.0, -1 + 0.6 / 127.5, 0.5, 1.0, 9.0, np.nan, np.inf])
    np.testing.assert_array_equal(tricks.unscale_images(values), [0, 0, 1, 191, 255, 255, 0, 255])


def test_packing_joins_neighbors_along_the_channels():
    images = normal(6, 2, 3, 4)
    packed = tricks.pack(images, 3)
    assert isinstance(packed, np.ndarray)
    expected = np.stack([np.concatenate(images[i : i + 3], axis=-1) for i in (0, 3)])
    np.testing.assert_array_equal(packed, expected)
    points = np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(tricks.pack(points, 2), [[0, 1, 2, 3], [4, 5, 6, 7]])
    graph = tf.function(
        lambda x: tricks.pack(x, 3), input_signature=[tf.TensorSpec([None, 2, 3, 4])]
    )
    np.testing.assert_array_equal(graph(images), expected)
    assert graph.get_concrete_function().output_shapes == (None, 2, 3, 12)
    with pytest.raises(ValueError, match="Received: m=4 for a batch of 6"):
        tricks.pack(images, 4)
    with pytest.raises(ValueError, match="Received: m=0"):
        tricks.pack(images, 0)


# ---------------------------------------------------------------------------------------------------- latents


def test_latents_have_their_distributions():
    z = tricks.sample_latent(4000, 8, "normal", seed=0).numpy()
    assert np.mean(z) == pytest.approx(0, abs=0.03)
    assert np.std(z) == pytest.approx(1, abs=0.03)
    assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.05, abs=0.01)
    u = tricks.sample_latent(4000, 8, "uniform", seed=0).numpy()
    assert -1 <= u.min() < -0.99
    assert 0.99 < u.max() <= 1
    assert np.std(u) == pytest.approx(1 / np.sqrt(3), abs=0.02)
    s = tricks.sample_latent(4000, 8, "sphere", seed=0).numpy()
    np.testing.assert_allclose(np.linalg.norm(s, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(s.T @ s / 4000, np.eye(8) / 8, atol=0.02)


@pytest.mark.parametrize("seed", [11, np.int64(2**40), tf.constant([5, 6])])
@pytest.mark.parametrize("distribution", ["normal", "uniform", "sphere"])
def test_latents_come_from_their_seed_in_eager_and_graph(distribution, seed):
    eager = tricks.sample_latent(3, 4, distribution, seed)
    graph = tf.function(lambda n: tricks.sample_latent(n, 4, distribution, seed))
    np.testing.assert_allclose(graph(tf.constant(3)), eager, rtol=1e-6)
    assert not np.array_equal(tricks.sample_latent(3, 4, distribution, 12), eager)


def test_latents_without_a_seed_differ_from_call_to_call():
    draw = tf.function(lambda: tricks.sample_latent(2, 3))
    assert not np.array_equal(draw(), draw())
    tf.random.set_seed(1)
    first = tricks.sample_latent(2, 3)
    tf.random.set_seed(1)
    np.testing.assert_array_equal(tricks.sample_latent(2, 3), first)


@pytest.mark.parametrize(
    ("arguments", "echo"),
    [
        ((-1, 3), "n=-1"),
        ((2, 0), "dim=0"),
        ((2, 3, "cube"), "distribution='cube'"),
        ((2, 3, "normal", tf.constant([1, 2, 3])), r"seed of shape \(3,\)"),
        ((2, 3, "normal", 0.5), "type float32"),
    ],
)
def test_latents_refuse(arguments, echo):
    with pytest.raises(ValueError, match=f"Received: .*{echo}"):
        tricks.sample_latent(*arguments)


def test_slerp_by_hand():
    """A third of the way over a right angle is 30°."""
    third = tricks.slerp(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 1 / 3)
    assert isinstance(third, np.ndarray)
    np.testing.assert_allclose(third, [np.sqrt(3) / 2, 0.5])


def test_slerp_equals_the_formula_and_stays_on_the_sphere():
    rng = np.random.default_rng(1)
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.normal(size=(2, 50, 6)))
    t = rng.uniform(size=50)
    angle = np.arccos(np.sum(a * b, axis=1))
    expected = (np.sin((1 - t) * angle) / np.sin(angle))[:, None] * a
    expected += (np.sin(t * angle) / np.sin(angle))[:, None] * b
    np.testing.assert_allclose(tricks.slerp(a, b, t), expected, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(tricks.slerp(a, b, t), axis=1), 1, atol=1e-9)
    # Weights for Gaussian latents, whose lengths differ, are those of the same formula.
    scaled = expected + (np.sin(t * angle) / np.sin(angle))[:, None] * b  # b twice as long
    np.testing.assert_allclose(tricks.slerp(a, 2 * b, t), scaled, atol=1e-9)


def test_slerp_broadcasts_t():
    a, b, t = normal(4), normal(4, seed=1), np.linspace(0, 1, 5).astype(np.float32)
    path = tricks.slerp(a, b, t)
    assert path.shape == (5, 4)
    np.testing.assert_allclose(path[[0, -1]], [a, b], atol=1e-6)
    rows = [tricks.slerp(a, b, float(value)) for value in t]
    np.testing.assert_allclose(path, rows, atol=1e-6)
    np.testing.assert_allclose(tricks.slerp(a[None], b[None], t[:, None]), path, atol=1e-6)
    np.testing.assert_allclose(tf.function(tricks.slerp)(a, b, t), path, atol=1e-6)


@pytest.mark.parametrize(
    "angle", [0.0, 1e-7, 1e-4, 1e-2, np.pi - 1e-2, np.pi - 1e-4, np.pi - 1e-7, np.pi]
)
def test_slerp_of_nearly_parallel_and_nearly_opposite_vectors(angle):
    t = np.linspace(0, 1, 9).astype(np.float32)
    a = np.zeros(5, np.float32)
    a[1] = 1
    b = np.zeros(5, np.float32)
    b[1], b[3] = np.cos(angle), np.sin(angle)
    path = tricks.slerp(a, b, t)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(path[[0, -1]], [a, b], atol=1e-6)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    np.testing.assert_allclose(steps, 2 * np.sin(angle / 16), atol=2e-6)  # an even pace, no jump
    longer = tricks.slerp(a, 3 * b, t)
    assert np.all(np.linalg.norm(longer, axis=1) <= 3 + 2)
    np.testing.assert_allclose(longer[[0, -1]], [a, 3 * b], atol=1e-5)


# -------------------------------------------------------------------------------------------------- penalties


def test_penalties_of_a_linear_critic_by_hand():
    """Its slope is the same everywhere: ‖(3, 4)‖ = 5."""
    weights = tf.Variable([[3.0], [4.0]])

    def critic(x):
        return x @ weights

    real, fake = normal(6, 2), normal(6, 2, seed=1)
    with tf.GradientTape(persistent=True) as tape:
        interpolated = tricks.gradient_penalty(critic, real, fake, seed=0)
        at_real = tricks.r1_penalty(critic, real)
    assert float(interpolated) == pytest.approx((5 - 1) ** 2)
    assert float(at_real) == pytest.approx(25)
    # d/dw (‖w‖ − 1)² = 2 (‖w‖ − 1) w / ‖w‖, and d/dw ‖w‖² = 2 w
    np.testing.assert_allclose(
        tape.gradient(interpolated, weights), [[8 * 0.6], [8 * 0.8]], rtol=1e-5
    )
    np.testing.assert_allclose(tape.gradient(at_real, weights), [[6], [8]], rtol=1e-5)


def test_gradient_penalty_looks_between_real_and_fake():
    """D(x) = ‖x‖² / 2 has slope ‖x‖.  On the line from 0 to 2 the mean of (2u − 1)² is 1/3."""
    real, fake = np.zeros((20000, 1, 1, 1), np.float32), np.full((20000, 1, 1, 1), 2, np.float32)

    def critic(x):
        return tf.reduce_sum(tf.square(x), axis=(1, 2, 3)) / 2

    penalty = tricks.gradient_penalty(critic, real, fake, seed=1)
    assert float(penalty) == pytest.approx(1 / 3, abs=0.01)
    assert float(tf.function(tricks.gradient_penalty)(critic, real, fake, 1)) == pytest.approx(
        float(penalty)
    )
    assert float(tricks.gradient_penalty(critic, real, fake, seed=2)) != float(penalty)
    assert float(tricks.r1_penalty(critic, fake)) == pytest.approx(4)


def test_gradient_penalty_of_a_flat_critic_has_a_finite_gradient():
    weights = tf.Variable([[0.0], [0.0]])
    with tf.GradientTape() as tape:
        penalty = tricks.gradient_penalty(lambda x: x @ weights, normal(3, 2), normal(3, 2), seed=0)
    assert float(penalty) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(tape.gradient(penalty, weights), np.zeros((2, 1)))


def test_gradient_penalty_refuses_different_shapes():
    with pytest.raises(ValueError, match=r"real \(3, 2\), fake \(4, 2\)"):
        tricks.gradient_penalty(lambda x: x, normal(3, 2), normal(4, 2))


# ----------------------------------------------------------------------------------------------- augmentation


def test_translation_moves_by_up_to_an_eighth_and_fills_with_zeros():
    images = np.arange(1, 257, dtype=np.float32).reshape(1, 16, 16, 1).repeat(400, axis=0)
    moved = tricks.differentiable_augment(images, "translation", seed=0).numpy()[..., 0]
    shifts = set()
    for image in moved:
        candidates = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if np.array_equal(image, shifted(images[0, ..., 0], dy, dx))
        ]
        assert len(candidates) == 1
        shifts.add(candidates[0])
    assert shifts == {(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)}


def shifted(image, dy, dx):
    size = len(image)
    padded = np.pad(image, 4)
    return padded[4 - dy : 4 - dy + size, 4 - dx : 4 - dx + size]


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 10), (1, 3)])
def test_cutout_is_a_box_of_half_the_size_anywhere(height, width):
    images = np.ones((600, height, width, 2), np.float32)
    cut = tricks.differentiable_augment(images, "cutout", seed=0).numpy()
    assert set(np.unique(cut)) <= {0, 1}
    np.testing.assert_array_equal(cut[..., 0], cut[..., 1])
    holes = cut[..., 0] == 0
    rows, columns = holes.any(2), holes.any(1)
    np.testing.assert_array_equal(holes, rows[:, :, None] & columns[:, None, :])  # a box
    for hit, size in ((rows, height), (columns, width)):
        assert hit.sum(1).max() == int(size / 2 + 0.5)
        assert hit.any(0).all()  # each row and column is cut now and then
        assert np.all(np.abs(np.diff(hit, axis=1)).sum(1) <= 2)  # without gaps


def test_color_changes_are_what_their_names_say():
    images = 0.3 * normal(300, 4, 5, 3)
    colored = tricks.differentiable_augment(images, "color", seed=0).numpy()
    # Subtracting the image's mean leaves contrast and saturation; brightness moved the mean.
    brightness = colored.mean((1, 2, 3)) - images.mean((1, 2, 3))
    assert -0.5 <= brightness.min() < -0.45
    assert 0.45 < brightness.max() <= 0.5
    gray, was_gray = (x.mean(3) - x.mean((1, 2, 3))[:, None, None] for x in (colored, images))
    contrast = np.sum(gray * was_gray, (1, 2)) / np.sum(was_gray**2, (1, 2))
    np.testing.assert_allclose(gray, contrast[:, None, None] * was_gray, atol=1e-5)
    assert 0.5 <= contrast.min() < 0.55
    assert 1.45 < contrast.max() <= 1.5
    hue, had_hue = (x - x.mean(3, keepdims=True) for x in (colored, images))
    saturation = np.sum(hue * had_hue, (1, 2, 3)) / np.sum(had_hue**2, (1, 2, 3)) / contrast
    np.testing.assert_allclose(
        hue, (saturation * contrast)[:, None, None, None] * had_hue, atol=1e-5
    )
    assert -1e-5 <= saturation.min() < 0.1
    assert 1.9 < saturation.max() <= 2 + 1e-5
    assert abs(np.corrcoef(brightness, contrast)[0, 1]) < 0.2
    assert abs(np.corrcoef(saturation, contrast)[0, 1]) < 0.2


@pytest.mark.parametrize("seed", [3, tf.constant([3, 0])])
def test_augmentation_comes_from_its_seed_in_eager_and_graph(seed):
    images = normal(5, 6, 7, 1)
    eager = tricks.differentiable_augment(images, seed=seed)
    graph = tf.function(
        lambda x: tricks.differentiable_augment(x, seed=seed),
        input_signature=[tf.TensorSpec([None, None, None, None])],
    )
    np.testing.assert_allclose(graph(images), eager, atol=1e-6)
    assert not np.array_equal(tricks.differentiable_augment(images, seed=4), eager)
    np.testing.assert_array_equal(tricks.differentiable_augment(images, policy=""), images)
    assert (
        tricks.differentiable_augment(tf.cast(images, tf.bfloat16), seed=seed).dtype == tf.bfloat16
    )


def test_gradients_flow_through_the_augmentation():
    """All three steps are linear in the image, so T(x + d) − T(x) is the gradient's product with d."""
    x, d, weights = normal(4, 8, 8, 3), normal(4, 8, 8, 3, seed=1), normal(4, 8, 8, 3, seed=2)

    def loss(x):
        return tf.reduce_sum(weights * tricks.differentiable_augment(x, seed=9))

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    gradient = tape.gradient(value, x)
    assert float(loss(x + d) - value) == pytest.approx(float(tf.reduce_sum(gradient * d)), rel=1e-3)
    assert np.mean(gradient != 0) > 0.5


def test_augmentation_refuses():
    with pytest.raises(ValueError, match=r"\['blur'\].*Received: policy='color, blur'"):
        tricks.differentiable_augment(normal(1, 2, 2, 1), "color, blur")
    with pytest.raises(ValueError, match="uint8"):
        tricks.differentiable_augment(np.zeros((1, 2, 2, 1), np.uint8))


# -------------------------------------------------------------------------------------------------- unrolling


class TinyGame:
    """G(z) = a z + c against D(x) = w · tanh(x) + v x², in float64 NumPy, with D's optimizers by hand."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.z, self.x = rng.normal(size=(6, 2)), rng.normal(size=(6, 2)) + 1
        self.theta = np.array([0.7, -0.2])  # a, c
        self.phi = [np.array([[0.5], [-0.3]]), np.array([0.2])]  # w, v

    @staticmethod
    def logit(phi, x):
        return np.tanh(x) @ phi[0] + phi[1] * np.sum(x**2, axis=1, keepdims=True)

    def samples(self, theta):
        return theta[0] * self.z + theta[1]

    def d_gradient(self, phi, theta):
        total = [np.zeros_like(p) for p in phi]
        for x, is_real in ((self.x, True), (self.samples(theta), False)):
            probability = 1 / (1 + np.exp(-self.logit(phi, x)))
            error = (probability - is_real) / len(x)  # of softplus(−r), softplus(f), averaged
            total[0] += np.tanh(x).T @ error
            total[1] += np.sum(error * np.sum(x**2, axis=1, keepdims=True))
        return total

    def g_loss(self, theta, steps, optimizer, moments=None, t=0):
        phi = [p.copy() for p in self.phi]
        m, v = moments or ([np.zeros_like(p) for p in phi], [np.zeros_like(p) for p in phi])
        for _ in range(steps):
            t += 1
            for i, g in enumerate(self.d_gradient(phi, theta)):
                if optimizer == "sgd":
                    phi[i] = phi[i] - 0.5 * g
                elif optimizer == "momentum":
                    m[i] = 0.9 * m[i] - 0.5 * g
                    phi[i] = phi[i] + m[i]
                elif optimizer == "nesterov":
                    m[i] = 0.9 * m[i] - 0.5 * g
                    phi[i] = phi[i] + 0.9 * m[i] - 0.5 * g
                else:
                    m[i] = 0.5 * m[i] + 0.5 * g
                    v[i] = 0.9 * v[i] + 0.1 * g**2
                    scale = 0.5 * np.sqrt(1 - 0.9**t) / (1 - 0.5**t)
                    phi[i] = phi[i] - scale * m[i] / (np.sqrt(v[i]) + 1e-7)
        return np.mean(np.log1p(np.exp(-self.logit(phi, self.samples(theta)))))

    def g_gradient(self, *arguments):
        gradient = np.zeros(2)
        for i in range(2):
            ends = []
            for sign in (1, -1):
                theta = self.theta.copy()
                theta[i] += sign * 1e-5
                copied = (
                    [[m.copy() for m in part] for part in arguments[2]]
                    if len(arguments) > 2
                    else None
                )
                ends.append(self.g_loss(theta, *arguments[:2], copied, *arguments[3:]))
            gradient[i] = (ends[0] - ends[1]) / 2e-5
        return gradient


def tf_game(game):
    theta = [tf.Variable(float(t), dtype=tf.float32) for t in game.theta]
    phi = [tf.Variable(p, dtype=tf.float32) for p in game.phi]
    z, x = (tf.constant(a, tf.float32) for a in (game.z, game.x))

    def logit(phi, x):
        return tf.tanh(x) @ phi[0] + phi[1] * tf.reduce_sum(x**2, axis=1, keepdims=True)

    def unrolled(optimizer, steps):
        return tricks.unrolled_gradients(
            lambda: theta[0] * z + theta[1],
            lambda p, fake: losses.generator_loss("non_saturating", logit(p, fake)),
            lambda p, fake: losses.discriminator_loss(
                "non_saturating", logit(p, x), logit(p, fake)
            ),
            theta,
            phi,
            optimizer,
            steps,
        )

    return theta, phi, unrolled


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.5),
    "momentum": lambda: keras.optimizers.SGD(0.5, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(0.5, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.5, beta_1=0.5, beta_2=0.9),
}


@pytest.mark.parametrize("steps", [0, 1, 2, 4])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_unrolled_gradients_equal_finite_differences_and_leave_d_alone(name, steps):
    game = TinyGame()
    theta, phi, unrolled = tf_game(game)
    optimizer = OPTIMIZERS[name]()
    optimizer.build(phi)
    before = [v.numpy() for v in [*theta, *phi, *optimizer.variables]]
    for call in (unrolled, tf.function(unrolled)):
        loss, gradients = call(optimizer, steps)
        assert float(loss) == pytest.approx(game.g_loss(game.theta, steps, name), rel=1e-4)
        np.testing.assert_allclose(gradients, game.g_gradient(steps, name), rtol=5e-3, atol=1e-4)
    for variable, value in zip([*theta, *phi, *optimizer.variables], before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_unrolling_starts_from_the_present_moments(name):
    game = TinyGame()
    _, phi, unrolled = tf_game(game)
    optimizer = OPTIMIZERS[name]()
    optimizer.apply_gradients(
        [(tf.constant([[0.3], [-0.1]]), phi[0]), (tf.constant([0.2]), phi[1])]
    )
    game.phi = [p.numpy().astype(np.float64) for p in phi]
    gradients = [np.array([[0.3], [-0.1]]), np.array([0.2])]
    if name == "momentum":
        moments = [-0.5 * g for g in gradients], [0 * g for g in gradients]
    else:
        moments = [0.5 * g for g in gradients], [0.1 * g**2 for g in gradients]
    loss, ours = unrolled(optimizer, 2)
    copied = tuple([m.copy() for m in part] for part in moments)
    assert float(loss) == pytest.approx(game.g_loss(game.theta, 2, name, copied, 1), rel=1e-4)
    np.testing.assert_allclose(ours, game.g_gradient(2, name, moments, 1), rtol=5e-3, atol=1e-4)


def test_the_unrolled_steps_are_those_that_the_optimizer_takes():
    """After k real steps of D against a frozen G, the ordinary loss is the unrolled one of before."""
    for name in OPTIMIZERS:
        theta, phi, unrolled = tf_game(TinyGame())
        optimizer = OPTIMIZERS[name]()
        predicted = float(unrolled(optimizer, 3)[0])
        game = TinyGame()
        for _ in range(3):
            gradients = game.d_gradient(
                [p.numpy() for p in phi], np.array([float(t) for t in theta])
            )
            gradients = [tf.constant(g, tf.float32) for g in gradients]
            optimizer.apply_gradients(zip(gradients, phi, strict=True))
        assert float(unrolled(optimizer, 0)[0]) == pytest.approx(predicted, rel=1e-4), name


def test_unrolling_through_keras_models():
    keras.utils.set_random_seed(0)
    g = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(2)])
    d = keras.Sequential(
        [
            keras.Input((2,)),
            tricks.WeightNormalization(keras.layers.Dense(4, "tanh")),
            tricks.MinibatchDiscrimination(2, 2),
            keras.layers.Dense(1),
        ]
    )
    optimizer = keras.optimizers.Adam(1e-2)
    z, real = normal(5, 3), normal(5, 2, seed=1)

    def logits(parameters, x):
        return d.stateless_call(parameters, d.non_trainable_variables, x, training=True)[0]

    def unrolled(steps):
        return tricks.unrolled_gradients(
            lambda: g(z, training=True),
            lambda p, fake: losses.generator_loss("non_saturating", logits(p, fake)),
            lambda p, fake: losses.discriminator_loss(
                "non_saturating", logits(p, real), logits(p, fake)
            ),
            g.trainable_variables,
            d.trainable_variables,
            optimizer,
            steps,
        )

    with tf.GradientTape() as tape:
        loss = losses.generator_loss("non_saturating", d(g(z, training=True), training=True))
    ordinary = tape.gradient(loss, g.trainable_variables)
    before = [v.numpy() for v in d.variables]
    at_once = unrolled(0)[1]
    for ours, theirs in zip(at_once, ordinary, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    eager, graph = unrolled(2)[1], tf.function(unrolled)(2)[1]
    for a, b, c in zip(eager, graph, ordinary, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
        assert not np.allclose(a, c, atol=1e-6)
    for variable, value in zip(d.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_the_unrolled_graph_grows_linearly(name):
    _, phi, unrolled = tf_game(TinyGame())
    optimizer = OPTIMIZERS[name]()
    optimizer.build(phi)
    sizes = [
        len(tf.function(unrolled).get_concrete_function(optimizer, k).graph.get_operations())
        for k in range(1, 5)
    ]
    growth = np.diff(sizes)
    assert growth[0] > 0
    np.testing.assert_array_equal(growth[1:], growth[1])


def test_unrolling_refuses():
    _, phi, unrolled = tf_game(TinyGame())
    with pytest.raises(ValueError, match="Received: steps=-1"):
        unrolled(keras.optimizers.SGD(), -1)
    with pytest.raises(ValueError, match="Received: optimizer=RMSprop"):
        unrolled(keras.optimizers.RMSprop(), 1)
    with pytest.raises(ValueError, match="Received: optimizer=AdamW"):
        unrolled(keras.optimizers.AdamW(), 1)
    with pytest.raises(ValueError, match=r"Received: clipnorm=1\.0"):
        unrolled(keras.optimizers.Adam(clipnorm=1.0), 1)
    other = keras.optimizers.Adam()
    other.build([tf.Variable(1.0)])
    with pytest.raises(ValueError, match=r"other variables\. Received: .* with Variable"):
        unrolled(other, 1)
    assert len(phi) == 2


def test_flipped_logits_change_places_in_pairs():
    real, fake = tf.range(100.0), -tf.range(100.0) - 1.0
    a, b = (x.numpy() for x in tricks.flip_logits(real, fake, 0.3, seed=1))
    flipped = a < 0
    np.testing.assert_array_equal(flipped, noisy := b >= 0)
    assert 15 < noisy.sum() < 45
    np.testing.assert_array_equal(np.where(flipped, b, a), real)
    np.testing.assert_array_equal(np.where(flipped, a, b), fake)
