"""MATLAB's files: what SciPy writes is read back, whatever else they hold is passed over or refused."""

import struct
import subprocess
import zlib

import numpy as np
import pytest
import scipy.io

from gan_common.data import matlab

MEGABYTES = 10**6


def written(path, content, compressed=False):
    scipy.io.savemat(path, content, do_compression=compressed)
    return path


@pytest.mark.parametrize("compressed", [False, True])
def test_what_scipy_writes_is_read_back(tmp_path, compressed):
    kinds = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
    content = {f"a_{kind}": np.arange(24).reshape(2, 3, 4).astype(kind) for kind in kinds}
    content |= {"one": np.ones((1, 1)), "none": np.zeros((0, 3))}
    path = written(tmp_path / "a.mat", content, compressed)
    found = matlab.read(path, [*content, "absent"], MEGABYTES)
    assert set(found) == set(content)
    for name, array in content.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert set(matlab.read(path, ["one"], MEGABYTES)) == {"one"}


def test_doubles_that_matlab_stored_as_bytes(tmp_path):
    name = struct.pack("<HH4s", 1, 1, b"y")
    matrix = struct.pack("<IIII", 6, 8, 6, 0) + struct.pack("<IIii", 5, 8, 3, 1) + name
    matrix += struct.pack("<HH4s", 2, 3, bytes([1, 10, 2]))
    path = written(tmp_path / "y.mat", {})
    path.write_bytes(path.read_bytes()[:128] + struct.pack("<II", 14, len(matrix)) + matrix)
    np.testing.assert_array_equal(matlab.read(path, ["y"], MEGABYTES)["y"], [[1], [10], [2]])


def test_what_is_no_array_of_real_numbers_is_passed_over(tmp_path):
    content = {"text": "words", "z": np.array([[1j]]), "cell": np.array([{"a": 1}], object)}
    path = written(tmp_path / "a.mat", content | {"y": np.ones((2, 1))})
    assert set(matlab.read(path, [*content, "y"], MEGABYTES)) == {"y"}


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_that_ends_early_is_refused(tmp_path, compressed):
    path = written(tmp_path / "x.mat", {"X": np.arange(600.0).reshape(20, 30)}, compressed)
    whole = path.read_bytes()
    for length in (0, 60, 127, 130, 140, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="damaged"):
            matlab.read(path, ["X"], MEGABYTES)
    path.write_bytes(whole[:128])  # a file of no variables
    assert matlab.read(path, ["X"], MEGABYTES) == {}


def test_an_altered_byte_of_compressed_data_is_noticed(tmp_path):
    path = written(tmp_path / "x.mat", {"X": np.arange(600.0).reshape(20, 30)}, compressed=True)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="damaged"):
        matlab.read(path, ["X"], MEGABYTES)


def test_no_more_is_unpacked_than_the_shape_names(tmp_path):
    path = written(tmp_path / "x.mat", {"X": np.zeros((2, 2))})
    bomb = zlib.compress(path.read_bytes()[128:] + bytes(10**9))
    path.write_bytes(path.read_bytes()[:128] + struct.pack("<II", 15, len(bomb)) + bomb)
    with pytest.raises(ValueError, match="damaged"):
        matlab.read(path, ["X"], MEGABYTES)


def test_sizes_that_no_file_can_hold_are_refused(tmp_path):
    path = written(tmp_path / "x.mat", {"X": np.zeros((2, 2))})
    whole = bytearray(path.read_bytes())
    at = whole.index(struct.pack("<ii", 2, 2))
    whole[at : at + 8] = struct.pack("<ii", 2**31 - 1, 2**31 - 1)
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="too large"):
        matlab.read(path, ["X"], MEGABYTES)


def test_a_reader_that_hangs_or_crashes_is_no_end_of_this_process(tmp_path, monkeypatch):
    path = written(tmp_path / "x.mat", {"X": np.zeros((2, 2))})
    monkeypatch.setattr(matlab, "SECONDS", 0.001)
    with pytest.raises(ValueError, match="takes over"):
        matlab.read(path, ["X"], MEGABYTES)
    monkeypatch.setattr(matlab, "SECONDS", 60)
    run = subprocess.run

    def crashes(command, **options):
        code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
        return run([command[0], "-c", code], **options)

    monkeypatch.setattr(subprocess, "run", crashes)
    with pytest.raises(ValueError, match="status -11"):
        matlab.read(path, ["X"], MEGABYTES)
