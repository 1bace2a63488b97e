"""MATLAB's files: what SciPy writes is read back, whatever else they hold is passed over or refused."""

import io
import struct
import zlib

import numpy as np
import pytest
import scipy.io

from gan_common.data import matlab

TYPES = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")


def written(content, compressed=False) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, content, do_compression=compressed)
    return file.getvalue()


def read_all(whole: bytes) -> dict[str, np.ndarray]:
    return {variable.name: variable.read() for variable in matlab.variables(whole)}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", TYPES)
def test_what_scipy_writes_is_read_back(kind, compressed):
    shapes = {"a": (3, 4), "longer_name": (2, 3, 4, 5), "b": (1, 1), "none": (0, 3)}
    content = {
        name: np.arange(np.prod(shape)).reshape(shape).astype(kind)
        for name, shape in shapes.items()
    }
    found = list(matlab.variables(written(content, compressed)))
    assert [v.name for v in found] == list(content)
    for variable in found:
        array = variable.read()
        assert array.dtype == variable.dtype == np.dtype(kind)
        assert array.shape == variable.shape == content[variable.name].shape
        np.testing.assert_array_equal(array, content[variable.name])


def test_large_arrays_are_read_whole():
    rng = np.random.default_rng(1)
    content = {"X": rng.integers(0, 256, (32, 32, 3, 50), np.uint8)}
    (variable,) = matlab.variables(written(content, compressed=True))
    np.testing.assert_array_equal(variable.read(), content["X"])


def test_doubles_that_matlab_stored_as_bytes():
    name = struct.pack("<HH4s", 1, 1, b"y")
    matrix = struct.pack("<IIII", 6, 8, 6, 0) + struct.pack("<IIii", 5, 8, 3, 1) + name
    matrix += struct.pack("<HH4s", 2, 3, bytes([1, 10, 2]))
    whole = written({})[:128] + struct.pack("<II", 14, len(matrix)) + matrix
    (variable,) = matlab.variables(whole)
    assert variable.read().dtype == np.float64
    np.testing.assert_array_equal(variable.read(), [[1], [10], [2]])


def test_what_is_no_array_of_real_numbers_is_passed_over():
    content = {"text": "words", "z": np.array([[1j]]), "cell": np.array([{"a": 1}], object)}
    found = matlab.variables(written(content | {"y": np.ones((2, 1))}))
    assert [v.name for v in found] == ["y"]


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_that_ends_early_is_refused(compressed):
    whole = written({"X": np.arange(600.0).reshape(20, 30)}, compressed)
    for length in (0, 60, 127, 130, 140, len(whole) // 2, len(whole) - 9):
        with pytest.raises(ValueError, match=r"cut off|no MATLAB|do not end|damaged"):
            read_all(whole[:length])
    assert not read_all(whole[:128])  # a file of no variables


def test_an_altered_byte_of_compressed_data_is_noticed():
    whole = bytearray(written({"X": np.arange(600.0).reshape(20, 30)}, compressed=True))
    whole[-3] ^= 1  # in its checksum
    with pytest.raises(ValueError, match="damaged"):
        read_all(bytes(whole))


def test_no_more_is_unpacked_than_the_shape_names():
    bomb = zlib.compress(written({"X": np.zeros((2, 2))})[128:] + bytes(10**7))
    whole = written({})[:128] + struct.pack("<II", 15, len(bomb)) + bomb
    (variable,) = matlab.variables(whole)
    with pytest.raises(ValueError, match="do not end"):
        variable.read()


def test_sizes_that_no_file_can_hold_are_refused():
    whole = bytearray(written({"X": np.zeros((2, 2))}))
    at = whole.index(struct.pack("<ii", 2, 2))
    whole[at : at + 8] = struct.pack("<ii", 2**31 - 1, 2**31 - 1)
    (variable,) = matlab.variables(bytes(whole))
    with pytest.raises(ValueError, match="does not have"):
        variable.read()
