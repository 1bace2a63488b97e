"""The forger and the detective on a line: a GAN whose densities can be drawn (section 2.1).

In one dimension both sides of the game are known exactly: the data's density p is a formula, and the
generator's, q, is the push-forward of its latent's.  So what D learns can be laid on what theory says it
should, D*(x) = p(x) / (p(x) + q(x)), and the game's value on 2 JS(p, q) − log 4 (Goodfellow et al. 2014,
proposition 1 and theorem 1).
"""

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.integrate import trapezoid

from gan_common import losses, tricks

GRID = np.linspace(-6.0, 6.0, 601)
HIDDEN = 32  # units in each of two hidden layers of both nets
BATCH = 256
# Equally probable latents, whose images are G's density: the normal's quantiles in the middle of 50,000
# equal parts.
_SHARES = (np.arange(50_000) + 0.5) / 50_000


@dataclasses.dataclass(frozen=True)
class Mixture:
    """A mixture of normal densities on the line."""

    means: tuple[float, ...]
    stddevs: tuple[float, ...]
    weights: tuple[float, ...]

    def density(self, x: np.ndarray) -> np.ndarray:
        """p(x), of the shape of x."""
        x = np.asarray(x, float)[..., None]
        means, stddevs = np.array(self.means), np.array(self.stddevs)
        parts = np.exp(-0.5 * ((x - means) / stddevs) ** 2) / (stddevs * np.sqrt(2 * np.pi))
        return parts @ np.array(self.weights)

    def sample(self, count: int, seed: Any) -> tf.Tensor:
        """(count, 1) float32; `seed` an integer tensor (2,)."""
        choice = tf.random.stateless_categorical(
            tf.math.log([list(self.weights)]), count, tf.random.fold_in(seed, 0)
        )[0]
        noise = tf.random.stateless_normal((count,), tf.random.fold_in(seed, 1))
        means, stddevs = tf.constant(self.means), tf.constant(self.stddevs)
        return (tf.gather(means, choice) + tf.gather(stddevs, choice) * noise)[:, None]


DATA = Mixture(means=(-2.0, 2.0), stddevs=(0.5, 0.8), weights=(0.4, 0.6))
FORGERY = Mixture(means=(0.0,), stddevs=(1.5,), weights=(1.0,))


def optimal_discriminator(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """D*(x) = p / (p + q), Goodfellow et al. 2014 proposition 1; ½ where neither has any mass."""
    p, q = np.asarray(p, float), np.asarray(q, float)
    total = p + q
    return np.divide(p, total, out=np.full(total.shape, 0.5), where=total > 0)


def value(p: np.ndarray, q: np.ndarray, d: np.ndarray, x: np.ndarray) -> float:
    """V(D, G) = ∫ p log D + q log(1 − D) dx, equation 1, by the trapezoidal rule; 0 log 0 = 0."""

    def times_log(weight: Any, probability: Any) -> np.ndarray:
        logs = np.log(np.maximum(probability, 1e-300))
        return np.where(weight > 0, weight * logs, 0.0)

    return float(trapezoid(times_log(p, d) + times_log(q, 1 - d), x))


def jensen_shannon(p: np.ndarray, q: np.ndarray, x: np.ndarray) -> float:
    """½ KL(p ‖ m) + ½ KL(q ‖ m) with m = (p + q) / 2, in nats: from 0 to log 2."""
    middle = (np.asarray(p, float) + np.asarray(q, float)) / 2

    def divergence(a: Any) -> float:
        ratio = np.divide(a, middle, out=np.ones_like(middle), where=a > 0)
        return trapezoid(np.where(a > 0, a * np.log(ratio), 0.0), x)

    return float((divergence(p) + divergence(q)) / 2)


def network(seed: int, name: str) -> keras.Model:
    """One number in, one number out: two hidden layers of tanh."""
    draws = [keras.initializers.GlorotUniform(seed=3 * seed + i) for i in range(3)]
    return keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(HIDDEN, "tanh", kernel_initializer=draws[0]),
            keras.layers.Dense(HIDDEN, "tanh", kernel_initializer=draws[1]),
            keras.layers.Dense(1, kernel_initializer=draws[2]),
        ],
        name=name,
    )


def density(generator: keras.Model, x: np.ndarray = GRID) -> np.ndarray:
    """q on an even grid: the push-forward of N(0, 1), smoothed by two grid steps so that it can be drawn."""
    from scipy import ndimage, special

    latents = special.ndtri(_SHARES)[:, None].astype(np.float32)
    step = x[1] - x[0]
    edges = np.append(x - step / 2, x[-1] + step / 2)
    counts, _ = np.histogram(generator(latents, training=False).numpy(), bins=edges)
    return ndimage.gaussian_filter1d(counts / (len(latents) * step), 2.0)


def judgement(discriminator: keras.Model, x: np.ndarray = GRID) -> np.ndarray:
    """D(x) in (0, 1) on the grid."""
    return keras.ops.convert_to_numpy(
        keras.ops.sigmoid(discriminator(x[:, None].astype(np.float32), training=False))
    )[:, 0]


