"""The terms of a training step that tricks change: one piece for every game of this project.

A step asks for them wherever a trick may have a say; without tricks each is what stands there anyway.
"""

from collections.abc import Callable, Collection, Sequence

import tensorflow as tf

from gan_common import tricks
from gan_common.arguments import Seed, TensorLike
from gan_common.catalogue import TRICKS


class Terms:
    """What the chosen tricks make of a step's terms.

    Args:
        chosen: names of tricks.
        generator_variables, discriminator_variables: the trainable variables of the networks.
        sample_shape: of a generated sample, and
        batch_size: of the batches, for the replay buffer.
        seed: of the replay buffer.
        r1: γ of the penalty at real samples, if another than the catalogue's.

    Attributes:
        past: of G and of D the average of its past weights, for historical averaging; else empty.
        replay: the buffer of old samples; else None.
        adaptive: augmentation by D's overfitting; else None.
    """

    def __init__(
        self,
        chosen: Collection[str],
        generator_variables: Sequence,
        discriminator_variables: Sequence,
        sample_shape: Sequence[int],
        batch_size: int,
        seed: int = 0,
        r1: float | None = None,
    ) -> None:
        self.chosen = frozenset(chosen)
        self.r1 = TRICKS["r1"].values["weight"] if r1 is None else r1
        self.past: list[tricks.HistoricalAverage] = []
        if "historical_averaging" in self.chosen:
            players = (generator_variables, discriminator_variables)
            self.past = [tricks.HistoricalAverage(variables) for variables in players]
            self._generator_variables = list(generator_variables)
        self.replay: tricks.ReplayBuffer | None = None
        if "replay" in self.chosen:
            capacity = int(TRICKS["replay"].values["batches"]) * batch_size
            self.replay = tricks.ReplayBuffer(capacity, seed)
            self.replay.build(sample_shape)
        self.adaptive: tricks.AdaptiveAugment | None = None
        if "adaptive_augment" in self.chosen:
            self.adaptive = tricks.AdaptiveAugment()

    def shown(self, images: TensorLike, seed: Seed, step: tf.Tensor | None = None) -> tf.Tensor:
        """What D gets to see of images in [-1, 1], real and generated alike.

        Args:
            images: (N, H, W, C).
            seed: of what is random in it.
            step: number of the step, for instance noise; None where D has a layer for that.
        """
        if "augment" in self.chosen:
            images = tricks.differentiable_augment(images, seed=seed)
        if self.adaptive is not None:
            images = self.adaptive(images, seed)
        if "instance_noise" in self.chosen and step is not None:
            noise = TRICKS["instance_noise"].values
            images = tricks.instance_noise(images, noise["stddev"], step, int(noise["steps"]), seed)
        return images

    def replayed(self, fake: TensorLike) -> tf.Tensor:
        """A generated batch as D learns from it: half of it may be old samples."""
        return fake if self.replay is None else self.replay.mix(fake)

    def flipped(
        self, real_logits: TensorLike, fake_logits: TensorLike, seed: Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """D's logits by their labels: with label noise a few real ones pass as generated, and vice versa."""
        if "label_noise" in self.chosen:
            share = TRICKS["label_noise"].values["share"]
            return tricks.flip_logits(real_logits, fake_logits, share, seed)
        return real_logits, fake_logits

    def penalty(
        self, critic: Callable, real: TensorLike, fake: TensorLike, seed: Seed
    ) -> tf.Tensor:
        """What is added to D's loss, a float32 scalar.

        Args:
            critic: samples → logits, one a sample.
            real, fake: what D was shown.
            seed: of the points between them.
        """
        total = tf.zeros(())
        if "gradient_penalty" in self.chosen:
            weight = TRICKS["gradient_penalty"].values["weight"]
            total += weight * tricks.gradient_penalty(critic, real, fake, seed)
        if "r1" in self.chosen:
            total += self.r1 / 2 * tricks.r1_penalty(critic, real)
        if self.past:
            total += TRICKS["historical_averaging"].values["weight"] * self.past[1].penalty()
        return total

    def pulled(self, gradients: Sequence[tf.Tensor], replicas: int = 1) -> list[tf.Tensor]:
        """G's gradients, with those of historical averaging's penalty; a replica adds its part of it."""
        if not self.past:
            return list(gradients)
        weight = TRICKS["historical_averaging"].values["weight"]
        with tf.GradientTape() as tape:
            penalty = weight * self.past[0].penalty() / replicas
        pulls = tape.gradient(penalty, self._generator_variables)
        return [gradient + pull for gradient, pull in zip(gradients, pulls, strict=True)]

    def update(self) -> None:
        """Take the weights after a step into the averages of the past."""
        for average in self.past:
            average.update()

    def adapt(self, verdicts: TensorLike) -> None:
        """Augment more or less, by D's verdicts on real images, (N, 1), positive where these pass."""
        if self.adaptive is not None:
            self.adaptive.update(verdicts)

    def told(self) -> dict[str, tf.Tensor]:
        """What is worth a column beside the losses."""
        if self.adaptive is None:
            return {}
        return {"augment_probability": self.adaptive.probability.value()}

    def variables(self) -> dict[str, list[tf.Variable]]:
        """All state, for a checkpoint."""
        return {
            "past": [variable for average in self.past for variable in average.variables],
            "replay": [] if self.replay is None else self.replay.variables,
            "adaptive": [] if self.adaptive is None else self.adaptive.variables,
        }
