"""Mode collapse, made to happen, measured and cured (section 2.3.2): `python -m gan_common.modes`."""

from gan_common.modes.config import TASKS, Options, resolve
from gan_common.modes.points import (
    SAMPLES,
    SIGMA,
    centres,
    coverage,
    evenness,
    mode_coverage,
    sample,
)
from gan_common.modes.results import describe, summary, table_line

__all__ = [
    "SAMPLES",
    "SIGMA",
    "TASKS",
    "Options",
    "centres",
    "coverage",
    "describe",
    "evenness",
    "mode_coverage",
    "resolve",
    "sample",
    "summary",
    "table_line",
]  # fmt: skip
