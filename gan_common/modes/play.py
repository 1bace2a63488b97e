"""Trainings of one setting over several seeds, each measured."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from gan_common.errors import UserError
from gan_common.modes.config import Options
from gan_common.modes.game import CALL_STEPS, GENERATED_AT_ONCE, Game
from gan_common.modes.points import SAMPLES
from gan_common.modes.results import table_line
from gan_common.modes.tasks import data_of


def play(
    options: Options,
    seeds: Iterable[int],
    finished: Callable[[dict], None] = lambda run: None,
    game: Game | None = None,
) -> list[dict]:
    """Train and measure once per seed; prints a line for each.

    Args:
        options: resolved.
        seeds: of the trainings.
        finished: called with each run as it ends.
        game: a game of these options to go on with, so that its graph is not built anew.

    Returns:
        For each seed: `seed`, what the data measures, `seconds` of training, `processor_seconds` of all
        threads with what is told on the way, and `steps_per_second`.

    Raises:
        UserError: weights that are no longer finite.
    """
    game = game or Game(options, data_of(options))
    count = SAMPLES[options.task]
    runs: list[dict[str, float]] = []
    for seed in seeds:
        watch = None
        if options.run_dir and not runs:
            from gan_common.modes.watch import Watch

            watch = Watch(game)
        game.reset(seed)
        game.prepare()
        busy = time.process_time()
        seconds = _train(game, seed, watch)
        busy = time.process_time() - busy
        if watch:
            watch.draw(Path(str(options.run_dir)))
        if not np.isfinite(game.g.numpy()).all():
            raise UserError(
                f"seed {seed}: G's weights are no longer finite; lower --generator_lr or "
                "--discriminator_lr"
            )
        run = {"seed": seed, **game.data.measure(game.samples(count)), "seconds": round(seconds, 2)}
        run["processor_seconds"] = round(busy, 2)
        runs.append(run | {"steps_per_second": round(options.steps / max(seconds, 1e-9), 1)})
        print(table_line(f"seed {seed}", runs[-1]), flush=True)
        finished(runs[-1])
    return runs


def _train(game: Game, seed: int, watch: Any) -> float:
    """Train to the end, telling how it goes every ten seconds; the seconds that training took."""
    steps, seconds, shown = game.options.steps, 0.0, time.perf_counter()
    while game.steps_done < steps:
        if watch:
            watch.look()
        start = time.perf_counter()
        game.train(min(watch.every if watch else CALL_STEPS, steps - game.steps_done))
        game.g.numpy()  # waits for the graph
        seconds += time.perf_counter() - start
        if time.perf_counter() - shown > 10 and game.steps_done < steps:
            shown = time.perf_counter()
            now = game.data.measure(game.samples(GENERATED_AT_ONCE))
            left = seconds / game.steps_done * (steps - game.steps_done)
            print(
                f"  seed {seed}  step {game.steps_done}/{steps}  {now['modes']} modes  "
                f"{game.steps_done / seconds:.0f} steps/s  {left:.0f} s left",
                flush=True,
            )
    if watch:
        watch.look()
    return seconds
