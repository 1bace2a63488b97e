"""The losses of a discriminator that is also the classifier (Salimans et al. 2016, 1606.03498, §5).

Its logits l have K+1 columns: one per class, and last "generated".  p(K+1 | x) is the softmax's
share of that last column.  Every loss depends on l only through differences, so one column is
superfluous: a network with K outputs and `append_fake_logit`, l_{K+1} = 0, has the same losses and
gradients as one with K+1.  Its D(x) is then Z / (Z + 1) with Z = Σ_k exp l_k.

All functions are pure, compute in float32 and stay finite at logits of ±1000.
"""

import tensorflow as tf

from gan_common import losses


def supervised_loss(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """−E log p(y | x, y ≤ K): cross-entropy among the true classes, Salimans et al. 2016 §5.

    The "generated" column takes no part, and receives no gradient.

    Args:
      logits: (N, K+1) of labelled samples.
      labels: (N,) integers in [0, K).

    Returns:
      A float32 scalar, in nats.

    Raises:
      ValueError: if `logits` is not (N, K+1) with K ≥ 1.
      tf.errors.InvalidArgumentError: for a label outside [0, K), on CPU.  (A GPU gives NaN.)
    """
    class_logits, _ = _split(logits)
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=class_logits)
    )


def unsupervised_loss(
    real_logits: tf.Tensor, fake_logits: tf.Tensor, real_label: float = 1.0
) -> tf.Tensor:
    """−E log(1 − p(K+1 | x)) − E log p(K+1 | G(z)), Salimans et al. 2016 §5, L_unsupervised.

    It is the ordinary GAN's loss of D (Goodfellow et al. 2014 eq. 1) on `real_fake_logit`.

    Args:
      real_logits: (N, K+1) of real samples; their classes are not needed.
      fake_logits: (M, K+1) of generated samples.
      real_label: D's target for real samples; below 1 it is one-sided label smoothing (ibid., §3.4).

    Returns:
      A float32 scalar, in nats.

    Raises:
      ValueError: if either argument is not (N, K+1) with K ≥ 1, or the label is outside [0, 1].
    """
    return losses.discriminator_loss(
        "non_saturating", real_fake_logit(real_logits), real_fake_logit(fake_logits), real_label
    )


def generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """−E log(1 − p(K+1 | G(z))): the non-saturating form, Goodfellow et al. 2014 §3.

    Args:
      fake_logits: (N, K+1) of generated samples.

    Returns:
      A float32 scalar, in nats.

    Raises:
      ValueError: if `fake_logits` is not (N, K+1) with K ≥ 1.
    """
    return losses.generator_loss("non_saturating", real_fake_logit(fake_logits))


def real_fake_logit(logits: tf.Tensor) -> tf.Tensor:
    """The two-player game's logit: log Σ_{k≤K} exp l_k − l_{K+1}; its σ is 1 − p(K+1 | x).

    Positive says "real"; share > 0 on real samples is D's accuracy on them.

    Args:
      logits: (N, K+1).

    Returns:
      (N,) float32.

    Raises:
      ValueError: if `logits` is not (N, K+1) with K ≥ 1.
    """
    class_logits, generated_logit = _split(logits)
    return tf.reduce_logsumexp(class_logits - generated_logit[:, None], axis=-1)


def append_fake_logit(k_logits: tf.Tensor) -> tf.Tensor:
    """(N, K) class logits → (N, K+1): [k_logits, 0], same type.

    A softmax does not change when the same f(x) is subtracted from all its logits, so l_{K+1} may
    be fixed at 0 (Salimans et al. 2016 §5).
    """
    k_logits = tf.convert_to_tensor(k_logits)
    return tf.concat([k_logits, tf.zeros_like(k_logits[:, :1])], axis=-1)


def classify(logits: tf.Tensor) -> tf.Tensor:
    """The most probable true class, (N, K+1) → (N,) int32 in [0, K); the last column is ignored."""
    class_logits, _ = _split(logits)
    return tf.argmax(class_logits, axis=-1, output_type=tf.int32)


def class_entropy(logits: tf.Tensor) -> tf.Tensor:
    """Mean entropy of p(y | x, y ≤ K) over logits (N, K+1), in nats."""
    log_p = tf.nn.log_softmax(logits[:, :-1])
    return -tf.reduce_mean(tf.reduce_sum(tf.exp(log_p) * log_p, axis=1))


def distance_to_nearest(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Mean absolute distance of each generated image to the nearest real one of the batch."""
    count = tf.shape(real)[0]
    a, b = tf.reshape(fake, (count, -1)), tf.reshape(real, (count, -1))
    squared = tf.reduce_sum(a**2, 1)[:, None] - 2 * a @ tf.transpose(b) + tf.reduce_sum(b**2, 1)
    nearest = tf.gather(b, tf.argmin(squared, axis=1))
    return tf.reduce_mean(tf.abs(a - tf.stop_gradient(nearest)))


def _split(logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(N, K+1) → (N, K) and (N,), both float32."""
    logits = tf.cast(logits, tf.float32)
    if logits.shape.rank != 2 or (logits.shape[-1] or 2) < 2:
        raise ValueError(
            "logits must be (N, K+1), the classes and then 'generated'. "
            f"Received: shape={tuple(logits.shape)}"
        )
    return logits[:, :-1], logits[:, -1]
