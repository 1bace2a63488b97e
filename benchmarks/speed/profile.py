"""Where a training step's time goes: the operations that TensorFlow ran, by what they are for.

    python -m benchmarks.speed.profile                        writes results/profile.json
    python -m benchmarks.speed.profile --only dcgan64 --precision float32

Two operations may run at a time, so shares are of the sum of all operations' times.
"""

import collections
import dataclasses
import tempfile
import time
from pathlib import Path

from benchmarks.experiments import running
from benchmarks.speed import bench
from gan_common import cli, files
from gan_common.cli import flag

# Also a preset that has no ports to be compared with.
STEPS = {**bench.STEPS, "modern32": ("modern", (32, 32, 3), 64)}
TRACED = 20  # steps
# What an operation is for, by the first of these that its type contains.
KINDS = (
    ("Depthwise", "depthwise convolutions"),
    ("BackpropFilter", "convolutions: gradient to the kernel"),
    ("BackpropInput", "convolutions: gradient to the images, and transposed ones forwards"),
    ("Pool", "pooling"),
    ("Conv2D", "convolutions: forwards, and gradients of transposed ones"),
    ("MatMul", "matrix products"),
    ("BatchNorm", "batch norm"),
    ("Apply", "optimizers"),
    ("Assign", "optimizers"),
    ("Random", "random numbers"),
    ("Fold", "random numbers"),
    ("ToSpace", "moving pixels"),
    ("ToDepth", "moving pixels"),
    ("Pad", "moving pixels"),
    ("Slice", "moving pixels"),
    ("Concat", "moving pixels"),
    ("Transpose", "moving pixels"),
    ("Pack", "moving pixels"),
    ("AddN", "moving pixels"),
    ("Cast", "casts"),
    ("Relu", "activations"),
    ("Tanh", "activations"),
)


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag(tuple(STEPS), f"steps: {', '.join(STEPS)}")
    precision: str = flag("auto", "of the products", choices=("auto", "float32", "bfloat16"))
    json: str = flag("results/profile.json", "file for the numbers; other rows are kept")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.check_only(options.only, STEPS)
    import gan_common.quiet  # noqa: F401
    from gan_common.kernels import machine

    precision = machine.choose_precision(options.precision)
    table = running.table(Path(options.json), "steps")
    table["command"] = "python -m benchmarks.speed.profile"
    for name in options.only:
        milliseconds, kinds = profile(name, precision)
        row = {
            "processor": machine.description(),
            "step_ms": round(milliseconds, 2),
            "share": kinds,
        }
        table["steps"][f"{name}, {precision}"] = row
        files.write_json(Path(options.json), table)
        print(f"\n{name}, {precision}: {milliseconds:.1f} ms a step")
        for kind, share in kinds.items():
            print(f"  {share:6.1%}  {kind}")


def profile(name: str, precision: str) -> tuple[float, dict[str, float]]:
    """A step's milliseconds, and what share of its operations' time each kind takes, largest first."""
    import tensorflow as tf

    from benchmarks.speed import contenders

    preset, image_shape, batch_size = STEPS[name]
    given = {"preset": preset, "batch_size": batch_size, "precision": precision}
    step, _ = contenders.keras_dcgan(image_shape, **given)
    for _ in range(5):
        step()
    start = time.perf_counter()
    for _ in range(TRACED):
        step()
    milliseconds = 1000 * (time.perf_counter() - start) / TRACED
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(TRACED):
                step()
        seconds = _operations(Path(folder))
    total = sum(seconds.values())
    return milliseconds, {kind: value / total for kind, value in seconds.most_common()}


def kind_of(operation: str) -> str:
    """What an operation of this type is for."""
    return next((kind for word, kind in KINDS if word in operation), "all else")


def _operations(folder: Path) -> collections.Counter:
    """Kind → seconds, of the operations in a profile."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    (file,) = folder.rglob("*.xplane.pb")
    space = xplane_pb2.XSpace()
    space.ParseFromString(file.read_bytes())
    seconds: collections.Counter = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name, colon, operation = plane.event_metadata[event.metadata_id].name.rpartition(
                    ":"
                )
                # An operation is named path:Type; what runs the graph has other names.
                if colon and "/" in name and operation.isidentifier() and "::" not in name:
                    seconds[kind_of(operation)] += event.duration_ps / 1e12
    return seconds


if __name__ == "__main__":
    main()
