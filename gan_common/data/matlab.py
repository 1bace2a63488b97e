"""Arrays of numbers in MATLAB's files, read without trusting a byte of them.

The format is level 5 ("MAT-File Format", The MathWorks): a header of 128 bytes, then elements, each a tag
(type, bytes) and its data; a variable is an element of elements, often compressed.  Nothing but arrays of
real numbers is read: no cell, struct, object or function.  SciPy's reader is not used because a damaged file
can crash the process that it runs in.
"""

import dataclasses
import math
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np

HEADER_BYTES = 128
# Of a variable, what stands before its numbers: flags, shape and a name of at most 63 characters.
VARIABLE_BYTES = 512
INT8, INT32, UINT32, MATRIX, COMPRESSED = 1, 5, 6, 14, 15
# How numbers are stored, and what they are to be: MATLAB stores doubles that are small integers as bytes.
INTEGERS = ("i1", "u1", "i2", "u2", "i4", "u4")
STORED = dict(enumerate(INTEGERS, 1)) | {7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {6: "f8", 7: "f4"} | dict(enumerate((*INTEGERS, "i8", "u8"), 8))
COMPLEX = 0x0800


@dataclasses.dataclass(frozen=True)
class Variable:
    """An array in a file whose numbers are not read yet.

    Attributes:
        name: of the variable.
        shape: of the array.
        dtype: of the array, in the machine's byte order.
        read: () → the array.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]


def variables(content: bytes) -> Iterator[Variable]:
    """The arrays of real numbers in a file's bytes, in order; whatever else it holds is passed over.

    Raises:
        ValueError: bytes that are no such file, here or in `Variable.read`.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:HEADER_BYTES])
    if order is None or struct.unpack(f"{order}H", content[124:126]) != (0x0100,):
        raise ValueError("it is no MATLAB file of level 5")
    at = HEADER_BYTES
    while at < len(content):
        kind, size, start = _tag(content, at, order)
        data = memoryview(content)[start : start + size]
        if len(data) != size:
            raise ValueError("it is cut off")
        if kind == COMPRESSED:
            found = _variable(_Inflated(data), order)
        elif kind == MATRIX:
            found = _variable(_Stored(memoryview(content)[at : start + size]), order)
        else:
            found = None
        if found is not None:
            yield found
        at = start + size if kind == COMPRESSED else _padded(start + size)


class _Stored:
    """An element whose bytes stand in the file: its beginning, and any part of the rest."""

    def __init__(self, data):
        self._data = data
        self.head = bytes(data[:VARIABLE_BYTES])

    def read(self, start: int, size: int) -> bytes:
        return bytes(self._data[start : start + size])


class _Inflated:
    """An element that is compressed; no more of it is unpacked than is asked for."""

    def __init__(self, data):
        self._stream = self._zlib(lambda: zlib.decompressobj())
        self.head = self._zlib(lambda: self._stream.decompress(data, VARIABLE_BYTES))

    def read(self, start: int, size: int) -> bytes:
        missing = max(0, start + size - len(self.head))
        rest, tail = b"", self._stream.unconsumed_tail
        if missing:
            rest = self._zlib(lambda: self._stream.decompress(tail, missing))
        # Its checksum stands at the end, after padding of at most 7 bytes.
        self._zlib(lambda: self._stream.decompress(self._stream.unconsumed_tail, 64))
        if not self._stream.eof:
            raise ValueError("its compressed data do not end where they should")
        return self.head[start : start + size] + rest[max(0, start - len(self.head)) :]

    @staticmethod
    def _zlib(action):
        try:
            return action()
        except zlib.error as error:
            raise ValueError(f"its compressed data are damaged: {error}") from error


def _variable(element: "_Stored | _Inflated", order: str) -> Variable | None:
    """An element as an array of real numbers, or None when it is something else."""
    head = element.head
    kind, _, at = _tag(head, 0, order)
    if kind != MATRIX:
        return None
    flags, at = _values(head, at, order, UINT32)
    shape, at = _values(head, at, order, INT32)
    name, at = _values(head, at, order, INT8)
    if len(flags) != 2 or len(shape) < 2 or min(shape) < 0:
        raise ValueError("a variable's shape is damaged")
    shape = tuple(map(int, shape))
    kind = CLASSES.get(int(flags[0]) & 0xFF)
    if kind is None or flags[0] & COMPLEX:
        return None
    stored, size, start = _tag(head, at, order)

    def read() -> np.ndarray:
        if stored not in STORED:
            raise ValueError(f"numbers of the type {stored} are unknown")
        type_ = np.dtype(f"{order}{STORED[stored]}")
        if size != math.prod(shape) * type_.itemsize:
            raise ValueError(f"an array of shape {shape} does not have {size} bytes")
        data = element.read(start, size)
        if len(data) != size:
            raise ValueError("it is cut off")
        return np.frombuffer(data, type_).astype(kind, copy=False).reshape(shape, order="F")

    return Variable(name.tobytes().decode("latin1"), shape, np.dtype(kind), read)


def _tag(content, at: int, order: str) -> tuple[int, int, int]:
    """Type and bytes of the element at a place, and where its data begin."""
    if len(content) < at + 8:
        raise ValueError("it is cut off")
    first, second = struct.unpack(f"{order}II", bytes(content[at : at + 8]))
    if first >> 16:  # a small element: at most four bytes, in the tag itself
        return first & 0xFFFF, first >> 16, at + 4
    return first, second, at + 8


def _values(content, at: int, order: str, expected: int) -> tuple[np.ndarray, int]:
    """The numbers of the element at a place, and where the next element begins."""
    kind, size, start = _tag(content, at, order)
    small = start == at + 4
    type_ = np.dtype(f"{order}{STORED[expected]}")
    if kind != expected or size % type_.itemsize or (small and size > 4):
        raise ValueError("a variable's header is damaged")
    data = bytes(content[start : start + size])
    if len(data) != size:
        raise ValueError("a variable's header is cut off")
    return np.frombuffer(data, type_), at + 8 if small else _padded(start + size)


def _padded(end: int) -> int:
    """Elements begin at multiples of 8 bytes."""
    return -(-end // 8) * 8
