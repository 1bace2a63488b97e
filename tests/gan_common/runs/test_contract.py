"""Whoever stands in a recorder's place has what a training loop asks for."""

import pytest

from benchmarks.speed.contenders import Turns
from gan_common.runs.contract import StepRecorder
from gan_common.runs.distribute import Follower
from gan_common.runs.history import History
from gan_common.runs.recorder import Recorder
from gan_common.runs.run import Run


def recorder(tmp_path):
    return Recorder(
        Run(tmp_path),
        {},
        lambda: None,
        steps_per_epoch=3,
        total_steps=3,
        batch_size=1,
        sample_every=3,
        save_every=3,
    )


MADE = {
    "Recorder": recorder,
    "History": lambda _: History(3),
    "Follower": lambda _: Follower(0, 3),
    "Turns": lambda _: Turns(lambda recorder: None),
}


@pytest.mark.parametrize("name", MADE)
def test_what_stands_in_a_recorders_place_keeps_its_contract(name, tmp_path):
    made = MADE[name](tmp_path)
    assert isinstance(made, StepRecorder)
    assert made.finished is False
    assert made.step == 0


@pytest.mark.parametrize("name", ["History", "Follower"])
def test_the_last_step_ends_the_training(name, tmp_path):
    made = MADE[name](tmp_path)
    assert not made.after_step(2, {"d_loss": 1.0, "g_loss": 1.0})
    assert made.after_step(3, {"d_loss": 1.0, "g_loss": 1.0})
    assert made.finished
