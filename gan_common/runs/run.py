"""A run's folder: configuration, checkpoints, curves, samples, summary.

    runs/<package>/<name>/
        config.json      what the run was started with, and what was typed beside --resume since
        doctor.json      what was wrong and when, each change of state
        dataset.json     the images' shape and the class names, so that generating needs no data
        images.json      of a folder: which of its images are trained on, and which are for the test
        metrics.csv      a row every few steps, means over the steps since the row before
        checkpoints/     step-00001234/: all variables and where the run stood; the last three and the best
        samples/*.png    one fixed set of latents over training, and samples.gif of them
        tensorboard/     the same curves and images for TensorBoard
        summary.json     seconds, steps, images per second, versions, what was measured
        MODEL_CARD.md    the same for a person: data, preset, machine, measures, how to load it
        .lock            which process is training in it, see `gan_common.runs.lock`

`recorder` fills it while a training goes on, `checkpoints` keeps its state, `card` sums it up.
"""

import contextlib
import csv
import dataclasses
import errno
import itertools
import json
import math
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gan_common import files, plotting
from gan_common.data import Listing
from gan_common.doctor import Finding
from gan_common.errors import UserError
from gan_common.runs import lock

# All of the first so many go to TensorBoard, then half of as many again, then a quarter of twice as many: its
# files grow by the logarithm of a run's length.
TENSORBOARD_ROWS, TENSORBOARD_SAMPLES = 1000, 40
SAMPLE_BYTES = 200_000  # of a sample grid, from which on it is enlarged less and has fewer colors
FOLDERS = ("checkpoints", "samples", "tensorboard")
# As long as a part of a checkpoint that TensorFlow writes: its temporary folder, and in it a file.
LONGEST = ("n" * 40, "n" * 75)
IMAGES = "images.json"  # see `gan_common.runs.images`


class Described(Protocol):
    """What a run's folder says of the images that are trained on; a `data.Dataset` does.

    Attributes:
        image_shape: (height, width, channels).
        class_names: one per label.
        x_train: the images.
        listing: of a folder, which images these are; else None.
    """

    @property
    def image_shape(self) -> tuple[int, int, int]: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def x_train(self) -> Any: ...
    @property
    def listing(self) -> Listing | None: ...


