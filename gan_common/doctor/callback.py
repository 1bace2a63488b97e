"""The doctor for any `Model.fit`."""

from collections.abc import Mapping
from typing import Any

import keras

from gan_common.doctor.treatment import GO_ON, STOP, Treatment


class DoctorCallback(keras.callbacks.Callback):
    """Asks a treatment after every batch of a `fit` whose logs have the names `Doctor.observe` takes.

    Without checkpoints there is no going back: numbers that are not finite end the training.
    """

    def __init__(self, treatment: Treatment) -> None:
        super().__init__()
        self.treatment = treatment
        self.step = 0

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        if self.step == 0 and self.treatment.start() == STOP:
            self.model.stop_training = True

    def on_train_batch_end(self, batch: Any, logs: Mapping[str, float] | None = None) -> None:
        self.step += 1
        values = {name: float(value) for name, value in (logs or {}).items()}
        if self.treatment.after_step(self.step, values) != GO_ON:
            self.model.stop_training = True
