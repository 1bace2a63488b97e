"""Alter files at random: every reader answers with arrays or with one line of ours, never with anything else.

    python -m benchmarks.stress.fuzz --minutes 10 --json results/fuzz.json

Hypothesis alters sound files (bytes changed, cut out, put in, cut off) and, for pickles and JSON, makes new
ones that are well formed and wrong.  Anything but a `UserError` of one line that a reader raises is shown
with the smallest input that raises it, and ends the run with status 1.
"""

import copy
import dataclasses
import gzip
import io
import json
import os
import pickle
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from PIL import Image

from benchmarks.experiments import running
from benchmarks.stress.fuzz_given import add_what_is_given
from benchmarks.stress.fuzz_runs import add_files_of_runs
from gan_common import cli, files
from gan_common.cli import flag
from gan_common.data import decode, label_list, readers
from gan_common.errors import UserError

EXAMPLES = 200  # in a round of one target, but of those whose files take long to read
DEAR = {"mat": 60, "generator.keras": 20}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    minutes: float = flag(10, "over all readers", lower=0, upper=1000)
    seed: int = flag(1, "of the first round", lower=0)
    json: str | None = flag(None, "file that the counts are written to")


@dataclasses.dataclass
class Target:
    """A reader, and what it is given.

    Attributes:
        folder: where the file lies.
        file: the altered file.
        read: () → arrays, or whatever else a sound file gives.
        contents: a strategy of the file's bytes.
    """

    folder: Path
    file: Path
    read: Callable[[], object]
    contents: st.SearchStrategy[bytes]

    def try_one(self, content: bytes) -> str:
        """Say "read" or "refused"; anything else that comes out is raised."""
        self.file.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                self.read()
        except UserError as error:
            if len(str(error).splitlines()) != 1:
                raise AssertionError(f"not one line: {error}") from error
            return "refused"
        return "read"


# ------------------------------------------------------------------------------ strategies


@st.composite
def altered(draw, whole: bytes) -> bytes:
    """A file with some bytes changed, cut out or put in, most often near its beginning or its end."""
    content = bytearray(whole)
    near = st.integers(0, min(299, len(whole) - 1)) | st.integers(0, len(whole) - 1)
    near |= st.integers(max(0, len(whole) - 100), len(whole) - 1)
    for _ in range(draw(st.integers(1, 8))):
        place = min(draw(near), max(0, len(content) - 1))
        how = draw(st.sampled_from(("change", "change", "flip", "cut", "insert", "end", "number")))
        if how == "change" and content:
            content[place] = draw(st.integers(0, 255))
        elif how == "flip" and content:
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del content[place : place + draw(st.integers(1, 40))]
        elif how == "insert":
            content[place:place] = draw(st.binary(min_size=1, max_size=20))
        elif how == "end":
            del content[place:]
        elif how == "number":
            number = draw(st.sampled_from((0, 1, 2**31 - 1, 2**32 - 1, 2**16)))
            content[place : place + 4] = struct.pack(draw(st.sampled_from("<>")) + "I", number)
    return bytes(content)


def any_json() -> st.SearchStrategy:
    """Whatever JSON can hold, numbers that are none among it."""
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    return st.recursive(
        leaf,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
        ),
        max_leaves=6,
    )


@st.composite
def altered_json(draw, sound: dict, sign: Callable[[dict], None] = lambda _: None) -> bytes:
    """A JSON object with values replaced, taken away or added, here and further in; or altered bytes."""
    if draw(st.integers(0, 3)) == 0:
        return draw(altered(json.dumps(sound).encode()))
    content = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 3))):
        inner = content
        while draw(st.booleans()) and any(isinstance(v, dict) and v for v in inner.values()):
            inner = draw(st.sampled_from([v for v in inner.values() if isinstance(v, dict) and v]))
        name = draw(st.sampled_from(sorted(inner)) | st.text(max_size=8)) if inner else "x"
        if draw(st.booleans()):
            inner.pop(name, None)
        else:
            inner[name] = draw(any_json())
    if draw(st.booleans()):
        sign(content)
    return json.dumps(content).encode("utf-8", "surrogatepass")


def _pickled() -> st.SearchStrategy[bytes]:
    """Pickles of batches that are nearly right, in any protocol, and of anything else."""
    array = st.builds(
        lambda shape, kind: np.zeros(shape, kind),
        st.sampled_from(((2, 3072), (2, 3071), (0, 3072), (3072,), ())),
        st.sampled_from(("u1", "i4", ">u2", "f4", "U3", "O", "M8[s]", "V4")),
    )
    leaf = array | st.integers() | st.text(max_size=5) | st.binary(max_size=5) | st.none()
    value = leaf | st.lists(st.integers(-1, 10) | leaf, max_size=4) | st.just(print)
    key = st.sampled_from((b"data", "data", b"labels", "labels", b"filenames", 7))
    batch = st.dictionaries(key, value, max_size=4) | value
    return st.builds(pickle.dumps, batch, st.integers(0, 5))


