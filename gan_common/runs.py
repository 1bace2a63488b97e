"""A run's folder: configuration, checkpoints, curves, samples, summary; and what happens between steps.

    runs/<package>/<name>/
        config.json      what the run was started with; --resume reads it
        dataset.json     the pictures' shape and the class names, so that generating needs no data
        metrics.csv      a row every few steps, means over the steps since the row before
        checkpoints/     step-00001234/: all variables and where the run stood; the last three are kept
        samples/*.png    one fixed set of latents over training, and samples.gif of them
        tensorboard/     the same curves and pictures for TensorBoard
        summary.json     seconds, steps, images per second, versions, what was measured

Both packages use it: `keras_dcgan` from a callback under `fit`, `ssgan_tf` from its own loop.
"""

import csv
import hashlib
import json
import os
import platform
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from gan_common import cli, plotting
from gan_common.data import Dataset
from gan_common.errors import UserError

KEPT_CHECKPOINTS = 3

# What the progress line shows of a step's numbers, and how.
SHOWN = {
    "d_loss": "D loss {:.3f}",
    "g_loss": "G loss {:.3f}",
    "d_real_accuracy": "D right on real {:.0%}",
    "d_fake_accuracy": "on fake {:.0%}",
}


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


# ---------------------------------------------------------------------- between steps


class Recorder:
    """What happens beside the training step: curves, samples, checkpoints, progress, time, signals.

    Args:
        run: the run.
        variables: what a checkpoint holds, see `Checkpoints`.
        draw_samples: () → uint8 pictures (N, H, W, C) of one fixed set of latents.
        steps_per_epoch, total_steps, batch_size: of the training.
        log_every, sample_every, save_every: in steps.
        max_minutes: training time after which the run ends, over all its parts; None is no limit.
    """

    def __init__(
        self,
        run: Run,
        variables: Mapping[str, Sequence],
        draw_samples: Callable[[], np.ndarray],
        *,
        steps_per_epoch: int,
        total_steps: int,
        batch_size: int,
        log_every: int = 20,
        sample_every: int,
        save_every: int,
        max_minutes: float | None = None,
    ):
        self.run, self.draw_samples = run, draw_samples
        self.checkpoints = Checkpoints(run, variables)
        self.steps_per_epoch, self.total_steps = steps_per_epoch, total_steps
        self.batch_size = batch_size
        self.log_every, self.sample_every, self.save_every = log_every, sample_every, save_every
        self.max_seconds = None if max_minutes is None else 60 * max_minutes
        self.step = 0
        self.seconds = 0.0  # of training, over all parts of the run
        self.interrupted: int | None = None  # the signal that asked to stop
        self._sums: dict[str, float] = {}
        self._count = 0
        self._previous_handlers: dict[int, object] = {}

    def restore(self) -> int:
        """Go back to the newest sound checkpoint; the number of steps that it had done."""
        state = self.checkpoints.restore()
        if state is not None:
            self.step, self.seconds = state["step"], state["seconds"]
            self._sums, self._count = state["sums"], state["count"]
        self.run.forget_after(self.step)
        return self.step

    def save(self) -> None:
        """Write a checkpoint of now."""
        state = {"step": self.step, "seconds": self.seconds}
        self.checkpoints.save(self.step, {**state, "sums": self._sums, "count": self._count})

    def __enter__(self) -> "Recorder":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous_handlers[number] = signal.signal(number, self._on_signal)
        self._mark = self._shown = time.perf_counter()
        self._start = (self.step, self.seconds)
        if self.step == 0:
            self.run.add_sample(0, self.draw_samples())
        return self

    def __exit__(self, *_):
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)

    def _on_signal(self, number, _frame):
        if self.interrupted == signal.SIGINT == number:
            os._exit(128 + number)  # asked twice: at once
        self.interrupted = number
        name = signal.Signals(number).name
        print(f"\n{name}: finishing the step, then saving", file=sys.stderr, flush=True)

    def after_step(self, step: int, values: Mapping[str, float]) -> bool:
        """Record that `step` steps are done; True when the training should stop.

        Args:
            step: steps done since the beginning of the run.
            values: this step's losses, accuracies and norms.
        """
        now = time.perf_counter()
        self.seconds += now - self._mark
        self._mark = now
        self.step = step
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        self._count += 1
        complete = self.finished and self.interrupted is None
        if step % self.log_every == 0 or complete:
            self._log_row()
        if step % self.sample_every == 0 or complete:
            self.run.add_sample(step, self.draw_samples())
        if step % self.save_every == 0 or self.finished:
            self.save()
        self._show_progress(values)
        # Samples and checkpoints are not training: their time is left out of `seconds`.
        self._mark = time.perf_counter()
        return self.finished

    def _log_row(self) -> None:
        means = {name: total / self._count for name, total in self._sums.items()}
        for name, value in means.items():
            if not np.isfinite(value):
                raise UserError(
                    f"{name} is {value} at step {self.step}: the training has diverged; the last "
                    f"checkpoint is sound. Start again with a lower learning rate"
                )
        epoch = self.step / self.steps_per_epoch
        row = {"step": self.step, "epoch": round(epoch, 4), "seconds": round(self.seconds, 3)}
        self.run.log({**row, "images_per_second": round(self.images_per_second, 1), **means})
        self._sums, self._count = {}, 0

    @property
    def finished(self) -> bool:
        """Whether there is a reason to take no further step."""
        out_of_time = self.max_seconds is not None and self.seconds >= self.max_seconds
        return self.step >= self.total_steps or out_of_time or self.interrupted is not None

    def totals(self) -> dict[str, float]:
        """For the summary: seconds of training, steps, and real pictures trained on per second."""
        speed = self.step * self.batch_size / max(self.seconds, 1e-9)
        return {"seconds": self.seconds, "steps": self.step, "images_per_second": speed}

    @property
    def images_per_second(self) -> float:
        """Real pictures trained on per second, since this process started."""
        step, seconds = self._start
        return (self.step - step) * self.batch_size / max(self.seconds - seconds, 1e-9)

    def _show_progress(self, values: Mapping[str, float]) -> None:
        now = time.perf_counter()
        on_terminal = sys.stdout.isatty()
        last = self.finished
        if not last and now - self._shown < (0.5 if on_terminal else 10):
            return
        self._shown = now
        left = (self.total_steps - self.step) * self.batch_size / max(self.images_per_second, 1e-9)
        if self.max_seconds is not None:
            left = min(left, self.max_seconds - self.seconds)
        epoch, epochs = (steps / self.steps_per_epoch for steps in (self.step, self.total_steps))
        shown = [
            f"epoch {epoch:.1f}/{epochs:.0f}",
            f"{self.images_per_second:.0f} images/s",
            *(text.format(float(values[name])) for name, text in SHOWN.items() if name in values),
            f"{max(left, 0) / 60:.1f} min left",
        ]
        text = "  ".join(shown)
        if on_terminal:
            width = shutil.get_terminal_size().columns
            print("\r" + text[: width - 1].ljust(width - 1), end="\n" if last else "", flush=True)
        else:
            print(text, flush=True)


class AfterStep(keras.callbacks.Callback):
    """Hands the numbers of every step of `fit` to a recorder, and stops when it says so."""

    def __init__(self, recorder: Recorder):
        super().__init__()
        self.recorder = recorder

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = self.recorder.after_step(self.recorder.step + 1, logs)
