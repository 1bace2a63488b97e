"""What a page is sent of a game: small arrays of integers, texts and numbers."""

import base64
import math
from typing import Any

import numpy as np

from gan_common.doctor import DIAGNOSES, Finding
from gan_common.modes.seen import LATELY, TOLD, Seen
from gan_common.play.news import World

DOTS, REAL_DOTS, ARROWS = 400, 300, 50
LONGEST, HALF = (
    0.3,
    0.3,
)  # an arrow's length over the reach at most, and the pull that has half of it
ROWS = 200  # of a chart
WINDOW = 50  # steps that a number is the mean of
# The doctor speaks of images; here they are points.
WORDS = (("images", "samples"), ("image", "sample"), ("pixels", "coordinates"), ("draws", "makes"))


def thousandths(points: np.ndarray, reach: float) -> list[int]:
    """(n, 2) → 2n integers: thousandths of the reach; what lies far outside lies at its edge."""
    finite = np.nan_to_num(np.asarray(points, float), nan=9.0)
    return np.rint(np.clip(finite / reach, -3, 3) * 1000).astype(int).ravel().tolist()


def world(data: World) -> dict[str, Any]:
    """The real data: centres, σ, some samples."""
    random, centres = np.random.default_rng(0), np.array(data.centres)
    chosen = centres[random.integers(len(centres), size=REAL_DOTS)]
    real = chosen + data.sigma * random.standard_normal(chosen.shape)
    return {
        "centres": thousandths(centres, data.reach),
        "sigma": data.sigma / data.reach * 1000,
        "real": thousandths(real, data.reach),
    }


def plane(seen: Seen, reach: float) -> dict[str, Any]:
    """D's surface, samples, arrows."""
    surface = None
    if seen.surface is not None:
        bytes_ = np.nan_to_num(seen.surface * 255).astype(np.uint8)
        surface = base64.b64encode(bytes_.tobytes()).decode()
    length = np.linalg.norm(seen.pulls[:ARROWS], axis=1, keepdims=True)
    arrows = seen.pulls[:ARROWS] * (LONGEST * reach / (length + HALF))
    return {
        "surface": surface,
        "samples": thousandths(seen.samples[:DOTS], reach),
        "pulls": np.column_stack(
            [
                np.reshape(thousandths(part, reach), (-1, 2))
                for part in (seen.places[:ARROWS], arrows)
            ]
        )
        .ravel()
        .tolist(),
        "note": "" if surface else "D looks at whole batches: no surface",
    }


def charts(seen: Seen) -> tuple[dict[str, Any], dict[str, Any]]:
    """The losses, and modes and good samples, over steps."""
    told, counted = _thinned(seen.told), _thinned(seen.counted)
    losses = told[:, 1:3]
    modes = len(seen.filled)
    return (
        {
            "x": told[:, 0].tolist(),
            "steps": seen.step,
            **_range(losses),
            "lines": [
                ["D's loss", "#0b6e4f", [], _rounded(losses[:, 0])],
                ["G's loss", "#6a1b9a", [5, 3], _rounded(losses[:, 1])],
            ],
        },
        {
            "x": counted[:, 0].tolist(),
            "steps": seen.step,
            "least": 0,
            "most": modes,
            "lines": [
                ["modes captured", "#0b6e4f", [], _rounded(counted[:, 1])],
                [f"good samples, of {modes}", "#6a1b9a", [5, 3], _rounded(modes * counted[:, 2])],
            ],
        },
    )


def _range(values: np.ndarray) -> dict[str, float]:
    """Round ends of an axis: a power of two that nearly all values are below, and 0 or its negative."""
    known = values[np.isfinite(values)]
    high = np.percentile(np.abs(known), 98) if known.size else 1.0
    most = 2.0 ** math.ceil(math.log2(max(float(high), 0.5)))
    return {"least": -most if known.size and known.min() < -0.02 * most else 0.0, "most": most}


def _thinned(table: np.ndarray) -> np.ndarray:
    return table[:: -(-len(table) // ROWS) or 1] if len(table) else table


def _rounded(values: np.ndarray) -> list[float]:
    return np.round(np.nan_to_num(values), 3).tolist()


def numbers(seen: Seen) -> dict[str, str]:
    """What is written beside a plane: name → text."""
    recent = seen.told[seen.told[:, 0] > seen.step - WINDOW]
    means = dict(zip(TOLD, recent[:, 1:].mean(axis=0), strict=True)) if len(recent) else {}

    def told(name: str, text: str) -> str:
        return text.format(means[name]) if name in means else "–"

    pull = float(np.linalg.norm(seen.pulls, axis=1).mean())
    return {
        "Step": f"{seen.step:,}",
        "Modes captured": f"{seen.modes} of {len(seen.filled)}",
        f"Visited in {LATELY:,} steps": f"{seen.visited} of {len(seen.filled)}",
        "Good samples": f"{seen.high_quality:.1%}",
        "Least filled mode": f"{seen.least:.1%}",
        "KL of shares ‖ even": "–" if math.isnan(seen.kl) else f"{seen.kl:.2f}",
        "D right on real": told("d_real_accuracy", "{:.0%}"),
        "D right on generated": told("d_fake_accuracy", "{:.0%}"),
        "D's loss": told("d_loss", "{:.3f}"),
        "G's loss": told("g_loss", "{:z.3f}"),
        "Mean pull on a sample": f"{pull:.2g}",
    }


def verdict(findings: dict[str, Finding]) -> str:
    """The doctor's words on what holds now."""
    if not findings:
        return "The doctor: nothing is wrong so far."
    told = [
        f"{DIAGNOSES[name].title} (since step {finding.step:,}: {finding.evidence})"
        for name, finding in findings.items()
    ]
    text = "The doctor: " + "; ".join(told) + "."
    for of_images, of_points in WORDS:
        text = text.replace(of_images, of_points)
    return text


def label(seen: Seen) -> str:
    """The plane in words, for who cannot see it."""
    return (
        f"The plane after {seen.step} steps: {seen.modes} of {len(seen.filled)} modes captured, "
        f"{seen.high_quality:.0%} of the samples good"
    )
