"""What `--preset modern` changes in a game: it finds all modes without being told of them.

Four things, each for a reason:

- the loss is of pairs (`gan_common.modern.relativistic_loss`), with R1 and R2: no mode is lost for good, as a
  G that draws few of them leaves real samples that D finds more real than what stands beside them;
- γ falls two-hundredfold: at first D is smooth and G spreads over all modes, then D may become as sharp as
  these are;
- D sees coordinates as waves too, and G latents: networks learn slow functions first, but modes are narrow
  (1 / 57 of the data's deviation on the grid, 1 / 71 on the ring), and G has to jump from one to the next;
- latents come from many narrow Gaussians: the image of connected latents is connected, so G has to draw
  bridges between modes, and bridges are bad samples.

Sources: Huang et al. 2024 (2501.05441); Tancik et al. 2020 (2006.10739) for the waves; Gurumurthy et al. 2017
(1706.02071) for mixtures of latents, Tanielian et al. 2020 (2006.04596) for the bridges.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from gan_common import losses, modern
from gan_common.modes import nets

FALL = 200.0  # the first γ over the last
G_WAVES, D_WAVES = (
    4.0,
    2.0,
)  # deviation of the waves' frequencies, in radians; input has deviation 1
CODE_STD = 0.03  # of each Gaussian of the latents; 256 of them lie 0.2 from one another


class SmoothNet(nets.DenseNet):
    """A `DenseNet` that starts by He et al. 2015 and may see its input as waves too.

    Args:
        widths: of the input, the hidden layers, the output.
        waves: how many; each gives a sine and a cosine beside the coordinates.
        scale: deviation of their frequencies, which are the same in every training.
    """

    def __init__(self, widths: tuple[int, ...], waves: int, scale: float) -> None:
        super().__init__((widths[0] + 2 * waves, *widths[1:]), "leaky_relu")
        drawn = np.random.default_rng(0).normal(scale=scale, size=(widths[0], waves))
        self.frequencies = tf.constant(drawn, tf.float32) if waves else None

    def _matrix(self, shape: Any, seed: Any) -> Any:
        gain = None if shape[-1] > 2 else 0.5  # the last layer starts small
        return nets.he_normal(shape, shape[0], seed, gain)

    def __call__(self, flat: Any, x: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """(batch, widths[0]) → the output (batch, widths[-1]) and the last hidden layer."""
        if self.frequencies is not None:
            angles = tf.matmul(x, self.frequencies)
            x = tf.concat([x, tf.sin(angles), tf.cos(angles)], axis=1)
        return super().__call__(flat, x)


def codes(count: int, dim: int) -> np.ndarray:
    """(count, dim) points evenly over a cube of deviation 1, float32: a low-discrepancy sequence.

    Source: Roberts 2018, "The unreasonable effectiveness of quasirandom sequences": multiples of the powers
    of the root of x^(dim + 1) = x + 1.
    """
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (dim + 1))
    steps = root ** -np.arange(1.0, dim + 1)
    places = (0.5 + np.arange(1, count + 1)[:, None] * steps) % 1.0
    return ((2.0 * places - 1.0) * np.sqrt(3.0)).astype(np.float32)


def placed(z: Any, places: Any, seed: Any) -> tf.Tensor:
    """Normal latents (n, dim) → each about one of the places (count, dim), an even choice."""
    chosen = tf.random.stateless_uniform((tf.shape(z)[0],), seed, 0, len(places), tf.int32)
    return tf.gather(places, chosen) + CODE_STD * z


def gamma(start: float, step: Any, steps: int) -> tf.Tensor:
    """γ of a step: `start` at first, that over `FALL` at the end, by a cosine in its logarithm."""
    rest = 0.5 * (1.0 + tf.cos(np.pi * tf.cast(step, tf.float32) / steps))
    return start * FALL ** (rest - 1.0)


def _losses(kind: str, real: Any, fake: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Of logits (n, 1): D's loss, G's, and −n ∂(G's)/∂fake, (n, 1)."""
    if kind == "relativistic":
        return *modern.relativistic_loss(real, fake), tf.sigmoid(real - fake)
    d_loss = sum(losses.discriminator_loss_parts(kind, real, fake))
    return d_loss, losses.generator_loss(kind, fake), tf.sigmoid(-fake)


def gradients(
    game: Any, real: Any, z: Any, weight: Any
) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
    """Both players' gradients from the same weights, by one look of D at real and generated samples.

    D's slope at each sample serves both penalties, and at generated ones also G: the gradient of G's loss
    with respect to a sample is −σ(r − f), or −σ(−f), times that slope, over the batch.

    Args:
        game: whose `g`, `d`, `generate` and `judge` are used.
        real: (n, dim), or images.
        z: (n, latent_dim).
        weight: γ of R1 and of R2.

    Returns:
        G's gradient and D's, each of the shape of the weights; D's loss without the penalties, G's, and D's
        accuracies; of pairs that is how often it finds the real sample more real than the one beside it.
    """
    n, unit = len(real), game.unit
    with tf.GradientTape() as g_tape:
        fake = game.generate(game.g, z, None)
    with tf.GradientTape() as tape:
        with tf.GradientTape(watch_accessed_variables=False) as slope_tape:
            both = tf.concat([real, tf.stop_gradient(fake)], axis=0)
            scaled = both / unit  # as D sees them, so that γ means the same for any data
            slope_tape.watch(scaled)
            logits = game.discriminator(game.d, scaled)[0]
        slope = slope_tape.gradient(logits, scaled)
        d_loss, g_loss, surprise = _losses(game.options.loss, logits[:n], logits[n:])
        punished = slope if game.options.r2 else slope[:n]
        total = d_loss + weight / 2 * tf.reduce_sum(tf.square(punished)) / n
    d_gradient = tape.gradient(total, game.d)
    surprise = tf.reshape(surprise, (n, *[1] * (slope.shape.rank - 1)))
    to_samples = -surprise * slope[n:] / (n * unit)
    g_gradient = g_tape.gradient(fake, game.g, output_gradients=to_samples)
    pairs = game.options.loss == "relativistic"
    told = {
        "d_loss": d_loss,
        "g_loss": g_loss,
        "d_real_accuracy": _share(logits[:n] > (logits[n:] if pairs else 0.0)),
        "d_fake_accuracy": _share(logits[n:] < (logits[:n] if pairs else 0.0)),
    }
    return g_gradient, d_gradient, told


def _share(of: Any) -> tf.Tensor:
    return tf.reduce_mean(tf.cast(of, tf.float32))
