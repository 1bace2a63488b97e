"""Write a network of a run for use without this project.

    python -m ssgan_tf.export --run_dir RUN --what classifier --format keras --out classifier.keras
    python -m ssgan_tf.export --run_dir RUN --what classifier --format tflite --out classifier.tflite
    python -m ssgan_tf.export --run_dir RUN --what generator --format saved_model --out generator

    what           takes                                   gives
    classifier     images (N, H, W, C) in [0, 255]         probabilities (N, K) of the classes
    discriminator  images (N, H, W, C) in [-1, 1]          logits (N, K+1), the last of "generated": 0
    generator      latents (N, latent_dim)                 images (N, H, W, C) in [-1, 1]

Averaged weights, float32 inside.  The classifier scales its images itself: give it uint8 or float32 ones
(onnx and tflite: float32) of the run's size and channels; dataset.json of the run's folder has these, and the
names of the classes in the order of the columns.  Its probabilities have the temperature of
`evaluate --calibrate` where there is one.
A SavedModel is called by `model = tf.saved_model.load(FOLDER)`, then `model.serve(images)`, or `serve_uint8`.
--format onnx needs the packages tf2onnx and onnx.
"""

from collections.abc import Sequence
from typing import Any

from gan_common import cli
from gan_common.cli import export
from gan_common.errors import UserError
from gan_common.runs import Run
from ssgan_tf import calibration
from ssgan_tf.config import Config


def main(argv: Sequence[str] | None = None) -> None:
    """Write a network for use without this project."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    export.command(argv, __doc__, Config, _restore, NETWORKS, _check)


def _restore(*given: Any) -> Any:
    from ssgan_tf import models

    return models.restore(*given)


def _check(config: Config, what: str) -> None:
    if config.baseline and what != "classifier":
        raise UserError(f"--what {what}: a baseline has a classifier alone")


def generator(run: Run, gan: Any) -> export.Network:
    """Latents → images in [-1, 1]."""
    return export.Network(
        gan.generator,
        f"latents float32 (N, {gan.config.latent_dim}), {gan.config.latent}",
        f"images float32 {_images(run)} in [-1, 1]",
    )


def discriminator(run: Run, gan: Any) -> export.Network:
    """Images in [-1, 1] → logits of K+1 classes."""
    import keras
    from keras import layers

    shape, names = run.dataset_facts()
    images = keras.Input(shape, name="images")
    x = layers.Reshape((len(names), 1))(class_logits(gan, images))
    x = layers.ZeroPadding1D((0, 1))(x)  # the logit of "generated"
    x = layers.Reshape((len(names) + 1,))(x)
    return export.Network(
        keras.Model(images, x, name="discriminator"),
        f"images float32 {_images(run)} in [-1, 1]",
        f"logits float32 (N, {len(names) + 1}), the last of 'generated'",
    )


def classifier(run: Run, gan: Any) -> export.Network:
    """Images in [0, 255] → probabilities of K classes."""
    import keras
    from keras import layers

    shape, names = run.dataset_facts()
    temperature = calibration.temperature_of(run, gan) or 1.0
    images = keras.Input(shape, name="images")
    x = class_logits(gan, layers.Rescaling(1 / 127.5, -1)(images))
    x = layers.Softmax()(layers.Rescaling(1 / temperature, name="temperature")(x))
    return export.Network(
        keras.Model(images, x, name="classifier"),
        f"images uint8 or float32 {_images(run)} in [0, 255]",
        f"probabilities float32 (N, {len(names)}): {', '.join(names)}",
    )


NETWORKS = {"generator": generator, "discriminator": discriminator, "classifier": classifier}


def class_logits(gan: Any, x: Any) -> Any:
    """Images in [-1, 1] → logits (N, K), by D's layers but those of noise, which is off."""
    from ssgan_tf.noise import SeededDropout, SeededGaussianNoise

    for layer in [*gan.discriminator.body, *gan.discriminator.head]:
        if not isinstance(layer, SeededGaussianNoise | SeededDropout):
            x = layer(x)
    return x


def _images(run: Run) -> str:
    return "(N, {}, {}, {})".format(*run.dataset_facts()[0])


if __name__ == "__main__":
    main()
