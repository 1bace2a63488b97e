"""The next ten frames of a video, sharp: L1, gradient differences and a game, at several scales.

    python -m gan_applications.next_frames --max_minutes 30 --json next_frames.json
    python -m gan_applications.next_frames --game_weight 0 --gradient_weight 0      L1 alone

Ten frames are seen, ten are asked for.  G is a pyramid: at 16×16 pixels a net predicts them coarsely; at
32×32 and at 64×64 another sees the frames at that size beside the prediction so far, enlarged, and adds to
it.  Where several futures fit, their blurred mean costs least; so beside L1 two terms ask for edges: the
gradient difference loss compares the gradients of frames, and a D at each scale judges frames beside those
before.

Moving MNIST, digits of mnist5k.  Measured on held-out digits: squared error summed over a frame (of values in
[0, 1], as published: ConvLSTM 103.3, PredRNN 56.8, after far longer trainings), SSIM, and the gradient
difference; beside copying the last frame, and shifting it, or each blob of it, on as it moved.

Source: Mathieu et al. 2016 (1511.05440), who predict one frame and feed it back; here the ten come at once.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from gan_applications import running
from gan_common.cli import flag


@dataclasses.dataclass(frozen=True)
class Config(running.Config):
    """The flags; the loss's parts can be left out one by one."""

    PACKAGE = "gan_applications.next_frames"

    dataset: str = flag("mnist5k", "whose digits move", choices=("mnist5k", "mnist"))
    batch_size: int = flag(8, "videos in a step", lower=2)
    width: int = flag(48, "filters of G's nets", lower=2)
    blocks: int = flag(2, "residual blocks of the net at each scale", lower=1)
    scales: int = flag(
        3, "of the pyramid: 16, 32 and 64 pixels; 1 is the finest alone", lower=1, upper=3
    )
    power: int = flag(1, "p, of the distance |y − G(x)|^p", lower=1, upper=2)
    distance_weight: float = flag(1.0, "of the distance in G's loss", lower=0)
    gradient_weight: float = flag(1.0, "of the gradient difference in G's loss", lower=0)
    game_weight: float = flag(0.05, "of the game in G's loss; 0 leaves it out", lower=0)

    EFFECTS = (
        running.Effect(
            ("power",), lambda config, typed: config.distance_weight > 0, "with --distance_weight 0"
        ),
    )


if __name__ == "__main__":
    running.answer_at_once(Config, __doc__)

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan_applications import fidelity, moving_digits
from gan_applications.moving_digits import ASKED, SEEN, SIZE
from gan_applications.players import Player, judging, told
from gan_common import data, losses, tricks
from gan_common.arguments import ImageShape
from gan_common.catalogue import REAL_LABEL
from gan_common.kernels.convolutions import Conv2D
from gan_common.terms import Terms

LEAK = 0.2
GRID = 16  # positions, in height and width, at which each net of the pyramid works
D_RATE, G_RATE = 2e-4, 1e-3
DECAY = 0.995  # of the average of G's weights, which predicts
CHUNK = 50  # videos that are predicted at a time
SHOWN, FRAMES = 6, (0, 4, 9)  # rows of the figure, frames of those that are asked for


def generator(scales: int, width: int, blocks: int) -> keras.Model:
    """Frames (64, 64, 10) in [−1, 1] → the next ones at each scale, the coarsest first (section 2.1)."""
    seen = keras.Input((SIZE, SIZE, SEEN))
    made: list[Any] = []
    for scale in reversed(range(scales)):
        x = layers.AveragePooling2D(2**scale)(seen) if scale else seen
        if made:
            before = layers.UpSampling2D(2)(made[-1])
            made.append(before + _net(layers.Concatenate()([x, before]), width, blocks, 0.0))
        else:
            made.append(_net(x, width, blocks, -1.0))  # begins with black frames
    return keras.Model(seen, made, name="generator")


def _net(x: Any, width: int, blocks: int, beginning: float) -> Any:
    """A net of the pyramid: squares of pixels → a grid of 16×16, residual blocks, squares of pixels."""
    square = x.shape[1] // GRID
    x = layers.ReLU()(Conv2D(width, 3 if square == 1 else 2 * square, square, "same")(x))
    for _ in range(blocks):
        y = layers.ReLU()(Conv2D(width, 3, padding="same")(x))
        x = layers.ReLU()(layers.Add()([x, Conv2D(width, 3, padding="same")(y)]))
    small = keras.initializers.RandomNormal(0.0, 0.01)
    bias = keras.initializers.Constant(beginning)
    x = Conv2D(ASKED * square**2, 3, 1, "same", kernel_initializer=small, bias_initializer=bias)(x)
    return tricks.PixelShuffle(square)(x)


