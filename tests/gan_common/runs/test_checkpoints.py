"""Which checkpoints are kept, whose they are, and that only one process writes them."""

import errno
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from gan_common import runs
from gan_common.data import Dataset
from gan_common.errors import UserError
from gan_common.runs import checkpoints, images, lock
from gan_common.runs.recorder import Recorder

PICTURES = np.zeros((4, 8, 8, 1), np.uint8)
LABELS = np.array([0, 1, 0, 1], np.int32)
DATASET = Dataset(PICTURES, LABELS, PICTURES, LABELS, 2, (8, 8, 1), ("a", "b"), "tiny")
CONFIG = {"dataset": "tiny", "preset": "p", "latent_dim": 4, "width": None, "tricks": ()}


def make_run(folder, package="keras_dcgan", **changes):
    return runs.Run.create({**CONFIG, **changes}, str(folder), package, DATASET)


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run")


def make_recorder(run, variable, **changes):
    settings = {"steps_per_epoch": 5, "total_steps": 20, "batch_size": 2, "log_every": 4}
    settings |= {"sample_every": 10, "save_every": 2}
    return Recorder(run, {"net": [variable]}, lambda: PICTURES, **{**settings, **changes})


def train(recorder, variable, until=None, loss=float):
    with recorder:
        while not recorder.finished and recorder.step != until:
            variable.assign_add(1.0)
            recorder.after_step(recorder.step + 1, {"d_loss": loss(recorder.step + 1)})


def names(kept):
    return [int(path.name.removeprefix("step-")) for path in kept.paths()]


# ------------------------------------------------------------------------ which are kept


def test_the_last_three_and_the_best_are_kept(run):
    variable = keras.Variable(0.0)
    # Best at step 6, as good again at step 10, then worse and worse.
    qualities = iter([5.0, 3.0, 1.0, 2.0, 1.0, 4.0, 6.0, 7.0, 8.0, 9.0])
    recorder = make_recorder(run, variable, quality=lambda: next(qualities))
    train(recorder, variable)
    assert names(recorder.checkpoints) == [10, 16, 18, 20]
    assert recorder.checkpoints.best().name == "step-00000010"
    assert recorder.checkpoints.restore(best=True)["step"] == 10
    assert float(variable) == 10
    assert recorder.checkpoints.restore()["step"] == 20


def test_a_quality_that_is_no_number_is_never_the_best(run):
    variable = keras.Variable(0.0)
    qualities = iter([float("nan"), float("inf"), 7.0, float("nan")])
    recorder = make_recorder(run, variable, total_steps=8, quality=lambda: next(qualities))
    train(recorder, variable)
    assert recorder.checkpoints.best().name == "step-00000006"


def test_names_of_other_things_are_no_checkpoints(run):
    variable = keras.Variable(0.0)
    recorder = make_recorder(run, variable, total_steps=4)
    train(recorder, variable)
    (run.folder / "checkpoints" / "step-old").mkdir()
    (run.folder / "checkpoints" / "step-00000009").write_text("a file")
    (run.folder / "samples" / "step-mine.png").write_text("mine")
    assert make_recorder(run, variable).restore() == 4
    assert (run.folder / "samples" / "step-mine.png").exists()


def test_what_is_not_finite_is_never_saved(run):
    variable = keras.Variable(0.0)
    recorder = make_recorder(run, variable)
    with pytest.raises(UserError, match="d_loss is nan at step 6"):
        train(recorder, variable, loss=lambda step: float("nan") if step == 5 else 1.0)
    assert names(recorder.checkpoints) == [2, 4]
    recorder = make_recorder(run, variable)
    assert recorder.restore() == 4
    variable.assign(np.inf)
    with pytest.raises(UserError, match="net is no longer finite at step 6"):
        train(recorder, variable)
    assert names(recorder.checkpoints) == [2, 4]


# ------------------------------------------------------------------------- whose they are


