"""The temperature of a run's classifier: fitted on its validation images, kept in its folder."""

import json
import math
import sys
from typing import Any

import numpy as np

from gan_common import data, files
from gan_common.errors import UserError
from gan_common.runs import Run
from ssgan_tf.config import Config
from ssgan_tf.parts import divide

FILE = "calibration.json"


def calibrate(run: Run, gan: Any, dataset: data.Dataset, config: Config) -> None:
    """Fit the temperature on the validation images, and write `calibration.json`.

    Raises:
        UserError: the run keeps no validation images, or its classifier is right on every one.
    """
    from gan_common.metrics import calibration

    parts = divide(dataset, config)
    if not len(parts.y_validation):
        raise UserError(
            f"--calibrate: {run.folder} has no validation images, which the temperature is fitted on; "
            "train with --validation_size of 1 or more"
        )
    logits = class_logits(gan, parts.x_validation)
    temperature = calibration.fit_temperature(logits, parts.y_validation)
    if temperature is None:
        print(
            f"not calibrated: the class of every one of the {len(logits)} validation images is right, "
            "which any low temperature explains"
        )
        (run.folder / FILE).unlink(missing_ok=True)
        return
    before, after = (
        calibration.likelihood_loss(logits, parts.y_validation, t) for t in (1.0, temperature)
    )
    facts = {
        "temperature": temperature,
        "step": int(gan.steps_done.numpy()),
        "validation_images": len(logits),
        "validation_loss": before,
        "validation_loss_calibrated": after,
    }
    files.write_json(run.folder / FILE, facts)
    print(
        f"temperature                   {temperature:.3f} on {len(logits)} validation images "
        f"(−log p {before:.3f} → {after:.3f})"
    )


def class_logits(gan: Any, images: Any) -> np.ndarray:
    """uint8 images (N, H, W, C) → logits (N, K) of the classes alone, averaged weights."""
    return gan.logits(images)[:, :-1]


def temperature_of(run: Run, gan: Any) -> float | None:
    """The temperature fitted for these weights; None, with a line on stderr if it is of others, if none was.

    Raises:
        UserError: a damaged file.
    """
    path = run.folder / FILE
    if not path.exists():
        return None
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        temperature, step = float(facts["temperature"]), int(facts["step"])
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature is {temperature}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({error}); remove it, or calibrate again") from error
    now = int(gan.steps_done.numpy())
    if step != now:
        print(
            f"{path}: is of step {step}, and the weights are of step {now}, so it is not used; "
            f"calibrate again by python -m ssgan_tf.evaluate --run_dir {run.folder} --calibrate",
            file=sys.stderr,
        )
        return None
    return temperature
