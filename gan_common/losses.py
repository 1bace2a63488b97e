"""The two-player losses, as pure functions of the discriminator's logits.

A logit is the discriminator's last value before any sigmoid: positive says "real".  With σ the
sigmoid, −log σ(x) = softplus(−x) and −log(1 − σ(x)) = softplus(x), so no logarithm of a rounded
probability is ever taken, and value and gradient stay finite at logits of ±1000.  Everything is
computed in float32, whatever precision the network runs in.

Sources, by arXiv number: Goodfellow et al. 2014 (1406.2661) for `minimax` and `non_saturating`;
Mao et al. 2017 (1611.04076) for `least_squares`; Arjovsky et al. 2017 (1701.07875) for
`wasserstein`; Lim & Ye 2017 (1705.02894) and Miyato et al. 2018 (1802.05957) for `hinge`.
"""

import math
from numbers import Real

import tensorflow as tf

KINDS = ("minimax", "non_saturating", "least_squares", "wasserstein", "hinge")


def discriminator_loss(
    kind: str, real_logits: tf.Tensor, fake_logits: tf.Tensor, real_label: float = 1.0
) -> tf.Tensor:
    """What the discriminator minimizes: the sum of `discriminator_loss_parts`.

    Args:
      kind: one of `KINDS`.
      real_logits: D(x), any shape, any float type; the mean is over all elements.
      fake_logits: D(G(z)), any shape, not necessarily that of `real_logits`.
      real_label: the target a of real samples; below 1 it is one-sided label smoothing
        (Salimans et al. 2016, 1606.03498, §3.4).

    Returns:
      A float32 scalar.

    Raises:
      ValueError: for an unknown kind or a label that the kind has no use for.
    """
    real_loss, fake_loss = discriminator_loss_parts(kind, real_logits, fake_logits, real_label)
    return real_loss + fake_loss


def discriminator_loss_parts(
    kind: str, real_logits: tf.Tensor, fake_logits: tf.Tensor, real_label: float = 1.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """The discriminator's loss on real samples and on generated ones, with r = D(x), f = D(G(z)).

    - minimax, non_saturating: −E[a log σ(r) + (1 − a) log(1 − σ(r))], −E log(1 − σ(f));
      the negative of V(D, G), Goodfellow et al. 2014 eq. 1 and algorithm 1, for a = 1.
    - least_squares: ½ E (r − a)², ½ E f²; Mao et al. 2017 eq. 2 in the 0-1 coding of eq. 9.
    - wasserstein: −E r, E f; Arjovsky et al. 2017 eq. 3 and algorithm 1.  D has to be kept
      Lipschitz by other means (clipping, gradient penalty, spectral norm).
    - hinge: E max(0, 1 − r), E max(0, 1 + f); Miyato et al. 2018 eq. 16, after Lim & Ye 2017.

    Args:
      kind, real_logits, fake_logits, real_label: as for `discriminator_loss`.

    Returns:
      Two float32 scalars: the real part, the fake part.

    Raises:
      ValueError: for an unknown kind; for a `real_label` that is not a finite number, lies outside
        [0, 1] for the two cross-entropies, or is not 1 for wasserstein and hinge, which have none.
    """
    _check_kind(kind)
    _check_real_label(kind, real_label)
    r = tf.cast(real_logits, tf.float32)
    f = tf.cast(fake_logits, tf.float32)
    if kind in ("minimax", "non_saturating"):
        a = float(real_label)
        return (
            tf.reduce_mean(a * tf.nn.softplus(-r) + (1 - a) * tf.nn.softplus(r)),
            tf.reduce_mean(tf.nn.softplus(f)),
        )
    if kind == "least_squares":
        a = float(real_label)
        return 0.5 * tf.reduce_mean(tf.square(r - a)), 0.5 * tf.reduce_mean(tf.square(f))
    if kind == "wasserstein":
        return -tf.reduce_mean(r), tf.reduce_mean(f)
    return tf.reduce_mean(tf.nn.relu(1 - r)), tf.reduce_mean(tf.nn.relu(1 + f))


def generator_loss(kind: str, fake_logits: tf.Tensor) -> tf.Tensor:
    """What the generator minimizes, with f = D(G(z)).

    - minimax: E log(1 − σ(f)), Goodfellow et al. 2014 eq. 1: the gradient vanishes where D is sure.
    - non_saturating: −E log σ(f), Goodfellow et al. 2014 §3: the same fixed point, with a gradient
      that is strongest where D is sure.
    - least_squares: ½ E (f − 1)², Mao et al. 2017 eq. 9.
    - wasserstein: −E f, Arjovsky et al. 2017 algorithm 1.
    - hinge: −E f, Miyato et al. 2018 eq. 17.

    Args:
      kind: one of `KINDS`.
      fake_logits: D(G(z)), any shape, any float type; the mean is over all elements.

    Returns:
      A float32 scalar.

    Raises:
      ValueError: for an unknown kind.
    """
    _check_kind(kind)
    f = tf.cast(fake_logits, tf.float32)
    if kind == "minimax":
        return -tf.reduce_mean(tf.nn.softplus(f))
    if kind == "non_saturating":
        return tf.reduce_mean(tf.nn.softplus(-f))
    if kind == "least_squares":
        return 0.5 * tf.reduce_mean(tf.square(f - 1))
    return -tf.reduce_mean(f)


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}. Received: kind={kind!r}")


def _check_real_label(kind: str, real_label: float) -> None:
    if not isinstance(real_label, Real) or not math.isfinite(real_label):
        raise ValueError(f"real_label must be a finite number. Received: real_label={real_label!r}")
    if kind in ("wasserstein", "hinge") and real_label != 1:
        raise ValueError(
            f"the {kind} loss has no labels to smooth; real_label must be 1. "
            f"Received: real_label={real_label}"
        )
    if kind in ("minimax", "non_saturating") and not 0 <= real_label <= 1:
        raise ValueError(
            f"real_label is a probability for the {kind} loss and must lie in [0, 1]. "
            f"Received: real_label={real_label}"
        )
