"""A network of this project's layers as one of Keras's own: a file of it needs Keras alone."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from gan_common.kernels.convolutions import Conv2D, Conv2DTranspose
from gan_common.kernels.normalization import BatchNormalization
from gan_common.kernels.upsampling import UpsampleConv2D

KERAS = {
    BatchNormalization: keras.layers.BatchNormalization,
    Conv2D: keras.layers.Conv2D,
    Conv2DTranspose: keras.layers.Conv2DTranspose,
}


def portable(model: keras.Model) -> keras.Model:
    """The model with Keras's layers in place of those in `KERAS`, at any depth.

    `UpsampleConv2D` becomes the two layers that it equals.  A wrapper with `plain_weights` (weight norm)
    gives way to the layer that it wraps, with these weights.

    Args:
        model: built.  One that is not functional, or has none of these layers, is returned as it is.
    """
    functional = isinstance(model, keras.Model) and hasattr(model, "inputs") and model.inputs
    if not functional or not any(_is_ours(layer) for layer in all_layers(model)):
        return model
    clone = keras.saving.deserialize_keras_object(
        _keras_own(keras.saving.serialize_keras_object(model))
    )
    weights = [values for layer in all_layers(model) for values in _weights(layer)]
    for layer in all_layers(clone):
        count = len(layer.weights)
        layer.set_weights(weights[:count])
        del weights[:count]
    return clone


def foreign_layers(model: keras.Model) -> list[str]:
    """The names of the kinds of layers, and of models, that are not Keras's."""
    chain = [model, *all_layers(model)]
    kinds = {type(part).__name__: type(part).__module__.split(".")[0] for part in chain}
    return sorted(name for name, package in kinds.items() if package != "keras")


def all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Its layers, and in place of a model among them those of that model."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
        else:
            yield layer


def _is_ours(layer: keras.layers.Layer) -> bool:
    inner = getattr(layer, "layer", None)
    known = (*KERAS, UpsampleConv2D)
    return type(layer) in known or type(inner) in known or hasattr(layer, "plain_weights")


def _weights(layer: keras.layers.Layer) -> list[np.ndarray]:
    return layer.plain_weights() if hasattr(layer, "plain_weights") else layer.get_weights()


def _keras_own(config: Any) -> Any:
    """A serialized model in which the layers are Keras's."""
    if isinstance(config, list | tuple):
        return type(config)(_keras_own(part) for part in config)
    if not isinstance(config, dict):
        return config
    kind = keras.saving.get_registered_object(config.get("registered_name") or "")
    if hasattr(kind, "plain_weights"):
        inner = config["config"]["layer"]
        named = {**inner["config"], "name": config["config"]["name"]}
        return _keras_own({**config, **inner, "config": named})
    if kind is UpsampleConv2D:
        return {**config, **_upsampling(config["config"])}
    own = {name: _keras_own(part) for name, part in config.items()}
    if kind in KERAS:
        name = KERAS[kind].__name__
        own |= {"module": "keras.layers", "class_name": name, "registered_name": None}
    return own


def _upsampling(config: dict[str, Any]) -> dict[str, Any]:
    """Of a serialized `UpsampleConv2D`: nearest upsampling, then a convolution."""
    upsampling = keras.layers.UpSampling2D(config["scale"], interpolation="nearest")
    names = ("filters", "kernel_size", "activation", "use_bias", "dtype")
    convolution = keras.layers.Conv2D(**{name: config[name] for name in names}, padding="same")
    both = keras.Sequential([upsampling, convolution], name=config["name"])
    return keras.saving.serialize_keras_object(both)
