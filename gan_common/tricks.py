"""The chapter's layer library: every trick of sections 2.3 and 2.4, in the order of the chapter.

Layers are Keras layers.  They work in functional and sequential models, eagerly, in `tf.function` and
under `mixed_bfloat16` (statistics are taken in float32), take any image size, keep channels last, and
are registered, so a saved `.keras` file loads in safe mode once this module is imported.

`pack`, `slerp` and what changes labels and pixels return NumPy for NumPy and a tensor for a tensor.  A
`seed` is an int, an integer tensor of shape (2,), or None.  With a seed the draw is stateless: the same
seed gives the same numbers, eagerly and in graphs.  None draws from TensorFlow's global state.
Functions that are given the same seed draw from the same stream, so give each its own.

The list "tricks for training GANs" (github.com/soumith/ganhacks) has 17 entries.  A bare name in the
last column is one for `--tricks`; `gan_common.catalogue` has these and those that the list does not have.

==  ==================================  =======================================  ======================
 #  entry                               what does it                             flag, or why not
==  ==================================  =======================================  ======================
 1  images in [−1, 1], tanh output    scale_images, unscale_images             always on
 2  non-saturating loss for G           gan_common.losses, "non_saturating"      --loss, its default
 3  spherical latents, slerp            sample_latent, slerp                     spherical_latent
 4  batch norm on all-real or all-fake  the train steps never mix a batch;       always on;
    batches, else instance norm         GroupNormalization(groups=-1),           instance_norm,
                                        VirtualBatchNormalization                virtual_batch_norm
 5  no sparse gradients                 LeakyReLU and strides in the nets;       always on;
                                        PixelShuffle, UpsampleConv2D             pixel_shuffle
 6  soft and noisy labels               smooth_labels, noisy_labels              label_smoothing,
                                                                                 label_noise
 7  DCGAN, or a hybrid with a VAE       keras_dcgan; hybrids left out: with an   --preset dcgan
                                        encoder it is another model
 8  stability tricks of reinforcement   ReplayBuffer                             replay
    learning
 9  Adam for G, SGD for D               keras.optimizers.SGD                     sgd_discriminator
10  track failures early                losses, accuracies, gradient norms in     always on
                                        metrics.csv and TensorBoard
11  no balancing by loss statistics     the ratio of D's and G's steps is fixed  always on
12  use labels where there are any      ssgan_tf; the conditional GAN            --preset cgan
13  noise on inputs, decayed            InstanceNoise                            instance_noise
14  train D more often                  left out: the list itself doubts it;     see unrolled
                                        unrolled_gradients shows G a D that
                                        has trained on, at one step each
15  batch discrimination                MinibatchDiscrimination                  minibatch
16  discrete variables of conditional   keras.layers.Embedding as a further      --preset cgan
    GANs                                channel
17  dropout in G, at test time too      DropoutNoise                             dropout_noise
==  ==================================  =======================================  ======================
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan_common.arguments import (
    Seed,
    TensorLike,
    check_fraction,
    check_positive_int,
    like,
    seed_pair,
)
from gan_common.kernels.optimizers import differentiable
from gan_common.kernels.upsampling import UpsampleConv2D
from gan_common.modern import (
    AdaptiveAugment,
    differentiable_augment,
    gradient_penalty,
    r1_penalty,
    r2_penalty,
    relativistic_loss,
)

# Told in this list, kept elsewhere: what came after the chapter, and the machinery of a fast convolution.
__all__ = [
    "AdaptiveAugment", "DropoutNoise", "HistoricalAverage", "InstanceNoise", "MinibatchDiscrimination",
    "PixelShuffle", "ReplayBuffer", "UpsampleConv2D", "VirtualBatchNormalization", "WeightAverage",
    "WeightNormalization", "differentiable_augment", "feature_matching_loss", "flip_logits", "floating",
    "gradient_penalty", "instance_noise", "noisy_labels", "pack", "r1_penalty", "r2_penalty",
    "relativistic_loss", "sample_latent", "scale_images", "slerp", "smooth_labels", "start_statistics",
    "unrolled_gradients", "unscale_images", "with_reference",
]  # fmt: skip

_register = keras.saving.register_keras_serializable(package="gan_common")


# ------------------------------------------------------------------------------------ 2.3.2: mode collapse


def pack(images: TensorLike, m: int) -> TensorLike:
    """Joins every m neighboring samples of a batch into one sample with m times the channels.

    D then judges m samples of one kind together.  Pack real and generated batches alike.

    Args:
        images: (batch, ..., channels); batch is a multiple of m.
        m: samples in a pack, at least 1.

    Returns:
        (batch / m, ..., m · channels): sample i holds samples i·m … i·m + m − 1 in order.

    Raises:
        ValueError: m is not positive, or does not divide the batch.

    Source: Lin et al. 2018, PacGAN (1712.04086).
    """
    m = check_positive_int("m", m)
    tensor = tf.convert_to_tensor(images)
    batch = tensor.shape[0]
    if batch is not None and batch % m:
        raise ValueError(f"m must divide the batch. Received: m={m} for a batch of {batch}")
    grouped = tf.reshape(tensor, tf.concat([[-1, m], tf.shape(tensor)[1:]], axis=0))
    # m × (batch / m, ..., channels)
    return like(images, tf.concat(tf.unstack(grouped, num=m, axis=1), axis=-1))


def unrolled_gradients(
    generate: Callable[[], Any],
    generator_loss: Callable[[list[tf.Tensor], Any], tf.Tensor],
    discriminator_loss: Callable[[list[tf.Tensor], Any], tf.Tensor],
    generator_variables: Sequence,
    discriminator_variables: Sequence,
    optimizer: keras.optimizers.Optimizer,
    steps: int,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """G's loss and gradient against D as it will be after some steps of its optimizer.

    The steps are differentiated through, so the gradient holds both how the samples change G's loss and
    how they change what D learns.  Nothing is assigned: D, its optimizer and its moments stay as they
    are, and D's own step is the ordinary one.  Time and memory grow linearly with `steps`; in a
    `tf.function` so does the graph.

        def logits(parameters, x):
            return d.stateless_call(parameters, d.non_trainable_variables, x, training=True)[0]

        loss, gradients = unrolled_gradients(
            lambda: g(z, training=True),
            lambda p, fake: losses.generator_loss("non_saturating", logits(p, fake)),
            lambda p, fake: losses.discriminator_loss(
                "non_saturating", logits(p, real), logits(p, fake)
            ),
            g.trainable_variables, d.trainable_variables, d_optimizer, steps=5,
        )
        g_optimizer.apply_gradients(zip(gradients, g.trainable_variables))

    Args:
        generate: () -> generated samples.  Called once; the losses get what it returns.
        generator_loss, discriminator_loss: (parameters, samples) -> scalar, where `parameters` is a list
            of tensors that stand for `discriminator_variables`.
        generator_variables, discriminator_variables: the trainable variables of the nets.
        optimizer: D's optimizer, a `keras.optimizers.SGD` (any momentum) or `Adam`.  The steps start
            from its present moments and use its present learning rate; before its first use the moments
            are zero.
        steps: k ≥ 0; 0 gives the ordinary gradient.

    Returns:
        G's loss after the steps, and its gradient by each generator variable.

    Raises:
        ValueError: steps is negative, the optimizer is another one, belongs to other variables, or has
            an option whose step is not known here (clipping, weight decay, AMSGrad, ...).

    Source: Metz et al. 2017 (1611.02163), equations 7 to 10.
    """
    steps = check_positive_int("steps", steps, minimum=0)
    moments, optimizer_step = differentiable(optimizer, discriminator_variables)
    with tf.GradientTape(watch_accessed_variables=False) as outer:
        for variable in generator_variables:
            outer.watch(variable.value if isinstance(variable, keras.Variable) else variable)
        samples = generate()
        parameters = [tf.convert_to_tensor(variable) for variable in discriminator_variables]
        for k in range(steps):
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(parameters)
                loss = discriminator_loss(parameters, samples)
            gradients = inner.gradient(loss, parameters, unconnected_gradients="zero")
            for i, gradient in enumerate(gradients):
                parameters[i], moments[i] = optimizer_step(parameters[i], moments[i], gradient, k)
        loss = generator_loss(parameters, samples)
    return loss, outer.gradient(loss, list(generator_variables), unconnected_gradients="zero")


# --------------------------------------------------------------------------------- 2.4.1: feature matching


def feature_matching_loss(
    real_features: TensorLike, fake_features: TensorLike, norm: str = "l2"
) -> tf.Tensor:
    """How far the mean features of a generated batch are from those of a real batch.

    Args:
        real_features, fake_features: (batch, ...) activations of an inner layer of D; the batches may
            differ in size, the features may not.
        norm: "l2" for the mean over features of the squared difference of the batch means, "l1" for that
            of the absolute difference.

    Returns:
        A float32 scalar.  The paper's norm is a sum over features; the mean keeps the size of the
        gradient independent of the layer's width.

    Raises:
        ValueError: another norm, or features of different shapes.

    Source: Salimans et al. 2016 (1606.03498), section 3.1.
    """
    if norm not in ("l1", "l2"):
        raise ValueError(f'norm must be "l1" or "l2". Received: norm={norm!r}')
    real, fake = tf.cast(real_features, tf.float32), tf.cast(fake_features, tf.float32)
    if not real.shape[1:].is_compatible_with(fake.shape[1:]):
        raise ValueError(
            "real_features and fake_features must agree in all but the batch. "
            f"Received: shapes {real.shape} and {fake.shape}"
        )
    difference = tf.reduce_mean(real, axis=0) - tf.reduce_mean(fake, axis=0)
    return tf.reduce_mean(tf.square(difference) if norm == "l2" else tf.abs(difference))


# ------------------------------------------------------------------------- 2.4.2: minibatch discrimination


@tf.custom_gradient
def _pairwise_l1(points: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """‖M_i,b − M_j,b‖₁ of all pairs: (batch, kernels, dim) -> (batch, batch, kernels).

    Goes through `dim` one coordinate at a time, forwards and backwards, so that a few arrays of
    batch² · kernels are alive at any time, whatever the dimension.  Without the custom gradient the
    differences of every coordinate would wait for the backward pass.
    """
    # Also takes the loop below off an eager tape, which would otherwise hold on to the differences.
    points = tf.stop_gradient(points)
    coordinates = tf.unstack(points, axis=2)  # dim × (batch, kernels)

    def differences(coordinate: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
        # The order is forced: run side by side, the coordinates would all be in memory at once.
        with tf.control_dependencies([after]):
            return coordinate[:, None, :] - coordinate[None, :, :]  # (batch, batch, kernels)

    distance = tf.abs(differences(coordinates[0], points))
    for coordinate in coordinates[1:]:
        distance += tf.abs(differences(coordinate, distance))

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        # |x| has any slope from −1 to 1 at 0.  Where two samples are equal, the choice of opposite slopes
        # for the two, by their order in the batch, drives a collapsed batch apart; 0 would leave it.
        order = tf.range(tf.shape(points)[0])
        order = tf.cast(tf.sign(order[None, :] - order[:, None]), tf.float32)
        tie = 1e-30 * order[:, :, None]
        both = upstream + tf.transpose(upstream, (1, 0, 2))
        columns = [both]
        for coordinate in coordinates:
            slope = tf.sign(differences(coordinate, columns[-1]) + tie)
            columns.append(tf.reduce_sum(both * slope, axis=1))
        return tf.stack(columns[1:], axis=2)

    return distance, gradient


@_register
class MinibatchDiscrimination(keras.layers.Layer):
    """Appends to each sample's features how close it is to the other samples of its batch.

    With M_i = f(x_i) T, the new features are o(x_i)_b = Σ_{j≠i} exp(−‖M_i,b − M_j,b‖₁).  All-real and
    all-fake batches must be called apart.  Memory is O(batch² · num_kernels).

    Args:
        num_kernels: B, the number of new features.
        kernel_dim: C, the dimension in which samples are compared.
        kernel_initializer: of T, seen as a (features, B · C) matrix.

    Attributes:
        kernel: T, (features, num_kernels, kernel_dim), float32.

    Call arguments:
        inputs: (batch, features).

    Returns:
        [inputs, o], (batch, features + num_kernels).  o is zero for a batch of one.

    Raises:
        ValueError: a size that is not a positive integer, or inputs that are not a matrix.

    Source: Salimans et al. 2016 (1606.03498), section 3.2.
    """

    def __init__(
        self,
        num_kernels: int,
        kernel_dim: int,
        kernel_initializer: Any = "lecun_normal",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_kernels = check_positive_int("num_kernels", num_kernels)
        self.kernel_dim = check_positive_int("kernel_dim", kernel_dim)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Sequence[int | None]) -> None:
        if len(input_shape) != 2 or input_shape[-1] is None:
            raise ValueError(
                "MinibatchDiscrimination takes inputs of shape (batch, features): put Flatten before it. "
                f"Received: input_shape={input_shape}"
            )

        def initialize(shape: Sequence[int], dtype: Any) -> tf.Tensor:
            matrix = self.kernel_initializer((shape[0], shape[1] * shape[2]), dtype=dtype)
            return keras.ops.reshape(matrix, shape)

        self.kernel = self.add_weight(
            (input_shape[-1], self.num_kernels, self.kernel_dim),
            initializer=initialize,
            autocast=False,
            name="kernel",
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        features = tf.cast(inputs, tf.float32)
        points = tf.tensordot(features, self.kernel, axes=1)  # (batch, kernels, dim)
        closeness = tf.exp(-_pairwise_l1(points))  # (batch, batch, kernels)
        others = 1.0 - tf.eye(tf.shape(inputs)[0])
        similarity = tf.reduce_sum(closeness * others[:, :, None], axis=1)  # (batch, kernels)
        return tf.concat([inputs, tf.cast(similarity, inputs.dtype)], axis=1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        batch, features = input_shape
        return (batch, None if features is None else features + self.num_kernels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_kernels": self.num_kernels,
            "kernel_dim": self.kernel_dim,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


# ---------------------------------------------------- 2.4.3: historical averaging, and averages of weights


def _average_variables(variables: Sequence) -> tuple[list, list[tf.Variable], tf.Variable]:
    """The live variables as a list, a copy of each to hold its average, and the count of updates."""
    live = list(variables)
    if not live:
        raise ValueError(
            "variables must not be empty: build the model first. Received: variables=[]"
        )
    for variable in live:
        if not tf.as_dtype(variable.dtype).is_floating:
            raise ValueError(
                "variables must be floating. "
                f"Received: {variable.name} of type {tf.as_dtype(variable.dtype).name}"
            )
    # Under a distribution strategy every replica holds the same weights, so the first one speaks for all.
    options = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
    averages = [tf.Variable(tf.convert_to_tensor(variable), **options) for variable in live]
    return live, averages, tf.Variable(0, dtype=tf.int64, **options)


def floating(variables: Sequence) -> list:
    """The variables that can be averaged: not counters, nor the states of random generators."""
    return [v for v in variables if tf.as_dtype(v.dtype).is_floating]


class HistoricalAverage:
    """The penalty ‖θ − (1/t) Σᵢ θ[i]‖² that pulls weights towards the mean of their past.

    Call `update()` once after each training step, add a multiple of `penalty()` to the loss inside the
    tape.  Both work in `tf.function`; construct the object outside of it.

    Args:
        variables: the trainable variables θ of one net; keras or tf variables, already built.

    Attributes:
        averages: (1/t) Σᵢ θ[i], a list of `tf.Variable` in the order of the variables.
        count: t, how often `update()` was called, a `tf.Variable`.
        variables: all state, for a checkpoint.

    Raises:
        ValueError: no variables, or one that is not floating.

    Source: Salimans et al. 2016 (1606.03498), section 3.3.
    """

    def __init__(self, variables: Sequence) -> None:
        self._live, self.averages, self.count = _average_variables(variables)

    @property
    def variables(self) -> list[tf.Variable]:
        return [self.count, *self.averages]

    def penalty(self) -> tf.Tensor:
        """A float32 scalar, summed over all weights; 0 before the first update."""
        total = tf.zeros(())
        for live, average in zip(self._live, self.averages, strict=True):
            distance = tf.convert_to_tensor(live) - tf.convert_to_tensor(average)
            total += tf.cast(tf.reduce_sum(tf.square(distance)), tf.float32)
        return total * tf.cast(tf.minimum(self.count, 1), tf.float32)

    def update(self) -> None:
        """Takes the present weights into the average."""
        self.count.assign_add(1)
        for live, average in zip(self._live, self.averages, strict=True):
            share = 1.0 / tf.cast(self.count, average.dtype)
            average.assign((1.0 - share) * average + share * tf.convert_to_tensor(live))


class WeightAverage:
    """An exponential moving average of weights, unbiased from its first update.

    The t-th update gives the present weights the share (1 − d) / (1 − dᵗ), which is what dividing an
    average that started at zero by 1 − dᵗ comes to: after one update the average is the weights, and it
    never leans towards zero or towards the initialization.

    `update()` works in `tf.function`; construct the object outside of it.

    Args:
        variables: what to average; keras or tf variables, already built.  Take in the moving statistics
            of batch normalization too, or else they do not belong to the averaged weights.
        decay: d in [0, 1); 0 keeps the last weights.

    Attributes:
        averages: the average of each variable, a list of `tf.Variable` in the order of the variables.
            Before the first update it holds the weights as they were at construction.
        live: the variables.
        count: t, a `tf.Variable`.
        variables: all state, for a checkpoint.

    Raises:
        ValueError: no variables, one that is not floating, or decay outside [0, 1).

    Source: Kingma and Ba 2015 (1412.6980), section 3, for the debiasing; Salimans et al. 2016 test with
    averaged weights.
    """

    def __init__(self, variables: Sequence, decay: float = 0.999) -> None:
        self.decay = check_fraction("decay", decay, one_allowed=False)
        self.live, self.averages, self.count = _average_variables(variables)

    @property
    def variables(self) -> list[tf.Variable]:
        return [self.count, *self.averages]

    def update(self) -> None:
        """Takes the present weights into the average."""
        self.count.assign_add(1)
        # In float64: in float32, 1 − 0.9999 has no more than three digits.
        decay = tf.constant(self.decay, tf.float64)
        share = (1.0 - decay) / (1.0 - decay ** tf.cast(self.count, tf.float64))
        for live, average in zip(self.live, self.averages, strict=True):
            now = tf.cast(share, average.dtype)
            average.assign((1.0 - now) * average + now * tf.convert_to_tensor(live))

    @contextlib.contextmanager
    def swap(self) -> Iterator[None]:
        """Inside the block the live variables hold the averages; afterwards what they held before.

        The old values come back bit for bit, also when the block raises.  What the block itself assigns
        to the variables is lost, so do not train in it.

        Raises:
            RuntimeError: called while a `tf.function` is traced.
        """
        if not tf.executing_eagerly():
            raise RuntimeError(
                "swap() moves values between eager variables: call it outside tf.function"
            )
        kept = [tf.identity(tf.convert_to_tensor(variable)) for variable in self.live]
        try:
            for live, average in zip(self.live, self.averages, strict=True):
                live.assign(tf.convert_to_tensor(average))
            yield
        finally:
            for live, value in zip(self.live, kept, strict=True):
                live.assign(value)


# ---------------------------------------------------------------------------- 2.4.4: soft and noisy labels


def smooth_labels(labels: TensorLike, real: float = 0.9) -> TensorLike:
    """One-sided smoothing: labels that are 1 become `real`, all others stay.

    If the label of generated samples were smoothed too, the best D would not tell G's samples far from
    the data to move.

    Args:
        labels: any shape, 1 for real and 0 for generated.
        real: the new label of real samples, in [0, 1].

    Returns:
        Labels of the same shape, float32 unless they were of another floating type.

    Raises:
        ValueError: real outside [0, 1].

    Source: Salimans et al. 2016 (1606.03498), section 3.4.
    """
    real = check_fraction("real", real)
    tensor = tf.convert_to_tensor(labels)
    soft = tensor if tensor.dtype.is_floating else tf.cast(tensor, tf.float32)
    return like(labels, tf.where(soft == 1, tf.cast(real, soft.dtype), soft))


def noisy_labels(labels: TensorLike, flip_probability: float, seed: Seed = None) -> TensorLike:
    """Flips each label y to 1 − y with the given probability, independently.

    Args:
        labels: any shape, values in [0, 1].
        flip_probability: in [0, 1].
        seed: see the module's docstring.

    Returns:
        Labels of the same shape and type.

    Raises:
        ValueError: flip_probability outside [0, 1].
    """
    flip_probability = check_fraction("flip_probability", flip_probability)
    tensor = tf.convert_to_tensor(labels)
    flip = tf.random.stateless_uniform(tf.shape(tensor), seed_pair(seed)) < flip_probability
    return like(labels, tf.where(flip, tf.cast(1, tensor.dtype) - tensor, tensor))


def flip_logits(
    real_logits: TensorLike, fake_logits: TensorLike, flip_probability: float, seed: Seed = None
) -> tuple[TensorLike, TensorLike]:
    """D's logits of real and generated samples, with some pairs exchanged: noisy labels for any loss.

    A real sample whose label is flipped counts as a generated one, and its partner as real.

    Args:
        real_logits, fake_logits: (N,) or (N, ...) of one shape; rows are exchanged whole.
        flip_probability: in [0, 1], of each pair.
        seed: see the module's docstring.

    Returns:
        (real_logits, fake_logits) of the same shape.

    Raises:
        ValueError: flip_probability outside [0, 1].
    """
    rows = tf.zeros_like(real_logits)
    if rows.shape.rank > 1:
        rows = tf.reduce_sum(
            rows, axis=range(1, rows.shape.rank), keepdims=True
        )  # one number a row
    flip = noisy_labels(rows, flip_probability, seed) > 0
    return (
        tf.where(flip, fake_logits, real_logits),
        tf.where(flip, real_logits, fake_logits),
    )


# ------------------------------------------------------------------------------ 2.4.5: inputs to [−1, 1]


def scale_images(images: TensorLike) -> TensorLike:
    """Pixels 0 … 255 to float32 in [−1, 1], the range of tanh: x / 127.5 − 1.

    Args:
        images: any shape, usually uint8.

    Returns:
        float32 of the same shape.
    """
    return like(images, tf.cast(images, tf.float32) / 127.5 - 1.0)


def unscale_images(images: TensorLike) -> TensorLike:
    """[−1, 1] to uint8 pixels, rounded and clipped: the inverse of `scale_images`.

    Args:
        images: floats of any shape.  Values outside [−1, 1] are clipped, NaN becomes 0.

    Returns:
        uint8 of the same shape.
    """
    pixels = tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5)
    pixels = tf.where(tf.math.is_nan(pixels), 0.0, tf.clip_by_value(pixels, 0.0, 255.0))
    return like(images, tf.cast(pixels, tf.uint8))


# ------------------------------------------------------------------------------------ 2.4.6: normalization


@_register
class VirtualBatchNormalization(keras.layers.Layer):
    """Batch normalization by a fixed reference batch, so that samples do not depend on each other.

    The first `reference_size` rows of every call are the reference.  They are normalized by their own
    statistics.  Every other row x is normalized by those of reference ∪ {x}, in which x has the weight
    1 / (reference_size + 1).  Gradients flow through both.  `with_reference` puts the reference in front
    of a whole network's input, which carries it to every depth.

    Statistics are per channel (the last axis), over rows and positions.  Training and inference do not
    differ, and there are no moving averages.

    Args:
        reference_size: R, rows of the reference batch.
        epsilon: added to the variance.

    Attributes:
        gamma, beta: (channels,), float32, start at 1 and 0.
        epsilon: as given.

    Call arguments:
        inputs: (R + batch, channels) or (R + batch, height, width, channels); any number of axes in
            between.  batch may be 0.

    Returns:
        The same shape.

    Raises:
        ValueError: wrong arguments, or fewer rows than the reference has.  In a graph whose batch size
            is not known when it is traced, tf.errors.InvalidArgumentError when it runs.

    Source: Salimans et al. 2016 (1606.03498), section 3.5.
    """

    def __init__(self, reference_size: int, epsilon: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reference_size = check_positive_int("reference_size", reference_size)
        if not epsilon > 0:
            raise ValueError(f"epsilon must be positive. Received: epsilon={epsilon}")
        self.epsilon = float(epsilon)

    def build(self, input_shape: Sequence[int | None]) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                "VirtualBatchNormalization takes (rows, ..., channels) with known channels. "
                f"Received: input_shape={input_shape}"
            )
        options = {"shape": (input_shape[-1],), "autocast": False}
        self.gamma = self.add_weight(initializer="ones", name="gamma", **options)
        self.beta = self.add_weight(initializer="zeros", name="beta", **options)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        size = self.reference_size
        if inputs.shape[0] is None:
            enough = tf.debugging.assert_greater_equal(
                tf.shape(inputs)[0], size, "fewer rows than the reference batch: see with_reference"
            )
            # A graph orders nothing by itself: the check must come before what would fail less clearly.
            with tf.control_dependencies([] if enough is None else [enough]):
                inputs = tf.identity(inputs)
        elif inputs.shape[0] < size:
            raise ValueError(
                f"the first {size} rows must be the reference batch: see with_reference. "
                f"Received: inputs of shape {inputs.shape}"
            )
        x = tf.cast(inputs, tf.float32)
        # Mean and variance of each row over its positions: (rows, 1, ..., channels).
        positions = list(range(1, x.shape.rank - 1))
        row_mean = tf.reduce_mean(x, axis=positions, keepdims=True) if positions else x
        row_variance = tf.reduce_mean(tf.square(x - row_mean), axis=positions, keepdims=True)

        # The variance of a union is the mean of the variances plus the variance of the means.
        mean = tf.reduce_mean(row_mean[:size], axis=0, keepdims=True)
        variance = tf.reduce_mean(
            row_variance[:size] + tf.square(row_mean[:size] - mean), axis=0, keepdims=True
        )
        weight = 1.0 / (size + 1.0)
        shift = row_mean[size:] - mean
        union_mean = mean + weight * shift
        union_variance = (
            (1.0 - weight) * variance
            + weight * row_variance[size:]
            + weight * (1.0 - weight) * tf.square(shift)
        )

        means = tf.concat([tf.repeat(mean, size, axis=0), union_mean], axis=0)
        variances = tf.concat([tf.repeat(variance, size, axis=0), union_variance], axis=0)
        scale = tf.math.rsqrt(variances + self.epsilon) * self.gamma
        return tf.cast((x - means) * scale + self.beta, inputs.dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "reference_size": self.reference_size,
            "epsilon": self.epsilon,
        }


def _layers_within(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """The layer, and those of a model or a wrapper, at any depth."""
    yield layer
    for inner in (*getattr(layer, "layers", ()), getattr(layer, "layer", None)):
        if inner is not None:
            yield from _layers_within(inner)


@_register
class WithReference(keras.Model):
    """A model behind its reference batch; see `with_reference`.

    Attributes:
        model: the network with `VirtualBatchNormalization` layers.
        reference: the batch, a weight that is not trained, so it is saved and restored with the model.
    """

    def __init__(self, model: keras.Model, reference: TensorLike, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        reference = np.asarray(reference)
        sizes = {
            layer.reference_size
            for layer in _layers_within(model)
            if isinstance(layer, VirtualBatchNormalization)
        }
        if sizes - {len(reference)}:
            raise ValueError(
                f"the model's VirtualBatchNormalization layers have reference_size {sorted(sizes)}. "
                f"Received: a reference of {len(reference)} rows"
            )
        self.model = model
        self.reference = self.add_weight(
            reference.shape,
            initializer=lambda shape, dtype: tf.cast(reference, dtype),
            trainable=False,
            autocast=False,
            name="reference",
        )

    def build(self, input_shape: Sequence[int | None]) -> None:
        if not self.model.built:
            self.model.build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> Any:
        size = self.reference.shape[0]
        reference = tf.cast(tf.convert_to_tensor(self.reference), inputs.dtype)
        outputs = self.model(tf.concat([reference, inputs], axis=0), training=training)
        return keras.tree.map_structure(lambda rows: rows[size:], outputs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "reference_shape": list(self.reference.shape),
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> "WithReference":
        config = dict(config)
        model = keras.saving.deserialize_keras_object(config.pop("model"), custom_objects)
        return cls(model, np.zeros(config.pop("reference_shape"), np.float32), **config)


def with_reference(model: keras.Model, reference: TensorLike) -> WithReference:
    """`model` with a reference batch in front of every input, and without its rows in the output.

    The reference passes through the whole network in each call, so every `VirtualBatchNormalization` in
    it, at any depth, finds its own reference activations in its first rows.  The price is the time for
    these rows.  Layers that mix rows (`MinibatchDiscrimination`) would see them too.

    Args:
        model: one input; any structure of outputs whose first axis is the batch.
        reference: what the model takes, (reference_size, ...): real images for D, latents for G.

    Returns:
        A `keras.Model` that takes (batch, ...) and gives the model's outputs for these rows alone.  It
        shares the weights of `model`, and can be saved.

    Raises:
        ValueError: a layer's reference_size is not the number of rows of `reference`.
    """
    return WithReference(model, reference)


def start_statistics(model: keras.Model, inputs: Any) -> None:
    """Let batch normalization's moving statistics start as those of one batch; call it before training.

    Keras lets the variance start at 1.  Where activations are far smaller (unit latents through weights of
    standard deviation 0.02 have 0.0004) that 1 outweighs what is measured for hundreds of steps, and in a
    `WeightAverage` for thousands: images drawn meanwhile are pale.

    Args:
        model: built; its `keras.layers.BatchNormalization` layers' moving statistics are set.
        inputs: one batch of what the model takes.

    Raises:
        RuntimeError: called while a `tf.function` is traced.
    """
    if not tf.executing_eagerly():
        raise RuntimeError("start_statistics() sets variables once: call it outside tf.function")
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
    try:
        for layer in norms:
            layer.momentum = 0.0  # the moving statistics become the batch's
        if norms:
            model(inputs, training=True)
    finally:
        for layer, momentum in zip(norms, momenta, strict=True):
            layer.momentum = momentum


@_register
class WeightNormalization(keras.layers.Wrapper):
    """Learns the length and the direction of each unit's weights apart: w = g · v / ‖v‖.

    The wrapped layer's kernel is v.  g starts at ‖v‖, so before training the layer computes what it
    would compute without the wrapper.  `initialize_from` sets g and the bias from data instead.

    Args:
        layer: a `Dense`, `Conv2D` or `Conv2DTranspose`.  The wrapper takes over its dtype.
        trainable_scale: whether g is trained; False keeps it as it was initialized.

    Attributes:
        layer: the wrapped layer.
        g: (units,), float32.

    Call arguments:
        inputs: what the wrapped layer takes.
        kernel: what `normalized_kernel` returned.  A step that shows a network several batches computes it
            once, inside its tape, and gives it to each call; by default each call computes its own.

    Raises:
        ValueError: another layer.

    Source: Salimans and Kingma 2016 (1602.07868), equation 2 and section 3.
    """

    def __init__(
        self, layer: keras.layers.Layer, trainable_scale: bool = True, **kwargs: Any
    ) -> None:
        if not isinstance(
            layer, keras.layers.Dense | keras.layers.Conv2D | keras.layers.Conv2DTranspose
        ):
            raise ValueError(
                f"layer must be a Dense, Conv2D or Conv2DTranspose. Received: layer={layer}"
            )
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(layer, **kwargs)
        self.trainable_scale = trainable_scale
        # A transposed convolution keeps its units on the axis before the last.
        self._unit_axis = 2 if isinstance(layer, keras.layers.Conv2DTranspose) else -1

    def build(self, input_shape: Sequence[int | None]) -> None:
        super().build(input_shape)
        self.g = self.add_weight(
            (self.layer.kernel.shape[self._unit_axis],),
            initializer=lambda shape, dtype: tf.cast(tf.reshape(self._length(), shape), dtype),
            trainable=self.trainable_scale,
            autocast=False,
            name="g",
        )

    def _length(self) -> tf.Tensor:
        """‖v‖ of each unit, with axes of length 1 for the others."""
        kernel = tf.cast(tf.convert_to_tensor(self.layer.kernel), tf.float32)
        axes = list(range(kernel.shape.rank))
        del axes[self._unit_axis]
        # The bound keeps the gradient finite for a unit whose weights are all zero.
        squared = tf.reduce_sum(tf.square(kernel), axis=axes, keepdims=True)
        return tf.sqrt(tf.maximum(squared, 1e-24))

    def _kernel(self, g: tf.Tensor) -> tf.Tensor:
        kernel = tf.cast(tf.convert_to_tensor(self.layer.kernel), tf.float32)
        length = self._length()
        return kernel * (tf.reshape(g, length.shape) / length)

    def _call_with(
        self, inputs: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The wrapped layer's own computation with other weights in place of its variables."""
        layer = self.layer
        values = {id(layer.kernel): kernel}
        if bias is not None:
            values[id(layer.bias)] = bias

        def swap(variables: Sequence) -> list:
            return [values.get(id(v), v) for v in variables]

        return layer.stateless_call(
            swap(layer.trainable_variables), swap(layer.non_trainable_variables), inputs
        )[0]

    def normalized_kernel(self) -> tf.Tensor:
        """g · v / ‖v‖, float32, of the shape of the wrapped layer's kernel."""
        return self._kernel(tf.convert_to_tensor(self.g))

    def plain_weights(self) -> list[np.ndarray]:
        """The weights with which the wrapped layer, unwrapped, computes the same."""
        biases = [self.layer.bias.numpy()] if self.layer.use_bias else []
        return [self.normalized_kernel().numpy(), *biases]

    def call(self, inputs: tf.Tensor, kernel: tf.Tensor | None = None) -> tf.Tensor:
        return self._call_with(inputs, self.normalized_kernel() if kernel is None else kernel)

    def initialize_from(self, batch: TensorLike) -> tf.Tensor:
        """Sets g and the bias so that on this batch each unit has mean 0 and variance 1.

        That is before the activation, over rows and positions.  Go through a network from its input,
        feeding each layer what the one before it returns.  A unit that does not vary keeps g = 1.

        Args:
            batch: an input batch of this layer; builds the layer if need be.

        Returns:
            The layer's output for the batch, with the new weights.

        Raises:
            ValueError: the wrapped layer has no bias, so that nothing can move its mean.
        """
        layer = self.layer
        if not layer.use_bias:
            raise ValueError(
                "data-dependent initialization sets the bias. Received: a layer with use_bias=False"
            )
        batch = tf.convert_to_tensor(batch)
        if not self.built:
            self.build(batch.shape)
        # Outside of a call Keras casts no weights, so this is computed in their own precision.
        batch = tf.cast(batch, tf.float32)
        activation, layer.activation = layer.activation, keras.activations.linear
        try:
            directions = self._kernel(tf.ones_like(self.g))
            raw = self._call_with(batch, directions, tf.zeros_like(layer.bias))
        finally:
            layer.activation = activation
        channel_axis = 1 if getattr(layer, "data_format", None) == "channels_first" else -1
        axes = list(range(raw.shape.rank))
        del axes[channel_axis]
        mean, variance = tf.nn.moments(tf.cast(raw, tf.float32), axes)
        scale = tf.where(variance > 1e-12, tf.math.rsqrt(variance), tf.ones_like(variance))
        self.g.assign(scale)
        layer.bias.assign(-mean * scale)
        return self(batch)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "trainable_scale": self.trainable_scale}