def _image_files() -> list[bytes]:
    """A small image of 16 levels in each format."""
    image = Image.fromarray(np.arange(0, 256, dtype=np.uint8).reshape(16, 16))
    deep = Image.fromarray(np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16))
    kinds = decode.FORMATS if decode.HAS_AVIF else decode.FORMATS[:-1]
    written = [*((image, kind) for kind in kinds), (deep, "PNG"), (deep, "TIFF")]
    found = []
    for picture, kind in written:
        picture.save(file := io.BytesIO(), kind)
        found.append(file.getvalue())
    return found


# --------------------------------------------------------------------------------- targets


def make_targets(root: Path) -> dict[str, Target]:
    """Every reader of files that a person may be given, by name."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (6, 28, 28), np.uint8), np.arange(6, dtype=np.uint8)
    targets = {}

    def add(name, file, read, contents) -> Path:
        folder = root / name
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        targets[name] = Target(folder, folder / file, lambda: read(folder), contents)
        return folder

    # IDX
    folder = add("idx", "train-images-idx3-ubyte.gz", readers.read_idx, st.nothing())
    image_file = struct.pack(">4I", 0x803, *x.shape) + x.tobytes()
    label_file = struct.pack(">2I", 0x801, len(y)) + y.tobytes()
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(image_file, mtime=0))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(label_file, mtime=0))
    zipped = st.builds(lambda content: gzip.compress(content, 1, mtime=0), altered(image_file))
    contents = zipped | altered(image_file) | altered(gzip.compress(image_file, mtime=0))
    targets["idx"].contents = contents

    # npz
    folder = add("npz", "mnist.npz", readers.read_mnist_npz, st.nothing())
    np.savez(folder / "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    plain = (folder / "mnist.npz").read_bytes()
    np.savez_compressed(folder / "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    packed = (folder / "mnist.npz").read_bytes()
    with zipfile.ZipFile(folder / "mnist.npz") as archive:
        member = archive.read("x_train.npy")

    def zip_of(content: bytes) -> bytes:
        with zipfile.ZipFile(folder / "mnist.npz", "w") as archive:
            for name in ("x_train", "y_train", "x_test", "y_test"):
                archive.writestr(f"{name}.npy", content)
        return (folder / "mnist.npz").read_bytes()

    targets["npz"].contents = altered(plain) | altered(packed) | st.builds(zip_of, altered(member))

    # CIFAR-10's pickles
    folder = add("pickle", "cifar-10-batches-py/data_batch_1", readers.read_cifar10, st.nothing())
    rows = rng.integers(0, 256, (2, 3072), np.uint8)
    batches = [pickle.dumps({b"data": rows, b"labels": [0, 1]}, protocol) for protocol in range(6)]
    for name in readers.CIFAR10_BATCHES:
        (folder / "cifar-10-batches-py" / name).write_bytes(batches[2])
    targets["pickle"].contents = st.one_of(*map(altered, batches), _pickled())

    # SVHN's MATLAB files
    import scipy.io

    folder = add("mat", "train_32x32.mat", readers.read_svhn, st.nothing())
    content = {"X": rng.integers(0, 256, (32, 32, 3, 2), np.uint8), "y": np.ones((2, 1), np.uint8)}
    whole = []
    for squeeze in (False, True):
        for name in ("train", "test"):
            path = folder / f"{name}_32x32.mat"
            scipy.io.savemat(path, content, do_compression=squeeze)
        whole.append((folder / "train_32x32.mat").read_bytes())
    targets["mat"].contents = st.one_of(*map(altered, whole))

    # a person's images, of each kind that Pillow writes, and a list of their labels
    add(
        "image",
        "a.png",
        lambda folder: decode.read_picture(folder / "a.png", 8),
        st.one_of(*map(altered, _image_files())),
    )
    listed = b'file,label\r\na.png,cat\r\n"b, c.png","a ""dog"""\r\n'
    add(
        "labels.csv",
        "labels.csv",
        lambda folder: label_list.read_labels(folder / "labels.csv", ["a.png", "b, c.png"]),
        altered(listed),
    )

    # configurations and what a run says of its data
    from keras_dcgan import config as dcgan
    from ssgan_tf import config as ssgan

    for package, module in (("keras_dcgan", dcgan), ("ssgan_tf", ssgan)):
        sound = {"package": package, **dataclasses.asdict(module.resolve({}))}
        add(
            f"config of {package}",
            "config.json",
            lambda folder, module=module: cli.saved(module.Config, str(folder)),
            altered_json(json.loads(json.dumps(sound))),
        )
    import gan_common.quiet  # noqa: F401
    from gan_common import runs
    from gan_common.runs import checkpoints, images, recorder

    sound_dataset = {"image_shape": [8, 8, 1], "class_names": ["a", "b"], "pictures": 9}
    add(
        "dataset.json",
        "dataset.json",
        lambda folder: runs.Run(folder).dataset_facts(),
        altered_json(sound_dataset),
    )
    listing = {"train": ["a", "b"], "test": [], "began": 1, "channels": 1, "bits": None}

    def read_listing(folder: Path) -> None:
        (folder / "dataset.json").write_text(json.dumps(sound_dataset))
        images.read_listing(runs.Run(folder))

    add("images.json", "images.json", read_listing, altered_json(listing))
    rows = b"step,epoch,seconds,d_loss\r\n20,1.0,0.5,1.25\r\n40,2.0,1.0,1.5\r\n"
    add("metrics.csv", "metrics.csv", lambda folder: runs.Run(folder).rows(), altered(rows))

    # checkpoints: the manifest, with and without a checksum that fits
    import keras

    variable = keras.Variable(np.zeros(3, np.float32))
    run = runs.Run(root / "checkpoint")
    kept = checkpoints.Checkpoints(run, {"net": [variable]})
    state = {"step": 1, "seconds": 2.0, "sums": {"d_loss": 0.5}, "count": 1}
    manifest = json.loads((kept.save(1, state, 0.5) / "manifest.json").read_text())
    (run.folder / "samples").mkdir()

    def sign(content: dict) -> None:
        content["signature"] = checkpoints._signature(content)

    def restore(folder: Path) -> None:
        one = recorder.Recorder(
            run, {"net": [variable]}, lambda: None,
            steps_per_epoch=1, total_steps=1, batch_size=1, sample_every=1, save_every=1,
        )  # fmt: skip
        try:
            one.restore()
            one.checkpoints.best()
        finally:
            one._lock.release()

    add(
        "checkpoint",
        "checkpoints/step-00000001/manifest.json",
        restore,
        altered_json(manifest, sign),
    )
    add_files_of_runs(add, altered, altered_json)
    add_what_is_given(add, altered, altered_json)
    return targets


