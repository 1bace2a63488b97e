"""Signals that a training is sent."""

import os
import signal
import time


def test_time_that_a_process_was_stopped_is_told_of():
    from gan_common.runs.signals import StopSignals

    seen = []
    with StopSignals(seen.append, lambda: seen.append("went on")):
        os.kill(os.getpid(), signal.SIGCONT)
        time.sleep(0)
    assert seen == ["went on"]
    assert signal.getsignal(signal.SIGCONT) in (signal.SIG_DFL, signal.Handlers.SIG_DFL)
