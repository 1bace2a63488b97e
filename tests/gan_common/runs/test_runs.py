"""A run's folder: rows, checkpoints that survive damage, and what happens between steps."""

import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_common import runs
from gan_common.data import Dataset
from gan_common.errors import UserError
from gan_common.runs import checkpoints
from gan_common.runs import run as run_module
from gan_common.runs.recorder import Recorder

PICTURES = np.zeros((4, 8, 8, 1), np.uint8)
LABELS = np.array([0, 1, 0, 1], np.int32)
DATASET = Dataset(PICTURES, LABELS, PICTURES, LABELS, 2, (8, 8, 1), ("a", "b"), "tiny")
CONFIG = {"dataset": "tiny", "preset": "p"}


@pytest.fixture
def run(tmp_path):
    return runs.Run.create(CONFIG, str(tmp_path / "run"), "package", DATASET)


def make_recorder(run, variable, **changes):
    settings = {
        "steps_per_epoch": 5,
        "total_steps": 20,
        "batch_size": 2,
        "log_every": 4,
        "sample_every": 10,
        "save_every": 5,
    }
    return Recorder(run, {"net": [variable]}, lambda: PICTURES, **{**settings, **changes})


def train(recorder, variable, until=None):
    """A training whose loss is the step's number and whose weight is the steps done."""
    with recorder:
        while not recorder.finished and recorder.step != until:
            variable.assign_add(1.0)
            step = recorder.step + 1
            recorder.after_step(step, {"d_loss": float(step)})


def test_a_new_run_gets_a_number_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [runs.Run.create(CONFIG, None, "package", DATASET).folder for _ in range(2)]
    assert [str(f) for f in folders] == ["runs/package/tiny-p-1", "runs/package/tiny-p-2"]
    assert runs.Run(folders[0]).dataset_facts() == ((8, 8, 1), ["a", "b"])
    of_a_family = runs.Run.create(CONFIG | {"dataset": "shapes:count"}, None, "package", DATASET)
    assert str(of_a_family.folder) == "runs/package/shapes-count-p-1"


def test_a_folder_that_is_in_use_or_cannot_be_made_is_refused(run, tmp_path):
    with pytest.raises(UserError, match=r"already exists.*--resume"):
        runs.Run.create(CONFIG, str(run.folder), "package", DATASET)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="already exists"):
        runs.Run.create(CONFIG, str(tmp_path / "file"), "package", DATASET)
    with pytest.raises(UserError, match="cannot be made"):
        runs.Run.create(CONFIG, str(tmp_path / "file" / "run"), "package", DATASET)


def test_rows_are_means_over_the_steps_since_the_row_before(run):
    variable = keras.Variable(0.0)
    train(make_recorder(run, variable), variable)
    rows = run.rows()
    assert [row["step"] for row in rows] == [4, 8, 12, 16, 20]
    assert [row["d_loss"] for row in rows] == [2.5, 6.5, 10.5, 14.5, 18.5]
    assert [row["epoch"] for row in rows] == [0.8, 1.6, 2.4, 3.2, 4.0]
    assert [p.name for p in run.sample_files()] == [
        "step-00000000.png",
        "step-00000010.png",
        "step-00000020.png",
    ]


def test_each_number_goes_below_its_own_name_in_whatever_order_it_comes(run):
    run.log({"step": 1, "d_loss": 0.5, "g_loss": 2.0})
    run.log({"step": 2, "g_loss": 3.0, "d_loss": 0.25})
    again = runs.Run(run.folder)  # goes on with the columns that are there
    again.log({"g_loss": 4.0, "new": 7.0, "step": 3})
    assert run.rows()[:2] == [
        {"step": 1, "d_loss": 0.5, "g_loss": 2.0},
        {"step": 2, "d_loss": 0.25, "g_loss": 3.0},
    ]
    last = run.rows()[2]
    assert (last["step"], last["g_loss"], "new" in last) == (3, 4.0, False)
    assert np.isnan(last["d_loss"])


def test_an_interrupted_run_ends_as_one_that_was_not(run, tmp_path):
    variable = keras.Variable(0.0)
    train(make_recorder(run, variable), variable, until=13)  # dies between two checkpoints
    assert [row["step"] for row in run.rows()] == [4, 8, 12]

    variable = keras.Variable(-1.0)
    recorder = make_recorder(run, variable)
    assert recorder.restore() == 10
    assert float(variable) == 10.0
    # What came after the checkpoint is forgotten, and made again.
    assert [row["step"] for row in run.rows()] == [4, 8]
    train(recorder, variable)
    assert float(variable) == 20.0
    assert [row["d_loss"] for row in run.rows()] == [2.5, 6.5, 10.5, 14.5, 18.5]


def test_only_the_last_three_checkpoints_are_kept(run):
    variable = keras.Variable(0.0)
    recorder = make_recorder(run, variable, save_every=2)
    train(recorder, variable)
    names = [p.name for p in recorder.checkpoints.paths()]
    assert names == ["step-00000016", "step-00000018", "step-00000020"]
    assert not list((run.folder / "checkpoints").glob(".*"))


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def alter(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: damage(folder / "variables.data-00000-of-00001"),
        lambda folder: (folder / "variables.index").write_bytes(b""),
        lambda folder: (folder / "variables.index").unlink(),
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: alter(folder / "manifest.json", '"step": 20', '"step": 19'),
        lambda folder: alter(folder / "manifest.json", '"count": 0', '"count": 1'),
    ],
)
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(run, harm, capsys):
    variable = keras.Variable(0.0)
    train(make_recorder(run, variable), variable)
    kept = make_recorder(run, variable).checkpoints
    harm(kept.paths()[-1])
    assert kept.restore()["step"] == 15
    assert float(variable) == 15.0
    error = capsys.readouterr().err
    assert "step-00000020" in error
    assert "using the checkpoint before it" in error


