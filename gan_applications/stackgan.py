"""From a sentence to a small image, and from both to a large one: StackGAN.

    python -m gan_applications.stackgan --max_minutes 30 --json stackgan.json
    python -m gan_applications.stackgan --told first        stage II sees the small image alone
    python -m gan_applications.stackgan --run_dir RUN --say "three small red discs on a pale ground"

Stage I draws from noise and the sentence an image of 16×16 pixels: where what is, in which color.  Stage II
takes that image and the sentence once more, and draws one of 64×64: it adds what has no room in a small
image, and corrects what the sentence contradicts.  Each stage has a D of its own, which also refuses real
images beside the sentence of another one.

G is not told the sentence's vector φ itself, but c = μ(φ) + σ(φ) ε with ε ~ N(0, 1): conditioning
augmentation.  There are few sentences and many images, and so G learns of a neighborhood of each; the
divergence KL(N(μ, σ²) ‖ N(0, 1)) in its loss keeps σ from going to 0.

First stage I is trained, then stage II with stage I as it is.  The paper's φ was trained before; here it
learns with stage I's D, as in `text_to_image`, from which the encoder and the forms of the networks come.

Source: Zhang et al. 2017 (1612.03242).
"""

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from gan_applications import running
from gan_common.cli import flag


@dataclasses.dataclass(frozen=True)
class Config(running.Config):
    """The flags; the paper's ideas can be left out."""

    PACKAGE = "gan_applications.stackgan"

    dataset: str = flag("shapes:scenes", "images with a sentence each")
    image_size: int = flag(64, "height and width of stage II's images", lower=64, upper=64)
    small_size: int = flag(16, "height and width of stage I's images, 16 or 32", lower=16, upper=32)
    batch_size: int = flag(32, "images in a step", lower=4)
    width: int = flag(16, "filters of stage II's finest layer", lower=2)
    first_share: float = flag(0.4, "of the run in which stage I learns", lower=0.05, upper=0.95)
    told: str = flag("both", "which stages are told the sentence", choices=("both", "first"))
    augmentation: bool = flag(True, "conditioning augmentation; else c = μ(φ)")
    # With 1 the divergence fell to 0.003 when stage II began, and 1,400 steps later another sentence changed
    # its images by one gray level: c told nothing.
    kl_weight: float = flag(
        0.1, "λ, of the divergence in G's loss, a mean over c; 1 in the paper", lower=0
    )
    say: str | None = flag(None, "with --run_dir: a sentence that a trained run is to draw")
    out: str | None = flag(None, "of --say: the file (default: RUN/said.png)")

    EFFECTS = (
        running.Effect(
            ("kl_weight",), lambda config, typed: config.augmentation, "with --noaugmentation"
        ),
    )


if __name__ == "__main__":
    running.answer_at_once(Config, __doc__)

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan_applications import fidelity, sentences, text_to_image
from gan_applications.players import Player, told
from gan_applications.text_to_image import CHUNK, EMBEDDING, LATENT, RATE, SAID
from gan_common import data, losses, tricks
from gan_common.arguments import ImageShape
from gan_common.catalogue import REAL_LABEL
from gan_common.data import pictures
from gan_common.kernels.convolutions import Conv2D
from gan_common.kernels.normalization import BatchNormalization
from gan_common.terms import Terms

LEAK = 0.2
DECAY = 0.995  # of the averages of both generators' weights, which draw
MOMENTUM = 0.9  # of batch norm's statistics: those of the last few dozen steps
BLOCKS = 2  # residual ones of stage II; the paper's four are for 256 pixels
NOISE = LATENT + 2 * EMBEDDING  # z, and ε for the c of each stage
SHOWN = 12  # rows of the figure


def conditioning() -> keras.Model:
    """φ → μ and log σ², (EMBEDDING,) each (section 3.2)."""
    phi = keras.Input((EMBEDDING,))
    x = layers.LeakyReLU(LEAK)(layers.Dense(2 * EMBEDDING)(phi))
    return keras.Model(phi, [x[:, :EMBEDDING], x[:, EMBEDDING:]], name="conditioning")


