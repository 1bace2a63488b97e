"""Commands: flags, the configuration that a run saved, and how a command ends."""

from gan_common.cli.command import run, when_interrupted
from gan_common.cli.flags import by_preset, flag, parse
from gan_common.cli.saved import from_json, resumed, saved, started_from
from gan_common.cli.training import RunConfig, TrainingConfig

__all__ = [
    "RunConfig", "TrainingConfig", "by_preset", "flag", "from_json", "parse", "resumed", "run",
    "saved", "started_from", "when_interrupted",
]  # fmt: skip
