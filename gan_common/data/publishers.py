"""The data sets that others publish as files: what to look for, where, and how to download it.

Importing this module imports neither TensorFlow nor Keras.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_common.data import readers
from gan_common.errors import UserError, one_line

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class Published:
    """A data set that its publisher offers as files.

    Attributes:
        layouts: the readers of the layouts it comes in, in the order they are tried.
        read_download: the one among them that reads the downloaded files.
        folders: names of subfolders to look into before the folder itself.
        files: what to tell a person to look for.
        downloads: (URL, hash) of each file.
        cache: folder of the downloads under the Keras home.
    """

    layouts: tuple[Callable[[Path], readers.Arrays | None], ...]
    read_download: Callable[[Path], readers.Arrays | None]
    class_names: tuple[str, ...]
    folders: tuple[str, ...]
    files: str
    downloads: tuple[tuple[str, str], ...]
    cache: str = "datasets"


_KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_SVHN_URL = "http://ufldl.stanford.edu/housenumbers/"
PUBLISHED = {
    "mnist": Published(
        layouts=(readers.read_mnist_npz, readers.read_idx),
        read_download=readers.read_mnist_npz,
        class_names=DIGITS,
        folders=("mnist", "MNIST"),
        files="mnist.npz, or train-images-idx3-ubyte.gz and its three siblings",
        downloads=(
            (
                _KERAS_URL + "mnist.npz",
                "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
            ),
        ),
    ),
    "fashion_mnist": Published(
        layouts=(readers.read_idx,),
        read_download=readers.read_idx,
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        folders=("fashion_mnist", "fashion-mnist"),
        files="train-images-idx3-ubyte.gz and its three siblings",
        downloads=(
            (_KERAS_URL + "train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            (_KERAS_URL + "train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
            (_KERAS_URL + "t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
            (_KERAS_URL + "t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
        cache="datasets/fashion-mnist",
    ),
    "cifar10": Published(
        layouts=(readers.read_cifar10, readers.read_cifar10_archive),
        read_download=readers.read_cifar10_archive,
        class_names=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        # The last one is where Keras unpacks its download.
        folders=("cifar10", "cifar-10", "cifar-10-batches-py-target"),
        files="the folder cifar-10-batches-py, or cifar-10-python.tar.gz",
        downloads=(
            (
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            ),
        ),
    ),
    "svhn": Published(
        layouts=(readers.read_svhn,),
        read_download=readers.read_svhn,
        class_names=DIGITS,
        folders=("svhn", "SVHN"),
        files="train_32x32.mat and test_32x32.mat",
        downloads=(
            (_SVHN_URL + "train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
            (_SVHN_URL + "test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
        ),
        cache="datasets/svhn",
    ),
}


def check_folder(title: str, path: str | os.PathLike | None) -> None:
    """Refuse, as a user's error, a path that is given and no folder."""
    if path and not Path(path).expanduser().is_dir():
        raise UserError(f"{title} {str(path)!r} is not a folder; give an existing one")


def _keras_home() -> Path:
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()


def download(url: str, digest: str, folder: str) -> str:
    """Download into `folder` of the Keras home, checked by hash; return the path."""
    import keras

    home = _keras_home()
    home.mkdir(parents=True, exist_ok=True)
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(30)  # seconds without a byte; Keras itself would wait for ever
    try:
        return keras.utils.get_file(
            url.rpartition("/")[2],
            origin=url,
            file_hash=digest,
            cache_subdir=folder,
            cache_dir=str(home),
        )
    finally:
        socket.setdefaulttimeout(patience)


def find(name: str, data_dir: Any, fetch: Any) -> tuple[readers.Arrays, str]:
    """The arrays of a published data set from the first place that has them, and that place."""
    source = PUBLISHED[name]

    def look_in(root: Path) -> Any:
        for folder in (*(root / sub for sub in source.folders), root):
            for read in source.layouts:
                if (arrays := read(folder)) is not None:
                    return arrays, repr(str(folder))
        return None

    title, given = "--data_dir", data_dir
    if not given:
        title, given = "$GAN_DATA_DIR", os.environ.get("GAN_DATA_DIR")
        check_folder(title, given)
    places = [(title, Path(given).expanduser())] if given else []
    if name == "fashion_mnist":
        places.append(("Debian's package", DEBIAN_FASHION_MNIST))
    tried = [] if given else ["--data_dir and $GAN_DATA_DIR (not given)"]
    for title, root in places:
        if found := look_in(root):
            return found
        tried.append(f"{title} {str(root)!r}")

    cache = _keras_home() / source.cache
    damage = ""
    try:
        if found := look_in(cache):
            return found
    except UserError as error:
        # What lies in a cache may be half a download; the fetch below puts a whole one there.
        damage = f" ({error})"
    tried.append(f"the Keras cache {str(cache)!r}{damage}")
    try:
        paths = [Path(fetch(url, digest, source.cache)) for url, digest in source.downloads]
    except Exception as error:
        tried.append(f"the download {source.downloads[0][0]} ({one_line(error)})")
        raise UserError(
            f"data set {name!r} was not found; tried {', '.join(tried)}. Put {source.files} into a "
            "folder and name it by --data_dir, or take a data set that needs no download: "
            "mnist5k, shapes, folder:PATH"
        ) from error
    arrays = source.read_download(paths[0].parent)
    if arrays is None:
        raise UserError(f"the download of {name!r} left nothing at {str(paths[0])!r}; try again")
    return arrays, repr(str(paths[0].parent))
