"""What the machine at hand computes well."""

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def choose_precision(precision: str) -> str:
    """`auto` → `bfloat16` where the processor multiplies it in hardware, else `float32`.

    bfloat16 products (AVX512-BF16, AMX; NVIDIA from compute capability 8) cost about half of float32's.
    Weights, losses and the generator's output stay float32 either way.
    """
    if precision != "auto":
        return precision
    import tensorflow as tf

    details = tf.config.experimental.get_device_details
    if gpus := tf.config.list_physical_devices("GPU"):
        # Apple's and AMD's tell of none.
        least = min(details(gpu).get("compute_capability") or (0, 0) for gpu in gpus)
        return "bfloat16" if least >= (8, 0) else "float32"
    try:
        flags = CPUINFO.read_text(encoding="ascii", errors="replace").split()
    except OSError:  # not Linux
        return "float32"
    fast = {"avx512_bf16", "amx_bf16"} if platform.machine() == "x86_64" else {"bf16"}
    return "bfloat16" if fast & set(flags) else "float32"


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Layers that are made in the block compute in "bfloat16", with weights in float32, or in "float32".

    Images have their channels last.  What a caller has set of Keras otherwise comes back behind the block.
    """
    import keras

    config = keras.config
    before = config.dtype_policy(), config.floatx(), config.image_data_format()
    config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    config.set_floatx("float32")
    config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        config.set_dtype_policy(before[0])
        config.set_floatx(before[1])
        config.set_image_data_format(before[2])


def has_gpu() -> bool:
    """Whether TensorFlow computes on a GPU, whose memory is its own."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def description() -> str:
    """Processor, threads, versions: what a measured time depends on."""
    import tensorflow as tf

    cap = os.environ.get("ONEDNN_MAX_CPU_ISA", "all instructions")
    return f"{processor()}, {os.cpu_count()} cores, {cap}, TensorFlow {tf.__version__}"


def processor() -> str:
    """The processor's name, as the operating system tells it."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next(line.split(":", 1)[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return name.strip()
