"""One program with several commands: `keras-dcgan train --dataset …`."""

import sys
from collections.abc import Callable, Mapping, Sequence

from gan_common.cli.command import run
from gan_common.errors import UserError


def program(name: str, commands: Mapping[str, Callable], argv: Sequence[str] | None = None) -> None:
    """Call the command that is typed first with what is typed after it.

    Args:
        name: of the program.
        commands: name → main(argv), which has a docstring; its module says more by `--help`.
        argv: as typed, the program's name first; by default the process's.
    """
    typed = list(sys.argv if argv is None else argv)[1:]
    if not typed or typed[0] in ("-h", "--help", "-help", "help"):
        print(f"{name} COMMAND --flag value …\n")
        for command, main in commands.items():
            print(f"  {name} {command:<10}{(main.__doc__ or '').strip()}")
        print(f"\n{name} COMMAND --help lists a command's flags.")
        sys.exit(0)
    if typed[0] not in commands:
        run(lambda _: _refuse(typed[0], commands), [name])
    commands[typed[0]]([f"{name} {typed[0]}", *typed[1:]])


def _refuse(typed: str, commands: Mapping[str, Callable]) -> int:
    raise UserError(f"unknown command {typed!r}; the commands are {', '.join(commands)}")
