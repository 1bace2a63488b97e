"""What a person's own configuration breaks before a line of ours runs, and how it is mended.

Nothing here imports TensorFlow.
"""

import importlib.util
import os
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType

from gan_common.errors import UserError


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


def check_shadows(names: Sequence[str]) -> None:
    """Refuse a person's own file that Python takes for a library: keras.py in the folder that one is in.

    Raises:
        UserError: one of these names is found as a single file.
    """
    for name in names:
        found = None if name in sys.modules else importlib.util.find_spec(name)
        if found is not None and found.origin is not None and not found.submodule_search_locations:
            raise UserError(
                f"{found.origin} hides the library {name}; rename it, or work elsewhere"
            )


def forget_servers_settings() -> None:
    """Leave aside what is set for other servers: several processes, and a store on another machine."""
    for name in ("WEB_CONCURRENCY", "NICEGUI_REDIS_URL"):
        os.environ.pop(name, None)


def forgive_warnings() -> None:
    """Where Python was told to make errors of warnings: what libraries warn of ends no training."""
    if any("error" in option for option in sys.warnoptions):
        warnings.resetwarnings()
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning):
            warnings.simplefilter("ignore", category)
        warnings.simplefilter("ignore", ResourceWarning)