class Run:
    """One run's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.metrics_file = self.folder / "metrics.csv"
        self._writer: Any = None
        self._columns: list[str] | None = None  # of metrics.csv, once a row was logged
        self._logged: int | None = None  # rows so far, likewise

    @classmethod
    def create(cls, config: dict, run_dir: str | None, package: str, dataset: Described) -> "Run":
        """Make the folder of a new run; write its configuration and what it is trained on.

        Raises:
            UserError: when the folder already holds something, cannot be written, or is another's.
        """
        folder = Path("runs" if run_dir is None else run_dir)
        try:
            # TensorFlow encodes names so, whatever the person's locale.
            if os.fsencode(folder) != str(folder).encode():
                raise UserError(
                    f"--run_dir {folder}: is written in {sys.getfilesystemencoding()} here; set "
                    "PYTHONUTF8=1, or name it in ASCII letters"
                )
            if run_dir is None:
                folder = _numbered(config, package)
            files.check_name("--run_dir", folder)
            taken = UserError(
                f"--run_dir {folder}: already exists; go on with it by --resume {folder}, "
                "or name a new folder"
            )
            if folder.exists() and not folder.is_dir():
                raise taken
            _make(folder)
            with lock.Lock(folder):
                if not _is_unused(folder):
                    raise taken
                for part in FOLDERS:
                    (folder / part).mkdir(exist_ok=True)
                facts = {
                    "image_shape": list(dataset.image_shape),
                    "class_names": list(dataset.class_names),
                    "pictures": len(dataset.x_train),
                }
                files.write_json(folder / "dataset.json", facts)
                if dataset.listing is not None:
                    files.write_json(folder / IMAGES, dataset.listing._asdict())
                files.write_json(folder / "config.json", {"package": package, **config})
        except UnicodeEncodeError as error:
            raise UserError(f"--run_dir {folder}: is no UTF-8 text; name another folder") from error
        except OSError as error:
            mend = "make room, or name" if error.errno in files.FULL else "name"
            raise UserError(
                f"--run_dir {folder}: cannot be made: {error.strerror}; {mend} a folder you can write to"
            ) from error
        return cls(folder)

    def write_config(self, config: Mapping) -> None:
        """Write down how the run is to go on: its whole configuration, in place of the one that is there.

        Raises:
            UserError: when it cannot be written; the old one is intact then.
        """
        path = self.folder / "config.json"
        package = json.loads(path.read_text(encoding="utf-8")).get("package")
        files.write_json(path, {**({"package": package} if package else {}), **config})

    def identity(self) -> dict:
        """What a checkpoint is of, as far as the folder says: package, preset, images, latents."""
        identity: dict[str, Any] = {}
        for name, keys in (
            ("config.json", ("package", "preset", "latent_dim", "width", "tricks")),
            ("dataset.json", ("image_shape",)),
        ):
            try:
                found = json.loads((self.folder / name).read_text(encoding="utf-8"))
                identity |= {key: found[key] for key in keys if key in found}
            except (OSError, ValueError, TypeError, RecursionError):
                continue
        return identity

    def dataset_facts(self) -> tuple[tuple[int, ...], list[str]]:
        """Shape of the images (height, width, channels) and names of the classes."""
        path = self.folder / "dataset.json"
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            shape, names = tuple(facts["image_shape"]), list(facts["class_names"])
            if len(shape) != 3 or not all(isinstance(n, int) and 0 < n < 10**5 for n in shape):
                raise ValueError(f"image_shape is {shape}")
            if not names or not all(isinstance(name, str) for name in names):
                raise ValueError(f"class_names is {names}")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise UserError(f"{path}: damaged ({error}); restore it, or start a new run") from error
        return shape, names

    def pictures(self) -> int | None:
        """How many training images there are; None of a run that is older than this number.

        Of a folder that has grown since the run began they are those of its last part.
        """
        try:
            return len(json.loads((self.folder / IMAGES).read_text(encoding="utf-8"))["train"])
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            RecursionError,
        ):  # no folder, or an old run
            facts = json.loads((self.folder / "dataset.json").read_text(encoding="utf-8"))
            return facts.get("pictures")

    # ------------------------------------------------------------------ curves

    def log(self, row: Mapping[str, float]) -> None:
        """Append a row to metrics.csv and to TensorBoard.  `row["step"]` is the x axis.

        The file keeps the columns that it began with, in their order: what a row has besides is left out of
        it, and what it lacks is nan.
        """
        if self._columns is None:
            self._columns = next(csv.reader(self._lines()), list(row))
        try:
            with open(self.metrics_file, "a", newline="", encoding="utf-8") as file:
                table = csv.DictWriter(file, self._columns, restval="nan", extrasaction="ignore")
                if file.tell() == 0:
                    table.writeheader()
                table.writerow(row)
        except OSError as error:
            raise self._unwritable(self.metrics_file, error.strerror or error) from error
        self._logged = len(self._lines()) - 1 if self._logged is None else self._logged + 1
        if not is_shown(self._logged - 1, TENSORBOARD_ROWS):
            return
        import tensorflow as tf

        with self._tensorboard(int(row["step"])):
            for name, value in row.items():
                if name not in ("step", "epoch"):
                    tf.summary.scalar(name, value)

    def _unwritable(self, path: Path, reason: object) -> UserError:
        return UserError(
            f"{path}: cannot be written: {reason}; the checkpoints before are intact, "
            f"go on with --resume {self.folder}"
        )

    def _lines(self) -> list[str]:
        """The whole lines of metrics.csv, header first: a row that was cut off does not count."""
        try:
            text = self.metrics_file.read_bytes().decode()
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise UserError(f"{self.metrics_file}: cannot be read: {error}; remove it") from error
        return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def rows(self) -> list[dict[str, float]]:
        """What metrics.csv holds, as numbers.

        Raises:
            UserError: naming the line that is damaged.
        """
        lines = self._lines()
        rows = []
        for number, row in enumerate(csv.DictReader(lines), start=2):
            try:
                rows.append({name: float(value) for name, value in row.items()})
                if not math.isfinite(rows[-1]["step"]):
                    raise ValueError
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(
                    f"{self.metrics_file}: line {number} is damaged; remove that line"
                ) from error
        return rows

    def forget_after(self, step: int) -> None:
        """Drop rows and samples later than `step`: a resumed run makes them again."""
        kept = sum(row["step"] <= step for row in self.rows())
        text = "".join(self._lines()[: kept + 1])
        if self.metrics_file.exists() and len(text.encode()) < self.metrics_file.stat().st_size:
            files.write_whole(self.metrics_file, lambda path: path.write_bytes(text.encode()))
        for picture in self.sample_files():
            if (step_of(picture) or 0) > step:
                picture.unlink()
        for folder in (self.folder, self.folder / "samples"):
            files.drop_unfinished(folder)

    def sync(self) -> None:
        """Have the rows and samples so far on the disk before a checkpoint that counts on them."""
        for path in (self.metrics_file, *self.sample_files()[-1:], self.folder / "samples"):
            try:
                files.sync(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise self._unwritable(path, error.strerror or error) from error

    def write_findings(self, findings: Sequence[Finding], known: int = 0) -> None:
        """Write doctor.json: every change of state so far, oldest first; `known` were written before."""
        entries = [{**dataclasses.asdict(finding), "says": str(finding)} for finding in findings]
        files.write_json(self.folder / "doctor.json", {"findings": entries})
        import tensorflow as tf

        for finding in findings[known:]:
            with self._tensorboard(finding.step):
                tf.summary.text("doctor", str(finding))

    # ----------------------------------------------------------------- images

    def sample_files(self) -> list[Path]:
        """The sample grids, oldest first."""
        return by_step((self.folder / "samples").glob("step-*.png"))

    def add_sample(self, step: int, images: np.ndarray) -> Path:
        """Save a grid of `images` (uint8, NHWC) as the sample of `step`."""
        path = self.folder / "samples" / f"{step_name(step)}.png"
        plotting.save_grid(path, images, max_bytes=SAMPLE_BYTES, shrink=False)
        if not is_shown(len(self.sample_files()) - 1, TENSORBOARD_SAMPLES):
            return path
        import tensorflow as tf

        with self._tensorboard(step):
            tf.summary.image("samples", plotting.tile(images)[None])
        return path

    def draw_pictures(self, bands: Sequence[tuple[float, float, str]] = ()) -> tuple[Path, Path]:
        """Draw what is known at the end of a run: the samples over time, and the curves.

        Args:
            bands: of `treatment.bands`: stretches of the curves to shade.
        """
        gif, curves = self.folder / "samples.gif", self.folder / "curves.png"
        plotting.save_gif(gif, self.sample_files())
        plotting.loss_curves(curves, self.rows(), bands)
        return gif, curves

    @contextlib.contextmanager
    def _tensorboard(self, step: int) -> Iterator[None]:
        """What is inside writes for TensorBoard, at this step."""
        import tensorflow as tf

        folder = self.folder / "tensorboard"
        try:
            if self._writer is None:
                self._writer = tf.summary.create_file_writer(str(folder))
            with self._writer.as_default(step=step):
                yield
        except tf.errors.OpError as error:  # of a full disk, say
            self._writer = None
            raise self._unwritable(folder, error.message) from error

    def close(self) -> None:
        """Close TensorBoard's file; a later row opens a new one."""
        if self._writer is not None:
            import tensorflow as tf

            with contextlib.suppress(
                tf.errors.OpError
            ):  # what is not written by now was said before
                self._writer.close()
            self._writer = None

    # ------------------------------------------------------------------ summary

    def summarize(self, **values: Any) -> None:
        """Add `values` to summary.json beside the versions that made them."""
        import keras
        import tensorflow as tf

        path = self.folder / "summary.json"
        versions = {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        }
        files.write_json(path, {**self.summary(), **values, "versions": versions})

    def summary(self) -> dict:
        """What summary.json holds; empty before the run ended."""
        return read_summary(self.folder)


