"""Commands: flags, the configuration that a run saved, and how a command ends."""

from gan_common.cli.command import run, tell_tricks, when_interrupted
from gan_common.cli.flags import flag, parse
from gan_common.cli.saved import from_json, resumed, saved
from gan_common.cli.training import TrainingConfig

__all__ = [
    "TrainingConfig", "flag", "from_json", "parse", "resumed", "run", "saved", "tell_tricks",
    "when_interrupted",
]  # fmt: skip