# --------------------------------------------------------------------------------- command


def fuzz(target: Target, examples: int, seed: int | None = None) -> Counter:
    """Try `examples` files on a target; how many it read and how many it refused.

    Args:
        seed: of the files; None gives the same ones every time.
    """
    counts = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=seed is None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(target.contents)
    def tried(content):
        counts[target.try_one(content)] += 1

    (tried if seed is None else seeded(seed)(tried))()
    return counts


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> int:
    options = Options(**cli.parse(Options, argv, __doc__))
    path = Path(options.json) if options.json else None
    counts: dict[str, Counter] = {}
    if path:  # goes on with what an earlier command counted
        counts = {name: Counter(c) for name, c in running.table(path, "files")["files"].items()}
    start = shown = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        targets = make_targets(Path(folder))
        number = options.seed
        while (gone := time.monotonic() - start) < 60 * options.minutes:
            for name, target in targets.items():
                with open(os.devnull, "w") as nowhere, _Stderr(nowhere):
                    found = fuzz(target, DEAR.get(name, EXAMPLES), number)
                counts.setdefault(name, Counter()).update(found)
            number += 1
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                total = sum(sum(c.values()) for c in counts.values())
                print(f"{total:,} files, {gone / 60:.1f} of {options.minutes:g} min", flush=True)
    for name, count in counts.items():
        print(f"{name:<24}{count['read']:>9,} read {count['refused']:>9,} refused")
    if path:
        command = (
            f"python -m benchmarks.stress.fuzz --minutes {options.minutes:g} --seed {options.seed}"
        )
        told = {name: dict(count) for name, count in counts.items()}
        files.write_json(path, {"command": command, "other_errors": 0, "files": told})
    return 0


class _Stderr:
    """A context in which stderr goes elsewhere: a damaged checkpoint is named there each time."""

    def __init__(self, file):
        self._file = file

    def __enter__(self):
        self._before, sys.stderr = sys.stderr, self._file

    def __exit__(self, *_):
        sys.stderr = self._before


if __name__ == "__main__":
    main()
