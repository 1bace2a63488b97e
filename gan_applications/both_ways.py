"""What systems that translate both ways share: two generators, two discriminators, batches without pairs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from gan_applications import domains, fidelity, running
from gan_applications.players import Player, told
from gan_common import data, losses, tricks
from gan_common.arguments import ImageShape
from gan_common.catalogue import REAL_LABEL
from gan_common.data import found
from gan_common.terms import Terms

CHUNK = 64  # images that are drawn at a time
LEAST = 100  # held-out images, for a Fréchet distance
OTHER = {"a": "b", "b": "a"}


class Game(NamedTuple):
    """One side's game: both losses, and D's logits."""

    d_loss: tf.Tensor
    g_loss: tf.Tensor
    real: tf.Tensor
    fake: tf.Tensor


class BothWays:
    """Two generators against two discriminators; what of a `running.System` does not depend on their losses.

    Args:
        config: of the run.
        image_shape: of both kinds.
        generator, discriminator: make one network.
        rate: learning rate of all networks.

    Attributes:
        to_a, to_b: generators, into kind a and into kind b; images in [−1, 1].
        judge_a, judge_b: discriminators, each of one kind: neither ever sees an image beside its input.
    """

    loss: str

    def __init__(
        self,
        config: Any,
        image_shape: ImageShape,
        generator: Callable[[], keras.Model],
        discriminator: Callable[[], keras.Model],
        rate: float = 2e-4,
    ) -> None:
        self.config, self.image_shape = config, image_shape
        self.to_a, self.to_b = generator(), generator()
        self.judge_a, self.judge_b = discriminator(), discriminator()
        self.players = {
            "discriminator": Player(self.judge_a, self.judge_b, rate=rate),
            "generator": Player(self.to_a, self.to_b, rate=rate),
        }
        d, g = (player.trainable for player in self.players.values())
        self.terms = Terms(config.tricks, g, d, image_shape, config.batch_size)
        self.real_label = REAL_LABEL if "label_smoothing" in config.tricks else 1.0

    def extra_variables(self) -> dict[str, list]:
        return self.terms.variables()

    def batches(self, given: domains.Heaps, start: int) -> Iterable[tuple]:
        """A batch of each kind, uint8 (batch, H, W, 3), in orders that have nothing to do with each other."""
        config = self.config
        streams = (
            data.stream(images, config.batch_size, config.seed + apart, start_step=start)
            for images, apart in ((given.inputs, 0), (given.x_train, domains.OTHER_HEAP))
        )
        return ((a, b) for (a,), (b,) in zip(*streams, strict=True))

    def step(self, batch: tuple, done: tf.Tensor, fraction: tf.Tensor) -> dict[str, tf.Tensor]:
        """One step of all four networks."""
        return self._step(*batch, done)

    @tf.function
    def _step(self, a: tf.Tensor, b: tf.Tensor, done: tf.Tensor) -> dict[str, tf.Tensor]:
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), done])
        return self.learn(tricks.scale_images(a), tricks.scale_images(b), seed, done)

    def learn(self, a: tf.Tensor, b: tf.Tensor, seed: tf.Tensor, done: tf.Tensor) -> dict:
        """The paper's losses of batches in [−1, 1], and an update of each network."""
        raise NotImplementedError

    def game(
        self,
        judge: keras.Model,
        real: tf.Tensor,
        fake: tf.Tensor,
        seed: tf.Tensor,
        done: tf.Tensor,
        replay: tricks.ReplayBuffer | None = None,
    ) -> Game:
        """One kind's game: real and generated images of it, each judged alone."""
        critic = lambda seen: judge(seen, training=True)  # noqa: E731
        real, shown = (self.terms.shown(images, seed, done) for images in (real, fake))
        on_real, on_fake = critic(real), critic(shown)
        on_old = on_fake
        if replay is not None:  # D alone sees old ones; G is judged by its new ones
            on_old = critic(self.terms.shown(replay.mix(fake), seed, done))
        flipped = self.terms.flipped(on_real, on_old, seed)
        d_loss = losses.discriminator_loss(self.loss, *flipped, real_label=self.real_label)
        d_loss += self.terms.penalty(critic, real, shown, seed)
        return Game(d_loss, losses.generator_loss(self.loss, on_fake), on_real, on_old)

    def update(
        self, tape: tf.GradientTape, d_loss: tf.Tensor, g_loss: tf.Tensor, games: Sequence[Game],
        boundary: float = 0.0,
    ) -> dict[str, tf.Tensor]:  # fmt: skip
        """Apply the gradients, all of them those at the weights before the step; a step's numbers."""
        players = self.players.values()
        gradients = [
            tape.gradient(loss, player.trainable, unconnected_gradients="zero")
            for loss, player in zip((d_loss, g_loss), players, strict=True)
        ]
        norms = [player.learn(of) for player, of in zip(players, gradients, strict=True)]
        d_games, g_games = (
            sum(getattr(game, name) for game in games) / len(games) for name in ("d_loss", "g_loss")
        )
        real, fake = (
            tf.concat([getattr(game, name) for game in games], axis=0) for name in ("real", "fake")
        )
        return told(d_games, g_games, real, fake, norms[0], norms[1], boundary)

    # ---------------------------------------------------------------------- what comes of it

    def translate(self, images: np.ndarray, side: str) -> np.ndarray:
        """uint8 images (N, H, W, 3) of one kind → of the other, `side` "a" or "b"."""
        chunks = (images[start : start + CHUNK] for start in range(0, len(images), CHUNK))
        return np.concatenate([self._translate(tf.constant(x), side).numpy() for x in chunks])

    @tf.function(reduce_retracing=True)
    def _translate(self, images: tf.Tensor, side: str) -> tf.Tensor:
        network = self.to_a if side == "a" else self.to_b
        return tricks.unscale_images(network(tricks.scale_images(images), training=False))

    def samples(self, given: domains.Heaps) -> np.ndarray:
        """Inputs of kind a and what comes of them, then of kind b."""
        a, b = given.test_inputs[:16], given.x_test[:16]
        return np.concatenate([a, self.translate(a, "b"), b, self.translate(b, "a")])

    def likeness(self, given: domains.Heaps) -> dict[str, running.Measure]:
        """Where no truth is known: does it come back, and (of enough images) does it look like its kind?"""
        kinds = {"a": (given.test_inputs, given.x_test), "b": (given.x_test, given.test_inputs)}
        told = {}
        for side, (of, others) in kinds.items():  # there and back again
            there = self.translate(of, OTHER[side])
            mean = np.broadcast_to(np.rint(of.mean(axis=0)).astype(np.uint8), of.shape)
            told[f"cycle_{side}"] = fidelity.measures(
                ("l1",), self.translate(there, side), of, {"mean image": mean}
            )["l1"]
            if min(len(of), len(others)) >= LEAST:
                beside = {"untranslated": of}
                fid = fidelity.measures(("fid",), there, others, beside)["fid"]
                told[f"fid_into_{OTHER[side]}"] = fid
        return told

    def figure(self, given: domains.Heaps, rows: int = 8) -> dict[str, np.ndarray]:
        """Both ways, and there and back again."""
        a, b = given.test_inputs[:rows], given.x_test[:rows]
        there, back = self.translate(a, "b"), self.translate(b, "a")
        first, second = given.kinds
        columns = {first: a, f"as {second}": there, f"{first} again": self.translate(there, "a")}
        columns |= {second: b, f"as {first}": back, f"{second} again": self.translate(back, "b")}
        return columns

    def apply(self, paths: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
        """A person's images, into the kind that --side names."""
        for kept, images in found.read_batches(paths, self.image_shape):
            yield from zip(kept, self.translate(images, self.config.side), strict=True)
