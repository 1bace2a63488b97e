"""What came after the chapter: penalties on D's slope, augmentation that gradients pass.

`gan_common.tricks` has these names too.  A `seed` is as there: an int, an integer tensor of shape (2,), or
None.
"""

from collections.abc import Callable

import tensorflow as tf

from gan_common.arguments import Seed, TensorLike, seed_pair


def _squared_gradient_norms(critic: Callable, samples: tf.Tensor) -> tf.Tensor:
    """‖∇ₓ critic(x)‖² of every sample, (batch,), differentiable in the critic's weights."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(samples)
        scores = critic(samples)
    gradients = tf.cast(tape.gradient(scores, samples), tf.float32)
    return tf.reduce_sum(tf.square(gradients), axis=tuple(range(1, gradients.shape.rank)))


def gradient_penalty(
    critic: Callable, real: TensorLike, fake: TensorLike, seed: Seed = None
) -> tf.Tensor:
    """E (‖∇D(x̂)‖₂ − 1)² at points x̂ drawn evenly on the lines from real to generated samples.

    Call it inside the tape that takes D's gradient, and add λ times it to D's loss; λ = 10 in the paper.
    Batch normalization in D makes a sample's gradient depend on the other samples: leave it out.

    Args:
        critic: samples -> logits, one per sample, such as `lambda x: d(x, training=True)`.
        real, fake: batches of one shape, (batch, ...).
        seed: of the points on the lines; see the module's docstring.

    Returns:
        A float32 scalar.

    Raises:
        ValueError: the shapes differ.

    Source: Gulrajani et al. 2017 (1704.00028), equation 3 and algorithm 1.
    """
    real, fake = tf.cast(real, tf.float32), tf.cast(fake, tf.float32)
    if not real.shape.is_compatible_with(fake.shape):
        raise ValueError(
            f"real and fake must have one shape. Received: real {real.shape}, fake {fake.shape}"
        )
    share = tf.random.stateless_uniform(
        tf.concat([tf.shape(real)[:1], [1] * (real.shape.rank - 1)], 0), seed_pair(seed)
    )
    squared = _squared_gradient_norms(critic, share * real + (1.0 - share) * fake)
    # The constant keeps the square root's own gradient finite where D is flat.
    return tf.reduce_mean(tf.square(tf.sqrt(squared + 1e-12) - 1.0))


def r1_penalty(critic: Callable, real: TensorLike) -> tf.Tensor:
    """E ‖∇D(x)‖² at the real samples.

    Call it inside the tape that takes D's gradient, and add γ/2 times it to D's loss; γ = 10 in the paper.

    Args:
        critic: samples -> logits, one per sample.
        real: a batch, (batch, ...).

    Returns:
        A float32 scalar.

    Source: Mescheder et al. 2018 (1801.04406), equation 9.
    """
    return tf.reduce_mean(_squared_gradient_norms(critic, tf.cast(real, tf.float32)))


def _augment_color(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Brightness ±0.5, saturation ×[0, 2], contrast ×[0.5, 1.5], in that order."""
    draws = tf.random.stateless_uniform((3, tf.shape(images)[0], 1, 1, 1), seed)
    brightness, saturation, contrast = tf.unstack(tf.cast(draws, images.dtype))
    images += brightness - 0.5
    gray = tf.reduce_mean(images, axis=3, keepdims=True)
    images = (images - gray) * (2.0 * saturation) + gray
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return (images - mean) * (contrast + 0.5) + mean


def _augment_translation(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Shifts of up to an eighth of the height and of the width; what comes in is zero."""
    shape = tf.shape(images)
    for axis, axis_seed in zip((1, 2), tf.unstack(tf.random.split(seed)), strict=True):
        size = shape[axis]
        reach = tf.cast(tf.cast(size, tf.float32) / 8.0 + 0.5, tf.int32)
        shift = tf.random.stateless_uniform(
            (shape[0], 1), axis_seed, -reach, reach + 1, dtype=tf.int32
        )
        source = tf.range(size) - shift  # (batch, size): the row that each new row comes from
        inside = tf.cast((source >= 0) & (source < size), images.dtype)
        images = tf.gather(images, tf.clip_by_value(source, 0, size - 1), axis=axis, batch_dims=1)
        images *= inside[:, :, None, None] if axis == 1 else inside[:, None, :, None]
    return images


def _augment_cutout(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """A box of half the height and half the width is set to zero; it may overlap the border."""
    shape = tf.shape(images)
    hits = []
    for axis, axis_seed in zip((1, 2), tf.unstack(tf.random.split(seed)), strict=True):
        size = shape[axis]
        box = tf.cast(tf.cast(size, tf.float32) / 2.0 + 0.5, tf.int32)
        # The box's middle is any pixel; an even box has one more place, at the far border.
        middle = tf.random.stateless_uniform(
            (shape[0], 1), axis_seed, 0, size + 1 - box % 2, dtype=tf.int32
        )
        start = middle - box // 2
        position = tf.range(size)
        hits.append((position >= start) & (position < start + box))  # (batch, size)
    rows, columns = hits
    kept = ~(rows[:, :, None, None] & columns[:, None, :, None])  # (batch, height, width, 1)
    return images * tf.cast(kept, images.dtype)


_AUGMENTATIONS = {
    "color": _augment_color,
    "translation": _augment_translation,
    "cutout": _augment_cutout,
}


def differentiable_augment(
    images: TensorLike, policy: str = "color,translation,cutout", seed: Seed = None
) -> tf.Tensor:
    """Random transformations of each image, through which gradients flow back to G.

    D must see real and generated images only through this function, in its own step and in G's step;
    otherwise G learns to draw the transformations.  Each image draws its own transformation.  Values
    may leave [−1, 1], as in the paper.

    Args:
        images: floats in [−1, 1], (batch, height, width, channels), any size and number of channels.
        policy: comma-separated names out of color, translation and cutout, applied in this order; the
            empty string changes nothing.
        seed: see the module's docstring.

    Returns:
        A tensor of the shape and type of `images`.

    Raises:
        ValueError: an unknown name in the policy, or images that are not four-dimensional floats.

    Source: Zhao et al. 2020 (2006.10738), section 3; the ranges are those of their code.
    """
    images = tf.convert_to_tensor(images)
    if images.shape.rank != 4 or not images.dtype.is_floating:
        raise ValueError(
            "images must be floats of shape (batch, height, width, channels). "
            f"Received: shape {images.shape}, type {images.dtype.name}"
        )
    names = [name.strip() for name in policy.split(",") if name.strip()]
    if unknown := [name for name in names if name not in _AUGMENTATIONS]:
        raise ValueError(
            f"policy has unknown names {unknown}; known: {', '.join(_AUGMENTATIONS)}. "
            f"Received: policy={policy!r}"
        )
    seed = seed_pair(seed)
    for index, name in enumerate(names):
        images = _AUGMENTATIONS[name](images, tf.random.fold_in(seed, index))
    return images
