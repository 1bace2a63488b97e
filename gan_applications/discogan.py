"""Which goes with which, learned without a pair: DiscoGAN.

    python -m gan_applications.discogan --dataset boxes:figures --max_minutes 30 --json discogan.json
    python -m gan_applications.discogan --dataset folders --inputs bags/ --targets shoes/
    python -m gan_applications.discogan --run_dir RUN --apply bag.png --side b

G_AB and G_BA are encoders and decoders between kinds A and B.  Each must make images that D of its kind takes
for real, and each must lead back: ‖G_BA(G_AB(x)) − x‖².  The game alone lets many inputs become one output;
with one reconstruction the other way is still free to; with both, what differs stays different.

Measured: boxes are turned and figures lean by an angle that nobody told the networks.  A ruler reads the
angle of what comes out, against that of what went in.

Source: Kim et al. 2017 (1703.05192).
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from gan_applications import domains, running
from gan_common.cli import flag

KINDS = ("boxes:figures", "boxes:colors")


@dataclasses.dataclass(frozen=True)
class Config(domains.Config):
    """The flags; the paper's ablations are its reconstructions switched off."""

    PACKAGE = "gan_applications.discogan"

    dataset: str = flag(KINDS[0], f"{', '.join(KINDS)}, or folders (with --inputs and --targets)")
    image_size: int | None = flag(
        None,
        "height and width in pixels (default: 32 of boxes, 64 of folders)",
        lower=16,
        upper=512,
    )
    batch_size: int = flag(32, "images of each kind in a step", lower=2)
    width: int = flag(24, "filters of all networks' first layer", lower=1)
    weight: float = flag(10.0, "of the reconstructions in G's loss", lower=0)
    reconstruction: str = flag(
        "both", "both; one: of A alone; none: the game alone", choices=("both", "one", "none")
    )

    EFFECTS = (
        running.Effect(
            ("weight",),
            lambda config, typed: config.reconstruction != "none",
            "with --reconstruction none",
        ),
    )


if __name__ == "__main__":
    running.answer_at_once(Config, __doc__)

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan_applications import turned
from gan_applications.both_ways import BothWays
from gan_applications.players import judging
from gan_common.arguments import ImageShape
from gan_common.kernels.convolutions import Conv2D
from gan_common.kernels.normalization import BatchNormalization
from gan_common.kernels.upsampling import UpsampleConv2D

LEAK = 0.2
CODE = 100  # numbers between encoder and decoder


def generator(size: int, width: int) -> keras.Model:
    """Encoder and decoder (section 3.1): (size, size, 3) → `CODE` numbers → (size, size, 3) in [−1, 1].

    Nothing passes by the code: shape and place go through it, so that the output may be another thing.
    """
    inputs = x = keras.Input((size, size, 3))
    filters = [width * min(2**floor, 8) for floor in range(size.bit_length() - 3)]  # 24 48 96
    for floor, count in enumerate(filters):  # 32 → 16 → 8 → 4
        x = Conv2D(count, 4, 2, "same", use_bias=not floor)(x)
        x = layers.LeakyReLU(LEAK)(BatchNormalization()(x) if floor else x)
    x = layers.LeakyReLU(LEAK)(BatchNormalization()(layers.Dense(CODE)(layers.Flatten()(x))))
    x = layers.Reshape((4, 4, filters[-1]))(layers.Dense(16 * filters[-1])(x))
    x = layers.ReLU()(BatchNormalization()(x))
    for count in reversed(filters[:-1]):  # 4 → 8 → 16
        x = layers.ReLU()(BatchNormalization()(UpsampleConv2D(count, 3, use_bias=False)(x)))
    x = layers.Activation("tanh")(UpsampleConv2D(3, 3)(x))  # → 32
    return keras.Model(inputs, x, name="generator")


def discriminator(size: int, width: int, chosen: Sequence[str] = ()) -> keras.Model:
    """A logit of an image (section 3.1): (size, size, 3) → (1,)."""
    judged = judging(chosen)
    inputs = x = keras.Input((size, size, 3))
    for floor in range(size.bit_length() - 3):
        x = judged(Conv2D(width * min(2**floor, 8), 4, 2, "same"))(x)
        x = layers.LeakyReLU(LEAK)(BatchNormalization()(x) if floor else x)
    return keras.Model(inputs, judged(layers.Dense(1))(layers.Flatten()(x)), name="discriminator")


