"""All of a training's state on disk, so that the last good one survives anything.

    checkpoints/step-00001234/
        variables.*      what TensorFlow writes
        manifest.json    the step, where the training stood, what it is a checkpoint of, and checksums

One is written under a temporary name, put on the disk, and renamed.  The last three are kept, and the best.
"""

import hashlib
import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from gan_common import files
from gan_common.errors import UserError
from gan_common.runs.run import by_step, step_name

KEPT = 3  # besides the best
MAX_MANIFEST_BYTES = 10_000_000
DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _signature(manifest: Mapping) -> str:
    """The checksum of a manifest's own content."""
    content = {name: value for name, value in manifest.items() if name != "signature"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Checkpoints:
    """The checkpoints of a run.

    Args:
        run: the run (`gan_common.runs.Run`).
        variables: name → list of Keras or TensorFlow variables: nets, optimizers, averages, step.
    """

    def __init__(self, run: Any, variables: Mapping[str, Sequence]) -> None:
        self.run = run
        self.folder = run.folder / "checkpoints"
        self._variables = {
            name: [v.value if isinstance(v, keras.Variable) else v for v in group]
            for name, group in variables.items()
        }
        self._checkpoint = tf.train.Checkpoint(**self._variables)

    def save(self, step: int, state: dict, quality: float | None = None) -> Path:
        """Write variables and `state` (JSON) under a temporary name, sync, rename, drop the oldest.

        Args:
            step: steps done.
            state: where the training stands.
            quality: what the best checkpoint is chosen by, the lower the better.

        Raises:
            UserError: when the disk is full or read-only; the earlier checkpoints are left as they were.
        """
        final = self.folder / step_name(step)
        if final.exists() and not self._problem(final):
            return final  # resumed, and stopped again before the next step
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            files.drop_unfinished(self.folder)
            with files.whole(final) as temporary:
                temporary.mkdir()
                self._checkpoint.write(str(temporary / "variables"))
                manifest = {
                    "step": step,
                    "state": state,
                    "quality": quality,
                    "of": self.run.identity(),
                    "shapes": self._shapes(),
                    "sha256": {p.name: _digest(p) for p in sorted(temporary.iterdir())},
                }
                manifest = files.finite(
                    manifest
                )  # before it is signed: what is read back has no NaN
                manifest["signature"] = _signature(manifest)
                content = files.as_json(manifest)
                (temporary / "manifest.json").write_text(content, encoding="utf-8")
        except (OSError, tf.errors.OpError) as error:
            reason = getattr(error, "strerror", None) or getattr(error, "message", None) or error
            full = isinstance(error, tf.errors.ResourceExhaustedError) or (
                getattr(error, "errno", None) in files.FULL
            )
            raise UserError(
                f"{final}: the checkpoint cannot be written ({reason}); the earlier ones are intact: "
                f"{'make room' if full else 'mend that'}, then go on with --resume {self.run.folder}"
            ) from error
        best = self.best()
        for old in self.paths()[:-KEPT]:
            if old != best:
                shutil.rmtree(old, ignore_errors=True)
        return final

    def paths(self) -> list[Path]:
        """Checkpoints on disk, oldest first."""
        return by_step(path for path in self.folder.glob("step-*") if path.is_dir())

    def best(self) -> Path | None:
        """The checkpoint of the lowest `quality`, the later one of two equal ones; None if none has any."""
        found = []
        for path in self.paths():
            try:
                quality = _read_manifest(path)["quality"]
                if isinstance(quality, int | float) and math.isfinite(quality):
                    found.append((quality, path))
            except DAMAGE:
                continue
        lowest = min((quality for quality, _ in found), default=None)
        return next((path for quality, path in reversed(found) if quality == lowest), None)

    def restore(self, best: bool = False) -> dict | None:
        """Load the newest sound checkpoint; its `state`, or None when there is none yet.

        A damaged one is named on stderr and the one before is used.

        Args:
            best: load the best one instead, if it is sound and there is one.

        Raises:
            UserError: when there are checkpoints and none is sound, or it is one of another training.
        """
        order = list(reversed(self.paths()))
        if best and (chosen := self.best()) is not None:
            order.insert(0, chosen)
        for path in order:
            problem = self._problem(path)
            if problem:
                print(f"{path}: {problem}; using the checkpoint before it", file=sys.stderr)
                continue
            manifest = _read_manifest(path)
            if difference := self._difference(manifest):
                raise UserError(
                    f"{path}: is no checkpoint of this run: {difference}; put this run's own one back"
                )
            try:
                self._checkpoint.read(str(path / "variables")).assert_consumed()
            except (ValueError, AssertionError, tf.errors.OpError) as error:
                raise UserError(
                    f"{path}: does not fit the networks of this configuration: {error}"
                ) from error
            return manifest["state"]
        if order:
            raise UserError(f"{self.folder}: no checkpoint is sound; start a new run")
        return None

    def not_finite(self) -> str | None:
        """The name of a group of variables that holds NaN or infinity, if any does."""
        for name, group in self._variables.items():
            for variable in group:
                value = tf.convert_to_tensor(variable)
                if value.dtype.is_floating and not tf.reduce_all(tf.math.is_finite(value)):
                    return name
        return None

    def _shapes(self) -> dict[str, list]:
        return {name: [list(v.shape) for v in group] for name, group in self._variables.items()}

    def _difference(self, manifest: Mapping) -> str | None:
        """In words, how the training that a checkpoint is of differs from this one, if it does."""
        mine = self.run.identity()
        theirs = {name: value for name, value in manifest["of"].items() if name in mine}
        different = [
            f"it has {name}={value!r}, this run {name}={mine[name]!r}"
            for name, value in theirs.items()
            if value != mine[name]
        ]
        if different:
            return ", ".join(different)
        for name, shapes in manifest["shapes"].items():
            group = self._shapes().get(name, [])
            if len(shapes) != len(group):
                return f"it has {len(shapes)} variables of {name}, this run {len(group)}"
            for number, (theirs, ours) in enumerate(zip(shapes, group, strict=True)):
                if theirs != ours:
                    return f"its variable {number} of {name} is {_times(theirs)}, this run's {_times(ours)}"
        return None

    @staticmethod
    def _problem(path: Path) -> str | None:
        """Why a checkpoint cannot be trusted, if so."""
        try:
            manifest = _read_manifest(path)
            for name, digest in manifest["sha256"].items():
                if _digest(path / Path(name).name) != digest:
                    return f"{name} is damaged (its checksum differs)"
        except DAMAGE as error:
            return f"damaged ({error!r})"
        return None


def load(run: Any, variables: Mapping[str, Sequence], best: bool = False) -> dict:
    """Load a run's newest sound checkpoint, or its best, into `variables`; its `state`.

    Raises:
        UserError: when the run has none yet; or as `Checkpoints.restore`.
    """
    state = Checkpoints(run, variables).restore(best=best)
    if state is None:
        raise UserError(f"{run.folder}: has no checkpoint yet; train on with --resume {run.folder}")
    return state


def _times(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "a number"


def _read_manifest(path: Path) -> dict:
    """What a checkpoint's manifest says; any of `DAMAGE` when it is not what `save` wrote."""
    with open(path / "manifest.json", "rb") as file:
        content = file.read(MAX_MANIFEST_BYTES)
    manifest = json.loads(content)
    if manifest["signature"] != _signature(manifest):
        raise ValueError("manifest.json is damaged: its checksum differs")
    parts = [manifest["state"], manifest["sha256"], manifest["of"]]
    shapes = manifest["shapes"]
    if not all(isinstance(part, dict) for part in (*parts, shapes)) or not manifest["sha256"]:
        raise ValueError("manifest.json is damaged")
    for shape in (shape for group in shapes.values() for shape in group):
        if not isinstance(shape, list) or not all(isinstance(n, int) for n in shape):
            raise ValueError(f"manifest.json is damaged: it names a shape {shape!r}")
    return manifest
