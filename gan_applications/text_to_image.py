"""From a sentence to an image: GAN-INT-CLS.

    python -m gan_applications.text_to_image --max_minutes 30 --json text.json
    python -m gan_applications.text_to_image --run_dir RUN --say "three small red discs on a pale ground"

A sentence becomes a vector φ(t), G draws from noise and φ(t), D judges an image beside φ(t).  Two ideas make
G listen.  D also sees real images beside the sentence of another image, and is to refuse them: that an image
is real is not enough (matching-aware D, GAN-CLS).  And G also draws from vectors between those of two
sentences, of which there are no images: so it learns more of the sentences' space than the data hold
(GAN-INT).  The encoder φ learns together with D; G takes its vectors as they are.

Whether an image shows what the sentence says is read from its pixels, also for combinations that training had
no image of.  --told class replaces the encoder by a table with a row for each of 612 scenes: a
class-conditional GAN, which knows nothing of a row that it never saw.

Source: Reed et al. 2016 (1605.05396).
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from gan_applications import running
from gan_common.cli import flag


@dataclasses.dataclass(frozen=True)
class Config(running.Config):
    """The flags; the paper's two ideas can be left out."""

    PACKAGE = "gan_applications.text_to_image"

    dataset: str = flag("shapes:scenes", "images with a sentence each")
    image_size: int = flag(32, "height and width in pixels, 32 or 64", lower=32, upper=64)
    batch_size: int = flag(64, "images in a step", lower=4)
    width: int = flag(24, "filters of the finest layer", lower=2)
    told: str = flag("sentence", "what G and D are told", choices=("sentence", "class"))
    matching: bool = flag(True, "D sees real images beside wrong sentences (GAN-CLS)")
    interpolated: bool = flag(True, "G draws between two sentences, too (GAN-INT)")
    say: str | None = flag(None, "with --run_dir: a sentence that a trained run is to draw")
    out: str | None = flag(None, "of --say: the file (default: RUN/said.png)")


if __name__ == "__main__":
    running.answer_at_once(Config, __doc__)

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan_applications import sentences
from gan_applications.players import Player, judging, told
from gan_common import data, losses, tricks
from gan_common.arguments import ImageShape
from gan_common.catalogue import REAL_LABEL
from gan_common.kernels.convolutions import Conv2D
from gan_common.kernels.normalization import BatchNormalization
from gan_common.terms import Terms

LATENT, EMBEDDING = 32, 64
LEAK = 0.2
BETA = 0.5  # of the interpolation, as in the paper
RATE = 4e-4  # twice the paper's, for a run of half an hour
DECAY = 0.995  # of the average of G's weights, which draws
MOMENTUM = 0.9  # of batch norm's statistics: those of the last few dozen steps
CHUNK, SAID = 250, 16  # images that are drawn at a time; of one sentence
SHOWN = 12  # rows of the figure


def encoder(known: int, length: int) -> keras.Model:
    """φ: numbers of words (length,), 0 where there is none → (EMBEDDING,).  One number is a class.

    A convolution over three words, then the mean and the maximum over the sentence.  The paper's reads
    letters, by convolutions and a recurrent layer.
    """
    tokens = keras.Input((length,), dtype="int32")
    x = layers.Embedding(known + 1, EMBEDDING)(tokens)  # (length, EMBEDDING)
    if length == 1:
        return keras.Model(tokens, layers.Flatten()(x), name="encoder")
    there = keras.ops.cast(keras.ops.not_equal(tokens, 0), "float32")[..., None]
    x = layers.Conv1D(2 * EMBEDDING, 3, padding="same", activation="relu")(x * there) * there
    mean = keras.ops.sum(x, axis=1) / keras.ops.maximum(keras.ops.sum(there, axis=1), 1.0)
    x = layers.Concatenate()([mean, keras.ops.max(x, axis=1)])
    return keras.Model(tokens, layers.Dense(EMBEDDING)(x), name="encoder")


def generator(size: int, width: int) -> keras.Model:
    """Noise (LATENT,) and φ (EMBEDDING,) → (size, size, 3) in [−1, 1]; figure 2 of the paper."""
    z, phi = keras.Input((LATENT,)), keras.Input((EMBEDDING,))
    said = layers.LeakyReLU(LEAK)(layers.Dense(EMBEDDING)(phi))
    floors = size.bit_length() - 3  # from 4×4: 32 → 3
    filters = width * 2**floors
    x = layers.Dense(16 * filters, use_bias=False)(layers.Concatenate()([z, said]))
    x = layers.ReLU()(BatchNormalization(momentum=MOMENTUM)(layers.Reshape((4, 4, filters))(x)))
    for floor in reversed(range(floors)):
        x = tricks.UpsampleConv2D(width * 2**floor, 3)(x)
        x = layers.ReLU()(BatchNormalization(momentum=MOMENTUM)(x))
    x = Conv2D(3, 3, padding="same", activation="tanh")(x)
    return keras.Model([z, phi], x, name="generator")


