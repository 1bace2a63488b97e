"""Where G's loss sends a sample at any place of the plane: the reason why G's samples move together."""

from typing import Any

import numpy as np
import tensorflow as tf

from gan_common import losses


def field(game: Any, points: np.ndarray) -> np.ndarray:
    """The step that a sample would take at each place, against D as it is.

    Args:
        game: a `game.Game` on points in the plane, whose loss is of D's verdict on generated samples alone.
        points: (n, 2).

    Returns:
        (n, 2), −∂loss/∂place of one sample there, as `Game.verdicts` judges places.

    Raises:
        ValueError: D looks at whole batches, so that a place alone has no verdict.
    """
    places = tf.constant(points, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(places)
        verdicts = game.verdicts(places)
        if verdicts is None:
            raise ValueError("minibatch discrimination has no verdict on a place alone")
        loss = losses.generator_loss(game.options.loss, verdicts[:, None]) * len(points)
    return -tape.gradient(loss, places).numpy()
