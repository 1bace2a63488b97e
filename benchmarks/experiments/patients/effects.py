"""What the rows of a patient come to: their effects, a table to print, the figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.experiments.patients.cases import UNTREATED, Patient
from gan_common.metrics import significance


def compared(patient: Patient, cells: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict]:
    """The rows with their effect: of the seeds that the untreated runs have, too.

    An effect is the ratio of the measure to that of the untreated run of the same seed: its geometric mean,
    `low` and `high` of the 95% interval, and `helped`, `harmed` or `unclear` by the corrected p-value.
    """
    without = {run["seed"]: run[patient.measure] for run in cells[UNTREATED]}
    rows: dict[str, dict] = {}
    pairs: dict[str, list[tuple[float, float]]] = {}
    for name, runs in cells.items():
        row = patient.untreated if name == UNTREATED else patient.rows[name]
        values = [run[patient.measure] for run in runs]
        rows[name] = {
            "section": row.section,
            "mean": float(np.mean(values)),
            "deviation": significance.spread(values),
            "worst": max(values),
            "runs": list(runs),
        }
        if name != UNTREATED:
            pairs[name] = [
                (without[run["seed"]], run[patient.measure])
                for run in runs
                if run["seed"] in without
            ]
    found = {
        name: significance.difference(
            [a for a, _ in each], [b for _, b in each], paired=True, logarithms=True
        )
        for name, each in pairs.items()
        if each
    }
    corrected = significance.false_discovery([each.p for each in found.values()])
    for (name, each), p in zip(found.items(), corrected, strict=True):
        clear = each.seeds > 1 and p <= significance.SIGNIFICANCE and each.mean != 1.0
        # A single seed has no interval.
        low, high = (each.low, each.high) if each.seeds > 1 else (None, None)
        rows[name]["effect"] = {
            "ratio": each.mean,
            "low": low,
            "high": high,
            "p": p,
            "told": ("helped" if each.mean < 1.0 else "harmed") if clear else "unclear",
            "better": sum(b < a for a, b in pairs[name]),
            "seeds": each.seeds,
        }
    return rows


def told(name: str, patient: Mapping[str, Any]) -> str:
    """A patient's table, a line a row."""
    lines = [f"{name}: {patient['says']} ({patient['steps']:,} steps)"]
    for row, found in patient["rows"].items():
        line = f"  {row:<28}{found['mean']:>9.3g} ± {found['deviation']:<8.2g}"
        if effect := found.get("effect"):
            line += f"{effect['ratio']:>6.2f} times"
            if effect["low"] is not None:
                line += f" ({effect['low']:.2f} to {effect['high']:.2f})  {effect['told']}"
            line += (
                f", better for {effect['better']} of {effect['seeds']}, worst {found['worst']:.3g}"
            )
        lines.append(line)
    return "\n".join(lines)


def draw(path: Path, table: Mapping[str, Mapping[str, Any]]) -> None:
    """The effects with their intervals: patients_sick.png and patients_healthy.png."""
    from gan_common import plotting

    drawn: dict[str, dict[str, dict]] = {"sick": {}, "healthy": {}}
    for name, patient in table.items():
        kind = "healthy" if name.startswith("healthy") else "sick"
        effects = {
            row: (each["ratio"], each["low"], each["high"], each["told"])
            for row, found in patient["rows"].items()
            if (each := found.get("effect")) and each["low"] is not None
        }
        if kind == "healthy" and effects:
            drawn[kind][f"{name}: FID, ratio"] = effects
        elif effects:
            column = drawn[kind].setdefault("FID or checkerboard, ratio", {})
            column |= {f"{name}: {row}": effect for row, effect in effects.items()}
    titles = {
        "sick": "What heals which illness: ratio to the untreated runs, less is better",
        "healthy": "What tricks do to the healthy: ratio to plain runs, less is better",
    }
    for kind, columns in drawn.items():
        if columns:
            panels = [(heading, True, effects) for heading, effects in columns.items()]
            plotting.intervals(path.with_name(f"{path.stem}_{kind}.png"), panels, titles[kind])
