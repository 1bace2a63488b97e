"""The publishers' formats: read right, and nothing hostile or damaged in them gets through."""

import gzip
import io
import os
import pickle
import struct
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gan_common.data import readers
from gan_common.errors import UserError

RNG = np.random.default_rng(0)


def gray(n):
    return RNG.integers(0, 256, (n, 28, 28), np.uint8), np.arange(n, dtype=np.uint8) % 10


def color(n):
    return RNG.integers(0, 256, (n, 32, 32, 3), np.uint8), np.arange(n, dtype=np.uint8) % 10


def write_npz(folder, **changes):
    x, y = gray(12)
    arrays = {"x_train": x[:8], "y_train": y[:8], "x_test": x[8:], "y_test": y[8:], **changes}
    np.savez_compressed(folder / "mnist.npz", **arrays)
    return x, y


def write_idx(folder, x, y, part, ending=".gz"):
    save = gzip.open if ending else open
    with save(folder / f"{part}-images-idx3-ubyte{ending}", "wb") as f:
        f.write(struct.pack(">4I", 0x803, *x.shape) + x.tobytes())
    with save(folder / f"{part}-labels-idx1-ubyte{ending}", "wb") as f:
        f.write(struct.pack(">2I", 0x801, len(y)) + y.tobytes())


def batch_bytes(x, y, protocol=2):
    rows = x.transpose(0, 3, 1, 2).reshape(len(x), 3072)  # channel first, as published
    batch = {b"data": rows, b"labels": [int(k) for k in y], b"filenames": [b"a.png"] * len(y)}
    return pickle.dumps(batch, protocol)


def write_cifar(folder, protocol=2):
    x, y = color(12)
    folder = folder / "cifar-10-batches-py"
    folder.mkdir()
    for i, name in enumerate(readers.CIFAR10_BATCHES):
        part = slice(2 * i, 2 * i + 2)
        (folder / name).write_bytes(batch_bytes(x[part], y[part], protocol))
    return x, y


def write_cifar_archive(folder, extra=()):
    write_cifar(folder)
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
        for member, content in extra:
            archive.addfile(member, io.BytesIO(content))
        archive.add(folder / "cifar-10-batches-py", "cifar-10-batches-py")
    inner = folder / "cifar-10-batches-py"
    content = [(inner / name).read_bytes() for name in readers.CIFAR10_BATCHES]
    for name in readers.CIFAR10_BATCHES:
        (inner / name).unlink()
    inner.rmdir()
    return content


def write_svhn(folder, **changes):
    x, y = color(12)
    for name, part in (("train", slice(0, 8)), ("test", slice(8, 12))):
        labels = np.where(y[part] == 0, 10, y[part])[:, None].astype(np.uint8)
        content = {"X": x[part].transpose(1, 2, 3, 0), "y": labels, **changes}
        scipy.io.savemat(folder / f"{name}_32x32.mat", content, do_compression=True)
    return x, y


def assert_parts(arrays, x, y, n_train):
    x_train, y_train, x_test, y_test = arrays
    assert x_train.dtype == x_test.dtype == np.uint8
    assert y_train.dtype == y_test.dtype == np.int32
    np.testing.assert_array_equal(x_train, x[:n_train])
    np.testing.assert_array_equal(x_test, x[n_train:])
    np.testing.assert_array_equal(y_train, y[:n_train])
    np.testing.assert_array_equal(y_test, y[n_train:])


def refused(read, folder, *words):
    """The reader raises `UserError` on one line that holds `words`."""
    with pytest.raises(UserError) as caught:
        read(folder)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


EVERY_READER = (
    readers.read_mnist_npz,
    readers.read_idx,
    readers.read_cifar10,
    readers.read_cifar10_archive,
    readers.read_svhn,
)


@pytest.mark.parametrize("read", EVERY_READER)
def test_an_empty_or_absent_folder_is_no_error(read, tmp_path):
    assert read(tmp_path) is None
    assert read(tmp_path / "absent") is None


# --- right files -----------------------------------------------------------------------------------


def test_npz(tmp_path):
    x, y = write_npz(tmp_path)
    assert_parts(readers.read_mnist_npz(tmp_path), x[..., None], y, 8)


@pytest.mark.parametrize("ending", [".gz", ""])
def test_idx(tmp_path, ending):
    x, y = gray(12)
    write_idx(tmp_path, x[:8], y[:8], "train", ending)
    write_idx(tmp_path, x[8:], y[8:], "t10k", ending)
    assert_parts(readers.read_idx(tmp_path), x[..., None], y, 8)


@pytest.mark.parametrize("protocol", range(6))
def test_cifar10(tmp_path, protocol):
    x, y = write_cifar(tmp_path, protocol)
    assert_parts(readers.read_cifar10(tmp_path), x, y, 10)
    assert_parts(readers.read_cifar10(tmp_path / "cifar-10-batches-py"), x, y, 10)


