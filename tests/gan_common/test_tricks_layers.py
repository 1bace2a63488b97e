"""The layers of gan_common.tricks against NumPy oracles, and through everything that a layer must survive."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_common import tricks


def rng(seed=0):
    return np.random.default_rng(seed)


def normal(*shape, seed=0):
    return rng(seed).normal(size=shape).astype(np.float32)


def finite_differences(function, x, step=1e-3):
    """The gradient of a scalar function of one float64 array, by central differences."""
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        shifted = [x.copy(), x.copy()]
        shifted[0][index] += step
        shifted[1][index] -= step
        gradient[index] = (function(shifted[0]) - function(shifted[1])) / (2 * step)
    return gradient


def gradient_of(function, x):
    x = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x).numpy()


# ------------------------------------------------------------------------- what all layers have in common

LAYERS = {
    "minibatch": (lambda: tricks.MinibatchDiscrimination(3, 2), (5,)),
    "virtual_batch_norm": (lambda: tricks.VirtualBatchNormalization(2, epsilon=1e-4), (6, 5, 3)),
    "weight_norm": (
        lambda: tricks.WeightNormalization(keras.layers.Conv2D(4, 3, strides=2, activation="relu")),
        (6, 7, 3),
    ),
    "pixel_shuffle": (lambda: tricks.PixelShuffle(2), (3, 4, 8)),
    "upsample": (lambda: tricks.UpsampleConv2D(4, (3, 4), scale=2, activation="tanh"), (3, 4, 2)),
    "instance_noise": (lambda: tricks.InstanceNoise(0.5, 10, seed=1), (5,)),
    "dropout_noise": (lambda: tricks.DropoutNoise(0.4, seed=1), (5,)),
}
RANDOM = {"instance_noise", "dropout_noise"}


@pytest.mark.parametrize("name", LAYERS)
def test_functional_sequential_eager_and_graph_agree(name):
    make, shape = LAYERS[name]
    layer = make()
    config = layer.get_config()
    assert type(layer).from_config(layer.get_config()).get_config() == config

    sequential = keras.Sequential([keras.Input(shape), layer])
    inputs = keras.Input(shape)
    functional = keras.Model(inputs, layer(inputs))
    assert (
        functional.output_shape
        == sequential.output_shape
        == layer.compute_output_shape((None, *shape))
    )
    x = normal(4, *shape)
    eager = layer(x)
    assert eager.shape[1:] == functional.output_shape[1:]
    if name not in RANDOM:
        graph = tf.function(layer, input_signature=[tf.TensorSpec([None, *shape])])
        for other in (graph(x), functional(x), sequential(x)):
            np.testing.assert_allclose(other, eager, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_save_and_load_in_safe_mode(name, tmp_path):
    make, shape = LAYERS[name]
    model = keras.Sequential([keras.Input(shape), make()])
    model(normal(4, *shape), training=True)  # moves the counter, which is state as well
    for index, weight in enumerate(model.trainable_variables):
        weight.assign(weight + 0.1 * normal(*weight.shape, seed=index))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.weights) == len(model.weights)
    for ours, theirs in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    if name != "dropout_noise":  # Keras starts a loaded layer's random numbers afresh from its seed
        x = normal(4, *shape, seed=1)
        np.testing.assert_array_equal(loaded(x, training=False), model(x, training=False))


@pytest.mark.parametrize("name", LAYERS)
def test_mixed_bfloat16_is_close_to_float32(name):
    make, shape = LAYERS[name]
    exact, mixed = make(), make()
    mixed = type(mixed).from_config({**mixed.get_config(), "dtype": "mixed_bfloat16"})
    x = normal(4, *shape)
    exact.build((None, *shape))
    mixed.build((None, *shape))
    for target, source in zip(mixed.trainable_variables, exact.trainable_variables, strict=True):
        assert target.dtype == "float32"
        target.assign(source)
    with tf.GradientTape() as tape:
        outputs = mixed(x, training=False)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32))
    assert outputs.dtype == tf.bfloat16
    if name not in RANDOM:
        np.testing.assert_allclose(tf.cast(outputs, tf.float32), exact(x), rtol=0.03, atol=0.05)
    for gradient in tape.gradient(loss, mixed.trainable_variables):
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize(
    ("make", "echo"),
    [
        (lambda: tricks.MinibatchDiscrimination(0, 2), "num_kernels=0"),
        (lambda: tricks.MinibatchDiscrimination(2, 1.5), "kernel_dim=1.5"),
        (lambda: tricks.VirtualBatchNormalization(-3), "reference_size=-3"),
        (lambda: tricks.VirtualBatchNormalization(3, epsilon=0), "epsilon=0"),
        (lambda: tricks.WeightNormalization(keras.layers.ReLU()), "ReLU"),
        (lambda: tricks.PixelShuffle(True), "scale=True"),
        (lambda: tricks.UpsampleConv2D(0, 3), "filters=0"),
        (lambda: tricks.UpsampleConv2D(2, (3, 0)), "kernel_size=0"),
        (lambda: tricks.UpsampleConv2D(2, (3, 3, 3)), r"kernel_size=\(3, 3, 3\)"),
        (lambda: tricks.UpsampleConv2D(2, 3, scale=0), "scale=0"),
        (lambda: tricks.InstanceNoise(-1, 10), "stddev=-1"),
        (lambda: tricks.InstanceNoise(1, 0), "decay_steps=0"),
        (lambda: tricks.DropoutNoise(1.0), "rate=1.0"),
        (lambda: tricks.MinibatchDiscrimination(2, 2)(normal(2, 3, 4)), r"input_shape=\(2, 3, 4\)"),
        (lambda: tricks.VirtualBatchNormalization(3)(normal(2, 4)), r"\(2, 4\)"),
        (lambda: tricks.PixelShuffle(2)(normal(2, 3, 3, 6)), r"\(2, 3, 3, 6\)"),
        (lambda: tricks.UpsampleConv2D(2, 3)(normal(2, 3)), r"input_shape=\(2, 3\)"),
    ],
)
def test_wrong_values_are_echoed(make, echo):
    with pytest.raises(ValueError, match=f"Received: .*{echo}"):
        make()


# ------------------------------------------------------------------------------- minibatch discrimination


def triple_loop(x, kernel):
    points = np.tensordot(x, kernel, 1)
    similarity = np.zeros(points.shape[:2])
    for i in range(len(x)):
        for b in range(kernel.shape[1]):
            for j in range(len(x)):
                if j != i:
                    similarity[i, b] += np.exp(-np.sum(np.abs(points[i, b] - points[j, b])))
    return np.concatenate([x, similarity], axis=1)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_minibatch_discrimination_equals_triple_loop(batch):
    layer = tricks.MinibatchDiscrimination(num_kernels=4, kernel_dim=3)
    x = normal(batch, 6)
    output = layer(x)
    np.testing.assert_allclose(output, triple_loop(x, layer.kernel.numpy()), rtol=1e-5)
    if batch == 1:
        np.testing.assert_array_equal(output[:, 6:], np.zeros((1, 4)))


def test_minibatch_discrimination_gradients_equal_finite_differences():
    layer = tricks.MinibatchDiscrimination(3, 2)
    x = normal(4, 5).astype(np.float64)
    weights = normal(4, 8, seed=1)
    layer.build((None, 5))
    layer.kernel.assign(normal(5, 3, 2, seed=2))  # none whose distances are near a kink of |x|
    kernel = layer.kernel.numpy().astype(np.float64)

    def by_inputs(x):
        return np.sum(weights * triple_loop(x, kernel))

    def by_kernel(kernel):
        return np.sum(weights * triple_loop(x, kernel))

    with tf.GradientTape() as tape:
        inputs = tf.constant(x, tf.float32)
        tape.watch(inputs)
        loss = tf.reduce_sum(weights * layer(inputs))
    input_gradient, kernel_gradient = tape.gradient(loss, [inputs, layer.kernel])
    np.testing.assert_allclose(input_gradient, finite_differences(by_inputs, x), atol=1e-4)
    np.testing.assert_allclose(kernel_gradient, finite_differences(by_kernel, kernel), atol=1e-4)


def test_minibatch_discrimination_has_second_gradients():
    """As a gradient penalty on D needs them."""
    layer = tricks.MinibatchDiscrimination(2, 2)
    layer.build((None, 3))
    layer.kernel.assign(
        [[[0.3, 0.1], [-0.2, 0.4]], [[0.2, -0.5], [0.1, 0.1]], [[-0.4, 0.2], [0.6, 0.3]]]
    )
    x = np.array([[0.0, 0.2, -0.5], [1.0, -0.7, 0.1], [-0.6, 0.9, 0.8]])  # far from every kink

    def slope(x):
        return tf.reduce_sum(tf.square(gradient_tensor(x)))

    def gradient_tensor(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(tf.square(layer(x)[:, 3:]))
        return tape.gradient(value, x)

    expected = finite_differences(lambda v: slope(tf.constant(v, tf.float32)).numpy(), x, 1e-2)
    np.testing.assert_allclose(gradient_of(slope, x), expected, rtol=0.02, atol=2e-3)


@pytest.mark.parametrize("apart", [0.0, 1e-3])
def test_minibatch_discrimination_pushes_identical_samples_apart(apart):
    """A step of G that lowers the closeness parts two samples, even when they are equal to the last bit."""
    layer = tricks.MinibatchDiscrimination(5, 3)
    x = np.repeat(normal(1, 4), 2, axis=0)
    x[1] += apart
    gradient = gradient_of(lambda x: tf.reduce_sum(layer(x)[:, 4:]), x)
    moved = x - 0.01 * gradient
    assert np.linalg.norm(moved[0] - moved[1]) > np.linalg.norm(x[0] - x[1]) + 1e-3
    np.testing.assert_allclose(moved.mean(0), x.mean(0), atol=1e-5)
    assert np.all(layer(moved)[:, 4:] < layer(x)[:, 4:])


def peak_live_elements(graph, smallest):
    """The most elements in tensors of at least `smallest` elements that are alive at one time, when the
    graph runs in the order in which it was built."""
    operations = graph.get_operations()
    position = {operation.name: index for index, operation in enumerate(operations)}
    change = np.zeros(len(operations) + 1)
    for index, operation in enumerate(operations):
        for tensor in operation.outputs:
            elements = tensor.shape.num_elements() or 0
            if elements >= smallest:
                last = max([position[user.name] for user in tensor.consumers()], default=index)
                change[index] += elements
                change[last + 1] -= elements
    return np.cumsum(change).max()


def test_minibatch_discrimination_memory_does_not_grow_with_the_dimension():
    batch, kernels = 16, 4
    peaks = []
    for dim in (2, 12):
        layer = tricks.MinibatchDiscrimination(kernels, dim)
        layer.build((None, 8))

        @tf.function
        def step(x, layer=layer):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(x))
            return tape.gradient(loss, layer.kernel)

        graph = step.get_concrete_function(tf.TensorSpec((batch, 8))).graph
        peaks.append(peak_live_elements(graph, batch * batch * kernels) / (batch * batch * kernels))
    assert peaks[0] == peaks[1] <= 8


# ------------------------------------------------------------------------------ virtual batch normalization


def vbn_oracle(x, size, gamma, beta, epsilon):
    """Row by row, from the definition: the weighted mean and mean square over reference and row."""
    x = x.astype(np.float64)
    axes = tuple(range(1, x.ndim - 1))
    mean, square = x.mean(axes), (x**2).mean(axes)  # (rows, channels)
    out = np.empty_like(x)
    for row in range(len(x)):
        m, s = mean[:size].mean(0), square[:size].mean(0)
        if row >= size:
            weight = 1 / (size + 1)
            m, s = (1 - weight) * m + weight * mean[row], (1 - weight) * s + weight * square[row]
        out[row] = (x[row] - m) / np.sqrt(s - m**2 + epsilon) * gamma + beta
    return out


@pytest.mark.parametrize("shape", [(7, 3), (6, 4, 5, 2), (6, 8, 3)])
def test_virtual_batch_norm_equals_its_definition(shape):
    layer = tricks.VirtualBatchNormalization(4)
    layer.build((None, *shape[1:]))
    layer.gamma.assign(normal(shape[-1], seed=1))
    layer.beta.assign(normal(shape[-1], seed=2))
    x = 3 * normal(*shape) + 5
    expected = vbn_oracle(x, 4, layer.gamma.numpy(), layer.beta.numpy(), layer.epsilon)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_virtual_batch_norm_on_the_reference_is_batch_norm():
    x = 2 * normal(5, 4, 4, 3) - 1
    ours = tricks.VirtualBatchNormalization(5, epsilon=1e-3)(x)
    np.testing.assert_allclose(
        ours, keras.layers.BatchNormalization(epsilon=1e-3)(x, training=True), atol=1e-5
    )


def test_virtual_batch_norm_rows_do_not_depend_on_each_other():
    layer = tricks.VirtualBatchNormalization(3)
    reference, a, b = normal(3, 4, 4, 2), normal(1, 4, 4, 2, seed=1), 9 * normal(6, 4, 4, 2, seed=2)
    alone = layer(np.concatenate([reference, a]))
    among = layer(np.concatenate([reference, b[:3], a, b[3:]]))
    np.testing.assert_array_equal(alone[3], among[6])
    np.testing.assert_array_equal(alone[:3], among[:3])


def test_virtual_batch_norm_of_a_row_like_the_reference():
    """A row at the reference's mean comes out at beta; a row with also the reference's spread over its
    positions leaves the statistics as they are."""
    layer = tricks.VirtualBatchNormalization(4)
    reference = normal(4, 3)
    output = layer(np.concatenate([reference, reference.mean(0, keepdims=True)]))
    np.testing.assert_allclose(output[4], np.zeros(3), atol=1e-6)

    pictures = normal(4, 2, 2, 3)
    row = pictures.reshape(1, 4, 4, 3)  # every value of the reference, once
    layer = tricks.VirtualBatchNormalization(4, epsilon=1e-3)
    wide = np.tile(pictures, (1, 2, 2, 1))  # the same values in the same shares, at the row's size
    whole = (row - pictures.mean((0, 1, 2))) / np.sqrt(pictures.var((0, 1, 2)) + 1e-3)
    np.testing.assert_allclose(layer(np.concatenate([wide, row]))[4:], whole, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 2), (4, 2, 3, 2)])
def test_virtual_batch_norm_gradients_equal_finite_differences(shape):
    layer = tricks.VirtualBatchNormalization(3)
    x, weights = normal(*shape).astype(np.float64), normal(*shape, seed=1)

    def loss(x):
        return np.sum(weights * vbn_oracle(x, 3, np.ones(2), np.zeros(2), layer.epsilon))

    gradient = gradient_of(lambda x: tf.reduce_sum(weights * layer(x)), x)
    np.testing.assert_allclose(gradient, finite_differences(loss, x), atol=2e-3, rtol=1e-3)
    assert np.any(
        gradient[:3] != gradient_of(lambda x: tf.reduce_sum(weights[:3] * layer(x)[:3]), x)[:3]
    )


def test_virtual_batch_norm_in_a_graph_refuses_to_lose_its_reference():
    layer = tricks.VirtualBatchNormalization(3)
    graph = tf.function(layer, input_signature=[tf.TensorSpec([None, 2])])
    assert graph(normal(3, 2)).shape == (3, 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="with_reference"):
        graph(normal(2, 2))


def deep_model(size):
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(3, 3, strides=2, padding="same"),
            tricks.VirtualBatchNormalization(size),
            keras.layers.LeakyReLU(),
            keras.Sequential([keras.layers.Conv2D(4, 3), tricks.VirtualBatchNormalization(size)]),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
            tricks.VirtualBatchNormalization(size),
        ]
    )


def test_with_reference_keeps_the_reference_at_every_depth(tmp_path):
    model, reference = deep_model(3), normal(3, 6, 6, 2)
    bound = tricks.with_reference(model, reference)
    x = normal(5, 6, 6, 2, seed=1)
    together = bound(x).numpy()
    np.testing.assert_array_equal(together, model(np.concatenate([reference, x]))[3:])
    for row in range(5):  # no sample knows of another one, after three normalizations
        np.testing.assert_allclose(bound(x[row : row + 1])[0], together[row], atol=1e-5)
    np.testing.assert_allclose(tf.function(bound)(x), together, atol=1e-5)
    np.testing.assert_allclose(bound.predict(x, verbose=0), together, atol=1e-5)

    assert [id(v) for v in bound.trainable_variables] == [id(v) for v in model.trainable_variables]
    bound.save(tmp_path / "bound.keras")
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "bound.keras")(x), together, atol=1e-6
    )


def test_with_reference_inside_a_functional_model_and_with_several_outputs():
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(3)(inputs)
    model = keras.Model(
        inputs, {"features": hidden, "out": tricks.VirtualBatchNormalization(4)(hidden)}
    )
    bound = tricks.with_reference(model, normal(4, 2))
    outer_inputs = keras.Input((2,))
    outer = keras.Model(outer_inputs, bound(outer_inputs))
    x = normal(5, 2, seed=1)
    assert {name: value.shape for name, value in outer(x).items()} == {
        "features": (5, 3),
        "out": (5, 3),
    }
    np.testing.assert_allclose(outer(x)["features"], model.layers[1](x), atol=1e-6)


def test_with_reference_refuses_a_reference_of_another_size():
    with pytest.raises(ValueError, match=r"reference_size \[3\]. Received: a reference of 4 rows"):
        tricks.with_reference(deep_model(3), normal(4, 6, 6, 2))


def test_statistics_start_as_those_of_a_batch():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    )
    x = 0.01 * normal(16, 5)
    model(x)
    inner = model.layers[0](x).numpy()
    tricks.start_statistics(model, x)
    norm = model.layers[1]
    np.testing.assert_allclose(norm.moving_mean, inner.mean(axis=0), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(norm.moving_variance, inner.var(axis=0), rtol=1e-4)
    assert norm.momentum == 0.99
    np.testing.assert_allclose(model(x), model(x, training=True), atol=1e-6)


def test_statistics_are_not_started_while_a_graph_is_traced():
    model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization()])
    with pytest.raises(RuntimeError, match=r"outside tf\.function"):
        tf.function(lambda x: tricks.start_statistics(model, x))(normal(3, 4))


# --------------------------------------------------------------------------------------- weight normalization

WRAPPED = {
    "dense": (lambda **k: keras.layers.Dense(6, **k), (9,), -1),
    "conv": (lambda **k: keras.layers.Conv2D(6, 3, strides=2, padding="same", **k), (5, 6, 2), -1),
    "transpose": (lambda **k: keras.layers.Conv2DTranspose(6, 4, 2, "same", **k), (3, 4, 2), 2),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_weight_norm_is_the_layer_with_kernel_g_v_over_length(kind):
    make, shape, unit_axis = WRAPPED[kind]
    inner = make(activation="tanh")
    layer = tricks.WeightNormalization(inner)
    plain = make(activation="tanh")
    x = normal(4, *shape)
    plain.build((None, *shape))
    inner.build((None, *shape))
    inner.kernel.assign(plain.kernel)
    np.testing.assert_allclose(layer(x), plain(x), atol=1e-6)  # before any training

    g = normal(6, seed=1)
    layer.g.assign(g)
    kernel = np.moveaxis(inner.kernel.numpy(), unit_axis, -1)
    kernel = g * kernel / np.linalg.norm(kernel.reshape(-1, 6), axis=0)
    plain.kernel.assign(np.moveaxis(kernel, -1, unit_axis))
    np.testing.assert_allclose(layer(x), plain(x), atol=1e-5)
    np.testing.assert_allclose(tf.function(layer)(x), plain(x), atol=1e-5)


@pytest.mark.parametrize("kind", WRAPPED)
@pytest.mark.parametrize("activation", [None, "relu"])
def test_weight_norm_initialized_from_data_has_mean_0_variance_1(kind, activation):
    make, shape, _ = WRAPPED[kind]
    layer = tricks.WeightNormalization(make(activation=activation))
    batch = 4 * normal(64, *shape) + 3
    output = layer.initialize_from(batch)
    np.testing.assert_array_equal(output, layer(batch))
    layer.layer.activation = keras.activations.linear
    before_activation = layer(batch).numpy().reshape(-1, 6)
    np.testing.assert_allclose(before_activation.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(before_activation.var(0), 1, atol=1e-4)
    if activation:
        np.testing.assert_allclose(output, np.maximum(layer(batch), 0), atol=1e-6)


def test_weight_norm_initialized_from_data_in_mixed_precision():
    layer = tricks.WeightNormalization(keras.layers.Conv2D(5, 3, dtype="mixed_bfloat16"))
    batch = 4 * normal(64, 6, 6, 3) + 3
    output = layer.initialize_from(batch)
    assert output.dtype == tf.bfloat16
    output = tf.cast(output, tf.float32).numpy().reshape(-1, 5)
    np.testing.assert_allclose(output.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(output.var(0), 1, atol=0.02)


def test_weight_norm_trains_both_length_and_direction():
    layer = tricks.WeightNormalization(keras.layers.Dense(2))
    x, weights = normal(5, 3), normal(5, 2, seed=1)
    layer.build((None, 3))
    v, bias = layer.layer.kernel.numpy().astype(np.float64), layer.layer.bias.numpy()
    g = layer.g.numpy().astype(np.float64)

    def loss(g, v):
        return np.sum(weights * (x @ (g * v / np.linalg.norm(v, axis=0)) + bias))

    with tf.GradientTape() as tape:
        value = tf.reduce_sum(weights * layer(x))
    by_g, by_v = tape.gradient(value, [layer.g, layer.layer.kernel])
    np.testing.assert_allclose(by_g, finite_differences(lambda g: loss(g, v), g), atol=1e-3)
    np.testing.assert_allclose(by_v, finite_differences(lambda v: loss(g, v), v), atol=1e-3)
    # A step along the gradient never shortens v: it is at right angles to it.
    np.testing.assert_allclose(np.sum(by_v * v, axis=0), 0, atol=1e-5)
    assert len(layer.trainable_variables) == 3


def test_weight_norm_initialization_needs_a_bias_and_spares_dead_units():
    with pytest.raises(ValueError, match="use_bias=False"):
        tricks.WeightNormalization(keras.layers.Dense(2, use_bias=False)).initialize_from(
            normal(4, 3)
        )
    layer = tricks.WeightNormalization(keras.layers.Dense(2))
    np.testing.assert_allclose(layer.initialize_from(np.ones((4, 3), np.float32)), 0, atol=1e-6)
    np.testing.assert_array_equal(layer.g, [1, 1])


def test_weight_norm_may_be_built_while_a_graph_is_traced():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = tricks.WeightNormalization(keras.layers.Dense(3))

        def call(self, inputs):
            return self.inner(inputs)

    model, x = Subclassed(), normal(4, 2)
    output = tf.function(model)(x)
    np.testing.assert_allclose(output, x @ model.inner.layer.kernel.numpy(), atol=1e-6)


def test_weight_norm_frozen_and_without_bias():
    layer = tricks.WeightNormalization(keras.layers.Dense(2, use_bias=False))
    layer.trainable = False
    x = normal(4, 3)
    np.testing.assert_allclose(layer(x), x @ layer.layer.kernel.numpy(), atol=1e-6)
    assert layer.trainable_variables == []


# ------------------------------------------------------------------------------------------------- upsampling


def test_pixel_shuffle_by_hand():
    """One pixel with channels 0 … 7 becomes 2 × 2 pixels of two channels."""
    pixel = np.arange(8, dtype=np.float32).reshape(1, 1, 1, 8)
    np.testing.assert_array_equal(
        tricks.PixelShuffle(2)(pixel)[0], [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    )
    x = normal(2, 3, 4, 18)
    shuffled = x.reshape(2, 3, 4, 3, 3, 2).transpose(0, 1, 3, 2, 4, 5).reshape(2, 9, 12, 2)
    np.testing.assert_array_equal(tricks.PixelShuffle(3)(x), shuffled)
    np.testing.assert_array_equal(tricks.PixelShuffle(1)(x), x)


def upsample_pair(kernel_size, scale, channels=3, filters=2):
    layer = tricks.UpsampleConv2D(filters, kernel_size, scale, bias_initializer="random_normal")
    convolution = keras.layers.Conv2D(filters, kernel_size, padding="same")
    layer.build((None, None, None, channels))
    convolution.build((None, None, None, channels))
    convolution.kernel.assign(layer.kernel)
    convolution.bias.assign(layer.bias)
    upsample = keras.layers.UpSampling2D(scale, interpolation="nearest")
    return layer, convolution, lambda x: convolution(upsample(x))


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5, 6, 7, (3, 4), (5, 2)])
def test_upsample_conv_equals_upsample_then_conv(kernel_size, scale):
    layer, _, plain = upsample_pair(kernel_size, scale)
    for height, width in ((4, 6), (5, 3), (1, 2)):
        x = normal(2, height, width, 3)
        np.testing.assert_allclose(layer(x), plain(x), rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("kernel_size", [3, 4, 5])
def test_upsample_conv_gradients_equal_those_of_upsample_then_conv(kernel_size, scale):
    layer, convolution, plain = upsample_pair(kernel_size, scale)
    x = tf.constant(normal(2, 5, 4, 3))
    weights = normal(2, 5 * scale, 4 * scale, 2, seed=1)
    gradients = []
    for function, owner in ((layer, layer), (plain, convolution)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(weights * function(x))
        gradients.append(tape.gradient(loss, [x, owner.kernel, owner.bias]))
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5)


def multiplications(function, shape):
    """What the convolutions and matrix products of the traced function multiply."""
    graph = tf.function(function).get_concrete_function(tf.TensorSpec(shape)).graph
    total = 0
    for operation in graph.get_operations():
        if operation.type == "Conv2D":
            height, width, channels, _ = operation.inputs[1].shape
            total += operation.outputs[0].shape.num_elements() * height * width * channels
        elif operation.type == "MatMul":
            total += operation.outputs[0].shape.num_elements() * operation.inputs[0].shape[1]
    return total


@pytest.mark.parametrize(
    ("kernel_size", "scale", "side", "taps"),
    # taps: multiplications per upsampled pixel, channel and filter; `side` of the convolution for 8 × 8
    [(3, 2, 9, 4), (4, 2, 8, 9), (5, 2, 8, 9), (3, 3, 9, 4), (4, 3, 9, 4), (5, 3, 8, 9)],
)
def test_upsample_conv_multiplies_as_little_as_the_algebra_promises(kernel_size, scale, side, taps):
    batch, channels, filters = 32, 3, 2
    layer, _, plain = upsample_pair(kernel_size, scale, channels, filters)
    shape = (batch, 8, 8, channels)
    upsampled = batch * (8 * scale) ** 2 * channels * filters
    assert multiplications(plain, shape) == upsampled * kernel_size**2
    convolution = batch * side**2 * channels * filters * scale**2 * taps
    folding = taps * scale**2 * kernel_size**2 * channels * filters
    assert multiplications(layer, shape) == convolution + folding
    assert multiplications(layer, shape) < 0.65 * multiplications(plain, shape)


@pytest.mark.parametrize("compiled", [False, True])
def test_upsample_conv_sums_the_gradient_of_its_bias_in_float32(compiled):
    layer = tricks.UpsampleConv2D(2, 5, scale=2, dtype="mixed_bfloat16")
    images = tf.zeros((128, 14, 14, 3))
    layer.build(images.shape)

    def gradient():
        with tf.GradientTape() as tape:
            half = tf.reduce_sum(layer(images) / 2)
        return tape.gradient(half, layer.bias)

    found = (tf.function(gradient) if compiled else gradient)()
    np.testing.assert_allclose(found, [128 * 28 * 28 / 2] * 2, rtol=0.01)


def test_upsample_conv_takes_any_size_in_one_graph():
    layer, _, plain = upsample_pair(3, 2)
    graph = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, 3])])
    for size in (1, 4, 7):
        x = normal(2, size, size + 1, 3)
        np.testing.assert_allclose(graph(x), plain(x), atol=2e-6)


# ------------------------------------------------------------------------------------------------------ noise


def test_instance_noise_decays_linearly_to_exactly_zero():
    layer = tricks.InstanceNoise(stddev=2.0, decay_steps=4, seed=0)
    x = np.full((20000,), 3.0, np.float32)
    call = tf.function(lambda x: layer(x, training=True))
    for step, expected in enumerate([2.0, 1.5, 1.0, 0.5]):
        np.testing.assert_array_equal(layer(x, training=False), x)
        assert int(layer.step) == step  # inference neither adds noise nor counts
        noisy = (call if step % 2 else lambda x: layer(x, training=True))(x)
        assert np.std(noisy) == pytest.approx(expected, rel=0.03)
        assert np.mean(noisy) == pytest.approx(3.0, abs=0.06)
    for _ in range(3):
        np.testing.assert_array_equal(call(x), x)
        np.testing.assert_array_equal(layer(x, training=True), x)
    assert int(layer.step) == 4  # it cannot overflow


def test_instance_noise_comes_from_its_seed():
    x = np.zeros(8, np.float32)
    first, again, other = (tricks.InstanceNoise(1.0, 9, seed=s) for s in (5, 5, 6))
    a, b = first(x, training=True), first(x, training=True)
    np.testing.assert_array_equal(again(x, training=True), a)
    assert not np.array_equal(a, b)
    assert not np.array_equal(a, other(x, training=True))


def test_instance_noise_lets_gradients_through_and_advances_under_fit():
    model = keras.Sequential(
        [keras.Input((2,)), tricks.InstanceNoise(0.1, 100), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse", jit_compile=False)
    before = model.layers[-1].kernel.numpy()
    model.fit(normal(12, 2), normal(12, 1), batch_size=4, epochs=2, verbose=0)
    assert int(model.layers[0].step) == 6
    assert not np.array_equal(model.layers[-1].kernel, before)
    gradient = gradient_of(lambda x: tf.reduce_sum(model.layers[0](x, training=True)), normal(3, 2))
    np.testing.assert_array_equal(gradient, np.ones((3, 2)))


def test_dropout_noise_is_on_at_test_time_too():
    layer = tricks.DropoutNoise(0.25, seed=3)
    x = np.ones((100, 100), np.float32)
    for training in (True, False):
        y = layer(x, training=training).numpy()
        assert np.mean(y == 0) == pytest.approx(0.25, abs=0.02)
        np.testing.assert_allclose(y[y != 0], 1 / 0.75, rtol=1e-6)
    assert not np.array_equal(layer(x), layer(x))
    model = keras.Sequential([keras.Input((100,)), layer])
    assert np.mean(model.predict(x, verbose=0) == 0) == pytest.approx(0.25, abs=0.02)
    np.testing.assert_array_equal(tricks.DropoutNoise(0.0)(x), x)


def test_weights_normalized_once_serve_several_calls_alike():
    layer = tricks.WeightNormalization(keras.layers.Dense(3))
    x = [tf.constant(normal(4, 5, seed=i)) for i in range(3)]
    layer(x[0])
    variables = layer.trainable_variables
    results = []
    for once in (False, True):
        with tf.GradientTape() as tape:
            kernel = layer.normalized_kernel() if once else None
            outputs = [layer(batch, kernel=kernel) for batch in x]
            loss = tf.add_n([tf.reduce_sum(tf.square(y)) for y in outputs])
        results.append([*outputs, *tape.gradient(loss, variables)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    # Without the argument new weights hold at once.
    before = layer(x[0], kernel=layer.normalized_kernel()).numpy()
    layer.g.assign(2 * layer.g)
    layer.layer.bias.assign(2 * layer.layer.bias)
    np.testing.assert_allclose(layer(x[0]), 2 * before, rtol=1e-5, atol=1e-6)
