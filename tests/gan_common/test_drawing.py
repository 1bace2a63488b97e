"""Images go through a network some at a time: as many as fit, an even number, the same images."""

import numpy as np
import tensorflow as tf

from gan_common import drawing


def test_as_many_as_fit_and_an_even_number():
    assert drawing.most((28, 28, 1), 250) == 250
    assert drawing.most((256, 256, 3), 250) == 20  # 2²⁴ bytes over 786,432 is 21
    assert drawing.most((1024, 1024, 3), 250) == 2


def test_parts_are_rounded_as_the_whole_is(monkeypatch):
    monkeypatch.setattr(drawing, "CHUNK_BYTES", 4 * 6 * 2)
    seen = []

    def draw(latents, shift):
        seen.append(len(latents))
        return tf.reshape(latents + shift[:, None], (-1, 1, 2, 3))

    latents = np.linspace(-1, 1, 30, dtype=np.float32).reshape(5, 6)
    images = drawing.drawn_by(draw, (latents, np.zeros(5, np.float32)), (1, 2, 3), 250)
    assert seen == [2, 2, 1]
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images.ravel(), np.rint((latents.ravel() + 1) * 127.5))
