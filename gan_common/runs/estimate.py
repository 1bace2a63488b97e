"""How long a training still takes, where its steps are not all as dear."""

from collections.abc import Sequence


class Estimate:
    """The time left, from the steps of the present phase and what those of others cost beside them.

    The first step of a phase, and of a process, does not count: it traces its graph.

    Args:
        total_steps: of the training.
        phases: (first step, cost of a step, in any unit) of each phase, the first from step 0 on.
    """

    def __init__(self, total_steps: int, phases: Sequence[tuple[int, float]] = ((0, 1.0),)) -> None:
        if not phases or phases[0][0] != 0 or any(cost <= 0 for _, cost in phases):
            raise ValueError(f"phases must begin at step 0, at costs > 0. Received: {phases}")
        self.total_steps, self.phases = total_steps, tuple(phases)
        self.begin(0, 0.0)

    def begin(self, step: int, seconds: float) -> None:
        """Start to measure at a step: a training that is taken up there."""
        self._step, self._phase = step, self._phase_of(step)
        self._seconds, self._mark = seconds, (step, seconds)
        self._first = True

    def after_step(self, step: int, seconds: float) -> None:
        """Take in that `step` steps are done, after so many seconds of training."""
        if step < self._step or self._phase_of(step - 1) != self._phase:
            self.begin(step - 1, seconds)
        self._step, self._seconds = step, seconds
        if self._first:
            self._mark, self._first = (step, seconds), False

    def left(self) -> float | None:
        """Seconds; None before anything was measured."""
        steps = self._step - self._mark[0]
        if not steps:
            return None
        per_step = (self._seconds - self._mark[1]) / steps
        cost = self.phases[self._phase][1]
        return per_step * self._cost_left() / cost

    def _phase_of(self, step: int) -> int:
        return max(i for i, (first, _) in enumerate(self.phases) if first <= max(step, 0))

    def _cost_left(self) -> float:
        ends = [*(first for first, _ in self.phases[1:]), self.total_steps]
        return sum(
            cost * max(0, min(end, self.total_steps) - max(first, self._step))
            for (first, cost), end in zip(self.phases, ends, strict=True)
        )
