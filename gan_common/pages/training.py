"""The page of a training: what its folder says, refreshed while it runs; pause and stop by signals."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nicegui import ui

from gan_common import data, plotting
from gan_common.cli import length
from gan_common.doctor import Finding
from gan_common.doctor.diagnosis import DIAGNOSES
from gan_common.doctor.treatment import bands
from gan_common.errors import UserError, one_line
from gan_common.pages import frame
from gan_common.pages.frame import button, heading
from gan_common.runs import lock
from gan_common.runs.run import Run, step_of

EVERY = 2.0  # seconds between two looks at the folder
RECENT = 10  # rows that the speed is taken from
TOLD = {
    "d_loss": "discriminator's loss",
    "g_loss": "generator's loss",
    "d_real_accuracy": "discriminator right on real pictures",
    "d_fake_accuracy": "discriminator right on generated ones",
    "validation_error": "validation error",
}


def holder(folder: Path) -> int | None:
    """The process that trains in a run's folder on this machine, or None.

    Nothing is written: the lock is tried and let go.
    """
    try:
        content = json.loads((Path(folder) / lock.NAME).read_bytes())
        host, pid = str(content["host"]), int(content["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if host != socket.gethostname() or pid <= 1 or not lock.is_held(Path(folder)):
        return None
    return pid


def state_of(pid: int) -> str:
    """Whether a process "runs" or is "paused"."""
    found = subprocess.run(
        ["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "paused" if found.stdout.strip().startswith("T") else "runs"


def send(folder: Path, *names: str) -> None:
    """Send signals, by their names, to the process that trains in a run's folder.

    Raises:
        UserError: there is none, it is another user's, or this system has no such signal.
    """
    if any(not hasattr(signal, name) for name in names):
        raise UserError(f"this system has no {' and '.join(names)}; press Ctrl-C in its terminal")
    pid = holder(folder)
    if pid is None:
        raise UserError("no training runs in this folder on this machine")
    try:
        for name in names:
            os.kill(pid, getattr(signal, name))
    except OSError as error:
        raise UserError(f"process {pid} does not take signals: {error.strerror}") from error


class Seen(NamedTuple):
    """What a run's folder says now.

    Attributes:
        state: "runs", "paused" or "ended".
        step, total_steps: of the training; the total is None where the time ends it.
        seconds_left: None before there is enough to tell.
        row: the last numbers.
        findings: the doctor's sentences, oldest first.
        sample: the newest grid.
        rows: how many rows there are.
    """

    state: str
    step: int
    total_steps: int | None
    seconds_left: float | None
    row: Mapping[str, float]
    findings: list[str]
    sample: Path | None
    rows: int

    def sentence(self) -> str:
        """State, step and time left."""
        of = "" if self.total_steps is None else f" of {self.total_steps:,}"
        told = {"runs": "The training runs", "paused": "The training is paused"}
        text = f"{told.get(self.state, 'No training runs here now')}: step {self.step:,}{of}"
        if self.state != "ended" and self.seconds_left is not None:
            text += f", {self.seconds_left / 60:.1f} min left"
        return text + "."


def look(run: Run, config: Any) -> Seen:
    """Read a run's folder.

    Raises:
        UserError: a file in it is damaged.
    """
    rows = run.rows()
    samples = run.sample_files()
    pid = holder(run.folder)
    total = length.total_steps(config, data.steps_per_epoch(run.pictures() or 1, config.batch_size))
    timed = config.max_minutes is not None and total >= length.TIMED_STEPS
    last = rows[-1] if rows else {}
    step = int(last.get("step", step_of(samples[-1]) or 0 if samples else 0))
    return Seen(
        state="ended" if pid is None else state_of(pid),
        step=step,
        total_steps=None if timed else total,
        seconds_left=_left(rows, total, config.max_minutes),
        row=last,
        findings=list(map(str, read_findings(run))),
        sample=samples[-1] if samples else None,
        rows=len(rows),
    )


def _left(rows: list[dict[str, float]], total: int, max_minutes: float | None) -> float | None:
    if len(rows) < 2:
        return None
    before, last = rows[-min(RECENT, len(rows))], rows[-1]
    steps = last["step"] - before["step"]
    left = (total - last["step"]) * (last["seconds"] - before["seconds"]) / max(steps, 1)
    if max_minutes is not None:
        left = min(left, 60 * max_minutes - last["seconds"])
    return max(left, 0.0)


def read_findings(run: Run) -> list[Finding]:
    """What the doctor has found in a run, oldest first.

    Raises:
        UserError: the file is damaged.
    """
    path = run.folder / "doctor.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["findings"]
        keys = [field.name for field in dataclasses.fields(Finding)]
        findings = [Finding(**{key: each[key] for key in keys}) for each in found]
        for finding in findings:
            if finding.name not in DIAGNOSES or type(finding.step) is not int:
                raise ValueError(f"{finding.name!r} at step {finding.step!r}")
        return findings
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({one_line(error)})") from error


def curves(run: Run) -> bytes:
    """The PNG of the run's curves, with what the doctor found shaded."""
    rows = run.rows()
    found = read_findings(run)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "curves.png"
        plotting.loss_curves(path, rows, bands(found, rows, int(rows[-1]["step"])))
        return path.read_bytes()


