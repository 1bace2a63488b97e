"""The program `keras-dcgan`: `keras-dcgan train --help`, or `python -m keras_dcgan train --help`."""

from collections.abc import Sequence

from gan_common.cli.program import program
from keras_dcgan import evaluate, explore, export, generate, train

COMMANDS = {
    "train": train.main,
    "generate": generate.main,
    "evaluate": evaluate.main,
    "export": export.main,
    "explore": explore.main,
}


def main(argv: Sequence[str] | None = None) -> None:
    """The program."""
    program("keras-dcgan", COMMANDS, argv)


if __name__ == "__main__":
    main()
