"""Random views of images: small shifts, mirroring, affine maps, color and cutout."""

from collections.abc import Collection

import tensorflow as tf

from gan_common import tricks
from gan_common.replicas import share

# Those that real images are shown with in the game of real against generated; the second view of unlabelled
# ones gets all that are chosen.
WEAK = ("shift", "flip")


def augment(images: tf.Tensor, names: Collection[str], seed: tf.Tensor) -> tf.Tensor:
    """A random view of each image: what comes in at the border repeats the image's edge.

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
    colors = ",".join(name for name in ("color", "cutout") if name in names)
    if colors:
        images = tricks.differentiable_augment(images, colors, tf.random.fold_in(seed, 1))
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