def test_without_a_sound_checkpoint_nothing_is_made_up(run):
    variable = keras.Variable(0.0)
    train(make_recorder(run, variable), variable)
    kept = make_recorder(run, variable).checkpoints
    for folder in kept.paths():
        (folder / "manifest.json").unlink()
    with pytest.raises(UserError, match="no checkpoint is sound"):
        kept.restore()


def test_a_checkpoint_of_other_networks_is_refused(run):
    variable = keras.Variable(0.0)
    train(make_recorder(run, variable), variable)
    with pytest.raises(UserError, match="its variable 0 of net is a number, this run's 2"):
        checkpoints.Checkpoints(run, {"net": [keras.Variable(np.zeros(2))]}).restore()
    with pytest.raises(UserError, match="it has 1 variables of net, this run 2"):
        checkpoints.Checkpoints(run, {"net": [variable, keras.Variable(0.0)]}).restore()


def test_a_failed_write_leaves_the_earlier_checkpoints(run, monkeypatch):
    variable = keras.Variable(0.0)
    recorder = make_recorder(run, variable)
    train(recorder, variable, until=10)

    def no_space(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    recorder.save()  # of a step that is on disk already: nothing to write
    recorder.step = 11
    with pytest.raises(UserError, match=r"No space left.*--resume"):
        recorder.save()
    assert [p.name for p in recorder.checkpoints.paths()] == ["step-00000005", "step-00000010"]
    assert not list((run.folder / "checkpoints").glob(".*"))


def test_the_time_limit_ends_the_run_with_a_checkpoint(run):
    variable = keras.Variable(0.0)
    recorder = make_recorder(run, variable, max_minutes=0, total_steps=10**6)
    with recorder:
        assert recorder.after_step(1, {"d_loss": 1.0})
    assert recorder.totals()["steps"] == 1
    assert recorder.checkpoints.paths()[-1].name == "step-00000001"
    assert run.rows()[-1]["step"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_step_and_saves(run, number, capfd):
    variable = keras.Variable(0.0)
    recorder = make_recorder(run, variable)
    before = signal.getsignal(number)
    with recorder:
        os.kill(os.getpid(), number)
        variable.assign(1.0)
        assert recorder.after_step(1, {"d_loss": 1.0})
    assert recorder.interrupted == number
    assert signal.getsignal(number) == before
    assert recorder.checkpoints.paths()[-1].name == "step-00000001"
    assert run.rows() == []  # the row of step 4 is still to come, with this step in it
    assert "finishing the step" in capfd.readouterr().err

    recorder = make_recorder(run, variable)
    recorder.restore()
    train(recorder, variable)
    assert run.rows()[0]["d_loss"] == 2.5


def test_a_loss_that_is_no_number_stops_the_run(run):
    variable = keras.Variable(0.0)
    recorder = make_recorder(run, variable)
    with recorder:
        for step in (1, 2, 3):
            recorder.after_step(step, {"d_loss": 1.0})
        with pytest.raises(UserError, match="d_loss is nan at step 4"):
            recorder.after_step(4, {"d_loss": float("nan")})
    assert run.rows() == []


def test_the_summary_grows_and_names_its_versions(run):
    run.summarize(steps=3)
    run.summarize(fid=1.5)
    assert (run.summary()["steps"], run.summary()["fid"]) == (3, 1.5)
    assert run.summary()["versions"]["keras"] == keras.__version__


def test_the_last_pictures_are_drawn(run):
    variable = keras.Variable(0.0)
    train(make_recorder(run, variable), variable)
    gif, curves = run.draw_pictures()
    assert gif.read_bytes().startswith(b"GIF8")
    assert curves.read_bytes().startswith(b"\x89PNG")


def test_tensorboard_grows_by_the_logarithm():
    shown = [number for number in range(100) if runs.is_shown(number, 8)]
    assert shown[:8] == list(range(8))
    assert shown[8:] == [8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96]
    # Four more for each doubling.
    assert sum(runs.is_shown(number, 8) for number in range(2**14)) == 8 + 4 * 11


def test_tensorboard_gets_the_rows_that_are_shown(run, monkeypatch):
    monkeypatch.setattr(run_module, "TENSORBOARD_ROWS", 2)
    variable = keras.Variable(0.0)
    train(make_recorder(run, variable, total_steps=40), variable)
    (events,) = (run.folder / "tensorboard").iterdir()
    steps = {
        event.step
        for event in tf.compat.v1.train.summary_iterator(str(events))
        if any(value.tag == "d_loss" for value in event.summary.value)
    }
    assert steps == {4, 8, 12, 20, 36}  # numbers 0, 1, 2, 4 and 8 of ten
    assert len(run.rows()) == 10


def test_a_disk_that_takes_no_more_of_tensorboards_file_is_said(run, monkeypatch):
    def full(name, value):
        raise tf.errors.OutOfRangeError(None, None, "File too large")

    monkeypatch.setattr(tf.summary, "scalar", full)
    with pytest.raises(
        UserError, match=r"tensorboard: cannot be written: File too large; .*resume"
    ):
        train(make_recorder(run, keras.Variable(0.0)), keras.Variable(0.0))
