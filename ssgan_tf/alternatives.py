"""What a generator may do for the classifier beside being told apart: three published ideas, off by default.

- `pull_away`: a generator of the complement, Dai et al. 2017 (1705.09783), "Good Semi-supervised Learning
  that Requires a Bad GAN": G's images spread in D's features; D, by --entropy_weight, puts its class
  boundaries where they lie.
- `intended`: images that are meant to be of a class, as labelled ones: Odena et al. 2017 (1610.09585), and
  with few labels Liu et al. 2020 (R3-CGAN).
- `ThirdPlayer`: tells pairs of image and class apart, Li et al. 2017 (1703.02291), Triple-GAN.

All of these are means or sums over the batch, so that several replicas compute what one would.
"""

from typing import NamedTuple

import tensorflow as tf
from keras import layers

from gan_common.errors import UserError
from gan_common.replicas import over_replicas, replica_count

CLASSIFIER_SHARE = 0.5  # of the classifier's pairs among those that are not real: Triple-GAN's α


def pull_away(features: tf.Tensor) -> tf.Tensor:
    """Mean squared cosine of two different images' features: Dai et al. 2017, section 4.2; Zhao et al. 2016.

    Σ_{i≠j} cos² = ‖Σ_i u_i u_iᵀ‖² − N for unit vectors u, and the inner sum is over all replicas.

    Args:
        features: (N, F) of this replica's generated images, two or more in the whole batch.

    Returns:
        A float32 scalar in [0, 1]: 1 where all features point one way.
    """
    unit = tf.math.l2_normalize(tf.cast(features, tf.float32), axis=1, epsilon=1e-12)
    products = over_replicas(tf.matmul(unit, unit, transpose_a=True), mean=False)
    count = tf.cast(tf.shape(features)[0] * replica_count(), tf.float32)
    return (tf.reduce_sum(products**2) - count) / (count * (count - 1))


def intended(latents: tf.Tensor, num_classes: int) -> tf.Tensor:
    """The class that each image is meant to be: which of its first K latents is the largest.

    No latent is drawn otherwise for it, and each class is as frequent as any other.

    Args:
        latents: (N, latent_dim), of any distribution that is alike in all directions of the axes.
        num_classes: K.

    Returns:
        (N,) int32.

    Raises:
        UserError: fewer latents than classes.
    """
    if latents.shape[1] < num_classes:
        raise UserError(
            f"--latent_dim {latents.shape[1]}: an image's class is read from the first {num_classes} "
            f"latents; give at least that many, or leave out --class_weight and --pair_weight"
        )
    return tf.argmax(latents[:, :num_classes], axis=1, output_type=tf.int32)


class PairLosses(NamedTuple):
    """What each player minimizes in the game of pairs, float32 scalars in nats."""

    discriminator: tf.Tensor
    classifier: tf.Tensor
    generator: tf.Tensor


class ThirdPlayer(layers.Layer):
    """Tells real pairs (image, label) from those of the classifier and of the generator.

    Its logits are a linear layer on D's features, one for each class that the image may be paired with.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.logits = layers.Dense(num_classes, dtype="float32", name="pairs")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.logits.build(input_shape)
        super().build(input_shape)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Features (N, F) → the logit of "a real pair" with each class, (N, K)."""
        return self.logits(features)


def pair_losses(
    labelled: tuple[tf.Tensor, tf.Tensor],
    classified: tuple[tf.Tensor, tf.Tensor],
    generated: tuple[tf.Tensor, tf.Tensor],
    share: float = CLASSIFIER_SHARE,
) -> PairLosses:
    """The game of three players, Li et al. 2017, equation 3; the generator's part non-saturating.

    The classifier's pairs are all classes of an image, weighted by its probabilities, where the paper draws
    one; so no sampled gradient is needed.

    Args:
        labelled: pair logits (L, K) and labels (L,) of labelled images.
        classified: pair logits (U, K) of unlabelled images, and the classifier's probabilities (U, K).
        generated: pair logits (M, K) of generated images, and the classes (M,) that they are meant to be.
        share: of the classifier among the pairs that are not real, α.

    Returns:
        The three losses.  The discriminator's has no gradient to the probabilities, the classifier's none to
        the pair logits.
    """
    (real, y), (unlabelled, p), (fake, y_fake) = labelled, classified, generated
    real_pair, fake_pair = (tf.gather(s, k, batch_dims=1) for s, k in ((real, y), (fake, y_fake)))
    # log D = −softplus(−s), log (1 − D) = −softplus(s)
    told_apart = tf.nn.softplus(unlabelled)

    def expected(p: tf.Tensor, of: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.reduce_sum(p * of, axis=1))

    return PairLosses(
        tf.reduce_mean(tf.nn.softplus(-real_pair))
        + share * expected(tf.stop_gradient(p), told_apart)
        + (1 - share) * tf.reduce_mean(tf.nn.softplus(fake_pair)),
        -share * expected(p, tf.stop_gradient(told_apart)),
        (1 - share) * tf.reduce_mean(tf.nn.softplus(-fake_pair)),
    )
