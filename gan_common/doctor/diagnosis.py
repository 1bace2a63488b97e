"""Is this training healthy?  A step's numbers and a few generated images → diagnosis, evidence, advice.

Nothing here knows TensorFlow, a network or a file: `Doctor` is told numbers and images and says what has
changed, so series made by hand test it.  `gan_common.doctor.treatment` acts on it in a training.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# ------------------------------------------------------------------ thresholds, and why

WINDOW = 20  # steps judged together: one batch's numbers are noise; also a row of metrics.csv
COLUMNS = 2**14  # numbers of each image that are held as floats at a time
LOOKED_AT = 64  # images in a look: 2,016 pairs, enough for a mean distance within a few percent
LOOK_EVERY, LOOK_SELDOM, EARLY = 40, 200, 400  # steps between looks, up to step EARLY and after it
GRADIENT_TROUBLE = 100.0  # mean norm of a gradient; "over 100 is trouble" (ganhacks, entry 10)
# Of what D's loss is when it guesses.  Healthy runs here vary by 0.03 to 0.1 of it within a window, and by
# 0.3 in the bumps that they recover from by themselves; with rates fifty times too high it is 0.5 and more.
LOSS_SPREAD = 0.5
# Of what D's loss is when it guesses: "D's loss near 0 means failure" (2.3.1).  Healthy runs here stay at
# 0.36 and above.
WON_LOSS = 0.2
WON_ACCURACY = 0.98  # D right on real and on generated images; with both, G has nothing to go by
BORN_GUESSING = 1.2  # of what guessing costs, at most, is D's loss at the first step
WON_WINDOWS = 2  # in a row: G answers a single lost window by itself
# Of what D's loss is when it guesses.  Every D here that learns is under 0.97 within two windows; one whose
# steps are too small stays within 0.005 of 1.  Later on 1 is what a G that cannot be told apart costs D.
GUESSED_LOSS = 0.98
GUESSED_WINDOWS = 10  # from the first one on
CALM_WINDOWS = 10  # in a row without the symptom, until a finding is taken back
# Before anything is learnt an untrained G draws gray with some variety.  Healthy initializations here give
# 0.2 to 0.5 of the data's distance, and no pixel at the end of the scale.
START_CLIPPED = (
    0.25  # share of pixels at an end of the scale: tanh is flat there, G's gradient dies
)
START_DIVERSITY = 0.05  # of the data's distance: the latent is lost on its way through the layers
TOO_DIVERSE = 1.15  # of the data's distance: images of noise, not yet of anything
CLIPPED_MORE = (
    0.1  # pixels at an end of the scale, beyond the data's share: G's last layer is saturated
)
# A G that has hardly learnt yet stays above 0.19 of both of the data's distances here.
ALIKE = 0.15  # of the data's mean distance between two images
TWINS = (
    0.15  # of the data's mean distance from an image to the nearest other one: few modes, repeated
)
RECOVERED = 0.5  # of the data's distance, both: a collapse is over
LOOKS = 2  # in a row, for what a look shows: G changes its mind quickly in the beginning
# The treatment follows D more closely than the diagnosis, by the last few steps.
RECENT = 5  # steps
AHEAD_LOSS, AHEAD_ACCURACY = 0.5, 0.95  # D is ahead: hold it back
CAUGHT_UP = (
    0.8  # D is right on at most this share of generated images: let it go on (Wu et al. 2016)
)


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What can be wrong: in two or three words and in plain ones, the section that treats it, what to try."""

    short: str
    title: str
    section: str
    advice: str


