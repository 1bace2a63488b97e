"""The publishers' file formats, read without trusting a byte of them.

A reader takes a folder.  It returns `None` when none of its files lies there, else
`(x_train, y_train, x_test, y_test)`: images uint8 (N, H, W, C) in [0, 255], labels int32 (N,) in
[0, 10).  A file that is missing beside its siblings, truncated, altered or of the wrong shape is a
`UserError` that names it.  Nothing a file holds is ever run, and nothing is written to disk.
"""

import gzip
import io
import math
import os
import pickle
import re
import tarfile
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import numpy as np

from gan_common.data import matlab
from gan_common.errors import UserError, one_line

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

# Far above what the publishers ship, and small enough for a home computer's memory.
MAX_IMAGES = 1_000_000
MAX_ARRAY_BYTES = 2**30
MAX_BATCH_BYTES = 2**26
MAX_ARCHIVE_MEMBERS = 100

MEND = "put the publisher's file in its place, or remove it"


@contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    """Turn whatever a parser raises on a person's file into one line that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            message = f"{str(path)!r} cannot be read: {error.strerror}; mend that, or remove it"
        else:
            message = f"{str(path)!r} is damaged, or not what its name says ({one_line(error)})"
            message += f"; {MEND}"
        raise UserError(message) from error


def _refuse(path: str | Path, why: str) -> NoReturn:
    raise UserError(f"{str(path)!r} {why}; {MEND}")


def _present(folder: Path, names: Sequence[str]) -> bool:
    """Whether all of `names` lie in the folder; some but not all of them is an error."""
    found = [os.path.lexists(folder / name) for name in names]
    if any(found) and not all(found):
        _refuse(folder / names[found.index(False)], "is missing beside its siblings")
    return all(found)


def _checked(
    path: str | Path, images: Any, labels: Any, shape: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """The pair as uint8 (N, H, W, C) and int32 (N,), or a `UserError` saying what is wrong."""
    if not (isinstance(images, np.ndarray) and isinstance(labels, np.ndarray)):
        _refuse(path, "does not hold arrays of images and labels")
    if images.dtype != np.uint8 or images.shape[1:] != shape:
        _refuse(path, f"holds {images.dtype} {images.shape}, not uint8 images (N, *{shape})")
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        _refuse(path, f"holds labels {labels.dtype} {labels.shape}, not integers (N,)")
    if not 0 < len(images) == len(labels):
        _refuse(path, f"holds {len(images)} images and {len(labels)} labels")
    if labels.min() < 0 or labels.max() > 9:
        _refuse(path, f"holds labels from {labels.min()} to {labels.max()}, not within 0 to 9")
    if images.ndim == 3:
        images = images[..., np.newaxis]
    return np.ascontiguousarray(images), labels.astype(np.int32)


def read_mnist_npz(folder: Path) -> Arrays | None:
    """`mnist.npz` as Keras distributes it: x_train, y_train, x_test, y_test; (N, 28, 28) uint8."""
    path = folder / "mnist.npz"
    if not os.path.lexists(path):
        return None
    with _reading(path):
        with zipfile.ZipFile(path) as archive:
            largest = max((entry.file_size for entry in archive.infolist()), default=0)
        if largest > MAX_ARRAY_BYTES:
            _refuse(path, f"unpacks to an array of {largest:,} bytes")
        with np.load(path, allow_pickle=False) as file:
            x_train, y_train, x_test, y_test = (
                file[key] for key in ("x_train", "y_train", "x_test", "y_test")
            )
    return *_checked(path, x_train, y_train, (28, 28)), *_checked(path, x_test, y_test, (28, 28))


def _read_idx(path: Path, item_shape: tuple[int, ...]) -> np.ndarray:
    """An IDX file of unsigned bytes, gzipped or not: magic number, sizes (big-endian), data."""
    with _reading(path):
        with open(path, "rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with (gzip.open if zipped else open)(path, "rb") as file:
            header = np.frombuffer(file.read(4 * (2 + len(item_shape))), ">u4").tolist()
            if len(header) < 2 + len(item_shape) or header[0] != 0x0801 + len(item_shape):
                _refuse(path, f"is no IDX file of unsigned bytes in {1 + len(item_shape)} axes")
            count, *rest = header[1:]
            if tuple(rest) != item_shape or not 0 < count <= MAX_IMAGES:
                _refuse(path, f"has the shape {tuple(header[1:])}, not (N, *{item_shape})")
            size = count * math.prod(item_shape)
            # One byte more than there should be: finds a long file, and makes gzip check its sum.
            data = file.read(size + 1)
    if len(data) != size:
        _refuse(path, f"is {'longer' if len(data) > size else 'shorter'} than its header says")
    return np.frombuffer(data, np.uint8).reshape(count, *item_shape)


def read_idx(folder: Path) -> Arrays | None:
    """MNIST's and Fashion-MNIST's own four files, `train-images-idx3-ubyte.gz` and so on."""
    pairs = [
        (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")
    ]
    names = [name for pair in pairs for name in pair]
    ending = "" if any(os.path.lexists(folder / name) for name in names) else ".gz"
    if not _present(folder, [name + ending for name in names]):
        return None
    parts: Any = []
    for images_name, labels_name in pairs:
        images = _read_idx(folder / (images_name + ending), (28, 28))
        labels = _read_idx(folder / (labels_name + ending), ())
        parts += _checked(folder / (labels_name + ending), images, labels, (28, 28))
    return tuple(parts)


class _Array:
    """Stands for `numpy.ndarray` in a pickle: the numbers alone, none of NumPy's own hooks."""

    values = None

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        _version, shape, dtype, fortran_order, data = state
        self.values = np.frombuffer(data, dtype.code).reshape(
            shape, order="F" if fortran_order else "C"
        )


