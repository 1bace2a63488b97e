"""What a training loop needs of whoever records it: written down once, for those who stand in that place.

`recorder.Recorder` writes a run's folder, `history.History` keeps the numbers in memory,
`distribute.Follower` only counts, and the benchmarks have one that hands out turns.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


@runtime_checkable
class StepRecorder(Protocol):
    """Told of every step; says when to stop.

    Attributes:
        step: steps done.  After `after_step` it may be an earlier one than that told: the training then goes
            on from there, its variables having been restored.
        total_steps: after which the run is complete.
        seconds: of training so far, over all parts of the run.
        max_seconds: after which it ends; None is no limit.
        interrupted: the signal that asked to stop, if one did.
    """

    step: int
    total_steps: int
    seconds: float
    max_seconds: float | None
    interrupted: int | None

    @property
    def finished(self) -> bool:
        """Whether there is a reason to take no further step."""

    def after_step(self, step: int, values: Mapping[str, float]) -> bool:
        """Take in that `step` steps are done, with the last one's numbers; whether to stop."""