def trunk(size: int, width: int, chosen: Sequence[str] = ()) -> keras.Model:
    """The part of D that sees an image alone: (size, size, 3) → (4, 4, C)."""
    judged = judging(chosen)
    inputs = x = keras.Input((size, size, 3))
    for floor in range(size.bit_length() - 3):
        x = judged(Conv2D(width * 2**floor, 4, 2, "same", kernel_initializer="he_normal"))(x)
        x = layers.LeakyReLU(LEAK)(x)
    return keras.Model(inputs, x, name="trunk")


def head(channels: int, chosen: Sequence[str] = ()) -> keras.Model:
    """D's verdict: what the trunk saw (4, 4, C) with φ beside each of its positions → a logit."""
    judged = judging(chosen)
    seen, phi = keras.Input((4, 4, channels)), keras.Input((EMBEDDING,))
    said = layers.LeakyReLU(LEAK)(judged(layers.Dense(EMBEDDING))(phi))
    said = layers.Reshape((4, 4, EMBEDDING))(layers.RepeatVector(16)(said))
    x = judged(Conv2D(2 * channels, 1))(layers.Concatenate()([seen, said]))
    x = layers.Flatten()(layers.LeakyReLU(LEAK)(x))
    return keras.Model([seen, phi], judged(layers.Dense(1))(x), name="head")