class DiscoGAN(BothWays):
    """The step, and what is measured.  A `running.System`."""

    loss = "non_saturating"

    def __init__(self, config: Config, image_shape: ImageShape, names: Sequence[str] = ()) -> None:
        size = image_shape[0]
        if size & (size - 1):
            raise running.UserError(f"--image_size {size}: each floor halves it; give a power of 2")
        super().__init__(
            config,
            image_shape,
            lambda: generator(size, config.width),
            lambda: discriminator(size, config.width, config.tricks),
        )

    def learn(self, a: tf.Tensor, b: tf.Tensor, seed: tf.Tensor, done: tf.Tensor) -> dict:
        """Equations 3 to 7 of batches in [−1, 1], and an update of each network."""
        config = self.config
        with tf.GradientTape(persistent=True) as tape:
            made_b, made_a = self.to_b(a, training=True), self.to_a(b, training=True)
            of_a = tf.reduce_mean(tf.square(self.to_a(made_b, training=True) - a))
            of_b = tf.reduce_mean(tf.square(self.to_b(made_a, training=True) - b))
            games = [
                self.game(self.judge_b, b, made_b, seed, done),
                self.game(self.judge_a, a, made_a, seed, done),
            ]
            d_loss = games[0].d_loss + games[1].d_loss
            g_loss = games[0].g_loss + games[1].g_loss
            if config.reconstruction != "none":
                g_loss += config.weight * of_a
            if config.reconstruction == "both":
                g_loss += config.weight * of_b
        values = self.update(tape, d_loss, g_loss, games)
        return values | {"reconstruction_a": of_a, "reconstruction_b": of_b}

    def measure(self, given: domains.Heaps) -> dict[str, running.Measure]:
        """On held-out images: the angles of the outputs, or how like their kind they are."""
        return angles(self, given) if given.labels else self.likeness(given)


def angles(system: DiscoGAN, given: domains.Heaps) -> dict[str, running.Measure]:
    """How well outputs keep the angle: the worse of both ways counts.

    Clockwise may become counterclockwise: nothing tells the networks which goes with which.
    """
    sources = (given.test_inputs, given.x_test)
    told = {}
    for way, (side, kind) in enumerate((("b", given.kinds[1]), ("a", given.kinds[0]))):
        inputs, others = given.labels[way], given.labels[1 - way]
        made = agreement(inputs, turned.read(system.translate(sources[way], side), kind))
        told[side] = made, agreement(inputs, np.roll(others, 1))  # any image of the other kind
    worse = {
        "angle_correlation": ("higher", min), "angle_error": ("lower", max),
        "angle_spread": ("higher", min), "readable": ("higher", min),
    }  # fmt: skip
    measures = {}
    for number, (name, (better, worst)) in enumerate(worse.items()):
        ways = {f"into {side}": made[number] for side, (made, _) in told.items()}
        chance = worst(by_chance[number] for _, by_chance in told.values())
        beside = {"any image of the other kind": chance, **ways}
        measures[name] = running.Measure(worst(ways.values()), better, beside)
    return measures


def agreement(inputs: np.ndarray, outputs: np.ndarray) -> tuple[float, float, float, float]:
    """How well the angles of outputs agree with those of inputs, (N,) each.

    Args:
        inputs: degrees.
        outputs: degrees; NaN where nothing could be read.

    Returns:
        |r|; root mean squared error in degrees, mirrored if that is how they agree; the deviation of the
        outputs as a share of that of the inputs; the share that could be read.
    """
    seen = np.isfinite(outputs)
    share = float(seen.mean())
    if seen.sum() < 2 or np.ptp(outputs[seen]) == 0:
        return 0.0, 2 * turned.MOST, 0.0, share
    x, y = inputs[seen], outputs[seen]
    r = float(np.corrcoef(x, y)[0, 1])
    error = float(np.sqrt(np.mean((np.copysign(1.0, r) * x - y) ** 2)))
    return abs(r), error, float(np.std(y) / np.std(x)), share


def main(argv: Sequence[str] | None = None) -> Any:
    """Train, or apply, DiscoGAN."""
    running.run(Config, domains.loader(KINDS), DiscoGAN, __doc__, argv)


if __name__ == "__main__":
    main()
