"""What is typed beside --resume: written down, holding from then on, or refused in one line."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from gan_common import cli, runs
from gan_common.cli import length, resume
from gan_common.data import Dataset
from gan_common.errors import UserError
from gan_common.runs.recorder import Recorder
from keras_dcgan.config import Config, resolve, resumed

PICTURES = np.zeros((40, 8, 8, 1), np.uint8)
LABELS = np.zeros(40, np.int32)
DATASET = Dataset(PICTURES, LABELS, PICTURES, LABELS, 1, (8, 8, 1), ("a",), "tiny")
STEPS_PER_EPOCH = 5


@pytest.fixture
def train(tmp_path):
    """(what is typed, until which step, seconds a step) → the run's configuration, after a training."""
    folder = tmp_path / "run"

    def go(typed, until=None, seconds=0.0):
        weight = keras.Variable(0.0)
        config = resumed({"resume": str(folder), **typed}) if folder.exists() else resolve(typed)
        run = runs.Run(folder)
        if not config.resume:
            run = runs.Run.create(dataclasses.asdict(config), str(folder), "keras_dcgan", DATASET)
        recorder = Recorder(
            run,
            {"net": [weight]},
            lambda: PICTURES,
            steps_per_epoch=STEPS_PER_EPOCH,
            total_steps=length.total_steps(config, STEPS_PER_EPOCH),
            batch_size=8,
            sample_every=100,
            save_every=100,
            max_minutes=config.max_minutes,
        )
        if config.resume:
            recorder.restore()
        with recorder:
            if config.resume:
                config = resume.go_on(run, recorder, config, typed)
            while not recorder.finished:
                recorder.seconds += seconds
                if recorder.step + 1 == until:
                    recorder.interrupted = 15
                recorder.after_step(recorder.step + 1, {"d_loss": 1.0})
        return recorder.step

    go.folder = folder
    return go


def saved(train):
    return cli.saved(Config, str(train.folder))


def test_more_epochs_hold_at_the_next_interruption_too(train, capsys):
    assert train({"epochs": 1}) == 5
    assert train({"epochs": 6}, until=12) == 12
    out = capsys.readouterr().out
    assert "going on after step 5" in out
    assert "from now on --epochs 6 (before: 1)" in out
    assert train({}) == 30
    assert saved(train) == resolve({"epochs": 6})
    assert json.loads((train.folder / "config.json").read_text())["package"] == "keras_dcgan"


def test_rates_intervals_and_what_is_done_about_failures_are_written_down(train):
    train({"epochs": 1})
    typed = {"epochs": 2, "generator_lr": 0.5, "save_every": 3.0, "on_failure": "pause"}
    train({**typed, "json": "out.json", "evaluate": False})
    expected = resolve({**typed, "json": "out.json", "evaluate": False})
    assert saved(train) == expected


def test_steps_take_the_place_of_epochs_and_the_other_way_round(train):
    train({"epochs": 1})
    assert train({"steps": 7}) == 7
    assert (saved(train).steps, saved(train).epochs) == (7, 1)
    assert train({"epochs": 2}) == 10
    assert (saved(train).steps, saved(train).epochs) == (None, 2)


def test_a_run_that_its_time_ended_trains_on_for_epochs(train, capsys):
    assert train({"max_minutes": 1.0}, seconds=20) == 3
    assert train({"epochs": 2}) == 10
    assert "--max_minutes None (before: 1.0)" in capsys.readouterr().out
    assert saved(train).max_minutes is None


def test_a_time_that_is_not_over_still_holds(train):
    assert train({"max_minutes": 1.0}, until=2, seconds=20) == 2
    assert train({"epochs": 9}, seconds=15) == 4
    assert saved(train).max_minutes == 1.0


def test_minutes_count_from_the_runs_beginning(train):
    train({"max_minutes": 1.0}, seconds=20)
    with pytest.raises(
        UserError, match=r"3 steps, 0\.6 epochs, in 1\.00 minutes, .* 0\.5 are over"
    ):
        train({"max_minutes": 0.5})
    assert saved(train).max_minutes == 1.0
    assert train({"max_minutes": 2.0}, seconds=20) == 6


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"epochs": 2}, "2 epochs, in 0.00 minutes, and all of its epochs are done"),
        ({"epochs": 1}, "to train on, add --epochs above 2: they count from the run's beginning"),
        ({"steps": 10}, "to train on, add --steps above 10"),
        ({"max_minutes": 3.0}, "add --epochs above 2"),
        ({"generator_lr": 0.1}, "add --epochs above 2"),
    ],
)
def test_what_would_do_nothing_is_refused_and_not_written_down(train, typed, says):
    train({"epochs": 2})
    before = (train.folder / "config.json").read_bytes()
    with pytest.raises(UserError, match=says):
        train(typed)
    assert (train.folder / "config.json").read_bytes() == before
    assert train({"epochs": 3}) == 15  # the lock was let go


def test_a_finished_run_may_be_measured_again(train, capsys):
    train({"epochs": 2})
    assert train({"json": "out.json", "evaluate": True}) == 10
    assert "all of its epochs are done; to train on, add" in capsys.readouterr().out


def test_a_flag_that_cannot_change_names_the_way_that_it_can(train):
    train({"epochs": 1})
    with pytest.raises(UserError, match=r"leave --width out, or begin a new run .* --from"):
        train({"width": 8})
    with pytest.raises(UserError, match="--from and --resume exclude each other"):
        train({"from_": "other"})


def test_a_run_that_began_before_a_flag_did_keeps_to_what_it_did_then(train):
    train({"epochs": 1})
    path = train.folder / "config.json"
    old = json.loads(path.read_text())
    for name in ("steps", "least_steps", "from_"):
        del old[name]
    path.write_text(json.dumps(old | {"sample_every": 1.0}))
    assert train({"steps": 8}) == 8
    assert (saved(train).least_steps, saved(train).sample_every) == (0, 1.0)
