"""Videos from noise, as a foreground that moves and a ground that stays: VGAN.

    python -m gan_applications.video --max_minutes 30 --json video.json
    python -m gan_applications.video --notwo_streams        the paper's one-stream net

G makes of a code z a foreground f and a mask m by 3-D convolutions, and one image b by 2-D ones; the video is
m f + (1 − m) b, frame by frame.  D judges whole videos.  Nobody tells G what is foreground: since b has no
time, whatever moves must go through m, and λ|m| keeps m small.

Measured on 16 frames of 32×32: whether the mask is what moves (a ruler finds that in the video itself; on
drawn videos the ruler is held against the truth), frames by FID, how fast things move, how still the ground
is.

Source: Vondrick et al. 2016 (1609.02612), tinyvideo.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from gan_applications import running
from gan_common.cli import flag


@dataclasses.dataclass(frozen=True)
class Config(running.Config):
    """The flags; the paper's idea can be left out."""

    PACKAGE = "gan_applications.video"

    dataset: str = flag(
        "moving", "moving: figures and digits over textured grounds", choices=("moving",)
    )
    batch_size: int = flag(16, "videos in a step", lower=2)
    width: int = flag(16, "filters of the finest layer of both networks", lower=1)
    two_streams: bool = flag(
        True, "foreground and ground apart; else one stream of 3-D convolutions"
    )
    mask_weight: float = flag(0.1, "λ, of the mask's mean in G's loss", lower=0)

    EFFECTS = (
        running.Effect(
            ("mask_weight",), lambda config, typed: config.two_streams, "with --notwo_streams"
        ),
    )


if __name__ == "__main__":
    running.answer_at_once(Config, __doc__)

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy import stats

from gan_applications import fidelity, moving
from gan_applications.players import Player, judging, normal, told
from gan_common import data, losses, tricks
from gan_common.arguments import ImageShape
from gan_common.catalogue import REAL_LABEL
from gan_common.kernels.normalization import BatchNormalization
from gan_common.kernels.upsampling import UpsampleConv2D
from gan_common.terms import Terms

CODE = 100
LEAK = 0.2
D_RATE, G_RATE = 2e-4, 4e-4  # the paper has 2e-4 for both
DECAY = 0.995  # of the average of G's weights, which draws
MOMENTUM = 0.9  # of batch norm's statistics: those of the last few dozen steps
CHUNK = 32  # videos that are drawn at a time
SHOWN = (0, 5, 10, 15)  # frames of the figure


