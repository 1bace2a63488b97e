"""How far something is, in numbers, once it takes longer than a few seconds."""

import sys
import time

EVERY = 3.0  # seconds from one line to the next, and to the first


class Progress:
    """Tells on stderr how much is done and what is left; nothing of what is quickly done.

    Args:
        total: how many there are to do.
        what: what they are called, in the plural.
    """

    def __init__(self, total: int, what: str) -> None:
        self.total, self.what = total, what
        self._start = self._shown = time.perf_counter()

    def __call__(self, done: int, more: str = "") -> None:
        """Say that so many are done, and something more, if the last line is some seconds old."""
        now = time.perf_counter()
        if now - self._shown < EVERY or not 0 < done < self.total:
            return
        self._shown = now
        speed = done / (now - self._start)
        left = (self.total - done) / speed
        parts = [
            f"{done:,}/{self.total:,} {self.what}",
            f"{speed:,.0f}/s",
            more,
            f"{left:.0f} s left",
        ]
        print("  " + "  ".join(filter(None, parts)), file=sys.stderr, flush=True)
