"""What a person's own configuration breaks before a line of ours runs, and how it is mended.

Nothing here imports TensorFlow.
"""

import os
import sys
import warnings
from types import ModuleType


def import_matplotlib() -> ModuleType:
    """matplotlib, also where $MPLBACKEND names a backend that it does not know: none is needed here."""
    try:
        import matplotlib
    except ValueError:
        os.environ.pop("MPLBACKEND", None)
        for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
            del sys.modules[name]
        import matplotlib
    return matplotlib


def forgive_warnings() -> None:
    """Where Python was told to make errors of warnings: what libraries warn of ends no training."""
    if any("error" in option for option in sys.warnoptions):
        warnings.resetwarnings()
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning):
            warnings.simplefilter("ignore", category)
        warnings.simplefilter("ignore", ResourceWarning)
