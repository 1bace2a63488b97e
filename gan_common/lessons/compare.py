"""The same training with and without something, over several seeds, and what may be said of it.

A difference between two runs says little: two seeds of one and the same training differ as well.  So each
variant is trained with every seed, and what is told is the mean difference between runs of the same seed,
with its confidence interval; an interval that holds 0 is called "not visible", for that is what it says.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gan_common.lessons import lesson
from gan_common.metrics.significance import (
    SIGNIFICANCE,
    Difference,
    difference,
    false_discovery,
    spread,
)
from gan_common.plotting import figures

RATIOS = ("FID",)  # measures that are compared by their logarithms
ALIKE = (
    4  # seeds that must agree for their direction to be told where the size of an effect is open
)


class Comparison:
    """The numbers of variants × seeds.

    Args:
        results: variant → one mapping (measure → number) for each seed, in the order of the seeds; the
            first variant is what the others are compared with.
    """

    def __init__(self, results: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
        lengths = {len(runs) for runs in results.values()}
        if len(results) < 2 or len(lengths) != 1 or 0 in lengths:
            raise ValueError(
                "results must be two variants or more, with as many seeds each. "
                f"Received: { {name: len(runs) for name, runs in results.items()} }"
            )
        self.results = {name: [dict(run) for run in runs] for name, runs in results.items()}

    def values(self, measure: str) -> dict[str, list[float]]:
        """Variant → the measure's value for each seed."""
        return {name: [run[measure] for run in runs] for name, runs in self.results.items()}

    def figure(
        self, measure: str, title: str, unit: str, floor: float | None = None
    ) -> figures.Figure:
        """Bars of the means, with a dot for each seed."""
        return figures.bars(self.values(measure), title, unit, floor)

    def _repr_markdown_(self) -> str:
        measures = list(next(iter(self.results.values()))[0])
        lines = [
            "| | " + " | ".join(measures) + " |",
            "|---" * (len(measures) + 1) + "|",
        ]
        for name in self.results:
            cells = []
            for measure in measures:
                found = self.values(measure)[name]
                cells.append(f"{np.mean(found):.3g} ± {spread(found):.2g}")
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        count = len(next(iter(self.results.values())))
        return "\n".join([*lines, "", f"mean ± standard deviation over {count} seeds"])

    def difference(self, measure: str, variant: str) -> Difference:
        """That of a variant to the first one, paired by seed; of measures in `RATIOS` the ratio."""
        values = self.values(measure)
        without = next(iter(values.values()))
        return difference(without, values[variant], paired=True, logarithms=measure in RATIOS)

    def effects(self, measure: str, better: str) -> dict[str, str]:
        """`helped`, `harmed` or `unclear`, for each variant but the first.

        It is unclear where the p-value, corrected for as many tests as there are variants (Benjamini and
        Hochberg 1995), is above `SIGNIFICANCE`.

        Args:
            better: "lower" or "higher".
        """
        if better not in ("lower", "higher"):
            raise ValueError(f'better must be "lower" or "higher". Received: better={better!r}')
        names = list(self.results)[1:]
        found = [self.difference(measure, name) for name in names]
        corrected = false_discovery([each.p for each in found])
        nothing = 1.0 if measure in RATIOS else 0.0
        told = {}
        for name, each, p in zip(names, found, corrected, strict=True):
            good = (each.mean < nothing) == (better == "lower")
            clear = p <= SIGNIFICANCE and each.mean != nothing
            told[name] = ("helped" if good else "harmed") if clear else "unclear"
        return told

    def verdict(self, measure: str, better: str) -> None:
        """Print of each variant how it differs from the first: mean, interval, seeds, the worst of them."""
        values = self.values(measure)
        names = list(values)
        for name, effect in self.effects(measure, better).items():
            found = self.difference(measure, name)
            pairs = list(zip(values[names[0]], values[name], strict=True))
            wins = sum((b < a) if better == "lower" else (b > a) for a, b in pairs)
            worst = (max if better == "lower" else min)(values[name])
            print(
                f"{name}: {measure} {np.mean(values[names[0]]):.3g} → {np.mean(values[name]):.3g} "
                f"({better} is better)"
            )
            if len(pairs) == 1:
                print("    one seed decides nothing")
                continue
            by = f"{found.mean:.3g} times" if measure in RATIOS else f"{found.mean:+.3g}"
            told = {
                "helped": "it helped here",
                "harmed": "it did harm here",
                "unclear": f"not visible with {len(pairs)} seeds",
            }[effect]
            agree = wins in (0, len(pairs)) and all(a != b for a, b in pairs)
            if effect == "unclear" and agree and len(pairs) >= ALIKE:
                way = "better" if wins else "worse"
                told = f"{way} with every seed; by how much {len(pairs)} seeds leave open"
            print(
                f"    {by} (95% interval {found.low:.3g} to {found.high:.3g}), better for {wins} of "
                f"{len(pairs)} seeds, worst {worst:.3g}: {told}"
            )
        if len(names) > 2:
            print(f"p-values are corrected for {len(names) - 1} comparisons")
        if lesson.QUICK:
            print("(quick form: trainings this short decide nothing)")


def compare(
    variants: Mapping[str, object],
    train: Callable[[object, int], Mapping[str, float]],
    seeds: Sequence[int] = (1, 2, 3, 4),
) -> Comparison:
    """Train every variant with every seed, printing the numbers of each run as they come.

    Args:
        variants: name → what `train` takes of it; the first is the one without.
        train: (variant, seed) → measures by name.
        seeds: the same for every variant.
    """
    results: dict[str, list] = {name: [] for name in variants}
    for seed in seeds:
        for name, variant in variants.items():
            start = time.perf_counter()
            measured = {k: float(v) for k, v in train(variant, seed).items()}
            results[name].append(measured)
            told = "  ".join(f"{key} {value:.3g}" for key, value in measured.items())
            print(f"seed {seed}  {name}: {told}  ({time.perf_counter() - start:.0f} s)", flush=True)
    return Comparison(results)