def test_cifar10_as_python_2_pickled_it(tmp_path):
    # The published batches: str keys and data as Python 2 byte strings, NumPy's old module names.
    x, y = write_cifar(tmp_path)
    rows = x[:2].transpose(0, 3, 1, 2).tobytes()
    batch = (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01b"
        b"tR(K\x01(K\x02M\x00\x0ctcnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89T" + struct.pack("<i", len(rows)) + rows + b"tb"
        b"U\x06labels](K\x00K\x01eu."
    )
    np.testing.assert_array_equal(
        pickle.loads(batch, encoding="bytes")[b"data"].tobytes(),
        np.frombuffer(rows, "S1").tobytes(),
    )
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(batch)
    assert_parts(readers.read_cifar10(tmp_path), x, y, 10)


def test_cifar10_archive_is_read_without_being_extracted(tmp_path):
    content = write_cifar_archive(tmp_path)
    first = pickle.loads(content[0])
    arrays = readers.read_cifar10_archive(tmp_path)
    np.testing.assert_array_equal(
        arrays[0][:2].transpose(0, 3, 1, 2).reshape(2, 3072), first[b"data"]
    )
    np.testing.assert_array_equal(arrays[1], np.arange(10))
    np.testing.assert_array_equal(arrays[3], [0, 1])
    assert os.listdir(tmp_path) == ["cifar-10-python.tar.gz"]


def test_svhn_label_10_is_the_digit_0(tmp_path):
    x, y = write_svhn(tmp_path)
    assert y[0] == 0
    assert_parts(readers.read_svhn(tmp_path), x, y, 8)


# --- damaged files ---------------------------------------------------------------------------------


def fill(folder):
    """Every layout, at the folder's top; returns (reader, files)."""
    write_npz(folder)
    x, y = gray(12)
    write_idx(folder, x, y, "train")
    write_idx(folder, x, y, "t10k")
    write_cifar_archive(folder)
    write_cifar(folder)
    write_svhn(folder)
    idx = ("train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
    return (
        (readers.read_mnist_npz, ("mnist.npz",)),
        (readers.read_idx, idx),
        (readers.read_cifar10, ("cifar-10-batches-py/data_batch_3",)),
        (readers.read_cifar10_archive, ("cifar-10-python.tar.gz",)),
        (readers.read_svhn, ("test_32x32.mat",)),
    )


def test_truncated_empty_and_foreign_files_are_named(tmp_path):
    for read, names in fill(tmp_path):
        for name in names:
            whole = (tmp_path / name).read_bytes()
            text = b"<!DOCTYPE html><html>404 not found</html>"
            for damaged in (whole[: len(whole) // 2], whole[:-1], b"", b"\0" * 500, text):
                (tmp_path / name).write_bytes(damaged)
                refused(read, tmp_path, name, "put the publisher's file in its place")
            (tmp_path / name).unlink()
            (tmp_path / name).symlink_to(tmp_path / "nowhere")
            refused(read, tmp_path, name, "No such file")
            (tmp_path / name).unlink()
            (tmp_path / name).mkdir()
            refused(read, tmp_path, name, "Is a directory")
            (tmp_path / name).rmdir()
            (tmp_path / name).write_bytes(whole)
        assert read(tmp_path) is not None


def test_a_file_missing_beside_its_siblings_is_named(tmp_path):
    for read, names in fill(tmp_path):
        if read not in (readers.read_mnist_npz, readers.read_cifar10_archive):
            (tmp_path / names[-1]).unlink()
            refused(read, tmp_path, names[-1], "is missing beside its siblings")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"x_train": np.zeros((8, 28, 27), np.uint8)}, "(8, 28, 27)"),
        ({"x_train": np.zeros((8, 28, 28))}, "float64"),
        ({"x_train": np.zeros((7, 28, 28), np.uint8)}, "7 images and 8 labels"),
        ({"y_train": np.full(8, 10, np.uint8)}, "to 10"),
        ({"y_train": np.full(8, -1)}, "from -1"),
        ({"y_train": np.zeros((8, 1), np.uint8)}, "(8, 1)"),
        ({"y_train": np.zeros(8)}, "float64"),
        ({"x_test": np.zeros((0, 28, 28), np.uint8), "y_test": np.zeros(0, int)}, "0 images"),
    ],
)
def test_npz_of_wrong_content(tmp_path, changes, word):
    write_npz(tmp_path, **changes)
    refused(readers.read_mnist_npz, tmp_path, "mnist.npz", word)


