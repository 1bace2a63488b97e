"""A network of this project's layers as one of Keras's own, in float32: a file of it needs Keras alone."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from gan_common import tricks
from gan_common.kernels.convolutions import Conv2D, Conv2DTranspose
from gan_common.kernels.normalization import BatchNormalization
from gan_common.kernels.upsampling import UpsampleConv2D

KERAS = {
    BatchNormalization: layers.BatchNormalization,
    Conv2D: layers.Conv2D,
    Conv2DTranspose: layers.Conv2DTranspose,
}


def portable(model: keras.Model) -> keras.Model:
    """The network, in float32, with Keras's layers and operations in place of this project's, at any depth.

    What draws at random gives way to what Keras has of it, which draws in training alone: dropout noise is
    off when the network is asked.  Virtual batch norm keeps its reference batch's statistics as constants,
    so that its rows need not pass through the network.

    Args:
        model: built and functional, or such a one behind `tricks.with_reference`; one that is not functional
            is returned as it is.  A layer that is neither Keras's nor among those that `REPLACED` and `KERAS`
            know stays; `foreign_layers` names it.
    """
    behind_reference = isinstance(model, tricks.WithReference)
    network = model.model if behind_reference else model
    if not getattr(network, "inputs", None):
        return model
    if isinstance(network, keras.Sequential):
        network = keras.Model(network.inputs, network.outputs[0], name=network.name)
    replacing = _Replacing(model.reference if behind_reference else None, network)
    return keras.models.clone_model(
        network, clone_function=lambda layer: layer, call_function=replacing
    )


def foreign_layers(model: keras.Model) -> list[str]:
    """The names of the kinds of layers, operations and models that are not Keras's."""
    found = {type(model), *map(type, getattr(model, "operations", model.layers))}
    return sorted(kind.__name__ for kind in found if kind.__module__.split(".")[0] != "keras")


class _Replacing:
    """Calls Keras's layers in place of a network's, and follows the rows of a reference batch through it."""

    def __init__(self, reference: Any, network: keras.Model) -> None:
        self.reference = None if reference is None else ops.convert_to_tensor(reference)
        # Of each tensor of the network so far: the reference batch's rows there.
        self.rows: dict[int, Any] = {}
        self._kept: list[Any] = []  # so that no other tensor gets the number of one of them

    def __call__(self, layer: Any, *inputs: Any, **options: Any) -> Any:
        if isinstance(layer, keras.Sequential):
            (x,) = inputs
            for inner in layer.layers:
                x = self(inner, x)
            return x
        rows = None
        if self.reference is not None:
            rows = keras.tree.map_structure(
                lambda x: self.rows.get(id(x), self.reference), list(inputs)
            )
        replace = next((made for kind, made in REPLACED.items() if isinstance(layer, kind)), None)
        if isinstance(layer, tricks.VirtualBatchNormalization):
            if rows is None:
                raise ValueError("virtual batch norm needs its reference: see with_reference")
            y = _virtual_batch_norm(layer, inputs[0], rows[0])
        elif replace is not None:
            y = replace(layer, *inputs)
        elif isinstance(layer, layers.Layer):
            y = _plain(layer)(*inputs)
        else:  # one of keras.ops
            y = layer(*inputs, **options)
        if rows is not None:
            random = isinstance(layer, tricks.DropoutNoise)
            self.rows[id(y)] = rows[0] if random else layer(*rows, **options)
            self._kept.append(y)
        return y


def _plain(layer: layers.Layer, weights: list[np.ndarray] | None = None, **changes: Any) -> Any:
    """A layer of Keras's that computes what this one does; once it was called it has these weights."""
    config = {**layer.get_config(), "dtype": "float32", **changes}
    made = KERAS.get(type(layer), type(layer)).from_config(config)
    shapes = [tuple(variable.shape) for variable in layer.weights]
    values = layer.get_weights() if weights is None else weights

    def call(*inputs: Any) -> Any:
        y = made(*inputs)
        if shapes or values:
            made.set_weights(values)
        return y

    return call


def _unwrapped(layer: Any, x: Any) -> Any:
    """Weight norm, spectral norm: the wrapped layer, with the weights that it has by its wrapper."""
    has_plain = hasattr(layer, "plain_weights")
    weights = layer.plain_weights() if has_plain else layer.layer.get_weights()
    inner = layer.layer
    if isinstance(inner, UpsampleConv2D):
        return _upsampled(inner, x, weights, layer.name)
    return _plain(inner, weights, name=layer.name)(x)


