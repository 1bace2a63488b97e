"""One program with several commands."""

import pytest

from gan_common.cli.program import program


def train(argv):
    """Train it."""
    print("trained with", *argv)


COMMANDS = {"train": train}


def test_a_command_is_called_with_what_follows_it(capsys):
    program("gan", COMMANDS, ["gan", "train", "--epochs", "3"])
    assert capsys.readouterr().out == "trained with gan train --epochs 3\n"


@pytest.mark.parametrize("typed", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_the_commands(typed, capsys):
    with pytest.raises(SystemExit) as ended:
        program("gan", COMMANDS, ["gan", *typed])
    assert ended.value.code == 0
    assert "gan train     Train it." in capsys.readouterr().out


def test_an_unknown_command_is_one_line_and_status_2(capsys):
    with pytest.raises(SystemExit) as ended:
        program("gan", COMMANDS, ["gan", "trian"])
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "unknown command 'trian'; the commands are train" in told.err