class TextToImage:
    """The networks, the step that trains them, and what is measured.  A `running.System`."""

    loss = "non_saturating"

    def __init__(self, config: Config, image_shape: ImageShape, names: Sequence[str]) -> None:
        self.config, self.names, size = config, names, image_shape[0]
        if size not in (32, 64):
            raise running.UserError(f"--image_size {size}: give 32 or 64")
        self.encoder = encoder(len(names), 1 if config.told == "class" else sentences.LENGTH)
        self.generator = generator(size, config.width)
        self.trunk = trunk(size, config.width, config.tricks)
        self.head = head(self.trunk.output_shape[-1], config.tricks)
        self.players = {
            "discriminator": Player(self.trunk, self.head, self.encoder, rate=RATE),
            "generator": Player(self.generator, rate=RATE),
        }
        self.average = tricks.WeightAverage(tricks.floating(self.generator.variables), DECAY)
        d, g = (player.trainable for player in self.players.values())
        self.terms = Terms(config.tricks, g, d, image_shape, config.batch_size)
        self.real_label = REAL_LABEL if "label_smoothing" in config.tricks else 1.0

    def extra_variables(self) -> dict[str, list]:
        return {**self.terms.variables(), "average": self.average.variables}

    def batches(self, given: sentences.Told, start: int) -> Iterable[tuple]:
        """Images uint8, tokens, and numbers of scenes."""
        arrays = (given.x_train, given.tokens, given.scene_ids)
        return data.stream(arrays, self.config.batch_size, self.config.seed, start_step=start)

    def step(self, batch: tuple, done: tf.Tensor, fraction: tf.Tensor) -> dict[str, tf.Tensor]:
        """One step of D with the encoder, and of G."""
        return self._step(*batch, done)

    @tf.function
    def _step(self, images: Any, tokens: Any, scene_ids: Any, done: Any) -> dict:
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), done])
        z = tf.random.stateless_normal((self.config.batch_size * 3 // 2, LATENT), seed + 7)
        return self.learn(tricks.scale_images(images), tokens, scene_ids, z, seed, done)

    def learn(self, x: Any, tokens: Any, scene_ids: Any, z: Any, seed: Any, done: Any) -> dict:
        """Algorithm 1 with equation 5, of images (N, H, W, 3) in [−1, 1] and noise (3N/2, LATENT).

        A wrong sentence is that of the image before; it counts nothing if both show the same scene.
        """
        (d, g), config = self.players.values(), self.config
        n = tf.shape(x)[0]
        with tf.GradientTape(persistent=True) as tape:
            phi = self.encoder(tokens, training=True)
            fixed = tf.stop_gradient(phi)  # G takes the sentences as they are
            between = BETA * fixed[: n // 2] + (1 - BETA) * fixed[n - n // 2 :]
            asked = tf.concat([fixed, between], axis=0) if config.interpolated else fixed
            made = self.generator([z[: tf.shape(asked)[0]], asked], training=True)
            shown_x, shown_made = (self.terms.shown(each, seed, done) for each in (x, made))
            saw_x, saw_made = (self.trunk(each, training=True) for each in (shown_x, shown_made))
            real = self.head([saw_x, phi], training=True)
            # For D the drawings stand beside φ itself, so that the encoder learns from them, too.
            fake = self.head([saw_made[:n], phi], training=True)
            wrong = self.head([saw_x, tf.roll(phi, 1, axis=0)], training=True)
            differ = tf.cast(scene_ids != tf.roll(scene_ids, 1, axis=0), tf.float32)[:, None]
            parts = losses.discriminator_loss_parts(
                self.loss, *self.terms.flipped(real, fake, seed), real_label=self.real_label
            )
            d_loss = d_game = parts[0] + parts[1]
            mismatch = tf.reduce_mean(differ * tf.nn.softplus(wrong))
            if config.matching:
                d_loss = parts[0] + (mismatch + parts[1]) / 2
            critic = lambda images: self.head([self.trunk(images), fixed])  # noqa: E731
            d_loss += self.terms.penalty(critic, shown_x, shown_made[:n], seed)
            g_loss = losses.generator_loss(self.loss, fake)
            if config.interpolated:
                beside = self.head([saw_made[n:], between], training=True)
                g_loss += losses.generator_loss(self.loss, beside)
        # Both gradients are those at the weights before the step.
        d_gradients = tape.gradient(d_loss, d.trainable)
        g_gradients = tape.gradient(g_loss, g.trainable)
        d_norm, g_norm = d.learn(d_gradients), g.learn(g_gradients)
        self.average.update()
        values = told(d_game, losses.generator_loss(self.loss, fake), real, fake, d_norm, g_norm)
        return values | {"mismatch": mismatch}

    # ---------------------------------------------------------------------- what comes of it

    def draw(self, said: Sequence[str], seed: int = 0) -> np.ndarray:
        """uint8 (N, H, W, 3), an image of each sentence, by the averaged weights.

        Raises:
            UserError: an unknown word.
        """
        tokens = sentences.numbers_of(said, self.names)
        z = np.random.default_rng(seed).standard_normal((len(said), LATENT), np.float32)
        made = []
        with self.average.swap():
            for start in range(0, len(said), CHUNK):
                part = slice(start, start + CHUNK)
                phi = self.encoder(tokens[part], training=False)
                images = self.generator([tf.constant(z[part]), phi], training=False)
                made.append(np.asarray(tricks.unscale_images(images)))
        return np.concatenate(made)

    def say(self, text: str) -> np.ndarray:
        """Images of one sentence."""
        return self.draw([text] * SAID)

    def samples(self, given: sentences.Told) -> np.ndarray:
        return self.draw(given.said_test[:64])

    def measure(self, given: sentences.Told) -> dict[str, running.Measure]:
        """Held-out sentences, of combinations seen and unseen, against what is drawn for them."""
        made = self.draw(given.said_test)
        return sentences.measures(given, made, self.beside(given, made))

    def beside(self, given: sentences.Told, made: np.ndarray) -> dict[str, np.ndarray]:
        """A training image instead; what was drawn for another sentence; the data themselves."""
        return {
            "nearest training sentence": given.x_train[
                sentences.nearest(given.said_test, given.said)
            ],
            "another sentence": np.roll(made, 1, axis=0),
            "data": given.x_test,
        }

    def figure(self, given: sentences.Told) -> dict[str, np.ndarray]:
        rows = [*np.flatnonzero(~given.unseen)[: SHOWN // 2], *np.flatnonzero(given.unseen)]
        rows = rows[:SHOWN]
        said = [given.said_test[row] for row in rows]
        near = given.x_train[sentences.nearest(said, given.said)]
        columns = {f"drawn {seed}": self.draw(said, seed) for seed in (1, 2, 3)}
        return {"data": given.x_test[rows], "nearest": near, **columns}


def load(config: Config) -> sentences.Told:
    """The images and their sentences."""
    return sentences.load(config.image_size, config.told == "class", config.dataset)


def main(argv: Sequence[str] | None = None) -> Any:
    """Train, or draw a sentence by, text_to_image."""
    running.run(Config, load, TextToImage, __doc__, argv)


if __name__ == "__main__":
    main()
