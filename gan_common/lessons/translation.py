"""From image to image: the smallest versions of the chapter's applications (section 2.2.1).

`pairs` learns from examples of what should come out, as pix2pix (Isola et al. 2017, 1611.07004), SRGAN
(Ledig et al. 2017, 1609.04802) and the prediction of video frames (Mathieu et al. 2016, 1511.05440) do.
`cycle` has no such examples, only two heaps of images, as CycleGAN (Zhu et al. 2017, 1703.10593) and
DiscoGAN (Kim et al. 2017, 1703.05192).  Images are float32 (N, H, W, C) in [−1, 1], H and W even.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan_common import losses

BATCH = 32
RATE = 2e-3
FILTERS = 16
LEAK = 0.2


def generator(channels_in: int, channels_out: int, filters: int = FILTERS) -> keras.Model:
    """Image (H, W, channels_in) → image (H, W, channels_out), at half the size in the middle.

    What the input shows well passes by the middle on the skip connection (a U-Net of one floor).
    """
    inputs = keras.Input((None, None, channels_in))
    x = layers.Conv2D(filters, 3, padding="same")(inputs)
    skip = x = layers.LeakyReLU(LEAK)(x)
    x = layers.Conv2D(2 * filters, 4, 2, "same")(x)
    x = layers.LeakyReLU(LEAK)(x)
    x = layers.Conv2D(2 * filters, 3, padding="same")(x)
    x = layers.LeakyReLU(LEAK)(x)
    x = layers.Conv2DTranspose(filters, 4, 2, "same")(x)
    x = layers.LeakyReLU(LEAK)(layers.Concatenate()([x, skip]))
    x = layers.Conv2D(channels_out, 3, padding="same", activation="tanh")(x)
    return keras.Model(inputs, x, name="generator")


def discriminator(channels: int, filters: int = FILTERS) -> keras.Model:
    """Image → a map of logits, one for each patch (Isola et al. 2017, section 3.2.2)."""
    inputs = keras.Input((None, None, channels))
    x = layers.LeakyReLU(LEAK)(layers.Conv2D(filters, 4, 2, "same")(inputs))
    x = layers.LeakyReLU(LEAK)(layers.Conv2D(2 * filters, 4, 2, "same")(x))
    return keras.Model(inputs, layers.Conv2D(1, 3, padding="same")(x), name="discriminator")


def pairs(
    inputs: np.ndarray,
    targets: np.ndarray,
    steps: int,
    adversarial: float = 0.05,
    seed: int = 1,
) -> tuple[keras.Model, list[dict[str, float]]]:
    """Learn inputs → targets by E|y − G(x)| + adversarial · (−E log D(x, G(x))).

    Args:
        inputs, targets: (N, H, W, C), of one height and width.
        steps: of G, and of D where there is one.
        adversarial: weight of the game; 0 leaves the distance alone.
        seed: of weights and order.

    Returns:
        The generator, and a row of `distance`, `d_loss`, `g_loss` for each step.

    Raises:
        ValueError: as many inputs as targets are needed, of one size, and a weight of at least 0.
    """
    if inputs.shape[:3] != targets.shape[:3]:
        raise ValueError(
            "inputs and targets must agree in all but the channels. "
            f"Received: shapes {inputs.shape} and {targets.shape}"
        )
    if adversarial < 0:
        raise ValueError(f"adversarial must not be negative. Received: adversarial={adversarial}")
    keras.utils.set_random_seed(seed)
    g = generator(inputs.shape[-1], targets.shape[-1])
    d = discriminator(inputs.shape[-1] + targets.shape[-1])
    g_optimizer, d_optimizer = _optimizer(g), _optimizer(d)

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            made = g(x, training=True)
            distance = tf.reduce_mean(tf.abs(y - made))
            g_total, d_loss, g_loss = distance, tf.zeros(()), tf.zeros(())
            if adversarial:
                real, fake = (d(tf.concat([x, z], axis=-1), training=True) for z in (y, made))
                d_loss = losses.discriminator_loss("non_saturating", real, fake)
                g_loss = losses.generator_loss("non_saturating", fake)
                g_total += adversarial * g_loss
        # Both gradients are those of the weights before the step.
        g_gradients = tape.gradient(g_total, g.trainable_variables)
        if adversarial:
            d_gradients = tape.gradient(d_loss, d.trainable_variables)
            d_optimizer.apply(d_gradients, d.trainable_variables)
        g_optimizer.apply(g_gradients, g.trainable_variables)
        return {"distance": distance, "d_loss": d_loss, "g_loss": g_loss}

    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(steps):
        chosen = draw.integers(len(inputs), size=BATCH)
        values = step(tf.constant(inputs[chosen]), tf.constant(targets[chosen]))
        rows.append({name: float(value) for name, value in values.items()})
    return g, rows


def cycle(
    first: np.ndarray, second: np.ndarray, steps: int, weight: float = 10.0, seed: int = 1
) -> tuple[keras.Model, keras.Model, list[dict[str, float]]]:
    """Learn the way from one heap of images to the other, and back, without any pair.

    Each way has a discriminator, by least squares, and there and back again must end where it began:
    weight · (E|F(G(a)) − a| + E|G(F(b)) − b|), Zhu et al. 2017 equation 2.

    Args:
        first, second: (N, H, W, C) and (M, H, W, C).
        steps: of all four networks.
        weight: of the way there and back.
        seed: of weights and order.

    Returns:
        G: first → second, F: second → first, and a row of `there_and_back`, `d_loss`, `g_loss` a step.
    """
    keras.utils.set_random_seed(seed)
    channels = first.shape[-1], second.shape[-1]
    to_second, to_first = generator(*channels), generator(*channels[::-1])
    judges = [discriminator(count) for count in channels]
    ways = [*to_second.trainable_variables, *to_first.trainable_variables]
    judging = [v for judge in judges for v in judge.trainable_variables]
    g_optimizer, d_optimizer = (keras.optimizers.Adam(RATE, beta_1=0.5) for _ in range(2))
    g_optimizer.build(ways)
    d_optimizer.build(judging)

    @tf.function
    def step(a: Any, b: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            made_b, made_a = to_second(a, training=True), to_first(b, training=True)
            back = tf.reduce_mean(tf.abs(to_first(made_b, training=True) - a))
            back += tf.reduce_mean(tf.abs(to_second(made_a, training=True) - b))
            d_loss, g_loss = tf.zeros(()), tf.zeros(())
            for judge, real, fake in zip(judges, (a, b), (made_a, made_b), strict=True):
                verdicts = judge(real, training=True), judge(fake, training=True)
                d_loss += losses.discriminator_loss("least_squares", *verdicts)
                g_loss += losses.generator_loss("least_squares", verdicts[1])
            total = g_loss + weight * back
        g_gradients, d_gradients = tape.gradient(total, ways), tape.gradient(d_loss, judging)
        g_optimizer.apply(g_gradients, ways)
        d_optimizer.apply(d_gradients, judging)
        return {"there_and_back": back, "d_loss": d_loss, "g_loss": g_loss}

    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(steps):
        a = first[draw.integers(len(first), size=BATCH)]
        b = second[draw.integers(len(second), size=BATCH)]
        rows.append({k: float(v) for k, v in step(tf.constant(a), tf.constant(b)).items()})
    return to_second, to_first, rows


def coarsen(images: np.ndarray, factor: int = 4) -> np.ndarray:
    """Means over squares of `factor` pixels, laid out at the old size: what a small image tells."""
    count, height, width, channels = images.shape
    if height % factor or width % factor:
        raise ValueError(f"factor must divide {height}×{width}. Received: factor={factor}")
    blocks = images.reshape(
        count, height // factor, factor, width // factor, factor, channels
    ).mean(axis=(2, 4))
    return blocks.repeat(factor, axis=1).repeat(factor, axis=2).astype(np.float32)


def moving(images: np.ndarray, frames: int, seed: int = 0) -> np.ndarray:
    """Clips (N, H, W, frames): each image flies at a speed of its own, −2 to 2 pixels a frame.

    Args:
        images: (N, H, W, 1) in [−1, 1], background −1; what leaves on one side is gone.
    """
    draw = np.random.default_rng(seed)
    speeds = draw.integers(-2, 3, size=(len(images), 2))
    height, width = images.shape[1:3]
    clips = np.full((len(images), height, width, frames), -1.0, np.float32)
    for clip, image, (down, right) in zip(clips, images[..., 0], speeds, strict=True):
        for t in range(frames):
            dy, dx = down * (t - 1), right * (t - 1)
            to_y, from_y = max(0, dy), max(0, -dy)
            to_x, from_x = max(0, dx), max(0, -dx)
            rows, columns = height - abs(dy), width - abs(dx)
            clip[to_y : to_y + rows, to_x : to_x + columns, t] = image[
                from_y : from_y + rows, from_x : from_x + columns
            ]
    return clips


def sharpness(images: np.ndarray) -> float:
    """Mean size of the difference between neighboring pixels of images (N, H, W, C)."""
    across = np.abs(np.diff(images, axis=2)).mean()
    return float((across + np.abs(np.diff(images, axis=1)).mean()) / 2)


def _optimizer(network: keras.Model) -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.Adam(RATE, beta_1=0.5)
    optimizer.build(network.trainable_variables)
    return optimizer
