"""Something to time in a process of its own, that waits for its turn without using a core.

A contender is a name and the keyword arguments of its maker in `contenders`.  Its process makes it, warms up,
then runs for the seconds it is told and says how much it did: so several take turns on the same cores, and
what one of them keeps in memory or has set does not bear on the others.
"""

import importlib
import multiprocessing
import time
from collections.abc import Sequence


class Contender:
    """One process that can be timed.

    Args:
        maker: name of a function in `benchmarks.speed.contenders`; it returns (step, units): a function that
            does `units` pieces of work, and their number.
        cores: numbers of the logical CPUs that the process may use; None is all that this one may.
        **arguments: of the maker.
    """

    def __init__(self, maker: str, cores: Sequence[int] | None = None, **arguments):
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other, maker, cores, arguments), daemon=True
        )
        self._process.start()
        other.close()
        self._ready = False

    def wait(self) -> None:
        """Wait until it is made and warm.

        Raises:
            RuntimeError: it failed; the process has printed why.
        """
        if not self._ready:
            self._receive()
            self._ready = True

    def start(self, seconds: float) -> None:
        """Have it run for about so long; `result` waits for the end."""
        self.wait()
        self._pipe.send(seconds)

    def result(self) -> tuple[float, float]:
        """(units per second, peak memory in MB) of the run that was started."""
        return self._receive()

    def run(self, seconds: float) -> tuple[float, float]:
        """`start`, then `result`."""
        self.start(seconds)
        return self.result()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.terminate()

    def _receive(self):
        try:
            return self._pipe.recv()
        except EOFError as error:
            raise RuntimeError("a contender's process ended; its message is above") from error


def _serve(pipe, maker: str, cores, arguments: dict) -> None:
    import os

    if cores is not None:
        os.sched_setaffinity(0, cores)
    make = getattr(importlib.import_module("benchmarks.speed.contenders"), maker)
    step, units = make(**arguments)
    for _ in range(3):
        step()
    pipe.send(None)
    while True:
        try:
            seconds = pipe.recv()
        except EOFError:
            return
        start, done = time.perf_counter(), 0
        while (passed := time.perf_counter() - start) < seconds or not done:
            step()
            done += units
        passed = time.perf_counter() - start
        import resource  # Windows has none

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        pipe.send((done / passed, peak))
