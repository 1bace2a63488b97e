"""A recorder under Keras's `Model.fit`."""

from collections.abc import Mapping
from typing import Any

import keras

from gan_common.runs.recorder import Recorder


class AfterStep(keras.callbacks.Callback):
    """Hands the numbers of every step of `fit` to a recorder, and stops when it says so."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def on_train_batch_end(self, batch: Any, logs: Mapping[str, float] | None = None) -> None:
        self.model.stop_training = self.recorder.after_step(self.recorder.step + 1, logs or {})
