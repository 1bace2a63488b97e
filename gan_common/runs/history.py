"""A training's numbers and samples kept in memory: what a notebook has in place of a run's folder."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_common.doctor.treatment import GO_ON


class History:
    """Stands where `gan_common.runs.recorder.Recorder` does in both packages' `fit`, and writes nothing.

    Args:
        total_steps: the training ends after them.
        draw_samples: () → images of one fixed set of latents; None keeps no samples.
        sample_every: steps from one sample to the next; by default only the last one is taken.
        on_sample: called with this object after each sample, to show the training as it goes.
        treatment: a `treatment.Treatment` that watches the training's health, and may end it; also before
            the first step.

    Attributes:
        step: steps done.
        seconds: of training.
        rows: a mapping a step: `step`, losses, accuracies, gradient norms.
        samples: step → what `draw_samples` gave.
    """

    max_seconds = None
    interrupted = None

    def __init__(
        self,
        total_steps: int,
        *,
        draw_samples: Callable[[], np.ndarray] | None = None,
        sample_every: int | None = None,
        on_sample: Callable[["History"], None] | None = None,
        treatment: Any = None,
    ) -> None:
        if total_steps < 1:
            raise ValueError(f"total_steps must be at least 1. Received: total_steps={total_steps}")
        self.total_steps = total_steps
        self.draw_samples, self.sample_every, self.on_sample = draw_samples, sample_every, on_sample
        self.treatment = treatment
        self.step, self.seconds = 0, 0.0
        self.rows: list[dict[str, float]] = []
        self.samples: dict[int, np.ndarray] = {}
        self._mark: float | None = None
        # Without checkpoints there is no going back: whatever is not GO_ON is the end.
        self._stopped = treatment is not None and treatment.start() != GO_ON
        if self._stopped:
            self._draw()

    @property
    def finished(self) -> bool:
        """Whether all steps are done, or the treatment has ended the training."""
        return self._stopped or self.step >= self.total_steps

    def after_step(self, step: int, values: Mapping[str, float]) -> bool:
        """Take in that `step` steps are done; True when they are all."""
        now = time.perf_counter()
        if self._mark is not None:  # the first step's time is that of tracing its graph
            self.seconds += now - self._mark
        self.step = step
        self.rows.append({"step": step, **{name: float(v) for name, v in values.items()}})
        if self.treatment is not None:
            self._stopped = self.treatment.after_step(step, self.rows[-1]) != GO_ON
            d_rate, g_rate = self.treatment.rates
            self.rows[-1] |= {"d_rate": d_rate, "g_rate": g_rate}
        due = self.sample_every is not None and step % self.sample_every == 0
        if due or self.finished:
            self._draw()
        self._mark = time.perf_counter()
        return self.finished

    def _draw(self) -> None:
        if self.draw_samples is None:
            return
        self.samples[self.step] = self.draw_samples()
        if self.on_sample is not None:
            self.on_sample(self)

    @property
    def steps_per_second(self) -> float:
        """Training steps per second, without the first one."""
        return (len(self.rows) - 1) / max(self.seconds, 1e-9)

    def curve(self, name: str, window: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of a column, as means over `window` steps; what does not fill one is left out."""
        steps = np.array([row["step"] for row in self.rows])
        values = np.array([row[name] for row in self.rows])
        window = max(1, min(window, len(values)))
        whole = len(values) // window * window
        return (
            steps[:whole].reshape(-1, window)[:, -1],
            values[:whole].reshape(-1, window).mean(axis=1),
        )

    def last(self, name: str, steps: int = 50) -> float:
        """The mean of a column over the last steps."""
        return float(np.mean([row[name] for row in self.rows[-steps:]]))
