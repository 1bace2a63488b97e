"""However a command is interrupted, it ends by that, and once.  For a full disk see tests/stress."""

import signal
import sys
import time

import pytest

from gan_common import cli


def status_of(main):
    with pytest.raises(SystemExit) as end:
        cli.run(main, ["command"])
    return end.value.code


@pytest.mark.parametrize(
    ("number", "status", "says"),
    [(signal.SIGTERM, 143, "terminated\n"), (signal.SIGINT, 130, "interrupted\n")],
)
def test_a_signal_amid_a_destructor_is_not_forgotten(number, status, says, capsys):
    class Dying:
        def __del__(self):
            signal.raise_signal(number)
            time.sleep(0)  # the exception comes here, where Python can only print it

    def main(_):
        dying = Dying()
        del dying
        time.sleep(5)

    start = time.monotonic()
    assert status_of(main) == status
    assert time.monotonic() - start < 4
    assert capsys.readouterr().err == says


def test_of_a_burst_of_signals_the_first_counts(capsys):
    cleaned = []

    def main(_):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.raise_signal(number)
            cleaned.append(True)

    assert status_of(main) == 143
    assert cleaned
    assert capsys.readouterr().err == "terminated\n"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_what_else_cannot_be_raised_is_shown_as_ever(monkeypatch, capsys):
    class Broken:
        def __del__(self):
            raise KeyError("ours")

    shown = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)

    def main(_):
        Broken()

    assert status_of(main) == 0
    assert isinstance(shown[0].exc_value, KeyError)


def test_without_stdout_and_stderr_a_command_runs(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        patch.setattr(sys, "stderr", None)
        assert status_of(lambda _: print("nobody hears") or sys.stdout.isatty()) == 0
        sys.stdout.close()
        sys.stderr.close()
