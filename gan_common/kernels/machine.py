"""What the machine at hand computes well."""

import platform
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

    for gpu in tf.config.list_physical_devices("GPU"):
        capability = tf.config.experimental.get_device_details(gpu).get(
            "compute_capability", (0, 0)
        )
        return "bfloat16" if capability >= (8, 0) else "float32"
    try:
        flags = CPUINFO.read_text(encoding="ascii", errors="replace").split()
    except OSError:  # not Linux
        return "float32"
    fast = {"avx512_bf16", "amx_bf16"} if platform.machine() == "x86_64" else {"bf16"}
    return "bfloat16" if fast & set(flags) else "float32"