@pytest.mark.parametrize(
    ("package", "changes", "says"),
    [
        ("ssgan_tf", {}, "it has package='keras_dcgan', this run package='ssgan_tf'"),
        ("keras_dcgan", {"preset": "q"}, "it has preset='p', this run preset='q'"),
        ("keras_dcgan", {"latent_dim": 5}, "it has latent_dim=4, this run latent_dim=5"),
        (
            "keras_dcgan",
            {"width": 8, "tricks": ["r1"]},
            "width=None, this run width=8, it has tricks",
        ),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_with_the_difference(
    run, tmp_path, package, changes, says
):
    variable = keras.Variable(0.0)
    train(make_recorder(run, variable, total_steps=2), variable)
    other = make_run(tmp_path / "other", package, **changes)
    shutil.copytree(run.folder / "checkpoints", other.folder / "checkpoints", dirs_exist_ok=True)
    with pytest.raises(UserError, match="is no checkpoint of this run") as error:
        make_recorder(other, variable).restore()
    assert says in str(error.value)


def test_a_checkpoint_of_another_size_is_refused_with_the_difference(run):
    net = [keras.Variable(np.zeros((3, 4))), keras.Variable(np.zeros(4))]
    checkpoints.Checkpoints(run, {"net": net}).save(1, {})
    wider = [keras.Variable(np.zeros((3, 5))), keras.Variable(np.zeros(5))]
    with pytest.raises(UserError, match="its variable 0 of net is 3×4, this run's 3×5"):
        checkpoints.Checkpoints(run, {"net": wider}).restore()


def test_other_pictures_than_the_run_began_with_are_refused(run):
    images.check(run, DATASET)
    fewer = Dataset(PICTURES[1:], LABELS[1:], PICTURES, LABELS, 2, (8, 8, 1), ("a", "b"), "tiny")
    with pytest.raises(UserError, match="training images of 4, the data now have 3"):
        images.check(run, fewer)
    renamed = Dataset(PICTURES, LABELS, PICTURES, LABELS, 2, (8, 8, 1), ("a", "c"), "tiny")
    with pytest.raises(UserError, match=r"\('a', 'b'\), the data now have \('a', 'c'\)"):
        images.check(run, renamed)


def test_a_manifest_that_says_nothing_of_the_training_is_named(run):
    variable = keras.Variable(0.0)
    checkpoints.Checkpoints(run, {"net": [variable]}).save(1, {"step": "many"})
    with pytest.raises(UserError, match="does not say where the training stood"):
        make_recorder(run, variable).restore()


# ------------------------------------------------------------------------------ the disk


def test_a_full_disk_stops_the_run_and_leaves_the_earlier_checkpoints(run):
    """No file may grow beyond 64 kB: the kernel refuses the write, as on a full disk."""
    variable = keras.Variable(np.zeros(1000, np.float32))
    recorder = make_recorder(run, variable)
    train(recorder, variable, until=4)
    big = keras.Variable(np.random.default_rng(0).normal(size=100_000).astype(np.float32))
    larger = Recorder(
        run, {"net": [variable, big]}, lambda: PICTURES,
        steps_per_epoch=5, total_steps=20, batch_size=2, sample_every=10, save_every=2,
    )  # fmt: skip
    larger.step = 5
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, limits[1]))
    try:
        with pytest.raises(UserError, match=r"step-00000006: .*earlier ones are intact") as error:
            train(larger, variable)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(error.value)
    assert names(recorder.checkpoints) == [2, 4]
    assert not list((run.folder / "checkpoints").glob(".*"))
    assert make_recorder(run, variable).restore() == 4


@pytest.fixture
def small_disk(tmp_path):
    """A folder that is a disk of 256 kB, where this may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_on_a_small_disk_the_run_stops_cleanly_and_goes_on_when_there_is_room(small_disk):
    run = make_run(small_disk / "run")
    variable = keras.Variable(np.zeros(10_000, np.float32))  # 40 kB: four fit, with the rest
    with pytest.raises(UserError, match=r"intact.*--resume|make room") as error:
        train(make_recorder(run, variable, total_steps=10**6, sample_every=1), variable)
    assert "\n" not in str(error.value)
    for sample in run.sample_files()[1:]:
        sample.unlink()
    for events in (run.folder / "tensorboard").iterdir():
        events.unlink()
    step = make_recorder(run, variable).restore()
    assert step > 0
    np.testing.assert_array_equal(variable, np.full(10_000, float(step)))


def test_a_read_only_folder_is_said_at_once(small_disk):
    run = make_run(small_disk / "run")
    variable = keras.Variable(0.0)
    recorder = make_recorder(run, variable)
    train(recorder, variable, until=4)
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(remount, check=True)
    with pytest.raises(UserError, match="Read-only file system"):
        make_recorder(run, variable).restore()
    with pytest.raises(UserError, match="Read-only file system"):
        make_run(small_disk / "other")
    recorder.step = 5
    with pytest.raises(UserError, match=r"earlier ones are intact|checkpoints before are intact"):
        recorder.save()
    assert names(recorder.checkpoints) == [2, 4]


# ------------------------------------------------------------------- rows that were cut off


def test_a_row_that_was_cut_off_is_made_again(run):
    variable = keras.Variable(0.0)
    train(make_recorder(run, variable), variable, until=9)
    whole = run.metrics_file.read_bytes()
    run.metrics_file.write_bytes(whole + b"12,2.4,0.")  # killed in the middle of a row
    (run.folder / "samples" / ".4711-step-00000010.png").write_bytes(b"half")
    recorder = make_recorder(run, variable)
    assert recorder.restore() == 8
    assert run.metrics_file.read_bytes() == whole
    assert not list((run.folder / "samples").glob(".*"))
    train(recorder, variable)
    assert [row["step"] for row in run.rows()] == [4, 8, 12, 16, 20]


def test_a_table_without_its_header_gets_one(run):
    run.metrics_file.touch()
    run.log({"step": 4, "d_loss": 1.0})
    assert run.rows() == [{"step": 4.0, "d_loss": 1.0}]


def test_a_damaged_row_is_named(run):
    run.metrics_file.write_text("step,d_loss\n4,1\n8,one\n")
    with pytest.raises(UserError, match=r"metrics\.csv: line 3 is damaged"):
        run.rows()


# -------------------------------------------------------------------------------- the lock

HOLDER = """
import sys, time
from gan_common.runs.lock import Lock
Lock(sys.argv[1]).acquire()
print("locked", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(run):
    """Another process that trains in the run's folder."""
    root = str(Path(__file__).resolve().parents[3])
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(run.folder)],
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    assert process.stdout.readline() == b"locked\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_process_is_refused_and_the_first_is_named(run, holder):
    variable = keras.Variable(0.0)
    named = f"process {holder.pid} on {socket.gethostname()} is training in it"
    with pytest.raises(UserError, match=named):
        make_recorder(run, variable).restore()
    with pytest.raises(UserError, match=named), make_recorder(run, variable):
        pass
    with pytest.raises(UserError, match=named):
        runs.Run.create(CONFIG, str(run.folder), "keras_dcgan", DATASET)