def enlarger(small: int, size: int, width: int) -> keras.Model:
    """Stage II (figure 2): an image (small, small, 3) and c (EMBEDDING,) → (size, size, 3) in [−1, 1].

    The image goes down to 16×16, meets c at each position, goes through residual blocks, and up again.
    """
    filters = 3 * width  # at 16×16
    image, c = keras.Input((small, small, 3)), keras.Input((EMBEDDING,))
    x = Conv2D(filters // 2, 3, 1, "same", activation="relu")(image)
    x = _normalized(
        Conv2D(filters, 3 if small == 16 else 4, small // 16, "same", use_bias=False)(x)
    )
    said = layers.Reshape((16, 16, EMBEDDING))(layers.RepeatVector(256)(c))
    x = _normalized(Conv2D(filters, 3, 1, "same", use_bias=False)(layers.Concatenate()([x, said])))
    for _ in range(BLOCKS):
        y = _normalized(Conv2D(filters, 3, 1, "same", use_bias=False)(x))
        y = BatchNormalization(momentum=MOMENTUM)(Conv2D(filters, 3, 1, "same", use_bias=False)(y))
        x = layers.ReLU()(layers.Add()([x, y]))
    for floor in reversed(range((size // 16).bit_length() - 1)):  # 16 → 32 → 64
        x = _normalized(tricks.UpsampleConv2D(width * 2**floor, 3)(x))
    x = Conv2D(3, 3, padding="same", activation="tanh")(x)
    return keras.Model([image, c], x, name="enlarger")


def _normalized(x: Any) -> Any:
    return layers.ReLU()(BatchNormalization(momentum=MOMENTUM)(x))


class Stage:
    """A game for one size of images: a G that is told a sentence by c, and a D.

    Attributes:
        conditioning, generator: G's networks; `average`, that of their weights, draws.
        trunk, head: D's.
    """

    def __init__(self, generator: keras.Model, size: int, width: int, config: Config) -> None:
        self.conditioning, self.generator = conditioning(), generator
        self.trunk = text_to_image.trunk(size, width, config.tricks)
        self.head = text_to_image.head(self.trunk.output_shape[-1], config.tricks)
        drawing = [*self.conditioning.variables, *generator.variables]
        self.average = tricks.WeightAverage(tricks.floating(drawing), DECAY)

    def draw(self, start: Any, phi: Any, noise: Any, training: bool = False) -> tuple:
        """Images in [−1, 1], and KL(N(μ, σ²) ‖ N(0, 1)) (equation 2), averaged over sentences and c.

        Args:
            start: z, or small images.
            phi: of sentences, (N, EMBEDDING).
            noise: ε (N, EMBEDDING); 0 for c = μ(φ).
            training: whether batch norm goes by the batch.
        """
        mean, log_variance = self.conditioning(phi, training=training)
        c = mean + tf.exp(log_variance / 2) * noise
        parts = tf.square(mean) + tf.exp(log_variance) - log_variance - 1
        return self.generator([start, c], training=training), tf.reduce_mean(parts) / 2


class StackGAN:
    """Both stages, the step that trains them, and what is measured.  A `running.System`."""

    loss = "non_saturating"

    def __init__(self, config: Config, image_shape: ImageShape, names: Sequence[str]) -> None:
        self.config, self.names = config, names
        size, small = image_shape[0], config.small_size
        if small not in (16, 32):
            raise running.UserError(f"--small_size {small}: give 16 or 32")
        self.encoder = text_to_image.encoder(len(names), sentences.LENGTH)
        wide = 2 * config.width  # a small image costs little
        self.stages = (
            Stage(text_to_image.generator(small, wide), small, wide, config),
            Stage(enlarger(small, size, config.width), size, config.width, config),
        )
        first, second = self.stages
        self.players = {
            "discriminator": Player(first.trunk, first.head, self.encoder, rate=RATE),
            "generator": Player(first.conditioning, first.generator, rate=RATE),
            "discriminator_two": Player(second.trunk, second.head, rate=RATE),
            "generator_two": Player(second.conditioning, second.generator, rate=RATE),
        }
        self.on_second = tf.Variable(False, trainable=False)  # stage I has learned
        d, g, *_ = (player.trainable for player in self.players.values())
        self.terms = Terms(config.tricks, g, d, image_shape, config.batch_size)
        self.real_label = REAL_LABEL if "label_smoothing" in config.tricks else 1.0

    def extra_variables(self) -> dict[str, list]:
        averages = [v for stage in self.stages for v in stage.average.variables]
        return {**self.terms.variables(), "averages": averages, "on_second": [self.on_second]}

    def batches(self, given: sentences.Told, start: int) -> Iterable[tuple]:
        """Images uint8, tokens, and numbers of scenes."""
        arrays = (given.x_train, given.tokens, given.scene_ids)
        return data.stream(arrays, self.config.batch_size, self.config.seed, start_step=start)

    def step(self, batch: tuple, done: tf.Tensor, fraction: tf.Tensor) -> dict[str, tf.Tensor]:
        """A step of stage I in the first part of the run, then one of stage II."""
        part, share = float(fraction), self.config.first_share
        # A run that is given more time goes on with stage II.
        part = max(part, share) if self.on_second else part
        number = int(part >= share)
        if number and not self.on_second:
            average = self.stages[0].average  # which draws for stage II
            for live, averaged in zip(average.live, average.averages, strict=True):
                live.assign(averaged)
            self.on_second.assign(True)
        for player in self.playing(number):
            player.schedule((part - share) / (1 - share) if number else part / share)
        return (self._second_step if number else self._first_step)(*batch, done)

    def playing(self, number: int) -> list[Player]:
        """D and G of stage I (0) or II (1)."""
        return list(self.players.values())[2 * number : 2 * number + 2]

    @tf.function
    def _first_step(self, images: Any, tokens: Any, scene_ids: Any, done: Any) -> dict:
        return self._ready(0, shrunk(images, self.config.small_size), tokens, scene_ids, done)

    @tf.function
    def _second_step(self, images: Any, tokens: Any, scene_ids: Any, done: Any) -> dict:
        return self._ready(1, tricks.scale_images(images), tokens, scene_ids, done)

    def _ready(self, number: int, x: Any, tokens: Any, scene_ids: Any, done: Any) -> dict:
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), done])
        noise = tf.random.stateless_normal((tf.shape(x)[0], NOISE), seed + 7)
        return self.learn(number, x, tokens, scene_ids, noise, seed, done)

    def learn(
        self, number: int, x: Any, tokens: Any, scene_ids: Any, noise: Any, seed: Any, done: Any
    ) -> dict:
        """Equations 3 and 4 for stage I (`number` 0), 5 and 6 for stage II, and an update of D and G.

        With stage I's D the encoder learns; when stage II learns both are as they are.

        Args:
            number: of the stage.
            x: real images of its size, in [−1, 1].
            tokens, scene_ids: of their sentences.  A wrong sentence is that of the image before; it counts
                nothing if both show the same scene.
            noise: (N, NOISE), as of `parts_of`.
            seed, done: of the step.
        """
        stage, (d, g) = self.stages[number], self.playing(number)
        start, of_c = self.parts_of(noise, number, tokens)
        with tf.GradientTape(persistent=True) as tape:
            phi = self.encoder(tokens, training=True)
            fixed = tf.stop_gradient(phi)  # G takes the sentences as they are
            made, divergence = stage.draw(start, self.heard(fixed, number), of_c, training=True)
            shown = [self.terms.shown(images, seed, done) for images in (x, made)]
            saw_x, saw_made = (stage.trunk(images, training=True) for images in shown)
            real = stage.head([saw_x, phi], training=True)
            fake = stage.head([saw_made, phi], training=True)
            wrong = stage.head([saw_x, tf.roll(phi, 1, axis=0)], training=True)
            differ = tf.cast(scene_ids != tf.roll(scene_ids, 1, axis=0), tf.float32)[:, None]
            mismatch = tf.reduce_mean(differ * tf.nn.softplus(wrong))
            parts = losses.discriminator_loss_parts(
                self.loss, *self.terms.flipped(real, fake, seed), real_label=self.real_label
            )
            critic = lambda images: stage.head([stage.trunk(images), fixed])  # noqa: E731
            d_loss = parts[0] + (mismatch + parts[1]) / 2
            d_loss += self.terms.penalty(critic, shown[0], shown[1], seed)
            g_game = losses.generator_loss(self.loss, fake)
            g_loss = g_game + self.config.kl_weight * divergence
        # Both gradients are those at the weights before the step.
        d_gradients = tape.gradient(d_loss, d.trainable)
        g_gradients = tape.gradient(g_loss, g.trainable)
        d_norm, g_norm = d.learn(d_gradients), g.learn(g_gradients)
        stage.average.update()
        values = told(parts[0] + parts[1], g_game, real, fake, d_norm, g_norm)
        return values | {"mismatch": mismatch, "kl": divergence}

    def parts_of(self, noise: Any, number: int, tokens: Any) -> tuple[Any, Any]:
        """What a stage's G starts from, z or stage I's images, and ε of its c.

        Args:
            noise: (N, NOISE): z, and ε for each stage.
            number: of the stage.
            tokens: of the sentences.
        """
        z, *of_c = tf.split(noise, (LATENT, EMBEDDING, EMBEDDING), axis=-1)
        if not self.config.augmentation:
            of_c = [tf.zeros_like(each) for each in of_c]
        if number == 0:
            return z, of_c[0]
        return self.stages[0].draw(z, self.encoder(tokens), of_c[0])[0], of_c[1]

    def heard(self, phi: Any, number: int) -> Any:
        """φ as a stage's G is told it: with --told first stage II hears nothing."""
        return tf.zeros_like(phi) if number and self.config.told == "first" else phi

    # ---------------------------------------------------------------------- what comes of it

    def draw(
        self, said: Sequence[str], seed: int = 0, other: Sequence[str] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """uint8, an image of each sentence: of stage I (N, small, small, 3), of stage II (N, size, size, 3).

        Args:
            said: the sentences.
            seed: of z and ε.
            other: sentences that stage II is told in the place of these.

        Raises:
            UserError: an unknown word.
        """
        tokens = sentences.numbers_of(said, self.names)
        retold = tokens if other is None else sentences.numbers_of(other, self.names)
        noise = np.random.default_rng(seed).standard_normal((len(said), NOISE), np.float32)
        first, second = self.stages
        made: list[list[np.ndarray]] = [[], []]
        kept = contextlib.nullcontext() if self.on_second else first.average.swap()
        with kept, second.average.swap():
            for at in range(0, len(said), CHUNK):
                part = slice(at, at + CHUNK)
                small, of_c = self.parts_of(tf.constant(noise[part]), 1, tokens[part])
                phi = self.heard(self.encoder(retold[part]), 1)
                images = small, second.draw(small, phi, of_c)[0]
                for kind, of in zip(made, images, strict=True):
                    kind.append(np.asarray(tricks.unscale_images(of)))
        return np.concatenate(made[0]), np.concatenate(made[1])

    def newest(self, said: Sequence[str], seed: int = 0) -> np.ndarray:
        """Images by stage II; before it has begun to learn, stage I's, enlarged."""
        small, large = self.draw(said, seed)
        return large if self.on_second else pictures.resize(small, large.shape[1])

    def say(self, text: str) -> np.ndarray:
        """Images of one sentence."""
        return self.newest([text] * SAID)

    def samples(self, given: sentences.Told) -> np.ndarray:
        return self.newest(given.said_test[:64])

    def measure(self, given: sentences.Told) -> dict[str, running.Measure]:
        """Held-out sentences, of combinations seen and unseen, against what stage II draws for them."""
        small, made = self.draw(given.said_test)
        size, around = made.shape[1], [*given.said_test[-1:], *given.said_test[:-1]]
        data_small = np.asarray(tricks.unscale_images(shrunk(given.x_test, small.shape[1])))
        beside = {
            "stage I, enlarged": pictures.resize(small, size),
            "stage II told another sentence": self.draw(given.said_test, other=around)[1],
            "nearest training sentence": given.x_train[
                sentences.nearest(given.said_test, given.said)
            ],
            "data of stage I's size, enlarged": pictures.resize(data_small, size),
            "data": given.x_test,
        }
        fid = fidelity.measures(("fid",), made, given.x_test, beside)
        return sentences.measures(given, made, beside) | fid

    def figure(self, given: sentences.Told) -> dict[str, np.ndarray]:
        rows = [*np.flatnonzero(~given.unseen)[: SHOWN // 2], *np.flatnonzero(given.unseen)]
        rows = rows[:SHOWN]
        said = [given.said_test[row] for row in rows]
        columns = {"data": given.x_test[rows]}
        for seed in (1, 2):
            small, made = self.draw(said, seed)
            columns[f"stage I, {seed}"] = pictures.resize(small, made.shape[1])
            columns[f"stage II, {seed}"] = made
        other = self.draw(said, 2, other=[*said[-1:], *said[:-1]])[1]
        return columns | {"II, 2, told the sentence above": other}


def shrunk(images: Any, size: int) -> tf.Tensor:
    """uint8 (N, H, W, 3) → (N, size, size, 3) in [−1, 1], by means over squares."""
    factor = images.shape[1] // size
    return tf.nn.avg_pool2d(tricks.scale_images(images), factor, factor, "VALID")


def load(config: Config) -> sentences.Told:
    """The images and their sentences."""
    return sentences.load(config.image_size, name=config.dataset)


def main(argv: Sequence[str] | None = None) -> Any:
    """Train, or draw a sentence by, StackGAN."""
    running.run(Config, load, StackGAN, __doc__, argv)


if __name__ == "__main__":
    main()
