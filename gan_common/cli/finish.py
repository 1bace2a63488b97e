"""How a training command ends: stopped, or summed up, drawn and measured."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from gan_common import files
from gan_common.cli.command import when_interrupted
from gan_common.errors import UserError
from gan_common.kernels import machine
from gan_common.runs import card
from gan_common.runs.recorder import Recorder
from gan_common.runs.run import Run


def stopped(run: Run, recorder: Recorder, signal: int) -> int:
    """Say how to go on with a run that a signal stopped; the exit status."""
    print(f"stopped at step {recorder.step}; go on with --resume {run.folder}")
    return 128 + signal


def finish(
    run: Run,
    recorder: Recorder,
    package: str,
    *,
    summary: Mapping[str, object],
    measure: Callable[[], Mapping[str, float]] | None,
    told: str,
    json: str | None,
) -> int:
    """Sum up a run that is done, draw and measure it, and say where everything lies.

    Args:
        run, recorder: of the training.
        package: whose `generate` draws more.
        summary: what summary.json holds besides seconds, steps and speed.
        measure: measures the trained networks and adds to summary.json; None leaves that out.
        told: the last line, with what was measured by name in braces.
        json: a file that the summary is also written to.

    Returns:
        The exit status, 0.
    """
    run.summarize(**recorder.totals(), **summary, machine=machine.description())
    gif, curves = recorder.draw_pictures()
    measured: Mapping[str, float] = {}
    if measure is not None:
        try:
            with when_interrupted(f"the run is saved; --resume {run.folder} measures it"):
                measured = measure()
        except UserError as error:  # the training itself is done and saved
            print(f"not measured: {error}")
    about = card.write(run)
    if json:
        files.write_json(Path(json), run.summary())
    print(f"run        {run.folder}")
    print(f"samples    {run.sample_files()[-1]}")
    print(f"over time  {gif}")
    print(f"curves     {curves}")
    print(f"card       {about}")
    print(f"more       python -m {package}.generate --run_dir {run.folder} --nice")
    with contextlib.suppress(KeyError):  # a small folder has no FID
        print(told.format(**measured))
    return 0
