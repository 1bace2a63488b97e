"""A straightforward TensorFlow step of the preset `fast` of `ssgan_tf`, in float32.

The networks, views and losses are the preset's; what is plain is how they are computed: Keras's own layers,
weights normalized at each use, D called on one view after the other, a copy of D as the EMA teacher that is
updated variable by variable, generated images drawn once for D and once for G.
"""

import keras
import tensorflow as tf
from keras import layers

from benchmarks.speed.improved_port import WeightNormed
from ssgan_tf.augment import WEAK, augment
from ssgan_tf.presets import COLOR, PRESETS

LEAK = 0.2


def _leaky(x):
    return tf.nn.leaky_relu(x, LEAK)


def gray_body(width: int = 32) -> list:
    """(28, 28, 1) → features."""
    sizes = [(5, 1, width, 2), (3, width, width, 1), (3, width, 2 * width, 2)]
    sizes += [(3, 2 * width, 2 * width, 1), (1, 2 * width, 4 * width, 1)]
    body = [WeightNormed((k, k, c, f), stride, activation=_leaky) for k, c, f, stride in sizes]
    return [*body, layers.GlobalAveragePooling2D()]


def color_body(width: int = 32) -> list:
    """(32, 32, 3) → features."""

    def conv(filters, *pool):
        convolution = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        return [convolution, *pool, layers.BatchNormalization(momentum=0.9), layers.LeakyReLU(LEAK)]

    body = [layers.Conv2D(3 * width // 4, 2, padding="same"), layers.LeakyReLU(LEAK)]
    for filters in (width, 4 * width, 4 * width):
        body += [*conv(filters, layers.MaxPooling2D(2)), *conv(filters)]
    return [*body, layers.GlobalAveragePooling2D()]


def discriminator(image_shape) -> keras.Model:
    """Images → features (N, F) and 10 logits."""
    images = x = keras.Input(image_shape)
    for layer in gray_body() if image_shape[-1] == 1 else color_body():
        x = layer(x)
    return keras.Model(images, [x, WeightNormed((x.shape[-1], 10))(x)])


def generator(image_shape, latent_dim: int = 64) -> keras.Sequential:
    """Latents → images in [-1, 1]: 7×7×64 or 8×8×128, then two transposed convolutions."""
    side, channels = image_shape[0] // 4, image_shape[-1]
    filters = 128 if channels > 1 else 64
    stack = [layers.Dense(side * side * filters, use_bias=False), layers.BatchNormalization()]
    stack += [layers.ReLU(), layers.Reshape((side, side, filters))]
    stack += [layers.Conv2DTranspose(filters // 2, 4, 2, "same", use_bias=False)]
    stack += [layers.BatchNormalization(), layers.ReLU()]
    last = layers.Conv2DTranspose(channels, 4, 2, "same", activation="tanh")
    return keras.Sequential([keras.Input((latent_dim,)), *stack, last])


class FastStep:
    """D on all views of labelled, unlabelled and generated images; then G by feature matching.

    Args:
        pictures, labels: uint8 (N, H, W, C) and int32 (N,).
        sizes: of batches, other than the preset's.
    """

    def __init__(self, pictures, labels, **sizes):
        shape = pictures.shape[1:]
        self.values = PRESETS["fast"] | (COLOR["fast"] if shape[-1] > 1 else {}) | sizes
        self.d, self.teacher, self.g = discriminator(shape), discriminator(shape), generator(shape)
        self.d_optimizer, self.g_optimizer = (
            keras.optimizers.Adam(2e-3, beta_1=0.5, global_clipnorm=1.0) for _ in range(2)
        )
        self.d_optimizer.build(self.d.trainable_variables)
        self.g_optimizer.build(self.g.trainable_variables)
        self.average = [tf.Variable(tf.convert_to_tensor(v)) for v in self.g.variables]
        self.batch_size = self.values["batch_size"]

        def stream(size, *arrays):
            rows = tf.data.Dataset.from_tensor_slices(arrays).shuffle(len(pictures)).repeat()
            return rows.batch(size).prefetch(2)

        labelled = stream(self.values["labelled_batch"], pictures, labels)
        self.batches = iter(tf.data.Dataset.zip((labelled, stream(self.batch_size, pictures))))

    def step(self):
        """One step of both nets."""
        (labelled, labels), (unlabelled,) = next(self.batches)
        return self._step(labelled, labels, unlabelled)

    def _fakes(self):
        latents = tf.random.normal((self.values["game_batch"], 64))
        return self.g(latents, training=True)

    @tf.function
    def _step(self, labelled, labels, unlabelled):
        seeds = tf.unstack(tf.random.uniform((3, 2), maxval=2**31 - 1, dtype=tf.int32))
        names = self.values["augment"]
        weak = augment(unlabelled, [name for name in names if name in WEAK], seeds[0])
        strong = augment(unlabelled, names, seeds[1])
        shown = augment(labelled, self.values.get("labelled_augment", names), seeds[2])
        real = weak[: self.values["game_batch"]]
        target = tf.nn.softmax(self.teacher(weak, training=False)[1])
        sure = tf.cast(tf.reduce_max(target, axis=1) >= 0.95, tf.float32)
        cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits
        fake = self._fakes()
        with tf.GradientTape() as tape:
            of_labelled, of_strong, of_real, of_fake = (
                self.d(view, training=True)[1] for view in (shown, strong, real, fake)
            )
            d_loss = tf.reduce_mean(cross_entropy(labels, of_labelled))
            lse_real, lse_fake = (tf.reduce_logsumexp(x, axis=1) for x in (of_real, of_fake))
            game = tf.nn.softplus(lse_real) - lse_real + tf.nn.softplus(lse_fake)
            d_loss += self.values["unsupervised_weight"] * tf.reduce_mean(game)
            d_loss += tf.reduce_mean(sure * cross_entropy(tf.argmax(target, axis=1), of_strong))
        gradients = tape.gradient(d_loss, self.d.trainable_variables)
        self.d_optimizer.apply_gradients(zip(gradients, self.d.trainable_variables, strict=True))
        with tf.GradientTape() as tape:
            fake_features, _ = self.d(self._fakes(), training=True)
            real_features, _ = self.d(real, training=True)
            gap = tf.reduce_mean(real_features, axis=0) - tf.reduce_mean(fake_features, axis=0)
            g_loss = tf.reduce_mean(tf.abs(gap))
        gradients = tape.gradient(g_loss, self.g.trainable_variables)
        self.g_optimizer.apply_gradients(zip(gradients, self.g.trainable_variables, strict=True))
        pairs = [*zip(self.teacher.variables, self.d.variables, strict=True)]
        for average, live in [*pairs, *zip(self.average, self.g.variables, strict=True)]:
            average.assign(0.998 * average + 0.002 * live)
        return d_loss, g_loss
