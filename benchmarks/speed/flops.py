"""Floating-point operations of networks, counted from their layers, and of a GAN's training step.

A multiplication and the addition that follows it are two operations.  Only products of weights and
activations are counted: activations, norms, pooling and optimizers come on top, unpaid.
"""

import math
from collections.abc import Iterable

from keras import layers

from gan_common import tricks


def layer_flops(layer, input_shape) -> int:
    """Operations of one layer for one image, forward; 0 for layers without products.

    `UpsampleConv2D` counts as what it is equal to: upsampling, then the whole convolution.

    Args:
        layer: a built Keras layer.
        input_shape: of the layer, (batch, …).
    """
    output_shape = layer.compute_output_shape(input_shape)
    if isinstance(layer, tricks.WeightNormalization):
        layer = layer.layer
    if isinstance(layer, layers.Conv2DTranspose):
        positions = math.prod(input_shape[1:3])  # each input pixel meets the whole kernel
    elif isinstance(layer, layers.Conv2D | tricks.UpsampleConv2D):
        positions = math.prod(output_shape[1:3])
    elif isinstance(layer, layers.Dense):
        positions = math.prod(input_shape[1:-1])
    else:
        return 0
    return 2 * positions * math.prod(layer.kernel.shape)


def chain_flops(chain: Iterable, input_shape) -> list[int]:
    """Operations of each layer of a chain that has products, for one image, forward.

    Args:
        chain: built layers, each taking what the one before it returns.
        input_shape: of the first one, (batch, …).
    """
    counts, shape = [], tuple(input_shape)
    for layer in chain:
        if isinstance(layer, layers.InputLayer):
            continue
        counts.append(layer_flops(layer, shape))
        shape = layer.compute_output_shape(shape)
    return [count for count in counts if count]


def step_flops(generator: list[int], discriminator: list[int]) -> int:
    """Operations of one training step for one real image and one generated one.

    The step draws the image once, shows D both, and takes D's gradient; then shows the generated one
    to the new D for G's gradient.  A gradient costs a forward pass for the weights and one for the inputs;
    the first layer of a net needs none for its inputs, except where D passes the gradient on to G.

    Args:
        generator, discriminator: operations of each layer, forward, first layer first.
    """
    of_g = 3 * sum(generator) - generator[0]
    of_d = 2 * (3 * sum(discriminator) - discriminator[0])
    through_d = 2 * sum(discriminator)
    return of_g + of_d + through_d
