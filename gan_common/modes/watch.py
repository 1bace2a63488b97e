"""Looks at a game while it is played, and images of what was seen: `--run_dir` of `gan_common.modes`."""

from pathlib import Path
from typing import Any

import numpy as np

from gan_common import plotting
from gan_common.modes.points import REACH
from gan_common.plotting import planes

LOOKS = 60  # at a training
COLUMNS = 7  # of the figure over training
FRAMES = 30
POINTS = 500  # generated points in an image


class Watch:
    """What was seen of a game.

    Args:
        game: a `game.Game`.

    Attributes:
        every: steps from one look to the next.
        steps, points, surfaces: of each look the step, the generated samples, and D's probabilities on
            `planes.lattice(reach)` or None.
    """

    def __init__(self, game: Any) -> None:
        self.game = game
        self.every = max(1, game.options.steps // LOOKS)
        self.steps: list[int] = []
        self.points: list[np.ndarray] = []
        self.surfaces: list[np.ndarray | None] = []
        self.reach = REACH.get(game.options.task)

    def look(self) -> None:
        """Keep the samples of now, and what D makes of the plane."""
        self.steps.append(self.game.steps_done)
        self.points.append(self.game.samples(POINTS if self.reach else 64))
        if self.reach:
            self.surfaces.append(self.game.surface(planes.lattice(self.reach)))

    def spread(self, count: int) -> list[tuple[int, np.ndarray]]:
        """(step, points) of `count` looks, evenly apart, first and last included."""
        return [
            (self.steps[i], self.points[i]) for i in plotting.spread(range(len(self.steps)), count)
        ]

    def frames(self, title: str) -> list[np.ndarray]:
        """Looks as images for a GIF; of a task of points."""
        assert self.reach is not None, "images of digits have no place in the plane"
        return [
            planes.frame(
                f"{title}, step {self.steps[i]:,}",
                self.points[i],
                self.game.data.centres,
                self.reach,
                self.surfaces[i],
            )
            for i in plotting.spread(range(len(self.steps)), FRAMES)
        ]

    def draw(self, folder: Path) -> None:
        """Write samples.png and, for points, training.gif into the folder."""
        options = self.game.options
        title = ", ".join(options.tricks) or "plain"
        if not self.reach:
            pixels = np.clip(self.points[-1], -1, 1) * 127.5 + 127.5
            plotting.save_grid(folder / "samples.png", np.rint(pixels).astype(np.uint8))
            return
        rows, centres = {options.task: self.spread(COLUMNS)}, self.game.data.centres
        planes.over_training(folder / "samples.png", rows, centres, self.reach, title)
        frames = self.frames(options.task)
        plotting.save_gif(folder / "training.gif", frames, max_width=300, max_bytes=190_000)


def play(game: Any, seed: int) -> Watch:
    """Train a game from the start of a seed to its end; what was seen on the way."""
    game.reset(seed)
    watch = Watch(game)
    while game.steps_done < game.options.steps:
        watch.look()
        game.train(min(watch.every, game.options.steps - game.steps_done))
    watch.look()
    return watch
