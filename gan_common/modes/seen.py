"""What a game tells and what it has come to: numbers and arrays, for a process without TensorFlow, too."""

import dataclasses

import numpy as np

from gan_common.doctor.diagnosis import Finding
from gan_common.modes.curve import Curve

# What a step tells; these are the names by which a doctor knows them.
TOLD = (
    *("d_loss", "g_loss", "d_real_accuracy", "d_fake_accuracy"),
    *("d_gradient_norm", "g_gradient_norm"),
)
LATELY = 2000  # steps over which visited modes are told


@dataclasses.dataclass(frozen=True)
class Seen:
    """A look at a session.

    Attributes:
        step: steps done.
        samples: (n, 2) float32, generated.
        places, pulls: (m, 2) float32 each: a batch of samples, and where G's loss sends them,
            −m ∂loss/∂place.  Of unrolled that is against D as it will be.
        surface: (side, side) in [0, 1], from below: how real D finds each place; None when D looks at whole
            batches, so that a place alone has no value.
        filled: (modes,), good samples of each mode, of those that are counted.
        modes, high_quality: see `points.mode_coverage`.
        least, kl: what the emptiest mode holds over its due, and KL(shares ‖ even); see `points.evenness`.
        visited: modes that were captured within the last `LATELY` steps.
        told: what each step told by the names of `TOLD`, see `Curve.table`; and
        counted: likewise `modes`, `high_quality`, `least` of the looks.
        findings: the doctor's that hold now, name → finding.
    """

    step: int
    samples: np.ndarray
    places: np.ndarray
    pulls: np.ndarray
    surface: np.ndarray | None
    filled: np.ndarray
    modes: int
    high_quality: float
    least: float
    kl: float
    visited: int
    told: np.ndarray
    counted: np.ndarray
    findings: dict[str, Finding]


@dataclasses.dataclass(frozen=True)
class Kept:
    """All that steps change, as it was after some step."""

    step: int
    arrays: list[np.ndarray]
    watched: dict
    lately: list[tuple[int, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class State:
    """A session without its graphs: what one of the same setting needs to go on, in any process.

    Attributes:
        seed: of the training.
        now, kept: how it is, and how it was after the steps that `rewind` finds at once.
        every: steps from one of those to the next.
        told, counted: the curves so far.
    """

    seed: int
    now: Kept
    kept: list[Kept]
    every: int
    told: Curve
    counted: Curve