class UpsampleConv3D(layers.Layer):
    """Nearest upsampling by 2 and a "same" convolution of 3×3×3 in one, at 8 of its 27 multiplications.

    Each weight meets two copies of a pixel or of none along each axis: so this is a transposed convolution of
    4×4×4, whose kernel is the other one added to itself, moved by one, along each axis.

    Call arguments:
        inputs: (batch, frames, height, width, channels).
    """

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.filters = filters

    def build(self, input_shape: Sequence[int | None]) -> None:
        shape = (3, 3, 3, self.filters, input_shape[-1])
        self.kernel = self.add_weight(shape=shape, initializer=normal(), name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        kernel = tf.convert_to_tensor(self.kernel)
        for axis in range(3):
            before, after = ([(int(at == axis) * side, int(at == axis) * (1 - side))
                              for at in range(5)] for side in (0, 1))  # fmt: skip
            kernel = tf.pad(kernel, before) + tf.pad(kernel, after)
        shape = (tf.shape(inputs)[0], *self.compute_output_shape(inputs.shape)[1:])
        return tf.nn.conv3d_transpose(inputs, kernel, shape, 2) + self.bias

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (input_shape[0], *(side and 2 * side for side in input_shape[1:4]), self.filters)


def generator(width: int, two_streams: bool) -> keras.Model:
    """z (100,) → a video (16, 32, 32, 3) in [−1, 1], and its mask (16, 32, 32, 1) in [0, 1] (section 2.2).

    Upsampling is nearest and a convolution (section 2.4.7): the paper's transposed ones left a checkerboard
    in the mask and in what moves, by which D knew them after 3,800 steps.
    """
    z = keras.Input((CODE,))
    x = _started(z, (2, 4, 4, 4 * width))
    for filters in (2 * width, width):  # (2, 4, 4) → (4, 8, 8) → (8, 16, 16)
        x = _normalized(UpsampleConv3D(filters)(x))
    x = UpsampleConv3D(4 if two_streams else 3)(x)  # (16, 32, 32): color, and mask
    moves = keras.ops.tanh(x[..., :3])
    if not two_streams:
        return keras.Model(z, [moves, keras.ops.ones_like(moves[..., :1])], name="generator")
    mask = layers.Activation("sigmoid")(x[..., 3:])
    y = _started(z, (4, 4, 4 * width))
    for filters in (2 * width, width):  # 4 → 8 → 16
        y = _normalized(UpsampleConv2D(filters, 3, kernel_initializer=normal())(y))
    ground = UpsampleConv2D(3, 3, activation="tanh", kernel_initializer=normal())(y)
    ground = keras.ops.expand_dims(ground, 1)  # one image for all frames
    return keras.Model(z, [mask * moves + (1 - mask) * ground, mask], name="generator")


def _started(z: Any, shape: tuple[int, ...]) -> Any:
    """A code as the smallest map of a stream."""
    x = layers.Dense(int(np.prod(shape)), use_bias=False, kernel_initializer=normal())(z)
    return _normalized(layers.Reshape(shape)(x))


def _normalized(x: Any) -> Any:
    """Batch norm and ReLU; frames lie one above the other, for the kernel that images (H, W, C) have."""
    shape = x.shape[1:]
    if len(shape) == 4:
        x = layers.Reshape((shape[0] * shape[1], *shape[2:]))(x)
    x = layers.ReLU()(BatchNormalization(momentum=MOMENTUM)(x))
    return layers.Reshape(shape)(x) if len(shape) == 4 else x


def discriminator(width: int, chosen: Sequence[str] = ()) -> keras.Model:
    """A video (16, 32, 32, 3) → a logit (section 2.3): G's foreground, upside down.

    Without the paper's batch norm: whether a video is real is asked of each by itself.
    """
    judged = judging(chosen)
    inputs = x = keras.Input((moving.FRAMES, moving.SIZE, moving.SIZE, 3))
    for floor in range(3):  # (16, 32, 32) → (2, 4, 4)
        filters = width * 2**floor
        x = judged(layers.Conv3D(filters, 4, 2, "same", kernel_initializer="he_normal"))(x)
        x = layers.LeakyReLU(LEAK)(x)
    return keras.Model(inputs, judged(layers.Dense(1))(layers.Flatten()(x)), name="discriminator")


class VGAN:
    """Both networks, the step that trains them, and what is measured.  A `running.System`."""

    loss = "non_saturating"

    def __init__(self, config: Config, image_shape: ImageShape, names: Sequence[str] = ()) -> None:
        self.config = config
        self.generator = generator(config.width, config.two_streams)
        self.discriminator = discriminator(config.width, config.tricks)
        self.players = {
            "discriminator": Player(self.discriminator, rate=D_RATE),
            "generator": Player(self.generator, rate=G_RATE),
        }
        self.average = tricks.WeightAverage(tricks.floating(self.generator.variables), DECAY)
        d, g = (player.trainable for player in self.players.values())
        self.terms = Terms(config.tricks, g, d, (moving.FRAMES, *image_shape), config.batch_size)
        self.real_label = REAL_LABEL if "label_smoothing" in config.tricks else 1.0

    def extra_variables(self) -> dict[str, list]:
        return {**self.terms.variables(), "average": self.average.variables}

    def batches(self, given: moving.Videos, start: int) -> Iterable[tuple]:
        """Videos, uint8 (batch, 16, 32, 32, 3)."""
        config = self.config
        return data.stream(given.x_train, config.batch_size, config.seed, start_step=start)

    def step(self, batch: tuple, done: tf.Tensor, fraction: tf.Tensor) -> dict[str, tf.Tensor]:
        """One step of both."""
        return self._step(*batch, done)

    @tf.function
    def _step(self, videos: tf.Tensor, done: tf.Tensor) -> dict[str, tf.Tensor]:
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), done])
        z = tf.random.stateless_normal((self.config.batch_size, CODE), seed + 7)
        return self.learn(tricks.scale_images(videos), z, seed, done)

    def learn(self, videos: tf.Tensor, z: tf.Tensor, seed: tf.Tensor, done: tf.Tensor) -> dict:
        """The game of section 2.1 with the mask's sparsity, and an update of each network."""
        d, g = self.players.values()
        with tf.GradientTape(persistent=True) as tape:
            made, mask = self.generator(z, training=True)
            shown = [self.shown(each, seed, done) for each in (videos, made)]
            critic = lambda seen: self.discriminator(seen, training=True)  # noqa: E731
            real, fake = map(critic, shown)
            flipped = self.terms.flipped(real, fake, seed)
            d_game = losses.discriminator_loss(self.loss, *flipped, real_label=self.real_label)
            d_loss = d_game + self.terms.penalty(critic, shown[0], shown[1], seed)
            g_game = losses.generator_loss(self.loss, fake)
            covered = tf.reduce_mean(mask)
            g_loss = g_game + self.config.mask_weight * covered
        # Both gradients are those at the weights before the step.
        gradients = [
            tape.gradient(loss, player.trainable) for loss, player in ((d_loss, d), (g_loss, g))
        ]
        norms = [player.learn(of) for player, of in zip((d, g), gradients, strict=True)]
        self.average.update()
        return told(d_game, g_game, real, fake, *norms) | {"mask": covered}

    def shown(self, videos: tf.Tensor, seed: tf.Tensor, done: tf.Tensor) -> tf.Tensor:
        """What D gets to see: all frames of a video changed alike, as if they were channels."""
        if not self.terms.chosen:
            return videos
        x = tf.transpose(videos, (0, 2, 3, 1, 4))  # (N, H, W, frames, C)
        frames = self.terms.shown(tf.reshape(x, (*x.shape[:3], -1)), seed, done)
        return tf.transpose(tf.reshape(frames, x.shape), (0, 3, 1, 2, 4))

    # ---------------------------------------------------------------------- what comes of it

    def drawn(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Videos uint8 (count, 16, 32, 32, 3) and their masks, bool (count, 16, 32, 32), of fixed codes.

        By the averaged weights.
        """
        z = np.random.default_rng(0).standard_normal((count, CODE), np.float32)
        with self.average.swap():
            parts = [self._draw(tf.constant(z[at : at + CHUNK])) for at in range(0, count, CHUNK)]
        videos, masks = (np.concatenate(of) for of in zip(*parts, strict=True))
        return videos, masks[..., 0] > 0.5

    @tf.function(reduce_retracing=True)
    def _draw(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        videos, masks = self.generator(z, training=False)
        return tricks.unscale_images(videos), masks

    def samples(self, given: moving.Videos) -> np.ndarray:
        """Frames of 16 videos, one after the other."""
        return self.drawn(16)[0][:, list(SHOWN)].reshape(-1, *given.image_shape)

    def measure(self, given: moving.Videos) -> dict[str, running.Measure]:
        """Of as many generated videos as are held out."""
        videos, masks = self.drawn(len(given.x_test))
        known = given.x_train[: len(given.x_test)]
        still = np.repeat(np.median(videos, axis=1, keepdims=True), moving.FRAMES, axis=1)
        found, truly, by_known = map(moving.foreground, (videos, given.x_test, known))
        fast, truly_fast, known_fast = map(moving.speeds, (found, truly, by_known))
        beside = {
            "the whole frame": np.ones_like(masks),
            "the mask of another video": np.roll(masks, 1, axis=0),
        }
        overlaps = {name: moving.overlap(mask, found) for name, mask in beside.items()}
        overlaps["the ruler on drawn videos"] = moving.overlap(truly, given.masks)
        return {
            "mask_iou": running.Measure(moving.overlap(masks, found), "higher", overlaps),
            "frame_fid": running.Measure(
                frame_fid(videos, given.x_test),
                "lower",
                {
                    "their grounds alone": frame_fid(still.astype(np.uint8), given.x_test),
                    "training videos": frame_fid(known, given.x_test),
                },
            ),
            # Between the videos' speeds, in pixels a frame: Wasserstein's.
            "speed_distance": running.Measure(
                float(stats.wasserstein_distance(fast, truly_fast)),
                "lower",
                {
                    "nothing moves": float(truly_fast.mean()),
                    "training videos": float(stats.wasserstein_distance(known_fast, truly_fast)),
                },
            ),
            "ground_change": running.Measure(
                moving.restlessness(videos, found),
                "lower",
                {"drawn videos": moving.restlessness(given.x_test, truly)},
            ),
        }

    def figure(self, given: moving.Videos) -> dict[str, np.ndarray]:
        """Frames of generated videos, what their masks let through, frames of drawn ones."""
        videos, masks = self.drawn(8)
        through = np.where(masks[..., None], videos, np.uint8(255))
        columns = {f"frame {at + 1}": videos[:, at] for at in SHOWN}
        columns |= {f"mask {at + 1}": through[:, at] for at in SHOWN[1:3]}
        return columns | {f"drawn {at + 1}": given.x_test[:8, at] for at in SHOWN}


def frame_fid(videos: np.ndarray, truth: np.ndarray) -> float:
    """`fidelity.fid` of every fifth frame."""
    frames = [each[:, ::5].reshape(-1, *each.shape[2:]) for each in (videos, truth)]
    return fidelity.fid(frames[0], frames[1])


def main(argv: Sequence[str] | None = None) -> Any:
    """Train VGAN."""
    running.run(Config, moving.load, VGAN, __doc__, argv)


if __name__ == "__main__":
    main()