# ----------------------------------------------------------------- 2.4.7: upsampling without sparse gradients


@_register
class PixelShuffle(keras.layers.Layer):
    """Rearranges channels into pixels: (h, w, scale² · c) to (scale · h, scale · w, c).

    Output pixel (scale·i + a, scale·j + b) takes channels (a · scale + b) · c … of input pixel (i, j):
    TensorFlow's depth-to-space order.  PyTorch's layer of this name has the phase on the inner axis.

    Args:
        scale: the factor for height and width.

    Call arguments:
        inputs: (batch, height, width, channels), channels a multiple of scale².

    Raises:
        ValueError: scale is not a positive integer, or scale² does not divide the channels.

    Source: Shi et al. 2016 (1609.05158), equation 4.
    """

    def __init__(self, scale: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = check_positive_int("scale", scale)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        if len(input_shape) != 4 or input_shape[3] is None or input_shape[3] % self.scale**2:
            raise ValueError(
                f"PixelShuffle({self.scale}) takes (batch, height, width, channels) with channels a "
                f"multiple of {self.scale**2}. Received: input_shape={tuple(input_shape)}"
            )
        batch, height, width, _ = input_shape
        return (
            batch,
            None if height is None else height * self.scale,
            None if width is None else width * self.scale,
            input_shape[3] // self.scale**2,
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        self.compute_output_shape(inputs.shape)  # says what is wrong
        return inputs if self.scale == 1 else tf.nn.depth_to_space(inputs, self.scale)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


# -------------------------------------------------------------------------------------------- 2.4.8: noise


def instance_noise(
    inputs: tf.Tensor, stddev: float, step: tf.Tensor, decay_steps: int, seed: Seed
) -> tf.Tensor:
    """Inputs with Gaussian noise, whose standard deviation is stddev · max(0, 1 − step / decay_steps).

    Args:
        inputs: what D is shown, floats of any shape.
        stddev: in the units of the inputs, at step 0.
        step: an integer tensor.
        decay_steps: until the noise is gone.
        seed: (2,) int64.

    Source: Sønderby et al. 2017 (1610.04490); Arjovsky and Bottou 2017 (1701.04862), section 3.
    """
    left = 1.0 - tf.cast(step / decay_steps, tf.float32)
    noise = tf.random.stateless_normal(tf.shape(inputs), seed, dtype=inputs.dtype)
    return inputs + tf.cast(stddev * tf.maximum(left, 0.0), inputs.dtype) * noise


@_register
class InstanceNoise(keras.layers.Layer):
    """Gaussian noise on D's inputs in training, decaying linearly to exactly zero.

    The standard deviation is stddev · max(0, 1 − step / decay_steps).  `step` counts the calls with
    `training=True`: a training step that shows D a real batch, a generated batch, and another one for
    G's loss counts three.  At inference the inputs pass unchanged, as they do, at no cost, once the
    noise is gone.

    Args:
        stddev: in the units of the inputs, at the first call.
        decay_steps: training calls until the noise is gone.
        seed: of the noise; None takes one from `keras.utils.set_random_seed`'s generator.

    Attributes:
        step: an int32 weight that is not trained; saved with the model.

    Call arguments:
        inputs: any shape.
        training: adds noise and advances the step.

    Raises:
        ValueError: a negative stddev, or decay_steps that is not a positive integer.

    Source: Sønderby et al. 2017 (1610.04490); Arjovsky and Bottou 2017 (1701.04862), section 3.
    """

    def __init__(self, stddev: float, decay_steps: int, seed: Seed = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= stddev < float("inf"):
            raise ValueError(f"stddev must be finite and not negative. Received: stddev={stddev}")
        self.stddev = float(stddev)
        self.decay_steps = check_positive_int("decay_steps", decay_steps)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Sequence[int | None]) -> None:
        self.step = self.add_weight(
            (), dtype="int32", initializer="zeros", trainable=False, name="step"
        )

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return inputs
        step = tf.convert_to_tensor(self.step)
        self.step.assign(tf.minimum(step + 1, self.decay_steps))
        seed = tf.cast(self.seed_generator.next(), tf.int64)
        # Drawing the noise costs more than adding it, so it is not drawn when its weight is zero.
        return tf.cond(
            tf.logical_and(self.stddev > 0, step < self.decay_steps),
            lambda: instance_noise(inputs, self.stddev, step, self.decay_steps, seed),
            lambda: tf.identity(inputs),
        )

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "stddev": self.stddev,
            "decay_steps": self.decay_steps,
            "seed": self.seed,
        }


@_register
class DropoutNoise(keras.layers.Layer):
    """Dropout in training and at test time: a source of noise in G, not a regularizer.

    Args:
        rate: share of values set to zero, in [0, 1); the others are divided by 1 − rate.
        seed: None takes one from `keras.utils.set_random_seed`'s generator.

    Call arguments:
        inputs: any shape.

    Raises:
        ValueError: rate outside [0, 1).

    Source: Isola et al. 2017 (1611.07004), section 3.1, who give G its noise in this way alone.
    """

    def __init__(self, rate: float, seed: Seed = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = check_fraction("rate", rate, one_allowed=False)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return keras.random.dropout(inputs, self.rate, seed=self.seed_generator)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


# ------------------------------------------------------- appendix: latents, and D's memory of old samples


def sample_latent(
    n: int | tf.Tensor, dim: int, distribution: str = "normal", seed: Seed = None
) -> tf.Tensor:
    """Latent vectors z.

    Args:
        n: how many, an int or an integer scalar tensor.
        dim: their dimension.
        distribution: "normal", N(0, I); "uniform", on [−1, 1]^dim; "sphere", on the sphere ‖z‖ = 1.
        seed: see the module's docstring.

    Returns:
        (n, dim), a float32 tensor.

    Raises:
        ValueError: another distribution, or sizes that are not positive integers (n may be 0).
    """
    if not tf.is_tensor(n):
        n = check_positive_int("n", n, minimum=0)
    shape, seed = (n, check_positive_int("dim", dim)), seed_pair(seed)
    if distribution == "normal":
        return tf.random.stateless_normal(shape, seed)
    if distribution == "uniform":
        return tf.random.stateless_uniform(shape, seed, -1.0, 1.0)
    if distribution == "sphere":
        return tf.math.l2_normalize(tf.random.stateless_normal(shape, seed), axis=1)
    raise ValueError(
        f'distribution must be "normal", "uniform" or "sphere". Received: distribution={distribution!r}'
    )


def slerp(a: TensorLike, b: TensorLike, t: float | TensorLike) -> TensorLike:
    """Spherical interpolation from a (t = 0) to b (t = 1): along the great circle, at an even pace.

    With the angle ω between a and b it is (sin((1 − t)ω) a + sin(tω) b) / sin ω.  Unit vectors stay on
    the sphere.  Parallel vectors are interpolated linearly; for opposite ones, which have no one great
    circle, a fixed one is taken.  Beyond ω = 3, where the formula overshoots if the lengths differ, the
    difference of the lengths fades linearly.

    Args:
        a, b: (..., dim), dim ≥ 2.
        t: a number, or an array that broadcasts against a.shape[:-1]; one with as many axes as `a`, two
            or more, of which the last has length 1, broadcasts against `a` itself.

    Returns:
        (..., dim).

    Source: Shoemake 1985, "Animating rotation with quaternion curves"; White 2016 (1609.04468) for latents.
    """
    given = a
    a = tf.convert_to_tensor(a)
    a = a if a.dtype.is_floating else tf.cast(a, tf.float32)
    b, t = tf.cast(b, a.dtype), tf.cast(t, a.dtype)
    if not (t.shape.rank == a.shape.rank and t.shape.rank >= 2 and t.shape[-1] == 1):
        t = t[..., None]

    def length(x: tf.Tensor) -> tf.Tensor:
        return tf.norm(x, axis=-1, keepdims=True)

    length_a, length_b = length(a), length(b)
    a, b = tf.math.divide_no_nan(a, length_a), tf.math.divide_no_nan(b, length_b)
    # Unlike the arc cosine of their product, exact for small angles and for angles near π.
    angle = 2.0 * tf.atan2(length(a - b), length(a + b))

    def component_across(x: tf.Tensor) -> tf.Tensor:
        return x - tf.reduce_sum(x * a, axis=-1, keepdims=True) * a

    # The direction in which the path leaves a.  Where b is ±a, any across will do: that of the axis on
    # which a is smallest is never along a.
    across = component_across(b)
    axis = tf.one_hot(tf.argmin(tf.abs(a), axis=-1), a.shape[-1], dtype=a.dtype)
    across = tf.where(length(across) > 1e-6, across, component_across(axis))
    # Near ±a the rounding of the first projection is left over: project once more.
    across = tf.math.l2_normalize(component_across(tf.math.l2_normalize(across, axis=-1)), axis=-1)

    formula_holds = (angle > 1e-4) & (angle < 3.0)
    share_a = tf.where(
        formula_holds, tf.math.divide_no_nan(tf.sin((1.0 - t) * angle), tf.sin(angle)), 1.0 - t
    )
    # The formula above, written in a and the direction across it.
    along = length_b * tf.cos(t * angle) + (length_a - length_b) * share_a
    return like(given, along * a + length_b * tf.sin(t * angle) * across)


class ReplayBuffer:
    """Generated samples of earlier steps, to be shown to D again.

    Fills up first; then new samples take the places of random old ones, so the buffer reaches back in
    time with exponentially falling weight.  Works eagerly and in `tf.function`.

    Args:
        capacity: samples to hold; memory is that many images.
        seed: of what is replaced and drawn.

    Attributes:
        size: how many samples are held, a `tf.Variable`.
        variables: all state, for a checkpoint; the store is among them after `build` or the first `add`.

    Raises:
        ValueError: capacity is not a positive integer, or smaller than a batch.

    Source: Shrivastava et al. 2017 (1612.07828), section 2.3.
    """

    def __init__(self, capacity: int, seed: int = 0) -> None:
        self.capacity = check_positive_int("capacity", capacity)
        self.seed = check_positive_int("seed", seed, minimum=0)
        self.size = tf.Variable(0, trainable=False, dtype=tf.int32)
        self._draws = tf.Variable(0, trainable=False, dtype=tf.int64)
        self._store: Any = None  # a tf.Variable, once it is built

    @property
    def variables(self) -> list[tf.Variable]:
        return [self.size, self._draws, *([] if self._store is None else [self._store])]

    def build(self, sample_shape: Sequence[int], dtype: Any = tf.float32) -> None:
        """Makes the store.  `add` does so by itself; needed before a checkpoint is restored."""
        with tf.init_scope():
            self._store = tf.Variable(
                tf.zeros((self.capacity, *sample_shape), dtype), trainable=False
            )

    def _uniform(self, n: int | tf.Tensor) -> tf.Tensor:
        seed = tf.stack([tf.constant(self.seed, tf.int64), self._draws.assign_add(1)])
        return tf.random.stateless_uniform((n,), seed)

    def add(self, samples: TensorLike) -> None:
        """Takes in a batch (batch, ...) of no more than `capacity` samples."""
        samples = tf.stop_gradient(tf.convert_to_tensor(samples))
        batch = samples.shape[0]
        if batch is not None and batch > self.capacity:
            raise ValueError(
                f"capacity must hold a batch. Received: {batch} samples, capacity={self.capacity}"
            )
        if self._store is None:
            self.build(samples.shape[1:], samples.dtype)
        # Empty places in order come first, then the taken ones in random order.
        place = tf.range(self.capacity)
        rank = tf.where(
            place < self.size,
            1.0 + self._uniform(self.capacity),
            tf.cast(place, tf.float32) / self.capacity,
        )
        count = tf.shape(samples)[0]
        self._store.scatter_update(tf.IndexedSlices(samples, tf.argsort(rank)[:count]))
        self.size.assign(tf.minimum(self.size + count, self.capacity))

    def _draw(self, n: int | tf.Tensor) -> tf.Tensor:
        held = tf.maximum(self.size, 1)
        index = tf.cast(self._uniform(n) * tf.cast(held, tf.float32), tf.int32)
        return tf.gather(self._store, tf.minimum(index, held - 1))

    def sample(self, n: int | tf.Tensor) -> tf.Tensor:
        """n samples, drawn evenly with replacement: (n, ...).

        Raises:
            ValueError: nothing was ever added.  After `build` it is tf.errors.InvalidArgumentError.
        """
        if self._store is None:
            raise ValueError("the buffer is empty: add() samples first")
        tf.debugging.assert_positive(self.size, "the buffer is empty: add() samples first")
        return self._draw(n)

    def mix(self, samples: TensorLike) -> tf.Tensor:
        """The batch with its second half replaced by old samples, for D; takes the whole batch in.

        The first batch, when there is nothing old, comes back as it is.  No gradient flows through the
        old half.
        """
        samples = tf.convert_to_tensor(samples)
        if self._store is None:
            self.build(samples.shape[1:], samples.dtype)
        old = tf.shape(samples)[0] // 2
        mixed = tf.concat([samples[: tf.shape(samples)[0] - old], self._draw(old)], axis=0)
        mixed = tf.ensure_shape(tf.where(self.size > 0, mixed, samples), samples.shape)
        self.add(samples)
        return mixed
