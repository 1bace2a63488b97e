"""What happens between the steps of a training: curves, samples, checkpoints, progress, signals.

Both packages use it: `keras_dcgan` from a callback under `fit`, `ssgan_tf` from its own loop.
"""

import math
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from gan_common.doctor.treatment import GO_BACK, STOP, Treatment, bands
from gan_common.errors import UserError
from gan_common.runs.checkpoints import Checkpoints
from gan_common.runs.estimate import Estimate
from gan_common.runs.lock import Lock
from gan_common.runs.run import Run
from gan_common.runs.signals import StopSignals

# What the progress line shows of a step's numbers, and how.
SHOWN = {
    "d_loss": "D loss {:.3f}",
    "g_loss": "G loss {:.3f}",
    "d_real_accuracy": "D right on real {:.0%}",
    "d_fake_accuracy": "on fake {:.0%}",
    "validation_error": "validation error {:.1%}",
}


class Recorder:
    """What happens beside the training step: curves, samples, checkpoints, progress, time, signals.

    Args:
        run: the run.
        variables: what a checkpoint holds, see `checkpoints.Checkpoints`.
        draw_samples: () → uint8 images (N, H, W, C) of one fixed set of latents.
        steps_per_epoch, total_steps, batch_size: of the training.
        log_every, sample_every, save_every: in steps.
        max_minutes: training time after which the run ends, over all its parts; None is no limit.
        quality: () → a number, the lower the better, that the best checkpoint is chosen by.
        treatment: watches over the training's health, and acts; None leaves that out.
        phases: (first step, cost of a step) where steps are not all as dear, for the time left.
    """

    def __init__(
        self,
        run: Run,
        variables: Mapping[str, Sequence],
        draw_samples: Callable[[], np.ndarray],
        *,
        steps_per_epoch: int,
        total_steps: int,
        batch_size: int,
        log_every: int = 20,
        sample_every: int,
        save_every: int,
        max_minutes: float | None = None,
        quality: Callable[[], float] | None = None,
        treatment: Treatment | None = None,
        phases: Sequence[tuple[int, float]] = ((0, 1.0),),
    ) -> None:
        self.run, self.draw_samples = run, draw_samples
        self.checkpoints = Checkpoints(run, variables)
        self.quality = quality
        self._lock, self._signals = Lock(run.folder), StopSignals(self._on_stop, self._on_continue)
        self.steps_per_epoch, self.total_steps = steps_per_epoch, total_steps
        self.batch_size = batch_size
        self.log_every, self.sample_every, self.save_every = log_every, sample_every, save_every
        self.max_seconds = None if max_minutes is None else 60 * max_minutes
        self.treatment = treatment
        self.step = 0
        self.seconds = 0.0  # of training, over all parts of the run
        self.interrupted: int | None = None  # the signal that asked to stop
        self._sums: dict[str, float] = {}
        self._count = 0
        self._estimate = Estimate(total_steps, phases)

    def restore(self) -> int:
        """Go back to the newest sound checkpoint; the number of steps that it had done.

        Raises:
            UserError: another process trains in the folder; or as `Checkpoints.restore`.
        """
        self._lock.acquire()
        try:
            if self._lock.stale:
                print(
                    f"{self._lock.stale} ended without closing the run; going on from its last "
                    "checkpoint",
                    file=sys.stderr,
                )
            state = self.checkpoints.restore()
            if state is not None:
                self._take_up(state)
            self.run.forget_after(self.step)
            if state is not None and self.treatment is not None:
                findings = self.treatment.findings
                self.run.write_findings(findings, known=len(findings))
        except BaseException:
            self._lock.release()
            raise
        return self.step

    def _take_up(self, state: Mapping) -> None:
        try:
            self.step, self.seconds = int(state["step"]), float(state["seconds"])
            self._sums = {str(name): float(value) for name, value in state["sums"].items()}
            self._count = int(state["count"])
            if self.treatment is not None and "treatment" in state:
                self.treatment.restore(state["treatment"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"{self.checkpoints.folder}: the newest checkpoint does not say where the training "
                f"stood ({error!r}); remove it to go on from the one before"
            ) from error

    def save(self) -> None:
        """Write a checkpoint of now.

        Raises:
            UserError: NaN or infinity in the numbers or the variables, or a disk that is full: the
                checkpoints before are left as they were.
        """
        self._check_finite()
        if (group := self.checkpoints.not_finite()) is not None:
            raise self._diverged(group, "no longer finite")
        self.run.sync()
        state: dict[str, Any] = {"step": self.step, "seconds": self.seconds}
        state |= {"sums": self._sums, "count": self._count}
        if self.treatment is not None:
            state["treatment"] = self.treatment.state()
        self.checkpoints.save(self.step, state, None if self.quality is None else self.quality())

    def _check_finite(self) -> None:
        for name, total in self._sums.items():
            if not math.isfinite(total):
                raise self._diverged(name, total)

    def _diverged(self, name: str, value: Any) -> UserError:
        return UserError(
            f"{name} is {value} at step {self.step}: the training has diverged; the last checkpoint "
            "is sound. Start again with a lower learning rate"
        )

    def __enter__(self) -> "Recorder":
        self._lock.acquire()
        self._signals.__enter__()
        try:
            self._mark = self._shown = time.perf_counter()
            self._start = (self.step, self.seconds)
            self._estimate.begin(self.step, self.seconds)
            if self.step == 0:
                self.run.add_sample(0, self.draw_samples())
                if self.treatment is not None:
                    self._begin(self.treatment)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.run.close()
        self._signals.__exit__()
        self._lock.release()

    def _on_stop(self, number: int) -> None:
        self.interrupted = number

    def _on_continue(self) -> None:
        """The time that the process was stopped is not training."""
        self._mark = time.perf_counter()

    def after_step(self, step: int, values: Mapping[str, float]) -> bool:
        """Record that `step` steps are done; True when the training should stop.

        Args:
            step: steps done since the beginning of the run.
            values: this step's losses, accuracies and norms.
        """
        now = time.perf_counter()
        self.seconds += now - self._mark
        self._mark = now
        self.step = step
        self._estimate.after_step(step, self.seconds)
        if self.treatment is not None:
            if self._treat(self.treatment, step, values):
                return True
            values = {**values, **dict(zip(("d_rate", "g_rate"), self._rates, strict=True))}
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        self._count += 1
        complete = self.finished and self.interrupted is None
        if step % self.log_every == 0 or complete:
            self._log_row()
        if step % self.sample_every == 0 or complete:
            self.run.add_sample(step, self.draw_samples())
        try:
            self._show_progress(values)
        except OSError:  # whoever read the progress has gone: save, and stop
            self.interrupted = self.interrupted or getattr(signal, "SIGPIPE", signal.SIGTERM)
        if step % self.save_every == 0 or self.finished:
            self.save()
        # Samples and checkpoints are not training: their time is left out of `seconds`.
        self._mark = time.perf_counter()
        return self.finished

    # ------------------------------------------------------------------ the doctor

    def _begin(self, treatment: Treatment) -> None:
        """Look at the first images; keep a checkpoint where the treatment may have to go back."""
        action = treatment.start()
        self.run.write_findings(treatment.findings)
        if action == STOP:
            self._stop(treatment)
        if treatment.on_failure == "lower_lr":
            self.save()

    def _treat(self, treatment: Treatment, step: int, values: Mapping[str, float]) -> bool:
        """Have a step judged; True when the training now stands at an earlier checkpoint.

        Raises:
            UserError: when the training is not healthy and should end.
        """
        known = len(treatment.findings)
        self._rates = treatment.rates  # that this step was taken with
        action = treatment.after_step(step, values)
        if len(treatment.findings) > known:
            self.run.write_findings(treatment.findings, known)
        if action == STOP:
            self._stop(treatment)
        if action == GO_BACK:
            self._go_back(treatment)
        return action == GO_BACK

    def _stop(self, treatment: Treatment) -> NoReturn:
        finding = treatment.findings[-1]
        paths = self.checkpoints.paths()
        if paths:
            mend = (
                f"the last good checkpoint is {paths[-1]}: go on from it with "
                f"--resume {self.run.folder} --on_failure pause (or lower_lr)"
            )
        else:
            mend = "there is no checkpoint yet: start a new run"
        raise UserError(f"{finding} Stopped; {mend}")

    def _go_back(self, treatment: Treatment) -> None:
        """Go on from the last good checkpoint."""
        failed, lowered, findings = self.step, treatment.lowered, treatment.findings
        state = self.checkpoints.restore()
        if state is None:
            self._stop(treatment)
        self._take_up(state)
        treatment.gone_back(lowered, findings)
        self.run.forget_after(self.step)
        self._mark = time.perf_counter()
        print(f"back from step {failed} to the checkpoint of step {self.step}", flush=True)

    def _log_row(self) -> None:
        self._check_finite()
        means = {name: total / self._count for name, total in self._sums.items()}
        epoch = self.step / self.steps_per_epoch
        row = {"step": self.step, "epoch": round(epoch, 4), "seconds": round(self.seconds, 3)}
        row |= {"images_per_second": round(self.images_per_second, 1), **means}
        self.run.log(row | (self.treatment.row() if self.treatment is not None else {}))
        self._sums, self._count = {}, 0

    @property
    def out_of_time(self) -> bool:
        """Whether --max_minutes are over."""
        return self.max_seconds is not None and self.seconds >= self.max_seconds

    @property
    def finished(self) -> bool:
        """Whether there is a reason to take no further step."""
        return self.step >= self.total_steps or self.out_of_time or self.interrupted is not None

    def draw_pictures(self) -> tuple[Path, Path]:
        """The run's samples over time and its curves, with what the doctor found shaded."""
        if self.treatment is None:
            return self.run.draw_pictures()
        return self.run.draw_pictures(bands(self.treatment.findings, self.run.rows(), self.step))

    def totals(self) -> dict[str, float]:
        """For the summary: seconds of training, steps, and real images trained on per second."""
        speed = self.step * self.batch_size / max(self.seconds, 1e-9)
        return {"seconds": self.seconds, "steps": self.step, "images_per_second": speed}

    @property
    def images_per_second(self) -> float:
        """Real images trained on per second, since this process started."""
        step, seconds = self._start
        return (self.step - step) * self.batch_size / max(self.seconds - seconds, 1e-9)

    def _show_progress(self, values: Mapping[str, float]) -> None:
        now = time.perf_counter()
        on_terminal = sys.stdout.isatty()
        last = self.finished
        if not last and now - self._shown < (0.5 if on_terminal else 10):
            return
        self._shown = now
        left = self._estimate.left()
        if self.max_seconds is not None:
            left = min(math.inf if left is None else left, self.max_seconds - self.seconds)
        timed = self.max_seconds is not None and left == self.max_seconds - self.seconds
        epoch, epochs = (steps / self.steps_per_epoch for steps in (self.step, self.total_steps))
        shown = [
            f"epoch {epoch:.1f}" if timed else f"epoch {epoch:.1f}/{round(epochs, 1):g}",
            f"{self.images_per_second:.0f} images/s",
            *(SHOWN[name].format(float(values[name])) for name in _shown(values)),
            *([] if left is None else [f"{max(left, 0) / 60:.1f} min left"]),
        ]
        text = "  ".join(shown)
        if on_terminal:
            width = shutil.get_terminal_size().columns
            print("\r" + text[: width - 1].ljust(width - 1), end="\n" if last else "", flush=True)
        else:
            print(text, flush=True)


def _shown(values: Mapping[str, float]) -> list[str]:
    """The names of what the progress line tells: not of a game or a look that are still to come."""
    to_come = {"validation_error"} if values.get("validation_error") == 1 else set()
    if values.get("g_loss") == 0:
        to_come |= {"g_loss", "d_real_accuracy", "d_fake_accuracy"}
    return [name for name in SHOWN if name in values and name not in to_come]
