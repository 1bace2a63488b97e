"""What other systems and disks lack is taken away, or made to fail as it does there.

Simulated on Linux; nothing here was run on Windows or macOS.
"""

import ast
import errno
import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from benchmarks.experiments import running
from benchmarks.stress import long_run, soak, walk
from gan_common import files, runs
from gan_common.data import Dataset, decoder, label_list, layout
from gan_common.errors import UserError
from gan_common.runs import lock
from gan_common.runs.recorder import Recorder
from keras_dcgan import train

ROOT = Path(train.__file__).parents[1]
PICTURES = np.zeros((4, 8, 8, 1), np.uint8)
LABELS = np.array([0, 1, 0, 1], np.int32)
DATASET = Dataset(PICTURES, LABELS, PICTURES, LABELS, 2, (8, 8, 1), ("a", "b"), "tiny")
CONFIG = {"dataset": "tiny", "preset": "p", "latent_dim": 4, "width": None, "tricks": ()}
# Of what Linux has, what Windows has not.
OF_OS = (
    "pread pwrite O_CLOEXEC O_DIRECTORY O_NOFOLLOW sysconf getuid geteuid fork statvfs getloadavg"
)
OF_SIGNAL = "SIGHUP SIGPIPE SIGKILL SIGUSR1 SIGUSR2 SIGALRM SIGCHLD SIGQUIT"


