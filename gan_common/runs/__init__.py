"""A run's folder: configuration, checkpoints, recorder, lock, signals."""

from gan_common.runs.run import Run, is_shown, read_summary

__all__ = [
    "Run", "is_shown", "read_summary",
]  # fmt: skip