def step_name(step: int) -> str:
    """How a step is called in the names of files: step-00001234."""
    return f"step-{step:08d}"


def step_of(path: Path) -> int | None:
    """The step that a file or folder is named after; None if it is none."""
    number = path.stem.removeprefix("step-")
    return int(number) if number.isdecimal() and path.stem != number else None


def by_step(paths: Iterable[Path]) -> list[Path]:
    """Those that are named after a step, in the steps' order."""
    found = [(step, path) for path in paths if (step := step_of(path)) is not None]
    return [path for _, path in sorted(found, key=lambda pair: pair[0])]


def is_shown(number: int, limit: int) -> bool:
    """Whether the `number`-th, from 0, is among those that TensorBoard gets."""
    stride = 1
    while number >= limit * stride:
        stride *= 2
    return number % stride == 0


def _numbered(config: Mapping, package: str) -> Path:
    """Make the first folder runs/PACKAGE/DATASET-PRESET-NUMBER that is not there yet; not all have presets.

    Of two trainings that begin at once, one gets the next number.
    """
    path = config["dataset"].removeprefix("folder:").strip("/")
    stem = "".join(c if c.isascii() and c.isalnum() else "-" for c in path)[-40:]
    stem = "-".join(filter(None, (stem, config.get("preset"))))
    for number in itertools.count(1):
        folder = Path("runs", *package.split(".")) / f"{stem}-{number}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            break
    return folder


def _make(folder: Path) -> None:
    """Make a run's folder, where the longest path that will be in it can be made, too.

    Raises:
        UserError: the system takes no paths of that length.
        OSError: it cannot be made.
    """
    made = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    folder.mkdir(parents=True, exist_ok=True)
    inside = folder / FOLDERS[0]
    deep = inside.joinpath(*LONGEST)
    try:
        deep.mkdir(parents=True)
        for path in (deep, *deep.parents[: len(LONGEST)]):
            path.rmdir()
    except OSError as error:
        # Windows says that there is no such folder.
        if error.errno not in (errno.ENAMETOOLONG, errno.ENOENT):
            raise
        for path in (*deep.parents[: len(LONGEST)], *made):
            with contextlib.suppress(OSError):
                path.rmdir()
        length = len(str(deep.absolute()))
        raise UserError(
            f"--run_dir {folder}: files of its checkpoints would have paths of {length} characters, which "
            "this system does not take; name a shorter one"
        ) from error


def _is_unused(folder: Path) -> bool:
    """Whether it is empty, or holds only what a run that died while it was made left behind."""
    for path in folder.iterdir():
        if path.name in FOLDERS and path.is_dir():
            if any(path.iterdir()):
                return False
        elif path.name not in (
            "dataset.json",
            IMAGES,
            lock.NAME,
        ) and not files.UNFINISHED.fullmatch(path.name):
            return False
    return True


def read_summary(run_dir: Path) -> dict:
    """What summary.json of a run holds; empty before the run ended."""
    path = Path(run_dir) / "summary.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if not isinstance(known, dict):
            raise ValueError("it is not a JSON object")
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({error}); remove it") from error
    return known