class TrainingPage:
    """What one tab shows of a training, and asks of it."""

    def __init__(
        self,
        run: Run,
        config: Any,
        links: dict[str, str],
        here: str,
        worker: frame.Worker,
        trouble: str = "",
    ) -> None:
        self.run, self.config, self._worker = run, config, worker
        self._rows = 0
        self._sample: Path | None = None
        with frame.frame("The training", links, here):
            ui.label(str(run.folder)).classes("hint")
            self.trouble = frame.Trouble()
            self.trouble.say(trouble)
            self.told = ui.label().props("role=status")
            with ui.element("div").classes("flex flex-wrap gap-2"):
                # One that is paused takes SIGTERM only when it goes on.
                self._pause = button("Pause", self._send("SIGSTOP"))
                self._go_on = button("Go on", self._send("SIGCONT"))
                self._stop = button("Stop and save", self._send("SIGTERM", "SIGCONT"))
            with ui.element("div").style(
                "display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); "
                "gap: 1.5rem; width: 100%"
            ):
                with ui.element("section").props("aria-label='Samples'").classes("min-w-0"):
                    heading("Samples")
                    self.sample = frame.picture("no samples yet")
                with ui.element("section").props("aria-label='Numbers'").classes("min-w-0"):
                    heading("Numbers of the last step that was logged")
                    self.numbers = ui.element("dl").classes("text-sm")
                    heading("What the doctor says").style("margin-top: 1rem")
                    self.doctor = ui.element("ul").classes("list-disc pl-4 text-sm")
            with ui.element("section").props("aria-label='Curves'").classes("w-full min-w-0"):
                heading("Curves")
                self.curves = ui.element("img").classes("max-w-full").props("alt='no curves yet'")
                self.curves.props["src"] = frame.EMPTY
        ui.timer(EVERY, self._refresh)

    def _send(self, *names: str) -> Any:
        async def ask() -> None:
            send(self.run.folder, *names)
            await self._refresh()

        return self.trouble.guarded(ask)

    async def _refresh(self) -> None:
        try:
            seen = await self._worker(look, self.run, self.config)
            self._show(seen)
            if seen.rows > self._rows:
                self._rows = seen.rows
                self.curves.props["src"] = frame.data_url(await self._worker(curves, self.run))
                self.curves.props["alt"] = f"losses and accuracies over {seen.step} steps"
                self.curves.update()
        except UserError as error:
            self.trouble.say(one_line(error))

    def _show(self, seen: Seen) -> None:
        self.told.set_text(seen.sentence())
        for element, asked in (
            (self._pause, seen.state == "runs"),
            (self._go_on, seen.state == "paused"),
            (self._stop, seen.state != "ended"),
        ):
            element.props["disabled"] = not asked
            element.update()
        if seen.sample is not None and seen.sample != self._sample:
            self._sample = seen.sample
            self.sample.props["src"] = frame.data_url(seen.sample.read_bytes())
            self.sample.props["alt"] = f"samples of step {step_of(seen.sample)}"
            self.sample.update()
        self.numbers.clear()
        with self.numbers:
            for name, title in TOLD.items():
                if name in seen.row:
                    share = name.endswith(("accuracy", "error"))
                    with ui.element("div").classes("flex justify-between gap-2 border-b"):
                        with ui.element("dt"):
                            ui.label(title)
                        with ui.element("dd").props(f'data-told="{name}"'):
                            ui.label(f"{seen.row[name]:.1%}" if share else f"{seen.row[name]:.3f}")
        self.doctor.clear()
        with self.doctor:
            for text in seen.findings[::-1] or ["nothing so far"]:
                with ui.element("li"):
                    ui.label(text)