DIAGNOSES: dict[str, Diagnosis] = {
    "nan": Diagnosis(
        "not finite",
        "a number is not finite: the training has diverged",
        "2.3.1",
        "lower --generator_lr and --discriminator_lr, or let --on_failure lower_lr go back to the "
        "last checkpoint and go on with lower rates",
    ),
    "bad_init": Diagnosis(
        "bad start",
        "the networks start badly: G's pixels are at the ends of the scale before it has learnt anything",
        "2.3.1",
        "draw the first weights smaller (standard deviation 0.02, as Radford et al. 2015); if it must go "
        "on from here, --on_failure pause",
    ),
    "no_bn": Diagnosis(
        "lost latent",
        "G's images do not depend on the latent: the signal dies on its way through the layers",
        "2.4.6",
        "normalize between the layers: batch norm, instance_norm or virtual_batch_norm; or draw the "
        "first weights larger",
    ),
    "high_lr": Diagnosis(
        "rate too high",
        "the learning rate is too high: steps overshoot",
        "2.3.1",
        "lower --generator_lr and --discriminator_lr by ten, or --on_failure lower_lr",
    ),
    "strong_d": Diagnosis(
        "D too strong",
        "D is too strong: it is never wrong, and G learns nothing from it",
        "2.3.1",
        "--on_failure pause or lower_lr, a lower --discriminator_lr, or the tricks label_smoothing, "
        "instance_noise, dropout_noise",
    ),
    "collapse": Diagnosis(
        "collapse",
        "mode collapse: G draws nearly the same image from every latent",
        "2.3.2",
        "the tricks minibatch, packing, unrolled or feature_matching; a lower --generator_lr",
    ),
    "weak_d": Diagnosis(
        "D guesses",
        "D learns nothing: it still guesses, and so nothing that it tells G is worth learning",
        "2.3.1",
        "a higher --discriminator_lr (plain gradient descent needs a thousand times Adam's), less noise "
        "before D, or a D with batch norm",
    ),
}
# What follows from another finding is not reported beside it.
FOLLOWS_FROM = {
    "strong_d": ("bad_init", "no_bn", "high_lr", "collapse"),
    "weak_d": ("bad_init", "no_bn", "high_lr", "collapse"),
    "collapse": ("bad_init", "no_bn", "high_lr"),
    "high_lr": ("bad_init", "no_bn", "collapse"),
}
# D's loss when it guesses (every logit 0, or ½ for least squares); the Wasserstein loss has no such level.
GUESSING = {
    "non_saturating": 2 * math.log(2),
    "minimax": 2 * math.log(2),
    "least_squares": 0.25,
    "hinge": 2.0,
    "relativistic": math.log(2),
    "wasserstein": None,
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """A change of state: `name` of `DIAGNOSES` began, or is over, at `step`, because of `evidence`."""

    step: int
    name: str
    began: bool
    evidence: str

    def __str__(self) -> str:
        found = DIAGNOSES[self.name]
        if not self.began:
            return f"step {self.step}: over: {found.title} ({self.evidence})"
        return (
            f"step {self.step}: {found.title}. Evidence: {self.evidence}. "
            f"Section {found.section}. Try: {found.advice}."
        )


@dataclasses.dataclass(frozen=True)
class Look:
    """Measures of some images.

    Attributes:
        distance: mean Euclidean distance of two images.
        nearest: mean distance of an image to the nearest other one.
        clipped: share of pixels within half a gray level of black or white.
    """

    distance: float
    nearest: float
    clipped: float


def look_at(pictures: Any) -> Look:
    """Measure images (N, H, W, C), N ≥ 2, uint8 or floats in [-1, 1]; NaN where they are not finite.

    Raises:
        ValueError: for another shape.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim != 4 or len(pictures) < 2:
        raise ValueError(f"images must be (2 or more, H, W, C). Received: {pictures.shape}")
    rows = pictures.reshape(len(pictures), -1)
    squares, products, clipped = np.zeros(len(rows)), np.zeros((len(rows), len(rows))), 0
    for start in range(0, rows.shape[1], COLUMNS):
        part = rows[:, start : start + COLUMNS].astype(np.float64)
        if pictures.dtype == np.uint8:
            part = part / 127.5 - 1
        squares += np.sum(part**2, axis=1)
        products += 2 * part @ part.T
        clipped += int(np.sum(np.abs(part) >= 1 - 0.5 / 127.5))
    squared = np.maximum(squares[:, None] + squares - products, 0)
    np.fill_diagonal(squared, np.inf)
    distances = np.sqrt(squared)
    return Look(
        distance=float(np.mean(distances[~np.eye(len(rows), dtype=bool)])),
        nearest=float(np.mean(distances.min(axis=1))),
        clipped=clipped / rows.size,
    )


def look_at_data(pictures: Any, seed: int, count: int = LOOKED_AT) -> Look:
    """Measure `count` (or all, if there are fewer) of the data's images, chosen by the seed."""
    count = min(count, len(pictures))
    chosen = np.random.default_rng(seed).choice(len(pictures), count, replace=False)
    return look_at(pictures[np.sort(chosen)])


def least_loss(kind: str, real_label: float) -> float:
    """The least that D's loss can be with one-sided smoothing: the entropy of the label, in nats."""
    if kind not in ("non_saturating", "minimax") or real_label in (0, 1):
        return 0.0
    return -real_label * math.log(real_label) - (1 - real_label) * math.log(1 - real_label)


def look_due(step: int) -> bool:
    """Whether images are to be looked at after `step` steps: before the first, then at intervals."""
    return step % (LOOK_EVERY if step <= EARLY else LOOK_SELDOM) == 0


class Doctor:
    """Watches a training; says what begins and what is over, each once.

    Args:
        real: measures of as many of the data's images as a look has; None leaves images out.
        guessing: what D's loss is when it guesses, see `GUESSING`; None leaves D's loss out.
        least: the least that D's loss can be (with smoothed labels it is not 0).
        needs_verdict: whether G learns from what D says of its images.  Matching features it does not,
            and a D that is always right is no failure.
    """

    def __init__(
        self,
        real: Look | None,
        guessing: float | None = GUESSING["non_saturating"],
        least: float = 0.0,
        needs_verdict: bool = True,
    ) -> None:
        self.real, self.guessing, self.least = real, guessing, least
        self.needs_verdict = needs_verdict
        self.step = 0
        self.active: dict[str, int] = {}  # name → the step that it began at
        self.diversity = self.nearest = self.clipped = math.nan  # of the last look
        self._told_apart = False  # D has been better than guessing
        self._window: list[dict[str, float]] = []
        self._recent: list[dict[str, float]] = []
        self._in_a_row: dict[str, int] = {}  # windows or looks with a symptom
        self._calm: dict[str, int] = {}  # windows without it

    # -------------------------------------------------------------------- numbers

    def observe(
        self, step: int, values: Mapping[str, float], held_back: bool = False
    ) -> list[Finding]:
        """Hear the numbers of a step; what has changed.

        Args:
            step: steps done.
            values: `d_loss` (or `unsupervised_loss`, where D's loss has other parts),
                `d_real_accuracy`, `d_fake_accuracy`, `d_gradient_norm`, `g_gradient_norm`; others are
                looked through for NaN alone.
            held_back: whether D is at present paused or slowed: its losing then proves nothing.
        """
        self.step = step
        bad = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
        if bad:
            return self._begin("nan", ", ".join(bad))
        findings = self._end("nan", "numbers are finite again") if "nan" in self.active else []
        told = {
            "d_loss": float(values.get("unsupervised_loss", values["d_loss"])),
            **{
                name: float(values[name])
                for name in (
                    "d_real_accuracy",
                    "d_fake_accuracy",
                    "d_gradient_norm",
                    "g_gradient_norm",
                )
                if name in values
            },
        }
        self._recent = [*self._recent, told][-RECENT:]
        self._window.append(told)
        if step % WINDOW:
            return findings
        window, self._window = self._window, []
        return [*findings, *self._judge_rates(window), *self._judge_balance(window, held_back)]

    def _judge_rates(self, window: Sequence[Mapping[str, float]]) -> list[Finding]:
        """Gradients and the variance of D's loss."""
        troubles = []
        for net in ("d", "g"):
            norm = _mean(window, f"{net}_gradient_norm")
            if norm > GRADIENT_TROUBLE:
                troubles.append(
                    f"the norm of {net.upper()}'s gradient is {norm:.0f}, over {GRADIENT_TROUBLE:.0f}"
                )
        spread = float(np.std([told["d_loss"] for told in window]))
        needed = WON_WINDOWS
        if self.guessing and spread > LOSS_SPREAD * self.guessing:
            # A D that began by guessing has nothing to lose yet.  One whose first weights cost more comes
            # down from there, in leaps.
            if self.step <= WINDOW and window[0]["d_loss"] <= BORN_GUESSING * self.guessing:
                needed = 1
            troubles.append(
                f"D's loss varies by {spread:.2f} (standard deviation) within {len(window)} steps, "
                f"more than {LOSS_SPREAD:.0%} of what guessing costs"
            )
        return self._follow(
            "high_lr",
            "; ".join(troubles),
            needed,
            over=not troubles and not self._saturated(),
            evidence_over="gradients and D's loss are steady",
        )

    def _judge_balance(
        self, window: Sequence[Mapping[str, float]], held_back: bool
    ) -> list[Finding]:
        """Whether D wins, or has not learnt anything."""
        if not self.guessing or not self.needs_verdict:
            return []
        loss = _mean(window, "d_loss") - self.least
        real, fake = _mean(window, "d_real_accuracy"), _mean(window, "d_fake_accuracy")
        won = loss < WON_LOSS * self.guessing and min(real, fake) >= WON_ACCURACY
        # Over a G whose pixels are all at their ends D wins too: the next look says why they are.
        won = won and not self._saturated()
        evidence = (
            f"D's loss is {loss:.3f} over its least where guessing costs {self.guessing:.2f}, and it is "
            f"right on {real:.0%} of real and {fake:.0%} of generated images"
        )
        findings = self._follow(
            "strong_d",
            evidence if won else "",
            WON_WINDOWS,
            over=not won and not held_back and not self.d_is_ahead,
            evidence_over=evidence,
        )
        return findings + self._judge_guessing(_mean(window, "d_loss"), held_back)

    def _judge_guessing(self, loss: float, held_back: bool) -> list[Finding]:
        """Whether D is still where it began."""
        assert self.guessing is not None, "judged only where guessing has a price"
        if loss < GUESSED_LOSS * self.guessing:
            self._told_apart = True
        evidence = f"D's loss is {loss:.3f} where guessing costs {self.guessing:.3f}"
        if "weak_d" in self.active:
            return self._end("weak_d", evidence) if self._told_apart else []
        guesses = not self._told_apart and not held_back
        if self._count("guesses", guesses) < GUESSED_WINDOWS or self._explained("weak_d"):
            return []
        return self._begin("weak_d", f"{evidence}, as in every window before")

    # ------------------------------------------------------------------- images

    def look(self, step: int, pictures: Any) -> list[Finding]:
        """See images that G draws now, as `look_at` takes them; what has changed."""
        self.step = step
        if self.real is None:
            return []
        seen = look_at(pictures)
        self.diversity = seen.distance / max(self.real.distance, 1e-9)
        self.nearest = seen.nearest / max(self.real.nearest, 1e-9)
        self.clipped = seen.clipped
        if not math.isfinite(seen.distance):
            return self._begin("nan", "generated pixels are not finite")
        if step == 0:
            return self._judge_start()
        return [*self._judge_recovery(), *self._judge_diversity(), *self._judge_saturation()]

    def _judge_start(self) -> list[Finding]:
        """The initialization, from images of a G that has learnt nothing."""
        if self.clipped > START_CLIPPED:
            return self._begin(
                "bad_init",
                f"{self.clipped:.0%} of the pixels are clipped before the first step, "
                f"where at most {START_CLIPPED:.0%} are to be expected",
            )
        if self.diversity < START_DIVERSITY:
            return self._begin(
                "no_bn",
                f"before the first step two images differ by {self.diversity:.1%} of what two real ones "
                f"do, less than {START_DIVERSITY:.0%}",
            )
        return []

    def _judge_recovery(self) -> list[Finding]:
        """Whether a bad start is behind us."""
        lively = RECOVERED <= min(self.diversity, self.nearest)
        tame = max(self.diversity, self.nearest) <= TOO_DIVERSE
        findings = []
        for name in ("bad_init", "no_bn"):
            if name in self.active:
                good = self._count(f"after {name}", lively and tame and not self.d_is_ahead)
                if good >= LOOKS:
                    findings += self._end(name, self._distances())
        return findings

    def _judge_saturation(self) -> list[Finding]:
        assert self.real is not None, "judged only after the first look"
        # Images that are all alike may well be all black.
        saturated = self._saturated() and self.diversity >= ALIKE
        if self._count("saturated", saturated) < LOOKS or "high_lr" in self.active:
            return []
        if self._explained("high_lr"):
            return []
        return self._begin(
            "high_lr",
            f"{self.clipped:.0%} of the generated pixels are clipped, {self.real.clipped:.0%} of the "
            "data's: G's last layer is saturated",
        )

    def _judge_diversity(self) -> list[Finding]:
        alike = self.diversity < ALIKE or self.nearest < TWINS
        if "collapse" in self.active:
            over = min(self.diversity, self.nearest) >= RECOVERED
            return self._end("collapse", self._distances()) if over else []
        if self._count("alike", alike) < LOOKS or self._explained("collapse"):
            return []
        return self._begin("collapse", self._distances())

    def _distances(self) -> str:
        return (
            f"two generated images differ by {self.diversity:.0%} of what two real ones do, and the "
            f"nearest two by {self.nearest:.0%}"
        )

    def _saturated(self) -> bool:
        return self.real is not None and self.clipped > self.real.clipped + CLIPPED_MORE

    # -------------------------------------------------------------- for the treatment

    @property
    def d_is_ahead(self) -> bool:
        """Whether D wins by the last few steps."""
        if not self.guessing or len(self._recent) < RECENT:
            return False
        loss = _mean(self._recent, "d_loss") - self.least
        right = min(_mean(self._recent, f"d_{kind}_accuracy") for kind in ("real", "fake"))
        return loss < AHEAD_LOSS * self.guessing and right >= AHEAD_ACCURACY

    @property
    def g_has_caught_up(self) -> bool:
        """Whether D takes enough of the last few steps' generated images for real."""
        enough = len(self._recent) == RECENT
        return enough and _mean(self._recent, "d_fake_accuracy") <= CAUGHT_UP

    # ------------------------------------------------------------------- what changes

    def _follow(
        self, name: str, symptom: str, needed: int, over: bool, evidence_over: str
    ) -> list[Finding]:
        """A finding that begins after `needed` windows with the symptom, and ends after calm ones."""
        if name in self.active:
            self._calm[name] = self._calm.get(name, 0) + 1 if over else 0
            return self._end(name, evidence_over) if self._calm[name] >= CALM_WINDOWS else []
        if self._count(name, bool(symptom)) < needed or self._explained(name):
            return []
        return self._begin(name, symptom)

    def _count(self, symptom: str, present: bool) -> int:
        """How often in a row the symptom was there."""
        self._in_a_row[symptom] = self._in_a_row.get(symptom, 0) + 1 if present else 0
        return self._in_a_row[symptom]

    def _explained(self, name: str) -> bool:
        return any(cause in self.active for cause in FOLLOWS_FROM.get(name, ()))

    def _begin(self, name: str, evidence: str) -> list[Finding]:
        if name in self.active:
            return []
        self.active[name] = self.step
        self._calm[name] = 0
        return [Finding(self.step, name, True, evidence)]

    def _end(self, name: str, evidence: str) -> list[Finding]:
        del self.active[name]
        self._in_a_row[name] = 0
        return [Finding(self.step, name, False, evidence)]

    # ---------------------------------------------------------------------- to resume

    _KEPT = ("step", "active", "diversity", "nearest", "clipped", "_told_apart",
             "_window", "_recent", "_in_a_row", "_calm")  # fmt: skip
    _OF_A_LOOK = ("diversity", "nearest", "clipped")

    def state(self) -> dict:
        """All that a resumed run needs, in JSON's types."""
        return {name: getattr(self, name) for name in self._KEPT}

    def restore(self, state: Mapping) -> None:
        """Go on from a `state`."""
        for name in self._KEPT:
            value = state[name]
            if value is None and name in self._OF_A_LOOK:
                value = (
                    math.nan
                )  # JSON has no NaN: no image was looked at, as over several replicas
            setattr(self, name, value.copy() if isinstance(value, dict | list) else value)


def _mean(window: Sequence[Mapping[str, float]], name: str) -> float:
    """Mean of what was told of a name; NaN, which no comparison holds for, where nothing was."""
    told = [values[name] for values in window if name in values]
    return sum(told) / len(told) if told else math.nan
