"""Batch norm merged into the layer before it: the same numbers from fewer operations."""

from collections import Counter
from typing import Any

import keras
import numpy as np
from keras import layers

# What a batch norm can be merged into, by the axis of its kernel that tells the output channels.
CHANNELS = {layers.Dense: -1, layers.Conv2D: -1, layers.Conv2DTranspose: -2}


def merged(model: keras.Model) -> keras.Model:
    """The network with each batch norm merged that directly follows a linear layer; it is for use alone.

    γ (Wx + b − μ) / √(σ² + ε) + β is one linear layer, of kernel s·W and bias s·(b − μ) + β with
    s = γ / √(σ² + ε).  A batch norm behind max pooling or an activation stays, and so does one whose
    input is used elsewhere too.

    Args:
        model: functional, of Keras's layers, each called once: what `portable` returns.
    """
    into = _pairs(model)
    if not into:
        return model
    replaced = {id(linear) for linear in into.values()}

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        if id(layer) in into_norm:
            return inputs[0]  # the layer before it has done it
        if id(layer) not in replaced:
            return layer(*inputs, **options)
        made = type(layer).from_config({**layer.get_config(), "use_bias": True})
        y = made(*inputs)
        made.set_weights(_weights(layer, norms[id(layer)]))
        return y

    into_norm = {id(norm) for norm in into}
    norms = {id(linear): norm for norm, linear in into.items()}
    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


def _pairs(model: keras.Model) -> dict[layers.Layer, layers.Layer]:
    """Each batch norm that can be merged → the linear layer before it, with at most a reshape between."""
    operations = [each for each in model.operations if not isinstance(each, layers.InputLayer)]
    made_by: dict[int, Any] = {id(each.output): each for each in operations}
    inputs = [keras.tree.flatten(each.input) for each in operations]
    uses = Counter(id(x) for each in inputs for x in each)
    found = {}
    for norm in operations:
        if type(norm) is not layers.BatchNormalization or norm.axis not in (
            -1,
            len(norm.input.shape) - 1,
        ):
            continue
        x = norm.input
        before: Any = made_by.get(id(x))
        alone = uses[id(x)] == 1
        if type(before) is layers.Reshape:
            x = before.input
            before = made_by.get(id(x))
            alone = alone and uses[id(x)] == 1 and type(before) is layers.Dense
        linear = type(before) in CHANNELS and before.activation is keras.activations.linear
        if linear and alone:
            found[norm] = before
    return found


def _weights(layer: Any, norm: layers.BatchNormalization) -> list[np.ndarray]:
    """Kernel and bias of the layer, with the batch norm after it."""
    kernel = layer.kernel.numpy().astype(np.float64)
    axis = CHANNELS[type(layer)]
    channels = kernel.shape[axis]
    variance = norm.moving_variance.numpy().astype(np.float64)
    scale = 1 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        scale = scale * norm.gamma.numpy()
    bias = layer.bias.numpy() if layer.use_bias else np.zeros(channels)
    # Of a dense layer that is reshaped the channels come again at each position.
    times = channels // len(scale)
    s, mean = np.tile(scale, times), np.tile(norm.moving_mean.numpy(), times)
    offset = np.tile(norm.beta.numpy(), times) if norm.center else 0
    spread = s[:, None] if axis == -2 else s
    return [(kernel * spread).astype(np.float32), ((bias - mean) * s + offset).astype(np.float32)]
