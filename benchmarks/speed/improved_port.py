"""A straightforward TensorFlow step of Improved GAN (Salimans et al. 2016, section 5), in float32.

The networks are those of `ssgan_tf`'s preset `improved`: weights normalized at each use, normal noise and
dropout drawn layer by layer, fakes drawn once for D and once for G, one Adam for each net.
"""

import keras
import tensorflow as tf
from keras import layers


class WeightNormed(layers.Layer):
    """g · v / ‖v‖ in place of the weights of a dense layer or a convolution; g is fixed."""

    def __init__(self, shape, stride=1, padding="SAME", activation=None, transposed=False):
        super().__init__()
        self.stride, self.padding, self.activation = stride, padding, activation
        self.transposed, self.units = transposed, shape[2] if transposed else shape[-1]
        self.v = self.add_weight(shape, initializer=keras.initializers.RandomNormal(0, 0.05))
        self.g = self.add_weight((self.units,), initializer="ones", trainable=False)
        self.b = self.add_weight((self.units,), initializer="zeros")

    def call(self, x):
        v = tf.convert_to_tensor(self.v)
        axes = [0, 1, 3] if self.transposed else list(range(len(v.shape) - 1))
        scale = (1, 1, self.units, 1) if self.transposed else (self.units,)
        w = v * tf.reshape(self.g, scale) * tf.math.rsqrt(tf.reduce_sum(v**2, axes, True))
        if self.transposed:
            height, width = x.shape[1:3]
            shape = (tf.shape(x)[0], 2 * height, 2 * width, self.units)
            y = tf.nn.conv2d_transpose(x, w, shape, 2, "SAME")
        elif len(v.shape) == 2:
            y = tf.matmul(x, w)
        else:
            y = tf.nn.conv2d(x, w, self.stride, self.padding)
        y = tf.nn.bias_add(y, tf.convert_to_tensor(self.b))
        return y if self.activation is None else self.activation(y)


def _leaky(x):
    return tf.nn.leaky_relu(x, 0.2)


def mnist_discriminator() -> list:
    """Layers up to the features, and those up to the 10 logits: 1000-500-250-250-250."""
    body, size = [layers.Flatten(), layers.GaussianNoise(0.3)], 784
    for units in (1000, 500, 250, 250, 250):
        body += [WeightNormed((size, units), activation=tf.nn.relu)]
        body += [layers.GaussianNoise(0.5)]
        size = units
    return [body[:-1], [body[-1], WeightNormed((size, 10))]]


def mnist_generator() -> keras.Sequential:
    """500-500-784: softplus and batch norm, at last a sigmoid."""
    stack = []
    for _ in range(2):
        stack += [layers.Dense(500, use_bias=False), layers.BatchNormalization()]
        stack += [layers.Activation("softplus")]
    last = WeightNormed((500, 784), activation=tf.sigmoid)
    return keras.Sequential([keras.Input((100,)), *stack, last, layers.Reshape((28, 28, 1))])


def cifar_discriminator() -> list:
    """96-96-96(s2)-192-192-192(s2)-192-NIN-NIN-GAP with dropout."""
    body, channels = [layers.Dropout(0.2)], 3
    for filters in (96, 192):
        for stride in (1, 1, 2):
            body += [WeightNormed((3, 3, channels, filters), stride, activation=_leaky)]
            channels = filters
        body += [layers.Dropout(0.5)]
    body += [WeightNormed((3, 3, 192, 192), 1, "VALID", _leaky)]
    body += [WeightNormed((1, 1, 192, 192), activation=_leaky) for _ in range(2)]
    return [[*body, layers.GlobalAveragePooling2D()], [WeightNormed((192, 10))]]