def test_the_lock_of_a_process_that_was_killed_is_taken_over_and_said(run, holder, capsys):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    variable = keras.Variable(0.0)
    recorder = make_recorder(run, variable)
    assert recorder.restore() == 0
    assert f"process {holder.pid} on {socket.gethostname()} ended" in capsys.readouterr().err
    train(recorder, variable)
    make_recorder(run, variable).restore()
    assert capsys.readouterr().err == ""  # this one was closed


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        ({"host": socket.gethostname(), "pid": 2**22 + 1}, False),  # above what Linux counts to
        ({"host": socket.gethostname(), "pid": os.getpid()}, True),
        ({"host": "elsewhere", "pid": 1}, True),
        ({"host": "elsewhere", "pid": -1}, False),
        ("[" * 500, False),
        ("", False),
    ],
)
def test_where_the_file_system_has_no_locks_the_name_decides(run, monkeypatch, content, refused):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", unsupported)
    text = content if isinstance(content, str) else json.dumps(content)
    (run.folder / lock.NAME).write_text(text)
    if refused:
        with pytest.raises(UserError, match=r"is training in it.*if it is gone, remove .*\.lock"):
            lock.Lock(run.folder).acquire()
    else:
        with lock.Lock(run.folder):
            assert json.loads((run.folder / lock.NAME).read_text())["pid"] == os.getpid()
        assert (run.folder / lock.NAME).read_text() == ""


def test_a_folder_that_a_dying_process_had_only_begun_is_used(tmp_path):
    folder = tmp_path / "run"
    make_run(folder)
    (folder / "config.json").rename(folder / f".{os.getpid()}-config.json")
    assert make_run(folder).folder == folder
    (folder / "config.json").unlink()
    (folder / "samples" / "mine.png").touch()
    with pytest.raises(UserError, match="already exists"):
        make_run(folder)


# --------------------------------------------------------------------------------- signals


def test_a_second_interrupt_ends_at_once(run):
    pid = os.fork()
    if pid == 0:  # a process of its own: it ends without any clean-up
        os.close(2)
        recorder = make_recorder(run, keras.Variable(0.0))
        with recorder:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)  # patience: a manager that asks again
            time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130


def test_a_hang_up_that_is_ignored_stays_ignored(run):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    try:
        recorder = make_recorder(run, keras.Variable(0.0))
        with recorder:
            os.kill(os.getpid(), signal.SIGHUP)
            assert recorder.interrupted is None
        signal.signal(signal.SIGHUP, before)
        with recorder:
            os.kill(os.getpid(), signal.SIGHUP)
            assert recorder.interrupted == signal.SIGHUP
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_reader_of_the_progress_that_goes_away_costs_nothing(run, monkeypatch):
    variable = keras.Variable(0.0)
    recorder = make_recorder(run, variable, save_every=100)

    def gone(*_):
        raise BrokenPipeError

    monkeypatch.setattr(recorder, "_show_progress", gone)
    train(recorder, variable)
    assert (recorder.interrupted, names(recorder.checkpoints)) == (signal.SIGPIPE, [1])