class _DType:
    """Stands for `numpy.dtype` in a pickle: integers only."""

    def __init__(self, code: Any, *_: object) -> None:
        code = code.decode() if isinstance(code, bytes) else code
        if not re.fullmatch("[iu][1248]", code):
            raise pickle.UnpicklingError(f"arrays of type {code!r} are not allowed")
        self.code = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode() if isinstance(state[1], bytes) else state[1]
        self.code = self.code.newbyteorder(order)


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _frombuffer(data: Any, dtype: Any, shape: Sequence[int], order: Any) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", data))
    return array


def _encode(text: str, _encoding: Any) -> bytes:
    return text.encode("latin1")


_ALLOWED = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encode,
}


class _BatchUnpickler(pickle._Unpickler):
    """Unpickles integers, strings, lists, dicts and integer arrays; refuses everything else.

    It is the one written in Python: the C one allocates as much memory as a damaged file names.
    """

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def _read_batch(path: str | Path, file: Any) -> tuple[np.ndarray, np.ndarray]:
    """One CIFAR-10 batch: a pickled dict of `data` (N, 3072), channel first, and `labels`."""
    with _reading(path):
        content = file.read(MAX_BATCH_BYTES + 1)
        if len(content) > MAX_BATCH_BYTES:
            _refuse(path, f"is larger than {MAX_BATCH_BYTES:,} bytes")
        batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
        data, labels = (batch.get(key.encode(), batch.get(key)) for key in ("data", "labels"))
        if isinstance(labels, list):
            if not all(type(label) is int and 0 <= label < 10 for label in labels):
                _refuse(path, "holds labels that are not integers from 0 to 9")
            labels = np.array(labels, np.int32)
        else:
            labels = labels.values
        images = data.values.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)  # → (N, 32, 32, 3)
    return _checked(path, images, labels, (32, 32, 3))


CIFAR10_BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")


def _join(batches: dict[str, tuple[np.ndarray, np.ndarray]]) -> Arrays:
    *train, test = (batches[name] for name in CIFAR10_BATCHES)
    images, labels = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return images, labels, *test


def read_cifar10(folder: Path) -> Arrays | None:
    """The folder `cifar-10-batches-py/` of pickled batches; `folder` may also be that folder."""
    inner = folder / "cifar-10-batches-py"
    folder = inner if inner.is_dir() else folder
    if not _present(folder, CIFAR10_BATCHES):
        return None
    batches = {}
    for name in CIFAR10_BATCHES:
        with _reading(folder / name), open(folder / name, "rb") as file:
            batches[name] = _read_batch(folder / name, file)
    return _join(batches)


def read_cifar10_archive(folder: Path) -> Arrays | None:
    """`cifar-10-python.tar.gz`: its six batches are read out of the stream, none is extracted."""
    path = folder / "cifar-10-python.tar.gz"
    if not os.path.lexists(path):
        return None
    batches = {}
    with _reading(path), tarfile.open(path, "r:gz") as archive:
        for index, member in enumerate(archive):
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts:
                _refuse(path, f"holds the path {member.name!r}, which leads out of it")
            if hasattr(tarfile, "data_filter"):  # refuses links that lead out, devices and the like
                tarfile.data_filter(member, str(folder))
            if index >= MAX_ARCHIVE_MEMBERS or member.size > MAX_BATCH_BYTES:
                _refuse(path, "holds more, or larger, files than CIFAR-10 has")
            is_batch = len(name.parts) == 2 and name.parent.name == "cifar-10-batches-py"
            if is_batch and member.isreg() and name.name in CIFAR10_BATCHES:
                batches[name.name] = _read_batch(path / name.name, archive.extractfile(member))
        # tarfile stops where the tar ends; gzip checks its sum where the file ends.
        if len(archive.fileobj.read(MAX_BATCH_BYTES)) == MAX_BATCH_BYTES:
            _refuse(path, "goes on after its end")
    for batch in CIFAR10_BATCHES:
        if batch not in batches:
            _refuse(path, f"lacks the file cifar-10-batches-py/{batch}")
    return _join(batches)


def _read_mat(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with _reading(path):
        if os.stat(path).st_size > MAX_ARRAY_BYTES:
            _refuse(path, f"is larger than {MAX_ARRAY_BYTES:,} bytes")
        found = matlab.read(path, ("X", "y"), MAX_ARRAY_BYTES)
        x, y = found.get("X", np.zeros(())), found.get("y", np.zeros(()))
        if x.shape[:3] != (32, 32, 3) or x.ndim != 4 or x.shape[3] > MAX_IMAGES:
            _refuse(path, f"has X of shape {x.shape}, not (32, 32, 3, N)")
        if y.shape not in ((x.shape[3], 1), (1, x.shape[3])):
            _refuse(path, f"has y of shape {y.shape}, not ({x.shape[3]}, 1)")
        images = np.transpose(x, (3, 0, 1, 2))  # (32, 32, 3, N) → (N, 32, 32, 3)
        labels = np.ravel(y)
        # Files that MATLAB wrote may hold integers as doubles.
        if labels.dtype.kind not in "iuf" or not np.isin(labels, np.arange(1, 11)).all():
            _refuse(path, "holds labels other than 1 to 10 (10 stands for the digit 0)")
    return _checked(path, images, labels.astype(np.int32) % 10, (32, 32, 3))


def read_svhn(folder: Path) -> Arrays | None:
    """SVHN's cropped digits, `train_32x32.mat` and `test_32x32.mat`; label 10 is the digit 0."""
    names = ("train_32x32.mat", "test_32x32.mat")
    if not _present(folder, names):
        return None
    (x_train, y_train), (x_test, y_test) = (_read_mat(folder / name) for name in names)
    return x_train, y_train, x_test, y_test
