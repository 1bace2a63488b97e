"""Image to image, learned without a pair: CycleGAN.

    python -m gan_applications.cyclegan --dataset openmoji:lines --max_minutes 30 --json cyclegan.json
    python -m gan_applications.cyclegan --dataset mnist5k:patches
    python -m gan_applications.cyclegan --dataset folders --inputs horses/ --targets zebras/
    python -m gan_applications.cyclegan --run_dir RUN --apply horse.png --side b

G: A → B and F: B → A, each against a discriminator of its kind that judges patches: pix2pix's, of an image
alone.  They minimize both games by least squares, λ times how far F(G(a)) is from a and G(F(b)) from b, and
λ/2 times how much each changes an image that already is of its kind.  D learns from new images and from a
buffer of 50 older ones.  Instance norm is G's alone: with it in D, D's loss began at 400 on digits.

Measured where the truth is known, though no training saw it: emoji drawn as strokes and in color, by PSNR,
L1 and features; digits blended over colors, by whether a classifier of plain digits reads them once they
are translated.

Source: Zhu et al. 2017 (1703.10593).
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from gan_applications import domains, running
from gan_common.cli import flag

KINDS = ("openmoji:lines", "mnist5k:patches", "mnist:patches")


@dataclasses.dataclass(frozen=True)
class Config(domains.Config):
    """The flags; the paper's ablations are its parts switched off."""

    PACKAGE = "gan_applications.cyclegan"

    dataset: str = flag(KINDS[0], f"{', '.join(KINDS)}, or folders (with --inputs and --targets)")
    data_dir: str | None = flag(None, "folder with MNIST's files", on_resume=True)
    image_size: int | None = flag(
        None, "height and width in pixels (default: 28 of digits, else 64)", lower=16, upper=512
    )
    batch_size: int = flag(4, "images of each kind in a step", lower=2, upper=50)
    width: int = flag(16, "filters of all networks' first layer", lower=1)
    blocks: int = flag(4, "residual blocks of the generators", lower=0)
    cycle_weight: float = flag(10.0, "λ, of the cycles in G's loss; 0 leaves the games", lower=0)
    identity_weight: float = flag(0.5, "of the identity, as a share of 10", lower=0)
    replay: bool = flag(True, "D sees older images, too")


if __name__ == "__main__":
    running.answer_at_once(Config, __doc__)

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan_applications import fidelity
from gan_applications.both_ways import BothWays
from gan_applications.pix2pix import discriminator
from gan_applications.players import normal
from gan_common import data, tricks
from gan_common.arguments import ImageShape
from gan_common.kernels.convolutions import Conv2D
from gan_common.kernels.upsampling import UpsampleConv2D
from gan_common.metrics import features

BUFFER = 50  # old images of each kind, section 4
IDENTITY = (
    10.0  # what --identity_weight is a share of: the paper's λ, also where --cycle_weight is 0
)
SMALL = 48  # pixels: below, images are halved once on the way in, else twice
RATE = 4e-4  # twice the paper's: half an hour has far fewer steps


def normalized(x: Any) -> Any:
    """Instance norm: each channel of each image by itself."""
    return layers.GroupNormalization(groups=-1)(x)


def generator(size: int, width: int, blocks: int) -> keras.Model:
    """c7s1, d, R…, u, c7s1 (appendix): (size, size, 3) → (size, size, 3) in [−1, 1].

    Upsampling is nearest and a convolution (section 2.4.7), the paper's a transposed one.
    """
    halvings = 1 if size < SMALL else 2
    inputs = keras.Input((size, size, 3))
    x = Conv2D(width, 7, 1, "same", kernel_initializer=normal())(inputs)
    x = layers.ReLU()(normalized(x))
    for floor in range(halvings):  # 64 → 32 → 16
        x = Conv2D(width * 2 ** (floor + 1), 3, 2, "same", kernel_initializer=normal())(x)
        x = layers.ReLU()(normalized(x))
    filters = x.shape[-1]
    for _ in range(blocks):
        y = Conv2D(filters, 3, 1, "same", kernel_initializer=normal())(x)
        y = layers.ReLU()(normalized(y))
        y = normalized(Conv2D(filters, 3, 1, "same", kernel_initializer=normal())(y))
        x = layers.Add()([x, y])
    for floor in reversed(range(halvings)):  # 16 → 32 → 64
        x = UpsampleConv2D(width * 2**floor, 3, kernel_initializer=normal())(x)
        x = layers.ReLU()(normalized(x))
    x = Conv2D(3, 7, 1, "same", activation="tanh", kernel_initializer=normal())(x)
    return keras.Model(inputs, x, name="generator")


