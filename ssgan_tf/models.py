"""The pair that a training holds: the step that trains both networks, and what can be drawn from them."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from gan_common import memory, runs, tricks
from gan_common.arguments import ImageShape
from gan_common.drawing import (
    Drawing,
    behind_reference,
    chunks,
    draw_latents,
    drawn_by,
    most,
    variables_of,
)
from gan_common.kernels import footprint, optimizers
from gan_common.kernels.machine import computing_in
from gan_common.replicas import apply_summed, over_replicas, replica_count, share
from gan_common.runs import checkpoints
from gan_common.terms import Terms
from ssgan_tf import alternatives, losses
from ssgan_tf.augment import WEAK, augment
from ssgan_tf.config import Config
from ssgan_tf.networks import NETWORKS
from ssgan_tf.pseudo_labels import Teacher, consistency_loss
from ssgan_tf.schedule import rate_factor, reconstruction_weight

# The batches that D looks at in a step; each has noise of its own.
VIEWS = ("labelled", "real", "fake", "strong", "replayed")
CHUNK = 500  # images that go through a network at a time, where nothing is learnt


class Seeds(NamedTuple):
    """The seeds of a step, one for each purpose, in the order in which they are folded in."""

    latents: tf.Tensor
    labelled: tf.Tensor  # augmentation of labelled images,
    weak: tf.Tensor  # of unlabelled ones as the game shows them,
    strong: tf.Tensor  # and of their second view
    layers: tf.Tensor  # noise in D's layers
    further: tf.Tensor  # G's updates after the first
    shown_real: tf.Tensor  # what tricks do to real images before D
    shown_fake: tf.Tensor  # and to generated ones
    flips: tf.Tensor  # of labels
    lines: tf.Tensor  # points of the gradient penalty


def build(
    config: Config,
    image_shape: ImageShape,
    num_classes: int,
    first_batch: Any = None,
    label_shares: Any = None,
) -> "SSGAN":
    """The two networks of a configuration, every weight drawn from `config.seed`.

    Args:
        config: resolved.
        image_shape, num_classes: of the data.
        first_batch: uint8 images (N, H, W, C) for the data-dependent initialization; without them the
            weights are good for being restored only.
        label_shares: (num_classes,), the classes' shares of the labelled images, where they are unequal.
    """
    keras.utils.set_random_seed(config.seed)
    with computing_in(config.precision):
        make_generator, _ = NETWORKS[config.preset]
        generator = behind_reference(make_generator(config, image_shape), config)
        discriminator = _discriminator(config, image_shape, num_classes)
        teacher = None
        wanted = config.consistency_weight and config.consistency_target == "average"
        if wanted and not config.baseline:
            teacher = _discriminator(config, image_shape, num_classes)
        if first_batch is not None:
            seed = tf.constant([config.seed, -1], tf.int64)
            discriminator.initialize_from(tricks.scale_images(tf.constant(first_batch)), seed)
            latents = draw_latents(config, config.batch_size, seed)
            tricks.start_statistics(generator, latents)
    return SSGAN(generator, discriminator, config, image_shape, num_classes, teacher, label_shares)


def _discriminator(config: Config, image_shape: ImageShape, num_classes: int) -> keras.Model:
    """D of a configuration, built; with a third player where there is one."""
    _, make = NETWORKS[config.preset]
    network = make(config, image_shape, num_classes)
    if config.pair_weight and not config.baseline:
        network.pairs = alternatives.ThirdPlayer(num_classes)
    network.build((None, *image_shape))
    return network


def size_of(config: Config, image_shape: ImageShape, num_classes: int) -> memory.Footprint:
    """What a training takes of memory at least; nothing is built."""
    shape = (None, *image_shape)

    def make() -> tuple[footprint.Size, footprint.Size]:
        make_generator, make_discriminator = NETWORKS[config.preset]
        with computing_in(config.precision):
            generator = make_generator(config, image_shape)
            discriminator = make_discriminator(config, image_shape, num_classes)
            discriminator.build(shape)
        chain = [*discriminator.body, *discriminator.head]
        return footprint.of_layers(generator), footprint.of_chain(discriminator, chain, shape)

    sgd = "sgd_discriminator" in config.tricks
    averaged = bool(config.weight_average)
    # D tells apart the images of the game, which may be fewer; a baseline has none.
    share = 0.0 if config.baseline else (config.game_batch or config.batch_size) / config.batch_size
    return footprint.footprint(
        footprint.sizes(make),
        (footprint.OF_ADAM, footprint.OF_SGD if sgd else footprint.OF_ADAM),
        (averaged, averaged),
        config.precision,
        share,
    )


def restore(
    run: runs.Run,
    config: Config,
    image_shape: ImageShape,
    num_classes: int,
    checkpoint: str = "last",
) -> "SSGAN":
    """The networks of a run, with the weights of its newest sound checkpoint, or of the "best".

    Raises:
        UserError: when the run has no checkpoint yet.
    """
    gan = build(config, image_shape, num_classes)
    checkpoints.load(run, gan.checkpoint_variables(), best=checkpoint == "best")
    return gan


class SSGAN(Drawing):
    """Generator, discriminator and classifier in one, their optimizers and averages.

    Args:
        generator, discriminator: see `ssgan_tf.networks`.
        config: latents, optimizers.
        image_shape, num_classes: of the data; K is the number of classes.
        teacher: a network like the discriminator, to have its averaged weights (EMA teacher); or None.
        label_shares: as of `build`; the teacher's classes are made so frequent.

    Attributes:
        d_learns: False while D is paused.  A bool, not a variable: a step is traced for each of its values,
            since a replica may not exchange gradients inside a branch of a graph.
    """

    conditional = False  # the generator is not told a class
    # The numbers that a step of the game has, and one of labels alone lacks.
    of_the_game = (
        *("g_loss", "supervised_loss", "unsupervised_loss", "sure_share"),
        *("d_real_accuracy", "d_fake_accuracy", "g_gradient_norm"),
    )

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        config: Config,
        image_shape: ImageShape,
        num_classes: int,
        teacher: keras.Model | None = None,
        label_shares: Any = None,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.config, self.num_classes, self.image_shape = config, num_classes, image_shape
        self.generator_optimizer = _optimizer(config, config.generator_lr)
        self.discriminator_optimizer = (
            optimizers.SGD(config.discriminator_lr, momentum=config.beta_1, nesterov=True)
            if "sgd_discriminator" in config.tricks
            else _optimizer(config, config.discriminator_lr)
        )
        self.generator_optimizer.build(generator.trainable_variables)
        self.discriminator_optimizer.build(discriminator.trainable_variables)
        self.steps_done = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps_done")
        self.validation_error = tf.Variable(1.0, trainable=False, name="validation_error")
        self.d_learns = True
        # The shares of their learning rates that D and G have; the recorder's state keeps them.
        self.rates = tuple(
            tf.Variable(1.0, trainable=False, name=f"{net}_rate") for net in ("d", "g")
        )
        self.reconstruction = tf.Variable(0.0, trainable=False, name="reconstruction")
        # The average of all weights of both nets, batch norm's moving statistics among them.
        self.average = (
            tricks.WeightAverage(
                tricks.floating(discriminator.variables) + tricks.floating(generator.variables),
                config.weight_average,
            )
            if config.weight_average
            else None
        )
        self.teacher = None if teacher is None else Teacher(teacher, num_classes, label_shares)
        self.terms = Terms(
            config.tricks,
            generator.trainable_variables,
            discriminator.trainable_variables,
            image_shape,
            config.batch_size,
            config.seed,
        )

    # ------------------------------------------------------------- what is drawn and told

    @property
    def networks(self) -> tuple[keras.Model, ...]:
        """G and D, and D's EMA teacher if there is one."""
        return (
            self.generator,
            self.discriminator,
            *([self.teacher.network] if self.teacher else ()),
        )

    def pictures(self, latents: Any, labels: Any = None) -> np.ndarray:
        """Latents (N, latent_dim) → uint8 images (N, H, W, C), averaged weights."""
        with self.averaged():
            return drawn_by(self._draw, (latents,), self.image_shape, CHUNK)

    def logits(self, pictures: Any, averaged: bool = True) -> np.ndarray:
        """uint8 images (N, H, W, C) → logits (N, K+1), float32, the last column 0."""
        size = most(self.image_shape, CHUNK)
        with self.averaged() if averaged else contextlib.nullcontext():
            logits = [self._judge(*chunk).numpy() for chunk in chunks(pictures, size=size)]
        return np.concatenate(logits)

    def scores(self, pictures: Any, labels: Any = None) -> np.ndarray:
        """How real D finds uint8 images (N, H, W, C): the logit of real against generated, (N,)."""
        return losses.real_fake_logit(self.logits(pictures)).numpy()

    def classes_of(self, pictures: np.ndarray, labels: Any = None) -> np.ndarray:
        """The class (N,) that D takes each uint8 image (N, H, W, C) for: nobody asked for one."""
        return losses.classify(self.logits(pictures)).numpy()

    def features_of(self, images: tf.Tensor, labels: Any = None) -> tf.Tensor:
        """Images (N, H, W, C) in [-1, 1] → D's features (N, features), with a gradient."""
        features, _ = self.discriminator(images, training=False)
        return features

    def error(self, pictures: Any, labels: Any, averaged: bool = True) -> float:
        """Share of uint8 images (N, H, W, C) whose class (N,) is not the one predicted."""
        predicted = losses.classify(self.logits(pictures, averaged)).numpy()
        return float(np.mean(predicted != labels))

    def set_rates(self, of_discriminator: float, of_generator: float) -> None:
        """Give the nets these shares of their learning rates, from the next `set_schedule` on."""
        self.d_learns = of_discriminator > 0
        for rate, value in zip(self.rates, (of_discriminator, of_generator), strict=True):
            rate.assign(value)

    @tf.function(reduce_retracing=True)
    def _draw(self, latents: tf.Tensor) -> tf.Tensor:
        return self.generator(latents, training=False)

    @tf.function(reduce_retracing=True)
    def _judge(self, pictures: tf.Tensor) -> tf.Tensor:
        _, logits = self.discriminator(tricks.scale_images(pictures), training=False)
        return losses.append_fake_logit(logits)

    # -------------------------------------------------------------------------- training

    def train_step(
        self,
        labelled: tf.Tensor,
        labels: tf.Tensor,
        unlabelled: tf.Tensor,
        d_learns: bool = True,
    ) -> dict[str, tf.Tensor]:
        """One step of D and of G (Salimans et al. 2016, section 5); runs in each replica.

        Args:
            labelled, labels: uint8 (L, H, W, C) and int32 (L,), the whole batch.
            unlabelled: uint8 (U, H, W, C), the whole batch.
            d_learns: False leaves D's weights as they are.

        Returns:
            Losses, accuracies and gradient norms of the whole batch.
        """
        seeds, labels = self._seeds(), share(labels)
        # One batch of generated images serves both players.
        in_game = self.config.game_batch or tf.shape(unlabelled)[0]
        with tf.GradientTape() as generator_tape:
            latents = share(self.draw_latents(in_game, seeds.latents))
            fake = self.generator(latents, training=True)
        views, weak, real = self._views(labelled, unlabelled, fake, in_game, seeds)
        target = None if self.teacher is None else self.teacher.targets(weak, labels)

        with tf.GradientTape(persistent=True) as tape:
            tape.watch(fake)
            views["fake"] = self.terms.shown(fake, seeds.shown_fake, self.steps_done)
            told = self._losses(views, real, fake, latents, labels, target, seeds)
            d_share, g_share = told["d_loss"] / replica_count(), told["g_loss"] / replica_count()

        # Both gradients are those at the present weights; D's do not reach G, nor G's D.
        d_variables = self.discriminator.trainable_variables
        g_variables = self.generator.trainable_variables
        d_gradients = tape.gradient(d_share, d_variables)
        to_images = tape.gradient(g_share, fake)
        g_gradients = generator_tape.gradient(fake, g_variables, output_gradients=to_images)
        del tape
        g_gradients = self.terms.pulled(g_gradients, replica_count())
        if d_learns:
            d_norm = self._apply(self.discriminator_optimizer, d_gradients, d_variables)
        else:
            d_norm = tf.linalg.global_norm(over_replicas(d_gradients, mean=False))
        g_norm = self._apply(self.generator_optimizer, g_gradients, g_variables)
        for extra in range(1, self.config.update_ratio):
            self._generator_step(real, tf.random.fold_in(seeds.further, extra))

        values = tf.unstack(over_replicas(tf.stack(list(told.values()))))
        return {
            **dict(zip(told, values, strict=True)),
            "d_gradient_norm": d_norm,
            "g_gradient_norm": g_norm,
        }

    def baseline_step(self, labelled: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        """One step of the classifier alone: `train_step` without a generator or unlabelled images."""
        seeds = self._seeds()
        labelled = augment(labelled, self.config.of_labelled, seeds.labelled)
        with tf.GradientTape() as tape:
            _, logits = self._judge_each({"labelled": labelled}, seeds.layers)
            loss = losses.supervised_loss(logits["labelled"], share(labels))
            part = loss / replica_count()
        variables = self.discriminator.trainable_variables
        # A third player has no part in it.
        told = tape.gradient(part, variables)
        gradients = [
            tf.zeros_like(v) if g is None else g for g, v in zip(told, variables, strict=True)
        ]
        norm = self._apply(self.discriminator_optimizer, gradients, variables)
        return {"d_loss": over_replicas(loss), "d_gradient_norm": norm}

    def _seeds(self) -> Seeds:
        """Seeds of this step, one for each purpose: all that is random follows from (seed, step)."""
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), self.steps_done])
        return Seeds(*(tf.random.fold_in(seed, i) for i in range(len(Seeds._fields))))

    def _views(
        self,
        labelled: tf.Tensor,
        unlabelled: tf.Tensor,
        fake: tf.Tensor,
        in_game: int | tf.Tensor,
        seeds: Seeds,
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
        """What D looks at in this step, by name in `VIEWS`, but for generated images.

        Returns:
            The views in [-1, 1]; the weak view of all unlabelled images; those of it that are in the game.
        """
        config = self.config
        weak = augment(unlabelled, [n for n in config.augment if n in WEAK], seeds.weak)
        real = weak[: in_game // replica_count()] if config.game_batch else weak
        views = {
            "labelled": augment(labelled, config.of_labelled, seeds.labelled),
            "real": self.terms.shown(real, seeds.shown_real, self.steps_done),
        }
        if config.consistency_weight:
            views["strong"] = augment(unlabelled, config.augment, seeds.strong)
        if self.terms.replay is not None:
            old = self.terms.replayed(fake)
            views["replayed"] = self.terms.shown(old, seeds.shown_fake, self.steps_done)
        return views, weak, real

    def _losses(
        self,
        views: Mapping[str, tf.Tensor],
        real: tf.Tensor,
        fake: tf.Tensor,
        latents: tf.Tensor,
        labels: tf.Tensor,
        target: tf.Tensor | None,
        seeds: Seeds,
    ) -> dict[str, tf.Tensor]:
        """Both players' losses, their parts, and D's accuracies, of this replica's rows.

        Args:
            views: what D looks at.
            real, fake: images of the game, before tricks.
            latents: of the generated ones.
            labels: of the labelled images.
            target: the teacher's probabilities of the classes; None asks D itself.
            seeds: of the step.
        """
        config = self.config
        kernels = self.discriminator.normalized()  # once, for all views
        features, logits = self._judge_each(views, seeds.layers, kernels)
        judged = (logits["real"], logits.get("replayed", logits["fake"]))
        supervised = losses.supervised_loss(logits["labelled"], labels)
        unsupervised = losses.unsupervised_loss(
            *self.terms.flipped(*judged, seeds.flips), config.real_label
        )
        d_loss = supervised + config.unsupervised_weight * unsupervised

        def critic(images: tf.Tensor) -> tf.Tensor:
            _, k_logits = self.discriminator(
                images, training=True, seed=seeds.lines, kernels=kernels
            )
            return losses.real_fake_logit(losses.append_fake_logit(k_logits))

        shown = views["real"], tf.stop_gradient(views["fake"])
        d_loss += self.terms.penalty(critic, *shown, seeds.lines)
        if config.entropy_weight:
            d_loss += config.entropy_weight * losses.class_entropy(logits["real"])
        sure = tf.constant(0.0)
        if config.consistency_weight:
            p = tf.nn.softmax(logits["real"][:, :-1]) if target is None else target
            disagreement, sure = consistency_loss(p, logits["strong"], config.consistency_threshold)
            d_loss += config.consistency_weight * disagreement
        g_loss = self._generator_loss(features, logits["fake"], real, fake)
        if config.class_weight:
            meant = alternatives.intended(latents, self.num_classes)
            of_class = config.class_weight * losses.supervised_loss(logits["fake"], meant)
            d_loss, g_loss = d_loss + of_class, g_loss + of_class
        if config.pair_weight:
            of_pairs = self._pairs(features, logits, latents, labels)
            d_loss += config.pair_weight * (of_pairs.discriminator + of_pairs.classifier)
            g_loss += config.pair_weight * of_pairs.generator
        real_logit, fake_logit = (losses.real_fake_logit(each) for each in judged)
        return {
            "d_loss": d_loss,
            "g_loss": g_loss,
            "supervised_loss": supervised,
            "unsupervised_loss": unsupervised,
            "sure_share": sure,
            "d_real_accuracy": tf.reduce_mean(tf.cast(real_logit > 0, tf.float32)),
            "d_fake_accuracy": tf.reduce_mean(tf.cast(fake_logit < 0, tf.float32)),
        }

    def _pairs(
        self,
        features: Mapping[str, tf.Tensor],
        logits: Mapping[str, tf.Tensor],
        latents: tf.Tensor,
        labels: tf.Tensor,
    ) -> alternatives.PairLosses:
        """The game of the third player, on the features of D that all three share."""
        pairs = self.discriminator.pairs
        return alternatives.pair_losses(
            (pairs(features["labelled"]), labels),
            (pairs(features["real"]), tf.nn.softmax(logits["real"][:, :-1])),
            (pairs(features["fake"]), alternatives.intended(latents, self.num_classes)),
        )

    def _judge_each(
        self, views: Mapping[str, tf.Tensor], seed: tf.Tensor, kernels: Any = None
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """D on each batch by itself: features and K+1 logits of each, by name.

        Its batch norm keeps the statistics of one view alone: what D is asked about later are real
        images, neither generated nor distorted.
        """
        features, logits = {}, {}
        kept = "real" if "real" in views else "labelled"
        for name, view in views.items():
            features[name], k_logits = self.discriminator(
                view,
                training=True,
                seed=tf.random.fold_in(seed, VIEWS.index(name)),
                keep_statistics=name == kept,
                kernels=kernels,
            )
            logits[name] = losses.append_fake_logit(k_logits)
        return features, logits

    def _generator_loss(
        self,
        features: Mapping[str, tf.Tensor],
        fake_logits: tf.Tensor,
        real: tf.Tensor,
        fake: tf.Tensor,
    ) -> tf.Tensor:
        if self.config.generator_loss == "non_saturating":
            loss = losses.generator_loss(fake_logits)
        else:
            # The means are the whole batch's, so a batch of one row each is what is compared.
            real_mean, fake_mean = (
                over_replicas(tf.reduce_mean(each, axis=0, keepdims=True))
                for each in (tf.stop_gradient(features["real"]), features["fake"])
            )
            loss = tricks.feature_matching_loss(real_mean, fake_mean, norm=self.config.feature_norm)
        if self.config.pull_away_weight:
            loss += self.config.pull_away_weight * alternatives.pull_away(features["fake"])
        if self.config.reconstruction_weight:
            loss += self.reconstruction * losses.distance_to_nearest(real, fake)
        return loss

    def _generator_step(self, real: tf.Tensor, seed: tf.Tensor) -> None:
        """Another update of G alone, against the present D."""
        count = tf.shape(real)[0] * replica_count()
        latents = share(self.draw_latents(count, seed))
        with tf.GradientTape() as tape:
            fake = self.generator(latents, training=True)
            views, kernels = {"real": real, "fake": fake}, self.discriminator.normalized()
            features, logits = self._judge_each(views, seed, kernels)
            part = self._generator_loss(features, logits["fake"], real, fake) / replica_count()
        variables = self.generator.trainable_variables
        self._apply(self.generator_optimizer, tape.gradient(part, variables), variables)

    def _apply(
        self,
        optimizer: keras.optimizers.Optimizer,
        gradients: Sequence[tf.Tensor],
        variables: Sequence,
    ) -> tf.Tensor:
        """Sum the replicas' gradients, clip by the global norm, apply; the norm before clipping."""
        gradients = over_replicas(gradients, mean=False)
        norm = tf.linalg.global_norm(gradients)
        if self.config.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.config.clip_norm, norm)
        apply_summed(optimizer, gradients, variables)
        return norm

    def set_schedule(self, fraction: tf.Tensor) -> None:
        """Make ready for a step of a run of which `fraction` is done: rates, weights, the teacher."""
        config = self.config
        factor = rate_factor(fraction, config.constant_share)
        for optimizer, rate, share_left in (
            (self.discriminator_optimizer, config.discriminator_lr, self.rates[0]),
            (self.generator_optimizer, config.generator_lr, self.rates[1]),
        ):
            optimizer.learning_rate.assign(rate * factor * share_left)
        self.reconstruction.assign(reconstruction_weight(fraction, config.reconstruction_weight))
        if self.teacher is not None and self.average is not None:
            self.teacher.follow(self.average.averages)

    def end_step(self) -> None:
        """Take the new weights into the average and count the step."""
        if self.average is not None:
            self.average.update()
        self.terms.update()
        self.steps_done.assign_add(1)

    def checkpoint_variables(self) -> dict[str, list]:
        """Everything that a resumed run needs, by name."""
        return {
            "generator": self.generator.variables,
            "discriminator": self.discriminator.variables,
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
            "average": variables_of(self.average),
            **self.terms.variables(),
            "steps_done": [self.steps_done],
            "validation_error": [self.validation_error],
            "class_shares": [] if self.teacher is None else [self.teacher.class_shares],
        }


def _optimizer(config: Config, learning_rate: float) -> keras.optimizers.Optimizer:
    return optimizers.Adam(
        learning_rate, beta_1=config.beta_1, beta_2=config.beta_2, epsilon=config.epsilon
    )
