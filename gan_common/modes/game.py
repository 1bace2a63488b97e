"""Small GANs that are trained in seconds, with any of the tricks: what `gan_common.modes` plays.

A step follows Metz et al. 2017: both players' gradients are taken from the same weights, then both are
applied.  So one batch of generated samples, and one look of D at it, serve both losses.  Many steps run in
one call of a graph; nothing is copied to Python between them.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan_common import losses, tricks
from gan_common.catalogue import TRICKS
from gan_common.kernels import optimizers
from gan_common.modern import relativistic_loss
from gan_common.modes import modern, nets, pictures
from gan_common.modes.config import Config
from gan_common.modes.seen import TOLD
from gan_common.modes.tasks import CODE, LINES, WINDOW
from gan_common.terms import Terms

CALL_STEPS = 500  # steps in one call of the graph, which share a pool of latents
POOL = 1 << 20  # numbers in the pool
MINIBATCH = (8, 4)  # kernels of minibatch discrimination, and the dimension in which it compares
REFERENCE = 64  # latents in the reference batch of virtual batch norm
NOISY_SHARE = 0.5  # of the run, until the noise is gone
SLOW_SHARE, SLOW_RATIO = 0.1, 5  # generator_first: of the run, and G's steps for one of D
GENERATED_AT_ONCE = 500


class Game:
    """One setting's networks, optimizers, tricks and training step.

    The networks are weights in two variables, `g` and `d`.  `reset` brings everything back to the start of
    a seed, so that one graph, built once, serves all seeds, and none depends on the one before.

    Args:
        options: a `Config`, resolved.
        data: `Points`, or `Stacked`.

    Attributes:
        unit: what networks take for 1: the data's deviation, or 1.
    """

    def __init__(self, options: Config, data: Any) -> None:
        self.options, self.data = options, data
        chosen = options.tricks
        self.conditional = "conditional" in chosen
        self.unit = data.std if options.standardise else 1.0
        self.packed = options.pack if "packing" in chosen else 1
        minibatch = MINIBATCH if "minibatch" in chosen else None
        labels = data.labels if self.conditional else 0
        self.modern = options.preset == "modern"
        self.codes = None
        if self.modern and options.codes:
            self.codes = tf.constant(modern.codes(options.codes, options.latent_dim))
        if self.modern and len(data.shape) > 1:
            self.generator: Any = pictures.Generator(options.latent_dim, data.shape[-1])
            self.discriminator: Any = pictures.Discriminator(data.shape[-1], options.width)
        elif self.modern:
            hidden, outputs, waves = (128, 128), data.shape[0], options.waves
            self.generator = modern.SmoothNet(
                (options.latent_dim, *hidden, outputs), waves, modern.G_WAVES
            )
            self.discriminator = modern.SmoothNet((outputs, *hidden, 1), waves, modern.D_WAVES)
        elif len(data.shape) == 1:
            hidden, inputs, outputs = (128, 128), options.latent_dim + labels, data.shape[0]
            self.generator = nets.DenseNet(
                (inputs, *hidden, outputs), options.activation, reference=self._reference(labels)
            )
            judged = self.packed * (outputs + labels)
            self.discriminator = nets.DenseNet((judged, *hidden, 1), options.activation, minibatch)
        else:
            self.generator = nets.PictureGenerator(options.latent_dim)
            self.discriminator = nets.PictureDiscriminator(
                self.packed * data.shape[-1], options.width, minibatch
            )
        self.g = tf.Variable(tf.zeros(self.generator.size))
        self.d = tf.Variable(tf.zeros(self.discriminator.size))
        self.seed = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.steps_done = 0
        self._train = tf.function(self._many_steps)  # each game's own
        self.g_optimizer = self._optimizer(options.generator_lr, self.g)
        self.d_optimizer = self._optimizer(options.discriminator_lr, self.d)
        self.average = tricks.WeightAverage([self.g], 0.999) if "weight_average" in chosen else None
        self.terms = Terms(
            chosen, [self.g], [self.d], data.shape, options.batch_size, r1=options.r1
        )
        self.noise = None
        if "instance_noise" in chosen:  # two calls a step: D looks once at real, once at generated
            decay = max(1, round(2 * NOISY_SHARE * options.steps))
            self.noise = tricks.InstanceNoise(
                TRICKS["instance_noise"].values["stddev"] * data.std, decay, seed=0
            )
            self.noise.build((None, *data.shape))
        # Everything that a seed's training changes, and its start, except for the networks.
        self._state = [
            (v, tf.convert_to_tensor(v).numpy())
            for v in (
                *(v for o in (self.g_optimizer, self.d_optimizer) for v in o.variables),
                *(self.average.variables if self.average else ()),
                *(v for group in self.terms.variables().values() for v in group),
                *(self.noise.variables if self.noise else ()),
            )
        ]  # fmt: skip
        self.reset(options.seed if hasattr(options, "seed") else 0)

    def _reference(self, labels: int) -> Any:
        if "virtual_batch_norm" not in self.options.tricks:
            return None
        latents = tricks.sample_latent(REFERENCE, self.options.latent_dim, seed=0)
        given = tf.one_hot(tf.range(REFERENCE) % labels, labels) if labels else None
        return latents if given is None else tf.concat([latents, given], axis=1)

    def _optimizer(self, rate: float, variable: Any) -> keras.optimizers.Optimizer:
        if "lr_decay" in self.options.tricks:
            rate = keras.optimizers.schedules.CosineDecay(rate, self.options.steps)
        if self.modern:
            optimizer = optimizers.Adam(rate, beta_1=0.0, beta_2=0.99)
        else:
            optimizer = keras.optimizers.Adam(rate, beta_1=0.5)
        optimizer.build([variable])
        return optimizer

    def reset(self, seed: int) -> None:
        """Back to before the first step, with the weights of this seed."""
        for variable, start in self._state:
            variable.assign(start)
        self.seed.assign(seed)
        self.g.assign(self.generator.initial(2 * seed))
        self.d.assign(self.discriminator.initial(2 * seed + 1))
        self.steps_done = 0
        self._pool: tuple[int, Any] = (-1, None)  # of which call, and its numbers

    # ------------------------------------------------------------------------- training

    def train(self, steps: int) -> None:
        """Go on by so many steps."""
        last = self.steps_done + steps
        while self.steps_done < last:
            self.advance(min(last, self.call_end))

    @property
    def call_end(self) -> int:
        """The last step that the next call of the graph can go to."""
        return (self.steps_done // CALL_STEPS + 1) * CALL_STEPS

    def advance(self, end: int) -> tf.Tensor:
        """Go on to a step that is no further than `call_end`; what each step told, (steps, len(TOLD))."""
        call = self.steps_done // CALL_STEPS
        if self._pool[0] != call:
            self._pool = call, self._draw_pool(call)
        told = self._train(
            tf.constant(self.steps_done, tf.int64), tf.constant(end, tf.int64), self._pool[1]
        )
        self.steps_done = end
        return told

    def prepare(self) -> None:
        """Build the graph, so that its time is not taken for training's."""
        self.advance(self.steps_done)

    def _many_steps(self, first: Any, last: Any, pool: Any) -> tf.Tensor:
        told = tf.TensorArray(tf.float32, tf.cast(last - first, tf.int32))
        for i in tf.range(first, last):
            row = self.step(i, pool)
            told = told.write(tf.cast(i - first, tf.int32), tf.stack([row[name] for name in TOLD]))
        return told.stack()

    def _draw_pool(self, call: int) -> tf.Tensor:
        # Drawing normal numbers would take a third of the time.  A step takes a window of a pool instead,
        # at any offset: the same numbers come again, but in other places of other latents.
        size = max(POOL, 4 * self.options.batch_size * self.options.latent_dim)
        return tf.random.stateless_normal((size,), tf.stack([self.seed, -1 - call]))

    def step(self, i: Any, pool: Any) -> dict[str, tf.Tensor]:
        """Step number i of both players; what it tells, by the names of `TOLD`, as scalars."""
        options, n = self.options, self.options.batch_size

        def seed_of(stream: int) -> tf.Tensor:
            return tf.stack([self.seed, 16 * i + stream])

        real, labels = self.data.draw(n, seed_of)
        numbers = n * options.latent_dim
        offset = tf.random.stateless_uniform(
            (), seed_of(WINDOW), 0, pool.shape[0] - numbers + 1, tf.int32
        )
        z = tf.reshape(tf.slice(pool, [offset], [numbers]), (n, options.latent_dim))

        if self.modern:
            return self.modern_step(i, real, self.placed(z, seed_of(CODE)))

        if "unrolled" in options.tricks:
            fake, g_gradient = self.unrolled(z, real, labels)
        else:
            with tf.GradientTape() as g_tape:
                fake = self.generate(self.g, z, labels)

        shown_real = self.noise(real, training=True) if self.noise else real
        shown = self.noise(fake, training=True) if self.noise else fake
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(shown)
            real_logits, real_features = self.judge(self.d, shown_real, labels)
            logits, features = self.judge(self.d, shown, labels)
            old_logits = logits
            if self.terms.replay:
                old_logits, _ = self.judge(self.d, self.terms.replayed(shown), labels)
            d_loss = self.discriminator_loss(real_logits, old_logits)
            d_loss += self.terms.penalty(
                lambda samples: self.judge(self.d, samples, labels)[0],
                shown_real,
                shown,
                seed_of(LINES),
            )
            g_loss = self.generator_loss((real_logits, real_features), (logits, features))
        d_gradient = tape.gradient(d_loss, self.d)
        if "unrolled" not in options.tricks:
            to_samples = tape.gradient(g_loss, shown)
            g_gradient = g_tape.gradient(fake, self.g, output_gradients=to_samples)
        self.g_optimizer.apply(self.terms.pulled([g_gradient]), [self.g])
        if "generator_first" in options.tricks:
            waits = (i < round(SLOW_SHARE * options.steps)) & (i % SLOW_RATIO != 0)
            if not waits:
                self.d_optimizer.apply([d_gradient], [self.d])
        else:
            self.d_optimizer.apply([d_gradient], [self.d])
        if self.average is not None:
            self.average.update()
        self.terms.update()
        level = 0.5 if options.loss == "least_squares" else 0.0  # between generated and real
        return {
            "d_loss": d_loss,
            "g_loss": g_loss,
            "d_real_accuracy": tf.reduce_mean(tf.cast(real_logits > level, tf.float32)),
            "d_fake_accuracy": tf.reduce_mean(tf.cast(logits < level, tf.float32)),
            "d_gradient_norm": tf.norm(d_gradient),
            "g_gradient_norm": tf.norm(g_gradient),
        }

    def modern_step(self, i: Any, real: Any, z: Any) -> dict[str, tf.Tensor]:
        """Step number i of `--preset modern`; what it tells."""
        weight = modern.gamma(self.options.r1, i, self.options.steps)
        g_gradient, d_gradient, told = modern.gradients(self, real, z, weight)
        self.g_optimizer.apply([g_gradient], [self.g])
        self.d_optimizer.apply([d_gradient], [self.d])
        if self.average is not None:
            self.average.update()
        return told | {
            "d_gradient_norm": tf.norm(d_gradient),
            "g_gradient_norm": tf.norm(g_gradient),
        }

    def placed(self, z: Any, seed: Any) -> tf.Tensor:
        """Latents as the setting has them: normal, or about one of its codes."""
        return z if self.codes is None else modern.placed(z, self.codes, seed)

    def generate(self, weights: Any, z: Any, labels: Any) -> tf.Tensor:
        """Latents (n, latent_dim), modes (n,) → samples."""
        given = z
        if self.conditional:
            given = tf.concat([z, tf.one_hot(labels, self.data.labels)], axis=1)
        made, _ = self.generator(weights, given)
        made *= self.unit
        if "residual" in self.options.tricks:
            made += self.data.std * z[:, : self.data.shape[0]]
        return made

    def judge(self, weights: Any, samples: Any, labels: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Samples, modes → logits (n / packed, 1) and D's last features."""
        samples = samples / self.unit
        if self.conditional:
            samples = tf.concat([samples, tf.one_hot(labels, self.data.labels)], axis=1)
        if self.packed > 1:
            samples = tricks.pack(samples, self.packed)
        return self.discriminator(weights, samples)

    def generator_loss(self, of_real: tuple, of_fake: tuple) -> tf.Tensor:
        """What G minimizes against D as it is now, from what `judge` gives of both."""
        if self.options.loss == "relativistic":
            return relativistic_loss(of_real[0], of_fake[0])[1]
        if "feature_matching" in self.options.tricks:
            return tricks.feature_matching_loss(tf.stop_gradient(of_real[1]), of_fake[1])
        return losses.generator_loss(self.options.loss, of_fake[0])

    def discriminator_loss(self, real_logits: Any, fake_logits: Any) -> tf.Tensor:
        """By the setting's kind, with labels 1 − α and 0 + β."""
        chosen, kind = self.options.tricks, self.options.loss
        real_label = 1.0 - self.options.alpha if "label_smoothing" in chosen else 1.0
        real_loss, fake_loss = losses.discriminator_loss_parts(
            kind, real_logits, fake_logits, real_label
        )
        if "fake_smoothing" in chosen:
            # With the label β a generated sample's loss is that of a real one whose label is β.
            fake_loss, _ = losses.discriminator_loss_parts(
                kind, fake_logits, fake_logits, self.options.beta
            )
        return real_loss + fake_loss

    def unrolled(self, z: Any, real: Any, labels: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Fakes, and G's gradient against D as it will be after `unrolled_steps` steps."""
        fakes = []

        def generate() -> Any:
            fakes.append(self.generate(self.g, z, labels))
            return fakes[0]

        gradient = self.ahead(generate, self.g, real, labels)
        return fakes[0], gradient

    def ahead(self, generate: Callable, by: Any, real: Any, labels: Any) -> tf.Tensor:
        """The gradient by `by` of G's loss against D some steps ahead; `generate` () → fakes."""

        def logits(parameters: Any, samples: Any) -> Any:
            return self.judge(parameters[0], samples, labels)[0]

        _, gradients = tricks.unrolled_gradients(
            generate,
            lambda d, fake: losses.generator_loss(self.options.loss, logits(d, fake)),
            lambda d, fake: self.discriminator_loss(logits(d, real), logits(d, fake)),
            [by],
            [self.d],
            self.d_optimizer,
            self.options.unrolled_steps,
        )
        return gradients[0]

    # -------------------------------------------------------------------------- looking

    def samples(self, n: int) -> np.ndarray:
        """n generated samples of latents that the seed fixes, by the averaged weights if there are."""
        weights = self.average.averages[0] if self.average else self.g
        parts = [self._samples(weights, tf.constant(k)) for k in range(-(-n // GENERATED_AT_ONCE))]
        return np.concatenate([part.numpy() for part in parts])[:n]

    def latents(self, k: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """The k-th `GENERATED_AT_ONCE` latents to look at, and modes for them."""
        seed = tf.stack([self.seed + 1_000_000_007, tf.cast(k, tf.int64)])
        z = tricks.sample_latent(GENERATED_AT_ONCE, self.options.latent_dim, seed=seed)
        labels = tf.random.stateless_uniform(
            (GENERATED_AT_ONCE,), seed + 1, 0, self.data.labels, tf.int32
        )
        return self.placed(z, seed + 2), labels

    @tf.function(reduce_retracing=True)
    def _samples(self, weights: Any, k: Any) -> tf.Tensor:
        return self.generate(weights, *self.latents(k))

    def surface(self, points: np.ndarray) -> np.ndarray | None:
        """D's probability of "real" at points (n, 2); see `verdicts`."""
        logits = self.verdicts(points)
        return None if logits is None else tf.sigmoid(logits).numpy()

    def verdicts(self, points: Any) -> tf.Tensor | None:
        """D's logits at points (n, 2).

        Each is that of a pack of the point alone, and of the mode that D likes it best as.  None when D
        looks at whole batches, so that a point alone has no value.
        """
        if self.discriminator.minibatch is not None:
            return None
        repeated = tf.repeat(tf.cast(points, tf.float32), self.packed, axis=0)
        rows = tf.shape(repeated)[:1]
        logits = [
            self.judge(self.d, repeated, tf.fill(rows, label))[0][:, 0]
            for label in range(self.data.labels if self.conditional else 1)
        ]
        return tf.reduce_max(logits, axis=0)

    # -------------------------------------------------------------------- back and forth

    def save(self) -> tuple[int, list[np.ndarray]]:
        """All that training changes: the steps done, and a copy of every array."""
        return self.steps_done, [tf.convert_to_tensor(v).numpy().copy() for v in self._changing]

    def restore(self, saved: tuple[int, list[np.ndarray]]) -> None:
        """Go on from what `save` gave, of this game or of one with the same options and seed."""
        self.steps_done, arrays = saved
        self._pool = (-1, None)
        for variable, array in zip(self._changing, arrays, strict=True):
            variable.assign(array)

    @property
    def _changing(self) -> list:
        return [self.g, self.d, self.seed, *(variable for variable, _ in self._state)]