def discriminator(size: int, chosen: Sequence[str] = ()) -> keras.Model:
    """Frames and the next ones, (size, size, 20) → a logit (section 2.2)."""
    judged = judging(chosen)
    inputs = x = keras.Input((size, size, SEEN + ASKED))
    for floor in range(size.bit_length() - 3):  # down to 4×4
        filters = 16 * 2 ** min(floor, 2)
        x = judged(Conv2D(filters, 4, 2, "same", kernel_initializer="he_normal"))(x)
        x = layers.LeakyReLU(LEAK)(x)
    return keras.Model(inputs, judged(layers.Dense(1))(layers.Flatten()(x)), name=f"judge_{size}")


def gradient_difference(made: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
    """How much frames' gradients differ in size (section 2.3, α = 1): the sum of both directions' means.

    Args:
        made, truth: (N, H, W, frames).
    """
    total = tf.zeros(())
    for axis in (1, 2):
        a, b = (tf.abs(_ahead(images, axis)) for images in (made, truth))
        total += tf.reduce_mean(tf.abs(b - a))
    return total


def _ahead(images: tf.Tensor, axis: int) -> tf.Tensor:
    """Differences of neighbors."""
    return images[:, 1:] - images[:, :-1] if axis == 1 else images[:, :, 1:] - images[:, :, :-1]


class NextFrames:
    """The pyramid, a D for each scale, the step, and what is measured.  A `running.System`."""

    loss = "non_saturating"

    def __init__(self, config: Config, image_shape: ImageShape, names: Sequence[str] = ()) -> None:
        self.config = config
        self.generator = generator(config.scales, config.width, config.blocks)
        sizes = [images.shape[1] for images in self.generator.outputs]
        self.judges = [discriminator(size, config.tricks) for size in sizes]
        self.players = {
            "discriminator": Player(*self.judges, rate=D_RATE),
            "generator": Player(self.generator, rate=G_RATE, beta_1=0.9),
        }
        self.average = tricks.WeightAverage(self.generator.variables, DECAY)
        d, g = (player.trainable for player in self.players.values())
        self.terms = Terms(config.tricks, g, d, (SIZE, SIZE, SEEN + ASKED), config.batch_size)
        self.real_label = REAL_LABEL if "label_smoothing" in config.tricks else 1.0

    def extra_variables(self) -> dict[str, list]:
        return {**self.terms.variables(), "average": self.average.variables}

    def batches(self, given: moving_digits.Clips, start: int) -> Iterable[tuple]:
        """Videos of one digit, uint8 (batch, 64, 64, 20)."""
        config = self.config
        return data.stream(given.x_train, config.batch_size, config.seed, start_step=start)

    def step(self, batch: tuple, done: tf.Tensor, fraction: tf.Tensor) -> dict[str, tf.Tensor]:
        """One step of G and of each D."""
        return self._step(*batch, done)

    @tf.function
    def _step(self, videos: tf.Tensor, done: tf.Tensor) -> dict[str, tf.Tensor]:
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), done])
        videos = turned(videos, seed)
        both = tf.maximum(videos, tf.roll(videos, 1, axis=0))  # two digits
        x, y = tf.split(tricks.scale_images(both), (SEEN, ASKED), axis=-1)
        return self.learn(x, y, seed, done)

    def learn(self, x: tf.Tensor, y: tf.Tensor, seed: tf.Tensor, done: tf.Tensor) -> dict:
        """The combined loss (section 2.4) of frames in [−1, 1] and the next ones; an update of both sides.

        Each term is a mean over pixels and over scales, where the paper has sums.
        """
        config, (d, g) = self.config, self.players.values()
        reals: list[tf.Tensor] = []
        fakes: list[tf.Tensor] = []
        parts: list[tuple] = []
        penalty = tf.zeros(())
        with tf.GradientTape(persistent=True) as tape:
            made = tf.nest.flatten(self.generator(x, training=True))
            for judge, images in zip(self.judges, made, strict=True):
                seen, truth = (shrunk(each, images.shape[1]) for each in (x, y))
                parts.append((distance(images, truth, config.power),
                              gradient_difference(images, truth)))  # fmt: skip
                shown = [
                    self.terms.shown(tf.concat([seen, each], axis=-1), seed, done)
                    for each in (truth, images)
                ]
                for kept, each in zip((reals, fakes), shown, strict=True):
                    kept.append(tf.reshape(judge(each, training=True), (-1, 1)))
                penalty += self.terms.penalty(judge, shown[0], shown[1], seed)
            real, fake = tf.concat(reals, axis=0), tf.concat(fakes, axis=0)
            flipped = self.terms.flipped(real, fake, seed)
            d_game = losses.discriminator_loss(self.loss, *flipped, real_label=self.real_label)
            d_loss = d_game + penalty
            g_game = losses.generator_loss(self.loss, fake)
            apart, gradients = (tf.add_n(of) / len(made) for of in zip(*parts, strict=True))
            g_loss = config.distance_weight * apart + config.gradient_weight * gradients
            g_loss += config.game_weight * g_game
        # Both gradients are those at the weights before the step.
        d_gradients = tape.gradient(d_loss, d.trainable)
        g_gradients = tape.gradient(g_loss, g.trainable)
        d_norm, g_norm = d.learn(d_gradients), g.learn(g_gradients)
        self.average.update()
        values = told(d_game, g_game, real, fake, d_norm, g_norm)
        return values | {"distance": apart, "gradient_difference": gradients}

    # ---------------------------------------------------------------------- what comes of it

    def predict(self, seen: np.ndarray) -> np.ndarray:
        """uint8 frames (N, 64, 64, 10) → the next ones, by the averaged weights."""
        made = []
        with self.average.swap():
            for start in range(0, len(seen), CHUNK):
                x = tricks.scale_images(tf.constant(seen[start : start + CHUNK]))
                finest = tf.nest.flatten(self.generator(x, training=False))[-1]
                made.append(np.asarray(tricks.unscale_images(finest)))
        return np.concatenate(made)

    def samples(self, given: moving_digits.Clips) -> np.ndarray:
        """The last predicted frames."""
        return self.predict(given.x_test[:64, ..., :SEEN])[..., -1:]

    def measure(self, given: moving_digits.Clips) -> dict[str, running.Measure]:
        """On held-out videos."""
        seen, truth = given.x_test[..., :SEEN], given.x_test[..., SEEN:]
        own, beside = self.predict(seen), baselines(seen)
        return {
            name: running.Measure(
                function(own, truth),
                better,
                {of: function(made, truth) for of, made in beside.items()},
            )
            for name, (function, better) in MEASURES.items()
        }

    def figure(self, given: moving_digits.Clips) -> dict[str, np.ndarray]:
        """The last frame that is seen; then frames that are asked for: predicted, shifted, true."""
        seen, truth = np.split(given.x_test[:SHOWN], (SEEN,), axis=-1)
        kinds = {"G": self.predict(seen), "blobs": baselines(seen)["blobs shifted"], "truth": truth}
        columns = {f"{name}, {SEEN + at + 1}": images[..., at : at + 1]
                   for name, images in kinds.items() for at in FRAMES}  # fmt: skip
        return {f"seen, {SEEN}": seen[..., -1:], **columns}


