"""What the libraries' own switches make of a training step: XLA, threads, oneDNN's caches, channels first.

    python -m benchmarks.speed.settings                       writes results/settings.json

Each setting in a process of its own, in turns with the step as it is; then single convolutions of preset
dcgan, gradients included, with channels last and with channels first.
"""

import dataclasses
import statistics
import time
from pathlib import Path

from benchmarks.speed.bench import STEPS, take_turns
from gan_common import cli, files
from gan_common.cli import flag

# name → what the contender `keras_dcgan` is given
SETTINGS: dict[str, dict] = {
    "as it is": {},
    "XLA": {"jit_compile": True},
    "one operation at a time": {"environment": {"TF_NUM_INTEROP_THREADS": "1"}},
    "one thread an operation": {"environment": {"TF_NUM_INTRAOP_THREADS": "1"}},
    "no oneDNN": {"environment": {"TF_ENABLE_ONEDNN_OPTS": "0"}},
    "no primitives kept by oneDNN": {"environment": {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "0"}},
    # Kernels stay as they were at the first step: a bound, not a training.
    "weights kept by oneDNN": {"environment": {"TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "1"}},
}
# Layers of preset dcgan at 28×28 and 64×64: side of the images, channels, filters.
LAYERS = ((28, 32, 64), (14, 64, 128), (32, 32, 64), (16, 64, 128))
ROUNDS = 15  # of each convolution


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    step: str = flag("dcgan28", "step of benchmarks.speed.bench", choices=tuple(STEPS))
    precision: str = flag("float32", "of the products", choices=("float32", "bfloat16"))
    rounds: int = flag(3, "turns of each", lower=1)
    seconds: float = flag(4, "of each turn", lower=0)
    json: str = flag("results/settings.json", "file for the numbers")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import machine

    preset, image_shape, batch_size = STEPS[options.step]
    common = {
        "preset": preset,
        "image_shape": image_shape,
        "batch_size": batch_size,
        "precision": options.precision,
    }
    makers = {name: ("keras_dcgan", {**common, **given}) for name, given in SETTINGS.items()}
    rates = take_turns(makers, options.rounds, options.seconds)
    content = {
        "command": "python -m benchmarks.speed.settings",
        "processor": machine.description(),
        "step": f"{options.step}, {options.precision}",
        "images_per_second": rates,
        "convolutions_ms": convolutions(batch_size),
    }
    files.write_json(Path(options.json), content)
    for name in SETTINGS:
        print(f"{name:<32}{rates[name]:8.0f} images/s  {rates[name] / rates['as it is']:.2f}")
    for layer, found in content["convolutions_ms"].items():
        print(f"{layer:<32}" + "  ".join(f"{order} {told}" for order, told in found.items()))


def convolutions(count: int) -> dict[str, dict]:
    """Layer → milliseconds of a 4×4 convolution with stride 2 and its gradients, by the order of the axes."""
    import tensorflow as tf

    found = {}
    for side, channels, filters in LAYERS:
        kernel = tf.random.stateless_normal((4, 4, channels, filters), (0, 0))
        shapes = {
            "NHWC": (count, side, side, channels),
            "NCHW": (count, channels, side, side),
        }
        layer = f"{side}×{side}×{channels} → {filters}"
        found[layer] = {
            order: _milliseconds(order, tf.random.stateless_normal(shape, (0, 0)), kernel)
            for order, shape in shapes.items()
        }
    return found


def _milliseconds(order, images, kernel) -> float | str:
    import tensorflow as tf

    @tf.function
    def both():
        strides = [1, 2, 2, 1] if order == "NHWC" else [1, 1, 2, 2]
        with tf.GradientTape() as tape:
            tape.watch([images, kernel])
            result = tf.nn.conv2d(images, kernel, strides, "SAME", order)
        return tape.gradient(result, [images, kernel], output_gradients=tf.ones_like(result))

    try:
        both()
    except (tf.errors.OpError, ValueError) as error:
        return str(error).splitlines()[0]
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        both()
        taken.append(1000 * (time.perf_counter() - start))
    return round(statistics.median(taken), 2)


if __name__ == "__main__":
    main()
