"""Importing this module imports TensorFlow and Keras without their start-up chatter, set as is needed here.

TensorFlow's C++ core prints lines about CUDA and oneDNN before its own logging (and so
`TF_CPP_MIN_LOG_LEVEL`) is set up.  They come from below Python, so the only place to stop them is the
file descriptor.  If the import fails, what was held back is shown.  Set `TF_CPP_MIN_LOG_LEVEL` to
0, 1 or 2 to see everything.

What ~/.keras/keras.json and Keras's variables may say otherwise is set to what the networks here are written
for: float32, channels last, as many steps as are asked for.  On a GPU memory is taken as it is needed, so
that two processes can share it.
"""

import contextlib
import os
import platform
import sys
import tempfile
import warnings
from pathlib import Path

from gan_common import outside
from gan_common.errors import UserError, one_line

CPUINFO = Path("/proc/cpuinfo")
# Keras stops a training by these, or does not start.
OF_KERAS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED")
OF_PROTOBUF = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"


def _import_tensorflow() -> None:
    for name in OF_KERAS:
        os.environ.pop(name, None)
    if os.environ.get(OF_PROTOBUF) == "cpp":  # which newer versions have no more, and stop at
        del os.environ[OF_PROTOBUF]
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        _import()
        return
    try:
        held_back = tempfile.TemporaryFile()  # noqa: SIM115 (the with is below)
    except OSError:  # nowhere to put it
        _import()
        return
    sys.stderr.flush()
    screen = os.dup(2)
    with held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            _import()
        except UserError:  # says it all
            raise
        except BaseException:
            held_back.seek(0)
            os.write(screen, held_back.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)


def _import() -> None:
    """Import both; of what they warn of themselves nothing is an error."""
    _check_processor()
    outside.check_shadows(("tensorflow", "keras"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import tensorflow  # noqa: F401
        except ImportError as error:
            more = "; it needs Microsoft's Visual C++ Redistributable" if os.name == "nt" else ""
            raise UserError(
                f"TensorFlow cannot be loaded ({one_line(error)}); install it again{more}"
            ) from error
        outside.import_matplotlib()  # because Keras does
        try:
            import keras  # noqa: F401
        except (AssertionError, AttributeError, ImportError, TypeError, ValueError) as error:
            file = os.path.join(os.environ.get("KERAS_HOME") or "~/.keras", "keras.json")
            raise UserError(
                f"Keras does not start ({one_line(error)}); mend or remove {file}"
            ) from error


def _check_processor() -> None:
    """Refuse one on which TensorFlow's wheels die of an illegal instruction."""
    try:
        flags = CPUINFO.read_text(encoding="ascii", errors="replace").split()
    except OSError:  # not Linux
        return
    if platform.machine() == "x86_64" and "sse2" in flags and "avx" not in flags:
        raise UserError(
            "TensorFlow needs a processor with AVX, which this one does not show; let a virtual machine "
            "have its host's"
        )


def _settle() -> None:
    """Set what a person's configuration may have set otherwise."""
    import keras
    import tensorflow as tf

    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(
            RuntimeError, ValueError
        ):  # at work already, or of a kind without it
            tf.config.experimental.set_memory_growth(gpu, True)


if "tensorflow" not in sys.modules:
    _import_tensorflow()
_settle()
