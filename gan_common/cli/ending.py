"""How a command ends when it is interrupted, or cannot even say why it ends.

Nothing here imports TensorFlow.
"""

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, TextIO

AGAIN = 0.05  # seconds until an interruption that was swallowed comes again
ONE_BURST = 1.0  # seconds within which several signals are one


class Terminated(KeyboardInterrupt):
    """SIGTERM outside the training loop, which has a handler of its own."""


class Interruptions:
    """While this context lasts, SIGINT and SIGTERM become exceptions that arrive, and arrive once.

    Python raises them wherever it is at that moment.  In a destructor or a callback of C code they are
    printed and forgotten; here they come again a little later.  Of a burst the first counts: the others would
    be raised amid what the first one has cleaned up.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._hook: Any = None
        self._last = -ONE_BURST
        self._over = False

    def __enter__(self) -> "Interruptions":
        self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        if threading.current_thread() is threading.main_thread():
            self._before = {signal.SIGTERM: signal.getsignal(signal.SIGTERM)}
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                self._before[signal.SIGINT] = signal.default_int_handler
            for number in self._before:
                signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)
        sys.unraisablehook = self._hook

    def over(self) -> None:
        """From here on the command ends anyway: signals change nothing any more."""
        self._over = True

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._over or now - self._last < ONE_BURST:
            return
        self._last = now
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def _unraisable(self, told: Any) -> None:
        if self._over or not isinstance(told.exc_value, KeyboardInterrupt):
            self._hook(told)
            return
        number = signal.SIGTERM if isinstance(told.exc_value, Terminated) else signal.SIGINT
        timer = threading.Timer(AGAIN, self._again, [number])
        timer.daemon = True
        timer.start()

    def _again(self, number: int) -> None:
        self._last = -ONE_BURST
        if self._over:
            return
        main = threading.main_thread().ident
        if main is not None and hasattr(signal, "pthread_kill"):  # which also wakes what waits
            signal.pthread_kill(main, number)
        else:
            _thread.interrupt_main(signal.Signals(number))


def open_streams() -> None:
    """Where stdout or stderr is closed (`>&-`, a program without a window), what is said goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (it stays)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that is no text is printed, not stumbled over
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print a line on stderr; if that lies on a full disk, too, there is nobody to tell."""
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        silence(sys.stderr)


def flush(stream: TextIO) -> None:
    """Flush a stream, or have nobody stumble over what cannot be written of it."""
    try:
        stream.flush()
    except (OSError, ValueError):
        silence(stream)


def silence(stream: TextIO) -> None:
    """What a stream still holds, and what comes, goes nowhere: Python would stumble over it at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
