"""The pair that a training holds: the step that trains both networks, and what can be drawn from them."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from gan_common import doctor, runs, sampling, tricks
from gan_common.errors import UserError
from gan_common.kernels import normalization, optimizers
from gan_common.losses import discriminator_loss
from gan_common.runs import checkpoints
from ssgan_tf import losses
from ssgan_tf.config import WEAK, Config
from ssgan_tf.networks import NETWORKS, over_replicas, replica_count, share

# The batches that D looks at in a step; each has noise of its own.
VIEWS = ("labelled", "real", "fake", "strong", "replayed")
SHARES_DECAY = 0.99  # of the classes' mean shares: the last hundred steps or so
NOISE_STDDEV, NOISE_STEPS = 0.2, 2000  # of instance_noise, in the range [-1, 1]


def build(config: Config, image_shape, num_classes: int, first_batch=None) -> "SSGAN":
    """The two networks of a configuration, every weight drawn from `config.seed`.

    Args:
        first_batch: uint8 pictures (N, H, W, C) for the data-dependent initialisation; without them
            the weights are good for being restored only.
    """
    keras.utils.set_random_seed(config.seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if config.precision == "bfloat16" else "float32")
    try:
        make_generator, make_discriminator = NETWORKS[config.preset]
        generator = make_generator(config, image_shape)
        if "virtual_batch_norm" in config.tricks:
            # Seed −1 is no step's: the reference stays apart from what the training draws.
            reference = _latents(config, config.batch_size, [config.seed, -1])
            generator = tricks.with_reference(generator, reference)
            generator.build((None, config.latent_dim))
        discriminator = make_discriminator(config, image_shape, num_classes)
        discriminator.build((None, *image_shape))
        teacher = None
        wanted = config.consistency_weight and config.consistency_target == "average"
        if wanted and not config.baseline:
            teacher = make_discriminator(config, image_shape, num_classes)
            teacher.build((None, *image_shape))
        for layer in discriminator.body:
            if getattr(layer, "fixed_scale", False):
                layer.g.trainable = False
        if first_batch is not None:
            seed = tf.constant([config.seed, -1], tf.int64)
            discriminator.initialize_from(tricks.scale_images(tf.constant(first_batch)), seed)
            tricks.start_statistics(generator, _latents(config, config.batch_size, seed))
    finally:
        keras.config.set_dtype_policy(before)
    return SSGAN(generator, discriminator, config, num_classes, teacher)


def restore(
    run: runs.Run, config: Config, image_shape, num_classes: int, checkpoint: str = "last"
) -> "SSGAN":
    """The networks of a run, with the weights of its newest sound checkpoint, or of the "best".

    Raises:
        UserError: when the run has no checkpoint yet.
    """
    gan = build(config, image_shape, num_classes)
    kept = checkpoints.Checkpoints(run, gan.checkpoint_variables())
    if kept.restore(best=checkpoint == "best") is None:
        raise UserError(f"{run.folder}: has no checkpoint yet; train on with --resume {run.folder}")
    return gan


def _latents(config: Config, count, seed) -> tf.Tensor:
    return tricks.sample_latent(count, config.latent_dim, config.latent, seed)


class SSGAN:
    """Generator, discriminator and classifier in one, their optimisers and averages.

    Args:
        generator, discriminator: see this module's docstring.
        config: latents, optimisers.
        num_classes: K.
        teacher: a network like the discriminator, to have its averaged weights; or None.
    """

    conditional = False  # the generator is not told a class
    # What a step of the game tells of besides what one of labels alone does.
    of_the_game = (
        *("g_loss", "supervised_loss", "unsupervised_loss", "sure_share"),
        *("d_real_accuracy", "d_fake_accuracy", "g_gradient_norm"),
    )

    def __init__(self, generator, discriminator, config: Config, num_classes: int, teacher=None):
        self.generator, self.discriminator = generator, discriminator
        self.teacher = teacher
        self.config, self.num_classes = config, num_classes
        self.generator_optimizer = _optimizer(config, config.generator_lr)
        self.discriminator_optimizer = (
            optimizers.SGD(config.discriminator_lr, momentum=config.beta_1, nesterov=True)
            if "sgd_discriminator" in config.tricks
            else _optimizer(config, config.discriminator_lr)
        )
        self.generator_optimizer.build(generator.trainable_variables)
        self.discriminator_optimizer.build(discriminator.trainable_variables)
        self.steps_done = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps_done")
        self.held_out_error = tf.Variable(1.0, trainable=False, name="held_out_error")
        self.d_learns = True  # False while D is paused
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

        # Mean shares of the classes, lately: by the labels, and by what the teacher says of the pool.
        self.class_shares = tf.Variable(
            tf.fill((2, num_classes), 1.0 / num_classes),
            trainable=False,
            name="class_shares",
            aggregation=tf.VariableAggregation.MEAN,
        )
        self.past = self.replay = None
        if "historical_averaging" in config.tricks:
            self.past = [
                tricks.HistoricalAverage(net.trainable_variables)
                for net in (generator, discriminator)
            ]
        if "replay" in config.tricks:
            self.replay = tricks.ReplayBuffer(
                tricks.REPLAY_BATCHES * config.batch_size, config.seed
            )
            self.replay.build(generator.compute_output_shape((1, config.latent_dim))[1:])

    def draw_latents(self, count: int, seed):
        """`count` latents of the configured distribution; `seed` an int or a pair."""
        return _latents(self.config, count, seed)

    def averaged(self):
        """A context in which both nets have their averaged weights."""
        return self.average.swap() if self.average is not None else contextlib.nullcontext()

    def pictures(self, latents, labels=None) -> np.ndarray:
        """Latents (N, latent_dim) → uint8 pictures (N, H, W, C), averaged weights."""
        with self.averaged():
            fakes = [self._draw(chunk).numpy() for chunk in _chunks(latents)]
        return tricks.unscale_images(np.concatenate(fakes))

    def logits(self, pictures, averaged: bool = True) -> np.ndarray:
        """uint8 pictures (N, H, W, C) → logits (N, K+1), float32, the last column 0."""
        with self.averaged() if averaged else contextlib.nullcontext():
            logits = [self._judge(chunk).numpy() for chunk in _chunks(pictures)]
        return np.concatenate(logits)

    def scores(self, pictures, labels=None) -> np.ndarray:
        """How real D finds uint8 pictures (N, H, W, C): the logit of real against generated, (N,)."""
        return losses.real_fake_logit(self.logits(pictures)).numpy()

    def error(self, pictures, labels, averaged: bool = True) -> float:
        """Share of uint8 pictures (N, H, W, C) whose class (N,) is not the one predicted."""
        predicted = losses.classify(self.logits(pictures, averaged)).numpy()
        return float(np.mean(predicted != labels))

    def fixed_samples(self) -> np.ndarray:
        """Pictures of the same 64 latents every time: what the run's sample grids show."""
        return sampling.draw(self, 64, self.config.seed)[0]

    def look(self, count: int = doctor.LOOKED_AT) -> np.ndarray:
        """Pictures (count, H, W, C) in [-1, 1] as a training step makes them now; looking moves nothing."""
        pictures, _ = self.generator.stateless_call(
            self.generator.trainable_variables,
            self.generator.non_trainable_variables,
            self.draw_latents(count, [self.config.seed, -2]),  # seed −2 is no step's
            training=True,
        )
        return pictures.numpy()

    def set_rates(self, of_discriminator: float, of_generator: float) -> None:
        """Give the nets these shares of their learning rates, from the next `set_schedule` on."""
        self.d_learns = of_discriminator > 0
        for rate, value in zip(self.rates, (of_discriminator, of_generator), strict=True):
            rate.assign(value)

    def save_generator(self, path) -> None:
        """Write the generator, with its averaged weights, as one `.keras` file."""
        with self.averaged():
            normalization.portable(self.generator).save(path)

    # ---------------------------------------------------------------------- training

    def train_step(self, labelled, labels, unlabelled, d_learns: bool = True) -> dict:
        """One step of D and of G (Salimans et al. 2016, section 5); runs in each replica.

        Args:
            d_learns: False leaves D's weights as they are.
            labelled, labels: uint8 (L, H, W, C) and int32 (L,), the whole batch.
            unlabelled: uint8 (U, H, W, C), the whole batch.

        Returns:
            Losses, accuracies and gradient norms of the whole batch.
        """
        config, replicas = self.config, replica_count()
        seeds = self._seeds(10)

        # One batch of generated pictures serves both players.
        in_game = config.game_batch or tf.shape(unlabelled)[0]
        latents = share(self.draw_latents(in_game, seeds[0]))
        with tf.GradientTape() as generator_tape:
            fake = self.generator(latents, training=True)

        labelled = augment(labelled, config.of_labelled, seeds[1])
        labels = share(labels)
        weak = [name for name in config.augment if name in WEAK]
        weak_view = augment(unlabelled, weak, seeds[2])
        real = weak_view[: in_game // replicas] if config.game_batch else weak_view
        shown_real = self._shown(real, seeds[6])
        taught = self._taught(weak_view, labels) if self.teacher is not None else None
        views = {"labelled": labelled, "real": shown_real}
        if config.consistency_weight:
            views["strong"] = augment(unlabelled, config.augment, seeds[3])
        if self.replay is not None:
            views["replayed"] = self._shown(self.replay.mix(fake), seeds[7])

        with tf.GradientTape(persistent=True) as tape, tricks.normalised_once():
            tape.watch(fake)
            views["fake"] = self._shown(fake, seeds[7])
            features, logits = self._judge_each(views, seeds[4])
            supervised = losses.supervised_loss(logits["labelled"], labels)
            real_logit = losses.real_fake_logit(logits["real"])
            fake_logit = losses.real_fake_logit(logits.get("replayed", logits["fake"]))
            unsupervised = self._unsupervised_loss(real_logit, fake_logit, seeds[8])
            d_loss = supervised + config.unsupervised_weight * unsupervised
            d_loss += self._penalties(shown_real, tf.stop_gradient(views["fake"]), seeds[9])
            if config.entropy_weight:
                d_loss += config.entropy_weight * _entropy(logits["real"])
            sure = tf.constant(0.0)
            if config.consistency_weight:
                target = tf.nn.softmax(logits["real"][:, :-1]) if taught is None else taught
                disagreement, sure = _consistency(
                    target, logits["strong"], config.consistency_threshold
                )
                d_loss += config.consistency_weight * disagreement
            g_loss = self._generator_loss(features["real"], features["fake"], logits["fake"])
            if config.reconstruction_weight:
                g_loss += self.reconstruction * _to_nearest(real, fake)
            d_share, g_share = d_loss / replicas, g_loss / replicas

        # Both gradients are those at the present weights; D's do not reach G, nor G's D.
        d_variables = self.discriminator.trainable_variables
        g_variables = self.generator.trainable_variables
        d_gradients = tape.gradient(d_share, d_variables)
        to_pictures = tape.gradient(g_share, fake)
        g_gradients = generator_tape.gradient(fake, g_variables, output_gradients=to_pictures)
        del tape
        if self.past:
            g_gradients = self._towards_history(g_gradients)
        if d_learns:
            d_norm = self._apply(self.discriminator_optimizer, d_gradients, d_variables)
        else:
            d_norm = tf.linalg.global_norm(over_replicas(d_gradients, mean=False))
        g_norm = self._apply(self.generator_optimizer, g_gradients, g_variables)
        for extra in range(1, config.update_ratio):
            self._generator_step(real, tf.random.fold_in(seeds[5], extra))

        right_on_real = tf.reduce_mean(tf.cast(real_logit > 0, tf.float32))
        right_on_fake = tf.reduce_mean(tf.cast(fake_logit < 0, tf.float32))
        values = [d_loss, g_loss, supervised, unsupervised, sure, right_on_real, right_on_fake]
        values = tf.unstack(over_replicas(tf.stack(values)))
        names = ["d_loss", "g_loss", "supervised_loss", "unsupervised_loss", "sure_share"]
        names += ["d_real_accuracy", "d_fake_accuracy"]
        return {
            **dict(zip(names, values, strict=True)),
            "d_gradient_norm": d_norm,
            "g_gradient_norm": g_norm,
        }

    def baseline_step(self, labelled, labels) -> dict:
        """One step of the classifier alone: `train_step` without a generator or unlabelled pictures."""
        seeds = self._seeds(6)
        labelled = augment(labelled, self.config.of_labelled, seeds[1])
        with tf.GradientTape() as tape:
            _, logits = self._judge_each({"labelled": labelled}, seeds[4])
            loss = losses.supervised_loss(logits["labelled"], share(labels))
            part = loss / replica_count()
        variables = self.discriminator.trainable_variables
        norm = self._apply(self.discriminator_optimizer, tape.gradient(part, variables), variables)
        return {"d_loss": over_replicas(loss), "d_gradient_norm": norm}

    def _seeds(self, count: int):
        """Seeds of this step, one for each purpose: all that is random follows from (seed, step)."""
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), self.steps_done])
        return [tf.random.fold_in(seed, purpose) for purpose in range(count)]

    def _judge_each(self, views: dict, seed):
        """D on each batch by itself: features and K+1 logits of each, by name.

        Its batch norm keeps the statistics of one view alone: what D is asked about later are real
        pictures, neither generated nor distorted.
        """
        features, logits = {}, {}
        kept = "real" if "real" in views else "labelled"
        for name, view in views.items():
            view_seed = tf.random.fold_in(seed, VIEWS.index(name))
            frozen = () if name == kept else self.discriminator.body
            with tricks.frozen_statistics(frozen):
                features[name], k_logits = self.discriminator(view, training=True, seed=view_seed)
            logits[name] = losses.append_fake_logit(k_logits)
        return features, logits

    def _taught(self, images, labels):
        """The classes' probabilities by D with its averaged weights, made as frequent as the labels are.

        Left alone, a class that D overlooks is learnt as another one, and overlooked more.

        Args:
            images: (U, H, W, C) in [-1, 1], without labels.
            labels: (L,) of the labelled pictures.

        Returns:
            (U, K), each row sums to 1.

        Source: Berthelot et al. 2020 (1911.09785), section 3.1.
        """
        _, logits = self.teacher(images, training=False)
        p = tf.nn.softmax(logits)
        told = tf.reduce_mean(tf.one_hot(labels, self.num_classes), axis=0)
        batch = tf.stack([told, tf.reduce_mean(p, axis=0)])
        self.class_shares.assign(SHARES_DECAY * self.class_shares + (1 - SHARES_DECAY) * batch)
        by_label, by_teacher = tf.unstack(tf.convert_to_tensor(self.class_shares))
        p *= by_label / by_teacher
        return p / tf.reduce_sum(p, axis=1, keepdims=True)

    def _shown(self, images, seed):
        """What D gets to see of real and generated pictures in [-1, 1]."""
        if "augment" in self.config.tricks:
            images = tricks.differentiable_augment(images, seed=seed)
        if "instance_noise" in self.config.tricks:
            left = 1.0 - tf.cast(self.steps_done, tf.float32) / NOISE_STEPS
            noise = tf.random.stateless_normal(tf.shape(images), seed, alg="philox")
            images += NOISE_STDDEV * tf.maximum(left, 0.0) * noise
        return images

    def _unsupervised_loss(self, real_logit, fake_logit, seed):
        """Real against generated, with smoothed or flipped labels."""
        if "label_noise" in self.config.tricks:  # a flipped label makes a real one pass as fake
            real_logit, fake_logit = tricks.flip_logits(
                real_logit, fake_logit, tricks.LABEL_FLIPS, seed
            )
        return discriminator_loss("non_saturating", real_logit, fake_logit, self.config.real_label)

    def _penalties(self, real, fake, seed):
        """What tricks add to D's loss."""

        def critic(pictures):
            _, k_logits = self.discriminator(pictures, training=True, seed=seed)
            return losses.real_fake_logit(losses.append_fake_logit(k_logits))

        total = tf.zeros(())
        if "gradient_penalty" in self.config.tricks:
            total += tricks.GRADIENT_PENALTY * tricks.gradient_penalty(critic, real, fake, seed)
        if "r1" in self.config.tricks:
            total += tricks.R1_PENALTY / 2 * tricks.r1_penalty(critic, real)
        if self.past:
            total += tricks.HISTORICAL_AVERAGING * self.past[1].penalty()
        return total

    def _towards_history(self, gradients):
        weights = self.generator.trainable_variables
        with tf.GradientTape() as tape:
            penalty = tricks.HISTORICAL_AVERAGING * self.past[0].penalty() / replica_count()
        pulls = tape.gradient(penalty, weights)
        return [g + pull for g, pull in zip(gradients, pulls, strict=True)]

    def _generator_loss(self, real_features, fake_features, fake_logits):
        if self.config.generator_loss == "non_saturating":
            return losses.generator_loss(fake_logits)
        # The means are the whole batch's, so a batch of one row each is what is compared.
        means = [
            over_replicas(tf.reduce_mean(features, axis=0, keepdims=True))
            for features in (tf.stop_gradient(real_features), fake_features)
        ]
        return tricks.feature_matching_loss(*means, norm=self.config.feature_norm)

    def _generator_step(self, real, seed) -> None:
        """Another update of G alone, against the present D."""
        count = tf.shape(real)[0] * replica_count()
        latents = share(self.draw_latents(count, seed))
        with tf.GradientTape() as tape, tricks.normalised_once():
            fake = self.generator(latents, training=True)
            features, logits = self._judge_each({"real": real, "fake": fake}, seed)
            loss = self._generator_loss(features["real"], features["fake"], logits["fake"])
            if self.config.reconstruction_weight:
                loss += self.reconstruction * _to_nearest(real, fake)
            part = loss / replica_count()
        variables = self.generator.trainable_variables
        self._apply(self.generator_optimizer, tape.gradient(part, variables), variables)

    def _apply(self, optimizer, gradients, variables):
        """Sum the replicas' gradients, clip by the global norm, apply; the norm before clipping."""
        gradients = over_replicas(gradients, mean=False)
        norm = tf.linalg.global_norm(gradients)
        if self.config.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.config.clip_norm, norm)
        # Keras sums over the replicas too, so each gives its part of what is now the sum.
        optimizer.apply([gradient / replica_count() for gradient in gradients], variables)
        return norm

    def set_schedule(self, fraction) -> None:
        """Make ready for a step of a run of which `fraction` is done: rates, weights, the teacher."""
        config = self.config
        constant = config.constant_share
        factor = 1.0 if constant == 1 else tf.clip_by_value((1 - fraction) / (1 - constant), 0, 1)
        for optimizer, rate, share_left in (
            (self.discriminator_optimizer, config.discriminator_lr, self.rates[0]),
            (self.generator_optimizer, config.generator_lr, self.rates[1]),
        ):
            optimizer.learning_rate.assign(rate * factor * share_left)
        self.reconstruction.assign(config.reconstruction_weight * tf.maximum(1 - 2 * fraction, 0))
        if self.teacher is not None:
            variables = tricks.floating(self.teacher.variables)
            averages = self.average.averages[: len(variables)]  # D's come first
            for variable, average in zip(variables, averages, strict=True):
                variable.assign(tf.convert_to_tensor(average))

    def end_step(self) -> None:
        """Take the new weights into the average and count the step."""
        for average in (self.average, *(self.past or ())):
            if average is not None:
                average.update()
        self.steps_done.assign_add(1)

    @tf.function(reduce_retracing=True)
    def _draw(self, latents):
        return self.generator(latents, training=False)

    @tf.function(reduce_retracing=True)
    def _judge(self, pictures):
        _, logits = self.discriminator(tricks.scale_images(pictures), training=False)
        return losses.append_fake_logit(logits)

    def checkpoint_variables(self) -> dict[str, list]:
        """Everything that a resumed run needs, by name."""
        return {
            "generator": self.generator.variables,
            "discriminator": self.discriminator.variables,
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
            "average": self.average.variables if self.average is not None else [],
            "past": [v for average in self.past or () for v in average.variables],
            "replay": self.replay.variables if self.replay is not None else [],
            "steps_done": [self.steps_done],
            "held_out_error": [self.held_out_error],
            "class_shares": [self.class_shares] if self.teacher is not None else [],
        }