def locking(descriptor, mode, _):
    """As `msvcrt.locking`: EACCES for what another descriptor holds."""
    assert (mode, os.lseek(descriptor, 0, os.SEEK_CUR)) == (2, lock.PLACE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PermissionError(errno.EACCES, "Permission denied") from None


def become_windows(monkeypatch):
    """Windows, as far as this program asks for what it has."""
    system_open, system_sync, system_replace = os.open, os.fsync, os.replace
    failed = set()

    def open_(path, flags, *more, **named):
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return system_open(path, flags, *more, **named)

    def sync(descriptor):
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        system_sync(descriptor)

    def replace(source, target):
        """Refuses each name once: a virus scanner reads what is new."""
        if str(target) not in failed:
            failed.add(str(target))
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(target))
        system_replace(source, target)

    def kill(*_):
        raise AssertionError("os.kill ends the process on Windows")

    for name in OF_OS.split():
        monkeypatch.delattr(os, name)
    for name in OF_SIGNAL.split():
        monkeypatch.delattr(signal, name)
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(files, "WINDOWS", True)
    monkeypatch.setattr(files, "PAUSES", (0.001, 0.001))
    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.setattr(lock, "fcntl", None)
    monkeypatch.setattr(lock, "msvcrt", types.SimpleNamespace(locking=locking, LK_NBLCK=2))
    for name in ("fcntl", "resource"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(files.os, "open", open_)


@pytest.fixture
def windows(tmp_path, monkeypatch):
    """See `become_windows`; pytest makes its folder before."""
    become_windows(monkeypatch)


# Where it stands all the same: it is looked for first, or another system is refused before.
ASKED_FOR_WITH_CARE = {
    "gan_common/memory.py",  # behind files that Linux alone has
    "gan_common/cli/ending.py",
    "gan_common/files.py",
    *(f"gan_common/runs/{name}.py" for name in ("lock", "signals")),
    "gan_common/data/decoder.py",  # what is not there is caught
    "gan_common/data/matlab.py",
    *(
        f"gan_common/play/{name}.py" for name in ("games", "process")
    ),  # spawned, a pipe, no semaphores
    "benchmarks/experiments/patients/training.py",
    *(f"benchmarks/speed/{name}.py" for name in ("bench", "contender", "pages", "play", "web")),
    *(f"benchmarks/experiments/{name}.py" for name in ("applications", "color")),
    *(f"benchmarks/stress/{name}.py" for name in ("soak", "walk", "workers")),
}


# What else Windows has not, or does otherwise.
MORE_OF_OS = (
    "sched_setaffinity sched_getaffinity sched_yield uname nice getpriority setpriority killpg "
    "setsid getpgid getpgrp getgid getgroups setuid setgid chown fchown lchown chroot mkfifo mknod "
    "readv writev preadv pwritev posix_fadvise posix_fallocate posix_spawn sendfile memfd_create "
    "pidfd_open sync fdatasync lockf wait3 wait4 waitid WNOHANG O_SYNC O_DSYNC O_NONBLOCK O_TMPFILE "
    "openpty forkpty ttyname confstr pathconf fpathconf getxattr setxattr listxattr fchdir ctermid"
)
MORE_OF_SIGNAL = (
    "SIGSTOP SIGCONT SIGTSTP SIGWINCH SIGXFSZ pthread_kill pthread_sigmask setitimer getitimer alarm pause "
    "sigwait sigtimedwait sigpending siginterrupt SIG_BLOCK"
)
LACKING = {
    "os": {*OF_OS.split(), *MORE_OF_OS.split()},
    "signal": {*OF_SIGNAL.split(), *MORE_OF_SIGNAL.split()},
    "time": {"tzset", "clock_gettime"},
    "socket": {"AF_UNIX", "SO_REUSEPORT"},
}
# The last one has no place where /dev/shm is small, or not there.
MODULES = {"resource", "pwd", "grp", "termios", "pty", "fcntl", "syslog", "multiprocessing"}


def lacking_on_windows(source):
    """What a source asks of the standard library, and which modules it imports, that Windows lacks."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in LACKING.get(node.value.id, ()):
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in MODULES:
            yield node.module


def test_nothing_else_asks_for_what_windows_lacks():
    for package in ("gan_common", "keras_dcgan", "ssgan_tf", "gan_applications", "benchmarks"):
        for path in (ROOT / package).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            found = sorted(lacking_on_windows(path.read_text(encoding="utf-8")))
            assert not found or name in ASKED_FOR_WITH_CARE, (name, found)
    source = "import os, resource\nfrom multiprocessing.pool import Pool\nos.pread(1, 2, 3)"
    assert list(lacking_on_windows(source)) == ["resource", "multiprocessing.pool", "os.pread"]


def test_what_needs_linux_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(running.sys, "platform", "win32")
    for command in (walk, long_run):
        with pytest.raises(SystemExit) as end:
            command.main(["command"])
        assert end.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setattr(soak.multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    with pytest.raises(SystemExit) as end:
        soak.main(["soak", f"--runs={tmp_path}"])
    assert end.value.code == 2


def make_run(folder):
    return runs.Run.create(CONFIG, str(folder), "keras_dcgan", DATASET)


def make_recorder(run, variable):
    every = {"steps_per_epoch": 5, "log_every": 2, "sample_every": 2, "save_every": 2}
    return Recorder(
        run, {"net": [variable]}, lambda: PICTURES, total_steps=4, batch_size=2, **every
    )


def run_through(folder):
    run, variable = make_run(folder), keras.Variable(0.0)
    with make_recorder(run, variable) as recorder:
        while not recorder.finished:
            variable.assign_add(1.0)
            recorder.after_step(recorder.step + 1, {"d_loss": 1.0})
    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A short training on Windows: its folder, and what was typed but for the folder."""
    folder = tmp_path_factory.mktemp("windows")
    soak.make_data(folder)
    flags = soak.FLAGS | {"steps": 4, "save_every": 0.1, "data_dir": folder / "keras_dcgan"}
    del flags["epochs"]
    argv = [f"--{k}" if v is None else f"--{k}={v}" for k, v in flags.items()]
    with pytest.MonkeyPatch.context() as patch:
        become_windows(patch)
        with pytest.raises(SystemExit) as end:
            train.main(["train", *argv, f"--run_dir={folder / 'run'}"])
    assert end.value.code == 0
    return folder / "run", argv


def test_a_training_on_windows_from_start_to_end(trained):
    run, _ = trained
    assert len(list((run / "checkpoints").glob("step-*"))) == 2
    assert (run / "MODEL_CARD.md").exists()


READ_ONLY = """
import os, sys
def refuse(event, given):
    if event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link"):
        written = [path for path in given if isinstance(path, (str, bytes, os.PathLike))]
    elif event == "open" and isinstance(given[0], (str, bytes, os.PathLike)):
        flags = given[2] if isinstance(given[2], int) else 0
        writing = flags & (os.O_WRONLY | os.O_RDWR) or set(given[1] or "") & set("wax+")
        written = [given[0]] if writing else []
    else:
        return
    for path in written:
        if os.path.abspath(os.fsdecode(path)).startswith(PLACES):
            raise PermissionError(30, "Read-only file system", path)
sys.addaudithook(refuse)
"""


@pytest.mark.integration
def test_whatever_a_person_has_configured_the_numbers_are_the_same(trained, tmp_path):
    """Keras, TensorFlow, Python, matplotlib and the shell, each set as badly as they allow."""
    run, argv = trained
    (tmp_path / "home" / ".keras").mkdir(parents=True)
    (tmp_path / "home" / ".keras" / "keras.json").write_text(
        '{"floatx": "float64", "epsilon": 0.1, "backend": "torch", "image_data_format": '
        '"channels_first"}'
    )
    (tmp_path / "matplotlibrc").write_text(
        "text.usetex: True\nfont.family: Nowhere\nsavefig.dpi: 7\naxes.facecolor: black\n"
        "axes.prop_cycle: cycler('color', 'kkk')\nfigure.constrained_layout.use: True\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join((str(tmp_path / "site"), str(ROOT))),
        "HOME": str(tmp_path / "home"),
        "KERAS_BACKEND": "jax",
        "KERAS_MAX_STEPS_PER_EPOCH": "1",
        "KERAS_MAX_EPOCHS": "none",
        "TF_CONFIG": '{"cluster": 3',
        "TF_USE_LEGACY_KERAS": "1",
        "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
        "CUDA_VISIBLE_DEVICES": "7",
        "PYTHONWARNINGS": "error",
        "PYTHONHASHSEED": "7",
        "PYTHONOPTIMIZE": "1",
        "PYTHONIOENCODING": "ascii:strict",
        "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "cpp",
        "TF2_BEHAVIOR": "0",
        "TZ": "Pacific/Kiritimati",
        **dict.fromkeys(("PYTHONUTF8", "PYTHONCOERCECLOCALE"), "0"),
        "LC_ALL": "C",
        "MPLBACKEND": "nonsense",
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "TMPDIR": "/nowhere",
        "GAN_CACHE_DIR": "/proc/nowhere",
        **dict.fromkeys(("TERM", "COLUMNS", "NO_COLOR"), "1"),
    }
    # The install, and Python's own, can only be read.
    (tmp_path / "site").mkdir()
    places = (str(ROOT), sys.prefix, sys.base_prefix)
    (tmp_path / "site" / "sitecustomize.py").write_text(f"PLACES = {places!r}\n{READ_ONLY}")
    command = [sys.executable, "-m", "keras_dcgan.train", *argv, "--run_dir=run"]
    shell = f"umask 077; ulimit -n 128; exec {shlex.join(command)}"
    done = subprocess.run(
        ["sh", "-c", shell], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    # To rounding: which form of a convolution is fastest is measured, and nothing is kept of it there.
    there, here = (runs.Run(folder).rows() for folder in (tmp_path / "run", run))
    assert len(there) == len(here) > 0
    for row, expected in zip(there, here, strict=True):
        told = set(expected) - set(soak.TIMED)
        assert {name: row[name] for name in told} == pytest.approx(
            {name: expected[name] for name in told}, rel=1e-3, abs=1e-4
        )
    for folder in (tmp_path / "run", run):
        with Image.open(folder / "curves.png") as curves:
            assert curves.size == (800, 820)


def test_the_lock_of_windows(windows, tmp_path):
    (tmp_path / lock.NAME).write_text('{"host": "elsewhere", "pid": 7}')
    first, second = lock.Lock(tmp_path), lock.Lock(tmp_path)
    with first:
        assert first.stale == "process 7 on elsewhere"
        assert json.loads((tmp_path / lock.NAME).read_text())["pid"] == os.getpid()
        with pytest.raises(UserError, match=f"process {os.getpid()} on .* is training in it"):
            second.acquire()
    with second:
        assert second.stale is None


def test_a_file_that_stays_open_elsewhere_is_said(windows, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(UserError, match=r"a\.json: cannot be written: Permission denied; close it"):
        files.write_json(tmp_path / "a.json", {})
    assert list(tmp_path.iterdir()) == []


def test_on_macos_the_drive_is_told_too(tmp_path, monkeypatch):
    told = []

    def control(_descriptor, command):
        told.append(command)
        if len(told) > 1:
            raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(files, "fcntl", types.SimpleNamespace(F_FULLFSYNC=51, fcntl=control))
    monkeypatch.setattr(os, "fsync", lambda _: told.append("fsync"))
    files.sync(tmp_path)
    files.sync(tmp_path)  # a network drive
    assert told == [51, 51, "fsync"]


def test_memory_that_the_system_does_not_tell_is_no_reason_to_refuse(monkeypatch):
    def unknown(_):
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", unknown)
    assert decoder.new_images(2, 4, 3).shape == (2, 4, 4, 3)


# ----------------------------------------------------------------------------- other disks


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_disk_that_cannot_be_told_to_write_is_named_once(tmp_path, monkeypatch, capsys, code):
    def sync(descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", sync)
    files._warn.cache_clear()
    run = run_through(tmp_path / "run")
    said = capsys.readouterr().err
    assert said.count("cannot be told to write at once") == said.count("\n") == 1
    assert "make room" not in said
    assert len(list((run.folder / "checkpoints").glob("step-*"))) == 2


def test_a_disk_that_fails_is_no_such_disk(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run")

    def sync(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(UserError, match=r"Input/output error.*mend that, then go on") as told:
        make_recorder(run, keras.Variable(0.0)).checkpoints.save(1, {})
    assert "room" not in str(told.value)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_without_locks_goes_by_the_name(tmp_path, monkeypatch, code):
    def unsupported(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(lock.fcntl, "flock", unsupported)
    run_through(tmp_path / "run")
    with lock.Lock(tmp_path), pytest.raises(UserError, match=f"process {os.getpid()}"):
        lock.Lock(tmp_path).acquire()


def test_long_paths_and_names(tmp_path):
    folder = tmp_path
    while len(str(folder)) < 250:
        folder /= "f" * 40
    run = run_through(folder / "猫 🐱")
    assert [path.name for path in (run.folder / "samples").iterdir()]
    name = "n" * 251 + ".csv"
    files.write_whole(tmp_path / name, lambda path: path.write_text("whole"))
    assert (tmp_path / name).read_text() == "whole"
    with pytest.raises(UserError, match="too long; give a shorter name"):
        files.write_json(tmp_path / ("é" * 128), {})


def test_a_run_whose_checkpoints_have_too_long_paths_is_refused_before_it_trains(
    tmp_path, monkeypatch
):
    """As Windows has it of paths of 260 characters: there is no such folder, it says."""
    make = Path.mkdir

    def mkdir(path, *arguments, **named):
        if len(str(path)) > 259:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        make(path, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    folder = tmp_path / "runs"
    long = folder / ("r" * (200 - len(str(folder))))
    with pytest.raises(UserError, match=r"paths of 330 characters, which .* name a shorter one"):
        make_run(long)
    assert list(tmp_path.iterdir()) == []
    assert make_run(folder / "short").folder.is_dir()


@pytest.mark.parametrize("flag", ["run_dir", "resume", "from", "json", "data_dir", "dataset"])
def test_a_name_that_no_disk_takes_is_refused_in_one_line(flag, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    soak.make_data(tmp_path)
    value = ("folder:" if flag == "dataset" else "") + "x" * 300
    argv = ["train", "--dataset=mnist", f"--data_dir={tmp_path / 'keras_dcgan'}", "--steps=1"]
    argv += ["--image_size=12", "--width=4", "--batch_size=8", "--noevaluate", f"--{flag}={value}"]
    with pytest.raises(SystemExit) as end:
        train.main(argv)
    said = capsys.readouterr()
    assert (end.value.code, said.err.count("\n")) == (2, 1), said
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(soak.PACKAGES)


def test_names_that_differ_in_case_or_accents_only(tmp_path):
    """As a Mac's or Windows's folder has them, and a list of labels that was written elsewhere."""
    composed, apart = "caf\xe9.png", "cafe\u0301.png"
    (tmp_path / "labels.csv").write_text(
        f"file,label\n{composed},a\nIMG.PNG,b\nc.png,c\nC.png,d\nc.PNG,e\n", encoding="utf-8"
    )
    known = [apart, "img.png", "c.png", "C.png"]
    found = label_list.read_labels(tmp_path / "labels.csv", known)
    assert found.of == {apart: "a", "img.png": "b", "c.png": "c", "C.png": "d"}
    assert found.absent == ["c.PNG"]  # of two that it may mean, neither
    for name in ("Cat", "cat", "dog"):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        (folder / "a.png").touch()
    notes = layout.arrange(tmp_path / "pictures").notes
    assert notes == ["classes 'Cat' and 'cat' differ in case alone; are they one?"]


def test_no_clock_that_jumps_is_asked(tmp_path, monkeypatch):
    """The time of day is set by people and networks: durations come from a clock that only goes on."""
    for package in ("gan_common", "keras_dcgan", "ssgan_tf"):
        for path in (ROOT / package).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            for asked in ("time.time(", "time_ns(", "datetime.now", "utcnow", "date.today"):
                assert asked not in source, f"{path}: {asked}"
    days = iter(range(10**6, 0, -1))
    monkeypatch.setattr(time, "time", lambda: 86_400.0 * next(days))
    run = run_through(tmp_path / "run")
    assert all(0 <= row["seconds"] < 60 for row in run.rows())