def distance(made: tf.Tensor, truth: tf.Tensor, power: int) -> tf.Tensor:
    """The mean of |y − G(x)|^p."""
    return tf.reduce_mean(tf.abs(truth - made) ** power)


def shrunk(images: tf.Tensor, size: int) -> tf.Tensor:
    """Frames (N, H, W, frames) at the size of a scale, by means over squares."""
    factor = images.shape[1] // size
    return tf.nn.avg_pool2d(images, factor, factor, "VALID") if factor > 1 else images


def turned(videos: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Videos (N, H, W, frames), each mirrored, transposed and reversed in time or not, by lot."""
    draws = tf.random.stateless_uniform((4, tf.shape(videos)[0], 1, 1, 1), seed + 3) < 0.5
    changed = (
        lambda x: x[:, ::-1],
        lambda x: x[:, :, ::-1],
        lambda x: tf.transpose(x, (0, 2, 1, 3)),
        lambda x: x[..., ::-1],
    )
    for drawn, change in zip(tf.unstack(draws), changed, strict=True):
        videos = tf.where(drawn, change(videos), videos)
    return videos


def baselines(seen: np.ndarray) -> dict[str, np.ndarray]:
    """Next frames, without learning."""
    return {
        "black frames": np.zeros_like(seen),
        "last frame": moving_digits.copied(seen),
        "frame shifted": moving_digits.shifted(seen, apart=False),
        "blobs shifted": moving_digits.shifted(seen, apart=True),
    }


def frame_error(made: np.ndarray, truth: np.ndarray) -> float:
    """Squared error summed over a frame of values in [0, 1], the mean over uint8 frames."""
    errors = (made.astype(np.float32) - truth.astype(np.float32)) / 255
    return float(np.square(errors).sum(axis=(1, 2)).mean())


def frame_ssim(made: np.ndarray, truth: np.ndarray) -> float:
    """`fidelity.ssim` of frame after frame."""
    frames = [np.moveaxis(of, -1, 1).reshape(-1, SIZE, SIZE, 1) for of in (made, truth)]
    return fidelity.ssim(*frames)


def edge_error(made: np.ndarray, truth: np.ndarray) -> float:
    """`gradient_difference` of uint8 frames, as a share of that of black frames."""
    a, b = (tf.constant(of, tf.float32) for of in (made, truth))
    return float(gradient_difference(a, b) / gradient_difference(tf.zeros_like(b), b))


MEASURES = {
    "mse": (frame_error, "lower"),
    "ssim": (frame_ssim, "higher"),
    "edge_error": (edge_error, "lower"),
}


def load(config: Config) -> moving_digits.Clips:
    """The videos."""
    return moving_digits.load(config.dataset)


def main(argv: Sequence[str] | None = None) -> Any:
    """Train next_frames."""
    running.run(Config, load, NextFrames, __doc__, argv)


if __name__ == "__main__":
    main()
