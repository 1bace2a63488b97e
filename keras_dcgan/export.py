"""Write a network of a run for use without this project.

    python -m keras_dcgan.export --run_dir RUN --what generator --format keras --out generator.keras
    python -m keras_dcgan.export --run_dir RUN --what discriminator --format saved_model --out discriminator

    what           takes                                   gives
    generator      latents (N, latent_dim)                 images (N, H, W, C) in [-1, 1]
    discriminator  images (N, H, W, C) in [-1, 1]          a logit (N, 1): the larger, the more real

The networks of preset `cgan` also take the classes, int32 (N,), as a second input; packing lays the images of
a pack behind each other as channels.  Averaged weights of the generator, float32 inside.
A SavedModel is called by `model = tf.saved_model.load(FOLDER)`, then `model.serve(latents)`.
--format onnx needs the packages tf2onnx and onnx.
"""

from collections.abc import Sequence
from typing import Any

from gan_common import cli
from gan_common.cli import export
from gan_common.runs import Run
from keras_dcgan.config import Config


def main(argv: Sequence[str] | None = None) -> None:
    """Write a network for use without this project."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> None:
    export.command(argv, __doc__, Config, _restore, NETWORKS)


def _restore(*given: Any) -> Any:
    from keras_dcgan import models

    return models.restore(*given)


def generator(run: Run, gan: Any) -> export.Network:
    """Latents → images in [-1, 1]."""
    classes = ", classes int32 (N,)" if gan.conditional else ""
    return export.Network(
        gan.generator,
        f"latents float32 (N, {gan.config.latent_dim}), {gan.config.latent}{classes}",
        "images float32 (N, {}, {}, {}) in [-1, 1]".format(*run.dataset_facts()[0]),
    )


def discriminator(run: Run, gan: Any) -> export.Network:
    """Images in [-1, 1] → a logit of real."""
    shape = gan.discriminator.inputs[0].shape[1:]
    classes = ", classes int32 (N,)" if gan.conditional else ""
    return export.Network(
        gan.discriminator,
        "images float32 (N, {}, {}, {}) in [-1, 1]".format(*shape) + classes,
        "logits float32 (N, 1): the larger, the more real",
    )


NETWORKS = {"generator": generator, "discriminator": discriminator}


if __name__ == "__main__":
    main()
