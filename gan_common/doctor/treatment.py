"""What is done about a diagnosis: said once, written down, and acted on as --on_failure says.

`Treatment` binds a `doctor.Doctor` to a training: `recorder.Recorder` asks it after every step, for both
packages alike; `DoctorCallback` brings it to any other `Model.fit`.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gan_common.doctor import diagnosis
from gan_common.doctor.diagnosis import DIAGNOSES, Doctor, Finding

# In these D wins, and holding it back gives G time.
HOLD_BACK_FOR = ("strong_d", "bad_init")
SLOWED = (
    0.1  # of its learning rate is left to a D that is slowed, and to both nets when steps overshoot
)
MOST_HELD = 500  # steps; a G that has not caught up by then will not by waiting
MOST_LOWERED = (
    3  # times; a training that still diverges at a thousandth of its rates has another fault
)

GO_ON, STOP, GO_BACK = "go on", "stop", "go back"


class Treatment:
    """A doctor and what it may do.

    Args:
        watching: the doctor.
        on_failure: "warn" says what is wrong; "pause" also skips D's updates while it is ahead, and
            "lower_lr" gives D a tenth of its rate for that time, and both nets a tenth of theirs when
            steps overshoot; "stop" ends the training.
        set_rates: (share of D's rate, share of G's rate); 0 means no update at all.
        look: () → images that G draws now, for `doctor.look_at`; None leaves images out.
        say: is given each sentence.
    """

    def __init__(
        self,
        watching: Doctor,
        on_failure: str,
        set_rates: Callable[[float, float], None],
        look: Callable[[], np.ndarray] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.doctor, self.on_failure = watching, on_failure
        self.look, self.say = look, say
        self.findings: list[Finding] = []
        self.held_since: int | None = None  # the step that D was paused or slowed at
        self.lowered = 0  # how often both rates were lowered
        self._set_rates = set_rates

    @property
    def rates(self) -> tuple[float, float]:
        """The shares of their learning rates that D and G have now."""
        scale = SLOWED**self.lowered
        if self.held_since is None:
            return scale, scale
        return scale * {"pause": 0.0, "lower_lr": SLOWED}.get(self.on_failure, 1.0), scale

    def start(self) -> str:
        """Look at what an untrained G draws; `GO_ON` or `STOP`."""
        return self._act(self.doctor.look(0, self.look())) if self.look else GO_ON

    def after_step(self, step: int, values: Mapping[str, float]) -> str:
        """Judge a step, and act.

        Returns:
            `GO_ON`; `STOP` when the training should end; `GO_BACK` when numbers are not finite and it
            should go on from the last checkpoint, with the lower rates that this has set.
        """
        found = self.doctor.observe(step, values, held_back=self.held_since is not None)
        if self.look and diagnosis.look_due(step) and "nan" not in self.doctor.active:
            found += self.doctor.look(step, self.look())
        before = self.rates
        action = self._act(found)
        if action == GO_ON:
            self._hold_back(step)
        if self.rates != before:
            self._set_rates(*self.rates)
        return action

    def _act(self, found: Sequence[Finding]) -> str:
        action = GO_ON
        for finding in found:
            self.findings.append(finding)
            self.say(str(finding))
            if not finding.began:
                continue
            lower = self.on_failure == "lower_lr" and self.lowered < MOST_LOWERED
            if finding.name in ("nan", "high_lr") and lower:
                self.lowered += 1
                self.say(
                    f"step {finding.step}: both learning rates go on at {SLOWED:g} of what they were"
                )
                action = GO_BACK if finding.name == "nan" else action
            elif finding.name == "nan" or self.on_failure == "stop":
                return STOP
        return action

    def _hold_back(self, step: int) -> None:
        """Pause or slow D while it is ahead in one of the states that this helps in."""
        if self.on_failure not in ("pause", "lower_lr"):
            return
        if self.held_since is not None:
            if self.doctor.g_has_caught_up or step - self.held_since >= MOST_HELD:
                self.held_since = None
        elif self.doctor.d_is_ahead and set(HOLD_BACK_FOR) & set(self.doctor.active):
            self.held_since = step

    def row(self) -> dict[str, float]:
        """What a row of metrics.csv says of the last look and of the state.

        `diagnosis` is 0, or the number, from 1, in `DIAGNOSES` of the first finding that holds.
        """
        names = [number for number, name in enumerate(DIAGNOSES, 1) if name in self.doctor.active]
        row = {"diagnosis": float(min(names, default=0))}
        if self.look:
            row |= {
                "diversity": self.doctor.diversity,
                "nearest_diversity": self.doctor.nearest,
                "clipped_share": self.doctor.clipped,
            }
        return row

    # ---------------------------------------------------------------------- to resume

    def state(self) -> dict:
        """All that a resumed run needs, in JSON's types."""
        return {
            "doctor": self.doctor.state(),
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "held_since": self.held_since,
            "lowered": self.lowered,
        }

    def restore(self, state: Mapping) -> None:
        """Go on from a `state`."""
        self.doctor.restore(state["doctor"])
        self.findings = [Finding(**finding) for finding in state["findings"]]
        self.held_since, self.lowered = state["held_since"], state["lowered"]
        self._set_rates(*self.rates)

    def gone_back(self, lowered: int, findings: Sequence[Finding]) -> None:
        """A checkpoint's state was restored after numbers that were not finite: keep what led back to it.

        Args:
            lowered, findings: what they were before.
        """
        self.lowered = lowered
        since = findings[len(self.findings) :]
        self.findings += [f for f in since if f.name == "nan" and f.began]
        self.doctor.active["nan"] = findings[-1].step
        self._set_rates(*self.rates)


def bands(
    findings: Sequence[Finding], rows: Sequence[Mapping[str, float]], last_step: int
) -> list[tuple[float, float, str]]:
    """Stretches of a run to shade, (first step, last step, label): findings, and D held back.

    Args:
        findings: of a `Treatment`.
        rows: of metrics.csv; `d_rate` is the mean share of its rate that D had since the row before.
        last_step: where what is not over ends.
    """
    stretches: list[tuple[float, float, str]] = []
    open_since: dict[str, int] = {}
    for finding in findings:
        if finding.began:
            open_since[finding.name] = finding.step
        elif finding.name in open_since:
            stretches.append((open_since.pop(finding.name), finding.step, finding.name))
    stretches += [(step, last_step, name) for name, step in open_since.items()]
    shaded = [(first, last, DIAGNOSES[name].short) for first, last, name in stretches]
    previous, start = 0.0, None
    for row in [*rows, {"step": last_step}]:
        # A rate that G shares is no holding back of D; a few steps of a row are too short to see.
        held = row.get("d_rate", 1.0) < 0.5 * row.get("g_rate", 1.0)
        if held and start is None:
            start = previous
        elif not held and start is not None:
            shaded.append((start, previous, "D held back"))
            start = None
        previous = row["step"]
    return shaded