def _upsampled(
    layer: Any, x: Any, weights: list[np.ndarray] | None = None, name: str | None = None
) -> Any:
    """`UpsampleConv2D`, nearest upsampling and then a convolution: together one transposed convolution.

    Upsampling by s is a transposed convolution with s×s ones, so both are one of side k + s − 1, at
    36 of 100 multiplications for k = 5, s = 2.  Where a side is even "same" pads the two otherwise: then
    they stay two layers.
    """
    config, name = layer.get_config(), name or layer.name
    kernel, *bias = layer.get_weights() if weights is None else weights
    options = {key: config[key] for key in ("filters", "activation", "use_bias")}
    options |= {"padding": "same", "dtype": "float32", "name": name}
    scale, sides = config["scale"], kernel.shape[:2]
    if any(side % 2 == 0 for side in sides):
        x = layers.UpSampling2D(scale, dtype="float32", name=f"{name}_nearest")(x)
        made = layers.Conv2D(kernel_size=sides, **options)
    else:
        spread = np.zeros([side + scale - 1 for side in sides] + [*kernel.shape[2:]], np.float32)
        for row, column in np.ndindex(scale, scale):
            spread[row : row + sides[0], column : column + sides[1]] += kernel[::-1, ::-1]
        kernel = spread.swapaxes(2, 3)
        made = layers.Conv2DTranspose(kernel_size=kernel.shape[:2], strides=scale, **options)
    y = made(x)
    made.set_weights([kernel, *bias])
    return y


def _enlarged(layer: Any, x: Any) -> Any:
    """`UpSampling2D`, and the size again, which its graph leaves unsaid: TFLite asks for it."""
    y = _plain(layer)(x)
    return layers.Reshape(y.shape[1:], name=f"{layer.name}_size")(y)


def _shuffled(layer: Any, x: Any) -> Any:
    """`PixelShuffle`: (h, w, s²·c) → (h, w, s, s, c) → (h, s, w, s, c) → (s·h, s·w, c)."""
    _, height, width, channels = x.shape
    s, name = layer.scale, layer.name
    x = layers.Reshape((height, width, s, s, channels // s**2), name=f"{name}_apart")(x)
    x = layers.Permute((1, 3, 2, 4, 5), name=f"{name}_turned")(x)
    return layers.Reshape((s * height, s * width, channels // s**2), name=name)(x)


def _compared(layer: Any, x: Any) -> Any:
    """`MinibatchDiscrimination`: each row's features, and how close it is to the others of its batch."""
    kernel = layer.kernel.numpy()  # (features, B, C)
    points = layers.Dense(
        kernel.shape[1] * kernel.shape[2], use_bias=False, dtype="float32", name=layer.name
    )
    flat = points(x)
    points.set_weights([kernel.reshape(len(kernel), -1)])
    m = layers.Reshape(kernel.shape[1:], name=f"{layer.name}_points")(flat)  # (N, B, C)
    distance = ops.sum(ops.abs(ops.expand_dims(m, 0) - ops.expand_dims(m, 1)), axis=-1)
    similarity = ops.sum(ops.exp(-distance), axis=1) - 1.0  # less a row's closeness to itself
    return layers.Concatenate(name=f"{layer.name}_beside")([x, similarity])


def _virtual_batch_norm(layer: Any, x: Any, reference: Any) -> Any:
    """Of the statistics of reference ∪ {x}, those of the reference as constants.

    Args:
        layer: the `VirtualBatchNormalization`.
        x: (N, …, channels).
        reference: (R, …, channels), what the reference batch is there.
    """
    rows = np.asarray(reference, np.float64).reshape(-1, reference.shape[-1])
    mean, variance = (a.astype(np.float32) for a in (rows.mean(axis=0), rows.var(axis=0)))
    gamma, beta = layer.gamma.numpy(), layer.beta.numpy()
    weight = 1.0 / (layer.reference_size + 1.0)
    positions = tuple(range(1, len(x.shape) - 1))
    row_mean = ops.mean(x, axis=positions, keepdims=True) if positions else x
    shift = row_mean - mean
    # A tensor of a network stands on the left of an array: NumPy's operators know no such.
    union = ops.square(shift) * (weight * (1.0 - weight)) + (1.0 - weight) * variance
    if positions:
        union = union + weight * ops.mean(ops.square(x - row_mean), axis=positions, keepdims=True)
    scale = ops.rsqrt(union + layer.epsilon) * gamma
    return (x - (weight * shift + mean)) * scale + beta


REPLACED: Mapping[type, Callable[..., Any]] = {
    tricks.WeightNormalization: _unwrapped,
    layers.SpectralNormalization: _unwrapped,
    UpsampleConv2D: _upsampled,
    layers.UpSampling2D: _enlarged,
    tricks.PixelShuffle: _shuffled,
    tricks.MinibatchDiscrimination: _compared,
    tricks.DropoutNoise: lambda layer, x: layers.Dropout(layer.rate, name=layer.name)(x),
    tricks.InstanceNoise: lambda layer, x: x,  # of a training alone
}
