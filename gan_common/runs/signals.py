"""Signals that ask a training to stop: it finishes its step and saves; asked twice, it ends at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

# A closed terminal (SIGHUP, of Windows SIGBREAK) is no reason to lose a night's work.
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
ASKING = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


class StopSignals:
    """While this context lasts, a signal is told to `on_stop(number)` instead of ending the process.

    `on_continue()` is called when the process goes on after it was stopped from outside (SIGSTOP, or Ctrl-Z).

    The first one counts; a SIGINT after it ends the process at once.  Signals that are ignored, as
    `nohup` has it of SIGHUP, stay ignored.  Signals come to the main thread alone: in another one nothing is
    changed.
    """

    def __init__(
        self, on_stop: Callable[[int], None], on_continue: Callable[[], None] | None = None
    ) -> None:
        self._on_stop, self._on_continue = on_stop, on_continue
        self._asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        self._asked = False
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in ASKING:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._on_signal)
        if self._on_continue is not None and hasattr(signal, "SIGCONT"):
            self._before[signal.SIGCONT] = signal.getsignal(signal.SIGCONT)
            signal.signal(signal.SIGCONT, self._continued)
        return self

    def __exit__(self, *_: object) -> None:
        while self._before:
            number, before = self._before.popitem()
            signal.signal(number, signal.SIG_DFL if before is None else before)

    def _continued(self, _number: Any, _frame: Any) -> None:
        if self._on_continue is not None:
            self._on_continue()

    def _on_signal(self, number: Any, _frame: Any) -> None:
        if not self._asked:
            self._asked = True
            self._on_stop(number)
            name = signal.Signals(number).name
            _tell(f"\n{name}: finishing the step, then saving; Ctrl-C ends at once\n")
        elif number == signal.SIGINT:
            _tell("\nended at once; the last checkpoint is intact\n")
            os._exit(128 + number)


def _tell(text: str) -> None:
    """Write to stderr below Python's own buffers, which a signal may have come in the middle of."""
    with contextlib.suppress(OSError):
        os.write(2, text.encode())
