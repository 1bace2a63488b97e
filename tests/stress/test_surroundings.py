"""What a person's computer has set otherwise: refused in one line, or of no account.

All of it at once, in a training: tests/stress/test_other_systems.py.
"""

import errno
import os
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

import gan_common.quiet as quiet
from gan_common import cli, files, outside, runs
from gan_common.cli import flags
from gan_common.data import Dataset
from gan_common.errors import UserError
from gan_common.kernels.machine import computing_in
from gan_common.metrics import features
from gan_common.pages import serve
from keras_dcgan.config import Config

ROOT = Path(__file__).resolve().parents[2]
PICTURES = np.zeros((4, 8, 8, 1), np.uint8)
LABELS = np.array([0, 1, 0, 1], np.int32)
DATASET = Dataset(PICTURES, LABELS, PICTURES, LABELS, 2, (8, 8, 1), ("a", "b"), "tiny")
CONFIG = {"dataset": "tiny", "preset": "p", "latent_dim": 4, "width": None, "tricks": ()}


def python(code, *options, **environment):
    """What a Python of its own prints, and its status."""
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def ends(main):
    """The status that a command ends with."""
    with pytest.raises(SystemExit) as end:
        cli.run(main, ["command"])
    return end.value.code


# ---------------------------------------------------------------------- operating system


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.EMFILE, "Too many open files", "a"), "open files; allow more of them: ulimit"),
        (OSError(errno.EROFS, "Read-only file system", "/ro/a"), "/ro/a: Read-only file system; mend"),
        (PermissionError(errno.EACCES, "Permission denied", "/b"), "/b: Permission denied; mend"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device; make room"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "c" * 300), "File name too long; mend"),
        (FileNotFoundError(2, "No usable temporary directory found in ['/x']"), "let $TMPDIR name"),
    ],
)  # fmt: skip
def test_what_the_system_refuses_is_one_line(error, says, capsys):
    def fail(_):
        raise error

    assert ends(fail) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_log_on_a_full_disk_changes_no_status():
    """Neither what is said last nor what Python still has to write when it ends."""
    code = (
        "import gan_common.cli as cli, gan_common.errors as errors\n"
        "def main(argv):\n"
        "    print('a line')\n"
        "    if argv[1:]: raise errors.UserError('wrong')\n"
        "cli.run(main, {})"
    )
    with open("/dev/full", "w") as full:
        for streams in ({"stdout": full}, {"stdout": full, "stderr": full}):
            streams = {"stderr": subprocess.DEVNULL} | streams
            for argv in ("['command', 'wrong']", "['command']"):
                typed = [sys.executable, "-c", code.format(argv)]
                assert subprocess.run(typed, cwd=ROOT, **streams).returncode == 2


def test_what_may_be_a_defect_keeps_its_traceback():
    def fail(_):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "a")

    with pytest.raises(FileNotFoundError):
        cli.run(fail, ["command"])


def test_without_a_home_what_is_made_once_is_kept_elsewhere(monkeypatch, tmp_path):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("GAN_CACHE_DIR", raising=False)
    monkeypatch.setattr(files.Path, "home", nobody)
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(tmp_path))
    assert files.cache_dir() == tmp_path / "gan-chapter"


def test_without_a_home_a_tilde_is_refused_in_one_line(monkeypatch, capsys):
    monkeypatch.delenv("HOME", raising=False)

    def fail(_):
        raise RuntimeError("Could not determine home directory.")

    assert ends(fail) == 2
    assert "Set $HOME" in capsys.readouterr().err