class CycleGAN(BothWays):
    """The step, and what is measured.  A `running.System`."""

    loss = "least_squares"

    def __init__(self, config: Config, image_shape: ImageShape, names: Sequence[str] = ()) -> None:
        size = image_shape[0]
        if size % 4:
            raise running.UserError(
                f"--image_size {size}: give a multiple of 4, to be halved twice"
            )
        super().__init__(
            config,
            image_shape,
            lambda: generator(size, config.width, config.blocks),
            lambda: discriminator(size, 3, 2 * config.width, config.tricks),
            rate=RATE,
        )
        self.replays = [tricks.ReplayBuffer(BUFFER, config.seed + side) for side in range(2)]
        for buffer in self.replays:
            buffer.build(image_shape)

    def extra_variables(self) -> dict[str, list]:
        old = [variable for buffer in self.replays for variable in buffer.variables]
        return {**super().extra_variables(), "old_images": old}

    def learn(self, a: tf.Tensor, b: tf.Tensor, seed: tf.Tensor, done: tf.Tensor) -> dict:
        """Equations 1 to 3 and the identity of section 5.2, and an update of each network."""
        config = self.config
        replays = self.replays if config.replay else (None, None)
        with tf.GradientTape(persistent=True) as tape:
            # Instance norm: what else is in a batch changes no image, so both go through together.
            made_b, same_b = tf.split(self.to_b(tf.concat([a, b], 0), training=True), 2)
            made_a, same_a = tf.split(self.to_a(tf.concat([b, a], 0), training=True), 2)
            again_a, again_b = self.to_a(made_b, training=True), self.to_b(made_a, training=True)
            cycle = _l1(again_a, a) + _l1(again_b, b)
            identity = _l1(same_a, a) + _l1(same_b, b)
            games = [
                self.game(self.judge_b, b, made_b, seed, done, replays[0]),
                self.game(self.judge_a, a, made_a, seed, done, replays[1]),
            ]
            # `losses` has ½E(D(G(a)) − 1)², the paper E(…)²; of D, whose loss it halves, the same.
            d_loss = games[0].d_loss + games[1].d_loss
            g_loss = 2 * (games[0].g_loss + games[1].g_loss)
            g_loss += config.cycle_weight * cycle + IDENTITY * config.identity_weight * identity
        values = self.update(tape, d_loss, g_loss, games, boundary=0.5)
        return values | {"cycle": cycle, "identity": identity}

    # ---------------------------------------------------------------------- what comes of it

    def measure(self, given: domains.Heaps) -> dict[str, running.Measure]:
        """On held-out images: against the truth, by a classifier, or by how like their kind they are."""
        if given.labels:
            return self.read(given)
        if not given.truth:
            return self.likeness(given)
        made = self.translate(given.test_inputs, "b")
        beside = {
            "another emoji": np.roll(given.x_test, 1, axis=0),
            "untranslated": given.test_inputs,
            "mean color": mean_color(given),
        }
        names = ("psnr", "l1", "feature_distance")
        into_b = fidelity.measures(names, made, given.x_test, beside)
        drawn, colored = self.translate(given.x_test, "a"), given.x_test
        back = fidelity.measures(("psnr",), drawn, given.test_inputs, {"untranslated": colored})
        return into_b | {"psnr_of_lines": back["psnr"]}

    def read(self, given: domains.Heaps) -> dict[str, running.Measure]:
        """How many blended digits a classifier of plain ones reads, once they are made plain."""
        name = self.config.dataset.partition(":")[0]
        model = features.classifier(data.load(name, self.config.data_dir))
        right = {
            of: _accuracy(model, images, given.labels[1])
            for of, images in (
                ("translated", self.translate(given.x_test, "a")),
                ("untranslated", given.x_test),
                ("plain digits themselves", given.test_inputs),
            )
        }
        return {"accuracy": running.Measure(right.pop("translated"), "higher", right)}


def _l1(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.abs(x - y))


def _accuracy(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of uint8 color images that a classifier of gray ones takes for what they are."""
    gray = np.rint(images.mean(axis=-1, keepdims=True)).astype(np.uint8)
    return float(np.mean(features.extract(model, gray)[1].argmax(axis=1) == labels))


def mean_color(given: domains.Heaps) -> np.ndarray:
    """The targets' mean color under the strokes."""
    made = given.x_train.mean(axis=(0, 1, 2)) * (given.test_inputs / 255)
    return np.rint(made).astype(np.uint8)


def main(argv: Sequence[str] | None = None) -> Any:
    """Train, or apply, CycleGAN."""
    running.run(Config, domains.loader(KINDS), CycleGAN, __doc__, argv)


if __name__ == "__main__":
    main()