def augment(images, names, seed):
    """A random view of each picture: what comes in at the border repeats the picture's edge.

    Args:
        images: a whole batch (N, H, W, C), any type; a replica gets its rows' views.
        names: out of "shift" (up to 2 whole pixels each way), "flip" (left to right), "affine" (turned by
            up to 15°, scaled and sheared by up to 15%, shifted by up to 2.5 pixels), "color" and "cutout"
            (as in `tricks.differentiable_augment`; values may leave [-1, 1]).
        seed: (2,) int64.

    Returns:
        (N / replicas, H, W, C) float32 in [-1, 1].
    """
    count, (height, width) = tf.shape(images)[0], images.shape[1:3]
    images = tricks.scale_images(images)
    colours = ",".join(name for name in ("color", "cutout") if name in names)
    if colours:
        images = tricks.differentiable_augment(images, colours, tf.random.fold_in(seed, 1))
    images = share(images)
    if not {"shift", "flip", "affine"} & set(names):
        return images
    draws = share(tf.random.stateless_uniform((count, 8), seed, -1.0, 1.0, alg="philox"))
    angle, scale_x, scale_y, shear, dx, dy, side, _ = tf.unstack(draws, axis=1)
    mirror = tf.sign(side) if "flip" in names else tf.ones_like(side)
    if "affine" in names:
        cos, sin = tf.cos(0.26 * angle), tf.sin(0.26 * angle)
        a, b = (1 + 0.15 * scale_x) * cos, -sin + 0.15 * shear
        c, d = sin, (1 + 0.15 * scale_y) * cos
        dx, dy = 2.5 * dx, 2.5 * dy
    else:
        a, b, c, d = tf.ones_like(angle), 0 * angle, 0 * angle, tf.ones_like(angle)
        reach = 2.5 if "shift" in names else 0.49  # rounds to whole pixels
        dx, dy = tf.round(reach * dx), tf.round(reach * dy)
    a, c = a * mirror, c * mirror
    # Output (x, y) is taken from (a x + b y + e, c x + d y + f): about the middle, then shifted.
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    e = middle_x - a * middle_x - b * middle_y + dx
    f = middle_y - c * middle_x - d * middle_y + dy
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, e, c, d, f, zero, zero], axis=1),
        output_shape=[height, width],
        interpolation="BILINEAR" if "affine" in names else "NEAREST",
        fill_mode="NEAREST",
        fill_value=0.0,
    )


