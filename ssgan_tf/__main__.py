"""The program `ssgan-tf`: `ssgan-tf train --help`, or `python -m ssgan_tf train --help`."""

from collections.abc import Sequence

from gan_common.cli.program import program
from ssgan_tf import evaluate, explore, export, generate, predict, train

COMMANDS = {
    "train": train.main,
    "generate": generate.main,
    "evaluate": evaluate.main,
    "predict": predict.main,
    "export": export.main,
    "explore": explore.main,
}


def main(argv: Sequence[str] | None = None) -> None:
    """The program."""
    program("ssgan-tf", COMMANDS, argv)


if __name__ == "__main__":
    main()