def test_npz_without_a_key(tmp_path):
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros(3))
    refused(readers.read_mnist_npz, tmp_path, "mnist.npz", "y_train")


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ((0x802, 12, 28, 28), "no IDX file"),
        ((0xD03, 12, 28, 28), "no IDX file"),
        ((0x803, 12, 28, 29), "(12, 28, 29)"),
        ((0x803, 13, 28, 28), "shorter than its header"),
        ((0x803, 11, 28, 28), "longer than its header"),
        ((0x803, 0, 28, 28), "(0, 28, 28)"),
        ((0x803, 2**32 - 1, 28, 28), "4294967295"),
    ],
)
def test_idx_of_a_wrong_header(tmp_path, header, word):
    x, y = gray(12)
    write_idx(tmp_path, x, y, "train")
    write_idx(tmp_path, x, y, "t10k")
    with gzip.open(tmp_path / "t10k-images-idx3-ubyte.gz", "wb") as f:
        f.write(struct.pack(">4I", *header) + x.tobytes())
    refused(readers.read_idx, tmp_path, "t10k-images-idx3-ubyte.gz", word)


def test_one_altered_byte_in_a_gzip_is_noticed(tmp_path):
    x, y = gray(12)
    write_idx(tmp_path, x, y, "train")
    write_idx(tmp_path, x, y, "t10k")
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # in the checksum of the content
    path.write_bytes(content)
    refused(readers.read_idx, tmp_path, "t10k-images-idx3-ubyte.gz", "CRC")


@pytest.mark.parametrize(
    ("batch", "word"),
    [
        ({b"data": np.zeros((2, 3071), np.uint8), b"labels": [0, 1]}, "reshape"),
        ({b"data": np.zeros((2, 3072), np.int32), b"labels": [0, 1]}, "int32"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 10]}, "labels"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, "1"]}, "labels"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}, "2 images and 1 labels"),
        ({b"data": np.zeros((2, 3072), object), b"labels": [0, 1]}, "not allowed"),
        ({b"labels": [0, 1]}, "damaged"),
        ([1, 2], "damaged"),
    ],
)
def test_cifar10_batch_of_wrong_content(tmp_path, batch, word):
    write_cifar(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(pickle.dumps(batch, 2))
    refused(readers.read_cifar10, tmp_path, "test_batch", word)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"y": np.full((8, 1), 11, np.uint8)}, "labels other than 1 to 10"),
        ({"y": np.zeros((8, 1), np.uint8)}, "labels other than 1 to 10"),
        ({"y": np.ones((7, 1), np.uint8)}, "(7, 1)"),
        ({"X": np.zeros((32, 32, 8), np.uint8)}, "(32, 32, 8)"),
        ({"X": np.zeros((32, 32, 3, 8))}, "float64"),
        ({"X": "text"}, "shape"),
    ],
)
def test_svhn_of_wrong_content(tmp_path, changes, word):
    write_svhn(tmp_path, **changes)
    refused(readers.read_svhn, tmp_path, "train_32x32.mat", word)


# --- hostile files ---------------------------------------------------------------------------------


