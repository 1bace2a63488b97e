"""Importing this module imports TensorFlow and Keras without their start-up chatter.

TensorFlow's C++ core prints lines about CUDA and oneDNN before its own logging (and so
`TF_CPP_MIN_LOG_LEVEL`) is set up.  They come from below Python, so the only place to stop them is the
file descriptor.  If the import fails, what was held back is shown.  Set `TF_CPP_MIN_LOG_LEVEL` to
0, 1 or 2 to see everything.
"""

import os
import sys
import tempfile


def _import_tensorflow() -> None:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        import keras

        return
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            held_back.seek(0)
            os.write(screen, held_back.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)


if "tensorflow" not in sys.modules:
    _import_tensorflow()
