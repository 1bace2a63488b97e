"""The local classifier whose features and probabilities the metrics are computed on.

Inception weights cannot be had without a download, and are the wrong features for digits.  So a small
convolutional classifier is trained once per data set, on its training images only, and kept in a cache.
Values measured with it compare with nothing outside this project: print the floor beside them.

A data set without classes (a flat folder of images) gets a classifier that tells four rotations apart
(Gidaris et al. 2018): its features serve FID and the like, its probabilities mean nothing.
"""

import functools
import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan_common import data, files
from gan_common.data import Dataset
from gan_common.errors import UserError
from gan_common.files import cache_dir

FEATURES = 64
BATCH = 128
# Training steps of BATCH images: for fewer than 10,000 training images, and for more.
STEPS_FEW, STEPS_MANY = 900, 3000
# Of a very large folder the classifier sees this many: more takes memory, and teaches it nothing.
MAX_TRAINED = 80_000
# Images that are compared: fewer say nothing, more take long.
MIN_PICTURES, MAX_PICTURES = 10, 10_000
# The share of the training images that is held out to say how good the classifier is.
HELD_OUT = 0.05


def has_classes(dataset: Dataset) -> bool:
    """Whether the classes mean something: a flat folder of images has only one."""
    return dataset.num_classes > 1


def classifier(
    dataset: Dataset, steps: int | None = None, cache: Path | None = None
) -> keras.Model:
    """The classifier of a data set: from the cache, or trained now, with progress on stdout.

    Args:
        dataset: only its training images are used.
        steps: training steps of 128 images (default: 900, or 3000 from 10,000 images on).
        cache: folder to keep it in (default: `cache_dir()`).

    Returns:
        A model from uint8 images (N, H, W, C) to [features (N, 64), logits (N, classes)], float32.
    """
    if steps is None:
        steps = STEPS_FEW if len(dataset.x_train) < 10_000 else STEPS_MANY
    path = (cache or cache_dir()) / f"classifier-{_fingerprint(dataset, steps)}.weights.h5"
    model = _network(dataset.image_shape, dataset.num_classes if has_classes(dataset) else 4)
    if path.exists():
        try:
            model.load_weights(path)
            return model
        except (OSError, ValueError, KeyError) as error:
            print(f"{path}: damaged ({error}); training it again", file=sys.stderr)
    _train(model, dataset, steps)
    try:
        files.write_whole(path, model.save_weights)
    except UserError as error:
        print(f"{error}; the classifier is trained again next time", file=sys.stderr)
    return model


@functools.lru_cache(maxsize=4)
def _forward(model: keras.Model) -> Callable:
    return tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)


def extract(model: keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, H, W, C) uint8 → features (N, 64) and class probabilities (N, classes), float32."""
    if images.dtype != np.uint8 or images.shape[1:] != model.input_shape[1:]:
        raise ValueError(
            f"images must be uint8 of shape (N, {', '.join(map(str, model.input_shape[1:]))}). "
            f"Received: {images.dtype} {images.shape}"
        )
    forward = _forward(model)
    parts = [forward(images[i : i + 500]) for i in range(0, len(images), 500)]
    features = np.concatenate([p[0].numpy() for p in parts])
    logits = np.concatenate([p[1].numpy() for p in parts])
    return features, np.asarray(tf.nn.softmax(logits))


def _network(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Four convolutions with batch norm, average pooling to 64 features, logits."""
    weights = keras.initializers.GlorotUniform
    images = keras.Input(image_shape, dtype="uint8")
    x = layers.Rescaling(1 / 127.5, offset=-1)(images)
    for i, (filters, kernel, stride) in enumerate(
        ((32, 5, 2), (64, 3, 1), (64, 3, 2), (FEATURES, 3, 1))
    ):
        x = layers.Conv2D(
            filters, kernel, stride, "same", use_bias=False, kernel_initializer=weights(i)
        )(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    features = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2, seed=0)(features)
    logits = layers.Dense(num_classes, kernel_initializer=weights(9))(x)
    return keras.Model(images, [features, logits], name="classifier")


def _fingerprint(dataset: Dataset, steps: int) -> str:
    """Names the classifier by all that it is made from."""
    digest = hashlib.sha256(f"{steps} {dataset.x_train.shape} {FEATURES}".encode())
    digest.update(np.ascontiguousarray(dataset.x_train).data)
    digest.update(np.ascontiguousarray(dataset.y_train).data)
    name = "".join(c if c.isalnum() else "-" for c in dataset.name)[-40:]
    return f"{name}-{digest.hexdigest()[:16]}"


def _random_affine(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Turn by up to 15°, scale by up to 10% and shift by up to 2.5 pixels, each image on its own."""
    count, side = tf.shape(images)[0], images.shape[1]
    angle, scale, dx, dy = tf.unstack(
        tf.random.stateless_uniform([4, count], seed, -1.0, 1.0)
        * tf.constant([[0.26], [0.1], [2.5], [2.5]])
    )
    cos, sin = (1 + scale) * tf.cos(angle), (1 + scale) * tf.sin(angle)
    centre = (side - 1) / 2
    zero = tf.zeros_like(cos)
    rows = [
        [cos, -sin, centre * (1 - cos + sin) + dx],
        [sin, cos, centre * (1 - sin - cos) + dy],
        [zero, zero],
    ]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([entry for row in rows for entry in row], axis=1),
        output_shape=images.shape[1:3],
        interpolation="BILINEAR",
        fill_mode="NEAREST",
        fill_value=0.0,
    )


def _train(model: keras.Model, dataset: Dataset, steps: int) -> None:
    images, labels = dataset.x_train[:MAX_TRAINED], dataset.y_train[:MAX_TRAINED]
    if not has_classes(dataset):  # four copies, each turned; the turn is the label
        images = images[: MAX_TRAINED // 4]
        labels = np.repeat(np.arange(4, dtype=np.int32), len(images))
        images = np.concatenate([np.rot90(images, turns, axes=(1, 2)) for turns in range(4)])
    order = np.random.default_rng(0).permutation(len(images))
    held, kept = np.split(order, [int(HELD_OUT * len(order))])
    batch_size = min(BATCH, len(kept))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps))
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    weights = model.trainable_variables
    optimizer.build(weights)

    @tf.function
    def step(x: Any, y: Any, number: Any) -> Any:
        x = _random_affine(x, tf.stack([0, number]))
        with tf.GradientTape() as tape:
            loss = cross_entropy(y, model(x, training=True)[1])
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    print(f"training the classifier that measures {dataset.name}, once: {steps} steps", flush=True)
    start = shown = time.perf_counter()
    stream = data.stream((images[kept], labels[kept]), batch_size, seed=0)
    for number, (x, y) in enumerate(stream.take(steps), start=1):
        loss = step(x, y, tf.constant(number))
        if time.perf_counter() - shown > 10:
            shown = time.perf_counter()
            left = (shown - start) / number * (steps - number)
            print(f"  step {number}/{steps}  loss {loss:.3f}  {left:.0f} s left", flush=True)
    if len(held):
        _, probabilities = extract(model, images[held])
        share = np.mean(probabilities.argmax(1) == labels[held])
        print(f"  right on {share:.1%} of {len(held)} held-out training images")
