"""A run's folder: configuration, checkpoints, curves, samples, summary.

    runs/<package>/<name>/
        config.json      what the run was started with; --resume reads it
        dataset.json     the pictures' shape and the class names, so that generating needs no data
        metrics.csv      a row every few steps, means over the steps since the row before
        checkpoints/     step-00001234/: all variables and where the run stood; the last three are kept
        samples/*.png    one fixed set of latents over training, and samples.gif of them
        tensorboard/     the same curves and pictures for TensorBoard
        summary.json     seconds, steps, images per second, versions, what was measured

`gan_common.recorder` fills it while a training goes on.
"""

import csv
import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from gan_common import cli, plotting
from gan_common.data import Dataset
from gan_common.errors import UserError

KEPT_CHECKPOINTS = 3


class Run:
    """One run's folder."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.metrics_file = self.folder / "metrics.csv"
        self._writer = None

    @classmethod
    def create(cls, config: dict, run_dir: str | None, package: str, dataset: Dataset) -> "Run":
        """Make the folder of a new run; write its configuration and what it is trained on.

        Raises:
            UserError: when the folder already holds something, or cannot be written.
        """
        if run_dir is None:
            path = config["dataset"].removeprefix("folder:").strip("/")
            stem = "".join(c if c.isalnum() else "-" for c in path)[-40:]
            parent = Path("runs") / package
            number = 1
            while (folder := parent / f"{stem}-{config['preset']}-{number}").exists():
                number += 1
        else:
            folder = Path(run_dir)
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise UserError(
                    f"--run_dir {folder}: already exists; go on with it by --resume {folder}, "
                    "or name a new folder"
                )
        try:
            for part in ("checkpoints", "samples", "tensorboard"):
                (folder / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"--run_dir {folder}: cannot be made: {error.strerror}; name a folder you can write to"
            ) from error
        facts = {"image_shape": list(dataset.image_shape), "class_names": list(dataset.class_names)}
        cli.write_json(folder / "dataset.json", facts)
        cli.write_json(folder / "config.json", config)
        return cls(folder)

    def dataset_facts(self) -> tuple[tuple[int, ...], list[str]]:
        """Shape of the pictures (height, width, channels) and names of the classes."""
        path = self.folder / "dataset.json"
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            shape, names = tuple(facts["image_shape"]), list(facts["class_names"])
            if len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape) or not names:
                raise ValueError(f"image_shape is {shape}, class_names is {names}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: damaged ({error}); restore it, or start a new run") from error
        return shape, names

    # ------------------------------------------------------------------ curves

    def log(self, row: Mapping[str, float]) -> None:
        """Append a row to metrics.csv and to TensorBoard.  `row["step"]` is the x axis."""
        new = not self.metrics_file.exists()
        try:
            with open(self.metrics_file, "a", newline="", encoding="utf-8") as file:
                table = csv.DictWriter(file, fieldnames=list(row))
                if new:
                    table.writeheader()
                table.writerow(row)
        except OSError as error:
            raise UserError(
                f"{self.metrics_file}: cannot be written: {error.strerror}; the checkpoints before "
                f"are intact, go on with --resume {self.folder}"
            ) from error
        with self._tensorboard().as_default(step=int(row["step"])):
            for name, value in row.items():
                if name not in ("step", "epoch"):
                    tf.summary.scalar(name, value)

    def rows(self) -> list[dict[str, float]]:
        """What metrics.csv holds, as numbers."""
        if not self.metrics_file.exists():
            return []
        with open(self.metrics_file, newline="", encoding="utf-8") as file:
            return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]

    def forget_after(self, step: int) -> None:
        """Drop rows and samples later than `step`: a resumed run makes them again."""
        rows = self.rows()
        keep = [row for row in rows if row["step"] <= step]
        if len(keep) < len(rows):
            lines = self.metrics_file.read_text(encoding="utf-8").splitlines(keepends=True)
            temporary = self.metrics_file.with_suffix(".tmp")
            temporary.write_text("".join(lines[: len(keep) + 1]), encoding="utf-8")
            os.replace(temporary, self.metrics_file)
        for picture in self.sample_files():
            if int(picture.stem.rpartition("-")[2]) > step:
                picture.unlink()

    # ----------------------------------------------------------------- pictures

    def sample_files(self) -> list[Path]:
        """The sample grids, oldest first."""
        return sorted((self.folder / "samples").glob("step-*.png"))

    def add_sample(self, step: int, images: np.ndarray) -> Path:
        """Save a grid of `images` (uint8, NHWC) as the sample of `step`."""
        path = self.folder / "samples" / f"step-{step:08d}.png"
        plotting.save_grid(path, images)
        with self._tensorboard().as_default(step=step):
            tf.summary.image("samples", plotting.tile(images)[None])
        return path

    def draw_pictures(self) -> tuple[Path, Path]:
        """Draw what is known at the end of a run: the samples over time, and the curves."""
        gif, curves = self.folder / "samples.gif", self.folder / "curves.png"
        plotting.save_gif(gif, self.sample_files())
        plotting.loss_curves(curves, self.rows())
        return gif, curves

    def _tensorboard(self):
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self.folder / "tensorboard"))
        return self._writer

    # ------------------------------------------------------------------ summary

    def summarise(self, **values) -> None:
        """Add `values` to summary.json beside the versions that made them."""
        path = self.folder / "summary.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        versions = {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        }
        cli.write_json(path, {**known, **values, "versions": versions})

    def summary(self) -> dict:
        """What summary.json holds; empty before the run ended."""
        path = self.folder / "summary.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


# ---------------------------------------------------------------------- checkpoints


def _sync(path: Path) -> None:
    """Have the operating system put a file, or a folder's list of names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Checkpoints:
    """All of a training's state on disk, so that the last good one survives anything.

    Args:
        run: the run.
        variables: name → list of Keras or TensorFlow variables: nets, optimisers, averages, step.
    """

    def __init__(self, run: Run, variables: Mapping[str, Sequence]):
        self.run = run
        self.folder = run.folder / "checkpoints"
        plain = {
            name: [v.value if isinstance(v, keras.Variable) else v for v in group]
            for name, group in variables.items()
        }
        self._checkpoint = tf.train.Checkpoint(**plain)

    def save(self, step: int, state: dict) -> Path:
        """Write variables and `state` (JSON) under a temporary name, sync, rename, drop the oldest.

        Raises:
            UserError: when the disk is full or read-only; the earlier checkpoints are left as they were.
        """
        final = self.folder / f"step-{step:08d}"
        if final.exists() and not self._problem(final):
            return final  # resumed, and stopped again before the next step
        temporary = self.folder / f".step-{step:08d}.tmp"
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            self._checkpoint.write(str(temporary / "variables"))
            digests = {p.name: _digest(p) for p in sorted(temporary.iterdir())}
            manifest = {"step": step, "state": state, "sha256": digests}
            (temporary / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
            for path in temporary.iterdir():
                _sync(path)
            shutil.rmtree(final, ignore_errors=True)
            os.replace(temporary, final)
            _sync(self.folder)
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise UserError(
                f"{final}: the checkpoint cannot be written ({error}); the earlier ones are intact: "
                f"make room, then go on with --resume {self.run.folder}"
            ) from error
        for old in self.paths()[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old, ignore_errors=True)
        return final

    def paths(self) -> list[Path]:
        """Checkpoints on disk, oldest first."""
        return sorted(p for p in self.folder.glob("step-*") if p.is_dir())

    def restore(self) -> dict | None:
        """Load the newest sound checkpoint; its `state`, or None when there is none yet.

        A damaged one is named on stderr and the one before is used.

        Raises:
            UserError: when there are checkpoints and none is sound, or the variables do not fit.
        """
        for path in reversed(self.paths()):
            problem = self._problem(path)
            if problem:
                print(f"{path}: {problem}; using the checkpoint before it", file=sys.stderr)
                continue
            try:
                self._checkpoint.read(str(path / "variables")).assert_consumed()
            except (ValueError, AssertionError, tf.errors.OpError) as error:
                raise UserError(
                    f"{path}: does not fit the networks of this configuration: {error}"
                ) from error
            return json.loads((path / "manifest.json").read_text(encoding="utf-8"))["state"]
        if self.paths():
            raise UserError(f"{self.folder}: no checkpoint is sound; start a new run")
        return None

    @staticmethod
    def _problem(path: Path) -> str | None:
        """Why a checkpoint cannot be trusted, if so."""
        try:
            manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
            for name, digest in manifest["sha256"].items():
                if _digest(path / Path(name).name) != digest:
                    return f"{name} is damaged (its checksum differs)"
            if not isinstance(manifest["state"], dict) or not manifest["sha256"]:
                return "manifest.json is damaged"
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return f"damaged ({error!r})"
        return None
