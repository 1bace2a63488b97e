"""A network of this project's layers as one of Keras's own: a file of it needs Keras alone."""

import keras

from gan_common.kernels.convolutions import Conv2D, Conv2DTranspose
from gan_common.kernels.normalization import BatchNormalization

KERAS = {
    BatchNormalization: keras.layers.BatchNormalization,
    Conv2D: keras.layers.Conv2D,
    Conv2DTranspose: keras.layers.Conv2DTranspose,
}


def portable(model: keras.Model) -> keras.Model:
    """The model with Keras's layers in place of those in `KERAS`.

    Args:
        model: built.  One that is not functional, or has none of these layers, is returned as it is.
    """
    functional = isinstance(model, keras.Model) and hasattr(model, "inputs") and model.inputs
    if not functional or not any(type(layer) in KERAS for layer in model.layers):
        return model

    def own(layer: keras.layers.Layer) -> keras.layers.Layer:
        return KERAS.get(type(layer), type(layer)).from_config(layer.get_config())

    clone = keras.models.clone_model(model, clone_function=own)
    clone.set_weights(model.get_weights())
    return clone
