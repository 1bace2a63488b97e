"""The GAN that trains any of the presets' networks under `fit`, and what can be drawn from it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan_common import losses, memory, metrics, runs, sampling, tricks
from gan_common.arguments import ImageShape
from gan_common.catalogue import TRICKS
from gan_common.drawing import (
    Drawing,
    behind_reference,
    chunks,
    drawn_by,
    most,
    variables_of,
)
from gan_common.kernels import footprint, optimizers
from gan_common.kernels.machine import computing_in
from gan_common.replicas import apply_summed, over_replicas, replica_count, share
from gan_common.runs import checkpoints
from gan_common.terms import Terms
from keras_dcgan.config import PACKED, Config
from keras_dcgan.networks import CHAPTER, break_weights
from keras_dcgan.residual import modern_discriminator, modern_generator

NETWORKS = {**CHAPTER, "modern": (modern_generator, modern_discriminator)}
UNROLLED_STEPS = int(TRICKS["unrolled"].values["steps"])
CHUNK = 250  # images that go through a network at a time, where nothing is learnt
THUMBNAILS = 256  # images that the best checkpoint is chosen by


def build(
    config: Config,
    image_shape: ImageShape,
    num_classes: int,
    first_batch: Any = None,
    networks: Callable[[keras.Model, keras.Model], tuple[keras.Model, keras.Model]] | None = None,
) -> "GAN":
    """The GAN of a configuration, compiled, every weight drawn from `config.seed`.

    Args:
        first_batch: uint8 images (N, H, W, C) for the data-dependent initialization; without them the
            weights are good for being restored only.
        networks: (G, D) → others in their place, of the same inputs and outputs.
    """
    keras.utils.set_random_seed(config.seed)
    conditional = num_classes if config.preset == "cgan" else 0
    with computing_in(config.precision):
        make_generator, make_discriminator = NETWORKS[config.preset]
        generator = make_generator(config, image_shape, conditional)
        discriminator = make_discriminator(config, image_shape, conditional)
        break_weights(config, generator, discriminator)
        generator = behind_reference(generator, config)
        if networks is not None:
            generator, discriminator = networks(generator, discriminator)
    gan = GAN(generator, discriminator, config, image_shape, num_classes)
    # XLA is slower than oneDNN on convolutions on a CPU.
    gan.compile(jit_compile=False)
    if first_batch is not None:
        gan.initialize_from(first_batch)
    return gan


def size_of(config: Config, image_shape: ImageShape, num_classes: int) -> memory.Footprint:
    """What a training takes of memory at least; nothing is built."""
    conditional = num_classes if config.preset == "cgan" else 0

    def make() -> tuple[footprint.Size, footprint.Size]:
        with computing_in(config.precision):
            generator, discriminator = (
                each(config, image_shape, conditional) for each in NETWORKS[config.preset]
            )
        return footprint.of_layers(generator), footprint.of_layers(discriminator)

    kept = {"sgd": footprint.OF_SGD, "adam": footprint.OF_ADAM}
    of_generator, of_discriminator = _optimizers(config)
    slots = (kept[of_generator], kept[of_discriminator])
    averaged = (bool(config.weight_average), False)
    return footprint.footprint(footprint.sizes(make), slots, averaged, config.precision)


def restore(
    run: runs.Run,
    config: Config,
    image_shape: ImageShape,
    num_classes: int,
    checkpoint: str = "last",
) -> "GAN":
    """The GAN of a run, with the weights of its newest sound checkpoint, or of the "best".

    Raises:
        UserError: when the run has no checkpoint yet.
    """
    gan = build(config, image_shape, num_classes)
    checkpoints.load(run, gan.checkpoint_variables(), best=checkpoint == "best")
    return gan


def _optimizers(config: Config) -> tuple[str, str]:
    """The kinds of G's and D's optimizer."""
    kind = "sgd" if "sgd_discriminator" in config.tricks else config.optimizer
    return config.optimizer, kind


def _optimizer(config: Config, kind: str, learning_rate: float) -> keras.optimizers.Optimizer:
    if kind == "sgd":
        return optimizers.SGD(learning_rate, momentum=config.beta_1, nesterov=True)
    return optimizers.Adam(learning_rate, beta_1=config.beta_1, beta_2=config.beta_2)


class GAN(Drawing, keras.Model):
    """Two networks and the step that trains both (Goodfellow et al. 2014, algorithm 1, k = 1).

    Args:
        generator, discriminator: see `keras_dcgan.networks`.
        config: latents, losses, optimizers, tricks.
        image_shape, num_classes: of the data.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        config: Config,
        image_shape: ImageShape,
        num_classes: int,
    ) -> None:
        super().__init__(name="gan")
        self.generator, self.discriminator = generator, discriminator
        self.config, self.num_classes, self.image_shape = config, num_classes, image_shape
        self.conditional = config.preset == "cgan"
        self.relativistic = config.loss == "relativistic"
        kinds = _optimizers(config)
        self.generator_optimizer = _optimizer(config, kinds[0], config.generator_lr)
        self.discriminator_optimizer = _optimizer(config, kinds[1], config.discriminator_lr)
        self.generator_optimizer.build(generator.trainable_variables)
        self.discriminator_optimizer.build(discriminator.trainable_variables)
        # False while D is paused.  What a checkpoint needs of it is in the recorder's state.
        self.d_learns = tf.Variable(True, trainable=False, name="d_learns")
        self.steps_done = keras.Variable(0, dtype="int64", trainable=False, name="steps_done")
        # The average of all of G's weights, batch norm's moving statistics among them.
        self.average = self.features = None
        if config.weight_average:
            self.average = tricks.WeightAverage(
                tricks.floating(generator.variables), config.weight_average
            )
        self.terms = Terms(
            config.tricks,
            generator.trainable_variables,
            discriminator.trainable_variables,
            image_shape,
            config.batch_size,
            config.seed,
        )
        if "feature_matching" in config.tricks:
            layer = discriminator.get_layer("features")
            self.features = keras.Model(discriminator.input, layer.output)
        self.built = True

    @property
    def networks(self) -> tuple[keras.Model, keras.Model]:
        """G and D."""
        return self.generator, self.discriminator

    def call(self, latents: Any, labels: Any = None, training: bool = False) -> Any:
        """Latents (N, latent_dim) → images (N, H, W, C) in [-1, 1]."""
        return self.generator(self.generator_inputs(latents, labels), training=training)

    def judge(self, images: Any, labels: Any, training: bool, network: keras.Model = None) -> Any:
        """Images → logits (N, 1): the larger, the more real; or what another network makes of them."""
        images = tricks.pack(images, PACKED) if "packing" in self.config.tricks else images
        inputs = [images, labels] if self.conditional else images
        return (network or self.discriminator)(inputs, training=training)

    def initialize_from(self, images: Any) -> None:
        """Data-dependent initialization, from uint8 images (N, H, W, C).

        It sets G's statistics, and the layers with weight norm.
        """
        latents = self.draw_latents(len(images), [self.config.seed, -1])  # seed −1 is no step's
        labels = tf.range(len(images), dtype=tf.int32) % self.num_classes
        tricks.start_statistics(self.generator, self.generator_inputs(latents, labels))
        if "weight_norm" not in self.config.tricks:
            return
        for layer in self.discriminator.layers:
            if isinstance(layer, tricks.WeightNormalization):
                before = keras.Model(self.discriminator.input, layer.input)
                layer.initialize_from(
                    self.judge(tricks.scale_images(images), labels, False, before)
                )

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One step of D and one of G on a batch (uint8 images, int32 labels), under `fit`."""
        values = self.replica_step(*data)
        self.end_step()
        return values

    def replica_step(self, images: Any, labels: Any) -> dict[str, tf.Tensor]:
        """A step as each replica computes it, on its share of the batch; under `fit` that is all of it.

        Args:
            images, labels: uint8 (N, H, W, C) and int32 (N,), the whole batch.

        Returns:
            Losses, accuracies and gradient norms of the whole batch.
        """
        real, labels = tricks.scale_images(share(images)), share(labels)
        # Every random number of a step comes from the run's seed, the step, and its purpose.
        step_seed = tf.stack([tf.constant(self.config.seed, tf.int64), self.steps_done.value])
        seeds = {
            purpose: tf.random.fold_in(step_seed, i)
            for i, purpose in enumerate(("latents", "flips", "lines", "real", "fake", "again"))
        }

        # One batch of fakes serves both players; G's statistics are the batch's for both.
        if "unrolled" in self.config.tricks:
            fake, g_loss, g_gradients = self.unrolled_step(real, labels, seeds)
            d_loss, d_gradients, logits = self.discriminator_step(real, fake, labels, seeds)
            self._update_discriminator(d_gradients)
        else:
            with tf.GradientTape() as generator_tape:
                fake = self.draw_fakes(labels, seeds["latents"])
            d_loss, d_gradients, logits = self.discriminator_step(real, fake, labels, seeds)
            self._update_discriminator(d_gradients)
            # G: the gradient of its loss first to the images, then to its weights.
            with tf.GradientTape() as tape:
                tape.watch(fake)
                g_loss = self.generator_loss(real, fake, labels, seeds)
                g_share = g_loss / replica_count()
            to_images = tape.gradient(g_share, fake)
            g_gradients = generator_tape.gradient(
                fake, self.generator.trainable_variables, output_gradients=to_images
            )
        real_logits, fake_logits = logits
        # A pair's logits say which is more real, and nothing each alone.
        level = (fake_logits, real_logits) if self.relativistic else (0.0, 0.0)
        g_gradients = _summed(self.terms.pulled(g_gradients, replica_count()))
        apply_summed(self.generator_optimizer, g_gradients, self.generator.trainable_variables)
        self.terms.adapt(real_logits - level[0])
        told = {
            "d_loss": d_loss,
            "g_loss": g_loss,
            "d_real_accuracy": tf.reduce_mean(tf.cast(real_logits > level[0], tf.float32)),
            "d_fake_accuracy": tf.reduce_mean(tf.cast(fake_logits < level[1], tf.float32)),
        }
        return {name: over_replicas(value) for name, value in told.items()} | {
            "d_gradient_norm": tf.linalg.global_norm(d_gradients),
            "g_gradient_norm": tf.linalg.global_norm(g_gradients),
            **self.terms.told(),
        }

    def end_step(self) -> None:
        """Take the new weights into the averages and count the step."""
        if self.average is not None:
            self.average.update()
        self.terms.update()
        self.steps_done.assign_add(1)

    def discriminator_step(
        self, real: Any, fake: Any, labels: Any, seeds: Mapping[str, tf.Tensor]
    ) -> tuple:
        """D on an all-real and an all-fake batch, no gradient to G: its loss, gradients, and both logits.

        The gradients are those of all replicas.
        """
        shown_real = self.terms.shown(real, seeds["real"])
        shown_fake = tf.stop_gradient(self.terms.replayed(fake))
        shown_fake = self.terms.shown(shown_fake, seeds["fake"])
        with tf.GradientTape() as tape:
            of_real = self.judge(shown_real, labels, training=True)
            of_fake = self.judge(shown_fake, labels, training=True)
            d_loss = self.discriminator_loss(of_real, of_fake, seeds["flips"])
            objective = d_loss + self.penalty(shown_real, shown_fake, labels, seeds["lines"])
            objective /= replica_count()
        gradients = tape.gradient(objective, self.discriminator.trainable_variables)
        return d_loss, _summed(gradients), [of_real, of_fake]

    def _update_discriminator(self, gradients: Any) -> None:
        weights = self.discriminator.trainable_variables
        if self.config.distribute != "none":
            # D is never paused then: no gradients are exchanged inside a branch, not even among one.
            apply_summed(self.discriminator_optimizer, gradients, weights)
            return
        tf.cond(
            self.d_learns,
            lambda: self.discriminator_optimizer.apply(gradients, weights),
            lambda: None,
        )

    def set_rates(self, of_discriminator: float, of_generator: float) -> None:
        """Give the nets these shares of their learning rates; 0 leaves D's weights as they are."""
        self.d_learns.assign(of_discriminator > 0)
        self.discriminator_optimizer.learning_rate = self.config.discriminator_lr * of_discriminator
        self.generator_optimizer.learning_rate = self.config.generator_lr * of_generator

    # ------------------------------------------- the terms of the step that tricks change

    def draw_fakes(self, labels: Any, seed: Any) -> tf.Tensor:
        """A generated image for each label, by the statistics of its batch."""
        count = tf.shape(labels)[0] * replica_count()
        return self(share(self.draw_latents(count, seed)), labels, training=True)

    def discriminator_loss(self, real_logits: Any, fake_logits: Any, seed: Any) -> tf.Tensor:
        """D's loss by the configured kind, with smoothed or flipped labels."""
        logits = self.terms.flipped(real_logits, fake_logits, seed)
        if self.relativistic:
            return tricks.relativistic_loss(*logits)[0]
        return losses.discriminator_loss(self.config.loss, *logits, self.config.real_label)

    def generator_loss(
        self, real: Any, fake: Any, labels: Any, seeds: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """G's loss by the configured kind, or by feature matching."""
        shown_fake = self.terms.shown(fake, seeds["again"])
        if self.features is None and not self.relativistic:
            return losses.generator_loss(
                self.config.loss, self.judge(shown_fake, labels, training=True)
            )
        shown_real = self.terms.shown(real, seeds["real"])
        if self.features is None:
            of_real, of_fake = (
                self.judge(shown, labels, training=True) for shown in (shown_real, shown_fake)
            )
            return tricks.relativistic_loss(of_real, of_fake)[1]
        real_features = tf.stop_gradient(self.judge(shown_real, labels, True, self.features))
        fake_features = self.judge(shown_fake, labels, True, self.features)
        if replica_count() > 1:  # the means are the whole batch's: a batch of one row each
            real_features, fake_features = (
                over_replicas(tf.reduce_mean(each, axis=0, keepdims=True))
                for each in (real_features, fake_features)
            )
        return tricks.feature_matching_loss(real_features, fake_features)

    def penalty(self, real: Any, fake: Any, labels: Any, seed: Any) -> tf.Tensor:
        """What is added to D's loss."""
        total = self.terms.penalty(
            lambda samples: self.judge(samples, labels, training=True), real, fake, seed
        )
        if not self.config.gamma:
            return total
        # Of a few of the images, in every step: a penalty of all of them would double its time.  R1 and R2
        # are means over as many images each, so they are twice the mean over both: D is asked once.
        every = self.config.batch_size // self.config.penalty_images
        some = tf.concat([real[::every], tf.stop_gradient(fake[::every])], 0)
        labels = tf.tile(labels[::every], [2])
        slopes = 2 * tricks.r1_penalty(lambda x: self.judge(x, labels, training=True), some)
        return total + self._gamma() / 2 * slopes

    def _gamma(self) -> tf.Tensor:
        """γ of this step: it falls to a tenth, and stays there (Huang et al. 2024, appendix)."""
        config = self.config
        if not config.gamma_steps:
            return tf.constant(config.gamma)
        passed = tf.cast(self.steps_done.value, tf.float32) / config.gamma_steps
        return config.gamma * 10.0 ** -tf.minimum(passed, 1.0)

    def unrolled_step(self, real: Any, labels: Any, seeds: Mapping[str, tf.Tensor]) -> tuple:
        """Fakes, and G's loss and gradients against D as it will be after `UNROLLED_STEPS` steps."""
        fakes = []

        def generate() -> Any:
            fakes.append(self.draw_fakes(labels, seeds["latents"]))
            return fakes[0]

        frozen = self.discriminator.non_trainable_variables

        def logits(parameters: Any, images: Any) -> Any:
            def network(inputs: Any, training: bool) -> Any:
                return self.discriminator.stateless_call(
                    parameters, frozen, inputs, training=training
                )[0]

            return self.judge(images, labels, True, network)

        loss, gradients = tricks.unrolled_gradients(
            generate,
            lambda parameters, fake: losses.generator_loss(
                self.config.loss, logits(parameters, self.terms.shown(fake, seeds["again"]))
            ),
            lambda parameters, fake: self.discriminator_loss(
                logits(parameters, self.terms.shown(real, seeds["real"])),
                logits(parameters, self.terms.shown(fake, seeds["fake"])),
                seeds["flips"],
            ),
            self.generator.trainable_variables,
            self.discriminator.trainable_variables,
            self.discriminator_optimizer,
            UNROLLED_STEPS,
        )
        return fakes[0], loss, gradients

    # --------------------------------------------------------------- what is drawn and saved

    def pictures(self, latents: Any, labels: Any) -> np.ndarray:
        """Latents (N, latent_dim) and labels (N,) → uint8 images (N, H, W, C), averaged weights."""
        with self.averaged():
            return drawn_by(self._draw, (latents, _int32(labels)), self.image_shape, CHUNK)

    def scores(self, pictures: Any, labels: Any) -> np.ndarray:
        """How real D finds uint8 images (N, H, W, C) with labels (N,): logits (N,), float32."""
        size = most(self.image_shape, CHUNK)
        logits = [
            self._score(*chunk).numpy() for chunk in chunks(pictures, _int32(labels), size=size)
        ]
        return np.concatenate(logits)[:, 0]

    def features_of(self, images: Any, labels: Any) -> tf.Tensor:
        """Images (N, H, W, C) in [-1, 1], labels (N,) → D's features (N, features), with a gradient."""
        if "packing" in self.config.tricks:  # a pack of one image, over and over
            images = tf.repeat(images, PACKED, axis=0)
        layer = self.discriminator.get_layer("features")
        network = keras.Model(self.discriminator.input, layer.output)
        return self.judge(images, labels, False, network)

    def thumbnail_distance(self, real: np.ndarray) -> float:
        """How far thumbnails of generated images are from those of real ones: lower is better.

        A kernel distance (Bińkowski et al. 2018) between images shrunk to at most 8×8 pixels, no network
        in between: cheap enough for every checkpoint, blind to fine detail; it tells a collapsed or
        diverging generator from a working one.

        Args:
            real: uint8 images (N, H, W, C), of which THUMBNAILS evenly spaced ones are taken.
        """
        count = max(min(THUMBNAILS, len(real)), 2)
        rows = np.linspace(0, len(real) - 1, count).astype(int)
        size = sampling.chunk_size(self.image_shape)
        reals = (real[rows[start : start + size]] for start in range(0, count, size))
        drawn = sampling.batches(self, count, self.config.seed)
        parts = (map(_thumbnails, reals), (_thumbnails(part.images) for part in drawn))
        return float(metrics.kernel_distance(*(np.concatenate(list(part)) for part in parts)))

    @tf.function(reduce_retracing=True)
    def _draw(self, latents: Any, labels: Any) -> tf.Tensor:
        return self(latents, labels, training=False)

    @tf.function(reduce_retracing=True)
    def _score(self, pictures: Any, labels: Any) -> tf.Tensor:
        return self.judge(tricks.scale_images(pictures), labels, training=False)

    def checkpoint_variables(self) -> dict[str, list]:
        """Everything that a resumed run needs, by name."""
        return {
            "generator": self.generator.variables,
            "discriminator": self.discriminator.variables,
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
            "steps_done": [self.steps_done],
            "average": variables_of(self.average),
            **self.terms.variables(),
        }


def _summed(gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The gradients of all replicas together."""
    if replica_count() == 1:
        return list(gradients)
    dense = [tf.convert_to_tensor(gradient) for gradient in gradients]  # an embedding's are slices
    return over_replicas(dense, mean=False)


def _thumbnails(pictures: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, C) → means over blocks, (N, 8·8·C at most) in [−1, 1]."""
    images = tf.constant(pictures, tf.float32)
    block = max(1, -(-images.shape[1] // 8))
    small = tf.nn.avg_pool2d(images, block, block, "SAME").numpy() / 127.5 - 1
    return small.reshape(len(small), -1)


def _int32(labels: Any) -> np.ndarray:
    return np.asarray(labels, np.int32)
