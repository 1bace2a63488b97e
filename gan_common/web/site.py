"""A folder with a page that runs a network: any web server can serve it, and it asks nothing of the network.

index.html, page.css, *.js     the page: sliders, classes and a walk, or a field to draw in
model.onnx, model.json         the network, and what it takes and gives, with an example
ort/                           onnxruntime-web
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gan_common import files
from gan_common.web import runtime

PAGE = Path(__file__).parent / "page"
COMMON = ("page.css", "network.js")
OF = {"generator": ("generator.js", "latents.js"), "classifier": ("classifier.js",)}
DIRECTIONS = 6  # sliders of a generator


def write(folder: Path, model: keras.Model, onnx: Path, facts: dict[str, Any]) -> None:
    """Make the folder of a network's page.

    Args:
        folder: new.
        model: the network, of Keras's layers, named "generator" or "classifier".
        onnx: its ONNX file.
        facts: "title", "image_shape", "class_names"; of a generator also "latent_dim" and "latent", its
            latents' distribution.
    """
    kind = model.name
    folder.mkdir()
    for name in (*COMMON, *OF[kind]):
        shutil.copyfile(PAGE / name, folder / name)
    shutil.copyfile(PAGE / f"{kind}.html", folder / "index.html")
    shutil.copytree(runtime.find(), folder / "ort")
    shutil.copyfile(onnx, folder / "model.onnx")
    more: dict[str, Any] = {"inputs": _inputs(model), "example": _example(model, facts)}
    if kind == "generator":
        more["directions"] = directions(model, facts["latent_dim"])
    else:
        # Digits of MNIST were centered by their mass; a page's drawing is where the hand was.
        more["centered"] = facts["image_shape"][-1] == 1
    (folder / "model.json").write_text(files.as_json({**facts, **more}), encoding="utf-8")


def directions(model: keras.Model, latent_dim: int, count: int = DIRECTIONS) -> list[dict]:
    """Along which latents change most in a generator's first layer, and the share of the variance.

    For latents of independent numbers of variance 1 the features W z of the first dense layer have the
    covariance W Wᵀ: its principal components are reached by the left singular vectors of W.

    Source: Härkönen et al. 2020, GANSpace (2004.02546), section 3.

    Returns:
        Of each: "vector", latent_dim numbers of length 1, its largest positive, and "share" in [0, 1].
    """
    dense = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    vectors, values, _ = np.linalg.svd(dense.kernel.numpy()[:latent_dim], full_matrices=False)
    shares = values**2 / max(np.sum(values**2), np.finfo(np.float32).tiny)
    found = []
    for vector, share in zip(vectors.T[:count], shares, strict=False):
        vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
        found.append({"vector": _short(vector), "share": float(share)})
    return found


def _inputs(model: keras.Model) -> list[dict[str, Any]]:
    return [{"dtype": each.dtype, "shape": list(each.shape[1:])} for each in model.inputs]


def _example(model: keras.Model, facts: dict[str, Any]) -> dict[str, Any]:
    """An input, and what Keras makes of it: the page compares."""
    rng = np.random.default_rng(0)
    classes = len(facts["class_names"])
    given: list[np.ndarray] = []
    for each in model.inputs:
        shape = (1, *each.shape[1:])
        if each.dtype == "int32":
            given.append(rng.integers(0, classes, shape, dtype=np.int32))
        elif model.name == "classifier":
            given.append(rng.integers(0, 256, shape).astype(np.float32))
        else:
            given.append(rng.normal(size=shape).astype(np.float32).round(4))
    output = model(given if len(given) > 1 else given[0], training=False)
    return {"inputs": [_short(each) for each in given], "output": _short(output)}


def _short(values: Any) -> list[float] | list[int]:
    """As numbers of as many digits as a float32 has."""
    flat: Sequence = np.asarray(values).ravel().tolist()
    return [value if isinstance(value, int) else float(f"{value:.8g}") for value in flat]
