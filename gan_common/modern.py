"""What came after the chapter: a loss of pairs, penalties on D's slope, augmentation that gradients pass.

`gan_common.tricks` has these names too.  A `seed` is as there: an int, an integer tensor of shape (2,), or
None.
"""

from collections.abc import Callable

import tensorflow as tf

from gan_common.arguments import Seed, TensorLike, check_fraction, check_positive_int, seed_pair


def relativistic_loss(
    real_logits: TensorLike, fake_logits: TensorLike
) -> tuple[tf.Tensor, tf.Tensor]:
    """D is to find each real sample more real than the generated one beside it, G the reverse.

    With r = D(x), f = D(G(z)): D minimizes E softplus(f − r), G minimizes E softplus(r − f).  Only
    differences count, so that D cannot push all generated samples to where G has no gradient, and a G that
    draws few modes does not get away with it.

    Args:
        real_logits, fake_logits: (N, ...), of one shape: row by row the pairs.

    Returns:
        D's loss and G's, float32 scalars; each is ln 2 where D guesses.

    Raises:
        ValueError: the shapes differ.

    Source: Jolicoeur-Martineau 2018 (1807.00734), section 4; Huang et al. 2024 (2501.05441), equation 2.
    """
    real, fake = tf.cast(real_logits, tf.float32), tf.cast(fake_logits, tf.float32)
    if not real.shape.is_compatible_with(fake.shape):
        raise ValueError(
            "real_logits and fake_logits must have one shape. "
            f"Received: {real.shape} and {fake.shape}"
        )
    ahead = real - fake
    return tf.reduce_mean(tf.nn.softplus(-ahead)), tf.reduce_mean(tf.nn.softplus(ahead))


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


def r2_penalty(critic: Callable, fake: TensorLike) -> tf.Tensor:
    """E ‖∇D(G(z))‖² at generated samples: `r1_penalty`, there.

    Beside R1 it keeps D flat wherever G is now, and the game stable where R1 alone does not.

    Args:
        critic: samples -> logits, one per sample.
        fake: a batch, (batch, ...); no gradient flows on to G.

    Returns:
        A float32 scalar, of which γ/2 times is added to D's loss.

    Source: Mescheder et al. 2018 (1801.04406), equation 10.
    """
    return r1_penalty(critic, tf.stop_gradient(fake))


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


class AdaptiveAugment:
    """`differentiable_augment` of a share of the images, as large as D's overfitting asks for.

    Each image draws for itself whether each transformation is applied to it, with probability p.  p rises
    while D is surer of real images than `target`, and falls while it is less sure: so a large data set is
    left alone, and a small one is augmented as soon as D knows it by heart.

    Args:
        policy: as of `differentiable_augment`.
        target: of the mean sign of D's verdict on real images, in (0, 1).
        images: so many go by until p has moved by 1.

    Attributes:
        probability: p, a float32 `tf.Variable`; never above 0.8, so that the transformations do not show in
            what G draws.
        variables: all state, for a checkpoint.

    Source: Karras et al. 2020 (2006.06676), section 3.1; their transformations are others.
    """

    MOST = 0.8  # of p: their section 2.2

    def __init__(
        self,
        policy: str = "color,translation,cutout",
        target: float = 0.6,
        images: int = 50_000,
    ) -> None:
        differentiable_augment(tf.zeros((1, 1, 1, 1)), policy)  # refuses a policy that is none
        self.policy = [name.strip() for name in policy.split(",") if name.strip()]
        self.target = check_fraction("target", target)
        self.images = check_positive_int("images", images)
        self.probability = tf.Variable(0.0, trainable=False, name="augment_probability")

    @property
    def variables(self) -> list[tf.Variable]:
        return [self.probability]

    def __call__(self, images: TensorLike, seed: Seed = None) -> tf.Tensor:
        """Images (batch, height, width, channels) in [−1, 1], some of them transformed."""
        images, seed = tf.convert_to_tensor(images), seed_pair(seed)
        for index, name in enumerate(self.policy):
            of_images, of_draw = tf.unstack(tf.random.split(tf.random.fold_in(seed, index)))
            changed = differentiable_augment(images, name, of_images)
            drawn = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), of_draw)
            images = tf.where(drawn < self.probability, changed, images)
        return images

    def update(self, verdicts: TensorLike) -> None:
        """Move p by what D makes of a batch of real images.

        Args:
            verdicts: (batch, ...), positive where D takes the image for real, or for more real than the
                generated one beside it.
        """
        sign = tf.sign(tf.cast(verdicts, tf.float32))
        ahead = tf.sign(tf.reduce_mean(sign) - self.target)
        moved = self.probability + ahead * tf.cast(tf.shape(sign)[0], tf.float32) / self.images
        self.probability.assign(tf.clip_by_value(moved, 0.0, self.MOST))