def test_two_runs_that_begin_at_once_have_a_folder_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, raced = Path.mkdir, []

    def mkdir(path, *arguments, **named):
        """Another training makes the same folder just before."""
        if path.name == "tiny-p-1" and not raced:
            raced.append(None)
            raced[0] = runs.Run.create(CONFIG, None, "keras_dcgan", DATASET)
        return make(path, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    second = runs.Run.create(CONFIG, None, "keras_dcgan", DATASET)
    assert (raced[0].folder.name, second.folder.name) == ("tiny-p-1", "tiny-p-2")


# --------------------------------------------------------------------------------- Python


def test_warnings_that_were_made_errors_are_none(monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outside.forgive_warnings()  # not asked for on the command line: this test's own
        with pytest.raises(DeprecationWarning):
            warnings.warn("old", DeprecationWarning, stacklevel=1)
        monkeypatch.setattr(sys, "warnoptions", ["error"])
        outside.forgive_warnings()
        warnings.warn("old", DeprecationWarning, stacklevel=1)


def test_without_docstrings_help_still_lists_the_flags(capsys):
    with pytest.raises(SystemExit):
        flags.parse(Config, ["train", "--help"], None)
    assert "--epochs" in capsys.readouterr().out


def test_without_docstrings_and_in_another_language_a_command_answers():
    code = "import sys; from keras_dcgan.__main__ import main; sys.argv = ['d', 'train', '--help']; main()"
    ascii_only = dict.fromkeys(("PYTHONUTF8", "PYTHONCOERCECLOCALE"), "0")
    status, out, err = python(code, "-OO", "-W", "error", LC_ALL="C", COLUMNS="1", **ascii_only)
    assert (status, err) == (0, "")
    assert "--epochs" in out


def test_a_folder_whose_name_tensorflow_would_write_otherwise_is_refused(monkeypatch, tmp_path):
    """In a Latin-1 locale Python writes é in one byte; TensorFlow in two, and so into another folder."""
    monkeypatch.setattr(runs.run.os, "fsencode", lambda path: str(path).encode("latin-1"))
    monkeypatch.setattr(runs.run.sys, "getfilesystemencoding", lambda: "iso8859-1")
    with pytest.raises(UserError, match="written in iso8859-1 here; set PYTHONUTF8=1"):
        runs.Run.create(CONFIG, str(tmp_path / "é"), "keras_dcgan", DATASET)
    assert list(tmp_path.iterdir()) == []


def test_flags_of_absl_that_would_hush_unknown_ones_are_unknown():
    for typed in (["--undefok=epoch", "--epoch=3"], ["--undefok", "epoch"]):
        with pytest.raises(UserError, match="unknown flag --undefok; the flags are"):
            flags.parse(Config, ["train", *typed], None)


def test_what_is_set_for_other_servers_is_left_aside(monkeypatch):
    for name in ("WEB_CONCURRENCY", "NICEGUI_REDIS_URL"):
        monkeypatch.setenv(name, "4")
    monkeypatch.setattr(serve.importlib.util, "find_spec", lambda _: True)
    serve.check("127.0.0.1", 0)
    assert not {"WEB_CONCURRENCY", "NICEGUI_REDIS_URL"} & set(os.environ)


# ------------------------------------------------------------------- Keras and TensorFlow


def test_another_backend_that_was_begun_with_is_refused():
    code = (
        "import sys, types; keras = types.ModuleType('keras'); sys.modules['keras'] = keras; "
        "keras.config = types.SimpleNamespace(backend=lambda: 'jax'); import gan_common"
    )
    status, _, err = python(code)
    assert status == 1
    assert err.splitlines()[-1].startswith("ImportError: Keras computes by jax here")


def test_a_persons_own_file_of_a_librarys_name_is_refused(tmp_path, monkeypatch):
    (tmp_path / "zebras.py").write_text("print('an exercise')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"zebras\.py hides the library zebras; rename it"):
        outside.check_shadows(("numpy", "json", "zebras"))  # json is a folder, and the library's
    outside.check_shadows(("tensorflow", "keras", "no_such_library"))


def test_keras_that_does_not_start_is_one_line(monkeypatch):
    monkeypatch.setattr(quiet.outside, "import_matplotlib", lambda: None)
    monkeypatch.setattr(quiet, "CPUINFO", Path("/nowhere"))
    monkeypatch.setattr(quiet.outside, "check_shadows", lambda _: None)
    for error, says in (
        (
            AssertionError("floatx"),
            r"Keras does not start \(floatx\); mend or remove .*keras\.json",
        ),
        (ImportError("libcudart.so.9"), r"TensorFlow cannot be loaded \(libcudart"),
    ):

        class Finder:
            error: Exception

            def find_spec(self, name, *_):
                if name == ("keras" if isinstance(self.error, AssertionError) else "tensorflow"):
                    raise self.error

        finder = Finder()
        finder.error = error
        monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
        with monkeypatch.context() as patch:
            for name in ("keras", "tensorflow"):
                patch.delitem(sys.modules, name)
            if isinstance(error, AssertionError):
                patch.setitem(sys.modules, "tensorflow", os)  # any module: it is only imported
            with pytest.raises(UserError, match=says):
                quiet._import()


def test_a_processor_without_avx_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(quiet, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(quiet.platform, "machine", lambda: "x86_64")
    (tmp_path / "cpuinfo").write_text("flags : fpu sse2 sse4_2\n")
    with pytest.raises(UserError, match="needs a processor with AVX"):
        quiet._check_processor()
    for known in ("flags : fpu sse2 avx2 avx\n", "Features : fp asimd\n"):
        (tmp_path / "cpuinfo").write_text(known)
        quiet._check_processor()


@pytest.fixture
def callers_policy():
    """As a notebook may have set them before it calls us."""
    keras.config.set_dtype_policy("mixed_float16")
    keras.config.set_floatx("float64")
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def test_a_callers_policy_changes_no_network_and_comes_back(callers_policy):
    with computing_in("float32"):
        layer = keras.layers.Conv2D(2, 3, padding="same")
        result = layer(np.zeros((1, 8, 6, 1), np.float32))
        assert keras.ops.zeros(1).dtype == "float32"
    assert (result.shape, result.dtype) == ((1, 8, 6, 2), "float32")
    model = features.network(DATASET)
    assert {v.dtype for v in model.variables if "seed" not in v.path} == {"float32"}
    assert {layer.compute_dtype for layer in model.layers[1:]} == {"float32"}
    assert keras.config.dtype_policy().name == "mixed_float16"
    assert (keras.config.floatx(), keras.config.image_data_format()) == (
        "float64",
        "channels_first",
    )
