"""Numbers over a training of any length in bounded memory."""

from collections.abc import Sequence

import numpy as np


class Curve:
    """Means over stretches of steps; when there are too many stretches, two become one.

    Args:
        names: of the numbers that a step has.
        most: stretches, even.
    """

    def __init__(self, names: Sequence[str], most: int = 400) -> None:
        self.names, self.most = tuple(names), most
        self._width = 1  # steps in a stretch
        self._rows: list[np.ndarray] = []  # last step, steps, sums

    def add(self, last: int, values: np.ndarray) -> None:
        """Take in the steps up to `last`: values (steps, numbers), oldest first."""
        first = last - len(values) + 1
        for step, row in enumerate(np.asarray(values, np.float64), first):
            if self._rows and self._rows[-1][1] < self._width:
                self._rows[-1] += (step - self._rows[-1][0], 1, *row)
            else:
                self._rows.append(np.array([step, 1, *row]))
            if len(self._rows) > self.most:
                self._halve()

    def _halve(self) -> None:
        pairs = [self._rows[i : i + 2] for i in range(0, len(self._rows), 2)]
        self._rows = [np.array([pair[-1][0], *np.sum(pair, axis=0)[1:]]) for pair in pairs]
        self._width *= 2

    def cut(self, step: int) -> None:
        """Forget the stretches that end after a step."""
        while self._rows and self._rows[-1][0] > step:
            self._rows.pop()

    def table(self) -> np.ndarray:
        """(stretches, 1 + numbers): the last step of each, and the means."""
        if not self._rows:
            return np.zeros((0, 1 + len(self.names)))
        rows = np.stack(self._rows)
        return np.column_stack([rows[:, :1], rows[:, 2:] / rows[:, 1:2]])
