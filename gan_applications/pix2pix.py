"""From a drawing to a picture, learned from pairs: pix2pix.

    python -m gan_applications.pix2pix --dataset openmoji:lines --max_minutes 30 --json pix2pix.json
    python -m gan_applications.pix2pix --dataset pairs --inputs drawings/ --targets pictures/
    python -m gan_applications.pix2pix --run_dir RUN --apply drawing.png

G is a U-Net from input x to output G(x); D sees x beside y or beside G(x), and says of each patch whether it
is real.  G minimizes −E log D(x, G(x)) + λ E|y − G(x)|: the distance keeps it near the truth, the game keeps
it from painting the mean of all that might be true.  A second generator learns by the distance alone, from
the same batches, to show what the game is worth.

Measured on held-out emoji: PSNR, L1, and the distance in a classifier's features.

Source: Isola et al. 2017 (1611.07004).
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gan_applications import pairs, running
from gan_common.cli import flag


@dataclasses.dataclass(frozen=True)
class Config(pairs.Config):
    """The flags; the ablations of the paper are its parts switched off."""

    PACKAGE = "gan_applications.pix2pix"

    width: int = flag(24, "filters of both networks' first layer", lower=1)
    game_weight: float = flag(1.0, "of the game in G's loss; 0 leaves the distance alone", lower=0)
    l1_weight: float = flag(
        100.0, "λ, of the distance in G's loss; 0 leaves the game alone", lower=0
    )
    conditional: bool = flag(True, "D sees the input beside the output, and not the output alone")
    skips: bool = flag(True, "G's skip connections; without them it is an encoder and a decoder")

    EFFECTS = (
        running.Effect(
            ("conditional",), lambda config, typed: config.game_weight > 0, "with --game_weight 0"
        ),
    )


if __name__ == "__main__":
    running.answer_at_once(Config, __doc__)

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan_applications import fidelity
from gan_applications.players import Player, judging, normal, told
from gan_common import data, losses, tricks
from gan_common.arguments import ImageShape
from gan_common.catalogue import REAL_LABEL
from gan_common.data import found
from gan_common.kernels.convolutions import Conv2D
from gan_common.kernels.normalization import BatchNormalization
from gan_common.kernels.upsampling import UpsampleConv2D
from gan_common.terms import Terms

LEAK = 0.2
DROPOUT = 0.5
RATE = (
    1e-3  # of the generators; the paper's 2e-4 is for ten times as many steps as half an hour has
)
CHUNK = 64  # images that are drawn at a time
SHOWN = 10  # rows of the figure


def generator(size: int, channels: int, width: int, skips: bool) -> keras.Model:
    """The U-Net (section 3.2.1): (size, size, channels) → (size, size, 3) in [−1, 1].

    Each floor halves the sides, down to 2×2, and on the way up each meets what its floor saw on the way down;
    so does the ground floor, which the paper's has not: strokes of a pixel stay as they are.  Upsampling is
    nearest and a convolution (section 2.4.7): the paper's transposed ones left a checkerboard in flat colors.
    """
    inputs = keras.Input((size, size, channels))
    floors = size.bit_length() - 2  # 64 → 5
    filters = [width * min(2**floor, 8) for floor in range(floors)]  # 24 48 96 192 192
    seen, x = [], inputs
    for floor in range(floors):  # C64-C128-C256-…: 64 → 32 → 16 → 8 → 4 → 2
        x = Conv2D(filters[floor], 4, 2, "same", kernel_initializer=normal())(x)
        if floor:
            x = BatchNormalization()(x)
        x = layers.LeakyReLU(LEAK)(x)
        seen.append(x)
    for floor in reversed(range(floors - 1)):
        x = UpsampleConv2D(filters[floor], 3, kernel_initializer=normal())(x)
        x = BatchNormalization()(x)
        if floor >= floors - 3:  # CD: the two floors above the lowest
            x = layers.Dropout(DROPOUT)(x)
        x = layers.ReLU()(layers.Concatenate()([x, seen[floor]]) if skips else x)
    x = UpsampleConv2D(width, 3, kernel_initializer=normal())(x)
    x = layers.ReLU()(layers.Concatenate()([x, inputs]) if skips else x)
    x = Conv2D(3, 3, 1, "same", activation="tanh", kernel_initializer=normal())(x)
    return keras.Model(inputs, x, name="generator")


def discriminator(size: int, channels: int, width: int, chosen: Sequence[str] = ()) -> keras.Model:
    """A logit for each patch of 34×34 pixels (section 3.2.2): (size, size, channels) → (size/4, size/4, 1).

    Without the paper's batch norm: a drawing is flat but for a few strokes, and divided by so small a
    deviation they gave logits of tens (D's loss began at 13, where guessing costs 1.4).
    """
    judged = judging(chosen)
    inputs = keras.Input((size, size, channels))
    x = inputs
    for filters, stride in ((width, 2), (2 * width, 2), (4 * width, 1)):
        x = judged(Conv2D(filters, 4, stride, "same", kernel_initializer="he_normal"))(x)
        x = layers.LeakyReLU(LEAK)(x)
    x = judged(Conv2D(1, 4, 1, "same", kernel_initializer=normal()))(x)
    return keras.Model(inputs, x, name="discriminator")


def jitter(x: tf.Tensor, y: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Pairs mirrored, half of them, and moved by up to a sixteenth of the side (section 6.2)."""
    both, channels = tf.concat([x, y], axis=-1), x.shape[-1]
    size, reach = both.shape[1], both.shape[1] // 16
    mirrored = tf.random.stateless_uniform((tf.shape(both)[0], 1, 1, 1), seed) < 0.5
    both = tf.where(mirrored, both[:, :, ::-1], both)
    both = tf.pad(both, [(0, 0), (reach, reach), (reach, reach), (0, 0)], "SYMMETRIC")
    top, left = tf.unstack(
        tf.random.stateless_uniform((2,), seed + 1, 0, 2 * reach + 1, dtype=tf.int32)
    )
    both = tf.slice(both, [0, top, left, 0], [-1, size, size, -1])
    return both[..., :channels], both[..., channels:]


def filled(x: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    """What G made; where the input has a hole (its fourth channel), only that is G's."""
    if x.shape[-1] < 4:
        return made
    inside = (x[..., 3:] + 1) / 2
    return inside * made + (1 - inside) * x[..., :3]


class Pix2Pix:
    """Both networks, the step that trains them, and what is measured.  A `running.System`."""

    loss = "non_saturating"

    def __init__(self, config: Config, image_shape: ImageShape, names: Sequence[str] = ()) -> None:
        self.config, self.image_shape = config, image_shape
        size, channels = image_shape[0], pairs.input_channels(config.dataset)
        if size & (size - 1):
            raise running.UserError(f"--image_size {size}: each floor halves it; give a power of 2")
        self.generator, alone = (
            generator(size, channels, config.width, config.skips) for _ in range(2)
        )
        alone.set_weights(self.generator.get_weights())
        seen = channels + 3 if config.conditional else 3
        self.discriminator = discriminator(size, seen, config.width, config.tricks)
        self.players = {
            "discriminator": Player(self.discriminator),
            "generator": Player(self.generator, rate=RATE),
            "l1_alone": Player(alone, rate=RATE),
        }
        d, g, _ = (player.trainable for player in self.players.values())
        self.terms = Terms(config.tricks, g, d, (size, size, seen), config.batch_size)
        self.real_label = REAL_LABEL if "label_smoothing" in config.tricks else 1.0

    def extra_variables(self) -> dict[str, list]:
        return self.terms.variables()

    def batches(self, given: pairs.Pairs, start: int) -> Iterable[tuple]:
        """Inputs and targets, uint8 (batch, H, W, C) each."""
        arrays, config = (given.inputs, given.x_train), self.config
        return data.stream(arrays, config.batch_size, config.seed, start_step=start)

    def step(self, batch: tuple, done: tf.Tensor, fraction: tf.Tensor) -> dict[str, tf.Tensor]:
        """One step of D and of both generators."""
        return self._step(*batch, done)

    @tf.function
    def _step(self, x: tf.Tensor, y: tf.Tensor, done: tf.Tensor) -> dict[str, tf.Tensor]:
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), done])
        x, y = jitter(tricks.scale_images(x), tricks.scale_images(y), seed)
        return self.learn(x, y, seed, done)

    def learn(self, x: tf.Tensor, y: tf.Tensor, seed: tf.Tensor, done: tf.Tensor) -> dict:
        """The paper's losses (equations 1 to 4) of a batch in [−1, 1], and an update of each network."""
        config, (d, g, alone) = self.config, self.players.values()
        with tf.GradientTape(persistent=True) as tape:
            made = filled(x, self.generator(x, training=True))
            real, fake = (self.judge(x, each, seed, done) for each in (y, made))
            flipped = self.terms.flipped(real, fake, seed)
            d_game = losses.discriminator_loss(self.loss, *flipped, real_label=self.real_label)
            critic = lambda seen: self.discriminator(seen, training=True)  # noqa: E731
            penalty = self.terms.penalty(critic, self.seen(x, y), self.seen(x, made), seed)
            d_loss = d_game / 2 + penalty  # halved: section 3.3
            distance = tf.reduce_mean(tf.abs(y - made))
            g_game = losses.generator_loss(self.loss, fake)
            g_loss = config.game_weight * g_game + config.l1_weight * distance
            by_distance = filled(x, alone.networks[0](x, training=True))
            distance_alone = tf.reduce_mean(tf.abs(y - by_distance))
            alone_loss = config.l1_weight * distance_alone
        # All gradients are those at the weights before the step.
        gradients = [
            tape.gradient(loss, player.trainable, unconnected_gradients="zero")
            for loss, player in ((d_loss, d), (g_loss, g), (alone_loss, alone))
        ]
        norms = [player.learn(of) for player, of in zip((d, g, alone), gradients, strict=True)]
        values = told(d_game, g_game, real, fake, norms[0], norms[1])
        return values | {"l1": distance, "l1_alone": distance_alone}

    def seen(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """What D judges: the output beside its input (or, as an ablation, alone)."""
        return tf.concat([x, y], axis=-1) if self.config.conditional else y

    def judge(self, x: tf.Tensor, y: tf.Tensor, seed: tf.Tensor, done: tf.Tensor) -> tf.Tensor:
        """D's logits of pairs, a map for each."""
        shown = self.terms.shown(self.seen(x, y), seed, done)
        return self.discriminator(shown, training=True)

    # ---------------------------------------------------------------------- what comes of it

    def translate(self, inputs: np.ndarray, alone: bool = False) -> np.ndarray:
        """uint8 inputs (N, H, W, C) → uint8 outputs (N, H, W, 3)."""
        chunks = (inputs[start : start + CHUNK] for start in range(0, len(inputs), CHUNK))
        return np.concatenate([self._translate(tf.constant(x), alone).numpy() for x in chunks])

    @tf.function(reduce_retracing=True)
    def _translate(self, inputs: tf.Tensor, alone: bool) -> tf.Tensor:
        x = tricks.scale_images(inputs)
        network = self.players["l1_alone" if alone else "generator"].networks[0]
        return tricks.unscale_images(filled(x, network(x, training=False)))

    def samples(self, given: pairs.Pairs) -> np.ndarray:
        return self.translate(given.test_inputs[_spread(len(given.x_test), 64)])

    def measure(self, given: pairs.Pairs) -> dict[str, running.Measure]:
        """On all held-out pairs."""
        made, baselines = self.translate(given.test_inputs), self.baselines(given)
        names = ("psnr", "l1", "feature_distance", "fid")
        return fidelity.measures(names, made, given.x_test, baselines)

    def baselines(self, given: pairs.Pairs) -> dict[str, np.ndarray]:
        """What lesser ways make of the held-out inputs."""
        return {
            "L1 alone": self.translate(given.test_inputs, alone=True),
            "mean color": mean_color(given),
            "nearest training pair": given.x_train[nearest(given.test_inputs, given.inputs)],
        }

    def figure(self, given: pairs.Pairs) -> dict[str, np.ndarray]:
        rows = _spread(len(given.x_test), SHOWN)
        columns = {
            "input": given.test_inputs[rows][..., :3],
            "pix2pix": self.translate(given.test_inputs[rows]),
        }
        columns |= {name: made[rows] for name, made in self.baselines(given).items()}
        return columns | {"truth": given.x_test[rows]}

    def apply(self, paths: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
        """A person's images: drawings as they are, pictures in color made an input as the training's were."""
        for kept, images in found.read_batches(paths, self.image_shape):
            yield from zip(
                kept, self.translate(pairs.as_inputs(images, self.config.dataset)), strict=True
            )


def mean_color(given: pairs.Pairs) -> np.ndarray:
    """The targets' mean color under the strokes, in the hole, or as a mean change of the input's colors."""
    x, mean = given.test_inputs, given.x_train.mean(axis=(0, 1, 2))
    if x.shape[-1] == 1:
        made = mean * (x / 255)
    elif x.shape[-1] == 4:
        made = np.where(x[..., 3:] > 0, mean, x[..., :3])
    else:
        made = x + mean - given.inputs.mean(axis=(0, 1, 2))
    return np.clip(np.rint(made), 0, 255).astype(np.uint8)


def nearest(inputs: np.ndarray, known: np.ndarray) -> np.ndarray:
    """For each input (N, H, W, C) the row of the nearest known one, at a quarter of their size."""
    small = [
        np.stack([each[:, i::4, j::4].astype(np.float32) for i in range(4) for j in range(4)])
        .mean(axis=0)
        .reshape(len(each), -1)
        for each in (inputs, known)
    ]
    squares = [np.sum(each**2, axis=1) for each in small]
    return np.argmin(squares[0][:, None] + squares[1] - 2 * small[0] @ small[1].T, axis=1)


def _spread(count: int, shown: int) -> np.ndarray:
    """So many row numbers, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, shown)).astype(int))


def main(argv: Sequence[str] | None = None) -> Any:
    """Train, or apply, pix2pix."""
    running.run(Config, pairs.load, Pix2Pix, __doc__, argv)


if __name__ == "__main__":
    main()