def _entropy(logits):
    """Mean entropy of p(y | x, y ≤ K) over logits (N, K+1), in nats."""
    log_p = tf.nn.log_softmax(logits[:, :-1])
    return -tf.reduce_mean(tf.reduce_sum(tf.exp(log_p) * log_p, axis=1))


def _consistency(target, logits, threshold: float):
    """Cross-entropy of one view with the class that D is sure of on another view of the same picture.

    Args:
        target: probabilities (N, K) of the classes; no gradient flows back to them.
        logits: (N, K+1).

    Returns:
        The mean over the batch, where pictures with no class above `threshold` count 0; and the share of
        those with one.

    Source: Sohn et al. 2020 (2001.07685), equation 4.
    """
    probabilities = tf.stop_gradient(target)
    sure = tf.cast(tf.reduce_max(probabilities, axis=1) >= threshold, tf.float32)
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.argmax(probabilities, axis=1), logits=logits[:, :-1]
    )
    return tf.reduce_mean(sure * cross_entropy), tf.reduce_mean(sure)


def _to_nearest(real, fake):
    """Mean absolute distance of each generated picture to the nearest real one of the batch."""
    count = tf.shape(real)[0]
    a, b = tf.reshape(fake, (count, -1)), tf.reshape(real, (count, -1))
    squared = tf.reduce_sum(a**2, 1)[:, None] - 2 * a @ tf.transpose(b) + tf.reduce_sum(b**2, 1)
    nearest = tf.gather(b, tf.argmin(squared, axis=1))
    return tf.reduce_mean(tf.abs(a - tf.stop_gradient(nearest)))


def _optimizer(config: Config, learning_rate: float) -> keras.optimizers.Optimizer:
    return optimizers.Adam(
        learning_rate, beta_1=config.beta_1, beta_2=config.beta_2, epsilon=config.epsilon
    )


def _chunks(array, size: int = 500):
    """Slices of an array, small enough for the networks' activations to fit in memory."""
    for i in range(0, len(array), size):
        yield tf.constant(array[i : i + size])