def cifar_generator() -> keras.Sequential:
    """4×4×512, then three transposed 5×5 convolutions."""
    stack = [layers.Dense(4 * 4 * 512, use_bias=False), layers.BatchNormalization()]
    stack += [layers.ReLU(), layers.Reshape((4, 4, 512))]
    for filters in (256, 128):
        stack += [layers.Conv2DTranspose(filters, 5, 2, "same", use_bias=False)]
        stack += [layers.BatchNormalization(), layers.ReLU()]
    last = WeightNormed((5, 5, 3, 128), activation=tf.tanh, transposed=True)
    return keras.Sequential([keras.Input((100,)), *stack, last])


class PlainStep:
    """D on labelled, unlabelled and generated images; then G by feature matching on new ones.

    Args:
        pictures, labels: uint8 (N, H, W, C) and int32 (N,).
        batch_size: of each of the three batches.
    """

    def __init__(self, pictures, labels, batch_size: int = 100):
        self.batch_size = batch_size
        self.gray = pictures.shape[-1] == 1
        if self.gray:
            (self.body, self.head), self.generator = mnist_discriminator(), mnist_generator()
            scaled, rate = pictures.astype("float32") / 255, 3e-3
        else:
            (self.body, self.head), self.generator = cifar_discriminator(), cifar_generator()
            scaled, rate = pictures.astype("float32") / 127.5 - 1, 3e-4
        self.d_variables = [
            v for layer in [*self.body, *self.head] for v in layer.trainable_variables
        ]
        self.g_optimizer, self.d_optimizer = (keras.optimizers.Adam(rate, 0.5) for _ in range(2))
        self.g_optimizer.build(self.generator.trainable_variables)
        self.d_optimizer.build(self.d_variables)
        trained = [*self.d_variables, *self.generator.trainable_variables]
        self.averages = [(v, tf.Variable(tf.convert_to_tensor(v))) for v in trained]

        def stream(*arrays):
            rows = tf.data.Dataset.from_tensor_slices(arrays).shuffle(len(scaled)).repeat()
            return rows.batch(batch_size).prefetch(2)

        both = tf.data.Dataset.zip((stream(scaled, labels), stream(scaled)))
        self.batches = iter(both)

    def step(self):
        """One step of both nets."""
        (labelled, labels), (unlabelled,) = next(self.batches)
        return self._step(labelled, labels, unlabelled)

    def _features(self, x):
        for layer in self.body:
            x = layer(x, training=True) if _has_noise(layer) else layer(x)
        return x

    def _logits(self, x):
        x = self._features(x)
        for layer in self.head:
            x = layer(x, training=True) if _has_noise(layer) else layer(x)
        return x

    def _fakes(self):
        return self.generator(tf.random.uniform((self.batch_size, 100)), training=True)

    @tf.function
    def _step(self, labelled, labels, unlabelled):
        fake = self._fakes()
        with tf.GradientTape() as tape:
            labelled_logits = self._logits(labelled)
            real, generated = (
                tf.reduce_logsumexp(self._logits(x), axis=1) for x in (unlabelled, fake)
            )
            supervised = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, labelled_logits)
            )
            # log D(x) = lse − softplus(lse), log(1 − D(x)) = −softplus(lse).
            unsupervised = tf.reduce_mean(tf.nn.softplus(real) - real + tf.nn.softplus(generated))
            d_loss = supervised + 0.5 * unsupervised
        gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.apply_gradients(zip(gradients, self.d_variables, strict=True))
        with tf.GradientTape() as tape:
            fake = self._features(self._fakes())
            real = self._features(unlabelled)
            gap = tf.reduce_mean(real, axis=0) - tf.reduce_mean(fake, axis=0)
            g_loss = tf.reduce_mean(tf.square(gap) if self.gray else tf.abs(gap))
        g_variables = self.generator.trainable_variables
        gradients = tape.gradient(g_loss, g_variables)
        self.g_optimizer.apply_gradients(zip(gradients, g_variables, strict=True))
        for live, average in self.averages:
            average.assign(0.9999 * average + 0.0001 * live)
        return d_loss, g_loss


def _has_noise(layer) -> bool:
    return isinstance(layer, layers.GaussianNoise | layers.Dropout)
