"""Four times as large, with details that look real: SRGAN.

    python -m gan_applications.srgan --dataset openmoji --max_minutes 30 --json srgan.json
    python -m gan_applications.srgan --dataset cifar10 --data_dir DATA --max_minutes 30
    python -m gan_applications.srgan --run_dir RUN --apply small.png --side 64

A residual net enlarges by sub-pixel convolutions.  First it learns by squared differences of pixels
(SRResNet): where several sharp images fit the small one, their blurred mean costs least.  Then a copy of it
goes on with the perceptual loss: squared differences in the features of a pretrained network, and a game
against a D that tells enlarged images from real ones.  It loses pixels' accuracy and wins sharpness, as
published: on Set5, four times as large, SRResNet has 32.1 dB, SRGAN 29.4 dB, bicubic enlarging 28.4 dB.

Beside the features the pixels' absolute differences count, as in ESRGAN (Wang et al. 2018, 1809.00219): a
ground that is a shade too gray is hardly seen in features.  The features that are learned from are those of
the classifier of CIFAR-10 (for CIFAR-10: of openmoji), and what is measured are another's, so that no measure
is what was trained for.

Source: Ledig et al. 2017 (1609.04802); without batch norm, after Lim et al. 2017 (1707.02921).
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gan_applications import running
from gan_common.cli import flag


@dataclasses.dataclass(frozen=True)
class Config(running.Applied):
    """The flags; the ablations of the paper (section 3.4) are its parts switched off."""

    PACKAGE = "gan_applications.srgan"

    dataset: str = flag("openmoji", "openmoji, cifar10, or folder:PATH", on_resume=True)
    image_size: int | None = flag(
        None, "height and width of the large images (default: 64, cifar10: 32)", lower=32, upper=256
    )
    batch_size: int = flag(8, "images in a step", lower=2)
    width: int = flag(32, "filters of the residual net", lower=2)
    blocks: int = flag(6, "of two convolutions each, around which a skip connection leads", lower=1)
    mse_share: float = flag(0.5, "of the run in which pixels are learned", lower=0.05, upper=0.95)
    content: str = flag(
        "features", "what is compared while the game is on", choices=("features", "pixels")
    )
    pixel_weight: float = flag(
        1.0, "of the absolute differences of pixels beside the features; 0 in the paper", lower=0
    )
    game_weight: float = flag(1e-2, "of the game beside the content; 0 leaves it out", lower=0)
    side: int = flag(
        64,
        "of --apply: pixels that an image is brought to before it is enlarged",
        lower=8,
        upper=512,
    )

    EFFECTS = (
        running.Effect(
            ("pixel_weight",),
            lambda config, typed: config.content == "features",
            "with --content pixels",
        ),
    )


if __name__ == "__main__":
    running.answer_at_once(Config, __doc__)

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from PIL import Image

from gan_applications import fidelity
from gan_applications.players import Player, judging, told
from gan_common import data, losses, tricks
from gan_common.arguments import ImageShape
from gan_common.catalogue import REAL_LABEL
from gan_common.data import found
from gan_common.kernels.convolutions import Conv2D
from gan_common.terms import Terms

SCALE = 4
LEAK = 0.2
CHUNK = 64  # images that are drawn at a time
SHOWN = 8  # rows of the figure
MOST_MEASURED = 2000  # held-out images


def enlarger(size: int | None, width: int, blocks: int) -> keras.Model:
    """SRResNet (figure 4): (size, size, 3) → (4 size, 4 size, 3), near [−1, 1].

    What it adds to bicubic enlarging; the paper's net makes the whole image.
    """
    inputs = keras.Input((size, size, 3))
    first = x = layers.PReLU(shared_axes=[1, 2])(Conv2D(width, 5, padding="same")(inputs))
    for _ in range(blocks):
        y = layers.PReLU(shared_axes=[1, 2])(Conv2D(width, 3, padding="same")(x))
        x = layers.Add()([x, Conv2D(width, 3, padding="same")(y)])
    x = layers.Add()([first, Conv2D(width, 3, padding="same")(x)])
    for filters in (width, width // 2):  # size → 2 size → 4 size
        x = tricks.PixelShuffle(2)(Conv2D(4 * filters, 3, padding="same")(x))
        x = layers.PReLU(shared_axes=[1, 2])(x)
    x = Conv2D(3, 3, padding="same", kernel_initializer=keras.initializers.RandomNormal(0.0, 0.01))(
        x
    )
    large = layers.UpSampling2D(SCALE, interpolation="bicubic")(inputs)
    return keras.Model(inputs, layers.Add()([large, x]), name="enlarger")


def discriminator(size: int, width: int, chosen: Sequence[str] = ()) -> keras.Model:
    """A logit of an image (figure 4): pairs of convolutions, the second of each at half the size."""
    judged = judging(chosen)
    inputs = x = keras.Input((size, size, 3))
    for filters in (width, 2 * width, 4 * width):
        for stride in (1, 2):
            x = judged(Conv2D(filters, 3, stride, "same", kernel_initializer="he_normal"))(x)
            x = layers.LeakyReLU(LEAK)(x)
    x = layers.LeakyReLU(LEAK)(judged(layers.Dense(16 * width))(layers.Flatten()(x)))
    return keras.Model(inputs, judged(layers.Dense(1))(x), name="discriminator")


def content_loss(maps: keras.Model, made: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
    """Squared differences of features (equation 5), as shares of the features' squares, over all layers.

    The paper takes one layer of VGG19 and a factor for its scale.

    Args:
        maps: of `fidelity.maps`.
        made, truth: (N, H, W, 3) in [−1, 1].
    """
    a, b = (maps((images + 1) * 127.5) for images in (made, truth))
    shares = [
        tf.reduce_mean(tf.square(of_made - of_truth)) / tf.reduce_mean(tf.square(of_truth))
        for of_made, of_truth in zip(a, b, strict=True)
    ]
    return tf.add_n(shares) / len(shares)


class SRGAN:
    """Three networks, the two steps that train them, and what is measured.  A `running.System`."""

    loss = "non_saturating"

    def __init__(self, config: Config, image_shape: ImageShape, names: Sequence[str] = ()) -> None:
        self.config, size = config, image_shape[0]
        if size % 8 or image_shape[2] != 3:
            raise running.UserError(
                f"images of {'×'.join(map(str, image_shape))}: SRGAN takes images in color whose side is a "
                "multiple of 8"
            )
        by_pixels, generator = (
            enlarger(size // SCALE, config.width, config.blocks) for _ in range(2)
        )
        self.discriminator = discriminator(size, config.width // 2, config.tricks)
        self.players = {
            "discriminator": Player(self.discriminator, rate=2e-4),
            "generator": Player(generator, rate=2e-4),
            "mse_net": Player(by_pixels, rate=1e-3, beta_1=0.9),
        }
        self.in_game = tf.Variable(False, trainable=False)  # the copy was made
        d, g, _ = (player.trainable for player in self.players.values())
        self.terms = Terms(config.tricks, g, d, image_shape, config.batch_size)
        self.real_label = REAL_LABEL if "label_smoothing" in config.tricks else 1.0
        self.maps = fidelity.maps("openmoji" if config.dataset == "cifar10" else "cifar10")

    def extra_variables(self) -> dict[str, list]:
        return {**self.terms.variables(), "in_game": [self.in_game]}

    def batches(self, given: data.Dataset, start: int) -> Iterable[tuple]:
        """Small images and large ones, uint8."""
        arrays, config = (shrunk(given.x_train), given.x_train), self.config
        return data.stream(arrays, config.batch_size, config.seed, start_step=start)

    def step(self, batch: tuple, done: tf.Tensor, fraction: tf.Tensor) -> dict[str, tf.Tensor]:
        """A step by pixels in the first part of the run, then one of the game."""
        d, g, by_pixels = self.players.values()
        part, share = float(fraction), self.config.mse_share
        if part < share:
            by_pixels.schedule(part / share)
            return self._mse_step(*batch, done)
        if not self.in_game:
            g.networks[0].set_weights(by_pixels.networks[0].get_weights())
            self.in_game.assign(True)
        for player in (d, g):
            player.schedule((part - share) / (1 - share))
        return self._game_step(*batch, done)

    def _ready(self, small: tf.Tensor, large: tf.Tensor, done: tf.Tensor) -> tuple:
        """Both in [−1, 1], half of the pairs mirrored; the step's seed."""
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), done])
        mirrored = tf.random.stateless_uniform((tf.shape(small)[0], 1, 1, 1), seed) < 0.5
        small, large = (
            tf.where(mirrored, images[:, :, ::-1], images)
            for images in (tricks.scale_images(small), tricks.scale_images(large))
        )
        return small, large, seed

    @tf.function
    def _mse_step(self, small: tf.Tensor, large: tf.Tensor, done: tf.Tensor) -> dict:
        return self.learn_pixels(*self._ready(small, large, done)[:2])

    @tf.function
    def _game_step(self, small: tf.Tensor, large: tf.Tensor, done: tf.Tensor) -> dict:
        small, large, seed = self._ready(small, large, done)
        return self.learn(small, large, seed, done)

    def learn_pixels(self, small: tf.Tensor, large: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equation 4: the squared difference of pixels.  The game's numbers are 0."""
        player = self.players["mse_net"]
        with tf.GradientTape() as tape:
            mse = tf.reduce_mean(tf.square(large - player.networks[0](small, training=True)))
        norm = player.learn(tape.gradient(mse, player.trainable))
        nothing = tf.zeros(())
        values = told(nothing, nothing, nothing, nothing, nothing, norm)
        return values | {"content": nothing, "mse": mse, "d_fake_accuracy": nothing}

    def learn(self, small: tf.Tensor, large: tf.Tensor, seed: tf.Tensor, done: tf.Tensor) -> dict:
        """The perceptual loss (equation 3) for G, and D's own (equation 2), of a batch in [−1, 1]."""
        config, (d, g, _) = self.config, self.players.values()
        with tf.GradientTape(persistent=True) as tape:
            made = g.networks[0](small, training=True)
            shown = [self.terms.shown(images, seed, done) for images in (large, made)]
            real, fake = (self.discriminator(images, training=True) for images in shown)
            flipped = self.terms.flipped(real, fake, seed)
            d_game = losses.discriminator_loss(self.loss, *flipped, real_label=self.real_label)
            critic = lambda images: self.discriminator(images, training=True)  # noqa: E731
            d_loss = d_game + self.terms.penalty(critic, shown[0], shown[1], seed)
            mse = tf.reduce_mean(tf.square(large - made))
            content = mse
            if config.content == "features":
                content = content_loss(self.maps, made, large)
                content += config.pixel_weight * tf.reduce_mean(tf.abs(large - made))
            g_game = losses.generator_loss(self.loss, fake)
            g_loss = content + config.game_weight * g_game
        # Both gradients are those at the weights before the step.
        d_gradients = tape.gradient(d_loss, d.trainable)
        g_gradients = tape.gradient(g_loss, g.trainable)
        d_norm, g_norm = d.learn(d_gradients), g.learn(g_gradients)
        values = told(d_game, g_game, real, fake, d_norm, g_norm)
        return values | {"content": content, "mse": mse}

    # ---------------------------------------------------------------------- what comes of it

    def enlarge(self, small: np.ndarray, by_pixels: bool = False) -> np.ndarray:
        """uint8 (N, h, w, 3) → uint8 (N, 4h, 4w, 3), of any size."""
        trained = self.players[
            "mse_net" if by_pixels or not self.in_game else "generator"
        ].networks[0]
        network = trained
        if small.shape[1:] != trained.input_shape[1:]:
            network = enlarger(None, self.config.width, self.config.blocks)
            network.set_weights(trained.get_weights())
        parts = []
        for start in range(0, len(small), CHUNK):
            x = tricks.scale_images(tf.constant(small[start : start + CHUNK]))
            parts.append(tricks.unscale_images(tf.clip_by_value(network(x, training=False), -1, 1)))
        return np.concatenate([np.asarray(part) for part in parts])

    def samples(self, given: data.Dataset) -> np.ndarray:
        return self.enlarge(shrunk(given.x_test[:64]))

    def measure(self, given: data.Dataset) -> dict[str, running.Measure]:
        """On held-out images."""
        truth = given.x_test[:MOST_MEASURED]
        small = shrunk(truth)
        measured = "cifar10" if given.name == "cifar10" else "openmoji"
        return fidelity.measures(
            ("psnr", "ssim", "feature_distance", "fid"),
            self.enlarge(small),
            truth,
            self.baselines(small),
            measured,
        )

    def baselines(self, small: np.ndarray) -> dict[str, np.ndarray]:
        """What lesser ways make of small images."""
        return {
            "nearest": small.repeat(SCALE, axis=1).repeat(SCALE, axis=2),
            "bicubic": resized(small, SCALE * small.shape[1]),
            "MSE net": self.enlarge(small, by_pixels=True),
        }

    def figure(self, given: data.Dataset) -> dict[str, np.ndarray]:
        truth = given.x_test[:SHOWN]
        small = shrunk(truth)
        made = self.baselines(small)
        columns = {"input": made.pop("nearest"), **made, "SRGAN": self.enlarge(small)}
        return columns | {"truth": truth}

    def apply(self, paths: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
        """A person's images, brought to --side and enlarged."""
        side = self.config.side
        for kept, images in found.read_batches(paths, (side, side, 3)):
            yield from zip(kept, self.enlarge(images), strict=True)


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 (N, H, W, 3) → (N, size, size, 3) by Pillow's bicubic filter, which smooths where it shrinks."""
    made = np.empty((len(images), size, size, 3), np.uint8)
    for row, image in zip(made, images, strict=True):
        row[:] = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))
    return made


def shrunk(images: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, 3) → a quarter of the height and width."""
    return resized(images, images.shape[1] // SCALE)


def load(config: Config) -> data.Dataset:
    """The large images; the small ones are made of them."""
    size = config.image_size or (32 if config.dataset == "cifar10" else 64)
    return data.load(config.dataset, config.data_dir, size)


def main(argv: Sequence[str] | None = None) -> Any:
    """Train, or apply, SRGAN."""
    running.run(Config, load, SRGAN, __doc__, argv)


if __name__ == "__main__":
    main()