def best_response(p: Mixture, q: Mixture, steps: int = 1500, seed: int = 1) -> keras.Model:
    """A discriminator trained against a forger that stands still."""
    discriminator = network(seed, "discriminator")
    optimizer = keras.optimizers.Adam(3e-3)
    variables = discriminator.trainable_variables
    optimizer.build(variables)

    @tf.function
    def step(number: Any) -> Any:
        real = p.sample(4 * BATCH, tf.stack([2 * seed, number]))
        fake = q.sample(4 * BATCH, tf.stack([2 * seed + 1, number]))
        with tf.GradientTape() as tape:
            loss = losses.discriminator_loss(
                "minimax", discriminator(real, training=True), discriminator(fake, training=True)
            )
        optimizer.apply(tape.gradient(loss, variables), variables)

    for number in range(steps):
        step(tf.constant(number))
    return discriminator


@dataclasses.dataclass(frozen=True)
class Moment:
    """How the game stood after a step: G's density and D's judgement on the grid."""

    step: int
    q: np.ndarray
    d: np.ndarray


def play(
    steps: int,
    seed: int = 1,
    loss: str = "non_saturating",
    discriminator_steps: int = 1,
    moments: int = 8,
    data: Mixture = DATA,
    threshold: float = 0.0,
) -> tuple[list[Moment], keras.Model, keras.Model]:
    """Both learn, in turns (Goodfellow et al. 2014, algorithm 1).

    Args:
        steps: of G.
        loss: one of `gan_common.losses.KINDS`.
        discriminator_steps: k, of D before each of G.
        moments: how many states are kept, evenly spaced, first and last included.
        threshold: D takes no step while its loss on the batch is under it; section 2.4.9 says why not.

    Returns:
        The states, the generator, the discriminator.
    """
    generator, discriminator = network(seed, "generator"), network(seed + 1000, "discriminator")
    g_optimizer = keras.optimizers.Adam(1e-3, beta_1=0.5)
    d_optimizer = keras.optimizers.Adam(3e-3, beta_1=0.5)
    g_variables, d_variables = generator.trainable_variables, discriminator.trainable_variables
    g_optimizer.build(g_variables)
    d_optimizer.build(d_variables)

    @tf.function
    def turn(number: Any) -> Any:
        for k in range(discriminator_steps):
            seeds = tf.stack([seed, number * discriminator_steps + k])
            real = data.sample(BATCH, seeds)
            fake = generator(tricks.sample_latent(BATCH, 1, seed=tf.random.fold_in(seeds, 7)))
            with tf.GradientTape() as tape:
                d_loss = losses.discriminator_loss(loss, discriminator(real), discriminator(fake))
            gradients = tape.gradient(d_loss, d_variables)
            if not threshold or d_loss >= threshold:
                d_optimizer.apply(gradients, d_variables)
        with tf.GradientTape() as tape:
            fake = generator(tricks.sample_latent(BATCH, 1, seed=tf.random.fold_in(seeds, 8)))
            g_loss = losses.generator_loss(loss, discriminator(fake))
        g_optimizer.apply(tape.gradient(g_loss, g_variables), g_variables)
        return d_loss, g_loss

    wanted = set(np.rint(np.linspace(0, steps, moments)).astype(int).tolist())
    states = []
    for number in range(steps + 1):
        if number in wanted:
            states.append(Moment(number, density(generator), judgement(discriminator)))
        if number < steps:
            turn(tf.constant(number))
    return states, generator, discriminator


def orbit(
    steps: int, weight: float, seed: int = 1, rate: float = 0.1, alternate: bool = False
) -> np.ndarray:
    """Two players of the game x·y: one moves x to make it small, the other y to make it large.

    Args:
        steps: moves of each.
        weight: of historical averaging (Salimans et al. 2016, section 3.3) in both players' losses.
        seed: of the starting point, on the unit circle.
        rate: the learning rate.
        alternate: the second player sees the first one's move.

    Returns:
        (steps + 1, 2): x and y after each move.
    """
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi)
    x, y = (tf.Variable(float(f(angle)), dtype=tf.float32) for f in (np.cos, np.sin))
    past = [tricks.HistoricalAverage([player]) for player in (x, y)]

    @tf.function
    def move() -> Any:
        start = tf.identity(x)
        with tf.GradientTape() as tape:
            loss = x * tf.stop_gradient(y) + weight * past[0].penalty()
        x.assign_sub(rate * tape.gradient(loss, x))
        seen = x if alternate else start
        with tf.GradientTape() as tape:
            loss = -y * tf.stop_gradient(seen) + weight * past[1].penalty()
        y.assign_sub(rate * tape.gradient(loss, y))
        for average in past:
            average.update()
        return tf.stack([x, y])

    return np.array([[x.numpy(), y.numpy()], *(move().numpy() for _ in range(steps))])
