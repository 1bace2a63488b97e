"""What networks take of memory, from their layers' shapes alone: no weight is made."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from gan_common import memory
from gan_common.arguments import ImageShape
from gan_common.kernels import machine
from gan_common.memory import Footprint

FLOAT = 4  # bytes
# Of what the layers put out at least so much is kept for the gradients.
KEPT = 0.5
OF_ADAM, OF_SGD = 2, 1  # numbers that the optimizer keeps of a weight


class Size(NamedTuple):
    """Of a network: how many weights it has, and how many numbers its layers put out of one image."""

    weights: int
    outputs: int


def of_layers(network: keras.Model) -> Size:
    """The size of a functional model."""
    shapes = [
        output.shape for layer in network.layers for output in keras.tree.flatten(layer.output)
    ]
    return Size(network.count_params(), sum(math.prod(shape[1:]) for shape in shapes))


def of_chain(network: keras.Model, chain: Sequence[Any], shape: tuple) -> Size:
    """The size of a built model that is a chain of layers, from its input's shape on."""
    outputs = 0
    for layer in chain:
        shape = layer.compute_output_shape(shape)
        outputs += math.prod(shape[1:])
    return Size(network.count_params(), outputs)


def check(
    config: Any,
    image_shape: ImageShape,
    num_classes: int,
    size_of: Callable[[Any, ImageShape, int], Footprint],
) -> None:
    """`memory.check`, where this process computes alone and on a CPU: other memory is not known.

    Args:
        config: of the training.
        image_shape, num_classes: of its data.
        size_of: of the package's models.

    Raises:
        UserError: the training takes more than there is.
    """
    if config.distribute == "none" and not machine.has_gpu():
        memory.check(config, image_shape, lambda config, shape: size_of(config, shape, num_classes))


def sizes(make: Callable[[], tuple[Size, Size]]) -> tuple[Size, Size]:
    """What `make` finds of G and D, which it makes, in a graph that is never run.

    It runs in a thread of its own, since Keras counts the names of its layers in each: those of the networks
    that are made next stay as they were.
    """

    def trace() -> tuple[Size, Size]:
        with tf.Graph().as_default():
            return make()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(trace).result()


def footprint(
    networks: tuple[Size, Size],
    slots: tuple[int, int],
    averaged: tuple[bool, bool],
    precision: str,
    share: float = 1.0,
) -> Footprint:
    """What a step takes at least.

    D sees real and generated images while what G did is kept; of the gradients those of one network are
    there at a time.

    Args:
        networks: G's and D's size.
        slots: numbers that G's and D's optimizers keep of each weight.
        averaged: whether there is an average of G's and of D's weights.
        precision: "float32" or "bfloat16", of what the layers put out.
        share: of the batch that both networks see.
    """
    generator, discriminator = networks
    copies = [
        size.weights * (1 + slot + average)
        for size, slot, average in zip(networks, slots, averaged, strict=True)
    ]
    state = FLOAT * (sum(copies) + max(size.weights for size in networks))
    number = 2 if precision == "bfloat16" else FLOAT
    kept = KEPT * (generator.outputs + 2 * discriminator.outputs)
    return Footprint(sum(size.weights for size in networks), state, int(number * kept * share))