class Payload:
    """Unpickled by Python's own unpickler, it makes the folder at `target`."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.fixture
def payload(tmp_path):
    target = tmp_path / "it ran"
    yield Payload(target)
    assert not target.exists()


def test_the_payload_is_a_real_one(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "it ran")))
    assert (tmp_path / "it ran").is_dir()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_payload_in_a_batch_does_not_run(tmp_path, payload, protocol):
    write_cifar(tmp_path)
    bad = pickle.dumps({b"data": payload, b"labels": [0]}, protocol)
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(bad)
    refused(readers.read_cifar10, tmp_path, "data_batch_1", "posix.mkdir")


def test_a_payload_in_an_archive_does_not_run(tmp_path, payload):
    bad = pickle.dumps(payload)
    member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
    member.size = len(bad)
    write_cifar_archive(tmp_path, [(member, bad)])
    refused(readers.read_cifar10_archive, tmp_path, "data_batch_1", "posix.mkdir")


def test_a_payload_in_an_npz_does_not_run(tmp_path, payload):
    write_npz(tmp_path, y_train=np.array([payload] * 8, object))
    refused(readers.read_mnist_npz, tmp_path, "mnist.npz", "allow_pickle=False")


def test_a_pickle_that_calls_itself_an_npz_does_not_run(tmp_path, payload):
    (tmp_path / "mnist.npz").write_bytes(pickle.dumps(payload))
    refused(readers.read_mnist_npz, tmp_path, "mnist.npz")


@pytest.mark.parametrize(
    "module_and_name",
    ["builtins eval", "numpy load", "numpy.core.multiarray fromfile", "gan_common.data.readers os"],
)
def test_only_what_arrays_need_is_allowed(tmp_path, module_and_name):
    module, name = module_and_name.split()
    write_cifar(tmp_path)
    path = tmp_path / "cifar-10-batches-py" / "data_batch_1"
    path.write_bytes(f"c{module}\n{name}\n.".encode())
    refused(readers.read_cifar10, tmp_path, f"{module}.{name}")


def test_a_small_pickle_cannot_ask_for_much_memory(tmp_path):
    write_cifar(tmp_path)
    path = tmp_path / "cifar-10-batches-py" / "data_batch_1"
    for greedy in (
        b"Nr\xff\xff\xff\x7f.",  # a memo of 2**31 entries
        b"\x8e" + struct.pack("<Q", 2**40) + b".",  # a byte string of 1 TB
        b"B\xff\xff\xff\x7f.",
    ):
        path.write_bytes(greedy)
        tracemalloc.start()
        refused(readers.read_cifar10, tmp_path, "data_batch_1")
        assert tracemalloc.get_traced_memory()[1] < 2 * readers.MAX_BATCH_BYTES
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "cifar-10-batches-py/../../evil"])
def test_an_archive_whose_paths_lead_out_of_it_is_refused(tmp_path, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    member = tarfile.TarInfo(name)
    member.size = 4
    write_cifar_archive(inside, [(member, b"evil")])
    refused(readers.read_cifar10_archive, inside, "leads out of it", name)
    assert os.listdir(tmp_path) == ["inside"]
    assert os.listdir(inside) == ["cifar-10-python.tar.gz"]


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("{}/secret", "absolute path"),
        ("../../secret", "outside the destination"),
        ("readme", "lacks the file"),
    ],
)
def test_an_archive_link_in_place_of_a_batch_is_not_followed(tmp_path, link, says):
    (tmp_path / "secret").write_bytes(batch_bytes(*color(2)))
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        for name in readers.CIFAR10_BATCHES:
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, link.format(tmp_path)
            archive.addfile(member)
    refused(readers.read_cifar10_archive, tmp_path, says)


def test_a_device_in_an_archive_is_refused(tmp_path):
    member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
    member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 3
    write_cifar_archive(tmp_path, [(member, b"")])
    refused(readers.read_cifar10_archive, tmp_path, "special file")


def test_bombs_are_refused_before_they_unfold(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MAX_ARRAY_BYTES", 100_000)
    monkeypatch.setattr(readers, "MAX_BATCH_BYTES", 10_000)
    monkeypatch.setattr(readers, "MAX_IMAGES", 10)
    zeros = b"\0" * 30_000_000
    with zipfile.ZipFile(tmp_path / "mnist.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", zeros)
    x, y = gray(12)
    write_idx(tmp_path, x[:10], y[:10], "train")
    write_idx(tmp_path, x[:10], y[:10], "t10k")
    with gzip.open(tmp_path / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(struct.pack(">4I", 0x803, 10, 28, 28) + zeros)
    member = tarfile.TarInfo("readme")
    member.size = len(zeros)
    write_cifar_archive(tmp_path, [(member, zeros)])
    write_svhn(tmp_path)
    scipy.io.savemat(
        tmp_path / "train_32x32.mat",
        {"X": np.zeros((32, 32, 3, 9000), np.uint8), "y": np.ones((9000, 1), np.uint8)},
        do_compression=True,
    )
    del zeros
    tracemalloc.start()
    refused(readers.read_mnist_npz, tmp_path, "mnist.npz", "30,000,000 bytes")
    refused(readers.read_idx, tmp_path, "train-images-idx3-ubyte.gz", "longer")
    refused(readers.read_cifar10_archive, tmp_path, "cifar-10-python.tar.gz", "larger")
    refused(readers.read_svhn, tmp_path, "train_32x32.mat", "9000")
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


@pytest.fixture(scope="module")
def all_layouts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layouts")
    # SVHN's files are each read in a process of its own: benchmarks.stress.fuzz alters those
    layouts = [(read, names) for read, names in fill(folder) if read is not readers.read_svhn]
    return folder, layouts


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_altered_files_raise_our_own_error_or_read_as_arrays(all_layouts, data):
    folder, layouts = all_layouts
    read, names = data.draw(st.sampled_from(layouts))
    path = folder / data.draw(st.sampled_from(names))
    whole = path.read_bytes()
    # Headers are where alterations matter: most draws fall into the first 200 bytes.
    near = st.integers(0, 199) | st.integers(0, len(whole) - 1)
    altered = bytearray(whole)
    for position, value in data.draw(
        st.lists(st.tuples(near, st.integers(0, 255)), min_size=1, max_size=6)
    ):
        altered[min(position, len(whole) - 1)] = value
    try:
        path.write_bytes(altered)
        try:
            arrays = read(folder)
        except UserError as error:
            message = str(error)
        else:
            message = ""
            assert arrays[0].dtype == np.uint8
            assert len(arrays[0]) == len(arrays[1])
        assert "\n" not in message
    finally:
        path.write_bytes(whole)
