"""Is this training healthy, and what is done about it."""

from gan_common.doctor.diagnosis import (
    DIAGNOSES,
    FOLLOWS_FROM,
    GUESSING,
    LOOKED_AT,
    Doctor,
    Finding,
    Look,
    least_loss,
    look_at,
    look_at_data,
    look_due,
)  # fmt: skip

__all__ = [
    "DIAGNOSES",
    "FOLLOWS_FROM",
    "GUESSING",
    "LOOKED_AT",
    "Doctor",
    "Finding",
    "Look",
    "least_loss",
    "look_at",
    "look_at_data",
    "look_due",
]  # fmt: skip
